//! Shared code of the targets for foreign files.

use feeds::{Completeness, FeedContext, FeedKind};

/// Parses bytes as a file of this kind. The result is rows or an error. Panics unless as many rows
/// are handed over as the reports count.
pub fn feed(kind: FeedKind, bytes: &[u8]) {
    let context = FeedContext {
        source: "file",
        modified: None,
        // Later than any date in the seeds.
        now: domain::Timestamp::from_second(4_102_444_800).expect("the year 2100"),
        whole: Completeness::Unsaid { sealed: true },
        in_force: None,
        account: None,
    };
    let mut handed_over = 0;
    let spoken = feeds::read(kind, &mut &*bytes, &context, &mut |batch| {
        handed_over += batch.len() as u64;
        Ok(())
    });
    if let Ok(spoken) = spoken {
        assert_eq!(spoken.iter().map(|scope| scope.rows).sum::<u64>(), handed_over);
        assert!(spoken.iter().all(|scope| scope.observed_from <= scope.observed_at || scope.rows == 0));
    }
    feeds::detect_kind(bytes);
}
