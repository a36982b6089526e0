//! Output of GetCostAndUsage as the aws CLI prints it, one answer or several: the costs of each
//! day, by up to two dimensions. Each day is a report of its own, even without charges. Dimensions
//! that an answer is not grouped by are unknown.

use std::collections::HashMap;
use std::io::BufRead;

use catalog::dataset;
use domain::{RoundingTally, Timestamp, parse_rounded};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::completeness::ScopeShare;
use crate::json_reader::JsonReader;
use crate::product::instant;
use crate::rows::{FeedCell, FeedRows};
use crate::{BatchSink, FeedContext, FeedError, FeedReport, bad};

/// The rest of an answer, whose days are read one by one.
#[derive(Default)]
struct CostAnswer {
    dimensions: Vec<RawCostDimension>,
    has_days: bool,
    /// The token of the next page.
    more: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawCostDimension {
    r#type: String,
    key: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawCostDay {
    time_period: RawCostPeriod,
    #[serde(default)]
    total: HashMap<String, RawCostMetric>,
    #[serde(default)]
    groups: Vec<RawCostGroup>,
    #[serde(default)]
    estimated: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawCostPeriod {
    start: String,
    end: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawCostGroup {
    keys: Vec<String>,
    metrics: HashMap<String, RawCostMetric>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawCostMetric {
    amount: String,
    unit: String,
}

const ANSWER: &str = "the output of aws ce get-cost-and-usage";

/// The remarks on a day.
#[derive(Default)]
struct CostDayRemark {
    is_estimated: bool,
    rounded: RoundingTally,
}

/// Version of a day whose costs may still change, by AWS's own statement.
const ESTIMATED: &str = "estimated";

/// Dimensions that have a column.
const COLUMNS: &[(&str, &str)] = &[
    ("SERVICE", "service_name"),
    ("LINKED_ACCOUNT", "sub_account_id"),
    ("REGION", "region_id"),
    ("AZ", "availability_zone"),
    ("INSTANCE_TYPE", "instance_type"),
    ("USAGE_TYPE", "usage_type"),
    ("OPERATION", "operation"),
    ("RESOURCE_ID", "resource_id"),
    ("RECORD_TYPE", "line_item_type"),
    ("INVOICING_ENTITY", "invoice_issuer_name"),
    ("LEGAL_ENTITY_NAME", "publisher_name"),
];

pub(crate) fn read(
    reader: &mut dyn BufRead,
    context: &FeedContext<'_>,
    sink: BatchSink<'_>,
) -> Result<Vec<FeedReport>, FeedError> {
    let at = context.modified.unwrap_or(context.now);
    let mut rows = FeedRows::new("charge", sink);
    let (mut more, mut remarks) = (None, HashMap::<String, CostDayRemark>::new());
    let mut json = JsonReader::new(reader, ANSWER);
    while json.has_more()? {
        let mut answer = CostAnswer::default();
        json.object(&mut |json, key| {
            answer.member(json, key, &mut |answer, day| {
                let (scope, rounded) = put(&mut rows, context, &answer.dimensions, day)?;
                let remark = remarks.entry(scope).or_default();
                remark.is_estimated |= day.estimated;
                remark.rounded.merge(&rounded);
                Ok(())
            })
        })?;
        if !answer.has_days {
            return Err(bad(format!("it is not {ANSWER}: it has no ResultsByTime")));
        }
        more = answer.more.filter(|token| !token.is_empty());
    }
    if more.is_some() {
        return Err(bad(
            "its last answer has a NextPageToken, so there is more; request the next page and put all answers into one file",
        ));
    }
    let mut spoken = rows.finish(ScopeShare::All, at, None)?;
    if spoken.is_empty() {
        return Err(bad(format!("it contains no costs; expected {ANSWER}")));
    }
    // The scope is the day, and the time of the report is the time of the answer.
    for day in &mut spoken {
        day.observed_at = at;
        day.complete = true;
        let remark = remarks.remove(&day.scope).unwrap_or_default();
        day.version = remark.is_estimated.then(|| ESTIMATED.into());
        day.gaps.extend(remark.rounded.describe());
    }
    Ok(spoken)
}

impl CostAnswer {
    /// Reads a member of an answer, and passes each day to `each`.
    fn member(
        &mut self,
        json: &mut JsonReader<'_>,
        key: &str,
        each: &mut dyn FnMut(&CostAnswer, &RawCostDay) -> Result<(), FeedError>,
    ) -> Result<(), FeedError> {
        match key {
            "GroupDefinitions" if self.has_days => {
                return Err(bad("its GroupDefinitions come after its ResultsByTime; expected them before"));
            }
            "GroupDefinitions" => self.dimensions = json.read()?,
            "NextPageToken" => self.more = json.read()?,
            "ResultsByTime" => {
                self.has_days = true;
                json.list(&mut |json| each(self, &json.read()?))?;
            }
            _ => json.skip()?,
        }
        Ok(())
    }
}

fn put(
    rows: &mut FeedRows<'_>,
    context: &FeedContext<'_>,
    dimensions: &[RawCostDimension],
    day: &RawCostDay,
) -> Result<(String, RoundingTally), FeedError> {
    let (from, until) = (instant(&day.time_period.start), instant(&day.time_period.end));
    let (Some(from), Some(until), Some(period)) = (from, until, month(&day.time_period.start)) else {
        return Err(bad(format!("its period \"{}\" is not a time", day.time_period.start)));
    };
    let made = context.modified.unwrap_or(context.now);
    if from > made {
        return Err(bad(format!(
            "it contains costs of {} but was made at {made:.0}; name a time after its days with --observed-at",
            day.time_period.start
        )));
    }
    if day.time_period.start.len() != "2026-11-01".len() || until.duration_since(from).as_hours() != 24 {
        return Err(bad(format!(
            "its period {} to {} is not a day; request it with --granularity DAILY",
            day.time_period.start, day.time_period.end
        )));
    }
    let scope = format!("{}/{}", context.account.unwrap_or("*"), day.time_period.start);
    let mut rounded = RoundingTally::default();
    for group in &day.groups {
        let charge = CostCharge::of(dimensions, &group.keys, &group.metrics, day.estimated)?;
        rounded.merge(&charge.rounded);
        charge.push(rows, &scope, context, (from, until), period)?;
    }
    // Without grouping, a day is one figure. A day of a grouped answer without groups has the
    // figure 0.
    if day.groups.is_empty() && !day.total.is_empty() {
        let charge = CostCharge::of(&[], &[], &day.total, day.estimated)?;
        if dimensions.is_empty() || charge.amounts.iter().any(|(_, amount)| *amount != 0) {
            rounded.merge(&charge.rounded);
            charge.push(rows, &scope, context, (from, until), period)?;
        }
    }
    rows.add_scope(&scope)?;
    Ok((scope, rounded))
}

/// A figure of a day, by the columns of the dataset.
struct CostCharge {
    texts: Vec<(&'static str, String)>,
    amounts: Vec<(&'static str, i128)>,
    rounded: RoundingTally,
}

impl CostCharge {
    fn of(
        dimensions: &[RawCostDimension],
        keys: &[String],
        metrics: &HashMap<String, RawCostMetric>,
        estimated: bool,
    ) -> Result<CostCharge, FeedError> {
        if dimensions.len() != keys.len() {
            return Err(bad(format!("a group has {} keys and {} definitions", keys.len(), dimensions.len())));
        }
        let (mut texts, mut amounts, mut rounded) = (Vec::new(), Vec::new(), RoundingTally::default());
        let mut extra = Map::new();
        for (dimension, key) in dimensions.iter().zip(keys) {
            store_key(dimension, key, &mut texts, &mut extra)?;
        }
        let billed = metrics.get("UnblendedCost").ok_or_else(|| {
            bad("it has no UnblendedCost; request it with --metrics UnblendedCost, and AmortizedCost for the effective cost")
        })?;
        amounts.push(("billed_cost", amount(billed, &mut rounded)?));
        texts.push(("billing_currency", billed.unit.clone()));
        for (name, metric) in metrics {
            match name.as_str() {
                "UnblendedCost" => {}
                "AmortizedCost" => amounts.push(("effective_cost", amount(metric, &mut rounded)?)),
                "UsageQuantity" => {
                    amounts.push(("consumed_quantity", amount(metric, &mut rounded)?));
                    texts.push(("consumed_unit", metric.unit.clone()));
                }
                other => drop(extra.insert(other.into(), metric.amount.as_str().into())),
            }
        }
        if estimated {
            extra.insert("Estimated".into(), "true".into());
        }
        if !extra.is_empty() {
            texts.push(("extra", Value::Object(extra).to_string()));
        }
        Ok(CostCharge { texts, amounts, rounded })
    }

    fn push(
        &self,
        rows: &mut FeedRows<'_>,
        scope: &str,
        context: &FeedContext<'_>,
        day: (Timestamp, Timestamp),
        period: (Timestamp, Timestamp),
    ) -> Result<(), FeedError> {
        let (month, next) = period;
        let cell = |column: &str| {
            let text = self.texts.iter().find(|(name, _)| *name == column).map(|(_, text)| text.as_str());
            let amount = self.amounts.iter().find(|(name, _)| *name == column).map(|(_, amount)| *amount);
            match column {
                "bill" => FeedCell::Text(scope),
                "charge_period_start" => FeedCell::At(day.0),
                "charge_period_end" => FeedCell::At(day.1),
                "billing_period_start" => FeedCell::At(month),
                "billing_period_end" => FeedCell::At(next),
                "billing_account_id" => context.account.into(),
                "provider_name" => FeedCell::Text("AWS"),
                "source_format" => FeedCell::Text("cost-explorer"),
                "source" => FeedCell::Text(context.source),
                _ => text.map(FeedCell::Text).or(amount.map(FeedCell::Exact)).unwrap_or(FeedCell::Null),
            }
        };
        let columns = dataset("charge").expect("a built-in dataset").columns;
        let row: Vec<FeedCell<'_>> = columns.iter().map(|column| cell(column.name)).collect();
        rows.push(scope, day.0, &row)
    }
}

fn amount(metric: &RawCostMetric, rounded: &mut RoundingTally) -> Result<i128, FeedError> {
    let number = parse_rounded(&metric.amount, 38, 18)
        .ok_or_else(|| bad(format!("the amount \"{}\" does not fit DECIMAL(38,18)", metric.amount)))?;
    rounded.add(number.change);
    Ok(number.units)
}

/// Stores the key of a group under its column. A tag is `key$value`; an empty value means that the
/// tag is not set.
fn store_key(
    dimension: &RawCostDimension,
    key: &str,
    texts: &mut Vec<(&'static str, String)>,
    extra: &mut Map<String, Value>,
) -> Result<(), FeedError> {
    if dimension.r#type == "TAG" {
        if let Some((name, value)) = key.split_once('$').filter(|(_, value)| !value.is_empty()) {
            let tags = Map::from_iter([(name.to_string(), value.into())]);
            texts.push(("tags", Value::Object(tags).to_string()));
        }
        return Ok(());
    }
    let is_code = matches!(dimension.key.as_str(), "INSTANCE_TYPE" | "REGION");
    if is_code && !key.is_empty() && !domain::is_code(key) {
        return Err(bad(format!("the {} {key:?} has not the form of a code", dimension.key)));
    }
    match COLUMNS.iter().find(|(name, _)| dimension.r#type == "DIMENSION" && *name == dimension.key) {
        Some((_, column)) => texts.push((column, key.to_string())),
        None => drop(extra.insert(dimension.key.clone(), key.into())),
    }
    if dimension.key == "RECORD_TYPE" {
        let (category, class) = category(key);
        texts.extend(category.map(|category| ("charge_category", category.to_string())));
        texts.extend(class.map(|class| ("charge_class", class.to_string())));
    }
    Ok(())
}

/// Returns the FOCUS category and class of a record type, as Cost Explorer spells it.
fn category(record: &str) -> (Option<&'static str>, Option<&'static str>) {
    match record {
        "Usage" | "DiscountedUsage" | "SavingsPlanCoveredUsage" | "SavingsPlanNegation" => {
            (Some("Usage"), None)
        }
        "Recurring" | "Upfront" | "SavingsPlanRecurringFee" | "SavingsPlanUpfrontFee" => {
            (Some("Purchase"), None)
        }
        "Tax" => (Some("Tax"), None),
        "Credit" => (Some("Credit"), None),
        "Refund" => (Some("Adjustment"), Some("Correction")),
        record if record.ends_with("Discount") => (Some("Usage"), None),
        _ => (None, None),
    }
}

/// Returns the first instants of the month of a day such as `2026-11-03`, and of the next month.
fn month(day: &str) -> Option<(Timestamp, Timestamp)> {
    let (year, month) = (day.get(..4)?.parse::<i32>().ok()?, day.get(5..7)?.parse::<u32>().ok()?);
    let next = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    let first = |(year, month): (i32, u32)| instant(&format!("{year:04}-{month:02}-01"));
    Some((first((year, month))?, first(next)?))
}
