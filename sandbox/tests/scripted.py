"""Tests the effects of the scenario SCRIPTED in clients.rs."""

import datetime, email.utils, json, time, urllib.error, urllib.request

from botocore.exceptions import ClientError, ConnectionClosedError
from botocore.parsers import ResponseParserError

from clients import AMI, CONFIG, URL, client, door, forward, launch, refused, state

ec2 = client("ec2")


def fails(kind, call, **arguments):
    try:
        call(**arguments)
    except kind:
        return
    raise AssertionError(f"{call.__name__} did not fail with {kind.__name__}")


# Faults of calls: the first reply is lost, but the address exists.
fails(ConnectionClosedError, ec2.allocate_address, Domain="vpc")
assert len(ec2.describe_addresses()["Addresses"]) == 1
fails(ConnectionClosedError, ec2.describe_addresses)
refused("Unavailable", ec2.describe_vpcs)
assert ec2.describe_vpcs()["Vpcs"]
fails(ResponseParserError, ec2.describe_subnets)

# Capacity, by zone and market.
zones = {z["ZoneId"]: z["ZoneName"] for z in ec2.describe_availability_zones()["AvailabilityZones"]}
base = {"ImageId": AMI, "MinCount": 1, "MaxCount": 1}
text = refused("InsufficientInstanceCapacity", ec2.run_instances, **base, InstanceType="m7i.large",
               Placement={"AvailabilityZone": zones["use1-az1"]})
assert zones["use1-az1"] in text and zones["use1-az2"] in text
moved = ec2.run_instances(**base, InstanceType="m7i.large")["Instances"][0]
assert moved["Placement"]["AvailabilityZone"] != zones["use1-az1"]
ARM = AMI.replace("x86_64", "arm64")
refused("InsufficientInstanceCapacity", ec2.run_instances, **base | {"ImageId": ARM}, InstanceType="r7g.large",
        InstanceMarketOptions={"MarketType": "spot"})
forward(60)

# Quotas: eight vCPUs, of which two are used.
refused("VcpuLimitExceeded", ec2.run_instances, **base | {"MinCount": 4, "MaxCount": 4}, InstanceType="m5.large")
assert len(ec2.run_instances(**base | {"MaxCount": 9}, InstanceType="m5.large")["Instances"]) == 3
refused("VcpuLimitExceeded", ec2.run_instances, **base, InstanceType="t3.micro")
running = [i["InstanceId"] for r in ec2.describe_instances(MaxResults=50, Filters=[{"Name": "instance-type", "Values": ["m5.large"]}])["Reservations"] for i in r["Instances"]]
forward(3600 * 2)
event = ec2.describe_instance_status(MaxResults=50)["InstanceStatuses"]
assert any(e["Code"] == "instance-stop" for s in event for e in s.get("Events", []))
found = ec2.describe_instances(MaxResults=50, Filters=[{"Name": "instance-type", "Values": ["m5.large"]}])
measured = [i["InstanceId"] for r in found["Reservations"] for i in r["Instances"]][0]
now = datetime.datetime.now(datetime.timezone.utc)
query = [{"Id": "a", "MetricStat": {"Metric": {"Namespace": "AWS/EC2", "MetricName": "CPUUtilization",
         "Dimensions": [{"Name": "InstanceId", "Value": measured}]}, "Period": 600, "Stat": "Average"}}]
data = client("cloudwatch").get_metric_data(MetricDataQueries=query, StartTime=now - datetime.timedelta(hours=1),
                                            EndTime=now + datetime.timedelta(hours=9))["MetricDataResults"][0]
assert len(data["Values"]) > 8 and set(data["Values"]) <= {10.0, 20.0, 30.0} and data["Timestamps"][0] > now
ec2.terminate_instances(InstanceIds=[measured, moved["InstanceId"]])
forward(60)

# A scripted interruption, read from the instance's metadata.
spot = launch(ec2, InstanceType="t3.large", InstanceMarketOptions={"MarketType": "spot"},
              MetadataOptions={"HttpTokens": "optional"})
forward(8 + 4 * 60)
base_url = door("imds", {"instance": spot})["url"]


def seen(path):
    try:
        return urllib.request.urlopen(f"{base_url}/latest/{path}").read().decode()
    except urllib.error.HTTPError as error:
        return error.code


assert seen("meta-data/ami-id") == 503 and seen("meta-data/ami-id").startswith("ami-")
assert seen("meta-data/events/recommendations/rebalance") == 404
forward(2 * 60)
assert "noticeTime" in seen("meta-data/events/recommendations/rebalance")
assert seen("meta-data/spot/instance-action") == 404
forward(5 * 60)
notice = json.loads(seen("meta-data/spot/instance-action"))
assert notice["action"] == "terminate" and seen("meta-data/spot/termination-time") == notice["time"]
assert json.loads(seen("meta-data/spot/instance-action")) == notice
forward(150)
assert state(ec2, spot) in ("shutting-down", "terminated")

# Capacity rules that begin and end with the clock.
arm = base | {"ImageId": ARM, "DryRun": True}
refused("DryRunOperation", ec2.run_instances, **arm, InstanceType="t4g.small")
refused("InsufficientInstanceCapacity", ec2.run_instances, **arm, InstanceType="m7g.large")

# A slow call, which takes effect.
began = time.monotonic()
assert ec2.describe_key_pairs()["KeyPairs"] == [] and time.monotonic() - began >= 1

# Faults of the metadata service, and a stop that takes the scripted time.
iam = client("iam")
trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(trust))
iam.create_instance_profile(InstanceProfileName="r")
iam.add_role_to_instance_profile(InstanceProfileName="r", RoleName="r")
forward(60)
i = launch(ec2, IamInstanceProfile={"Name": "r"}, MetadataOptions={"HttpTokens": "optional"})
forward(10)
base_url = door("imds", {"instance": i})["url"]
fails((urllib.error.URLError, ConnectionError), urllib.request.urlopen, url=f"{base_url}/latest/meta-data/instance-type")
assert seen("meta-data/instance-type") == "t3.micro"
began = time.monotonic()
assert seen("meta-data/local-ipv4").startswith("172.31.") and time.monotonic() - began >= 1
dates = [email.utils.parsedate_to_datetime(urllib.request.urlopen(f"{base_url}/latest/meta-data/hostname").headers["Date"]) for _ in range(2)]
assert dates[1] - dates[0] >= datetime.timedelta(days=1)
credentials = [json.loads(seen("meta-data/iam/security-credentials/r")) for _ in range(2)]
assert credentials[0]["Expiration"] < dates[1].strftime("%Y-%m-%dT%H:%M:%SZ") < credentials[1]["Expiration"]
ec2.stop_instances(InstanceIds=[i])
forward(80)
assert state(ec2, i) == "stopping"
forward(20)
assert state(ec2, i) == "stopped"

# Another account sees none of these instances, and its user has read permissions only.
keys = json.load(urllib.request.urlopen(f"{URL}/_mycelium/credentials?account=000000000002"))["keys"][0]
other = client("ec2", aws_access_key_id=keys["access_key"], aws_secret_access_key=keys["secret"])
assert other.describe_instances(MaxResults=5)["Reservations"] == []
refused("UnauthorizedOperation", other.allocate_address, Domain="vpc")
assert {z["ZoneId"]: z["ZoneName"] for z in other.describe_availability_zones()["AvailabilityZones"]} != zones

# A role of a third account, which trusts the first one under an external id: both accounts have to
# agree.
keys = json.load(urllib.request.urlopen(f"{URL}/_mycelium/credentials?account=000000000003"))["keys"][0]
host = dict(aws_access_key_id=keys["access_key"], aws_secret_access_key=keys["secret"])
their = client("iam", **host)
trust = lambda principal: json.dumps({"Statement": [{"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole",
                                                     "Condition": {"StringEquals": {"sts:ExternalId": "agreed"}}}]})
their.create_role(RoleName="collector", AssumeRolePolicyDocument=trust("arn:aws:iam::000000000001:root"))
looks = {"Statement": [{"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"}]}
their.put_role_policy(RoleName="collector", PolicyName="p", PolicyDocument=json.dumps(looks))
sts, role = client("sts"), {"RoleArn": "arn:aws:iam::000000000003:role/collector", "RoleSessionName": "me"}
for slip in ({}, {"ExternalId": "wrong"}, {"ExternalId": "agreed", "RoleArn": role["RoleArn"] + "s"}, {"ExternalId": "agreed", "RoleArn": role["RoleArn"].replace("3:", "9:")}):
    refused("AccessDenied", sts.assume_role, **role | slip)
refused("AccessDenied", client("sts", aws_access_key_id=other._request_signer._credentials.access_key,
                               aws_secret_access_key=other._request_signer._credentials.secret_key).assume_role, **role, ExternalId="agreed")
lent = sts.assume_role(**role, ExternalId="agreed")["Credentials"]
lent = dict(aws_access_key_id=lent["AccessKeyId"], aws_secret_access_key=lent["SecretAccessKey"], aws_session_token=lent["SessionToken"])
assert client("sts", **lent).get_caller_identity()["Arn"] == "arn:aws:sts::000000000003:assumed-role/collector/me"
assert client("ec2", **lent).describe_instances()["Reservations"] == []
refused("UnauthorizedOperation", client("ec2", **lent).allocate_address, Domain="vpc")

# The bucket of RunInstances has five tokens.
codes = []
for _ in range(12):
    try:
        ec2.run_instances(**base, InstanceType="t3.micro", DryRun=True)
    except ClientError as error:
        codes.append(error.response["Error"]["Code"])
assert "RequestLimitExceeded" in codes, codes

# A region without an opt-in.
assert "ap-east-1" not in [r["RegionName"] for r in ec2.describe_regions()["Regions"]]
refused("AuthFailure", client("ec2", region_name="ap-east-1").describe_availability_zones)
refused("UnrecognizedClientException", client("ssm", region_name="ap-east-1").get_parameter, Name="x")

# The control API refuses web pages in a browser.
try:
    request = urllib.request.Request(f"{URL}/_mycelium/clock", headers={"Origin": "http://example.org"})
    urllib.request.urlopen(request)
    raise AssertionError("a web page was served")
except urllib.error.HTTPError as error:
    assert error.code == 403
print("good")
