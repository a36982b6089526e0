//! The rows of a file of Savings Plans rates, for CSV and JSON.

use crate::completeness::InstanceTypeCounter;
use crate::price_list::ListPublication;
use crate::product::{NO_PARTITION, instant, operation, payment};
use crate::rows::{FeedCell, FeedRows, price};
use crate::{BatchSink, Completeness, FeedContext, FeedError, FeedReport, bad};

/// A rate as the file spells it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PlanRate<'a> {
    /// SKU of the plan.
    pub(crate) sku: &'a str,
    /// `ComputeSavingsPlans` or `EC2InstanceSavingsPlans`.
    pub(crate) family: &'a str,
    pub(crate) payment: &'a str,
    /// Duration and its unit.
    pub(crate) lease: (&'a str, &'a str),
    pub(crate) effective: &'a str,
    /// SKU of the usage that the rate applies to.
    pub(crate) used_sku: &'a str,
    pub(crate) service: &'a str,
    pub(crate) usage_type: &'a str,
    pub(crate) operation: &'a str,
    pub(crate) region: &'a str,
    pub(crate) instance_type: &'a str,
    pub(crate) unit: &'a str,
    pub(crate) amount: &'a str,
    pub(crate) currency: &'a str,
}

/// Collects the rows of a file of rates.
pub(crate) struct SavingsPlanRows<'a> {
    rows: FeedRows<'a>,
    types: InstanceTypeCounter,
    publication: ListPublication,
    source: &'a str,
}

impl<'a> SavingsPlanRows<'a> {
    pub(crate) fn new(
        publication: ListPublication,
        context: &FeedContext<'a>,
        sink: BatchSink<'a>,
    ) -> SavingsPlanRows<'a> {
        let rows = FeedRows::new("savings_plan", sink);
        let publication = publication.in_force_since(context.in_force);
        SavingsPlanRows { rows, types: InstanceTypeCounter::default(), publication, source: context.source }
    }

    /// Adds a rate; `place` describes its place in the file for errors.
    pub(crate) fn put(&mut self, rate: &PlanRate<'_>, place: &dyn Fn() -> String) -> Result<(), FeedError> {
        let region = rate.region;
        if region.is_empty() {
            return Err(bad(format!("{}: a rate without a region", place())));
        }
        let Some(partition) = domain::partition_of(region) else {
            return self.leave_out(region, NO_PARTITION);
        };
        let plan = match rate.family {
            "ComputeSavingsPlans" => "compute",
            "EC2InstanceSavingsPlans" => "instance",
            _ => return self.leave_out(region, "an unknown kind of plan"),
        };
        let years = match rate.lease {
            ("1", "year") => 1,
            ("3", "year") => 3,
            _ => return self.leave_out(region, "a lease of neither one nor three years"),
        };
        let Some(payment) = payment(rate.payment) else {
            return self.leave_out(region, "an unknown payment option");
        };
        let figure = price(rate.amount).ok_or_else(|| {
            bad(format!("{}: the rate \"{}\" does not fit DECIMAL(18,10)", place(), rate.amount))
        })?;
        if figure <= 0 {
            return self.leave_out(region, "a rate of 0");
        }
        let ec2 = rate.service == "AmazonEC2";
        if ec2 && rate.unit != "Hrs" {
            return self.leave_out(region, "a rate that is not hourly");
        }
        let runs = if ec2 { operation(rate.operation) } else { None };
        self.types.count(rate.instance_type);
        let row = [
            FeedCell::Text(partition),
            FeedCell::Text(plan),
            filled(rate.instance_type),
            FeedCell::Text(region),
            FeedCell::Text(rate.service),
            runs.map(|(os, _, _)| os).into(),
            tenancy(rate.usage_type).into(),
            runs.map(|(_, software, _)| software).into(),
            runs.map(|(_, _, licence)| licence).into(),
            FeedCell::Int(years),
            FeedCell::Text(payment),
            FeedCell::Exact(figure),
            FeedCell::Text(rate.currency),
            FeedCell::Text(rate.usage_type),
            FeedCell::Text(rate.operation),
            FeedCell::Text(rate.used_sku),
            FeedCell::Text(rate.sku),
            instant(rate.effective).map_or(FeedCell::Null, FeedCell::At),
            FeedCell::At(self.publication.at),
            FeedCell::Text(self.source),
        ];
        self.rows.push(region, self.publication.at, &row)
    }

    fn leave_out(&mut self, region: &str, why: &'static str) -> Result<(), FeedError> {
        self.rows.leave_out(region, why);
        Ok(())
    }

    pub(crate) fn finish(self, whole: Completeness) -> Result<Vec<FeedReport>, FeedError> {
        let version = self.publication.version;
        self.rows.finish(self.types.share(whole), self.publication.at, Some(&version))
    }
}

fn filled(text: &str) -> FeedCell<'_> {
    if text.is_empty() { FeedCell::Null } else { FeedCell::Text(text) }
}

/// Returns the tenancy of a usage type, which may begin with letters for a region
/// (`APE2-BoxUsage:r7g.large`). Unused capacity of a reservation has none.
fn tenancy(usage_type: &str) -> Option<&'static str> {
    let kind = usage_type.split(':').next().unwrap_or_default();
    match kind.rsplit('-').next().unwrap_or_default() {
        "BoxUsage" => Some("shared"),
        "DedicatedUsage" => Some("dedicated"),
        "HostUsage" => Some("host"),
        _ => None,
    }
}
