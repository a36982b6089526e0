//! `instance`: every instance that AWS still lists, in any state. The heartbeats that spawnd wrote
//! into the tags become rows of `utilization`.

use aws_sdk_ec2::types::Instance;
use catalog::ports::Gap;
use domain::Timestamp;

use crate::gap::gap;
use crate::heartbeat;
use crate::region_context::RegionContext;
use crate::row::dataset_row;
use crate::row_sink::RowSink;
use crate::values::{at, sorted, tags, word};
use crate::zone_ids::ZoneIds;

dataset_row! {
    /// A row of `instance`.
    InstanceRow of "instance" {
        account_id: String,
        region: String,
        az_id: Option<String>,
        instance_id: Option<String>,
        name: Option<String>,
        instance_type: Option<String>,
        state: Option<String>,
        lifecycle: String,
        platform: Option<String>,
        architecture: Option<String>,
        tenancy: Option<String>,
        image_id: Option<String>,
        launched_at: Option<Timestamp>,
        state_reason: Option<String>,
        state_words: Option<String>,
        key_name: Option<String>,
        profile_arn: Option<String>,
        vpc_id: Option<String>,
        subnet_id: Option<String>,
        private_ip: Option<String>,
        public_ip: Option<String>,
        spot_request_id: Option<String>,
        capacity_reservation_id: Option<String>,
        hibernation: Option<bool>,
        http_tokens: Option<String>,
        volumes: Vec<String>,
        tags: String,
    }
}

pub(crate) async fn collect(context: &RegionContext, sink: &mut RowSink) -> Result<(), Gap> {
    let client = context.ec2();
    let zones = ZoneIds::or_gap(&client, &mut sink.gaps).await;
    let mut pages = client.describe_instances().max_results(1000).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| gap("ec2:DescribeInstances", &error))?;
        let all = || page.reservations().iter().flat_map(|reservation| reservation.instances());
        sink.add(all().map(|one| row(one, &zones, context)).collect()).await?;
        let (rows, gaps) = heartbeat::rows(all(), context);
        sink.add_secondary(rows, gaps).await?;
    }
    Ok(())
}

fn row(one: &Instance, zones: &ZoneIds, context: &RegionContext) -> InstanceRow {
    let placement = one.placement();
    let volumes = one.block_device_mappings().iter().filter_map(|disk| disk.ebs()?.volume_id());
    InstanceRow {
        account_id: context.account.clone(),
        region: context.region.clone(),
        az_id: zones.id(
            placement.and_then(|place| place.availability_zone_id()),
            placement.and_then(|place| place.availability_zone()),
        ),
        instance_id: word(one.instance_id()),
        name: word(one.tags().iter().find(|tag| tag.key() == Some("Name")).and_then(|tag| tag.value())),
        instance_type: word(one.instance_type()),
        state: word(one.state().and_then(|state| state.name())),
        // AWS leaves it out for on-demand instances.
        lifecycle: one.instance_lifecycle().map_or("on-demand", |word| word.as_str()).into(),
        platform: word(one.platform_details()),
        architecture: word(one.architecture()),
        tenancy: word(placement.and_then(|place| place.tenancy())),
        image_id: word(one.image_id()),
        launched_at: at(one.launch_time()),
        state_reason: word(one.state_reason().and_then(|reason| reason.code())),
        state_words: word(one.state_transition_reason().filter(|words| !words.is_empty())),
        key_name: word(one.key_name()),
        profile_arn: word(one.iam_instance_profile().and_then(|profile| profile.arn())),
        vpc_id: word(one.vpc_id()),
        subnet_id: word(one.subnet_id()),
        private_ip: word(one.private_ip_address()),
        public_ip: word(one.public_ip_address()),
        spot_request_id: word(one.spot_instance_request_id()),
        capacity_reservation_id: word(one.capacity_reservation_id()),
        hibernation: one.hibernation_options().and_then(|options| options.configured()),
        http_tokens: word(one.metadata_options().and_then(|options| options.http_tokens())),
        volumes: sorted(volumes),
        tags: tags(&heartbeat::others(one)),
    }
}
