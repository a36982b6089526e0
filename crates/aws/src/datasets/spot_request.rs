//! `spot_request`: the account's spot requests.

use aws_sdk_ec2::types::SpotInstanceRequest;
use catalog::ports::Gap;
use domain::{Decimal, Timestamp};

use crate::gap::gap;
use crate::region_context::RegionContext;
use crate::row::dataset_row;
use crate::row_sink::RowSink;
use crate::values::{at, money, tags, word};

dataset_row! {
    /// A row of `spot_request`.
    SpotRequestRow of "spot_request" {
        account_id: String,
        region: String,
        spot_request_id: Option<String>,
        request_type: Option<String>,
        state: Option<String>,
        status_code: Option<String>,
        status_words: Option<String>,
        instance_id: Option<String>,
        instance_type: Option<String>,
        max_price: Option<Decimal>,
        interruption_behavior: Option<String>,
        created_at: Option<Timestamp>,
        tags: String,
    }
}

pub(crate) async fn collect(context: &RegionContext, sink: &mut RowSink) -> Result<(), Gap> {
    let row = |request: &SpotInstanceRequest| SpotRequestRow {
        account_id: context.account.clone(),
        region: context.region.clone(),
        spot_request_id: word(request.spot_instance_request_id()),
        request_type: word(request.r#type()),
        state: word(request.state()),
        status_code: word(request.status().and_then(|status| status.code())),
        status_words: word(request.status().and_then(|status| status.message())),
        instance_id: word(request.instance_id()),
        instance_type: word(request.launch_specification().and_then(|launch| launch.instance_type())),
        max_price: money(request.spot_price()),
        interruption_behavior: word(request.instance_interruption_behavior()),
        created_at: at(request.create_time()),
        tags: tags(request.tags()),
    };
    let call = context.ec2().describe_spot_instance_requests().max_results(1000);
    let mut pages = call.into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| gap("ec2:DescribeSpotInstanceRequests", &error))?;
        sink.add(page.spot_instance_requests().iter().map(row).collect()).await?;
    }
    Ok(())
}
