//! Facts as rows of the datasets, with the runs that record their origin.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use catalog::{Page, Value};
use domain::Timestamp;
use serde_json::Value as Json;

use crate::instance;
use crate::listings::{PriceCell, PriceQuote};
use crate::rule::{PriceBasis, PriceDoubt, PriceVerdict};
use crate::sources::{SourceRegion, ZoneOffering};
use crate::wheels::{BOTOCORE, LIBCLOUD, MOTO, SPARECORES, WheelPin};

/// The day on which the makers' documents of `accelerators.csv` were last read.
const DOCUMENTS_READ: &str = "2026-11-23T00:00:00Z";

/// A dataset's rows, and the runs that added them.
pub(crate) struct SeedPage {
    /// The rows.
    pub(crate) page: Page,
    /// One run per scope.
    pub(crate) runs: Vec<SeedRun>,
}

/// A row of `collection_run`.
#[derive(Debug, Clone)]
pub(crate) struct SeedRun {
    run_id: String,
    dataset: &'static str,
    scope: String,
    source: String,
    observed_from: Timestamp,
    observed_at: Timestamp,
    rows: usize,
    gaps: Vec<String>,
}

impl SeedRun {
    fn outcome(&self) -> &'static str {
        match (self.rows, self.gaps.is_empty()) {
            (_, true) => "complete",
            (0, false) => "failed",
            (_, false) => "partial",
        }
    }
}

/// The origin that several runs share.
struct SeedOrigin {
    run_id: String,
    source: String,
    observed_from: Timestamp,
    observed_at: Timestamp,
}

impl SeedOrigin {
    fn of(pin: WheelPin) -> SeedOrigin {
        SeedOrigin {
            run_id: format!("seed-{}-{}", pin.package, pin.version),
            source: pin.source(),
            observed_from: instant(pin.observed_at),
            observed_at: instant(pin.observed_at),
        }
    }

    fn run(&self, dataset: &'static str, scope: &str, rows: usize, gaps: Vec<String>) -> SeedRun {
        SeedRun {
            run_id: self.run_id.clone(),
            dataset,
            scope: scope.to_string(),
            source: self.source.clone(),
            observed_from: self.observed_from,
            observed_at: self.observed_at,
            rows,
            gaps,
        }
    }

    /// Returns a dataset's rows as one run with the scope `*`.
    fn whole(&self, dataset: &'static str, rows: Vec<Vec<Value>>) -> Result<SeedPage> {
        let runs = vec![self.run(dataset, "*", rows.len(), vec![])];
        Ok(SeedPage { page: page(dataset, Some(&self.run_id), rows)?, runs })
    }
}

/// Returns the rows of `region`.
pub(crate) fn regions(regions: &BTreeMap<String, SourceRegion>) -> Result<SeedPage> {
    let rows = regions.iter().map(|(code, region)| {
        vec![code.as_str().into(), region.partition.as_str().into(), region.name.as_str().into()]
    });
    SeedOrigin::of(BOTOCORE).whole("region", rows.collect())
}

/// Returns the rows of `instance_type`.
pub(crate) fn instance_types(types: &BTreeMap<String, Json>) -> Result<SeedPage> {
    let dataset = catalog::dataset("instance_type").context("no dataset instance_type")?;
    let rows = types.values().map(|record| instance::row(dataset, record)).collect::<Result<_>>()?;
    SeedOrigin::of(MOTO).whole("instance_type", rows)
}

/// Returns the rows of `offering`, with a run per region. A region without data in moto is a gap.
pub(crate) fn offerings(
    offerings: &[ZoneOffering],
    regions: &BTreeMap<String, SourceRegion>,
) -> Result<SeedPage> {
    let rows = offerings.iter().map(|o| (o.region.as_str(), o.cells())).collect();
    by_region("offering", rows, regions)
}

/// Returns the rows of `zone`: the zones that offer any type. Zone names differ by account, so they
/// stay unknown.
pub(crate) fn zones(
    offerings: &[ZoneOffering],
    regions: &BTreeMap<String, SourceRegion>,
) -> Result<SeedPage> {
    let zones: BTreeSet<(&str, &str)> =
        offerings.iter().map(|o| (o.region.as_str(), o.az_id.as_str())).collect();
    let rows = zones
        .into_iter()
        .map(|(region, az_id)| (region, vec![Value::Null, region.into(), az_id.into(), Value::Null]));
    by_region("zone", rows.collect(), regions)
}

fn by_region(
    dataset: &'static str,
    rows: Vec<(&str, Vec<Value>)>,
    regions: &BTreeMap<String, SourceRegion>,
) -> Result<SeedPage> {
    let origin = SeedOrigin::of(MOTO);
    let mut counts: BTreeMap<&str, usize> = regions.keys().map(|code| (code.as_str(), 0)).collect();
    for (region, _) in &rows {
        *counts.get_mut(region).with_context(|| format!("no partition has {region}"))? += 1;
    }
    let runs = counts.into_iter().map(|(region, count)| {
        let gap = format!("{} knows nothing of this region", origin.source);
        origin.run(dataset, region, count, if count == 0 { vec![gap] } else { vec![] })
    });
    let runs = runs.collect();
    let rows = rows.into_iter().map(|(_, row)| row).collect();
    Ok(SeedPage { page: page(dataset, Some(&origin.run_id), rows)?, runs })
}

impl ZoneOffering {
    fn cells(&self) -> Vec<Value> {
        vec![self.instance_type.as_str().into(), self.region.as_str().into(), self.az_id.as_str().into()]
    }
}

/// Returns the rows of `accelerator`, from our own table.
pub(crate) fn accelerators(csv: &str) -> Result<SeedPage> {
    let dataset = catalog::dataset("accelerator").context("no dataset accelerator")?;
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let names: Vec<&str> = dataset.columns.iter().map(|column| column.name).collect();
    ensure!(reader.headers()?.iter().eq(names.iter().copied()), "accelerators.csv has other columns");
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record?;
        let cells = record.iter().zip(dataset.fields()).map(|(text, field)| parse_cell(text, &field));
        rows.push(cells.collect::<Result<Vec<Value>>>()?);
    }
    let read = instant(DOCUMENTS_READ);
    let origin = SeedOrigin {
        run_id: "seed-accelerators".into(),
        source: "makers' documents, named per row".into(),
        observed_from: read,
        observed_at: read,
    };
    origin.whole("accelerator", rows)
}

fn parse_cell(text: &str, field: &catalog::Field) -> Result<Value> {
    let wrong = || format!("{text} as {}", field.name);
    Ok(match field.ty {
        _ if text.is_empty() => Value::Null,
        catalog::ValueType::Int => text.parse::<i64>().with_context(wrong)?.into(),
        catalog::ValueType::Float => text.parse::<f64>().with_context(wrong)?.into(),
        _ => text.into(),
    })
}

/// Returns the rows of `price`: the verdicts with a price. An offered or listed cell without one is
/// a gap, counted by reason.
pub(crate) fn prices(
    verdicts: &BTreeMap<PriceCell, PriceVerdict>,
    offerings: &[ZoneOffering],
    regions: &BTreeMap<String, SourceRegion>,
) -> Result<SeedPage> {
    let origin = SeedOrigin {
        run_id: format!("seed-prices-{}-{}", SPARECORES.version, LIBCLOUD.version),
        source: format!("{} and {}", SPARECORES.source(), LIBCLOUD.source()),
        observed_from: instant(SPARECORES.observed_at),
        observed_at: instant(LIBCLOUD.observed_at),
    };
    let offered: BTreeSet<&str> = offerings.iter().map(|offering| offering.region.as_str()).collect();
    let mut rows = Vec::new();
    let mut runs = Vec::new();
    for (code, region) in regions {
        let before = rows.len();
        let mut doubts: BTreeMap<PriceDoubt, usize> = BTreeMap::new();
        for (cell, verdict) in
            verdicts.range((code.clone(), String::new())..).take_while(|(c, _)| c.0 == *code)
        {
            match verdict {
                PriceVerdict::Known(quote, basis) => rows.push(price(cell, region, quote, *basis)),
                PriceVerdict::Unknown(doubt) => *doubts.entry(*doubt).or_default() += 1,
            }
        }
        let mut gaps: Vec<String> = doubts
            .iter()
            .map(|(doubt, count)| format!("{count} without price: {}", doubt.reason()))
            .collect();
        if before == rows.len() && gaps.is_empty() {
            gaps.push("no source prices this region".into());
        } else if !offered.contains(code.as_str()) {
            gaps.push("what else is offered here is not known".into());
        }
        runs.push(origin.run("price", code, rows.len() - before, gaps));
    }
    rows.sort_by_key(|row| sort_key(row));
    Ok(SeedPage { page: page("price", Some(&origin.run_id), rows)?, runs })
}

fn sort_key(row: &[Value]) -> (String, String) {
    let text = |value: &Value| match value {
        Value::Text(text) => text.clone(),
        _ => String::new(),
    };
    (text(&row[1]), text(&row[2]))
}

fn price(cell: &PriceCell, region: &SourceRegion, quote: &PriceQuote, basis: PriceBasis) -> Vec<Value> {
    let (source, observed_at) = match basis {
        PriceBasis::Agreed => {
            (format!("{} and {}", SPARECORES.source(), LIBCLOUD.source()), LIBCLOUD.observed_at)
        }
        PriceBasis::Listed => (SPARECORES.source(), SPARECORES.observed_at),
        PriceBasis::Proportional => (LIBCLOUD.source(), LIBCLOUD.observed_at),
    };
    vec![
        region.partition.as_str().into(),
        cell.1.as_str().into(),
        cell.0.as_str().into(),
        "linux".into(),
        "shared".into(),
        "none".into(),
        "none".into(),
        "on-demand".into(),
        Value::Null,
        Value::Null,
        Value::Null,
        quote.amount.into(),
        quote.currency.as_str().into(),
        instant(observed_at).into(),
        source.into(),
        basis.name().into(),
        Value::Null,
        Value::Null,
        Value::Null,
    ]
}

/// Returns the rows of `collection_run`.
pub(crate) fn runs(runs: &[SeedRun]) -> Result<Page> {
    let rows = runs.iter().map(|run| {
        vec![
            run.run_id.as_str().into(),
            run.dataset.into(),
            run.scope.as_str().into(),
            run.source.as_str().into(),
            run.observed_from.into(),
            run.observed_at.into(),
            run.outcome().into(),
            (run.rows as i64).into(),
            run.gaps.clone().into(),
            env!("CARGO_PKG_VERSION").into(),
            Value::Null,
        ]
    });
    page("collection_run", None, rows.collect())
}

/// Returns rows under the dataset's columns, and appends the run id to each.
fn page(dataset: &str, run_id: Option<&str>, mut rows: Vec<Vec<Value>>) -> Result<Page> {
    let fields = catalog::dataset(dataset).with_context(|| format!("no dataset {dataset}"))?.fields();
    for row in &mut rows {
        row.extend(run_id.map(Value::from));
        ensure!(row.len() == fields.len(), "a row of {dataset} has {} values", row.len());
    }
    Ok(Page { fields, rows })
}

fn instant(text: &str) -> Timestamp {
    text.parse().expect("the pinned instants are RFC 3339")
}
