//! Resources of an account: instances and everything attached to them, reservations, quotas.

use domain::Decimal;

use crate::column_privacy::ColumnPrivacy::*;
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
        account_id Text Account "account id",
        region Text Public "region code",
        opt_in_status Text Public "opt-in-not-required, opted-in or not-opted-in",
        endpoint Text Private "EC2 endpoint of the region",
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
        account_id Text Account "account id",
        region Text Public "region code",
        az_id Text Public "zone id; null if AWS does not report it",
        instance_id Text Private "instance id",
        name Text Private "value of the tag Name; null without the tag",
        instance_type Text Public "instance type",
        state Text Public "pending, running, shutting-down, terminated, stopping or stopped",
        lifecycle Text Public "on-demand, spot, scheduled or capacity-block",
        platform Text Public "platform as AWS spells it, such as Linux/UNIX or Red Hat Enterprise Linux",
        architecture Text Public "x86_64, arm64, …",
        tenancy Text Public "default, dedicated or host",
        image_id Text Private "id of the image used for the launch",
        launched_at Timestamp Public "time of the last start",
        state_reason Text Public "reason code of the last state change; null if not reported",
        state_words Text Private "reason text of the last state change, which may contain a time; null if \
            not reported",
        key_name Text Private "name of the key pair; null without one",
        profile_arn Text Private "ARN of the instance profile; null without one",
        vpc_id Text Private "VPC id; null if not reported",
        subnet_id Text Private "subnet id; null if not reported",
        private_ip Text Private "private IPv4 address; null without one",
        public_ip Text Private "public IPv4 address; null without one",
        spot_request_id Text Private "id of its spot request; null without one",
        capacity_reservation_id Text Private "id of the capacity reservation that it runs in; null without \
            one",
        hibernation Bool Public "whether hibernation is enabled",
        http_tokens Text Public "required if its metadata service needs tokens (IMDSv2), otherwise optional",
        volumes Texts Private "ids of its EBS volumes",
        tags Text Object "its tags, a JSON object; the figures of spawnd's heartbeat tag are in utilization \
            instead",
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
        account_id Text Account "account id",
        region Text Public "region code",
        az_id Text Public "zone id; null if AWS does not report it",
        volume_id Text Private "volume id",
        state Text Public "creating, available, in-use, deleting, deleted or error",
        volume_type Text Public "volume type: gp3, io2, …",
        size_gib Int Public "size, GiB",
        iops Int Public "provisioned I/O operations per second; null if not reported",
        throughput_mib Int Public "provisioned throughput, MiB/s; null if not reported",
        encrypted Bool Public "whether the volume is encrypted",
        created_at Timestamp Public "time of creation",
        instance_ids Texts Private "ids of the instances that it is attached to",
        tags Text Object "its tags, a JSON object",
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
        account_id Text Account "account id",
        region Text Public "region code",
        public_ip Text Private "public IPv4 address",
        allocation_id Text Private "allocation id; null if not reported",
        instance_id Text Private "id of the associated instance; null without one",
        association_id Text Private "association id; null while the address is not in use",
        tags Text Object "its tags, a JSON object",
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
        account_id Text Account "account id",
        region Text Public "region code",
        spot_request_id Text Private "spot request id",
        request_type Text Public "one-time or persistent",
        state Text Public "open, active, closed, cancelled, failed or disabled",
        status_code Text Public "AWS status code",
        status_words Text Private "AWS status message",
        instance_id Text Private "id of the launched instance; null without one",
        instance_type Text Public "instance type; null if not reported",
        max_price Price Public "maximum price per hour, in the currency of the region's partition",
        interruption_behavior Text Public "terminate, stop or hibernate; null if not reported",
        created_at Timestamp Public "time of creation",
        tags Text Object "its tags, a JSON object",
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
        account_id Text Account "account that can use the reservation",
        region Text Public "region code",
        az_id Text Public "zone id; null if AWS does not report it",
        capacity_reservation_id Text Private "capacity reservation id",
        owner_id Text Account "the account that pays",
        kind Text Public "default or capacity-block",
        instance_type Text Public "instance type",
        platform Text Public "platform as AWS spells it, such as Linux/UNIX",
        tenancy Text Public "default or dedicated",
        state Text Public "active, expired, cancelled, pending, failed, scheduled, …",
        total Int Public "number of reserved instances",
        available Int Public "number of reserved instances that are not in use",
        starts_at Timestamp Public "start of the reservation; null if not reported",
        ends_at Timestamp Public "end of the reservation; null without an end",
        match_criteria Text Public "open or targeted",
        tags Text Object "its tags, a JSON object",
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
        account_id Text Account "account id",
        region Text Public "region code",
        service_code Text Public "service code: ec2",
        quota_code Text Public "quota code, such as L-1216C47A",
        quota_name Text Public "quota name",
        value Float Public "the limit, in `unit`; vCPUs for running instances",
        unit Text Public "unit as AWS spells it; None means a count",
        adjustable Bool Public "whether an increase can be requested",
        global Bool Public "whether the quota applies to all regions together",
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
        account_id Text Account "account id",
        region Text Public "region code",
        instance_id Text Private "instance id",
        metric Text Public "cpu (all processors together), network-in, network-out; from spawnd also disk \
            (reads plus writes), gpu (all GPUs together), gpu-memory (in use) and idle (time since the last \
            activity that counts as work)",
        unit Text Public "percent, bytes-per-second, seconds, or bytes: of gpu-memory, and of each \
            CloudWatch network data point (5 minutes; 1 minute with detailed monitoring)",
        statistic Text Public "average or maximum of the period, or last: the value at the end of the period \
            (idle)",
        period_seconds Int Public "length of the period, seconds",
        observed_at Timestamp Public "start of the period",
        value Float Public "the measured value, in `unit`",
        source Text Public "cloudwatch (measured from outside) or spawnd (measured on the instance)",
    ],
};
