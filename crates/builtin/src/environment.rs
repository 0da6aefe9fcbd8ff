//! The environment, which core never reads by itself.

use std::path::PathBuf;

/// An environment variable, as [`Settings::resolve`](countersign::Settings::resolve) asks for.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A path that the environment gives; an empty variable is none.
pub fn path_variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}
