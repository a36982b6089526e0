//! The user's marks of anomalies.

use std::collections::BTreeMap;

use clap::ValueEnum;
use console::Failure;
use domain::Timestamp;
use serde::{Deserialize, Serialize};

use crate::user_files::UserFile;

/// The user's judgement of an anomaly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MarkAnswer {
    /// It was an anomaly.
    Yes,
    /// It was none.
    No,
    /// It was planned.
    Planned,
}

impl MarkAnswer {
    /// Returns the answer as it is typed.
    pub(crate) fn name(self) -> &'static str {
        match self {
            MarkAnswer::Yes => "yes",
            MarkAnswer::No => "no",
            MarkAnswer::Planned => "planned",
        }
    }
}

/// A mark of an anomaly. The marks of an anomaly are kept in order, so that `--as-of` can give an
/// earlier answer again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AnomalyMark {
    /// The answer.
    pub(crate) answer: MarkAnswer,
    /// When it was marked, RFC 3339.
    pub(crate) marked_at: String,
    /// ISO 4217 currency code.
    pub(crate) currency: String,
    /// The dimension of the anomaly.
    pub(crate) dimension: String,
    /// The value of the dimension; none for the total, or for costs without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<String>,
    /// The kind of the anomaly.
    pub(crate) kind: String,
    /// The leaf behind most of it: its first driver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) leaf: Option<String>,
}

impl AnomalyMark {
    /// Returns whether both marks are about the same leaf and kind. Without leaves, they are about
    /// the same value of a dimension.
    fn is_like(&self, other: &AnomalyMark) -> bool {
        let is_same = (&self.currency, &self.kind, &self.leaf) == (&other.currency, &other.kind, &other.leaf);
        let is_same_value = (&self.dimension, &self.value) == (&other.dimension, &other.value);
        is_same && (self.leaf.is_some() || is_same_value)
    }
}

/// The marks by the id of their anomaly.
pub(crate) type MarkMap = BTreeMap<String, Vec<AnomalyMark>>;

/// The marks that were known at an instant.
#[derive(Debug, Default)]
pub(crate) struct KnownMarks {
    /// The newest mark of each anomaly.
    newest: BTreeMap<String, AnomalyMark>,
}

impl KnownMarks {
    /// Reads the marks of the file that were made until `as_of`.
    ///
    /// Errors: the file is not one of marks.
    pub(crate) fn read(file: &UserFile, as_of: Timestamp) -> Result<KnownMarks, Failure> {
        KnownMarks::until(file.read()?, as_of)
    }

    fn until(all: MarkMap, as_of: Timestamp) -> Result<KnownMarks, Failure> {
        let mut newest = BTreeMap::new();
        for (id, marks) in all {
            for mark in marks {
                let time: Timestamp = mark.marked_at.parse().map_err(|_| {
                    Failure::usage(format!("the mark of {id} has no readable time: {:?}", mark.marked_at))
                })?;
                if time <= as_of {
                    newest.insert(id.clone(), mark);
                }
            }
        }
        Ok(KnownMarks { newest })
    }

    /// Returns the answer about this anomaly, if it is marked.
    pub(crate) fn answer(&self, id: &str) -> Option<MarkAnswer> {
        self.newest.get(id).map(|mark| mark.answer)
    }

    /// Returns the id of a marked anomaly of the same leaf and kind that is none, or was planned.
    /// An anomaly's own mark comes first.
    pub(crate) fn known_as(&self, id: &str, mark: &AnomalyMark) -> Option<(&str, MarkAnswer)> {
        let is_quiet = |known: &AnomalyMark| known.answer != MarkAnswer::Yes;
        let own = self.newest.get_key_value(id);
        let like = || self.newest.iter().find(|(_, known)| is_quiet(known) && known.is_like(mark));
        let found = match own {
            Some((_, known)) if !is_quiet(known) => None,
            Some(own) => Some(own),
            None => like(),
        };
        found.map(|(id, known)| (id.as_str(), known.answer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(answer: MarkAnswer, time: &str, kind: &str) -> AnomalyMark {
        AnomalyMark {
            answer,
            marked_at: time.into(),
            currency: "USD".into(),
            dimension: "service_name".into(),
            value: Some("S3".into()),
            kind: kind.into(),
            leaf: Some("1 / S3".into()),
        }
    }

    fn known(marks: &[(&str, AnomalyMark)], as_of: &str) -> KnownMarks {
        let mut all = MarkMap::new();
        for (id, mark) in marks {
            all.entry(id.to_string()).or_default().push(mark.clone());
        }
        KnownMarks::until(all, as_of.parse().unwrap()).unwrap()
    }

    #[test]
    fn a_mark_quiets_its_leaf_and_kind_but_yes_does_not() {
        let time = "2026-11-01T00:00:00Z";
        let check = |answer: MarkAnswer, id: &str, kind: &str, expected: Option<&str>| {
            let marks = known(&[("a1", mark(answer, time, "spike"))], "2026-11-20T00:00:00Z");
            let found = marks.known_as(id, &mark(MarkAnswer::Yes, time, kind));
            assert_eq!(found.map(|(id, _)| id), expected, "{answer:?} {id} {kind}");
        };
        check(MarkAnswer::No, "a1", "spike", Some("a1"));
        check(MarkAnswer::No, "b2", "spike", Some("a1"));
        check(MarkAnswer::Planned, "b2", "spike", Some("a1"));
        check(MarkAnswer::No, "b2", "step", None);
        check(MarkAnswer::Yes, "a1", "spike", None);
        check(MarkAnswer::Yes, "b2", "spike", None);
    }

    #[test]
    fn a_mark_of_the_total_does_not_quiet_the_total_of_another_leaf() {
        let time = "2026-11-01T00:00:00Z";
        let total = |leaf: &str| AnomalyMark {
            dimension: "total".into(),
            value: None,
            leaf: Some(leaf.into()),
            ..mark(MarkAnswer::Planned, time, "step")
        };
        let marks = known(&[("a1", total("1 / S3"))], "2026-11-20T00:00:00Z");
        let is_quiet = |mark: &AnomalyMark| marks.known_as("b2", mark).is_some();
        assert!(is_quiet(&total("1 / S3")) && !is_quiet(&total("1 / EC2")));
        assert!(is_quiet(&mark(MarkAnswer::Yes, time, "step")));
        let without_leaf = AnomalyMark { leaf: None, ..total("") };
        assert!(!is_quiet(&without_leaf));
    }

    #[test]
    fn later_marks_are_ignored_and_the_newest_known_one_counts() {
        let marks = [
            ("a1", mark(MarkAnswer::Yes, "2026-11-01T00:00:00Z", "spike")),
            ("a1", mark(MarkAnswer::No, "2026-11-10T00:00:00Z", "spike")),
        ];
        let answer = |as_of: &str| known(&marks, as_of).answer("a1");
        assert_eq!(answer("2026-10-31T00:00:00Z"), None);
        assert_eq!(answer("2026-11-05T00:00:00Z"), Some(MarkAnswer::Yes));
        assert_eq!(answer("2026-11-10T00:00:00Z"), Some(MarkAnswer::No));
    }

    #[test]
    fn refuses_a_mark_without_a_readable_time() {
        let all = MarkMap::from([("a1".to_string(), vec![mark(MarkAnswer::No, "soon", "spike")])]);
        let failure = KnownMarks::until(all, Timestamp::MAX).unwrap_err();
        assert_eq!(failure.message, "the mark of a1 has no readable time: \"soon\"");
    }
}
