#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod error;
mod file;
mod forward;
mod key;
mod lease;
mod memory;
mod owner;
mod patience;
mod random;
mod record;
mod sealed;
mod store;
pub mod trusted;
mod unopened;

pub use crate::error::{Error, ErrorKind};
pub use crate::file::FileStore;
pub use crate::key::StoreKey;
pub use crate::lease::Lease;
pub use crate::memory::MemoryStore;
pub use crate::owner::{Holder, Owner};
pub use crate::patience::{Patience, wait_for_lease};
pub use crate::record::{Stored, Swap};
pub use crate::sealed::{KeyRing, SealedStore};
pub use crate::store::{Capabilities, Durability, LeaseKind, Store};
pub use crate::unopened::UnopenedStore;
