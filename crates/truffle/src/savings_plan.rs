//! The Savings Plan of a question: its type, length and payment option.

use clap::ValueEnum;

/// The type of a Savings Plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum PlanKind {
    /// Any family in any region, Fargate and Lambda.
    #[default]
    Compute,
    /// One family in one region, at a higher discount.
    Instance,
}

/// The payment option of a Savings Plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum PlanPayment {
    /// Every hour.
    #[default]
    #[value(name = "no-upfront")]
    Hourly,
    /// Half at the start, the rest every hour.
    #[value(name = "partial-upfront")]
    Partial,
    /// All at the start.
    #[value(name = "all-upfront")]
    Whole,
}

/// A Savings Plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlanTerms {
    pub(crate) kind: PlanKind,
    /// Length: 1 or 3.
    pub(crate) years: u8,
    pub(crate) payment: PlanPayment,
}

impl PlanTerms {
    /// Returns the parameters of a question about the plan.
    pub(crate) fn params(&self) -> [(&'static str, &'static str); 3] {
        let years = if self.years == 3 { "3" } else { "1" };
        [("plan", self.kind.name()), ("years", years), ("payment", self.payment.name())]
    }

    /// Returns the plan in words, such as "1-year no-upfront Compute Savings Plan".
    pub(crate) fn words(&self) -> String {
        let kind = match self.kind {
            PlanKind::Compute => "Compute Savings Plan",
            PlanKind::Instance => "EC2 Instance Savings Plan",
        };
        format!("{}-year {} {kind}", self.years, self.payment.name())
    }

    /// Returns the hours of the whole term.
    pub(crate) fn hours(&self) -> usize {
        usize::from(self.years) * 365 * 24
    }
}

impl PlanKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            PlanKind::Compute => "compute",
            PlanKind::Instance => "instance",
        }
    }
}

impl PlanPayment {
    pub(crate) fn name(self) -> &'static str {
        match self {
            PlanPayment::Hourly => "no-upfront",
            PlanPayment::Partial => "partial-upfront",
            PlanPayment::Whole => "all-upfront",
        }
    }
}
