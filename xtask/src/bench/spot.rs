//! A year of real spot prices: the cost of an import, the bytes of a price change in the lake, and
//! the time of questions about one type, also in lakes of 4 and 16 times the size.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::{BenchRun, RUNS, compare, line, time_command};
use crate::TaskError;

/// Name and words of a command that is timed.
pub(super) type TimedCommand<'w> = (&'static str, Vec<&'w str>);

/// Questions with their parameters: the latest price of a type everywhere, and a year of a type in
/// a region.
const QUESTIONS: [(&str, &str, &[&str]); 2] = [
    ("latest price of a type, everywhere", "spot/latest", &[]),
    ("a year of a type in a region", "spot/history", &["--param", "region=us-east-1"]),
];

/// The type of the questions, from the largest family.
const ASKED: &str = "type=m5.large";

/// The last day of the history.
const AS_OF: &str = "2023-12-31T00:00:00Z";

pub(super) struct SpotBench<'a> {
    bench: &'a BenchRun,
    history: &'a Path,
    lake: PathBuf,
}

impl<'a> SpotBench<'a> {
    /// Returns the measurements of a history, in a lake of its own.
    pub(super) fn new(bench: &'a BenchRun, history: &'a Path) -> SpotBench<'a> {
        SpotBench { bench, history, lake: bench.home.join("spot") }
    }
    /// Prints all measurements. With `growth` the lake grows to 16 times the history, which takes
    /// half an hour.
    pub(super) fn measure(bench: &'a BenchRun, history: &'a Path, growth: bool) -> Result<(), TaskError> {
        let spot = SpotBench::new(bench, history);
        spot.import("import of the history", history)?;
        spot.print_bytes_per_change("  a change, as imported")?;
        spot.compact()?;
        spot.print_bytes_per_change("  a change, compacted")?;
        spot.import_again()?;
        let sorted = spot.sorted()?;
        for question in QUESTIONS {
            let (ours, rival) = spot.ask(question, &sorted)?;
            line(question.0, ours, rival, "60 ms");
        }
        bench.group_by(&spot.lake, &spot.files()?, &sorted)?;
        if !growth {
            return Ok(());
        }
        let lake = spot.lake_text();
        let words = |(what, name, params): (&'static str, &'static str, &'static [&'static str])| {
            (what, spot.words(name, params, &lake))
        };
        spot.growth(&QUESTIONS.map(words), &[1, 4, 16])
    }

    /// Returns the folder of the lake.
    pub(super) fn lake_text(&self) -> String {
        self.lake.to_string_lossy().into_owned()
    }

    /// Imports a history, and prints how long it took.
    pub(super) fn import(&self, what: &str, file: &Path) -> Result<(), TaskError> {
        let words = ["import", "spot-history", "--lake", &self.lake_text(), "-o", "ndjson"];
        let mut command = self.bench.timed("collector");
        command.args(words).arg(file);
        let started = Instant::now();
        let (out, mib) = self.bench.peak(command)?;
        let took = started.elapsed().as_secs_f64();
        // The last line is the sum over the regions.
        let rows = number(out.lines().last().unwrap_or_default(), "rows_read")?;
        println!(
            "{what}: {rows:.0} rows in {took:.1} s, {:.0} per second, at most {mib:.0} MiB",
            rows / took
        );
        Ok(())
    }

    /// Compacts the lake, and prints how long it took.
    pub(super) fn compact(&self) -> Result<(), TaskError> {
        let mut command = self.bench.timed("collector");
        command.args(["compact", "--lake", &self.lake_text(), "-o", "ndjson"]);
        let started = Instant::now();
        let (_, mib) = self.bench.peak(command)?;
        println!("compaction: {:.1} s, at most {mib:.0} MiB", started.elapsed().as_secs_f64());
        Ok(())
    }

    /// Imports a month of the history again; the lake has all its rows.
    fn import_again(&self) -> Result<(), TaskError> {
        let month = self.bench.home.join("month.parquet");
        self.copy(
            &format!(
                "SELECT * FROM read_parquet('{}') WHERE observed_at >= '2023-11-01' AND observed_at < '2023-12-01'",
                self.history.display()
            ),
            &month,
        )?;
        self.import("import of a month of it again", &month)
    }

    /// Reads the newest manifest.
    fn manifest(&self) -> Result<String, TaskError> {
        let newest = fs::read_to_string(self.lake.join("CURRENT")).map_err(|e| e.to_string())?;
        let manifest = self.lake.join("manifest").join(format!("{}.json", newest.trim()));
        fs::read_to_string(manifest).map_err(|e| e.to_string())
    }

    /// Returns the files of the spot prices.
    fn files(&self) -> Result<Vec<PathBuf>, TaskError> {
        let text = self.manifest()?;
        let paths = text.split("\"path\": \"").skip(1).filter_map(|rest| rest.split('"').next());
        Ok(paths
            .filter(|path| path.starts_with("lake/spot_price/"))
            .map(|path| self.lake.join(path))
            .collect())
    }

    /// Prints the bytes per price change in the lake.
    fn print_bytes_per_change(&self, what: &str) -> Result<(), TaskError> {
        let text = self.manifest()?;
        let (mut rows, mut bytes, mut files) = (0.0, 0.0, 0);
        for file in text.split("\"dataset\": ").filter(|part| part.starts_with("\"spot_price\"")) {
            rows += number(file, "rows")?;
            bytes += number(file, "bytes")?;
            files += 1;
        }
        println!("{what}: {:.2} bytes, {files} files, {:.1} MB; bar 4 bytes", bytes / rows, bytes / 1e6);
        Ok(())
    }

    /// Writes the same rows as one sorted file, with DuckDB alone.
    fn sorted(&self) -> Result<PathBuf, TaskError> {
        let path = self.bench.home.join("sorted.parquet");
        let rows = format!(
            "SELECT observed_at, instance_type, region, az_id, 'linux' AS product, \
             CAST(spot_usd AS DECIMAL(18,10)) AS price_per_hour, 'USD' AS currency \
             FROM read_parquet('{}') ORDER BY instance_type, az_id, observed_at",
            self.history.display()
        );
        self.copy(&rows, &path)?;
        Ok(path)
    }

    fn copy(&self, rows: &str, to: &Path) -> Result<(), TaskError> {
        let copy = format!("COPY ({rows}) TO '{}' (FORMAT parquet, COMPRESSION zstd)", to.display());
        let statements = self.bench.home.join("copy.sql");
        fs::write(&statements, copy).map_err(|e| e.to_string())?;
        time_command(&mut self.bench.raw(Path::new(":memory:"), &statements)).map(|_| ())
    }

    fn words<'w>(&self, name: &'w str, params: &[&'w str], lake: &'w str) -> Vec<&'w str> {
        let asked = ["query", name, "--as-of", AS_OF, "--lake", lake, "-o", "csv", "-q", "--limit", "0"];
        [&asked[..], &["--param", ASKED], params].concat()
    }

    /// Returns medians, milliseconds: ours, and DuckDB's alone on one sorted file.
    fn ask(&self, (_, name, params): (&str, &str, &[&str]), sorted: &Path) -> Result<(f64, f64), TaskError> {
        let lake = self.lake_text();
        let words = self.words(name, params, &lake);
        // The first run publishes the warehouse of the newest manifest.
        time_command(&mut self.bench.truffle(&words))?;
        let statements = self.bench.home.join("spot.sql");
        fs::write(&statements, with_literals(name, sorted)?).map_err(|e| e.to_string())?;
        let nowhere = PathBuf::from(":memory:");
        compare(RUNS, || self.bench.truffle(&words), || self.bench.raw(&nowhere, &statements))
    }

    /// Measures the same commands while the lake grows by copies of the history under other family
    /// names. `sizes` are the sizes of the lake at which they are measured, in histories.
    pub(super) fn growth(&self, asked: &[TimedCommand<'_>], sizes: &[usize]) -> Result<(), TaskError> {
        let mut first = vec![0.0; asked.len()];
        let mut copies = 1;
        for times in sizes {
            let grows = copies < *times;
            while copies < *times {
                let copy = self.bench.home.join("copy.parquet");
                let renamed = format!(
                    "SELECT * REPLACE (replace(instance_type, '.', 'copy{copies}.') AS instance_type) \
                     FROM read_parquet('{}')",
                    self.history.display()
                );
                self.copy(&renamed, &copy)?;
                self.import(&format!("  copy {copies}"), &copy)?;
                copies += 1;
            }
            if grows {
                self.compact()?;
            }
            for ((what, words), first) in asked.iter().zip(&mut first) {
                let took = self.bench.median_time(words)?;
                if !grows {
                    *first = took;
                }
                println!("{times:>2}×: {what}: {took:.1} ms, {:.2} times the first; bar 1.3", took / *first);
            }
        }
        Ok(())
    }
}

/// Returns a question over one file, with its parameters as literals, for DuckDB alone.
fn with_literals(name: &str, sorted: &Path) -> Result<String, TaskError> {
    let path = crate::root().join("queries").join(format!("{name}.sql"));
    let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(text
        .replace("FROM spot_price", &format!("FROM read_parquet('{}')", sorted.display()))
        .replace("$type", &format!("'{}'", ASKED.trim_start_matches("type=")))
        .replace("$product", "'linux'")
        .replace("$region", "'us-east-1'")
        .replace("$days", "365")
        .replace("$as_of", "TIMESTAMP '2023-12-31'"))
}

/// Returns the first number of that name in a JSON text.
fn number(text: &str, name: &str) -> Result<f64, TaskError> {
    let missing = || format!("no number \"{name}\" in {text}");
    let after = text.split(&format!("\"{name}\":")).nth(1).ok_or_else(missing)?.trim_start();
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().map_err(|_| missing())
}
