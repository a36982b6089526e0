//! Commitments and repriced bills, as users ask for them.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use domain::Decimal;
use serde_json::Value;
use tests::{Desk, Ran, is_long_run, repository_root};

/// Instance type, operation and price per hour of the usage in the real bill.
const REAL_PRICES: [(&str, &str, &str); 6] = [
    ("c5.large", "RunInstances", "0.085"),
    ("m4.xlarge", "RunInstances", "0.2"),
    ("m5.large", "RunInstances:0002", "0.188"),
    ("t2.large", "RunInstances", "0.0928"),
    ("t2.micro", "RunInstances", "0.0116"),
    ("t3.micro", "RunInstances:0002", "0.0196"),
];

/// Writes a list of Savings Plans rates of us-east-1 in AWS's layout.
fn plans(desk: &Desk, name: &str, day: &str, rates: &[(&str, &str, Decimal)]) -> PathBuf {
    let mut text = format!(
        "FormatVersion,v1.0\nDisclaimer,none\nPublication Date,{day}T00:00:00Z\nVersion,1\n\
         OfferCode,AmazonComputeSavingsPlan\n\
         SKU,RateCode,Unit,EffectiveDate,DiscountedRate,Currency,DiscountedSKU,DiscountedServiceCode,\
         DiscountedUsageType,DiscountedOperation,PurchaseOption,LeaseContractLength,\
         LeaseContractLengthUnit,Product Family,DiscountedRegionCode,DiscountedInstanceType\n"
    );
    for (name, operation, rate) in rates {
        for family in ["ComputeSavingsPlans", "EC2InstanceSavingsPlans"] {
            text += &format!(
                "P,P.{name},Hrs,{day}T00:00:00Z,{rate},USD,S{name},AmazonEC2,BoxUsage:{name},{operation},\
                 No Upfront,1,year,{family},us-east-1,{name}\n"
            );
        }
    }
    write(desk, name, &text)
}

/// Writes a price list of us-east-1 with on-demand prices for Linux.
fn price_list(desk: &Desk, name: &str, day: &str, prices: &[(&str, &str)]) -> PathBuf {
    let mut text = format!(
        "\"FormatVersion\",\"v1.0\"\n\"Disclaimer\",\"none\"\n\"Publication Date\",\"{day}T00:00:00Z\"\n\
         \"Version\",\"1\"\n\"OfferCode\",\"AmazonEC2\"\n\
         SKU,OfferTermCode,TermType,EffectiveDate,Unit,PricePerUnit,Currency,LeaseContractLength,\
         PurchaseOption,\
         OfferingClass,Product Family,Instance Type,Tenancy,Operating System,License Model,CapacityStatus,\
         MarketOption,Pre Installed S/W,Region Code\n"
    );
    for (name, price) in prices {
        text += &format!(
            "S{name},T,OnDemand,{day},Hrs,{price},USD,,,,Compute Instance,{name},Shared,Linux,\
             No License required,Used,OnDemand,NA,us-east-1\n"
        );
    }
    write(desk, name, &text)
}

/// Usage of one hour: day, hour, instance type, quantity, billed cost, list cost and line type.
struct SampleHour<'a>(u32, u32, &'a str, Decimal, Decimal, Decimal, &'a str);

/// Writes an hourly Cost and Usage Report of a month.
fn report<'a>(
    desk: &Desk,
    name: &str,
    month: &str,
    hours: impl IntoIterator<Item = SampleHour<'a>>,
) -> PathBuf {
    let mut text = "bill/PayerAccountId,bill/BillingPeriodStartDate,lineItem/UsageAccountId,\
                    lineItem/LineItemType,lineItem/UsageStartDate,lineItem/UsageEndDate,lineItem/ProductCode,\
                    lineItem/UsageType,lineItem/Operation,lineItem/CurrencyCode,lineItem/UsageAmount,\
                    lineItem/UnblendedCost,pricing/publicOnDemandCost,pricing/term,pricing/unit,\
                    product/region,\
                    product/instanceType,savingsPlan/SavingsPlanEffectiveCost,savingsPlan/SavingsPlanARN\n"
        .to_string();
    for SampleHour(day, hour, instance, quantity, cost, list, kind) in hours {
        let end = if hour == 23 {
            format!("{month}-{day:02}T23:59:59Z")
        } else {
            format!("{month}-{day:02}T{:02}:00:00Z", hour + 1)
        };
        let plan = if kind == "SavingsPlanCoveredUsage" { "0.05,arn:plan" } else { "," };
        text += &format!(
            "111122223333,{month}-01T00:00:00Z,111122223333,{kind},{month}-{day:02}T{hour:02}:00:00Z,{end},\
             AmazonEC2,BoxUsage:{instance},RunInstances,USD,{quantity},{cost},{list},OnDemand,Hrs,us-east-1,\
             {instance},{plan}\n"
        );
    }
    write(desk, name, &text)
}

fn write(desk: &Desk, name: &str, text: &str) -> PathBuf {
    let path = desk.home().join(name);
    fs::write(&path, text).unwrap();
    path
}

pub(crate) fn import(desk: &Desk, kind: &str, file: &Path, more: &[&str]) {
    let file = file.to_string_lossy();
    desk.collector(&[&["import", kind, &*file, "-q"], more].concat()).expect_success();
}

fn answer(desk: &Desk, line: &str) -> Vec<Value> {
    let words: Vec<&str> = line.split(' ').chain(["-o", "json", "-q"]).collect();
    serde_json::from_str(&desk.truffle(&words).expect_success()).unwrap()
}

fn amount(row: &Value, name: &str) -> Decimal {
    let text = match &row[name] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    text.parse().unwrap_or_else(|_| panic!("{name} of {row}"))
}

fn exact(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// Returns the row of a choice.
fn choice<'a>(rows: &'a [Value], name: &str) -> &'a Value {
    rows.iter().find(|row| row["commitment_choice"] == name).unwrap_or_else(|| panic!("{name}: {rows:?}"))
}

#[test]
fn the_commitment_of_the_real_october_costs_in_november_almost_as_little_as_the_best_one() {
    let folder = repository_root().join("../shared/data/cur-2018");
    let bills =
        ["Oct", "Nov"].map(|name| folder.join(format!("{name}2018-WorkshopCUR-00001.snappy.parquet")));
    if !bills.iter().all(|bill| bill.exists()) {
        eprintln!("skipped: {} has no bills", folder.display());
        return;
    }
    let desk = Desk::default();
    for bill in &bills {
        import(&desk, "cur", bill, &["--observed-at", "2018-12-05"]);
    }
    let rates = REAL_PRICES.map(|(name, operation, price)| (name, operation, exact(price) * exact("0.73")));
    import(&desk, "savings-plans", &plans(&desk, "plans.csv", "2026-09-01", &rates), &[]);
    let rounded = |row: &Value, name: &str| amount(row, name).round_dp(2).to_string();

    let october = answer(&desk, "commitment --through 2018-10-31 --window 31d");
    let chosen = amount(choice(&october, "best"), "commitment_per_hour");
    assert_eq!(chosen.to_string(), "0.462382");
    assert_eq!(rounded(choice(&october, "best"), "cost"), "393.15");

    let line = format!("commitment --through 2018-11-30 --window 30d --amount {chosen}");
    let november = answer(&desk, &line);
    let (held_over, hindsight) = (choice(&november, "amount"), choice(&november, "best"));
    assert_eq!((rounded(held_over, "cost"), rounded(hindsight, "cost")), ("437.87".into(), "437.47".into()));
    assert_eq!(rounded(hindsight, "on_demand_cost"), "501.17");

    // The same choice, judged by the command itself.
    let past = answer(&desk, "commitment --through 2018-11-30 --window 31d");
    let past = choice(&past, "best");
    assert_eq!(
        (past["past_choices"].as_i64(), past["past_worse_than_nothing_percent"].as_f64()),
        (Some(1), Some(0.0))
    );
    let over = past["past_cost_over_hindsight"].as_f64().unwrap();
    assert!((over - 437.8692 / 437.4692).abs() < 1e-4 && over <= 1.005, "{over}");

    let owned = answer(&desk, "commitment --through 2018-11-30 --owned");
    assert_eq!(owned.len(), 9);
    assert_eq!(owned[0]["ends_at"], "2019-04-03T01:21:12Z");
    assert!(owned.iter().any(|one| amount(one, "unused_cost") > Decimal::ZERO), "{owned:?}");
}

/// Hours of a month with a changing number of instances, billed at `share` of the list price.
fn hours<'a>(
    types: &'a [(&'a str, &'a str)],
    share: &'a str,
    days: u32,
) -> impl Iterator<Item = SampleHour<'a>> {
    (1..=days).flat_map(move |day| (0..24).map(move |hour| (day, hour))).flat_map(move |(day, hour)| {
        types.iter().enumerate().map(move |(at, (name, price))| {
            let quantity = Decimal::from(1 + (day * 7 + hour * 3 + at as u32) % 4) + exact("0.018333");
            let list = (quantity * exact(price)).round_dp(10);
            SampleHour(day, hour, name, quantity, (list * exact(share)).round_dp(10), list, "Usage")
        })
    })
}

const TYPES: [(&str, &str); 2] = [("m5.large", "0.096"), ("c5.xlarge", "0.17")];

/// A lake with prices from August on and the hourly bill of October.
fn october(share: &str) -> Desk {
    let desk = Desk::default();
    let prices =
        [("m5.large", "0.096"), ("c5.xlarge", "0.17"), ("m7g.large", "0.0816"), ("c7g.xlarge", "0.1450")];
    import(&desk, "price-list", &price_list(&desk, "aug.csv", "2026-08-01", &prices), &["--whole"]);
    let covered =
        SampleHour(3, 4, "m5.large", exact("2"), exact("0.192"), exact("0.192"), "SavingsPlanCoveredUsage");
    let unknown = SampleHour(3, 5, "z9.large", exact("1"), exact("9"), exact("9"), "Usage");
    let lines = hours(&TYPES, share, 31).chain([covered, unknown]);
    import(&desk, "cur", &report(&desk, "oct.csv", "2026-10", lines), &["--observed-at", "2026-11-04"]);
    desk
}

#[test]
fn at_the_own_prices_of_then_matched_hours_cost_their_list_cost_to_ten_digits() {
    let desk = october("0.9");
    let rows = answer(&desk, "whatif --month 2026-10");
    let matched: Decimal =
        rows.iter().map(|row| amount(row, "whatif_cost") - amount(row, "unmatched_cost")).sum();
    let sql = "SELECT CAST(sum(list_cost) AS VARCHAR) AS c FROM charge WHERE line_item_type = 'Usage' \
               AND instance_type <> 'z9.large'";
    let out = desk.truffle(&["query", "-o", "json", "-q", sql]).expect_success();
    let list = amount(&serde_json::from_str::<Value>(&out).unwrap()[0], "c");
    assert_eq!(matched.round_dp(10).normalize(), list.round_dp(10).normalize());
    let usage = rows.iter().find(|row| row["line_type"] == "Usage").unwrap();
    assert_eq!(
        (usage["why_unmatched"].as_str(), amount(usage, "unmatched_cost")),
        (Some("no price"), exact("9"))
    );
    let covered = rows.iter().find(|row| row["line_type"] == "SavingsPlanCoveredUsage").unwrap();
    assert_eq!(covered["why_unmatched"], "covered by a commitment");
    assert_eq!(amount(covered, "difference_cost"), Decimal::ZERO);
}

#[test]
fn to_another_family_and_back_is_the_identity() {
    let there = october("1");
    let rows = answer(&there, "whatif --month 2026-10 --map m5=m7g,c5=c7g");
    let usage = |rows: &[Value]| rows.iter().find(|row| row["line_type"] == "Usage").unwrap().clone();
    let (first, nine) = (usage(&rows), exact("9"));

    // The same hours of the other families, billed at their list prices.
    let back = october("1");
    let other = [("m7g.large", "0.0816"), ("c7g.xlarge", "0.1450")];
    let unknown = SampleHour(3, 5, "z9.large", exact("1"), nine, nine, "Usage");
    let lines = hours(&other, "1", 31).chain([unknown]);
    import(&back, "cur", &report(&back, "other.csv", "2026-10", lines), &["--observed-at", "2026-11-05"]);
    let second = usage(&answer(&back, "whatif --month 2026-10 --map m7g=m5,c7g=c5"));
    let ten = |row: &Value, name: &str| amount(row, name).round_dp(8).normalize();
    assert_eq!(ten(&second, "actual_cost"), ten(&first, "whatif_cost"));
    assert_eq!(ten(&second, "whatif_cost"), ten(&first, "actual_cost"));
    assert_eq!(ten(&second, "difference_cost"), -ten(&first, "difference_cost"));
}

#[test]
fn past_usage_keeps_the_price_of_then_until_another_instant_is_asked_for() {
    let desk = october("1");
    let before = answer(&desk, "whatif --month 2026-10");
    let dearer = [("m5.large", "0.12"), ("c5.xlarge", "0.2")];
    import(&desk, "price-list", &price_list(&desk, "nov.csv", "2026-11-10", &dearer), &["--whole"]);
    assert_eq!(answer(&desk, "whatif --month 2026-10"), before);
    let now = answer(&desk, "whatif --month 2026-10 --prices-as-of 2026-11-15");
    assert!(amount(&now[0], "difference_cost") > exact("50"), "{now:?}");
    assert_eq!(answer(&desk, "whatif --month 2026-10 --prices-as-of 2026-11-05"), before);
}

/// Imports own discounts, stated on a day: id, account, percent, first and last day.
fn import_discounts(desk: &Desk, day: &str, lines: &str) {
    let text = format!("discount_id,account_id,percent,starts_on,ends_on\n{lines}");
    import(desk, "discount", &write(desk, &format!("own-{day}.csv"), &text), &["--observed-at", day]);
}

#[test]
fn repriced_hours_have_the_own_discount_of_their_account_on_their_day() {
    let desk = october("1");
    import_discounts(
        &desk,
        "2026-11-06",
        "first,,10,2026-10-01,2026-10-15\nother,999988887777,90,,\nmine,111122223333,50,2026-10-31,\n",
    );
    let usage = |line: &str| {
        let rows = answer(&desk, line);
        rows.into_iter().find(|row| row["line_type"] == "Usage").unwrap()
    };
    let sql = "SELECT CAST(sum(list_cost * CASE WHEN charge_period_start < '2026-10-16' THEN 0.9 \
               WHEN charge_period_start >= '2026-10-31' THEN 0.5 ELSE 1 END) AS VARCHAR) AS own, \
               CAST(sum(list_cost) AS VARCHAR) AS list \
               FROM charge WHERE line_item_type = 'Usage' AND instance_type <> 'z9.large'";
    let out = desk.truffle(&["query", "-o", "json", "-q", sql]).expect_success();
    let expected = &serde_json::from_str::<Value>(&out).unwrap()[0];
    let matched = |row: &Value, name: &str| amount(row, name) - amount(row, "unmatched_cost");
    let eight = |number: Decimal| number.round_dp(8).normalize();
    let found = usage("whatif --month 2026-10");
    assert_eq!(eight(matched(&found, "whatif_cost")), eight(amount(expected, "own")));
    assert_eq!(eight(matched(&found, "whatif_list_cost")), eight(amount(expected, "list")));
    assert_eq!(amount(&found, "unmatched_cost"), exact("9"), "other lines have no discount");
    let list = usage("whatif --month 2026-10 --no-discount");
    assert_eq!(list["whatif_cost"], found["whatif_list_cost"]);
    assert_eq!(list["whatif_cost"], usage("whatif --month 2026-10 --as-of 2026-11-05")["whatif_cost"]);
    let at_a_day = usage("whatif --month 2026-10 --prices-as-of 2026-10-20");
    assert_eq!(eight(matched(&at_a_day, "whatif_cost")), eight(amount(expected, "list")));
    import_discounts(&desk, "2026-11-07", "a,,10,,\nb,,10,,\n");
    let tied = desk.truffle(&["whatif", "--month", "2026-10"]);
    assert_eq!(tied.code, 4, "{tied:?}");
    assert!(tied.err.contains("the discounts \"a\" and \"b\" apply equally to"), "{tied:?}");
}

/// The answers as of 12 November.
fn answers(desk: &Desk) -> Vec<(String, i32, String)> {
    let lines = [
        "commitment",
        "commitment --plan instance --window 20d --amount 0.1",
        "commitment --owned",
        "whatif",
        "whatif --month 2026-10 --map m5=m7g",
        "whatif --plan compute --prices-as-of 2026-11-11",
        "query commitment/hours",
        "query commitment/usage",
        "query cost/repriced --param month=2026-10",
    ];
    let answer = |line: &&str| {
        let words: Vec<&str> = line.split(' ').chain(["--as-of", "2026-11-12", "-o", "csv", "-q"]).collect();
        let Ran { code, out, err } = desk.truffle(&words);
        assert!([0, 3].contains(&code), "{line}: {code} {err}");
        (line.to_string(), code, out)
    };
    lines.iter().map(answer).collect()
}

#[test]
fn statements_after_the_instant_of_an_answer_change_none_in_any_order() {
    let rates = |factor: &str| {
        TYPES.map(|(name, price)| (name, "RunInstances", exact(price) * exact(factor))).to_vec()
    };
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let desk = october("1");
        import(&desk, "savings-plans", &plans(&desk, "sep.csv", "2026-09-01", &rates("0.7")), &["--whole"]);
        import_discounts(&desk, "2026-11-01", "edp,,10,,\n");
        let before = answers(&desk);
        assert!(before[0].2.contains(",best,") && before[3].2.contains("Usage"), "{before:?}");
        for at in order {
            match at {
                0 => {
                    let later = plans(&desk, "nov.csv", "2026-11-15", &rates("0.5"));
                    import(&desk, "savings-plans", &later, &["--whole"]);
                }
                1 => {
                    let later = price_list(&desk, "prices.csv", "2026-11-16", &[("m5.large", "0.2")]);
                    import(&desk, "price-list", &later, &["--whole"]);
                    import_discounts(&desk, "2026-11-17", "edp,,20,,\n");
                }
                _ => {
                    let later = report(&desk, "later.csv", "2026-10", hours(&TYPES, "3", 31));
                    import(&desk, "cur", &later, &["--observed-at", "2026-11-20"]);
                }
            }
        }
        for (found, expected) in answers(&desk).iter().zip(&before) {
            assert_eq!(found, expected, "{order:?}");
        }
        let now = desk.truffle(&["commitment", "-o", "csv", "-q"]).expect_success();
        assert_ne!(now, before[0].2, "without --as-of the newer statements count");
    }
}

#[test]
fn a_daily_bill_gives_an_upper_bound_and_says_so() {
    let desk = october("1");
    let rates = TYPES.map(|(name, price)| (name, "RunInstances", exact(price) * exact("0.7")));
    import(&desk, "savings-plans", &plans(&desk, "sep.csv", "2026-09-01", &rates), &[]);
    let hourly = answer(&desk, "commitment");
    let mut text = "BilledCost,EffectiveCost,ListCost,BillingCurrency,BillingAccountId,SubAccountId,\
                    BillingPeriodStart,\
                    ChargePeriodStart,ChargePeriodEnd,ChargeCategory,PricingCategory,PricingQuantity,\
                    ServiceName,\
                    RegionId,x_ServiceCode,x_UsageType,x_Operation\n"
        .to_string();
    for (at, (name, price)) in TYPES.iter().enumerate() {
        for day in 1..=31u32 {
            let lines = hours(&TYPES, "1", 31).filter(|line| line.0 == day && line.2 == TYPES[at].0);
            let quantity: Decimal = lines.map(|line| line.3).sum();
            let cost = quantity * exact(price);
            let end = if day == 31 { "2026-11-01".to_string() } else { format!("2026-10-{:02}", day + 1) };
            text += &format!(
                "{cost},{cost},{cost},USD,111122223333,111122223333,2026-10-01,2026-10-{day:02},\
                 {end},Usage,Standard,\
                 {quantity},EC2,us-east-1,AmazonEC2,BoxUsage:{name},RunInstances\n"
            );
        }
    }
    let daily = write(&desk, "daily.csv", &text);
    import(&desk, "focus", &daily, &["--observed-at", "2026-11-06"]);
    let ran = desk.truffle(&["commitment", "-o", "json"]);
    assert!(ran.err.contains("savings are an upper bound"), "{ran:?}");
    let rows: Vec<Value> = serde_json::from_str(&ran.expect_success()).unwrap();
    let (daily, hourly) = (choice(&rows, "best"), choice(&hourly, "best"));
    assert_eq!(amount(daily, "on_demand_cost").round_dp(4), amount(hourly, "on_demand_cost").round_dp(4));
    assert!(amount(daily, "saving_cost") >= amount(hourly, "saving_cost"), "{daily} {hourly}");
}

#[test]
fn thin_bills_and_bad_flags_have_a_sentence_and_an_exit_code() {
    let desk = october("1");
    let check = |line: &str, code: i32, sentence: &str| {
        let ran = desk.truffle(&line.split(' ').collect::<Vec<_>>());
        assert_eq!(ran.code, code, "{line}: {ran:?}");
        assert!(ran.err.contains(sentence), "{line}: {ran:?}");
    };
    check("commitment", 4, "not collected yet: rates of a 1-year no-upfront");
    let rates = [("r9.large", "RunInstances", exact("1"))];
    import(&desk, "savings-plans", &plans(&desk, "other.csv", "2026-09-01", &rates), &[]);
    check("commitment", 3, "fits the on-demand usage: BoxUsage:");
    check("whatif --plan compute", 3, "no price of that time fits the hours of instances in 2026-10");
    let rates = TYPES.map(|(name, price)| (name, "RunInstances", exact(price) * exact("0.7")));
    import(&desk, "savings-plans", &plans(&desk, "sep.csv", "2026-09-02", &rates), &[]);
    check("commitment --window 60d", 4, "--window 60d is longer than the bills, which cover 31 days");
    check("commitment --amount=-1", 2, "is not an amount above 0");
    check("commitment --as-of 2000-01-01", 4, "no bill was known by 2000-01-01");
    check("whatif --month 2026-09", 4, "not collected yet: charges of 2026-09");
    check("whatif --as-of 2000-01-01", 4, "no bill was known by 2000-01-01");
    check(
        "whatif --region cn-north-1",
        3,
        "prices of cn-north-1 are in CNY, and the bill of 2026-10 is in USD",
    );
    check("whatif --map m5=m7x", 2, "--map: unknown family \"m7x\"; the closest match is m7");
    check("whatif --spot", 3, "no price of that time fits the hours of instances in 2026-10");
    check("whatif --prices-as-of 1999-01-01", 3, "no price of that time fits the hours");
}

/// Returns the Python of the notebooks, which the oracles need. Without it, says that a test is
/// skipped.
pub(crate) fn oracle_python() -> Option<PathBuf> {
    let python = repository_root().join(".tools/venv/bin/python");
    if !python.exists() {
        eprintln!("skipped: there is no .tools/venv; `cargo xtask setup --tests` makes it");
        return None;
    }
    Some(python)
}

/// Runs a script of `tests/` in the environment of the notebooks, with a text as its input.
pub(crate) fn oracle(python: &Path, script: &str, words: &[&str], input: &str) -> String {
    let mut command = Command::new(python);
    command.arg("-B").arg(repository_root().join("tests").join(script)).args(words);
    // One thread is enough for tables of this size.
    command.env("POLARS_MAX_THREADS", "1").env("OMP_NUM_THREADS", "1");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A question is drawn without reading the input.
    stdin.write_all(input.as_bytes()).ok();
    drop(stdin);
    Ran::of(child.wait_with_output().unwrap()).expect_success()
}

/// Answers questions two at a time. Adds the exit code and the rows to each.
pub(crate) fn answered(desk: &Desk, questions: &[Value]) -> Vec<Value> {
    let answer = |question: &Value| {
        let words: Vec<&str> =
            question["words"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let ran = desk.truffle(&[&words[..], &["-o", "json", "-q"]].concat());
        let mut answer = question.clone();
        answer["code"] = ran.code.into();
        answer["rows"] = serde_json::from_str(&ran.out).unwrap_or(Value::Null);
        answer
    };
    let (one, other) = questions.split_at(questions.len() / 2);
    std::thread::scope(|scope| {
        let one = scope.spawn(|| one.iter().map(answer).collect::<Vec<Value>>());
        let other: Vec<Value> = other.iter().map(answer).collect();
        [one.join().unwrap(), other].concat()
    })
}

/// Imports the price lists, rates of plans and spot prices of the oracle. Returns the folder with
/// all files that it wrote.
pub(crate) fn import_oracle_prices(desk: &Desk, python: &Path) -> PathBuf {
    let folder = desk.home().join("oracle");
    fs::create_dir(&folder).unwrap();
    oracle(python, ORACLE, &["make", &folder.to_string_lossy(), "17"], "");
    for region in ["us-east-1", "eu-west-1"] {
        for day in ["2026-08-01", "2026-10-10"] {
            let file = folder.join(format!("prices-{region}-{day}.csv"));
            import(desk, "price-list", &file, &["--whole"]);
        }
        for day in ["2026-08-15", "2026-10-20"] {
            let file = folder.join(format!("plans-{region}-{day}.csv"));
            import(desk, "savings-plans", &file, &["--whole"]);
        }
    }
    import(desk, "spot-history", &folder.join("spot.csv"), &[]);
    folder
}

const ORACLE: &str = "oracle_plans.py";

#[test]
fn random_questions_agree_with_an_oracle_over_exported_tables() {
    let Some(python) = oracle_python() else { return };
    let desk = Desk::default();
    let folder = import_oracle_prices(&desk, &python);
    let place = folder.to_string_lossy().into_owned();
    for (month, time) in [("2026-09", "2026-10-04"), ("2026-10", "2026-11-04")] {
        import(&desk, "cur", &folder.join(format!("bill-{month}.csv")), &["--observed-at", time]);
    }
    for (name, sql) in [
        ("charge", "SELECT * FROM charge"),
        ("price", "SELECT * FROM price_history"),
        ("plan", "SELECT * FROM savings_plan_history"),
        ("spot", "SELECT * FROM spot_price"),
    ] {
        let file = folder.join(format!("{name}.parquet"));
        desk.truffle(&["export", "--query", sql, "--to", &file.to_string_lossy(), "-q"]).expect_success();
    }
    let count = if is_long_run() { 200 } else { 50 };
    let drawn = oracle(&python, ORACLE, &["draw", &count.to_string(), "2026"], "");
    let questions: Vec<Value> = serde_json::from_str(&drawn).unwrap();
    let answers = serde_json::to_string(&answered(&desk, &questions)).unwrap();
    let counts = oracle(&python, ORACLE, &["check", &place], &answers);
    let counts: Value = serde_json::from_str(&counts).unwrap();
    for kind in ["commitment", "usage", "whatif", "spot"] {
        assert!(counts[kind].as_u64().is_some_and(|found| found > count as u64 / 10), "{counts}");
    }
}
