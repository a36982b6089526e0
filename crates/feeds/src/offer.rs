//! Offer files of the EC2 price list, CSV or JSON.

use std::io::BufRead;

use crate::plain_text::first_byte;
use crate::{BatchSink, FeedContext, FeedError, FeedReport, bad, offer_csv, offer_json};

pub(crate) fn read(
    reader: &mut dyn BufRead,
    context: &FeedContext<'_>,
    sink: BatchSink<'_>,
) -> Result<Vec<FeedReport>, FeedError> {
    match first_byte(reader)? {
        None => Err(bad("it is empty; expected an offer file of AmazonEC2, CSV or JSON")),
        Some(b'{') => offer_json::read(reader, context, sink),
        Some(_) => offer_csv::read(reader, context, sink),
    }
}
