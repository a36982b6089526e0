//! Runs a command against answers in memory, for tests.

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use catalog::testing::{FailingEncode, MemoryAsk};
use console::{Exit, Failure, OutputFormat, Printer, Screen};
use domain::Timestamp;

use crate::CommandPorts;
use crate::cost_sample::settings;

/// The result of a command, its standard output and its standard error.
pub(crate) type TestRun = (Result<Exit, Failure>, String, String);

/// The answers, the user and the instant of a command.
pub(crate) struct TestUser<'a> {
    pub(crate) ask: &'a MemoryAsk,
    /// The folder of the user's files.
    pub(crate) config: &'a Path,
    pub(crate) as_of: Timestamp,
}

impl<'a> TestUser<'a> {
    /// Returns a user without files. `as_of` is an instant such as 2026-11-20T10:00:00Z.
    pub(crate) fn new(ask: &'a MemoryAsk, as_of: &str) -> TestUser<'a> {
        TestUser { ask, config: Path::new("/nowhere"), as_of: as_of.parse().unwrap() }
    }

    /// Runs a command.
    pub(crate) fn run(
        &self,
        format: OutputFormat,
        command: impl FnOnce(&CommandPorts<'_>, &mut Printer) -> Result<Exit, Failure>,
    ) -> TestRun {
        let (settings, encode) = (settings(self.config), FailingEncode("no columnar format"));
        let ports = CommandPorts { ask: self.ask, encode: &encode, settings: &settings, as_of: self.as_of };
        let (out, err) = (TestOutput::default(), TestOutput::default());
        let screen = Screen { width: None, colour: false, interactive_err: false, quiet: false };
        let mut printer = Printer::new(format, screen, Box::new(out.clone()), Box::new(err.clone()));
        let done = command(&ports, &mut printer);
        printer.flush().unwrap();
        drop(printer);
        (done, out.text(), err.text())
    }
}

/// Output of a command, kept for a test.
#[derive(Clone, Default)]
struct TestOutput(Arc<Mutex<Vec<u8>>>);

impl TestOutput {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for TestOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
