//! Input and output of the programs: reports in every format, messages on stderr, failures with a
//! hint and an exit code, progress, settings.
//!
//! This crate stands between a program and a person or a pipe. It knows nothing of a report's
//! content, the origin of its rows, or AWS.

mod agree;
mod columns;
mod failure;
mod format;
mod log;
mod printer;
mod progress;
mod report;
mod screen;
mod secret;
mod settings;
mod sheet;
mod sources;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod words;

pub use agree::agree;
pub use failure::{Exit, Failure, FailureKind};
pub use format::OutputFormat;
pub use log::start_log;
pub use printer::{PageStream, Printer};
pub use progress::Progress;
pub use report::{Align, Report, TableView};
pub use screen::Screen;
pub use secret::secret;
pub use settings::{ColourMode, CommonFlags, Setting, SettingOrigin, Settings};
pub use sources::{SettingsFile, SettingsSources};
pub use words::{age, did_you_mean};
