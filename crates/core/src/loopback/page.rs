//! The loopback server's responses. The only text from outside is the server's error, encoded.

use crate::Error;
use crate::login::Purpose;

/// The head of every page. Supports phones and dark mode.
const STYLE: &str = concat!(
    "<meta charset=\"utf-8\">",
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">",
    "<meta name=\"color-scheme\" content=\"light dark\">",
    "<style>:root{color-scheme:light dark}",
    "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:15vh auto;padding:0 1rem;",
    "overflow-wrap:break-word}",
    "h1{font-size:1.6rem;line-height:1.2}",
    "blockquote{margin:1rem 0;padding:.1rem 1rem;border-left:.25rem solid GrayText}</style>",
);

/// Returns the page for this login's callback, after the program has processed it.
pub(super) fn outcome<T>(purpose: Purpose, outcome: &Result<T, Error>) -> String {
    let (done, failed) = match purpose {
        Purpose::Login => ("You are logged in", "The login did not succeed"),
        Purpose::Consent => ("Consent was given", "Consent was not given"),
    };
    match outcome {
        Ok(_) => page(
            "200 OK",
            done,
            "<p>You can close this window and go back to the program.</p>",
        ),
        Err(error) => page("200 OK", failed, &reason(error)),
    }
}

/// Returns the page for a callback that does not belong to this login.
pub(super) fn not_this_login() -> String {
    page(
        "400 Bad Request",
        "Not this login",
        "<p>This callback does not belong to the current login. Complete the login in the window \
         that was opened last, or start it again.</p>",
    )
}

/// Returns the page for any other request.
pub(super) fn not_found() -> String {
    page(
        "404 Not Found",
        "Not found",
        "<p>There is nothing here.</p>",
    )
}

/// Returns the page for a request whose head is too large.
pub(super) fn too_large(max_bytes: usize, host: &str) -> String {
    let body = format!(
        "<p>The browser sent more than {} KiB of headers, most likely cookies of other programs on \
         this machine. Delete the cookies of {}, or use a private window, and load this page \
         again.</p>",
        max_bytes / 1024,
        encode(host)
    );
    page(
        "431 Request Header Fields Too Large",
        "The request is too large",
        &body,
    )
}

/// Returns the server's error, or where to find the reason.
fn reason(error: &Error) -> String {
    let Some(word) = error.oauth_error() else {
        return "<p>The program that opened this page shows the reason.</p>".to_owned();
    };
    let error = match error.oauth_description() {
        Some(text) => format!("{}: {}", encode(word), encode(text)),
        None => encode(word),
    };
    format!(
        "<p>The server says:</p><blockquote><p>{error}</p></blockquote>\
         <p>The program that opened this page shows more details.</p>"
    )
}

fn page(status: &str, heading: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\n{headers}\r\n<!doctype html><html lang=\"en\"><head>{STYLE}\
         <title>{heading}</title></head><body><h1>{heading}</h1>{body}</body></html>",
        headers = include_str!("headers.txt"),
    )
}

/// Encodes text for HTML. Removes control characters, which could change how the text is displayed.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => encoded.push_str("&amp;"),
            '<' => encoded.push_str("&lt;"),
            '>' => encoded.push_str("&gt;"),
            '"' => encoded.push_str("&quot;"),
            '\'' => encoded.push_str("&#39;"),
            // The bidirectional controls of Unicode Standard Annex 9.
            '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => {}
            c if c.is_control() => {}
            c => encoded.push(c),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn the_servers_error_is_shown_and_encoded() {
        let error = Error::new(ErrorKind::Callback, "canary").with_oauth(
            "access_denied",
            Some("<script>alert(\"1\")</script> & \u{202e}'x'\u{1b}[2J".to_owned()),
        );
        let page = outcome::<()>(Purpose::Login, &Err(error));
        assert!(
            page.contains(
                "access_denied: &lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;x&#39;[2J"
            ),
            "{page}"
        );
        assert!(!page.contains("canary") && !page.contains("<script"));
    }

    #[test]
    fn consent_pages_do_not_mention_a_login() {
        let given = outcome(Purpose::Consent, &Ok(()));
        assert!(given.contains("<h1>Consent was given</h1>") && !given.contains("logged in"));
        let error = Error::new(ErrorKind::Callback, "denied");
        let denied = outcome::<()>(Purpose::Consent, &Err(error));
        assert!(denied.contains("<h1>Consent was not given</h1>") && !denied.contains("login"));
    }
}
