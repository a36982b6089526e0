//! Imports of price lists of full size, compared with DuckDB and Python.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{BenchRun, median, offers};
use crate::{TaskError, root};

/// Runs of each price list import; their median is printed.
const RUNS: usize = 3;

/// A Python program that runs a command, and prints its seconds and its peak resident size, KiB, as
/// the kernel counts it.
const MEASURE: &str = "import resource,subprocess,sys,time\n\
    start=time.perf_counter()\n\
    subprocess.run(sys.argv[1:],stdout=subprocess.DEVNULL,check=True)\n\
    print(time.perf_counter()-start,resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";

/// A Python program that reads a price list in the usual way: the whole JSON at once.
const PYTHON: &str = "import json,sys\n\
    offer=json.load(open(sys.argv[1]))\n\
    kept={s for s,p in offer['products'].items() if p['productFamily']=='Compute Instance' and p['attributes']['capacitystatus']=='Used'}\n\
    print(sum(len(d['priceDimensions']) for k in offer['terms'].values() for s,t in k.items() if s in kept for d in t.values()))";

/// Median time, milliseconds, and peak memory, MiB.
pub(super) type ImportCost = (f64, f64);

impl BenchRun {
    /// Measures imports of a price list of `megabytes`, as CSV and JSON, and of a bill of `rows`.
    pub(super) fn imports(&self, megabytes: u64, rows: u64) -> Result<(), TaskError> {
        let types = self.types()?;
        let csv = self.home.join("offer.csv");
        let size = offers::csv(&csv, &types, megabytes << 20)?;
        let statements = self.home.join("offer.sql");
        let text = fs::read_to_string(root().join("xtask/src/bench/offer.sql")).map_err(|e| e.to_string())?;
        let parquet = self.home.join("offer.parquet");
        let text =
            text.replace("{csv}", &csv.to_string_lossy()).replace("{parquet}", &parquet.to_string_lossy());
        fs::write(&statements, text).map_err(|e| e.to_string())?;
        let ours = self.import("price-list", &csv)?;
        let rival = self.cost(&mut self.raw(Path::new(":memory:"), &statements))?;
        line(
            &format!("price list, CSV of {} MB, against DuckDB", size >> 20),
            ours,
            Some(rival),
            "at most 1.25, 300 MB",
        );
        remove(&csv)?;
        let json = self.home.join("offer.json");
        let size = offers::json(&json, &types, megabytes << 20)?;
        let ours = self.import("price-list", &json)?;
        let rival = self.cost(Command::new("python3").args(["-c", PYTHON]).arg(&json))?;
        line(
            &format!("price list, JSON of {} MB, against Python", size >> 20),
            ours,
            Some(rival),
            "at most 0.20, 300 MB",
        );
        remove(&json)?;
        self.bill_imports(rows)
    }

    fn types(&self) -> Result<Vec<String>, TaskError> {
        let sql = "SELECT instance_type FROM instance_type ORDER BY instance_type";
        let output = self.truffle(&["query", sql, "-o", "csv", "-q"]).output().map_err(|e| e.to_string())?;
        Ok(String::from_utf8_lossy(&output.stdout).lines().skip(1).map(String::from).collect())
    }

    /// Returns an import command with a new lake, because a known file is not imported again.
    fn collector(&self, kind: &str, file: &Path) -> Result<Command, TaskError> {
        let lake = self.home.join("imported");
        if lake.exists() {
            fs::remove_dir_all(&lake).map_err(|e| format!("{}: {e}", lake.display()))?;
        }
        let mut command = self.program("collector");
        command.args(["import", kind]).arg(file).arg("--lake").arg(lake);
        Ok(command)
    }

    fn import(&self, kind: &str, file: &Path) -> Result<ImportCost, TaskError> {
        let mut costs = Vec::new();
        for _ in 0..RUNS {
            costs.push(self.cost(self.collector(kind, file)?.arg("--whole"))?);
        }
        let largest = costs.iter().map(|cost| cost.1).fold(0.0, f64::max);
        Ok((median(costs.into_iter().map(|cost| cost.0).collect()), largest))
    }

    pub(super) fn cost(&self, command: &mut Command) -> Result<ImportCost, TaskError> {
        let mut measured = self.alone(Command::new("python3"));
        measured.args(["-c", MEASURE]).arg(command.get_program()).args(command.get_args());
        let output = measured.output().map_err(|e| format!("cannot start python3: {e}"))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let figures: Vec<f64> = text.split_whitespace().filter_map(|figure| figure.parse().ok()).collect();
        match figures.as_slice() {
            [seconds, kib] => Ok((seconds * 1000.0, kib / 1024.0)),
            _ => Err(format!("cannot measure {command:?}\n{}", String::from_utf8_lossy(&output.stderr))),
        }
    }
}

pub(super) fn remove(path: &Path) -> Result<(), TaskError> {
    fs::remove_file(path).map_err(|e| format!("{}: {e}", path.display()))
}

pub(super) fn line(what: &str, ours: ImportCost, rival: Option<ImportCost>, bar: &str) {
    let (theirs, ratio) = rival.map_or((String::new(), String::new()), |rival| {
        (format!("{:.0} ms, {:.0} MiB", rival.0, rival.1), format!("{:.2}", ours.0 / rival.0))
    });
    println!("{what:<46} {:>6.0} ms, {:>4.0} MiB {theirs:>18} {ratio:>6}  {bar}", ours.0, ours.1);
}
