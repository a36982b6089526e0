"""Tests the collector's requests: every field that it keeps, and every page. The scenario allows
three rows per page, so a complete result was read through several pages."""

import datetime, ipaddress, json

import boto3
from clients import AMI, CONFIG, SEEN, client, forward, launch, refused

ec2 = client("ec2")
PAGE = 3


def pages(made, name, key, **arguments):
    """Returns the rows of all pages; no page has more rows than the scenario allows."""
    rows = []
    for page in made.get_paginator(name).paginate(**arguments):
        assert len(page[key]) <= PAGE, (name, len(page[key]))
        rows += page[key]
    return rows


def once(rows, key):
    """Returns the rows by a key, which must be unique."""
    found = {key(row): row for row in rows}
    assert len(found) == len(rows), [key(row) for row in rows]
    return found


# Regions: those that the account can use, and all.
regions = {r["RegionName"]: r for r in ec2.describe_regions()["Regions"]}
assert {name: r["OptInStatus"] for name, r in regions.items()} == {
    "ap-east-1": "opted-in", "eu-west-1": "opt-in-not-required", "us-east-1": "opt-in-not-required", "us-west-2": "opt-in-not-required"}
assert regions["us-east-1"]["Endpoint"] == "ec2.us-east-1.amazonaws.com"
assert ec2.describe_regions(AllRegions=True, Filters=[{"Name": "opt-in-status", "Values": ["opted-in"]}])["Regions"] == [regions["ap-east-1"]]
refused("InvalidParameterValue", ec2.describe_regions, RegionNames=["moon-1"])
assert len(client("ec2", region_name="ap-east-1").describe_availability_zones()["AvailabilityZones"]) == 3

zones = once(ec2.describe_availability_zones(AllAvailabilityZones=True)["AvailabilityZones"], lambda z: z["ZoneId"])
one = zones["use1-az1"]
assert (one["State"], one["ZoneType"], one["GroupName"], one["NetworkBorderGroup"], one["OptInStatus"]) == (
    "available", "availability-zone", "us-east-1-zg-1", "us-east-1", "opt-in-not-required")
assert one["GroupLongName"] == "US East (N. Virginia) 1" and one["RegionName"] == "us-east-1"
by_id = ec2.describe_availability_zones(ZoneIds=["use1-az4"])["AvailabilityZones"]
assert [z["ZoneName"] for z in by_id] == [zones["use1-az4"]["ZoneName"]]

# Types: every field that the lake keeps.
types = once(pages(ec2, "describe_instance_types", "InstanceTypes"), lambda t: t["InstanceType"])
assert len(types) == 15
m7i = types["m7i.xlarge"]
assert m7i["VCpuInfo"] == {"DefaultVCpus": 4, "DefaultCores": 2, "DefaultThreadsPerCore": 2, "ValidCores": [1, 2], "ValidThreadsPerCore": [1, 2]}
assert types["m7g.large"]["VCpuInfo"]["ValidThreadsPerCore"] == [1]
metal = types["c5.metal"]
assert metal["BareMetal"] and "Hypervisor" not in metal and "ValidCores" not in metal["VCpuInfo"] and "ValidThreadsPerCore" not in metal["VCpuInfo"]
assert m7i["NitroTpmInfo"]["SupportedVersions"] == ["2.0"] and m7i["SupportedInRegion"] is True
assert set(m7i["EbsInfo"]["EbsOptimizedInfo"]) == {f"{kind}{what}" for kind in ("Baseline", "Maximum") for what in ("BandwidthInMbps", "ThroughputInMBps", "Iops")}
p5 = types["p5.48xlarge"]
assert p5["GpuInfo"]["Gpus"][0]["Count"] == 8 and p5["GpuInfo"]["TotalGpuMemoryInMiB"] == 8 * p5["GpuInfo"]["Gpus"][0]["MemoryInfo"]["SizeInMiB"]
cards = p5["NetworkInfo"]["NetworkCards"]
assert len(cards) == 32 and sum(c["BaselineBandwidthInGbps"] for c in cards) == 3200 and cards[31]["NetworkCardIndex"] == 31
assert p5["NetworkInfo"]["EfaInfo"]["MaximumEfaInterfaces"] == 32 and "efa" in cards[0]["InterfaceTypes"]
assert "capacity-block" in p5["SupportedUsageClasses"]
inf2 = types["inf2.xlarge"]["NeuronInfo"]["NeuronDevices"][0]
assert (inf2["CoreInfo"], inf2["MemoryInfo"]["SizeInMiB"]) == ({"Count": 2, "Version": 2}, 32768)
assert types["m5d.large"]["InstanceStorageInfo"]["TotalSizeInGB"] == 75
refused("InvalidParameterCombination", ec2.describe_instance_types, InstanceTypes=["m5.large"], MaxResults=5)
refused("InvalidNextToken", ec2.describe_instance_types, NextToken="nonsense")

# Offerings, by each kind of location.
for kind, expected in [("region", {"us-east-1"}), ("availability-zone", {z["ZoneName"] for z in zones.values()}), ("availability-zone-id", set(zones))]:
    offers = pages(ec2, "describe_instance_type_offerings", "InstanceTypeOfferings", LocationType=kind)
    once(offers, lambda o: (o["InstanceType"], o["Location"]))
    assert {o["Location"] for o in offers} == expected and {o["LocationType"] for o in offers} == {kind}
    assert {o["InstanceType"] for o in offers} == set(types)
assert ec2.describe_instance_type_offerings(LocationType="outpost")["InstanceTypeOfferings"] == []

# Spot prices: the answer begins with the last change before the start.
now = datetime.datetime.now(datetime.timezone.utc)
current = pages(ec2, "describe_spot_price_history", "SpotPriceHistory", StartTime=now, InstanceTypes=["m5.large"], ProductDescriptions=["Linux/UNIX"])
current = once(current, lambda p: p["AvailabilityZoneId"])
assert set(current) == set(zones)
for id, price in current.items():
    assert price["Timestamp"] <= now and price["AvailabilityZone"] == zones[id]["ZoneName"]
    whole, decimals = price["SpotPrice"].split(".")
    assert len(decimals) == 6
began = now - datetime.timedelta(days=90)
history = pages(ec2, "describe_spot_price_history", "SpotPriceHistory", InstanceTypes=["m5.large"], AvailabilityZoneId="use1-az2")
instants = [p["Timestamp"] for p in history]
assert instants == sorted(instants, reverse=True) and len(instants) > 10
assert sum(at <= began for at in instants) == 1 and history[0]["SpotPrice"] == current["use1-az2"]["SpotPrice"]
steady = ec2.describe_spot_price_history(InstanceTypes=["m7i.large"], AvailabilityZone=zones["use1-az1"]["ZoneName"])["SpotPriceHistory"]
assert len(steady) == 1, "a constant price has one row"
refused("InvalidParameterCombination", ec2.describe_spot_price_history, AvailabilityZone="us-east-1a", AvailabilityZoneId="use1-az1")

scores = ec2.get_spot_placement_scores(InstanceTypes=["m5.large", "m7i.large", "c7i.large"], TargetCapacity=1, MaxResults=10)
assert {s["Region"] for s in scores["SpotPlacementScores"]} <= set(regions) and len(scores["SpotPlacementScores"]) == PAGE
rest = ec2.get_spot_placement_scores(InstanceTypes=["m5.large", "m7i.large", "c7i.large"], TargetCapacity=1, MaxResults=10, NextToken=scores["NextToken"])
assert len(rest["SpotPlacementScores"]) == 1 and not rest.get("NextToken")

for slip in ({"RegionNames": ["moon-1"]}, {"InstanceTypes": ["m99.large"]}, {"TargetCapacity": 2000000001}, {"InstanceTypes": []}):
    refused("InvalidParameterValue", ec2.get_spot_placement_scores, **{"InstanceTypes": ["m5.large"], "TargetCapacity": 1} | slip)
by_zone = ec2.get_spot_placement_scores(InstanceTypes=["m5.large"], TargetCapacity=1, SingleAvailabilityZone=True, RegionNames=["eu-west-1"])["SpotPlacementScores"]
assert {s["AvailabilityZoneId"] for s in by_zone} == {f"euw1-az{n}" for n in (1, 2, 3)} and all(1 <= s["Score"] <= 3 for s in by_zone)

# Capacity blocks: in the zones that offer the type, starting at 11:30, with one price for the whole
# block.
block = dict(InstanceType="p5.48xlarge", InstanceCount=2, CapacityDurationHours=48)
blocks = once(pages(ec2, "describe_capacity_block_offerings", "CapacityBlockOfferings", **block), lambda b: b["CapacityBlockOfferingId"])
assert len(blocks) == 3 and {b["AvailabilityZone"] for b in blocks.values()} == {zones[f"use1-az{n}"]["ZoneName"] for n in (1, 4, 6)}
for one in blocks.values():
    assert one["StartDate"] > now and one["StartDate"].strftime("%H:%M") == "11:30" and one["EndDate"] - one["StartDate"] == datetime.timedelta(hours=48)
    assert (one["InstanceType"], one["InstanceCount"], one["CapacityBlockDurationHours"], one["CurrencyCode"]) == ("p5.48xlarge", 2, 48, "USD") and float(one["UpfrontFee"]) > 0
twice = ec2.describe_capacity_block_offerings(**block | {"CapacityDurationHours": 96})["CapacityBlockOfferings"]
assert abs(float(twice[0]["UpfrontFee"]) - 2 * float(next(iter(blocks.values()))["UpfrontFee"])) <= 0.02
later = now + datetime.timedelta(days=20)
assert all(b["StartDate"] >= later for b in ec2.describe_capacity_block_offerings(**block, StartDateRange=later)["CapacityBlockOfferings"])
assert ec2.describe_capacity_block_offerings(**block, EndDateRange=now)["CapacityBlockOfferings"] == []
for slip in ({"InstanceType": "m5.large"}, {"InstanceType": "m99.large"}, {"InstanceCount": 65}, {"CapacityDurationHours": 25}, {"CapacityDurationHours": 15 * 24}):
    refused("InvalidParameterValue", ec2.describe_capacity_block_offerings, **block | slip)

# Instances and their resources, page by page.
ids = set()
for n in range(4):
    spot = {"InstanceMarketOptions": {"MarketType": "spot"}} if n % 2 else {}
    ids |= set(launch(ec2, MinCount=2, MaxCount=2, **spot))
forward(20)
reservations = [page["Reservations"] for page in ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 100})]
assert all(sum(len(r["Instances"]) for r in page) <= PAGE for page in reservations)
seen = [i for page in reservations for r in page for i in r["Instances"]]
assert set(once(seen, lambda i: i["InstanceId"])) == ids
assert len(once(pages(ec2, "describe_volumes", "Volumes"), lambda v: v["VolumeId"])) == 8
assert len(once(pages(ec2, "describe_spot_instance_requests", "SpotInstanceRequests"), lambda r: r["SpotInstanceRequestId"])) == 4
assert len(once(pages(ec2, "describe_instance_status", "InstanceStatuses"), lambda s: s["InstanceId"])) == 8
for _ in range(4):
    ec2.allocate_address(Domain="vpc")
assert len(ec2.describe_addresses()["Addresses"]) == 4, "this call has no pages"
ec2.allocate_address(Domain="vpc")
refused("AddressLimitExceeded", ec2.allocate_address, Domain="vpc")

# Service Quotas.
quotas = client("service-quotas")
assert once(pages(quotas, "list_services", "Services"), lambda s: s["ServiceCode"])["ec2"]
applied = once(pages(quotas, "list_service_quotas", "Quotas", ServiceCode="ec2"), lambda q: q["QuotaCode"])
default = once(pages(quotas, "list_aws_default_service_quotas", "Quotas", ServiceCode="ec2"), lambda q: q["QuotaCode"])
assert set(applied) == set(default) and len(applied) == 12
assert (applied["L-1216C47A"]["Value"], default["L-1216C47A"]["Value"]) == (10000, 256)
assert [q["QuotaCode"] for q in quotas.list_service_quotas(ServiceCode="ec2", QuotaCode="L-34B43A08")["Quotas"]] == ["L-34B43A08"]
refused("InvalidPaginationTokenException", quotas.list_service_quotas, ServiceCode="ec2", NextToken="nonsense")

# CloudWatch: all values of all series, in both orders.
forward(3600)
watch = client("cloudwatch")
later = now + datetime.timedelta(hours=4)
metric = lambda id: {"Namespace": "AWS/EC2", "MetricName": "CPUUtilization", "Dimensions": [{"Name": "InstanceId", "Value": id}]}
queries = [{"Id": f"q{n}", "MetricStat": {"Metric": metric(id), "Period": 300, "Stat": "Maximum"}} for n, id in enumerate(sorted(ids))]
for order in ("TimestampAscending", "TimestampDescending"):
    values = {}
    for page in watch.get_paginator("get_metric_data").paginate(MetricDataQueries=queries, StartTime=now - datetime.timedelta(hours=1), EndTime=later, ScanBy=order):
        assert sum(len(r["Values"]) for r in page["MetricDataResults"]) <= PAGE
        for result in page["MetricDataResults"]:
            values.setdefault(result["Id"], []).extend(zip(result["Timestamps"], result["Values"]))
    assert len(values) == 8
    for points in values.values():
        assert len(points) >= 10 and {v for _, v in points} == {10.0, 30.0}
        instants = [at for at, _ in points]
        assert len(set(instants)) == len(instants) and instants == sorted(instants, reverse=order.endswith("Descending"))
of_unit = lambda unit: watch.get_metric_data(MetricDataQueries=[{"Id": "a", "MetricStat": queries[0]["MetricStat"] | {"Unit": unit}}],
                                            StartTime=now - datetime.timedelta(hours=1), EndTime=later)["MetricDataResults"][0]["Values"]
assert of_unit("Percent") and not of_unit("Bytes")
refused("ValidationError", watch.get_metric_data, MetricDataQueries=queries, StartTime=later, EndTime=now)

# Cost Explorer: each day, grouped, through pages; the groups add up to the total.
ce = client("ce")
day = lambda n: (now + datetime.timedelta(days=n)).strftime("%Y-%m-%d")
span = {"Start": day(-1), "End": day(2)}
asked = dict(TimePeriod=span, Granularity="DAILY", Metrics=["UnblendedCost", "UsageQuantity"])


def costs(**more):
    token, groups, number = {}, {}, 0
    while True:
        answer = ce.get_cost_and_usage(**asked, **more, **token)
        number += 1
        for one in answer["ResultsByTime"]:
            for group in one["Groups"]:
                key = (one["TimePeriod"]["Start"], *group["Keys"])
                assert key not in groups, key
                groups[key] = float(group["Metrics"]["UnblendedCost"]["Amount"])
            if "GroupBy" not in more:
                groups[(one["TimePeriod"]["Start"],)] = float(one["Total"]["UnblendedCost"]["Amount"])
        if not answer.get("NextPageToken"):
            return groups, number
        token = {"NextPageToken": answer["NextPageToken"]}


by = lambda *keys: [{"Type": "DIMENSION", "Key": key} for key in keys]
whole, _ = costs()
grouped, number = costs(GroupBy=by("PURCHASE_TYPE", "AZ"))
assert number > 1 and abs(sum(grouped.values()) - sum(whole.values())) < 1e-6 and sum(whole.values()) > 0
assert {key[1] for key in grouped if len(key) == 3} == {"Spot Instances", "On Demand Instances"}
spot_only, _ = costs(GroupBy=by("AZ"), Filter={"And": [{"Dimensions": {"Key": "PURCHASE_TYPE", "Values": ["Spot Instances"]}},
                                                        {"Not": {"Dimensions": {"Key": "REGION", "Values": ["eu-west-1"]}}}]})
assert abs(sum(spot_only.values()) - sum(v for k, v in grouped.items() if k[1] == "Spot Instances")) < 1e-6
hours = ce.get_cost_and_usage(**asked | {"Granularity": "HOURLY", "TimePeriod": {"Start": day(0) + "T00:00:00Z", "End": day(0) + "T03:00:00Z"}})
assert hours["ResultsByTime"][1]["TimePeriod"] == {"Start": day(0) + "T01:00:00Z", "End": day(0) + "T02:00:00Z"}
refused("ValidationException", ce.get_cost_and_usage, **asked | {"Metrics": ["Nonsense"]})
refused("ValidationException", ce.get_cost_and_usage, **asked, GroupBy=by("AZ", "REGION", "SERVICE"))

# Groups by tag use the last tags of each run.
tagged, renamed = launch(ec2, InstanceType="m5.large", MinCount=2, MaxCount=2, TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "team", "Value": "a"}]}])
forward(600)
ec2.create_tags(Resources=[renamed], Tags=[{"Key": "team", "Value": "b"}])
forward(3000)
ec2.terminate_instances(InstanceIds=[tagged, renamed])
by_team = [{"Type": "TAG", "Key": "team"}, {"Type": "DIMENSION", "Key": "INSTANCE_TYPE"}]
teams, _ = costs(GroupBy=by_team)
sums = {}
for (_, *keys), cost in teams.items():
    sums[tuple(keys)] = sums.get(tuple(keys), 0) + cost
assert {keys for keys in sums if len(keys) == 2} == {("team$", "t3.micro"), ("team$a", "m5.large"), ("team$b", "m5.large")}, sums
assert abs(sums["team$a", "m5.large"] - 0.096) < 0.002 and abs(sums["team$a", "m5.large"] - sums["team$b", "m5.large"]) < 1e-9
whole, _ = costs()
total = lambda **filter: sum(costs(Filter=filter)[0].values())
assert abs(total(Tags={"Key": "team", "Values": ["a", "b"]}) - 2 * sums["team$a", "m5.large"]) < 1e-9
assert abs(total(Tags={"Key": "team", "MatchOptions": ["ABSENT"]}) + total(Tags={"Key": "team", "Values": ["a", "b"]}) - sum(whole.values())) < 1e-6
shown = ce.get_cost_and_usage(**asked | {"Metrics": ["AmortizedCost"]}, GroupBy=by_team)
assert shown["GroupDefinitions"] == by_team
# A day without runs has no groups and a total of zero. A period that is not billed yet is
# estimated.
before = ce.get_cost_and_usage(**asked | {"TimePeriod": {"Start": day(-3), "End": day(-2)}}, GroupBy=by_team)["ResultsByTime"][0]
assert before["Groups"] == [] and float(before["Total"]["UnblendedCost"]["Amount"]) == 0
assert all(one["Estimated"] for one in shown["ResultsByTime"])
assert not ce.get_cost_and_usage(**asked | {"TimePeriod": {"Start": day(-70), "End": day(-69)}})["ResultsByTime"][0]["Estimated"]
refused("ValidationException", ce.get_cost_and_usage, **asked, Filter={"Tags": {"Key": "a"}})
refused("ValidationException", ce.get_cost_and_usage, **asked, Filter={"Tags": {"Key": "a", "Values": ["b"], "MatchOptions": ["CONTAINS"]}})
refused("ValidationException", ce.get_cost_and_usage, **asked, GroupBy=[{"Type": "COST_CATEGORY", "Key": "a"}])

# The price list: a list of JSON texts.
pricing = client("pricing")
want = lambda kind, field, value: {"Type": kind, "Field": field, "Value": value}
products = [json.loads(text) for text in pages(pricing, "get_products", "PriceList", ServiceCode="AmazonEC2", Filters=[
    want("TERM_MATCH", "regionCode", "eu-west-1"), want("ANY_OF", "instanceType", "m5.large,c5.metal,p5.48xlarge")])]
once(products, lambda p: p["product"]["sku"])
by_type = {p["product"]["attributes"]["instanceType"]: p for p in products}
assert set(by_type) == {"m5.large", "c5.metal", "p5.48xlarge"} and len(products) == 3
assert by_type["c5.metal"]["product"]["productFamily"] == "Compute Instance (bare metal)"
m5 = by_type["m5.large"]
assert (m5["product"]["attributes"]["vcpu"], m5["product"]["attributes"]["memory"], m5["product"]["attributes"]["location"]) == ("2", "8 GiB", "Europe (Ireland)")
[term] = m5["terms"]["OnDemand"].values()
[rate] = term["priceDimensions"].values()
assert rate["pricePerUnit"] == {"USD": "0.0960000000"} and rate["unit"] == "Hrs" and rate["rateCode"].startswith(term["sku"])
assert len(pages(pricing, "get_products", "PriceList", ServiceCode="AmazonEC2")) == 4 * 15
refused("InvalidNextTokenException", pricing.get_products, ServiceCode="AmazonEC2", NextToken="nonsense")

# Unknown members and values of another type are refused; none is ignored.
def posted(body):
    """Returns a client that sends this body in every call, in place of botocore's."""
    def replace(request, **_):
        request.data = body.encode()
        request.headers["Content-Length"] = str(len(request.data))
    made = boto3.client("service-quotas", config=CONFIG)
    made.meta.events.register("before-sign.service-quotas", replace)
    return made


refused("ValidationException", posted('{"ServiceCode": "ec2", "Nonsense": 1}').list_service_quotas, ServiceCode="ec2")
refused("SerializationException", posted('{"ServiceCode": 7}').list_service_quotas, ServiceCode="ec2")
refused("SerializationException", posted('["ec2"]').list_service_quotas, ServiceCode="ec2")
refused("ValidationException", posted('{}').list_service_quotas, ServiceCode="ec2")

# Addresses of a subnet: inside its range, unique, and exhaustible.
oregon = client("ec2", region_name="us-west-2")
subnets = once(pages(oregon, "describe_subnets", "Subnets"), lambda s: s["SubnetId"])
subnet = min(subnets)
free = lambda: once(pages(oregon, "describe_subnets", "Subnets"), lambda s: s["SubnetId"])[subnet]["AvailableIpAddressCount"]
run = lambda n: [i for i in oregon.run_instances(ImageId=AMI, InstanceType="t3.micro", MinCount=n, MaxCount=n, SubnetId=subnet)["Instances"]]
assert free() == 4091
given = [i["PrivateIpAddress"] for _ in range(4) for i in run(1000)]
assert free() == 91 and len(set(given)) == 4000
block = ipaddress.ip_network(subnets[subnet]["CidrBlock"])
assert all(ipaddress.ip_address(ip) in block and ip not in [str(block[n]) for n in range(4)] for ip in given)
refused("InsufficientFreeAddressesInSubnet", run, 92)
last = run(91)
forward(20)
oregon.terminate_instances(InstanceIds=[last[0]["InstanceId"]])
forward(60)
assert [i["PrivateIpAddress"] for i in run(1)] == [last[0]["PrivateIpAddress"]]
print("good,", len(SEEN), "operations")
