//! Salesforce's and BoldSign's jobs: 3 and 4.

use countersign_core::Source;

use super::browser;
use super::stage::{Stage, describe, ensure};

pub(super) fn three_hosts(stage: &mut Stage) -> Result<(), String> {
    for name in [
        "salesforce-jwt",
        "salesforce-mydomain-jwt",
        "salesforce-site-jwt",
    ] {
        let client = stage.client(name)?;
        let token = client.token().map_err(describe)?;
        ensure(
            token.expires_at().is_none(),
            "Salesforce doesn't report when a token expires",
        )?;
        let about = token.extra().clone();
        stage.obtained(
            &client,
            &token,
            &about,
            &["instance_url", "org_id", "user_id"],
        )?;
    }
    Ok(())
}

pub(super) fn boldsign(stage: &mut Stage) -> Result<(), String> {
    let client = stage.client("boldsign-code")?;
    let client_id = client.connection().client_id().to_owned();
    let token = browser::login(&client)?;
    let about = token.extra().clone();
    stage.obtained(&client, &token, &about, &["api_base"])?;
    for _ in 0..2 {
        let token = client.refresh_now().map_err(describe)?;
        ensure(
            token.source() == Source::Refreshed,
            "the token was refreshed",
        )?;
        stage.obtained(&client, &token, &about, &[])?;
    }
    let requests = stage.requests("refresh-token", &client_id);
    let sent = requests.iter().filter_map(|request| {
        request
            .fields
            .iter()
            .find(|(name, _)| name == "refresh_token")
            .map(|(_, print)| print)
    });
    let sent: Vec<_> = sent.collect();
    ensure(
        sent.len() == 2 && sent[0] != sent[1],
        "the second refresh sends the new refresh token",
    )?;

    let client = stage.client("boldsign-cc")?;
    let token = client.token().map_err(describe)?;
    let about = token.extra().clone();
    stage.obtained(&client, &token, &about, &["api_base"])
}
