"""A second implementation of the idle policy and of `spawnd simulate`, without any of their code.

It follows the description in spawnd/README.md, minute by minute, with plain lists. Arguments: a trace
as CSV, the idle timeout in minutes, and thresholds such as cpu=0.5. It prints a line for each stop
(machine and second), and then the totals: stops, stops with work again within the hour, and the
seconds saved, idle, cut and busy.
"""

import csv
import math
import sys

HOUR = 3600
# Name: threshold, weight, and the seconds for which a hold lasts after hard activity.
SIGNALS = {
    "cpu": (0.2, "soft", None),
    "network": (1.0, "soft", None),
    "disk": (5.0, "soft", None),
    "terminal": (1.0, "hard", None),
    "login": (1.0, "hard", None),
    "inhibitor": (1.0, "hard", None),
    "jupyter": (1.0, "hard", None),
    "editor": (1.0, "hard", None),
    "gpu": (5.0, "hard", None),
    "hooks": (1.0, "hard", None),
    "gpu-memory": (1.0, "hold", 2 * HOUR),
    "ssh": (1.0, "hold", 4 * HOUR),
}
WARNINGS, BOOT_GRACE, START, SOON = 600, 900, 300, 3600
NONE, UNSEEN = "none", "unseen"


def cell(name, text):
    if text == "":
        return NONE
    if text == "?" or not math.isfinite(float(text)):
        return UNSEEN
    number = float(text)
    possible = 0 <= number <= (100 if name == "gpu" else math.inf)
    return number if possible else UNSEEN


def machines(path):
    """Returns the rows of each machine: a second, and a dictionary of the signals."""
    found = {}
    for row in csv.DictReader(open(path)):
        machine, second = row.pop("machine", ""), int(row.pop("time"))
        found.setdefault(machine, []).append((second, {name: cell(name, text) for name, text in row.items()}))
    return found


class Life:
    """One life of an instance, from its boot on. Times are in seconds since the boot."""

    def __init__(self, limits, timeout):
        self.limits, self.timeout = limits, timeout
        self.work = self.hard = 0
        self.warned = None
        self.looks = {name: [] for name in limits}

    def minute(self, now, row):
        """Takes the readings of one minute. Returns whether the instance is stopped."""
        worked = now < BOOT_GRACE
        forbidden = False
        for name, limit in self.limits.items():
            _, weight, hold = SIGNALS[name]
            value = row.get(name, NONE)
            looks = self.looks[name]
            looks.append(value)
            if weight == "hold" and now - self.hard > hold:
                continue
            busy = value not in (NONE, UNSEEN) and value >= limit
            if value == UNSEEN:
                before = looks[-5:-1]
                if len(before) == 4 and UNSEEN not in before:
                    forbidden = True
                    continue
                counts = True
            elif weight == "soft":
                forbidden = forbidden or busy
                over = [look for look in looks[-5:] if look not in (NONE, UNSEEN) and look >= limit]
                counts = len(over) >= 2 and value != NONE
            else:
                counts = busy
            worked = worked or counts
            if counts and weight == "hard":
                self.hard = now
        if worked:
            self.work = now
        if now - self.work < self.timeout:
            self.warned = None
            return False
        if self.warned is None:
            self.warned = now
        over = now - self.work >= self.timeout + WARNINGS and now - self.warned >= WARNINGS
        return over and not forbidden


def replay(rows, limits, timeout):
    """Returns the stops of a machine and its totals, in seconds."""
    def load(row):
        values = [(row.get(name, NONE), limit) for name, limit in limits.items() if SIGNALS[name][1] != "hold"]
        if any(value not in (NONE, UNSEEN) and value >= limit for value, limit in values):
            return "busy"
        return "unseen" if any(value == UNSEEN for value, _ in values) else "idle"

    spans = [(a, b, row, load(row)) for (a, row), (b, _) in zip(rows, rows[1:])]

    def lasted(wanted, since, until):
        return sum(max(0, min(b, until) - max(a, since)) for a, b, _, kind in spans if kind == wanted)

    def stop_after(begin):
        life = Life(limits, timeout)
        for a, b, row, _ in spans:
            if b <= begin:
                continue
            for second in range(max(a, begin), b, 60):
                if life.minute(second - begin, row):
                    return second
        return None

    begin, end = rows[0][0], rows[-1][0]
    stops, soon, saved, cut = [], 0, 0, 0
    while (stop := stop_after(begin)) is not None:
        stops.append(stop)
        wish = next((max(a, stop) for a, b, _, kind in spans if kind == "busy" and b > stop), None)
        begin = end if wish is None else min(wish + START, end)
        soon += wish is not None and wish - stop < SOON
        saved += lasted("idle", stop, begin)
        cut += lasted("busy", stop, begin)
    return stops, [len(stops), soon, saved, lasted("idle", rows[0][0], end), cut, lasted("busy", rows[0][0], end)]


def main(path, timeout, *thresholds):
    limits = {name: limit for name, (limit, _, _) in SIGNALS.items()}
    for threshold in thresholds:
        name, limit = threshold.split("=")
        limits[name] = float(limit)
    totals = [0] * 6
    for machine, rows in machines(path).items():
        stops, own = replay(rows, limits, int(timeout) * 60)
        totals = [sum(pair) for pair in zip(totals, own)]
        for stop in stops:
            print(machine, stop)
    print("total", *totals)


if __name__ == "__main__":
    main(*sys.argv[1:])
