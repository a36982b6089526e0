//! The idle policy: which signals count as work, from which value on, and for how long.

use crate::clock_time;
use crate::end_action::EndAction;
use domain::Known;
use domain::format_span;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A signal that distinguishes work from idleness. Each reading covers the time since the previous
/// one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdleSignal {
    /// Busy cores, steal time included: a throttled machine has work to do.
    Cpu,
    /// MiB per minute through the machine's own network devices, both directions.
    Network,
    /// MiB per minute to and from whole disks.
    Disk,
    /// Terminals with input that a program has read.
    Terminal,
    /// Terminals that were written to; evaluated only where the terms set a threshold.
    Output,
    /// New logins.
    Login,
    /// systemd inhibitors, by which programs keep the machine up.
    Inhibitor,
    /// Jupyter kernels that are computing, or were active since the previous reading.
    Jupyter,
    /// Browser editors in use: code-server, RStudio, the server of VS Code.
    Editor,
    /// The busiest GPU, in percent.
    Gpu,
    /// GPUs with memory in use by a process.
    GpuMemory,
    /// Established SSH connections.
    Ssh,
    /// Hooks that report busy.
    Hooks,
}

impl IdleSignal {
    /// Returns the one spelling of the signal, in terms, traces, status and messages.
    pub fn name(self) -> &'static str {
        match self {
            IdleSignal::Cpu => "cpu",
            IdleSignal::Network => "network",
            IdleSignal::Disk => "disk",
            IdleSignal::Terminal => "terminal",
            IdleSignal::Output => "output",
            IdleSignal::Login => "login",
            IdleSignal::Inhibitor => "inhibitor",
            IdleSignal::Jupyter => "jupyter",
            IdleSignal::Editor => "editor",
            IdleSignal::Gpu => "gpu",
            IdleSignal::GpuMemory => "gpu-memory",
            IdleSignal::Ssh => "ssh",
            IdleSignal::Hooks => "hooks",
        }
    }
}

/// How strongly a busy reading counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignalWeight {
    /// One busy reading counts as work.
    Hard,
    /// Two busy readings among the last five count as work, so that cron jobs do not.
    Soft,
    /// A busy reading keeps the instance for at most this long after the last hard activity.
    Hold(SignedDuration),
}

/// The rule for one signal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignalRule {
    /// The signal.
    pub signal: IdleSignal,
    /// A reading is busy from this value on, in the signal's unit.
    pub threshold: f64,
    /// The weight of a busy reading.
    pub weight: SignalWeight,
    /// The unit, as messages show it.
    pub unit: &'static str,
}

impl SignalRule {
    /// Returns whether the signal only holds the instance for a bounded time, and is not work.
    pub fn is_hold(&self) -> bool {
        matches!(self.weight, SignalWeight::Hold(_))
    }

    /// Returns a reading's value, as unseen if no machine can have it: not a number, below zero, or
    /// above 100 %.
    pub fn checked(&self, value: &Known<f64>) -> Known<f64> {
        let most = if self.signal == IdleSignal::Gpu { 100.0 } else { f64::INFINITY };
        match value {
            Known::Is(number) if !number.is_finite() => Known::Unseen("not a number".to_string()),
            Known::Is(number) if !(0.0..=most).contains(number) => {
                Known::Unseen(format!("{number} {} is impossible", self.unit))
            }
            other => other.clone(),
        }
    }
}

const fn rule(signal: IdleSignal, threshold: f64, weight: SignalWeight, unit: &'static str) -> SignalRule {
    SignalRule { signal, threshold, weight, unit }
}

/// The threshold of a signal that is off unless the terms set another threshold.
pub const OFF: f64 = f64::INFINITY;

/// Every signal with its documented threshold and weight.
pub const RULES: [SignalRule; 13] = [
    rule(IdleSignal::Cpu, 0.20, SignalWeight::Soft, "busy cores"),
    rule(IdleSignal::Network, 1.0, SignalWeight::Soft, "MiB/min"),
    rule(IdleSignal::Disk, 5.0, SignalWeight::Soft, "MiB/min"),
    rule(IdleSignal::Terminal, 1.0, SignalWeight::Hard, "terminals typed at"),
    rule(IdleSignal::Output, OFF, SignalWeight::Hold(SignedDuration::from_hours(4)), "terminals printed to"),
    rule(IdleSignal::Login, 1.0, SignalWeight::Hard, "logins"),
    rule(IdleSignal::Inhibitor, 1.0, SignalWeight::Hard, "inhibitors of idle or shutdown"),
    rule(IdleSignal::Jupyter, 1.0, SignalWeight::Hard, "busy Jupyter kernels"),
    rule(IdleSignal::Editor, 1.0, SignalWeight::Hard, "editors in use"),
    rule(IdleSignal::Gpu, 5.0, SignalWeight::Hard, "% of a GPU"),
    rule(
        IdleSignal::GpuMemory,
        1.0,
        SignalWeight::Hold(SignedDuration::from_hours(2)),
        "GPUs with memory in use",
    ),
    rule(IdleSignal::Ssh, 1.0, SignalWeight::Hold(SignedDuration::from_hours(4)), "SSH connections"),
    rule(IdleSignal::Hooks, 1.0, SignalWeight::Hard, "hooks that report busy"),
];

/// When idleness ends an instance, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct IdleTerms {
    /// The time without work before the first warning.
    #[serde(with = "clock_time::text")]
    pub timeout: SignedDuration,
    /// The time from the first warning to the action.
    #[serde(default = "ten_minutes", with = "clock_time::text")]
    pub grace: SignedDuration,
    /// The action.
    #[serde(default = "stop")]
    pub action: EndAction,
    /// Thresholds that differ from [`RULES`], by signal, in the signal's unit.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub thresholds: BTreeMap<IdleSignal, f64>,
    /// Signals that never count, such as a GPU with a broken driver; shown as off.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub ignore: BTreeSet<IdleSignal>,
}

fn ten_minutes() -> SignedDuration {
    SignedDuration::from_mins(10)
}

fn stop() -> EndAction {
    EndAction::Stop
}

impl IdleTerms {
    /// Returns the policy of a stop after this long without work and ten minutes of warnings.
    pub fn after(timeout: SignedDuration) -> IdleTerms {
        IdleTerms {
            timeout,
            grace: ten_minutes(),
            action: EndAction::Stop,
            thresholds: BTreeMap::new(),
            ignore: BTreeSet::new(),
        }
    }
}

/// One reading of one signal. `Absent` means that the machine has no such device (no GPU). `Unseen`
/// means that the signal could not be read, which is never idle.
#[derive(Debug, Clone, PartialEq)]
pub struct SignalReading {
    /// The signal.
    pub signal: IdleSignal,
    /// Its value, in its unit.
    pub value: Known<f64>,
}

/// After a boot nothing counts as idle for this long: set-up is work with pauses.
const BOOT_GRACE: SignedDuration = SignedDuration::from_mins(15);
/// The same after a resume, until caches are warm and users are back.
const RESUME_GRACE: SignedDuration = SignedDuration::from_mins(10);
/// The longest lease; longer work renews it.
pub const LONGEST_LEASE: SignedDuration = SignedDuration::from_hours(24);

/// The readings over which failures are counted: an hour of them.
const READINGS: u32 = 60;
/// A signal is reported as unreliable when more of these readings fail: a tenth.
const MOST_LOST: u32 = READINGS / 10;
/// It is reliable again when at most so many fail, so that a steady rate is reported once.
const FEW_LOST: u32 = MOST_LOST / 2;
/// A GPU at 100 % for so long, without a process, is reported.
const FULL_GPU: SignedDuration = SignedDuration::from_hours(2);

/// The recent readings of one signal.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct SignalTrack {
    /// Busy readings, the newest in the lowest bit.
    recent: u8,
    /// The newest value; none when it was absent or unseen.
    value: Option<f64>,
    /// Why it could not be read.
    unseen: Option<String>,
    verdict: SignalLevel,
    last_busy: Option<SignedDuration>,
    /// The readings that succeeded, the newest in the lowest bit. Before the first, none did.
    #[serde(default)]
    seen: u8,
    /// The failed ones of the last [`READINGS`].
    #[serde(default)]
    lost: u64,
    #[serde(default)]
    unreliable: bool,
}

/// The meaning of a signal's newest reading.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignalLevel {
    /// The machine has no such device, or the signal was never read.
    #[default]
    None,
    /// Below the threshold, or not often enough above it.
    Quiet,
    /// Counts as work.
    Busy,
    /// Keeps the instance for a bounded time.
    Holds,
    /// Above the threshold, but the bounded time is over.
    HeldTooLong,
    /// Could not be read, which counts as busy.
    Unknown,
    /// Could not be read once, after four readings. This postpones an end and is no work.
    Lost,
}

/// The observations that decide idleness. Instants are readings of the monotonic clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct IdleWatch {
    tracks: BTreeMap<IdleSignal, SignalTrack>,
    leases: BTreeMap<String, SignedDuration>,
    last_work: SignedDuration,
    last_hard: SignedDuration,
    quiet_until: SignedDuration,
    /// The newest reading of a signal of work is busy, or was lost.
    #[serde(default)]
    newest_busy: bool,
    /// The last work before the unreadable signals that alone count as busy since.
    #[serde(default)]
    only_unknown_since: Option<SignedDuration>,
    /// Since when a GPU shows 100 % and no process uses one.
    #[serde(default)]
    full_gpu_since: Option<SignedDuration>,
}

impl IdleWatch {
    /// Starts a watch at `mono` after the boot. The time before was not observed, so it does not
    /// count as idle.
    pub(crate) fn after_boot(mono: SignedDuration) -> IdleWatch {
        IdleWatch {
            tracks: BTreeMap::new(),
            leases: BTreeMap::new(),
            last_work: mono,
            last_hard: mono,
            quiet_until: BOOT_GRACE,
            newest_busy: false,
            only_unknown_since: None,
            full_gpu_since: None,
        }
    }

    /// Drops the readings from before a resume. Leases stay, because their clock paused too.
    pub(crate) fn after_resume(&mut self, mono: SignedDuration) {
        self.tracks.clear();
        self.touch(mono);
        self.quiet_until = mono + RESUME_GRACE;
        self.full_gpu_since = None;
    }

    /// Excludes an unobserved span from the idle time.
    pub(crate) fn exclude_unobserved(&mut self, span: SignedDuration) {
        self.last_work += span;
    }

    /// Restarts the idle window, as when a user cancels an idle action.
    pub(crate) fn touch(&mut self, mono: SignedDuration) {
        self.work(mono);
        self.last_hard = mono;
    }

    fn work(&mut self, mono: SignedDuration) {
        self.last_work = mono;
        self.only_unknown_since = None;
    }

    /// Keeps the instance until `until`; replaces a lease of the same name.
    pub(crate) fn lease(&mut self, name: &str, until: SignedDuration) {
        self.leases.insert(name.to_string(), until);
    }

    /// Ends a lease. Returns false if there is none of that name.
    pub(crate) fn release(&mut self, name: &str) -> bool {
        self.leases.remove(name).is_some()
    }

    /// Returns the current leases, each with the instant at which it ends.
    pub(crate) fn leases(&self) -> impl Iterator<Item = (&str, SignedDuration)> {
        self.leases.iter().map(|(name, until)| (name.as_str(), *until))
    }

    /// Returns the time without work.
    pub(crate) fn idle_for(&self, mono: SignedDuration) -> SignedDuration {
        mono - self.last_work
    }

    /// Advances the clock. A lease or a grace period counts as work; leases that are over are
    /// removed.
    pub(crate) fn advance(&mut self, mono: SignedDuration) {
        if self.leases.values().any(|until| *until > mono) || mono < self.quiet_until {
            self.work(mono);
        }
        self.leases.retain(|_, until| *until > mono);
    }

    /// Evaluates one set of readings, about a minute after the previous one. A rule without a
    /// reading counts as unseen.
    pub(crate) fn evaluate(
        &mut self,
        terms: Option<&IdleTerms>,
        readings: &[SignalReading],
        mono: SignedDuration,
    ) {
        let unread = Known::Unseen("not read".to_string());
        self.newest_busy = false;
        for (hold, rule) in by_weight(terms) {
            let value =
                readings.iter().find(|reading| reading.signal == rule.signal).map(|found| &found.value);
            let track = self.tracks.entry(rule.signal).or_default();
            track.take(&rule, value.unwrap_or(&unread), mono);
            track.verdict = match (track.verdict, hold) {
                (SignalLevel::Busy | SignalLevel::Unknown | SignalLevel::Lost, Some(limit))
                    if mono - self.last_hard > limit =>
                {
                    SignalLevel::HeldTooLong
                }
                (SignalLevel::Busy, Some(_)) => SignalLevel::Holds,
                (verdict, _) => verdict,
            };
            let verdict = track.verdict;
            self.newest_busy |= verdict == SignalLevel::Lost || hold.is_none() && track.recent & 1 != 0;
            self.apply(verdict, rule.weight, mono);
        }
        let value = |signal| self.tracks.get(&signal).and_then(|track| track.value);
        let full = value(IdleSignal::Gpu) >= Some(100.0) && value(IdleSignal::GpuMemory) == Some(0.0);
        self.full_gpu_since = full.then(|| self.full_gpu_since.unwrap_or(mono));
    }

    fn apply(&mut self, verdict: SignalLevel, weight: SignalWeight, mono: SignedDuration) {
        match verdict {
            SignalLevel::Busy | SignalLevel::Holds => self.work(mono),
            SignalLevel::Unknown => {
                self.only_unknown_since.get_or_insert(self.last_work);
                self.last_work = mono;
            }
            SignalLevel::None | SignalLevel::Quiet | SignalLevel::HeldTooLong | SignalLevel::Lost => return,
        }
        if weight == SignalWeight::Hard {
            self.last_hard = mono;
        }
    }

    /// Returns whether the newest readings forbid an end by idleness: one is busy, or was lost.
    pub(crate) fn newest_is_busy(&self) -> bool {
        self.newest_busy
    }

    /// Returns the signals that count as work or hold the instance at the newest reading.
    pub(crate) fn keeping(&self) -> impl Iterator<Item = IdleSignal> {
        let keeps = |level| matches!(level, SignalLevel::Busy | SignalLevel::Holds | SignalLevel::Unknown);
        self.tracks.iter().filter(move |(_, track)| keeps(track.verdict)).map(|(signal, _)| *signal)
    }

    /// Returns the signals with too many failed readings, as text: more than a tenth of an hour's,
    /// or any that alone have kept the instance for longer than it may be idle.
    pub(crate) fn unreliable(&self, terms: Option<&IdleTerms>, mono: SignedDuration) -> Option<String> {
        let longest = terms.map(|terms| terms.timeout + terms.grace);
        let only_unknown = self.only_unknown_since.zip(longest);
        let all = only_unknown.is_some_and(|(since, longest)| mono - since >= longest);
        let chosen = self.tracks.iter().filter(|(_, track)| track.unreliable || all && track.lost != 0);
        let failed = |(signal, track): (&IdleSignal, &SignalTrack)| {
            let (name, lost) = (signal.name(), track.lost.count_ones());
            format!("{name} could not be read in {lost} of the last {READINGS} looks")
        };
        let sentences: Vec<String> = chosen.map(failed).collect();
        (!sentences.is_empty()).then(|| sentences.join("; "))
    }

    /// Returns whether a GPU shows full use for hours although no process uses one.
    pub(crate) fn has_stuck_gpu(&self, mono: SignedDuration) -> bool {
        self.full_gpu_since.is_some_and(|since| mono - since >= FULL_GPU)
    }

    /// Returns one entry for each signal: its reading, its threshold and its verdict.
    pub(crate) fn explain(&self, terms: Option<&IdleTerms>, mono: SignedDuration) -> Vec<SignalExplanation> {
        let track = |rule: &SignalRule| self.tracks.get(&rule.signal).cloned().unwrap_or_default();
        RULES.iter().map(|rule| track(rule).explain(&adjusted(rule, terms), mono)).collect()
    }
}

/// Returns the rules with holds last: a hold depends on hard activity of the same minute.
fn by_weight(terms: Option<&IdleTerms>) -> impl Iterator<Item = (Option<SignedDuration>, SignalRule)> {
    let hold = |rule: &SignalRule| match rule.weight {
        SignalWeight::Hold(limit) => Some(limit),
        SignalWeight::Hard | SignalWeight::Soft => None,
    };
    let all = move |held: bool| {
        let chosen = RULES.iter().filter(move |rule| hold(rule).is_some() == held);
        chosen.map(move |rule| (hold(rule), adjusted(rule, terms)))
    };
    all(false).chain(all(true))
}

/// Returns a rule with the threshold that these terms set.
pub fn adjusted(rule: &SignalRule, terms: Option<&IdleTerms>) -> SignalRule {
    let ignored = terms.is_some_and(|terms| terms.ignore.contains(&rule.signal));
    let own = terms.and_then(|terms| terms.thresholds.get(&rule.signal));
    let threshold = if ignored { OFF } else { own.copied().unwrap_or(rule.threshold) };
    SignalRule { threshold, ..*rule }
}

impl SignalTrack {
    fn take(&mut self, rule: &SignalRule, value: &Known<f64>, mono: SignedDuration) {
        let value = if rule.threshold == OFF { Known::Absent } else { rule.checked(value) };
        let busy = value.value().is_some_and(|value| *value >= rule.threshold);
        self.recent = (self.recent << 1 | u8::from(busy)) & 0b1_1111;
        self.value = value.value().copied();
        let work = if rule.weight == SignalWeight::Soft { self.recent.count_ones() >= 2 } else { busy };
        self.verdict = match &value {
            Known::Unseen(_) if self.seen & 0b1111 == 0b1111 => SignalLevel::Lost,
            Known::Unseen(_) => SignalLevel::Unknown,
            Known::Absent => SignalLevel::None,
            Known::Is(_) if work => SignalLevel::Busy,
            Known::Is(_) => SignalLevel::Quiet,
        };
        self.count_lost(matches!(value, Known::Unseen(_)));
        self.unseen = match value {
            Known::Unseen(why) => Some(why),
            Known::Is(_) | Known::Absent => None,
        };
        if busy {
            self.last_busy = Some(mono);
        }
    }

    fn count_lost(&mut self, lost: bool) {
        self.seen = self.seen << 1 | u8::from(!lost);
        self.lost = (self.lost << 1 | u64::from(lost)) & ((1 << READINGS) - 1);
        self.unreliable = match self.lost.count_ones() {
            lost if lost > MOST_LOST => true,
            lost if lost <= FEW_LOST => false,
            _ => self.unreliable,
        };
    }

    fn explain(&self, rule: &SignalRule, mono: SignedDuration) -> SignalExplanation {
        let ago = self.last_busy.map(|at| mono - at);
        let last = ago.map_or("never busy".to_string(), |ago| format!("last busy {} ago", format_span(ago)));
        let limit = format!("busy from {} {}", rule.threshold, rule.unit);
        let value = self.value.map(|value| format!("{value:.2}"));
        let shown = value.as_deref().unwrap_or("no value");
        let lost = self.unseen.as_deref().unwrap_or("?");
        let sentence = match (self.verdict, rule.weight) {
            _ if rule.threshold == OFF => "off; the terms can turn it on with a threshold".to_string(),
            (SignalLevel::None, _) => "not present, or not read yet".to_string(),
            (SignalLevel::Unknown, _) => format!("could not be read ({lost}), which counts as busy"),
            (SignalLevel::Lost, _) => format!("could not be read once ({lost}), which postpones an end"),
            (SignalLevel::Busy, SignalWeight::Soft) => {
                format!("{shown}, {limit}: busy in 2 of the last 5 minutes or more")
            }
            (SignalLevel::Busy, _) => format!("{shown}, {limit}: busy"),
            (SignalLevel::Holds, SignalWeight::Hold(most)) => {
                format!("{shown}, {limit}: holds at most {} after the last hard activity", format_span(most))
            }
            (SignalLevel::HeldTooLong, SignalWeight::Hold(most)) => {
                format!("{shown}, {limit}: expired {} after the last hard activity", format_span(most))
            }
            (_, _) => format!("{shown}, {limit}: quiet, {last}"),
        };
        SignalExplanation {
            signal: rule.signal,
            value: self.value,
            threshold: (rule.threshold != OFF).then_some(rule.threshold),
            verdict: self.verdict,
            last_busy_seconds_ago: ago.map(|ago| ago.as_secs()),
            sentence,
        }
    }
}

/// Why one signal keeps the instance, or does not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignalExplanation {
    /// The signal.
    pub signal: IdleSignal,
    /// The newest value, in the signal's unit.
    pub value: Option<f64>,
    /// The threshold from which a value is busy; none for a signal that is off.
    pub threshold: Option<f64>,
    /// The verdict.
    pub verdict: SignalLevel,
    /// Seconds of running time since the last busy reading.
    pub last_busy_seconds_ago: Option<i64>,
    /// The same facts as one line for people.
    pub sentence: String,
}

#[cfg(test)]
#[path = "idle_tests.rs"]
mod tests;
