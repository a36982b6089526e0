//! Cost Explorer: the cost of each day, in the JSON layout of the aws CLI.

use std::collections::HashMap;

use aws_sdk_costexplorer::config::Config;
use aws_sdk_costexplorer::types::{
    DateInterval, Granularity, GroupDefinition, GroupDefinitionType, MetricValue, ResultByTime,
};
use catalog::ports::{CostGroup, Gap};
use serde_json::{Map, Value, json};

use crate::clients::{self, ATTEMPTS};
use crate::document::{DocumentDelivery, DocumentError};
use crate::gap::gap;

const ACTION: &str = "ce:GetCostAndUsage";

/// The invoiced cost, and the cost with fees spread over the usage that they cover.
const METRICS: [&str; 2] = ["UnblendedCost", "AmortizedCost"];

/// A range of days: `until` is the day after the last one.
pub(crate) struct CostPeriod<'a> {
    pub(crate) from: &'a str,
    pub(crate) until: &'a str,
}

/// Gives each day to the sink once it is complete. Every attempt counts as a request, because AWS
/// does not document that a request with a lost answer is free.
pub(crate) async fn deliver(
    post: &mut DocumentDelivery<'_>,
    partition: &str,
    span: CostPeriod<'_>,
    by: &[CostGroup],
    most: u32,
) -> Result<(), DocumentError> {
    let region = match partition {
        "aws" => "us-east-1",
        "aws-cn" => "cn-northwest-1",
        other => {
            return Err(DocumentError::Gap(Gap::of_call(
                ACTION,
                "no-endpoint",
                format!("{ACTION}: Cost Explorer is not available in partition {other}"),
            )));
        }
    };
    let client = clients::cost_explorer(post.config, region, &post.dated, &post.sent);
    let period = DateInterval::builder().start(span.from).end(span.until).build();
    let period = period
        .map_err(|e| DocumentError::Gap(Gap::of_call(ACTION, "invalid-request", format!("{ACTION}: {e}"))))?;
    let mut days = CostDayAssembler::new(by);
    let mut token = None;
    loop {
        let left = most.saturating_sub(post.sent.count());
        if left == 0 {
            return Err(DocumentError::Gap(Gap::of_call(
                ACTION,
                "limit",
                format!(
                    "{ACTION}: the answer has more pages than the {most} requests that were agreed to; --requests allows more"
                ),
            )));
        }
        let call = client
            .get_cost_and_usage()
            .time_period(period.clone())
            .granularity(Granularity::Daily)
            .set_metrics(Some(METRICS.map(String::from).into()))
            .set_group_by(Some(by.iter().map(definition).collect()))
            .set_next_page_token(token.take())
            .customize()
            .config_override(Config::builder().retry_config(clients::retries(left.min(ATTEMPTS))));
        let page = post.wait(call.send()).await?.map_err(|error| DocumentError::Gap(gap(ACTION, &error)))?;
        for result in page.results_by_time() {
            days.add(result, post)?;
        }
        token = page.next_page_token().filter(|token| !token.is_empty()).map(String::from);
        if token.is_none() {
            return days.hand_over(post);
        }
    }
}

fn definition(group: &CostGroup) -> GroupDefinition {
    let (kind, key) = match group {
        CostGroup::Dimension(name) => (GroupDefinitionType::Dimension, *name),
        CostGroup::Tag(key) => (GroupDefinitionType::Tag, key.as_str()),
    };
    GroupDefinition::builder().r#type(kind).key(key).build()
}

/// Assembles days from pages. A page may end in the middle of a day.
struct CostDayAssembler {
    definitions: Value,
    /// The last day, which the next page may continue.
    open: Option<Value>,
}

impl CostDayAssembler {
    fn new(by: &[CostGroup]) -> CostDayAssembler {
        let one = |group: &CostGroup| match group {
            CostGroup::Dimension(name) => json!({ "Type": "DIMENSION", "Key": name }),
            CostGroup::Tag(key) => json!({ "Type": "TAG", "Key": key }),
        };
        CostDayAssembler { definitions: by.iter().map(one).collect(), open: None }
    }

    fn add(&mut self, result: &ResultByTime, post: &mut DocumentDelivery<'_>) -> Result<(), DocumentError> {
        let mut found = day(result);
        if let Some(open) = &mut self.open
            && open["TimePeriod"] == found["TimePeriod"]
        {
            if let (Some(known), Some(more)) = (open["Groups"].as_array_mut(), found["Groups"].as_array_mut())
            {
                known.append(more);
            }
            return Ok(());
        }
        self.hand_over(post)?;
        self.open = Some(found);
        Ok(())
    }

    /// Gives the finished day to the sink.
    fn hand_over(&mut self, post: &mut DocumentDelivery<'_>) -> Result<(), DocumentError> {
        let Some(day) = self.open.take() else { return Ok(()) };
        post.hand_over(json!({ "GroupDefinitions": self.definitions, "ResultsByTime": [day] }).to_string())
    }
}

fn day(result: &ResultByTime) -> Value {
    let groups = result
        .groups()
        .iter()
        .map(|group| json!({ "Keys": group.keys(), "Metrics": metrics(group.metrics()) }));
    let period = result.time_period().map(|period| json!({ "Start": period.start(), "End": period.end() }));
    json!({
        "TimePeriod": period,
        "Total": metrics(result.total()),
        "Groups": groups.collect::<Value>(),
        "Estimated": result.estimated(),
    })
}

fn metrics(metrics: Option<&HashMap<String, MetricValue>>) -> Value {
    let one = |(name, metric): (&String, &MetricValue)| {
        (name.clone(), json!({ "Amount": metric.amount(), "Unit": metric.unit() }))
    };
    Value::Object(metrics.into_iter().flatten().map(one).collect::<Map<_, _>>())
}
