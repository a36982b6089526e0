//! Programs killed at random instants: the lake shows the state before or the state after, and the
//! next run completes.
//!
//! `MYCELIUM_LONG=1` kills more often. `MYCELIUM_KILLS_SEED` with the printed seed repeats which
//! programs are killed, but not at which of their instructions.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tests::{Desk, is_long_run};

use crate::snapshot::Mirror;
use crate::storage::{files, lake, write_history_rows};

/// Number of kills, in a sample and in full.
const KILLS_OF_SAMPLE: u64 = 30;
const KILLS: u64 = 200;

/// Rows of a file, and how many of them the file before it has too.
const ROWS: i64 = 150;
const AGAIN: i64 = 50;

/// Visible rows: zone, hour, price.
type Rows = BTreeSet<String>;

/// Pseudo-random numbers (xorshift).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

struct World {
    desk: Desk,
    files: Vec<(PathBuf, Rows)>,
    /// Serves the list that a snapshot fetches. All figures of a list are equal, and each list has
    /// another figure.
    mirror: Mirror,
    listed: usize,
}

/// Number of regions and types in the list.
const REGIONS: usize = 5;
const TYPES: usize = 40;

const LIST: &str = "/spot-bid-advisor.s3.amazonaws.com/spot-advisor-data.json";

/// Returns the list with this figure everywhere. The blanks give each list its own length, and so
/// its own ETag.
fn list(figure: usize) -> String {
    let types: Vec<String> =
        (0..TYPES).map(|at| format!("\"m{at}i.large\": {{\"s\": {figure}, \"r\": 1}}")).collect();
    let region = |at: usize| format!("\"us-west-{at}\": {{\"Linux\": {{{}}}}}", types.join(", "));
    let regions: Vec<String> = (1..=REGIONS).map(region).collect();
    format!(
        "{{\"ranges\": [{{\"index\": 1, \"label\": \"5-10%\"}}],{} \"spot_advisor\": {{{}}}}}",
        " ".repeat(figure),
        regions.join(", ")
    )
}

/// Hours relative to 2026-01-01. Pruning to one day removes old rows; rows ahead of every clock
/// stay.
const OLD: i64 = -20 * 365 * 24;
const AHEAD: i64 = 60 * 365 * 24;

impl World {
    fn new() -> World {
        let mirror = Mirror::start(&[(LIST, list(0))]);
        let mut world = World { desk: Desk::default(), files: Vec::new(), mirror, listed: 0 };
        world.new_file();
        world
    }

    /// Writes one more file to import.
    fn new_file(&mut self) {
        let at = self.files.len() as i64;
        let first = at * (ROWS - AGAIN);
        let row = |n: i64| {
            let hour = n + if n / 2 % 2 == 0 { OLD } else { AHEAD };
            (hour, "us-east-1", ["use1-az1", "use1-az2"][(n % 2) as usize], (1 + n % 97) as f64 / 100.0)
        };
        let rows: Vec<_> = (first..first + ROWS).map(row).collect();
        let shown = rows.iter().map(|(hour, _, zone, price)| row_text(zone, *hour, *price)).collect();
        let rows: Vec<_> =
            rows.into_iter().map(|(at, region, zone, price)| (at, region, zone, price.into())).collect();
        let path = write_history_rows(&self.desk, &format!("{at}.parquet"), &rows);
        self.files.push((path, shown));
    }

    /// Publishes a list with another figure.
    fn new_list(&mut self) {
        self.listed += 1;
        self.mirror.replace(LIST, list(self.listed).into_bytes());
    }

    /// Returns the figure of the visible list, which must be complete; `None` before the first
    /// list.
    fn figure(&self) -> Option<usize> {
        let sql = "SELECT saving_percent, count(*) AS n FROM interruption GROUP BY ALL";
        let out = self.desk.truffle(&["query", sql, "-o", "csv", "-q"]).expect_success();
        let lines: Vec<&str> = out.lines().skip(1).collect();
        assert!(lines.len() < 2, "several lists are visible: {out}");
        let (figure, rows) = lines.first()?.split_once(',').unwrap();
        assert_eq!(rows.parse(), Ok(REGIONS * TYPES), "a list is incomplete");
        Some(figure.parse().unwrap())
    }

    /// Chooses a run that added rows, at random; without any such run, a reader runs instead.
    fn drop_some_run(&self, dice: &mut Dice) -> Deed {
        let sql = "SELECT DISTINCT run_id FROM spot_price ORDER BY run_id";
        let out = self.desk.truffle(&["query", sql, "-o", "csv", "-q"]).expect_success();
        let runs: Vec<&str> = out.lines().skip(1).collect();
        if runs.is_empty() {
            return Deed::Read;
        }
        let run = runs[dice.below(runs.len() as u64) as usize];
        Deed::Drop(run.into(), self.rows_where(&format!("run_id = '{run}'")))
    }

    /// Returns the visible rows.
    fn rows(&self) -> Rows {
        self.rows_where("true")
    }

    fn rows_where(&self, condition: &str) -> Rows {
        let sql = format!(
            "SELECT az_id, epoch(observed_at - TIMESTAMP '2026-01-01') / 3600 AS hour, price_per_hour \
             FROM spot_price WHERE {condition}"
        );
        let out = self.desk.truffle(&["query", &sql, "-o", "csv", "-q", "--limit", "0"]).expect_success();
        let lines: Vec<&str> = out.lines().skip(1).collect();
        let read = |text: &&str| {
            let cells: Vec<&str> = text.split(',').collect();
            row_text(cells[0], cells[1].parse::<f64>().unwrap() as i64, cells[2].parse().unwrap())
        };
        let rows: Rows = lines.iter().map(read).collect();
        assert_eq!(rows.len(), lines.len(), "an observation is stored twice");
        rows
    }

    fn command_line(&self, deed: &Deed) -> (&'static str, Vec<String>) {
        let words: &[&str] = match deed {
            Deed::Import(file) => {
                let path = self.files[*file].0.to_string_lossy().into_owned();
                return ("collector", vec!["import".into(), "spot-history".into(), path]);
            }
            Deed::Snapshot => &["snapshot", "interruption"],
            Deed::Compact => &["compact"],
            Deed::Prune => &["prune", "--keep", "1d"],
            Deed::Drop(run, _) => &["drop", run],
            Deed::Read => return ("truffle", vec!["status".into()]),
        };
        ("collector", words.iter().map(|word| word.to_string()).collect())
    }

    /// Starts a program and kills it after some milliseconds. Returns true if it had already ended.
    fn kill(&self, deed: &Deed, after: u64) -> bool {
        let (program, words) = self.command_line(deed);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut command = self.desk.command(program, &words);
        command.env("MYCELIUM_MIRROR", &self.mirror.url);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(after));
        child.kill().unwrap();
        child.wait().unwrap().code().is_some()
    }

    fn run(&self, deed: &Deed) {
        let (program, words) = self.command_line(deed);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut command = self.desk.command(program, &words);
        tests::run_command(command.env("MYCELIUM_MIRROR", &self.mirror.url)).expect_success();
    }

    /// Returns the rows that a complete step makes of these rows.
    fn rows_after(&self, deed: &Deed, rows: &Rows) -> Rows {
        match deed {
            Deed::Import(file) => rows.union(&self.files[*file].1).cloned().collect(),
            Deed::Snapshot | Deed::Compact | Deed::Read => rows.clone(),
            Deed::Drop(_, gone) => rows.difference(gone).cloned().collect(),
            Deed::Prune => {
                let newest = |zone: &str| {
                    let old = rows.iter().filter(|row| row.starts_with(zone) && !row.contains(" +"));
                    old.max().cloned()
                };
                let held: Vec<String> =
                    ["use1-az1", "use1-az2"].iter().filter_map(|zone| newest(zone)).collect();
                rows.iter().filter(|row| row.contains(" +") || held.contains(row)).cloned().collect()
            }
        }
    }

    /// Checks the digests of all visible files, which no kill may change.
    fn check(&self) {
        if let Some(pinned) = lake::PinnedManifest::newest(&lake(&self.desk)).unwrap() {
            let wrong = lake::damaged_files(&lake(&self.desk), &pinned.manifest);
            assert_eq!(wrong, Vec::new());
        }
    }
}

/// Returns a row as text. The old rows of a zone sort by their instants; the others have a plus.
fn row_text(zone: &str, hour: i64, price: f64) -> String {
    if hour < 0 {
        format!("{zone} {:09} {price}", hour - 2 * OLD)
    } else {
        format!("{zone} +{hour:09} {price}")
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Deed {
    Import(usize),
    Snapshot,
    Compact,
    Prune,
    /// Drops a run that added rows, which are these.
    Drop(String, Rows),
    /// A reader that builds the warehouse of a new manifest.
    Read,
}

/// Chooses the next step at random. An import takes a new file or the newest one again.
fn next_step(dice: &mut Dice, world: &mut World) -> Deed {
    match dice.below(15) {
        0..=2 => {
            world.new_file();
            Deed::Import(world.files.len() - 1)
        }
        3 => Deed::Import(world.files.len() - 1),
        4..=6 => Deed::Compact,
        7 => Deed::Prune,
        8..=10 => {
            world.new_list();
            Deed::Snapshot
        }
        11..=12 => world.drop_some_run(dice),
        _ => Deed::Read,
    }
}

/// The longest time that each kind of program runs before its kill, in milliseconds. It grows after
/// a kill and shrinks after a run that ended by itself. So the kills spread over the whole run on
/// any machine.
struct Lives([u64; 6]);

impl Lives {
    fn limit_of(&mut self, deed: &Deed) -> &mut u64 {
        match deed {
            Deed::Import(_) => &mut self.0[0],
            Deed::Compact => &mut self.0[1],
            Deed::Prune => &mut self.0[2],
            Deed::Read => &mut self.0[3],
            Deed::Snapshot => &mut self.0[4],
            Deed::Drop(..) => &mut self.0[5],
        }
    }

    fn learn(&mut self, deed: &Deed, ended: bool) {
        let life = self.limit_of(deed);
        *life = if ended { (*life * 3 / 4).max(10) } else { *life * 11 / 10 + 1 };
    }
}

/// Returns the seed that an earlier run printed, or a new one.
pub(crate) fn seed() -> u64 {
    match std::env::var("MYCELIUM_KILLS_SEED") {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("MYCELIUM_KILLS_SEED is not a number: {text}")),
        Err(_) => RandomState::new().hash_one("seed"),
    }
}

#[test]
fn a_kill_loses_doubles_or_half_writes_no_row() {
    let seed = seed();
    println!("MYCELIUM_KILLS_SEED={seed}");
    let kills = if is_long_run() { KILLS } else { KILLS_OF_SAMPLE };
    let mut dice = Dice(seed | 1);
    let mut world = World::new();
    world.run(&Deed::Import(0));
    let mut rows = world.rows();
    assert_eq!(rows, world.files[0].1);
    let mut figure = world.figure();
    let (mut lives, mut killed, mut ended, mut changed) = (Lives([400; 6]), 0, 0, 0);
    while killed < kills {
        let deed = next_step(&mut dice, &mut world);
        let after = dice.below(*lives.limit_of(&deed));
        let came_to_its_end = world.kill(&deed, after);
        lives.learn(&deed, came_to_its_end);
        world.check();
        let (found, done) = (world.rows(), world.rows_after(&deed, &rows));
        assert!(
            found == rows || found == done,
            "kill {killed}, {deed:?}: neither the state before nor the one after"
        );
        let shown = world.figure();
        assert!(
            shown == figure || deed == Deed::Snapshot && shown == Some(world.listed),
            "kill {killed}, {deed:?}: {shown:?} after {figure:?}"
        );
        killed += u64::from(!came_to_its_end);
        ended += u64::from(came_to_its_end);
        changed += u64::from((found != rows || shown != figure) && !came_to_its_end);
        (rows, figure) = (found, shown);
    }
    println!("{killed} killed, {changed} of them after their commit; {ended} ended before their kill");
    // The next runs complete the work after all kills.
    let rest = [Deed::Snapshot, Deed::Compact, Deed::Read];
    for deed in (0..world.files.len()).rev().take(5).map(Deed::Import).chain(rest) {
        let done = world.rows_after(&deed, &rows);
        world.run(&deed);
        rows = world.rows();
        match deed {
            // Rows pruned from a run that is still in the log do not come back.
            Deed::Import(_) => assert!(rows.is_subset(&done)),
            _ => assert_eq!(rows, done),
        }
    }
    assert_eq!(world.figure(), Some(world.listed));
    world.check();
    let root = lake(&world.desk);
    let listed: BTreeSet<String> = lake::PinnedManifest::newest(&root)
        .unwrap()
        .unwrap()
        .manifest
        .files
        .into_iter()
        .map(|f| f.path)
        .collect();
    let there = files(&root.join("lake")).into_iter().map(|path| format!("lake/{path}")).collect();
    assert_eq!(listed, there, "the files of killed runs are removed");
}
