//! The first boot of an instance without spawnd, in a folder in place of its disk.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "the test runs a script in a folder"
)]

use jiff::SignedDuration;
use lifecycle::DaemonSource;
use lifecycle::dead_man::{self, UNITS, boothook};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const TERMS: &str = r#"{"budget":"8h","on-expiry":"stop"}"#;

/// Returns a disk, and the script that cloud-init runs in a shell, with every path on that disk.
fn disk() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().display().to_string();
    let systemctl = folder.path().join("bin/systemctl");
    fs::create_dir_all(systemctl.parent().expect("a parent")).expect("a folder");
    fs::create_dir_all(folder.path().join("run")).expect("a folder");
    fs::write(&systemctl, format!("#!/bin/sh\necho \"$@\" >> {root}/calls\n")).expect("a program");
    fs::set_permissions(&systemctl, PermissionsExt::from_mode(0o755)).expect("executable");
    let script = script(folder.path(), 29_700, TERMS, "launch-1");
    (folder, script)
}

/// Returns the first boot of a launch, with every path on the disk at `root`.
fn script(root: &Path, seconds: i64, terms: &str, launch: &str) -> String {
    on_disk(root, &boothook(SignedDuration::from_secs(seconds), terms, launch, None))
}

fn on_disk(root: &Path, script: &str) -> String {
    let root = root.display().to_string();
    ["/etc/", "/usr/local/", "/var/lib/", "/run/", "/sys/"]
        .iter()
        .fold(script.to_string(), |text, path| text.replace(path, &format!("{root}{path}")))
}

fn shell(root: &Path, words: &[&str]) {
    shell_of("", root, words);
}

/// Runs a shell on the instance with this id; cloud-init and the hardware do not report an empty
/// one.
fn shell_of(instance: &str, root: &Path, words: &[&str]) {
    let path = format!("{}:{}", root.join("bin").display(), std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("sh");
    let ran = command.args(words).env("PATH", path).env("INSTANCE_ID", instance).output();
    let ran = ran.expect("there is a shell");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

fn read(root: &Path, path: &str) -> String {
    let path: PathBuf = root.join(path.trim_start_matches('/'));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn uptime() -> i64 {
    let text = fs::read_to_string("/proc/uptime").expect("Linux");
    text.split('.').next().and_then(|seconds| seconds.parse().ok()).expect("seconds")
}

/// Returns the seconds left by the first line of the timer, within the seconds that a test takes.
fn left(root: &Path) -> i64 {
    let text = read(root, "/run/systemd/system/spawn-dead-man.timer.d/left.conf");
    assert!(text.starts_with("[Timer]\nOnBootSec=\nOnBootSec="), "{text}");
    let line = text.lines().nth(2).and_then(|line| line.strip_prefix("OnBootSec=")?.strip_suffix('s'));
    let seconds: Option<i64> = line.and_then(|seconds| seconds.parse().ok());
    seconds.unwrap_or_else(|| panic!("{text}")) - uptime()
}

#[test]
fn the_first_boot_arms_the_dead_man_before_anything_else() {
    let (folder, script) = disk();
    let root = folder.path();
    shell(root, &["-c", &script]);
    assert!((29_600..=29_700).contains(&left(root)), "{}", left(root));
    let calls = read(root, "calls");
    let calls: Vec<&str> = calls.lines().collect();
    let expected = [
        "daemon-reload",
        "--no-block restart spawn-dead-man.timer",
        "daemon-reload",
        "enable spawn-dead-man.timer spawn-arm.service spawn-count.timer",
        "--no-block start spawn-count.timer",
    ];
    assert_eq!(calls, expected);
    for (path, _) in UNITS {
        assert!(!read(root, path).contains('@'), "{path}");
    }
    // If nothing sets it at a later boot, the timer runs for the whole budget.
    assert!(read(root, UNITS[0].0).contains("\nOnBootSec=29700s\nOnBootSec=29760s\nOnBootSec=29820s\n"));
    assert_eq!(read(root, "/etc/spawn/terms.json").trim_end(), TERMS);
    // Another boot finds all files and changes nothing.
    shell(root, &["-c", &script]);
    assert_eq!(read(root, "calls").lines().count(), expected.len());
}

#[test]
fn a_reboot_refills_nothing() {
    let (folder, script) = disk();
    let root = folder.path();
    shell(root, &["-c", &script]);
    let program = root.join("usr/local/lib/spawn/dead-man.sh");
    let program = program.to_str().expect("plain");
    shell(root, &[program, "count"]);
    let saved = root.join("var/lib/spawn/dead-man");
    let seconds = |text: &str| text.trim().parse::<i64>().expect("seconds");
    assert!((29_600..=29_700).contains(&seconds(&read(root, "/var/lib/spawn/dead-man"))));
    let check = |found: &str, expected: i64| {
        fs::write(&saved, found).expect("written");
        shell(root, &[program, "arm"]);
        assert!((expected - 100..=expected).contains(&left(root)), "{found:?}: {}", left(root));
    };
    check("5000\n", 5_000);
    check("3\n", 120);
    check("garbled\n", 29_700);
    check("", 29_700);
}

#[test]
fn an_extension_from_outside_moves_the_dead_man() {
    let (folder, first) = disk();
    let root = folder.path();
    shell_of("i-1", root, &["-c", &first]);
    let program = on_disk(root, dead_man::script());
    shell_of("i-1", root, &["-c", &program, "sh", "set", "90000"]);
    check_left(root, 90_000);
    assert_eq!(read(root, "/var/lib/spawn/dead-man"), "90000 i-1\n");
    let calls = read(root, "calls");
    let last: Vec<&str> = calls.lines().rev().take(2).collect();
    assert_eq!(last, ["is-active --quiet spawn-dead-man.timer", "restart spawn-dead-man.timer"]);
    // Its own next boot continues.
    dead_man("i-1", root, "count");
    dead_man("i-1", root, "arm");
    check_left(root, 90_000);
    let wrong = Command::new("sh").args(["-c", &program, "sh", "set", "soon"]).status().expect("a shell");
    assert_eq!(wrong.code(), Some(2));
    check_left(root, 90_000);
}

#[test]
fn an_overdue_instance_does_not_count_below_zero() {
    let (folder, script) = disk();
    let root = folder.path();
    shell(root, &["-c", &script]);
    fs::write(root.join("run/spawn-dead-man"), "1\n").expect("written");
    let program = root.join("usr/local/lib/spawn/dead-man.sh");
    shell(root, &[program.to_str().expect("plain"), "count"]);
    assert_eq!(read(root, "/var/lib/spawn/dead-man"), "0\n");
}

/// Runs `count` or `arm` of the installed script on an instance.
fn dead_man(instance: &str, root: &Path, verb: &str) {
    let program = root.join("usr/local/lib/spawn/dead-man.sh");
    shell_of(instance, root, &[program.to_str().expect("plain"), verb]);
}

#[track_caller]
fn check_left(root: &Path, expected: i64) {
    assert!((expected - 100..=expected).contains(&left(root)), "{} instead of {expected}", left(root));
}

#[test]
fn a_launch_from_an_image_begins_with_its_own_terms_and_time() {
    let (folder, first) = disk();
    let root = folder.path();
    shell_of("i-1", root, &["-c", &first]);
    let keyed = r#"{"instance":"i-1","budget":"8h","on-expiry":"stop"}"#;
    assert_eq!(read(root, "/etc/spawn/terms.json").trim_end(), keyed);
    fs::write(root.join("var/lib/spawn/state.json"), "{}").expect("written");
    for count in ["500000\n", "500000 i-1\n", "0 i-1\n"] {
        fs::write(root.join("var/lib/spawn/life"), "launch-1 i-1\n").expect("written");
        fs::write(root.join("var/lib/spawn/dead-man"), count).expect("written");
        let second = script(root, 4_500, r#"{"budget":"1h","on-expiry":"terminate"}"#, "launch-2");
        shell_of("i-2", root, &["-c", &second]);
        check_left(root, 4_500);
        let terms = read(root, "/etc/spawn/terms.json");
        assert_eq!(terms.trim_end(), r#"{"instance":"i-2","budget":"1h","on-expiry":"terminate"}"#);
        assert!(!root.join("var/lib/spawn/state.json").exists());
        assert!(read(root, UNITS[0].0).contains("\nOnBootSec=4500s\n"));
        // Its own next boot refills nothing.
        dead_man("i-2", root, "count");
        fs::write(root.join("var/lib/spawn/dead-man"), "700 i-2\n").expect("written");
        shell_of("i-2", root, &["-c", &second]);
        dead_man("i-2", root, "arm");
        check_left(root, 700);
    }
}

#[test]
fn the_same_user_data_on_another_instance_begins_anew() {
    let (folder, first) = disk();
    let root = folder.path();
    shell_of("i-1", root, &["-c", &first]);
    fs::write(root.join("var/lib/spawn/dead-man"), "700 i-1\n").expect("written");
    shell_of("i-2", root, &["-c", &first]);
    check_left(root, 29_700);
    assert!(read(root, "/etc/spawn/terms.json").contains(r#""instance":"i-2""#));
}

#[test]
fn an_image_without_user_data_of_its_own_does_not_continue_a_count() {
    let (folder, first) = disk();
    let root = folder.path();
    shell_of("i-1", root, &["-c", &first]);
    let saved = root.join("var/lib/spawn/dead-man");
    fs::write(&saved, "130 i-1\n").expect("written");
    // The hardware reports the instance before the network is there.
    fs::create_dir_all(root.join("sys/class/dmi/id")).expect("a folder");
    let asset = root.join("sys/class/dmi/id/board_asset_tag");
    fs::write(&asset, "i-2\n").expect("written");
    dead_man("", root, "arm");
    check_left(root, 29_700);
    dead_man("", root, "count");
    assert!(read(root, "/var/lib/spawn/dead-man").ends_with(" i-2\n"));
    // Older hardware does not. Then the first count after cloud-init's report begins anew, once.
    fs::write(&asset, "not-specified\n").expect("written");
    fs::create_dir_all(root.join("var/lib/cloud/data")).expect("a folder");
    let known = root.join("var/lib/cloud/data/instance-id");
    fs::write(&known, "i-2\n").expect("written");
    fs::write(&saved, "130 i-2\n").expect("written");
    dead_man("", root, "arm");
    check_left(root, 130);
    fs::write(&known, "i-3\n").expect("written");
    dead_man("", root, "count");
    check_left(root, 29_700);
    fs::write(root.join("run/spawn-dead-man"), format!("{} i-3\n", uptime() + 299)).expect("written");
    dead_man("", root, "count");
    assert!(read(root, "/var/lib/spawn/dead-man").starts_with("29"), "its own time goes on");
}

#[test]
fn the_units_of_an_installed_spawnd_stay() {
    let (folder, first) = disk();
    let root = folder.path();
    let arm = root.join("etc/systemd/system/spawn-arm.service");
    fs::create_dir_all(arm.parent().expect("a parent")).expect("a folder");
    fs::write(&arm, "[Service]\nExecStart=/usr/local/bin/spawnd arm\n").expect("written");
    shell_of("i-1", root, &["-c", &first]);
    check_left(root, 29_700);
    assert!(read(root, "/etc/systemd/system/spawn-arm.service").contains("bin/spawnd arm"));
    assert!(!root.join("etc/systemd/system/spawn-count.timer").exists());
    assert!(read(root, "/etc/spawn/terms.json").contains(r#""instance":"i-1""#));
    assert!(!read(root, "calls").contains("spawn-count"));
}

#[test]
fn a_boothook_is_a_shell_script_within_the_size_limit() {
    let digest = "0".repeat(64);
    let source = DaemonSource::new("https://mirror.example/spawnd-x86_64", &digest);
    for source in [None, source.as_ref()] {
        let launch = "0123456789abcdef0123456789abcdef";
        let text = boothook(SignedDuration::from_hours(8), TERMS, launch, source);
        assert!(text.starts_with("#!/bin/sh\nlaunch=0123456789abcdef0123456789abcdef\n"), "{text}");
        assert!(text.len() < 16_384, "EC2 accepts at most 16 KB: {}", text.len());
        assert!(text.is_ascii(), "{text}");
    }
}

#[test]
fn a_source_of_spawnd_is_started_and_left_to_systemd() {
    let (folder, _) = disk();
    let root = folder.path();
    let source = DaemonSource::new("https://mirror.example/spawnd?a=1&b=$(id)", &"ab".repeat(32));
    let script = boothook(SignedDuration::from_secs(29_700), TERMS, "launch-1", source.as_ref());
    shell(root, &["-c", &on_disk(root, &script)]);
    check_left(root, 29_700);
    let calls = read(root, "calls");
    let last = ["enable spawn-fetch.service", "--no-block start spawn-fetch.service"];
    assert!(calls.ends_with(&format!("{}\n{}\n", last[0], last[1])), "{calls}");
    assert!(read(root, "/etc/systemd/system/spawn-fetch.service").contains("Restart=on-failure"));
    let fetch = read(root, "/usr/local/lib/spawn/fetch.sh");
    assert!(fetch.contains("\nurl='https://mirror.example/spawnd?a=1&b=$(id)'\n"), "{fetch}");
}

#[test]
fn systemd_accepts_the_units() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        println!("skipped: there is no systemd-analyze here");
        return;
    }
    let (folder, _) = disk();
    let root = folder.path();
    let source = DaemonSource::new("https://mirror.example/spawnd", &"0".repeat(64));
    let script = boothook(SignedDuration::from_secs(29_700), TERMS, "launch-1", source.as_ref());
    shell(root, &["-c", &on_disk(root, &script)]);
    for program in ["usr/bin/systemctl", "bin/sh"] {
        let path = root.join(program);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(&path, "#!/bin/sh\n").expect("a program");
        fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("executable");
    }
    let units = [
        "spawn-arm.service",
        "spawn-count.service",
        "spawn-count.timer",
        "spawn-dead-man.timer",
        "spawn-fetch.service",
    ];
    for unit in units {
        let output = Command::new("systemd-analyze")
            .args(["verify", "--man=no", "--recursive-errors=no"])
            .arg(format!("--root={}", root.display()))
            .arg(format!("/etc/systemd/system/{unit}"))
            .output()
            .expect("systemd-analyze runs");
        let said = String::from_utf8_lossy(&output.stderr);
        let about_us = said.lines().filter(|line| line.contains("spawn")).collect::<Vec<_>>();
        assert!(output.status.success() && about_us.is_empty(), "{unit}: {said}");
    }
}
