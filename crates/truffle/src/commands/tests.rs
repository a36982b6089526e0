//! Runs commands against an in-memory warehouse and checks standard output and standard error.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use catalog::rows::{CollectionRunRow, OnDemandPriceRow, RegionRow, ZoneOfferRow};
use catalog::testing::{FailingEncode, MemoryAsk};
use catalog::{Page, QuestionRow, Value};
use clap::Parser;
use console::{CommonFlags, Exit, Failure, OutputFormat, Printer, Screen, Settings, SettingsSources};
use domain::Timestamp;

use super::{compare, regions, search, show, zones};
use crate::CommandPorts;
use crate::filter::sample;
use crate::offer::RegionOffer;

/// Returns a warehouse that contains the sample.
fn sample_warehouse() -> MemoryAsk {
    MemoryAsk::default()
        .answer("instance/facts", |_| sample::page())
        .answer("offering/zones", zone_rows)
        .answer("price/current", price_rows)
        .answer("region/list", |_| region_list())
        .answer("data/runs", |_| runs())
}

/// Returns the offers in the requested regions.
fn offers(values: &[(String, Value)]) -> Vec<RegionOffer> {
    let regions = values.iter().find(|(name, _)| name == "regions").map(|(_, value)| value.clone());
    let Some(Value::List(asked)) = regions else { panic!("regions are a list") };
    let among =
        |offer: &RegionOffer| asked.contains(&"all".into()) || asked.contains(&offer.region.as_str().into());
    sample::all_offers().into_iter().filter(among).collect()
}

fn zone_rows(values: &[(String, Value)]) -> Page {
    let rows = |offer: RegionOffer| {
        let row = |zone: &String| {
            vec![offer.instance_type.as_str().into(), offer.region.as_str().into(), zone.as_str().into()]
        };
        offer.az_ids.iter().map(row).collect::<Vec<_>>()
    };
    Page { fields: ZoneOfferRow::fields(), rows: offers(values).into_iter().flat_map(rows).collect() }
}

fn price_rows(values: &[(String, Value)]) -> Page {
    let linux = values.contains(&("os".into(), "linux".into()));
    let row = |offer: RegionOffer| -> Option<Vec<Value>> {
        let price = offer.price_per_hour.filter(|_| linux)?;
        let (name, region) = (offer.instance_type.into(), offer.region.into());
        let (currency, seen) = (offer.currency.into(), offer.price_observed_at.into());
        Some(vec![
            name,
            region,
            price.into(),
            currency,
            seen,
            offer.price_source.into(),
            offer.price_basis.into(),
        ])
    };
    Page { fields: OnDemandPriceRow::fields(), rows: offers(values).into_iter().filter_map(row).collect() }
}

fn region_list() -> Page {
    let row = |name: &str, says: &str, types: Option<i64>| {
        vec![name.into(), "aws".into(), says.into(), 2.into(), types.into(), 1.into()]
    };
    let rows = vec![
        row("ap-unseen-1", "Asia Pacific (not collected)", None),
        row("eu-central-1", "Europe (Frankfurt)", Some(4)),
        row("eu-south-9", "Nowhere", Some(0)),
        row("us-east-1", "US East (N. Virginia)", Some(4)),
    ];
    Page { fields: RegionRow::fields(), rows }
}

fn runs() -> Page {
    let row = |dataset: &str, seen: &str| -> Vec<Value> {
        let seen: Timestamp = seen.parse().unwrap();
        vec![
            "run".into(),
            dataset.into(),
            "*".into(),
            "test".into(),
            seen.into(),
            seen.into(),
            "complete".into(),
            1.into(),
            Value::List(Vec::new()),
        ]
    };
    let rows = vec![
        row("instance_type", "2026-11-01T00:00:00Z"),
        row("offering", "2026-11-01T00:00:00Z"),
        row("price", "2025-03-02T00:00:00Z"),
        row("spot_price", "2020-01-01T00:00:00Z"),
    ];
    Page { fields: CollectionRunRow::fields(), rows }
}

#[derive(Clone, Default)]
struct OutputBuffer(Arc<Mutex<Vec<u8>>>);

impl Write for OutputBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl OutputBuffer {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[derive(Parser)]
enum TestCommandLine {
    Search(Box<search::SearchArgs>),
    Compare(compare::CompareArgs),
    Show(show::ShowArgs),
    Regions(regions::RegionsArgs),
    Zones(zones::ZonesArgs),
}

/// Runs a command line. Returns its result, standard output and standard error.
fn run(line: &str, format: OutputFormat) -> (Result<Exit, Failure>, String, String) {
    let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
    let sources = SettingsSources { home: Some(PathBuf::from("/home/ann")), ..SettingsSources::default() };
    let settings = Settings::resolve(&CommonFlags::default(), &sources).unwrap();
    let (warehouse, encode) = (sample_warehouse(), FailingEncode("not in this test"));
    let ports = CommandPorts { ask: &warehouse, encode: &encode, settings: &settings, as_of: now };
    let (out, err) = (OutputBuffer::default(), OutputBuffer::default());
    let screen = Screen { width: None, colour: false, interactive_err: false, quiet: false };
    let mut printer = Printer::new(format, screen, Box::new(out.clone()), Box::new(err.clone()));
    let typed = TestCommandLine::try_parse_from(
        ["truffle"].into_iter().chain(line.split(' ').filter(|word| !word.is_empty())),
    );
    let done = match typed.unwrap_or_else(|error| panic!("{line}: {error}")) {
        TestCommandLine::Search(args) => search::run_search(&args, &ports, &mut printer, now),
        TestCommandLine::Compare(args) => compare::run_compare(&args, &ports, &mut printer, now),
        TestCommandLine::Show(args) => show::run_show(&args, &ports, &mut printer, now),
        TestCommandLine::Regions(args) => regions::run_regions(&args, &ports, &mut printer, now),
        TestCommandLine::Zones(args) => zones::run_zones(&args, &ports, &mut printer, now),
    };
    printer.flush().unwrap();
    drop(printer);
    (done, out.text(), err.text())
}

/// Checks the first column of the answer, and standard error without the final lines on region and
/// data age.
fn check(line: &str, expected: &[&str], said: &[&str]) {
    let (done, out, err) = run(line, OutputFormat::Csv);
    let first: Vec<_> = out.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    assert_eq!(first, expected, "{line}");
    let exit = if expected.is_empty() { Exit::NothingMatched } else { Exit::Done };
    assert_eq!(done, Ok(exit), "{line}");
    let talk: Vec<_> =
        err.lines().filter(|line| !line.starts_with("data: ") && !line.starts_with("region ")).collect();
    assert_eq!(talk, said, "{line}");
}

fn check_failure(line: &str, message: &str) {
    assert_eq!(
        run(line, OutputFormat::Csv).0.map_err(|failure| failure.message),
        Err(message.to_string()),
        "{line}"
    );
}

#[test]
fn search_sorts_and_limits_rows() {
    check("search graviton --limit 2", &["c7g.xlarge", "c7g.metal"], &["2 of 6 shown; --limit 0 shows all"]);
    check("search m[57]* 4 vcpus --sort -clock_ghz", &["m7a.xlarge", "m7i.xlarge", "m5.xlarge"], &[]);
    let said = ["rows without a known on_demand_price, listed last: 2"];
    check(
        "search cheap m[578]* 4..32 vcpus",
        &["m7a.xlarge", "m7i.xlarge", "m7g.4xlarge", "m5.xlarge", "m8i.8xlarge"],
        &said,
    );
    check(
        "search expensive m[578]* 4..32 vcpus",
        &["m7g.4xlarge", "m7a.xlarge", "m7i.xlarge", "m5.xlarge", "m8i.8xlarge"],
        &said,
    );
}

#[test]
fn search_notes_types_with_an_unknown_price() {
    let said = ["--max-price 0.05: excluded 2 types with an unknown value"];
    check(
        "search m[578]* --max-price 0.05 --sort name",
        &["m7a.xlarge", "m7i-flex.large", "m7i.xlarge"],
        &said,
    );
}

#[test]
fn search_covers_several_regions() {
    let both = "--region us-east-1,eu-central-1";
    check(&format!("search h100 1 gpu {both}"), &["p5.4xlarge", "p5.4xlarge"], &[]);
    check("search h100 48xlarge eu-central-1", &["p5.48xlarge"], &[]);
    check("search --zones euc1-az1 --gpus 4 --region all", &["g6.12xlarge"], &[UNSEEN]);
}

/// Note on a region without collected offerings.
const UNSEEN: &str =
    "no offerings collected for ap-unseen-1; truffle regions lists the data collected for each region";

#[test]
fn in_all_regions_requires_every_requested_region() {
    let both = "search 1 gpu --in-all-regions --region us-east-1,eu-central-1";
    check(both, &["p5.4xlarge", "p5.4xlarge"], &[]);
    check(&format!("{both},us-east-1"), &["p5.4xlarge", "p5.4xlarge"], &[]);
    let nothing = "nothing matched: no offers are known in these regions";
    check(&format!("{both},eu-south-9"), &[], &[nothing]);
    check_failure(
        &format!("{both},ap-unseen-1"),
        "no offerings collected for ap-unseen-1, which --in-all-regions needs for \
         us-east-1,eu-central-1,ap-unseen-1",
    );
    let counted = "no offerings collected for ap-unseen-1; regions compared: 3; \
                   truffle regions lists the data collected for each region";
    check("search 1 gpu --in-all-regions", &[], &[counted, nothing]);
}

#[test]
fn an_empty_answer_names_the_last_filter_and_the_nearest_type() {
    check(
        "search h200 96 vcpus",
        &[],
        &["nothing matched: h200 excluded the last 1 type; \
             nearest: p5en.48xlarge has 192 vCPUs, you asked for 96"],
    );
    check(
        "search m7i.xlarge eu-central-1",
        &[],
        &[
            "nothing matched: m7i.xlarge excluded the last 5 types",
            "m7i.xlarge is not known to be offered in these regions; --region all searches every region",
        ],
    );
    check(
        "search --region eu-south-9",
        &[],
        &[
            "nothing matched: no offers are known in these regions",
            "c7g.metal and 21 more are not known to be offered in these regions; \
             --region all searches every region",
        ],
    );
    check("search z*", &[], &["nothing matched: z* excluded the last 22 types"]);
}

#[test]
fn explain_prints_the_meaning_of_words_and_the_effect_of_filters() {
    let (_, _, err) = run("search cheap h100 8gpu --explain", OutputFormat::Csv);
    let expected = "understood as\n  h100: accelerator H100\n  8 gpus: exactly 8 GPUs\n  cheap: sorted by on_demand_price
22 types\n1 left after 8 gpus (exactly 8 GPUs)\n";
    assert!(err.contains("2 left after h100 (accelerator H100)"), "{err}");
    assert!(expected.lines().all(|line| err.contains(line)), "{err}");
    assert!(err.ends_with(
        "region us-east-1; --region selects others, or all\n\
         data: instance_type from test (3 weeks old); offering from test (3 weeks old); price from test (20 months old)\n"
    ), "{err}");
}

#[test]
fn notes_an_operating_system_without_prices() {
    let (_, _, err) = run("search m7i.xlarge --os windows", OutputFormat::Csv);
    assert!(err.contains("no on-demand price for windows is known in these regions"), "{err}");
}

#[test]
fn csv_and_json_columns_are_stable() {
    let (_, out, _) = run("search m7i.xlarge", OutputFormat::Csv);
    assert_eq!(
        out,
        "instance_type,region,vcpus,memory_gib,architecture,on_demand_price,availability_zones\n\
         m7i.xlarge,us-east-1,4,16.0,x86_64,0.04,\"use1-az4,use1-az6\"\n"
    );
    let (_, out, _) = run("search m7i.xlarge", OutputFormat::Ndjson);
    let start = "{\"instance_type\":\"m7i.xlarge\",\"region\":\"us-east-1\",\
         \"availability_zones\":[\"use1-az4\",\"use1-az6\"],\"vcpus\":4,\"physical_cores\":2,\
         \"threads_per_core\":2,\"memory_mib\":16384,\"architecture\":\"x86_64\",\"instance_family\":\"m7i\",\
         \"gpus\":0,\"gpu_memory_mib\":0,\"gpu_memory_per_gpu_mib\":null,\"gpu_partition_size\":null,\
         \"logical_gpus\":0,\"gpu_model\":null,\"gpu_manufacturer\":null,\"on_demand_price\":0.04,\
         \"nested_virtualization\":true,\"price_currency\":\"USD\"";
    assert!(out.starts_with(start), "{out}");
    assert_eq!(run("search m7i.xlarge arm", OutputFormat::Json).1, "[]\n");
    assert!(run("search m5.xlarge", OutputFormat::Ndjson).1.contains("\"on_demand_price\":null"));
}

#[test]
fn tables_show_the_month_of_an_old_price() {
    let (_, out, _) = run("search m*.xlarge", OutputFormat::Table);
    let lines: Vec<_> = out.lines().map(str::trim_end).collect();
    assert!(lines[2].ends_with("unknown") && lines[2].starts_with("m5.xlarge"), "{out}");
    assert!(lines[3].ends_with("$0.04 (2025-03)"), "{out}");
}

#[test]
fn compare_marks_rows_with_different_values() {
    let (done, out, _) = run("compare m7i.xlarge m7g.4xlarge", OutputFormat::Table);
    assert_eq!(done, Ok(Exit::Done));
    let line =
        |heading: &str| out.lines().find(|line| line.contains(heading)).unwrap_or_else(|| panic!("{out}"));
    assert!(line("Memory (GiB)").starts_with('*') && line("On-demand price").starts_with('*'));
    assert!(!line("Current generation").starts_with('*'));
    assert!(!out.contains("GPU model"), "{out}");
    let (_, out, _) = run("compare g6.12xlarge --region us-east-1,eu-central-1", OutputFormat::Table);
    assert!(out.contains("g6.12xlarge us-east-1") && out.contains("g6.12xlarge eu-central-1"), "{out}");
    let (_, _, err) = run("compare m7i.xlarge --region eu-central-1", OutputFormat::Table);
    assert!(err.starts_with("m7i.xlarge is not known to be offered in these regions"), "{err}");
}

#[test]
fn show_regions_and_zones_list_offers() {
    let (_, out, _) = run("show p5.4xlarge", OutputFormat::Table);
    assert!(out.contains("In eu-central-1") && out.contains("unknown, 2 zones"), "{out}");
    let (_, out, _) = run("show p5.4xlarge", OutputFormat::Ndjson);
    assert!(out.contains("\"regions\":[{\"region\":\"eu-central-1\""), "{out}");
    check("regions", &["ap-unseen-1", "eu-central-1", "eu-south-9", "us-east-1"], &[]);
    check("regions p5.4xlarge", &["eu-central-1", "us-east-1"], &[UNSEEN]);
    check(
        "regions m5.xlarge --region eu-central-1",
        &[],
        &["nothing matched: m5.xlarge is not known to be offered in these regions"],
    );
    check("zones g5g.xlarge", &["g5g.xlarge"], &[UNSEEN]);
    check("zones m7a.xlarge --region eu-central-1", &["m7a.xlarge", "m7a.xlarge"], &[]);
}

#[test]
fn typing_errors_get_a_suggestion() {
    check_failure(
        "search --region eu-centrl-1",
        "unknown region \"eu-centrl-1\"; the closest match is eu-central-1",
    );
    check_failure("search us-east-7", "unknown region \"us-east-7\"; the closest match is us-east-1");
    check_failure("regions --region mars-1", "unknown region \"mars-1\"");
    check_failure("search --sort clock", "--sort: unknown key \"clock\"");
    check_failure("search --sort -vcpu", "--sort: unknown key \"vcpu\"; the closest match is vcpus");
    check_failure(
        "search --zones use1-az5",
        "--zones: zone use1-az5 has no offers in the requested regions; the closest match is use1-az4",
    );
    check_failure(
        "compare m7i.xlagre",
        "unknown instance type \"m7i.xlagre\"; the closest match is m7i.xlarge",
    );
    check_failure("show p5", "unknown instance type \"p5\"");
    let hint = run("regions p5", OutputFormat::Csv).0.unwrap_err().hint;
    assert_eq!(hint.as_deref(), Some("it is a family: truffle search 'p5.*' lists its types"));
    check_failure("zones p5.4xlarg", "unknown instance type \"p5.4xlarg\"; the closest match is p5.4xlarge");
}
