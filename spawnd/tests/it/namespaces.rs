//! The real binary in its own network and mount namespaces, with the metadata service at
//! 169.254.169.254. The faults are those of a real kernel: a missing route, a dropped packet, a
//! full disk. The namespaces end with the test's process, and nothing is left behind.

use crate::fake::{FakeWorld, MetadataMode, is_long_run};
use crate::faults::{TEN_MINUTES, check_in};
use std::process::Command;

/// Marks the inner process.
const INSIDE: &str = "SPAWND_TEST_INSIDE";

fn inside(test: &str) -> bool {
    inside_of("namespaces", test)
}

/// Runs the test of this name again in new namespaces. Returns true in the inner process. Where
/// namespaces are not allowed, the test is skipped with a message.
pub(crate) fn inside_of(module: &str, test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        sh("ip link set lo up && ip address add 169.254.169.254/32 dev lo");
        return true;
    }
    let mut unshare = vec!["--net", "--mount", "--propagation", "private"];
    if !rustix::process::geteuid().is_root() {
        unshare.push("--map-root-user");
    }
    let allowed = Command::new("unshare").args(&unshare).args(["ip", "link"]).output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        println!("skipped: namespaces are not allowed here");
        return false;
    }
    let program = std::env::current_exe().expect("this program");
    let name = format!("{module}::{test}");
    let output = Command::new("unshare")
        .args(&unshare)
        .arg(program)
        .args(["--exact", &name, "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .expect("unshare runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{errors}");
    said.lines().filter(|line| line.contains("skipped: ")).for_each(|line| println!("{line}"));
    false
}

pub(crate) fn sh(script: &str) {
    let status = Command::new("sh").args(["-ec", script]).status().expect("a shell");
    assert!(status.success(), "{script}");
}

/// Runs a life in the namespace under a fault.
fn check(fault: impl FnOnce(&mut FakeWorld)) -> FakeWorld {
    check_in(FakeWorld::in_namespace(TEN_MINUTES), fault)
}

#[test]
fn reads_the_metadata_at_its_own_address() {
    if inside("reads_the_metadata_at_its_own_address") {
        let world = check(|_| {});
        assert!(world.received_call("StopInstances") && !world.powered_off(), "{}", world.log());
        assert!(!world.log().contains("cannot be read"), "{}", world.log());
    }
}

#[test]
fn ends_on_time_if_the_metadata_address_is_gone() {
    if inside("ends_on_time_if_the_metadata_address_is_gone") {
        let world = check(|_| sh("ip address del 169.254.169.254/32 dev lo"));
        assert!(world.log().contains("cannot be read"), "{}", world.log());
    }
}

#[test]
fn ends_on_time_if_every_packet_is_dropped() {
    if inside("ends_on_time_if_every_packet_is_dropped") {
        // A neighbour that never answers: a connection waits for the daemon's own timeout.
        let world = check(|_| {
            sh("ip address del 169.254.169.254/32 dev lo
                ip link add hole type dummy 2>/dev/null || ip link add hole type veth peer name end
                ip link set hole up
                ip link set end up 2>/dev/null || true
                ip address add 192.0.2.1/24 dev hole
                ip route add 169.254.169.254/32 dev hole
                ip neigh replace 169.254.169.254 lladdr 02:00:00:00:00:01 dev hole nud permanent");
        });
        assert!(world.log().contains("timeout"), "{}", world.log());
    }
}

#[test]
fn ends_on_time_if_the_route_is_a_black_hole() {
    if inside("ends_on_time_if_the_route_is_a_black_hole") {
        let world = check(|_| {
            sh("ip address del 169.254.169.254/32 dev lo && ip route add blackhole 169.254.169.254/32");
        });
        assert!(world.log().contains("cannot be read"), "{}", world.log());
    }
}

#[test]
fn powers_off_if_the_network_is_down() {
    if inside("powers_off_if_the_network_is_down") {
        let world = check(|_| sh("ip link set lo down"));
        assert!(world.until(600, FakeWorld::powered_off), "{}", world.log());
    }
}

#[test]
fn ends_on_time_if_every_token_is_rejected() {
    if inside("ends_on_time_if_every_token_is_rejected") {
        let world = check(|world| world.aws(|aws| aws.imds = MetadataMode::Refuses));
        assert!(world.log().contains("rejects every token"), "{}", world.log());
    }
}

#[test]
fn keeps_the_state_in_memory_if_the_disk_is_full() {
    if inside("keeps_the_state_in_memory_if_the_disk_is_full") {
        let mut world = FakeWorld::in_namespace(TEN_MINUTES);
        world.mount(&["-t", "tmpfs", "-o", "size=64k", "none"], "var/lib/spawn");
        let folder = world.path("var/lib/spawn");
        let full = format!("head -c 1000000 /dev/zero > {}/ballast 2>/dev/null || true", folder.display());
        let world = check_in(world, |_| sh(&full));
        assert!(
            world.log().contains("kept in memory") && world.log().contains("os error 28"),
            "{}",
            world.log()
        );
        assert!(!world.read("var/lib/spawn/state.json").is_empty(), "the old state is whole");
    }
}

#[test]
fn renews_credentials_that_are_replaced_during_a_life() {
    if inside("renews_credentials_that_are_replaced_during_a_life") {
        let world = check(|world| {
            // A call, so that the daemon has cached credentials when they expire.
            assert!(world.run(&["extend", "1m"]).status.success(), "{}", world.log());
            world.aws(|aws| (aws.credentials, aws.honoured) = (2, 2));
        });
        assert!(world.received_call("StopInstances") && !world.powered_off(), "{}", world.log());
    }
}

#[test]
fn powers_off_if_the_credentials_have_expired_for_good() {
    if inside("powers_off_if_the_credentials_have_expired_for_good") {
        // The role was removed: the metadata service keeps returning credentials that EC2 no longer
        // accepts.
        let world = check(|world| {
            world.aws(|aws| (aws.honoured, aws.expiration) = (9, "2020-01-01T00:00:00Z"));
        });
        assert!(world.until(300, FakeWorld::powered_off), "{}", world.log());
        assert!(world.log().contains("the credentials of the role have expired"), "{}", world.log());
    }
}

#[test]
fn ends_on_time_if_garbled_tags_come_from_their_own_address() {
    if inside("ends_on_time_if_garbled_tags_come_from_their_own_address") {
        let long = format!("v1;running;until={}Z;gen=9", "9".repeat(100_000));
        let garbled =
            ["", "<html>busy</html>", "v2;never", "v1;running;until=2027-01-15T08:10:00Z;gen=-1", &long];
        let world = check(|world| {
            for text in garbled {
                world.aws(|aws| (aws.tag, aws.cap) = (Some(text.to_string()), Some(text.to_string())));
                world.until(60, |_| false);
            }
        });
        assert!(world.log().contains("the expiry tag cannot be read"), "{}", world.log());
    }
}

#[test]
fn calls_and_posts_use_only_trusted_tls() {
    if !inside("calls_and_posts_use_only_trusted_tls") {
        return;
    }
    // The mode of the owner's file, if it exists, and whether the certificate is trusted.
    for (mode, believed) in [(Some(0o644), true), (Some(0o666), false), (None, false)] {
        let mut world = FakeWorld::in_namespace(TEN_MINUTES);
        if world.add_tls_proxy().is_none() {
            println!("skipped: Python or openssl is not installed");
            return;
        }
        world.webhook("0123456789abcdef", 0o600);
        if let Some(mode) = mode {
            world.write("etc/spawn/authorities.pem", &world.read("root.pem"));
            let path = world.path("etc/spawn/authorities.pem");
            std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))
                .expect("a mode");
        }
        let world = check_in(world, |_| {});
        if !believed {
            assert!(world.until(300, FakeWorld::powered_off), "{}", world.log());
            assert!(world.log().contains("webhook: cannot be"), "{}", world.log());
        }
        let (called, posted) = world.aws(|aws| (!aws.calls.is_empty(), !aws.posts.is_empty()));
        assert_eq!((called, posted), (believed, believed), "{mode:?}: {}", world.log());
        let refused = "authorities.pem is not used: expected a file of mode 0644";
        assert_eq!(world.log().contains(refused), mode == Some(0o666), "{}", world.log());
    }
}

/// Runs lives of ten minutes with one SIGKILL each: at every 33rd second until a minute after
/// the end, or at every second in a long run. It takes every fourth of these instants, beginning
/// with number `first`, so that four tests can run in parallel.
fn killed_at_every_fourth_instant(first: usize) {
    let every = if is_long_run() { 1 } else { 33 };
    for at in (0..=660).step_by(every).skip(first).step_by(4) {
        check_in(FakeWorld::in_namespace(TEN_MINUTES), |world| {
            while world.uptime() < at && !world.ended() {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            println!("killed at {} s", world.uptime());
            world.kill();
            world.start();
        });
    }
}

#[test]
fn killed_at_any_instant_first_quarter() {
    if inside("killed_at_any_instant_first_quarter") {
        killed_at_every_fourth_instant(0);
    }
}

#[test]
fn killed_at_any_instant_second_quarter() {
    if inside("killed_at_any_instant_second_quarter") {
        killed_at_every_fourth_instant(1);
    }
}

#[test]
fn killed_at_any_instant_third_quarter() {
    if inside("killed_at_any_instant_third_quarter") {
        killed_at_every_fourth_instant(2);
    }
}

#[test]
fn killed_at_any_instant_last_quarter() {
    if inside("killed_at_any_instant_last_quarter") {
        killed_at_every_fourth_instant(3);
    }
}

/// A preloaded library shifts the wall clock of the real binary alone. The monotonic clock and the
/// clock that counts sleep are the kernel's.
#[test]
fn a_wall_clock_step_of_a_day_has_no_effect_on_the_end() {
    for (day, imds) in [
        (86_400, MetadataMode::Works),
        (-86_400, MetadataMode::Works),
        (86_400, MetadataMode::Closes),
        (-86_400, MetadataMode::Closes),
    ] {
        let mut world = FakeWorld::new(TEN_MINUTES);
        let library = world.path("wall.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stubs/wall.c");
        let built =
            Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).args([source, "-ldl"]).status();
        if !built.is_ok_and(|status| status.success()) {
            println!("skipped: there is no C compiler");
            return;
        }
        world.write("shift", "0");
        let shift = world.path("shift").display().to_string();
        let preload = ("LD_PRELOAD".to_string(), library.display().to_string());
        world.environment = vec![preload, ("WALL_SHIFT".to_string(), shift)];
        world.aws(|aws| aws.imds = imds);
        let world = check_in(world, |world| {
            let before = until(world);
            world.write("shift", &day.to_string());
            let moved = (until(world).as_second() - before.as_second() - day).abs();
            // Without AWS's clock the end is shown by this machine's clock, so the step is visible.
            assert_eq!(moved < 3_600, imds == MetadataMode::Closes, "{day} {imds:?}");
        });
        assert_eq!(
            world.received_call("StopInstances"),
            imds == MetadataMode::Works,
            "{day}: {}",
            world.log()
        );
    }
}

/// The daemon is killed and starts again with the kernel's clock that counts sleep a day ahead, and
/// the other clock unchanged, as after a hibernation.
#[test]
fn a_day_asleep_consumes_no_budget() {
    let allowed = Command::new("unshare").args(["--time", "--boottime", "1", "--fork", "true"]).status();
    if !allowed.is_ok_and(|status| status.success()) {
        println!("skipped: time namespaces are not allowed here");
        return;
    }
    let world = check_in(FakeWorld::new(TEN_MINUTES), |world| {
        world.kill();
        world.asleep = Some(86_400);
        world.start();
        let again =
            |world: &FakeWorld| world.aws(|aws| aws.tag.as_ref().is_some_and(|tag| tag.ends_with("gen=2")));
        assert!(world.until(300, again), "the daemon did not notice the resume: {}", world.log());
    });
    assert!(world.received_call("StopInstances"), "{}", world.log());
}

/// Returns the end of the instance, as the daemon shows it.
fn until(world: &FakeWorld) -> jiff::Timestamp {
    let json = world.run(&["status", "--json"]).stdout;
    let status: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    status["until"].as_str().and_then(|text| text.parse().ok()).expect("an instant")
}
