//! `spot-advisor-data.json`: interruption rates of spot instances and their savings, by region,
//! operating system and type.

use std::collections::BTreeMap;
use std::io::BufRead;

use serde::Deserialize;

use crate::completeness::ScopeShare;
use crate::json_reader::JsonReader;
use crate::rows::{FeedCell, FeedRows};
use crate::{BatchSink, FeedContext, FeedError, FeedReport, bad};

#[derive(Deserialize)]
struct RawSpotAdvice {
    ranges: Vec<RawAdviceRange>,
    spot_advisor: BTreeMap<String, BTreeMap<String, BTreeMap<String, RawAdviceSaving>>>,
}

#[derive(Deserialize)]
struct RawAdviceRange {
    index: i64,
    label: String,
}

/// `s`: the saving in percent, negative if spot was dearer. `r`: the index of the range.
#[derive(Deserialize)]
struct RawAdviceSaving {
    s: i64,
    r: i64,
}

pub(crate) fn read(
    reader: &mut dyn BufRead,
    context: &FeedContext<'_>,
    sink: BatchSink<'_>,
) -> Result<Vec<FeedReport>, FeedError> {
    let mut json = JsonReader::new(reader, "a valid spot-advisor-data.json");
    let advice: RawSpotAdvice = json.read()?;
    json.end()?;
    let labels: BTreeMap<i64, &str> =
        advice.ranges.iter().map(|range| (range.index, range.label.as_str())).collect();
    // The file does not state when it was made.
    let at = context.modified.unwrap_or(context.now);
    let mut rows = FeedRows::new("interruption", sink);
    for (region, systems) in &advice.spot_advisor {
        for (system, types) in systems {
            let os = match system.as_str() {
                "Linux" => "linux",
                "Windows" => "windows",
                _ => {
                    rows.leave_out(region, "an unknown operating system");
                    continue;
                }
            };
            for (instance_type, saving) in types {
                let label = labels.get(&saving.r).ok_or_else(|| {
                    bad(format!(
                        "{instance_type} in {region} is in range {}, which it does not define",
                        saving.r
                    ))
                })?;
                let row = [
                    FeedCell::At(at),
                    FeedCell::Text(instance_type),
                    FeedCell::Text(region),
                    FeedCell::Text(os),
                    FeedCell::Int(saving.r),
                    FeedCell::Text(label),
                    FeedCell::Int(saving.s),
                ];
                rows.push(region, at, &row)?;
            }
        }
    }
    rows.finish(ScopeShare::All, at, None)
}
