use std::fmt;

/// The result of a program that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Exit code 0.
    Done,
    /// Exit code 3: the command line is valid, and nothing matched.
    NothingMatched,
    /// Exit code 6: done, and a person must act on what the command left alone.
    PersonNeeded,
    /// The exit code of the program that the command ran.
    Program(u8),
}

impl Exit {
    /// Returns the process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::NothingMatched => 3,
            Exit::PersonNeeded => 6,
            Exit::Program(code) => code,
        }
    }
}

/// The kind of a failure. Each kind has one exit code, listed in README.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// 0: the reader closed the output, as `head` does. It has all it needs, so nothing is printed
    /// and the exit code is that of success.
    Closed,
    /// 1: a problem of the machine or a bug, such as a full disk or an unexpected answer.
    Broken,
    /// 2: the command line is not valid.
    Usage,
    /// 3: the command line is valid, and nothing matched.
    NoMatch,
    /// 4: the data exists and cannot be used: a lake of a newer version, a damaged folder, or a
    /// folder that is not a lake.
    Data,
    /// 5: a statement was refused, or stopped at a limit.
    Refused,
    /// 130: interrupted by Ctrl-C.
    Interrupted,
}

impl FailureKind {
    /// Returns the process's exit code.
    pub fn code(self) -> u8 {
        match self {
            FailureKind::Closed => 0,
            FailureKind::Broken => 1,
            FailureKind::Usage => 2,
            FailureKind::NoMatch => 3,
            FailureKind::Data => 4,
            FailureKind::Refused => 5,
            FailureKind::Interrupted => 130,
        }
    }
}

/// The failure of a command: the problem, and optionally the next command to type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The kind, which gives the exit code.
    pub kind: FailureKind,
    /// The problem and the expected input; a lowercase fragment. It is printed on one line.
    pub message: String,
    /// Lines below the message that are part of it, such as the place in a statement. Each is
    /// printed indented, so none can pass for a hint or another error.
    pub excerpt: Vec<String>,
    /// The next command to type, or the change to make; no full stop.
    pub hint: Option<String>,
}

impl Failure {
    /// Returns a failure without a hint.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Failure {
        Failure { kind, message: message.into(), excerpt: Vec::new(), hint: None }
    }

    /// Returns a failure of kind [`FailureKind::Usage`]: the command line is not valid.
    pub fn usage(message: impl Into<String>) -> Failure {
        Failure::new(FailureKind::Usage, message)
    }

    /// Returns a failure of kind [`FailureKind::Broken`]: the machine failed.
    pub fn broken(message: impl Into<String>) -> Failure {
        Failure::new(FailureKind::Broken, message)
    }

    /// Returns the failure for an output that its reader has closed.
    pub fn broken_pipe() -> Failure {
        Failure::new(FailureKind::Closed, "the reader closed the output")
    }

    /// Whether the reader closed the output: exit code 0, and nothing is printed.
    pub fn is_broken_pipe(&self) -> bool {
        self.kind == FailureKind::Closed
    }

    /// Returns a failure with a message of several lines. Only the caller's own text may contain
    /// line breaks.
    pub fn of_lines(kind: FailureKind, text: &str) -> Failure {
        let mut lines = text.lines();
        let message = lines.next().unwrap_or_default();
        let excerpt = lines.map(String::from).collect();
        Failure { excerpt, ..Failure::new(kind, message) }
    }

    /// Adds a hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)
    }
}

impl std::error::Error for Failure {}
