//! `utilization`: the load of instances from CloudWatch.

use std::collections::BTreeSet;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{
    Dimension, MessageData, Metric, MetricDataQuery, MetricDataResult, MetricStat, ScanBy, StatusCode,
};
use catalog::ports::Gap;
use domain::Timestamp;

use crate::clients;
use crate::gap::gap;
use crate::region_context::RegionContext;
use crate::row::dataset_row;
use crate::row_sink::RowSink;
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

dataset_row! {
    /// A row of `utilization`.
    UtilizationRow of "utilization" {
        account_id: String,
        region: String,
        instance_id: String,
        metric: String,
        unit: String,
        statistic: String,
        period_seconds: i64,
        observed_at: Timestamp,
        value: f64,
        source: String,
    }
}

/// One metric and statistic of one instance.
struct CloudWatchSeries<'a> {
    instance: &'a str,
    metric: &'a (&'static str, &'static str, &'static str),
    statistic: &'a (&'static str, &'static str),
}

pub(crate) async fn collect(context: &RegionContext, sink: &mut RowSink) -> Result<(), Gap> {
    let client = clients::cloudwatch(&context.config, &context.region, &context.dated);
    let instances = context.instances.iter();
    let series: Vec<CloudWatchSeries<'_>> = instances
        .flat_map(|instance| METRICS.iter().map(move |metric| (instance, metric)))
        .flat_map(|(instance, metric)| {
            STATISTICS.iter().map(move |statistic| CloudWatchSeries { instance, metric, statistic })
        })
        .collect();
    // Small requests fit one page. A second page would be billed again.
    let periods = (context.until.duration_since(context.since).as_secs() / i64::from(PERIOD)).max(1);
    let at_once = usize::try_from(VALUES / periods).unwrap_or(1).clamp(1, QUERIES);
    for some in series.chunks(at_once) {
        request_series(&client, some, context, sink).await?;
    }
    Ok(())
}

async fn request_series(
    client: &Client,
    series: &[CloudWatchSeries<'_>],
    context: &RegionContext,
    sink: &mut RowSink,
) -> Result<(), Gap> {
    let queries: Vec<MetricDataQuery> = series.iter().enumerate().map(query).collect();
    let mut unfinished: BTreeSet<usize> = (0..series.len()).collect();
    let mut token = None;
    loop {
        context.allowance.take(ACTION, series.len() as u64)?;
        let call = client
            .get_metric_data()
            .set_metric_data_queries(Some(queries.clone()))
            .start_time(date_time(context.since))
            .end_time(date_time(context.until))
            .scan_by(ScanBy::TimestampAscending)
            .set_next_token(token.take());
        let page = call.send().await.map_err(|error| gap(ACTION, &error))?;
        let mut rows = Vec::new();
        for result in page.metric_data_results() {
            let number = result.id().and_then(|id| id.strip_prefix('m')?.parse::<usize>().ok());
            let Some((number, one)) = number.and_then(|number| Some((number, series.get(number)?))) else {
                let why = format!("{ACTION}: the answer has a series that was not requested");
                sink.gaps.push(Gap::of_call(ACTION, "unknown-series", why));
                continue;
            };
            rows.extend(values(one, result, context));
            if result.status_code() == Some(&StatusCode::Complete) {
                unfinished.remove(&number);
            }
            let named = result
                .messages()
                .iter()
                .map(|message| format!("{} of {}: {}", one.metric.1, one.instance, words(message)).into());
            sink.gaps.extend(named);
        }
        let of_page = page.messages().iter().map(|message| {
            Gap::of_call(ACTION, message.code().unwrap_or("message"), format!("{ACTION}: {}", words(message)))
        });
        sink.gaps.extend(of_page);
        sink.add(rows).await?;
        token = page.next_token().filter(|token| !token.is_empty()).map(String::from);
        if token.is_none() {
            break;
        }
    }
    if !unfinished.is_empty() {
        let some = unfinished.iter().filter_map(|number| series.get(*number)).map(|one| one.instance);
        let instances: BTreeSet<&str> = some.collect();
        let instances: Vec<&str> = instances.into_iter().collect();
        let why =
            format!("{ACTION}: {} series are incomplete, of {}", unfinished.len(), instances.join(", "));
        return Err(Gap::of_call(ACTION, "incomplete", why));
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

fn values(
    series: &CloudWatchSeries<'_>,
    result: &MetricDataResult,
    context: &RegionContext,
) -> Vec<UtilizationRow> {
    let pairs = result.timestamps().iter().zip(result.values());
    let known = pairs.filter_map(|(at, value)| Some((timestamp(at)?, *value)));
    let row = |(observed_at, value): (Timestamp, f64)| UtilizationRow {
        account_id: context.account.clone(),
        region: context.region.clone(),
        instance_id: series.instance.into(),
        metric: series.metric.1.into(),
        unit: series.metric.2.into(),
        statistic: series.statistic.1.into(),
        period_seconds: i64::from(PERIOD),
        observed_at,
        value,
        source: "cloudwatch".into(),
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
}
