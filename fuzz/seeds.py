#!/usr/bin/env python3
"""Puts inputs to begin with into `fuzz/corpus`: the fixtures of the tests, and a real run's results.

    cargo xtask build && fuzz/seeds.py
"""

import gzip
import io
import os
import struct
import subprocess
import tempfile
from pathlib import Path

import numpy
import scipy.io

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT / "fuzz/corpus"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))

POOL = """[input]
shape = [1, 2, 2]
quantum = "1/255"
[router]
plugin = "halfspace"
config = { sigma = 0.5, weights = [0, 0, 0, 1], thresholds = [0.1], classes = ["near", "far"] }
[[expert]]
name = "near"
plugin = "halfspace"
config = { sigma = 0.25, weights = [1, 0, 0, 0], thresholds = [0.5], classes = ["low", "high"] }
[[expert]]
name = "far"
plugin = "halfspace"
config = { sigma = 0.5, weights = [1, 0, 0, 0], thresholds = [0.5], classes = ["low", "high"] }
"""

# Everything else that a configuration may say.
WHOLE = """base = "../models"
[input]
shape = [3, 32, 32]
quantum = "1/255"
resize = { side = 40, interpolation = "bicubic" }
[router]
shares = "far"
[isolation]
timeout = 5
restarts = 2
[alpha]
route = 0.5
next_set = 0.25
next_expert = 0.25
[[expert]]
name = "near"
plugin = "./near.so"
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
files = { "model.onnx" = "0000000000000000000000000000000000000000000000000000000000000000" }
config = { model = "model.onnx", a = [1, 2.5, true, "x", { b = 1979-05-27 }] }
batch = 64
isolation = "process"
[[expert]]
name = "far"
plugin = "onnx"
[[blend]]
weights = { near = 1, far = 2 }
route = ["near"]
cap = 0.5
"""


def seed(target, name, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def joined(first, second):
    return struct.pack("<I", len(first)) + first + second


def idx(shape, data):
    return struct.pack(f">I{len(shape)}I", 0x0800 + len(shape), *shape) + data


def npy(array):
    file = io.BytesIO()
    numpy.save(file, array)
    return file.getvalue()


def npz(**arrays):
    file = io.BytesIO()
    numpy.savez_compressed(file, **arrays)
    return file.getvalue()


def results():
    """Rows and records of each method, on experts whose answers are known."""
    pixels = bytes([120, 0, 0, 0, 130, 9, 9, 255, 200, 1, 2, 255, 20, 4, 4, 0])
    labels = bytes([0, 1, 1, 0])
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "t10k-images-idx3-ubyte").write_bytes(idx([4, 2, 2], pixels))
        (folder / "t10k-labels-idx1-ubyte").write_bytes(idx([4], labels))
        blend = '[[blend]]\nweights = { near = 1, far = 1 }\ncap = 0.0\n'
        for name, text, options in [
            ("dual", POOL, "--method dual"),
            ("two-sided", POOL, "--method dual --two-sided --sampling fixed"),
            ("set", POOL, "--method set --sampling fixed"),
            ("maxmin", POOL, "--method maxmin"),
            ("multiscale", POOL, "--method multiscale"),
            ("one", POOL, "--method one:near --full"),
            ("blend", POOL + blend, "--method blend --sampling fixed"),
            ("radius", POOL, "--method dual --radius 0.25"),
        ]:
            (folder / "experts.toml").write_text(text)
            seed("experts_toml", name, text.encode())
            command = f"certify --experts experts.toml --data . --n0 20 --n 300 --seed 1 {options}"
            command = [TARGET / "release/drs", *command.split(), "--out", f"{name}.tsv"]
            done = subprocess.run(
                command,
                cwd=folder,
                env={**os.environ, "DRS_PLUGIN_PATH": str(TARGET / "release")},
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode != 0:
                raise SystemExit(f"{options}: {done.stderr}")
            records = (folder / f"{name}.jsonl").read_bytes()
            seed("log_jsonl", name, records)
            for index, line in enumerate(records.splitlines()):
                seed("record", f"{name}-{index}", line)
            table = (folder / f"{name}.tsv").read_bytes()
            seed("log_tsv", name, table)
            seed("log_tsv", f"{name}.gz", gzip.compress(table, mtime=0))


def main():
    results()
    seed("experts_toml", "whole", WHOLE.encode())
    seed("experts_toml", "example", (ROOT / "examples/fashion-mnist/experts.toml").read_bytes())
    for log in (ROOT / "drs-analysis/tests/logs").iterdir():
        head = b"".join(log.read_bytes().splitlines(keepends=True)[:4])
        seed("log_tsv", log.stem, head)

    images, labels = idx([2, 2, 2], bytes(range(8))), idx([2], b"\1\0")
    seed("idx", "plain", joined(images, labels))
    seed("idx", "gzip", joined(gzip.compress(images, mtime=0), gzip.compress(labels, mtime=0)))

    batch = bytes([3]) + bytes(3072)
    seed("cifar", "binary", joined(batch, b"cat\ndog\nfox\nowl\n"))
    folder = ROOT / "drs-data/tests/cifar"
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix != ".py" and path.stat().st_size < 20_000:
            names = [p for p in path.parent.iterdir() if p.name.endswith("meta")]
            seed(
                "cifar",
                "-".join(path.relative_to(folder).parts),
                joined(path.read_bytes(), names[0].read_bytes() if names else b""),
            )

    pictures = numpy.arange(8, dtype="u1").reshape(2, 1, 2, 2)
    for kind in ["u1", "<f4", ">f8"]:
        array = (pictures / 255).astype(kind) if "f" in kind else pictures
        for dtype in ["<i8", "u1", ">i4"]:
            labels = numpy.array([1, 0], dtype=dtype)
            name = f"{kind}-{dtype}".replace("<", "l").replace(">", "b")
            seed("arrays", name, joined(npy(array), npy(labels)))
            seed("arrays", f"{name}.npz", npz(images=array, labels=labels))

    for path in sorted((ROOT / "drs-data/tests/images").iterdir()):
        if path.suffix not in {".py", ".npz"}:
            seed("images", path.name, path.read_bytes())
    digits = {"X": pictures.reshape(2, 1, 1, 4), "y": numpy.array([[10.0], [7.0], [1.0], [9.0]])}
    for name, compressed in [("plain", False), ("zlib", True)]:
        file = io.BytesIO()
        scipy.io.savemat(file, digits, do_compression=compressed)
        seed("mat", name, file.getvalue())

    fixtures = ROOT / "checkpoint/tests/fixtures"
    for path in fixtures.iterdir():
        if path.suffix in {".pth", ".pt", ".tar", ".safetensors"}:
            seed("checkpoint", path.name, path.read_bytes())


if __name__ == "__main__":
    main()
