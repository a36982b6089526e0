"""Sends the same calls to the sandbox and to moto (in this process) and compares the shapes of the
answers: the keys and the types of their values, at every depth. DIFFERENCES lists each difference
and which side is right."""

import datetime, json, logging, os, sys, urllib.request

import boto3
from botocore.config import Config
from moto.server import ThreadedMotoServer

logging.getLogger("werkzeug").setLevel(logging.ERROR)
URL = os.environ["AWS_ENDPOINT_URL"]
CONFIG = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=60)
AL2023 = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": ["ec2.amazonaws.com", "scheduler.amazonaws.com"]}, "Action": "sts:AssumeRole"}]})
ALL = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})


def kind(value):
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, datetime.datetime):
        return "instant"
    return type(value).__name__


def shape(value, path, found):
    """Returns each path with the kind of its values; all members of a list share one path."""
    if isinstance(value, dict):
        found.setdefault(path, "structure")
        for key, inner in value.items():
            if key != "ResponseMetadata":
                shape(inner, f"{path}.{key}" if path else key, found)
    elif isinstance(value, list):
        # An empty list has no member kinds, and counts as absent.
        for inner in value:
            shape(inner, f"{path}[]", found)
    elif value not in ("", None):
        found.setdefault(path, kind(value))
    return found


class Side:
    """An emulator, and the shapes of its answers by call."""

    def __init__(self, url, wait, **keys):
        self.url, self.wait, self.keys, self.answers, self.types = url, wait, keys, {}, {}

    def client(self, name):
        return boto3.client(name, endpoint_url=self.url, region_name="us-east-1", config=CONFIG, **self.keys)

    def __call__(self, client, call, **arguments):
        answer = getattr(client, call)(**arguments)
        shape(answer, "", self.answers.setdefault(call, {}))
        return answer


def play(ask):
    """Calls every operation that both emulators serve."""
    ec2 = ask.client("ec2")
    ask(ec2, "describe_regions", AllRegions=True)
    ask(ec2, "describe_availability_zones")
    ask.types = {t["InstanceType"]: t for t in ask(ec2, "describe_instance_types", InstanceTypes=TYPES)["InstanceTypes"]}
    ask(ec2, "describe_instance_type_offerings", LocationType="availability-zone-id", Filters=[{"Name": "instance-type", "Values": ["m5.large"]}])
    image = ask(ask.client("ssm"), "get_parameter", Name=AL2023)["Parameter"]["Value"]
    iam = ask.client("iam")
    role = ask(iam, "create_role", RoleName="r", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    ask(iam, "get_role", RoleName="r")
    ask(iam, "put_role_policy", RoleName="r", PolicyName="p", PolicyDocument=ALL)
    ask(iam, "get_role_policy", RoleName="r", PolicyName="p")
    ask(iam, "list_role_policies", RoleName="r")
    policy = ask(iam, "create_policy", PolicyName="q", PolicyDocument=ALL)["Policy"]["Arn"]
    ask(iam, "attach_role_policy", RoleName="r", PolicyArn=policy)
    ask(iam, "list_attached_role_policies", RoleName="r")
    ask(iam, "get_policy_version", PolicyArn=policy, VersionId="v1")
    ask(iam, "create_instance_profile", InstanceProfileName="i")
    ask(iam, "add_role_to_instance_profile", InstanceProfileName="i", RoleName="r")
    ask(iam, "get_instance_profile", InstanceProfileName="i")
    ask(ask.client("sts"), "get_caller_identity")
    ask.wait(10)
    ask(ec2, "create_key_pair", KeyName="k", KeyType="ed25519")
    ask(ec2, "describe_key_pairs")
    group = ask(ec2, "create_security_group", GroupName="g", Description="d")["GroupId"]
    rule = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "192.0.2.1/32", "Description": "me"}]}]
    ask(ec2, "authorize_security_group_ingress", GroupId=group, IpPermissions=rule)
    ask(ec2, "describe_security_groups", GroupIds=[group])
    ask(ec2, "describe_vpcs")
    ask(ec2, "describe_subnets")
    tags = lambda kind: [{"ResourceType": kind, "Tags": [{"Key": "a", "Value": "b"}]}]
    launched = ask(ec2, "run_instances", ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1, KeyName="k", SecurityGroupIds=[group],
                   IamInstanceProfile={"Name": "i"}, TagSpecifications=tags("instance"))
    instance = launched["Instances"][0]["InstanceId"]
    ask.wait(300)
    ask(ec2, "describe_instances", InstanceIds=[instance])
    ask(ec2, "describe_instance_status", InstanceIds=[instance])
    ask(ec2, "describe_instance_attribute", InstanceId=instance, Attribute="instanceInitiatedShutdownBehavior")
    ask(ec2, "describe_iam_instance_profile_associations")
    ask(ec2, "describe_tags", Filters=[{"Name": "resource-id", "Values": [instance]}])
    zone = launched["Instances"][0]["Placement"]["AvailabilityZone"]
    volume = ask(ec2, "create_volume", AvailabilityZone=zone, Size=9, VolumeType="gp3", TagSpecifications=tags("volume"))["VolumeId"]
    ask(ec2, "attach_volume", VolumeId=volume, InstanceId=instance, Device="/dev/sdf")
    ask(ec2, "describe_volumes", VolumeIds=[volume])
    ask(ec2, "create_snapshot", VolumeId=volume, Description="d")
    ask(ec2, "describe_snapshots", OwnerIds=["self"])
    ask(ec2, "detach_volume", VolumeId=volume, InstanceId=instance, Device="/dev/sdf")
    address = ask(ec2, "allocate_address", Domain="vpc")["AllocationId"]
    ask(ec2, "associate_address", AllocationId=address, InstanceId=instance)
    ask(ec2, "describe_addresses")
    data = {"ImageId": image, "InstanceType": "t3.micro", "SecurityGroupIds": [group], "TagSpecifications": tags("instance")}
    ask(ec2, "create_launch_template", LaunchTemplateName="template", LaunchTemplateData=data)
    ask(ec2, "describe_launch_templates")
    ask(ec2, "describe_launch_template_versions", LaunchTemplateName="template")
    ask(ec2, "delete_launch_template", LaunchTemplateName="template")
    ask(ec2, "stop_instances", InstanceIds=[instance])
    ask.wait(60)
    ask(ec2, "start_instances", InstanceIds=[instance])
    ask.wait(60)
    ask(ec2, "reboot_instances", InstanceIds=[instance])
    scheduler = ask.client("scheduler")
    target = {"Arn": "arn:aws:scheduler:::aws-sdk:ec2:stopInstances", "RoleArn": role, "Input": json.dumps({"InstanceIds": [instance]})}
    ask(scheduler, "create_schedule", Name="s", ScheduleExpression="rate(5 hours)", Target=target, FlexibleTimeWindow={"Mode": "OFF"})
    ask(scheduler, "get_schedule", Name="s")
    ask(scheduler, "list_schedules")
    ask(scheduler, "delete_schedule", Name="s")
    ask(ec2, "terminate_instances", InstanceIds=[instance])


TYPES = ["c5.metal", "c7i.large", "g5.xlarge", "inf2.xlarge", "m5.24xlarge", "m5.large", "m5d.large", "m7g.large", "m7i.large", "p5.48xlarge", "t3.micro"]

# Per entry: operations with a path prefix, the paths (and all below them), the side that has them,
# and which side is right.
LAUNCH = ("run_instances:Instances[].", "describe_instances:Reservations[].Instances[].")
DIFFERENCES = [
    (("describe_availability_zones:AvailabilityZones[].",), ["GroupLongName", "GroupName", "NetworkBorderGroup", "OptInStatus"],
     "sandbox", "sandbox: API AvailabilityZone has them for every zone, moto leaves them out"),
    (("describe_instance_types:InstanceTypes[].",),
     ["EbsInfo.AttachmentLimitType", "GpuInfo.Gpus[].Workloads[]", "NetworkInfo.ConnectionTrackingConfiguration", "NetworkInfo.FlexibleEnaQueuesSupport",
      "NetworkInfo.Ipv4AddressesPerSecondaryInterface", "NetworkInfo.NetworkCards[].DefaultEnaQueueCountPerInterface", "NetworkInfo.SecondaryNetworkSupported", "PhcSupport"],
     "moto", "moto: it plays AWS's own answers back; the lake keeps no such columns, and the sandbox makes nothing up"),
    (("create_role:Role.", "get_instance_profile:InstanceProfile.Roles[]."), ["MaxSessionDuration", "RoleLastUsed"],
     "moto", "sandbox: only GetRole returns them (API Role: not in listings, nor in other answers)"),
    (("create_policy:Policy.",), ["PermissionsBoundaryUsageCount"], "sandbox", "sandbox: API Policy; moto leaves it out of this answer"),
    (LAUNCH, ["CapacityReservationSpecification", "CpuOptions", "CurrentInstanceBootMode", "EnaSupport", "EnclaveOptions", "HibernationOptions.Configured",
              "MaintenanceOptions", "NetworkInterfaces[].PrivateIpAddresses[].PrivateDnsName", "Placement.AvailabilityZoneId", "PlatformDetails", "UsageOperation", "UsageOperationUpdateTime"],
     "sandbox", "sandbox: API Instance; moto leaves them out"),
    (LAUNCH, ["NetworkInterfaces[].Description"], "moto", "sandbox: a primary interface has an empty description; moto writes one"),
    (LAUNCH, ["SriovNetSupport"], "moto", "sandbox: an attribute of images with the older Intel interface, which none of these is"),
    (("describe_instances:Reservations[].Instances[].",), ["StateReason"], "moto", "sandbox: a running instance has no reason for its state; moto sends an empty one"),
    (("run_instances:Instances[].",), ["StateReason.Code", "StateReason.Message"], "sandbox", "sandbox: a pending instance has the reason pending; moto sends an empty one"),
    (("authorize_security_group_ingress:SecurityGroupRules[].",), ["GroupOwnerId"], "sandbox", "sandbox: API SecurityGroupRule"),
    (("describe_instance_status:InstanceStatuses[].", "describe_volumes:Volumes[].", "create_volume:"), ["AvailabilityZoneId"], "sandbox", "sandbox: botocore's model has it; moto is older"),
    (("describe_volumes:Volumes[].", "create_volume:"), ["MultiAttachEnabled", "Throughput"], "sandbox", "sandbox: API Volume; a gp3 volume has a throughput"),
    (("describe_volumes:Volumes[].",), ["Attachments[].DeleteOnTermination"], "sandbox", "sandbox: API VolumeAttachment"),
    (("allocate_address:", "describe_addresses:Addresses[]."), ["NetworkBorderGroup", "PublicIpv4Pool"], "sandbox", "sandbox: API Address"),
    (("delete_launch_template:LaunchTemplate.",), ["CreateTime", "CreatedBy", "LatestVersionNumber"], "sandbox", "sandbox: API LaunchTemplate; moto answers the name alone"),
    (("get_schedule:",), ["ActionAfterCompletion"], "sandbox", "sandbox: API GetSchedule; moto returns it only when it was set"),
]


def listed(call, path):
    """Returns the entry of DIFFERENCES that covers a path."""
    for number, (places, paths, who, _) in enumerate(DIFFERENCES):
        for place in places:
            operation, begin = place.split(":", 1)
            for known in paths:
                whole = begin + known
                if operation == call and (path == whole or path.startswith((whole + ".", whole + "["))):
                    return who, (number, place, known)
    return None, None


def same(theirs, mine, path):
    """Compares values that both sides return; plain lists in any order."""
    if isinstance(theirs, dict):
        return [problem for key in theirs if key in mine for problem in same(theirs[key], mine[key], f"{path}.{key}")]
    if isinstance(theirs, list):
        if theirs and isinstance(theirs[0], dict):
            pairs = zip(theirs, mine, strict=True)
            return [problem for a, b in pairs for problem in same(a, b, f"{path}[]")]
        return [] if sorted(map(str, theirs)) == sorted(map(str, mine)) else [(path, theirs, mine)]
    return [] if theirs == mine else [(path, theirs, mine)]


def forward(seconds):
    body = json.dumps({"forward_seconds": seconds}).encode()
    urllib.request.urlopen(urllib.request.Request(f"{URL}/_mycelium/clock", body, method="POST")).read()


def main():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    moto = Side(f"http://{host}:{port}", lambda seconds: None, aws_access_key_id="a", aws_secret_access_key="b")
    ours = Side(URL, forward)
    try:
        play(moto)
    finally:
        server.stop()
    play(ours)
    found = {}
    for call, theirs in moto.answers.items():
        mine = ours.answers[call]
        for path in sorted(set(theirs) | set(mine)):
            if theirs.get(path) != mine.get(path):
                who = "both" if path in theirs and path in mine else "moto" if path in theirs else "sandbox"
                found[call, path] = (who, theirs.get(path), mine.get(path))
    if "--list" in sys.argv:
        for (call, path), what in found.items():
            print(call, path, *what)
        return
    used, new = set(), {}
    for (call, path), what in found.items():
        who, entry = listed(call, path)
        used.add(entry)
        if who != what[0]:
            new[call, path] = what
    assert not new, f"differences that are not listed: {new}"
    all_entries = {(n, place, known) for n, (places, paths, _, _) in enumerate(DIFFERENCES) for place in places for known in paths}
    assert all_entries <= used, f"differences that are listed and are none: {all_entries - used}"
    # The values of a type are equal too: the lake's columns come from the same records.
    problems = [p for name in TYPES for p in same(moto.types[name], ours.types[name], name)]
    assert not problems, problems
    print("good,", len(moto.answers), "operations,", len(found), "differences")


if __name__ == "__main__":
    main()
