use std::collections::BTreeMap;

use domain::Timestamp;
use serde_json::{Value, json};

use super::filter::{Filter, matches, page};
use super::instance::Usage;
use super::services::unknown_json;
use super::world::Desk;
use super::{ApiError, Done};
use crate::wire::{Fields, Node, Part};

const DAY: i64 = 86_400;
const SERVICE: &str = "Amazon Elastic Compute Cloud - Compute";

impl Desk<'_> {
    /// DescribeCapacityReservations: none can be made here, so there are none.
    pub(crate) fn describe_reservations(&mut self, params: &Part<'_>) -> Done<Node> {
        self.allow_any("ec2:DescribeCapacityReservations")?;
        if let Some(id) = params.list("CapacityReservationId").first() {
            return Err(ApiError::no_such(super::Kind::Reservation, id));
        }
        let filters = Filter::read(params)?;
        const KNOWN: [&str; 8] = [
            "instance-type",
            "owner-id",
            "state",
            "availability-zone",
            "tenancy",
            "start-date",
            "end-date",
            "end-date-type",
        ];
        if let Some(filter) = filters.iter().find(|filter| !KNOWN.contains(&filter.name.as_str())) {
            return Err(ApiError::value(format!("The filter '{}' is invalid", filter.name)));
        }
        page(params, Vec::<Node>::new(), (1, 1000))?;
        self.ready(params)?;
        Ok(Fields::new().put("capacityReservationSet", Vec::new()).into())
    }

    /// GetMetricData of CloudWatch: what the scenario measured, one value for five minutes of running.
    pub(crate) fn cloudwatch(&mut self, action: &str, input: &Value) -> Done<Value> {
        if action != "GetMetricData" {
            return Err(unknown_json());
        }
        self.allow_any("cloudwatch:GetMetricData")?;
        let instant = |name: &str| {
            let value = &input[name];
            let seconds = value.as_f64().map(|seconds| seconds as i64);
            let found = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
            found.or_else(|| value.as_str().and_then(domain::parse_instant)).ok_or_else(|| {
                ApiError::new("MissingParameter", format!("The parameter {name} is required."))
            })
        };
        let (from, until) = (instant("StartTime")?, instant("EndTime")?);
        if from >= until {
            return Err(ApiError::new(
                "ValidationError",
                "The parameter StartTime must be less than the parameter EndTime.",
            ));
        }
        let mut results = Vec::new();
        for query in input["MetricDataQueries"].as_array().into_iter().flatten() {
            let stat = &query["MetricStat"];
            if stat.is_null() {
                return Err(ApiError::new("ValidationError", "Expressions are not served here"));
            }
            let name = stat["Metric"]["MetricName"].as_str().unwrap_or_default();
            let period = stat["Period"].as_i64().unwrap_or(300);
            let dimensions = stat["Metric"]["Dimensions"].as_array();
            let instance = dimensions.into_iter().flatten().find(|one| one["Name"] == "InstanceId");
            let id = instance.and_then(|one| one["Value"].as_str()).unwrap_or_default();
            let points = self.points(
                name,
                id,
                from,
                until.min(self.now),
                period,
                stat["Stat"].as_str().unwrap_or("Average"),
            )?;
            let (times, values): (Vec<i64>, Vec<f64>) = points.into_iter().rev().unzip();
            results.push(json!({
                "Id": query["Id"], "Label": query["Label"].as_str().unwrap_or(name),
                "Timestamps": times, "Values": values, "StatusCode": "Complete",
            }));
        }
        Ok(json!({ "MetricDataResults": results, "Messages": [] }))
    }

    fn points(
        &self,
        metric: &str,
        id: &str,
        from: Timestamp,
        until: Timestamp,
        period: i64,
        stat: &str,
    ) -> Done<Vec<(i64, f64)>> {
        if period < 60 || period % 60 != 0 {
            return Err(ApiError::new("ValidationError", "Period must be a multiple of 60"));
        }
        let Some(found) = self.here.instances.get(id) else { return Ok(Vec::new()) };
        let rule = self
            .rules
            .metrics
            .iter()
            .find(|rule| rule.metric == metric && matches(&rule.instance_type, &found.instance_type));
        let Some(rule) = rule.filter(|rule| !rule.values.is_empty()) else { return Ok(Vec::new()) };
        let mut slots: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
        for usage in self.usage.iter().filter(|usage| usage.instance == id) {
            let end = usage.until.unwrap_or(self.now).min(until).as_second();
            let begin = usage.from.as_second();
            for (number, at) in
                (begin..end).step_by(300).enumerate().filter(|(_, at)| *at >= from.as_second())
            {
                slots
                    .entry(at - at.rem_euclid(period))
                    .or_default()
                    .push(rule.values[number % rule.values.len()]);
            }
        }
        let fold = |values: &[f64]| -> Done<f64> {
            let sum: f64 = values.iter().sum();
            Ok(match stat {
                "Average" => sum / values.len() as f64,
                "Sum" => sum,
                "Maximum" => values.iter().copied().fold(f64::MIN, f64::max),
                "Minimum" => values.iter().copied().fold(f64::MAX, f64::min),
                "SampleCount" => values.len() as f64,
                other => {
                    return Err(ApiError::new(
                        "ValidationError",
                        format!("The statistic {other} is not served here"),
                    ));
                }
            })
        };
        slots.into_iter().map(|(at, values)| Ok((at, fold(&values)?))).collect()
    }

    /// GetProducts of the price list: on-demand prices of Linux, shared tenancy.
    pub(crate) fn pricing(&mut self, action: &str, input: &Value) -> Done<Value> {
        self.allow_any(&format!("pricing:{action}"))?;
        if action == "DescribeServices" {
            let attributes = [
                "instanceType",
                "regionCode",
                "location",
                "operatingSystem",
                "tenancy",
                "preInstalledSw",
                "capacitystatus",
                "marketoption",
            ];
            return Ok(
                json!({ "FormatVersion": "aws_v1", "Services": [{ "ServiceCode": "AmazonEC2", "AttributeNames": attributes }] }),
            );
        }
        if action != "GetProducts" {
            return Err(unknown_json());
        }
        if input["ServiceCode"] != "AmazonEC2" {
            return Ok(json!({ "FormatVersion": "aws_v1", "PriceList": [] }));
        }
        let mut rows = Vec::new();
        for (region, prices) in &self.facts.prices {
            for (name, price) in prices {
                let product = self.product(region, name, &price.normalize().to_string());
                if fits(&product, &input["Filters"])? {
                    rows.push(Value::String(product.to_string()));
                }
            }
        }
        let from: usize = input["NextToken"].as_str().and_then(|token| token.parse().ok()).unwrap_or(0);
        let size = input["MaxResults"].as_u64().unwrap_or(100).clamp(1, 100) as usize;
        let mut answer = json!({ "FormatVersion": "aws_v1" });
        if from + size < rows.len() {
            answer["NextToken"] = Value::String((from + size).to_string());
        }
        answer["PriceList"] = rows.into_iter().skip(from).take(size).collect();
        Ok(answer)
    }

    fn product(&self, region: &str, name: &str, price: &str) -> Value {
        let kind = self.facts.types.get(name);
        let sku = super::ids::hex(&format!("{region}{name}").as_bytes()[..6.min(region.len())])
            .to_ascii_uppercase()
            + &name.replace(['.', '-'], "").to_ascii_uppercase();
        let location = self.facts.regions.get(region).map_or(region, |fact| &fact.name);
        let term = format!("{sku}.JRTCKXETXF");
        let rate = format!("{term}.6YS6EN2CT7");
        json!({
            "product": {
                "productFamily": "Compute Instance", "sku": sku,
                "attributes": {
                    "servicecode": "AmazonEC2", "servicename": "Amazon Elastic Compute Cloud", "instanceType": name,
                    "vcpu": kind.map_or(0, |kind| kind.vcpus).to_string(),
                    "memory": format!("{} GiB", kind.map_or(0.0, |kind| domain::gib(kind.memory_mib))),
                    "location": location, "locationType": "AWS Region", "regionCode": region, "operatingSystem": "Linux",
                    "tenancy": "Shared", "preInstalledSw": "NA", "capacitystatus": "Used", "marketoption": "OnDemand",
                    "licenseModel": "No License required", "operation": "RunInstances", "usagetype": format!("BoxUsage:{name}"),
                },
            },
            "serviceCode": "AmazonEC2",
            "terms": { "OnDemand": { term.clone(): {
                "sku": sku, "offerTermCode": "JRTCKXETXF", "effectiveDate": "2026-01-01T00:00:00Z", "termAttributes": {},
                "priceDimensions": { rate.clone(): {
                    "rateCode": rate, "unit": "Hrs", "beginRange": "0", "endRange": "Inf", "appliesTo": [],
                    "description": format!("${price} per On Demand Linux {name} Instance Hour"),
                    "pricePerUnit": { "USD": price },
                } },
            } } },
            "version": "sandbox", "publicationDate": "2026-01-01T00:00:00Z",
        })
    }

    /// GetCostAndUsage of Cost Explorer: what ran here, at the price that it had when it was started.
    pub(crate) fn cost_explorer(&mut self, action: &str, input: &Value) -> Done<Value> {
        if action != "GetCostAndUsage" {
            return Err(unknown_json());
        }
        self.allow_any("ce:GetCostAndUsage")?;
        let invalid = |why: &str| ApiError::new("ValidationException", why);
        let date = |name: &str| {
            let text = input["TimePeriod"][name].as_str().unwrap_or_default();
            domain::parse_instant(text)
                .map(|at| at.as_second())
                .ok_or_else(|| invalid("Start and end dates must be yyyy-MM-dd"))
        };
        let (from, until) = (date("Start")?, date("End")?);
        if from >= until {
            return Err(invalid("Start date (and hour) should be before end date (and hour)"));
        }
        if !input["Filter"].is_null() {
            return Err(invalid("The sandbox serves no Filter: leave it out"));
        }
        let spans = periods(from, until, input["Granularity"].as_str().unwrap_or_default())
            .ok_or_else(|| invalid("Granularity must be DAILY or MONTHLY, or HOURLY"))?;
        let metrics: Vec<&str> =
            input["Metrics"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if metrics.is_empty() {
            return Err(invalid("Metrics must not be empty"));
        }
        let mut groups = Vec::new();
        for group in input["GroupBy"].as_array().into_iter().flatten() {
            let key = group["Key"].as_str().unwrap_or_default();
            if group["Type"] != "DIMENSION"
                || !["SERVICE", "REGION", "INSTANCE_TYPE", "LINKED_ACCOUNT", "PURCHASE_TYPE", "USAGE_TYPE"]
                    .contains(&key)
            {
                return Err(invalid(
                    "The sandbox groups by SERVICE, REGION, INSTANCE_TYPE, LINKED_ACCOUNT, PURCHASE_TYPE and USAGE_TYPE",
                ));
            }
            groups.push(key);
        }
        let mut by_time = Vec::new();
        for (begin, end) in spans {
            let mut sums: BTreeMap<Vec<String>, (f64, f64)> = BTreeMap::new();
            for usage in self.usage.iter() {
                let to = usage.until.unwrap_or(self.now).as_second().min(end);
                let hours = (to - usage.from.as_second().max(begin)) as f64 / 3600.0;
                if hours > 0.0 {
                    let sum = sums.entry(self.keys_of(usage, &groups)).or_default();
                    *sum = (sum.0 + hours, sum.1 + hours * usage.rate);
                }
            }
            let amounts = |(hours, cost): (f64, f64)| -> Value {
                let one = |name: &&str| {
                    let (amount, unit) =
                        if *name == "UsageQuantity" { (hours, "Hrs") } else { (cost, "USD") };
                    (name.to_string(), json!({ "Amount": format!("{amount:.10}"), "Unit": unit }))
                };
                Value::Object(metrics.iter().map(one).collect())
            };
            let total = sums.values().fold((0.0, 0.0), |all, one| (all.0 + one.0, all.1 + one.1));
            let rows: Vec<Value> = sums
                .into_iter()
                .map(|(keys, sum)| json!({ "Keys": keys, "Metrics": amounts(sum) }))
                .collect();
            let grouped = !groups.is_empty();
            by_time.push(json!({
                "TimePeriod": { "Start": day(begin), "End": day(end) },
                "Total": if grouped { json!({}) } else { amounts(total) },
                "Groups": if grouped { rows } else { Vec::new() },
                "Estimated": end > self.now.as_second(),
            }));
        }
        Ok(
            json!({ "ResultsByTime": by_time, "DimensionValueAttributes": [], "GroupDefinitions": input["GroupBy"].as_array().cloned().unwrap_or_default() }),
        )
    }

    fn keys_of(&self, usage: &Usage, groups: &[&str]) -> Vec<String> {
        let key = |group: &&str| match *group {
            "SERVICE" => SERVICE.to_string(),
            "REGION" => usage.region.clone(),
            "INSTANCE_TYPE" => usage.instance_type.clone(),
            "LINKED_ACCOUNT" => self.account.to_string(),
            "PURCHASE_TYPE" => if usage.spot { "Spot Instances" } else { "On Demand Instances" }.to_string(),
            _ => format!("{}:{}", if usage.spot { "SpotUsage" } else { "BoxUsage" }, usage.instance_type),
        };
        groups.iter().map(key).collect()
    }

    /// LookupEvents of CloudTrail: the calls that changed something, or tried to, newest first.
    pub(crate) fn cloudtrail(&mut self, action: &str, input: &Value) -> Done<Value> {
        if action != "LookupEvents" {
            return Err(unknown_json());
        }
        self.allow_any("cloudtrail:LookupEvents")?;
        let attribute = input["LookupAttributes"].as_array().and_then(|list| list.first());
        let instant = |name: &str| input[name].as_f64().map(|seconds| seconds as i64);
        let (from, until) =
            (instant("StartTime").unwrap_or(i64::MIN), instant("EndTime").unwrap_or(i64::MAX));
        let found = self.trail.iter().rev().filter(|event| {
            let at = event.at.as_second();
            event.region == self.region
                && from <= at
                && at <= until
                && attribute.is_none_or(|one| {
                    let value = one["AttributeValue"].as_str().unwrap_or_default();
                    match one["AttributeKey"].as_str().unwrap_or_default() {
                        "EventName" => event.action == value,
                        "EventSource" => format!("{}.amazonaws.com", event.service) == value,
                        "EventId" => event.id == value,
                        "AccessKeyId" => event.access_key == value,
                        "Username" => event.who.rsplit('/').next() == Some(value),
                        "ReadOnly" => value == "false",
                        _ => false,
                    }
                })
        });
        let skip: usize = input["NextToken"].as_str().and_then(|token| token.parse().ok()).unwrap_or(0);
        let size = input["MaxResults"].as_u64().unwrap_or(50).clamp(1, 50) as usize;
        let all: Vec<Value> = found.map(|event| {
            let record = json!({
                "eventVersion": "1.08", "eventTime": event.at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
                "eventSource": format!("{}.amazonaws.com", event.service), "eventName": event.action, "awsRegion": event.region,
                "eventID": event.id, "requestID": event.id, "readOnly": false, "userIdentity": { "arn": event.who, "accountId": self.account },
                "errorCode": event.error,
            });
            json!({
                "EventId": event.id, "EventName": event.action, "ReadOnly": "false", "AccessKeyId": event.access_key,
                "EventTime": event.at.as_second(), "EventSource": format!("{}.amazonaws.com", event.service),
                "Username": event.who.rsplit('/').next(), "Resources": [], "CloudTrailEvent": record.to_string(),
            })
        }).collect();
        let mut answer = json!({});
        if skip + size < all.len() {
            answer["NextToken"] = Value::String((skip + size).to_string());
        }
        answer["Events"] = all.into_iter().skip(skip).take(size).collect();
        Ok(answer)
    }
}

fn fits(product: &Value, filters: &Value) -> Done<bool> {
    for filter in filters.as_array().into_iter().flatten() {
        if !["TERM_MATCH", "EQUALS"].contains(&filter["Type"].as_str().unwrap_or_default()) {
            return Err(ApiError::new(
                "InvalidParameterException",
                "The sandbox serves filters of the type TERM_MATCH and EQUALS",
            ));
        }
        let field = filter["Field"].as_str().unwrap_or_default();
        let has = match field {
            "productFamily" | "sku" => &product["product"][field],
            "ServiceCode" => &product["serviceCode"],
            _ => &product["product"]["attributes"][field],
        };
        if has
            .as_str()
            .is_none_or(|has| !has.eq_ignore_ascii_case(filter["Value"].as_str().unwrap_or_default()))
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The days, hours or months between two instants.
fn periods(from: i64, until: i64, granularity: &str) -> Option<Vec<(i64, i64)>> {
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

fn day(second: i64) -> String {
    Timestamp::from_second(second).map(|at| at.strftime("%Y-%m-%d").to_string()).unwrap_or_default()
}
