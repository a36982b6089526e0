//! Requests instances from several regions, and keeps the failed regions as gaps.

use console::{Failure, Printer, read_region, suggest_closest};
use domain::Timestamp;
use fleet::instance::InstanceView;
use fleet::ports::{AccountRegions, CallerAccount, InstanceSelector, Instances};

use crate::Ports;
use crate::account_cache;
use crate::ports::cloud_failure;

/// The instances of all requested regions.
pub(crate) struct RegionScan {
    pub(crate) seen: Vec<InstanceView>,
    /// AWS's clock at the earliest answer, so that no instance is judged overdue too early.
    pub(crate) at: Timestamp,
    /// Each region that could not be read, and the reason.
    pub(crate) gaps: Vec<(String, String)>,
}

/// Reads the caller and its regions.
pub(crate) fn read_account(ports: &Ports<'_>) -> Result<(CallerAccount, AccountRegions), Failure> {
    let (caller, regions) = ports.account.caller_and_regions().map_err(cloud_failure)?;
    account_cache::remember_regions(&regions, &caller, ports);
    Ok((caller, regions))
}

/// Reads the caller, and checks that its account can use a region. The regions are requested only
/// if they were not read within the last day.
pub(crate) fn read_caller_in(region: &str, ports: &Ports<'_>) -> Result<CallerAccount, Failure> {
    if account_cache::may_have_region(region, ports) {
        let caller = ports.account.caller().map_err(cloud_failure)?;
        if account_cache::has_region(region, &caller, ports) {
            return Ok(caller);
        }
    }
    let (caller, regions) = read_account(ports)?;
    choose_regions(&[region.to_string()], &caller, &regions)?;
    Ok(caller)
}

/// Returns the named regions, or all that the account can use when none is named.
pub(crate) fn choose_regions(
    named: &[String],
    caller: &CallerAccount,
    regions: &AccountRegions,
) -> Result<Vec<String>, Failure> {
    let named: Vec<String> =
        named.iter().map(|name| read_region("--region", name)).collect::<Result<_, _>>()?;
    for name in &named {
        if regions.disabled.contains(name) {
            return Err(Failure::usage(format!(
                "region {name} is not enabled in account {}",
                caller.account
            ))
            .hint(format!(
                "enable it (some minutes): aws account enable-region --region-name {name}; or choose another \
                 --region"
            )));
        }
        if !regions.enabled.contains(name) {
            let near = suggest_closest(name, regions.enabled.iter().map(String::as_str));
            return Err(Failure::usage(format!("\"{name}\" is not a region that the account can use{near}"))
                .hint("aws ec2 describe-regions lists the usable ones"));
        }
    }
    Ok(if named.is_empty() { regions.enabled.clone() } else { named })
}

/// Requests the instances. An answer without AWS's time is a gap, because it allows no decision
/// about deadlines.
pub(crate) fn query_regions(
    cloud: &dyn Instances,
    regions: &[String],
    which: InstanceSelector<'_>,
    now: Timestamp,
) -> RegionScan {
    let mut found = RegionScan { seen: Vec::new(), at: now, gaps: Vec::new() };
    let mut first: Option<Timestamp> = None;
    for looked in cloud.list_instances(regions, which) {
        match (looked.seen, looked.at) {
            (Ok(seen), Some(at)) => {
                found.seen.extend(seen);
                first = Some(first.map_or(at, |first| first.min(at)));
            }
            (Ok(_), None) => found.gaps.push((looked.region, "the answer has no Date header".to_string())),
            (Err(why), _) => found.gaps.push((looked.region, why)),
        }
    }
    found.at = first.unwrap_or(now);
    found
}

impl RegionScan {
    /// Prints the gaps to stderr.
    pub(crate) fn print_gaps(&self, printer: &mut Printer) {
        for (region, why) in &self.gaps {
            printer.note(&format!("{region} could not be queried: {why}"));
        }
    }

    /// Fails when there is a gap.
    pub(crate) fn fail_on_gap(&self) -> Result<(), Failure> {
        match self.gaps.len() {
            0 => Ok(()),
            1 => Err(Failure::broken(format!("{} could not be queried", self.gaps[0].0))),
            more => Err(Failure::broken(format!("{more} regions could not be queried"))),
        }
        .map_err(|failure| failure.hint("run the same command again: instances there may be overdue"))
    }
}
