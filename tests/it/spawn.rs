//! spawn against the sandbox, as a user with only the permissions that `spawn policy` prints.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;

use domain::Timestamp;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::{Desk, Ran, run_command};

use crate::caller::{Caller, call_control, text_between};
use crate::snapshot::{Serving, serve_with};

const ACCOUNT: &str = "000000000002";
const AMI: &str = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64";

/// A sandbox and a user of it.
pub(crate) struct World {
    pub(crate) desk: Desk,
    /// The user of spawn, with the permissions of `spawn policy` alone.
    pub(crate) alice: Caller,
    /// A user with all permissions, for the calls of a test.
    pub(crate) admin: Caller,
    variables: Vec<(String, String)>,
    _serving: Serving,
}

/// Returns the variables of a user of the account, and a caller with the user's keys.
fn user(desk: &Desk, url: &str, name: &str) -> (Vec<(String, String)>, Caller) {
    let words = ["sandbox", "env", "--url", url, "--account", ACCOUNT, "--user", name];
    let text = run_command(&mut desk.command("mycelium", &words)).expect_success();
    let pair = |line: &str| {
        let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
        Some((name.to_string(), value.trim_matches('\'').to_string()))
    };
    let variables: Vec<(String, String)> = text.lines().filter_map(pair).collect();
    let value = |name: &str| variables.iter().find(|(known, _)| known == name).unwrap().1.clone();
    let (key, secret) = (value("AWS_ACCESS_KEY_ID"), value("AWS_SECRET_ACCESS_KEY"));
    let caller = Caller { url: url.to_string(), key, secret, token: None };
    (variables, caller)
}

impl World {
    pub(crate) fn new(scenario: &str, more: &[&str]) -> World {
        let desk = Desk::default();
        let policy = run_command(&mut desk.command("spawn", &["policy"])).expect_success();
        let policy: Value = serde_json::from_str(&policy).unwrap();
        // In addition, the calls of the test itself, and instances that cannot be terminated.
        let test = json!({"Statement": [
            {"Effect": "Allow", "Resource": "*", "Action": ["ec2:CreateTags", "ec2:DescribeTags", "ec2:StartInstances", "cloudtrail:LookupEvents"]},
            {
                "Effect": "Deny", "Resource": "*", "Action": "ec2:TerminateInstances",
                "Condition": {"StringEquals": {"aws:ResourceTag/stubborn": "yes"}},
            },
        ]});
        let users = json!([{"name": "alice", "policies": [policy, test]}, {"name": "admin"}]);
        let accounts = json!([{"id": ACCOUNT, "users": users}]);
        let timing = "timing: {pending: 0s, visible_after: 0s, console_after: 0s}\n";
        let timing = if scenario.contains("timing: ") { "" } else { timing };
        let scenario = format!("accounts: {accounts}\n{timing}{scenario}");
        let serving = serve_with(&desk, &scenario, more);
        let url = serving.value("AWS_ENDPOINT_URL");
        let (mut variables, alice) = user(&desk, &url, "alice");
        let (_, admin) = user(&desk, &url, "admin");
        // Nothing in the sandbox answers ssh, and the test has no key.
        let choices = ["SPAWN_DELIVER", "SPAWN_KEY", "SPAWN_ROLE", "SPAWN_SSH_FROM"];
        variables.extend(choices.map(|name| (name.to_string(), "none".to_string())));
        World { desk, alice, admin, variables, _serving: serving }
    }

    pub(crate) fn spawn(&self, words: &[&str]) -> Ran {
        run_command(&mut self.command(words))
    }

    pub(crate) fn command(&self, words: &[&str]) -> std::process::Command {
        let mut command = self.desk.command("spawn", words);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    pub(crate) fn rows(&self, words: &[&str]) -> Vec<Value> {
        let told = self.spawn(&[words, &["-o", "json"]].concat()).expect_success();
        serde_json::from_str::<Vec<Value>>(&told).unwrap()
    }

    /// Launches an instance with these tags. Returns its id.
    pub(crate) fn instance(&self, tags: &[(&str, &str)], more: &[(&str, &str)]) -> String {
        let mut form: Vec<(String, String)> = [
            ("Action", "RunInstances"),
            ("ImageId", AMI),
            ("InstanceType", "t3.micro"),
            ("MinCount", "1"),
            ("MaxCount", "1"),
            ("MetadataOptions.HttpTokens", "required"),
            ("TagSpecification.1.ResourceType", "instance"),
        ]
        .iter()
        .chain(more)
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect();
        for (at, (key, value)) in tags.iter().enumerate() {
            let at = at + 1;
            form.push((format!("TagSpecification.1.Tag.{at}.Key"), key.to_string()));
            form.push((format!("TagSpecification.1.Tag.{at}.Value"), value.to_string()));
        }
        let form: Vec<(&str, &str)> =
            form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let launched = self.alice.call("ec2", &form).unwrap();
        text_between(&launched, "<instanceId>", "</instanceId>").unwrap()
    }

    fn all(&self) -> String {
        self.alice.call("ec2", &[("Action", "DescribeInstances")]).unwrap()
    }

    fn calls(&self, name: &str) -> usize {
        self.alice.cloudtrail_events(name).as_array().map_or(0, Vec::len)
    }
}

/// Returns this machine's time, read from its file system.
fn real_now(desk: &Desk) -> Timestamp {
    let file = desk.home().join("now");
    std::fs::write(&file, "").unwrap();
    Timestamp::try_from(std::fs::metadata(file).unwrap().modified().unwrap()).unwrap()
}

const LAUNCH: [&str; 8] = ["launch", "t3.micro", "--ttl", "8h", "--name", "try", "--on-expiry", "terminate"];

/// The command that prints every statement for users of spawn.
const WIDEST_POLICY: [&str; 4] = ["policy", "--create-role", "--deliver", "s3://tools/spawn"];

/// The port implementations of spawn name each call with its IAM action, as in
/// `failed("ec2:RunInstances")`.
#[test]
fn the_policy_allows_every_call_of_spawn_and_no_other() {
    let folder = tests::repository_root().join("crates/aws/src");
    let mut called: BTreeSet<String> = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = if path.is_file() { std::fs::read_to_string(path).unwrap() } else { String::new() };
        let named = text.split("failed(\"").skip(1).filter_map(|rest| rest.split('"').next());
        called.extend(named.filter(|name| name.contains(':')).map(String::from));
    }
    assert!(called.len() > 30, "{called:?}");
    // Calls without `failed`: the caller's account, listing instances, and launching them.
    let more = ["DescribeInstances", "DescribeRegions", "DescribeSpotInstanceRequests", "RunInstances"];
    called.extend(more.map(|call| format!("ec2:{call}")));
    called.insert("sts:GetCallerIdentity".to_string());
    // Session Manager's own program makes this call, and IAM checks the other one at a launch.
    called.extend(["ssm:StartSession", "iam:PassRole"].map(String::from));
    // The collector has a name for the first of these too, and both have an error of their own.
    called.extend(["s3:GetObject", "s3:PutObject"].map(String::from));
    let desk = Desk::default();
    let policy = run_command(&mut desk.command("spawn", &WIDEST_POLICY)).expect_success();
    let policy: Value = serde_json::from_str(&policy).unwrap();
    let actions = policy["Statement"].as_array().unwrap().iter().flat_map(|one| match &one["Action"] {
        Value::Array(list) => list.iter().map(|action| action.as_str().unwrap().to_string()).collect(),
        one => vec![one.as_str().unwrap().to_string()],
    });
    let allowed: BTreeSet<String> = actions.collect();
    let missing: Vec<&String> = called.difference(&allowed).collect();
    let needless: Vec<&String> = allowed.difference(&called).collect();
    assert!(missing.is_empty() && needless.is_empty(), "missing: {missing:?}, needless: {needless:?}");
}

#[test]
fn every_statement_of_the_policy_is_in_the_documentation() {
    let desk = Desk::default();
    let policy = run_command(&mut desk.command("spawn", &WIDEST_POLICY)).expect_success();
    let policy: Value = serde_json::from_str(&policy).unwrap();
    let text = std::fs::read_to_string(tests::repository_root().join("docs/iam.md")).unwrap();
    for statement in policy["Statement"].as_array().unwrap() {
        let name = statement["Sid"].as_str().unwrap();
        assert!(text.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn a_dry_run_is_checked_by_ec2_and_launches_nothing() {
    let world = World::new("throttling: false\n", &[]);
    let dry_run = [&LAUNCH[..], &["--dry-run"]].concat();
    let planned = world.rows(&dry_run);
    assert_eq!(planned[0]["instance_id"], Value::Null);
    assert!(!world.all().contains("<instanceId>"), "a dry run launches nothing");
    let told = world.spawn(&dry_run);
    assert!(told.err.contains("plan: create root volume of 8 GiB, gp3, encrypted"), "{told:?}");
    assert!(told.err.contains("price: ") && told.err.contains(" USD per hour ("), "{told:?}");
    let told = world.spawn(&[&dry_run[..], &["--subnet", "subnet-0123456789abcdef0"]].concat());
    assert!(told.code != 0 && !told.err.contains("would accept"), "{told:?}");
    assert!(!world.all().contains("<instanceId>"));
}

#[test]
fn the_choices_of_a_launch_are_shown_by_ec2() {
    let world = World::new("throttling: false\n", &[]);
    let choices = [
        "launch",
        "m5.large",
        "--ttl",
        "2h",
        "--hibernation",
        "--on-expiry",
        "hibernate",
        "--zone",
        "use1-az2",
        "--image",
        "ubuntu-24.04",
        "--tag",
        "cost=42",
        "--project",
        "speech",
        "--region",
        "us-east-1",
    ];
    let row = world.rows(&choices).remove(0);
    assert_eq!(
        (&row["state"], &row["on_expiry"], &row["market"]),
        (&json!("running"), &json!("hibernate"), &json!("on-demand"))
    );
    let all = world.all();
    for expected in [
        "<deviceName>/dev/sda1</deviceName>",
        "<key>cost</key><value>42</value>",
        "<key>project</key><value>speech</value>",
        "<configured>true</configured>",
    ] {
        assert!(all.replace(char::is_whitespace, "").contains(expected), "{expected}: {all}");
    }
    let volumes = world.alice.call("ec2", &[("Action", "DescribeVolumes")]).unwrap();
    assert!(
        volumes.contains("<encrypted>true</encrypted>") && volumes.contains("<size>16</size>"),
        "{volumes}"
    );
    let spot = ["launch", "t3.micro", "--ttl", "2h", "--spot", "--region", "us-east-1"];
    let row = world.rows(&spot).remove(0);
    assert_eq!((&row["on_expiry"], &row["market"]), (&json!("terminate"), &json!("spot")));
    let requests = world.alice.call("ec2", &[("Action", "DescribeSpotInstanceRequests")]).unwrap();
    assert!(requests.contains("<key>spawn:managed</key>"), "the spot request has the tags: {requests}");
}

#[test]
fn a_launch_without_arguments_and_without_a_terminal_takes_the_settings() {
    let world = World::new("throttling: false\n", &[]);
    let missing = world.spawn(&["launch"]);
    assert!(missing.code == 2 && missing.err.contains("the instance type is missing"), "{missing:?}");
    std::fs::write(world.desk.home().join(".spawn.yaml"), "type: t3.micro\nttl: 2h\n").unwrap();
    let row = world.rows(&["launch"]).remove(0);
    assert_eq!((&row["state"], &row["instance_type"]), (&json!("running"), &json!("t3.micro")));
}

#[test]
fn a_launch_with_lost_replies_makes_one_instance_with_the_requested_settings() {
    let world = World::new("failures: [{call: RunInstances, times: 2, how: reply-lost}]\n", &[]);
    let told = world.rows(&LAUNCH);
    let all = world.all();
    assert_eq!(all.matches("<instanceId>").count(), 1, "{all}");
    assert_eq!(world.calls("RunInstances"), 3, "sent again with the same token");
    let id = told[0]["instance_id"].as_str().unwrap();
    assert!(all.contains(&format!("<instanceId>{id}</instanceId>")), "{all}");
    for expected in [
        "<httpTokens>required</httpTokens>",
        "<httpPutResponseHopLimit>1</httpPutResponseHopLimit>",
        "<instanceMetadataTags>enabled</instanceMetadataTags>",
        "<key>spawn:managed</key><value>true</value>",
        "<key>spawn:on-expiry</key><value>v1;terminate;grace=300</value>",
        "<key>Name</key><value>try</value>",
    ] {
        assert!(all.replace(char::is_whitespace, "").contains(expected), "{expected}: {all}");
    }
    let attribute = |name: &str, tag: &str| {
        let form = [("Action", "DescribeInstanceAttribute"), ("InstanceId", id), ("Attribute", name)];
        let text = world.alice.call("ec2", &form).unwrap();
        text_between(&text, &format!("<{tag}>"), &format!("</{tag}>")).unwrap()
    };
    assert!(
        attribute("instanceInitiatedShutdownBehavior", "instanceInitiatedShutdownBehavior")
            .contains("terminate")
    );
    // The beginning of a gzip file in base64.
    assert!(attribute("userData", "userData").contains("H4sI"));
    let listed = world.rows(&["list"]);
    assert_eq!(listed[0]["instance_id"], id);
    assert_eq!(listed[0]["bound"], "spawn:expiry");
    let left = listed[0]["time_left"].as_str().unwrap();
    assert!(left.starts_with("7h5") || left == "8h", "{left}");
    assert_eq!(world.spawn(&["launch", "--resume"]).code, 3);
    assert_eq!(world.spawn(&["reap"]).code, 3, "nothing is overdue");
}

#[test]
fn a_killed_launch_is_resumed_and_not_doubled() {
    let world = World::new("failures: [{call: RunInstances, times: 1, how: {slow: 60s}}]\n", &[]);
    let mut child = world.command(&LAUNCH).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while world.calls("RunInstances") == 0 {
        assert!(child.try_wait().unwrap().is_none(), "it ended without an answer");
        std::thread::sleep(Duration::from_millis(50));
    }
    let beside = world.spawn(&["launch", "--resume"]);
    assert!(beside.err.contains("is under way in another program: skipped"), "{beside:?}");
    child.kill().unwrap();
    child.wait().unwrap();
    let again = world.spawn(&LAUNCH);
    assert!(again.code == 1 && again.err.contains("spawn launch --resume continues it"), "{again:?}");
    let told = world.rows(&["launch", "--resume"]);
    let all = world.all();
    assert_eq!(all.matches("<instanceId>").count(), 1, "{all}");
    assert!(all.contains(told[0]["instance_id"].as_str().unwrap()), "{all}");
}

#[test]
fn a_refused_launch_is_reported_and_leaves_nothing_to_resume() {
    let world = World::new("capacity: [{type: t3.micro, available: 0}]\n", &[]);
    let told = world.spawn(&LAUNCH);
    assert_eq!(told.code, 1);
    assert!(
        told.err.contains("nothing was launched: ec2:RunInstances: InsufficientInstanceCapacity"),
        "{told:?}"
    );
    assert_eq!(world.spawn(&["launch", "--resume"]).code, 3, "there is nothing to resume");
    assert!(!world.all().contains("<instanceId>"));
}

#[test]
fn reap_ends_the_users_overdue_instances_although_one_of_them_fails() {
    let desk = Desk::default();
    let now = real_now(&desk);
    let begin = (now - SignedDuration::from_hours(6)).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let world = World::new("throttling: false\n", &["--frozen", &begin]);
    let who = world.alice.call("sts", &[("Action", "GetCallerIdentity")]).unwrap();
    let me = text_between(&who, "<Arn>", "</Arn>").unwrap();
    let until = |hours: i64| {
        let at = (now + SignedDuration::from_hours(hours)).strftime("%Y-%m-%dT%H:%M:%SZ");
        format!("v1;running;until={at};gen=1")
    };
    let (over, within) = (until(-2), until(2));
    let launch = |expiry: &str, owner: &str, stubborn: &str, more: &[(&str, &str)]| {
        let tags = [
            ("spawn:managed", "true"),
            ("spawn:owner", owner),
            ("spawn:expiry", expiry),
            ("spawn:on-expiry", "v1;terminate;grace=300"),
            ("stubborn", stubborn),
        ];
        world.instance(&tags, more)
    };
    let spot = [
        ("InstanceMarketOptions.MarketType", "spot"),
        ("InstanceMarketOptions.SpotOptions.SpotInstanceType", "persistent"),
        ("InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior", "stop"),
        // The policy allows the cancellation of managed requests alone.
        ("TagSpecification.2.ResourceType", "spot-instances-request"),
        ("TagSpecification.2.Tag.1.Key", "spawn:managed"),
        ("TagSpecification.2.Tag.1.Value", "true"),
    ];
    let extended = launch(&over, &me, "no", &[]);
    let stubborn = launch(&over, &me, "yes", &[]);
    let persistent = launch(&over, &me, "no", &spot);
    let stay = [
        (launch(&over, &me, "no", &[("DisableApiTermination", "true")]), "protected by AWS"),
        (launch(&over, &me, "no", &[("DisableApiStop", "true")]), "protected by AWS"),
        (launch(&over, &me.replace("alice", "bob"), "no", &[]), "owned by "),
        (launch(&within, &me, "no", &[]), "not overdue before"),
        (launch("soon", &me, "no", &[]), "tag spawn:expiry is "),
    ];
    call_control(&world.alice.url, "clock", &json!({ "until": now }));
    let file = world.desk.home().join("plan.json");
    let file = file.to_str().unwrap();
    let shown = world.spawn(&["reap", "--plan", file, "-o", "json"]);
    assert_eq!(shown.code, 6, "others stay although they are overdue: {shown:?}");
    let shown: Vec<Value> = serde_json::from_str(&shown.out).unwrap();
    let action = |rows: &[Value], id: &str, column: &str| -> String {
        let row =
            rows.iter().find(|row| row["instance_id"] == id).unwrap_or_else(|| panic!("no {id}: {rows:?}"));
        row[column].as_str().unwrap_or_default().to_string()
    };
    for id in [&extended, &stubborn, &persistent] {
        assert_eq!(action(&shown, id, "action"), "terminate");
    }
    for (id, why) in &stay {
        assert_eq!(action(&shown, id, "action"), "leave");
        assert!(action(&shown, id, "why").starts_with(why), "{shown:?}");
    }
    assert_eq!(world.calls("TerminateInstances") + world.calls("CancelSpotInstanceRequests"), 0, "a dry run");
    // Between the plan and its execution, one instance is extended.
    let form = [
        ("Action", "CreateTags"),
        ("ResourceId.1", extended.as_str()),
        ("Tag.1.Key", "spawn:expiry"),
        ("Tag.1.Value", &within),
    ];
    world.alice.call("ec2", &form).unwrap();
    let told = world.spawn(&["reap", "--yes", "--plan", file, "-o", "json"]);
    assert!(told.code == 1 && told.err.contains("1 of 3 could not be ended"), "{told:?}");
    let done: Vec<Value> = serde_json::from_str(&told.out).unwrap();
    let outcome = |id: &str| [action(&done, id, "outcome"), action(&done, id, "state")];
    assert_eq!(outcome(&extended), ["left", ""]);
    assert_eq!(outcome(&stubborn), ["failed", "running"]);
    let why = action(&done, &stubborn, "why");
    assert!(why.contains("ec2:TerminateInstances is not allowed"), "{done:?}");
    assert!(why.contains("with an explicit deny in an identity-based policy"), "AWS's words: {why}");
    assert_eq!(outcome(&persistent), ["ended", "shutting-down"]);
    assert_eq!(world.alice.state(&persistent).0, "shutting-down");
    for (id, _) in &stay {
        assert_eq!(world.alice.state(id).0, "running", "{id}");
    }
    // Only the failed one is still overdue. The spot request launched no replacement.
    let again: Vec<Value> = serde_json::from_str(&world.spawn(&["reap", "-o", "json"]).out).unwrap();
    let overdue: Vec<&Value> = again.iter().filter(|row| row["action"] == "terminate").collect();
    assert!(overdue.len() == 1 && overdue[0]["instance_id"] == stubborn, "{again:?}");
    assert_eq!(world.calls("CancelSpotInstanceRequests"), 1);
    assert_eq!(world.all().matches("<instanceId>").count(), 8);
}

/// Moves the sandbox's clock.
fn forward(world: &World, seconds: i64) {
    call_control(&world.alice.url, "clock", &json!({ "forward_seconds": seconds }));
}

/// Calls an action for one instance.
fn call(world: &World, action: &str, id: &str) {
    world.alice.call("ec2", &[("Action", action), ("InstanceId.1", id)]).unwrap();
}

const HOUR: i64 = 3_600;

#[test]
fn an_instance_that_was_stopped_over_night_is_not_ended_early() {
    let world = World::new("throttling: false\n", &[]);
    let id =
        world.rows(&["launch", "t3.micro", "--ttl", "6h"])[0]["instance_id"].as_str().unwrap().to_string();
    forward(&world, HOUR);
    call(&world, "StopInstances", &id);
    forward(&world, 10 * HOUR);
    let stopped = world.rows(&["list"]);
    // Some seconds pass between the launch and the stop.
    assert!([json!("5h"), json!("4h59m")].contains(&stopped[0]["time_left"]), "{stopped:?}");
    assert_eq!(stopped[0]["until"], Value::Null, "{stopped:?}");
    call(&world, "StartInstances", &id);
    forward(&world, 1_200);
    let started = world.rows(&["list"]);
    assert_eq!(started[0]["bound"], "unknown (restarted without spawnd)");
    assert_eq!(started[0]["time_left"], Value::Null);
    assert_eq!(world.spawn(&["reap", "--yes"]).code, 3);
    forward(&world, 6 * HOUR);
    world.spawn(&["reap", "--yes"]).expect_success();
    assert!(world.alice.state(&id).0.starts_with("stop"));
}

#[test]
fn a_copy_of_all_tags_is_reported_and_left_alone() {
    let world = World::new("throttling: false\n", &[]);
    let launch = ["launch", "t3.micro", "--ttl", "2h", "--on-expiry", "terminate"];
    let first = world.rows(&launch)[0]["instance_id"].as_str().unwrap().to_string();
    let form =
        [("Action", "DescribeTags"), ("Filter.1.Name", "resource-id"), ("Filter.1.Value.1", first.as_str())];
    let tags = world.alice.call("ec2", &form).unwrap();
    let cells = |name: &str| {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let cell = |part: &str| part.split_once(&close).unwrap().0.to_string();
        tags.split(&open).skip(1).map(cell).collect::<Vec<String>>()
    };
    let pairs: Vec<(String, String)> = cells("key").into_iter().zip(cells("value")).collect();
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert!(pairs.len() >= 7, "{tags}");
    forward(&world, 5 * HOUR);
    let copy = world.instance(&pairs, &[]);
    forward(&world, 1_200);
    let told = world.spawn(&["reap", "--yes"]);
    assert_eq!(told.code, 6, "{told:?}");
    assert!(
        told.err.contains(&copy) && told.err.contains("a copy: its spawn:launch-id is that of "),
        "{told:?}"
    );
    assert_eq!(world.alice.state(&copy).0, "running");
    assert!(["shutting-down", "terminated"].contains(&world.alice.state(&first).0.as_str()));
}

#[test]
fn a_region_without_opt_in_has_an_answer_of_its_own() {
    let world = World::new("throttling: false\n", &[]);
    let told = world.spawn(&["launch", "t3.micro", "--ttl", "2h", "--region", "ap-east-1"]);
    assert_eq!(told.code, 2, "{told:?}");
    assert!(told.err.contains("region ap-east-1 is not enabled in account 000000000002"), "{told:?}");
}
