"""Tests every filter that botocore's documentation lists for a call: it is served, or it is listed
below with the reason for its refusal. With the value `*` a served filter matches something, unless
it is listed as empty. An unknown filter is refused even where there are no rows."""

import json, re

from clients import AMI, client, forward, launch, refused

ec2 = client("ec2")
OPERATIONS = {
    "describe_addresses": {}, "describe_availability_zones": {}, "describe_capacity_reservations": {},
    "describe_iam_instance_profile_associations": {}, "describe_images": {}, "describe_instance_status": {"IncludeAllInstances": True},
    "describe_instance_type_offerings": {}, "describe_instance_types": {}, "describe_instances": {}, "describe_key_pairs": {},
    "describe_launch_templates": {}, "describe_launch_template_versions": {"Versions": ["$Latest"]}, "describe_regions": {},
    "describe_security_group_rules": {}, "describe_security_groups": {}, "describe_snapshots": {}, "describe_spot_instance_requests": {}, "describe_spot_price_history": {},
    "describe_subnets": {}, "describe_tags": {}, "describe_volumes": {}, "describe_vpcs": {},
}

# Words in the documentation that are values of a filter, not names.
VALUES = set("active cancelled critical dedicated default expired failed high informational limited low medium open pending targeted unlimited".split())

# Filters that are refused here, mostly because the answers lack their field.
REFUSED = {
    "operator.managed": "nothing is managed by a service", "operator.principal": "the same",
    "network-interface.operator.managed": "the same", "network-interface.operator.principal": "the same",
    "network-interface.deny-all-igw-traffic": "not in the answers", "network-interface.ipv6-native": "not in the answers",
    "network-interface.tag-key": "interfaces are described with their instance alone", "network-interface.tag-value": "the same",
    "network-performance-options.bandwidth-weighting": "not in the answers",
    "private-dns-name-options.enable-resource-name-dns-a-record": "not in the answers",
    "private-dns-name-options.enable-resource-name-dns-aaaa-record": "not in the answers",
    "private-dns-name-options.hostname-type": "not in the answers",
    "application-status.status": "newer than the served API", "attached-ebs-status.status": "not in the answers",
    "ebs-info.attachment-limit-type": "the lake keeps no such column", "network-info.flexible-ena-queues-support": "the same",
    "free-tier-eligible": "not in the answers of images", "public-ssm-parameter-name": "newer than the served API",
}
PREFIXES = {"scan-result.": "images are not scanned", "image-watermark.": "newer than the served API"}

# Filters without a match, because no resource of the sandbox has the field.
EMPTY = set("""affinity availability-zone-group boot-mode customer-owned-ipv4-pool enable-lni-at-device-index
event.not-after event.not-before-deadline fast-restored fault-code fault-message host-id host-resource-group-arn ipv6-address kernel-id launch-group
launch.kernel-id launch.ramdisk-id license-configuration-arn message network-card-index outpost-arn parent-zone-id parent-zone-name
placement-group-arn placement-group-name placement-partition-number platform product-code product-code.type ram-disk-id ramdisk-id requester-id
source-image-id source-image-region sriov-net-support tpm-support transfer-type valid-from
capacity-reservation-specification.capacity-reservation-target.capacity-reservation-resource-group-arn""".split())
# Filters of EMPTY that have a match in one operation.
FOUND = {"describe_images": {"platform"}}
EMPTY_IN = {
    "describe_images": {"state-reason-code", "state-reason-message"},
    "describe_instance_types": {"network-info.bandwidth-weightings"},
    "describe_snapshots": {"owner-alias"},
    "describe_spot_instance_requests": {"network-interface."},
    "describe_security_groups": {"ip-permission.prefix-list-id", "egress.ip-permission.prefix-list-id"},
    "describe_subnets": {"ipv6-cidr-block-association."}, "describe_vpcs": {"ipv6-cidr-block-association."},
    "describe_instances": {"network-interface.ipv", "network-interface.outpost-arn", "network-interface.requester-id",
                           "network-interface.association.c", "network-interface.addresses.association.c"},
}


def documented(operation):
    shape = ec2.meta.service_model.operation_model(ec2.meta.method_to_api_mapping[operation]).input_shape
    names = re.findall(r"<code>([^<]+)</code>(?:&lt;\w+&gt;)?\s*-", shape.members["Filters"].documentation)
    return {"tag:team" if name == "tag" or name.startswith("tag:") else name for name in names} - VALUES


def asked(made, operation, name, value="*"):
    answer = getattr(made, operation)(Filters=[{"Name": name, "Values": [value]}], **OPERATIONS[operation])
    [rows] = [value for value in answer.values() if isinstance(value, list)]
    return rows


# One resource of each kind.
own = lambda kind: [{"ResourceType": kind, "Tags": [{"Key": "team", "Value": "t"}]}]
iam = client("iam")
trust = json.dumps({"Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust)
iam.create_instance_profile(InstanceProfileName="r")
iam.add_role_to_instance_profile(InstanceProfileName="r", RoleName="r")
arn = iam.get_instance_profile(InstanceProfileName="r")["InstanceProfile"]["Arn"]
forward(20)
ec2.create_key_pair(KeyName="k", KeyType="ed25519", TagSpecifications=own("key-pair"))
group = ec2.create_security_group(GroupName="g", Description="d", TagSpecifications=own("security-group"))["GroupId"]
rules = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "192.0.2.1/32"}], "Ipv6Ranges": [{"CidrIpv6": "2001:db8::/32"}],
          "UserIdGroupPairs": [{"GroupId": group}]}]
ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rules, TagSpecifications=own("security-group-rule"))
ec2.authorize_security_group_egress(GroupId=group, IpPermissions=rules)
zone = ec2.describe_availability_zones()["AvailabilityZones"][0]["ZoneName"]
into = ec2.create_capacity_reservation(InstanceType="m5.large", InstancePlatform="Linux/UNIX", AvailabilityZone=zone, InstanceCount=1, EndDateType="limited",
                                       EndDate="2999-01-01T00:00:00Z", InstanceMatchCriteria="targeted", TagSpecifications=own("capacity-reservation"))
into = into["CapacityReservation"]["CapacityReservationId"]
aimed = launch(ec2, InstanceType="m5.large", KeyName="k", SecurityGroupIds=[group], IamInstanceProfile={"Name": "r"}, TagSpecifications=own("instance") + own("volume") + own("network-interface"),
               Placement={"AvailabilityZone": zone}, CapacityReservationSpecification={"CapacityReservationTarget": {"CapacityReservationId": into}})
spec = {"ImageId": AMI, "InstanceType": "t3.micro", "KeyName": "k", "BlockDeviceMappings": [{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 5}}]}
ec2.request_spot_instances(LaunchSpecification=spec, TagSpecifications=own("spot-instances-request"), ValidUntil="2999-01-01T00:00:00Z")
forward(3700)
address = ec2.allocate_address(Domain="vpc", TagSpecifications=own("elastic-ip"))["AllocationId"]
ec2.associate_address(AllocationId=address, InstanceId=aimed)
volume = ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [aimed]}])["Volumes"][0]["VolumeId"]
ec2.create_snapshot(VolumeId=volume, TagSpecifications=own("snapshot"))
ec2.create_image(InstanceId=aimed, Name="mine", TagSpecifications=own("image"))
data = {"ImageId": "ami-0", "InstanceType": "m5.large", "EbsOptimized": True, "IamInstanceProfile": {"Arn": arn},
        "MetadataOptions": {"HttpTokens": "required", "HttpEndpoint": "enabled"}}
ec2.create_launch_template(LaunchTemplateName="template", LaunchTemplateData=data, TagSpecifications=own("launch-template"))
stopped = launch(ec2)
forward(20)
ec2.stop_instances(InstanceIds=[stopped])
forward(60)

# Tags of network interfaces are kept too.
tagged = {t["ResourceType"] for t in ec2.describe_tags(Filters=[{"Name": "key", "Values": ["team"]}])["Tags"]}
assert tagged == {"capacity-reservation", "elastic-ip", "image", "instance", "key-pair", "launch-template", "network-interface",
                  "security-group", "security-group-rule", "snapshot", "spot-instances-request", "volume"}, tagged

elsewhere, served, slips = client("ec2", region_name="eu-west-1"), 0, []
for operation in OPERATIONS:
    refused("InvalidParameterValue", asked, elsewhere, operation, "nonsense")
    refused("InvalidParameterValue", asked, ec2, operation, "nonsense")
    for name in sorted(documented(operation)):
        untold = name in REFUSED or name.startswith(tuple(PREFIXES))
        if untold and not (name == "free-tier-eligible" and operation == "describe_instance_types"):
            refused("InvalidParameterValue", asked, ec2, operation, name)
            continue
        empty = name in EMPTY - FOUND.get(operation, set()) or name.startswith(tuple(EMPTY_IN.get(operation, {"\0"})))
        try:
            found = asked(ec2, operation, name)
        except Exception as error:
            slips.append(f"{operation} {name}: {error}")
            continue
        served += 1
        if bool(found) == empty and not (operation in ("describe_subnets", "describe_vpcs") and name.startswith("tag")):
            slips.append(f"{operation} {name}: finds {len(found)}")
assert not slips, "\n".join(slips)

# A filter returns exactly the rows with the value.
count = lambda name, *values: sum(len(r["Instances"]) for r in ec2.describe_instances(Filters=[{"Name": name, "Values": list(values)}])["Reservations"])
for name, value, expected in [("instance-state-name", "stopped", 1), ("instance-id", aimed, 1), ("tag:team", "t", 1), ("tag:team", "u", 0), ("image-id", "ami-?*", 3),
                              ("network-interface.association.allocation-id", address, 1), ("capacity-reservation-id", into, 1), ("instance-lifecycle", "spot", 1)]:
    assert count(name, value) == expected, (name, value, count(name, value))
print("good,", served, "filters")
