//! What each filter left, what it left out because a fact is unknown, and how close the nearest came.

use std::collections::BTreeSet;

use super::condition::{Candidate, Miss, Verdict};
use super::{Filter, Filters};

/// What one filter did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// The filter, as it was typed.
    pub typed: String,
    /// What it means.
    pub meaning: String,
    /// Types that it left.
    pub left: usize,
    /// Types that it left out because the fact it asks for is unknown.
    pub unknown: usize,
}

/// What the filters did, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Funnel {
    /// Types before the first filter.
    pub start: usize,
    /// What each filter did, in order.
    pub stages: Vec<Stage>,
}

/// What the filters left, and how it came about.
#[derive(Debug)]
pub struct Outcome<'a> {
    /// The candidates that passed every filter, in the order in which they came.
    pub kept: Vec<Candidate<'a>>,
    /// What each filter did.
    pub funnel: Funnel,
    /// When nothing was kept, the sentence on the candidate that comes nearest.
    pub nearest: Option<String>,
}

impl Filters {
    /// Applies the filters. Types are counted once, however many regions they are offered in.
    pub fn apply<'a>(&self, candidates: &[Candidate<'a>]) -> Outcome<'a> {
        let mut kept = candidates.to_vec();
        let stages = self.0.iter().map(|filter| stage(filter, &mut kept)).collect();
        let funnel = Funnel { start: types(candidates), stages };
        let nearest = if kept.is_empty() { self.nearest(candidates) } else { None };
        Outcome { kept, funnel, nearest }
    }

    /// Of the candidates with a name that was asked for, the one that misses the fewest filters, and of
    /// those the one that misses them by least.
    fn nearest(&self, candidates: &[Candidate]) -> Option<String> {
        let missed = |candidate: &Candidate| {
            let missed = |filter: &Filter| filter.condition.miss(*candidate, &filter.typed);
            let misses: Vec<Miss> = self.0.iter().filter_map(missed).collect();
            (misses, candidate.facts.instance_type.clone())
        };
        let distance = |misses: &[Miss]| misses.iter().map(|miss| miss.distance).sum::<f64>();
        let named = candidates.iter().map(missed).filter(|(misses, _)| !misses.iter().any(Miss::of_name));
        let (misses, name) = named.min_by(|(a, name), (b, other)| {
            (a.len().cmp(&b.len())).then(distance(a).total_cmp(&distance(b))).then_with(|| name.cmp(other))
        })?;
        let sentences: Vec<_> = misses.into_iter().map(|miss| miss.sentence).collect();
        Some(format!("nearest: {name} {}", sentences.join("; it ")))
    }
}

impl Funnel {
    /// The filter that removed the last types, and how many there were before it.
    pub fn last_straw(&self) -> Option<(usize, &Stage)> {
        let before = std::iter::once(self.start).chain(self.stages.iter().map(|stage| stage.left));
        before.zip(&self.stages).find(|(_, stage)| stage.left == 0)
    }

    /// The funnel, a line for each filter.
    pub fn lines(&self) -> Vec<String> {
        let start = format!("{} types", self.start);
        let stage = |stage: &Stage| {
            let unknown = match stage.unknown {
                0 => String::new(),
                n => format!(" (left out because unknown: {n})"),
            };
            format!("{} left by {} ({}){unknown}", stage.left, stage.typed, stage.meaning)
        };
        [start].into_iter().chain(self.stages.iter().map(stage)).collect()
    }
}

fn stage(filter: &Filter, kept: &mut Vec<Candidate>) -> Stage {
    let mut unknown = Vec::new();
    kept.retain(|candidate| {
        let verdict = filter.condition.holds(*candidate);
        if verdict == Verdict::Unknown {
            unknown.push(*candidate);
        }
        verdict == Verdict::Yes
    });
    Stage {
        typed: filter.typed.clone(),
        meaning: filter.condition.meaning(),
        left: types(kept),
        unknown: types(&unknown),
    }
}

fn types(candidates: &[Candidate]) -> usize {
    candidates.iter().map(|candidate| &candidate.facts.instance_type).collect::<BTreeSet<_>>().len()
}
