"""Answers filter combinations straight from moto's raw JSON, independently of the Rust code.

    python3 tests/crosscheck.py WHEEL < combinations.json    answers the combinations of a JSON list
    python3 tests/crosscheck.py WHEEL --random COUNT SEED    draws combinations and answers them

WHEEL is moto's wheel, read as an archive and never imported. The answer is a JSON list of
{"filters": {...}, "types": [sorted names]}, in the order of the combinations.

A combination is an object, and a type must match all its filters. Each key is a flag of
`truffle search` without the dashes. Ranges are texts: "4..16", "4..", "..16" or "4", with both ends
included.

    vcpus               range of vCPUs
    memory              range of GiB; an end may carry MiB, GiB or TiB
    arch                a supported architecture: x86_64, arm64, i386, x86_64_mac, arm64_mac
    cpu-maker           Intel, AMD, AWS or Apple, in any case of letters
    gpus                range of GPUs, 0 without any; part of a GPU counts as one, although the
                        API has 0
    gpu-model           name of the GPU as the API spells it, in any case of letters
    gpu-memory          range of the GiB of all GPUs, by the makers' documents (TRUE_MEMORY_MIB); a
                        type without a GPU is in no range
    bare-metal, burstable, current-generation, efa, ipv6, hibernation, dedicated-hosts, free-tier,
    auto-recovery       true or false
    ena                 true (supported or required) or false
    hypervisor          nitro or xen; bare metal has none
    storage             range of the GB of all instance storage, 0 without any; an end may carry GB
                        or TB (1000 GB)
    storage-type        ssd or hdd
    usage-class         on-demand, spot or capacity-block
    root-device         ebs or instance-store
    network-interfaces  range of network interfaces
    ebs-bandwidth       range of the baseline bandwidth in Mbit/s; a type without one is in no range
    placement           cluster, partition or spread
    region              region codes, comma-separated: offered in at least one of them
"""

import gzip
import json
import random
import sys
import zipfile

TYPES = "moto/ec2/resources/instance_types.json.gz"
OFFERINGS = "moto/ec2/resources/instance_type_offerings/region/"

# For these models the API does not return the memory of the device.
TRUE_MEMORY_MIB = {"A10G": 24576, "L4": 24576, "L40S": 49152, "B200": 184320}

UNITS = {
    "memory": {"": 1024, "mib": 1, "gib": 1024, "tib": 1024 * 1024},
    "gpu-memory": {"": 1024, "mib": 1, "gib": 1024, "tib": 1024 * 1024},
    "storage": {"": 1, "gb": 1, "tb": 1000},
}


class Catalogue:
    """The records of a wheel, and the types offered in each region."""

    def __init__(self, wheel):
        with zipfile.ZipFile(wheel) as archive:
            read = lambda name: json.loads(gzip.decompress(archive.read(name)))
            self.records = read(TYPES)
            self.offered = {}
            for name in archive.namelist():
                if name.startswith(OFFERINGS) and name.endswith(".json.gz"):
                    region = name[len(OFFERINGS) : -len(".json.gz")]
                    self.offered[region] = {row["InstanceType"] for row in read(name)}

    def answer(self, filters):
        """Returns the sorted names of the types that match all filters."""
        return sorted(name for name in self.records if all(self.holds(name, *item) for item in filters.items()))

    def holds(self, name, key, wanted):
        if key == "region":
            return any(name in self.offered.get(region, ()) for region in wanted.split(","))
        found = FIELDS[key](self.records[name])
        if key in RANGES:
            return found is not None and in_range(found, wanted, UNITS.get(key, {"": 1}))
        if isinstance(found, list):
            return wanted in found
        if key in ("cpu-maker", "gpu-model"):
            return found is not None and found.lower() == wanted.lower()
        return found == wanted


def in_range(number, text, units):
    low, dots, high = text.partition("..")
    if not dots:
        high = low
    return (not low or number >= quantity(low, units)) and (not high or number <= quantity(high, units))


def quantity(text, units):
    number = text.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    return float(number) * units[text[len(number) :].lower()]


def only(record, *path):
    """Returns the only entry of a list of devices, or None."""
    for part in path:
        record = record.get(part) or {}
    if len(record) > 1:
        raise ValueError(f"{path} has {len(record)} entries")
    return record[0] if record else None


def gpu(record):
    return only(record, "GpuInfo", "Gpus")


def gpus(record):
    found = gpu(record)
    return max(found["Count"], found["LogicalGpuCount"]) if found else 0


def gpu_memory_mib(record):
    found = gpu(record)
    if not found:
        return None
    each = found["MemoryInfo"]["SizeInMiB"]
    if found["Name"] in TRUE_MEMORY_MIB:
        each = TRUE_MEMORY_MIB[found["Name"]] * found["GpuPartitionSize"]
    return each * gpus(record)


FIELDS = {
    "vcpus": lambda r: r["VCpuInfo"]["DefaultVCpus"],
    "memory": lambda r: r["MemoryInfo"]["SizeInMiB"],
    "arch": lambda r: r["ProcessorInfo"]["SupportedArchitectures"],
    "cpu-maker": lambda r: r["ProcessorInfo"]["Manufacturer"],
    "gpus": gpus,
    "gpu-model": lambda r: (gpu(r) or {}).get("Name"),
    "gpu-memory": gpu_memory_mib,
    "bare-metal": lambda r: r["BareMetal"],
    "burstable": lambda r: r["BurstablePerformanceSupported"],
    "current-generation": lambda r: r["CurrentGeneration"],
    "hypervisor": lambda r: r.get("Hypervisor"),
    "efa": lambda r: r["NetworkInfo"]["EfaSupported"],
    "ipv6": lambda r: r["NetworkInfo"]["Ipv6Supported"],
    "ena": lambda r: r["NetworkInfo"]["EnaSupport"] != "unsupported",
    "storage": lambda r: r.get("InstanceStorageInfo", {}).get("TotalSizeInGB", 0),
    "storage-type": lambda r: (only(r, "InstanceStorageInfo", "Disks") or {}).get("Type"),
    "hibernation": lambda r: r["HibernationSupported"],
    "usage-class": lambda r: r["SupportedUsageClasses"],
    "root-device": lambda r: r["SupportedRootDeviceTypes"],
    "network-interfaces": lambda r: r["NetworkInfo"]["MaximumNetworkInterfaces"],
    "ebs-bandwidth": lambda r: r["EbsInfo"].get("EbsOptimizedInfo", {}).get("BaselineBandwidthInMbps"),
    "placement": lambda r: r["PlacementGroupInfo"]["SupportedStrategies"],
    "dedicated-hosts": lambda r: r["DedicatedHostsSupported"],
    "free-tier": lambda r: r["FreeTierEligible"],
    "auto-recovery": lambda r: r["AutoRecoverySupported"],
}

RANGES = {"vcpus", "memory", "gpus", "gpu-memory", "storage", "network-interfaces", "ebs-bandwidth"}


def draw(catalogue, dice):
    """Draws one to four filters. Most of them match one type, so most have an answer."""
    names = sorted(catalogue.records)
    with_gpu = [name for name in names if gpu(catalogue.records[name])]
    model = dice.choice(dice.choice([names, with_gpu]))
    keys = dice.sample(sorted(FIELDS) + ["region"], dice.randint(1, 4))
    drawn = ((key, draw_value(catalogue, dice, model, key)) for key in keys)
    return {key: value for key, value in drawn if value is not None}


def draw_value(catalogue, dice, name, key):
    if key == "region":
        return ",".join(dice.sample(sorted(catalogue.offered), dice.randint(1, 2)))
    found = FIELDS[key](catalogue.records[name])
    if isinstance(found, bool):
        return found if dice.random() < 0.8 else not found
    if isinstance(found, list):
        return dice.choice(found)
    if key in RANGES and found is not None:
        high = found * dice.choice([1, 2, 4])
        if key in ("memory", "gpu-memory"):
            found, high = f"{found / 1024:.10g}", f"{high / 1024:.10g}"
        return dice.choice([f"{found}..{high}", f"{found}..", f"..{high}", f"{found}"])
    return found


def main():
    catalogue = Catalogue(sys.argv[1])
    if sys.argv[2:3] == ["--random"]:
        dice = random.Random(int(sys.argv[4]))
        combinations = [draw(catalogue, dice) for _ in range(int(sys.argv[3]))]
    else:
        combinations = json.load(sys.stdin)
    answers = [{"filters": filters, "types": catalogue.answer(filters)} for filters in combinations]
    json.dump(answers, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
