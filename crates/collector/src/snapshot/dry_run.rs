//! The dry run of a snapshot: its requests and their cost.

use catalog::ports::{Encode, ProfileAccount};
use catalog::{CollectionSource, Dataset, DatasetCost, DatasetScope, Field, Page, Value, ValueType};
use console::{Exit, Failure, Printer, Report};

use super::fetch::access::SourceAccess;
use super::fetch::{account, public_files, utilization};
use super::plan::SnapshotPlan;

/// Prints the requests of a snapshot. Makes only free requests itself: it identifies the profiles
/// and counts the running instances, on which the cost of utilization depends.
pub(crate) fn print_plan(
    access: &SourceAccess<'_>,
    plan: &SnapshotPlan,
    own_region: &str,
    encode: &dyn Encode,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let fields = ["dataset", "account", "regions", "calls", "cost_usd"].map(|name| match name {
        "regions" | "calls" => Field::new(name, ValueType::List(Box::new(ValueType::Text))),
        _ => Field::new(name, ValueType::Text),
    });
    let mut rows: Vec<Vec<Value>> = Vec::new();
    for dataset in &plan.public {
        let CollectionSource::PublicFile(source) = dataset.origin.source else { continue };
        let regions = public_files::regions(plan, source, own_region);
        rows.push(vec![
            dataset.name.into(),
            Value::Null,
            regions.into(),
            vec![format!("GET {}", public_files::address(source))].into(),
            "0".into(),
        ]);
    }
    for profile in plan.profiles.iter().filter(|_| !plan.of_accounts.is_empty()) {
        let account = access.account(profile.as_deref())?;
        for dataset in &plan.of_accounts {
            let regions = account::regions(plan, dataset, &account, own_region);
            let calls: Vec<String> = dataset.origin.actions.iter().map(|a| a.to_string()).collect();
            let cost = cost(plan, access, dataset, &account, &regions)?;
            rows.push(vec![
                dataset.name.into(),
                account.account_id.as_str().into(),
                regions.into(),
                calls.into(),
                cost.into(),
            ]);
        }
    }
    printer.report(&Report::plain(Page { fields: fields.into(), rows }), encode)?;
    printer.note("dry run: nothing was spent, and nothing was written");
    Ok(Exit::Done)
}

/// Returns the maximum cost of a dataset, USD.
fn cost(
    plan: &SnapshotPlan,
    access: &SourceAccess<'_>,
    dataset: &Dataset,
    account: &ProfileAccount,
    regions: &[String],
) -> Result<String, Failure> {
    let most = match (dataset.origin.cost, dataset.scope) {
        (DatasetCost::Free, _) => return Ok("0".into()),
        (cost, DatasetScope::Bill) => cost.of(u64::from(plan.requests)),
        _ => utilization::list_running(access, account, regions)?.maximum_cost(),
    };
    Ok(format!("at most {most}"))
}
