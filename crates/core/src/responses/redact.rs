//! Removes secrets from a server's messages before they reach an error.

use zeroize::Zeroizing;

use super::spelling;
use crate::{App, Error, Request, Secret, form};

/// Removes the secrets of one request, and everything that looks like a token.
pub(crate) struct Redactor {
    /// The secrets, the longest first.
    secrets: Vec<Zeroizing<Vec<char>>>,
    /// Words that stay, even if they are or contain a secret: the client secret `client` must not
    /// make `invalid_client` unreadable.
    vocabulary: Vec<String>,
}

/// The maximum length of a server's text in an error, in characters.
const MAX_TEXT: usize = 300;

/// The minimum length of a word that is considered a token.
const MIN_TOKEN: usize = 40;

/// The minimum length, in characters, of a secret that is removed within a word. Shorter ones are
/// removed only if they are a whole word.
const MIN_WITHIN_WORD: usize = 8;

/// The minimum length of the start of a secret that is removed: servers truncate what they repeat.
const MIN_START: usize = 16;

const REDACTED: &str = "[redacted]";

/// Fields of a token request that contain no secret.
const PLAIN: &[&str] = &[
    "grant_type",
    "client_id",
    "scope",
    "redirect_uri",
    "client_assertion_type",
    "token_type_hint",
];

/// The words of RFC 6749 sections 4.1.2.1 and 5.2, RFC 6750 section 3.1, RFC 7009 section 2.2.1,
/// RFC 8628 section 3.5, RFC 8707 section 2 and OpenID Connect Core section 3.1.2.6.
const RFC_WORDS: &[&str] = &[
    "access_denied",
    "access_token",
    "account_selection_required",
    "authorization_code",
    "authorization_pending",
    "client_assertion",
    "client_credentials",
    "client_id",
    "client_secret",
    "code_verifier",
    "consent_required",
    "device_code",
    "expired_token",
    "grant_type",
    "insufficient_scope",
    "interaction_required",
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "invalid_target",
    "invalid_token",
    "login_required",
    "redirect_uri",
    "refresh_token",
    "server_error",
    "slow_down",
    "temporarily_unavailable",
    "unauthorized_client",
    "unsupported_grant_type",
    "unsupported_response_type",
    "unsupported_token_type",
];

impl Redactor {
    pub(crate) fn of(request: &Request, app: App<'_>) -> Self {
        let is_public = |name: &str| {
            let grants = app.profile.grants.values();
            let of_revocation = &app.profile.endpoints.revoke_names;
            let renamed: Vec<_> = grants
                .clone()
                .flat_map(|rules| &rules.names)
                .chain(of_revocation)
                .filter(|(_, new)| *new == name)
                .collect();
            let is_param = grants.clone().any(|rules| rules.params.contains_key(name))
                || app.profile.endpoints.revoke_params.contains_key(name);
            let is_plain = |(old, _): &(&String, &String)| PLAIN.contains(&old.as_str());
            match renamed.as_slice() {
                [] => is_param || PLAIN.contains(&name),
                renamed => renamed.iter().all(is_plain),
            }
        };
        let own = app.profile.errors.iter();
        Self::new(
            sent(request, is_public).chain(configured(app)).collect(),
            own.filter_map(|row| row.error.clone()).collect(),
        )
    }

    /// Returns a redactor for responses whose request is not available.
    pub(crate) fn of_app(app: App<'_>) -> Self {
        let own = app.profile.errors.iter();
        Self::new(
            configured(app).collect(),
            own.filter_map(|row| row.error.clone()).collect(),
        )
    }

    /// Returns a redactor for these secrets.
    pub(crate) fn of_secrets<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        Self::new(secrets.into_iter().cloned().collect(), Vec::new())
    }

    fn new(secrets: Vec<Secret>, own_words: Vec<String>) -> Self {
        let chars = |secret: &Secret| Zeroizing::new(secret.expose().chars().collect::<Vec<_>>());
        let mut secrets: Vec<_> = secrets
            .iter()
            .filter(|secret| !secret.expose().trim().is_empty())
            .map(chars)
            .collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        let mut vocabulary = own_words;
        vocabulary.extend(RFC_WORDS.iter().map(|word| (*word).to_owned()));
        Self {
            secrets,
            vocabulary,
        }
    }

    /// Returns the text on one line, without secrets, with terminal control characters escaped, and
    /// truncated to [`MAX_TEXT`].
    pub(crate) fn clean(&self, text: &str) -> String {
        let mut clean = String::new();
        let mut length = 0;
        let mut word = String::new();
        let mut at = 0;
        while at < text.len() && length <= MAX_TEXT {
            let (shown, next) = self.next(text, at);
            match shown {
                Piece::Space => {
                    length += flush(&mut word, &mut clean);
                }
                Piece::Text(shown) => word.push_str(&shown),
            }
            at = next;
        }
        flush(&mut word, &mut clean);
        match clean.char_indices().nth(MAX_TEXT) {
            Some((end, _)) => format!("{}…", &clean[..end]),
            None => clean,
        }
    }

    /// Removes secrets from the error that a provider made of a response.
    pub(crate) fn scrub(&self, error: Error) -> Error {
        error.map_texts(|text| {
            let mut out = String::new();
            let mut at = 0;
            while at < text.len() {
                let end = self.secret(text, at, !spelling::ends_in_word(text, at));
                let next = text[at..].chars().next().map_or(1, char::len_utf8);
                out.push_str(match end {
                    Some(_) => REDACTED,
                    None => &text[at..at + next],
                });
                at = end.unwrap_or(at + next);
            }
            out
        })
    }

    /// Returns the next piece of the redacted text, and where the rest of the text begins.
    fn next(&self, text: &str, at: usize) -> (Piece, usize) {
        let starts_word = !spelling::ends_in_word(text, at);
        if starts_word && let Some(end) = self.known_word(text, at) {
            return (Piece::Text(text[at..end].to_owned()), end);
        }
        if let Some(end) = self.secret(text, at, starts_word) {
            return (Piece::Text(REDACTED.to_owned()), end);
        }
        let Some(character) = text[at..].chars().next() else {
            return (Piece::Space, text.len());
        };
        let next = at + character.len_utf8();
        match character {
            c if c.is_whitespace() => (Piece::Space, next),
            c if acts_on_terminals(c) => (Piece::Text(c.escape_unicode().to_string()), next),
            c => (Piece::Text(c.to_string()), next),
        }
    }

    fn known_word(&self, text: &str, at: usize) -> Option<usize> {
        let word = text[at..]
            .split(|c: char| !spelling::is_of_word(c))
            .next()
            .filter(|word| !word.is_empty())?;
        let is_known = self.vocabulary.iter().any(|known| known == word);
        is_known.then_some(at + word.len())
    }

    /// Returns where a secret that begins here ends, in any encoding. The longest secret wins.
    fn secret(&self, text: &str, at: usize, starts_word: bool) -> Option<usize> {
        self.secrets.iter().find_map(|secret| {
            let (end, matched) = spelling::spelled(text, at, secret);
            let is_whole = matched == secret.len();
            let stands_alone = starts_word && !spelling::starts_with_word(text, end);
            let is_start = matched >= MIN_START && matched * 2 >= secret.len();
            let is_removed = match is_whole {
                true => secret.len() >= MIN_WITHIN_WORD || stands_alone,
                false => is_start,
            };
            is_removed.then_some(end)
        })
    }
}

/// A piece of redacted text.
enum Piece {
    Space,
    Text(String),
}

/// Returns the secrets that a request contains: in fields, and in `Authorization`.
///
/// `is_public` selects the fields that never contain a secret.
fn sent<'a>(
    request: &'a Request,
    is_public: impl Fn(&str) -> bool + 'a,
) -> impl Iterator<Item = Secret> + 'a {
    let fields = request.form().into_iter().flat_map(move |form| {
        let secret = form
            .names()
            .filter(|name| !is_public(name))
            .collect::<Vec<_>>();
        secret
            .into_iter()
            .filter_map(|name| form.value(name).map(Secret::from))
    });
    let headers = request
        .headers()
        .filter(|(name, _)| *name == "Authorization");
    fields.chain(headers.filter_map(|(_, value)| {
        let value = value.expose().split(' ').nth(1)?;
        Some(Secret::from(value))
    }))
}

/// Returns the secrets of the settings, and the values derived from them for `Basic`.
fn configured(app: App<'_>) -> impl Iterator<Item = Secret> {
    let secrets = [&app.client.secret, &app.policy.refresh_token];
    let in_basic = app
        .client
        .secret
        .iter()
        .flat_map(|secret| basic_pairs(&app.client.id, secret));
    secrets
        .into_iter()
        .flatten()
        .chain(app.client.secrets.values())
        .cloned()
        .chain(in_basic)
        .collect::<Vec<_>>()
        .into_iter()
}

/// Returns the base64 of the secret and of its pair with the id: raw and form-encoded, with and
/// without padding.
fn basic_pairs(id: &str, secret: &Secret) -> Vec<Secret> {
    let secret = secret.expose();
    let mut encoded = Zeroizing::new(String::new());
    form::encode_into(id, &mut encoded);
    encoded.push(':');
    form::encode_into(secret, &mut encoded);
    let raw = Zeroizing::new(format!("{id}:{secret}"));
    let texts = [raw.as_str(), encoded.as_str(), secret];
    let mut pairs = Vec::new();
    for text in texts {
        for alphabet in [base64_simd::STANDARD, base64_simd::URL_SAFE] {
            let padded = Zeroizing::new(alphabet.encode_to_string(text.as_bytes()));
            let bare = padded.trim_end_matches('=');
            if bare.len() >= MIN_WITHIN_WORD {
                pairs.push(Secret::from(padded.as_str()));
                pairs.push(Secret::from(bare));
            }
        }
    }
    pairs
}

/// Moves a complete word to the clean text, redacted if it looks like a token. Returns the number
/// of characters added.
fn flush(word: &mut String, clean: &mut String) -> usize {
    if word.is_empty() {
        return 0;
    }
    let before = clean.chars().count();
    if !clean.is_empty() {
        clean.push(' ');
    }
    clean.push_str(match looks_like_token(word) {
        true => REDACTED,
        false => word,
    });
    word.clear();
    clean.chars().count() - before
}

/// Returns a text that is no secret on one line, with terminal control characters escaped, and
/// truncated.
pub(crate) fn on_one_line(text: &str, max: usize) -> String {
    let mut shown = String::new();
    for (index, c) in text.chars().enumerate() {
        match c {
            _ if index == max => {
                shown.push('…');
                break;
            }
            c if acts_on_terminals(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

/// Returns whether this is a control character, or changes the direction of text.
fn acts_on_terminals(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Returns whether a word has a long run of the characters that tokens consist of. Slashes and
/// colons end a run, so URLs don't count.
fn looks_like_token(word: &str) -> bool {
    let of_token = |b: u8| b.is_ascii_alphanumeric() || b"-_.+=!~%".contains(&b);
    let longest = word
        .as_bytes()
        .split(|b| !of_token(*b))
        .map(<[u8]>::len)
        .max();
    longest.is_some_and(|length| length >= MIN_TOKEN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Form, Url};

    fn cleaned(secret: &str, text: &str) -> String {
        Redactor::of_secrets([&Secret::from(secret)]).clean(text)
    }

    #[test]
    fn removes_sent_secrets_and_token_like_words() {
        let url = Url::parse("https://host/token").unwrap();
        let form = Form::new()
            .field("client_secret", "hunter2")
            .field("grant_type", "x")
            .field("resource", "ledger");
        let request =
            Request::post(url, form).with_header("Authorization", "Basic c2VjcmV0".into());
        let redactor = Redactor::new(
            sent(&request, |name| name == "resource" || PLAIN.contains(&name)).collect(),
            Vec::new(),
        );
        let jwt = format!("eyJ{}.{}.x", "a".repeat(30), "b".repeat(30));
        let text = format!("bad hunter2, c2VjcmV0 and\r\n\"{jwt}\" for x of ledger");
        assert_eq!(
            redactor.clean(&text),
            "bad [redacted], [redacted] and [redacted] for x of ledger"
        );
        assert_eq!(
            redactor.clean("user hasn't approved this consumer"),
            "user hasn't approved this consumer"
        );
        assert!(redactor.clean(&"word ".repeat(200)).chars().count() <= MAX_TEXT + 1);
    }

    #[test]
    fn a_secret_is_removed_in_every_encoding() {
        let secret = "p@ss/w+rd 1&x<é>\"";
        for text in [
            "p@ss/w+rd 1&x<é>\"",
            "p%40ss%2Fw%2Brd+1%26x%3C%C3%A9%3E%22",
            "p%40ss%2fw%2brd%201%26x%3c%c3%a9%3e%22",
            "p@ss%2Fw+rd+1&x<%C3%A9>%22",
            "p%2540ss%252Fw%252Brd%25201%2526x%253C%25C3%25A9%253E%2522",
            "p@ss\\/w+rd 1&x<é>\\\"",
            "p@ss/w\\u002Brd 1\\u0026x\\u003c\\u00e9\\u003e\\u0022",
            "p@ss/w+rd 1&amp;x&lt;é&gt;&quot;",
            "p&#64;ss&#x2F;w&#43;rd&#32;1&#38;x&#x3c;&#xE9;&#62;&#34;",
            "p@ss/w+rd 1&amp;amp;x&amp;lt;é&amp;gt;&amp;quot;",
            "p@ss/w+rd 1\\u0026amp;x\\u0026lt;é\\u0026#62;\\u0026#x22;",
            "p\\\\u0040ss/w+rd 1&x\\\\u003cé\\\\u003e\\\\\"",
            "p\\x40ss\\x2Fw\\x2brd\\x201\\x26x\\x3c\\xe9\\x3e\\x22",
            "p%252540ss/w+rd 1&x<%2525C3%2525A9>%252522",
            "p%26%2364%3Bss/w+rd 1&x<é>\"",
            "p@ss/\r\n w+rd 1&x<\né>\"",
            "p@ss/w+rd\\r\\n 1&x<é>\"",
            "P@SS/W+RD 1&X<É>\"",
            "P%40SS%2FW%2BRD+1%26X%3C%C3%89%3E%22",
        ] {
            assert_eq!(
                cleaned(secret, &format!("client_secret={text}&a=b")),
                "client_secret=[redacted]&a=b",
                "{text}"
            );
        }
    }

    #[test]
    fn words_of_the_rfcs_are_kept() {
        for (secret, text, expected) in [
            ("client", "invalid_client", "invalid_client"),
            (
                "client",
                "the secret client is wrong",
                "the secret [redacted] is wrong",
            ),
            ("client", "a=client&b", "a=[redacted]&b"),
            ("client", "a%3Dclient%26b", "a%3D[redacted]%26b"),
            ("client", "a\\u003dclient\\n", "a\\u003d[redacted]\\n"),
            (
                "client",
                "invalid%5Fclient clients",
                "invalid%5Fclient clients",
            ),
            ("unauthorized", "unauthorized_client", "unauthorized_client"),
            ("unauthorized", "xunauthorized!", "x[redacted]!"),
            ("invalid_client", "invalid_client", "invalid_client"),
            ("a", "a bad day", "[redacted] bad day"),
        ] {
            assert_eq!(cleaned(secret, text), expected, "{secret}: {text}");
        }
    }

    #[test]
    fn the_longest_secret_is_removed_first() {
        let (long, short) = (Secret::from("hunter2hunter2"), Secret::from("redacted"));
        let redactor = Redactor::of_secrets([&short, &long, &Secret::from("hunter2")]);
        assert_eq!(
            redactor.clean("hunter2hunter2 redacted hunter2"),
            "[redacted] [redacted] [redacted]"
        );
    }

    #[test]
    fn a_long_start_of_a_secret_is_removed() {
        let secret = "0123456789abcdefghijklmnop";
        assert_eq!(cleaned(secret, "0123456789abcdefg..."), "[redacted]...");
        assert_eq!(cleaned(secret, "0123456789"), "0123456789");
    }

    #[test]
    fn terminal_control_characters_are_escaped() {
        assert_eq!(
            cleaned("x!", "bad\r\n\u{1b}[31m\u{9b}1m\u{202e}token\u{7}"),
            "bad \\u{1b}[31m\\u{9b}1m\\u{202e}token\\u{7}"
        );
    }

    #[test]
    fn basic_pairs_come_in_both_alphabets() {
        let pairs = basic_pairs("app?", &Secret::from("s3~>cret?"));
        let texts: Vec<_> = pairs.iter().map(Secret::expose).collect();
        let raw = base64_simd::STANDARD.encode_to_string("app?:s3~>cret?");
        let safe = base64_simd::URL_SAFE_NO_PAD.encode_to_string("app%3F:s3~%3Ecret%3F");
        assert!(texts.contains(&raw.as_str()) && texts.contains(&safe.as_str()));
    }
}
