use std::cell::RefCell;
use std::path::Path;

use catalog::ports::{Ask, AskError, BoundQuestion, Encode};
use catalog::{Page, Question, Value, question};
use console::{Failure, FailureKind, Settings};
use domain::Timestamp;

/// Ports and settings of a command.
pub struct Ports<'a> {
    /// The warehouse.
    pub ask: &'a dyn Ask,
    /// Writer of Parquet and Arrow.
    pub encode: &'a dyn Encode,
    /// The settings of this run.
    pub settings: &'a Settings,
    /// The instant of the answers: `--as-of`, or `now` without it.
    pub as_of: Timestamp,
    /// Prefetched answers.
    ahead: RefCell<Vec<(BoundQuestion, Page)>>,
}

impl<'a> Ports<'a> {
    /// Creates the ports, without prefetched answers.
    pub fn new(
        ask: &'a dyn Ask,
        encode: &'a dyn Encode,
        settings: &'a Settings,
        as_of: Timestamp,
    ) -> Ports<'a> {
        Ports { ask, encode, settings, as_of, ahead: RefCell::default() }
    }

    /// Prefetches answers for later calls of [`Ports::answer`]. The slowest question comes first;
    /// the others run beside it. A question that fails is asked again by `answer`, which reports
    /// the failure.
    pub(crate) fn prefetch(&self, asked: &[(&str, &[(&str, &str)])]) {
        let bound = asked.iter().filter_map(|(name, given)| self.bind(name, given).ok()).collect::<Vec<_>>();
        let answers = self.ask.ask_all(&bound);
        let known = bound.into_iter().zip(answers).filter_map(|(asked, answer)| Some((asked, answer.ok()?)));
        self.ahead.borrow_mut().extend(known);
    }

    /// Answers a named question. `given` contains the parameters as text, except `$as_of`.
    pub(crate) fn answer(&self, name: &str, given: &[(&str, &str)]) -> Result<Page, Failure> {
        let (question, values) = self.bind(name, given)?;
        let mut ahead = self.ahead.borrow_mut();
        let is_it = |((of, with), _): &(BoundQuestion, Page)| of.name == question.name && *with == values;
        match ahead.iter().position(is_it) {
            Some(at) => Ok(ahead.swap_remove(at).1),
            None => self.ask(question, &values),
        }
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
pub fn failure(error: AskError, lake: &Path) -> Failure {
    let text = error.to_string();
    match error {
        AskError::BadSql(_) => Failure::usage(text)
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
        AskError::Lake(_) => Failure::new(FailureKind::Data, text)
            .hint(format!("inspect {}, or choose another lake with --lake", lake.display())),
        AskError::Failed(_) => Failure::broken(text),
    }
}
