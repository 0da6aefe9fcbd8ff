//! Environment variables, which core never reads itself.

use std::path::PathBuf;

/// Returns an environment variable, for [`Settings::resolve`](countersign_core::Settings::resolve).
///
/// # Example
///
/// ```
/// use countersign::environment::variable;
///
/// assert_eq!(variable("PATH"), std::env::var("PATH").ok());
/// assert_eq!(variable("COUNTERSIGN_EXAMPLE_THAT_IS_NOT_SET"), None);
/// ```
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Returns a path from an environment variable, unless the variable is empty.
pub fn path_variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}
