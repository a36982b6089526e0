//! The words of search: fixed words, and words from the facts.

use std::collections::{BTreeMap, BTreeSet};

use catalog::TypeFacts;
use console::suggest_closest;

use super::{SortHint, WordCondition, WordDimension};
use crate::filter::{FilterCondition, FlagFact, NumericFact, TextFact};
use crate::processors::{PROCESSORS, SETS};
use crate::range::ValueRange;

/// The meaning of a word.
#[derive(Debug, Clone)]
pub(super) enum WordMeaning {
    Wish(WordDimension, FilterCondition),
    Sort(&'static str),
    And,
    Or,
}

/// The known words and instance types.
#[derive(Debug)]
pub struct SearchVocabulary<'a> {
    pub(super) facts: &'a [TypeFacts],
    names: BTreeSet<&'a str>,
    /// By the result of `letters`: the normalized spelling and the meaning.
    words: BTreeMap<String, (String, WordMeaning)>,
}

type SizePredicate = fn(&str) -> bool;

/// The size words and the sizes that each covers. Each size has exactly one size word.
const SIZE_WORDS: &[(&str, SizePredicate)] = &[
    ("tiny", |size| matches!(size, "nano" | "micro")),
    ("small", |size| matches!(size, "small" | "medium")),
    ("medium", |size| matches!(size, "large" | "xlarge")),
    ("large", |size| xlarges(size).is_some_and(|n| n < 8)),
    ("huge", |size| size.starts_with("metal") || xlarges(size).is_some_and(|n| n >= 8)),
];

/// Returns 12 for `12xlarge`; `None` for `xlarge` and for other sizes.
fn xlarges(size: &str) -> Option<u32> {
    size.strip_suffix("xlarge")?.parse().ok()
}

impl<'a> SearchVocabulary<'a> {
    /// Builds the vocabulary for these facts.
    pub fn new(facts: &'a [TypeFacts]) -> SearchVocabulary<'a> {
        let names = facts.iter().map(|t| t.instance_type.as_str()).collect();
        let mut vocabulary = SearchVocabulary { facts, names, words: BTreeMap::new() };
        // A later word replaces an earlier one: t4g is the GPU and not the family, large is the
        // size word and not the size.
        vocabulary.add_families_and_sizes();
        vocabulary.add_accelerators();
        vocabulary.add_processors();
        vocabulary.add_fixed_words();
        vocabulary
    }

    fn add(&mut self, word: &str, meaning: WordMeaning) {
        self.words.insert(letters(word), (word.to_lowercase(), meaning));
    }

    fn add_text(&mut self, words: &[&str], dimension: WordDimension, text: TextFact, values: &[&str]) {
        let values: Vec<String> = values.iter().map(|value| value.to_string()).collect();
        for word in words {
            self.add(word, WordMeaning::Wish(dimension, FilterCondition::Text(text, values.clone())));
        }
    }

    fn add_families_and_sizes(&mut self) {
        let sizes: BTreeSet<&str> = self.facts.iter().map(|t| t.size.as_str()).collect();
        let families: BTreeSet<&str> = self.facts.iter().map(|t| t.family.as_str()).collect();
        for family in families {
            self.add_text(&[family], WordDimension::Name, TextFact::Family, &[family]);
        }
        for size in &sizes {
            self.add_text(&[size], WordDimension::Size, TextFact::Size, &[size]);
        }
        for (word, covers) in SIZE_WORDS {
            let covered: Vec<&str> = sizes.iter().copied().filter(|size| covers(size)).collect();
            self.add_text(&[word], WordDimension::Size, TextFact::Size, &covered);
        }
    }

    fn add_accelerators(&mut self) {
        let facts = self.facts;
        let models = |t: &'a TypeFacts| {
            let models = [&t.gpu_model, &t.inference_model, &t.neuron_model, &t.fpga_model, &t.media_model];
            models.into_iter().flatten().map(String::as_str)
        };
        let models: BTreeSet<&str> = facts.iter().flat_map(models).collect();
        for model in &models {
            self.add_text(&[model], WordDimension::Accelerator, TextFact::Accelerator, &[model]);
        }
        // The bare name means every generation; the first generation needs its number.
        for name in ["Inferentia", "Trainium"] {
            let every: Vec<&str> = models.iter().copied().filter(|model| model.starts_with(name)).collect();
            self.add_text(&[name], WordDimension::Accelerator, TextFact::Accelerator, &every);
            self.add_text(&[&format!("{name}1")], WordDimension::Accelerator, TextFact::Accelerator, &[name]);
        }
        for maker in ["NVIDIA", "Qualcomm"] {
            self.add_text(&[maker], WordDimension::AcceleratorMaker, TextFact::AcceleratorMaker, &[maker]);
        }
    }

    fn add_processors(&mut self) {
        let words: BTreeSet<&str> = PROCESSORS.iter().flat_map(|p| p.words).copied().collect();
        for word in words {
            let meant: Vec<_> =
                PROCESSORS.iter().filter(|p| p.words.contains(&word)).map(|p| p.name).collect();
            // A word that is a processor's name is shown as that name; `graviton1` is not one.
            let spelt = meant.iter().copied().find(|name| letters(name) == word).unwrap_or(word);
            self.add_text(&[spelt], WordDimension::Processor, TextFact::Processor, &meant);
        }
        for set in SETS {
            self.add_text(&[set], WordDimension::InstructionSet, TextFact::InstructionSet, &[set]);
        }
    }

    fn add_fixed_words(&mut self) {
        for (words, maker) in [
            (&["intel"][..], "Intel"),
            (&["amd", "epyc"], "AMD"),
            (&["graviton", "aws"], "AWS"),
            (&["apple"], "Apple"),
        ] {
            self.add_text(words, WordDimension::Maker, TextFact::CpuMaker, &[maker]);
        }
        self.add_text(&["x86_64", "x86", "amd64"], WordDimension::Arch, TextFact::Arch, &["x86_64"]);
        self.add_text(&["arm64", "arm", "aarch64"], WordDimension::Arch, TextFact::Arch, &["arm64"]);
        for (words, flag, dimension) in [
            (&["efa", "lowlatency"][..], FlagFact::Efa, WordDimension::Efa),
            (
                &["nested-virt", "nested-virtualization"],
                FlagFact::NestedVirtualization,
                WordDimension::NestedVirt,
            ),
            (&["mig"], FlagFact::Mig, WordDimension::Mig),
            (&["mps"], FlagFact::Mps, WordDimension::Mps),
            (&["burstable"], FlagFact::Burstable, WordDimension::Burstable),
        ] {
            for word in words {
                self.add(word, WordMeaning::Wish(dimension, FilterCondition::Flag(flag, true)));
            }
        }
        for (words, number, floor, dimension) in [
            (&["highnet"][..], NumericFact::NetworkPeak, 50.0, WordDimension::Network),
            (&["ultranet"], NumericFact::NetworkPeak, 100.0, WordDimension::Network),
            (&["gpu", "gpus"], NumericFact::Gpus, 1.0, WordDimension::AnyGpu),
        ] {
            for word in words {
                let condition = FilterCondition::Number(number, ValueRange::at_least(floor));
                self.add(word, WordMeaning::Wish(dimension, condition));
            }
        }
        for hint in SortHint::ALL {
            self.add(hint.word, WordMeaning::Sort(hint.word));
        }
        self.add("and", WordMeaning::And);
        self.add("or", WordMeaning::Or);
    }

    /// Returns the meaning of the words, read as one, and the normalized spelling.
    pub(super) fn meaning(&self, words: &[String]) -> Option<(&str, &WordMeaning)> {
        let (word, meaning) = self.words.get(&letters(&words.concat()))?;
        Some((word, meaning))
    }

    /// Returns the condition for the instance type with this name.
    pub(super) fn name(&self, word: &str) -> Option<WordCondition> {
        let name = self.names.get(word)?.to_string();
        let condition = FilterCondition::Text(TextFact::Name, vec![name.clone()]);
        Some(WordCondition { typed: name, dimension: WordDimension::Name, condition })
    }

    /// Returns "; the closest match is X" for an unknown word; empty when no word is near.
    pub(super) fn suggestion(&self, word: &str) -> String {
        if word.contains('.') {
            return suggest_closest(word, self.names.iter().copied());
        }
        suggest_closest(word, self.words.values().map(|(word, _)| word.as_str()))
    }

    /// Returns every word in its normalized spelling, for completion.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.words.values().map(|(word, _)| word.as_str())
    }
}

/// Lowercases a word and removes spaces and hyphens: `Sapphire-Rapids` becomes `sapphirerapids`.
fn letters(word: &str) -> String {
    word.chars().filter(|c| *c != '-' && *c != ' ').flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_size_has_one_size_word() {
        let check = |size: &str, expected: &str| {
            let words: Vec<_> =
                SIZE_WORDS.iter().filter(|(_, covers)| covers(size)).map(|(word, _)| *word).collect();
            assert_eq!(words, [expected], "{size}");
        };
        check("nano", "tiny");
        check("medium", "small");
        check("xlarge", "medium");
        check("2xlarge", "large");
        check("6xlarge", "large");
        check("8xlarge", "huge");
        check("224xlarge", "huge");
        check("metal", "huge");
        check("metal-48xl", "huge");
    }
}
