//! Cost Explorer: instance usage, at the price that it had when it started.

use std::collections::BTreeMap;

use domain::{Decimal, Timestamp};
use serde_json::{Value, json};

use super::pricing::usage_type;
use super::requests::unknown_json_action;
use crate::core::{ApiError, ApiResult, RegionView, UsageRecord};
use crate::wire::{JsonMembers, with_token};

const SERVICE: &str = "Amazon Elastic Compute Cloud - Compute";
const DAY: i64 = 86_400;

const METRICS: [&str; 6] = [
    "AmortizedCost",
    "BlendedCost",
    "NetAmortizedCost",
    "NetUnblendedCost",
    "UnblendedCost",
    "UsageQuantity",
];

/// The most groups in one answer, over all periods together. A token leads to the rest.
const PAGE: i64 = 2000;

fn invalid(why: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", why)
}

/// A criterion by which usage is grouped.
#[derive(Clone, Copy)]
enum UsageGrouping<'a> {
    Dimension(&'a str),
    Tag(&'a str),
}

/// A condition on usage.
enum UsageCondition<'a> {
    Dimension(&'a str, Vec<&'a str>),
    /// The tag has one of these values. Without values: the tag is absent.
    Tag(&'a str, Vec<&'a str>),
    All(Vec<UsageCondition<'a>>),
    Any(Vec<UsageCondition<'a>>),
    Not(Box<UsageCondition<'a>>),
}

/// An amount of usage: seconds and USD.
type UsageAmount = (i64, Decimal);

/// A period: start and end, in Unix seconds.
type UsagePeriod = (i64, i64);

/// The amount of one period, for one group or in total.
type UsageCostLine = (UsagePeriod, Option<Vec<String>>, UsageAmount);

impl RegionView<'_> {
    /// Serves GetCostAndUsage.
    pub(crate) fn cost_explorer(&mut self, action: &str, input: &JsonMembers<'_>) -> ApiResult<Value> {
        if action != "GetCostAndUsage" {
            return Err(unknown_json_action());
        }
        self.allow_any("ce:GetCostAndUsage")?;
        let spans = read_spans(input)?;
        let metrics = input.texts("Metrics")?;
        if metrics.is_empty() {
            return Err(invalid("Metrics must not be empty"));
        }
        if let Some(unknown) = metrics.iter().find(|metric| !METRICS.contains(metric)) {
            return Err(invalid(format!("unknown metric {unknown}: expected one of {}", METRICS.join(", "))));
        }
        let test = input.part("Filter")?.map(|part| read_test(&part)).transpose()?;
        let mut groups = Vec::new();
        for group in input.list("GroupBy")? {
            let key = group.need("Key")?;
            groups.push(match group.need("Type")? {
                "TAG" => UsageGrouping::Tag(key),
                kind => UsageGrouping::Dimension(dimension(kind, key)?),
            });
        }
        if groups.len() > 2 {
            return Err(invalid("GroupBy can have at most 2 entries"));
        }
        let used: Vec<&UsageRecord> = self
            .usage
            .iter()
            .filter(|usage| test.as_ref().is_none_or(|test| self.passes(usage, test)))
            .collect();
        // A row for each group of each period, so that a page may end between two groups of a
        // period.
        let mut rows: Vec<UsageCostLine> = Vec::new();
        for span in &spans {
            let sums = self.sums(&used, *span, &groups);
            if groups.is_empty() || sums.is_empty() {
                let total = sums.values().fold((0, Decimal::ZERO), |all, one| (all.0 + one.0, all.1 + one.1));
                rows.push((*span, None, total));
            } else {
                rows.extend(sums.into_iter().map(|(keys, sum)| (*span, Some(keys), sum)));
            }
        }
        let refusals = ("ValidationException", "InvalidNextTokenException");
        let (rows, next) = self.json_page(input, rows, "NextPageToken", PAGE, refusals)?;
        let hourly = input.text("Granularity")? == Some("HOURLY");
        let mut by_time: Vec<Value> = Vec::new();
        let mut shown = None;
        for (span, keys, sum) in rows {
            if shown != Some(span) {
                shown = Some(span);
                by_time.push(json!({
                    "TimePeriod": { "Start": format_time(span.0, hourly), "End": format_time(span.1, hourly) },
                    "Total": if keys.is_none() { amounts(&metrics, sum) } else { json!({}) },
                    "Groups": [], "Estimated": self.is_estimated(span),
                }));
            }
            if let (Some(keys), Some(Value::Array(list))) =
                (keys, by_time.last_mut().map(|last| &mut last["Groups"]))
            {
                list.push(json!({ "Keys": keys, "Metrics": amounts(&metrics, sum) }));
            }
        }
        let mut answer = json!({ "ResultsByTime": by_time, "DimensionValueAttributes": [] });
        if !groups.is_empty() {
            let named = |group: &UsageGrouping<'_>| match group {
                UsageGrouping::Dimension(key) => json!({ "Type": "DIMENSION", "Key": key }),
                UsageGrouping::Tag(key) => json!({ "Type": "TAG", "Key": key }),
            };
            answer["GroupDefinitions"] = groups.iter().map(named).collect();
        }
        Ok(with_token(answer, "NextPageToken", next))
    }

    /// Returns whether the month at the period's end is still running. AWS's bills become final
    /// some time after that.
    fn is_estimated(&self, span: UsagePeriod) -> bool {
        next_month(span.1 - 1).is_none_or(|end| end > self.now.as_second())
    }

    fn sums(
        &self,
        used: &[&UsageRecord],
        span: UsagePeriod,
        groups: &[UsageGrouping<'_>],
    ) -> BTreeMap<Vec<String>, UsageAmount> {
        let mut sums: BTreeMap<Vec<String>, UsageAmount> = BTreeMap::new();
        for usage in used {
            let to = usage.until.unwrap_or(self.now).as_second().min(span.1);
            let seconds = to - usage.from.as_second().max(span.0);
            if seconds > 0 {
                let key = |group: &UsageGrouping<'_>| match group {
                    UsageGrouping::Dimension(name) => self.value_of(usage, name),
                    UsageGrouping::Tag(key) => {
                        format!("{key}${}", usage.tags.get(*key).map_or("", String::as_str))
                    }
                };
                let keys = groups.iter().map(key).collect();
                let sum = sums.entry(keys).or_default();
                let cost = usage.rate.0 * Decimal::from(seconds) / Decimal::from(3600);
                *sum = (sum.0 + seconds, sum.1 + cost);
            }
        }
        sums
    }

    /// Returns the value of a dimension for a usage record.
    fn value_of(&self, usage: &UsageRecord, dimension: &str) -> String {
        let family = usage.instance_type.split('.').next().unwrap_or_default();
        match dimension {
            "AZ" => usage.zone.clone(),
            "INSTANCE_TYPE" => usage.instance_type.clone(),
            "INSTANCE_TYPE_FAMILY" => family.to_string(),
            "LINKED_ACCOUNT" => self.account.to_string(),
            "OPERATING_SYSTEM" | "PLATFORM" => "Linux/UNIX".to_string(),
            "OPERATION" => if usage.spot { "RunInstances:SV000" } else { "RunInstances" }.to_string(),
            "PURCHASE_TYPE" => if usage.spot { "Spot Instances" } else { "On Demand Instances" }.to_string(),
            "RECORD_TYPE" => "Usage".to_string(),
            "REGION" => usage.region.clone(),
            "SERVICE" => SERVICE.to_string(),
            "TENANCY" => "Shared".to_string(),
            _ => usage_type(&usage.region, &usage.instance_type, usage.spot),
        }
    }

    fn passes(&self, usage: &UsageRecord, test: &UsageCondition<'_>) -> bool {
        match test {
            UsageCondition::Dimension(key, values) => values.contains(&self.value_of(usage, key).as_str()),
            UsageCondition::Tag(key, values) => match usage.tags.get(*key) {
                Some(value) => values.contains(&value.as_str()),
                None => values.is_empty() || values.contains(&""),
            },
            UsageCondition::All(tests) => tests.iter().all(|test| self.passes(usage, test)),
            UsageCondition::Any(tests) => tests.iter().any(|test| self.passes(usage, test)),
            UsageCondition::Not(test) => !self.passes(usage, test),
        }
    }
}

const DIMENSIONS: [&str; 13] = [
    "AZ",
    "INSTANCE_TYPE",
    "INSTANCE_TYPE_FAMILY",
    "LINKED_ACCOUNT",
    "OPERATING_SYSTEM",
    "OPERATION",
    "PLATFORM",
    "PURCHASE_TYPE",
    "RECORD_TYPE",
    "REGION",
    "SERVICE",
    "TENANCY",
    "USAGE_TYPE",
];

fn dimension<'a>(kind: &str, key: &'a str) -> ApiResult<&'a str> {
    if kind == "DIMENSION" && DIMENSIONS.contains(&key) {
        return Ok(key);
    }
    Err(invalid(format!("The sandbox has the dimensions {}, not {kind} {key}", DIMENSIONS.join(", "))))
}

fn read_test<'a>(part: &JsonMembers<'a>) -> ApiResult<UsageCondition<'a>> {
    let options = |one: &JsonMembers<'a>, known: &[&str]| -> ApiResult<Vec<&'a str>> {
        let options = one.texts("MatchOptions")?;
        match options.iter().find(|option| !known.contains(option)) {
            Some(other) => {
                Err(invalid(format!("The sandbox has the match options {}, not {other}", known.join(", "))))
            }
            None => Ok(options),
        }
    };
    let several = |name: &str| -> ApiResult<Vec<UsageCondition<'a>>> {
        part.list(name)?.iter().map(read_test).collect()
    };
    let mut found = Vec::new();
    if let Some(one) = part.part("Dimensions")? {
        let key = dimension("DIMENSION", one.need("Key")?)?;
        options(&one, &["EQUALS", "CASE_SENSITIVE"])?;
        found.push(UsageCondition::Dimension(key, one.texts("Values")?));
    }
    if let Some(one) = part.part("Tags")? {
        let absent = options(&one, &["EQUALS", "CASE_SENSITIVE", "ABSENT"])?.contains(&"ABSENT");
        let values = one.texts("Values")?;
        if absent != values.is_empty() {
            return Err(invalid("A tag filter needs either values or the match option ABSENT"));
        }
        found.push(UsageCondition::Tag(one.need("Key")?, values));
    }
    let (all, any) = (several("And")?, several("Or")?);
    if !all.is_empty() {
        found.push(UsageCondition::All(all));
    }
    if !any.is_empty() {
        found.push(UsageCondition::Any(any));
    }
    if let Some(not) = part.part("Not")? {
        found.push(UsageCondition::Not(Box::new(read_test(&not)?)));
    }
    match (found.pop(), found.is_empty()) {
        (Some(test), true) => Ok(test),
        _ => Err(invalid("Expression must have one root: Dimensions, Tags, And, Or or Not")),
    }
}

fn read_spans(input: &JsonMembers<'_>) -> ApiResult<Vec<UsagePeriod>> {
    let period = input.need_part("TimePeriod")?;
    let granularity = input.need("Granularity")?;
    let date = |name: &str| {
        let text = period.need(name)?;
        let at = domain::parse_instant(text).filter(|_| {
            let whole_day = text.len() == "2026-01-01".len();
            whole_day || granularity == "HOURLY" && text.len() == "2026-01-01T00:00:00Z".len()
        });
        at.map(Timestamp::as_second).ok_or_else(|| {
            invalid("Start and end dates must be yyyy-MM-dd, or yyyy-MM-ddTHH:mm:ssZ with hourly granularity")
        })
    };
    let (from, until) = (date("Start")?, date("End")?);
    if from >= until {
        return Err(invalid("Start date (and hour) should be before end date (and hour)"));
    }
    let spans = periods(from, until, granularity);
    spans.ok_or_else(|| invalid("Granularity must be DAILY, MONTHLY or HOURLY"))
}

fn amounts(metrics: &[&str], (seconds, cost): UsageAmount) -> Value {
    let hours = Decimal::from(seconds) / Decimal::from(3600);
    let one = |name: &&str| {
        let (amount, unit) = match *name {
            "UsageQuantity" => (hours, "Hrs"),
            _ => (cost, "USD"),
        };
        (name.to_string(), json!({ "Amount": format!("{amount:.10}"), "Unit": unit }))
    };
    Value::Object(metrics.iter().map(one).collect())
}

/// Returns the days, hours or months between two times; none for an unknown granularity.
fn periods(from: i64, until: i64, granularity: &str) -> Option<Vec<UsagePeriod>> {
    let step = match granularity {
        "HOURLY" => 3600,
        "DAILY" => DAY,
        "MONTHLY" => 0,
        _ => return None,
    };
    let mut spans = Vec::new();
    let mut begin = from;
    while begin < until && spans.len() < 10_000 {
        let end = if step > 0 { begin + step } else { next_month(begin)? };
        spans.push((begin, end.min(until)));
        begin = end;
    }
    Some(spans)
}

fn next_month(second: i64) -> Option<i64> {
    use jiff::ToSpan;
    let date = Timestamp::from_second(second).ok()?.to_zoned(jiff::tz::TimeZone::UTC).date();
    let next = date.first_of_month().checked_add(1.month()).ok()?;
    Some(next.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
}

fn format_time(second: i64, hourly: bool) -> String {
    let format = if hourly { "%Y-%m-%dT%H:%M:%SZ" } else { "%Y-%m-%d" };
    Timestamp::from_second(second).map(|at| at.strftime(format).to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_a_time_range_into_periods() {
        let at = |text: &str| domain::parse_instant(text).unwrap().as_second();
        let check = |from: &str, until: &str, granularity: &str, expected: &[&str]| {
            let spans = periods(at(from), at(until), granularity).unwrap();
            let hourly = granularity == "HOURLY";
            let shown: Vec<String> = spans
                .iter()
                .map(|(a, b)| format!("{}/{}", format_time(*a, hourly), format_time(*b, hourly)))
                .collect();
            assert_eq!(shown, expected);
        };
        check("2026-01-31", "2026-02-02", "DAILY", &["2026-01-31/2026-02-01", "2026-02-01/2026-02-02"]);
        check("2026-01-15", "2026-02-03", "MONTHLY", &["2026-01-15/2026-02-01", "2026-02-01/2026-02-03"]);
        check(
            "2026-01-31T23:00:00Z",
            "2026-02-01T00:00:00Z",
            "HOURLY",
            &["2026-01-31T23:00:00Z/2026-02-01T00:00:00Z"],
        );
        assert_eq!(periods(0, 1, "YEARLY"), None);
    }
}
