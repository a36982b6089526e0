//! A launch happens at most once: lost, late and doubled requests, and a kill at any point.

#[path = "../../lifecycle/tests/seeds/mod.rs"]
mod seeds;

use domain::Timestamp;
use fleet::instance::{InstanceState, InstanceView};
use fleet::launch::{
    LaunchConclusion, LaunchEffect, LaunchEvent, LaunchOutcome, LaunchPhase, LaunchProgress, LaunchRecord,
    LaunchRefusal, LaunchReply, LaunchRequest, SETTLE, SpotMarket, step,
};
use fleet::ports::{CallerAccount, FaultyInstances, InstanceSelector, Instances, LaunchFault, MemoryFleet};
use jiff::SignedDuration;
use lifecycle::{PowerOff, tag};
use proptest::prelude::*;
use std::cell::{Cell, RefCell};

const REGION: &str = "us-east-1";
const ID: &str = "0123456789abcdef";

/// An event in the world of a launch.
#[derive(Debug, Clone)]
enum LaunchAct {
    /// A launcher starts from the record on the disk. It is killed before its effect of this
    /// number.
    Launcher { faults: Vec<LaunchFault>, blind: u32, killed_at: Option<u32> },
    /// This many seconds pass.
    Pass(u32),
    /// The instance is terminated from outside.
    Terminate,
}

fn acts() -> impl Strategy<Value = Vec<LaunchAct>> {
    let fault = prop_oneof![
        2 => Just(LaunchFault::Fine),
        2 => Just(LaunchFault::Lost),
        3 => Just(LaunchFault::ReplyLost),
        1 => Just(LaunchFault::Twice),
        // AWS accepts a signed request for five minutes.
        2 => (1u32..300).prop_map(LaunchFault::Late),
        1 => Just(LaunchFault::Refused),
        1 => Just(LaunchFault::NotYet),
        1 => Just(LaunchFault::Throttled),
    ];
    let launcher = (prop::collection::vec(fault, 0..7), 0u32..16, prop::option::of(0u32..24)).prop_map(
        |(faults, blind, killed_at)| LaunchAct::Launcher {
            faults,
            blind: blind.saturating_sub(10),
            killed_at,
        },
    );
    let act = prop_oneof![
        4 => launcher,
        3 => prop_oneof![1u32..600, 600u32..7_200, 7_200u32..200_000].prop_map(LaunchAct::Pass),
        1 => Just(LaunchAct::Terminate),
    ];
    prop::collection::vec(act, 1..9)
}

struct LaunchWorld {
    cloud: MemoryFleet,
    disk: LaunchRecord,
    /// Whether a launcher reported that nothing was launched; that must stay true.
    told_nothing: bool,
}

fn caller() -> CallerAccount {
    CallerAccount {
        account: "111122223333".to_string(),
        arn: "arn:aws:iam::111122223333:user/alice".to_string(),
        now: Timestamp::from_second(1_800_000_000).expect("in range"),
    }
}

fn request() -> LaunchRequest {
    LaunchRequest {
        region: REGION.to_string(),
        instance_type: "t3.micro".to_string(),
        image: "ami-1".to_string(),
        power_off: PowerOff::Stops,
        tags: [(tag::LAUNCH.to_string(), ID.to_string())].into(),
        ..LaunchRequest::default()
    }
}

impl LaunchWorld {
    fn new() -> LaunchWorld {
        let cloud = MemoryFleet::new(caller());
        let disk = LaunchRecord::new(ID.to_string(), caller().account, request(), cloud.now());
        LaunchWorld { cloud, disk, told_nothing: false }
    }

    fn act(&mut self, act: &LaunchAct) {
        match act {
            LaunchAct::Pass(seconds) => self.cloud.forward(SignedDuration::from_secs(i64::from(*seconds))),
            LaunchAct::Terminate => {
                for seen in self.cloud.all() {
                    self.cloud.change(&seen.id, |seen| seen.state = InstanceState::Terminated);
                }
            }
            LaunchAct::Launcher { faults, blind, killed_at } => {
                if let Some(outcome) = self.launcher(faults, *blind, *killed_at) {
                    self.check(&outcome);
                }
            }
        }
        self.check_once();
    }

    /// Runs a launcher to its outcome; none if it was killed.
    fn launcher(
        &mut self,
        faults: &[LaunchFault],
        blind: u32,
        killed_at: Option<u32>,
    ) -> Option<LaunchOutcome> {
        if !self.disk.is_open() {
            return None;
        }
        let cloud = FaultyInstances {
            runs: RefCell::new(faults.iter().copied().collect()),
            blind: Cell::new(blind),
            ..FaultyInstances::new(&self.cloud)
        };
        let mut launching = LaunchProgress::new(self.disk.clone());
        let (mut event, mut done) = (LaunchEvent::Begin, 0);
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
                    LaunchEffect::Save => self.disk = launching.launch.clone(),
                    LaunchEffect::Send => {
                        let on_disk = matches!(self.disk.phase, LaunchPhase::Sent(_));
                        assert!(on_disk, "sent without a record on the disk: {:?}", self.disk.phase);
                        let reply = cloud.launch_once(&self.disk.request, &self.disk.token());
                        assert!(
                            !matches!(reply, LaunchReply::Mismatch(_)),
                            "another request with the same token"
                        );
                        heard = Some(LaunchEvent::Reply(reply));
                    }
                    LaunchEffect::Look => {
                        let looked = cloud
                            .list_instances(&[REGION.to_string()], InstanceSelector::Launch(&self.disk.id));
                        heard = looked.into_iter().next().map(|looked| LaunchEvent::Found(looked.seen));
                    }
                    LaunchEffect::Wait(span) => {
                        self.cloud.forward(span);
                        heard = Some(LaunchEvent::Waited);
                    }
                    LaunchEffect::Tell(outcome) => return Some(outcome),
                }
                self.check_once();
            }
            event = heard.expect("something is waited for");
        }
    }

    fn launched(&self) -> Vec<InstanceView> {
        self.cloud.all()
    }

    fn check_once(&self) {
        let all = self.launched();
        assert!(all.len() <= 1, "launched {} times: {all:?}", all.len());
        let alive = all.iter().any(|seen| !seen.state.is_over());
        assert!(!(self.told_nothing && alive), "reported as not launched: {all:?}");
    }

    fn check(&mut self, outcome: &LaunchOutcome) {
        let all = self.launched();
        match outcome {
            LaunchOutcome::Running(seen) => {
                assert_eq!(all, [InstanceView { protected: domain::Known::Is(false), ..(**seen).clone() }])
            }
            LaunchOutcome::Unread(id, _) => assert_eq!(&all[0].id, id),
            LaunchOutcome::Refused(_) => {
                assert!(all.is_empty(), "refused, and launched: {all:?}");
                self.told_nothing = true;
            }
            LaunchOutcome::Nothing => self.told_nothing = true,
            LaunchOutcome::Ended(_) => assert!(all[0].state.is_over(), "{all:?}"),
            LaunchOutcome::Open(_) => assert!(self.disk.is_open()),
            LaunchOutcome::Several(ids) => panic!("several: {ids:?}"),
        }
    }

    /// Without further faults, the outcome of the launch becomes known.
    fn settle(&mut self) {
        for _ in 0..3 {
            self.cloud.forward(SETTLE);
            self.act(&LaunchAct::Launcher { faults: Vec::new(), blind: 0, killed_at: None });
        }
        self.act(&LaunchAct::Pass(200_000));
        let all = self.launched();
        match &self.disk.phase {
            LaunchPhase::Over(LaunchConclusion::Running(id)) => assert_eq!(&all[0].id, id),
            LaunchPhase::Over(LaunchConclusion::Refused(_)) => assert!(all.is_empty()),
            LaunchPhase::Over(LaunchConclusion::Ended | LaunchConclusion::Nothing) => {
                assert!(all.iter().all(|seen| seen.state.is_over()), "it runs unknown: {all:?}");
            }
            // It was launched, then terminated and forgotten before it was read back.
            LaunchPhase::Launched(id) => assert!(all[0].id == *id && all[0].state.is_over(), "{all:?}"),
            open => panic!("not settled: {open:?}"),
        }
    }
}

#[test]
fn at_most_one_instance_wherever_a_reply_is_lost_or_the_launcher_killed() {
    let first = seeds::env_number("FIRST_SEED", 1);
    for seed in first..first + seeds::env_number("SEEDS", 20) {
        seeds::check_scripts(seed, &acts(), |script| {
            let mut world = LaunchWorld::new();
            script.iter().for_each(|act| world.act(act));
            world.settle();
        });
    }
}

#[test]
fn at_most_one_instance_under_each_pair_of_faults_and_each_kill() {
    let faults = [
        LaunchFault::Fine,
        LaunchFault::Lost,
        LaunchFault::ReplyLost,
        LaunchFault::Twice,
        LaunchFault::Late(200),
        LaunchFault::Refused,
        LaunchFault::NotYet,
        LaunchFault::Throttled,
    ];
    for first in faults {
        for second in faults {
            for killed_at in (0..16).map(Some).chain([None]) {
                let mut world = LaunchWorld::new();
                world.act(&LaunchAct::Launcher { faults: vec![first, second], blind: 0, killed_at });
                world.act(&LaunchAct::Launcher { faults: vec![second, first], blind: 0, killed_at: None });
                world.settle();
            }
        }
    }
}

/// Returns the outcome of one launcher, and the number of instances. The launch is in this phase
/// and was planned `age` seconds ago.
fn launch_outcome(phase: LaunchPhase, age: i64, faults: &[LaunchFault]) -> (LaunchOutcome, usize) {
    let mut world = LaunchWorld::new();
    world.disk.phase = phase;
    world.cloud.forward(SignedDuration::from_secs(age));
    let outcome = world.launcher(faults, 0, None).expect("it is not killed");
    (outcome, world.launched().len())
}

#[test]
fn each_phase_and_fault_has_its_outcome() {
    use LaunchFault::{Late, Lost, Refused, ReplyLost, Throttled};
    let planned = caller().now;
    let check = |phase: LaunchPhase, age: i64, faults: &[LaunchFault], expected: &str, launched: usize| {
        let (outcome, count) = launch_outcome(phase.clone(), age, faults);
        let word = format!("{outcome:?}");
        assert!(word.starts_with(expected), "{phase:?} after {age} s with {faults:?}: {word}");
        assert_eq!(count, launched, "{phase:?} after {age} s with {faults:?}");
    };
    check(LaunchPhase::Planned, 0, &[], "Running", 1);
    check(LaunchPhase::Planned, 0, &[ReplyLost, ReplyLost], "Running", 1);
    check(LaunchPhase::Planned, 0, &[Throttled, Throttled], "Running", 1);
    check(
        LaunchPhase::Planned,
        0,
        &[Refused],
        "Refused(LaunchRefusal { code: \"InsufficientInstanceCapacity\", why: \"there is no capacity\" })",
        0,
    );
    // After a lost reply, a refusal proves nothing about the earlier request.
    check(LaunchPhase::Planned, 0, &[Lost, Refused], "Open(\"there is no capacity\")", 0);
    check(LaunchPhase::Planned, 0, &[ReplyLost, Refused], "Open(\"there is no capacity\")", 1);
    check(LaunchPhase::Planned, 0, &[Late(100), Refused], "Open(\"there is no capacity\")", 0);
    check(LaunchPhase::Planned, 0, &[Lost; 5], "Open(\"no answer in time\")", 0);
    check(
        LaunchPhase::Planned,
        0,
        &[Throttled; 5],
        "Refused(LaunchRefusal { code: \"RequestLimitExceeded\", why: \"too many requests\" })",
        0,
    );
    // Too late to send: a launch that was never sent is nothing, a sent one is queried.
    check(LaunchPhase::Planned, 3_599, &[], "Running", 1);
    check(LaunchPhase::Planned, 3_600, &[], "Nothing", 0);
    check(LaunchPhase::Sent(planned), 3_599, &[], "Running", 1);
    check(LaunchPhase::Sent(planned), 3_600, &[], "Nothing", 0);
    let late = planned + SignedDuration::from_secs(3_590);
    check(LaunchPhase::Sent(late), 3_600, &[], "Open(\"no answer, and EC2 does not show it yet\")", 0);
    check(LaunchPhase::Sent(late), 3_590 + 899, &[], "Open", 0);
    check(LaunchPhase::Sent(late), 3_590 + 900, &[], "Nothing", 0);
    check(LaunchPhase::Launched("i-1".into()), 0, &[], "Unread(\"i-1\", \"EC2 does not show it\")", 0);
}

#[test]
fn two_instances_of_one_launch_are_reported_and_left_alone() {
    let mut world = LaunchWorld::new();
    let cloud = MemoryFleet::new(caller());
    for token in ["a", "b"] {
        cloud.launch_once(&request(), token);
    }
    cloud.forward(SETTLE);
    world.cloud = cloud;
    world.disk.phase = LaunchPhase::Sent(caller().now);
    let told = world.launcher_unchecked();
    assert_eq!(told, LaunchOutcome::Several(vec!["i-memory0000".into(), "i-memory0001".into()]));
    assert!(world.cloud.all().iter().all(|seen| seen.state == InstanceState::Running));
}

impl LaunchWorld {
    /// Returns the first outcome of a query, without the check of a world that is wrong already.
    fn launcher_unchecked(&self) -> LaunchOutcome {
        let (launching, effects) =
            step(LaunchProgress::new(self.disk.clone()), LaunchEvent::Begin, self.cloud.now());
        assert_eq!(effects, [LaunchEffect::Look]);
        let looked = self.cloud.list_instances(&[REGION.to_string()], InstanceSelector::Launch(ID));
        let seen = looked.into_iter().next().expect("one region").seen;
        match step(launching, LaunchEvent::Found(seen), self.cloud.now()).1.pop() {
            Some(LaunchEffect::Tell(outcome)) => outcome,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_difference_in_place_access_or_market_is_listed() {
    let wanted = LaunchRequest {
        zone: Some("us-east-1b".into()),
        subnet: Some("subnet-1".into()),
        key: Some("alice".into()),
        groups: vec!["sg-1".into()],
        profile: Some("spawn-instance".into()),
        hibernation: true,
        spot: Some(SpotMarket { stoppable: false, max_price: None }),
        ..request()
    };
    let cloud = MemoryFleet::new(caller());
    cloud.launch_once(&wanted, "a");
    cloud.launch_once(&request(), "b");
    let all = cloud.all();
    assert_eq!(wanted.differences(&all[0]), Vec::<String>::new());
    let expected = [
        "its zone is us-east-1a, requested was us-east-1b",
        "its subnet is none, requested was subnet-1",
        "its key is none, requested was alice",
        "its instance profile is none, requested was spawn-instance",
        "it is not in the security group sg-1",
        "it cannot be hibernated, requested was hibernation",
        "it is an on-demand instance, requested was a spot instance",
    ];
    assert_eq!(wanted.differences(&all[1]), expected);
}

#[test]
fn differences_from_the_request_are_listed() {
    let cloud = MemoryFleet::new(caller());
    cloud.launch_once(&request(), "a");
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
        let metadata = fleet::instance::MetadataSettings { session_required: required, hops, tags };
        let seen = InstanceView { metadata: Some(metadata), ..seen.clone() };
        assert_eq!(request().differences(&seen).len(), 1);
    }
    let mut wrong = seen;
    wrong.tags.insert(tag::LAUNCH.to_string(), "x".to_string());
    assert_eq!(
        request().differences(&wrong),
        ["tag spawn:launch-id is \"x\", requested was \"0123456789abcdef\""]
    );
}

fn refusal(code: &str, why: &str) -> LaunchRefusal {
    LaunchRefusal { code: code.to_string(), why: why.to_string() }
}

/// Returns the pauses of a launcher that starts in this phase and receives only this event.
fn pauses(phase: LaunchPhase, heard: LaunchEvent) -> Vec<i64> {
    let mut launching = LaunchProgress::new(LaunchRecord { phase, ..LaunchWorld::new().disk });
    let (mut event, mut pauses) = (LaunchEvent::Begin, Vec::new());
    loop {
        let (next, effects) = step(launching, event, caller().now);
        launching = next;
        event = heard.clone();
        for effect in effects {
            match effect {
                LaunchEffect::Wait(span) => {
                    pauses.push(span.as_secs());
                    event = LaunchEvent::Waited;
                }
                LaunchEffect::Tell(_) => return pauses,
                LaunchEffect::Save | LaunchEffect::Send | LaunchEffect::Look => {}
            }
        }
    }
}

#[test]
fn pauses_grow_and_are_limited_in_number() {
    let throttled = LaunchEvent::Reply(LaunchReply::Throttled(refusal("RequestLimitExceeded", "too many")));
    assert_eq!(pauses(LaunchPhase::Planned, throttled), [2, 4, 8, 16]);
    let expected = [2, 4, 8, 16, 30, 30, 30, 30, 30, 30, 30, 30];
    for heard in [Ok(Vec::new()), Err("no answer".to_string())] {
        assert_eq!(pauses(LaunchPhase::Launched("i-1".to_string()), LaunchEvent::Found(heard)), expected);
    }
    assert_eq!(
        pauses(LaunchPhase::Sent(caller().now), LaunchEvent::Found(Err("no answer".to_string()))),
        expected
    );
}

#[test]
fn a_new_key_that_ec2_does_not_know_yet_is_tried_again_for_at_most_two_minutes() {
    let not_yet = || LaunchEvent::Reply(LaunchReply::NotYet(refusal("InvalidKeyPair.NotFound", "no key")));
    assert_eq!(pauses(LaunchPhase::Planned, not_yet()), [0; 0], "an old key that is not there is missing");
    let mut launching = LaunchProgress::new(LaunchRecord { fresh: true, ..LaunchWorld::new().disk });
    let (mut event, mut waited) = (LaunchEvent::Begin, SignedDuration::ZERO);
    let outcome = loop {
        let (next, effects) = step(launching, event, caller().now);
        launching = next;
        match effects.last() {
            Some(LaunchEffect::Wait(span)) => {
                waited += *span;
                event = LaunchEvent::Waited;
            }
            Some(LaunchEffect::Send) => event = not_yet(),
            Some(LaunchEffect::Tell(outcome)) => break outcome.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(outcome, LaunchOutcome::Refused(refusal("InvalidKeyPair.NotFound", "no key")));
    assert_eq!(waited, SignedDuration::from_secs(90));
    let mut world = LaunchWorld::new();
    world.disk.fresh = true;
    let outcome = world.launcher(&[LaunchFault::NotYet, LaunchFault::NotYet], 0, None);
    assert!(matches!(outcome, Some(LaunchOutcome::Running(_))), "{outcome:?}");
    assert_eq!(world.launched().len(), 1);
}

#[test]
fn a_settled_launch_reports_its_outcome_again() {
    let check = |over: LaunchConclusion, expected: &str, open: bool| {
        let mut world = LaunchWorld::new();
        world.disk.phase = LaunchPhase::Over(over);
        assert_eq!(world.disk.is_open(), open);
        let (_, effects) = step(LaunchProgress::new(world.disk), LaunchEvent::Begin, caller().now);
        assert_eq!(format!("{effects:?}"), expected);
    };
    check(
        LaunchConclusion::Refused("no".to_string()),
        "[Tell(Refused(LaunchRefusal { code: \"\", why: \"no\" }))]",
        false,
    );
    check(LaunchConclusion::Ended, "[Tell(Ended(None))]", false);
    check(LaunchConclusion::Nothing, "[Tell(Nothing)]", false);
    check(LaunchConclusion::Running("i-1".to_string()), "[Look]", false);
    let world = LaunchWorld::new();
    assert!(world.disk.is_open());
    assert_eq!(world.disk.token(), "spawn-0123456789abcdef", "AWS takes 64 characters");
}

#[test]
fn a_terminated_instance_is_not_reported_as_running() {
    let mut world = LaunchWorld::new();
    world.act(&LaunchAct::Launcher { faults: vec![LaunchFault::ReplyLost], blind: 0, killed_at: Some(3) });
    assert_eq!(world.launched().len(), 1);
    world.act(&LaunchAct::Terminate);
    world.act(&LaunchAct::Pass(300));
    let outcome = world.launcher(&[], 0, None);
    assert!(matches!(&outcome, Some(LaunchOutcome::Ended(Some(seen))) if seen.id == "i-memory0000"));
    // The same while the instance is still invisible, and only its token shows that it ended.
    let mut world = LaunchWorld::new();
    world.act(&LaunchAct::Launcher { faults: vec![LaunchFault::ReplyLost], blind: 0, killed_at: Some(3) });
    world.act(&LaunchAct::Terminate);
    assert_eq!(world.launcher(&[], 0, None), Some(LaunchOutcome::Ended(None)));
}

#[test]
fn a_token_of_another_request_is_queried_and_never_sent_again() {
    let world = LaunchWorld::new();
    let (launching, effects) = step(LaunchProgress::new(world.disk), LaunchEvent::Begin, caller().now);
    assert_eq!(effects, [LaunchEffect::Save, LaunchEffect::Send]);
    let mismatch = LaunchEvent::Reply(LaunchReply::Mismatch("another request".to_string()));
    let (launching, effects) = step(launching, mismatch, caller().now);
    assert_eq!(effects, [LaunchEffect::Look]);
    let (launching, effects) = step(launching, LaunchEvent::Found(Ok(Vec::new())), caller().now);
    assert_eq!(effects, [LaunchEffect::Tell(LaunchOutcome::Open("another request".to_string()))]);
    assert!(launching.launch.is_open());
}

#[test]
fn a_pending_instance_is_queried_every_five_seconds_for_ten_minutes() {
    let world = LaunchWorld::new();
    world.cloud.launch_pending(SignedDuration::from_mins(30), InstanceState::Running, None);
    world.cloud.launch_once(&request(), "a");
    let pending = LaunchEvent::Found(Ok(world.cloud.all()));
    let pauses = pauses(LaunchPhase::Sent(caller().now), pending.clone());
    assert_eq!(pauses, vec![5; 120]);
    // Its id is recorded once, before the first pause.
    let disk = LaunchRecord { phase: LaunchPhase::Sent(caller().now), ..world.disk.clone() };
    let (launching, _) = step(LaunchProgress::new(disk), LaunchEvent::Begin, caller().now);
    let (launching, effects) = step(launching, pending.clone(), caller().now);
    let wait = LaunchEffect::Wait(SignedDuration::from_secs(5));
    assert_eq!(effects, [LaunchEffect::Save, wait.clone()]);
    assert_eq!(launching.launch.phase, LaunchPhase::Launched("i-memory0000".to_string()));
    let (launching, effects) = step(launching, LaunchEvent::Waited, caller().now);
    assert_eq!(effects, [LaunchEffect::Look]);
    let (launching, effects) = step(launching, pending, caller().now);
    assert_eq!(effects, [wait]);
    // Its failure ends the launch.
    let (launching, _) = step(launching, LaunchEvent::Waited, caller().now);
    world.cloud.forward(SignedDuration::from_mins(30));
    let (_, effects) = step(launching, LaunchEvent::Found(Ok(world.cloud.all())), caller().now);
    assert!(matches!(effects[..], [LaunchEffect::Save, LaunchEffect::Tell(LaunchOutcome::Running(_))]));
}
