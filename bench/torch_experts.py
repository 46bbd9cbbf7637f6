#!/usr/bin/env python3
"""Votes per second: the usual PyTorch procedure beside `drs bench`, in one run.

    cargo xtask build && cargo xtask torch
    python3 -m venv /tmp/bench && /tmp/bench/bin/pip install torch==2.11.0 torchvision==0.26.0 numpy scipy
    /tmp/bench/bin/python bench/torch_experts.py --out /tmp/bench cifar_resnet20 cifar_resnet110

With --compiled also a network of torch.compile, and packages (kind = "export"), which need a C++ compiler; with --onnx
also the plugin `ort`, which needs the Python packages onnx and onnxruntime (for CUDA onnxruntime-gpu).

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
        model(torch.rand(1, *shape, device=next(model.parameters()).device))
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


def config(**keys):
    """As TOML writes it."""
    return "{ " + ", ".join(f"{key} = {json.dumps(value)}" for key, value in keys.items()) + " }"


def variants(arch, classes, rows, found, args):
    """Name in the table, plugin and configuration of each expert; `rows` of a package, which has one size; `found` are
    the batches that experts have measured."""
    on_gpu = args.device == "cuda"
    told = {"sigma": SIGMA, "classes": classes}
    for dtype in ("f32", "bf16"):
        for kind, suffix in (("checkpoint", "pth.tar"), ("torchscript", "pt")):
            for draw in ("host", "device") if on_gpu else ("host",):
                name = f"{kind}-{dtype}" + (f"-{draw}-draws" if on_gpu else "")
                yield name, "torch", config(
                    kind=kind, model=f"{arch}.{suffix}", dtype=dtype, device=args.device, draw=draw, batch=found.get(name, args.batch), **told
                )
    if args.compiled:
        # A package says itself what it is made for.
        yield "export-f32", "torch", config(kind="export", model=f"{arch}.pt2", device=args.device, batch=rows)
    if args.onnx:
        provider = {"provider": "cuda"} if on_gpu else {}
        yield "ort-f32", "ort", config(model=f"{arch}.onnx", **provider, **told)


def write_models(arch, args):
    """The model in each format; returns it, its shape and classes."""
    torch.manual_seed(1)
    folder = args.out
    model, shape, classes = build(arch)
    model.eval()
    example = torch.rand(2, *shape)
    torch.save({"arch": arch, "state_dict": model.state_dict()}, folder / f"{arch}.pth.tar")
    with torch.no_grad():
        torch.jit.trace(model, example).save(folder / f"{arch}.pt")
    if args.onnx:
        batch = {"input": {0: "batch"}, "logits": {0: "batch"}}
        torch.onnx.export(
            model, (example,), str(folder / f"{arch}.onnx"), dynamo=False,
            input_names=["input"], output_names=["logits"], dynamic_axes=batch,
        )
    if args.compiled:
        program, package = folder / f"{arch}-program.pt2", folder / f"{arch}.pt2"
        batch = {0: torch.export.Dim("batch", min=1, max=65_536)}
        # 64: PyTorch derives from the example for which batches its code is right.
        example = torch.rand(64, *shape, device=args.device)
        with torch.no_grad():
            exported = torch.export.export(model.to(args.device), (example,), dynamic_shapes=(batch,))
        torch.export.save(exported, program)
        export = [sys.executable, ROOT / "examples/python/export.py", program, "--shape", *map(str, shape)]
        export += ["--sigma", str(SIGMA), "--classes", str(classes), "--device", args.device, "--out", package]
        # In a process of its own: it sets the number of threads.
        subprocess.run(export, check=True, stdout=sys.stderr)
    return model, shape, classes


def write_pool(arch, shape, classes, rows, found, args):
    experts = "".join(
        f'[[expert]]\nname = "{name}"\nplugin = "{plugin}"\nconfig = {config}\n'
        for name, plugin, config in variants(arch, classes, rows, found, args)
    )
    path = args.out / f"{arch}.toml"
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
    parser.add_argument("--batch", default="auto", type=lambda text: text if text == "auto" else int(text),
                        help="inputs per batch of torch experts, or auto: the fastest (the default)")
    parser.add_argument("--compiled", action="store_true", help="torch.compile and packages too")
    parser.add_argument("--onnx", action="store_true", help="the plugin `ort` too")
    args = parser.parse_args()
    args.out = args.out.resolve()
    args.out.mkdir(parents=True, exist_ok=True)
    for arch in args.archs:
        model, shape, classes = write_models(arch, args)
        work = products(model, shape)
        model.to(args.device)
        image = torch.full(shape, 0.5, device=args.device)
        large = shape[1] > 100
        sizes = (8, 16, 32) if large else SIZES
        if args.device == "cuda":
            sizes = tuple(8 * size for size in sizes)
        rate = lambda size, time, of=model: reference_rate(of, image, size, classes, SIGMA, time)
        by_size = {size: rate(size, args.seconds / 3) for size in sizes}
        best = max(by_size, key=by_size.get)
        print(f"{arch}: usual procedure by batch size:", {k: round(v) for k, v in by_size.items()}, file=sys.stderr)
        reference, by_compiled, measured, limits, found = [], [], {}, [], {}
        if args.compiled:
            how = {"mode": "max-autotune"} if args.device == "cuda" else {}
            compiled = torch.compile(model, dynamic=False, **how)
            rate(best, args.seconds / 3, compiled)
        for _ in range(args.rounds):
            limits.append([matrix_rate(dtype, args.device) for dtype in (torch.float32, torch.bfloat16)])
            reference.append(rate(best, args.seconds))
            if args.compiled:
                by_compiled.append(rate(best, args.seconds, compiled))
            # What the first round measured holds for the others.
            pool = write_pool(arch, shape, classes, best, found, args)
            command = [args.drs, "bench", "--experts", pool, "--seconds", str(args.seconds), "--json"]
            lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            for line in map(json.loads, lines.splitlines()):
                measured.setdefault(line["model"], []).append(line)
                found[line["model"]] = line["batch"]
        base = median(reference)
        rows = [f"| PyTorch eager f32, batches of {best} | | {base:.0f} | 1 | |"]
        if by_compiled:
            gain = median(own / eager for own, eager in zip(by_compiled, reference))
            rows.append(f"| PyTorch compiled f32, batches of {best} | | {median(by_compiled):.0f} | {gain:.2f} | |")
        for name, runs in measured.items():
            raw, path, ratio = (median(run[key] for run in runs) for key in ("raw", "path", "ratio"))
            # Each round's own reference: the machine's speed then.
            gain = median(run["path"] / own for run, own in zip(runs, reference))
            rows.append(f"| {name}, batches of {found[name]} | {raw:.0f} | {path:.0f} | {gain:.2f} | {ratio:.3f} |")
        f32, bf16 = (median(rates) / work for rates in zip(*limits))
        print(f"\n{arch}, {args.device}; at the speed of matrix products: f32 {f32:.0f}/s, bf16 {bf16:.0f}/s\n")
        print("| | raw /s | votes /s | × PyTorch | path / raw |\n| --- | ---: | ---: | ---: | ---: |")
        print("\n".join(rows), flush=True)


if __name__ == "__main__":
    main()
