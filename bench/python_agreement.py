#!/usr/bin/env python3
"""`drs_smoothing.Smooth` beside the usual procedure in plain PyTorch, on real images: do they agree within sampling error?

    bench/python_agreement.py s025.pth.tar --sigma 0.25 --images images.npy

For each image (uint8 [n, C, H, W]) both select a class with N0 draws and count its votes among N more, each with noise of its own.
Where they chose the same class, both counts are binomial with one probability. Given their sum, ours is hypergeometric, whatever
that probability is: its randomised p-value is uniform, exactly. All of them together are tested by Kolmogorov-Smirnov, and how
far they spread by a chi-squared test. Small p-values tell of a difference.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from scipy.stats import chi2, hypergeom, kstest, norm

import drs_smoothing as drs
from reference import counts, load


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--sigma", type=float, required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--n0", type=int, default=100)
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--alpha", type=float, default=0.001)
    parser.add_argument("--batch", type=int, default=64)
    args = parser.parse_args()

    model, shape, classes = load(args.checkpoint)
    smooth = drs.Smooth(model, classes, args.sigma)
    images, random = np.load(args.images), np.random.default_rng(1)
    p_values, radii = [], []
    for image in images:
        x = torch.from_numpy(image).float().div(255)
        top = int(counts(model, x, args.n0, args.batch, classes, args.sigma).argmax())
        votes = int(counts(model, x, args.n, args.batch, classes, args.sigma)[top])
        answer = smooth.certify(image, args.n0, args.n, args.alpha, args.batch, certificate=True)
        # The class that was selected, which an abstention does not tell.
        chosen = int(np.argmax(answer.record["stages"][0]["looks"][-1]))
        if chosen != top:
            continue
        own = answer.votes[chosen]
        law = hypergeom(2 * args.n, own + votes, args.n)
        p_values.append(law.cdf(own - 1) + random.uniform() * law.pmf(own))
        bound = smooth._lower_confidence_bound(votes, args.n, args.alpha)
        if answer.label is not None and bound > 0.5:
            radii.append(answer.radius - args.sigma * norm.ppf(bound))
    scores = norm.ppf(p_values)
    print(f"{len(images)} images, n0 = {args.n0}, n = {args.n}: the same class selected for {len(scores)}, certified by both {len(radii)}")
    print(f"Kolmogorov-Smirnov: p = {kstest(p_values, 'uniform').pvalue:.3f}")
    print(f"chi-squared: p = {2 * min(chi2.cdf((scores**2).sum(), len(scores)), chi2.sf((scores**2).sum(), len(scores))):.3f}")
    print(f"radii: mean difference {np.mean(radii):+.5f}, standard error {np.std(radii) / np.sqrt(len(radii)):.5f}")


if __name__ == "__main__":
    main()
