//! Images of an instance's disk, and an installation after days without spawnd: state, terms and
//! counted time belong to one instance.

use crate::fake::{FakeWorld, MetadataMode};

/// The other instance: the disk is an image of its own.
const FIRST: &str = "i-sandboxfirst";
const HALF_HOUR: &str = r#"{"budget":"30m","on-expiry":"stop"}"#;

/// Returns the saved state of an instance with four days left, after an extension.
fn state_of_first() -> String {
    let mut first = FakeWorld::new(r#"{"budget":"4d","on-expiry":"terminate"}"#);
    first.aws(|aws| {
        aws.instance_id = FIRST.to_string();
        aws.tag = Some("v1;running;until=2027-01-19T08:00:00Z;gen=1".to_string());
    });
    first.start();
    assert!(first.until(600, |first| first.run(&["extend", "2h"]).status.success()), "{}", first.log());
    assert!(first.terminate());
    first.read("var/lib/spawn/state.json")
}

fn status(world: &FakeWorld) -> String {
    assert!(world.until(600, |world| world.run(&["status"]).status.success()), "{}", world.log());
    String::from_utf8(world.run(&["status"]).stdout).expect("text")
}

/// A machine with the disk of the first instance and these terms.
fn image(terms: &str) -> FakeWorld {
    let world = FakeWorld::new(terms);
    world.write("var/lib/spawn/state.json", &state_of_first());
    world.write("proc/sys/kernel/random/boot_id", "boot-of-the-second\n");
    world
}

#[test]
fn an_instance_of_an_image_lives_by_its_own_terms_and_tag() {
    let mut world = image(HALF_HOUR);
    // A count without an owner, as earlier versions wrote it, is the first instance's too.
    world.write("var/lib/spawn/dead-man", "1000\n");
    world.aws(|aws| aws.tag = Some("v1;running;until=2027-01-15T08:30:00Z;gen=1".to_string()));
    world.start();
    let text = status(&world);
    assert!(text.contains("will stop in 2"), "{text}");
    assert!(world.until(3_000, FakeWorld::ended), "{}", world.log());
    assert!(world.uptime() > 1_700 && world.received_call("StopInstances"), "{}", world.uptime());
    let written = world.aws(|aws| aws.calls.join("\n"));
    assert!(!written.contains("gen%3D7") && world.aws(|aws| aws.tag.clone()).is_some(), "{written}");
    assert_eq!(world.aws(|aws| aws.tag.clone()).as_deref(), Some("v1;paused;left=0;gen=2"));
}

#[test]
fn an_instance_of_an_image_is_recognized_without_the_metadata_service() {
    let mut world = image(HALF_HOUR);
    world.write("var/lib/cloud/data/instance-id", "i-sandbox0123456789\n");
    world.aws(|aws| aws.imds = MetadataMode::Closes);
    world.start();
    let text = status(&world);
    assert!(text.contains("will stop in 2"), "{text}");
}

#[test]
fn an_instance_of_an_image_begins_anew_once_its_id_is_known() {
    let mut world = image(HALF_HOUR);
    world.aws(|aws| aws.imds = MetadataMode::Closes);
    world.start();
    let text = status(&world);
    assert!(text.contains("will terminate in 4d"), "{text}");
    world.aws(|aws| aws.imds = MetadataMode::Works);
    let stops = |world: &FakeWorld| {
        String::from_utf8(world.run(&["status"]).stdout).is_ok_and(|text| text.contains("will stop in 2"))
    };
    assert!(world.until(600, stops), "{}", world.log());
}

#[test]
fn terms_of_another_instance_are_not_used() {
    let mut world = FakeWorld::new(r#"{"instance":"i-sandboxfirst","budget":"30m","on-expiry":"terminate"}"#);
    world.start();
    let text = status(&world);
    assert!(text.contains("will stop in 3h"), "{text}");
    assert!(world.log().contains("terms.json is of instance i-sandboxfirst"), "{}", world.log());
}

#[test]
fn a_copied_tag_that_ended_before_the_launch_is_replaced() {
    let mut world = FakeWorld::new(HALF_HOUR);
    world.aws(|aws| aws.tag = Some("v1;running;until=2027-01-15T07:00:00Z;gen=4".to_string()));
    world.start();
    let text = status(&world);
    assert!(text.contains("will stop in 2"), "{text}");
    let own = |world: &FakeWorld| {
        world.aws(|aws| aws.tag.clone()).is_some_and(|tag| tag.starts_with("v1;running;until=2027-01-15T08:"))
    };
    assert!(world.until(600, own), "{:?}", world.aws(|aws| aws.tag.clone()));
    let is_acknowledged = |world: &FakeWorld| {
        let written = world.aws(|aws| aws.acknowledgements.last().cloned());
        written.is_some_and(|tag| tag.contains(";gen=5;at=2027-01-15T08:"))
    };
    assert!(world.until(600, is_acknowledged), "{:?}", world.aws(|aws| aws.acknowledgements.clone()));
}

#[test]
fn a_late_installation_takes_over_the_counted_time() {
    let check = |counted: &str, left: &str| {
        let mut world = FakeWorld::new(r#"{"budget":"8h","on-expiry":"stop"}"#);
        world.write("var/lib/spawn/dead-man", counted);
        // The tag of the launch does not know that the machine was stopped for a while.
        world.aws(|aws| aws.tag = Some("v1;running;until=2027-01-15T08:20:00Z;gen=1".to_string()));
        world.write("etc/systemd/system/spawn-count.timer", "");
        let installed = world.run(&["install"]);
        assert!(installed.status.success(), "{installed:?}");
        assert!(world.read("calls").contains("systemctl disable --now spawn-count.timer\n"));
        world.start();
        let text = status(&world);
        assert!(text.contains(&format!("will stop in {left}")), "{counted:?}: {text}");
        let own =
            |world: &FakeWorld| world.aws(|aws| aws.tag.clone()).is_some_and(|tag| tag.contains(";gen=2"));
        assert!(world.until(600, own), "{:?}", world.aws(|aws| aws.tag.clone()));
    };
    // With the grace period and the ten minutes of the dead-man.
    check("11700 i-sandbox0123456789\n", "2h");
    check("8100\n", "1h");
}

#[test]
fn the_count_of_another_instance_is_not_taken_over() {
    let mut world = FakeWorld::new(r#"{"budget":"8h","on-expiry":"stop"}"#);
    world.write("var/lib/spawn/dead-man", "1800 i-sandboxfirst\n");
    world.start();
    let text = status(&world);
    assert!(text.contains("will stop in 7h"), "{text}");
}
