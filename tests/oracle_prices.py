"""Answers questions about ways to pay, places and capacity apart from the Rust code and its SQL.

    python oracle_prices.py make FOLDER SEED               writes own discounts and interruption rates
    python oracle_prices.py draw COUNT SEED                prints random questions as a JSON list
    python oracle_prices.py check FOLDER < answers.json    compares the answers of truffle

Questions and answers are those of oracle_plans.py, which writes the prices. FOLDER has a file
TABLE.parquet for each of TABLES in oracle_lake.py.
"""

import datetime
import json
import math
import random
import sys
from collections import defaultdict
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

from oracle_capacity import capacity_question, capacity_rows, check_capacity
from oracle_lake import Lake, differences, is_valid, lacking_regions, offers
from oracle_plans import NOW, PRICES, flags, number, spot_price
from oracle_script import run

ACCOUNT = "111122223333"
DAY = datetime.timedelta(days=1)
BAND_ENDS = [0.05, 0.10, 0.15, 0.20, 0.20]


# --- the data -------------------------------------------------------------------------------


def make(folder, seed):
    draw = random.Random(seed)
    head = "discount_id,account_id,region,family,os,purchase,percent,price_per_hour,currency,"
    head += "starts_on,ends_on"
    for day, percent in [("2026-11-01", 5), ("2026-11-12", 7)]:
        lines = [
            head,
            f"edp,,,,,,{percent},,,,",
            "home,,us-east-1,,,on-demand,12.5,,,,",
            "family,,eu-west-1,m5,linux,,20,,,,",
            "spot,,,,,spot,10,,,,",
            "agreed,,eu-west-1,c5,,on-demand,,0.061,USD,,",
            f"mine,{ACCOUNT},,m7g,,,33,,,,",
            "dated,,,m7g,,compute-savings-plan,40,,,2026-11-10,2026-11-15",
            # Equally specific as "home" for c5 on Windows.
            "tie,,,c5,windows,,3,,,,",
        ]
        (folder / f"own-{day}.csv").write_text("\n".join(lines) + "\n")
    for day in ["2026-10-27", "2026-11-10"]:
        rate = lambda: {"s": draw.randint(30, 80), "r": draw.randint(0, 4)}
        systems = lambda: {os: {name: rate() for name in PRICES} for os in ["Linux", "Windows"]}
        ranges = [{"index": index, "label": f"band {index}"} for index in range(5)]
        advice = {"ranges": ranges, "spot_advisor": {r: systems() for r in ["us-east-1", "eu-west-1"]}}
        (folder / f"advice-{day}.json").write_text(json.dumps(advice))


# --- the questions --------------------------------------------------------------------------


def draw_questions(count, seed):
    draw = random.Random(seed)
    kinds = [price_question, arbitrage_question, capacity_question]
    return [draw.choice(kinds)(draw) for _ in range(count)]


def common(draw, kind):
    as_of = datetime.datetime(2026, 10, 28) + datetime.timedelta(hours=draw.randint(0, 24 * 25))
    question = {
        "kind": kind,
        "os": draw.choice(["linux", "linux", "windows"]),
        "as-of": f"{min(as_of, NOW):%Y-%m-%dT%H:%M:%SZ}",
    }
    if draw.random() < 0.3:
        question["account"] = ACCOUNT
    return question


def finished(draw, question, names, words):
    """Adds the arguments to a question. A third without an account takes list prices."""
    if "account" not in question and draw.random() < 0.3:
        question["list"] = True
    question["words"] = words + flags(question, names) + (["--no-discount"] if "list" in question else [])
    return question


def price_question(draw):
    question = common(draw, "price") | {"types": draw.sample(list(PRICES), draw.choice([1, 1, 2]))}
    question["region"] = draw.choice(["all", "us-east-1", "eu-west-1", "us-east-1,eu-west-1"])
    if draw.random() < 0.5:
        question["hours"] = draw.choice([1, 730, 8760, 20000])
    if draw.random() < 0.3:
        question |= {"checkpoint": f"{draw.randint(1, 9)}h", "restart": f"{draw.randint(1, 50)}m"}
    names = ["region", "os", "as-of", "account", "hours", "checkpoint", "restart"]
    return finished(draw, question, names, ["price"] + question["types"])


def arbitrage_question(draw):
    question = common(draw, "arbitrage") | {"types": [draw.choice(list(PRICES))]}
    question["region"] = draw.choice(["all", "all", "us-east-1,eu-west-1", "eu-west-1"])
    plan = f"{draw.choice(['compute', 'instance'])}:{draw.choice('13')}:no-upfront"
    question["market"] = draw.choice(["on-demand", "spot", plan])
    if draw.random() < 0.4:
        question |= {"from": draw.choice(["us-east-1", "eu-west-1"]), "hours": draw.randint(1, 5000)}
        question["data-gb"] = draw.randint(0, 500)
        if draw.random() < 0.7:
            question["transfer-price"] = draw.choice(["0.01", "0.02", "0.09"])
    names = ["region", "os", "as-of", "account", "market", "from", "hours", "data-gb", "transfer-price"]
    return finished(draw, question, names, ["arbitrage"] + question["types"])


# --- the answers ----------------------------------------------------------------------------


class Refusal(Exception):
    """The question has no answer; the exit code is the argument."""


def instant(question):
    return datetime.datetime.fromisoformat(question["as-of"].rstrip("Z"))


def in_regions(question, region):
    return question.get("region", "all") == "all" or region in question["region"].split(",")


def is_plain(row, question):
    """Returns whether a price is of the type and system, shared and without other software."""
    wanted = (question["types"][0], question["os"], "shared", "none")
    found = (row["instance_type"], row["os"], row["tenancy"], row["software"])
    return found == wanted and row["licence"] != "byol"


def find_discount(lake, question, product):
    """Returns the most specific discount on the day of the question."""
    if "list" in question:
        return None
    at = instant(question)
    names = ["account_id", "service", "region", "family", "os", "purchase", "currency"]
    found = []
    for row in lake.valid("discount_history", at):
        starts, ends = (row[name] and datetime.datetime.combine(row[name], datetime.time())
                        for name in ["starts_on", "ends_on"])
        in_force = (starts is None or starts <= at) and (ends is None or ends + DAY > at)
        stated = [name for name in names if row[name] is not None]
        if in_force and all(row[name] == product[name] for name in stated):
            found.append((len([name for name in stated if name != "currency"]), row))
    most = max((size for size, _ in found), default=0)
    best = [row for size, row in found if size == most]
    if len(best) > 1:
        raise Refusal(4)
    return best[0] if best else None


def own_terms(lake, question, region, purchase, currency):
    product = {
        "account_id": question.get("account"), "service": "AmazonEC2", "region": region,
        "family": question["types"][0].split(".")[0], "os": question["os"], "purchase": purchase,
        "currency": currency,
    }
    return find_discount(lake, question, product)


def own_price(price, discount):
    if price is None or discount is None:
        return price
    if discount["price_per_hour"] is not None:
        return discount["price_per_hour"]
    exact = price * (100 - discount["percent"]) / 100
    return exact.quantize(Decimal("1e-10"), ROUND_HALF_EVEN)


def spot_zones(lake, question):
    """Returns the observations by region and zone: time, then (price, currency)."""
    zones = defaultdict(dict)
    for row in lake.spot_price:
        if (row["instance_type"], row["product"]) == (question["types"][0], question["os"]):
            if row["observed_at"] <= instant(question):
                zone = zones[(row["region"], row["az_id"])]
                known = zone.get(row["observed_at"], (None, None))
                prices = [price for price in [known[0], row["price_per_hour"]] if price is not None]
                zone[row["observed_at"]] = (max(prices, default=None), row["currency"] or known[1])
    return zones


# --- price ----------------------------------------------------------------------------------


def price_rows(lake, question):
    return [row for name in question["types"] for row in type_rows(lake, question | {"types": [name]})]


def type_rows(lake, question):
    at, name = instant(question), question["types"][0]
    rows = [option(row, row["term"], row["upfront_price"]) for row in lake.valid("price_history", at)
            if is_plain(row, question)]
    rows += [option(row, f"{row['plan']}-savings-plan", None)
             for row in lake.valid("savings_plan_history", at) if is_plain(row, question)]
    for row in lake.valid("price_held", at):
        if is_plain(row, question) and not any(
            (one["purchase"], one["region"], one["currency"]) == ("on-demand", row["region"], row["currency"])
            for one in rows
        ):
            rows.append(option(row | {"lease_years": None, "payment": None, "price_per_hour": None},
                               "on-demand", None))
    zones = offers(lake, name, at)
    known = {row["scope"] for row in lake.collection_run if row["dataset"] == "offering"
             and row["outcome"] in ["complete", "empty", "unchanged"] and row["observed_at"] <= at}
    bands = {row["region"]: row["band"] for row in lake.valid("interruption_history", at)
             if (row["instance_type"], row["os"]) == (name, question["os"])}
    for (region, zone), seen in spot_zones(lake, question).items():
        if region not in known or zones[region] & {zone, None}:
            price, currency = seen[max(seen)]
            rows.append({"region": region, "az_id": zone, "purchase": "spot", "offering_class": None,
                         "lease_years": None, "payment": None, "upfront_price": None,
                         "list_price_per_hour": price, "currency": currency, "band": bands.get(region)})
    lacking = {region for region in lacking_regions(lake, zones, at)}
    rows = [row for row in rows if in_regions(question, row["region"]) and row["region"] not in lacking]
    for row in rows:
        discount = own_terms(lake, question, row["region"], row["purchase"], row["currency"])
        discount = discount if row["list_price_per_hour"] is not None else None
        row["discount_id"] = discount and discount["discount_id"]
        row["price_per_hour"] = own_price(row["list_price_per_hour"], discount)
        if discount and discount["price_per_hour"] is not None:
            row["upfront_price"] = None
        else:
            row["upfront_price"] = own_price(row["upfront_price"], discount)
    for row in rows:
        compare(row, rows, question)
        row["instance_type"] = name
    return rows


def option(row, purchase, upfront):
    return {"region": row["region"], "az_id": None, "purchase": purchase,
            "offering_class": row.get("offering_class"), "lease_years": row["lease_years"],
            "payment": row["payment"], "upfront_price": upfront,
            "list_price_per_hour": row["price_per_hour"], "currency": row["currency"], "band": None}


def compare(row, rows, question):
    place = (row["region"], row["currency"])
    bases = [one["price_per_hour"] for one in rows
             if one["purchase"] == "on-demand" and (one["region"], one["currency"]) == place]
    base, price = (bases or [None])[0], row["price_per_hour"]
    both = base is not None and price is not None and base > 0
    row["saving_percent"] = 100 * (1 - price / base) if both else None
    years = row["lease_years"]
    row["break_even_share"] = price / base if both and years else None
    units = lambda count: math.ceil(Fraction(price) * count / Fraction(base))
    within = lambda count: units(count) if both and years and units(count) <= count else None
    row["break_even_hours"] = within(8760 * (years or 0))
    row["break_even_month"] = within(12 * (years or 0)) if row["payment"] == "all-upfront" else None
    row["break_even_interruptions"] = row["band_interruptions"] = None
    if row["purchase"] == "spot" and both and 0 < price < base:
        checkpoint = int(question.get("checkpoint", "1h")[:-1])
        restart = int(question.get("restart", "10m")[:-1])
        row["break_even_interruptions"] = float(base / price - 1) / (checkpoint / 2 + restart / 60)
    if row["band"] is not None:
        row["band_interruptions"] = -math.log(1 - BAND_ENDS[row["band"]]) / 730
    row["total_cost"] = None
    if "hours" in question and price is not None:
        hours = question["hours"]
        paid = max(1, math.ceil(hours / (8760 * years))) * 8760 * years if years else hours
        row["total_cost"] = price * paid


def check_price(lake, question, rows):
    names = ["instance_type", "region", "purchase", "az_id", "offering_class", "lease_years", "payment",
             "currency"]
    figures = ["price_per_hour", "list_price_per_hour", "upfront_price", "saving_percent",
               "break_even_share", "break_even_hours", "break_even_month", "break_even_interruptions", "band",
               "band_interruptions", "total_cost", "discount_id"]
    cost = "total_cost" if "hours" in question else "price_per_hour"
    for name in question["types"]:
        order = [(row["region"], row[cost] is None, row["currency"] or "", number(row[cost]) or 0)
                 for row in rows if row["instance_type"] == name]
        if order != sorted(order):
            return "the order"
    return differences(rows, price_rows(lake, question), names, figures)


# --- arbitrage ------------------------------------------------------------------------------


def arbitrage_rows(lake, question):
    at, name = instant(question), question["types"][0]
    zones = offers(lake, name, at)
    places = spot_places(lake, question, zones) if question["market"] == "spot" else listed_places(
        lake, question, zones)
    asked = question if "from" not in question or question["region"] == "all" else question | {
        "region": f"{question['region']},{question['from']}"}
    places = [place for place in places if in_regions(asked, place["region"])]
    purchase = question["market"].split(":")[0]
    purchase = f"{purchase}-savings-plan" if ":" in question["market"] else purchase
    for place in places:
        discount = own_terms(lake, question, place["region"], purchase, place["currency"])
        if discount and place["is_offered"] is not False and place["list_price_per_hour"] is not None:
            place["discount_id"] = discount["discount_id"]
            place["now"] = own_price(place["now"], discount)
            place["past"] = [own_price(price, discount) for price in place["past"]]
    home = [place for place in places if place["region"] == question.get("from")][:1]
    if "from" in question and (not home or home[0]["now"] is None):
        raise Refusal(3)
    rows = []
    for currency in {place["currency"] for place in places}:
        same = [place for place in places if place["currency"] == currency
                and in_regions(question, place["region"]) and place["is_offered"] is not False]
        days = [[place["past"][day] for place in same if place["past"][day] is not None] for day in range(90)]
        best = [min(prices) if prices else None for prices in days]
        now = [place["now"] for place in same if place["now"] is not None]
        for place in same:
            if place["now"] is None:
                continue
            pairs = [(own, least) for own, least in zip(place["past"], best) if own is not None]
            known = sum(least is not None for least in best)
            place["price_per_hour"] = place["now"]
            place["premium_percent"] = 100 * (place["now"] / min(now) - 1) if min(now) else None
            place["cheapest_share"] = sum(own == least for own, least in pairs) / known if known else None
            place["worst_premium_percent"] = max(
                (100 * (own / least - 1) for own, least in pairs if least), default=None)
            place["days_known"] = len(pairs)
            place["net_saving"], place["break_even_hours"] = moved(question, home, place)
            rows.append(place)
    return rows


def moved(question, home, place):
    if not home or home[0]["currency"] != place["currency"] or place["region"] == question["from"]:
        return None, None
    saving = home[0]["now"] - place["now"]
    transfer = question.get("transfer-price") or ("0" if question["data-gb"] == 0 else None)
    if transfer is None:
        return None, None
    paid = question["data-gb"] * Decimal(transfer)
    hours = round(paid / saving, 2) if saving > 0 else None
    return saving * question["hours"] - paid, hours


def listed_places(lake, question, zones):
    at, name = instant(question), question["types"][0]
    if question["market"] == "on-demand":
        rows = [row for row in lake.price_history if row["term"] == "on-demand"]
    else:
        plan, years, payment = question["market"].split(":")
        rows = [row for row in lake.savings_plan_history
                if (row["plan"], row["lease_years"], row["payment"]) == (plan, int(years), payment)]
    periods = defaultdict(list)
    for row in rows:
        # A period that ended before the 90 days has no place.
        in_window = row["valid_until"] is None or row["valid_until"] > at - 90 * DAY
        if is_plain(row, question) and row["valid_from"] <= at and in_window:
            periods[(row["region"], row["currency"])].append(row)
    places = []
    for (region, currency), rows in sorted(periods.items()):
        at_time = lambda time: max((row for row in rows if is_valid(row, time)),
                                   key=lambda row: row["valid_from"], default={}).get("price_per_hour")
        places.append({
            "region": region, "currency": currency, "az_id": None, "band": None, "discount_id": None,
            "is_offered": bool(zones[region]) if region in zones else None,
            "now": at_time(at), "list_price_per_hour": at_time(at),
            "past": [at_time(at - back * DAY) for back in range(1, 91)],
        })
    return places


def spot_places(lake, question, zones):
    at, name = instant(question), question["types"][0]
    bands = {row["region"]: row["band"] for row in lake.valid("interruption_history", at)
             if (row["instance_type"], row["os"]) == (name, question["os"])}
    regions = defaultdict(list)
    for (region, zone), seen in sorted(spot_zones(lake, question).items()):
        offered = zones.get(region)
        is_offered = None if offered is None or (offered and zone not in offered and None in offered) else (
            zone in offered)
        recent = [time for time in seen if time > at - 97 * DAY]
        if recent and is_offered is not False:
            currency = seen[max(recent)][1]
            prices = {time: seen[time][0] for time in recent if seen[time][1] == currency}
            regions[(region, currency)].append((zone, is_offered, prices))
    places = []
    for (region, currency), found in sorted(regions.items()):
        known = lambda time: [(price, zone) for zone, _, prices in found
                              if (price := spot_price(prices, time)) is not None]
        at_time = lambda time: min(known(time))[0] if known(time) else None
        now = known(at)
        places.append({
            "region": region, "currency": currency, "az_id": min(now)[1] if now else None,
            "band": bands.get(region), "discount_id": None,
            "is_offered": next((known for _, known, _ in found if known is not None), None),
            "now": min(now)[0] if now else None, "list_price_per_hour": min(now)[0] if now else None,
            "past": [at_time(at - back * DAY) for back in range(1, 91)],
        })
    return places


def check_arbitrage(lake, question, rows):
    for currency in {row["currency"] for row in rows}:
        prices = [number(row["price_per_hour"]) for row in rows if row["currency"] == currency]
        if prices != sorted(prices):
            return "the order"
    figures = ["price_per_hour", "list_price_per_hour", "premium_percent", "cheapest_share",
               "worst_premium_percent", "days_known", "net_saving", "break_even_hours", "band", "discount_id"]
    return differences(rows, arbitrage_rows(lake, question), ["region", "currency", "az_id"], figures)


# --- the comparison -------------------------------------------------------------------------


CHECKS = {"price": check_price, "arbitrage": check_arbitrage, "capacity": check_capacity}
ROWS = {"price": price_rows, "arbitrage": arbitrage_rows, "capacity": capacity_rows}


def refusal(lake, question):
    """Returns the exit codes with which the question may be refused."""
    try:
        return [] if ROWS[question["kind"]](lake, question) else [3, 4]
    except Refusal as refused:
        return [refused.args[0]]


def check(folder, answers):
    lake = Lake(folder)
    counts = defaultdict(int)
    for answer in answers:
        if answer["code"] == 0:
            try:
                problem = CHECKS[answer["kind"]](lake, answer, answer["rows"])
            except Refusal as refused:
                problem = f"no refusal with {refused.args[0]}"
            counts[answer["kind"]] += 1
        else:
            expected = refusal(lake, answer)
            problem = None if answer["code"] in expected else f"exit code {answer['code']}, not {expected}"
            counts["refused"] += 1
        if problem:
            sys.exit(f"{' '.join(answer['words'])}: {problem}")
    print(json.dumps(counts))


if __name__ == "__main__":
    run(make, draw_questions, check, __doc__)
