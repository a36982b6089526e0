//! A launch happens at most once: lost, late and doubled requests, and a kill at any point.

#[path = "../../lifecycle/tests/seeds/mod.rs"]
mod seeds;

use domain::Timestamp;
use jiff::SignedDuration;
use fleet::cloud::{Caller, Cloud, Fault, Faulty, Memory, Reply, Seen, State, Which};
use fleet::launch::{Effect, Event, Launch, Launching, Outcome, Over, Phase, Request, SETTLE, step};
use lifecycle::{PowerOff, tag};
use proptest::prelude::*;
use std::cell::{Cell, RefCell};

const REGION: &str = "us-east-1";
const ID: &str = "0123456789abcdef";

/// An event in the world of a launch.
#[derive(Debug, Clone)]
enum Act {
    /// A launcher starts from the record on the disk. It is killed before its effect of this
    /// number.
    Launcher { faults: Vec<Fault>, blind: u32, killed_at: Option<u32> },
    /// This many seconds pass.
    Pass(u32),
    /// The instance is terminated from outside.
    Terminate,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let fault = prop_oneof![
        2 => Just(Fault::Fine),
        2 => Just(Fault::Lost),
        3 => Just(Fault::ReplyLost),
        1 => Just(Fault::Twice),
        // AWS accepts a signed request for five minutes.
        2 => (1u32..300).prop_map(Fault::Late),
        1 => Just(Fault::Refused),
        1 => Just(Fault::Throttled),
    ];
    let launcher = (prop::collection::vec(fault, 0..7), 0u32..16, prop::option::of(0u32..24)).prop_map(
        |(faults, blind, killed_at)| Act::Launcher { faults, blind: blind.saturating_sub(10), killed_at },
    );
    let act = prop_oneof![
        4 => launcher,
        3 => prop_oneof![1u32..600, 600u32..7_200, 7_200u32..200_000].prop_map(Act::Pass),
        1 => Just(Act::Terminate),
    ];
    prop::collection::vec(act, 1..9)
}

struct World {
    cloud: Memory,
    disk: Launch,
    /// Whether a launcher reported that nothing was launched; that must stay true.
    told_nothing: bool,
}

fn caller() -> Caller {
    Caller {
        account: "111122223333".to_string(),
        arn: "arn:aws:iam::111122223333:user/alice".to_string(),
        regions: vec![REGION.to_string()],
        now: Timestamp::from_second(1_800_000_000).expect("in range"),
    }
}

fn request() -> Request {
    Request {
        region: REGION.to_string(),
        instance_type: "t3.micro".to_string(),
        image: "ami-1".to_string(),
        key: None,
        power_off: PowerOff::Stops,
        tags: [(tag::LAUNCH.to_string(), ID.to_string())].into(),
        user_data: String::new(),
    }
}

impl World {
    fn new() -> World {
        let cloud = Memory::new(caller());
        let disk = Launch::new(ID.to_string(), caller().account, request(), cloud.now());
        World { cloud, disk, told_nothing: false }
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Pass(seconds) => self.cloud.forward(SignedDuration::from_secs(i64::from(*seconds))),
            Act::Terminate => {
                for seen in self.cloud.all() {
                    self.cloud.change(&seen.id, |seen| seen.state = State::Terminated);
                }
            }
            Act::Launcher { faults, blind, killed_at } => {
                if let Some(outcome) = self.launcher(faults, *blind, *killed_at) {
                    self.check(&outcome);
                }
            }
        }
        self.check_once();
    }

    /// Runs a launcher to its outcome; none if it was killed.
    fn launcher(&mut self, faults: &[Fault], blind: u32, killed_at: Option<u32>) -> Option<Outcome> {
        if !self.disk.is_open() {
            return None;
        }
        let cloud = Faulty {
            cloud: &self.cloud,
            runs: RefCell::new(faults.iter().copied().collect()),
            blind: Cell::new(blind),
            stubborn: Vec::new(),
        };
        let mut launching = Launching::new(self.disk.clone());
        let (mut event, mut done) = (Event::Begin, 0);
        loop {
            let (next, effects) = step(launching, event, self.cloud.now());
            launching = next;
            let mut heard = None;
            for effect in effects {
                if killed_at == Some(done) {
                    return None;
                }
                done += 1;
                assert!(done < 500, "the launcher does not end");
                match effect {
                    Effect::Save => self.disk = launching.launch.clone(),
                    Effect::Send => {
                        let on_disk = matches!(self.disk.phase, Phase::Sent(_));
                        assert!(on_disk, "sent without a record on the disk: {:?}", self.disk.phase);
                        let reply = cloud.run(&self.disk.request, &self.disk.token());
                        assert!(!matches!(reply, Reply::Mismatch(_)), "another request with the same token");
                        heard = Some(Event::Reply(reply));
                    }
                    Effect::Look => {
                        let looked = cloud.look(&[REGION.to_string()], Which::Launch(&self.disk.id));
                        heard = looked.into_iter().next().map(|looked| Event::Found(looked.seen));
                    }
                    Effect::Wait(span) => {
                        self.cloud.forward(span);
                        heard = Some(Event::Waited);
                    }
                    Effect::Tell(outcome) => return Some(outcome),
                }
                self.check_once();
            }
            event = heard.expect("something is waited for");
        }
    }

    fn launched(&self) -> Vec<Seen> {
        self.cloud.all()
    }

    fn check_once(&self) {
        let all = self.launched();
        assert!(all.len() <= 1, "launched {} times: {all:?}", all.len());
        let alive = all.iter().any(|seen| !seen.state.is_over());
        assert!(!(self.told_nothing && alive), "reported as not launched: {all:?}");
    }

    fn check(&mut self, outcome: &Outcome) {
        let all = self.launched();
        match outcome {
            Outcome::Running(seen) => {
                assert_eq!(all, [Seen { protected: domain::Known::Is(false), ..(**seen).clone() }])
            }
            Outcome::Unread(id, _) => assert_eq!(&all[0].id, id),
            Outcome::Refused(_) => {
                assert!(all.is_empty(), "refused, and launched: {all:?}");
                self.told_nothing = true;
            }
            Outcome::Nothing => self.told_nothing = true,
            Outcome::Ended => assert!(all[0].state.is_over(), "{all:?}"),
            Outcome::Open(_) => assert!(self.disk.is_open()),
            Outcome::Several(ids) => panic!("several: {ids:?}"),
        }
    }

    /// Without further faults, the outcome of the launch becomes known.
    fn settle(&mut self) {
        for _ in 0..3 {
            self.cloud.forward(SETTLE);
            self.act(&Act::Launcher { faults: Vec::new(), blind: 0, killed_at: None });
        }
        self.act(&Act::Pass(200_000));
        let all = self.launched();
        match &self.disk.phase {
            Phase::Over(Over::Running(id)) => assert_eq!(&all[0].id, id),
            Phase::Over(Over::Refused(_)) => assert!(all.is_empty()),
            Phase::Over(Over::Ended | Over::Nothing) => {
                assert!(all.iter().all(|seen| seen.state.is_over()), "it runs unknown: {all:?}");
            }
            // It was launched, then terminated and forgotten before it was read back.
            Phase::Launched(id) => assert!(all[0].id == *id && all[0].state.is_over(), "{all:?}"),
            open => panic!("not settled: {open:?}"),
        }
    }
}

#[test]
fn at_most_one_instance_wherever_a_reply_is_lost_or_the_launcher_killed() {
    let first = seeds::number("FIRST_SEED", 1);
    for seed in first..first + seeds::number("SEEDS", 20) {
        seeds::hold(seed, &acts(), |script| {
            let mut world = World::new();
            script.iter().for_each(|act| world.act(act));
            world.settle();
        });
    }
}

#[test]
fn at_most_one_instance_under_each_pair_of_faults_and_each_kill() {
    let faults = [
        Fault::Fine,
        Fault::Lost,
        Fault::ReplyLost,
        Fault::Twice,
        Fault::Late(200),
        Fault::Refused,
        Fault::Throttled,
    ];
    for first in faults {
        for second in faults {
            for killed_at in (0..16).map(Some).chain([None]) {
                let mut world = World::new();
                world.act(&Act::Launcher { faults: vec![first, second], blind: 0, killed_at });
                world.act(&Act::Launcher { faults: vec![second, first], blind: 0, killed_at: None });
                world.settle();
            }
        }
    }
}

/// Returns the outcome of one launcher, and the number of instances. The launch is in this phase
/// and was planned `age` seconds ago.
fn told(phase: Phase, age: i64, faults: &[Fault]) -> (Outcome, usize) {
    let mut world = World::new();
    world.disk.phase = phase;
    world.cloud.forward(SignedDuration::from_secs(age));
    let outcome = world.launcher(faults, 0, None).expect("it is not killed");
    (outcome, world.launched().len())
}

#[test]
fn each_phase_and_fault_has_its_outcome() {
    use Fault::{Late, Lost, Refused, ReplyLost, Throttled};
    let planned = caller().now;
    let check = |phase: Phase, age: i64, faults: &[Fault], expected: &str, launched: usize| {
        let (outcome, count) = told(phase.clone(), age, faults);
        let word = format!("{outcome:?}");
        assert!(word.starts_with(expected), "{phase:?} after {age} s with {faults:?}: {word}");
        assert_eq!(count, launched, "{phase:?} after {age} s with {faults:?}");
    };
    check(Phase::Planned, 0, &[], "Running", 1);
    check(Phase::Planned, 0, &[ReplyLost, ReplyLost], "Running", 1);
    check(Phase::Planned, 0, &[Throttled, Throttled], "Running", 1);
    check(Phase::Planned, 0, &[Refused], "Refused(\"there is no capacity\")", 0);
    // After a lost reply, a refusal proves nothing about the earlier request.
    check(Phase::Planned, 0, &[Lost, Refused], "Open(\"there is no capacity\")", 0);
    check(Phase::Planned, 0, &[ReplyLost, Refused], "Open(\"there is no capacity\")", 1);
    check(Phase::Planned, 0, &[Late(100), Refused], "Open(\"there is no capacity\")", 0);
    check(Phase::Planned, 0, &[Lost; 5], "Open(\"no answer in time\")", 0);
    check(Phase::Planned, 0, &[Throttled; 5], "Refused(\"too many requests\")", 0);
    // Too late to send: a launch that was never sent is nothing, a sent one is queried.
    check(Phase::Planned, 3_599, &[], "Running", 1);
    check(Phase::Planned, 3_600, &[], "Nothing", 0);
    check(Phase::Sent(planned), 3_599, &[], "Running", 1);
    check(Phase::Sent(planned), 3_600, &[], "Nothing", 0);
    let late = planned + SignedDuration::from_secs(3_590);
    check(Phase::Sent(late), 3_600, &[], "Open(\"no answer, and EC2 does not show it yet\")", 0);
    check(Phase::Sent(late), 3_590 + 899, &[], "Open", 0);
    check(Phase::Sent(late), 3_590 + 900, &[], "Nothing", 0);
    check(Phase::Launched("i-1".into()), 0, &[], "Unread(\"i-1\", \"EC2 does not show it\")", 0);
}

#[test]
fn two_instances_of_one_launch_are_reported_and_left_alone() {
    let mut world = World::new();
    let cloud = Memory::new(caller());
    for token in ["a", "b"] {
        cloud.run(&request(), token);
    }
    cloud.forward(SETTLE);
    world.cloud = cloud;
    world.disk.phase = Phase::Sent(caller().now);
    let told = world.launcher_unchecked();
    assert_eq!(told, Outcome::Several(vec!["i-memory0000".into(), "i-memory0001".into()]));
    assert!(world.cloud.all().iter().all(|seen| seen.state == State::Running));
}

impl World {
    /// Returns the first outcome of a query, without the check of a world that is wrong already.
    fn launcher_unchecked(&self) -> Outcome {
        let (launching, effects) = step(Launching::new(self.disk.clone()), Event::Begin, self.cloud.now());
        assert_eq!(effects, [Effect::Look]);
        let looked = self.cloud.look(&[REGION.to_string()], Which::Launch(ID));
        let seen = looked.into_iter().next().expect("one region").seen;
        match step(launching, Event::Found(seen), self.cloud.now()).1.pop() {
            Some(Effect::Tell(outcome)) => outcome,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn differences_from_the_request_are_listed() {
    let cloud = Memory::new(caller());
    cloud.run(&request(), "a");
    let seen = cloud.all().remove(0);
    assert_eq!(request().differences(&seen), Vec::<String>::new());
    let mut other = seen.clone();
    other.tags.clear();
    other.instance_type = "m5.large".to_string();
    other.metadata = None;
    let expected = [
        "it is a m5.large, requested was a t3.micro",
        "tag spawn:launch-id is missing",
        "its metadata service is less strict than requested, or does not serve tags",
    ];
    assert_eq!(request().differences(&other), expected);
    for (required, hops, tags) in [(false, 1, true), (true, 2, true), (true, 1, false)] {
        let metadata = fleet::cloud::Metadata { session_required: required, hops, tags };
        let seen = Seen { metadata: Some(metadata), ..seen.clone() };
        assert_eq!(request().differences(&seen).len(), 1);
    }
    let mut wrong = seen;
    wrong.tags.insert(tag::LAUNCH.to_string(), "x".to_string());
    assert_eq!(
        request().differences(&wrong),
        ["tag spawn:launch-id is \"x\", requested was \"0123456789abcdef\""]
    );
}

/// Returns the pauses of a launcher that starts in this phase and receives only this event.
fn pauses(phase: Phase, heard: Event) -> Vec<i64> {
    let mut launching = Launching::new(Launch { phase, ..World::new().disk });
    let (mut event, mut pauses) = (Event::Begin, Vec::new());
    loop {
        let (next, effects) = step(launching, event, caller().now);
        launching = next;
        event = heard.clone();
        for effect in effects {
            match effect {
                Effect::Wait(span) => {
                    pauses.push(span.as_secs());
                    event = Event::Waited;
                }
                Effect::Tell(_) => return pauses,
                Effect::Save | Effect::Send | Effect::Look => {}
            }
        }
    }
}

#[test]
fn pauses_grow_and_are_limited_in_number() {
    let throttled = Event::Reply(Reply::Throttled("too many".to_string()));
    assert_eq!(pauses(Phase::Planned, throttled), [2, 4, 8, 16]);
    let expected = [2, 4, 8, 16, 30, 30, 30, 30, 30, 30, 30, 30];
    for heard in [Ok(Vec::new()), Err("no answer".to_string())] {
        assert_eq!(pauses(Phase::Launched("i-1".to_string()), Event::Found(heard)), expected);
    }
    assert_eq!(pauses(Phase::Sent(caller().now), Event::Found(Err("no answer".to_string()))), expected);
}

#[test]
fn a_settled_launch_reports_its_outcome_again() {
    let check = |over: Over, expected: &str, open: bool| {
        let mut world = World::new();
        world.disk.phase = Phase::Over(over);
        assert_eq!(world.disk.is_open(), open);
        let (_, effects) = step(Launching::new(world.disk), Event::Begin, caller().now);
        assert_eq!(format!("{effects:?}"), expected);
    };
    check(Over::Refused("no".to_string()), "[Tell(Refused(\"no\"))]", false);
    check(Over::Ended, "[Tell(Ended)]", false);
    check(Over::Nothing, "[Tell(Nothing)]", false);
    check(Over::Running("i-1".to_string()), "[Look]", false);
    let world = World::new();
    assert!(world.disk.is_open());
    assert_eq!(world.disk.token(), "spawn-0123456789abcdef", "AWS takes 64 characters");
}

#[test]
fn a_terminated_instance_is_not_reported_as_running() {
    let mut world = World::new();
    world.act(&Act::Launcher { faults: vec![Fault::ReplyLost], blind: 0, killed_at: Some(3) });
    assert_eq!(world.launched().len(), 1);
    world.act(&Act::Terminate);
    world.act(&Act::Pass(300));
    assert_eq!(world.launcher(&[], 0, None), Some(Outcome::Ended));
    // The same while the instance is still invisible, and only its token shows that it ended.
    let mut world = World::new();
    world.act(&Act::Launcher { faults: vec![Fault::ReplyLost], blind: 0, killed_at: Some(3) });
    world.act(&Act::Terminate);
    assert_eq!(world.launcher(&[], 0, None), Some(Outcome::Ended));
}

#[test]
fn a_token_of_another_request_is_queried_and_never_sent_again() {
    let world = World::new();
    let (launching, effects) = step(Launching::new(world.disk), Event::Begin, caller().now);
    assert_eq!(effects, [Effect::Save, Effect::Send]);
    let mismatch = Event::Reply(Reply::Mismatch("another request".to_string()));
    let (launching, effects) = step(launching, mismatch, caller().now);
    assert_eq!(effects, [Effect::Look]);
    let (launching, effects) = step(launching, Event::Found(Ok(Vec::new())), caller().now);
    assert_eq!(effects, [Effect::Tell(Outcome::Open("another request".to_string()))]);
    assert!(launching.launch.is_open());
}
