//! Filters: built from words and flags, applied to candidates, with an explanation of the result.

mod condition;
mod fact;
mod flags;
mod funnel;
mod pattern;

use catalog::TypeFacts;
use console::{Failure, did_you_mean};

pub use condition::{Candidate, Condition, Miss, Per, Verdict};
pub use fact::{Flag, Number, Text};
pub use flags::FilterArgs;
pub use funnel::{Funnel, Outcome, Stage};
pub use pattern::Pattern;

use crate::range::Range;
use crate::words::Understood;

/// A condition with its text.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// Text as typed: `--vcpus 96`, `8 gpus`.
    pub typed: String,
    /// Condition that candidates must satisfy.
    pub condition: Condition,
}

/// Filters of one search in the order of application: words, then flags in the order of the help,
/// then the additions of `--like` and `--flexible`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filters(pub Vec<Filter>);

/// Lower and upper factor for the vCPUs and memory of a type "like" another, as in
/// amazon-ec2-instance-selector.
const LIKE: (f64, f64) = (0.9, 1.2);

/// Families of `--flexible` without `--allow`: those of amazon-ec2-instance-selector, and those
/// with an `i` after the generation (m7i). Without the latter, no current Intel type would be
/// included.
const FLEXIBLE: &str = r"^([cmr][3-9][agi]?|a[1-9]|t[2-9][agi]?)\.";

impl Filters {
    /// Returns the filters of these words and flags. A flag value that is not in the facts is a
    /// usage failure.
    pub fn new(args: &FilterArgs, words: &Understood, facts: &[TypeFacts]) -> Result<Filters, Failure> {
        let mut filters = Filters(words.filters());
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
    pub fn asks(&self, sort: fn(&Condition) -> bool) -> bool {
        self.0.iter().any(|filter| filter.condition.asks(sort))
    }

    fn add(&mut self, typed: &str, condition: Condition) {
        self.0.push(Filter { typed: typed.to_string(), condition });
    }

    /// Adds the condition, unless `sort` is true for an existing one.
    fn add_unless(&mut self, sort: fn(&Condition) -> bool, typed: &str, condition: Condition) {
        if !self.asks(sort) {
            self.add(typed, condition);
        }
    }

    fn like(&mut self, model: &TypeFacts) {
        let typed = format!("--like {}", model.instance_type);
        let (vcpus, mib) = (model.vcpus as f64, model.memory_mib as f64);
        let gpus = Range::exactly(model.gpus as f64);
        let around = |value: f64| Range::between((value * LIKE.0).floor(), (value * LIKE.1).floor());
        if let Some(range) = around(vcpus) {
            self.add_unless(about_vcpus, &typed, Condition::Number(Number::Vcpus, range));
        }
        if let Some(range) = around(mib) {
            self.add_unless(about_memory, &typed, Condition::Number(Number::Memory, range));
        }
        self.add_unless(about_arch, &typed, Condition::Text(Text::Arch, vec![model.arch.clone()]));
        self.add_unless(about_metal, &typed, Condition::Flag(Flag::BareMetal, model.bare_metal));
        self.add_unless(about_gpus, &typed, Condition::Number(Number::Gpus, gpus));
        self.add_unless(about_fpgas, &typed, has_fpga(model.fpgas > 0));
    }

    fn flexible(&mut self, allowed: bool) {
        let typed = "--flexible";
        if !self.asks(about_memory) {
            self.add_unless(about_vcpus, typed, Condition::Number(Number::Vcpus, Range::exactly(4.0)));
        }
        self.add_unless(about_arch, typed, Condition::Text(Text::Arch, vec!["x86_64".into()]));
        self.add_unless(about_metal, typed, Condition::Flag(Flag::BareMetal, false));
        self.add_unless(about_fpgas, typed, has_fpga(false));
        if !allowed {
            let families = Pattern::regex(FLEXIBLE).expect("the constant pattern is valid");
            self.add(typed, Condition::Name(families));
        }
    }
}

fn like<'a>(name: &str, facts: &'a [TypeFacts]) -> Result<&'a TypeFacts, Failure> {
    facts.iter().find(|t| t.instance_type == name).ok_or_else(|| {
        let suggestion = did_you_mean(name, facts.iter().map(|t| t.instance_type.as_str()));
        Failure::usage(format!("--like: unknown instance type \"{name}\"{suggestion}"))
    })
}

fn has_fpga(wanted: bool) -> Condition {
    let range = if wanted { Range::at_least(1.0) } else { Range::exactly(0.0) };
    Condition::Number(Number::Fpgas, range)
}

fn about_vcpus(condition: &Condition) -> bool {
    matches!(condition, Condition::Number(Number::Vcpus | Number::Cores, _))
}

fn about_memory(condition: &Condition) -> bool {
    matches!(condition, Condition::Number(Number::Memory, _))
}

fn about_arch(condition: &Condition) -> bool {
    use Text::*;
    matches!(condition, Condition::Text(Arch | CpuMaker | Processor | InstructionSet, _))
}

fn about_metal(condition: &Condition) -> bool {
    matches!(condition, Condition::Flag(Flag::BareMetal, _))
}

fn about_gpus(condition: &Condition) -> bool {
    use Text::*;
    matches!(condition, Condition::Number(Number::Gpus, _) | Condition::Text(Accelerator | GpuModel, _))
}

fn about_fpgas(condition: &Condition) -> bool {
    matches!(condition, Condition::Number(Number::Fpgas, _))
}

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
