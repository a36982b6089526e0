//! Changes the terms of an instance from outside. Nothing else writes the tag with the budget.
//!
//! EC2 writes a tag without a condition, so two writers can overwrite each other. Hence a change
//! raises the generation by one, is written, and is read back. If another writer won, the change is
//! computed anew from that writer's tag. [`TermsChange`] is the state machine; the caller writes
//! and reads.
//!
//! The daemon adopts the highest generation. A tag that it wrote after it had adopted this change
//! contains the change, and counts as its confirmation.

use crate::bound::{self, FIRST_GENERATION, LifeBound};
use crate::instance::InstanceView;
use domain::{Timestamp, format_span, later};
use jiff::SignedDuration;
use lifecycle::tag::{self, BudgetIntent, ExpiryTag};

/// The most writes of one change. Only writers that act at the same time need a second one.
const WRITES: u32 = 8;
/// The most reads in sequence that show an older tag than the one that was written.
const STALE_READS: u32 = 20;
/// Two ends count as equal when they differ by at most this, as the daemon's do.
const SAME: SignedDuration = SignedDuration::from_secs(60);

/// A wanted change of the terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TermsRequest {
    /// Add this much running time.
    Extend(SignedDuration),
    /// Let the clock run to this later instant.
    ExtendTo(Timestamp),
    /// Stop the clock, because the instance is about to be stopped.
    Pause,
    /// Let the clock run to this instant again, because the stop was refused.
    Resume(Timestamp),
    /// Let the clock run again, because the instance was started.
    Start(StoppedTerms),
    /// Set the end to this instant again, if the tag is still this one: nothing on the instance
    /// confirmed its extension.
    Withdraw(ExpiryTag, Timestamp),
}

/// The terms of a stopped instance, before it is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoppedTerms {
    /// The running time left; the whole budget if that is unknown outside.
    pub left: SignedDuration,
    /// Whether `left` is known, and not only a limit.
    pub known: bool,
    /// The tag at that time.
    tag: Option<ExpiryTag>,
}

/// The reason why the terms of an instance cannot be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TermsProblem {
    /// The tags cannot be read: the reason.
    Unreadable(String),
    /// It was started again without spawnd, so its time left is unknown outside.
    Restarted,
    /// It was stopped, and neither a tag nor EC2 says how much time was left.
    LeftUnknown,
    /// No tag bounds its life.
    Unbounded,
    /// The new end is after the cap, which is this instant. At most this much can be added.
    AfterCap(Timestamp, SignedDuration),
    /// It has this much time at its next start; until then no instant is its end.
    Stopped(SignedDuration),
    /// It already runs until this instant.
    NotLater(Timestamp),
    /// The new value is outside the limits of the tag.
    TooLong,
}

impl TermsProblem {
    /// Returns the reason as a fragment for messages.
    pub fn sentence(&self) -> String {
        match self {
            TermsProblem::Unreadable(why) => why.clone(),
            TermsProblem::Restarted => {
                "it was started again without spawnd, so its time left is unknown".to_string()
            }
            TermsProblem::LeftUnknown => {
                "how much time it has left is unknown while it is stopped".to_string()
            }
            TermsProblem::Unbounded => "no tag bounds its life".to_string(),
            TermsProblem::AfterCap(cap, most) => {
                let most = format_span(*most);
                format!("its cap is {cap:.0}, so at most {most} can be added")
            }
            TermsProblem::Stopped(left) => {
                format!(
                    "it is stopped with {} left, and its time goes on at its next start",
                    format_span(*left)
                )
            }
            TermsProblem::NotLater(end) => format!("it already runs until {end:.0}"),
            TermsProblem::TooLong => "an instance may have at most ten years left".to_string(),
        }
    }
}

/// The next action of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TermsStep {
    /// Write this tag, then read the instance.
    Write(ExpiryTag),
    /// The instance shows an older tag. Read it again after a pause.
    ReadAgain,
    /// The change is done: the tag that was read back.
    Done(ExpiryTag),
    /// Nothing was or has to be changed.
    Unchanged,
    /// The change is not possible.
    Refused(TermsProblem),
    /// The tag was written, and could not be read back.
    Unread,
}

/// One change of the terms of one instance.
#[derive(Debug, Clone)]
pub struct TermsChange {
    request: TermsRequest,
    /// The tag that was written last.
    written: Option<ExpiryTag>,
    writes: u32,
    stale_reads: u32,
    /// Whether the answer to the last write was lost.
    is_doubtful: bool,
}

impl TermsChange {
    /// Begins a change.
    pub fn new(request: TermsRequest) -> TermsChange {
        TermsChange { request, written: None, writes: 0, stale_reads: 0, is_doubtful: false }
    }

    /// Reports that the answer to the last write was lost. If the tag does not show it, it is
    /// written again.
    pub fn doubt(&mut self) {
        self.is_doubtful = true;
    }

    /// Returns the next action after a read of the instance. `now` is AWS's clock.
    pub fn next(&mut self, seen: &InstanceView, now: Timestamp) -> TermsStep {
        let tag = match read_tag(seen) {
            Ok(tag) => tag,
            Err(problem) => return TermsStep::Refused(problem),
        };
        if let Some(written) = self.written {
            if tag == Some(written) || self.is_included(tag) {
                return TermsStep::Done(tag.unwrap_or(written));
            }
            if tag.is_none_or(|tag| tag.generation < written.generation) && !self.is_doubtful {
                self.stale_reads += 1;
                return if self.stale_reads > STALE_READS { TermsStep::Unread } else { TermsStep::ReadAgain };
            }
        }
        match wanted(&self.request, tag, seen, now) {
            Err(problem) => TermsStep::Refused(problem),
            Ok(None) => tag.filter(|_| self.written.is_some()).map_or(TermsStep::Unchanged, TermsStep::Done),
            Ok(Some(_)) if self.writes == WRITES => TermsStep::Unread,
            Ok(Some(intent)) => self.write(intent, tag.map_or(FIRST_GENERATION, |tag| tag.generation)),
        }
    }

    fn write(&mut self, intent: BudgetIntent, before: u64) -> TermsStep {
        // As it will be read back: whole seconds, within the limits of the tag.
        let tag = ExpiryTag { intent, generation: before + 1 };
        let Ok(tag) = ExpiryTag::decode(&tag.encode()) else {
            return TermsStep::Refused(TermsProblem::TooLong);
        };
        self.written = Some(tag);
        self.writes += 1;
        self.stale_reads = 0;
        self.is_doubtful = false;
        TermsStep::Write(tag)
    }

    /// Whether a later tag of another writer contains an extension that was written before.
    fn is_included(&self, tag: Option<ExpiryTag>) -> bool {
        let extends = matches!(self.request, TermsRequest::Extend(_) | TermsRequest::ExtendTo(_));
        let (true, Some(written), Some(tag)) = (extends, self.written, tag) else {
            return false;
        };
        tag.generation > written.generation
            && match (written.intent, tag.intent) {
                (BudgetIntent::Running(ours), BudgetIntent::Running(theirs)) => theirs >= later(ours, -SAME),
                (BudgetIntent::Paused(ours), BudgetIntent::Paused(theirs)) => theirs >= ours - SAME,
                _ => false,
            }
    }
}

fn read_tag(seen: &InstanceView) -> Result<Option<ExpiryTag>, TermsProblem> {
    let tag = seen.tag(tag::EXPIRY).map(ExpiryTag::decode).transpose();
    tag.map_err(|error| TermsProblem::Unreadable(error.to_string()))
}

/// Returns the budget of an instance by its tags, those of the predecessor included.
///
/// # Errors
/// Nothing outside knows it.
pub fn current_budget(seen: &InstanceView) -> Result<BudgetIntent, TermsProblem> {
    match (read_tag(seen)?.map(|tag| tag.intent), bound::budget(seen)) {
        (Some(paused @ BudgetIntent::Paused(_)), _) => Ok(paused),
        (_, LifeBound::At(until, _)) => Ok(BudgetIntent::Running(until)),
        (_, LifeBound::Paused(Some(left))) => Ok(BudgetIntent::Paused(left)),
        (_, LifeBound::Paused(None)) => Err(TermsProblem::LeftUnknown),
        (_, LifeBound::Restarted(_)) => Err(TermsProblem::Restarted),
        (_, LifeBound::Unreadable(why)) => Err(TermsProblem::Unreadable(why)),
        (_, LifeBound::None) => Err(TermsProblem::Unbounded),
    }
}

/// Returns the terms of an instance before it is started; none if nothing outside bounds it, or a
/// tag cannot be read. A time left that is unknown outside is at most the whole budget: the disk
/// has the exact one.
pub fn stopped_terms(seen: &InstanceView) -> Option<StoppedTerms> {
    let tag = read_tag(seen).ok()?;
    match current_budget(seen) {
        Ok(BudgetIntent::Paused(left)) => Some(StoppedTerms { left, known: true, tag }),
        Ok(BudgetIntent::Running(_)) => None,
        Err(_) => bound::whole_budget(seen).map(|left| StoppedTerms { left, known: false, tag }),
    }
}

/// Returns the intent to write; none if the tag has it already.
fn wanted(
    request: &TermsRequest,
    tag: Option<ExpiryTag>,
    seen: &InstanceView,
    now: Timestamp,
) -> Result<Option<BudgetIntent>, TermsProblem> {
    let paused = tag.and_then(|tag| match tag.intent {
        BudgetIntent::Paused(left) => Some(left),
        BudgetIntent::Running(_) => None,
    });
    match request {
        TermsRequest::Extend(by) => extended(*by, seen, now).map(Some),
        TermsRequest::ExtendTo(until) => extended_to(*until, seen, now).map(Some),
        TermsRequest::Pause if paused.is_some() => Ok(None),
        TermsRequest::Pause => {
            current_budget(seen).map(|budget| Some(BudgetIntent::Paused(left(budget, now))))
        }
        TermsRequest::Resume(until) => Ok(paused.map(|_| BudgetIntent::Running(*until))),
        TermsRequest::Start(before) if tag == before.tag => {
            Ok(Some(BudgetIntent::Running(later(now, before.left))))
        }
        TermsRequest::Withdraw(ours, until) => {
            Ok(Some(BudgetIntent::Running(*until)).filter(|_| tag == Some(*ours)))
        }
        TermsRequest::Start(_) => Ok(paused.map(|left| BudgetIntent::Running(later(now, left)))),
    }
}

/// Returns the running time left of a budget.
pub fn left(budget: BudgetIntent, now: Timestamp) -> SignedDuration {
    match budget {
        BudgetIntent::Running(until) => until.duration_since(now).max(SignedDuration::ZERO),
        BudgetIntent::Paused(left) => left,
    }
}

/// Returns the budget after an extension. An overdue end counts from now, as for the daemon, and a
/// pause that a running instance shows is a stop that did not happen.
fn extended(by: SignedDuration, seen: &InstanceView, now: Timestamp) -> Result<BudgetIntent, TermsProblem> {
    let left = left(current_budget(seen)?, now);
    check_cap(later(now, left + by), left, seen, now)?;
    Ok(match seen.state.runs() {
        true => BudgetIntent::Running(later(now, left + by)),
        false => BudgetIntent::Paused(left + by),
    })
}

/// Returns the budget of a running instance with this end, which is later than its present one.
fn extended_to(until: Timestamp, seen: &InstanceView, now: Timestamp) -> Result<BudgetIntent, TermsProblem> {
    let left = left(current_budget(seen)?, now);
    if !seen.state.runs() {
        return Err(TermsProblem::Stopped(left));
    }
    if until <= later(now, left) {
        return Err(TermsProblem::NotLater(later(now, left)));
    }
    check_cap(until, left, seen, now)?;
    Ok(BudgetIntent::Running(until))
}

/// Refuses an end after the cap.
fn check_cap(
    end: Timestamp,
    left: SignedDuration,
    seen: &InstanceView,
    now: Timestamp,
) -> Result<(), TermsProblem> {
    match bound::cap(seen) {
        LifeBound::Unreadable(why) => Err(TermsProblem::Unreadable(why)),
        LifeBound::At(cap, _) if end > cap => {
            let most = (cap.duration_since(now) - left).max(SignedDuration::ZERO);
            Err(TermsProblem::AfterCap(cap, most))
        }
        _ => Ok(()),
    }
}
