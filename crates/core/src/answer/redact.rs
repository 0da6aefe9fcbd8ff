//! Takes secrets out of what a server said before it reaches an error.

use crate::{Connection, Request, Secret};

/// Knows the secrets of one request, and the look of tokens.
pub(crate) struct Redactor(Vec<Secret>);

/// The longest text of a server that an error repeats, in characters.
const LONGEST: usize = 300;

/// A word this long without blanks is a token, or as good as one.
const TOKEN_LENGTH: usize = 40;

impl Redactor {
    pub(crate) fn of(request: &Request, connection: &Connection) -> Self {
        let configured = [&connection.client_secret, &connection.refresh_token];
        let is_param = |name: &str| {
            let mut grants = connection.profile().grants.values();
            grants.any(|rules| rules.params.contains_key(name))
        };
        Self::new(request, is_param, configured.into_iter().flatten().cloned())
    }

    /// `is_public` names the fields that a profile adds: no secret goes into those.
    fn new(
        request: &Request,
        is_public: impl Fn(&str) -> bool,
        configured: impl Iterator<Item = Secret>,
    ) -> Self {
        const PLAIN: &[&str] = &[
            "grant_type",
            "client_id",
            "scope",
            "redirect_uri",
            "client_assertion_type",
        ];
        let fields = request.form().into_iter().flat_map(|form| {
            let secret = form
                .names()
                .filter(|name| !PLAIN.contains(name) && !is_public(name));
            secret.filter_map(|name| form.value(name).map(Secret::from))
        });
        let headers = request
            .headers()
            .filter(|(name, _)| *name == "Authorization");
        let headers = headers.filter_map(|(_, value)| {
            let value = value.expose().split(' ').nth(1)?;
            Some(Secret::from(value))
        });
        let all = fields.chain(headers).chain(configured);
        Self(all.filter(|s| !s.is_empty()).collect())
    }

    /// One that knows no secret but the look of tokens.
    pub(crate) fn empty() -> Self {
        Self(Vec::new())
    }

    /// The text without secrets, control characters and undue length.
    pub(crate) fn clean(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        for secret in &self.0 {
            clean = clean.replace(secret.expose(), "[redacted]");
        }
        let words: Vec<_> = clean
            .split(|c: char| c.is_whitespace() || c.is_control())
            .filter(|word| !word.is_empty())
            .map(|word| {
                if looks_like_token(word) {
                    "[redacted]"
                } else {
                    word
                }
            })
            .collect();
        let clean = words.join(" ");
        match clean.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", &clean[..end]),
            None => clean,
        }
    }
}

/// Long and of the characters that tokens are made of; a URL's slashes and colons mark it as not.
fn looks_like_token(word: &str) -> bool {
    let of_token = |b: u8| b.is_ascii_alphanumeric() || b"-_.+=!~%".contains(&b);
    let longest = word
        .as_bytes()
        .split(|b| !of_token(*b))
        .map(<[u8]>::len)
        .max();
    longest.is_some_and(|length| length >= TOKEN_LENGTH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Form, Url};

    #[test]
    fn takes_out_what_was_sent_and_what_looks_like_a_token() {
        let url = Url::parse("https://host/token").unwrap();
        let form = Form::new()
            .field("client_secret", "hunter2")
            .field("grant_type", "x")
            .field("resource", "ledger");
        let request =
            Request::post(url, form).with_header("Authorization", "Basic c2VjcmV0".into());
        let redactor = Redactor::new(&request, |name| name == "resource", std::iter::empty());
        let jwt = format!("eyJ{}.{}.x", "a".repeat(30), "b".repeat(30));
        let said = format!("bad hunter2, c2VjcmV0 and\r\n\"{jwt}\" for x of ledger");
        assert_eq!(
            redactor.clean(&said),
            "bad [redacted], [redacted] and [redacted] for x of ledger"
        );
        assert_eq!(
            redactor.clean("user hasn't approved this consumer"),
            "user hasn't approved this consumer"
        );
        assert!(redactor.clean(&"word ".repeat(200)).chars().count() <= LONGEST + 1);
    }
}
