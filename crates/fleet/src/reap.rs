//! Finds instances that have outlived their time and that the caller may end.
//!
//! The query, the decision and the action are separate. [`plan`] decides from one query. Before the
//! action, [`still`] decides again from a second query, so that the actions are a subset of the
//! plan that was shown. An instance is overdue only if that is certain: a bound that cannot be read
//! is reported and never acted upon, and an instance stays if its protection could not be read.
//!
//! An instance is overdue at the earlier of its expiry and its cap, both at least the last start,
//! plus the slack. Of a stopped instance only the cap counts. If `spawn:on-expiry` is missing, the
//! mildest action and the longest grace period apply. Protection is requested only for instances
//! that would end. A cancelled spot request comes before the end of its instance, one call ends one
//! instance, and its state is read back.

use crate::instance::{InstanceView, ReapAction};
use domain::format_span;
use domain::later;
use domain::{Known, Timestamp};
use jiff::SignedDuration;
use lifecycle::EndAction;
use lifecycle::tag::{self, BudgetIntent, ExpiryTag, OnExpiryTag, PredecessorTags};
use serde::{Deserialize, Serialize};

/// The time after deadline and grace period until an instance is overdue: ten minutes until the
/// dead-man acts, and three for the shutdown.
pub const SLACK: SignedDuration = SignedDuration::from_mins(13);

/// The account and the owners that a plan is made for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReapScope {
    /// The account of the instances.
    pub account: String,
    /// Owners of instances that may be ended.
    pub owners: Vec<String>,
}

/// The plan of a reap, shown before any action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReapPlan {
    /// AWS's clock when the plan was made.
    pub made: Timestamp,
    /// The account and the owners.
    pub asks: ReapScope,
    /// The instances to end.
    pub ends: Vec<ReapTarget>,
    /// The instances that stay, with the reasons.
    pub left: Vec<KeptInstance>,
}

/// One instance to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReapTarget {
    /// The region's code.
    pub region: String,
    /// Its id.
    pub id: String,
    /// The action.
    pub how: ReapAction,
    /// Since when it is overdue: the bound, the grace period and [`SLACK`] were over then.
    pub overdue_since: Timestamp,
    /// The tag with the bound.
    pub bound: String,
    /// The spot request to cancel first, because it might launch another instance.
    pub cancel: Option<String>,
}

/// One instance that stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptInstance {
    /// The region's code.
    pub region: String,
    /// Its id.
    pub id: String,
    /// The reason.
    pub why: KeepReason,
}

/// The reason why an instance stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeepReason {
    /// spawn did not launch it, or its tag was removed.
    NotManaged,
    /// It belongs to another account.
    OtherAccount,
    /// It belongs to another owner.
    OtherOwner(String),
    /// It has no owner tag.
    OwnerUnknown,
    /// It is ending already, or has ended.
    Over,
    /// It is stopped, and the terms ask for no more; its disks cost money.
    StoppedAlready,
    /// It is overdue at this instant at the earliest.
    Within(Timestamp),
    /// It is stopped: its budget is paused, and no cap is over.
    Paused,
    /// No tag bounds its life.
    Unbounded,
    /// The bound of its life cannot be read: the reason.
    Unreadable(String),
    /// AWS protects it.
    Protected,
    /// Its protection could not be read: the reason.
    ProtectionUnseen(String),
    /// The effect of its spot request could not be read: the reason.
    SpotUnseen(String),
}

impl KeepReason {
    /// Returns the reason as a fragment for messages.
    pub fn sentence(&self) -> String {
        match self {
            KeepReason::NotManaged => "not launched by spawn".to_string(),
            KeepReason::OtherAccount => "of another account".to_string(),
            KeepReason::OtherOwner(owner) => format!("owned by {owner}"),
            KeepReason::OwnerUnknown => "no tag names its owner".to_string(),
            KeepReason::Over => "ending already".to_string(),
            KeepReason::StoppedAlready => "stopped already, as agreed; its disks cost".to_string(),
            KeepReason::Within(due) => format!("not overdue before {due:.0}"),
            KeepReason::Paused => "stopped, so its running time does not count".to_string(),
            KeepReason::Unbounded => "no tag bounds its life".to_string(),
            KeepReason::Unreadable(why) => why.clone(),
            KeepReason::Protected => "protected by AWS".to_string(),
            KeepReason::ProtectionUnseen(why) => format!("its protection could not be seen: {why}"),
            KeepReason::SpotUnseen(why) => format!("its spot request could not be seen: {why}"),
        }
    }

    /// Whether a user should check it: its life is not known to be bounded.
    pub fn is_worrying(&self) -> bool {
        matches!(
            self,
            KeepReason::Unbounded
                | KeepReason::Unreadable(_)
                | KeepReason::ProtectionUnseen(_)
                | KeepReason::SpotUnseen(_)
        )
    }
}

/// The bound of a life, as seen from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LifeBound {
    /// It ends at this instant, according to this tag.
    At(Timestamp, &'static str),
    /// The budget is paused with this much left, if that is known, and no cap is set.
    Paused(Option<SignedDuration>),
    /// There is a bound, and it cannot be read: the reason.
    Unreadable(String),
    /// No tag bounds it.
    None,
}

impl ReapPlan {
    /// Returns region and id of the instances that belong in the plan unless they are protected,
    /// which has not been read yet.
    pub fn unread_protections(&self) -> impl Iterator<Item = (&str, &str)> {
        let unseen = self.left.iter().filter(|left| matches!(left.why, KeepReason::ProtectionUnseen(_)));
        unseen.map(|left| (left.region.as_str(), left.id.as_str()))
    }
}

/// Returns the plan for these instances, as of `now` on AWS's clock.
pub fn plan(seen: &[InstanceView], asks: &ReapScope, now: Timestamp) -> ReapPlan {
    let mut plan = ReapPlan { made: now, asks: asks.clone(), ends: Vec::new(), left: Vec::new() };
    for one in seen {
        match judge_instance(one, asks, now) {
            Ok(end) => plan.ends.push(end),
            Err(why) => plan.left.push(KeptInstance { region: one.region.clone(), id: one.id.clone(), why }),
        }
    }
    plan
}

/// Returns the part of a plan that still applies after a second query: exactly these instances are
/// ended. The others come with the reason to leave them; none if the instance was not found again,
/// or would now be ended in another way.
pub fn recheck(
    shown: &ReapPlan,
    seen: &[InstanceView],
    now: Timestamp,
) -> (Vec<ReapTarget>, Vec<(ReapTarget, Option<KeepReason>)>) {
    let again = plan(seen, &shown.asks, now);
    let (mut holds, mut dropped) = (Vec::new(), Vec::new());
    for end in &shown.ends {
        let same =
            |other: &&ReapTarget| (&other.region, &other.id, other.how) == (&end.region, &end.id, end.how);
        match again.ends.iter().find(same) {
            // The spot request to cancel is the current one.
            Some(now) => holds.push(now.clone()),
            None => {
                let left = again.left.iter().find(|left| left.region == end.region && left.id == end.id);
                dropped.push((end.clone(), left.map(|left| left.why.clone())));
            }
        }
    }
    (holds, dropped)
}

fn judge_instance(seen: &InstanceView, asks: &ReapScope, now: Timestamp) -> Result<ReapTarget, KeepReason> {
    if seen.account != asks.account {
        return Err(KeepReason::OtherAccount);
    }
    if !seen.managed() {
        return Err(KeepReason::NotManaged);
    }
    if seen.state.is_over() {
        return Err(KeepReason::Over);
    }
    match seen.owner() {
        None => return Err(KeepReason::OwnerUnknown),
        Some(owner) if !asks.owners.iter().any(|own| own == owner) => {
            return Err(KeepReason::OtherOwner(owner.to_string()));
        }
        Some(_) => {}
    }
    let said = match seen.tag(tag::ON_EXPIRY) {
        None => OnExpiryTag::UNSAID,
        Some(value) => {
            OnExpiryTag::decode(value).map_err(|error| KeepReason::Unreadable(error.to_string()))?
        }
    };
    let (due, bound) = overdue(seen, said.grace + SLACK, now)?;
    let how = how(seen, said.action)?;
    match &seen.protected {
        Known::Is(false) => {}
        Known::Is(true) => return Err(KeepReason::Protected),
        Known::Absent => return Err(KeepReason::ProtectionUnseen("AWS did not report it".to_string())),
        Known::Unseen(why) => return Err(KeepReason::ProtectionUnseen(why.clone())),
    }
    let cancel = seen.spot.as_ref().filter(|_| how == ReapAction::Terminate).map(|spot| spot.request.clone());
    Ok(ReapTarget {
        region: seen.region.clone(),
        id: seen.id.clone(),
        how,
        overdue_since: due,
        bound: bound.to_string(),
        cancel,
    })
}

/// Returns when the instance became overdue, and the tag that says so. The earliest readable bound
/// wins; an unreadable one never extends it.
fn overdue(
    seen: &InstanceView,
    slack: SignedDuration,
    now: Timestamp,
) -> Result<(Timestamp, &'static str), KeepReason> {
    let begun = match (&seen.launched, seen.state.runs()) {
        // After a start, the daemon gets time to write anew how much is left.
        (Known::Is(launched), true) => *launched,
        (_, true) => return Err(KeepReason::Unreadable("when it was started could not be seen".to_string())),
        (_, false) => Timestamp::MIN,
    };
    let due = |bound: Timestamp| later(bound.max(begun), slack);
    let readable = [budget(seen), cap(seen)].into_iter().filter_map(|bound| match bound {
        LifeBound::At(at, tag) => Some((due(at), tag)),
        _ => None,
    });
    if let Some(over) = readable.min().filter(|(due, _)| *due <= now) {
        return Ok(over);
    }
    Err(match bound(seen) {
        LifeBound::At(at, _) => KeepReason::Within(due(at)),
        LifeBound::Unreadable(why) => KeepReason::Unreadable(why),
        LifeBound::Paused(_) => KeepReason::Paused,
        LifeBound::None => KeepReason::Unbounded,
    })
}

/// Returns the action; a stop that AWS would refuse becomes a termination.
fn how(seen: &InstanceView, action: EndAction) -> Result<ReapAction, KeepReason> {
    let one_time = match &seen.spot {
        None => false,
        Some(spot) => match &spot.persistent {
            Known::Is(persistent) => !persistent,
            Known::Absent => return Err(KeepReason::SpotUnseen("AWS does not show it".to_string())),
            Known::Unseen(why) => return Err(KeepReason::SpotUnseen(why.clone())),
        },
    };
    match action {
        EndAction::Terminate => Ok(ReapAction::Terminate),
        EndAction::Stop | EndAction::Hibernate if one_time => Ok(ReapAction::Terminate),
        EndAction::Stop | EndAction::Hibernate if seen.state.runs() => Ok(ReapAction::Stop),
        EndAction::Stop | EndAction::Hibernate => Err(KeepReason::StoppedAlready),
    }
}

/// Returns the bound of a life by its tags: the earlier of budget and cap, or unreadable if one of
/// them is. A budget bounds only a running instance.
pub fn bound(seen: &InstanceView) -> LifeBound {
    match (budget(seen), cap(seen)) {
        (unreadable @ LifeBound::Unreadable(_), _) | (_, unreadable @ LifeBound::Unreadable(_)) => unreadable,
        (LifeBound::At(at, tag), LifeBound::At(cap, _)) if at <= cap => LifeBound::At(at, tag),
        (_, cap @ LifeBound::At(..)) => cap,
        (budget, _) => budget,
    }
}

fn cap(seen: &InstanceView) -> LifeBound {
    match seen.tag(tag::CAP).map(tag::decode_cap) {
        None => LifeBound::None,
        Some(Ok(cap)) => LifeBound::At(cap, tag::CAP),
        Some(Err(error)) => LifeBound::Unreadable(error.to_string()),
    }
}

fn budget(seen: &InstanceView) -> LifeBound {
    let Some(value) = seen.tag(tag::EXPIRY) else { return predecessor(seen) };
    match ExpiryTag::decode(value).map(|expiry| expiry.intent) {
        Err(error) => LifeBound::Unreadable(error.to_string()),
        Ok(BudgetIntent::Paused(left)) if !seen.state.runs() => LifeBound::Paused(Some(left)),
        // The daemon withdraws the pause within minutes. Until then, the start of the running time
        // is not known outside.
        Ok(BudgetIntent::Paused(left)) => {
            let left = format_span(left);
            LifeBound::Unreadable(format!("it runs, but tag {} has it paused with {left} left", tag::EXPIRY))
        }
        Ok(BudgetIntent::Running(until)) if seen.state.runs() => LifeBound::At(until, tag::EXPIRY),
        // It was stopped without an update of the tag; only its own disk has the time left.
        Ok(BudgetIntent::Running(_)) => LifeBound::Paused(None),
    }
}

fn predecessor(seen: &InstanceView) -> LifeBound {
    let [ttl, deadline, ..] = tag::PREDECESSOR;
    let said = match PredecessorTags::read(|key| seen.tag(key).map(String::from)) {
        Err(error) => return LifeBound::Unreadable(error.to_string()),
        Ok(said) => said,
    };
    match (said.deadline, said.budget, &seen.launched) {
        (None, None, _) => LifeBound::None,
        _ if !seen.state.runs() => LifeBound::Paused(None),
        (Some(at), _, _) => LifeBound::At(at, deadline),
        (None, Some(budget), Known::Is(launched)) => LifeBound::At(later(*launched, budget), ttl),
        (None, Some(_), _) => LifeBound::Unreadable("when it was started could not be seen".to_string()),
    }
}
