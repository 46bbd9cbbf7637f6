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

save("fixed-one", WEIGHT, BIAS, batch=1, metadata=DECLARED)


def save_graph(name, nodes, input_info, outputs, weights=(), domains=()):
    """Any other graph; its weights are those of the class scores."""
    constants = {"weight": np.array(WEIGHT, np.float32), "bias": np.array(BIAS, np.float32), **dict(weights)}
    used = {value for node in nodes for value in node.input}
    initializers = [numpy_helper.from_array(v, k) for k, v in constants.items() if k in used]
    graph = helper.make_graph(nodes, name, [input_info], outputs, initializers)
    opsets = [helper.make_opsetid("", 13)] + [helper.make_opsetid(domain, 1) for domain in domains]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    for key, value in DECLARED.items():
        model.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(model)
    onnx.save(model, os.path.join(HERE, name + ".onnx"))


def image(kind=TensorProto.FLOAT, dims=("batch", 1, 1, 2)):
    return helper.make_tensor_value_info("image", kind, dims)


def scores(name="logits", kind=TensorProto.FLOAT, dims=("batch", 2)):
    return helper.make_tensor_value_info(name, kind, dims)


FLAT = helper.make_node("Flatten", ["image"], ["flat"])
GEMM = helper.make_node("Gemm", ["flat", "weight", "bias"], ["logits"])

# Several outputs: of these, "reversed" votes for the other class, "label" is no score.
save_graph(
    "several-outputs",
    [
        FLAT,
        GEMM,
        helper.make_node("Neg", ["logits"], ["reversed"]),
        helper.make_node("ArgMax", ["logits"], ["label"], axis=1, keepdims=0),
    ],
    image(),
    [scores("label", TensorProto.INT64, ("batch",)), scores("reversed"), scores("logits")],
)
save_graph("label", [FLAT, GEMM, helper.make_node("ArgMax", ["logits"], ["label"], axis=1, keepdims=0)], image(), [scores("label", TensorProto.INT64, ("batch",))])
save_graph("bytes", [helper.make_node("Cast", ["image"], ["floats"], to=TensorProto.FLOAT), helper.make_node("Flatten", ["floats"], ["flat"]), GEMM], image(TensorProto.UINT8), [scores()])
# As a global pooling leaves them.
save_graph(
    "pooled",
    [FLAT, GEMM, helper.make_node("Unsqueeze", ["logits", "axes"], ["maps"])],
    image(),
    [scores("maps", dims=("batch", 2, 1, 1))],
    {"axes": np.array([2, 3], np.int64)},
)
# One score: the logit of "high", above 0 where the first value is above one half.
save_graph(
    "one-score",
    [FLAT, helper.make_node("Gemm", ["flat", "column", "minus"], ["logit"])],
    image(),
    [scores("logit", dims=("batch", 1))],
    {"column": np.array([[8.0], [0.0]], np.float32), "minus": np.array([-4.0], np.float32)},
)
# Channels last, by the sizes that it declares.
save_graph("channels-last", [FLAT, GEMM], image(dims=("batch", 1, 2, 1)), [scores()])
save_graph("flat", [helper.make_node("Gemm", ["image", "weight", "bias"], ["logits"])], image(dims=("batch", 2)), [scores()])
for name, kind, numbers in [("half", TensorProto.FLOAT16, np.float16), ("double", TensorProto.DOUBLE, np.float64)]:
    own = {"weight": np.array(WEIGHT, numbers), "bias": np.array(BIAS, numbers)}
    save_graph(name, [FLAT, GEMM], image(kind), [scores(kind=kind)], own)
# An operator of another domain, as scikit-learn's converter writes.
save_graph(
    "classical",
    [
        FLAT,
        helper.make_node(
            "LinearClassifier",
            ["flat"],
            ["label", "logits"],
            domain="ai.onnx.ml",
            coefficients=[0.0, 0.0, 8.0, 0.0],
            intercepts=[0.0, -4.0],
            classlabels_ints=[0, 1],
            post_transform="NONE",
        ),
    ],
    image(),
    [scores("label", TensorProto.INT64, ("batch",)), scores()],
    domains=["ai.onnx.ml"],
)
# The output is the input itself.
save_graph("passed-on", [helper.make_node("Identity", ["image"], ["unused"])], image(dims=("batch", 2)), [scores("image")])
