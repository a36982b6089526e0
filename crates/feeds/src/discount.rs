//! A customer's own discounts as CSV: `discount_id`, `percent` or `price_per_hour` with `currency`,
//! and optionally the attributes that a discount is limited to. An empty attribute means any value.

use std::collections::HashSet;
use std::io::BufRead;

use csv::ReaderBuilder;
use domain::{Region, Timestamp};

use crate::completeness::ScopeShare;
use crate::csv_table::CsvTable;
use crate::rows::{FeedCell, FeedRows, price};
use crate::{BatchSink, FeedContext, FeedError, FeedReport, bad};

/// The columns, in the order of the dataset.
const COLUMNS: [&str; 12] = [
    "discount_id",
    "account_id",
    "service",
    "region",
    "family",
    "os",
    "purchase",
    "percent",
    "price_per_hour",
    "currency",
    "starts_on",
    "ends_on",
];

/// Rows of a file. A customer has some dozens.
const MOST_DISCOUNTS: usize = 10_000;

/// A hundred percent, in the unit of DECIMAL(18,10).
const WHOLE: i128 = 100 * 10_i128.pow(10);

const SYSTEMS: [&str; 6] = ["linux", "rhel", "rhel-ha", "suse", "ubuntu-pro", "windows"];

const PURCHASES: [&str; 5] =
    ["on-demand", "spot", "reserved", "compute-savings-plan", "instance-savings-plan"];

pub(crate) fn read(
    reader: &mut dyn BufRead,
    context: &FeedContext<'_>,
    sink: BatchSink<'_>,
) -> Result<Vec<FeedReport>, FeedError> {
    let mut table = CsvTable::new(ReaderBuilder::new().has_headers(false), reader);
    table.advance()?;
    let places = read_header(&table.texts()?)?;
    // The file does not state when it was made.
    let at = context.modified.unwrap_or(context.now);
    let mut rows = FeedRows::new("discount", sink);
    let mut ids = HashSet::new();
    while table.advance()? {
        let mut texts = [""; COLUMNS.len()];
        for (text, place) in texts.iter_mut().zip(places) {
            *text = place.map_or(Ok(""), |place| table.text(place))?.trim();
        }
        let line = table.line();
        let cells = read_discount(&texts, context).map_err(|why| bad(format!("line {line}: {why}")))?;
        if !ids.insert(texts[0].to_string()) {
            return Err(bad(format!("line {line}: the discount_id \"{}\" occurs twice", texts[0])));
        }
        if ids.len() > MOST_DISCOUNTS {
            return Err(bad(format!("it has more than {MOST_DISCOUNTS} discounts, the limit of a file")));
        }
        rows.push("*", at, &cells)?;
    }
    table.check_end()?;
    if ids.is_empty() {
        return Err(bad("it contains no discounts"));
    }
    rows.finish(ScopeShare::All, at, None)
}

/// Returns the place of each column; `None` for a column that the file does not have.
fn read_header(header: &[String]) -> Result<[Option<usize>; COLUMNS.len()], FeedError> {
    if let Some(odd) = header.iter().find(|name| !COLUMNS.contains(&name.as_str())) {
        return Err(bad(format!("it has a column \"{odd}\"; expected {}", COLUMNS.join(", "))));
    }
    if let Some(twice) = COLUMNS.iter().find(|name| header.iter().filter(|one| one == name).count() > 1) {
        return Err(bad(format!("it has the column \"{twice}\" twice")));
    }
    let place = |name: &str| header.iter().position(|column| column == name);
    if place("discount_id").is_none() {
        return Err(bad("it has no column \"discount_id\""));
    }
    if place("percent").is_none() && place("price_per_hour").is_none() {
        return Err(bad("it has neither a column \"percent\" nor \"price_per_hour\""));
    }
    Ok(COLUMNS.map(place))
}

/// Checks the texts of a line, in the order of [`COLUMNS`]. Returns the cells of the row, or why it
/// is no discount.
fn read_discount<'a>(
    texts: &[&'a str; COLUMNS.len()],
    context: &FeedContext<'a>,
) -> Result<[FeedCell<'a>; COLUMNS.len() + 1], String> {
    let [id, account, service, region, family, os, purchase, percent, agreed, currency, starts, ends] =
        *texts;
    if !domain::is_code(id) {
        return Err(format!("the discount_id \"{id}\" is empty or has other than printable characters"));
    }
    let is_account = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_service = |text: &str| text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_region = |text: &str| Region::is_valid(text) && domain::partition_of(text).is_some();
    let is_family = |text: &str| {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        text.len() <= 32 && text.bytes().all(is_plain)
    };
    let is_currency = |text: &str| text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase());
    check("account_id", account, "12 digits", is_account)?;
    check("service", service, "a service code such as AmazonEC2", is_service)?;
    check("region", region, "a region code such as eu-central-1", is_region)?;
    check("family", family, "a family of instance types such as m7i", is_family)?;
    check("os", os, &SYSTEMS.join(", "), |text| SYSTEMS.contains(&text))?;
    check("purchase", purchase, &PURCHASES.join(", "), |text| PURCHASES.contains(&text))?;
    check("currency", currency, "an ISO 4217 code such as USD", is_currency)?;
    let (percent, agreed) = read_rate(percent, agreed, currency)?;
    let (starts_on, ends_on) = (read_day("starts_on", starts)?, read_day("ends_on", ends)?);
    if starts_on.zip(ends_on).is_some_and(|(first, last)| last < first) {
        return Err(format!("ends_on {ends} is before starts_on {starts}"));
    }
    let text = |text: &'a str| FeedCell::from(Some(text).filter(|text| !text.is_empty()));
    let number = |number: Option<i128>| number.map_or(FeedCell::Null, FeedCell::Exact);
    let day = |day: Option<Timestamp>| day.map_or(FeedCell::Null, FeedCell::At);
    Ok([
        text(id),
        text(account),
        text(service),
        text(region),
        text(family),
        text(os),
        text(purchase),
        number(percent),
        number(agreed),
        text(currency),
        day(starts_on),
        day(ends_on),
        FeedCell::Text(context.source),
    ])
}

/// Refuses a text that is neither empty nor valid.
fn check(column: &str, text: &str, expected: &str, is_valid: impl Fn(&str) -> bool) -> Result<(), String> {
    match text.is_empty() || is_valid(text) {
        true => Ok(()),
        false => Err(format!("the {column} \"{text}\" is not valid; expected {expected}")),
    }
}

/// Reads the percentage or the agreed price, exactly one of which is given.
fn read_rate(percent: &str, agreed: &str, currency: &str) -> Result<(Option<i128>, Option<i128>), String> {
    let number = |column: &str, text: &str| {
        price(text).ok_or_else(|| format!("the {column} \"{text}\" is not a number with at most 10 decimals"))
    };
    match (percent, agreed) {
        ("", "") => Err("it has neither percent nor price_per_hour".into()),
        (percent, "") => match number("percent", percent)? {
            negative if negative < 0 => Err(format!("the percent \"{percent}\" is negative")),
            above if above > WHOLE => Err(format!("the percent \"{percent}\" is above 100")),
            percent => Ok((Some(percent), None)),
        },
        ("", agreed) => match number("price_per_hour", agreed)? {
            price if price <= 0 => Err(format!("the price_per_hour \"{agreed}\" is not above 0")),
            _ if currency.is_empty() => Err("a price_per_hour needs a currency".into()),
            price => Ok((None, Some(price))),
        },
        _ => Err("it has both percent and price_per_hour".into()),
    }
}

/// Reads a day such as 2026-01-31; `None` for an empty text.
fn read_day(column: &str, text: &str) -> Result<Option<Timestamp>, String> {
    let is_day = text.len() == "2026-01-31".len();
    match (text.is_empty(), domain::parse_instant(text).filter(|_| is_day)) {
        (true, _) => Ok(None),
        (false, Some(day)) => Ok(Some(day)),
        (false, None) => Err(format!("the {column} \"{text}\" is not a day such as 2026-01-31")),
    }
}

#[cfg(test)]
mod tests {
    use catalog::{ColumnValues, RowBatch};

    use super::*;
    use crate::{Completeness, FeedKind};

    fn parse(text: &str) -> Result<(Vec<FeedReport>, Vec<RowBatch>), String> {
        let context = FeedContext {
            source: "own.csv",
            modified: Some("2026-11-01T00:00:00Z".parse().unwrap()),
            now: "2026-11-20T00:00:00Z".parse().unwrap(),
            whole: Completeness::Unsaid { sealed: false },
            in_force: None,
            account: None,
        };
        let mut batches = Vec::new();
        let reports = crate::read(FeedKind::Discount, &mut text.as_bytes(), &context, &mut |batch| {
            batches.push(batch);
            Ok(())
        });
        reports.map(|reports| (reports, batches)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_discount_is_read_with_empty_attributes_as_any() {
        let text = "discount_id,family,percent,starts_on\nedp,,7.5,\nm7i, m7i ,12,2026-01-01\n";
        let (reports, batches) = parse(text).unwrap();
        assert_eq!((reports[0].scope.as_str(), reports[0].rows, reports[0].complete), ("*", 2, true));
        assert_eq!(reports[0].observed_at, "2026-11-01T00:00:00Z".parse::<Timestamp>().unwrap());
        let texts = |name: &str| match batches[0].column(name) {
            Some(ColumnValues::Text(texts)) => [0, 1].map(|row| texts.get(row).map(String::from)),
            other => panic!("{name}: {other:?}"),
        };
        assert_eq!(texts("discount_id"), [Some("edp".to_string()), Some("m7i".to_string())]);
        assert_eq!(texts("family"), [None, Some("m7i".to_string())]);
        assert_eq!(texts("account_id"), [None, None]);
        let percent = ColumnValues::Decimal(vec![Some(75_000_000_000), Some(120_000_000_000)]);
        assert_eq!(batches[0].column("percent"), Some(&percent));
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let starts = ColumnValues::Timestamp(vec![None, Some(start.as_microsecond())]);
        assert_eq!(batches[0].column("starts_on"), Some(&starts));
    }

    #[test]
    fn a_wrong_line_is_refused_with_its_number() {
        let head = COLUMNS.join(",");
        let check = |line: &str, expected: &str| {
            let found = parse(&format!("{head}\ngood,,,,,,,5,,,,\n{line}\n")).map(|_| ());
            assert_eq!(found, Err(format!("line 3: {expected}")), "{line}");
        };
        check("a,,,,,,,-1,,,,", "the percent \"-1\" is negative");
        check("a,,,,,,,100.5,,,,", "the percent \"100.5\" is above 100");
        check("a,,,,,,,5,0.1,USD,,", "it has both percent and price_per_hour");
        check("a,,,,,,,,,,,", "it has neither percent nor price_per_hour");
        check("a,,,,,,,ten,,,,", "the percent \"ten\" is not a number with at most 10 decimals");
        check("a,,,,,,,,0,USD,,", "the price_per_hour \"0\" is not above 0");
        check("a,,,,,,,,-0.1,USD,,", "the price_per_hour \"-0.1\" is not above 0");
        check("a,,,,,,,,0.1,,,", "a price_per_hour needs a currency");
        check("a,,,,,,,5,,usd,,", "the currency \"usd\" is not valid; expected an ISO 4217 code such as USD");
        check("a,1234,,,,,,5,,,,", "the account_id \"1234\" is not valid; expected 12 digits");
        let region = "the region \"mars-1\" is not valid; expected a region code such as eu-central-1";
        check("a,,,mars-1,,,,5,,,,", region);
        let family = "the family \"m7i.large\" is not valid; expected a family of instance types such as m7i";
        check("a,,,,m7i.large,,,5,,,,", family);
        check("a,,,,,,,5,,,2026-02-01,2026-01-31", "ends_on 2026-01-31 is before starts_on 2026-02-01");
        check("a,,,,,,,5,,,soon,", "the starts_on \"soon\" is not a day such as 2026-01-31");
        check("good,,,,,,,6,,,,", "the discount_id \"good\" occurs twice");
        check(",,,,,,,6,,,,", "the discount_id \"\" is empty or has other than printable characters");
        let os = "the os \"haiku\" is not valid; expected linux, rhel, rhel-ha, suse, ubuntu-pro, windows";
        check("a,,,,,haiku,,6,,,,", os);
        let service = "the service \"a b\" is not valid; expected a service code such as AmazonEC2";
        check("a,,a b,,,,,6,,,,", service);
    }

    #[test]
    fn a_file_without_discounts_is_an_error() {
        let check = |text: &str, expected: &str| assert_eq!(parse(text).map(|_| ()), Err(expected.into()));
        check("discount_id,percent\n", "it contains no discounts");
        check("percent\n5\n", "it has no column \"discount_id\"");
        check("discount_id\na\n", "it has neither a column \"percent\" nor \"price_per_hour\"");
        check("discount_id,percent,percent\na,1,2\n", "it has the column \"percent\" twice");
        let odd = format!("it has a column \"rate\"; expected {}", COLUMNS.join(", "));
        check("discount_id,rate\na,1\n", &odd);
    }
}
