//! Client authentication at token endpoints (RFC 6749 section 2.3, RFC 7523 section 2.2).

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    Provider,
    exchange::{Call, Fields},
    jwt::Assertion,
    registry::App,
    world::World,
};

/// How a request carries credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    None,
    Basic,
    Post,
    PrivateKeyJwt,
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Basic => "basic",
            Self::Post => "post",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }
}

/// The credentials of a request, not yet checked.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    pub(crate) kind: Kind,
    pub(crate) client_id: Option<String>,
    pub(crate) secret: Option<String>,
    pub(crate) assertion: Option<String>,
    /// The request uses more than one method, which RFC 6749 section 2.3 forbids.
    pub(crate) several: bool,
}

impl Credentials {
    /// Reports whether the secret is the app's. A public app must send none.
    pub(crate) fn secret_matches(&self, app: &App) -> bool {
        self.secret == app.secret && self.kind != Kind::PrivateKeyJwt
    }
}

/// How client id and secret are encoded in a Basic header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decoding {
    Raw,
    /// Form-encoded before joining (RFC 6749 section 2.3.1).
    Percent,
}

impl Decoding {
    pub(crate) fn of(provider: Provider) -> Self {
        match provider {
            Provider::Docusign | Provider::Salesforce => Self::Raw,
            Provider::Boldsign => Self::Percent,
        }
    }
}

/// The Basic header is malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadHeader;

/// Reads the credentials of a request. A Basic header takes precedence over the body.
pub(crate) fn read(
    call: &Call,
    form: &Fields,
    decoding: Decoding,
) -> Result<Credentials, BadHeader> {
    let owned = |name: &str| form.one(name).map(str::to_owned);
    let basic = call.header("authorization").and_then(|value| {
        let (scheme, value) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("basic").then_some(value.trim())
    });
    let in_body = owned("client_secret");
    let assertion = owned("client_assertion");
    let ways = [basic.is_some(), in_body.is_some(), assertion.is_some()];
    let several = ways.iter().filter(|w| **w).count() > 1;
    if let Some(basic) = basic {
        let (id, secret) = basic_parts(basic, decoding).ok_or(BadHeader)?;
        return Ok(Credentials {
            kind: Kind::Basic,
            client_id: Some(id),
            secret: Some(secret).filter(|s| !s.is_empty()),
            assertion: None,
            several,
        });
    }
    let kind = match (&assertion, &in_body) {
        (Some(_), _) => Kind::PrivateKeyJwt,
        (None, Some(_)) => Kind::Post,
        (None, None) => Kind::None,
    };
    let from_assertion = || {
        Some(
            Assertion::read(assertion.as_deref()?)?
                .text("sub")?
                .to_owned(),
        )
    };
    Ok(Credentials {
        kind,
        client_id: owned("client_id").or_else(from_assertion),
        secret: in_body,
        assertion,
        several,
    })
}

/// Checks a client assertion.
///
/// It must be signed with a key of `app`, name the app as issuer and subject, be addressed to one
/// of `audiences`, not be expired, and not have been used before.
pub(crate) fn assertion_is_valid(
    world: &mut World,
    app: &App,
    text: &str,
    audiences: &[String],
) -> bool {
    let (now, skew) = (world.now(), world.policy.skew());
    let Some(assertion) = Assertion::read(text) else {
        return false;
    };
    let about = [assertion.text("iss"), assertion.text("sub")];
    let (Ok(Some(exp)), Ok(iat), Ok(nbf)) = (
        assertion.seconds("exp"),
        assertion.seconds("iat"),
        assertion.seconds("nbf"),
    ) else {
        return false;
    };
    assertion.alg == "RS256"
        && assertion.verified_by(&app.keys)
        && about == [Some(app.client_id); 2]
        && assertion
            .audiences()
            .iter()
            .any(|a| audiences.iter().any(|b| a == b))
        && now < exp.saturating_add(skew)
        && [iat, nbf]
            .into_iter()
            .flatten()
            .all(|t| t <= now.saturating_add(skew))
        && assertion
            .text("jti")
            .is_none_or(|jti| world.tokens.first_use(app.client_id, jti))
}

fn basic_parts(basic: &str, decoding: Decoding) -> Option<(String, String)> {
    let text = String::from_utf8(STANDARD.decode(basic).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some(match decoding {
        Decoding::Raw => (id.to_owned(), secret.to_owned()),
        Decoding::Percent => (form_decoded(id), form_decoded(secret)),
    })
}

fn form_decoded(text: &str) -> String {
    // Escapes `&` and `=` so that the parser reads the whole text as one name.
    let safe = text.replace('&', "%26").replace('=', "%3D");
    form_urlencoded::parse(safe.as_bytes())
        .next()
        .map(|(name, _)| name.into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_boldsign_form_decodes_basic_credentials() {
        let header = STANDARD.encode("id:a%2B%25+b=");
        assert_eq!(basic_parts(&header, Decoding::Percent).unwrap().1, "a+% b=");
        assert_eq!(basic_parts(&header, Decoding::Raw).unwrap().1, "a%2B%25+b=");
        assert!(basic_parts("***", Decoding::Raw).is_none());
        assert!(basic_parts(&STANDARD.encode("no colon"), Decoding::Raw).is_none());
    }
}
