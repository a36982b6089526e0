//! Carries a launch to its outcome, and continues interrupted ones.

use std::collections::BTreeMap;

use console::{Exit, Failure, Printer};
use domain::Timestamp;
use fleet::instance::{InstanceState, InstanceView};
use fleet::launch::{
    LaunchEffect, LaunchEvent, LaunchOutcome, LaunchProgress, LaunchRecord, LaunchRefusal, step,
};
use fleet::ports::{CallerAccount, InstanceSelector, RegionInstances};

use crate::Ports;
use crate::delivery::{DeliveredDaemon, DeliveryMethod, push};
use crate::instance_traces::write_traces;
use crate::journal::{LaunchJournal, LaunchLock};
use crate::launcher::environment::write_environment;
use crate::launcher::prepared::context_of;
use crate::launcher::report::launch_report;
use crate::ports::{cloud_failure, refused_failure};
use crate::prices::price_of;
use crate::ssh::SessionOptions;

/// Continues every launch that is not settled and that no other program continues.
pub(crate) fn resume(ports: &Ports<'_>, printer: &mut Printer) -> Result<Exit, Failure> {
    let journal = LaunchJournal::open(&ports.journal_folder())?;
    let open = journal.open_launches()?;
    if open.is_empty() {
        printer.note("every launch is settled");
        return Ok(Exit::NothingMatched);
    }
    let caller = ports.account.caller().map_err(cloud_failure)?;
    printer.relative_to(caller.now);
    let mut ended = Ok(Exit::Done);
    for launch in open {
        if launch.account != caller.account {
            printer.note(&format!("launch {} is of account {}: skipped", launch.id, launch.account));
            continue;
        }
        let Some(lock) = journal.lock(&launch.id)? else {
            printer.note(&format!("launch {} is under way in another program: skipped", launch.id));
            continue;
        };
        let launch = journal.read_again(&launch)?;
        if !launch.is_open() {
            journal.release(lock, &launch);
            continue;
        }
        let exit = drive_to_outcome(launch, lock, &caller, &journal, ports, printer).and_then(
            |(launch, outcome)| report_outcome(&launch, outcome, &BTreeMap::new(), &caller, ports, printer),
        );
        match exit {
            Ok(Exit::Done) => {}
            other if ended.is_ok() => ended = other,
            Err(failure) => printer.failure(&failure),
            Ok(_) => {}
        }
    }
    ended
}

/// Drives a launch to its outcome, and releases its lock.
pub(crate) fn drive_to_outcome(
    launch: LaunchRecord,
    lock: LaunchLock,
    caller: &CallerAccount,
    journal: &LaunchJournal,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<(LaunchRecord, LaunchOutcome), Failure> {
    let progress = printer.progress(&format!("launching in {}", launch.request.region));
    let begun = (ports.clock)();
    let now = || caller.now + (ports.clock)().duration_since(begun);
    let driven = drive(launch, &now, journal, ports);
    drop(progress);
    let (launch, outcome) = driven?;
    journal.release(lock, &launch);
    Ok((launch, outcome))
}

/// Carries out the effects of `fleet` in order. When one fails, the later ones are not done.
fn drive(
    launch: LaunchRecord,
    now: &dyn Fn() -> Timestamp,
    journal: &LaunchJournal,
    ports: &Ports<'_>,
) -> Result<(LaunchRecord, LaunchOutcome), Failure> {
    let mut launching = LaunchProgress::new(launch);
    let mut event = LaunchEvent::Begin;
    loop {
        let (next, effects) = step(launching, event, now());
        launching = next;
        let mut heard = None;
        for effect in effects {
            match effect {
                LaunchEffect::Save => journal.save(&launching.launch)?,
                LaunchEffect::Send => {
                    let launch = &launching.launch;
                    heard = Some(LaunchEvent::Reply(
                        ports.instances.launch_once(&launch.request, &launch.token()),
                    ));
                }
                LaunchEffect::Look => {
                    heard = Some(LaunchEvent::Found(query_launch(&launching.launch, ports)))
                }
                LaunchEffect::Wait(span) => {
                    (ports.wait)(span.unsigned_abs());
                    heard = Some(LaunchEvent::Waited);
                }
                LaunchEffect::Tell(outcome) => return Ok((launching.launch, outcome)),
            }
        }
        event = heard.expect("a step without an outcome waits for an event");
    }
}

fn query_launch(launch: &LaunchRecord, ports: &Ports<'_>) -> Result<Vec<InstanceView>, String> {
    let regions = [launch.request.region.clone()];
    let looked: Option<RegionInstances> =
        ports.instances.list_instances(&regions, InstanceSelector::Launch(&launch.id)).into_iter().next();
    looked.map_or_else(|| Err("no region was queried".to_string()), |looked| looked.seen)
}

/// Reports the outcome of a launch. A running instance gets spawnd, and these environment
/// variables, first.
pub(crate) fn report_outcome(
    launch: &LaunchRecord,
    outcome: LaunchOutcome,
    variables: &BTreeMap<String, String>,
    caller: &CallerAccount,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let again = "spawn launch --resume checks again";
    match outcome {
        LaunchOutcome::Running(seen) => {
            let reported = report_instance(launch, &seen, variables, ports, printer);
            let host = write_traces(&seen, caller, caller.now, ports, printer);
            if reported.is_ok() {
                let host =
                    host.map_or_else(|| format!("spawn connect {}", seen.id), |host| format!("ssh {host}"));
                printer.note(&format!("{host} opens a shell on it"));
            }
            reported
        }
        LaunchOutcome::Unread(id, why) => {
            Err(Failure::broken(format!("{id} was launched, but could not be read back: {why}")).hint(again))
        }
        LaunchOutcome::Refused(LaunchRefusal { code, why }) => {
            Err(refused_failure(&code, format!("nothing was launched: {why}"), &context_of(launch)))
        }
        LaunchOutcome::Ended(Some(seen)) => {
            let why = reason(&seen);
            let message = format!("{} ended before it was seen running{why}", seen.id);
            Err(refused_failure(reason_code(&seen), message, &context_of(launch)))
        }
        LaunchOutcome::Ended(None) => {
            Err(Failure::broken(format!("the instance of launch {} is terminated already", launch.id)))
        }
        LaunchOutcome::Nothing => {
            printer.note(&format!("launch {} has no instance, and will get none", launch.id));
            Ok(Exit::NothingMatched)
        }
        LaunchOutcome::Open(why) => {
            Err(Failure::broken(format!("the outcome of the launch is unknown: {why}")).hint(again))
        }
        LaunchOutcome::Several(ids) => {
            Err(Failure::broken(format!("one launch has several instances: {}", ids.join(", ")))
                .hint("this is a bug: check each instance, and please report it"))
        }
    }
}

/// Reports an instance that exists, and how it differs from the request.
fn report_instance(
    launch: &LaunchRecord,
    seen: &InstanceView,
    variables: &BTreeMap<String, String>,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let price = price_of(&launch.request, seen.platform(), ports, launch.planned).ok();
    let delivered = deliver(launch, seen, variables, ports, printer);
    let daemon = delivered.as_ref().ok().and_then(|daemon| daemon.as_ref());
    printer.report(&launch_report(launch, Some(seen), price.as_ref(), daemon), ports.encode)?;
    let differences = launch.request.differences(seen);
    differences.iter().for_each(|difference| printer.note(difference));
    if !seen.state.runs() {
        let (id, state) = (&seen.id, seen.state.word());
        return Err(Failure::broken(format!("{id} was launched and is {state}{}", reason(seen))));
    }
    if differences.is_empty() {
        if delivered?.is_none() {
            printer.note(match DeliveryMethod::parse(&launch.access.deliver)? {
                DeliveryMethod::Push | DeliveryMethod::None => {
                    "spawnd is not installed: the dead-man timer and spawn reap limit its life"
                }
                DeliveryMethod::Address(_) | DeliveryMethod::Bucket(_) => {
                    "the instance gets spawnd by itself; until then the dead-man timer and spawn reap limit its \
                     life, and spawn list shows the version when it is there"
                }
            });
        }
        return Ok(Exit::Done);
    }
    if let Err(failure) = delivered {
        printer.failure(&failure);
    }
    Err(Failure::broken(format!("{} differs from the request", seen.id))
        .hint(format!("aws ec2 terminate-instances --region {} --instance-ids {}", seen.region, seen.id)))
}

/// Sends spawnd and the environment variables to a running instance, if the launch has chosen that.
fn deliver(
    launch: &LaunchRecord,
    seen: &InstanceView,
    variables: &BTreeMap<String, String>,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<Option<DeliveredDaemon>, Failure> {
    if seen.state != InstanceState::Running
        || DeliveryMethod::parse(&launch.access.deliver)? != DeliveryMethod::Push
    {
        return Ok(None);
    }
    printer.note(&format!("{} runs; sending spawnd to it", seen.id));
    let progress = printer.progress(&format!("sending spawnd to {}", seen.id));
    let options = SessionOptions {
        user: launch.access.user.clone(),
        jump: launch.access.jump.clone(),
        ..SessionOptions::default()
    };
    let daemon = push(seen, &options, ports)?;
    if !variables.is_empty() {
        write_environment(variables, seen, &options, ports)?;
    }
    drop(progress);
    Ok(Some(daemon))
}

/// Returns EC2's reason for the state of an instance, as the end of a sentence.
fn reason(seen: &InstanceView) -> String {
    seen.reason.as_ref().map_or(", and EC2 gives no reason".to_string(), |reason| format!(": {reason}"))
}

/// Returns the code at the beginning of EC2's reason, such as `Client.InternalError`.
fn reason_code(seen: &InstanceView) -> &str {
    seen.reason.as_deref().and_then(|reason| reason.split(':').next()).unwrap_or_default()
}
