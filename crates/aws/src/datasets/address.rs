//! `address`: the account's elastic IP addresses. The call has no pages.

use aws_sdk_ec2::types::Address;
use catalog::ports::Gap;

use crate::gap::gap;
use crate::region_context::RegionContext;
use crate::row::dataset_row;
use crate::row_sink::RowSink;
use crate::values::{tags, word};

dataset_row! {
    /// A row of `address`.
    AddressRow of "address" {
        account_id: String,
        region: String,
        public_ip: Option<String>,
        allocation_id: Option<String>,
        instance_id: Option<String>,
        association_id: Option<String>,
        tags: String,
    }
}

pub(crate) async fn collect(context: &RegionContext, sink: &mut RowSink) -> Result<(), Gap> {
    let answer = context.ec2().describe_addresses().send().await;
    let answer = answer.map_err(|error| gap("ec2:DescribeAddresses", &error))?;
    let row = |one: &Address| AddressRow {
        account_id: context.account.clone(),
        region: context.region.clone(),
        public_ip: word(one.public_ip()),
        allocation_id: word(one.allocation_id()),
        // AWS sends an empty text where there is none.
        instance_id: word(one.instance_id().filter(|id| !id.is_empty())),
        association_id: word(one.association_id()),
        tags: tags(one.tags()),
    };
    sink.add(answer.addresses().iter().map(row).collect()).await
}
