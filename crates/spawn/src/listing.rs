//! The facts about an instance that `spawn list` and `spawn status` print, as columns.

use catalog::rows::OnDemandPriceRow;
use catalog::{Field, Page, Value, ValueType};
use console::{Align, Report, TableColumn, TableView};
use domain::{Decimal, Known, SignedDuration, Timestamp, format_span, later};
use fleet::bound::{LaunchIndex, LifeBound, bound, copy_end, paused_budget};
use fleet::cost::{LifeCost, life_cost, running_time_left};
use fleet::instance::{InstanceState, InstanceView};
use lifecycle::tag::{HEARTBEAT, HeartbeatTag, SEEN, SeenTag};

use crate::costs::OnDemandPrices;
use crate::open_ports::OpenPorts;

/// The sources of the facts that EC2's description of an instance does not have.
pub(crate) struct ListingSources<'a> {
    pub(crate) launches: LaunchIndex<'a>,
    pub(crate) prices: OnDemandPrices,
    pub(crate) open_ports: OpenPorts,
    pub(crate) now: Timestamp,
}

/// An instance with everything that is known about it.
pub(crate) struct ListedInstance<'a> {
    pub(crate) seen: &'a InstanceView,
    now: Timestamp,
    until: Option<Timestamp>,
    left: Option<String>,
    bound: String,
    /// The time left for people, with the reason why it is unknown or paused.
    life: String,
    price: Option<&'a OnDemandPriceRow>,
    cost: Option<LifeCost>,
    pub(crate) heartbeat: Option<HeartbeatTag>,
    daemon: Option<SeenTag>,
    open_ports: Option<Vec<String>>,
}

impl<'a> ListedInstance<'a> {
    pub(crate) fn new(seen: &'a InstanceView, sources: &'a ListingSources<'_>) -> ListedInstance<'a> {
        let now = sources.now;
        let copy = sources.launches.copy_reason(seen);
        let (until, left, bound) = match &copy {
            _ if seen.state.is_over() => (None, None, end_word(seen.state).to_string()),
            Some(why) => {
                let end = copy_end(seen);
                (end, end.map(|end| time_left(end, now)), format!("copy: {why}"))
            }
            None => bound_cells(seen, now),
        };
        let running = match &copy {
            _ if seen.state.is_over() => Some(SignedDuration::ZERO),
            Some(_) => until.map(|end| end.duration_since(now).max(SignedDuration::ZERO)),
            None => running_time_left(seen, now),
        };
        let price = sources.prices.of(seen);
        let life = describe_life(seen, copy.is_some(), left.as_deref(), &bound);
        ListedInstance {
            seen,
            now,
            until,
            left,
            bound,
            life,
            price,
            cost: price.and_then(|price| life_cost(seen, price.price_per_hour, running, now)),
            heartbeat: heartbeat(seen),
            daemon: seen.tag(SEEN).and_then(|value| SeenTag::decode(value).ok()),
            open_ports: sources.open_ports.of(seen),
        }
    }

    /// Returns the state for people, with the signs that the instance is idle or has no spawnd.
    fn state_cell(&self) -> String {
        let mut words = vec![self.seen.state.word().to_string()];
        if self.seen.state != InstanceState::Running {
            return words.remove(0);
        }
        if let Some(since) = self.idle_since() {
            words.push(format!("idle {}", whole_minutes(self.now.duration_since(since))));
        }
        match &self.daemon {
            None => words.push("no spawnd".to_string()),
            Some(daemon) if self.is_before_start(daemon.at) => words.push("no spawnd yet".to_string()),
            Some(_) => {}
        }
        words.join(", ")
    }

    fn idle_since(&self) -> Option<Timestamp> {
        self.heartbeat.as_ref().filter(|_| self.seen.state.runs())?.idle_since
    }

    fn is_before_start(&self, at: Timestamp) -> bool {
        self.seen.launched.value().is_some_and(|started| at < *started)
    }

    /// Returns the cost so far, and the one when the bound is reached. A cost that leaves something
    /// out is a lower bound.
    fn cost_cell(&self) -> String {
        let (Some(cost), Some(price)) = (&self.cost, self.price) else { return "-".to_string() };
        let least = if cost.is_complete { "" } else { "≥ " };
        let end = cost.at_bound.map_or("?".to_string(), |end| money(end, &price.currency));
        format!("{least}{} → {end}", money(cost.so_far, &price.currency))
    }

    fn ports_cell(&self) -> String {
        match &self.open_ports {
            None => "-".to_string(),
            Some(ports) if ports.is_empty() => "none".to_string(),
            Some(ports) => ports.join(", "),
        }
    }

    /// Returns the known facts for people, as pairs of a fact and its value.
    pub(crate) fn facts(&self) -> Vec<(&'static str, String)> {
        let (seen, details) = (self.seen, &self.seen.details);
        let ago = |at: Timestamp| format!("{} ago", whole_minutes(self.now.duration_since(at)));
        let known = |text: &Option<String>| text.clone().unwrap_or_default();
        let until = self.until.map(|until| format!(", until {until:.0}")).unwrap_or_default();
        let addresses = [&details.public_address, &details.private_address, &details.ipv6_address];
        let price =
            self.price.map(|row| format!("{} {} per hour", row.price_per_hour.normalize(), row.currency));
        let facts = [
            ("Instance", seen.id.clone()),
            ("Name", seen.name().unwrap_or_default().to_string()),
            ("Type", format!("{}, {}", seen.instance_type, self.market())),
            ("Place", details.zone.clone().unwrap_or(seen.region.clone())),
            ("State", self.state_cell()),
            ("Reason", known(&seen.reason)),
            ("Time left", format!("{}{until}", self.life)),
            ("Bound", self.bound.clone()),
            ("Owner", seen.owner().unwrap_or_default().to_string()),
            ("Started", seen.launched.value().map(|at| ago(*at)).unwrap_or_default()),
            ("spawnd", self.daemon.as_ref().map(|daemon| daemon.version.clone()).unwrap_or_default()),
            ("Heartbeat", self.heartbeat.as_ref().map(|beat| ago(beat.at)).unwrap_or_default()),
            ("Price", price.unwrap_or_default()),
            ("Cost (so far → at the bound)", self.cost_cell()),
            ("Ports open to the world", self.ports_cell()),
            ("Addresses", addresses.into_iter().flatten().cloned().collect::<Vec<_>>().join(", ")),
            ("Key pair", known(&details.key_name)),
            ("Image", known(&details.image)),
        ];
        facts.into_iter().filter(|(_, value)| !value.is_empty()).collect()
    }

    fn market(&self) -> &'static str {
        if self.seen.spot.is_some() { "spot" } else { "on-demand" }
    }

    fn value(&self, column: &str) -> Value {
        let (seen, price, details) = (self.seen, self.price, &self.seen.details);
        let launched = seen.launched.value().copied();
        let text = |text: &Option<String>| text.as_deref().into();
        match column {
            "instance_id" => seen.id.as_str().into(),
            "name" => seen.tag(fleet::instance::NAME_TAG).into(),
            "instance_type" => seen.instance_type.as_str().into(),
            "region" => seen.region.as_str().into(),
            "state" => seen.state.word().into(),
            "owner" => seen.owner().into(),
            "launched_at" => launched.into(),
            "age" => launched.map(|at| whole_minutes(self.now.duration_since(at))).into(),
            "until" => self.until.into(),
            "time_left" => self.left.clone().into(),
            "bound" => self.bound.as_str().into(),
            "reason" => text(&seen.reason),
            "idle_since" => self.idle_since().into(),
            "heartbeat_at" => self.heartbeat.as_ref().map(|beat| beat.at).into(),
            "spawnd" => self.daemon.as_ref().map(|daemon| daemon.version.clone()).into(),
            "price_per_hour" => price.map(|price| price.price_per_hour).into(),
            "currency" => price.map(|price| price.currency.clone()).into(),
            "cost_so_far" => self.cost.as_ref().map(|cost| cost.so_far).into(),
            "cost_at_bound" => self.cost.as_ref().and_then(|cost| cost.at_bound).into(),
            "cost_is_complete" => self.cost.as_ref().map(|cost| cost.is_complete).into(),
            "open_ports" => self.open_ports.clone().map_or(Value::Null, list),
            "zone" => text(&details.zone),
            "public_address" => text(&details.public_address),
            "private_address" => text(&details.private_address),
            "ipv6_address" => text(&details.ipv6_address),
            "key_name" => text(&details.key_name),
            "image" => text(&details.image),
            "market" => self.market().into(),
            _ => unreachable!("{column} is not a column of the list"),
        }
    }
}

/// The columns in their order. The first twelve are those of the first version.
const COLUMNS: &[(&str, ColumnKind)] = &[
    ("instance_id", ColumnKind::Text),
    ("name", ColumnKind::Text),
    ("instance_type", ColumnKind::Text),
    ("region", ColumnKind::Text),
    ("state", ColumnKind::Text),
    ("owner", ColumnKind::Text),
    ("launched_at", ColumnKind::Instant),
    ("age", ColumnKind::Text),
    ("until", ColumnKind::Instant),
    ("time_left", ColumnKind::Text),
    ("bound", ColumnKind::Text),
    ("reason", ColumnKind::Text),
    ("idle_since", ColumnKind::Instant),
    ("heartbeat_at", ColumnKind::Instant),
    ("spawnd", ColumnKind::Text),
    ("price_per_hour", ColumnKind::Money),
    ("currency", ColumnKind::Text),
    ("cost_so_far", ColumnKind::Money),
    ("cost_at_bound", ColumnKind::Money),
    ("cost_is_complete", ColumnKind::Flag),
    ("open_ports", ColumnKind::Texts),
    ("zone", ColumnKind::Text),
    ("public_address", ColumnKind::Text),
    ("private_address", ColumnKind::Text),
    ("ipv6_address", ColumnKind::Text),
    ("key_name", ColumnKind::Text),
    ("image", ColumnKind::Text),
    ("market", ColumnKind::Text),
];

/// The type of a column.
#[derive(Clone, Copy)]
enum ColumnKind {
    Text,
    Texts,
    Instant,
    Money,
    Flag,
}

impl ColumnKind {
    fn value_type(self) -> ValueType {
        match self {
            ColumnKind::Text => ValueType::Text,
            ColumnKind::Texts => ValueType::List(Box::new(ValueType::Text)),
            ColumnKind::Instant => ValueType::Timestamp,
            ColumnKind::Money => ValueType::Decimal(28, 10),
            ColumnKind::Flag => ValueType::Bool,
        }
    }
}

/// The state of the row of a region that could not be read.
const UNREAD: &str = "unread";

/// Returns the report: one row for each instance, and one for each region that could not be read,
/// with the reason.
pub(crate) fn list_report(listed: &[ListedInstance<'_>], gaps: &[(String, String)]) -> Report {
    let table = TableView {
        columns: table_columns(),
        rows: listed.iter().map(table_row).chain(gaps.iter().map(gap_table_row)).collect(),
        marked: Vec::new(),
    };
    let mut page = page(listed);
    page.rows.extend(gaps.iter().map(gap_row));
    Report { page, table: Some(table), ..Report::default() }
}

/// Returns one row with all columns for each instance.
pub(crate) fn page(listed: &[ListedInstance<'_>]) -> Page {
    let fields = COLUMNS.iter().map(|(name, kind)| Field::new(*name, kind.value_type())).collect();
    let row = |one: &ListedInstance<'_>| COLUMNS.iter().map(|(name, _)| one.value(name)).collect();
    Page { fields, rows: listed.iter().map(row).collect() }
}

fn gap_row((region, why): &(String, String)) -> Vec<Value> {
    let value = |name: &str| match name {
        "region" => region.as_str().into(),
        "state" => UNREAD.into(),
        "reason" => why.as_str().into(),
        _ => Value::Null,
    };
    COLUMNS.iter().map(|(name, _)| value(name)).collect()
}

/// Returns the columns of the table. Their cells are for people, and some have several facts.
fn table_columns() -> Vec<TableColumn> {
    let left = |name: &str| TableColumn::named(name, Align::Left);
    vec![
        left("name"),
        left("instance_id"),
        left("instance_type"),
        left("region"),
        left("state"),
        left("time_left"),
        left("cost_so_far").header("Cost (so far → at the bound)"),
        left("open_ports").header("Ports open to the world"),
    ]
}

fn table_row(one: &ListedInstance<'_>) -> Vec<String> {
    let seen = one.seen;
    vec![
        seen.name().unwrap_or("-").to_string(),
        seen.id.clone(),
        seen.instance_type.clone(),
        seen.region.clone(),
        one.state_cell(),
        one.life.clone(),
        one.cost_cell(),
        one.ports_cell(),
    ]
}

fn gap_table_row((region, why): &(String, String)) -> Vec<String> {
    let dash = || "-".to_string();
    let state = format!("{UNREAD}: {why}");
    vec![dash(), dash(), dash(), region.clone(), state, dash(), dash(), dash()]
}

fn list(texts: Vec<String>) -> Value {
    Value::List(texts.into_iter().map(Value::Text).collect())
}

/// Returns the last heartbeat of a running instance. One of an earlier start says nothing about
/// this one.
fn heartbeat(seen: &InstanceView) -> Option<HeartbeatTag> {
    let beat = HeartbeatTag::decode(seen.tag(HEARTBEAT)?).ok()?;
    let fresh = match &seen.launched {
        Known::Is(started) => beat.at >= *started,
        Known::Absent | Known::Unseen(_) => true,
    };
    fresh.then_some(beat)
}

/// Formats an amount of money, such as `$0.08` or `0.58 CNY`.
pub(crate) fn money(amount: Decimal, currency: &str) -> String {
    // Formatting alone cuts the digits off.
    let amount = amount.round_dp(2);
    if currency == "USD" { format!("${amount:.2}") } else { format!("{amount:.2} {currency}") }
}

/// Returns the time left for people.
fn describe_life(seen: &InstanceView, is_copy: bool, left: Option<&str>, bound: &str) -> String {
    let stopped = !seen.state.runs();
    match left {
        Some(left) if is_copy => format!("{left} (copy)"),
        Some(left) if stopped => format!("paused, {left} left"),
        Some(left) => left.to_string(),
        None if bound == PAUSED => "paused".to_string(),
        None => bound.to_string(),
    }
}

const PAUSED: &str = "paused while it is stopped";

/// Returns the word in place of the time left of an instance that ends for good.
fn end_word(state: InstanceState) -> &'static str {
    if state == InstanceState::Terminated { "ended" } else { "ending" }
}

/// Returns the deadline, the time left and the bound of an instance with its own tags.
fn bound_cells(seen: &InstanceView, now: Timestamp) -> (Option<Timestamp>, Option<String>, String) {
    match (bound(seen), paused_budget(seen)) {
        // Running time that is used up before the cap, if it is started again now.
        (LifeBound::At(cap, _), Some(budget)) if later(now, budget) < cap => {
            (None, Some(whole_minutes(budget)), PAUSED.to_string())
        }
        (LifeBound::At(at, tag), _) => (Some(at), Some(time_left(at, now)), tag.to_string()),
        (LifeBound::Paused(budget), _) => (None, budget.map(format_span), PAUSED.to_string()),
        (LifeBound::Restarted(_), _) => (None, None, "unknown (restarted without spawnd)".to_string()),
        (LifeBound::Unreadable(why), _) => (None, None, why),
        (LifeBound::None, _) => (None, None, "no tag bounds its life".to_string()),
    }
}

fn time_left(until: Timestamp, now: Timestamp) -> String {
    let left = until.duration_since(now);
    if left.is_negative() { format!("over for {}", whole_minutes(-left)) } else { whole_minutes(left) }
}

/// Formats a span, rounded down to the minute. A span below one minute keeps its seconds.
pub(crate) fn whole_minutes(span: SignedDuration) -> String {
    let seconds = span.as_secs();
    format_span(SignedDuration::from_secs(if seconds >= 60 { seconds - seconds % 60 } else { seconds }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_spans_down_to_the_minute() {
        let check = |seconds: i64, expected: &str| {
            assert_eq!(whole_minutes(SignedDuration::from_secs(seconds)), expected, "{seconds}");
        };
        check(59, "59s");
        check(60, "1m");
        check(3_719, "1h1m");
        check(0, "0s");
        check(-5, "0s");
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(time_left(now + SignedDuration::from_secs(119), now), "1m");
        assert_eq!(time_left(now - SignedDuration::from_secs(7_200), now), "over for 2h");
    }

    #[test]
    fn money_has_two_decimals_and_its_currency() {
        assert_eq!(money(Decimal::new(104, 4), "USD"), "$0.01");
        assert_eq!(money(Decimal::new(208, 3), "USD"), "$0.21");
        assert_eq!(money(Decimal::new(12_345, 1), "USD"), "$1234.50");
        assert_eq!(money(Decimal::new(58, 2), "CNY"), "0.58 CNY");
    }

    #[test]
    fn every_column_of_the_table_has_a_value() {
        let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
        for column in table_columns() {
            assert!(names.contains(&column.name.as_str()), "{}", column.name);
        }
    }
}
