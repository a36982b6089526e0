//! The daemon's main loop: polls the machine and AWS, lets the lifecycle decide, performs its
//! effects, and reports their outcome to the next step.
//!
//! The daemon decides and acts in one thread, and each request to another program has a timeout.
//! The webhook has a thread and a bounded queue. Each look at a signal of work has its own thread,
//! so that a stuck one delays nothing else. The IAM policy for the instance's role is printed from
//! the names with which the calls are made, and the fake EC2 of the tests refuses all others.

use crate::acknowledgement::{Acknowledgement, seen_tag};
use crate::ec2::Ec2Client;
use crate::hooks::PreStopRun;
use crate::imds::{self, MetadataClient};
use crate::machine::Machine;
use crate::notices::NoticeChannels;
use crate::signals::SignalProbe;
use crate::socket::{self, RequestCount, SocketAnswer, SocketClient, SocketRequest};
use crate::{authorities, dead_man, notices, store};
use domain::{Known, Timestamp, visible};
use jiff::SignedDuration;
use lifecycle::idle::{IdleTerms, SignalReading};
use lifecycle::tag::{EXPIRY, HEARTBEAT, PredecessorTags, SEEN};
use lifecycle::{
    AwsCallError, BootIdentity, DaemonState, EndAction, HookTrigger, LifeEffect, LifeEvent, LifeTags,
    NoticeUrgency, PowerOff, StepInputs, Terms, UtilizationSample, step,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::io::Read;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Instant;

/// Interval between two polls: four wake-ups a minute.
const TICK: SignedDuration = SignedDuration::from_secs(15);
/// Interval between two polls while the pre-stop hook runs.
const HOOK_TICK: SignedDuration = SignedDuration::from_secs(2);
/// Idle signals are read when this much time has passed: once a minute, with a margin of 2 s.
const MINUTE: SignedDuration = SignedDuration::from_secs(58);
/// The outcome of an effect can cause further effects. One poll has at most this many rounds of
/// them.
const ROUNDS: usize = 8;
/// Prefix of the sandbox's instance ids, which AWS cannot issue.
const SANDBOX_ID: &str = "i-sandbox";

struct Daemon {
    machine: Machine,
    notices: NoticeChannels,
    /// AWS has announced an interruption or an event. The notice file, shown at login, stays.
    announced: bool,
    instance: Option<String>,
    sandbox: bool,
    imds: MetadataClient,
    ec2: Ec2Client,
    probe: SignalProbe,
    state: DaemonState,
    tags: LifeTags,
    pending: Known<Timestamp>,
    last_minute: Option<SignedDuration>,
    hooks: Vec<PreStopRun>,
    events: Vec<LifeEvent>,
    replies: Vec<(u64, Result<String, String>)>,
    unsaved: Option<String>,
    acknowledged: Acknowledgement,
    /// Since the last poll.
    requests: RequestCount,
}

/// Runs until SIGTERM or SIGINT. Errors: the daemon cannot start without its socket, its signal
/// handlers, or the boot id.
pub(crate) fn run(machine: Machine, sandbox: Option<String>, link_local: bool) -> Result<(), String> {
    let (mut going_down, write_end) = UnixStream::pair().map_err(|error| error.to_string())?;
    for signal in [SIGTERM, SIGINT] {
        let end = write_end.try_clone().map_err(|error| error.to_string())?;
        signal_hook::low_level::pipe::register(signal, end).map_err(|error| error.to_string())?;
    }
    let listener = socket::listen(&machine).map_err(|error| format!("the socket: {error}"))?;
    let mut daemon = Daemon::begin(machine, sandbox, link_local)?;
    notify_systemd("READY=1");
    let mut due = Instant::now();
    loop {
        if Instant::now() >= due {
            daemon.poll();
            notify_systemd("WATCHDOG=1");
            let pause = if !daemon.hooks.is_empty() { HOOK_TICK } else { TICK };
            due = Instant::now() + daemon.machine.real(pause);
        }
        match wait((!daemon.requests.is_full()).then_some(&listener), &going_down, due) {
            WakeReason::Time => {}
            WakeReason::Question => daemon.serve(&listener),
            WakeReason::Signal => {
                let _ = going_down.read(&mut [0; 8]);
                daemon.shut_down();
                return Ok(());
            }
        }
    }
}

enum WakeReason {
    Time,
    Question,
    Signal,
}

/// Waits for a signal, for the next poll, and for a client if more may ask before that poll.
fn wait(listener: Option<&UnixListener>, signals: &UnixStream, due: Instant) -> WakeReason {
    let left = due.saturating_duration_since(Instant::now());
    let limit = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
    let mut watched = vec![PollFd::new(signals, PollFlags::IN)];
    watched.extend(listener.map(|listener| PollFd::new(listener, PollFlags::IN)));
    let _ = poll(&mut watched, Some(&limit));
    match watched.iter().position(|watched| !watched.revents().is_empty()) {
        Some(0) => WakeReason::Signal,
        Some(_) => WakeReason::Question,
        None => WakeReason::Time,
    }
}

/// Sends a message to systemd. Does nothing if systemd did not start the daemon.
fn notify_systemd(text: &str) {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};
    let Some(name) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let address = match name.as_bytes().strip_prefix(b"@") {
        Some(abstract_name) => SocketAddr::from_abstract_name(abstract_name),
        None => SocketAddr::from_pathname(&name),
    };
    if let (Ok(address), Ok(socket)) = (address, UnixDatagram::unbound()) {
        let _ = socket.send_to_addr(text.as_bytes(), &address);
    }
}

impl Daemon {
    fn begin(machine: Machine, sandbox: Option<String>, link_local: bool) -> Result<Daemon, String> {
        let metadata = sandbox.as_deref().filter(|_| !link_local).unwrap_or(imds::ADDRESS);
        let mut imds = MetadataClient::new(metadata);
        let boot = BootIdentity {
            instance: own_instance(&machine, &mut imds).map_or(Known::Absent, Known::Is),
            id: boot_id(&machine)?,
            pending: Known::Unseen("not requested yet".to_string()),
        };
        let (tls, distrusted) = authorities::tls(&machine);
        let mut notices = NoticeChannels::new(machine.clone(), sandbox.is_some(), tls.clone());
        if let Some(why) = distrusted {
            notices.trouble(&why, None, machine.clocks().wall);
        }
        if let Err(error) = store::remove_abandoned(&machine) {
            notices.trouble(&error.to_string(), None, machine.clocks().wall);
        }
        let state = match store::load(&machine) {
            Ok(Some(state)) if state.is_of(boot.instance.value().map(String::as_str)) => state,
            Ok(_) => first_state(&machine, &mut imds, &mut notices, &boot),
            Err(why) => {
                let aside = store::set_aside(&machine);
                let text =
                    format!("the saved state is lost; starting again from the launch terms: {why}; {aside}");
                notices.trouble(&text, None, machine.clocks().wall);
                first_state(&machine, &mut imds, &mut notices, &boot)
            }
        };
        let unseen = || "not requested yet".to_string();
        Ok(Daemon {
            sandbox: sandbox.is_some(),
            ec2: Ec2Client::new(sandbox, tls),
            probe: SignalProbe::new(&machine),
            tags: LifeTags { expiry: Known::Unseen(unseen()), cap: Known::Unseen(unseen()) },
            pending: Known::Unseen(unseen()),
            last_minute: None,
            hooks: Vec::new(),
            events: Vec::new(),
            replies: Vec::new(),
            unsaved: None,
            acknowledged: Acknowledgement::default(),
            requests: RequestCount::default(),
            notices,
            announced: false,
            instance: None,
            machine,
            imds,
            state,
        })
    }

    /// Polls every source once and acts on the result.
    fn poll(&mut self) {
        let mono = self.machine.clocks().mono;
        let minute = self.last_minute.is_none_or(|at| mono - at >= MINUTE);
        self.requests = RequestCount::default();
        self.imds.begin_round();
        self.pending = match self.imds.identity() {
            Known::Is(identity) => {
                self.begin_own_life(&identity.instance_id);
                self.instance = Some(identity.instance_id);
                Known::Is(identity.pending_time)
            }
            Known::Absent => Known::Absent,
            Known::Unseen(why) => Known::Unseen(why),
        };
        self.tags = self.imds.tags();
        let announced = self.imds.notices(minute);
        // Early announcements are requested once a minute; the last response counts until then.
        if minute || !announced.is_empty() {
            self.announced = !announced.is_empty();
        }
        self.events.extend(announced.into_iter().map(LifeEvent::Aws));
        for over in self.hooks.extract_if(.., |hook| hook.is_over()) {
            self.events.push(LifeEvent::PreStopDone(over.trigger));
        }
        let readings = minute.then(|| self.probe.poll());
        if minute {
            self.last_minute = Some(mono);
        }
        let measured = if minute { self.probe.measured() } else { None };
        self.decide(readings, measured, self.imds.date());
        self.acknowledge();
        self.update_motd();
    }

    /// Writes the tag `spawn:seen` if it does not show the present terms yet.
    fn acknowledge(&mut self) {
        let mono = self.machine.clocks().mono;
        let Some(generation) = self.state.settled_generation() else { return };
        if self.acknowledged.is_due(generation, mono) {
            let seen = seen_tag(&self.machine, generation, self.aws_now());
            let outcome = self.write_tag(SEEN, &seen.encode());
            if let Err(why) = &outcome {
                eprintln!("<5>the tag {SEEN} is not written: {}", visible(&why.to_string()));
            }
            self.acknowledged.record(generation, &outcome, mono);
        }
    }

    /// Begins a life of this instance if the saved one is another's. Without the metadata service,
    /// that could not be known before.
    fn begin_own_life(&mut self, instance: &str) {
        if self.state.is_of(Some(instance)) {
            return;
        }
        let Ok(id) = boot_id(&self.machine) else { return };
        let boot = BootIdentity {
            instance: Known::Is(instance.to_string()),
            id,
            pending: Known::Unseen("not requested yet".to_string()),
        };
        self.state = first_state(&self.machine, &mut self.imds, &mut self.notices, &boot);
    }

    /// Steps until no effect causes another event, for at most `ROUNDS` rounds.
    fn decide(
        &mut self,
        mut readings: Option<Vec<SignalReading>>,
        mut measured: Option<UtilizationSample>,
        mut date: Option<Timestamp>,
    ) {
        for _ in 0..ROUNDS {
            let Ok(id) = boot_id(&self.machine) else { return };
            let inputs = StepInputs {
                clocks: self.machine.clocks(),
                boot: BootIdentity {
                    instance: self.instance.clone().map_or(Known::Absent, Known::Is),
                    id,
                    pending: self.pending.clone(),
                },
                date: date.take(),
                tags: self.tags.clone(),
                readings: readings.take(),
                measured: measured.take(),
                events: std::mem::take(&mut self.events),
            };
            let (state, effects) = step(self.state.clone(), &inputs);
            self.state = state;
            for effect in effects {
                self.perform(effect);
            }
            if self.events.is_empty() {
                return;
            }
        }
    }

    fn perform(&mut self, effect: LifeEffect) {
        match effect {
            LifeEffect::Notify(notice) => {
                if notice.urgency != NoticeUrgency::Trouble {
                    self.probe.mark_own_output();
                }
                let now = self.aws_now();
                self.notices.show_notice(&notice, self.instance.as_deref(), now);
            }
            LifeEffect::Save => self.save(),
            LifeEffect::ArmDeadMan { after } => {
                let outcome = dead_man::arm(&self.machine, after);
                self.events.push(LifeEvent::DeadManArmed { after, outcome });
            }
            LifeEffect::WriteTag(expiry) => {
                let outcome = self.write_tag(EXPIRY, &expiry.encode());
                self.events.push(LifeEvent::TagWritten { generation: expiry.generation, outcome });
            }
            LifeEffect::Heartbeat(beat) => {
                self.probe.begin_window();
                let outcome = self.write_tag(HEARTBEAT, &beat.encode());
                self.events.push(LifeEvent::HeartbeatWritten(outcome));
            }
            LifeEffect::PreStop { trigger, limit } => self.start_hook(trigger, limit),
            LifeEffect::Call(action) => {
                let now = self.aws_now();
                let outcome = self.allowed().and_then(|()| self.ec2.end(&mut self.imds, action, now));
                self.events.push(LifeEvent::Called(outcome));
            }
            LifeEffect::PowerOff => {
                if let Err(why) = self.machine.systemctl(&["poweroff"]) {
                    self.trouble(&format!("the machine cannot power off: {why}"));
                }
            }
            LifeEffect::ForgetCredentials => {
                self.imds.forget();
                self.ec2.forget();
                self.probe.forget();
            }
            LifeEffect::Reply { ticket, answer } => self.replies.push((ticket, answer)),
        }
    }

    fn write_tag(&mut self, key: &str, value: &str) -> Result<(), AwsCallError> {
        let now = self.aws_now();
        self.allowed().and_then(|()| self.ec2.write_tag(&mut self.imds, key, value, now))
    }

    /// Checks that the instance belongs to the endpoint. Calls to the sandbox are only for the
    /// sandbox's instances, and calls to AWS only for AWS's.
    fn allowed(&mut self) -> Result<(), AwsCallError> {
        match self.imds.identity() {
            Known::Is(identity) if identity.instance_id.starts_with(SANDBOX_ID) == self.sandbox => Ok(()),
            Known::Is(identity) => Err(AwsCallError::Denied(format!(
                "{} does not belong to this endpoint",
                identity.instance_id
            ))),
            Known::Absent | Known::Unseen(_) => {
                Err(AwsCallError::Failed("the instance id is not known yet".to_string()))
            }
        }
    }

    /// Returns AWS's time, for signatures, or the machine's time if AWS's is unknown.
    fn aws_now(&self) -> Timestamp {
        self.state.now(&self.machine.clocks())
    }

    fn trouble(&mut self, text: &str) {
        let now = self.aws_now();
        self.notices.trouble(text, self.instance.as_deref(), now);
    }

    fn save(&mut self) {
        let failed = store::save(&self.machine, &self.state).err();
        if let Some(why) = &failed
            && self.unsaved.is_none()
        {
            self.trouble(&format!("the state cannot be saved and is only kept in memory: {why}"));
        }
        self.unsaved = failed;
    }

    fn start_hook(&mut self, trigger: HookTrigger, limit: SignedDuration) {
        match PreStopRun::start(&self.machine, trigger.clone(), limit) {
            Ok(Some(hook)) => self.hooks.push(hook),
            Ok(None) => self.events.push(LifeEvent::PreStopDone(trigger)),
            Err(why) => {
                self.trouble(&why);
                self.events.push(LifeEvent::PreStopDone(trigger));
            }
        }
    }

    /// Updates the message of the day, and removes the notice file when its warning is outdated.
    fn update_motd(&self) {
        let status = self.state.status(&self.machine.clocks());
        let power_off = match self.state.terms().power_off {
            PowerOff::Stops => "stops",
            PowerOff::Terminates => "TERMINATES",
        };
        let minute = status.until.as_second().div_euclid(60) * 60;
        let until = Timestamp::from_second(minute).unwrap_or(status.until);
        let verb = status.end.action.verb();
        let text = format!(
            "This instance will {verb} at {until} if it keeps running. For more time: spawnd extend 2h. A \
             shutdown from inside {power_off} it."
        );
        notices::set_motd(&self.machine, &text);
        if status.end.seconds > 30 * 60 && status.idle_end.is_none() && !self.announced {
            notices::clear(&self.machine);
        }
    }

    /// Answers one request on the socket. It delays the next poll by no more than one EC2 call.
    fn serve(&mut self, listener: &UnixListener) {
        let Ok((stream, _)) = listener.accept() else { return };
        let Ok(client) = socket::client(&stream) else { return };
        let answer = if self.requests.admit(client.uid) {
            socket::receive(&stream).and_then(|question| self.answer(question, client))
        } else {
            Err("too many requests\nhint: wait for 15 seconds".to_string())
        };
        socket::reply(&stream, &answer.unwrap_or_else(SocketAnswer::refused));
        self.acknowledge();
    }

    fn answer(&mut self, question: SocketRequest, client: SocketClient) -> Result<SocketAnswer, String> {
        eprintln!("<6>request of user {}: {question:?}", client.uid);
        let leases = self.state.status(&self.machine.clocks()).leases;
        let leases: Vec<String> = leases.into_iter().map(|(name, _)| name).collect();
        let rights = socket::rights(&self.machine, client);
        Ok(match socket::command(question, client, rights, &leases)? {
            Some(command) => self.apply_command(command),
            None => self.status(),
        })
    }

    fn apply_command(&mut self, command: lifecycle::Command) -> SocketAnswer {
        let ticket = 1;
        self.events.push(LifeEvent::Asked { ticket, command });
        self.imds.begin_round();
        self.decide(None, None, None);
        let mine = self.replies.iter().position(|(found, _)| *found == ticket);
        match mine.map(|index| self.replies.swap_remove(index).1) {
            Some(Ok(text)) => SocketAnswer { ok: true, text, status: None },
            Some(Err(text)) => SocketAnswer::refused(text),
            None => SocketAnswer::refused(
                "the request was not completed in time\nhint: spawnd status".to_string(),
            ),
        }
    }

    fn status(&self) -> SocketAnswer {
        let mut status = self.state.status(&self.machine.clocks());
        status.troubles.extend(self.notices.problem());
        status.troubles.extend(self.unsaved.iter().map(|why| format!("the state cannot be saved: {why}")));
        let sentences = status.sentences();
        let lines: Vec<_> = sentences.iter().map(|sentence| visible(sentence)).collect();
        SocketAnswer { ok: true, text: lines.join("\n"), status: Some(status) }
    }

    /// Runs the last step before the machine shuts down or the daemon is replaced.
    fn shut_down(&mut self) {
        self.imds.begin_round();
        self.events.push(LifeEvent::GoingDown);
        self.decide(None, None, None);
        self.save();
    }
}

fn boot_id(machine: &Machine) -> Result<String, String> {
    machine.boot_id().map_err(|error| format!("the boot's id: {error}"))
}

/// Returns the id of this instance, if the metadata service or the machine itself reports it.
fn own_instance(machine: &Machine, imds: &mut MetadataClient) -> Option<String> {
    imds.begin_round();
    let identity = imds.identity().value().map(|identity| identity.instance_id.clone());
    identity.or_else(|| store::instance(machine))
}

/// Begins the life of an instance without a saved state. Time that a dead-man without spawnd
/// counted is taken over.
fn first_state(
    machine: &Machine,
    imds: &mut MetadataClient,
    notices: &mut NoticeChannels,
    boot: &BootIdentity,
) -> DaemonState {
    let instance = boot.instance.value().map(String::as_str);
    let terms = first_terms(machine, imds, notices, instance);
    let slack = terms.dead_man_slack();
    let state = DaemonState::begin(terms, &machine.clocks(), boot);
    match store::counted(machine, instance) {
        Some(counted) => state.take_over(counted - slack),
        None => state,
    }
}

/// Returns the terms of an instance without a saved state: those written at its launch; else those
/// in its tags; else a budget of four hours. A fallback is reported.
fn first_terms(
    machine: &Machine,
    imds: &mut MetadataClient,
    notices: &mut NoticeChannels,
    instance: Option<&str>,
) -> Terms {
    let now = machine.clocks().wall;
    let why = match store::terms(machine, instance) {
        Ok(Some(terms)) => return terms,
        Ok(None) => "there are no launch terms".to_string(),
        Err(why) => why,
    };
    imds.begin_round();
    if let Known::Is(old) = imds.predecessor()
        && let Some(terms) = predecessor_terms(&old, imds.date(), machine.clocks().mono)
    {
        notices.trouble(&format!("{why}; using the tags of the predecessor"), None, now);
        return terms;
    }
    let terms = Terms::unread();
    let text = format!("{why}, expected /etc/spawn/terms.json; this instance gets 4 hours, then it stops");
    notices.trouble(&text, None, now);
    terms
}

/// Returns the terms in the predecessor's tags. The predecessor terminated at the end, and its idle
/// stops counted towards the time. Its deadline takes precedence over its span.
fn predecessor_terms(old: &PredecessorTags, now: Option<Timestamp>, uptime: SignedDuration) -> Option<Terms> {
    let until = old.deadline.zip(now).map(|(deadline, now)| deadline.duration_since(now) + uptime);
    let mut terms = Terms::with_budget(until.or(old.budget)?);
    terms.on_expiry = EndAction::Terminate;
    terms.idle = old.idle_timeout.map(IdleTerms::after);
    if let Some(idle) = &mut terms.idle
        && old.hibernate_on_idle
    {
        idle.action = EndAction::Hibernate;
    }
    Some(terms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_predecessors_deadline_takes_precedence_over_its_span() {
        let now: Timestamp = "2026-11-23T10:00:00Z".parse().expect("an instant");
        let hours = SignedDuration::from_hours;
        let old = PredecessorTags {
            budget: Some(hours(8)),
            deadline: Some("2026-11-23T12:00:00Z".parse().expect("an instant")),
            idle_timeout: Some(hours(1)),
            hibernate_on_idle: true,
        };
        let terms = predecessor_terms(&old, Some(now), hours(6)).expect("terms");
        assert_eq!((terms.budget, terms.on_expiry), (hours(8), EndAction::Terminate));
        assert_eq!(terms.idle.map(|idle| idle.action), Some(EndAction::Hibernate));
        let span_only = PredecessorTags { deadline: None, ..old };
        assert_eq!(predecessor_terms(&span_only, None, hours(6)).map(|terms| terms.budget), Some(hours(8)));
        assert_eq!(predecessor_terms(&PredecessorTags::default(), Some(now), hours(6)), None);
    }
}
