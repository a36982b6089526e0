//! Settings of launches: `.spawn.yaml`, trust, and the account.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tests::{Desk, Ran, run_command};

use crate::snapshot::serve;

/// A folder below the home folder, with this `.spawn.yaml`.
fn project(desk: &Desk, text: &str) -> std::path::PathBuf {
    let folder = desk.home().join("project");
    fs::create_dir_all(folder.join("below")).unwrap();
    fs::write(folder.join(".spawn.yaml"), text).unwrap();
    folder
}

fn spawn_in(folder: &Path, desk: &Desk, words: &[&str]) -> Ran {
    run_command(desk.command("spawn", words).current_dir(folder))
}

/// Returns `value source` of a setting.
fn setting(shown: &str, name: &str) -> String {
    let rows: Vec<Value> = serde_json::from_str(shown).unwrap();
    let row = rows.iter().find(|row| row["setting"] == name).unwrap_or_else(|| panic!("{name}: {shown}"));
    format!("{} {}", row["value"].as_str().unwrap_or("-"), row["source"].as_str().unwrap_or("-"))
}

#[test]
fn config_show_names_the_file_and_the_line_of_every_setting() {
    let desk = Desk::default();
    let folder = project(&desk, "# ours\nttl: 8h\nprofiles:\n  ml:\n    type: g5.xlarge\n");
    let config = desk.home().join(".config/mycelium");
    fs::create_dir_all(&config).unwrap();
    fs::write(config.join("spawn.yaml"), "cap: 2d\nenv: {TOKEN: secret}\nregion: Paris\n").unwrap();
    let mut command = desk.command("spawn", &["config", "show", "--profile", "ml", "-o", "json"]);
    command.current_dir(folder.join("below")).env("SPAWN_TEAM", "red").env("AWS_REGION", "us-west-2");
    let shown = run_command(&mut command).expect_success();
    let (ours, mine) = (folder.join(".spawn.yaml"), config.join("spawn.yaml"));
    let (ours, mine) = (ours.display(), mine.display());
    assert_eq!(setting(&shown, "ttl"), format!("8h {ours}:2"));
    assert_eq!(setting(&shown, "type"), format!("g5.xlarge {ours}:5"));
    assert_eq!(setting(&shown, "cap"), format!("2d {mine}:1"));
    assert_eq!(setting(&shown, "region"), format!("Paris {mine}:3"));
    assert_eq!(setting(&shown, "env.TOKEN"), format!("hidden {mine}:2"));
    assert_eq!(setting(&shown, "team"), "red SPAWN_TEAM");
    assert_eq!(setting(&shown, "on_expiry"), "stop default");
    assert_eq!(setting(&shown, "zone"), "- -");
    let failed = spawn_in(&folder, &desk, &["config", "show", "--profile", "lm"]);
    assert!(failed.code == 2 && failed.err.contains("the closest match is ml"), "{failed:?}");
}

#[test]
fn a_cloned_file_sets_no_guarded_key_until_its_content_is_trusted() {
    let desk = Desk::default();
    let folder = project(&desk, "ttl: 8h\nrole: admin\nuser_data: setup.sh\n");
    fs::write(folder.join("setup.sh"), "#!/bin/sh\n").unwrap();
    let show = || spawn_in(&folder, &desk, &["config", "show", "-o", "json"]);
    let is_ignored = |ran: &Ran| {
        let role = setting(&ran.out, "role");
        assert_eq!(role == "spawn-instance default", ran.err.contains(":2: role is ignored"), "{ran:?}");
        assert_eq!(setting(&ran.out, "ttl").split(' ').next(), Some("8h"));
        role == "spawn-instance default"
    };
    assert!(is_ignored(&show()));
    let asked = spawn_in(&folder, &desk, &["config", "trust"]);
    assert!(asked.code == 2 && asked.err.contains("spawn config trust --yes"), "{asked:?}");
    assert!(asked.out.contains("setup.sh") && !asked.out.contains("ttl"), "{asked:?}");
    assert!(is_ignored(&show()));
    spawn_in(&folder, &desk, &["config", "trust", "--yes"]).expect_success();
    assert!(!is_ignored(&show()));
    fs::write(folder.join("setup.sh"), "#!/bin/sh\ncurl example.com\n").unwrap();
    assert!(is_ignored(&show()), "a file that it names changed");
    spawn_in(&folder, &desk, &["config", "trust", "--yes"]).expect_success();
    assert!(!is_ignored(&show()));
    spawn_in(&folder, &desk, &["config", "trust", "--revoke"]).expect_success();
    assert!(is_ignored(&show()));
    fs::remove_file(folder.join(".spawn.yaml")).unwrap();
    assert_eq!(spawn_in(&folder, &desk, &["config", "trust"]).code, 3);
}

#[test]
fn a_setting_in_the_wrong_file_is_refused_with_the_right_one() {
    let desk = Desk::default();
    let folder = project(&desk, "lake: here\n");
    let check = |words: &[&str], message: &str, hint: &str| {
        let failed = spawn_in(&folder, &desk, words);
        assert_eq!(failed.code, 2, "{failed:?}");
        assert!(failed.err.contains(message) && failed.err.contains(hint), "{failed:?}");
    };
    check(&["config", "show"], ".spawn.yaml:1: lake is a setting of all programs", "mycelium.toml");
    project(&desk, "ttl: 8h\n");
    fs::write(folder.join("mycelium.toml"), "region = \"eu-west-1\"\nttl = \"8h\"\n").unwrap();
    check(&["config", "show"], "mycelium.toml:2: ttl is a setting of launches", ".spawn.yaml: ttl");
}

#[test]
fn a_pipe_in_the_place_of_the_file_is_refused_at_once() {
    let desk = Desk::default();
    let folder = project(&desk, "");
    fs::remove_file(folder.join(".spawn.yaml")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(folder.join(".spawn.yaml")).status().unwrap();
    assert!(made.success());
    let failed = spawn_in(&folder, &desk, &["config", "show"]);
    assert!(failed.code == 1 && failed.err.contains("it is a pipe, not a file"), "{failed:?}");
}

#[test]
fn the_account_flag_wins_over_keys_in_the_environment() {
    let desk = Desk::default();
    let serving = serve(&desk, "");
    let (id, secret) = (serving.value("AWS_ACCESS_KEY_ID"), serving.value("AWS_SECRET_ACCESS_KEY"));
    fs::create_dir(desk.home().join(".aws")).unwrap();
    let profile = format!("[profile work]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
    fs::write(desk.home().join(".aws/config"), profile).unwrap();
    let list = |more: &[&str]| {
        let words = [&["list", "--region", "us-east-1"], more].concat();
        let mut command = desk.command("spawn", &words);
        command.env("AWS_ENDPOINT_URL", serving.value("AWS_ENDPOINT_URL"));
        run_command(command.env("AWS_ACCESS_KEY_ID", "AKIAOTHER").env("AWS_SECRET_ACCESS_KEY", "other"))
    };
    let refused = list(&[]);
    assert_eq!(refused.code, 1, "{refused:?}");
    let listed = list(&["--account", "work"]);
    assert_eq!(listed.code, 3, "{listed:?}");
    let unknown = list(&["--account", "wrok"]);
    assert!(unknown.code == 1 && unknown.err.contains("wrok"), "{unknown:?}");
}
