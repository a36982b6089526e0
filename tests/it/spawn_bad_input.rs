//! Mistakes in the use of spawn, in an account of the sandbox: the message and the exit code of
//! each, as a snapshot. None of them changes the account.

use std::fmt::Write;
use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use serde_json::json;
use tests::{Ran, run_command};

use crate::caller::call_control;
use crate::spawn::World;
use crate::spawn_faults::Sequence;

/// A mistake: the words after `spawn`, and the world around them.
struct Slip {
    words: &'static [&'static str],
    /// Files of the working folder.
    files: &'static [(&'static str, &'static str)],
    variables: &'static [(&'static str, &'static str)],
    input: &'static str,
}

const fn slip(words: &'static [&'static str]) -> Slip {
    Slip { words, files: &[], variables: &[], input: "" }
}

/// A mistake in a `.spawn.yaml`.
const fn yaml(words: &'static [&'static str], file: &'static [(&'static str, &'static str)]) -> Slip {
    Slip { files: file, ..slip(words) }
}

/// A launch that is right but for its other words.
macro_rules! launch {
    ($($word:expr),*) => { slip(&["launch", "t3.micro", "--ttl", "8h" $(, $word)*]) };
}

const SHOW: &[&str] = &["config", "show"];
const LAUNCH: &[&str] = &["launch", "t3.micro", "--ttl", "8h"];

const WORDS: &[Slip] = &[
    slip(&["lst"]),
    slip(&["--quite", "list"]),
    slip(&["list", "--output", "xml"]),
    slip(&["list", "--columns", "instance_idd"]),
    slip(&["list", "--state", "runing"]),
    slip(&["config", "shw"]),
    slip(&["extend"]),
    slip(&["extend", "try"]),
    slip(&["connect"]),
    slip(&["connect", "try", "ls"]),
    slip(&["connect", "try", "--via", "telnet"]),
    slip(&["connect", "try", "-L", "99999"]),
    slip(&["connect", "try", "-L", "8888", "--via", "session-manager"]),
    slip(&["connect", "try", "--user", "root; id"]),
    slip(&["logs", "try", "--boot", "--console"]),
    slip(&["start", "try", "--force"]),
    slip(&["launch", "t3.micro", "m5.large", "--ttl", "8h"]),
    launch!("--tll", "9h"),
    launch!("--no-ttl"),
    launch!("--spott"),
    launch!("--yes"),
    launch!("--stoppable"),
    launch!("--spot", "--on-expiry", "stop"),
    launch!("--group", "default", "--open"),
];

const SPANS: &[Slip] = &[
    slip(&["launch", "t3.micro", "--ttl", "0h"]),
    slip(&["launch", "t3.micro", "--ttl=-1h"]),
    slip(&["launch", "t3.micro", "--ttl", "1h30"]),
    slip(&["launch", "t3.micro", "--ttl", "99999999w"]),
    slip(&["launch", "t3.micro", "--ttl", "8h", "--until", "18:00"]),
    slip(&["launch", "t3.micro", "--until", "25:00"]),
    slip(&["launch", "t3.micro", "--until", "someday"]),
    slip(&["launch", "t3.micro", "--until", "2020-01-01T00:00:00Z"]),
    launch!("--cap", "1h"),
    launch!("--idle-timeout", "soon"),
    launch!("--on-expiry", "terminat"),
    launch!("--on-idle", "stop"),
    launch!("--max-price", "cheap"),
    launch!("--max-price", "0.001"),
    launch!("--disk", "big"),
    launch!("--disk", "1"),
    slip(&["extend", "try", "soon"]),
    slip(&["extend", "try", "2"]),
    slip(&["extend", "try", "30d"]),
    slip(&["reap", "--stopped", "month"]),
];

const NAMES: &[Slip] = &[
    slip(&["stop", "tri"]),
    slip(&["stop", "try", "tri"]),
    slip(&["stop", "twin"]),
    slip(&["terminate", "twin", "--yes"]),
    slip(&["stop", ""]),
    slip(&["stop", "i-0123456789abcdef0"]),
    slip(&["stop", "--", "-oProxyCommand=id"]),
    slip(&["connect", "$(id)"]),
    slip(&["connect", "\u{1b}[2Jtry"]),
    slip(&["stop", "foreign"]),
    slip(&["terminate", "foreign", "--yes"]),
    slip(&["terminate", "try"]),
    slip(&["hibernate", "try"]),
    slip(&["stop", "once"]),
    slip(&["extend", "asleep", "1h"]),
    slip(&["connect", "asleep"]),
    slip(&["deliver", "asleep"]),
    slip(&["logs", "asleep"]),
    slip(&["reboot", "asleep"]),
    launch!("--name", ""),
    launch!("--name", "a\u{7}b"),
];

const TAGS: &[Slip] = &[
    launch!("--tag", "aws:cost=1"),
    launch!("--tag", "spawn:expiry=never"),
    launch!("--tag", "team"),
    launch!("--tag", "=red"),
    launch!("--tag", "a=1", "--tag", "a=2"),
    launch!("--tag", "a/b=1"),
    launch!("--tag", "bell=\u{7}"),
    launch!("--project", ""),
    launch!("--env", "TOKEN=secret"),
    launch!("--deliver", "push", "--env", "1ST=a"),
    launch!("--deliver", "push", "--env", "TOKEN"),
    launch!("--deliver", "push", "--env", "A=two\nlines"),
];

const FILES: &[Slip] = &[
    slip(&["launch", "--yes", "--plan", "nowhere.json"]),
    slip(&["launch", "--yes", "--plan", "."]),
    yaml(&["launch", "--yes", "--plan", "plan.json"], &[("plan.json", "{}\n")]),
    yaml(&["launch", "--yes", "--plan", "plan.json"], &[("plan.json", "ttl: 8h\n")]),
    slip(&["launch", "t3.micro", "--yes", "--plan", "plan.json"]),
    yaml(&["reap", "--yes", "--plan", "plan.json"], &[("plan.json", "[1]\n")]),
    launch!("--user-data", "nowhere.sh"),
    launch!("--user-data", "."),
    slip(&["launch", "-", "--ttl", "8h"]),
    Slip { input: "instance_type\nt3.micro\n", ..slip(&["launch", "-", "--ttl", "8h"]) },
    Slip { input: "[{\"region\": \"us-east-1\"}]", ..slip(&["launch", "-", "--ttl", "8h"]) },
];

const SETTINGS: &[Slip] = &[
    yaml(SHOW, &[(".spawn.yaml", "tll: 8h\n")]),
    yaml(SHOW, &[(".spawn.yaml", "default_ttl: 8h\n")]),
    yaml(SHOW, &[(".spawn.yaml", "ttl: 8h\nttl: 9h\n")]),
    yaml(SHOW, &[(".spawn.yaml", "ttl: [8h]\n")]),
    yaml(SHOW, &[(".spawn.yaml", "ttl: 8h\n\tdisk: 9\n")]),
    yaml(SHOW, &[(".spawn.yaml", "just text\n")]),
    yaml(SHOW, &[(".spawn.yaml", "ttl: soon\n")]),
    yaml(SHOW, &[(".spawn.yaml", "ssh: ubuntu\n")]),
    yaml(SHOW, &[(".spawn.yaml", "spot: perhaps\n")]),
    yaml(SHOW, &[(".spawn.yaml", "region: Atlantis\n")]),
    yaml(LAUNCH, &[(".spawn.yaml", "tags: {spawn:managed: no}\n")]),
    yaml(SHOW, &[(".spawn.yaml", "tags: {team: \"a\\nb\"}\n")]),
    yaml(SHOW, &[(".spawn.yaml", "lake: here\n")]),
    yaml(SHOW, &[("mycelium.toml", "ttl = \"8h\"\n")]),
    yaml(&["launch", "--profile", "mll"], &[(".spawn.yaml", "profiles: {ml: {type: g5.xlarge}}\n")]),
    slip(&["launch", "--profile", "ml"]),
    slip(&["config", "trust"]),
    yaml(&["config", "trust"], &[(".spawn.yaml", "role: admin\n")]),
    Slip { variables: &[("SPAWN_TTL", "soon")], ..slip(SHOW) },
    Slip { variables: &[("SPAWN_SSH_FROM", "home")], ..slip(SHOW) },
];

const PLACES: &[Slip] = &[
    launch!("--region", "us-esat-1"),
    launch!("--region", "Atlantis"),
    launch!("--region", "ap-east-1"),
    launch!("--zone", "us-west-2a"),
    launch!("--zone", "use1-az99"),
    launch!("--zone", "US EAST"),
    launch!("--subnet", "subnet-0123456789abcdef0"),
    launch!("--subnet", "mine"),
    launch!("--image", "ubuntu"),
    launch!("--image", "ami-0123456789abcdef0"),
    launch!("--group", "nothing"),
    launch!("--key", "nothing"),
    launch!("--role", "nothing"),
    launch!("--deliver", "ftp://example.com/spawnd"),
    launch!("--deliver", "http://example.com/spawnd"),
    launch!("--deliver", "s3://Bucket/spawnd"),
    slip(&["launch", "t3.mircro", "--ttl", "8h"]),
    slip(&["launch", "t3", "--ttl", "8h"]),
    slip(&["launch", "t3.micro; id", "--ttl", "8h"]),
    slip(&["launch", "t3.micro", "--ttl", "8h", "--hibernation", "--spot"]),
    slip(&["launch", "p5.48xlarge", "--ttl", "8h"]),
    slip(&["list", "--region", "us-esat-1"]),
    slip(&["stop", "try", "--region", "eu-west-1"]),
    Slip { variables: &[("AWS_ACCESS_KEY_ID", "AKIA0SANDBOXUNKNOWN0")], ..slip(LAUNCH) },
    slip(&["--account", "nobody", "list"]),
];

const ALL: [&[Slip]; 7] = [WORDS, SPANS, NAMES, TAGS, FILES, SETTINGS, PLACES];

/// The most characters of an error's first line.
const LONGEST_SENTENCE: usize = 400;

/// Runs a mistake in a folder of its own below the home folder.
fn run_slip(slip: &Slip, world: &World) -> Ran {
    let folder = world.desk.home().join("here");
    fs::create_dir(&folder).unwrap();
    for (name, text) in slip.files {
        fs::write(folder.join(name), text).unwrap();
    }
    let mut command = world.command(slip.words);
    command.current_dir(&folder).envs(slip.variables.iter().copied());
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A program that has ended needs no input.
    let _ = child.stdin.take().unwrap().write_all(slip.input.as_bytes());
    let ran = Ran::of(child.wait_with_output().unwrap());
    let left = fs::read_dir(&folder).unwrap().flatten().map(|entry| entry.file_name());
    let left: Vec<_> = left.filter(|name| slip.files.iter().all(|(file, _)| name != file)).collect();
    assert!(left.is_empty(), "{:?} leaves {left:?}", slip.words);
    fs::remove_dir_all(folder).unwrap();
    ran
}

/// Returns everything of the account that a launch or a change of an instance could touch.
fn account(world: &World) -> String {
    let lists =
        ["Instances", "Volumes", "SecurityGroups", "SecurityGroupRules", "KeyPairs", "SpotInstanceRequests"];
    let list = |name: &str| world.admin.call("ec2", &[("Action", &format!("Describe{name}"))]).unwrap();
    let mut text: String = lists.map(list).concat();
    for action in ["GetRole", "GetInstanceProfile"] {
        let name = if action == "GetRole" { "RoleName" } else { "InstanceProfileName" };
        text += &format!("{:?}", world.admin.call("iam", &[("Action", action), (name, "spawn-instance")]));
    }
    text.lines().filter(|line| !line.contains("requestId")).collect()
}

/// Returns the changing calls since the last time. EC2 refuses a launch that only it can judge, and
/// a key that is sent for a session leaves nothing.
fn changing_calls(world: &World) -> Vec<String> {
    let counts = call_control(&world.admin.url, "calls", &json!({}))["by_action"].clone();
    let harmless = ["Describe", "Get", "List", "RunInstances", "SendSSHPublicKey"];
    let calls = counts.as_object().unwrap().keys();
    calls.filter(|call| !harmless.iter().any(|begin| call.starts_with(begin))).cloned().collect()
}

/// Returns the faults of an answer. It is one sentence, and names the next command or the usage.
fn answer_faults(ran: &Ran) -> Vec<&'static str> {
    let lines: Vec<&str> = ran.err.lines().collect();
    let errors: Vec<&str> = lines.iter().copied().filter(|line| line.starts_with("error: ")).collect();
    let sentence = errors.first().copied().unwrap_or_default();
    let leads_on = ["hint: ", "Usage: ", "  tip: ", "  [possible values: "];
    let has_next = lines.iter().any(|line| leads_on.iter().any(|begin| line.starts_with(begin)));
    let is_plain = |c: char| !c.is_control() || c == '\n';
    let faults = [
        ("the exit code is not that of a mistake", !(1..=4).contains(&ran.code)),
        ("there is not one error", errors.len() != 1),
        ("the sentence is long", sentence.chars().count() > LONGEST_SENTENCE),
        ("the sentence ends with a full stop", sentence.ends_with('.')),
        ("there is no next command", !has_next),
        ("there is a control character", !ran.err.chars().all(is_plain)),
    ];
    faults.into_iter().filter(|(_, is_so)| *is_so).map(|(fault, _)| fault).collect()
}

/// The instances of the account, with the names that the mistakes use.
fn launch_instances(world: &World) {
    let launch = |name: &str, more: &[&str]| {
        let words = [LAUNCH, &["--name", name], more].concat();
        world.spawn(&words).expect_success();
    };
    launch("try", &[]);
    launch("twin", &[]);
    launch("twin", &[]);
    launch("once", &["--spot"]);
    launch("asleep", &[]);
    world.spawn(&["stop", "asleep"]).expect_success();
    let tags = [
        ("Name", "foreign"),
        ("spawn:managed", "true"),
        ("spawn:owner", "arn:aws:iam::000000000002:user/bob"),
        ("spawn:expiry", "v1;running;until=2099-01-01T00:00:00Z;gen=1"),
    ];
    world.instance(&tags, &[]);
}

/// Replaces ids, instants and folders by fixed words.
fn masked(text: &str, world: &World) -> String {
    let mut text = text.replace(&*world.desk.home().to_string_lossy(), "~");
    for (number, row) in world.rows(&["list"]).iter().enumerate() {
        text = text.replace(row["instance_id"].as_str().unwrap(), &format!("i-{number}"));
    }
    text = text.replace(&world.admin.url, "http://sandbox");
    // The cap counts from the launch.
    let cap = text.split("its cap is ").nth(1).and_then(|rest| rest.split(',').next()).map(String::from);
    cap.map_or(text.clone(), |cap| text.replace(&cap, "(cap)"))
}

#[test]
fn every_mistake_is_answered_and_changes_nothing() {
    let scenario = "throttling: false\nquotas: {L-417A185B: 0}\n";
    let world = World::new(scenario, &[]);
    launch_instances(&world);
    let before = account(&world);
    changing_calls(&world);
    let (mut all, mut faults) = (String::new(), Vec::new());
    for slip in ALL.iter().copied().flatten() {
        let ran = run_slip(slip, &world);
        faults.extend(answer_faults(&ran).into_iter().map(|fault| format!("{:?}: {fault}", slip.words)));
        let changes = changing_calls(&world);
        faults.extend(changes.iter().map(|call| format!("{:?} calls {call}", slip.words)));
        let files: String = slip.files.iter().map(|(name, text)| format!("  {name}: {text:?}\n")).collect();
        let variables: String =
            slip.variables.iter().map(|(name, value)| format!("{name}={value} ")).collect();
        let words: Vec<String> = slip.words.iter().map(|word| word.escape_debug().to_string()).collect();
        writeln!(all, "{variables}spawn {}\n{files}  exit {}", words.join(" "), ran.code).unwrap();
        let lines = ran.err.lines().map(str::trim_end).filter(|line| !line.is_empty());
        lines.for_each(|line| writeln!(all, "  {line}").unwrap());
        all.push('\n');
    }
    insta::assert_snapshot!(masked(&all, &world));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert_eq!(account(&world), before);
}

#[test]
fn oversized_inputs_are_refused_with_both_sizes() {
    let world = World::new("throttling: false\n", &[]);
    let before = account(&world);
    let check = |words: &[&str], message: &str| {
        let ran = world.spawn(&[LAUNCH, words].concat());
        assert!(ran.code == 2 && ran.err.contains(message) && ran.err.contains("hint: "), "{ran:?}");
        assert_eq!(account(&world), before, "{ran:?}");
    };
    let mut random = Sequence(20_261_130);
    let noise: Vec<u8> = (0..40_000).map(|_| random.below(256) as u8).collect();
    fs::write(world.desk.home().join("large"), noise).unwrap();
    check(&["--user-data", "large"], "at most 16384");
    check(&["--name", &"n".repeat(257)], "256");
    check(&["--tag", &format!("{}=1", "k".repeat(129))], "128");
    check(&["--tag", &format!("k={}", "v".repeat(257))], "256");
    let tags: Vec<String> = (0..51).map(|number| format!("--tag=k{number}=1")).collect();
    check(&tags.iter().map(String::as_str).collect::<Vec<_>>(), "50");
    fs::write(world.desk.home().join(".spawn.yaml"), format!("# {}\n", "x".repeat(300_000))).unwrap();
    let ran = run_command(&mut world.command(&["config", "show"]));
    assert!(ran.code != 0 && ran.err.contains("more than 262144 bytes"), "{ran:?}");
}
