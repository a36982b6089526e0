use catalog::{Field, Page, Value, ValueType};
use clap::Args;
use console::{Exit, Failure, Printer, Report};
use domain::{Known, Timestamp};
use domain::{format_span, later};
use fleet::bound::{LaunchIndex, LifeBound, bound, copy_end, paused_budget};
use fleet::instance::{InstanceState, InstanceView};
use fleet::ports::InstanceSelector;
use jiff::SignedDuration;

use crate::ports::cloud_failure;
use crate::{Ports, regions};

/// List the instances launched by spawn, in every region that the account can use.
///
/// `bound` is the tag with an instance's deadline, or the reason why the deadline is unknown. A
/// stopped instance keeps the time that was left when it was stopped. Of one that was started again
/// without spawnd, the time left is unknown. A copy has the tags of another instance.
/// Terminated instances are left out. Exit code 3 when there is no instance; 1 when none was found
/// and a region could not be queried.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Regions to list [default: all that the account can use]
    #[arg(long, value_name = "REGION", value_delimiter = ',')]
    pub region: Vec<String>,
    /// Columns to print, separated by commas, in this order; help lists them
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub columns: Vec<String>,
}

/// Columns of the table without --columns.
const DEFAULT_COLUMNS: &[&str] =
    &["instance_id", "name", "instance_type", "region", "state", "owner", "time_left", "bound"];

pub(crate) fn run_list(args: &ListArgs, ports: &Ports<'_>, printer: &mut Printer) -> Result<Exit, Failure> {
    printer.columns(args.columns.clone());
    if printer.lists_columns() {
        printer.report(&report(&[], &LaunchIndex::default(), Timestamp::UNIX_EPOCH), ports.encode)?;
        return Ok(Exit::Done);
    }
    let progress = printer.progress("querying all regions");
    let caller = ports.account.caller().map_err(cloud_failure)?;
    let chosen = regions::choose_regions(&args.region, &caller)?;
    let found = regions::query_regions(ports.instances, &chosen, InstanceSelector::All, caller.now);
    drop(progress);
    let listed = |seen: &&InstanceView| seen.managed() && seen.state != InstanceState::Terminated;
    let (ours, others): (Vec<&InstanceView>, Vec<&InstanceView>) =
        found.seen.iter().filter(|seen| seen.state != InstanceState::Terminated).partition(listed);
    found.print_gaps(printer);
    if !others.is_empty() {
        printer.note(&format!("{} more were not launched by spawn", others.len()));
    }
    if ours.is_empty() {
        found.fail_on_gap()?;
        let regions = if chosen.len() == 1 { "region" } else { "regions" };
        printer.note(&format!("no match: spawn launched no instance in {} {regions}", chosen.len()));
        return Ok(Exit::NothingMatched);
    }
    printer.relative_to(found.at);
    let launches = LaunchIndex::new(&found.seen);
    printer.report(&report(&ours, &launches, found.at), ports.encode)?;
    Ok(Exit::Done)
}

fn report(seen: &[&InstanceView], launches: &LaunchIndex<'_>, now: Timestamp) -> Report {
    Report::plain(page(seen, launches, now)).default_columns(DEFAULT_COLUMNS)
}

fn page(seen: &[&InstanceView], launches: &LaunchIndex<'_>, now: Timestamp) -> Page {
    let fields = [
        ("instance_id", ValueType::Text),
        ("name", ValueType::Text),
        ("instance_type", ValueType::Text),
        ("region", ValueType::Text),
        ("state", ValueType::Text),
        ("owner", ValueType::Text),
        ("launched_at", ValueType::Timestamp),
        ("age", ValueType::Text),
        ("until", ValueType::Timestamp),
        ("time_left", ValueType::Text),
        ("bound", ValueType::Text),
        ("reason", ValueType::Text),
    ];
    let fields = fields.into_iter().map(|(name, ty)| Field::new(name, ty)).collect();
    Page { fields, rows: seen.iter().map(|seen| row(seen, launches, now)).collect() }
}

fn row(seen: &InstanceView, launches: &LaunchIndex<'_>, now: Timestamp) -> Vec<Value> {
    let launched = match &seen.launched {
        Known::Is(at) => Some(*at),
        Known::Absent | Known::Unseen(_) => None,
    };
    let (until, left, said) = match launches.copy_reason(seen) {
        Some(why) => {
            let end = copy_end(seen);
            (end, end.map(|end| left(end, now)), format!("copy: {why}"))
        }
        None => bound_cells(seen, now),
    };
    vec![
        seen.id.as_str().into(),
        seen.tag("Name").into(),
        seen.instance_type.as_str().into(),
        seen.region.as_str().into(),
        seen.state.word().into(),
        seen.owner().into(),
        launched.into(),
        launched.map(|at| minutes(now.duration_since(at))).into(),
        until.into(),
        left.into(),
        said.into(),
        seen.reason.as_deref().into(),
    ]
}

/// Returns the deadline, the time left and the bound of an instance with its own tags.
fn bound_cells(seen: &InstanceView, now: Timestamp) -> (Option<Timestamp>, Option<String>, String) {
    const PAUSED: &str = "paused while it is stopped";
    match (bound(seen), paused_budget(seen)) {
        // Running time that is used up before the cap, if it is started again now.
        (LifeBound::At(cap, _), Some(budget)) if later(now, budget) < cap => {
            (None, Some(minutes(budget)), PAUSED.to_string())
        }
        (LifeBound::At(at, tag), _) => (Some(at), Some(left(at, now)), tag.to_string()),
        (LifeBound::Paused(budget), _) => (None, budget.map(format_span), PAUSED.to_string()),
        (LifeBound::Restarted(_), _) => (None, None, "unknown (restarted without spawnd)".to_string()),
        (LifeBound::Unreadable(why), _) => (None, None, why),
        (LifeBound::None, _) => (None, None, "no tag bounds its life".to_string()),
    }
}

fn left(until: Timestamp, now: Timestamp) -> String {
    let left = until.duration_since(now);
    if left.is_negative() { format!("over for {}", minutes(-left)) } else { minutes(left) }
}

/// Formats a span, rounded down to the minute. A span below one minute keeps its seconds.
fn minutes(span: SignedDuration) -> String {
    let seconds = span.as_secs();
    format_span(SignedDuration::from_secs(if seconds >= 60 { seconds - seconds % 60 } else { seconds }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_spans_down_to_the_minute() {
        let check = |seconds: i64, expected: &str| {
            assert_eq!(minutes(SignedDuration::from_secs(seconds)), expected, "{seconds}");
        };
        check(59, "59s");
        check(60, "1m");
        check(3_719, "1h1m");
        check(0, "0s");
        check(-5, "0s");
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(left(now + SignedDuration::from_secs(119), now), "1m");
        assert_eq!(left(now - SignedDuration::from_secs(7_200), now), "over for 2h");
    }
}
