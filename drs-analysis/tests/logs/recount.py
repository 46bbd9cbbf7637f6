"""Counts certification logs with pandas, independently of drs-analysis.

python recount.py GROUP=FOLDER...  (pandas 2 or later), JSON on standard output: for each group of logs
of the same inputs the counts
of each log, and of the oracle of each pool of logs of one training method.
Radii are printed with three digits; an input counts at r if it is right and its radius is at least r.
"""

import itertools
import json
import pathlib
import sys

import pandas

RADII = [0.25 * step for step in range(17)]


def family(path):
    """Logs that an oracle may choose among: one training method, all its noise levels."""
    return "cohen" if path.name.startswith("cifar10") else path.name.split("_")[0]


def counts(radius_if_right):
    return [int((radius_if_right >= radius).sum()) for radius in RADII]


def group(folder):
    logs = {}
    for path in sorted(pathlib.Path(folder).glob("*.tsv*")):
        table = pandas.read_csv(path, sep="\t").set_index("idx").sort_index()
        # −1 where the answer is wrong: below every radius.
        logs[path] = table, table.radius.where(table.correct == 1, -1.0)
    found = {"logs": {}, "oracles": {}}
    for path, (table, right) in logs.items():
        found["logs"][path.name] = {
            "inputs": len(table),
            "certified": counts(right),
            "clean": int(table.correct.sum()),
            "abstained": int((table.predict == -1).sum()),
            "average_radius": float(right.clip(lower=0).mean()),
        }
    families = sorted({family(path) for path in logs})
    for name in families:
        own = [path for path in logs if family(path) == name]
        for size in range(2, len(own) + 1):
            for pool in itertools.combinations(own, size):
                best = pandas.concat([logs[path][1] for path in pool], axis=1).max(axis=1)
                key = " + ".join(path.name for path in pool)
                found["oracles"][key] = counts(best)
    return found


json.dump(
    {"radii": RADII, "groups": {name: group(folder) for name, folder in (arg.split("=", 1) for arg in sys.argv[1:])}},
    sys.stdout,
    indent=1,
)
print()
