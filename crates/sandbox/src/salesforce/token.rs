//! `POST /services/oauth2/token`: JWT bearer, web server flow, refresh, client credentials.

use aws_lc_rs::{digest, hmac};
use base64::{
    Engine as _, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD,
};
use serde_json::Value;

use super::{EntryPoint, rendering};
use crate::{
    Provider, Rotation,
    authorize::s256,
    client_auth::{self, Decoding, Kind},
    exchange::{Call, Fields, Reply},
    jwt::{self, Assertion},
    log_entry::grant_name,
    random,
    registry::{App, SALESFORCE_ORG},
    rows::{Row, salesforce as row},
    tokens::{Grant, State},
    world::World,
};

/// The default session timeout of an org.
const SESSION_S: u64 = 7200;

pub(super) fn handle(world: &mut World, call: &Call) -> Reply {
    let form = call.form().unwrap_or_default();
    if call.method != "POST" {
        return rendering::error(call, &call.query, row::INVALID_REQUEST);
    }
    match grant(world, call, &form) {
        Ok(members) => rendering::render(call, &form, 200, &members),
        Err(row) => rendering::error(call, &form, row),
    }
}

type Members = Vec<(&'static str, Value)>;

fn grant(world: &mut World, call: &Call, form: &Fields) -> Result<Members, Row> {
    if world.policy.strict && form.repeated() {
        return Err(row::MISSING_PARAMETER);
    }
    let grant = grant_name(form.one("grant_type").unwrap_or_default());
    // Tokens get the approved scopes. Salesforce rejects a request for others.
    if grant != "authorization-code" && form.one("scope").is_some() {
        return Err(row::SCOPE_PARAMETER);
    }
    match grant {
        "jwt-bearer" => by_assertion(world, call, form),
        "authorization-code" => by_code(world, call, form),
        "refresh-token" => by_refresh_token(world, call, form),
        "client-credentials" => by_client_credentials(world, call, form),
        _ => Err(row::UNSUPPORTED_GRANT_TYPE),
    }
}

fn by_assertion(world: &mut World, call: &Call, form: &Fields) -> Result<Members, Row> {
    let text = form.one("assertion").ok_or(row::MISSING_PARAMETER)?;
    let assertion = Assertion::read(text).ok_or(row::INVALID_ASSERTION)?;
    let issuer = assertion.text("iss").unwrap_or_default();
    let app = world
        .registry
        .app(Provider::Salesforce, issuer)
        .ok_or(row::INVALID_CLIENT_ID)?
        .clone();
    if assertion.alg != "RS256" || !assertion.verified_by(&app.keys) {
        return Err(row::INVALID_ASSERTION);
    }
    let expected = audiences(world, call);
    if !assertion
        .audiences()
        .iter()
        .any(|a| expected.iter().any(|e| e == a))
    {
        return Err(row::AUDIENCE);
    }
    check_times(world, &assertion)?;
    let subject = assertion.text("sub").unwrap_or_default();
    let user = world
        .registry
        .users_of(Provider::Salesforce)
        .find(|u| u.login.eq_ignore_ascii_case(subject));
    let user = user.ok_or(row::NOT_APPROVED)?.clone();
    if !user.active {
        return Err(row::INACTIVE_USER);
    }
    if !app.allows("jwt") || !world.registry.consented(app.client_id, user.id, &[]) {
        return Err(row::NOT_APPROVED);
    }
    if assertion
        .text("jti")
        .is_some_and(|jti| !world.tokens.first_use(app.client_id, jti))
    {
        return Err(row::BAD_JTI);
    }
    // Salesforce ignores the claim `scope`: the token gets all approved scopes.
    let grant = Grant {
        provider: Provider::Salesforce,
        client_id: app.client_id.to_owned(),
        user: user.id.to_owned(),
        scopes: app.scopes.iter().map(|&s| s.to_owned()).collect(),
        family: world.tokens.family(),
    };
    let token = reusable_token(world, &grant).unwrap_or_else(|| access_token(world, &grant));
    let mut members = vec![
        ("access_token", token.into()),
        ("scope", grant.scopes.join(" ").into()),
        ("instance_url", world.my_domain.clone().into()),
        ("id", identity_url(world, &grant.user).into()),
        ("token_type", "Bearer".into()),
    ];
    members.extend(community(call));
    Ok(members)
}

fn check_times(world: &World, assertion: &Assertion) -> Result<(), Row> {
    let (now, skew) = (world.now(), world.policy.skew());
    let exp = match assertion.claims.get("exp") {
        // The vendor has been seen to accept digits in a string, and milliseconds.
        Some(Value::String(digits)) if !world.policy.strict => digits.parse().ok(),
        _ => assertion.seconds("exp").ok().flatten(),
    };
    let exp: i64 = exp.ok_or(row::INVALID_ASSERTION)?;
    let too_long =
        world.policy.bounded_life() && exp.saturating_sub(now) > 180_i64.saturating_add(skew);
    let early = |claim| match assertion.seconds(claim) {
        Ok(at) => at.is_some_and(|at| at > now.saturating_add(skew)),
        Err(()) => true,
    };
    // The vendor uses the error for an expired code here as well.
    if now >= exp.saturating_add(skew) {
        return Err(row::EXPIRED_CODE);
    }
    if too_long || early("nbf") || early("iat") {
        return Err(row::INVALID_ASSERTION);
    }
    Ok(())
}

/// Returns the audiences that the request's entry point accepts.
fn audiences(world: &World, call: &Call) -> Vec<String> {
    const LOGIN: &str = "https://login.salesforce.com";
    let entry = EntryPoint::of(call);
    let mut good = match entry {
        EntryPoint::Login => vec![LOGIN.to_owned()],
        EntryPoint::Test => vec!["https://test.salesforce.com".to_owned()],
        EntryPoint::MyDomain | EntryPoint::Site => vec![entry.base(call), LOGIN.to_owned()],
    };
    if !world.policy.exact_audience() {
        let bare: Vec<_> = good
            .iter()
            .filter_map(|url| url.split_once("://"))
            .map(|(_, host)| host.to_owned())
            .collect();
        good.extend(bare);
    }
    good
}

fn by_code(world: &mut World, call: &Call, form: &Fields) -> Result<Members, Row> {
    let app = client(world, call, form)?;
    let text = form.one("code").ok_or(row::MISSING_PARAMETER)?;
    let code = world
        .tokens
        .codes
        .get(text)
        .ok_or(row::INVALID_CODE)?
        .clone();
    if code.grant.client_id != app.client_id || code.grant.provider != Provider::Salesforce {
        return Err(row::INVALID_CODE);
    }
    let life = world.policy.code_ttl_s.unwrap_or(900);
    if code.spent || world.now() >= code.issued_at.saturating_add_unsigned(life) {
        return Err(row::EXPIRED_CODE);
    }
    let redirect_uri = form.one("redirect_uri").ok_or(row::REDIRECT_MISSING)?;
    if redirect_uri != code.redirect_uri {
        return Err(row::REDIRECT_MISMATCH);
    }
    if let Some(challenge) = &code.challenge {
        let verifier = form.one("code_verifier").ok_or(row::CODE_VERIFIER)?;
        if s256(verifier) != *challenge {
            return Err(row::CODE_VERIFIER);
        }
    }
    if let Some(code) = world.tokens.codes.get_mut(text) {
        code.spent = true;
    }
    let token = access_token(world, &code.grant);
    let mut members = vec![("access_token", Value::from(token.as_str()))];
    if code
        .grant
        .scopes
        .iter()
        .any(|s| s == "refresh_token" || s == "offline_access")
    {
        let born = world.now();
        let end = world.refresh_end(born, None);
        members.push((
            "refresh_token",
            world.issue_refresh(&code.grant, born, end).into(),
        ));
        let max = world.policy.max_grants_per_user;
        world
            .tokens
            .evict(&code.grant.client_id, &code.grant.user, max);
    }
    if code.grant.scopes.iter().any(|s| s == "openid") {
        let id_token = id_token(world, call, &code.grant, &token, code.nonce.as_deref());
        members.push(("id_token", id_token.into()));
    }
    members.extend(signed_part(world, call, &app, &code.grant));
    Ok(members)
}

fn by_refresh_token(world: &mut World, call: &Call, form: &Fields) -> Result<Members, Row> {
    let app = client(world, call, form)?;
    let text = form.one("refresh_token").ok_or(row::MISSING_PARAMETER)?;
    let old = world
        .present_refresh(Provider::Salesforce, text, app.client_id)
        .map_err(|_| row::EXPIRED_TOKEN)?;
    let mut members = vec![("access_token", access_token(world, &old.grant).into())];
    if world.rotation(Provider::Salesforce) != Rotation::Off {
        world.spend_refresh(text);
        let new = world.issue_refresh(&old.grant, old.born, old.expires_at);
        members.push(("refresh_token", new.into()));
    }
    members.extend(signed_part(world, call, &app, &old.grant));
    Ok(members)
}

fn by_client_credentials(world: &mut World, call: &Call, form: &Fields) -> Result<Members, Row> {
    if EntryPoint::of(call) != EntryPoint::MyDomain {
        return Err(row::NOT_ON_THIS_DOMAIN);
    }
    let app = client(world, call, form)?;
    if !app.allows("client_credentials") {
        return Err(row::FLOW_DISABLED);
    }
    let user = app.run_as.ok_or(row::NO_RUN_AS)?;
    let grant = Grant {
        provider: Provider::Salesforce,
        client_id: app.client_id.to_owned(),
        user: user.to_owned(),
        scopes: vec!["api".to_owned()],
        family: world.tokens.family(),
    };
    let mut members = vec![("access_token", access_token(world, &grant).into())];
    members.extend(signed_part(world, call, &app, &grant));
    members.push(("api_instance_url", "https://api.salesforce.com".into()));
    Ok(members)
}

/// Authenticates the app: secret in the body or by Basic, or a client assertion.
pub(super) fn client(world: &mut World, call: &Call, form: &Fields) -> Result<App, Row> {
    const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let credentials =
        client_auth::read(call, form, Decoding::Raw).map_err(|_| row::BASIC_HEADER)?;
    let id = credentials.client_id.as_deref().unwrap_or_default();
    let app = world
        .registry
        .app(Provider::Salesforce, id)
        .ok_or(row::INVALID_CLIENT_ID)?
        .clone();
    if world.policy.strict && credentials.several {
        return Err(row::INVALID_CLIENT);
    }
    if credentials.kind == Kind::PrivateKeyJwt {
        if form.one("client_assertion_type") != Some(ASSERTION) {
            return Err(row::INVALID_ASSERTION_TYPE);
        }
        let base = EntryPoint::of(call).base(call);
        let mut audiences = vec![format!("{base}/services/oauth2/token"), base];
        if !world.policy.exact_audience() {
            audiences.push(call.authority().to_owned());
        }
        let assertion = credentials.assertion.as_deref().unwrap_or_default();
        if !client_auth::assertion_is_valid(world, &app, assertion, &audiences) {
            return Err(row::INVALID_CLIENT);
        }
    } else if !credentials.secret_matches(&app) {
        return Err(row::INVALID_CLIENT);
    }
    Ok(app)
}

/// Returns the identity URL, `https://login…/id/ORG/USER`, at the sandbox's own login host.
pub(super) fn identity_url(world: &World, user: &str) -> String {
    format!("{}/id/{SALESFORCE_ORG}/{user}", world.origin)
}

/// Returns the members that all responses share, except those to JWT bearer grants.
fn signed_part(world: &World, call: &Call, app: &App, grant: &Grant) -> Members {
    let id = identity_url(world, &grant.user);
    let issued_at = world.now_ms().to_string();
    let key = hmac::Key::new(
        hmac::HMAC_SHA256,
        app.secret.as_deref().unwrap_or_default().as_bytes(),
    );
    let signature = STANDARD.encode(hmac::sign(&key, format!("{id}{issued_at}").as_bytes()));
    let mut members = vec![
        ("signature", signature.into()),
        ("scope", grant.scopes.join(" ").into()),
        ("instance_url", world.my_domain.clone().into()),
        ("id", id.into()),
        ("token_type", "Bearer".into()),
        ("issued_at", issued_at.into()),
    ];
    members.extend(community(call));
    members
}

fn community(call: &Call) -> Members {
    if EntryPoint::of(call) != EntryPoint::Site {
        return Vec::new();
    }
    vec![
        ("sfdc_community_url", EntryPoint::Site.base(call).into()),
        ("sfdc_community_id", "0DBx00000000042GAA".into()),
    ]
}

fn access_token(world: &mut World, grant: &Grant) -> String {
    let tail = random::url_safe::<70>().replace('-', ".");
    let token = format!("{}!AQ{tail}", &SALESFORCE_ORG[..15]);
    world.issue_access(grant, token.clone(), SESSION_S);
    token
}

/// Returns a valid token of an earlier grant, if the policy says to reuse it.
fn reusable_token(world: &World, grant: &Grant) -> Option<String> {
    if !world.policy.same_token_while_live {
        return None;
    }
    let now = world.now();
    let twin = world.tokens.access.iter().find(|(_, a)| {
        !a.revoked
            && now < a.expires_at
            && a.grant.client_id == grant.client_id
            && a.grant.user == grant.user
    });
    twin.map(|(token, _)| token.clone())
}

fn id_token(
    world: &World,
    call: &Call,
    grant: &Grant,
    access: &str,
    nonce: Option<&str>,
) -> String {
    let now = world.now();
    let half = digest::digest(&digest::SHA256, access.as_bytes());
    let mut claims = vec![
        ("iss", Value::from(EntryPoint::of(call).base(call))),
        ("sub", identity_url(world, &grant.user).into()),
        ("aud", grant.client_id.as_str().into()),
        ("iat", now.into()),
        ("exp", now.saturating_add(120).into()),
        (
            "at_hash",
            URL_SAFE_NO_PAD.encode(&half.as_ref()[..16]).into(),
        ),
    ];
    claims.extend(nonce.map(|n| ("nonce", n.into())));
    jwt::issue(&world.keys.vendor, "JWT", &claims)
}

/// Reports whether a refresh token is still valid, for introspection.
pub(super) fn refresh_is_live(world: &World, token: &str) -> bool {
    let now = world.now();
    let found = world.tokens.refresh.get(token);
    found.is_some_and(|t| t.state == State::Live && t.expires_at.is_none_or(|end| now < end))
}
