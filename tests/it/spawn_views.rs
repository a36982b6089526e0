//! The calls of a launch, and the commands that only look: `list --watch`, `status`, `doctor`.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};
use tests::{Ran, run_command};

use crate::caller::call_control;
use crate::spawn::World;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f alice";
const LAUNCH: [&str; 6] = ["launch", "t3.micro", "--ttl", "8h", "--name", "try"];

/// Runs spawn as an administrator, with the user's key, spawn's group and spawn's role.
fn spawn_as_admin(world: &World, words: &[&str]) -> Ran {
    let mut command = world.command(words);
    command.env("AWS_ACCESS_KEY_ID", &world.admin.key).env("AWS_SECRET_ACCESS_KEY", &world.admin.secret);
    run_command(command.env_remove("SPAWN_KEY").env_remove("SPAWN_ROLE"))
}

/// Returns the calls since the last time, by action, and the length of the longest chain.
fn take_calls(world: &World) -> (Value, u64) {
    let calls = call_control(&world.alice.url, "calls", &json!({}));
    (calls["by_action"].clone(), calls["in_sequence"].as_u64().unwrap())
}

#[test]
fn a_launch_with_everything_in_place_sends_nine_calls_and_four_in_sequence() {
    // The delay keeps calls side by side that were sent at once, even on a busy machine.
    let world = World::new("throttling: false\nlatency_ms: 500\n", &[]);
    let folder = world.desk.home().join(".ssh");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("id_ed25519"), "private").unwrap();
    std::fs::write(folder.join("id_ed25519.pub"), KEY).unwrap();
    spawn_as_admin(&world, &LAUNCH).expect_success();
    take_calls(&world);
    // Its last call is the one of a launch.
    spawn_as_admin(&world, &[&LAUNCH[..], &["--dry-run"]].concat()).expect_success();
    let expected = json!({
        "GetCallerIdentity": 1, "GetInstanceProfile": 1, "GetParameters": 1, "DescribeInstanceTypes": 1,
        "DescribeImages": 1, "DescribeKeyPairs": 1, "DescribeSubnets": 1, "DescribeSecurityGroups": 1,
        "RunInstances": 1,
    });
    assert_eq!(take_calls(&world), (expected.clone(), 4));
    // The calls after it read the instance back, one after the other.
    spawn_as_admin(&world, &LAUNCH).expect_success();
    let (mut calls, in_sequence) = take_calls(&world);
    let reads = calls.as_object_mut().unwrap().remove("DescribeInstances").unwrap();
    assert_eq!((calls, in_sequence - reads.as_u64().unwrap()), (expected, 4));
}

#[test]
fn a_watched_list_shows_a_change_in_its_next_table() {
    let world = World::new("throttling: false\n", &[]);
    let id = world.rows(&LAUNCH)[0]["instance_id"].as_str().unwrap().to_string();
    let mut watching = world.command(&["list", "--watch=1s", "--columns", "instance_id,state"]);
    let mut child = watching.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut await_row = |state: &str| {
        let row = lines.find(|line| line.as_ref().unwrap().starts_with(&id)).unwrap().unwrap();
        if row.contains(state) { Ok(()) } else { Err(row) }
    };
    await_row("running").unwrap();
    world.alice.call("ec2", &[("Action", "TerminateInstances"), ("InstanceId.1", &id)]).unwrap();
    let ending = (0..10).map(|_| await_row("shutting-down")).find(Result::is_ok);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(ending, Some(Ok(())));
    let listed = world.spawn(&["list"]).expect_success();
    assert!(listed.contains("shutting-down") && listed.contains("ending"), "{listed}");
    let json = world.spawn(&["list", "--watch", "-o", "json"]);
    assert!(json.code == 2 && json.err.contains("--watch shows a table, not json"), "{json:?}");
}

#[test]
fn status_shows_the_facts_of_an_instance_and_why_it_cannot_be_explained() {
    let world = World::new("throttling: false\n", &[]);
    let id = world.rows(&LAUNCH)[0]["instance_id"].as_str().unwrap().to_string();
    let facts = world.spawn(&["status", "tr"]).expect_success();
    for expected in ["Instance", &id, "t3.micro, on-demand", "running, no spawnd", "spawn:expiry"] {
        assert!(facts.contains(expected), "{expected}: {facts}");
    }
    let beat = "v1;at=2100-01-01T00:00:00Z;over=900;cpu=12.50;network-in=1048576;network-out=2048;disk=unseen;\
                gpu=none;gpu-memory=none;idle=2099-12-31T23:00:00Z";
    let tag = [
        ("Action", "CreateTags"),
        ("ResourceId.1", &id),
        ("Tag.1.Key", "spawn:heartbeat"),
        ("Tag.1.Value", beat),
    ];
    world.admin.call("ec2", &tag).unwrap();
    let why = world.rows(&["status", "try", "--why"]).remove(0);
    assert_eq!((&why["instance_id"], &why["explained_by"]), (&json!(id), &json!("heartbeat")));
    assert!(why["unreached"].as_str().is_some_and(|reason| !reason.is_empty()), "{why}");
    assert_eq!(why["explanation"][0], "nothing has counted as work since 2099-12-31T23:00:00Z");
    let unknown = world.spawn(&["status", "nothing"]);
    assert_eq!(unknown.code, 3, "{unknown:?}");
}

#[test]
fn doctor_changes_nothing_and_uses_the_settings_of_a_launch() {
    let world = World::new("throttling: false\n", &[]);
    std::fs::create_dir(world.desk.home().join("project")).unwrap();
    let run = |settings: &str| {
        let file = world.desk.home().join("project/.spawn.yaml");
        std::fs::write(file, settings).unwrap();
        let mut command = world.command(&["doctor", "-o", "json"]);
        let command = command.current_dir(world.desk.home().join("project"));
        // Without programs, so that the machine of the test does not matter.
        let ran = run_command(command.env("PATH", "/nonexistent").env_remove("SPAWN_SSH_FROM"));
        let rows: Vec<Value> = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
        (ran.code, rows)
    };
    let find = |rows: &[Value], check: &str| -> Value {
        rows.iter()
            .find(|row| row["check"] == check)
            .unwrap_or_else(|| panic!("no {check}: {rows:?}"))
            .clone()
    };
    take_calls(&world);
    let (code, rows) = run("region: eu-west-1\n");
    assert_eq!(code, 1, "ssh is missing: {rows:?}");
    for (check, result, detail) in [
        ("credentials", "ok", "account 000000000002"),
        ("clock", "ok", ""),
        ("region", "ok", "eu-west-1"),
        ("default VPC", "ok", "subnets"),
        ("group", "ok", "/32"),
        ("ssh", "failed", "it is not installed"),
        ("aws", "warning", "it is not installed"),
        ("session-manager-plugin", "warning", "it is not installed"),
        ("prices", "ok", ""),
    ] {
        let row = find(&rows, check);
        assert_eq!(row["result"], result, "{row}");
        assert!(row["detail"].as_str().unwrap().contains(detail), "{row}");
        assert_eq!(row["cure"].is_null(), result == "ok", "{row}");
    }
    let (calls, _) = take_calls(&world);
    let is_read = |call: &String| ["Describe", "Get", "List"].iter().any(|read| call.starts_with(read));
    assert!(calls.as_object().unwrap().keys().all(is_read), "{calls}");
    let other =
        run_command(world.command(&["doctor", "-o", "json"]).env("SPAWN_SSH_FROM", "198.51.100.9/32"));
    let rows: Vec<Value> = serde_json::from_str(&other.out).unwrap();
    assert!(find(&rows, "group")["detail"].as_str().unwrap().contains("198.51.100.9/32"), "{rows:?}");
}
