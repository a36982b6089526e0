#![allow(clippy::disallowed_methods, reason = "the width of the screen is a variable")]

use std::io::{self, IsTerminal};

use anstream::{AutoStream, ColorChoice};

/// Columns of a terminal that does not report its width.
const USUAL_WIDTH: usize = 80;

/// The properties of stdout and stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    /// Columns of the terminal behind stdout; `None` if stdout is not a terminal, and then lines
    /// have no length limit.
    pub width: Option<usize>,
    /// Whether colour may be written.
    pub colour: bool,
    /// Whether stderr is a terminal. Otherwise there is no progress bar and no coloured failure.
    pub interactive_err: bool,
    /// Whether notes and progress are off. Failures are always printed.
    pub quiet: bool,
}

impl Screen {
    /// Reads the terminal's properties. COLUMNS takes precedence over the width that the terminal
    /// reports. Colour follows NO_COLOR, CLICOLOR, CLICOLOR_FORCE, TERM and
    /// [`crate::ColourMode::apply`].
    pub fn detect(quiet: bool) -> Screen {
        let stdout = io::stdout();
        Screen {
            width: stdout.is_terminal().then(terminal_width),
            colour: AutoStream::choice(&stdout) != ColorChoice::Never,
            interactive_err: io::stderr().is_terminal(),
            quiet,
        }
    }

    /// Returns the properties for output to a file: no width and no colour.
    pub fn to_file(self) -> Screen {
        Screen { width: None, colour: false, ..self }
    }

    /// Whether stdout is a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        self.width.is_some()
    }
}

fn terminal_width() -> usize {
    let asked = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok()).filter(|width| *width > 0);
    asked
        .or_else(|| terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)))
        .unwrap_or(USUAL_WIDTH)
}
