//! Bills: the valid statement of a month, with each charge counted once.

use std::fs;
use std::path::{Path, PathBuf};

use tests::Desk;

/// Writes a FOCUS export of one month of account 12, with the service and cost of each line.
fn focus(desk: &Desk, name: &str, month: &str, lines: &[(&str, &str)]) -> PathBuf {
    let mut text = "BilledCost,EffectiveCost,BillingCurrency,BillingAccountId,BillingPeriodStart,ChargePeriodStart,ChargeCategory,ServiceName\n".to_string();
    for (service, cost) in lines {
        text += &format!("{cost},{cost},USD,12,{month}-01,{month}-02,Usage,{service}\n");
    }
    let path = desk.home().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}

fn import(desk: &Desk, file: &Path, day: &str, more: &[&str]) -> tests::Ran {
    let file = file.to_string_lossy();
    desk.collector(&[&["import", "focus", &file, "--observed-at", day, "-o", "json"], more].concat())
}

/// Returns the services and costs of a month as of a day: `EC2 1, S3 2`.
fn services(desk: &Desk, month: &str, as_of: &str) -> String {
    let month = format!("month={month}");
    let words = ["query", "cost/by-service", "--param", &month, "--as-of", as_of, "-o", "csv", "-q"];
    let out = desk.truffle(&words).out;
    let cells = out.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
    cells.map(|cells| format!("{} {}", cells[1], cells[8])).collect::<Vec<_>>().join(", ")
}

#[test]
fn the_newest_complete_bill_of_a_month_wins_in_any_import_order() {
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]] {
        let desk = Desk::default();
        let files = [
            (focus(&desk, "a.csv", "2026-09", &[("EC2", "1"), ("S3", "2.5")]), "2026-10-03", &[][..]),
            (focus(&desk, "b.csv", "2026-09", &[("EC2", "1.25")]), "2026-10-05", &[]),
            (focus(&desk, "c.csv", "2026-10", &[("EC2", "7")]), "2026-10-05", &[]),
            (focus(&desk, "d.csv", "2026-10", &[("Tax", "1")]), "2026-10-07", &["--partial"]),
        ];
        for at in order {
            let (file, day, more) = &files[at];
            import(&desk, file, day, more).expect_success();
        }
        let check = |month: &str, as_of: &str, expected: &str| {
            assert_eq!(services(&desk, month, as_of), expected, "{month} as of {as_of}, {order:?}");
        };
        check("2026-09", "2026-10-02", "");
        check("2026-09", "2026-10-04", "S3 2.5, EC2 1");
        check("2026-09", "2026-10-06", "EC2 1.25");
        check("2026-10", "2026-10-06", "EC2 7");
        check("2026-10", "2026-10-08", "EC2 7, Tax 1");
        check("latest", "2026-10-04", "S3 2.5, EC2 1");
        check("all", "2026-10-08", "EC2 8.25, Tax 1");
    }
}

#[test]
fn a_bill_is_stored_once_and_needs_all_its_parts() {
    let desk = Desk::default();
    let (one, two) = (
        focus(&desk, "x-00001.csv", "2026-09", &[("EC2", "1")]),
        focus(&desk, "x-00002.csv", "2026-09", &[("S3", "2")]),
    );
    let alone = import(&desk, &two, "2026-10-03", &[]);
    assert_eq!(alone.code, 4, "{alone:?}");
    assert!(alone.err.contains("part 1 of x is not among the files"), "{alone:?}");
    assert!(!desk.home().join(".local/share/mycelium").exists(), "no lake was created");
    let other = one.to_string_lossy().into_owned();
    let dry = import(&desk, &two, "2026-10-03", &[&other, "--dry-run"]).expect_success();
    assert!(dry.contains("\"rows_kept\": 2") && dry.contains("\"manifest\": null"), "{dry}");
    assert!(!desk.home().join(".local/share/mycelium").exists(), "a dry run creates nothing");
    let both = import(&desk, &two, "2026-10-03", &[&other]).expect_success();
    assert!(both.contains("\"rows_kept\": 2") && both.contains("\"manifest\": 1"), "{both}");
    let again = import(&desk, &one, "2026-10-03", &[&two.to_string_lossy()]).expect_success();
    assert!(again.contains("\"rows_kept\": 0") && again.contains("\"manifest\": 1"), "{again}");
    assert_eq!(services(&desk, "2026-09", "2026-10-04"), "S3 2, EC2 1");
    // The same bytes with another day are another statement. Only the newest one counts.
    import(&desk, &one, "2026-10-09", &[&two.to_string_lossy()]).expect_success();
    assert_eq!(services(&desk, "2026-09", "2026-10-10"), "S3 2, EC2 1");
    let elsewhere = focus(&desk, "older/x-00001.csv", "2026-09", &[("EC2", "9")]);
    let twice = import(&desk, &elsewhere, "2026-10-11", &[&other]);
    assert!(twice.code == 4 && twice.err.contains("one of them is an older delivery"), "{twice:?}");
}

#[test]
fn a_truncated_bill_changes_nothing() {
    let desk = Desk::default();
    let whole = focus(&desk, "a.csv", "2026-09", &[("EC2", "1")]);
    import(&desk, &whole, "2026-10-03", &[]).expect_success();
    let lines: Vec<(&str, &str)> = std::iter::repeat_n(("EC2", "1"), 150_000).collect();
    let broken = focus(&desk, "b.csv", "2026-09", &lines);
    let text = fs::read(&broken).unwrap();
    fs::write(&broken, &text[..text.len() - 1]).unwrap();
    let ran = import(&desk, &broken, "2026-10-04", &[]);
    assert!(ran.code == 4 && ran.err.contains("b.csv: it is cut short"), "{ran:?}");
    assert_eq!(services(&desk, "2026-09", "2026-10-05"), "EC2 1");
    let left = fs::read_dir(desk.home().join(".local/share/mycelium/lake/charge/v=4/month=2026-09"))
        .unwrap()
        .count();
    assert_eq!(left, 1, "the half-written files are removed");
}

#[test]
fn a_tag_is_found_in_every_spelling_and_currencies_are_not_mixed() {
    let desk = Desk::default();
    let head = "bill_payer_account_id,bill_billing_period_start_date,line_item_line_item_type,line_item_usage_start_date,line_item_currency_code,line_item_unblended_cost,line_item_product_code,resource_tags\n";
    let row = |currency: &str, cost: &str, tags: &str| {
        format!(
            "1,2026-10-01,Usage,2026-10-01,{currency},{cost},AmazonEC2,\"{}\"\n",
            tags.replace('"', "\"\"")
        )
    };
    let text = head.to_string()
        + &row("USD", "1", r#"{"user:Team":"a"}"#)
        + &row("USD", "2", r#"{"user_team":"a"}"#)
        + &row("EUR", "4", r#"{"Team":"a"}"#)
        + &row("USD", "8", "no JSON");
    let path = desk.home().join("cur.csv");
    fs::write(&path, text).unwrap();
    desk.collector(&["import", "cur", &path.to_string_lossy(), "--observed-at", "2026-11-01"])
        .expect_success();
    let ask = ["query", "cost/by-tag", "--param", "tag=Team", "-o", "csv", "-q"];
    let found = desk.truffle(&ask).expect_success();
    let cells: Vec<Vec<&str>> = found.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let short: Vec<String> = cells.iter().map(|c| format!("{} {} {}", c[0], c[1], c[8])).collect();
    assert_eq!(short, ["EUR a 4", "USD (unreadable) 8", "USD a 3"], "{found}");
}

#[test]
fn tags_that_differ_in_case_alone_are_two_tags() {
    let desk = Desk::default();
    let head = "bill/PayerAccountId,bill/BillingPeriodStartDate,lineItem/LineItemType,lineItem/UsageStartDate,lineItem/CurrencyCode,lineItem/UnblendedCost,resourceTags/user:Owner,resourceTags/user:owner,resourceTags/aws:createdBy";
    let row = |cost: &str, tags: &str| format!("1,2026-10-01,Usage,2026-10-01,USD,{cost},{tags}\n");
    let text = format!("{head}\n") + &row("1", "ada,,root") + &row("2", ",bob,") + &row("4", ",,");
    let path = desk.home().join("legacy.csv");
    fs::write(&path, text).unwrap();
    desk.collector(&["import", "cur", &path.to_string_lossy(), "--observed-at", "2026-11-01"])
        .expect_success();
    let check = |tag: &str, expected: &str| {
        let tag = format!("tag={tag}");
        let words = ["query", "cost/by-tag", "--param", &tag, "-o", "csv", "-q"];
        let found = desk.truffle(&words).expect_success();
        let cells = found.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
        let short: Vec<String> = cells.map(|c| format!("{} {}", c[1], c[8])).collect();
        assert_eq!(short.join(", "), expected, "{tag}");
    };
    check("Owner", " 6, ada 1");
    check("owner", " 5, bob 2");
    check("aws:createdBy", " 6, root 1");
    check("aws_created_by", " 6, root 1");
    let unknown = desk.truffle(&["query", "cost/by-tag", "--param", "tag=stage"]);
    assert_eq!(unknown.code, 2, "{unknown:?}");
    assert!(unknown.err.contains("the values are Owner, aws:createdBy, owner"), "{unknown:?}");
}

#[test]
fn the_bill_of_a_month_replaces_its_daily_costs() {
    let costs = |day: &str, cost: &str| {
        let next = format!("{}{:02}", &day[..8], day[8..].parse::<u32>().unwrap() + 1);
        format!(
            r#"{{"TimePeriod": {{"Start": "{day}", "End": "{next}"}}, "Groups": [{{"Keys": ["EC2"],
             "Metrics": {{"UnblendedCost": {{"Amount": "{cost}", "Unit": "USD"}}}}}}]}}"#
        )
    };
    let answer = |days: &[String]| {
        let group = r#"[{"Type": "DIMENSION", "Key": "SERVICE"}]"#;
        format!(r#"{{"GroupDefinitions": {group}, "ResultsByTime": [{}]}}"#, days.join(","))
    };
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
        let desk = Desk::default();
        let (one, two) = (desk.home().join("one.json"), desk.home().join("two.json"));
        fs::write(
            &one,
            answer(&[costs("2026-09-01", "1"), costs("2026-09-02", "2"), costs("2026-10-01", "16")]),
        )
        .unwrap();
        fs::write(&two, answer(&[costs("2026-09-02", "4")])).unwrap();
        let bill = focus(&desk, "bill.csv", "2026-09", &[("EC2", "8")]);
        for at in order {
            let (kind, file, day) = [
                ("cost-explorer", &one, "2026-10-02"),
                ("cost-explorer", &two, "2026-10-03"),
                ("focus", &bill, "2026-10-05"),
            ][at];
            desk.collector(&["import", kind, &file.to_string_lossy(), "--observed-at", day]).expect_success();
        }
        let check = |month: &str, as_of: &str, expected: &str| {
            assert_eq!(services(&desk, month, as_of), expected, "{month} as of {as_of}, {order:?}");
        };
        check("2026-09", "2026-10-02", "EC2 3");
        check("2026-09", "2026-10-04", "EC2 5");
        check("2026-09", "2026-10-06", "EC2 8");
        check("all", "2026-10-06", "EC2 24");
    }
}

/// Writes a Cost and Usage Report of payer 111122223333 for September 2026, with the usage account
/// and cost of each line.
fn cur(desk: &Desk, name: &str, lines: &[(&str, &str)]) -> String {
    let mut text = "bill/PayerAccountId,bill/BillingPeriodStartDate,lineItem/UsageAccountId,lineItem/LineItemType,lineItem/UsageStartDate,lineItem/ProductCode,lineItem/CurrencyCode,lineItem/UnblendedCost\n".to_string();
    for (account, cost) in lines {
        text += &format!(
            "{PAYER},2026-09-01T00:00:00Z,{account},Usage,2026-09-02T00:00:00Z,AmazonEC2,USD,{cost}\n"
        );
    }
    let path = desk.home().join(name);
    fs::write(&path, text).unwrap();
    path.to_string_lossy().into_owned()
}

const PAYER: &str = "111122223333";
const ONE: &str = "222233334444";
const TWO: &str = "333344445555";

/// Returns the accounts and costs of September as of a day: `222233334444 1, 333344445555 2`.
fn accounts(desk: &Desk, as_of: &str) -> String {
    let words = ["query", "cost/by-account", "--param", "month=2026-09", "--as-of", as_of, "-o", "csv", "-q"];
    let out = desk.truffle(&words).out;
    let cells = out.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
    let mut found: Vec<String> = cells.map(|cells| format!("{} {}", cells[2], cells[10])).collect();
    found.sort();
    found.join(", ")
}

#[test]
fn a_linked_accounts_report_replaces_only_its_own_lines() {
    let desk = Desk::default();
    let import = |file: &str, day: &str, more: &[&str]| {
        desk.collector(&[&["import", "cur", file, "--observed-at", day], more].concat())
    };
    let one = cur(&desk, "one.csv", &[(ONE, "10"), (ONE, "5")]);
    import(&one, "2026-10-01", &[]).expect_success();
    let two = cur(&desk, "two.csv", &[(TWO, "7")]);
    import(&two, "2026-10-02", &[]).expect_success();
    assert_eq!(accounts(&desk, "2026-10-03"), format!("{ONE} 15, {TWO} 7"));
    let newer = cur(&desk, "newer.csv", &[(ONE, "16")]);
    import(&newer, "2026-10-03", &[]).expect_success();
    assert_eq!(accounts(&desk, "2026-10-04"), format!("{ONE} 16, {TWO} 7"));

    let payer = cur(&desk, "payer.csv", &[(PAYER, "1"), (ONE, "17"), (TWO, "8")]);
    import(&payer, "2026-10-05", &[]).expect_success();
    assert_eq!(accounts(&desk, "2026-10-06"), format!("{PAYER} 1, {ONE} 17, {TWO} 8"));

    let again = cur(&desk, "again.csv", &[(ONE, "18")]);
    for more in [&[][..], &["--dry-run"]] {
        let ran = import(&again, "2026-10-07", more);
        assert_eq!(ran.code, 4, "{ran:?}");
        let why = format!(
            "may be the bill of all accounts of payer {PAYER} for 2026-09 or the report of account {ONE} alone"
        );
        assert!(ran.err.contains(&why) && ran.err.contains(&format!("--covers {ONE} ")), "{ran:?}");
    }
    assert_eq!(accounts(&desk, "2026-10-08"), format!("{PAYER} 1, {ONE} 17, {TWO} 8"));
    import(&again, "2026-10-07", &["--covers", ONE]).expect_success();
    assert_eq!(accounts(&desk, "2026-10-08"), format!("{PAYER} 1, {ONE} 18, {TWO} 8"));
    assert_eq!(
        accounts(&desk, "2026-10-06"),
        format!("{PAYER} 1, {ONE} 17, {TWO} 8"),
        "as of an earlier day"
    );
    import(&again, "2026-10-09", &["--covers", "all"]).expect_success();
    assert_eq!(accounts(&desk, "2026-10-10"), format!("{ONE} 18"));
}

#[test]
fn a_report_without_a_known_account_needs_its_coverage() {
    let desk = Desk::default();
    let import = |file: &str, day: &str, more: &[&str]| {
        desk.collector(&[&["import", "cur", file, "--observed-at", day], more].concat())
    };
    import(&cur(&desk, "two.csv", &[(TWO, "7")]), "2026-10-01", &[]).expect_success();
    let without = cur(&desk, "payer.csv", &[(PAYER, "1"), (ONE, "10")]);
    let ran = import(&without, "2026-10-02", &[]);
    assert!(ran.code == 4 && ran.err.contains(&format!("the lake has lines of account {TWO}")), "{ran:?}");
    let wrong = import(&without, "2026-10-02", &["--covers", ONE]);
    assert!(
        wrong.err.contains(&format!("has lines of account {PAYER}, which --covers does not name")),
        "{wrong:?}"
    );
    import(&without, "2026-10-02", &["--covers", &format!("{ONE},{PAYER}")]).expect_success();
    assert_eq!(accounts(&desk, "2026-10-03"), format!("{PAYER} 1, {ONE} 10, {TWO} 7"));
    let mistyped = import(&without, "2026-10-02", &["--covers", "12,all"]);
    assert!(
        mistyped.code == 2 && mistyped.err.contains("--covers \"12\" is not an account id"),
        "{mistyped:?}"
    );
    // A newer edition of the same report may leave out an account.
    let edition = cur(&desk, "edition.csv", &[(PAYER, "1"), (ONE, "10"), (TWO, "9")]);
    import(&edition, "2026-10-04", &[]).expect_success();
    let edition = cur(&desk, "edition.csv", &[(PAYER, "1"), (ONE, "12")]);
    import(&edition, "2026-10-05", &[]).expect_success();
    assert_eq!(accounts(&desk, "2026-10-06"), format!("{PAYER} 1, {ONE} 12"));
}

#[test]
fn the_footer_of_costs_states_their_extent() {
    let desk = Desk::default();
    let head = "BilledCost,EffectiveCost,BillingCurrency,BillingAccountId,BillingPeriodStart,ChargePeriodStart,ChargeCategory,ServiceName\n";
    let path = desk.home().join("focus.csv");
    let lines = [
        "1,1,USD,111122223333,2026-10-01,2026-10-20,Usage,EC2",
        "2,,USD,111122223333,2026-10-01,2026-10-22T05:00:00Z,Usage,S3",
        "0.5,,USD,111122223333,2026-10-01,2026-10-31,Tax,S3",
        "9,,USD,444455556666,2026-09-01,2026-09-30,Purchase,EC2",
    ];
    fs::write(&path, format!("{head}{}\n", lines.join("\n"))).unwrap();
    desk.collector(&["import", "focus", &path.to_string_lossy(), "--observed-at", "2026-11-22"])
        .expect_success();
    let check = |words: &[&str], rows: &str, footer: &str| {
        let ran = desk.truffle(&[&["query"], words, &["-o", "csv"]].concat());
        let cells = ran.out.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
        let found: Vec<String> =
            cells.map(|cells| format!("{} {} {}", cells[1], cells[9], cells[11])).collect();
        assert_eq!(found.join(", "), rows, "{words:?}");
        assert!(ran.err.ends_with(&format!("{footer}\n")), "{words:?}: {}", ran.err);
    };
    let lines = "lines without effective cost (usage, taxes and credits count as billed)";
    check(
        &["cost/by-service"],
        "S3 2.5 2, EC2 1 0",
        &format!(
            "newest usage in the bills 4 weeks old · left out, because their newest month is older: 444455556666 (2026-09) · 2 {lines}"
        ),
    );
    check(
        &["cost/by-service", "--param", "month=all"],
        "EC2  1, S3 2.5 2",
        &format!("newest usage in the bills 4 weeks old · 3 {lines}"),
    );
    check(
        &["cost/by-service", "--param", "month=2026-09"],
        "EC2  1",
        "newest usage in the bills 7 weeks old · 1 line without effective cost (usage, taxes and credits count as billed)",
    );
    let sql = desk.truffle(&["query", "SELECT count(*) FROM charge"]);
    assert!(sql.err.ends_with("newest usage in the bills 4 weeks old\n"), "{}", sql.err);
}

#[test]
fn data_of_a_wrong_clock_is_not_missing() {
    let desk = Desk::default();
    let path = desk.home().join("spot.csv");
    let text = "observed_at,instance_type,region,az_id,spot_usd\n2026-11-23T05:00:00Z,m7i.large,eu-west-1,euw1-az1,0.04\n";
    fs::write(&path, text).unwrap();
    desk.collector(&["import", "spot-history", &path.to_string_lossy()]).expect_success();
    let sql = desk.truffle(&["query", "SELECT price_per_hour FROM spot_price"]);
    assert!(sql.err.contains("spot prices in the future (clock?)"), "{}", sql.err);
    let latest = desk.truffle(&["query", "spot/latest", "--param", "type=m7i.large"]);
    assert_eq!(latest.code, 3, "{latest:?}");
    let why = "not observed by 2026-11-23T00:00:00Z: spot_price begins at 2026-11-23T05:00:00Z; --as-of 2026-11-23T05:00:00Z";
    assert!(latest.err.contains(why) && latest.err.contains("in the future (clock?)"), "{}", latest.err);
    let later = ["query", "spot/latest", "--param", "type=m7i.large", "--as-of", "2026-11-23T05:00:00Z"];
    assert!(desk.truffle(&later).expect_success().contains("euw1-az1"));
}

#[test]
fn costs_of_a_day_beside_a_linked_accounts_report_are_mentioned() {
    let desk = Desk::default();
    let import = |kind: &str, file: &str, more: &[&str]| {
        desk.collector(&[&["import", kind, file, "--observed-at", "2026-10-05"], more].concat())
    };
    import("cur", &cur(&desk, "one.csv", &[(ONE, "10")]), &[]).expect_success();
    let ask = || desk.truffle(&["query", "cost/by-service", "-o", "csv"]).err;
    let repeated = format!("days from Cost Explorer may repeat linked accounts' reports: {PAYER}");
    assert!(!ask().contains("may repeat"));
    let days = desk.home().join("days.json");
    let day = r#"{"GroupDefinitions": [{"Type": "DIMENSION", "Key": "SERVICE"}], "ResultsByTime": [{"TimePeriod":
        {"Start": "2026-09-02", "End": "2026-09-03"}, "Groups": [{"Keys": ["EC2"],
        "Metrics": {"UnblendedCost": {"Amount": "10", "Unit": "USD"}}}]}]}"#;
    fs::write(&days, day).unwrap();
    import("cost-explorer", &days.to_string_lossy(), &["--account", PAYER]).expect_success();
    assert!(ask().contains(&repeated), "{}", ask());
    // The report of another account may be the payer's bill now.
    let two = cur(&desk, "two.csv", &[(TWO, "1")]);
    assert_eq!(import("cur", &two, &[]).code, 4);
    import("cur", &two, &["--covers", "all"]).expect_success();
    assert!(!ask().contains("may repeat"));
}

/// Writes lines of a Cost and Usage Report of October 2026 with varied days, services, kinds and
/// tags. Each line has a name of its own.
fn varied_lines(desk: &Desk, name: &str, numbers: impl Iterator<Item = usize>) -> String {
    let mut text = "bill/PayerAccountId,bill/BillingPeriodStartDate,lineItem/UsageAccountId,lineItem/LineItemType,lineItem/UsageStartDate,lineItem/ProductCode,lineItem/UsageType,lineItem/CurrencyCode,lineItem/UnblendedCost,pricing/publicOnDemandCost,savingsPlan/SavingsPlanEffectiveCost,savingsPlan/SavingsPlanARN,identity/LineItemId,product/vcpu,resourceTags/user:Team,resourceTags/user:Name,resourceTags/user:Job\n".to_string();
    for at in numbers {
        let kind = match at % 11 {
            0 => "Tax",
            1 => "SavingsPlanCoveredUsage",
            2 => "Refund",
            3 => "SomethingNew",
            _ => "Usage",
        };
        let plan = if at % 22 == 1 { "0.25,arn:plan" } else { "," };
        let listed = if at % 5 == 0 { String::new() } else { format!("{}.5", at % 17) };
        // Sums by day and job would be as many rows as lines.
        let job = if at % 5 == 3 { String::new() } else { format!("job-{}", at % 90) };
        let team = if at % 7 == 0 { String::new() } else { format!("team-{}", at % 3) };
        text += &format!(
            "{PAYER},2026-10-01T00:00:00Z,{},{kind},2026-10-{:02}T{:02}:00:00Z,Amazon{},BoxUsage:m5.large,{},\
             {}.000000000000000{:03},{listed},{plan},id-{at},\"{}\"\"\",{team},host-{at},{job}\n",
            if at % 2 == 0 { ONE } else { TWO },
            at / 600 + 1,
            at % 24,
            at % 4,
            if at % 13 == 0 { "EUR" } else { "USD" },
            at % 1000,
            at % 1000,
            at % 8,
        );
    }
    let path = desk.home().join(name);
    fs::write(&path, text).unwrap();
    path.to_string_lossy().into_owned()
}

/// The answers of all questions about costs, and the entries of `extra`.
fn answers_of_costs(desk: &Desk) -> Vec<String> {
    let run = |words: &[&str]| desk.truffle(&[&["query"], words, &["-o", "csv", "-q"]].concat());
    let ask = |words: &[&str]| format!("{words:?}\n{}", run(words).expect_success());
    let extra = "SELECT extra ->> '$.\"identity/LineItemId\"' AS id, extra ->> '$.\"product/vcpu\"' AS vcpu, \
                 billed_cost, tags FROM charge ORDER BY id LIMIT 500";
    vec![
        ask(&["cost/by-account"]),
        ask(&["cost/by-day"]),
        ask(&["cost/by-day", "--param", "service=Amazon1", "--param", "month=all"]),
        ask(&["cost/by-kind"]),
        ask(&["cost/by-service", "--param", "month=2026-10"]),
        ask(&["cost/by-tag", "--param", "tag=Team"]),
        ask(&["cost/by-tag", "--param", "tag=Job"]),
        ask(&["cost/by-tag", "--param", "tag=user:name"]),
        // It lists the keys there are.
        run(&["cost/by-tag", "--param", "tag=Nowhere"]).err,
        ask(&["cost/tag-keys"]),
        ask(&["cost/newest-usage"]),
        ask(&[extra]),
    ]
}

fn sums_of(desk: &Desk) -> Vec<PathBuf> {
    let folder = desk.home().join(".local/share/mycelium/lake/charge/v=4/sums=2026-10");
    fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn daily_sums_give_the_answers_of_their_lines_and_end_with_their_statement() {
    const LINES: usize = 12_000;
    let (summed, plain) = (Desk::default(), Desk::default());
    let import = |desk: &Desk, file: &str, more: &[&str]| {
        let words = ["import", "cur", file, "--observed-at", "2026-11-01"];
        desk.collector(&[&words[..], more].concat()).expect_success()
    };
    import(&summed, &varied_lines(&summed, "all.csv", 0..LINES), &["--covers", "all"]);
    // A file of few lines has no sums.
    for (name, part) in [("one.csv", 0..LINES / 2), ("two.csv", LINES / 2..LINES)] {
        import(&plain, &varied_lines(&plain, name, part), &["--partial"]);
    }
    assert_eq!((sums_of(&summed).len(), sums_of(&plain).len()), (1, 0));
    let expected = answers_of_costs(&plain);
    let found = answers_of_costs(&summed);
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    assert!(
        expected[5].contains("team-2")
            && expected[6].contains("job-89")
            && expected[7].contains("host-77")
            && expected[11].contains("id-1000,")
    );

    // The report of a linked account ends only its part of the sums, and only from its day on.
    let before =
        summed.truffle(&["query", "cost/by-account", "--as-of", "2026-11-02", "-o", "csv", "-q"]).out;
    for desk in [&summed, &plain] {
        let linked = varied_lines(desk, "linked.csv", (0..3_000).step_by(2));
        let words = ["import", "cur", &linked, "--covers", ONE, "--observed-at", "2026-11-05"];
        desk.collector(&words).expect_success();
    }
    let expected = answers_of_costs(&plain);
    assert_ne!(found[0], expected[0]);
    assert_eq!(answers_of_costs(&summed), expected);
    let after = summed.truffle(&["query", "cost/by-account", "--as-of", "2026-11-02", "-o", "csv", "-q"]).out;
    assert!(!before.is_empty() && before == after, "{after}");

    // One changed byte is never an answer, and the lines answer without the sums.
    let path = &sums_of(&summed)[0];
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
    let damaged = summed.truffle(&["query", "cost/by-service"]);
    assert!(damaged.code != 0 && damaged.err.contains("sums=2026-10"), "{damaged:?}");
    summed.collector(&["drop", "--damaged"]).expect_success();
    assert!(sums_of(&summed).is_empty());
    assert_eq!(answers_of_costs(&summed), expected);
}
