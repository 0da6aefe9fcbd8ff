//! Reads a profile from TOML.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::template::Value;
use super::{
    AdminConsent, AssertionRules, AuthorizeRules, Consent, Endpoints, Environment, ErrorRow,
    GrantRules, Profile, RefreshRules, ResponseRules, Templated,
};
use crate::document::{Field, Rejection};
use crate::{Algorithm, Error, jose};

impl Profile {
    pub(super) fn read(field: Field<'_>) -> Result<Self, Rejection> {
        let mut fields = field.fields(&[
            "id",
            "name",
            "documentation",
            "environments",
            "endpoints",
            "grants",
            "basic_encoding",
            "assertion",
            "authorize",
            "consent",
            "refresh",
            "response",
            "extra",
            "errors",
        ])?;
        let mut grants = BTreeMap::new();
        for (name, field) in fields.required("grants")?.entries()? {
            let kind = name.parse().map_err(|error: Error| {
                field.reject(&format!("is not a grant: {}", error.message()))
            })?;
            grants.insert(kind, GrantRules::read(field)?);
        }
        fields.present("environments")?;
        Ok(Self {
            id: fields.required("id")?.text()?,
            name: fields.required("name")?.text()?,
            documentation: fields.required("documentation")?.text()?,
            environments: fields.named("environments", Environment::read)?,
            endpoints: Endpoints::read(fields.required("endpoints")?)?,
            grants,
            basic_encoding: fields.word("basic_encoding")?,
            assertion: match fields.take("assertion") {
                Some(field) => AssertionRules::read(field)?,
                None => AssertionRules::default(),
            },
            authorize: match fields.take("authorize") {
                Some(field) => AuthorizeRules::read(field)?,
                None => AuthorizeRules::default(),
            },
            consent: fields.take("consent").map(Consent::read).transpose()?,
            refresh: match fields.take("refresh") {
                Some(field) => RefreshRules::read(field)?,
                None => RefreshRules::default(),
            },
            response: match fields.take("response") {
                Some(field) => ResponseRules::read(field)?,
                None => ResponseRules::default(),
            },
            extra: fields.named("extra", Field::text)?,
            errors: fields.list("errors", ErrorRow::read)?,
        })
    }
}

impl Environment {
    fn read(field: Field<'_>) -> Result<Self, Rejection> {
        let mut fields = field.fields(&["base_url", "audience", "about", "extra"])?;
        Ok(Self {
            base_url: fields.text("base_url")?,
            audience: fields.text("audience")?,
            about: fields.text("about")?.unwrap_or_default(),
            extra: fields.named("extra", Field::text)?,
        })
    }
}

impl Endpoints {
    fn read(field: Field<'_>) -> Result<Self, Rejection> {
        let mut fields = field.fields(&[
            "token",
            "authorize",
            "authorization_response_iss_parameter_supported",
            "userinfo",
            "revoke",
            "revoke_without_client",
        ])?;
        Ok(Self {
            token: fields.required("token")?.text()?,
            authorize: fields.text("authorize")?,
            authorization_response_iss_parameter_supported: fields
                .flag("authorization_response_iss_parameter_supported", false)?,
            userinfo: fields.text("userinfo")?,
            revoke: fields.text("revoke")?,
            revoke_without_client: fields.flag("revoke_without_client", false)?,
        })
    }
}

impl GrantRules {
    fn read(field: Field<'_>) -> Result<Self, Rejection> {
        let mut fields = field.fields(&[
            "client_auth",
            "default_scopes",
            "required_scopes",
            "refresh_scopes",
            "send_scope",
            "send_client_id",
            "send_redirect_uri",
            "pkce_required",
            "required",
            "params",
        ])?;
        fields.present("client_auth")?;
        Ok(Self {
            client_auth: fields.list("client_auth", Field::word)?,
            default_scopes: fields.list("default_scopes", Field::text)?,
            required_scopes: fields.list("required_scopes", Field::text)?,
            refresh_scopes: fields.list("refresh_scopes", Field::text)?,
            send_scope: fields.flag("send_scope", false)?,
            send_client_id: fields.flag("send_client_id", false)?,
            send_redirect_uri: fields.flag("send_redirect_uri", false)?,
            pkce_required: fields.flag("pkce_required", false)?,
            required: fields.list("required", Field::text)?,
            params: fields.named("params", Templated::read)?,
        })
    }
}

impl AssertionRules {
    fn read(field: Field<'_>) -> Result<Self, Rejection> {
        let mut fields = field.fields(&[
            "algorithms",
            "ttl_s",
            "max_ttl_s",
            "backdate_s",
            "issued_at",
            "jwt_id",
            "scope_claim",
            "client_audience",
            "claims",
            "header",
            "x5c",
        ])?;
        let default = Self::default();
        Ok(Self {
            algorithms: fields.list("algorithms", algorithm)?,
            ttl_s: fields.count("ttl_s")?.unwrap_or(default.ttl_s),
            max_ttl_s: fields.count("max_ttl_s")?.unwrap_or(default.max_ttl_s),
            backdate_s: fields.count("backdate_s")?.unwrap_or(default.backdate_s),
            issued_at: fields.flag("issued_at", default.issued_at)?,
            jwt_id: fields.flag("jwt_id", default.jwt_id)?,
            scope_claim: fields.flag("scope_claim", default.scope_claim)?,
            client_audience: fields.word("client_audience")?.unwrap_or_default(),
            claims: fields.named("claims", Templated::read)?,
            header: fields.named("header", Templated::read)?,
            x5c: fields.flag("x5c", default.x5c)?,
        })
    }
}

impl AuthorizeRules {
    fn read(field: Field<'_>) -> Result<Self, Rejection> {
        let mut fields = field.fields(&[
            "params",
            "nonce",
            "offline_access_prompt",
            "keep",
            "loopback_port",
        ])?;
        Ok(Self {
            params: fields.named("params", Templated::read)?,
            nonce: fields.flag("nonce", true)?,
            offline_access_prompt: fields.text("offline_access_prompt")?,
            keep: fields.list("keep", Field::text)?,
            loopback_port: fields.word("loopback_port")?,
        })
    }
}

impl Consent {
    fn read(field: Field<'_>) -> Result<Self, Rejection> {
        let mut fields = field.fields(&["individual", "admin"])?;
        Ok(Self {
            individual: fields.required("individual")?.text()?,
            admin: fields.take("admin").map(AdminConsent::read).transpose()?,
        })
    }
}

impl AdminConsent {
    fn read(field: Field<'_>) -> Result<Self, Rejection> {
        let mut fields = field.fields(&["scope", "admin_consent_scope"])?;
        Ok(Self {
            scope: fields.required("scope")?.text()?,
            admin_consent_scope: fields.required("admin_consent_scope")?.text()?,
        })
    }
}

impl RefreshRules {
    fn read(field: Field<'_>) -> Result<Self, Rejection> {
        let mut fields = field.fields(&["rotation", "grace_s", "idle_days", "absolute_days"])?;
        let default = Self::default();
        Ok(Self {
            rotation: fields.word("rotation")?.unwrap_or(default.rotation),
            grace_s: fields.count("grace_s")?.unwrap_or(default.grace_s),
            idle_days: fields.count("idle_days")?,
            absolute_days: fields.count("absolute_days")?,
        })
    }
}

impl ResponseRules {
    fn read(field: Field<'_>) -> Result<Self, Rejection> {
        let mut fields =
            field.fields(&["keep", "token_types", "assume_lifetime_s", "trace_header"])?;
        Ok(Self {
            keep: fields.list("keep", Field::text)?,
            token_types: fields.named("token_types", Field::text)?,
            assume_lifetime_s: fields.count("assume_lifetime_s")?,
            trace_header: fields.text("trace_header")?,
        })
    }
}

impl ErrorRow {
    fn read(field: Field<'_>) -> Result<Self, Rejection> {
        let mut fields = field.fields(&[
            "grants",
            "client_auth",
            "status",
            "error",
            "description",
            "kind",
            "verdict",
            "hint",
            "setting",
            "retry_after_s",
        ])?;
        let status = fields.take("status").map(|field| {
            let status = field.whole().and_then(|status| u16::try_from(status).ok());
            status.ok_or_else(|| field.reject("must be an HTTP status"))
        });
        Ok(Self {
            grants: fields.list("grants", Field::word)?,
            client_auth: fields.list("client_auth", Field::word)?,
            status: status.transpose()?,
            error: fields.text("error")?,
            description: fields.text("description")?,
            kind: fields.required("kind")?.word()?,
            verdict: fields.word("verdict")?,
            hint: fields.required("hint")?.text()?,
            setting: fields.text("setting")?,
            retry_after_s: fields.count("retry_after_s")?,
        })
    }
}

impl Templated {
    fn read(field: Field<'_>) -> Result<Self, Rejection> {
        Ok(Self(match &field.value {
            DeValue::String(_) => Value::Text(field.text()?),
            DeValue::Boolean(truth) => Value::Truth(*truth),
            DeValue::Integer(_) => {
                let number = field.whole();
                Value::Whole(number.ok_or_else(|| field.reject("is too large"))?)
            }
            DeValue::Float(number) => {
                let number = number.as_str().parse();
                Value::Real(number.map_err(|_| field.reject("is not a number"))?)
            }
            DeValue::Array(_) => {
                Value::List(field.items()?.map(Self::read).collect::<Result<_, _>>()?)
            }
            DeValue::Datetime(_) | DeValue::Table(_) => {
                return Err(field.must_be("text, a number, true, false, or an array of these"));
            }
        }))
    }
}

fn algorithm(field: Field<'_>) -> Result<Algorithm, Rejection> {
    let word = field.value.as_str().ok_or_else(|| field.must_be("text"))?;
    word.parse()
        .map_err(|error: jose::Error| field.reject(&format!("is invalid: {}", error.message())))
}

#[cfg(test)]
mod tests {
    use super::*;

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
                "`endpoint` is not known here; did you mean `endpoints`?",
            ),
            (
                "refresh.grace = 3",
                "`refresh.grace` is not known here; did you mean `grace_s`?",
            ),
            (
                "consent.quite_another = 3",
                "`consent.quite_another` is not known here; expected one of individual, admin",
            ),
            (
                "endpoints.authorize = 3",
                "`endpoints.authorize` must be text, but is of type integer",
            ),
            (
                "refresh.grace_s = -1",
                "`refresh.grace_s` must be a whole number from 0 to 4294967295, but is of type integer",
            ),
            (
                "assertion.jwt_id = \"yes\"",
                "`assertion.jwt_id` must be true or false, but is of type string",
            ),
            (
                "grants.device-code.client_auth = \"post\"",
                "`grants.device-code.client_auth` must be an array, but is of type string",
            ),
            (
                "extra = [1]",
                "`extra` must be a table, but is of type array",
            ),
            (
                "grants.device.client_auth = [\"post\"]",
                "`grants.device` is not a grant: ",
            ),
            (
                "basic_encoding = \"cooked\"",
                "`basic_encoding` cannot be \"cooked\": `basic_encoding` is `cooked`, which is not known",
            ),
            (
                "refresh.rotation = \"often\"",
                "`refresh.rotation` cannot be \"often\": unknown variant `often`, expected one of",
            ),
            (
                "assertion.algorithms = [\"none\"]",
                "`assertion.algorithms` is invalid: ",
            ),
            (
                "errors = [{ status = 70000, kind = \"refused\", hint = \"\" }]",
                "`errors.status` must be an HTTP status",
            ),
            ("errors = [{ hint = \"\" }]", "`errors.kind` is missing"),
            (
                "assertion.claims.at = 1979-05-27",
                "`assertion.claims.at` must be text, a number,",
            ),
            (
                "assertion.claims.n = 9223372036854775808",
                "`assertion.claims.n` is too large",
            ),
            ("id = \"again\"", "duplicate key"),
        ] {
            let error = Profile::from_toml(&format!("{ACME}{line}\n")).expect_err(line);
            let says = format!("profile in line 8: {says}");
            assert!(error.message().starts_with(&says), "{line}: {error}");
        }
    }

    #[test]
    fn errors_name_missing_fields() {
        for name in [
            "id",
            "name",
            "documentation",
            "environments",
            "endpoints",
            "grants",
        ] {
            let rest: Vec<_> = ACME
                .lines()
                .filter(|line| !line.starts_with(name))
                .collect();
            let error = Profile::from_toml(&rest.join("\n")).expect_err(name);
            assert_eq!(error.message(), format!("profile: `{name}` is missing"));
        }
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
        assert_eq!(
            profile.assertion.client_audience,
            crate::profile::ClientAudience::Issuer
        );
        let list = |items| Templated(Value::List(items));
        let inner = [Value::Whole(1), Value::Real(-2.5), Value::Truth(true)];
        let text = Templated(Value::Text("t".into()));
        let inner = list(inner.map(Templated).into());
        assert_eq!(profile.assertion.claims["a"], list(vec![text, inner]));
        let row = &profile.errors[0];
        assert_eq!(
            (row.kind, row.verdict),
            (crate::ErrorKind::LoginRequired, Some(crate::Verdict::Retry))
        );
        assert_eq!(
            (row.status, row.grants.as_slice()),
            (Some(400), [crate::GrantKind::JwtBearer].as_slice())
        );
    }
}
