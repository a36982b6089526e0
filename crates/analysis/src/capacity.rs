//! Whether instances of a type can be had in a region: a verdict and the rule that gave it.

/// The verdict on a region, the best one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CapacityVerdict {
    /// The account has reserved the instances, and they are free.
    Reserved,
    /// AWS answered the same spot request with a high score.
    Likely,
    /// Nothing forbids it.
    Possible,
    /// The facts that are known do not decide.
    Unknown,
    /// AWS answered the same spot request with a low score.
    Unlikely,
    /// It cannot work as it is.
    No,
}

impl CapacityVerdict {
    /// Returns the word of the verdict.
    pub fn word(self) -> &'static str {
        match self {
            CapacityVerdict::Reserved => "reserved",
            CapacityVerdict::Likely => "likely",
            CapacityVerdict::Possible => "possible",
            CapacityVerdict::Unknown => "unknown",
            CapacityVerdict::Unlikely => "unlikely",
            CapacityVerdict::No => "no",
        }
    }
}

/// The rule that gave a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerdictRule {
    /// The region does not offer the type.
    NotOffered,
    /// The account has not opted in to the region.
    NotOptedIn,
    /// Free instances in the account's own reservations.
    OwnReservations,
    /// The quota leaves too few vCPUs.
    Quota,
    /// A spot placement score of the same request.
    PlacementScore,
    /// A capacity block for sale.
    CapacityBlock,
    /// Offered, and within the quota.
    WithinQuota,
    /// Too little is known.
    NotKnown,
}

impl VerdictRule {
    /// Returns the name of the rule.
    pub fn word(self) -> &'static str {
        match self {
            VerdictRule::NotOffered => "not-offered",
            VerdictRule::NotOptedIn => "not-opted-in",
            VerdictRule::OwnReservations => "own-reservations",
            VerdictRule::Quota => "quota",
            VerdictRule::PlacementScore => "placement-score",
            VerdictRule::CapacityBlock => "capacity-block",
            VerdictRule::WithinQuota => "within-quota",
            VerdictRule::NotKnown => "not-known",
        }
    }
}

/// A quota of running vCPUs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuotaUse {
    /// The limit, vCPUs.
    pub limit: f64,
    /// vCPUs that run or are reserved; `None` if the account's instances were not collected.
    pub in_use: Option<f64>,
}

/// A spot placement score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlacementScore {
    /// The score, from 1 to 10.
    pub score: i64,
    /// Number of instance types in the request. AWS always scores fewer than three types low.
    pub types: usize,
}

/// The facts about a type in a region. `None` is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CapacityFacts {
    /// Whether the region offers the type.
    pub is_offered: Option<bool>,
    /// Whether the account can use the region.
    pub is_opted_in: Option<bool>,
    /// Free instances in the account's own reservations.
    pub free_reserved: Option<i64>,
    /// vCPUs of an instance.
    pub vcpus: Option<i64>,
    /// The quota of running vCPUs.
    pub quota: Option<QuotaUse>,
    /// The best score of the same request.
    pub score: Option<PlacementScore>,
    /// Whether a capacity block with enough instances is for sale.
    pub has_block: bool,
}

/// Lowest score of a request that is likely to succeed.
const LIKELY_SCORE: i64 = 8;

/// Highest score of a request that is unlikely to succeed.
const UNLIKELY_SCORE: i64 = 3;

/// Number of types from which AWS gives scores that are not always low.
const SCORED_TYPES: usize = 3;

/// Returns the verdict on `count` instances, and the rule that gave it. The first rule that
/// decides wins: those that exclude, then reservations, the score, blocks, and the quota.
pub fn judge_capacity(facts: &CapacityFacts, count: i64) -> (CapacityVerdict, VerdictRule) {
    use {CapacityVerdict as Verdict, VerdictRule as Rule};
    if facts.is_offered == Some(false) {
        return (Verdict::No, Rule::NotOffered);
    }
    if facts.is_opted_in == Some(false) {
        return (Verdict::No, Rule::NotOptedIn);
    }
    if facts.free_reserved.is_some_and(|free| free >= count) {
        return (Verdict::Reserved, Rule::OwnReservations);
    }
    let fits = quota_allows(facts, count);
    if fits == Some(false) {
        return (Verdict::No, Rule::Quota);
    }
    // A low score of few types says nothing.
    let score = facts.score.filter(|found| found.types >= SCORED_TYPES || found.score > UNLIKELY_SCORE);
    match score.map(|found| found.score) {
        Some(score) if score >= LIKELY_SCORE => return (Verdict::Likely, Rule::PlacementScore),
        Some(score) if score > UNLIKELY_SCORE => return (Verdict::Possible, Rule::PlacementScore),
        Some(_) => return (Verdict::Unlikely, Rule::PlacementScore),
        None => {}
    }
    match (facts.has_block, facts.is_offered, fits) {
        (true, ..) => (Verdict::Possible, Rule::CapacityBlock),
        (false, Some(true), Some(true)) => (Verdict::Possible, Rule::WithinQuota),
        _ => (Verdict::Unknown, Rule::NotKnown),
    }
}

/// Returns whether the quota allows `count` more instances; `None` if it is not known. Without the
/// vCPUs in use, only a quota that is too small in any case decides.
fn quota_allows(facts: &CapacityFacts, count: i64) -> Option<bool> {
    let (quota, vcpus) = facts.quota.zip(facts.vcpus)?;
    let wanted = (vcpus * count) as f64;
    match quota.in_use {
        Some(in_use) => Some(quota.limit - in_use >= wanted),
        None => (quota.limit < wanted).then_some(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(facts: CapacityFacts, count: i64, verdict: CapacityVerdict, rule: VerdictRule) {
        assert_eq!(judge_capacity(&facts, count), (verdict, rule), "{facts:?} {count}");
    }

    /// Two vCPUs each, of which a quota of 10 allows three more.
    const OFFERED: CapacityFacts = CapacityFacts {
        is_offered: Some(true),
        is_opted_in: Some(true),
        free_reserved: None,
        vcpus: Some(2),
        quota: Some(QuotaUse { limit: 10.0, in_use: Some(4.0) }),
        score: None,
        has_block: false,
    };

    #[test]
    fn a_rule_that_excludes_comes_first() {
        use {CapacityVerdict::No, VerdictRule as Rule};
        let reserved = CapacityFacts { free_reserved: Some(5), ..OFFERED };
        check(CapacityFacts { is_offered: Some(false), ..reserved }, 1, No, Rule::NotOffered);
        check(CapacityFacts { is_opted_in: Some(false), ..reserved }, 1, No, Rule::NotOptedIn);
        let scored = CapacityFacts { score: Some(PlacementScore { score: 10, types: 3 }), ..OFFERED };
        check(scored, 4, No, Rule::Quota);
    }

    #[test]
    fn own_reservations_need_no_quota() {
        let facts = CapacityFacts { free_reserved: Some(4), ..OFFERED };
        check(facts, 4, CapacityVerdict::Reserved, VerdictRule::OwnReservations);
        check(facts, 5, CapacityVerdict::No, VerdictRule::Quota);
    }

    #[test]
    fn the_quota_counts_what_runs() {
        use {CapacityVerdict as Verdict, VerdictRule as Rule};
        check(OFFERED, 3, Verdict::Possible, Rule::WithinQuota);
        check(OFFERED, 4, Verdict::No, Rule::Quota);
        let unseen = CapacityFacts { quota: Some(QuotaUse { limit: 10.0, in_use: None }), ..OFFERED };
        check(unseen, 5, Verdict::Unknown, Rule::NotKnown);
        check(unseen, 6, Verdict::No, Rule::Quota);
        check(CapacityFacts { vcpus: None, ..OFFERED }, 1, Verdict::Unknown, Rule::NotKnown);
        check(CapacityFacts { is_offered: None, ..OFFERED }, 1, Verdict::Unknown, Rule::NotKnown);
    }

    #[test]
    fn a_score_decides_unless_it_is_low_for_few_types() {
        use CapacityVerdict as Verdict;
        let scored = |score: i64, types: usize, verdict: Verdict| {
            let facts = CapacityFacts { score: Some(PlacementScore { score, types }), ..OFFERED };
            check(facts, 1, verdict, VerdictRule::PlacementScore);
        };
        scored(10, 1, Verdict::Likely);
        scored(8, 3, Verdict::Likely);
        scored(7, 1, Verdict::Possible);
        scored(4, 3, Verdict::Possible);
        scored(3, 3, Verdict::Unlikely);
        scored(1, 5, Verdict::Unlikely);
        let low = CapacityFacts { score: Some(PlacementScore { score: 3, types: 2 }), ..OFFERED };
        check(low, 1, Verdict::Possible, VerdictRule::WithinQuota);
    }

    #[test]
    fn a_block_for_sale_is_possible_and_nothing_is_unknown() {
        let block = CapacityFacts { has_block: true, ..CapacityFacts::default() };
        check(block, 1, CapacityVerdict::Possible, VerdictRule::CapacityBlock);
        check(CapacityFacts::default(), 1, CapacityVerdict::Unknown, VerdictRule::NotKnown);
    }

    #[test]
    fn the_best_verdict_comes_first() {
        use CapacityVerdict as Verdict;
        let order = [
            Verdict::Reserved,
            Verdict::Likely,
            Verdict::Possible,
            Verdict::Unknown,
            Verdict::Unlikely,
            Verdict::No,
        ];
        assert!(order.is_sorted());
    }
}
