//! `POST /oauth/token`: JWT grant, authorization code, refresh.

use serde_json::Value;

use crate::{
    Provider, Rotation,
    authorize::s256,
    client_auth::{self, Decoding},
    exchange::{Call, Fields, Reply, words},
    jwt::{self, Assertion},
    log_entry::grant_name,
    random,
    registry::App,
    rows::{Row, docusign as row, json},
    tokens::Grant,
    world::World,
};

const JWT_LIFE_S: u64 = 3600;
const CODE_LIFE_S: u64 = 28_800;
const REFRESH_LIFE_S: u64 = 2_592_000;

pub(super) fn handle(world: &mut World, call: &Call) -> Reply {
    if call.method != "POST" {
        return Reply::empty(405).header("Allow", "POST");
    }
    match grant(world, call) {
        Ok(members) => json(Provider::Docusign, 200, &members).header("Cache-Control", "no-store"),
        Err(row) => row.reply(),
    }
}

type Members = Vec<(&'static str, Value)>;

fn grant(world: &mut World, call: &Call) -> Result<Members, Row> {
    let form = call.form().ok_or(row::INVALID_GRANT)?;
    if world.policy.strict && form.repeated() {
        return Err(row::INVALID_REQUEST);
    }
    match grant_name(form.one("grant_type").ok_or(row::INVALID_REQUEST)?) {
        "jwt-bearer" => by_assertion(world, call, &form),
        "authorization-code" => by_code(world, call, &form),
        "refresh-token" => by_refresh_token(world, call, &form),
        _ => Err(row::UNSUPPORTED_GRANT_TYPE),
    }
}

fn by_assertion(world: &mut World, call: &Call, form: &Fields) -> Result<Members, Row> {
    let text = form.one("assertion").ok_or(row::INVALID_REQUEST)?;
    let assertion = Assertion::read(text).ok_or(row::NO_VALID_KEYS)?;
    let issuer = assertion.text("iss").unwrap_or_default();
    let app = world
        .registry
        .app(Provider::Docusign, issuer)
        .ok_or(row::ISSUER_NOT_FOUND)?
        .clone();
    let known = if world.policy.strict {
        assertion.alg == "RS256"
    } else {
        assertion.alg.starts_with("RS")
    };
    if !known || !assertion.verified_by(&app.keys) {
        return Err(row::NO_VALID_KEYS);
    }
    if !matches!(assertion.audiences().as_slice(), [audience] if is_audience(world, call, audience))
    {
        return Err(row::NO_VALID_KEYS);
    }
    check_times(world, &assertion)?;
    let subject = match assertion.text("sub") {
        None => return Err(row::NO_VALID_KEYS),
        Some("") => return Err(row::INVALID_SUBJECT),
        Some(subject) => subject,
    };
    let user = world
        .registry
        .users_of(Provider::Docusign)
        .find(|u| u.id == subject && u.active);
    let user = user.ok_or(row::USER_NOT_FOUND)?.id;
    let scopes = assertion.text("scope").map(words).unwrap_or_default();
    let impersonates = scopes.iter().any(|s| s == "impersonation");
    if !impersonates || !world.registry.consented(app.client_id, user, &scopes) {
        return Err(row::CONSENT_REQUIRED);
    }
    let grant = Grant {
        provider: Provider::Docusign,
        client_id: app.client_id.to_owned(),
        user: user.to_owned(),
        scopes,
        family: world.tokens.family(),
    };
    let (token, life) = access_token(world, call, &grant, JWT_LIFE_S);
    Ok(vec![
        ("access_token", token.into()),
        ("token_type", "Bearer".into()),
        ("expires_in", life.into()),
        ("scope", grant.scopes.join(" ").into()),
    ])
}

/// Reports whether an assertion may have this audience.
///
/// The audience is the host of the emulated account server, wherever the sandbox listens. The
/// vendor's SDKs use the host that they call, so unless `strict` is set, that is accepted as well.
fn is_audience(world: &World, call: &Call, audience: &str) -> bool {
    audience == account_server(call)
        || (!world.policy.strict && (audience == call.authority() || audience == call.host()))
}

/// Returns the emulated account server: production if the `Host` is its name, otherwise demo.
fn account_server(call: &Call) -> &'static str {
    match call.host().as_str() {
        "account.docusign.com" => "account.docusign.com",
        _ => "account-d.docusign.com",
    }
}

fn check_times(world: &World, assertion: &Assertion) -> Result<(), Row> {
    let (now, skew) = (world.now(), world.policy.skew());
    let invalid = |()| row::NO_VALID_KEYS;
    let exp = assertion
        .seconds("exp")
        .map_err(invalid)?
        .ok_or(row::NO_VALID_KEYS)?;
    for claim in ["nbf", "iat"] {
        let at = assertion.seconds(claim).map_err(invalid)?;
        if at.is_some_and(|at| at > now.saturating_add(skew)) {
            return Err(row::NO_VALID_KEYS);
        }
    }
    if world.policy.bounded_life() && exp.saturating_sub(now) > 3600_i64.saturating_add(skew) {
        return Err(row::NO_VALID_KEYS);
    }
    if now >= exp.saturating_add(skew) {
        return Err(row::EXPIRED_GRANT);
    }
    Ok(())
}

fn by_code(world: &mut World, call: &Call, form: &Fields) -> Result<Members, Row> {
    let app = client(world, call, form)?;
    let text = form.one("code").ok_or(row::INVALID_REQUEST)?;
    let code = world
        .tokens
        .codes
        .get(text)
        .ok_or(row::INVALID_GRANT)?
        .clone();
    if code.grant.client_id != app.client_id || code.grant.provider != Provider::Docusign {
        return Err(row::INVALID_GRANT);
    }
    let life = world.policy.code_ttl_s.unwrap_or(120);
    if code.spent || world.now() >= code.issued_at.saturating_add_unsigned(life) {
        return Err(row::EXPIRED_CLIENT_TOKEN);
    }
    if let Some(challenge) = &code.challenge {
        let verifier = form.one("code_verifier").ok_or(row::INVALID_GRANT)?;
        if s256(verifier) != *challenge {
            return Err(row::INVALID_GRANT);
        }
    }
    if let Some(code) = world.tokens.codes.get_mut(text) {
        code.spent = true;
    }
    let (token, life) = access_token(world, call, &code.grant, CODE_LIFE_S);
    let born = world.now();
    let end = world.refresh_end(born, Some(REFRESH_LIFE_S));
    let refresh = world.issue_refresh(&code.grant, born, end);
    Ok(vec![
        ("access_token", token.into()),
        ("token_type", "Bearer".into()),
        ("refresh_token", refresh.into()),
        ("expires_in", life.into()),
    ])
}

fn by_refresh_token(world: &mut World, call: &Call, form: &Fields) -> Result<Members, Row> {
    let app = client(world, call, form)?;
    let text = form.one("refresh_token").ok_or(row::INVALID_REQUEST)?;
    let old = world
        .present_refresh(Provider::Docusign, text, app.client_id)
        .map_err(|_| row::EXPIRED_CLIENT_TOKEN)?;
    if world.rotation(Provider::Docusign) != Rotation::Off {
        world.spend_refresh(text);
    }
    // Without `extended`, the new token expires when the first one would have.
    let extended = old.grant.scopes.iter().any(|s| s == "extended");
    let slides = world.policy.sliding.unwrap_or(extended);
    let end = if slides {
        world.refresh_end(world.now(), Some(REFRESH_LIFE_S))
    } else {
        old.expires_at
    };
    let (token, life) = access_token(world, call, &old.grant, CODE_LIFE_S);
    let refresh = world.issue_refresh(&old.grant, old.born, end);
    // The vendor's response omits `extended` even if it was granted.
    let named: Vec<&str> = old
        .grant
        .scopes
        .iter()
        .map(String::as_str)
        .filter(|s| *s != "extended")
        .collect();
    Ok(vec![
        ("access_token", token.into()),
        ("token_type", "Bearer".into()),
        ("refresh_token", refresh.into()),
        ("expires_in", life.into()),
        ("scope", named.join(" ").into()),
    ])
}

/// Authenticates the app by Basic or in the body; a public app only sends its id.
fn client(world: &World, call: &Call, form: &Fields) -> Result<App, Row> {
    let credentials =
        client_auth::read(call, form, Decoding::Raw).map_err(|_| row::INVALID_CLIENT)?;
    let id = credentials.client_id.as_deref().unwrap_or_default();
    let app = world
        .registry
        .app(Provider::Docusign, id)
        .ok_or(row::INVALID_CLIENT)?;
    if world.policy.strict && credentials.several {
        return Err(row::INVALID_CLIENT);
    }
    // The vendor reports a wrong secret with the error for an expired code.
    if !credentials.secret_matches(app) {
        return Err(row::EXPIRED_CLIENT_TOKEN);
    }
    Ok(app.clone())
}

fn access_token(world: &mut World, call: &Call, grant: &Grant, own_life_s: u64) -> (String, u64) {
    let now = world.now();
    let life = world.policy.access_ttl_s.unwrap_or(own_life_s);
    let token = jwt::issue(
        &world.keys.vendor,
        "JWT",
        &[
            ("iss", format!("{}/", call.origin()).into()),
            ("sub", grant.user.as_str().into()),
            ("aud", grant.client_id.as_str().into()),
            ("iat", now.into()),
            ("nbf", now.into()),
            ("exp", now.saturating_add_unsigned(life).into()),
            ("scp", grant.scopes.clone().into()),
            ("jti", random::guid().into()),
        ],
    );
    let life = world.issue_access(grant, token.clone(), own_life_s);
    (token, life)
}
