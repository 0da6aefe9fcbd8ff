//! Plays the person at the browser: opens a URL, allows, and goes where the vendor sends it.

use std::time::Duration;

use countersign::{Keeper, Listener, Request, SystemRandom, Token, Transport, UreqTransport, Url};

use super::stage::told;

/// Opens a login or consent URL and allows; gives the address the browser is sent back to.
pub(crate) fn allow(keeper: &Keeper, url: &str) -> Result<Url, String> {
    let url = Url::parse(url)
        .map_err(told)?
        .with_query([("_sandbox", "allow")]);
    let transport = UreqTransport::new(keeper.connection().network()).map_err(told)?;
    let answer = transport
        .send(&Request::get(url))
        .map_err(|error| told(error.into_error()))?;
    let back = answer.header("location").ok_or_else(|| {
        format!(
            "the page answered {} and sent the browser nowhere",
            answer.status
        )
    })?;
    Url::parse(back).map_err(told)
}

/// A whole login: listener, browser, callback, exchange.
pub(crate) fn login(keeper: &Keeper) -> Result<Token, String> {
    let registered = keeper
        .connection()
        .redirect_uri()
        .ok_or("there is no redirect_uri")?;
    let listener = Listener::bind(registered, None, &SystemRandom::new()).map_err(told)?;
    let login = keeper
        .start_login(Some(listener.redirect_uri().as_str()))
        .map_err(told)?;
    std::thread::scope(|scope| {
        let person = scope.spawn(|| {
            let back = allow(keeper, login.url().as_str())?;
            let transport = UreqTransport::new(keeper.connection().network()).map_err(told)?;
            let page = transport
                .send(&Request::get(back))
                .map_err(|e| told(e.into_error()))?;
            let text = String::from_utf8_lossy(&page.body).into_owned();
            match text.contains("You are logged in") {
                true => Ok(()),
                false => Err(format!(
                    "the browser was shown status {} and no success",
                    page.status
                )),
            }
        });
        let token = listener.wait(&login, Duration::from_secs(10), |query| {
            keeper.complete_login(&login, query)
        });
        let shown = person
            .join()
            .map_err(|_| "the browser's thread panicked".to_owned())?;
        let token = token.map_err(told)?;
        shown.map(|()| token)
    })
}
