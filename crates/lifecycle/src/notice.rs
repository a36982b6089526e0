//! When people are warned, and in which words.

use domain::format_span;
use crate::terms::Action;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// How a notice is to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Urgency {
    /// For the journal and the status: something went wrong that nobody needs to act upon at once.
    Trouble,
    /// For every terminal that takes messages.
    Warning,
    /// For every terminal, also where messages were refused.
    Last,
}

/// One notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// How it is to be shown.
    pub urgency: Urgency,
    /// What it says, one line.
    pub text: String,
}

/// Minutes before the end at which a warning is due.
const STEPS: [i64; 4] = [30, 10, 5, 1];

/// The warnings of one approach to one end. A new approach (after an extension, say) is a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Warned {
    /// When the first was given, on the monotonic clock.
    pub(crate) since: SignedDuration,
    /// The last step that was given, in minutes.
    pub(crate) step: i64,
}

/// The step that is due `left` before the end, when it was not given yet; `warned` is updated.
pub(crate) fn due(
    warned: &mut Option<Warned>,
    left: SignedDuration,
    mono: SignedDuration,
) -> Option<Urgency> {
    let step = STEPS.into_iter().rev().find(|step| left <= SignedDuration::from_mins(*step))?;
    if warned.is_some_and(|warned| warned.step <= step) {
        return None;
    }
    let since = warned.map_or(mono, |warned| warned.since);
    *warned = Some(Warned { since, step });
    Some(if step == 1 { Urgency::Last } else { Urgency::Warning })
}

/// Why an instance ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The budget is spent or the cap reached.
    Expiry,
    /// The work said that it is complete.
    Complete,
    /// Nothing happened for the idle timeout.
    Idle,
}

/// The warning before an end: what will happen, when, why, and the command that prevents it.
pub(crate) fn warning(cause: Cause, action: Action, left: SignedDuration, detail: &str) -> String {
    let verb = action.verb();
    let left = format_span(left);
    let (why, remedy) = match cause {
        Cause::Expiry => ("its time is over", "spawnd extend 2h"),
        Cause::Complete => ("its work is complete", "spawnd extend 2h"),
        Cause::Idle => ("it is idle", "spawnd cancel"),
    };
    format!("this instance will {verb} in {left}, because {why} ({detail}). To prevent it: {remedy}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_is_given_once() {
        let mut warned = None;
        let mut given = Vec::new();
        for seconds in (0..=3600).rev().step_by(15) {
            let mono = SignedDuration::from_secs(3600 - seconds);
            if let Some(urgency) = due(&mut warned, SignedDuration::from_secs(seconds), mono) {
                given.push((seconds, urgency));
            }
        }
        let warning = Urgency::Warning;
        assert_eq!(given, [(1800, warning), (600, warning), (300, warning), (60, Urgency::Last)]);
        assert_eq!(warned.map(|warned| warned.since), Some(SignedDuration::from_secs(1800)));
    }

    #[test]
    fn a_late_start_gives_the_step_that_holds_now() {
        let mut warned = None;
        let left = SignedDuration::from_secs(200);
        assert_eq!(due(&mut warned, left, SignedDuration::ZERO), Some(Urgency::Warning));
        assert_eq!(due(&mut warned, left, SignedDuration::ZERO), None);
    }
}
