#!/usr/bin/env python3
"""The usual reference procedure: CERTIFY in PyTorch, one input at a time, fixed N.

    pip install torch==2.11.0 torchvision==0.26.0 numpy scipy
    bench/reference.py s025.pth.tar --sigma 0.25 --data cifar10/test --skip 20 --out s025.tsv

Writes `idx label predict radius correct time` (time in seconds), an abstention as -1.
Batches of one image repeated, noise by randn_like, argmax, counts in NumPy; float
noise and a rounded radius, as published code has them: for comparison, not for trust.
`--batch auto` takes the best of some batch sizes.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch
from scipy.stats import beta, norm

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "experts/torch/tests/models"))
from networks import build  # noqa: E402  (beside the tests that check it)

SIZES = (64, 128, 256, 512, 1000)


def counts(model, image, n, batch, classes, sigma):
    """Votes of `n` noisy copies of one image."""
    total = np.zeros(classes, dtype=int)
    with torch.no_grad():
        while n > 0:
            rows = min(batch, n)
            n -= rows
            copies = image.repeat((rows, 1, 1, 1))
            noise = torch.randn_like(copies) * sigma
            votes = model(copies + noise).argmax(1).cpu().numpy()
            total += np.bincount(votes, minlength=classes)
    return total


def rate(model, image, batch, classes, sigma, seconds):
    """Votes per second in batches of one size, for about `seconds`."""
    counts(model, image, batch, batch, classes, sigma)
    done, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        counts(model, image, 4 * batch, batch, classes, sigma)
        done += 4 * batch
    return done / (time.perf_counter() - start)


def certify(model, image, args, batch, classes):
    """(class, radius); class -1 abstains."""
    top = counts(model, image, args.n0, batch, classes, args.sigma).argmax()
    successes = counts(model, image, args.n, batch, classes, args.sigma)[top]
    p = beta.ppf(args.alpha, successes, args.n - successes + 1) if successes else 0.0
    return (int(top), args.sigma * norm.ppf(p)) if p >= 0.5 else (-1, 0.0)


def load(checkpoint):
    """The model of a `{arch, state_dict}` checkpoint, its input shape and classes."""
    saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
    model, shape, classes = build(saved["arch"])
    weights = {name.removeprefix("module."): value for name, value in saved["state_dict"].items()}
    model.load_state_dict(weights)
    return model.eval(), shape, classes


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--sigma", type=float, required=True)
    parser.add_argument("--data", type=Path, required=True, help="ImageFolder")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--skip", type=int, default=1)
    parser.add_argument("--max", type=int)
    parser.add_argument("--n0", type=int, default=100)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--alpha", type=float, default=0.001)
    parser.add_argument("--batch", default="auto")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()

    from torchvision.datasets import ImageFolder
    from torchvision.transforms import ToTensor

    model, shape, classes = load(args.checkpoint)
    model.to(args.device)
    data = ImageFolder(args.data, ToTensor())
    indices = list(range(args.start, len(data), args.skip))[: args.max]
    if args.batch == "auto":
        grey = torch.full(shape, 0.5, device=args.device)
        rates = {size: rate(model, grey, size, classes, args.sigma, 2.0) for size in SIZES}
        batch = max(rates, key=rates.get)
        print(f"batches of {batch}:", {size: round(votes) for size, votes in rates.items()}, file=sys.stderr)
    else:
        batch = int(args.batch)
    with args.out.open("w") as out:
        print("idx", "label", "predict", "radius", "correct", "time", sep="\t", file=out)
        for done, index in enumerate(indices, start=1):
            image, label = data[index]
            start = time.perf_counter()
            predict, radius = certify(model, image.to(args.device), args, batch, classes)
            took = time.perf_counter() - start
            row = (index, label, predict, f"{radius:.3f}", int(predict == label), f"{took:.3f}")
            print(*row, sep="\t", file=out, flush=True)
            print(f"\r{done}/{len(indices)}", end="", file=sys.stderr)
    print(file=sys.stderr)


if __name__ == "__main__":
    main()
