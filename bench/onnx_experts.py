#!/usr/bin/env python3
"""Votes per second of ONNX experts: ONNX Runtime from Python beside `drs bench`, in turns.

    cargo xtask build && cargo xtask torch && export ORT_DYLIB_PATH=$(cargo xtask ort)
    python3 -m venv /tmp/bench && /tmp/bench/bin/pip install numpy onnxruntime==1.32.0
    /tmp/bench/bin/python bench/onnx_experts.py s025.onnx --int8 s025-int8.onnx --torchscript s025.pt \\
        --checkpoint s025.pth.tar --package s025.pt2 --classes 10 --shape 3 32 32

Python's rate is that of batches that are there already: no noise, no counting. It is the best of several batch
sizes, with all cores on one batch and with a session for each core. `drs` is the whole path: noise, batching, model,
counting. Writes a Markdown table of medians; ratios are those of each round, since machines change.
"""

import argparse
import json
import os
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from statistics import median

import numpy as np
import onnxruntime as ort

ROOT = Path(__file__).resolve().parent.parent
CORES = len(os.sched_getaffinity(0))


def session(model, threads):
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def rate(model, shape, batch, sessions, seconds):
    """Inputs per second."""
    ready = [session(model, CORES if sessions == 1 else 1) for _ in range(sessions)]
    inputs = np.random.default_rng(0).random((batch, *shape), dtype=np.float32)
    name = ready[0].get_inputs()[0].name
    counts = [0] * sessions
    until = time.perf_counter() + seconds

    def work(index):
        while time.perf_counter() < until:
            ready[index].run(None, {name: inputs})
            counts[index] += batch

    start = time.perf_counter()
    threads = [threading.Thread(target=work, args=(index,)) for index in range(sessions)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    return sum(counts) / (time.perf_counter() - start)


def python(model, shape, seconds):
    """The best way found, and its name."""
    ways = [(batch, sessions) for batch in (16, 64, 256) for sessions in {1, CORES}]
    rates = {way: rate(model, shape, *way, seconds / len(ways)) for way in ways}
    return max(rates, key=rates.get)


def drs(drs_binary, experts, seconds):
    """What `drs bench` says of each model."""
    command = [drs_binary, "bench", "--experts", experts, "--seconds", str(seconds), "--json"]
    lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return {row["model"]: row for row in map(json.loads, lines)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--int8", type=Path)
    parser.add_argument("--torchscript", type=Path)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--package", type=Path, help="of AOTInductor, with drs.sigma and drs.classes")
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--sigma", type=float, default=0.25)
    parser.add_argument("--shape", type=int, nargs=3, default=[3, 32, 32])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--drs", default=str(ROOT / "target/release/drs"))
    args = parser.parse_args()

    absolute = lambda path: f'model = "{path.resolve()}"'
    experts = {"ort-f32": ("ort", absolute(args.model)), "onnx-f32": ("onnx", absolute(args.model))}
    if args.int8:
        experts["ort-int8"] = ("ort", absolute(args.int8))
    # Names are the model's; other files of it need none.
    named = f", sigma = {args.sigma}, classes = CLASSES"
    if args.torchscript:
        experts["torch-f32"] = ("torch", f'kind = "torchscript", {absolute(args.torchscript)}{named}')
    if args.package:
        experts["torch-export"] = ("torch", f'kind = "export", {absolute(args.package)}{named}')
    if args.checkpoint:
        experts["torch-bf16"] = ("torch", f'kind = "checkpoint", {absolute(args.checkpoint)}{named}, dtype = "bf16"')
    classes = session(str(args.model), 1).get_modelmeta().custom_metadata_map.get("drs.classes")
    classes = json.dumps([name.strip() for name in classes.split(",")]) if classes else str(args.classes)
    toml = f'[input]\nshape = {args.shape}\nquantum = "1/255"\n'
    for name, (plugin, config) in experts.items():
        config = config.replace("CLASSES", classes)
        toml += f'[[expert]]\nname = "{name}"\nplugin = "{plugin}"\nconfig = {{ {config} }}\n'

    rows = {name: [] for name in experts}
    reference = []
    with tempfile.TemporaryDirectory() as folder:
        pool = Path(folder) / "experts.toml"
        pool.write_text(toml)
        best = python(str(args.model), args.shape, 6 * args.seconds)
        for _ in range(args.rounds):
            reference.append(rate(str(args.model), args.shape, *best, args.seconds))
            for name, row in drs(args.drs, str(pool), args.seconds).items():
                rows[name].append(row)
    print(f"Python: batches of {best[0]}, {best[1]} session(s), {CORES} cores, onnxruntime {ort.__version__}\n")
    print("| | raw /s | votes /s | × Python's ready batches | × `onnx` |")
    print("| --- | ---: | ---: | ---: | ---: |")
    print(f"| ONNX Runtime from Python, ready batches | {median(reference):.0f} | | 1 | |")
    for name, measured in rows.items():
        path = [row["path"] for row in measured]
        raw = median(row["raw"] for row in measured)
        to_python = median(own / other for own, other in zip(path, reference))
        to_onnx = median(own / other["path"] for own, other in zip(path, rows["onnx-f32"]))
        print(f"| `{name}` | {raw:.0f} | {median(path):.0f} | {to_python:.3f} | {to_onnx:.2f} |")


if __name__ == "__main__":
    main()
