"""The code of docs/python.md runs as it stands there."""

import re
from pathlib import Path

import numpy as np
import pytest
from analytic import Halfspace

pytest.importorskip("torch", reason="needs PyTorch (cargo xtask python --torch)")

TEXT = (Path(__file__).parents[2] / "docs/python.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def test_every_block_runs(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # What the reader has: three models, images, a data set.
    names = {"near": classifier, "far": classifier, "router": router}
    names["images"] = np.random.default_rng(0).random((2, 3, 32, 32))
    names["dataset"] = (names["images"], [0, 1])
    names |= {"loss": None, "input_shape": (3, 32, 32), "nb_classes": 10, "x": names["images"]}
    assert len(BLOCKS) >= 5
    for block in BLOCKS:
        code = block.replace("n=10_000", "n=500").replace("10_000", "500")
        exec(compile(code, "docs/python.md", "exec"), names)
    printed = capsys.readouterr().out
    assert "Answer(" in printed and "(" in printed


def classifier(batch):
    return Halfspace(classes=10)(batch)


def router(batch):
    return Halfspace(classes=2)(batch)
