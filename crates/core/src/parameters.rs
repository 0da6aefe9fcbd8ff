//! The names of the protocol's parameters.

/// Returns whether a parameter authenticates the app or spends a grant, so that nobody else may set
/// it.
pub(crate) fn is_ours(name: &str) -> bool {
    let spends = [
        "assertion",
        "code",
        "code_verifier",
        "device_code",
        "refresh_token",
    ];
    name.starts_with("client_") || spends.contains(&name)
}

/// The key of `endpoints.revoke_names` for the name of `token` if it is an access token.
pub(crate) const ACCESS_TOKEN: &str = "access_token";

/// The parameters of a callback that the protocol defines. All others are the vendor's.
const OF_THE_PROTOCOL: &[&str] = &[
    "code",
    "state",
    "iss",
    "error",
    "error_description",
    "error_message",
    "error_uri",
    "session_state",
];

/// Returns whether the protocol defines a callback's parameter.
pub(crate) fn is_of_callback(name: &str) -> bool {
    OF_THE_PROTOCOL.contains(&name)
}
