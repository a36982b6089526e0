//! Properties that hold after any actions in any order.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::Timestamp;
use jiff::SignedDuration;
use proptest::prelude::*;

use crate::core::{ApiCall, FIRST_ACCOUNT, SandboxInstanceState, SandboxWorld, WorldState, credentials};
use crate::facts::AwsFacts;
use crate::scenario::Scenario;

#[derive(Debug, Clone)]
enum TestAction {
    Run(&'static str),
    Call(&'static str, usize),
    Form(&'static str, &'static str),
    Wait(i64),
    Interrupt(usize),
    PowerOff(usize),
}

const ON_DEMAND: &str = "";
const ONE_TIME: &str = "&InstanceMarketOptions.MarketType=spot";
const PERSISTENT: &str = "&InstanceMarketOptions.MarketType=spot&InstanceMarketOptions.SpotOptions.SpotInstanceType=persistent&InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior=stop";

/// Capacity reservations for the launched instances, and a spot request that waits.
const FORMS: [(&str, &str); 3] = [
    (
        "CreateCapacityReservation",
        "InstanceType=t3.micro&InstancePlatform=Linux/UNIX&AvailabilityZoneId=use1-az1&InstanceCount=2",
    ),
    (
        "CreateCapacityReservation",
        "InstanceType=t3.micro&InstancePlatform=Linux/UNIX&AvailabilityZoneId=use1-az1&InstanceCount=1&EndDateType=limited&EndDate=2026-01-01T00:10:00Z",
    ),
    (
        "RequestSpotInstances",
        "LaunchSpecification.ImageId=resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64&LaunchSpecification.InstanceType=t3.micro&Type=persistent",
    ),
];

fn act() -> impl Strategy<Value = TestAction> {
    let call = prop::sample::select(vec!["StartInstances", "StopInstances", "TerminateInstances"]);
    prop_oneof![
        prop::sample::select(vec![ON_DEMAND, ONE_TIME, PERSISTENT]).prop_map(TestAction::Run),
        (call, 0..8usize).prop_map(|(call, at)| TestAction::Call(call, at)),
        prop::sample::select(FORMS.to_vec()).prop_map(|(call, form)| TestAction::Form(call, form)),
        (1..200i64).prop_map(TestAction::Wait),
        (0..8usize).prop_map(TestAction::Interrupt),
        (0..8usize).prop_map(TestAction::PowerOff),
    ]
}

struct SandboxTestBench {
    world: SandboxWorld,
    now: Timestamp,
    ids: Vec<String>,
    over: BTreeMap<String, ()>,
}

impl SandboxTestBench {
    fn new() -> SandboxTestBench {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let world = SandboxWorld::new(Arc::new(AwsFacts::small()), Scenario::default(), 1, now);
        SandboxTestBench { world, now, ids: Vec::new(), over: BTreeMap::new() }
    }

    fn call(&mut self, action: &str, form: &str) {
        let call = ApiCall {
            access_key: credentials(FIRST_ACCOUNT, "sandbox").0,
            service: "ec2".to_string(),
            region: "us-east-1".to_string(),
            action: action.to_string(),
            body: format!("Action={action}&{form}"),
            request: String::new(),
        };
        // Errors count too: only the resulting state matters.
        let _ = self.world.call(self.now, &call);
    }

    fn perform(&mut self, act: &TestAction) {
        let named = |at: &usize| self.ids.get(at % self.ids.len().max(1)).cloned().unwrap_or_default();
        match act {
            TestAction::Run(market) => self.call("RunInstances", &format!("ImageId=resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64&InstanceType=t3.micro&MinCount=1&MaxCount=1{market}")),
            TestAction::Call(call, at) => {
                let form = format!("InstanceId.1={}", named(at));
                self.call(call, &form);
            }
            TestAction::Form(call, form) => self.call(call, form),
            TestAction::Wait(seconds) => {
                self.now += SignedDuration::from_secs(*seconds);
                self.world.apply_due_events(self.now);
            }
            TestAction::Interrupt(at) => drop(self.world.interrupt(self.now, &named(at))),
            TestAction::PowerOff(at) => drop(self.world.power_off(self.now, &named(at))),
        }
        let here = &self.world.state.accounts[FIRST_ACCOUNT].regions["us-east-1"];
        self.ids = here.instances.keys().cloned().collect();
    }

    fn check(&mut self) {
        let account = &self.world.state.accounts[FIRST_ACCOUNT];
        let here = &account.regions["us-east-1"];
        for (id, found) in &here.instances {
            assert!(found.state.is_over() || !self.over.contains_key(id), "{id} came back");
            if found.state.is_over() {
                self.over.insert(id.clone(), ());
            }
            let request = found.spot_request.as_ref().map(|request| &here.spot[request]);
            let stopped =
                matches!(found.state, SandboxInstanceState::Stopping | SandboxInstanceState::Stopped);
            assert!(
                !(stopped && request.is_some_and(|request| !request.persistent)),
                "one-time spot stopped"
            );
            let open =
                account.usage.iter().filter(|usage| usage.instance == *id && usage.until.is_none()).count();
            assert_eq!(
                open,
                usize::from(found.state == SandboxInstanceState::Running),
                "{id} is billed only while it runs"
            );
        }
        for (id, reservation) in &here.reservations {
            let inside = here.instances.values().filter(|found| found.capacity.as_ref() == Some(id));
            assert!(inside.clone().all(|found| found.state.is_up()), "only live instances take a place");
            assert!(inside.count() <= reservation.places(), "{id} has more instances than places");
        }
        for (id, volume) in &here.volumes {
            let holder = volume.instance.as_ref().map(|holder| &here.instances[holder]);
            assert!(holder.is_none_or(|holder| holder.volumes.iter().any(|mapping| mapping.volume == *id)));
        }
        for request in here.spot.values().filter(|request| request.state == "active") {
            let held = request.instance.as_ref().and_then(|id| here.instances.get(id));
            assert!(held.is_some_and(|held| !held.state.is_over()), "an active request has an instance");
        }
    }
}

proptest! {
    #[test]
    fn any_actions_keep_the_world_consistent(acts in prop::collection::vec(act(), 0..60)) {
        let mut lab = SandboxTestBench::new();
        lab.perform(&TestAction::Run(ON_DEMAND));
        for act in &acts {
            lab.perform(act);
            lab.check();
        }
        let whole = serde_json::to_string(&lab.world.state).unwrap();
        let again: WorldState = serde_json::from_str(&whole).unwrap();
        prop_assert_eq!(serde_json::to_string(&again).unwrap(), whole);
    }

    #[test]
    fn the_same_actions_and_seed_give_the_same_world(acts in prop::collection::vec(act(), 0..30)) {
        let play = || {
            let mut lab = SandboxTestBench::new();
            lab.perform(&TestAction::Run(PERSISTENT));
            acts.iter().for_each(|act| lab.perform(act));
            serde_json::to_string(&lab.world.state).unwrap()
        };
        prop_assert_eq!(play(), play());
    }
}
