//! Tests the sandbox with independent clients: boto3 and the aws CLI from `.tools/clients`, which
//! `cargo xtask setup --tests` installs. Without them each test prints that it was skipped.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use domain::Timestamp;
use sandbox::{RunningSandbox, Sandbox, SandboxOptions, Scenario};

/// No throttling and no quota that a script can reach: table tests and scripted.py cover both.
const SCENARIO: &str = "throttling: false\nquotas: {L-1216C47A: 100000, L-34B43A08: 100000}\n";

#[expect(clippy::disallowed_methods, reason = "the clients sign with the machine's clock")]
fn clock() -> Timestamp {
    Timestamp::now()
}

fn start(scenario: &str) -> RunningSandbox {
    let mut options = SandboxOptions::new(Arc::new(clock));
    options.scenario = Scenario::parse(scenario).expect("a scenario");
    Sandbox::start(options).expect("it starts")
}

fn python(environment: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../.tools").join(environment);
    let path = path.join("bin/python");
    path.exists().then_some(path)
}

/// Runs a script against a sandbox. The script's assertions decide.
fn check(script: &str, scenario: &str) {
    check_with("clients", script, scenario);
}

fn check_with(environment: &str, script: &str, scenario: &str) {
    let Some(python) = python(environment) else {
        eprintln!("skipped: .tools/{environment} is missing; run cargo xtask setup --tests");
        return;
    };
    let running = start(scenario);
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests").join(script);
    let home = tempfile::tempdir().expect("a folder");
    let output = Command::new(python)
        .arg(script)
        .env_clear()
        .env("HOME", home.path())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("AWS_ENDPOINT_URL", &running.url)
        .env("AWS_ACCESS_KEY_ID", &running.access_key)
        .env("AWS_SECRET_ACCESS_KEY", &running.secret)
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .output()
        .expect("python runs");
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
}

#[test]
fn boto3_and_the_aws_cli_parse_every_answer() {
    check("clients.py", SCENARIO);
}

/// The scenario of scripted.py: faults of calls, capacity, quotas and throttling.
const SCRIPTED: &str = "
throttling: true
quotas: {L-1216C47A: 8}
accounts:
  - id: \"000000000002\"
    users: [{name: reader, policies: [{Statement: [{Effect: Allow, Action: 'ec2:Describe*', Resource: '*'}]}]}]
  - {id: \"000000000003\", users: [{name: admin}]}
capacity:
  - {type: m7i.*, zone: use1-az1, available: 0}
  - {type: c7i.large, market: on-demand, available: 1}
  - {type: r7g.large, market: spot, available: 0}
  - {type: t4g.small, available: 0, from: 2200-01-01T00:00:00Z}
  - {type: m7g.large, available: 0, until: 2200-01-01T00:00:00Z}
failures:
  - {call: AllocateAddress, times: 1, how: reply-lost}
  - {call: DescribeVpcs, times: 1, how: {refused: {code: Unavailable}}}
  - {call: DescribeAddresses, skip: 1, times: 1, how: lost}
  - {call: DescribeSubnets, times: 1, how: malformed}
  - {call: DescribeKeyPairs, times: 1, how: {slow: 1s}}
interruptions: [{type: t3.large, after: 10m, rebalance_before: 5m}]
events: [{type: m5.large, code: instance-stop, after: 1h, notice: 24h}]
metrics: [{type: m5.*, metric: CPUUtilization, values: [10, 30]}]
imds:
  - {path: meta-data/ami-id, times: 1, how: {status: 503}}
  - {path: meta-data/instance-type, times: 1, how: lost}
  - {path: meta-data/local-ipv4, times: 1, how: {slow: 1s}}
  - {path: meta-data/hostname, times: 1, how: {wrong-date: -86400}}
  - {path: meta-data/iam/security-credentials/*, times: 1, how: expired-credentials}
timing: {stopping: 90s}
";

/// Short pages: a client that reads only the first page fails.
const READS: &str = "
throttling: false
page: 3
opted_in: [ap-east-1]
quotas: {L-1216C47A: 10000}
metrics: [{type: t3.*, metric: CPUUtilization, values: [10, 30]}]
spot_prices: [{type: m7i.*, part: 0.5}]
";

#[test]
fn a_collector_reads_every_field_and_page() {
    check("reads.py", READS);
}

/// A scheduled event, so that the filters on events have a match.
const FILTERED: &str = "
throttling: false
events: [{type: m5.large, code: instance-stop, after: 1h, notice: 24h}]
";

#[test]
fn every_documented_filter_is_served_or_listed_as_refused() {
    check("filters.py", FILTERED);
}

/// moto comes from `.tools/rival` and runs inside the script's process.
#[test]
fn answers_have_the_same_shapes_as_motos() {
    check_with("rival", "shapes.py", SCENARIO);
}

#[test]
fn every_parameter_of_the_models_may_have_any_value() {
    check("garbage.py", SCENARIO);
}

#[test]
fn every_rule_of_a_scenario_takes_effect() {
    check("scripted.py", SCRIPTED);
}
