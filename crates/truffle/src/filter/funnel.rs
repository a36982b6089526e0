//! Applies filters one after another: the effect of each, the number of unknown facts, and the
//! nearest miss.

use std::collections::BTreeSet;

use super::condition::{FilterMiss, FilterVerdict, OfferCandidate};
use super::{SearchFilter, SearchFilters};

/// Effect of one filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterStage {
    /// The filter, as typed.
    pub typed: String,
    /// Description of its condition.
    pub meaning: String,
    /// Number of types left.
    pub left: usize,
    /// Number of types excluded because the fact is unknown.
    pub unknown: usize,
}

/// Effects of all filters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterFunnel {
    /// Number of types before the first filter.
    pub start: usize,
    /// Effect of each filter, in order.
    pub stages: Vec<FilterStage>,
}

/// Result of applying filters.
#[derive(Debug)]
pub struct FilterOutcome<'a> {
    /// Candidates that satisfy every filter, in the order of the input.
    pub kept: Vec<OfferCandidate<'a>>,
    /// Effect of each filter.
    pub funnel: FilterFunnel,
    /// Description of the nearest candidate, when nothing was kept.
    pub nearest: Option<String>,
}

impl SearchFilters {
    /// Applies the filters. A type is counted once, even if several regions offer it.
    pub fn apply<'a>(&self, candidates: &[OfferCandidate<'a>]) -> FilterOutcome<'a> {
        let mut kept = candidates.to_vec();
        let stages = self.0.iter().map(|filter| stage(filter, &mut kept)).collect();
        let funnel = FilterFunnel { start: types(candidates), stages };
        let nearest = if kept.is_empty() { self.nearest(candidates) } else { None };
        FilterOutcome { kept, funnel, nearest }
    }

    /// Describes the nearest candidate. Candidates with another name do not count. The fewest
    /// missed filters win, then the smallest total distance.
    fn nearest(&self, candidates: &[OfferCandidate]) -> Option<String> {
        let missed = |candidate: &OfferCandidate| {
            let missed = |filter: &SearchFilter| filter.condition.miss(*candidate, &filter.typed);
            let misses: Vec<FilterMiss> = self.0.iter().filter_map(missed).collect();
            (misses, candidate.facts.instance_type.clone())
        };
        let distance = |misses: &[FilterMiss]| misses.iter().map(|miss| miss.distance).sum::<f64>();
        let named =
            candidates.iter().map(missed).filter(|(misses, _)| !misses.iter().any(FilterMiss::is_other_name));
        let (misses, name) = named.min_by(|(a, name), (b, other)| {
            (a.len().cmp(&b.len())).then(distance(a).total_cmp(&distance(b))).then_with(|| name.cmp(other))
        })?;
        let sentences: Vec<_> = misses.into_iter().map(|miss| miss.sentence).collect();
        Some(format!("nearest: {name} {}", sentences.join("; it ")))
    }
}

impl FilterFunnel {
    /// Returns the filter that excluded the last types, and the number of types before it.
    pub fn last_filter(&self) -> Option<(usize, &FilterStage)> {
        let before = std::iter::once(self.start).chain(self.stages.iter().map(|stage| stage.left));
        before.zip(&self.stages).find(|(_, stage)| stage.left == 0)
    }

    /// Formats the funnel, one line per filter.
    pub fn lines(&self) -> Vec<String> {
        let start = format!("{} types", self.start);
        let stage = |stage: &FilterStage| {
            let unknown = match stage.unknown {
                0 => String::new(),
                n => format!("; excluded with an unknown value: {n}"),
            };
            format!("{} left after {} ({}){unknown}", stage.left, stage.typed, stage.meaning)
        };
        [start].into_iter().chain(self.stages.iter().map(stage)).collect()
    }
}

fn stage(filter: &SearchFilter, kept: &mut Vec<OfferCandidate>) -> FilterStage {
    let mut unknown = Vec::new();
    kept.retain(|candidate| {
        let verdict = filter.condition.holds(*candidate);
        if verdict == FilterVerdict::Unknown {
            unknown.push(*candidate);
        }
        verdict == FilterVerdict::Yes
    });
    FilterStage {
        typed: filter.typed.clone(),
        meaning: filter.condition.meaning(),
        left: types(kept),
        unknown: types(&unknown),
    }
}

fn types(candidates: &[OfferCandidate]) -> usize {
    candidates.iter().map(|candidate| &candidate.facts.instance_type).collect::<BTreeSet<_>>().len()
}
