//! Filters: built from words and flags, applied to candidates, with an explanation of the result.

mod condition;
mod fact;
mod flags;
mod funnel;
mod pattern;

use catalog::TypeFacts;
use console::Failure;

pub use condition::{FilterCondition, FilterMiss, FilterVerdict, OfferCandidate, PriceUnit};
pub use fact::{FlagFact, NumericFact, TextFact};
pub use flags::FilterArgs;
pub use funnel::{FilterFunnel, FilterOutcome, FilterStage};
pub use pattern::NamePattern;

use crate::instance_names::{find_type_name, suggest_type};
use crate::range::ValueRange;

/// A condition with its text.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchFilter {
    /// Text as typed: `--vcpus 96`, `8 gpus`.
    pub typed: String,
    /// Condition that candidates must satisfy.
    pub condition: FilterCondition,
}

/// Filters of one search in the order of application: words, then flags in the order of the help,
/// then the additions of `--like` and `--flexible`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SearchFilters(pub Vec<SearchFilter>);

/// Lower and upper factor for the vCPUs and memory of a type "like" another, as in
/// amazon-ec2-instance-selector.
const LIKE: (f64, f64) = (0.9, 1.2);

/// Families of `--flexible` without `--allow`: those of amazon-ec2-instance-selector, and those
/// with an `i` after the generation (m7i). Without the latter, no current Intel type would be
/// included.
const FLEXIBLE: &str = r"^([cmr][3-9][agi]?|a[1-9]|t[2-9][agi]?)\.";

impl SearchFilters {
    /// Returns the filters of the words, followed by those of the flags. A flag value that is not
    /// in the facts is a usage failure.
    pub fn new(
        args: &FilterArgs,
        words: Vec<SearchFilter>,
        facts: &[TypeFacts],
    ) -> Result<SearchFilters, Failure> {
        let mut filters = SearchFilters(words);
        filters.0.extend(args.filters(facts)?);
        if let Some(name) = &args.names.like {
            filters.like(like(name, facts)?);
        }
        if args.names.flexible {
            filters.flexible(args.names.allow.is_some());
        }
        Ok(filters)
    }

    /// Whether `sort` is true for the condition of a filter.
    pub fn asks(&self, sort: fn(&FilterCondition) -> bool) -> bool {
        self.0.iter().any(|filter| filter.condition.asks(sort))
    }

    fn add(&mut self, typed: &str, condition: FilterCondition) {
        self.0.push(SearchFilter { typed: typed.to_string(), condition });
    }

    /// Adds the condition, unless `sort` is true for an existing one.
    fn add_unless(&mut self, sort: fn(&FilterCondition) -> bool, typed: &str, condition: FilterCondition) {
        if !self.asks(sort) {
            self.add(typed, condition);
        }
    }

    fn like(&mut self, model: &TypeFacts) {
        let typed = format!("--like {}", model.instance_type);
        let (vcpus, mib) = (model.vcpus as f64, model.memory_mib as f64);
        let gpus = ValueRange::exactly(model.gpus as f64);
        let around = |value: f64| ValueRange::between((value * LIKE.0).floor(), (value * LIKE.1).floor());
        if let Some(range) = around(vcpus) {
            self.add_unless(about_vcpus, &typed, FilterCondition::Number(NumericFact::Vcpus, range));
        }
        if let Some(range) = around(mib) {
            self.add_unless(about_memory, &typed, FilterCondition::Number(NumericFact::Memory, range));
        }
        self.add_unless(about_arch, &typed, FilterCondition::Text(TextFact::Arch, vec![model.arch.clone()]));
        self.add_unless(about_metal, &typed, FilterCondition::Flag(FlagFact::BareMetal, model.bare_metal));
        self.add_unless(about_gpus, &typed, FilterCondition::Number(NumericFact::Gpus, gpus));
        self.add_unless(about_fpgas, &typed, has_fpga(model.fpgas > 0));
    }

    fn flexible(&mut self, allowed: bool) {
        let typed = "--flexible";
        if !self.asks(about_memory) {
            self.add_unless(
                about_vcpus,
                typed,
                FilterCondition::Number(NumericFact::Vcpus, ValueRange::exactly(4.0)),
            );
        }
        self.add_unless(about_arch, typed, FilterCondition::Text(TextFact::Arch, vec!["x86_64".into()]));
        self.add_unless(about_metal, typed, FilterCondition::Flag(FlagFact::BareMetal, false));
        self.add_unless(about_fpgas, typed, has_fpga(false));
        if !allowed {
            let families = NamePattern::regex(FLEXIBLE).expect("the constant pattern is valid");
            self.add(typed, FilterCondition::Name(families));
        }
    }
}

fn like<'a>(name: &str, facts: &'a [TypeFacts]) -> Result<&'a TypeFacts, Failure> {
    let names = facts.iter().map(|t| t.instance_type.as_str());
    let found = find_type_name(name, names.clone());
    found.and_then(|found| facts.iter().find(|t| t.instance_type == found)).ok_or_else(|| {
        let suggestion = suggest_type(name, names);
        Failure::usage(format!("--like: unknown instance type \"{name}\"{suggestion}"))
    })
}

fn has_fpga(wanted: bool) -> FilterCondition {
    let range = if wanted { ValueRange::at_least(1.0) } else { ValueRange::exactly(0.0) };
    FilterCondition::Number(NumericFact::Fpgas, range)
}

fn about_vcpus(condition: &FilterCondition) -> bool {
    matches!(condition, FilterCondition::Number(NumericFact::Vcpus | NumericFact::Cores, _))
}

fn about_memory(condition: &FilterCondition) -> bool {
    matches!(condition, FilterCondition::Number(NumericFact::Memory, _))
}

fn about_arch(condition: &FilterCondition) -> bool {
    use TextFact::*;
    matches!(condition, FilterCondition::Text(Arch | CpuMaker | Processor | InstructionSet, _))
}

fn about_metal(condition: &FilterCondition) -> bool {
    matches!(condition, FilterCondition::Flag(FlagFact::BareMetal, _))
}

fn about_gpus(condition: &FilterCondition) -> bool {
    use TextFact::*;
    matches!(
        condition,
        FilterCondition::Number(NumericFact::Gpus, _) | FilterCondition::Text(Accelerator | GpuModel, _)
    )
}

fn about_fpgas(condition: &FilterCondition) -> bool {
    matches!(condition, FilterCondition::Number(NumericFact::Fpgas, _))
}

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
