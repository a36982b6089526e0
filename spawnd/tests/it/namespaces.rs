//! The real binary in a network and mount namespace of its own, with the metadata service at
//! 169.254.169.254: what a real kernel does with a route that is gone, a packet that is dropped, a disk
//! that is full. The namespaces end with the test's process, and nothing is left behind.

use crate::fake::{Imds, World};
use crate::faults::{TEN_MINUTES, check_in};
use std::process::Command;

/// Says to the inner process that it is the inner one.
const INSIDE: &str = "SPAWND_TEST_INSIDE";

fn inside(test: &str) -> bool {
    inside_of("namespaces", test)
}

/// Runs the test of this name again in new namespaces; true in the inner process. Where namespaces are
/// not allowed the test is skipped, and says so.
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
        println!("skipped: there are no namespaces here");
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

/// A life in the namespace under a fault.
fn check(fault: impl FnOnce(&mut World)) -> World {
    check_in(World::in_namespace(TEN_MINUTES), fault)
}

#[test]
fn metadata_at_its_own_address() {
    if inside("metadata_at_its_own_address") {
        let world = check(|_| {});
        assert!(world.heard("StopInstances") && !world.powered_off(), "{}", world.log());
        assert!(!world.log().contains("cannot be read"), "{}", world.log());
    }
}

#[test]
fn the_address_is_gone() {
    if inside("the_address_is_gone") {
        let world = check(|_| sh("ip address del 169.254.169.254/32 dev lo"));
        assert!(world.log().contains("cannot be read"), "{}", world.log());
    }
}

#[test]
fn every_packet_is_dropped() {
    if inside("every_packet_is_dropped") {
        // A neighbour that never answers: a connection waits until the daemon's own time-out.
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
fn the_route_is_a_black_hole() {
    if inside("the_route_is_a_black_hole") {
        let world = check(|_| {
            sh("ip address del 169.254.169.254/32 dev lo && ip route add blackhole 169.254.169.254/32");
        });
        assert!(world.log().contains("cannot be read"), "{}", world.log());
    }
}

#[test]
fn the_whole_network_is_down() {
    if inside("the_whole_network_is_down") {
        let world = check(|_| sh("ip link set lo down"));
        assert!(world.until(600, World::powered_off), "{}", world.log());
    }
}

#[test]
fn a_storm_of_refused_tokens() {
    if inside("a_storm_of_refused_tokens") {
        let world = check(|world| world.aws(|aws| aws.imds = Imds::Refuses));
        assert!(world.log().contains("refuses every token"), "{}", world.log());
    }
}

#[test]
fn the_disk_of_the_state_is_full() {
    if inside("the_disk_of_the_state_is_full") {
        let mut world = World::in_namespace(TEN_MINUTES);
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
fn credentials_are_replaced_in_the_middle_of_a_life() {
    if inside("credentials_are_replaced_in_the_middle_of_a_life") {
        let world = check(|world| {
            // A call, so that the daemon holds credentials when they expire.
            assert!(world.run(&["extend", "1m"]).status.success(), "{}", world.log());
            world.aws(|aws| (aws.credentials, aws.honoured) = (2, 2));
        });
        assert!(world.heard("StopInstances") && !world.powered_off(), "{}", world.log());
    }
}

#[test]
fn the_credentials_have_expired_for_good() {
    if inside("the_credentials_have_expired_for_good") {
        // The role was taken away: the metadata service goes on handing out what EC2 no longer honours.
        let world = check(|world| {
            world.aws(|aws| (aws.honoured, aws.expiration) = (9, "2020-01-01T00:00:00Z"));
        });
        assert!(world.until(300, World::powered_off), "{}", world.log());
        assert!(world.log().contains("the credentials of the role have expired"), "{}", world.log());
    }
}

#[test]
fn the_tags_are_garbled_at_their_own_address() {
    if inside("the_tags_are_garbled_at_their_own_address") {
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
fn calls_and_posts_go_through_tls_that_is_believed() {
    if !inside("calls_and_posts_go_through_tls_that_is_believed") {
        return;
    }
    // Of the owner's file: its mode, where there is one.
    for (mode, believed) in [(Some(0o644), true), (Some(0o666), false), (None, false)] {
        let mut world = World::in_namespace(TEN_MINUTES);
        if world.through_tls().is_none() {
            println!("skipped: there is no Python or no openssl here");
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
            assert!(world.until(300, World::powered_off), "{}", world.log());
            assert!(world.log().contains("the webhook: it cannot be"), "{}", world.log());
        }
        let (called, posted) = world.aws(|aws| (!aws.calls.is_empty(), !aws.posts.is_empty()));
        assert_eq!((called, posted), (believed, believed), "{mode:?}: {}", world.log());
        let refused = "authorities.pem is not used: expected a file of mode 0644";
        assert_eq!(world.log().contains(refused), mode == Some(0o666), "{}", world.log());
    }
}

/// Lives of ten minutes, each with one SIGKILL: at every eleventh second until a minute after the end, from
/// `first` on, or as close together as `SPAWND_KILL_EVERY` says. Four tests share them, so that they run side by
/// side.
fn killed_at_every_fourth_instant(first: usize) {
    let every = std::env::var("SPAWND_KILL_EVERY");
    let every: usize = every.map_or(11, |seconds| seconds.parse().expect("SPAWND_KILL_EVERY is in seconds"));
    for at in (0..=660).step_by(every).skip(first).step_by(4) {
        check_in(World::in_namespace(TEN_MINUTES), |world| {
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

/// The wall clock is shifted for the real binary alone, by a preloaded library; the monotonic clock and
/// the one that counts sleep are the kernel's.
#[test]
fn the_wall_clock_is_stepped_by_a_day() {
    for (day, imds) in
        [(86_400, Imds::Works), (-86_400, Imds::Works), (86_400, Imds::Closes), (-86_400, Imds::Closes)]
    {
        let mut world = World::new(TEN_MINUTES);
        let library = world.path("wall.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stubs/wall.c");
        let built =
            Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).args([source, "-ldl"]).status();
        if !built.is_ok_and(|status| status.success()) {
            println!("skipped: there is no C compiler here");
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
            // Without AWS's clock the end is shown by this machine's, so the step is seen to arrive.
            assert_eq!(moved < 3_600, imds == Imds::Closes, "{day} {imds:?}");
        });
        assert_eq!(world.heard("StopInstances"), imds == Imds::Works, "{day}: {}", world.log());
    }
}

/// A daemon that is killed, and begins again where the kernel's clock that counts sleep is a day ahead
/// and the one that does not is not: what it sees after a hibernation.
#[test]
fn a_day_asleep_consumes_no_budget() {
    let allowed = Command::new("unshare").args(["--time", "--boottime", "1", "--fork", "true"]).status();
    if !allowed.is_ok_and(|status| status.success()) {
        println!("skipped: there are no time namespaces here");
        return;
    }
    let world = check_in(World::new(TEN_MINUTES), |world| {
        world.kill();
        world.asleep = Some(86_400);
        world.start();
        let again =
            |world: &World| world.aws(|aws| aws.tag.as_ref().is_some_and(|tag| tag.ends_with("gen=2")));
        assert!(world.until(300, again), "the resume was not seen: {}", world.log());
    });
    assert!(world.heard("StopInstances"), "{}", world.log());
}

/// The instant at which the instance ends, as the daemon shows it.
fn until(world: &World) -> jiff::Timestamp {
    let json = world.run(&["status", "--json"]).stdout;
    let status: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    status["until"].as_str().and_then(|text| text.parse().ok()).expect("an instant")
}
