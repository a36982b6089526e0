use std::collections::BTreeSet;
use std::path::PathBuf;

use analysis::runtimes::{RunConfiguration, RuntimeQuery, RuntimeRow, predict_runtimes};
use clap::Args;
use clap::builder::PossibleValuesParser;
use console::{Exit, Failure, FailureKind, Printer, read_region, suggest_closest};
use domain::{SignedDuration, Timestamp, format_span};

use super::runs_answer::{RunLine, report};
use super::runs_file::RunsFile;
use super::runs_prices::RegionPrices;
use crate::CommandPorts;
use crate::footer::{note_footer, price_command};
use crate::region_scope::{SYSTEMS, check_regions, regions};

/// Configurations that one answer predicts at most.
const MOST_CONFIGURATIONS: usize = 5_000;
/// Lines that are named as repeated.
const NAMED_LINES: usize = 5;

/// Recommend a type and a count from measured runs: runtime, cost, and the run to try next.
///
/// The file is CSV with the columns job, instance_type, count and runtime_seconds. All other
/// columns are numeric inputs of the job, such as data_gb. Runs of other jobs in the file help to
/// choose the next run.
///
/// From 20 configurations with different inputs on, models of the inputs predict the runtime
/// (method inputs). With fewer, two counts of a type give its curve, and one run on another type
/// scales the curve (ratio). A type without a run has no prediction. The cost is the runtime at the
/// on-demand price.
#[derive(Debug, Args)]
pub struct RecommendRunsArgs {
    /// CSV file of measured runs
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Job to predict, also one without runs [default: the only job of the file]
    #[arg(long, value_name = "JOB")]
    pub job: Option<String>,
    /// Input of the job, such as data_gb=100; may be repeated [default: that of its last run]
    #[arg(long, value_name = "COLUMN=NUMBER")]
    pub input: Vec<String>,
    /// Instance types to predict, separated by commas [default: those of the file]
    #[arg(long, value_name = "TYPE", value_delimiter = ',')]
    pub types: Vec<String>,
    /// Counts of instances to predict, separated by commas [default: those of the file]
    #[arg(
        long, value_name = "COUNT", value_delimiter = ',',
        value_parser = clap::value_parser!(u32).range(1..=100_000)
    )]
    pub counts: Vec<u32>,
    /// Later runs of the job, to decide whether another try pays
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub repeats: Option<u64>,
    /// Longest runtime, such as 2h; a configuration with a longer upper bound is left out
    #[arg(long, value_name = "SPAN", value_parser = read_deadline)]
    pub deadline: Option<SignedDuration>,
    /// Region of the prices [default: that of the settings]
    #[arg(long, value_name = "REGION", help_heading = "Price")]
    pub region: Option<String>,
    /// Operating system of the prices
    #[arg(
        long,
        value_name = "OS",
        default_value = "linux",
        value_parser = PossibleValuesParser::new(SYSTEMS),
        help_heading = "Price"
    )]
    pub os: String,
}

fn read_deadline(text: &str) -> Result<SignedDuration, String> {
    let span = domain::parse_span(text).map_err(|error| error.to_string())?;
    if span.as_secs() < 1 { Err("a deadline is at least 1s".into()) } else { Ok(span) }
}

/// Runs `truffle recommend runs`.
pub fn run_recommend_runs(
    args: &RecommendRunsArgs,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let file = RunsFile::read(&args.file)?;
    let job = file.job(args.job.as_deref())?;
    let inputs = file.inputs_of(&job, &args.input)?;
    let region = match &args.region {
        Some(name) => read_region("--region", name)?,
        None => ports.settings.region.value.to_string(),
    };
    check_regions(&[region.as_str()], &regions(&ports.at_any_time())?)?;
    let prices = RegionPrices::load(&region, &args.os, ports)?;
    let configurations = configurations(args, &file, &prices)?;
    let query =
        RuntimeQuery { runs: &file.runs, job: &job, inputs: &inputs, configurations: &configurations };
    let answers = predict_runtimes(&query);
    let mut lines: Vec<RunLine> =
        answers.iter().map(|row| RunLine::of(row, &configurations[row.at], &prices)).collect();
    let late = leave_out_late(&mut lines, args.deadline)?;
    lines.sort_by(RunLine::compare);
    printer.report(&report(&lines), ports.encode)?;
    note_file(&file, &job, &inputs, printer);
    if late > 0 {
        printer.note(&format!("{late} configurations are left out: their upper bound exceeds the deadline"));
    }
    note_next(&answers, &configurations, &prices, args.repeats, printer);
    note_prices(&configurations, &prices, &region, ports, printer, now);
    note_footer(ports, printer, &["price"], &region, now)?;
    Ok(Exit::Done)
}

/// Returns every requested type with every requested count.
fn configurations(
    args: &RecommendRunsArgs,
    file: &RunsFile,
    prices: &RegionPrices,
) -> Result<Vec<RunConfiguration>, Failure> {
    let seen: BTreeSet<&str> = file.runs.iter().map(|run| run.point.instance_type.as_str()).collect();
    let types: BTreeSet<String> = match args.types.is_empty() {
        true => seen.iter().map(|name| (*name).to_string()).collect(),
        false => args.types.iter().map(|name| name.trim().to_ascii_lowercase()).collect(),
    };
    let is_known = |name: &str| seen.contains(name) || prices.by_type.contains_key(name);
    if let Some(name) = types.iter().find(|name| !is_known(name)) {
        let known = seen.iter().copied().chain(prices.by_type.keys().map(String::as_str));
        let near = suggest_closest(name, known);
        let scope = &prices.scope;
        let problem = format!("--types {name}: the file has no run of it, and {scope} no price{near}");
        return Err(Failure::usage(problem).hint("truffle search lists the instance types"));
    }
    let counts: BTreeSet<u32> = match args.counts.is_empty() {
        true => file.runs.iter().map(|run| run.point.count).collect(),
        false => args.counts.iter().copied().collect(),
    };
    if types.len() * counts.len() > MOST_CONFIGURATIONS {
        let problem = format!("{} types with {} counts are too many", types.len(), counts.len());
        return Err(Failure::usage(problem).hint("choose some with --types and --counts"));
    }
    let one = |name: &String, count: u32| RunConfiguration {
        instance_type: name.clone(),
        count,
        price_per_hour: prices.by_type.get(name).copied(),
    };
    Ok(types.iter().flat_map(|name| counts.iter().map(move |count| one(name, *count))).collect())
}

/// Removes configurations with an upper bound, or a runtime without a bound, beyond the deadline,
/// and returns their number. Types without a prediction stay.
fn leave_out_late(lines: &mut Vec<RunLine>, deadline: Option<SignedDuration>) -> Result<usize, Failure> {
    let Some(deadline) = deadline else { return Ok(0) };
    let longest = deadline.as_secs_f64();
    let before = lines.len();
    let fastest = lines.iter().filter_map(RunLine::latest_seconds).min_by(f64::total_cmp);
    lines.retain(|line| line.latest_seconds().is_none_or(|seconds| seconds <= longest));
    match fastest.filter(|seconds| *seconds > longest) {
        None => Ok(before - lines.len()),
        Some(seconds) => {
            let span = format_span(deadline);
            let problem = format!("no configuration is sure to end within --deadline {span}");
            let next =
                format!("the fastest ends within {seconds:.0} s: raise --deadline, or name more --counts");
            Err(Failure::new(FailureKind::NoMatch, problem).hint(next))
        }
    }
}

fn note_file(file: &RunsFile, job: &str, inputs: &[f64], printer: &mut Printer) {
    if !inputs.is_empty() {
        let texts: Vec<String> =
            file.inputs.iter().zip(inputs).map(|(name, value)| format!("{name}={value}")).collect();
        printer.note(&format!("inputs of {job}: {}", texts.join(", ")));
    }
    if !file.repeated_lines.is_empty() {
        let named: Vec<String> = file.repeated_lines.iter().take(NAMED_LINES).map(u64::to_string).collect();
        let more = file.repeated_lines.len() - named.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        printer.note(&format!("lines that repeat an earlier one, counted once: {}{more}", named.join(", ")));
    }
    if !file.runs.iter().any(|run| run.job == job) {
        printer.note(&format!("{job} has no runs in the file: nothing is predicted"));
    }
}

/// Notes the run to try next, and whether it pays for the later runs.
fn note_next(
    answers: &[RuntimeRow],
    configurations: &[RunConfiguration],
    prices: &RegionPrices,
    repeats: Option<u64>,
    printer: &mut Printer,
) {
    let Some((row, next)) = answers.iter().find_map(|row| Some((row, row.next?))) else {
        printer.note("no further run is expected to save anything");
        return;
    };
    let one = &configurations[row.at];
    let name = format!("{} of {}", one.count, one.instance_type);
    let currency = prices.currency.as_deref().unwrap_or_default();
    let Some((saving, cost)) = next.saving_per_run.zip(next.cost) else {
        printer.note(&format!("next run to try: {name}; no cost of this job is known yet"));
        return;
    };
    let worth = format!("costs about {cost:.4} {currency}, and saves {saving:.4} in each later run");
    let pays = match (next.pays_after(), repeats) {
        (None, _) => "; it does not pay".to_string(),
        (Some(after), None) => format!("; it pays after {after} runs"),
        (Some(after), Some(repeats)) if after <= repeats => {
            format!("; it pays after {after} runs, so it pays for {repeats}")
        }
        (Some(after), Some(repeats)) => {
            format!("; it pays after {after} runs, so it does not pay for {repeats}")
        }
    };
    printer.note(&format!("next run to try: {name}; it {worth}{pays}"));
}

fn note_prices(
    configurations: &[RunConfiguration],
    prices: &RegionPrices,
    region: &str,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
    now: Timestamp,
) {
    let types: BTreeSet<&str> = configurations.iter().map(|one| one.instance_type.as_str()).collect();
    let missing: Vec<&str> = types.into_iter().filter(|name| prices.reason(name).is_some()).collect();
    if !missing.is_empty() {
        let command = price_command(ports, region, now);
        let names = missing.join(", ");
        printer.note(&format!("no on-demand price for {}: {names}; {command}", prices.scope));
    }
}
