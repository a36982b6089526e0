"""Compares recorded answers of AWS with the sandbox's answers to the same requests, both parsed by
botocore: recorded.py FOLDER, with a sandbox on the seed's types (`cargo xtask recorded FOLDER`
starts one). The folder contains `ec2-xml/*.xml` (DescribeInstanceTypes, pages of one listing),
`ec2/static/<Operation>/*.json` and `various/*/<service>.<Operation>_<n>.json` (answers as SDKs
print them). None of them is in this repository.

The records are years old, so moto (`.tools/rival`), which plays back AWS's current answers, is a
third source. A sandbox value that differs from the record and equals moto's is a change at AWS.
Every other difference is a failure, unless DIFFERENCES lists it with the reason."""

import collections, datetime, glob, json, os, sys

from botocore.parsers import create_parser
from moto.ec2.models.instance_types import INSTANCE_TYPES as TODAY

from clients import client, forward, launch

FOLDER = sys.argv[1]
SLIPS = []

DIFFERENCES = {
    "DescribeInstanceTypes": {},
    "DescribeAvailabilityZones": {
        "GroupName": "sandbox: groups of zones have been called us-east-2-zg-1 since 2025",
        "GroupLongName": "sandbox: newer than the record", "ZoneType": "sandbox: newer than the record",
    },
    "DescribeInstanceTypeOfferings": {},
    "DescribeSpotInstanceRequests": {"[].LaunchedAvailabilityZoneId": "sandbox: newer than the record"},
    "DescribeSpotPriceHistory": {"[].AvailabilityZoneId": "sandbox: newer than the record"},
    "GetMetricData": {},
    "GetProducts": {
        "sku": "both: made up here, as are the ids that follow from it", "[].sku": "both", "[].priceDimensions[].rateCode": "both",
        "[].effectiveDate": "both: other prices", "attributes.currentGeneration": "sandbox: m5 is a previous generation today",
        "attributes.marketoption": "sandbox: newer than the record", "attributes.regionCode": "sandbox: newer than the record",
    } | {f"attributes.{name}": "record: the lake keeps no such column, and the sandbox makes nothing up" for name in (
        "dedicatedEbsThroughput", "ecu", "enhancedNetworkingSupported", "instanceFamily", "intelAvx2Available", "intelAvxAvailable",
        "intelTurboAvailable", "normalizationSizeFactor", "physicalProcessor", "processorFeatures")},
}


def flat(value, path="", found=None):
    """Returns each path with its values, sorted. Members of a list share one path."""
    found = {} if found is None else found
    if isinstance(value, dict):
        for key, inner in value.items():
            if key != "ResponseMetadata":
                flat(inner, f"{path}.{key}" if path else key, found)
    elif isinstance(value, list):
        for inner in value:
            flat(inner, path + "[]", found)
    elif value is not None:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        found.setdefault(path, []).append(str(float(value)) if number else str(value))
    return {path: sorted(values) for path, values in found.items()}


class Comparison:
    """Counts equal values, and keeps the others by path."""

    def __init__(self, operation, what):
        self.operation, self.what, self.things, self.equal = operation, what, 0, 0
        self.since, self.slips = collections.defaultdict(dict), collections.defaultdict(dict)

    def add(self, name, recorded, ours, today=None):
        self.things += 1
        recorded, ours, today = flat(recorded), flat(ours), flat(today)
        for path in set(recorded) | set(ours):
            theirs, mine = recorded.get(path), ours.get(path)
            if theirs == mine:
                self.equal += len(theirs)
            else:
                kept = self.since if today and today.get(path) == mine else self.slips
                kept[path][name] = (theirs, mine)

    def tell(self):
        changed = sum(len(things) for things in self.since.values())
        print(f"{self.operation}, {self.what}: {self.things} compared, {self.equal} values equal; {changed} that AWS has changed since, of {len(self.since)} members")
        table = DIFFERENCES[self.operation]
        for path, things in sorted(self.slips.items()):
            listed = [words for known, words in table.items() if path == known or path.startswith((known + ".", known + "["))]
            name, (theirs, mine) = next(iter(things.items()))
            print(f"  {path} in {len(things)}, as {name}: recorded {str(theirs)[:80]}, here {str(mine)[:80]}: {listed[0] if listed else 'NOT LISTED'}")
            if not listed:
                SLIPS.append(f"{self.operation}: {path}")


def shapes(operation, what, recorded, ours):
    """Compares only the member names: the resources differ."""
    kinds = lambda value: {path: ["there"] for path in flat(value)}
    comparison = Comparison(operation, what)
    comparison.things, comparison.slips = 1, collections.defaultdict(dict)
    theirs, mine = kinds(recorded), kinds(ours)
    for path in set(theirs) | set(mine):
        if theirs.get(path) == mine.get(path):
            comparison.equal += 1
        else:
            comparison.slips[path][what] = (theirs.get(path), mine.get(path))
    comparison.tell()


def files(pattern):
    found = sorted(glob.glob(os.path.join(FOLDER, pattern)))
    assert found, f"nothing recorded matches {pattern} in {FOLDER}"
    return found


def instant(value):
    """Recorded instants are split into their parts; one text replaces them."""
    return "an instant" if value.get("__class__") == "datetime" else value


def read(pattern):
    for path in files(pattern):
        document = json.load(open(path), object_hook=instant)
        yield os.path.basename(path), document.get("data", document)


def parsed(path, operation):
    """Parses a recorded body with botocore as an EC2 answer."""
    model = ec2.meta.service_model.operation_model(operation)
    answer = {"headers": {}, "status_code": 200, "body": open(path, "rb").read()}
    return create_parser("ec2").parse(answer, model.output_shape)


def every(made, operation, key, **arguments):
    return [row for page in made.get_paginator(operation).paginate(**arguments) for row in page[key]]


ec2 = client("ec2")
ours = {t["InstanceType"]: t for t in every(ec2, "describe_instance_types", "InstanceTypes")}
in_xml, in_json = Comparison("DescribeInstanceTypes", "XML"), Comparison("DescribeInstanceTypes", "JSON")
unknown = set()
for path in files("ec2-xml/*.xml"):
    for one in parsed(path, "DescribeInstanceTypes")["InstanceTypes"]:
        name = one["InstanceType"]
        in_xml.add(name, one, ours[name], TODAY[name]) if name in ours else unknown.add(name)
for file, document in read("ec2/static/DescribeInstanceTypes/*.json"):
    for one in document["InstanceTypes"]:
        name = one["InstanceType"]
        in_json.add(f"{name} of {file}", one, ours[name], TODAY[name]) if name in ours else unknown.add(name)
in_xml.tell()
in_json.tell()
# Types that the sandbox does not offer in this region are not, or no longer, offered by AWS either.
print("  in us-east-1 no more:", ", ".join(sorted(unknown)))

ohio = client("ec2", region_name="us-east-2")
zones = {z["ZoneId"]: z for z in ohio.describe_availability_zones()["AvailabilityZones"]}
names = Comparison("DescribeAvailabilityZones", "us-east-2")
for _, document in read("ec2/static/DescribeAvailabilityZones/us-east-2.json"):
    for one in document["AvailabilityZones"]:
        # Zone names differ by account.
        names.add(one["ZoneId"], one, zones[one["ZoneId"]] | {"ZoneName": one["ZoneName"]})
names.tell()

offered = {o["InstanceType"]: o for o in every(ohio, "describe_instance_type_offerings", "InstanceTypeOfferings", LocationType="availability-zone",
                                               Filters=[{"Name": "location", "Values": [zones["use2-az1"]["ZoneName"]]}])}
offers, gone = Comparison("DescribeInstanceTypeOfferings", "us-east-2a, which is use2-az1"), []
for _, document in read("ec2/static/DescribeInstanceTypeOfferings/us-east-2a.json"):
    for one in document["InstanceTypeOfferings"]:
        found = offered.get(one["InstanceType"])
        offers.add(one["InstanceType"], one, found | {"Location": one["Location"]}) if found else gone.append(one["InstanceType"])
offers.tell()
print("  in use2-az1 no more:", ", ".join(sorted(gone)))

for file, document in read("ec2/static/DescribeSpotPriceHistory/*.json"):
    mine = ec2.describe_spot_price_history(InstanceTypes=["m5.large"], ProductDescriptions=["Linux/UNIX"])["SpotPriceHistory"]
    rows = document["SpotPriceHistory"]
    shapes("DescribeSpotPriceHistory", file, rows, mine)
    for row in rows + mine:
        whole, decimals = row["SpotPrice"].split(".")
        assert whole.isdigit() and len(decimals) == 6, row
    for listing in (rows, mine):
        instants = [str(row["Timestamp"]) for row in listing]
        assert instants == sorted(instants, reverse=True), "newest first"

for file, document in read("various/*/ec2.DescribeSpotInstanceRequests_*.json"):
    i = launch(ec2, InstanceMarketOptions={"MarketType": "spot", "SpotOptions": {"SpotInstanceType": "persistent", "ValidUntil": "2999-01-01T00:00:00Z",
               "InstanceInterruptionBehavior": "stop"}}, TagSpecifications=[{"ResourceType": "spot-instances-request", "Tags": [{"Key": "a", "Value": "b"}]}])
    forward(20)
    mine = ec2.describe_spot_instance_requests(Filters=[{"Name": "instance-id", "Values": [i]}])["SpotInstanceRequests"]
    shapes("DescribeSpotInstanceRequests", file, document["SpotInstanceRequests"], mine)

pricing = client("pricing")
for file, document in read("ec2/static/GetProducts/*.json"):
    attributes = document["product"]["attributes"]
    want = [{"Type": "TERM_MATCH", "Field": field, "Value": attributes[field]} for field in ("instanceType", "operatingSystem", "tenancy", "location")]
    [mine] = [json.loads(text) for text in pricing.get_products(ServiceCode="AmazonEC2", Filters=want)["PriceList"]]
    products = Comparison("GetProducts", file)
    products.add(file, document["product"], mine["product"])
    # One term with one rate; the ids of terms and rates are AWS's own, the SKU is invented.
    inner = lambda product: [dict(term, priceDimensions=list(term["priceDimensions"].values())) for term in product["terms"]["OnDemand"].values()]
    products.add("on demand", inner(document), inner(mine))
    products.tell()

watch = client("cloudwatch")
metric = {"Namespace": "AWS/EC2", "MetricName": "CPUUtilization", "Dimensions": [{"Name": "InstanceId", "Value": i}]}
now = datetime.datetime.now(datetime.timezone.utc)
mine = watch.get_metric_data(MetricDataQueries=[{"Id": "a", "MetricStat": {"Metric": metric, "Period": 300, "Stat": "Average"}}],
                             StartTime=now - datetime.timedelta(hours=1), EndTime=now + datetime.timedelta(hours=1))
for file, document in read("various/*/monitoring.GetMetricData_*.json"):
    # The sandbox has no measurements here, so only the fields of a series are compared.
    for one in document["MetricDataResults"]:
        one["Timestamps"], one["Values"] = [], []
    shapes("GetMetricData", file, document, mine)
assert not SLIPS, SLIPS
print("good")
