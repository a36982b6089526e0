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
pub use failure::{Exit, Failure, FailureKind};
pub use format::OutputFormat;
pub use headers::column_header;
pub use key_file::read_or_create_key;
pub use log::start_log;
pub use printer::{PageStream, Printer};
pub use progress::Progress;
pub use report::{Align, Report, TableColumn, TableView};
pub use screen::Screen;
pub use settings::{
    ColourMode, CommonFlags, LAUNCH_SETTINGS, SHARED_SETTINGS, Setting, SettingOrigin, Settings,
    refuse_other_format,
};
pub use sources::{SettingsFile, SettingsSources};
pub use words::{describe_age, nearest, read_region, suggest_closest};
