//! The ID of a grant: whose it is, in the host's own naming.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::{Error, ErrorKind};

/// Whose grant it is: a user, tenant or account, in the host's own naming.
///
/// It has 1 to 200 bytes of `A-Z a-z 0-9 - . _ ~ @ : + = | /`. Segments between `/` tell tenants
/// apart: `acme/42` belongs to the tenant `acme`. No segment is empty, `.` or `..`. Upper and lower
/// case are different.
///
/// The server chooses the ID, for example from its own session. Never take it from a callback or
/// another request.
///
/// # Example
///
/// ```
/// use countersign_core::GrantId;
///
/// let id = GrantId::new("acme/42")?;
/// assert!(id.is_within("acme"));
/// assert!(!id.is_within("acm"));
/// let error = GrantId::new("acme/../42").unwrap_err();
/// assert_eq!(error.message(), "the grant ID has the segment `..`");
/// # Ok::<(), countersign_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GrantId(Arc<str>);

impl GrantId {
    /// The maximum length, in bytes.
    pub const MAX_LENGTH: usize = 200;

    /// Validates an ID.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setting`] if it is empty or too long, or has another character or segment. The
    /// message names the character, but doesn't contain the ID.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::GrantId;
    ///
    /// assert_eq!(GrantId::new("jo@example.com")?.as_str(), "jo@example.com");
    /// let error = GrantId::new("jo smith").unwrap_err();
    /// assert_eq!(error.message(), "the grant ID has the character ' '");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn new(id: &str) -> Result<Self, Error> {
        check(id).map_err(|why| {
            Error::new(ErrorKind::Setting, format!("the grant ID {why}")).with_hint(
                "use 1 to 200 of the characters A-Z a-z 0-9 - . _ ~ @ : + = | and / between segments",
            )
        })?;
        Ok(Self(id.into()))
    }

    /// Returns the ID as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether the ID belongs to a tenant: it has more segments, and its first ones are
    /// the tenant's.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::GrantId;
    ///
    /// let id = GrantId::new("eu/acme/42")?;
    /// assert!(id.is_within("eu") && id.is_within("eu/acme"));
    /// assert!(!id.is_within("eu/acme/42"));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn is_within(&self, tenant: &str) -> bool {
        let rest = self.0.strip_prefix(tenant);
        rest.is_some_and(|rest| rest.starts_with('/'))
    }
}

/// Returns what is wrong with an ID.
fn check(id: &str) -> Result<(), String> {
    if id.is_empty() {
        return Err("is empty".to_owned());
    }
    if let Some(other) = id.chars().find(|c| !is_allowed(*c)) {
        return Err(format!("has the character {other:?}"));
    }
    if id.len() > GrantId::MAX_LENGTH {
        let (length, max) = (id.len(), GrantId::MAX_LENGTH);
        return Err(format!("has {length} characters, and {max} are allowed"));
    }
    match id
        .split('/')
        .find(|segment| ["", ".", ".."].contains(segment))
    {
        None => Ok(()),
        Some("") => Err("has an empty segment".to_owned()),
        Some(segment) => Err(format!("has the segment `{segment}`")),
    }
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~@:+=|/".contains(c)
}

impl AsRef<str> for GrantId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for GrantId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for GrantId {
    type Err = Error;

    fn from_str(id: &str) -> Result<Self, Error> {
        Self::new(id)
    }
}

impl fmt::Display for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GrantId({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_could_be_mistaken_for_another_are_rejected() {
        for good in [
            "a",
            "acme/42",
            "jo@example.com",
            "a.b",
            "...",
            "urn:x:1|y=2+3~_-",
        ] {
            assert_eq!(GrantId::new(good).unwrap().as_str(), good);
        }
        let longest = "x".repeat(GrantId::MAX_LENGTH);
        assert!(GrantId::new(&longest).is_ok());
        for (bad, why) in [
            ("", "is empty"),
            ("/a", "has an empty segment"),
            ("a/", "has an empty segment"),
            ("a//b", "has an empty segment"),
            ("a/./b", "has the segment `.`"),
            ("..", "has the segment `..`"),
            ("a\\b", "has the character '\\\\'"),
            ("a%2fb", "has the character '%'"),
            ("a\0", "has the character '\\0'"),
            ("a\n", "has the character '\\n'"),
            ("ä", "has the character 'ä'"),
            ("a?b", "has the character '?'"),
            ("a#b", "has the character '#'"),
        ] {
            let error = GrantId::new(bad).unwrap_err();
            assert_eq!(error.message(), format!("the grant ID {why}"), "{bad:?}");
        }
        let error = GrantId::new(&format!("{longest}x")).unwrap_err();
        assert!(
            error
                .message()
                .ends_with("201 characters, and 200 are allowed")
        );
    }
}
