//! Whole commands against an EC2 in memory.

#![allow(clippy::disallowed_methods, reason = "tests look at the journal")]

mod bucket_delivery;
mod launch_choice_tests;
mod launching;
mod listing;
mod power;
mod provisioning_tests;
mod traces;

use std::cell::RefCell;
use std::io::Write;
use std::rc::Rc;

use catalog::rows::OnDemandPriceRow;
use catalog::testing::{FailingEncode, MemoryAsk};
use catalog::{Page, QuestionRow, Value};
use clap::Parser;
use console::{CommonFlags, Exit, Failure, OutputFormat, Printer, Screen, Settings, SettingsSources};
use domain::{Known, Timestamp};
use fleet::instance::{AttachedDisk, InstanceSpotRequest, InstanceState, InstanceView};
use fleet::ports::{
    Account, CallerAccount, FaultyAccount, FaultyInstances, FixedAddress, LaunchFault, MemoryAccess,
    MemoryFleet, MemoryProvisions,
};
use fleet::remains::RemainingResource;
use jiff::SignedDuration;
use lifecycle::EndAction;
use lifecycle::tag::{self, BudgetIntent, ExpiryTag, OnExpiryTag};

use crate::process::testing::{AnsweredPrograms, not_installed};
use crate::{Ports, ProcessCommand, ProcessOutput, SpawnArgs, SpawnSources, run};

const ME: &str = "arn:aws:iam::111122223333:user/alice";

fn noon() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

fn memory() -> MemoryFleet {
    MemoryFleet::new(CallerAccount { account: "111122223333".into(), arn: ME.into(), now: noon() })
}

fn faulty<'a>(cloud: &'a MemoryFleet, runs: &[LaunchFault]) -> FaultyInstances<'a> {
    FaultyInstances { runs: RefCell::new(runs.iter().copied().collect()), ..FaultyInstances::new(cloud) }
}

/// An instance with a deadline `hours` ago and the action terminate.
fn instance(id: &str, hours: i64) -> InstanceView {
    let until = noon() - SignedDuration::from_hours(hours);
    let on_expiry = OnExpiryTag { action: EndAction::Terminate, grace: SignedDuration::from_mins(5) };
    let tags = [
        (tag::MANAGED, tag::YES.to_string()),
        (tag::OWNER, ME.to_string()),
        (tag::EXPIRY, ExpiryTag { intent: BudgetIntent::Running(until), generation: 1 }.encode()),
        (tag::ON_EXPIRY, on_expiry.encode()),
    ];
    let tags = tags.map(|(key, value)| (key.to_string(), value)).into();
    InstanceView { tags, ..MemoryFleet::instance(id, noon() - SignedDuration::from_hours(20)) }
}

/// A warehouse with one price: t3.micro in us-east-1 costs $0.0104 per hour, as of three days ago.
fn priced() -> MemoryAsk {
    MemoryAsk::default().answer("price/current", |given| {
        let is_linux = given.contains(&("os".to_string(), Value::Text("linux".to_string())));
        let price = Value::Decimal(domain::Decimal::new(104, 4));
        let observed = Value::Timestamp(noon() - SignedDuration::from_hours(72));
        let row = vec![
            "t3.micro".into(),
            "us-east-1".into(),
            price,
            "USD".into(),
            observed,
            "test".into(),
            "listed".into(),
        ];
        Page { fields: OnDemandPriceRow::fields(), rows: if is_linux { vec![row] } else { vec![] } }
    })
}

#[derive(Clone, Default)]
struct SpawnOutput {
    bytes: Rc<RefCell<Vec<u8>>>,
    /// After how many writes the reader leaves; none if it stays.
    reads: Option<usize>,
}

impl Write for SpawnOutput {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match &mut self.reads {
            Some(0) => return Err(std::io::ErrorKind::BrokenPipe.into()),
            Some(reads) => *reads -= 1,
            None => {}
        }
        self.bytes.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl SpawnOutput {
    fn text(&self) -> String {
        String::from_utf8(self.bytes.borrow().clone()).unwrap()
    }
}

/// The output, messages and result of a command.
struct SpawnRun {
    out: String,
    err: String,
    ended: Result<Exit, Failure>,
}

impl SpawnRun {
    #[track_caller]
    fn good(self) -> String {
        assert_eq!(self.ended, Ok(Exit::Done), "{}", self.err);
        self.out
    }

    #[track_caller]
    fn needs_person(self) -> String {
        assert_eq!(self.ended, Ok(Exit::PersonNeeded), "{}", self.err);
        self.out
    }

    #[track_caller]
    fn failed(&self) -> &str {
        &self.ended.as_ref().expect_err(&self.out).message
    }
}

/// A user with a home folder, and with the setting `owner`, if any.
struct SpawnHome(tempfile::TempDir, Option<String>);

impl SpawnHome {
    fn new() -> SpawnHome {
        SpawnHome(tempfile::tempdir().unwrap(), None)
    }

    fn spawn(&self, cloud: &FaultyInstances<'_>, words: &[&str]) -> SpawnRun {
        self.spawn_as(cloud.fleet, cloud, words)
    }

    fn spawn_as(&self, account: &dyn Account, cloud: &FaultyInstances<'_>, words: &[&str]) -> SpawnRun {
        self.run(account, cloud, words, (OutputFormat::Csv, None))
    }

    /// Runs a command that prints tables. Its reader leaves after this many of them.
    fn spawn_table(&self, cloud: &FaultyInstances<'_>, words: &[&str], tables: Option<usize>) -> SpawnRun {
        self.run(cloud.fleet, cloud, words, (OutputFormat::Table, tables))
    }

    fn run(
        &self,
        account: &dyn Account,
        cloud: &FaultyInstances<'_>,
        words: &[&str],
        printed: (OutputFormat, Option<usize>),
    ) -> SpawnRun {
        let provisions = MemoryProvisions::with_default_vpc("us-east-1");
        let args = SpawnArgs::try_parse_from([&["spawn"], words].concat()).unwrap();
        self.with_printer(account, cloud, &provisions, printed, |ports, printer| {
            run(&args, ports, printer, cloud.fleet.now())
        })
    }

    /// Runs code with the ports of a command.
    fn with_ports(
        &self,
        account: &dyn Account,
        cloud: &FaultyInstances<'_>,
        provisions: &MemoryProvisions,
        code: impl FnOnce(&Ports<'_>, &mut Printer) -> Result<Exit, Failure>,
    ) -> SpawnRun {
        self.with_printer(account, cloud, provisions, (OutputFormat::Csv, None), code)
    }

    fn with_printer(
        &self,
        account: &dyn Account,
        cloud: &FaultyInstances<'_>,
        provisions: &MemoryProvisions,
        (format, reads): (OutputFormat, Option<usize>),
        code: impl FnOnce(&Ports<'_>, &mut Printer) -> Result<Exit, Failure>,
    ) -> SpawnRun {
        let (out, err) = (SpawnOutput { reads, ..SpawnOutput::default() }, SpawnOutput::default());
        let screen = Screen { width: None, colour: false, interactive_err: false, quiet: false };
        let mut printer = Printer::new(format, screen, Box::new(out.clone()), Box::new(err.clone()));
        let owner = self.1.iter().map(|owner| ("MYCELIUM_OWNER".to_string(), owner.clone()));
        let home = Some(self.0.path().into());
        let sources = SettingsSources { home, env: owner.collect(), ..SettingsSources::default() };
        let mut settings = Settings::resolve(&CommonFlags::default(), &sources).unwrap();
        settings.config = self.0.path().into();
        // These machines have no ssh.
        let choices = ["SPAWN_DELIVER", "SPAWN_KEY", "SPAWN_ROLE"];
        let env = choices.map(|name| (name.to_string(), "none".to_string())).into();
        let ports = Ports {
            account,
            instances: cloud,
            access: &MemoryAccess::default(),
            images: cloud.fleet,
            quotas: cloud.fleet,
            warehouse: &|| Ok(Box::new(priced())),
            provisioning: provisions,
            address: &FixedAddress(Ok("203.0.113.7".parse().unwrap())),
            settings: &settings,
            spawn_settings: &SpawnSources { env, ..SpawnSources::default() },
            aws_profile: None,
            agree: &|_| None,
            clock: &|| cloud.fleet.now(),
            wait: &|span| cloud.fleet.forward(SignedDuration::try_from(span).unwrap()),
            new_id: &|| "0123456789abcdef".into(),
            prompt: &|_| None,
            input: &|_| Ok(launch_choice_tests::TRUFFLE_ROWS.to_string()),
            time_zone: &|| jiff::tz::TimeZone::UTC,
            processes: &AnsweredPrograms(|_: &ProcessCommand| not_installed()),
            relay: &|_, _| Err(std::io::ErrorKind::ConnectionRefused.into()),
            ask_on_terminal: &|_| None,
            home: self.0.path().into(),
            executable: "/opt/mycelium/bin/mycelium".into(),
            encode: &FailingEncode("not in a test"),
        };
        let ended = code(&ports, &mut printer);
        SpawnRun { out: out.text(), err: err.text(), ended }
    }
}

fn states(cloud: &MemoryFleet) -> Vec<(String, InstanceState)> {
    cloud.all().into_iter().map(|seen| (seen.id, seen.state)).collect()
}

fn change(mut seen: InstanceView, change: impl FnOnce(&mut InstanceView)) -> InstanceView {
    change(&mut seen);
    seen
}

#[test]
fn reap_ends_only_overdue_instances_of_the_caller() {
    let cloud = memory();
    cloud.add(instance("i-overdue", 5));
    cloud.add(instance("i-within", -1));
    cloud.add(change(instance("i-bob", 5), |it| {
        it.tags.insert(tag::OWNER.into(), ME.replace("alice", "bob"));
    }));
    cloud.add(change(instance("i-protected", 5), |it| it.protected = Known::Is(true)));
    cloud.add(change(instance("i-unseen", 5), |it| it.protected = Known::Unseen("denied".into())));
    cloud.add(change(instance("i-foreign", 5), |it| it.tags.clear()));
    let before = states(&cloud);
    let desk = SpawnHome::new();
    let shown = desk.spawn(&faulty(&cloud, &[]), &["reap"]);
    assert!(shown.err.contains("nothing was done; spawn reap --yes ends 1"), "{}", shown.err);
    assert!(shown.err.contains("1 more were not launched by spawn"), "{}", shown.err);
    assert!(shown.err.contains("3 instances were left alone; a person must look at them"), "{}", shown.err);
    let shown = shown.needs_person();
    for expected in [
        "us-east-1,i-overdue,terminate,2026-11-23T07:18:00Z,spawn:expiry is over",
        "us-east-1,i-within,leave,,not overdue before 2026-11-23T13:18:00Z",
        "us-east-1,i-bob,leave,2026-11-23T07:18:00Z,owned by arn:aws:iam::111122223333:user/bob",
        "us-east-1,i-protected,leave,2026-11-23T07:18:00Z,protected by AWS",
        "us-east-1,i-unseen,leave,2026-11-23T07:18:00Z,its protection could not be seen: denied",
    ] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    assert!(!shown.contains("i-foreign"), "{shown}");
    assert_eq!(states(&cloud), before, "a dry run changes nothing");
    let done = desk.spawn(&faulty(&cloud, &[]), &["reap", "--yes"]).needs_person();
    assert!(done.contains("us-east-1,i-overdue,terminate,ended,shutting-down,"), "{done}");
    let after = states(&cloud);
    assert_eq!(after[0], ("i-overdue".into(), InstanceState::ShuttingDown));
    assert_eq!(after[1..], before[1..]);
    let again = desk.spawn(&faulty(&cloud, &[]), &["reap", "--yes"]);
    assert!(!again.err.contains("nothing is overdue"), "{}", again.err);
    assert!(again.err.contains("i-bob in us-east-1 is overdue since 2026-11-23T07:18:00Z"), "{}", again.err);
    again.needs_person();
}

#[test]
fn an_instance_that_cannot_be_ended_does_not_stop_the_others() {
    let cloud = memory();
    let ids: Vec<String> = (10..60).map(|number| format!("i-{number}")).collect();
    ids.iter().for_each(|id| cloud.add(instance(id, 5)));
    let stubborn = FaultyInstances { stubborn: vec!["i-23".into()], ..faulty(&cloud, &[]) };
    let told = SpawnHome::new().spawn(&stubborn, &["reap", "--yes"]);
    assert_eq!(told.failed(), "1 of 50 could not be ended");
    assert!(told.out.contains("us-east-1,i-23,terminate,failed,running,AWS does not do it"), "{}", told.out);
    let alive: Vec<String> = states(&cloud)
        .into_iter()
        .filter(|(_, state)| *state == InstanceState::Running)
        .map(|(id, _)| id)
        .collect();
    assert_eq!(alive, ["i-23"]);
}

#[test]
fn a_saved_plan_leaves_instances_alone_that_changed_since() {
    let cloud = memory();
    for id in ["i-1", "i-2", "i-3", "i-4"] {
        cloud.add(instance(id, 5));
    }
    let desk = SpawnHome::new();
    let file = desk.0.path().join("plan.json");
    let file = file.to_str().unwrap();
    let shown = desk.spawn(&faulty(&cloud, &[]), &["reap", "--plan", file]);
    assert!(shown.err.contains(&format!("spawn reap --yes --plan {file} ends 4")), "{}", shown.err);
    cloud.change("i-1", |it| it.protected = Known::Is(true));
    let later = ExpiryTag { intent: BudgetIntent::Running(noon()), generation: 2 }.encode();
    cloud.change("i-2", |it| drop(it.tags.insert(tag::EXPIRY.into(), later)));
    cloud.change("i-3", |it| drop(it.tags.insert(tag::OWNER.into(), "bob".into())));
    cloud.add(instance("i-5", 5));
    let done = desk.spawn(&faulty(&cloud, &[]), &["reap", "--yes", "--plan", file]).needs_person();
    for expected in [
        "i-1,terminate,left,,protected by AWS",
        "i-2,terminate,left,,not overdue before",
        "i-3,terminate,left,,owned by bob",
        "i-4,terminate,ended,shutting-down,",
    ] {
        assert!(done.contains(expected), "{expected}: {done}");
    }
    let ended: Vec<String> =
        states(&cloud).into_iter().filter(|(_, state)| state.is_over()).map(|(id, _)| id).collect();
    assert_eq!(ended, ["i-4"], "i-5 was not in the plan");
    std::fs::write(file, "{}").unwrap();
    let bad = desk.spawn(&faulty(&cloud, &[]), &["reap", "--yes", "--plan", file]);
    assert!(bad.failed().contains("is not a plan: missing field `made`"), "{}", bad.failed());
}

#[test]
fn refuses_a_plan_of_another_account() {
    let cloud = memory();
    cloud.add(instance("i-1", 5));
    let desk = SpawnHome::new();
    let file = desk.0.path().join("plan.json");
    desk.spawn(&faulty(&cloud, &[]), &["reap", "--plan", file.to_str().unwrap()]).good();
    let text = std::fs::read_to_string(&file).unwrap().replace("111122223333", "999900009999");
    std::fs::write(&file, text).unwrap();
    let told = desk.spawn(&faulty(&cloud, &[]), &["reap", "--yes", "--plan", file.to_str().unwrap()]);
    assert_eq!(
        told.failed(),
        "the plan is of account 999900009999, but the credentials are of account 111122223333"
    );
}

#[test]
fn cancels_a_spot_request_before_it_launches_again() {
    let cloud = memory();
    let spot = InstanceSpotRequest { request: "sir-1".into(), persistent: Known::Is(true) };
    cloud.add(change(instance("i-1", 5), |it| it.spot = Some(spot)));
    SpawnHome::new().spawn(&faulty(&cloud, &[]), &["reap", "--yes"]).good();
    assert_eq!(states(&cloud), [("i-1".into(), InstanceState::ShuttingDown)]);
}

#[test]
fn without_credentials_no_command_changes_anything() {
    let cloud = memory();
    cloud.add(instance("i-1", 5));
    let expired = FaultyAccount("the token has expired".into());
    for words in [&["list"][..], &["reap", "--yes"], &LAUNCH] {
        let ended = SpawnHome::new().spawn_as(&expired, &faulty(&cloud, &[]), words).ended;
        let failure = ended.expect_err("a command without credentials");
        assert_eq!(failure.message, "the token has expired", "{words:?}");
        assert!(failure.hint.is_some_and(|hint| hint.contains("log in")), "{words:?}");
    }
    assert_eq!(states(&cloud), [("i-1".into(), InstanceState::Running)]);
}

#[test]
fn unreachable_regions_are_a_failure_and_nothing_is_ended_there() {
    let cloud = memory();
    cloud.add(instance("i-1", 5));
    let desk = SpawnHome::new();
    let blind = faulty(&cloud, &[]);
    blind.blind.set(1);
    let told = desk.spawn(&blind, &["reap"]);
    assert_eq!(told.failed(), "2 regions could not be queried");
    assert!(told.err.contains("us-east-1 could not be queried: no answer in time"), "{}", told.err);
    let file = desk.0.path().join("plan.json");
    let file = file.to_str().unwrap();
    desk.spawn(&faulty(&cloud, &[]), &["reap", "--plan", file]).good();
    let blind = faulty(&cloud, &[]);
    blind.blind.set(1);
    let told = desk.spawn(&blind, &["reap", "--yes", "--plan", file]);
    assert_eq!(told.failed(), "1 of 1 could not be ended");
    assert!(told.out.contains("failed,running,not looked at again: no answer in time"), "{}", told.out);
    assert_eq!(states(&cloud), [("i-1".into(), InstanceState::Running)]);
}

const LAUNCH: [&str; 8] = ["launch", "t3.micro", "--ttl", "8h", "--name", "try", "--on-expiry", "terminate"];

#[test]
fn an_overdue_instance_of_another_session_is_named() {
    let role = |session: &str| format!("arn:aws:sts::111122223333:assumed-role/Builders/{session}");
    let check = |mine: &str, tagged: &str, expected: Result<Exit, &str>| {
        let caller = CallerAccount { arn: role(mine), ..memory().caller().unwrap() };
        let cloud = MemoryFleet::new(caller);
        cloud.add(change(instance("i-1", 5), |it| drop(it.tags.insert(tag::OWNER.into(), role(tagged)))));
        let told = SpawnHome::new().spawn(&faulty(&cloud, &[]), &["reap"]);
        assert!(told.out.contains("i-1"), "{}", told.out);
        match expected {
            Ok(exit) => assert_eq!(told.ended, Ok(exit), "{mine} {tagged}"),
            Err(why) => {
                assert_eq!(told.ended, Ok(Exit::PersonNeeded), "{mine} {tagged}");
                assert!(told.err.contains(why) && !told.err.contains("nothing is overdue"), "{}", told.err);
            }
        }
    };
    // Both names are generated: the owner is the role.
    check("botocore-session-1700000001", "botocore-session-1700009999", Ok(Exit::Done));
    check("alice", "alice", Ok(Exit::Done));
    // A tag of an earlier version.
    check("alice", "botocore-session-1700009999", Ok(Exit::Done));
    check("alice", "bob", Err("assumed-role/Builders/bob, another session of the role"));
    check("botocore-session-1700000001", "bob", Err("another session of the role"));
}

#[test]
fn the_owner_is_a_setting_or_the_caller_without_a_generated_session() {
    let arn = "arn:aws:sts::111122223333:assumed-role/Builders/aws-sdk-js-1700000000001";
    let role = "arn:aws:sts::111122223333:assumed-role/Builders";
    for (setting, owner) in [(None, role), (Some("team-a"), "team-a")] {
        let cloud = MemoryFleet::new(CallerAccount { arn: arn.into(), ..memory().caller().unwrap() });
        let mut desk = SpawnHome::new();
        desk.1 = setting.map(String::from);
        desk.spawn(&faulty(&cloud, &[]), &LAUNCH).good();
        assert_eq!(cloud.all()[0].owner(), Some(owner));
        // With the setting, instances of the caller's own name are still the caller's.
        let before = [(tag::OWNER, role.to_string())].map(|(key, value)| (key.to_string(), value));
        cloud.add(change(instance("i-before", 5), |it| it.tags.extend(before)));
        cloud.forward(SignedDuration::from_hours(9));
        let told = desk.spawn(&faulty(&cloud, &[]), &["reap"]);
        assert!(told.err.contains("spawn reap --yes ends 2"), "{}", told.err);
    }
}

#[test]
fn after_an_end_the_remaining_resources_are_listed_with_their_cost() {
    let cloud = memory();
    let disk = |volume: &str, stays| AttachedDisk { volume: volume.into(), stays };
    cloud.add(change(instance("i-1", 5), |it| it.disks = vec![disk("vol-1", true), disk("vol-2", false)]));
    cloud.add(instance("i-2", 5));
    cloud.set_remains(
        "i-1",
        vec![
            RemainingResource::Disk("vol-1".into(), "gp3".into(), 500),
            RemainingResource::Address("192.0.2.1".into()),
        ],
    );
    let told = SpawnHome::new().spawn(&faulty(&cloud, &[]), &["reap", "--yes"]);
    let expected = "after i-1, 2 remain and cost about $43.65 a month: disk vol-1 (500 GiB gp3, $40.00), \
                    address 192.0.2.1 ($3.65)";
    assert!(told.err.contains(expected) && !told.err.contains("after i-2"), "{}", told.err);
    told.good();
}

#[test]
fn a_copy_and_a_restarted_instance_stay_and_are_listed_as_such() {
    let cloud = memory();
    let ago = |hours: i64| Known::Is(noon() - SignedDuration::from_hours(hours));
    cloud.add(change(instance("i-copy", 5), |it| (it.created, it.launched) = (ago(2), ago(2))));
    cloud.add(change(instance("i-again", 5), |it| it.launched = ago(1)));
    cloud.add(change(instance("i-stopped", -5), |it| {
        (it.state, it.stopped) = (InstanceState::Stopped, ago(1).value().copied());
    }));
    let listed = SpawnHome::new().spawn(&faulty(&cloud, &[]), &["list"]).good();
    for expected in [
        "copy: its spawn:expiry was over at 2026-11-23T07:00:00Z, before it was launched",
        ",,,unknown (restarted without spawnd),",
        ",6h,paused while it is stopped,",
    ] {
        assert!(listed.contains(expected), "{expected}: {listed}");
    }
    let told = SpawnHome::new().spawn(&faulty(&cloud, &[]), &["reap", "--yes"]);
    assert!(told.err.contains("i-copy in us-east-1 is overdue since"), "{}", told.err);
    assert!(!told.err.contains("i-again"), "{}", told.err);
    told.needs_person();
    assert!(cloud.all().iter().all(|seen| !seen.state.is_over()));
}

/// A record with the id ID, as the first version wrote it before it was killed.
const OLD_RECORD: &str = r##"{
  "id": "ID",
  "account": "111122223333",
  "planned": "2026-11-23T11:59:00Z",
  "request": {
    "region": "us-east-1",
    "instance_type": "t3.micro",
    "image": "ami-0123456789abcdef0",
    "key": null,
    "power_off": "stops",
    "tags": {
      "spawn:expiry": "v1;running;until=2026-11-23T20:00:00Z;gen=1",
      "spawn:launch-id": "ID",
      "spawn:managed": "true",
      "spawn:owner": "arn:aws:iam::111122223333:user/alice"
    },
    "user_data": "#cloud-config"
  },
  "phase": "planned"
}
"##;

#[test]
fn a_record_of_an_earlier_version_is_resumed() {
    let cloud = memory();
    // Earlier ids are any 32 hexadecimal digits; a UUID of version 4 has a 4 after the first
    // twelve.
    for (number, id) in
        ["0123456789abcdef0123456789abcdef", "ffffffffffffffffffffffffffffffff"].iter().enumerate()
    {
        let desk = SpawnHome::new();
        let folder = desk.0.path().join("launches");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{id}.json")), OLD_RECORD.replace("ID", id)).unwrap();
        let told = desk.spawn(&faulty(&cloud, &[]), &["launch", "--resume"]).good();
        assert!(told.contains(&format!("i-memory000{number},running,")) && told.contains(id), "{told}");
        let text = std::fs::read_to_string(folder.join(format!("{id}.json"))).unwrap();
        assert!(text.contains("\"running\""), "{text}");
    }
    assert_eq!(cloud.all().len(), 2);
}

#[test]
fn an_unreadable_journal_prevents_a_launch() {
    let cloud = memory();
    let desk = SpawnHome::new();
    let folder = desk.0.path().join("launches");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("x.json"), "{").unwrap();
    let told = desk.spawn(&faulty(&cloud, &[]), &LAUNCH);
    assert!(told.failed().contains("x.json is not a launch"), "{}", told.failed());
    assert!(cloud.all().is_empty());
}
