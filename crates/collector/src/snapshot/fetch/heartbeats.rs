//! Removes heartbeats that are in the lake already. A heartbeat stays in its instance's tag until
//! the next one, so several polls read the same one.

use std::collections::BTreeSet;

use catalog::ports::{RunLogRow, ScopeReport};
use catalog::{ColumnValues, RowBatch};
use domain::Timestamp;
use sha2::{Digest, Sha256};

/// Seconds after the end of a heartbeat's period by which its tag is visible everywhere.
const LATE: i64 = 60;

/// Removes the rows of heartbeats that an earlier poll has read; `before` is the log row of the
/// last poll. A poll has read every heartbeat that ended more than `LATE` before it. Of the later
/// ones, it has read those that its version lists.
pub(crate) fn drop_known_heartbeats(
    told: &mut ScopeReport,
    batches: &mut Vec<RowBatch>,
    before: Option<&RunLogRow>,
) {
    let known = before.and_then(|before| Some((before.observed_at, names(before.version.as_deref()?))));
    let is_new = |beat: &HeartbeatKey| match &known {
        None => true,
        Some((looked_at, named)) => is_fresh(beat.ended, *looked_at) && !named.contains(beat.name.as_str()),
    };
    let mut fresh = BTreeSet::new();
    for batch in batches.iter_mut() {
        let beats = beats(batch);
        fresh.extend(
            beats.iter().filter(|beat| is_fresh(beat.ended, told.observed_at)).map(|beat| beat.name.clone()),
        );
        *batch = batch.only(&beats.iter().map(is_new).collect::<Vec<bool>>());
    }
    batches.retain(|batch| !batch.is_empty());
    // If instances could not be listed, the next poll has to take all heartbeats that it finds.
    let listed = !told.gaps.iter().any(|gap| gap.action.is_some());
    told.version = listed.then(|| fresh.into_iter().collect::<Vec<_>>().join(" "));
}

fn names(version: &str) -> BTreeSet<&str> {
    version.split(' ').collect()
}

/// Returns whether a poll at `looked_at` may have missed a heartbeat whose period ended at `ended`.
fn is_fresh(ended: i64, looked_at: Timestamp) -> bool {
    ended > (looked_at.as_second() - LATE) * 1_000_000
}

/// The heartbeat of a row.
struct HeartbeatKey {
    /// A short digest of instance and period.
    name: String,
    /// End of the period, microseconds since 1970.
    ended: i64,
}

/// Returns the heartbeat of each row.
fn beats(batch: &RowBatch) -> Vec<HeartbeatKey> {
    let (
        Some(ColumnValues::Text(ids)),
        Some(ColumnValues::Timestamp(begins)),
        Some(ColumnValues::Int(periods)),
    ) = (batch.column("instance_id"), batch.column("observed_at"), batch.column("period_seconds"))
    else {
        unreachable!("the columns have the types of their dataset");
    };
    let beat = |row: usize| {
        let (begins, seconds) = (begins[row].unwrap_or_default(), periods[row].unwrap_or_default());
        let text = format!("{} {begins} {seconds}", ids.get(row).unwrap_or_default());
        let digest = Sha256::digest(text.as_bytes());
        let name = domain::hex(&digest[..8]);
        HeartbeatKey { name, ended: begins.saturating_add(seconds.saturating_mul(1_000_000)) }
    };
    (0..batch.len()).map(beat).collect()
}

#[cfg(test)]
mod tests {
    use catalog::Value;
    use catalog::ports::{Gap, HEARTBEATS, ScopeOutcome};

    use super::*;

    fn at(minute: i64, second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minute * 60 + second).unwrap()
    }

    /// Returns a row of an instance's heartbeat whose period ended at `ended`.
    fn row(id: &str, ended: Timestamp) -> Vec<Value> {
        let begins = Timestamp::from_second(ended.as_second() - 900).unwrap();
        let text = |text: &str| Value::from(text);
        let mut row = vec![text("1"), text("r"), text(id), text("cpu"), text("percent"), text("average")];
        row.extend([Value::Int(900), begins.into(), Value::Float(1.0), text("spawnd")]);
        row
    }

    /// Runs a poll that finds these heartbeats. Returns the number of new rows and the poll's log
    /// row.
    fn poll(
        looked_at: Timestamp,
        found: &[(&str, Timestamp)],
        before: Option<&RunLogRow>,
        gaps: &[Gap],
    ) -> (usize, RunLogRow) {
        let dataset = catalog::dataset("utilization").unwrap();
        let mut told = ScopeReport {
            dataset,
            scope: "1/r".into(),
            source: HEARTBEATS.into(),
            version: None,
            observed_from: looked_at,
            observed_at: looked_at,
            outcome: ScopeOutcome::Partial,
            rows: found.len() as u64,
            gaps: gaps.to_vec(),
        };
        let rows = found.iter().map(|(id, ended)| row(id, *ended)).collect();
        let mut batches = vec![RowBatch::of(dataset, rows).unwrap()];
        drop_known_heartbeats(&mut told, &mut batches, before);
        (batches.iter().map(RowBatch::len).sum(), told.to_log_row("r"))
    }

    #[test]
    fn keeps_each_heartbeat_once_over_several_polls() {
        let (old, early, late) = (("i-1", at(0, 0)), ("i-2", at(9, 30)), ("i-3", at(9, 59)));
        let (new, first) = poll(at(10, 0), &[old, early], None, &[]);
        assert_eq!(new, 2);
        // Complete before the first poll, and visible only after it.
        let (new, second) = poll(at(10, 5), &[old, early, late], Some(&first), &[]);
        assert_eq!(new, 1);
        let (new, third) = poll(at(10, 10), &[old, early, late], Some(&second), &[]);
        assert_eq!(new, 0);
        let (new, _) = poll(at(30, 0), &[old, early, late, ("i-3", at(25, 0))], Some(&third), &[]);
        assert_eq!(new, 1);
    }

    #[test]
    fn keeps_all_heartbeats_after_a_poll_that_could_not_list_instances() {
        let found = [("i-1", at(0, 0))];
        let action = "ec2:DescribeInstances";
        let gap = Gap::of_call(action, "no-answer", format!("{action}: no answer in time"));
        let (_, unlisted) = poll(at(10, 0), &[], None, &[gap]);
        assert_eq!(poll(at(20, 0), &found, Some(&unlisted), &[]).0, 1);
        let (_, unread) = poll(at(10, 0), &[], None, &["the heartbeat of i-9 cannot be read: …".into()]);
        assert_eq!(poll(at(20, 0), &found, Some(&unread), &[]).0, 0);
    }

    #[test]
    fn keeps_a_heartbeat_that_ends_in_the_future_once() {
        let found = [("i-1", at(9_000, 0))];
        let (new, first) = poll(at(10, 0), &found, None, &[]);
        assert_eq!((new, poll(at(20, 0), &found, Some(&first), &[]).0), (1, 0));
    }
}
