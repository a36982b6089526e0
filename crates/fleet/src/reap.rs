//! Finds instances that have outlived their time and that the caller may end.
//!
//! The query, the decision and the action are separate. [`plan`] decides from one query. Before the
//! action, [`still`] decides again from a second query, so that the actions are a subset of the
//! plan that was shown. An instance is overdue only if that is certain: a bound that cannot be read
//! is reported and never acted upon, and an instance stays if its protection could not be read.
//!
//! An instance whose tags are those of another one ([`crate::bound`]) is reported, and stays until
//! the cap counted from its own launch.
//!
//! An instance is overdue at the earlier of its expiry and its cap, both at least the last start,
//! plus the slack. Of a stopped instance only the cap counts, and the limit for stopped instances
//! if the scope has one. If `spawn:on-expiry` is missing, the mildest action and the longest grace
//! period apply. Protection is requested only for instances that would end. A cancelled spot
//! request comes before the end of its instance, one call ends one instance, and its state is read
//! back.

use crate::bound::{self, LaunchIndex, LifeBound, copy_end};
use crate::instance::{InstanceState, InstanceView, ReapAction};
use crate::owner::{is_same_role, owns};
use domain::{Known, Timestamp, format_span, later};
use jiff::SignedDuration;
use lifecycle::EndAction;
use lifecycle::tag::{self, OnExpiryTag};
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
    /// Instances that have been stopped for this long are terminated too, because their disks cost
    /// money without an end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_for: Option<SignedDuration>,
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
    /// Since when it is overdue although it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overdue_since: Option<Timestamp>,
}

impl KeptInstance {
    /// Whether a person must look at it: it is overdue, or that could not be judged.
    pub fn needs_person(&self) -> bool {
        self.overdue_since.is_some() || self.why.is_worrying()
    }
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
    /// It belongs to another session of the caller's role.
    OtherSession(String),
    /// It has no owner tag.
    OwnerUnknown,
    /// It is ending already, or has ended.
    Over,
    /// It is stopped, and the terms ask for no more; its disks cost money.
    StoppedAlready,
    /// It is overdue at this instant at the earliest.
    Within(Timestamp),
    /// It was started again without spawnd: it is overdue at this instant at the earliest.
    Restarted(Timestamp),
    /// Its tags are those of another instance: the reason. It stays until the cap, counted from its
    /// own launch, is overdue at this instant.
    Copy(String, Timestamp),
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
    /// It is stopped, and EC2 does not say since when.
    StopUnseen,
}

impl KeepReason {
    /// Returns the reason as a fragment for messages.
    pub fn sentence(&self) -> String {
        match self {
            KeepReason::NotManaged => "not launched by spawn".to_string(),
            KeepReason::OtherAccount => "of another account".to_string(),
            KeepReason::OtherOwner(owner) => format!("owned by {owner}"),
            KeepReason::OtherSession(owner) => format!("owned by {owner}, another session of the role"),
            KeepReason::OwnerUnknown => "no tag names its owner".to_string(),
            KeepReason::Over => "ending already".to_string(),
            KeepReason::StoppedAlready => "stopped already, as agreed; its disks cost".to_string(),
            KeepReason::Within(due) => format!("not overdue before {due:.0}"),
            KeepReason::Restarted(due) => {
                format!("restarted without spawnd, so its time left is unknown; not overdue before {due:.0}")
            }
            KeepReason::Copy(why, due) => format!("a copy: {why}; not overdue before {due:.0}"),
            KeepReason::Paused => "stopped, so its running time does not count".to_string(),
            KeepReason::Unbounded => "no tag bounds its life".to_string(),
            KeepReason::Unreadable(why) => why.clone(),
            KeepReason::Protected => "protected by AWS".to_string(),
            KeepReason::ProtectionUnseen(why) => format!("its protection could not be seen: {why}"),
            KeepReason::SpotUnseen(why) => format!("its spot request could not be seen: {why}"),
            KeepReason::StopUnseen => "EC2 does not say since when it is stopped".to_string(),
        }
    }

    /// Whether an instance that was overdue is still so although it stays for this reason.
    pub fn leaves_overdue(&self) -> bool {
        let kept =
            matches!(self, KeepReason::OtherOwner(_) | KeepReason::OtherSession(_) | KeepReason::Protected);
        kept || matches!(self, KeepReason::OwnerUnknown) || self.is_worrying()
    }

    /// Whether a user should check it: its life is not known to be bounded.
    pub fn is_worrying(&self) -> bool {
        matches!(
            self,
            KeepReason::Unbounded
                | KeepReason::Unreadable(_)
                | KeepReason::ProtectionUnseen(_)
                | KeepReason::SpotUnseen(_)
                | KeepReason::StopUnseen
        )
    }
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
    let launches = LaunchIndex::new(seen);
    for one in seen {
        match judge_instance(one, &launches, asks, now) {
            Ok(end) => plan.ends.push(end),
            Err((why, overdue_since)) => {
                let (region, id) = (one.region.clone(), one.id.clone());
                plan.left.push(KeptInstance { region, id, why, overdue_since });
            }
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

/// A decision about one instance: its end, or the reason to keep it and since when it is overdue
/// nevertheless.
type Judgement = Result<ReapTarget, (KeepReason, Option<Timestamp>)>;

fn judge_instance(
    seen: &InstanceView,
    launches: &LaunchIndex<'_>,
    asks: &ReapScope,
    now: Timestamp,
) -> Judgement {
    let keep = |why| (why, None);
    if seen.account != asks.account {
        return Err(keep(KeepReason::OtherAccount));
    }
    if !seen.managed() {
        return Err(keep(KeepReason::NotManaged));
    }
    if seen.state.is_over() {
        return Err(keep(KeepReason::Over));
    }
    let judged = judge_time(seen, launches, asks, now);
    if let Err(why) = other_owner(seen, asks) {
        return Err(match judged {
            Ok((due, ..)) => (why, Some(due)),
            Err((unjudged, since)) if unjudged.is_worrying() => (unjudged, since),
            Err((_, since)) => (why, since),
        });
    }
    let (due, bound, how) = judged?;
    let protection = match &seen.protected {
        Known::Is(false) => None,
        Known::Is(true) => Some(KeepReason::Protected),
        Known::Absent => Some(KeepReason::ProtectionUnseen("AWS did not report it".to_string())),
        Known::Unseen(why) => Some(KeepReason::ProtectionUnseen(why.clone())),
    };
    if let Some(why) = protection {
        return Err((why, Some(due)));
    }
    let cancel = seen.spot.as_ref().filter(|_| how == ReapAction::Terminate).map(|spot| spot.request.clone());
    Ok(ReapTarget {
        region: seen.region.clone(),
        id: seen.id.clone(),
        how,
        overdue_since: due,
        bound,
        cancel,
    })
}

fn other_owner(seen: &InstanceView, asks: &ReapScope) -> Result<(), KeepReason> {
    let owner = seen.owner().ok_or(KeepReason::OwnerUnknown)?;
    if asks.owners.iter().any(|own| owns(own, owner)) {
        return Ok(());
    }
    let session = asks.owners.iter().any(|own| is_same_role(own, owner));
    Err(if session {
        KeepReason::OtherSession(owner.to_string())
    } else {
        KeepReason::OtherOwner(owner.to_string())
    })
}

/// A decision about the time of an instance: since when it is overdue, by which bound, and how it
/// is ended.
type TimeJudgement = Result<(Timestamp, String, ReapAction), (KeepReason, Option<Timestamp>)>;

/// Judges an instance by its terms, and then by the limit for stopped instances.
fn judge_time(
    seen: &InstanceView,
    launches: &LaunchIndex<'_>,
    asks: &ReapScope,
    now: Timestamp,
) -> TimeJudgement {
    let judged = judge_terms(seen, launches, now);
    let limit = asks.stopped_for.filter(|_| seen.state == InstanceState::Stopped && judged.is_err());
    match (limit, seen.stopped) {
        (None, _) => judged,
        (Some(_), None) => Err((KeepReason::StopUnseen, None)),
        (Some(limit), Some(since)) if later(since, limit) > now => judged,
        (Some(limit), Some(since)) => {
            let bound = format!("the limit of {} for stopped instances", format_span(limit));
            Ok((later(since, limit), bound, ReapAction::Terminate))
        }
    }
}

fn judge_terms(seen: &InstanceView, launches: &LaunchIndex<'_>, now: Timestamp) -> TimeJudgement {
    let said = seen.tag(tag::ON_EXPIRY).map_or(Ok(OnExpiryTag::UNSAID), OnExpiryTag::decode);
    let said = said.map_err(|error| (KeepReason::Unreadable(error.to_string()), None))?;
    let slack = said.grace + SLACK;
    let by_tags = overdue(seen, slack, now);
    let judged = match launches.copy_reason(seen).zip(copy_end(seen)) {
        None => by_tags.map_err(|why| (why, None)),
        Some((_, end)) if later(end, slack) <= now => Ok((later(end, slack), tag::CAP)),
        Some((why, end)) => Err((KeepReason::Copy(why, later(end, slack)), by_tags.ok().map(|(due, _)| due))),
    };
    let (due, bound) = judged?;
    Ok((due, bound.to_string(), how(seen, said.action).map_err(|why| (why, None))?))
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
    let readable = [bound::budget(seen), bound::cap(seen)].into_iter().filter_map(|bound| match bound {
        LifeBound::At(at, tag) => Some((due(at), tag)),
        LifeBound::Restarted(latest) => Some((due(latest), tag::EXPIRY)),
        _ => None,
    });
    let readable = readable.min();
    if let Some(over) = readable.filter(|(due, _)| *due <= now) {
        return Ok(over);
    }
    Err(match bound::bound(seen) {
        LifeBound::Restarted(latest) => {
            KeepReason::Restarted(readable.map_or_else(|| due(latest), |(due, _)| due))
        }
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
