use std::path::Path;

use catalog::Value;
use catalog::ports::Ask;
use console::{
    CostDimensions, Exit, Failure, OutputFormat, Printer, SettingOrigin, Settings, refuse_other_format,
};
use domain::Timestamp;

use crate::budget_entry::BudgetEntry;
use crate::commands::budget::BudgetAction;
use crate::commands::plan::CostPlanAction;
use crate::commands::{
    alerts, anomalies, arbitrage, bookmark, budget, calendar, capacity, commitment, compare, completions,
    cost, export, forecast, plan, price, query, regions, report, saved, schema, search, show, spot, status,
    trends, version, whatif, zones,
};
use crate::output_file::OutputFile;
use crate::plan_file::PlanFile;
use crate::ports::failure;
use crate::recommend::run_recommend;
use crate::usage::{as_of_without_effect, flag_without_effect};
use crate::user_files::{self, SavedSearch, UserFile};
use crate::{Command, CommandPorts, Ports, TruffleArgs};

/// Runs truffle. The answer goes to the printer or to the file of `--out`, notes go to standard
/// error. A failure is returned, not printed.
///
/// # Errors
/// The command failed; the failure has its exit code and hint.
pub fn run(
    args: &TruffleArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    refuse_flags_without_effect(args)?;
    printer.columns(args.common.columns.clone());
    let Some(path) = &args.common.out else { return answer(args, ports, printer, now) };
    // The file is replaced only by a complete answer; a failure leaves the old file.
    let (target, file) = OutputFile::open(path)?;
    let format = format(args, path, ports.settings);
    if ports.settings.for_spreadsheet {
        refuse_other_format(format)?;
    }
    printer.redirect(format, file);
    let exit = answer(args, ports, printer, now)?;
    target.publish()?;
    Ok(exit)
}

/// Refuses flags without effect, before anything runs.
fn refuse_flags_without_effect(args: &TruffleArgs) -> Result<(), Failure> {
    let common = &args.common;
    let script = matches!(args.command, Command::Completions(_));
    let silent = match &args.command {
        Command::Save(_) => true,
        Command::Saved(saved) => saved.remove.is_some(),
        Command::Anomalies(anomalies) => anomalies.action.is_some(),
        _ => false,
    };
    let export = matches!(args.command, Command::Export(_));
    // A list of columns must not change anything.
    let changes = match &args.command {
        Command::Bookmark(bookmark) => !bookmark.types.is_empty() || !bookmark.remove.is_empty(),
        Command::Budget(budget) => matches!(budget.action, BudgetAction::Set(_) | BudgetAction::Remove(_)),
        Command::Plan(plan) => !matches!(plan.action, CostPlanAction::List),
        _ => export,
    };
    // `query` and `export` check this themselves, because it depends on their statement.
    let timeless_command = match &args.command {
        Command::Query(query) => query.list,
        Command::Saved(saved) => saved.name.is_none(),
        Command::Schema(_) | Command::Bookmark(_) | Command::Plan(_) | Command::Version => true,
        Command::Budget(budget) => !matches!(budget.action, BudgetAction::Check(_)),
        _ => silent || script,
    };
    if common.as_of.is_some() && timeless_command {
        return Err(as_of_without_effect());
    }
    let unused = [
        ("--for-spreadsheet", common.flags.for_spreadsheet && (silent || script)),
        ("--out", common.out.is_some() && (silent || export)),
        ("--output", common.flags.output.is_some() && (silent || export || script)),
        ("--columns", !common.columns.is_empty() && (silent || script)),
        ("--verbose", common.verbose && !has_footer(&args.command)),
        ("--columns help", common.columns == ["help"] && changes),
        ("--quiet", common.flags.quiet && matches!(&args.command, Command::Search(search) if search.explain)),
    ];
    match unused.iter().find(|(_, unused)| *unused) {
        None => Ok(()),
        Some((flag, _)) => Err(flag_without_effect(flag)),
    }
}

/// Whether the answer of a command ends with the age of its data, which `--verbose` lengthens.
fn has_footer(command: &Command) -> bool {
    match command {
        Command::Query(query) => !query.list,
        Command::Saved(saved) => saved.name.is_some(),
        Command::Anomalies(anomalies) => anomalies.action.is_none(),
        Command::Save(_) | Command::Schema(_) | Command::Bookmark(_) | Command::Plan(_) => false,
        Command::Completions { .. } | Command::Version => false,
        Command::Budget(budget) => matches!(budget.action, BudgetAction::Check(_)),
        _ => true,
    }
}

fn answer(
    args: &TruffleArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    printer.relative_to(now);
    printer.set_verbose(args.common.verbose);
    let done = dispatch(args, ports, printer, now)?;
    printer.flush()?;
    Ok(if printer.lists_columns() { Exit::Done } else { done })
}

/// Returns the format of `-o`, else that of the extension of the file of `--out`, else that of the
/// settings.
fn format(args: &TruffleArgs, out: &Path, settings: &Settings) -> OutputFormat {
    match (args.common.flags.output.is_some(), out.extension().and_then(|ending| ending.to_str())) {
        (false, Some(ending)) => OutputFormat::of_ending(ending).unwrap_or(settings.output.value),
        _ => settings.output.value,
    }
}

fn dispatch(
    args: &TruffleArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    match &args.command {
        Command::Version => return version::run_version(!args.common.columns.is_empty(), ports, printer),
        Command::Completions(args) => return completions::run_completions(args, ports, printer),
        _ => {}
    }
    let (ports, common) = (&open_warehouse(args, ports, printer, now)?, &args.common);
    match &args.command {
        Command::Search(args) => search::run_search(args, ports, printer, now),
        Command::Compare(args) => compare::run_compare(args, ports, printer, now),
        Command::Recommend(args) => run_recommend(args, ports, printer, now),
        Command::Show(args) => show::run_show(args, ports, printer, now),
        Command::Capacity(args) => capacity::run_capacity(args, ports, printer, now),
        Command::Price(args) => price::run_price(args, ports, printer, now),
        Command::Regions(args) => regions::run_regions(args, ports, printer, now),
        Command::Zones(args) => zones::run_zones(args, ports, printer, now),
        Command::Arbitrage(args) => arbitrage::run_arbitrage(args, ports, printer, now),
        Command::Spot(args) => spot::run_spot(args, ports, printer, now),
        Command::Cost(args) => cost::run_cost(args, ports, printer, now),
        Command::Forecast(args) => forecast::run_forecast(args, ports, printer, now),
        Command::Trends(args) => trends::run_trends(args, ports, printer, now),
        Command::Commitment(args) => commitment::run_commitment(args, ports, printer, now),
        Command::Whatif(args) => whatif::run_whatif(args, ports, printer, now),
        Command::Anomalies(args) => anomalies::run_anomalies(args, ports, printer, now),
        Command::Budget(args) => budget::run_budget(args, ports, printer, now),
        Command::Plan(args) => plan::run_plan(args, ports, printer),
        Command::Calendar(args) => calendar::run_calendar(args, ports, printer, now),
        Command::Report(args) => report::run_report(args, ports, printer, now),
        Command::Alerts(args) => alerts::run_alerts(args, ports, printer, now),
        Command::Query(args) => query::run_query(args, common, ports, printer, now),
        Command::Schema(args) => schema::run_schema(args, ports, printer),
        Command::Export(args) => export::run_export(args, common, ports, printer, now),
        Command::Save(args) => saved::run_save(args, ports, printer),
        Command::Saved(args) => saved::run_saved(args, ports, printer, now),
        Command::Bookmark(args) => bookmark::run_bookmark(args, ports, printer, now),
        Command::Status(args) => status::run_status(args, ports, printer, now),
        Command::Completions(_) | Command::Version => unreachable!("answered above"),
    }
}

/// Opens the warehouse for a command, with stand-ins if the command asks for them, and notes a
/// configured lake that does not exist.
fn open_warehouse<'a>(
    args: &TruffleArgs,
    ports: &Ports<'a>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<CommandPorts<'a>, Failure> {
    let as_of = match &args.common.as_of {
        None => now,
        Some(text) => domain::parse_until(text).ok_or_else(|| {
            Failure::usage(format!(
                "--as-of \"{text}\" is neither a day (2025-03-02) nor an instant (2025-03-02T12:00:00Z)"
            ))
            .hint("truffle query data/runs lists the instants of the data")
        })?,
    };
    let (settings, encode) = (ports.settings, ports.encode);
    let key = match &args.command {
        Command::Export(export) if export.redact => Some(user_files::redaction_key(&settings.config)?),
        _ => None,
    };
    let ask = (ports.warehouse)(key.as_deref()).map_err(|error| failure(error, &settings.lake.value))?;
    let lake = &settings.lake;
    if lake.origin != SettingOrigin::Default && ask.place().lake.is_none() {
        let path = lake.value.display();
        printer.note(&format!(
            "there is no lake at {path} ({}): answers come from the seed data only",
            lake.origin
        ));
    }
    Ok(CommandPorts { ask, encode, settings, as_of })
}

/// Returns the names of all instance types in the warehouse, for completions.
pub fn type_names(ask: &dyn Ask, now: Timestamp) -> Vec<String> {
    names(ask, "instance/facts", now)
}

/// Returns the names of all regions in the warehouse, for completions.
pub fn region_names(ask: &dyn Ask, now: Timestamp) -> Vec<String> {
    names(ask, "region/list", now)
}

/// Returns the first column of a question's answer. A failure returns no names, because a
/// completion has no place for an error.
fn names(ask: &dyn Ask, name: &str, now: Timestamp) -> Vec<String> {
    let question = catalog::question(name).expect("the question is in the catalog");
    let page = question.bind(&[], now).ok().and_then(|values| ask.ask(question, &values).ok());
    let text = |row: &Vec<Value>| match row.first() {
        Some(Value::Text(text)) => Some(text.clone()),
        _ => None,
    };
    page.map(|page| page.rows.iter().filter_map(text).collect()).unwrap_or_default()
}

/// Returns the names of the saved searches, for completions.
pub fn saved_names(config: &Path) -> Vec<String> {
    let all = UserFile::searches(config).read::<SavedSearch>();
    all.map(|all| all.into_keys().collect()).unwrap_or_default()
}

/// Returns the names of the budgets, for completions.
pub fn budget_names(config: &Path) -> Vec<String> {
    let all = UserFile::budgets(config, None).read::<BudgetEntry>();
    all.map(|all| all.into_keys().collect()).unwrap_or_default()
}

/// Returns the names of the plans, for completions.
pub fn plan_names(config: &Path, dimensions: &CostDimensions) -> Vec<String> {
    let plans = PlanFile::of(config, None).read(dimensions).unwrap_or_default();
    plans.into_iter().filter_map(|plan| plan.name).collect()
}

/// Returns the names of the columns of search, for completions.
pub fn column_names() -> Vec<String> {
    crate::columns::COLUMNS.iter().map(|column| column.name.to_string()).collect()
}
