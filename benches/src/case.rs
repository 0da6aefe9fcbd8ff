//! One thing done over and over.

use std::fmt;

/// One thing done over and over, beside others of its group.
pub struct Case {
    /// What is done: `RS256-2048`, `reading a key`.
    pub group: String,
    /// By whom.
    pub name: String,
    /// Whose it is.
    pub kind: Kind,
    /// The name of the case in the same group that cannot be beaten.
    pub floor: Option<String>,
    /// Does it once.
    pub run: Box<dyn FnMut()>,
}

/// Whose a case is.
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

    /// The same case, to be held against a floor.
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
