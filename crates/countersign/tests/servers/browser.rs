//! A person's browser, as far as the servers' pages need one: cookies, redirects, and forms to log in
//! and to consent.

use std::collections::BTreeMap;

use ureq::http::Response;
use ureq::{Agent, Body};

/// The maximum number of pages and redirects of a login.
const MAX_HOPS: usize = 20;

/// Opens the login page, logs in, and consents. Returns the callback's URL.
pub(crate) fn approve(url: &str, redirect_uri: &str) -> String {
    let end = visit(url, Some(redirect_uri));
    end.unwrap_or_else(|page| panic!("the login ended at the page {page}"))
}

/// Opens the page of a login on another device, confirms its code, logs in, and consents.
pub(crate) fn approve_device(url: &str) {
    let page = visit(url, None).expect_err("nothing redirects to an app");
    assert!(page.contains("Success"), "{page}");
}

/// Follows redirects and submits forms. Returns the callback's URL, or the page without a form.
fn visit(url: &str, redirect_uri: Option<&str>) -> Result<String, String> {
    let config = Agent::config_builder()
        .max_redirects(0)
        .http_status_as_error(false)
        .build();
    let mut browser = Browser {
        origin: origin(url).to_owned(),
        agent: config.into(),
        cookies: BTreeMap::new(),
    };
    let mut response = browser.get(url);
    for _ in 0..MAX_HOPS {
        let location = header(&response, "location");
        response = match location {
            Some(next) if redirect_uri.is_some_and(|uri| next.starts_with(uri)) => return Ok(next),
            Some(next) => browser.get(&next),
            None => {
                let page = response.body_mut().read_to_string().unwrap();
                if !page.contains("<form") {
                    return Err(page);
                }
                browser.submit(&page)
            }
        };
    }
    panic!("the login did not end after {MAX_HOPS} pages");
}

struct Browser {
    /// The server that all pages are on.
    origin: String,
    agent: Agent,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    fn get(&mut self, url: &str) -> Response<Body> {
        let request = self.agent.get(self.absolute(url));
        let request = request.header("Cookie", self.cookie_header());
        let response = request.call().unwrap();
        self.keep_cookies(response)
    }

    /// Submits the page's form, which asks who logs in or whether to consent.
    fn submit(&mut self, page: &str) -> Response<Body> {
        let (_, form) = page
            .split_once("<form")
            .unwrap_or_else(|| panic!("no form in {page}"));
        let form = form.split("</form>").next().unwrap_or_default();
        let action = attribute(form, "action").expect("the form has an action");
        let request = self.agent.post(self.absolute(&action));
        let request = request.header("Cookie", self.cookie_header());
        let response = request.send_form(fields(form)).unwrap();
        self.keep_cookies(response)
    }

    fn absolute(&self, url: &str) -> String {
        match url.strip_prefix('/') {
            Some(path) => format!("{}/{path}", self.origin),
            None => url.to_owned(),
        }
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

/// Fills a form: the login with any name, the consent with a yes.
fn fields(form: &str) -> Vec<(String, String)> {
    let tags = ["<input", "<button"].map(|tag| form.split(tag).skip(1));
    let tags = tags.into_iter().flatten();
    let named = tags.filter_map(|tag| {
        let tag = tag.split('>').next()?;
        let name = attribute(tag, "name").filter(|name| name != "cancel" && name != "abort")?;
        let value = match name.as_str() {
            "login" | "username" => "joe".to_owned(),
            "password" => "any".to_owned(),
            _ => attribute(tag, "value").unwrap_or_default(),
        };
        Some((name, value))
    });
    named.collect()
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    let value = rest.split('"').next()?;
    Some(value.replace("&amp;", "&"))
}

fn origin(url: &str) -> &str {
    let end = url
        .match_indices('/')
        .nth(2)
        .map_or(url.len(), |(at, _)| at);
    &url[..end]
}
