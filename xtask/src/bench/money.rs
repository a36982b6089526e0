//! The figures of prices and commitments on real data: outlook, choice of a region, interruption
//! rates, the time of whole processes, commitments, and the growth of the lake, which comes last
//! because it takes ten minutes. A part without its data is skipped.

use std::fs;
use std::path::{Path, PathBuf};

use super::spot::{SpotBench, TimedCommand};
use super::{BenchRun, DATA, build, data_file, time_command};
use crate::{TaskError, cargo, root, run as run_command};

/// The history of spot prices in the folder.
const HISTORY: &str = "spot-history/aws_linux_2022-12_2023-12.parquet";

/// The spot advisor's files, by the day of their statement.
const ADVISOR: [(&str, &str); 3] = [
    ("2021-02-10", "spotinfo_2021-02-10.json"),
    ("2024-02-28", "bamboo_2024-02-28.json"),
    ("2025-06-28", "spotinfo_2025-06-28.json"),
];

/// Pairs of these statements, with their distance in days.
const ADVISOR_PAIRS: [(usize, usize, u32); 3] = [(1, 2, 486), (0, 1, 1113), (0, 2, 1599)];

/// Measures with the data of a folder, by default `../shared/data`.
pub(super) fn run(words: &[&str]) -> Result<(), TaskError> {
    let data = match words {
        [] => root().join(DATA),
        [folder] => PathBuf::from(folder),
        _ => return Err("expected: cargo xtask bench money [FOLDER]".into()),
    };
    build()?;
    let example = ["build", "--release", "--quiet", "-p", "analysis", "--example", "money"];
    run_command(cargo().args(example).current_dir(root()))?;
    let money = MoneyBench { bench: BenchRun::new()?, data };
    // Every part is measured, also after one that fails.
    let parts = [
        money.history(),
        money.advisor(),
        money.seed_times(),
        super::commitment::run(&[], &money.data),
        money.growth(),
    ];
    parts.into_iter().collect()
}

struct MoneyBench {
    bench: BenchRun,
    data: PathBuf,
}

impl MoneyBench {
    /// Measures everything on the history of spot prices.
    fn history(&self) -> Result<(), TaskError> {
        let Some(history) = data_file(&self.data, "spot prices", HISTORY) else { return Ok(()) };
        let weeks = self.weeks(&history)?;
        let examples = ["outlook", "arbitrage"].map(|part| {
            println!("\n## {part}\n");
            run_command(self.bench.program("examples/money").arg(part).arg(&weeks))
        });
        let spot = SpotBench::new(&self.bench, &history);
        println!("\n## time of whole processes\n");
        spot.import("import of the history", &history)?;
        spot.compact()?;
        for (what, words) in spot_commands(&spot.lake_text()) {
            self.print_time(what, &words, 100.0)?;
        }
        examples.into_iter().collect()
    }

    /// Times the commands again in a lake of 16 times the history, which [`MoneyBench::history`]
    /// has imported.
    fn growth(&self) -> Result<(), TaskError> {
        let Some(history) = data_file(&self.data, "lake x16", HISTORY) else { return Ok(()) };
        println!("\n## a lake of 16 times the history\n");
        let spot = SpotBench::new(&self.bench, &history);
        spot.growth(&spot_commands(&spot.lake_text()), &[1, 16])
    }

    /// Writes the last price of each series and week, with DuckDB alone. Week 0 ends on 2022-12-11.
    fn weeks(&self, history: &Path) -> Result<PathBuf, TaskError> {
        let path = self.bench.home.join("weeks.csv");
        let week = "CAST(floor(date_diff('second', TIMESTAMP '2022-12-04', observed_at) / 604800.0) AS INT)";
        let copy = format!(
            "COPY (SELECT instance_type, region, az_id, {week} AS week, arg_max(spot_usd, observed_at) AS price \
             FROM read_parquet('{}') GROUP BY ALL ORDER BY instance_type, az_id, week) \
             TO '{}' (FORMAT csv, HEADER false)",
            history.display(),
            path.display()
        );
        let statements = self.bench.home.join("weeks.sql");
        fs::write(&statements, copy).map_err(|e| e.to_string())?;
        time_command(&mut self.bench.raw(Path::new(":memory:"), &statements))?;
        Ok(path)
    }

    /// Times the commands that need only the seed.
    fn seed_times(&self) -> Result<(), TaskError> {
        let output = ["-o", "json", "-q"];
        self.print_time("price, on the seed", &[&["price", "m5.large"][..], &output].concat(), 60.0)?;
        self.print_time("arbitrage, on the seed", &[&["arbitrage", "m5.large"][..], &output].concat(), 60.0)
    }

    fn print_time(&self, what: &str, words: &[&str], bar: f64) -> Result<(), TaskError> {
        println!("{what}: {:.1} ms, bar {bar:.0} ms", self.bench.median_time(words)?);
        Ok(())
    }

    /// Imports the spot advisor's files, and prints how many interruption rates stayed.
    fn advisor(&self) -> Result<(), TaskError> {
        for (earlier, later, days) in ADVISOR_PAIRS {
            // Each pair has a lake of its own, because the question takes the nearest pairs.
            let lake = self.bench.home.join(format!("advisor-{days}")).to_string_lossy().into_owned();
            for (day, name) in [ADVISOR[earlier], ADVISOR[later]] {
                let found = data_file(&self.data, "interruption rates", &format!("spot-advisor/{name}"));
                let Some(file) = found else { return Ok(()) };
                let mut command = self.bench.program("collector");
                command
                    .args(["import", "spot-advisor", "--observed-at", day, "--lake", &lake, "-q"])
                    .arg(file);
                time_command(&mut command)?;
            }
            println!("\nInterruption rates that stayed, statements {days} days apart:");
            let days = format!("days={days}");
            let mut query = self.bench.truffle(&["query", "spot/band-stays", "--param", &days]);
            run_command(query.args(["--lake", &lake, "-o", "table", "-q"]))?;
        }
        Ok(())
    }
}

/// Returns the commands over the whole history.
fn spot_commands(lake: &str) -> [TimedCommand<'_>; 2] {
    let as_of = ["--as-of", "2023-12-31", "--lake", lake, "-o", "json", "-q"];
    let year = ["spot", "m5.large", "--region", "all", "--days", "365", "--ceiling", "0.05"];
    let best = ["arbitrage", "m5.large", "--market", "spot"];
    [
        ("a year under a ceiling, 22 regions", [&year[..], &as_of].concat()),
        ("arbitrage of spot, 22 regions", [&best[..], &as_of].concat()),
    ]
}
