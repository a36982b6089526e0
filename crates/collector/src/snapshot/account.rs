//! What is asked of an account.

use std::collections::BTreeMap;

use catalog::ports::{Account, Look, Told};
use catalog::{Batch, Dataset, Kind, Scope};
use console::{Failure, Printer};
use domain::Timestamp;

use super::{KEPT, Wanted, Work, source_failure};

/// How far the first look at spot prices goes back.
const FIRST: &str = "7d";

pub(super) fn snapshot(
    work: &mut Work<'_>,
    wanted: &Wanted,
    profile: Option<&str>,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let account = work.source.account(profile).map_err(|error| {
        let failure = source_failure(error);
        match profile {
            None => failure,
            Some(name) => Failure { message: format!("profile {name}: {}", failure.message), ..failure },
        }
    })?;
    let regions = wanted.regions.clone().unwrap_or_else(|| account.enabled.clone());
    for dataset in &wanted.of_accounts {
        look(work, dataset, &account, &regions, wanted.since, printer)?;
    }
    if wanted.regions.is_none() && !account.disabled.is_empty() {
        printer.note(&format!(
            "account {} has not opted into {}: nothing is known of them",
            account.account_id,
            account.disabled.join(", ")
        ));
    }
    Ok(())
}

fn look(
    work: &mut Work<'_>,
    dataset: &'static Dataset,
    account: &Account,
    regions: &[String],
    since: Option<Timestamp>,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let started = (work.clock)();
    let since: Vec<Timestamp> =
        regions.iter().map(|region| since.unwrap_or_else(|| begin(work, dataset, region, started))).collect();
    let look = Look { dataset, account, regions, since: &since };
    let progress = printer.progress(&format!("{} in {} regions", dataset.name, regions.len()));
    let mut seen: BTreeMap<String, Vec<Batch>> = BTreeMap::new();
    let told = work.source.look(&look, work.stop, &mut |scope, batch| {
        seen.entry(scope.to_string()).or_default().push(batch);
        Ok(())
    });
    drop(progress);
    let mut told: Vec<Told> = told.map_err(source_failure)?;
    for told in &mut told {
        if let Some(rows) = seen.get_mut(&told.scope) {
            work.state.settle(told, rows);
        }
    }
    let batches = seen.into_values().flatten().collect();
    let name = match dataset.scope {
        Scope::AccountRegion => format!("{}-{}", account.account_id, work.stamp(started)),
        Scope::All | Scope::Region | Scope::Bill => work.stamp(started),
    };
    work.land(dataset, &name, batches, told, started, printer)
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
