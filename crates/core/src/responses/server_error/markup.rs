//! Errors in HTML pages and XML documents.

use super::super::reference;
use super::{ServerError, may_be_secret};

/// Elements with a code, in the XML of gateways and object stores.
const CODES: &[&str] = &["code", "error", "errorcode", "error_code", "faultcode"];
/// Elements with a message.
const TEXTS: &[&str] = &[
    "message",
    "error_description",
    "errormessage",
    "errordescription",
    "faultstring",
    "description",
];

/// Reads a page's title or text, or an XML document's code and message.
pub(super) fn read(text: &str) -> ServerError {
    let head = text.get(..200).unwrap_or(text).to_ascii_lowercase();
    if head.contains("<!doctype html") || head.contains("<html") {
        return ServerError {
            text: title(text).or_else(|| words(text)),
            is_page: true,
            ..ServerError::default()
        };
    }
    let first = |names: &[&str]| names.iter().find_map(|name| element(text, name));
    let is_word = |code: &String| !code.contains(char::is_whitespace);
    ServerError {
        code: first(CODES).filter(is_word),
        text: first(TEXTS).or_else(|| title(text)).or_else(|| words(text)),
        is_page: first(CODES).is_none(),
    }
}

/// Reads a page's title, or an XML document's code and message, but no other text: it may be a
/// token.
pub(super) fn read_marked(text: &str) -> ServerError {
    let reported = read(text);
    let first = |names: &[&str]| names.iter().find_map(|name| element(text, name));
    ServerError {
        text: match reported.is_page {
            true => title(text),
            false => first(TEXTS),
        },
        ..reported
    }
}

/// Returns the page's title or its first heading.
fn title(text: &str) -> Option<String> {
    element(text, "title").or_else(|| element(text, "h1"))
}

/// Returns the text of the first element with this name, in any case, that has text only.
fn element(text: &str, name: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let open = format!("<{name}");
    let mut from = 0;
    while let Some(found) = lower[from..].find(&open) {
        let after = from + found + open.len();
        from = after;
        // `<errors>` is not `<error>`.
        if !lower[after..].starts_with(['>', ' ', '\t', '\r', '\n']) {
            continue;
        }
        let start = after + lower[after..].find('>')? + 1;
        let content = &text[start..start + lower[start..].find('<')?];
        let is_closed = lower[start + content.len()..].starts_with("</");
        let content = unescape(content.trim());
        if is_closed && !content.is_empty() {
            return Some(content);
        }
    }
    None
}

/// Returns all text except scripts, styles, comments and elements that may be secret.
fn words(text: &str) -> Option<String> {
    let mut words = String::new();
    let mut rest = text;
    while let Some(open) = rest.find('<') {
        words.push_str(&rest[..open]);
        words.push(' ');
        rest = &rest[open..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.split_once("-->").map_or("", |(_, rest)| rest);
            continue;
        }
        let Some((tag, after)) = rest[1..].split_once('>') else {
            break;
        };
        let name = tag.split([' ', '\t', '\r', '\n', '/']).next();
        let name = name.unwrap_or_default().to_ascii_lowercase();
        let is_hidden = matches!(name.as_str(), "script" | "style") || may_be_secret(&name);
        rest = match is_hidden {
            true => after.split_once("</").map_or("", |(_, rest)| {
                rest.split_once('>').map_or("", |(_, rest)| rest)
            }),
            false => after,
        };
    }
    if !rest.starts_with('<') {
        words.push_str(rest);
    }
    let words: Vec<_> = words.split_whitespace().collect();
    (!words.is_empty()).then(|| unescape(&words.join(" ")))
}

/// Decodes character references: numbers, and HTML's most common names.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match reference::character(rest) {
            Some((character, length)) => {
                out.push(character);
                rest = &rest[length..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_pages_and_documents() {
        for (text, expected) in [
            (
                "<p>Access <b>denied</b></p><script>x=1</script>",
                "Access denied",
            ),
            (
                "<html><!-- secret --><body>No&#33; &lt;go&gt; &bogus; &",
                "No! <go> &bogus; &",
            ),
            ("<html><body>cut <b", "cut"),
            ("<r><access_token>t</access_token><x>y</x></r>", "y"),
        ] {
            assert_eq!(read(text).text.as_deref(), Some(expected), "{text}");
        }
        assert_eq!(read("<html></html>").text, None);
        let nested = read("<errors><error><code>7</code><message>m</message></error></errors>");
        assert_eq!((nested.code.as_deref(), nested.is_page), (Some("7"), false));
    }
}
