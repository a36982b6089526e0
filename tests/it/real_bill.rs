//! A real bill: hourly usage of two accounts in October and November 2018, from the AWS
//! Well-Architected Labs. The files are not in the repository; without them the test is skipped.

#![allow(clippy::disallowed_macros, reason = "a skipped test says so")]

use std::path::PathBuf;

use domain::Decimal;
use serde_json::Value;
use tests::{Desk, repository_root};

/// Returns a home with both months imported; `None` without the files.
fn real_bill() -> Option<Desk> {
    let folder = repository_root().join("../shared/data/cur-2018");
    let files: Vec<PathBuf> = ["Oct", "Nov"]
        .iter()
        .map(|it| folder.join(format!("{it}2018-WorkshopCUR-00001.snappy.parquet")))
        .collect();
    if !files.iter().all(|file| file.exists()) {
        eprintln!("skipped: {} has no bills", folder.display());
        return None;
    }
    let desk = Desk::default();
    let files: Vec<String> = files.iter().map(|file| file.to_string_lossy().into_owned()).collect();
    desk.collector(&["import", "cur", &files[0], &files[1], "--observed-at", "2018-12-05"]).expect_success();
    Some(desk)
}

#[test]
fn the_real_steps_are_found_and_the_change_of_the_month_is_explained_to_the_last_digit() {
    let Some(desk) = real_bill() else { return };
    check_anomalies(&desk);
    check_trends(&desk);
}

fn check_anomalies(desk: &Desk) {
    let out = desk.truffle(&["anomalies", "--through", "2018-11-30", "-o", "json", "-q"]).expect_success();
    let found: Vec<Value> = serde_json::from_str(&out).unwrap();
    let totals: Vec<&Value> = found.iter().filter(|one| one["dimension"] == "total").collect();
    let starts: Vec<&str> = totals.iter().filter_map(|one| one["started_on"].as_str()).collect();
    assert_eq!(starts, ["2018-11-25", "2018-11-21"]);
    // The fees of 1 November have a category, and no usage changed on that day.
    assert!(found.iter().all(|one| one["started_on"] != "2018-11-01"), "{found:?}");
    let step = totals[1];
    assert!(step["detected_on"].as_str().is_some_and(|day| day <= "2018-11-22"), "{step}");
    let driver = &step["drivers"][0];
    assert_eq!(driver["service_name"], "AWS Glue");
    assert_eq!(driver["usage_type"], "USE1-DEVED-DPU-Hour");
    let days = 4.0;
    let contribution = number(&driver["contribution_cost"]) / days;
    assert!((contribution + 100.91).abs() < 1.0, "{contribution}");
    let second = totals[0];
    assert!((number(&second["actual_cost"]) / days - 9.65).abs() < 0.1, "{second}");
}

fn number(value: &Value) -> f64 {
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_else(|| panic!("{value} is no number"))
}

fn check_trends(desk: &Desk) {
    let words = ["trends", "--by", "month", "--through", "2018-11-30", "--top", "0", "-o", "csv", "-q"];
    let out = desk.truffle(&words).expect_success();
    let mut lines = out.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let at = |name: &str| header.iter().position(|column| *column == name).unwrap();
    let effects = ["price_effect", "quantity_effect", "new_cost", "gone_cost", "other_change"];
    let (mut usage, mut fees) = (Decimal::ZERO, Decimal::ZERO);
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let amount = |name: &str| cells[at(name)].parse::<Decimal>().unwrap();
        let change = amount("change_cost");
        assert_eq!(effects.map(amount).into_iter().sum::<Decimal>(), change, "{line}");
        assert_eq!(amount("list_price_effect") + amount("discount_effect"), amount("price_effect"), "{line}");
        let part = if cells[at("charge_category")] == "Usage" { &mut usage } else { &mut fees };
        *part += change;
    }
    let text = |amount: Decimal| amount.normalize().to_string();
    assert_eq!((text(usage).as_str(), text(fees).as_str()), ("-556.7647844111", "-2.391379"));
}
