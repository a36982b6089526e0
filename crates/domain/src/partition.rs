//! The partitions of AWS, and the currency in which each bills.

/// The beginning of a region's name, its partition and the partition's currency (ISO 4217). The
/// first row that matches decides.
///
/// Sources: the `regionRegex` of each partition in botocore's `partitions.json` (1.44.5);
/// <https://www.amazonaws.cn/en/about-aws/china/faqs/> (CNY); the Savings Plans price list's
/// currency EUR and <https://aws.eu/faq/> (EUR). The isolated partitions of the United States are
/// billed in US dollars. The currency of `aws-iso-e` is not published.
const PARTITIONS: [(&str, &str, Option<&str>); 16] = [
    ("us-gov-", "aws-us-gov", Some("USD")),
    ("us-iso-", "aws-iso", Some("USD")),
    ("us-isob-", "aws-iso-b", Some("USD")),
    ("us-isof-", "aws-iso-f", Some("USD")),
    ("eu-isoe-", "aws-iso-e", None),
    ("eusc-", "aws-eusc", Some("EUR")),
    ("cn-", "aws-cn", Some("CNY")),
    ("us-", "aws", Some("USD")),
    ("eu-", "aws", Some("USD")),
    ("ap-", "aws", Some("USD")),
    ("sa-", "aws", Some("USD")),
    ("ca-", "aws", Some("USD")),
    ("me-", "aws", Some("USD")),
    ("af-", "aws", Some("USD")),
    ("il-", "aws", Some("USD")),
    ("mx-", "aws", Some("USD")),
];

fn row(region: &str) -> Option<&'static (&'static str, &'static str, Option<&'static str>)> {
    PARTITIONS.iter().find(|(start, ..)| region.starts_with(start))
}

/// Returns the partition of a region, a local zone's group or a Wavelength zone, such as `aws-cn`.
/// `None` for a name of no known partition.
pub fn partition_of(region: &str) -> Option<&'static str> {
    row(region).map(|(_, partition, _)| *partition)
}

/// Returns the currency in which AWS sells in a region, as its ISO 4217 code. `None` for a region
/// of no known partition, and for a partition without a published currency.
pub fn currency_of(region: &str) -> Option<&'static str> {
    row(region).and_then(|(.., currency)| *currency)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_has_the_currency_of_its_partition() {
        let check = |region: &str, partition: Option<&str>, currency: Option<&str>| {
            assert_eq!((partition_of(region), currency_of(region)), (partition, currency), "{region}");
        };
        check("us-east-1", Some("aws"), Some("USD"));
        check("us-west-2-lax-1", Some("aws"), Some("USD"));
        check("mx-central-1", Some("aws"), Some("USD"));
        check("us-gov-east-1", Some("aws-us-gov"), Some("USD"));
        check("cn-northwest-1", Some("aws-cn"), Some("CNY"));
        check("cn-north-1-pkx-1", Some("aws-cn"), Some("CNY"));
        check("eusc-de-east-1", Some("aws-eusc"), Some("EUR"));
        check("us-iso-west-1", Some("aws-iso"), Some("USD"));
        check("us-isob-east-1", Some("aws-iso-b"), Some("USD"));
        check("us-isof-south-1", Some("aws-iso-f"), Some("USD"));
        check("eu-isoe-west-1", Some("aws-iso-e"), None);
        check("zz-north-1", None, None);
        check("useast-1", None, None);
        check("", None, None);
    }
}
