//! Bills in memory, for the tests of the commands about costs.

use std::path::PathBuf;

use analysis::Day;
use catalog::rows::{CollectionRunRow, CostStatementRow, DailyCostRow, KnownEndRow, NewestUsageRow};
use catalog::testing::MemoryAsk;
use catalog::{Field, Page, QuestionRow, Value, ValueType};
use console::{CommonFlags, Settings, SettingsSources};
use domain::Timestamp;

use crate::cost_days::{day_of, day_text, month_text, read_day};

/// A row of `cost/daily-leaves`, of the payer 111122223333 in USD unless changed.
#[derive(Debug, Clone)]
pub(crate) struct SampleCharge {
    pub(crate) day: Day,
    pub(crate) cost: Option<String>,
    pub(crate) category: &'static str,
    pub(crate) service: &'static str,
    pub(crate) tag: Option<&'static str>,
    pub(crate) currency: &'static str,
    pub(crate) payer: &'static str,
    pub(crate) account: &'static str,
}

/// Returns a charge for usage of a service.
pub(crate) fn usage(day: &str, service: &'static str, cost: &str) -> SampleCharge {
    SampleCharge {
        day: read_day(day).unwrap(),
        cost: Some(cost.to_string()),
        category: "Usage",
        service,
        tag: None,
        currency: "USD",
        payer: "111122223333",
        account: "111122223333",
    }
}

impl SampleCharge {
    fn row(&self) -> Vec<Value> {
        vec![
            Value::Date(self.day.0),
            self.payer.into(),
            self.currency.into(),
            self.category.into(),
            Value::Null,
            self.account.into(),
            self.service.into(),
            "us-east-1".into(),
            Value::Null,
            Value::Null,
            self.tag.into(),
            self.cost.as_ref().map(|cost| cost.parse::<domain::Decimal>().unwrap()).into(),
            1.into(),
        ]
    }
}

/// Returns a warehouse with these charges and statements: (payer, period, time, whether valid). A
/// payer such as 111122223333/444455556666 stands for the report of the linked account.
pub(crate) fn warehouse(
    charges: &[SampleCharge],
    statements: &[(&'static str, &'static str, &'static str, bool)],
) -> MemoryAsk {
    let mut charges = charges.to_vec();
    charges
        .sort_by_key(|charge| (charge.payer, charge.currency, charge.service, charge.category, charge.day));
    let statements: Vec<Vec<Value>> = statements
        .iter()
        .map(|(payer, period, time, is_valid)| {
            let time: Timestamp = domain::parse_instant(time).unwrap();
            let (payer, linked) = payer.split_once('/').unwrap_or((payer, ""));
            let linked: Vec<String> = linked.split_terminator('+').map(String::from).collect();
            vec![payer.into(), (*period).into(), time.into(), (*is_valid).into(), linked.into()]
        })
        .collect();
    let known = statements.clone();
    let is_usage = |charge: &&SampleCharge| charge.category == "Usage";
    let newest = charges.iter().filter(is_usage).map(|charge| charge.day).max();
    let newest = newest.map(|day| domain::parse_instant(&day_text(day)).unwrap());
    let newest = vec![newest.into(), Value::List(Vec::new()), Value::List(Vec::new())];
    let daily = move |values: &[(String, Value)]| {
        let month = values.iter().find(|(name, _)| name == "month").map(|(_, month)| month.clone());
        let wanted = |charge: &&SampleCharge| {
            month == Some("all".into()) || month == Some(month_text(charge.day).into())
        };
        Page {
            fields: DailyCostRow::fields(),
            rows: charges.iter().filter(wanted).map(SampleCharge::row).collect(),
        }
    };
    MemoryAsk::default()
        .answer("cost/statements", move |values| {
            let as_of = values.iter().find(|(name, _)| name == "as_of").map(|(_, as_of)| as_of.clone());
            let Some(Value::Timestamp(as_of)) = as_of else { panic!("the instant is bound") };
            let known = |row: &&Vec<Value>| matches!(row[2], Value::Timestamp(time) if time <= as_of);
            Page { fields: CostStatementRow::fields(), rows: known_rows(&statements, known) }
        })
        .answer("cost/daily-leaves", daily.clone())
        .answer("cost/daily", daily)
        .answer("cost/newest-usage", move |_| Page {
            fields: NewestUsageRow::fields(),
            rows: vec![newest.clone()],
        })
        .answer("cost/unused-commitments", |_| Page { fields: DailyCostRow::fields(), rows: Vec::new() })
        .answer("cost/known-ends", |_| Page { fields: KnownEndRow::fields(), rows: Vec::new() })
        .answer("cost/tag-keys", |_| Page {
            fields: vec![Field::new("tag_key", ValueType::Text)],
            rows: vec![vec!["Team".into()]],
        })
        .answer("data/runs", move |_| Page {
            fields: CollectionRunRow::fields(),
            rows: known.iter().map(|row| run(row)).collect(),
        })
}

fn known_rows(rows: &[Vec<Value>], known: impl Fn(&&Vec<Value>) -> bool) -> Vec<Vec<Value>> {
    rows.iter().filter(known).cloned().collect()
}

fn run(statement: &[Value]) -> Vec<Value> {
    let time = statement[2].clone();
    vec![
        "run".into(),
        "charge".into(),
        "*".into(),
        "bill.csv".into(),
        time.clone(),
        time,
        "complete".into(),
        1.into(),
        Value::List(Vec::new()),
    ]
}

/// Returns the settings of a user without files, with the configuration in `config`.
pub(crate) fn settings(config: &std::path::Path) -> Settings {
    let sources = SettingsSources { home: Some(PathBuf::from("/home/ann")), ..SettingsSources::default() };
    let mut settings = Settings::resolve(&CommonFlags::default(), &sources).unwrap();
    settings.config = config.to_path_buf();
    settings
}

/// Returns usage of one service on each day from `first` through `last`, of the same cost.
pub(crate) fn steady(first: &str, last: &str, service: &'static str, cost: &str) -> Vec<SampleCharge> {
    let (first, last) = (read_day(first).unwrap(), read_day(last).unwrap());
    (first.0..=last.0).map(|day| usage(&day_text(Day(day)), service, cost)).collect()
}

/// Returns the day of a text such as 2026-11-03.
pub(crate) fn day(text: &str) -> Day {
    day_of(domain::parse_instant(text).unwrap())
}
