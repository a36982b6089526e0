//! Plans of a change of power, and changes of the terms among other writers of the same tag.

#[path = "../../lifecycle/tests/seeds/mod.rs"]
mod seeds;

use domain::{Known, Timestamp};
use fleet::bound::{LaunchIndex, LifeBound, bound};
use fleet::instance::{InstanceSpotRequest, InstanceState, InstanceView, PowerRequest};
use fleet::ports::MemoryFleet;
use fleet::power::{PowerPlan, PowerRefusal, PowerVerb, plan};
use fleet::terms_change::{
    TermsChange, TermsProblem, TermsRequest, TermsStep, current_budget, left, stopped_terms,
};
use jiff::SignedDuration;
use lifecycle::tag::{self, BudgetIntent, ExpiryTag, StartTag};
use proptest::prelude::*;

const ME: &str = "arn:aws:iam::111122223333:user/alice";
const HOUR: i64 = 3_600;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).expect("in range")
}

fn secs(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

fn running(until: i64, generation: u64) -> ExpiryTag {
    ExpiryTag { intent: BudgetIntent::Running(at(until)), generation }
}

fn paused(left: i64, generation: u64) -> ExpiryTag {
    ExpiryTag { intent: BudgetIntent::Paused(secs(left)), generation }
}

/// An instance that was launched at 0 with eight hours.
fn launched() -> InstanceView {
    let tags = [
        (tag::MANAGED, tag::YES.to_string()),
        (tag::OWNER, ME.to_string()),
        (tag::PLANNED, tag::encode_cap(at(0))),
        (tag::CAP, tag::encode_cap(at(7 * 24 * HOUR))),
        (tag::EXPIRY, running(8 * HOUR, 1).encode()),
    ];
    let tags = tags.map(|(key, value)| (key.to_string(), value)).into();
    InstanceView { tags, ..MemoryFleet::instance("i-1", at(20)) }
}

fn changed(mut seen: InstanceView, change: impl FnOnce(&mut InstanceView)) -> InstanceView {
    change(&mut seen);
    seen
}

fn tagged(seen: &InstanceView, expiry: ExpiryTag) -> InstanceView {
    changed(seen.clone(), |it| drop(it.tags.insert(tag::EXPIRY.into(), expiry.encode())))
}

fn decide(seen: &InstanceView, verb: PowerVerb) -> Result<PowerPlan, PowerRefusal> {
    plan(seen, &LaunchIndex::default(), verb, &[ME.to_string()], at(2 * HOUR))
}

const STOP: PowerVerb = PowerVerb::Stop { force: false };
const HIBERNATE: PowerVerb = PowerVerb::Hibernate { or_stop: false };

#[test]
fn each_state_has_its_request() {
    let check =
        |state: InstanceState, verb: PowerVerb, expected: Result<Option<PowerRequest>, PowerRefusal>| {
            let seen = changed(launched(), |it| {
                it.state = state;
                it.stopped = Some(at(HOUR)).filter(|_| !state.runs());
                it.details.hibernates = true;
            });
            assert_eq!(decide(&seen, verb).map(|plan| plan.sends), expected, "{state:?} {verb:?}");
        };
    let force = PowerVerb::Stop { force: true };
    for (verb, request) in [
        (STOP, PowerRequest::Stop),
        (force, PowerRequest::ForceStop),
        (HIBERNATE, PowerRequest::Hibernate),
        (PowerVerb::Reboot, PowerRequest::Reboot),
        (PowerVerb::Terminate, PowerRequest::Terminate),
    ] {
        check(InstanceState::Running, verb, Ok(Some(request)));
    }
    check(InstanceState::Running, PowerVerb::Start, Ok(None));
    for verb in [STOP, force, HIBERNATE, PowerVerb::Reboot] {
        check(InstanceState::Pending, verb, Err(PowerRefusal::State(InstanceState::Pending)));
        check(InstanceState::Terminated, verb, Err(PowerRefusal::Over(InstanceState::Terminated)));
    }
    check(InstanceState::Stopping, STOP, Ok(None));
    check(InstanceState::Stopping, force, Ok(Some(PowerRequest::ForceStop)));
    check(InstanceState::Stopped, force, Ok(None));
    check(InstanceState::Stopped, PowerVerb::Start, Ok(Some(PowerRequest::Start)));
    check(InstanceState::Stopping, PowerVerb::Start, Ok(Some(PowerRequest::Start)));
    check(InstanceState::Stopped, PowerVerb::Reboot, Err(PowerRefusal::State(InstanceState::Stopped)));
    check(InstanceState::Stopped, PowerVerb::Terminate, Ok(Some(PowerRequest::Terminate)));
    check(InstanceState::ShuttingDown, PowerVerb::Terminate, Ok(None));
    check(
        InstanceState::ShuttingDown,
        PowerVerb::Start,
        Err(PowerRefusal::Over(InstanceState::ShuttingDown)),
    );
}

#[test]
fn a_request_that_aws_refuses_is_refused_before_anything_is_sent() {
    let spot = |persistent: Known<bool>| {
        changed(launched(), |it| {
            it.spot = Some(InstanceSpotRequest { request: "sir-1".into(), persistent });
        })
    };
    assert_eq!(decide(&spot(Known::Is(false)), STOP), Err(PowerRefusal::OneTimeSpot));
    assert_eq!(
        decide(&spot(Known::Unseen("denied".into())), STOP),
        Err(PowerRefusal::SpotUnseen("denied".into()))
    );
    assert!(decide(&spot(Known::Is(true)), STOP).is_ok_and(|plan| plan.pauses && plan.cancels.is_none()));
    let end = decide(&spot(Known::Is(false)), PowerVerb::Terminate).expect("a plan");
    assert_eq!((end.cancels.as_deref(), end.pauses), (Some("sir-1"), false));
    assert_eq!(decide(&launched(), HIBERNATE), Err(PowerRefusal::NoHibernation));
    let instead = decide(&launched(), PowerVerb::Hibernate { or_stop: true }).expect("a plan");
    assert_eq!(instead.sends, Some(PowerRequest::Stop));
    assert_eq!(instead.notes, ["it was launched without hibernation, so it is stopped"]);
}

#[test]
fn only_owners_interrupt_the_work_of_an_instance() {
    let other = ME.replace("alice", "bob");
    let theirs = changed(launched(), |it| drop(it.tags.insert(tag::OWNER.into(), other.clone())));
    for verb in [STOP, HIBERNATE, PowerVerb::Reboot, PowerVerb::Terminate] {
        assert_eq!(decide(&theirs, verb), Err(PowerRefusal::OtherOwner(other.clone())), "{verb:?}");
        let named = plan(&theirs, &LaunchIndex::default(), verb, std::slice::from_ref(&other), at(HOUR));
        assert_ne!(named, Err(PowerRefusal::OtherOwner(other.clone())));
    }
    assert!(decide(&theirs, PowerVerb::Start).is_ok());
}

#[test]
fn a_hint_repeats_an_owner_only_if_every_shell_reads_it_as_one_word() {
    let hint =
        |owner: &str| PowerRefusal::OtherOwner(owner.into()).hint(PowerVerb::Terminate, "i-1").unwrap();
    let expected = |owner: &str| format!("spawn terminate i-1 --owner {owner}, if this instance is meant");
    assert_eq!(hint("arn:aws:iam::1:user/bob"), expected("arn:aws:iam::1:user/bob"));
    for owner in ["bob; id", "$(id)", "-x", ""] {
        assert_eq!(hint(owner), expected("ARN"), "{owner}");
    }
}

#[test]
fn terms_that_cannot_be_read_do_not_prevent_a_stop() {
    let check = |seen: InstanceView, note: &str| {
        let plan = decide(&seen, STOP).expect("a plan");
        assert!(!plan.pauses && plan.notes[0].contains(note), "{plan:?}");
    };
    check(changed(launched(), |it| drop(it.tags.insert(tag::EXPIRY.into(), "soon".into()))), "is \"soon\"");
    check(changed(launched(), |it| drop(it.tags.remove(tag::EXPIRY))), "no tag bounds its life");
    check(changed(launched(), |it| it.launched = Known::Is(at(HOUR))), "started again without spawnd");
}

#[test]
fn a_start_continues_with_the_time_that_was_left() {
    let check = |change: fn(&mut InstanceView), expected: Option<(i64, bool)>| {
        let seen = changed(launched(), |it| {
            (it.state, it.stopped) = (InstanceState::Stopped, Some(at(2 * HOUR)));
            change(it);
        });
        let found = stopped_terms(&seen).map(|terms| (terms.left.as_secs(), terms.known));
        assert_eq!(found, expected, "{seen:?}");
    };
    check(|_| {}, Some((6 * HOUR, true)));
    check(|it| drop(it.tags.insert(tag::EXPIRY.into(), paused(60, 2).encode())), Some((60, true)));
    // EC2 does not say when it was stopped: at most the whole budget is left.
    check(|it| it.stopped = None, Some((8 * HOUR, false)));
    check(|it| drop(it.tags.insert(tag::EXPIRY.into(), "soon".into())), None);
    // Instances of the predecessor, which saves the time left at a stop of its own.
    let predecessor = |it: &mut InstanceView, tags: &[(&str, &str)]| {
        it.tags.remove(tag::EXPIRY);
        it.tags.extend(tags.iter().map(|(key, value)| (key.to_string(), value.to_string())));
    };
    let deadline = at(5 * HOUR).to_string();
    let old = |tags: &[(&str, &str)]| {
        changed(launched(), |it| {
            (it.state, it.stopped) = (InstanceState::Stopped, Some(at(2 * HOUR)));
            predecessor(it, tags);
        })
    };
    let left = |tags: &[(&str, &str)]| stopped_terms(&old(tags)).map(|terms| terms.left.as_secs());
    assert_eq!(left(&[("spawn:ttl-deadline", &deadline)]), Some(3 * HOUR));
    assert_eq!(left(&[("spawn:ttl", "8h"), ("spawn:ttl-deadline", &deadline)]), Some(3 * HOUR));
    assert_eq!(left(&[("spawn:ttl", "8h"), ("spawn:ttl-remaining", "2d3h")]), Some(51 * HOUR));
    assert_eq!(left(&[("spawn:ttl", "8h")]), Some(6 * HOUR + 20));
    assert_eq!(left(&[]), None);
}

/// Runs a change to its end against a tag that nothing else writes.
fn run(seen: &InstanceView, request: TermsRequest, now: i64) -> (TermsStep, InstanceView) {
    let (mut change, mut seen) = (TermsChange::new(request), seen.clone());
    loop {
        match change.next(&seen, at(now)) {
            TermsStep::Write(tag) => seen = tagged(&seen, tag),
            ended => return (ended, seen),
        }
    }
}

#[test]
fn an_extension_counts_from_the_end_and_from_now_if_that_is_over() {
    let check = |seen: InstanceView, now: i64, expected: Result<ExpiryTag, TermsProblem>| {
        let (step, _) = run(&seen, TermsRequest::Extend(secs(2 * HOUR)), now);
        let expected = expected.map_or_else(TermsStep::Refused, TermsStep::Done);
        assert_eq!(step, expected, "{seen:?}");
    };
    check(launched(), HOUR, Ok(running(10 * HOUR, 2)));
    check(launched(), 9 * HOUR, Ok(running(11 * HOUR, 2)));
    check(tagged(&launched(), running(3 * HOUR, 41)), HOUR, Ok(running(5 * HOUR, 42)));
    // A stop that did not happen.
    check(tagged(&launched(), paused(HOUR, 2)), 2 * HOUR, Ok(running(5 * HOUR, 3)));
    let stopped = changed(launched(), |it| {
        (it.state, it.stopped) = (InstanceState::Stopped, Some(at(2 * HOUR)));
    });
    check(stopped, 20 * HOUR, Ok(paused(8 * HOUR, 2)));
    // The predecessor's tags.
    let old = changed(launched(), |it| {
        it.tags.remove(tag::EXPIRY);
        it.tags.insert("spawn:ttl-deadline".into(), at(4 * HOUR).to_string());
    });
    check(old, HOUR, Ok(running(6 * HOUR, 2)));
    let cap = at(9 * HOUR);
    let capped = changed(launched(), |it| drop(it.tags.insert(tag::CAP.into(), tag::encode_cap(cap))));
    check(capped, HOUR, Err(TermsProblem::AfterCap(cap, secs(HOUR))));
    let bad_cap = changed(launched(), |it| drop(it.tags.insert(tag::CAP.into(), "7d".into())));
    let (step, _) = run(&bad_cap, TermsRequest::Extend(secs(1)), 0);
    assert!(matches!(step, TermsStep::Refused(TermsProblem::Unreadable(_))), "{step:?}");
    let unbounded = changed(launched(), |it| drop(it.tags.remove(tag::EXPIRY)));
    check(unbounded, HOUR, Err(TermsProblem::Unbounded));
    let again = changed(launched(), |it| it.launched = Known::Is(at(HOUR)));
    check(again, 2 * HOUR, Err(TermsProblem::Restarted));
}

#[test]
fn an_extension_to_an_instant_needs_a_later_end_within_the_cap() {
    let check = |seen: &InstanceView, hour: i64, expected: Result<ExpiryTag, TermsProblem>| {
        let (step, _) = run(seen, TermsRequest::ExtendTo(at(hour * HOUR)), HOUR);
        assert_eq!(step, expected.map_or_else(TermsStep::Refused, TermsStep::Done), "{hour}");
    };
    check(&launched(), 10, Ok(running(10 * HOUR, 2)));
    check(&launched(), 8, Err(TermsProblem::NotLater(at(8 * HOUR))));
    check(&launched(), 2, Err(TermsProblem::NotLater(at(8 * HOUR))));
    // A stop that did not happen: four hours were left.
    let pausing = tagged(&launched(), paused(4 * HOUR, 2));
    check(&pausing, 6, Ok(running(6 * HOUR, 3)));
    check(&pausing, 5, Err(TermsProblem::NotLater(at(5 * HOUR))));
    let cap = at(9 * HOUR);
    let capped = changed(launched(), |it| drop(it.tags.insert(tag::CAP.into(), tag::encode_cap(cap))));
    check(&capped, 9, Ok(running(9 * HOUR, 2)));
    check(&capped, 10, Err(TermsProblem::AfterCap(cap, secs(HOUR))));
    let stopped = changed(tagged(&launched(), paused(HOUR, 2)), |it| it.state = InstanceState::Stopped);
    check(&stopped, 10, Err(TermsProblem::Stopped(secs(HOUR))));
    // Another writer, which had adopted this end, was later.
    let mut change = TermsChange::new(TermsRequest::ExtendTo(at(10 * HOUR)));
    assert_eq!(change.next(&launched(), at(HOUR)), TermsStep::Write(running(10 * HOUR, 2)));
    let theirs = running(12 * HOUR, 3);
    assert_eq!(change.next(&tagged(&launched(), theirs), at(HOUR)), TermsStep::Done(theirs));
}

#[test]
fn a_pause_is_taken_back_to_the_same_end() {
    let (step, stopping) = run(&launched(), TermsRequest::Pause, 2 * HOUR);
    assert_eq!(step, TermsStep::Done(paused(6 * HOUR, 2)));
    assert_eq!(run(&stopping, TermsRequest::Pause, 3 * HOUR).0, TermsStep::Unchanged);
    let (step, running_again) = run(&stopping, TermsRequest::Resume(at(8 * HOUR)), 2 * HOUR + 60);
    assert_eq!(step, TermsStep::Done(running(8 * HOUR, 3)));
    // The daemon was faster.
    assert_eq!(run(&running_again, TermsRequest::Resume(at(8 * HOUR)), 3 * HOUR).0, TermsStep::Unchanged);
}

#[test]
fn an_unconfirmed_extension_is_withdrawn_unless_it_was_changed_since() {
    let (_, extended) = run(&launched(), TermsRequest::Extend(secs(HOUR)), HOUR);
    let ours = running(9 * HOUR, 2);
    let withdraw = TermsRequest::Withdraw(ours, at(8 * HOUR));
    assert_eq!(run(&extended, withdraw, 2 * HOUR).0, TermsStep::Done(running(8 * HOUR, 3)));
    let later = tagged(&extended, running(12 * HOUR, 3));
    assert_eq!(run(&later, withdraw, 2 * HOUR).0, TermsStep::Unchanged);
}

#[test]
fn a_change_from_outside_holds_for_its_own_start_alone() {
    let start = |seen: &mut InstanceView, generation: u64, at: Timestamp| {
        seen.tags.insert(tag::START.into(), StartTag { generation, at }.encode());
    };
    let extended = changed(tagged(&launched(), running(10 * HOUR, 2)), |it| start(it, 2, at(20)));
    assert_eq!(bound(&extended), LifeBound::At(at(10 * HOUR), tag::EXPIRY));
    // It is stopped and started by the console, without spawnd.
    let again = changed(extended.clone(), |it| it.launched = Known::Is(at(5 * HOUR)));
    assert!(matches!(bound(&again), LifeBound::Restarted(_)), "{:?}", bound(&again));
    // spawn start writes the tag for the new start.
    let started = changed(tagged(&again, running(13 * HOUR, 3)), |it| start(it, 3, at(5 * HOUR)));
    assert_eq!(bound(&started), LifeBound::At(at(13 * HOUR), tag::EXPIRY));
    // spawnd writes a later generation and leaves the other tag.
    let daemon = changed(tagged(&again, running(13 * HOUR, 3)), |it| start(it, 2, at(20)));
    assert_eq!(bound(&daemon), LifeBound::At(at(13 * HOUR), tag::EXPIRY));
}

/// An event between two reads of a change.
#[derive(Debug, Clone, Copy)]
enum TagAct {
    /// The write of the change is lost.
    Lost,
    /// Its answer is lost.
    ReplyLost,
    /// The next reads show the tag as it was before this many writes.
    Stale(usize),
    /// The daemon writes its own end, which is that of the newest tag, up to 30 seconds later.
    Announced(i64),
    /// Another user extends from an old reading: the two writes have one generation.
    Raced(i64),
    /// Another user extends from the newest tag.
    Extended(i64),
}

fn tag_acts() -> impl Strategy<Value = Vec<TagAct>> {
    let act = prop_oneof![
        Just(TagAct::Lost),
        Just(TagAct::ReplyLost),
        (1usize..3).prop_map(TagAct::Stale),
        (0i64..30).prop_map(TagAct::Announced),
        (1i64..9 * HOUR).prop_map(TagAct::Raced),
        (1i64..9 * HOUR).prop_map(TagAct::Extended),
    ];
    prop::collection::vec(act, 0..6)
}

fn end(tag: &ExpiryTag) -> Timestamp {
    match tag.intent {
        BudgetIntent::Running(until) => until,
        BudgetIntent::Paused(_) => panic!("nothing pauses here"),
    }
}

/// Extends by two hours among these events. Returns all values of the tag and the last step.
fn extend_among(acts: &[TagAct]) -> (Vec<ExpiryTag>, TermsStep) {
    let mut history = vec![running(8 * HOUR, 1)];
    let mut change = TermsChange::new(TermsRequest::Extend(secs(2 * HOUR)));
    let (mut acts, mut stale) = (acts.iter(), 0);
    for _ in 0..500 {
        let shown = history[history.len().saturating_sub(1 + stale)];
        let newest = history[history.len() - 1];
        match change.next(&tagged(&launched(), shown), at(HOUR)) {
            TermsStep::Write(tag) => {
                assert_eq!(tag.generation, shown.generation + 1);
                stale = 0;
                let write =
                    |end: Timestamp, generation| ExpiryTag { intent: BudgetIntent::Running(end), generation };
                match acts.next() {
                    Some(TagAct::Lost) => change.doubt(),
                    Some(TagAct::ReplyLost) => {
                        history.push(tag);
                        change.doubt();
                    }
                    Some(TagAct::Stale(reads)) => {
                        history.push(tag);
                        stale = *reads;
                    }
                    Some(TagAct::Announced(more)) => {
                        history.extend([tag, write(end(&tag) + secs(*more), tag.generation + 1)]);
                    }
                    Some(TagAct::Raced(more)) => {
                        history.extend([tag, write(end(&newest) + secs(*more), newest.generation + 1)]);
                    }
                    Some(TagAct::Extended(more)) => {
                        history.extend([tag, write(end(&tag) + secs(*more), tag.generation + 1)]);
                    }
                    None => history.push(tag),
                }
            }
            TermsStep::ReadAgain => stale = 0,
            ended => return (history, ended),
        }
    }
    panic!("the change does not end");
}

#[test]
fn an_extension_is_never_lost_among_other_writers() {
    for seed in 0..seeds::env_number("POWER_SEEDS", 10) {
        seeds::check_scripts(seed, &tag_acts(), |acts| {
            let (history, ended) = extend_among(&acts);
            let TermsStep::Done(tag) = ended else { panic!("{ended:?}: {history:?}") };
            assert_eq!(Some(&tag), history.last());
            assert!(end(&tag) >= at(10 * HOUR), "{tag:?}");
            let others = |act: &TagAct| !matches!(act, TagAct::Lost | TagAct::ReplyLost | TagAct::Stale(_));
            if !acts.iter().any(others) {
                assert_eq!(tag, running(10 * HOUR, 2), "it is added once");
            }
        });
    }
}

#[test]
fn two_extensions_at_the_same_time_both_count() {
    let mut newest = running(8 * HOUR, 1);
    let view = |tag: ExpiryTag| tagged(&launched(), tag);
    let mut first = TermsChange::new(TermsRequest::Extend(secs(2 * HOUR)));
    let mut second = TermsChange::new(TermsRequest::Extend(secs(3 * HOUR)));
    let (TermsStep::Write(ours), TermsStep::Write(theirs)) =
        (first.next(&view(newest), at(HOUR)), second.next(&view(newest), at(HOUR)))
    else {
        panic!("both write");
    };
    assert_eq!((ours, theirs), (running(10 * HOUR, 2), running(11 * HOUR, 2)));
    newest = theirs;
    let TermsStep::Write(again) = first.next(&view(newest), at(HOUR)) else { panic!("the first lost") };
    newest = again;
    assert_eq!(newest, running(13 * HOUR, 3));
    assert_eq!(second.next(&view(newest), at(HOUR)), TermsStep::Done(newest));
    assert_eq!(first.next(&view(newest), at(HOUR)), TermsStep::Done(newest));
}

#[test]
fn a_tag_that_stays_old_is_reported() {
    let mut change = TermsChange::new(TermsRequest::Extend(secs(HOUR)));
    assert!(matches!(change.next(&launched(), at(HOUR)), TermsStep::Write(_)));
    let mut reads = 0;
    while change.next(&launched(), at(HOUR)) == TermsStep::ReadAgain {
        reads += 1;
    }
    assert!((10..100).contains(&reads), "{reads}");
    assert_eq!(change.next(&launched(), at(HOUR)), TermsStep::Unread);
}

#[test]
fn the_time_left_is_never_negative() {
    assert_eq!(left(BudgetIntent::Running(at(0)), at(HOUR)), SignedDuration::ZERO);
    assert_eq!(current_budget(&launched()), Ok(BudgetIntent::Running(at(8 * HOUR))));
}
