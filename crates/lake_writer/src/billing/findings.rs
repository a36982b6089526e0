//! Facts about single cells that the report of their bill mentions.

use std::collections::BTreeMap;

use domain::RoundingTally;

/// A cell of a bill with a value that was changed or could not be read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum CellFinding {
    /// An amount was rounded. `change` is the size of the change, in the amount's unit.
    Rounded { change: f64 },
    /// The cell has a value that could not be read. The row keeps the value as the file spells it.
    /// `value` is an excerpt of it.
    Unreadable { column: String, place: String, value: String },
}

/// The findings of one bill.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct BillFindings {
    rounded: RoundingTally,
    /// By the name of the column.
    unreadable: BTreeMap<String, UnreadableCells>,
}

/// The unreadable cells of a column.
#[derive(Debug, Clone, PartialEq)]
struct UnreadableCells {
    count: u64,
    /// Place and value of the first one.
    first: String,
}

/// Returns the beginning of a cell's text for a message, in quotes and with escapes.
pub(super) fn excerpt(text: &str) -> String {
    let shown: String = text.chars().take(SHOWN).collect();
    let dots = if shown.len() < text.len() { "…" } else { "" };
    format!("{shown:?}{dots}")
}

/// Longest shown part of a text, in characters.
const SHOWN: usize = 60;

impl BillFindings {
    pub(crate) fn add(&mut self, finding: CellFinding) {
        match finding {
            CellFinding::Rounded { change } => self.rounded.add(change),
            CellFinding::Unreadable { column, place, value } => {
                let cells = self
                    .unreadable
                    .entry(column)
                    .or_insert_with(|| UnreadableCells { count: 0, first: format!("{place} has {value}") });
                cells.count += 1;
            }
        }
    }

    /// Adds the findings of another part of the same bill.
    pub(crate) fn merge(&mut self, part: BillFindings) {
        self.rounded.merge(&part.rounded);
        for (column, cells) in part.unreadable {
            self.unreadable.entry(column).and_modify(|known| known.count += cells.count).or_insert(cells);
        }
    }

    /// Returns a sentence on the rounded amounts; `None` if there are none.
    pub(crate) fn rounding(&self) -> Option<String> {
        self.rounded.describe()
    }

    /// Returns the gaps, one per column with unreadable cells.
    pub(crate) fn gaps(&self) -> Vec<String> {
        let gap = |(column, cells): (&String, &UnreadableCells)| {
            let lines = if cells.count == 1 { "1 line" } else { &format!("{} lines", cells.count) };
            format!("{column} cannot be read in {lines}: {}", cells.first)
        };
        self.unreadable.iter().map(gap).collect()
    }
}
