//! The last line of an answer: its regions, the age of its data, the gaps, and the way to today's
//! prices.

use catalog::Page;
use catalog::rows::NewestUsageRow;
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

/// Payers that are listed by id in the footer.
const NAMED_PAYERS: usize = 3;

/// Facts about an answer that its footer shows beside the age of the data.
#[derive(Debug, Default)]
pub(crate) struct AnswerFacts {
    /// The extent of the bills that the answer reads, if it reads any.
    pub(crate) bills: Option<NewestUsageRow>,
    /// Number of lines of bills without an effective cost.
    pub(crate) lines_without_effective_cost: i64,
}

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
    note_facts_footer(runs, &AnswerFacts::default(), ports, printer, datasets, regions, now)
}

/// Prints the footer, as [`note_runs_footer`] does, with these facts about the answer.
pub(crate) fn note_facts_footer(
    runs: Page,
    facts: &AnswerFacts,
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
    let lacks = |dataset: &&str| sources.iter().all(|source| source.dataset != *dataset);
    // Data from after the instant of the answer is not used, but it was collected.
    let later = match datasets.iter().any(lacks) {
        true => region_scope::sources(&ports.at_any_time(), regions)?,
        false => Vec::new(),
    };
    let data = FooterData { sources: &sources, later: &later, as_of: ports.as_of, now };
    if printer.is_verbose() {
        printer.note(&sources_line(&sources, now));
        data.facts(facts).iter().for_each(|fact| printer.note(fact));
        if gaps > 0 {
            printer.note(&format!("data gaps: {gaps}; truffle query data/runs lists them"));
        }
    } else {
        printer.note(&line(datasets, &data, facts, regions, gaps));
    }
    // With --as-of, old prices are what the user wants.
    if datasets.contains(&"price") && ports.as_of >= now && prices_are_old(&sources, now) {
        let command = price_command(ports, regions, now);
        printer.note(&format!("today's prices: {command} (250 to 450 MB per region, no account needed)"));
    }
    Ok(())
}

/// Returns the command that collects the prices of these regions (codes joined by commas, or all
/// for the region of the settings), as of the time of the answer.
pub(crate) fn price_command(ports: &CommandPorts, regions: &str, now: Timestamp) -> String {
    let region = ports.settings.region.value.as_str();
    let command = collect_command("price", if regions == "all" { region } else { regions });
    match ports.as_of < now {
        true => format!("{command} --as-of {}", ports.as_of.strftime("%Y-%m-%d")),
        false => command,
    }
}

/// The sources behind an answer.
struct FooterData<'a> {
    sources: &'a [DatasetSource],
    /// The sources at any time; empty if each dataset has a source in `sources`.
    later: &'a [DatasetSource],
    as_of: Timestamp,
    now: Timestamp,
}

impl FooterData<'_> {
    /// Returns the age of a dataset in words, or why it has none.
    fn age(&self, dataset: &str) -> String {
        let of = |sources: &[DatasetSource]| {
            let found = || sources.iter().filter(|source| source.dataset == dataset);
            let newest = found().map(|source| source.observed_at).max();
            newest.zip(found().map(|source| source.observed_from).min())
        };
        match (of(self.sources), of(self.later)) {
            (Some((newest, oldest)), _) => describe_ages(newest, oldest, self.now),
            (None, Some((_, oldest))) if oldest > self.now => describe_age(oldest, self.now),
            (None, Some(_)) => format!("not collected by {}", day(self.as_of)),
            (None, None) => "not collected yet".into(),
        }
    }

    /// Returns the facts in words.
    fn facts(&self, facts: &AnswerFacts) -> Vec<String> {
        let age = |newest| describe_ages(newest, newest, self.now);
        let of_bills = facts.bills.iter().flat_map(|bills| {
            let usage = bills.newest_usage.map(|newest| format!("newest usage in the bills {}", age(newest)));
            let left_out = list_payers(&bills.payers_left_out)
                .map(|payers| format!("left out, because their newest month is older: {payers}"));
            let repeated = list_payers(&bills.payers_repeated).map(|payers| {
                format!("days from Cost Explorer may repeat linked accounts' reports: {payers}")
            });
            [usage, left_out, repeated].into_iter().flatten()
        });
        let lines = match facts.lines_without_effective_cost {
            0 => None,
            1 => Some("1 line".to_string()),
            more => Some(format!("{more} lines")),
        };
        let lines = lines.map(|lines| {
            format!("{lines} without effective cost (usage, taxes and credits count as billed)")
        });
        of_bills.chain(lines).collect()
    }
}

/// Returns the payers joined by commas, or their number if there are many; `None` without any.
fn list_payers(payers: &[String]) -> Option<String> {
    match payers.len() {
        0 => None,
        1..=NAMED_PAYERS => Some(payers.join(", ")),
        many => Some(format!("{many} payers")),
    }
}

/// Returns the day of an instant, such as 2026-11-23.
fn day(instant: Timestamp) -> String {
    instant.strftime("%Y-%m-%d").to_string()
}

fn prices_are_old(sources: &[DatasetSource], now: Timestamp) -> bool {
    let newest = sources.iter().filter(|source| source.dataset == "price").map(|source| source.observed_at);
    newest.max().is_none_or(|newest| now.as_second() - newest.as_second() > OLD_PRICE_DAYS * 24 * 3600)
}

/// Returns the footer, such as `us-east-1 · types 4 weeks old · prices 20 to 33 months old · 5
/// gaps: truffle status`. The age of bills is that of their newest usage.
fn line(datasets: &[&str], data: &FooterData<'_>, facts: &AnswerFacts, regions: &str, gaps: usize) -> String {
    let mut parts = Vec::new();
    match regions.split(',').count() {
        _ if regions == "all" => {}
        count if count > NAMED_REGIONS => parts.push(format!("{count} regions")),
        _ => parts.push(regions.replace(',', ", ")),
    }
    let mut ages: Vec<(String, String)> = Vec::new();
    let newest_usage = facts.bills.as_ref().and_then(|bills| bills.newest_usage);
    let dated = |dataset: &&&str| **dataset != "charge" || newest_usage.is_none();
    for dataset in datasets.iter().filter(dated) {
        let (noun, age) = (plural(dataset), data.age(dataset));
        match ages.last_mut().filter(|(_, last)| *last == age) {
            Some((nouns, _)) => *nouns += &format!(", {noun}"),
            None => ages.push((noun, age)),
        }
    }
    parts.extend(ages.into_iter().map(|(nouns, age)| format!("{nouns} {age}")));
    parts.extend(data.facts(facts));
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
            let now = NOW.parse().unwrap();
            let data = FooterData { sources: &sources, later: &[], as_of: now, now };
            assert_eq!(line(datasets, &data, &AnswerFacts::default(), regions, gaps), expected);
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
    fn the_age_of_bills_is_that_of_their_newest_usage() {
        let check =
            |usage: Option<&str>, lines: i64, left_out: &[&str], repeated: &[&str], expected: &str| {
                let sources = [source("charge", "a.csv", "2026-11-23", "2026-09-01")];
                let now = NOW.parse().unwrap();
                let data = FooterData { sources: &sources, later: &[], as_of: now, now };
                let texts = |texts: &[&str]| texts.iter().map(|text| text.to_string()).collect();
                let bills = NewestUsageRow {
                    newest_usage: usage.map(|day| domain::parse_instant(day).unwrap()),
                    payers_left_out: texts(left_out),
                    payers_repeated: texts(repeated),
                };
                let facts = AnswerFacts { bills: Some(bills), lines_without_effective_cost: lines };
                assert_eq!(line(&["charge"], &data, &facts, "all", 0), expected);
            };
        let day = "newest usage in the bills 1 day old";
        let without = "without effective cost (usage, taxes and credits count as billed)";
        check(Some("2026-09-30T23:00:00Z"), 0, &[], &[], "newest usage in the bills 7 weeks old");
        check(Some("2026-11-23T11:00:00Z"), 0, &[], &[], "newest usage in the bills from today");
        check(Some("2026-11-22"), 1, &[], &[], &format!("{day} · 1 line {without}"));
        check(None, 12, &[], &[], &format!("charges today to 2 months old · 12 lines {without}"));
        check(
            Some("2026-11-22"),
            0,
            &["1 (2026-10)", "2 (2025-01)"],
            &["3"],
            &format!(
                "{day} · left out, because their newest month is older: 1 (2026-10), 2 (2025-01) · \
                 days from Cost Explorer may repeat linked accounts' reports: 3"
            ),
        );
        check(
            Some("2026-11-22"),
            0,
            &["1 (a)", "2 (a)", "3 (a)", "4 (a)"],
            &[],
            &format!("{day} · left out, because their newest month is older: 4 payers"),
        );
    }

    #[test]
    fn data_from_after_the_answer_is_not_missing() {
        let check = |as_of: &str, later: &[DatasetSource], expected: &str| {
            let (as_of, now) = (domain::parse_instant(as_of).unwrap(), NOW.parse().unwrap());
            let data = FooterData { sources: &[], later, as_of, now };
            assert_eq!(data.age("price"), expected);
        };
        let ahead = source("price", "a", "2026-11-23T15:00:00Z", "2026-11-23T15:00:00Z");
        check(NOW, &[ahead], "in the future (clock?)");
        let past = source("price", "a", "2026-11-01", "2026-11-01");
        check("2024-05-06", &[past], "not collected by 2024-05-06");
        check(NOW, &[], "not collected yet");
        check(NOW, &[source("offering", "a", "2026-11-01", "2026-11-01")], "not collected yet");
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
