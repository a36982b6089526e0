use catalog::{Field, Page, Value, ValueType};
use clap::Args;
use console::{Exit, Failure, Printer, Report};
use fleet::ports::{CallerAccount, FleetError, InstanceSelector, RegionProvisions, RoleQuery, RoleView};
use fleet::provision::{
    CleanupFacts, CleanupItem, CleanupPlan, CleanupResource, OPEN_GROUP, POLICY_NAME, ROLE, SSH_GROUP,
    plan_cleanup,
};

use crate::Ports;
use crate::owner::owners;
use crate::regions::{RegionScan, choose_regions, query_regions, read_account};

/// Show the rules, groups, keys and the role that no instance needs, and delete them with --yes.
///
/// Launches share a security group in each VPC, a key pair in each region and one role, so no
/// launch deletes them. Planned are your rules that were added more than 30 days ago, spawn's
/// groups without an instance, your imported keys with which no instance was launched, and spawn's
/// role if no instance has it and it does not differ from spawn's. The next launch creates again
/// what it needs.
///
/// Exit code 0 when the plan was shown, or carried out and read back; 3 when nothing is left over;
/// 1 when a resource could not be deleted, or a region could not be read.
#[derive(Debug, Args)]
pub struct CleanupArgs {
    /// Delete the resources of the plan
    #[arg(long)]
    pub yes: bool,
    /// Regions to check [default: all that the account can use]
    #[arg(long, value_name = "REGION", value_delimiter = ',')]
    pub region: Vec<String>,
}

pub(crate) fn run_cleanup(
    args: &CleanupArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let (caller, regions) = read_account(ports)?;
    let chosen = choose_regions(&args.region, &caller, &regions)?;
    let progress = printer.progress("querying all regions");
    let mut survey = Survey::read(&chosen, &caller, ports);
    survey.is_complete &= regions.enabled.iter().all(|one| chosen.contains(one));
    drop(progress);
    survey.scan.print_gaps(printer);
    let plan = survey.plan(&caller, ports);
    report_rest(&plan, printer);
    let gap = survey.scan.fail_on_gap();
    if plan.items.is_empty() {
        return gap.map(|()| {
            printer.note("nothing is left over");
            Exit::NothingMatched
        });
    }
    if !args.yes {
        let shown: Vec<CleanupRow<'_>> = plan.items.iter().map(|item| (item, None)).collect();
        printer.report(&Report::plain(page(&shown)), ports.encode)?;
        printer.note(&format!("nothing was done; spawn cleanup --yes deletes {}", plan.items.len()));
        return gap.map(|()| Exit::Done);
    }
    let done = carry_out(&plan, &caller, ports);
    printer.report(&Report::plain(page(&done)), ports.encode)?;
    let failed = done.iter().filter(|(_, problem)| problem.as_ref().is_some_and(Result::is_err)).count();
    match failed {
        0 => gap.map(|()| Exit::Done),
        _ => Err(Failure::broken(format!("{failed} of {} could not be deleted", done.len()))
            .hint("spawn cleanup shows what is left")),
    }
}

/// What AWS shows of the resources and their instances.
struct Survey {
    scan: RegionScan,
    regions: Vec<RegionProvisions>,
    role: Result<RoleView, FleetError>,
    /// Whether every region of the account was read; the survey itself knows only whether every
    /// chosen one was.
    is_complete: bool,
}

impl Survey {
    /// Reads the regions. A region whose instances or resources could not be read becomes a gap.
    fn read(chosen: &[String], caller: &CallerAccount, ports: &Ports<'_>) -> Survey {
        let mut scan = query_regions(ports.instances, chosen, InstanceSelector::All, caller.now);
        let readable = |region: &&String| !scan.gaps.iter().any(|(gap, _)| gap == *region);
        let readable: Vec<String> = chosen.iter().filter(readable).cloned().collect();
        let groups = [SSH_GROUP, OPEN_GROUP].map(String::from);
        let mut regions = Vec::new();
        let surveys = ports.provisioning.survey_regions(&readable, &groups);
        for (region, found) in readable.into_iter().zip(surveys) {
            match found {
                Ok(found) => regions.push(found),
                Err(error) => scan.gaps.push((region, error.to_string())),
            }
        }
        let is_complete = scan.gaps.is_empty();
        let role = ports.provisioning.read_role(RoleQuery::whole(ROLE, POLICY_NAME));
        Survey { scan, regions, role, is_complete }
    }

    fn plan(&self, caller: &CallerAccount, ports: &Ports<'_>) -> CleanupPlan {
        plan_cleanup(&CleanupFacts {
            partition: caller.partition(),
            account: &caller.account,
            owners: &owners(ports.settings, caller),
            regions: &self.regions,
            instances: &self.scan.seen,
            is_complete: self.is_complete,
            role: self.role.as_ref().map_err(ToString::to_string),
            now: self.scan.at,
        })
    }
}

fn report_rest(plan: &CleanupPlan, printer: &mut Printer) {
    match plan.foreign_rules {
        0 => {}
        1 => printer.note("1 old rule of another owner was left alone"),
        more => printer.note(&format!("{more} old rules of other owners were left alone")),
    }
    if let Some(why) = &plan.unjudged_role {
        printer.note(&format!("the role {ROLE} was left alone: {why}"));
    }
}

/// A resource, and the result of its deletion once it was tried.
type CleanupRow<'a> = (&'a CleanupItem, Option<Result<(), String>>);

/// Deletes the resources one by one, and reads their regions back. A failure does not stop the
/// others.
fn carry_out<'a>(plan: &'a CleanupPlan, caller: &CallerAccount, ports: &Ports<'_>) -> Vec<CleanupRow<'a>> {
    let tried: Vec<(&CleanupItem, Result<(), FleetError>)> =
        plan.items.iter().map(|item| (item, delete(item, ports))).collect();
    let mut regions: Vec<String> = plan.items.iter().filter_map(|item| item.region.clone()).collect();
    regions.dedup();
    let after = Survey::read(&regions, caller, ports);
    let row = |(item, done): (&'a CleanupItem, Result<(), FleetError>)| {
        let region = after.regions.iter().find(|one| Some(&one.region) == item.region.as_ref());
        let is_gone = !item.resource.remains_in(region, after.role.as_ref().ok());
        let result = match done {
            _ if is_gone => Ok(()),
            Ok(()) => Err("AWS accepted it, and still shows it".to_string()),
            Err(error) => Err(error.to_string()),
        };
        (item, Some(result))
    };
    tried.into_iter().map(row).collect()
}

fn delete(item: &CleanupItem, ports: &Ports<'_>) -> Result<(), FleetError> {
    let region = item.region.as_deref().unwrap_or_default();
    match &item.resource {
        CleanupResource::Rule { group, rule } => ports.provisioning.remove_rule(region, group, rule),
        CleanupResource::Group { id, .. } => ports.provisioning.delete_group(region, id),
        CleanupResource::Key(name) => ports.provisioning.delete_key(region, name),
        CleanupResource::Role => ports.provisioning.delete_role(ROLE, POLICY_NAME),
    }
}

fn page(rows: &[CleanupRow<'_>]) -> Page {
    let names = ["region", "resource", "name", "outcome", "why"];
    let fields = names.into_iter().map(|name| Field::new(name, ValueType::Text)).collect();
    let row = |(item, done): &CleanupRow<'_>| -> Vec<Value> {
        let (outcome, why) = match done {
            None => ("planned", item.reason.clone()),
            Some(Ok(())) => ("deleted", item.reason.clone()),
            Some(Err(why)) => ("failed", why.clone()),
        };
        vec![
            item.region.as_deref().into(),
            item.resource.kind().into(),
            item.resource.name().as_str().into(),
            outcome.into(),
            why.into(),
        ]
    };
    Page { fields, rows: rows.iter().map(row).collect() }
}
