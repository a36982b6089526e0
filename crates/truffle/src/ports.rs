use std::cell::RefCell;
use std::path::Path;

use catalog::ports::{Ask, AskError, Bound, Encode};
use catalog::{Page, Question, Value, question};
use console::{Failure, Kind, Settings};
use domain::Timestamp;

/// What a command of truffle has to work with.
pub struct Ports<'a> {
    /// The warehouse.
    pub ask: &'a dyn Ask,
    /// Writer of Parquet and Arrow.
    pub encode: &'a dyn Encode,
    /// The settings of this run.
    pub settings: &'a Settings,
    /// The instant that answers are about; `now` unless `--as-of` says otherwise.
    pub as_of: Timestamp,
    /// Answers that are there before they are asked for.
    ahead: RefCell<Vec<(Bound, Page)>>,
}

impl<'a> Ports<'a> {
    /// What a command works with.
    pub fn new(
        ask: &'a dyn Ask,
        encode: &'a dyn Encode,
        settings: &'a Settings,
        as_of: Timestamp,
    ) -> Ports<'a> {
        Ports { ask, encode, settings, as_of, ahead: RefCell::default() }
    }

    /// Asks questions whose answers will be wanted, each by [`Ports::answer`]: the longest first, and the others beside
    /// it. One that fails is asked again there, where its failure is said.
    pub(crate) fn ask_ahead(&self, asked: &[(&str, &[(&str, &str)])]) {
        let bound = asked.iter().filter_map(|(name, given)| self.bind(name, given).ok()).collect::<Vec<_>>();
        let answers = self.ask.ask_all(&bound);
        let known = bound.into_iter().zip(answers).filter_map(|(asked, answer)| Some((asked, answer.ok()?)));
        self.ahead.borrow_mut().extend(known);
    }

    /// Asks one of our own questions. `$as_of` is bound here; `given` are the other parameters as text.
    pub(crate) fn answer(&self, name: &str, given: &[(&str, &str)]) -> Result<Page, Failure> {
        let (question, values) = self.bind(name, given)?;
        let mut ahead = self.ahead.borrow_mut();
        let is_it = |((of, with), _): &(Bound, Page)| of.name == question.name && *with == values;
        match ahead.iter().position(is_it) {
            Some(at) => Ok(ahead.swap_remove(at).1),
            None => self.ask(question, &values),
        }
    }

    fn bind(&self, name: &str, given: &[(&str, &str)]) -> Result<Bound, Failure> {
        let question = question(name).expect("programs ask questions that are there");
        let mut texts: Vec<(String, String)> =
            given.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        if question.params().iter().any(|param| param.name == "as_of") {
            texts.push(("as_of".into(), self.as_of.to_string()));
        }
        let values = question.bind(&texts, self.as_of).map_err(|e| Failure::broken(e.to_string()))?;
        Ok((question, values))
    }

    /// Asks a question with values that are bound already.
    pub(crate) fn ask(&self, question: &Question, values: &[(String, Value)]) -> Result<Page, Failure> {
        self.ask.ask(question, values).map_err(|error| failure(error, &self.settings.lake.value))
    }
}

/// What went wrong at the warehouse's door, with what to do about it.
pub fn failure(error: AskError, lake: &Path) -> Failure {
    let text = error.to_string();
    match error {
        AskError::BadSql(_) => Failure::usage(text)
            .hint("truffle schema lists the tables and columns, truffle query --help what can run"),
        AskError::Refused(_) => Failure::new(Kind::Refused, text)
            .hint("truffle query --help says what can run; truffle export writes a result to a file"),
        AskError::TimedOut(_) => Failure::new(Kind::Refused, text).hint("--timeout 10m gives it longer"),
        AskError::OutOfMemory(_) => Failure::new(Kind::Refused, text).hint("--memory 8GiB gives it more"),
        AskError::Interrupted => Failure::new(Kind::Interrupted, text),
        AskError::Newer { .. } => {
            Failure::new(Kind::Data, text).hint("upgrade mycelium, or name another lake with --lake")
        }
        AskError::Lake(_) => Failure::new(Kind::Data, text)
            .hint(format!("look at {}, or name another lake with --lake", lake.display())),
        AskError::Failed(_) => Failure::broken(text),
    }
}
