//! The spelling of calls and answers: forms, XML, and signatures.

mod json;
mod node;
mod params;
pub(crate) mod sigv4;

pub(crate) use json::{Input, Members, with_token};
pub(crate) use node::{Fields, Node, iso, texts, write};
pub use params::Params;
pub(crate) use params::Part;
