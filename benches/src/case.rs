//! A benchmark case.

use std::fmt;

/// An operation to measure, compared to the other cases of its group.
pub struct Case {
    /// The operation: `RS256-2048`, `reading a key`.
    pub group: String,
    /// The library.
    pub name: String,
    /// Whether this is countersign, another library, or the floor.
    pub kind: Kind,
    /// The name of the floor: the case of the same group that is the lower bound.
    pub floor: Option<String>,
    /// Runs the operation once.
    pub run: Box<dyn FnMut()>,
}

/// Whether a case is countersign, another library, or the floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The bare primitive.
    Floor,
    /// countersign.
    Ours,
    /// Another library.
    Peer,
}

impl Case {
    /// The bare primitive.
    pub fn floor(group: &str, name: &str, run: impl FnMut() + 'static) -> Self {
        Self::new(group, name, Kind::Floor, run)
    }

    /// countersign.
    pub fn ours(group: &str, name: &str, run: impl FnMut() + 'static) -> Self {
        Self::new(group, name, Kind::Ours, run)
    }

    /// Another library.
    pub fn peer(group: &str, name: &str, run: impl FnMut() + 'static) -> Self {
        Self::new(group, name, Kind::Peer, run)
    }

    /// Compares the case to this floor.
    #[must_use]
    pub fn over(mut self, floor: &str) -> Self {
        self.floor = Some(floor.to_owned());
        self
    }

    fn new(group: &str, name: &str, kind: Kind, run: impl FnMut() + 'static) -> Self {
        Self {
            group: group.to_owned(),
            name: name.to_owned(),
            kind,
            floor: None,
            run: Box::new(run),
        }
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.group, self.name)
    }
}
