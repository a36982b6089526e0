//! `zone`: the zones that the account can use.

use aws_sdk_ec2::types::AvailabilityZone;
use catalog::ports::Gap;

use crate::gap::gap;
use crate::region_context::RegionContext;
use crate::row::dataset_row;
use crate::row_sink::RowSink;
use crate::values::word;

dataset_row! {
    /// A row of `zone`.
    ZoneRow of "zone" {
        account_id: String,
        region: String,
        az_id: Option<String>,
        zone_name: Option<String>,
    }
}

pub(crate) async fn collect(context: &RegionContext, sink: &mut RowSink) -> Result<(), Gap> {
    let answer = context.ec2().describe_availability_zones().send().await;
    let answer = answer.map_err(|error| gap("ec2:DescribeAvailabilityZones", &error))?;
    let row = |zone: &AvailabilityZone| ZoneRow {
        account_id: context.account.clone(),
        region: context.region.clone(),
        az_id: word(zone.zone_id()),
        zone_name: word(zone.zone_name()),
    };
    sink.add(answer.availability_zones().iter().map(row).collect()).await
}
