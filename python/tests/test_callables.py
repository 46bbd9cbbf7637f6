"""What an expert may be, and what is said of callables that are none."""

import numpy as np
import pytest
from analytic import SHAPE, Halfspace, at_distance

import drs_smoothing as drs


def label_of(called, **options):
    (answer,) = drs.Pool([drs.Expert(called, sigma=0.5, **options)]).route(at_distance(0.4), n=500)
    return answer.label


def test_functions_classes_and_votes_are_experts():
    assert label_of(Halfspace()) == 1
    assert label_of(lambda batch: Halfspace()(batch)) == 1
    assert label_of(lambda batch: Halfspace()(batch).argmax(1), classes=2) == 1
    assert label_of(lambda batch: Halfspace()(batch).astype(np.float64)) == 1
    # Some callables write to their input.
    assert label_of(lambda batch: Halfspace()(np.add(batch, 0, out=batch))) == 1


def test_votes_do_not_tell_the_classes():
    with pytest.raises(RuntimeError, match="give classes="):
        label_of(lambda batch: Halfspace()(batch).argmax(1))


def test_ties_vote_for_the_lowest_class():
    answer = drs.Smooth(lambda batch: np.zeros((len(batch), 3)), 3, 0.5).certify(at_distance(0), 10, 100, 0.01, 10, certificate=True)
    assert answer.label == 0


def test_an_onnx_session_is_an_expert(tmp_path):
    onnx = pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper

    weights = np.stack([-np.ones(16), np.ones(16)], axis=1).astype(np.float32)
    initializers = [
        helper.make_tensor("w", TensorProto.FLOAT, [16, 2], weights.ravel()),
        helper.make_tensor("b", TensorProto.FLOAT, [2], [8.0, -8.0]),
    ]
    nodes = [helper.make_node("Flatten", ["x"], ["flat"]), helper.make_node("Gemm", ["flat", "w", "b"], ["logits"])]
    values = lambda name, dims: helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)
    graph = helper.make_graph(nodes, "g", [values("x", ["n", *SHAPE])], [values("logits", ["n", 2])], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    assert label_of(session) == 1
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    from_file = runtime.InferenceSession(str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"])
    (known,) = drs.Pool([drs.Expert(from_file, sigma=0.5)], shape=SHAPE).models
    assert [file["name"] for file in known["files"]] == ["m.onnx"] and "onnxruntime" in known["plugin"]
    model.graph.initializer[1].float_data[0] = 7.0
    other = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    digests = [drs.Pool([drs.Expert(each, sigma=0.5)], shape=SHAPE).models[0]["config_sha256"] for each in (session, other)]
    assert digests[0] != digests[1]
    assert drs.Smooth(session, 2, 0.5).certify(at_distance(-0.4), 50, 500, 0.01, 64)[0] == 0


def raises(batch):
    raise KeyError("what went wrong")


@pytest.mark.parametrize(
    "called, options, words",
    [
        (raises, {"classes": 2}, r"KeyError: 'what went wrong' \(.*test_callables.py, line"),
        (lambda batch: np.full((len(batch), 2), np.nan), {}, "output for class 0 is nan, expected a finite number"),
        (lambda batch: np.tile([0, np.inf], (len(batch), 1)), {}, "output for class 1 is inf"),
        (lambda batch: np.zeros((len(batch), 1)), {}, "1 classes, expected at least 2"),
        (lambda batch: np.zeros((len(batch), 1)), {"classes": 2}, r"an output of shape \[64, 1\] found"),
        (lambda batch: np.zeros((3, 2)), {"classes": 2}, r"an output of shape \[3, 2\] found, expected logits \[64, classes\]"),
        (lambda batch: np.zeros(len(batch)), {"classes": 2}, "votes of float64 found, expected integers"),
        (lambda batch: np.full(len(batch), -1), {"classes": 2}, "a vote for -1"),
        (lambda batch: np.full(len(batch), 2), {"classes": 2}, "a vote for class 2, expected an index below 2"),
        (lambda batch: None, {"classes": 2}, "found, expected logits"),
        (Halfspace(3), {"classes": 2}, "3 logits found, expected 2, one for each class"),
        (Halfspace(), {"classes": "cat,dog"}, 'classes: "cat,dog" found, expected a list of names'),
        (lambda batch: Halfspace()(batch) - Halfspace()(batch).mean(0), {}, "depend on"),
        (Halfspace(), {"takes": "jax"}, 'takes = "jax" found'),
        (Halfspace(), {"tolerance": 0.5}, "a tolerance of 0.5, expected 0 to 0.05"),
    ],
)
def test_what_is_no_expert_is_refused(called, options, words):
    with pytest.raises(RuntimeError, match=words):
        label_of(called, **options)


def test_sigma_and_callables_are_checked_at_once():
    with pytest.raises(TypeError, match="int is not callable"):
        drs.Expert(3, sigma=0.5)
    with pytest.raises(RuntimeError, match="sigma: 0.0 found, expected a number above 0"):
        drs.Pool([drs.Expert(Halfspace(), sigma=0, name="a")], shape=SHAPE).classes
