//! A Cost and Usage Report of any length in the legacy layout, uncompressed.

use std::io::Write;

use crate::TaskError;

const HEADER: &str = "identity/LineItemId,identity/TimeInterval,bill/InvoiceId,bill/BillingEntity,bill/BillType,\
bill/PayerAccountId,bill/BillingPeriodStartDate,bill/BillingPeriodEndDate,lineItem/UsageAccountId,lineItem/LineItemType,\
lineItem/UsageStartDate,lineItem/UsageEndDate,lineItem/ProductCode,lineItem/UsageType,lineItem/Operation,\
lineItem/AvailabilityZone,lineItem/ResourceId,lineItem/UsageAmount,lineItem/CurrencyCode,lineItem/UnblendedRate,\
lineItem/UnblendedCost,lineItem/BlendedRate,lineItem/BlendedCost,lineItem/LineItemDescription,product/ProductName,\
product/instanceType,product/location,product/memory,product/operatingSystem,product/region,product/servicecode,\
product/sku,product/vcpu,pricing/publicOnDemandCost,pricing/publicOnDemandRate,pricing/term,pricing/unit,\
resourceTags/user:Name,resourceTags/user:Team\n";

/// Days of the months of 2026.
const DAYS: [u64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// Returns the number of days of a month of 2026.
pub(super) fn days(month: u32) -> u64 {
    DAYS[month as usize - 1]
}

/// Writes `rows` lines of one payer and one month of 2026.
pub(super) fn write(out: &mut dyn Write, rows: u64, month: u32) -> Result<(), TaskError> {
    let failed = |e: std::io::Error| format!("cannot write the report: {e}");
    out.write_all(HEADER.as_bytes()).map_err(failed)?;
    let hours = 24 * days(month);
    for row in 0..rows {
        let (hour, account, resource) = (row / (rows / hours + 1), row % 40, row % 20_000);
        let (day, hour) = (hour / 24 + 1, hour % 24);
        let cost = row.wrapping_mul(7_919) % 1_000_000_007;
        let from = format!("2026-{month:02}-{day:02}T{hour:02}:00:00Z");
        writeln!(
            out,
            "k{row:024x},{from}/PT1H,,AWS,Anniversary,111122223333,2026-{month:02}-01T00:00:00Z,2026-{:02}-01T00:00:00Z,{account:012},Usage,\
             {from},2026-{month:02}-{day:02}T{hour:02}:59:59Z,AmazonEC2,BoxUsage:m5.large,RunInstances,us-east-1a,i-{resource:017x},1.0,USD,\
             0.0960000000,{}.{:010},0.0960000000,0.0960000000,$0.096 per On Demand Linux m5.large Instance Hour,\
             Amazon Elastic Compute Cloud,m5.large,US East (N. Virginia),8 GiB,Linux,us-east-1,AmazonEC2,RTMD3Z3QKJ5WNPFH,2,\
             0.0960000000,0.0960000000,OnDemand,Hrs,host-{resource},team-{}",
            month + 1,
            cost / 1_000_000_000,
            cost % 1_000_000_000 * 10,
            account % 7,
        )
        .map_err(failed)?;
    }
    Ok(())
}
