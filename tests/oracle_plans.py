"""Answers questions about commitments, other prices and spot apart from the Rust code and its SQL.

    python oracle_plans.py make FOLDER SEED               writes bills, price lists, rates and spot
    python oracle_plans.py draw COUNT SEED                prints random questions as a JSON list
    python oracle_plans.py check FOLDER < answers.json    compares the answers of truffle

A question is {"words": [arguments of truffle], ...}. An answer is the question with "code", the
exit code, and "rows", the rows of `-o json`. FOLDER has the exports charge.parquet, price.parquet,
plan.parquet and spot.parquet; price and plan are the histories with their time of validity.
"""

import datetime
import json
import math
import random
import sys
from collections import defaultdict
from decimal import Decimal

import numpy
import polars

from oracle_script import plan_head, run

PAYER = "111122223333"
REGIONS = {"us-east-1": "", "eu-west-1": "EUW1-"}
PRICES = {
    "m5.large": "0.096", "m5.xlarge": "0.192", "c5.large": "0.085", "m7g.large": "0.0816",
    "c7g.large": "0.0725", "m7g.xlarge": "0.1632",
}
OPERATIONS = {
    "RunInstances": ("linux", "none", "none", "Linux"),
    "RunInstances:0002": ("windows", "none", "included", "Windows"),
}
ZONES = {"use1-az1": "us-east-1", "use1-az2": "us-east-1", "euw1-az1": "eu-west-1", "euw1-az3": "eu-west-1"}
NOW = datetime.datetime(2026, 11, 23)
TRUST = datetime.timedelta(days=7)
MAPS = ["m5=m7g", "c5=c7g", "m5=m7g,c5=c7g", "m5.large=m5.xlarge", "m5=c5", "m5=m7g,m5.large=c5.large"]


# --- the data -------------------------------------------------------------------------------


def make(folder, seed):
    draw = random.Random(seed)
    for month, days in [("2026-09", 30), ("2026-10", 31)]:
        write_report(folder / f"bill-{month}.csv", month, days, draw)
    for region in REGIONS:
        for day in ["2026-08-01", "2026-10-10"]:
            write_prices(folder / f"prices-{region}-{day}.csv", region, day, draw)
        for day in ["2026-08-15", "2026-10-20"]:
            write_plans(folder / f"plans-{region}-{day}.csv", region, day, draw)
    write_spot(folder / "spot.csv", draw)


def write_spot(path, draw):
    lines = ["observed_at,instance_type,region,az_id,spot_usd"]
    for name, price in PRICES.items():
        for zone, region in ZONES.items():
            if draw.random() < 0.2:
                continue
            at, value = datetime.datetime(2026, 8, 25), Decimal(price) * Decimal("0.4")
            while at < NOW:
                lines.append(f"{at:%Y-%m-%dT%H:%M:%SZ},{name},{region},{zone},{value:.4f}")
                # A few pauses are longer than an observation is trusted.
                hours = draw.choice([200, 400]) if draw.random() < 0.05 else draw.uniform(1, 90)
                at += datetime.timedelta(seconds=int(3600 * hours))
                value *= Decimal(draw.choice(["1", "1", "1.04", "0.97", "1.2", "0.85"]))
    path.write_text("\n".join(lines) + "\n")


def write_report(path, month, days, draw):
    head = (
        "bill/PayerAccountId,bill/BillingPeriodStartDate,lineItem/UsageAccountId,lineItem/LineItemType,"
        "lineItem/UsageStartDate,lineItem/UsageEndDate,lineItem/ProductCode,lineItem/UsageType,"
        "lineItem/Operation,lineItem/CurrencyCode,lineItem/UsageAmount,lineItem/UnblendedCost,"
        "pricing/publicOnDemandCost,pricing/term,pricing/unit,product/region,product/instanceType"
    )
    lines = [head]
    series = [
        (name, operation, region, draw.choice(["Usage", "Usage", "Usage", "SavingsPlanCoveredUsage", "free"]))
        for name in ["m5.large", "m5.xlarge", "c5.large"]
        for operation in ["RunInstances", "RunInstances:0002", "RunInstances:zzzz"]
        for region in REGIONS
        if draw.random() < 0.6
    ]
    for day in range(1, days + 1):
        for hour in range(24):
            start = datetime.datetime(int(month[:4]), int(month[5:]), day, hour)
            for name, operation, region, kind in series:
                if draw.random() < 0.2:
                    continue
                quantity = Decimal(draw.randint(1, 5000)) / 1000
                list_cost = quantity * Decimal(PRICES[name])
                cost = Decimal(0) if kind == "free" else list_cost * Decimal(draw.choice(["1", "0.9"]))
                kind = "Usage" if kind == "free" else kind
                lines.append(line(start, 1, kind, "AmazonEC2", f"{REGIONS[region]}BoxUsage:{name}", operation,
                                  quantity, cost, list_cost, "OnDemand", region, name))
            lines.append(line(start, 1, "Usage", "AmazonEC2", "SpotUsage:c5.large", "RunInstances:SV001",
                              1, Decimal("0.03"), Decimal("0.085"), "Spot", "us-east-1", "c5.large"))
        start = datetime.datetime(int(month[:4]), int(month[5:]), day)
        lines.append(line(start, 24, "Usage", "AWSLambda", "Lambda-GB-Second", "Invoke", 100000,
                          Decimal("1.66667"), Decimal("1.66667"), "OnDemand", "us-east-1", ""))
        lines.append(line(start, 24, "Usage", "AmazonS3", "TimedStorage-ByteHrs", "StandardStorage", 1,
                          Decimal("0.023"), Decimal("0.023"), "OnDemand", "us-east-1", ""))
    path.write_text("\n".join(lines) + "\n")


def line(start, hours, kind, service, usage_type, operation, quantity, cost, list_cost, term, region, name):
    end = start + datetime.timedelta(hours=hours)
    stamp = "%Y-%m-%dT%H:%M:%SZ"
    return (
        f"{PAYER},{start:%Y-%m}-01T00:00:00Z,{PAYER},{kind},{start:{stamp}},{end:{stamp}},{service},"
        f"{usage_type},"
        f"{operation},USD,{quantity},{cost},{list_cost},{term},Hrs,{region},{name}"
    )


def write_prices(path, region, day, draw):
    lines = [
        '"FormatVersion","v1.0"', '"Disclaimer","none"', f'"Publication Date","{day}T00:00:00Z"',
        '"Version","1"', '"OfferCode","AmazonEC2"',
        "SKU,OfferTermCode,TermType,EffectiveDate,Unit,PricePerUnit,Currency,LeaseContractLength,"
        "PurchaseOption,"
        "OfferingClass,Product Family,Instance Type,Tenancy,Operating System,License Model,CapacityStatus,"
        "MarketOption,Pre Installed S/W,Region Code",
    ]
    effective = f"{day[:8]}{draw.choice(['01', '05'])}" if day.endswith("10") else day
    for name, price in PRICES.items():
        for os, _, _, words in OPERATIONS.values():
            if os == "windows" and "g." in name or draw.random() < 0.15:
                continue
            factor = Decimal(draw.choice(["1", "1", "1.1", "0.95"])) * (2 if os == "windows" else 1)
            changed = Decimal(price) * factor
            lines.append(
                f"S{name}{os},T,OnDemand,{effective},Hrs,{changed},USD,,,,Compute Instance,{name},"
                f"Shared,{words},"
                f"No License required,Used,OnDemand,NA,{region}"
            )
    path.write_text("\n".join(lines) + "\n")


def write_plans(path, region, day, draw):
    lines = plan_head(day)
    for family in ["ComputeSavingsPlans", "EC2InstanceSavingsPlans"]:
        for years in [1, 3]:
            for payment in ["No Upfront", "All Upfront"]:
                for name, price in PRICES.items():
                    for operation in OPERATIONS:
                        if draw.random() < 0.15:
                            continue
                        rate = Decimal(price) * Decimal(draw.randint(40, 110)) / 100
                        lines.append(
                            f"P,P.{name},Hrs,{day}T00:00:00Z,{rate},USD,S{name},AmazonEC2,"
                            f"{REGIONS[region]}BoxUsage:{name},{operation},{payment},{years},year,"
                            f"{family},{region},{name}"
                        )
                if family == "ComputeSavingsPlans" and region == "us-east-1":
                    lines.append(
                        f"P,P.lambda,GB-Seconds,{day}T00:00:00Z,0.0000145,USD,SL,AWSLambda,"
                        f"Lambda-GB-Second,,{payment},"
                        f"{years},year,{family},{region},"
                    )
    path.write_text("\n".join(lines) + "\n")


# --- the questions --------------------------------------------------------------------------


def draw_questions(count, seed):
    draw = random.Random(seed)
    kinds = [commitment_question, usage_question, whatif_question, spot_question]
    return [draw.choice(kinds)(draw) for _ in range(count)]


def plan_words(draw):
    return {
        "plan": draw.choice(["compute", "instance"]),
        "years": draw.choice([1, 3]),
        "payment": draw.choice(["no-upfront", "all-upfront"]),
    }


def commitment_question(draw):
    last = datetime.date(2026, 9, 20) + datetime.timedelta(days=draw.randint(0, 41))
    question = plan_words(draw) | {
        "kind": "commitment",
        "through": str(last),
        "window": draw.randint(1, 19),
        "amount": draw.randint(1, 3000) / 1000,
    }
    names = ["plan", "years", "payment", "through", "window", "amount"]
    question["words"] = ["commitment"] + flags(question, names)
    return question


def usage_question(draw):
    first = datetime.date(2026, 9, 1) + datetime.timedelta(days=draw.randint(0, 40))
    question = plan_words(draw) | {
        "kind": "usage",
        "since": str(first),
        "until": str(first + datetime.timedelta(days=draw.randint(0, 20))),
    }
    names = ["plan", "years", "payment", "since", "until"]
    question["words"] = ["query", "commitment/usage"]
    for name in names:
        question["words"] += ["--param", f"{name}={question[name]}"]
    return question


def whatif_question(draw):
    question = {"kind": "whatif", "month": draw.choice(["2026-09", "2026-10"])}
    if draw.random() < 0.4:
        question["region"] = draw.choice(list(REGIONS))
    if draw.random() < 0.5:
        question["map"] = draw.choice(MAPS)
    purchase = draw.random()
    if purchase < 0.3:
        question |= plan_words(draw)
    elif purchase < 0.6:
        question["spot"] = True
    if draw.random() < 0.5:
        days = ["07-20", "08-20", "09-15", "10-07", "10-12", "11-01"]
        question["prices-as-of"] = f"2026-{draw.choice(days)}"
    names = ["month", "region", "map", "plan", "years", "payment", "prices-as-of"]
    question["words"] = ["whatif"] + flags(question, names) + (["--spot"] if "spot" in question else [])
    return question


def spot_question(draw):
    # The seed knows the instance types since October.
    as_of = datetime.datetime(2026, 10, 28) + datetime.timedelta(hours=draw.randint(0, 24 * 25))
    question = {
        "kind": "spot",
        "type": draw.choice(list(PRICES)),
        "days": draw.choice([1, 7, 20, 90]),
        "ceiling": draw.choice(["0.03", "0.045", "0.2"]),
        # The seed's regions are newer, so none can be named.
        "region": "all",
        "as-of": f"{as_of:%Y-%m-%dT%H:%M:%SZ}",
    }
    question["words"] = ["spot", question["type"]] + flags(question, ["days", "ceiling", "region", "as-of"])
    return question


def flags(question, names):
    return [f"--{name}={question[name]}" for name in names if name in question]


# --- the answers ----------------------------------------------------------------------------


class Lake:
    def __init__(self, folder):
        self.lines = polars.read_parquet(folder / "charge.parquet").to_dicts()
        self.prices = polars.read_parquet(folder / "price.parquet").to_dicts()
        self.plans = polars.read_parquet(folder / "plan.parquet").to_dicts()
        for row in self.lines:
            row["day"] = row["charge_period_start"].date()
        self.spot = defaultdict(lambda: defaultdict(dict))
        for row in polars.read_parquet(folder / "spot.parquet").to_dicts():
            zones = self.spot[(row["instance_type"], row["region"], row["product"])]
            zones[row["az_id"]][row["observed_at"]] = row["price_per_hour"]

    def rates(self, question):
        """Returns the rates that are valid now, by usage type, operation and region."""
        return {
            (row["usage_type"], row["operation"] or "", row["region"]): row
            for row in self.plans
            if row["valid_until"] is None
            and (row["plan"], row["lease_years"], row["payment"])
            == (question["plan"], question["years"], question["payment"])
        }

    def plan_usage(self, question, first, last):
        """Returns the usage that a plan could cover, as (line, rate or None)."""
        rates = self.rates(question)
        services = {"AmazonEC2"} | ({"AWSLambda"} if question["plan"] == "compute" else set())
        for row in self.lines:
            if not (first <= row["day"] <= last and row["service_code"] in services):
                continue
            if (row["line_item_type"], row["pricing_category"]) != ("Usage", "Standard"):
                continue
            if not row["billed_cost"]:
                continue
            key = (row["usage_type"], row["operation"], row["region_id"])
            yield row, rates.get(key) or rates.get((key[0], "", key[2]))

    def price_of(self, row, question):
        """Returns (price, reason) of a line under the question."""
        if row["line_item_type"] == "SavingsPlanCoveredUsage":
            return None, "covered by a commitment"
        if row["pricing_category"] == "Dynamic":
            return None, "spot usage"
        if row["service_code"] != "AmazonEC2":
            return None, "not instance hours"
        if not row["billed_cost"]:
            return None, "free usage"
        if row["operation"] not in OPERATIONS:
            return None, "unknown operation"
        os, software, licence, _ = OPERATIONS[row["operation"]]
        name = mapped(row["instance_type"], question.get("map", ""))
        region = question.get("region", row["region_id"])
        at = row["charge_period_start"]
        if "prices-as-of" in question:
            at = datetime.datetime.fromisoformat(question["prices-as-of"] + "T23:59:59.999999")
        if "spot" in question:
            zones = self.spot[(name, region, os)].values()
            prices = [price for zone in zones if (price := spot_price(zone, at)) is not None]
            return (min(prices), None) if prices else (None, "no price")
        listed = self.plan_prices(question) if "plan" in question else self.on_demand_prices()
        known = [one for one in listed[(name, region, os, software, licence)] if one[0] <= at]
        newest = max(known, key=lambda one: one[1], default=None)
        if newest is None or (newest[2] is not None and newest[2] <= at):
            return None, "no price"
        return newest[3], None

    def on_demand_prices(self):
        if not hasattr(self, "on_demand"):
            self.on_demand = index(row for row in self.prices if row["term"] == "on-demand")
        return self.on_demand

    def plan_prices(self, question):
        wanted = (question["plan"], question["years"], question["payment"])
        return index(row for row in self.plans if (row["plan"], row["lease_years"], row["payment"]) == wanted)


def spot_price(zone, at):
    """Returns the newest price of a zone, if it was observed in the seven days before."""
    known = [seen for seen in zone if at - TRUST < seen <= at]
    return zone[max(known)] if known else None


def index(rows):
    """Returns (start of validity, time of the statement, end, price) by product."""
    found = defaultdict(list)
    for row in rows:
        if row["tenancy"] == "shared":
            start = min(row["valid_from"], row["effective_from"] or row["valid_from"])
            key = (row["instance_type"], row["region"], row["os"], row["software"], row["licence"])
            found[key].append((start, row["valid_from"], row["valid_until"], row["price_per_hour"]))
    return found


def mapped(name, pairs):
    pairs = dict(pair.split("=") for pair in pairs.split(",") if pair)
    family, size = name.split(".")
    if name in pairs:
        return pairs[name]
    return f"{pairs[family]}.{size}" if family in pairs else name


def check_usage(lake, question, rows):
    first, last = (datetime.date.fromisoformat(question[name]) for name in ["since", "until"])
    expected = defaultdict(lambda: [Decimal(0), Decimal(0), 0])
    for line, rate in lake.plan_usage(question, first, last):
        price = rate and rate["price_per_hour"]
        sums = expected[(line["region_id"], line["usage_type"], line["operation"], price)]
        sums[0] += line["billed_cost"]
        sums[1] += line["pricing_quantity"]
        sums[2] += 1
    found = {
        (row["region_id"], row["usage_type"], row["operation"], number(row["plan_price"])): [
            number(row["cost"]), number(row["quantity"]), row["lines"],
        ]
        for row in rows
    }
    return found == dict(expected), f"{found}\n{dict(expected)}"


def check_commitment(lake, question, rows):
    last = datetime.date.fromisoformat(question["through"])
    first = last - datetime.timedelta(days=question["window"] - 1)
    scopes = defaultdict(list)
    all_days = datetime.date(2026, 9, 1)
    names = set()
    for line, rate in lake.plan_usage(question, all_days, last):
        if rate is None:
            continue
        scope = (None, None)
        if question["plan"] == "instance":
            scope = (line["region_id"], rate["instance_type"].split(".")[0])
        names.add(scope)
        if line["day"] >= first:
            scopes[scope].append((line, rate))
    if names != {(row["region_id"], row["family"]) for row in rows}:
        return False, f"scopes {names}"
    for scope in names:
        of_scope = {
            row["commitment_choice"]: row for row in rows if (row["region_id"], row["family"]) == scope
        }
        problem = check_scope(scopes[scope], first, question, of_scope)
        if problem:
            return False, f"{scope}: {problem}"
    return True, ""


def check_scope(usage, first, question, rows):
    count = question["window"] * 24
    hours = [[] for _ in range(count)]
    on_demand = numpy.zeros(count)
    merged = defaultdict(lambda: [0.0, Decimal(0)])
    for line, rate in usage:
        at = line["charge_period_start"]
        length = int((line["charge_period_end"] - at).total_seconds() // 3600)
        start = int((at - datetime.datetime.combine(first, datetime.time())).total_seconds() // 3600)
        for hour in range(start, start + length):
            on_demand[hour] += float(line["billed_cost"]) / length
            key = (hour, rate["usage_type"], rate["operation"], rate["region"], line["operation"])
            merged[key][0] += float(line["billed_cost"]) / length
            merged[key][1] += line["pricing_quantity"] * rate["price_per_hour"] / length
    for (hour, *_), (cost, plan) in merged.items():
        if 0 < float(plan) < cost:
            hours[hour].append((cost / float(plan), float(plan)))
    width = max(1, max(len(hour) for hour in hours))
    worth, plan = numpy.zeros((count, width)), numpy.zeros((count, width))
    for at, hour in enumerate(hours):
        for place, (value, cost) in enumerate(sorted(hour, reverse=True)):
            worth[at, place], plan[at, place] = value, cost
    before = numpy.cumsum(plan, axis=1) - plan

    def cost(commitment):
        used = numpy.clip(commitment - before, 0, plan)
        return commitment * count + on_demand.sum() - (used * worth).sum()

    rounding = 1e-7 * (1 + on_demand.sum())
    for name, row in rows.items():
        commitment = float(row["commitment_per_hour"])
        if abs(float(row["cost"]) - cost(commitment)) > rounding:
            return f"{name}: {row['cost']} and not {cost(commitment)}"
        if abs(float(row["on_demand_cost"]) - on_demand.sum()) > rounding:
            return f"{name}: on demand {row['on_demand_cost']} and not {on_demand.sum()}"
    points = numpy.unique(numpy.append((before + plan).ravel(), 0.0))
    least = min(cost(point) for point in points)
    if abs(float(rows["best"]["cost"]) - least) > rounding:
        return f"best: {rows['best']['cost']} and not {least}"
    floor = numpy.sort(plan.sum(axis=1))[int(0.05 * count)]
    if abs(float(rows["p5"]["commitment_per_hour"]) - floor) > 1e-8:
        return f"p5: {rows['p5']['commitment_per_hour']} and not {floor}"
    if float(rows["amount"]["commitment_per_hour"]) != question["amount"]:
        return "amount"
    return None


def check_whatif(lake, question, rows):
    expected = defaultdict(lambda: [Decimal(0), Decimal(0), Decimal(0), 0, set()])
    for line in lake.lines:
        if f"{line['billing_period_start']:%Y-%m}" != question["month"]:
            continue
        price, reason = lake.price_of(line, question)
        sums = expected[(line["service_name"], line["line_item_type"])]
        sums[0] += line["billed_cost"]
        sums[1] += line["billed_cost"] if price is None else price * line["pricing_quantity"]
        sums[3] += 1
        if price is None:
            sums[2] += line["billed_cost"]
            sums[4].add(reason)
    found = {(row["service_name"], row["line_type"]): row for row in rows}
    if set(found) != set(expected):
        return False, f"{set(found)} and not {set(expected)}"
    for key, (actual, whatif, unmatched, lines, reasons) in expected.items():
        row = found[key]
        pairs = [("actual_cost", actual), ("whatif_cost", whatif), ("unmatched_cost", unmatched),
                 ("difference_cost", whatif - actual)]
        for name, amount in pairs:
            if abs(number(row[name]) - amount) > Decimal("1e-10"):
                return False, f"{key} {name}: {row[name]} and not {amount}"
        if row["lines"] != lines or (row["why_unmatched"] or "") != "; ".join(sorted(reasons)):
            return False, f"{key}: {row}"
    return True, ""


def check_spot(lake, question, rows):
    until = datetime.datetime.fromisoformat(question["as-of"].rstrip("Z"))
    start = until - datetime.timedelta(days=question["days"])
    found = {row["az_id"]: row for row in rows}
    expected = spot_figures(lake, question, start, until)
    if set(found) != set(expected):
        return False, f"{set(found)} and not {set(expected)}"
    for zone, figures in expected.items():
        for name, figure in figures.items():
            value = found[zone][name]
            same = value is None if figure is None else value is not None and (
                abs(float(value) - float(figure)) < 1e-9
            )
            if not same:
                return False, f"{zone} {name}: {value} and not {figure}"
    return True, ""


def spot_figures(lake, question, start, until):
    """Returns the figures of each zone with a price in the window."""
    figures = {}
    for region in REGIONS:
        for name, zone in lake.spot[(question["type"], region, "linux")].items():
            one = zone_figures(zone, start, until, Decimal(question["ceiling"]))
            if one:
                figures[name] = one
    return figures


def zone_figures(zone, start, until, ceiling):
    seen = sorted(at for at in zone if start - TRUST < at <= until)
    edges = {start, until} | set(seen) | {at + TRUST for at in seen}
    edges = sorted(edge for edge in edges if start <= edge <= until)
    weights = defaultdict(int)
    for one, other in zip(edges, edges[1:]):
        price = spot_price(zone, one)
        if price is not None:
            weights[price] += (other - one) // datetime.timedelta(microseconds=1)
    whole = (until - start) // datetime.timedelta(microseconds=1)
    observed = sum(weights.values())
    if not observed:
        return None
    prices = [zone[at] for at in seen]
    changes = sum(at > start and new != old for at, new, old in zip(seen[1:], prices[1:], prices))
    weeks = [until - datetime.timedelta(days=7 * back) for back in range((until - start).days // 7 + 1)]
    at_weeks = [spot_price(zone, at) for at in weeks]
    moves = [abs(math.log(old / new)) for new, old in zip(at_weeks, at_weeks[1:]) if new and old]
    return {
        "price_per_hour": spot_price(zone, until),
        "p5_price": quantile(weights, 0.05),
        "median_price": quantile(weights, 0.5),
        "p95_price": quantile(weights, 0.95),
        "highest_price": max(weights),
        "share_under_ceiling": sum(weights[price] for price in weights if price <= ceiling) / observed,
        "changes": changes,
        "weekly_log_change": sum(moves) / len(moves) if moves else None,
        "observed_share": observed / whole,
    }


def quantile(weights, share):
    """Returns the lowest price that applied for at least this share of the time."""
    reached, wanted = 0, share * sum(weights.values())
    for price in sorted(weights):
        reached += weights[price]
        if reached >= wanted:
            return price
    return max(weights)


def number(value):
    return None if value is None else Decimal(str(value))


def none_fits(lake, question):
    """Returns whether a refusal is right: no line has a price."""
    if question["kind"] == "spot":
        until = datetime.datetime.fromisoformat(question["as-of"].rstrip("Z"))
        return not spot_figures(lake, question, until - datetime.timedelta(days=question["days"]), until)
    if question["kind"] == "commitment":
        last = datetime.date.fromisoformat(question["through"])
        return all(rate is None for _, rate in lake.plan_usage(question, datetime.date(2026, 9, 1), last))
    month = [line for line in lake.lines if f"{line['billing_period_start']:%Y-%m}" == question["month"]]
    return all(lake.price_of(line, question)[0] is None for line in month)


CHECKS = {"usage": check_usage, "commitment": check_commitment, "whatif": check_whatif, "spot": check_spot}


def check(folder, answers):
    lake = Lake(folder)
    counts = defaultdict(int)
    for answer in answers:
        if answer["code"] == 0:
            agrees, problem = CHECKS[answer["kind"]](lake, answer, answer["rows"])
            counts[answer["kind"]] += 1
        else:
            # 3: nothing fits; 4: nothing was collected.
            agrees = answer["code"] in (3, 4) and none_fits(lake, answer)
            problem = f"exit code {answer['code']}"
            counts["refused"] += 1
        if not agrees:
            sys.exit(f"{' '.join(answer['words'])}: {problem}")
    print(json.dumps(counts))


if __name__ == "__main__":
    run(make, draw_questions, check, __doc__)
