//! Plans a change of an instance's power: stop, hibernate, start, reboot, terminate.
//!
//! [`plan`] decides from one view of the instance; it refuses before anything is sent. The steps of
//! a [`PowerPlan`] are in an order that leaves an instance bounded wherever the caller is killed,
//! and the next call continues from the state that it finds:
//!
//! * A stop first writes the time left as paused. A daemon that still runs minutes later lets the
//!   clock run again; the next stop finds the pause and continues.
//! * A start sends the request first. If there is no capacity, the budget stays paused. A paused
//!   budget of a running instance shows an interrupted start or stop.
//! * A termination first cancels the spot request, which could launch another instance.

use crate::bound::{LaunchIndex, LifeBound, cap};
use crate::instance::{InstanceState, InstanceView, PowerRequest};
use crate::owner::owns;
use crate::terms_change::{StoppedTerms, current_budget, stopped_terms};
use domain::{Known, Timestamp, is_shell_word};
use lifecycle::tag::{self, BudgetIntent, ExpiryTag};

/// The wanted change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PowerVerb {
    /// Stop it.
    Stop {
        /// Without waiting for its operating system.
        force: bool,
    },
    /// Write its memory to its disk, and stop it.
    Hibernate {
        /// Stop it where hibernation is not possible.
        or_stop: bool,
    },
    /// Start it.
    Start,
    /// Restart its operating system.
    Reboot,
    /// Terminate it.
    Terminate,
}

impl PowerVerb {
    /// Returns the word for messages.
    pub fn word(self) -> &'static str {
        match self {
            PowerVerb::Stop { .. } => "stop",
            PowerVerb::Hibernate { .. } => "hibernate",
            PowerVerb::Start => "start",
            PowerVerb::Reboot => "reboot",
            PowerVerb::Terminate => "terminate",
        }
    }
}

/// The steps of one change, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PowerPlan {
    /// Whether the budget is written as paused.
    pub pauses: bool,
    /// The spot request to cancel.
    pub cancels: Option<String>,
    /// The request to EC2; none if an earlier call has sent it.
    pub sends: Option<PowerRequest>,
    /// The state to wait for.
    pub reaches: InstanceState,
    /// The terms that continue once the instance runs.
    pub begins: Option<StoppedTerms>,
    /// Facts that the user should know, one sentence each.
    pub notes: Vec<String>,
}

/// The reason why a change is not made. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PowerRefusal {
    /// It is ending or has ended.
    Over(InstanceState),
    /// EC2 does not do it in this state.
    State(InstanceState),
    /// It belongs to another owner.
    OtherOwner(String),
    /// AWS refuses to stop an instance of a one-time spot request.
    OneTimeSpot,
    /// Its spot request could not be read: the reason.
    SpotUnseen(String),
    /// It was launched without hibernation.
    NoHibernation,
    /// AWS protects it from stop or termination.
    Protected,
    /// Its protection could not be read: the reason.
    ProtectionUnseen(String),
}

impl PowerRefusal {
    /// Returns the reason as a fragment for messages.
    pub fn sentence(&self) -> String {
        match self {
            PowerRefusal::Over(state) => format!("it is {} and cannot come back", state.word()),
            PowerRefusal::State(state) => format!("it is {}", state.word()),
            PowerRefusal::OtherOwner(owner) => format!("it belongs to {owner}"),
            PowerRefusal::OneTimeSpot => {
                "AWS does not stop an instance of a one-time spot request".to_string()
            }
            PowerRefusal::SpotUnseen(why) => format!("its spot request could not be read: {why}"),
            PowerRefusal::NoHibernation => "it was launched without hibernation".to_string(),
            PowerRefusal::Protected => "AWS protects it".to_string(),
            PowerRefusal::ProtectionUnseen(why) => format!("its protection could not be read: {why}"),
        }
    }

    /// Returns the next command to type, for the instance with this id.
    pub fn hint(&self, verb: PowerVerb, id: &str) -> Option<String> {
        match (self, verb) {
            (PowerRefusal::Over(_), PowerVerb::Start) => Some("spawn launch starts a new one".to_string()),
            (PowerRefusal::State(InstanceState::Pending), _) => {
                Some("run the same command again in a minute".to_string())
            }
            (PowerRefusal::State(_), PowerVerb::Reboot) => Some(format!("spawn start {id}")),
            (PowerRefusal::OtherOwner(owner), _) => {
                let owner = if is_shell_word(owner) { owner } else { "ARN" };
                Some(format!("spawn {} {id} --owner {owner}, if this instance is meant", verb.word()))
            }
            (PowerRefusal::OneTimeSpot, _) => Some(format!("spawn terminate {id}")),
            (PowerRefusal::NoHibernation, _) => Some(format!("spawn hibernate {id} --or-stop")),
            (PowerRefusal::Protected, _) => Some(
                "aws ec2 modify-instance-attribute with --no-disable-api-termination or \
                 --no-disable-api-stop removes the protection"
                    .to_string(),
            ),
            _ => None,
        }
    }
}

/// Returns the steps that change an instance, as of `now` on AWS's clock. `launches` has all
/// instances that were read. Changes that interrupt work need one of these owners. A protection
/// that was not read yet does not refuse a termination.
///
/// # Errors
/// The change is not possible or not allowed.
pub fn plan(
    seen: &InstanceView,
    launches: &LaunchIndex<'_>,
    verb: PowerVerb,
    owners: &[String],
    now: Timestamp,
) -> Result<PowerPlan, PowerRefusal> {
    if verb != PowerVerb::Start {
        check_owner(seen, owners)?;
    }
    match verb {
        PowerVerb::Stop { .. } | PowerVerb::Hibernate { .. } => stop(seen, launches, verb),
        PowerVerb::Start => start(seen, launches, now),
        PowerVerb::Reboot => match seen.state {
            InstanceState::Running => Ok(bare(Some(PowerRequest::Reboot), InstanceState::Running)),
            state if state.is_over() => Err(PowerRefusal::Over(state)),
            state => Err(PowerRefusal::State(state)),
        },
        PowerVerb::Terminate => Ok(terminate(seen)),
    }
}

/// Refuses a termination that AWS would refuse, after the protection was read.
///
/// # Errors
/// AWS protects the instance, or that could not be read.
pub fn check_protection(protected: &Known<bool>) -> Result<(), PowerRefusal> {
    match protected {
        Known::Is(false) => Ok(()),
        Known::Is(true) => Err(PowerRefusal::Protected),
        Known::Absent => Err(PowerRefusal::ProtectionUnseen("AWS did not report it".to_string())),
        Known::Unseen(why) => Err(PowerRefusal::ProtectionUnseen(why.clone())),
    }
}

fn bare(sends: Option<PowerRequest>, reaches: InstanceState) -> PowerPlan {
    PowerPlan { pauses: false, cancels: None, sends, reaches, begins: None, notes: Vec::new() }
}

fn check_owner(seen: &InstanceView, owners: &[String]) -> Result<(), PowerRefusal> {
    match seen.owner() {
        Some(owner) if !owners.iter().any(|own| owns(own, owner)) => {
            Err(PowerRefusal::OtherOwner(owner.to_string()))
        }
        _ => Ok(()),
    }
}

fn stop(seen: &InstanceView, launches: &LaunchIndex<'_>, verb: PowerVerb) -> Result<PowerPlan, PowerRefusal> {
    let mut notes = Vec::new();
    let sends = match (seen.state, request_to_stop(seen, verb, &mut notes)?) {
        (state, _) if state.is_over() => return Err(PowerRefusal::Over(state)),
        (InstanceState::Pending, _) => return Err(PowerRefusal::State(InstanceState::Pending)),
        (InstanceState::Stopping, request) => Some(request).filter(|one| *one == PowerRequest::ForceStop),
        (InstanceState::Stopped, _) => None,
        (_, request) => Some(request),
    };
    if sends.is_some() {
        check_spot(seen)?;
    }
    let pauses = may_change(seen, launches, &mut notes);
    Ok(PowerPlan { pauses, notes, ..bare(sends, InstanceState::Stopped) })
}

fn request_to_stop(
    seen: &InstanceView,
    verb: PowerVerb,
    notes: &mut Vec<String>,
) -> Result<PowerRequest, PowerRefusal> {
    match verb {
        PowerVerb::Hibernate { .. } if seen.details.hibernates => Ok(PowerRequest::Hibernate),
        PowerVerb::Hibernate { or_stop: true } => {
            notes.push(format!("{}, so it is stopped", PowerRefusal::NoHibernation.sentence()));
            Ok(PowerRequest::Stop)
        }
        PowerVerb::Hibernate { or_stop: false } if !seen.state.is_over() => Err(PowerRefusal::NoHibernation),
        PowerVerb::Stop { force: true } => Ok(PowerRequest::ForceStop),
        _ => Ok(PowerRequest::Stop),
    }
}

/// Refuses a stop that AWS would refuse: that of a one-time spot instance.
fn check_spot(seen: &InstanceView) -> Result<(), PowerRefusal> {
    match seen.spot.as_ref().map(|spot| &spot.persistent) {
        None | Some(Known::Is(true)) => Ok(()),
        Some(Known::Is(false)) => Err(PowerRefusal::OneTimeSpot),
        Some(Known::Absent) => Err(PowerRefusal::SpotUnseen("AWS does not show it".to_string())),
        Some(Known::Unseen(why)) => Err(PowerRefusal::SpotUnseen(why.clone())),
    }
}

/// Whether the terms can be changed from outside. If not, the reason is noted: an instance without
/// readable terms of its own can still be stopped.
fn may_change(seen: &InstanceView, launches: &LaunchIndex<'_>, notes: &mut Vec<String>) -> bool {
    let problem = match launches.copy_reason(seen) {
        Some(why) => Some(format!("its tags are those of another instance: {why}")),
        None => current_budget(seen).err().map(|problem| problem.sentence()),
    };
    if let Some(why) = &problem {
        notes.push(format!("the tag {} stays as it is: {why}", tag::EXPIRY));
    }
    problem.is_none()
}

fn start(seen: &InstanceView, launches: &LaunchIndex<'_>, now: Timestamp) -> Result<PowerPlan, PowerRefusal> {
    let sends = match seen.state {
        state if state.is_over() => return Err(PowerRefusal::Over(state)),
        // EC2 starts it once it is stopped.
        InstanceState::Stopping | InstanceState::Stopped => Some(PowerRequest::Start),
        _ => None,
    };
    let mut notes = Vec::new();
    let copy = launches.copy_reason(seen);
    let terms = stopped_terms(seen).filter(|_| copy.is_none());
    match (&copy, &terms) {
        (Some(why), _) => {
            notes.push(format!("its tags are those of another instance and stay as they are: {why}"));
        }
        (None, Some(terms)) if terms.left.is_zero() => {
            notes.push("no running time is left; extend it as soon as it runs".to_string());
        }
        (None, Some(terms)) if !terms.known => {
            notes.push("outside, its time left is unknown; its own disk may have less".to_string());
        }
        (None, None) if sends.is_some() => {
            let why = current_budget(seen).err().map_or(String::new(), |problem| problem.sentence());
            notes.push(format!("the tag {} stays as it is: {why}", tag::EXPIRY));
        }
        _ => {}
    }
    if let LifeBound::At(cap, _) = cap(seen)
        && cap <= now
    {
        notes.push(format!("its cap was over at {cap:.0}, so it ends again within minutes"));
    }
    let begins = terms.filter(|_| sends.is_some() || is_paused(seen));
    Ok(PowerPlan { begins, notes, ..bare(sends, InstanceState::Running) })
}

fn is_paused(seen: &InstanceView) -> bool {
    let tag = seen.tag(tag::EXPIRY).and_then(|value| ExpiryTag::decode(value).ok());
    tag.is_some_and(|tag| matches!(tag.intent, BudgetIntent::Paused(_)))
}

fn terminate(seen: &InstanceView) -> PowerPlan {
    let sends = (!seen.state.is_over()).then_some(PowerRequest::Terminate);
    let cancels = seen.spot.as_ref().filter(|_| sends.is_some()).map(|spot| spot.request.clone());
    PowerPlan { cancels, ..bare(sends, InstanceState::Terminated) }
}
