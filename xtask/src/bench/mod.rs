//! Measurements, printed as ratios against DuckDB alone, which does the same work in the same run.

mod bill_imports;
mod bills;
mod commitment;
mod imports;
mod money;
mod needs;
mod offers;
mod recommend;
mod spawn;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use crate::{TaskError, cargo, root, run as run_command};

mod spot;

/// Runs of each command; their median is printed. Our command and the rival's alternate.
const RUNS: usize = 41;

/// The folder of real data, which is not part of the repository.
const DATA: &str = "../shared/data";

/// Runs of the large query.
const LARGE_RUNS: usize = 11;

/// The measurements that the arguments select.
struct BenchPlan {
    history: Option<PathBuf>,
    /// Also measure lakes of 4 and 16 times the history.
    growth: bool,
    /// Size of the invented price lists, MB.
    megabytes: u64,
    /// Lines of the invented bill of a month.
    rows: u64,
    imports_only: bool,
}

impl BenchPlan {
    fn read(words: &[&str]) -> Result<BenchPlan, TaskError> {
        let mut plan =
            BenchPlan { history: None, growth: false, megabytes: 450, rows: 5_000_000, imports_only: false };
        let expected = "expected: cargo xtask bench [sandbox | lifecycle | models | anomalies | commitment \
                        | money | recommend \
                        | --imports [--offer-megabytes N] \
                        [--bill-rows N] | --spot-history FILE [--growth]]";
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(expected);
            match *word {
                "--spot-history" => plan.history = Some(PathBuf::from(value()?)),
                "--offer-megabytes" => plan.megabytes = value()?.parse().map_err(|_| expected)?,
                "--bill-rows" => plan.rows = value()?.parse().map_err(|_| expected)?,
                "--growth" => plan.growth = true,
                "--imports" => plan.imports_only = true,
                _ => return Err(expected.into()),
            }
        }
        Ok(plan)
    }
}

/// Measures, and prints the table.
pub(crate) fn run(words: &[&str]) -> Result<(), TaskError> {
    if words == ["sandbox"] {
        return crate::sandbox_load::run();
    }
    if words == ["lifecycle"] {
        return bench_lifecycle();
    }
    if let ["models" | "anomalies", arguments @ ..] = words {
        return bench_analysis(words[0], arguments);
    }
    if let ["commitment", arguments @ ..] = words {
        return commitment::run(arguments, &root().join(DATA));
    }
    if let ["money", arguments @ ..] = words {
        return money::run(arguments);
    }
    if let ["recommend", arguments @ ..] = words {
        // Both are measured, also if the first one fails.
        let parts = [needs::run(arguments), recommend::run(arguments)];
        return parts.into_iter().collect();
    }
    let plan = BenchPlan::read(words)?;
    build()?;
    let bench = BenchRun::new()?;
    if plan.imports_only {
        return bench.imports(plan.megabytes, plan.rows);
    }
    println!("{:<34} {:>9} {:>9} {:>7}  bar", "measured (median, whole process)", "ours", "rival", "ratio");
    bench.search()?;
    bench.memory()?;
    bench.spawn()?;
    match plan.history {
        Some(path) => spot::SpotBench::measure(&bench, &path, plan.growth)?,
        None => println!("spot history: skipped, --spot-history FILE is missing"),
    }
    crate::sandbox_load::run()
}

/// Runs a million random steps of the lifecycle and checks every invariant after each. The test
/// prints the steps per second.
fn bench_lifecycle() -> Result<(), TaskError> {
    let test = ["--test", "invariants", "a_million_steps_keep_the_invariants"];
    let words = ["test", "--release", "--quiet", "-p", "lifecycle"];
    run_command(cargo().args(words).args(test).args(["--", "--nocapture"]).current_dir(root()))
}

/// Runs an example of `analysis`: `models` measures forecasts of generated bills and, with `--m4
/// FOLDER`, of the series of the M4 competition; `anomalies` measures the detection of anomalies,
/// and `commitment` the losses of commitments that their past predicts.
fn bench_analysis(example: &str, arguments: &[&str]) -> Result<(), TaskError> {
    let words = ["run", "--release", "--quiet", "-p", "analysis", "--example", example, "--"];
    run_command(cargo().args(words).args(arguments).current_dir(root()))
}

fn build() -> Result<(), TaskError> {
    run_command(
        cargo().args(["build", "--release", "--quiet", "-p", "app", "-p", "mycelium"]).current_dir(root()),
    )?;
    run_command(
        cargo()
            .args(["build", "--release", "--quiet", "-p", "warehouse", "--example", "raw"])
            .current_dir(root()),
    )
}

struct BenchRun {
    release: PathBuf,
    home: PathBuf,
}

impl BenchRun {
    fn new() -> Result<BenchRun, TaskError> {
        let target = std::env::var("CARGO_TARGET_DIR").map_or_else(|_| root().join("target"), PathBuf::from);
        // One measurement can be a part of another one, and each removes its own folder.
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let (process, number) = (std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let home = std::env::temp_dir().join(format!("mycelium-bench-{process}-{number}"));
        fs::create_dir_all(&home).map_err(|e| format!("{}: {e}", home.display()))?;
        Ok(BenchRun { release: target.join("release"), home })
    }

    fn program(&self, name: &str) -> Command {
        self.alone(Command::new(self.release.join(name)))
    }

    /// Returns the command with its own home folder, apart from the developer's lake and settings.
    fn alone(&self, mut command: Command) -> Command {
        command.env("HOME", &self.home).stdin(Stdio::null());
        for variable in ["MYCELIUM_LAKE", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
            command.env_remove(variable);
        }
        command
    }

    fn truffle(&self, words: &[&str]) -> Command {
        let mut command = self.program("truffle");
        command.args(words);
        command
    }

    /// Returns the median time of a command of truffle, milliseconds. A run before publishes the
    /// warehouse.
    fn median_time(&self, words: &[&str]) -> Result<f64, TaskError> {
        time_command(&mut self.truffle(words))?;
        let times: Result<Vec<f64>, TaskError> =
            (0..RUNS).map(|_| time_command(&mut self.truffle(words))).collect();
        Ok(median(times?))
    }

    /// Returns a command of DuckDB's library alone, which opens the file and runs the statements.
    fn raw(&self, file: &Path, statements: &Path) -> Command {
        let mut command = self.program("examples/raw");
        command.arg(file).arg(statements);
        command
    }

    fn search(&self) -> Result<(), TaskError> {
        let search = ["search", "gpu", "--max-price=10", "-o", "json"];
        // The first run unpacks the seed and publishes the warehouse.
        time_command(&mut self.truffle(&search))?;
        let statements = self.home.join("search.sql");
        fs::write(&statements, self.search_statements()?).map_err(|e| e.to_string())?;
        let warehouse = self.published(&self.home.join(".cache/mycelium/warehouse/seed"))?;
        let (ours, rival) = compare(RUNS, || self.truffle(&search), || self.raw(&warehouse, &statements))?;
        line("truffle search gpu --max-price=10", ours, rival, "40 ms, 1.5");
        Ok(())
    }

    /// Returns the statements of a search, with their parameters as literals.
    fn search_statements(&self) -> Result<String, TaskError> {
        let mut all = String::new();
        for name in ["instance/facts", "offering/zones", "price/current", "data/runs"] {
            let path = root().join("queries").join(format!("{name}.sql"));
            let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
            let text = text
                .replace("$regions", "'us-east-1'")
                .replace("$scopes", "'us-east-1'")
                .replace("$dataset", "'all'")
                .replace("$os", "'linux'")
                .replace("$as_of", "CAST(now() AS TIMESTAMP)");
            all.push_str(&text);
            all.push_str(";\n");
        }
        Ok(all)
    }

    fn published(&self, folder: &Path) -> Result<PathBuf, TaskError> {
        let mut entries = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?.flatten();
        entries
            .next()
            .map(|entry| entry.path())
            .ok_or_else(|| format!("{} contains no warehouse", folder.display()))
    }

    fn memory(&self) -> Result<(), TaskError> {
        let mut search = self.timed("truffle");
        search.args(["search", "gpu", "--max-price=10", "-o", "json"]);
        let (_, mib) = self.peak(search)?;
        println!("{:<34} {mib:>6.1} MiB {:>19}  120 MB", "  its peak memory", "");
        Ok(())
    }

    /// Returns a command for [`BenchRun::peak`], which runs one of our programs. The caller adds
    /// its arguments.
    fn timed(&self, name: &str) -> Command {
        // The kernel counts a child's peak resident size, and Python can read it.
        let ask = "import resource,subprocess,sys\n\
                   done=subprocess.run(sys.argv[1:],stdout=subprocess.PIPE,stderr=subprocess.DEVNULL,check=True)\n\
                   sys.stdout.buffer.write(done.stdout)\n\
                   print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";
        let mut command = self.alone(Command::new("python3"));
        command.args(["-c", ask]).arg(self.release.join(name));
        command
    }

    /// Runs a command of [`BenchRun::timed`]. Returns its output and its peak memory, MiB.
    fn peak(&self, mut command: Command) -> Result<(String, f64), TaskError> {
        let output = command.output().map_err(|e| format!("cannot start python3: {e}"))?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_string();
        let (said, kib) = text.rsplit_once('\n').unwrap_or(("", &text));
        let kib: f64 = kib.parse().map_err(|_| format!("{command:?} failed: {}", output.status))?;
        Ok((said.into(), kib / 1024.0))
    }

    /// Measures user SQL over all prices of a lake, against DuckDB over the same files, and over
    /// one file of the same rows.
    fn group_by(&self, lake: &Path, files: &[PathBuf], sorted: &Path) -> Result<(), TaskError> {
        let lake_text = lake.to_string_lossy().into_owned();
        let sql = "SELECT instance_type, region, count(*) AS n, avg(price_per_hour) AS mean, min(price_per_hour) AS low \
                   FROM spot_price GROUP BY instance_type, region ORDER BY n DESC, instance_type, region LIMIT 10";
        let words = ["query", sql, "--lake", &lake_text, "-o", "csv"];
        time_command(&mut self.truffle(&words))?;
        let rivals: [(&str, &[PathBuf]); 2] = [
            ("GROUP BY over 18 million changes", files),
            ("  against one sorted file", &[sorted.to_path_buf()]),
        ];
        for (what, files) in rivals {
            let names: Vec<String> = files.iter().map(|file| format!("'{}'", file.display())).collect();
            let read = format!("read_parquet([{}], hive_partitioning = false) ", names.join(", "));
            let statements = self.home.join("group-by.sql");
            fs::write(&statements, sql.replace("spot_price ", &read)).map_err(|e| e.to_string())?;
            let nowhere = PathBuf::from(":memory:");
            let (ours, rival) =
                compare(LARGE_RUNS, || self.truffle(&words), || self.raw(&nowhere, &statements))?;
            line(what, ours, rival, &format!("1.1 and 40 ms: {:.2}", (ours - 40.0) / rival));
        }
        Ok(())
    }
}

impl Drop for BenchRun {
    fn drop(&mut self) {
        // The system clears its temporary folder, so an error is harmless.
        let _ = fs::remove_dir_all(&self.home);
    }
}

/// Returns a file of the folder of data. Without it, prints that a part is skipped.
fn data_file(data: &Path, part: &str, path: &str) -> Option<PathBuf> {
    let path = data.join(path);
    if !path.is_file() {
        println!("{part}: skipped, there is no {}", path.display());
        return None;
    }
    Some(path)
}

fn time_command(command: &mut Command) -> Result<f64, TaskError> {
    let started = Instant::now();
    let output = command.output().map_err(|e| format!("cannot start {:?}: {e}", command.get_program()))?;
    let took = started.elapsed().as_secs_f64() * 1000.0;
    if !output.status.success() {
        let messages = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{command:?} failed: {}\n{messages}", output.status));
    }
    Ok(took)
}

/// Returns the medians, milliseconds, of our command and of the rival's. Their runs alternate, so
/// that both meet the same load of the machine.
fn compare(
    runs: usize,
    ours: impl Fn() -> Command,
    rival: impl Fn() -> Command,
) -> Result<(f64, f64), TaskError> {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        a.push(time_command(&mut ours())?);
        b.push(time_command(&mut rival())?);
    }
    Ok((median(a), median(b)))
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn line(what: &str, ours: f64, rival: f64, bar: &str) {
    println!("{what:<34} {ours:>6.1} ms {rival:>6.1} ms {:>7.2}  {bar}", ours / rival);
    // Each row appears as soon as it is measured.
    let _ = std::io::stdout().flush();
}
