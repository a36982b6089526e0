//! A launch that happens at most once, whatever is lost on the way.
//!
//! What is asked for, an id and the token are written down before anything is sent, so that a launcher that was
//! killed at any point goes on where it was. The same request with the same token may be sent again, because AWS
//! remembers tokens; but only for [`RESEND`], long before AWS forgets. Later a launch is only asked after, by
//! its id, and never sent again. That a call was refused says nothing about an earlier one whose answer was
//! lost, so after one of those nothing is called "not launched" before it could no longer appear.
//!
//! [`step`] is pure as the daemon's is: a [`Launching`] and what happened give the next one and what is to be
//! done, in that order.

use crate::cloud::{Reply, Seen};
use lifecycle::PowerOff;
use domain::Timestamp;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How long after it was planned a request may be sent: later its tags would name a bound that is wrong by more.
/// AWS remembers a token for at least 24 hours.
pub const RESEND: SignedDuration = SignedDuration::from_hours(1);
/// After the last sending nothing appears any more: AWS takes a signed request for five minutes, and shows
/// what it did after five more at the latest.
pub const SETTLE: SignedDuration = SignedDuration::from_mins(15);
/// How often a request is sent by one launcher.
const TRIES: u32 = 5;
/// How often an instance is looked for before it is said that it cannot be read back: for some five minutes.
const LOOKS: u32 = 13;
/// The first pause; each is twice the one before, up to [`LONGEST_PAUSE`].
const PAUSE: SignedDuration = SignedDuration::from_secs(2);
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_secs(30);

/// What RunInstances is asked for: one instance. The same request is the same text, so that AWS knows it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The region's code.
    pub region: String,
    /// The instance type.
    pub instance_type: String,
    /// An image's id, or `resolve:ssm:` and a public parameter that names one.
    pub image: String,
    /// The name of a key pair for ssh.
    pub key: Option<String>,
    /// What a power-off from inside does.
    pub power_off: PowerOff,
    /// The tags of the instance and of what it brings.
    pub tags: BTreeMap<String, String>,
    /// What cloud-init is given, as plain text.
    pub user_data: String,
}

/// What is written down of a launch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Launch {
    /// Its id; the tag [`lifecycle::tag::LAUNCH`] holds it.
    pub id: String,
    /// The account that it was planned for.
    pub account: String,
    /// AWS's clock when it was planned.
    pub planned: Timestamp,
    /// What is asked for.
    pub request: Request,
    /// How far it is.
    pub phase: Phase,
}

/// How far a launch is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Nothing was sent.
    Planned,
    /// It was sent, the last time then or a little later, and no answer was written down.
    Sent(Timestamp),
    /// This instance was launched, and has to be read back.
    Launched(String),
    /// It is over.
    Over(Over),
}

/// How a launch ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Over {
    /// This instance was launched and read back.
    Running(String),
    /// AWS refused: why. Nothing was launched.
    Refused(String),
    /// It was launched, and terminated before anybody read it back.
    Ended,
    /// No instance of the launch is there, and none will come.
    Nothing,
}

/// What a launcher tells whoever waits for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The instance is there; this was read back.
    Running(Box<Seen>),
    /// The instance was launched, and could not be read back: its id, and why.
    Unread(String, String),
    /// See [`Over`].
    Refused(String),
    /// See [`Over`].
    Ended,
    /// See [`Over`].
    Nothing,
    /// Whether there is an instance is not known yet: why. The launch can be resumed.
    Open(String),
    /// There are several instances of one launch, which cannot be; nothing is done to any.
    Several(Vec<String>),
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A launcher begins, with what was written down.
    Begin,
    /// The pause is over.
    Waited,
    /// A request was answered.
    Reply(Reply),
    /// What a look for the launch's instances showed.
    Found(Result<Vec<Seen>, String>),
}

/// What is to be done, one after the other; where one fails, the others are not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Write the launch down, durably.
    Save,
    /// Send the request, once, and tell how it was answered.
    Send,
    /// Look for the instances of the launch, by token and tag.
    Look,
    /// Wait so long.
    Wait(SignedDuration),
    /// Tell the outcome; the launcher ends.
    Tell(Outcome),
}

/// A launch in the hands of a launcher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launching {
    /// What is written down.
    pub launch: Launch,
    /// How often it was sent by this launcher.
    sent: u32,
    /// How often it was looked for since the last answer.
    looks: u32,
    /// Whether a request was sent whose outcome nobody knows.
    doubt: bool,
    /// What is done after the pause.
    next: Next,
    /// What went wrong last.
    trouble: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Send the request.
    Send,
    /// Look whether it was launched, and send it if not.
    LookThenSend,
    /// Look whether it was launched, and tell.
    LookThenTell,
    /// Read the instance back.
    ReadBack,
}

impl Launch {
    /// A launch that is planned.
    pub fn new(id: String, account: String, request: Request, now: Timestamp) -> Launch {
        Launch { id, account, planned: now, request, phase: Phase::Planned }
    }

    /// The client token: AWS answers a second request with it as it did the first.
    pub fn token(&self) -> String {
        format!("spawn-{}", self.id)
    }

    /// Whether somebody has to go on with it.
    pub fn is_open(&self) -> bool {
        !matches!(self.phase, Phase::Over(_))
    }

    fn may_send(&self, now: Timestamp) -> bool {
        let age = now.duration_since(self.planned);
        // AWS's clock is told in whole seconds, and by many machines.
        (-SignedDuration::from_mins(5)..RESEND).contains(&age)
    }
}

impl Launching {
    /// Takes a launch as it was written down.
    pub fn new(launch: Launch) -> Launching {
        let doubt = matches!(launch.phase, Phase::Sent(_));
        Launching { launch, sent: 0, looks: 0, doubt, next: Next::Send, trouble: String::new() }
    }

    fn over(&mut self, over: Over, outcome: Outcome) -> Vec<Effect> {
        self.launch.phase = Phase::Over(over);
        vec![Effect::Save, Effect::Tell(outcome)]
    }

    fn nothing(&mut self) -> Vec<Effect> {
        self.over(Over::Nothing, Outcome::Nothing)
    }

    fn open(&self) -> Vec<Effect> {
        vec![Effect::Tell(Outcome::Open(self.trouble.clone()))]
    }

    fn wait(&mut self, times: u32, next: Next) -> Vec<Effect> {
        self.next = next;
        let pause = PAUSE.saturating_mul(1 << times.min(10)).min(LONGEST_PAUSE);
        vec![Effect::Wait(pause)]
    }

    fn begin(&mut self, now: Timestamp) -> Vec<Effect> {
        match &self.launch.phase {
            Phase::Planned => self.send(now),
            Phase::Sent(_) => self.look(Next::LookThenSend),
            Phase::Launched(_) => self.look(Next::ReadBack),
            Phase::Over(Over::Running(_)) => self.look(Next::ReadBack),
            Phase::Over(Over::Refused(why)) => vec![Effect::Tell(Outcome::Refused(why.clone()))],
            Phase::Over(Over::Ended) => vec![Effect::Tell(Outcome::Ended)],
            Phase::Over(Over::Nothing) => vec![Effect::Tell(Outcome::Nothing)],
        }
    }

    fn look(&mut self, next: Next) -> Vec<Effect> {
        self.next = next;
        self.looks += 1;
        vec![Effect::Look]
    }

    /// Sends, if it is not too late; that it is being sent is written down first.
    fn send(&mut self, now: Timestamp) -> Vec<Effect> {
        if !self.launch.may_send(now) {
            return if self.doubt { self.look(Next::LookThenTell) } else { self.nothing() };
        }
        self.launch.phase = Phase::Sent(now);
        self.sent += 1;
        vec![Effect::Save, Effect::Send]
    }

    fn replied(&mut self, reply: Reply) -> Vec<Effect> {
        match reply {
            Reply::Launched(id) => {
                self.launch.phase = Phase::Launched(id);
                self.doubt = false;
                self.looks = 0;
                let mut effects = vec![Effect::Save];
                effects.extend(self.look(Next::ReadBack));
                effects
            }
            Reply::Mismatch(why) => {
                self.doubt = true;
                self.trouble = why;
                self.look(Next::LookThenTell)
            }
            Reply::Ended => self.over(Over::Ended, Outcome::Ended),
            Reply::Refused(why) if !self.doubt => {
                self.over(Over::Refused(why.clone()), Outcome::Refused(why))
            }
            Reply::Refused(why) => {
                self.trouble = why;
                self.look(Next::LookThenTell)
            }
            Reply::Throttled(why) => self.again(why),
            Reply::Lost(why) => {
                self.doubt = true;
                self.again(why)
            }
        }
    }

    /// The same request with the same token once more, after a pause, as long as there is patience.
    fn again(&mut self, why: String) -> Vec<Effect> {
        self.trouble = why;
        if self.sent < TRIES {
            return self.wait(self.sent - 1, Next::Send);
        }
        if self.doubt {
            return self.look(Next::LookThenTell);
        }
        let why = self.trouble.clone();
        self.over(Over::Refused(why.clone()), Outcome::Refused(why))
    }

    fn found(&mut self, found: Result<Vec<Seen>, String>, now: Timestamp) -> Vec<Effect> {
        let found = match found {
            Ok(found) => found,
            Err(why) => return self.unseen(why),
        };
        if found.len() > 1 {
            let ids = found.into_iter().map(|seen| seen.id).collect();
            return vec![Effect::Tell(Outcome::Several(ids))];
        }
        match found.into_iter().next() {
            Some(seen) if seen.state.is_over() => self.over(Over::Ended, Outcome::Ended),
            Some(seen) => self.over(Over::Running(seen.id.clone()), Outcome::Running(Box::new(seen))),
            None => self.not_there(now),
        }
    }

    /// A complete look did not show it.
    fn not_there(&mut self, now: Timestamp) -> Vec<Effect> {
        let last = match &self.launch.phase {
            Phase::Sent(last) => *last,
            _ => return self.unseen("EC2 does not show it".to_string()),
        };
        if self.next == Next::LookThenSend && self.launch.may_send(now) {
            return self.send(now);
        }
        if now.duration_since(last) >= SETTLE {
            return self.nothing();
        }
        if self.trouble.is_empty() {
            self.trouble = "no answer, and EC2 does not show it yet".to_string();
        }
        self.open()
    }

    /// A look failed, or did not show an instance that is known to have been launched.
    fn unseen(&mut self, why: String) -> Vec<Effect> {
        if self.looks < LOOKS {
            return self.wait(self.looks - 1, self.next);
        }
        match &self.launch.phase {
            Phase::Launched(id) | Phase::Over(Over::Running(id)) => {
                vec![Effect::Tell(Outcome::Unread(id.clone(), why))]
            }
            _ => {
                self.trouble = why;
                self.open()
            }
        }
    }
}

/// What follows from an event; `now` is AWS's clock.
pub fn step(mut launching: Launching, event: Event, now: Timestamp) -> (Launching, Vec<Effect>) {
    let effects = match event {
        Event::Begin => launching.begin(now),
        Event::Waited => match launching.next {
            Next::Send => launching.send(now),
            next => launching.look(next),
        },
        Event::Reply(reply) => launching.replied(reply),
        Event::Found(found) => launching.found(found, now),
    };
    (launching, effects)
}

impl Request {
    /// What of an instance is not as it was asked for, a sentence each.
    pub fn differences(&self, seen: &Seen) -> Vec<String> {
        let mut found = Vec::new();
        if seen.instance_type != self.instance_type {
            found.push(format!("it is a {}, asked for was {}", seen.instance_type, self.instance_type));
        }
        for (key, value) in &self.tags {
            match seen.tag(key) {
                Some(other) if other == value => {}
                Some(other) => found.push(format!("tag {key} is \"{other}\", asked for was \"{value}\"")),
                None => found.push(format!("tag {key} is missing")),
            }
        }
        match seen.metadata {
            Some(access) if access.session_required && access.hops == 1 && access.tags => {}
            _ => found.push(
                "its metadata service is not as strict as asked for, or does not tell tags".to_string(),
            ),
        }
        found
    }
}
