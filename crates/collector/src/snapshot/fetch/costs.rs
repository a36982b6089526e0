//! Costs per day from Cost Explorer. Its answers are parsed like the output of the aws CLI.

use std::collections::BTreeMap;

use catalog::ports::{
    AwsDocument, CostGroup, DocumentSummary, Gap, ProfileAccount, ScopeOutcome, ScopeReport,
};
use catalog::{Dataset, RowBatch, SourceHistory, built_in_dataset};
use console::{Failure, Printer};
use domain::Timestamp;
use feeds::{Completeness, FeedContext, FeedKind, FeedReport};

use super::access::{SourceAccess, aws_time, source_failure};
use crate::snapshot::known_reports::KnownReports;
use crate::snapshot::plan::SnapshotPlan;
use crate::snapshot::record::FetchedRun;
use crate::snapshot::spending::SpendingLimit;

const CHARGE: &Dataset = built_in_dataset("charge");

const HISTORY: SourceHistory = CHARGE.origin.history.expect("the source of costs keeps a history");

/// Days for which costs arrive late: a day is requested again until this many days after it.
const LATE: i32 = 3;

/// Fetches the costs of the days that are not settled. The number of pages of an answer is not
/// known in advance, so the maximum cost is that of all allowed requests.
pub(crate) fn fetch(
    access: &SourceAccess<'_>,
    known: &KnownReports,
    plan: &SnapshotPlan,
    account: &ProfileAccount,
    spending: &mut SpendingLimit<'_>,
    printer: &mut Printer,
) -> Result<FetchedRun, Failure> {
    let started = access.now();
    let source = format!("AWS ce:GetCostAndUsage by {}", spell_grouping(&plan.by));
    let days = days_to_request(known, plan.since, account, &source, started);
    let (from, until) = (day_name(days.start), day_name(days.end));
    spending.announce(
        &format!(
            "charge of {} from {from}, one request to Cost Explorer ($0.01) and one per further page, up to {},",
            account.account_id, plan.requests
        ),
        CHARGE.origin.cost.of(u64::from(plan.requests)),
        printer,
    )?;
    let mut seen: BTreeMap<String, CostDayReport> = BTreeMap::new();
    let progress = printer.progress("costs");
    let document = AwsDocument::Costs { from: &from, until: &until, by: &plan.by, most: plan.requests };
    let delivered = access.source.document(account, &document, access.stop, &mut |answer| {
        let (spoken, batches) = read(&answer, account, &source, started)?;
        seen.insert(spoken.scope.clone(), (spoken, batches));
        Ok(())
    });
    drop(progress);
    let delivered = delivered.map_err(source_failure)?;
    let spent = CHARGE.origin.cost.of(u64::from(delivered.requests));
    printer.note(&format!("made {} requests to Cost Explorer, ${spent}", delivered.requests));
    let (mut told, mut batches) = (Vec::new(), Vec::new());
    for day in days {
        let found = seen.remove(&scope(account, day));
        let (one, rows) = day_report(known, account, day, &source, found, &delivered, started);
        told.push(one);
        batches.extend(rows);
    }
    Ok(FetchedRun::new(CHARGE, Some(&account.account_id), batches, told, started))
}

/// A day's report and its rows.
type CostDayReport = (FeedReport, Vec<RowBatch>);

/// Returns the report of a day, and its rows if they are new.
fn day_report(
    known: &KnownReports,
    account: &ProfileAccount,
    day: i32,
    source: &str,
    found: Option<CostDayReport>,
    delivered: &DocumentSummary,
    started: Timestamp,
) -> (ScopeReport, Vec<RowBatch>) {
    let observed_at = delivered.date.unwrap_or(started);
    let mut told = ScopeReport {
        dataset: CHARGE,
        scope: scope(account, day),
        source: source.into(),
        version: None,
        observed_from: first_instant(day).unwrap_or(observed_at),
        observed_at,
        outcome: ScopeOutcome::Failed,
        rows: 0,
        gaps: delivered.gaps.clone(),
    };
    let Some((spoken, mut rows)) = found else {
        let why = Gap::from("ce:GetCostAndUsage returned nothing for that day");
        told.gaps.push(delivered.ended.clone().unwrap_or(why));
        return (told, Vec::new());
    };
    told.outcome = if spoken.rows == 0 { ScopeOutcome::Empty } else { ScopeOutcome::Complete };
    (told.rows, told.version) = (spoken.rows, spoken.version);
    told.gaps.extend(spoken.gaps.into_iter().map(Gap::from));
    known.drop_unchanged(&mut told, &mut rows);
    (told, rows)
}

/// Parses the answer for one day.
fn read(
    answer: &str,
    account: &ProfileAccount,
    source: &str,
    now: Timestamp,
) -> Result<CostDayReport, String> {
    let context = FeedContext {
        source,
        modified: None,
        now,
        whole: Completeness::Yes,
        in_force: None,
        account: Some(&account.account_id),
    };
    let mut batches = Vec::new();
    let spoken = feeds::read(FeedKind::CostExplorer, &mut answer.as_bytes(), &context, &mut |batch| {
        batches.push(batch);
        Ok(())
    });
    let mut spoken = spoken.map_err(|error| format!("an answer of ce:GetCostAndUsage: {error}"))?;
    match (spoken.pop(), spoken.is_empty()) {
        (Some(day), true) => Ok((day, batches)),
        _ => Err("an answer of ce:GetCostAndUsage is not about one day".into()),
    }
}

fn spell_grouping(by: &[CostGroup]) -> String {
    let one = |group: &CostGroup| match group {
        CostGroup::Dimension(name) => name.to_string(),
        CostGroup::Tag(key) => format!("tag {key}"),
    };
    by.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Returns the days to request, numbered since 1970: from the first unsettled day to today.
fn days_to_request(
    reports: &KnownReports,
    since: Option<Timestamp>,
    account: &ProfileAccount,
    source: &str,
    now: Timestamp,
) -> std::ops::Range<i32> {
    let today = day_number(aws_time(account, now));
    let prefix = format!("{}/", account.account_id);
    let known: BTreeMap<i32, bool> = reports
        .scopes("charge")
        .into_iter()
        .filter(|told| told.source == source)
        .filter_map(|told| {
            let day = day_number(domain::parse_instant(told.scope.strip_prefix(&prefix)?)?);
            let estimated = told.version.as_deref().is_some_and(|version| version.starts_with("estimated"));
            Some((day, !estimated && day_number(told.observed_at) > day + LATE))
        })
        .collect();
    let first = match since {
        Some(since) => day_number(since),
        None => unsettled(&known, today),
    };
    first.min(today)..today + 1
}

/// Returns the first day that is not settled. `known` states for each known day whether it is
/// settled.
fn unsettled(known: &BTreeMap<i32, bool>, today: i32) -> i32 {
    let Some(first) = known.keys().next() else { return today - HISTORY.first_days + 1 };
    let mut days = (*first).max(today - HISTORY.kept_days)..today;
    days.find(|day| known.get(day) != Some(&true)).unwrap_or(today)
}

/// Returns the day of an instant, numbered since 1970.
fn day_number(at: Timestamp) -> i32 {
    at.as_second().div_euclid(86_400) as i32
}

/// Spells a day, such as `2026-11-03`.
fn day_name(day: i32) -> String {
    domain::day(day).map(|day| day.to_string()).unwrap_or_default()
}

fn first_instant(day: i32) -> Option<Timestamp> {
    Timestamp::from_second(i64::from(day) * 86_400).ok()
}

fn scope(account: &ProfileAccount, day: i32) -> String {
    format!("{}/{}", account.account_id, day_name(day))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_unsettled_days_again() {
        let check = |known: &[(i32, bool)], expected: i32| {
            assert_eq!(unsettled(&known.iter().copied().collect(), 1000), expected, "{known:?}");
        };
        check(&[], 970);
        check(&[(998, true), (999, true), (1000, false)], 1000);
        check(&[(997, true), (998, false), (999, true)], 998);
        // A day that could not be read between known ones, and days after the last known one.
        check(&[(990, true), (992, true)], 991);
        check(&[(990, true)], 991);
        // Days that AWS no longer keeps are not requested.
        check(&[(100, false), (101, false)], 1000 - HISTORY.kept_days);
    }

    #[test]
    fn spells_days_as_dates() {
        let at: Timestamp = "2026-11-03T23:59:59Z".parse().unwrap();
        assert_eq!(day_name(day_number(at)), "2026-11-03");
        assert_eq!(first_instant(day_number(at)).unwrap().to_string(), "2026-11-03T00:00:00Z");
    }
}
