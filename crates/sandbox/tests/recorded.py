"""Answers of AWS that were recorded, against what the sandbox answers for the same things, both as the SDK reads them:
recorded.py FOLDER, with a sandbox that knows the seed's types in the environment (`cargo xtask recorded FOLDER` does
both). The folder holds `ec2-xml/*.xml` (DescribeInstanceTypes, whole pages of one listing) and `ec2/static/<Operation>/`
and `various/*/<service>.<Operation>_<n>.json` (answers as SDKs print them). They are years old, and none of them is in
this repository. Each difference is in the table below, with who is right; one that is not fails."""

import collections, glob, json, os, sys

from botocore.parsers import create_parser

from clients import AMI, client, forward, launch

FOLDER = sys.argv[1]
ec2 = client("ec2")

# Operation, the path (and all that lies under it), and who is right. `new`: AWS tells it today, and did not then.
DIFFERENCES = {
    "describe_instance_types": {
        "FreeTierEligible": "sandbox: the free tier of 2025 has other types",
        "SupportedUsageClasses[]": "sandbox: today's; old types lost spot, new ones have capacity blocks",
        "CurrentGeneration": "sandbox: some types have become previous ones since",
        "HibernationSupported": "sandbox: more types can since",
        "AutoRecoverySupported": "sandbox: more types can since",
        "NetworkInfo.NetworkPerformance": "sandbox: AWS has named other figures since",
        "NetworkInfo.NetworkCards[].NetworkPerformance": "sandbox: the same",
        "PlacementGroupInfo.SupportedStrategies[]": "sandbox: more types can since",
        "SupportedBootModes[]": "sandbox: more modes since",
        "ProcessorInfo.SupportedArchitectures[]": "sandbox: the same",
        "ProcessorInfo.SustainedClockSpeedInGhz": "sandbox: AWS has corrected them since",
    },
}


def flat(value, path, found):
    """Each path with its values; the members of a list share one path, and their order counts for nothing."""
    if isinstance(value, dict):
        for key, inner in value.items():
            flat(inner, f"{path}.{key}" if path else key, found)
    elif isinstance(value, list):
        for inner in value:
            flat(inner, path + "[]", found)
        if not value:
            found.setdefault(path + "[]", [])
    else:
        found.setdefault(path, []).append(value)
    return found


class Comparison:
    """Counts what was equal, and keeps what was not: by path, with the things in which it differs."""

    def __init__(self, operation):
        self.operation, self.things, self.equal = operation, 0, 0
        self.differs, self.lost, self.new = (collections.defaultdict(dict) for _ in range(3))

    def add(self, name, recorded, ours):
        self.things += 1
        recorded, ours = flat(recorded, "", {}), flat(ours, "", {})
        for path in sorted(set(recorded) | set(ours)):
            theirs, mine = sorted(map(str, recorded.get(path, []))), sorted(map(str, ours.get(path, [])))
            if theirs == mine:
                self.equal += len(theirs) or 1
            elif path not in ours:
                self.lost[path][name] = theirs
            elif path not in recorded:
                self.new[path][name] = mine
            else:
                self.differs[path][name] = (theirs, mine)

    def report(self):
        print(f"\n{self.operation}: {self.things} compared, {self.equal} values equal")
        known = DIFFERENCES.get(self.operation, {})
        slips = []
        for kind, found in (("differs", self.differs), ("not told by the sandbox", self.lost), ("told by the sandbox alone", self.new)):
            for path, things in sorted(found.items()):
                verdict = known.get(path) or next((known[k] for k in known if path.startswith((k + ".", k + "["))), None)
                example = next(iter(things.items()))
                print(f"  {kind}: {path} in {len(things)}, as {example[0]}: {str(example[1])[:160]}")
                print(f"      {verdict}" if verdict else "      NOT LISTED")
                if not verdict:
                    slips.append(path)
        return slips


def parsed(path, operation):
    """A recorded body, read by botocore as an answer of EC2."""
    model = ec2.meta.service_model.operation_model(operation)
    answer = {"headers": {}, "status_code": 200, "body": open(path, "rb").read()}
    return create_parser("ec2").parse(answer, model.output_shape)


def files(pattern):
    found = sorted(glob.glob(os.path.join(FOLDER, pattern)))
    assert found, f"nothing recorded matches {pattern} in {FOLDER}"
    return found


slips = []

# Instance types: pages of XML, and JSON.
recorded = {}
for path in files("ec2-xml/*.xml"):
    recorded |= {t["InstanceType"]: t for t in parsed(path, "DescribeInstanceTypes")["InstanceTypes"]}
ours = {t["InstanceType"]: t for page in ec2.get_paginator("describe_instance_types").paginate(IncludeUnsupportedInRegion=True) for t in page["InstanceTypes"]} \
    if "IncludeUnsupportedInRegion" in ec2.meta.service_model.operation_model("DescribeInstanceTypes").input_shape.members \
    else {t["InstanceType"]: t for page in ec2.get_paginator("describe_instance_types").paginate() for t in page["InstanceTypes"]}
xml, js = Comparison("describe_instance_types"), Comparison("describe_instance_types")
for name in sorted(set(recorded) & set(ours)):
    xml.add(name, recorded[name], ours[name])
print("not known to the sandbox:", sorted(set(recorded) - set(ours)))
slips += xml.report()
for path in files("ec2/static/DescribeInstanceTypes/*.json"):
    for one in json.load(open(path))["InstanceTypes"]:
        if one["InstanceType"] in ours:
            js.add(f"{os.path.basename(path)}:{one['InstanceType']}", one, ours[one["InstanceType"]])
slips += js.report()
sys.exit(f"not listed: {slips}" if slips else 0)
