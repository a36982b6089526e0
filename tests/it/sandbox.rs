//! `mycelium sandbox` as users start it, with the types and prices of the seed. The crate's own
//! tests cover its behaviour.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use tests::{Desk, Ran, run_command};

use crate::caller::{Caller, text_between};
use crate::storage::{import, write_history};

/// A sandbox that ends with its test.
pub(crate) struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a sandbox on a free port. Returns its address.
fn serve(desk: &Desk) -> (Serving, String) {
    serve_with(desk, &[])
}

pub(crate) fn serve_with(desk: &Desk, words: &[&str]) -> (Serving, String) {
    let mut command = desk.command("mycelium", &[&["sandbox", "serve", "--port", "0"], words].concat());
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let said = child.stderr.take().unwrap();
    let serving = Serving(child);
    let mut line = String::new();
    BufReader::new(said).read_line(&mut line).unwrap();
    let from = line.find("http://").unwrap_or_else(|| panic!("no address in {line:?}"));
    let url = line[from..].split_whitespace().next().unwrap().to_string();
    (serving, url)
}

pub(crate) fn sandbox(desk: &Desk, words: &[&str]) -> Ran {
    run_command(&mut desk.command("mycelium", &[&["sandbox"], words].concat()))
}

fn instant(moved: &str) -> domain::Timestamp {
    let text: serde_json::Value = serde_json::from_str(moved).unwrap();
    text[0]["now"].as_str().unwrap().parse().unwrap()
}

#[test]
fn a_moved_clock_is_saved_without_any_other_change() {
    let desk = Desk::default();
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().to_str().unwrap();
    let (serving, url) = serve_with(&desk, &["--state", state]);
    let moved = instant(&sandbox(&desk, &["clock", "+10h", "--url", &url, "-o", "json"]).expect_success());
    drop(serving);
    let (_again, url) = serve_with(&desk, &["--state", state]);
    let found = instant(&sandbox(&desk, &["clock", "--url", &url, "-o", "json"]).expect_success());
    assert!(found >= moved, "{found} {moved}");
}

#[test]
fn the_sandbox_serves_until_it_is_stopped_and_its_clock_moves() {
    let desk = Desk::default();
    let (serving, url) = serve(&desk);
    let variables = sandbox(&desk, &["env", "--url", &url]).expect_success();
    assert!(variables.contains(&format!("export AWS_ENDPOINT_URL='{url}'")), "{variables}");
    let before = instant(&sandbox(&desk, &["clock", "--url", &url, "-o", "json"]).expect_success());
    let after = instant(&sandbox(&desk, &["clock", "+10h", "--url", &url, "-o", "json"]).expect_success());
    assert!(after.as_second() - before.as_second() >= 36_000, "{before} {after}");
    drop(serving);
    let gone = sandbox(&desk, &["clock", "--url", &url]);
    assert_eq!(gone.code, 1);
    assert!(
        gone.err.contains("no sandbox answers at") && gone.err.contains("mycelium sandbox serve"),
        "{gone:?}"
    );
}

#[test]
fn observed_spot_prices_are_served() {
    let desk = Desk::default();
    import(&desk, &write_history(&desk, "a.parquet", "use1-az1", 50)).expect_success();
    let (_serving, url) = serve_with(&desk, &["--frozen", "2026-01-10T00:00:00Z"]);
    let caller = Caller::of(&desk, &url);
    let asked = |zone: &str, more: &[(&str, &str)]| -> Vec<String> {
        let form = [
            ("Action", "DescribeSpotPriceHistory"),
            ("InstanceType.1", "m7i.large"),
            ("ProductDescription.1", "Linux/UNIX"),
            ("AvailabilityZoneId", zone),
        ];
        let text = caller.call("ec2", &[&form[..], more].concat()).unwrap();
        let rows = text.split("<item>").skip(1);
        let part = |row: &str, name: &str| {
            text_between(row, &format!("<{name}>"), &format!("</{name}>")).unwrap_or_default()
        };
        rows.map(|row| part(row, "timestamp") + " " + &part(row, "spotPrice")).collect()
    };
    // Fifty hours have a price every two hours. There is none before the first, and the last one
    // stays valid.
    let all = asked("use1-az1", &[]);
    assert_eq!(all.len(), 25, "{all:?}");
    assert_eq!(all[0], "2026-01-03T00:00:00.000Z 0.502400");
    assert_eq!(all[24], "2026-01-01T00:00:00.000Z 0.500000");
    let late = asked("use1-az1", &[("StartTime", "2026-01-05T00:00:00Z")]);
    assert_eq!(late, all[..1]);
    // A zone without observations has made-up prices.
    let made_up = asked("use1-az2", &[]);
    assert!(made_up.len() > 5 && made_up.iter().all(|row| !row.contains("T01:")), "{made_up:?}");
}

#[test]
fn wrong_arguments_are_reported() {
    let desk = Desk::default();
    let check = |words: &[&str], code: i32, part: &str| {
        let found = sandbox(&desk, words);
        assert_eq!(found.code, code, "{found:?}");
        assert!(found.err.contains(part), "{found:?}");
    };
    check(&["serve", "--frozen", "soon"], 2, "soon");
    check(&["serve", "--scenario", "missing.yaml"], 4, "missing.yaml");
    check(&["serv"], 2, "serve");
    check(&["env", "--url", "http://127.0.0.1:1"], 1, "no sandbox answers");
}

#[test]
fn the_latency_delays_each_answer_and_calls_side_by_side_share_it() {
    let desk = Desk::default();
    let file = desk.home().join("scenario.yaml");
    std::fs::write(&file, "latency_ms: 400\n").unwrap();
    let (_serving, url) = serve_with(&desk, &["--scenario", file.to_str().unwrap()]);
    let caller = Caller::of(&desk, &url);
    let began = std::time::Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| caller.call("ec2", &[("Action", "DescribeVpcs")]).unwrap());
        }
    });
    let took = began.elapsed().as_millis();
    assert!((400..2_400).contains(&took), "eight calls took {took} ms");
    caller.call("ec2", &[("Action", "DescribeSubnets")]).unwrap();
    let shown = sandbox(&desk, &["calls", "--url", &url, "--reset", "-o", "csv"]);
    assert_eq!(shown.out, "call,count\nDescribeSubnets,1\nDescribeVpcs,8\n", "{shown:?}");
    assert!(shown.err.contains("9 calls, at most 2 of them in sequence"), "{shown:?}");
    assert!(sandbox(&desk, &["calls", "--url", &url]).err.contains("0 calls"));
}

#[test]
fn without_a_default_vpc_a_launch_must_name_a_subnet() {
    let desk = Desk::default();
    let file = desk.home().join("scenario.yaml");
    std::fs::write(&file, "default_vpc: false\ntiming: {visible_after: 0s}\n").unwrap();
    let (_serving, url) = serve_with(&desk, &["--scenario", file.to_str().unwrap()]);
    let caller = Caller::of(&desk, &url);
    let launch = |more: &[(&str, &str)]| {
        let image = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64";
        let form = [("Action", "RunInstances"), ("ImageId", image), ("InstanceType", "t3.micro")];
        caller.call("ec2", &[&form[..], &[("MinCount", "1"), ("MaxCount", "1")], more].concat())
    };
    assert_eq!(launch(&[]), Err("VPCIdNotSpecified".to_string()));
    let subnets = caller.call("ec2", &[("Action", "DescribeSubnets")]).unwrap();
    assert!(subnets.contains("<defaultForAz>false</defaultForAz>"), "{subnets}");
    let subnet = text_between(&subnets, "<subnetId>", "</subnetId>").unwrap();
    let launched = launch(&[("SubnetId", &subnet)]).unwrap();
    let id = text_between(&launched, "<instanceId>", "</instanceId>").unwrap();
    let shown = caller.call("ec2", &[("Action", "DescribeInstances"), ("InstanceId.1", &id)]).unwrap();
    assert!(!shown.contains("<ipAddress>"), "only default subnets assign public addresses: {shown}");
}
