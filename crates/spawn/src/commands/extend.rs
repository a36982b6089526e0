use catalog::{Field, Page, Value, ValueType};
use clap::Args;
use console::{Exit, Failure, Printer, Report};
use domain::{SignedDuration, Timestamp, format_span, is_shell_word, later, parse_span};
use fleet::bound::LaunchIndex;
use fleet::instance::{InstanceState, InstanceView};
use fleet::terms_change::{TermsChange, TermsProblem, TermsRequest, TermsStep};
use lifecycle::tag::{self, ExpiryTag};

use crate::Ports;
use crate::acknowledge::{Confirmation, acknowledge, power_off_instant, shows_spawnd};
use crate::launcher::order::parse_end;
use crate::names::find_targets;
use crate::terms::{InstanceReading, TermsFailure, change_terms, end_of_running, time_left};

/// Give instances more running time, at most up to their cap.
///
/// The new end is written to the tag spawn:expiry under the next generation and read back. Then the
/// instance confirms it: spawnd by its tag within 90 seconds, else through ssh. Without spawnd, the
/// dead-man timer is moved through ssh. If nothing confirms the new end, the exit code is 1, and
/// the message says when the instance powers itself off.
///
/// A stopped instance gets the time for its next start; spawnd takes it over then. --until names
/// the end of a running instance, which must be later than its present one.
#[derive(Debug, Args)]
#[command(override_usage = "spawn extend [OPTIONS] <NAME>... <SPAN>\n       \
                            spawn extend [OPTIONS] --until <TIME> <NAME>...")]
pub struct ExtendArgs {
    /// Names or ids, or the beginning of one; several are allowed. Without --until the last word is
    /// the time to add: 90m, 2h, 1d
    #[arg(value_name = "NAME", required = true)]
    pub words: Vec<String>,
    /// The new end: eod (18:00), 18:00, "fri 18:00", or an instant such as 2026-12-24T18:00:00Z;
    /// clock times are local
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Regions to look in [default: all that the account can use]
    #[arg(long, value_name = "REGION", value_delimiter = ',')]
    pub region: Vec<String>,
    /// Show the new end, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// The result for one instance.
struct ExtendResult {
    reading: InstanceReading,
    /// The time left before the extension.
    before: Option<SignedDuration>,
    outcome: ExtendOutcome,
}

enum ExtendOutcome {
    Planned,
    /// It is extended, and this confirms it.
    Extended(&'static str),
    /// It is not extended, or that was not confirmed: the reason, and the next command to type.
    Failed(String, Option<String>),
}

pub(crate) fn run_extend(
    args: &ExtendArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let (names, request) = read_request(args, ports)?;
    let progress = printer.progress("querying all regions");
    let found = find_targets(names, &args.region, ports)?;
    progress.set_message("waiting until the instances confirm the new end".to_string());
    let launches = LaunchIndex::new(&found.scan.seen);
    let extend_one = |seen: InstanceView| {
        let reading = InstanceReading { now: found.scan.at, seen };
        match refusal(&reading.seen, &launches) {
            Some(outcome) => ExtendResult { before: time_left(&reading), reading, outcome },
            None if args.dry_run => preview(reading, request),
            None => extend(reading, request, ports),
        }
    };
    let results: Vec<ExtendResult> = found.instances.into_iter().map(extend_one).collect();
    drop(progress);
    printer.relative_to(results.iter().map(|result| result.reading.now).max().unwrap_or(found.scan.at));
    printer.report(&report(&results), ports.encode)?;
    if args.dry_run {
        printer.note("nothing was changed");
    }
    conclude(&results)
}

/// Returns the names and the wanted change.
fn read_request<'a>(
    args: &'a ExtendArgs,
    ports: &Ports<'_>,
) -> Result<(&'a [String], TermsRequest), Failure> {
    if let Some(text) = &args.until {
        return Ok((args.words.as_slice(), TermsRequest::ExtendTo(parse_end(text, ports)?)));
    }
    match args.words.split_last() {
        Some((span, names)) if !names.is_empty() => {
            let by = parse_span(span)
                .map_err(|error| Failure::usage(error.to_string()).hint(right_usage(names)))?;
            Ok((names, TermsRequest::Extend(by)))
        }
        _ => Err(Failure::usage("the time to add is missing").hint(right_usage(&args.words))),
    }
}

/// Returns the command for these names. A name that a shell would interpret is not repeated.
fn right_usage(names: &[String]) -> String {
    let names = names.iter().map(|name| if is_shell_word(name) { name } else { "NAME" });
    let names = names.collect::<Vec<_>>().join(" ");
    format!("spawn extend {names} 2h, or spawn extend {names} --until 18:00")
}

/// Refuses an extension that could not take effect.
fn refusal(seen: &InstanceView, launches: &LaunchIndex<'_>) -> Option<ExtendOutcome> {
    let state = seen.state.word();
    let (why, hint) = match seen.state {
        state if state.is_over() => (format!("it is {}", state.word()), None),
        InstanceState::Stopping => {
            (format!("it is {state}"), Some("run the same command again in a minute".to_string()))
        }
        InstanceState::Stopped if !shows_spawnd(seen) => (
            "it is stopped, and no tag shows that spawnd is on it; only its own disk has its time left"
                .to_string(),
            Some(format!("spawn start {}, then extend it", seen.id)),
        ),
        _ => (format!("its tags are those of another instance: {}", launches.copy_reason(seen)?), None),
    };
    Some(ExtendOutcome::Failed(why, hint))
}

/// Computes the new end without a request.
fn preview(mut reading: InstanceReading, request: TermsRequest) -> ExtendResult {
    let before = time_left(&reading);
    let outcome = match TermsChange::new(request).next(&reading.seen, reading.now) {
        TermsStep::Write(tag) => {
            reading.seen.tags.insert(tag::EXPIRY.to_string(), tag.encode());
            ExtendOutcome::Planned
        }
        TermsStep::Refused(problem) => failed(&reading, &problem),
        _ => ExtendOutcome::Planned,
    };
    ExtendResult { reading, before, outcome }
}

fn extend(reading: InstanceReading, request: TermsRequest, ports: &Ports<'_>) -> ExtendResult {
    let before = time_left(&reading);
    let previous = before.map(|left| later(reading.now, left));
    match change_terms(reading.clone(), request, ports) {
        Ok((reading, Some(tag))) => {
            let (reading, outcome) = confirm(reading, tag, previous, ports);
            ExtendResult { reading, before, outcome }
        }
        Ok((reading, None)) => {
            let outcome = ExtendOutcome::Failed("the tag was not changed".to_string(), None);
            ExtendResult { reading, before, outcome }
        }
        Err(TermsFailure::Problem(problem)) => {
            ExtendResult { outcome: failed(&reading, &problem), reading, before }
        }
        Err(failure) => {
            ExtendResult { reading, before, outcome: ExtendOutcome::Failed(failure.sentence(), None) }
        }
    }
}

fn failed(reading: &InstanceReading, problem: &TermsProblem) -> ExtendOutcome {
    let hint = match problem {
        TermsProblem::AfterCap(_, most) if most.as_secs() >= 60 => {
            let most = format_span(SignedDuration::from_mins(most.as_mins()));
            Some(format!("spawn extend {} {most}", reading.seen.id))
        }
        TermsProblem::Stopped(_) => Some(format!("spawn extend {} 2h adds to it", reading.seen.id)),
        TermsProblem::Restarted => {
            Some(format!("spawn deliver {} puts spawnd on it, which knows the time", reading.seen.id))
        }
        _ => None,
    };
    ExtendOutcome::Failed(problem.sentence(), hint)
}

/// Has the instance confirm its new end. Where no tag shows spawnd, an extension that nothing
/// confirms is withdrawn, because the dead-man does not know of it.
fn confirm(
    reading: InstanceReading,
    changed: ExpiryTag,
    previous: Option<Timestamp>,
    ports: &Ports<'_>,
) -> (InstanceReading, ExtendOutcome) {
    if !reading.seen.state.runs() {
        return (reading, ExtendOutcome::Extended("the next start"));
    }
    let why = match acknowledge(&reading, changed, ports) {
        Ok(Confirmation::Daemon) => return (reading, ExtendOutcome::Extended("spawnd")),
        Ok(Confirmation::DeadMan) => return (reading, ExtendOutcome::Extended("the dead-man")),
        Err(why) => why,
    };
    let id = reading.seen.id.clone();
    // An instance of the predecessor has no dead-man.
    let has_dead_man = !tag::PREDECESSOR.iter().any(|key| reading.seen.tag(key).is_some());
    let off = previous.filter(|_| has_dead_man).map(|until| power_off_instant(&reading.seen, until));
    let off = off.map_or(String::new(), |at| format!("; it powers itself off at {at:.0}"));
    if shows_spawnd(&reading.seen) {
        let why = format!("the tag is written, but spawnd did not confirm it within 90s: {why}{off}");
        return (reading, ExtendOutcome::Failed(why, Some(format!("spawn status {id} --why"))));
    }
    let withdrawn = match previous {
        Some(until) => change_terms(reading.clone(), TermsRequest::Withdraw(changed, until), ports),
        None => Ok((reading.clone(), None)),
    };
    let hint = Some(format!("spawn deliver {id} puts spawnd on it, which reads the tag"));
    match withdrawn {
        Ok((reading, _)) => (reading, ExtendOutcome::Failed(format!("{why}{off}"), hint)),
        Err(failure) => (reading, ExtendOutcome::Failed(format!("{why}{off}; {}", failure.sentence()), hint)),
    }
}

fn conclude(results: &[ExtendResult]) -> Result<Exit, Failure> {
    let mut failures = results.iter().filter_map(|result| match &result.outcome {
        ExtendOutcome::Failed(why, hint) => Some((format!("extend {}: {why}", result.reading.seen.id), hint)),
        ExtendOutcome::Planned | ExtendOutcome::Extended(_) => None,
    });
    let Some((first, hint)) = failures.next() else { return Ok(Exit::Done) };
    let message = match failures.count() {
        0 if results.len() == 1 => first,
        more => format!("{} of {} failed; {first}", more + 1, results.len()),
    };
    Err(Failure { hint: hint.clone(), ..Failure::broken(message) })
}

/// Columns of the table without --columns.
const DEFAULT_COLUMNS: &[&str] =
    &["instance_id", "name", "region", "outcome", "time_left", "until", "confirmed_by", "why"];

fn report(results: &[ExtendResult]) -> Report {
    let fields = [
        ("instance_id", ValueType::Text),
        ("name", ValueType::Text),
        ("region", ValueType::Text),
        ("outcome", ValueType::Text),
        ("time_left", ValueType::Text),
        ("until", ValueType::Timestamp),
        ("confirmed_by", ValueType::Text),
        ("why", ValueType::Text),
        ("state", ValueType::Text),
        ("time_left_before", ValueType::Text),
    ];
    let fields = fields.into_iter().map(|(name, ty)| Field::new(name, ty)).collect();
    Report::plain(Page { fields, rows: results.iter().map(row).collect() }).default_columns(DEFAULT_COLUMNS)
}

fn row(result: &ExtendResult) -> Vec<Value> {
    let seen = &result.reading.seen;
    let (outcome, confirmed_by, why) = match &result.outcome {
        ExtendOutcome::Planned => ("planned", None, None),
        ExtendOutcome::Extended(by) => ("extended", Some(*by), None),
        ExtendOutcome::Failed(why, _) => ("failed", None, Some(why.as_str())),
    };
    vec![
        seen.id.as_str().into(),
        seen.name().into(),
        seen.region.as_str().into(),
        outcome.into(),
        time_left(&result.reading).map(format_span).into(),
        end_of_running(&result.reading).into(),
        confirmed_by.into(),
        why.into(),
        seen.state.word().into(),
        result.before.map(format_span).into(),
    ]
}
