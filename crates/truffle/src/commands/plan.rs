use std::path::PathBuf;

use catalog::{Field, Page, Value, ValueType};
use clap::{Args, Subcommand};
use console::{Exit, Failure, Printer, Report, suggest_closest};
use domain::Decimal;

use crate::CommandPorts;
use crate::plan_file::{CostPlan, PlanEntry, PlanFile};
use crate::user_files::check_name;

/// Set, list and remove plans: costs that are known in advance, and change forecasts.
///
/// Plans are in plans.toml beside the settings file, or in the file of --file. A plan adds its
/// cost to each of its days after the newest complete one. Plans of the same days add up. Comments
/// in the file are lost at a change by this command.
#[derive(Debug, Args)]
pub struct CostPlanArgs {
    /// File of the plans [default: plans.toml beside the settings file]
    #[arg(long, value_name = "FILE", global = true)]
    pub file: Option<PathBuf>,
    /// The action.
    #[command(subcommand)]
    pub action: CostPlanAction,
}

/// The actions of `truffle plan`.
#[derive(Debug, Subcommand)]
pub enum CostPlanAction {
    /// Set a plan, or replace the one of this name
    Set(CostPlanSetArgs),
    /// List the plans
    List,
    /// Remove plans
    Remove(CostPlanRemoveArgs),
}

/// Arguments of `truffle plan set`.
#[derive(Debug, Args)]
pub struct CostPlanSetArgs {
    /// Name of letters, digits, - and _
    pub name: String,
    /// Cost of each day, such as 12.5; negative for a cost that ends
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    pub cost_per_day: Decimal,
    /// First day, such as 2026-12-01
    #[arg(long, value_name = "DAY")]
    pub starts_on: String,
    /// Last day, such as 2026-12-24 [default: no end]
    #[arg(long, value_name = "DAY")]
    pub ends_on: Option<String>,
    /// Charges that it changes, such as service="Amazon S3" or tag:Team=core; may be repeated
    #[arg(long, value_name = "DIMENSION=VALUE")]
    pub filter: Vec<String>,
    /// Currency [default: the only one of the bills]
    #[arg(long, value_name = "CODE")]
    pub currency: Option<String>,
    /// Print the plan without setting it
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of `truffle plan remove`.
#[derive(Debug, Args)]
pub struct CostPlanRemoveArgs {
    /// Plans to remove
    #[arg(required = true)]
    pub names: Vec<String>,
    /// Print the change without making it
    #[arg(long)]
    pub dry_run: bool,
}

/// Runs `truffle plan`.
pub fn run_plan(
    args: &CostPlanArgs,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let file = PlanFile::of(&ports.settings.config, args.file.as_deref());
    match &args.action {
        CostPlanAction::Set(set) => run_set(set, &file, ports, printer),
        CostPlanAction::List => list(&file.read(&ports.settings.dimensions)?, &file, ports, printer),
        CostPlanAction::Remove(remove) => run_remove(remove, &file, ports, printer),
    }
}

fn run_set(
    args: &CostPlanSetArgs,
    file: &PlanFile,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let name = &args.name;
    let example = "truffle plan set training --cost-per-day 40 --starts-on 2026-12-01";
    check_name(name).map_err(|failure| failure.hint(example))?;
    let entry = PlanEntry {
        name: Some(name.clone()),
        filter: args.filter.clone(),
        starts_on: toml::Value::String(args.starts_on.clone()),
        ends_on: args.ends_on.clone().map(toml::Value::String),
        cost_per_day: toml::Value::String(args.cost_per_day.to_string()),
        currency: args.currency.clone(),
    };
    let defined = &ports.settings.dimensions;
    let plan = entry.check(&format!("plan {name}"), defined)?;
    if args.dry_run {
        printer.note(&format!("would set plan {name} (dry run: nothing was changed)"));
        printer.report(&Report::plain(page(&[plan])), ports.encode)?;
        return Ok(Exit::Done);
    }
    let kept = file.change(defined, |plans| {
        match plans.iter_mut().find(|plan| plan.name.as_ref() == Some(name)) {
            Some(plan) => *plan = entry,
            None => plans.push(entry),
        }
        Ok(())
    })?;
    if !kept.contains(&plan) {
        return Err(Failure::broken(format!("plan {name} was not set: the file has another entry")));
    }
    printer.note(&format!("set plan {name}; truffle forecast lists its effect"));
    list(&kept, file, ports, printer)
}

fn run_remove(
    args: &CostPlanRemoveArgs,
    file: &PlanFile,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let names = args.names.join(", ");
    let defined = &ports.settings.dimensions;
    let kept = file.read(defined)?;
    check_known(&args.names, kept.iter().filter_map(|plan| plan.name.as_deref()))?;
    if args.dry_run {
        printer.note(&format!("would remove {names} (dry run: nothing was changed)"));
        return list(&kept, file, ports, printer);
    }
    let is_named = |name: &Option<String>| name.as_ref().is_some_and(|name| args.names.contains(name));
    let left = file.change(defined, |plans| {
        // Checked again under the lock: another process may have removed a plan since.
        check_known(&args.names, plans.iter().filter_map(|plan| plan.name.as_deref()))?;
        plans.retain(|plan| !is_named(&plan.name));
        Ok(())
    })?;
    if let Some(name) = left.iter().filter(|plan| is_named(&plan.name)).find_map(|plan| plan.name.as_ref()) {
        return Err(Failure::broken(format!("plan {name} was not removed: it is still in the file")));
    }
    printer.note(&format!("removed {names}; {} left", left.len()));
    list(&left, file, ports, printer)
}

fn check_known<'a>(names: &[String], kept: impl Iterator<Item = &'a str>) -> Result<(), Failure> {
    let kept: Vec<&str> = kept.collect();
    match names.iter().find(|name| !kept.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let near = suggest_closest(name, kept.iter().copied());
            Err(Failure::usage(format!("there is no plan {name}{near}"))
                .hint("truffle plan list lists the plans; edit the file to remove one without a name"))
        }
    }
}

fn list(
    kept: &[CostPlan],
    file: &PlanFile,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    if kept.is_empty() {
        let path = file.path().display();
        printer.note(&format!("no plans in {path}; truffle plan set --help adds one"));
    }
    printer.report(&Report::plain(page(kept)), ports.encode)?;
    Ok(Exit::Done)
}

fn page(kept: &[CostPlan]) -> Page {
    let fields = vec![
        Field::new("name", ValueType::Text),
        Field::new("filter", ValueType::List(Box::new(ValueType::Text))),
        Field::new("starts_on", ValueType::Date),
        Field::new("ends_on", ValueType::Date),
        Field::new("cost_per_day", ValueType::Decimal(38, 18)),
        Field::new("currency", ValueType::Text),
    ];
    let row = |plan: &CostPlan| {
        vec![
            plan.name.clone().into(),
            plan.filter_text.clone().into(),
            Value::Date(plan.planned.first.0),
            plan.planned.last.map_or(Value::Null, |day| Value::Date(day.0)),
            plan.cost_per_day.into(),
            plan.currency.clone().into(),
        ]
    };
    Page { fields, rows: kept.iter().map(row).collect() }
}
