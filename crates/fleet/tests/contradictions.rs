//! Tags that contradict their instance: stops and starts from outside without spawnd, and copies of
//! another instance's tags.

#[path = "../../lifecycle/tests/seeds/mod.rs"]
mod seeds;

use domain::{Known, Timestamp};
use fleet::bound::{DEFAULT_CAP, LaunchIndex, LifeBound, bound, copy_end, paused_budget};
use fleet::instance::{InstanceState, InstanceView, ReapAction};
use fleet::ports::MemoryFleet;
use fleet::reap::{KeepReason, ReapPlan, ReapScope, plan, recheck};
use jiff::SignedDuration;
use lifecycle::EndAction;
use lifecycle::tag::{self, BudgetIntent, ExpiryTag, OnExpiryTag};
use proptest::prelude::*;

const ME: &str = "arn:aws:iam::111122223333:user/alice";
const HOUR: i64 = 3_600;
const GRACE: i64 = 300;
/// The grace period and the time after it until an instance is overdue.
const SLACK: i64 = GRACE + 13 * 60;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).expect("in range")
}

fn secs(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

/// An instance that was launched at 0 with this budget, a cap of seven days, and a termination at
/// the end.
fn launched(id: &str, budget: i64) -> InstanceView {
    let on_expiry = OnExpiryTag { action: EndAction::Terminate, grace: secs(GRACE) };
    let tags = [
        (tag::MANAGED, tag::YES.to_string()),
        (tag::OWNER, ME.to_string()),
        (tag::LAUNCH, "launch-1".to_string()),
        (tag::PLANNED, tag::encode_cap(at(0))),
        (tag::CAP, tag::encode_cap(at(7 * 24 * HOUR))),
        (tag::EXPIRY, expiry(budget, 1)),
        (tag::ON_EXPIRY, on_expiry.encode()),
    ];
    let tags = tags.map(|(key, value)| (key.to_string(), value)).into();
    InstanceView { tags, ..MemoryFleet::instance(id, at(20)) }
}

fn expiry(until: i64, generation: u64) -> String {
    ExpiryTag { intent: BudgetIntent::Running(at(until)), generation }.encode()
}

fn changed(mut seen: InstanceView, change: impl FnOnce(&mut InstanceView)) -> InstanceView {
    change(&mut seen);
    seen
}

fn planned(seen: &[InstanceView], now: i64) -> ReapPlan {
    plan(
        seen,
        &ReapScope { account: "111122223333".into(), owners: vec![ME.to_string()], stopped_for: None },
        at(now),
    )
}

/// Checks that an instance is overdue from this instant on, and not a second earlier.
#[track_caller]
fn check_due(seen: &InstanceView, due: i64) {
    let before = planned(std::slice::from_ref(seen), due - 1);
    assert!(before.ends.is_empty(), "{before:?}");
    let then = planned(std::slice::from_ref(seen), due);
    assert_eq!(then.ends.first().map(|end| end.overdue_since), Some(at(due)), "{then:?}");
}

#[test]
fn a_stopped_instance_keeps_the_time_that_was_left_at_its_stop() {
    let check = |change: fn(&mut InstanceView), expected: Option<i64>| {
        let seen = changed(launched("i-1", 8 * HOUR), |it| {
            (it.state, it.stopped) = (InstanceState::Stopped, Some(at(2 * HOUR)));
            change(it);
        });
        assert_eq!(paused_budget(&seen), expected.map(secs), "{seen:?}");
    };
    check(|_| {}, Some(6 * HOUR));
    check(|it| it.stopped = Some(at(9 * HOUR)), Some(0));
    check(|it| it.stopped = None, None);
    check(|it| it.state = InstanceState::Running, None);
    // It had been started again without spawnd before that stop.
    check(|it| it.launched = Known::Is(at(HOUR)), None);
    // spawnd wrote the tag after that start.
    check(
        |it| {
            it.launched = Known::Is(at(HOUR));
            it.tags.insert(tag::EXPIRY.into(), expiry(9 * HOUR, 2));
        },
        Some(7 * HOUR),
    );
}

#[test]
fn a_start_without_spawnd_gets_the_whole_budget_at_most() {
    let over_night = changed(launched("i-1", 8 * HOUR), |it| it.launched = Known::Is(at(16 * HOUR)));
    assert_eq!(bound(&over_night), LifeBound::Restarted(at(24 * HOUR)));
    let left = planned(std::slice::from_ref(&over_night), 16 * HOUR + 1_200).left;
    assert_eq!(left[0].why, KeepReason::Restarted(at(24 * HOUR + SLACK)));
    assert!(!left[0].needs_person());
    check_due(&over_night, 24 * HOUR + SLACK);
    // Without the tag of the plan, the budget counts from the creation.
    let old = changed(over_night.clone(), |it| drop(it.tags.remove(tag::PLANNED)));
    check_due(&old, 24 * HOUR - 20 + SLACK);
    // The cap, if it is earlier.
    let capped = changed(over_night.clone(), |it| {
        it.tags.insert(tag::CAP.into(), tag::encode_cap(at(20 * HOUR)));
    });
    check_due(&capped, 20 * HOUR + SLACK);
    // A tag that spawnd wrote counts as it is.
    let written = changed(over_night.clone(), |it| {
        it.tags.insert(tag::EXPIRY.into(), expiry(17 * HOUR, 2));
    });
    check_due(&written, 17 * HOUR + SLACK);
    // A start within the first minute is the first one.
    check_due(&changed(launched("i-1", 8 * HOUR), |it| it.launched = Known::Is(at(80))), 8 * HOUR + SLACK);
}

#[test]
fn an_instance_of_the_latest_possible_second_is_no_copy() {
    let is_copy = |budget: i64, created: i64| {
        let seen = [changed(launched("i-1", budget), |it| it.created = Known::Is(at(created)))];
        LaunchIndex::new(&seen).copy_reason(&seen[0]).is_some()
    };
    // A request may be sent for an hour, and its instance appears within 15 minutes.
    let latest = HOUR + 15 * 60;
    assert!(!is_copy(8 * HOUR, latest));
    assert!(is_copy(8 * HOUR, latest + 1));
    // A budget that ended when the instance was created.
    assert!(!is_copy(60, 60));
    assert!(is_copy(60, 61));
}

#[test]
fn a_copy_is_recognized_and_stays_until_its_own_cap() {
    let launch = at(3 * HOUR);
    let check = |change: fn(&mut InstanceView), why: &str, end: i64| {
        let copy = changed(launched("i-2", HOUR), |it| {
            (it.created, it.launched) = (Known::Is(launch), Known::Is(launch));
            change(it);
        });
        let seen = [launched("i-1", HOUR), copy.clone()];
        let found = LaunchIndex::new(&seen).copy_reason(&copy);
        assert_eq!(found.as_deref(), Some(why));
        assert_eq!(copy_end(&copy), Some(at(end)));
        let now = planned(&seen, 3 * HOUR + 19 * 60);
        assert!(now.ends.iter().all(|end| end.id == "i-1"), "{now:?}");
        assert!(now.left[0].why.sentence().starts_with(&format!("a copy: {why}")), "{now:?}");
        let then = planned(&seen, end + SLACK);
        assert!(then.ends.iter().any(|end| end.id == "i-2"), "{then:?}");
        assert!(!planned(&seen, end + SLACK - 1).ends.iter().any(|end| end.id == "i-2"));
    };
    let week = 7 * 24 * HOUR;
    check(|_| {}, "its spawn:launch-id is that of i-1", 3 * HOUR + week);
    check(
        |it| drop(it.tags.insert(tag::CAP.into(), tag::encode_cap(at(2 * 24 * HOUR)))),
        "its spawn:launch-id is that of i-1",
        3 * HOUR + 2 * 24 * HOUR,
    );
    check(
        |it| drop(it.tags.remove(tag::LAUNCH)),
        "its tags are of a launch at 2027-01-15T08:00:00Z",
        3 * HOUR + week,
    );
    check(
        |it| it.tags.retain(|key, _| key != tag::LAUNCH && key != tag::PLANNED),
        "its spawn:expiry was over at 2027-01-15T09:00:00Z, before it was launched",
        3 * HOUR + week,
    );
}

#[test]
fn an_overdue_copy_is_named_and_an_instance_with_its_own_tags_is_no_copy() {
    let copy = changed(launched("i-2", HOUR), |it| {
        (it.created, it.launched) = (Known::Is(at(3 * HOUR)), Known::Is(at(3 * HOUR)));
    });
    let left = planned(std::slice::from_ref(&copy), 3 * HOUR + 19 * 60).left;
    assert!(left[0].needs_person(), "by its tags it is overdue: {left:?}");
    assert!(!planned(std::slice::from_ref(&copy), 3 * HOUR + 60).left[0].needs_person());
    let own = |seen: InstanceView| {
        assert_eq!(LaunchIndex::new(std::slice::from_ref(&seen)).copy_reason(&seen), None, "{seen:?}");
    };
    own(launched("i-1", HOUR));
    // A launch that was sent again for an hour.
    own(changed(launched("i-1", 8 * HOUR), |it| it.created = Known::Is(at(HOUR + 600))));
    own(changed(launched("i-1", HOUR), |it| it.launched = Known::Is(at(16 * HOUR))));
    own(changed(copy, |it| it.created = Known::Unseen("denied".into())));
    assert_eq!(DEFAULT_CAP, secs(7 * 24 * HOUR));
}

#[test]
fn a_terminated_original_still_shows_that_another_one_is_a_copy() {
    let first = changed(launched("i-1", 8 * HOUR), |it| {
        it.state = InstanceState::Terminated;
        it.created = Known::Unseen("not reported by AWS".into());
    });
    let copy = changed(launched("i-2", 8 * HOUR), |it| {
        (it.created, it.launched) = (Known::Is(at(HOUR)), Known::Is(at(HOUR)));
    });
    let seen = [copy.clone(), first];
    assert!(LaunchIndex::new(&seen).copy_reason(&copy).is_some());
    // The second look has the instances of the plan alone, and ends no more than the plan.
    let shown = planned(&seen, 9 * HOUR);
    let (ends, dropped) = recheck(&shown, std::slice::from_ref(&copy), at(9 * HOUR));
    assert!(ends.is_empty() && dropped.is_empty(), "{ends:?}");
}

/// Stops and starts of an instance without spawnd: seconds of running and of standing still.
fn history() -> impl Strategy<Value = Vec<(i64, i64)>> {
    prop::collection::vec((120i64..20_000, 60i64..200_000), 0..6)
}

#[test]
fn no_history_ends_an_instance_whose_running_time_is_not_over() {
    let ended = std::cell::Cell::new(0);
    let (first, seeds) = (seeds::env_number("FIRST_SEED", 1), seeds::env_number("SEEDS", 20));
    for seed in first..first + seeds {
        let script = (3_600i64..60_000, history(), 0i64..100_000, any::<bool>());
        seeds::check_scripts(seed, &script, |(budget, history, last, stopped)| {
            let (mut now, mut spent, mut start) = (20, 0, 20);
            for (running, standing) in &history {
                now += running + standing;
                (spent, start) = (spent + running, now);
            }
            now += last;
            spent += last;
            let seen = changed(launched("i-1", budget), |it| {
                it.launched = Known::Is(at(start));
                if stopped {
                    (it.state, it.stopped) = (InstanceState::Stopped, Some(at(now)));
                }
            });
            let plan = planned(std::slice::from_ref(&seen), now);
            let cap = 7 * 24 * HOUR + SLACK;
            if stopped {
                assert_eq!(plan.ends.is_empty(), now < cap, "{plan:?}");
                if let Some(left) = paused_budget(&seen) {
                    assert!((left.as_secs() - (budget - spent).max(0)).abs() <= 20, "{left:?}, {spent}");
                }
                return;
            }
            if !plan.ends.is_empty() {
                assert!(spent + 20 >= budget + SLACK || now >= cap, "{spent} of {budget} s: {plan:?}");
                assert_eq!(plan.ends[0].how, ReapAction::Terminate);
                ended.set(ended.get() + 1);
            }
            let latest = start + budget + SLACK;
            assert!(now < latest || !plan.ends.is_empty(), "it outlives every bound: {plan:?}");
        });
    }
    assert!(ended.get() > 0, "no instance was ended, so none was checked");
}

#[test]
fn an_overdue_instance_that_stays_stays_overdue_for_some_reasons_alone() {
    let text = || "why".to_string();
    for why in [
        KeepReason::OtherOwner(text()),
        KeepReason::OtherSession(text()),
        KeepReason::OwnerUnknown,
        KeepReason::Protected,
        KeepReason::Unbounded,
        KeepReason::Unreadable(text()),
        KeepReason::ProtectionUnseen(text()),
        KeepReason::SpotUnseen(text()),
    ] {
        assert!(why.leaves_overdue(), "{why:?}");
    }
    for why in [
        KeepReason::NotManaged,
        KeepReason::OtherAccount,
        KeepReason::Over,
        KeepReason::StoppedAlready,
        KeepReason::Within(at(0)),
        KeepReason::Restarted(at(0)),
        KeepReason::Copy(text(), at(0)),
        KeepReason::Paused,
    ] {
        assert!(!why.leaves_overdue(), "{why:?}");
    }
}

#[test]
fn an_unreadable_bound_of_another_owner_is_reported_before_the_owner() {
    let other = "arn:aws:iam::111122223333:user/bob";
    let of_other = |change: fn(&mut InstanceView)| {
        let seen = changed(launched("i-1", HOUR), |it| {
            it.tags.insert(tag::OWNER.into(), other.into());
            change(it);
        });
        planned(std::slice::from_ref(&seen), 2 * HOUR).left.remove(0)
    };
    let overdue = of_other(|_| {});
    assert_eq!(overdue.why, KeepReason::OtherOwner(other.to_string()));
    assert_eq!(overdue.overdue_since, Some(at(HOUR + SLACK)));
    let unreadable = of_other(|it| drop(it.tags.insert(tag::EXPIRY.into(), "soon".into())));
    assert!(matches!(unreadable.why, KeepReason::Unreadable(_)), "{unreadable:?}");
    let early = of_other(|it| drop(it.tags.insert(tag::EXPIRY.into(), expiry(3 * HOUR, 2))));
    assert_eq!((early.why, early.overdue_since), (KeepReason::OtherOwner(other.to_string()), None));
}
