//! The tag keys of each bill, and the keys that differ in their spelling alone.

use std::collections::{BTreeMap, BTreeSet};

use catalog::{bare_tag_key, plain_tag_key};
use polars::prelude::{DataFrame, PlHashSet, PolarsResult};

use super::tag_columns::entries;

/// Collects the tag keys of bills.
#[derive(Default)]
pub(crate) struct TagKeys {
    bills: BTreeMap<String, BTreeSet<String>>,
}

impl TagKeys {
    /// Adds the keys of some lines.
    pub(crate) fn add(&mut self, frame: &DataFrame) -> PolarsResult<()> {
        let (bills, tags) = (frame.column("bill")?.str()?, frame.column("tags")?.str()?);
        let mut seen = PlHashSet::default();
        for (bill, tags) in bills.iter().zip(tags.iter()) {
            let (Some(bill), Some(tags)) = (bill, tags) else { continue };
            if !seen.insert((bill, tags)) {
                continue;
            }
            let keys = match self.bills.get_mut(bill) {
                Some(keys) => keys,
                None => self.bills.entry(bill.into()).or_default(),
            };
            for (key, _) in entries(tags) {
                if !keys.contains(&*key) {
                    keys.insert(key.into_owned());
                }
            }
        }
        Ok(())
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
