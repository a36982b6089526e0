//! The real binary against a fake AWS on the loopback, many times as fast as real life. Under every
//! fault the instance ends by its deadline, never early, and never without the warning.

use crate::fake::{Ec2Mode, FakeWorld, MetadataMode};

/// Ten minutes, then a stop; a power-off from inside stops.
pub(crate) const TEN_MINUTES: &str = r#"{"budget":"10m","on-expiry":"stop"}"#;
/// In seconds: the budget, the daemon's documented slack, and one poll with the rounding of the
/// pace.
const BUDGET: u64 = 600;
const SLACK: u64 = 300 + 540;
const TICK: u64 = 60;

/// Runs a life under a fault to its end. Checks the time of the end and the warning before it.
fn check(fault: impl FnOnce(&mut FakeWorld)) -> FakeWorld {
    check_in(FakeWorld::new(TEN_MINUTES), fault)
}

/// Does the same in a given world.
pub(crate) fn check_in(mut world: FakeWorld, fault: impl FnOnce(&mut FakeWorld)) -> FakeWorld {
    world.aws(|aws| aws.tag = Some("v1;running;until=2027-01-15T08:10:00Z;gen=1".to_string()));
    world.start();
    assert!(world.until(400, |world| world.path("var/lib/spawn/state.json").exists()), "{}", world.log());
    fault(&mut world);
    assert!(world.until(BUDGET + SLACK, FakeWorld::ended), "it ran past its deadline: {}", world.log());
    let uptime = world.uptime();
    assert!(uptime + TICK >= BUDGET, "it ended early, after {uptime} s: {}", world.log());
    let notice = world.read("run/spawn/notice");
    assert!(notice.contains("this instance will stop in"), "without a warning: {notice}");
    assert!(world.read("dev/pts/0").contains("[spawnd] this instance will stop in"));
    assert_eq!(world.aws(|aws| aws.forbidden), 0, "a call that the printed policy does not allow");
    assert_eq!(world.aws(|aws| aws.unsigned), 0, "a call that is not signed or for another instance");
    world
}

#[test]
fn ends_on_time_without_a_fault() {
    let world = check(|_| {});
    assert!(world.received_call("StopInstances") && !world.powered_off());
    let tag = world.aws(|aws| aws.tag.clone());
    assert_eq!(tag.as_deref(), Some("v1;paused;left=0;gen=2"));
    assert!(world.read("calls").contains("restart spawn-dead-man.timer"));
}

#[test]
fn ends_on_time_after_repeated_kills() {
    check(|world| {
        for _ in 0..4 {
            world.kill();
            world.start();
            world.until(90, |_| false);
        }
    });
}

#[test]
fn ends_on_time_after_repeated_kills_during_the_start() {
    let mut world = FakeWorld::new(TEN_MINUTES);
    for milliseconds in 0..40 {
        world.start();
        std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        world.kill();
    }
    let world = check_in(world, |_| {});
    assert!(world.received_call("StopInstances") && !world.powered_off(), "{}", world.log());
}

#[test]
fn ends_on_time_if_the_metadata_service_is_dead() {
    for imds in [MetadataMode::Closes, MetadataMode::Fails, MetadataMode::Refuses] {
        let world = check(|world| world.aws(|aws| aws.imds = imds));
        assert!(world.log().contains("cannot be read"), "{imds:?}: {}", world.log());
    }
}

#[test]
fn ends_on_time_if_the_metadata_service_hangs() {
    check(|world| world.aws(|aws| aws.imds = MetadataMode::Hangs));
}

#[test]
fn renews_a_lost_token() {
    let world = check(|world| world.aws(|aws| aws.tokens += 7));
    assert!(!world.log().contains("cannot be read"), "{}", world.log());
}

#[test]
fn powers_off_if_ec2_cannot_be_reached() {
    let world = check(|world| world.aws(|aws| aws.ec2 = Ec2Mode::Closes));
    assert!(world.until(300, FakeWorld::powered_off), "{}", world.log());
}

#[test]
fn powers_off_if_the_role_lacks_permission() {
    let world = check(|world| world.aws(|aws| aws.ec2 = Ec2Mode::Denies));
    assert!(world.until(60, FakeWorld::powered_off), "{}", world.log());
}

#[test]
fn renews_expired_credentials() {
    let world = check(|world| world.aws(|aws| aws.ec2 = Ec2Mode::ExpiresOnce));
    assert!(!world.powered_off());
}

#[test]
fn ends_on_time_if_the_tags_are_deleted() {
    check(|world| world.aws(|aws| aws.tag = None));
}

#[test]
fn ends_on_time_if_the_tags_are_garbled() {
    for text in ["", "v1;running;until=never;gen=9", "v9;running;\u{1}"] {
        check(|world| world.aws(|aws| aws.tag = Some(text.to_string())));
    }
}

#[test]
fn restarts_from_the_launch_terms_if_the_state_is_corrupt() {
    for text in ["", "{\"version\":9}", "\0\0\0"] {
        let world = check(|world| {
            world.kill();
            world.write("var/lib/spawn/state.json", text);
            world.start();
        });
        assert!(world.log().contains("the saved state is lost"), "{}", world.log());
        assert_eq!(world.read("var/lib/spawn/state.bad"), text);
    }
}

#[test]
fn keeps_the_state_in_memory_if_it_cannot_be_written() {
    let world = check(|world| {
        std::fs::remove_dir_all(world.path("var/lib/spawn")).expect("removed");
        world.write("var/lib/spawn", "a file where the folder was");
    });
    assert!(world.log().contains("kept in memory"), "{}", world.log());
}

#[test]
fn powers_off_if_everything_fails_at_once() {
    let world = check(|world| {
        world.kill();
        world.aws(|aws| (aws.imds, aws.ec2) = (MetadataMode::Closes, Ec2Mode::Closes));
        world.write("var/lib/spawn/state.json", "garbage");
        world.start();
    });
    assert!(world.until(300, FakeWorld::powered_off), "{}", world.log());
}

#[test]
fn makes_no_calls_for_an_instance_of_another_endpoint() {
    let mut world = FakeWorld::new(TEN_MINUTES);
    world.aws(|aws| aws.instance_id = "i-0123456789abcdef0".to_string());
    world.start();
    assert!(world.until(BUDGET + SLACK, FakeWorld::ended), "{}", world.log());
    assert!(world.powered_off() && world.aws(|aws| aws.calls.is_empty()));
}

#[test]
fn without_terms_and_tags_it_gets_four_hours_and_warns() {
    let mut world = FakeWorld::new("");
    world.start();
    assert!(
        world.until(1_200, |world| world.log().contains("this instance gets 4 hours")),
        "{}",
        world.log()
    );
    assert!(world.until(1_200, |world| world.run(&["status"]).status.success()));
    let text = String::from_utf8(world.run(&["status"]).stdout).expect("text");
    assert!(text.contains("will stop in 3h"), "{text}");
}

#[test]
fn a_refused_hibernation_becomes_a_stop() {
    let mut world = FakeWorld::new(r#"{"budget":"6m","on-expiry":"hibernate"}"#);
    world.aws(|aws| aws.ec2 = Ec2Mode::NoHibernation);
    world.start();
    let stopped = |world: &FakeWorld| {
        world.aws(|aws| {
            aws.calls.iter().any(|call| call.contains("StopInstances") && !call.contains("Hibernate"))
        })
    };
    assert!(world.until(900, stopped), "{}", world.log());
}

#[test]
fn a_stop_from_outside_leaves_a_paused_tag() {
    let mut world = FakeWorld::new(TEN_MINUTES);
    world.start();
    assert!(world.until(400, |world| world.path("var/lib/spawn/state.json").exists()));
    assert!(world.terminate());
    let tag = world.aws(|aws| aws.tag.clone()).expect("a tag");
    assert!(tag.starts_with("v1;paused;left="), "{tag}");
}

#[test]
fn a_spot_notice_is_shown_once() {
    let mut world = FakeWorld::new(TEN_MINUTES);
    world.aws(|aws| aws.spot = true);
    world.start();
    assert!(world.until(300, |world| world.read("var/lib/spawn/state.json").contains("spot terminate")));
    world.kill();
    world.start();
    world.until(120, |_| false);
    assert_eq!(world.log().matches("reclaims this spot instance").count(), 1, "{}", world.log());
}
