//! The instances that may be ended: none that is protected, has another owner or is within its
//! time, and only those in the plan that was shown. The truth about each instance is kept beside
//! its tags and judged without them.

#[path = "../../lifecycle/tests/seeds/mod.rs"]
mod seeds;

use domain::{Known, Timestamp};
use fleet::bound::{LifeBound, bound};
use fleet::instance::{InstanceSpotRequest, InstanceState, InstanceView, ReapAction};
use fleet::ports::MemoryFleet;
use fleet::reap::{KeepReason, ReapPlan, ReapScope, plan, recheck};
use jiff::SignedDuration;
use lifecycle::EndAction;
use lifecycle::tag::{self, BudgetIntent, ExpiryTag, OnExpiryTag};
use proptest::prelude::*;

const ME: &str = "arn:aws:iam::111122223333:user/alice";
const OTHER: &str = "arn:aws:iam::111122223333:user/bob";
const ACCOUNT: &str = "111122223333";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).expect("in range")
}

/// A tag that is missing, unreadable, or has a value.
#[derive(Debug, Clone, Copy, PartialEq)]
enum TagContent<T> {
    Missing,
    Garbled,
    Is(T),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum BudgetTag {
    Until(i64),
    Paused,
    Deadline(i64),
    Ttl(i64),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum PurchaseKind {
    OnDemand,
    OneTime,
    Persistent,
    Unseen,
}

/// The true state of an instance.
#[derive(Debug, Clone)]
struct InstanceTruth {
    own_account: bool,
    managed: bool,
    owner: Option<&'static str>,
    by_predecessor: bool,
    state: InstanceState,
    budget: TagContent<BudgetTag>,
    cap: TagContent<i64>,
    on_expiry: TagContent<(EndAction, i64)>,
    launched: Option<i64>,
    protected: Option<bool>,
    bought: PurchaseKind,
}

fn truth() -> impl Strategy<Value = InstanceTruth> {
    let instant = || -20_000i64..20_000;
    let budget = prop_oneof![
        4 => instant().prop_map(BudgetTag::Until),
        1 => Just(BudgetTag::Paused),
        1 => instant().prop_map(BudgetTag::Deadline),
        1 => (1i64..20_000).prop_map(BudgetTag::Ttl),
    ];
    let action = prop_oneof![Just(EndAction::Stop), Just(EndAction::Hibernate), Just(EndAction::Terminate)];
    let bought = prop_oneof![
        4 => Just(PurchaseKind::OnDemand),
        1 => Just(PurchaseKind::OneTime),
        1 => Just(PurchaseKind::Persistent),
        1 => Just(PurchaseKind::Unseen)
    ];
    let owner = prop_oneof![5 => Just(Some(ME)), 1 => Just(Some(OTHER)), 1 => Just(None)];
    let who = (prop::bool::weighted(0.9), prop::bool::weighted(0.9), owner, any::<bool>());
    let time = (
        tag_content(budget),
        tag_content(instant()),
        tag_content((action, 0i64..1_801)),
        prop::option::weighted(0.9, instant()),
    );
    let protected = prop_oneof![5 => Just(Some(false)), 1 => Just(Some(true)), 1 => Just(None)];
    (who, time, prop::sample::select(InstanceState::ALL.to_vec()), protected, bought).prop_map(
        |(
            (own_account, managed, owner, by_predecessor),
            (budget, cap, on_expiry, launched),
            state,
            protected,
            bought,
        )| {
            // Half of the instances are running: the other states are rarer in life too.
            let state = if launched.is_some_and(|at| at % 2 == 0) { InstanceState::Running } else { state };
            InstanceTruth {
                own_account,
                managed,
                owner,
                by_predecessor,
                state,
                budget,
                cap,
                on_expiry,
                launched,
                protected,
                bought,
            }
        },
    )
}

fn tag_content<T: std::fmt::Debug + Copy + 'static>(
    what: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = TagContent<T>> {
    prop_oneof![2 => Just(TagContent::Missing), 1 => Just(TagContent::Garbled), 5 => what.prop_map(TagContent::Is)]
}

impl InstanceTruth {
    fn seen(&self, index: usize) -> InstanceView {
        let mut tags = std::collections::BTreeMap::new();
        let mut tag = |key: &str, value: String| tags.insert(key.to_string(), value);
        tag(tag::MANAGED, if self.managed { "true" } else { "false" }.to_string());
        if let Some(owner) = self.owner {
            tag(if self.by_predecessor { tag::PREDECESSOR_OWNER } else { tag::OWNER }, owner.to_string());
        }
        let expiry = |intent| ExpiryTag { intent, generation: 3 }.encode();
        match self.budget {
            TagContent::Missing => None,
            TagContent::Garbled => tag(tag::EXPIRY, "v1;running;until=soon".to_string()),
            TagContent::Is(BudgetTag::Until(until)) => {
                tag(tag::EXPIRY, expiry(BudgetIntent::Running(at(until))))
            }
            TagContent::Is(BudgetTag::Paused) => {
                tag(tag::EXPIRY, expiry(BudgetIntent::Paused(SignedDuration::from_secs(60))))
            }
            TagContent::Is(BudgetTag::Deadline(until)) => tag(tag::PREDECESSOR[1], at(until).to_string()),
            TagContent::Is(BudgetTag::Ttl(seconds)) => tag(tag::PREDECESSOR[0], format!("{seconds}s")),
        };
        match self.cap {
            TagContent::Missing => None,
            TagContent::Garbled => tag(tag::CAP, "7d".to_string()),
            TagContent::Is(cap) => tag(tag::CAP, tag::encode_cap(at(cap))),
        };
        match self.on_expiry {
            TagContent::Missing => None,
            TagContent::Garbled => tag(tag::ON_EXPIRY, "v1;stop".to_string()),
            TagContent::Is((action, grace)) => {
                let grace = SignedDuration::from_secs(grace);
                tag(tag::ON_EXPIRY, OnExpiryTag { action, grace }.encode())
            }
        };
        let persistent = match self.bought {
            PurchaseKind::OnDemand => None,
            PurchaseKind::OneTime => Some(Known::Is(false)),
            PurchaseKind::Persistent => Some(Known::Is(true)),
            PurchaseKind::Unseen => Some(Known::Unseen("denied".to_string())),
        };
        InstanceView {
            account: if self.own_account { ACCOUNT } else { "999900009999" }.to_string(),
            state: self.state,
            tags,
            launched: self.launched.map_or(Known::Unseen("no".to_string()), |then| Known::Is(at(then))),
            created: Known::Unseen("no".to_string()),
            protected: self.protected.map_or(Known::Unseen("denied".to_string()), Known::Is),
            spot: persistent
                .map(|persistent| InstanceSpotRequest { request: format!("sir-{index}"), persistent }),
            ..MemoryFleet::instance(&format!("i-{index}"), at(0))
        }
    }

    /// Returns how the instance may be ended now, if it may.
    fn may_end(&self, now: i64) -> Option<ReapAction> {
        let mine = self.own_account && self.managed && self.owner == Some(ME);
        let safe = self.protected == Some(false) && self.bought != PurchaseKind::Unseen;
        let runs = matches!(self.state, InstanceState::Pending | InstanceState::Running);
        let over = matches!(self.state, InstanceState::ShuttingDown | InstanceState::Terminated);
        let (action, grace) = match self.on_expiry {
            TagContent::Garbled => return None,
            TagContent::Missing => (EndAction::Stop, 1_800),
            TagContent::Is(said) => said,
        };
        // A running instance has the slack from its last start too; otherwise only the cap counts.
        let start = if runs { self.launched? } else { i64::MIN / 2 };
        let budget = match self.budget {
            TagContent::Is(BudgetTag::Until(until) | BudgetTag::Deadline(until)) if runs => Some(until),
            TagContent::Is(BudgetTag::Ttl(seconds)) if runs => Some(start + seconds),
            _ => None,
        };
        let cap = if let TagContent::Is(cap) = self.cap { Some(cap) } else { None };
        let due =
            [budget, cap].into_iter().flatten().map(|bound| bound.max(start) + grace + 13 * 60).min()?;
        let how = match (action, self.bought) {
            (EndAction::Terminate, _) | (_, PurchaseKind::OneTime) => ReapAction::Terminate,
            _ if runs => ReapAction::Stop,
            _ => return None,
        };
        (mine && safe && !over && due <= now).then_some(how)
    }
}

/// A change between the plan and the action.
#[derive(Debug, Clone)]
enum InstanceChange {
    Extended(i64),
    Owner(Option<&'static str>),
    Protected(Option<bool>),
    State(InstanceState),
    Unmanaged,
    Garbled,
    Restarted,
    OnExpiry(EndAction),
    Gone,
}

fn changes() -> impl Strategy<Value = Vec<(usize, InstanceChange)>> {
    let change = prop_oneof![
        (-20_000i64..40_000).prop_map(InstanceChange::Extended),
        prop_oneof![Just(Some(OTHER)), Just(None), Just(Some(ME))].prop_map(InstanceChange::Owner),
        prop::option::of(any::<bool>()).prop_map(InstanceChange::Protected),
        prop::sample::select(InstanceState::ALL.to_vec()).prop_map(InstanceChange::State),
        Just(InstanceChange::Unmanaged),
        Just(InstanceChange::Garbled),
        Just(InstanceChange::Restarted),
        prop_oneof![Just(EndAction::Stop), Just(EndAction::Terminate)].prop_map(InstanceChange::OnExpiry),
        Just(InstanceChange::Gone),
    ];
    prop::collection::vec((0usize..12, change), 0..12)
}

fn change(truths: &mut [Option<InstanceTruth>], index: usize, change: &InstanceChange, now: i64) {
    let Some(slot) = truths.get_mut(index) else { return };
    let Some(truth) = slot else { return };
    match *change {
        InstanceChange::Extended(until) => truth.budget = TagContent::Is(BudgetTag::Until(until)),
        InstanceChange::Owner(owner) => truth.owner = owner,
        InstanceChange::Protected(protected) => truth.protected = protected,
        InstanceChange::State(state) => truth.state = state,
        InstanceChange::Unmanaged => truth.managed = false,
        InstanceChange::Garbled => truth.budget = TagContent::Garbled,
        InstanceChange::Restarted => (truth.state, truth.launched) = (InstanceState::Pending, Some(now)),
        InstanceChange::OnExpiry(action) => truth.on_expiry = TagContent::Is((action, 300)),
        InstanceChange::Gone => *slot = None,
    }
}

fn view_instances(truths: &[Option<InstanceTruth>]) -> Vec<InstanceView> {
    truths.iter().enumerate().filter_map(|(index, truth)| Some(truth.as_ref()?.seen(index))).collect()
}

fn expected(truths: &[Option<InstanceTruth>], now: i64) -> Vec<(String, ReapAction)> {
    let one = |(index, truth): (usize, &Option<InstanceTruth>)| {
        Some((format!("i-{index}"), truth.as_ref()?.may_end(now)?))
    };
    truths.iter().enumerate().filter_map(one).collect()
}

fn asks() -> ReapScope {
    ReapScope { account: ACCOUNT.to_string(), owners: vec![ME.to_string()], stopped_for: None }
}

fn ends(plan: &ReapPlan) -> Vec<(String, ReapAction)> {
    plan.ends.iter().map(|end| (end.id.clone(), end.how)).collect()
}

#[test]
fn only_shown_overdue_own_and_unprotected_instances_are_ended() {
    let (first, seeds) = (seeds::env_number("FIRST_SEED", 1), seeds::env_number("SEEDS", 20));
    let acted = std::cell::Cell::new(0);
    for seed in first..first + seeds {
        let script = (prop::collection::vec(truth(), 1..12), changes(), 0i64..10_000);
        seeds::check_scripts(seed, &script, |(truths, script, later)| {
            let mut truths: Vec<Option<InstanceTruth>> = truths.into_iter().map(Some).collect();
            let shown = plan(&view_instances(&truths), &asks(), at(0));
            assert_eq!(ends(&shown), expected(&truths, 0));
            assert_eq!(shown.ends.len() + shown.left.len(), truths.len(), "an instance appears once");
            check_cancelled(&shown);
            for (index, what) in &script {
                change(&mut truths, *index, what, later);
            }
            let (acted_on, dropped) = recheck(&shown, &view_instances(&truths), at(later));
            let wanted: Vec<(String, ReapAction)> =
                expected(&truths, later).into_iter().filter(|end| ends(&shown).contains(end)).collect();
            let found: Vec<(String, ReapAction)> =
                acted_on.iter().map(|end| (end.id.clone(), end.how)).collect();
            assert_eq!(found, wanted);
            assert_eq!(acted_on.len() + dropped.len(), shown.ends.len());
            acted.set(acted.get() + found.len() as u64);
        });
    }
    assert!(acted.get() > 10 * seeds, "too few instances were ended: {}", acted.get());
}

/// Checks that a spot request is cancelled before its instance is terminated, and only then.
fn check_cancelled(plan: &ReapPlan) {
    for end in &plan.ends {
        let number = end.id.trim_start_matches("i-");
        assert!(
            end.cancel.is_none() || end.how == ReapAction::Terminate,
            "a stopped instance needs its request"
        );
        assert!(end.cancel.as_ref().is_none_or(|request| *request == format!("sir-{number}")));
    }
}

/// An own instance that was to end 5,000 seconds ago.
fn overdue() -> InstanceTruth {
    InstanceTruth {
        own_account: true,
        managed: true,
        owner: Some(ME),
        by_predecessor: false,
        state: InstanceState::Running,
        budget: TagContent::Is(BudgetTag::Until(-5_000)),
        cap: TagContent::Missing,
        on_expiry: TagContent::Is((EndAction::Terminate, 300)),
        launched: Some(-9_000),
        protected: Some(false),
        bought: PurchaseKind::OnDemand,
    }
}

fn judged(truth: &InstanceTruth) -> ReapPlan {
    plan(&[truth.seen(1)], &asks(), at(0))
}

#[test]
fn each_reason_to_stay_has_its_text() {
    let check = |change: fn(&mut InstanceTruth), expected: &str| {
        let mut truth = overdue();
        change(&mut truth);
        let plan = judged(&truth);
        let why = plan.left.first().map(|left| left.why.sentence());
        assert_eq!(why.as_deref(), Some(expected), "{plan:?}");
    };
    check(|it| it.own_account = false, "of another account");
    check(|it| it.managed = false, "not launched by spawn");
    check(|it| it.owner = Some(OTHER), "owned by arn:aws:iam::111122223333:user/bob");
    check(|it| it.owner = None, "no tag names its owner");
    check(|it| it.state = InstanceState::ShuttingDown, "ending already");
    check(|it| it.protected = Some(true), "protected by AWS");
    check(|it| it.protected = None, "its protection could not be seen: denied");
    check(|it| it.bought = PurchaseKind::Unseen, "its spot request could not be seen: denied");
    check(|it| it.budget = TagContent::Missing, "no tag bounds its life");
    check(|it| it.state = InstanceState::Stopped, "stopped, so its running time does not count");
    check(|it| it.launched = None, "when it was started could not be seen");
    check(
        |it| it.budget = TagContent::Is(BudgetTag::Until(-1_079)),
        "not overdue before 2027-01-15T08:00:01Z",
    );
    check(|it| it.launched = Some(-1_000), "not overdue before 2027-01-15T08:01:20Z");
    check(
        |it| {
            it.state = InstanceState::Stopped;
            it.cap = TagContent::Is(-5_000);
            it.on_expiry = TagContent::Is((EndAction::Stop, 300));
        },
        "stopped already, as agreed; its disks cost",
    );
    check(
        |it| it.budget = TagContent::Is(BudgetTag::Paused),
        "it runs, but tag spawn:expiry has it paused with 1m left",
    );
    check(
        |it| it.on_expiry = TagContent::Garbled,
        "tag spawn:on-expiry is \"v1;stop\", expected v1;stop;grace=300, with stop, hibernate or terminate",
    );
    check(
        |it| {
            it.budget = TagContent::Is(BudgetTag::Until(9_000));
            it.cap = TagContent::Garbled;
        },
        "tag spawn:cap is \"7d\", expected an instant such as 2026-11-30T10:00:00Z",
    );
}

#[test]
fn an_overdue_instance_has_an_action_an_instant_and_a_tag() {
    let check = |change: fn(&mut InstanceTruth), how: ReapAction, since: i64, tag: &str| {
        let mut truth = overdue();
        change(&mut truth);
        let plan = judged(&truth);
        let end = plan.ends.first().unwrap_or_else(|| panic!("{:?}", plan.left));
        assert_eq!((end.how, end.overdue_since, end.bound.as_str()), (how, at(since), tag), "{end:?}");
    };
    let slack = 300 + 13 * 60;
    check(|_| {}, ReapAction::Terminate, -5_000 + slack, "spawn:expiry");
    check(
        |it| it.budget = TagContent::Is(BudgetTag::Until(-1_080)),
        ReapAction::Terminate,
        0,
        "spawn:expiry",
    );
    check(|it| it.cap = TagContent::Is(-6_000), ReapAction::Terminate, -6_000 + slack, "spawn:cap");
    // One bound that is over decides, even if the other is unreadable.
    check(
        |it| {
            it.budget = TagContent::Garbled;
            it.cap = TagContent::Is(-6_000);
        },
        ReapAction::Terminate,
        -6_000 + slack,
        "spawn:cap",
    );
    check(|it| it.cap = TagContent::Garbled, ReapAction::Terminate, -5_000 + slack, "spawn:expiry");
    check(
        |it| {
            it.state = InstanceState::Stopped;
            it.launched = None;
            it.cap = TagContent::Is(-2_000);
        },
        ReapAction::Terminate,
        -2_000 + slack,
        "spawn:cap",
    );
    // Without the tag: the mildest action, and the longest grace period.
    check(|it| it.on_expiry = TagContent::Missing, ReapAction::Stop, -5_000 + 1_800 + 780, "spawn:expiry");
    check(
        |it| it.budget = TagContent::Is(BudgetTag::Deadline(-4_000)),
        ReapAction::Terminate,
        -4_000 + slack,
        "spawn:ttl-deadline",
    );
    check(
        |it| it.budget = TagContent::Is(BudgetTag::Ttl(6_000)),
        ReapAction::Terminate,
        -3_000 + slack,
        "spawn:ttl",
    );
    check(
        |it| {
            it.bought = PurchaseKind::OneTime;
            it.on_expiry = TagContent::Is((EndAction::Stop, 300));
        },
        ReapAction::Terminate,
        -5_000 + slack,
        "spawn:expiry",
    );
    check(
        |it| {
            it.bought = PurchaseKind::Persistent;
            it.on_expiry = TagContent::Is((EndAction::Hibernate, 300));
        },
        ReapAction::Stop,
        -5_000 + slack,
        "spawn:expiry",
    );
}

#[test]
fn spot_requests_are_cancelled_only_before_a_termination() {
    let check = |bought: PurchaseKind, action: EndAction, expected: Option<&str>| {
        let truth = InstanceTruth { bought, on_expiry: TagContent::Is((action, 300)), ..overdue() };
        assert_eq!(judged(&truth).ends[0].cancel.as_deref(), expected, "{truth:?}");
    };
    check(PurchaseKind::OnDemand, EndAction::Terminate, None);
    check(PurchaseKind::Persistent, EndAction::Terminate, Some("sir-1"));
    check(PurchaseKind::Persistent, EndAction::Stop, None);
    check(PurchaseKind::OneTime, EndAction::Stop, Some("sir-1"));
}

#[test]
fn protection_is_queried_only_where_it_decides() {
    let check = |truth: InstanceTruth, expected: usize| {
        assert_eq!(judged(&truth).unread_protections().count(), expected, "{truth:?}")
    };
    let unseen = InstanceTruth { protected: None, ..overdue() };
    let plan = judged(&unseen);
    assert_eq!(plan.unread_protections().collect::<Vec<_>>(), [("us-east-1", "i-1")]);
    check(InstanceTruth { owner: Some(OTHER), ..unseen.clone() }, 0);
    check(InstanceTruth { budget: TagContent::Is(BudgetTag::Until(9_000)), ..unseen.clone() }, 0);
    check(overdue(), 0);
    let mut seen = unseen.seen(1);
    seen.protected = Known::Absent;
    let left = fleet::reap::plan(&[seen], &asks(), at(0)).left;
    assert_eq!(left[0].why, KeepReason::ProtectionUnseen("AWS did not report it".to_string()));
    assert!(left[0].why.is_worrying() && !KeepReason::Protected.is_worrying());
}

#[test]
fn each_dropped_action_has_its_reason() {
    let shown = judged(&overdue());
    let check = |seen: &[InstanceView], expected: Option<KeepReason>| {
        let (holds, dropped) = recheck(&shown, seen, at(10));
        assert!(holds.is_empty());
        assert_eq!(dropped, [(shown.ends[0].clone(), expected)]);
    };
    check(&[InstanceTruth { protected: Some(true), ..overdue() }.seen(1)], Some(KeepReason::Protected));
    check(&[], None);
    // It would be stopped now, which was not shown.
    check(&[InstanceTruth { on_expiry: TagContent::Missing, ..overdue() }.seen(1)], None);
    let mut neighbour = InstanceTruth { managed: false, ..overdue() }.seen(2);
    check(
        &[neighbour.clone(), InstanceTruth { owner: None, ..overdue() }.seen(1)],
        Some(KeepReason::OwnerUnknown),
    );
    (neighbour.id, neighbour.region) = ("i-1".to_string(), "eu-west-1".to_string());
    check(&[neighbour, InstanceTruth { owner: None, ..overdue() }.seen(1)], Some(KeepReason::OwnerUnknown));
    let mut elsewhere = overdue().seen(1);
    elsewhere.region = "eu-west-1".to_string();
    check(&[elsewhere], None);
}

#[test]
fn bounds_follow_from_the_tags() {
    let check = |change: fn(&mut InstanceTruth), expected: LifeBound| {
        let mut truth = overdue();
        change(&mut truth);
        assert_eq!(bound(&truth.seen(1)), expected, "{truth:?}");
    };
    check(|_| {}, LifeBound::At(at(-5_000), "spawn:expiry"));
    check(|it| it.cap = TagContent::Is(-5_000), LifeBound::At(at(-5_000), "spawn:expiry"));
    check(|it| it.cap = TagContent::Is(-5_001), LifeBound::At(at(-5_001), "spawn:cap"));
    check(|it| it.cap = TagContent::Is(-4_999), LifeBound::At(at(-5_000), "spawn:expiry"));
    check(|it| it.budget = TagContent::Missing, LifeBound::None);
    check(|it| it.state = InstanceState::Stopped, LifeBound::Paused(None));
    check(
        |it| {
            it.state = InstanceState::Stopped;
            it.budget = TagContent::Is(BudgetTag::Paused);
        },
        LifeBound::Paused(Some(SignedDuration::from_secs(60))),
    );
    check(
        |it| {
            it.state = InstanceState::Stopped;
            it.cap = TagContent::Is(7);
        },
        LifeBound::At(at(7), "spawn:cap"),
    );
    let unreadable = LifeBound::Unreadable(
        "tag spawn:expiry is \"v1;running;until=soon\", expected v1;running;until=2026-11-23T10:00:00Z;gen=7 or v1;paused;left=3600;gen=8".to_string(),
    );
    let mut garbled = InstanceTruth { budget: TagContent::Garbled, cap: TagContent::Is(7), ..overdue() };
    assert_eq!(bound(&garbled.seen(1)), unreadable);
    garbled.cap = TagContent::Missing;
    assert_eq!(bound(&garbled.seen(1)), unreadable);
    let no_start = InstanceTruth { budget: TagContent::Is(BudgetTag::Ttl(5)), launched: None, ..overdue() };
    assert_eq!(
        bound(&no_start.seen(1)),
        LifeBound::Unreadable("when it was started could not be seen".to_string())
    );
}
