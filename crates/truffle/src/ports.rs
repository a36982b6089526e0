use std::io::{self, Write};
use std::path::Path;

use catalog::ports::{Ask, AskError, BoundQuestion, Encode};
use catalog::{Page, Question, Value, question};
use console::{Failure, FailureKind, Settings};
use domain::Timestamp;

/// Opens the warehouse. With a key, every text that can identify a person, a machine or an account
/// is replaced by a stand-in of that key. The warehouse stays open until the process ends.
pub type OpenWarehouse<'a> = dyn Fn(Option<&str>) -> Result<&'a dyn Ask, AskError> + 'a;

/// Shells with a completion script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum CompletionShell {
    /// GNU Bash.
    Bash,
    /// Zsh.
    Zsh,
    /// fish.
    Fish,
}

/// Ports of truffle to the outside.
pub struct Ports<'a> {
    /// Opens the warehouse; called only when a command needs it.
    pub warehouse: &'a OpenWarehouse<'a>,
    /// Writer of Parquet and Arrow.
    pub encode: &'a dyn Encode,
    /// The settings of this run.
    pub settings: &'a Settings,
    /// The version to print.
    pub version: &'a str,
    /// Writes the completion script of a shell.
    pub completions: &'a dyn Fn(CompletionShell, &mut dyn Write) -> io::Result<()>,
}

/// Ports of a command that reads the warehouse.
pub struct CommandPorts<'a> {
    /// The open warehouse.
    pub ask: &'a dyn Ask,
    /// Writer of Parquet and Arrow.
    pub encode: &'a dyn Encode,
    /// The settings of this run.
    pub settings: &'a Settings,
    /// The instant of the answers: `--as-of`, or `now` without it.
    pub as_of: Timestamp,
}

/// The name of a question, and its parameters as text, except `$as_of`.
pub(crate) type NamedQuestion<'q> = (&'q str, &'q [(&'q str, &'q str)]);

impl CommandPorts<'_> {
    /// Returns the ports with questions answered from all data, also from after the instant of the
    /// answer.
    pub(crate) fn at_any_time(&self) -> CommandPorts<'_> {
        CommandPorts { ask: self.ask, encode: self.encode, settings: self.settings, as_of: Timestamp::MAX }
    }

    /// Answers a named question.
    pub(crate) fn answer(&self, name: &str, given: &[(&str, &str)]) -> Result<Page, Failure> {
        let (question, values) = self.bind(name, given)?;
        self.ask(question, &values)
    }

    /// Answers several named questions, the first in parallel with the others. Each has its own
    /// result, so that a command reports only the failures of the answers that it uses.
    pub(crate) fn answer_all<const N: usize>(
        &self,
        asked: [NamedQuestion<'_>; N],
    ) -> [Result<Page, Failure>; N] {
        let bound: Result<Vec<BoundQuestion>, Failure> =
            asked.iter().map(|(name, given)| self.bind(name, given)).collect();
        let mut answers = match bound {
            Ok(bound) => self.ask.ask_all(&bound).into_iter(),
            Err(failure) => return std::array::from_fn(|_| Err(failure.clone())),
        };
        std::array::from_fn(|_| {
            let answer = answers.next().expect("there is one answer per question");
            answer.map_err(|error| failure(error, &self.settings.lake.value))
        })
    }

    fn bind(&self, name: &str, given: &[(&str, &str)]) -> Result<BoundQuestion, Failure> {
        let question = question(name).expect("the question is in the catalog");
        let mut texts: Vec<(String, String)> =
            given.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        if question.params().iter().any(|param| param.name == "as_of") {
            texts.push(("as_of".into(), self.as_of.to_string()));
        }
        let values = question.bind(&texts, self.as_of).map_err(|e| Failure::broken(e.to_string()))?;
        Ok((question, values))
    }

    /// Answers a question with bound values.
    pub(crate) fn ask(&self, question: &Question, values: &[(String, Value)]) -> Result<Page, Failure> {
        self.ask.ask(question, values).map_err(|error| failure(error, &self.settings.lake.value))
    }
}

/// Converts an error of the warehouse into a failure with a hint.
pub(crate) fn failure(error: AskError, lake: &Path) -> Failure {
    let text = error.to_string();
    match error {
        AskError::BadSql(_) => Failure::of_lines(FailureKind::Usage, &text)
            .hint("truffle schema lists the tables and columns, truffle query --help the allowed statements"),
        AskError::Refused(_) => Failure::new(FailureKind::Refused, text)
            .hint("truffle query --help lists the allowed statements, truffle export writes result files"),
        AskError::TimedOut(_) => {
            Failure::new(FailureKind::Refused, text).hint("--timeout 10m raises the limit")
        }
        AskError::OutOfMemory(_) => {
            Failure::new(FailureKind::Refused, text).hint("--memory 8GiB raises the limit")
        }
        AskError::Interrupted => Failure::new(FailureKind::Interrupted, text),
        AskError::Newer { .. } => {
            Failure::new(FailureKind::Data, text).hint("upgrade mycelium, or choose another lake with --lake")
        }
        AskError::Damaged(damage) => damage.into(),
        AskError::Lake(_) => Failure::new(FailureKind::Data, text)
            .hint(format!("inspect {}, or choose another lake with --lake", lake.display())),
        AskError::Failed(_) => Failure::broken(text),
    }
}
