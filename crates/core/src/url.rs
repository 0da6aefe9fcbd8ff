//! URLs that requests may go to: https, or http on this machine's loopback.

use std::fmt;
use std::net::IpAddr;

use http::Uri;

use crate::{Error, form};

/// An absolute URL that a request may go to or a browser may be sent to.
///
/// The scheme is `https`, or `http` if the host is a loopback address or `localhost`. User names,
/// fragments, spaces and non-ASCII host names are rejected. Write such a host in its ASCII form.
///
/// # Example
///
/// ```
/// use countersign_core::Url;
///
/// let url = Url::parse("https://account-d.docusign.com/oauth/token")?;
/// assert_eq!(url.host(), "account-d.docusign.com");
/// assert_eq!(url.origin(), "https://account-d.docusign.com");
/// assert!(Url::parse("http://account-d.docusign.com").is_err());
/// assert!(Url::parse("http://127.0.0.1:8080/callback").is_ok());
/// # Ok::<(), countersign_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Url {
    text: String,
    /// Where the authority begins and ends in `text`.
    authority: (usize, usize),
}

impl Url {
    /// Parses and validates a URL.
    ///
    /// # Errors
    ///
    /// A [`crate::ErrorKind::Setting`] error that says which rule the URL breaks. The error doesn't
    /// contain the URL's user and query, which may be private.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Url;
    ///
    /// assert!(Url::parse("https://login.acme.example/token").is_ok());
    /// assert!(Url::parse("http://127.0.0.1:8080/callback").is_ok());
    /// let error = Url::parse("http://login.acme.example/token").unwrap_err();
    /// assert!(error.message().contains("only https"));
    /// ```
    pub fn parse(text: &str) -> Result<Self, Error> {
        let shown = public_part(text);
        let reject = |why: &str| {
            Err(Error::new(
                crate::ErrorKind::Setting,
                format!("`{shown}` is not a usable URL: {why}"),
            ))
        };
        if text.contains('#') {
            return reject("it has a fragment");
        }
        // RFC 3986 has no braces. These are a placeholder from the vendor's documentation.
        if text.contains(['{', '}']) {
            return reject("replace the placeholder in braces with its value");
        }
        let shape = "write it as https://host/path, percent-encoded and without spaces";
        let Ok(uri) = text.parse::<Uri>() else {
            return reject(shape);
        };
        if !text.is_ascii() {
            return reject(shape);
        }
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return reject("it must begin with https://");
        };
        if authority.as_str().contains('@') {
            return reject("it contains a user name or password");
        }
        if authority.host().is_empty() {
            return reject("it has no host");
        }
        let port = &authority.as_str()[authority.host().len()..];
        if !port.is_empty() && authority.port_u16().is_none() {
            return reject("its port is not a number up to 65535");
        }
        match scheme {
            "https" => {}
            "http" if is_loopback(authority.host()) => {}
            "http" => return reject("only https is allowed, except on a loopback address"),
            _ => return reject("only https is allowed"),
        }
        let start = scheme.len() + "://".len();
        Ok(Self {
            text: text.to_owned(),
            authority: (start, start + authority.as_str().len()),
        })
    }

    /// Parses a URL that paths are appended to. Removes trailing slashes.
    ///
    /// # Errors
    ///
    /// As [`Url::parse`], and if the URL has a query, to which no path can be appended.
    pub(crate) fn parse_base(text: &str) -> Result<Self, Error> {
        let url = Self::parse(text.trim_end_matches('/'))?;
        if url.text.contains('?') {
            let shown = public_part(text);
            let message = format!("`{shown}` is not a usable base URL: it has a query");
            return Err(Error::new(crate::ErrorKind::Setting, message)
                .with_hint("remove the query: paths are appended to this URL"));
        }
        Ok(url)
    }

    /// Returns the whole URL.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Url;
    ///
    /// let url = Url::parse("https://login.acme.example/token")?;
    /// assert_eq!(url.as_str(), "https://login.acme.example/token");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns `https` or `http`.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Url;
    ///
    /// assert_eq!(Url::parse("http://localhost/callback")?.scheme(), "http");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn scheme(&self) -> &str {
        &self.text[..self.authority.0 - "://".len()]
    }

    /// Returns host and port as written.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Url;
    ///
    /// assert_eq!(Url::parse("https://host:8443/path")?.authority(), "host:8443");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn authority(&self) -> &str {
        &self.text[self.authority.0..self.authority.1]
    }

    /// Returns the host without the port. An IPv6 address has brackets.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Url;
    ///
    /// assert_eq!(Url::parse("https://host:8443/path")?.host(), "host");
    /// assert_eq!(Url::parse("http://[::1]:8080/")?.host(), "[::1]");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn host(&self) -> &str {
        let authority = self.authority();
        match authority.rfind(':') {
            Some(colon) if !authority[colon..].contains(']') => &authority[..colon],
            _ => authority,
        }
    }

    /// Returns the port, which defaults to the scheme's.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Url;
    ///
    /// assert_eq!(Url::parse("https://host/path")?.port(), 443);
    /// assert_eq!(Url::parse("https://host:8443/path")?.port(), 8443);
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn port(&self) -> u16 {
        self.explicit_port()
            .unwrap_or(if self.scheme() == "https" { 443 } else { 80 })
    }

    /// Returns the port if the URL contains one.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Url;
    ///
    /// assert_eq!(Url::parse("https://host:8443/path")?.explicit_port(), Some(8443));
    /// assert_eq!(Url::parse("https://host/path")?.explicit_port(), None);
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn explicit_port(&self) -> Option<u16> {
        self.authority()[self.host().len()..]
            .strip_prefix(':')
            .and_then(|port| port.parse().ok())
    }

    /// Returns scheme, host and port.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Url;
    ///
    /// assert_eq!(Url::parse("https://host:8443/path?x=1")?.origin(), "https://host:8443");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn origin(&self) -> &str {
        &self.text[..self.authority.1]
    }

    /// Returns the URL up to its query.
    pub(crate) fn without_query(&self) -> &str {
        let end = self.text.find('?').unwrap_or(self.text.len());
        &self.text[..end]
    }

    /// Returns the path, at least `/`.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Url;
    ///
    /// assert_eq!(Url::parse("https://host/path?x=1")?.path(), "/path");
    /// assert_eq!(Url::parse("https://host")?.path(), "/");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn path(&self) -> &str {
        let rest = &self.text[self.authority.1..];
        match rest.split('?').next() {
            Some("") | None => "/",
            Some(path) => path,
        }
    }

    /// Returns whether the host is this machine's loopback.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Url;
    ///
    /// assert!(Url::parse("http://127.0.0.1:8080/callback")?.is_loopback());
    /// assert!(!Url::parse("https://app.example/callback")?.is_loopback());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn is_loopback(&self) -> bool {
        is_loopback(self.host())
    }

    /// Returns the URL with these pairs added to its query. Encodes spaces as `%20`.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Url;
    ///
    /// let url = Url::parse("https://host/oauth/auth")?.with_query([("scope", "signature impersonation")]);
    /// assert_eq!(url.as_str(), "https://host/oauth/auth?scope=signature%20impersonation");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    #[must_use]
    pub fn with_query<'a>(&self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut text = self.text.clone();
        let mut mark = if text.contains('?') { '&' } else { '?' };
        for (name, value) in pairs {
            text.push(mark);
            form::percent_encode_into(name, &mut text);
            text.push('=');
            form::percent_encode_into(value, &mut text);
            mark = '&';
        }
        Self {
            text,
            authority: self.authority,
        }
    }

    /// Returns the URL with this port.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Url;
    ///
    /// let url = Url::parse("http://127.0.0.1/callback")?.with_port(8080);
    /// assert_eq!(url.as_str(), "http://127.0.0.1:8080/callback");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    #[must_use]
    pub fn with_port(&self, port: u16) -> Self {
        let (start, end) = self.authority;
        let authority = format!("{}:{port}", self.host());
        Self {
            text: format!("{}{authority}{}", &self.text[..start], &self.text[end..]),
            authority: (start, start + authority.len()),
        }
    }
}

/// Returns a URL without query, fragment, user name and password, for an error.
fn public_part(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    // Everything before the last `@` may be a password, even if it contains a `?`.
    let (user, rest) = match rest.rsplit_once('@') {
        Some((_, rest)) => ("…@", rest),
        None => ("", rest),
    };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    match scheme {
        "" => format!("{user}{rest}"),
        scheme => format!("{scheme}://{user}{rest}"),
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_unsafe_urls() {
        for (text, why) in [
            ("account-d.docusign.com", "https://"),
            ("http://example.com/", "only https"),
            ("http://127.0.0.1.example.com/", "only https"),
            ("http://localhost.example.com/", "only https"),
            ("ftp://example.com/", "only https"),
            ("https://user:pass@example.com/", "user name"),
            ("https://example.com/#x", "fragment"),
            ("https://exa mple.com/", "spaces"),
            ("https://bücher.example/", "percent-encoded"),
            ("https://example.com:99999/", "65535"),
            ("https://login.example/{tenant}/token", "placeholder"),
            ("", "https://"),
        ] {
            let error = Url::parse(text).expect_err(text);
            assert!(error.message().contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn splits_hosts_and_ports() {
        let url = Url::parse("http://[::1]:8123/callback?x=1").unwrap();
        assert_eq!(
            (url.host(), url.port(), url.path()),
            ("[::1]", 8123, "/callback")
        );
        assert_eq!(url.origin(), "http://[::1]:8123");
        assert_eq!(url.with_port(9).as_str(), "http://[::1]:9/callback?x=1");
        let url = Url::parse("https://example.com").unwrap();
        assert_eq!((url.port(), url.path()), (443, "/"));
        assert_eq!(url.explicit_port(), None);
    }

    #[test]
    fn errors_contain_no_query_or_password() {
        for text in [
            "http://example.com/?token=canary",
            "https://user:canary@example.com/",
            "https://user:canary?canary@example.com/",
            "user:canary@example.com",
            "https://example.com/#canary",
        ] {
            let error = Url::parse(text).expect_err(text);
            assert!(!error.message().contains("canary"), "{error}");
            assert!(error.message().contains("example.com"), "{error}");
        }
    }
}
