//! Spot prices, interruption rates and places: the commands about them, as users run them.

use std::fs;
use std::path::PathBuf;

use tests::{Desk, Ran};

use crate::import::write_price_list;

/// Writes a file of spot prices: day and hour of November 2026, type, zone, price.
fn history(desk: &Desk, name: &str, rows: &[(&str, &str, &str, &str)]) -> PathBuf {
    let mut text = "observed_at,instance_type,region,az_id,spot_usd\n".to_string();
    for (at, instance_type, zone, price) in rows {
        let region = match &zone[..4] {
            "use1" => "us-east-1",
            "euw1" => "eu-west-1",
            _ => "cn-north-1",
        };
        text += &format!("2026-{at},{instance_type},{region},{zone},{price}\n");
    }
    let path = desk.home().join(name);
    fs::write(&path, text).unwrap();
    path
}

/// Writes a file of the spot advisor with one rate of m7i.large in us-east-1.
fn advisor(desk: &Desk, name: &str, band: u8) -> PathBuf {
    let labels = ["<5%", "5-10%", "10-15%", "15-20%", ">20%"];
    let ranges: Vec<String> = labels
        .iter()
        .enumerate()
        .map(|(index, label)| format!(r#"{{"index":{index},"label":"{label}","dots":0,"max":5}}"#))
        .collect();
    let text = format!(
        r#"{{"global_rate":"<10%","instance_types":{{"m7i.large":{{"cores":2,"ram_gb":8,"emr":true}}}},
        "ranges":[{}],"spot_advisor":{{"us-east-1":{{"Linux":{{"m7i.large":{{"r":{band},"s":62}}}}}}}}}}"#,
        ranges.join(",")
    );
    let path = desk.home().join(name);
    fs::write(&path, text).unwrap();
    path
}

/// A file to import, with the day of its statement.
enum Statement {
    Prices(&'static str, &'static [(&'static str, &'static str, &'static str, &'static str)]),
    Bands(&'static str, u8, &'static str),
    List(&'static str, &'static str, &'static str),
}

fn import(desk: &Desk, statement: &Statement) {
    let (kind, file, day) = match statement {
        Statement::Prices(name, rows) => ("spot-history", history(desk, name, rows), None),
        Statement::Bands(name, band, day) => ("spot-advisor", advisor(desk, name, *band), Some(*day)),
        Statement::List(name, day, price) => {
            let rows = [("OnDemand", "Hrs", *price, "", "")];
            ("price-list", write_price_list("us-east-1", desk, name, day, &rows), None)
        }
    };
    let mut words = vec!["import", kind, file.to_str().unwrap(), "-q"];
    words.extend(day.iter().flat_map(|day| ["--observed-at", day]));
    desk.collector(&words).expect_success();
}

/// The statements up to 12 November: four zones, one of which does not offer the type.
const EARLY: [Statement; 5] = [
    Statement::Prices(
        "early.csv",
        &[
            ("10-25T00:00:00", "m7i.large", "use1-az1", "0.0400"),
            ("11-02T00:00:00", "m7i.large", "use1-az1", "0.0500"),
            ("11-08T00:00:00", "m7i.large", "use1-az1", "0.0300"),
            ("11-10T00:00:00", "m7i.large", "use1-az1", "0.0300"),
            ("11-10T00:00:00", "m7i.large", "use1-az2", "0.0350"),
            ("11-10T00:00:00", "m7i.large", "euw1-az1", "0.0310"),
            ("11-10T00:00:00", "m7i.large", "use1-az3", "0.0100"),
            ("11-10T00:00:00", "m7i.large", "cnn1-az1", "0.0001"),
        ],
    ),
    Statement::Bands("b1.json", 0, "2026-06-01"),
    Statement::Bands("b2.json", 1, "2026-09-01"),
    Statement::Bands("b3.json", 3, "2026-11-01"),
    Statement::List("list1.csv", "2026-11-01", "0.1100"),
];

/// Statements after 12 November.
const LATE: [Statement; 3] = [
    Statement::Prices(
        "late.csv",
        &[
            ("11-13T00:00:00", "m7i.large", "use1-az1", "0.9000"),
            ("11-14T00:00:00", "m7i.large", "euw1-az1", "0.0001"),
        ],
    ),
    Statement::Bands("b4.json", 4, "2026-11-15"),
    Statement::List("list2.csv", "2026-11-14", "0.1150"),
];

/// Imports the statements up to 12 November.
pub(crate) fn import_early(desk: &Desk) {
    EARLY.iter().for_each(|statement| import(desk, statement));
}

fn ask(desk: &Desk, line: &str) -> Ran {
    let words: Vec<&str> = line.split(' ').chain(["--as-of", "2026-11-12T00:00:00Z", "-o", "csv"]).collect();
    desk.truffle(&words)
}

/// The answers of every command as of 12 November.
fn answers(desk: &Desk) -> Vec<(String, i32, String)> {
    let lines = [
        "spot m7i.large --region all --days 30 --ceiling 0.031",
        "spot m7i.large c7i.large --days 3660",
        "arbitrage m7i.large",
        "arbitrage m7i.large --market spot --from eu-west-1 --data-gb 10 --hours 100 --transfer-price 0.02",
        "arbitrage intel large --region us-east-1,eu-west-1",
        "query spot/band-stays --param days=60",
        "query spot/steps --param type=m7i.large",
        "query spot/weekly --param type=m7i.large",
        "query spot/bands --param type=m7i.large",
        "query price/periods --param types=m7i.large",
        "query offering/of-types --param types=m7i.large",
    ];
    let answer = |line: &&str| {
        let Ran { code, out, err } = ask(desk, line);
        assert!(code == 0, "{line}: {code} {err}");
        (line.to_string(), code, out)
    };
    lines.iter().map(answer).collect()
}

#[test]
fn statements_dated_after_the_instant_of_an_answer_change_no_answer_about_prices() {
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let desk = Desk::default();
        import_early(&desk);
        let before = answers(&desk);
        for at in order {
            import(&desk, &LATE[at]);
        }
        for ((line, ..), (found, expected)) in before.iter().zip(answers(&desk).iter().zip(&before)) {
            assert_eq!(found, expected, "{line}, {order:?}");
        }
        let now = desk.truffle(&["spot", "m7i.large", "--days", "30", "-o", "csv", "-q"]).expect_success();
        assert_ne!(now, before[0].2, "without --as-of the newer statements count");
    }
}

#[test]
fn the_order_of_imports_changes_no_answer_about_prices() {
    let answers_of = |statements: &mut dyn Iterator<Item = &Statement>| {
        let desk = Desk::default();
        statements.for_each(|statement| import(&desk, statement));
        answers(&desk)
    };
    let forwards = answers_of(&mut EARLY.iter().chain(&LATE));
    assert_eq!(answers_of(&mut EARLY.iter().chain(&LATE).rev()), forwards);
}

/// The cells of some columns, row by row.
fn columns(desk: &Desk, line: &str, names: &str) -> Vec<String> {
    let ran = ask(desk, &format!("{line} --columns {names} -q"));
    assert_eq!(ran.code, 0, "{line}: {ran:?}");
    ran.out.lines().skip(1).map(String::from).collect()
}

#[test]
fn the_figures_of_a_zone_are_weighted_by_time() {
    let desk = Desk::default();
    import_early(&desk);
    let line = "spot m7i.large --days 20 --ceiling 0.04";
    // 23 October to 12 November: two days unobserved, then 7 days at 0.04, a day unobserved, six
    // days at 0.05 and four at 0.03.
    let names =
        "az_id,price_per_hour,p5_price,median_price,p95_price,changes,share_under_ceiling,observed_share";
    let found = columns(&desk, line, names);
    assert_eq!(found[0], format!("use1-az1,0.03,0.03,0.04,0.05,2,{},{}", 11.0 / 17.0, 17.0 / 20.0));
    let names = "az_id,is_offered,observed_at,hours_above_on_demand,on_demand_price,currency,os";
    let found = columns(&desk, line, names);
    assert_eq!(found[0], "use1-az1,true,2026-11-10T00:00:00Z,0.0,0.11,USD,linux");
    assert_eq!(found[2], "use1-az3,false,2026-11-10T00:00:00Z,0.0,0.11,USD,linux");
    let names = "az_id,band,band_label,band_statements,band_lowest,band_highest,band_trend,outlook_gap";
    let found = columns(&desk, line, names);
    let gap = "fewer than 4 of the last 12 weekly changes are known";
    assert_eq!(found[0], format!("use1-az1,3,15-20%,3,0,3,rising,{gap}"));
}

#[test]
fn a_repeated_observation_changes_no_figure() {
    let desk = Desk::default();
    import_early(&desk);
    let names = "az_id,p5_price,median_price,p95_price,changes,weekly_log_change,observed_share";
    let before = columns(&desk, "spot m7i.large --days 20", names);
    let repeated = [("11-03T06:00:00", "m7i.large", "use1-az1", "0.0500")];
    let file = history(&desk, "repeated.csv", &repeated);
    desk.collector(&["import", "spot-history", file.to_str().unwrap(), "-q"]).expect_success();
    assert_eq!(columns(&desk, "spot m7i.large --days 20", names), before);
}

#[test]
fn a_zone_without_an_offer_another_currency_or_an_ended_price_never_wins() {
    let desk = Desk::default();
    import_early(&desk);
    let ended = [("11-11T00:00:00", "m7i.large", "use1-az1", "")];
    let names = "region,az_id,price_per_hour,currency";
    let line = "arbitrage m7i.large --market spot";
    assert_eq!(
        columns(&desk, line, names),
        ["us-east-1,use1-az1,0.03,USD", "eu-west-1,euw1-az1,0.031,USD", "cn-north-1,cnn1-az1,0.0001,CNY"],
        "cn-north-1 has another currency, and use1-az3 no offer"
    );
    let file = history(&desk, "ended.csv", &ended);
    desk.collector(&["import", "spot-history", file.to_str().unwrap(), "-q"]).expect_success();
    assert_eq!(
        columns(&desk, line, names),
        ["eu-west-1,euw1-az1,0.031,USD", "us-east-1,use1-az2,0.035,USD", "cn-north-1,cnn1-az1,0.0001,CNY"]
    );
    import(&desk, &Statement::List("quarantined.csv", "2026-11-05", "0.0000"));
    let listed = columns(&desk, "arbitrage m7i.large --region us-east-1,eu-west-1", "region,price_per_hour");
    assert_eq!(listed, ["us-east-1,0.11", "eu-west-1,0.11235"], "a price of 0 is quarantined");
}

#[test]
fn a_move_has_a_net_saving_only_with_the_price_of_its_transfer() {
    let desk = Desk::default();
    import_early(&desk);
    let check = |flags: &str, expected: &[&str]| {
        let home = "arbitrage m7i.large --market spot --from eu-west-1";
        let line = match flags.contains("--region") {
            true => format!("{home} {flags}"),
            false => format!("{home} --region us-east-1,eu-west-1 {flags}"),
        };
        assert_eq!(columns(&desk, &line, "region,net_saving,break_even_hours"), expected, "{flags}");
    };
    check("--data-gb 10 --hours 1000", &["us-east-1,,", "eu-west-1,,"]);
    check("--data-gb 10 --hours 1000 --transfer-price 0.02", &["us-east-1,0.8,200", "eu-west-1,,"]);
    check("--data-gb 10 --transfer-price 0.02", &["us-east-1,,200", "eu-west-1,,"]);
    check("--hours 1000", &["us-east-1,1,0", "eu-west-1,,"]);
    let away = "--region us-east-1 --data-gb 10 --hours 1000 --transfer-price 0.02";
    check(away, &["us-east-1,0.8,200"]);
}

#[test]
fn thin_data_and_bad_input_have_a_sentence_and_an_exit_code() {
    let desk = Desk::default();
    import_early(&desk);
    let check = |line: &str, code: i32, sentence: &str| {
        let ran = ask(&desk, line);
        assert_eq!(ran.code, code, "{line}: {ran:?}");
        assert!(ran.err.contains(sentence), "{line}: {ran:?}");
    };
    check("spot m7i.lagre", 2, "unknown instance type \"m7i.lagre\"; the closest match is m7i.large");
    check("spot m7i", 2, "it is a family: truffle search 'm7i.*' lists its types");
    check("spot hpc7a.12xlarge", 3, "hpc7a.12xlarge is not sold on spot: its usage classes are on-demand");
    check("spot m7i.large --ceiling 0", 2, "--ceiling 0 is not a price above 0");
    check("spot m7i.large --ceiling=-1", 2, "--ceiling -1 is not a price above 0");
    check("spot m7i.large --ceiling cheap", 2, "--ceiling cheap is not a price above 0");
    check("spot m7i.large --days 0", 2, "0 is not in 1..=3660");
    check("spot m7i.large --os rhel-ha", 2, "--os rhel-ha: AWS publishes no spot prices for it");
    check(
        "spot m7i.large --region eu-wset-1",
        2,
        "unknown region \"eu-wset-1\"; the closest match is eu-west-1",
    );
    check("spot m7i.large --os windows", 3, "no match: no spot price of m7i.large for windows");
    check("spot m7i.large --region eu-central-1", 4, "not collected yet: spot prices of eu-central-1");
    check("spot p5.48xlarge --region af-south-1", 3, "not offered in af-south-1: p5.48xlarge");
    check("arbitrage m7i.large --market gold", 2, "--market \"gold\" is not a way to pay");
    check("arbitrage m7i.large --market compute:2:no-upfront", 2, "is not a way to pay");
    check("arbitrage m7i.large --market compute:1:no-upfront", 4, "not collected yet: savings_plan");
    check("arbitrage m7i.large --hours 5", 2, "--from <REGION>");
    check("arbitrage m7i.large --from us-east-1 --hours x", 2, "--hours x is not a number of 0 or more");
    check("arbitrage m7i.large --from us-east-9", 2, "unknown region \"us-east-9\"");
    check(
        "arbitrage m7i.large --market spot --from us-west-2",
        3,
        "--from us-west-2: no spot price of m7i.large",
    );
    check("arbitrage m7i.large eu-west-1", 2, "eu-west-1 is a region");
    check("arbitrage intel --market spot", 2, "spot prices of at most 25 are compared");
    check("arbitrage m7i.large --os windows", 3, "no match: no such price of m7i.large for windows");
    let at = |words: &[&str]| desk.truffle(words);
    let ran = at(&["spot", "m7i.large", "--as-of", "2026-10-01"]);
    assert!(ran.code == 4 && ran.err.contains("not observed by 2026-10-01"), "{ran:?}");
    let ran = at(&["spot", "m7i.large", "--days", "2", "--as-of", "2026-11-25"]);
    assert!(ran.code == 3 && ran.err.contains("was observed in the 2 days before"), "{ran:?}");
    assert!(ran.err.contains("hint: --days "), "{ran:?}");
    let one = at(&["spot", "m7i.large", "--as-of", "2026-11-12", "--days", "5"]);
    assert!(one.code == 0 && one.err.contains("rising"), "{one:?}");
}

#[test]
fn one_statement_is_no_trend() {
    let desk = Desk::default();
    import(&desk, &EARLY[0]);
    import(&desk, &EARLY[1]);
    let found = columns(&desk, "spot m7i.large", "az_id,band_statements,band_trend");
    assert_eq!(found[0], "use1-az1,1,");
    let ran = ask(&desk, "spot m7i.large");
    assert!(ran.err.contains("a trend needs 3 statements over 60 days"), "{ran:?}");
}
