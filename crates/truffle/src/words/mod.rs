//! The plain words of `truffle search`, such as `h200 8gpu efa`, `graviton 16 cores 64gb` and
//! `cheap arm 4 vcpu`.
//!
//! Words of different dimensions (a maker, a GPU, a size …) must all match. Words of one dimension
//! are alternatives, except instruction sets: a processor has several of them. The word `or` makes
//! all words alternatives. An unknown word is an error, and so are two words on the processor that
//! no instance type satisfies together.

mod memory;
mod quantity;
mod spelling;
mod vocabulary;

use std::collections::BTreeMap;
use std::fmt;

use catalog::TypeFacts;
use console::Failure;

pub use vocabulary::SearchVocabulary;

use crate::accelerator_names::{self, FORM_FACTORS};
use crate::filter::{FilterCondition, FilterVerdict, NamePattern, OfferCandidate, SearchFilter, TextFact};
use domain::RegionNameError;
use vocabulary::{LONGEST_PHRASE, WordMeaning};

/// The grammar of words, for the help.
pub const GRAMMAR: &str = "\
Words:
  names         m7i.xlarge (or m7i xlarge), a family m7i, globs m7i.*, c[67]g.xlarge, regexes '^(m|c)7i'
  makers        intel amd graviton (or aws) apple; nvidia qualcomm
  processors    graviton3, sapphire rapids, ice lake, milan, genoa, turin ...
  instructions  avx2 avx512 vnni amx bf16 neon sve sve2
  architecture  x86_64 arm64 (or arm)
  accelerators  h100 h200 b200 a100 l4 l40s t4 ... inferentia2 trainium; gpu is any GPU
                8xH100, H100:8, A100-80GB: a count, and the memory of each GPU
  sizes         tiny (nano, micro) small (small, medium) medium (large, xlarge)
                large (2xlarge to 6xlarge) huge (from 8xlarge, metal); or an exact 12xlarge
  numbers       16 cores (= vCPUs), 8 physical cores, 64gb, 32g, 8 gpus, 4..16 vcpus: exact
                8+ gpus, 16gb+, vcpus>=8, at least 8 vcpus, up to 64gb, 8 gpus or more: bounds
                80gb vram: memory of each GPU; 64gb ram: memory of the instance
                100gbps: minimum, like highnet (50 Gbit/s) and ultranet (100 Gbit/s)
  features      efa (or lowlatency) nested-virt burstable; mig and mps: ways to share a GPU
  region        us-east-1, use1, Frankfurt, EU (Stockholm)
  order         cheap expensive fast newest
Words of one kind are alternatives; words of different kinds must all match.
`or` makes all words alternatives.";

/// The subject of a word. Filters are applied in the order of the variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WordDimension {
    /// Names, families and patterns.
    Name,
    /// Maker of the CPU.
    Maker,
    /// Processor generation.
    Processor,
    /// Instruction sets; all of them are required.
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
    /// Memory of each GPU.
    GpuMemory,
    /// Accelerator model.
    Accelerator,
    /// Maker of an accelerator.
    AcceleratorMaker,
    /// Number of GPUs.
    Gpus,
    /// Number of accelerators that are not GPUs.
    Accelerators,
    /// At least one GPU.
    AnyGpu,
    /// GPUs that support MIG.
    Mig,
    /// GPUs that support MPS.
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

impl WordDimension {
    /// Whether the dimension is about the processor, so that two words can contradict each other.
    fn is_about_processor(self) -> bool {
        use WordDimension::*;
        matches!(self, Maker | Processor | InstructionSet | Arch)
    }
}

/// A condition, read from words.
#[derive(Debug, Clone, PartialEq)]
pub struct WordCondition {
    /// Normalized spelling of the words.
    pub typed: String,
    /// Subject of the words.
    pub dimension: WordDimension,
    /// Meaning of the words.
    pub condition: FilterCondition,
}

/// A word that requests a sort order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortHint {
    /// The word.
    pub word: &'static str,
    /// The sort key, with a leading minus for descending order.
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

/// The meaning of all words. Its `Display` text reads back as the same value.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ParsedWords {
    /// Conditions, in the order of the words.
    pub wishes: Vec<WordCondition>,
    /// Whether one condition is enough.
    pub any: bool,
    /// Sort order, most important key first.
    pub sort: Vec<SortHint>,
    /// Requested regions.
    pub regions: Vec<String>,
}

impl fmt::Display for ParsedWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let between = if self.any { " or " } else { " " };
        let wishes = self.wishes.iter().map(|wish| wish.typed.as_str()).collect::<Vec<_>>().join(between);
        let rest = self.sort.iter().map(|hint| hint.word).chain(self.regions.iter().map(String::as_str));
        let all: Vec<&str> =
            [wishes.as_str()].into_iter().filter(|text| !text.is_empty()).chain(rest).collect();
        f.write_str(&all.join(" "))
    }
}

/// Reads words. An element may contain several of them. An unknown word or a contradiction is a
/// usage failure.
pub fn read(words: &[String], vocabulary: &SearchVocabulary) -> Result<ParsedWords, Failure> {
    let words: Vec<String> = words.iter().flat_map(|word| spelling::split(word, vocabulary)).collect();
    let mut understood = ParsedWords::default();
    let mut rest = words.as_slice();
    while !rest.is_empty() {
        rest = &rest[understood.take(rest, vocabulary)?..];
    }
    memory::settle(&mut understood.wishes, vocabulary);
    if !understood.any {
        understood.join_names(vocabulary);
    }
    understood.check_or()?;
    understood.check_contradictions(vocabulary.facts)?;
    Ok(understood)
}

/// Returns the words that are spelt like a region, without checking that the region exists.
pub(crate) fn regions(words: &[String]) -> Vec<String> {
    let words = words.iter().flat_map(|text| text.split([',', ' ']));
    words.map(str::to_lowercase).filter(|word| region(word)).collect()
}

/// Whether a word is spelt like a region: `us-east-1`, `us-gov-west-1`. The region may not exist.
fn region(word: &str) -> bool {
    word.matches('-').count() >= 2
        && domain::Region::parse(word).is_ok()
        && domain::AzId::parse(word).is_err()
}

/// Most words of a region's name, such as `AWS European Sovereign Cloud (Germany)`.
const LONGEST_REGION: usize = 5;

/// Words without a meaning of their own.
const FILLERS: [&str; 22] = [
    "a",
    "an",
    "the",
    "with",
    "of",
    "in",
    "on",
    "for",
    "has",
    "having",
    "instance",
    "instances",
    "type",
    "types",
    "machine",
    "machines",
    "server",
    "servers",
    "vm",
    "vms",
    "ec2",
    "region",
];

impl ParsedWords {
    /// Reads the first item of the words, and returns the number of words that it takes.
    fn take(&mut self, words: &[String], vocabulary: &SearchVocabulary) -> Result<usize, Failure> {
        let word = &words[0];
        if let Some(taken) = self.take_region(words, 2)? {
            return Ok(taken);
        }
        refuse_absent_gpu(words, vocabulary)?;
        if let Some(read) = quantity::read(words, self.last_unit(vocabulary), vocabulary) {
            let quantity = read.map_err(Failure::usage)?;
            self.wish(memory::mark(quantity.wish, quantity.is_ram));
            return Ok(quantity.taken);
        }
        if let Some(failure) = refuse_number(word) {
            return Err(failure);
        }
        if NamePattern::is_pattern(word) {
            let pattern = NamePattern::parse(word).map_err(Failure::usage)?;
            let condition = FilterCondition::Name(pattern);
            self.wish(WordCondition { typed: word.clone(), dimension: WordDimension::Name, condition });
            return Ok(1);
        }
        if let Some(taken) = self.take_phrase(words, vocabulary) {
            return Ok(taken);
        }
        if let Some(name) = vocabulary.name(word) {
            self.wish(name);
            return Ok(1);
        }
        if FORM_FACTORS.contains(&word.as_str()) {
            self.check_form(word)?;
            return Ok(1);
        }
        let is_prefix =
            accelerator_names::PREFIXES.contains(&word.as_str()) && vocabulary.accelerator(words).is_some();
        if is_prefix || FILLERS.contains(&word.as_str()) {
            return Ok(1);
        }
        match self.take_region(words, 1)? {
            Some(taken) => Ok(taken),
            None => Err(unknown(words, vocabulary)),
        }
    }

    /// Returns the unit of the accelerator that was read last. A size may stand after it.
    fn last_unit(&self, vocabulary: &SearchVocabulary) -> Option<quantity::QuantityUnit> {
        let last = self.wishes.iter().rev().find(|wish| wish.dimension != WordDimension::Memory);
        let last = last.filter(|wish| wish.dimension == WordDimension::Accelerator)?;
        vocabulary.accelerator(&last.typed.split(' ').map(String::from).collect::<Vec<_>>())
    }

    /// Reads a region of at least `shortest` words, longest first: `EU (Stockholm)`, `us-east-1`.
    /// After the word `region`, one word is enough.
    fn take_region(&mut self, words: &[String], shortest: usize) -> Result<Option<usize>, Failure> {
        let label = usize::from(words[0] == "region" && words.len() > 1);
        let words = &words[label..];
        let shortest = if label == 1 { 1 } else { shortest };
        for length in (shortest..=words.len().min(LONGEST_REGION)).rev() {
            let (name, after) = words.split_at(length);
            // In "us west 2 gpus" the 2 belongs to the GPUs.
            if length > 1 && quantity::is_number(&name[length - 1]) && quantity::starts_with_unit(after) {
                continue;
            }
            let name = name.join(" ");
            let is_code = length == 1 && region(&name);
            if domain::find_regions(&name).is_empty() && !is_code {
                continue;
            }
            let code = domain::parse_region_name(&name).map_err(|error| wrong_region(&error))?.to_string();
            self.regions.extend(Some(code).filter(|code| !self.regions.contains(code)));
            return Ok(Some(label + length));
        }
        Ok(None)
    }

    /// Checks the form of the GPU that was read last: `h100 sxm5`.
    fn check_form(&self, form: &str) -> Result<(), Failure> {
        let models = self.wishes.iter().rev().find_map(|wish| match &wish.condition {
            FilterCondition::Text(TextFact::Accelerator, models) => Some(models),
            _ => None,
        });
        let Some(model) = models.map(|models| models[0].as_str()) else {
            return Err(
                Failure::usage(format!("\"{form}\" needs a GPU before it")).hint("truffle search h100 sxm5")
            );
        };
        if accelerator_names::has_form(model, form) {
            return Ok(());
        }
        let model = model.to_lowercase();
        Err(Failure::usage(format!("EC2 has no {model} {form}; the closest match is {model}"))
            .hint(format!("truffle search {model}")))
    }

    /// Makes a family and a size beside it a type: `m5 large`. In a list of families or sizes each
    /// word keeps its own meaning.
    fn join_names(&mut self, vocabulary: &SearchVocabulary) {
        let is = |wish: Option<&WordCondition>, kind| wish.is_some_and(|wish| wish.dimension == kind);
        let wishes = &mut self.wishes;
        for at in (1..wishes.len()).rev() {
            let listed = at > 1 && is(wishes.get(at - 2), WordDimension::Name)
                || is(wishes.get(at + 1), WordDimension::Size);
            let parts =
                is(wishes.get(at - 1), WordDimension::Name) && is(wishes.get(at), WordDimension::Size);
            if !parts || listed {
                continue;
            }
            let name = format!("{}.{}", wishes[at - 1].typed, wishes[at].typed);
            if let Some(name) = vocabulary.exact_name(&name) {
                wishes[at - 1] = name;
                wishes.remove(at);
            }
        }
    }

    /// Reads the longest known phrase: `rtx pro server 6000` before `rtx`.
    fn take_phrase(&mut self, words: &[String], vocabulary: &SearchVocabulary) -> Option<usize> {
        (1..=words.len().min(LONGEST_PHRASE)).rev().find_map(|length| {
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

    fn add(&mut self, word: &str, meaning: &WordMeaning) {
        match meaning {
            WordMeaning::Wish(dimension, condition) => self.wish(WordCondition {
                typed: word.to_string(),
                dimension: *dimension,
                condition: condition.clone(),
            }),
            WordMeaning::Sort(word) => {
                let hint = SortHint::ALL.into_iter().find(|hint| hint.word == *word);
                self.sort.extend(hint.filter(|hint| !self.sort.contains(hint)));
            }
            WordMeaning::And => {}
            WordMeaning::Or => self.any = true,
        }
    }

    /// Adds the condition, unless it is there already.
    fn wish(&mut self, wish: WordCondition) {
        if !self.wishes.contains(&wish) {
            self.wishes.push(wish);
        }
    }

    fn check_or(&self) -> Result<(), Failure> {
        if self.any && self.wishes.len() < 2 {
            return Err(match self.sort.as_slice() {
                [] => Failure::usage("\"or\" needs a word on both sides, as in graviton or amd"),
                [hint, ..] => Failure::usage(format!(
                    "\"or\" needs a condition on both sides, and \"{}\" is an order",
                    hint.word
                ))
                .hint("leave out \"or\", or write two conditions, as in graviton or amd"),
            });
        }
        Ok(())
    }

    /// Returns the groups of alternatives, in the order of their dimensions.
    fn groups(&self) -> Vec<Vec<&WordCondition>> {
        // `check_or` ensures that there are conditions.
        if self.any {
            return vec![self.wishes.iter().collect()];
        }
        let mut groups: BTreeMap<(WordDimension, usize), Vec<&WordCondition>> = BTreeMap::new();
        for (at, wish) in self.wishes.iter().enumerate() {
            let apart = if wish.dimension == WordDimension::InstructionSet { at } else { 0 };
            groups.entry((wish.dimension, apart)).or_default().push(wish);
        }
        groups.into_values().collect()
    }

    /// Returns one filter per group of alternatives.
    pub fn filters(&self) -> Vec<SearchFilter> {
        self.groups().iter().map(|group| filter(group)).collect()
    }

    /// Describes the memory of the GPU beside a size in the words; `None` without such a pair.
    pub(crate) fn gpu_memory_hint(&self, vocabulary: &SearchVocabulary) -> Option<String> {
        memory::describe(&self.wishes, vocabulary)
    }

    /// Explains each word, one line per word.
    pub fn explain(&self) -> Vec<String> {
        let wishes = self.wishes.iter().map(|wish| format!("{}: {}", wish.typed, wish.condition.meaning()));
        let sort = self.sort.iter().map(|hint| format!("{}: sorted by {}", hint.word, hint.key));
        let regions = self.regions.iter().map(|region| format!("{region}: a region"));
        let any = self.any.then(|| "or: one of the conditions is enough".to_string());
        wishes.chain(any).chain(sort).chain(regions).collect()
    }

    /// Returns two orders by the same key in opposite directions.
    fn opposite_orders(&self) -> Option<(SortHint, SortHint)> {
        let key = |hint: &SortHint| hint.key.trim_start_matches('-');
        self.sort.iter().enumerate().find_map(|(at, one)| {
            let other =
                self.sort[at + 1..].iter().find(|other| key(one) == key(other) && one.key != other.key)?;
            Some((*one, *other))
        })
    }

    fn check_contradictions(&self, facts: &[TypeFacts]) -> Result<(), Failure> {
        if let Some((one, other)) = self.opposite_orders() {
            return Err(Failure::usage(format!(
                "\"{}\" and \"{}\" contradict each other: they are opposite orders",
                one.word, other.word
            ))
            .hint(format!("leave out {} or {}", one.word, other.word)));
        }
        if self.any {
            return Ok(());
        }
        let groups = self.groups();
        let groups: Vec<_> = groups.iter().filter(|group| group[0].dimension.is_about_processor()).collect();
        for (at, group) in groups.iter().enumerate() {
            if let Some((one, other)) = find_incompatible(group, facts) {
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

fn filter(group: &[&WordCondition]) -> SearchFilter {
    let typed = group.iter().map(|wish| wish.typed.as_str()).collect::<Vec<_>>().join(" or ");
    let mut conditions: Vec<_> = group.iter().map(|wish| wish.condition.clone()).collect();
    let condition =
        if conditions.len() == 1 { conditions.remove(0) } else { FilterCondition::Any(conditions) };
    SearchFilter { typed, condition }
}

fn satisfies(facts: &TypeFacts, condition: &FilterCondition) -> bool {
    condition.holds(OfferCandidate { facts, offer: None }) == FilterVerdict::Yes
}

/// Returns two alternatives without a common architecture: no program runs on both. `intel amd` is
/// a choice; `intel graviton` is a mistake without `or`.
fn find_incompatible<'w>(
    group: &[&'w WordCondition],
    facts: &[TypeFacts],
) -> Option<(&'w WordCondition, &'w WordCondition)> {
    let arches = |wish: &WordCondition| -> Vec<&str> {
        facts.iter().filter(|t| satisfies(t, &wish.condition)).map(|t| t.arch.as_str()).collect()
    };
    let first = group.first()?;
    let known = arches(first);
    let apart =
        |wish: &&&WordCondition| !known.is_empty() && arches(wish).iter().all(|arch| !known.contains(arch));
    group[1..].iter().find(apart).map(|other| (*first, *other))
}

fn contradiction(one: &str, other: &str) -> Failure {
    Failure::usage(format!("\"{one}\" and \"{other}\" contradict each other: no instance type is both"))
        .hint(format!("truffle search {one} or {other}"))
}

fn wrong_region(error: &RegionNameError) -> Failure {
    let hint = match error {
        RegionNameError::Several { regions, .. } => format!("truffle search {}", regions.join(" ")),
        RegionNameError::Zone { region, .. } => format!("truffle search {region}"),
        RegionNameError::Unknown(_) => "truffle regions lists the regions".into(),
    };
    Failure::usage(error.to_string()).hint(hint)
}

/// Refuses a GPU of several words, or with a count before it, that EC2 does not have: `2x RTX
/// 4090`.
fn refuse_absent_gpu(words: &[String], vocabulary: &SearchVocabulary) -> Result<(), Failure> {
    let count = usize::from(quantity::is_number(&words[0]));
    let times = usize::from(words.get(count).is_some_and(|word| count == 1 && word == "x"));
    let words = &words[count + times..];
    let absent = (1..=words.len().min(3)).rev().map(|length| words[..length].join(" ")).find(|name| {
        !vocabulary.knows(name) && accelerator_names::substitute(&accelerator_names::letters(name)).is_some()
    });
    match absent {
        Some(name) => {
            let suggestion = vocabulary.suggestion(&name);
            Err(Failure::usage(format!("unknown search word \"{name}\"{suggestion}"))
                .hint("truffle search gpu lists the GPUs of EC2"))
        }
        None => Ok(()),
    }
}

/// Returns the failure for a price, or for a number with signs that are no range. Neither is a
/// pattern.
fn refuse_number(word: &str) -> Option<Failure> {
    if let Some(amount) = price(word) {
        let failure = Failure::usage(format!("\"{word}\" is a price and no search word"));
        return Some(failure.hint(format!("--max-price {amount}")));
    }
    spelling::is_marked_number(word).then(|| {
        Failure::usage(format!("\"{word}\" is not a number such as 8, 8.. or 4..16"))
            .hint("truffle search 8.. gpus")
    })
}

/// Returns the failure for the word at the start, which is unknown.
fn unknown(words: &[String], vocabulary: &SearchVocabulary) -> Failure {
    let word = words[0].as_str();
    if let Err(error @ RegionNameError::Zone { .. }) = domain::parse_region_name(word) {
        return wrong_region(&error);
    }
    if domain::AzId::parse(word).is_ok() {
        return Failure::usage(format!("\"{word}\" is a zone id and no search word"))
            .hint(format!("--zones {word}"));
    }
    // In "under $5" the price is the reason.
    if let Some(failure) = words.iter().take(3).find_map(|word| refuse_number(word)) {
        return failure;
    }
    let suggestion = vocabulary.suggestion(word);
    if word.contains('.') && domain::InstanceType::parse(word).is_ok() {
        return Failure::usage(format!("unknown instance type \"{word}\"{suggestion}"));
    }
    Failure::usage(format!("unknown search word \"{word}\"{suggestion}"))
        .hint("truffle search --help lists the words")
}

/// Returns the amount of a price such as `$5` or `$0.5/hr`.
fn price(word: &str) -> Option<&str> {
    let amount = word.trim_start_matches(['<', '=', '~']).strip_prefix('$')?;
    let end = amount.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(amount.len());
    (end > 0).then_some(&amount[..end])
}

#[cfg(test)]
mod habits_tests;
#[cfg(test)]
mod tests;
