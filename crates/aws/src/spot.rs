//! Requests spot prices and spot requests.

use aws_sdk_ec2::Client;
use catalog::Value;
use domain::{Decimal, parse_spot_product};

use crate::gap::gap;
use crate::look::{DatasetRows, RowSink};
use crate::places::ZoneIds;
use crate::values::{at, date_time, money, tags, timestamp, word};

/// Rows in a page. AWS does not return more, even if more are requested.
const PAGE: i32 = 1000;

/// `spot_price`: every change since `since`, and the price in effect at `since`.
pub(crate) async fn prices(client: &Client, seen: &mut RowSink<'_>) -> Result<(), String> {
    let zones = ZoneIds::of(client).await?;
    let call = client.describe_spot_price_history().start_time(date_time(seen.since)).max_results(PAGE);
    let mut pages = call.into_paginator().send();
    let (mut nameless, mut unknown) = (0_u64, 0_u64);
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| gap("ec2:DescribeSpotPriceHistory", &error))?;
        let mut rows = DatasetRows::new();
        for price in page.spot_price_history() {
            let Some(az_id) = zones.id(price.availability_zone_id(), price.availability_zone()) else {
                nameless += 1;
                continue;
            };
            let product = price.product_description().and_then(|words| parse_spot_product(words.as_str()));
            let figure = price.spot_price().and_then(|text| text.parse::<Decimal>().ok());
            let when = price.timestamp().and_then(timestamp);
            let (Some(product), Some(figure), Some(when)) = (product, figure, when) else {
                unknown += 1;
                continue;
            };
            rows.push(seen.row(|column| match column {
                "observed_at" => when.into(),
                "instance_type" => word(price.instance_type()),
                "region" => seen.region.as_str().into(),
                "az_id" => az_id.as_str().into(),
                "product" => product.into(),
                "price_per_hour" => figure.into(),
                "currency" => seen.currency.into(),
                other => unreachable!("spot_price.{other}"),
            }));
        }
        seen.hand_over(rows).await?;
    }
    let counted =
        [(nameless, "in a zone without an id"), (unknown, "of an unknown product or in an unknown format")];
    let left_out = counted.iter().filter(|(count, _)| *count > 0);
    seen.gaps.extend(left_out.map(|(count, why)| format!("{count} prices left out: {why}")));
    Ok(())
}

/// `spot_request`.
pub(crate) async fn requests(client: &Client, seen: &mut RowSink<'_>) -> Result<(), String> {
    let mut pages = client.describe_spot_instance_requests().max_results(1000).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| gap("ec2:DescribeSpotInstanceRequests", &error))?;
        let rows = page.spot_instance_requests().iter().map(|request| {
            seen.row(|column| match column {
                "account_id" => seen.account.as_str().into(),
                "region" => seen.region.as_str().into(),
                "spot_request_id" => request.spot_instance_request_id().into(),
                "request_type" => word(request.r#type()),
                "state" => word(request.state()),
                "status_code" => Value::from(request.status().and_then(|status| status.code())),
                "status_words" => Value::from(request.status().and_then(|status| status.message())),
                "instance_id" => request.instance_id().into(),
                "instance_type" => {
                    word(request.launch_specification().and_then(|launch| launch.instance_type()))
                }
                "max_price" => money(request.spot_price()),
                "interruption_behavior" => word(request.instance_interruption_behavior()),
                "created_at" => at(request.create_time()),
                "tags" => tags(request.tags()),
                other => unreachable!("spot_request.{other}"),
            })
        });
        let rows: DatasetRows = rows.collect();
        seen.hand_over(rows).await?;
    }
    Ok(())
}
