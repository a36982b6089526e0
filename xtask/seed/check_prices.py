"""Measures the seed's prices against a folder of on-demand price snapshots.

    python3 xtask/seed/check_prices.py FOLDER [SPOT_HISTORY]

A check for developers. FOLDER contains ec2_ondemand_linux_prices.parquet with the columns
generated_at, region, instance_type and usd_per_hour. SPOT_HISTORY is a Parquet file with
observed_at, region, instance_type and on_demand_usd. Neither is part of this repository. Python
needs the package duckdb. The exit code is 1 if fewer than 99 % of the prices agree, or if fewer
than 700 types of us-east-1 have a price.
"""

import pathlib
import sys

import duckdb

SEED = pathlib.Path(__file__).resolve().parents[2] / "datasets" / "seed" / "lake"
JUDGED = ("us-east-1", "us-gov-east-1", "us-gov-west-1")
LIBCLOUD_DAY = "2025-03-02"
TOLERANCE = 0.001

COMPARE = """
WITH reference AS (
    SELECT CAST(generated_at AS DATE) AS day, region, instance_type, usd_per_hour
    FROM read_parquet(?)
), nearest AS (
    SELECT region, arg_min(day, abs(day - CAST(? AS DATE))) AS near, max(day) AS newest
    FROM reference GROUP BY region
)
SELECT p.region, p.instance_type, p.basis, t.bare_metal, CAST(p.price_per_hour AS DOUBLE) AS ours,
       any_value(r.usd_per_hour) FILTER (r.day = n.near) AS near,
       any_value(r.usd_per_hour) FILTER (r.day = n.newest) AS newest,
       CAST(n.near AS VARCHAR) AS near_day, CAST(n.newest AS VARCHAR) AS newest_day
FROM read_parquet(?) AS p
JOIN read_parquet(?) AS t USING (instance_type)
JOIN nearest AS n USING (region)
LEFT JOIN reference AS r ON r.region = p.region AND r.instance_type = p.instance_type
GROUP BY ALL
ORDER BY p.region, p.instance_type
"""


ELSEWHERE = """
WITH last AS (
    SELECT region, instance_type, arg_max(on_demand_usd, observed_at) AS there
    FROM read_parquet(?) WHERE on_demand_usd > 0 GROUP BY ALL
)
SELECT basis, count(*), count(*) FILTER (abs(CAST(price_per_hour AS DOUBLE) - there) <= ? * there),
       count(DISTINCT region)
FROM read_parquet(?) JOIN last USING (region, instance_type) GROUP BY ALL ORDER BY ALL
"""


def compare(folder):
    """Returns a dict per published price of a region that the snapshots cover."""
    arguments = [
        str(folder / "ec2_ondemand_linux_prices.parquet"),
        LIBCLOUD_DAY,
        str(SEED / "price" / "v=1" / "seed.parquet"),
        str(SEED / "instance_type" / "v=1" / "seed.parquet"),
    ]
    names = "region instance_type basis bare_metal ours near newest near_day newest_day".split()
    return [dict(zip(names, row)) for row in duckdb.execute(COMPARE, arguments).fetchall()]


def agrees(row, snapshot):
    return abs(row["ours"] - row[snapshot]) <= TOLERANCE * row[snapshot]


def report(rows, title, snapshot):
    """Prints the share that agrees and every difference. Returns (agreeing, compared)."""
    compared = [row for row in rows if row[snapshot] is not None]
    wrong = [row for row in compared if not agrees(row, snapshot)]
    good = len(compared) - len(wrong)
    print(f"{title}: {good} of {len(compared)} agree; {len(rows) - len(compared)} not in the snapshot")
    for row in wrong:
        print(f"    {row['region']} {row['instance_type']}: {row['ours']:.6g} {row['basis']}, there {row[snapshot]:.6g}")
    return good, len(compared)


def report_elsewhere(spot_history):
    """Compares the prices of all regions with the last on-demand price of the spot history."""
    arguments = [spot_history, TOLERANCE, str(SEED / "price" / "v=1" / "seed.parquet")]
    for basis, compared, good, regions in duckdb.execute(ELSEWHERE, arguments).fetchall():
        print(f"spot history, {basis}: {good} of {compared} agree, {regions} regions, bare metal included")


def main():
    rows = compare(pathlib.Path(sys.argv[1]))
    good = compared = 0
    for region in sorted({row["region"] for row in rows}):
        here = [row for row in rows if row["region"] == region]
        virtual = [row for row in here if not row["bare_metal"]]
        day = here[0]["near_day"]
        print(f"{region}: {len(here)} prices, {len(virtual)} without bare metal")
        counts = report(virtual, f"  {day}", "near")
        report(virtual, f"  {here[0]['newest_day']}", "newest")
        report([row for row in here if row["bare_metal"]], f"  bare metal, {day} (Dedicated there)", "near")
        if region in JUDGED:
            good, compared = good + counts[0], compared + counts[1]
    priced = sum(row["region"] == "us-east-1" for row in rows)
    print(f"together in {', '.join(JUDGED)}: {good} of {compared} agree, {100 * good / compared:.2f} %")
    print(f"types of us-east-1 with a price: {priced}")
    for spot_history in sys.argv[2:3]:
        report_elsewhere(spot_history)
    sys.exit(0 if good >= 0.99 * compared and priced >= 700 else 1)


if __name__ == "__main__":
    main()
