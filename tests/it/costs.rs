//! Costs: the commands about bills, as users run them.

use std::fs;
use std::path::PathBuf;

use tests::{Desk, Ran};

/// Writes a FOCUS export of the first days of a month, with two services, a fee and a tag that
/// looks like markup. `scale` multiplies the usage.
pub(crate) fn focus(desk: &Desk, name: &str, month: &str, days: u32, scale: u32) -> PathBuf {
    let head = "BilledCost,EffectiveCost,BillingCurrency,BillingAccountId,BillingPeriodStart,\
                ChargePeriodStart,ChargeCategory,ChargeFrequency,ServiceName,SubAccountId,RegionId,Tags\n";
    let mut text = head.to_string();
    let mut line = |cost: String, day: u32, category: &str, service: &str, account: u32, tags: &str| {
        text += &format!(
            "{cost},{cost},USD,111122223333,{month}-01,{month}-{day:02},{category},Usage-Based,{service},\
             {account},us-east-1,{tags}\n"
        );
    };
    for day in 1..=days {
        line(format!("{}.25", scale * (10 + day % 7)), day, "Usage", "EC2", 111_122_223, "");
        let tag = r#""{""team"":""\""><script>alert(1)</script>""}""#;
        line(format!("{scale}.000000000000000001"), day, "Usage", "S3", 444_455_556, tag);
    }
    line("25".into(), 1, "Purchase", "EC2", 111_122_223, "");
    let text = text.replace("111122223,us", "111122223333,us").replace("444455556,us", "444455556666,us");
    let path = desk.home().join(name);
    fs::write(&path, text).unwrap();
    path
}

pub(crate) fn import(desk: &Desk, (name, month, days, scale, time): &BillStatement) {
    let file = focus(desk, name, month, *days, *scale);
    let words = ["import", "focus", &file.to_string_lossy(), "--observed-at", time, "-q"];
    desk.collector(&words).expect_success();
}

/// Name, month, number of days, scale and time of a statement.
pub(crate) type BillStatement = (&'static str, &'static str, u32, u32, &'static str);

/// The statements up to 12 November.
pub(crate) const EARLY: [BillStatement; 5] = [
    ("aug.csv", "2026-08", 31, 1, "2026-09-04"),
    ("sep.csv", "2026-09", 30, 1, "2026-10-04"),
    ("oct-1.csv", "2026-10", 19, 1, "2026-10-20"),
    ("oct-2.csv", "2026-10", 31, 1, "2026-11-04"),
    ("nov-1.csv", "2026-11", 10, 1, "2026-11-11"),
];

/// The statements after 12 November: a correction, newer ones of the running month, and one that
/// lacks most of the usage of its days.
pub(crate) const LATE: [BillStatement; 4] = [
    ("oct-3.csv", "2026-10", 31, 7, "2026-11-15"),
    ("nov-2.csv", "2026-11", 15, 3, "2026-11-16"),
    ("nov-3.csv", "2026-11", 19, 2, "2026-11-20"),
    ("nov-0.csv", "2026-11", 10, 0, "2026-11-14"),
];

/// The same usage as in `nov-1.csv`, and that of nine days more.
const LONGER: BillStatement = ("nov-4.csv", "2026-11", 19, 1, "2026-11-20");

/// The answers of every command about costs as of 12 November.
fn answers(desk: &Desk) -> Vec<(String, i32, String)> {
    let lines = [
        "cost",
        "cost --by account,service --top 1",
        "cost --by tag:team --month 2026-10",
        "forecast --by service",
        "forecast --daily --through 2026-11-05",
        "trends",
        "anomalies --min-impact 0 --per-year 12",
        "calendar",
        "budget check",
        "alerts",
        "query cost/arrival",
        "report --html page.html",
    ];
    answers_to(desk, &lines, &["--as-of", "2026-11-12"])
}

/// Returns the command lines with their exit codes and answers, and the page of `report`.
fn answers_to(desk: &Desk, lines: &[&str], flags: &[&str]) -> Vec<(String, i32, String)> {
    let answer = |line: &&str| {
        let words: Vec<&str> = line.split(' ').chain(["-o", "csv"]).chain(flags.iter().copied()).collect();
        let Ran { code, out, err } = desk.truffle(&words);
        assert!([0, 3, 6].contains(&code), "{line}: {code} {err}");
        (line.to_string(), code, out)
    };
    let mut found: Vec<(String, i32, String)> = lines.iter().map(answer).collect();
    found.push(("page".into(), 0, fs::read_to_string(desk.home().join("page.html")).unwrap()));
    found
}

#[test]
fn statements_dated_after_the_instant_of_an_answer_change_none_in_any_order() {
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]] {
        let desk = Desk::default();
        EARLY.iter().for_each(|statement| import(&desk, statement));
        let set = ["budget", "set", "all", "--amount", "100", "--actual", "50,100"];
        desk.truffle(&set).expect_success();
        let before = answers(&desk);
        assert!(before[0].2.contains("EC2"), "{:?}", before[0]);
        for at in order {
            import(&desk, &LATE[at]);
        }
        for ((line, ..), (found, expected)) in before.iter().zip(answers(&desk).iter().zip(&before)) {
            assert_eq!(found, expected, "{line}, {order:?}");
        }
        let now = desk.truffle(&["cost", "-o", "csv", "-q"]).expect_success();
        assert_ne!(now, before[0].2, "without --as-of the newer statements count");
    }
}

#[test]
fn bills_of_later_days_change_no_answer_with_an_earlier_last_day() {
    let desk = Desk::default();
    EARLY.iter().for_each(|statement| import(&desk, statement));
    desk.truffle(&["budget", "set", "all", "--amount", "100", "--actual", "50,100"]).expect_success();
    let lines = [
        "cost",
        "cost --by tag:team",
        "forecast --by service",
        "forecast --daily --horizon 2m",
        "trends",
        "trends --by week",
        "anomalies --min-impact 0 --per-year 12",
        "calendar",
        "budget check",
        "alerts",
        "report --html page.html",
    ];
    let answers = || {
        let mut found = answers_to(&desk, &lines, &["--through", "2026-11-05"]);
        // The page also states the newest complete day of the bills, which is a later one.
        let page = found.last_mut().map(|(_, _, page)| page).unwrap();
        let notes = page.split_inclusive("</p>").filter(|note| !note.contains("costs are complete through"));
        *page = notes.collect();
        found
    };
    let before = answers();
    let newest = desk.truffle(&["cost", "-o", "csv", "-q"]).expect_success();
    import(&desk, &LONGER);
    for (found, expected) in answers().iter().zip(&before) {
        assert_eq!(found, expected);
    }
    let now = desk.truffle(&["cost", "-o", "csv", "-q"]).expect_success();
    assert_ne!(now, newest, "without --through the later days count");
}

#[test]
fn the_order_of_imports_changes_no_answer() {
    let answers_of = |statements: &mut dyn Iterator<Item = &BillStatement>| {
        let desk = Desk::default();
        statements.for_each(|statement| import(&desk, statement));
        desk.truffle(&["budget", "set", "all", "--amount", "100"]).expect_success();
        answers(&desk)
    };
    let forwards = answers_of(&mut EARLY.iter().chain(&LATE));
    assert_eq!(answers_of(&mut EARLY.iter().chain(&LATE).rev()), forwards);
}

#[test]
fn a_tag_that_looks_like_markup_is_text_in_pages_and_drawings() {
    let desk = Desk::default();
    EARLY.iter().for_each(|statement| import(&desk, statement));
    let filter = "tag:team=\"><script>alert(1)</script>";
    let words = ["calendar", "--filter", filter, "--svg", "c.svg", "-q"];
    desk.truffle(&words).expect_success();
    let set = ["budget", "set", "team", "--amount", "1", "--filter", filter, "-q"];
    desk.truffle(&set).expect_success();
    desk.truffle(&["report", "--html", "page.html", "-q"]).expect_success();
    let read = |name: &str| fs::read_to_string(desk.home().join(name)).unwrap();
    let (drawing, page) = (read("c.svg"), read("page.html"));
    assert!(drawing.contains("&gt;&lt;script&gt;alert(1)") && !drawing.contains("<script"), "{drawing}");
    assert!(!page.contains("<script") && !page.contains("http:") && !page.contains("https:"), "{page}");
    assert!(page.contains("default-src 'none'; style-src 'unsafe-inline'"), "{page}");
    for title in ["Forecast", "Largest changes", "Anomalies", "Budgets", "Calendar"] {
        assert!(page.contains(&format!("<h2>{title}</h2>")), "{title}: {page}");
    }
}

#[test]
fn without_a_bill_every_command_about_costs_ends_with_4() {
    let desk = Desk::default();
    for line in ["cost", "forecast", "trends", "anomalies", "calendar", "report --html page.html"] {
        let ran = desk.truffle(&line.split(' ').collect::<Vec<_>>());
        assert_eq!(ran.code, 4, "{line}: {ran:?}");
        assert!(ran.err.contains("not collected yet: charges"), "{line}: {ran:?}");
    }
    desk.truffle(&["budget", "set", "all", "--amount", "1"]).expect_success();
    let ran = desk.truffle(&["budget", "check"]);
    assert!(ran.code == 4 && ran.out.contains("unseen"), "{ran:?}");
}

#[test]
fn half_a_month_is_forecast_from_its_complete_days() {
    let desk = Desk::default();
    import(&desk, &("oct.csv", "2026-10", 31, 1, "2026-11-04"));
    import(&desk, &("nov.csv", "2026-11", 15, 1, "2026-11-23"));
    let out = desk.truffle(&["forecast", "-o", "csv"]).expect_success();
    assert!(out.lines().nth(1).unwrap().ends_with(",2026-11-13"), "{out}");
    let days = desk.truffle(&["calendar", "--months", "1", "-o", "csv"]).expect_success();
    assert!(
        days.contains("2026-11-14,") && days.contains("incomplete") && !days.contains("2026-11-16"),
        "{days}"
    );
}

#[test]
fn a_charge_outside_its_billing_month_counts_in_its_bill() {
    let desk = Desk::default();
    let head = "BilledCost,EffectiveCost,BillingCurrency,BillingAccountId,BillingPeriodStart,\
                ChargePeriodStart,ChargeCategory,ServiceName\n";
    let line = |cost: &str, day: &str| format!("{cost},{cost},USD,111122223333,2026-10-01,{day},Usage,EC2\n");
    let text = head.to_string()
        + &line("1", "2026-09-30T23:00:00")
        + &line("2", "2026-10-31T23:00:00")
        + &line("4", "2026-11-01T00:00:00");
    let path = desk.home().join("oct.csv");
    fs::write(&path, text).unwrap();
    let words = ["import", "focus", &path.to_string_lossy(), "--observed-at", "2026-11-04", "-q"];
    desk.collector(&words).expect_success();
    let out = desk.truffle(&["query", "cost/daily", "--columns", "day,cost", "-o", "csv"]).expect_success();
    assert_eq!(out, "day,cost\n2026-10-01,1\n2026-10-31,6\n");
    let out = desk.truffle(&["cost", "--columns", "service_name,total_cost", "-o", "csv"]).expect_success();
    assert_eq!(out, "service_name,total_cost\nEC2,7\n");
}
