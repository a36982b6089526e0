//! `spot.json`: the spot prices on AWS's public page, one per region without a zone. They are only
//! compared with the prices of zones, not mixed with them.

use std::collections::{BTreeMap, HashMap};
use std::io::BufRead;

use domain::Region;
use serde::Deserialize;

use crate::completeness::ScopeShare;
use crate::json_reader::JsonReader;
use crate::rows::{FeedCell, FeedRows, price};
use crate::{BatchSink, FeedContext, FeedError, FeedReport, bad};

#[derive(Deserialize)]
struct RawSpotFeed {
    config: RawFeedConfig,
}

#[derive(Deserialize)]
struct RawFeedConfig {
    rate: String,
    regions: Vec<RawFeedRegion>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawFeedRegion {
    region: String,
    instance_types: Vec<RawTypeGroup>,
}

#[derive(Deserialize)]
struct RawTypeGroup {
    sizes: Vec<RawTypeSize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawTypeSize {
    size: String,
    value_columns: Vec<RawFeedColumn>,
}

#[derive(Deserialize)]
struct RawFeedColumn {
    name: String,
    prices: BTreeMap<String, String>,
}

/// Names of regions on the page from before regions had codes.
const OLD_NAMES: [(&str, &str); 6] = [
    ("us-east", "us-east-1"),
    ("us-west", "us-west-1"),
    ("eu-ireland", "eu-west-1"),
    ("apac-sin", "ap-southeast-1"),
    ("apac-syd", "ap-southeast-2"),
    ("apac-tokyo", "ap-northeast-1"),
];

/// Days after which an unchanged hourly feed counts as frozen. One feed was frozen for two years
/// without a notice.
const FROZEN: i64 = 30;

pub(crate) fn read(
    reader: &mut dyn BufRead,
    context: &FeedContext<'_>,
    sink: BatchSink<'_>,
) -> Result<Vec<FeedReport>, FeedError> {
    if reader.fill_buf()?.trim_ascii_start().starts_with(b"callback(") {
        return Err(bad("it is spot.js, a feed that ended in May 2024; expected spot.json"));
    }
    let mut json = JsonReader::new(reader, "a valid spot.json");
    let feed: RawSpotFeed = json.read()?;
    json.end()?;
    if feed.config.rate != "perhr" {
        return Err(bad(format!("its prices are \"{}\"; expected perhr", feed.config.rate)));
    }
    // The file does not state when it was made.
    let at = context.modified.unwrap_or(context.now);
    let mut rows = FeedRows::new("spot_feed", sink);
    for place in &feed.config.regions {
        let old = OLD_NAMES.iter().find(|(old, _)| *old == place.region);
        let region = old.map_or(place.region.as_str(), |(_, code)| code);
        Region::parse(region).map_err(|why| bad(why.to_string()))?;
        // The same type is listed in several groups.
        let mut seen: HashMap<(&str, &str, &str), i128> = HashMap::new();
        for size in place.instance_types.iter().flat_map(|group| &group.sizes) {
            for (os, currency, text) in prices(&mut rows, region, size) {
                let Some(figure) = price(text).filter(|figure| *figure > 0) else {
                    rows.leave_out(region, "no price above zero");
                    continue;
                };
                match seen.insert((&size.size, os, currency), figure) {
                    None => {}
                    Some(other) if other == figure => continue,
                    Some(other) => {
                        seen.insert((&size.size, os, currency), other);
                        rows.leave_out(region, "a type that is listed twice with different prices");
                        continue;
                    }
                }
                let row = [
                    FeedCell::At(at),
                    FeedCell::Text(&size.size),
                    FeedCell::Text(region),
                    FeedCell::Text(os),
                    FeedCell::Exact(figure),
                    FeedCell::Text(currency),
                ];
                rows.push(region, at, &row)?;
            }
        }
    }
    let mut spoken = rows.finish(ScopeShare::All, at, None)?;
    let days = context.now.duration_since(at).as_hours() / 24;
    if days > FROZEN {
        let why = format!("AWS has not changed the feed for {days} days: it may be frozen");
        spoken.iter_mut().for_each(|region| region.gaps.push(why.clone()));
    }
    Ok(spoken)
}

/// Returns operating system, currency and price as text. `N/A` means that there is no price; it is
/// no gap.
fn prices<'a>(
    rows: &mut FeedRows<'_>,
    region: &str,
    size: &'a RawTypeSize,
) -> Vec<(&'static str, &'a str, &'a str)> {
    let mut found = Vec::new();
    for column in &size.value_columns {
        let os = match column.name.as_str() {
            "linux" => "linux",
            "mswin" => "windows",
            _ => {
                rows.leave_out(region, "an unknown operating system");
                continue;
            }
        };
        let stated = column.prices.iter().filter(|(_, text)| !text.starts_with("N/A"));
        found.extend(stated.map(|(currency, text)| (os, currency.as_str(), text.as_str())));
    }
    found
}
