//! The scope of an answer: the requested regions, their offers, and the age of the data.

use std::collections::BTreeSet;

use catalog::rows::{CollectionRunRow, OnDemandPriceRow, RegionRow, ZoneOfferRow};
use catalog::{Page, QuestionRow, TypeFacts};
use clap::Args;
use clap::builder::PossibleValuesParser;
use console::{Failure, FailureKind, Printer, SettingOrigin, read_region, suggest_closest};

use crate::CommandPorts;
use crate::collect_command::collect_command;
use crate::instance_names::{find_type_name, suggest_type};
use crate::offer::{self, DatasetSource, RegionOffer};

/// Operating systems with prices.
pub(crate) const SYSTEMS: [&str; 6] = ["linux", "rhel", "rhel-ha", "suse", "ubuntu-pro", "windows"];

/// Regions, and operating system of the prices.
#[derive(Debug, Clone, Default, Args)]
pub struct RegionScopeArgs {
    /// Regions, separated by commas, or all
    #[arg(long, alias = "regions", value_name = "REGION")]
    #[arg(value_delimiter = ',', help_heading = "Place")]
    pub region: Vec<String>,
    /// Operating system of the prices
    #[arg(long, value_name = "OS", default_value = "linux", value_parser = PossibleValuesParser::new(SYSTEMS), help_heading = "Price")]
    pub os: String,
}

impl RegionScopeArgs {
    /// Returns the codes of the regions of the flags and `named`, joined by commas, or `otherwise`
    /// without any. A flag that does not name one region is a usage failure.
    pub(crate) fn regions(&self, named: &[String], otherwise: &str) -> Result<String, Failure> {
        let flags = self.region.iter().map(|region| match region.trim() {
            "all" => Ok("all".to_string()),
            name => read_region("--region", name),
        });
        let regions: Vec<String> = flags.chain(named.iter().cloned().map(Ok)).collect::<Result<_, _>>()?;
        Ok(match regions.as_slice() {
            [] => otherwise.to_string(),
            all if all.iter().any(|region| region == "all") => "all".to_string(),
            some => some.join(","),
        })
    }

    /// Asks the four questions behind an answer about types in these regions: the facts of all
    /// types, the zones, the prices, and the runs that collected them.
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
            return Err(not_collected(what, &unseen, regions));
        }
        printer.note(&format!("{what}; {}", next_step(&unseen, regions)));
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
            return Err(not_collected(what, &unseen, regions));
        };
        if offers.is_empty() && !unseen.is_empty() {
            return Err(not_collected(what, &unseen, regions));
        }
        if !unseen.is_empty() {
            printer.note(&format!("{what}; regions compared: {counted}; {}", next_step(&unseen, regions)));
        }
        Ok((offers, counted))
    }

    /// Notes an operating system without prices, and with `--verbose` the default region when none
    /// was requested.
    pub(crate) fn note(
        &self,
        offers: &[RegionOffer],
        named: bool,
        ports: &CommandPorts,
        printer: &mut Printer,
    ) {
        if !offers.is_empty() && offers.iter().all(|offer| offer.price_per_hour.is_none()) {
            let other = if self.os == "linux" { "" } else { "try --os linux, or " };
            let regions: BTreeSet<&str> = offers.iter().map(|offer| offer.region.as_str()).collect();
            let named = match regions.len() {
                0..=3 => regions.into_iter().collect::<Vec<_>>().join(","),
                _ => ports.settings.region.value.to_string(),
            };
            let (os, command) = (&self.os, collect_command("price", &named));
            printer
                .note(&format!("no match: no on-demand price for {os} in these regions; {other}{command}"));
        }
        if named || !self.region.is_empty() || !printer.is_verbose() {
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

fn missing_offerings(unseen: &[String], asked: &str) -> String {
    match unseen {
        some if asked == "all" && some.len() > 1 => {
            format!("not collected yet: offerings of {} regions", some.len())
        }
        some => format!("not collected yet: offerings of {}", some.join(", ")),
    }
}

/// Returns the next step for regions without collected offerings.
fn next_step(unseen: &[String], asked: &str) -> String {
    match unseen {
        some if asked == "all" && some.len() > 1 => "truffle regions lists them".into(),
        some => collect_command("offering", &some.join(",")),
    }
}

fn not_collected(what: String, unseen: &[String], asked: &str) -> Failure {
    Failure::new(FailureKind::Data, what).hint(next_step(unseen, asked))
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

/// Refuses a zone without offers: it is a typing error, or a zone of another region.
pub(crate) fn check_zones(asked: &[String], offers: &[RegionOffer]) -> Result<(), Failure> {
    let known: BTreeSet<&str> = offers.iter().flat_map(|offer| &offer.az_ids).map(String::as_str).collect();
    match asked.iter().find(|zone| !known.contains(zone.as_str())) {
        None => Ok(()),
        Some(zone) => {
            let near = suggest_closest(zone, known.iter().copied());
            Err(Failure::usage(format!("--zones: zone {zone} has no offers in the requested regions{near}"))
                .hint("truffle zones m7i.xlarge lists zones"))
        }
    }
}

/// Returns the message for types that none of the requested regions offers.
pub(crate) fn not_offered(names: &str, regions: &str) -> String {
    match regions {
        "all" => format!("not offered in any region: {names}"),
        some => format!("not offered in {}: {names}; try --region all", some.replace(',', ", ")),
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
            format!("not collected yet: instance types as of {}", ports.as_of),
        )
        .hint(format!(
            "{}, or choose a later --as-of",
            collect_command("instance_type", ports.settings.region.value.as_str())
        )));
    }
    Ok(facts)
}

/// Returns the facts of one type, named in any case. An unknown name is a usage failure.
pub(crate) fn fact<'a>(name: &str, facts: &'a [TypeFacts]) -> Result<&'a TypeFacts, Failure> {
    let names = facts.iter().map(|t| t.instance_type.as_str());
    let found = find_type_name(name, names.clone());
    found.and_then(|found| facts.iter().find(|t| t.instance_type == found)).ok_or_else(|| {
        let near = suggest_type(name, names);
        let hint = match facts.iter().any(|t| t.family.eq_ignore_ascii_case(name)) {
            true => format!("it is a family: truffle search '{name}.*' lists its types"),
            false => "truffle search lists the instance types".into(),
        };
        Failure::usage(format!("unknown instance type \"{name}\"{near}")).hint(hint)
    })
}

/// Returns the failure of an answer for which a dataset lacks data of these regions (codes joined
/// by commas, or all): it was not collected, or only after the instant of the answer. `None` if
/// there is data.
pub(crate) fn uncollected(
    dataset: &str,
    regions: &str,
    ports: &CommandPorts,
) -> Result<Option<Failure>, Failure> {
    if sources(ports, regions)?.iter().any(|source| source.dataset == dataset) {
        return Ok(None);
    }
    let later = sources(&ports.at_any_time(), regions)?;
    let later = later.iter().filter(|source| source.dataset == dataset);
    Ok(Some(match later.map(|source| source.observed_from).min() {
        Some(first) => Failure::new(
            FailureKind::Data,
            format!("not observed by {}: {dataset} begins at {first}", ports.as_of),
        )
        .hint(format!("choose --as-of {} or a later day", first.strftime("%Y-%m-%d"))),
        None => {
            let own = ports.settings.region.value.as_str();
            Failure::new(FailureKind::Data, format!("not collected yet: {dataset}"))
                .hint(collect_command(dataset, if regions == "all" { own } else { regions }))
        }
    }))
}

/// Reads the typed rows of a question.
pub(crate) fn rows<R: QuestionRow>(page: Page) -> Result<Vec<R>, Failure> {
    R::read_all(page).map_err(|error| Failure::broken(error.to_string()))
}

/// Returns the sources of the data of these regions.
pub(crate) fn sources(ports: &CommandPorts, regions: &str) -> Result<Vec<DatasetSource>, Failure> {
    read_sources(ports.answer("data/runs", &[("scopes", regions)])?)
}

pub(crate) fn read_sources(runs: Page) -> Result<Vec<DatasetSource>, Failure> {
    let runs: Vec<CollectionRunRow> = rows(runs)?;
    Ok(offer::sources(&runs))
}
