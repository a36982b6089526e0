//! The account in memory, on which the tests of spawn rely: it returns the instances and
//! resources that a test adds, and its clock changes states as EC2 does.

use domain::Timestamp;
use fleet::instance::{InstanceState, InstanceView};
use fleet::launch::{LaunchReply, LaunchRequest};
use fleet::ports::{CallerAccount, FaultyInstances, InstanceSelector, Instances, MemoryFleet};
use fleet::remains::RemainingResource;
use jiff::SignedDuration;

const REGION: &str = "us-east-1";

fn noon() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().expect("an instant")
}

fn account() -> MemoryFleet {
    MemoryFleet::new(CallerAccount {
        account: "111122223333".into(),
        arn: "arn:aws:iam::111122223333:user/alice".into(),
        now: noon(),
    })
}

fn listed(cloud: &dyn Instances) -> Vec<InstanceView> {
    let mut regions = cloud.list_instances(&[REGION.to_string()], InstanceSelector::All);
    regions.remove(0).seen.expect("the region is read")
}

#[test]
fn an_added_instance_is_listed_with_what_it_leaves_behind() {
    let cloud = account();
    cloud.add(MemoryFleet::instance("i-1", noon()));
    let faulty = FaultyInstances::new(&cloud);
    assert_eq!(listed(&faulty).into_iter().map(|seen| seen.id).collect::<Vec<_>>(), ["i-1"]);
    let disk = RemainingResource::Disk("vol-1".into(), "gp3".into(), 8);
    cloud.set_remains("i-1", vec![disk.clone()]);
    assert_eq!(faulty.list_remains(REGION, "i-1", &[]), Ok(vec![disk]));
    assert_eq!(faulty.list_remains(REGION, "i-2", &[]), Ok(vec![]));
}

#[test]
fn a_pending_instance_settles_at_its_instant_for_its_reason() {
    let cloud = account();
    let span = SignedDuration::from_secs(30);
    cloud.launch_pending(span, InstanceState::Terminated, Some("Server.InternalError"));
    let request = LaunchRequest { region: REGION.into(), ..LaunchRequest::default() };
    assert!(matches!(cloud.launch_once(&request, "token"), LaunchReply::Launched(_)));
    let state = || cloud.all().into_iter().map(|seen| (seen.state, seen.reason)).next().expect("an instance");
    cloud.forward(span - SignedDuration::from_secs(1));
    assert_eq!(state(), (InstanceState::Pending, None));
    cloud.forward(SignedDuration::from_secs(1));
    assert_eq!(state(), (InstanceState::Terminated, Some("Server.InternalError".to_string())));
}
