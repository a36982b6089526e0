use std::io::{self, IsTerminal};

use anstream::{AutoStream, ColorChoice};

/// A terminal that does not say how wide it is.
const USUAL_WIDTH: usize = 80;

/// What stdout and stderr are connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    /// Columns of the terminal behind stdout; `None` when stdout is not a terminal, and lines may then
    /// be of any length.
    pub width: Option<usize>,
    /// Whether colour may be written.
    pub colour: bool,
    /// Whether stderr is a terminal: without one there is no progress bar and no coloured failure.
    pub interactive_err: bool,
    /// Whether notes and progress are unwanted. Failures are always said.
    pub quiet: bool,
}

impl Screen {
    /// Asks the terminal. COLUMNS stands above what the terminal says; colour follows NO_COLOR,
    /// CLICOLOR, CLICOLOR_FORCE, TERM and [`crate::Colour::apply`].
    pub fn detect(quiet: bool) -> Screen {
        let stdout = io::stdout();
        Screen {
            width: stdout.is_terminal().then(terminal_width),
            colour: AutoStream::choice(&stdout) != ColorChoice::Never,
            interactive_err: io::stderr().is_terminal(),
            quiet,
        }
    }

    /// The same manners for output that goes to a file.
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
