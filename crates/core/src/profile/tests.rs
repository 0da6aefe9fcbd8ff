//! Tests of reading profiles.

use serde_json::json;

use super::*;
use crate::Verdict;

const ACME: &str = r#"
id = "acme"
name = "Acme"
documentation = "https://acme.example/docs"
environments.demo.base_url = "https://login.acme.example"
endpoints.token = "{base_url}/token"
grants.client-credentials.client_auth = ["post"]
"#;

#[test]
fn errors_name_the_field_and_its_line() {
    for (line, says) in [
        (
            "endpoint.token = \"x\"",
            "unknown field `endpoint`; did you mean `endpoints`?",
        ),
        (
            "refresh.grace = 3",
            "`refresh`: unknown field `grace`; did you mean `grace_s`?",
        ),
        (
            "consent.quite_another = 3",
            "`consent`: unknown field `quite_another`, expected `individual` or `admin`",
        ),
        (
            "endpoints.authorize = 3",
            "`endpoints.authorize`: invalid type: integer `3`, expected a string",
        ),
        (
            "refresh.grace_s = -1",
            "`refresh.grace_s`: invalid value: integer `-1`, expected u32",
        ),
        (
            "refresh.grace_s = 2020-01-01",
            "`refresh.grace_s`: invalid type: date, expected u32",
        ),
        (
            "refresh.grace_s = 0x1_0000_0000_0000_0000",
            "`refresh.grace_s`: the integer is too large",
        ),
        (
            "refresh.grace_s = 0x1_0000_0000",
            "`refresh.grace_s`: invalid value: integer `4294967296`, expected u32",
        ),
        (
            "assertion.jwt_id = \"yes\"",
            "`assertion.jwt_id`: invalid type: string \"yes\", expected a boolean",
        ),
        (
            "grants.device-code.client_auth = \"post\"",
            "`grants.device-code.client_auth`: invalid type: string \"post\", expected a sequence",
        ),
        ("extra = [1]", "`extra`: it must be a table"),
        (
            "grants.device.client_auth = [\"post\"]",
            "`grants`: unknown variant `device`; did you mean `device-code`?",
        ),
        (
            "basic_encoding = \"cooked\"",
            "`basic_encoding`: unknown variant `cooked`, expected `raw` or `rfc6749`",
        ),
        (
            "refresh.rotation = \"often\"",
            "`refresh.rotation`: unknown variant `often`, expected one of `always`, `sometimes`, `never`",
        ),
        (
            "refresh.rotation = \"allways\"",
            "`refresh.rotation`: unknown variant `allways`; did you mean `always`?",
        ),
        (
            "assertion.algorithms = [\"none\"]",
            "`assertion.algorithms`: `algorithm` none means no signature",
        ),
        (
            "errors = [{ status = 70000, kind = \"rejected\", hint = \"\" }]",
            "`errors.status`: invalid value: integer `70000`, expected u16",
        ),
        (
            "errors = [{ hint = \"\" }]",
            "`errors`: missing field `kind`",
        ),
        ("id = \"again\"", "duplicate key"),
        ("refresh = [\"never\", 30]", "`refresh`: it must be a table"),
        (
            "environments.live = [\"https://a\"]",
            "`environments.live`: it must be a table",
        ),
        ("errors = [[[], [], 400]]", "`errors`: it must be a table"),
        ("errors = 1", "`errors`: it must be a table"),
    ] {
        let error = Profile::from_toml(&format!("{ACME}{line}\n")).expect_err(line);
        let says = format!("profile in line 8: {says}");
        assert!(error.message().starts_with(&says), "{line}: {error}");
    }
}

#[test]
fn templates_of_other_types_are_rejected() {
    for (value, why) in [
        ("1979-05-27", "it must be text, a number, true, false,"),
        ("{ b = 1 }", "it must be text, a number, true, false,"),
        ("[[{}]]", "it must be text, a number, true, false,"),
        ("-inf", "it is not a finite number"),
        ("[nan]", "it is not a finite number"),
    ] {
        let text = format!("{ACME}assertion.claims.a = {value}\n");
        let error = Profile::from_toml(&text).expect_err(value);
        let says = format!("profile `acme`: `assertion.claims.a` is invalid: {why}");
        assert!(error.message().starts_with(&says), "{value}: {error}");
    }
}

#[test]
fn an_array_of_tables_in_place_of_a_table_is_rejected() {
    for (table, line) in [
        ("environments.live", "about = \"x\""),
        ("grants.jwt-bearer", "client_auth = [\"none\"]"),
        ("assertion", "ttl_s = 60"),
        ("authorize", "keep = [\"realmId\"]"),
        ("consent", "individual = \"x\""),
        ("refresh", "rotation = \"never\""),
        ("response", "keep = [\"x\"]"),
        ("lookup", "required = false"),
        ("use", "scheme = \"x\""),
        ("extra", "tenant = \"x\""),
    ] {
        let read = |header: String| Profile::from_toml(&format!("{ACME}{header}\n{line}\n"));
        let error = read(format!("[[{table}]]")).expect_err(table);
        let says = format!("profile in line 8: `{table}`: it must be a table");
        assert_eq!(error.message(), says);
        if table != "grants.jwt-bearer" {
            read(format!("[{table}]")).expect(table);
        }
    }
}

#[test]
fn errors_name_missing_fields() {
    for name in ["id", "name", "documentation", "environments", "grants"] {
        let rest: Vec<_> = ACME
            .lines()
            .filter(|line| !line.starts_with(name))
            .collect();
        let error = Profile::from_toml(&rest.join("\n")).expect_err(name);
        assert_eq!(error.message(), format!("profile: missing field `{name}`"));
    }
    let rest: Vec<_> = ACME
        .lines()
        .filter(|line| !line.starts_with("endpoints"))
        .collect();
    let error = Profile::from_toml(&rest.join("\n")).unwrap_err();
    assert!(
        error.message().contains("`endpoints.token` is missing"),
        "{error}"
    );
}

#[test]
fn every_kind_of_value_is_read() {
    let text = format!(
        "{ACME}refresh.grace_s = 0x1_0\nerrors = [{{ kind = \"login_required\", verdict = \"retry\", \
         hint = \"h\", grants = [\"jwt-bearer\"], status = 400 }}]\n\
         [assertion]\nclient_audience = \"issuer\"\nissued_at = false\n\
         claims = {{ a = [\"t\", [1, -2.5, true]] }}\n"
    );
    let profile = Profile::from_toml(&text).unwrap();
    assert_eq!(profile.refresh.grace_s, 16);
    assert!(!profile.assertion.issued_at && profile.assertion.ttl_s == 300);
    assert_eq!(profile.assertion.client_audience, ClientAudience::Issuer);
    let claims = json!(["t", [1, -2.5, true]]);
    assert_eq!(profile.assertion.claims["a"].0, claims);
    let row = &profile.errors[0];
    assert_eq!(
        (row.kind, row.verdict),
        (ErrorKind::LoginRequired, Some(Verdict::Retry))
    );
    assert_eq!(
        (row.status, row.grants.as_slice()),
        (Some(400), [GrantKind::JwtBearer].as_slice())
    );
}
