//! Test support: builds plugins, and runs fake vendors that are as strict as their documentation.

#![forbid(unsafe_code)]

mod build;
mod vendor;
mod xero;
mod zoom;

pub use crate::build::{Built, c, rust};
pub use crate::vendor::{Asked, Response, Vendor};
pub use crate::xero::Xero;
pub use crate::zoom::zoom;
