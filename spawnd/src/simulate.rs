//! Replays recorded signals through the lifecycle, and prints when and why the instance would have
//! been stopped.

use crate::trace::{SignalTrace, TraceRow};
use domain::format_span;
use domain::{Known, Timestamp};
use jiff::SignedDuration;
use lifecycle::idle::{IdleSignal, IdleTerms, RULES, SignalReading};
use lifecycle::{
    BootIdentity, ClockReadings, DaemonState, EndAnnouncement, EndCause, LifeEffect, LifeEvent, LifeTags,
    StepInputs, Terms, UserNotice, step,
};
use std::io::Write;

/// Seconds from the first work after a stop until the machine runs again.
const START: i64 = 5 * 60;
/// Work within so many seconds after a stop makes the stop a nuisance.
const SOON: i64 = 60 * 60;
/// Signals are read once a minute.
const MINUTE: i64 = 60;

/// The totals of a replay; spans are in seconds. Idle and busy follow the documented thresholds,
/// not those of the policy. Time that was not seen is neither.
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
/// row starts the instance again, which takes five minutes.
pub(crate) fn run(mut trace: SignalTrace<'_>, terms: &IdleTerms, out: &mut impl Write) -> Result<(), String> {
    let mut total = ReplayTotals::default();
    while let Some(recorded) = trace.machine()? {
        let replay = TraceReplay { rows: &recorded.rows, signals: &trace.signals, terms };
        let name = if recorded.machine.is_empty() {
            ""
        } else {
            &format!("{}: ", domain::visible(&recorded.machine))
        };
        replay.run(&mut total, |line| writeln!(out, "{name}{line}")).map_err(|error| error.to_string())?;
    }
    writeln!(out, "{}", total.sentence()).map_err(|error| error.to_string())
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
        mut say: impl FnMut(String) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        let (mut begin, end) = (self.rows[0].second, self.rows[self.rows.len() - 1].second);
        total.busy += self.load_seconds(RowLoad::Busy, begin, end);
        total.idle += self.load_seconds(RowLoad::Idle, begin, end);
        while let Some((stop, why)) = self.run_until_stop(begin) {
            let ran = format_span(SignedDuration::from_secs(stop - begin));
            say(format!("{stop} s: {} after {ran} of running, because {why}", self.terms.action.verb()))?;
            let wanted = self.next_work_after(stop);
            begin = wanted.map_or(end, |wanted| (wanted + START).min(end));
            total.stops += 1;
            total.soon += u32::from(wanted.is_some_and(|wanted| wanted - stop < SOON));
            total.saved += self.load_seconds(RowLoad::Idle, stop, begin);
            total.cut += self.load_seconds(RowLoad::Busy, stop, begin);
        }
        Ok(())
    }

    /// Returns the rows from the one valid at `second` on, each with the second at which it ends.
    fn spans_from(&self, second: i64) -> impl Iterator<Item = (&TraceRow, i64)> {
        let first = self.rows.partition_point(|row| row.second <= second).saturating_sub(1);
        self.rows[first..].windows(2).map(|pair| (&pair[0], pair[1].second))
    }

    /// Runs one life from `begin` on. Returns the second at which it would have been stopped, and
    /// the reason that the latest warning gave.
    fn run_until_stop(&self, begin: i64) -> Option<(i64, String)> {
        let life = Terms {
            idle: Some(self.terms.clone()),
            // Longer than any trace, so that only idleness can end the life.
            ..Terms::with_budget(SignedDuration::from_hours(80_000))
        };
        let first = inputs(0, None);
        let mut state = DaemonState::begin(life, &first.clocks, &first.boot);
        let mut why = None;
        for (row, end) in self.spans_from(begin) {
            let readings = readings(row, self.signals);
            let mut second = row.second.max(begin);
            while second < end {
                let (next, stopped) = run_minute(state, second - begin, readings.clone(), &mut why);
                if stopped {
                    return why.map(|detail| (second, detail));
                }
                state = next;
                second += MINUTE;
            }
        }
        None
    }

    /// Returns the second of the first work after a stop.
    fn next_work_after(&self, stop: i64) -> Option<i64> {
        let mut spans = self.spans_from(stop);
        let busy = spans.find(|(row, end)| *end > stop && load(row, self.signals) == RowLoad::Busy);
        busy.map(|(row, _)| row.second.max(stop))
    }

    /// Returns the seconds of a load between two instants.
    fn load_seconds(&self, wanted: RowLoad, from: i64, to: i64) -> i64 {
        let spans = self.spans_from(from).take_while(|(row, _)| row.second < to);
        let spans = spans.filter(|(row, _)| load(row, self.signals) == wanted);
        spans.map(|(row, end)| (end.min(to) - row.second.max(from)).max(0)).sum()
    }
}

/// Runs one minute of a life. Returns whether it was stopped.
fn run_minute(
    mut state: DaemonState,
    second: i64,
    readings: Vec<SignalReading>,
    why: &mut Option<String>,
) -> (DaemonState, bool) {
    let mut input = inputs(second, Some(readings));
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
                }) => *why = Some(detail),
                LifeEffect::PreStop { trigger, .. } => input.events.push(LifeEvent::PreStopDone(trigger)),
                LifeEffect::Call(_) => stopped = true,
                _ => {}
            }
        }
    }
    (state, stopped)
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

/// The load of a row by the documented thresholds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RowLoad {
    Busy,
    Idle,
    Unseen,
}

fn load(row: &TraceRow, signals: &[IdleSignal]) -> RowLoad {
    let busy = |(signal, value): (&IdleSignal, &Known<f64>)| {
        let rule = RULES.iter().find(|rule| rule.signal == *signal);
        value.value().zip(rule).is_some_and(|(value, rule)| *value >= rule.threshold)
    };
    if signals.iter().zip(&row.values).any(busy) {
        return RowLoad::Busy;
    }
    let unseen = row.values.iter().any(|value| matches!(value, Known::Unseen(_)));
    if unseen { RowLoad::Unseen } else { RowLoad::Idle }
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
        run(SignalTrace::csv(trace.as_bytes())?, &terms, &mut out)?;
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
    fn work_in_the_minute_of_the_stop_starts_it_again_at_once() {
        let busy = |minute: i64| if minute == 54 { 1.0 } else { 0.0 };
        let text = replay(&trace((0..70).map(|minute| (minute * 60, busy(minute))))).expect("a replay");
        let total = "1 stop, 1 with work again within the hour; saved 240 s of 4080 s idle (5.9 %), \
                     cut 60 s of 60 s busy (100.0 %)";
        assert_eq!(text.lines().last(), Some(total), "{text}");
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
