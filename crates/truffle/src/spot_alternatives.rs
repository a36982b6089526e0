//! Instance types that can take the place of another one on spot and are interrupted less often, or
//! as often at a lower price.

use std::collections::{BTreeMap, BTreeSet};

use catalog::TypeFacts;
use catalog::rows::{BandStayRow, RegionBandRow, RegionSpotPriceRow, ZoneOfferRow};
use console::{Failure, FailureKind};
use domain::{Decimal, Timestamp};

use crate::CommandPorts;
use crate::collect_command::collect_command;
use crate::region_scope::{self, rows};
use crate::spot_market::SpotScope;

/// A type that can take the place of another one in a region.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SpotAlternative {
    pub(crate) instance_type: String,
    pub(crate) region: String,
    /// The type's own rate.
    pub(crate) own_band: RegionBandRow,
    /// The type's own price in its cheapest zone; `None` if it is not known.
    pub(crate) own_price: Option<ZonePrice>,
    pub(crate) alternative_type: String,
    pub(crate) band: RegionBandRow,
    /// The price in the cheapest zone; `None` if it is not known.
    pub(crate) price: Option<ZonePrice>,
    /// How often a rate was the same after as many days; `None` if no two statements say so.
    pub(crate) stay: Option<BandStayRow>,
}

/// The price of a type in its cheapest zone.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ZonePrice {
    pub(crate) az_id: String,
    pub(crate) price: Decimal,
    pub(crate) currency: String,
}

impl SpotAlternative {
    /// The price beyond the type's own, negative if the alternative is cheaper. `None` if one of
    /// them is not known, or in another currency.
    pub(crate) fn extra_price(&self) -> Option<Decimal> {
        let (own, other) = (self.own_price.as_ref()?, self.price.as_ref()?);
        (own.currency == other.currency).then(|| other.price - own.price)
    }
}

/// Whether a type can take the place of another one: the same architecture, at least the vCPUs and
/// the memory, and at least the GPU memory of the same maker.
pub(crate) fn can_replace(other: &TypeFacts, own: &TypeFacts) -> bool {
    let has_gpus = own.gpus == 0 || (other.gpus >= own.gpus && other.gpu_maker == own.gpu_maker);
    other.instance_type != own.instance_type
        && other.architectures.contains(&own.arch)
        && other.vcpus >= own.vcpus
        && other.memory_mib >= own.memory_mib
        && has_gpus
        && other.gpu_memory_mib >= own.gpu_memory_mib
}

/// Whether an alternative is interrupted less often, or as often at a lower price.
fn is_better(found: &SpotAlternative) -> bool {
    let is_cheaper = || found.extra_price().is_some_and(|extra| extra < Decimal::ZERO);
    found.band.band < found.own_band.band || (found.band.band == found.own_band.band && is_cheaper())
}

/// The rates, prices and offers of all types in the regions of an answer.
pub(crate) struct SpotRegions {
    bands: BTreeMap<(String, String), RegionBandRow>,
    prices: BTreeMap<(String, String), ZonePrice>,
    stays: BTreeMap<(Timestamp, i64), BandStayRow>,
}

impl SpotRegions {
    /// Reads them. Zones without an offer of the type have no price.
    pub(crate) fn load(scope: SpotScope<'_>, ports: &CommandPorts<'_>) -> Result<SpotRegions, Failure> {
        let given = [("regions", scope.regions), ("os", scope.interruption_os())];
        let bands: Vec<RegionBandRow> = rows(ports.answer("spot/region-bands", &given)?)?;
        if bands.is_empty() {
            let known = region_scope::sources(ports, scope.regions)?;
            return Err(match known.iter().any(|source| source.dataset == "interruption") {
                true => Failure::new(
                    FailureKind::NoMatch,
                    format!("no match: no interruption rate in {}", scope.regions),
                )
                .hint("--region all"),
                false => Failure::new(FailureKind::Data, "not collected yet: interruption rates")
                    .hint(collect_command("interruption", scope.regions)),
            });
        }
        let given = [("regions", scope.regions), ("product", scope.os)];
        let prices: Vec<RegionSpotPriceRow> = rows(ports.answer("spot/region-now", &given)?)?;
        let offered: Vec<ZoneOfferRow> =
            rows(ports.answer("offering/zones", &[("regions", scope.regions)])?)?;
        Ok(SpotRegions {
            prices: cheapest_zones(prices, &offered),
            stays: load_stays(&bands, scope, ports)?,
            bands: bands
                .into_iter()
                .map(|band| ((band.instance_type.clone(), band.region.clone()), band))
                .collect(),
        })
    }

    /// Returns the alternatives of a type: by region, then the lowest rate, then the lowest price.
    pub(crate) fn alternatives(&self, own: &TypeFacts, facts: &[TypeFacts]) -> Vec<SpotAlternative> {
        let regions: BTreeSet<&String> = self.bands.keys().map(|(_, region)| region).collect();
        let candidates: Vec<&TypeFacts> = facts.iter().filter(|other| can_replace(other, own)).collect();
        let price =
            |name: &str, region: &str| self.prices.get(&(name.to_string(), region.to_string())).cloned();
        let mut found = Vec::new();
        for region in regions {
            let Some(own_band) = self.bands.get(&(own.instance_type.clone(), region.clone())) else {
                continue;
            };
            let alternative = |other: &&TypeFacts| {
                let name = &other.instance_type;
                let band = self.bands.get(&(name.clone(), region.clone()))?;
                Some(SpotAlternative {
                    instance_type: own.instance_type.clone(),
                    region: region.clone(),
                    own_band: own_band.clone(),
                    own_price: price(&own.instance_type, region),
                    alternative_type: name.clone(),
                    band: band.clone(),
                    price: price(name, region),
                    stay: self.stays.get(&(band.observed_at, band.band)).cloned(),
                })
            };
            let mut better: Vec<SpotAlternative> =
                candidates.iter().filter_map(alternative).filter(is_better).collect();
            let key = |one: &SpotAlternative| {
                let price = one.price.as_ref().map(|zone| zone.price);
                (one.band.band, price.is_none(), price, one.alternative_type.clone())
            };
            better.sort_by_key(key);
            found.extend(better);
        }
        found
    }

    /// Whether a type has an interruption rate in one of the regions.
    pub(crate) fn has_band(&self, name: &str) -> bool {
        self.bands.keys().any(|(of, _)| of == name)
    }
}

/// Returns the cheapest zone of each type and region that offers the type. A zone counts as offered
/// in a region without collected offerings.
fn cheapest_zones(
    prices: Vec<RegionSpotPriceRow>,
    offered: &[ZoneOfferRow],
) -> BTreeMap<(String, String), ZonePrice> {
    let collected: BTreeSet<&str> = offered.iter().map(|offer| offer.region.as_str()).collect();
    let zones: BTreeSet<(&str, &str, Option<&str>)> = offered
        .iter()
        .map(|offer| (offer.instance_type.as_str(), offer.region.as_str(), offer.az_id.as_deref()))
        .collect();
    let mut cheapest: BTreeMap<(String, String), ZonePrice> = BTreeMap::new();
    for row in prices {
        let at = (row.instance_type.as_str(), row.region.as_str());
        let is_offered = !collected.contains(at.1)
            || zones.contains(&(at.0, at.1, Some(&row.az_id)))
            || zones.contains(&(at.0, at.1, None));
        let (Some(price), Some(currency), true) = (row.price_per_hour, row.currency, is_offered) else {
            continue;
        };
        let found = ZonePrice { az_id: row.az_id, price, currency };
        let best = cheapest.entry((row.instance_type, row.region)).or_insert_with(|| found.clone());
        if found.price < best.price {
            *best = found;
        }
    }
    cheapest
}

/// Reads how often rates stayed for as long as the age of each newest statement.
fn load_stays(
    bands: &[RegionBandRow],
    scope: SpotScope<'_>,
    ports: &CommandPorts<'_>,
) -> Result<BTreeMap<(Timestamp, i64), BandStayRow>, Failure> {
    let statements: BTreeSet<Timestamp> = bands.iter().map(|band| band.observed_at).collect();
    let mut stays = BTreeMap::new();
    for at in statements {
        let days = ((ports.as_of.as_second() - at.as_second()) / 86_400).to_string();
        let given = [("days", days.as_str()), ("os", scope.interruption_os())];
        let found: Vec<BandStayRow> = rows(ports.answer("spot/band-stays", &given)?)?;
        stays.extend(found.into_iter().map(|stay| ((at, stay.band), stay)));
    }
    Ok(stays)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::sample;

    fn facts(name: &str, change: impl Fn(&mut TypeFacts)) -> TypeFacts {
        let mut facts = sample::facts()[0].clone();
        facts.instance_type = name.into();
        change(&mut facts);
        facts
    }

    #[test]
    fn an_alternative_has_at_least_the_size_and_the_same_architecture() {
        let own = facts("own", |own| own.gpus = 0);
        let check = |change: &dyn Fn(&mut TypeFacts), expected: bool| {
            let other = facts("other", change);
            assert_eq!(can_replace(&other, &own), expected, "{other:?}");
        };
        check(&|_| {}, true);
        check(&|other| other.vcpus += 1, true);
        check(&|other| other.vcpus -= 1, false);
        check(&|other| other.memory_mib -= 1, false);
        check(&|other| other.architectures = vec!["arm64_mac".into()], false);
        check(&|other| other.instance_type = "own".into(), false);
        let gpu = facts("gpu", |own| {
            (own.gpus, own.gpu_memory_mib) = (2, Some(48_000));
            own.gpu_maker = Some("NVIDIA".into());
        });
        let with = |gpus: i64, memory: i64, maker: &str| {
            can_replace(
                &facts("other", |other| {
                    (other.gpus, other.gpu_memory_mib) = (gpus, Some(memory));
                    other.gpu_maker = Some(maker.into());
                }),
                &gpu,
            )
        };
        assert!(with(2, 48_000, "NVIDIA") && with(4, 96_000, "NVIDIA"));
        assert!(!with(1, 80_000, "NVIDIA") && !with(2, 24_000, "NVIDIA") && !with(2, 48_000, "AMD"));
    }

    fn alternative(own: (i64, &str), other: (i64, &str)) -> SpotAlternative {
        let band = |name: &str, band: i64| RegionBandRow {
            instance_type: name.into(),
            region: "us-east-1".into(),
            band,
            band_label: None,
            observed_at: Timestamp::UNIX_EPOCH,
        };
        let price = |text: &str| {
            let price = text.parse().ok()?;
            Some(ZonePrice { az_id: "use1-az1".into(), price, currency: "USD".into() })
        };
        SpotAlternative {
            instance_type: "own".into(),
            region: "us-east-1".into(),
            own_band: band("own", own.0),
            own_price: price(own.1),
            alternative_type: "other".into(),
            band: band("other", other.0),
            price: price(other.1),
            stay: None,
        }
    }

    #[test]
    fn an_alternative_has_a_lower_rate_or_the_same_at_a_lower_price() {
        let check = |own, other, expected: bool, extra: &str| {
            let found = alternative(own, other);
            assert_eq!(is_better(&found), expected, "{found:?}");
            assert_eq!(found.extra_price(), extra.parse().ok(), "{found:?}");
        };
        check((2, "0.1"), (1, "0.3"), true, "0.2");
        check((2, "0.1"), (1, ""), true, "");
        check((2, "0.1"), (2, "0.09"), true, "-0.01");
        check((2, "0.1"), (2, "0.1"), false, "0");
        check((2, "0.1"), (2, ""), false, "");
        check((2, ""), (2, "0.1"), false, "");
        check((2, "0.1"), (3, "0.01"), false, "-0.09");
    }

    #[test]
    fn a_zone_without_an_offer_or_a_price_is_not_the_cheapest() {
        let row = |zone: &str, price: &str| RegionSpotPriceRow {
            instance_type: "m7i.large".into(),
            region: "us-east-1".into(),
            az_id: zone.into(),
            price_per_hour: price.parse().ok(),
            currency: Some("USD".into()),
        };
        let prices = || {
            vec![row("use1-az1", "0.3"), row("use1-az2", "0.2"), row("use1-az3", "0.1"), row("use1-az4", "")]
        };
        let offer = |zone: &str| ZoneOfferRow {
            instance_type: "m7i.large".into(),
            region: "us-east-1".into(),
            az_id: Some(zone.into()),
        };
        let best = |offered: &[ZoneOfferRow]| {
            cheapest_zones(prices(), offered).into_values().next().map(|zone| zone.az_id)
        };
        assert_eq!(
            best(&[offer("use1-az1"), offer("use1-az2"), offer("use1-az4")]).as_deref(),
            Some("use1-az2")
        );
        assert_eq!(best(&[]).as_deref(), Some("use1-az3"), "the offerings were not collected");
        assert_eq!(best(&[offer("use1-az9")]), None);
    }
}
