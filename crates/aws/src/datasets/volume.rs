//! `volume`: the account's EBS volumes.

use aws_sdk_ec2::types::Volume;
use catalog::ports::Gap;
use domain::Timestamp;

use crate::gap::gap;
use crate::region_context::RegionContext;
use crate::row::dataset_row;
use crate::row_sink::RowSink;
use crate::values::{at, sorted, tags, whole, word};
use crate::zone_ids::ZoneIds;

dataset_row! {
    /// A row of `volume`.
    VolumeRow of "volume" {
        account_id: String,
        region: String,
        az_id: Option<String>,
        volume_id: Option<String>,
        state: Option<String>,
        volume_type: Option<String>,
        size_gib: Option<i64>,
        iops: Option<i64>,
        throughput_mib: Option<i64>,
        encrypted: Option<bool>,
        created_at: Option<Timestamp>,
        instance_ids: Vec<String>,
        tags: String,
    }
}

pub(crate) async fn collect(context: &RegionContext, sink: &mut RowSink) -> Result<(), Gap> {
    let client = context.ec2();
    let zones = ZoneIds::or_gap(&client, &mut sink.gaps).await;
    let row = |one: &Volume| VolumeRow {
        account_id: context.account.clone(),
        region: context.region.clone(),
        az_id: zones.id(one.availability_zone_id(), one.availability_zone()),
        volume_id: word(one.volume_id()),
        state: word(one.state()),
        volume_type: word(one.volume_type()),
        size_gib: whole(one.size()),
        iops: whole(one.iops()),
        throughput_mib: whole(one.throughput()),
        encrypted: one.encrypted(),
        created_at: at(one.create_time()),
        instance_ids: sorted(one.attachments().iter().filter_map(|use_| use_.instance_id())),
        tags: tags(one.tags()),
    };
    let mut pages = client.describe_volumes().max_results(500).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| gap("ec2:DescribeVolumes", &error))?;
        sink.add(page.volumes().iter().map(row).collect()).await?;
    }
    Ok(())
}
