//! Spot prices of instance types zone by zone, from the warehouse.

use std::collections::{BTreeMap, BTreeSet};

use analysis::{
    OUTLOOK_WEEKS, SpotObservation, SpotOutlookModel, SpotPriceWindow, TRUSTED_DAYS, WeeklyPrices,
};
use catalog::TypeFacts;
use catalog::rows::{
    CollectionRunRow, InterruptionBandRow, SpotLatestRow, SpotStepRow, SpotWeekRow, TypeOfferRow,
};
use console::{Failure, FailureKind};
use domain::{SignedDuration, Timestamp};

use crate::CommandPorts;
use crate::collect_command::collect_command;
use crate::region_scope::{self, not_offered, rows};

/// Operating systems with spot prices.
const SPOT_SYSTEMS: [&str; 4] = ["linux", "rhel", "suse", "windows"];

/// The part of the spot market that an answer is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpotScope<'a> {
    /// Region codes joined by commas, or `all`.
    pub(crate) regions: &'a str,
    /// Operating system.
    pub(crate) os: &'a str,
    /// Length of the window before the instant of the answer, days.
    pub(crate) days: u32,
}

impl<'a> SpotScope<'a> {
    /// Refuses an operating system without spot prices.
    pub(crate) fn new(regions: &'a str, os: &'a str, days: u32) -> Result<SpotScope<'a>, Failure> {
        match SPOT_SYSTEMS.contains(&os) {
            true => Ok(SpotScope { regions, os, days }),
            false => Err(Failure::usage(format!("--os {os}: AWS publishes no spot prices for it"))
                .hint(format!("choose {}", SPOT_SYSTEMS.join(", ")))),
        }
    }

    /// The operating system of interruption rates, which AWS publishes for two of them.
    pub(crate) fn interruption_os(&self) -> &'static str {
        if self.os == "windows" { "windows" } else { "linux" }
    }
}

/// The spot prices of one instance type in one zone.
#[derive(Debug, Clone)]
pub(crate) struct SpotZone {
    pub(crate) instance_type: String,
    pub(crate) region: String,
    pub(crate) az_id: String,
    /// Currency of the newest observation; prices in another one count as unobserved.
    pub(crate) currency: Option<String>,
    /// Whether the zone offers the type; `None` if the region's offerings were not collected.
    pub(crate) is_offered: Option<bool>,
    /// The instant of the newest observation.
    pub(crate) newest_at: Timestamp,
    pub(crate) window: SpotPriceWindow,
}

/// Where types are offered, as far as it was collected.
#[derive(Debug, Default)]
pub(crate) struct TypeOffers {
    zones: BTreeSet<(String, String, Option<String>)>,
    collected: BTreeSet<String>,
}

impl TypeOffers {
    /// Reads where these types are offered.
    pub(crate) fn load(types: &[&str], ports: &CommandPorts<'_>) -> Result<TypeOffers, Failure> {
        let found: Vec<TypeOfferRow> =
            rows(ports.answer("offering/of-types", &[("types", &types.join(","))])?)?;
        let mut offers = TypeOffers::default();
        for TypeOfferRow { instance_type, region, az_id } in found {
            match instance_type {
                Some(name) => drop(offers.zones.insert((name, region, az_id))),
                None => drop(offers.collected.insert(region)),
            }
        }
        Ok(offers)
    }

    /// Whether a region offers the type; `None` if its offerings were not collected.
    pub(crate) fn in_region(&self, name: &str, region: &str) -> Option<bool> {
        let offered = || self.zones.iter().any(|(of, at, _)| of == name && at == region);
        self.collected.contains(region).then(offered)
    }

    /// Whether a zone offers the type; `None` if that is not known.
    pub(crate) fn in_zone(&self, name: &str, region: &str, az_id: &str) -> Option<bool> {
        let has = |zone: Option<&str>| {
            self.zones.contains(&(name.to_string(), region.to_string(), zone.map(String::from)))
        };
        match self.in_region(name, region) {
            Some(true) if has(Some(az_id)) => Some(true),
            // Of some regions only the region's own offer is known, not its zones.
            Some(true) if has(None) => None,
            known => known.map(|_| false),
        }
    }
}

/// Reads the spot prices of a type, one entry for each zone with an observation in the window.
pub(crate) fn load_zones(
    name: &str,
    scope: SpotScope<'_>,
    offers: &TypeOffers,
    ports: &CommandPorts<'_>,
) -> Result<Vec<SpotZone>, Failure> {
    let days = scope.days.to_string();
    let given = [("type", name), ("regions", scope.regions), ("product", scope.os), ("days", &days)];
    let steps: Vec<SpotStepRow> = rows(ports.answer("spot/steps", &given)?)?;
    let from = domain::later(ports.as_of, SignedDuration::from_hours(-24 * i64::from(scope.days)));
    let zone = |steps: &[SpotStepRow]| {
        let newest = steps.last().expect("a chunk is not empty");
        let in_currency = |step: &SpotStepRow| SpotObservation {
            at: step.observed_at,
            price: step.price_per_hour.filter(|_| step.currency == newest.currency),
        };
        let observed: Vec<SpotObservation> = steps.iter().map(in_currency).collect();
        SpotZone {
            instance_type: name.to_string(),
            region: newest.region.clone(),
            az_id: newest.az_id.clone(),
            currency: newest.currency.clone(),
            is_offered: offers.in_zone(name, &newest.region, &newest.az_id),
            newest_at: newest.observed_at,
            window: SpotPriceWindow::new(&observed, from, ports.as_of),
        }
    };
    let of_one_zone = |a: &SpotStepRow, b: &SpotStepRow| (&a.region, &a.az_id) == (&b.region, &b.az_id);
    let zones = steps.chunk_by(of_one_zone).map(zone);
    Ok(zones.filter(|zone| zone.window.observed_share() > 0.0 || zone.newest_at == ports.as_of).collect())
}

/// The weekly prices of all types of one family, and the outlook calibrated on them.
pub(crate) struct FamilyOutlook {
    series: BTreeMap<(String, String), WeeklyPrices>,
    model: SpotOutlookModel,
}

impl FamilyOutlook {
    /// Reads the weekly prices of the family of a type.
    pub(crate) fn load(name: &str, os: &str, ports: &CommandPorts<'_>) -> Result<FamilyOutlook, Failure> {
        let weeks = OUTLOOK_WEEKS.to_string();
        let given = [("type", name), ("product", os), ("weeks", &weeks)];
        let found: Vec<SpotWeekRow> = rows(ports.answer("spot/weekly", &given)?)?;
        let of_one_zone =
            |a: &SpotWeekRow, b: &SpotWeekRow| (&a.instance_type, &a.az_id) == (&b.instance_type, &b.az_id);
        let series: BTreeMap<(String, String), WeeklyPrices> = found
            .chunk_by(of_one_zone)
            .map(|weeks| ((weeks[0].instance_type.clone(), weeks[0].az_id.clone()), weekly_prices(weeks)))
            .collect();
        let model = SpotOutlookModel::calibrate(&series.values().cloned().collect::<Vec<_>>());
        Ok(FamilyOutlook { series, model })
    }

    /// Returns the outlook of a zone for the seven days after the instant of the answer.
    pub(crate) fn of(&self, zone: &SpotZone) -> Result<analysis::SpotOutlook, analysis::OutlookGap> {
        let series = self.series.get(&(zone.instance_type.clone(), zone.az_id.clone()));
        self.model.outlook(series.map_or(&[], Vec::as_slice))
    }
}

/// Returns the prices of a zone's weeks, oldest first. Prices in another currency than the newest
/// one are unobserved.
fn weekly_prices(weeks: &[SpotWeekRow]) -> WeeklyPrices {
    let mut prices: WeeklyPrices = vec![None; OUTLOOK_WEEKS + 1];
    for week in weeks.iter().filter(|week| week.currency == weeks[0].currency) {
        let before = usize::try_from(week.weeks_before).unwrap_or(usize::MAX);
        if let Some(at) = OUTLOOK_WEEKS.checked_sub(before) {
            prices[at] = week.price_per_hour;
        }
    }
    prices
}

/// Reads the interruption rates of a type by region, each over all statements.
pub(crate) fn load_bands(
    name: &str,
    scope: SpotScope<'_>,
    ports: &CommandPorts<'_>,
) -> Result<BTreeMap<String, Vec<InterruptionBandRow>>, Failure> {
    let given = [("type", name), ("os", scope.interruption_os())];
    let statements: Vec<InterruptionBandRow> = rows(ports.answer("spot/bands", &given)?)?;
    let by_region = statements.chunk_by(|a, b| a.region == b.region);
    Ok(by_region.map(|of| (of[0].region.clone(), of.to_vec())).collect())
}

/// Reads the facts of all types, for their names. Facts from after the instant of the answer only
/// serve where there are none before: prices are often older than the first facts.
pub(crate) fn named_facts(ports: &CommandPorts<'_>) -> Result<Vec<TypeFacts>, Failure> {
    let known: Vec<TypeFacts> = rows(ports.answer("instance/facts", &[])?)?;
    match known.is_empty() {
        true => region_scope::facts(&ports.at_any_time()),
        false => Ok(known),
    }
}

/// Returns why a type has no spot price in the window: it is never on spot, spot prices were not
/// collected, the observations are older, or the type is not offered.
pub(crate) fn explain_no_prices(
    facts: &TypeFacts,
    scope: SpotScope<'_>,
    offers: &TypeOffers,
    ports: &CommandPorts<'_>,
) -> Result<Failure, Failure> {
    let SpotScope { regions, os, days } = scope;
    let name = facts.instance_type.as_str();
    let no_match = |text: String| Failure::new(FailureKind::NoMatch, text);
    if !facts.usage_classes.is_empty() && !facts.usage_classes.iter().any(|class| class == "spot") {
        let classes = facts.usage_classes.join(", ");
        return Ok(no_match(format!("{name} is not sold on spot: its usage classes are {classes}"))
            .hint(format!("truffle search '{}.*' lists its family", facts.family)));
    }
    let named: Vec<&str> = regions.split(',').filter(|region| *region != "all").collect();
    if !named.is_empty() && named.iter().all(|region| offers.in_region(name, region) == Some(false)) {
        return Ok(no_match(not_offered(name, regions)));
    }
    let place = if regions == "all" { "any region".to_string() } else { regions.replace(',', ", ") };
    let newest: Option<Timestamp> = newest_observation(name, scope, ports)?;
    if let Some(newest) = newest {
        let needed = (ports.as_of.as_second() - newest.as_second()) / 86_400 - TRUSTED_DAYS + 2;
        return Ok(no_match(format!(
            "no spot price of {name} for {os} in {place} was observed in the {days} days before {}; the \
             newest is of {newest}",
            ports.as_of
        ))
        .hint(format!("--days {needed}, or --as-of {}", newest.strftime("%Y-%m-%d"))));
    }
    let runs = |ports: &CommandPorts<'_>| -> Result<Vec<CollectionRunRow>, Failure> {
        rows(ports.answer("data/runs", &[("dataset", "spot_price"), ("scopes", regions)])?)
    };
    if runs(ports)?.is_empty() {
        let first = runs(&ports.at_any_time())?.iter().map(|run| run.observed_from).min();
        let own = ports.settings.region.value.to_string();
        let collect = collect_command("spot_price", if regions == "all" { &own } else { regions });
        let missing = |text: String| Failure::new(FailureKind::Data, text);
        return Ok(match first {
            Some(first) => missing(format!("not observed by {}: spot prices begin at {first}", ports.as_of))
                .hint(format!("choose --as-of {} or a later day", first.strftime("%Y-%m-%d"))),
            None => missing(format!("not collected yet: spot prices of {place}")).hint(collect),
        });
    }
    Ok(no_match(format!("no match: no spot price of {name} for {os} in {place}"))
        .hint(format!("truffle query spot/latest --param type={name} lists other regions")))
}

/// Returns the instant of the newest observation of a type before the window.
fn newest_observation(
    name: &str,
    scope: SpotScope<'_>,
    ports: &CommandPorts<'_>,
) -> Result<Option<Timestamp>, Failure> {
    let given = [("type", name), ("product", scope.os)];
    let latest: Vec<SpotLatestRow> = rows(ports.answer("spot/latest", &given)?)?;
    let is_asked =
        |region: &str| scope.regions == "all" || scope.regions.split(',').any(|asked| asked == region);
    Ok(latest.iter().filter(|row| is_asked(&row.region)).map(|row| row.observed_at).max())
}
