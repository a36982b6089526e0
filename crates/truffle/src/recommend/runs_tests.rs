//! Runs `truffle recommend runs` against prices in memory.

use std::fs;
use std::path::Path;

use catalog::rows::{CollectionRunRow, OnDemandPriceRow, RegionRow};
use catalog::testing::MemoryAsk;
use catalog::{Page, QuestionRow, Value};
use clap::Parser;
use console::{Exit, Failure, OutputFormat};

use super::runs::{RecommendRunsArgs, run_recommend_runs};
use super::runs_file::RunsFile;
use crate::test_run::{TestRun, TestUser};

#[derive(Parser)]
struct RunsCommandLine {
    #[command(flatten)]
    runs: RecommendRunsArgs,
}

const HEADER: &str = "job,instance_type,count,runtime_seconds\n";

fn page<R: QuestionRow>(rows: Vec<Vec<Value>>) -> Page {
    Page { fields: R::fields(), rows }
}

fn warehouse() -> MemoryAsk {
    let at = || Value::Timestamp(domain::parse_instant("2026-11-01").unwrap());
    let price = move |name: &str, price: &str, currency: &str| {
        let price: Value = price.parse::<domain::Decimal>().unwrap().into();
        let region = "us-east-1".into();
        vec![name.into(), region, price, currency.into(), at(), "offer".into(), "published".into()]
    };
    // The last price is in a currency that is not the region's.
    let prices = vec![
        price("m7i.large", "0.1", "USD"),
        price("c7i.large", "0.05", "USD"),
        price("r7i.large", "0.2", "CNY"),
    ];
    let region = |name: &str| {
        let null = || Value::Null;
        vec![name.into(), "aws".into(), null(), null(), null(), null()]
    };
    let regions = vec![region("us-east-1"), region("eu-west-1")];
    MemoryAsk::default()
        .answer("price/current", move |_| page::<OnDemandPriceRow>(prices.clone()))
        .answer("region/list", move |_| page::<RegionRow>(regions.clone()))
        .answer("data/runs", |_| page::<CollectionRunRow>(Vec::new()))
}

/// Runs the command on a file of these bytes. Returns the answer as CSV, and the notes.
fn run(bytes: &[u8], flags: &str) -> (Result<Exit, Failure>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("runs.csv");
    #[allow(clippy::disallowed_methods, reason = "the test writes the file of the user")]
    fs::write(&file, bytes).unwrap();
    run_file(&file, flags)
}

fn run_file(file: &Path, flags: &str) -> TestRun {
    let typed = ["runs", file.to_str().unwrap()].into_iter().chain(flags.split_whitespace());
    let args = RunsCommandLine::try_parse_from(typed).unwrap_or_else(|error| panic!("{flags}: {error}")).runs;
    let ask = warehouse();
    let user = TestUser::new(&ask, "2026-11-20T10:00:00Z");
    user.run(OutputFormat::Csv, |ports, printer| run_recommend_runs(&args, ports, printer, user.as_of))
}

/// The curve 40 + 800 / n on one type, and one run of half the speed on another.
fn sample() -> String {
    let runs = [2, 4, 8].map(|n| format!("etl,m7i.large,{n},{}\n", 40.0 + 800.0 / f64::from(n)));
    format!("{HEADER}{}etl,c7i.large,4,480\n", runs.concat())
}

/// Returns the cells of the row of a type and count.
fn row<'a>(out: &'a str, start: &str) -> Vec<&'a str> {
    let line =
        out.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no {start}: {out}"));
    line.split(',').collect()
}

#[test]
fn each_row_has_runtime_cost_and_method() {
    let (done, out, notes) = run(sample().as_bytes(), "--counts 4,8,16");
    assert_eq!(done, Ok(Exit::Done), "{notes}");
    assert!(out.starts_with(
        "instance_type,count,runtime_seconds,lower_90,upper_90,cost,cost_lower_90,cost_upper_90,currency,method,\
         extrapolated,error_percent,error_runs,next,"
    ));
    let measured = row(&out, "m7i.large,4,");
    assert_eq!((measured[2], measured[9]), ("240.0", "measured"));
    let cost: f64 = measured[5].parse().unwrap();
    assert!((cost - 240.0 / 3600.0 * 0.1 * 4.0).abs() < 1e-9 && measured[8] == "USD");
    let curve = row(&out, "m7i.large,16,");
    let seconds: f64 = curve[2].parse().unwrap();
    assert!((seconds - 90.0).abs() < 0.5, "{curve:?}");
    assert_eq!((curve[9], curve[10], curve[12]), ("curve", "true", "3"), "8 counts, and 16 is far beyond");
    let ratio = row(&out, "c7i.large,8,");
    assert_eq!((ratio[9], ratio[11], ratio[12]), ("ratio", "", "0"));
    let seconds: f64 = ratio[2].parse().unwrap();
    assert!((seconds - 280.0).abs() < 1.0, "{ratio:?}");
    assert!(notes.contains("prices"), "the age of the prices is stated: {notes}");
}

#[test]
fn a_type_without_a_run_has_no_prediction_and_one_without_a_price_no_cost() {
    let file = sample().replace("etl,c7i.large,4,480", "etl,r7i.large,4,480");
    let (done, out, notes) = run(file.as_bytes(), "--types c7i.large,r7i.large,m7i.large");
    assert_eq!(done, Ok(Exit::Done));
    let untried = row(&out, "c7i.large,4,");
    assert_eq!((untried[2], untried[5], untried[9]), ("", "", ""));
    assert!(untried.last().unwrap().contains("too few runs of c7i.large"));
    let foreign = row(&out, "r7i.large,4,");
    assert_eq!(
        (foreign[2], foreign[5], foreign[8]),
        ("480.0", "", ""),
        "a price in another currency is no price"
    );
    assert!(foreign.last().unwrap().contains("no on-demand price of r7i.large for linux in us-east-1"));
    assert!(notes.contains("next run to try: ") && notes.contains(" of c7i.large"), "{notes}");
}

#[test]
fn repeats_decide_whether_another_try_pays() {
    let file = format!("{HEADER}etl,m7i.large,2,440\netl,m7i.large,4,240\n");
    let flags = "--types m7i.large,c7i.large --repeats";
    let (_, out, notes) = run(file.as_bytes(), &format!("{flags} 1000"));
    let next = out.lines().find(|line| line.contains(",true,")).unwrap();
    let after: u64 = next.split(',').nth(16).unwrap().parse().unwrap();
    assert!(next.starts_with("c7i.large,") && after > 1, "{next}");
    assert!(notes.contains(&format!("it pays after {after} runs, so it pays for 1000")), "{notes}");
    let (_, _, notes) = run(file.as_bytes(), &format!("{flags} {}", after - 1));
    assert!(notes.contains(&format!("so it does not pay for {}", after - 1)), "{notes}");
}

#[test]
fn a_deadline_leaves_out_what_may_end_later() {
    let (done, out, notes) = run(sample().as_bytes(), "--deadline 5m");
    assert_eq!(done, Ok(Exit::Done));
    let rows: Vec<&str> = out.lines().skip(1).collect();
    assert!(rows.iter().all(|row| !row.contains(",440,") && !row.contains(",480,")), "{out}");
    assert!(notes.contains("configurations are left out: their upper bound exceeds the deadline"), "{notes}");
    let failure = run(sample().as_bytes(), "--deadline 10s").0.unwrap_err();
    assert_eq!(failure.message, "no configuration is sure to end within --deadline 10s");
}

#[test]
fn a_row_that_repeats_another_is_named_and_counted_once() {
    let text = format!("{}etl,m7i.large,2,440\n", sample());
    let file = RunsFile::parse(text.as_bytes()).unwrap();
    assert_eq!((file.repeated_lines, file.runs.len()), (vec![6], 4));
    let (_, _, notes) = run(text.as_bytes(), "");
    assert!(notes.contains("lines that repeat an earlier one, counted once: 6"), "{notes}");
}

#[test]
fn inputs_come_from_the_last_run_or_from_flags() {
    let text =
        "job,instance_type,count,runtime_seconds,gb,rounds\na,m7i.large,2,9,10,1\na,m7i.large,2,9,20,3\n";
    let file = RunsFile::parse(text.as_bytes()).unwrap();
    assert_eq!(file.inputs, ["gb", "rounds"]);
    assert_eq!(file.inputs_of("a", &[]).unwrap(), [20.0, 3.0]);
    assert_eq!(file.inputs_of("a", &["gb=10".into()]).unwrap(), [10.0, 3.0]);
    let refused = |flag: &str| file.inputs_of("a", &[flag.into()]).unwrap_err().message;
    assert_eq!(refused("tb=1"), "--input tb: the file has no such input column; the closest match is gb");
    assert_eq!(refused("gb=much"), "--input \"gb=much\" is not a column and a number");
}

#[test]
fn a_new_job_is_tried_as_other_jobs_advise_and_two_jobs_need_a_name() {
    let text = format!("{}other,m7i.large,2,100\nother,c7i.large,2,900\n", sample());
    let failure = run(text.as_bytes(), "").0.unwrap_err();
    assert_eq!(failure.message, "the file has 2 jobs, such as etl, other");
    let (done, out, notes) = run(text.as_bytes(), "--job new");
    assert_eq!(done, Ok(Exit::Done));
    assert_eq!(out.lines().filter(|line| line.contains(",true,")).count(), 1, "{out}");
    assert!(notes.contains("new has no runs in the file: nothing is predicted"), "{notes}");
}

#[test]
fn bad_files_are_refused_with_the_line() {
    let check = |text: &str, expected: &str| {
        let failure = RunsFile::parse(text.as_bytes()).unwrap_err();
        assert!(failure.message.contains(expected), "{text:?}: {}", failure.message);
        assert!(failure.hint.is_some(), "{text:?}");
    };
    let row = |row: &str| format!("{HEADER}a,m7i.large,2,10\n{row}\n");
    check("", "it is empty");
    check(HEADER, "it has no runs, only a header");
    check("job,instance_type,count\n", "it has no column runtime_seconds");
    check("job,instance_type,counts,runtime_seconds\n", "no column count; the closest match is counts");
    check("job,job,instance_type,count,runtime_seconds\n", "the column \"job\" occurs twice");
    check(&row("a,m7i.large,2,-10"), "line 3: runtime_seconds \"-10\" is not a number above 0");
    check(&row("a,m7i.large,2,0"), "line 3: runtime_seconds \"0\"");
    check(&row("a,m7i.large,2,inf"), "line 3: runtime_seconds \"inf\"");
    check(&row("a,m7i.large,2,NaN"), "line 3: runtime_seconds \"NaN\"");
    check(&row("a,m7i.large,2,1e300"), "line 3: runtime_seconds \"1e300\"");
    check(&row("a,m7i.large,2,ten"), "line 3: runtime_seconds \"ten\"");
    check(&row("a,m7i.large,0,10"), "line 3: count \"0\" is not a whole number from 1 to 100000");
    check(&row("a,m7i.large,-2,10"), "line 3: count \"-2\"");
    check(&row("a,m7i.large,2.5,10"), "line 3: count \"2.5\"");
    check(&row("a,large,2,10"), "line 3: \"large\" is not an instance type");
    check(&row("a,m7i.large;rm,2,10"), "line 3: \"m7i.large;rm\" is not an instance type");
    check(&row(",m7i.large,2,10"), "line 3: job is empty");
    check(&row("a,m7i.large,2"), "line 3: it has 3 fields, and the header 4");
    check(&row("a,m7i.large,2,10,5"), "line 3: it has 5 fields, and the header 4");
    check(
        "job,instance_type,count,runtime_seconds,gb\na,m7i.large,2,10,\n",
        "line 2: gb \"\" is not a number",
    );
    check("job,instance_type,count,runtime_seconds,gb\na,m7i.large,2,10,big\n", "line 2: gb \"big\"");
    let many: String = (0..9).map(|_| "a,m7i.large,2,-1\n").collect();
    check(
        &format!("{HEADER}{many}"),
        "line 6: runtime_seconds \"-1\" is not a number above 0; and 4 more rows",
    );
    let failure =
        RunsFile::parse(b"job,instance_type,count,runtime_seconds\n\xff\xfe,m7i.large,2,10\n").unwrap_err();
    assert_eq!(failure.message, "line 2 is not CSV text in UTF-8");
}

#[test]
fn thin_files_are_answered() {
    let (done, out, _) = run(format!("{HEADER}a,m7i.large,2,10\n").as_bytes(), "--counts 2,4");
    assert_eq!(done, Ok(Exit::Done), "one run");
    assert_eq!((row(&out, "m7i.large,2,")[2], row(&out, "m7i.large,4,")[2]), ("10.0", ""));
    let two = format!("{HEADER}a,m7i.large,2,10\na,m7i.large,2,12\n");
    let (_, out, _) = run(two.as_bytes(), "--counts 2,4");
    let middle: f64 = row(&out, "m7i.large,2,")[2].parse().unwrap();
    assert!((middle - 120.0_f64.sqrt()).abs() < 1e-9, "two runs of one count have their median: {middle}");
    assert_eq!(row(&out, "m7i.large,4,")[2], "");
    let equal = format!("{HEADER}a,m7i.large,2,10\na,m7i.large,4,10\na,m7i.large,8,10\n");
    let (_, out, _) = run(equal.as_bytes(), "--counts 6");
    let seconds: f64 = row(&out, "m7i.large,6,")[2].parse().unwrap();
    assert!((seconds - 10.0).abs() < 1e-6, "all runs equal: {seconds}");
}

#[test]
fn wrong_flags_and_paths_are_refused() {
    let refused = |flags: &str| run(sample().as_bytes(), flags).0.unwrap_err().message;
    assert!(refused("--types m7i.lagre").starts_with("--types m7i.lagre: the file has no run of it"));
    assert!(refused("--region mars").contains("unknown region \"mars\""));
    assert!(refused("--input gb=1").contains("--input gb: the file has no such input column"));
    let missing = run_file(Path::new("/nowhere/runs.csv"), "").0.unwrap_err();
    assert!(missing.message.starts_with("/nowhere/runs.csv: "), "{}", missing.message);
    assert!(run_file(Path::new("/"), "").0.unwrap_err().message.contains("folder"));
    let parsed = |flags: &str| {
        RunsCommandLine::try_parse_from(["runs", "f"].into_iter().chain(flags.split(' '))).is_ok()
    };
    assert!(parsed("--counts 2,4") && !parsed("--counts 0") && !parsed("--counts x"));
    assert!(
        parsed("--repeats 3")
            && !parsed("--repeats 0")
            && !parsed("--deadline -1h")
            && !parsed("--deadline soon")
    );
}
