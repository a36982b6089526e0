//! Single events of a life: inputs in, effects out as lines of text.

mod life;

use domain::Known;
use jiff::SignedDuration;
use life::{LoggedLife, instant};
use lifecycle::idle::IdleTerms;
use lifecycle::tag::{self, ExpiryTag};
use lifecycle::{AwsCallError, Command, EndAction, LifeEvent, PowerOff, Terms, step};

fn tagged(text: &str) -> Known<ExpiryTag> {
    Known::Is(ExpiryTag::decode(text).expect("a tag"))
}

#[test]
fn an_hour_is_warned_of_four_times_and_ends_in_a_stop() {
    let mut life = LoggedLife::hour();
    life.run(3_600);
    let why = "because its time is over (the running time agreed at launch was 1h). To prevent it: spawnd extend 2h";
    life.check(&[
        &format!("1800 Warning: this instance will stop in 30m, {why}"),
        &format!("3000 Warning: this instance will stop in 10m, {why}"),
        &format!("3300 Warning: this instance will stop in 5m, {why}"),
        &format!("3540 Last: this instance will stop in 1m, {why}"),
        "3600 hook",
        "3600 v1;paused;left=0;gen=1",
        "3600 stop",
    ]);
}

#[test]
fn a_stop_pauses_the_budget_and_a_reboot_does_not() {
    let mut life = LoggedLife::hour();
    life.run(540);
    life.boot(100_000, true);
    // 60 seconds before the first step, ten minutes of running, 60 seconds of the new boot.
    assert_eq!(life.left(), 3_600 - 600 - 60);
    life.check(&["60 v1;running;until=2027-01-16T12:46:40Z;gen=1"]);
    life.log.clear();
    life.run(540);
    life.boot(30, false);
    assert_eq!(life.left(), 3_600 - 1_200 - 90);
    life.check(&[]);
}

#[test]
fn hibernation_pauses_the_budget_and_forgets_credentials() {
    let mut life = LoggedLife::hour();
    life.run(540);
    life.asleep += 50_000;
    life.aws += 50_000;
    life.run(15);
    assert_eq!(life.left(), 3_600 - 615);
    life.check(&["615 forget credentials", "615 v1;running;until=2027-01-15T22:53:20Z;gen=1"]);
}

#[test]
fn an_overdue_instance_gets_the_grace_period_after_a_start() {
    let mut life = LoggedLife::hour();
    life.run(3_600);
    life.log.clear();
    life.boot(100_000, true);
    assert_eq!(life.left(), 300);
    assert!(life.log[0].contains("will stop in 5m"), "{:?}", life.log);
}

#[test]
fn a_higher_generation_wins_and_a_lower_one_is_overwritten() {
    let mut life = LoggedLife::hour();
    life.tag = tagged("v1;running;until=2027-01-15T11:00:00Z;gen=5");
    life.run(15);
    assert_eq!(life.left(), 3 * 3_600 - 75);
    life.tag = tagged("v1;running;until=2027-01-15T20:00:00Z;gen=4");
    life.run(15);
    assert_eq!(life.left(), 3 * 3_600 - 90);
    life.check(&["90 v1;running;until=2027-01-15T11:00:00Z;gen=5"]);
}

#[test]
fn within_one_generation_the_earlier_end_wins_once_it_persists() {
    let check = |until: &str, left: i64| {
        let mut life = LoggedLife::hour();
        life.tag = tagged("v1;running;until=2027-01-15T11:00:00Z;gen=5");
        life.run(15);
        life.tag = tagged(until);
        life.run(30);
        assert_eq!(life.left(), 3 * 3_600 - 105, "it was accepted at once");
        life.run(60);
        assert_eq!(life.left(), left, "{until}");
        let settled = life.log.last().expect("it is written again");
        assert!(settled.ends_with("gen=6"), "{settled}");
    };
    check("v1;running;until=2027-01-15T10:00:00Z;gen=5", 2 * 3_600 - 165);
    check("v1;running;until=2027-01-15T15:00:00Z;gen=5", 3 * 3_600 - 165);
}

#[test]
fn a_pause_that_lasts_while_running_is_withdrawn() {
    let mut life = LoggedLife::hour();
    life.tag = tagged("v1;running;until=2027-01-15T09:00:00Z;gen=8");
    life.run(15);
    life.tag = tagged("v1;paused;left=1800;gen=9");
    life.run(285);
    life.check(&["90 Warning: this instance will stop in 30m, because its time is over (the running time agreed at launch was 1h). To prevent it: spawnd extend 2h"]);
    life.log.clear();
    life.run(30);
    assert_eq!(life.left(), 1_800 - 300);
    life.check(&["390 v1;running;until=2027-01-15T08:31:30Z;gen=10"]);
}

#[test]
fn without_aws_time_a_tag_waits_and_a_stepped_clock_decides_nothing() {
    let mut life = LoggedLife::hour();
    life.boot(0, true);
    life.heard = false;
    life.boot(0, true);
    let left = life.left();
    life.tag = tagged("v1;running;until=2027-01-15T08:00:01Z;gen=50");
    life.run(600);
    assert_eq!(life.left(), left - 600);
}

#[test]
fn an_unreadable_tag_changes_nothing_and_is_reported_once() {
    let mut life = LoggedLife::hour();
    life.tag = Known::Unseen("tag spawn:expiry is \"x\"".to_string());
    life.run(60);
    assert_eq!(life.left(), 3_600 - 120);
    life.check(&["75 Trouble: the expiry tag cannot be read: tag spawn:expiry is \"x\""]);
}

#[test]
fn a_late_cap_shortens_after_the_warning_and_nothing_extends_beyond_it() {
    let mut life = LoggedLife::hour();
    life.cap = Known::Is(tag::decode_cap("2027-01-15T08:30:00Z").expect("a cap"));
    life.run(15);
    assert_eq!(life.left(), 1_800 - 75);
    life.log.clear();
    life.ask(Command::Extend { by: SignedDuration::from_hours(1), local_only: false });
    life.check(&["75 no: the cap is 2027-01-15T08:30:00Z, and only the launching principal can move it"]);
    life.cap = Known::Is(instant(0));
    life.run(15);
    assert_eq!(life.left(), 285, "the grace since the warning at 75 s has not passed");
}

#[test]
fn an_extension_is_written_first_and_refused_when_that_fails() {
    let mut life = LoggedLife::hour();
    let more = Command::Extend { by: SignedDuration::from_hours(2), local_only: false };
    life.ask(more.clone());
    life.check(&[
        "60 v1;running;until=2027-01-15T11:00:00Z;gen=1",
        "60 yes: extended: 2h59m left, until 2027-01-15T11:00:00Z",
    ]);
    life.log.clear();
    life.refusal = Some(AwsCallError::Denied("no CreateTags".to_string()));
    life.ask(more);
    assert_eq!(life.left(), 3 * 3_600 - 60);
    assert!(
        life.log
            .iter()
            .any(|line| line.contains("60 no: not extended: the tag could not be written (denied"))
    );
}

#[test]
fn when_the_call_fails_the_bound_is_enforced_by_powering_off() {
    let check = |refusal: AwsCallError, after: i64| {
        let mut life = LoggedLife::hour();
        life.run(3_480);
        life.refusal = Some(refusal);
        life.log.clear();
        life.run(300);
        let off = life.log.iter().find(|line| line.ends_with("power off")).cloned();
        assert_eq!(off, Some(format!("{} power off", 3_600 + after)), "{:?}", life.log);
    };
    check(AwsCallError::Denied("no".to_string()), 0);
    check(AwsCallError::Failed("no route".to_string()), 120);
}

#[test]
fn an_accepted_call_that_does_nothing_is_followed_by_powering_off() {
    let mut life = LoggedLife::hour();
    life.run(3_600);
    life.log.clear();
    life.run(420);
    life.check(&["3900 power off", "3960 power off", "4020 power off", "4080 power off"]);
}

#[test]
fn a_hibernation_that_is_refused_or_does_nothing_becomes_a_stop() {
    let terms =
        Terms { on_expiry: EndAction::Hibernate, ..Terms::with_budget(SignedDuration::from_hours(1)) };
    let mut life = LoggedLife::new(terms);
    life.run(3_600);
    life.log.clear();
    life.run(315);
    life.check(&["3900 v1;paused;left=0;gen=2", "3900 stop"]);
}

#[test]
fn idleness_never_powers_off_if_that_would_terminate() {
    let check = |power_off: PowerOff, expected: &str| {
        let idle = Some(IdleTerms::after(SignedDuration::from_mins(30)));
        let mut life =
            LoggedLife::new(Terms { idle, power_off, ..Terms::with_budget(SignedDuration::from_hours(8)) });
        life.run(840);
        life.quiet = true;
        life.refusal = Some(AwsCallError::Denied("no".to_string()));
        life.run(3_000);
        let last = life.log.iter().rev().find(|line| !line.contains("v1;")).expect("a line");
        assert!(last.contains(expected), "{:?}", life.log);
    };
    check(PowerOff::Stops, "power off");
    check(PowerOff::Terminates, "it runs on");
}

#[test]
fn an_extension_cancels_an_end_in_progress() {
    let mut life = LoggedLife::hour();
    life.run(3_480);
    life.refusal = Some(AwsCallError::Failed("no route".to_string()));
    life.run(60);
    life.refusal = None;
    life.log.clear();
    life.ask(Command::Extend { by: SignedDuration::from_hours(1), local_only: false });
    life.run(600);
    assert!(
        life.log.iter().all(|line| !line.ends_with("stop") && !line.ends_with("power off")),
        "{:?}",
        life.log
    );
    assert_eq!(life.left(), 3_000);
    life.run(3_000);
    assert!(life.log.last().is_some_and(|line| line.ends_with(" stop")), "{:?}", life.log);
}

#[test]
fn a_hook_that_hangs_is_waited_for_until_its_limit() {
    let mut life = LoggedLife::hour();
    life.hook_hangs = true;
    life.run(3_540);
    life.log.clear();
    life.run(105);
    life.check(&[]);
    life.run(15);
    life.check(&["3720 v1;paused;left=0;gen=1", "3720 stop"]);
}

#[test]
fn a_call_without_an_answer_is_retried_for_two_minutes() {
    let mut life = LoggedLife::hour();
    life.run(3_480);
    life.refusal = Some(AwsCallError::Failed("no route".to_string()));
    life.run(180);
    let calls = life.log.iter().filter(|line| line.ends_with(" stop")).count();
    assert_eq!(calls, 8, "{:?}", life.log);
}

/// A life that is idle from its fifteenth minute on, and would be stopped after forty more.
fn idle() -> LoggedLife {
    let idle = Some(IdleTerms::after(SignedDuration::from_mins(30)));
    let mut life = LoggedLife::new(Terms { idle, ..Terms::with_budget(SignedDuration::from_hours(8)) });
    life.run(840);
    life.quiet = true;
    life
}

#[test]
fn an_idle_end_needs_a_fresh_reading() {
    let mut life = idle();
    life.run(2_300);
    life.blind = true;
    life.run(600);
    assert!(life.log.iter().all(|line| !line.ends_with("stop")), "{:?}", life.log);
    life.blind = false;
    life.run(30);
    assert!(life.log.iter().any(|line| line.ends_with("stop")), "{:?}", life.log);
}

#[test]
fn activity_cancels_an_idle_action_until_aws_has_accepted_it() {
    let mut life = idle();
    life.run(2_300);
    life.quiet = false;
    life.run(15);
    assert!(life.log.last().is_some_and(|line| line.contains("in use again")), "{:?}", life.log);
    let mut life = idle();
    life.run(2_700);
    assert!(life.log.last().is_some_and(|line| line.ends_with("stop")), "{:?}", life.log);
    life.log.clear();
    life.quiet = false;
    life.run(15);
    assert!(life.log.iter().all(|line| line.contains("in use again")), "{:?}", life.log);
    // AWS did nothing all the same, and the instance in use is not powered off.
    life.run(60);
    assert!(life.log.last().is_some_and(|line| line.contains("v1;running;")), "{:?}", life.log);
}

#[test]
fn a_shutdown_writes_the_time_left_to_the_tag() {
    let mut life = LoggedLife::hour();
    life.run(540);
    life.step_with(vec![LifeEvent::GoingDown]);
    life.check(&["600 v1;paused;left=3000;gen=1"]);
}

#[test]
fn a_replaced_daemon_withdraws_the_pause_of_the_one_before_at_once() {
    let mut life = LoggedLife::hour();
    life.run(540);
    life.step_with(vec![LifeEvent::GoingDown]);
    life.state = life.state.take().map(lifecycle::DaemonState::reloaded);
    life.run(15);
    life.check(&["600 v1;paused;left=3000;gen=1", "615 v1;running;until=2027-01-15T09:00:00Z;gen=2"]);
    // The pause of a stop that AWS refused is withdrawn after five minutes.
    life.tag = tagged("v1;paused;left=2985;gen=3");
    life.state = life.state.take().map(lifecycle::DaemonState::reloaded);
    life.run(300);
    assert_eq!(life.log.len(), 2, "{:?}", life.log);
    life.run(30);
    life.check(&[
        "600 v1;paused;left=3000;gen=1",
        "615 v1;running;until=2027-01-15T09:00:00Z;gen=2",
        "930 v1;running;until=2027-01-15T09:00:15Z;gen=4",
    ]);
}

#[test]
fn the_hook_does_not_shorten_the_time_for_the_call() {
    let mut life = LoggedLife::hour();
    life.hook_hangs = true;
    life.run(3_480);
    life.refusal = Some(AwsCallError::Failed("no route".to_string()));
    life.run(360);
    let off = life.log.iter().find(|line| line.ends_with("power off")).cloned();
    assert_eq!(off.as_deref(), Some("3840 power off"), "{:?}", life.log);
}

#[test]
fn a_call_that_is_accepted_late_has_its_five_minutes() {
    let mut life = LoggedLife::hour();
    life.run(3_480);
    life.refusal = Some(AwsCallError::Failed("no route".to_string()));
    life.run(120);
    life.refusal = None;
    life.run(360);
    let off = life.log.iter().find(|line| line.ends_with("power off")).cloned();
    assert_eq!(off.as_deref(), Some("3975 power off"), "{:?}", life.log);
}

#[test]
fn a_hibernation_that_aws_refuses_is_a_stop_at_once() {
    let terms =
        Terms { on_expiry: EndAction::Hibernate, ..Terms::with_budget(SignedDuration::from_hours(1)) };
    let mut life = LoggedLife::new(terms);
    life.run(3_480);
    life.log.clear();
    life.refusal = Some(AwsCallError::NoHibernation);
    life.run(60);
    let calls: Vec<&str> =
        life.log.iter().filter_map(|line| line.split_once(' ')).map(|(_, what)| what).collect();
    let done: Vec<&&str> =
        calls.iter().filter(|what| ["hibernate", "stop", "power off"].contains(what)).collect();
    assert_eq!(done, [&"hibernate", &"stop", &"power off"], "{:?}", life.log);
}

#[test]
fn a_lease_is_released_once() {
    let mut life = LoggedLife::hour();
    life.ask(Command::KeepAlive { name: "job".to_string(), span: SignedDuration::from_mins(5) });
    life.ask(Command::Release { name: "job".to_string() });
    life.ask(Command::Release { name: "job".to_string() });
    life.check(&[
        "60 yes: not idle for 5m (job); the time bound is unchanged",
        "60 yes: released job",
        "60 no: there is no lease named job",
    ]);
}

#[test]
fn an_extension_whose_daemon_died_does_not_block_the_next() {
    let more = Command::Extend { by: SignedDuration::from_hours(2), local_only: false };
    let mut life = LoggedLife::hour();
    let inputs = life.inputs(vec![LifeEvent::Asked { ticket: 7, command: more.clone() }]);
    let (state, _) = step(life.state.take().expect("a state"), &inputs);
    let (waiting, _) = step(state.clone(), &inputs);
    life.state = Some(waiting);
    life.ask(more.clone());
    assert!(life.log.last().is_some_and(|line| line.contains("another extension is being written")));
    life.state = Some(state.reloaded());
    life.ask(more);
    assert!(life.log.last().is_some_and(|line| line.contains("yes: extended")), "{:?}", life.log);
}

#[test]
fn an_older_tag_just_after_a_write_is_only_late() {
    let mut life = LoggedLife::hour();
    life.ask(Command::Extend { by: SignedDuration::from_hours(1), local_only: false });
    life.log.clear();
    life.tag = tagged("v1;running;until=2027-01-15T09:00:00Z;gen=0");
    life.run(285);
    life.check(&[]);
    life.run(30);
    life.check(&["360 v1;running;until=2027-01-15T10:00:00Z;gen=1"]);
}

#[test]
fn a_daemon_without_saved_state_counts_a_pause_from_the_boot() {
    let mut life = LoggedLife::hour();
    life.tag = tagged("v1;paused;left=3000;gen=9");
    life.run(15);
    assert_eq!(life.left(), 3_000 - 75);
}
