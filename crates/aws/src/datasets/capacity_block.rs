//! `capacity_block`: capacity blocks for sale. Each type in each region is a request of its own.

use aws_sdk_ec2::types::CapacityBlockOffering;
use catalog::ports::{CapacityRequest, SourceError};
use domain::{Decimal, Timestamp};

use crate::clients::{self, ServerDate};
use crate::gap::gap;
use crate::request_answers::{AnswerRecorder, RequestAnswer};
use crate::row::{DatasetRow, dataset_row};
use crate::values::{at, money, whole, word};
use crate::zone_ids::ZoneIds;

const ACTION: &str = "ec2:DescribeCapacityBlockOfferings";

dataset_row! {
    /// A row of `capacity_block`.
    CapacityBlockRow of "capacity_block" {
        request: String,
        account_id: String,
        region: String,
        az_id: Option<String>,
        instance_type: String,
        instance_count: Option<i64>,
        duration_hours: Option<i64>,
        offering_id: Option<String>,
        starts_at: Option<Timestamp>,
        ends_at: Option<Timestamp>,
        upfront_price: Option<Decimal>,
        currency: Option<String>,
        tenancy: Option<String>,
    }
}

pub(crate) async fn collect(
    capacity: &CapacityRequest,
    recorder: &mut AnswerRecorder<'_>,
) -> Result<(), SourceError> {
    for region in recorder.query.regions {
        for instance_type in &capacity.types {
            let answer = recorder.wait(blocks(capacity, region, instance_type, recorder)).await?;
            recorder.record(answer)?;
        }
    }
    Ok(())
}

async fn blocks(
    capacity: &CapacityRequest,
    region: &str,
    instance_type: &str,
    recorder: &AnswerRecorder<'_>,
) -> RequestAnswer {
    let dated = ServerDate::default();
    let client = clients::ec2(recorder.config, Some(region), &dated);
    let account = &recorder.query.account.account_id;
    let request = format!("{account}/{region}/{instance_type} x {} for {}h", capacity.count, capacity.hours);
    let mut gaps = Vec::new();
    let zones = ZoneIds::or_gap(&client, &mut gaps).await;
    let number = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    let mut offers = client
        .describe_capacity_block_offerings()
        .instance_type(instance_type)
        .instance_count(number(capacity.count))
        .capacity_duration_hours(number(capacity.hours))
        .into_paginator()
        .items()
        .send();
    let row = |offer: &CapacityBlockOffering| CapacityBlockRow {
        request: request.clone(),
        account_id: account.clone(),
        region: region.into(),
        az_id: zones.id(None, offer.availability_zone()),
        instance_type: offer.instance_type().unwrap_or(instance_type).into(),
        instance_count: whole(offer.instance_count()),
        duration_hours: whole(offer.capacity_block_duration_hours()),
        offering_id: word(offer.capacity_block_offering_id()),
        starts_at: at(offer.start_date()),
        ends_at: at(offer.end_date()),
        upfront_price: money(offer.upfront_fee()),
        currency: word(offer.currency_code()),
        tenancy: word(offer.tenancy()),
    };
    let mut rows = Vec::new();
    while let Some(offer) = offers.next().await {
        match offer {
            Ok(offer) => rows.push(row(&offer).into_values()),
            Err(error) => {
                gaps.push(gap(ACTION, &error));
                break;
            }
        }
    }
    // The last failure says most: without zone ids, only one column is missing.
    RequestAnswer { rows, date: dated.first(), gap: gaps.pop(), request }
}
