//! Memory fakes and failing decorators of the ports, for the tests of all crates.
//!
//! The module is always compiled: a cargo feature would build every crate twice, with and without
//! it. An executable that does not use it does not contain it.

mod ask;
mod canary;
mod encode;
mod source;
mod store;

pub use ask::{FailingAsk, MemoryAsk};
pub use canary::{fill_with_canaries, public_text, secret_text};
pub use encode::{FailingEncode, TextEncode};
pub use source::{FailingSource, MemorySource, SourceCall};
pub use store::{FailingStore, MemoryRun, MemoryStore, StoreCall};

#[cfg(test)]
mod tests;
