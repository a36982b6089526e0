//! Requests an account's instances, volumes, addresses and capacity reservations.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{Address, CapacityReservation, Instance, Volume};
use catalog::Value;

use crate::gap::gap;
use crate::heartbeat;
use crate::look::{DatasetRows, RowSink};
use crate::places::ZoneIds;
use crate::values::{at, tags, whole, word, words};

/// `instance`: every instance that AWS still lists, in any state. `utilization`: the heartbeats
/// that spawnd wrote into their tags.
pub(crate) async fn instances(client: &Client, seen: &mut RowSink<'_>) -> Result<(), String> {
    let zones = zones(client, seen).await;
    let mut pages = client.describe_instances().max_results(1000).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| gap("ec2:DescribeInstances", &error))?;
        let all = || page.reservations().iter().flat_map(|reservation| reservation.instances());
        let rows: DatasetRows =
            all().map(|one| seen.row(|column| instance(column, one, seen, zones.as_ref()))).collect();
        seen.hand_over(rows).await?;
        let (rows, gaps) = heartbeat::rows(all(), seen);
        seen.send_secondary(heartbeat::utilization(), rows, gaps).await?;
    }
    Ok(())
}

/// Requests the zone ids. If that fails, the error becomes a gap, and the rows have only the zone
/// ids that AWS sent with them.
async fn zones(client: &Client, seen: &mut RowSink<'_>) -> Option<ZoneIds> {
    match ZoneIds::of(client).await {
        Ok(zones) => Some(zones),
        Err(why) => {
            seen.gaps.push(why);
            None
        }
    }
}

fn zone(zones: Option<&ZoneIds>, id: Option<&str>, name: Option<&str>) -> Value {
    zones.map_or_else(|| id.map(String::from), |zones| zones.id(id, name)).into()
}

fn instance(column: &str, one: &Instance, seen: &RowSink<'_>, zones: Option<&ZoneIds>) -> Value {
    let placement = one.placement();
    match column {
        "account_id" => seen.account.as_str().into(),
        "region" => seen.region.as_str().into(),
        "az_id" => zone(
            zones,
            placement.and_then(|place| place.availability_zone_id()),
            placement.and_then(|place| place.availability_zone()),
        ),
        "instance_id" => one.instance_id().into(),
        "name" => one.tags().iter().find(|tag| tag.key() == Some("Name")).and_then(|tag| tag.value()).into(),
        "instance_type" => word(one.instance_type()),
        "state" => word(one.state().and_then(|state| state.name())),
        // AWS leaves it out for on-demand instances.
        "lifecycle" => one.instance_lifecycle().map_or("on-demand", |word| word.as_str()).into(),
        "platform" => one.platform_details().into(),
        "architecture" => word(one.architecture()),
        "tenancy" => word(placement.and_then(|place| place.tenancy())),
        "image_id" => one.image_id().into(),
        "launched_at" => at(one.launch_time()),
        "state_reason" => one.state_reason().and_then(|reason| reason.code()).into(),
        "state_words" => one.state_transition_reason().filter(|words| !words.is_empty()).into(),
        "key_name" => one.key_name().into(),
        "profile_arn" => one.iam_instance_profile().and_then(|profile| profile.arn()).into(),
        "vpc_id" => one.vpc_id().into(),
        "subnet_id" => one.subnet_id().into(),
        "private_ip" => one.private_ip_address().into(),
        "public_ip" => one.public_ip_address().into(),
        "spot_request_id" => one.spot_instance_request_id().into(),
        "capacity_reservation_id" => one.capacity_reservation_id().into(),
        "hibernation" => one.hibernation_options().and_then(|options| options.configured()).into(),
        "http_tokens" => word(one.metadata_options().and_then(|options| options.http_tokens())),
        "volumes" => {
            let ids = one.block_device_mappings().iter().filter_map(|disk| disk.ebs()?.volume_id());
            words(&sorted(ids))
        }
        "tags" => tags(&heartbeat::others(one)),
        other => unreachable!("instance.{other}"),
    }
}

fn sorted<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut texts: Vec<&str> = texts.collect();
    texts.sort_unstable();
    texts
}

/// `volume`.
pub(crate) async fn volumes(client: &Client, seen: &mut RowSink<'_>) -> Result<(), String> {
    let zones = zones(client, seen).await;
    let mut pages = client.describe_volumes().max_results(500).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| gap("ec2:DescribeVolumes", &error))?;
        let rows: DatasetRows = page
            .volumes()
            .iter()
            .map(|one| seen.row(|column| volume(column, one, seen, zones.as_ref())))
            .collect();
        seen.hand_over(rows).await?;
    }
    Ok(())
}

fn volume(column: &str, one: &Volume, seen: &RowSink<'_>, zones: Option<&ZoneIds>) -> Value {
    match column {
        "account_id" => seen.account.as_str().into(),
        "region" => seen.region.as_str().into(),
        "az_id" => zone(zones, one.availability_zone_id(), one.availability_zone()),
        "volume_id" => one.volume_id().into(),
        "state" => word(one.state()),
        "volume_type" => word(one.volume_type()),
        "size_gib" => whole(one.size()),
        "iops" => whole(one.iops()),
        "throughput_mib" => whole(one.throughput()),
        "encrypted" => one.encrypted().into(),
        "created_at" => at(one.create_time()),
        "instance_ids" => words(&sorted(one.attachments().iter().filter_map(|use_| use_.instance_id()))),
        "tags" => tags(one.tags()),
        other => unreachable!("volume.{other}"),
    }
}

/// `address`. This call has no pages.
pub(crate) async fn addresses(client: &Client, seen: &mut RowSink<'_>) -> Result<(), String> {
    let answer = client.describe_addresses().send().await;
    let answer = answer.map_err(|error| gap("ec2:DescribeAddresses", &error))?;
    let rows: DatasetRows =
        answer.addresses().iter().map(|one| seen.row(|column| address(column, one, seen))).collect();
    seen.hand_over(rows).await
}

fn address(column: &str, one: &Address, seen: &RowSink<'_>) -> Value {
    match column {
        "account_id" => seen.account.as_str().into(),
        "region" => seen.region.as_str().into(),
        "public_ip" => one.public_ip().into(),
        "allocation_id" => one.allocation_id().into(),
        // AWS sends an empty text where there is none.
        "instance_id" => one.instance_id().filter(|id| !id.is_empty()).into(),
        "association_id" => one.association_id().into(),
        "tags" => tags(one.tags()),
        other => unreachable!("address.{other}"),
    }
}

/// `capacity`: capacity reservations and capacity blocks.
pub(crate) async fn reservations(client: &Client, seen: &mut RowSink<'_>) -> Result<(), String> {
    let zones = zones(client, seen).await;
    let mut pages = client.describe_capacity_reservations().max_results(1000).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| gap("ec2:DescribeCapacityReservations", &error))?;
        let all = page.capacity_reservations().iter();
        let rows: DatasetRows =
            all.map(|one| seen.row(|column| reservation(column, one, seen, zones.as_ref()))).collect();
        seen.hand_over(rows).await?;
    }
    Ok(())
}

fn reservation(
    column: &str,
    one: &CapacityReservation,
    seen: &RowSink<'_>,
    zones: Option<&ZoneIds>,
) -> Value {
    match column {
        "account_id" => seen.account.as_str().into(),
        "region" => seen.region.as_str().into(),
        "az_id" => zone(zones, one.availability_zone_id(), one.availability_zone()),
        "capacity_reservation_id" => one.capacity_reservation_id().into(),
        "owner_id" => one.owner_id().into(),
        "kind" => word(one.reservation_type()),
        "instance_type" => one.instance_type().into(),
        "platform" => word(one.instance_platform()),
        "tenancy" => word(one.tenancy()),
        "state" => word(one.state()),
        "total" => whole(one.total_instance_count()),
        "available" => whole(one.available_instance_count()),
        "starts_at" => at(one.start_date()),
        "ends_at" => at(one.end_date()),
        "match_criteria" => word(one.instance_match_criteria()),
        "tags" => tags(one.tags()),
        other => unreachable!("capacity.{other}"),
    }
}
