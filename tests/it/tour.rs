//! The newcomer's tour of spawn, which `make demo-spawn` shows.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use tests::{executable_path, is_long_run, repository_root, run_command};

/// Puts executables into a folder as `make install` does, with spawnd beside it.
fn install(folder: &Path) {
    let (bin, lib) = (folder.join("bin"), folder.join("lib/mycelium"));
    fs::create_dir_all(&bin).unwrap();
    fs::create_dir_all(&lib).unwrap();
    for program in ["spawn", "mycelium"] {
        fs::hard_link(executable_path(program), bin.join(program)).unwrap();
    }
    let daemon = lib.join(format!("spawnd-{}", std::env::consts::ARCH));
    run_command(Command::new("strip").arg("-o").arg(&daemon).arg(executable_path("spawnd"))).expect_success();
    fs::set_permissions(&daemon, Permissions::from_mode(0o755)).unwrap();
    let digest = run_command(Command::new("sha256sum").arg(&daemon)).expect_success();
    let digest = digest.split(' ').next().unwrap();
    let facts = json!({ "version": env!("CARGO_PKG_VERSION"), "sha256": digest, "glibc": "2.34" });
    fs::write(daemon.with_extension("json"), facts.to_string()).unwrap();
}

/// Returns the names in the folder for temporary files.
fn temporary_files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn the_tour_of_spawn_goes_from_launch_to_cleanup_and_leaves_nothing_behind() {
    if !is_long_run() {
        println!("skipped: make test-long runs the tour");
        return;
    }
    let beside = executable_path("spawn").parent().unwrap().to_path_buf();
    let installed = tempfile::tempdir_in(beside).unwrap();
    install(installed.path());
    let temporary = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    command.arg(repository_root().join("tests/demo-spawn.sh")).arg(installed.path().join("bin"));
    let ran = run_command(command.env("TMPDIR", temporary.path()));
    assert_eq!(ran.code, 0, "{ran:?}");
    let is_with_ssh = !ran.out.contains("without ssh");
    assert_eq!(is_with_ssh, ran.out.contains("(ec2-user)") && ran.out.contains("extended"), "{ran:?}");
    let mut rest = ran.out.as_str();
    for expected in [
        "$ spawn launch t3.micro --ttl 8h --name try",
        "$ spawn list",
        "$ spawn stop try",
        // With ssh, the time was extended before the stop.
        if is_with_ssh { "stopped  9h5" } else { "stopped  7h5" },
        "$ spawn start try",
        "$ spawn terminate try --yes",
        "$ spawn reap --yes",
        "spawn:expiry is over",
        "$ spawn cleanup --yes",
    ] {
        let (_, after) = rest.split_once(expected).unwrap_or_else(|| panic!("no {expected:?} in {ran:?}"));
        rest = after;
    }
    assert_eq!(temporary_files(temporary.path()), [""; 0]);
}
