//! Limits a question about bills to the files with valid lines of its month, and makes the columns
//! of tags available to it.
//!
//! A file of bill lines has the lines of one run and one month, and a column for each frequent tag.
//! An older file has all months of its run, and its tags are JSON alone. The limit changes no
//! answer: without it, the same question reads all files and the JSON of every line.

use std::collections::{BTreeMap, BTreeSet};

use catalog::ports::AskError;
use catalog::{
    DataFile, Dataset, OTHER_TAGS, Page, ParamKind, Question, UNREADABLE_TAGS, Value, dataset, tag_column,
    tag_of_column,
};
use duckdb::Connection;

use crate::answer::{ask, own};
use crate::build::{self, FileLayout, literal};
use crate::source::WarehouseSource;

const RUNS: &str = include_str!("../../../queries/build/bill_runs.sql");
const VIEW: &str = include_str!("../../../queries/build/bill_view.sql");
const VALID: &str = include_str!("../../../queries/build/bill_valid.sql");
const STATED: &str = include_str!("../../../queries/build/bill_stated.sql");
const TAGS: &str = include_str!("../../../queries/build/bill_tags.sql");
const LOOSE_TAGS: &str = include_str!("../../../queries/build/bill_loose_tags.sql");
const TAG_KEYS: &str = include_str!("../../../queries/build/bill_tag_keys.sql");
const UNLIMITED: &str = include_str!("../../../queries/build/bill_unlimited.sql");

/// The parts of the bills that a question reads.
pub(crate) struct BillLimit {
    /// For each run its months, and whether all lines of the month are wanted; none if no line is.
    runs: BTreeMap<String, BTreeMap<String, Option<bool>>>,
}

/// The files of one part of the view.
struct BillPart {
    files: Vec<String>,
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

    /// Returns true if the question reads the file.
    pub(crate) fn reads(&self, file: &DataFile) -> bool {
        file.dataset == charge().name && self.wanted(file).is_some()
    }

    /// Returns whether all lines of the file are wanted; none if no line is. Nothing is known of a
    /// file with several months, or of a run without a statement.
    fn wanted(&self, file: &DataFile) -> Option<bool> {
        let Some(months) = self.runs.get(file.run()) else { return Some(false) };
        match file.month() {
            Some(month) => months.get(month).copied().unwrap_or(Some(false)),
            None => months.values().any(Option::is_some).then_some(false),
        }
    }

    /// Answers the question over these files alone.
    pub(crate) fn ask(
        &self,
        connection: &Connection,
        sources: &[WarehouseSource],
        question: &Question,
        values: &[(String, Value)],
    ) -> Result<Page, AskError> {
        let own = |e| own(question.name, e);
        let tags = self.limit(connection, sources).map_err(own)?;
        let answer = match limit_tags(connection, &tags, question, values) {
            Ok(()) => ask(connection, question, values),
            Err(error) => Err(error),
        };
        connection.execute_batch(UNLIMITED).map_err(own)?;
        answer
    }

    /// Puts the view of the files before the view of all bills. Returns the keys of the tags that
    /// have a column.
    fn limit(
        &self,
        connection: &Connection,
        sources: &[WarehouseSource],
    ) -> duckdb::Result<BTreeSet<String>> {
        let files = |layout: FileLayout, valid: bool| {
            let wanted = |file: &DataFile| FileLayout::of(file) == layout && self.wanted(file) == Some(valid);
            BillPart { files: build::files_where(charge(), sources, wanted), valid }
        };
        let mut of_month = Vec::new();
        for part in [true, false].map(|valid| files(FileLayout::OfMonth, valid)) {
            if !part.files.is_empty() {
                let found = build::columns_in(connection, &part.files)?;
                of_month.push((part, found));
            }
        }
        let older = files(FileLayout::Plain, false);
        let columns = of_month.iter().flat_map(|(_, found)| found);
        let tags: BTreeSet<String> = columns.filter_map(|name| tag_of_column(name)).collect();
        let mut parts: Vec<String> = of_month.iter().map(|(part, found)| part.rows(found, &tags)).collect();
        if !older.files.is_empty() || parts.is_empty() {
            parts.push(older.rows_of_older_files(connection, &tags)?);
        }
        connection.execute_batch(&VIEW.replace("{parts}", &parts.join("\nUNION ALL\n")))?;
        Ok(tags)
    }
}

impl BillPart {
    /// Returns a query of the lines of files with a column for each frequent tag.
    fn rows(&self, found: &BTreeSet<String>, tags: &BTreeSet<String>) -> String {
        let lacks = |name: &str| !found.contains(name);
        let mut columns =
            vec![build::list(&charge().fields(), |field| build::stored(charge(), field, &lacks))];
        let text = |name: &str| match lacks(name) {
            false => build::identifier(name),
            true => format!("CAST(NULL AS VARCHAR) AS {}", build::identifier(name)),
        };
        columns.extend(tags.iter().map(|key| text(&tag_column(key))));
        columns.push(text(OTHER_TAGS));
        let mut shown: Vec<String> = tags.iter().map(|key| build::identifier(&tag_column(key))).collect();
        shown.push(format!("CAST({OTHER_TAGS} AS JSON) AS loose_tags"));
        self.select(&shown.join(", "), &build::read_files(&columns.join(", "), &self.files))
    }

    /// Returns a query of the lines of files that have their tags as JSON alone.
    fn rows_of_older_files(
        &self,
        connection: &Connection,
        tags: &BTreeSet<String>,
    ) -> duckdb::Result<String> {
        let null = |key: &String| format!("CAST(NULL AS VARCHAR) AS {}", build::identifier(&tag_column(key)));
        let mut shown: Vec<String> = tags.iter().map(null).collect();
        shown.push("CASE WHEN json_valid(tags) THEN CAST(tags AS JSON) END AS loose_tags".into());
        let rows = build::rows_of_files(connection, charge(), &self.files)?;
        Ok(self.select(&shown.join(", "), &rows))
    }

    fn select(&self, tags: &str, rows: &str) -> String {
        let template = if self.valid { VALID } else { STATED };
        build::fill_rows(&build::fill(template, charge()).replace("{tags}", tags), rows, true)
    }
}

fn charge() -> &'static Dataset {
    dataset("charge").expect("a dataset of ours")
}

/// Whether the question reads bills through one of the macros of `queries/views/`.
pub(crate) fn reads_bills(question: &Question) -> bool {
    question.text.contains("charge_of_") || question.text.contains("charge_tag_key(")
}

fn month_param(question: &Question) -> Option<String> {
    question.params().into_iter().find(|param| param.kind == ParamKind::Month).map(|param| param.name)
}

/// Puts macros that read the columns of tags before those that read JSON, if the question is about
/// tags.
fn limit_tags(
    connection: &Connection,
    tags: &BTreeSet<String>,
    question: &Question,
    values: &[(String, Value)],
) -> Result<(), AskError> {
    let param = question.params().into_iter().find(|param| param.kind == ParamKind::TagKey);
    let asked = param.and_then(|param| values.iter().find(|(name, _)| *name == param.name));
    if asked.is_none() && !question.text.contains("charge_tag_key(") {
        return Ok(());
    }
    let value = match asked {
        Some((_, asked)) => tag_value(connection, tags, asked)?,
        None => "NULL".into(),
    };
    let columns = || tags.iter().map(|key| build::identifier(&tag_column(key)));
    let counts: Vec<String> = columns().map(|column| format!("count({column})")).collect();
    let keys: Vec<String> = tags.iter().map(|key| literal(key)).collect();
    // Keys come last, so that nothing is replaced inside a key.
    let macros = TAGS.replace("{value}", "{value }").replace("{counts}", "{counts }");
    let macros = macros.replace("{keys}", &keys.join(", "));
    let macros = macros.replace("{counts }", &counts.join(", ")).replace("{value }", &value);
    connection.execute_batch(&macros).map_err(|e| own(question.name, e))
}

/// Returns the expression of the asked tag's value over the limited view.
fn tag_value(connection: &Connection, tags: &BTreeSet<String>, asked: &Value) -> Result<String, AskError> {
    let texts = |page: Page| -> Vec<String> {
        let text = |value| match value {
            Value::Text(text) => Some(text),
            _ => None,
        };
        page.rows.into_iter().flatten().filter_map(text).collect()
    };
    let loose = ask(connection, &Question { name: "build/bill_loose_tags", text: LOOSE_TAGS }, &[])?;
    let loose: BTreeSet<String> = texts(loose).into_iter().collect();
    let known: Vec<String> = tags.union(&loose).cloned().collect();
    let bound = [("keys".to_string(), known.join("\n").into()), ("asked".to_string(), asked.clone())];
    let keys = texts(ask(connection, &Question { name: "build/bill_tag_keys", text: TAG_KEYS }, &bound)?);
    let stored = |key: &str| {
        let column = tags.contains(key).then(|| build::identifier(&tag_column(key)));
        let path = literal(&format!("$.\"{key}\""));
        let text = loose.contains(key).then(|| format!("loose_tags ->> {path}"));
        column.into_iter().chain(text)
    };
    let mut values: Vec<String> = keys.iter().flat_map(|key| stored(key)).collect();
    let unreadable = |text| format!("CASE WHEN ({text}) IS NOT NULL THEN {} END", literal(UNREADABLE_TAGS));
    values.extend(stored(UNREADABLE_TAGS).map(unreadable));
    Ok(match values.is_empty() {
        true => "CAST(NULL AS VARCHAR)".into(),
        false => format!("coalesce({})", values.join(", ")),
    })
}

#[cfg(test)]
#[path = "bills_tests.rs"]
mod tests;
