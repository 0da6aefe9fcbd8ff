//! Revocations and logins of vendors that differ from the RFCs.

use countersign_core::{
    Clock, Connection, Error, ManualClock, Method, PresentedGrant, Profile, Request, Response,
    Secret, Settings, SystemRandom, TokenTypeHint, revocation_request,
};

use crate::support::NOW;
use crate::vendor_requests::{APP, BASE, body, code, connect, header, login, request};

#[test]
fn revocations_are_encoded_as_the_vendor_requires() {
    for (format, sent) in [
        (
            "form",
            "token=r1&token_type_hint=refresh_token&client_key=a+b&client_secret=s3cret%21",
        ),
        (
            "json",
            r#"{"token":"r1","token_type_hint":"refresh_token","client_key":"a b","client_secret":"s3cret!"}"#,
        ),
        ("query", ""),
    ] {
        let rules = "[grants.refresh-token]\nclient_auth = [\"post\"]\nbody = \"query\"\nheaders.X-Account = \"{extra.account}\"\nnames = { client_id = \"client_key\" }\n";
        let base = BASE.replace("[extra]", &format!("revoke_format = \"{format}\"\n[extra]"));
        let profile = Profile::from_toml(&format!("{base}{rules}")).unwrap();
        let settings = Settings::from_pairs(APP).unwrap();
        let connection =
            Connection::new("mine", &settings, countersign_core::from_profile(profile)).unwrap();
        let now = ManualClock::at(NOW).now();
        let hint = TokenTypeHint::RefreshToken;
        let token = Secret::new("r1");
        let random = SystemRandom::new();
        let request = revocation_request(&connection, &token, hint, now, &random);
        let request = request.unwrap().unwrap();
        assert_eq!(body(&request), sent, "{format}");
        assert_eq!(header(&request, "X-Account"), ["42"]);
        let in_query = request.full_url().contains("token=r1");
        assert_eq!(in_query, format == "query", "{format}");
    }
}

/// GitHub, Dropbox, Linear and Mollie revoke in ways of their own.
#[test]
fn revocations_differ_in_method_token_names_and_authentication() {
    let revocation = |more: &str| {
        let rules = "[grants.refresh-token]\nclient_auth = [\"basic\", \"post\"]\n";
        let base = BASE.replace("[extra]", &format!("{more}\n[extra]"));
        let profile = Profile::from_toml(&format!("{base}{rules}"))?;
        let settings = Settings::from_pairs(APP)?;
        let connection =
            Connection::new("mine", &settings, countersign_core::from_profile(profile))?;
        let now = ManualClock::at(NOW).now();
        let (hint, random) = (TokenTypeHint::AccessToken, SystemRandom::new());
        let request = revocation_request(&connection, &"t0".into(), hint, now, &random)?;
        Ok::<_, Error>((connection, request.unwrap()))
    };
    let authorization = |request: &Request| header(request, "Authorization").concat();

    let (_, request) = revocation("revoke_method = \"delete\"\nrevoke_format = \"json\"\nrevoke_names = { token = \"access_token\", token_type_hint = \"\" }").unwrap();
    assert_eq!(request.method(), Method::Delete);
    assert_eq!(body(&request), r#"{"access_token":"t0"}"#);
    assert!(authorization(&request).starts_with("Basic "));

    let (connection, request) = revocation("revoke_bearer = true\nrevoke_names = { token = \"\", token_type_hint = \"\" }\nrevoke_params = { account = \"{extra.account}\", all = true }").unwrap();
    assert_eq!(authorization(&request), "Bearer t0");
    assert_eq!(body(&request), "account=42&all=true");
    // What the vendor repeats of the token isn't shown.
    let says = r#"{"error":"x","error_description":"t0 of 42"}"#;
    let response = Response::new(400, [], says);
    let now = ManualClock::at(NOW).now();
    let error = countersign_core::read_revocation_response(&connection, &request, &response, now)
        .unwrap_err();
    assert!(error.message().contains("[redacted] of 42"), "{error}");

    let (_, request) = revocation("revoke_client_auth = \"none\"").unwrap();
    assert_eq!(
        body(&request),
        "token=t0&token_type_hint=access_token&client_id=a+b"
    );
    assert!(authorization(&request).is_empty());
    let (_, request) = revocation("revoke_client_auth = \"post\"\nrevoke_names = { token = \"refresh_token\", access_token = \"token\" }").unwrap();
    assert_eq!(
        body(&request),
        "token=t0&token_type_hint=access_token&client_id=a+b&client_secret=s3cret%21"
    );

    for (more, why) in [
        (
            "revoke_bearer = true\nrevoke_client_auth = \"basic\"",
            "fills the Authorization header",
        ),
        (
            "revoke_without_client = true\nrevoke_client_auth = \"post\"",
            "`revoke_without_client` is true",
        ),
        ("revoke_method = \"get\"", "unknown variant `get`"),
        ("revoke_names = { tokn = \"t\" }", "did you mean `token`?"),
        (
            "revoke_names = { token = \"\" }",
            "nothing says what to revoke",
        ),
        (
            "revoke_names = { client_secret = \"\" }",
            "can't be omitted",
        ),
        (
            "revoke_params = { token = \"x\" }",
            "each revocation sets itself",
        ),
        (
            "revoke_names = { token = \"t\" }\nrevoke_params = { t = \"x\" }",
            "each revocation sets itself",
        ),
        (
            "revoke_params = { x = \"{extra.acount}\" }",
            "did you mean `{extra.account}`?",
        ),
        ("revoke_params = { x = \"{refresh_token}\" }", "is secret"),
    ] {
        let error = revocation(more).unwrap_err();
        assert!(error.message().contains(why), "{more}: {error}");
    }
    for more in [
        "bearer = true",
        "method = \"delete\"",
        "token = \"access_token\"",
        "names.token = \"t\"",
        "params.x = \"1\"",
    ] {
        let text = format!("{BASE}[grants.refresh-token]\nclient_auth = [\"post\"]\n");
        let text = text.replace("revoke = \"{base_url}/revoke\"", &format!("revoke_{more}"));
        let error = Profile::from_toml(&text).unwrap_err();
        assert!(
            error
                .message()
                .contains("but `endpoints.revoke` is missing"),
            "{error}"
        );
    }
}

/// DATEV wants another response type, Hubstaff a nonce.
#[test]
fn a_login_has_the_response_type_and_the_nonce_that_the_vendor_wants() {
    let rules = r#"
        [authorize]
        response_type = "code id_token"
        nonce_without_openid = true
        [grants.authorization-code]
        client_auth = ["post"]
    "#;
    let connection = connect(rules, &[("scopes", "read")]).unwrap();
    let query = login(&connection);
    assert!(
        query.starts_with("response_type=code%20id_token&"),
        "{query}"
    );
    assert!(query.contains("&nonce"), "{query}");
    let plain = rules.replace("response_type", "# response_type");
    let plain = plain.replace("nonce_without_openid", "# nonce_without_openid");
    let query = login(&connect(&plain, &[("scopes", "read")]).unwrap());
    assert!(query.starts_with("response_type=code&"), "{query}");
    assert!(!query.contains("nonce"), "{query}");
}

/// Stripe's way: the secret key is the user.
#[test]
fn basic_authentication_can_have_the_secret_as_the_user() {
    let rules = r#"
        [grants.client-credentials]
        client_auth = ["basic"]
        basic_user = "client_secret"
    "#;
    let connection = connect(rules, &[("grant", "client-credentials")]).unwrap();
    let request = request(&connection, &PresentedGrant::ClientCredentials);
    // s3cret!:
    assert_eq!(header(&request, "Authorization"), ["Basic czNjcmV0ITo="]);
    assert_eq!(body(&request), "grant_type=client_credentials");
}

/// Clover's way: a code exchange has the secret, a refresh doesn't.
#[test]
fn a_refresh_can_omit_the_secret() {
    let rules = r#"
        [grants.authorization-code]
        client_auth = ["post"]
        [grants.refresh-token]
        client_auth = ["post"]
        names = { client_secret = "" }
    "#;
    let connection = connect(rules, &[("grant", "authorization-code")]).unwrap();
    let exchange = request(&connection, &code());
    assert!(body(&exchange).contains("&client_secret="));
    let refresh = request(&connection, &PresentedGrant::RefreshToken("r1".into()));
    assert_eq!(
        body(&refresh),
        "grant_type=refresh_token&refresh_token=r1&client_id=a+b"
    );
}
