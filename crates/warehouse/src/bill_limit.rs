//! The files of bill lines that a question reads: those with valid lines of its month.

use std::collections::{BTreeMap, BTreeSet};

use catalog::ports::AskError;
use catalog::{DataFile, Dataset, ParamKind, Question, Value, dataset, tag_column};
use duckdb::Connection;

use crate::answer::ask;
use crate::build::{self, literal};
use crate::source::WarehouseSource;

const RUNS: &str = include_str!("../../../queries/build/bill_runs.sql");
const VALID: &str = include_str!("../../../queries/build/bill_valid.sql");
const STATED: &str = include_str!("../../../queries/build/bill_stated.sql");

/// The parts of the bills that a question reads.
pub(crate) struct BillLimit {
    /// For each run its months, and whether all lines of the month are wanted; none if no line is.
    runs: BTreeMap<String, BTreeMap<String, Option<bool>>>,
}

/// The files of one part of a view.
pub(crate) struct BillPart {
    pub(crate) files: Vec<String>,
    /// Whether all lines are valid at the question's instant.
    valid: bool,
}

impl BillLimit {
    /// Returns the limit of a question; none if it is not about bills.
    ///
    /// Errors: the statements of the bills cannot be read.
    pub(crate) fn of(
        connection: &Connection,
        question: &Question,
        values: &[(String, Value)],
    ) -> Result<Option<BillLimit>, AskError> {
        if !reads_bills(question) {
            return Ok(None);
        }
        let value =
            |name: &str| values.iter().find(|(given, _)| given == name).map(|(_, value)| value.clone());
        let month = month_param(question).and_then(|name| value(&name)).unwrap_or_else(|| "all".into());
        let Some(instant) = value("as_of") else { return Ok(None) };
        let bound = [("month".to_string(), month), ("as_of".to_string(), instant)];
        let found = ask(connection, &Question { name: "build/bill_runs", text: RUNS }, &bound)?;
        let mut runs: BTreeMap<String, BTreeMap<String, Option<bool>>> = BTreeMap::new();
        for row in found.rows {
            let [Value::Text(run), Value::Text(month), whole] = &row[..] else { continue };
            let whole = if let Value::Bool(whole) = whole { Some(*whole) } else { None };
            runs.entry(run.clone()).or_default().insert(month.clone(), whole);
        }
        Ok(Some(BillLimit { runs }))
    }

    /// Returns true if the question may read the file.
    pub(crate) fn reads(&self, file: &DataFile) -> bool {
        file.dataset == charge().name && self.wanted(file).is_some()
    }

    /// Returns whether all lines of the file are wanted; none if no line is. Nothing is known of a
    /// file with several months, or of a run without a statement.
    fn wanted(&self, file: &DataFile) -> Option<bool> {
        let Some(months) = self.runs.get(file.run()) else { return Some(false) };
        match file.month().or(file.month_of_sums()) {
            Some(month) => months.get(month).copied().unwrap_or(Some(false)),
            None => months.values().any(Option::is_some).then_some(false),
        }
    }

    /// Returns the files that a part of a view reads.
    pub(crate) fn part(
        &self,
        sources: &[WarehouseSource],
        valid: bool,
        is_read: impl Fn(&WarehouseSource, &DataFile) -> bool,
    ) -> BillPart {
        let files = sources.iter().flat_map(|source| {
            let wanted = |file: &DataFile| is_read(source, file) && self.wanted(file) == Some(valid);
            build::files_where(charge(), std::slice::from_ref(source), wanted)
        });
        BillPart { files: files.collect(), valid }
    }
}

impl BillPart {
    /// Returns a query of these columns of rows, with the time span in which each row is valid.
    pub(crate) fn select_columns(&self, columns: &str, rows: &str) -> String {
        let template = if self.valid { VALID } else { STATED };
        let texts = [("{columns}", columns), ("{of_account}", build::OF_ACCOUNT), ("{rows}", rows)];
        build::fill_texts(template, &texts)
    }
}

pub(crate) fn charge() -> &'static Dataset {
    dataset("charge").expect("a dataset of ours")
}

/// Whether the question reads bills through one of the macros of `queries/views/`.
pub(crate) fn reads_bills(question: &Question) -> bool {
    ["charge_of_", "charge_sum_of_", "charge_total_of_", "charge_tag_key("]
        .iter()
        .any(|name| question.text.contains(name))
}

fn month_param(question: &Question) -> Option<String> {
    question.params().into_iter().find(|param| param.kind == ParamKind::Month).map(|param| param.name)
}

/// Fills the tags into the macros that read the columns of tags instead of JSON. `value` is the
/// expression of the asked tag's value, and `count` returns that of a column's lines.
pub(crate) fn with_tags(
    template: &str,
    tags: &BTreeSet<String>,
    value: &str,
    count: impl Fn(&str) -> String,
) -> String {
    let counts: Vec<String> = tags.iter().map(|key| count(&build::identifier(&tag_column(key)))).collect();
    let keys: Vec<String> = tags.iter().map(|key| literal(key)).collect();
    let texts = [("{keys}", &*keys.join(", ")), ("{counts}", &counts.join(", ")), ("{value}", value)];
    build::fill_texts(template, &texts)
}
