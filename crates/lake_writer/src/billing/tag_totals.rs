//! Sums of bill lines by the values of one tag, without the day: for a tag with so many values that
//! sums by day and value would leave nearly as many rows as lines.

use polars::prelude::PlHashMap;

use super::line_sum::CostSum;
use super::text_ids::TextIds;

/// The costs of one tag's values in each group of lines.
pub(super) struct TagTotals {
    values: TextIds,
    rows: PlHashMap<(u32, u32), u32>,
    /// The group and the value of each row.
    keys: Vec<(u32, u32)>,
    sums: Vec<CostSum>,
}

impl TagTotals {
    /// Begins the sums of a tag, whose values have these numbers.
    pub(super) fn new(values: TextIds) -> TagTotals {
        TagTotals { values, rows: PlHashMap::default(), keys: Vec::new(), sums: Vec::new() }
    }

    pub(super) fn values(&mut self) -> &mut TextIds {
        &mut self.values
    }

    /// Adds lines of one group and one value. Returns false if an amount is too large.
    #[must_use]
    pub(super) fn add(&mut self, group: u32, value: u32, lines: &CostSum) -> bool {
        let key = (group, value);
        let row = *self.rows.entry(key).or_insert_with(|| {
            self.keys.push(key);
            self.sums.push(CostSum::default());
            self.sums.len() as u32 - 1
        });
        self.sums[row as usize].add(lines)
    }

    /// Returns the number of rows.
    pub(super) fn len(&self) -> usize {
        self.sums.len()
    }

    /// Returns the group of each row.
    pub(super) fn groups(&self) -> impl Iterator<Item = u32> {
        self.keys.iter().map(|(group, _)| *group)
    }

    /// Returns the value of each row.
    pub(super) fn texts(&self) -> impl Iterator<Item = Option<&str>> {
        self.keys.iter().map(|(_, value)| self.values.text(*value))
    }

    pub(super) fn sums(&self) -> &[CostSum] {
        &self.sums
    }
}
