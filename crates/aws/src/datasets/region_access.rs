//! `region_access`: every region of the partition, including those that the account has not opted
//! into.

use catalog::ports::Gap;

use crate::gap::gap;
use crate::region_context::RegionContext;
use crate::row::dataset_row;
use crate::row_sink::RowSink;
use crate::values::word;

dataset_row! {
    /// A row of `region_access`.
    RegionAccessRow of "region_access" {
        account_id: String,
        region: Option<String>,
        opt_in_status: Option<String>,
        endpoint: Option<String>,
    }
}

pub(crate) async fn collect(context: &RegionContext, sink: &mut RowSink) -> Result<(), Gap> {
    let answer = context.ec2().describe_regions().all_regions(true).send().await;
    let answer = answer.map_err(|error| gap("ec2:DescribeRegions", &error))?;
    let row = |region: &aws_sdk_ec2::types::Region| RegionAccessRow {
        account_id: context.account.clone(),
        region: word(region.region_name()),
        opt_in_status: word(region.opt_in_status()),
        endpoint: word(region.endpoint()),
    };
    sink.add(answer.regions().iter().map(row).collect()).await
}
