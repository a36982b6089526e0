"""The exported tables of a lake, and comparisons, for the oracles."""

from collections import defaultdict

import polars

TABLES = [
    "price_history", "price_held", "savings_plan_history", "spot_price", "offering_history",
    "interruption_history", "discount_history", "collection_run", "region_history", "quota_history",
    "region_access_history", "instance_history", "instance_type_history", "capacity_history",
    "placement_score_history", "capacity_block_history",
]


class Lake:
    def __init__(self, folder):
        for table in TABLES:
            setattr(self, table, polars.read_parquet(folder / f"{table}.parquet").to_dicts())

    def valid(self, table, at):
        return [row for row in getattr(self, table) if is_valid(row, at)]


def is_valid(row, at):
    return row["valid_from"] <= at and (row["valid_until"] is None or row["valid_until"] > at)


def offers(lake, name, at):
    """Returns the zones of the type by region; regions with known offerings have an entry."""
    zones = defaultdict(set)
    for row in lake.valid("offering_history", at):
        zones[row["region"]].update({row["az_id"]} if row["instance_type"] == name else set())
    return zones


def lacking_regions(lake, zones, at):
    """Returns the regions whose offerings are known as a whole and lack the type."""
    whole = {row["scope"] for row in lake.collection_run if row["dataset"] == "offering"
             and row["outcome"] in ["complete", "empty", "unchanged"] and row["observed_from"] <= at}
    return {region for region in whole if not zones.get(region)}


def differences(found, expected, names, figures):
    """Returns the first difference between two lists of rows, or None."""
    key = lambda row: tuple(str(row[name]) for name in names)
    price = lambda row: float(row["list_price_per_hour"] or 0) if "list_price_per_hour" in row else 0
    found = sorted(found, key=lambda row: (key(row), price(row)))
    expected = sorted(expected, key=lambda row: (key(row), price(row)))
    if [key(row) for row in found] != [key(row) for row in expected]:
        extra = {key(row) for row in found} ^ {key(row) for row in expected}
        return f"{len(found)} rows and not {len(expected)}: {sorted(extra)[:5]}"
    for one, other in zip(found, expected):
        for name in figures:
            if not is_same(one[name], other[name]):
                return f"{key(one)} {name}: {one[name]} and not {other[name]}"
    return None


def is_same(found, expected):
    if found is None or expected is None or isinstance(expected, str):
        return found == expected
    return abs(float(found) - float(expected)) <= 1e-9 * max(1.0, abs(float(expected)))
