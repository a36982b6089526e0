use analysis::{AnomalyKind, Day, ExactCost};
use console::{OutputFormat, Screen};
use tempfile::tempdir;

use super::*;
use crate::cost_days::read_day;

fn silent_printer() -> Printer {
    let screen = Screen { width: None, colour: false, interactive_err: false, quiet: true };
    Printer::new(OutputFormat::Json, screen, Box::new(std::io::sink()), Box::new(std::io::sink()))
}

fn anomaly(id: &str) -> FoundAnomaly {
    let started_on: Day = read_day("2026-11-10").unwrap();
    FoundAnomaly {
        id: id.into(),
        currency: "USD".into(),
        dimension: "service_name".into(),
        value: Some("EC2".into()),
        kind: AnomalyKind::Spike,
        started_on,
        ended_on: Some(started_on),
        detected_on: started_on,
        expected: Decimal::ZERO,
        actual: "12.5".parse().unwrap(),
        score: 1.5,
        known_as: None,
        feedback: None,
        drivers: vec![CostDriver {
            leaf: None,
            contribution: ExactCost::of_decimal("12.5".parse().unwrap()).unwrap(),
            share_percent: 100.0,
        }],
    }
}

#[test]
fn a_mark_is_added_to_the_file_and_a_dry_run_writes_nothing() {
    let folder = tempdir().unwrap();
    let file = UserFile::anomaly_marks(folder.path(), None);
    let mut printer = silent_printer();
    let mut mark = |answer: MarkAnswer, dry_run: bool, now: &str| {
        let args = AnomalyMarkArgs { id: "a1".into(), answer, dry_run };
        run_mark(&args, &[anomaly("a1")], &file, &mut printer, now.parse().unwrap()).unwrap();
        KnownMarks::read(&file, "2026-12-01T00:00:00Z".parse().unwrap()).unwrap().answer("a1")
    };
    assert_eq!(mark(MarkAnswer::No, true, "2026-11-20T00:00:00Z"), None);
    assert_eq!(mark(MarkAnswer::No, false, "2026-11-20T00:00:00Z"), Some(MarkAnswer::No));
    assert_eq!(mark(MarkAnswer::Yes, false, "2026-11-21T00:00:00Z"), Some(MarkAnswer::Yes));
    let earlier = KnownMarks::read(&file, "2026-11-20T12:00:00Z".parse().unwrap()).unwrap();
    assert_eq!(earlier.answer("a1"), Some(MarkAnswer::No));
}

#[test]
fn refuses_an_unknown_id_with_the_closest_one() {
    let folder = tempdir().unwrap();
    let file = UserFile::anomaly_marks(folder.path(), None);
    let args = AnomalyMarkArgs { id: "abcdef12345".into(), answer: MarkAnswer::No, dry_run: false };
    let found = [anomaly("abcdef123456")];
    let failure = run_mark(&args, &found, &file, &mut silent_printer(), Timestamp::MAX).unwrap_err();
    assert_eq!(failure.message, "there is no anomaly \"abcdef12345\"; the closest match is abcdef123456");
    assert_eq!(failure.kind, FailureKind::NoMatch);
}

#[test]
fn a_percentage_of_nothing_expected_is_null() {
    let one = anomaly("a1");
    let report = report(&[&one]);
    let at = |name: &str| report.page.position(name).unwrap();
    let row = &report.page.rows[0];
    assert_eq!(row[at("impact_percent")], Value::Null);
    assert_eq!(row[at("impact_cost")], Value::from("12.5".parse::<Decimal>().unwrap()));
    assert_eq!(row.len(), report.page.fields.len());
    let table = report.table.unwrap();
    assert!(table.rows.iter().all(|row| row.len() == table.columns.len()));
}

#[derive(clap::Parser)]
struct TypedAnomalies {
    #[command(flatten)]
    args: AnomaliesArgs,
}

#[test]
fn refuses_flags_that_are_out_of_range_or_have_no_effect() {
    let check = |line: &str, expected: Option<&str>| {
        let words = ["truffle"].into_iter().chain(line.split_whitespace());
        let typed = <TypedAnomalies as clap::Parser>::try_parse_from(words).unwrap();
        let failure = check_flags(&typed.args).err();
        assert_eq!(failure.as_ref().map(|failure| failure.message.as_str()), expected, "{line}");
    };
    check("", None);
    check("--per-year 0.1 --min-impact 0 --days 0", None);
    check("--per-year 2 mark a1 planned", None);
    check("--per-year 0", Some("--per-year 0 is not above 0 and at most 366"));
    check("--per-year NaN", Some("--per-year NaN is not above 0 and at most 366"));
    check("--min-impact=-1", Some("--min-impact -1 is below 0"));
    check("--known mark a1 no", Some("--known has no effect here"));
    check("--days 3 mark a1 no", Some("--days has no effect here"));
}
