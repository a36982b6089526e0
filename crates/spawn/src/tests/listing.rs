//! `spawn list`, `spawn status` and the cache of names.

use super::*;
use crate::cached_names;
use fleet::instance::NAME_TAG;

const HEARTBEAT: &str = "v1;at=2026-11-23T11:55:00Z;over=900;cpu=12.50;network-in=1048576;network-out=2048;\
                         disk=unseen;gpu=none;gpu-memory=none;idle=2026-11-23T11:30:00Z";

/// A running instance with a name and one hour left, which was never started again.
fn named(id: &str, name: &str) -> InstanceView {
    change(instance(id, -1), |it| drop(it.tags.insert(NAME_TAG.into(), name.into())))
}

fn with_tag(seen: InstanceView, key: &str, value: &str) -> InstanceView {
    change(seen, |it| drop(it.tags.insert(key.into(), value.into())))
}

fn list(cloud: &MemoryFleet, words: &[&str]) -> SpawnRun {
    SpawnHome::new().spawn(&faulty(cloud, &[]), &[&["list"], words].concat())
}

/// Returns the cells of one column.
fn column(cloud: &MemoryFleet, words: &[&str], name: &str) -> Vec<String> {
    let out = list(cloud, &[words, &["--columns", name]].concat()).good();
    out.lines().skip(1).map(String::from).collect()
}

#[test]
fn costs_are_those_of_the_running_time_and_of_the_time_left() {
    let cloud = memory();
    cloud.add(instance("i-running", -1));
    cloud.add(change(instance("i-elsewhere", -1), |it| it.region = "eu-west-1".into()));
    let spot = InstanceSpotRequest { request: "sir-1".into(), persistent: Known::Is(false) };
    cloud.add(change(instance("i-spot", -1), |it| it.spot = Some(spot)));
    cloud.add(change(instance("i-windows", -1), |it| it.details.platform = Some("Windows".into())));
    let cells = "instance_id,price_per_hour,currency,cost_so_far,cost_at_bound,cost_is_complete,market";
    let told = list(&cloud, &["--columns", cells]);
    assert!(told.err.contains("costs: on-demand prices, 3 days old"), "{}", told.err);
    let out = told.good();
    for expected in [
        "i-running,0.0104,USD,0.208,0.2184,true,on-demand\n",
        "i-elsewhere,,,,,,on-demand\n",
        "i-spot,,,,,,spot\n",
        "i-windows,,,,,,on-demand\n",
    ] {
        assert!(out.contains(expected), "{expected}: {out}");
    }
}

#[test]
fn an_idle_instance_shows_since_when_and_a_silent_one_nothing() {
    let cloud = memory();
    cloud.add(with_tag(instance("i-1", -1), tag::HEARTBEAT, HEARTBEAT));
    cloud.add(instance("i-2", -1));
    // The heartbeat is of the time before the last start.
    let again = |it: &mut InstanceView| it.launched = Known::Is(noon() - SignedDuration::from_mins(2));
    cloud.add(change(with_tag(instance("i-3", -1), tag::HEARTBEAT, HEARTBEAT), again));
    cloud.add(with_tag(instance("i-4", -1), tag::HEARTBEAT, "soon"));
    let cells = column(&cloud, &[], "instance_id,idle_since,heartbeat_at");
    let expected = ["i-1,2026-11-23T11:30:00Z,2026-11-23T11:55:00Z", "i-2,,", "i-3,,", "i-4,,"];
    assert_eq!(cells, expected);
}

#[test]
fn the_version_of_spawnd_comes_from_its_own_tag() {
    let cloud = memory();
    let seen = "v1;version=0.1.0;gen=1;at=2026-11-23T11:00:00Z";
    cloud.add(with_tag(instance("i-1", -1), tag::SEEN, seen));
    cloud.add(with_tag(instance("i-2", -1), tag::SEEN, "v2"));
    cloud.add(instance("i-3", -1));
    assert_eq!(column(&cloud, &[], "instance_id,spawnd"), ["i-1,0.1.0", "i-2,", "i-3,"]);
}

#[test]
fn an_unread_region_is_a_row_with_the_reason_and_a_failure() {
    let cloud = memory();
    cloud.add(instance("i-1", -1));
    let blind = FaultyInstances { unread: vec!["eu-west-1".into()], ..faulty(&cloud, &[]) };
    let told = SpawnHome::new().spawn(&blind, &["list", "--columns", "instance_id,region,state,reason"]);
    assert_eq!(told.failed(), "eu-west-1 could not be queried");
    assert!(told.out.contains("i-1,us-east-1,running,\n"), "{}", told.out);
    assert!(told.out.contains(",eu-west-1,unread,no answer in time\n"), "{}", told.out);
    // Without any instance the row is there too, because the region may have some.
    let empty = memory();
    let blind = FaultyInstances { unread: vec!["eu-west-1".into()], ..faulty(&empty, &[]) };
    let told = SpawnHome::new().spawn(&blind, &["list"]);
    assert!(told.out.contains(",eu-west-1,unread,"), "{}", told.out);
    assert_eq!(told.failed(), "eu-west-1 could not be queried");
}

#[test]
fn filters_select_by_state_tag_and_owner() {
    let cloud = memory();
    cloud.add(with_tag(instance("i-1", -1), "project", "ml"));
    cloud
        .add(change(with_tag(instance("i-2", -1), "project", "web"), |it| it.state = InstanceState::Stopped));
    cloud.add(with_tag(instance("i-3", -1), tag::OWNER, &ME.replace("alice", "bob")));
    cloud.add(change(instance("i-4", -1), |it| it.state = InstanceState::Terminated));
    let check = |words: &[&str], expected: &[&str]| {
        assert_eq!(column(&cloud, words, "instance_id"), expected, "{words:?}");
    };
    check(&[], &["i-1", "i-2", "i-3"]);
    check(&["--state", "stopped"], &["i-2"]);
    check(&["--state", "running,terminated"], &["i-1", "i-3", "i-4"]);
    check(&["--tag", "project"], &["i-1", "i-2"]);
    check(&["--tag", "project=ml"], &["i-1"]);
    check(&["--tag", "project", "--state", "stopped"], &["i-2"]);
    check(&["--mine"], &["i-1", "i-2"]);
    let told = list(&cloud, &["--tag", "project=none"]);
    assert!(told.err.contains("no match: the 3 instances of spawn in 2 regions have other"), "{}", told.err);
    assert_eq!(told.ended, Ok(Exit::NothingMatched));
    let wrong = list(&cloud, &["--state", "runing"]);
    assert_eq!(wrong.failed(), "--state \"runing\" is not a state; the closest match is running");
    assert_eq!(list(&cloud, &["--tag", "=ml"]).failed(), "--tag \"=ml\" has no key");
}

#[test]
fn a_watch_needs_a_table_and_a_span() {
    let cloud = memory();
    // The tests print CSV.
    assert_eq!(list(&cloud, &["--watch"]).failed(), "--watch shows a table, not csv");
}

#[test]
fn a_table_is_shown_again_until_its_reader_leaves() {
    let cloud = memory();
    cloud.add(named("i-1", "try"));
    let before = cloud.now();
    let told = SpawnHome::new().spawn_table(&faulty(&cloud, &[]), &["list", "--watch=30s"], Some(3));
    assert!(told.ended.as_ref().is_err_and(Failure::is_broken_pipe), "{:?}", told.ended);
    assert_eq!(told.out.matches("i-1").count(), 3, "{}", told.out);
    assert!(told.out.contains(" 1h ") && told.out.contains(" 59m "), "{}", told.out);
    assert_eq!(cloud.now(), before + SignedDuration::from_secs(90));
    let wrong = SpawnHome::new().spawn_table(&faulty(&cloud, &[]), &["list", "--watch=soon"], None);
    assert!(wrong.failed().starts_with("--watch \"soon\" is not a span"), "{}", wrong.failed());
}

#[test]
fn the_table_has_the_time_left_the_cost_and_the_state_in_words() {
    let cloud = memory();
    cloud.add(with_tag(named("i-1", "try"), tag::HEARTBEAT, HEARTBEAT));
    let disk = AttachedDisk { volume: "vol-1".into(), stays: false };
    cloud.add(change(named("i-2", "two"), |it| it.disks = vec![disk]));
    cloud.add(change(instance("i-3", -5), |it| {
        it.state = InstanceState::Stopped;
        it.stopped = Some(noon() - SignedDuration::from_hours(1));
    }));
    cloud.add(change(instance("i-4", 2), |it| drop(it.tags.remove(tag::EXPIRY))));
    let table = SpawnHome::new().spawn_table(&faulty(&cloud, &[]), &["list"], None).good();
    let line = |id: &str| {
        let line = table.lines().find(|line| line.contains(id)).expect(&table);
        line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect::<Vec<_>>().join("|")
    };
    assert_eq!(line("i-1"), "try|i-1|t3.micro|us-east-1|running, idle 30m, no spawnd|1h|$0.21 → $0.22|-");
    assert_eq!(line("i-2"), "two|i-2|t3.micro|us-east-1|running, no spawnd|1h|≥ $0.21 → $0.22|-");
    assert_eq!(line("i-3"), "-|i-3|t3.micro|us-east-1|stopped|paused, 6h left|$0.20 → $0.26|-");
    assert_eq!(line("i-4"), "-|i-4|t3.micro|us-east-1|running, no spawnd|no tag bounds its life|$0.21 → ?|-");
    assert!(table.contains("Cost (so far → at the bound)"), "{table}");
}

#[test]
fn status_shows_the_facts_of_the_named_instances_alone() {
    let cloud = memory();
    cloud.add(with_tag(named("i-1", "try"), tag::HEARTBEAT, HEARTBEAT));
    cloud.add(named("i-2", "other"));
    let told = SpawnHome::new().spawn_table(&faulty(&cloud, &[]), &["status", "try"], None).good();
    for expected in
        ["Instance", "i-1", "running, idle 30m, no spawnd", "$0.21 → $0.22", "0.0104 USD per hour"]
    {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    assert!(!told.contains("i-2") && !told.contains("Why"), "{told}");
    let missing = SpawnHome::new().spawn(&faulty(&cloud, &[]), &["status", "trx"]);
    assert_eq!(missing.failed(), "spawn launched no instance \"trx\"; the closest match is try");
}

#[test]
fn without_a_way_in_the_heartbeat_explains() {
    let cloud = memory();
    cloud.add(change(with_tag(named("i-1", "try"), tag::HEARTBEAT, HEARTBEAT), |it| {
        it.state = InstanceState::Stopped;
        it.stopped = Some(noon());
    }));
    let told = SpawnHome::new().spawn_table(&faulty(&cloud, &[]), &["status", "try", "--why"], None).good();
    for expected in [
        "spawnd was not reached: it is stopped",
        "nothing has counted as work since 2026-11-23T11:30:00Z",
        "cpu: 12.5 % in 15m",
    ] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
}

#[test]
fn names_are_cached_by_region_and_terminated_instances_are_forgotten() {
    let cloud = memory();
    cloud.add(named("i-1", "try"));
    cloud.add(change(named("i-2", "paris"), |it| it.region = "eu-west-1".into()));
    cloud.add(named("i-3", "$(reboot)"));
    cloud.add(change(named("i-4", "foreign"), |it| drop(it.tags.remove(tag::MANAGED))));
    let desk = SpawnHome::new();
    let words = || -> Vec<String> {
        cached_names(&desk.0.path().join(".cache/mycelium"), cloud.now())
            .into_iter()
            .map(|one| one.word)
            .collect()
    };
    assert!(words().is_empty());
    desk.spawn(&faulty(&cloud, &[]), &["list"]).good();
    assert_eq!(words(), ["paris", "i-2", "try", "i-1", "i-3"]);
    let names = cached_names(&desk.0.path().join(".cache/mycelium"), noon() + SignedDuration::from_mins(5));
    assert_eq!(names[2].help, "t3.micro in us-east-1, running 5m ago");
    cloud.change("i-1", |it| it.state = InstanceState::ShuttingDown);
    desk.spawn(&faulty(&cloud, &[]), &["status", "i-3", "--region", "us-east-1"]).good();
    assert_eq!(words(), ["paris", "i-2", "i-3"]);
    // A region that was not read keeps its names.
    cloud.change("i-2", |it| it.state = InstanceState::Terminated);
    let blind = FaultyInstances { unread: vec!["eu-west-1".into()], ..faulty(&cloud, &[]) };
    assert!(desk.spawn(&blind, &["list"]).ended.is_err());
    assert_eq!(words(), ["paris", "i-2", "i-3"]);
}

#[test]
fn a_doctor_names_the_cure_of_each_problem() {
    let cloud = memory();
    cloud.set_quota("L-1216C47A", 256.0);
    cloud.set_quota("L-DB2E81BA", 0.0);
    let told = SpawnHome::new().spawn(&faulty(&cloud, &[]), &["doctor"]);
    // This machine has no programs.
    assert_eq!(told.failed().split(' ').next(), Some("1"), "{}", told.out);
    for expected in [
        "credentials,ok,",
        "clock,ok,",
        "region,ok,us-east-1",
        "default VPC,ok,",
        "quota,ok,256 vCPUs on demand (L-1216C47A),",
        "GPU quota,warning,",
        "--quota-code L-DB2E81BA --desired-value 4",
        "ssh,failed,it is not installed,sudo apt-get install openssh-client",
        "session-manager-plugin,warning,it is not installed,",
        "spawnd files,warning,",
    ] {
        assert!(told.out.contains(expected), "{expected}: {}", told.out);
    }
    assert!(cloud.all().is_empty());
    let expired = FaultyAccount("the token has expired".into());
    let told = SpawnHome::new().spawn_as(&expired, &faulty(&cloud, &[]), &["doctor"]);
    assert!(told.out.contains("credentials,failed,the token has expired,"), "{}", told.out);
    assert!(told.failed().starts_with("2 of "), "{}", told.failed());
}

#[test]
fn list_shows_time_left_and_the_reason_of_unknown_deadlines() {
    let cloud = memory();
    cloud.add(instance("i-within", -1));
    cloud.add(instance("i-over", 2));
    cloud.add(change(instance("i-garbled", 2), |it| drop(it.tags.insert(tag::EXPIRY.into(), "soon".into()))));
    cloud.add(change(instance("i-paused", 2), |it| it.state = InstanceState::Stopped));
    cloud.add(change(instance("i-unbounded", 2), |it| drop(it.tags.remove(tag::EXPIRY))));
    cloud.add(change(instance("i-gone", 2), |it| it.state = InstanceState::Terminated));
    cloud.add(change(instance("i-ending", -1), |it| it.state = InstanceState::ShuttingDown));
    cloud.add(change(instance("i-foreign", 2), |it| it.tags.clear()));
    let told = SpawnHome::new().spawn(&faulty(&cloud, &[]), &["list"]);
    assert!(told.err.contains("1 more were not launched by spawn"), "{}", told.err);
    let out = told.good();
    for expected in [
        "i-within,,t3.micro,us-east-1,running,arn:aws:iam::111122223333:user/alice,2026-11-22T16:00:00Z,20h,2026-11-23T13:00:00Z,1h,spawn:expiry",
        "2026-11-23T10:00:00Z,over for 2h,spawn:expiry",
        ",,,\"tag spawn:expiry is \"\"soon\"\", expected",
        "i-paused,,t3.micro,us-east-1,stopped,arn:aws:iam::111122223333:user/alice,2026-11-22T16:00:00Z,20h,,,paused while it is stopped",
        ",,,no tag bounds its life",
        "i-ending,,t3.micro,us-east-1,shutting-down,arn:aws:iam::111122223333:user/alice,2026-11-22T16:00:00Z,20h,,,ending",
    ] {
        assert!(out.contains(expected), "{expected}: {out}");
    }
    assert_eq!(out.lines().count(), 7, "{out}");
    let table = SpawnHome::new().spawn_table(&faulty(&cloud, &[]), &["list", "--state", "terminated"], None);
    assert!(table.good().contains("terminated  ended"));
    assert_eq!(SpawnHome::new().spawn(&faulty(&memory(), &[]), &["list"]).ended, Ok(Exit::NothingMatched));
    let blind = faulty(&cloud, &[]);
    blind.blind.set(1);
    assert_eq!(SpawnHome::new().spawn(&blind, &["list"]).failed(), "2 regions could not be queried");
    let unknown = SpawnHome::new().spawn(&faulty(&cloud, &[]), &["list", "--region", "us-east-2"]);
    assert!(unknown.failed().contains("the closest match is us-east-1"), "{}", unknown.failed());
}

#[test]
fn list_describes_its_columns_without_a_query() {
    let cloud = memory();
    let blind = faulty(&cloud, &[]);
    blind.blind.set(1);
    let told = SpawnHome::new().spawn(&blind, &["list", "--columns", "help"]);
    let out = told.good();
    assert!(out.starts_with("column,header,by_default\ninstance_id,Instance ID,yes\n"), "{out}");
    assert!(
        out.contains("launched_at,Launched at,no\n") && out.contains("time_left,Time left,yes\n"),
        "{out}"
    );
    assert_eq!(out.lines().filter(|line| line.ends_with(",yes")).count(), DEFAULT_COLUMNS, "{out}");
}

/// Columns that a table has by default.
const DEFAULT_COLUMNS: usize = 8;
