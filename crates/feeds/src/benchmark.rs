//! Benchmark results as CSV: `instance_type, metric, value` and optionally `config, measured_at,
//! source`.

use std::io::BufRead;

use csv::ReaderBuilder;

use crate::completeness::ScopeShare;
use crate::csv_table::CsvTable;
use crate::product::instant;
use crate::rows::{FeedCell, FeedRows};
use crate::{BatchSink, FeedContext, FeedError, FeedReport, bad};

const COLUMNS: [&str; 6] = ["instance_type", "metric", "value", "config", "measured_at", "source"];

pub(crate) fn read(
    reader: &mut dyn BufRead,
    context: &FeedContext<'_>,
    sink: BatchSink<'_>,
) -> Result<Vec<FeedReport>, FeedError> {
    let mut table = CsvTable::new(ReaderBuilder::new().has_headers(false), reader);
    table.advance()?;
    let header = table.texts()?;
    if let Some(odd) = header.iter().find(|name| !COLUMNS.contains(&name.as_str())) {
        return Err(bad(format!("it has a column \"{odd}\"; expected {}", COLUMNS.join(", "))));
    }
    let place = |name: &str| header.iter().position(|column| column == name);
    let needed = |name: &str| place(name).ok_or_else(|| bad(format!("it has no column \"{name}\"")));
    let (instance_type, metric, value) = (needed("instance_type")?, needed("metric")?, needed("value")?);
    let (config, measured, source) = (place("config"), place("measured_at"), place("source"));
    let mut rows = FeedRows::new("benchmark", sink);
    while table.advance()? {
        let line = table.line();
        let given = |at: Option<usize>| {
            let text = at.map(|at| table.text(at)).transpose()?;
            Ok::<_, FeedError>(text.filter(|text| !text.is_empty()))
        };
        let text = table.text(value)?;
        let figure: f64 = text
            .parse()
            .ok()
            .filter(|figure: &f64| figure.is_finite())
            .ok_or_else(|| bad(format!("line {line}: the value \"{text}\" is not a number")))?;
        let at = given(measured)?
            .map(|text| instant(text).ok_or_else(|| bad(format!("line {line}: \"{text}\" is not a time"))))
            .transpose()?;
        let row = [
            FeedCell::Text(table.text(instance_type)?),
            FeedCell::Text(table.text(metric)?),
            FeedCell::Text(given(config)?.unwrap_or_default()),
            FeedCell::Float(figure),
            at.map_or(FeedCell::Null, FeedCell::At),
            FeedCell::Text(given(source)?.unwrap_or(context.source)),
        ];
        rows.push("*", at.unwrap_or(context.now), &row)?;
    }
    let spoken = rows.finish(ScopeShare::All, context.now, None)?;
    if spoken.is_empty() {
        return Err(bad("it contains no figures"));
    }
    Ok(spoken)
}
