//! Replays recorded signals through the lifecycle, and says when it would have acted and why.

use domain::{Known, Timestamp};
use jiff::SignedDuration;
use lifecycle::idle::{IdleTerms, RULES, Reading, Signal, adjusted};
use lifecycle::span::format_span;
use lifecycle::{Boot, Clocks, Effect, Event, Inputs, State, Tags, Terms, step};
use serde::Deserialize;
use serde::de::value::{Error, StrDeserializer};
use std::io::{Read, Write};

/// One line of a trace: what the signals said from this second on.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    second: i64,
    readings: Vec<Reading>,
}

/// What a replay came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Total {
    stops: u32,
    /// Seconds that the instance would not have run.
    saved: i64,
    recorded: i64,
}

/// Replays a CSV trace. Its first column is `time` (seconds), every other one is named as a signal; an
/// empty cell means that the machine has no such thing, `?` that it could not be seen. A row holds until
/// the next. After a stop the instance is started again by the next row that is busy.
pub(crate) fn run(trace: impl Read, terms: IdleTerms, out: &mut impl Write) -> Result<(), String> {
    let rows = read_rows(trace)?;
    let mut total = Total::default();
    let mut index = 0;
    while index < rows.len() {
        let begin = rows[index].second;
        match run_until_stop(&rows[index..], &terms) {
            None => break,
            Some((second, why)) => {
                let rest = rows.iter().position(|row| row.second >= second && is_busy(row, &terms));
                let again = rest.map_or(rows[rows.len() - 1].second, |next| rows[next].second);
                let ran = format_span(SignedDuration::from_secs(second - begin));
                let line =
                    format!("{second} s: {} after {ran} of running, because {why}", terms.action.verb());
                writeln!(out, "{line}").map_err(|error| error.to_string())?;
                total.stops += 1;
                total.saved += (again - second).max(0);
                index = rest.unwrap_or(rows.len());
            }
        }
    }
    total.recorded = rows.last().map_or(0, |last| last.second - rows[0].second);
    let share = 100.0 * total.saved as f64 / (total.recorded as f64).max(1.0);
    writeln!(out, "{} stops, {} s of {} s saved ({share:.1} %)", total.stops, total.saved, total.recorded)
        .map_err(|error| error.to_string())
}

/// Runs one life from the first row on; the second at which it would have stopped, and why.
fn run_until_stop(rows: &[Row], terms: &IdleTerms) -> Option<(i64, String)> {
    let life = Terms {
        idle: Some(terms.clone()),
        // Longer than any trace: idleness alone is looked at.
        ..Terms::with_budget(SignedDuration::from_hours(80_000))
    };
    let begin = rows.first()?.second;
    let mut state = State::begin(life, &inputs(0, None).clocks, &inputs(0, None).boot);
    let mut why = String::new();
    for pair in rows.windows(2) {
        let mut second = pair[0].second;
        while second < pair[1].second {
            let mut input = inputs(second - begin, Some(pair[0].readings.clone()));
            let mut stopped = false;
            for _ in 0..2 {
                let (next, effects) = step(state, &input);
                state = next;
                input.events.clear();
                input.readings = None;
                for effect in effects {
                    match effect {
                        Effect::Notify(notice) if notice.text.contains("it is idle") => why = notice.text,
                        Effect::PreStop { .. } => input.events.push(Event::PreStopDone),
                        Effect::Call(_) => stopped = true,
                        _ => {}
                    }
                }
            }
            if stopped {
                let detail = why.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
                return Some((second, detail.map_or(why.clone(), |(inner, _)| inner.to_string())));
            }
            second += 60;
        }
    }
    None
}

fn inputs(second: i64, readings: Option<Vec<Reading>>) -> Inputs {
    let mono = SignedDuration::from_secs(second);
    Inputs {
        clocks: Clocks { mono, boot: mono, wall: Timestamp::UNIX_EPOCH },
        boot: Boot { id: "trace".to_string(), pending: Known::Absent },
        date: None,
        tags: Tags { expiry: Known::Absent, cap: Known::Absent },
        readings,
        events: Vec::new(),
    }
}

/// Somebody wants to work: any signal at or above its threshold.
fn is_busy(row: &Row, terms: &IdleTerms) -> bool {
    row.readings.iter().any(|reading| {
        let rule = RULES.iter().find(|rule| rule.signal == reading.signal);
        let least = rule.map(|rule| adjusted(rule, Some(terms)).threshold);
        reading.value.value().zip(least).is_some_and(|(value, least)| *value >= least)
    })
}

fn read_rows(trace: impl Read) -> Result<Vec<Row>, String> {
    let mut reader = csv::Reader::from_reader(trace);
    let header = reader.headers().map_err(|error| error.to_string())?.clone();
    let mut columns = header.iter();
    if columns.next() != Some("time") {
        return Err("the trace's first column must be time, in seconds".to_string());
    }
    let signals: Vec<Signal> = columns.map(parse_signal).collect::<Result<_, _>>()?;
    let mut rows: Vec<Row> = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        let line = record.position().map_or(0, |position| position.line());
        let row = read_row(&record, &signals).map_err(|why| format!("line {line}: {why}"))?;
        if rows.last().is_some_and(|last| last.second >= row.second) {
            return Err(format!("line {line}: time does not rise"));
        }
        rows.push(row);
    }
    if rows.len() < 2 { Err("the trace has fewer than two rows".to_string()) } else { Ok(rows) }
}

fn parse_signal(name: &str) -> Result<Signal, String> {
    let read = Signal::deserialize(StrDeserializer::<Error>::new(name));
    read.map_err(|_| {
        let known = RULES.iter().map(|rule| format!("{:?}", rule.signal).to_lowercase()).collect::<Vec<_>>();
        format!("column {name} is no signal; known are {}", known.join(", "))
    })
}

/// Signals without a column are absent: the machine of the trace had no such thing.
fn read_row(record: &csv::StringRecord, signals: &[Signal]) -> Result<Row, String> {
    let mut cells = record.iter();
    let time = cells.next().unwrap_or_default();
    let second = time.parse().map_err(|_| format!("\"{time}\" is not a whole number of seconds"))?;
    let mut readings: Vec<Reading> =
        RULES.iter().map(|rule| Reading { signal: rule.signal, value: Known::Absent }).collect();
    for (signal, cell) in signals.iter().zip(cells) {
        let value = match cell {
            "" => Known::Absent,
            "?" => Known::Unseen("not recorded".to_string()),
            number => Known::Is(number.parse().map_err(|_| format!("\"{number}\" is not a number"))?),
        };
        readings.retain(|reading| reading.signal != *signal);
        readings.push(Reading { signal: *signal, value });
    }
    Ok(Row { second, readings })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replay(trace: &str) -> Result<String, String> {
        let mut out = Vec::new();
        run(trace.as_bytes(), IdleTerms::after(SignedDuration::from_mins(30)), &mut out)?;
        Ok(String::from_utf8_lossy(&out).to_string())
    }

    fn trace(rows: impl Iterator<Item = (i64, f64)>) -> String {
        rows.fold("time,cpu\n".to_string(), |text, (second, cpu)| format!("{text}{second},{cpu}\n"))
    }

    #[test]
    fn an_hour_of_work_and_three_of_rest() {
        let busy = |minute: i64| if (60..240).contains(&minute) { 0.01 } else { 1.0 };
        let text = replay(&trace((0..300).map(|minute| (minute * 60, busy(minute)))));
        // Work ends at minute 59, and at minute 62 two of the last five were still busy.
        let expected = "6120 s: stop after 1h42m of running, because nothing counted as work for 39m\n\
                        1 stops, 8280 s of 17940 s saved (46.2 %)\n";
        assert_eq!(text.as_deref(), Ok(expected));
    }

    #[test]
    fn one_busy_minute_in_ten_is_cron_and_two_in_five_are_work() {
        let every = |period: i64| {
            trace((0..600).map(|minute| (minute * 60, if minute % period == 0 { 1.0 } else { 0.0 })))
        };
        assert!(replay(&every(10)).is_ok_and(|text| text.contains("stop after")));
        assert_eq!(replay(&every(3)).as_deref(), Ok("0 stops, 0 s of 35940 s saved (0.0 %)\n"));
    }

    #[test]
    fn what_was_not_recorded_is_never_idle() {
        let unseen = (0..600)
            .fold("time,cpu,gpu\n".to_string(), |text, minute| format!("{text}{},0,?\n", minute * 60));
        assert_eq!(replay(&unseen).as_deref(), Ok("0 stops, 0 s of 35940 s saved (0.0 %)\n"));
    }

    #[test]
    fn a_trace_that_cannot_be_read_says_where() {
        let check = |text: &str, expected: &str| {
            let error = replay(text).expect_err(text);
            assert!(error.contains(expected), "{error}");
        };
        check("", "first column must be time");
        check("time,cpuu\n0,1\n60,1\n", "column cpuu is no signal; known are cpu, network");
        check("time,cpu\n0,1\n", "fewer than two rows");
        check("time,cpu\n0,1\n0,1\n", "line 3: time does not rise");
        check("time,cpu\n0,1\n60,x\n", "line 3: \"x\" is not a number");
    }
}
