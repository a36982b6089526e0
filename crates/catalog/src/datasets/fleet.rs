//! Resources of an account: instances and everything attached to them, reservations, quotas.

use domain::Decimal;

use crate::dataset::{ColumnType::*, Dataset, DatasetColumn, DatasetKind, DatasetScope};
use crate::origin::{DatasetCost, DatasetOrigin, SourceHistory};

pub(super) const REGION_ACCESS: Dataset = Dataset {
    name: "region_access",
    doc: "Regions of an account's partition, and whether the account can use each.",
    version: 1,
    kind: DatasetKind::Snapshot,
    scope: DatasetScope::Account,
    origin: DatasetOrigin {
        doc: "DescribeRegions",
        example: "`truffle query region/access`",
        ..DatasetOrigin::of_account(101, &["ec2:DescribeRegions"])
    },
    key: &["account_id", "region"],
    columns: columns![
        account_id Text "account id",
        region Text "region code",
        opt_in_status Text "opt-in-not-required, opted-in or not-opted-in",
        endpoint Text "EC2 endpoint of the region",
    ],
};

pub(super) const INSTANCE: Dataset = Dataset {
    name: "instance",
    doc: "Instances of an account at each snapshot; `instance_history` has all observed states.",
    version: 1,
    kind: DatasetKind::Snapshot,
    scope: DatasetScope::AccountRegion,
    origin: DatasetOrigin {
        doc: "DescribeInstances",
        example: "`truffle query \"FROM instance\"`; every observed state is in `instance_history`",
        ..DatasetOrigin::of_account(105, &["ec2:DescribeInstances", "ec2:DescribeAvailabilityZones"])
    },
    key: &["account_id", "region", "instance_id"],
    columns: columns![
        account_id Text "account id",
        region Text "region code",
        az_id Text "zone id; null if AWS does not report it",
        instance_id Text "instance id",
        name Text "value of the tag Name; null without the tag",
        instance_type Text "instance type",
        state Text "pending, running, shutting-down, terminated, stopping or stopped",
        lifecycle Text "on-demand, spot, scheduled or capacity-block",
        platform Text "platform as AWS spells it, such as Linux/UNIX or Red Hat Enterprise Linux",
        architecture Text "x86_64, arm64, …",
        tenancy Text "default, dedicated or host",
        image_id Text "id of the image used for the launch",
        launched_at Timestamp "time of the last start",
        state_reason Text "reason code of the last state change; null if not reported",
        state_words Text "reason text of the last state change, which may contain a time; null if not \
            reported",
        key_name Text "name of the key pair; null without one",
        profile_arn Text "ARN of the instance profile; null without one",
        vpc_id Text "VPC id; null if not reported",
        subnet_id Text "subnet id; null if not reported",
        private_ip Text "private IPv4 address; null without one",
        public_ip Text "public IPv4 address; null without one",
        spot_request_id Text "id of its spot request; null without one",
        capacity_reservation_id Text "id of the capacity reservation that it runs in; null without one",
        hibernation Bool "whether hibernation is enabled",
        http_tokens Text "required if its metadata service needs tokens (IMDSv2), otherwise optional",
        volumes Texts "ids of its EBS volumes",
        tags Text "its tags, a JSON object; the figures of spawnd's heartbeat tag are in utilization instead",
    ],
};

pub(super) const VOLUME: Dataset = Dataset {
    name: "volume",
    doc: "EBS volumes of an account at each snapshot.",
    version: 1,
    kind: DatasetKind::Snapshot,
    scope: DatasetScope::AccountRegion,
    origin: DatasetOrigin {
        doc: "DescribeVolumes",
        example: "`truffle query \"FROM volume\"`",
        ..DatasetOrigin::of_account(106, &["ec2:DescribeVolumes", "ec2:DescribeAvailabilityZones"])
    },
    key: &["account_id", "region", "volume_id"],
    columns: columns![
        account_id Text "account id",
        region Text "region code",
        az_id Text "zone id; null if AWS does not report it",
        volume_id Text "volume id",
        state Text "creating, available, in-use, deleting, deleted or error",
        volume_type Text "volume type: gp3, io2, …",
        size_gib Int "size, GiB",
        iops Int "provisioned I/O operations per second; null if not reported",
        throughput_mib Int "provisioned throughput, MiB/s; null if not reported",
        encrypted Bool "whether the volume is encrypted",
        created_at Timestamp "time of creation",
        instance_ids Texts "ids of the instances that it is attached to",
        tags Text "its tags, a JSON object",
    ],
};

pub(super) const ADDRESS: Dataset = Dataset {
    name: "address",
    doc: "Elastic IP addresses of an account at each snapshot.",
    version: 1,
    kind: DatasetKind::Snapshot,
    scope: DatasetScope::AccountRegion,
    origin: DatasetOrigin {
        doc: "DescribeAddresses",
        example: "`truffle query \"FROM address\"`",
        ..DatasetOrigin::of_account(107, &["ec2:DescribeAddresses"])
    },
    key: &["account_id", "region", "public_ip"],
    columns: columns![
        account_id Text "account id",
        region Text "region code",
        public_ip Text "public IPv4 address",
        allocation_id Text "allocation id; null if not reported",
        instance_id Text "id of the associated instance; null without one",
        association_id Text "association id; null while the address is not in use",
        tags Text "its tags, a JSON object",
    ],
};

pub(super) const SPOT_REQUEST: Dataset = Dataset {
    name: "spot_request",
    doc: "Spot requests of an account at each snapshot.",
    version: 1,
    kind: DatasetKind::Snapshot,
    scope: DatasetScope::AccountRegion,
    origin: DatasetOrigin {
        doc: "DescribeSpotInstanceRequests",
        example: "`truffle query \"FROM spot_request\"`",
        ..DatasetOrigin::of_account(108, &["ec2:DescribeSpotInstanceRequests"])
    },
    key: &["account_id", "region", "spot_request_id"],
    columns: columns![
        account_id Text "account id",
        region Text "region code",
        spot_request_id Text "spot request id",
        request_type Text "one-time or persistent",
        state Text "open, active, closed, cancelled, failed or disabled",
        status_code Text "AWS status code",
        status_words Text "AWS status message",
        instance_id Text "id of the launched instance; null without one",
        instance_type Text "instance type; null if not reported",
        max_price Price "maximum price per hour, in the currency of the region's partition",
        interruption_behavior Text "terminate, stop or hibernate; null if not reported",
        created_at Timestamp "time of creation",
        tags Text "its tags, a JSON object",
    ],
};

pub(super) const CAPACITY: Dataset = Dataset {
    name: "capacity",
    doc: "Capacity reservations and blocks, owned by an account or shared with it, at each snapshot.",
    version: 1,
    kind: DatasetKind::Snapshot,
    scope: DatasetScope::AccountRegion,
    origin: DatasetOrigin {
        doc: "DescribeCapacityReservations",
        example: "`truffle query \"FROM capacity\"`",
        ..DatasetOrigin::of_account(
            109,
            &["ec2:DescribeCapacityReservations", "ec2:DescribeAvailabilityZones"],
        )
    },
    key: &["account_id", "region", "capacity_reservation_id"],
    columns: columns![
        account_id Text "account that can use the reservation",
        region Text "region code",
        az_id Text "zone id; null if AWS does not report it",
        capacity_reservation_id Text "capacity reservation id",
        owner_id Text "the account that pays",
        kind Text "default or capacity-block",
        instance_type Text "instance type",
        platform Text "platform as AWS spells it, such as Linux/UNIX",
        tenancy Text "default or dedicated",
        state Text "active, expired, cancelled, pending, failed, scheduled, …",
        total Int "number of reserved instances",
        available Int "number of reserved instances that are not in use",
        starts_at Timestamp "start of the reservation; null if not reported",
        ends_at Timestamp "end of the reservation; null without an end",
        match_criteria Text "open or targeted",
        tags Text "its tags, a JSON object",
    ],
};

pub(super) const QUOTA: Dataset = Dataset {
    name: "quota",
    doc: "EC2 quotas of an account at each snapshot.",
    version: 1,
    kind: DatasetKind::Snapshot,
    scope: DatasetScope::AccountRegion,
    origin: DatasetOrigin {
        doc: "ListServiceQuotas of EC2",
        example: "`truffle query \"SELECT quota_name, value FROM quota\"`",
        ..DatasetOrigin::of_account(110, &["servicequotas:ListServiceQuotas"])
    },
    key: &["account_id", "region", "quota_code"],
    columns: columns![
        account_id Text "account id",
        region Text "region code",
        service_code Text "service code: ec2",
        quota_code Text "quota code, such as L-1216C47A",
        quota_name Text "quota name",
        value Float "the limit, in `unit`; vCPUs for running instances",
        unit Text "unit as AWS spells it; None means a count",
        adjustable Bool "whether an increase can be requested",
        global Bool "whether the quota applies to all regions together",
    ],
};

pub(super) const UTILIZATION: Dataset = Dataset {
    name: "utilization",
    doc: "Measured utilization of instances: hourly from CloudWatch, and from spawnd on the instance for the \
          period before a snapshot of `instance`.",
    version: 1,
    kind: DatasetKind::Snapshot,
    scope: DatasetScope::AccountRegion,
    origin: DatasetOrigin {
        cost: DatasetCost::PerUnit {
            usd: Decimal::from_parts(1, 0, 0, false, 5),
            doc: "$0.01 per thousand metrics",
        },
        history: Some(SourceHistory { kept_days: 455, first_days: 14 }),
        is_always_partial: true,
        doc: "GetMetricData: CPU and network of running instances, average and maximum of each hour",
        example: "`truffle query instance/utilization`",
        ..DatasetOrigin::of_account(
            302,
            &["cloudwatch:GetMetricData", "ec2:DescribeInstances", "ec2:DescribeAvailabilityZones"],
        )
    },
    key: &[
        "account_id",
        "region",
        "instance_id",
        "metric",
        "statistic",
        "period_seconds",
        "observed_at",
        "source",
    ],
    columns: columns![
        account_id Text "account id",
        region Text "region code",
        instance_id Text "instance id",
        metric Text "cpu (all processors together), network-in, network-out; from spawnd also disk (reads \
            plus writes), gpu (all GPUs together), gpu-memory (in use) and idle (time since the last \
            activity that counts as work)",
        unit Text "percent, bytes-per-second, seconds, or bytes: of gpu-memory, and of each CloudWatch \
            network data point (5 minutes; 1 minute with detailed monitoring)",
        statistic Text "average or maximum of the period, or last: the value at the end of the period (idle)",
        period_seconds Int "length of the period, seconds",
        observed_at Timestamp "start of the period",
        value Float "the measured value, in `unit`",
        source Text "cloudwatch (measured from outside) or spawnd (measured on the instance)",
    ],
};
