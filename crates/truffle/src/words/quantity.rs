//! Quantities in plain words: `16 cores`, `64gb`, `8gpu`, `100gbps`, `4..16 vcpus`.

use super::{WordCondition, WordDimension};
use crate::filter::{FilterCondition, NumericFact};
use crate::range::{MemorySize, ValueRange};

#[derive(Clone, Copy, PartialEq)]
enum QuantityUnit {
    Vcpus,
    Cores,
    Memory,
    Gpus,
    Gbps,
}

fn unit(word: &str) -> Option<QuantityUnit> {
    Some(match word {
        "vcpus" | "vcpu" | "cpus" | "cpu" | "cores" | "core" => QuantityUnit::Vcpus,
        "gb" | "gib" | "g" | "tb" | "tib" | "t" | "mb" | "mib" => QuantityUnit::Memory,
        "gpus" | "gpu" => QuantityUnit::Gpus,
        "gbps" | "gbit" | "gbit/s" => QuantityUnit::Gbps,
        _ => return None,
    })
}

/// Returns the unit at the start of the words, its spelling, and the number of words it takes.
fn unit_of_words(words: &[String]) -> Option<(QuantityUnit, &str, usize)> {
    let first = words.first()?;
    let second = words.get(1).map_or("", String::as_str);
    if first == "physical" && matches!(unit(second), Some(QuantityUnit::Vcpus)) {
        return Some((QuantityUnit::Cores, second, 2));
    }
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

/// Reads the quantity at the start of the words, and returns it with the number of words it takes.
/// Returns `None` when there is none. An error is a lowercase fragment.
pub(super) fn read(words: &[String]) -> Option<Result<(WordCondition, usize), String>> {
    let word = words.first()?;
    let ends = ends(word)?;
    let attached = ends.iter().rev().map(|(_, unit)| *unit).find(|unit| !unit.is_empty());
    let (kind, spelt, taken) = match attached {
        Some(spelt) => (unit(spelt)?, spelt, 1),
        None => match unit_of_words(&words[1..]) {
            Some((kind, spelt, taken)) => (kind, spelt, 1 + taken),
            None => {
                return Some(Err(format!("\"{word}\" needs a unit: {word} vcpus, {word} gb or {word} gpus")));
            }
        },
    };
    let wish = match kind {
        QuantityUnit::Memory => memory(&ends, spelt),
        _ => number(word, &ends, kind),
    };
    let ram = kind == QuantityUnit::Memory
        && words.get(taken).is_some_and(|word| word == "ram" || word == "memory");
    Some(wish.map(|wish| (wish, taken + usize::from(ram))))
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

/// Reads memory. In `16..64gb` the unit of the second end applies to the first, too.
fn memory(ends: &[(&str, &str)], spelt: &str) -> Result<WordCondition, String> {
    let ends = ends.iter().map(|(number, unit)| match (*number, *unit) {
        ("", unit) => unit.to_string(),
        (number, "") => format!("{number}{spelt}"),
        (number, unit) => format!("{number}{unit}"),
    });
    let text = ends.collect::<Vec<_>>().join("..");
    let range: ValueRange<MemorySize> = text.parse().map_err(|error| format!("{error}"))?;
    let condition = FilterCondition::Number(NumericFact::Memory, range.numbers());
    Ok(WordCondition { typed: range.to_string().to_lowercase(), dimension: WordDimension::Memory, condition })
}

fn number(word: &str, ends: &[(&str, &str)], kind: QuantityUnit) -> Result<WordCondition, String> {
    let units: Vec<_> =
        ends.iter().filter(|(_, spelt)| !spelt.is_empty()).map(|(_, spelt)| unit(spelt)).collect();
    if units.iter().any(|unit| *unit != Some(kind)) {
        return Err(format!("\"{word}\" has two units: use one, as in 4..16 vcpus"));
    }
    let text = ends.iter().map(|(number, _)| *number).collect::<Vec<_>>().join("..");
    if kind == QuantityUnit::Gbps {
        return network(&text);
    }
    let (number, dimension, unit) = match kind {
        QuantityUnit::Gpus => (NumericFact::Gpus, WordDimension::Gpus, "gpus"),
        QuantityUnit::Cores => (NumericFact::Cores, WordDimension::Cores, "physical cores"),
        _ => (NumericFact::Vcpus, WordDimension::Vcpus, "vcpus"),
    };
    let range: ValueRange<i64> = text.parse().map_err(|error| format!("{error}"))?;
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
