//! The file of measured runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use analysis::runtimes::{MeasuredRun, RunPoint};
use console::{Failure, suggest_closest};
use domain::{InstanceType, LARGEST_FIELD, without_mark};

/// Limit of the file.
const LARGEST_FILE: u64 = 16 << 20;
/// Limit of its rows.
const MOST_RUNS: usize = 10_000;
/// Limit of its input columns.
const MOST_INPUTS: usize = 50;
/// Bad rows that a failure lists.
const LISTED_ROWS: usize = 5;
/// The largest count of instances, and the longest runtime in seconds: some 30 years.
const LARGEST_NUMBER: f64 = 1e9;

const COLUMNS: [&str; 4] = ["job", "instance_type", "count", "runtime_seconds"];

/// The runs of a file.
#[derive(Debug, PartialEq)]
pub(super) struct RunsFile {
    /// Names of the numeric input columns, in the order of the file.
    pub(super) inputs: Vec<String>,
    /// The runs, each row once.
    pub(super) runs: Vec<MeasuredRun>,
    /// Lines that repeat an earlier line exactly.
    pub(super) repeated_lines: Vec<u64>,
}

impl RunsFile {
    /// Reads a regular file.
    ///
    /// # Errors
    /// It cannot be read, has no runs, or has a row that is not a run; the lines are named.
    pub(super) fn read(path: &Path) -> Result<RunsFile, Failure> {
        let named = |problem: String| Failure::usage(format!("{}: {problem}", path.display()));
        let bytes = durable::read_regular(path, LARGEST_FILE)
            .map_err(|error| named(error.to_string()).hint(EXAMPLE))?;
        RunsFile::parse(&bytes).map_err(|failure| {
            let message = named(failure.message.clone()).message;
            Failure { message, ..failure }
        })
    }

    /// Reads the bytes of a file.
    pub(super) fn parse(bytes: &[u8]) -> Result<RunsFile, Failure> {
        let mut table = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(without_mark(bytes));
        let mut record = csv::StringRecord::new();
        let mut advance = |record: &mut csv::StringRecord| -> Result<Option<u64>, Failure> {
            let more = table.read_record(record).map_err(|error| {
                let line = error.position().map_or(0, csv::Position::line);
                Failure::usage(format!("line {line} is not CSV text in UTF-8")).hint(EXAMPLE)
            })?;
            Ok(more.then(|| record.position().map_or(0, csv::Position::line)))
        };
        if advance(&mut record)?.is_none() {
            return Err(Failure::usage("it is empty").hint(EXAMPLE));
        }
        let columns = RunColumns::of(&record)?;
        let mut runs = Vec::new();
        let mut seen = BTreeSet::new();
        let mut repeated_lines = Vec::new();
        let mut bad = Vec::new();
        while let Some(line) = advance(&mut record)? {
            if runs.len() == MOST_RUNS {
                return Err(Failure::usage(format!("it has more than {MOST_RUNS} runs")).hint(SPLIT));
            }
            match columns.run(&record) {
                Err(problem) => bad.push(format!("line {line}: {problem}")),
                Ok(_) if !seen.insert(record.iter().map(String::from).collect::<Vec<_>>()) => {
                    repeated_lines.push(line);
                }
                Ok(run) => runs.push(run),
            }
        }
        if !bad.is_empty() {
            return Err(bad_rows(&bad));
        }
        if runs.is_empty() {
            return Err(Failure::usage("it has no runs, only a header").hint(EXAMPLE));
        }
        Ok(RunsFile {
            inputs: columns.inputs.into_iter().map(|(name, _)| name).collect(),
            runs,
            repeated_lines,
        })
    }

    /// Returns the job of the name, or the only job of the file. A named job may have no runs yet.
    pub(super) fn job(&self, named: Option<&str>) -> Result<String, Failure> {
        let jobs: BTreeSet<&str> = self.runs.iter().map(|run| run.job.as_str()).collect();
        match (named, jobs.len()) {
            (Some(name), _) => Ok(name.to_string()),
            (None, 1) => Ok(jobs.into_iter().collect()),
            (None, count) => {
                let some: Vec<&str> = jobs.into_iter().take(LISTED_ROWS).collect();
                Err(Failure::usage(format!("the file has {count} jobs, such as {}", some.join(", ")))
                    .hint("choose one with --job, or name a new one"))
            }
        }
    }

    /// Returns the inputs of the flags, or those of the job's last run.
    pub(super) fn inputs_of(&self, job: &str, flags: &[String]) -> Result<Vec<f64>, Failure> {
        let last = self.runs.iter().rfind(|run| run.job == job).or(self.runs.last());
        let mut inputs = last.map(|run| run.point.inputs.clone()).unwrap_or_default();
        let mut given = BTreeMap::new();
        for flag in flags {
            let parts = flag.split_once('=').map(|(name, value)| (name.trim(), value.trim()));
            let parsed = parts.and_then(|(name, value)| Some((name, read_number(value).ok()?)));
            let (name, value) = parsed.ok_or_else(|| {
                Failure::usage(format!("--input \"{flag}\" is not a column and a number"))
                    .hint("write --input data_gb=100")
            })?;
            let place = self.inputs.iter().position(|column| column == name).ok_or_else(|| {
                let near = suggest_closest(name, self.inputs.iter().map(String::as_str));
                Failure::usage(format!("--input {name}: the file has no such input column{near}"))
                    .hint(format!("its input columns: {}", self.input_names()))
            })?;
            if given.insert(name, value).is_some() {
                return Err(Failure::usage(format!("--input {name} is given twice")).hint("give it once"));
            }
            inputs[place] = value;
        }
        Ok(inputs)
    }

    fn input_names(&self) -> String {
        if self.inputs.is_empty() { "none".into() } else { self.inputs.join(", ") }
    }
}

const EXAMPLE: &str =
    "the first line is job,instance_type,count,runtime_seconds and any numeric input columns";
const SPLIT: &str = "leave out runs of other jobs";

fn bad_rows(bad: &[String]) -> Failure {
    let mut text = bad.iter().take(LISTED_ROWS).cloned().collect::<Vec<_>>().join("; ");
    if bad.len() > LISTED_ROWS {
        text += &format!("; and {} more rows", bad.len() - LISTED_ROWS);
    }
    Failure::usage(text).hint("correct these rows, or remove them")
}

/// The places of the columns.
struct RunColumns {
    known: [usize; COLUMNS.len()],
    inputs: Vec<(String, usize)>,
    width: usize,
}

impl RunColumns {
    fn of(header: &csv::StringRecord) -> Result<RunColumns, Failure> {
        let names: Vec<&str> = header.iter().collect();
        if let Some(twice) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
            return Err(Failure::usage(format!("the column \"{}\" occurs twice", twice.1)).hint(EXAMPLE));
        }
        let place = |wanted: &str| {
            names.iter().position(|name| *name == wanted).ok_or_else(|| {
                let near = suggest_closest(wanted, names.iter().copied());
                Failure::usage(format!("it has no column {wanted}{near}")).hint(EXAMPLE)
            })
        };
        let known = [place(COLUMNS[0])?, place(COLUMNS[1])?, place(COLUMNS[2])?, place(COLUMNS[3])?];
        let is_input = |at: &usize| !known.contains(at);
        let inputs: Vec<(String, usize)> =
            (0..names.len()).filter(is_input).map(|at| (names[at].to_string(), at)).collect();
        if inputs.len() > MOST_INPUTS {
            return Err(Failure::usage(format!("it has more than {MOST_INPUTS} input columns")).hint(EXAMPLE));
        }
        Ok(RunColumns { known, inputs, width: names.len() })
    }

    /// Reads a row. The error is a lowercase fragment.
    fn run(&self, record: &csv::StringRecord) -> Result<MeasuredRun, String> {
        if record.len() != self.width {
            return Err(format!("it has {} fields, and the header {}", record.len(), self.width));
        }
        if record.iter().any(|field| field.len() > LARGEST_FIELD) {
            return Err("a field is too long".into());
        }
        let [job, name, count, seconds] = self.known.map(|at| record.get(at).unwrap_or_default());
        if job.is_empty() {
            return Err("job is empty".into());
        }
        let instance_type =
            InstanceType::parse(name).map_err(|_| format!("\"{name}\" is not an instance type"))?;
        let count = count
            .parse::<u32>()
            .ok()
            .filter(|n| (1..=100_000).contains(n))
            .ok_or_else(|| format!("count \"{count}\" is not a whole number from 1 to 100000"))?;
        let runtime = read_number(seconds).ok().filter(|number| *number > 0.0 && *number <= LARGEST_NUMBER);
        let seconds =
            runtime.ok_or_else(|| format!("runtime_seconds \"{seconds}\" is not a number above 0"))?;
        let input = |(name, at): &(String, usize)| {
            let text = record.get(*at).unwrap_or_default();
            read_number(text).map_err(|()| format!("{name} \"{text}\" is not a number"))
        };
        let inputs = self.inputs.iter().map(input).collect::<Result<_, _>>()?;
        let point = RunPoint { instance_type: instance_type.to_string(), count, inputs, seconds };
        Ok(MeasuredRun { job: job.to_string(), point })
    }
}

/// Reads a finite number of a usual size.
fn read_number(text: &str) -> Result<f64, ()> {
    let number = text.parse::<f64>().map_err(|_| ())?;
    if number.is_finite() && number.abs() <= 1e18 { Ok(number + 0.0) } else { Err(()) }
}
