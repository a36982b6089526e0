//! Which picks satisfy all needs, their order by cost, and those that another pick beats.
//!
//! A fact that is not known never satisfies a need. Costs of different currencies are never
//! compared: each currency has its own order.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use domain::Decimal;

/// Whether a candidate satisfies a need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NeedVerdict {
    /// It does not.
    Missed,
    /// The fact is not known.
    Unknown,
    /// It does.
    Met,
}

/// A way to run an instance type in a place.
#[derive(Debug, Clone, PartialEq)]
pub struct PickCandidate<'a> {
    /// Its names, most important first: instance type, region, zone, way to pay. They break ties.
    pub name: [&'a str; 4],
    /// Whether it satisfies each need. All candidates have the same needs in the same order.
    pub verdicts: Vec<NeedVerdict>,
    /// Currency of the cost.
    pub currency: &'a str,
    /// The cost by which picks are ordered; `None` if it is not known.
    pub cost: Option<Decimal>,
    /// Its values in the other asked respects, larger is better; `None` if not known. All
    /// candidates have the same respects in the same order.
    pub merits: Vec<Option<f64>>,
}

/// A candidate that satisfies all needs and has a known cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RankedPick {
    /// Index of the candidate.
    pub candidate: usize,
    /// Index of the cheapest candidate that beats it: one that is at least as good in every asked
    /// respect, the cost included, and better in one.
    pub beaten_by: Option<usize>,
}

/// The picks, and the effect of unknown facts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recommendation {
    /// The picks by currency, that of the most picks first, and then cheapest first. Ties are
    /// broken by name.
    pub picks: Vec<RankedPick>,
    /// For each need, the number of candidates that miss no need and lack a fact for this one.
    pub unknown: Vec<usize>,
    /// Number of candidates that satisfy all needs and have no known cost.
    pub unpriced: usize,
}

/// Orders the candidates that satisfy all needs.
pub fn recommend(candidates: &[PickCandidate<'_>]) -> Recommendation {
    let needs = candidates.first().map_or(0, |candidate| candidate.verdicts.len());
    let mut found = Recommendation { unknown: vec![0; needs], ..Recommendation::default() };
    let mut currencies: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, candidate) in candidates.iter().enumerate() {
        if candidate.verdicts.contains(&NeedVerdict::Missed) {
            continue;
        }
        let mut is_met = true;
        for (need, _) in candidate.verdicts.iter().enumerate().filter(|(_, one)| **one != NeedVerdict::Met) {
            found.unknown[need] += 1;
            is_met = false;
        }
        match candidate.cost {
            Some(_) if is_met => currencies.entry(candidate.currency).or_default().push(at),
            None if is_met => found.unpriced += 1,
            _ => {}
        }
    }
    let mut groups: Vec<Vec<usize>> = currencies.into_values().collect();
    // The sort is stable, so currencies with equally many picks stay in alphabetical order.
    groups.sort_by_key(|picks| std::cmp::Reverse(picks.len()));
    found.picks = groups.into_iter().flat_map(|picks| rank(picks, candidates)).collect();
    found
}

/// Orders the picks of one currency.
fn rank(mut picks: Vec<usize>, candidates: &[PickCandidate<'_>]) -> Vec<RankedPick> {
    let by_cost = |a: &usize, b: &usize| {
        let (a, b) = (&candidates[*a], &candidates[*b]);
        a.cost.cmp(&b.cost).then_with(|| a.name.cmp(&b.name))
    };
    // A pick that beats another one comes before it in this order. So it is enough to compare each
    // pick with the unbeaten ones before it.
    let merits_first = |a: &usize, b: &usize| {
        let (one, other) = (&candidates[*a], &candidates[*b]);
        let merits = one.merits.iter().zip(&other.merits);
        let by_merit = merits.map(|(one, other)| compare_merits(*other, *one)).find(|order| order.is_ne());
        one.cost.cmp(&other.cost).then(by_merit.unwrap_or(Ordering::Equal)).then_with(|| by_cost(a, b))
    };
    picks.sort_by(merits_first);
    let mut unbeaten: Vec<usize> = Vec::new();
    let mut ranked: Vec<RankedPick> = Vec::new();
    for pick in picks {
        let beaten_by = unbeaten.iter().copied().find(|other| beats(&candidates[*other], &candidates[pick]));
        if beaten_by.is_none() {
            unbeaten.push(pick);
        }
        ranked.push(RankedPick { candidate: pick, beaten_by });
    }
    ranked.sort_by(|a, b| by_cost(&a.candidate, &b.candidate));
    ranked
}

/// Compares two merits. One that is not known is below all others.
fn compare_merits(one: Option<f64>, other: Option<f64>) -> Ordering {
    match (one, other) {
        (Some(one), Some(other)) => one.total_cmp(&other),
        _ => one.is_some().cmp(&other.is_some()),
    }
}

/// Whether a pick of the same currency is at least as good in every respect, and better in one.
fn beats(one: &PickCandidate<'_>, other: &PickCandidate<'_>) -> bool {
    let merits = one.merits.iter().zip(&other.merits).map(|(one, other)| compare_merits(*one, *other));
    let mut orders = merits.chain([other.cost.cmp(&one.cost)]);
    let is_better = orders.clone().any(Ordering::is_gt);
    is_better && orders.all(Ordering::is_ge)
}

/// The need that removed the last candidates, when the needs are applied one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemovingNeed {
    /// Index of the need.
    pub need: usize,
    /// Number of instance types that satisfied all needs before it.
    pub types: usize,
}

/// Returns the need that removed the last candidates; `None` if one satisfies all needs, or if
/// there is no candidate.
pub fn find_removing_need(candidates: &[PickCandidate<'_>]) -> Option<RemovingNeed> {
    let first_unmet = |candidate: &PickCandidate<'_>| {
        candidate.verdicts.iter().position(|verdict| *verdict != NeedVerdict::Met).unwrap_or(usize::MAX)
    };
    let need = candidates.iter().map(first_unmet).max().filter(|need| *need != usize::MAX)?;
    let last = candidates.iter().filter(|candidate| first_unmet(candidate) == need);
    let types: BTreeSet<&str> = last.map(|candidate| candidate.name[0]).collect();
    Some(RemovingNeed { need, types: types.len() })
}

/// A need to give up, and the candidate that is a pick then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NeedRelaxation {
    /// Index of the need.
    pub need: usize,
    /// Index of the candidate.
    pub candidate: usize,
}

/// Returns the cheapest pick in each currency without one of the needs for which `is_open` is
/// true, with that need. Ties are broken by name.
pub fn find_relaxations(
    candidates: &[PickCandidate<'_>],
    is_open: impl Fn(usize) -> bool,
) -> Vec<NeedRelaxation> {
    let mut cheapest: BTreeMap<&str, (Decimal, [&str; 4], NeedRelaxation)> = BTreeMap::new();
    for (at, candidate) in candidates.iter().enumerate() {
        let unmet = candidate.verdicts.iter().enumerate().filter(|(_, one)| **one != NeedVerdict::Met);
        let mut unmet = unmet.map(|(need, _)| need);
        let (Some(need), None, Some(cost)) = (unmet.next(), unmet.next(), candidate.cost) else { continue };
        let found = (cost, candidate.name, NeedRelaxation { need, candidate: at });
        let is_cheaper =
            cheapest.get(candidate.currency).is_none_or(|best| (found.0, found.1) < (best.0, best.1));
        if is_open(need) && is_cheaper {
            cheapest.insert(candidate.currency, found);
        }
    }
    cheapest.into_values().map(|(_, _, relaxation)| relaxation).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    use NeedVerdict::{Met, Missed, Unknown};

    fn candidate<'a>(name: &'a str, cost: &str, merits: &[f64]) -> PickCandidate<'a> {
        PickCandidate {
            name: [name, "", "", ""],
            verdicts: vec![Met],
            currency: "USD",
            cost: cost.parse().ok(),
            merits: merits.iter().map(|merit| Some(*merit)).collect(),
        }
    }

    /// Returns the picks as "name" or "name<winner", in their order.
    fn order(candidates: &[PickCandidate<'_>]) -> String {
        let name = |at: usize| candidates[at].name[0];
        let text = |pick: &RankedPick| match pick.beaten_by {
            None => name(pick.candidate).to_string(),
            Some(winner) => format!("{}<{}", name(pick.candidate), name(winner)),
        };
        recommend(candidates).picks.iter().map(text).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_pick_that_is_worse_in_no_respect_and_better_in_one_beats() {
        let check =
            |candidates: &[PickCandidate<'_>], expected: &str| assert_eq!(order(candidates), expected);
        check(&[], "");
        check(&[candidate("b", "2", &[]), candidate("a", "1", &[])], "a b<a");
        check(&[candidate("b", "1", &[]), candidate("a", "1.0", &[])], "a b");
        check(&[candidate("b", "1", &[2.0]), candidate("a", "1", &[1.0])], "a<b b");
        check(&[candidate("a", "1", &[1.0]), candidate("b", "2", &[2.0])], "a b");
        check(
            &[candidate("a", "1", &[1.0]), candidate("b", "2", &[2.0]), candidate("c", "3", &[2.0])],
            "a b c<b",
        );
        check(&[candidate("a", "1", &[1.0, 5.0]), candidate("b", "2", &[1.0, 4.0])], "a b<a");
        check(&[candidate("a", "1", &[1.0, 4.0]), candidate("b", "2", &[0.0, 5.0])], "a b");
    }

    #[test]
    fn an_unknown_merit_is_below_every_known_one() {
        let unknown = |name, cost| PickCandidate { merits: vec![None], ..candidate(name, cost, &[]) };
        assert_eq!(order(&[unknown("a", "1"), candidate("b", "2", &[-4.0])]), "a b");
        assert_eq!(order(&[candidate("a", "1", &[-4.0]), unknown("b", "2")]), "a b<a");
        assert_eq!(order(&[unknown("a", "1"), unknown("b", "2")]), "a b<a");
    }

    #[test]
    fn an_unknown_fact_satisfies_no_need_and_is_counted() {
        let with = |verdicts: &[NeedVerdict], cost: &str| PickCandidate {
            verdicts: verdicts.to_vec(),
            ..candidate("a", cost, &[])
        };
        let found = recommend(&[
            with(&[Met, Unknown], "0.01"),
            with(&[Unknown, Unknown], "0.01"),
            with(&[Missed, Unknown], "0.01"),
            with(&[Met, Met], ""),
            with(&[Met, Met], "2"),
        ]);
        assert_eq!(found.picks, [RankedPick { candidate: 4, beaten_by: None }]);
        assert_eq!((found.unknown, found.unpriced), (vec![1, 2], 1));
    }

    #[test]
    fn currencies_are_ordered_apart() {
        let yuan = |name, cost| PickCandidate { currency: "CNY", ..candidate(name, cost, &[]) };
        let candidates = [yuan("c", "0.1"), candidate("a", "1", &[]), candidate("b", "2", &[])];
        assert_eq!(order(&candidates), "a b<a c");
        assert_eq!(order(&candidates[..2]), "c a", "with equally many picks, CNY precedes USD");
    }

    #[test]
    fn the_need_that_removed_the_last_type_is_named() {
        let with = |name, verdicts: &[NeedVerdict]| PickCandidate {
            verdicts: verdicts.to_vec(),
            ..candidate(name, "1", &[])
        };
        let check = |candidates: &[PickCandidate<'_>], expected: Option<(usize, usize)>| {
            let found = find_removing_need(candidates).map(|found| (found.need, found.types));
            assert_eq!(found, expected);
        };
        check(&[], None);
        check(&[with("a", &[Met, Met]), with("b", &[Missed, Met])], None);
        check(&[with("a", &[Met, Missed]), with("b", &[Missed, Met])], Some((1, 1)));
        check(
            &[with("a", &[Met, Unknown]), with("a", &[Met, Missed]), with("b", &[Met, Missed])],
            Some((1, 2)),
        );
        check(&[with("a", &[Missed, Missed]), with("b", &[Unknown, Met])], Some((0, 2)));
    }

    #[test]
    fn the_cheapest_pick_without_one_need_is_found() {
        let with = |name, cost: &str, verdicts: &[NeedVerdict]| PickCandidate {
            verdicts: verdicts.to_vec(),
            ..candidate(name, cost, &[])
        };
        let candidates = [
            with("a", "3", &[Met, Missed]),
            with("b", "2", &[Missed, Met]),
            with("c", "1", &[Missed, Unknown]),
            with("d", "", &[Met, Missed]),
            with("e", "2", &[Unknown, Met]),
            PickCandidate { currency: "CNY", ..with("f", "9", &[Met, Unknown]) },
        ];
        let found = |open: &dyn Fn(usize) -> bool| -> Vec<(usize, usize)> {
            find_relaxations(&candidates, open).iter().map(|one| (one.need, one.candidate)).collect()
        };
        assert_eq!(found(&|_| true), [(1, 5), (0, 1)]);
        assert_eq!(found(&|need| need == 1), [(1, 5), (1, 0)]);
        assert_eq!(found(&|_| false), []);
    }

    /// Numbers that stand for the verdicts, the cost, the merits, and whether it is in dollars.
    type DrawnCandidate = (Vec<u8>, u8, Vec<u8>, bool);

    /// Up to 40 candidates with 3 needs and 2 other respects. Names are numbers of three digits.
    fn drawn() -> impl Strategy<Value = Vec<DrawnCandidate>> {
        let one =
            (prop::collection::vec(0..5u8, 3), 0..12u8, prop::collection::vec(0..4u8, 2), any::<bool>());
        prop::collection::vec(one, 0..40)
    }

    fn candidates<'a>(drawn: &[DrawnCandidate], names: &'a [String]) -> Vec<PickCandidate<'a>> {
        let verdict = |number: &u8| [Missed, Unknown, Met, Met, Met][usize::from(*number)];
        let one = |((needs, cost, merits, is_dollar), name): (&DrawnCandidate, &'a String)| PickCandidate {
            name: [name, "", "", ""],
            verdicts: needs.iter().map(verdict).collect(),
            currency: if *is_dollar { "USD" } else { "CNY" },
            cost: (*cost > 0).then(|| Decimal::from(*cost)),
            merits: merits.iter().map(|merit| (*merit > 0).then(|| f64::from(*merit))).collect(),
        };
        drawn.iter().zip(names).map(one).collect()
    }

    fn names(count: usize, first: usize) -> Vec<String> {
        (0..count).map(|at| format!("{:03}", first + at)).collect()
    }

    fn cheapest(found: &Recommendation, all: &[PickCandidate<'_>], currency: &str) -> Option<Decimal> {
        let costs = found.picks.iter().map(|pick| &all[pick.candidate]);
        costs.filter(|one| one.currency == currency).filter_map(|one| one.cost).min()
    }

    proptest! {
        #[test]
        fn a_pick_is_beaten_if_and_only_if_another_pick_beats_it(drawn in drawn()) {
            let names = names(drawn.len(), 0);
            let all = candidates(&drawn, &names);
            let found = recommend(&all);
            for pick in &found.picks {
                let rivals = found.picks.iter().filter(|other| {
                    let (one, other) = (&all[pick.candidate], &all[other.candidate]);
                    one.currency == other.currency && beats(other, one)
                });
                prop_assert_eq!(rivals.count() > 0, pick.beaten_by.is_some());
                if let Some(winner) = pick.beaten_by {
                    prop_assert!(beats(&all[winner], &all[pick.candidate]));
                }
            }
        }

        #[test]
        fn one_need_less_never_raises_the_cheapest_cost(drawn in drawn(), need in 0..3usize) {
            let names = names(drawn.len(), 0);
            let all = candidates(&drawn, &names);
            let mut fewer = all.clone();
            for one in &mut fewer {
                one.verdicts.remove(need);
            }
            for currency in ["USD", "CNY"] {
                let more = cheapest(&recommend(&all), &all, currency);
                let less = cheapest(&recommend(&fewer), &fewer, currency);
                prop_assert!(more.is_none() || less <= more, "{more:?} {less:?}");
            }
        }

        #[test]
        fn a_dearer_candidate_never_lowers_the_first(drawn in drawn()) {
            let (some, added) = (names(drawn.len(), 0), "dearer".to_string());
            let all = candidates(&drawn, &some);
            for currency in ["USD", "CNY"] {
                let of = |found: &Recommendation, all: &[PickCandidate<'_>]| {
                    let first = found.picks.iter().find(|pick| all[pick.candidate].currency == currency);
                    first.map(|pick| pick.candidate)
                };
                let before = recommend(&all);
                let mut more = all.clone();
                more.push(PickCandidate {
                    currency,
                    verdicts: vec![Met; 3],
                    merits: vec![Some(9.0), Some(9.0)],
                    ..candidate(&added, "13", &[])
                });
                let after = of(&recommend(&more), &more);
                prop_assert!(after == of(&before, &all) || of(&before, &all).is_none());
            }
        }

        #[test]
        fn the_order_of_the_candidates_and_new_names_change_nothing(drawn in drawn(), mix in any::<u64>()) {
            let (short, long) = (names(drawn.len(), 0), names(drawn.len(), 500));
            let expected = order(&candidates(&drawn, &short));
            let mut mixed: Vec<usize> = (0..drawn.len()).collect();
            mixed.sort_by_key(|at| (*at as u64).wrapping_mul(mix | 1).rotate_left(17));
            let renamed = candidates(&drawn, &long);
            let mixed: Vec<PickCandidate<'_>> = mixed.into_iter().map(|at| renamed[at].clone()).collect();
            let found = order(&mixed);
            let back = long.iter().zip(&short).fold(found, |text, (new, old)| text.replace(new, old));
            // The winner is the first one by cost, merits and name, so it is the same one too.
            prop_assert_eq!(back, expected);
        }
    }
}
