//! Combines the rows of several questions: a type in a region with its zones and price, and a
//! source with its runs. The rows are combined here, because DuckDB takes three times as long for
//! it as for reading them.

use std::collections::{BTreeMap, BTreeSet};

use catalog::rows::{CollectionRunRow, OnDemandPriceRow, ZoneOfferRow};
use domain::{Decimal, Timestamp};

/// An instance type in a region, with its zones and its price.
#[derive(Debug, Clone, PartialEq)]
pub struct RegionOffer {
    /// Instance type.
    pub instance_type: String,
    /// Region code.
    pub region: String,
    /// Zone ids, sorted; empty when only the region is known.
    pub az_ids: Vec<String>,
    /// On-demand price per hour; `None` when unknown.
    pub price_per_hour: Option<Decimal>,
    /// Currency of the price.
    pub currency: Option<String>,
    /// When the price was observed.
    pub price_observed_at: Option<Timestamp>,
    /// Source of the price.
    pub price_source: Option<String>,
    /// Why the price counts as correct.
    pub price_basis: Option<String>,
}

/// Returns the offers by type and region, each with its zones and its price, if known. In a region
/// without collected offerings, a type with a price counts as offered with unknown zones.
pub(crate) fn offers(mut zones: Vec<ZoneOfferRow>, mut prices: Vec<OnDemandPriceRow>) -> Vec<RegionOffer> {
    // Both lists are almost in this order, so sorting is much less work than two maps.
    zones.sort_by(|a, b| {
        (&a.instance_type, &a.region, &a.az_id).cmp(&(&b.instance_type, &b.region, &b.az_id))
    });
    // The last price of a type and region wins.
    prices.reverse();
    prices.sort_by(|a, b| (&a.instance_type, &a.region).cmp(&(&b.instance_type, &b.region)));
    prices.dedup_by(|b, a| (&a.instance_type, &a.region) == (&b.instance_type, &b.region));
    let looked_into: BTreeSet<String> = zones.iter().map(|zone| zone.region.clone()).collect();
    let mut offers: Vec<RegionOffer> = Vec::new();
    for zone in zones {
        match offers.last_mut() {
            Some(last) if last.instance_type == zone.instance_type && last.region == zone.region => {
                last.az_ids.extend(zone.az_id);
            }
            _ => offers.push(RegionOffer::unpriced(zone.instance_type, zone.region, zone.az_id)),
        }
    }
    let unseen = prices.iter().filter(|price| !looked_into.contains(&price.region));
    offers.extend(
        unseen.map(|price| RegionOffer::unpriced(price.instance_type.clone(), price.region.clone(), None)),
    );
    offers.sort_by(|a, b| (&a.instance_type, &a.region).cmp(&(&b.instance_type, &b.region)));
    for offer in &mut offers {
        let wanted = (&offer.instance_type, &offer.region);
        let found = prices.binary_search_by(|price| (&price.instance_type, &price.region).cmp(&wanted));
        if let Ok(at) = found {
            offer.price(&prices[at]);
        }
    }
    offers
}

impl RegionOffer {
    fn unpriced(instance_type: String, region: String, az_id: Option<String>) -> RegionOffer {
        RegionOffer {
            instance_type,
            region,
            az_ids: az_id.into_iter().collect(),
            price_per_hour: None,
            currency: None,
            price_observed_at: None,
            price_source: None,
            price_basis: None,
        }
    }

    fn price(&mut self, price: &OnDemandPriceRow) {
        self.price_per_hour = Some(price.price_per_hour);
        self.currency = Some(price.currency.clone());
        self.price_observed_at = Some(price.observed_at);
        self.price_source = Some(price.source.clone());
        self.price_basis = Some(price.basis.clone());
    }
}

/// A source of a dataset's rows, with its time span and its gaps.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DatasetSource {
    /// Dataset.
    pub(crate) dataset: String,
    /// Name of the source.
    pub(crate) source: String,
    /// Earliest instant of its data.
    pub(crate) observed_from: Timestamp,
    /// Newest instant of its data.
    pub(crate) observed_at: Timestamp,
    /// Number of rows added by its runs.
    pub(crate) row_count: i64,
    /// Number of scopes (regions) with a complete, partial or unchanged run.
    pub(crate) scopes: usize,
    /// Data that could not be read.
    pub(crate) gaps: Vec<String>,
}

/// Returns the sources by dataset and name, with the figures of their current runs. A run with the
/// outcome `complete`, `empty` or `unchanged` supersedes the earlier runs of its scope.
pub(crate) fn sources(runs: &[CollectionRunRow]) -> Vec<DatasetSource> {
    let mut newest: BTreeMap<(&str, &str), (Timestamp, &str)> = BTreeMap::new();
    for run in runs.iter().filter(|run| ["complete", "empty", "unchanged"].contains(&run.outcome.as_str())) {
        let at = newest.entry((&run.dataset, &run.scope)).or_insert((run.observed_at, &run.run_id));
        *at = (*at).max((run.observed_at, &run.run_id));
    }
    let counts = |run: &&CollectionRunRow| {
        let newest = newest.get(&(run.dataset.as_str(), run.scope.as_str()));
        // The rows of a pruned run are no longer in the lake.
        run.outcome != "pruned"
            && newest.is_none_or(|newest| (run.observed_at, run.run_id.as_str()) >= *newest)
    };
    let mut grouped: BTreeMap<(&str, &str), Vec<&CollectionRunRow>> = BTreeMap::new();
    for run in runs.iter().filter(counts) {
        grouped.entry((&run.dataset, &run.source)).or_default().push(run);
    }
    let source = |((dataset, source), runs): ((&str, &str), Vec<&CollectionRunRow>)| {
        let seen =
            runs.iter().filter(|run| ["complete", "partial", "unchanged"].contains(&run.outcome.as_str()));
        let scopes: BTreeSet<&str> = seen.map(|run| run.scope.as_str()).collect();
        DatasetSource {
            dataset: dataset.into(),
            source: source.into(),
            observed_from: runs.iter().map(|run| run.observed_from).min().unwrap_or_default(),
            observed_at: runs.iter().map(|run| run.observed_at).max().unwrap_or_default(),
            row_count: runs.iter().map(|run| run.row_count).sum(),
            scopes: scopes.len(),
            gaps: runs.iter().flat_map(|run| run.gaps.clone()).collect(),
        }
    };
    grouped.into_iter().map(source).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complete_run_supersedes_earlier_runs() {
        let run = |id: &str, day: &str, outcome: &str, gap: &str| CollectionRunRow {
            run_id: id.into(),
            dataset: "price".into(),
            scope: "us-east-1".into(),
            source: "a".into(),
            observed_from: domain::parse_instant(day).unwrap(),
            observed_at: domain::parse_instant(day).unwrap(),
            outcome: outcome.into(),
            row_count: 1,
            gaps: vec![gap.into()],
        };
        let check = |runs: &[CollectionRunRow], gaps: &str| {
            let found: Vec<String> = sources(runs).into_iter().flat_map(|source| source.gaps).collect();
            assert_eq!(found.join(" "), gaps);
        };
        let (failed, complete, partial) = (
            run("1", "2026-01-01", "failed", "january"),
            run("2", "2026-02-01", "complete", "february"),
            run("3", "2026-03-01", "partial", "march"),
        );
        let pruned = run("4", "2026-04-01", "pruned", "april");
        check(std::slice::from_ref(&failed), "january");
        check(&[failed.clone(), complete.clone()], "february");
        check(&[partial, complete, failed, pruned], "march february");
        check(&[], "");
    }
}
