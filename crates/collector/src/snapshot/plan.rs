//! The dry run of a snapshot: its requests and their cost.

use catalog::ports::ProfileAccount;
use catalog::{Dataset, Field, Page, Value, ValueType};
use console::{Exit, Failure, Printer, Report};

use super::{SnapshotPlan, SnapshotRun, account, costs, public, utilization};
use crate::Ports;

/// Prints the requests of a snapshot. Makes only free requests itself: it identifies the profiles
/// and counts the running instances, on which the cost of utilization depends.
pub(super) fn print_plan(
    wanted: &SnapshotPlan,
    work: &SnapshotRun<'_>,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let fields = ["dataset", "account", "regions", "calls", "cost_usd"].map(|name| match name {
        "regions" | "calls" => Field::new(name, ValueType::List(Box::new(ValueType::Text))),
        _ => Field::new(name, ValueType::Text),
    });
    let mut rows: Vec<Vec<Value>> = Vec::new();
    for dataset in &wanted.public {
        let regions = public::regions(wanted, dataset, ports);
        rows.push(vec![
            dataset.name.into(),
            Value::Null,
            regions.into(),
            vec![format!("GET {}", public::address(dataset))].into(),
            "0".into(),
        ]);
    }
    for profile in wanted.profiles.iter().filter(|_| !wanted.of_accounts.is_empty()) {
        let account = account::profile_account(work, profile.as_deref())?;
        for dataset in &wanted.of_accounts {
            let regions = account::regions(wanted, dataset, &account, ports);
            let calls: Vec<String> = work.source.actions(dataset).iter().map(|a| a.to_string()).collect();
            let cost = cost(wanted, work, dataset, &account, &regions)?;
            rows.push(vec![
                dataset.name.into(),
                account.account_id.as_str().into(),
                regions.into(),
                calls.into(),
                cost.into(),
            ]);
        }
    }
    printer.report(&Report::plain(Page { fields: fields.into(), rows }), ports.encode)?;
    printer.note("dry run: nothing was spent, and nothing was written");
    Ok(Exit::Done)
}

/// Returns the maximum cost of a dataset, USD.
fn cost(
    wanted: &SnapshotPlan,
    work: &SnapshotRun<'_>,
    dataset: &Dataset,
    account: &ProfileAccount,
    regions: &[String],
) -> Result<String, Failure> {
    Ok(match dataset.name {
        "charge" => format!("at most {}", costs::maximum_cost(wanted)),
        "utilization" => {
            format!("at most {}", utilization::list_running(work, account, regions)?.maximum_cost())
        }
        _ => "0".into(),
    })
}
