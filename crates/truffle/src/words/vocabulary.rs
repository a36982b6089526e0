//! The words of search: fixed words, and words from the facts.

use std::collections::{BTreeMap, BTreeSet};

use catalog::TypeFacts;
use console::suggest_closest;
use domain::Known;

use super::quantity::QuantityUnit;
use super::{SortHint, WordCondition, WordDimension};
use crate::accelerator_names::{ALIASES, PREFIXES, letters, looks_like_model, nearest_model};
use crate::filter::{FilterCondition, FlagFact, NumericFact, TextFact};
use crate::instance_names::{find_type_name, suggest_type};
use crate::processors::{PROCESSORS, SETS};
use crate::range::{MemorySize, RangeBound, ValueRange};

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

/// Ratio of a size of GPU memory as makers state it to that of EC2, at least and at most: a B300
/// with 288 GB has 268.6 GiB.
const SAME_SIZE: (f64, f64) = (0.92, 1.08);

/// Most words of a phrase, such as `rtx pro server 6000`.
pub(super) const LONGEST_PHRASE: usize = 4;

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
            let others = ALIASES.iter().filter(|(known, _)| *known == letters(model));
            for alias in others.flat_map(|(_, aliases)| *aliases) {
                // An alias is shown as the model.
                let model_words = WordMeaning::Wish(
                    WordDimension::Accelerator,
                    FilterCondition::Text(TextFact::Accelerator, vec![model.to_string()]),
                );
                self.words.insert(letters(alias), (model.to_lowercase(), model_words));
            }
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
        self.add_text(
            &["x86_64", "x86", "amd64", "x86-64", "x64"],
            WordDimension::Arch,
            TextFact::Arch,
            &["x86_64"],
        );
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
            (&["fpga", "fpgas"], NumericFact::Fpgas, 1.0, WordDimension::Accelerators),
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

    /// Whether the word is known as it is.
    pub(super) fn knows(&self, word: &str) -> bool {
        self.names.contains(word) || self.words.contains_key(&letters(word))
    }

    /// Returns the condition for the instance type with this name, in any spelling.
    pub(super) fn name(&self, word: &str) -> Option<WordCondition> {
        let name = find_type_name(word, self.names.iter().copied())?.to_string();
        let condition = FilterCondition::Text(TextFact::Name, vec![name.clone()]);
        Some(WordCondition { typed: name, dimension: WordDimension::Name, condition })
    }

    /// Returns the condition for the instance type with exactly this name.
    pub(super) fn exact_name(&self, name: &str) -> Option<WordCondition> {
        if self.names.contains(name) { self.name(name) } else { None }
    }

    /// Returns the unit in which the accelerator at the start of the words is counted; `None` if
    /// they begin with no accelerator. Words for its maker may stand before it.
    pub(super) fn accelerator(&self, words: &[String]) -> Option<QuantityUnit> {
        let prefixes = words.iter().take_while(|word| PREFIXES.contains(&word.as_str())).count();
        (0..=prefixes).find_map(|from| {
            let words = &words[from..];
            (1..=words.len().min(LONGEST_PHRASE)).rev().find_map(|length| {
                match self.meaning(&words[..length])?.1 {
                    WordMeaning::Wish(WordDimension::Accelerator, FilterCondition::Text(_, models)) => {
                        Some(self.unit_of(models))
                    }
                    _ => None,
                }
            })
        })
    }

    /// Returns the unit in which these accelerators are counted.
    fn unit_of(&self, models: &[String]) -> QuantityUnit {
        let has = |unit: NumericFact| {
            let mut facts = self.facts.iter().filter(|t| has_model(t, models));
            facts.any(|t| matches!(unit.of(t), Known::Is(count) if count > 0.0))
        };
        [
            (NumericFact::InferenceAccelerators, QuantityUnit::Inference),
            (NumericFact::TrainingAccelerators, QuantityUnit::Training),
            (NumericFact::Fpgas, QuantityUnit::Fpgas),
            (NumericFact::MediaAccelerators, QuantityUnit::Media),
        ]
        .into_iter()
        .find(|(fact, _)| has(*fact))
        .map_or(QuantityUnit::Gpus, |(_, unit)| unit)
    }

    /// Returns the sizes of the GPUs of these models, MiB, smallest first.
    pub(super) fn gpu_sizes(&self, models: &[String]) -> Vec<i64> {
        let of_models = self.facts.iter().filter(|t| has_model(t, models));
        let sizes: BTreeSet<i64> = of_models.filter_map(|t| t.gpu_memory_per_gpu_mib).collect();
        sizes.into_iter().filter(|size| *size > 0).collect()
    }

    /// Returns the condition for the memory of each GPU. A size as makers state it means the size
    /// that EC2 states for it.
    pub(super) fn gpu_memory(&self, range: ValueRange<MemorySize>) -> WordCondition {
        let mut sizes: Vec<i64> = self.facts.iter().filter_map(|t| t.gpu_memory_per_gpu_mib).collect();
        sizes.sort_unstable();
        let exact = |end: MemorySize| {
            let end = end.number();
            let near = sizes.iter().map(|size| *size as f64).filter(|size| is_same_size(end, *size));
            near.min_by(|a, b| (a - end).abs().total_cmp(&(b - end).abs())).unwrap_or(end)
        };
        let numbers = match range.ends() {
            (Some(low), Some(high)) => ValueRange::between(exact(low), exact(high)),
            (Some(low), None) => Some(ValueRange::at_least(exact(low))),
            (None, Some(high)) => Some(ValueRange::at_most(exact(high))),
            (None, None) => None,
        };
        let numbers = numbers.unwrap_or_else(|| range.numbers());
        WordCondition {
            typed: format!("{range} vram").to_lowercase(),
            dimension: WordDimension::GpuMemory,
            condition: FilterCondition::Number(NumericFact::GpuMemoryEach, numbers),
        }
    }

    /// Returns "; the closest match is X" for an unknown word; empty when no word is near. A match
    /// is of the same kind as the word: a type for a type, an accelerator for an accelerator.
    pub(super) fn suggestion(&self, word: &str) -> String {
        if word.contains('.') {
            return suggest_type(word, self.names.iter().copied());
        }
        let spelt = letters(word);
        let of_kind = |kind: fn(WordDimension) -> bool| {
            self.words.values().filter_map(move |(word, meaning)| match meaning {
                WordMeaning::Wish(dimension, _) => kind(*dimension).then_some(word.as_str()),
                _ => None,
            })
        };
        let models: Vec<&str> = of_kind(|kind| kind == WordDimension::Accelerator).collect();
        if let Some(model) = nearest_model(word, &models) {
            return format!("; the closest match is {model}");
        }
        if looks_like_model(&spelt) {
            return suggest_closest(word, models);
        }
        if looks_like_family(word) {
            let longer = of_kind(|kind| kind == WordDimension::Name).find(|family| family.starts_with(word));
            return match longer {
                Some(family) => format!("; the closest match is {family}"),
                None => suggest_closest(word, of_kind(|kind| kind == WordDimension::Name)),
            };
        }
        let is_other = |meaning: &WordMeaning| !matches!(meaning, WordMeaning::Wish(WordDimension::Name, _));
        let others = self.words.values().filter(|(_, meaning)| is_other(meaning));
        suggest_closest(word, others.map(|(word, _)| word.as_str()))
    }

    /// Returns every word in its normalized spelling, for completion.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.words.values().map(|(word, _)| word.as_str())
    }
}

/// Whether a size of GPU memory as a maker states it is this one of EC2, MiB.
pub(super) fn is_same_size(stated: f64, size: f64) -> bool {
    (SAME_SIZE.0..=SAME_SIZE.1).contains(&(size / stated))
}

/// Whether the type has an accelerator of one of these models.
pub(super) fn has_model(facts: &TypeFacts, models: &[String]) -> bool {
    matches!(TextFact::Accelerator.of(facts), Known::Is(found)
        if found.iter().any(|model| models.iter().any(|wanted| wanted.eq_ignore_ascii_case(model))))
}

/// Whether the word has the form of a family: `m5`, `p4`, `g4dn`, `m7i-flex`.
fn looks_like_family(word: &str) -> bool {
    let digit = word.find(|c: char| c.is_ascii_digit()).unwrap_or(0);
    let after = word[digit..].chars().nth(1);
    (1..=3).contains(&digit) && after.is_none_or(|c| c.is_ascii_alphabetic() || c == '-')
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
