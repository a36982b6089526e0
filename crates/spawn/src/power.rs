//! Carries out changes of power: the steps of `fleet::power`, each read back.

use std::time::Duration;

use domain::{Known, Timestamp, later};
use fleet::bound::LaunchIndex;
use fleet::instance::{InstanceState, InstanceView, PowerRequest};
use fleet::ports::{FleetError, InstanceSelector};
use fleet::power::{PowerPlan, PowerRefusal, PowerVerb, check_protection, plan};
use fleet::terms_change::{TermsRequest, current_budget, stopped_terms};
use lifecycle::tag::BudgetIntent;

use crate::Ports;
use crate::regions::query_regions;
use crate::remains::{Remains, query_remains};
use crate::terms::{InstanceReading, change_terms};

/// Reads of a state after a request, and the pause between two: five minutes.
const READINGS: u32 = 60;
const PAUSE: Duration = Duration::from_secs(5);
/// After this many reads, a request without an answer is taken for one that never arrived.
const DOUBTFUL_READINGS: u32 = 6;

/// The result for one instance.
#[derive(Debug)]
pub(crate) enum PowerOutcome {
    /// Nothing was sent yet.
    Planned,
    /// Nothing was sent, and nothing will be: the reason.
    Refused(PowerRefusal),
    /// AWS accepted the request, or its answer was lost with this reason.
    Sent(Option<String>),
    /// The state was read back.
    Done,
    /// It was not changed, or that could not be read back: the reason.
    Failed(String),
}

/// One instance to change.
pub(crate) struct PowerTarget {
    pub(crate) reading: InstanceReading,
    /// The steps, or none where they were refused.
    pub(crate) plan: Option<PowerPlan>,
    pub(crate) outcome: PowerOutcome,
    /// The resources that remain after a termination.
    pub(crate) remains: Remains,
    /// The end of the budget before a stop, so that a refused stop can be taken back.
    resumes: Option<Timestamp>,
}

impl PowerTarget {
    /// Plans the change of an instance.
    pub(crate) fn new(
        reading: InstanceReading,
        launches: &LaunchIndex<'_>,
        verb: PowerVerb,
        owners: &[String],
    ) -> PowerTarget {
        let planned = plan(&reading.seen, launches, verb, owners, reading.now);
        let (plan, outcome) = match planned {
            Ok(plan) => (Some(plan), PowerOutcome::Planned),
            Err(refusal) => (None, PowerOutcome::Refused(refusal)),
        };
        PowerTarget { reading, plan, outcome, remains: Ok(Vec::new()), resumes: None }
    }

    /// Returns the name that its user knows: the tag, or the id.
    pub(crate) fn name(&self) -> &str {
        self.reading.seen.name().unwrap_or(&self.reading.seen.id)
    }

    /// Refuses a termination that AWS would refuse.
    pub(crate) fn read_protection(&mut self, ports: &Ports<'_>) {
        let seen = &self.reading.seen;
        if self.plan.as_ref().is_none_or(|plan| plan.sends.is_none()) {
            return;
        }
        let answer = ports.instances.read_protection(&seen.region, &seen.id);
        let protected = answer.map_or_else(|error| Known::Unseen(error.to_string()), Known::Is);
        if let Err(refusal) = check_protection(&protected) {
            (self.plan, self.outcome) = (None, PowerOutcome::Refused(refusal));
        }
    }

    fn fail(&mut self, why: String) {
        self.outcome = PowerOutcome::Failed(why);
    }

    /// Performs the steps up to the request to EC2.
    fn send(&mut self, verb: PowerVerb, ports: &Ports<'_>) {
        let Some(plan) = self.plan.clone() else { return };
        if verb == PowerVerb::Terminate {
            self.remains = query_remains(ports.instances, &self.reading.seen, false);
        }
        if plan.pauses && !self.pause(ports) {
            return;
        }
        let (region, id) = (self.reading.seen.region.clone(), self.reading.seen.id.clone());
        if let Some(request) = &plan.cancels
            && let Err(error) = ports.instances.cancel_spot_request(&region, request)
        {
            return self.fail(format!("its spot request {request} could not be cancelled: {error}"));
        }
        self.outcome = PowerOutcome::Sent(None);
        let Some(request) = plan.sends else { return };
        let sent = match ports.instances.change_power(&region, &id, request) {
            Err(FleetError::Refused { .. }) if verb == (PowerVerb::Hibernate { or_stop: true }) => {
                ports.instances.change_power(&region, &id, PowerRequest::Stop)
            }
            sent => sent,
        };
        match sent {
            Ok(()) => {}
            Err(FleetError::Failed(why)) => self.outcome = PowerOutcome::Sent(Some(why)),
            Err(refused) => self.give_up(refused.to_string(), ports),
        }
    }

    /// Writes the budget as paused. Returns false after a failure.
    fn pause(&mut self, ports: &Ports<'_>) -> bool {
        if let Ok(budget) = current_budget(&self.reading.seen) {
            self.resumes = Some(match budget {
                BudgetIntent::Running(until) => until,
                BudgetIntent::Paused(left) => later(self.reading.now, left),
            });
        }
        match change_terms(self.reading.clone(), TermsRequest::Pause, ports) {
            Ok((reading, _)) => self.reading = reading,
            Err(failure) => self.fail(failure.sentence()),
        }
        matches!(self.outcome, PowerOutcome::Planned)
    }

    /// Records a failure. A pause of an instance that still runs is taken back.
    fn give_up(&mut self, why: String, ports: &Ports<'_>) {
        let paused = self.plan.as_ref().is_some_and(|plan| plan.pauses) && self.reading.seen.state.runs();
        let resumed = match self.resumes.filter(|_| paused) {
            Some(until) => change_terms(self.reading.clone(), TermsRequest::Resume(until), ports),
            None => Ok((self.reading.clone(), None)),
        };
        match resumed {
            Ok((reading, _)) => {
                self.reading = reading;
                self.fail(why);
            }
            Err(failure) => {
                self.fail(format!("{why}; its budget is still paused, because {}", failure.sentence()));
            }
        }
    }

    /// Performs the steps after the request that this state allows. `reading_number` counts from
    /// zero.
    fn advance(&mut self, reading_number: u32, ports: &Ports<'_>) {
        let PowerOutcome::Sent(doubt) = &self.outcome else { return };
        let (doubt, state) = (doubt.clone(), self.reading.seen.state);
        let Some(plan) = self.plan.clone() else { return };
        if plan.sends == Some(PowerRequest::Reboot) {
            // EC2 shows no state for a reboot.
            self.outcome = doubt.map_or(PowerOutcome::Done, PowerOutcome::Failed);
            return;
        }
        if let Some(terms) = plan.begins.filter(|_| state.runs()) {
            match change_terms(self.reading.clone(), TermsRequest::Start(terms), ports) {
                Ok((reading, _)) => self.reading = reading,
                Err(failure) => return self.fail(format!("it was started, but {}", failure.sentence())),
            }
            self.plan = Some(PowerPlan { begins: None, ..plan.clone() });
        }
        let reached = match plan.reaches {
            InstanceState::Terminated => state.is_over(),
            reaches => state == reaches,
        };
        if reached {
            self.outcome = PowerOutcome::Done;
        } else if state.is_over() {
            self.fail(format!("it is {}{}", state.word(), because(&self.reading.seen)));
        } else if let Some(why) =
            doubt.filter(|_| reading_number >= DOUBTFUL_READINGS && !is_under_way(&plan, state))
        {
            self.give_up(why, ports);
        } else if plan.reaches == InstanceState::Running
            && state == InstanceState::Stopped
            && reading_number >= DOUBTFUL_READINGS
        {
            self.fail_start(ports);
        }
    }

    /// Handles a start that ended in the state stopped again: the budget is paused again.
    fn fail_start(&mut self, ports: &Ports<'_>) {
        let because = because(&self.reading.seen);
        let paused = change_terms(self.reading.clone(), TermsRequest::Pause, ports);
        let why = paused.err().map_or(String::new(), |failure| format!("; {}", failure.sentence()));
        self.fail(format!("it is stopped again{because}{why}"));
    }
}

/// Whether a state shows that the request of a plan arrived.
fn is_under_way(plan: &PowerPlan, state: InstanceState) -> bool {
    match plan.reaches {
        InstanceState::Stopped => state == InstanceState::Stopping,
        InstanceState::Running => state.runs(),
        _ => false,
    }
}

fn because(seen: &InstanceView) -> String {
    seen.reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"))
}

/// Changes the instances, and reads their states back until each has reached its own. A failure of
/// one does not stop the others.
pub(crate) fn carry_out(targets: &mut [PowerTarget], verb: PowerVerb, ports: &Ports<'_>) {
    if verb == PowerVerb::Start {
        await_stops(targets, ports);
    }
    targets.iter_mut().for_each(|target| target.send(verb, ports));
    for reading_number in 0..READINGS {
        if reading_number > 0 {
            (ports.wait)(PAUSE);
        }
        if !read_open(targets, ports, |target| matches!(target.outcome, PowerOutcome::Sent(_))) {
            return;
        }
        targets.iter_mut().for_each(|target| target.advance(reading_number, ports));
    }
    for target in targets.iter_mut().filter(|target| matches!(target.outcome, PowerOutcome::Sent(_))) {
        let state = target.reading.seen.state.word();
        target.give_up(format!("AWS accepted it, and after five minutes it is {state}"), ports);
    }
}

/// Waits until instances that are stopping are stopped, because EC2 starts no other ones. Their
/// daemon may have written the time left at the last moment, so it is read again.
fn await_stops(targets: &mut [PowerTarget], ports: &Ports<'_>) {
    let stops = |target: &PowerTarget| target.reading.seen.state == InstanceState::Stopping;
    for _ in 0..READINGS {
        if !targets.iter().any(stops) {
            break;
        }
        (ports.wait)(PAUSE);
        read_open(targets, ports, stops);
    }
    for target in targets {
        if stops(target) {
            target.fail("it is still stopping after five minutes".to_string());
            target.plan = None;
        } else if let Some(plan) = &mut target.plan {
            plan.begins = plan.begins.and_then(|_| stopped_terms(&target.reading.seen));
        }
    }
}

/// Reads the instances again for which `open` holds. Returns false if there is none.
fn read_open(targets: &mut [PowerTarget], ports: &Ports<'_>, open: impl Fn(&PowerTarget) -> bool) -> bool {
    let wanted: Vec<&PowerTarget> = targets.iter().filter(|target| open(target)).collect();
    if wanted.is_empty() {
        return false;
    }
    let mut regions: Vec<String> = wanted.iter().map(|target| target.reading.seen.region.clone()).collect();
    regions.sort();
    regions.dedup();
    let ids: Vec<String> = wanted.iter().map(|target| target.reading.seen.id.clone()).collect();
    let scan = query_regions(ports.instances, &regions, InstanceSelector::Ids(&ids), Timestamp::MIN);
    for target in targets.iter_mut().filter(|target| open(target)) {
        if let Some(seen) = scan.seen.iter().find(|seen| seen.id == target.reading.seen.id) {
            target.reading = InstanceReading { seen: seen.clone(), now: scan.at };
        }
    }
    true
}
