//! The request that starts a login on another device.

use serde_json::Value;

use super::{Parameters, authenticate_client, with_headers};
use crate::app::text_of;
use crate::{
    BodyFormat, Connection, Error, GrantKind, Moment, PresentedGrant, Random, Request, Secret,
};

/// Builds a device authorization request (RFC 8628 section 3.1). A pure function of its inputs.
///
/// # Errors
///
/// If the provider has no device authorization endpoint, or the client can't authenticate: a secret
/// or key is missing, or signing fails.
///
/// # Example
///
/// ```
/// use countersign_core::{
///     Clock, ManualClock, SystemRandom, device_authorization_request, testing,
/// };
///
/// let connection = testing::connection([("grant", "device-code"), ("client_id", "app")])?;
/// let now = ManualClock::at(testing::NOW).now();
/// let request = device_authorization_request(&connection, now, &SystemRandom::new())?;
/// assert_eq!(request.url().as_str(), "https://demo.acme.example/device");
/// assert_eq!(request.body().unwrap().as_str(), "scope=sign+offline&client_id=app");
/// # Ok::<(), countersign_core::Error>(())
/// ```
pub fn device_authorization_request(
    connection: &Connection,
    now: Moment,
    random: &dyn Random,
) -> Result<Request, Error> {
    const GRANT: GrantKind = GrantKind::DeviceCode;
    let url =
        connection
            .device_authorization_url()
            .ok_or_else(|| match connection.needs_metadata() {
                true => connection.lacks_metadata(),
                false => connection.has_no_device_login(),
            })?;
    let app = connection.app();
    let parameters = Parameters::of(app, GRANT);
    let scopes = app.joined_scopes(GRANT);
    let parameters = match scopes.is_empty() {
        true => parameters,
        false => parameters.with("scope", scopes),
    };
    // RFC 8707 section 2.
    let parameters = match &app.policy.resource {
        Some(resource) => parameters.with("resource", resource),
        None => parameters,
    };
    // The code is not known yet.
    let grant = PresentedGrant::DeviceCode(Secret::new(""));
    let (mut form, authorization) =
        authenticate_client(app, app.client.auth, parameters, &grant, now, random)?;
    for param in app.fill("device.params", &app.profile.device.params, None) {
        let (name, value) = param?;
        form = form.without(name);
        let items = match value {
            Some(Value::Array(items)) => items,
            other => other.into_iter().collect(),
        };
        for item in items {
            form = form.field(name.to_owned(), text_of(item));
        }
    }
    let body = app
        .request_rules(GRANT)
        .map_or(BodyFormat::Form, |rules| rules.body);
    let request = Request::post(url.clone(), form).with_format(body);
    with_headers(app, request, GRANT, authorization)
}
