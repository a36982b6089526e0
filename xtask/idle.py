"""Measures the idle policy on recorded machines. `cargo xtask idle FOLDER` calls this with the
folder of the traces, the executable of spawnd, and N: one of N PlanetLab machines is replayed.

Every stop that `spawnd simulate` prints is compared with a second implementation of the policy. It
is written from the description (spawnd/README.md) alone: minute by minute, plain lists, none of the
daemon's code. A difference ends the program with 1. The output is a table in Markdown, in hours.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import polars as pl

# The documented thresholds of the signals in these traces: cores, MiB per minute, MiB per minute.
DOCUMENTED = {"cpu": 0.2, "network": 1.0, "disk": 5.0}

# Name, timeout in minutes, thresholds that differ from the documented ones.
PRESETS = [
    ("eager", 15, {}),
    ("usual", 30, {}),
    ("patient", 60, {}),
    ("reluctant", 120, {}),
    ("sensitive", 30, {"cpu": 0.05}),
    ("greedy", 15, {"cpu": 0.5}),
]
WARNINGS = 10
BOOT_GRACE = 15
START = 5 * 60
SOON = 60 * 60


def stop_of(rows, signals, limits, timeout, begin):
    """Returns the second at which a life that begins at `begin` is stopped, or None."""
    last_work, warned = begin, None
    recent = [[] for _ in signals]
    for (row, following) in zip(rows, rows[1:]):
        if following[0] <= begin:
            continue
        second = max(row[0], begin)
        while second < following[0]:
            work = second - begin < BOOT_GRACE * 60
            newest_busy = False
            for signal, value, past in zip(signals, row[1:], recent):
                past.append(value >= limits[signal])
                del past[:-5]
                work = work or sum(past) >= 2
                newest_busy = newest_busy or past[-1]
            if work:
                last_work, warned = second, None
            elif second - last_work >= timeout * 60:
                warned = second if warned is None else warned
                # A stop needs a warning of at least this age, and a quiet newest reading.
                if second - warned >= WARNINGS * 60 and not newest_busy:
                    return second
            second += 60
    return None


def read(rows, signals, limits, timeout):
    """Returns the stops of a machine and its totals in seconds, by the second implementation."""
    busy = [any(v >= limits[s] for s, v in zip(signals, row[1:])) for row in rows]
    spans = [(a[0], b[0], is_busy) for a, b, is_busy in zip(rows, rows[1:], busy)]

    def lasted(wanted, since, until):
        return sum(max(0, min(b, until) - max(a, since)) for a, b, is_busy in spans if is_busy == wanted)

    begin, end = rows[0][0], rows[-1][0]
    total = {"idle": lasted(False, begin, end), "busy": lasted(True, begin, end)}
    total |= {"stops": [], "soon": 0, "saved": 0, "cut": 0}
    while (stop := stop_of(rows, signals, limits, timeout, begin)) is not None:
        total["stops"].append(stop)
        wish = next((max(a, stop) for a, b, is_busy in spans if is_busy and b > stop), None)
        begin = end if wish is None else min(wish + START, end)
        total["soon"] += wish is not None and wish - stop < SOON
        total["saved"] += lasted(False, stop, begin)
        total["cut"] += lasted(True, stop, begin)
    return total


def planetlab(folder, every):
    """Takes a virtual machine's day as a machine, and percent as percent of one core."""
    days = pl.read_parquet(folder / "planetlab.parquet")
    days = days.with_columns(machine=pl.format("{}/{}", "day", "vm")).sort("machine", "i")
    chosen = days["machine"].unique(maintain_order=True).gather_every(every)
    days = days.filter(pl.col("machine").is_in(chosen.implode()))
    return days.select("machine", time=pl.col("i") * 300, cpu=pl.col("cpu_pct") / 100)


def bitbrains_processors(folder):
    """Reads 50 machines over a month. A row describes the time before its stamp. A row with zero
    processors means that the machine was off, and the rows after it are another life."""
    trace = next(folder.glob("bitbrains/**/bitbrains-small/trace/trace.parquet"))
    cores = pl.read_parquet(trace.with_name("meta.parquet"))
    cores = cores.select("id", mhz=pl.col("cpu_capacity") / pl.col("cpu_count"))
    rows = pl.read_parquet(trace).join(cores, on="id").sort("id", "timestamp")
    rows = rows.with_columns(
        time=(pl.col("timestamp").dt.epoch("ms") - pl.col("duration")) // 1000,
        cpu=pl.col("cpu_usage") / pl.col("mhz"),
        life=(pl.col("cpu_count") == 0).cum_sum().over("id"),
    )
    rows = rows.filter(pl.col("cpu_count") > 0)
    rows = rows.filter(pl.len().over("id", "life") > 1)
    return rows.select(pl.format("{}/{}", "id", "life").alias("machine"), "time", "cpu")


def bitbrains_whole(folder):
    """Reads one machine over a month, with disk and network."""
    file = next(folder.glob("bitbrains/**/bitbrains/bitbrains.csv"))
    rows = pl.read_csv(file, separator=";")
    rows = rows.select(pl.col(name).cast(str).str.strip_chars().cast(float).alias(name.strip()) for name in rows.columns)
    each_minute = lambda *names: sum(pl.col(name) for name in names) * 60 / 1024
    return rows.select(
        machine=pl.lit("vm"),
        # The values are seconds, although the header says ms.
        time=pl.col("Timestamp [ms]").cast(int),
        cpu=pl.col("CPU usage [%]") / 100 * pl.col("CPU cores"),
        network=each_minute("Network received throughput [KB/s]", "Network transmitted throughput [KB/s]"),
        disk=each_minute("Disk read throughput [KB/s]", "Disk write throughput [KB/s]"),
    )


def simulate(spawnd, trace, timeout, thresholds, place):
    """Returns spawnd's stops of each machine, and its totals."""
    terms = place / "terms.json"
    idle = {"timeout": f"{timeout}m", "thresholds": thresholds}
    terms.write_text(json.dumps({"budget": "1d", "on-expiry": "stop", "idle": idle}))
    command = [spawnd, "simulate", trace, "--terms", terms]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    stops = [re.fullmatch(r"(.*): (\d+) s: stop after .*", line).groups() for line in said[:-1]]
    total = re.fullmatch(
        r"(\d+) stops?, (\d+) with .*; saved (\d+) s of (\d+) s idle .*, cut (\d+) s of (\d+) s busy .*", said[-1]
    )
    names = ["count", "soon", "saved", "idle", "cut", "busy"]
    return [(name, int(second)) for name, second in stops], dict(zip(names, map(int, total.groups())))


def main(folder, spawnd, every):
    every = int(every)
    traces = [
        (f"PlanetLab, every {every}th day of a machine" if every > 1 else "PlanetLab, all days", planetlab(folder, every)),
        ("Bitbrains, 50 machines, processors only", bitbrains_processors(folder)),
        ("Bitbrains, one machine, also disk and network", bitbrains_whole(folder)),
    ]
    print("| trace | preset | idle h | saved | busy h | cut | stops | work again within 1 h | differ |")
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|")
    differences = 0
    for title, frame in traces:
        signals = frame.columns[2:]
        machines = {
            key: list(part.drop("machine").iter_rows())
            for (key,), part in frame.group_by("machine", maintain_order=True)
        }
        with tempfile.TemporaryDirectory() as place:
            trace = Path(place) / "trace.parquet"
            frame.write_parquet(trace)
            for name, timeout, thresholds in PRESETS:
                stops, total = simulate(spawnd, trace, timeout, thresholds, Path(place))
                ours = {key: read(rows, signals, DOCUMENTED | thresholds, timeout) for key, rows in machines.items()}
                expected = [(key, stop) for key, own in ours.items() for stop in own["stops"]]
                sums = {key: sum(own[key] for own in ours.values()) for key in ["soon", "saved", "idle", "cut", "busy"]}
                differ = len(set(stops) ^ set(expected)) + (sums | {"count": len(expected)} != total)
                differences += differ
                hours = {key: total[key] / 3600 for key in sums}
                saved, cut = hours["saved"] / max(hours["idle"], 1e-9), hours["cut"] / max(hours["busy"], 1e-9)
                print(
                    f"| {title} | {name} | {hours['idle']:,.0f} | {saved:.1%} | {hours['busy']:,.0f} | {cut:.1%} "
                    f"| {total['count']:,} | {total['soon']:,} | {differ} |",
                    flush=True,
                )
                title = ""
    sys.exit(differences > 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
