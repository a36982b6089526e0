use std::time::Duration;

use catalog::{Field, Value, ValueType};
use clap::Args;
use console::{Align, Exit, Failure, Printer, Report, TableColumn, TableView};
use domain::{Known, format_span};
use fleet::bound::LaunchIndex;
use fleet::instance::{InstanceState, InstanceView};
use lifecycle::LifeStatus;
use lifecycle::tag::HeartbeatTag;

use crate::Ports;
use crate::costs::OnDemandPrices;
use crate::listing::{ListedInstance, ListingSources, page};
use crate::names::{TargetArgs, find_targets};
use crate::open_ports::OpenPorts;
use crate::ssh::{Session, SessionOptions, configured_options};

/// Show everything that is known about instances, and with --why the reason that keeps them up.
///
/// With --why, spawnd on the instance explains each idle signal over ssh: its value, its threshold
/// and its effect. If the instance cannot be reached, the explanation comes from the heartbeat in
/// its tags, which has the load of the last minutes and no thresholds.
#[derive(Debug, Args)]
pub struct SpawnStatusArgs {
    #[command(flatten)]
    pub targets: TargetArgs,
    /// Explain each idle signal
    #[arg(long)]
    pub why: bool,
}

/// The time limit of the explanation over ssh.
const LIMIT: Duration = Duration::from_secs(20);
/// The words that make spawnd print its status.
const ASK: [&str; 3] = ["spawnd", "status", "--json"];

/// The reasons that keep an instance up, or let it end.
#[derive(Debug, Default)]
struct IdleExplanation {
    /// `spawnd` or `heartbeat`; none if there is neither.
    source: Option<&'static str>,
    sentences: Vec<String>,
    /// Why spawnd could not be asked.
    unreached: Option<String>,
}

pub(crate) fn run_status(
    args: &SpawnStatusArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let progress = printer.progress("querying all regions");
    let found = find_targets(&args.targets.names, &args.targets.region, ports)?;
    drop(progress);
    let now = found.scan.at;
    printer.relative_to(now);
    let seen: Vec<&InstanceView> = found.instances.iter().collect();
    let sources = ListingSources {
        launches: LaunchIndex::new(&found.scan.seen),
        prices: OnDemandPrices::read(&seen, ports, printer, now),
        open_ports: OpenPorts::read(&seen, ports, printer),
        now,
    };
    let listed: Vec<ListedInstance<'_>> =
        seen.iter().map(|seen| ListedInstance::new(seen, &sources)).collect();
    let why: Vec<IdleExplanation> = match args.why {
        true => {
            let options = configured_options(ports)?;
            listed.iter().map(|one| explain(one, &options, ports)).collect()
        }
        false => Vec::new(),
    };
    printer.report(&report(&listed, &why), ports.encode)?;
    Ok(Exit::Done)
}

/// Asks spawnd over ssh, and reads the heartbeat if it cannot be reached.
fn explain(one: &ListedInstance<'_>, options: &SessionOptions, ports: &Ports<'_>) -> IdleExplanation {
    match ask_daemon(one.seen, options, ports) {
        Ok(status) => {
            IdleExplanation { source: Some("spawnd"), sentences: daemon_sentences(&status), unreached: None }
        }
        Err(why) => {
            let sentences = one.heartbeat.as_ref().map(heartbeat_sentences).unwrap_or_default();
            let source = one.heartbeat.as_ref().map(|_| "heartbeat");
            IdleExplanation { source, sentences, unreached: Some(why) }
        }
    }
}

fn ask_daemon(
    seen: &InstanceView,
    options: &SessionOptions,
    ports: &Ports<'_>,
) -> Result<LifeStatus, String> {
    if seen.state != InstanceState::Running {
        return Err(format!("it is {}", seen.state.word()));
    }
    let failed = |failed: crate::ssh::SessionFailure| failed.failure.message;
    let session = Session::open(seen, options, ports).map_err(failed)?;
    let output = session.run(&ASK, b"", LIMIT).map_err(failed)?;
    if output.code != Some(0) {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(format!("spawnd status failed: {}", text.lines().next().unwrap_or("no message")));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("its status cannot be read: {error}"))
}

/// Returns the lines of `spawnd status --why`.
fn daemon_sentences(status: &LifeStatus) -> Vec<String> {
    let signals = status.signals.iter().map(|one| format!("{}: {}", one.signal.name(), one.sentence));
    let leases = status.leases.iter().map(|(name, seconds)| format!("lease {name}: {seconds} s"));
    let troubles = status.troubles.iter().map(|trouble| format!("warning: {trouble}"));
    let heartbeat = format!("heartbeat: {}", status.heartbeat.sentence);
    status.sentences().into_iter().chain(signals).chain([heartbeat]).chain(leases).chain(troubles).collect()
}

/// Returns the figures of a heartbeat. A device that the machine does not have is left out.
fn heartbeat_sentences(beat: &HeartbeatTag) -> Vec<String> {
    const MIB: f64 = 1_048_576.0;
    let over = format_span(beat.over);
    let mib = |bytes: &u64| format!("{:.1} MiB in {over}", *bytes as f64 / MIB);
    let percent = |value: &f64| format!("{value:.1} % in {over}");
    let figures = &beat.figures;
    let idle = match beat.idle_since {
        Some(since) => format!("nothing has counted as work since {since:.0}"),
        None => "something counts as work".to_string(),
    };
    let lines = [
        figure("cpu", &figures.cpu, percent),
        figure("network in", &figures.network_in, mib),
        figure("network out", &figures.network_out, mib),
        figure("disk", &figures.disk, mib),
        figure("gpu", &figures.gpu, percent),
        figure("gpu memory", &figures.gpu_memory, |bytes| format!("{:.1} MiB", *bytes as f64 / MIB)),
    ];
    [idle].into_iter().chain(lines.into_iter().flatten()).collect()
}

fn figure<T>(name: &str, value: &Known<T>, show: impl Fn(&T) -> String) -> Option<String> {
    match value {
        Known::Is(value) => Some(format!("{name}: {}", show(value))),
        Known::Unseen(why) => Some(format!("{name}: unknown, {why}")),
        Known::Absent => None,
    }
}

/// Returns the report: one row for each instance, and for people one line for each fact.
fn report(listed: &[ListedInstance<'_>], why: &[IdleExplanation]) -> Report {
    let mut page = page(listed);
    if !why.is_empty() {
        let texts = ValueType::List(Box::new(ValueType::Text));
        page.fields.push(Field::new("explained_by", ValueType::Text));
        page.fields.push(Field::new("explanation", texts));
        page.fields.push(Field::new("unreached", ValueType::Text));
        for (row, why) in page.rows.iter_mut().zip(why) {
            let sentences = why.sentences.iter().map(|line| Value::Text(line.clone())).collect();
            row.extend([why.source.into(), Value::List(sentences), why.unreached.clone().into()]);
        }
    }
    let mut rows = Vec::new();
    for (at, one) in listed.iter().enumerate() {
        if at > 0 {
            rows.push(vec![String::new(), String::new()]);
        }
        let facts = one.facts().into_iter();
        rows.extend(facts.map(|(fact, value)| vec![fact.to_string(), value]));
        rows.extend(why.get(at).map(why_rows).unwrap_or_default());
    }
    let columns = ["Fact", "Value"].map(|header| TableColumn::only_in_tables(header, Align::Left)).to_vec();
    Report { page, table: Some(TableView { columns, rows, marked: Vec::new() }), ..Report::default() }
}

fn why_rows(why: &IdleExplanation) -> Vec<Vec<String>> {
    let heading = match (why.source, &why.unreached) {
        (Some("spawnd"), _) => "spawnd explains".to_string(),
        (_, Some(reason)) => format!("spawnd was not reached: {reason}"),
        (_, None) => String::new(),
    };
    let first = vec!["Why".to_string(), heading];
    let lines = why.sentences.iter().map(|line| vec![String::new(), line.clone()]);
    let missing = (why.source.is_none())
        .then(|| vec![String::new(), "no heartbeat of this start is in its tags".to_string()]);
    [first].into_iter().chain(lines).chain(missing).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_is_explained_without_the_devices_that_are_not_there() {
        let text = "v1;at=2026-11-23T10:00:00Z;over=900;cpu=12.50;network-in=1048576;network-out=2048;disk=unseen;\
                    gpu=none;gpu-memory=none;idle=2026-11-23T09:00:00Z";
        let beat = HeartbeatTag::decode(text).unwrap();
        let expected = [
            "nothing has counted as work since 2026-11-23T09:00:00Z",
            "cpu: 12.5 % in 15m",
            "network in: 1.0 MiB in 15m",
            "network out: 0.0 MiB in 15m",
            "disk: unknown, the machine could not see it",
        ];
        assert_eq!(heartbeat_sentences(&beat), expected);
    }
}
