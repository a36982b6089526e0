//! Writes a change of an instance's terms, and reads it back.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::{Known, SignedDuration, Timestamp};
use fleet::instance::InstanceView;
use fleet::ports::{FleetError, InstanceSelector};
use fleet::terms_change::{TermsChange, TermsProblem, TermsRequest, TermsStep, current_budget, left};
use lifecycle::tag::{self, BudgetIntent, ExpiryTag, StartTag};

use crate::Ports;
use crate::regions::query_regions;

/// The pause between two reads of an instance.
pub(crate) const READ_PAUSE: Duration = Duration::from_secs(3);
/// The most failed reads in sequence.
const FAILED_READS: u32 = 5;

/// An instance as it was read last, and AWS's clock then.
#[derive(Debug, Clone)]
pub(crate) struct InstanceReading {
    pub(crate) seen: InstanceView,
    pub(crate) now: Timestamp,
}

/// The reason why the terms were not changed.
#[derive(Debug)]
pub(crate) enum TermsFailure {
    /// The change is not possible.
    Problem(TermsProblem),
    /// AWS refused to write the tag.
    Refused(FleetError),
    /// The tag may have been written, and could not be read back: the reason.
    Unread(String),
}

impl TermsFailure {
    /// Returns the reason as a fragment for messages.
    pub(crate) fn sentence(&self) -> String {
        let tag = tag::EXPIRY;
        match self {
            TermsFailure::Problem(problem) => problem.sentence(),
            TermsFailure::Refused(error) => format!("the tag {tag} could not be written: {error}"),
            TermsFailure::Unread(why) => format!("the tag {tag} could not be read back: {why}"),
        }
    }
}

/// Returns the running time left of an instance; none if that is unknown or it has ended.
pub(crate) fn time_left(reading: &InstanceReading) -> Option<SignedDuration> {
    let budget = current_budget(&reading.seen).ok().filter(|_| !reading.seen.state.is_over());
    budget.map(|budget| left(budget, reading.now))
}

/// Returns the end of the budget of a running instance.
pub(crate) fn end_of_running(reading: &InstanceReading) -> Option<Timestamp> {
    match current_budget(&reading.seen).ok()? {
        BudgetIntent::Running(until) if reading.seen.state.runs() => Some(until),
        BudgetIntent::Running(_) | BudgetIntent::Paused(_) => None,
    }
}

/// Reads one instance again.
///
/// # Errors
/// The region could not be queried, or EC2 does not show the instance.
pub(crate) fn read_again(seen: &InstanceView, ports: &Ports<'_>) -> Result<InstanceReading, String> {
    let (regions, ids) = ([seen.region.clone()], [seen.id.clone()]);
    let scan = query_regions(ports.instances, &regions, InstanceSelector::Ids(&ids), Timestamp::MIN);
    if let Some((_, why)) = scan.gaps.first() {
        return Err(why.clone());
    }
    let found = scan.seen.into_iter().find(|found| found.id == seen.id);
    found.map(|seen| InstanceReading { seen, now: scan.at }).ok_or("EC2 does not show it".to_string())
}

/// Changes the terms of an instance and reads the change back. Returns the instance as it was read
/// last, and the tag; none if there was nothing to change.
///
/// # Errors
/// The change is not possible, was refused, or could not be read back.
pub(crate) fn change_terms(
    reading: InstanceReading,
    request: TermsRequest,
    ports: &Ports<'_>,
) -> Result<(InstanceReading, Option<ExpiryTag>), TermsFailure> {
    let mut change = TermsChange::new(request);
    let mut reading = reading;
    loop {
        match change.next(&reading.seen, reading.now) {
            TermsStep::Write(tag) => match write(&reading.seen, tag, ports) {
                Ok(()) => {}
                Err(FleetError::Failed(_)) => {
                    change.doubt();
                    (ports.wait)(READ_PAUSE);
                }
                Err(refused) => return Err(TermsFailure::Refused(refused)),
            },
            TermsStep::ReadAgain => (ports.wait)(READ_PAUSE),
            TermsStep::Done(tag) => return Ok((reading, Some(tag))),
            TermsStep::Unchanged => return Ok((reading, None)),
            TermsStep::Refused(problem) => return Err(TermsFailure::Problem(problem)),
            TermsStep::Unread => return Err(TermsFailure::Unread("it shows an older value".to_string())),
        }
        reading = read_patiently(&reading, ports)?;
    }
}

fn read_patiently(before: &InstanceReading, ports: &Ports<'_>) -> Result<InstanceReading, TermsFailure> {
    let mut failed = 0;
    loop {
        match read_again(&before.seen, ports) {
            Ok(reading) => return Ok(reading),
            Err(why) if failed == FAILED_READS => return Err(TermsFailure::Unread(why)),
            Err(_) => failed += 1,
        }
        (ports.wait)(READ_PAUSE);
    }
}

/// Writes the tag, and in the same call the start that its instant belongs to.
fn write(seen: &InstanceView, expiry: ExpiryTag, ports: &Ports<'_>) -> Result<(), FleetError> {
    let mut tags = BTreeMap::from([(tag::EXPIRY.to_string(), expiry.encode())]);
    if let Known::Is(at) = seen.launched {
        let start = StartTag { generation: expiry.generation, at };
        tags.insert(tag::START.to_string(), start.encode());
    }
    ports.instances.write_tags(&seen.region, &seen.id, &tags)
}
