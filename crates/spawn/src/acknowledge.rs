//! Has an instance confirm a change of its terms: by the tag that spawnd writes, else through ssh.
//! Without spawnd, the dead-man is moved through ssh.

use std::time::Duration;

use domain::{SignedDuration, Timestamp, format_span, later};
use fleet::instance::InstanceView;
use lifecycle::tag::{self, BudgetIntent, ExpiryTag, OnExpiryTag, SeenTag};
use lifecycle::{LifeStatus, Terms, dead_man};

use crate::Ports;
use crate::ssh::{Session, SessionFailure, configured_options};
use crate::terms::{InstanceReading, read_again};

/// The time for spawnd to confirm a change, and the pause between two looks.
const CONFIRMED_WITHIN: SignedDuration = SignedDuration::from_secs(90);
const PAUSE: Duration = Duration::from_secs(5);
/// The time limit of a command on the instance.
const COMMAND_LIMIT: Duration = Duration::from_secs(30);
/// The exit status of a shell that does not find a program.
const NOT_FOUND: i32 = 127;
const SPAWND: &str = "/usr/local/bin/spawnd";
/// The dead-man may act this many seconds beside the wanted second.
const CLOSE: i64 = 5;

/// The confirmation of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Confirmation {
    /// spawnd has adopted the change.
    Daemon,
    /// There is no spawnd, and the dead-man was moved.
    DeadMan,
}

/// Whether the tags show that spawnd has run on the instance with a role.
pub(crate) fn shows_spawnd(seen: &InstanceView) -> bool {
    seen.tag(tag::SEEN).is_some() || seen.tag(tag::HEARTBEAT).is_some()
}

/// Returns the instant at which the dead-man acts, for an end of the budget.
pub(crate) fn power_off_instant(seen: &InstanceView, until: Timestamp) -> Timestamp {
    let on_expiry = seen.tag(tag::ON_EXPIRY).and_then(|value| OnExpiryTag::decode(value).ok());
    let grace = on_expiry.unwrap_or(OnExpiryTag::UNSAID).grace;
    later(until, Terms { grace, ..Terms::unread() }.dead_man_slack())
}

/// Waits until spawnd has confirmed a change by its tag, else asks the instance through ssh.
///
/// # Errors
/// Nothing on the instance confirmed it: the reason.
pub(crate) fn acknowledge(
    reading: &InstanceReading,
    changed: ExpiryTag,
    ports: &Ports<'_>,
) -> Result<Confirmation, String> {
    if shows_spawnd(&reading.seen) && confirmed_by_tag(reading, changed, ports) {
        return Ok(Confirmation::Daemon);
    }
    through_ssh(reading, changed, ports)
}

fn confirmed_by_tag(reading: &InstanceReading, changed: ExpiryTag, ports: &Ports<'_>) -> bool {
    let confirms = |seen: &InstanceView| {
        let tag = seen.tag(tag::SEEN).and_then(|value| SeenTag::decode(value).ok());
        tag.is_some_and(|tag| tag.generation >= changed.generation)
    };
    let begun = (ports.clock)();
    let mut seen = reading.seen.clone();
    while !confirms(&seen) {
        if (ports.clock)().duration_since(begun) >= CONFIRMED_WITHIN {
            return false;
        }
        (ports.wait)(PAUSE);
        if let Ok(again) = read_again(&seen, ports) {
            seen = again.seen;
        }
    }
    true
}

fn through_ssh(
    reading: &InstanceReading,
    changed: ExpiryTag,
    ports: &Ports<'_>,
) -> Result<Confirmation, String> {
    let unreached = |failed: SessionFailure| format!("it cannot be reached: {}", failed.failure.message);
    let options = configured_options(ports).map_err(|failure| failure.message)?;
    let session = Session::open(&reading.seen, &options, ports).map_err(unreached)?;
    let begun = (ports.clock)();
    loop {
        let status = session.run(&[SPAWND, "status", "--json"], b"", COMMAND_LIMIT).map_err(unreached)?;
        match status.code {
            Some(NOT_FOUND) => return move_dead_man(&session, reading, changed, ports),
            Some(0) => {
                let status: LifeStatus = serde_json::from_slice(&status.stdout)
                    .map_err(|error| format!("the status of spawnd cannot be read: {error}"))?;
                if status.generation >= changed.generation {
                    return Ok(Confirmation::Daemon);
                }
                if (ports.clock)().duration_since(begun) >= CONFIRMED_WITHIN {
                    let after = format_span(CONFIRMED_WITHIN);
                    return Err(format!("spawnd has not read the tag after {after} ({})", status.tag));
                }
            }
            _ => return Err(format!("spawnd does not answer: {}", first_line(&status.stderr))),
        }
        (ports.wait)(PAUSE);
    }
}

/// Moves the dead-man of an instance without spawnd, and reads the armed time back.
fn move_dead_man(
    session: &Session<'_>,
    reading: &InstanceReading,
    changed: ExpiryTag,
    ports: &Ports<'_>,
) -> Result<Confirmation, String> {
    let BudgetIntent::Running(until) = changed.intent else {
        return Err("its budget is paused although it runs".to_string());
    };
    let unreached = |failed: SessionFailure| format!("it cannot be reached: {}", failed.failure.message);
    // The seconds count from the moment at which they arrive.
    let now = read_again(&reading.seen, ports)?.now;
    let seconds = power_off_instant(&reading.seen, until).duration_since(now).as_secs();
    let words = ["sudo", "-n", "sh", "-s", "set", &seconds.to_string()];
    let output = session.run(&words, dead_man::script().as_bytes(), COMMAND_LIMIT).map_err(unreached)?;
    if output.code != Some(0) {
        return Err(format!("the dead-man cannot be moved: {}", first_line(&output.stderr)));
    }
    let armed = String::from_utf8_lossy(&output.stdout).trim().parse::<i64>();
    match armed {
        Ok(armed) if (armed - seconds).abs() <= CLOSE => Ok(Confirmation::DeadMan),
        _ => Err("the dead-man is not armed for the new end".to_string()),
    }
}

fn first_line(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.lines().next().unwrap_or("no message").to_string()
}
