//! `spot_price`: every change since the start of the history, and the price in effect at the start.

use aws_sdk_ec2::types::SpotPrice;
use catalog::ports::Gap;
use domain::{Decimal, Timestamp, currency_of, parse_spot_product};

use crate::gap::gap;
use crate::region_context::RegionContext;
use crate::row::dataset_row;
use crate::row_sink::RowSink;
use crate::values::{date_time, money, timestamp, word};
use crate::zone_ids::ZoneIds;

/// Rows in a page. AWS does not return more, even if more are requested.
const PAGE: i32 = 1000;

dataset_row! {
    /// A row of `spot_price`.
    SpotPriceChangeRow of "spot_price" {
        observed_at: Timestamp,
        instance_type: Option<String>,
        region: String,
        az_id: String,
        product: String,
        price_per_hour: Decimal,
        currency: String,
    }
}

/// The reason why a price is left out.
enum LeftOut {
    NoZoneId,
    UnknownFormat,
}

pub(crate) async fn collect(context: &RegionContext, sink: &mut RowSink) -> Result<(), Gap> {
    let currency = currency_of(&context.region)
        .ok_or_else(|| Gap::from(format!("the currency of {} is not known", context.region)))?;
    let client = context.ec2();
    let zones = ZoneIds::of(&client).await?;
    let call = client.describe_spot_price_history().start_time(date_time(context.since)).max_results(PAGE);
    let mut pages = call.into_paginator().send();
    let (mut nameless, mut unknown) = (0_u64, 0_u64);
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| gap("ec2:DescribeSpotPriceHistory", &error))?;
        let mut rows = Vec::new();
        for price in page.spot_price_history() {
            match row(price, &zones, context, currency) {
                Ok(row) => rows.push(row),
                Err(LeftOut::NoZoneId) => nameless += 1,
                Err(LeftOut::UnknownFormat) => unknown += 1,
            }
        }
        sink.add(rows).await?;
    }
    let counted =
        [(nameless, "in a zone without an id"), (unknown, "of an unknown product or in an unknown format")];
    let left_out = counted.iter().filter(|(count, _)| *count > 0);
    sink.gaps.extend(left_out.map(|(count, why)| format!("{count} prices left out: {why}").into()));
    Ok(())
}

fn row(
    price: &SpotPrice,
    zones: &ZoneIds,
    context: &RegionContext,
    currency: &str,
) -> Result<SpotPriceChangeRow, LeftOut> {
    let az_id = zones.id(price.availability_zone_id(), price.availability_zone());
    let az_id = az_id.ok_or(LeftOut::NoZoneId)?;
    let product = price.product_description().and_then(|words| parse_spot_product(words.as_str()));
    Ok(SpotPriceChangeRow {
        observed_at: price.timestamp().and_then(timestamp).ok_or(LeftOut::UnknownFormat)?,
        instance_type: word(price.instance_type()),
        region: context.region.clone(),
        az_id,
        product: product.ok_or(LeftOut::UnknownFormat)?.into(),
        price_per_hour: money(price.spot_price()).ok_or(LeftOut::UnknownFormat)?,
        currency: currency.into(),
    })
}
