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

use super::{compare, query, regions, search, show, zones};
use crate::filter::sample;
use crate::offer::RegionOffer;
use crate::{CommandPorts, CommonArgs};

/// Returns a warehouse that contains the sample.
fn sample_warehouse() -> MemoryAsk {
    let mut warehouse = MemoryAsk::default()
        .answer("instance/facts", |_| sample::page())
        .answer("offering/zones", zone_rows)
        .answer("price/current", price_rows)
        .answer("region/list", |_| region_list())
        .answer("data/runs", |_| runs())
        .answer("instance/metrics", |_| names(&["cpu (score)", "memory (GB/s)"]))
        .answer("cost/newest-usage", |_| names(&[]))
        .answer("cost/tag-keys", |_| names(&["Name", "team"]));
    // These have no rows: the tests check the reason of an empty answer.
    for (question, tables) in [
        ("price/options", &["price", "savings_plan"][..]),
        ("price/on-demand", &["price"]),
        ("spot/scores", &["placement_score"]),
        ("spot/latest", &["spot_price"]),
        ("cost/by-day", &["charge"]),
        ("cost/by-tag", &["charge"]),
        ("instance/benchmarks", &["benchmark"]),
        ("offering/everywhere", &["offering"]),
    ] {
        warehouse = warehouse.answer(question, |_| names(&[])).reads(question, tables);
    }
    warehouse
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

fn names(names: &[&str]) -> Page {
    let rows = names.iter().map(|name| vec![(*name).into()]).collect();
    Page { fields: vec![catalog::Field::new("name", catalog::ValueType::Text)], rows }
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
    Query(query::QueryArgs),
}

/// Runs a command line. Returns its result, standard output and standard error.
fn run(line: &str, format: OutputFormat) -> (Result<Exit, Failure>, String, String) {
    let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
    let sources = SettingsSources { home: Some(PathBuf::from("/home/ann")), ..SettingsSources::default() };
    let settings = Settings::resolve(&CommonFlags::default(), &sources).unwrap();
    let (warehouse, encode) = (sample_warehouse(), FailingEncode("not in this test"));
    let ports = CommandPorts { ask: &warehouse, encode: &encode, settings: &settings, as_of: now };
    let (flags, out, as_of) = (CommonFlags::default(), None, None);
    let common = CommonArgs { flags, columns: Vec::new(), out, verbose: false, as_of };
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
        TestCommandLine::Query(args) => query::run_query(&args, &common, &ports, &mut printer, now),
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
    let footer = |line: &&str| line.contains(" weeks old") || line.starts_with("today's prices: ");
    let talk: Vec<_> = err.lines().filter(|line| !footer(line)).collect();
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
    let said = [
        "rows without a known value of \"On-demand price (/h)\", listed last: 2; collector snapshot price --region us-east-1",
    ];
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
    let said = [
        "--max-price 0.05: excluded 2 types without a known price; collector snapshot price --region us-east-1",
    ];
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
    "not collected yet: offerings of ap-unseen-1; collector snapshot offering --region ap-unseen-1";

#[test]
fn in_all_regions_requires_every_requested_region() {
    let both = "search 1 gpu --in-all-regions --region us-east-1,eu-central-1";
    check(both, &["p5.4xlarge", "p5.4xlarge"], &[]);
    check(&format!("{both},us-east-1"), &["p5.4xlarge", "p5.4xlarge"], &[]);
    let nothing = "no match: no type is offered in all of these regions; try fewer regions";
    check(&format!("{both},eu-south-9"), &[], &[nothing]);
    check_failure(
        &format!("{both},ap-unseen-1"),
        "not collected yet: offerings of ap-unseen-1, which --in-all-regions needs for \
         us-east-1,eu-central-1,ap-unseen-1",
    );
    let counted = "not collected yet: offerings of ap-unseen-1; regions compared: 3; \
                   collector snapshot offering --region ap-unseen-1";
    check("search 1 gpu --in-all-regions", &[], &[counted, nothing]);
}

#[test]
fn an_empty_answer_names_the_last_filter_and_the_nearest_type() {
    check(
        "search h200 96 vcpus",
        &[],
        &["no match: h200 excluded the last 1 type; \
             nearest: p5en.48xlarge has 192 vCPUs, you asked for 96"],
    );
    check(
        "search m7i.xlarge eu-central-1",
        &[],
        &[
            "no match: m7i.xlarge excluded the last 5 types; leave it out or loosen it",
            "not offered in eu-central-1: m7i.xlarge; try --region all",
        ],
    );
    check(
        "search --region eu-south-9",
        &[],
        &[
            "no match: these regions offer no instance types",
            "not offered in eu-south-9: c7g.metal and 21 more; try --region all",
        ],
    );
    check("search z*", &[], &["no match: z* excluded the last 22 types; leave it out or loosen it"]);
}

#[test]
fn explain_prints_the_meaning_of_words_and_the_effect_of_filters() {
    let (_, _, err) = run("search cheap h100 8gpu --explain", OutputFormat::Csv);
    let expected = "understood as\n  h100: accelerator H100\n  8 gpus: exactly 8 GPUs\n  cheap: sorted by on_demand_price
22 types\n1 left after 8 gpus (exactly 8 GPUs)\n";
    assert!(err.contains("2 left after h100 (accelerator H100)"), "{err}");
    assert!(expected.lines().all(|line| err.contains(line)), "{err}");
    assert!(err.ends_with(
        "us-east-1 · types, offerings 3 weeks old · prices 20 months old\n\
         today's prices: collector snapshot price --region us-east-1 (250 to 450 MB per region, no account needed)\n"
    ), "{err}");
}

#[test]
fn notes_an_operating_system_without_prices() {
    let (_, _, err) = run("search m7i.xlarge --os windows", OutputFormat::Csv);
    assert!(
        err.contains("no match: no on-demand price for windows in these regions; try --os linux, or collector snapshot price"),
        "{err}"
    );
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
    // A row without a value for any of the types would be empty.
    let cells = |line: &str| line.trim_start_matches(['*', ' ']).split("  ").skip(1).collect::<String>();
    assert!(out.lines().skip(2).all(|line| cells(line).contains(|c: char| c.is_alphanumeric())), "{out}");
    let (_, out, _) = run("compare m7i.xlarge p5.4xlarge", OutputFormat::Table);
    assert!(out.to_lowercase().contains("per gpu"), "{out}");
    let (_, out, _) = run("compare g6.12xlarge --region us-east-1,eu-central-1", OutputFormat::Table);
    assert!(out.contains("g6.12xlarge us-east-1") && out.contains("g6.12xlarge eu-central-1"), "{out}");
    let (_, _, err) = run("compare m7i.xlarge --region eu-central-1", OutputFormat::Table);
    assert!(err.starts_with("not offered in eu-central-1: m7i.xlarge; try --region all"), "{err}");
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
        &["not offered in eu-central-1: m5.xlarge; try --region all"],
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

#[test]
fn types_and_regions_are_named_in_any_spelling() {
    check("search M7A.XLARGE", &["m7a.xlarge"], &[]);
    check("search m7a-xlarge --region Frankfurt", &["m7a.xlarge"], &[]);
    check("search m7a.xlarge --region EU_CENTRAL_1,use1", &["m7a.xlarge", "m7a.xlarge"], &[]);
    check("search m7a.xlarge eu-frankfurt", &["m7a.xlarge"], &[]);
    check("zones M7A.Xlarge --region euc1", &["m7a.xlarge", "m7a.xlarge"], &[]);
    let same = |line: &str, usual: &str| {
        assert_eq!(run(line, OutputFormat::Csv).1, run(usual, OutputFormat::Csv).1, "{line}");
    };
    same("show M7I.XLARGE", "show m7i.xlarge");
    same("compare m7ixlarge M7G.4xlarge", "compare m7i.xlarge m7g.4xlarge");
    same("regions P5.4XLarge", "regions p5.4xlarge");
    same("search --like M7I.XLARGE", "search --like m7i.xlarge");
    same(
        "query price/options --param type=M7I.XLARGE --param region=N.Virginia",
        "query price/options --param type=m7i.xlarge --param region=us-east-1",
    );
    same("search --gpu-model rtxpro4500", "search --gpu-model RTX-PRO-4500");
    check_failure("search --region moon", "unknown region \"moon\"");
    check_failure("search --region frankfrt", "unknown region \"frankfrt\"; the closest match is Frankfurt");
    check_failure(
        "search --region us-east",
        "--region: \"us-east\" is several regions: us-east-1, us-east-2",
    );
    check_failure(
        "show p4.24xlarge",
        "unknown instance type \"p4.24xlarge\"; the closest match is p4d.24xlarge",
    );
    check_failure(
        "search --gpu-model a800",
        "--gpu-model: unknown value \"a800\"; the closest match is A100",
    );
    check_failure(
        "search --gpu-model A100-80GB",
        "--gpu-model: unknown value \"A100-80GB\"; the closest match is A100",
    );
}

#[test]
fn a_value_apart_from_its_flag_names_the_flag() {
    let check = |line: &str, hint: &str| {
        let failure = run(line, OutputFormat::Csv).0.unwrap_err();
        assert!(failure.message.ends_with("a flag takes its value after ="), "{failure:?}");
        assert_eq!(failure.hint.as_deref(), Some(hint), "{line}");
    };
    check("search --bare-metal false", "truffle search --bare-metal=false");
    check("search --efa TRUE m7i", "truffle search --efa=true");
    check("search --efa --mig false", "truffle search --mig=false or --efa=false");
    check("search false", "truffle search --bare-metal=false");
}

#[test]
fn a_size_that_no_gpu_has_names_the_flag() {
    let memory = "a100 has 40 GiB of memory in each GPU: --gpu-memory-each";
    let nearest = |size: &str, typed: &str| {
        format!(
            "no match: {typed} excluded the last 22 types; \
             nearest: p4d.24xlarge has 1152 GiB of memory, you asked for {size}"
        )
    };
    check("search a100 24gb", &[], &[nearest("24", "24gib").as_str(), memory]);
    check("search 96gb a100", &[], &[nearest("96", "96gib").as_str(), memory]);
    check("search h100 80gb 1 gpu", &["p5.4xlarge"], &[]);
}

#[test]
fn an_empty_answer_tells_missing_data_from_no_match() {
    let check = |line: &str, reason: &str| {
        let (done, _, err) = run(&format!("query {line}"), OutputFormat::Csv);
        assert_eq!((done, err.lines().next()), (Ok(Exit::NothingMatched), Some(reason)), "{line}");
    };
    check(
        "price/on-demand --param type=m7i.xlarge --param os=windows",
        "no match for type=m7i.xlarge, os=windows in the collected data; leave out os=windows: the default is linux",
    );
    check(
        "spot/latest --param type=m7i.xlarge",
        "no match for type=m7i.xlarge in the collected data; truffle query --list shows the other parameters",
    );
    check(
        "price/options --param type=m7i.xlarge --param region=eu-central-1",
        "not offered: m7i.xlarge in eu-central-1; truffle regions m7i.xlarge lists the regions",
    );
    check(
        "price/options --param type=m7i.xlarge",
        "not collected yet: savings_plan of us-east-1; collector snapshot savings_plan --region us-east-1",
    );
    check(
        "spot/scores",
        "not collected yet: placement_score; \
         collector snapshot placement_score --type TYPE --capacity COUNT --region us-east-1",
    );
    check("cost/by-day", "not collected yet: charge; collector snapshot charge ($0.01 per request)");
}

#[test]
fn a_mistyped_parameter_is_refused_with_the_nearest_value() {
    let systems = "the values are linux, rhel, rhel-ha, suse, ubuntu-pro, windows";
    let regions = "the values are ap-unseen-1, eu-central-1, eu-south-9, us-east-1";
    let check = |question: &str, param: &str, message: &str, hint: &str| {
        let needed = match question {
            "price/options" | "spot/latest" if !param.starts_with("type=") => " --param type=m7i.xlarge",
            "cost/by-tag" if !param.starts_with("tag=") => " --param tag=Name",
            _ => "",
        };
        let line = format!("query {question}{needed} --param {param}");
        let failure = run(&line, OutputFormat::Csv).0.unwrap_err();
        assert_eq!((failure.kind.code(), failure.message.as_str()), (2, message), "{line}");
        assert_eq!(failure.hint.as_deref(), Some(hint), "{line}");
    };
    let closest = |value: &str, more: &str| format!("the closest value is {value}; {more}");
    check("price/options", "os=RHEL", "no os \"RHEL\"", &closest("rhel", systems));
    check("price/options", "os=Linux", "no os \"Linux\"", &closest("linux", systems));
    check("price/options", "os=", "no os \"\"", systems);
    let tenancies = "the values are shared, dedicated, host";
    check("price/options", "tenancy=sharde", "no tenancy \"sharde\"", &closest("shared", tenancies));
    let products = "the values are linux, rhel, suse, windows";
    check("spot/latest", "product=window", "no product \"window\"", &closest("windows", products));
    let months = "the values are 2026-09, latest, all";
    check("cost/by-tag", "month=2026-9", "no month \"2026-9\"", &closest("2026-09", months));
    check(
        "cost/by-day",
        "month=lastest",
        "no month \"lastest\"",
        &closest("latest", "the values are 2026-11, latest, all"),
    );
    check(
        "price/options",
        "region=eu-central",
        "no region \"eu-central\"",
        &closest("eu-central-1", regions),
    );
    check("price/options", "region=US-EAST-9", "no region \"US-EAST-9\"", &closest("us-east-1", regions));
    check("price/options", "region=", "no region \"\"", regions);
    check(
        "offering/everywhere",
        "regions=us-east-1,eu-centrl-1",
        "no region \"eu-centrl-1\"",
        &closest("eu-central-1", regions),
    );
    let types = "truffle search lists the types";
    check("price/options", "type=m7i.xlagre", "no type \"m7i.xlagre\"", &closest("m7i.xlarge", types));
    check("price/options", "type=", "no type \"\"", types);
    check("spot/scores", "type=M7I.XLRGE", "no type \"m7i.xlrge\"", &closest("m7i.xlarge", types));
    let keys = "the values are Name, team";
    check("cost/by-tag", "tag=Names", "no tag \"Names\"", &closest("Name", keys));
    check("cost/by-tag", "tag=owner", "no tag \"owner\"", keys);
    let metrics = "the values are cpu (score), memory (GB/s)";
    check("instance/benchmarks", "metric=gpu", "no metric \"gpu\"", metrics);
    check(
        "price/options",
        "oss=linux",
        "price/options has no parameter \"oss\"; the closest match is os",
        "parameters: type, region, os, tenancy, as_of",
    );
    for valid in [
        "price/options --param type=m7i.xlarge --param os=rhel-ha",
        "cost/by-tag --param tag=user:Name",
        "cost/by-tag --param tag=name",
        "cost/by-tag --param tag=resource_tags_user_team",
        "cost/by-tag --param tag=Name --param month=all",
        "spot/scores --param type=all",
    ] {
        assert_eq!(run(&format!("query {valid}"), OutputFormat::Csv).0, Ok(Exit::NothingMatched), "{valid}");
    }
}
