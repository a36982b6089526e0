//! Encoding of calls and answers: forms, JSON, XML, and signatures.

mod json;
mod node;
mod params;
pub(crate) mod sigv4;

pub(crate) use json::{Given, Input, with_token};
pub(crate) use node::{Fields, Members, Node, Spell, iso, node, texts};
pub use params::Params;
pub(crate) use params::Part;
pub(crate) use sigv4::hex;
