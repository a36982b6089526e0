//! The plain words of `truffle search`: `h200 8gpu efa`, `graviton 16 cores 64gb`, `cheap arm 4 vcpu`.
//!
//! Words of different dimensions (a maker, a GPU, a size …) narrow the answer together; words of one
//! dimension are alternatives, except instruction sets, of which a processor has several. The word `or`
//! makes alternatives of all of them. A word that is not known is an error, and so are two words about
//! the processor that no instance type satisfies together.

pub mod processors;
mod quantity;
mod vocabulary;

use std::collections::BTreeMap;
use std::fmt;

use catalog::TypeFacts;
use console::Failure;

pub use vocabulary::Vocabulary;

use crate::filter::{Candidate, Condition, Filter, Pattern, Verdict};
use vocabulary::Meaning;

/// The grammar, for the help.
pub const GRAMMAR: &str = "\
Words:
  names         m7i.xlarge, a family m7i, globs m7i.*, c[67]g.xlarge, regexes '^(m|c)7i'
  makers        intel amd graviton (or aws) apple; nvidia qualcomm
  processors    graviton3, sapphire rapids, ice lake, milan, genoa, turin ...
  instructions  avx2 avx512 vnni amx bf16 neon sve sve2
  architecture  x86_64 arm64 (or arm)
  accelerators  h100 h200 b200 a100 l4 l40s t4 ... inferentia2 trainium; gpu is any GPU
  sizes         tiny (nano, micro) small (small, medium) medium (large, xlarge)
                large (2xlarge to 6xlarge) huge (from 8xlarge, metal); or an exact 12xlarge
  numbers       16 cores (= vCPUs), 8 physical cores, 64gb, 32g, 8 gpus, 4..16 vcpus: exactly so many
                100gbps: at least so much, as highnet (50) and ultranet (100 Gbit/s)
  features      efa (or lowlatency) nested-virt burstable; mig and mps are ways to share a GPU
  region        us-east-1
  order         cheap expensive fast newest
Words of one kind are alternatives, words of different kinds all hold; `or` makes all of them alternatives.";

/// What a word is about. The order is the order in which filters are applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dimension {
    /// Names, families and patterns.
    Name,
    /// Maker of the CPU.
    Maker,
    /// Processor generation.
    Processor,
    /// Instruction sets: all of them have to be there.
    InstructionSet,
    /// Architecture.
    Arch,
    /// Size.
    Size,
    /// vCPUs.
    Vcpus,
    /// Physical cores.
    Cores,
    /// Memory.
    Memory,
    /// Model of an accelerator.
    Accelerator,
    /// Maker of an accelerator.
    AcceleratorMaker,
    /// GPUs.
    Gpus,
    /// That there is a GPU.
    AnyGpu,
    /// GPUs that can be cut.
    Mig,
    /// GPUs that processes can share.
    Mps,
    /// Network bandwidth.
    Network,
    /// EFA.
    Efa,
    /// Nested virtualization.
    NestedVirt,
    /// Burstable performance.
    Burstable,
}

impl Dimension {
    /// Whether it is about the processor, so that two words of it can contradict each other.
    fn of_processor(self) -> bool {
        use Dimension::*;
        matches!(self, Maker | Processor | InstructionSet | Arch)
    }
}

/// One thing that was wished for.
#[derive(Debug, Clone, PartialEq)]
pub struct Wish {
    /// The word, as it is written.
    pub typed: String,
    /// What it is about.
    pub dimension: Dimension,
    /// What it means.
    pub condition: Condition,
}

/// A word that asks for an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortHint {
    /// The word.
    pub word: &'static str,
    /// The sort key that it stands for, a minus before it when the largest comes first.
    pub key: &'static str,
}

impl SortHint {
    const ALL: [SortHint; 5] = [
        SortHint { word: "cheap", key: "on_demand_price" },
        SortHint { word: "cheapest", key: "on_demand_price" },
        SortHint { word: "expensive", key: "-on_demand_price" },
        SortHint { word: "fast", key: "-clock_ghz" },
        SortHint { word: "newest", key: "-generation" },
    ];
}

/// What the words were understood to mean. Its `Display` is read back as the same.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Understood {
    /// What was wished for, in the order of the words.
    pub wishes: Vec<Wish>,
    /// Whether one wish is enough.
    pub any: bool,
    /// The order that was asked for, the most important first.
    pub sort: Vec<SortHint>,
    /// Regions that were named.
    pub regions: Vec<String>,
}

impl fmt::Display for Understood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let between = if self.any { " or " } else { " " };
        let wishes = self.wishes.iter().map(|wish| wish.typed.as_str()).collect::<Vec<_>>().join(between);
        let rest = self.sort.iter().map(|hint| hint.word).chain(self.regions.iter().map(String::as_str));
        let all: Vec<&str> =
            [wishes.as_str()].into_iter().filter(|text| !text.is_empty()).chain(rest).collect();
        f.write_str(&all.join(" "))
    }
}

/// Reads the words. They may hold several words each, as a shell hands them over.
pub fn read(words: &[String], vocabulary: &Vocabulary) -> Result<Understood, Failure> {
    let words: Vec<String> = words.iter().flat_map(|word| split(word)).collect();
    let mut understood = Understood::default();
    let mut rest = words.as_slice();
    while !rest.is_empty() {
        rest = &rest[understood.take(rest, vocabulary)?..];
    }
    understood.check_or()?;
    understood.check_contradictions(vocabulary.facts)?;
    Ok(understood)
}

/// Words that are spelt as regions are, before anything is known of which there are.
pub(crate) fn regions(words: &[String]) -> Vec<String> {
    words.iter().flat_map(|word| split(word)).filter(|word| region(word)).collect()
}

/// Whether a word is spelt as a region is: `us-east-1`, `us-gov-west-1`. Whether there is such a region
/// is for the warehouse to say.
fn region(word: &str) -> bool {
    word.matches('-').count() >= 2 && domain::Region::parse(word).is_ok()
}

/// Words in lower case; a pattern stays as it is, because `\D` is not `\d` and a comma may belong to it.
fn split(text: &str) -> Vec<String> {
    let one = |word: &str| -> Vec<String> {
        if Pattern::looks_like_one(word) {
            return vec![word.to_string()];
        }
        word.split(',').filter(|part| !part.is_empty()).map(str::to_lowercase).collect()
    };
    text.split_whitespace().flat_map(one).collect()
}

impl Understood {
    /// Takes what the words start with, and says how many words that is.
    fn take(&mut self, words: &[String], vocabulary: &Vocabulary) -> Result<usize, Failure> {
        let word = &words[0];
        if Pattern::looks_like_one(word) {
            let pattern = Pattern::parse(word).map_err(Failure::usage)?;
            let condition = Condition::Name(pattern);
            self.wish(Wish { typed: word.clone(), dimension: Dimension::Name, condition });
            return Ok(1);
        }
        if let Some(taken) = self.take_phrase(words, vocabulary) {
            return Ok(taken);
        }
        if let Some(name) = vocabulary.name(word) {
            self.wish(name);
            return Ok(1);
        }
        if let Some(read) = quantity::read(words) {
            let (wish, taken) = read.map_err(Failure::usage)?;
            self.wish(wish);
            return Ok(taken);
        }
        if region(word) {
            self.regions.extend(Some(word.clone()).filter(|word| !self.regions.contains(word)));
            return Ok(1);
        }
        Err(unknown(word, vocabulary))
    }

    /// The longest phrase that is known: `rtx pro server 6000` before `rtx`.
    fn take_phrase(&mut self, words: &[String], vocabulary: &Vocabulary) -> Option<usize> {
        (1..=words.len().min(4)).rev().find_map(|length| {
            let (phrase, after) = words.split_at(length);
            // In "graviton 4 cores" the 4 belongs to the cores.
            let number_of_next = length > 1 && quantity::is_number(&phrase[length - 1]);
            if number_of_next && quantity::starts_with_unit(after) {
                return None;
            }
            let (word, meaning) = vocabulary.meaning(phrase)?;
            self.add(word, meaning);
            Some(length)
        })
    }

    fn add(&mut self, word: &str, meaning: &Meaning) {
        match meaning {
            Meaning::Wish(dimension, condition) => self.wish(Wish {
                typed: word.to_string(),
                dimension: *dimension,
                condition: condition.clone(),
            }),
            Meaning::Sort(word) => {
                let hint = SortHint::ALL.into_iter().find(|hint| hint.word == *word);
                self.sort.extend(hint.filter(|hint| !self.sort.contains(hint)));
            }
            Meaning::And => {}
            Meaning::Or => self.any = true,
        }
    }

    /// The same wish twice is one wish.
    fn wish(&mut self, wish: Wish) {
        if !self.wishes.contains(&wish) {
            self.wishes.push(wish);
        }
    }

    fn check_or(&self) -> Result<(), Failure> {
        if self.any && self.wishes.len() < 2 {
            return Err(Failure::usage("\"or\" stands between two wishes, as in graviton or amd"));
        }
        Ok(())
    }

    /// Wishes that are alternatives to each other, in the order of their dimensions.
    fn groups(&self) -> Vec<Vec<&Wish>> {
        // check_or has seen to it that there are wishes then.
        if self.any {
            return vec![self.wishes.iter().collect()];
        }
        let mut groups: BTreeMap<(Dimension, usize), Vec<&Wish>> = BTreeMap::new();
        for (at, wish) in self.wishes.iter().enumerate() {
            let apart = if wish.dimension == Dimension::InstructionSet { at } else { 0 };
            groups.entry((wish.dimension, apart)).or_default().push(wish);
        }
        groups.into_values().collect()
    }

    /// One filter for each dimension that was wished for.
    pub fn filters(&self) -> Vec<Filter> {
        self.groups().iter().map(|group| filter(group)).collect()
    }

    /// How each word was understood, a line each.
    pub fn explain(&self) -> Vec<String> {
        let wishes = self.wishes.iter().map(|wish| format!("{}: {}", wish.typed, wish.condition.meaning()));
        let sort = self.sort.iter().map(|hint| format!("{}: sorted by {}", hint.word, hint.key));
        let regions = self.regions.iter().map(|region| format!("{region}: a region"));
        let any = self.any.then(|| "or: one of the wishes is enough".to_string());
        wishes.chain(any).chain(sort).chain(regions).collect()
    }

    fn check_contradictions(&self, facts: &[TypeFacts]) -> Result<(), Failure> {
        if let [first, .., last] = self.sort.as_slice()
            && first.key.trim_start_matches('-') == last.key.trim_start_matches('-')
            && first.key != last.key
        {
            return Err(contradiction(first.word, last.word));
        }
        if self.any {
            return Ok(());
        }
        let groups = self.groups();
        let groups: Vec<_> = groups.iter().filter(|group| group[0].dimension.of_processor()).collect();
        for (at, group) in groups.iter().enumerate() {
            if let Some((one, other)) = far_apart(group, facts) {
                return Err(contradiction(&one.typed, &other.typed));
            }
            let condition = filter(group).condition;
            for other in &groups[at + 1..] {
                let also = filter(other).condition;
                if !facts.iter().any(|t| satisfies(t, &condition) && satisfies(t, &also)) {
                    return Err(contradiction(&group[0].typed, &other[0].typed));
                }
            }
        }
        Ok(())
    }
}

fn filter(group: &[&Wish]) -> Filter {
    let typed = group.iter().map(|wish| wish.typed.as_str()).collect::<Vec<_>>().join(" or ");
    let mut conditions: Vec<_> = group.iter().map(|wish| wish.condition.clone()).collect();
    let condition = if conditions.len() == 1 { conditions.remove(0) } else { Condition::Any(conditions) };
    Filter { typed, condition }
}

fn satisfies(facts: &TypeFacts, condition: &Condition) -> bool {
    condition.holds(Candidate { facts, offer: None }) == Verdict::Yes
}

/// Two alternatives that no program can have in common: no architecture is in both. `intel amd` is a
/// choice, `intel graviton` a mistake unless `or` is said.
fn far_apart<'w>(group: &[&'w Wish], facts: &[TypeFacts]) -> Option<(&'w Wish, &'w Wish)> {
    let arches = |wish: &Wish| -> Vec<&str> {
        facts.iter().filter(|t| satisfies(t, &wish.condition)).map(|t| t.arch.as_str()).collect()
    };
    let first = group.first()?;
    let known = arches(first);
    let apart = |wish: &&&Wish| !known.is_empty() && arches(wish).iter().all(|arch| !known.contains(arch));
    group[1..].iter().find(apart).map(|other| (*first, *other))
}

fn contradiction(one: &str, other: &str) -> Failure {
    Failure::usage(format!("\"{one}\" and \"{other}\" contradict each other: nothing is both"))
        .hint(format!("for either of them write: {one} or {other}"))
}

fn unknown(word: &str, vocabulary: &Vocabulary) -> Failure {
    let suggestion = vocabulary.suggestion(word);
    if word.contains('.') && domain::InstanceType::parse(word).is_ok() {
        return Failure::usage(format!("no instance type is called {word}{suggestion}"));
    }
    Failure::usage(format!("\"{word}\" is not a word that truffle search knows{suggestion}"))
        .hint("truffle search --help lists the words")
}

#[cfg(test)]
mod tests;
