//! The cost of an instance's running time, as far as it is known from outside.
//!
//! EC2 names the last start alone, so of an instance that was started again the running time before
//! that start is not known. Disks and public addresses are not priced here. Both make a cost a
//! lower bound, never a guess.

use crate::bound::{LifeBound, bound, paused_budget};
use crate::instance::InstanceView;
use domain::{Decimal, Timestamp};
use jiff::SignedDuration;

/// The running time of an instance that is known from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunningTime {
    /// Its length.
    pub span: SignedDuration,
    /// Whether it is the whole running time: the instance was never started again.
    pub is_whole: bool,
}

/// Returns the running time since the last start; none if EC2 reported neither the start nor the
/// end.
pub fn running_time(seen: &InstanceView, now: Timestamp) -> Option<RunningTime> {
    let started = seen.launched.value()?;
    let until = if seen.state.runs() { now } else { seen.stopped? };
    let span = until.duration_since(*started).max(SignedDuration::ZERO);
    Some(RunningTime { span, is_whole: seen.created.value().is_some() && !seen.was_restarted() })
}

/// Returns the running time that is left until the bound; none if it is unknown or there is no
/// bound.
pub fn running_time_left(seen: &InstanceView, now: Timestamp) -> Option<SignedDuration> {
    let until = |at: Timestamp| at.duration_since(now).max(SignedDuration::ZERO);
    match bound(seen) {
        LifeBound::At(at, _) if seen.state.runs() => Some(until(at)),
        LifeBound::At(cap, _) => paused_budget(seen).map(|budget| budget.min(until(cap))),
        LifeBound::Paused(left) => left,
        LifeBound::Restarted(_) | LifeBound::Unreadable(_) | LifeBound::None => None,
    }
}

/// The cost of an instance, in the currency of its price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifeCost {
    /// The cost of the known running time.
    pub so_far: Decimal,
    /// The cost when the bound is reached; none without a known bound.
    pub at_bound: Option<Decimal>,
    /// Whether nothing is left out: neither running time before a start, nor disks, nor addresses.
    pub is_complete: bool,
}

/// Returns the cost of an instance with this price per hour and this much running time left; none
/// if its running time is unknown.
pub fn life_cost(
    seen: &InstanceView,
    hourly: Decimal,
    left: Option<SignedDuration>,
    now: Timestamp,
) -> Option<LifeCost> {
    let ran = running_time(seen, now)?;
    let is_bare = seen.disks.is_empty() && seen.details.public_address.is_none();
    Some(LifeCost {
        so_far: cost_of(hourly, ran.span),
        at_bound: left.map(|left| cost_of(hourly, ran.span.saturating_add(left))),
        is_complete: ran.is_whole && is_bare,
    })
}

/// Decimals of a cost: the smallest hourly price has four, and a second is 1/3600 of an hour.
const DECIMALS: u32 = 6;

fn cost_of(hourly: Decimal, span: SignedDuration) -> Decimal {
    (hourly * Decimal::from(span.as_secs()) / Decimal::from(3_600)).round_dp(DECIMALS).normalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instance::{AttachedDisk, InstanceDetails, InstanceState};
    use crate::ports::MemoryFleet;
    use domain::Known;
    use lifecycle::tag::{self, BudgetIntent, ExpiryTag};

    fn noon() -> Timestamp {
        "2026-11-23T12:00:00Z".parse().expect("an instant")
    }

    fn ago(hours: i64) -> Timestamp {
        noon() - SignedDuration::from_hours(hours)
    }

    /// An instance that was created ten hours ago and started `started` hours ago.
    fn instance(state: InstanceState, started: i64, stopped: Option<i64>) -> InstanceView {
        InstanceView {
            state,
            launched: Known::Is(ago(started)),
            stopped: stopped.map(ago),
            ..MemoryFleet::instance("i-1", ago(10))
        }
    }

    #[test]
    fn only_an_instance_that_was_never_started_again_has_a_whole_running_time() {
        let check = |state, started, stopped, expected: Option<(i64, bool)>| {
            let found = running_time(&instance(state, started, stopped), noon());
            let expected = expected
                .map(|(hours, is_whole)| RunningTime { span: SignedDuration::from_hours(hours), is_whole });
            assert_eq!(found, expected, "{state:?} {started} {stopped:?}");
        };
        check(InstanceState::Running, 10, None, Some((10, true)));
        check(InstanceState::Pending, 3, None, Some((3, false)));
        check(InstanceState::Stopped, 10, Some(4), Some((6, true)));
        check(InstanceState::Stopped, 6, Some(4), Some((2, false)));
        // EC2 did not name the instant of the stop.
        check(InstanceState::Stopped, 10, None, None);
        // The clocks of two answers may differ.
        check(InstanceState::Stopped, 10, Some(11), Some((0, true)));
        let unseen = Known::Unseen("no answer".to_string());
        let seen = InstanceView { launched: unseen, ..instance(InstanceState::Running, 1, None) };
        assert_eq!(running_time(&seen, noon()), None);
    }

    #[test]
    fn the_cost_counts_the_running_time_and_the_time_left() {
        let tagged = |state, stopped: Option<i64>, until: i64| {
            let until = noon() + SignedDuration::from_hours(until);
            let expiry = ExpiryTag { intent: BudgetIntent::Running(until), generation: 1 };
            let mut seen = instance(state, 10, stopped);
            seen.tags.insert(tag::EXPIRY.into(), expiry.encode());
            seen
        };
        let check = |seen: &InstanceView, so_far: &str, at_bound: Option<&str>| {
            let left = running_time_left(seen, noon());
            let cost = life_cost(seen, Decimal::new(104, 4), left, noon()).expect("a cost");
            assert_eq!(cost.so_far.to_string(), so_far);
            assert_eq!(cost.at_bound.map(|cost| cost.to_string()).as_deref(), at_bound);
            assert!(cost.is_complete);
        };
        check(&tagged(InstanceState::Running, None, 2), "0.104", Some("0.1248"));
        check(&tagged(InstanceState::Running, None, -2), "0.104", Some("0.104"));
        // Six hours of ten were running time, and six were left at the stop.
        check(&tagged(InstanceState::Stopped, Some(4), 2), "0.0624", Some("0.1248"));
        check(&instance(InstanceState::Running, 10, None), "0.104", None);
    }

    #[test]
    fn a_cost_without_its_disks_or_its_first_hours_is_incomplete() {
        let complete = |seen: &InstanceView| {
            life_cost(seen, Decimal::ONE, None, noon()).is_some_and(|cost| cost.is_complete)
        };
        let plain = instance(InstanceState::Running, 10, None);
        assert!(complete(&plain));
        let disk = AttachedDisk { volume: "vol-1".into(), stays: false };
        assert!(!complete(&InstanceView { disks: vec![disk], ..plain.clone() }));
        let details = InstanceDetails { public_address: Some("192.0.2.1".into()), ..Default::default() };
        assert!(!complete(&InstanceView { details, ..plain }));
        assert!(!complete(&instance(InstanceState::Running, 3, None)));
    }
}
