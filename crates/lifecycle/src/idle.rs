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
    /// Jupyter kernels that are computing.
    Jupyter,
    /// The busiest GPU, in percent.
    Gpu,
    /// GPUs with memory in use by a process.
    GpuMemory,
    /// Established SSH connections.
    Ssh,
    /// Hooks that report busy.
    Hooks,
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

const fn rule(signal: IdleSignal, threshold: f64, weight: SignalWeight, unit: &'static str) -> SignalRule {
    SignalRule { signal, threshold, weight, unit }
}

/// The threshold of a signal that is off unless the terms set another threshold.
pub const OFF: f64 = f64::INFINITY;

/// Every signal with its documented threshold and weight.
pub const RULES: [SignalRule; 12] = [
    rule(IdleSignal::Cpu, 0.20, SignalWeight::Soft, "busy cores"),
    rule(IdleSignal::Network, 1.0, SignalWeight::Soft, "MiB/min"),
    rule(IdleSignal::Disk, 5.0, SignalWeight::Soft, "MiB/min"),
    rule(IdleSignal::Terminal, 1.0, SignalWeight::Hard, "terminals typed at"),
    rule(IdleSignal::Output, OFF, SignalWeight::Hold(SignedDuration::from_hours(4)), "terminals printed to"),
    rule(IdleSignal::Login, 1.0, SignalWeight::Hard, "logins"),
    rule(IdleSignal::Inhibitor, 1.0, SignalWeight::Hard, "inhibitors of idle or shutdown"),
    rule(IdleSignal::Jupyter, 1.0, SignalWeight::Hard, "busy Jupyter kernels"),
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
/// means that the signal could not be read, which counts as busy.
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
    unseen_since: Option<SignedDuration>,
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
}

impl SignalLevel {
    fn keeps(self) -> bool {
        matches!(self, SignalLevel::Busy | SignalLevel::Holds | SignalLevel::Unknown)
    }
}

/// The observations that decide idleness. Instants are readings of the monotonic clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct IdleWatch {
    tracks: BTreeMap<IdleSignal, SignalTrack>,
    leases: BTreeMap<String, SignedDuration>,
    last_work: SignedDuration,
    last_hard: SignedDuration,
    quiet_until: SignedDuration,
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
        }
    }

    /// Drops the readings from before a resume. Leases stay, because their clock paused too.
    pub(crate) fn after_resume(&mut self, mono: SignedDuration) {
        self.tracks.clear();
        self.last_work = mono;
        self.last_hard = mono;
        self.quiet_until = mono + RESUME_GRACE;
    }

    /// Excludes an unobserved span from the idle time.
    pub(crate) fn exclude_unobserved(&mut self, span: SignedDuration) {
        self.last_work += span;
    }

    /// Restarts the idle window, as when a user cancels an idle action.
    pub(crate) fn touch(&mut self, mono: SignedDuration) {
        self.last_work = mono;
        self.last_hard = mono;
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
            self.last_work = mono;
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
        for (hold, rule) in by_weight(terms) {
            let value =
                readings.iter().find(|reading| reading.signal == rule.signal).map(|found| &found.value);
            let track = self.tracks.entry(rule.signal).or_default();
            track.take(&rule, value.unwrap_or(&unread), mono);
            track.verdict = match (track.verdict, hold) {
                (SignalLevel::Busy | SignalLevel::Unknown, Some(limit)) if mono - self.last_hard > limit => {
                    SignalLevel::HeldTooLong
                }
                (SignalLevel::Busy, Some(_)) => SignalLevel::Holds,
                (verdict, _) => verdict,
            };
            if track.verdict.keeps() {
                self.last_work = mono;
                if rule.weight == SignalWeight::Hard {
                    self.last_hard = mono;
                }
            }
        }
    }

    /// Returns the signals that could not be read for at least this long.
    pub(crate) fn unseen_for(&self, mono: SignedDuration, least: SignedDuration) -> Vec<IdleSignal> {
        let old = |track: &SignalTrack| track.unseen_since.is_some_and(|since| mono - since >= least);
        self.tracks.iter().filter(|(_, track)| old(track)).map(|(signal, _)| *signal).collect()
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
        let value = if rule.threshold == OFF { &Known::Absent } else { value };
        let busy = value.value().is_some_and(|value| *value >= rule.threshold);
        self.recent = (self.recent << 1 | u8::from(busy)) & 0b1_1111;
        self.value = value.value().copied();
        self.unseen = match value {
            Known::Unseen(why) => Some(why.clone()),
            Known::Is(number) if !number.is_finite() => Some("not a number".to_string()),
            Known::Is(_) | Known::Absent => None,
        };
        self.unseen_since = self.unseen.as_ref().map(|_| self.unseen_since.unwrap_or(mono));
        let work = if rule.weight == SignalWeight::Soft { self.recent.count_ones() >= 2 } else { busy };
        self.verdict = match value {
            _ if self.unseen.is_some() => SignalLevel::Unknown,
            Known::Absent => SignalLevel::None,
            _ if work => SignalLevel::Busy,
            _ => SignalLevel::Quiet,
        };
        if busy {
            self.last_busy = Some(mono);
        }
    }

    fn explain(&self, rule: &SignalRule, mono: SignedDuration) -> SignalExplanation {
        let ago = self.last_busy.map(|at| mono - at);
        let last = ago.map_or("never busy".to_string(), |ago| format!("last busy {} ago", format_span(ago)));
        let limit = format!("busy from {} {}", rule.threshold, rule.unit);
        let value = self.value.map(|value| format!("{value:.2}"));
        let shown = value.as_deref().unwrap_or("no value");
        let sentence = match (self.verdict, rule.weight) {
            _ if rule.threshold == OFF => "off; the terms can turn it on with a threshold".to_string(),
            (SignalLevel::None, _) => "not present, or not read yet".to_string(),
            (SignalLevel::Unknown, _) => {
                format!("could not be read ({}), which counts as busy", self.unseen.as_deref().unwrap_or("?"))
            }
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
