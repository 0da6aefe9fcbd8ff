//! Finds the refresh token in a malformed response.
//!
//! A server that returns 200 to a rotating refresh has replaced the refresh token, whatever is
//! wrong with the rest of the response: a number out of range, a duplicate member, bytes after the
//! object, a missing end. Discarding the new token would lose the grant.

use super::{Members, charset};
use crate::profile::Pointer;
use crate::{Connection, Error, Response, Secret, form};

/// The maximum depth in which a place is recognized.
const MAX_DEPTH: usize = 64;

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
    let rules = &connection.profile().response;
    let members = Members::read(response, body, rules);
    if members.is_ok_and(|members| !members.says_success(rules)) {
        return None;
    }
    let converted = charset::to_utf8(body);
    let body = converted.as_ref().map_or(body, |converted| converted);
    let places = match rules.refresh_token.is_empty() {
        true => vec![vec!["refresh_token".to_owned()]],
        false => rules.refresh_token.iter().map(Pointer::steps).collect(),
    };
    refresh_token(body, &places).or_else(|| in_form(body, &places))
}

fn in_form(body: &[u8], places: &[Vec<String>]) -> Option<Secret> {
    let text = std::str::from_utf8(body).ok()?.trim();
    let is_wanted = |name: &str| places.iter().any(|place| *place == [name]);
    let mut names = places.iter().filter_map(|place| place.first());
    if !names.any(|name| is_wanted(name) && form::has_field(text, name)) {
        return None;
    }
    let fields = form::parse_query(text).ok()?.into_iter().rev();
    let mut found = fields.filter(|(name, _)| is_wanted(name));
    let (_, value) = found.next()?;
    Some(Secret::new(value)).filter(is_refresh_token)
}

/// Returns the last refresh token of the first JSON object in a body, even if it is incomplete. The
/// first place that has one counts.
fn refresh_token(body: &[u8], places: &[Vec<String>]) -> Option<Secret> {
    let mut scan = Scan {
        rest: &body[body.iter().position(|b| *b == b'{')?..],
    };
    let mut found: Vec<Option<Secret>> = vec![None; places.len()];
    let mut levels: Vec<Level> = Vec::new();
    // How many levels are open beyond the deepest one that is recognized.
    let mut beyond = 0_usize;
    while let Some(byte) = scan.next_token() {
        match byte {
            b'{' | b'[' if levels.len() == MAX_DEPTH => beyond += 1,
            b'{' => levels.push(Level::Object(String::new())),
            b'[' => levels.push(Level::Array(0)),
            b'}' | b']' if beyond > 0 => beyond -= 1,
            b'}' | b']' => {
                levels.pop();
                if levels.is_empty() {
                    break;
                }
            }
            b',' if beyond == 0 => {
                if let Some(Level::Array(index)) = levels.last_mut() {
                    *index += 1;
                }
            }
            b'"' => {
                let Some(text) = scan.text() else { break };
                let is_name = match levels.last_mut() {
                    _ if beyond > 0 => continue,
                    Some(Level::Object(name)) if scan.take(b':') => {
                        text.expose().clone_into(name);
                        true
                    }
                    Some(Level::Array(_)) => false,
                    // A value, which is looked at with its name.
                    _ => continue,
                };
                let place = places.iter().position(|place| is_at(&levels, place));
                let Some(place) = place else { continue };
                let value = match is_name {
                    true if scan.take(b'"') => scan.text(),
                    true => None,
                    false => Some(text),
                };
                // As in most JSON parsers, the last of several members with one name wins.
                let value = value.filter(is_refresh_token);
                found[place] = value.or(found[place].take());
            }
            _ => {}
        }
    }
    found.into_iter().flatten().next()
}

/// An object or array that is open.
enum Level {
    /// The name of the member.
    Object(String),
    Array(usize),
}

fn is_at(levels: &[Level], place: &[String]) -> bool {
    let is_step = |(level, step): (&Level, &String)| match level {
        Level::Object(name) => name == step,
        Level::Array(index) => index.to_string() == *step,
    };
    levels.len() == place.len() && levels.iter().zip(place).all(is_step)
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

    fn at(place: &[&str], body: &[u8]) -> Option<String> {
        let place = place.iter().map(|step| (*step).to_owned()).collect();
        refresh_token(body, &[place]).map(|token| token.expose().to_owned())
    }

    fn salvaged(body: &[u8]) -> Option<String> {
        at(&["refresh_token"], body)
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

    #[test]
    fn the_refresh_token_is_found_where_the_profile_says() {
        let nested = ["data", "tokens", "1", "value"];
        for body in [
            r#"{"data":{"tokens":[{"value":"a"},{"value":"r1"}]}} and more"#,
            r#"{"data":{"tokens":[["x","y"],{"value":"r1","cut"#,
            r#"{"refresh_token":"no","data":{"tokens":[{},{"a":[1,2],"value":"r1"}],"e":1e400}}"#,
            r#"{"data":{"tokens":[{"value":"a"},{"value":"r0","value":"r1"}]"#,
        ] {
            let found = at(&nested, body.as_bytes());
            assert_eq!(found.as_deref(), Some("r1"), "{body}");
        }
        for body in [
            r#"{"refresh_token":"r1","value":"r1","data":{"value":"r1"}"#,
            r#"{"data":{"tokens":[{"value":"r1"}]}"#,
            r#"{"data":{"tokens":[{},{"value":{"value":"r1"}}]}"#,
            r#"{"data":{"tokens":[{},{"value":["r1"]}]}"#,
            r#"{"data":{"tokens":[{},{"value":17,"x":"r1"}]}"#,
        ] {
            assert_eq!(at(&nested, body.as_bytes()), None, "{body}");
        }
        assert_eq!(
            at(&["t", "1"], br#"{"t":["a","r1"]"#).as_deref(),
            Some("r1")
        );
        // The first place that has one counts, wherever it is in the body.
        let places = [vec!["b".to_owned()], vec!["a".to_owned()]];
        let found = refresh_token(br#"{"a":"first","b":"r1","#, &places).unwrap();
        assert_eq!(found.expose(), "r1");
    }

    #[test]
    fn deep_nesting_costs_no_memory() {
        let deep = "[".repeat(500_000);
        let body = format!(r#"{{"x":{deep}{}"#, r#"],"refresh_token":"r1""#);
        assert_eq!(salvaged(body.as_bytes()), None);
        let closed = "]".repeat(500_000);
        let body = format!(r#"{{"x":{deep}{closed},"refresh_token":"r1""#);
        assert_eq!(salvaged(body.as_bytes()).as_deref(), Some("r1"));
    }
}
