//! `truffle export` writes the requested data and nothing else.

use std::fs;
use std::path::Path;

use tests::Desk;

#[test]
fn an_export_has_the_requested_columns_and_rows() {
    let desk = Desk::default();
    let check = |words: &[&str], heading: &str, rows: usize| {
        desk.truffle(&[&["export", "--to", "here.csv", "--replace"], words].concat()).expect_success();
        let text = fs::read_to_string(desk.home().join("here.csv")).unwrap();
        assert_eq!(text.lines().next(), Some(heading), "{words:?}");
        assert_eq!(text.lines().count(), rows + 1, "{words:?}");
    };
    check(&["--query", "SELECT range AS a, 7 AS b FROM range(20000)"], "a,b", 20_000);
    check(&["--query", "SELECT range AS a, 7 AS b FROM range(20000)", "--limit", "10000"], "a,b", 10_000);
    check(&["region", "--columns", "region", "--limit", "3"], "region", 3);
}

#[test]
fn flags_without_effect_on_an_export_are_refused() {
    let desk = Desk::default();
    let check = |words: &[&str], expected: &str| {
        let ran = desk.truffle(&[&["export", "price", "--to", "here"], words].concat());
        assert_eq!(ran.code, 2, "{}", ran.err);
        assert!(ran.err.contains(expected), "{}", ran.err);
    };
    check(&["--out", "there"], "--out has no effect here");
    check(&["-o", "csv"], "--output has no effect here");
    check(&["--partition-by", "region", "--columns", "region"], "cannot be used with");
    assert!(!desk.home().join("here").exists() && !desk.home().join("there").exists());
}

#[test]
fn a_folder_is_replaced_only_when_an_export_made_all_of_it() {
    let desk = Desk::default();
    let export =
        |extra: &[&str]| desk.truffle(&[&["export", "region", "--to", "keep", "--replace"], extra].concat());
    let parts = ["--partition-by", "partition"];
    fs::create_dir_all(desk.home().join("keep/photos")).unwrap();
    fs::write(desk.home().join("keep/photos/one.jpg"), "a memory").unwrap();
    let check = |extra: &[&str], expected: &str| {
        let ran = export(extra);
        assert_eq!(ran.code, 2, "{}", ran.err);
        assert!(ran.err.contains(expected), "{}", ran.err);
        assert!(desk.home().join("keep/photos/one.jpg").exists());
    };
    check(&[], "keep is a folder");
    check(&parts, "keep/photos was not written by an export");
    fs::remove_dir_all(desk.home().join("keep")).unwrap();
    export(&parts).expect_success();
    export(&parts).expect_success();
    assert!(desk.home().join("keep/partition=aws/part-0.parquet").exists());
    fs::create_dir(desk.home().join("keep/photos")).unwrap();
    fs::write(desk.home().join("keep/photos/one.jpg"), "a memory").unwrap();
    check(&parts, "keep/photos was not written by an export");
}

#[test]
fn no_column_name_leads_out_of_the_folder() {
    let desk = Desk::default();
    fs::create_dir(desk.home().join("a")).unwrap();
    let sql = "SELECT 1 AS \"../../x\", 2 AS y";
    desk.truffle(&["export", "--query", sql, "--to", "a/b", "--partition-by", "../../x"]).expect_success();
    assert!(desk.home().join("a/b/..%2F..%2Fx=1/part-0.parquet").exists());
    assert!(!desk.home().join("x=1").exists());
}

#[test]
fn a_device_is_not_replaced() {
    let desk = Desk::default();
    let ran = desk.truffle(&["export", "region", "--to", "/dev/null", "--replace", "--format", "csv"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(!Path::new("/dev/null").is_file());
}

#[test]
fn a_truncated_export_is_reported() {
    let desk = Desk::default();
    let ran = desk.truffle(&["export", "region", "--to", "some.csv", "--limit", "3"]);
    assert!(ran.err.contains("cut after 3 rows; --limit 0 writes all"), "{ran:?}");
}

#[test]
fn a_named_question_exports_the_same_rows_as_query() {
    let desk = Desk::default();
    let question = ["instance/gpus", "--param", "model=h200"];
    let printed = desk.truffle(&[&["query", "-q", "-o", "csv"][..], &question].concat()).expect_success();
    desk.truffle(&[&["export", "--to", "gpus.csv", "--query"][..], &question].concat()).expect_success();
    assert_eq!(fs::read_to_string(desk.home().join("gpus.csv")).unwrap(), printed);
}

#[test]
fn pseudonyms_are_the_same_in_every_export_and_reveal_nothing() {
    let desk = Desk::default();
    let bill = desk.home().join("work-111122223333.csv");
    fs::write(
        &bill,
        "BilledCost,EffectiveCost,BillingCurrency,BillingAccountId,SubAccountName,BillingPeriodStart,\
         ChargePeriodStart,ChargeCategory,ServiceName,ResourceId,Tags\n\
         1,1,USD,111122223333,Zebrafish,2026-09-01,2026-09-02,Usage,EC2,i-0abc,\"{\"\"owner\"\": \"\"anna\"\"}\"\n\
         2,2,USD,111122223333,Zebrafish,2026-09-01,2026-09-03,Usage,EC2,i-0abc,\n",
    )
    .unwrap();
    desk.collector(&["import", "focus", &bill.to_string_lossy(), "--observed-at", "2026-10-03"])
        .expect_success();
    let export = |what: &[&str]| {
        let to = desk.home().join("out.csv");
        let to_text = to.to_string_lossy().into_owned();
        let ran = desk.truffle(&[&["export", "--redact", "--replace", "--to", &to_text], what].concat());
        let text = if ran.code == 0 { fs::read_to_string(&to).unwrap() } else { String::new() };
        (ran.code, text + &ran.err)
    };
    let secrets = ["111122223333", "Zebrafish", "0abc", "owner", "anna"];
    let mut stand_ins = Vec::new();
    for what in [
        &["charge"][..],
        &["charge_history"],
        &["collection_run"],
        &["--query", "FROM charge JOIN charge_history USING (resource_id, charge_period_start)"],
        &["--query", "cost/by-tag", "--param", "tag=owner"],
        &["--query", "cost/by-account"],
    ] {
        let (code, text) = export(what);
        assert_eq!(code, 0, "{what:?}: {text}");
        let told = text.lines().filter(|line| !line.contains("in /")).collect::<Vec<_>>().join("\n");
        for secret in secrets.iter().filter(|secret| !what.contains(&format!("tag={secret}").as_str())) {
            assert!(!told.contains(secret), "{secret} in {what:?}: {told}");
        }
        let id = told.find("i-").map(|at| told[at..].chars().take_while(|c| *c != ',').collect::<String>());
        stand_ins.extend(id.filter(|id| id.len() == 18));
    }
    assert!(stand_ins.len() >= 3 && stand_ins.iter().all(|id| *id == stand_ins[0]), "{stand_ins:?}");
    let (code, told) = export(&["--query", "SELECT * FROM main.charge"]);
    assert_eq!(code, 5, "{told}");
    assert!(told.contains("with --redact only unqualified table names"), "{told}");
    // The query sees pseudonyms only, so the original value matches no row.
    let (_, none) = export(&["--query", "SELECT count(*) AS n FROM charge WHERE resource_id = 'i-0abc'"]);
    assert!(none.starts_with("n\n0\n"), "{none}");
}

#[test]
fn an_export_states_the_age_of_its_data_or_that_there_is_none() {
    let desk = Desk::default();
    let said =
        |words: &[&str]| desk.truffle(&[&["export", "--to", "out.csv", "--replace"], words].concat()).err;
    let prices = said(&["price"]);
    assert!(prices.contains("prices 20 to 33 months old"), "{prices}");
    let refused = said(&["instance"]);
    assert!(
        refused.starts_with("error: not collected yet: instance\nhint: collector snapshot instance"),
        "{refused}"
    );
    assert!(said(&["--query", "SELECT instance_id FROM instance"]).contains("instances not collected yet"));
}
