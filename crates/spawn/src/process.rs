//! The port to programs of this machine.

use std::ffi::OsString;
use std::io;
use std::time::Duration;

/// A program with its arguments. No shell reads them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcessCommand {
    /// The program: a name that is looked for in PATH, or a path.
    pub program: OsString,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Variables that are added to its environment.
    pub env: Vec<(OsString, OsString)>,
}

/// The end of a captured program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcessOutput {
    /// The exit status; none if a signal or the time limit ended it.
    pub code: Option<i32>,
    /// Its standard output, at most one MiB.
    pub stdout: Vec<u8>,
    /// Its standard error, at most 64 KiB.
    pub stderr: Vec<u8>,
}

/// Starts programs of this machine.
pub trait ProcessRunner {
    /// Runs a program to its end, with these bytes on its standard input, and captures its output.
    /// It is killed after `limit`.
    ///
    /// # Errors
    /// The program cannot be started; `NotFound` when it is not installed.
    fn capture(&self, command: &ProcessCommand, input: &[u8], limit: Duration) -> io::Result<ProcessOutput>;

    /// Runs a program without input, and hands over each line of its standard output, of at most 64
    /// KiB, as it comes. Its standard error is dropped. An error of `on_line` ends the program.
    /// Returns its exit status; none if a signal ended it.
    ///
    /// # Errors
    /// The program cannot be started; `NotFound` when it is not installed. `on_line` failed.
    fn stream(
        &self,
        command: &ProcessCommand,
        on_line: &mut dyn FnMut(&str) -> io::Result<()>,
    ) -> io::Result<Option<i32>>;

    /// Runs a program with this process's terminal and streams, and returns its exit status: 128
    /// plus the signal that ended it.
    ///
    /// # Errors
    /// The program cannot be started; `NotFound` when it is not installed.
    fn hand_over(&self, command: &ProcessCommand) -> io::Result<i32>;
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// A machine that answers [`ProcessRunner::capture`] with this function. No other way finds a
    /// program.
    pub(crate) struct AnsweredPrograms<F>(pub(crate) F);

    /// Returns the answer of a machine that lacks the program.
    pub(crate) fn not_installed<T>() -> io::Result<T> {
        Err(io::ErrorKind::NotFound.into())
    }

    impl<F: Fn(&ProcessCommand) -> io::Result<ProcessOutput>> ProcessRunner for AnsweredPrograms<F> {
        fn capture(&self, command: &ProcessCommand, _: &[u8], _: Duration) -> io::Result<ProcessOutput> {
            self.0(command)
        }

        fn stream(
            &self,
            _: &ProcessCommand,
            _: &mut dyn FnMut(&str) -> io::Result<()>,
        ) -> io::Result<Option<i32>> {
            not_installed()
        }

        fn hand_over(&self, _: &ProcessCommand) -> io::Result<i32> {
            not_installed()
        }
    }
}
