//! Prices and capacity: the commands as users run them.

use std::fs;
use std::path::PathBuf;

use tests::Desk;

use crate::import::{import, write_price_list};

/// A file to import: its kind, name, content, and the flags of the import.
struct Statement {
    kind: &'static str,
    name: &'static str,
    text: &'static str,
    flags: &'static [&'static str],
}

const HISTORY: &str = "observed_at,instance_type,region,az_id,spot_usd,product\n";

fn price_statement(desk: &Desk, day: &str, on_demand: &str, reserved: &str) {
    let rows = [("OnDemand", "Hrs", on_demand, "", ""), ("Reserved", "Hrs", reserved, "1yr", "No Upfront")];
    let file = write_price_list("us-east-1", desk, &format!("list-{day}.csv"), day, &rows);
    import(desk, "price-list", &file, &["--partial"]).expect_success();
}

fn write(desk: &Desk, name: &str, text: &str) -> PathBuf {
    let path = desk.home().join(name);
    fs::write(&path, text).unwrap();
    path
}

fn import_statement(desk: &Desk, statement: &Statement) {
    let text = match statement.kind {
        "spot-history" => format!("{HISTORY}{}", statement.text),
        "spot-advisor" => advice(statement.text),
        _ => statement.text.to_string(),
    };
    let path = write(desk, statement.name, &text);
    import(desk, statement.kind, &path, statement.flags).expect_success();
}

/// Returns the spot advisor's file with one figure: the saving in percent and the band, such as
/// `60 1`.
fn advice(figures: &str) -> String {
    let (saving, band) = figures.split_once(' ').unwrap();
    format!(
        "{{\"ranges\": [{{\"index\": {band}, \"label\": \"some\"}}], \"spot_advisor\": \
         {{\"us-east-1\": {{\"Linux\": {{\"m7i.large\": {{\"s\": {saving}, \"r\": {band}}}}}}}}}}}"
    )
}

const EARLY: [Statement; 3] = [
    Statement {
        kind: "spot-history",
        name: "spot-1.csv",
        text: "2026-05-01T00:00:00Z,m7i.large,us-east-1,use1-az4,0.04,Linux/UNIX\n",
        flags: &[],
    },
    Statement {
        kind: "spot-advisor",
        name: "advice-1.json",
        text: "60 1",
        flags: &["--observed-at", "2026-03-01"],
    },
    Statement {
        kind: "discount",
        name: "own-1.csv",
        text: "discount_id,purchase,percent\nedp,,10\nod,on-demand,20\n",
        flags: &["--observed-at", "2026-04-01"],
    },
];

/// Statements from after 15 June.
const LATE: [Statement; 3] = [
    Statement {
        kind: "spot-history",
        name: "spot-2.csv",
        text: "2026-06-16T00:00:00Z,m7i.large,us-east-1,use1-az4,0.01,Linux/UNIX\n\
               2026-08-01T00:00:00Z,m7i.large,us-east-1,use1-az6,0.02,Linux/UNIX\n",
        flags: &[],
    },
    Statement {
        kind: "spot-advisor",
        name: "advice-2.json",
        text: "10 4",
        flags: &["--observed-at", "2026-08-01"],
    },
    Statement {
        kind: "discount",
        name: "own-2.csv",
        text: "discount_id,purchase,percent\nedp,,50\n",
        flags: &["--observed-at", "2026-09-01"],
    },
];

/// The answers of every command about prices as of 15 June.
fn answers(desk: &Desk) -> Vec<(String, String)> {
    let lines = [
        "price m7i.large",
        "price m7i.large --history",
        "price m7i.large --no-discount --hours 500",
        "arbitrage m7i.large",
        "price m7i.large c5.large --region all",
        "capacity m7i.large --region us-east-1,eu-west-1 --count 4",
        "query price/purchase-options --param type=m7i.large",
        "query price/changes --param type=m7i.large",
        "query price/discounts",
        "query offering/regions --param type=m7i.large",
        "query instance/names",
    ];
    let answer = |line: &&str| {
        let words: Vec<&str> = line.split(' ').chain(["--as-of", "2026-06-15", "-o", "csv", "-q"]).collect();
        let ran = desk.truffle(&words);
        assert!([0, 3].contains(&ran.code), "{line}: {ran:?}");
        (line.to_string(), ran.out)
    };
    lines.iter().map(answer).collect()
}

#[test]
fn statements_dated_after_the_instant_of_an_answer_change_no_price() {
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]] {
        let desk = Desk::default();
        price_statement(&desk, "2026-01-01", "0.2", "0.1");
        price_statement(&desk, "2026-05-01", "0.15", "0.1");
        EARLY.iter().for_each(|statement| import_statement(&desk, statement));
        let before = answers(&desk);
        assert!(before[0].1.contains("0.12,0.15,"), "the discount applies: {}", before[0].1);
        assert!(before[1].1.contains(",0.2,0.15,-25.0,USD,2026-05-01"), "{}", before[1].1);
        for at in order {
            match LATE.get(at) {
                Some(statement) => import_statement(&desk, statement),
                None => price_statement(&desk, "2026-07-01", "0.11", "0.09"),
            }
        }
        for ((line, found), (_, expected)) in answers(&desk).iter().zip(&before) {
            assert_eq!(found, expected, "{line}, {order:?}");
        }
        let now = desk.truffle(&["price", "m7i.large", "-o", "csv", "-q"]).expect_success();
        assert_ne!(now, before[0].1, "without --as-of the newer statements count");
    }
}

/// Returns the cells of the answer's columns, one line per row.
fn cells(csv: &str, names: &[&str]) -> Vec<String> {
    let head: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
    let at = |name: &&str| head.iter().position(|field| field == name).unwrap();
    let places: Vec<usize> = names.iter().map(at).collect();
    let line = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        places.iter().map(|place| cells[*place]).collect::<Vec<_>>().join(" ")
    };
    csv.lines().skip(1).map(line).collect()
}

#[test]
fn a_zone_without_the_type_and_a_price_that_ended_never_win() {
    let desk = Desk::default();
    let spot = Statement {
        kind: "spot-history",
        name: "spot.csv",
        text: "2026-11-01T00:00:00Z,m7i.large,us-east-1,use1-az4,0.04,Linux/UNIX\n\
               2026-11-01T00:00:00Z,m7i.large,us-east-1,use1-az9,0.001,Linux/UNIX\n\
               2026-11-01T00:00:00Z,m7i.large,us-east-1,use1-az6,0.002,Windows\n\
               2026-11-01T00:00:00Z,m7i.large,us-east-1,use1-az1,0.03,Linux/UNIX\n\
               2026-11-02T00:00:00Z,m7i.large,us-east-1,use1-az1,,Linux/UNIX\n",
        flags: &[],
    };
    import_statement(&desk, &spot);
    let out = desk.truffle(&["price", "m7i.large", "-o", "csv", "-q"]).expect_success();
    let names = ["purchase", "az_id", "price_per_hour"];
    assert_eq!(cells(&out, &names), ["spot use1-az4 0.04", "on-demand  0.1008", "spot use1-az1 "], "{out}");
}

#[test]
fn a_quarantined_price_is_marked_and_the_one_before_it_counts() {
    let desk = Desk::default();
    for (at, region) in ["us-east-1", "us-east-2", "us-west-2", "eu-west-1"].iter().enumerate() {
        let rows = [("OnDemand", "Hrs", format!("0.2{at}"), "", "")];
        let rows = rows.each_ref().map(|(a, b, price, c, d)| (*a, *b, price.as_str(), *c, *d));
        let file = write_price_list(region, &desk, &format!("{region}.csv"), "2026-01-01", &rows);
        import(&desk, "price-list", &file, &["--whole"]).expect_success();
    }
    let rows = [("OnDemand", "Hrs", "0.0", "", "")];
    let file = write_price_list("us-east-1", &desk, "zero.csv", "2026-02-01", &rows);
    import(&desk, "price-list", &file, &["--whole"]).expect_success();
    let ran = desk.truffle(&["price", "m7i.large", "-o", "csv"]);
    let names = ["price_per_hour", "saving_percent", "quarantined_price_per_hour"];
    assert_eq!(cells(&ran.out, &names), ["0.2 0.0 0"], "{ran:?}");
    assert!(ran.err.contains("quarantined: m7i.large in us-east-1 at 0.00 USD"), "{ran:?}");
    let history = desk.truffle(&["price", "m7i.large", "--history", "-o", "csv", "-q"]).expect_success();
    assert!(!history.lines().any(|line| line.contains(",0,")), "{history}");
}

#[test]
fn discounts_are_imported_applied_and_replaced() {
    let desk = Desk::default();
    let head = "discount_id,account_id,family,percent,starts_on,ends_on\n";
    let own = |name: &str, lines: &str, day: &str| {
        let file = write(&desk, name, &format!("{head}{lines}"));
        import(&desk, "discount", &file, &["--observed-at", day]).expect_success()
    };
    let price = |more: &[&str]| {
        let words = [&["price", "m7i.large", "-o", "csv", "-q"], more].concat();
        cells(
            &desk.truffle(&words).expect_success(),
            &["price_per_hour", "list_price_per_hour", "discount_id"],
        )
    };
    let told =
        own("a.csv", "edp,,,10,,\nmine,111122223333,m7i,50,,\nlast,,m7i,20,,2026-11-22\n", "2026-11-01");
    assert!(told.contains("\"rows_kept\": 3"), "{told}");
    assert_eq!(price(&[]), ["0.09072 0.1008 edp"]);
    assert_eq!(price(&["--as-of", "2026-11-22"]), ["0.08064 0.1008 last"]);
    assert_eq!(price(&["--as-of", "2026-10-31"]), ["0.1008 0.1008 "]);
    assert_eq!(price(&["--account", "111122223333"]), ["0.0504 0.1008 mine"]);
    assert_eq!(price(&["--no-discount"]), ["0.1008 0.1008 "]);
    own("b.csv", "edp,,,15,2026-11-23,\n", "2026-11-20");
    assert_eq!(price(&[]), ["0.08568 0.1008 edp"]);
    let redacted = ["export", "discount", "--to", "out.csv", "--redact", "-q"];
    desk.truffle(&redacted).expect_success();
    let text = fs::read_to_string(desk.home().join("out.csv")).unwrap();
    assert!(!text.contains("edp") && text.contains("15"), "{text}");
}

#[test]
fn discounts_apply_to_arbitrage_as_to_prices_and_can_change_the_cheapest_region() {
    let desk = Desk::default();
    let ask = |more: &str| {
        let line = format!("arbitrage m7i.large --region us-east-1,eu-central-1 -o csv -q {more}");
        let words: Vec<&str> = line.split_whitespace().collect();
        let names =
            ["region", "price_per_hour", "list_price_per_hour", "discount_id", "worst_premium_percent"];
        cells(&desk.truffle(&words).expect_success(), &names)
    };
    let own = |day: &str, text: &str| {
        let text = format!("discount_id,account_id,region,purchase,percent\n{text}");
        import(&desk, "discount", &write(&desk, "own.csv", &text), &["--observed-at", day]).expect_success();
    };
    assert_eq!(
        ask("").iter().map(|row| row.split(' ').next().unwrap()).collect::<Vec<_>>(),
        ["us-east-1", "eu-central-1"]
    );
    let list = ask("");
    own("2026-11-01", "home,,eu-central-1,on-demand,50\nspot,,,spot,90\nmine,111122223333,us-east-1,,75\n");
    let found = ask("");
    assert!(found[0].starts_with("eu-central-1 0.060375 0.12075 home "), "{found:?}");
    assert!(found[1].starts_with("us-east-1 0.1008 0.1008  "), "{found:?}");
    assert!(ask("--account 111122223333")[0].starts_with("us-east-1 0.0252 0.1008 mine "));
    assert_eq!(ask("--no-discount"), list);
    assert_eq!(ask("--as-of 2026-10-31"), list, "the discounts were stated later");
    let price = desk.truffle(&["price", "m7i.large", "--region", "eu-central-1", "-o", "csv", "-q"]);
    let price = cells(&price.expect_success(), &["price_per_hour", "list_price_per_hour", "discount_id"]);
    assert_eq!(price, ["0.060375 0.12075 home"], "truffle price has the same discount");

    own("2026-11-02", "a,,eu-central-1,,5\nb,,,on-demand,6\n");
    let tied = desk.truffle(&["arbitrage", "m7i.large"]);
    assert_eq!(tied.code, 4, "{tied:?}");
    assert!(
        tied.err.contains("the discounts \"a\" and \"b\" apply equally to m7i eu-central-1 on-demand"),
        "{tied:?}"
    );
}

/// Lines with a mistake or too little data: the exit code, and a part of the message.
const SLIPS: &[(&str, i32, &str)] = &[
    ("price m7i.lrage", 2, "unknown instance type \"m7i.lrage\"; the closest match is m7i.large"),
    ("price m7i", 2, "it is a family: truffle search 'm7i.*' lists its types"),
    ("price ../etc/passwd", 2, "unknown instance type \"../etc/passwd\""),
    ("price m7i.large --region us-esat-1", 2, "unknown region \"us-esat-1\"; the closest match is us-east-1"),
    ("price m7i.large --region ap-east-2", 4, "not collected yet: prices of ap-east-2"),
    ("price p5.48xlarge --region eu-west-3", 3, "not offered in eu-west-3: p5.48xlarge"),
    ("price m7i.large --os windows", 3, "no match: no price of m7i.large for windows and shared tenancy"),
    ("price m7i.large --tenancy host", 3, "no match: no price of m7i.large for linux and host tenancy"),
    ("price m7i.large --as-of 1999-01-01", 4, "not collected yet: instance types as of 1999-01-01"),
    ("price m7i.large --history --as-of 1999-01-01", 4, "not collected yet: instance types as of 1999-01-01"),
    ("price m7i.large --hours 0", 2, "\"0\" is not a number of hours above 0"),
    ("price m7i.large --checkpoint 0m", 2, "\"0m\" is not a span of time"),
    ("price m7i.large --history --hours 5", 2, "cannot be used with"),
    ("price m7i.large --account 12", 2, "--account \"12\" is not an account id"),
    ("price m7i.large --account 111122223333 --no-discount", 2, "cannot be used with"),
    ("capacity m7i.large --count 0", 2, "0 is not in 1..=1000000"),
    ("capacity m7i.huge", 2, "unknown instance type \"m7i.huge\""),
    ("capacity m7i.large --region mars-1", 2, "\"mars-1\""),
    ("capacity m7i.large --as-of 1999-01-01", 4, "not collected yet: instance types as of 1999-01-01"),
];

#[test]
fn mistyped_and_thin_inputs_have_a_sentence_and_an_exit_code() {
    let desk = Desk::default();
    for (line, code, message) in SLIPS {
        let ran = desk.truffle(&line.split(' ').collect::<Vec<_>>());
        assert_eq!(ran.code, *code, "{line}: {ran:?}");
        assert!(ran.err.contains(message), "{line}: {}", ran.err);
    }
}

#[test]
fn wrong_discounts_are_refused_by_line_and_overlapping_ones_by_id() {
    let desk = Desk::default();
    let file = |text: &str| write(&desk, "own.csv", text);
    for (text, message) in [
        ("discount_id,percent\na,5\nb,-5\n", "own.csv: line 3: the percent \"-5\" is negative"),
        ("discount_id,percent\na,500\n", "own.csv: line 2: the percent \"500\" is above 100"),
        ("discount_id,percent,price_per_hour,currency\na,5,1,USD\n", "line 2: it has both percent and"),
        ("discount_id,percent\na,5", "own.csv: it is cut short: its last line has no end"),
        ("discount_id,percnt\na,5\n", "own.csv: it has a column \"percnt\""),
    ] {
        let ran = import(&desk, "discount", &file(text), &[]);
        assert_eq!(ran.code, 4, "{text}: {ran:?}");
        assert!(ran.err.contains(message), "{text}: {}", ran.err);
    }
    assert!(!desk.home().join(".local/share/mycelium").exists(), "a refused file creates no lake");
    let tie = file("discount_id,family,region,percent\nby-family,m7i,,5\nby-region,,us-east-1,6\n");
    import(&desk, "discount", &tie, &[]).expect_success();
    let ran = desk.truffle(&["price", "m7i.large", "--as-of", "2099-01-01"]);
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(
        ran.err.contains("the discounts \"by-family\" and \"by-region\" apply equally to m7i us-east-1"),
        "{ran:?}"
    );
    let other =
        desk.truffle(&["price", "m7i.large", "--region", "eu-west-1", "--as-of", "2099-01-01", "-o", "csv"]);
    assert!(other.expect_success().contains("by-family"));
}

#[test]
fn capacity_names_its_rule_in_each_region() {
    let desk = Desk::default();
    let out = desk.truffle(&["capacity", "p5.48xlarge", "-o", "csv", "-q"]).expect_success();
    let found = cells(&out, &["region", "verdict", "rule"]);
    assert!(found.contains(&"us-east-1 unknown not-known".to_string()), "{out}");
    assert!(found.contains(&"eu-west-3 no not-offered".to_string()), "{out}");
    let verdicts: Vec<&str> = found.iter().filter_map(|line| line.split(' ').nth(1)).collect();
    assert!(verdicts.is_sorted_by_key(|verdict| *verdict == "no"), "{verdicts:?}");
}
