//! A simulated world for one instance: AWS's clock and tags, the machine's clocks and disk, a
//! daemon that can be killed between two effects, a dead-man, and independent books of the time
//! left.

mod acts;
mod books;
mod disks;
mod heartbeats;

pub(crate) use acts::{PowerState, SignalLoad, WorldAct};
use books::BudgetBooks;
use domain::{Known, Timestamp};
use jiff::SignedDuration;
use lifecycle::idle::{IdleSignal, RULES, SignalReading};
use lifecycle::tag::{BudgetIntent, ExpiryTag};
use lifecycle::{
    AwsCallError, AwsNotice, BootIdentity, ClockReadings, Command, DaemonState, EndAction, LifeEffect,
    LifeEvent, LifeTags, NoticeUrgency, StepInputs, Terms, step,
};

/// Seconds between two steps of the daemon.
pub(crate) const TICK: i64 = 15;

pub(crate) fn secs(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

pub(crate) struct LifeWorld {
    terms: Terms,
    now: i64,
    wall_error: i64,
    instance: u32,
    /// The running time until the dead-man acts, as an instance without spawnd counts it.
    counted: Option<i64>,
    /// The same as an instant of this boot, on the monotonic clock.
    counted_end: Option<i64>,
    installed: bool,
    /// Whether a daemon has taken the count over.
    taken: bool,
    mono: i64,
    asleep: i64,
    boots: u64,
    pending: i64,
    /// When the instance was created, and the cap that its tag has.
    created: i64,
    cap: Option<Timestamp>,
    pub(crate) power: PowerState,
    tag: Option<String>,
    disk: Option<DaemonState>,
    daemon: Option<DaemonState>,
    down_ticks: u16,
    crash_at: Option<u8>,
    dead_man: i64,
    dead_man_at_boot: i64,
    imds: bool,
    ec2: bool,
    iam: bool,
    foreign: bool,
    waking: bool,
    asked: i64,
    load: SignalLoad,
    /// Whether every signal of the newest reading was seen to be quiet.
    newest_quiet: bool,
    quiet_since: i64,
    completed: bool,
    pub(crate) books: BudgetBooks,
    events: Vec<LifeEvent>,
    warned_at: Option<i64>,
    idle_warned_at: Option<i64>,
    /// When the last warning of the bound was given, on the monotonic clock.
    told_at: Option<i64>,
    /// Sleep that is not part of any saved state: a reboot charges it.
    unseen_sleep: i64,
    /// Both warnings as of the last save, which is all that a daemon knows after a crash.
    saved_warnings: (Option<i64>, Option<i64>),
    last_warning: Option<(u64, String)>,
    saved_at: i64,
    /// Since when this daemon measures, on the monotonic clock.
    measures: i64,
    /// The time of the latest heartbeat attempt.
    beat_at: Option<i64>,
    /// Whether AWS denied a heartbeat of this daemon.
    beat_denied: bool,
    pub(crate) beats: u64,
    pub(crate) steps: u64,
}

const EPOCH: i64 = 1_800_000_000;

pub(crate) fn instant(seconds: i64) -> Timestamp {
    Timestamp::from_second(EPOCH + seconds).expect("in range")
}

impl LifeWorld {
    /// A launch: the tag and the terms are in place, the machine boots, the dead-man is armed.
    pub(crate) fn launch(terms: Terms) -> LifeWorld {
        let budget = terms.budget.as_secs();
        let slack = terms.dead_man_slack().as_secs();
        let tag = ExpiryTag { intent: BudgetIntent::Running(instant(budget)), generation: 1 }.encode();
        LifeWorld {
            now: 0,
            wall_error: 0,
            instance: 1,
            counted: None,
            counted_end: None,
            installed: true,
            taken: false,
            mono: 0,
            asleep: 0,
            boots: 1,
            pending: 0,
            created: 0,
            cap: terms.cap,
            power: PowerState::Running,
            tag: Some(tag),
            disk: None,
            daemon: None,
            down_ticks: 2,
            crash_at: None,
            dead_man: budget + slack,
            dead_man_at_boot: budget + slack,
            imds: true,
            ec2: true,
            iam: true,
            foreign: true,
            waking: false,
            asked: 0,
            load: SignalLoad::Busy,
            newest_quiet: false,
            quiet_since: 0,
            completed: false,
            books: BudgetBooks { least: budget, most: budget },
            events: Vec::new(),
            warned_at: None,
            idle_warned_at: None,
            told_at: None,
            unseen_sleep: 0,
            saved_warnings: (None, None),
            last_warning: None,
            saved_at: 0,
            measures: 0,
            beat_at: None,
            beat_denied: false,
            beats: 0,
            steps: 0,
            terms,
        }
    }

    pub(crate) fn act(&mut self, act: &WorldAct) {
        match *act {
            WorldAct::Run(ticks) => self.run(ticks),
            WorldAct::Start { after } => self.start(i64::from(after)),
            WorldAct::ClockStep(by) => self.wall_error += i64::from(by),
            WorldAct::LoseTags => self.tag = None,
            WorldAct::GarbleTag => self.tag = Some("v1;running;until=soon".to_string()),
            WorldAct::Imds(works) => self.imds = works,
            WorldAct::Ec2(works) => self.ec2 = works,
            WorldAct::Iam(works) => self.iam = works,
            WorldAct::CliExtend { by } => self.cli_extend(i64::from(by)),
            WorldAct::Image { minutes } => {
                let budget = secs(i64::from(minutes) * 60);
                self.image(Terms { budget, cap: None, ..self.terms.clone() });
                self.cap = None;
                let until = instant(self.now + budget.as_secs());
                let expiry = ExpiryTag { intent: BudgetIntent::Running(until), generation: 1 };
                self.tag = Some(expiry.encode());
            }
            WorldAct::Copy if self.installed => self.image(Terms::unread()),
            WorldAct::Copy => {}
            WorldAct::Hibernate { .. } if !self.installed => {}
            _ if self.power != PowerState::Running => {}
            WorldAct::Install => self.install(),
            WorldAct::CliStop => self.cli_stop(),
            WorldAct::ConsoleStop { graceful } => self.console_stop(graceful),
            WorldAct::Reboot { down } => self.reboot(i64::from(down)),
            WorldAct::Hibernate { asleep } => self.hibernate(i64::from(asleep)),
            WorldAct::Crash { ticks } => self.crash(ticks),
            WorldAct::CrashAtEffect(index) => self.crash_at = Some(index),
            WorldAct::CorruptState => self.corrupt_state(),
            WorldAct::Load(load) => self.load = load,
            WorldAct::SpotNotice => self.events.push(LifeEvent::Aws(AwsNotice {
                id: "spot".to_string(),
                text: "AWS will take this instance back".to_string(),
                hook: Some(secs(100)),
            })),
            WorldAct::Extend { by, local_only } => {
                self.asked = i64::from(by);
                let running = self.daemon.is_some();
                self.ask(Command::Extend { by: secs(i64::from(by)), local_only });
                if running && self.daemon.is_none() {
                    // The answer was lost in a crash: the extension may or may not count.
                    self.books.either(self.books.most.max(0) + self.asked);
                }
            }
            WorldAct::KeepAlive { minutes } => {
                let span = SignedDuration::from_mins(i64::from(minutes).max(1));
                self.ask(Command::KeepAlive { name: "test".to_string(), span });
                if self.daemon.is_some() {
                    self.quiet_since = self.mono;
                }
            }
            WorldAct::Cancel => self.ask(Command::Cancel),
            WorldAct::Complete => {
                self.books.least = self.books.least.min(0);
                self.completed = true;
                self.ask(Command::Complete);
            }
        }
    }

    fn ask(&mut self, command: Command) {
        if self.daemon.is_some() {
            self.step_with(vec![LifeEvent::Asked { ticket: 1, command }], false);
        }
    }

    pub(crate) fn run(&mut self, ticks: u16) {
        for _ in 0..ticks {
            self.now += TICK;
            if self.power != PowerState::Running {
                continue;
            }
            self.mono += TICK;
            self.books.least -= TICK;
            self.books.most -= TICK;
            self.cap_books();
            self.tick();
            self.check_bound();
        }
    }

    fn tick(&mut self) {
        if self.mono >= self.dead_man {
            let slack = self.terms.dead_man_slack().as_secs();
            assert!(self.books.least <= 60 - slack, "the dead-man came early: {:?}", self.books);
            self.lose_unsaved();
            return self.power_off();
        }
        if !self.installed {
            if self.mono % 60 == 0 {
                (self.saved_at, self.counted) = (self.mono, Some(self.dead_man - self.mono));
                self.dead_man_at_boot = (self.dead_man - self.mono).max(120);
            }
            return;
        }
        if self.daemon.is_none() {
            if self.down_ticks > 0 {
                self.down_ticks -= 1;
                return;
            }
            self.load_daemon();
        }
        let minute = (self.mono / TICK) % 4 == 0;
        self.step_with(Vec::new(), minute);
    }

    fn load_daemon(&mut self) {
        self.measures = self.mono;
        self.beat_denied = false;
        let (clocks, boot) = (self.clocks(), self.boot());
        self.daemon = Some(match self.disk.clone() {
            Some(saved) if saved.is_of(boot.instance.value().map(String::as_str)) => saved.reloaded(),
            _ => self.first_state(&clocks, &boot),
        });
    }

    fn clocks(&self) -> ClockReadings {
        ClockReadings {
            mono: secs(self.mono),
            boot: secs(self.mono + self.asleep),
            wall: instant(self.now + self.wall_error),
        }
    }

    fn boot(&self) -> BootIdentity {
        let pending =
            if self.imds { Known::Is(instant(self.pending)) } else { Known::Unseen("down".to_string()) };
        BootIdentity { instance: Known::Is(self.instance.to_string()), id: self.boots.to_string(), pending }
    }

    fn loses_look(&self, every: u8) -> bool {
        (self.mono / 60) % i64::from(every) == 0
    }

    fn readings(&self) -> Vec<SignalReading> {
        let lost = || Known::Unseen("lost".to_string());
        let value = |signal: IdleSignal| match (self.load, signal) {
            (SignalLoad::Busy, IdleSignal::Terminal) => Known::Is(1.0),
            (SignalLoad::Unknown, IdleSignal::Gpu) => lost(),
            (SignalLoad::Stuck, IdleSignal::Jupyter | IdleSignal::Editor) => lost(),
            (SignalLoad::Flapping(every), IdleSignal::Jupyter) if self.loses_look(every) => lost(),
            _ => Known::Is(0.0),
        };
        RULES.iter().map(|rule| SignalReading { signal: rule.signal, value: value(rule.signal) }).collect()
    }

    /// One step of the daemon, and the steps that its own effects cause.
    fn step_with(&mut self, mut events: Vec<LifeEvent>, minute: bool) {
        events.append(&mut self.events);
        self.follow_tag();
        if self.waking && self.daemon.is_some() {
            // An end overdue at a start is due when the daemon learns of the start.
            self.books.most = self.books.most.max(0);
        }
        let mut readings = minute.then(|| self.readings());
        if minute && self.daemon.is_some() {
            self.newest_quiet = match self.load {
                SignalLoad::Quiet => true,
                SignalLoad::Flapping(every) => !self.loses_look(every),
                SignalLoad::Busy | SignalLoad::Unknown | SignalLoad::Stuck => false,
            };
        }
        if minute && !matches!(self.load, SignalLoad::Quiet | SignalLoad::Flapping(_)) {
            self.quiet_since = self.mono;
        }
        for _ in 0..8 {
            let Some(state) = self.daemon.take() else { return };
            let unseen = || Known::Unseen("down".to_string());
            let expiry = match &self.tag {
                _ if !self.imds => unseen(),
                None => Known::Absent,
                Some(text) => {
                    ExpiryTag::decode(text).map_or_else(|error| Known::Unseen(error.to_string()), Known::Is)
                }
            };
            let measured = readings.as_ref().map(|_| self.measured());
            let inputs = StepInputs {
                clocks: self.clocks(),
                boot: self.boot(),
                date: self.imds.then(|| instant(self.now)),
                tags: LifeTags { expiry, cap: self.cap_tag() },
                readings: readings.take(),
                measured,
                events: std::mem::take(&mut events),
            };
            let (state, effects) = step(state, &inputs);
            self.steps += 1;
            assert!(effects.len() <= 12, "too much at once: {effects:?}");
            self.daemon = Some(state);
            for effect in effects {
                if self.crash_at == Some(0) {
                    self.crash_at = None;
                    return self.crash(0);
                }
                self.crash_at = self.crash_at.map(|left| left - 1);
                events.extend(self.perform(effect, minute));
                if self.power != PowerState::Running {
                    return;
                }
            }
            if events.is_empty() {
                return;
            }
        }
    }

    fn perform(&mut self, effect: LifeEffect, fresh: bool) -> Option<LifeEvent> {
        match effect {
            LifeEffect::Notify(notice) => {
                self.hear(notice.urgency, notice.text);
                None
            }
            LifeEffect::Save => {
                self.save();
                None
            }
            LifeEffect::ArmDeadMan { after } => {
                self.dead_man = self.mono + after.as_secs();
                Some(LifeEvent::DeadManArmed { after, outcome: Ok(()) })
            }
            LifeEffect::WriteTag(expiry) => Some(self.write_tag(expiry)),
            LifeEffect::Heartbeat(beat) => Some(self.write_heartbeat(&beat)),
            LifeEffect::PreStop { trigger, .. } => Some(LifeEvent::PreStopDone(trigger)),
            LifeEffect::Call(action) => self.call(action, fresh),
            LifeEffect::PowerOff => {
                self.check_warned();
                self.power_off();
                None
            }
            LifeEffect::Reply { answer: Ok(text), .. } if text.starts_with("extended") => {
                self.granted();
                None
            }
            LifeEffect::ForgetCredentials | LifeEffect::Reply { .. } => None,
        }
    }

    fn save(&mut self) {
        let state = self.daemon.as_ref().expect("a daemon that saves");
        self.dead_man_at_boot = state.dead_man_after().as_secs().max(120);
        self.disk = Some(state.clone());
        self.saved_at = self.mono;
        self.saved_warnings = (self.warned_at, self.idle_warned_at);
        self.waking &= !self.imds;
        self.unseen_sleep = 0;
    }

    fn hear(&mut self, urgency: NoticeUrgency, text: String) {
        if text.contains("in use again") {
            self.last_warning = None;
            self.idle_warned_at = None;
        }
        if urgency < NoticeUrgency::Warning || !text.contains("this instance will") {
            return;
        }
        let clocks = self.clocks();
        let generation = self.daemon.as_ref().map_or(0, |state| state.status(&clocks).generation);
        let idle = text.contains("it is idle");
        let told = Some((generation, text));
        assert!(self.last_warning != told, "warned twice: {told:?}");
        self.last_warning = told;
        let since = if idle { &mut self.idle_warned_at } else { &mut self.warned_at };
        since.get_or_insert(self.mono);
        if !idle {
            self.told_at = Some(self.mono);
        }
    }

    fn create_tags(&self) -> Result<(), AwsCallError> {
        match (self.ec2, self.iam) {
            (false, _) => Err(AwsCallError::Failed("no route".to_string())),
            (true, false) => Err(AwsCallError::Denied("no CreateTags".to_string())),
            (true, true) => Ok(()),
        }
    }

    fn write_tag(&mut self, expiry: ExpiryTag) -> LifeEvent {
        let outcome = self.create_tags();
        if outcome.is_ok() {
            self.tag = Some(expiry.encode());
            self.foreign = false;
        }
        LifeEvent::TagWritten { generation: expiry.generation, outcome }
    }

    fn call(&mut self, action: EndAction, fresh: bool) -> Option<LifeEvent> {
        self.check_warned();
        self.check_cause(fresh);
        match (self.ec2, self.iam) {
            (false, _) => Some(LifeEvent::Called(Err(AwsCallError::Failed("no route".to_string())))),
            (true, false) => {
                Some(LifeEvent::Called(Err(AwsCallError::Denied("no StopInstances".to_string()))))
            }
            (true, true) => {
                self.power = match action {
                    EndAction::Stop => PowerState::Stopped,
                    EndAction::Hibernate => PowerState::Hibernated,
                    EndAction::Terminate => PowerState::Terminated,
                };
                self.daemon = None;
                None
            }
        }
    }

    fn power_off(&mut self) {
        self.power = PowerState::Stopped;
        self.daemon = None;
    }

    fn cli_stop(&mut self) {
        if let Some(Ok(expiry)) = self.tag.as_deref().map(ExpiryTag::decode)
            && let BudgetIntent::Running(until) = expiry.intent
        {
            let left = until.duration_since(instant(self.now)).as_secs().max(0);
            let intent = BudgetIntent::Paused(secs(left));
            self.tag = Some(ExpiryTag { intent, generation: expiry.generation + 1 }.encode());
            self.foreign = true;
        }
        self.console_stop(true);
    }

    fn console_stop(&mut self, graceful: bool) {
        if graceful && self.daemon.is_some() {
            self.step_with(vec![LifeEvent::GoingDown], false);
        }
        if !graceful || self.daemon.is_none() {
            self.lose_unsaved();
        }
        self.power_off();
    }

    /// A power cut: running time since the last save is not charged.
    fn lose_unsaved(&mut self) {
        self.books.most += self.mono - self.saved_at + TICK;
    }

    fn start(&mut self, after: i64) {
        if matches!(self.power, PowerState::Running | PowerState::Terminated) {
            return;
        }
        self.now += after;
        if self.power == PowerState::Hibernated {
            return self.wake_up(after);
        }
        self.pending = self.now;
        self.boot_up();
    }

    fn boot_up(&mut self) {
        self.power = PowerState::Running;
        self.boots += 1;
        self.counted_end = (!self.installed).then_some(self.dead_man_at_boot);
        self.mono = 0;
        self.asleep = 0;
        self.saved_at = 0;
        self.told_at = None;
        self.unseen_sleep = 0;
        self.saved_warnings = (None, None);
        self.dead_man = self.dead_man_at_boot;
        self.daemon = None;
        self.down_ticks = 1;
        self.quiet_since = 0;
        self.woken();
    }

    fn woken(&mut self) {
        if !self.installed {
            let slack = self.terms.dead_man_slack().as_secs();
            self.books.most = self.books.most.max(-slack);
            return;
        }
        self.idle_warned_at = None;
        self.warned_at = None;
        self.last_warning = None;
        self.waking = true;
        self.books.most = self.books.most.max(0);
        if self.disk.is_none() {
            // Without any saved state, the dead-man of the first boot bounds each boot.
            self.books.most = self.books.most.max(self.terms.budget.as_secs());
        }
    }

    fn reboot(&mut self, down: i64) {
        let pending = self.pending;
        let warned_at = self.warned_at.map(|at| at - self.mono);
        let unseen = self.waking;
        self.lose_unsaved();
        self.books.least -= down + self.unseen_sleep;
        self.now += down;
        self.boot_up();
        self.pending = pending;
        self.warned_at = warned_at;
        self.saved_warnings = (warned_at, None);
        // Without IMDS a reboot looks like a start.
        self.waking = unseen || !self.imds;
    }

    fn hibernate(&mut self, asleep: i64) {
        self.now += asleep;
        self.wake_up(asleep);
    }

    fn wake_up(&mut self, asleep: i64) {
        self.power = PowerState::Running;
        self.asleep += asleep;
        self.unseen_sleep += asleep;
        self.woken();
        if self.daemon.is_none() {
            self.load_daemon();
        }
        self.step_with(Vec::new(), false);
    }

    fn crash(&mut self, ticks: u16) {
        self.daemon = None;
        self.down_ticks = ticks;
        // A warning that was not saved may be repeated.
        (self.warned_at, self.idle_warned_at) = self.saved_warnings;
        self.last_warning = None;
        self.events.clear();
    }

    fn corrupt_state(&mut self) {
        self.disk = None;
        self.crash(1);
    }

    /// Extends as the launching machine does: any tag, one generation later.
    fn cli_extend(&mut self, by: i64) {
        let Some(Ok(expiry)) = self.tag.as_deref().map(ExpiryTag::decode) else { return };
        let intent = match expiry.intent {
            BudgetIntent::Running(until) => {
                BudgetIntent::Running(until.max(instant(self.now)).checked_add(secs(by)).expect("in range"))
            }
            BudgetIntent::Paused(left) => BudgetIntent::Paused(left + secs(by)),
        };
        self.tag = Some(ExpiryTag { intent, generation: expiry.generation + 1 }.encode());
        self.foreign = true;
    }

    /// Repairs every fault; then the instance must come to its end.
    pub(crate) fn repair(&mut self) {
        (self.imds, self.ec2, self.iam) = (true, true, true);
        self.down_ticks = 0;
    }
}
