//! The rows of a recommendation.

use std::collections::BTreeMap;

use analysis::{Recommendation, band_rate, saving_percent};
use catalog::{Value, ValueType};
use console::{Align, Report, TableColumn};
use domain::{Decimal, Timestamp};

use super::needs::{PickNeeds, PickRespect};
use super::picks::PurchasePick;
use crate::answer_columns::{
    CellColumn, FLOAT, INT, MONEY, TEXT, TIME, ValueColumn, has_several, page_of, table_of,
};
use crate::columns::{exact_money, exact_money_cell, money_cell};
use crate::filter::NumericFact;
use crate::purchase_options::describe_purchase;

/// A row of the answer.
#[derive(Debug, Clone)]
pub(crate) struct PickRow {
    rank: i64,
    instance_type: String,
    region: String,
    az_id: Option<String>,
    purchase: String,
    lease_years: Option<i64>,
    payment: Option<String>,
    price_per_hour: Option<Decimal>,
    price_observed_at: Option<Timestamp>,
    total_cost: Option<Decimal>,
    currency: String,
    band: Option<i64>,
    spare_vcpus: Option<i64>,
    spare_memory_gib: Option<f64>,
    reasons: Vec<String>,
    unknown: Vec<String>,
    beaten_by: Option<String>,
    metric_value: Option<f64>,
    cost_per_metric: Option<Decimal>,
}

/// Returns the rows of the picks, those that are beaten only if `all` is true. Each currency has
/// its own ranks.
pub(crate) fn rows_of(
    found: &Recommendation,
    picks: &[PurchasePick<'_>],
    needs: &PickNeeds,
    all: bool,
    unknown: &[String],
) -> Vec<PickRow> {
    let mut currencies: BTreeMap<&str, usize> = BTreeMap::new();
    for one in &found.picks {
        *currencies.entry(currency_of(&picks[one.candidate])).or_default() += 1;
    }
    let mut ranks: BTreeMap<&str, (i64, usize)> = BTreeMap::new();
    let mut rows = Vec::new();
    for one in found.picks.iter().filter(|one| all || one.beaten_by.is_none()) {
        let pick = &picks[one.candidate];
        let currency = currency_of(pick);
        let (rank, first) = ranks.entry(currency).or_insert((0, one.candidate));
        *rank += 1;
        let mut reasons = match one.beaten_by {
            _ if *rank == 1 => vec![format!("cheapest of {} in {currency}", picks_of(currencies[currency]))],
            None => better_respects(pick, &picks[*first], needs),
            Some(_) => Vec::new(),
        };
        reasons.extend(cost_reasons(pick, needs));
        rows.push(PickRow {
            rank: *rank,
            instance_type: pick.offer.instance_type.clone(),
            region: pick.offer.region.clone(),
            az_id: pick.az_id().map(String::from),
            purchase: pick.purchase.clone(),
            lease_years: Some(pick.lease_years).filter(|years| *years > 0),
            payment: pick.payment.clone(),
            price_per_hour: pick.offer.price_per_hour,
            price_observed_at: pick.offer.price_observed_at,
            total_cost: needs.cost(pick).total,
            currency: currency.to_string(),
            band: pick.band,
            spare_vcpus: needs.spare(NumericFact::Vcpus, pick).map(|spare| spare as i64),
            spare_memory_gib: needs.spare(NumericFact::Memory, pick).map(|spare| spare / 1024.0),
            reasons,
            unknown: unknown.to_vec(),
            beaten_by: one.beaten_by.map(|winner| full_name(&picks[winner])),
            metric_value: metric_value(pick, needs),
            cost_per_metric: needs.cost(pick).per_metric,
        });
    }
    rows
}

/// Returns the currency of a price, or an empty text.
pub(crate) fn currency_of<'p>(pick: &'p PurchasePick<'_>) -> &'p str {
    pick.offer.currency.as_deref().unwrap_or_default()
}

/// Formats a number of picks.
pub(crate) fn picks_of(count: usize) -> String {
    if count == 1 { "1 pick".into() } else { format!("{count} picks") }
}

/// Returns the names of a pick in one text: `m7i.large us-east-1 use1-az4 spot`.
fn full_name(pick: &PurchasePick<'_>) -> String {
    pick.name().into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Returns the value of the metric that orders the picks, or else of the one that is asked for.
fn metric_value(pick: &PurchasePick<'_>, needs: &PickNeeds) -> Option<f64> {
    needs.per.as_ref().or(needs.benchmark.as_ref())?.of(&pick.facts.instance_type)
}

/// Describes the respects in which a pick is better than the cheapest one.
fn better_respects(pick: &PurchasePick<'_>, first: &PurchasePick<'_>, needs: &PickNeeds) -> Vec<String> {
    let better = needs.respects.iter().filter_map(|respect| {
        let (own, other) = (needs.merit(*respect, pick)?, needs.merit(*respect, first));
        if other.is_some_and(|other| own <= other) {
            return None;
        }
        Some(match respect {
            PickRespect::Fact(fact) => {
                let shown = fact.show(own);
                let rest = other.map_or("unknown".to_string(), |other| fact.show(other));
                format!("{shown} {}, the cheapest {rest}", fact.noun_after(&shown))
            }
            PickRespect::Metric => {
                let name = needs.benchmark.as_ref().map_or("", |metric| &metric.name);
                let rest = other.map_or("unknown".to_string(), |other| other.to_string());
                format!("{name} {own}, the cheapest {rest}")
            }
            PickRespect::Interruptions if !pick.is_spot() => "no interruptions".to_string(),
            PickRespect::Interruptions => "fewer interruptions than the cheapest".to_string(),
            PickRespect::Commitment if pick.lease_years == 0 => "no commitment".to_string(),
            PickRespect::Commitment => "a shorter commitment than the cheapest".to_string(),
        })
    });
    let better: Vec<String> = better.collect();
    match better.is_empty() {
        true => vec!["equal to the cheapest in every asked respect".to_string()],
        false => better,
    }
}

/// Describes the price against on demand, and the part of interruptions in the cost.
fn cost_reasons(pick: &PurchasePick<'_>, needs: &PickNeeds) -> Vec<String> {
    let mut reasons = Vec::new();
    let prices = pick.offer.price_per_hour.zip(pick.on_demand_price);
    if let Some(saving) = prices.and_then(|(price, on_demand)| saving_percent(price, on_demand)) {
        let side = if saving < 0.0 { "above" } else { "below" };
        reasons.push(format!("{:.1} % {side} on demand", saving.abs()));
    }
    if needs.adds_interruptions(pick)
        && let Some(rate) = pick.band.and_then(band_rate)
    {
        let bound = if rate.is_lower_bound { "at least" } else { "at most" };
        reasons.push(format!("cost includes {bound} {:.5} interruptions an hour", rate.per_hour));
    }
    reasons
}

const TEXTS: fn() -> ValueType = || ValueType::List(Box::new(ValueType::Text));
/// The type of costs, which can be larger than a price.
const COST: fn() -> ValueType = || ValueType::Decimal(38, 10);
/// The type of costs per unit of a metric, which can be tiny.
const UNIT_COST: fn() -> ValueType = || ValueType::Decimal(38, 18);

const COLUMNS: &[ValueColumn<PickRow>] = &[
    ("rank", INT, |r| r.rank.into()),
    ("instance_type", TEXT, |r| r.instance_type.as_str().into()),
    ("region", TEXT, |r| r.region.as_str().into()),
    ("az_id", TEXT, |r| r.az_id.clone().into()),
    ("purchase", TEXT, |r| r.purchase.as_str().into()),
    ("price_per_hour", MONEY, |r| r.price_per_hour.into()),
    ("total_cost", COST, |r| r.total_cost.into()),
    ("currency", TEXT, |r| r.currency.as_str().into()),
    ("band", INT, |r| r.band.into()),
    ("spare_vcpus", INT, |r| r.spare_vcpus.into()),
    ("spare_memory_gib", FLOAT, |r| r.spare_memory_gib.into()),
    ("reasons", TEXTS, |r| r.reasons.clone().into()),
    ("unknown", TEXTS, |r| r.unknown.clone().into()),
    ("beaten_by", TEXT, |r| r.beaten_by.clone().into()),
    ("lease_years", INT, |r| r.lease_years.into()),
    ("payment", TEXT, |r| r.payment.clone().into()),
    ("metric_value", FLOAT, |r| r.metric_value.into()),
    ("cost_per_metric", UNIT_COST, |r| r.cost_per_metric.into()),
    ("price_observed_at", TIME, |r| r.price_observed_at.map_or(Value::Null, Value::from)),
];

/// Returns the report of the rows.
pub(crate) fn report(rows: &[PickRow]) -> Report {
    let left = |header: &str| TableColumn::only_in_tables(header, Align::Left);
    let mut cells: Vec<CellColumn<PickRow>> = vec![
        (TableColumn::named("rank", Align::Right), |row| row.rank.to_string()),
        (TableColumn::named("instance_type", Align::Left), |row| row.instance_type.clone()),
    ];
    if has_several(rows, |row| &row.region) {
        cells.push((TableColumn::named("region", Align::Left), |row| row.region.clone()));
    }
    if rows.iter().any(|row| row.purchase != "on-demand") {
        cells.push((left("Purchase"), purchase_cell));
    }
    cells.push((TableColumn::named("price_per_hour", Align::Right), |row| {
        row.price_per_hour.map_or("unknown".into(), |price| exact_money_cell(price, Some(&row.currency)))
    }));
    if rows.iter().any(|row| row.total_cost.is_some()) {
        cells.push((TableColumn::named("total_cost", Align::Right), |row| {
            row.total_cost.map_or("unknown".into(), |cost| money_cell(cost, Some(&row.currency)))
        }));
    }
    if rows.iter().any(|row| row.cost_per_metric.is_some()) {
        cells.push((TableColumn::named("cost_per_metric", Align::Right), |row| {
            row.cost_per_metric.map_or("unknown".into(), |cost| exact_money(cost.round_sf(3).unwrap_or(cost)))
        }));
    }
    if rows.iter().any(|row| row.spare_vcpus.is_some() || row.spare_memory_gib.is_some()) {
        cells.push((left("Spare"), spare_cell));
    }
    cells.push((left("Why"), |row| match &row.beaten_by {
        Some(winner) => format!("beaten by {winner}"),
        None => row.reasons.join("; "),
    }));
    Report { page: page_of(rows, COLUMNS), table: Some(table_of(rows, cells)), ..Report::default() }
}

fn purchase_cell(row: &PickRow) -> String {
    let term = row.lease_years.map(|years| (years, row.payment.as_deref().unwrap_or_default()));
    let purchase = describe_purchase(&row.purchase, row.az_id.as_deref(), term);
    match row.band {
        Some(band) => format!("{purchase}, band {band}"),
        None => purchase,
    }
}

fn spare_cell(row: &PickRow) -> String {
    let vcpus = row.spare_vcpus.map(|spare| format!("{spare} vCPUs"));
    let memory = row.spare_memory_gib.map(|spare| format!("{} GiB", (spare * 100.0).round() / 100.0));
    vcpus.into_iter().chain(memory).collect::<Vec<_>>().join(", ")
}
