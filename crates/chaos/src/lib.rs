//! Runs real processes of countersign against the sandbox, injects faults, and counts lost grants.
//!
//! There are two drivers:
//!
//! - [`hammer`] lets many processes share a store with several connections. At random, it kills,
//!   stops, forks and shuts down processes, and removes the store's files. The sandbox's log says
//!   which connection each token belongs to.
//! - [`matrix`] kills, fails and delays one refresh at each failpoint.
//!
//! A loss is unavoidable if the process that sent the request was killed, or its response dropped,
//! before the response was durable: then no client has the new token. All others are avoidable.
//!
//! ```
//! use countersign_chaos::{matrix::{Act, Case}, Point, Server};
//!
//! let case = Case { point: Point::Received, act: Act::Kill, server: Server::Strict };
//! assert!(case.loses_the_only_response());
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

pub use countersign_core::failpoint::Point;

pub use crate::once::{Failing, Mishap, Order, once};
pub use crate::place::{Place, PlaceKind, open};
pub use crate::stage::{Stage, connection};
pub use crate::table::{between_marks, table};

/// What the server does when a refresh token is presented twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Server {
    /// It revokes the grant and all its tokens.
    Strict,
    /// It accepts the token until its successor is used, and the client knows that.
    Grace,
}

impl Server {
    /// Returns the word for it on the command line.
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
            _ => Err(format!("`{text}` must be strict or grace")),
        }
    }
}
