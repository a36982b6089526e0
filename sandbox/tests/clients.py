"""Tests the operations with boto3 and the aws CLI. Every answer is compared with botocore's model:
an unknown element, a value of another type, or a value outside its enum is a failure."""

import base64, datetime, json, os, subprocess, sys, urllib.error, urllib.request
import xml.etree.ElementTree as ET

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

URL = os.environ["AWS_ENDPOINT_URL"]
CONFIG = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=20)
CASES = []
SEEN = set()
# Values that AWS sends and this version of botocore does not know yet, or spells in another way.
NEWER = {"metal-compatibility", "windows"}
AMI = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"


def local(tag):
    return tag.split("}", 1)[-1]


def strict(node, shape, path, problems):
    """Compares an element with its shape (the EC2 protocol: lists contain `item`)."""
    if shape.type_name == "structure":
        known = {}
        for name, member in shape.members.items():
            known[member.serialization.get("name", name)] = member
        for child in node:
            member = known.get(local(child.tag))
            if member is None:
                if local(child.tag) not in ("requestId", "ResponseMetadata"):
                    problems.append(f"{path}/{local(child.tag)} is not in the model")
                continue
            strict(child, member, f"{path}/{local(child.tag)}", problems)
    elif shape.type_name == "list":
        for child in node:
            wanted = shape.member.serialization.get("name", "member")
            if local(child.tag) != wanted:
                problems.append(f"{path}: {local(child.tag)} instead of {wanted}")
            strict(child, shape.member, path, problems)
    else:
        text = node.text or ""
        if len(node):
            problems.append(f"{path} should have no children")
        if getattr(shape, "enum", None) and text and text not in shape.enum and text not in NEWER:
            problems.append(f"{path}: {text!r} is not a {shape.name}")
        if shape.type_name in ("integer", "long") and not text.lstrip("-").isdigit():
            problems.append(f"{path}: {text!r} is not a whole number")
        if shape.type_name == "boolean" and text not in ("true", "false"):
            problems.append(f"{path}: {text!r} is not a boolean")


def check(http_response, parsed, model, **_):
    SEEN.add(model.name)
    if http_response.status_code >= 300 or model.output_shape is None:
        return
    if "xml" not in http_response.headers.get("content-type", ""):
        return
    root = ET.fromstring(http_response.content)
    wrapper = model.output_shape.serialization.get("resultWrapper")
    if wrapper:
        root = next(child for child in root if local(child.tag) == wrapper)
    problems = []
    strict(root, model.output_shape, model.name, problems)
    assert not problems, problems[:5]


def client(name, **more):
    made = boto3.client(name, config=CONFIG, **more)
    made.meta.events.register("after-call", check)
    return made


def refused(code, call, *words, **arguments):
    try:
        call(*words, **arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return error.response["Error"]["Message"]
    raise AssertionError(f"{call.__name__} {arguments} was not refused with {code}")


def door(path, body):
    request = urllib.request.Request(f"{URL}/_mycelium/{path}", json.dumps(body).encode(), method="POST")
    return json.load(urllib.request.urlopen(request))


def forward(seconds):
    door("clock", {"forward_seconds": seconds})


def absent(address):
    try:
        urllib.request.urlopen(address)
    except urllib.error.HTTPError as error:
        assert error.code == 404, error
        return
    raise AssertionError(f"{address} is there")


def case(function):
    CASES.append(function)
    return function


def state(ec2, instance):
    found = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    return found["State"]["Name"]


def launch(ec2, **more):
    arguments = {"ImageId": AMI, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1} | more
    ids = [i["InstanceId"] for i in ec2.run_instances(**arguments)["Instances"]]
    forward(2)
    return ids[0] if arguments["MaxCount"] == 1 else ids


@case
def places(ec2):
    assert len(ec2.describe_regions()["Regions"]) == 3
    zones = ec2.describe_availability_zones()["AvailabilityZones"]
    assert len(zones) == 6 and {z["ZoneId"] for z in zones} == {f"use1-az{n}" for n in range(1, 7)}
    pages = list(ec2.get_paginator("describe_instance_types").paginate(PaginationConfig={"PageSize": 5}))
    assert len(pages) == 3 and sum(len(p["InstanceTypes"]) for p in pages) == 15
    p5 = ec2.describe_instance_types(InstanceTypes=["p5.48xlarge"])["InstanceTypes"][0]
    assert p5["GpuInfo"]["Gpus"][0]["Name"] == "H100" and p5["VCpuInfo"]["DefaultVCpus"] == 192
    refused("InvalidInstanceType", ec2.describe_instance_types, InstanceTypes=["m99.large"])
    offers = ec2.describe_instance_type_offerings(
        LocationType="availability-zone-id", Filters=[{"Name": "instance-type", "Values": ["p5.*"]}])
    assert {o["Location"] for o in offers["InstanceTypeOfferings"]} == {"use1-az1", "use1-az4", "use1-az6"}
    prices = ec2.describe_spot_price_history(InstanceTypes=["m5.large"], ProductDescriptions=["Linux/UNIX"])
    assert prices["SpotPriceHistory"] and 0 < float(prices["SpotPriceHistory"][0]["SpotPrice"]) < 0.096
    instants = [p["Timestamp"] for p in prices["SpotPriceHistory"]]
    assert instants == sorted(instants, reverse=True)
    scores = ec2.get_spot_placement_scores(InstanceTypes=["m5.large", "m7i.large", "c7i.large"], TargetCapacity=1,
                                           SingleAvailabilityZone=True, RegionNames=["us-east-1"])
    assert all(1 <= s["Score"] <= 10 for s in scores["SpotPlacementScores"])
    assert ec2.describe_capacity_reservations()["CapacityReservations"] == []


@case
def a_life(ec2):
    fresh = ec2.run_instances(ImageId=AMI, InstanceType="t3.micro", MinCount=1, MaxCount=1)["Instances"][0]
    assert fresh["State"]["Name"] == "pending"
    i = fresh["InstanceId"]
    assert i.startswith("i-sandbox")
    refused("InvalidInstanceID.NotFound", ec2.describe_instances, InstanceIds=[i])
    forward(2)
    assert state(ec2, i) == "pending"
    forward(10)
    assert state(ec2, i) == "running"
    first = ec2.describe_instances(InstanceIds=[i])["Reservations"][0]["Instances"][0]["LaunchTime"]
    changes = ec2.stop_instances(InstanceIds=[i])["StoppingInstances"][0]
    assert (changes["PreviousState"]["Name"], changes["CurrentState"]["Name"]) == ("running", "stopping")
    refused("IncorrectInstanceState", ec2.start_instances, InstanceIds=[i])
    forward(40)
    assert state(ec2, i) == "stopped"
    ec2.start_instances(InstanceIds=[i])
    forward(10)
    again = ec2.describe_instances(InstanceIds=[i])["Reservations"][0]["Instances"][0]
    assert again["State"]["Name"] == "running" and again["LaunchTime"] > first
    ec2.reboot_instances(InstanceIds=[i])
    forward(300)
    status = ec2.describe_instance_status(InstanceIds=[i])["InstanceStatuses"][0]
    assert status["InstanceStatus"]["Status"] == "ok"
    ec2.terminate_instances(InstanceIds=[i])
    forward(30)
    assert state(ec2, i) == "terminated"
    refused("IncorrectInstanceState", ec2.start_instances, InstanceIds=[i])
    ec2.terminate_instances(InstanceIds=[i])
    forward(4000)
    refused("InvalidInstanceID.NotFound", ec2.describe_instances, InstanceIds=[i])


@case
def launches_are_strict(ec2):
    run = ec2.run_instances
    base = {"ImageId": AMI, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}
    refused("DryRunOperation", run, **base, DryRun=True)
    refused("InvalidParameterValue", run, **base | {"InstanceType": "m99.large"})
    refused("InvalidParameterValue", run, **base | {"InstanceType": "t4g.small"})
    refused("InvalidAMIID.NotFound", run, **base | {"ImageId": "ami-0123456789abcdef0"})
    refused("InvalidAMIID.Malformed", run, **base | {"ImageId": "nonsense"})
    refused("InvalidKeyPair.NotFound", run, **base, KeyName="nobody")
    refused("InvalidParameterValue", run, **base, IamInstanceProfile={"Name": "nobody"})
    refused("InvalidParameterValue", run, **base, UserData="x" * 16385)
    refused("InvalidParameterValue", run, **base | {"MinCount": 3, "MaxCount": 2})
    refused("UnknownParameter", run, **base, EnclaveOptions={"Enabled": True})
    refused("UnsupportedHibernationConfiguration", run, **base, HibernationOptions={"Configured": True})
    tag = lambda key, value: [{"ResourceType": "instance", "Tags": [{"Key": key, "Value": value}]}]
    refused("InvalidParameterValue", run, **base, TagSpecifications=tag("aws:x", "y"))
    refused("InvalidParameterValue", run, **base, TagSpecifications=tag("k", "v" * 257))
    refused("InvalidParameterValue", run, **base, TagSpecifications=tag("cost/center", "y"),
            MetadataOptions={"InstanceMetadataTags": "enabled"})
    many = [{"ResourceType": "instance", "Tags": [{"Key": f"k{n}", "Value": ""} for n in range(51)]}]
    refused("TagLimitExceeded", run, **base, TagSpecifications=many)
    one = run(**base, ClientToken="t1")["Instances"][0]["InstanceId"]
    assert run(**base, ClientToken="t1")["Instances"][0]["InstanceId"] == one
    refused("IdempotentParameterMismatch", run, **base | {"InstanceType": "t3.large"}, ClientToken="t1")
    forward(2)
    ec2.terminate_instances(InstanceIds=[one])
    refused("IdempotentInstanceTerminated", run, **base, ClientToken="t1")
    assert len(run(**base | {"MaxCount": 5})["Instances"]) == 5
    zone3 = [z["ZoneName"] for z in ec2.describe_availability_zones()["AvailabilityZones"] if z["ZoneId"] == "use1-az3"][0]
    refused("Unsupported", run, **base | {"InstanceType": "m7i.large"}, Placement={"AvailabilityZone": zone3})


@case
def attributes(ec2):
    i = launch(ec2)
    before = ec2.describe_instances(InstanceIds=[i])["Reservations"][0]["Instances"][0]
    ec2.modify_instance_attribute(InstanceId=i, InstanceInitiatedShutdownBehavior={"Value": "terminate"})
    shown = ec2.describe_instance_attribute(InstanceId=i, Attribute="instanceInitiatedShutdownBehavior")
    assert shown["InstanceInitiatedShutdownBehavior"]["Value"] == "terminate"
    after = ec2.describe_instances(InstanceIds=[i])["Reservations"][0]["Instances"][0]
    assert before["SecurityGroups"] == after["SecurityGroups"] != []
    ec2.modify_instance_metadata_options(InstanceId=i, HttpTokens="required", HttpPutResponseHopLimit=1)
    options = ec2.modify_instance_metadata_options(InstanceId=i, HttpPutResponseHopLimit=3)["InstanceMetadataOptions"]
    assert options["HttpTokens"] == "required" and options["HttpPutResponseHopLimit"] == 3
    mapping = lambda value: [{"DeviceName": "/dev/xvda", "Ebs": {"DeleteOnTermination": value}}]
    ec2.modify_instance_attribute(InstanceId=i, BlockDeviceMappings=mapping(False))
    shown = ec2.describe_instance_attribute(InstanceId=i, Attribute="blockDeviceMapping")["BlockDeviceMappings"]
    assert [(m["DeviceName"], m["Ebs"]["DeleteOnTermination"]) for m in shown] == [("/dev/xvda", False)]
    ec2.modify_instance_attribute(InstanceId=i, BlockDeviceMappings=mapping(True))
    refused("InvalidInstanceAttributeValue", ec2.modify_instance_attribute, InstanceId=i, BlockDeviceMappings=[{"DeviceName": "/dev/sdz", "Ebs": {"DeleteOnTermination": True}}])
    assert ec2.describe_instance_attribute(InstanceId=i, Attribute="sourceDestCheck")["SourceDestCheck"] == {"Value": True}
    for attribute in ("kernel", "ramdisk", "sriovNetSupport", "productCodes", "enaSupport", "enclaveOptions"):
        ec2.describe_instance_attribute(InstanceId=i, Attribute=attribute)
    ec2.modify_instance_attribute(InstanceId=i, DisableApiTermination={"Value": True})
    refused("OperationNotPermitted", ec2.terminate_instances, InstanceIds=[i])
    ec2.modify_instance_attribute(InstanceId=i, DisableApiTermination={"Value": False})
    refused("IncorrectInstanceState", ec2.modify_instance_attribute, InstanceId=i, InstanceType={"Value": "t3.large"})
    forward(10)
    ec2.modify_instance_attribute(InstanceId=i, DisableApiStop={"Value": True})
    refused("OperationNotPermitted", ec2.stop_instances, InstanceIds=[i])
    refused("OperationNotPermitted", ec2.terminate_instances, InstanceIds=[i])
    assert state(ec2, i) == "running"
    ec2.modify_instance_attribute(InstanceId=i, DisableApiStop={"Value": False})
    refused("UnsupportedHibernationConfiguration", ec2.stop_instances, InstanceIds=[i], Hibernate=True)
    door("poweroff", {"instance": i})
    forward(30)
    assert state(ec2, i) == "terminated"
    root = [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 20, "Encrypted": True}}]
    h = launch(ec2, InstanceType="m5.large", BlockDeviceMappings=root, HibernationOptions={"Configured": True})
    forward(10)
    ec2.stop_instances(InstanceIds=[h], Hibernate=True)
    reason = ec2.describe_instances(InstanceIds=[h])["Reservations"][0]["Instances"][0]["StateReason"]["Code"]
    assert reason == "Client.UserInitiatedHibernate"
    forward(60)
    assert ec2.get_console_output(InstanceId=h)["Output"]


@case
def images_have_owners_and_platforms(ec2):
    ssm = client("ssm")
    owner = lambda name: ec2.describe_images(ImageIds=[ssm.get_parameter(Name=name)["Parameter"]["Value"]])["Images"][0]
    ubuntu = owner("/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id")
    assert ubuntu["OwnerId"] == "099720109477" and ubuntu["RootDeviceName"] == "/dev/sda1" and "Platform" not in ubuntu
    windows = owner("/aws/service/ami-windows-latest/Windows_Server-2022-English-Full-Base")
    assert windows["Platform"] == "windows" and windows["PlatformDetails"] == "Windows"
    assert owner("/aws/service/ec2-macos/sequoia/arm64_mac/latest/image_id")["Architecture"] == "arm64_mac"
    assert owner("/aws/service/debian/release/13/latest/amd64")["OwnerId"] == "136693071363"
    assert len(ec2.describe_images(Owners=["099720109477"])["Images"]) == 2


@case
def consoles_and_instance_connect(ec2):
    i = launch(ec2)
    assert "Output" not in ec2.get_console_output(InstanceId=i)
    forward(60)
    text = ec2.get_console_output(InstanceId=i, Latest=True)["Output"]
    line = text.split("BEGIN SSH HOST KEY KEYS-----")[1].splitlines()[1]
    private = door("host-key", {"instance": i})["private_key"]
    blob = base64.b64decode("".join(private.splitlines()[1:-1]))
    assert base64.b64decode(line.split()[1]) in blob
    connect = client("ec2-instance-connect")
    key = "ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(range(32))).decode()
    place = lambda i: ec2.describe_instances(InstanceIds=[i])["Reservations"][0]["Instances"][0]["Placement"]["AvailabilityZone"]
    send = lambda **more: connect.send_ssh_public_key(**{"InstanceId": i, "InstanceOSUser": "ec2-user", "SSHPublicKey": key} | more)
    assert send(AvailabilityZone=place(i))["Success"] is True
    ec2.modify_instance_metadata_options(InstanceId=i, HttpTokens="optional")
    base = door("imds", {"instance": i})["url"] + "/latest/meta-data/managed-ssh-keys/active-keys/"
    assert key in urllib.request.urlopen(base + "ec2-user").read().decode()
    absent(base + "root")
    forward(61)
    absent(base + "ec2-user")
    refused("InvalidArgsException", send, InstanceOSUser="-oProxyCommand")
    refused("InvalidArgsException", send, SSHPublicKey="ssh-ed25519 " + "A" * 100)
    refused("EC2InstanceNotFoundException", send, InstanceId="i-0123456789abcdef0")
    door("console", {"instance": i, "text": "a text of the machine"})
    assert ec2.get_console_output(InstanceId=i)["Output"] == "a text of the machine"
    ec2.stop_instances(InstanceIds=[i])
    forward(60)
    refused("EC2InstanceStateInvalidException", send)
    ec2.start_instances(InstanceIds=[i])
    other = launch(ec2)
    forward(60)
    ec2.stop_instances(InstanceIds=[other])
    forward(60)
    ec2.start_instances(InstanceIds=[other])
    forward(60)
    assert "HOST KEY" not in ec2.get_console_output(InstanceId=other)["Output"]


@case
def the_agent_reports_instances_whose_role_allows_it(ec2):
    iam, ssm = client("iam"), client("ssm")
    trust = json.dumps({"Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
    tags = [{"Key": "made-by", "Value": "a test"}]
    assert iam.create_role(RoleName="agent", AssumeRolePolicyDocument=trust, Tags=tags)["Role"]["Tags"] == tags
    iam.create_instance_profile(InstanceProfileName="agent", Tags=tags)
    iam.add_role_to_instance_profile(InstanceProfileName="agent", RoleName="agent")
    assert iam.get_role(RoleName="agent")["Role"]["Tags"] == tags == iam.list_role_tags(RoleName="agent")["Tags"]
    iam.tag_role(RoleName="agent", Tags=[{"Key": "made-by", "Value": "another"}])
    assert iam.list_role_tags(RoleName="agent")["Tags"][0]["Value"] == "another"
    iam.update_assume_role_policy(RoleName="agent", PolicyDocument=trust)
    assert [p["InstanceProfileName"] for p in iam.list_instance_profiles_for_role(RoleName="agent")["InstanceProfiles"]] == ["agent"]
    assert "agent" in [p["InstanceProfileName"] for p in iam.list_instance_profiles()["InstanceProfiles"]]
    forward(10)
    i = launch(ec2, IamInstanceProfile={"Name": "agent"})
    forward(60)
    known = lambda: ssm.describe_instance_information(Filters=[{"Key": "InstanceIds", "Values": [i]}])["InstanceInformationList"]
    assert known() == []
    iam.attach_role_policy(RoleName="agent", PolicyArn="arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore")
    assert [row["PingStatus"] for row in known()] == ["Online"]
    assert i in [row["InstanceId"] for row in ssm.describe_instance_information()["InstanceInformationList"]]
    ec2.stop_instances(InstanceIds=[i])
    assert known()[0]["PingStatus"] == "ConnectionLost"
    forward(60)
    ec2.terminate_instances(InstanceIds=[i])
    forward(30)
    assert known() == []
    refused("InvalidFilterKey", ssm.describe_instance_information, Filters=[{"Key": "Name", "Values": ["x"]}])


@case
def rules_have_ids(ec2):
    g = ec2.create_security_group(GroupName="rules", Description="d")["GroupId"]
    rule = lambda cidr, text: [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": cidr, "Description": text}]}]
    made = [ec2.authorize_security_group_ingress(GroupId=g, IpPermissions=rule(cidr, "me"))["SecurityGroupRules"][0]["SecurityGroupRuleId"]
            for cidr in ("192.0.2.1/32", "192.0.2.2/32")]
    of_group = [{"Name": "group-id", "Values": [g]}]
    shown = ec2.describe_security_group_rules(Filters=of_group)["SecurityGroupRules"]
    assert [(r["IsEgress"], r["CidrIpv4"]) for r in shown] == [(False, "192.0.2.1/32"), (False, "192.0.2.2/32"), (True, "0.0.0.0/0")]
    ec2.revoke_security_group_ingress(GroupId=g, SecurityGroupRuleIds=made[:1])
    refused("InvalidSecurityGroupRuleId.NotFound", ec2.revoke_security_group_ingress, GroupId=g, SecurityGroupRuleIds=made[:1])
    ec2.update_security_group_rule_descriptions_ingress(GroupId=g, IpPermissions=rule("192.0.2.2/32", "you"))
    refused("InvalidPermission.NotFound", ec2.update_security_group_rule_descriptions_ingress, GroupId=g, IpPermissions=rule("192.0.2.9/32", "you"))
    assert ec2.describe_security_group_rules(SecurityGroupRuleIds=made[1:])["SecurityGroupRules"][0]["Description"] == "you"
    ec2.delete_security_group(GroupId=g)


@case
def calls_are_counted(ec2):
    door("calls", {})
    ec2.describe_vpcs()
    ec2.describe_vpcs()
    with urllib.request.urlopen(f"{URL}/_mycelium/calls") as answer:
        assert json.load(answer) == {"total": 2, "in_sequence": 2, "by_action": {"DescribeVpcs": 2}}
    assert urllib.request.urlopen(f"{URL}/checkip.amazonaws.com/").read() == b"198.19.250.1\n"


@case
def spot(ec2):
    options = lambda **more: {"MarketType": "spot", "SpotOptions": more}
    i = launch(ec2, InstanceMarketOptions=options())
    forward(10)
    found = ec2.describe_instances(InstanceIds=[i])["Reservations"][0]["Instances"][0]
    assert found["InstanceLifecycle"] == "spot" and found["SpotInstanceRequestId"].startswith("sir-")
    refused("UnsupportedOperation", ec2.stop_instances, InstanceIds=[i])
    refused("SpotMaxPriceTooLow", ec2.run_instances, ImageId=AMI, InstanceType="m5.large", MinCount=1, MaxCount=1,
            InstanceMarketOptions=options(MaxPrice="0.0001"))
    refused("InvalidParameterCombination", ec2.run_instances, ImageId=AMI, InstanceType="m5.large", MinCount=1,
            MaxCount=1, InstanceMarketOptions=options(SpotInstanceType="persistent"))
    ec2.terminate_instances(InstanceIds=[i])
    request = lambda id: ec2.describe_spot_instance_requests(SpotInstanceRequestIds=[id])["SpotInstanceRequests"][0]
    assert request(found["SpotInstanceRequestId"])["State"] == "closed"
    p = launch(ec2, InstanceMarketOptions=options(SpotInstanceType="persistent", InstanceInterruptionBehavior="stop"))
    forward(10)
    sir = ec2.describe_instances(InstanceIds=[p])["Reservations"][0]["Instances"][0]["SpotInstanceRequestId"]
    ec2.stop_instances(InstanceIds=[p])
    assert request(sir)["State"] == "disabled"
    forward(60)
    ec2.start_instances(InstanceIds=[p])
    forward(10)
    ec2.terminate_instances(InstanceIds=[p])
    assert request(sir)["State"] == "open"
    forward(30)
    new = request(sir)["InstanceId"]
    assert new != p and request(sir)["State"] == "active"
    forward(10)
    door("interrupt", {"instance": new})
    assert request(sir)["Status"]["Code"] == "marked-for-termination"
    forward(121)
    assert state(ec2, new) in ("stopping", "stopped")
    forward(60)
    assert state(ec2, new) in ("pending", "running")
    assert ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=[sir])["CancelledSpotInstanceRequests"][0]["State"] == "cancelled"
    ec2.terminate_instances(InstanceIds=[new])
    forward(60)
    assert request(sir)["State"] == "cancelled"


@case
def tags_and_filters(ec2):
    ids = launch(ec2, MaxCount=3, MinCount=3, TagSpecifications=[
        {"ResourceType": "instance", "Tags": [{"Key": "team", "Value": "a*b"}]},
        {"ResourceType": "volume", "Tags": [{"Key": "team", "Value": "v"}]}])
    ec2.create_tags(Resources=ids[:1], Tags=[{"Key": "only", "Value": "one"}])
    refused("InvalidInstanceID.NotFound", ec2.create_tags, Resources=["i-0123456789abcdef0"], Tags=[{"Key": "a", "Value": "b"}])
    count = lambda **filters: sum(len(r["Instances"]) for r in ec2.describe_instances(
        Filters=[{"Name": k, "Values": v} for k, v in filters.items()])["Reservations"])
    assert count(**{"tag:team": ["a\\*b"]}) == 3 and count(**{"tag:team": ["a\\*b"], "tag-key": ["only"]}) == 1
    for name, value in [("client-token", "*"), ("launch-time", "20*"), ("iam-instance-profile.arn", "none"),
                        ("metadata-options.http-tokens", "required"), ("hibernation-options.configured", "false")]:
        count(**{name: [value]})
    refused("InvalidParameterValue", ec2.describe_instances, Filters=[{"Name": "nonsense", "Values": ["x"]}])
    pages = ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 5})
    assert sum(len(r["Instances"]) for page in pages for r in page["Reservations"]) >= 3
    assert len(ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": ids[:1]}])["Tags"]) == 2
    of_instance = {"Name": "resource-id", "Values": ids[:1]}
    first = ec2.describe_tags(Filters=[of_instance])["Tags"][0]
    by_key = {"Name": "tag:" + first["Key"], "Values": [first["Value"]]}
    assert ec2.describe_tags(Filters=[of_instance, by_key])["Tags"] == [first]
    assert ec2.describe_tags(Filters=[{"Name": "tag:" + first["Key"], "Values": ["other"]}])["Tags"] == []
    refused("MalformedQueryString", ec2.create_tags, Resources=ids[:1], Tags=[{"Key": "k", "Value": "a\x01b"}])
    ec2.delete_tags(Resources=ids[:1], Tags=[{"Key": "only", "Value": "other"}, {"Key": "team"}])
    assert [t["Key"] for t in ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": ids[:1]}])["Tags"]] == ["only"]
    volumes = ec2.describe_volumes(Filters=[{"Name": "tag:team", "Values": ["v"]}])["Volumes"]
    assert len(volumes) == 3 and volumes[0]["Attachments"][0]["InstanceId"] in ids
    ec2.terminate_instances(InstanceIds=ids)
    forward(30)
    assert ec2.describe_volumes(Filters=[{"Name": "tag:team", "Values": ["v"]}])["Volumes"] == []


@case
def storage_and_network(ec2):
    i = launch(ec2)
    forward(10)
    zone = ec2.describe_instances(InstanceIds=[i])["Reservations"][0]["Instances"][0]["Placement"]["AvailabilityZone"]
    v = ec2.create_volume(AvailabilityZone=zone, Size=9, VolumeType="gp3")["VolumeId"]
    ec2.attach_volume(VolumeId=v, InstanceId=i, Device="/dev/sdf")
    refused("VolumeInUse", ec2.delete_volume, VolumeId=v)
    root = ec2.describe_instances(InstanceIds=[i])["Reservations"][0]["Instances"][0]["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    refused("OperationNotPermitted", ec2.detach_volume, VolumeId=root)
    snapshot = ec2.create_snapshot(VolumeId=v)["SnapshotId"]
    ec2.detach_volume(VolumeId=v)
    ec2.delete_volume(VolumeId=v)
    assert ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"][0]["SnapshotId"] == snapshot
    ec2.delete_snapshot(SnapshotId=snapshot)
    image = ec2.create_image(InstanceId=i, Name="mine")["ImageId"]
    refused("InvalidAMIName.Duplicate", ec2.create_image, InstanceId=i, Name="mine")
    shown = ec2.describe_images(Owners=["self"])["Images"][0]
    assert shown["SourceInstanceId"] == i and len(ec2.describe_images(ExecutableUsers=["all"])["Images"]) == 14 and ec2.describe_images(ExecutableUsers=["self"])["Images"] == []
    refused("InvalidSnapshot.InUse", ec2.delete_snapshot, SnapshotId=shown["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"])
    ec2.deregister_image(ImageId=image)
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    assert len(ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]) == 6
    g = ec2.create_security_group(GroupName="web", Description="d", VpcId=vpc)["GroupId"]
    refused("InvalidGroup.Duplicate", ec2.create_security_group, GroupName="web", Description="d")
    stranger = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "UserIdGroupPairs": [{"GroupId": g, "UserId": "000000000002"}]}]
    refused("InvalidGroup.NotFound", ec2.authorize_security_group_ingress, GroupId=g, IpPermissions=stranger)
    rule = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "192.0.2.1/32", "Description": "me"}]}]
    ec2.authorize_security_group_ingress(GroupId=g, IpPermissions=rule)
    refused("InvalidPermission.Duplicate", ec2.authorize_security_group_ingress, GroupId=g, IpPermissions=rule)
    assert ec2.describe_security_groups(GroupIds=[g])["SecurityGroups"][0]["IpPermissions"][0]["FromPort"] == 22
    ec2.revoke_security_group_ingress(GroupId=g, IpPermissions=rule)
    ec2.modify_instance_attribute(InstanceId=i, Groups=[g])
    refused("DependencyViolation", ec2.delete_security_group, GroupId=g)
    a = ec2.allocate_address(Domain="vpc")
    ec2.associate_address(AllocationId=a["AllocationId"], InstanceId=i)
    refused("InvalidIPAddress.InUse", ec2.release_address, AllocationId=a["AllocationId"])
    association = ec2.describe_addresses()["Addresses"][0]["AssociationId"]
    ec2.disassociate_address(AssociationId=association)
    ec2.release_address(AllocationId=a["AllocationId"])
    ec2.terminate_instances(InstanceIds=[i])
    forward(30)
    ec2.delete_security_group(GroupId=g)


@case
def addresses(ec2):
    show = lambda id: ec2.describe_instances(InstanceIds=[id])["Reservations"][0]["Instances"][0]
    association = lambda id: show(id)["NetworkInterfaces"][0].get("Association")
    hidden = launch(ec2, NetworkInterfaces=[{"DeviceIndex": 0, "AssociatePublicIpAddress": False}])
    i = launch(ec2)
    forward(10)
    assert "PublicIpAddress" not in show(hidden) and association(hidden) is None
    first = show(i)["PublicIpAddress"]
    assert association(i) == {"PublicIp": first, "PublicDnsName": show(i)["PublicDnsName"], "IpOwnerId": "amazon"}
    one, two = ec2.allocate_address(Domain="vpc"), ec2.allocate_address(Domain="vpc")
    held = lambda a: ec2.describe_addresses(AllocationIds=[a["AllocationId"]])["Addresses"][0].get("InstanceId")
    ec2.associate_address(AllocationId=one["AllocationId"], InstanceId=i)
    assert (show(i)["PublicIpAddress"], association(i)["IpOwnerId"], held(one)) == (one["PublicIp"], "000000000001", i)
    # An instance has one Elastic IP address. Associating another one frees the first.
    ec2.associate_address(AllocationId=two["AllocationId"], InstanceId=i)
    assert (show(i)["PublicIpAddress"], held(one), held(two)) == (two["PublicIp"], None, i)
    # An Elastic IP address survives a stop; an address of Amazon's pool does not.
    ec2.stop_instances(InstanceIds=[i, hidden])
    forward(60)
    assert show(i)["PublicIpAddress"] == two["PublicIp"]
    ec2.start_instances(InstanceIds=[i, hidden])
    forward(10)
    assert show(i)["PublicIpAddress"] == two["PublicIp"] and "PublicIpAddress" not in show(hidden)
    ec2.associate_address(AllocationId=two["AllocationId"], InstanceId=hidden)
    assert show(hidden)["PublicIpAddress"] == two["PublicIp"] and show(i)["PublicIpAddress"] not in (first, two["PublicIp"])
    refused("Resource.AlreadyAssociated", ec2.associate_address, AllocationId=two["AllocationId"], InstanceId=i, AllowReassociation=False)
    ec2.disassociate_address(AssociationId=ec2.describe_addresses(AllocationIds=[two["AllocationId"]])["Addresses"][0]["AssociationId"])
    assert "PublicIpAddress" not in show(hidden)
    for address in (one, two):
        ec2.release_address(AllocationId=address["AllocationId"])
    base = dict(ImageId=AMI, InstanceType="t3.micro", MinCount=1, MaxCount=1)
    group = ec2.describe_security_groups(GroupNames=["default"])["SecurityGroups"][0]["GroupId"]
    refused("InvalidParameterCombination", ec2.run_instances, **base, SecurityGroupIds=[group], NetworkInterfaces=[{"DeviceIndex": 0}])
    refused("InvalidParameterValue", ec2.run_instances, **base, NetworkInterfaces=[{"DeviceIndex": 1}])
    ec2.terminate_instances(InstanceIds=[i, hidden])


@case
def keys(ec2):
    blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(range(32))
    material = b"ssh-ed25519 " + base64.b64encode(blob)
    import hashlib
    print_ = ec2.import_key_pair(KeyName="k", PublicKeyMaterial=material)["KeyFingerprint"]
    assert print_ == base64.b64encode(hashlib.sha256(blob).digest()).decode()
    refused("InvalidKeyPair.Duplicate", ec2.import_key_pair, KeyName="k", PublicKeyMaterial=material)
    refused("InvalidKey.Format", ec2.import_key_pair, KeyName="k2", PublicKeyMaterial=b"nonsense")
    modulus = b"\0" + bytes([200] * 256)
    rsa = b"\0\0\0\x07ssh-rsa\0\0\0\x03\1\0\1" + len(modulus).to_bytes(4, "big") + modulus
    shown = ec2.import_key_pair(KeyName="r", PublicKeyMaterial=b"ssh-rsa " + base64.b64encode(rsa))["KeyFingerprint"]
    assert len(shown.split(":")) == 16
    assert {k["KeyType"] for k in ec2.describe_key_pairs()["KeyPairs"]} == {"ed25519", "rsa"}
    ec2.delete_key_pair(KeyName="k")
    ec2.delete_key_pair(KeyName="k")
    made = ec2.create_key_pair(KeyName="k", TagSpecifications=[{"ResourceType": "key-pair", "Tags": [{"Key": "a", "Value": "b"}]}])
    assert made["KeyMaterial"].startswith("-----BEGIN RSA PRIVATE KEY-----") and len(made["KeyFingerprint"].split(":")) == 20
    refused("InvalidKeyPair.Duplicate", ec2.create_key_pair, KeyName="k")
    made = ec2.create_key_pair(KeyName="e", KeyType="ed25519", KeyFormat="pem")
    assert made["KeyMaterial"].startswith("-----BEGIN OPENSSH PRIVATE KEY-----") and len(made["KeyFingerprint"]) == 44
    shown = ec2.describe_key_pairs(KeyNames=["e"], IncludePublicKey=True)["KeyPairs"][0]
    assert shown["KeyFingerprint"] == made["KeyFingerprint"] and shown["PublicKey"].startswith("ssh-ed25519 ")
    launch(ec2, KeyName="e")


@case
def templates_and_fleets(ec2):
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "from", "Value": "template"}]}]
    data = {"ImageId": AMI, "InstanceType": "t3.micro", "TagSpecifications": tags, "Monitoring": {"Enabled": True},
            "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}}
    made = ec2.create_launch_template(LaunchTemplateName="mine", LaunchTemplateData=data)["LaunchTemplate"]
    lt = made["LaunchTemplateId"]
    refused("InvalidLaunchTemplateName.AlreadyExistsException", ec2.create_launch_template, LaunchTemplateName="mine", LaunchTemplateData=data)
    refused("UnknownParameter", ec2.create_launch_template, LaunchTemplateName="other", LaunchTemplateData={"EnclaveOptions": {"Enabled": True}})
    second = ec2.create_launch_template_version(LaunchTemplateId=lt, SourceVersion="1", LaunchTemplateData={"InstanceType": "t3.large"})
    assert second["LaunchTemplateVersion"]["VersionNumber"] == 2
    versions = ec2.describe_launch_template_versions(LaunchTemplateName="mine")["LaunchTemplateVersions"]
    assert [(v["VersionNumber"], v["LaunchTemplateData"]["InstanceType"], v["DefaultVersion"]) for v in versions] == [(2, "t3.large", False), (1, "t3.micro", True)]
    assert versions[0]["LaunchTemplateData"]["TagSpecifications"] == tags and versions[1]["LaunchTemplateData"]["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
    assert ec2.describe_launch_templates()["LaunchTemplates"][0]["LatestVersionNumber"] == 2
    refused("InvalidLaunchTemplateId.VersionNotFound", ec2.run_instances, MinCount=1, MaxCount=1, LaunchTemplate={"LaunchTemplateId": lt, "Version": "3"})
    refused("InvalidLaunchTemplateName.NotFoundException", ec2.run_instances, MinCount=1, MaxCount=1, LaunchTemplate={"LaunchTemplateName": "nobody"})
    run = lambda **more: ec2.run_instances(MinCount=1, MaxCount=1, **more)["Instances"][0]
    i = run(LaunchTemplate={"LaunchTemplateId": lt, "Version": "$Latest"})
    assert (i["InstanceType"], i["MetadataOptions"]["HttpPutResponseHopLimit"], i["Monitoring"]["State"]) == ("t3.large", 1, "enabled")
    told = {t["Key"]: t["Value"] for t in i["Tags"]}
    assert told == {"from": "template", "aws:ec2launchtemplate:id": lt, "aws:ec2launchtemplate:version": "2"}
    i = run(LaunchTemplate={"LaunchTemplateName": "mine"}, InstanceType="m5.large", MetadataOptions={"HttpTokens": "optional"})
    assert (i["InstanceType"], i["MetadataOptions"]["HttpTokens"], i["MetadataOptions"]["HttpPutResponseHopLimit"]) == ("m5.large", "optional", 2)
    forward(2)
    refused("InvalidParameterValue", ec2.delete_tags, Resources=[i["InstanceId"]], Tags=[{"Key": "aws:ec2launchtemplate:id"}])

    config = lambda *types: [{"LaunchTemplateSpecification": {"LaunchTemplateId": lt, "Version": "1"},
                              "Overrides": [{"InstanceType": t, "Priority": n} for n, t in enumerate(types)]}]
    target = lambda n, kind="on-demand", **more: {"TotalTargetCapacity": n, "DefaultTargetCapacityType": kind} | more
    fleet = ec2.create_fleet(Type="instant", LaunchTemplateConfigs=config("m5.large", "m7i.large", "t4g.small"), TargetCapacitySpecification=target(3),
                             OnDemandOptions={"AllocationStrategy": "lowest-price"},
                             TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "fleet", "Value": "f"}]}])
    assert sum(len(g["InstanceIds"]) for g in fleet["Instances"]) == 3
    # The cheapest type does not match the image's architecture. The fleet reports an error for it
    # and takes the next.
    assert [e["ErrorCode"] for e in fleet["Errors"]] == ["InvalidParameterValue"] and fleet["Errors"][0]["LaunchTemplateAndOverrides"]["Overrides"]["InstanceType"] == "t4g.small"
    assert {g["InstanceType"] for g in fleet["Instances"]} == {"m5.large"} and fleet["Instances"][0]["Lifecycle"] == "on-demand"
    forward(2)
    i = fleet["Instances"][0]["InstanceIds"][0]
    told = {t["Key"]: t["Value"] for t in ec2.describe_instances(InstanceIds=[i])["Reservations"][0]["Instances"][0]["Tags"]}
    assert (told["fleet"], told["from"], told["aws:ec2:fleet-id"]) == ("f", "template", fleet["FleetId"])
    mixed = ec2.create_fleet(Type="instant", LaunchTemplateConfigs=config("m7i.large", "c7i.large"), TargetCapacitySpecification=target(4, "spot", OnDemandTargetCapacity=1),
                             OnDemandOptions={"AllocationStrategy": "prioritized"}, SpotOptions={"AllocationStrategy": "diversified"})
    count = {}
    for g in mixed["Instances"]:
        count[g["Lifecycle"], g["InstanceType"]] = count.get((g["Lifecycle"], g["InstanceType"]), 0) + len(g["InstanceIds"])
    assert count == {("on-demand", "m7i.large"): 1, ("spot", "m7i.large"): 2, ("spot", "c7i.large"): 1} or \
        count == {("on-demand", "m7i.large"): 1, ("spot", "m7i.large"): 1, ("spot", "c7i.large"): 2}, count
    refused("UnsupportedOperation", ec2.create_fleet, Type="maintain", LaunchTemplateConfigs=config("m5.large"), TargetCapacitySpecification=target(1))
    once = dict(Type="instant", LaunchTemplateConfigs=config("m5.large"), ClientToken="fleet1")
    first = ec2.create_fleet(**once, TargetCapacitySpecification=target(1))
    assert ec2.create_fleet(**once, TargetCapacitySpecification=target(1))["Instances"] == first["Instances"]
    refused("IdempotentParameterMismatch", ec2.create_fleet, **once, TargetCapacitySpecification=target(2))
    refused("DryRunOperation", ec2.create_fleet, Type="instant", LaunchTemplateConfigs=config("m5.large"), TargetCapacitySpecification=target(1), DryRun=True)
    ec2.delete_launch_template(LaunchTemplateId=lt)
    refused("InvalidLaunchTemplateId.NotFound", ec2.describe_launch_templates, LaunchTemplateIds=[lt])


@case
def spot_requests(ec2):
    spec = {"ImageId": AMI, "InstanceType": "t3.large", "BlockDeviceMappings": [{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 5}}]}
    asked = ec2.request_spot_instances(InstanceCount=2, LaunchSpecification=spec, Type="persistent",
                                       TagSpecifications=[{"ResourceType": "spot-instances-request", "Tags": [{"Key": "a", "Value": "b"}]}])
    ids = [r["SpotInstanceRequestId"] for r in asked["SpotInstanceRequests"]]
    assert len(ids) == 2 and {(r["State"], r["Status"]["Code"]) for r in asked["SpotInstanceRequests"]} == {("open", "pending-evaluation")}
    show = lambda: ec2.describe_spot_instance_requests(SpotInstanceRequestIds=ids)["SpotInstanceRequests"]
    forward(3)
    assert {r["State"] for r in show()} == {"active"} and show()[0]["Tags"] == [{"Key": "a", "Value": "b"}]
    first = show()[0]["InstanceId"]
    forward(10)
    volumes = lambda i: ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [i]}])["Volumes"]
    assert sorted(v["Size"] for v in volumes(first)) == [5, 8]
    # When the instance of a persistent request ends, the request launches another, with all its
    # disks.
    ec2.terminate_instances(InstanceIds=[first])
    forward(60)
    again = [r for r in show() if r["InstanceId"] != first]
    assert len(again) == 2
    assert all(sorted(v["Size"] for v in volumes(r["InstanceId"])) == [5, 8] for r in again)
    ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=ids)
    ec2.terminate_instances(InstanceIds=[r["InstanceId"] for r in again])
    low = ec2.request_spot_instances(SpotPrice="0.0001", LaunchSpecification=spec)["SpotInstanceRequests"][0]["SpotInstanceRequestId"]
    forward(5)
    shown = ec2.describe_spot_instance_requests(SpotInstanceRequestIds=[low])["SpotInstanceRequests"][0]
    assert (shown["State"], shown["Status"]["Code"]) == ("open", "price-too-low") and "InstanceId" not in shown
    assert ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=[low])["CancelledSpotInstanceRequests"][0]["State"] == "cancelled"
    token = dict(LaunchSpecification=spec, ClientToken="s1")
    one = ec2.request_spot_instances(**token)["SpotInstanceRequests"][0]["SpotInstanceRequestId"]
    assert ec2.request_spot_instances(**token)["SpotInstanceRequests"][0]["SpotInstanceRequestId"] == one
    refused("IdempotentParameterMismatch", ec2.request_spot_instances, **token, InstanceCount=2)
    refused("InvalidParameterCombination", ec2.request_spot_instances, LaunchSpecification=spec, InstanceInterruptionBehavior="stop")
    refused("UnknownParameter", ec2.request_spot_instances, LaunchSpecification=spec, LaunchGroup="g")
    ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=[one])


@case
def capacity_reservations(ec2):
    zone = ec2.describe_availability_zones()["AvailabilityZones"][0]["ZoneName"]
    make = lambda **more: ec2.create_capacity_reservation(**dict(InstanceType="c7i.large", InstancePlatform="Linux/UNIX", AvailabilityZone=zone, InstanceCount=2) | more)["CapacityReservation"]
    open_one = make(TagSpecifications=[{"ResourceType": "capacity-reservation", "Tags": [{"Key": "a", "Value": "b"}]}])
    assert (open_one["State"], open_one["AvailableInstanceCount"], open_one["EndDateType"]) == ("active", 2, "unlimited")
    named = make(InstanceMatchCriteria="targeted", InstanceCount=1)
    cr, target = open_one["CapacityReservationId"], named["CapacityReservationId"]
    show = lambda id: ec2.describe_capacity_reservations(CapacityReservationIds=[id])["CapacityReservations"][0]
    place = dict(InstanceType="c7i.large", Placement={"AvailabilityZone": zone})
    inside = launch(ec2, **place)
    assert ec2.describe_instances(InstanceIds=[inside])["Reservations"][0]["Instances"][0]["CapacityReservationId"] == cr
    assert show(cr)["AvailableInstanceCount"] == 1
    outside = launch(ec2, **place, CapacityReservationSpecification={"CapacityReservationPreference": "none"})
    assert "CapacityReservationId" not in ec2.describe_instances(InstanceIds=[outside])["Reservations"][0]["Instances"][0]
    into = dict(CapacityReservationSpecification={"CapacityReservationTarget": {"CapacityReservationId": target}})
    aimed = launch(ec2, **place, **into)
    assert show(target)["AvailableInstanceCount"] == 0
    refused("ReservationCapacityExceeded", ec2.run_instances, ImageId=AMI, MinCount=1, MaxCount=1, **place, **into)
    forward(20)
    ec2.stop_instances(InstanceIds=[inside])
    assert show(cr)["AvailableInstanceCount"] == 2
    forward(40)
    ec2.start_instances(InstanceIds=[inside])
    assert show(cr)["AvailableInstanceCount"] == 1
    assert len(ec2.describe_capacity_reservations(Filters=[{"Name": "instance-type", "Values": ["c7i.*"]}, {"Name": "state", "Values": ["active"]}])["CapacityReservations"]) == 2
    refused("InvalidCapacityReservationId.NotFound", ec2.describe_capacity_reservations, CapacityReservationIds=["cr-0123456789abcdef0"])
    now = ec2.describe_instances(InstanceIds=[inside])["Reservations"][0]["Instances"][0]["LaunchTime"]
    short = make(InstanceType="m7i.large", EndDateType="limited", EndDate=now + datetime.timedelta(hours=1))["CapacityReservationId"]
    ec2.cancel_capacity_reservation(CapacityReservationId=target)
    assert (show(target)["State"], show(target)["AvailableInstanceCount"]) == ("cancelled", 0)
    refused("InvalidCapacityReservationState", ec2.cancel_capacity_reservation, CapacityReservationId=target)
    forward(3700)
    assert show(short)["State"] == "expired"
    assert state(ec2, aimed) == "running"
    ec2.cancel_capacity_reservation(CapacityReservationId=cr)
    ec2.terminate_instances(InstanceIds=[inside, outside, aimed])


@case
def profiles_and_managed_policies(ec2):
    iam = client("iam")
    trust = json.dumps({"Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
    iam.create_role(RoleName="managed", AssumeRolePolicyDocument=trust)
    stop = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ec2:StopInstances", "Resource": "*"}]})
    arn = iam.create_policy(PolicyName="stop", PolicyDocument=stop)["Policy"]["Arn"]
    refused("EntityAlreadyExists", iam.create_policy, PolicyName="stop", PolicyDocument=stop)
    iam.create_instance_profile(InstanceProfileName="late")
    iam.add_role_to_instance_profile(InstanceProfileName="late", RoleName="managed")
    forward(10)
    i = launch(ec2, MetadataOptions={"HttpTokens": "optional"})
    forward(10)
    refused("InvalidParameterValue", ec2.associate_iam_instance_profile, InstanceId=i, IamInstanceProfile={"Name": "nobody"})
    made = ec2.associate_iam_instance_profile(InstanceId=i, IamInstanceProfile={"Name": "late"})["IamInstanceProfileAssociation"]
    assert made["State"] == "associating" and made["IamInstanceProfile"]["Arn"].endswith("instance-profile/late")
    refused("IncorrectState", ec2.associate_iam_instance_profile, InstanceId=i, IamInstanceProfile={"Name": "late"})
    found = ec2.describe_iam_instance_profile_associations(Filters=[{"Name": "instance-id", "Values": [i]}])["IamInstanceProfileAssociations"]
    assert [(a["AssociationId"], a["State"]) for a in found] == [(made["AssociationId"], "associated")]
    shown = ec2.describe_instances(InstanceIds=[i])["Reservations"][0]["Instances"][0]["IamInstanceProfile"]
    assert shown == iam_shown(iam)
    base = door("imds", {"instance": i})["url"] + "/latest/meta-data/iam/security-credentials/"
    held = json.load(urllib.request.urlopen(base + "managed"))
    inside = client("ec2", aws_access_key_id=held["AccessKeyId"], aws_secret_access_key=held["SecretAccessKey"], aws_session_token=held["Token"])
    refused("UnauthorizedOperation", inside.stop_instances, InstanceIds=[i], DryRun=True)
    iam.attach_role_policy(RoleName="managed", PolicyArn=arn)
    refused("DryRunOperation", inside.stop_instances, InstanceIds=[i], DryRun=True)
    refused("UnauthorizedOperation", inside.describe_instances)
    iam.attach_role_policy(RoleName="managed", PolicyArn="arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess")
    inside.describe_instances()
    assert len(iam.list_attached_role_policies(RoleName="managed")["AttachedPolicies"]) == 2
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 1
    assert iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"] == json.loads(stop)
    assert [p["Arn"] for p in iam.list_policies(Scope="Local", OnlyAttached=True)["Policies"]] == [arn]
    refused("NoSuchEntity", iam.attach_role_policy, RoleName="managed", PolicyArn="arn:aws:iam::aws:policy/Nothing")
    refused("NoSuchEntity", iam.attach_role_policy, RoleName="nobody", PolicyArn=arn)
    refused("DeleteConflict", iam.delete_policy, PolicyArn=arn)
    refused("DeleteConflict", iam.delete_role, RoleName="managed")
    iam.detach_role_policy(RoleName="managed", PolicyArn=arn)
    refused("UnauthorizedOperation", inside.stop_instances, InstanceIds=[i], DryRun=True)
    iam.delete_policy(PolicyArn=arn)
    new = ec2.replace_iam_instance_profile_association(AssociationId=made["AssociationId"], IamInstanceProfile={"Name": "late"})["IamInstanceProfileAssociation"]["AssociationId"]
    refused("InvalidAssociationID.NotFound", ec2.disassociate_iam_instance_profile, AssociationId=made["AssociationId"])
    ec2.disassociate_iam_instance_profile(AssociationId=new)
    assert "IamInstanceProfile" not in ec2.describe_instances(InstanceIds=[i])["Reservations"][0]["Instances"][0]
    assert ec2.describe_iam_instance_profile_associations()["IamInstanceProfileAssociations"] == []
    ec2.terminate_instances(InstanceIds=[i])


def iam_shown(iam):
    profile = iam.get_instance_profile(InstanceProfileName="late")["InstanceProfile"]
    return {"Arn": profile["Arn"], "Id": profile["InstanceProfileId"]}


@case
def schedules(ec2):
    iam, scheduler, trail = client("iam"), client("scheduler"), client("cloudtrail")
    trust = lambda who: json.dumps({"Statement": [{"Effect": "Allow", "Principal": {"Service": who}, "Action": "sts:AssumeRole"}]})
    role = iam.create_role(RoleName="reaper", AssumeRolePolicyDocument=trust("scheduler.amazonaws.com"))["Role"]["Arn"]
    other = iam.create_role(RoleName="not-a-reaper", AssumeRolePolicyDocument=trust("ec2.amazonaws.com"))["Role"]["Arn"]
    only = {"Statement": [{"Effect": "Allow", "Action": "ec2:TerminateInstances", "Resource": "*", "Condition": {"StringEquals": {"aws:ResourceTag/spawn:managed": "true"}}}]}
    iam.put_role_policy(RoleName="reaper", PolicyName="p", PolicyDocument=json.dumps(only))
    managed = [{"ResourceType": "instance", "Tags": [{"Key": "spawn:managed", "Value": "true"}]}]
    mine, theirs = launch(ec2, TagSpecifications=managed), launch(ec2)
    clock = lambda: datetime.datetime.fromisoformat(json.load(urllib.request.urlopen(f"{URL}/_mycelium/clock"))["now"].replace("Z", "+00:00"))
    at = lambda minutes: (clock() + datetime.timedelta(minutes=minutes)).strftime("at(%Y-%m-%dT%H:%M:%S)")
    target = lambda call, *ids, role=role, **more: {"Arn": f"arn:aws:scheduler:::aws-sdk:ec2:{call}", "RoleArn": role, "Input": json.dumps({"InstanceIds": ids} | more)}
    off = {"Mode": "OFF"}
    make = lambda name, expression, target, **more: scheduler.create_schedule(Name=name, ScheduleExpression=expression, Target=target, FlexibleTimeWindow=off, **more)
    for bad in ("at(nonsense)", "at(2020-01-01T00:00:00)", "rate(1 hours)", "cron(0 0 * * * *)"):
        refused("ValidationException", make, "bad", bad, target("terminateInstances", mine))
    refused("ValidationException", make, "bad", at(5), target("terminateInstances", mine, role=other))
    refused("ValidationException", make, "bad", at(5), target("runInstances", mine))
    refused("ValidationException", make, "bad", at(5), target("terminateInstances", mine, Nonsense=1))
    refused("ResourceNotFoundException", make, "bad", at(5), target("terminateInstances", mine), GroupName="none")
    arn = make("end-of-mine", at(5), target("terminateInstances", mine), ActionAfterCompletion="DELETE")["ScheduleArn"]
    assert arn.endswith(":schedule/default/end-of-mine")
    twice = lambda: make("twice", "rate(3 hours)", target("stopInstances", mine), ClientToken="t")["ScheduleArn"]
    assert twice() == twice()
    scheduler.delete_schedule(Name="twice")
    refused("ConflictException", make, "end-of-mine", at(5), target("terminateInstances", mine))
    make("end-of-theirs", at(5), target("terminateInstances", theirs))
    make("stop-mine", at(2), target("stopInstances", mine))
    found = scheduler.get_schedule(Name="end-of-mine")
    assert found["ActionAfterCompletion"] == "DELETE" and found["Target"]["RetryPolicy"]["MaximumRetryAttempts"] == 185 and found["State"] == "ENABLED"
    assert [s["Name"] for s in scheduler.list_schedules(NamePrefix="end-")["Schedules"]] == ["end-of-mine", "end-of-theirs"]
    forward(4 * 60)
    # The role has no permission to stop, so the instance runs on, and CloudTrail lists the attempt.
    assert state(ec2, mine) == "running"
    tried = trail.lookup_events(LookupAttributes=[{"AttributeKey": "Username", "AttributeValue": "stop-mine"}])["Events"]
    assert json.loads(tried[0]["CloudTrailEvent"])["errorCode"] == "UnauthorizedOperation"
    forward(2 * 60)
    assert state(ec2, mine) in ("shutting-down", "terminated") and state(ec2, theirs) == "running"
    refused("ResourceNotFoundException", scheduler.get_schedule, Name="end-of-mine")
    assert scheduler.get_schedule(Name="end-of-theirs")["State"] == "ENABLED"
    # The schedule runs until it is deleted; an update cancels its earlier plan.
    iam.put_role_policy(RoleName="reaper", PolicyName="p", PolicyDocument=json.dumps({"Statement": [{"Effect": "Allow", "Action": "ec2:St*", "Resource": "*"}]}))
    make("hourly", "rate(1 hour)", target("stopInstances", theirs), ScheduleExpressionTimezone="Europe/Berlin")
    scheduler.update_schedule(Name="hourly", ScheduleExpression="rate(2 hours)", Target=target("stopInstances", theirs), FlexibleTimeWindow=off)
    forward(3700)
    assert state(ec2, theirs) == "running"
    forward(3700)
    assert state(ec2, theirs) in ("stopping", "stopped")
    ec2.start_instances(InstanceIds=[theirs])
    forward(7300)
    assert state(ec2, theirs) in ("stopping", "stopped")
    scheduler.delete_schedule(Name="hourly")
    ec2.start_instances(InstanceIds=[theirs])
    forward(3 * 7200)
    assert state(ec2, theirs) == "running"
    refused("ResourceNotFoundException", scheduler.delete_schedule, Name="hourly")
    refused("UnknownOperationException", scheduler.list_schedule_groups)
    ec2.terminate_instances(InstanceIds=[theirs])


@case
def permissions(ec2):
    iam, sts = client("iam"), client("sts")
    assert sts.get_caller_identity()["Account"] == "000000000001"
    trust = json.dumps({"Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com", "AWS": "*"}, "Action": "sts:AssumeRole"}]})
    iam.create_role(RoleName="self", AssumeRolePolicyDocument=trust)
    refused("EntityAlreadyExists", iam.create_role, RoleName="self", AssumeRolePolicyDocument=trust)
    refused("MalformedPolicyDocument", iam.put_role_policy, RoleName="self", PolicyName="p", PolicyDocument="{")
    own = {"Statement": [{"Effect": "Allow", "Action": ["ec2:StopInstances", "ec2:TerminateInstances"], "Resource": "arn:aws:ec2:*:*:instance/*",
           "Condition": {"StringEquals": {"aws:ARN": "${ec2:SourceInstanceARN}", "aws:ResourceTag/spawn:managed": "true"}}},
          {"Effect": "Allow", "Action": "ec2:CreateTags", "Resource": "*", "Condition": {"StringEquals": {"aws:ARN": "${ec2:SourceInstanceARN}"},
           "ForAllValues:StringEquals": {"aws:TagKeys": ["spawn:expiry"]}, "Null": {"aws:TagKeys": "false"}}}]}
    iam.put_role_policy(RoleName="self", PolicyName="p", PolicyDocument=json.dumps(own))
    assert iam.get_role_policy(RoleName="self", PolicyName="p")["PolicyDocument"] == own
    iam.create_instance_profile(InstanceProfileName="prof")
    iam.add_role_to_instance_profile(InstanceProfileName="prof", RoleName="self")
    arguments = dict(IamInstanceProfile={"Name": "prof"}, MetadataOptions={"HttpTokens": "required", "InstanceMetadataTags": "enabled", "HttpPutResponseHopLimit": 1},
                     TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "spawn:managed", "Value": "true"}]}])
    refused("InvalidParameterValue", ec2.run_instances, ImageId=AMI, InstanceType="t3.micro", MinCount=1, MaxCount=1, **arguments)
    forward(10)
    me, other = launch(ec2, MinCount=2, MaxCount=2, **arguments)
    forward(10)
    base = door("imds", {"instance": me})["url"]

    def imds(path, method="GET", expect=200, **headers):
        request = urllib.request.Request(base + path, method=method, headers={k.replace("_", "-"): v for k, v in headers.items()})
        try:
            with urllib.request.urlopen(request) as answer:
                assert answer.status == expect, (path, answer.status)
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            assert error.code == expect, (path, error.code)

    imds("/latest/meta-data/instance-id", expect=401)
    ec2.modify_instance_metadata_options(InstanceId=me, HttpEndpoint="disabled")
    imds("/latest/api/token", "PUT", expect=403, X_aws_ec2_metadata_token_ttl_seconds="60")
    ec2.modify_instance_metadata_options(InstanceId=me, HttpEndpoint="enabled")
    imds("/latest/api/token", "PUT", expect=400)
    imds("/latest/api/token", "PUT", expect=403, X_aws_ec2_metadata_token_ttl_seconds="60", X_Forwarded_For="1.2.3.4")
    token = imds("/latest/api/token", "PUT", X_aws_ec2_metadata_token_ttl_seconds="21600")
    try:
        imds("/latest/api/token", "PUT", X_aws_ec2_metadata_token_ttl_seconds="60", X_Sandbox_Hops="2")
        raise AssertionError("the hop limit was not applied")
    except (urllib.error.URLError, ConnectionError, OSError):
        pass
    get = lambda path, expect=200: imds(path, expect=expect, X_aws_ec2_metadata_token=token)
    assert get("/latest/meta-data/instance-id") == me
    # Each folder lists its content, and each listed item exists.
    lists = lambda path: get(f"/latest/{path}/").split("\n")
    assert {"dynamic/instance-identity/document", "meta-data/placement/region", "meta-data/iam/security-credentials/"} <= set(
        f"{path}/{name}" for path in ("dynamic/instance-identity", "meta-data/placement", "meta-data/iam") for name in lists(path))
    top = lists("meta-data")
    assert "mac" in top and "tags/" in top and "spot/" not in top and "public-keys/" not in top
    for name in top:
        get(f"/latest/meta-data/{name}")
    assert get("/latest/meta-data/mac") == ec2.describe_instances(InstanceIds=[me])["Reservations"][0]["Instances"][0]["NetworkInterfaces"][0]["MacAddress"]
    assert get("/latest/meta-data/hostname").endswith(".ec2.internal")
    get("/latest/meta-data/nothing/", 404)
    assert json.loads(get("/latest/dynamic/instance-identity/document"))["instanceId"] == me
    assert get("/latest/meta-data/tags/instance/spawn:managed") == "true"
    get("/latest/meta-data/tags/instance/nothing", 404)
    get("/latest/meta-data/spot/instance-action", 404)
    ec2.create_tags(Resources=[me], Tags=[{"Key": "spawn:expiry", "Value": "v1"}])
    assert get("/latest/meta-data/tags/instance/spawn:expiry") == "v1"
    refused("InvalidParameterValue", ec2.create_tags, Resources=[me], Tags=[{"Key": "a/b", "Value": ""}])
    role = get("/latest/meta-data/iam/security-credentials/")
    held = json.loads(get(f"/latest/meta-data/iam/security-credentials/{role}"))
    inside = client("ec2", aws_access_key_id=held["AccessKeyId"], aws_secret_access_key=held["SecretAccessKey"], aws_session_token=held["Token"])
    refused("UnauthorizedOperation", inside.terminate_instances, InstanceIds=[other])
    refused("UnauthorizedOperation", inside.describe_instances)
    refused("UnauthorizedOperation", inside.create_tags, Resources=[me], Tags=[{"Key": "spawn:managed", "Value": "x"}])
    for address in (base, f"{URL}/imds/{me}"):
        near = client("ec2", endpoint_url=address, aws_access_key_id=held["AccessKeyId"], aws_secret_access_key=held["SecretAccessKey"], aws_session_token=held["Token"])
        near.create_tags(Resources=[me], Tags=[{"Key": "spawn:expiry", "Value": "v2"}])
    ec2.delete_tags(Resources=[me], Tags=[{"Key": "spawn:managed"}])
    refused("UnauthorizedOperation", inside.stop_instances, InstanceIds=[me])
    ec2.create_tags(Resources=[me], Tags=[{"Key": "spawn:managed", "Value": "true"}])
    inside.stop_instances(InstanceIds=[me])
    forward(7 * 3600)
    refused("RequestExpired", inside.stop_instances, InstanceIds=[me])
    ec2.terminate_instances(InstanceIds=[me, other])
    refused("ValidationError", sts.assume_role, RoleArn="arn:aws:iam::000000000001:role/self", RoleSessionName="me", DurationSeconds=7200)
    assumed = sts.assume_role(RoleArn="arn:aws:iam::000000000001:role/self", RoleSessionName="me")["Credentials"]
    other = client("sts", aws_access_key_id=assumed["AccessKeyId"], aws_secret_access_key=assumed["SecretAccessKey"], aws_session_token=assumed["SessionToken"])
    assert other.get_caller_identity()["Arn"].endswith("assumed-role/self/me")
    chained = client("sts", aws_access_key_id=assumed["AccessKeyId"], aws_secret_access_key=assumed["SecretAccessKey"], aws_session_token=assumed["SessionToken"])
    refused("AccessDenied", chained.assume_role, RoleArn="arn:aws:iam::000000000001:role/self", RoleSessionName="me")
    refused("ValidationError", sts.assume_role, RoleArn="arn:aws:iam::000000000001:role/self", RoleSessionName="not/good")
    refused("DeleteConflict", iam.delete_role, RoleName="self")
    assert iam.get_role(RoleName="self")["Role"]["RoleName"] == "self" and iam.list_roles()["Roles"]
    assert iam.list_roles(PathPrefix="/nowhere/")["Roles"] == [] and iam.list_attached_role_policies(RoleName="self", PathPrefix="/x/")["AttachedPolicies"] == []
    assert iam.list_role_policies(RoleName="self")["PolicyNames"] == ["p"]
    assert iam.list_attached_role_policies(RoleName="self")["AttachedPolicies"] == []
    iam.remove_role_from_instance_profile(InstanceProfileName="prof", RoleName="self")
    iam.get_instance_profile(InstanceProfileName="prof")
    iam.delete_instance_profile(InstanceProfileName="prof")
    iam.delete_role_policy(RoleName="self", PolicyName="p")
    iam.delete_role(RoleName="self")
    refused("NoSuchEntity", iam.get_role, RoleName="self")
    wrong = client("ec2", aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"], aws_secret_access_key="wrong")
    refused("AuthFailure", wrong.describe_regions)
    refused("InvalidClientTokenId", client("sts", aws_access_key_id="AKIA", aws_secret_access_key="x").get_caller_identity)


@case
def the_other_services(ec2):
    ssm = client("ssm")
    name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
    assert ssm.get_parameter(Name=name)["Parameter"]["Value"].startswith("ami-")
    refused("ParameterNotFound", ssm.get_parameter, Name="/nothing")
    assert ssm.get_parameters(Names=[name, "/nothing"])["InvalidParameters"] == ["/nothing"]
    assert len(ssm.get_parameters_by_path(Path="/aws/service/ami-amazon-linux-latest")["Parameters"]) == 6
    quotas = client("service-quotas")
    assert quotas.get_service_quota(ServiceCode="ec2", QuotaCode="L-1216C47A")["Quota"]["Value"] == 100000
    assert len(quotas.list_service_quotas(ServiceCode="ec2")["Quotas"]) == 12
    refused("NoSuchResourceException", quotas.get_service_quota, ServiceCode="ec2", QuotaCode="L-0")
    quotas.get_aws_default_service_quota(ServiceCode="ec2", QuotaCode="L-1216C47A")
    quotas.list_aws_default_service_quotas(ServiceCode="ec2")
    pricing = client("pricing")
    want = [{"Type": "TERM_MATCH", "Field": f, "Value": v} for f, v in [("instanceType", "m5.large"), ("regionCode", "us-east-1")]]
    found = pricing.get_products(ServiceCode="AmazonEC2", Filters=want)["PriceList"]
    term = next(iter(json.loads(found[0])["terms"]["OnDemand"].values()))
    assert next(iter(term["priceDimensions"].values()))["pricePerUnit"]["USD"] == "0.0960000000"
    assert sum(len(p["PriceList"]) for p in pricing.get_paginator("get_products").paginate(ServiceCode="AmazonEC2", PaginationConfig={"PageSize": 10})) == 60
    pricing.describe_services(ServiceCode="AmazonEC2")
    now = datetime.datetime.now(datetime.timezone.utc)
    day = lambda n: (now + datetime.timedelta(days=n)).strftime("%Y-%m-%d")
    ce = client("ce")
    i = launch(ec2, InstanceType="m5.large")
    forward(2 * 3600)
    cost = ce.get_cost_and_usage(TimePeriod={"Start": day(-1), "End": day(3)}, Granularity="DAILY", Metrics=["UnblendedCost", "UsageQuantity"],
                                 GroupBy=[{"Type": "DIMENSION", "Key": "INSTANCE_TYPE"}])
    spent = sum(float(g["Metrics"]["UnblendedCost"]["Amount"]) for d in cost["ResultsByTime"] for g in d["Groups"] if g["Keys"] == ["m5.large"])
    assert spent >= 2 * 0.096 - 0.01, spent
    watch = client("cloudwatch")
    metric = {"Namespace": "AWS/EC2", "MetricName": "CPUUtilization", "Dimensions": [{"Name": "InstanceId", "Value": i}]}
    query = [{"Id": "a", "MetricStat": {"Metric": metric, "Period": 3600, "Stat": "Average"}}]
    data = watch.get_metric_data(MetricDataQueries=query, StartTime=now - datetime.timedelta(hours=1), EndTime=now + datetime.timedelta(days=2))
    assert data["MetricDataResults"][0]["Values"] == [] and data["MetricDataResults"][0]["StatusCode"] == "Complete"
    trail = client("cloudtrail")
    events = trail.lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "RunInstances"}])["Events"]
    assert events[0]["EventName"] == "RunInstances" and isinstance(events[0]["EventTime"], datetime.datetime)
    refused("InvalidAction", ec2.describe_hosts)
    refused("UnknownOperationException", client("organizations").list_accounts)
    refused("UnknownOperationException", ssm.describe_parameters)


def cli(*words):
    program = os.path.join(os.path.dirname(sys.executable), "aws")
    done = subprocess.run([sys.executable, program, *words, "--output", "json"], capture_output=True, text=True)
    return done.returncode, json.loads(done.stdout or "null"), done.stderr


@case
def the_aws_cli(ec2):
    code, answer, error = cli("ec2", "describe-regions")
    assert code == 0 and len(answer["Regions"]) == 3, error
    code, answer, error = cli("ec2", "run-instances", "--image-id", AMI, "--instance-type", "t3.micro")
    assert code == 0, error
    i = answer["Instances"][0]["InstanceId"]
    forward(15)
    code, answer, error = cli("ec2", "terminate-instances", "--instance-ids", i)
    assert code == 0 and answer["TerminatingInstances"][0]["CurrentState"]["Name"] == "shutting-down", error
    code, _, error = cli("ec2", "run-instances", "--image-id", AMI, "--dry-run")
    assert code != 0 and "InvalidParameterValue" in error, error
    code, _, error = cli("ec2", "run-instances", "--image-id", AMI, "--instance-type", "t3.micro", "--dry-run")
    assert code != 0 and "DryRunOperation" in error, error
    code, answer, error = cli("sts", "get-caller-identity")
    assert code == 0 and answer["Account"] == "000000000001", error


if __name__ == "__main__":
    failed = 0
    for one in CASES:
        if len(sys.argv) > 1 and one.__name__ not in sys.argv[1:]:
            continue
        try:
            one(client("ec2"))
            print("good", one.__name__)
        except Exception as error:
            failed += 1
            import traceback
            traceback.print_exc(limit=-3)
            print("BAD ", one.__name__, type(error).__name__, error)
    print(len(SEEN), "operations were called")
    sys.exit(1 if failed else 0)
