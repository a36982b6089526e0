//! The table of a planned launch, or of the instance that was read back.

use catalog::{Field, Page, Value, ValueType};
use console::Report;
use fleet::instance::InstanceView;
use fleet::launch::LaunchRecord;
use jiff::SignedDuration;
use lifecycle::tag::{self, BudgetIntent, ExpiryTag, OnExpiryTag};

use crate::delivery::DeliveredDaemon;
use crate::prices::HourlyPrice;

/// The columns of a table by default.
const COLUMNS: [&str; 8] = [
    "instance_id",
    "state",
    "instance_type",
    "region",
    "until",
    "on_expiry",
    "price_per_hour",
    "price_until_end",
];

/// Returns the report about a planned launch, or about the instance that was read back.
pub(crate) fn launch_report(
    launch: &LaunchRecord,
    seen: Option<&InstanceView>,
    price: Option<&HourlyPrice>,
    daemon: Option<&DeliveredDaemon>,
) -> Report {
    Report::plain(page(launch, seen, price, daemon)).default_columns(&COLUMNS)
}

fn page(
    launch: &LaunchRecord,
    seen: Option<&InstanceView>,
    price: Option<&HourlyPrice>,
    daemon: Option<&DeliveredDaemon>,
) -> Page {
    let request = &launch.request;
    let tag_value = |key: &str| match seen {
        Some(seen) => seen.tag(key),
        None => request.tags.get(key).map(String::as_str),
    };
    let until = tag_value(tag::EXPIRY).and_then(|value| match ExpiryTag::decode(value).ok()?.intent {
        BudgetIntent::Running(until) => Some(until),
        BudgetIntent::Paused(_) => None,
    });
    let cap = tag_value(tag::CAP).and_then(|value| tag::decode_cap(value).ok());
    let action =
        tag_value(tag::ON_EXPIRY).and_then(|value| Some(OnExpiryTag::decode(value).ok()?.action.verb()));
    let kind = seen.map_or(request.instance_type.as_str(), |seen| seen.instance_type.as_str());
    let zone = match seen {
        Some(seen) => seen.details.zone.as_deref(),
        None => request.zone.as_deref(),
    };
    let market = if request.spot.is_some() { "spot" } else { "on-demand" };
    let whole = until
        .zip(price)
        .map(|(until, price)| price.over(until.duration_since(launch.planned).max(SignedDuration::ZERO)));
    let texts = |texts: Vec<String>| Value::List(texts.into_iter().map(Value::Text).collect());
    let money = ValueType::Decimal(18, 10);
    let cells: Vec<(&str, ValueType, Value)> = vec![
        ("instance_id", ValueType::Text, seen.map(|seen| seen.id.as_str()).into()),
        ("state", ValueType::Text, seen.map(|seen| seen.state.word()).into()),
        ("instance_type", ValueType::Text, kind.into()),
        ("region", ValueType::Text, request.region.as_str().into()),
        ("until", ValueType::Timestamp, until.into()),
        ("cap", ValueType::Timestamp, cap.into()),
        ("on_expiry", ValueType::Text, action.into()),
        ("key", ValueType::Text, request.key.as_deref().into()),
        ("launch_id", ValueType::Text, launch.id.as_str().into()),
        ("image", ValueType::Text, request.image.as_str().into()),
        ("zone", ValueType::Text, zone.into()),
        ("market", ValueType::Text, market.into()),
        ("price_per_hour", money.clone(), price.map(|price| price.amount).into()),
        ("price_until_end", money, whole.into()),
        ("currency", ValueType::Text, price.map(|price| price.currency.as_str()).into()),
        ("price_observed_at", ValueType::Timestamp, price.map(|price| price.observed_at).into()),
        ("spawnd", ValueType::Text, daemon.map(|daemon| daemon.version.as_str()).into()),
        ("creates", ValueType::List(Box::new(ValueType::Text)), texts(request.resources())),
    ];
    let (fields, row) = cells.into_iter().map(|(name, ty, value)| (Field::new(name, ty), value)).unzip();
    Page { fields, rows: vec![row] }
}
