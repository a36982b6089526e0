//! The real spawnd on an instance of the sandbox. EC2's states and CloudTrail's events confirm its
//! actions, and its role allows no others.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use domain::Timestamp;
use serde_json::{Value, json};
use tests::{Desk, Ran, executable_path, run_command};

use crate::caller::{Caller, advance_clock, agent, call_control, now, read};
use crate::requested_datasets::hours_ago;
use crate::sandbox::{Serving, sandbox, serve_with};
use crate::snapshot::query_csv;

/// How many times faster than the machine's time the daemon's time and the sandbox's clock run.
const PACE: f64 = 240.0;
/// Seconds of the daemon's time after which a test fails.
const PATIENCE: f64 = 7_200.0;
const AMI: &str = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64";
pub(crate) const TRUST: &str = r#"{"Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

/// Returns the seconds since the machine started.
fn uptime() -> f64 {
    let text = std::fs::read_to_string("/proc/uptime").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

/// An instance of the sandbox. spawnd runs on it, in a folder that stands for its disk.
struct Instance {
    id: String,
    /// The other instance of the same launch, without a daemon.
    other: String,
    metadata: String,
    admin: Caller,
    /// The daemon's start, by the sandbox's clock and by the machine's uptime.
    began: (Timestamp, f64),
    disk: tempfile::TempDir,
    daemon: Child,
    _serving: Serving,
    desk: Desk,
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

impl Instance {
    /// Launches two instances with spawnd's role. Their deadline tag ends `until` after the launch.
    fn launch(market: &str, terms: &str, until: jiff::SignedDuration) -> Instance {
        Instance::launch_at("2026-11-23T00:00:00Z", market, terms, until)
    }

    /// Launches them at another instant.
    fn launch_at(instant: &str, market: &str, terms: &str, until: jiff::SignedDuration) -> Instance {
        let desk = Desk::default();
        let (serving, url) = serve_with(&desk, &["--frozen", instant]);
        let admin = Caller::of(&desk, &url);
        let policy =
            Command::new(executable_path("spawnd")).args(["policy", "000000000001"]).output().unwrap();
        let policy = String::from_utf8(policy.stdout).unwrap();
        let iam = |form: &[(&str, &str)]| admin.call("iam", form).unwrap();
        let role = ("RoleName", "spawnd");
        iam(&[("Action", "CreateRole"), role, ("AssumeRolePolicyDocument", TRUST)]);
        iam(&[("Action", "PutRolePolicy"), role, ("PolicyName", "self"), ("PolicyDocument", &policy)]);
        iam(&[("Action", "CreateInstanceProfile"), ("InstanceProfileName", "spawnd")]);
        iam(&[("Action", "AddRoleToInstanceProfile"), ("InstanceProfileName", "spawnd"), role]);
        advance_clock(&url, 60);
        let end = (now(&url) + jiff::SignedDuration::from_mins(1) + until).strftime("%Y-%m-%dT%H:%M:%SZ");
        let expiry = format!("v1;running;until={end};gen=1");
        let mut form = vec![
            ("Action", "RunInstances"),
            ("ImageId", AMI),
            ("InstanceType", "t3.micro"),
            ("MinCount", "2"),
            ("MaxCount", "2"),
            ("IamInstanceProfile.Name", "spawnd"),
            ("MetadataOptions.HttpTokens", "required"),
            ("MetadataOptions.HttpPutResponseHopLimit", "1"),
            ("MetadataOptions.InstanceMetadataTags", "enabled"),
            ("TagSpecification.1.ResourceType", "instance"),
            ("TagSpecification.1.Tag.1.Key", "spawn:managed"),
            ("TagSpecification.1.Tag.1.Value", "true"),
            ("TagSpecification.1.Tag.2.Key", "spawn:expiry"),
            ("TagSpecification.1.Tag.2.Value", &expiry),
        ];
        if market == "spot" {
            form.push(("InstanceMarketOptions.MarketType", "spot"));
        }
        let launched = admin.call("ec2", &form).unwrap();
        let mut ids = launched.split("<instanceId>").skip(1).map(|part| part.split('<').next().unwrap());
        let (id, other) = (ids.next().unwrap().to_string(), ids.next().unwrap().to_string());
        advance_clock(&url, 60);
        let metadata =
            call_control(&url, "imds", &json!({ "instance": id }))["url"].as_str().unwrap().to_string();
        let disk = make_disk(terms);
        let began = (now(&url), uptime());
        let log = std::fs::File::create(disk.path().join("log")).unwrap();
        let daemon = Command::new(executable_path("spawnd"))
            .arg("--root")
            .arg(disk.path())
            .args(["daemon", "--sandbox", &metadata, "--pace", &format!("{PACE}@{}", began.1)])
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Instance { id, other, metadata, admin, began, disk, daemon, _serving: serving, desk }
    }

    fn file(&self, path: &str) -> String {
        std::fs::read_to_string(self.disk.path().join(path)).unwrap_or_default()
    }

    /// Advances the sandbox's clock at the daemon's pace until a condition is true. Returns its
    /// time then.
    fn wait_until(&self, holds: impl Fn() -> bool) -> Timestamp {
        loop {
            let passed = (uptime() - self.began.1) * PACE;
            let then = self.began.0 + jiff::SignedDuration::from_secs_f64(passed);
            if now(&self.admin.url) < then {
                call_control(&self.admin.url, "clock", &json!({ "until": then }));
            }
            if holds() {
                return now(&self.admin.url);
            }
            assert!(passed < PATIENCE, "timeout: {}", self.file("log"));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Runs the collector against the sandbox.
    fn collector(&self, words: &[&str]) -> Ran {
        let variables = sandbox(&self.desk, &["env", "--url", &self.admin.url]).expect_success();
        let pair = |line: &str| {
            let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
            Some((name.to_string(), value.trim_matches('\'').to_string()))
        };
        let mut command = self.desk.command("collector", words);
        run_command(command.envs(variables.lines().filter_map(pair)))
    }

    /// Returns a caller with the keys that the metadata service gives to the instance's role.
    fn role_caller(&self) -> Caller {
        let latest = format!("{}/latest", self.metadata);
        let put = agent().put(format!("{latest}/api/token"));
        let put = put.header("x-aws-ec2-metadata-token-ttl-seconds", "60");
        let (_, token) = read(put.send_empty().unwrap());
        let get = |path: &str| {
            let asked = agent().get(format!("{latest}/meta-data/iam/security-credentials/{path}"));
            read(asked.header("x-aws-ec2-metadata-token", &token).call().unwrap()).1
        };
        let held: Value = serde_json::from_str(&get(&get(""))).unwrap();
        let text = |name: &str| held[name].as_str().unwrap().to_string();
        let url = self.admin.url.clone();
        Caller { url, key: text("AccessKeyId"), secret: text("SecretAccessKey"), token: Some(text("Token")) }
    }
}

/// Makes the files of an idle machine.
fn make_disk(terms: &str) -> tempfile::TempDir {
    let disk = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| -> PathBuf {
        let path = disk.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    };
    write("proc/stat", "cpu  0 0 0 0 0 0 0 0 0 0\nintr 1\nctxt 2\nbtime 3\nprocesses 4\n");
    write("proc/net/dev", "h\nh\n");
    write("proc/net/tcp", "h\n");
    write("proc/diskstats", "");
    write("proc/sys/kernel/random/boot_id", "boot-1\n");
    write("etc/spawn/terms.json", terms);
    let systemctl = write("usr/bin/systemctl", "#!/bin/sh\nexit 0\n");
    std::fs::set_permissions(systemctl, PermissionsExt::from_mode(0o755)).unwrap();
    disk
}

#[test]
fn at_its_deadline_the_instance_terminates_itself_and_nothing_else() {
    // The terms file allows eight hours. The tag, read from the metadata service, allows half an
    // hour.
    let half_an_hour = jiff::SignedDuration::from_mins(30);
    let terms = r#"{"budget":"8h","on-expiry":"terminate"}"#;
    let instance = Instance::launch("on-demand", terms, half_an_hour);
    let admin = &instance.admin;
    let saved = "var/lib/spawn/state.json";
    instance.wait_until(|| !instance.file(saved).is_empty());
    assert_eq!(admin.state(&instance.id).0, "running");

    // The role can end its own instance only.
    let role = instance.role_caller();
    let end = |id: &str| {
        role.call("ec2", &[("Action", "TerminateInstances"), ("InstanceId.1", id), ("DryRun", "true")])
    };
    assert_eq!(end(&instance.id), Err("DryRunOperation".to_string()));
    assert_eq!(end(&instance.other), Err("UnauthorizedOperation".to_string()));
    assert_eq!(
        role.call("ec2", &[("Action", "DescribeInstances")]),
        Err("UnauthorizedOperation".to_string())
    );

    let ended = instance.wait_until(|| admin.state(&instance.id).0 != "running");
    assert!(
        ended >= instance.began.0 + half_an_hour,
        "ended too early, at {ended}: {}",
        instance.file("log")
    );
    instance.wait_until(|| admin.state(&instance.id).0 == "terminated");
    assert_eq!(admin.state(&instance.id).1, "Client.UserInitiatedShutdown");
    assert_eq!(admin.state(&instance.other).0, "running");
    assert!(instance.file("run/spawn/notice").contains("this instance will terminate in"));

    // Two of the three calls are the dry runs above, which have an error code. The instance made
    // the third.
    let events = admin.cloudtrail_events("TerminateInstances");
    let records = events.as_array().unwrap().iter().map(|event| event["CloudTrailEvent"].as_str().unwrap());
    let records: Vec<Value> = records.map(|text| serde_json::from_str(text).unwrap()).collect();
    let done: Vec<&Value> = records.iter().filter(|record| record["errorCode"].is_null()).collect();
    assert_eq!((records.len(), done.len()), (3, 1), "{events}");
    let who = done[0]["userIdentity"]["arn"].as_str().unwrap();
    assert!(who.ends_with(&format!(":assumed-role/spawnd/{}", instance.id)), "{who}");
    assert!(done[0]["eventTime"].as_str().unwrap().parse::<Timestamp>().unwrap() <= ended);
}

#[test]
fn a_spot_notice_of_the_sandbox_reaches_the_daemon() {
    let terms = r#"{"budget":"8h","on-expiry":"terminate","market":"spot"}"#;
    let instance = Instance::launch("spot", terms, jiff::SignedDuration::from_hours(8));
    instance.wait_until(|| !instance.file("var/lib/spawn/state.json").is_empty());
    assert!(!instance.file("log").contains("reclaims this spot instance"));
    sandbox(&instance.desk, &["interrupt", &instance.id, "--url", &instance.admin.url]).expect_success();
    // The notice is in the log first, and then in the file for the instance's users.
    instance.wait_until(|| instance.file("log").contains("reclaims this spot instance"));
    instance.wait_until(|| instance.file("run/spawn/notice").contains("reclaims this spot instance"));
    instance.wait_until(|| instance.admin.state(&instance.id).0 == "terminated");
    assert_eq!(instance.admin.state(&instance.id).1, "Server.SpotInstanceTermination");
    assert_eq!(instance.admin.state(&instance.other).0, "running");
}

#[test]
fn a_heartbeat_becomes_utilization_rows_once() {
    let terms = r#"{"budget":"8h","on-expiry":"stop"}"#;
    let mut instance =
        Instance::launch_at(&hours_ago(1), "on-demand", terms, jiff::SignedDuration::from_hours(8));
    instance.wait_until(|| !instance.file("var/lib/spawn/state.json").is_empty());
    // Since the daemon's first sample the processors were busy for a quarter of the time. No device
    // counts bytes.
    let stat = "cpu  250 0 0 750 0 0 0 0 0 0\nintr 1\nctxt 2\nbtime 3\nprocesses 4\n";
    std::fs::write(instance.disk.path().join("proc/stat"), stat).unwrap();
    instance.wait_until(|| {
        let wanted = [("Action", "DescribeInstances"), ("InstanceId.1", instance.id.as_str())];
        instance.admin.call("ec2", &wanted).unwrap().contains("<key>spawn:heartbeat</key>")
    });
    // Another heartbeat would report counters that stand still.
    instance.daemon.kill().unwrap();
    let (admin, desk) = (&instance.admin, &instance.desk);
    let garbled = [("Tag.1.Key", "spawn:heartbeat"), ("Tag.1.Value", "v1;at=soon")];
    let tag = [("Action", "CreateTags"), ("ResourceId.1", instance.other.as_str())];
    admin.call("ec2", &[&tag[..], &garbled[..]].concat()).unwrap();
    // The collector signs with this machine's time.
    call_control(&admin.url, "clock", &json!({ "until": hours_ago(0) }));

    let words = ["snapshot", "instance", "--region", "us-east-1,eu-west-1", "-o", "csv"];
    let told = instance.collector(&words).expect_success();
    assert!(told.contains("instance,000000000001/us-east-1,complete,2,2,"), "{told}");
    // Two rows: the processors and the idle time.
    assert!(told.contains("utilization,000000000001/us-east-1,partial,2,2,"), "{told}");
    assert!(told.contains(&format!("the heartbeat of {} cannot be read", instance.other)), "{told}");
    assert!(!told.contains("utilization,000000000001/eu-west-1"), "{told}");
    let found = "SELECT instance_id, metric, unit, statistic, value, source, period_seconds BETWEEN 900 AND 1000 AS quarter
        FROM utilization_history ORDER BY metric";
    let rows = query_csv(desk, found);
    let lines: Vec<&str> = rows.lines().collect();
    assert_eq!(lines.len(), 3, "{rows}");
    assert_eq!(lines[1], format!("{},cpu,percent,average,25.0,spawnd,true", instance.id));
    assert!(lines[2].starts_with(&format!("{},idle,seconds,last,", instance.id)), "{rows}");
    // The heartbeat that was read is not stored as a tag; the unreadable one is.
    let tags = "SELECT count(*) AS n FROM instance WHERE contains(tags, 'spawn:heartbeat')";
    assert_eq!(query_csv(desk, tags), "n\n1\n");

    let again = instance.collector(&words).expect_success();
    assert!(again.contains("instance,000000000001/us-east-1,unchanged,2,0,0,"), "{again}");
    assert!(again.contains("utilization,000000000001/us-east-1,partial,2,0,0,"), "{again}");
    assert_eq!(query_csv(desk, found), rows);

    // CloudWatch's figures are stored beside the heartbeat's, which do not shorten the requested
    // period.
    let measured =
        instance.collector(&["snapshot", "instance", "utilization", "--region", "us-east-1", "-q"]);
    assert_eq!(measured.code, 0, "{measured:?}");
    let since = "SELECT count(*) AS n FROM collection_run WHERE dataset = 'utilization' AND source LIKE '%GetMetricData%'";
    assert_eq!(query_csv(desk, since), "n\n1\n");
    let words = [
        "query",
        "instance/utilization",
        "--as-of",
        "2100-01-01",
        "--param",
        "days=40000",
        "-o",
        "csv",
        "-q",
    ];
    let asked = desk.truffle(&words).expect_success();
    let busy = asked.lines().find(|line| line.contains(",spawnd,")).unwrap_or_else(|| panic!("{asked}"));
    // Instance, type, average and maximum percent of the processors.
    let cells: Vec<&str> = busy.split(',').collect();
    assert_eq!(
        (cells[0], cells[2], cells[7], cells[8]),
        (instance.id.as_str(), "t3.micro", "25.0", ""),
        "{asked}"
    );

    // `forget` removes the rows with the account.
    desk.collector(&["forget", "--account", "000000000001"]).expect_success();
    assert_eq!(query_csv(desk, "SELECT count(*) AS n FROM utilization_history"), "n\n0\n");
}
