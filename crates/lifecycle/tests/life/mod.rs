//! A life for tests of single events: inputs in, effects out as lines of text.

use domain::{Known, Timestamp};
use jiff::SignedDuration;
use lifecycle::idle::{RULES, SignalReading};
use lifecycle::tag::{ExpiryTag, UtilizationFigures};
use lifecycle::{
    AwsCallError, BootIdentity, ClockReadings, Command, DaemonState, LifeEffect, LifeEvent, LifeTags,
    StepInputs, Terms, UtilizationSample, step,
};

/// The Unix second at which each life begins.
const BEGIN: i64 = 1_800_000_000;

/// A life that logs each effect as a line: the second since the boot, and the effect.
pub(crate) struct LoggedLife {
    pub(crate) state: Option<DaemonState>,
    pub(crate) mono: i64,
    pub(crate) asleep: i64,
    pub(crate) aws: i64,
    pub(crate) boot: u32,
    pub(crate) pending: i64,
    pub(crate) tag: Known<ExpiryTag>,
    pub(crate) cap: Known<Timestamp>,
    /// Whether AWS's time is received.
    pub(crate) heard: bool,
    pub(crate) quiet: bool,
    /// Whether the idle signals are left unread.
    pub(crate) blind: bool,
    pub(crate) hook_hangs: bool,
    pub(crate) refusal: Option<AwsCallError>,
    pub(crate) log: Vec<String>,
    /// Whether the identity document can be read.
    pub(crate) identified: bool,
    /// Whether the signals are unseen.
    pub(crate) unseen: bool,
    /// Seconds at which the state was saved.
    pub(crate) saves: Vec<i64>,
    /// Seconds at which the dead-man was armed.
    pub(crate) armed: Vec<i64>,
    /// Since which second the machine measures itself, if it does.
    pub(crate) measures: Option<i64>,
    /// The error of heartbeat writes, if they fail.
    pub(crate) beat_refusal: Option<AwsCallError>,
}

pub(crate) fn instant(seconds: i64) -> Timestamp {
    Timestamp::from_second(BEGIN + seconds).expect("in range")
}

impl LoggedLife {
    /// A life under these terms, after its first step a minute after the boot.
    pub(crate) fn new(terms: Terms) -> LoggedLife {
        let mut life = LoggedLife {
            state: None,
            mono: 60,
            asleep: 0,
            aws: 60,
            boot: 1,
            pending: 0,
            tag: Known::Absent,
            cap: Known::Absent,
            heard: true,
            quiet: false,
            blind: false,
            hook_hangs: false,
            refusal: None,
            log: Vec::new(),
            identified: true,
            unseen: false,
            saves: Vec::new(),
            armed: Vec::new(),
            measures: None,
            beat_refusal: None,
        };
        let inputs = life.inputs(Vec::new());
        life.state = Some(DaemonState::begin(terms, &inputs.clocks, &inputs.boot));
        life.step_with(Vec::new());
        life.log.clear();
        life.saves.clear();
        life.armed.clear();
        life
    }

    pub(crate) fn hour() -> LoggedLife {
        LoggedLife::new(Terms::with_budget(SignedDuration::from_hours(1)))
    }

    pub(crate) fn inputs(&self, events: Vec<LifeEvent>) -> StepInputs {
        let mono = SignedDuration::from_secs(self.mono);
        let value = match (self.unseen, self.quiet) {
            (true, _) => Known::Unseen("no driver".to_string()),
            (false, true) => Known::Is(0.0),
            (false, false) => Known::Is(100.0),
        };
        let pending = if self.identified {
            Known::Is(instant(self.pending))
        } else {
            Known::Unseen("no answer".to_string())
        };
        StepInputs {
            clocks: ClockReadings {
                mono,
                boot: mono + SignedDuration::from_secs(self.asleep),
                wall: Timestamp::UNIX_EPOCH,
            },
            boot: BootIdentity { instance: Known::Absent, id: self.boot.to_string(), pending },
            date: self.heard.then(|| instant(self.aws)),
            tags: LifeTags { expiry: self.tag.clone(), cap: self.cap.clone() },
            readings: (!self.blind).then(|| {
                RULES.iter().map(|rule| SignalReading { signal: rule.signal, value: value.clone() }).collect()
            }),
            measured: self.measures.map(|since| UtilizationSample {
                until: mono,
                over: SignedDuration::from_secs(self.mono - since),
                figures: UtilizationFigures {
                    cpu: Known::Is(12.5),
                    network_in: Known::Is(1),
                    network_out: Known::Is(2),
                    disk: Known::Unseen("odd".to_string()),
                    gpu: Known::Absent,
                    gpu_memory: Known::Absent,
                },
            }),
            events,
        }
    }

    pub(crate) fn step_with(&mut self, mut events: Vec<LifeEvent>) {
        for round in 0.. {
            assert!(round < 8, "effects without end: {:?}", self.log);
            let inputs = self.inputs(std::mem::take(&mut events));
            let (state, effects) = step(self.state.take().expect("a state"), &inputs);
            self.state = Some(state);
            for effect in effects {
                events.extend(self.perform(effect));
            }
            if events.is_empty() {
                return;
            }
        }
    }

    fn perform(&mut self, effect: LifeEffect) -> Option<LifeEvent> {
        let outcome = || self.refusal.clone().map_or(Ok(()), Err);
        let (line, event) = match effect {
            LifeEffect::Save => {
                self.saves.push(self.mono);
                return None;
            }
            LifeEffect::ArmDeadMan { after } => {
                self.armed.push(self.mono);
                return Some(LifeEvent::DeadManArmed { after, outcome: Ok(()) });
            }
            LifeEffect::PreStop { trigger, .. } => {
                ("hook".to_string(), (!self.hook_hangs).then_some(LifeEvent::PreStopDone(trigger)))
            }
            LifeEffect::Notify(notice) => (format!("{:?}: {}", notice.urgency, notice.text), None),
            LifeEffect::WriteTag(expiry) => {
                let event = LifeEvent::TagWritten { generation: expiry.generation, outcome: outcome() };
                if self.refusal.is_none() {
                    self.tag = Known::Is(expiry);
                }
                (expiry.encode(), Some(event))
            }
            LifeEffect::Call(action) => (action.verb().to_string(), Some(LifeEvent::Called(outcome()))),
            LifeEffect::PowerOff => ("power off".to_string(), None),
            LifeEffect::ForgetCredentials => ("forget credentials".to_string(), None),
            LifeEffect::Heartbeat(beat) => {
                self.measures = Some(self.mono);
                let outcome = self.beat_refusal.clone().map_or(Ok(()), Err);
                (beat.encode(), Some(LifeEvent::HeartbeatWritten(outcome)))
            }
            LifeEffect::Reply { answer: Ok(text), .. } => (format!("yes: {text}"), None),
            LifeEffect::Reply { answer: Err(text), .. } => (format!("no: {text}"), None),
        };
        self.log.push(format!("{} {line}", self.mono));
        event
    }

    /// Lets the machine run, with a step every 15 seconds.
    pub(crate) fn run(&mut self, seconds: i64) {
        for _ in 0..seconds / 15 {
            self.mono += 15;
            self.aws += 15;
            self.step_with(Vec::new());
        }
    }

    pub(crate) fn ask(&mut self, command: Command) {
        self.step_with(vec![LifeEvent::Asked { ticket: 1, command }]);
    }

    /// Turns the machine off for a while; then a boot takes a minute. It is a start if `started`,
    /// else a reboot.
    pub(crate) fn boot(&mut self, off: i64, started: bool) {
        self.aws += off + 60;
        self.mono = 60;
        self.boot += 1;
        if started {
            self.pending = self.aws;
        }
        self.step_with(Vec::new());
    }

    pub(crate) fn left(&self) -> i64 {
        self.state.as_ref().expect("a state").time_to_end().as_secs()
    }

    pub(crate) fn check(&self, expected: &[&str]) {
        assert_eq!(self.log, expected, "\n{}", self.log.join("\n"));
    }
}
