//! Numbers for texts that repeat.

use polars::prelude::{PlHashMap, StringChunked};

/// A number for each text; 0 stands for null.
#[derive(Default)]
pub(super) struct TextIds {
    ids: PlHashMap<String, u32>,
    texts: Vec<String>,
}

impl TextIds {
    pub(super) fn id(&mut self, text: &str) -> u32 {
        if let Some(id) = self.ids.get(text) {
            return *id;
        }
        self.texts.push(text.into());
        let id = self.texts.len() as u32;
        self.ids.insert(text.into(), id);
        id
    }

    /// Returns the number of each text.
    pub(super) fn all(&mut self, texts: &StringChunked) -> Vec<u32> {
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

    pub(super) fn text(&self, id: u32) -> Option<&str> {
        let at = (id as usize).checked_sub(1)?;
        Some(&self.texts[at])
    }

    /// Returns the number of texts.
    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }
}
