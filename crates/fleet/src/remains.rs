//! The resources that stay when an instance has ended, and their cost.

/// Hours of an average month, as AWS bills them: 365 days in twelve months.
const HOURS: u64 = 730;
/// The price of a public address in thousandths of a cent per hour, the same in every commercial
/// region: $0.005 (Amazon VPC pricing, public IPv4 addresses).
const ADDRESS: u64 = 500;
/// Regions with the prices below.
const PRICED: [&str; 3] = ["us-east-1", "us-east-2", "us-west-2"];
/// Prices of a GB-month of a volume type in tenths of a cent (Amazon EBS pricing, November 2026).
/// Provisioned IOPS and throughput cost more and are left out.
const VOLUMES: [(&str, u64); 7] =
    [("gp3", 80), ("gp2", 100), ("io1", 125), ("io2", 125), ("st1", 45), ("sc1", 15), ("standard", 50)];
/// The price of a GB-month of snapshots, in the same unit.
const SNAPSHOT: u64 = 50;

/// A resource that stays when its instance has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemainingResource {
    /// A volume: its id, its type and its size in GiB.
    Disk(String, String, u64),
    /// An Elastic IP address.
    Address(String),
    /// An image of the instance: its id, and the size of its disks in GiB, which is the most that
    /// its snapshots are billed for.
    Image(String, u64),
}

impl RemainingResource {
    /// Returns the monthly cost in US cents, if the price of the region is known.
    pub fn monthly_cents(&self, region: &str) -> Option<u64> {
        let known = PRICED.contains(&region);
        match self {
            RemainingResource::Address(_) => Some(ADDRESS * HOURS / 1_000),
            RemainingResource::Disk(_, kind, size) if known => {
                VOLUMES.iter().find(|(name, _)| name == kind).map(|(_, price)| price * size / 10)
            }
            RemainingResource::Image(_, size) if known => Some(SNAPSHOT * size / 10),
            RemainingResource::Disk(..) | RemainingResource::Image(..) => None,
        }
    }

    /// Returns the resource with its size and cost, such as `disk vol-1 (500 GiB gp3, $40.00)`.
    pub fn sentence(&self, region: &str) -> String {
        let cost = self.monthly_cents(region).map_or("cost unknown".to_string(), dollars);
        match self {
            RemainingResource::Disk(id, kind, size) => format!("disk {id} ({size} GiB {kind}, {cost})"),
            RemainingResource::Address(address) => format!("address {address} ({cost})"),
            RemainingResource::Image(id, size) => format!("image {id} (at most {size} GiB, {cost})"),
        }
    }
}

/// Formats US cents, such as `$40.00`.
pub fn dollars(cents: u64) -> String {
    format!("${}.{:02}", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_remaining_resource_has_its_monthly_cost() {
        let check = |resource: RemainingResource, region: &str, expected: &str| {
            assert_eq!(resource.sentence(region), expected);
        };
        let disk = |kind: &str, size| RemainingResource::Disk("vol-1".into(), kind.into(), size);
        check(disk("gp3", 500), "us-east-1", "disk vol-1 (500 GiB gp3, $40.00)");
        check(disk("gp2", 8), "us-west-2", "disk vol-1 (8 GiB gp2, $0.80)");
        check(disk("st1", 125), "us-east-2", "disk vol-1 (125 GiB st1, $5.62)");
        check(disk("gp3", 500), "eu-west-1", "disk vol-1 (500 GiB gp3, cost unknown)");
        check(disk("gp9", 500), "us-east-1", "disk vol-1 (500 GiB gp9, cost unknown)");
        check(RemainingResource::Address("192.0.2.1".into()), "eu-west-1", "address 192.0.2.1 ($3.65)");
        let image = || RemainingResource::Image("ami-1".into(), 30);
        check(image(), "us-east-1", "image ami-1 (at most 30 GiB, $1.50)");
        check(image(), "eu-west-1", "image ami-1 (at most 30 GiB, cost unknown)");
    }
}
