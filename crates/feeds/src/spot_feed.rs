//! `spot.json`: the spot prices that AWS's public page shows, one for a region, whichever zone it is of. They cannot
//! stand beside prices of zones, only be held against them.

use std::collections::{BTreeMap, HashMap};
use std::io::BufRead;

use domain::Region;
use serde::Deserialize;

use crate::rows::{Cell, Rows, price};
use crate::whole::Share;
use crate::{BatchSink, Context, FeedError, Spoken, bad};

#[derive(Deserialize)]
struct Feed {
    config: Config,
}

#[derive(Deserialize)]
struct Config {
    rate: String,
    regions: Vec<Place>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    region: String,
    instance_types: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    sizes: Vec<Size>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Size {
    size: String,
    value_columns: Vec<Column>,
}

#[derive(Deserialize)]
struct Column {
    name: String,
    prices: BTreeMap<String, String>,
}

/// The names that the page had before regions had codes.
const OLD_NAMES: [(&str, &str); 6] = [
    ("us-east", "us-east-1"),
    ("us-west", "us-west-1"),
    ("eu-ireland", "eu-west-1"),
    ("apac-sin", "ap-southeast-1"),
    ("apac-syd", "ap-southeast-2"),
    ("apac-tokyo", "ap-northeast-1"),
];

/// Days after which an hourly feed that does not change is frozen: one of them was for two years, and nobody said so.
const FROZEN: i64 = 30;

pub(crate) fn read(
    reader: &mut dyn BufRead,
    context: &Context<'_>,
    sink: BatchSink<'_>,
) -> Result<Vec<Spoken>, FeedError> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes)?;
    if bytes.trim_ascii_start().starts_with(b"callback(") {
        return Err(bad("it is spot.js, a feed that ended in May 2024; expected spot.json"));
    }
    let feed: Feed = serde_json::from_slice(&bytes).map_err(|error| match error.is_eof() {
        true => bad("it is cut short"),
        false => bad(format!("it is not spot.json as it should be: {error}")),
    })?;
    if feed.config.rate != "perhr" {
        return Err(bad(format!("its prices are \"{}\"; expected perhr", feed.config.rate)));
    }
    // The file does not say when it was made.
    let at = context.modified.unwrap_or(context.now);
    let mut rows = Rows::new("spot_feed", sink);
    for place in &feed.config.regions {
        let old = OLD_NAMES.iter().find(|(old, _)| *old == place.region);
        let region = old.map_or(place.region.as_str(), |(_, code)| code);
        Region::parse(region).map_err(|why| bad(why.to_string()))?;
        // The same type stands in several groups.
        let mut seen: HashMap<(&str, &str, &str), i128> = HashMap::new();
        for size in place.instance_types.iter().flat_map(|group| &group.sizes) {
            for (os, currency, text) in prices(&mut rows, region, size) {
                let Some(figure) = price(text).filter(|figure| *figure > 0) else {
                    rows.leave_out(region, "what is no price above zero");
                    continue;
                };
                match seen.insert((&size.size, os, currency), figure) {
                    None => {}
                    Some(other) if other == figure => continue,
                    Some(other) => {
                        seen.insert((&size.size, os, currency), other);
                        rows.leave_out(region, "a type that is listed twice, with another price");
                        continue;
                    }
                }
                let row = [
                    Cell::At(at),
                    Cell::Text(&size.size),
                    Cell::Text(region),
                    Cell::Text(os),
                    Cell::Exact(figure),
                    Cell::Text(currency),
                ];
                rows.push(region, at, &row)?;
            }
        }
    }
    let mut spoken = rows.finish(Share::All, at, None)?;
    let days = context.now.duration_since(at).as_hours() / 24;
    if days > FROZEN {
        let why = format!("AWS has not changed the feed for {days} days: it may be frozen");
        spoken.iter_mut().for_each(|region| region.gaps.push(why.clone()));
    }
    Ok(spoken)
}

/// Operating system, currency and price, as text; `N/A` is no price and nothing that is missing.
fn prices<'a>(rows: &mut Rows<'_>, region: &str, size: &'a Size) -> Vec<(&'static str, &'a str, &'a str)> {
    let mut found = Vec::new();
    for column in &size.value_columns {
        let os = match column.name.as_str() {
            "linux" => "linux",
            "mswin" => "windows",
            _ => {
                rows.leave_out(region, "an operating system that is not known");
                continue;
            }
        };
        let stated = column.prices.iter().filter(|(_, text)| !text.starts_with("N/A"));
        found.extend(stated.map(|(currency, text)| (os, currency.as_str(), text.as_str())));
    }
    found
}
