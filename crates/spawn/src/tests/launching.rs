//! Launches against an EC2 in memory.

use super::*;

#[test]
fn a_launch_is_journaled_sent_and_read_back() {
    let cloud = memory();
    let desk = SpawnHome::new();
    let planned = desk.spawn(&faulty(&cloud, &[]), &[&LAUNCH[..], &["--dry-run"]].concat());
    assert!(planned.err.contains("nothing was launched"), "{}", planned.err);
    let row =
        "t3.micro,us-east-1,2026-11-23T20:00:00Z,2026-11-30T12:00:00Z,terminate,,0123456789abcdef,ami-al2023";
    assert!(planned.good().contains(&format!(",,{row}")));
    assert!(cloud.all().is_empty() && !desk.0.path().join("launches").exists());
    let told = desk.spawn(&faulty(&cloud, &[LaunchFault::ReplyLost]), &LAUNCH).good();
    assert!(told.contains(&format!("i-memory0000,running,{row}")), "{told}");
    let all = cloud.all();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].tag("Name"), Some("try"));
    assert_eq!(all[0].owner(), Some(ME));
    assert!(all[0].managed());
    assert_eq!(desk.spawn(&faulty(&cloud, &[]), &["launch", "--resume"]).ended, Ok(Exit::NothingMatched));
}

#[test]
fn resume_continues_an_unsettled_launch_without_a_second_instance() {
    let cloud = memory();
    let desk = SpawnHome::new();
    let lost = faulty(&cloud, &[LaunchFault::ReplyLost, LaunchFault::Refused]);
    lost.blind.set(99);
    let told = desk.spawn(&lost, &LAUNCH);
    assert!(told.failed().starts_with("the outcome of the launch is unknown"), "{}", told.failed());
    let again = desk.spawn(&faulty(&cloud, &[]), &LAUNCH);
    assert_eq!(again.failed(), "launch 0123456789abcdef of 2026-11-23T12:00:00Z is not settled");
    let told = desk.spawn(&faulty(&cloud, &[]), &["launch", "--resume"]).good();
    assert!(told.contains("i-memory0000,running,"), "{told}");
    assert_eq!(cloud.all().len(), 1);
}

#[test]
fn a_launch_without_an_instance_reports_its_outcome() {
    let cloud = memory();
    let desk = SpawnHome::new();
    let told = desk.spawn(&faulty(&cloud, &[LaunchFault::Refused]), &LAUNCH);
    assert_eq!(told.failed(), "nothing was launched: there is no capacity");
    let told = desk.spawn(&faulty(&cloud, &[LaunchFault::Lost; 5]), &LAUNCH);
    assert_eq!(told.failed(), "the outcome of the launch is unknown: no answer in time");
    cloud.forward(SignedDuration::from_hours(2));
    let told = desk.spawn(&faulty(&cloud, &[]), &["launch", "--resume"]);
    assert_eq!(told.ended, Ok(Exit::NothingMatched));
    assert!(told.err.contains("launch 0123456789abcdef has no instance, and will get none"), "{}", told.err);
    assert!(cloud.all().is_empty());
}

#[test]
fn invalid_launch_arguments_are_refused_without_a_request() {
    let cloud = memory();
    let check = |words: &[&str], expected: &str| {
        let told = SpawnHome::new().spawn(&faulty(&cloud, &[]), words);
        assert!(told.failed().contains(expected), "{words:?}: {}", told.failed());
        assert_eq!(told.ended.unwrap_err().kind, console::FailureKind::Usage);
        assert!(cloud.all().is_empty());
    };
    check(&["launch", "t3.micro"], "--ttl is required");
    check(&["launch", "t3.micro", "--ttl", "forever"], "is not a span of time");
    check(&["launch", "t3.micro", "--ttl", "8d"], "--ttl 8d is longer than --cap 7d");
    check(&["launch", "t3", "--ttl", "8h"], "an instance type such as m7i.xlarge");
    check(&["launch", "t3.micro", "--ttl", "8h", "--on-expiry", "stopp"], "the closest match is stop");
    check(&["launch", "t3.micro", "--ttl", "8h", "--image", "ubuntu"], "is not an image id");
    check(&["launch", "t3.micro", "--ttl", "8h", "--name", ""], "is empty");
    check(&["launch", "t3.micro", "--ttl", "8h", "--name", "a\u{1b}[31mb"], "contains a control character");
    check(&["launch", "t3.micro", "--ttl", "8h", "--name", &"n".repeat(257)], "has more than 256 characters");
    check(&["launch", "t3.micro", "--ttl", "8h", "--region", "eu-west-2"], "the closest match is eu-west-1");
    check(
        &["launch", "t3.micro", "--ttl", "8h", "--region", "me-south-1"],
        "region me-south-1 is not enabled in account 111122223333",
    );
}

#[test]
fn a_launch_that_dies_while_pending_is_no_success() {
    let cloud = memory();
    let why = "Client.InternalError: Client error on launch";
    cloud.launch_pending(SignedDuration::from_mins(5), InstanceState::Terminated, Some(why));
    let desk = SpawnHome::new();
    let told = desk.spawn(&faulty(&cloud, &[]), &LAUNCH);
    assert_eq!(told.failed(), format!("i-memory0000 ended before it was seen running: {why}"));
    assert!(told.out.is_empty(), "no success is claimed: {}", told.out);
    assert_eq!(desk.spawn(&faulty(&cloud, &[]), &["launch", "--resume"]).ended, Ok(Exit::NothingMatched));
}

#[test]
fn a_pending_launch_is_reported_once_it_runs() {
    let cloud = memory();
    cloud.launch_pending(SignedDuration::from_mins(7), InstanceState::Running, None);
    let told = SpawnHome::new().spawn(&faulty(&cloud, &[LaunchFault::ReplyLost]), &LAUNCH).good();
    assert!(told.contains("i-memory0000,running,"), "{told}");
    let slow = memory();
    slow.launch_pending(SignedDuration::from_hours(2), InstanceState::Running, None);
    let desk = SpawnHome::new();
    let told = desk.spawn(&faulty(&slow, &[]), &LAUNCH);
    assert!(told.failed().contains("it is still pending after ten minutes"), "{}", told.failed());
    slow.forward(SignedDuration::from_hours(2));
    let told = desk.spawn(&faulty(&slow, &[]), &["launch", "--resume"]).good();
    assert!(told.contains("i-memory0000,running,"), "{told}");
}

#[test]
fn a_launch_that_is_stopped_at_once_is_no_success() {
    let cloud = memory();
    let why = "Server.InternalError: Internal error on launch";
    cloud.launch_pending(SignedDuration::from_mins(5), InstanceState::Stopped, Some(why));
    let told = SpawnHome::new().spawn(&faulty(&cloud, &[]), &LAUNCH);
    assert_eq!(told.failed(), format!("i-memory0000 was launched and is stopped: {why}"));
}

#[test]
fn the_regions_of_the_account_are_read_once_a_day() {
    let cloud = memory();
    let desk = SpawnHome::new();
    let launch = |expected: u32| {
        desk.spawn(&faulty(&cloud, &[]), &[&LAUNCH[..], &["--dry-run"]].concat()).good();
        assert_eq!(cloud.region_requests(), expected);
    };
    launch(1);
    launch(1);
    cloud.forward(SignedDuration::from_hours(24));
    launch(2);
    launch(2);
    let other =
        desk.spawn(&faulty(&cloud, &[]), &["launch", "t3.micro", "--ttl", "8h", "--region", "eu-west-2"]);
    assert!(other.failed().contains("the closest match is eu-west-1"), "{}", other.failed());
    assert_eq!(cloud.region_requests(), 3, "a region that was not known may exist by now");
}
