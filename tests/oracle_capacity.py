"""Judges the capacity for instance types apart from the Rust code and its SQL; see oracle_prices.py."""

import datetime

from oracle_lake import differences, lacking_regions, offers
from oracle_plans import flags

# Half a day after the sandbox answered.
AS_OF = "2026-11-22T12:00:00Z"
CAPACITY_TYPES = ["m5.large", "c5.large", "m7i.large", "p5.48xlarge", "t3.micro", "m7g.large", "mac2.metal"]
# From "Amazon EC2 service quotas": the on-demand quota by the letters before the generation.
QUOTAS = {
    "L-1216C47A": {"a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z"},
    "L-DB2E81BA": {"g", "gr", "vt"},
    "L-417A185B": {"p"},
}


def capacity_question(draw):
    types = draw.sample(CAPACITY_TYPES, draw.choice([1, 1, 3]))
    if draw.random() < 0.3:
        types = ["m5.large", "c5.large", "m7i.large"]
    question = {"kind": "capacity", "types": types, "count": draw.choice([1, 2, 3, 4, 10, 40])}
    if draw.random() < 0.5:
        question["region"] = draw.choice(["us-east-1,eu-west-1", "us-west-2", "us-east-1"])
    question["as-of"] = AS_OF
    question["words"] = ["capacity"] + types + flags(question, ["count", "region", "as-of"])
    return question


def quota_code(name):
    letters = name[: next(at for at, sign in enumerate(name) if not sign.islower())]
    return next((code for code, families in QUOTAS.items() if letters in families), None)


def collected_accounts(lake, at, region):
    """Returns the accounts whose instances in the region were collected."""
    scopes = [row["scope"].split("/") for row in lake.collection_run if row["dataset"] == "instance"
              and row["outcome"] in ["complete", "empty", "unchanged"] and row["observed_at"] <= at]
    return {scope[0] for scope in scopes if scope[1] == region}


def vcpus_in_use(lake, at, account, region, code):
    """Returns the vCPUs of instances and of free reservations; None without collected instances."""
    if account not in collected_accounts(lake, at, region):
        return None
    vcpus = {row["instance_type"]: row["vcpus"] for row in lake.valid("instance_type_history", at)}
    used = 0
    for row in lake.valid("instance_history", at):
        if (row["account_id"], row["region"]) == (account, region) and row["lifecycle"] != "spot":
            if row["state"] in ["pending", "running"] and quota_code(row["instance_type"]) == code:
                used += vcpus[row["instance_type"]]
    for row in lake.valid("capacity_history", at):
        is_free = row["state"] == "active" and row["kind"] == "default" and row["available"] > 0
        if (row["owner_id"], row["region"]) == (account, region) and is_free:
            if (row["ends_at"] is None or row["ends_at"] > at) and quota_code(row["instance_type"]) == code:
                used += row["available"] * vcpus[row["instance_type"]]
    return used


def capacity_rows(lake, question):
    at = datetime.datetime.fromisoformat(AS_OF.rstrip("Z"))
    collected = {row["scope"] for row in lake.collection_run if row["dataset"] in ["offering", "price"]
                 and row["outcome"] in ["complete", "partial", "empty", "unchanged"]
                 and row["observed_from"] <= at}
    regions = collected | {row["region"] for row in lake.valid("region_history", at)}
    if "region" in question:
        regions = set(question["region"].split(","))
    rows = []
    for name in question["types"]:
        zones = offers(lake, name, at)
        lacking = lacking_regions(lake, zones, at)
        facts = lambda table: lake.valid(table, at)
        for region in regions:
            accounts = {row["account_id"] for table in ["region_access_history", "quota_history",
                        "placement_score_history", "capacity_block_history"] for row in facts(table)
                        if row["region"] == region}
            accounts |= collected_accounts(lake, at, region)
            for account in accounts or {None}:
                is_offered = True if zones.get(region) else (False if region in lacking else None)
                rows.append(judge(lake, question, at, name, region, account, is_offered))
    return rows


def judge(lake, question, at, name, region, account, is_offered):
    here = lambda table: [row for row in lake.valid(table, at)
                          if (row["account_id"], row["region"]) == (account, region)]
    count = question["count"]
    free = [row["available"] for row in here("capacity_history")
            if row["instance_type"] == name and row["state"] == "active" and row["available"] > 0
            and (row["starts_at"] is None or row["starts_at"] <= at)
            and (row["ends_at"] is None or row["ends_at"] > at)]
    code = quota_code(name)
    limits = [row["value"] for row in here("quota_history") if row["quota_code"] == code and code]
    vcpus = next(row["vcpus"] for row in lake.valid("instance_type_history", at)
                 if row["instance_type"] == name)
    used = vcpus_in_use(lake, at, account, region, code) if code else None
    left = int(limits[0] - used) if limits and used is not None else None
    # An answer counts for the same number of instances, of this type alone or of all typed ones.
    scores = [(row["score"], row["valid_from"], len(row["instance_types"]))
              for row in here("placement_score_history") if row["target_capacity"] == count
              and set(row["instance_types"]) in [{name}, set(question["types"])]]
    score, _, width = max(scores, default=(None, None, 0))
    blocks = [row for row in here("capacity_block_history") if row["instance_type"] == name
              and row["instance_count"] >= count and row["starts_at"] > at]
    optedout = any(row["opt_in_status"] == "not-opted-in" for row in here("region_access_history"))
    rules = [
        (is_offered is False, "no", "not-offered"),
        (optedout, "no", "not-opted-in"),
        (sum(free) >= count, "reserved", "own-reservations"),
        (left is not None and vcpus * count > left, "no", "quota"),
        (score is not None and score >= 8, "likely", "placement-score"),
        (score is not None and 4 <= score < 8, "possible", "placement-score"),
        (score is not None and score < 4 and width >= 3, "unlikely", "placement-score"),
        (bool(blocks), "possible", "capacity-block"),
        (is_offered is True and left is not None, "possible", "within-quota"),
        (True, "unknown", "not-known"),
    ]
    _, verdict, rule = next(one for one in rules if one[0])
    return {"instance_type": name, "region": region, "account_id": account, "verdict": verdict,
            "rule": rule, "vcpus_left": left, "free_reserved": sum(free) or None, "score": score}


def check_capacity(lake, question, rows):
    order = ["reserved", "likely", "possible", "unknown", "unlikely", "no"]
    for name in question["types"]:
        places = [order.index(row["verdict"]) for row in rows if row["instance_type"] == name]
        if places != sorted(places):
            return "the order"
    names = ["instance_type", "region", "account_id", "verdict", "rule"]
    return differences(rows, capacity_rows(lake, question), names, ["vcpus_left", "free_reserved", "score"])
