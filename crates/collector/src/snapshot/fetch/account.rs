//! Fetches the datasets of one account, and records each.

use catalog::ports::ProfileAccount;
use catalog::{CollectionSource, Dataset, DatasetCost, DatasetScope};
use console::{Failure, Printer, suggest_closest};

use super::access::SourceAccess;
use super::{costs, prices, region_query, utilization};
use crate::snapshot::known_reports::KnownReports;
use crate::snapshot::plan::SnapshotPlan;
use crate::snapshot::record::{FetchedRun, SnapshotRecorder};
use crate::snapshot::spending::SpendingLimit;

/// Returns the regions that are queried for a dataset.
pub(crate) fn regions(
    plan: &SnapshotPlan,
    dataset: &Dataset,
    account: &ProfileAccount,
    own_region: &str,
) -> Vec<String> {
    match (&plan.regions, dataset.scope, dataset.origin.source) {
        // An account's costs are one list for all regions.
        (_, DatasetScope::Bill, _) => Vec::new(),
        // Any one region lists all of them.
        (_, DatasetScope::Account, _) => account.enabled.first().cloned().into_iter().collect(),
        (Some(regions), ..) => regions.clone(),
        (None, _, CollectionSource::PublicFile(_)) if !plan.all_regions => vec![own_region.to_string()],
        (None, ..) => account.enabled.clone(),
    }
}

/// Refuses a region that AWS does not list for the account, enabled or not. A request to it would
/// fail after many attempts with an error about credentials.
fn check_regions(asked: &[String], account: &ProfileAccount) -> Result<(), Failure> {
    let listed = || account.enabled.iter().chain(&account.disabled).map(String::as_str);
    match asked.iter().find(|region| listed().all(|known| known != *region)) {
        None => Ok(()),
        Some(region) => {
            let near = suggest_closest(region, listed());
            Err(Failure::usage(format!("--region: AWS lists no region \"{region}\"{near}"))
                .hint("truffle regions lists the regions"))
        }
    }
}

/// Collects the planned datasets of a profile's account.
pub(crate) fn collect(
    access: &SourceAccess<'_>,
    plan: &SnapshotPlan,
    profile: Option<&str>,
    own_region: &str,
    spending: &mut SpendingLimit<'_>,
    recorder: &mut SnapshotRecorder<'_>,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let account = access.account(profile)?;
    check_regions(plan.regions.as_deref().unwrap_or_default(), &account)?;
    for dataset in &plan.of_accounts {
        let regions = regions(plan, dataset, &account, own_region);
        if dataset.origin.cost != DatasetCost::Free && recorder.has_report_of(dataset, &account) {
            printer.note(&format!(
                "{} of account {} was already collected in this run",
                dataset.name, account.account_id
            ));
            continue;
        }
        let fetched = fetch(access, &recorder.known, plan, dataset, &account, &regions, spending, printer)?;
        recorder.record(fetched, printer)?;
    }
    let by_region = plan.of_accounts.iter().any(|dataset| dataset.scope != DatasetScope::Bill);
    if by_region && plan.regions.is_none() && !account.disabled.is_empty() {
        printer.note(&format!(
            "account {} has not opted into {}: no data of these regions",
            account.account_id,
            account.disabled.join(", ")
        ));
    }
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "each way of fetching needs other ones of them")]
fn fetch(
    access: &SourceAccess<'_>,
    known: &KnownReports,
    plan: &SnapshotPlan,
    dataset: &'static Dataset,
    account: &ProfileAccount,
    regions: &[String],
    spending: &mut SpendingLimit<'_>,
    printer: &mut Printer,
) -> Result<FetchedRun, Failure> {
    match (dataset.origin.source, dataset.scope) {
        (CollectionSource::PublicFile(_), _) => {
            prices::fetch(access, known, &plan.capacity.types, account, regions, printer)
        }
        (_, DatasetScope::Bill) => costs::fetch(access, known, plan, account, spending, printer),
        _ if dataset.origin.cost != DatasetCost::Free => {
            utilization::fetch(access, known, plan.since, account, regions, spending, printer)
        }
        _ => region_query::fetch(access, known, plan, dataset, account, regions, printer),
    }
}
