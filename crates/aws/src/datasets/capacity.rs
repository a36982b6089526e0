//! `capacity`: capacity reservations and capacity blocks.

use aws_sdk_ec2::types::CapacityReservation;
use catalog::ports::Gap;
use domain::Timestamp;

use crate::gap::gap;
use crate::region_context::RegionContext;
use crate::row::dataset_row;
use crate::row_sink::RowSink;
use crate::values::{at, tags, whole, word};
use crate::zone_ids::ZoneIds;

dataset_row! {
    /// A row of `capacity`.
    CapacityRow of "capacity" {
        account_id: String,
        region: String,
        az_id: Option<String>,
        capacity_reservation_id: Option<String>,
        owner_id: Option<String>,
        kind: Option<String>,
        instance_type: Option<String>,
        platform: Option<String>,
        tenancy: Option<String>,
        state: Option<String>,
        total: Option<i64>,
        available: Option<i64>,
        starts_at: Option<Timestamp>,
        ends_at: Option<Timestamp>,
        match_criteria: Option<String>,
        tags: String,
    }
}

pub(crate) async fn collect(context: &RegionContext, sink: &mut RowSink) -> Result<(), Gap> {
    let client = context.ec2();
    let zones = ZoneIds::or_gap(&client, &mut sink.gaps).await;
    let row = |one: &CapacityReservation| CapacityRow {
        account_id: context.account.clone(),
        region: context.region.clone(),
        az_id: zones.id(one.availability_zone_id(), one.availability_zone()),
        capacity_reservation_id: word(one.capacity_reservation_id()),
        owner_id: word(one.owner_id()),
        kind: word(one.reservation_type()),
        instance_type: word(one.instance_type()),
        platform: word(one.instance_platform()),
        tenancy: word(one.tenancy()),
        state: word(one.state()),
        total: whole(one.total_instance_count()),
        available: whole(one.available_instance_count()),
        starts_at: at(one.start_date()),
        ends_at: at(one.end_date()),
        match_criteria: word(one.instance_match_criteria()),
        tags: tags(one.tags()),
    };
    let mut pages = client.describe_capacity_reservations().max_results(1000).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| gap("ec2:DescribeCapacityReservations", &error))?;
        sink.add(page.capacity_reservations().iter().map(row).collect()).await?;
    }
    Ok(())
}
