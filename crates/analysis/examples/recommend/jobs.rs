//! The measured jobs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use analysis::runtimes::{MeasuredRun, RunPoint, median_points};

/// Columns that follow from the type and the count.
const DERIVED: [&str; 2] = ["slots", "memory"];

/// The runs of one job: the median of the repeats of each configuration and inputs.
pub(crate) struct Job {
    pub(crate) name: String,
    pub(crate) points: Vec<RunPoint>,
}

impl Job {
    /// Returns the distinct inputs, in order.
    pub(crate) fn inputs(&self) -> Vec<&[f64]> {
        let mut inputs: Vec<&[f64]> = self.points.iter().map(|point| point.inputs.as_slice()).collect();
        inputs.sort_by(|a, b| a.partial_cmp(b).unwrap());
        inputs.dedup();
        inputs
    }

    /// Returns the runtimes by count, for each inputs and type.
    pub(crate) fn cells(&self) -> BTreeMap<(usize, &str), BTreeMap<u32, f64>> {
        let inputs = self.inputs();
        let mut cells: BTreeMap<(usize, &str), BTreeMap<u32, f64>> = BTreeMap::new();
        for point in &self.points {
            let place = inputs.iter().position(|one| *one == point.inputs).unwrap();
            cells.entry((place, &point.instance_type)).or_default().insert(point.count, point.seconds);
        }
        cells
    }

    pub(crate) fn runs<'a>(&'a self, of: impl Iterator<Item = &'a RunPoint>) -> Vec<MeasuredRun> {
        of.map(|point| MeasuredRun { job: self.name.clone(), point: point.clone() }).collect()
    }
}

/// Reads one job from each file of tab-separated values.
pub(crate) fn read_jobs(folder: &Path) -> Vec<Job> {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default();
    paths.sort();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "tsv"));
    let name = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
    paths.iter().map(|path| read_job(name(path), &fs::read_to_string(path).unwrap())).collect()
}

fn read_job(name: String, text: &str) -> Job {
    let mut lines = text.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let place = |wanted: &str| header.iter().position(|column| *column == wanted).unwrap();
    let known = ["machine_type", "instance_count", "gross_runtime"].map(place);
    let inputs: Vec<usize> =
        (0..header.len()).filter(|at| !known.contains(at) && !DERIVED.contains(&header[*at])).collect();
    let runs: Vec<MeasuredRun> = lines
        .map(|line| MeasuredRun {
            job: name.clone(),
            point: RunPoint {
                instance_type: line[known[0]].to_string(),
                count: line[known[1]].parse().unwrap(),
                inputs: inputs.iter().map(|at| line[*at].parse().unwrap()).collect(),
                seconds: line[known[2]].parse().unwrap(),
            },
        })
        .collect();
    Job { points: median_points(&runs, &name), name }
}

/// Reads prices per hour by instance type.
pub(crate) fn read_prices(path: &Path) -> BTreeMap<String, f64> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let price = |line: &str| {
        let (name, price) = line.split_once(',')?;
        Some((name.to_string(), price.trim().parse().ok()?))
    };
    text.lines().filter_map(price).collect()
}
