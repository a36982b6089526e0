//! The commands that change the time or the power of an instance.

use std::panic::{AssertUnwindSafe, catch_unwind};

use console::FailureKind;
use fleet::bound::{LifeBound, bound};
use fleet::ports::ChangeFault;
use lifecycle::tag::{SeenTag, StartTag};
use lifecycle::{EndCause, EndStatus, HeartbeatStatus, LifeStatus};

use super::*;

/// The instance `try` with six hours left, which can be hibernated.
fn trial() -> InstanceView {
    change(instance("i-1", -6), |it| {
        it.tags.insert("Name".into(), "try".into());
        it.details.hibernates = true;
    })
}

fn world(seen: InstanceView) -> MemoryFleet {
    let cloud = memory();
    cloud.add(seen);
    cloud
}

fn failing<'a>(cloud: &'a MemoryFleet, faults: &[ChangeFault]) -> FaultyInstances<'a> {
    FaultyInstances { changes: RefCell::new(faults.iter().copied().collect()), ..FaultyInstances::new(cloud) }
}

fn spawn(cloud: &MemoryFleet, words: &[&str]) -> SpawnRun {
    SpawnHome::new().spawn(&FaultyInstances::new(cloud), words)
}

fn one(cloud: &MemoryFleet) -> InstanceView {
    cloud.all().remove(0)
}

fn terms(cloud: &MemoryFleet) -> ExpiryTag {
    ExpiryTag::decode(one(cloud).tag(tag::EXPIRY).unwrap()).unwrap()
}

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

/// Checks the end of a running instance, within the time that the commands take.
#[track_caller]
fn check_running_until(cloud: &MemoryFleet, expected: Timestamp) {
    let BudgetIntent::Running(until) = terms(cloud).intent else { panic!("{:?}", terms(cloud)) };
    assert!(until.duration_since(expected).abs() <= SignedDuration::from_mins(2), "{until} {expected}");
}

#[track_caller]
fn check_paused(cloud: &MemoryFleet, expected: SignedDuration) {
    let BudgetIntent::Paused(left) = terms(cloud).intent else { panic!("{:?}", terms(cloud)) };
    assert!((left - expected).abs() <= SignedDuration::from_mins(2), "{left:?} {expected:?}");
}

#[test]
fn a_stopped_instance_is_started_with_the_time_that_was_left() {
    let cloud = world(trial());
    let stopped = spawn(&cloud, &["stop", "try"]).good();
    assert!(stopped.contains("i-1,try,us-east-1,stop,done,stopped,6h,,"), "{stopped}");
    assert_eq!(terms(&cloud), ExpiryTag { intent: BudgetIntent::Paused(hours(6)), generation: 2 });
    cloud.forward(hours(10));
    let listed = spawn(&cloud, &["list"]).good();
    assert!(listed.contains(",6h,paused while it is stopped,"), "{listed}");
    let again = spawn(&cloud, &["stop", "i-1"]).good();
    assert!(again.contains("stop,done,stopped,6h"), "{again}");
    assert_eq!(terms(&cloud).generation, 2, "nothing was written");
    let started = spawn(&cloud, &["start", "try"]).good();
    assert!(started.contains("i-1,try,us-east-1,start,done,running,5h59m"), "{started}");
    check_running_until(&cloud, noon() + hours(16));
    assert_eq!(terms(&cloud).generation, 3);
    let start = StartTag::decode(one(&cloud).tag(tag::START).unwrap()).unwrap();
    assert_eq!((start.generation, Known::Is(start.at)), (3, one(&cloud).launched));
    assert!(matches!(bound(&one(&cloud)), LifeBound::At(..)), "{:?}", bound(&one(&cloud)));
}

#[test]
fn a_dry_run_changes_nothing() {
    let cloud = world(trial());
    let before = cloud.all();
    for (words, expected) in [
        (&["stop", "try", "--dry-run"][..], "i-1,try,us-east-1,stop,planned,running,6h,,"),
        (&["hibernate", "try", "--dry-run"], "hibernate,planned,"),
        (&["reboot", "try", "--dry-run"], "reboot,planned,"),
        (&["start", "try", "--dry-run"], "start,planned,"),
        (&["terminate", "try", "--dry-run"], "terminate,planned,"),
        (
            &["extend", "try", "2h", "--dry-run"],
            "i-1,try,us-east-1,planned,8h,2026-11-23T20:00:00Z,,,running,6h",
        ),
    ] {
        let ran = spawn(&cloud, words);
        assert!(ran.err.contains("nothing was changed"), "{}", ran.err);
        let out = ran.good();
        assert!(out.contains(expected), "{words:?}: {out}");
    }
    assert_eq!(cloud.all(), before);
}

#[test]
fn a_refused_stop_is_taken_back() {
    for (verb, refused) in [("stop", ChangeFault::Refused), ("hibernate", ChangeFault::Lost)] {
        let cloud = world(trial());
        let ran = SpawnHome::new().spawn(&failing(&cloud, &[ChangeFault::Fine, refused]), &[verb, "try"]);
        assert!(ran.failed().starts_with(&format!("{verb} i-1: ")), "{}", ran.failed());
        assert!(ran.out.contains(&format!("{verb},failed,running,")), "{}", ran.out);
        assert_eq!(one(&cloud).state, InstanceState::Running);
        assert_eq!(
            terms(&cloud),
            ExpiryTag { intent: BudgetIntent::Running(noon() + hours(6)), generation: 3 }
        );
    }
}

#[test]
fn an_instance_whose_tag_cannot_be_written_is_not_stopped() {
    let cloud = world(trial());
    let ran = SpawnHome::new().spawn(&failing(&cloud, &[ChangeFault::Refused]), &["stop", "try"]);
    assert_eq!(ran.failed(), "stop i-1: the tag spawn:expiry could not be written: you are not authorized");
    assert_eq!((one(&cloud).state, terms(&cloud).generation), (InstanceState::Running, 1));
}

#[test]
fn hibernation_that_is_not_possible_becomes_a_stop_only_if_that_is_wanted() {
    let plain = || change(trial(), |it| it.details.hibernates = false);
    let cloud = world(plain());
    let ran = spawn(&cloud, &["hibernate", "try"]);
    assert_eq!(ran.failed(), "hibernate i-1: it was launched without hibernation");
    let hint = ran.ended.as_ref().unwrap_err().hint.as_deref();
    assert_eq!(hint, Some("spawn hibernate i-1 --or-stop"));
    assert_eq!(cloud.all(), [plain()], "nothing was sent");
    let ran = spawn(&cloud, &["hibernate", "try", "--or-stop"]);
    assert!(ran.err.contains("try: it was launched without hibernation, so it is stopped"), "{}", ran.err);
    assert!(ran.good().contains("hibernate,done,stopped,6h"));
    // EC2 refuses it later.
    let cloud = world(trial());
    let refused = failing(&cloud, &[ChangeFault::Fine, ChangeFault::Refused]);
    SpawnHome::new().spawn(&refused, &["hibernate", "try", "--or-stop"]).good();
    assert_eq!(one(&cloud).state, InstanceState::Stopped);
    check_paused(&cloud, hours(6));
}

#[test]
fn a_start_without_capacity_leaves_the_budget_paused() {
    let cloud = world(trial());
    spawn(&cloud, &["stop", "try"]).good();
    let ran = SpawnHome::new().spawn(&failing(&cloud, &[ChangeFault::Refused]), &["start", "try"]);
    assert!(ran.failed().starts_with("start i-1: "), "{}", ran.failed());
    assert_eq!(one(&cloud).state, InstanceState::Stopped);
    assert_eq!(terms(&cloud), ExpiryTag { intent: BudgetIntent::Paused(hours(6)), generation: 2 });
}

#[test]
fn a_start_waits_for_a_stop_that_is_under_way() {
    let cloud = world(trial());
    let killed = failing(&cloud, &[ChangeFault::Fine, ChangeFault::KilledAfter]);
    let run = || SpawnHome::new().spawn(&killed, &["stop", "try"]);
    assert!(catch_unwind(AssertUnwindSafe(run)).is_err());
    assert_eq!(one(&cloud).state, InstanceState::Stopping);
    let started = spawn(&cloud, &["start", "try"]).good();
    assert!(started.contains("start,done,running,5h59m"), "{started}");
}

#[test]
fn a_one_time_spot_instance_is_not_stopped_and_no_tag_is_written() {
    let spot = InstanceSpotRequest { request: "sir-1".into(), persistent: Known::Is(false) };
    let seen = change(trial(), |it| it.spot = Some(spot));
    let cloud = world(seen.clone());
    let ran = spawn(&cloud, &["stop", "try"]);
    assert_eq!(ran.failed(), "stop i-1: AWS does not stop an instance of a one-time spot request");
    assert_eq!(cloud.all(), [seen]);
}

#[test]
fn one_instance_that_cannot_be_stopped_does_not_stop_the_others() {
    let cloud = memory();
    let ids: Vec<String> = (10..20).map(|number| format!("i-{number}")).collect();
    ids.iter().for_each(|id| cloud.add(instance(id, -6)));
    cloud.change("i-13", |it| it.state = InstanceState::Pending);
    let words: Vec<&str> = ["stop"].into_iter().chain(ids.iter().map(String::as_str)).collect();
    let ran = spawn(&cloud, &words);
    assert_eq!(ran.failed(), "1 of 10 failed; stop i-13: it is pending");
    assert_eq!(ran.out.matches(",stop,done,stopped,6h,").count(), 9, "{}", ran.out);
    // A mistyped name changes nothing.
    let before = cloud.all();
    let ran = spawn(&cloud, &["start", "i-10", "i-99"]);
    assert_eq!(ran.ended.as_ref().unwrap_err().kind, FailureKind::NoMatch);
    assert_eq!(cloud.all(), before);
}

#[test]
fn a_termination_needs_a_yes_and_lists_what_stays() {
    let spot = InstanceSpotRequest { request: "sir-1".into(), persistent: Known::Is(true) };
    let cloud = world(change(trial(), |it| it.spot = Some(spot)));
    cloud.set_remains("i-1", vec![RemainingResource::Address("192.0.2.1".into())]);
    let ran = spawn(&cloud, &["terminate", "try"]);
    let failure = ran.ended.as_ref().unwrap_err();
    assert_eq!(failure.kind, FailureKind::Usage);
    assert_eq!(failure.hint.as_deref(), Some("spawn terminate i-1 --yes"));
    assert_eq!(one(&cloud).state, InstanceState::Running);
    let ran = spawn(&cloud, &["terminate", "try", "--yes"]);
    assert!(ran.err.contains("after i-1, 1 remain and cost about $3.65 a month"), "{}", ran.err);
    assert!(ran.good().contains("i-1,try,us-east-1,terminate,done,shutting-down,,,"));
    assert_eq!(cloud.all().len(), 1, "the spot request launched no other instance");
}

#[test]
fn a_termination_prints_the_cost_of_the_running_time() {
    let ran = spawn(&world(trial()), &["terminate", "try", "--yes"]);
    // Twenty hours at $0.0104.
    assert!(ran.err.contains("i-1 has cost $0.21 for its running time"), "{}", ran.err);
    let with_disk =
        change(trial(), |it| it.disks = vec![AttachedDisk { volume: "vol-1".into(), stays: true }]);
    let ran = spawn(&world(with_disk), &["terminate", "try", "--yes"]);
    assert!(ran.err.contains("i-1 has cost at least $0.21 "), "{}", ran.err);
    let ran = spawn(&world(trial()), &["terminate", "try", "--dry-run"]);
    assert!(!ran.err.contains("has cost"), "{}", ran.err);
}

#[test]
fn a_protected_instance_is_not_terminated() {
    let spot = InstanceSpotRequest { request: "sir-1".into(), persistent: Known::Is(true) };
    let check = |protected: Known<bool>, expected: &str| {
        let seen = change(trial(), |it| {
            (it.protected, it.spot) = (protected, Some(spot.clone()));
        });
        let cloud = world(seen.clone());
        let ran = spawn(&cloud, &["terminate", "try", "--yes"]);
        assert_eq!(ran.failed(), format!("terminate i-1: {expected}"));
        assert_eq!(cloud.all(), [seen]);
    };
    check(Known::Is(true), "AWS protects it");
    check(Known::Unseen("denied".into()), "its protection could not be read: denied");
}

#[test]
fn instances_of_other_owners_are_changed_only_by_their_name() {
    let bob = ME.replace("alice", "bob");
    let cloud = world(change(trial(), |it| drop(it.tags.insert(tag::OWNER.into(), bob.clone()))));
    for words in [&["stop", "try"][..], &["reboot", "try"], &["terminate", "try", "--yes"]] {
        let ran = spawn(&cloud, words);
        assert_eq!(ran.failed(), format!("{} i-1: it belongs to {bob}", words[0]));
    }
    spawn(&cloud, &["stop", "try", "--owner", &bob]).good();
    assert_eq!(one(&cloud).state, InstanceState::Stopped);
}

#[test]
fn reap_terminates_instances_that_have_been_stopped_for_long() {
    let cloud = memory();
    let stopped = |id: &str, days: i64| {
        change(instance(id, -6), |it| {
            let at = noon() - hours(24 * days);
            (it.state, it.stopped) = (InstanceState::Stopped, Some(at));
        })
    };
    cloud.add(stopped("i-old", 31));
    cloud.add(stopped("i-new", 29));
    cloud.add(change(stopped("i-unknown", 99), |it| it.stopped = None));
    cloud.add(change(stopped("i-bob", 31), |it| drop(it.tags.insert(tag::OWNER.into(), "bob".into()))));
    let ran = spawn(&cloud, &["reap"]);
    assert_eq!(ran.ended, Ok(Exit::NothingMatched), "{}", ran.out);
    let desk = SpawnHome::new();
    let file = desk.0.path().join("plan.json");
    let file = file.to_str().unwrap();
    let ran = desk.spawn(&FaultyInstances::new(&cloud), &["reap", "--stopped", "30d", "--plan", file]);
    for expected in [
        "i-old,terminate,2026-11-22T12:00:00Z,the limit of 30d for stopped instances is over",
        "i-new,leave,,",
        "i-unknown,leave,,EC2 does not say since when it is stopped",
        "i-bob,leave,2026-11-22T12:00:00Z,owned by bob",
    ] {
        assert!(ran.out.contains(expected), "{expected}: {}", ran.out);
    }
    ran.needs_person();
    let done = desk.spawn(&FaultyInstances::new(&cloud), &["reap", "--yes", "--plan", file]).needs_person();
    assert!(done.contains("i-old,terminate,ended,"), "{done}");
    let over: Vec<String> =
        states(&cloud).into_iter().filter(|(_, state)| state.is_over()).map(|(id, _)| id).collect();
    assert_eq!(over, ["i-old"]);
}

fn seen_tag(generation: u64) -> String {
    SeenTag { version: "0.1.0".into(), generation, at: noon(), host_key: None }.encode()
}

#[test]
fn an_extension_is_confirmed_by_spawnd() {
    let cloud = world(change(trial(), |it| drop(it.tags.insert(tag::SEEN.into(), seen_tag(2)))));
    let out = spawn(&cloud, &["extend", "try", "2h"]).good();
    assert!(out.contains("i-1,try,us-east-1,extended,8h,2026-11-23T20:00:00Z,spawnd,,running,6h"), "{out}");
    assert_eq!(terms(&cloud), ExpiryTag { intent: BudgetIntent::Running(noon() + hours(8)), generation: 2 });
}

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

/// The programs of a machine that reaches the instance. spawnd answers on it with this status.
struct ReachedInstance {
    status: ProcessOutput,
    /// The seconds that the dead-man has armed, as its script prints them; none for the wanted
    /// ones.
    armed: Option<&'static str>,
    commands: RefCell<Vec<String>>,
}

impl ReachedInstance {
    fn new(status: ProcessOutput) -> ReachedInstance {
        ReachedInstance { status, armed: None, commands: RefCell::default() }
    }

    fn answer(&self, command: &ProcessCommand) -> std::io::Result<ProcessOutput> {
        let done = |stdout: &str| {
            let stdout = stdout.as_bytes().to_vec();
            Ok(ProcessOutput { code: Some(0), stdout, ..ProcessOutput::default() })
        };
        let last = command.args.last().unwrap().to_str().unwrap();
        match command.program.to_str() {
            Some("ssh-keygen") => {
                std::fs::write(last, "private").unwrap();
                std::fs::write(format!("{last}.pub"), format!("{KEY} spawn\n")).unwrap();
                done("")
            }
            Some("ssh") => {
                self.commands.borrow_mut().push(last.to_string());
                match last.rsplit_once(" 'set' ") {
                    Some((_, seconds)) => done(self.armed.unwrap_or(seconds.trim_matches('\''))),
                    None => Ok(self.status.clone()),
                }
            }
            _ => not_installed(),
        }
    }
}

/// Extends the instance by two hours from a machine that reaches it.
fn extend_reached(cloud: &MemoryFleet, reached: &ReachedInstance) -> SpawnRun {
    cloud.change("i-1", |it| it.details.public_address = Some("203.0.113.9".into()));
    let keys = format!("-----BEGIN SSH HOST KEY KEYS-----\n{KEY}\n-----END SSH HOST KEY KEYS-----\n");
    cloud.set_console("i-1", &keys);
    let (faulty, provisions) = (FaultyInstances::new(cloud), MemoryProvisions::with_default_vpc("us-east-1"));
    SpawnHome::new().with_ports(cloud, &faulty, &provisions, |ports, printer| {
        let ports = Ports {
            processes: &AnsweredPrograms(|command: &ProcessCommand| reached.answer(command)),
            home: ports.home.clone(),
            executable: ports.executable.clone(),
            ..*ports
        };
        let args = SpawnArgs::try_parse_from(["spawn", "extend", "try", "2h"]).unwrap();
        run(&args, &ports, printer, cloud.now())
    })
}

const WITHOUT_SPAWND: i32 = 127;

fn exited(code: i32) -> ProcessOutput {
    ProcessOutput { code: Some(code), ..ProcessOutput::default() }
}

#[test]
fn without_spawnd_the_dead_man_is_moved_and_its_time_read_back() {
    let cloud = world(trial());
    let reached = ReachedInstance::new(exited(WITHOUT_SPAWND));
    let out = extend_reached(&cloud, &reached).good();
    assert!(out.contains("i-1,try,us-east-1,extended,8h,2026-11-23T20:00:00Z,the dead-man,,"), "{out}");
    // Eight hours, the grace period of five minutes, and ten minutes.
    let commands = reached.commands.borrow();
    assert!(commands[1].ends_with(" 'set' '29700'"), "{commands:?}");
    drop(commands);
    let reached = ReachedInstance { armed: Some("28800"), ..ReachedInstance::new(exited(WITHOUT_SPAWND)) };
    let ran = extend_reached(&cloud, &reached);
    let expected =
        "extend i-1: the dead-man is not armed for the new end; it powers itself off at 2026-11-23T20:15:00Z";
    assert_eq!(ran.failed(), expected);
    check_running_until(&cloud, noon() + hours(8));
}

#[test]
fn spawnd_without_a_role_confirms_an_extension_by_its_status() {
    let status = |generation: u64| {
        let end = EndStatus { cause: EndCause::Expiry, action: EndAction::Stop, seconds: 28_800 };
        let heartbeat =
            HeartbeatStatus { every_seconds: None, written: 0, failed: 0, sentence: "off".into() };
        let status = LifeStatus {
            end,
            until: noon() + hours(8),
            clock: "aws".into(),
            cap: None,
            idle_end: None,
            idle_seconds: 0,
            idle_timeout_seconds: None,
            generation,
            tag: "generation 1".into(),
            dead_man_seconds: None,
            leases: vec![],
            signals: vec![],
            heartbeat,
            troubles: vec![],
        };
        ProcessOutput { stdout: serde_json::to_vec(&status).unwrap(), ..exited(0) }
    };
    let cloud = world(trial());
    let out = extend_reached(&cloud, &ReachedInstance::new(status(2))).good();
    assert!(out.contains("extended,8h,2026-11-23T20:00:00Z,spawnd,,"), "{out}");
    // It does not read the tag: the extension is withdrawn.
    let cloud = world(trial());
    let ran = extend_reached(&cloud, &ReachedInstance::new(status(1)));
    let expected = "extend i-1: spawnd has not read the tag after 1m30s (generation 1); it powers itself off at 2026-11-23T18:15:00Z";
    assert_eq!(ran.failed(), expected);
    assert_eq!(terms(&cloud), ExpiryTag { intent: BudgetIntent::Running(noon() + hours(6)), generation: 3 });
}

#[test]
fn an_extension_that_nothing_confirms_is_withdrawn_unless_spawnd_was_seen() {
    let cloud = world(trial());
    let ran = spawn(&cloud, &["extend", "try", "2h"]);
    assert!(ran.failed().contains("it powers itself off at 2026-11-23T18:15:00Z"), "{}", ran.failed());
    assert_eq!(terms(&cloud).intent, BudgetIntent::Running(noon() + hours(6)));
    let cloud = world(change(trial(), |it| drop(it.tags.insert(tag::SEEN.into(), seen_tag(1)))));
    let ran = spawn(&cloud, &["extend", "try", "2h"]);
    let expected = "extend i-1: the tag is written, but spawnd did not confirm it within 90s: ";
    assert!(ran.failed().starts_with(expected), "{}", ran.failed());
    assert_eq!(terms(&cloud).intent, BudgetIntent::Running(noon() + hours(8)), "spawnd may still read it");
}

#[test]
fn an_extension_that_cannot_take_effect_writes_nothing() {
    let check = |seen: InstanceView, expected: &str, hint: Option<&str>| {
        let cloud = world(seen.clone());
        let ran = spawn(&cloud, &["extend", "i-1", "2h"]);
        assert_eq!(ran.failed(), format!("extend i-1: {expected}"));
        assert_eq!(ran.ended.as_ref().unwrap_err().hint.as_deref(), hint);
        assert_eq!(cloud.all(), [seen]);
    };
    let cap = tag::encode_cap(noon() + hours(7));
    check(
        change(trial(), |it| drop(it.tags.insert(tag::CAP.into(), cap))),
        "its cap is 2026-11-23T19:00:00Z, so at most 1h can be added",
        Some("spawn extend i-1 1h"),
    );
    check(
        change(trial(), |it| it.state = InstanceState::Stopped),
        "it is stopped, and no tag shows that spawnd is on it; only its own disk has its time left",
        Some("spawn start i-1, then extend it"),
    );
    check(change(trial(), |it| it.state = InstanceState::ShuttingDown), "it is shutting-down", None);
    check(change(trial(), |it| drop(it.tags.remove(tag::EXPIRY))), "no tag bounds its life", None);
    for words in [&["extend", "try", "soon"][..], &["extend", "try"], &["extend", "try", "--until", "soon"]] {
        let invalid = spawn(&world(trial()), words);
        assert_eq!(invalid.ended.as_ref().unwrap_err().kind, FailureKind::Usage, "{words:?}");
    }
}

#[test]
fn an_extension_to_an_instant_sets_a_later_end() {
    let with_daemon = || change(trial(), |it| drop(it.tags.insert(tag::SEEN.into(), seen_tag(2))));
    let extend = |cloud: &MemoryFleet, time: &str| spawn(cloud, &["extend", "try", "--until", time]);
    let cloud = world(with_daemon());
    let out = extend(&cloud, "21:30").good();
    assert!(out.contains("extended,9h30m,2026-11-23T21:30:00Z,spawnd,"), "{out}");
    assert_eq!(terms(&cloud).intent, BudgetIntent::Running(noon() + SignedDuration::from_mins(570)));
    let refused = |seen: InstanceView, time: &str, expected: &str, hint: Option<&str>| {
        let cloud = world(seen.clone());
        let ran = extend(&cloud, time);
        assert_eq!(ran.failed(), format!("extend i-1: {expected}"));
        assert_eq!(ran.ended.as_ref().unwrap_err().hint.as_deref(), hint);
        assert_eq!(cloud.all(), [seen]);
    };
    refused(with_daemon(), "eod", "it already runs until 2026-11-23T18:00:00Z", None);
    refused(with_daemon(), "13:00", "it already runs until 2026-11-23T18:00:00Z", None);
    let capped =
        change(with_daemon(), |it| drop(it.tags.insert(tag::CAP.into(), tag::encode_cap(noon() + hours(7)))));
    let expected = "its cap is 2026-11-23T19:00:00Z, so at most 1h can be added";
    refused(capped, "2026-11-23T19:00:01Z", expected, Some("spawn extend i-1 1h"));
    let cloud = world(with_daemon());
    spawn(&cloud, &["stop", "try"]).good();
    let stopped = extend(&cloud, "21:30");
    let expected = "extend i-1: it is stopped with 6h left, and its time goes on at its next start";
    assert_eq!(stopped.failed(), expected);
}

#[test]
fn a_stopped_instance_with_spawnd_is_extended_for_its_next_start() {
    let cloud = world(change(trial(), |it| drop(it.tags.insert(tag::SEEN.into(), seen_tag(1)))));
    spawn(&cloud, &["stop", "try"]).good();
    let out = spawn(&cloud, &["extend", "try", "2h"]).good();
    assert!(out.contains("extended,8h,,the next start,,stopped,6h"), "{out}");
    check_paused(&cloud, hours(8));
    spawn(&cloud, &["start", "try"]).good();
    check_running_until(&cloud, cloud.now() + hours(8));
}

const FAULTS: [ChangeFault; 4] =
    [ChangeFault::Lost, ChangeFault::ReplyLost, ChangeFault::KilledBefore, ChangeFault::KilledAfter];

/// Runs a command with these faults. Returns whether it was killed.
fn run_faulty(cloud: &MemoryFleet, faults: &[ChangeFault], words: &[&str]) -> bool {
    let faulty = failing(cloud, faults);
    catch_unwind(AssertUnwindSafe(|| SpawnHome::new().spawn(&faulty, words))).is_err()
}

/// Checks that the instance is bounded, and that its terms can be read.
fn check_bounded(cloud: &MemoryFleet) {
    terms(cloud);
    let seen = one(cloud);
    let is_interrupted = seen.state.runs() && matches!(terms(cloud).intent, BudgetIntent::Paused(_));
    let is_bounded = matches!(bound(&seen), LifeBound::At(..) | LifeBound::Paused(Some(_)));
    assert!(is_interrupted || is_bounded || seen.state.is_over(), "{seen:?}");
}

#[test]
fn a_command_that_was_killed_is_finished_by_the_next_call() {
    let spot = InstanceSpotRequest { request: "sir-1".into(), persistent: Known::Is(true) };
    for words in
        [&["stop", "try"][..], &["hibernate", "try"], &["start", "try"], &["terminate", "i-1", "--yes"]]
    {
        for (at, fault) in (0..4).flat_map(|at| FAULTS.map(|fault| (at, fault))) {
            let cloud = world(change(trial(), |it| it.spot = Some(spot.clone())));
            if words[0] == "start" {
                spawn(&cloud, &["stop", "try"]).good();
                cloud.forward(hours(10));
            }
            let begun = cloud.now();
            let faults: Vec<ChangeFault> =
                std::iter::repeat_n(ChangeFault::Fine, at).chain([fault]).collect();
            run_faulty(&cloud, &faults, words);
            check_bounded(&cloud);
            let out = spawn(&cloud, words).good();
            match words[0] {
                "start" => {
                    assert_eq!(one(&cloud).state, InstanceState::Running, "{at} {fault:?}: {out}");
                    check_running_until(&cloud, begun + hours(6));
                }
                "terminate" => assert!(cloud.all().iter().all(|seen| seen.state.is_over()), "{at} {fault:?}"),
                _ => {
                    assert_eq!(one(&cloud).state, InstanceState::Stopped, "{at} {fault:?}: {out}");
                    check_paused(&cloud, hours(6));
                }
            }
        }
    }
}
