//! Daily sums of bill lines, which a question reads instead of the lines if they have all that it
//! asks for. See `lake_writer/src/billing/daily_sums.rs`.

use std::collections::{BTreeMap, BTreeSet};

use catalog::ports::AskError;
use catalog::{DataFile, ParamKind, Question, UNREADABLE_TAGS, Value, tag_of_column};
use duckdb::Connection;

use crate::answer::{answer, own};
use crate::bill_limit::{BillLimit, BillPart, charge, with_tags};
use crate::build::{self, literal};
use crate::source::WarehouseSource;

const SUMS: &str = include_str!("../../../queries/build/bill_sums.sql");
const ROWS: &str = include_str!("../../../queries/build/bill_sum_rows.sql");
const OTHER_TAGS: &str = include_str!("../../../queries/build/bill_sum_tags.sql");

/// The sums that a question reads instead of lines.
#[derive(Default)]
pub(crate) struct BillSums {
    files: Vec<SummedFile>,
    /// The keys of the tags that have a column in some of the sums.
    columns: BTreeSet<String>,
    /// The other tags of the sums. Empty unless the question is about a tag.
    other_tags: Vec<OtherTag>,
    /// Whether the question asks for no more than the sums by the values of a tag.
    needs_totals: bool,
}

/// A file of lines, and that of their sums.
struct SummedFile {
    lines: String,
    sums: String,
    /// The tag of the rows that are read; none for the rows by day.
    of_tag: Option<String>,
}

/// A tag that has no column in a file of sums.
struct OtherTag {
    sums: String,
    key: String,
    /// Whether the file has rows by its values.
    has_totals: bool,
}

impl BillSums {
    /// Returns the sums that can answer the question.
    pub(crate) fn of(
        connection: &Connection,
        limit: &BillLimit,
        sources: &[WarehouseSource],
        question: &Question,
        values: &[(String, Value)],
    ) -> Result<BillSums, AskError> {
        let adds_up = ["charge_sum_of_", "charge_total_of_", "charge_tag_key("]
            .iter()
            .any(|name| question.text.contains(name));
        let files: Vec<SummedFile> = sources.iter().flat_map(|source| summed_files(limit, source)).collect();
        if !adds_up || files.is_empty() {
            return Ok(BillSums::default());
        }
        let own = |e| own(question.name, e);
        let paths: Vec<String> = files.iter().map(|file| literal(&file.sums)).collect();
        let found = build::columns_in(connection, &paths).map_err(own)?;
        if values.iter().any(|(_, value)| names_other_column(value, &found)) {
            return Ok(BillSums::default());
        }
        let columns = found.iter().filter_map(|name| tag_of_column(name)).collect();
        let is_of_tag = question.params().iter().any(|param| param.kind == ParamKind::TagKey);
        let other_tags = if is_of_tag { other_tags(connection, &paths)? } else { Vec::new() };
        let needs_totals = question.text.contains("charge_total_of_");
        Ok(BillSums { files, columns, other_tags, needs_totals })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Returns whether sums are read instead of a file.
    pub(crate) fn replace(&self, source: &WarehouseSource, file: &DataFile) -> bool {
        let path = source.path(file);
        self.files.iter().any(|summed| summed.lines == path)
    }

    /// Returns the keys of the tags that have a column.
    pub(crate) fn tag_columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(String::as_str)
    }

    /// Returns the keys of all tags of the sums.
    pub(crate) fn tag_keys(&self) -> impl Iterator<Item = &str> {
        self.tag_columns().chain(self.other_tags.iter().map(|tag| tag.key.as_str()))
    }

    /// Takes the rows by the tag's values from the sums in which a tag with one of these keys has
    /// no column, or removes the sums if such rows do not suffice. Returns whether sums were
    /// removed.
    pub(crate) fn give_way(&mut self, keys: &[String]) -> bool {
        let is_asked = |key: &str| key == UNREADABLE_TAGS || keys.iter().any(|asked| asked == key);
        // Rows by the values of one tag know nothing of a column.
        let has_column = self.tag_columns().any(is_asked);
        let may_read_totals = self.needs_totals && !has_column;
        let mut lacking: BTreeMap<&str, Vec<&OtherTag>> = BTreeMap::new();
        for tag in self.other_tags.iter().filter(|tag| is_asked(&tag.key)) {
            lacking.entry(&tag.sums).or_default().push(tag);
        }
        let before = self.files.len();
        self.files.retain_mut(|file| match lacking.get(&*file.sums).map(Vec::as_slice) {
            None => true,
            Some([tag]) if may_read_totals && tag.has_totals => {
                file.of_tag = Some(tag.key.clone());
                true
            }
            Some(_) => false,
        });
        self.files.len() < before
    }

    /// Puts macros that read the sums before those that read lines alone. `tags` are the keys of
    /// the tags with a column in lines or sums, and `value` is the expression of the asked one's
    /// value.
    pub(crate) fn make_views(
        &self,
        connection: &Connection,
        limit: &BillLimit,
        sources: &[WarehouseSource],
        tags: &BTreeSet<String>,
        value: &str,
    ) -> duckdb::Result<()> {
        let mut parts = Vec::new();
        let of_tags: BTreeSet<Option<&str>> = self.files.iter().map(|file| file.of_tag.as_deref()).collect();
        for of_tag in of_tags {
            for valid in [true, false] {
                let part = limit.part(sources, valid, |source, file| {
                    let path = source.path(file);
                    self.files.iter().any(|summed| summed.sums == path && summed.of_tag.as_deref() == of_tag)
                });
                if !part.files.is_empty() {
                    parts.push(rows_of_sums(connection, &part, of_tag)?);
                }
            }
        }
        let text = with_tags(SUMS, tags, value, |column| format!("lines_with({column}, lines)"));
        let text = build::fill_texts(&text, &[("{parts}", &parts.join("\nUNION ALL BY NAME\n"))]);
        connection.execute_batch(&text)
    }
}

/// Returns a query of the rows by day, or by the values of a tag.
fn rows_of_sums(connection: &Connection, part: &BillPart, of_tag: Option<&str>) -> duckdb::Result<String> {
    let found = build::columns_in(connection, &part.files)?;
    let is_own = |name: &&String| !matches!(name.as_str(), "run_id" | "tag_lines" | "of_tag");
    let shown: Vec<String> = found.iter().filter(is_own).map(|name| build::identifier(name)).collect();
    let columns = format!("{}, run_id", shown.join(", "));
    let of_tag = of_tag.map_or("of_tag IS NULL".into(), |tag| format!("of_tag = {}", literal(tag)));
    let texts = [("{columns}", &*columns), ("{files}", &part.files.join(", ")), ("{of_tag}", &of_tag)];
    let rows = build::fill_texts(ROWS, &texts);
    Ok(part.select_columns(&format!("{}, tag_lines", shown.join(", ")), &rows))
}

/// Returns the files of a source that have sums and lines that the question wants.
fn summed_files(limit: &BillLimit, source: &WarehouseSource) -> Vec<SummedFile> {
    let listed: BTreeSet<&str> = source
        .manifest
        .files
        .iter()
        .filter(|file| file.is_daily_sums())
        .map(|file| file.path.as_str())
        .collect();
    let of_lines = |file: &DataFile| {
        let sums = file.daily_sums_path();
        // Sums of an older layout lack columns that questions read.
        let is_current = file.version == charge().version;
        let is_summed =
            is_current && file.month().is_some() && limit.reads(file) && listed.contains(sums.as_str());
        let of_sums = || DataFile { path: sums.clone(), ..file.clone() };
        let of_file = || SummedFile { lines: source.path(file), sums: source.path(&of_sums()), of_tag: None };
        is_summed.then(of_file)
    };
    source.manifest.files.iter().filter_map(of_lines).collect()
}

/// Returns whether a bound text, or an item of a list, is a column of lines that sums lack.
fn names_other_column(value: &Value, found: &BTreeSet<String>) -> bool {
    let Value::Text(text) = value else { return false };
    let columns = charge().columns;
    let is_other = |name: &str| columns.iter().any(|column| column.name == name) && !found.contains(name);
    text.split(',').any(|item| is_other(item.trim()))
}

fn other_tags(connection: &Connection, paths: &[String]) -> Result<Vec<OtherTag>, AskError> {
    let text = build::fill_texts(OTHER_TAGS, &[("{files}", &paths.join(", "))]);
    let page = answer(connection, "build/bill_sum_tags", &text, &[])?;
    let tag = |row: Vec<Value>| match <[Value; 3]>::try_from(row) {
        Ok([Value::Text(sums), Value::Text(key), Value::Bool(has_totals)]) => {
            Some(OtherTag { sums, key, has_totals })
        }
        _ => None,
    };
    Ok(page.rows.into_iter().filter_map(tag).collect())
}
