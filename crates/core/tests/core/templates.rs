//! Templates of profiles, for requirements of vendors beyond the RFCs.

use countersign_core::jws::{self, Algorithm, CallbackSigner};
use countersign_core::key::Certificate;
use countersign_core::{
    Clock, Connection, Error, ErrorKind, Form, ManualClock, PresentedGrant, Profile, Settings,
    SystemRandom, token_request,
};

use crate::openssl::{openssl, openssl_text};
use crate::support::NOW;

const BASE: &str = r#"
    id = "acme"
    name = "Acme"
    documentation = "https://acme.example/docs"
    [environments.production]
    base_url = "https://login.acme.example"
    [endpoints]
    token = "{base_url}/token"
    [extra]
    account = "the account"
    region = "the region"
"#;

/// Snowflake's key pair authentication, as in its drivers: the names in capitals, the account up to
/// its first dot, the fingerprint of the public key in the issuer, no audience.
const KEY_PAIR: &str = r#"
    [grants.jwt-bearer]
    client_auth = ["none"]
    [assertion]
    algorithms = ["RS256"]
    backdate_s = 0
    ttl_s = 120
    [assertion.claims]
    iss = "{extra.account|label|upper}.{subject|upper}.SHA256:{spki_sha256}"
    sub = "{extra.account|label|upper}.{subject|upper}"
    aud = "{audience?}"
"#;

/// Entra ID's certificate credential, which identifies the certificate by its thumbprint.
const CERTIFICATE: &str = r#"
    [grants.client-credentials]
    client_auth = ["private_key_jwt"]
    send_scope = true
    [assertion]
    algorithms = ["PS256"]
    backdate_s = 0
    ttl_s = 600
    header = { "x5t#S256" = "{cert_sha256}", x5t = "{cert_sha1}" }
"#;

const APP: [(&str, &str); 2] = [("client_id", "app"), ("subject", "joe")];

#[test]
fn claims_of_snowflake() {
    let key = openssl_text("genrsa 2048", "");
    let spki = openssl("pkey -pubout -outform DER", key.as_bytes());
    let fingerprint =
        base64_simd::STANDARD.encode_to_string(openssl("dgst -sha256 -binary", &spki));
    let connection = with(KEY_PAIR, &key, &[("extra.account", "my_org-acct.eu.azure")]).unwrap();
    let (header, claims) = parts(&form(&connection, &PresentedGrant::JwtBearer), "assertion");
    assert_eq!(header, r#"{"alg":"RS256","typ":"JWT"}"#);
    assert_eq!(
        claims,
        format!(
            r#"{{"iss":"MY_ORG-ACCT.JOE.SHA256:{fingerprint}","sub":"MY_ORG-ACCT.JOE","iat":1800000000,"exp":1800000120}}"#
        )
    );
}

#[test]
fn header_of_entra() {
    let key = openssl_text("genrsa 2048", "");
    let own = certificate(&key);
    let issuer = certificate(&openssl_text("genrsa 2048", ""));
    let der = |pem: &str| openssl("x509 -outform DER", pem.as_bytes());
    let url = |bytes: &[u8]| base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes);
    let sha256 = url(&openssl("dgst -sha256 -binary", &der(&own)));
    let sha1 = url(&openssl("dgst -sha1 -binary", &der(&own)));
    let chained = [key.as_str(), &issuer, &own].concat();

    let connection = with(CERTIFICATE, &chained, &[("key_id", "7")]).unwrap();
    let form = form(&connection, &PresentedGrant::ClientCredentials);
    let (header, claims) = parts(&form, "client_assertion");
    let thumbprints = format!(r#""x5t":"{sha1}","x5t#S256":"{sha256}""#);
    assert_eq!(
        header,
        format!(r#"{{"alg":"PS256","typ":"JWT","kid":"7",{thumbprints}}}"#)
    );
    let jti = serde_json::from_str::<serde_json::Value>(&claims).unwrap()["jti"].to_string();
    assert_eq!(
        claims,
        format!(
            r#"{{"iss":"app","sub":"app","aud":"https://login.acme.example/token","iat":1800000000,"exp":1800000600,"jti":{jti}}}"#
        )
    );

    // With the chain, in which the key's own certificate comes first.
    let with_chain = CERTIFICATE.replace("ttl_s", "x5c = true\n    ttl_s");
    let connection = with(&with_chain, &chained, &[]).unwrap();
    let form = self::form(&connection, &PresentedGrant::ClientCredentials);
    let plain = |pem: &str| base64_simd::STANDARD.encode_to_string(der(pem));
    let chain = format!(r#""x5c":["{}","{}"]"#, plain(&own), plain(&issuer));
    assert_eq!(
        parts(&form, "client_assertion").0,
        format!(r#"{{"alg":"PS256","typ":"JWT",{thumbprints},{chain}}}"#)
    );

    // A program sets the certificate of a key in a device.
    let own = Certificate::from_bytes(own.as_bytes()).unwrap();
    let device = CallbackSigner::new(Algorithm::PS256, None, |_| Ok(vec![0; 256]));
    let device = device.with_certificates(vec![own]).unwrap();
    let connection = by_signer(CERTIFICATE, device).unwrap();
    let error = token_request(
        &connection,
        &PresentedGrant::ClientCredentials,
        ManualClock::at(NOW).now(),
        &SystemRandom::new(),
    )
    .unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Signing,
        "wrong signature: {error:?}"
    );
    let device = CallbackSigner::new(Algorithm::PS256, None, |_| Ok(vec![0; 256]));
    let error = by_signer(CERTIFICATE, device).unwrap_err();
    assert_eq!(error.setting_name(), Some("private_key"), "{error:?}");
}

#[test]
fn a_key_without_its_certificate_is_rejected_if_the_vendor_needs_it() {
    let key = openssl_text("genrsa 2048", "");
    let other = certificate(&openssl_text("genrsa 2048", ""));
    let switch = CERTIFICATE.replace("header", "x5c = true\n#");
    let folder = tempfile::tempdir().unwrap();
    for (rules, field) in [
        (CERTIFICATE, "Acme's `assertion.header.x5t` needs it"),
        (&switch, "Acme's `assertion.x5c` needs it"),
    ] {
        // Somebody else's certificate is not the key's.
        for text in [key.clone(), [key.as_str(), &other].concat()] {
            let error = with(rules, &text, &[]).unwrap_err();
            assert_eq!(error.setting_name(), Some("private_key"));
            assert!(
                error
                    .message()
                    .contains("the private key has no certificate"),
                "{error:?}"
            );
            let hint = error.hint().unwrap();
            assert!(hint.contains(field) && hint.contains("PKCS#12"), "{hint}");
        }
        std::fs::write(folder.path().join("key.pem"), &key).unwrap();
        let error = Settings::from_pairs(APP)
            .and_then(|mut settings| {
                settings.set("private_key_file", "key.pem")?;
                settings.relative_to(folder.path()).resolve(|_| None)
            })
            .and_then(|settings| Connection::new("mine", &settings, provider(rules)))
            .unwrap_err();
        assert!(error.message().contains("key.pem"), "{error}");
    }
    // With `?`, the certificate is optional.
    let rules = CERTIFICATE.replace("256}", "256?}").replace("1}", "1?}");
    let connection = with(&rules, &key, &[]).unwrap();
    let form = form(&connection, &PresentedGrant::ClientCredentials);
    let (header, _) = parts(&form, "client_assertion");
    assert_eq!(header, r#"{"alg":"PS256","typ":"JWT"}"#);
}

#[cfg(feature = "encrypted-keys")]
#[test]
fn the_certificate_of_a_pkcs12_file_is_used() {
    let key = openssl_text("genrsa 2048", "");
    let own = certificate(&key);
    let both = [key.as_str(), &own].concat();
    let p12 = openssl("pkcs12 -export -passout pass:open", both.as_bytes());
    let text = base64_simd::STANDARD.encode_to_string(p12);
    let connection = with(CERTIFICATE, &text, &[("private_key_passphrase", "open")]).unwrap();
    let form = form(&connection, &PresentedGrant::ClientCredentials);
    let own = Certificate::from_bytes(own.as_bytes()).unwrap();
    assert!(parts(&form, "client_assertion").0.contains(&own.x5t_s256()));
}

/// Every placeholder, filter and type of value.
#[test]
fn every_placeholder_and_filter() {
    let claims = r#"
        a = "{client_id}/{subject}/{audience}/{issuer}"
        b = "{base_url} {token_url}"
        c = "{scopes}"
        d = "{key_id}"
        e = "{extra.account|upper} {extra.account|lower} {extra.account|dash} {extra.account|label}"
        f = "{extra.account|label|lower|dash}"
        g = "{extra.region:no_where|dash|upper}{extra.region:}"
        h = "before {extra.region?} after"
        i = ["{client_id}", "{extra.region?}", 7, true, ["x"]]
        j = 12
        k = 1.5
        l = false
        m = "plain, with: no | placeholders?"
        scope = "s-{scopes}"
        sub = "{extra.region?}"
    "#;
    let rules = format!(
        "[grants.jwt-bearer]\nclient_auth = [\"none\"]\ndefault_scopes = [\"r\", \"w\"]\n\
         [assertion]\nalgorithms = [\"RS256\"]\nscope_claim = true\n[assertion.header]\n\
         typ = \"at+{{client_id}}\"\nkid = \"{{key_id|lower}}\"\n[assertion.claims]\n{claims}"
    );
    let key = openssl_text("genrsa 2048", "");
    let connection = with(
        &rules,
        &key,
        &[
            ("extra.account", "Ac_me.EU"),
            ("audience", "aud"),
            ("issuer", "https://i"),
            ("key_id", "KEY"),
        ],
    );
    let form = form(&connection.unwrap(), &PresentedGrant::JwtBearer);
    let (header, claims) = parts(&form, "assertion");
    assert_eq!(header, r#"{"alg":"RS256","typ":"at+app","kid":"key"}"#);
    assert_eq!(
        claims,
        concat!(
            r#"{"iss":"app","aud":"aud","scope":"s-r w","iat":1799999940,"exp":1800000300,"#,
            r#""a":"app/joe/aud/https://i","b":"https://login.acme.example https://login.acme.example/token","#,
            r#""c":"r w","d":"KEY","e":"AC_ME.EU ac_me.eu Ac-me.EU Ac_me","f":"ac-me","g":"NO-WHERE","#,
            r#""i":["app",7,true,["x"]],"j":12,"k":1.5,"l":false,"m":"plain, with: no | placeholders?"}"#
        )
    );
}

/// If the grant is an assertion, the one that authenticates the client has no additional claims.
#[test]
fn claims_are_part_of_the_assertion_of_the_grant() {
    let key = openssl_text("genrsa 2048", "");
    let rules = r#"
        [grants.jwt-bearer]
        client_auth = ["private_key_jwt"]
        [grants.client-credentials]
        client_auth = ["private_key_jwt", "client_secret_jwt"]
        [assertion]
        algorithms = ["RS256"]
        claims.tenant = "{extra.account}"
        header.typ = "x"
    "#;
    let set = [("extra.account", "acct")];
    let by = |grant: &'static str| with(rules, &key, &[set[0], ("grant", grant)]).unwrap();
    let both = form(&by("jwt-bearer"), &PresentedGrant::JwtBearer);
    assert!(parts(&both, "assertion").1.contains(r#""tenant":"acct""#));
    assert!(!parts(&both, "client_assertion").1.contains("tenant"));
    assert!(parts(&both, "client_assertion").0.contains(r#""typ":"x""#));
    let alone = form(
        &by("client-credentials"),
        &PresentedGrant::ClientCredentials,
    );
    assert!(parts(&alone, "client_assertion").1.contains("tenant"));
    let secret = [
        set[0],
        ("grant", "client-credentials"),
        ("client_auth", "client_secret_jwt"),
        ("client_secret", "a secret of at least thirty-two bytes"),
    ];
    let by_secret = with(rules, "", &secret).unwrap();
    let form = form(&by_secret, &PresentedGrant::ClientCredentials);
    assert!(parts(&form, "client_assertion").1.contains("tenant"));
}

#[test]
fn the_error_of_a_connection_names_the_setting_that_a_template_lacks() {
    let key = openssl_text("genrsa 2048", "");
    for (template, setting) in [
        ("{extra.account}", "extra.account"),
        ("{extra.region:x}{extra.account|upper}", "extra.account"),
        ("{audience}", "audience"),
        ("{issuer}", "issuer"),
        ("{key_id}", "key_id"),
        ("{scopes}", "scopes"),
    ] {
        for table in ["claims", "header"] {
            let rules = KEY_PAIR.replace(
                "algorithms",
                &format!("{table}.thing = \"{template}\"\n    algorithms"),
            );
            let rules = &rules[..rules.find("[assertion.claims]").unwrap()];
            let error = with(rules, &key, &[]).expect_err(template);
            assert_eq!(error.setting_name(), Some(setting), "{error:?}");
            assert_eq!(error.kind(), ErrorKind::Setting);
            assert!(
                error
                    .message()
                    .ends_with(&format!("`{setting}` is missing")),
                "{error}"
            );
            let hint = format!("set {setting}: Acme's `assertion.{table}.thing` needs it");
            assert_eq!(error.hint(), Some(hint.as_str()));
        }
    }
    let rules = "[grants.client-credentials]\nclient_auth = [\"post\"]\n\
                 [grants.client-credentials.params]\nwho = \"{subject} {extra.region}\"";
    let error = with(rules, "", &[("client_secret", "s")]).unwrap_err();
    assert_eq!(error.setting_name(), Some("extra.region"));
    assert_eq!(
        error.hint(),
        Some("set extra.region: Acme's `grants.client-credentials.params.who` needs it")
    );
    // A setting that only a refresh needs is required before the login.
    let rules = "[grants.authorization-code]\nclient_auth = [\"none\"]\n\
                 [grants.refresh-token]\nclient_auth = [\"none\"]\nparams.r = \"{extra.region}\"";
    let rules =
        format!("{BASE}{rules}").replace("[extra]", "authorize = \"https://x/a\"\n    [extra]");
    let profile = Profile::from_toml(&rules).unwrap();
    let settings = Settings::from_pairs([
        ("client_id", "app"),
        ("grant", "authorization-code"),
        ("redirect_uri", "https://app.example/cb"),
    ]);
    let provider = countersign_core::from_profile(profile);
    let error = Connection::new("mine", &settings.unwrap(), provider).unwrap_err();
    assert_eq!(error.setting_name(), Some("extra.region"));
}

/// Zoom's own grant type, and a resource that occurs twice (RFC 8707 section 2).
#[test]
fn parameters_are_added_and_override_those_of_the_grant() {
    let rules = r#"
        [grants.client-credentials]
        client_auth = ["post"]
        default_scopes = ["a", "b"]
        send_scope = true
        [grants.client-credentials.params]
        grant_type = "account_credentials"
        account_id = "{extra.account}"
        resource = ["https://one.example/{client_id}", "https://two.example"]
        limit = 7
        strict = true
        region = "{extra.region?}"
        scope = "{extra.region?}"
    "#;
    let set = [("extra.account", "a+1"), ("client_secret", "s3cret")];
    let connection = with(rules, "", &set).unwrap();
    let body = form(&connection, &PresentedGrant::ClientCredentials).encode();
    assert_eq!(
        body.as_str(),
        "grant_type=account_credentials&account_id=a%2B1&limit=7\
         &resource=https%3A%2F%2Fone.example%2Fapp&resource=https%3A%2F%2Ftwo.example&strict=true\
         &client_id=app&client_secret=s3cret"
    );
    // They are for one grant, and not for the refreshes after it.
    let refresh = form(&connection, &PresentedGrant::RefreshToken("r".into())).encode();
    assert!(!refresh.contains("account"), "{}", *refresh);
}

#[test]
fn a_profile_with_an_invalid_template_is_rejected() {
    for (entry, says) in [
        (
            "assertion.claims.sub = \"{subjet}\"",
            "`assertion.claims.sub` is invalid: `{subjet}` is not known; did you mean `{subject}`?",
        ),
        (
            "assertion.claims.sub = \"{extra.acount}\"",
            "`{extra.acount}` is not known; did you mean `{extra.account}`?",
        ),
        (
            "assertion.header.kid = \"{zzzzzz}\"",
            "`assertion.header.kid` is invalid: `{zzzzzz}` is not known; expected one of client_id, subject",
        ),
        (
            "assertion.claims.x = \"{subject|uper}\"",
            "the filter `|uper` is not known; did you mean `|upper`?",
        ),
        (
            "assertion.claims.x = \"{subject|}\"",
            "the filter `|` is not known; expected one of upper, lower, dash, label",
        ),
        (
            "assertion.claims.x = \"{subject|upper?}\"",
            "come right after the name",
        ),
        (
            "assertion.claims.x = \"{subject|upper:A}\"",
            "come right after the name",
        ),
        ("assertion.claims.x = \"{subject\"", "unmatched brace"),
        ("assertion.claims.x = \"subject}\"", "unmatched brace"),
        ("assertion.claims.x = \"{{subject}}\"", "unmatched brace"),
        ("assertion.claims.x = \"{}\"", "`{}` is not known"),
        ("assertion.claims.x = \"{ subject }\"", "is not known"),
        (
            "assertion.claims.x = \"{extra.}\"",
            "`{extra.}` is not known",
        ),
        ("assertion.claims.x = [1, [\"{nobody}\"]]", "`{nobody}`"),
        ("assertion.claims.x = nan", "not a finite number"),
        ("assertion.claims.x = { y = 1 }", "an array of these"),
        ("assertion.claims.x = 1979-05-27", "an array of these"),
        ("assertion.claims.\"\" = 1", "has no name"),
        ("assertion.header.alg = \"none\"", "is set by the signer"),
        (
            "assertion.header.crit = [\"x\"]",
            "what the signature covers",
        ),
        ("assertion.header.b64 = false", "what the signature covers"),
        ("assertion.header.x5c = \"x\"", "use `assertion.x5c = true`"),
        ("grants.jwt-bearer.params.\"a b\" = 1", "letters, digits"),
        ("grants.jwt-bearer.params.\"a&b\" = 1", "letters, digits"),
        (
            "grants.jwt-bearer.params.x = \"{nobody}\"",
            "`grants.jwt-bearer.params.x` is invalid: `{nobody}`",
        ),
    ] {
        assert_rejected(entry, says);
    }
    for name in ["exp", "iat", "jti", "nbf"] {
        let says = format!("`assertion.claims.{name}` is set for each assertion");
        assert_rejected(&format!("assertion.claims.{name} = 1"), &says);
    }
    for name in [
        "assertion",
        "client_assertion",
        "client_assertion_type",
        "client_id",
        "client_secret",
        "code",
        "code_verifier",
        "refresh_token",
    ] {
        let says = format!("params.{name}` authenticates the app or spends a grant");
        assert_rejected(&format!("grants.jwt-bearer.params.{name} = 1"), &says);
    }
    for secret in countersign_core::SETTINGS.iter().filter(|s| s.secret) {
        for field in [
            "assertion.claims.x",
            "assertion.header.x",
            "grants.jwt-bearer.params.x",
        ] {
            // Parameters of token requests may have it.
            if (field, secret.name) == ("grants.jwt-bearer.params.x", "client_secret") {
                continue;
            }
            let says = format!("`{{{}}}` is secret", secret.name);
            assert_rejected(&format!("{field} = \"{{{}}}\"", secret.name), &says);
        }
    }
}

fn assert_rejected(entry: &str, says: &str) {
    // All keys are dotted, so that an entry can be appended.
    let rules = r#"
        grants.jwt-bearer.client_auth = ["none"]
        assertion.algorithms = ["RS256"]
    "#;
    let base = BASE.replace(
        "[environments.production]\n    ",
        "environments.production.",
    );
    let base = base
        .replace("[endpoints]\n    ", "endpoints.")
        .replace("[extra]\n    account", "extra.account")
        .replace("    region", "    extra.region");
    assert!(Profile::from_toml(&format!("{base}{rules}")).is_ok());
    let error = Profile::from_toml(&format!("{base}{rules}{entry}\n")).expect_err(entry);
    assert!(error.message().contains(says), "{entry}: {error}");
    assert_eq!(error.kind(), ErrorKind::Setting);
}

fn provider(rules: &str) -> std::sync::Arc<dyn countersign_core::Provider> {
    let profile = Profile::from_toml(&format!("{BASE}{rules}"));
    countersign_core::from_profile(profile.unwrap_or_else(|error| panic!("{error}")))
}

/// Returns a connection with these rules, and with this key unless it is empty.
fn with(rules: &str, key: &str, more: &[(&str, &str)]) -> Result<Connection, Error> {
    let key = [("private_key", key)];
    let key = key.iter().filter(|(_, text)| !text.is_empty());
    let settings = Settings::from_pairs(APP.iter().chain(key).chain(more).copied())?;
    Connection::new("mine", &settings, provider(rules))
}

fn by_signer(rules: &str, signer: CallbackSigner) -> Result<Connection, Error> {
    let settings = Settings::from_pairs(APP)?;
    Connection::with_signer(
        "mine",
        &settings,
        provider(rules),
        std::sync::Arc::new(signer),
    )
}

fn form(connection: &Connection, grant: &PresentedGrant) -> Form {
    let now = ManualClock::at(NOW).now();
    let request = token_request(connection, grant, now, &SystemRandom::new());
    request.unwrap().form().unwrap().clone()
}

/// Returns the header and the claims of an assertion.
fn parts(form: &Form, field: &str) -> (String, String) {
    let token = form.value(field).unwrap();
    let header = token.split('.').next().unwrap();
    let header = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(header).unwrap();
    let payload = jws::inspect(token).unwrap().payload;
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(header), text(payload))
}

fn certificate(key: &str) -> String {
    openssl_text(
        "req -x509 -new -key /dev/stdin -subj /CN=acme -days 30",
        key,
    )
}
