//! The flows that a survey of vendors found, with the profile and the case that show each.
//!
//! To print them as a table, run
//! `cargo test -p countersign-catalog --test flows -- --nocapture`.
#![allow(clippy::disallowed_methods, reason = "tests read files")]
#![allow(clippy::print_stdout, reason = "the table is for people")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use countersign_catalog::vendor;
use countersign_core::cases::Cases;
use serde_json::{Value, json};

/// A way to get or renew a token at a vendor.
struct Flow {
    name: &'static str,
    profile: &'static str,
    /// What the request is: a grant.
    grant: &'static str,
    /// The name of the request case.
    case: &'static str,
    /// Texts of the request that make the flow what it is. Those that begin with `!` must not be
    /// there.
    says: &'static [&'static str],
}

/// The number of flows of the survey.
const FLOWS: usize = 43;

const CC: &str = "client-credentials";
const JWT: &str = "jwt-bearer";
const REFRESH: &str = "refresh-token";
const CODE: &str = "authorization-code";

#[rustfmt::skip]
const TABLE: &[Flow] = &[
    flow("Google: service account", "google", JWT, "service account", &["assertion=<assertion>", r#""scope""#, r#""aud":"https://oauth2.googleapis.com/token""#, r#""kid""#, "!jti", "!client_id"]),
    flow("Google: ID token", "google-id-token", JWT, "service account", &["target_audience", r#"!"scope""#]),
    flow("Google: self-signed token", "google-self-signed", JWT, "audience", &["access_token", r#""sub":"robot@acme.iam.gserviceaccount.com""#, r#""aud":"https://pubsub.googleapis.com/""#, r#"!"scope""#]),
    flow("Entra: secret", "entra", CC, "secret", &["/oauth2/v2.0/token", ".default", "client_secret=<client_secret>"]),
    flow("Entra: certificate", "entra", CC, "certificate", &["PS256", "x5t#S256", r#""sub":"app""#, r#"/oauth2/v2.0/token","exp""#, "jti"]),
    flow("Box: JWT", "box", JWT, "JWT, enterprise", &[r#""box_sub_type":"enterprise""#, "client_secret=<client_secret>", "jti", "kid", r#""exp":1700000030"#]),
    flow("Box: client credentials", "box", CC, "client credentials", &["box_subject_type=enterprise", "box_subject_id=987"]),
    flow("Adobe: server-to-server", "adobe-s2s", CC, "server-to-server", &["/ims/token/v3", "scope=openid%2CAdobeID%2Cread_organizations"]),
    flow("Acrobat Sign: refresh", "acrobat-sign", REFRESH, "refresh", &["https://api.na1.adobesign.com/oauth/v2/refresh", "client_secret=<client_secret>"]),
    flow("Dropbox Sign: refresh", "dropbox-sign", REFRESH, "refresh", &["/oauth/token?refresh", r#""grant_type":"refresh_token""#]),
    flow("PandaDoc: code and refresh", "pandadoc", REFRESH, "refresh", &["/oauth2/access_token", "client_secret=<client_secret>"]),
    flow("SignNow: code and refresh", "signnow", REFRESH, "refresh", &["/oauth2/token", "Basic <client_id:client_secret>"]),
    flow("Zoho Sign: refresh", "zoho", REFRESH, "refresh", &["https://accounts.zoho.eu/oauth/v2/token"]),
    flow("Zoom: server-to-server", "zoom", CC, "account credentials", &["grant_type=account_credentials", "account_id=42", "Basic <client_id:client_secret>"]),
    flow("GitHub App: installation", "github-app", JWT, "installation", &["Bearer <assertion>", "/app/installations/42/access_tokens", "application/vnd.github+json", "!grant_type", r#"!"aud""#, r#"!"sub""#, "!jti"]),
    flow("Okta: org server, key", "okta", CC, "org server", &["scope=", r#""aud":"https://acme.okta.com/oauth2/v1/token""#, r#""sub":"app""#]),
    flow("Auth0: secret", "auth0", CC, "secret", &["audience=https%3A%2F%2Fapi.acme.example", "client_secret=<client_secret>"]),
    flow("Auth0: key", "auth0", CC, "key", &[r#""aud":"https://acme.eu.auth0.com/""#, "jti", "audience="]),
    flow("Snowflake: key pair", "snowflake", JWT, "key pair", &["access_token", "TESTACCOUNT.SVC_USER.SHA256:<spki_sha256>"]),
    flow("Apple: App Store Connect", "app-store-connect", JWT, "team key", &["access_token", "ES256", "appstoreconnect-v1", "kid"]),
    flow("Apple: App Store Server API", "app-store-server", JWT, "production", &["access_token", r#""bid":"com.acme.app""#]),
    flow("Apple: Sign in with Apple", "apple-sign-in", CODE, "code", &["client_secret=<assertion>", r#""aud":"https://appleid.apple.com""#, r#""iss":"TEAM""#, r#""sub":"app""#]),
    flow("Xero: code and refresh", "xero", REFRESH, "refresh", &["/connect/token", "Basic <client_id:client_secret>"]),
    flow("Xero: custom connection", "xero", CC, "client credentials", &["/connect/token", "Basic <client_id:client_secret>"]),
    flow("QuickBooks: code and refresh", "quickbooks", REFRESH, "refresh", &["/oauth2/v1/tokens/bearer", "Basic <client_id:client_secret>", "x-include-refresh-token-hard-expires-in"]),
    flow("HubSpot: code and refresh", "hubspot", REFRESH, "refresh", &["https://api.hubapi.com/oauth/", "client_secret=<client_secret>"]),
    flow("Slack: token rotation", "slack", REFRESH, "refresh", &["/api/oauth.v2.access", "Basic <client_id:client_secret>"]),
    flow("Atlassian: code and refresh", "atlassian", REFRESH, "refresh", &[r#""client_secret":"<client_secret>""#, r#""grant_type":"refresh_token""#]),
    flow("Atlassian: service account", "atlassian", CC, "service account", &[r#""grant_type":"client_credentials""#]),
    flow("ServiceNow: JWT", "servicenow", JWT, "assertion", &["/oauth_token.do", "client_secret=<client_secret>", r#""aud":"app""#, "jti"]),
    flow("SAP BTP: secret", "sap-xsuaa", CC, "client credentials", &["/oauth/token", "X-zid"]),
    flow("NetSuite: machine to machine", "netsuite", CC, "machine to machine, sandbox", &["https://123-sb1.suitetalk.api.netsuite.com/services/rest/auth/oauth2/v1/token", r#""scope":"restlets,rest_webservices""#, "PS256", "kid", r#"!"sub""#]),
    flow("Workday: JWT", "workday", JWT, "assertion", &[r#""aud":"wd""#, "/ccx/oauth2/acme/token", "!client_id"]),
    flow("Workday: lasting refresh token", "workday", REFRESH, "refresh", &["Basic <client_id:client_secret>", "refresh_token=<refresh_token>"]),
    flow("Yoti: SDK key", "yoti", CC, "SDK key", &["PS384", r#""iss":"sdk:app""#, r#""sub":"sdk:app""#, "jti", "!client_id"]),
    flow("LinkedIn: code and refresh", "linkedin", REFRESH, "refresh", &["/oauth/v2/accessToken", "client_secret=<client_secret>"]),
    flow("LinkedIn: client credentials", "linkedin", CC, "client credentials", &["client_secret=<client_secret>"]),
    flow("Keycloak: key", "keycloak", CC, "key", &[r#""aud":"https://keycloak.example/realms/acme""#, r#""iss":"app""#, r#""sub":"app""#, "jti"]),
    flow("Keycloak: JWT grant", "keycloak-jwt-bearer", JWT, "assertion of an identity provider", &[r#""iss":"https://idp.acme.example""#, r#""sub":"ann""#, "jti", "Basic <client_id:client_secret>"]),
    flow("Hydra: JWT grant", "hydra-jwt-bearer", JWT, "assertion", &[r#""aud":"https://hydra.example/oauth2/token""#, "jti", r#""iat""#]),
    flow("Hydra: key", "hydra", CC, "key", &[r#""aud":"https://hydra.example/oauth2/token""#, "jti"]),
    flow("OpenID Connect: any server", "oidc", CC, "client credentials, signed", &[r#""aud":"https://login.example.com/realms/acme""#, "https://login.example.com/realms/acme/token"]),
];

/// The flows that no profile can do, and why.
const MISSING: &[(&str, &str)] = &[(
    "Entra: on behalf of",
    "each request has the user's access token as its assertion, and there is no setting for one",
)];

const fn flow(
    name: &'static str,
    profile: &'static str,
    grant: &'static str,
    case: &'static str,
    says: &'static [&'static str],
) -> Flow {
    Flow {
        name,
        profile,
        grant,
        case,
        says,
    }
}

impl Flow {
    /// Runs the flow's case. Returns the settings of it.
    fn check(&self) -> Result<String, String> {
        let vendor = vendor(self.profile).ok_or("the catalogue has no such profile")?;
        let provider = vendor.provider();
        let grants = &provider.profile().grants;
        if !grants.keys().any(|kind| kind.as_str() == self.grant) {
            return Err(format!("the profile has no grant {}", self.grant));
        }
        let path = Path::new(env!("CARGO_MANIFEST_DIR"));
        let path = path.join(format!("cases/{}.json", self.profile));
        let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
        let mut file: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        let mut cases = file["requests"].as_array().into_iter().flatten();
        let case = cases.find(|case| case["name"] == self.case).cloned();
        let case = case.ok_or_else(|| format!("there is no request case {:?}", self.case))?;
        let kind = case.get("as").unwrap_or(&case["settings"]["grant"]);
        if kind != self.grant {
            return Err(format!("the case is one of {kind}"));
        }
        let request = case["request"].to_string();
        for text in self.says {
            match text.strip_prefix('!') {
                Some(text) if request.contains(text) => {
                    return Err(format!("the request has {text}: {request}"));
                }
                None if !request.contains(text) => {
                    return Err(format!("the request lacks {text}: {request}"));
                }
                _ => {}
            }
        }
        let settings = case["settings"].as_object().into_iter().flatten();
        let settings: Vec<_> = settings
            .map(|(name, value)| format!("{name} = {value}"))
            .collect();
        file["requests"] = json!([case]);
        file["responses"] = json!([]);
        let cases = Cases::from_json(&file.to_string()).map_err(|error| error.to_string())?;
        match cases.run(&provider).first() {
            None => Ok(settings.join(", ")),
            Some(failed) => Err(failed.to_string()),
        }
    }
}

#[test]
fn each_flow_of_the_survey_has_a_profile_and_a_case() {
    let mut failed = Vec::new();
    println!("| Flow | Profile | Grant | Case | Settings |\n|---|---|---|---|---|");
    for flow in TABLE {
        match flow.check() {
            Ok(settings) => println!(
                "| {} | `{}` | {} | {} | `{settings}` |",
                flow.name, flow.profile, flow.grant, flow.case
            ),
            Err(why) => failed.push(format!("{} ({}): {why}", flow.name, flow.profile)),
        }
    }
    for (flow, why) in MISSING {
        println!("| {flow} | none | | | {why} |");
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn every_flow_is_listed_once() {
    let names = TABLE.iter().map(|flow| flow.name);
    let names: BTreeSet<_> = names.chain(MISSING.iter().map(|(name, _)| *name)).collect();
    assert_eq!(names.len(), FLOWS);
    assert_eq!(TABLE.len() + MISSING.len(), FLOWS);
    assert!(TABLE.len() >= 41);
}
