"""Live PyTorch modules: devices, modes, weights, and a copy of the usual certify.py."""

import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from analytic import SHAPE, at_distance

torch = pytest.importorskip("torch", reason="needs PyTorch (cargo xtask python --torch)")

import drs_smoothing as drs


class Halfspace(torch.nn.Module):
    """Class 1 where the mean of the pixels is above one half."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(16, 2)
        with torch.no_grad():
            self.linear.weight.copy_(torch.stack([-torch.ones(16), torch.ones(16)]))
            self.linear.bias.copy_(torch.tensor([8.0, -8.0]))

    def forward(self, x):
        return self.linear(x.flatten(1))


class Net(torch.nn.Module):
    """With all that depends on the mode: batch normalisation and dropout."""

    def __init__(self, classes=5):
        super().__init__()
        torch.manual_seed(0)
        self.layers = torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.BatchNorm2d(8), torch.nn.ReLU(), torch.nn.Dropout(0.5),
            torch.nn.Flatten(), torch.nn.Linear(8 * 64, classes),
        )

    def forward(self, x):
        return self.layers(x)


def tensor(distance):
    return torch.from_numpy(at_distance(distance)).float()


def test_a_module_is_certified_and_radii_hold():
    smooth = drs.Smooth(Halfspace(), 2, 0.5)
    label, radius = smooth.certify(tensor(0.4), 100, 5000, 0.001, 128)
    assert label == 1 and 0.3 < radius <= 0.4 + 1e-6
    assert smooth.certify(tensor(-0.4), 100, 5000, 0.001, 128)[0] == 0
    assert smooth.predict(tensor(0.4), 1000, 0.001, 128) == 1


def test_votes_are_those_of_the_module_on_the_same_noise():
    seen = []
    module = Halfspace().eval()

    def spy(batch):
        seen.append(batch.clone())
        return module(batch)

    counts = drs.Smooth(spy, 2, 0.5)._sample_noise(tensor(0.2), 640, 64, seed=3)
    again = drs.Smooth(module, 2, 0.5)._sample_noise(tensor(0.2), 640, 64, seed=3)
    assert (counts == again).all() and counts.sum() == 640
    # On the lattice of pixels, and far beyond its ends.
    levels = torch.cat(seen) * 255
    assert (levels.round() - levels).abs().max() < 0.01
    assert levels.min() < -255 and levels.max() > 510


def test_smooth_puts_a_module_in_eval_mode_and_an_expert_asks_for_it():
    net = Net().train()
    smooth = drs.Smooth(net, 5, 0.25)
    smooth.certify(torch.rand(3, 8, 8), 50, 200, 0.01, 32)
    assert not net.training
    net.train()
    with pytest.raises(RuntimeError, match=r"is in train mode.*\.eval\(\)"):
        next(drs.Pool([drs.Expert(net, sigma=0.25)]).route(torch.rand(3, 8, 8)))
    pool = drs.Pool([drs.Expert(net.eval(), sigma=0.25)])
    next(pool.route(torch.rand(3, 8, 8), n=200))
    net.train()
    with pytest.raises(RuntimeError, match="train mode"):
        next(pool.route(torch.rand(3, 8, 8), n=200))


def test_weights_that_change_make_another_model():
    module = Halfspace().eval()
    pool = drs.Pool([drs.Expert(module, sigma=0.5)])
    first = next(pool.route(tensor(0.4), n=500))
    with torch.no_grad():
        module.linear.weight.neg_()
        module.linear.bias.neg_()
    second = next(pool.route(tensor(0.4), n=500))
    assert (first.label, second.label) == (1, 0)
    models = [answer.record["provenance"]["models"][0] for answer in (first, second)]
    assert models[0]["config_sha256"] != models[1]["config_sha256"]
    assert models[0]["files"] == models[1]["files"] and models[0]["files"][0]["name"] == "test_torch.py"
    assert "torch 2." in models[0]["plugin"]


def test_weights_that_are_written_through_data_are_found_out():
    module = Halfspace().eval()
    pool = drs.Pool([drs.Expert(module, sigma=0.5)])
    first = next(pool.route(tensor(0.4), n=500))
    module.linear.weight.data.mul_(-1)
    module.linear.bias.data.mul_(-1)
    second = next(pool.route(tensor(0.4), n=500))
    assert (first.label, second.label) == (1, 0)
    digests = [answer.record["provenance"]["models"][0]["config_sha256"] for answer in (first, second)]
    assert digests[0] != digests[1]
    stream = pool.route([tensor(0.4)] * 50, n=500)
    next(stream)
    module.linear.bias.data.add_(0.1)
    with pytest.raises(RuntimeError, match="changed while it was asked"):
        list(stream)


def test_digests_tell_layers_and_hidden_buffers_apart():
    from drs_smoothing._kinds import state_digest

    nn = torch.nn
    assert state_digest(nn.Sequential(nn.ReLU())) != state_digest(nn.Sequential(nn.Tanh()))
    hidden = [nn.Identity(), nn.Identity()]
    for module, value in zip(hidden, (1.0, 2.0)):
        module.register_buffer("mean", torch.full((2000,), value), persistent=False)
    assert state_digest(hidden[0]) != state_digest(hidden[1])


def test_modules_with_hooks_run_one_call_at_a_time():
    from drs_smoothing._experts import may_run_at_once

    module = Halfspace().eval()
    assert may_run_at_once(module)
    module.linear.register_forward_hook(lambda *_: None)
    assert not may_run_at_once(module) and not may_run_at_once(lambda batch: batch)


def test_other_types_of_numbers():
    for dtype in (torch.float64, torch.bfloat16, torch.float16):
        module = Halfspace().eval().to(dtype)
        assert drs.Smooth(module, 2, 0.5).certify(tensor(0.5), 50, 500, 0.01, 64)[0] == 1


def test_not_finite_and_wrong_outputs_are_named():
    for called, words in [
        (lambda batch: torch.full((len(batch), 2), torch.nan), "output for class 0 is nan"),
        (lambda batch: batch.flatten(1)[:, :1], "expected logits"),
        (lambda batch: [1, 2], "list found, expected a tensor"),
    ]:
        with pytest.raises(RuntimeError, match=words):
            drs.Smooth(called, 2, 0.5).certify(tensor(0.2), 10, 10, 0.01, 8)


def test_ties_vote_for_the_lowest_class():
    same = lambda batch: torch.zeros(len(batch), 7)
    assert drs.Smooth(same, 7, 0.5).certify(tensor(0), 10, 100, 0.01, 10)[0] == 0


def test_batch_normalisation_in_train_mode_is_found_out():
    net = Net().train()
    with pytest.raises(RuntimeError, match="depend"):
        drs.Smooth(lambda batch: net(batch), 5, 0.25).certify(torch.rand(3, 8, 8), 50, 200, 0.01, 32)


def test_a_torch_data_set_with_class_names(tmp_path):
    class Data(torch.utils.data.Dataset):
        classes = ["dark", "bright"]

        def __len__(self):
            return 6

        def __getitem__(self, index):
            distance = 0.3 * (index - 2.5)
            return tensor(distance), int(distance > 0)

    # By name: the experts count the other way round.
    def swapped(batch):
        return Halfspace()(batch).flip(1)

    pool = drs.Pool([drs.Expert(swapped, sigma=0.5, classes=["bright", "dark"], takes="torch")])
    results = pool.certify(Data(), tmp_path / "out.tsv", n=2000, seed=1, progress=False)
    assert [record["label"] for record in results] == [1, 1, 1, 0, 0, 0]
    assert results.certified_accuracy(0) == 1.0
    assert [answer.label for answer in results.answers()] == [1, 1, 1, 0, 0, 0]


# As the repositories of the field have it, written anew: only the import would be another.
CERTIFY = """
    import datetime
    import sys
    from time import time

    import torch
    from drs_smoothing import Smooth

    sys.path.insert(0, {here!r})
    from test_torch import Halfspace, tensor

    base_classifier = Halfspace()
    smoothed_classifier = Smooth(base_classifier, 2, 0.5)
    f = open("log.tsv", "w")
    print("idx\\tlabel\\tpredict\\tradius\\tcorrect\\ttime", file=f, flush=True)
    dataset = [(tensor(0.1 * i), int(i > 0)) for i in range(-4, 5)]
    for i in range(len(dataset)):
        if i % 2 != 0:
            continue
        (x, label) = dataset[i]
        before_time = time()
        prediction, radius = smoothed_classifier.certify(x, 100, 1000, 0.001, 400)
        correct = int(prediction == label)
        time_elapsed = str(datetime.timedelta(seconds=(time() - before_time)))
        print("{{}}\\t{{}}\\t{{}}\\t{{:.3}}\\t{{}}\\t{{}}".format(i, label, prediction, radius, correct, time_elapsed), file=f, flush=True)
    f.close()
"""


def test_the_usual_certify_py_runs_with_another_import(tmp_path):
    script = tmp_path / "certify.py"
    script.write_text(textwrap.dedent(CERTIFY.format(here=os.path.dirname(__file__))))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(os.path.abspath(path) for path in sys.path)}
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    log = drs.read_log(tmp_path / "log.tsv")
    assert len(log) == 5 and log.certified_accuracy(0) >= 0.8
    assert [row["predict"] for row in log if row["idx"] != 4] == [0, 0, 1, 1]
