//! A person's browser, as far as oidc-provider's development pages need one: cookies, redirects and
//! two forms.

use std::collections::BTreeMap;

use ureq::http::Response;
use ureq::{Agent, Body};

/// The maximum number of pages and redirects of a login.
const MAX_HOPS: usize = 20;

/// Opens the login page, logs in, and consents. Returns the callback's URL.
pub(crate) fn approve(url: &str, redirect_uri: &str) -> String {
    let config = Agent::config_builder()
        .max_redirects(0)
        .http_status_as_error(false)
        .build();
    let mut browser = Browser {
        agent: config.into(),
        cookies: BTreeMap::new(),
    };
    let origin = origin(url).to_owned();
    let mut response = browser.get(url);
    for _ in 0..MAX_HOPS {
        let location = header(&response, "location");
        response = match location {
            Some(next) if next.starts_with(redirect_uri) => return next,
            Some(next) if next.starts_with('/') => browser.get(&format!("{origin}{next}")),
            Some(next) => browser.get(&next),
            None => {
                let page = response.body_mut().read_to_string().unwrap();
                browser.submit(&page)
            }
        };
    }
    panic!("the login did not end after {MAX_HOPS} pages");
}

struct Browser {
    agent: Agent,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    fn get(&mut self, url: &str) -> Response<Body> {
        let request = self.agent.get(url).header("Cookie", self.cookie_header());
        let response = request.call().unwrap();
        self.keep_cookies(response)
    }

    /// Submits the page's form: the login form with any name, or the consent form.
    fn submit(&mut self, page: &str) -> Response<Body> {
        let action = attribute(page, "action=\"").unwrap_or_else(|| panic!("no form in {page}"));
        let prompt = attribute(page, "name=\"prompt\" value=\"").unwrap_or_default();
        let fields = [("prompt", prompt), ("login", "joe"), ("password", "any")];
        let request = self
            .agent
            .post(action)
            .header("Cookie", self.cookie_header());
        let response = request.send_form(fields).unwrap();
        self.keep_cookies(response)
    }

    fn cookie_header(&self) -> String {
        let pairs = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    fn keep_cookies(&mut self, response: Response<Body>) -> Response<Body> {
        for cookie in response.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            let pair = cookie.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        response
    }
}

fn header(response: &Response<Body>, name: &str) -> Option<String> {
    let value = response.headers().get(name)?;
    Some(value.to_str().unwrap().to_owned())
}

fn attribute<'a>(page: &'a str, before: &str) -> Option<&'a str> {
    let (_, rest) = page.split_once(before)?;
    rest.split('"').next()
}

fn origin(url: &str) -> &str {
    let end = url
        .match_indices('/')
        .nth(2)
        .map_or(url.len(), |(at, _)| at);
    &url[..end]
}
