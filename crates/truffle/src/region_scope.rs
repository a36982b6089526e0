//! The scope of an answer: the requested regions, their offers, and the age of the data.

use std::collections::BTreeSet;

use catalog::rows::{CollectionRunRow, OnDemandPriceRow, RegionRow, ZoneOfferRow};
use catalog::{Page, QuestionRow, TypeFacts};
use clap::Args;
use clap::builder::PossibleValuesParser;
use console::{Failure, FailureKind, Printer, SettingOrigin, describe_age, suggest_closest};
use domain::Timestamp;

use crate::CommandPorts;
use crate::offer::{self, DatasetSource, RegionOffer};

/// Operating systems with prices.
const SYSTEMS: [&str; 6] = ["linux", "rhel", "rhel-ha", "suse", "ubuntu-pro", "windows"];

/// Regions, and operating system of the prices.
#[derive(Debug, Clone, Default, Args)]
pub struct RegionScopeArgs {
    /// Regions, separated by commas, or all
    #[arg(long, value_name = "REGION", value_delimiter = ',', help_heading = "Place")]
    pub region: Vec<String>,
    /// Operating system of the prices
    #[arg(long, value_name = "OS", default_value = "linux", value_parser = PossibleValuesParser::new(SYSTEMS), help_heading = "Price")]
    pub os: String,
}

impl RegionScopeArgs {
    /// Returns the regions of the flags and `named`, joined by commas, or `otherwise` without any.
    pub(crate) fn regions(&self, named: &[String], otherwise: &str) -> String {
        let regions: Vec<&str> = self.region.iter().chain(named).map(|region| region.trim()).collect();
        match regions.as_slice() {
            [] => otherwise.to_string(),
            all if all.contains(&"all") => "all".to_string(),
            some => some.join(","),
        }
    }

    /// Asks the four questions behind an answer about types in these regions: the facts of all types,
    /// the zones, the prices, and the runs that collected them.
    pub(crate) fn ask(&self, ports: &CommandPorts, regions: &str) -> [Result<Page, Failure>; 4] {
        ports.answer_all([
            ("instance/facts", &[]),
            ("offering/zones", &[("regions", regions)]),
            ("price/current", &[("regions", regions), ("os", &self.os)]),
            ("data/runs", &[("scopes", regions)]),
        ])
    }

    /// Returns the offers in these regions from their zones and prices, and notes regions without
    /// collected offerings.
    ///
    /// Errors: a usage failure for an unknown region; a data failure when there are no offers and
    /// offerings of a region were not collected.
    pub(crate) fn offers(
        &self,
        answers: [Result<Page, Failure>; 2],
        ports: &CommandPorts,
        regions: &str,
        printer: &mut Printer,
    ) -> Result<Vec<RegionOffer>, Failure> {
        let offers = read_offers(answers)?;
        let unseen = unseen(ports, regions, &offers)?;
        if unseen.is_empty() {
            return Ok(offers);
        }
        let what = missing_offerings(&unseen, regions);
        if offers.is_empty() {
            return Err(Failure::new(FailureKind::Data, what).hint(KNOWN));
        }
        printer.note(&format!("{what}; {KNOWN}"));
        Ok(offers)
    }

    /// Returns the offers in these regions, and the number of regions that must offer a type so
    /// that it counts as offered in all of them. With `all`, only regions with collected offerings
    /// count.
    ///
    /// Errors: those of `offers`, and a data failure when the offerings of a named region were not
    /// collected.
    pub(crate) fn offers_everywhere(
        &self,
        answers: [Result<Page, Failure>; 2],
        ports: &CommandPorts,
        regions: &str,
        printer: &mut Printer,
    ) -> Result<(Vec<RegionOffer>, usize), Failure> {
        let offers = read_offers(answers)?;
        let unseen = unseen(ports, regions, &offers)?;
        let what = missing_offerings(&unseen, regions);
        let counted = if regions == "all" {
            count_collected_regions(ports)?
        } else if unseen.is_empty() {
            regions.split(',').collect::<BTreeSet<_>>().len()
        } else {
            let what = format!("{what}, which --in-all-regions needs for {regions}");
            return Err(Failure::new(FailureKind::Data, what).hint(KNOWN));
        };
        if offers.is_empty() && !unseen.is_empty() {
            return Err(Failure::new(FailureKind::Data, what).hint(KNOWN));
        }
        if !unseen.is_empty() {
            printer.note(&format!("{what}; regions compared: {counted}; {KNOWN}"));
        }
        Ok((offers, counted))
    }

    /// Notes the default region when none was requested, and an operating system without prices.
    pub(crate) fn note(
        &self,
        offers: &[RegionOffer],
        named: bool,
        ports: &CommandPorts,
        printer: &mut Printer,
    ) {
        if !offers.is_empty() && offers.iter().all(|offer| offer.price_per_hour.is_none()) {
            printer.note(&format!("no on-demand price for {} is known in these regions", self.os));
        }
        if named || !self.region.is_empty() {
            return;
        }
        let region = &ports.settings.region;
        let why = match &region.origin {
            SettingOrigin::Default => String::new(),
            origin => format!(" ({origin})"),
        };
        printer.note(&format!("region {}{why}; --region selects others, or all", region.value));
    }
}

/// Reads the offers from the answers about zones and prices.
fn read_offers([zones, prices]: [Result<Page, Failure>; 2]) -> Result<Vec<RegionOffer>, Failure> {
    let zones: Vec<ZoneOfferRow> = rows(zones?)?;
    let prices: Vec<OnDemandPriceRow> = rows(prices?)?;
    Ok(offer::offers(zones, prices))
}

/// Hint for regions without collected offerings.
const KNOWN: &str = "truffle regions lists the data collected for each region";

fn missing_offerings(unseen: &[String], asked: &str) -> String {
    match unseen {
        [one] => format!("no offerings collected for {one}"),
        some if asked == "all" => format!("no offerings collected for {} regions", some.len()),
        some => format!("no offerings collected for {}", some.join(", ")),
    }
}

/// Returns the number of regions with collected offerings.
fn count_collected_regions(ports: &CommandPorts) -> Result<usize, Failure> {
    Ok(regions(ports)?.iter().filter(|row| row.instance_types.is_some()).count())
}

/// Returns the requested regions without collected offerings. An unknown region is a usage failure.
fn unseen(ports: &CommandPorts, asked: &str, offers: &[RegionOffer]) -> Result<Vec<String>, Failure> {
    let with_zones = offers.iter().filter(|offer| !offer.az_ids.is_empty());
    let offered: BTreeSet<&str> = with_zones.map(|offer| offer.region.as_str()).collect();
    let empty: Vec<&str> = asked.split(',').filter(|region| !offered.contains(region)).collect();
    if empty.is_empty() {
        return Ok(Vec::new());
    }
    let known = regions(ports)?;
    if asked != "all" {
        check_regions(&empty, &known)?;
    }
    let unseen = known.into_iter().filter(|row| row.instance_types.is_none()).map(|row| row.region);
    Ok(unseen.filter(|region| asked == "all" || empty.contains(&region.as_str())).collect())
}

/// Refuses unknown regions, with a suggestion.
pub(crate) fn check_regions(names: &[&str], known: &[RegionRow]) -> Result<(), Failure> {
    match names.iter().find(|name| !known.iter().any(|row| row.region == **name)) {
        None => Ok(()),
        Some(name) => {
            let near = suggest_closest(name, known.iter().map(|row| row.region.as_str()));
            Err(Failure::usage(format!("unknown region \"{name}\"{near}"))
                .hint("truffle regions lists the regions"))
        }
    }
}

/// Returns every known region.
pub(crate) fn regions(ports: &CommandPorts) -> Result<Vec<RegionRow>, Failure> {
    rows(ports.answer("region/list", &[])?)
}

/// Returns the facts of every instance type. Without any facts, it is a data failure.
pub(crate) fn facts(ports: &CommandPorts) -> Result<Vec<TypeFacts>, Failure> {
    read_facts(ports.answer("instance/facts", &[])?, ports)
}

/// Reads the facts of every instance type. Without any facts, it is a data failure.
pub(crate) fn read_facts(page: Page, ports: &CommandPorts) -> Result<Vec<TypeFacts>, Failure> {
    let facts: Vec<TypeFacts> = rows(page)?;
    if facts.is_empty() {
        return Err(Failure::new(
            FailureKind::Data,
            format!("no instance types collected as of {}", ports.as_of),
        )
        .hint("choose a later --as-of; truffle status shows the age of the data"));
    }
    Ok(facts)
}

/// Returns the facts of one type. An unknown name is a usage failure.
pub(crate) fn fact<'a>(name: &str, facts: &'a [TypeFacts]) -> Result<&'a TypeFacts, Failure> {
    facts.iter().find(|t| t.instance_type == name).ok_or_else(|| {
        let near = suggest_closest(name, facts.iter().map(|t| t.instance_type.as_str()));
        let hint = match facts.iter().any(|t| t.family == name) {
            true => format!("it is a family: truffle search '{name}.*' lists its types"),
            false => "truffle search lists the instance types".into(),
        };
        Failure::usage(format!("unknown instance type \"{name}\"{near}")).hint(hint)
    })
}

fn rows<R: QuestionRow>(page: Page) -> Result<Vec<R>, Failure> {
    R::read_all(page).map_err(|error| Failure::broken(error.to_string()))
}

/// Returns the sources of the data of these regions.
pub(crate) fn sources(ports: &CommandPorts, regions: &str) -> Result<Vec<DatasetSource>, Failure> {
    read_sources(ports.answer("data/runs", &[("scopes", regions)])?)
}

fn read_sources(runs: Page) -> Result<Vec<DatasetSource>, Failure> {
    let runs: Vec<CollectionRunRow> = rows(runs)?;
    Ok(offer::sources(&runs))
}

/// Prints the age of these datasets in these regions by source, and the number of gaps.
pub(crate) fn note_data_ages(
    ports: &CommandPorts,
    printer: &mut Printer,
    datasets: &[&str],
    regions: &str,
    now: Timestamp,
) -> Result<(), Failure> {
    note_run_ages(ports.answer("data/runs", &[("scopes", regions)])?, printer, datasets, now)
}

/// Prints the age of these datasets from an answer about their runs, and the number of gaps.
pub(crate) fn note_run_ages(
    runs: Page,
    printer: &mut Printer,
    datasets: &[&str],
    now: Timestamp,
) -> Result<(), Failure> {
    let sources: Vec<DatasetSource> = read_sources(runs)?
        .into_iter()
        .filter(|source| datasets.contains(&source.dataset.as_str()))
        .collect();
    printer.note(&ages(&sources, now));
    let gaps: usize = sources.iter().map(|source| source.gaps.len()).sum();
    if gaps > 0 {
        printer.note(&format!("data gaps: {gaps}; truffle query data/runs lists them"));
    }
    Ok(())
}

/// Formats the age of the data by source: "data: price from a (20 months old), b (33 months old)".
fn ages(sources: &[DatasetSource], now: Timestamp) -> String {
    if sources.is_empty() {
        return "data: not collected yet".into();
    }
    let mut datasets: Vec<(&str, Vec<String>)> = Vec::new();
    for source in sources {
        let old = match (describe_age(source.observed_at, now), describe_age(source.observed_from, now)) {
            (newest, oldest) if newest != oldest => format!("{newest} to {oldest} old"),
            (span, _) if span.ends_with(char::is_alphabetic) && span != "today" => format!("{span} old"),
            (other, _) => other,
        };
        let text = format!("{} ({old})", source.source);
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

    #[test]
    fn ages_are_listed_by_source() {
        let check = |sources: &[(&str, &str, &str)], expected: &str| {
            let sources: Vec<DatasetSource> = sources
                .iter()
                .map(|(dataset, source, observed_at)| DatasetSource {
                    dataset: dataset.to_string(),
                    source: source.to_string(),
                    observed_from: observed_at.parse().unwrap(),
                    observed_at: observed_at.parse().unwrap(),
                    row_count: 1,
                    scopes: 1,
                    gaps: Vec::new(),
                })
                .collect();
            assert_eq!(ages(&sources, "2026-11-23T12:00:00Z".parse().unwrap()), expected);
        };
        check(&[], "data: not collected yet");
        check(
            &[
                ("offering", "a", "2026-11-23T00:00:00Z"),
                ("price", "a", "2025-03-02T00:00:00Z"),
                ("price", "b", "2024-02-21T00:00:00Z"),
            ],
            "data: offering from a (today); price from a (20 months old), b (33 months old)",
        );
        check(&[("price", "a", "2027-01-01T00:00:00Z")], "data: price from a (in the future (clock?))");
    }
}
