//! Why a named question has no rows: the data was never collected, the type is not offered, or
//! nothing matches.

use catalog::rows::{CollectionRunRow, ZoneOfferRow};
use catalog::{DatasetScope, dataset};
use console::{Failure, FailureKind};

use crate::CommandPorts;
use crate::collect_command::collect_command;
use crate::question_params::QuestionCall;
use crate::region_scope::rows;
use crate::statement_tables::{datasets_of, tables_of};

/// Returns the reason of an empty answer, with the next step.
pub(crate) fn explain(call: &QuestionCall, ports: &CommandPorts<'_>) -> Result<String, Failure> {
    let regions = call.regions();
    if let Some(name) = type_not_offered(call, &regions, ports)? {
        return Ok(format!("not offered: {name} in {regions}; truffle regions {name} lists the regions"));
    }
    let runs: Vec<CollectionRunRow> = rows(ports.answer("data/runs", &[("scopes", &regions)])?)?;
    let missing = datasets_of(&tables_of(call.question, ports)?)
        .into_iter()
        .find_map(|name| Some((name, missing_regions(name, &regions, &runs)?)));
    let Some((name, missing)) = missing else { return Ok(no_match(call)) };
    let later: Vec<CollectionRunRow> =
        rows(ports.at_any_time().answer("data/runs", &[("scopes", &regions)])?)?;
    let first = later.iter().filter(|run| run.dataset == name && is_readable(run));
    Ok(match first.map(|run| run.observed_from).min() {
        Some(first) => format!("not observed by {}: {name} begins at {first}; --as-of {first}", ports.as_of),
        None => not_collected(name, &missing, ports),
    })
}

/// Refuses a table whose dataset was never collected.
pub(crate) fn refuse_uncollected(table: &str, ports: &CommandPorts<'_>) -> Result<(), Failure> {
    // A table has all rows, of any time.
    let runs: Vec<CollectionRunRow> = rows(ports.at_any_time().answer("data/runs", &[("scopes", "all")])?)?;
    let datasets = datasets_of(&[table.to_string()]);
    match datasets.into_iter().find(|name| missing_regions(name, "all", &runs).is_some()) {
        None => Ok(()),
        Some(name) => Err(Failure::new(FailureKind::Data, format!("not collected yet: {name}"))
            .hint(collect_command(name, ports.settings.region.value.as_str()))),
    }
}

/// Returns whether a run describes its scope.
fn is_readable(run: &CollectionRunRow) -> bool {
    ["complete", "partial", "empty", "unchanged"].contains(&run.outcome.as_str())
}

/// Returns the type of a question about one type in one region, if other types are known to be
/// offered there and this one is not.
fn type_not_offered<'a>(
    call: &'a QuestionCall,
    regions: &str,
    ports: &CommandPorts<'_>,
) -> Result<Option<&'a str>, Failure> {
    let param = call.question.type_param().filter(|_| regions != "all");
    let Some(name) = param.and_then(|param| call.value(&param)) else { return Ok(None) };
    let offered: Vec<ZoneOfferRow> = rows(ports.answer("offering/zones", &[("regions", regions)])?)?;
    let known = !offered.is_empty() && offered.iter().all(|offer| offer.instance_type != name);
    Ok(known.then_some(name))
}

/// Returns the regions without a readable run of a dataset, joined by commas, or `all` without any
/// run. `None` if nothing is missing.
fn missing_regions(name: &str, regions: &str, runs: &[CollectionRunRow]) -> Option<String> {
    let read = |run: &&CollectionRunRow| run.dataset == name && is_readable(run);
    let scopes: Vec<&str> = runs.iter().filter(read).map(|run| run.scope.as_str()).collect();
    let by_region = matches!(
        dataset(name).map(|dataset| dataset.scope),
        Some(DatasetScope::Region | DatasetScope::AccountRegion)
    );
    if regions == "all" || !by_region {
        return scopes.is_empty().then(|| "all".to_string());
    }
    let covered = |region: &&str| {
        scopes.iter().any(|scope| *scope == "*" || scope.split('/').next_back() == Some(region))
    };
    let missing: Vec<&str> = regions.split(',').map(str::trim).filter(|region| !covered(region)).collect();
    (!missing.is_empty()).then(|| missing.join(","))
}

fn not_collected(name: &str, regions: &str, ports: &CommandPorts<'_>) -> String {
    if regions == "all" {
        let command = collect_command(name, ports.settings.region.value.as_str());
        return format!("not collected yet: {name}; {command}");
    }
    format!("not collected yet: {name} of {regions}; {}", collect_command(name, regions))
}

fn no_match(call: &QuestionCall) -> String {
    let typed: Vec<String> = call.given.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let values = if typed.is_empty() { String::new() } else { format!(" for {}", typed.join(", ")) };
    let params = call.question.params();
    let optional = call.given.iter().rev().find_map(|(name, value)| {
        let default = params.iter().find(|param| param.name == *name)?.default.as_ref()?;
        (default != value).then(|| format!("leave out {name}={value}: the default is {default}"))
    });
    let loosen = optional.unwrap_or("truffle query --list shows the other parameters".into());
    format!("no match{values} in the collected data; {loosen}")
}
