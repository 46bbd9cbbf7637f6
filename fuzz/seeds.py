#!/usr/bin/env python3
"""Puts inputs to begin with into `fuzz/corpus`: the fixtures of the tests, and a real run's results.

    cargo xtask build && fuzz/seeds.py                 # all; needs numpy, scipy, onnx and pyarrow
    cargo xtask build && fuzz/seeds.py labels onnx     # some; no folder but theirs is written to
"""

import gzip
import io
import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy
import onnx
import pyarrow
import pyarrow.parquet
import scipy.io
from onnx import TensorProto, helper, numpy_helper

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
    if sys.argv[1:] and target not in sys.argv[1:]:
        return
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
            seed("run_json", name, (folder / f"{name}.run.json").read_bytes())
            records = (folder / f"{name}.jsonl").read_bytes()
            seed("log_jsonl", name, records)
            for index, line in enumerate(records.splitlines()):
                seed("record", f"{name}-{index}", line)
            table = (folder / f"{name}.tsv").read_bytes()
            seed("log_tsv", name, table)
            seed("log_tsv", f"{name}.gz", gzip.compress(table, mtime=0))


def label_files():
    """Labels of the images `val_0.png`, `val_1.png` and `2.png`, in files of every form."""
    boxes = "n01 1 2 3 4 n01 5 6 7 8"
    ids = b"n02\nn01\nn03\n"
    for name, form, text, names in [
        ("annotations", b"v", "val_0.png\tn01\t0\t0\t7\t7\nval_1.png\tn02\t0\t0\t7\t7\n2.png\tn03\n", ids),
        ("table-names", b"c", "class,label,image\nx,cat,val/images/val_0.png\ny,dog,val_1.png\nz,cat,2.png\n", b"dog\ncat\n"),
        ("table-numbers", b"t", "file\tlabel\nval_1\t4\nspare\t9\n2\t5\nval_0\t6\n", b""),
        ("table-index", b"c", "idx,label\n1,7\n0,8\n2,9\n", b""),
        ("table-quoted", b"c", '"ImageId","PredictionString"\n"val_0","%s"\nval_1,n02 1 2 3 4\n2,n03\n' % boxes, ids),
        ("lines-numbers", b"x", "2\n0\n1\n", b"cat\nhot dog\nowl\n"),
        ("lines-names", b"x", "hot dog\ncat\nowl\n", b"cat\r\nhot dog\r\nowl\r\n"),
        ("lines-pairs", b"x", "val_0.png 3\nval_1.png 1 0.5 0.5\n2.png 2\n", b""),
        ("lines-pairs-commas", b"x", "val_0.png,cat\n2.png,dog\nval_1.png,0\n", b"0\ncat\ndog\n"),
        ("numbers-as-names", b"x", "10\n9\nx\n", b"9\n10\nx\n"),
    ]:
        seed("labels", name, form + joined(text.encode(), names))
    for dtype in ["<i8", "u1"]:
        array = npy(numpy.array([1, 0, 2], dtype=dtype))
        seed("labels", f"array-{dtype[-2:]}", b"n" + joined(array, b"cat\ndog\nowl\n"))


def graph(nodes, initializers=(), output="y"):
    """A model from images `x` to `y`."""
    value = helper.make_tensor_value_info
    return helper.make_graph(
        nodes,
        "g",
        [value("x", TensorProto.FLOAT, ["n", 1, 2, 2])],
        [value(output, TensorProto.FLOAT, ["n", 2])],
        list(initializers),
    )


def models():
    """ONNX files with each thing that is looked at before a runtime opens them."""
    node, array = helper.make_node, numpy_helper.from_array
    floats = array(numpy.zeros((4, 2), "f4"), "w")
    elsewhere = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4, 2])
    elsewhere.data_location = TensorProto.EXTERNAL
    for key, value in [("location", "model.data"), ("offset", "0"), ("length", "32")]:
        elsewhere.external_data.add(key=key, value=value)
    ints = lambda name, *values: array(numpy.array(values, "i8"), name)
    branch = lambda operator, output: helper.make_graph(
        [node(operator, ["f"], [output])],
        output,
        [],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
    )
    flat = node("Flatten", ["x"], ["f"])
    dense = node("MatMul", ["f", "w"], ["y"])
    for name, opset, nodes, initializers in [
        ("plain", 13, [flat, dense], [floats]),
        ("external", 13, [flat, dense], [elsewhere]),
        ("old", 6, [node("BatchNormalization", ["x", "s", "s", "s", "s"], ["f"], is_test=1), node("Dropout", ["f"], ["y"], is_test=1)], [array(numpy.ones(1, "f4"), "s")]),
        ("reductions", 18, [node("ReduceMean", ["x", "axes"], ["m"], keepdims=0), node("Softmax", ["m"], ["s"], axis=-1), node("Unsqueeze", ["s", "one"], ["u"]), node("Squeeze", ["u", "one"], ["q"]), node("Concat", ["q", "q"], ["y"], axis=1)], [ints("axes", 2, 3), ints("one", 1)]),
        ("shapes", 17, [node("Shape", ["x"], ["h"]), node("Slice", ["h", "b", "e"], ["k"]), node("Reshape", ["x", "to"], ["r"]), node("Transpose", ["r"], ["t"], perm=[0, 2, 1]), node("Gather", ["t", "b"], ["g"], axis=1), node("Split", ["g"], ["y", "z"], axis=1)], [ints("b", 0), ints("e", 1), ints("to", 0, 2, 2)]),
        ("branches", 13, [flat, node("Size", ["x"], ["c"]), node("If", ["c"], ["y"], then_branch=branch("Relu", "p"), else_branch=branch("Neg", "q"))], []),
        ("constants", 13, [node("Constant", [], ["w"], value=floats), node("Constant", [], ["k"], value_ints=[1, 2]), flat, node("Gemm", ["f", "w"], ["g"]), node("ArgMax", ["g"], ["a"], axis=1), node("CumSum", ["g", "k"], ["y"])], []),
        ("quantised", 13, [node("QuantizeLinear", ["x", "s", "o"], ["q"]), node("DequantizeLinear", ["q", "s", "o"], ["d"]), node("Flatten", ["d"], ["f"]), dense], [floats, array(numpy.array(0.1, "f4"), "s"), array(numpy.array(3, "u1"), "o")]),
        ("recurrent", 14, [node("LSTM", ["x", "w", "w"], ["", "y"], layout=1, hidden_size=2)], [floats]),
        ("batch", 17, [node("ReduceMax", ["x"], ["m"]), node("Div", ["x", "m"], ["y"])], []),
        ("dynamic", 11, [node("DynamicQuantizeLinear", ["x"], ["y", "s", "o"])], []),
    ]:
        opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 3)]
        model = helper.make_model(graph(nodes, initializers), opset_imports=opsets, ir_version=8)
        model.metadata_props.add(key="drs.sigma", value="0.25")
        seed("onnx", name, model.SerializeToString())
    for path in (ROOT / "experts/onnx/tests/models").glob("*.onnx"):
        seed("onnx", path.stem, path.read_bytes())


def parquets():
    """The tests' files, and small ones of each compression and encoding."""
    folder = ROOT / "drs-data/tests/parquet"
    for path in folder.glob("*.parquet"):
        seed("parquet", path.stem, path.read_bytes())
    whole = pyarrow.parquet.read_table(folder / "hub.parquet").slice(0, 2)
    flat = pyarrow.table({"img": [b"P6 3 2 255\n" + bytes(18)] * 3, "label": pyarrow.array([1, 0, 1], "int8")})
    for name, table, options in [
        ("gzip", flat, {"compression": "gzip"}),
        ("lz4", flat, {"compression": "lz4"}),
        ("zstd-second", whole, {"compression": "zstd", "data_page_version": "2.0"}),
        ("lengths", flat, {"use_dictionary": False, "column_encoding": {"img": "DELTA_LENGTH_BYTE_ARRAY", "label": "DELTA_BINARY_PACKED"}}),
        ("prefixes", flat, {"use_dictionary": False, "column_encoding": {"img": "DELTA_BYTE_ARRAY"}, "data_page_version": "2.0"}),
        ("plain", flat, {"use_dictionary": False, "compression": "none", "write_statistics": False}),
    ]:
        file = io.BytesIO()
        pyarrow.parquet.write_table(table, file, store_schema=False, **options)
        seed("parquet", name, file.getvalue())


def main():
    results()
    label_files()
    models()
    parquets()
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
