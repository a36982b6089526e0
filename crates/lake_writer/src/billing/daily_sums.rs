//! Sums of bill lines by day, for questions about costs: a small file beside each file of lines.
//!
//! A row has the lines of one day that agree in the columns of [`KEYS`] and in their tags. The bill
//! and the account are among them, so that a statement that ends also ends its sums. Tags with very
//! many values would leave nearly as many rows as lines. Such a tag is no column here, and neither
//! is a tag without a column of its own: `tag_lines` counts their lines. A tag with many values has
//! further rows, which count all lines of the file a second time: by value and by the columns of
//! [`TOTAL_KEYS`], without the day. They have the tag in `of_tag` and its value in `of_value`. If
//! even these rows are too many, a question about the tag reads the lines. A month of few lines has
//! no sums.

use catalog::{Field, ValueType, tag_column};
use polars::prelude::{Column, DataFrame, IntoColumn, PlHashMap, PlSmallStr, PolarsResult, StringChunked};

use super::entry_columns::EntryColumns;
use super::line_sum::{self, CostSum, LineSum, sums_of_lines};
use super::object_entries::entries;
use super::tag_totals::TagTotals;
use super::text_ids::TextIds;

/// The columns in which the lines of a row agree, beside the day and the tags.
const KEYS: [&str; 12] = [
    "bill",
    "billing_currency",
    "billing_account_id",
    "sub_account_id",
    "charge_category",
    "service_name",
    "region_id",
    "usage_type",
    "charge_class",
    "charge_frequency",
    "line_item_type",
    "pricing_unit",
];

/// The first of [`KEYS`], in which the lines of a row by a tag's value agree.
const TOTAL_KEYS: usize = 5;

/// The smallest number of lines with sums. A question reads fewer lines as fast.
const FEWEST_LINES: usize = if cfg!(test) { 12 } else { 10_000 };

/// Lines for each row, at least.
const LINES_PER_ROW: usize = 4;

/// Rows at which a tag is left out while lines are added, unless there are ten times as many lines.
const MANY_ROWS: usize = if cfg!(test) { 8 } else { 50_000 };

const DAY: i64 = 86_400_000_000;

/// The sums of the lines that were added.
pub(crate) struct DailySums {
    keys: Vec<TextIds>,
    tags: Vec<SummedTag>,
    dropped: Vec<DroppedTag>,
    other_tags: TextIds,
    account_names: TextIds,
    /// Rows by the day and the numbers of the texts.
    rows: PlHashMap<Box<[u32]>, u32>,
    sums: Vec<LineSum>,
    /// The number of each row's group: the lines that agree in the columns of `TOTAL_KEYS`.
    group_of_row: Vec<u32>,
    groups: PlHashMap<[u32; TOTAL_KEYS], u32>,
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

/// A tag with too many values.
struct DroppedTag {
    /// The number of its column among those of the file.
    at: usize,
    /// Its number in `other_tags`.
    tag: u32,
    /// None if even these would be many rows.
    totals: Option<TagTotals>,
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
            group_of_row: Vec::new(),
            groups: PlHashMap::default(),
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
        self.add_lines(frame, tags, &rows)?;
        self.count_other_tags(tags, &rows)?;
        self.lines += frame.height();
        let most_rows = MANY_ROWS.max(self.lines / 10);
        while self.rows.len() > most_rows && !self.failed {
            self.failed = !self.drop_tag();
        }
        self.give_up_totals(most_rows);
        Ok(())
    }

    /// Adds lines to their rows, and to the totals of the dropped tags.
    fn add_lines(&mut self, frame: &DataFrame, tags: &EntryColumns, rows: &[u32]) -> PolarsResult<()> {
        let mut totals = Vec::new();
        for dropped in &mut self.dropped {
            if let Some(of_tag) = &mut dropped.totals {
                let values = of_tag.values().all(tags.columns[dropped.at].str()?);
                totals.push((of_tag, values));
            }
        }
        let lines = sums_of_lines(frame, &mut self.account_names)?;
        for (at, line) in lines.enumerate() {
            let row = rows[at] as usize;
            self.failed |= !self.sums[row].add(&line);
            for (of_tag, values) in &mut totals {
                self.failed |= !of_tag.add(self.group_of_row[row], values[at], &line.costs);
            }
        }
        Ok(())
    }

    /// Gives up the totals of tags with more rows than these.
    fn give_up_totals(&mut self, most_rows: usize) {
        for dropped in &mut self.dropped {
            dropped.totals.take_if(|totals| totals.len() > most_rows);
        }
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
        self.sums.push(LineSum::default());
        let shared = std::array::from_fn(|at| key[1 + at]);
        let next = self.groups.len() as u32;
        self.group_of_row.push(*self.groups.entry(shared).or_insert(next));
        row
    }

    /// Counts the lines with tags that are no part of the key.
    fn count_other_tags(&mut self, tags: &EntryColumns, rows: &[u32]) -> PolarsResult<()> {
        for dropped in &self.dropped {
            let texts = tags.columns[dropped.at].str()?;
            for (row, _) in rows.iter().zip(texts.iter()).filter(|(_, text)| text.is_some()) {
                *self.sums[*row as usize].tag_lines.entry(dropped.tag).or_default() += 1;
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
        let Some((at, _)) = tags.max_by_key(|(_, tag)| tag.ids.len()) else { return false };
        let SummedTag { at: column, key: tag_key, ids } = self.tags.remove(at);
        let tag = self.other_tags.id(&tag_key);
        let mut totals = TagTotals::new(ids);
        let word = 1 + KEYS.len() + at;
        let rows = self.sorted_rows();
        self.rows.clear();
        let sums = std::mem::take(&mut self.sums);
        let group_of_row = std::mem::take(&mut self.group_of_row);
        for ((key, mut sum), group) in rows.into_iter().zip(sums).zip(group_of_row) {
            self.failed |= !totals.add(group, key[word], &sum.costs);
            if key[word] != 0 {
                sum.tag_lines.insert(tag, sum.costs.lines);
            }
            let mut key = key.into_vec();
            key.remove(word);
            let row = self.row(&key);
            self.failed |= !self.sums[row as usize].add(&sum);
        }
        self.dropped.push(DroppedTag { at: column, tag, totals: Some(totals) });
        true
    }

    /// Returns the keys of the rows, in the order of their sums.
    fn sorted_rows(&self) -> Vec<Box<[u32]>> {
        let mut rows: Vec<(&Box<[u32]>, u32)> = self.rows.iter().map(|(key, row)| (key, *row)).collect();
        rows.sort_unstable_by_key(|(_, row)| *row);
        rows.into_iter().map(|(key, _)| key.clone()).collect()
    }

    /// Returns the columns and the rows of the file, those by day and those of each tag, or none if
    /// there are too few lines, or nearly as many rows as lines.
    pub(crate) fn finish(mut self, run_id: &str) -> PolarsResult<Option<(Vec<Field>, Vec<DataFrame>)>> {
        while self.sums.len() * LINES_PER_ROW > self.lines && !self.failed {
            self.failed = !self.drop_tag();
        }
        if self.failed || self.lines < FEWEST_LINES {
            return Ok(None);
        }
        self.give_up_totals(self.lines / LINES_PER_ROW);
        let of_days = self.frame(run_id, self.day_columns(), &self.sums)?;
        let mut frames = vec![of_days];
        for dropped in &self.dropped {
            if let Some(totals) = &dropped.totals {
                let sums = self.sums_of_totals(totals);
                frames.push(self.frame(run_id, self.total_columns(dropped.tag, totals), &sums)?);
            }
        }
        Ok(Some((self.fields(), frames)))
    }

    /// Returns totals as sums that state no more than the costs, and the start of the period.
    fn sums_of_totals(&self, totals: &TagTotals) -> Vec<LineSum> {
        let mut starts = vec![None; self.groups.len()];
        for (sum, group) in self.sums.iter().zip(&self.group_of_row) {
            let start = &mut starts[*group as usize];
            *start = sum.period_start.max(*start);
        }
        let sum = |(costs, group): (&CostSum, u32)| LineSum::of_costs(*costs, starts[group as usize]);
        totals.sums().iter().zip(totals.groups()).map(sum).collect()
    }

    fn frame(&self, run_id: &str, keys: Vec<Column>, sums: &[LineSum]) -> PolarsResult<DataFrame> {
        let mut columns = keys;
        columns.extend(line_sum::columns(sums, &self.account_names, &self.other_tags)?);
        let run = PlSmallStr::from_str(run_id);
        columns.push(Column::new_scalar(PlSmallStr::from_static("run_id"), run.into(), sums.len()));
        DataFrame::new(sums.len(), columns)
    }

    /// The columns of the file.
    fn fields(&self) -> Vec<Field> {
        let text = |name: &str| Field::new(name, ValueType::Text);
        let mut fields = vec![Field::new("charge_period_start", ValueType::Timestamp)];
        fields.extend(KEYS.iter().map(|name| text(name)));
        fields.extend(self.tags.iter().map(|tag| text(&tag_column(&tag.key))));
        fields.extend(["of_tag", "of_value"].map(text));
        fields.extend(line_sum::fields());
        fields.push(text("run_id"));
        fields
    }

    /// The first columns of the rows by day.
    fn day_columns(&self) -> Vec<Column> {
        let rows = self.sorted_rows();
        let starts = rows.iter().map(|key| day_of_word(key[0]).map(|day| day * DAY));
        let mut columns = vec![line_sum::instants("charge_period_start", starts.collect())];
        let names = KEYS.iter().map(|name| name.to_string());
        let names = names.chain(self.tags.iter().map(|tag| tag_column(&tag.key)));
        let ids = self.keys.iter().chain(self.tags.iter().map(|tag| &tag.ids));
        for (at, (name, ids)) in names.zip(ids).enumerate() {
            columns.push(texts(&name, rows.iter().map(|key| ids.text(key[at + 1]))));
        }
        columns.extend(["of_tag", "of_value"].map(|name| texts(name, rows.iter().map(|_| None))));
        columns
    }

    /// The first columns of the rows by the value of a tag.
    fn total_columns(&self, tag: u32, totals: &TagTotals) -> Vec<Column> {
        let mut groups = vec![[0; TOTAL_KEYS]; self.groups.len()];
        self.groups.iter().for_each(|(key, group)| groups[*group as usize] = *key);
        let none = |name: &str| texts(name, (0..totals.len()).map(|_| None));
        let mut columns = vec![line_sum::instants("charge_period_start", vec![None; totals.len()])];
        for (at, (name, ids)) in KEYS.iter().zip(&self.keys).enumerate().take(TOTAL_KEYS) {
            columns.push(texts(name, totals.groups().map(|group| ids.text(groups[group as usize][at]))));
        }
        columns.extend(KEYS[TOTAL_KEYS..].iter().map(|name| none(name)));
        columns.extend(self.tags.iter().map(|tag| none(&tag_column(&tag.key))));
        let tag = self.other_tags.text(tag);
        columns.push(texts("of_tag", (0..totals.len()).map(|_| tag)));
        columns.push(texts("of_value", totals.texts()));
        columns
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

fn texts<'a>(name: &str, texts: impl Iterator<Item = Option<&'a str>>) -> Column {
    texts.collect::<StringChunked>().with_name(PlSmallStr::from_str(name)).into_column()
}

#[cfg(test)]
#[path = "daily_sums_tests.rs"]
mod tests;
