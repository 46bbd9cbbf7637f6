#!/usr/bin/env python3
"""Tiny ONNX models for the conformance suite: any input, classes by its mean.

Written with onnx 1.23 (`pip install onnx`); run from anywhere, writes beside itself.
"""

import os

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = os.path.dirname(os.path.abspath(__file__))


def save(name, weight, bias):
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weight", "bias"], ["logits"]),
    ]
    dims = ["batch", 1, "height", "width"]
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, dims)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", len(bias)])],
        [
            numpy_helper.from_array(np.array(weight, np.float32), "weight"),
            numpy_helper.from_array(np.array(bias, np.float32), "bias"),
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
