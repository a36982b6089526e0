//! Refunds of a commitment's one-time fee: a returned Savings Plan or reservation.
//!
//! The effective cost of the fee is zero, because the usage that the commitment covers pays for it.
//! So the effective cost of its refund is zero too. Other refunds of the same product, such as
//! those of an Enterprise Discount Program, reduce the effective cost.
//!
//! AWS's refund of a returned Savings Plan has the product `ComputeSavingsPlans`, the description
//! `Refund for one-time fee for Savings Plan ID: …` and no ARN; the refund of a discount has the
//! same product and another description
//! (aws-solutions-library-samples/cloud-intelligence-dashboards-framework, issues 1087 and 1497,
//! pull request 1515).

/// The columns of a refund that tell whether a commitment was returned.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RefundLine<'a> {
    /// The ARN of a Savings Plan or a reservation.
    pub(super) commitment: Option<&'a str>,
    pub(super) product_code: Option<&'a str>,
    pub(super) usage_type: Option<&'a str>,
    pub(super) description: Option<&'a str>,
}

/// Words of a description that name the one-time fee.
const ONE_TIME_FEE: &[&str] = &[
    "one-time fee",
    "one time fee",
    "one-time charge",
    "upfront fee",
    "upfront payment",
    "upfront charge",
    "upfront cost",
    "sign up charge",
    "sign-up charge",
];

/// Words of a description that name another reason for a refund.
const OTHER_REASONS: &[&str] = &[
    "discount",
    "enterprise program",
    "edp",
    "ppa",
    "private pric",
    "private rate",
    "credit",
    "goodwill",
    "recurring",
    "hourly",
    "monthly",
    "tax",
];

/// Words of a description that name a commitment.
const COMMITMENTS: &[&str] = &["savings plan", "reserved", "reservation", "subscription"];

impl RefundLine<'_> {
    /// Returns whether the line gives back the one-time fee of a commitment. A line with the
    /// commitment's ARN does so unless its description names another reason. A line without an ARN
    /// does so if it names both the commitment and the fee.
    pub(super) fn returns_one_time_fee(&self) -> bool {
        let description = self.description.unwrap_or_default().to_lowercase();
        let names = |words: &[&str]| words.iter().any(|word| description.contains(word));
        if names(OTHER_REASONS) {
            return false;
        }
        let of_product = self.product_code.is_some_and(|code| code.ends_with("SavingsPlans"))
            || self.usage_type.is_some_and(|usage| usage.contains("HeavyUsage"));
        self.commitment.is_some() || (names(ONE_TIME_FEE) && (of_product || names(COMMITMENTS)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refund_of_the_one_time_fee_returns_a_commitment() {
        let check = |commitment: &str, product: &str, usage: &str, description: &str, expected: bool| {
            let text = |text| Some(text).filter(|text: &&str| !text.is_empty());
            let line = RefundLine {
                commitment: text(commitment),
                product_code: text(product),
                usage_type: text(usage),
                description: text(description),
            };
            assert_eq!(line.returns_one_time_fee(), expected, "{line:?}");
        };
        let plan = "ComputeSavingsPlans";
        let fee = "Refund for one-time fee for Savings Plan ID: 0f0e0d0c-1111-2222-3333-444455556666";
        check("", plan, "ComputeSP:3yrAllUpfront", fee, true);
        check("", "MachineLearningSavingsPlans", "MLSP:1yrPartialUpfront", fee, true);
        check("", "", "", fee, true);
        check("arn:sp", plan, "ComputeSP:1yrAllUpfront", "", true);
        check("", plan, "ComputeSP:3yrAllUpfront", "", false);
        check("", plan, "", "Enterprise Discount Program refund", false);
        check("arn:sp", plan, "", "EDP refund: 3 year All Upfront Compute Savings Plan", false);
        check("", plan, "ComputeSP:3yrAllUpfront", "Refund for an outage", false);
        check("arn:sp", plan, "", "Refund for recurring fee for Savings Plan ID: 0f0e0d0c", false);
        let sign_up = "Refund of Sign up charge for subscription: 363836886, planId: 1026576";
        check("arn:ri", "AmazonEC2", "HeavyUsage:m4.large", "Refund", true);
        check("", "AmazonRDS", "", sign_up, true);
        check("", "AmazonEC2", "EUW1-HeavyUsage:m4.large", "Refund of upfront fee", true);
        check("arn:ri", "AmazonEC2", "", "USD 0.05 hourly fee per Linux/UNIX, m4.large instance", false);
        check("", "AmazonEC2", "EUW1-BoxUsage:m5.large", "Refund", false);
        check("", "AmazonRegistrar", "", "Refund for one-time fee for a domain", false);
    }
}
