#!/usr/bin/env python3
"""Votes per second: the usual PyTorch procedure beside `drs bench`, in one run.

    cargo xtask build && cargo xtask torch
    python3 -m venv /tmp/bench && /tmp/bench/bin/pip install torch==2.11.0 torchvision==0.26.0 numpy scipy
    /tmp/bench/bin/python bench/torch_experts.py --out /tmp/bench cifar_resnet20 cifar_resnet110

The usual procedure: an eager f32 model, batches of one image repeated, noise by
randn_like, argmax, counts in NumPy; at its best batch size. Models have random
weights, which cost what trained ones do. The two take turns, so that a machine
whose speed changes slows both. Writes a Markdown table, with how many inputs per
second there would be if convolutions ran as fast as one large matrix product:
what no direct convolution passes.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import torch

from reference import SIZES, rate as reference_rate

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "experts/torch/tests/models"))
from networks import build  # noqa: E402  (beside the tests that check it)

SIGMA = 0.25


def products(model, shape):
    """Multiplications of one input in convolutions and linear layers."""
    counted = []

    def count(layer, inputs, output):
        counted.append(layer.weight[0].numel() * output[0].numel())

    layers = [m for m in model.modules() if isinstance(m, (torch.nn.Conv2d, torch.nn.Linear))]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    with torch.no_grad():
        model(torch.rand(1, *shape))
    for hook in hooks:
        hook.remove()
    return sum(counted)


def matrix_rate(dtype, device, size=2048):
    """Multiplications per second of a large matrix product, the best of some."""
    left, right = (torch.rand(size, size, device=device).to(dtype) for _ in range(2))
    best = 0.0
    for _ in range(10):
        start = time.perf_counter()
        (left @ right).sum().item()
        best = max(best, size**3 / (time.perf_counter() - start))
    return best


def variants(arch, classes, device):
    """Name in the table and configuration of each expert."""
    for dtype in ("f32", "bf16"):
        for kind, suffix in (("checkpoint", "pth.tar"), ("torchscript", "pt")):
            for draw in ("host", "device") if device == "cuda" else ("host",):
                name = f"{kind}-{dtype}" + (f"-{draw}-draws" if device == "cuda" else "")
                yield name, (
                    f'kind = "{kind}", model = "{arch}.{suffix}", dtype = "{dtype}", '
                    f'device = "{device}", draw = "{draw}", sigma = {SIGMA}, classes = {classes}'
                )


def write_models(arch, folder):
    """The model as checkpoint and TorchScript; returns it, its shape and classes."""
    torch.manual_seed(1)
    model, shape, classes = build(arch)
    model.eval()
    torch.save({"arch": arch, "state_dict": model.state_dict()}, folder / f"{arch}.pth.tar")
    with torch.no_grad():
        torch.jit.trace(model, torch.rand(2, *shape)).save(folder / f"{arch}.pt")
    return model, shape, classes


def write_pool(arch, shape, classes, device, folder):
    experts = "".join(
        f'[[expert]]\nname = "{name}"\nplugin = "torch"\nconfig = {{ {config} }}\n'
        for name, config in variants(arch, classes, device)
    )
    path = folder / f"{arch}.toml"
    path.write_text(f'[input]\nshape = {list(shape)}\nquantum = "1/255"\n{experts}')
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("archs", nargs="+", metavar="ARCH", help="cifar_resnet20, cifar_resnet110, resnet50")
    parser.add_argument("--out", type=Path, required=True, help="folder for models and figures")
    parser.add_argument("--drs", type=Path, default=ROOT / "target/release/drs")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6.0, help="per measurement")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for arch in args.archs:
        model, shape, classes = write_models(arch, args.out)
        pool = write_pool(arch, shape, classes, args.device, args.out)
        work = products(model, shape)
        model.to(args.device)
        image = torch.full(shape, 0.5, device=args.device)
        large = shape[1] > 100
        sizes = (8, 16, 32) if large else SIZES
        if args.device == "cuda":
            sizes = tuple(8 * size for size in sizes)
        rate = lambda size, time: reference_rate(model, image, size, classes, SIGMA, time)
        by_size = {size: rate(size, args.seconds / 3) for size in sizes}
        best = max(by_size, key=by_size.get)
        print(f"{arch}: usual procedure by batch size:", {k: round(v) for k, v in by_size.items()}, file=sys.stderr)
        reference, measured, limits = [], {}, []
        for _ in range(args.rounds):
            limits.append([matrix_rate(dtype, args.device) for dtype in (torch.float32, torch.bfloat16)])
            reference.append(rate(best, args.seconds))
            command = [args.drs, "bench", "--experts", pool, "--seconds", str(args.seconds), "--json"]
            lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            for line in map(json.loads, lines.splitlines()):
                measured.setdefault(line["model"], []).append(line)
        base = median(reference)
        rows = [f"| PyTorch eager f32, batches of {best} | | {base:.0f} | 1 | |"]
        for name, runs in measured.items():
            raw, path, ratio = (median(run[key] for run in runs) for key in ("raw", "path", "ratio"))
            # Each round's own reference: the machine's speed then.
            gain = median(run["path"] / own for run, own in zip(runs, reference))
            rows.append(f"| {name} | {raw:.0f} | {path:.0f} | {gain:.2f} | {ratio:.3f} |")
        f32, bf16 = (median(rates) / work for rates in zip(*limits))
        print(f"\n{arch}, {args.device}; at the speed of matrix products: f32 {f32:.0f}/s, bf16 {bf16:.0f}/s\n")
        print("| | raw /s | votes /s | × PyTorch | path / raw |\n| --- | ---: | ---: | ---: | ---: |")
        print("\n".join(rows), flush=True)


if __name__ == "__main__":
    main()
