//! Output of DescribeSpotPriceHistory as the aws CLI prints it, one answer or several.

use std::collections::HashSet;
use std::io::BufRead;

use domain::parse_spot_product;
use serde::Deserialize;

use crate::completeness::ScopeShare;
use crate::json_reader::JsonReader;
use crate::product::{NO_CURRENCY, instant};
use crate::rows::{FeedCell, FeedRows, price};
use crate::{BatchSink, FeedContext, FeedError, FeedReport, bad};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawSpotObservation {
    availability_zone: Option<String>,
    availability_zone_id: Option<String>,
    instance_type: String,
    product_description: String,
    spot_price: String,
    timestamp: String,
}

const ANSWER: &str = "the output of aws ec2 describe-spot-price-history";

/// Zone names differ between accounts, so a price without a zone id cannot be compared.
const NO_ID: &str = "a price without AvailabilityZoneId";

pub(crate) fn read(
    reader: &mut dyn BufRead,
    context: &FeedContext<'_>,
    sink: BatchSink<'_>,
) -> Result<Vec<FeedReport>, FeedError> {
    let mut rows = FeedRows::new("spot_price", sink);
    let mut seen = HashSet::new();
    let (mut has_ids, mut has_no_ids) = (false, false);
    let mut json = JsonReader::new(reader, ANSWER);
    if !json.has_more()? {
        return Err(bad(format!("it is empty; expected {ANSWER}")));
    }
    while json.has_more()? {
        let mut has_history = false;
        json.object(&mut |json, key| match key {
            "SpotPriceHistory" => {
                has_history = true;
                json.list(&mut |json| {
                    let found: RawSpotObservation = json.read()?;
                    let has_id = found.availability_zone_id.is_some();
                    (has_ids, has_no_ids) = (has_ids || has_id, has_no_ids || !has_id);
                    put(&mut rows, &mut seen, &found)
                })
            }
            _ => json.skip(),
        })?;
        if !has_history {
            return Err(bad(format!("it is not {ANSWER}: it has no SpotPriceHistory")));
        }
    }
    if has_no_ids && !has_ids {
        return Err(bad(
            "none of its prices has an AvailabilityZoneId, and zone names differ between accounts; \
             fetch it with a recent aws CLI, which prints the ids",
        ));
    }
    // It answers a request that it does not state.
    rows.finish(ScopeShare::Asked, context.now, None)
}

/// Number of observations that are remembered to drop repeats. The lake drops the other repeats.
const REMEMBERED: usize = 1 << 20;

type SpotObservationKey = (String, String, &'static str, i64, i128);

fn put(
    rows: &mut FeedRows<'_>,
    seen: &mut HashSet<SpotObservationKey>,
    found: &RawSpotObservation,
) -> Result<(), FeedError> {
    let zone = found.availability_zone.as_deref().unwrap_or_default();
    let region = region_of(zone).ok_or_else(|| bad(format!("the zone \"{zone}\" is in no region")))?;
    let Some(az_id) = found.availability_zone_id.as_deref() else {
        rows.leave_out(region, NO_ID);
        return Ok(());
    };
    let Some(product) = parse_spot_product(&found.product_description) else {
        rows.leave_out(region, "an unknown product");
        return Ok(());
    };
    let Some(currency) = domain::currency_of(region) else {
        rows.leave_out(region, NO_CURRENCY);
        return Ok(());
    };
    let at = instant(&found.timestamp)
        .ok_or_else(|| bad(format!("the Timestamp \"{}\" is not a time", found.timestamp)))?;
    let figure = price(&found.spot_price).filter(|figure| *figure > 0);
    let figure = figure
        .ok_or_else(|| bad(format!("the SpotPrice \"{}\" is not a price above zero", found.spot_price)))?;
    // Fetches overlap: each begins with the last change before its start.
    let key = (found.instance_type.clone(), az_id.to_string(), product, at.as_microsecond(), figure);
    if seen.len() == REMEMBERED {
        seen.clear();
    }
    if !seen.insert(key) {
        return Ok(());
    }
    let row = [
        FeedCell::At(at),
        FeedCell::Text(&found.instance_type),
        FeedCell::Text(region),
        FeedCell::Text(az_id),
        FeedCell::Text(product),
        FeedCell::Exact(figure),
        FeedCell::Text(currency),
    ];
    rows.push(region, at, &row)
}

/// Returns the region of a zone name: `us-east-1a` is in us-east-1, `us-west-2-lax-1a` in
/// us-west-2.
fn region_of(zone: &str) -> Option<&str> {
    let digits = zone.find(|c: char| c.is_ascii_digit())?;
    let end = zone[digits..].find(|c: char| !c.is_ascii_digit()).map_or(zone.len(), |at| digits + at);
    Some(&zone[..end])
}
