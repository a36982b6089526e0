//! The limits of single rules: exact durations, exact amounts, and forbidden effects. Each test was
//! added after a mutation of its rule had made no test fail.

#[path = "life/heartbeats.rs"]
mod heartbeats;
mod life;

use domain::Known;
use jiff::SignedDuration;
use life::{LoggedLife, instant};
use lifecycle::clock_time::{ClockTimeError, parse_clock};
use lifecycle::idle::{IdleTerms, OFF, RULES};
use lifecycle::tag::{BudgetIntent, ExpiryTag, decode_cap};
use lifecycle::{
    AwsCallError, AwsNotice, Command, EndAction, HookTrigger, LifeEffect, LifeEvent, Terms, step,
};
use serde::Deserialize;
use serde::de::value::{Error, MapDeserializer};

fn secs(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

fn extend(seconds: i64, local_only: bool) -> Command {
    Command::Extend { by: secs(seconds), local_only }
}

/// A life that is idle from its fifteenth minute on, and would be stopped after forty more.
fn idle() -> LoggedLife {
    let idle = Some(IdleTerms::after(SignedDuration::from_mins(30)));
    let mut life = LoggedLife::new(Terms { idle, ..Terms::with_budget(SignedDuration::from_hours(8)) });
    life.run(840);
    life.quiet = true;
    life
}

/// Returns the second of the first log line with this ending.
fn second_of(life: &LoggedLife, end: &str) -> Option<i64> {
    let line = life.log.iter().find(|line| line.ends_with(end))?;
    line.split(' ').next()?.parse().ok()
}

#[test]
fn without_aws_time_only_a_local_extension_works() {
    let mut life = LoggedLife::hour();
    life.heard = false;
    life.boot(0, true);
    life.log.clear();
    life.ask(extend(3_600, false));
    life.ask(extend(3_600, true));
    assert!(life.log[0].contains("no: AWS's time was not received since the last boot"), "{:?}", life.log);
    assert!(life.log[1].contains("yes: extended: 1h58m left"), "{:?}", life.log);
}

#[test]
fn a_short_extension_counts_and_the_cap_must_leave_a_minute() {
    let check = |cap: Option<i64>, by: i64, left: i64| {
        let mut life = LoggedLife::hour();
        life.cap = cap.map_or(Known::Absent, |second| Known::Is(instant(second)));
        life.ask(extend(by, false));
        assert_eq!(life.left(), left, "{cap:?} {by}: {:?}", life.log);
    };
    check(None, 10, 3_550);
    // The hour ends at 3,600; an extension that the cap cuts to less than a minute is refused.
    check(Some(3_659), 600, 3_540);
    check(Some(3_660), 600, 3_600);
}

#[test]
fn an_extension_counts_from_the_request() {
    let mut life = LoggedLife::hour();
    let inputs = life.inputs(vec![LifeEvent::Asked { ticket: 1, command: extend(600, false) }]);
    let (state, effects) = step(life.state.take().expect("a state"), &inputs);
    let generation = effects.iter().find_map(|effect| match effect {
        LifeEffect::WriteTag(expiry) => Some(expiry.generation),
        _ => None,
    });
    life.mono += 20;
    life.aws += 20;
    let written = LifeEvent::TagWritten { generation: generation.expect("a tag"), outcome: Ok(()) };
    life.state = Some(step(state, &life.inputs(vec![written])).0);
    assert_eq!(life.left(), 3_540 + 600 - 20);
}

#[test]
fn a_failed_tag_write_is_retried_every_minute() {
    let mut life = LoggedLife::hour();
    life.refusal = Some(AwsCallError::Failed("no route".to_string()));
    life.boot(0, true);
    life.run(120);
    life.refusal = None;
    life.run(120);
    let tries: Vec<&str> =
        life.log.iter().filter_map(|line| Some(line.split_once(" v1;running;")?.0)).collect();
    assert_eq!(tries, ["60", "120", "180", "240"], "{:?}", life.log);
}

#[test]
fn no_running_tag_is_written_during_an_end() {
    let mut life = LoggedLife::hour();
    life.refusal = Some(AwsCallError::Failed("no route".to_string()));
    life.hook_hangs = true;
    life.boot(0, true);
    life.run(3_600);
    let end = life.log.iter().position(|line| line.ends_with("hook")).expect("an end");
    assert!(life.log[end..].iter().all(|line| !line.contains("v1;running")), "{:?}", life.log);
}

#[test]
fn a_short_sleep_right_after_the_first_step_is_a_resume() {
    let mut life = LoggedLife::hour();
    life.log.clear();
    let inputs = life.inputs(Vec::new());
    let state = lifecycle::DaemonState::begin(Terms::unread(), &inputs.clocks, &inputs.boot);
    life.asleep = 100;
    let (_, effects) = step(state, &life.inputs(Vec::new()));
    assert!(effects.contains(&LifeEffect::ForgetCredentials), "{effects:?}");
}

#[test]
fn more_than_ten_seconds_asleep_are_a_resume() {
    let check = |asleep: i64, resumed: bool| {
        let mut life = LoggedLife::hour();
        life.asleep = asleep;
        life.run(15);
        let mut booted = LoggedLife::hour();
        booted.asleep = asleep;
        booted.boot(30, false);
        for life in [life, booted] {
            let forgotten = life.log.iter().any(|line| line.ends_with("forget credentials"));
            assert_eq!(forgotten, resumed, "{asleep}: {:?}", life.log);
        }
    };
    check(10, false);
    check(11, true);
}

#[test]
fn until_a_boot_is_settled_the_dead_man_waits_for_the_warning() {
    let mut life = LoggedLife::hour();
    life.run(3_600);
    life.identified = false;
    life.boot(0, false);
    life.run(120);
    // The first step warned two minutes ago; the end was due three minutes ago. The slack is the
    // grace period plus ten minutes.
    let after = life.state.as_ref().expect("a state").dead_man_after();
    assert_eq!(after, secs(900 - 120), "{:?}", life.log);
}

#[test]
fn a_warning_survives_a_reboot() {
    let mut life = LoggedLife::hour();
    life.run(540);
    life.cap = Known::Is(instant(0));
    life.run(15);
    assert_eq!(life.left(), 300, "warned just now");
    life.run(90);
    life.boot(30, false);
    assert_eq!(life.left(), 300 - 90 - 60, "{:?}", life.log);
}

#[test]
fn a_gap_of_over_two_minutes_does_not_count_as_idle() {
    let check = |gap: i64, later: i64| {
        let mut life = idle();
        life.run(600);
        life.mono += gap;
        life.aws += gap;
        life.step_with(Vec::new());
        life.run(3_000);
        // Work ended at 945, when two of the last five readings were busy. The stop comes with the
        // first step after 2,400 seconds of idleness.
        let expected = (945 + 2_400 + later - 1_500 - gap) as u64;
        let expected = 1_500 + gap + expected.next_multiple_of(15) as i64;
        assert_eq!(second_of(&life, " stop"), Some(expected), "{gap}: {:?}", life.log);
    };
    check(120, 0);
    check(121, 121);
    check(600, 600);
}

#[test]
fn a_late_idle_warning_still_lasts_the_grace_period() {
    let mut life = idle();
    life.run(1_785);
    life.mono += 105;
    life.aws += 105;
    life.step_with(Vec::new());
    // The timeout was over at 2,745; the warning came at 2,790.
    assert_eq!(second_of(&life, "To prevent it: spawnd cancel"), Some(2_790), "{:?}", life.log);
    life.run(900);
    assert_eq!(second_of(&life, " stop"), Some(3_390), "{:?}", life.log);
}

#[test]
fn a_sleep_is_charged_neither_before_nor_after_a_reboot() {
    let mut life = LoggedLife::hour();
    life.run(540);
    life.asleep += 5_000;
    life.aws += 5_000;
    life.run(15);
    life.asleep = 0;
    life.boot(30, false);
    assert_eq!(life.left(), 3_600 - 615 - 30 - 60);
    let mut life = LoggedLife::hour();
    life.run(540);
    life.heard = false;
    life.boot(30, false);
    life.asleep += 1_000;
    life.aws += 1_000;
    life.run(15);
    life.heard = true;
    life.run(15);
    assert_eq!(life.left(), 3_600 - 600 - 30 - 60 - 30);
}

#[test]
fn an_extension_revokes_completion() {
    let mut life = LoggedLife::hour();
    life.ask(Command::Complete);
    life.ask(Command::Complete);
    let said: Vec<&str> =
        life.log.iter().filter_map(|line| line.split_once(" yes: ")).map(|(_, said)| said).collect();
    let first = "complete: the instance will terminate in 5m; spawnd extend 2h prevents it";
    assert_eq!(said, [first, "it was complete already"]);
    life.ask(extend(3_600, false));
    life.log.clear();
    life.run(3_600);
    assert!(life.log.iter().all(|line| !line.contains("its work is complete")), "{:?}", life.log);
    assert_eq!(second_of(&life, " stop"), Some(3_660), "{:?}", life.log);
}

#[test]
fn a_lease_lasts_more_than_zero_and_at_most_a_day() {
    let check = |seconds: i64, granted: bool| {
        let mut life = LoggedLife::hour();
        life.ask(Command::KeepAlive { name: "job".to_string(), span: secs(seconds) });
        let answer = if granted { "60 yes: not idle for" } else { "60 no: a lease is at most" };
        assert!(life.log.last().is_some_and(|line| line.contains(answer)), "{seconds}: {:?}", life.log);
    };
    check(-1, false);
    check(0, false);
    check(1, true);
    check(86_400, true);
    check(86_401, false);
}

#[test]
fn only_a_signal_lost_in_more_than_a_tenth_of_an_hours_looks_is_reported() {
    let told = |life: &LoggedLife| {
        life.log.iter().filter(|line| line.contains("idleness cannot be determined")).count()
    };
    let mut life = LoggedLife::new(Terms::with_budget(SignedDuration::from_hours(8)));
    life.run(7_200);
    assert_eq!(told(&life), 0, "{:?}", life.log);
    life.unseen = true;
    life.run(6 * 15);
    assert_eq!(told(&life), 0, "{:?}", life.log);
    life.run(3_600);
    assert_eq!(told(&life), 1, "{:?}", life.log);
}

#[test]
fn an_aws_notice_is_reported_once_and_runs_the_hook_if_the_end_is_near() {
    let notice = |id: &str, hook: Option<i64>| {
        LifeEvent::Aws(AwsNotice { id: id.to_string(), text: format!("AWS says {id}"), hook: hook.map(secs) })
    };
    let mut life = LoggedLife::hour();
    for _ in 0..2 {
        life.step_with(vec![notice("rebalance", None)]);
        life.step_with(vec![notice("spot", Some(100))]);
        life.check(&["60 Last: AWS says rebalance", "60 Last: AWS says spot", "60 hook"]);
    }
}

#[test]
fn an_end_waits_for_its_own_hook_and_for_no_other() {
    let spot = AwsNotice { id: "spot".to_string(), text: "AWS says spot".to_string(), hook: Some(secs(100)) };
    let mut life = LoggedLife::hour();
    life.hook_hangs = true;
    life.run(3_540);
    life.log.clear();
    life.step_with(vec![LifeEvent::Aws(spot)]);
    for other in [HookTrigger::Notice("spot".to_string()), HookTrigger::End { since: secs(3_585) }] {
        life.step_with(vec![LifeEvent::PreStopDone(other)]);
        life.check(&["3600 Last: AWS says spot", "3600 hook"]);
    }
    life.step_with(vec![LifeEvent::PreStopDone(HookTrigger::End { since: secs(3_600) })]);
    life.check(&["3600 Last: AWS says spot", "3600 hook", "3600 v1;paused;left=0;gen=1", "3600 stop"]);
}

#[test]
fn the_state_is_saved_every_minute_and_at_once_after_a_change() {
    let mut life = LoggedLife::hour();
    life.run(240);
    assert_eq!(life.saves, [120, 180, 240, 300]);
    life.run(15);
    life.ask(Command::KeepAlive { name: "job".to_string(), span: secs(60) });
    assert_eq!(life.saves, [120, 180, 240, 300, 315]);
}

#[test]
fn the_dead_man_is_rearmed_when_it_is_off_by_more_than_a_minute() {
    let mut life = LoggedLife::hour();
    life.ask(extend(60, true));
    life.run(120);
    assert_eq!(life.armed, [0; 0]);
    life.ask(extend(1, true));
    assert_eq!(life.armed, [180]);
}

#[test]
fn the_status_shows_the_end_the_idleness_and_the_dead_man() {
    let mut life = idle();
    life.ask(Command::KeepAlive { name: "job".to_string(), span: secs(600) });
    life.run(300);
    let status =
        |life: &LoggedLife| life.state.as_ref().expect("a state").status(&life.inputs(Vec::new()).clocks);
    // Twenty minutes since the boot. The budget is eight hours, the dead-man's slack 15 minutes.
    assert_eq!(status(&life).leases, [("job".to_string(), 300)]);
    assert_eq!(
        status(&life).sentences(),
        [
            "will stop in 7h40m, at 2027-01-15T16:00:00Z",
            "idle for 0s of 30m",
            "dead-man: powers off in 7h55m",
            "tag: no tag; the last known intent holds",
        ]
    );
    life.run(300 + 1_830);
    assert_eq!(status(&life).sentences()[1], "idle: will stop in 9m15s");
    let mut life = LoggedLife::hour();
    life.heard = false;
    life.boot(0, true);
    assert_eq!(
        status(&life).sentences(),
        [
            "will stop in 58m, at 1970-01-01T00:58:00Z (by this machine's clock)",
            "idle for 0s; no idle timeout is set",
            "dead-man: powers off in 1h13m",
            "tag: no tag; the last known intent holds",
        ]
    );
}

#[test]
fn the_keeping_signals_are_those_of_the_newest_readings() {
    let keeping = |life: &LoggedLife| life.state.as_ref().expect("a state").keeping_signals().count();
    let mut life = LoggedLife::hour();
    life.run(60);
    let on = RULES.iter().filter(|rule| rule.threshold != OFF).count();
    assert_eq!(keeping(&life), on);
    life.quiet = true;
    life.run(5 * 15);
    assert_eq!(keeping(&life), 0);
}

#[test]
fn the_status_shows_that_no_dead_man_is_armed() {
    let life = LoggedLife::hour();
    let inputs = life.inputs(Vec::new());
    let begun = lifecycle::DaemonState::begin(Terms::unread(), &inputs.clocks, &inputs.boot);
    let status = begun.status(&inputs.clocks);
    assert_eq!(status.dead_man_seconds, None);
    assert_eq!(status.sentences()[2], "dead-man: NOT armed");
}

#[test]
fn the_generation_has_an_upper_limit() {
    let highest = ExpiryTag { intent: BudgetIntent::Paused(secs(1)), generation: (1 << 48) - 1 };
    assert_eq!(ExpiryTag::decode(&highest.encode()), Ok(highest));
    assert!(ExpiryTag::decode("v1;paused;left=1;gen=281474976710656").is_err());
}

#[test]
fn a_malformed_tag_is_quoted_short_and_without_control_characters() {
    let error = decode_cap("7d\u{1b}[2J\n").expect_err("no instant").to_string();
    assert_eq!(error, "tag spawn:cap is \"7d[2J\", expected an instant such as 2026-11-30T10:00:00Z");
    let error = decode_cap(&"x".repeat(81)).expect_err("no instant").to_string();
    assert!(error.contains(&format!("\"{}\"", "x".repeat(80))), "{error}");
}

#[test]
fn a_single_word_is_a_time_and_never_a_zone() {
    for text in ["18/00", "UTC"] {
        let read = parse_clock(text, instant(0), &jiff::tz::TimeZone::UTC);
        assert_eq!(read, Err(ClockTimeError::Clock(text.to_string())));
    }
}

#[test]
fn terms_store_spans_as_text() {
    let read = |timeout: &'static str| {
        let fields = [("timeout", timeout), ("action", "hibernate")];
        IdleTerms::deserialize(MapDeserializer::<_, Error>::new(fields.into_iter()))
    };
    let expected = IdleTerms { action: EndAction::Hibernate, ..IdleTerms::after(secs(5_400)) };
    assert_eq!(read("1h30m"), Ok(expected));
    assert!(read("90").expect_err("no unit").to_string().contains("such as 90m"));
}

#[test]
fn the_boot_grace_ends_after_fifteen_minutes() {
    let mut life = LoggedLife::hour();
    life.quiet = true;
    let idle_seconds = |life: &LoggedLife| {
        life.state.as_ref().expect("a state").status(&life.inputs(Vec::new()).clocks).idle_seconds
    };
    life.run(900 - 60 - 15);
    assert_eq!(idle_seconds(&life), 0);
    life.run(15);
    assert_eq!(idle_seconds(&life), 15);
}

#[test]
fn an_accepted_stop_is_awaited_for_five_minutes_after_an_extension() {
    let mut life = LoggedLife::hour();
    life.run(3_540);
    life.log.clear();
    life.ask(extend(3_600, false));
    life.run(600);
    let until = "v1;running;until=2027-01-15T10:00:00Z";
    let answer = "extended: 1h left, until 2027-01-15T10:00:00Z";
    life.check(&[
        &format!("3600 {until};gen=2"),
        &format!("3600 yes: {answer}"),
        &format!("3900 {until};gen=3"),
    ]);
}

#[test]
fn a_pause_seen_after_a_reboot_counts_from_the_boot() {
    let mut life = LoggedLife::hour();
    life.run(540);
    life.tag = Known::Is(ExpiryTag { intent: BudgetIntent::Paused(secs(1_800)), generation: 9 });
    life.run(120);
    life.boot(0, false);
    life.log.clear();
    life.run(600);
    assert_eq!(second_of(&life, "gen=10"), Some(60 + 300), "{:?}", life.log);
}

#[test]
fn a_failed_tag_write_is_retried_at_once_after_a_reboot() {
    let mut life = LoggedLife::hour();
    life.refusal = Some(AwsCallError::Failed("no route".to_string()));
    life.boot(0, true);
    life.run(120);
    life.log.clear();
    life.boot(0, false);
    life.run(60);
    let until = "v1;running;until=2027-01-15T09:00:00Z;gen=1";
    life.check(&[&format!("60 {until}"), &format!("120 {until}")]);
}

#[test]
fn two_ends_of_one_generation_a_minute_apart_are_equal() {
    let check = |earlier: i64, settled: bool| {
        let mut life = LoggedLife::hour();
        let ends = |second: i64| {
            Known::Is(ExpiryTag { intent: BudgetIntent::Running(instant(second)), generation: 5 })
        };
        life.tag = ends(7_200);
        life.run(15);
        life.tag = ends(7_200 - earlier);
        life.run(120);
        assert_eq!(second_of(&life, "gen=6").is_some(), settled, "{earlier}: {:?}", life.log);
    };
    check(60, false);
    check(61, true);
}

#[test]
fn a_gap_during_the_warnings_delays_the_idle_end() {
    let check = |gap: i64, end: i64| {
        let mut life = idle();
        life.run(2_145);
        assert_eq!(second_of(&life, "To prevent it: spawnd cancel"), Some(2_745), "{:?}", life.log);
        life.mono += gap;
        life.aws += gap;
        life.run(1_200);
        assert_eq!(second_of(&life, " stop"), Some(end), "{gap}: {:?}", life.log);
    };
    check(45, 3_345);
    check(180, 3_540);
}

#[test]
fn past_the_dead_man_only_a_warned_instance_is_powered_off() {
    let check = |looked_until: i64, off: bool| {
        let mut life = LoggedLife::hour();
        life.run(looked_until - 60);
        life.log.clear();
        life.mono = 5_000;
        life.step_with(Vec::new());
        assert_eq!(second_of(&life, " power off"), off.then_some(5_000), "{:?}", life.log);
    };
    // The first warning is at 1,800; the dead-man would have acted at 4,500.
    check(1_785, false);
    check(1_800, true);
}
