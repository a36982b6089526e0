//! The commands for people on the machine, through the real binary and the real socket.

use crate::fake::{Ec2Mode, FakeWorld};
use crate::loads::why;
use std::process::{Command, Output};

const TWO_HOURS: &str =
    r#"{"budget":"2h","on-expiry":"terminate","cap":"2027-01-15T12:00:00Z","idle":{"timeout":"30m"}}"#;

fn running() -> FakeWorld {
    let mut world = FakeWorld::new(TWO_HOURS);
    world.aws(|aws| aws.tag = Some("v1;running;until=2027-01-15T10:00:00Z;gen=1".to_string()));
    world.start();
    assert!(world.until(1_200, |world| world.run(&["status"]).status.success()), "{}", world.log());
    world
}

fn check(output: &Output, succeeds: bool, expected: &str) {
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.success(), succeeds, "{said}");
    assert!(said.contains(expected), "expected {expected:?}: {said}");
}

#[test]
fn extend_is_confirmed_after_the_tag_is_written() {
    let world = running();
    check(&world.run(&["extend", "1h"]), true, "extended: 2h");
    let tag = world.aws(|aws| aws.tag.clone()).expect("a tag");
    let hour = ["T10:5", "T11:0"].iter().any(|about| tag.contains(about));
    assert!(hour && tag.ends_with(";gen=2"), "{tag}");
    check(&world.run(&["extend", "1 hour"]), false, "such as 90m, 2h30m, 2d or 1w");
    // The cap is four hours after the launch.
    check(&world.run(&["extend", "5h"]), true, "extended: 3h");
}

#[test]
fn refuses_an_extension_if_its_tag_cannot_be_written() {
    let world = running();
    world.aws(|aws| aws.ec2 = Ec2Mode::Denies);
    check(&world.run(&["extend", "1h"]), false, "not extended: the tag could not be written");
    check(&world.run(&["extend", "1h", "--local-only"]), true, "extended: 2h");
}

/// A library that never returns from opening a folder of a home, once the home's server is gone.
const HUNG_HOME: &str = "#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
DIR *opendir(const char *name) {
  DIR *(*real)(const char *) = (DIR *(*)(const char *))dlsym(RTLD_NEXT, \"opendir\");
  const char *gone = getenv(\"HOME_IS_GONE\");
  if (strstr(name, \"/home/eve/\")) while (gone && access(gone, F_OK) == 0) usleep(20000);
  return real(name);
}
";

#[test]
fn a_home_whose_server_is_gone_stops_nothing_but_its_own_signals() {
    let mut world = FakeWorld::new(r#"{"budget":"6h","on-expiry":"stop","idle":{"timeout":"9h"}}"#);
    world.write("hung.c", HUNG_HOME);
    let (source, library) = (world.path("hung.c"), world.path("hung.so"));
    let built =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).arg("-ldl").status();
    if !built.is_ok_and(|status| status.success()) {
        println!("skipped: there is no C compiler");
        return;
    }
    world.write("home/eve/.local/share/jupyter/runtime/kernel-1.json", "{}");
    let gone = world.path("gone").display().to_string();
    let preload = ("LD_PRELOAD".to_string(), library.display().to_string());
    world.environment = vec![preload, ("HOME_IS_GONE".to_string(), gone)];
    world.start();
    assert!(world.until(1_200, |world| why(world, "jupyter").contains("not present")), "{}", world.log());
    world.write("gone", "");
    assert!(world.until(6_000, |world| why(world, "jupyter").contains("no answer for")), "{}", world.log());
    assert!(why(&world, "editor").contains("no answer for"), "{}", why(&world, "editor"));
    for signal in ["cpu", "terminal", "login", "ssh", "gpu", "hooks"] {
        assert!(!why(&world, signal).contains("could not be read"), "{}", why(&world, signal));
    }
    let before = world.uptime();
    check(&world.run(&["extend", "1m"]), true, "extended: ");
    assert!(world.uptime() - before < 30 * 60, "an answer takes seconds: {before} to {}", world.uptime());
    assert!(world.until(25_000, |world| world.read("dev/pts/0").contains("will stop in")), "{}", world.log());
    // The server comes back.
    std::fs::remove_file(world.path("gone")).expect("removed");
    assert!(world.until(1_200, |world| why(world, "jupyter").contains("not present")), "{}", world.log());
    assert!(world.terminate());
}

#[test]
fn a_client_that_sends_byte_by_byte_delays_no_other() {
    use std::io::Write;
    let world = running();
    let mut slow: Vec<_> = (0..5)
        .map(|_| {
            std::os::unix::net::UnixStream::connect(world.path("run/spawn/spawnd.sock")).expect("a socket")
        })
        .collect();
    let began = std::time::Instant::now();
    let sending = std::thread::spawn(move || {
        while began.elapsed().as_secs() < 3 {
            slow.retain_mut(|client| client.write_all(b" ").is_ok());
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        slow.len()
    });
    check(&world.run(&["status"]), true, "will terminate in");
    assert!(began.elapsed().as_secs_f64() < 2.5, "{:?}", began.elapsed());
    assert_eq!(sending.join().expect("it ends"), 0, "each slow client was refused");
}

#[test]
fn status_shows_the_end_and_each_signal() {
    let world = running();
    world.until(120, |_| false);
    let output = world.run(&["status", "--why"]);
    check(&output, true, "will terminate in 1h");
    check(&output, true, "dead-man: powers off in");
    check(&output, true, "cpu        0.00, busy from 0.2 busy cores: quiet");
    check(&output, true, "gpu        not present");
    let json = world.run(&["status", "--json"]);
    let status: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(status["end"]["action"], "terminate");
    assert_eq!(status["clock"], "aws");
}

#[test]
fn writes_a_heartbeat_every_15_minutes() {
    let device = |bytes: u64| format!("h\nh\nens5: {bytes} 1 0 0 0 0 0 0 {} 1 0 0 0 0 0 0\n", bytes / 2);
    let processors = |work: u64, rest: u64| {
        format!("cpu  {work} 0 0 {rest} 0 0 0 0 0 0\nintr 1\nctxt 2\nbtime 3\nprocesses 4\n")
    };
    let mut world = FakeWorld::new(TWO_HOURS);
    world.write("sys/class/net/ens5/device", "");
    world.write("proc/net/dev", &device(0));
    world.start();
    assert!(world.until(400, |world| world.path("var/lib/spawn/state.json").exists()), "{}", world.log());
    world.write("proc/net/dev", &device(9_000_000));
    world.write("proc/stat", &processors(25, 75));
    assert!(world.until(1_800, |world| world.aws(|aws| !aws.heartbeats.is_empty())), "{}", world.log());
    let beat = world.aws(|aws| aws.heartbeats[0].clone());
    let expected =
        ";cpu=25.00;network-in=9000000;network-out=4500000;disk=none;gpu=none;gpu-memory=none;idle=";
    assert!(beat.starts_with("v1;at=2027-01-15T08:") && beat.contains(expected), "{beat}");
    // Without permission the daemon tries once, and then no more.
    world.aws(|aws| aws.ec2 = Ec2Mode::Denies);
    let failed = |world: &FakeWorld| {
        let said = world.run(&["status", "--why"]);
        String::from_utf8_lossy(&said.stdout).contains("heartbeat  1 written, the last ")
            && String::from_utf8_lossy(&said.stdout).contains("1 failed; the last attempt failed: denied: ")
    };
    assert!(world.until(1_800, failed), "{:?}", world.run(&["status", "--why"]));
    let tried = |world: &FakeWorld| {
        world.aws(|aws| aws.calls.iter().filter(|call| call.contains("heartbeat")).count())
    };
    assert_eq!(tried(&world), 2);
    assert!(!world.until(1_200, |world| tried(world) > 2));
    assert!(!world.log().contains("cannot be written"), "{}", world.log());
    assert_eq!(world.aws(|aws| aws.unsigned), 0);
}

#[test]
fn heartbeats_can_be_turned_off() {
    let mut world = FakeWorld::new(r#"{"budget":"2h","on-expiry":"stop","heartbeat":"off"}"#);
    world.start();
    assert!(world.until(400, |world| world.path("var/lib/spawn/state.json").exists()), "{}", world.log());
    assert!(
        !world.until(1_500, |world| world.aws(|aws| aws.calls.iter().any(|call| call.contains("heartbeat"))))
    );
    check(&world.run(&["status", "--why"]), true, "heartbeat  off");
}

#[test]
fn leases_can_be_taken_and_released() {
    let world = running();
    check(&world.run(&["keepalive", "2h"]), true, "not idle for 2h");
    check(&world.run(&["status", "--why"]), true, "lease keepalive:");
    check(&world.run(&["keepalive", "--release"]), true, "released keepalive");
    check(&world.run(&["keepalive"]), false, "required arguments were not provided");
    check(&world.run(&["keepalive", "1h", "--release"]), false, "there is no lease named keepalive");
    check(&world.run(&["keepalive", "25h"]), false, "a lease is at most 1d");
}

#[test]
fn run_keeps_a_lease_while_the_command_runs() {
    let world = running();
    let spawnd = world.path("status");
    let script = format!(
        "{} --root {} status --why > {}",
        env!("CARGO_BIN_EXE_spawnd"),
        world.path("").display(),
        spawnd.display()
    );
    let output = world.run(&["run", "--", "sh", "-c", &format!("{script}; exit 7")]);
    assert_eq!(output.status.code(), Some(7));
    assert!(world.read("status").contains("lease run-"), "{}", world.read("status"));
    let after = world.run(&["status", "--why"]);
    assert!(!String::from_utf8_lossy(&after.stdout).contains("lease run-"));
}

#[test]
fn complete_ends_the_instance_after_the_warning() {
    let world = running();
    let asked = world.uptime();
    check(&world.run(&["complete"]), true, "complete: the instance will terminate in 5m");
    assert!(world.until(600, |world| world.received_call("TerminateInstances")), "{}", world.log());
    assert!(world.uptime() - asked >= 300 - 60, "{}", world.log());
    assert!(world.read("dev/pts/0").contains("because its work is complete"));
}

#[test]
fn an_idle_instance_is_warned_and_can_be_kept() {
    let world = running();
    let warned = |world: &FakeWorld| world.read("dev/pts/0").contains("because it is idle");
    // Fifteen minutes of grace after the boot, then thirty of idleness.
    assert!(world.until(3_300, warned), "{}", world.log());
    check(&world.run(&["cancel"]), true, "the idle window starts anew");
    assert!(world.until(60, |world| world.read("dev/pts/0").contains("in use again")), "{}", world.log());
    assert!(!world.ended());
}

#[test]
fn an_idle_instance_is_stopped() {
    let world = running();
    assert!(world.until(4_500, |world| world.received_call("StopInstances")), "{}", world.log());
    assert!(world.uptime() >= 3_300 - 60 && !world.received_call("TerminateInstances"));
}

#[test]
fn without_a_daemon_the_error_has_a_hint() {
    let world = FakeWorld::new(TWO_HOURS);
    check(&world.run(&["status"]), false, "hint: systemctl status spawnd");
}

#[test]
fn without_systemd_nothing_is_installed_and_no_daemon_starts_by_hand() {
    let world = FakeWorld::new(TWO_HOURS);
    std::fs::remove_dir(world.path("run/systemd/system")).expect("removed");
    check(&world.run(&["install"]), false, "error: systemd does not run on this machine");
    assert_eq!((world.read("calls"), world.path("etc/systemd").exists()), (String::new(), false));
    check(&world.run(&["daemon"]), false, "error: spawnd daemon is started by systemd");
    assert!(!world.path("run/spawn").exists());
}

#[test]
fn install_starts_the_dead_man_first() {
    let world = FakeWorld::new(TWO_HOURS);
    check(&world.run(&["install"]), true, "");
    let calls = world.read("calls");
    let enabled: Vec<&str> = calls.lines().filter(|line| line.contains("enable")).collect();
    assert_eq!(enabled[0], "systemctl enable --now spawn-dead-man.timer");
    let timer = world.read("etc/systemd/system/spawn-dead-man.timer");
    let first =
        timer.lines().find_map(|line| line.strip_prefix("OnBootSec=")?.strip_suffix('s')).expect("a time");
    let uptime = std::fs::read_to_string("/proc/uptime").expect("uptime");
    let uptime: f64 = uptime.split(' ').next().and_then(|text| text.parse().ok()).expect("seconds");
    // Two hours, five minutes of grace and ten of slack.
    let left = first.parse::<f64>().expect("seconds") - uptime;
    assert!((8_040.0..=8_100.0).contains(&left), "{left}");
}

/// The fault tests run under this policy. Each of its actions is used by one of them or by a test
/// here.
#[test]
fn the_policy_allows_the_three_actions_and_nothing_else() {
    let world = FakeWorld::new("");
    let policy = world.aws(|aws| aws.policy.clone());
    let statements = policy["Statement"].as_array().expect("statements");
    let actions: Vec<&str> = statements
        .iter()
        .flat_map(|statement| statement["Action"].as_array().into_iter().flatten())
        .filter_map(serde_json::Value::as_str)
        .collect();
    assert_eq!(actions, ["ec2:StopInstances", "ec2:TerminateInstances", "ec2:CreateTags"]);
    let text = policy.to_string();
    assert!(text.contains("arn:aws:ec2:*:123456789012:instance/*") && !text.contains("spawn:cap"), "{text}");
    let keys = &statements[1]["Condition"]["ForAllValues:StringEquals"]["aws:TagKeys"];
    assert_eq!(keys, &serde_json::json!(["spawn:expiry", "spawn:heartbeat", "spawn:seen"]));
    for statement in statements {
        assert_eq!(statement["Condition"]["StringEquals"]["aws:ARN"], "${ec2:SourceInstanceARN}");
    }
}

#[test]
fn refuses_a_sandbox_outside_the_loopback() {
    let world = FakeWorld::new(TWO_HOURS);
    for url in
        ["http://169.254.169.254:80", "https://ec2.us-east-1.amazonaws.com:443", "http://example.com:80"]
    {
        check(&world.run(&["daemon", "--sandbox", url]), false, "expected a loopback address");
    }
    check(&world.run(&["daemon", "--pace", "60@1"]), false, "--sandbox");
    check(&world.run(&["daemon", "--sandbox", "https://127.0.0.1:1"]), false, "needs --link-local");
}

#[test]
fn simulate_replays_a_trace() {
    let world = FakeWorld::new("");
    let rows: String =
        (0..240).map(|minute| format!("{},{}\n", minute * 60, if minute < 60 { 1 } else { 0 })).collect();
    world.write("trace.csv", &format!("time,cpu\n{rows}"));
    let output = world.run(&["simulate", world.path("trace.csv").to_str().expect("a path")]);
    check(&output, true, "6120 s: stop after 1h42m of running, because nothing counted as work");
    let trace = std::fs::File::open(world.path("trace.csv")).expect("a trace");
    let piped = Command::new(env!("CARGO_BIN_EXE_spawnd")).args(["simulate", "-"]).stdin(trace).output();
    assert_eq!(piped.expect("spawnd runs").stdout, output.stdout);
    let with_terms = |text: &str| {
        world.write("policy.json", text);
        let (trace, policy) = (world.path("trace.csv"), world.path("policy.json"));
        world.run(&["simulate", &trace.to_string_lossy(), "--terms", &policy.to_string_lossy()])
    };
    let idle = r#"{"budget":"8h","on-expiry":"stop","idle":{"timeout":"1h","thresholds":{"cpu":2}}}"#;
    // Under these terms nothing is busy: the grace after the boot, the timeout and the warnings.
    check(&with_terms(idle), true, "5040 s: stop after 1h24m of running");
    check(&with_terms(r#"{"budget":"8h","on-expiry":"stop"}"#), false, "the terms have no \"idle\" policy");
    check(&world.run(&["simulate", "/nowhere"]), false, "/nowhere: No such file");
    world.write("not.parquet", "PAR1 and no more");
    check(&world.run(&["simulate", &world.path("not.parquet").to_string_lossy()]), false, "Parquet error");
}

/// Returns a Parquet file with a column of seconds and one of numbers.
fn parquet_file() -> Vec<u8> {
    use parquet::data_type::{DoubleType, Int64Type};
    use parquet::file::writer::SerializedFileWriter;
    let schema = "message trace { REQUIRED INT64 time; REQUIRED DOUBLE cpu; }";
    let schema = parquet::schema::parser::parse_message_type(schema).expect("a schema");
    let mut writer =
        SerializedFileWriter::new(Vec::new(), schema.into(), Default::default()).expect("a writer");
    let mut group = writer.next_row_group().expect("a group");
    let mut column = group.next_column().expect("a column").expect("time");
    column.typed::<Int64Type>().write_batch(&[0, 3_000, 6_000], None, None).expect("written");
    column.close().expect("closed");
    let mut column = group.next_column().expect("a column").expect("cpu");
    column.typed::<DoubleType>().write_batch(&[1.0, 0.0, 0.0], None, None).expect("written");
    column.close().expect("closed");
    group.close().expect("closed");
    writer.into_inner().expect("bytes")
}

#[test]
fn a_damaged_trace_is_an_error_or_is_read() {
    let world = FakeWorld::new("");
    let whole = parquet_file();
    let trace = world.path("trace.parquet");
    let replay = |bytes: &[u8]| {
        std::fs::write(&trace, bytes).expect("written");
        world.run(&["simulate", trace.to_str().expect("a path")])
    };
    check(&replay(&whole), true, "5520 s: stop after 1h32m of running");
    for place in 4..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 0xff;
        let output = replay(&bytes);
        let said = String::from_utf8_lossy(&output.stderr);
        let refused = output.status.code() == Some(1) && said.contains("trace.parquet: ");
        assert!(output.status.success() || refused, "{place}: {:?} {said}", output.status);
    }
}

const SECRET: &str = "0123456789abcdef";

#[test]
fn posts_a_signed_warning_and_logs_no_secret() {
    let mut world = FakeWorld::new(r#"{"budget":"10m","on-expiry":"stop"}"#);
    world.webhook(SECRET, 0o600);
    world.start();
    let told =
        |world: &FakeWorld| world.aws(|aws| aws.posts.iter().any(|(_, body)| body.contains("will stop in")));
    assert!(world.until(1_200, told), "{}", world.log());
    let (signature, body) = world.aws(|aws| aws.posts.last().cloned()).expect("a post");
    let second = signature.strip_prefix("t=").and_then(|rest| rest.split_once(",v1=")).expect("two parts").0;
    let expected = Command::new("openssl")
        .args(["dgst", "-sha256", "-hmac", SECRET])
        .arg({
            world.write("signed", &format!("{second}.{body}"));
            world.path("signed")
        })
        .output();
    match expected {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout).trim().to_string();
            let hex = text.rsplit(' ').next().expect("a sum");
            assert_eq!(signature, format!("t={second},v1={hex}"), "{body}");
        }
        Err(_) => println!("the signature is not checked: openssl is not installed"),
    }
    let post: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(post["instance"], "i-sandbox0123456789");
    assert!(!world.log().contains(SECRET) && !world.log().contains("T0PS3CRET"), "{}", world.log());
}

#[test]
fn a_hanging_webhook_delays_nothing_and_is_reported() {
    let mut world = FakeWorld::new(r#"{"budget":"10m","on-expiry":"stop"}"#);
    world.webhook(SECRET, 0o600);
    world.aws(|aws| aws.webhook_hangs = true);
    world.start();
    assert!(world.until(600 + 840, FakeWorld::ended), "{}", world.log());
    assert!(world.read("dev/pts/0").contains("will stop in"));
    // Two attempts of 2 s, on the machine's clock.
    assert!(world.until(7 * crate::fake::PACE, |world| world.log().contains("no answer in time")));
    check(&world.run(&["status", "--why"]), true, "warning: webhook: no answer in time");
    assert!(!world.log().contains(SECRET) && !world.log().contains("T0PS3CRET"), "{}", world.log());
}

#[test]
fn ignores_a_secret_that_others_can_read() {
    let mut world = FakeWorld::new(r#"{"budget":"10m","on-expiry":"stop"}"#);
    world.webhook(SECRET, 0o644);
    world.start();
    let said = |world: &FakeWorld| world.log().contains("expected a file of mode 0600");
    assert!(world.until(1_200, said), "{}", world.log());
    assert!(world.aws(|aws| aws.posts.is_empty()));
}
