#!/usr/bin/env python3
"""Tiny ONNX models for the tests: inputs 1x1x2, classes "low" and "high".

Written with onnx 1.23 (`pip install onnx`); run from anywhere, writes beside itself.
"""

import os

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = os.path.dirname(os.path.abspath(__file__))


def save(name, weight, bias, *, batch="batch", softmax=False, metadata=None):
    nodes = [
        helper.make_node("Flatten", ["image"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weight", "bias"], ["logits"]),
    ]
    output = "logits"
    if softmax:
        nodes.append(helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1))
        output = "probabilities"
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, 1, 1, 2])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, [batch, 2])],
        [
            numpy_helper.from_array(np.array(weight, np.float32), "weight"),
            numpy_helper.from_array(np.array(bias, np.float32), "bias"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    for key, value in (metadata or {}).items():
        model.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(model)
    onnx.save(model, os.path.join(HERE, name + ".onnx"))


# "high" where the first value is above one half.
WEIGHT, BIAS = [[0.0, 8.0], [0.0, 0.0]], [0.0, -4.0]
DECLARED = {"drs.sigma": "0.25", "drs.classes": "low,high"}

save("logits", WEIGHT, BIAS, metadata=DECLARED)
save("probabilities", WEIGHT, BIAS, softmax=True, metadata=DECLARED)
save("undeclared", WEIGHT, BIAS)
save("fixed-batch", WEIGHT, BIAS, batch=4, metadata=DECLARED)
save("nan", WEIGHT, [0.0, float("nan")], metadata=DECLARED)
