//! Acts as a user's browser: opens a URL, allows access, and follows the redirect.

use std::time::Duration;

use countersign_core::{
    Client, Listener, Request, SystemRandom, Token, Transport, UreqTransport, Url,
};

use super::stage::describe;

/// Opens a login or consent URL and allows access. Returns the URL of the callback.
pub(crate) fn allow(client: &Client, url: &str) -> Result<Url, String> {
    let url = Url::parse(url)
        .map_err(describe)?
        .with_query([("_sandbox", "allow")]);
    let transport = UreqTransport::new(client.connection().network()).map_err(describe)?;
    let response = transport
        .send(&Request::get(url))
        .map_err(|error| describe(error.into_error()))?;
    let back = response
        .header("location")
        .ok_or_else(|| format!("the page returned {} without a redirect", response.status))?;
    Url::parse(back).map_err(describe)
}

/// Logs in: starts a loopback server, opens the browser, and exchanges the code.
pub(crate) fn login(client: &Client) -> Result<Token, String> {
    let registered = client
        .connection()
        .redirect_uri()
        .ok_or("there is no redirect_uri")?;
    let listener = Listener::bind(registered, None, &SystemRandom::new()).map_err(describe)?;
    let login = client
        .start_login(Some(listener.redirect_uri().as_str()))
        .map_err(describe)?;
    std::thread::scope(|scope| {
        let person = scope.spawn(|| {
            let back = allow(client, login.url().as_str())?;
            let transport = UreqTransport::new(client.connection().network()).map_err(describe)?;
            let page = transport
                .send(&Request::get(back))
                .map_err(|e| describe(e.into_error()))?;
            let text = String::from_utf8_lossy(&page.body).into_owned();
            match text.contains("You are logged in") {
                true => Ok(()),
                false => Err(format!(
                    "the loopback server's page has status {} and reports no success",
                    page.status
                )),
            }
        });
        let token = listener.wait(&login, Duration::from_secs(10), |query| {
            client.complete_login(&login, query)
        });
        let shown = person
            .join()
            .map_err(|_| "the browser's thread panicked".to_owned())?;
        let token = token.map_err(describe)?;
        shown.map(|()| token)
    })
}
