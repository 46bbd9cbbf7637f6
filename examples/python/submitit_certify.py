#!/usr/bin/env python3
"""Certifies a data set in an array of jobs on Slurm, by submitit, and puts the shards together.

    pip install drs_smoothing-*.whl submitit torchvision
    python3 submitit_certify.py --jobs 8 --out results/maxmin.tsv

Each job certifies its shard and goes on where it was if Slurm ends it early: submitit starts it again. All jobs need the
same seed: the shards are one run.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

import drs_smoothing as drs


def build() -> tuple[drs.Pool, Any]:
    """The pool and the data set: yours."""
    from torchvision.datasets import CIFAR10
    from torchvision.transforms import ToTensor

    pool = drs.Pool.from_toml("experts.toml")
    return pool, CIFAR10("cifar10", train=False, transform=ToTensor())


class Shard:
    """One job."""

    def __init__(self, out: Path, shard: str):
        self.out, self.shard = out, shard

    def __call__(self) -> str:
        pool, data = build()
        results = pool.certify(data, self.out, shard=self.shard, seed=0, n=10_000, progress=False)
        return str(results.ending)

    def checkpoint(self, *arguments: Any) -> Any:
        """What submitit starts again after a time-out: the same call goes on."""
        import submitit

        return submitit.helpers.DelayedSubmission(self, *arguments)


def main() -> None:
    import submitit

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=8)
    parser.add_argument("--out", type=Path, required=True, help="the table, .tsv")
    parser.add_argument("--partition")
    parser.add_argument("--gpus", type=int, default=0, help="for each job")
    args = parser.parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    executor = submitit.AutoExecutor(folder=args.out.parent / "jobs")
    executor.update_parameters(timeout_min=240, gpus_per_node=args.gpus, slurm_partition=args.partition)
    with executor.batch():
        jobs = [executor.submit(Shard(args.out, f"{i + 1}/{args.jobs}")) for i in range(args.jobs)]
    print([job.result() for job in jobs])
    shards = sorted(args.out.parent.glob(f"{args.out.stem}.*-of-{args.jobs}.tsv"))
    subprocess.run([sys.executable, "-m", "drs_smoothing", "merge", *shards, "--out", args.out], check=True)


if __name__ == "__main__":
    main()
