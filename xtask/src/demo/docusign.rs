//! DocuSign's jobs: 1, 2 and 5.

use countersign_core::{ErrorKind, Source, Verdict};

use super::browser;
use super::stage::{Stage, describe, ensure};

pub(super) fn jwt(stage: &mut Stage) -> Result<(), String> {
    for name in ["docusign-jwt", "docusign-jwt-rs384", "docusign-jwt-rs512"] {
        let client = stage.client(name)?;
        let token = client.token().map_err(describe)?;
        ensure(token.source() == Source::Minted, "the token is new")?;
        ensure(
            token.expires_at().is_some(),
            "DocuSign reports when a token expires",
        )?;
        let about = client.identity().map_err(describe)?;
        stage.obtained(&client, &token, &about, &["account_id", "base_uri"])?;
        let again = stage.client(name)?.token().map_err(describe)?;
        ensure(
            again.source() == Source::Store,
            "another client finds the token in the store",
        )?;
    }
    Ok(())
}

pub(super) fn consent(stage: &mut Stage) -> Result<(), String> {
    let client = stage.client("docusign-jwt-unconsented")?;
    let error = match client.token() {
        Ok(_) => return Err("received a token without consent".into()),
        Err(error) => error,
    };
    ensure(
        (error.kind(), error.verdict()) == (ErrorKind::ConsentRequired, Verdict::Reauthorize),
        "consent_required means reauthorize",
    )?;
    let connection = client.connection();
    let url = error.url().ok_or("the error has no consent URL")?;
    let exact = format!(
        "{}/oauth/auth?response_type=code&scope=signature%20impersonation&client_id={}&redirect_uri=http%3A%2F%2F127.0.0.1%2Fcallback",
        stage.sandbox.url(),
        connection.client_id()
    );
    ensure(
        url == exact,
        &format!("the consent URL is {exact}, not {url}"),
    )?;
    let verdict = error.verdict().to_string();
    stage.line(
        "docusign-jwt-unconsented",
        "consent_required",
        "",
        &format!("verdict {verdict}, with the consent URL"),
    );
    stage.note(&format!("consent        {url}"));
    let admin = connection
        .admin_consent_url()
        .ok_or("the connection has no admin consent URL")?;
    stage.note(&format!("admin consent  {admin}"));
    browser::allow(&client, url)?;
    let token = client.token().map_err(describe)?;
    let about = client.identity().map_err(describe)?;
    stage.obtained(&client, &token, &about, &["account_id"])
}

pub(super) fn rotation(stage: &mut Stage) -> Result<(), String> {
    const DAY: i64 = 24 * 3600;
    let client = stage.client("docusign-code")?;
    let client_id = client.connection().client_id().to_owned();
    let token = browser::login(&client)?;
    ensure(
        token.source() == Source::Minted,
        "the login returned a new token",
    )?;
    let about = client.identity().map_err(describe)?;
    stage.obtained(&client, &token, &about, &["account_id", "base_uri"])?;

    for _ in 0..3 {
        let token = client.refresh_now().map_err(describe)?;
        ensure(
            token.source() == Source::Refreshed,
            "the token was refreshed",
        )?;
    }
    let requests = stage.requests("refresh-token", &client_id);
    ensure(requests.len() == 3, "three refreshes send three requests")?;
    let mut spent = Vec::new();
    for request in &requests {
        ensure(
            request.client_auth == "basic",
            "a refresh at DocuSign authenticates with Basic",
        )?;
        ensure(
            request.fields.iter().all(|(name, _)| name != "scope"),
            "a refresh sends no scope",
        )?;
        let token = request
            .fields
            .iter()
            .find(|(name, _)| name == "refresh_token");
        let (_, fingerprint) = token.ok_or("a refresh sent no refresh token")?;
        ensure(
            !spent.contains(fingerprint),
            "no refresh token is sent twice",
        )?;
        spent.push(fingerprint.clone());
    }
    let token = client.token().map_err(describe)?;
    stage.obtained(&client, &token, &about, &[])?;
    stage.line(
        "",
        "rotated",
        "",
        &format!("3 refreshes used {}", spent.join(", ")),
    );

    // Stay idle for longer than the 30 days by which `extended` extends a refresh token.
    stage.sandbox.set_clock_offset(31 * DAY);
    stage.clock.set_forward(31 * DAY);
    let error = match client.token() {
        Ok(_) => return Err("received a token with an expired refresh token".into()),
        Err(error) => error,
    };
    stage.sandbox.set_clock_offset(0);
    stage.clock.set_forward(0);
    ensure(
        (error.kind(), error.verdict()) == (ErrorKind::LoginRequired, Verdict::Reauthorize),
        &format!("an expired refresh token means login_required, not {error:?}"),
    )?;
    let hint = error.hint().ok_or("the error has no hint")?;
    let verdict = error.verdict().to_string();
    stage.line(
        "docusign-code",
        "31 days later",
        "",
        &format!("verdict {verdict}"),
    );
    stage.note(&format!("hint           {hint}"));
    Ok(())
}
