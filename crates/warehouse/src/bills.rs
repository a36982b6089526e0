//! Answers a question about bills over the files with valid lines of its month, and makes the
//! columns of tags available to it.
//!
//! A file of bill lines has the lines of one run and one month, and a column for each frequent tag.
//! An older file has all months of its run, and its tags are JSON alone. Where a question adds up
//! what daily sums have, it reads them instead of the lines. The limit changes no answer: without
//! it, the same question reads the lines of all files, and the JSON of every line.

use std::collections::BTreeSet;

use catalog::ports::AskError;
use catalog::{OTHER_TAGS, Page, ParamKind, Question, UNREADABLE_TAGS, Value, tag_column, tag_of_column};
use duckdb::Connection;

use crate::answer::{ask, own};
use crate::bill_limit::{BillLimit, BillPart, charge, with_tags};
use crate::bill_sums::BillSums;
use crate::build::{self, FileLayout, literal};
use crate::source::WarehouseSource;

const VIEW: &str = include_str!("../../../queries/build/bill_view.sql");
const TAGS: &str = include_str!("../../../queries/build/bill_tags.sql");
const LOOSE_TAGS: &str = include_str!("../../../queries/build/bill_loose_tags.sql");
const TAG_KEYS: &str = include_str!("../../../queries/build/bill_tag_keys.sql");
const UNLIMITED: &str = include_str!("../../../queries/build/bill_unlimited.sql");

/// The columns that the view of lines has beside those of the dataset.
struct TagKeySet {
    /// The keys of the tags that have a column.
    columns: BTreeSet<String>,
    /// The keys of tags without a column, in some lines.
    loose: BTreeSet<String>,
}

impl BillLimit {
    /// Answers the question over these files alone.
    pub(crate) fn ask(
        &self,
        connection: &Connection,
        sources: &[WarehouseSource],
        question: &Question,
        values: &[(String, Value)],
    ) -> Result<Page, AskError> {
        let answer = match self.make_views(connection, sources, question, values) {
            Ok(()) => ask(connection, question, values),
            Err(error) => Err(error),
        };
        connection.execute_batch(UNLIMITED).map_err(|e| own(question.name, e))?;
        answer
    }

    fn make_views(
        &self,
        connection: &Connection,
        sources: &[WarehouseSource],
        question: &Question,
        values: &[(String, Value)],
    ) -> Result<(), AskError> {
        let own = |e| own(question.name, e);
        let mut sums = BillSums::of(connection, self, sources, question, values)?;
        let mut keys = self.limit(connection, sources, &sums).map_err(own)?;
        let param = question.params().into_iter().find(|param| param.kind == ParamKind::TagKey);
        let asked = param.and_then(|param| values.iter().find(|(name, _)| *name == param.name));
        let mut found = Vec::new();
        if let Some((_, asked)) = asked {
            keys.loose = loose_tags(connection)?;
            found = matching_keys(connection, &keys, &sums, asked)?;
            // Sums without a column for the tag give way to their lines.
            if sums.give_way(&found) {
                keys = self.limit(connection, sources, &sums).map_err(own)?;
                keys.loose = loose_tags(connection)?;
            }
        }
        keys.columns.extend(sums.tag_columns().map(String::from));
        let value = tag_value(&keys, &found);
        if !sums.is_empty() {
            return sums.make_views(connection, self, sources, &keys.columns, &value).map_err(own);
        }
        if asked.is_none() && !question.text.contains("charge_tag_key(") {
            return Ok(());
        }
        let macros = with_tags(TAGS, &keys.columns, &value, |column| format!("count({column})"));
        connection.execute_batch(&macros).map_err(own)
    }

    /// Puts the view of the files without sums before the view of all bills.
    fn limit(
        &self,
        connection: &Connection,
        sources: &[WarehouseSource],
        sums: &BillSums,
    ) -> duckdb::Result<TagKeySet> {
        let part = |layout: FileLayout, valid: bool| {
            self.part(sources, valid, |source, file| {
                FileLayout::of(file) == layout && !sums.replace(source, file)
            })
        };
        let mut of_month = Vec::new();
        for part in [true, false].map(|valid| part(FileLayout::OfMonth, valid)) {
            if !part.files.is_empty() {
                let found = build::columns_in(connection, &part.files)?;
                of_month.push((part, found));
            }
        }
        let older = part(FileLayout::Plain, false);
        let found = of_month.iter().flat_map(|(_, found)| found);
        let columns: BTreeSet<String> = found.filter_map(|name| tag_of_column(name)).collect();
        let mut parts: Vec<String> =
            of_month.iter().map(|(part, found)| part.rows(found, &columns)).collect();
        if !older.files.is_empty() || parts.is_empty() {
            parts.push(older.rows_of_older_files(connection, &columns)?);
        }
        let view = build::fill_texts(VIEW, &[("{parts}", &parts.join("\nUNION ALL\n"))]);
        connection.execute_batch(&view)?;
        Ok(TagKeySet { columns, loose: BTreeSet::new() })
    }
}

impl BillPart {
    /// Returns a query of the lines of files with a column for each frequent tag.
    fn rows(&self, found: &BTreeSet<String>, tags: &BTreeSet<String>) -> String {
        let mut columns =
            vec![build::list(&charge().fields(), |field| build::stored(charge(), field, Some(found)))];
        let text = |name: &str| match found.contains(name) {
            true => build::identifier(name),
            false => format!("CAST(NULL AS VARCHAR) AS {}", build::identifier(name)),
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
        let columns: Vec<&str> = charge().columns.iter().map(|column| column.name).collect();
        self.select_columns(&format!("{}, {tags}", columns.join(", ")), rows)
    }
}

fn texts(page: Page) -> Vec<String> {
    let text = |value| match value {
        Value::Text(text) => Some(text),
        _ => None,
    };
    page.rows.into_iter().flatten().filter_map(text).collect()
}

/// Returns the keys of the tags without a column in the lines of the limited view.
fn loose_tags(connection: &Connection) -> Result<BTreeSet<String>, AskError> {
    let found = ask(connection, &Question { name: "build/bill_loose_tags", text: LOOSE_TAGS }, &[])?;
    Ok(texts(found).into_iter().collect())
}

/// Returns the keys that the asked name finds, in the order in which a line's value is taken.
fn matching_keys(
    connection: &Connection,
    keys: &TagKeySet,
    sums: &BillSums,
    asked: &Value,
) -> Result<Vec<String>, AskError> {
    let known: BTreeSet<&str> =
        keys.columns.iter().chain(&keys.loose).map(String::as_str).chain(sums.tag_keys()).collect();
    let known: Vec<&str> = known.into_iter().collect();
    let bound = [("keys".to_string(), known.join("\n").into()), ("asked".to_string(), asked.clone())];
    Ok(texts(ask(connection, &Question { name: "build/bill_tag_keys", text: TAG_KEYS }, &bound)?))
}

/// Returns the expression of a tag's value. `found` are its keys.
fn tag_value(keys: &TagKeySet, found: &[String]) -> String {
    let stored = |key: &str| {
        let column = keys.columns.contains(key).then(|| build::identifier(&tag_column(key)));
        let path = literal(&format!("$.\"{key}\""));
        let text = keys.loose.contains(key).then(|| format!("loose_tags ->> {path}"));
        column.into_iter().chain(text)
    };
    let mut values: Vec<String> = found.iter().flat_map(|key| stored(key)).collect();
    let unreadable = |text| format!("CASE WHEN ({text}) IS NOT NULL THEN {} END", literal(UNREADABLE_TAGS));
    values.extend(stored(UNREADABLE_TAGS).map(unreadable));
    match values.is_empty() {
        true => "CAST(NULL AS VARCHAR)".into(),
        false => format!("coalesce({})", values.join(", ")),
    }
}

#[cfg(test)]
#[path = "bills_tests.rs"]
mod tests;
