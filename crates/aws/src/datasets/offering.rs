//! `offering`: the instance types offered in each zone.

use aws_sdk_ec2::types::{InstanceTypeOffering, LocationType};
use catalog::ports::Gap;

use crate::gap::gap;
use crate::region_context::RegionContext;
use crate::row::dataset_row;
use crate::row_sink::RowSink;
use crate::values::word;

dataset_row! {
    /// A row of `offering`.
    OfferingRow of "offering" {
        instance_type: Option<String>,
        region: String,
        az_id: Option<String>,
    }
}

pub(crate) async fn collect(context: &RegionContext, sink: &mut RowSink) -> Result<(), Gap> {
    let call = context.ec2().describe_instance_type_offerings();
    let call = call.location_type(LocationType::AvailabilityZoneId).max_results(1000);
    let row = |offering: &InstanceTypeOffering| OfferingRow {
        instance_type: word(offering.instance_type()),
        region: context.region.clone(),
        az_id: word(offering.location()),
    };
    let mut pages = call.into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| gap("ec2:DescribeInstanceTypeOfferings", &error))?;
        sink.add(page.instance_type_offerings().iter().map(row).collect()).await?;
    }
    Ok(())
}
