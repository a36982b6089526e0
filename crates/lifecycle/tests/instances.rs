//! State and tags of another instance, and time that was counted before the daemon was installed.

use domain::{Known, Timestamp};
use jiff::SignedDuration;
use lifecycle::tag::ExpiryTag;
use lifecycle::{BootIdentity, ClockReadings, DaemonState, LifeEffect, LifeTags, StepInputs, Terms, step};

/// The Unix second at which the machine was started.
const BEGIN: i64 = 1_800_000_000;
const HOUR: i64 = 3_600;

/// The inputs of a step `mono` seconds after the start, with this tag.
fn inputs(instance: Option<&str>, mono: i64, tag: Option<&str>) -> StepInputs {
    let seconds = SignedDuration::from_secs(mono);
    let at = |seconds: i64| Timestamp::from_second(BEGIN + seconds).expect("in range");
    StepInputs {
        clocks: ClockReadings { mono: seconds, boot: seconds, wall: at(mono) },
        boot: BootIdentity {
            instance: instance.map_or(Known::Absent, |id| Known::Is(id.to_string())),
            id: "boot".to_string(),
            pending: Known::Is(at(0)),
        },
        date: Some(at(mono)),
        tags: LifeTags {
            expiry: tag.map_or(Known::Absent, |tag| Known::Is(ExpiryTag::decode(tag).expect("a tag"))),
            cap: Known::Absent,
        },
        readings: None,
        measured: None,
        events: Vec::new(),
    }
}

fn eight_hours(instance: Option<&str>) -> DaemonState {
    let inputs = inputs(instance, 60, None);
    let terms = Terms::with_budget(SignedDuration::from_hours(8));
    DaemonState::begin(terms, &inputs.clocks, &inputs.boot)
}

fn until(hours: i64, generation: u64) -> String {
    let at = Timestamp::from_second(BEGIN + hours * HOUR).expect("in range");
    format!("v1;running;until={at};gen={generation}")
}

/// Returns the state after a step, and the tag that it writes, if any.
fn stepped(state: DaemonState, mono: i64, tag: &str) -> (DaemonState, Option<String>) {
    let (state, effects) = step(state, &inputs(Some("i-1"), mono, Some(tag)));
    let written = effects.into_iter().find_map(|effect| match effect {
        LifeEffect::WriteTag(expiry) => Some(expiry.encode()),
        _ => None,
    });
    (state, written)
}

#[test]
fn a_state_belongs_to_the_instance_that_it_began_on() {
    let state = eight_hours(Some("i-1"));
    assert!(state.is_of(Some("i-1")) && state.is_of(None) && !state.is_of(Some("i-2")));
    // An id that becomes known later is that of this life.
    let state = eight_hours(None);
    assert!(state.is_of(Some("i-2")));
    let (state, _) = step(state, &inputs(Some("i-1"), 75, None));
    assert!(!state.is_of(Some("i-2")));
    let (state, _) = step(state, &inputs(None, 90, None));
    assert!(state.is_of(Some("i-1")) && !state.is_of(Some("i-2")), "an unknown id changes nothing");
}

#[test]
fn counted_time_is_taken_over_and_refills_nothing() {
    let check = |counted: i64, expected: i64| {
        let state = eight_hours(Some("i-1")).take_over(SignedDuration::from_secs(counted));
        assert_eq!(state.dead_man_after().as_secs() - 900, expected, "{counted}");
    };
    check(2 * HOUR, 2 * HOUR);
    check(-300, 0);
    check(100 * HOUR, 8 * HOUR - 60);
    // A difference of a minute is that of the two clocks' beginnings.
    check(8 * HOUR - 120, 8 * HOUR - 60);
    check(8 * HOUR - 121, 8 * HOUR - 121);
}

#[test]
fn counted_time_wins_against_the_tag_of_the_launch_and_no_later_one() {
    let counted = || eight_hours(Some("i-1")).take_over(SignedDuration::from_hours(6));
    // The launch was 14 hours ago, and the machine was stopped for most of them.
    let (state, written) = stepped(counted(), 75, &until(-6, 1));
    assert_eq!(state.time_to_end().as_secs(), 6 * HOUR - 15);
    assert_eq!(written.as_deref(), Some("v1;running;until=2027-01-15T14:01:00Z;gen=2"));
    // It also wins where that tag ends later than this start, before or after the counted end.
    for hours in [1, 7] {
        let (state, written) = stepped(counted(), 75, &until(hours, 1));
        assert_eq!(state.time_to_end().as_secs(), 6 * HOUR - 15, "{hours}");
        assert_eq!(written.as_deref(), Some("v1;running;until=2027-01-15T14:01:00Z;gen=2"), "{hours}");
    }
    // The tag agrees: nothing is written.
    let tag =
        format!("v1;running;until={};gen=1", Timestamp::from_second(BEGIN + 6 * HOUR + 60).expect("at"));
    let (state, written) = stepped(counted(), 75, &tag);
    assert_eq!((state.time_to_end().as_secs(), written), (6 * HOUR - 15, None));
    // An extension from outside has a later generation.
    let (state, written) = stepped(counted(), 75, &until(9, 2));
    assert_eq!((state.time_to_end().as_secs(), written), (9 * HOUR - 75, None));
}

#[test]
fn a_tag_that_ended_before_the_start_is_replaced_by_a_life_without_an_intent() {
    let (state, written) = stepped(eight_hours(Some("i-1")), 75, &until(-1, 4));
    assert_eq!(state.time_to_end().as_secs(), 8 * HOUR - 75);
    assert_eq!(written.as_deref(), Some("v1;running;until=2027-01-15T16:00:00Z;gen=5"));
    // Any other tag is adopted, also one that has ended since the start.
    let (state, _) = stepped(eight_hours(Some("i-1")), 2 * HOUR, &until(1, 4));
    assert_eq!(state.dead_man_after().as_secs(), 900);
    let (state, _) = stepped(eight_hours(Some("i-1")), 75, &until(0, 4));
    assert_eq!(state.dead_man_after().as_secs(), 900, "the start itself is not before the start");
    // A life with an intent obeys a later generation.
    let (state, _) = stepped(eight_hours(Some("i-1")), 75, &until(5, 1));
    let (state, _) = stepped(state, 90, &until(-1, 2));
    assert_eq!(state.dead_man_after().as_secs(), 900);
}

#[test]
fn a_cap_that_was_over_before_the_life_began_is_of_another_instance() {
    let cap = |seconds: i64| Timestamp::from_second(BEGIN + seconds).expect("in range");
    let begin = |cap: Option<Timestamp>, pending: bool| {
        let mut inputs = inputs(Some("i-1"), 60, None);
        if !pending {
            inputs.boot.pending = Known::Unseen("no answer".to_string());
        }
        let terms = Terms { cap, ..Terms::with_budget(SignedDuration::from_hours(8)) };
        DaemonState::begin(terms, &inputs.clocks, &inputs.boot)
    };
    let check = |state: DaemonState, tag: Option<Timestamp>, expected: i64| {
        let mut inputs = inputs(Some("i-1"), 75, None);
        inputs.tags.cap = tag.map_or(Known::Absent, Known::Is);
        let (state, _) = step(state, &inputs);
        assert_eq!(state.dead_man_after().as_secs() - 900, expected, "{tag:?}");
        state
    };
    let (whole, over, hour) = (8 * HOUR - 75, Some(cap(-1)), Some(cap(HOUR)));
    // The tags were copied, or the terms too; the start itself is not before the start.
    check(begin(None, true), over, whole);
    check(begin(over, true), None, whole);
    check(begin(over, true), over, whole);
    check(begin(None, true), Some(cap(0)), 0);
    check(begin(over, true), hour, HOUR - 75);
    check(begin(hour, true), over, HOUR - 75);
    // The start became known after the life began, in the same boot.
    check(begin(over, false), over, whole);
    // A life that began before its cap obeys it after a later start too.
    let state = check(begin(hour, true), hour, HOUR - 75);
    let mut inputs = inputs(Some("i-1"), 60, None);
    inputs.boot.id = "another".to_string();
    inputs.boot.pending = Known::Is(cap(2 * HOUR));
    inputs.date = Some(cap(2 * HOUR + 60));
    inputs.tags.cap = hour.map_or(Known::Absent, Known::Is);
    assert_eq!(step(state, &inputs).0.dead_man_after().as_secs(), 900);
}
