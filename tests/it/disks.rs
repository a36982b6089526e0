//! Disks that are full or read-only: one clear message, and nothing published.

use std::process::Command;

use tests::{Desk, Ran};

use crate::storage::{import, lake, write_history};

/// Runs a shell script in its own mount namespace, with our programs in `$COLLECTOR` and `$TRUFFLE`
/// and the desk's lake in `$LAKE`. Returns `None` if this user cannot make a namespace.
fn run_in_namespace(desk: &Desk, script: &str) -> Option<Ran> {
    let can = Command::new("unshare").args(["--user", "--map-root-user", "--mount", "true"]).output();
    if !can.is_ok_and(|ran| ran.status.success()) {
        println!("skipped: this user cannot make a mount namespace");
        return None;
    }
    let mut command = Command::new("unshare");
    command
        .args(["--user", "--map-root-user", "--mount", "sh", "-euc", script])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", desk.home())
        .env("MYCELIUM_NOW", tests::NOW)
        .env("COLLECTOR", tests::executable_path("collector"))
        .env("TRUFFLE", tests::executable_path("truffle"))
        .env("LAKE", lake(desk))
        .current_dir(desk.home());
    Some(tests::run_command(&mut command))
}

const COUNT: &str = "\"$TRUFFLE\" query 'SELECT count(*) AS n FROM spot_price' -o csv -q";

#[test]
fn a_full_disk_publishes_nothing() {
    let desk = Desk::default();
    let small = write_history(&desk, "small.parquet", "use1-az1", 20);
    let large = write_history(&desk, "large.parquet", "use1-az2", 200_000);
    let script = format!(
        "mkdir -p \"$LAKE\"; mount -t tmpfs -o size=300k tmpfs \"$LAKE\"
        \"$COLLECTOR\" import spot-history {} -q -o csv >/dev/null
        \"$COLLECTOR\" import spot-history {} || echo \"exit $?\"
        dd if=/dev/zero of=\"$LAKE/lake/ballast\" bs=1k 2>/dev/null || true
        \"$COLLECTOR\" compact || echo \"exit $?\"
        rm \"$LAKE/lake/ballast\"
        {COUNT}; \"$COLLECTOR\" compact -q -o csv >/dev/null; {COUNT}",
        small.display(),
        large.display()
    );
    let Some(ran) = run_in_namespace(&desk, &script) else { return };
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.out.lines().collect::<Vec<_>>(), ["exit 1", "exit 1", "n", "20", "n", "20"], "{ran:?}");
    assert_eq!(ran.err.matches("No space left on device").count(), 2, "{ran:?}");
    assert_eq!(ran.err.matches("the failed run added nothing to the lake").count(), 2, "{ran:?}");
}

#[test]
fn a_lake_that_cannot_be_written_is_still_read() {
    let desk = Desk::default();
    import(&desk, &write_history(&desk, "a.parquet", "use1-az1", 20)).expect_success();
    let other = write_history(&desk, "b.parquet", "use1-az2", 20);
    let script = format!(
        "mount --bind \"$LAKE\" \"$LAKE\"; mount -o remount,bind,ro \"$LAKE\"
        \"$COLLECTOR\" import spot-history {} || echo \"exit $?\"
        \"$COLLECTOR\" compact || echo \"exit $?\"
        \"$COLLECTOR\" prune --keep 1d || echo \"exit $?\"
        {COUNT}",
        other.display()
    );
    let Some(ran) = run_in_namespace(&desk, &script) else { return };
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.out.lines().collect::<Vec<_>>(), ["exit 1", "exit 1", "exit 1", "n", "20"], "{ran:?}");
    assert_eq!(ran.err.matches("Read-only file system").count(), 3, "{ran:?}");
}
