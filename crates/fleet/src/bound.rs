//! The bound of a life, as seen from outside.
//!
//! The tags hold an instant, and the budget is running time. So of a stopped instance, the time
//! between the stop and that instant is left. After a start from outside without spawnd, nothing
//! outside knows the time left. Tags can also be those of another instance, because tools that
//! launch "more like this" copy all of them. They contradict the instance that carries them.

use crate::instance::InstanceView;
use crate::launch::RESEND;
use domain::{Known, Timestamp, format_span, later, parse_span};
use jiff::SignedDuration;
use lifecycle::tag::{self, BudgetIntent, ExpiryTag, PredecessorTags, StartTag};
use std::collections::BTreeMap;

/// The cap of a launch that names none.
pub const DEFAULT_CAP: SignedDuration = SignedDuration::from_hours(7 * 24);
/// An instance is created at most this long after its launch was planned: the last request, and
/// some minutes until EC2 has the instance.
const LATEST_LAUNCH: SignedDuration = SignedDuration::from_secs(RESEND.as_secs() + 15 * 60);
/// The generation of a launch's own tag.
pub(crate) const FIRST_GENERATION: u64 = 1;

/// The bound of a life, as seen from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LifeBound {
    /// It ends at this instant, according to this tag.
    At(Timestamp, &'static str),
    /// The budget is paused with this much left, if that is known, and no cap is set.
    Paused(Option<SignedDuration>),
    /// It was stopped and started again without spawnd, so its disk alone has the time left. It
    /// ends at this instant at the latest.
    Restarted(Timestamp),
    /// There is a bound, and it cannot be read: the reason.
    Unreadable(String),
    /// No tag bounds it.
    None,
}

/// Returns the bound of a life by its tags: the earlier of budget and cap, or unreadable if one of
/// them is. A budget bounds only a running instance.
pub fn bound(seen: &InstanceView) -> LifeBound {
    match (budget(seen), cap(seen)) {
        (restarted @ LifeBound::Restarted(_), _) => restarted,
        (unreadable @ LifeBound::Unreadable(_), _) | (_, unreadable @ LifeBound::Unreadable(_)) => unreadable,
        (LifeBound::At(at, tag), LifeBound::At(cap, _)) if at <= cap => LifeBound::At(at, tag),
        (_, cap @ LifeBound::At(..)) => cap,
        (budget, _) => budget,
    }
}

/// Returns the running time left of a stopped instance, if that is known outside.
pub fn paused_budget(seen: &InstanceView) -> Option<SignedDuration> {
    match budget(seen) {
        LifeBound::Paused(left) => left,
        _ => None,
    }
}

pub(crate) fn cap(seen: &InstanceView) -> LifeBound {
    match seen.tag(tag::CAP).map(tag::decode_cap) {
        None => LifeBound::None,
        Some(Ok(cap)) => LifeBound::At(cap, tag::CAP),
        Some(Err(error)) => LifeBound::Unreadable(error.to_string()),
    }
}

pub(crate) fn budget(seen: &InstanceView) -> LifeBound {
    let Some(value) = seen.tag(tag::EXPIRY) else { return predecessor(seen) };
    let expiry = match ExpiryTag::decode(value) {
        Err(error) => return LifeBound::Unreadable(error.to_string()),
        Ok(expiry) => expiry,
    };
    let restarted = seen.was_restarted() && !is_of_this_start(seen, &expiry);
    match expiry.intent {
        BudgetIntent::Paused(left) if !seen.state.runs() => LifeBound::Paused(Some(left)),
        // The daemon withdraws the pause within minutes. Until then, the start of the running time
        // is not known outside.
        BudgetIntent::Paused(left) => {
            let left = format_span(left);
            LifeBound::Unreadable(format!("it runs, but tag {} has it paused with {left} left", tag::EXPIRY))
        }
        BudgetIntent::Running(until) if seen.state.runs() && restarted => latest_end(seen, until),
        BudgetIntent::Running(until) if seen.state.runs() => LifeBound::At(until, tag::EXPIRY),
        // It was stopped without an update of the tag.
        BudgetIntent::Running(until) => {
            let stopped = seen.stopped.filter(|_| !restarted);
            LifeBound::Paused(stopped.map(|at| until.duration_since(at).max(SignedDuration::ZERO)))
        }
    }
}

/// Whether the tag was written for the last start of a restarted instance. spawnd writes it anew
/// after each start. A change from outside names the start that it was written for.
fn is_of_this_start(seen: &InstanceView, expiry: &ExpiryTag) -> bool {
    let start = seen.tag(tag::START).and_then(|value| StartTag::decode(value).ok());
    match start.filter(|start| start.generation == expiry.generation) {
        Some(start) => seen.launched.value().is_some_and(|at| at.as_second() == start.at.as_second()),
        None => expiry.generation != FIRST_GENERATION,
    }
}

/// Returns the latest end of an instance that was started again: the whole budget after that.
fn latest_end(seen: &InstanceView, until: Timestamp) -> LifeBound {
    match (&seen.launched, budget_until(seen, until)) {
        (Known::Is(launched), Some(whole)) => LifeBound::Restarted(later(*launched, whole)),
        _ => LifeBound::Unreadable("when it was started could not be seen".to_string()),
    }
}

/// Returns the running time from the launch to this end.
fn budget_until(seen: &InstanceView, until: Timestamp) -> Option<SignedDuration> {
    let begun = planned(seen).or(seen.created.value().copied())?;
    Some(until.duration_since(begun).max(SignedDuration::ZERO))
}

/// Returns the whole running time of an instance, by its tags.
pub(crate) fn whole_budget(seen: &InstanceView) -> Option<SignedDuration> {
    let predecessor = || PredecessorTags::read(|key| seen.tag(key).map(String::from)).ok()?.budget;
    match budget_end(seen) {
        Some((until, _)) => budget_until(seen, until),
        None => predecessor(),
    }
}

fn planned(seen: &InstanceView) -> Option<Timestamp> {
    seen.tag(tag::PLANNED)?.parse().ok()
}

/// The earliest instance of each launch, to recognize those that carry its tags too.
#[derive(Debug, Default)]
pub struct LaunchIndex<'a>(BTreeMap<(&'a str, &'a str), (Timestamp, &'a str)>);

impl<'a> LaunchIndex<'a> {
    /// Collects the launches of these instances.
    pub fn new(seen: &'a [InstanceView]) -> LaunchIndex<'a> {
        let mut first = BTreeMap::new();
        for one in seen {
            // EC2 shows no creation of a terminated instance.
            let created = one.created.value().or(one.launched.value());
            let (Some(launch), Some(created)) = (one.tag(tag::LAUNCH), created) else { continue };
            let entry = first.entry((one.account.as_str(), launch)).or_insert((*created, one.id.as_str()));
            *entry = (*entry).min((*created, one.id.as_str()));
        }
        LaunchIndex(first)
    }

    /// Returns why the tags of an instance are those of another one, if they contradict it: its
    /// launch has an earlier instance, or the tags are older than the instance.
    pub fn copy_reason(&self, seen: &InstanceView) -> Option<String> {
        let Known::Is(created) = &seen.created else { return None };
        let launch = seen.tag(tag::LAUNCH).unwrap_or_default();
        match self.0.get(&(seen.account.as_str(), launch)) {
            Some((_, first)) if *first != seen.id => {
                return Some(format!("its {} is that of {first}", tag::LAUNCH));
            }
            _ => {}
        }
        let planned = planned(seen).filter(|planned| created.duration_since(*planned) > LATEST_LAUNCH);
        if let Some(planned) = planned {
            return Some(format!("its tags are of a launch at {planned:.0}"));
        }
        let over = [budget_end(seen), cap_end(seen)].into_iter().flatten().find(|(end, _)| end < created);
        over.map(|(end, tag)| format!("its {tag} was over at {end:.0}, before it was launched"))
    }
}

/// Returns the end of a copy: its cap, counted from its own launch. Without the instant of the
/// first launch, the default cap applies.
pub fn copy_end(seen: &InstanceView) -> Option<Timestamp> {
    let Known::Is(created) = &seen.created else { return None };
    let span = planned(seen).zip(cap_end(seen)).map(|(planned, (cap, _))| cap.duration_since(planned));
    Some(later(*created, span.filter(SignedDuration::is_positive).unwrap_or(DEFAULT_CAP)))
}

/// Returns the instant of the tag with the budget, whatever the state of the instance is.
fn budget_end(seen: &InstanceView) -> Option<(Timestamp, &'static str)> {
    match ExpiryTag::decode(seen.tag(tag::EXPIRY)?).ok()?.intent {
        BudgetIntent::Running(until) => Some((until, tag::EXPIRY)),
        BudgetIntent::Paused(_) => None,
    }
}

fn cap_end(seen: &InstanceView) -> Option<(Timestamp, &'static str)> {
    Some((tag::decode_cap(seen.tag(tag::CAP)?).ok()?, tag::CAP))
}

fn predecessor(seen: &InstanceView) -> LifeBound {
    let [ttl, deadline, ..] = tag::PREDECESSOR;
    let said = match PredecessorTags::read(|key| seen.tag(key).map(String::from)) {
        Err(error) => return LifeBound::Unreadable(error.to_string()),
        Ok(said) => said,
    };
    let by_budget = || said.budget.zip(seen.launched.value()).map(|(budget, at)| (later(*at, budget), ttl));
    match said.deadline.map(|at| (at, deadline)).or_else(by_budget) {
        None if said.budget.is_none() => LifeBound::None,
        end if !seen.state.runs() => LifeBound::Paused(predecessor_left(seen, end.map(|(at, _)| at))),
        Some((at, tag)) => LifeBound::At(at, tag),
        None => LifeBound::Unreadable("when it was started could not be seen".to_string()),
    }
}

/// Returns the running time left of an instance that the predecessor launched, while it is stopped.
fn predecessor_left(seen: &InstanceView, end: Option<Timestamp>) -> Option<SignedDuration> {
    let saved = seen.tag(tag::PREDECESSOR_LEFT).and_then(|text| parse_span(text).ok());
    let counted = end.zip(seen.stopped).map(|(end, at)| end.duration_since(at).max(SignedDuration::ZERO));
    saved.or(counted)
}
