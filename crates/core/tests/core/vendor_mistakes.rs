//! Profiles with mistakes in what they say about requests.

use crate::vendor_requests::profile;

#[test]
fn mistakes_in_requests_are_named() {
    let grant = "[grants.client-credentials]\nclient_auth = [\"post\"]\n";
    for (rules, field, why) in [
        (
            "body = \"xml\"",
            "grants.client-credentials.body",
            "unknown variant `xml`",
        ),
        (
            "pkce = \"never\"",
            "grants.client-credentials.pkce",
            "expected one of `required`, `supported`, `off`",
        ),
        (
            "headers.authorization = \"x\"",
            "grants.client-credentials.headers.authorization",
            "is set by `client_auth`",
        ),
        (
            "headers.Content-Type = \"x\"",
            "grants.client-credentials.headers.Content-Type",
            "is set by `body`",
        ),
        (
            "headers.Host = \"x\"",
            "grants.client-credentials.headers.Host",
            "by the transport",
        ),
        (
            "headers.content-length = \"1\"",
            "grants.client-credentials.headers.content-length",
            "by the transport",
        ),
        (
            "headers.Cookie = \"x\"",
            "grants.client-credentials.headers.Cookie",
            "browser",
        ),
        (
            "headers.Connection = \"x\"",
            "grants.client-credentials.headers.Connection",
            "about the connection",
        ),
        (
            "headers.Transfer-Encoding = \"x\"",
            "grants.client-credentials.headers.Transfer-Encoding",
            "about the connection",
        ),
        (
            "headers.\"X Y\" = \"x\"",
            "grants.client-credentials.headers.X Y",
            "not the name of a header",
        ),
        (
            "headers.X = [\"x\"]",
            "grants.client-credentials.headers.X",
            "not an array",
        ),
        (
            "headers.X = \"a\\r\\nY: b\"",
            "grants.client-credentials.headers.X",
            "visible ASCII",
        ),
        (
            "headers.X = \"{extra.acount}\"",
            "grants.client-credentials.headers.X",
            "did you mean `{extra.account}`?",
        ),
        (
            "headers.X = \"{refresh_token}\"",
            "grants.client-credentials.headers.X",
            "is secret",
        ),
        (
            "headers = { X-A = \"1\", x-a = \"2\" }",
            "grants.client-credentials.headers.",
            "is there twice",
        ),
        (
            "scope_separator = \"\"",
            "grants.client-credentials.scope_separator",
            "a space or punctuation",
        ),
        (
            "scope_separator = \"and\"",
            "grants.client-credentials.scope_separator",
            "a space or punctuation",
        ),
        (
            "names.clientid = \"x\"",
            "grants.client-credentials.names.clientid",
            "did you mean `client_id`?",
        ),
        (
            "names.state = \"x\"",
            "grants.client-credentials.names.state",
            "can be renamed",
        ),
        (
            "names.client_secret = \"\"",
            "grants.client-credentials.names.client_secret",
            "can't be omitted",
        ),
        (
            "names.client_id = \"\"",
            "grants.client-credentials.names.client_id",
            "can't be omitted",
        ),
        (
            "names.client_id = \"a b\"",
            "grants.client-credentials.names.client_id",
            "letters, digits",
        ),
        (
            "names.client_id = \"client_secret\"",
            "grants.client-credentials.names.client_id",
            "another parameter",
        ),
        (
            "names = { client_id = \"key\", client_secret = \"key\" }",
            "grants.client-credentials.names.client_",
            "another parameter",
        ),
        (
            "names.client_id = \"key\"\nparams.key = \"x\"",
            "grants.client-credentials.params.key",
            "authenticates the app",
        ),
        (
            "names.grant_type = \"type\"\nparams.grant_type = \"x\"",
            "grants.client-credentials.params.grant_type",
            "set the new name",
        ),
        (
            "without_client_id = true\nnames.client_id = \"key\"",
            "grants.client-credentials.names",
            "remove one of them",
        ),
        (
            "[grants.jwt-bearer]\nclient_auth = [\"private_key_jwt\"]\nwithout_client_id = true\n[assertion]\nalgorithms = [\"RS256\"]",
            "grants.jwt-bearer.without_client_id",
            "needs a client ID",
        ),
        (
            "[authorize]\nnames.state = \"x\"",
            "authorize.names.state",
            "can be renamed",
        ),
        (
            "[authorize]\nnames.client_id = \"key\"\nparams.key = \"x\"",
            "authorize.params.key",
            "authenticates the app",
        ),
        (
            "[assertion]\nas = \"cookie\"",
            "assertion.as",
            "unknown variant `cookie`",
        ),
        (
            "[assertion]\nas = \"client_secret\"",
            "assertion.as",
            "no grant has client_auth private_key_jwt",
        ),
        (
            "[assertion]\nas = \"access_token\"",
            "assertion.as",
            "no grant jwt-bearer",
        ),
        (
            "[assertion]\nas = \"authorization_header\"",
            "assertion.as",
            "no grant jwt-bearer",
        ),
        (
            "[grants.jwt-bearer]\nclient_auth = [\"post\"]\n[assertion]\nalgorithms = [\"RS256\"]\nas = \"access_token\"",
            "assertion.as",
            "client_auth = [\"none\"]",
        ),
        (
            "[grants.jwt-bearer]\nclient_auth = [\"none\"]\nparams.x = \"y\"\n[assertion]\nalgorithms = [\"RS256\"]\nas = \"access_token\"",
            "grants.jwt-bearer",
            "remove them",
        ),
        (
            "[grants.jwt-bearer]\nclient_auth = [\"none\"]\n[assertion]\nalgorithms = [\"RS256\"]\nas = \"client_secret\"",
            "assertion.as",
            "remove that grant",
        ),
    ] {
        let error = profile(&format!("{grant}{rules}\n")).expect_err(rules);
        assert!(
            error.message().contains(&format!("`{field}")),
            "{rules}: {error}"
        );
        assert!(error.message().contains(why), "{rules}: {error}");
    }
}
