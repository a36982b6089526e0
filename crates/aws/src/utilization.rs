//! Requests the load of instances from CloudWatch.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{
    Dimension, MessageData, Metric, MetricDataQuery, MetricDataResult, MetricStat, ScanBy, StatusCode,
};
use domain::Timestamp;

use crate::gap::gap;
use crate::look::{DatasetRows, RowSink};
use crate::values::{date_time, timestamp};

const ACTION: &str = "cloudwatch:GetMetricData";

/// Metrics available without an agent: AWS's name, the stored name and the unit.
const METRICS: [(&str, &str, &str); 3] = [
    ("CPUUtilization", "cpu", "percent"),
    ("NetworkIn", "network-in", "bytes"),
    ("NetworkOut", "network-out", "bytes"),
];
const STATISTICS: [(&str, &str); 2] = [("Average", "average"), ("Maximum", "maximum")];

/// The length of a period in seconds.
const PERIOD: i32 = 3600;

/// The most queries in a request.
const QUERIES: usize = 500;
/// The most values in an answer.
const VALUES: i64 = 100_800;

/// The budget of metrics that may be requested, for all regions together.
pub(crate) struct MetricAllowance {
    most: u64,
    requested: AtomicU64,
}

impl MetricAllowance {
    pub(crate) fn new(most: u64) -> MetricAllowance {
        MetricAllowance { most, requested: AtomicU64::new(0) }
    }

    fn take(&self, metrics: u64) -> Result<(), String> {
        let before = self.requested.fetch_add(metrics, Ordering::Relaxed);
        if before + metrics <= self.most {
            return Ok(());
        }
        Err(format!(
            "{ACTION}: the answers have more pages than the {} metrics that may be requested",
            self.most
        ))
    }
}

/// One metric and statistic of one instance.
struct CloudWatchSeries<'a> {
    instance: &'a str,
    metric: &'a (&'static str, &'static str, &'static str),
    statistic: &'a (&'static str, &'static str),
}

/// `utilization` of the instances, from `since` of the request until an instant.
pub(crate) async fn utilization(
    client: &Client,
    instances: &[String],
    until: Timestamp,
    allowance: &MetricAllowance,
    seen: &mut RowSink<'_>,
) -> Result<(), String> {
    let series: Vec<CloudWatchSeries<'_>> = instances
        .iter()
        .flat_map(|instance| METRICS.iter().map(move |metric| (instance, metric)))
        .flat_map(|(instance, metric)| {
            STATISTICS.iter().map(move |statistic| CloudWatchSeries { instance, metric, statistic })
        })
        .collect();
    // Small requests fit one page. A second page would be billed again.
    let periods = (until.duration_since(seen.since).as_secs() / i64::from(PERIOD)).max(1);
    let at_once = usize::try_from(VALUES / periods).unwrap_or(1).clamp(1, QUERIES);
    for some in series.chunks(at_once) {
        request_series(client, some, until, allowance, seen).await?;
    }
    Ok(())
}

async fn request_series(
    client: &Client,
    series: &[CloudWatchSeries<'_>],
    until: Timestamp,
    allowance: &MetricAllowance,
    seen: &mut RowSink<'_>,
) -> Result<(), String> {
    let queries: Vec<MetricDataQuery> = series.iter().enumerate().map(query).collect();
    let mut unfinished: BTreeSet<usize> = (0..series.len()).collect();
    let mut token = None;
    loop {
        allowance.take(series.len() as u64)?;
        let call = client
            .get_metric_data()
            .set_metric_data_queries(Some(queries.clone()))
            .start_time(date_time(seen.since))
            .end_time(date_time(until))
            .scan_by(ScanBy::TimestampAscending)
            .set_next_token(token.take());
        let page = call.send().await.map_err(|error| gap(ACTION, &error))?;
        let mut rows = DatasetRows::new();
        for result in page.metric_data_results() {
            let number = result.id().and_then(|id| id.strip_prefix('m')?.parse::<usize>().ok());
            let Some((number, one)) = number.and_then(|number| Some((number, series.get(number)?))) else {
                seen.gaps.push(format!("{ACTION}: the answer has a series that was not requested"));
                continue;
            };
            rows.extend(values(one, result, seen));
            if result.status_code() == Some(&StatusCode::Complete) {
                unfinished.remove(&number);
            }
            let said = result.messages().iter();
            let named =
                said.map(|message| format!("{} of {}: {}", one.metric.1, one.instance, words(message)));
            seen.gaps.extend(named);
        }
        seen.gaps.extend(page.messages().iter().map(|message| format!("{ACTION}: {}", words(message))));
        seen.hand_over(rows).await?;
        token = page.next_token().filter(|token| !token.is_empty()).map(String::from);
        if token.is_none() {
            break;
        }
    }
    if !unfinished.is_empty() {
        let some = unfinished.iter().filter_map(|number| series.get(*number)).map(|one| one.instance);
        let instances: BTreeSet<&str> = some.collect();
        let instances: Vec<&str> = instances.into_iter().collect();
        return Err(format!(
            "{ACTION}: {} series are incomplete, of {}",
            unfinished.len(),
            instances.join(", ")
        ));
    }
    Ok(())
}

fn query((number, series): (usize, &CloudWatchSeries<'_>)) -> MetricDataQuery {
    let metric = Metric::builder()
        .namespace("AWS/EC2")
        .metric_name(series.metric.0)
        .dimensions(Dimension::builder().name("InstanceId").value(series.instance).build());
    let stat = MetricStat::builder().metric(metric.build()).period(PERIOD).stat(series.statistic.0);
    MetricDataQuery::builder().id(format!("m{number}")).metric_stat(stat.build()).build()
}

fn values(series: &CloudWatchSeries<'_>, result: &MetricDataResult, seen: &RowSink<'_>) -> DatasetRows {
    let pairs = result.timestamps().iter().zip(result.values());
    let known = pairs.filter_map(|(at, value)| Some((timestamp(at)?, *value)));
    let row = |(at, value): (Timestamp, f64)| {
        seen.row(|column| match column {
            "account_id" => seen.account.as_str().into(),
            "region" => seen.region.as_str().into(),
            "instance_id" => series.instance.into(),
            "metric" => series.metric.1.into(),
            "unit" => series.metric.2.into(),
            "statistic" => series.statistic.1.into(),
            "period_seconds" => i64::from(PERIOD).into(),
            "observed_at" => at.into(),
            "value" => value.into(),
            "source" => "cloudwatch".into(),
            other => unreachable!("utilization.{other}"),
        })
    };
    known.map(row).collect()
}

fn words(message: &MessageData) -> String {
    let words = [message.code(), message.value()];
    words.into_iter().flatten().collect::<Vec<_>>().join(": ").trim_end_matches('.').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ports_metric_count_equals_the_billed_metrics() {
        assert_eq!((METRICS.len() * STATISTICS.len()) as u64, catalog::ports::METRICS);
    }

    #[test]
    fn never_requests_more_metrics_than_allowed() {
        let allowance = MetricAllowance::new(10);
        assert_eq!(allowance.take(6), Ok(()));
        assert_eq!(allowance.take(4), Ok(()));
        let refused = allowance.take(1).unwrap_err();
        assert!(refused.contains("more pages than the 10 metrics"), "{refused}");
    }
}
