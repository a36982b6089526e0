//! The idle policy: which signals count as work, from which value on, and for how long.

use crate::clock_time;
use domain::format_span;
use crate::terms::Action;
use domain::Known;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A signal that distinguishes work from idleness. Each reading covers the time since the previous
/// one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signal {
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
pub enum Weight {
    /// One busy reading counts as work.
    Hard,
    /// Two busy readings among the last five count as work, so that cron jobs do not.
    Soft,
    /// A busy reading keeps the instance for at most this long after the last hard activity.
    Hold(SignedDuration),
}

/// The rule for one signal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// The signal.
    pub signal: Signal,
    /// A reading is busy from this value on, in the signal's unit.
    pub threshold: f64,
    /// The weight of a busy reading.
    pub weight: Weight,
    /// The unit, as messages show it.
    pub unit: &'static str,
}

const fn rule(signal: Signal, threshold: f64, weight: Weight, unit: &'static str) -> Rule {
    Rule { signal, threshold, weight, unit }
}

/// The threshold of a signal that is off unless the terms set another threshold.
pub const OFF: f64 = f64::INFINITY;

/// Every signal with its documented threshold and weight.
pub const RULES: [Rule; 12] = [
    rule(Signal::Cpu, 0.20, Weight::Soft, "busy cores"),
    rule(Signal::Network, 1.0, Weight::Soft, "MiB/min"),
    rule(Signal::Disk, 5.0, Weight::Soft, "MiB/min"),
    rule(Signal::Terminal, 1.0, Weight::Hard, "terminals typed at"),
    rule(Signal::Output, OFF, Weight::Hold(SignedDuration::from_hours(4)), "terminals printed to"),
    rule(Signal::Login, 1.0, Weight::Hard, "logins"),
    rule(Signal::Inhibitor, 1.0, Weight::Hard, "inhibitors of idle or shutdown"),
    rule(Signal::Jupyter, 1.0, Weight::Hard, "busy Jupyter kernels"),
    rule(Signal::Gpu, 5.0, Weight::Hard, "% of a GPU"),
    rule(Signal::GpuMemory, 1.0, Weight::Hold(SignedDuration::from_hours(2)), "GPUs with memory in use"),
    rule(Signal::Ssh, 1.0, Weight::Hold(SignedDuration::from_hours(4)), "SSH connections"),
    rule(Signal::Hooks, 1.0, Weight::Hard, "hooks that report busy"),
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
    pub action: Action,
    /// Thresholds that differ from [`RULES`], by signal, in the signal's unit.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub thresholds: BTreeMap<Signal, f64>,
    /// Signals that never count, such as a GPU with a broken driver; shown as off.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub ignore: BTreeSet<Signal>,
}

fn ten_minutes() -> SignedDuration {
    SignedDuration::from_mins(10)
}

fn stop() -> Action {
    Action::Stop
}

impl IdleTerms {
    /// Returns the policy of a stop after this long without work and ten minutes of warnings.
    pub fn after(timeout: SignedDuration) -> IdleTerms {
        IdleTerms {
            timeout,
            grace: ten_minutes(),
            action: Action::Stop,
            thresholds: BTreeMap::new(),
            ignore: BTreeSet::new(),
        }
    }
}

/// One reading of one signal. `Absent` means that the machine has no such device (no GPU). `Unseen`
/// means that the signal could not be read, which counts as busy.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The signal.
    pub signal: Signal,
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
struct Track {
    /// Busy readings, the newest in the lowest bit.
    recent: u8,
    /// The newest value; none when it was absent or unseen.
    value: Option<f64>,
    /// Why it could not be read.
    unseen: Option<String>,
    verdict: Verdict,
    last_busy: Option<SignedDuration>,
    unseen_since: Option<SignedDuration>,
}

/// The meaning of a signal's newest reading.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
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

impl Verdict {
    fn keeps(self) -> bool {
        matches!(self, Verdict::Busy | Verdict::Holds | Verdict::Unknown)
    }
}

/// The observations that decide idleness. Instants are readings of the monotonic clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Watch {
    tracks: BTreeMap<Signal, Track>,
    leases: BTreeMap<String, SignedDuration>,
    last_work: SignedDuration,
    last_hard: SignedDuration,
    quiet_until: SignedDuration,
}

impl Watch {
    /// Starts a watch at `mono` after the boot. The time before was not observed, so it does not
    /// count as idle.
    pub(crate) fn after_boot(mono: SignedDuration) -> Watch {
        Watch {
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
    pub(crate) fn unwatched(&mut self, span: SignedDuration) {
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
    pub(crate) fn judge(&mut self, terms: Option<&IdleTerms>, readings: &[Reading], mono: SignedDuration) {
        let unread = Known::Unseen("not read".to_string());
        for (hold, rule) in by_weight(terms) {
            let value =
                readings.iter().find(|reading| reading.signal == rule.signal).map(|found| &found.value);
            let track = self.tracks.entry(rule.signal).or_default();
            track.take(&rule, value.unwrap_or(&unread), mono);
            track.verdict = match (track.verdict, hold) {
                (Verdict::Busy | Verdict::Unknown, Some(limit)) if mono - self.last_hard > limit => {
                    Verdict::HeldTooLong
                }
                (Verdict::Busy, Some(_)) => Verdict::Holds,
                (verdict, _) => verdict,
            };
            if track.verdict.keeps() {
                self.last_work = mono;
                if rule.weight == Weight::Hard {
                    self.last_hard = mono;
                }
            }
        }
    }

    /// Returns the signals that could not be read for at least this long.
    pub(crate) fn unseen_for(&self, mono: SignedDuration, least: SignedDuration) -> Vec<Signal> {
        let old = |track: &Track| track.unseen_since.is_some_and(|since| mono - since >= least);
        self.tracks.iter().filter(|(_, track)| old(track)).map(|(signal, _)| *signal).collect()
    }

    /// Returns one entry for each signal: its reading, its threshold and its verdict.
    pub(crate) fn explain(&self, terms: Option<&IdleTerms>, mono: SignedDuration) -> Vec<Explained> {
        let track = |rule: &Rule| self.tracks.get(&rule.signal).cloned().unwrap_or_default();
        RULES.iter().map(|rule| track(rule).explain(&adjusted(rule, terms), mono)).collect()
    }
}

/// Returns the rules with holds last: a hold depends on hard activity of the same minute.
fn by_weight(terms: Option<&IdleTerms>) -> impl Iterator<Item = (Option<SignedDuration>, Rule)> {
    let hold = |rule: &Rule| match rule.weight {
        Weight::Hold(limit) => Some(limit),
        Weight::Hard | Weight::Soft => None,
    };
    let all = move |held: bool| {
        let chosen = RULES.iter().filter(move |rule| hold(rule).is_some() == held);
        chosen.map(move |rule| (hold(rule), adjusted(rule, terms)))
    };
    all(false).chain(all(true))
}

/// Returns a rule with the threshold that these terms set.
pub fn adjusted(rule: &Rule, terms: Option<&IdleTerms>) -> Rule {
    let ignored = terms.is_some_and(|terms| terms.ignore.contains(&rule.signal));
    let own = terms.and_then(|terms| terms.thresholds.get(&rule.signal));
    let threshold = if ignored { OFF } else { own.copied().unwrap_or(rule.threshold) };
    Rule { threshold, ..*rule }
}

impl Track {
    fn take(&mut self, rule: &Rule, value: &Known<f64>, mono: SignedDuration) {
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
        let work = if rule.weight == Weight::Soft { self.recent.count_ones() >= 2 } else { busy };
        self.verdict = match value {
            _ if self.unseen.is_some() => Verdict::Unknown,
            Known::Absent => Verdict::None,
            _ if work => Verdict::Busy,
            _ => Verdict::Quiet,
        };
        if busy {
            self.last_busy = Some(mono);
        }
    }

    fn explain(&self, rule: &Rule, mono: SignedDuration) -> Explained {
        let ago = self.last_busy.map(|at| mono - at);
        let last = ago.map_or("never busy".to_string(), |ago| format!("last busy {} ago", format_span(ago)));
        let limit = format!("busy from {} {}", rule.threshold, rule.unit);
        let value = self.value.map(|value| format!("{value:.2}"));
        let shown = value.as_deref().unwrap_or("no value");
        let sentence = match (self.verdict, rule.weight) {
            _ if rule.threshold == OFF => "off; the terms can turn it on with a threshold".to_string(),
            (Verdict::None, _) => "not present, or not read yet".to_string(),
            (Verdict::Unknown, _) => {
                format!("could not be read ({}), which counts as busy", self.unseen.as_deref().unwrap_or("?"))
            }
            (Verdict::Busy, Weight::Soft) => {
                format!("{shown}, {limit}: busy in 2 of the last 5 minutes or more")
            }
            (Verdict::Busy, _) => format!("{shown}, {limit}: busy"),
            (Verdict::Holds, Weight::Hold(most)) => {
                format!("{shown}, {limit}: holds at most {} after the last hard activity", format_span(most))
            }
            (Verdict::HeldTooLong, Weight::Hold(most)) => {
                format!("{shown}, {limit}: expired {} after the last hard activity", format_span(most))
            }
            (_, _) => format!("{shown}, {limit}: quiet, {last}"),
        };
        Explained {
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
pub struct Explained {
    /// The signal.
    pub signal: Signal,
    /// The newest value, in the signal's unit.
    pub value: Option<f64>,
    /// The threshold from which a value is busy; none for a signal that is off.
    pub threshold: Option<f64>,
    /// The verdict.
    pub verdict: Verdict,
    /// Seconds of running time since the last busy reading.
    pub last_busy_seconds_ago: Option<i64>,
    /// The same facts as one line for people.
    pub sentence: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: SignedDuration = SignedDuration::from_hours(1);

    /// Feeds one reading a minute to a watch, from an hour after the boot, with all other signals
    /// quiet. Returns the idle minutes at the end and the signal's verdict.
    fn watch(signal: Signal, values: &[Known<f64>]) -> (i64, Verdict) {
        let mut watch = Watch::after_boot(SignedDuration::ZERO);
        watch.advance(HOUR);
        watch.touch(HOUR);
        let mut mono = HOUR;
        for value in values {
            mono += SignedDuration::from_mins(1);
            watch.advance(mono);
            let quiet = |rule: &Rule| Reading { signal: rule.signal, value: Known::Is(0.0) };
            let mut readings: Vec<Reading> = RULES.iter().map(quiet).collect();
            readings.retain(|reading| reading.signal != signal);
            readings.push(Reading { signal, value: value.clone() });
            watch.judge(None, &readings, mono);
        }
        let explained = watch.explain(None, mono);
        let line = explained.iter().find(|line| line.signal == signal).expect("every signal is explained");
        (watch.idle_for(mono).as_secs() / 60, line.verdict)
    }

    fn check(signal: Signal, values: &[f64], minutes: i64, verdict: Verdict) {
        let values: Vec<Known<f64>> = values.iter().map(|value| Known::Is(*value)).collect();
        assert_eq!(watch(signal, &values), (minutes, verdict), "{signal:?} {values:?}");
    }

    #[test]
    fn a_soft_signal_counts_in_two_minutes_of_five() {
        check(Signal::Cpu, &[0.2, 0.0, 0.0], 3, Verdict::Quiet);
        check(Signal::Cpu, &[0.2, 0.2], 0, Verdict::Busy);
        check(Signal::Cpu, &[0.19, 0.19, 0.19], 3, Verdict::Quiet);
        check(Signal::Cpu, &[0.2, 0.0, 0.0, 0.0, 0.2], 0, Verdict::Busy);
        check(Signal::Cpu, &[0.2, 0.0, 0.0, 0.0, 0.0, 0.2], 6, Verdict::Quiet);
        check(Signal::Network, &[1.0, 1.0, 0.0, 0.0, 0.0, 0.0], 1, Verdict::Quiet);
        check(Signal::Disk, &[4.9, 4.9], 2, Verdict::Quiet);
    }

    #[test]
    fn a_hard_signal_counts_at_once() {
        check(Signal::Terminal, &[1.0], 0, Verdict::Busy);
        check(Signal::Gpu, &[5.0, 0.0], 1, Verdict::Quiet);
        check(Signal::Hooks, &[0.0, 0.0, 3.0], 0, Verdict::Busy);
        check(Signal::Login, &[0.0, 1.0, 0.0], 1, Verdict::Quiet);
        check(Signal::Inhibitor, &[1.0, 1.0, 1.0], 0, Verdict::Busy);
        check(Signal::Jupyter, &[2.0, 0.0], 1, Verdict::Quiet);
    }

    #[test]
    fn output_counts_only_with_a_threshold_and_for_a_bounded_time() {
        let unseen = Known::Unseen("lost".to_string());
        assert_eq!(watch(Signal::Output, &[Known::Is(3.0), unseen]), (2, Verdict::None));
        let mut terms = IdleTerms::after(HOUR);
        terms.thresholds.insert(Signal::Output, 1.0);
        let mut watch = Watch::after_boot(SignedDuration::ZERO);
        watch.touch(HOUR);
        let printed = |mono: SignedDuration, watch: &mut Watch| {
            let quiet = RULES.iter().map(|rule| Reading { signal: rule.signal, value: Known::Is(0.0) });
            let mut readings: Vec<Reading> = quiet.collect();
            readings.push(Reading { signal: Signal::Output, value: Known::Is(1.0) });
            readings.retain(|reading| reading.signal != Signal::Output || reading.value == Known::Is(1.0));
            watch.judge(Some(&terms), &readings, mono);
            watch.idle_for(mono)
        };
        assert_eq!(printed(HOUR * 4, &mut watch), SignedDuration::ZERO);
        assert_eq!(printed(HOUR * 6, &mut watch), HOUR * 2);
        terms.ignore.insert(Signal::Output);
        assert!(
            RULES
                .iter()
                .all(|rule| rule.signal != Signal::Output || adjusted(rule, Some(&terms)).threshold == OFF)
        );
    }

    #[test]
    fn a_hold_is_bounded_by_the_last_hard_activity() {
        check(Signal::Ssh, &[1.0; 240], 0, Verdict::Holds);
        check(Signal::Ssh, &[1.0; 250], 10, Verdict::HeldTooLong);
        check(Signal::GpuMemory, &[1.0; 121], 1, Verdict::HeldTooLong);
        check(Signal::Ssh, &[1.0, 0.0, 0.0], 2, Verdict::Quiet);
    }

    #[test]
    fn hard_activity_restarts_a_hold_in_the_same_minute() {
        let mut watch = Watch::after_boot(SignedDuration::ZERO);
        let mut ssh = |mono: SignedDuration, typed: f64| {
            let reading = |signal, value| Reading { signal, value: Known::Is(value) };
            let mut readings: Vec<Reading> = RULES.iter().map(|rule| reading(rule.signal, 0.0)).collect();
            readings.retain(|reading| !matches!(reading.signal, Signal::Ssh | Signal::Terminal));
            readings.extend([reading(Signal::Ssh, 1.0), reading(Signal::Terminal, typed)]);
            watch.judge(None, &readings, mono);
            watch.explain(None, mono).into_iter().find(|line| line.signal == Signal::Ssh).expect("a line")
        };
        let held = "1.00, busy from 1 SSH connections: expired 4h after the last hard activity";
        assert_eq!(ssh(HOUR * 5, 0.0).sentence, held);
        assert_eq!(ssh(HOUR * 6, 1.0).verdict, Verdict::Holds);
    }

    #[test]
    fn an_unseen_signal_is_busy_and_an_absent_one_is_not() {
        let unseen = Known::Unseen("lost".to_string());
        assert_eq!(watch(Signal::Gpu, &[Known::Is(0.0), unseen.clone()]), (0, Verdict::Unknown));
        assert_eq!(watch(Signal::Cpu, &[unseen]), (0, Verdict::Unknown));
        assert_eq!(watch(Signal::Gpu, &[Known::Absent, Known::Absent]), (2, Verdict::None));
        assert_eq!(watch(Signal::Cpu, &[Known::Is(f64::NAN)]), (0, Verdict::Unknown));
    }

    #[test]
    fn a_signal_without_a_reading_is_unseen_and_reported_after_its_time() {
        let mut watch = Watch::after_boot(SignedDuration::ZERO);
        watch.judge(None, &[], HOUR);
        let off = RULES.iter().filter(|rule| rule.threshold == OFF).count();
        assert_eq!(watch.unseen_for(HOUR * 2, HOUR).len(), RULES.len() - off);
        assert_eq!(watch.unseen_for(HOUR + SignedDuration::from_mins(59), HOUR), []);
    }

    #[test]
    fn own_thresholds_replace_the_documented_ones() {
        let mut terms = IdleTerms::after(HOUR);
        terms.thresholds.insert(Signal::Gpu, 50.0);
        let mut watch = Watch::after_boot(SignedDuration::ZERO);
        let readings: Vec<Reading> = RULES
            .iter()
            .map(|rule| {
                let value = if rule.signal == Signal::Gpu { 49.0 } else { 0.0 };
                Reading { signal: rule.signal, value: Known::Is(value) }
            })
            .collect();
        watch.judge(Some(&terms), &readings, HOUR);
        assert_eq!(watch.idle_for(HOUR), HOUR);
        watch.judge(None, &readings, HOUR);
        assert_eq!(watch.idle_for(HOUR), SignedDuration::ZERO);
    }

    #[test]
    fn leases_and_grace_periods_count_as_work_until_they_end() {
        let minutes = SignedDuration::from_mins;
        let mut watch = Watch::after_boot(SignedDuration::ZERO);
        watch.advance(minutes(14));
        assert_eq!(watch.idle_for(minutes(14)), SignedDuration::ZERO);
        watch.advance(minutes(20));
        assert_eq!(watch.idle_for(minutes(20)), minutes(6));
        watch.lease("job", minutes(30));
        watch.advance(minutes(29));
        assert_eq!((watch.idle_for(minutes(29)), watch.leases().count()), (SignedDuration::ZERO, 1));
        watch.advance(minutes(30));
        assert_eq!((watch.idle_for(minutes(30)), watch.leases().count()), (minutes(1), 0));
        watch.unwatched(minutes(1));
        assert_eq!(watch.idle_for(minutes(30)), SignedDuration::ZERO);
        watch.after_resume(minutes(60));
        watch.advance(minutes(69));
        assert_eq!(watch.idle_for(minutes(69)), SignedDuration::ZERO);
        watch.advance(minutes(71));
        assert_eq!(watch.idle_for(minutes(71)), minutes(2));
    }

    #[test]
    fn every_verdict_has_its_sentence() {
        let check = |signal: Signal, values: &[Known<f64>], expected: &str| {
            let mut watch = Watch::after_boot(SignedDuration::ZERO);
            let mut mono = HOUR;
            for value in values {
                mono += SignedDuration::from_mins(1);
                watch.judge(None, &[Reading { signal, value: value.clone() }], mono);
            }
            let explained = watch.explain(None, mono);
            let line = explained.iter().find(|line| line.signal == signal).expect("a line");
            assert_eq!(line.sentence, expected);
            assert_eq!(line.threshold.is_none(), expected.starts_with("off"));
        };
        let is = |value: f64| Known::Is(value);
        check(
            Signal::Cpu,
            &[is(0.5), is(0.5)],
            "0.50, busy from 0.2 busy cores: busy in 2 of the last 5 minutes or more",
        );
        check(Signal::Cpu, &[is(0.5), is(0.0)], "0.00, busy from 0.2 busy cores: quiet, last busy 1m ago");
        check(Signal::Terminal, &[is(0.0)], "0.00, busy from 1 terminals typed at: quiet, never busy");
        check(Signal::Terminal, &[is(2.0)], "2.00, busy from 1 terminals typed at: busy");
        check(
            Signal::Ssh,
            &[is(1.0)],
            "1.00, busy from 1 SSH connections: holds at most 4h after the last hard activity",
        );
        check(Signal::Gpu, &[Known::Absent], "not present, or not read yet");
        check(Signal::Output, &[is(2.0)], "off; the terms can turn it on with a threshold");
        check(
            Signal::Gpu,
            &[Known::Unseen("lost".to_string())],
            "could not be read (lost), which counts as busy",
        );
    }
}
