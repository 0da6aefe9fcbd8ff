//! Names of parameters that belong to the protocol itself.

/// Whether a parameter proves the app or spends a grant, and so is nobody's to write but ours.
pub(crate) fn is_ours(name: &str) -> bool {
    let spends = ["assertion", "code", "code_verifier", "refresh_token"];
    name.starts_with("client_") || spends.contains(&name)
}

/// The parameters of the protocol itself: everything else is the vendor's own.
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

/// Whether a callback's parameter is the protocol's own.
pub(crate) fn is_of_callback(name: &str) -> bool {
    OF_THE_PROTOCOL.contains(&name)
}
