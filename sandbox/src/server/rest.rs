use serde_json::{Map, Value};

use super::message::WireRequest;
use crate::core::{ApiError, ApiResult};

/// Query names and the members that they set.
const QUERY: [(&str, &str); 7] = [
    ("MaxResults", "MaxResults"),
    ("NamePrefix", "NamePrefix"),
    ("NextToken", "NextToken"),
    ("ScheduleGroup", "GroupName"),
    ("State", "State"),
    ("clientToken", "ClientToken"),
    ("groupName", "GroupName"),
];

/// Returns the action of EventBridge Scheduler for a method and a path, and its members as JSON:
/// those of the body, the path and the query.
pub(super) fn decode_call(heard: &WireRequest) -> (String, ApiResult<String>) {
    let name = heard.path.strip_prefix("/schedules/");
    let action = match (heard.method.as_str(), name) {
        ("GET", None) if heard.path == "/schedules" => "ListSchedules",
        ("GET", Some(_)) => "GetSchedule",
        ("POST", Some(_)) => "CreateSchedule",
        ("PUT", Some(_)) => "UpdateSchedule",
        ("DELETE", Some(_)) => "DeleteSchedule",
        _ => "",
    };
    (action.to_string(), members(heard, name))
}

fn members(heard: &WireRequest, name: Option<&str>) -> ApiResult<String> {
    let bad = || ApiError::new("SerializationException", "The body is no JSON object");
    let body = if heard.body.is_empty() { b"{}" } else { heard.body.as_slice() };
    let mut all: Map<String, Value> = serde_json::from_slice(body).map_err(|_| bad())?;
    if let Some(name) = name {
        let plain = form_urlencoded::parse(format!("n={}", name.replace('+', "%2B")).as_bytes())
            .map(|(_, value)| value.into_owned())
            .next();
        all.insert("Name".to_string(), Value::String(plain.unwrap_or_default()));
    }
    for (key, value) in form_urlencoded::parse(heard.query.as_bytes()) {
        let member = QUERY.iter().find(|(known, _)| *known == key).map(|(_, member)| *member);
        // An unknown name is kept, so that it is refused as an unknown member.
        let member = member.map_or_else(|| key.to_string(), String::from);
        let number = value.parse::<i64>().ok().filter(|_| member == "MaxResults");
        all.insert(member, number.map_or_else(|| Value::String(value.into_owned()), Value::from));
    }
    Ok(Value::Object(all).to_string())
}
