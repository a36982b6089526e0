//! Bills from S3: from moto, and from a loopback server with faults.

mod stub;

use std::io::Write;
use std::process::{Command, Stdio};

use catalog::ports::{ColumnarFormat, Encode};
use catalog::{Field, Value, ValueType};
use serde_json::{Value as Json, json};
use tests::{Desk, Ran, run_command};

use crate::moto::Moto;
use crate::requested_datasets::hours_ago;
use crate::snapshot::query_csv;
use stub::Stub;

fn gzip(text: &str) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(text.as_bytes()).unwrap();
    out.finish().unwrap()
}

/// Returns a legacy report of a month of account 111122223333.
fn cur(month: &str, costs: &[&str]) -> String {
    let mut text = "bill/PayerAccountId,bill/BillingPeriodStartDate,lineItem/LineItemType,lineItem/UsageStartDate,lineItem/ProductCode,lineItem/CurrencyCode,lineItem/UnblendedCost\n".to_string();
    for cost in costs {
        text +=
            &format!("111122223333,{month}-01T00:00:00Z,Usage,{month}-02T00:00:00Z,AmazonEC2,USD,{cost}\n");
    }
    text
}

/// Returns the manifest of a legacy report of account 111122223333.
fn cur_manifest(keys: &[&str]) -> String {
    cur_manifest_of("111122223333", keys)
}

/// Returns the manifest of a legacy report that this account set up.
fn cur_manifest_of(account: &str, keys: &[&str]) -> String {
    json!({
        "assemblyId": "a", "account": account, "compression": "GZIP", "contentType": "text/csv",
        "columns": [{"category": "bill", "name": "PayerAccountId"}, {"category": "lineItem", "name": "UnblendedCost"}],
        "reportName": "daily", "bucket": "the-first-bucket", "reportKeys": keys,
    })
    .to_string()
}

const FOCUS: [&str; 8] = [
    "BilledCost",
    "EffectiveCost",
    "BillingCurrency",
    "BillingAccountId",
    "BillingPeriodStart",
    "ChargePeriodStart",
    "ChargeCategory",
    "ServiceName",
];

fn focus(month: &str, costs: &[&str]) -> String {
    let row = |cost: &&str| format!("{cost},{cost},USD,444455556666,{month}-01,{month}-02,Usage,EC2\n");
    format!("{}\n{}", FOCUS.join(","), costs.iter().map(row).collect::<String>())
}

fn focus_parquet(month: &str, costs: &[&str]) -> Vec<u8> {
    let cost = |name: &str| name.ends_with("Cost");
    let fields: Vec<Field> = FOCUS
        .iter()
        .map(|name| Field::new(*name, if cost(name) { ValueType::Decimal(38, 18) } else { ValueType::Text }))
        .collect();
    let rows = costs.iter().map(|amount| -> Vec<Value> {
        let text = |name: &str| match name {
            "BillingCurrency" => "USD".into(),
            "BillingAccountId" => "444455556666".into(),
            "BillingPeriodStart" => format!("{month}-01"),
            "ChargePeriodStart" => format!("{month}-02"),
            "ChargeCategory" => "Usage".into(),
            _ => "EC2".to_string(),
        };
        let cell = |name: &&str| match cost(name) {
            true => Value::Decimal(amount.parse().unwrap()),
            false => text(name).into(),
        };
        FOCUS.iter().map(cell).collect()
    });
    let page = catalog::Page { fields: fields.clone(), rows: rows.collect() };
    let mut bytes = Vec::new();
    let mut encoder =
        warehouse::ColumnarEncoder.start(&fields, ColumnarFormat::Parquet, Box::new(&mut bytes)).unwrap();
    encoder.page(&page).unwrap();
    encoder.finish().unwrap();
    bytes
}

/// Returns the manifest of a data export.
fn export_manifest(column: &str, files: &[&str]) -> String {
    json!({"columns": [{"name": column, "type": "double"}], "dataFiles": files}).to_string()
}

/// Returns the lines of a report as `export month kind outcome files rows_kept`.
fn lines(ran: &Ran) -> Vec<String> {
    let rows: Vec<Json> = serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
    let shown = |row: &Json, name: &str| match &row[name] {
        Json::String(text) => text.clone(),
        Json::Null => "-".into(),
        other => other.to_string(),
    };
    let names = ["export", "month", "kind", "outcome", "files", "rows_kept"];
    rows.iter().map(|row| names.map(|name| shown(row, name)).join(" ")).collect()
}

fn sums(desk: &Desk) -> String {
    let sql = "SELECT billing_account_id AS account, strftime(billing_period_start, '%Y-%m') AS month,
        sum(billed_cost) AS cost, count(*) AS lines FROM charge GROUP BY ALL ORDER BY ALL";
    query_csv(desk, sql).lines().skip(1).collect::<Vec<_>>().join("\n")
}

/// Checks that no temporary file is left in the lake's folder `manifest`.
fn assert_tidy(desk: &Desk) {
    let Ok(entries) = std::fs::read_dir(desk.home().join(".local/share/mycelium/manifest")) else { return };
    let left: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    assert!(left.iter().all(|name| !name.starts_with('.')), "{left:?}");
}

#[test]
fn the_newest_assembly_of_a_month_wins() {
    let desk = Desk::default();
    let Some(moto) = Moto::start(&desk) else { return };
    // The bucket is not in the region that the client tries first.
    moto.make_bucket("bills", "eu-central-1");
    let at = |rest: &str| format!("p/daily/20261001-20261101/{rest}");
    let old = [at("a1/daily-00001.csv.gz"), at("a1/daily-00002.csv.gz")];
    moto.put(&format!("bills/{}", old[0]), &gzip(&cur("2026-10", &["100.01", "0.005"])));
    moto.put(&format!("bills/{}", old[1]), &gzip(&cur("2026-10", &["7"])));
    let manifest = cur_manifest(&[&old[0], &old[1]]);
    moto.put(&format!("bills/{}", at("a1/daily-Manifest.json")), manifest.as_bytes());
    let new = [at("a2/daily-00001.csv.gz"), at("a2/daily-00002.csv.gz")];
    moto.put(&format!("bills/{}", new[0]), &gzip(&cur("2026-10", &["100.01", "0.0000000001", "-2.5"])));
    moto.put(&format!("bills/{}", new[1]), &gzip(&cur("2026-10", &["7.25"])));
    let manifest = cur_manifest(&[&new[0], &new[1]]);
    moto.put(&format!("bills/{}", at("a2/daily-Manifest.json")), manifest.as_bytes());
    moto.put(&format!("bills/{}", at("daily-Manifest.json")), manifest.as_bytes());
    moto.put(&format!("bills/{}", at("daily-RedshiftManifest.json")), b"{}");
    // Another report, with a name that begins the same.
    moto.put("bills/p/daily2/20261001-20261101/x/daily2-00001.csv.gz", &gzip(&cur("2026-10", &["9"])));

    let dry = moto.collector(&desk, &["import", "s3://bills/p/daily", "--dry-run", "-o", "json"]);
    assert_eq!(lines(&dry), ["p/daily 2026-10 cur to fetch 2 -"], "{dry:?}");
    assert!(!desk.home().join(".local/share/mycelium").exists(), "a dry run creates nothing");
    let first = moto.collector(&desk, &["import", "cur", "s3://bills/p/daily/", "-o", "json"]);
    assert_eq!(lines(&first), ["p/daily 2026-10 cur complete 2 4"], "{first:?}");
    assert_eq!(sums(&desk), "111122223333,2026-10,104.7600000001,4");
    let source = "SELECT DISTINCT source FROM collection_run WHERE dataset = 'charge'";
    assert_eq!(query_csv(&desk, source), "source\ns3://bills/p/daily\n");
    let again = moto.collector(&desk, &["import", "s3://bills/p/daily", "-o", "json"]);
    assert_eq!(lines(&again), ["p/daily 2026-10 cur unchanged 2 -"], "{again:?}");
    assert!(again.out.contains("\"bytes_fetched\": 0"), "{again:?}");
    assert_tidy(&desk);
}

#[test]
fn exports_are_read_from_parquet_and_csv_by_month() {
    let desk = Desk::default();
    let Some(moto) = Moto::start(&desk) else { return };
    moto.make_bucket("bills", "us-east-1");
    // Lowercase partition names, as in FOCUS exports. Each refresh writes new files.
    moto.put(
        "bills/e/data/billing_period=2026-09/x1/e-00001.snappy.parquet",
        &focus_parquet("2026-09", &["9"]),
    );
    moto.put(
        "bills/e/data/billing_period=2026-09/x2/e-00001.snappy.parquet",
        &focus_parquet("2026-09", &["1.1", "2.2"]),
    );
    let named = "s3://elsewhere/e/data/billing_period=2026-09/x2/e-00001.snappy.parquet";
    moto.put(
        "bills/e/metadata/billing_period=2026-09/e-Manifest.json",
        export_manifest("BilledCost", &[named]).as_bytes(),
    );
    moto.put("bills/e/data/BILLING_PERIOD=2026-10/e-00001.csv.gz", &gzip(&focus("2026-10", &["4.4"])));
    moto.put(
        "bills/e/metadata/BILLING_PERIOD=2026-10/e-Manifest.json",
        export_manifest("BilledCost", &["s3://bills/e/data/BILLING_PERIOD=2026-10/e-00001.csv.gz"])
            .as_bytes(),
    );
    // A month without a manifest yet, and one with a missing file.
    moto.put("bills/e/data/BILLING_PERIOD=2026-12/e-00001.csv.gz", &gzip(&focus("2026-12", &["5"])));
    moto.put(
        "bills/e/metadata/BILLING_PERIOD=2026-11/e-Manifest.json",
        export_manifest("BilledCost", &["s3://bills/e/data/BILLING_PERIOD=2026-11/e-00001.csv.gz"])
            .as_bytes(),
    );

    let one = moto.collector(&desk, &["import", "s3://bills", "--month", "2026-09", "-o", "json"]);
    assert_eq!(lines(&one), ["e 2026-09 focus complete 1 2"], "{one:?}");
    assert_eq!(sums(&desk), "444455556666,2026-09,3.3,2");
    let all = moto.collector(&desk, &["import", "focus", "s3://bills/e", "-o", "json"]);
    let expected =
        ["e 2026-09 focus unchanged 1 -", "e 2026-10 focus complete 1 1", "e 2026-11 - failed 0 -"];
    assert_eq!(lines(&all), expected, "{all:?}");
    assert_eq!(all.code, 0, "{all:?}");
    assert!(all.err.contains("e has files of 2026-12 without a manifest"), "{all:?}");
    assert!(
        all.out.contains("names e/data/BILLING_PERIOD=2026-11/e-00001.csv.gz, which does not exist"),
        "{all:?}"
    );
    let expected = "444455556666,2026-09,3.3,2\n444455556666,2026-10,4.4,1";
    assert_eq!(sums(&desk), expected);
    // The account is known from earlier months, so the gap is stored in the lake.
    let told = desk.collector(&["status", "charge", "--all", "-o", "json"]).expect_success();
    assert!(told.contains("444455556666/2026-11") && told.contains("which does not exist"), "{told}");
    // Missing files of another layout are not a gap.
    let other = moto.collector(&desk, &["import", "cur", "s3://bills/e"]);
    assert!(
        other.code == 3 && other.err.contains("e of 2026-11 has the layout focus: left out"),
        "{other:?}"
    );
    assert_tidy(&desk);
}

#[test]
fn missing_and_ambiguous_bills_are_reported() {
    let desk = Desk::default();
    let Some(moto) = Moto::start(&desk) else { return };
    moto.make_bucket("bills", "us-east-1");
    let unknown = moto.collector(&desk, &["import", "s3://no-such-bills/p"]);
    assert!(unknown.code == 1 && unknown.err.contains("there is no bucket no-such-bills"), "{unknown:?}");
    let empty = moto.collector(&desk, &["import", "s3://bills/p"]);
    assert!(empty.code == 3 && empty.err.contains("there is no bill under s3://bills/p"), "{empty:?}");
    moto.put("bills/p/20261001-20261101/a1/r-1.csv", cur("2026-10", &["1"]).as_bytes());
    moto.put("bills/p/20261001-20261101/a2/r-1.csv", cur("2026-10", &["2"]).as_bytes());
    let twice = moto.collector(&desk, &["import", "s3://bills/p"]);
    assert!(twice.code == 2 && twice.err.contains("may hold the same bill"), "{twice:?}");
    assert!(!desk.home().join(".local/share/mycelium").exists(), "no lake was created");
    let one = moto.collector(&desk, &["import", "s3://bills/p/20261001-20261101/a2/r-1.csv", "-o", "json"]);
    assert_eq!(lines(&one), ["p 2026-10 cur complete 1 1"], "{one:?}");
    assert_eq!(sums(&desk), "111122223333,2026-10,2,1");
    // A report as a ZIP archive, and a truncated one.
    let zip = "z/20261001-20261101/r-1.csv.zip";
    moto.put(&format!("bills/{zip}"), b"PK");
    moto.put("bills/z/20261001-20261101/r-Manifest.json", cur_manifest(&[zip]).as_bytes());
    let cut = "z/20261101-20261201/r-1.csv.gz";
    let bytes = gzip(&cur("2026-11", &["1"]));
    moto.put(&format!("bills/{cut}"), &bytes[..bytes.len() - 9]);
    moto.put("bills/z/20261101-20261201/r-Manifest.json", cur_manifest(&[cut]).as_bytes());
    let failed = moto.collector(&desk, &["import", "s3://bills/z", "-o", "json"]);
    assert_eq!(lines(&failed), ["z 2026-10 - failed 0 -", "z 2026-11 cur failed 1 -"], "{failed:?}");
    assert!(
        failed.code == 1 && failed.err.contains("is a ZIP archive, which is not supported"),
        "{failed:?}"
    );
    assert!(failed.out.contains("\"r-1.csv.gz: it is cut short\""), "{failed:?}");
    assert_eq!(sums(&desk), "111122223333,2026-10,2,1");
    assert_tidy(&desk);
}

#[test]
fn a_listing_of_several_pages_is_read_to_its_end() {
    let desk = Desk::default();
    let Some(moto) = Moto::start(&desk) else { return };
    moto.make_bucket("bills", "us-east-1");
    for number in 0..1_005 {
        moto.put(&format!("bills/e/data/BILLING_PERIOD=2026-10/x{number:04}/e-00001.csv"), b"old");
    }
    let last = "e/data/BILLING_PERIOD=2026-10/x9999/e-00001.csv";
    moto.put(&format!("bills/{last}"), focus("2026-10", &["3"]).as_bytes());
    let manifest = export_manifest("BilledCost", &[&format!("s3://bills/{last}")]);
    moto.put("bills/e/metadata/BILLING_PERIOD=2026-10/e-Manifest.json", manifest.as_bytes());
    let told = moto.collector(&desk, &["import", "s3://bills/e", "-o", "json"]);
    assert_eq!(lines(&told), ["e 2026-10 focus complete 1 1"], "{told:?}");
}

/// Puts a bucket's only export: the month 2026-10 with these costs.
fn one_export(stub: &Stub, costs: &[&str], written: &str) {
    let key = "e/data/BILLING_PERIOD=2026-10/e-00001.csv";
    stub.put(key, focus("2026-10", costs).into_bytes(), written);
    let manifest = export_manifest("BilledCost", &[&format!("s3://bills/{key}")]);
    stub.put("e/metadata/BILLING_PERIOD=2026-10/e-Manifest.json", manifest.into_bytes(), written);
}

#[test]
fn only_new_deliveries_are_fetched() {
    let desk = Desk::default();
    let stub = Stub::serve();
    let import = || stub.collector(&desk, &["import", "s3://bills/e", "-o", "json"]);
    one_export(&stub, &["1"], "2026-10-09T01:00:00.000Z");
    assert_eq!(lines(&import()), ["e 2026-10 focus complete 1 1"]);
    stub.take_requests();
    assert_eq!(lines(&import()), ["e 2026-10 focus unchanged 1 -"]);
    let asked = stub.take_requests();
    assert!(asked.iter().all(|asked| !asked.contains("/data/") || asked.contains("list-type")), "{asked:?}");
    one_export(&stub, &["1", "2.5"], "2026-10-10T01:00:00.000Z");
    assert_eq!(lines(&import()), ["e 2026-10 focus complete 1 2"]);
    assert_eq!(sums(&desk), "444455556666,2026-10,3.5,2");
    // Only the manifest is rewritten: the bill is the same.
    one_export(&stub, &["1", "2.5"], "2026-10-10T01:00:00.000Z");
    stub.touch("e/metadata/BILLING_PERIOD=2026-10/e-Manifest.json", "2026-10-11T01:00:00.000Z");
    assert_eq!(lines(&import()), ["e 2026-10 focus unchanged 1 -"]);
}

#[test]
fn a_linked_accounts_report_in_a_bucket_replaces_only_its_lines() {
    let desk = Desk::default();
    let stub = Stub::serve();
    let (payer, one, two) = ("111122223333", "222233334444", "333344445555");
    let deliver = |report: &str, by: &str, costs: &[(&str, &str)], written: &str| {
        let mut text = cur("2026-10", &[]).replace('\n', ",lineItem/UsageAccountId\n");
        for (account, cost) in costs {
            text +=
                &cur("2026-10", &[cost]).lines().nth(1).map(|line| format!("{line},{account}\n")).unwrap();
        }
        let folder = format!("{report}/daily/20261001-20261101");
        let key = format!("{folder}/a/daily-00001.csv.gz");
        stub.put(&key, gzip(&text), written);
        let manifest = cur_manifest_of(by, &[&key]).into_bytes();
        stub.put(&format!("{folder}/daily-Manifest.json"), manifest, written);
    };
    let import = || stub.collector(&desk, &["import", "s3://bills", "-o", "json"]);
    deliver("all", payer, &[(payer, "1"), (one, "10"), (two, "5")], "2026-10-09T01:00:00.000Z");
    deliver("own", one, &[(one, "12")], "2026-10-10T01:00:00.000Z");
    let both = ["all/daily 2026-10 cur complete 1 3", "own/daily 2026-10 cur complete 1 1"];
    assert_eq!(lines(&import()), both);
    assert_eq!(sums(&desk), "111122223333,2026-10,18,3");
    deliver("all", payer, &[(payer, "1"), (one, "13"), (two, "6")], "2026-10-11T01:00:00.000Z");
    let newer = ["all/daily 2026-10 cur complete 1 3", "own/daily 2026-10 cur unchanged 1 -"];
    assert_eq!(lines(&import()), newer);
    assert_eq!(sums(&desk), "111122223333,2026-10,20,3");
}

#[test]
fn a_delivery_in_progress_is_not_imported() {
    let desk = Desk::default();
    let stub = Stub::serve();
    let key = "e/data/BILLING_PERIOD=2026-10/e-00001.csv";
    for (written, outcome) in [(0, "failed 0 -"), (2, "complete 1 1")] {
        one_export(&stub, &["1"], "2026-10-09T01:00:00.000Z");
        stub.touch(key, &hours_ago(written));
        let told = stub.collector(&desk, &["import", "focus", "s3://bills/e", "-o", "json"]);
        assert_eq!(
            lines(&told),
            [format!("e 2026-10 {} {outcome}", if written == 0 { "-" } else { "focus" })]
        );
        assert_eq!(told.err.contains("a delivery is under way"), written == 0, "{told:?}");
    }
}

#[test]
fn a_broken_transfer_is_a_gap_and_not_a_short_bill() {
    let desk = Desk::default();
    let stub = Stub::serve();
    one_export(&stub, &["1", "2", "3"], "2026-10-09T01:00:00.000Z");
    let late = "e/data/BILLING_PERIOD=2026-11/e-00001.csv";
    stub.put(late, focus("2026-11", &["5"]).into_bytes(), "2026-11-09T01:00:00.000Z");
    let manifest = export_manifest("BilledCost", &[&format!("s3://bills/{late}")]);
    stub.put(
        "e/metadata/BILLING_PERIOD=2026-11/e-Manifest.json",
        manifest.into_bytes(),
        "2026-11-09T01:00:00.000Z",
    );
    // The transfer is cut at the end of a line, so the file itself looks complete.
    stub.cut("e/data/BILLING_PERIOD=2026-10/e-00001.csv", focus("2026-10", &["1", "2"]).len());
    let told = stub.collector(&desk, &["import", "s3://bills/e", "-o", "json"]);
    assert_eq!(lines(&told), ["e 2026-10 focus failed 1 -", "e 2026-11 focus complete 1 1"], "{told:?}");
    assert!(told.out.contains("e-00001.csv: the transfer broke"), "{told:?}");
    assert_eq!(sums(&desk), "444455556666,2026-11,5,1");
    // The next transfer is complete.
    stub.put(
        "e/data/BILLING_PERIOD=2026-10/e-00001.csv",
        focus("2026-10", &["1", "2", "3"]).into_bytes(),
        "2026-10-09T01:00:00.000Z",
    );
    let told = stub.collector(&desk, &["import", "s3://bills/e", "-o", "json"]);
    assert_eq!(lines(&told), ["e 2026-10 focus complete 1 3", "e 2026-11 focus unchanged 1 -"], "{told:?}");
    assert_tidy(&desk);
}

#[test]
fn a_refusal_names_the_denied_action() {
    let desk = Desk::default();
    let stub = Stub::serve();
    one_export(&stub, &["1"], "2026-10-09T01:00:00.000Z");
    stub.refuse("e/data/BILLING_PERIOD=2026-10/e-00001.csv", 403, "AccessDenied");
    let told = stub.collector(&desk, &["import", "s3://bills/e"]);
    assert!(told.code == 1 && told.err.contains("s3:GetObject is not allowed on bills"), "{told:?}");
    stub.refuse("e/data/BILLING_PERIOD=2026-10/e-00001.csv", 412, "PreconditionFailed");
    let told = stub.collector(&desk, &["import", "s3://bills/e"]);
    assert!(told.code == 1 && told.err.contains("was overwritten after it was listed"), "{told:?}");
    stub.refuse("", 403, "AccessDenied");
    let told = stub.collector(&desk, &["import", "s3://bills/e"]);
    assert!(told.code == 1 && told.err.contains("s3:ListBucket is not allowed on bills"), "{told:?}");
    assert!(told.err.contains("collector policy s3://bills prints one that is enough"), "{told:?}");
    let policy = desk.collector(&["policy", "s3://bills/e"]).expect_success();
    for expected in
        ["\"s3:ListBucket\"", "\"arn:aws:s3:::bills\"", "\"s3:GetObject\"", "\"arn:aws:s3:::bills/e/*\""]
    {
        assert!(policy.contains(expected), "{expected}: {policy}");
    }
    let nobody = run_command(
        desk.command("collector", &["import", "s3://bills/e"])
            .env("AWS_ENDPOINT_URL", &stub.url)
            .env("AWS_EC2_METADATA_DISABLED", "true"),
    );
    assert!(nobody.code == 1 && nobody.err.contains("no AWS credentials were found"), "{nobody:?}");
    assert!(nobody.err.contains("--account"), "{nobody:?}");
}

#[test]
fn requests_go_to_the_region_of_the_bucket() {
    let desk = Desk::default();
    let stub = Stub::serve();
    one_export(&stub, &["1"], "2026-10-09T01:00:00.000Z");
    stub.set_region("eu-central-1");
    let told = stub.collector(&desk, &["import", "s3://bills/e", "-o", "json"]);
    assert_eq!(lines(&told), ["e 2026-10 focus complete 1 1"], "{told:?}");
    let asked = stub.take_requests();
    let signed = |asked: &&String| asked.contains("/eu-central-1/s3/aws4_request");
    assert!(asked[0].starts_with("HEAD /bills") && !signed(&&asked[0]), "{asked:?}");
    assert!(asked.len() > 2 && asked[1..].iter().all(|asked| signed(&asked)), "{asked:?}");
}

#[test]
fn a_profile_sets_the_credentials_and_the_address() {
    // The second name is that of earlier versions.
    for flag in ["--account", "--profile"] {
        check_profile(flag);
    }
}

fn check_profile(flag: &str) {
    let desk = Desk::default();
    let stub = Stub::serve();
    one_export(&stub, &["1"], "2026-10-09T01:00:00.000Z");
    // A host name: an address with the bucket's name before it would not resolve.
    let url = stub.url.replace("127.0.0.1", "localhost");
    let settings = format!(
        "[profile payer]\naws_access_key_id = AKIDPAYER\naws_secret_access_key = secret\nregion = eu-west-1\n\
         services = here\n[services here]\ns3 =\n  endpoint_url = {url}\n"
    );
    std::fs::create_dir(desk.home().join(".aws")).unwrap();
    std::fs::write(desk.home().join(".aws/config"), settings).unwrap();
    let mut command = desk.command("collector", &["import", "s3://bills/e", flag, "payer", "-o", "json"]);
    // The named profile wins over the keys of the environment, as in the aws CLI.
    command.envs([("AWS_ACCESS_KEY_ID", "AKIDOTHER"), ("AWS_SECRET_ACCESS_KEY", "secret")]);
    let told = run_command(&mut command);
    assert_eq!(lines(&told), ["e 2026-10 focus complete 1 1"], "{told:?}");
    let asked = stub.take_requests();
    assert!(asked.iter().all(|asked| asked.contains("Credential=AKIDPAYER/")), "{asked:?}");
}

#[test]
fn an_interrupted_import_leaves_nothing_behind() {
    let desk = Desk::default();
    let stub = Stub::serve();
    one_export(&stub, &["1", "2"], "2026-10-09T01:00:00.000Z");
    let key = "e/data/BILLING_PERIOD=2026-10/e-00001.csv";
    stub.stall_on(key);
    let mut command = stub.command(&desk, &["import", "s3://bills/e"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    stub.wait_for_stall();
    run_command(Command::new("kill").args(["-INT", &child.id().to_string()])).expect_success();
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(130), "{ended:?}");
    assert_tidy(&desk);
    assert_eq!(query_csv(&desk, "SELECT count(*) AS n FROM charge"), "n\n0\n");
}
