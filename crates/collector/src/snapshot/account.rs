//! What is asked of an account.

use std::collections::BTreeMap;

use catalog::ports::{Account, Asked, HEARTBEATS, Look, Outcome, Told};
use catalog::{Batch, Dataset, Kind, Scope};
use console::{Failure, Printer};
use domain::Timestamp;

use super::{PAID, Wanted, Work, costs, heartbeats, prices, source_failure, utilization};
use crate::Ports;

/// How long AWS keeps spot prices.
const KEPT: &str = "90d";

/// How far the first look at spot prices goes back.
const FIRST: &str = "7d";

/// Who a profile is.
pub(super) fn of_profile(work: &Work<'_>, profile: Option<&str>) -> Result<Account, Failure> {
    work.source.account(profile).map_err(|error| {
        let failure = source_failure(error);
        match profile {
            None => failure,
            Some(name) => Failure { message: format!("profile {name}: {}", failure.message), ..failure },
        }
    })
}

/// The regions that are asked about a dataset.
pub(super) fn regions(
    wanted: &Wanted,
    dataset: &Dataset,
    account: &Account,
    ports: &Ports<'_>,
) -> Vec<String> {
    match (&wanted.regions, dataset.name) {
        // An account's costs are one list for all regions.
        (_, "charge") => Vec::new(),
        // Any region tells of all of them.
        (_, "region_access") => account.enabled.first().cloned().into_iter().collect(),
        (Some(regions), _) => regions.clone(),
        (None, "price") if !wanted.all_regions => vec![ports.region.to_string()],
        (None, _) => account.enabled.clone(),
    }
}

pub(super) fn snapshot(
    work: &mut Work<'_>,
    wanted: &Wanted,
    profile: Option<&str>,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let account = of_profile(work, profile)?;
    for dataset in &wanted.of_accounts {
        let regions = regions(wanted, dataset, &account, ports);
        if PAID.contains(&dataset.name) && was_told(work, dataset, &account) {
            printer
                .note(&format!("{} of account {} was asked for already", dataset.name, account.account_id));
            continue;
        }
        match dataset.name {
            "charge" => costs::snapshot(work, wanted, &account, printer)?,
            "utilization" => utilization::snapshot(work, wanted, &account, &regions, printer)?,
            "price" => prices::snapshot(work, wanted, &account, &regions, printer)?,
            _ => snapshot_of(work, wanted, dataset, &account, &regions, printer)?,
        }
    }
    let by_region = wanted.of_accounts.iter().any(|dataset| dataset.name != "charge");
    if by_region && wanted.regions.is_none() && !account.disabled.is_empty() {
        printer.note(&format!(
            "account {} has not opted into {}: nothing is known of them",
            account.account_id,
            account.disabled.join(", ")
        ));
    }
    Ok(())
}

/// Whether something was told of an account in this run: two profiles of one account do not pay twice.
fn was_told(work: &Work<'_>, dataset: &Dataset, account: &Account) -> bool {
    let whose = |scope: &str| scope.split('/').next() == Some(account.account_id.as_str());
    let asked =
        |told: &Told| told.dataset == dataset && told.source != HEARTBEATS && told.outcome != Outcome::Failed;
    work.lines.iter().filter_map(|line| line.told.as_ref()).any(|told| asked(told) && whose(&told.scope))
}

fn snapshot_of(
    work: &mut Work<'_>,
    wanted: &Wanted,
    dataset: &'static Dataset,
    account: &Account,
    regions: &[String],
    printer: &mut Printer,
) -> Result<(), Failure> {
    let now = (work.clock)();
    let begin = |region: &String| wanted.since.unwrap_or_else(|| begin(work, dataset, region, now));
    let since: Vec<Timestamp> = regions.iter().map(begin).collect();
    let asked = match dataset.scope {
        Scope::Request => Asked::Capacity(&wanted.room),
        _ => Asked::All,
    };
    look(work, &Look { dataset, account, regions, since: &since, asked }, Before::default(), printer)
}

/// What was found out before a look.
#[derive(Default)]
pub(super) struct Before {
    /// What is told of scopes that are not looked at.
    pub(super) told: Vec<Told>,
    /// What could not be seen of those that are, by their names.
    pub(super) gaps: BTreeMap<String, Vec<String>>,
}

/// Looks, and makes what was seen visible.
pub(super) fn look(
    work: &mut Work<'_>,
    look: &Look<'_>,
    mut before: Before,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let started = (work.clock)();
    let dataset = look.dataset;
    let progress = printer.progress(&format!("{} in {} regions", dataset.name, look.regions.len()));
    let mut seen: BTreeMap<(&str, String), Vec<Batch>> = BTreeMap::new();
    let told = work.source.look(look, work.stop, &mut |dataset, scope, batch| {
        seen.entry((dataset.name, scope.to_string())).or_default().push(batch);
        Ok(())
    });
    drop(progress);
    let mut told: Vec<Told> = told.map_err(source_failure)?;
    let mut batches = Vec::new();
    // Each scope that has rows is told of.
    for told in &mut told {
        told.gaps.extend(before.gaps.remove(&told.scope).unwrap_or_default());
        let Some(mut rows) = seen.remove(&(told.dataset.name, told.scope.clone())) else { continue };
        if told.source == HEARTBEATS {
            let earlier = work.state.said(told.dataset.name, &told.scope, HEARTBEATS).cloned();
            heartbeats::settle(told, &mut rows, earlier.as_ref());
        } else {
            work.state.settle(told, &mut rows);
        }
        batches.extend(rows.into_iter().map(|batch| (told.dataset, batch)));
    }
    told.extend(before.told);
    let name = match dataset.scope {
        Scope::Account | Scope::AccountRegion | Scope::Request => {
            format!("{}-{}", look.account.account_id, work.stamp(started))
        }
        Scope::All | Scope::Region | Scope::Bill => work.stamp(started),
    };
    work.land_all(dataset, &name, batches, told, started, printer)
}

/// AWS's time: days and hours end by its clock.
pub(super) fn aws_time(account: &Account, here: Timestamp) -> Timestamp {
    Timestamp::from_second(here.as_second() - account.ahead).unwrap_or(here)
}

/// From when a region's history is asked for: an hour before the end of what is known, because AWS may list a
/// change late.
fn begin(work: &Work<'_>, dataset: &Dataset, region: &str, now: Timestamp) -> Timestamp {
    if dataset.kind != Kind::Changes {
        return now;
    }
    let oldest = domain::before(now, KEPT).unwrap_or(now);
    let known = work.state.known_until(dataset.name, region).and_then(|until| domain::before(until, "1h"));
    known.or(domain::before(now, FIRST)).unwrap_or(now).clamp(oldest, now)
}
