//! No private text leaves the lake: neither in a redacted export, nor in a bundle, nor after its
//! account was forgotten.

use std::collections::BTreeMap;
use std::fs;

use catalog::testing::{fill_with_canaries, public_text, secret_text};
use catalog::{ColumnType, DATASETS, Dataset};
use lake_writer::LakeStore;
use tests::{Desk, run_command};

use crate::snapshot::Mirror;

const ACCOUNT: &str = "111122223333";

fn lake_with_canaries() -> Desk {
    let desk = Desk::default();
    let store = LakeStore::new(desk.home().join(".local/share/mycelium"), "0");
    fill_with_canaries(&store, ACCOUNT, "2026-11-20T00:00:00Z".parse().unwrap()).unwrap();
    desk
}

/// Returns every table of the desk as text, by name.
fn tables(desk: &Desk, flags: &[&str]) -> BTreeMap<String, String> {
    let schema = desk.truffle(&["schema", "-o", "json", "--columns", "table"]).expect_success();
    let listed: Vec<BTreeMap<String, String>> = serde_json::from_str(&schema).unwrap();
    let export = |table: &String| {
        let words = ["export", table, "--to", "out.ndjson", "--replace", "-q"];
        let ran = desk.truffle(&[&words[..], flags].concat());
        if ran.err.contains("not collected yet") {
            return String::new();
        }
        ran.expect_success();
        fs::read_to_string(desk.home().join("out.ndjson")).unwrap()
    };
    let names = listed.into_iter().filter_map(|row| row.into_values().next());
    names.map(|name| (name.clone(), export(&name))).collect()
}

fn secrets(wanted: impl Fn(&Dataset) -> bool) -> Vec<String> {
    let of =
        |dataset: &'static Dataset| dataset.columns.iter().map(move |column| secret_text(dataset, column));
    DATASETS.iter().filter(|dataset| wanted(dataset)).flat_map(of).chain([ACCOUNT.to_string()]).collect()
}

#[track_caller]
fn assert_without(tables: &BTreeMap<String, String>, secrets: &[String]) {
    for (name, text) in tables {
        let found: Vec<&String> = secrets.iter().filter(|secret| text.contains(secret.as_str())).collect();
        assert!(found.is_empty(), "{name} contains {found:?}");
    }
}

/// Every text is in the lake, so the other tests look for texts that are there.
#[test]
fn every_canary_is_in_a_table_without_redaction() {
    let desk = lake_with_canaries();
    let plain = tables(&desk, &[]).into_values().collect::<String>();
    for dataset in DATASETS.iter().filter(|dataset| dataset.name != "collection_run") {
        for column in dataset.redacted_columns() {
            let secret = secret_text(dataset, column);
            let has_own_text = column.privacy != catalog::ColumnPrivacy::Account
                && column.privacy != catalog::ColumnPrivacy::Scope;
            assert!(!has_own_text || plain.contains(&secret), "{secret}");
        }
    }
}

#[test]
fn a_redacted_export_has_every_public_text_and_no_private_one() {
    let desk = lake_with_canaries();
    let redacted = tables(&desk, &["--redact"]);
    assert_without(&redacted, &secrets(|_| true));
    for dataset in DATASETS.iter().filter(|dataset| dataset.is_private() && dataset.name != "collection_run")
    {
        let text = &redacted[dataset.name];
        for column in dataset.columns {
            let is_text = matches!(column.ty, ColumnType::Text | ColumnType::Texts);
            let is_public = column.privacy == catalog::ColumnPrivacy::Public && column.name != "region";
            assert!(!(is_text && is_public) || text.contains(&public_text(dataset, column)), "{text}");
        }
    }
}

#[test]
fn a_statement_sees_stand_ins_only_and_cannot_show_how_they_are_made() {
    let desk = lake_with_canaries();
    let check = |sql: &str, code: i32| {
        let ran = desk.truffle(&["export", "--redact", "--query", sql, "--to", "out.ndjson", "--replace"]);
        assert_eq!(ran.code, code, "{sql}: {}", ran.err);
        let text = fs::read_to_string(desk.home().join("out.ndjson")).unwrap_or_default() + &ran.err;
        let key = fs::read_to_string(desk.home().join(".config/mycelium/redact.key")).unwrap();
        assert!(!text.contains(key.trim()), "{sql}: {text}");
        assert!(!secrets(|_| true).iter().any(|secret| text.contains(secret)), "{sql}: {text}");
    };
    check("FROM zone", 0);
    check("SUMMARIZE zone", 0);
    check("SELECT z.zone_name, i.name FROM zone z JOIN instance i USING (account_id)", 0);
    check("SELECT source, run_id FROM price_history", 0);
    check("SELECT * FROM zone_history JOIN collection_run USING (run_id)", 0);
    check("EXPLAIN SELECT zone_name FROM zone", 5);
    check("explain analyze SELECT tags FROM charge", 5);
    check("SELECT getvariable('redaction_key')", 5);
    check("SHOW VARIABLES", 5);
    check("FROM (DESCRIBE variables)", 5);
    check("SELECT CAST('x' || zone_name AS INTEGER) FROM zone", 2);
}

#[test]
fn a_bundle_contains_no_private_text_and_all_public_rows() {
    let (here, there) = (lake_with_canaries(), Desk::default());
    let bundle = here.home().join("public.bundle").to_string_lossy().into_owned();
    let made = here.collector(&["bundle", "--to", &bundle]);
    let signer = made.err.split("signed by ").nth(1).unwrap_or_default();
    let signer = signer.split(':').next().unwrap().to_string();
    made.expect_success();
    assert!(!String::from_utf8_lossy(&fs::read(&bundle).unwrap()).contains("secret-"));
    there.collector(&["import", "bundle", &bundle, "--signer", &signer]).expect_success();
    let taken = tables(&there, &[]);
    assert_without(&taken, &secrets(|_| true));
    for dataset in DATASETS {
        // Newer rows of the seed hide those of the bundle in the tables of current rows.
        let all = [dataset.name.to_string(), format!("{}_history", dataset.name)];
        let public = format!("public-{}-", dataset.name);
        let has_rows = all.iter().filter_map(|name| taken.get(name)).any(|text| text.contains(&public));
        // The key of a benchmark is text of a file, so the row is left out.
        let is_bundled = !dataset.is_private() && !["acceptance", "benchmark"].contains(&dataset.name);
        assert_eq!(has_rows, is_bundled, "{}", dataset.name);
    }
    assert!(taken["price"].contains(catalog::UNSTATED_SOURCE));
}

#[test]
fn a_forgotten_account_leaves_no_text_of_its_rows() {
    let desk = lake_with_canaries();
    desk.collector(&["forget", "--account", ACCOUNT]).expect_success();
    let left = tables(&desk, &[]);
    assert_without(&left, &secrets(|dataset| dataset.account_columns().next().is_some()));
    assert!(left["price"].contains("secret-price-source"));
}

#[test]
fn the_address_of_a_mirror_is_in_no_message_gap_or_bundle() {
    let (desk, mirror) = (Desk::default(), Mirror::start(&[]));
    let port = format!(":{}", mirror.url.rsplit(':').next().unwrap());
    let collect = |address: &str, more: &[&str]| {
        let words = ["snapshot", "price", "interruption", "--region", "us-east-1"];
        run_command(desk.command("collector", &[&words[..], more].concat()).env("MYCELIUM_MIRROR", address))
    };
    for (address, more) in [
        (mirror.url.clone(), &["--log-level", "trace"][..]),
        (format!("{}/hunter2", mirror.url), &["-o", "json"]),
        ("http://127.0.0.1:1/hunter2".into(), &[]),
    ] {
        let ran = collect(&address, more);
        assert_ne!(ran.code, 0, "{ran:?}");
        let shown = ran.out + &ran.err;
        assert!(shown.contains("through the mirror"), "{shown}");
        for secret in ["hunter2", port.as_str(), "127.0.0.1:1"] {
            assert!(!shown.contains(secret), "{secret}: {shown}");
        }
    }
    let refused = collect("https://ann:hunter2@copies.example", &[]);
    assert!(refused.code != 0 && refused.err.contains("without user name"), "{refused:?}");
    let all = tables(&desk, &[]).into_values().collect::<String>() + &refused.err + &refused.out;
    assert!(!all.contains("hunter2") && !all.contains(&port) && !all.contains("copies.example"));
}
