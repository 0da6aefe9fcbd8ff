//! The consent and error pages: plain HTML without scripts or external resources.

use crate::{Provider, exchange::Reply};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem;color:#222}\
h1{font-size:1.3rem}fieldset{border:1px solid #bbb;border-radius:6px;margin:1rem 0}label{display:block;padding:.2rem 0}\
button{font:inherit;padding:.5rem 1.4rem;margin-right:.6rem;border-radius:6px;border:1px solid #666;background:#fff;cursor:pointer}\
button.allow{background:#1a5fb4;border-color:#1a5fb4;color:#fff}code{background:#f2f2f2;padding:0 .2rem}small{color:#666}";

/// The contents of the consent page.
pub(crate) struct Consent<'a> {
    pub(crate) provider: Provider,
    pub(crate) app: &'a str,
    pub(crate) scopes: &'a [String],
    /// Whether the consent is for everyone in the organization.
    pub(crate) admin: bool,
    /// Each user's login and name, and whether it is preselected.
    pub(crate) users: Vec<(String, String, bool)>,
    /// The authorization request, posted back with the decision.
    pub(crate) request: String,
    pub(crate) path: &'a str,
}

/// Builds the page with *Allow* and *Deny*.
pub(crate) fn consent(page: &Consent<'_>) -> Reply {
    let vendor = page.provider.title();
    let users: String = page
        .users
        .iter()
        .map(|(login, name, chosen)| {
            let checked = if *chosen { " checked" } else { "" };
            let (login, name) = (escape(login), escape(name));
            format!("<label><input type=\"radio\" name=\"user\" value=\"{login}\"{checked}> {name} <small>{login}</small></label>")
        })
        .collect();
    let scopes: String = page
        .scopes
        .iter()
        .map(|s| format!("<li><code>{}</code></li>", escape(s)))
        .collect();
    let whom = if page.admin {
        " for everyone in your organization"
    } else {
        ""
    };
    let body = format!(
        "<h1>{vendor} (sandbox)</h1><form method=\"post\" action=\"{path}\">\
         <input type=\"hidden\" name=\"request\" value=\"{request}\">\
         <fieldset><legend>Log in as</legend>{users}</fieldset>\
         <p><strong>{app}</strong> asks for access{whom} to:</p><ul>{scopes}</ul>\
         <p><button class=\"allow\" id=\"allow\" name=\"decision\" value=\"allow\">Allow</button>\
         <button id=\"deny\" name=\"decision\" value=\"deny\">Deny</button></p></form>",
        path = escape(page.path),
        request = escape(&page.request),
        app = escape(page.app),
    );
    html(200, &format!("Log in to {vendor}"), &body)
}

/// Builds an error page, for errors that the vendor doesn't redirect with.
pub(crate) fn error(provider: Provider, status: u16, text: &str) -> Reply {
    let vendor = provider.title();
    let body = format!(
        "<h1>{vendor} (sandbox)</h1><p id=\"error\">{}</p>",
        escape(text)
    );
    html(status, &format!("{vendor}: error"), &body)
}

fn html(status: u16, title: &str, body: &str) -> Reply {
    let page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head><body>{body}</body></html>\n",
        escape(title)
    );
    // No form-action: Chromium also applies it to the redirect after the form, to the client's URI.
    Reply::new(status, "text/html; charset=utf-8", page)
        .header(
            "Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
        )
        .header("Cache-Control", "no-store")
        .header("Referrer-Policy", "no-referrer")
        .header("X-Content-Type-Options", "nosniff")
}

pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_in_error_texts_is_escaped() {
        let page = String::from_utf8(error(Provider::Docusign, 400, "<script>\"'&").body).unwrap();
        assert!(page.contains("&lt;script&gt;&quot;&#39;&amp;"), "{page}");
        assert!(!page.contains("<script"));
    }
}
