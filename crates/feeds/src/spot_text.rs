//! Spot price history as text. A CSV or TSV with a header has the columns `observed_at,
//! instance_type, region, az_id, spot_usd` and optionally `product`. Without a header, it has the
//! columns of the public archive: zone id, type, product, price, time.

use std::io::{BufRead, Read};

use csv::ReaderBuilder;
use domain::{currency_of, parse_spot_product};

use crate::completeness::ScopeShare;
use crate::csv_table::CsvTable;
use crate::product::{NO_CURRENCY, instant};
use crate::rows::{FeedCell, FeedRows, price};
use crate::{BatchSink, FeedContext, FeedError, FeedReport, bad};

/// The columns of a table with a header. `on_demand_usd` may be present and is ignored.
const NEEDED: [&str; 5] = ["observed_at", "instance_type", "region", "az_id", "spot_usd"];

/// The position of each column. `region` and `product` are optional.
struct SpotColumns {
    at: usize,
    instance_type: usize,
    region: Option<usize>,
    az_id: usize,
    price: usize,
    product: Option<usize>,
    width: usize,
}

const ARCHIVE: SpotColumns =
    SpotColumns { at: 4, instance_type: 1, region: None, az_id: 0, price: 3, product: Some(2), width: 5 };

/// Returns whether a line has the form of the archive.
pub(crate) fn is_archive(line: &str) -> bool {
    let fields: Vec<&str> = line.split('\t').collect();
    fields.len() == ARCHIVE.width && region_of(fields[0]).is_some() && fields[1].contains('.')
}

pub(crate) fn read(
    reader: &mut dyn BufRead,
    context: &FeedContext<'_>,
    sink: BatchSink<'_>,
) -> Result<Vec<FeedReport>, FeedError> {
    let mut start = Vec::new();
    // A line of the archive is short. A file without line breaks is neither format.
    (&mut *reader).take(4096).read_until(b'\n', &mut start)?;
    let first = String::from_utf8_lossy(&start).trim_end().to_string();
    let archive = is_archive(&first);
    let delimiter = if first.contains('\t') { b'\t' } else { b',' };
    let mut format = ReaderBuilder::new();
    format.delimiter(delimiter).quoting(!archive).has_headers(false);
    let mut table = CsvTable::new(&format, start.as_slice().chain(reader));
    let places = match archive {
        true => ARCHIVE,
        false => {
            table.advance()?;
            places(&table.texts()?)?
        }
    };
    let mut rows = FeedRows::new("spot_price", sink);
    while table.advance()? {
        if table.row().len() != places.width {
            let (line, found) = (table.line(), table.row().len());
            return Err(bad(format!("line {line} has {found} fields; expected {}", places.width)));
        }
        put(&mut rows, &places, &table)?;
    }
    table.check_end()?;
    let spoken = rows.finish(ScopeShare::Asked, context.now, None)?;
    if spoken.is_empty() {
        return Err(bad("it contains no prices"));
    }
    Ok(spoken)
}

fn places(header: &[String]) -> Result<SpotColumns, FeedError> {
    let place = |name: &str| header.iter().position(|column| column == name);
    let needed = |name: &str| {
        place(name).ok_or_else(|| bad(format!("it has no column \"{name}\"; expected {}", NEEDED.join(", "))))
    };
    Ok(SpotColumns {
        at: needed("observed_at")?,
        instance_type: needed("instance_type")?,
        region: Some(needed("region")?),
        az_id: needed("az_id")?,
        price: needed("spot_usd")?,
        product: place("product"),
        width: header.len(),
    })
}

fn put(rows: &mut FeedRows<'_>, places: &SpotColumns, table: &CsvTable<impl Read>) -> Result<(), FeedError> {
    let line = || table.line();
    let (az_id, instance_type) = (table.text(places.az_id)?, table.text(places.instance_type)?);
    let region = match places.region {
        Some(at) => table.text(at)?.to_string(),
        None => region_of(az_id)
            .ok_or_else(|| bad(format!("line {}: the zone id \"{az_id}\" is in no region", line())))?,
    };
    if region.is_empty() || az_id.is_empty() || instance_type.is_empty() {
        return Err(bad(format!("line {}: a price without its type, region or zone id", line())));
    }
    let product = places.product.map(|at| table.text(at)).transpose()?;
    let Some(product) = product.map_or(Some("linux"), parse_spot_product) else {
        rows.leave_out(&region, "an unknown product");
        return Ok(());
    };
    let Some(currency) = currency_of(&region) else {
        rows.leave_out(&region, NO_CURRENCY);
        return Ok(());
    };
    let text = table.text(places.at)?;
    let at = instant(text).ok_or_else(|| bad(format!("line {}: \"{text}\" is not a time", line())))?;
    let text = table.text(places.price)?;
    let figure = match text {
        // The price ended, or is not known.
        "" => FeedCell::Null,
        text => match price(text).filter(|figure| *figure > 0) {
            Some(figure) => FeedCell::Exact(figure),
            None => {
                return Err(bad(format!("line {}: \"{text}\" is not a price above zero that fits", line())));
            }
        },
    };
    let row = [
        FeedCell::At(at),
        FeedCell::Text(instance_type),
        FeedCell::Text(&region),
        FeedCell::Text(az_id),
        FeedCell::Text(product),
        figure,
        FeedCell::Text(currency),
    ];
    rows.push(&region, at, &row)
}

/// Returns the region of a zone id: `use1-az1` is in us-east-1, `apne2-az1` in ap-northeast-2,
/// `usgw1-az1` in us-gov-west-1. Local zones (`usw2-lax1-az1`) are in their parent region.
fn region_of(az_id: &str) -> Option<String> {
    let (short, zone) = az_id.split_once('-')?;
    if !zone.contains("az") && !zone.contains("wlz") {
        return None;
    }
    let digits = short.find(|c: char| c.is_ascii_digit())?;
    let (letters, number) = short.split_at(digits);
    let (place, direction) = match letters.strip_prefix("usg") {
        Some(direction) => ("us-gov", direction),
        None => (letters.get(..2)?, letters.get(2..)?),
    };
    let direction = match direction {
        "n" => "north",
        "s" => "south",
        "e" => "east",
        "w" => "west",
        "c" => "central",
        "ne" => "northeast",
        "se" => "southeast",
        "nw" => "northwest",
        "sw" => "southwest",
        _ => return None,
    };
    number.parse::<u8>().ok().map(|number| format!("{place}-{direction}-{number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_id_names_its_region() {
        let check = |az_id: &str, expected: Option<&str>| {
            assert_eq!(region_of(az_id).as_deref(), expected, "{az_id}")
        };
        check("use1-az1", Some("us-east-1"));
        check("usw2-lax1-az1", Some("us-west-2"));
        check("use1-wl1-bos-wlz1", Some("us-east-1"));
        check("apne2-az1", Some("ap-northeast-2"));
        check("aps1-az1", Some("ap-south-1"));
        check("apse4-az3", Some("ap-southeast-4"));
        check("cnnw1-az1", Some("cn-northwest-1"));
        check("usgw1-az1", Some("us-gov-west-1"));
        check("afs1-az2", Some("af-south-1"));
        check("mxc1-az1", Some("mx-central-1"));
        check("use1", None);
        check("observed_at", None);
        check("x-az1", None);
        check("é1-az1", None);
    }
}
