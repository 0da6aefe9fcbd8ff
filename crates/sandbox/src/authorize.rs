//! The authorization endpoint, shared by all vendors: check, show the page, decide, redirect.
//!
//! Each vendor adds three functions: its checks, and the redirects for Allow and Deny.

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    Provider,
    exchange::{Call, Fields, Reply},
    pages,
    tokens::{Code, Grant},
    world::World,
};

/// A vendor's part of the authorization endpoint.
pub(crate) struct Vendor {
    pub(crate) provider: Provider,
    /// Rejects a request with a page or a redirect.
    pub(crate) check: fn(&World, &Call, &Fields) -> Result<Login, Reply>,
    /// Returns the URL that Allow redirects to.
    pub(crate) allowed: fn(&Login, &str) -> String,
    /// Returns the URL that Deny redirects to.
    pub(crate) denied: fn(&Login) -> String,
}

/// An authorization request that passed the checks.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    pub(crate) client_id: String,
    pub(crate) app: String,
    pub(crate) redirect_uri: String,
    pub(crate) state: Option<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) challenge: Option<String>,
    pub(crate) nonce: Option<String>,
    /// The scopes that an administrator consents to for all users.
    pub(crate) admin: Option<Vec<String>>,
}

impl Login {
    /// Returns the callback URL with these pairs and the state.
    pub(crate) fn callback(&self, pairs: &[(&str, &str)]) -> String {
        let mut pairs = pairs.to_vec();
        pairs.extend(self.state.as_deref().map(|s| ("state", s)));
        crate::exchange::with_query(&self.redirect_uri, &pairs)
    }
}

/// Handles a request to the authorization endpoint.
///
/// A program decides with `_sandbox=allow` or `_sandbox=deny` in the URL, a person with the page's
/// buttons.
pub(crate) fn handle(world: &mut World, call: &Call, vendor: &Vendor) -> Reply {
    let posted = call.form().unwrap_or_default();
    let params = match call.method.as_str() {
        "GET" => call.query.clone(),
        "POST" => posted
            .one("request")
            .map(|r| Fields::parse(r.as_bytes()))
            .unwrap_or_default(),
        _ => return Reply::empty(405).header("Allow", "GET, POST"),
    };
    let login = match (vendor.check)(world, call, &params) {
        Ok(login) => login,
        Err(reply) => return reply,
    };
    let decision = if call.method == "POST" {
        posted.one("decision")
    } else {
        params.one("_sandbox")
    };
    let user = chosen(
        world,
        vendor.provider,
        &login,
        posted.one("user").or_else(|| params.one("login_hint")),
    );
    match (decision, user) {
        (Some("allow"), Some(user)) => {
            let code = allow(world, vendor.provider, &login, &user);
            Reply::redirect(call, (vendor.allowed)(&login, &code))
        }
        (Some("deny"), _) => Reply::redirect(call, (vendor.denied)(&login)),
        (None, user) => page(
            world,
            call,
            vendor.provider,
            &login,
            &params,
            user.as_deref(),
        ),
        (Some("allow"), None) => pages::error(vendor.provider, 400, "This user doesn't exist."),
        (Some(_), _) => pages::error(vendor.provider, 400, "The decision must be allow or deny."),
    }
}

/// Returns the S256 challenge of a verifier (RFC 7636 section 4.2).
pub(crate) fn s256(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

fn allow(world: &mut World, provider: Provider, login: &Login, user: &str) -> String {
    let everybody: Vec<&str> = world.registry.users_of(provider).map(|u| u.id).collect();
    let consenting = if login.admin.is_some() {
        everybody
    } else {
        vec![user]
    };
    let scopes = login.admin.as_ref().unwrap_or(&login.scopes);
    for id in consenting {
        world
            .registry
            .allow(&login.client_id, id, scopes.iter().map(String::as_str));
    }
    let code = match provider {
        Provider::Docusign => crate::jwt::lookalike(),
        Provider::Salesforce => format!(
            "aPrx{}==",
            crate::random::url_safe::<60>().replace('-', ".")
        ),
        Provider::Boldsign => crate::random::hex::<32>().to_uppercase(),
    };
    let issued = Code {
        grant: Grant {
            provider,
            client_id: login.client_id.clone(),
            user: user.to_owned(),
            scopes: login.scopes.clone(),
            family: world.tokens.family(),
        },
        redirect_uri: login.redirect_uri.clone(),
        challenge: login.challenge.clone(),
        nonce: login.nonce.clone(),
        issued_at: world.now(),
        spent: false,
    };
    world.tokens.codes.insert(code.clone(), issued);
    code
}

/// Chooses who logs in: the user in the hint, or the first without consent, or the first.
fn chosen(world: &World, provider: Provider, login: &Login, hint: Option<&str>) -> Option<String> {
    let active = || world.registry.users_of(provider).filter(|u| u.active);
    if let Some(hint) = hint {
        return active().find(|u| u.is(hint)).map(|u| u.id.to_owned());
    }
    active()
        .find(|u| {
            !world
                .registry
                .consented(&login.client_id, u.id, &login.scopes)
        })
        .or_else(|| active().next())
        .map(|u| u.id.to_owned())
}

fn page(
    world: &World,
    call: &Call,
    provider: Provider,
    login: &Login,
    params: &Fields,
    user: Option<&str>,
) -> Reply {
    let active = world.registry.users_of(provider).filter(|u| u.active);
    pages::consent(&pages::Consent {
        provider,
        app: &login.app,
        scopes: login.admin.as_ref().unwrap_or(&login.scopes),
        admin: login.admin.is_some(),
        users: active
            .map(|u| (u.login.to_owned(), u.name(), Some(u.id) == user))
            .collect(),
        request: params.encode(),
        path: &call.path,
    })
}

#[cfg(test)]
mod tests {
    use super::s256;

    #[test]
    fn challenges_match_rfc_7636_and_salesforce_long_verifier() {
        let rfc = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(s256(rfc), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        let long = URL_SAFE_NO_PAD.encode((0..128).collect::<Vec<u8>>());
        assert_eq!(long.len(), 171);
        assert_eq!(s256(&long), "m9v0o6VZCkA61J5U-X1Tz5TKs3SgkIws3KAW_OnRzjg");
    }
}
