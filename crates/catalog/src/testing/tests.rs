use domain::Timestamp;

use super::*;
use crate::ports::{Ask, AskError, Store, StoreError};
use crate::{Page, RowBatch, Value, dataset, question};

fn offers(types: &[&str]) -> RowBatch {
    let row = |name: &&str| vec![(*name).into(), "us-east-1".into(), Value::Null];
    RowBatch::of(dataset("offering").unwrap(), types.iter().map(row).collect()).unwrap()
}

#[test]
fn a_run_is_visible_only_after_its_commit() {
    let store = MemoryStore::default();
    let offering = dataset("offering").unwrap();
    let mut dropped = store.begin("run").unwrap().unwrap();
    dropped.add(offering, &offers(&["m5.large"])).unwrap();
    drop(dropped);
    assert_eq!(store.read_content(), Ok(None));
    let mut run = store.begin("run").unwrap().unwrap();
    run.add(offering, &offers(&["m5.large", "m7i.large"])).unwrap();
    let committed = run.commit(Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!((committed.manifest, committed.rows()), (1, 2));
    assert_eq!(committed.of("offering").scopes["us-east-1"], 2);
    assert!(store.begin("run").unwrap().is_none());
    assert_eq!(store.manifest_with_run("run"), Ok(Some(1)));
}

#[test]
fn a_failing_store_fails_only_the_given_call() {
    let error = StoreError::Io("disk full".into());
    for call in [StoreCall::Begin, StoreCall::Add, StoreCall::Commit] {
        let store = MemoryStore::default();
        let failing = FailingStore { inner: &store, call, error: error.clone() };
        assert_eq!(failing.read_content(), Ok(None));
        let failed = failing.begin("run").and_then(|run| {
            let mut run = run.unwrap();
            run.add(dataset("offering").unwrap(), &offers(&["m5.large"]))?;
            run.commit(Timestamp::UNIX_EPOCH)
        });
        assert_eq!(failed, Err(error.clone()), "{call:?}");
        assert_eq!(store.runs(), [], "{call:?}");
    }
}

#[test]
fn a_failing_warehouse_fails_only_the_given_question() {
    let inner = MemoryAsk::default()
        .answer("region/list", |_| Page::default())
        .answer("data/runs", |_| Page::default());
    let error = AskError::Lake("damaged".into());
    let failing = FailingAsk { inner, question: "data/runs", error: error.clone() };
    assert_eq!(failing.ask(question("region/list").unwrap(), &[]), Ok(Page::default()));
    assert_eq!(failing.ask(question("data/runs").unwrap(), &[]), Err(error));
    assert!(failing.ask(question("price/current").unwrap(), &[]).is_err());
}
