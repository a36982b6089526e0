//! A launch that happens at most once, even if requests or answers are lost.
//!
//! The request, an id and the token are recorded before anything is sent, so that a launcher that
//! was killed at any point can resume. The same request with the same token may be sent again,
//! because AWS remembers tokens, but only for [`RESEND`], long before AWS forgets them. After that,
//! a launch is only queried by its id and never sent again. A refused request proves nothing about
//! an earlier one with a lost answer. After a lost answer, a launch counts as "not launched" only
//! once its instance could no longer appear.
//!
//! [`step`] is pure, like the daemon's step: a [`LaunchProgress`] and an event give the next
//! [`LaunchProgress`] and the effects to perform, in that order.
//!
//! A request is sent with one attempt. AWS remembers a token for 24 hours; this module sends it
//! again for one hour. AWS accepts a signed request for five minutes, and shows its effect within
//! five more. So "not launched" is certain 15 minutes after a lost answer if the instance did not
//! appear. A launch is reported as done only after DescribeInstances showed the instance running:
//! a pending one can still fail, for example because its disk's key may not be used.

use crate::instance::{InstanceState, InstanceView};
use domain::Timestamp;
use jiff::SignedDuration;

pub use crate::launch_record::{LaunchAccess, LaunchConclusion, LaunchPhase, LaunchRecord};
pub use crate::launch_request::{LaunchRequest, RootVolume, SpotMarket};

/// How long after its planning a request may be sent; later its tags would name a bound that is
/// wrong by more than this. AWS remembers a token for at least 24 hours.
pub const RESEND: SignedDuration = SignedDuration::from_hours(1);
/// After this time since the last request, no instance appears any more. AWS accepts a signed
/// request for five minutes, and shows its effect after at most five more.
pub const SETTLE: SignedDuration = SignedDuration::from_mins(15);
/// How often one launcher sends a request.
const TRIES: u32 = 5;
/// How often one launcher repeats a request whose new key, group or role EC2 does not know yet. The
/// pauses are 90 seconds in total.
const NOT_YET_TRIES: u32 = 6;
/// How often an instance is queried before it is reported as unreadable: for about five minutes.
const LOOKS: u32 = 13;
/// How often a pending instance is queried, and the pause between two queries: for ten minutes.
const PENDING_LOOKS: u32 = 120;
const PENDING_PAUSE: SignedDuration = SignedDuration::from_secs(5);
/// The first pause; each later one is twice as long, up to [`LONGEST_PAUSE`].
const PAUSE: SignedDuration = SignedDuration::from_secs(2);
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_secs(30);

/// The result that a launcher reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaunchOutcome {
    /// The instance exists and is not pending any more, as read back here.
    Running(Box<InstanceView>),
    /// The instance was launched and could not be read back: its id, and the reason.
    Unread(String, String),
    /// See [`LaunchConclusion`].
    Refused(LaunchRefusal),
    /// See [`LaunchConclusion`]. The instance as it was seen, unless only its launch is known.
    Ended(Option<Box<InstanceView>>),
    /// See [`LaunchConclusion`].
    Nothing,
    /// It is not known yet whether there is an instance: the reason. The launch can be resumed.
    Open(String),
    /// Several instances belong to one launch, which should be impossible. None of them is touched.
    Several(Vec<String>),
}

/// A refusal of AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchRefusal {
    /// AWS's error code; empty if it is not known any more.
    pub code: String,
    /// The action, the code and AWS's sentence.
    pub why: String,
}

/// The answer to one launch request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaunchReply {
    /// The instance with this id was launched, by this request or by an earlier one with the same
    /// token.
    Launched(String),
    /// AWS refused the request, and would refuse another one too.
    Refused(LaunchRefusal),
    /// EC2 does not know the key, the group or the role of the request, which may be new.
    NotYet(LaunchRefusal),
    /// AWS refused the request because there are too many.
    Throttled(LaunchRefusal),
    /// AWS knows the token from a request with other parameters: the reason.
    Mismatch(String),
    /// The token was used for an instance that has been terminated since.
    Ended,
    /// The effect of the request is unknown: no answer, or an inconclusive one.
    Lost(String),
}

/// An event in a launch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaunchEvent {
    /// A launcher starts from the recorded launch.
    Begin,
    /// The pause is over.
    Waited,
    /// A request was answered.
    Reply(LaunchReply),
    /// A query for the launch's instances was answered or failed.
    Found(Result<Vec<InstanceView>, String>),
}

/// An action for the launcher to perform, in order. After a failed one, the rest is skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaunchEffect {
    /// Record the launch durably.
    Save,
    /// Send the request once, and pass on the answer.
    Send,
    /// Query the instances of the launch, by token and tag.
    Look,
    /// Wait for this long.
    Wait(SignedDuration),
    /// Report the outcome; the launcher ends.
    Tell(LaunchOutcome),
}

/// A launch in progress, in one launcher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchProgress {
    /// The record.
    pub launch: LaunchRecord,
    /// How often this launcher sent the request.
    sent: u32,
    /// How many queries were made since the last answer.
    looks: u32,
    /// How many queries found the instance pending.
    pending: u32,
    /// How often EC2 did not know a new key, group or role yet.
    not_yet: u32,
    /// Whether a request was sent without a known outcome.
    doubt: bool,
    /// The action after the pause.
    next: LaunchNextStep,
    /// The latest problem.
    trouble: LaunchRefusal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LaunchNextStep {
    /// Send the request.
    Send,
    /// Query the instance, and send the request if there is none.
    LookThenSend,
    /// Query the instance, and report the outcome.
    LookThenTell,
    /// Read the instance back.
    ReadBack,
}

/// Whether the request may be sent at this instant.
fn may_send(launch: &LaunchRecord, now: Timestamp) -> bool {
    let age = now.duration_since(launch.planned);
    // AWS's clock has whole seconds and comes from many machines, so the plan may seem to lie
    // ahead.
    (-SignedDuration::from_mins(5)..RESEND).contains(&age)
}

impl LaunchProgress {
    /// Starts from the recorded launch.
    pub fn new(launch: LaunchRecord) -> LaunchProgress {
        let doubt = matches!(launch.phase, LaunchPhase::Sent(_));
        LaunchProgress {
            launch,
            sent: 0,
            looks: 0,
            pending: 0,
            not_yet: 0,
            doubt,
            next: LaunchNextStep::Send,
            trouble: LaunchRefusal { code: String::new(), why: String::new() },
        }
    }

    fn over(&mut self, over: LaunchConclusion, outcome: LaunchOutcome) -> Vec<LaunchEffect> {
        self.launch.phase = LaunchPhase::Over(over);
        vec![LaunchEffect::Save, LaunchEffect::Tell(outcome)]
    }

    fn nothing(&mut self) -> Vec<LaunchEffect> {
        self.over(LaunchConclusion::Nothing, LaunchOutcome::Nothing)
    }

    fn open(&self) -> Vec<LaunchEffect> {
        vec![LaunchEffect::Tell(LaunchOutcome::Open(self.trouble.why.clone()))]
    }

    fn wait(&mut self, times: u32, next: LaunchNextStep) -> Vec<LaunchEffect> {
        self.next = next;
        let pause = PAUSE.saturating_mul(1 << times.min(10)).min(LONGEST_PAUSE);
        vec![LaunchEffect::Wait(pause)]
    }

    fn begin(&mut self, now: Timestamp) -> Vec<LaunchEffect> {
        match &self.launch.phase {
            LaunchPhase::Planned => self.send(now),
            LaunchPhase::Sent(_) => self.look(LaunchNextStep::LookThenSend),
            LaunchPhase::Launched(_) => self.look(LaunchNextStep::ReadBack),
            LaunchPhase::Over(LaunchConclusion::Running(_)) => self.look(LaunchNextStep::ReadBack),
            LaunchPhase::Over(LaunchConclusion::Refused(why)) => {
                let refusal = LaunchRefusal { code: String::new(), why: why.clone() };
                vec![LaunchEffect::Tell(LaunchOutcome::Refused(refusal))]
            }
            LaunchPhase::Over(LaunchConclusion::Ended) => {
                vec![LaunchEffect::Tell(LaunchOutcome::Ended(None))]
            }
            LaunchPhase::Over(LaunchConclusion::Nothing) => vec![LaunchEffect::Tell(LaunchOutcome::Nothing)],
        }
    }

    fn look(&mut self, next: LaunchNextStep) -> Vec<LaunchEffect> {
        self.next = next;
        self.looks += 1;
        vec![LaunchEffect::Look]
    }

    /// Sends the request, unless it is too late. The record is updated before the request is sent.
    fn send(&mut self, now: Timestamp) -> Vec<LaunchEffect> {
        if !may_send(&self.launch, now) {
            return if self.doubt { self.look(LaunchNextStep::LookThenTell) } else { self.nothing() };
        }
        self.launch.phase = LaunchPhase::Sent(now);
        self.sent += 1;
        vec![LaunchEffect::Save, LaunchEffect::Send]
    }

    fn replied(&mut self, reply: LaunchReply) -> Vec<LaunchEffect> {
        match reply {
            LaunchReply::Launched(id) => {
                self.launch.phase = LaunchPhase::Launched(id);
                self.doubt = false;
                self.looks = 0;
                let mut effects = vec![LaunchEffect::Save];
                effects.extend(self.look(LaunchNextStep::ReadBack));
                effects
            }
            LaunchReply::Mismatch(why) => {
                self.doubt = true;
                self.trouble.why = why;
                self.look(LaunchNextStep::LookThenTell)
            }
            LaunchReply::Ended => self.over(LaunchConclusion::Ended, LaunchOutcome::Ended(None)),
            LaunchReply::NotYet(refusal) if self.launch.fresh && self.not_yet < NOT_YET_TRIES => {
                self.trouble = refusal;
                self.not_yet += 1;
                self.wait(self.not_yet - 1, LaunchNextStep::Send)
            }
            LaunchReply::Refused(refusal) | LaunchReply::NotYet(refusal) => self.refused(refusal),
            LaunchReply::Throttled(refusal) => self.again(refusal),
            LaunchReply::Lost(why) => {
                self.doubt = true;
                self.again(LaunchRefusal { code: String::new(), why })
            }
        }
    }

    /// Ends the launch, unless an earlier request with an unknown outcome may have launched it.
    fn refused(&mut self, refusal: LaunchRefusal) -> Vec<LaunchEffect> {
        if self.doubt {
            self.trouble = refusal;
            return self.look(LaunchNextStep::LookThenTell);
        }
        self.over(LaunchConclusion::Refused(refusal.why.clone()), LaunchOutcome::Refused(refusal))
    }

    /// Sends the same request with the same token after a pause, as long as tries are left.
    fn again(&mut self, trouble: LaunchRefusal) -> Vec<LaunchEffect> {
        if self.sent - self.not_yet < TRIES {
            self.trouble = trouble;
            return self.wait(self.sent - self.not_yet - 1, LaunchNextStep::Send);
        }
        self.refused(trouble)
    }

    fn found(&mut self, found: Result<Vec<InstanceView>, String>, now: Timestamp) -> Vec<LaunchEffect> {
        let found = match found {
            Ok(found) => found,
            Err(why) => return self.unseen(why),
        };
        if found.len() > 1 {
            let ids = found.into_iter().map(|seen| seen.id).collect();
            return vec![LaunchEffect::Tell(LaunchOutcome::Several(ids))];
        }
        match found.into_iter().next() {
            Some(seen) if seen.state.is_over() => {
                self.over(LaunchConclusion::Ended, LaunchOutcome::Ended(Some(Box::new(seen))))
            }
            Some(seen) if seen.state == InstanceState::Pending => self.pending(seen.id),
            Some(seen) => {
                self.over(LaunchConclusion::Running(seen.id.clone()), LaunchOutcome::Running(Box::new(seen)))
            }
            None => self.handle_missing(now),
        }
    }

    /// Waits until the instance runs.
    fn pending(&mut self, id: String) -> Vec<LaunchEffect> {
        self.pending += 1;
        if self.pending > PENDING_LOOKS {
            let why = "it is still pending after ten minutes".to_string();
            return vec![LaunchEffect::Tell(LaunchOutcome::Unread(id, why))];
        }
        self.next = LaunchNextStep::ReadBack;
        let mut effects = Vec::new();
        let known = LaunchPhase::Launched(id);
        if self.launch.phase != known {
            self.launch.phase = known;
            effects.push(LaunchEffect::Save);
        }
        effects.push(LaunchEffect::Wait(PENDING_PAUSE));
        effects
    }

    /// Handles a complete query that did not find the instance.
    fn handle_missing(&mut self, now: Timestamp) -> Vec<LaunchEffect> {
        let last = match &self.launch.phase {
            LaunchPhase::Sent(last) => *last,
            _ => return self.unseen("EC2 does not show it".to_string()),
        };
        if self.next == LaunchNextStep::LookThenSend && may_send(&self.launch, now) {
            return self.send(now);
        }
        if now.duration_since(last) >= SETTLE {
            return self.nothing();
        }
        if self.trouble.why.is_empty() {
            self.trouble.why = "no answer, and EC2 does not show it yet".to_string();
        }
        self.open()
    }

    /// Handles a failed query, or one without an instance that is known to have been launched.
    fn unseen(&mut self, why: String) -> Vec<LaunchEffect> {
        if self.looks < LOOKS {
            return self.wait(self.looks - 1, self.next);
        }
        match &self.launch.phase {
            LaunchPhase::Launched(id) | LaunchPhase::Over(LaunchConclusion::Running(id)) => {
                vec![LaunchEffect::Tell(LaunchOutcome::Unread(id.clone(), why))]
            }
            _ => {
                self.trouble.why = why;
                self.open()
            }
        }
    }
}

/// Returns the next state and the effects of an event; `now` is AWS's clock.
pub fn step(
    mut launching: LaunchProgress,
    event: LaunchEvent,
    now: Timestamp,
) -> (LaunchProgress, Vec<LaunchEffect>) {
    let effects = match event {
        LaunchEvent::Begin => launching.begin(now),
        LaunchEvent::Waited => match launching.next {
            LaunchNextStep::Send => launching.send(now),
            next => launching.look(next),
        },
        LaunchEvent::Reply(reply) => launching.replied(reply),
        LaunchEvent::Found(found) => launching.found(found, now),
    };
    (launching, effects)
}
