//! Finds the refresh token in a malformed response.
//!
//! A server that returns 200 to a rotating refresh has replaced the refresh token, whatever is
//! wrong with the rest of the response: a number out of range, a duplicate member, bytes after the
//! object, a missing end. Discarding the new token would lose the grant.

use super::charset;
use crate::{Connection, Error, Response, Secret, form};

/// Returns the new refresh token in a response that failed with this error, if the response is a
/// success and contains one.
pub(crate) fn salvage(
    connection: &Connection,
    response: &Response,
    error: &Error,
) -> Option<Secret> {
    if !(200..300).contains(&response.status) || error.oauth_error().is_some() {
        return None;
    }
    let translated = connection
        .provider()
        .translate(connection.app(), response)
        .ok()
        .flatten();
    let body = translated
        .as_deref()
        .map_or(&response.body[..], |body| body);
    let converted = charset::to_utf8(body);
    let body = converted.as_ref().map_or(body, |converted| converted);
    refresh_token(body).or_else(|| in_form(body))
}

fn in_form(body: &[u8]) -> Option<Secret> {
    let text = std::str::from_utf8(body).ok()?.trim();
    if !form::has_field(text, "refresh_token") {
        return None;
    }
    let fields = form::parse_query(text).ok()?.into_iter().rev();
    let mut found = fields.filter(|(name, _)| name == "refresh_token");
    let (_, value) = found.next()?;
    Some(Secret::new(value)).filter(is_refresh_token)
}

/// Returns the last `refresh_token` of the first JSON object in a body, even if it is incomplete.
fn refresh_token(body: &[u8]) -> Option<Secret> {
    let mut scan = Scan {
        rest: &body[body.iter().position(|b| *b == b'{')?..],
    };
    let (mut depth, mut found) = (0_u32, None);
    while let Some(byte) = scan.next_token() {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            }
            b'"' => {
                let Some(text) = scan.text() else { break };
                let is_name = depth == 1 && scan.take(b':');
                if is_name && text.expose() == "refresh_token" && scan.take(b'"') {
                    // As in most JSON parsers, the last of several members with one name wins.
                    found = scan.text().filter(is_refresh_token).or(found);
                }
            }
            _ => {}
        }
    }
    found
}

/// Returns whether a text has the syntax of a refresh token (RFC 6749 appendix A.17).
fn is_refresh_token(text: &Secret) -> bool {
    !text.is_empty() && text.expose().bytes().all(|b| (0x20..=0x7e).contains(&b))
}

struct Scan<'a> {
    rest: &'a [u8],
}

impl Scan<'_> {
    fn next_token(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// Skips whitespace and this byte. Returns `false` if another byte follows.
    fn take(&mut self, byte: u8) -> bool {
        let rest = self.rest.trim_ascii_start();
        let taken = rest.strip_prefix(&[byte]);
        self.rest = taken.unwrap_or(rest);
        taken.is_some()
    }

    /// Parses the string after its opening quote. Returns `None` if it doesn't end.
    fn text(&mut self) -> Option<Secret> {
        let mut escaped = false;
        let end = self.rest.iter().position(|byte| {
            let ends = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            ends
        })?;
        let (inside, rest) = (&self.rest[..end], &self.rest[end + 1..]);
        self.rest = rest;
        let mut literal = zeroize::Zeroizing::new(Vec::with_capacity(inside.len() + 2));
        literal.push(b'"');
        literal.extend_from_slice(inside);
        literal.push(b'"');
        // An invalid string is neither the name nor the value of a refresh token.
        let text: String = serde_json::from_slice(&literal).unwrap_or_default();
        Some(Secret::new(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn salvaged(body: &[u8]) -> Option<String> {
        refresh_token(body).map(|token| token.expose().to_owned())
    }

    #[test]
    fn the_refresh_token_is_found_in_malformed_responses() {
        let flawed: &[&[u8]] = &[
            br#"{"access_token":"a","expires_in":1e400,"refresh_token":"r1"}"#,
            br#"{"access_token":"a","access_token":"b","refresh_token":"r1"}"#,
            br#"{"refresh_token":"r0","refresh_token":"r1"}"#,
            br#"{"refresh_token":"r1"}{"trace":1}"#,
            br#"{"refresh_token":"r1"}<!-- served by proxy 7 -->"#,
            br#"{"refresh_token" : "r1" , "access_token":"cut o"#,
            br#"{"refresh_token":"r1""#,
            b"{\"refresh_token\":\"r1\",\"name\":\"\xff\xfe\"}",
            b"{\"name\":\"a\nb\",\"refresh_token\":\"r1\"}",
            b"\xef\xbb\xbf\n{\"refresh_token\":\"r1\"",
            br#"{"refresh\u005ftoken":"\u00721"}"#,
            br#"{"user":{"refresh_token":"not ours"},"refresh_token":"r1",}"#,
            br#"Warning: headers already sent {"refresh_token":"r1"}"#,
            br#"{"note":"\"refresh_token\":\"x\"","refresh_token":"r1"}"#,
            br#"{"expires_in":NaN,'scope':1,"refresh_token":"r1"}"#,
        ];
        for body in flawed {
            let text = String::from_utf8_lossy(body);
            assert_eq!(salvaged(body).as_deref(), Some("r1"), "{text}");
        }
    }

    #[test]
    fn nothing_else_is_taken_for_a_refresh_token() {
        let others: &[&[u8]] = &[
            b"",
            b"refresh_token=r1",
            br#"{"refresh_token":"r1"#,
            br#"{"refresh_token":null}"#,
            br#"{"refresh_token":17}"#,
            br#"{"refresh_token":""}"#,
            br#"{"refresh_token":"a\nb"}"#,
            br#"{"user":{"refresh_token":"not ours"}}"#,
            br#"["refresh_token","r1"]"#,
            br#"{"x":"refresh_token","y":":\"r1\""}"#,
            br#"{"token":"refresh_token" "r1"}"#,
            br#"{}{"refresh_token":"another response's"}"#,
            br#"}{"#,
        ];
        for body in others {
            let text = String::from_utf8_lossy(body);
            assert_eq!(salvaged(body), None, "{text}");
        }
    }
}
