//! When an instance publishes a heartbeat, and when it does not.

use crate::life::LoggedLife;
use jiff::SignedDuration;
use lifecycle::idle::IdleTerms;
use lifecycle::{AwsCallError, Command, LifeEvent, Terms};

fn day() -> Terms {
    Terms::with_budget(SignedDuration::from_hours(24))
}

/// A life that measures itself from its first step on, a minute after the boot.
fn measuring(terms: Terms) -> LoggedLife {
    let mut life = LoggedLife::new(terms);
    life.measures = Some(60);
    life
}

/// Returns the seconds of all heartbeat attempts.
fn beats(life: &LoggedLife) -> Vec<i64> {
    let at = |line: &String| line.split_once(" v1;at=")?.0.parse().ok();
    life.log.iter().filter_map(at).collect()
}

fn sentence(life: &LoggedLife) -> String {
    let clocks = life.inputs(Vec::new()).clocks;
    life.state.as_ref().expect("a state").status(&clocks).heartbeat.sentence
}

#[test]
fn publishes_the_figures_every_15_minutes() {
    let mut life = measuring(day());
    life.run(1_800);
    let figures =
        "over=900;cpu=12.50;network-in=1;network-out=2;disk=unseen;gpu=none;gpu-memory=none;idle=no";
    life.check(&[
        &format!("960 v1;at=2027-01-15T08:16:00Z;{figures}"),
        &format!("1860 v1;at=2027-01-15T08:31:00Z;{figures}"),
    ]);
    assert_eq!(sentence(&life), "2 written, the last 0s ago");
}

#[test]
fn the_terms_set_the_interval_or_turn_it_off() {
    let check = |every: Option<i64>, expected: &[i64], said: &str| {
        let heartbeat = every.map(SignedDuration::from_mins);
        let mut life = measuring(Terms { heartbeat, ..day() });
        life.run(7_200);
        assert_eq!((beats(&life).as_slice(), sentence(&life).as_str()), (expected, said));
    };
    check(Some(60), &[3_660, 7_260], "2 written, the last 0s ago");
    check(Some(180), &[], "none written yet, one every 3h");
    check(None, &[], "off");
}

#[test]
fn publishes_since_when_the_instance_is_idle() {
    let mut life = measuring(day());
    life.run(1_830);
    life.quiet = true;
    life.run(1_000);
    // A soft signal counts as work until at most one of the last five readings is busy.
    let said: Vec<&str> =
        life.log.iter().filter_map(|line| line.split_once(";idle=")).map(|pair| pair.1).collect();
    assert_eq!(said, ["no", "no", "2027-01-15T08:32:15Z"], "{:?}", life.log);
}

#[test]
fn a_failure_is_counted_and_retried_at_the_next_interval() {
    let mut life = measuring(day());
    life.beat_refusal = Some(AwsCallError::Failed("no route".to_string()));
    life.run(1_800);
    assert_eq!(beats(&life), [960, 1_860]);
    assert_eq!(life.log.len(), 2, "a failure has no other effect: {:?}", life.log);
    assert_eq!(
        sentence(&life),
        "none written yet, one every 15m; 2 failed; the last attempt failed: no route"
    );
    life.beat_refusal = None;
    life.run(900);
    assert_eq!(sentence(&life), "1 written, the last 0s ago; 2 failed");
}

#[test]
fn a_denied_role_is_tried_once_until_the_next_start() {
    let mut life = measuring(day());
    life.beat_refusal = Some(AwsCallError::Denied("no role".to_string()));
    life.run(20_000);
    assert_eq!(beats(&life), [960]);
    assert!(sentence(&life).ends_with("denied: no role; not retried until spawnd restarts"));
    life.state = life.state.take().map(lifecycle::DaemonState::reloaded);
    life.run(60);
    assert_eq!(beats(&life).len(), 2, "{:?}", life.log);
}

#[test]
fn waits_for_the_expiry_tag() {
    let mut life = measuring(day());
    life.refusal = Some(AwsCallError::Failed("no route".to_string()));
    life.boot(0, true);
    life.measures = Some(60);
    life.run(1_800);
    assert_eq!(beats(&life), [0; 0], "{:?}", life.log);
    life.refusal = None;
    life.run(75);
    let written: Vec<&String> = life.log.iter().filter(|line| line.starts_with("1920 ")).collect();
    assert!(written.len() == 2 && written[0].contains(" v1;running;"), "{written:?}");
    assert_eq!(beats(&life), [1_920], "{:?}", life.log);
}

#[test]
fn waits_for_aws_time() {
    let mut life = measuring(day());
    life.heard = false;
    life.boot(0, true);
    life.measures = Some(60);
    life.run(1_800);
    assert_eq!(beats(&life), [0; 0], "{:?}", life.log);
}

#[test]
fn writes_none_near_an_end() {
    let mut life = measuring(Terms::with_budget(SignedDuration::from_mins(17)));
    // Due at 960, a minute before the end.
    life.run(1_800);
    assert_eq!(beats(&life), [0; 0], "{:?}", life.log);
    let idle = Some(IdleTerms::after(SignedDuration::from_mins(30)));
    let mut life = measuring(Terms { idle, ..day() });
    life.run(840);
    life.quiet = true;
    life.run(2_550);
    assert!(life.log.iter().any(|line| line.ends_with(" stop")), "{:?}", life.log);
    assert_eq!(beats(&life), [960, 1_860, 2_760], "{:?}", life.log);
}

#[test]
fn an_extension_and_a_shutdown_go_first() {
    let mut life = measuring(day());
    life.run(885);
    life.mono += 15;
    life.aws += 15;
    life.ask(Command::Extend { by: SignedDuration::from_hours(1), local_only: false });
    assert!(life.log[0].starts_with("960 v1;running;"), "{:?}", life.log);
    let mut life = measuring(day());
    life.run(885);
    life.mono += 15;
    life.aws += 15;
    life.step_with(vec![LifeEvent::GoingDown]);
    assert!(life.log[0].starts_with("960 v1;paused;"), "{:?}", life.log);
}

#[test]
fn writes_no_more_often_if_measuring_never_restarts() {
    let mut life = measuring(day());
    for _ in 0..120 {
        life.run(15);
        life.measures = Some(60);
    }
    assert_eq!(beats(&life), [960, 1_860]);
}

#[test]
fn writes_one_two_minutes_before_an_end() {
    // Due at 960, exactly two minutes before the end.
    let mut life = measuring(Terms::with_budget(SignedDuration::from_mins(18)));
    life.run(1_800);
    assert_eq!(beats(&life), [960], "{:?}", life.log);
    let mut nearest = i64::MAX;
    for quiet_at in (240..1_140).step_by(15) {
        let grace = SignedDuration::from_mins(3);
        let idle = Some(IdleTerms { grace, ..IdleTerms::after(SignedDuration::from_mins(30)) });
        let mut life = measuring(Terms { idle, ..day() });
        life.run(quiet_at);
        life.quiet = true;
        life.run(4_000);
        let stop = life.log.iter().find_map(|line| line.strip_suffix(" stop")?.parse::<i64>().ok());
        let last = beats(&life).into_iter().max();
        nearest = nearest.min(stop.expect("it stops") - last.expect("one was written"));
    }
    assert_eq!(nearest, 120);
}
