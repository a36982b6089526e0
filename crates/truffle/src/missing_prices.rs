//! Why a type has no price in a region: not offered there, not collected, or no match.

use std::collections::BTreeSet;

use catalog::rows::RegionOfferRow;
use console::{Failure, FailureKind};

use crate::CommandPorts;
use crate::collect_command::collect_command;
use crate::purchase_options::PriceScope;
use crate::region_scope::{check_regions, regions};

/// The regions of an instance type, and those with prices in the answer.
pub(crate) struct PricedRegions<'a> {
    /// Instance type.
    pub(crate) instance_type: &'a str,
    /// Every known region.
    pub(crate) regions: &'a [RegionOfferRow],
    /// The regions with any price in the answer.
    pub(crate) priced: BTreeSet<&'a str>,
    /// The regions with an on-demand price in the answer.
    pub(crate) priced_on_demand: BTreeSet<&'a str>,
}

/// Why a type has no price in a region, and the next step.
pub(crate) struct MissingPrice {
    /// The reason.
    pub(crate) text: String,
    /// The next step.
    pub(crate) next: String,
    kind: FailureKind,
}

impl MissingPrice {
    fn no_match(text: String, next: impl Into<String>) -> MissingPrice {
        MissingPrice { text, next: next.into(), kind: FailureKind::NoMatch }
    }

    fn not_collected(place: &str, region: &str, ports: &CommandPorts<'_>) -> MissingPrice {
        MissingPrice {
            text: format!("not collected yet: prices of {place} as of {}", ports.as_of),
            next: collect_command("price", region),
            kind: FailureKind::Data,
        }
    }
}

/// Returns a reason for each type and named region without any price, or without an on-demand one.
///
/// # Errors
/// A region does not exist.
pub(crate) fn find_missing_prices(
    types: &[PricedRegions<'_>],
    scope: &PriceScope<'_>,
    ports: &CommandPorts<'_>,
) -> Result<Vec<MissingPrice>, Failure> {
    let mut reasons = Vec::new();
    for found in types {
        if scope.regions == "all" {
            reasons.extend(missing_everywhere(found, scope, ports));
            continue;
        }
        for region in scope.regions.split(',').collect::<BTreeSet<_>>() {
            let known = found.regions.iter().find(|row| row.region == region);
            if known.is_none() {
                check_regions(&[region], &regions(&ports.at_any_time())?)?;
            }
            reasons.extend(missing_in(region, known, found, scope, ports));
        }
    }
    Ok(reasons)
}

fn missing_in(
    region: &str,
    known: Option<&RegionOfferRow>,
    found: &PricedRegions<'_>,
    scope: &PriceScope<'_>,
    ports: &CommandPorts<'_>,
) -> Option<MissingPrice> {
    let (name, os, tenancy) = (found.instance_type, scope.os, scope.tenancy);
    if found.priced_on_demand.contains(region) {
        return None;
    }
    if found.priced.contains(region) {
        let text = format!("no on-demand price of {name} for {os} in {region}: savings are unknown");
        return Some(MissingPrice::no_match(text, collect_command("price", region)));
    }
    if known.is_some_and(|row| row.is_offered == Some(false)) {
        let text = format!("not offered in {region}: {name}");
        return Some(MissingPrice::no_match(text, format!("truffle regions {name} lists the regions")));
    }
    if !known.is_some_and(|row| row.has_prices) {
        return Some(MissingPrice::not_collected(region, region, ports));
    }
    let text = format!("no match: no price of {name} for {os} and {tenancy} tenancy in {region}");
    Some(MissingPrice::no_match(text, "choose another --os, --tenancy or --region"))
}

/// Returns the reason of a type without any price in all regions.
fn missing_everywhere(
    found: &PricedRegions<'_>,
    scope: &PriceScope<'_>,
    ports: &CommandPorts<'_>,
) -> Option<MissingPrice> {
    let name = found.instance_type;
    if !found.priced.is_empty() {
        return None;
    }
    let offering: Vec<&RegionOfferRow> =
        found.regions.iter().filter(|row| row.is_offered == Some(true)).collect();
    if offering.iter().any(|row| row.has_prices) {
        let text = format!("no match: no price of {name} for {} and {} tenancy", scope.os, scope.tenancy);
        return Some(MissingPrice::no_match(text, "choose another --os or --tenancy"));
    }
    let is_known = found.regions.iter().any(|row| row.is_offered.is_some());
    if offering.is_empty() && is_known {
        let text = format!("not offered in any region: {name}");
        return Some(MissingPrice::no_match(text, "truffle search lists the types that are offered"));
    }
    let settings = ports.settings.region.value.as_str();
    let region = offering.first().map_or(settings, |row| row.region.as_str());
    Some(MissingPrice::not_collected(name, region, ports))
}

/// Returns the failure of an answer without rows: data that was not collected comes first.
pub(crate) fn nothing_to_show(mut reasons: Vec<MissingPrice>) -> Failure {
    reasons.sort_by_key(|reason| reason.kind != FailureKind::Data);
    let kind = reasons.first().map_or(FailureKind::NoMatch, |reason| reason.kind);
    let texts: Vec<String> = reasons.iter().map(|reason| reason.text.clone()).collect();
    let hint = reasons.first().map_or_else(String::new, |reason| reason.next.clone());
    Failure::new(kind, texts.join("; ")).hint(hint)
}
