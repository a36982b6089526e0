//! Finds instances that have outlived their time and that the caller may end.
//!
//! The query, the decision and the action are separate. [`plan`] decides from one query. Before the
//! action, [`still`] decides again from a second query, so that the actions are a subset of the
//! plan that was shown. An instance is overdue only if that is certain: a bound that cannot be read
//! is reported and never acted upon, and an instance stays if its protection could not be read.

use crate::cloud::{How, Seen};
use domain::format_span;
use domain::later;
use lifecycle::tag::{self, Expiry, Intent, OnExpiry, Predecessor};
use lifecycle::Action;
use domain::{Known, Timestamp};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// The time after deadline and grace period until an instance is overdue: ten minutes until the
/// dead-man acts, and three for the shutdown.
pub const SLACK: SignedDuration = SignedDuration::from_mins(13);

/// The account and the owners that a plan is made for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asks {
    /// The account of the instances.
    pub account: String,
    /// Owners of instances that may be ended.
    pub owners: Vec<String>,
}

/// The plan of a reap, shown before any action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// AWS's clock when the plan was made.
    pub made: Timestamp,
    /// The account and the owners.
    pub asks: Asks,
    /// The instances to end.
    pub ends: Vec<End>,
    /// The instances that stay, with the reasons.
    pub left: Vec<Left>,
}

/// One instance to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// The region's code.
    pub region: String,
    /// Its id.
    pub id: String,
    /// The action.
    pub how: How,
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
pub struct Left {
    /// The region's code.
    pub region: String,
    /// Its id.
    pub id: String,
    /// The reason.
    pub why: Why,
}

/// The reason why an instance stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
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

impl Why {
    /// Returns the reason as a fragment for messages.
    pub fn sentence(&self) -> String {
        match self {
            Why::NotManaged => "not launched by spawn".to_string(),
            Why::OtherAccount => "of another account".to_string(),
            Why::OtherOwner(owner) => format!("owned by {owner}"),
            Why::OwnerUnknown => "no tag names its owner".to_string(),
            Why::Over => "ending already".to_string(),
            Why::StoppedAlready => "stopped already, as agreed; its disks cost".to_string(),
            Why::Within(due) => format!("not overdue before {due:.0}"),
            Why::Paused => "stopped, so its budget stands still".to_string(),
            Why::Unbounded => "no tag bounds its life".to_string(),
            Why::Unreadable(why) => why.clone(),
            Why::Protected => "protected by AWS".to_string(),
            Why::ProtectionUnseen(why) => format!("its protection could not be seen: {why}"),
            Why::SpotUnseen(why) => format!("its spot request could not be seen: {why}"),
        }
    }

    /// Whether a user should check it: its life is not known to be bounded.
    pub fn is_worrying(&self) -> bool {
        matches!(self, Why::Unbounded | Why::Unreadable(_) | Why::ProtectionUnseen(_) | Why::SpotUnseen(_))
    }
}

/// The bound of a life, as seen from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bound {
    /// It ends at this instant, according to this tag.
    At(Timestamp, &'static str),
    /// The budget is paused with this much left, if that is known, and no cap is set.
    Paused(Option<SignedDuration>),
    /// There is a bound, and it cannot be read: the reason.
    Unreadable(String),
    /// No tag bounds it.
    None,
}

impl Plan {
    /// Returns region and id of the instances that belong in the plan unless they are protected,
    /// which has not been read yet.
    pub fn to_ask(&self) -> impl Iterator<Item = (&str, &str)> {
        let unseen = self.left.iter().filter(|left| matches!(left.why, Why::ProtectionUnseen(_)));
        unseen.map(|left| (left.region.as_str(), left.id.as_str()))
    }
}

/// Returns the plan for these instances, as of `now` on AWS's clock.
pub fn plan(seen: &[Seen], asks: &Asks, now: Timestamp) -> Plan {
    let mut plan = Plan { made: now, asks: asks.clone(), ends: Vec::new(), left: Vec::new() };
    for one in seen {
        match judge(one, asks, now) {
            Ok(end) => plan.ends.push(end),
            Err(why) => plan.left.push(Left { region: one.region.clone(), id: one.id.clone(), why }),
        }
    }
    plan
}

/// Returns the part of a plan that still applies after a second query: exactly these instances are
/// ended. The others come with the reason to leave them; none if the instance was not found again,
/// or would now be ended in another way.
pub fn still(shown: &Plan, seen: &[Seen], now: Timestamp) -> (Vec<End>, Vec<(End, Option<Why>)>) {
    let again = plan(seen, &shown.asks, now);
    let (mut holds, mut dropped) = (Vec::new(), Vec::new());
    for end in &shown.ends {
        let same = |other: &&End| (&other.region, &other.id, other.how) == (&end.region, &end.id, end.how);
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

fn judge(seen: &Seen, asks: &Asks, now: Timestamp) -> Result<End, Why> {
    if seen.account != asks.account {
        return Err(Why::OtherAccount);
    }
    if !seen.managed() {
        return Err(Why::NotManaged);
    }
    if seen.state.is_over() {
        return Err(Why::Over);
    }
    match seen.owner() {
        None => return Err(Why::OwnerUnknown),
        Some(owner) if !asks.owners.iter().any(|own| own == owner) => {
            return Err(Why::OtherOwner(owner.to_string()));
        }
        Some(_) => {}
    }
    let said = match seen.tag(tag::ON_EXPIRY) {
        None => OnExpiry::UNSAID,
        Some(value) => OnExpiry::decode(value).map_err(|error| Why::Unreadable(error.to_string()))?,
    };
    let (due, bound) = overdue(seen, said.grace + SLACK, now)?;
    let how = how(seen, said.action)?;
    match &seen.protected {
        Known::Is(false) => {}
        Known::Is(true) => return Err(Why::Protected),
        Known::Absent => return Err(Why::ProtectionUnseen("AWS did not report it".to_string())),
        Known::Unseen(why) => return Err(Why::ProtectionUnseen(why.clone())),
    }
    let cancel = seen.spot.as_ref().filter(|_| how == How::Terminate).map(|spot| spot.request.clone());
    Ok(End {
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
fn overdue(seen: &Seen, slack: SignedDuration, now: Timestamp) -> Result<(Timestamp, &'static str), Why> {
    let begun = match (&seen.launched, seen.state.runs()) {
        // After a start, the daemon gets time to write anew how much is left.
        (Known::Is(launched), true) => *launched,
        (_, true) => return Err(Why::Unreadable("when it was started could not be seen".to_string())),
        (_, false) => Timestamp::MIN,
    };
    let due = |bound: Timestamp| later(bound.max(begun), slack);
    let readable = [budget(seen), cap(seen)].into_iter().filter_map(|bound| match bound {
        Bound::At(at, tag) => Some((due(at), tag)),
        _ => None,
    });
    if let Some(over) = readable.min().filter(|(due, _)| *due <= now) {
        return Ok(over);
    }
    Err(match bound(seen) {
        Bound::At(at, _) => Why::Within(due(at)),
        Bound::Unreadable(why) => Why::Unreadable(why),
        Bound::Paused(_) => Why::Paused,
        Bound::None => Why::Unbounded,
    })
}

/// Returns the action; a stop that AWS would refuse becomes a termination.
fn how(seen: &Seen, action: Action) -> Result<How, Why> {
    let one_time = match &seen.spot {
        None => false,
        Some(spot) => match &spot.persistent {
            Known::Is(persistent) => !persistent,
            Known::Absent => return Err(Why::SpotUnseen("AWS does not show it".to_string())),
            Known::Unseen(why) => return Err(Why::SpotUnseen(why.clone())),
        },
    };
    match action {
        Action::Terminate => Ok(How::Terminate),
        Action::Stop | Action::Hibernate if one_time => Ok(How::Terminate),
        Action::Stop | Action::Hibernate if seen.state.runs() => Ok(How::Stop),
        Action::Stop | Action::Hibernate => Err(Why::StoppedAlready),
    }
}

/// Returns the bound of a life by its tags: the earlier of budget and cap, or unreadable if one of
/// them is. A budget bounds only a running instance.
pub fn bound(seen: &Seen) -> Bound {
    match (budget(seen), cap(seen)) {
        (unreadable @ Bound::Unreadable(_), _) | (_, unreadable @ Bound::Unreadable(_)) => unreadable,
        (Bound::At(at, tag), Bound::At(cap, _)) if at <= cap => Bound::At(at, tag),
        (_, cap @ Bound::At(..)) => cap,
        (budget, _) => budget,
    }
}

fn cap(seen: &Seen) -> Bound {
    match seen.tag(tag::CAP).map(tag::decode_cap) {
        None => Bound::None,
        Some(Ok(cap)) => Bound::At(cap, tag::CAP),
        Some(Err(error)) => Bound::Unreadable(error.to_string()),
    }
}

fn budget(seen: &Seen) -> Bound {
    let Some(value) = seen.tag(tag::EXPIRY) else { return predecessor(seen) };
    match Expiry::decode(value).map(|expiry| expiry.intent) {
        Err(error) => Bound::Unreadable(error.to_string()),
        Ok(Intent::Paused(left)) if !seen.state.runs() => Bound::Paused(Some(left)),
        // The daemon withdraws the pause within minutes. Until then, the start of the running time
        // is not known outside.
        Ok(Intent::Paused(left)) => {
            let left = format_span(left);
            Bound::Unreadable(format!("it runs, but tag {} has it paused with {left} left", tag::EXPIRY))
        }
        Ok(Intent::Running(until)) if seen.state.runs() => Bound::At(until, tag::EXPIRY),
        // It was stopped without an update of the tag; only its own disk has the time left.
        Ok(Intent::Running(_)) => Bound::Paused(None),
    }
}

fn predecessor(seen: &Seen) -> Bound {
    let [ttl, deadline, ..] = tag::PREDECESSOR;
    let said = match Predecessor::read(|key| seen.tag(key).map(String::from)) {
        Err(error) => return Bound::Unreadable(error.to_string()),
        Ok(said) => said,
    };
    match (said.deadline, said.budget, &seen.launched) {
        (None, None, _) => Bound::None,
        _ if !seen.state.runs() => Bound::Paused(None),
        (Some(at), _, _) => Bound::At(at, deadline),
        (None, Some(budget), Known::Is(launched)) => Bound::At(later(*launched, budget), ttl),
        (None, Some(_), _) => Bound::Unreadable("when it was started could not be seen".to_string()),
    }
}
