#!/usr/bin/env python3
"""Tiny ONNX models: for the conformance suite (any input, classes by its mean), and some that are refused.

Written with onnx 1.23 (`pip install onnx`); run from anywhere, writes beside itself.
"""

import os

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = os.path.dirname(os.path.abspath(__file__))


# What an export keeps that was traced on one image of 1x4x4.
ONE_ROW = np.array([1, 1, 4, 4], np.int64)


def save(name, weight, bias, before=(), dims=("batch", 1, "height", "width"), more=()):
    """`before` makes "ready" of "image"; `more` are further outputs."""
    nodes = [
        *before,
        helper.make_node("GlobalAveragePool", ["ready" if before else "image"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weight", "bias"], ["logits"]),
    ]
    dims = list(dims)
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, dims)],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", len(bias)]),
            *[helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch", 1]) for n in more],
        ],
        [
            numpy_helper.from_array(np.array(weight, np.float32), "weight"),
            numpy_helper.from_array(np.array(bias, np.float32), "bias"),
            *([numpy_helper.from_array(ONE_ROW, "one_row")] if name == "one_row" else []),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    model.metadata_props.add(key="drs.sigma", value="0.25")
    model.metadata_props.add(key="drs.classes", value="a,b,c,d")
    onnx.checker.check_model(model)
    onnx.save(model, os.path.join(HERE, name + ".onnx"))


# Classes 1 and 3 are equal and, between -500 and 500, the largest.
save("ties", [[0.5, 1.0, -0.5, 1.0]], [-1000.0, 0.0, -1000.0, 0.0])
save("nan", [[0.5, 1.0, -0.5, 1.0]], [0.0, 0.0, float("nan"), 0.0])

# Refused, with a reason that tells how to export them.
WEIGHT, BIAS = [[0.5, 1.0, -0.5, 2.0]], [0.0, 0.0, 0.0, -0.5]
save("two_outputs", WEIGHT, BIAS, more=["flat"])
save("one_row", WEIGHT, BIAS, before=[helper.make_node("Reshape", ["image", "one_row"], ["ready"])])
