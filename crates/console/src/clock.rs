//! The machine's clock. Every other function gets the time as an argument.

#![allow(clippy::disallowed_methods, reason = "the one place where the programs read the clock")]

use domain::Timestamp;

use crate::Failure;

/// Reads the machine's clock.
pub fn clock() -> Timestamp {
    Timestamp::now()
}

/// Returns the instant of the question: the machine's clock, or MYCELIUM_NOW so that an answer can
/// be repeated.
///
/// # Errors
/// MYCELIUM_NOW is neither a day nor an instant.
pub fn now() -> Result<Timestamp, Failure> {
    match std::env::var("MYCELIUM_NOW") {
        Err(_) => Ok(clock()),
        Ok(text) => domain::parse_instant(&text).ok_or_else(|| {
            Failure::usage(format!("MYCELIUM_NOW is \"{text}\", which is not a day or an instant"))
                .hint("write a day or an instant such as 2026-01-31T12:00:00Z")
        }),
    }
}
