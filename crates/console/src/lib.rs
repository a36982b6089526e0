//! Input and output of the programs: reports in every format, messages on stderr, failures with a
//! hint and an exit code, progress, settings.
//!
//! This crate stands between a program and a person or a pipe. It knows nothing of a report's
//! content, the origin of its rows, or AWS.

mod clock;
mod columns;
pub mod completion;
mod confirm;
mod damage;
mod dimensions;
mod failure;
mod format;
mod format_writer;
mod headers;
mod key_file;
mod log;
mod printer;
mod progress;
mod report;
mod screen;
mod settings;
mod sources;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod words;

pub use clock::{clock, now};
pub use confirm::{confirm, confirm_on_terminal, prompt};
pub use damage::drop_damaged_files;
pub use dimensions::CostDimensions;
