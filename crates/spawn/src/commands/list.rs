use std::time::Duration;

use clap::Args;
use console::{Exit, Failure, FailureKind, OutputFormat, Printer, suggest_closest};
use domain::parse_span;
use fleet::bound::LaunchIndex;
use fleet::instance::{InstanceState, InstanceView};
use fleet::owner::owns;
use fleet::ports::{CallerAccount, InstanceSelector};

use crate::costs::OnDemandPrices;
use crate::listing::{ListedInstance, ListingSources, list_report};
use crate::open_ports::OpenPorts;
use crate::owner::owners;
use crate::regions::{self, RegionScan};
use crate::{Ports, names_cache};

/// List the instances launched by spawn, in every region that the account can use.
///
/// The table shows the time left, the cost and the ports that are open to the world; --columns help
/// lists all columns. A stopped instance keeps the time that was left when it was stopped. Of one
/// that was started again without spawnd, the time left is unknown. A copy has the tags of another
/// instance. `idle` comes from the heartbeat of spawnd, which is up to 15 minutes old.
///
/// Costs are computed from the on-demand prices of the local data, without a network. A cost with ≥
/// leaves out disks, addresses, or the running time before the last start. Spot instances have no
/// cost here, because their price changes.
///
/// A region that could not be read has a row with the reason, and the exit code is 1. Terminated
/// instances are left out, unless --state names them. Exit code 3 when there is no instance.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Regions to list [default: all that the account can use]
    #[arg(long, value_name = "REGION", value_delimiter = ',')]
    pub region: Vec<String>,
    /// States to list, such as running or stopped [default: all except terminated]
    #[arg(long, value_name = "STATE", value_delimiter = ',')]
    pub state: Vec<String>,
    /// List instances with this tag, KEY or KEY=VALUE; may be repeated, and all must match
    #[arg(long, value_name = "TAG")]
    pub tag: Vec<String>,
    /// List your own instances: those of the setting owner and of your credentials
    #[arg(long)]
    pub mine: bool,
    /// Show the table again and again, with this pause [default: 10s], until Ctrl-C
    #[arg(long, value_name = "SPAN", num_args = 0..=1, require_equals = true, default_missing_value = "10s")]
    pub watch: Option<String>,
    /// Columns to print, separated by commas, in this order; help lists them
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub columns: Vec<String>,
}

pub(crate) fn run_list(args: &ListArgs, ports: &Ports<'_>, printer: &mut Printer) -> Result<Exit, Failure> {
    let filter = ListFilter::read(args)?;
    let pause = args.watch.as_deref().map(|span| read_pause(span, printer)).transpose()?;
    printer.columns(args.columns.clone());
    if printer.lists_columns() {
        printer.report(&list_report(&[], &[]), ports.encode)?;
        return Ok(Exit::Done);
    }
    let Some(pause) = pause else { return list_once(args, &filter, ports, printer) };
    loop {
        printer.clear_screen()?;
        match list_once(args, &filter, ports, printer) {
            Ok(_) => {}
            // A region that was not read may be there in the next round.
            Err(failure) if failure.kind == FailureKind::Broken => printer.failure(&failure),
            Err(failure) => return Err(failure),
        }
        printer.flush()?;
        (ports.wait)(pause);
    }
}

/// Reads the pause between two tables.
fn read_pause(span: &str, printer: &Printer) -> Result<Duration, Failure> {
    if printer.format() != OutputFormat::Table {
        return Err(Failure::usage(format!("--watch shows a table, not {}", printer.format()))
            .hint("leave -o out, or list once without --watch"));
    }
    let pause = parse_span(span).ok().and_then(|span| Duration::try_from(span).ok());
    pause.ok_or_else(|| {
        Failure::usage(format!("--watch \"{span}\" is not a span; expected one such as 10s or 1m"))
            .hint("spawn list --watch=10s")
    })
}

fn list_once(
    args: &ListArgs,
    filter: &ListFilter,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let progress = printer.progress("querying all regions");
    let (caller, usable) = regions::read_account(ports)?;
    let chosen = regions::choose_regions(&args.region, &caller, &usable)?;
    let found = regions::query_regions(ports.instances, &chosen, InstanceSelector::All, caller.now);
    names_cache::remember(&found, &caller.account, &chosen, ports);
    drop(progress);
    let (ours, others): (Vec<&InstanceView>, Vec<&InstanceView>) =
        found.seen.iter().partition(|seen| seen.managed());
    let others = others.iter().filter(|seen| seen.state != InstanceState::Terminated).count();
    if others > 0 {
        printer.note(&format!("{others} more were not launched by spawn"));
    }
    let mine = args.mine.then(|| owners(ports.settings, &caller));
    let shown: Vec<&InstanceView> =
        ours.iter().copied().filter(|seen| filter.fits(seen, mine.as_deref())).collect();
    printer.relative_to(found.at);
    if shown.is_empty() && found.gaps.is_empty() {
        printer.note(&no_match(&ours, &chosen, &caller));
        return Ok(Exit::NothingMatched);
    }
    print_rows(&shown, &found, ports, printer)?;
    found.fail_on_gap().map(|()| Exit::Done)
}

fn print_rows(
    shown: &[&InstanceView],
    found: &RegionScan,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let sources = ListingSources {
        launches: LaunchIndex::new(&found.seen),
        prices: OnDemandPrices::read(shown, ports, printer, found.at),
        open_ports: OpenPorts::read(shown, ports, printer),
        now: found.at,
    };
    let listed: Vec<ListedInstance<'_>> =
        shown.iter().map(|seen| ListedInstance::new(seen, &sources)).collect();
    printer.report(&list_report(&listed, &found.gaps), ports.encode)?;
    if let Some(age) = sources.prices.age(found.at) {
        let age = if age == "today" { "of today".to_string() } else { format!("{age} old") };
        printer.note(&format!("costs: on-demand prices, {age}"));
    }
    Ok(())
}

/// Returns why no instance is listed.
fn no_match(ours: &[&InstanceView], chosen: &[String], caller: &CallerAccount) -> String {
    let regions = match chosen {
        [one] => one.clone(),
        _ => format!("{} regions", chosen.len()),
    };
    let alive = ours.iter().filter(|seen| seen.state != InstanceState::Terminated).count();
    match alive {
        0 => format!("no match: spawn launched no instance in {regions} of account {}", caller.account),
        1 => format!("no match: the instance of spawn in {regions} has other properties"),
        _ => format!("no match: the {alive} instances of spawn in {regions} have other properties"),
    }
}

/// The instances to list.
struct ListFilter {
    /// The states; empty for all except terminated.
    states: Vec<InstanceState>,
    /// Tags, each with its value if that matters.
    tags: Vec<(String, Option<String>)>,
}

impl ListFilter {
    fn read(args: &ListArgs) -> Result<ListFilter, Failure> {
        let states = args.state.iter().map(|word| read_state(word)).collect::<Result<_, _>>()?;
        let tags = args.tag.iter().map(|text| read_tag(text)).collect::<Result<_, _>>()?;
        Ok(ListFilter { states, tags })
    }

    fn fits(&self, seen: &InstanceView, mine: Option<&[String]>) -> bool {
        let state = match self.states.as_slice() {
            [] => seen.state != InstanceState::Terminated,
            states => states.contains(&seen.state),
        };
        let has = |(key, value): &(String, Option<String>)| {
            seen.tag(key).is_some_and(|own| value.as_deref().is_none_or(|value| value == own))
        };
        let is_mine =
            |mine: &[String]| seen.owner().is_some_and(|owner| mine.iter().any(|own| owns(own, owner)));
        state && self.tags.iter().all(has) && mine.is_none_or(is_mine)
    }
}

fn read_state(word: &str) -> Result<InstanceState, Failure> {
    let words = InstanceState::ALL.map(InstanceState::word);
    InstanceState::ALL.into_iter().find(|state| state.word() == word.trim()).ok_or_else(|| {
        Failure::usage(format!("--state \"{word}\" is not a state{}", suggest_closest(word, words)))
            .hint(format!("the states are {}", words.join(", ")))
    })
}

fn read_tag(text: &str) -> Result<(String, Option<String>), Failure> {
    let (key, value) = match text.split_once('=') {
        Some((key, value)) => (key, Some(value.to_string())),
        None => (text, None),
    };
    if key.is_empty() {
        return Err(Failure::usage(format!("--tag \"{text}\" has no key"))
            .hint("spawn list --tag project=ml, or --tag project for any value"));
    }
    Ok((key.to_string(), value))
}
