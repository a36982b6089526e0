//! Programs that are killed at any instant: what is visible is the state before or the state after, and the next
//! run completes. `MYCELIUM_KILLS=200` kills so often; the seed that is printed, in `MYCELIUM_KILLS_SEED`, repeats
//! which programs are killed, though not at which of their instructions.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tests::Desk;

use crate::storage::{files, history_of, lake};

/// Kills where nobody says how many.
const KILLS: u64 = 30;

/// Files to import, which overlap.
const FILES: usize = 6;

/// What a reader finds: zone, hour, price.
type Rows = BTreeSet<String>;

/// Numbers that look random (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

struct World {
    desk: Desk,
    files: Vec<(PathBuf, Rows)>,
}

/// Hours of 2026-01-01: what is old goes when a day is kept, and what lies ahead of every clock stays.
const OLD: i64 = -20 * 365 * 24;
const AHEAD: i64 = 60 * 365 * 24;

impl World {
    fn new() -> World {
        let desk = Desk::default();
        let file = |at: usize| {
            let hours = (0..400).map(|n| (n * 7 + at as i64 * 400) % 1600);
            let zone = |hour: i64| ["use1-az1", "use1-az2"][(hour % 2) as usize];
            let row = |hour: i64| {
                let instant = hour + if hour < 800 { OLD } else { AHEAD };
                (instant, "us-east-1", zone(hour), ((1 + hour % 97) as f64 / 100.0).into())
            };
            let rows: Vec<_> = hours.map(row).collect();
            let shown = rows
                .iter()
                .map(|(hour, _, zone, price)| line(zone, *hour, catalog::json_text(price).parse().unwrap()));
            let shown = shown.collect();
            (history_of(&desk, &format!("{at}.parquet"), &rows), shown)
        };
        let files = (0..FILES).map(file).collect();
        World { desk, files }
    }

    /// The rows that a reader is shown.
    fn rows(&self) -> Rows {
        let sql = "SELECT az_id, epoch(observed_at - TIMESTAMP '2026-01-01') / 3600 AS hour, price_per_hour FROM spot_price";
        let out = self.desk.truffle(&["query", sql, "-o", "csv", "-q", "--limit", "0"]).good();
        let lines: Vec<&str> = out.lines().skip(1).collect();
        let read = |text: &&str| {
            let cells: Vec<&str> = text.split(',').collect();
            line(cells[0], cells[1].parse::<f64>().unwrap() as i64, cells[2].parse().unwrap())
        };
        let rows: Rows = lines.iter().map(read).collect();
        assert_eq!(rows.len(), lines.len(), "an observation is there twice");
        rows
    }

    fn words(&self, deed: &Deed) -> (&'static str, Vec<String>) {
        let words: &[&str] = match deed {
            Deed::Import(file) => {
                let path = self.files[*file].0.to_string_lossy().into_owned();
                return ("collector", vec!["import".into(), "spot-history".into(), path]);
            }
            Deed::Compact => &["compact"],
            Deed::Prune => &["prune", "--keep", "1d"],
            Deed::Read => return ("truffle", vec!["status".into()]),
        };
        ("collector", words.iter().map(|word| word.to_string()).collect())
    }

    /// Starts a program and kills it so many milliseconds later; how long it ran, if it came to its end before.
    fn kill(&self, deed: &Deed, after: Duration) {
        let (program, words) = self.words(deed);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut command = self.desk.command(program, &words);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(after);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    fn run(&self, deed: &Deed) {
        let (program, words) = self.words(deed);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let command = &mut self.desk.command(program, &words);
        tests::ran(command).good();
    }

    /// What a deed makes of what was there.
    fn after(&self, deed: &Deed, rows: &Rows) -> Rows {
        match deed {
            Deed::Import(file) => rows.union(&self.files[*file].1).cloned().collect(),
            Deed::Compact | Deed::Read => rows.clone(),
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

    /// What must hold whatever was killed.
    fn check(&self) {
        if let Some(pinned) = lake::Pinned::newest(&lake(&self.desk)).unwrap() {
            let wrong = lake::check_digests(&lake(&self.desk), &pinned.manifest).unwrap();
            assert_eq!(wrong, Vec::<String>::new());
        }
    }
}

/// A row in an order in which the old ones of a zone stand by their instants, and the others have a plus.
fn line(zone: &str, hour: i64, price: f64) -> String {
    if hour < 0 {
        format!("{zone} {:09} {price}", hour - 2 * OLD)
    } else {
        format!("{zone} +{hour:09} {price}")
    }
}

#[derive(Debug, Clone)]
enum Deed {
    Import(usize),
    Compact,
    Prune,
    /// A reader that makes the warehouse of a new manifest.
    Read,
}

fn deed(dice: &mut Dice) -> Deed {
    match dice.below(10) {
        0..=3 => Deed::Import(dice.below(FILES as u64) as usize),
        4..=6 => Deed::Compact,
        7 => Deed::Prune,
        _ => Deed::Read,
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

#[test]
fn whatever_is_killed_nothing_is_lost_doubled_or_half_written() {
    let seed = number("MYCELIUM_KILLS_SEED").unwrap_or_else(|| RandomState::new().hash_one("seed"));
    println!("MYCELIUM_KILLS_SEED={seed}");
    let (kills, mut dice) = (number("MYCELIUM_KILLS").unwrap_or(KILLS), Dice(seed | 1));
    let world = World::new();
    world.run(&Deed::Import(0));
    let mut rows = world.rows();
    assert_eq!(rows, world.files[0].1);
    let begun = Instant::now();
    world.run(&Deed::Compact);
    // A program's whole life on this machine, so that instants are spread over all of it.
    let life = begun.elapsed().as_millis() as u64 * 3 / 2;
    let mut came_through = 0;
    for n in 0..kills {
        let deed = deed(&mut dice);
        world.kill(&deed, Duration::from_millis(dice.below(life.max(1))));
        world.check();
        let (found, done) = (world.rows(), world.after(&deed, &rows));
        assert!(
            found == rows || found == done,
            "kill {n}, {deed:?}: neither the state before nor the one after"
        );
        came_through += u64::from(found != rows);
        rows = found;
    }
    println!("{kills} kills; {came_through} of them came after the commit");
    // The next runs complete the work, whatever the killed ones left.
    for deed in (0..FILES).map(Deed::Import).chain([Deed::Compact, Deed::Read]) {
        let done = world.after(&deed, &rows);
        world.run(&deed);
        rows = world.rows();
        match deed {
            // What was pruned of a run that the log still shows stays away.
            Deed::Import(_) => assert!(rows.is_subset(&done)),
            _ => assert_eq!(rows, done),
        }
    }
    world.check();
    let root = lake(&world.desk);
    let listed: BTreeSet<String> =
        lake::Pinned::newest(&root).unwrap().unwrap().manifest.files.into_iter().map(|f| f.path).collect();
    let there = files(&root.join("lake")).into_iter().map(|path| format!("lake/{path}")).collect();
    assert_eq!(listed, there, "what the killed ones left is cleared away");
}
