//! Quantities in plain words: `16 cores`, `64gb`, `8gpu`, `100gbps`, `4..16 vcpus`, `at least 8
//! gpus`, `ram >= 64`, `80gb vram`.

use super::{SearchVocabulary, WordCondition, WordDimension};
use crate::filter::{FilterCondition, NumericFact};
use crate::range::{MemorySize, ValueRange};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum QuantityUnit {
    Vcpus,
    Cores,
    Memory,
    GpuMemory,
    Gpus,
    Inference,
    Training,
    Fpgas,
    Media,
    Gbps,
}

fn unit(word: &str) -> Option<QuantityUnit> {
    Some(match word {
        "vcpus" | "vcpu" | "cpus" | "cpu" | "cores" | "core" => QuantityUnit::Vcpus,
        "gb" | "gib" | "g" | "tb" | "tib" | "t" | "mb" | "mib" => QuantityUnit::Memory,
        "gpus" | "gpu" => QuantityUnit::Gpus,
        "fpgas" | "fpga" => QuantityUnit::Fpgas,
        "gbps" | "gbit" | "gbit/s" | "gigabit" => QuantityUnit::Gbps,
        _ => return None,
    })
}

/// Units of several words, longest first.
const PHRASES: [(&[&str], QuantityUnit); 14] = [
    (&["inference", "accelerators"], QuantityUnit::Inference),
    (&["inference", "accelerator"], QuantityUnit::Inference),
    (&["training", "accelerators"], QuantityUnit::Training),
    (&["training", "accelerator"], QuantityUnit::Training),
    (&["media", "accelerators"], QuantityUnit::Media),
    (&["media", "accelerator"], QuantityUnit::Media),
    (&["physical", "cores"], QuantityUnit::Cores),
    (&["physical", "core"], QuantityUnit::Cores),
    (&["physical", "cpus"], QuantityUnit::Cores),
    (&["physical", "cpu"], QuantityUnit::Cores),
    (&["virtual", "cpus"], QuantityUnit::Vcpus),
    (&["virtual", "cores"], QuantityUnit::Vcpus),
    (&["cpu", "cores"], QuantityUnit::Vcpus),
    (&["cpu", "core"], QuantityUnit::Vcpus),
];

/// Nouns of memory, longest first. The memory of a GPU is that of each one.
const NOUNS: [(&[&str], QuantityUnit); 15] = [
    (&["gpu", "memory"], QuantityUnit::GpuMemory),
    (&["gpu", "ram"], QuantityUnit::GpuMemory),
    (&["gpu", "mem"], QuantityUnit::GpuMemory),
    (&["video", "memory"], QuantityUnit::GpuMemory),
    (&["memory", "per", "gpu"], QuantityUnit::GpuMemory),
    (&["memory", "each"], QuantityUnit::GpuMemory),
    (&["per", "gpu"], QuantityUnit::GpuMemory),
    (&["gpu-memory"], QuantityUnit::GpuMemory),
    (&["gpu_memory"], QuantityUnit::GpuMemory),
    (&["vram"], QuantityUnit::GpuMemory),
    (&["each"], QuantityUnit::GpuMemory),
    (&["system", "memory"], QuantityUnit::Memory),
    (&["memory"], QuantityUnit::Memory),
    (&["ram"], QuantityUnit::Memory),
    (&["mem"], QuantityUnit::Memory),
];

#[derive(Debug, Clone, Copy, PartialEq)]
enum NumberComparison {
    Exactly,
    AtLeast,
    AtMost,
    MoreThan,
    LessThan,
    Between,
}

/// Words before a number that make it a bound, longest first.
const BEFORE: [(&[&str], NumberComparison); 37] = [
    (&["no", "less", "than"], NumberComparison::AtLeast),
    (&["not", "less", "than"], NumberComparison::AtLeast),
    (&["no", "fewer", "than"], NumberComparison::AtLeast),
    (&["no", "more", "than"], NumberComparison::AtMost),
    (&["not", "more", "than"], NumberComparison::AtMost),
    (&["a", "minimum", "of"], NumberComparison::AtLeast),
    (&["a", "maximum", "of"], NumberComparison::AtMost),
    (&["minimum", "of"], NumberComparison::AtLeast),
    (&["maximum", "of"], NumberComparison::AtMost),
    (&["at", "least"], NumberComparison::AtLeast),
    (&["at", "most"], NumberComparison::AtMost),
    (&["up", "to"], NumberComparison::AtMost),
    (&["more", "than"], NumberComparison::MoreThan),
    (&["greater", "than"], NumberComparison::MoreThan),
    (&["less", "than"], NumberComparison::LessThan),
    (&["fewer", "than"], NumberComparison::LessThan),
    (&["at-least"], NumberComparison::AtLeast),
    (&["at-most"], NumberComparison::AtMost),
    (&["up-to"], NumberComparison::AtMost),
    (&["min."], NumberComparison::AtLeast),
    (&["max."], NumberComparison::AtMost),
    (&["minimum"], NumberComparison::AtLeast),
    (&["min"], NumberComparison::AtLeast),
    (&["maximum"], NumberComparison::AtMost),
    (&["max"], NumberComparison::AtMost),
    (&["over"], NumberComparison::MoreThan),
    (&["above"], NumberComparison::MoreThan),
    (&["under"], NumberComparison::LessThan),
    (&["below"], NumberComparison::LessThan),
    (&["between"], NumberComparison::Between),
    (&["from"], NumberComparison::Between),
    (&["exactly"], NumberComparison::Exactly),
    (&[">="], NumberComparison::AtLeast),
    (&["<="], NumberComparison::AtMost),
    (&[">"], NumberComparison::MoreThan),
    (&["<"], NumberComparison::LessThan),
    (&["="], NumberComparison::Exactly),
];

/// Words after a number or its unit that make it a bound.
const AFTER: [(&[&str], NumberComparison); 12] = [
    (&["or", "more"], NumberComparison::AtLeast),
    (&["or", "higher"], NumberComparison::AtLeast),
    (&["or", "greater"], NumberComparison::AtLeast),
    (&["or", "better"], NumberComparison::AtLeast),
    (&["or", "above"], NumberComparison::AtLeast),
    (&["and", "more"], NumberComparison::AtLeast),
    (&["and", "up"], NumberComparison::AtLeast),
    (&["or", "less"], NumberComparison::AtMost),
    (&["or", "fewer"], NumberComparison::AtMost),
    (&["or", "lower"], NumberComparison::AtMost),
    (&["or", "below"], NumberComparison::AtMost),
    (&["+"], NumberComparison::AtLeast),
];

/// Returns the value of the first phrase that the words begin with, and its number of words.
fn begins<T: Copy>(words: &[String], phrases: &[(&[&str], T)]) -> Option<(T, usize)> {
    let is_start = |phrase: &[&str]| {
        phrase.len() <= words.len() && phrase.iter().zip(words).all(|(word, typed)| word == typed)
    };
    phrases.iter().find(|(phrase, _)| is_start(phrase)).map(|(phrase, value)| (*value, phrase.len()))
}

/// Returns the unit at the start of the words, its spelling, and the number of words it takes.
fn unit_of_words(words: &[String]) -> Option<(QuantityUnit, &str, usize)> {
    if let Some((unit, taken)) = begins(words, &PHRASES) {
        return Some((unit, "", taken));
    }
    let first = words.first()?;
    unit(first).map(|unit| (unit, first.as_str(), 1))
}

/// Whether the words start with a unit.
pub(super) fn starts_with_unit(words: &[String]) -> bool {
    unit_of_words(words).is_some()
}

/// Whether the word is a number or a range of numbers, with or without a unit.
pub(super) fn is_number(word: &str) -> bool {
    ends(word).is_some()
}

/// Whether the word is a unit.
pub(super) fn is_unit(word: &str) -> bool {
    unit(word).is_some()
}

/// Whether the word can stand before a number, as in `vcpus=8` and `ram 64gb`.
pub(super) fn is_key(word: &str) -> bool {
    let noun = NOUNS.iter().any(|(phrase, _)| *phrase == [word]);
    noun && word != "each" || unit(word).is_some_and(|unit| unit != QuantityUnit::Memory)
}

/// Returns the key at the start of the words: `ram`, `gpu memory`, `vcpus`.
fn key(words: &[String]) -> Option<(QuantityUnit, usize)> {
    let noun = begins(words, &NOUNS).filter(|_| words[0] != "each" && words[0] != "per");
    noun.or_else(|| words.first().filter(|word| is_key(word)).and_then(|word| Some((unit(word)?, 1))))
}

/// A number or a range as typed: one or two ends, each a number and a unit.
#[derive(Debug, Clone)]
struct TypedRange {
    ends: Vec<(String, String)>,
}

impl TypedRange {
    fn of(word: &str) -> Option<TypedRange> {
        let ends = ends(word)?.into_iter().map(|(number, unit)| (number.to_string(), unit.to_string()));
        Some(TypedRange { ends: ends.collect() })
    }

    fn attached_unit(&self) -> Option<&str> {
        self.ends.iter().rev().map(|(_, unit)| unit.as_str()).find(|unit| !unit.is_empty())
    }

    /// Gives every number the unit.
    fn attach(&mut self, spelt: &str) {
        for (number, unit) in &mut self.ends {
            if !number.is_empty() {
                *unit = spelt.to_string();
            }
        }
    }

    /// Returns the text of the range, with a unit at each number. In `16..64gb` the unit of the
    /// second end applies to the first, too.
    fn with_units(&self) -> String {
        let last = self.attached_unit().unwrap_or_default();
        let end = |(number, unit): &(String, String)| match (number.as_str(), unit.as_str()) {
            (number, "") if !number.is_empty() => format!("{number}{last}"),
            (number, unit) => format!("{number}{unit}"),
        };
        self.ends.iter().map(end).collect::<Vec<_>>().join("..")
    }
}

/// A quantity, with the number of words it takes.
pub(super) struct ReadQuantity {
    pub(super) wish: WordCondition,
    pub(super) taken: usize,
    /// Whether the words state that it is the memory of the instance.
    pub(super) is_ram: bool,
}

/// Reads the quantity at the start of the words. `accelerator` is the unit of the accelerator
/// before them. Returns `None` when there is none. An error is a lowercase fragment.
pub(super) fn read(
    words: &[String],
    accelerator: Option<QuantityUnit>,
    vocabulary: &SearchVocabulary,
) -> Option<Result<ReadQuantity, String>> {
    let mut parts = QuantityParts::of_number(words, accelerator.is_some())?;
    let typed = parts.words[..parts.at].join(" ");
    let unit = parts.take_unit()?;
    let two_units = || format!("\"{typed}\" has two units: use one, as in 4..16 vcpus");
    let kind = match (parts.key, unit) {
        (Some(key), None) => key,
        (Some(QuantityUnit::GpuMemory), Some(QuantityUnit::Memory)) => QuantityUnit::GpuMemory,
        (Some(key), Some(unit)) if key != unit => return Some(Err(two_units())),
        (_, Some(unit)) => unit,
        (None, None) => match parts.take_counted(accelerator, vocabulary) {
            Some(unit) => unit,
            None => return Some(Err(needs_unit(&typed))),
        },
    };
    let (kind, is_ram) = parts.take_noun(kind);
    parts.take_bound();
    let range = parts.bounded();
    let wish = wish(&range, kind, parts.bound, vocabulary).map_err(|error| error.unwrap_or_else(two_units));
    Some(wish.map(|wish| ReadQuantity { wish, taken: parts.at, is_ram }))
}

fn needs_unit(typed: &str) -> String {
    format!("\"{typed}\" needs a unit: {typed} vcpus, {typed} gb or {typed} gpus")
}

/// The parts of a quantity, taken from the words one after another.
struct QuantityParts<'w> {
    words: &'w [String],
    /// Number of words taken.
    at: usize,
    key: Option<QuantityUnit>,
    /// The comparison before the number.
    comparison: Option<NumberComparison>,
    /// The comparison that applies: the one before the number, or a later one.
    bound: Option<NumberComparison>,
    range: TypedRange,
}

impl<'w> QuantityParts<'w> {
    /// Takes the key, the comparison and the number; `None` without a number. After an accelerator,
    /// an `x` stands before its number.
    fn of_number(words: &'w [String], after_accelerator: bool) -> Option<QuantityParts<'w>> {
        let (key, mut at) = key(words).map_or((None, 0), |(unit, taken)| (Some(unit), taken));
        let times = after_accelerator && words.get(at).is_some_and(|word| word == "x");
        let comparison = match begins(&words[at..], &BEFORE) {
            Some((comparison, taken)) => {
                at += taken;
                Some(comparison)
            }
            None => times.then(|| {
                at += 1;
                NumberComparison::Exactly
            }),
        };
        let range = TypedRange::of(words.get(at)?)?;
        let mut parts = QuantityParts { words, at: at + 1, key, comparison, bound: comparison, range };
        if let Some(other) = second_end(parts.rest(), comparison) {
            parts.range.ends.extend(other.ends);
            parts.at += 2;
        }
        parts.take_bound();
        Some(parts)
    }

    fn rest(&self) -> &'w [String] {
        &self.words[self.at..]
    }

    /// Takes words after a number that make it a bound.
    fn take_bound(&mut self) {
        if let Some((comparison, taken)) = begins(self.rest(), &AFTER) {
            self.bound = Some(comparison);
            self.at += taken;
        }
    }

    /// Takes the unit. Returns `None` if the words are no quantity, such as `4xlarge`.
    fn take_unit(&mut self) -> Option<Option<QuantityUnit>> {
        let is_memory = matches!(self.key, Some(QuantityUnit::Memory | QuantityUnit::GpuMemory));
        // In "gpu 8 vcpus" and "gpu 16gb" the number belongs to the unit after it.
        let is_apart = self.key.is_some() && self.comparison.is_none() && !is_memory;
        if let Some(spelt) = self.range.attached_unit() {
            return unit(spelt).filter(|_| !is_apart).map(Some);
        }
        let Some((unit, spelt, taken)) = unit_of_words(self.rest()) else {
            if is_memory {
                self.range.attach("gb");
            }
            return Some(None);
        };
        if is_apart {
            return None;
        }
        self.range.attach(spelt);
        self.at += taken;
        Some(Some(unit))
    }

    /// Returns the unit of a bare number: that of the accelerator after it, as in `8 h100` and `2 x
    /// a100`, or after a comparison that of the one before it, as in `h100 = 8`.
    fn take_counted(
        &mut self,
        before: Option<QuantityUnit>,
        vocabulary: &SearchVocabulary,
    ) -> Option<QuantityUnit> {
        let times = usize::from(self.rest().first().is_some_and(|word| word == "x" || word == "×"));
        let rest = &self.rest()[times..];
        if let Some(unit) = vocabulary.accelerator(rest) {
            self.at += times;
            return Some(unit);
        }
        match unit_of_words(rest) {
            Some((unit @ QuantityUnit::Gpus, _, taken)) if times > 0 => {
                self.at += times + taken;
                Some(unit)
            }
            _ if times > 0 || self.comparison.is_some() => {
                self.at += times;
                before
            }
            _ => None,
        }
    }

    /// Takes the noun after a size of memory. Returns the kind of memory, and whether the words
    /// state that it is the memory of the instance.
    fn take_noun(&mut self, kind: QuantityUnit) -> (QuantityUnit, bool) {
        if kind != QuantityUnit::Memory {
            return (kind, false);
        }
        let rest = self.rest();
        let of = usize::from(rest.first().is_some_and(|word| word == "of"));
        match begins(&rest[of..], &NOUNS) {
            Some((noun, taken)) => {
                self.at += of + taken;
                (noun, noun == QuantityUnit::Memory)
            }
            None => (kind, self.key == Some(QuantityUnit::Memory)),
        }
    }

    /// Returns the range with its comparison applied.
    fn bounded(&self) -> TypedRange {
        let [only] = self.range.ends.as_slice() else { return self.range.clone() };
        let open = (String::new(), String::new());
        TypedRange {
            ends: match self.bound {
                Some(NumberComparison::AtLeast | NumberComparison::MoreThan) => vec![only.clone(), open],
                Some(NumberComparison::AtMost | NumberComparison::LessThan) => vec![open, only.clone()],
                Some(NumberComparison::Exactly | NumberComparison::Between) | None => vec![only.clone()],
            },
        }
    }
}

/// Reads the second end of `4 to 16` and `between 4 and 16`.
fn second_end(words: &[String], first: Option<NumberComparison>) -> Option<TypedRange> {
    let [between, number, ..] = words else { return None };
    let joins = match between.as_str() {
        "to" | "-" | "–" => true,
        "and" => first == Some(NumberComparison::Between),
        _ => false,
    };
    TypedRange::of(number).filter(|range| joins && range.ends.len() == 1)
}

/// Splits a range into one or two ends, each a number and a unit; `None` for another word.
fn ends(word: &str) -> Option<Vec<(&str, &str)>> {
    let ends: Vec<_> = word
        .split("..")
        .map(|end| end.split_at(end.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(end.len())))
        .collect();
    let numbers = ends.iter().all(|(number, _)| number.chars().all(|c| c.is_ascii_digit() || c == '.'));
    let some = ends.iter().any(|(number, _)| !number.is_empty());
    (numbers && some && ends.len() <= 2).then_some(ends)
}

/// Returns the condition. The error is `None` for a range with two units.
fn wish(
    range: &TypedRange,
    kind: QuantityUnit,
    bound: Option<NumberComparison>,
    vocabulary: &SearchVocabulary,
) -> Result<WordCondition, Option<String>> {
    if matches!(kind, QuantityUnit::Memory | QuantityUnit::GpuMemory) {
        let range = memory(range, bound).map_err(Some)?;
        return Ok(match kind {
            QuantityUnit::GpuMemory => vocabulary.gpu_memory(range),
            _ => WordCondition {
                typed: range.to_string().to_lowercase(),
                dimension: WordDimension::Memory,
                condition: FilterCondition::Number(NumericFact::Memory, range.numbers()),
            },
        });
    }
    let is_other = |spelt: &str| unit(spelt).is_some_and(|unit| unit != kind);
    if range.ends.iter().any(|(_, spelt)| is_other(spelt)) {
        return Err(None);
    }
    let text = range.ends.iter().map(|(number, _)| number.as_str()).collect::<Vec<_>>().join("..");
    match kind {
        QuantityUnit::Gbps => network(&text),
        kind => number(&text, kind, bound),
    }
    .map_err(Some)
}

/// Reads memory. More and less than a size begin at the next MiB.
fn memory(range: &TypedRange, bound: Option<NumberComparison>) -> Result<ValueRange<MemorySize>, String> {
    let range: ValueRange<MemorySize> = range.with_units().parse().map_err(|error| format!("{error}"))?;
    Ok(if is_strict(bound) { range.without_ends(|size, step| size.plus_mebibytes(step)) } else { range })
}

fn is_strict(bound: Option<NumberComparison>) -> bool {
    matches!(bound, Some(NumberComparison::MoreThan | NumberComparison::LessThan))
}

fn number(text: &str, kind: QuantityUnit, bound: Option<NumberComparison>) -> Result<WordCondition, String> {
    let (number, dimension, unit) = match kind {
        QuantityUnit::Gpus => (NumericFact::Gpus, WordDimension::Gpus, "gpus"),
        QuantityUnit::Cores => (NumericFact::Cores, WordDimension::Cores, "physical cores"),
        QuantityUnit::Inference => {
            (NumericFact::InferenceAccelerators, WordDimension::Accelerators, "inference accelerators")
        }
        QuantityUnit::Training => {
            (NumericFact::TrainingAccelerators, WordDimension::Accelerators, "training accelerators")
        }
        QuantityUnit::Fpgas => (NumericFact::Fpgas, WordDimension::Accelerators, "fpgas"),
        QuantityUnit::Media => {
            (NumericFact::MediaAccelerators, WordDimension::Accelerators, "media accelerators")
        }
        _ => (NumericFact::Vcpus, WordDimension::Vcpus, "vcpus"),
    };
    let mut range: ValueRange<i64> = text.parse().map_err(|error| format!("{error}"))?;
    if is_strict(bound) {
        range = range.without_ends(|count, step| (count + step).max(0));
    }
    Ok(WordCondition {
        typed: format!("{range} {unit}"),
        dimension,
        condition: FilterCondition::Number(number, range.numbers()),
    })
}

/// Reads a bandwidth. A single value is a minimum: 100 Gbit/s also matches 200 Gbit/s.
fn network(text: &str) -> Result<WordCondition, String> {
    let mut range: ValueRange<f64> = text.parse().map_err(|error| format!("{error}"))?;
    let typed = format!("{range}gbps");
    if let Some(floor) = range.single() {
        range = ValueRange::at_least(floor);
    }
    let condition = FilterCondition::Number(NumericFact::NetworkPeak, range);
    Ok(WordCondition { typed, dimension: WordDimension::Network, condition })
}
