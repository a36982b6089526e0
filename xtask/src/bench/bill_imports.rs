//! Bills of full size: their import against DuckDB's `COPY` of the same rows, and the questions of
//! `cost/` against the same aggregation over the file that it writes.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::imports::{line, remove};
use super::{BenchRun, bills, compare, time_command};
use crate::{TaskError, root};

/// Months of the larger lake, January to October 2026.
const MONTHS: u32 = 10;

/// Runs of each question; their median is printed.
const QUESTION_RUNS: usize = 7;

/// The month of the lake with one month.
const ONLY_MONTH: u32 = 9;

impl BenchRun {
    /// Measures bills of `rows` lines a month: an import as CSV and as Parquet, and the questions
    /// in lakes of one month and of ten.
    pub(super) fn bill_imports(&self, rows: u64) -> Result<(), TaskError> {
        let (csv, copy) = (self.report(rows, ONLY_MONTH)?, self.home.join("copy.parquet"));
        let lake = self.home.join("bills-1");
        let rival = self.copy(&format!("read_csv('{}', all_varchar = true)", csv.display()), &copy)?;
        let ours = self.cost(&mut self.import_bill(&csv, &self.home.join("bills-csv")))?;
        line(&format!("bill of {rows} rows, CSV, against COPY"), ours, Some(rival), "at most 1.5, 1 GiB");
        let parquet = self.parquet_of(&csv)?;
        remove(&csv)?;
        let rival = self.copy(&format!("'{}'", parquet.display()), &copy)?;
        let ours = self.cost(&mut self.import_bill(&parquet, &lake))?;
        line(&format!("bill of {rows} rows, Parquet, against COPY"), ours, Some(rival), "at most 1.5, 1 GiB");
        println!("  {:.0} rows a second", rows as f64 / ours.0 * 1000.0);
        remove(&parquet)?;
        self.questions(&lake, &copy, ONLY_MONTH, "lake of 1 month")?;
        self.questions_of_months(rows)
    }

    /// Measures the questions about the last month of a lake of ten.
    fn questions_of_months(&self, rows: u64) -> Result<(), TaskError> {
        let (lake, copy) = (self.home.join("bills-10"), self.home.join("copy.parquet"));
        for month in 1..=MONTHS {
            let csv = self.report(rows, month)?;
            let parquet = self.parquet_of(&csv)?;
            remove(&csv)?;
            if month == MONTHS {
                self.copy(&format!("'{}'", parquet.display()), &copy)?;
            }
            time_command(&mut self.import_bill(&parquet, &lake))?;
            remove(&parquet)?;
        }
        self.questions(&lake, &copy, MONTHS, &format!("lake of {MONTHS} months"))
    }

    /// Measures the questions about the newest month of a lake. `copy` has the same lines.
    fn questions(&self, lake: &Path, copy: &Path, month: u32, title: &str) -> Result<(), TaskError> {
        println!("{title}:");
        let text = fs::read_to_string(root().join("xtask/src/bench/bill_questions.sql"));
        let text = text.map_err(|e| e.to_string())?.replace("{copy}", &copy.to_string_lossy());
        let text = text.replace("{since}", &format!("2026-{month:02}-01"));
        let text = text.replace("{until}", &format!("2026-{month:02}-{}", bills::days(month)));
        for question in text.split("-- ").filter(|question| !question.is_empty()) {
            let (name, sql) = question.split_once('\n').ok_or("a question has no statement")?;
            let statements = self.statements("question.sql", &format!("SET threads = 2;\n{sql}"))?;
            let ask = || {
                let mut words = vec!["query"];
                words.extend(name.split(' '));
                let mut command = self.truffle(&words);
                command.args(["-o", "csv", "--lake"]).arg(lake);
                command
            };
            // The first answer publishes the warehouse and compares the files with their digests.
            time_command(&mut ask())?;
            let rival = || self.raw(Path::new(":memory:"), &statements);
            let (ours, theirs) = compare(QUESTION_RUNS, ask, rival)?;
            let mut bar = format!("2 and 60 ms: {:.2}", (ours - 60.0) / theirs);
            if name.starts_with("cost/daily") {
                bar.push_str(", 1 s");
            }
            super::line(&format!("  {name}"), ours, theirs, &bar);
        }
        Ok(())
    }

    fn import_bill(&self, bill: &Path, lake: &Path) -> Command {
        let mut command = self.program("collector");
        command.args(["import", "cur"]).arg(bill).arg("--lake").arg(lake);
        command
    }

    /// Measures DuckDB's copy of all rows of a source to one Parquet file.
    fn copy(&self, source: &str, copy: &Path) -> Result<super::imports::ImportCost, TaskError> {
        let text =
            fs::read_to_string(root().join("xtask/src/bench/bill_copy.sql")).map_err(|e| e.to_string())?;
        let text = text.replace("{source}", source).replace("{copy}", &copy.to_string_lossy());
        self.cost(&mut self.raw(Path::new(":memory:"), &self.statements("copy.sql", &text)?))
    }

    fn statements(&self, name: &str, text: &str) -> Result<PathBuf, TaskError> {
        let path = self.home.join(name);
        fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(path)
    }

    /// Writes a bill as CSV.
    fn report(&self, rows: u64, month: u32) -> Result<PathBuf, TaskError> {
        let path = self.home.join(format!("report-{month}-00001.csv"));
        let failed = |e| format!("{}: {e}", path.display());
        let mut out = BufWriter::with_capacity(1 << 20, File::create(&path).map_err(failed)?);
        bills::write(&mut out, rows, month)?;
        out.flush().map_err(failed)?;
        Ok(path)
    }

    /// Writes the same bill as Parquet.
    fn parquet_of(&self, csv: &Path) -> Result<PathBuf, TaskError> {
        let parquet = csv.with_extension("parquet");
        let text = fs::read_to_string(root().join("xtask/src/bench/bill_to_parquet.sql"));
        let text = text.map_err(|e| e.to_string())?;
        let text =
            text.replace("{csv}", &csv.to_string_lossy()).replace("{parquet}", &parquet.to_string_lossy());
        let statements = self.statements("parquet.sql", &text)?;
        let mut command = self.raw(Path::new(":memory:"), &statements);
        time_command(command.stdin(Stdio::null()))?;
        Ok(parquet)
    }
}
