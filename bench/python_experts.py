#!/usr/bin/env python3
"""A live PyTorch module: its own rate, a plain loop, and `drs_smoothing`, in turns.

    cargo xtask wheel
    python3 -m venv /tmp/bench && /tmp/bench/bin/pip install torch==2.11.0 torchvision==0.26.0 scipy target/wheels/*.whl
    /tmp/bench/bin/python bench/python_experts.py s025.pth.tar --sigma 0.25 --images images.npy

The module's own rate is that of batches that are ready, at its best: several batch sizes, all cores on one batch, and one
core for each of several calls at once. The plain loop is the usual procedure (`reference.py`), at its best batch size.
`drs` is the whole path: noise, batches, module, counts. With --images (uint8 [n, C, H, W]) also the wall clock of the radii
0, 0.25, …, 2.5 at N = 10,000 beside the usual procedure, which draws all N. Writes Markdown.
"""

import argparse
import threading
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch

import drs_smoothing as drs
from reference import certify, load, rate as reference_rate

SIZES = (16, 32, 64, 128, 256)
RADII = [0.25 * step for step in range(11)]


def module_rate(model, shape, batch, calls, seconds, device):
    """Inputs per second on batches that are ready."""
    cores = torch.get_num_threads()
    inputs = torch.rand(batch, *shape, device=device)
    counts = [0] * calls
    until = time.perf_counter() + seconds

    def work(index):
        torch.set_num_threads(1 if calls > 1 else cores)
        with torch.no_grad():
            while time.perf_counter() < until:
                model(inputs).argmax(1).cpu()
                counts[index] += batch

    start = time.perf_counter()
    threads = [threading.Thread(target=work, args=(index,)) for index in range(calls)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    elapsed = time.perf_counter() - start
    torch.set_num_threads(cores)
    return sum(counts) / elapsed


def drs_rate(smooth, x, batch, seconds, guess):
    """Votes per second of the whole path."""
    draws = max(batch, int(seconds * guess) // (2 * batch) * 2 * batch)
    start = time.perf_counter()
    smooth._sample_noise(x, draws, batch)
    return draws / (time.perf_counter() - start)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--sigma", type=float, required=True)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--count", type=int, default=10, help="how many of the images")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--compile", metavar="MODE", help="torch.compile the module: default, max-autotune, …")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4)
    args = parser.parse_args()

    model, shape, classes = load(args.checkpoint)
    model.to(args.device)
    called = torch.compile(model, mode=args.compile, dynamic=False) if args.compile else model
    grey = torch.full(shape, 0.5, device=args.device)
    gpu = args.device != "cpu"
    sizes = tuple(8 * size for size in SIZES) if gpu else SIZES
    calls = (1, 2) if gpu else sorted({1, torch.get_num_threads()})

    part = args.seconds / 2
    own = {(size, n): module_rate(called, shape, size, n, part, args.device) for size in sizes for n in calls}
    best = max(own, key=own.get)
    plain = {size: reference_rate(called, grey, size, classes, args.sigma, part) for size in sizes}
    best_plain = max(plain, key=plain.get)
    smooth = drs.Smooth(called, classes, args.sigma)
    whole = {}
    for size in sizes:
        drs_rate(smooth, grey, size, 0.2, own[best])
        whole[size] = drs_rate(smooth, grey, size, part, own[best])
    best_drs = max(whole, key=whole.get)

    rows = {"own": [], "plain": [], "drs": []}
    for _ in range(args.rounds):
        rows["own"].append(module_rate(called, shape, *best, args.seconds, args.device))
        rows["plain"].append(reference_rate(called, grey, best_plain, classes, args.sigma, args.seconds))
        rows["drs"].append(drs_rate(smooth, grey, best_drs, args.seconds, own[best]))
    ratio = lambda name, to: median(a / b for a, b in zip(rows[name], rows[to]))
    print("| | votes /s | × module | × plain loop |\n| --- | ---: | ---: | ---: |")
    for name, told in [
        ("own", f"the module, ready batches of {best[0]}, {best[1]} call(s) at once"),
        ("plain", f"plain loop, batches of {best_plain}"),
        ("drs", f"`drs_smoothing`, batches of {best_drs}"),
    ]:
        print(f"| {told} | {median(rows[name]):.0f} | {ratio(name, 'own'):.3f} | {ratio(name, 'plain'):.2f} |")

    if args.images:
        clock(called, shape, classes, smooth, best_plain, best_drs, args)


def clock(model, shape, classes, smooth, plain_batch, batch, args):
    """The grid at N = 10,000, input by input in turns."""
    args.n0, args.n, args.alpha = 100, 10_000, 0.001
    plain, ours, draws = [], [], []
    for image in np.load(args.images)[: args.count]:
        x = torch.from_numpy(image).float().div(255)
        start = time.perf_counter()
        certify(model, x.to(args.device), args, plain_batch, classes)
        plain.append(time.perf_counter() - start)
        start = time.perf_counter()
        answer = smooth.certify(image, args.n0, args.n, args.alpha, batch, radii=RADII, certificate=True)
        ours.append(time.perf_counter() - start)
        draws.append(answer.draws)
    share = sum(ours) / sum(plain)
    print(
        f"\nradii 0 to 2.5 at N = 10,000, {len(ours)} images: {sum(ours):.1f} s, the fixed procedure in a plain loop "
        f"{sum(plain):.1f} s: {share:.3f} of it; {sum(draws) / len(draws):.0f} draws on average"
    )


if __name__ == "__main__":
    main()
