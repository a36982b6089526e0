//! Whole snapshots and imports against the memory fakes of the ports.

use std::fs;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use catalog::ports::{
    AskError, ProfileAccount, ScopeOutcome, Source, SourceError, StopFlag, Store, StoreError,
};
use catalog::testing::{
    FailingEncode, FailingSource, FailingStore, MemoryRun, MemorySource, MemoryStore, SourceCall, StoreCall,
};
use catalog::{Dataset, RowBatch, Value};
use clap::Parser;
use console::{
    CommonFlags, Exit, Failure, FailureKind, OutputFormat, Printer, Screen, Settings, SettingsSources,
};
use domain::Timestamp;

use crate::{CollectorArgs, Deliver, DeliveryTarget, OutgoingAlert, Ports, run};

const ACCOUNT: &str = "111122223333";

fn now() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

/// Delivers nothing.
struct NoDelivery;

impl Deliver for NoDelivery {
    fn deliver(&self, _: &DeliveryTarget, _: &OutgoingAlert, _: Timestamp) -> Result<(), String> {
        Err("no delivery in this test".to_string())
    }
}

#[derive(Clone, Default)]
struct PrintedText(Arc<Mutex<Vec<u8>>>);

impl Write for PrintedText {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl PrintedText {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Runs `collector` with these arguments. Returns its result, standard output and standard error.
/// Each call of `source` makes one connection.
fn collect(
    words: &[&str],
    store: &dyn Store,
    source: &dyn Fn() -> Box<dyn Source>,
    at: Timestamp,
) -> (Result<Exit, Failure>, String, String) {
    let args = CollectorArgs::try_parse_from([&["collector"], words].concat()).unwrap();
    let (out, err) = (PrintedText::default(), PrintedText::default());
    let screen = Screen { width: None, colour: false, interactive_err: false, quiet: false };
    let mut printer = Printer::new(OutputFormat::Csv, screen, Box::new(out.clone()), Box::new(err.clone()));
    let sources = SettingsSources { home: Some("/nonexistent".into()), ..SettingsSources::default() };
    let settings = Settings::resolve(&CommonFlags::default(), &sources).unwrap();
    let ports = Ports {
        store,
        warehouse: &|| Err(AskError::Failed("no warehouse in this test".into())),
        source: &|| Ok(source()),
        settings: &settings,
        clock: &|| at,
        agree: &|_| None,
        deliver: &NoDelivery,
        input: &|_| Ok(String::new()),
        env: &|_| None,
        wait: &|_| {},
        stop: &StopFlag::default(),
        encode: &FailingEncode("no columnar format in this test"),
    };
    let ended = run(&args, &ports, &mut printer, at);
    drop(printer);
    (ended, out.text(), err.text())
}

fn offering() -> &'static Dataset {
    catalog::dataset("offering").unwrap()
}

fn offers(region: &str, types: &[&str]) -> RowBatch {
    let row = |name: &&str| vec![(*name).into(), region.into(), Value::Null];
    RowBatch::of(offering(), types.iter().map(row).collect()).unwrap()
}

/// Returns an account with offers in us-east-1, and no right to list those of eu-west-1.
fn account() -> MemorySource {
    let account = ProfileAccount {
        profile: None,
        account_id: ACCOUNT.into(),
        partition: "aws".into(),
        enabled: vec!["eu-west-1".into(), "us-east-1".into()],
        disabled: Vec::new(),
        ahead: 0,
    };
    MemorySource::new(account, now())
        .region(offering(), "us-east-1", Ok(offers("us-east-1", &["m5.large", "m7i.large"])))
        .region(offering(), "eu-west-1", Err("access is denied"))
}

fn outcomes(run: &MemoryRun) -> Vec<(&str, ScopeOutcome, u64)> {
    run.reports.iter().map(|report| (report.scope.as_str(), report.outcome, report.rows)).collect()
}

fn rows(run: &MemoryRun) -> usize {
    run.rows.iter().map(|(_, batch)| batch.len()).sum()
}

const SNAPSHOT: [&str; 2] = ["snapshot", "offering"];

#[test]
fn a_snapshot_commits_the_regions_it_could_read_and_the_gap_of_the_other() {
    let store = MemoryStore::default();
    let (ended, out, err) = collect(&SNAPSHOT, &store, &|| Box::new(account()), now());
    assert_eq!(ended, Ok(Exit::Done), "{err}");
    let runs = store.runs();
    assert_eq!(runs.len(), 1);
    assert_eq!(
        outcomes(&runs[0]),
        [("eu-west-1", ScopeOutcome::Failed, 0), ("us-east-1", ScopeOutcome::Complete, 2)]
    );
    assert_eq!(rows(&runs[0]), 2);
    let log = store.read_content().unwrap().unwrap().log;
    assert_eq!(log[0].gaps, ["access is denied"]);
    assert!(out.contains("offering,eu-west-1,failed,0") && out.contains("access is denied"), "{out}");
    assert!(out.contains("offering,us-east-1,complete,2,2"), "{out}");
}

#[test]
fn without_a_lake_no_command_that_changes_it_prints_sizes() {
    for words in [
        &["compact"][..],
        &["prune", "--keep", "30d"],
        &["forget", "--account", ACCOUNT],
        &["drop", "some-run"],
    ] {
        let (ended, out, err) = collect(words, &MemoryStore::default(), &|| Box::new(account()), now());
        assert_eq!(ended, Ok(Exit::NothingMatched), "{words:?}");
        assert_eq!(out, "", "{words:?}");
        assert!(err.starts_with("not collected yet: there is no lake at "), "{words:?}: {err}");
    }
    let damaged = ["drop", "--damaged", "--dry-run"];
    let (ended, out, _) = collect(&damaged, &MemoryStore::default(), &|| Box::new(account()), now());
    assert_eq!((ended, out.as_str()), (Ok(Exit::NothingMatched), ""));
}

#[test]
fn a_second_snapshot_of_the_same_state_adds_no_rows() {
    let store = MemoryStore::default();
    collect(&SNAPSHOT, &store, &|| Box::new(account()), now()).0.unwrap();
    let later: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
    let (ended, _, err) = collect(&SNAPSHOT, &store, &|| Box::new(account()), later);
    assert_eq!(ended, Ok(Exit::Done), "{err}");
    let runs = store.runs();
    assert_eq!(
        outcomes(&runs[1]),
        [("eu-west-1", ScopeOutcome::Failed, 0), ("us-east-1", ScopeOutcome::Unchanged, 2)]
    );
    assert_eq!(rows(&runs[1]), 0);
}

#[test]
fn a_snapshot_that_reads_nothing_fails() {
    let store = MemoryStore::default();
    let words = ["snapshot", "offering", "--region", "eu-west-1"];
    let (ended, ..) = collect(&words, &store, &|| Box::new(account()), now());
    let failure = ended.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Broken);
    assert_eq!(failure.message, "nothing could be read: access is denied");
    assert_eq!(store.runs().len(), 1, "the gap is recorded");
}

/// Checks that a snapshot fails with this kind and text, and that nothing becomes visible.
fn check_failed_snapshot(
    call: Option<StoreCall>,
    source: &dyn Fn() -> Box<dyn Source>,
    kind: FailureKind,
    message: &str,
) {
    let store = MemoryStore::default();
    let error = StoreError::Io("disk full".into());
    let failing = call.map(|call| FailingStore { inner: &store, call, error });
    let used: &dyn Store = failing.as_ref().map_or(&store as &dyn Store, |failing| failing);
    let (ended, out, _) = collect(&SNAPSHOT, used, source, now());
    let failure = ended.unwrap_err();
    assert_eq!((failure.kind, failure.message.as_str()), (kind, message), "{call:?}");
    assert_eq!((store.runs(), out.as_str()), (Vec::new(), ""), "{call:?}: {message}");
}

#[test]
fn a_snapshot_whose_store_fails_shows_nothing() {
    for call in
        [StoreCall::ReadContent, StoreCall::Begin, StoreCall::Add, StoreCall::AddReport, StoreCall::Commit]
    {
        check_failed_snapshot(Some(call), &|| Box::new(account()), FailureKind::Broken, "disk full");
    }
}

#[test]
fn a_snapshot_whose_source_fails_shows_nothing() {
    let check = |call, error: SourceError, kind, message| {
        let source = || -> Box<dyn Source> {
            Box::new(FailingSource { inner: account(), call, error: error.clone() })
        };
        check_failed_snapshot(None, &source, kind, message);
    };
    let (credentials, sink) = (SourceError::Credentials("expired".into()), SourceError::Sink("full".into()));
    check(SourceCall::Account, credentials, FailureKind::Broken, "expired");
    check(SourceCall::Snapshot, sink, FailureKind::Broken, "full");
}

#[test]
fn a_mistyped_region_is_refused_before_any_request() {
    let store = MemoryStore::default();
    let source = || -> Box<dyn Source> { Box::new(account()) };
    let words = ["snapshot", "offering", "--region", "us-east-1,us-esat-1"];
    let (ended, ..) = collect(&words, &store, &source, now());
    let failure = ended.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Usage);
    let expected = "--region: AWS lists no region \"us-esat-1\"; the closest match is us-east-1";
    assert_eq!(failure.message, expected);
    assert_eq!(store.runs(), Vec::new(), "no gap is recorded");
}

#[test]
fn a_stopped_snapshot_shows_nothing() {
    let source = || -> Box<dyn Source> { Box::new(account().stop_after(1)) };
    check_failed_snapshot(None, &source, FailureKind::Interrupted, "interrupted");
}

fn no_source() -> Box<dyn Source> {
    panic!("an import of files needs no connection")
}

const FIGURES: &str = "instance_type,metric,value\nm5.large,score,10\nm7i.large,score,14\n";

#[test]
fn an_import_adds_the_rows_of_its_files_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("figures.csv");
    fs::write(&path, FIGURES).unwrap();
    let store = MemoryStore::default();
    let words = ["import", "benchmark", path.to_str().unwrap()];
    let (ended, out, err) = collect(&words, &store, &no_source, now());
    assert_eq!(ended, Ok(Exit::Done), "{err}");
    assert_eq!(outcomes(&store.runs()[0]), [("*", ScopeOutcome::Complete, 2)]);
    assert_eq!(rows(&store.runs()[0]), 2);
    assert!(out.contains("benchmark,*,complete,2,2"), "{out}");
    let (ended, _, err) = collect(&words, &store, &no_source, now());
    assert_eq!(ended, Ok(Exit::Done));
    assert!(err.contains("nothing was added"), "{err}");
    assert_eq!(store.runs().len(), 1);
}

#[test]
fn an_import_with_one_bad_file_adds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (good, bad) = (folder.path().join("good.csv"), folder.path().join("bad.csv"));
    fs::write(&good, FIGURES).unwrap();
    fs::write(&bad, "instance_type,metric,value\nm5.large,score,many\n").unwrap();
    let store = MemoryStore::default();
    let words = ["import", "benchmark", good.to_str().unwrap(), bad.to_str().unwrap()];
    let failure = collect(&words, &store, &no_source, now()).0.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Data);
    assert!(failure.message.contains("bad.csv: line 2"), "{}", failure.message);
    assert_eq!(store.runs(), []);
}

#[test]
fn an_import_whose_store_fails_adds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("figures.csv");
    fs::write(&path, FIGURES).unwrap();
    for call in [StoreCall::Begin, StoreCall::Add, StoreCall::AddReport, StoreCall::Commit] {
        let store = MemoryStore::default();
        let error = StoreError::Io("disk full".into());
        let failing = FailingStore { inner: &store, call, error };
        let words = ["import", "benchmark", path.to_str().unwrap()];
        let (ended, out, _) = collect(&words, &failing, &no_source, now());
        let failure = ended.unwrap_err();
        assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Broken, "disk full"), "{call:?}");
        assert_eq!((store.runs(), out.as_str()), (Vec::new(), ""), "{call:?}");
    }
}
