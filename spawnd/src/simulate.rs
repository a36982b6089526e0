//! Replays recorded signals through the lifecycle, and prints when and why the instance would have
//! been stopped.

use crate::trace::{SignalTrace, TraceRow};
use domain::format_span;
use domain::{Known, Timestamp};
use jiff::SignedDuration;
use lifecycle::idle::{IdleSignal, IdleTerms, OFF, RULES, SignalReading, adjusted};
use lifecycle::{
    BootIdentity, ClockReadings, DaemonState, EndAnnouncement, EndCause, LifeEffect, LifeEvent, LifeTags,
    NoticeUrgency, StepInputs, Terms, UserNotice, step,
};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Seconds from the first work after a stop until the machine runs again.
const START: i64 = 5 * 60;
/// Work within so many seconds after a stop makes the stop a nuisance.
const SOON: i64 = 60 * 60;
/// Signals are read once a minute.
const MINUTE: i64 = 60;

/// The signals that kept a machine running are named up to this number.
const NAMED: usize = 3;

/// The totals of a replay; spans are in seconds. Busy time is that of a signal of work, by the
/// thresholds of the policy. A signal that only holds the instance is no work. Time that was not
/// seen is neither idle nor busy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct ReplayTotals {
    stops: u32,
    /// Stops after which work came back within an hour.
    soon: u32,
    idle: i64,
    busy: i64,
    /// Idle time during which the instance was stopped.
    saved: i64,
    /// Busy time during which the instance was stopped or not yet started again.
    cut: i64,
}

/// Replays a trace, machine by machine. A row is valid until the next. After a stop, the next busy
/// row starts the instance again, which takes five minutes. `notes` gets the missing signals, the
/// daemon's reports, and the signals that kept a machine running to its last row.
pub(crate) fn run(
    mut trace: SignalTrace<'_>,
    terms: &IdleTerms,
    out: &mut impl Write,
    notes: &mut impl Write,
) -> Result<(), String> {
    let failed = |error: io::Error| error.to_string();
    write_missing(&trace.signals, terms, notes).map_err(failed)?;
    let mut total = ReplayTotals::default();
    while let Some(recorded) = trace.machine()? {
        let replay = TraceReplay { rows: &recorded.rows, signals: &trace.signals, terms };
        let name = if recorded.machine.is_empty() {
            ""
        } else {
            &format!("{}: ", domain::visible(&recorded.machine))
        };
        let mut log = ReplayLog { name, out, notes, why: None, minutes: 0, kept: BTreeMap::new() };
        replay.run(&mut total, &mut log).map_err(failed)?;
    }
    writeln!(out, "{}", total.sentence()).map_err(failed)
}

/// Names the signals without a column: work that only they show is lost in the replay.
fn write_missing(signals: &[IdleSignal], terms: &IdleTerms, notes: &mut impl Write) -> io::Result<()> {
    let on = RULES.iter().map(|rule| adjusted(rule, Some(terms))).filter(|rule| rule.threshold != OFF);
    let missing: Vec<&str> =
        on.filter(|rule| !signals.contains(&rule.signal)).map(|rule| rule.signal.name()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    writeln!(notes, "note: the trace has no column {}; work there does not count", missing.join(", "))
}

/// The output of one machine's replay.
struct ReplayLog<'a, O, N> {
    name: &'a str,
    out: &'a mut O,
    notes: &'a mut N,
    /// The reason of the latest warning before an end by idleness.
    why: Option<String>,
    minutes: u32,
    /// The minutes in which each signal kept the machine running.
    kept: BTreeMap<IdleSignal, u32>,
}

impl<O: Write, N: Write> ReplayLog<'_, O, N> {
    fn count(&mut self, state: &DaemonState) {
        self.minutes += 1;
        for signal in state.keeping_signals() {
            *self.kept.entry(signal).or_default() += 1;
        }
    }

    fn write_keepers(&mut self) -> io::Result<()> {
        let mut kept: Vec<(IdleSignal, u32)> =
            self.kept.iter().map(|(signal, count)| (*signal, *count)).collect();
        kept.sort_by_key(|(_, count)| Reverse(*count));
        kept.truncate(NAMED);
        if kept.is_empty() {
            return Ok(());
        }
        let share = |count: u32| 100.0 * f64::from(count) / f64::from(self.minutes);
        let named = kept.iter().map(|(signal, count)| format!("{} in {:.0} %", signal.name(), share(*count)));
        let named = named.collect::<Vec<_>>().join(", ");
        writeln!(self.notes, "note: {}kept running by {named} of the minutes", self.name)
    }
}

/// The rows of one machine, and a policy.
struct TraceReplay<'a> {
    rows: &'a [TraceRow],
    signals: &'a [IdleSignal],
    terms: &'a IdleTerms,
}

impl TraceReplay<'_> {
    fn run(
        &self,
        total: &mut ReplayTotals,
        log: &mut ReplayLog<'_, impl Write, impl Write>,
    ) -> io::Result<()> {
        let (mut begin, end) = (self.rows[0].second, self.rows[self.rows.len() - 1].second);
        total.busy += self.load_seconds(RowLoad::Busy, begin, end);
        total.idle += self.load_seconds(RowLoad::Idle, begin, end);
        let before = total.stops;
        while let Some((stop, why)) = self.run_until_stop(begin, log)? {
            let ran = format_span(SignedDuration::from_secs(stop - begin));
            let (name, verb) = (log.name, self.terms.action.verb());
            writeln!(log.out, "{name}{stop} s: {verb} after {ran} of running, because {why}")?;
            let wanted = self.next_work_after(stop);
            begin = wanted.map_or(end, |wanted| (wanted + START).min(end));
            total.stops += 1;
            total.soon += u32::from(wanted.is_some_and(|wanted| wanted - stop < SOON));
            total.saved += self.load_seconds(RowLoad::Idle, stop, begin);
            total.cut += self.load_seconds(RowLoad::Busy, stop, begin);
        }
        if total.stops == before { log.write_keepers() } else { Ok(()) }
    }

    /// Returns the rows from the one valid at `second` on, each with the second at which it ends.
    fn spans_from(&self, second: i64) -> impl Iterator<Item = (&TraceRow, i64)> {
        let first = self.rows.partition_point(|row| row.second <= second).saturating_sub(1);
        self.rows[first..].windows(2).map(|pair| (&pair[0], pair[1].second))
    }

    /// Runs one life from `begin` on. Returns the second at which it would have been stopped, and
    /// the reason that the latest warning gave.
    fn run_until_stop(
        &self,
        begin: i64,
        log: &mut ReplayLog<'_, impl Write, impl Write>,
    ) -> io::Result<Option<(i64, String)>> {
        let life = Terms {
            idle: Some(self.terms.clone()),
            // Longer than any trace, so that only idleness can end the life.
            ..Terms::with_budget(SignedDuration::from_hours(80_000))
        };
        let first = inputs(0, None);
        let mut state = DaemonState::begin(life, &first.clocks, &first.boot);
        for (row, end) in self.spans_from(begin) {
            let readings = readings(row, self.signals);
            let mut second = row.second.max(begin);
            while second < end {
                let (next, stopped) = run_minute(state, second, begin, readings.clone(), log)?;
                if stopped {
                    return Ok(log.why.take().map(|detail| (second, detail)));
                }
                state = next;
                second += MINUTE;
            }
        }
        Ok(None)
    }

    /// Returns the second of the first work after a stop.
    fn next_work_after(&self, stop: i64) -> Option<i64> {
        let mut spans = self.spans_from(stop);
        let busy = spans.find(|(row, end)| *end > stop && self.load(row) == RowLoad::Busy);
        busy.map(|(row, _)| row.second.max(stop))
    }

    /// Returns the seconds of a load between two instants.
    fn load_seconds(&self, wanted: RowLoad, from: i64, to: i64) -> i64 {
        let spans = self.spans_from(from).take_while(|(row, _)| row.second < to);
        let spans = spans.filter(|(row, _)| self.load(row) == wanted);
        spans.map(|(row, end)| (end.min(to) - row.second.max(from)).max(0)).sum()
    }

    /// Returns the load of a row. Only signals of work count.
    fn load(&self, row: &TraceRow) -> RowLoad {
        let mut unseen = false;
        for rule in RULES.iter().filter(|rule| !rule.is_hold()).map(|rule| adjusted(rule, Some(self.terms))) {
            let index = self.signals.iter().position(|found| *found == rule.signal);
            match index.map(|index| rule.checked(&row.values[index])) {
                Some(Known::Is(value)) if value >= rule.threshold => return RowLoad::Busy,
                Some(Known::Unseen(_)) if rule.threshold != OFF => unseen = true,
                Some(_) | None => {}
            }
        }
        if unseen { RowLoad::Unseen } else { RowLoad::Idle }
    }
}

/// Runs one minute of a life. Returns whether it was stopped.
fn run_minute(
    mut state: DaemonState,
    second: i64,
    begin: i64,
    readings: Vec<SignalReading>,
    log: &mut ReplayLog<'_, impl Write, impl Write>,
) -> io::Result<(DaemonState, bool)> {
    let mut input = inputs(second - begin, Some(readings));
    let mut stopped = false;
    // The second step processes the outcome of the first one's effects.
    for _ in 0..2 {
        let (next, effects) = step(state, &input);
        state = next;
        input.events.clear();
        input.readings = None;
        for effect in effects {
            match effect {
                LifeEffect::Notify(UserNotice {
                    announces: Some(EndAnnouncement { cause: EndCause::Idle, detail }),
                    ..
                }) => log.why = Some(detail),
                LifeEffect::Notify(UserNotice { urgency: NoticeUrgency::Trouble, text, .. }) => {
                    writeln!(log.notes, "warning: {}{second} s: {text}", log.name)?;
                }
                LifeEffect::PreStop { trigger, .. } => input.events.push(LifeEvent::PreStopDone(trigger)),
                LifeEffect::Call(_) => stopped = true,
                _ => {}
            }
        }
    }
    log.count(&state);
    Ok((state, stopped))
}

fn inputs(second: i64, readings: Option<Vec<SignalReading>>) -> StepInputs {
    let mono = SignedDuration::from_secs(second);
    StepInputs {
        clocks: ClockReadings { mono, boot: mono, wall: Timestamp::UNIX_EPOCH },
        boot: BootIdentity { instance: Known::Absent, id: "trace".to_string(), pending: Known::Absent },
        date: None,
        tags: LifeTags { expiry: Known::Absent, cap: Known::Absent },
        readings,
        measured: None,
        events: Vec::new(),
    }
}

/// Returns the readings of a row. Signals without a column are absent: the machine of the trace did
/// not have them.
fn readings(row: &TraceRow, signals: &[IdleSignal]) -> Vec<SignalReading> {
    let of = |signal| signals.iter().position(|found| *found == signal);
    RULES
        .iter()
        .map(|rule| {
            let value = of(rule.signal).map_or(Known::Absent, |index| row.values[index].clone());
            SignalReading { signal: rule.signal, value }
        })
        .collect()
}

/// The load of a row by the thresholds of the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RowLoad {
    Busy,
    Idle,
    Unseen,
}

impl ReplayTotals {
    fn sentence(&self) -> String {
        let share = |part: i64, whole: i64| 100.0 * part as f64 / (whole as f64).max(1.0);
        let ReplayTotals { stops, soon, idle, busy, saved, cut } = *self;
        let stops = if stops == 1 { "1 stop".to_string() } else { format!("{stops} stops") };
        format!(
            "{stops}, {soon} with work again within the hour; saved {saved} s of {idle} s idle ({:.1} %), \
             cut {cut} s of {busy} s busy ({:.1} %)",
            share(saved, idle),
            share(cut, busy)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replay(trace: &str) -> Result<String, String> {
        let mut out = Vec::new();
        let terms = IdleTerms::after(SignedDuration::from_mins(30));
        run(SignalTrace::csv(trace.as_bytes())?, &terms, &mut out, &mut io::sink())?;
        Ok(String::from_utf8_lossy(&out).to_string())
    }

    fn trace(rows: impl Iterator<Item = (i64, f64)>) -> String {
        rows.fold("time,cpu\n".to_string(), |text, (second, cpu)| format!("{text}{second},{cpu}\n"))
    }

    #[test]
    fn stops_in_three_hours_of_rest_and_starts_for_the_next_work() {
        let busy = |minute: i64| if (60..240).contains(&minute) { 0.01 } else { 1.0 };
        let text = replay(&trace((0..300).map(|minute| (minute * 60, busy(minute)))));
        // Work ends at minute 59. At minute 62 two of the last five minutes were still busy. Work
        // comes back at minute 240, and the instance runs five minutes later.
        let expected = "6120 s: stop after 1h42m of running, because nothing counted as work for 39m\n\
                        1 stop, 0 with work again within the hour; saved 8280 s of 10800 s idle (76.7 %), \
                        cut 300 s of 7140 s busy (4.2 %)\n";
        assert_eq!(text.as_deref(), Ok(expected));
    }

    #[test]
    fn replays_each_machine_separately() {
        let rest = |name: &str| format!("{name},0,0\n{name},6000,0\n");
        let text = replay(&format!("machine,time,cpu\n{}{}", rest("a"), rest("b"))).expect("a replay");
        let lines: Vec<&str> = text.lines().collect();
        // For 15 minutes after a boot nothing is idle. Then come 30 minutes, and 10 of warnings.
        assert!(lines[0].starts_with("a: 3240 s: stop") && lines[1].starts_with("b: 3240 s: stop"), "{text}");
        let total = "2 stops, 0 with work again within the hour; saved 5520 s of 12000 s idle (46.0 %), \
                     cut 0 s of 0 s busy (0.0 %)";
        assert_eq!(lines[2..], [total]);
    }

    #[test]
    fn work_in_the_minute_of_the_stop_postpones_it() {
        let text = |busy: &dyn Fn(i64) -> bool| {
            let cpu = |minute: i64| if busy(minute) { 1.0 } else { 0.0 };
            replay(&trace((0..70).map(|minute| (minute * 60, cpu(minute))))).expect("a replay")
        };
        let once = text(&|minute| minute == 54);
        assert!(once.starts_with("3300 s: stop after 55m of running"), "{once}");
        for first in [53, 54] {
            let job = text(&|minute| minute >= first);
            assert!(job.starts_with("0 stops"), "{job}");
        }
        let after = text(&|minute| minute == 55);
        let total = "1 stop, 1 with work again within the hour; saved 300 s of 4080 s idle (7.4 %), \
                     cut 60 s of 60 s busy (100.0 %)";
        assert_eq!(after.lines().last(), Some(total), "{after}");
    }

    /// Returns the output and the notes of a replay under these terms.
    fn replay_with_notes(trace: &str, terms: &IdleTerms) -> (String, String) {
        let (mut out, mut notes) = (Vec::new(), Vec::new());
        let trace = SignalTrace::csv(trace.as_bytes()).expect("a trace");
        run(trace, terms, &mut out, &mut notes).expect("a replay");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        (text(out), text(notes))
    }

    /// Writes a minute for each value of a signal, with a quiet processor.
    fn minutes(signal: &str, values: impl Iterator<Item = String>) -> String {
        let row = |(minute, value): (i64, String)| format!("{},0.01,{value}\n", minute * 60);
        format!("time,cpu,{signal}\n{}", (0..).zip(values).map(row).collect::<String>())
    }

    #[test]
    fn a_hold_is_no_work_and_brings_no_machine_back() {
        let check = |signal: &str, hours: i64| {
            let held = minutes(signal, (0..600).map(|_| "1".to_string()));
            let (out, _) = replay_with_notes(&held, &IdleTerms::after(SignedDuration::from_mins(20)));
            // The last hard activity of a life is its boot.
            let stop = hours * 3_600 + 30 * 60;
            assert!(out.starts_with(&format!("{stop} s: stop after")), "{signal}: {out}");
            let total = out.lines().last().unwrap_or_default();
            assert!(total.starts_with("1 stop, 0 with work again"), "{signal}: {out}");
            assert!(total.ends_with("cut 0 s of 0 s busy (0.0 %)"), "{signal}: {out}");
        };
        check("ssh", 4);
        check("gpu-memory", 2);
    }

    #[test]
    fn a_stopped_machine_starts_again_for_work_alone() {
        let after = |signal: &str, value: &str| {
            let values = (0..300).map(|minute| if minute < 120 { "0" } else { value }.to_string());
            let terms = IdleTerms::after(SignedDuration::from_mins(20));
            replay_with_notes(&minutes(signal, values), &terms).0.lines().count() - 1
        };
        assert_eq!(after("ssh", "1"), 1);
        assert_eq!(after("gpu-memory", "1"), 1);
        assert_eq!(after("gpu", "400"), 1, "an impossible value is unseen");
        assert_eq!(after("terminal", "1"), 1, "it works to the end of the trace");
        let values = (0..300).map(|minute| if minute == 120 { "1" } else { "0" }.to_string());
        let terms = IdleTerms::after(SignedDuration::from_mins(20));
        let (out, _) = replay_with_notes(&minutes("login", values), &terms);
        assert!(out.contains("2 stops, 0 with work again") && out.contains("cut 60 s of 60 s busy"), "{out}");
    }

    #[test]
    fn thresholds_and_ignored_signals_decide_what_is_work() {
        let platform = minutes("gpu", (0..300).map(|_| "100".to_string())).replace(",0.01,", ",0.25,");
        let mut terms = IdleTerms::after(SignedDuration::from_mins(30));
        let (out, notes) = replay_with_notes(&platform, &terms);
        assert!(out.starts_with("0 stops"), "{out}");
        let kept = "note: kept running by gpu in 100 %, cpu in 100 % of the minutes\n";
        assert!(notes.ends_with(kept) || notes.contains("cpu in 100 %, gpu in 100 %"), "{notes}");
        terms.thresholds.insert(IdleSignal::Cpu, 0.5);
        terms.ignore.insert(IdleSignal::Gpu);
        let (out, notes) = replay_with_notes(&platform, &terms);
        assert!(out.ends_with("of 17940 s idle (81.9 %), cut 0 s of 0 s busy (0.0 %)\n"), "{out}");
        assert!(out.contains("1 stop, 0 with") && !notes.contains("kept running"), "{notes}");
    }

    #[test]
    fn missing_signals_and_lost_looks_are_named() {
        let terms = IdleTerms::after(SignedDuration::from_mins(30));
        let lossy = |every: i64| {
            let value = move |minute: i64| if minute % every == every - 1 { "?" } else { "0" }.to_string();
            replay_with_notes(&minutes("jupyter", (0..300).map(value)), &terms)
        };
        let (out, notes) = lossy(25);
        assert!(out.contains("1 stop, 0") && out.starts_with("3240 s: stop after 54m"), "{out}");
        let missing = "note: the trace has no column network, disk, terminal, login, inhibitor, editor, gpu, \
                       gpu-memory, ssh, hooks; work there does not count\n";
        assert_eq!(notes, missing);
        let (out, notes) = lossy(3);
        assert!(out.starts_with("0 stops"), "{out}");
        let report = "warning: 1200 s: idleness cannot be determined: jupyter could not be read in 7 of the \
                      last 60 looks";
        assert!(notes.contains(report) && notes.contains("kept running by jupyter"), "{notes}");
    }

    #[test]
    fn one_busy_minute_in_ten_is_idle_and_two_in_five_are_work() {
        let every = |period: i64| {
            trace((0..600).map(|minute| (minute * 60, if minute % period == 0 { 1.0 } else { 0.0 })))
        };
        assert!(replay(&every(10)).is_ok_and(|text| text.contains("stop after")));
        assert!(replay(&every(3)).is_ok_and(|text| text.starts_with("0 stops, 0 with work")));
    }

    #[test]
    fn unrecorded_signals_are_never_idle() {
        let unseen = (0..600)
            .fold("time,cpu,gpu\n".to_string(), |text, minute| format!("{text}{},0,?\n", minute * 60));
        let expected = "0 stops, 0 with work again within the hour; saved 0 s of 0 s idle (0.0 %), \
                        cut 0 s of 0 s busy (0.0 %)\n";
        assert_eq!(replay(&unseen).as_deref(), Ok(expected));
    }
}
