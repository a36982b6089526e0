//! Runs `truffle recommend` against a sample in memory.

use catalog::rows::{
    CheapestCommitmentRow, CollectionRunRow, OnDemandPriceRow, RegionBandRow, RegionRow, RegionSpotPriceRow,
    TypeBenchmarkRow, ZoneOfferRow,
};
use catalog::testing::MemoryAsk;
use catalog::{Field, Page, QuestionRow, Value, ValueType};
use clap::Parser;
use console::{Exit, OutputFormat};
use domain::Decimal;

use super::{RecommendArgs, run_recommend};
use crate::filter::sample;
use crate::test_run::{TestRun, TestUser};

const NOW: &str = "2026-11-20T10:00:00Z";

#[derive(Parser)]
struct RecommendCommandLine {
    #[command(flatten)]
    recommend: RecommendArgs,
}

/// Prices as `type region price currency`; the price of p5.48xlarge is not known.
const PRICES: &[&str] = &[
    "m7i.xlarge us-east-1 0.20 USD",
    "m7a.xlarge us-east-1 0.23 USD",
    "m5.xlarge us-east-1 0.192 USD",
    "c7g.xlarge us-east-1 0.145 USD",
    "m7g.4xlarge us-east-1 0.65 USD",
    "m8i.8xlarge us-east-1 1.60 USD",
    "r7i.2xlarge us-east-1 0.53 USD",
    "t3.micro us-east-1 0.0104 USD",
    "t4g.small us-east-1 0.0168 USD",
    "m7a.xlarge eu-central-1 0.28 USD",
    "m7a.xlarge cn-north-1 0.9 CNY",
    "inf2.xlarge cn-north-1 0.8 CNY",
];

/// Spot prices as `type zone price`; an empty price ended.
const SPOT: &[&str] = &[
    "m7i.xlarge use1-az4 0.08",
    "m7i.xlarge use1-az6 0.07",
    "m7i.xlarge use1-az9 0.01",
    "m5.xlarge use1-az4 0.06",
];

/// Savings Plans as `type years payment price`.
const PLANS: &[&str] = &["m7i.xlarge 1 no-upfront 0.14", "m7i.xlarge 3 all-upfront 0.09"];

fn words(text: &str) -> Vec<&str> {
    text.split(' ').collect()
}

fn amount(text: &str) -> Value {
    text.parse::<Decimal>().ok().into()
}

fn at(day: &str) -> Value {
    Value::Timestamp(domain::parse_instant(day).unwrap())
}

/// Returns the bound text of a parameter; a list is joined by commas.
fn bound(values: &[(String, Value)], name: &str) -> String {
    match values.iter().find(|(given, _)| given == name) {
        Some((_, Value::Text(text))) => text.clone(),
        Some((_, Value::Int(number))) => number.to_string(),
        Some((_, Value::List(items))) => {
            items.iter().map(|item| catalog::json_text(item).replace('"', "")).collect::<Vec<_>>().join(",")
        }
        other => panic!("{name}: {other:?}"),
    }
}

fn is_asked(values: &[(String, Value)], region: &str) -> bool {
    let regions = bound(values, "regions");
    regions == "all" || regions.split(',').any(|one| one == region)
}

/// The datasets with data. The others were not collected.
const ALL: &[&str] =
    &["instance_type", "offering", "price", "spot_price", "interruption", "savings_plan", "benchmark"];

/// Returns a warehouse with the sample types. `bands` are the interruption rates by type.
fn warehouse(collected: &'static [&'static str], bands: &'static [(&'static str, i64)]) -> MemoryAsk {
    let has = move |name: &str| collected.contains(&name);
    MemoryAsk::default()
        .answer("instance/facts", |_| sample::page())
        .answer("offering/zones", |values| {
            let rows = sample::all_offers().into_iter().filter(|offer| is_asked(values, &offer.region));
            let american = rows.flat_map(|offer| {
                let row = |zone: &String| {
                    vec![
                        offer.instance_type.as_str().into(),
                        offer.region.as_str().into(),
                        zone.as_str().into(),
                    ]
                };
                offer.az_ids.iter().map(row).collect::<Vec<Vec<Value>>>()
            });
            let chinese =
                ["m7a.xlarge", "inf2.xlarge"].into_iter().filter(|_| is_asked(values, "cn-north-1"));
            let chinese = chinese.map(|name| vec![name.into(), "cn-north-1".into(), "cnn1-az1".into()]);
            Page { fields: ZoneOfferRow::fields(), rows: american.chain(chinese).collect() }
        })
        .answer("price/current", move |values| {
            let rows = PRICES
                .iter()
                .map(|text| words(text))
                .filter(|cells| has("price") && is_asked(values, cells[1]) && bound(values, "os") == "linux");
            let row = |cells: Vec<&str>| {
                let tail = [at("2026-11-01"), "list".into(), "agreed".into()];
                let head = [cells[0].into(), cells[1].into(), amount(cells[2]), cells[3].into()];
                head.into_iter().chain(tail).collect()
            };
            Page { fields: OnDemandPriceRow::fields(), rows: rows.map(row).collect() }
        })
        .answer("spot/region-now", move |values| {
            let rows = SPOT.iter().map(|text| words(text));
            let rows = rows.filter(|_| has("spot_price") && is_asked(values, "us-east-1"));
            let row = |cells: Vec<&str>| {
                vec![cells[0].into(), "us-east-1".into(), cells[1].into(), amount(cells[2]), "USD".into()]
            };
            let mut rows: Vec<Vec<Value>> = rows.map(row).collect();
            rows.sort_by_key(|row| format!("{row:?}"));
            Page { fields: RegionSpotPriceRow::fields(), rows }
        })
        .answer("spot/region-bands", move |_| {
            let row = |(name, band): &(&str, i64)| {
                vec![(*name).into(), "us-east-1".into(), (*band).into(), Value::Null, at("2026-11-01")]
            };
            Page { fields: RegionBandRow::fields(), rows: bands.iter().map(row).collect() }
        })
        .answer("price/commitments", move |values| {
            let years: i64 = bound(values, "years").parse().unwrap();
            let rows = PLANS.iter().map(|text| words(text));
            let rows = rows.filter(|cells| has("savings_plan") && cells[1].parse::<i64>().unwrap() <= years);
            let row = |cells: Vec<&str>| {
                vec![
                    cells[0].into(),
                    "us-east-1".into(),
                    "compute-savings-plan".into(),
                    cells[1].parse::<i64>().unwrap().into(),
                    cells[2].into(),
                    amount(cells[3]),
                    "USD".into(),
                    at("2026-11-01"),
                ]
            };
            Page { fields: CheapestCommitmentRow::fields(), rows: rows.map(row).collect() }
        })
        .answer("instance/metrics", move |_| {
            let rows = if has("benchmark") { vec![vec!["coremark".into()]] } else { Vec::new() };
            Page { fields: vec![Field::new("metric", ValueType::Text)], rows }
        })
        .answer("instance/benchmarks", move |_| {
            let row = |(name, value): (&str, f64)| {
                let null = || Value::Null;
                vec![name.into(), value.into(), 1.into(), null(), null(), null(), null(), "lab".into()]
            };
            let rows = [("m7i.xlarge", 80.0), ("c7g.xlarge", 50.0), ("m5.xlarge", 40.0), ("t3.micro", 0.0)];
            let rows = rows.into_iter().filter(|_| has("benchmark")).map(row).collect();
            Page { fields: TypeBenchmarkRow::fields(), rows }
        })
        .answer("region/list", |_| {
            let row = |name: &str, types: Option<i64>| {
                vec![name.into(), "aws".into(), name.into(), 2.into(), types.into(), 1.into()]
            };
            let rows =
                vec![row("ap-unseen-1", None), row("us-east-1", Some(4)), row("eu-central-1", Some(4))];
            Page { fields: RegionRow::fields(), rows }
        })
        .answer("data/runs", move |_| {
            let row = |dataset: &&str| -> Vec<Value> {
                let (day, none) = (at("2026-11-01"), Value::List(Vec::new()));
                let head: [Value; 4] = ["run".into(), (*dataset).into(), "*".into(), "test".into()];
                head.into_iter().chain([day.clone(), day, "complete".into(), 1.into(), none]).collect()
            };
            Page { fields: CollectionRunRow::fields(), rows: collected.iter().map(row).collect() }
        })
}

const BANDS: &[(&str, i64)] = &[("m7i.xlarge", 3)];

fn run(ask: &MemoryAsk, line: &str, format: OutputFormat) -> TestRun {
    let typed = RecommendCommandLine::try_parse_from(["recommend"].into_iter().chain(line.split(' ')));
    let args = typed.unwrap_or_else(|error| panic!("{line}: {error}")).recommend;
    let user = TestUser::new(ask, NOW);
    user.run(format, |ports, printer| run_recommend(&args, ports, printer, user.as_of))
}

/// Checks the wanted columns of an answer, one line per row.
fn check(line: &str, columns: &[&str], expected: &[&str]) {
    let (done, out, err) = run(&warehouse(ALL, BANDS), line, OutputFormat::Csv);
    assert_eq!(done, Ok(Exit::Done), "{line}: {err}");
    let mut lines = out.lines().map(cells_of);
    let head = lines.next().unwrap();
    let place = |name: &&str| head.iter().position(|field| field == name).unwrap_or_else(|| panic!("{name}"));
    let places: Vec<usize> = columns.iter().map(place).collect();
    let text = |cells: Vec<String>| {
        let cells = places.iter().map(|at| if cells[*at].is_empty() { "-" } else { &cells[*at] });
        cells.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(lines.map(text).collect::<Vec<_>>(), expected, "{line}");
}

/// Returns the cells of a line of CSV.
fn cells_of(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut is_quoted = false;
    for letter in line.chars() {
        match letter {
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => cells.push(String::new()),
            other => cells.last_mut().unwrap().push(other),
        }
    }
    cells
}

/// Checks that nothing fits or that the command fails, and a part of the messages.
fn check_none(ask: &MemoryAsk, line: &str, kind: &str, expected: &[&str]) {
    let (done, _, err) = run(ask, line, OutputFormat::Table);
    let (found, text) = match done {
        Ok(Exit::NothingMatched) => ("NoMatch".to_string(), err),
        Ok(other) => panic!("{line}: {other:?}"),
        Err(failure) => {
            let hint = failure.hint.unwrap_or_default();
            (format!("{:?}", failure.kind), format!("{}\n{hint}", failure.message))
        }
    };
    assert_eq!(found, kind, "{line}: {text}");
    for part in expected {
        assert!(text.contains(part), "{line}: \"{part}\" is not in: {text}");
    }
}

#[test]
fn the_cheapest_pick_that_satisfies_all_needs_is_first() {
    let columns = ["rank", "instance_type", "price_per_hour", "spare_vcpus", "spare_memory_gib", "beaten_by"];
    check("4 vcpus 16gb", &columns, &["1 m5.xlarge 0.192 0 0.0 -"]);
    check(
        "4+ vcpus 16gb+ intel",
        &columns,
        &["1 m5.xlarge 0.192 0 0.0 -", "2 r7i.2xlarge 0.53 4 48.0 -", "3 m8i.8xlarge 1.6 28 112.0 -"],
    );
    check(
        "4 vcpus 16gb --all",
        &columns,
        &[
            "1 m5.xlarge 0.192 0 0.0 -",
            "2 m7i.xlarge 0.2 0 0.0 m5.xlarge us-east-1 on-demand",
            "3 m7a.xlarge 0.23 0 0.0 m5.xlarge us-east-1 on-demand",
        ],
    );
    check("m7a.xlarge --region us-east-1,eu-central-1", &["region", "spare_vcpus"], &["us-east-1 -"]);
    check(
        "--vcpus 4..8 --memory 8GiB.. --burstable=false cheap",
        &columns[..3],
        &["1 c7g.xlarge 0.145", "2 m5.xlarge 0.192", "3 r7i.2xlarge 0.53"],
    );
}

#[test]
fn the_market_decides_the_ways_to_pay() {
    let columns = ["instance_type", "az_id", "purchase", "price_per_hour", "band"];
    check(
        "4 vcpus 16gb intel --market any",
        &columns,
        &[
            "m5.xlarge use1-az4 spot 0.06 -",
            "m7i.xlarge use1-az6 spot 0.07 3",
            "m5.xlarge - on-demand 0.192 -",
        ],
    );
    check("m7i.xlarge --market spot --max-band 3", &columns, &["m7i.xlarge use1-az6 spot 0.07 3"]);
    // A zone that is asked for limits the spot price too.
    check("m7i.xlarge --market spot --zones use1-az4", &columns, &["m7i.xlarge use1-az4 spot 0.08 3"]);
    let commit = ["instance_type", "purchase", "lease_years", "payment", "price_per_hour", "total_cost"];
    check(
        "m7i.xlarge --commit 3",
        &commit,
        &[
            "m7i.xlarge compute-savings-plan 3 all-upfront 0.09 -",
            "m7i.xlarge compute-savings-plan 1 no-upfront 0.14 -",
            "m7i.xlarge on-demand - - 0.2 -",
        ],
    );
    check("m7i.xlarge --commit 1 --for 200h --count 3", &commit, &["m7i.xlarge on-demand - - 0.2 120"]);
    check(
        "m7i.xlarge --commit 1 --for 8760h --count 2",
        &commit,
        &["m7i.xlarge compute-savings-plan 1 no-upfront 0.14 2452.8", "m7i.xlarge on-demand - - 0.2 3504"],
    );
}

#[test]
fn interruptions_add_to_the_cost_only_where_their_rate_is_known() {
    let line = "4 vcpus 16gb intel --market spot --checkpoint 2h --restart 30m --for 100h";
    check(
        line,
        &["instance_type", "total_cost", "unknown"],
        &["m7i.xlarge 7.0032096 --checkpoint, --restart: 1 pick"],
    );
    let (_, _, err) = run(&warehouse(ALL, BANDS), line, OutputFormat::Table);
    assert!(err.contains("no source states the fact: --checkpoint, --restart: 1 pick"), "{err}");
    check("m7i.xlarge --market spot", &["reasons"], &["cheapest of 2 picks in USD,65.0 % below on demand"]);
}

#[test]
fn a_fact_that_no_source_states_satisfies_no_need() {
    let columns = ["instance_type", "unknown"];
    // The clock of most types is not stated, and t4g.small would be cheaper.
    let unknown = "--clock 3..: 19 picks";
    check(
        "--clock 3.0..",
        &columns,
        &[
            &format!("m5.xlarge {unknown}"),
            &format!("m7i.xlarge {unknown}"),
            &format!("m7a.xlarge {unknown}"),
        ],
    );
    check("--market spot 4 vcpus --max-band 4", &columns, &["m7i.xlarge --max-band 4: 5 picks"]);
    check(
        "--benchmark coremark --at-least 45",
        &["instance_type", "metric_value"],
        &["c7g.xlarge 50.0", "m7i.xlarge 80.0"],
    );
    check(
        "--per coremark",
        &["instance_type", "metric_value", "cost_per_metric"],
        &["m7i.xlarge 80.0 0.0025"],
    );
}

#[test]
fn currencies_have_their_own_ranks_and_never_meet_an_amount_in_dollars() {
    let columns = ["rank", "instance_type", "region", "currency", "beaten_by"];
    let line = "4 vcpus 16gb amd --region us-east-1,cn-north-1";
    check(line, &columns, &["1 inf2.xlarge cn-north-1 CNY -", "1 m7a.xlarge us-east-1 USD -"]);
    let (_, _, err) = run(&warehouse(ALL, BANDS), line, OutputFormat::Table);
    assert!(err.contains("currencies are not compared: CNY, USD"), "{err}");
    check_none(
        &warehouse(ALL, BANDS),
        "4 vcpus --region cn-north-1 --max-price 5",
        "NoMatch",
        &["no match: --max-price 5 excluded the last 2 types", "--max-price 5: 2 picks"],
    );
}

#[test]
fn nothing_fits_names_the_last_need_and_the_cheapest_relaxation() {
    let ask = warehouse(ALL, BANDS);
    check_none(
        &ask,
        "4 vcpus 16gb --max-price 0.1",
        "NoMatch",
        &[
            "no match: --max-price 0.1 excluded the last 4 types",
            "cheapest single relaxation: --max-price 0.1: m5.xlarge costs $0.192 an hour, you asked for \
             at most $0.1 (us-east-1, on-demand at $0.192 an hour)",
        ],
    );
    check_none(&ask, "m7i.xlarge --vcpus 8", "NoMatch", &["m7i.xlarge has 4 vCPUs, you asked for 8"]);
    check_none(
        &ask,
        "m7i.xlarge --market spot --max-band 2",
        "NoMatch",
        &[
            "--max-band 2 excluded the last 1 type",
            "m7i.xlarge is interrupted at band 3, you asked for at most 2",
        ],
    );
    check_none(
        &ask,
        "p5.48xlarge",
        "NoMatch",
        &[
            "no match: 1 pick satisfies the needs, but its price is not known",
            "price: 1 pick; collector snapshot price --region us-east-1",
        ],
    );
    check_none(
        &ask,
        "m7i.xlarge --region eu-central-1",
        "NoMatch",
        &["not offered in eu-central-1: m7i.xlarge"],
    );
    check_none(
        &ask,
        "--benchmark coremark --at-least 99",
        "NoMatch",
        &["t3.micro has a value of 0, you asked for at least 99"],
    );
}

#[test]
fn data_that_was_not_collected_is_another_answer_than_no_match() {
    let bare = warehouse(&["instance_type", "offering"], &[]);
    check_none(&bare, "4 vcpus", "Data", &["not collected yet: price", "collector snapshot price"]);
    check_none(&bare, "4 vcpus --market spot", "Data", &["not collected yet: spot_price"]);
    check_none(
        &bare,
        "4 vcpus --per coremark",
        "Data",
        &["not collected yet: benchmark", "collector import"],
    );
    check_none(
        &bare,
        "4 vcpus --region ap-unseen-1",
        "Data",
        &["not collected yet: offerings of ap-unseen-1"],
    );
    let ask = warehouse(&["instance_type", "offering", "price"], &[]);
    let (done, _, err) = run(&ask, "4 vcpus --market any --commit 1", OutputFormat::Table);
    assert_eq!(done, Ok(Exit::Done));
    assert!(err.contains("not collected yet: spot_price; collector snapshot spot_price"), "{err}");
    assert!(err.contains("not collected yet: savings_plan; collector snapshot savings_plan"), "{err}");
    let ask = warehouse(ALL, BANDS);
    check_none(&ask, "4 vcpus --per corenark", "Usage", &["--per: no metric \"corenark\"", "coremark"]);
    check_none(&ask, "4 vcpus newest", "Usage", &["\"newest\": picks are ordered by their cost"]);
    check_none(&ask, "--all", "Usage", &["no needs are given"]);
    check_none(&ask, "m7i.xlarg", "Usage", &["m7i.xlarge"]);
    check_none(&ask, "4 vcpus --market any --os rhel-ha", "Usage", &["no spot prices"]);
}
