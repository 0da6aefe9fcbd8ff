//! The login and consent pages, as a browser uses them: read the form, post it, get redirected.

mod client;

use client::{Client, authorize_url};

/// Returns the value of a hidden field, unescaped.
fn hidden(page: &str, name: &str) -> String {
    let start = page
        .split(&format!("name=\"{name}\" value=\""))
        .nth(1)
        .unwrap();
    let value = start.split('"').next().unwrap();
    value
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&lt;", "<")
        .replace("&amp;", "&")
}

#[test]
fn allow_and_deny_are_buttons_of_a_form() {
    let client = Client::lenient();
    for name in ["docusign-code", "salesforce-code", "boldsign-code"] {
        let connection = client.connection(name);
        let url = authorize_url(&connection, &[]);
        let page = client.get(&url, None);
        assert_eq!(page.status, 200, "{}", page.text);
        assert!(
            page.header("content-security-policy")
                .contains("default-src 'none'")
        );
        assert!(
            !page.text.contains("<script")
                && !page.text.contains("src=")
                && !page.text.contains("href=")
        );
        assert!(page.text.contains("value=\"allow\"") && page.text.contains("value=\"deny\""));
        let action = url.split('?').next().unwrap();
        let request = hidden(&page.text, "request");
        let post = |decision: &str, user: &str| {
            client.post(
                action,
                None,
                &[
                    ("request", &request),
                    ("decision", decision),
                    ("user", user),
                ],
            )
        };
        let user = if name == "salesforce-code" {
            "integration@example.com"
        } else {
            "blair@example.com"
        };
        let allowed = post("allow", user);
        assert_eq!(allowed.status, 303);
        let callback = allowed.callback();
        assert_eq!(callback["state"], "s t=a&te");
        assert_eq!(
            client.redeem(&connection, &callback["code"], &[]).status,
            200
        );
        assert_eq!(post("deny", user).callback()["error"], "access_denied");
        assert_eq!(post("allow", "nobody@example.com").status, 400);
        assert_eq!(post("perhaps", user).status, 400);
    }
}

#[test]
fn the_page_preselects_the_hinted_user_or_the_first_without_consent() {
    let client = Client::lenient();
    let connection = client.connection("docusign-jwt-unconsented");
    let chosen = |extra: &[(&str, &str)]| {
        let page = client.get(&authorize_url(&connection, extra), None).text;
        page.split("\" checked")
            .next()
            .unwrap()
            .rsplit('"')
            .next()
            .unwrap()
            .to_owned()
    };
    assert_eq!(chosen(&[]), "blair@example.com");
    assert_eq!(
        chosen(&[("login_hint", "alex@example.com")]),
        "alex@example.com"
    );
}

#[test]
fn the_page_says_that_an_administrator_consents_for_everyone() {
    let client = Client::lenient();
    let connection = client.connection("docusign-jwt");
    let extra = [
        ("scope", "openid"),
        ("admin_consent_scope", "signature impersonation"),
    ];
    let page = client.get(&authorize_url(&connection, &extra), None);
    assert!(
        page.text.contains("for everyone in your organization"),
        "{}",
        page.text
    );
    assert!(page.text.contains("<code>impersonation</code>"));
}

#[test]
fn parameters_of_the_request_are_escaped() {
    let client = Client::lenient();
    let connection = client.connection("docusign-code");
    let evil = "\"><script>alert(1)</script>";
    let page = client.get(
        &authorize_url(&connection, &[("scope", evil), ("state", evil)]),
        None,
    );
    assert!(!page.text.contains("<script"), "{}", page.text);
}
