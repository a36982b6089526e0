//! Reads the machine's signals of work. The counters are read here and judged elsewhere. A rate
//! comes from two samples and the time between them. A line that does not parse does not affect the
//! other lines. Each look runs in a thread of its own, so that a stuck one stops nothing else.

use crate::counters::{
    CounterSample, DeviceCounters, ProcessorTimes, TerminalTable, TerminalTimes, counter_growth,
};
use crate::editor::EditorProbe;
use crate::gpu::{GpuProbe, GpuReadings};
use crate::heartbeat_window::HeartbeatWindow;
use crate::jupyter::JupyterProbe;
use crate::kernel_tables::{disk_bytes, network_bytes, processors};
use crate::look::Look;
use crate::machine::Machine;
use crate::{hooks, logind, ssh};
use domain::Known;
use jiff::SignedDuration;
use lifecycle::UtilizationSample;
use lifecycle::idle::{IdleSignal, SignalReading};
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

/// Time limit of all looks together: that of the hooks, and a second to start them.
const LIMIT: Duration = Duration::from_secs(6);
const MIB: f64 = 1024.0 * 1024.0;

/// The state between two polls.
pub(crate) struct SignalProbe {
    before: Option<CounterSample>,
    /// The measurement for the next heartbeat.
    window: Option<HeartbeatWindow>,
    looks: SignalLooks,
    /// The daemon itself has written to the terminals since the last poll.
    spoke: bool,
}

impl SignalProbe {
    pub(crate) fn new(machine: &Machine) -> SignalProbe {
        SignalProbe { before: None, window: None, looks: SignalLooks::new(machine), spoke: false }
    }

    /// Drops the last sample, because a sleep lies in between.
    pub(crate) fn forget(&mut self) {
        self.before = None;
        self.window = None;
        // A handle to the driver must not outlive the sleep.
        self.looks.gpus = gpu_look(&self.looks.machine);
    }

    /// Returns the figures from the start of the window to the last poll; `None` at the start.
    pub(crate) fn measured(&self) -> Option<UtilizationSample> {
        self.window.as_ref()?.measured(self.before.as_ref()?)
    }

    /// Starts a new window at the last poll.
    pub(crate) fn begin_window(&mut self) {
        self.window = self.before.clone().map(HeartbeatWindow::since);
    }

    /// Marks that the daemon writes to the terminals. Their output until the next poll, and that of
    /// the terminals that display them, is then not taken for work.
    pub(crate) fn mark_own_output(&mut self) {
        self.spoke = true;
    }

    /// Polls every signal. Rates cover the time since the last poll.
    pub(crate) fn poll(&mut self) -> Vec<SignalReading> {
        let until = Instant::now() + LIMIT;
        self.looks.begin();
        let sessions = self.looks.sessions.finish(until);
        let logins =
            sessions.as_ref().map_or_else(|why| Known::Unseen(why.clone()), |seen| seen.logins.clone());
        let sample = self.looks.counters.finish(until).map(|counters| CounterSample { logins, ..counters });
        let cards = self.looks.gpus.finish(until).unwrap_or_else(|why| GpuReadings::unseen(&why));
        let spoke = std::mem::take(&mut self.spoke);
        let mut readings = match &sample {
            Ok(sample) => rates(self.before.as_ref(), sample, spoke),
            Err(why) => unseen_rates(why),
        };
        if let Some(window) = &mut self.window {
            window.add(&cards);
        }
        let seen = |answer: Result<Known<f64>, String>| answer.unwrap_or_else(Known::Unseen);
        let mut add = |signal, value| readings.push(SignalReading { signal, value });
        add(IdleSignal::Gpu, cards.busiest);
        add(IdleSignal::GpuMemory, cards.held);
        add(IdleSignal::Inhibitor, seen(sessions.map(|seen| seen.inhibitors)));
        add(IdleSignal::Jupyter, seen(self.looks.jupyter.finish(until)));
        add(IdleSignal::Editor, seen(self.looks.editor.finish(until)));
        add(IdleSignal::Ssh, seen(self.looks.ssh.finish(until)));
        add(IdleSignal::Hooks, seen(self.looks.hooks.finish(until)));
        if let Ok(sample) = sample {
            let mono = sample.mono;
            self.before = Some(sample);
            if self.window.as_ref().is_none_or(|window| window.is_too_long(mono)) {
                self.begin_window();
            }
        }
        readings
    }
}

/// Sessions and inhibitors, from one look at the login manager's files.
struct SessionReadings {
    logins: Known<BTreeSet<String>>,
    inhibitors: Known<f64>,
}

/// The looks, each in its own thread.
struct SignalLooks {
    machine: Machine,
    counters: Look<CounterSample>,
    sessions: Look<SessionReadings>,
    gpus: Look<GpuReadings>,
    jupyter: Look<Known<f64>>,
    editor: Look<Known<f64>>,
    ssh: Look<Known<f64>>,
    hooks: Look<Known<f64>>,
}

impl SignalLooks {
    fn new(machine: &Machine) -> SignalLooks {
        let own = || machine.clone();
        let (counters, sessions, jupyter, editor, ssh, hooks) = (own(), own(), own(), own(), own(), own());
        let (mut servers, mut editors) = (JupyterProbe::default(), EditorProbe::default());
        SignalLooks {
            machine: own(),
            counters: Look::new("counters", move || sample(&counters, counters.clocks().mono)),
            sessions: Look::new("sessions", move || SessionReadings {
                logins: logind::logins(&sessions),
                inhibitors: logind::inhibitors(&sessions),
            }),
            gpus: gpu_look(machine),
            jupyter: Look::new("jupyter", move || servers.poll(&jupyter)),
            editor: Look::new("editor", move || editors.poll(&editor)),
            ssh: Look::new("ssh", move || ssh::sessions(&ssh)),
            hooks: Look::new("hooks", move || hooks::idle_hooks(&hooks)),
        }
    }

    fn begin(&mut self) {
        self.counters.begin();
        self.sessions.begin();
        self.gpus.begin();
        for look in [&mut self.jupyter, &mut self.editor, &mut self.ssh, &mut self.hooks] {
            look.begin();
        }
    }
}

fn gpu_look(machine: &Machine) -> Look<GpuReadings> {
    let (machine, mut gpus) = (machine.clone(), GpuProbe::default());
    Look::new("gpus", move || gpus.poll(&machine))
}

/// Reads the counters. The logins are added by the caller.
fn sample(machine: &Machine, mono: SignedDuration) -> CounterSample {
    let (received, sent) = network_bytes(machine);
    CounterSample {
        mono,
        cpu: processors(machine),
        received,
        sent,
        disk: disk_bytes(machine),
        terminals: terminals(machine),
        logins: Known::Unseen("not polled yet".to_string()),
    }
}

/// Returns the rates between two samples. A rate is unseen without an earlier sample, or if a
/// counter ran backwards. If the daemon itself `spoke`, output on terminals is not taken for work.
fn rates(before: Option<&CounterSample>, now: &CounterSample, spoke: bool) -> Vec<SignalReading> {
    let Some(before) = before else { return unseen_rates("this is the first poll") };
    let seconds = (now.mono - before.mono).as_secs_f64().max(0.001);
    // Stolen time counts as work, because a throttled machine has work to do.
    let busy = |cpu: &ProcessorTimes| cpu.worked.saturating_add(cpu.stolen);
    let cpu = match (&before.cpu, &now.cpu) {
        (Ok(old), Ok(new)) if busy(new) >= busy(old) => {
            possible_cores((busy(new) - busy(old)) as f64 / 1000.0 / seconds, new.cores)
        }
        (Ok(_), Ok(_)) => Known::Unseen("the counter ran backwards".to_string()),
        (Err(why), _) | (_, Err(why)) => Known::Unseen(why.clone()),
    };
    let received = per_minute(&before.received, &now.received, seconds);
    let network = match (received, per_minute(&before.sent, &now.sent, seconds)) {
        (Known::Is(received), Known::Is(sent)) => Known::Is(received + sent),
        (Known::Is(_), unknown) | (unknown, _) => unknown,
    };
    let printed = if spoke { 0 } else { printed(&before.terminals, &now.terminals) };
    vec![
        SignalReading { signal: IdleSignal::Cpu, value: cpu },
        SignalReading { signal: IdleSignal::Network, value: network },
        SignalReading { signal: IdleSignal::Disk, value: per_minute(&before.disk, &now.disk, seconds) },
        SignalReading {
            signal: IdleSignal::Terminal,
            value: Known::Is(typed(&before.terminals, &now.terminals) as f64),
        },
        SignalReading { signal: IdleSignal::Output, value: Known::Is(printed as f64) },
        SignalReading { signal: IdleSignal::Login, value: new_logins(&before.logins, &now.logins) },
    ]
}

/// Returns the rates of two samples of which one is missing.
fn unseen_rates(why: &str) -> Vec<SignalReading> {
    let signals = [
        IdleSignal::Cpu,
        IdleSignal::Network,
        IdleSignal::Disk,
        IdleSignal::Terminal,
        IdleSignal::Output,
        IdleSignal::Login,
    ];
    signals.map(|signal| SignalReading { signal, value: Known::Unseen(why.to_string()) }).to_vec()
}

/// Returns the number of busy cores, as unseen if the machine has fewer. A tenth more is allowed
/// for the time between the readings of the counter and of the clock.
fn possible_cores(busy: f64, cores: usize) -> Known<f64> {
    if cores > 0 && busy > cores as f64 * 1.1 {
        return Known::Unseen(format!("{busy:.2} busy cores of {cores} are impossible"));
    }
    Known::Is(busy)
}

/// Returns the number of terminals with new input. Times are compared with those before, never with
/// a clock. A new terminal counts, because it is a new connection.
fn typed(before: &TerminalTable, now: &TerminalTable) -> usize {
    let same = |name: &str, at: &TerminalTimes| before.get(name).is_some_and(|old| old.input == at.input);
    now.iter().filter(|(name, at)| !same(name, at)).count()
}

/// Returns the number of terminals with new output.
fn printed(before: &TerminalTable, now: &TerminalTable) -> usize {
    let moved = |name: &str, at: &TerminalTimes| before.get(name).is_some_and(|old| old.output != at.output);
    now.iter().filter(|(name, at)| moved(name, at)).count()
}

/// Returns the number of new logins. If no login file existed before, all logins are new.
fn new_logins(before: &Known<BTreeSet<String>>, now: &Known<BTreeSet<String>>) -> Known<f64> {
    match (before, now) {
        (Known::Is(old), Known::Is(new)) => Known::Is(new.difference(old).count() as f64),
        (Known::Absent, Known::Is(new)) => Known::Is(new.len() as f64),
        (_, Known::Absent) => Known::Absent,
        (Known::Unseen(why), _) | (_, Known::Unseen(why)) => Known::Unseen(why.clone()),
    }
}

/// Returns MiB per minute over all devices that are in both samples.
fn per_minute(before: &DeviceCounters, now: &DeviceCounters, seconds: f64) -> Known<f64> {
    match counter_growth(before, now) {
        Known::Is(bytes) => Known::Is(bytes as f64 / MIB / seconds * 60.0),
        // Without a device there is no traffic.
        Known::Absent => Known::Is(0.0),
        Known::Unseen(why) => Known::Unseen(why),
    }
}

/// Returns the last use of all terminals. The kernel updates a terminal's access time when a
/// program reads typed input, and its modification time when a program prints. This covers every
/// shell, over any connection, and the serial console.
fn terminals(machine: &Machine) -> TerminalTable {
    let folders = [("/dev/pts", ""), ("/dev", "tty"), ("/dev", "ttyS")];
    folders.into_iter().flat_map(|(folder, prefix)| numbered(machine, folder, prefix)).collect()
}

/// Returns the terminals in a folder with a name of `prefix` and a number.
fn numbered(machine: &Machine, folder: &str, prefix: &str) -> Vec<(String, TerminalTimes)> {
    let entries = std::fs::read_dir(machine.path(folder)).into_iter().flatten().flatten();
    let found = entries.filter_map(|entry| {
        let name = entry.file_name().to_string_lossy().to_string();
        let number = name.strip_prefix(prefix)?;
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let meta = entry.metadata().ok()?;
        // The inode number distinguishes a terminal from a later one of the same name.
        let touched = TerminalTimes { input: meta.accessed().ok()?, output: meta.modified().ok()? };
        Some((format!("{folder}/{name} {}", meta.ino()), touched))
    });
    found.collect()
}

#[cfg(test)]
#[path = "signals_tests.rs"]
mod tests;
