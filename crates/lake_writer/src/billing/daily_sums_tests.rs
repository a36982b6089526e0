use catalog::{Page, Value};

use super::super::charges::charge;
use super::super::entry_columns::{TAGS, with_columns};
use super::*;
use crate::columns;

/// A line: start, service, category, billed and effective cost, and tags.
type Line<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str, &'a str);

fn frame(lines: &[Line<'_>]) -> DataFrame {
    let fields = charge().fields();
    let amount = |text: &str| match text {
        "" => Value::Null,
        text => Value::Decimal(text.parse().unwrap()),
    };
    let cell = |name: &str, line: &Line<'_>| match name {
        "bill" => "1/2026-10".into(),
        "billing_currency" => "USD".into(),
        "charge_period_start" if !line.0.is_empty() => Value::Timestamp(line.0.parse().unwrap()),
        "service_name" => line.1.into(),
        "charge_category" if !line.2.is_empty() => line.2.into(),
        "billed_cost" => amount(line.3),
        "effective_cost" => amount(line.4),
        "tags" if !line.5.is_empty() => line.5.into(),
        _ => Value::Null,
    };
    let row = |line| fields.iter().map(|field| cell(&field.name, line)).collect();
    columns::frame(&Page { rows: lines.iter().map(row).collect(), fields }).unwrap()
}

/// Returns these columns of the sums, one line for each row. The lines are added in two parts.
fn sums(lines: &[Line<'_>], tags: &[&str], shown: &[&str]) -> Option<Vec<String>> {
    let tags: Vec<String> = tags.iter().map(|key| key.to_string()).collect();
    let mut sums = DailySums::new(&tags);
    let (first, rest) = lines.split_at(lines.len() / 2);
    for part in [first, rest] {
        let frame = with_columns(frame(part)).unwrap();
        let names: Vec<String> = tags.iter().map(|key| tag_column(key)).collect();
        let split = EntryColumns::split(&frame, &TAGS, &names).unwrap();
        sums.add(&frame, &split).unwrap();
    }
    let (fields, frames) = sums.finish("run").unwrap()?;
    let mut found = Vec::new();
    for rows in frames {
        let names = fields.iter().map(|field| field.name.as_str());
        assert!(names.eq(rows.get_column_names().iter().map(|name| name.as_str())));
        let cell = |name: &&str, row: usize| {
            let text = rows.column(name).unwrap().get(row).unwrap().to_string();
            text.trim_matches('"').trim_end_matches(".000000000000000000").to_string()
        };
        let line = |row| shown.iter().map(|name| cell(name, row)).collect::<Vec<_>>().join(" ");
        found.extend((0..rows.height()).map(line));
    }
    found.sort();
    Some(found)
}

const ONE: &str = "2026-10-01T01:00:00Z";
const LATE: &str = "2026-10-01T23:00:00Z";
const TWO: &str = "2026-10-02T00:00:00Z";

#[test]
fn lines_of_a_day_that_agree_are_one_row_with_exact_sums() {
    let mut lines = vec![(ONE, "EC2", "Usage", "0.000000000000000001", "", ""); 6];
    lines.extend([(LATE, "EC2", "Usage", "1", "3", "")]);
    lines.extend([(TWO, "EC2", "Purchase", "5", "", ""); 4]);
    lines.extend([(TWO, "EC2", "Purchase", "-1", "2", "")]);
    lines.extend([("", "S3", "", "7", "7", ""); 4]);
    let shown = [
        "service_name",
        "billed_cost",
        "counted_effective_cost",
        "lines",
        "counted_lines",
        "stated_lines",
        "newest_start",
    ];
    let expected = [
        "EC2 1.000000000000000006 3.000000000000000006 7 7 1 2026-10-01 23:00:00",
        "EC2 19 2 5 1 1 2026-10-02 00:00:00",
        "S3 28 28 4 4 4 null",
    ];
    assert_eq!(sums(&lines, &[], &shown).unwrap(), expected);
}

#[test]
fn a_tag_with_many_values_is_counted_and_is_no_column() {
    let tags: Vec<String> = (0..40)
        .map(|at| {
            format!(
                r#"{{"Name":"host-{at}","Team":"t{}"{}}}"#,
                at % 2,
                if at == 3 { r#","x":"1""# } else { "" }
            )
        })
        .collect();
    let lines: Vec<Line<'_>> = tags.iter().map(|tags| (ONE, "EC2", "Usage", "1", "1", &**tags)).collect();
    let found = sums(&lines, &["Name", "Team"], &["tag:^team", "lines", "billed_cost", "tag_lines"]).unwrap();
    let expected = [
        r#"t0 20 20 [{"key":"Name","lines":20}]"#,
        r#"t1 20 20 [{"key":"x","lines":1},{"key":"Name","lines":20}]"#,
    ];
    let sorted = |text: &str| {
        let mut parts: Vec<&str> = text.split(|c| "[]{} ".contains(c)).collect();
        parts.sort_unstable();
        parts.join(" ")
    };
    assert_eq!(found.len(), 2);
    found.iter().zip(expected).for_each(|(found, expected)| {
        assert_eq!(sorted(&found.replace('\\', "")), sorted(expected));
    });
}

#[test]
fn a_tag_with_many_values_has_sums_by_value_without_the_day() {
    // Seven hosts and lines without a host on each of three days.
    let cells: Vec<(String, String)> = (0..120)
        .map(|at| {
            let tags = if at % 8 == 7 { String::new() } else { format!(r#"{{"Name":"h{}"}}"#, at % 8) };
            (format!("2026-10-{:02}T00:00:00Z", at / 40 + 1), tags)
        })
        .collect();
    let line = |at: usize| match at % 8 {
        3 => (&*cells[at].0, "EC2", "Tax", "2", "", &*cells[at].1),
        _ => (&*cells[at].0, "EC2", "Usage", "2", "1", &*cells[at].1),
    };
    let lines: Vec<Line<'_>> = (0..cells.len()).map(line).collect();
    let shown = ["of_tag", "of_value", "charge_category", "lines", "billed_cost", "counted_effective_cost"];
    let found = sums(&lines, &["Name"], &shown).unwrap();
    let (of_name, of_days): (Vec<&String>, Vec<&String>) =
        found.iter().partition(|row| row.starts_with("Name "));
    assert_eq!(of_name.len(), 8, "{found:?}");
    assert_eq!(of_name[0], "Name h0 Usage 15 30 15");
    assert_eq!(of_name[3], "Name h3 Tax 15 30 30", "a tax without effective cost counts as billed");
    assert_eq!(of_name[7], "Name null Usage 15 30 15", "lines without the tag are a row");
    let tax = of_days.iter().filter(|row| **row == "null null Tax 5 10 10").count();
    assert_eq!((of_days.len(), tax), (6, 3), "usage and tax on each day: {found:?}");
}

#[test]
fn a_tag_with_a_value_on_each_line_has_no_sums_by_value() {
    let tags: Vec<String> = (0..40).map(|at| format!(r#"{{"Name":"host-{at}"}}"#)).collect();
    let lines: Vec<Line<'_>> = tags.iter().map(|tags| (ONE, "EC2", "Usage", "1", "1", &**tags)).collect();
    assert_eq!(sums(&lines, &["Name"], &["of_tag", "lines"]).unwrap(), ["null 40"]);
}

#[test]
fn a_month_without_a_gain_has_no_sums() {
    let line: Line<'_> = (ONE, "EC2", "Usage", "1", "1", "");
    assert!(sums(&vec![line; FEWEST_LINES], &[], &[]).is_some());
    assert!(sums(&vec![line; FEWEST_LINES - 1], &[], &[]).is_none());
    let services: Vec<String> = (0..FEWEST_LINES).map(|at| format!("s{at}")).collect();
    let distinct: Vec<Line<'_>> =
        services.iter().map(|service| (ONE, &**service, "Usage", "1", "1", "")).collect();
    assert!(sums(&distinct, &[], &[]).is_none());
}
