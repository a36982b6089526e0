//! Warnings to users: when they are due, and their text.

use crate::end_action::EndAction;
use domain::format_span;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// How prominently a notice is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeUrgency {
    /// For the journal and the status only: a problem that needs no immediate action.
    Trouble,
    /// For every terminal that accepts messages.
    Warning,
    /// For every terminal, including those that refuse messages.
    Last,
}

/// A message to users, or to the journal alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserNotice {
    /// How prominently it is shown.
    pub urgency: NoticeUrgency,
    /// The text, one line.
    pub text: String,
    /// The end that the text announces; none for any other notice.
    pub announces: Option<EndAnnouncement>,
}

/// The reason of an announced end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndAnnouncement {
    /// The reason.
    pub cause: EndCause,
    /// The facts behind the reason, as a fragment: `nothing counted as work for 30m`.
    pub detail: String,
}

impl UserNotice {
    /// Creates a notice that announces no end.
    pub fn new(urgency: NoticeUrgency, text: impl Into<String>) -> UserNotice {
        UserNotice { urgency, text: text.into(), announces: None }
    }

    /// Creates the warning before an end: the action, the time left, the reason, and the command
    /// that prevents it.
    pub(crate) fn warning(
        urgency: NoticeUrgency,
        action: EndAction,
        left: SignedDuration,
        announced: EndAnnouncement,
    ) -> UserNotice {
        let (why, remedy) = match announced.cause {
            EndCause::Expiry => ("its time is over", "spawnd extend 2h"),
            EndCause::Complete => ("its work is complete", "spawnd extend 2h"),
            EndCause::Idle => ("it is idle", "spawnd cancel"),
        };
        let (verb, left, detail) = (action.verb(), format_span(left), &announced.detail);
        let text =
            format!("this instance will {verb} in {left}, because {why} ({detail}). To prevent it: {remedy}");
        UserNotice { urgency, text, announces: Some(announced) }
    }
}

/// Minutes before the end at which a warning is due.
const STEPS: [i64; 4] = [30, 10, 5, 1];

/// The progress of the warnings before one end. An extension starts a new series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WarningProgress {
    /// The time of the first warning, on the monotonic clock.
    pub(crate) since: SignedDuration,
    /// The step of the latest warning, in minutes; one of [`STEPS`].
    pub(crate) step: i64,
}

/// Returns the urgency of the warning that is due `left` before the end, unless that warning was
/// given already. Records the warning in `warned`.
pub(crate) fn take_due_warning(
    warned: &mut Option<WarningProgress>,
    left: SignedDuration,
    mono: SignedDuration,
) -> Option<NoticeUrgency> {
    let step = STEPS.into_iter().rev().find(|step| left <= SignedDuration::from_mins(*step))?;
    if warned.is_some_and(|warned| warned.step <= step) {
        return None;
    }
    let since = warned.map_or(mono, |warned| warned.since);
    *warned = Some(WarningProgress { since, step });
    Some(if step == 1 { NoticeUrgency::Last } else { NoticeUrgency::Warning })
}

/// The reason why an instance ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndCause {
    /// The budget is spent, or the cap is reached.
    Expiry,
    /// The work was reported as complete.
    Complete,
    /// No work was detected for the idle timeout.
    Idle,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_names_its_cause_in_words_and_as_a_type() {
        let check = |cause: EndCause, expected: &str| {
            let announced = EndAnnouncement { cause, detail: "a fact".to_string() };
            let (left, urgency) = (SignedDuration::from_mins(5), NoticeUrgency::Warning);
            let warning = UserNotice::warning(urgency, EndAction::Stop, left, announced.clone());
            assert_eq!(warning.text, format!("this instance will stop in 5m, because {expected}"));
            assert_eq!(warning.announces, Some(announced));
        };
        check(EndCause::Expiry, "its time is over (a fact). To prevent it: spawnd extend 2h");
        check(EndCause::Complete, "its work is complete (a fact). To prevent it: spawnd extend 2h");
        check(EndCause::Idle, "it is idle (a fact). To prevent it: spawnd cancel");
    }

    #[test]
    fn gives_each_warning_once() {
        let mut warned = None;
        let mut given = Vec::new();
        for seconds in (0..=3600).rev().step_by(15) {
            let mono = SignedDuration::from_secs(3600 - seconds);
            if let Some(urgency) = take_due_warning(&mut warned, SignedDuration::from_secs(seconds), mono) {
                given.push((seconds, urgency));
            }
        }
        let warning = NoticeUrgency::Warning;
        assert_eq!(given, [(1800, warning), (600, warning), (300, warning), (60, NoticeUrgency::Last)]);
        assert_eq!(warned.map(|warned| warned.since), Some(SignedDuration::from_secs(1800)));
    }

    #[test]
    fn a_late_start_gives_only_the_latest_due_warning() {
        let mut warned = None;
        let left = SignedDuration::from_secs(200);
        assert_eq!(take_due_warning(&mut warned, left, SignedDuration::ZERO), Some(NoticeUrgency::Warning));
        assert_eq!(take_due_warning(&mut warned, left, SignedDuration::ZERO), None);
    }
}
