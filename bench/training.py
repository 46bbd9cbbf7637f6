#!/usr/bin/env python3
"""Images per second in training: `drs train expert` beside the same loop in PyTorch, in turns.

    cargo xtask build && cargo xtask torch
    python3 -m venv /tmp/bench && /tmp/bench/bin/pip install torch==2.11.0 numpy
    /tmp/bench/bin/python bench/training.py --rounds 3 cifar_resnet20

Random images with Gaussian noise, batches of 128, SGD with momentum; the PyTorch loop in its
default memory format and in channels-last. A run of three epochs less a run of one leaves
out the start and the evaluation. Writes a Markdown table of medians.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "experts/torch/tests/models"))
from networks import build  # noqa: E402  (beside the tests that check it)

SHAPES = {"cifar_resnet20": (3, 32, 32), "cifar_resnet110": (3, 32, 32)}
BATCH, SIGMA = 128, 0.25


def drs(program, folder, arch, precision, images):
    shape = list(SHAPES[arch])

    def seconds(epochs):
        settings = f"""
            arch = "{arch}"
            sigma = {SIGMA}
            precision = "{precision}"
            input = {{ shape = {shape}, quantum = "1/255" }}
            data = {{ path = "{folder}/data.npz", hold_out = {BATCH} }}
            train = {{ epochs = {epochs}, batch = {BATCH}, optimiser = {{ kind = "sgd", lr = 0.01 }} }}
        """
        (folder / "expert.toml").write_text(settings)
        with tempfile.TemporaryDirectory() as out:
            start = time.perf_counter()
            subprocess.run([program, "expert", folder / "expert.toml", "--out", out], check=True)
            return time.perf_counter() - start

    return 2 * (images - BATCH) / (seconds(3) - seconds(1))


def pytorch(data, arch, precision, channels_last):
    images, labels = (torch.from_numpy(data[name]) for name in ("images", "labels"))
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model = build(arch)[0].to(memory_format=layout).train()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def epoch():
        for batch in torch.randperm(len(images)).split(BATCH):
            inputs = (images[batch].float() / 255).to(memory_format=layout)
            inputs = inputs + torch.randn_like(inputs) * SIGMA
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
                loss = torch.nn.functional.cross_entropy(model(inputs), labels[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    epoch()
    start = time.perf_counter()
    epoch()
    return len(images) / (time.perf_counter() - start)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("archs", nargs="+", choices=SHAPES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=40 * BATCH)
    parser.add_argument("--program", default=ROOT / "target/release/drs-train")
    args = parser.parse_args()
    print("| network | drs train /s | PyTorch /s | channels-last /s | × PyTorch | × its better one |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for arch in args.archs:
        random = np.random.default_rng(0)
        data = {
            "images": random.integers(0, 256, (args.images, *SHAPES[arch]), dtype=np.uint8),
            "labels": np.arange(args.images) % 10,
        }
        with tempfile.TemporaryDirectory() as folder:
            np.savez(Path(folder) / "data.npz", **data)
            for precision in ("f32", "bf16"):
                rows = [
                    (
                        drs(args.program, Path(folder), arch, precision, args.images),
                        pytorch(data, arch, precision, False),
                        pytorch(data, arch, precision, True),
                    )
                    for _ in range(args.rounds)
                ]
                own, plain, last = (median(column) for column in zip(*rows))
                ratios = median(a / b for a, b, _ in rows), median(a / max(b, c) for a, b, c in rows)
                print(
                    f"| {arch}, {precision} | {own:.0f} | {plain:.0f} | {last:.0f} | {ratios[0]:.2f} | {ratios[1]:.2f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
