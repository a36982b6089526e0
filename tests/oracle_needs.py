"""Answers needs for instance types apart from the Rust code and its SQL.

    python oracle_needs.py make FOLDER SEED               writes spot prices, rates, plans, benchmarks
    python oracle_needs.py draw COUNT SEED                prints random needs as a JSON list
    python oracle_needs.py check FOLDER < answers.json    compares the answers of truffle

A need is {"words": [arguments of truffle], ...}. An answer is the need with "code", the exit code,
and "rows", the rows of `-o json`. FOLDER has the exports type.parquet, offering.parquet,
price.parquet, plan.parquet, spot.parquet, rate.parquet and benchmark.parquet; those of offerings,
prices, plans and rates are the histories with their time of validity.
"""

import datetime
import json
import math
import random
import sys
from collections import Counter, defaultdict
from decimal import ROUND_HALF_EVEN, Decimal

import numpy
import polars

from oracle_script import plan_head, run

NOW = datetime.datetime(2026, 11, 23)
REGIONS = ["us-east-1", "eu-west-1"]
BAND_ENDS = [0.05, 0.10, 0.15, 0.20, 0.20]
METRICS = ["coremark", "STREAM Triad GB/s"]

# Flag: (column, least and most of the drawn values, unit of the flag in units of the column).
NUMBERS = {
    "vcpus": ("vcpus", [1, 2, 4, 8, 16, 32, 64], 1),
    "memory": ("memory_mib", [1, 4, 8, 16, 32, 64, 128], 1024),
    "gpus": ("gpus", [1, 2, 4], 1),
    "clock": ("clock_ghz", [2.5, 3, 3.5], 1),
    "network-bandwidth": ("network_peak_gbps", [5, 10, 12.5, 25], 1),
    "generation": ("generation", [4, 5, 6, 7], 1),
}
FLAGS = ["burstable", "bare-metal", "efa", "current-generation", "hibernation", "ipv6"]


# --- the data -------------------------------------------------------------------------------


def make(folder, seed):
    draw = random.Random(seed)
    names = sorted(polars.read_parquet(folder / "type.parquet")["instance_type"])
    offers = polars.read_parquet(folder / "offering.parquet").to_dicts()
    zones = defaultdict(set)
    for row in offers:
        if row["region"] in REGIONS and row["az_id"]:
            zones[row["region"]].add(row["az_id"])
    base = {name: Decimal(draw.randint(50, 40000)) / 10000 for name in names}
    write_spot(folder / "spot.csv", draw, names, zones, base)
    write_rates(folder / "rates.json", draw, names)
    for region in REGIONS:
        write_plans(folder / f"plans-{region}.csv", region, draw, names, base)
    lines = ["instance_type,metric,value,measured_at"]
    for name in names:
        for metric in METRICS:
            if draw.random() < 0.5:
                day = draw.choice(["", "2026-08-01", "2026-11-15"])
                lines.append(f"{name},{metric},{draw.randint(0, 4000) / 4},{day}")
    (folder / "benchmark.csv").write_text("\n".join(lines) + "\n")


def write_spot(path, draw, names, zones, base):
    lines = ["observed_at,instance_type,region,az_id,spot_usd"]
    for name in names:
        # Zones that do not offer the type have prices too.
        for region, zone in ((region, zone) for region in REGIONS for zone in sorted(zones[region])):
            if draw.random() < 0.5:
                continue
            for day in draw.sample(range(1, 40), 3):
                at = NOW - datetime.timedelta(days=day, minutes=draw.randint(1, 600))
                price = base[name] * draw.choice([1, 1, 2, 3]) / 4
                lines.append(f"{at:%Y-%m-%dT%H:%M:%SZ},{name},{region},{zone},{price:.4f}")
    path.write_text("\n".join(lines) + "\n")


def write_rates(path, draw, names):
    advice = {
        region: {
            "Linux": {name: {"s": 50, "r": draw.randint(0, 4)} for name in names if draw.random() < 0.6}
        }
        for region in REGIONS
    }
    ranges = [{"index": band, "label": f"band {band}"} for band in range(5)]
    path.write_text(json.dumps({"ranges": ranges, "spot_advisor": advice}))


def write_plans(path, region, draw, names, base):
    lines = plan_head("2026-11-01")
    prefix = "" if region == "us-east-1" else "EUW1-"
    for family in ["ComputeSavingsPlans", "EC2InstanceSavingsPlans"]:
        for years in [1, 3]:
            for payment in ["No Upfront", "Partial Upfront", "All Upfront"]:
                for name in draw.sample(names, 300):
                    rate = base[name] * draw.choice([10, 12, 15]) / 20
                    lines.append(
                        f"P,P.{name},Hrs,2026-11-01T00:00:00Z,{rate},USD,S{name},AmazonEC2,"
                        f"{prefix}BoxUsage:{name},RunInstances,{payment},{years},year,{family},{region},"
                        f"{name}"
                    )
    path.write_text("\n".join(lines) + "\n")


# --- the needs ------------------------------------------------------------------------------


def draw_needs(count, seed):
    draw = random.Random(seed)
    return [draw_need(draw) for _ in range(count)]


def draw_need(draw):
    need = {}
    for flag in draw.sample(sorted(NUMBERS), draw.randint(0, 3)):
        values = sorted(draw.sample(NUMBERS[flag][1], 2))
        text = ["{0}", "{0}..", "{0}..", "{0}..", "..{1}", "{0}..{1}"]
        need[flag] = draw.choice(text).format(*values)
    for flag in draw.sample(FLAGS, draw.randint(0, 2)):
        need[flag] = draw.choice(["true", "false"])
    if draw.random() < 0.4:
        need["arch"] = draw.choice(["x86_64", "arm64"])
    if draw.random() < 0.2:
        need["cpu-maker"] = draw.choice(["Intel", "AMD", "AWS"])
    if draw.random() < 0.3:
        need["max-price"] = draw.choice(["0.05", "0.3", "1.5"])
    need["region"] = draw.choice(["us-east-1", "eu-west-1", "us-east-1,eu-west-1", "us-east-1,cn-north-1"])
    # The seed's list of regions is newer than its prices, so one without offers is not known before.
    if draw.random() < 0.4 and "cn" not in need["region"]:
        need["as-of"] = f"2026-11-{draw.randint(2, 22):02}T12:00:00Z"
    if draw.random() < 0.15 and need["region"] == "us-east-1":
        need["zones"] = draw.choice(["use1-az1", "use1-az4,use1-az6"])
    need["market"] = draw.choice(["on-demand", "spot", "any"])
    if need["market"] != "on-demand":
        if draw.random() < 0.4:
            need["max-band"] = str(draw.randint(0, 4))
        if draw.random() < 0.4:
            need["checkpoint"] = draw.choice(["30m", "1h", "3h"])
        if draw.random() < 0.3:
            need["restart"] = draw.choice(["5m", "20m"])
    if need["market"] != "spot" and draw.random() < 0.4:
        need["commit"] = draw.choice(["none", "1", "3"])
    if draw.random() < 0.5:
        need["for"] = draw.choice(["90m", "200h", "5000h", "10000h"])
        if draw.random() < 0.5:
            need["count"] = str(draw.randint(1, 40))
    if draw.random() < 0.25:
        need["benchmark"], need["at-least"] = draw.choice(METRICS), str(draw.choice([0, 250, 700]))
    if draw.random() < 0.25:
        need["per"] = draw.choice(METRICS)
    if not set(need) & (set(NUMBERS) | set(FLAGS) | {"arch", "cpu-maker", "max-price", "benchmark", "per"}):
        need["vcpus"] = "4.."
    need["words"] = ["recommend", "--limit=0"] + [f"--{flag}={value}" for flag, value in need.items()]
    if draw.random() < 0.3:
        need["all"] = True
        need["words"].append("--all")
    return need


# --- the answers ----------------------------------------------------------------------------


class Lake:
    def __init__(self, folder):
        asked = polars.col("region").is_in([*REGIONS, "cn-north-1"])

        def read(name):
            table = polars.read_parquet(folder / f"{name}.parquet")
            return (table.filter(asked) if "region" in table.columns else table).to_dicts()

        self.types = {row["instance_type"]: row for row in read("type")}
        self.offers, self.prices, self.plans = read("offering"), read("price"), read("plan")
        self.spot, self.rates, self.benchmarks = read("spot"), read("rate"), read("benchmark")

    def at(self, need):
        return datetime.datetime.fromisoformat(need["as-of"].rstrip("Z")) if "as-of" in need else NOW


def is_valid(row, at):
    return row["valid_from"] <= at and (row["valid_until"] is None or row["valid_until"] > at)


def is_plain(row):
    is_shared = (row["os"], row["tenancy"], row["software"]) == ("linux", "shared", "none")
    return is_shared and row["licence"] != "byol"


def all_picks(lake, need):
    """Returns every way to run a type, each as a dict."""
    at, regions = lake.at(need), need["region"].split(",")
    zones, prices = defaultdict(set), {}
    for row in lake.offers:
        if row["region"] in regions and is_valid(row, at):
            zones[(row["instance_type"], row["region"])] |= {row["az_id"]} - {None}
    seen = {region for _, region in zones}
    for row in lake.prices:
        if row["region"] in regions and row["term"] == "on-demand" and is_plain(row) and is_valid(row, at):
            key = (row["instance_type"], row["region"])
            prices[key] = (row["price_per_hour"], row["currency"])
            if row["region"] not in seen:
                zones[key] |= set()
    rates = {
        (row["instance_type"], row["region"]): row["band"]
        for row in lake.rates
        if row["os"] == "linux" and is_valid(row, at)
    }
    spot = newest_spot(lake, at)
    plans = cheapest_plans(lake, need, at)
    for (name, region), offered in zones.items():
        if name not in lake.types:
            continue
        sold = lake.types[name]["usage_classes"]
        common = {"type": name, "region": region, "az": None, "years": 0, "payment": None, "band": None}
        own = prices.get((name, region), (None, None))
        if need["market"] != "spot" and "on-demand" in sold:
            yield common | {"purchase": "on-demand", "price": own[0], "currency": own[1], "zones": offered}
            for plan in plans.get((name, region), []):
                yield common | plan | {"zones": offered}
        if need["market"] != "on-demand" and "spot" in sold:
            common |= {"purchase": "spot", "band": rates.get((name, region))}
            found = [
                common | {"az": zone, "price": price, "currency": "USD", "zones": {zone}}
                for zone, price in spot.get((name, region), {}).items()
                if not offered or zone in offered
            ]
            yield from found or [common | {"price": None, "currency": None, "zones": offered}]


def newest_spot(lake, at):
    newest = defaultdict(dict)
    for row in sorted(lake.spot, key=lambda row: row["observed_at"]):
        if at - datetime.timedelta(days=7) < row["observed_at"] <= at and row["product"] == "linux":
            newest[(row["instance_type"], row["region"])][row["az_id"]] = row["price_per_hour"]
    return newest


def cheapest_plans(lake, need, at):
    longest = int(need.get("commit", "none").replace("none", "0"))
    best = {}
    for row in lake.plans:
        if row["instance_type"] is None or row["lease_years"] > longest or not is_valid(row, at):
            continue
        if row["service"] != "AmazonEC2" or not is_plain(row):
            continue
        key = (row["instance_type"], row["region"], row["lease_years"], row["currency"])
        mine = (row["price_per_hour"], f"{row['plan']}-savings-plan", row["payment"])
        best[key] = min(best.get(key, mine), mine)
    found = defaultdict(list)
    for (name, region, years, currency), (price, purchase, payment) in best.items():
        one = {"purchase": purchase, "years": years, "payment": payment, "price": price, "currency": currency}
        found[(name, region)].append(one)
    return found


def in_range(value, text, unit):
    low, dots, high = text.partition("..")
    high = high if dots else low
    return (not low or value >= float(low) * unit) and (not high or value <= float(high) * unit)


def verdicts(lake, need, pick, values):
    """Returns for each need True, False, or None if the fact is not known."""
    facts = lake.types[pick["type"]]
    found = {}
    for flag, (column, _, unit) in NUMBERS.items():
        if flag in need:
            value = facts[column]
            found[flag] = None if value is None else in_range(value, need[flag], unit)
    for flag in FLAGS:
        if flag in need:
            found[flag] = facts[flag.replace("-", "_")] == (need[flag] == "true")
    if "arch" in need:
        found["arch"] = need["arch"] in facts["architectures"]
    if "cpu-maker" in need:
        found["cpu-maker"] = facts["cpu_maker"] == need["cpu-maker"]
    if "max-price" in need:
        is_known = pick["price"] is not None and pick["currency"] == "USD"
        found["max-price"] = pick["price"] <= Decimal(need["max-price"]) if is_known else None
    if "zones" in need:
        found["zones"] = bool(pick["zones"] & set(need["zones"].split(","))) if pick["zones"] else None
    is_spot, band = pick["purchase"] == "spot", pick["band"]
    if "max-band" in need:
        found["max-band"] = (None if band is None else band <= int(need["max-band"])) if is_spot else True
    if "checkpoint" in need or "restart" in need:
        found["checkpoint"] = (None if band is None else True) if is_spot else True
    if "benchmark" in need:
        value = values[need["benchmark"]].get(pick["type"])
        found["benchmark"] = None if value is None else value >= float(need["at-least"])
    if "per" in need:
        value = values[need["per"]].get(pick["type"])
        found["per"] = None if value is None else value > 0
    return found


def span_hours(text):
    return int(text[:-1]) / {"h": 1, "m": 60}[text[-1]]


def rounded(amount, digits):
    return amount.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_EVEN)


def add_cost(need, pick, values):
    """Sets the total cost and the cost that orders the picks."""
    pick["total"] = pick["cost"] = None
    if pick["price"] is None or pick["currency"] is None:
        return
    hourly = pick["price"]
    if pick["purchase"] == "spot" and ("checkpoint" in need or "restart" in need):
        if pick["band"] is None:
            return
        rate = -math.log(1 - BAND_ENDS[pick["band"]]) / 730
        lost = span_hours(need.get("checkpoint", "1h")) / 2 + span_hours(need.get("restart", "10m"))
        hourly = rounded(hourly * (1 + Decimal(rate * lost)), 10)
    pick["cost"] = hourly
    if "for" in need:
        hours = Decimal(int(need["for"][:-1])) / {"h": 1, "m": 60}[need["for"][-1]]
        if pick["years"]:
            term = 8760 * pick["years"]
            hours = Decimal(max(1, math.ceil(hours / term)) * term)
        pick["cost"] = pick["total"] = rounded(hourly * hours * int(need.get("count", "1")), 10)
    if "per" in need:
        value = values[need["per"]].get(pick["type"])
        pick["cost"] = rounded(pick["cost"] / Decimal(value), 18) if value else None


def merits(lake, need, pick, values):
    facts, found = lake.types[pick["type"]], []
    for flag, (column, _, _) in NUMBERS.items():
        if need.get(flag, "").endswith(".."):
            found.append(facts[column])
    if "benchmark" in need:
        found.append(values[need["benchmark"]].get(pick["type"]))
    if need["market"] != "on-demand":
        found.append(1 if pick["purchase"] != "spot" else None if pick["band"] is None else -pick["band"])
    if need.get("commit", "none") != "none":
        found.append(-pick["years"])
    return [-math.inf if value is None else float(value) for value in found]


def unbeaten(lake, need, picks, values):
    """Returns the picks of one currency that no other one beats."""
    table = [merits(lake, need, pick, values) for pick in picks]
    # Costs are compared exactly: by their place among the different ones.
    places = {cost: at for at, cost in enumerate(sorted({pick["cost"] for pick in picks}))}
    table = numpy.array([[-places[pick["cost"]]] + row for pick, row in zip(picks, table)], dtype=float)
    # A pick that beats another one is before it in descending order of all columns.
    order = numpy.lexsort(table.T[::-1])[::-1]
    front, kept = numpy.empty((0, table.shape[1])), []
    for at in order:
        at_least, better = (front >= table[at]).all(axis=1), (front > table[at]).any(axis=1)
        if not (at_least & better).any():
            front = numpy.vstack([front, table[at]])
            kept.append(picks[at])
    return kept


def label(pick):
    names = (pick["type"], pick["region"], pick["az"] or "", pick["purchase"])
    return names + (pick["years"], pick["payment"] or "")


def expected(lake, need):
    at = lake.at(need)
    values = {metric: {} for metric in METRICS}
    for row in lake.benchmarks:
        if row["metric"] in values and (row["measured_at"] is None or row["measured_at"] <= at):
            best = values[row["metric"]]
            best[row["instance_type"]] = max(best.get(row["instance_type"], row["value"]), row["value"])
    unknown, picks = Counter(), defaultdict(list)
    for pick in all_picks(lake, need):
        found = verdicts(lake, need, pick, values)
        if False in found.values():
            continue
        lacking = [name for name, verdict in found.items() if verdict is None]
        unknown.update(lacking)
        if lacking:
            continue
        add_cost(need, pick, values)
        if pick["cost"] is None:
            unknown["price"] += 1
        else:
            picks[pick["currency"]].append(pick)
    shown, free = {}, {}
    for currency, group in picks.items():
        kept = unbeaten(lake, need, group, values)
        free[currency] = set(map(label, kept))
        kept = group if need.get("all") else kept
        shown[currency] = sorted(kept, key=lambda pick: (pick["cost"],) + label(pick)[:4])
    return shown, unknown, free


def number(value):
    return None if value is None else Decimal(str(value))


def compare(lake, answer):
    shown, unknown, free = expected(lake, answer)
    rows = answer["rows"] or []
    if not rows:
        return (answer["code"] == 3 and not shown), f"{sum(map(len, shown.values()))} picks expected"
    by_currency = defaultdict(list)
    for row in rows:
        by_currency[row["currency"]].append(row)
    if set(by_currency) != set(shown):
        return False, f"currencies {set(by_currency)}, expected {set(shown)}"
    for currency, group in by_currency.items():
        if [row["rank"] for row in group] != list(range(1, len(group) + 1)):
            return False, "the ranks have gaps"
        wanted = shown[currency]
        names = [
            (row["instance_type"], row["region"], row["az_id"] or "", row["purchase"],
             row["lease_years"] or 0, row["payment"] or "")
            for row in group
        ]
        if sorted(names) != sorted(map(label, wanted)):
            differ = set(names) ^ set(map(label, wanted))
            return False, f"{len(names)} picks, expected {len(wanted)}: {sorted(differ)[:3]}"
        for row, pick in zip(group, wanted):
            found = [number(row["price_per_hour"]), number(row["total_cost"])]
            if found != [pick["price"], pick["total"]]:
                return False, f"{row}, expected {pick}"
        for row, name in zip(group, names):
            if (row["beaten_by"] is None) != (name in free[currency]):
                return False, f"{row}: beaten_by"
    counts = sorted(int(text.rsplit(": ", 1)[1].split(" ")[0]) for text in rows[0]["unknown"])
    return counts == sorted(unknown.values()), f"{rows[0]['unknown']}, expected {dict(unknown)}"


def check(folder, answers):
    lake = Lake(folder)
    counts = Counter()
    for answer in answers:
        if answer["code"] not in (0, 3):
            sys.exit(f"{' '.join(answer['words'])}: exit code {answer['code']}")
        agrees, problem = compare(lake, answer)
        if not agrees:
            sys.exit(f"{' '.join(answer['words'])}: {problem}")
        counts["none" if answer["code"] == 3 else answer["market"]] += 1
    print(json.dumps(counts))


if __name__ == "__main__":
    run(make, draw_needs, check, __doc__)
