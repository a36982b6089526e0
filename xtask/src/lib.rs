//! The rules of STYLE.md as measures, for `cargo xtask style` and for the tidy tests.
//!
//! The library reads text only. It has no dependency, because xtask is built before everything
//! else.

#![allow(clippy::disallowed_methods, reason = "tasks read the repository")]

pub mod style;
