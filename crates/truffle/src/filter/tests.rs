use super::*;
use crate::words::{self, SearchVocabulary};
use clap::{Args, CommandFactory, Parser};
use std::collections::BTreeSet;

#[derive(Debug, Parser)]
struct FilterCommandLine {
    words: Vec<String>,
    #[command(flatten)]
    filters: FilterArgs,
}

fn filters(line: &str) -> Result<SearchFilters, Failure> {
    let facts = sample::facts();
    let typed = FilterCommandLine::try_parse_from(["search"].into_iter().chain(line.split_whitespace()));
    let typed =
        typed.map_err(|error| Failure::usage(error.to_string().lines().next().unwrap().to_string()))?;
    let understood = words::read(&typed.words, &SearchVocabulary::new(&facts))?;
    SearchFilters::new(&typed.filters, understood.filters(), &facts)
}

/// Calls `look` with the result of the words and flags for the sample.
fn outcome<T>(line: &str, look: impl Fn(FilterOutcome) -> T) -> T {
    let (facts, offers) = (sample::facts(), sample::offers());
    let filters = filters(line).unwrap_or_else(|failure| panic!("{line}: {failure}"));
    let candidates: Vec<_> = facts
        .iter()
        .zip(&offers)
        .map(|(facts, offer)| OfferCandidate { facts, offer: Some(offer) })
        .collect();
    look(filters.apply(&candidates))
}

fn check(line: &str, expected: &[&str]) {
    outcome(line, |outcome| {
        let kept: Vec<_> = outcome.kept.iter().map(|kept| kept.facts.instance_type.as_str()).collect();
        assert_eq!(kept, expected, "{line}");
    });
}

fn check_error(line: &str, message: &str) {
    assert_eq!(filters(line).expect_err(line).message, message, "{line}");
}

#[test]
fn flags_select_types() {
    check("--vcpus 4 --arch x86_64", &["inf2.xlarge", "m5.xlarge", "m7a.xlarge", "m7i.xlarge"]);
    check("--memory ..2GiB", &["t3.micro", "t4g.small"]);
    check("--vcpus-to-memory 1:2 --vcpus 8..", &["c7g.metal", "c8g.2xlarge", "mac2.metal"]);
    check("--arch arm --bare-metal", &["c7g.metal"]);
    check("--bare-metal=false --generation 8", &["c8g.2xlarge", "m8i.8xlarge"]);
    check("--gpu-model h100,H200 --gpus 8", &["p5.48xlarge", "p5en.48xlarge"]);
    check("--gpu-memory-each 30GiB..50GiB", &["g7.2xlarge", "p4d.24xlarge"]);
    check("--gpu-memory 1TiB..", &["p5en.48xlarge"]);
    check("--training-accelerators 1..", &["trn2.48xlarge"]);
    check("--inference-accelerators 1", &["inf2.xlarge"]);
    check("--clock 3.15..3.5", &["m7i.xlarge"]);
    check("--efa --zones use1-az4 --gpus ..1", &["g5g.xlarge", "trn2.48xlarge"]);
    check("--zones use1-az6 --efa", &[]);
    check("--allow ^m7 --deny flex", &["m7a.xlarge", "m7g.4xlarge", "m7i.xlarge"]);
    check("gpu --cpu-maker amd --vcpus ..48", &["g6.12xlarge", "p5.4xlarge"]);
}

#[test]
fn like_and_flexible_select_similar_types() {
    check("--like m7i.xlarge", &["inf2.xlarge", "m5.xlarge", "m7a.xlarge", "m7i.xlarge"]);
    check("--like m7i.xlarge arm --memory ..8", &["c7g.xlarge"]);
    check("--like p5.48xlarge", &["p5.48xlarge", "p5en.48xlarge"]);
    check("--flexible", &["m5.xlarge", "m7a.xlarge", "m7i.xlarge"]);
    check("--flexible --memory 64", &["r7i.2xlarge"]);
    check_error(
        "--like m7i.xlagre",
        "--like: unknown instance type \"m7i.xlagre\"; the closest match is m7i.xlarge",
    );
}

#[test]
fn types_with_an_unknown_fact_are_excluded_and_counted() {
    let check = |line: &str, left: usize, unknown: usize| {
        outcome(line, |outcome| {
            let stage = outcome.funnel.stages.last().unwrap().clone();
            assert_eq!((stage.left, stage.unknown), (left, unknown), "{line}");
        });
    };
    check("--max-price 0.04", 4, 14);
    check("--max-price-per-vcpu 0.01", 8, 14);
    check("--clock ..10", 3, 19);
    check("--compute-capability 8..", 1, 6);
    check("sve", 4, 3);
}

#[test]
fn zero_is_not_unknown() {
    check("--gpus 0 --vcpus 2", &["m7i-flex.large", "t3.micro", "t4g.small"]);
    check("--storage 0 --vcpus 2", &["m7i-flex.large", "t3.micro", "t4g.small"]);
}

#[test]
fn an_empty_result_names_the_last_filter_and_the_nearest_type() {
    let check = |line: &str, straw: &str, nearest: &str| {
        outcome(line, |outcome| {
            assert_eq!(
                outcome.funnel.last_filter().map(|(_, stage)| stage.typed.as_str()),
                Some(straw),
                "{line}"
            );
            assert_eq!(outcome.nearest.as_deref(), Some(nearest), "{line}");
        });
    };
    check("h200 96 vcpus", "h200", "nearest: p5en.48xlarge has 192 vCPUs, you asked for 96");
    check("h200 --vcpus 96", "--vcpus 96", "nearest: p5en.48xlarge has 192 vCPUs, you asked for 96");
    check("m7i.xlarge --efa", "--efa", "nearest: m7i.xlarge has no EFA, you asked for it");
    check("graviton 100gb", "100gib", "nearest: c7g.metal has 128 GiB of memory, you asked for 100");
    check(
        "h100 --max-price 1",
        "--max-price 1",
        "nearest: p5.48xlarge has no known price in US dollars, you asked for at most $1",
    );
    check(
        "m7g --max-price 0.1",
        "--max-price 0.1",
        "nearest: m7g.4xlarge costs $0.16 an hour, you asked for at most $0.1",
    );
    check(
        "m7i.xlarge --efa --gpus 8",
        "--gpus 8",
        "nearest: m7i.xlarge has 0 GPUs, you asked for 8; it has no EFA, you asked for it",
    );
    outcome("z*", |outcome| assert_eq!(outcome.nearest, None));
}

#[test]
fn funnel_lists_the_types_left_after_each_filter() {
    outcome("h100 8 gpus --max-price 100", |outcome| {
        let expected = [
            "22 types",
            "2 left after h100 (accelerator H100)",
            "1 left after 8 gpus (exactly 8 GPUs)",
            "0 left after --max-price 100 (at most $100 an hour); excluded with an unknown value: 1",
        ];
        assert_eq!(outcome.funnel.lines(), expected);
    });
}

#[test]
fn rejects_invalid_flag_values() {
    check_error("--arch arm65", "--arch: unknown value \"arm65\"; the closest match is arm64");
    check_error("--cpu-maker Cyrix", "--cpu-maker: unknown value \"Cyrix\"");
    check_error(
        "--vcpus 8..4",
        "error: invalid value '8..4' for '--vcpus <RANGE>': \"8..4\" starts above its end; write 4..8",
    );
    check_error("--efa=maybe", "error: invalid value 'maybe' for '--efa[=<BOOL>]'");
    check_error(
        "--max-price=-1",
        "error: invalid value '-1' for '--max-price <USD>': expected an amount such as 0.50",
    );
    check_error("--allow m(", "--allow: \"m(\" is not a pattern such as m7i.* or c[67]g.xlarge");
    check_error("--zones us-east-1a", "--zones: \"us-east-1a\" is not a zone id such as use1-az4");
}

#[test]
fn every_flag_makes_a_filter_with_its_name() {
    let values = |name: &str| match name {
        "arch" => "x86_64",
        "cpu-maker" => "AMD",
        "processor-feature" => "nested-virtualization",
        "gpu-model" => "H100",
        "gpu-maker" => "NVIDIA",
        "inference-model" | "neuron-model" => "Inferentia2",
        "inference-maker" => "AWS",
        "hypervisor" => "nitro",
        "virtualization" => "hvm",
        "boot-mode" => "uefi",
        "usage-class" => "spot",
        "placement" => "cluster",
        "root-device" => "ebs",
        "zones" => "use1-az4",
        "like" => "m7i.xlarge",
        "vcpus-to-memory" => "1:4",
        "flexible" | "storage-type" => "",
        _ if name.starts_with("max-") => "1",
        _ => "1..2",
    };
    let command = FilterArgs::augment_args(clap::Command::new("search"));
    let names: BTreeSet<_> = command.get_arguments().filter_map(|arg| arg.get_long()).collect();
    assert!(FilterCommandLine::command().get_arguments().count() > names.len());
    for name in names {
        let flag = command.get_arguments().find(|arg| arg.get_long() == Some(name)).unwrap();
        let is_bool = flag.get_num_args().is_some_and(|range| range.min_values() == 0);
        let line = match values(name) {
            _ if is_bool => format!("--{name}"),
            "" if name == "flexible" => format!("--{name}"),
            "" => continue,
            value => format!("--{name} {value}"),
        };
        let made = filters(&line).unwrap_or_else(|failure| panic!("{line}: {failure}"));
        assert!(
            made.0.iter().all(|filter| filter.typed.starts_with(&format!("--{name}"))),
            "{line}: {made:?}"
        );
        assert!(!made.0.is_empty(), "{line}");
    }
}
