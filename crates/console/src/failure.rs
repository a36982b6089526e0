use std::fmt;

/// How a program ends when it did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Exit code 0.
    Done,
    /// Exit code 3: the question was understood, and nothing matched.
    NothingMatched,
}

impl Exit {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::NothingMatched => 3,
        }
    }
}

/// What kind of failure it was; each kind has one exit code, listed in README.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 0: whoever read the output closed it, as `head` does. They have what they wanted, so nothing is
    /// said and the exit code is that of success.
    Closed,
    /// 1: the machine or a bug: a full disk, an unexpected answer.
    Broken,
    /// 2: what was typed cannot be understood.
    Usage,
    /// 4: the data is there and cannot be used: a lake of a newer version, a damaged or foreign folder.
    Data,
    /// 5: a statement was refused, or stopped at a bound.
    Refused,
    /// 130: interrupted by Ctrl-C.
    Interrupted,
}

impl Kind {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Kind::Closed => 0,
            Kind::Broken => 1,
            Kind::Usage => 2,
            Kind::Data => 4,
            Kind::Refused => 5,
            Kind::Interrupted => 130,
        }
    }
}

/// Why a command did not do what was asked: one sentence, what was expected, and what to type next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The kind, which gives the exit code.
    pub kind: Kind,
    /// A lowercase fragment: what is wrong and what was expected.
    pub message: String,
    /// The next command to type, or what to change; a sentence without a full stop.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure without a hint.
    pub fn new(kind: Kind, message: impl Into<String>) -> Failure {
        Failure { kind, message: message.into(), hint: None }
    }

    /// What was typed cannot be understood.
    pub fn usage(message: impl Into<String>) -> Failure {
        Failure::new(Kind::Usage, message)
    }

    /// The machine failed.
    pub fn broken(message: impl Into<String>) -> Failure {
        Failure::new(Kind::Broken, message)
    }

    /// The reader of the output has gone.
    pub fn broken_pipe() -> Failure {
        Failure::new(Kind::Closed, "the reader of the output has gone")
    }

    /// Whether only the reader of the output has gone: exit code 0, and nothing is said.
    pub fn is_broken_pipe(&self) -> bool {
        self.kind == Kind::Closed
    }

    /// Adds what to type next.
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
