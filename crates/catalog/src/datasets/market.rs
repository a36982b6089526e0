//! What the market asks and offers beside the price list.

use crate::dataset::{Column, ColumnType::*, Dataset, Kind, Scope};

pub(super) const SAVINGS_PLAN: Dataset = Dataset {
    name: "savings_plan",
    doc: "What an hour costs under a Savings Plan, one row per product and plan; Compute and EC2 Instance plans are kept apart.",
    version: 1,
    kind: Kind::Snapshot,
    scope: Scope::Region,
    key: &["plan", "region", "usage_type", "operation", "lease_years", "payment", "currency"],
    columns: columns![
        partition Text "aws, aws-cn, aws-us-gov, …",
        plan Text "compute or instance",
        instance_type Text "name; null for what is no instance (Fargate, Lambda)",
        region Text "region code of what is used",
        service Text "AmazonEC2, AmazonECS, AWSLambda, …",
        os Text "linux, rhel, rhel-ha, suse, ubuntu-pro, windows; null where the operation is not known",
        tenancy Text "shared, dedicated or host",
        software Text "pre-installed software, such as sql-std; none",
        licence Text "included, byol or none",
        lease_years Int "1 or 3",
        payment Text "no-upfront, partial-upfront or all-upfront",
        price_per_hour Price "price of an hour under the plan in `currency`",
        currency Text "ISO 4217 code",
        usage_type Text "AWS's usage type",
        operation Text "AWS's operation, such as RunInstances:0010",
        discounted_sku Text "the product of the price list that it is about",
        sku Text "the plan's own number",
        effective_from Timestamp "since when the file says that the rate holds",
        observed_at Timestamp "when the source said so",
        source Text "where the figure is from",
    ],
};

pub(super) const INTERRUPTION: Dataset = Dataset {
    name: "interruption",
    doc: "How often spot instances were interrupted in the month before, and what spot saves, as the spot advisor says.",
    version: 1,
    kind: Kind::Snapshot,
    scope: Scope::Region,
    key: &["instance_type", "region", "os"],
    columns: columns![
        observed_at Timestamp "when the file was published",
        instance_type Text "name",
        region Text "region code",
        os Text "linux or windows",
        band Int "0 (least) to 4 (most)",
        band_label Text "the share that was interrupted, such as 5-10%",
        saving_percent Int "saving against on demand, per cent; below 0 where spot was dearer",
    ],
};

pub(super) const SPOT_FEED: Dataset = Dataset {
    name: "spot_feed",
    doc: "Spot prices as AWS's public page shows them: one for a region, of which zone is not said.",
    version: 1,
    kind: Kind::Snapshot,
    scope: Scope::Region,
    key: &["instance_type", "region", "os", "currency"],
    columns: columns![
        observed_at Timestamp "when the file was published",
        instance_type Text "name",
        region Text "region code",
        os Text "linux or windows",
        price_per_hour Price "spot price of an hour in `currency`",
        currency Text "ISO 4217 code",
    ],
};

pub(super) const BENCHMARK: Dataset = Dataset {
    name: "benchmark",
    doc: "Measured performance of instance types.",
    version: 1,
    kind: Kind::Log,
    scope: Scope::All,
    key: &["instance_type", "metric", "config", "measured_at", "source"],
    columns: columns![
        instance_type Text "name",
        metric Text "what was measured, with its unit in the source's words",
        config Text "how it was measured; empty when the source does not say",
        value Float "the figure, in the metric's unit",
        measured_at Timestamp "when; null when the source does not say",
        source Text "who measured",
    ],
};

pub(super) const ACCEPTANCE: Dataset = Dataset {
    name: "acceptance",
    doc: "Prices that were held back as absurd and that somebody has accepted since.",
    version: 1,
    kind: Kind::Log,
    scope: Scope::All,
    key: &["held_id"],
    columns: columns![
        held_id Text "names product, place and price, as price_held does",
        accepted_at Timestamp "when",
        price Text "what was accepted, in words",
    ],
};

pub(super) const PLACEMENT_SCORE: Dataset = Dataset {
    name: "placement_score",
    doc: "How likely a spot request would succeed, each score with the request that it answers: it says nothing of others.",
    version: 1,
    kind: Kind::Snapshot,
    scope: Scope::Request,
    key: &["request", "az_id"],
    columns: columns![
        request Text "the request that it answers: account/region/types x instances",
        account_id Text "the account that asked: AWS weighs what it used of late",
        region Text "region code",
        az_id Text "zone id; null for the score of the region as a whole",
        instance_types Texts "types that would do; fewer than three always score low",
        target_capacity Int "instances that were asked for",
        single_zone Bool "all of them in one zone",
        score Int "1 (least likely) to 10",
    ],
};

pub(super) const CAPACITY_BLOCK: Dataset = Dataset {
    name: "capacity_block",
    doc: "Capacity blocks that AWS offered for sale, each with the request that it answers.",
    version: 1,
    kind: Kind::Snapshot,
    scope: Scope::Request,
    key: &["request", "offering_id"],
    columns: columns![
        request Text "the request that it answers: account/region/type x instances for hours",
        account_id Text "the account that asked",
        region Text "region code",
        az_id Text "zone id; null when AWS did not say",
        instance_type Text "name",
        instance_count Int "instances of the block",
        duration_hours Int "how long it lasts, hours",
        offering_id Text "AWS's id of the offer, with which it can be bought",
        starts_at Timestamp "when it begins",
        ends_at Timestamp "when it ends",
        upfront_price Price "what the whole block costs, paid when it is bought, in `currency`",
        currency Text "ISO 4217 code",
        tenancy Text "default or dedicated",
    ],
};
