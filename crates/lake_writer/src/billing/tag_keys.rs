//! The tag keys of each bill, and the keys that differ in their spelling alone.

use std::collections::{BTreeMap, BTreeSet};

use catalog::{bare_tag_key, plain_tag_key};
use polars::prelude::{DataFrame, PlHashSet, PolarsResult};

use super::entry_columns::TAGS;
use super::object_entries::entries;

/// Collects the tag keys of bills.
#[derive(Default)]
pub(crate) struct TagKeys {
    bills: BTreeMap<String, BTreeSet<String>>,
}

impl TagKeys {
    /// Adds the keys of some lines. Their tags are in columns or whole objects.
    pub(crate) fn add(&mut self, frame: &DataFrame) -> PolarsResult<()> {
        let (bills, tags) = (frame.column("bill")?.str()?, frame.column("tags")?.str()?);
        for column in frame.columns() {
            let Some(key) = TAGS.key(column) else { continue };
            let mut last = None;
            for (bill, _) in bills.iter().zip(column.str()?.iter()).filter(|(_, text)| text.is_some()) {
                if bill != last {
                    self.keys_of(bill.unwrap_or_default()).insert(key.clone());
                    last = bill;
                }
            }
        }
        if tags.null_count() == tags.len() {
            return Ok(());
        }
        let mut seen = PlHashSet::default();
        for (bill, tags) in bills.iter().zip(tags.iter()) {
            let (Some(bill), Some(tags)) = (bill, tags) else { continue };
            if !seen.insert((bill, tags)) {
                continue;
            }
            let keys = self.keys_of(bill);
            for (key, _) in entries(tags).unwrap_or_default() {
                if !keys.contains(&*key) {
                    keys.insert(key.into_owned());
                }
            }
        }
        Ok(())
    }

    fn keys_of(&mut self, bill: &str) -> &mut BTreeSet<String> {
        if !self.bills.contains_key(bill) {
            self.bills.insert(bill.into(), BTreeSet::new());
        }
        self.bills.get_mut(bill).expect("just inserted")
    }

    /// Returns a sentence for each bill with several keys of one normal form.
    pub(crate) fn notes(&self) -> Vec<String> {
        let note = |(bill, keys): (&String, &BTreeSet<String>)| {
            let mut forms: BTreeMap<String, Vec<&str>> = BTreeMap::new();
            for key in keys {
                forms.entry(plain_tag_key(bare_tag_key(key))).or_default().push(key);
            }
            let alike: Vec<String> =
                forms.into_values().filter(|keys| keys.len() > 1).map(|keys| keys.join(" and ")).collect();
            let sentence = || {
                format!(
                    "{bill}: these tag keys differ in their spelling alone, and all are kept: {}",
                    alike.join("; ")
                )
            };
            (!alike.is_empty()).then(sentence)
        };
        self.bills.iter().filter_map(note).collect()
    }
}
