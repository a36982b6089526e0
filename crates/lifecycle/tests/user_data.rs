//! The first boot of an instance without spawnd, in a folder in place of its disk.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "the test runs a script in a folder"
)]

use jiff::SignedDuration;
use lifecycle::dead_man::{UNITS, user_data};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const TERMS: &str = r#"{"budget":"8h","on-expiry":"stop"}"#;

/// Returns a disk, and the script that cloud-init runs in a shell, with every path on that disk.
fn disk() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let text = user_data(SignedDuration::from_secs(29_700), TERMS);
    let script = text.split_once("    - |\n").expect("a block").1;
    let lines: Vec<&str> = script.lines().map(|line| line.strip_prefix("      ").unwrap_or(line)).collect();
    let root = folder.path().display().to_string();
    let script = ["/etc/", "/usr/local/", "/var/lib/", "/run/"]
        .iter()
        .fold(lines.join("\n"), |text, path| text.replace(path, &format!("{root}{path}")));
    let systemctl = folder.path().join("bin/systemctl");
    fs::create_dir_all(systemctl.parent().expect("a parent")).expect("a folder");
    fs::create_dir_all(folder.path().join("run")).expect("a folder");
    fs::write(&systemctl, format!("#!/bin/sh\necho \"$@\" >> {root}/calls\n")).expect("a program");
    fs::set_permissions(&systemctl, PermissionsExt::from_mode(0o755)).expect("executable");
    (folder, script)
}

fn shell(root: &Path, words: &[&str]) {
    let path = format!("{}:{}", root.join("bin").display(), std::env::var("PATH").unwrap_or_default());
    let ran = Command::new("sh").args(words).env("PATH", path).output().expect("there is a shell");
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
fn an_overdue_instance_does_not_count_below_zero() {
    let (folder, script) = disk();
    let root = folder.path();
    shell(root, &["-c", &script]);
    fs::write(root.join("run/spawn-dead-man"), "1\n").expect("written");
    let program = root.join("usr/local/lib/spawn/dead-man.sh");
    shell(root, &[program.to_str().expect("plain"), "count"]);
    assert_eq!(read(root, "/var/lib/spawn/dead-man"), "0\n");
}

#[test]
fn user_data_is_cloud_config_within_the_size_limit() {
    let text = user_data(SignedDuration::from_hours(8), TERMS);
    assert!(text.starts_with("#cloud-config\nbootcmd:\n  - - sh\n    - -c\n    - |\n      [ -e "), "{text}");
    assert!(text.len() < 16_384, "EC2 accepts at most 16 KB: {}", text.len());
    let after = text.split_once("    - |\n").expect("a block").1;
    assert!(after.lines().all(|line| line.is_empty() || line.starts_with("      ")), "{text}");
}

#[test]
fn systemd_accepts_the_units() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        println!("skipped: there is no systemd-analyze here");
        return;
    }
    let (folder, script) = disk();
    let root = folder.path();
    shell(root, &["-c", &script]);
    for program in ["usr/bin/systemctl", "bin/sh"] {
        let path = root.join(program);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(&path, "#!/bin/sh\n").expect("a program");
        fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("executable");
    }
    for unit in ["spawn-arm.service", "spawn-count.service", "spawn-count.timer", "spawn-dead-man.timer"] {
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
