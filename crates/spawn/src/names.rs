//! Finds instances by name, id, or the beginning of either.

use clap::Args;
use console::{Failure, FailureKind, suggest_closest};
use fleet::instance::{InstanceState, InstanceView};
use fleet::ports::{CallerAccount, InstanceSelector};

use crate::regions::{RegionScan, choose_regions, query_regions, read_account};
use crate::{Ports, names_cache};

/// The instances that a command names.
#[derive(Debug, Args)]
pub struct TargetArgs {
    /// Names or ids, or the beginning of one; several are allowed
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<String>,
    /// Regions to look in [default: all that the account can use]
    #[arg(long, value_name = "REGION", value_delimiter = ',')]
    pub region: Vec<String>,
}

/// The instances that were found, and the scan that found them.
pub(crate) struct FoundTargets {
    pub(crate) caller: CallerAccount,
    pub(crate) scan: RegionScan,
    /// One instance for each typed name, without repetitions.
    pub(crate) instances: Vec<InstanceView>,
}

/// Queries the regions and finds one instance for each name. When one of them is not found, nothing
/// is returned, so that a command with a mistyped name changes nothing.
///
/// # Errors
/// The account or the regions cannot be queried; a name fits no instance (exit code 3, or 1 if a
/// region could not be read) or several.
pub(crate) fn find_targets(
    names: &[String],
    regions: &[String],
    ports: &Ports<'_>,
) -> Result<FoundTargets, Failure> {
    if names.iter().any(String::is_empty) {
        return Err(Failure::usage("a name is empty: expected the name or the id of an instance")
            .hint("spawn list shows the names and ids"));
    }
    let (caller, usable) = read_account(ports)?;
    let chosen = choose_regions(regions, &caller, &usable)?;
    let scan = query_regions(ports.instances, &chosen, InstanceSelector::All, caller.now);
    names_cache::remember(&scan, &caller.account, &chosen, ports);
    let mut instances: Vec<InstanceView> = Vec::new();
    for name in names {
        let found = find_instance(name, &scan).map_err(|failure| in_regions(failure, regions))?;
        if !instances.iter().any(|known| known.id == found.id) {
            instances.push(found.clone());
        }
    }
    Ok(FoundTargets { caller, scan, instances })
}

/// Returns the one instance of spawn with this name or id, or with the only one that begins so. A
/// terminated instance is found by its whole id alone.
pub(crate) fn find_instance<'a>(typed: &str, scan: &'a RegionScan) -> Result<&'a InstanceView, Failure> {
    let whole_id = |seen: &&InstanceView| seen.id == typed;
    if let Some(foreign) = scan.seen.iter().filter(|seen| !seen.managed()).find(whole_id) {
        return Err(Failure::usage(format!("{} was not launched by spawn", foreign.id))
            .hint("spawn list shows the instances that were"));
    }
    let ours: Vec<&InstanceView> = scan.seen.iter().filter(|seen| seen.managed()).collect();
    if let Some(found) = ours.iter().copied().find(whole_id) {
        return Ok(found);
    }
    let alive: Vec<&InstanceView> =
        ours.into_iter().filter(|seen| seen.state != InstanceState::Terminated).collect();
    let named: Vec<&InstanceView> = alive.iter().copied().filter(|seen| seen.name() == Some(typed)).collect();
    let begins = |seen: &&InstanceView| {
        seen.id.starts_with(typed) || seen.name().is_some_and(|name| name.starts_with(typed))
    };
    let begun: Vec<&InstanceView> = alive.iter().copied().filter(begins).collect();
    let fitting = if named.is_empty() { begun } else { named };
    match fitting.as_slice() {
        [one] => Ok(one),
        [] => Err(no_instance(typed, scan, &alive)),
        several => Err(Failure {
            excerpt: several.iter().map(|seen| candidate(seen)).collect(),
            ..Failure::usage(format!("\"{typed}\" fits {} instances", several.len()))
        }
        .hint("name one of them by its id")),
    }
}

fn no_instance(typed: &str, scan: &RegionScan, alive: &[&InstanceView]) -> Failure {
    match scan.gaps.as_slice() {
        [] => {
            let names = alive.iter().flat_map(|seen| seen.name().into_iter().chain([seen.id.as_str()]));
            let near = suggest_closest(typed, names);
            Failure::new(FailureKind::NoMatch, format!("spawn launched no instance \"{typed}\"{near}"))
                .hint("spawn list shows all of them")
        }
        gaps => {
            let regions: Vec<&str> = gaps.iter().map(|(region, _)| region.as_str()).collect();
            Failure::broken(format!(
                "\"{typed}\" was not found, but {} could not be read: {}",
                regions.join(", "),
                gaps[0].1
            ))
            .hint("run the same command again, or name its region with --region")
        }
    }
}

/// Names the regions of `--region` in a failure for a name that fits no instance: another region
/// may have it.
fn in_regions(failure: Failure, regions: &[String]) -> Failure {
    if failure.kind != FailureKind::NoMatch || regions.is_empty() {
        return failure;
    }
    let message = format!("{}, looked for in {} alone", failure.message, regions.join(", "));
    Failure { message, ..failure }.hint("leave out --region; spawn list shows all instances")
}

fn candidate(seen: &InstanceView) -> String {
    let name = seen.name().unwrap_or("-");
    format!("{}  {name}  {}  {}  {}", seen.id, seen.instance_type, seen.region, seen.state.word())
}
