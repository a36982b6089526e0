//! Which instances have outlived their time, and may be ended by whoever asks.
//!
//! Looking, deciding and acting are three things: [`plan`] decides from what was seen, and when it comes to
//! acting [`still`] decides again from a second look, so that what is acted on is a subset of what was shown.
//! Only what is certain is overdue: a bound that cannot be read is reported and never acted upon, and an
//! instance stays when nobody could see whether it is protected.

use crate::cloud::{How, Seen};
use domain::format_span;
use domain::later;
use lifecycle::tag::{self, Expiry, Intent, OnExpiry, Predecessor};
use lifecycle::Action;
use domain::{Known, Timestamp};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// After deadline and grace: ten minutes until the dead-man acts, and three in which the machine goes down.
pub const SLACK: SignedDuration = SignedDuration::from_mins(13);

/// For whom is reaped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asks {
    /// The account whose instances they are.
    pub account: String,
    /// Owners whose instances may be ended.
    pub owners: Vec<String>,
}

/// What is to be done, shown before anything is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// AWS's clock when it was made.
    pub made: Timestamp,
    /// For whom.
    pub asks: Asks,
    /// What is to end.
    pub ends: Vec<End>,
    /// What stays, and why.
    pub left: Vec<Left>,
}

/// One instance that is to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// The region's code.
    pub region: String,
    /// Its id.
    pub id: String,
    /// How.
    pub how: How,
    /// Since when it should be gone: the bound, the grace and [`SLACK`] were over then.
    pub overdue_since: Timestamp,
    /// The tag that says the bound.
    pub bound: String,
    /// The spot request to cancel first: it might launch another instance.
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
    /// Why.
    pub why: Why,
}

/// Why an instance stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// spawn did not launch it, or somebody took the tag away.
    NotManaged,
    /// It is of another account.
    OtherAccount,
    /// It is somebody else's.
    OtherOwner(String),
    /// No tag says whose it is.
    OwnerUnknown,
    /// It is ending already, or has ended.
    Over,
    /// It is stopped, and a stop is all that was agreed; its disks cost.
    StoppedAlready,
    /// It is due then at the earliest.
    Within(Timestamp),
    /// It is stopped: its budget stands still, and no cap is over.
    Paused,
    /// No tag bounds its life.
    Unbounded,
    /// What bounds its life cannot be read.
    Unreadable(String),
    /// AWS protects it.
    Protected,
    /// Nobody could see whether AWS protects it.
    ProtectionUnseen(String),
    /// Nobody could see what its spot request would do.
    SpotUnseen(String),
}

impl Why {
    /// The reason as a fragment.
    pub fn sentence(&self) -> String {
        match self {
            Why::NotManaged => "not launched by spawn".to_string(),
            Why::OtherAccount => "of another account".to_string(),
            Why::OtherOwner(owner) => format!("owned by {owner}"),
            Why::OwnerUnknown => "no tag says whose it is".to_string(),
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

    /// Whether somebody should look after it: its life is not known to be bounded.
    pub fn is_worrying(&self) -> bool {
        matches!(self, Why::Unbounded | Why::Unreadable(_) | Why::ProtectionUnseen(_) | Why::SpotUnseen(_))
    }
}

/// What bounds a life, seen from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bound {
    /// It ends then, by the tag that is named.
    At(Timestamp, &'static str),
    /// The budget stands still with so much left, and no cap is set.
    Paused(Option<SignedDuration>),
    /// There is a bound, and it cannot be read: why.
    Unreadable(String),
    /// No tag bounds it.
    None,
}

impl Plan {
    /// Instances that would be in the plan if they are not protected, which was not seen yet: region and id.
    pub fn to_ask(&self) -> impl Iterator<Item = (&str, &str)> {
        let unseen = self.left.iter().filter(|left| matches!(left.why, Why::ProtectionUnseen(_)));
        unseen.map(|left| (left.region.as_str(), left.id.as_str()))
    }
}

/// The plan for what was seen, as of `now` on AWS's clock.
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

/// What of a plan still holds after a second look: exactly these are acted on. The others come with the reason;
/// none where it was not seen again, or is to end in another way now.
pub fn still(shown: &Plan, seen: &[Seen], now: Timestamp) -> (Vec<End>, Vec<(End, Option<Why>)>) {
    let again = plan(seen, &shown.asks, now);
    let (mut holds, mut dropped) = (Vec::new(), Vec::new());
    for end in &shown.ends {
        let same = |other: &&End| (&other.region, &other.id, other.how) == (&end.region, &end.id, end.how);
        match again.ends.iter().find(same) {
            // The request to cancel is the one that is there now.
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
        Known::Absent => return Err(Why::ProtectionUnseen("AWS did not say".to_string())),
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

/// Since when it is overdue, and by which tag. Each bound that can be read is one that no other puts off, so
/// the first that is over decides, whatever the others say.
fn overdue(seen: &Seen, slack: SignedDuration, now: Timestamp) -> Result<(Timestamp, &'static str), Why> {
    let begun = match (&seen.launched, seen.state.runs()) {
        // Who was just started gets the time in which the daemon says anew what is left.
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

/// What is done with it; a stop that AWS would refuse is a termination.
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

/// What bounds a life, by its tags: the earlier of budget and cap, and unreadable where one of them is. A budget
/// bounds only what runs.
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
        // The daemon takes it back within minutes; until then nobody outside knows since when it runs.
        Ok(Intent::Paused(left)) => {
            let left = format_span(left);
            Bound::Unreadable(format!(
                "it runs, and tag {} says that it is paused with {left} left",
                tag::EXPIRY
            ))
        }
        Ok(Intent::Running(until)) if seen.state.runs() => Bound::At(until, tag::EXPIRY),
        // It was stopped without a word: what is left is known to nobody but its own disk.
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
