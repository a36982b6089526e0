//! Sums of bill lines by day, for questions about costs: a small file beside each file of lines.
//!
//! A row has the lines of one day that agree in the columns of [`KEYS`] and in their tags. The bill
//! and the account are among them, so that a statement that ends also ends its sums. Tags with very
//! many values would leave nearly as many rows as lines. Such a tag is no column here, and neither
//! is a tag without a column of its own: `tag_lines` counts their lines, and a question about one
//! of them reads the lines. A month of few lines has no sums.

use std::collections::BTreeMap;

use catalog::{Field, ValueType, tag_column};
use polars::prelude::{
    Column, DataFrame, IntoColumn, IntoSeries, NamedFrom, PlHashMap, PlSmallStr, PolarsResult, Series,
    StringChunked, TimeUnit,
};

use super::entry_columns::EntryColumns;
use super::object_entries::entries;

/// The columns in which the lines of a row agree, beside the day and the tags.
const KEYS: [&str; 11] = [
    "bill",
    "billing_currency",
    "billing_account_id",
    "sub_account_id",
    "service_name",
    "region_id",
    "usage_type",
    "charge_category",
    "charge_class",
    "charge_frequency",
    "line_item_type",
];

/// The smallest number of lines with sums. A question reads fewer lines as fast.
const FEWEST_LINES: usize = if cfg!(test) { 12 } else { 10_000 };

/// Lines for each row, at least.
const LINES_PER_ROW: usize = 4;

/// Rows at which a tag is left out while lines are added, unless there are ten times as many lines.
const MANY_ROWS: usize = if cfg!(test) { 8 } else { 50_000 };

/// The largest amount of DECIMAL(38,18), in units of 10^-18.
const LARGEST: i128 = 10_i128.pow(38) - 1;

const DAY: i64 = 86_400_000_000;

/// A column of sums and its figure.
type NamedFigure<T> = (&'static str, fn(&DailySum) -> T);

/// The sums of the lines that were added.
pub(crate) struct DailySums {
    keys: Vec<TextIds>,
    tags: Vec<SummedTag>,
    /// Tags with too many values: their columns, and their numbers in `other_tags`.
    dropped: Vec<(usize, u32)>,
    other_tags: TextIds,
    account_names: TextIds,
    /// Rows by the day and the numbers of the texts.
    rows: PlHashMap<Box<[u32]>, u32>,
    sums: Vec<DailySum>,
    lines: usize,
    /// Whether an amount or the number of rows is too large.
    failed: bool,
}

/// A tag that is a part of the rows' key.
struct SummedTag {
    /// The number of its column among those of the file.
    at: usize,
    key: String,
    ids: TextIds,
}

/// A number for each text; 0 stands for null.
#[derive(Default)]
struct TextIds {
    ids: PlHashMap<String, u32>,
    texts: Vec<String>,
}

/// The sums of one row.
#[derive(Default, Clone)]
struct DailySum {
    lines: i64,
    counted_lines: i64,
    stated_lines: i64,
    listed_lines: i64,
    billed: i128,
    counted: i128,
    listed: i128,
    newest_start: Option<i64>,
    period_start: Option<i64>,
    estimated: Option<bool>,
    account_name: u32,
    /// Lines with each tag that is no part of the key.
    tag_lines: BTreeMap<u32, i64>,
}

impl TextIds {
    fn id(&mut self, text: &str) -> u32 {
        if let Some(id) = self.ids.get(text) {
            return *id;
        }
        self.texts.push(text.into());
        let id = self.texts.len() as u32;
        self.ids.insert(text.into(), id);
        id
    }

    /// Returns the number of each text.
    fn all(&mut self, texts: &StringChunked) -> Vec<u32> {
        // Most lines repeat the text of the line before.
        let mut last: (Option<&str>, u32) = (None, 0);
        let mut ids = Vec::with_capacity(texts.len());
        for text in texts.iter() {
            if text != last.0 {
                last = (text, text.map_or(0, |text| self.id(text)));
            }
            ids.push(last.1);
        }
        ids
    }

    fn text(&self, id: u32) -> Option<&str> {
        let at = (id as usize).checked_sub(1)?;
        Some(&self.texts[at])
    }
}

impl DailySums {
    /// Begins the sums of a file with columns for these tags.
    pub(crate) fn new(tags: &[String]) -> DailySums {
        let tag = |(at, key): (usize, &String)| SummedTag { at, key: key.clone(), ids: TextIds::default() };
        DailySums {
            keys: KEYS.iter().map(|_| TextIds::default()).collect(),
            tags: tags.iter().enumerate().map(tag).collect(),
            dropped: Vec::new(),
            other_tags: TextIds::default(),
            account_names: TextIds::default(),
            rows: PlHashMap::default(),
            sums: Vec::new(),
            lines: 0,
            failed: false,
        }
    }

    /// Adds lines in the dataset's columns, with their tags.
    pub(crate) fn add(&mut self, frame: &DataFrame, tags: &EntryColumns) -> PolarsResult<()> {
        if self.failed {
            return Ok(());
        }
        let mut words = vec![days(frame)?];
        for (name, ids) in KEYS.iter().zip(&mut self.keys) {
            words.push(ids.all(frame.column(name)?.str()?));
        }
        for tag in &mut self.tags {
            words.push(tag.ids.all(tags.columns[tag.at].str()?));
        }
        let rows = self.rows_of(&words, frame.height());
        self.add_amounts(frame, &rows)?;
        self.add_lines(frame, &rows)?;
        self.count_other_tags(tags, &rows)?;
        self.lines += frame.height();
        while self.rows.len() > MANY_ROWS.max(self.lines / 10) && !self.failed {
            self.failed = !self.drop_tag();
        }
        Ok(())
    }

    /// Returns the row of each line.
    fn rows_of(&mut self, words: &[Vec<u32>], height: usize) -> Vec<u32> {
        let mut key = vec![u32::MAX; words.len()];
        let mut last: (Vec<u32>, u32) = (Vec::new(), 0);
        let mut rows = Vec::with_capacity(height);
        for line in 0..height {
            key.iter_mut().zip(words).for_each(|(word, column)| *word = column[line]);
            if key != last.0 {
                last.0.clone_from(&key);
                last.1 = self.row(&key);
            }
            rows.push(last.1);
        }
        rows
    }

    fn row(&mut self, key: &[u32]) -> u32 {
        if let Some(row) = self.rows.get(key) {
            return *row;
        }
        let row = self.sums.len() as u32;
        self.rows.insert(key.into(), row);
        self.sums.push(DailySum::default());
        row
    }

    fn add_amounts(&mut self, frame: &DataFrame, rows: &[u32]) -> PolarsResult<()> {
        let amounts =
            |name: &str| Ok::<_, polars::prelude::PolarsError>(frame.column(name)?.decimal()?.physical());
        let (billed, effective) = (amounts("billed_cost")?, amounts("effective_cost")?);
        let listed = amounts("list_cost")?;
        let categories = frame.column("charge_category")?.str()?;
        let covered = frame.column("commitment_discount_status")?.str()?;
        let counts_as_billed = categories.iter().zip(covered.iter()).map(|(category, covered)| {
            matches!(category, Some("Usage" | "Tax" | "Credit")) && covered.is_none()
        });
        let lines = billed.iter().zip(effective.iter()).zip(listed.iter()).zip(counts_as_billed).zip(rows);
        for ((((billed, effective), listed), counts_as_billed), row) in lines {
            let counted = effective.or(billed.filter(|_| counts_as_billed));
            let sum = &mut self.sums[*row as usize];
            sum.stated_lines += i64::from(effective.is_some());
            sum.counted_lines += i64::from(counted.is_some());
            sum.listed_lines += i64::from(listed.is_some());
            for (sum, amount) in
                [(&mut sum.billed, billed), (&mut sum.counted, counted), (&mut sum.listed, listed)]
            {
                *sum = sum.saturating_add(amount.unwrap_or(0));
                self.failed |= !(-LARGEST..=LARGEST).contains(sum);
            }
        }
        Ok(())
    }

    fn add_lines(&mut self, frame: &DataFrame, rows: &[u32]) -> PolarsResult<()> {
        let names = self.account_names.all(frame.column("sub_account_name")?.str()?);
        let starts = frame.column("charge_period_start")?.datetime()?.physical().iter();
        let periods = frame.column("billing_period_start")?.datetime()?.physical().iter();
        let estimated = frame.column("estimated")?.bool()?.iter();
        let lines = names.into_iter().zip(starts).zip(periods).zip(estimated).zip(rows);
        for ((((name, start), period), estimated), row) in lines {
            let sum = &mut self.sums[*row as usize];
            sum.lines += 1;
            sum.newest_start = sum.newest_start.max(start);
            sum.period_start = sum.period_start.max(period);
            sum.estimated = sum.estimated.max(estimated);
            sum.account_name = sum.account_name.max(name);
        }
        Ok(())
    }

    /// Counts the lines with tags that are no part of the key.
    fn count_other_tags(&mut self, tags: &EntryColumns, rows: &[u32]) -> PolarsResult<()> {
        for (at, tag) in &self.dropped {
            let texts = tags.columns[*at].str()?;
            for (row, _) in rows.iter().zip(texts.iter()).filter(|(_, text)| text.is_some()) {
                *self.sums[*row as usize].tag_lines.entry(*tag).or_default() += 1;
            }
        }
        if tags.others.null_count() == tags.others.len() {
            return Ok(());
        }
        for (row, object) in rows.iter().zip(tags.others.iter()) {
            for (key, _) in object.and_then(entries).unwrap_or_default() {
                let tag = self.other_tags.id(&key);
                *self.sums[*row as usize].tag_lines.entry(tag).or_default() += 1;
            }
        }
        Ok(())
    }

    /// Takes the tag with the most values out of the key. Returns false if there is no tag.
    fn drop_tag(&mut self) -> bool {
        let tags = self.tags.iter().enumerate();
        let Some((at, _)) = tags.max_by_key(|(_, tag)| tag.ids.texts.len()) else { return false };
        let tag = self.tags.remove(at);
        let other = self.other_tags.id(&tag.key);
        self.dropped.push((tag.at, other));
        let word = 1 + KEYS.len() + at;
        let (rows, sums) = (std::mem::take(&mut self.rows), std::mem::take(&mut self.sums));
        let mut rows: Vec<(Box<[u32]>, u32)> = rows.into_iter().collect();
        rows.sort_unstable_by_key(|(_, row)| *row);
        for (key, row) in rows {
            let mut sum = sums[row as usize].clone();
            if key[word] != 0 {
                sum.tag_lines.insert(other, sum.lines);
            }
            let mut key = key.into_vec();
            key.remove(word);
            let row = self.row(&key);
            self.failed |= !self.sums[row as usize].merge(sum);
        }
        true
    }

    /// Returns the columns and the rows of the file, or none if there are too few lines, or nearly
    /// as many rows as lines.
    pub(crate) fn finish(mut self, run_id: &str) -> PolarsResult<Option<(Vec<Field>, DataFrame)>> {
        while self.sums.len() * LINES_PER_ROW > self.lines && !self.failed {
            self.failed = !self.drop_tag();
        }
        if self.failed || self.lines < FEWEST_LINES {
            return Ok(None);
        }
        let mut columns = self.key_columns();
        columns.extend(self.sum_columns()?);
        let run = PlSmallStr::from_str(run_id);
        columns.push(Column::new_scalar(PlSmallStr::from_static("run_id"), run.into(), self.sums.len()));
        let frame = DataFrame::new(self.sums.len(), columns)?;
        Ok(Some((self.fields(), frame)))
    }

    /// The columns of the file.
    fn fields(&self) -> Vec<Field> {
        let text = |name: &str| Field::new(name, ValueType::Text);
        let mut fields = vec![Field::new("charge_period_start", ValueType::Timestamp)];
        fields.extend(KEYS.iter().map(|name| text(name)));
        fields.extend(self.tags.iter().map(|tag| text(&tag_column(&tag.key))));
        for name in ["billed_cost", "counted_effective_cost", "list_cost"] {
            fields.push(Field::new(name, ValueType::Decimal(38, 18)));
        }
        for name in ["lines", "counted_lines", "stated_lines", "listed_lines"] {
            fields.push(Field::new(name, ValueType::Int));
        }
        for name in ["newest_start", "billing_period_start"] {
            fields.push(Field::new(name, ValueType::Timestamp));
        }
        fields.push(Field::new("estimated", ValueType::Bool));
        fields.extend(["sub_account_name", "tag_lines", "run_id"].map(text));
        fields
    }

    fn key_columns(&self) -> Vec<Column> {
        let mut rows: Vec<(&[u32], u32)> = self.rows.iter().map(|(key, row)| (&**key, *row)).collect();
        rows.sort_unstable_by_key(|(_, row)| *row);
        let start = |(key, _): &(&[u32], u32)| day_of_word(key[0]).map(|day| day * DAY);
        let mut columns = vec![instants("charge_period_start", rows.iter().map(start).collect())];
        let names = KEYS.iter().map(|name| name.to_string());
        let names = names.chain(self.tags.iter().map(|tag| tag_column(&tag.key)));
        let ids = self.keys.iter().chain(self.tags.iter().map(|tag| &tag.ids));
        for (at, (name, ids)) in names.zip(ids).enumerate() {
            let texts: StringChunked = rows.iter().map(|(key, _)| ids.text(key[at + 1])).collect();
            columns.push(texts.with_name(PlSmallStr::from_str(&name)).into_column());
        }
        columns
    }

    fn sum_columns(&self) -> PolarsResult<Vec<Column>> {
        let mut columns = Vec::new();
        let amounts: [NamedFigure<i128>; 3] = [
            ("billed_cost", |sum| sum.billed),
            ("counted_effective_cost", |sum| sum.counted),
            ("list_cost", |sum| sum.listed),
        ];
        for (name, amount) in amounts {
            let amounts: Vec<i128> = self.sums.iter().map(amount).collect();
            columns.push(Series::new(name.into(), amounts).into_decimal(38, 18)?.into());
        }
        let counts: [NamedFigure<i64>; 4] = [
            ("lines", |sum| sum.lines),
            ("counted_lines", |sum| sum.counted_lines),
            ("stated_lines", |sum| sum.stated_lines),
            ("listed_lines", |sum| sum.listed_lines),
        ];
        for (name, count) in counts {
            let counts: Vec<i64> = self.sums.iter().map(count).collect();
            columns.push(Series::new(name.into(), counts).into());
        }
        columns.push(instants("newest_start", self.sums.iter().map(|sum| sum.newest_start).collect()));
        columns
            .push(instants("billing_period_start", self.sums.iter().map(|sum| sum.period_start).collect()));
        let estimated: Vec<Option<bool>> = self.sums.iter().map(|sum| sum.estimated).collect();
        columns.push(Series::new("estimated".into(), estimated).into());
        let names = self.sums.iter().map(|sum| self.account_names.text(sum.account_name));
        columns.push(names.collect::<StringChunked>().with_name("sub_account_name".into()).into_column());
        let lines: StringChunked = self.sums.iter().map(|sum| self.tag_lines(sum)).collect();
        columns.push(lines.with_name("tag_lines".into()).into_column());
        Ok(columns)
    }

    /// Returns the lines with each other tag as JSON; none without such lines.
    fn tag_lines(&self, sum: &DailySum) -> Option<String> {
        let entry = |(tag, lines): (&u32, &i64)| {
            let key = self.other_tags.text(*tag).unwrap_or_default();
            serde_json::json!({ "key": key, "lines": lines })
        };
        let entries: Vec<serde_json::Value> = sum.tag_lines.iter().map(entry).collect();
        (!entries.is_empty()).then(|| serde_json::Value::Array(entries).to_string())
    }
}

impl DailySum {
    /// Adds another row. Returns false if an amount is too large.
    fn merge(&mut self, other: DailySum) -> bool {
        self.lines += other.lines;
        self.counted_lines += other.counted_lines;
        self.stated_lines += other.stated_lines;
        self.listed_lines += other.listed_lines;
        self.billed = self.billed.saturating_add(other.billed);
        self.counted = self.counted.saturating_add(other.counted);
        self.listed = self.listed.saturating_add(other.listed);
        self.newest_start = self.newest_start.max(other.newest_start);
        self.period_start = self.period_start.max(other.period_start);
        self.estimated = self.estimated.max(other.estimated);
        self.account_name = self.account_name.max(other.account_name);
        for (tag, lines) in other.tag_lines {
            *self.tag_lines.entry(tag).or_default() += lines;
        }
        [self.billed, self.counted, self.listed].iter().all(|sum| (-LARGEST..=LARGEST).contains(sum))
    }
}

/// Returns the day of each line's start, as a word of a key.
fn days(frame: &DataFrame) -> PolarsResult<Vec<u32>> {
    let starts = frame.column("charge_period_start")?.datetime()?.physical();
    Ok(starts.iter().map(|start| start.map_or(NO_DAY, |start| word_of_day(start.div_euclid(DAY)))).collect())
}

/// The word of a line without a start.
const NO_DAY: u32 = u32::MAX;

/// Days since 1970 begin below zero: instants in microseconds reach back 292,000 years.
const EPOCH: i64 = 1 << 30;

fn word_of_day(day: i64) -> u32 {
    (day + EPOCH) as u32
}

fn day_of_word(word: u32) -> Option<i64> {
    (word != NO_DAY).then(|| i64::from(word) - EPOCH)
}

fn instants(name: &str, micros: Vec<Option<i64>>) -> Column {
    let series = Series::new(name.into(), micros).into_datetime(TimeUnit::Microseconds, None);
    series.into_series().into()
}

#[cfg(test)]
#[path = "daily_sums_tests.rs"]
mod tests;
