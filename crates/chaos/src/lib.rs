//! The crash, the second process, the killed store: drives real processes of countersign against
//! the sandbox, and counts what was lost.
//!
//! Two drivers. [`hammer`] lets many processes share a store with several connections. At random it
//! kills, stops, forks and shuts down the processes, and removes the store's files. The sandbox's
//! log decides whose token each of them was given. [`matrix`] kills, fails and delays one refresh at each of the keeper's named points. A
//! loss counts as avoidable unless the process that sent the request was killed, or its answer
//! dropped, before the answer was durable: no client can keep what only a dead one was told.
//!
//! ```
//! use countersign_chaos::{matrix::{Act, Case}, Point, Server};
//!
//! let case = Case { point: Point::Answered, act: Act::Kill, server: Server::Strict };
//! assert!(case.loses_the_only_answer());
//! ```

#![forbid(unsafe_code)]

mod forked;
pub mod hammer;
pub mod ledger;
pub mod line;
pub mod matrix;
mod once;
mod order;
mod place;
mod stage;
pub mod steps;
mod table;
pub mod tenants;
pub mod watch;
pub mod window;
pub mod worker;

use std::str::FromStr;

pub use countersign::probe::Point;

pub use crate::once::{Mishap, Order, Probing, once};
pub use crate::place::{Place, PlaceKind, open};
pub use crate::stage::{Stage, connection};
pub use crate::table::{between_marks, table};

/// What the server makes of a refresh token that comes twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Server {
    /// It ends the grant, and with it the tokens that came of it.
    Strict,
    /// It is honoured until its successor is used, and the client knows.
    Grace,
}

impl Server {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Grace => "grace",
        }
    }
}

impl FromStr for Server {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "strict" => Ok(Self::Strict),
            "grace" => Ok(Self::Grace),
            _ => Err(format!("`{text}` is not one of strict, grace")),
        }
    }
}
