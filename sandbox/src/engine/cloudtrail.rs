//! CloudTrail: the calls that changed something, including failed ones.

use serde_json::{Value, json};

use super::requests::unknown_json_action;
use crate::core::{ApiError, ApiResult, RegionView, TrailEvent};
use crate::wire::{JsonMembers, with_token};

impl RegionView<'_> {
    /// Serves LookupEvents; the newest event comes first.
    pub(crate) fn cloudtrail(&mut self, action: &str, input: &JsonMembers<'_>) -> ApiResult<Value> {
        if action != "LookupEvents" {
            return Err(unknown_json_action());
        }
        self.allow_any("cloudtrail:LookupEvents")?;
        let attributes = input.list("LookupAttributes")?;
        if attributes.len() > 1 {
            return Err(ApiError::new(
                "InvalidLookupAttributesException",
                "You can specify only one lookup attribute",
            ));
        }
        let wanted = match attributes.first() {
            Some(one) => Some((one.need("AttributeKey")?, one.need("AttributeValue")?)),
            None => None,
        };
        let (from, until) = (input.instant("StartTime")?, input.instant("EndTime")?);
        let found = self.trail.iter().rev().filter(|event| {
            event.region == self.region
                && from.is_none_or(|from| from <= event.at)
                && until.is_none_or(|until| event.at <= until)
                && wanted.is_none_or(|(key, value)| event_has(event, key, value))
        });
        let all: Vec<Value> = found.map(|event| self.event_node(event)).collect();
        let refusals = ("InvalidMaxResultsException", "InvalidNextTokenException");
        let (rows, next) = self.json_page(input, all, "NextToken", 50, refusals)?;
        Ok(with_token(json!({ "Events": rows }), "NextToken", next))
    }

    fn event_node(&self, event: &TrailEvent) -> Value {
        let source = format!("{}.amazonaws.com", event.service);
        let record = json!({
            "eventVersion": "1.08", "eventTime": event.at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "eventSource": source, "eventName": event.action, "awsRegion": event.region,
            "eventID": event.id, "requestID": event.id, "readOnly": false,
            "userIdentity": { "arn": event.who, "accountId": self.account }, "errorCode": event.error,
        });
        json!({
            "EventId": event.id, "EventName": event.action, "ReadOnly": "false", "AccessKeyId": event.access_key,
            "EventTime": event.at.as_second(), "EventSource": source,
            "Username": event.who.rsplit('/').next(), "Resources": [], "CloudTrailEvent": record.to_string(),
        })
    }
}

fn event_has(event: &TrailEvent, key: &str, value: &str) -> bool {
    match key {
        "EventName" => event.action == value,
        "EventSource" => format!("{}.amazonaws.com", event.service) == value,
        "EventId" => event.id == value,
        "AccessKeyId" => event.access_key == value,
        "Username" => event.who.rsplit('/').next() == Some(value),
        "ReadOnly" => value == "false",
        _ => false,
    }
}
