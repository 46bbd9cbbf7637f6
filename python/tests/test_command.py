"""The command `drs` in the interpreter's process, and experts.toml with callables."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from analytic import at_distance

import drs_smoothing as drs

EXPERTS = """
[input]
shape = [1, 4, 4]
quantum = "1/255"
[[expert]]
name = "half"
plugin = "python"
config = { CONFIG, sigma = 0.5 }
"""

FACTORY = """
import numpy as np
def halfspace(scale=1.0):
    def classify(batch):
        above = scale * (batch.reshape(len(batch), -1).mean(axis=1) - 0.5)
        return np.stack([-above, above], axis=1)
    return classify
"""


def drs_command(*arguments, cwd, path=()):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([*map(str, path), *filter(None, sys.path)])}
    command = [sys.executable, "-m", "drs_smoothing", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120)


@pytest.fixture
def place(tmp_path):
    (tmp_path / "factory.py").write_text(FACTORY)
    np.save(tmp_path / "x.npy", at_distance(0.3))
    return tmp_path


def write(place, config):
    (place / "experts.toml").write_text(EXPERTS.replace("CONFIG", config))


@pytest.mark.parametrize("isolate", [(), ("--isolate",)])
def test_callables_are_experts_of_the_command(place, isolate):
    write(place, 'file = "factory.py", callable = "halfspace", arguments = { scale = 2.0 }')
    done = drs_command("route", "--experts", "experts.toml", "--json", "--n", 500, *isolate, "x.npy", cwd=place)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["class"] == "1"
    (model,) = answer["certificate"]["provenance"]["models"]
    assert [file["name"] for file in model["files"]] == ["factory.py"]
    assert model["plugin"].startswith("python ")


def test_modules_are_found_by_their_names(place):
    write(place, 'callable = "factory:halfspace"')
    done = drs_command("route", "--experts", "experts.toml", "--n", 500, "x.npy", cwd=place, path=[place])
    assert done.returncode == 0 and "half" in done.stdout, done.stderr


def test_modules_that_are_installed_elsewhere_are_recorded(place, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("site")
    (elsewhere / "installed.py").write_text(FACTORY)
    write(place, 'callable = "installed:halfspace"')
    done = drs_command("route", "--experts", "experts.toml", "--json", "--n", 500, "x.npy", cwd=place, path=[elsewhere])
    assert done.returncode == 0, done.stderr
    (model,) = json.loads(done.stdout)["certificate"]["provenance"]["models"]
    assert [file["name"] for file in model["files"]] == ["installed.py"]


def test_files_that_arguments_name_are_recorded_and_are_those_that_are_read(place):
    (place / "factory.py").write_text(FACTORY + """
def from_file(weights):
    return halfspace(float(open(weights).read()))
""")
    (place / "w.txt").write_text("1.0")
    write(place, 'file = "factory.py", callable = "from_file", arguments = { weights = "w.txt" }')
    elsewhere = place / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "w.txt").write_text("-1.0")
    command = ("route", "--experts", place / "experts.toml", "--json", "--n", 500, place / "x.npy")
    done = drs_command(*command, cwd=elsewhere)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    models = answer["certificate"]["provenance"]["models"]
    assert (answer["class"], [file["name"] for file in models[0]["files"]]) == ("1", ["factory.py", "w.txt"])
    (place / "w.txt").write_text("-1.0")
    assert json.loads(drs_command(*command, cwd=elsewhere).stdout)["class"] == "0"


def test_experts_have_helpers_of_their_own(place):
    toml = EXPERTS.split("[[expert]]")[0]
    for name, sign in [("near", 1), ("far", -1)]:
        (place / name).mkdir()
        (place / name / "helper.py").write_text(f"SIGN = {sign}")
        (place / name / "expert.py").write_text(FACTORY + "import helper\ndef made():\n    return halfspace(helper.SIGN)\n")
        config = f'file = "{name}/expert.py", sources = ["{name}/helper.py"], callable = "made", sigma = 0.5'
        toml += f'[[expert]]\nname = "{name}"\nplugin = "python"\nconfig = {{ {config} }}\n'
    (place / "experts.toml").write_text(toml)
    for name, expected in [("near", "1"), ("far", "0")]:
        done = drs_command("route", "--experts", "experts.toml", "--method", f"one:{name}", "--json", "--n", 500, "x.npy", cwd=place)
        assert json.loads(done.stdout)["class"] == expected, done.stderr


@pytest.mark.parametrize(
    "config, words",
    [
        ('callable = "nowhere:halfspace"', "no module nowhere found"),
        ('callable = "factory"', 'expected "package.module:function"'),
        ('file = "factory.py", callable = "other"', "no function other"),
        ('file = "absent.py", callable = "halfspace"', "absent.py"),
        ('file = "factory.py"', "config.callable: missing"),
        ('file = "factory.py", callable = "halfspace", clases = 2', "config.clases: not a key"),
        ('file = "factory.py", callable = "halfspace", arguments = { size = 3 }', "unexpected keyword argument 'size'"),
        ('live = 0', "live: no such callable"),
        ('live = -1, callable = "halfspace"', "live: no such callable"),
        ('live = 0, file = "factory.py", callable = "halfspace"', "config.live: found with file"),
        ('file = "factory.py", callable = "halfspace", source = ["x.npy"]', "config.source: not a key"),
    ],
)
def test_mistakes_are_named(place, config, words):
    write(place, config)
    done = drs_command("route", "--experts", "experts.toml", "--n", 500, "x.npy", cwd=place, path=[place])
    assert done.returncode == 1 and words in done.stderr, done.stderr
    assert "expert half" in done.stderr


def test_a_pool_from_a_file(place):
    write(place, 'file = "factory.py", callable = "halfspace"')
    pool = drs.Pool.from_toml(place / "experts.toml")
    assert pool.experts == [("half", 0.5)] and pool.classes == ["0", "1"]
    (answer,) = pool.route(place / "x.npy", n=500)
    assert answer.label == 1
    with pytest.raises(ValueError, match="absent.toml"):
        drs.Pool.from_toml(place / "absent.toml")


def test_help_and_wrong_usage(place):
    assert "Usage: drs" in drs_command("--help", cwd=place).stdout
    assert drs_command("rout", cwd=place).returncode == 2
