//! Benchmark results as CSV: `instance_type, metric, value` and optionally `config, measured_at,
//! source`.

use std::io::BufRead;

use csv::StringRecord;

use crate::completeness::ScopeShare;
use crate::product::instant;
use crate::rows::{FeedCell, FeedRows};
use crate::{BatchSink, FeedContext, FeedError, FeedReport, bad};

const COLUMNS: [&str; 6] = ["instance_type", "metric", "value", "config", "measured_at", "source"];

pub(crate) fn read(
    reader: &mut dyn BufRead,
    context: &FeedContext<'_>,
    sink: BatchSink<'_>,
) -> Result<Vec<FeedReport>, FeedError> {
    let wrong = |error: csv::Error| bad(format!("it is not valid CSV: {error}"));
    let mut reader = csv::Reader::from_reader(reader);
    let header = reader.headers().map_err(wrong)?.clone();
    if let Some(odd) = header.iter().find(|name| !COLUMNS.contains(name)) {
        return Err(bad(format!("it has a column \"{odd}\"; expected {}", COLUMNS.join(", "))));
    }
    let place = |name: &str| header.iter().position(|column| column == name);
    let needed = |name: &str| place(name).ok_or_else(|| bad(format!("it has no column \"{name}\"")));
    let (instance_type, metric, value) = (needed("instance_type")?, needed("metric")?, needed("value")?);
    let (config, measured, source) = (place("config"), place("measured_at"), place("source"));
    let mut rows = FeedRows::new("benchmark", sink);
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(wrong)? {
        let line = record.position().map_or(0, csv::Position::line);
        let given = |at: Option<usize>| at.and_then(|at| record.get(at)).filter(|text| !text.is_empty());
        let figure: f64 =
            record[value].parse().ok().filter(|figure: &f64| figure.is_finite()).ok_or_else(|| {
                bad(format!("line {line}: the value \"{}\" is not a number", &record[value]))
            })?;
        let at = given(measured)
            .map(|text| instant(text).ok_or_else(|| bad(format!("line {line}: \"{text}\" is not a time"))))
            .transpose()?;
        let row = [
            FeedCell::Text(&record[instance_type]),
            FeedCell::Text(&record[metric]),
            FeedCell::Text(given(config).unwrap_or_default()),
            FeedCell::Float(figure),
            at.map_or(FeedCell::Null, FeedCell::At),
            FeedCell::Text(given(source).unwrap_or(context.source)),
        ];
        rows.push("*", at.unwrap_or(context.now), &row)?;
    }
    let spoken = rows.finish(ScopeShare::All, context.now, None)?;
    if spoken.is_empty() {
        return Err(bad("it contains no figures"));
    }
    Ok(spoken)
}
