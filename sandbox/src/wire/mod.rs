//! Encoding of calls and answers: forms, JSON, XML, and signatures.

mod json;
mod node;
mod params;
pub(crate) mod sigv4;

pub(crate) use json::{JsonInput, JsonMembers, with_token};
pub(crate) use node::{XmlContent, XmlFields, XmlMembers, XmlValue, iso, node, texts, xml_text};
pub(crate) use params::QueryParamPart;
pub use params::QueryParams;
