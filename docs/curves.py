#!/usr/bin/env python3
"""Draws docs/fashion-mnist.svg from the result tables of RESULTS.md's runs.

    python3 docs/curves.py FOLDER    # holds one-s025.tsv, …, dual.tsv, set.tsv, maxmin.tsv

Needs matplotlib. Curves are exact steps: a point at every certified radius.
"""

import csv
import os
import sys

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

# Okabe & Ito's colours, which colour-blind readers tell apart.
CURVES = [
    ("one-s025", "σ = 0.25", "#999999", ":"),
    ("one-s050", "σ = 0.5", "#999999", "--"),
    ("one-s100", "σ = 1.0", "#999999", "-."),
    ("multiscale", "multiscale", "#E69F00", "-"),
    ("dual", "dual (paper's rule)", "#D55E00", "-"),
    ("set", "set", "#56B4E9", "-"),
    ("maxmin", "maxmin (ours)", "#0072B2", "-"),
]


def steps(path):
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    radii = sorted(float(row["radius"]) for row in rows if row["correct"] == "1")
    share = 100.0 / len(rows)
    xs, ys = [0.0], [share * len(radii)]
    for index, radius in enumerate(radii):
        xs.append(radius)
        ys.append(share * (len(radii) - index - 1))
    return xs, ys


def main(folder):
    matplotlib.rcParams.update({"svg.hashsalt": "drs", "font.size": 10})
    figure, axes = plt.subplots(figsize=(7.2, 4.2))
    for name, label, colour, style in CURVES:
        xs, ys = steps(os.path.join(folder, name + ".tsv"))
        width = 2.2 if name == "maxmin" else 1.4
        axes.step(xs, ys, where="post", label=label, color=colour, linestyle=style, linewidth=width)
    axes.set(xlabel="L2 radius", ylabel="certified accuracy, %", xlim=(0, 3), ylim=(0, 100))
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.legend(frameon=False)
    figure.tight_layout()
    target = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fashion-mnist.svg")
    figure.savefig(target, metadata={"Date": None})


if __name__ == "__main__":
    main(sys.argv[1])
