//! Market data beside the price list: Savings Plans, spot, capacity blocks, benchmarks.

use crate::column_privacy::ColumnPrivacy::*;
use crate::dataset::{ColumnType::*, Dataset, DatasetColumn, DatasetKind, DatasetScope};
use crate::known_values::*;
use crate::origin::{DatasetOrigin, PublicSource, SnapshotOption};

pub(super) const SAVINGS_PLAN: Dataset = Dataset {
    name: "savings_plan",
    doc: "Prices per hour under a Savings Plan, one row per product and plan; Compute and EC2 Instance \
        Savings Plans have separate rows.",
    version: 1,
    kind: DatasetKind::Snapshot,
    scope: DatasetScope::Region,
    origin: DatasetOrigin {
        doc: "the Savings Plans list of a region (CSV)",
        example: "the same question",
        ..DatasetOrigin::of_file(
            203,
            PublicSource::Lists {
                label: "AWS Savings Plans list",
                root: "savingsPlan",
                offer: "AWSComputeSavingsPlan",
            },
        )
    },
    key: &["plan", "region", "usage_type", "operation", "lease_years", "payment", "currency"],
    columns: columns![
        partition Text Public "AWS partition: aws, aws-cn, aws-us-gov, …",
        plan Text Public "type of plan: compute or instance",
        instance_type Text Public "instance type; null for other products (Fargate, Lambda)",
        region Text Public "region code of the usage",
        service Text Public "service code: AmazonEC2, AmazonECS, AWSLambda, …",
        os Text Public "linux, rhel, rhel-ha, suse, ubuntu-pro or windows; null if the operation is not \
            known",
        tenancy Text Public "shared, dedicated or host",
        software Text Public "pre-installed software, such as sql-std, or none",
        licence Text Public "included, byol (bring your own) or none",
        lease_years Int Public "length of the plan, years: 1 or 3",
        payment Text Public "no-upfront, partial-upfront or all-upfront",
        price_per_hour Price Public "price per hour under the plan, in `currency`",
        currency Text Public "ISO 4217 currency code",
        usage_type Text Public "AWS usage type",
        operation Text Public "AWS operation, such as RunInstances:0010",
        discounted_sku Text Public "AWS product number (SKU) of the discounted product",
        sku Text Public "AWS product number (SKU) of the plan",
        effective_from Timestamp Public "start of the rate's validity according to the file",
        observed_at Timestamp Public "instant at which the source stated the price",
        source Text Known(SOURCES) "source of the price",
    ],
};

pub(super) const DISCOUNT: Dataset = Dataset {
    name: "discount",
    doc: "A customer's own discounts on list prices. A null attribute means any value; the most specific \
        discount applies.",
    version: 1,
    kind: DatasetKind::Snapshot,
    scope: DatasetScope::All,
    origin: DatasetOrigin::IMPORT,
    key: &["discount_id"],
    columns: columns![
        discount_id Text Private "the customer's name of the discount",
        account_id Text Account "account that uses the service; null for any",
        service Text Private "service code, such as AmazonEC2; null for any",
        region Text Public "region code; null for any",
        family Text Public "family of instance types, such as m7i; null for any",
        os Text Public "linux, rhel, rhel-ha, suse, ubuntu-pro or windows; null for any",
        purchase Text Public "on-demand, spot, reserved, compute-savings-plan or instance-savings-plan; null \
            for any",
        percent Price Public "percent of the list price that is not paid, from 0 to 100; null with an agreed \
            price",
        price_per_hour Price Public "agreed price per hour, in `currency`; null with a percentage",
        currency Text Public "ISO 4217 code of the currency of the prices that it applies to; null for any",
        starts_on Timestamp Public "start of the first day on which it applies; null without a start",
        ends_on Timestamp Public "start of the last day on which it applies; null without an end",
        source Text Known(SOURCES) "file that states the discount",
    ],
};

pub(super) const INTERRUPTION: Dataset = Dataset {
    name: "interruption",
    doc: "Spot interruption rates of the previous month, and savings of spot, from the spot advisor.",
    version: 1,
    kind: DatasetKind::Snapshot,
    scope: DatasetScope::Region,
    origin: DatasetOrigin {
        doc: "the spot advisor, one file for all regions",
        example: "`truffle query spot/interruptions --param type=m7i.large`",
        ..DatasetOrigin::of_file(
            201,
            PublicSource::File {
                label: "AWS spot advisor",
                url: "https://spot-bid-advisor.s3.amazonaws.com/spot-advisor-data.json",
            },
        )
    },
    key: &["instance_type", "region", "os"],
    columns: columns![
        observed_at Timestamp Public "time of the file's publication",
        instance_type Text Public "instance type",
        region Text Public "region code",
        os Text Public "linux or windows",
        band Int Public "interruption rate, from 0 (lowest) to 4 (highest)",
        band_label Text Public "share of interrupted instances, such as 5-10%",
        saving_percent Int Public "saving against on demand, percent; negative if spot was more expensive",
    ],
};

pub(super) const SPOT_FEED: Dataset = Dataset {
    name: "spot_feed",
    doc: "Spot prices from AWS's public page: one price per region, for a zone that the page does not name.",
    version: 1,
    kind: DatasetKind::Snapshot,
    scope: DatasetScope::Region,
    origin: DatasetOrigin {
        doc: "`spot.json`, the prices of AWS's public page, one per region",
        example: "`truffle query spot/cross-check --param type=m7i.large`",
        ..DatasetOrigin::of_file(
            204,
            PublicSource::File {
                label: "AWS spot feed",
                url: "https://website.spot.ec2.aws.a2z.com/spot.json",
            },
        )
    },
    key: &["instance_type", "region", "os", "currency"],
    columns: columns![
        observed_at Timestamp Public "time of the file's publication",
        instance_type Text Public "instance type",
        region Text Public "region code",
        os Text Public "linux or windows",
        price_per_hour Price Public "spot price per hour, in `currency`",
        currency Text Public "ISO 4217 currency code",
    ],
};

pub(super) const BENCHMARK: Dataset = Dataset {
    name: "benchmark",
    doc: "Measured performance of instance types.",
    version: 1,
    kind: DatasetKind::Log,
    scope: DatasetScope::All,
    origin: DatasetOrigin::IMPORT,
    key: &["instance_type", "metric", "config", "measured_at", "source"],
    columns: columns![
        instance_type Text Public "instance type",
        metric Text Known(BENCHMARK_METRICS) "measured metric with its unit, as the source spells it",
        config Text Known(BENCHMARK_CONFIGS) "configuration of the measurement; empty if not stated",
        value Float Public "the measured value, in the metric's unit",
        measured_at Timestamp Public "time of the measurement; null if not stated",
        source Text Known(SOURCES) "source of the measurement",
    ],
};

pub(super) const ACCEPTANCE: Dataset = Dataset {
    name: "acceptance",
    doc: "Quarantined prices that a user has accepted.",
    version: 1,
    kind: DatasetKind::Log,
    scope: DatasetScope::All,
    origin: DatasetOrigin::IMPORT,
    key: &["held_id"],
    columns: columns![
        held_id Text Public "id of the quarantined price, as in price_held",
        accepted_at Timestamp Public "time of acceptance",
        price Text Public "the accepted price, as text",
    ],
};

pub(super) const PLACEMENT_SCORE: Dataset = Dataset {
    name: "placement_score",
    doc: "Spot placement scores: how likely a spot request would succeed. A score applies only to the \
        request that it answers.",
    version: 1,
    kind: DatasetKind::Snapshot,
    scope: DatasetScope::Request,
    origin: DatasetOrigin {
        options: &[SnapshotOption::Types, SnapshotOption::Capacity, SnapshotOption::SingleZone],
        doc: "GetSpotPlacementScores for `--types` and `--capacity`",
        example: "`truffle query spot/scores`",
        ..DatasetOrigin::of_request(303, &["ec2:GetSpotPlacementScores"])
    },
    key: &["request", "az_id"],
    columns: columns![
        request Text Scope "request that the score answers: account/region/types x instances",
        account_id Text Account "requesting account; AWS takes its recent usage into account",
        region Text Public "region code",
        az_id Text Public "zone id; null for the score of the whole region",
        instance_types Texts Public "acceptable instance types; fewer than three always get a low score",
        target_capacity Int Public "number of requested instances",
        single_zone Bool Public "whether all instances are requested in one zone",
        score Int Public "score from 1 (least likely) to 10",
    ],
};

pub(super) const CAPACITY_BLOCK: Dataset = Dataset {
    name: "capacity_block",
    doc: "Capacity blocks that AWS offered for sale, each with the request that it answers.",
    version: 1,
    kind: DatasetKind::Snapshot,
    scope: DatasetScope::Request,
    origin: DatasetOrigin {
        options: &[SnapshotOption::Types, SnapshotOption::Capacity, SnapshotOption::Hours],
        doc: "DescribeCapacityBlockOfferings for `--types`, `--capacity` and `--hours`",
        example: "`truffle query capacity/blocks`",
        ..DatasetOrigin::of_request(
            304,
            &["ec2:DescribeCapacityBlockOfferings", "ec2:DescribeAvailabilityZones"],
        )
    },
    key: &["request", "offering_id"],
    columns: columns![
        request Text Scope "request that the offer answers: account/region/type x instances for hours",
        account_id Text Account "requesting account",
        region Text Public "region code",
        az_id Text Public "zone id; null if AWS does not report it",
        instance_type Text Public "instance type",
        instance_count Int Public "number of instances in the block",
        duration_hours Int Public "length of the block, hours",
        offering_id Text Private "id of the offering, needed to buy it",
        starts_at Timestamp Public "start of the block",
        ends_at Timestamp Public "end of the block",
        upfront_price Price Public "price of the whole block, paid at purchase, in `currency`",
        currency Text Public "ISO 4217 currency code",
        tenancy Text Public "default or dedicated",
    ],
};
