//! The last line of an answer: its regions, the age of its data, the gaps, and the way to today's
//! prices.

use catalog::Page;
use console::{Failure, Printer, describe_age};
use domain::Timestamp;

use crate::CommandPorts;
use crate::collect_command::collect_command;
use crate::offer::DatasetSource;
use crate::region_scope;

/// Prices older than this many days are old: AWS changes some every month.
const OLD_PRICE_DAYS: i64 = 90;

/// Regions that are listed by name in the footer.
const NAMED_REGIONS: usize = 3;

/// Prints the footer of an answer that reads these datasets in these regions (codes joined by
/// commas, or all): one line, or one line per fact with `--verbose`. Then, where prices are unknown
/// or old, the command that collects today's.
pub(crate) fn note_footer(
    ports: &CommandPorts,
    printer: &mut Printer,
    datasets: &[&str],
    regions: &str,
    now: Timestamp,
) -> Result<(), Failure> {
    let runs = ports.answer("data/runs", &[("scopes", regions)])?;
    note_runs_footer(runs, ports, printer, datasets, regions, now)
}

/// Prints the footer, as [`note_footer`] does, from an answer about the runs of these regions.
pub(crate) fn note_runs_footer(
    runs: Page,
    ports: &CommandPorts,
    printer: &mut Printer,
    datasets: &[&str],
    regions: &str,
    now: Timestamp,
) -> Result<(), Failure> {
    let sources: Vec<DatasetSource> = region_scope::read_sources(runs)?
        .into_iter()
        .filter(|source| datasets.contains(&source.dataset.as_str()))
        .collect();
    let gaps: usize = sources.iter().map(|source| source.gaps.len()).sum();
    if printer.is_verbose() {
        printer.note(&sources_line(&sources, now));
        if gaps > 0 {
            printer.note(&format!("data gaps: {gaps}; truffle query data/runs lists them"));
        }
    } else {
        printer.note(&line(datasets, &sources, regions, gaps, now));
    }
    // With --as-of, old prices are what the user wants.
    if datasets.contains(&"price") && ports.as_of >= now && prices_are_old(&sources, now) {
        let command = price_command(ports, regions, now);
        printer.note(&format!("today's prices: {command} (250 to 450 MB per region, no account needed)"));
    }
    Ok(())
}

/// Returns the command that collects the prices of these regions (codes joined by commas, or all for
/// the region of the settings), as of the time of the answer.
pub(crate) fn price_command(ports: &CommandPorts, regions: &str, now: Timestamp) -> String {
    let region = ports.settings.region.value.as_str();
    let command = collect_command("price", if regions == "all" { region } else { regions });
    match ports.as_of < now {
        true => format!("{command} --as-of {}", ports.as_of.strftime("%Y-%m-%d")),
        false => command,
    }
}

fn prices_are_old(sources: &[DatasetSource], now: Timestamp) -> bool {
    let newest = sources.iter().filter(|source| source.dataset == "price").map(|source| source.observed_at);
    newest.max().is_none_or(|newest| now.as_second() - newest.as_second() > OLD_PRICE_DAYS * 24 * 3600)
}

/// Returns the footer, such as `us-east-1 · types 4 weeks old · prices 20 to 33 months old · 5
/// gaps: truffle status`.
fn line(datasets: &[&str], sources: &[DatasetSource], regions: &str, gaps: usize, now: Timestamp) -> String {
    let mut parts = Vec::new();
    match regions.split(',').count() {
        _ if regions == "all" => {}
        count if count > NAMED_REGIONS => parts.push(format!("{count} regions")),
        _ => parts.push(regions.replace(',', ", ")),
    }
    let mut ages: Vec<(String, String)> = Vec::new();
    for dataset in datasets {
        let (noun, age) = (plural(dataset), dataset_age(dataset, sources, now));
        match ages.last_mut().filter(|(_, last)| *last == age) {
            Some((nouns, _)) => *nouns += &format!(", {noun}"),
            None => ages.push((noun, age)),
        }
    }
    parts.extend(ages.into_iter().map(|(nouns, age)| format!("{nouns} {age}")));
    match gaps {
        0 => {}
        1 => parts.push("1 gap: truffle status".into()),
        more => parts.push(format!("{more} gaps: truffle status")),
    }
    parts.join(" · ")
}

/// Returns the plural of a dataset's name.
fn plural(dataset: &str) -> String {
    let words = dataset.replace('_', " ");
    match dataset {
        "instance_type" => "types".into(),
        "region_access" | "utilization" => words,
        "address" => "addresses".into(),
        "capacity" => "capacities".into(),
        _ => format!("{words}s"),
    }
}

fn dataset_age(dataset: &str, sources: &[DatasetSource], now: Timestamp) -> String {
    let of_dataset = || sources.iter().filter(|source| source.dataset == dataset);
    let newest = of_dataset().map(|source| source.observed_at).max();
    let oldest = of_dataset().map(|source| source.observed_from).min();
    match newest.zip(oldest) {
        None => "not collected yet".into(),
        Some((newest, oldest)) => describe_ages(newest, oldest, now),
    }
}

/// Returns the age of data between two instants: "4 weeks old", "20 to 33 months old", "from
/// today".
fn describe_ages(newest: Timestamp, oldest: Timestamp, now: Timestamp) -> String {
    let (newest, oldest) = (describe_age(newest, now), describe_age(oldest, now));
    let unit = |age: &str| age.split_once(' ').map(|(_, unit)| unit.to_string());
    match newest {
        _ if newest == "today" && oldest == "today" => "from today".into(),
        _ if newest == oldest && newest.ends_with(')') => newest,
        _ if newest == oldest => format!("{newest} old"),
        _ if unit(&newest) == unit(&oldest) => {
            let number = newest.split(' ').next().unwrap_or_default();
            format!("{number} to {oldest} old")
        }
        _ => format!("{newest} to {oldest} old"),
    }
}

/// Returns the age of the data by source: "data: price from a (20 months old), b (33 months old)".
fn sources_line(sources: &[DatasetSource], now: Timestamp) -> String {
    if sources.is_empty() {
        return "data: not collected yet".into();
    }
    let mut datasets: Vec<(&str, Vec<String>)> = Vec::new();
    for source in sources {
        let age = describe_ages(source.observed_at, source.observed_from, now);
        let text = format!("{} ({age})", source.source);
        match datasets.iter_mut().find(|(dataset, _)| *dataset == source.dataset) {
            Some((_, texts)) => texts.push(text),
            None => datasets.push((&source.dataset, vec![text])),
        }
    }
    let datasets: Vec<String> =
        datasets.into_iter().map(|(dataset, texts)| format!("{dataset} from {}", texts.join(", "))).collect();
    format!("data: {}", datasets.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-23T12:00:00Z";

    fn source(dataset: &str, source: &str, newest: &str, oldest: &str) -> DatasetSource {
        DatasetSource {
            dataset: dataset.to_string(),
            source: source.to_string(),
            observed_from: domain::parse_instant(oldest).unwrap(),
            observed_at: domain::parse_instant(newest).unwrap(),
            row_count: 1,
            scopes: 1,
            gaps: Vec::new(),
        }
    }

    #[test]
    fn ages_are_listed_by_source() {
        let check = |sources: &[(&str, &str, &str)], expected: &str| {
            let sources: Vec<DatasetSource> =
                sources.iter().map(|(dataset, name, day)| source(dataset, name, day, day)).collect();
            assert_eq!(sources_line(&sources, NOW.parse().unwrap()), expected);
        };
        check(&[], "data: not collected yet");
        check(
            &[
                ("offering", "a", "2026-11-23T00:00:00Z"),
                ("price", "a", "2025-03-02T00:00:00Z"),
                ("price", "b", "2024-02-21T00:00:00Z"),
            ],
            "data: offering from a (from today); price from a (20 months old), b (33 months old)",
        );
        check(&[("price", "a", "2027-01-01T00:00:00Z")], "data: price from a (in the future (clock?))");
    }

    #[test]
    fn the_footer_is_one_line() {
        let check = |datasets: &[&str], regions: &str, gaps: usize, expected: &str| {
            let sources = [
                source("instance_type", "a", "2026-10-26", "2026-10-26"),
                source("offering", "a", "2026-10-26", "2026-10-26"),
                source("price", "a", "2025-03-02", "2025-03-02"),
                source("price", "b", "2024-02-21", "2024-02-21"),
                source("zone", "a", "2026-11-23", "2024-02-21"),
                source("quota", "a", "2026-11-23", "2026-11-23"),
            ];
            assert_eq!(line(datasets, &sources, regions, gaps, NOW.parse().unwrap()), expected);
        };
        check(
            &["instance_type", "price"],
            "us-east-1",
            5,
            "us-east-1 · types 4 weeks old · prices 20 to 33 months old · 5 gaps: truffle status",
        );
        check(
            &["instance_type", "offering", "price"],
            "us-east-1,eu-west-1",
            1,
            "us-east-1, eu-west-1 · types, offerings 4 weeks old · prices 20 to 33 months old · \
             1 gap: truffle status",
        );
        check(&["zone"], "a,b,c,d", 0, "4 regions · zones today to 33 months old");
        check(&["quota", "charge"], "all", 0, "quotas from today · charges not collected yet");
    }

    #[test]
    fn prices_are_old_after_three_months() {
        let check = |sources: &[DatasetSource], expected: bool| {
            assert_eq!(prices_are_old(sources, NOW.parse().unwrap()), expected);
        };
        let (old, new) = ("2026-08-20", "2026-11-01");
        check(&[], true);
        check(&[source("offering", "a", new, new)], true);
        check(&[source("price", "a", old, old)], true);
        check(&[source("price", "a", old, old), source("price", "b", new, old)], false);
    }
}
