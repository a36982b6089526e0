//! CloudWatch: the metric values of the scenario.

use std::collections::BTreeMap;

use domain::Timestamp;
use serde_json::{Value, json};

use super::requests::unknown_json_action;
use crate::core::{ApiError, ApiResult, RegionView, matches};
use crate::wire::{JsonMembers, with_token};

/// The limits of one call: queries, and values in the answer ("CloudWatch service quotas").
const QUERIES: usize = 500;
const VALUES: i64 = 100_800;

fn invalid(why: impl Into<String>) -> ApiError {
    ApiError::new("ValidationError", why)
}

/// A query: metric, instance, time range, period in seconds, and statistic.
struct MetricQuery<'a> {
    metric: &'a str,
    instance: &'a str,
    from: Timestamp,
    until: Timestamp,
    period: i64,
    stat: &'a str,
}

impl RegionView<'_> {
    /// Serves GetMetricData: one value of the scenario per five minutes of running.
    pub(crate) fn cloudwatch(&mut self, action: &str, input: &JsonMembers<'_>) -> ApiResult<Value> {
        if action != "GetMetricData" {
            return Err(unknown_json_action());
        }
        self.allow_any("cloudwatch:GetMetricData")?;
        let instant = |name: &str| {
            let absent = || ApiError::new("MissingParameter", format!("The parameter {name} is required."));
            input.instant(name)?.ok_or_else(absent)
        };
        let (from, until) = (instant("StartTime")?, instant("EndTime")?);
        if from >= until {
            return Err(invalid("The parameter StartTime must be less than the parameter EndTime."));
        }
        let rising = match input.text("ScanBy")? {
            None | Some("TimestampDescending") => false,
            Some("TimestampAscending") => true,
            Some(other) => return Err(invalid(format!("{other} is not a valid ScanBy"))),
        };
        let most = input.number("MaxDatapoints")?.unwrap_or(VALUES);
        if !(1..=VALUES).contains(&most) {
            return Err(invalid(format!("MaxDatapoints must be between 1 and {VALUES}")));
        }
        if let Some(options) = input.part("LabelOptions")? {
            options.text("Timezone")?;
        }
        let queries = input.list("MetricDataQueries")?;
        if queries.is_empty() || queries.len() > QUERIES {
            return Err(invalid(format!("MetricDataQueries must have 1 to {QUERIES} entries")));
        }
        let mut all = Vec::new();
        for query in &queries {
            all.push(self.series(query, from, until.min(self.now), rising)?);
        }
        let most = self.rules.page.map_or(most, |page| most.min(i64::from(page.max(1)))) as usize;
        let from = match input.text("NextToken")? {
            None => 0,
            Some(token) => {
                token.strip_prefix("sandbox").and_then(|number| number.parse().ok()).ok_or_else(|| {
                    ApiError::new("InvalidNextToken", format!("The token {token} is not valid"))
                })?
            }
        };
        let (results, next) = page_of_values(all, from, most);
        Ok(with_token(json!({ "MetricDataResults": results, "Messages": [] }), "NextToken", next))
    }

    /// Answers one query with its id, its label, and its values with their times.
    fn series(
        &self,
        query: &JsonMembers<'_>,
        from: Timestamp,
        until: Timestamp,
        rising: bool,
    ) -> ApiResult<MetricSeries> {
        let id = query.need("Id")?;
        if !id.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Err(invalid(format!("The id {id} must begin with a lowercase letter")));
        }
        if query.text("Expression")?.is_some() {
            return Err(invalid("The sandbox does not serve expressions"));
        }
        query.number("Period")?;
        let stat = query.need_part("MetricStat")?;
        let metric = stat.need_part("Metric")?;
        let name = metric.need("MetricName")?;
        let ours = metric.need("Namespace")? == "AWS/EC2";
        let mut instance = None;
        let mut others = !ours;
        for one in metric.list("Dimensions")? {
            match (one.need("Name")?, one.need("Value")?) {
                ("InstanceId", value) => instance = Some(value),
                _ => others = true,
            }
        }
        let unit = stat.text("Unit")?;
        let period = stat.number("Period")?.ok_or_else(|| invalid("Period is required"))?;
        let wanted = MetricQuery {
            metric: name,
            // A query for another unit than the metric's finds no values.
            instance: instance
                .filter(|_| !others && unit.is_none_or(|unit| unit == unit_of(name)))
                .unwrap_or_default(),
            from,
            until,
            period,
            stat: stat.need("Stat")?,
        };
        let mut points = self.points(&wanted)?;
        if !rising {
            points.reverse();
        }
        let shown = query.flag("ReturnData")?.unwrap_or(true);
        let label = query.text("Label")?.unwrap_or(name).to_string();
        Ok(MetricSeries { id: id.to_string(), label, points, shown })
    }

    /// Returns the value of each period that has one, in order of time.
    fn points(&self, wanted: &MetricQuery<'_>) -> ApiResult<Vec<(i64, f64)>> {
        let period = wanted.period;
        if period < 60 || period % 60 != 0 {
            return Err(invalid("Period must be a multiple of 60"));
        }
        if !["Average", "Sum", "Maximum", "Minimum", "SampleCount"].contains(&wanted.stat) {
            return Err(invalid(format!("The sandbox does not serve the statistic {}", wanted.stat)));
        }
        let Some(found) = self.here.instances.get(wanted.instance) else { return Ok(Vec::new()) };
        let fits = |rule: &&crate::scenario::MetricRule| {
            rule.metric == wanted.metric && matches(&rule.instance_type, &found.instance_type)
        };
        let rule = self.rules.metrics.iter().find(fits).filter(|rule| !rule.values.is_empty());
        let Some(rule) = rule else { return Ok(Vec::new()) };
        let mut slots: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
        for usage in self.usage.iter().filter(|usage| usage.instance == wanted.instance) {
            let end = usage.until.unwrap_or(self.now).min(wanted.until).as_second();
            let measured = (usage.from.as_second()..end).step_by(300).enumerate();
            for (number, at) in measured.filter(|(_, at)| *at >= wanted.from.as_second()) {
                let value = rule.values[number % rule.values.len()];
                slots.entry(at - at.rem_euclid(period)).or_default().push(value);
            }
        }
        Ok(slots.into_iter().map(|(at, values)| (at, aggregate_values(&values, wanted.stat))).collect())
    }
}

/// Returns the unit of an instance metric ("List the available CloudWatch metrics for your
/// instances").
fn unit_of(metric: &str) -> &'static str {
    match metric {
        "CPUUtilization" => "Percent",
        "NetworkIn" | "NetworkOut" | "DiskReadBytes" | "DiskWriteBytes" | "EBSReadBytes"
        | "EBSWriteBytes" => "Bytes",
        _ => "Count",
    }
}

struct MetricSeries {
    id: String,
    label: String,
    points: Vec<(i64, f64)>,
    shown: bool,
}

fn aggregate_values(values: &[f64], stat: &str) -> f64 {
    let sum: f64 = values.iter().sum();
    match stat {
        "Sum" => sum,
        "Maximum" => values.iter().copied().fold(f64::MIN, f64::max),
        "Minimum" => values.iter().copied().fold(f64::MAX, f64::min),
        "SampleCount" => values.len() as f64,
        _ => sum / values.len() as f64,
    }
}

/// Returns `most` values of all series together, starting at value number `from`. A series with
/// more values is `PartialData`.
fn page_of_values(all: Vec<MetricSeries>, from: usize, most: usize) -> (Vec<Value>, Option<String>) {
    let (mut skip, mut left, mut results) = (from, most, Vec::new());
    let total: usize = all.iter().filter(|series| series.shown).map(|series| series.points.len()).sum();
    for series in all.into_iter().filter(|series| series.shown) {
        let passed = skip.min(series.points.len());
        skip -= passed;
        let rest = series.points.len() - passed;
        let taken = rest.min(left);
        left -= taken;
        // A series that was complete on an earlier page or starts on a later one is left out.
        if taken == 0 && !series.points.is_empty() || series.points.is_empty() && from > 0 {
            continue;
        }
        let (times, values): (Vec<i64>, Vec<f64>) =
            series.points.into_iter().skip(passed).take(taken).unzip();
        let code = if taken < rest { "PartialData" } else { "Complete" };
        results.push(json!({
            "Id": series.id, "Label": series.label, "Timestamps": times, "Values": values, "StatusCode": code,
        }));
    }
    let next = from + most - left;
    (results, (next < total).then(|| format!("sandbox{next}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_contain_each_value_once() {
        let series = || {
            let one = |id: &str, count: i64, shown| MetricSeries {
                id: id.into(),
                label: id.into(),
                points: (0..count).map(|n| (n, n as f64)).collect(),
                shown,
            };
            vec![one("a", 5, true), one("none", 0, true), one("hidden", 9, false), one("b", 4, true)]
        };
        for most in 1..12 {
            let (mut from, mut seen, mut ids) = (0, Vec::new(), Vec::new());
            loop {
                let (results, next) = page_of_values(series(), from, most);
                for result in results {
                    let id = result["Id"].as_str().unwrap().to_string();
                    seen.extend(result["Timestamps"].as_array().unwrap().iter().map(|t| format!("{id}{t}")));
                    ids.push(id);
                }
                let Some(token) = next else { break };
                from = token.strip_prefix("sandbox").unwrap().parse().unwrap();
            }
            assert_eq!(seen, ["a0", "a1", "a2", "a3", "a4", "b0", "b1", "b2", "b3"], "{most}");
            assert!(ids.contains(&"none".to_string()) && !ids.contains(&"hidden".to_string()));
        }
    }
}
