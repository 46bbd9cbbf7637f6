"""Packages that pip brings: the wheel is built and installed for real, without a network."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest
from test_command import drs_command

import drs_smoothing as drs
from drs_smoothing import packages

# Older ones do not know an expression of SPDX as the licence.
if int(version("setuptools").partition(".")[0]) < 77:
    pytest.skip("needs setuptools 77 or later to build wheels", allow_module_level=True)

EXAMPLE = Path(__file__).parents[2] / "examples/fashion-mnist"
IMAGE = EXAMPLE / "images/01-ankle-boot.png"
OFFLINE = ("--no-deps", "--no-index", "--disable-pip-version-check", "--quiet")
DESCRIPTION = 'Three "experts" \\ {{name}} for Fashion-MNIST'


def done(*arguments, cwd):
    result = drs_command(*arguments, cwd=cwd)
    assert result.returncode == 0, result.stderr
    return result.stdout


def pip(*arguments):
    command = [sys.executable, "-m", "pip", *map(str, arguments), *OFFLINE]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr + result.stdout


def built(folder, to):
    pip("wheel", folder, "--no-build-isolation", "--wheel-dir", to)
    (wheel,) = Path(to).glob("*.whl")
    return wheel


class Publisher:
    """A pool, packed and signed, in a wheel."""

    def __init__(self, folder):
        self.folder = folder
        self.package = folder / "pool.drsx"
        naming = ("--name", "fashion-mini", "--version", "1.0.0-rc.2", "--license", "MIT", "--description", DESCRIPTION)
        done("expert", "pack", EXAMPLE, *naming, "--no-check", "--out", self.package, cwd=folder)
        self.unsigned = shutil.copy(self.package, folder / "unsigned.drsx")
        done("expert", "keygen", "--no-password", "--out", "p.key", cwd=folder)
        done("expert", "sign", "--key", "p.key", self.package, cwd=folder)
        self.key = (folder / "p.pub").read_text().split()[-1]
        done("expert", "wheel", self.package, cwd=folder)
        self.source = folder / "drs-pool-fashion-mini"
        self.wheel = built(self.source, folder / "dist")

    def changed(self, tmp_path, change):
        """A wheel whose folder was changed before it was built."""
        shutil.copytree(self.source, tmp_path / "changed", ignore=shutil.ignore_patterns("build", "*.egg-info"))
        change(tmp_path / "changed")
        return built(tmp_path / "changed", tmp_path / "dist")


@pytest.fixture(scope="module")
def publisher(tmp_path_factory):
    return Publisher(tmp_path_factory.mktemp("publisher"))


@pytest.fixture
def site(tmp_path, monkeypatch):
    """What a user has: a folder that pip installs into, and a home without packages."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return folder


def bring(site, wheel):
    pip("install", wheel, "--target", site)


def replaced(path, old, new):
    text = path.read_text()
    assert old in text, text
    path.write_text(text.replace(old, new))


def test_the_wheel_is_what_the_package_says(publisher):
    assert publisher.wheel.name == "drs_pool_fashion_mini-1.0.0rc2-py3-none-any.whl"
    with zipfile.ZipFile(publisher.wheel) as wheel:
        files = {name: wheel.read(name) for name in wheel.namelist()}
    assert files["drs_pool_fashion_mini/fashion-mini-1.0.0-rc.2.drsx"] == publisher.package.read_bytes()
    metadata = files["drs_pool_fashion_mini-1.0.0rc2.dist-info/METADATA"].decode()
    for line in ["Name: drs-pool-fashion-mini", "License-Expression: MIT", f"Summary: {DESCRIPTION}"]:
        assert f"\n{line}\n" in metadata, metadata
    assert "Requires-Dist: drs-smoothing>=" in metadata
    entry_points = files["drs_pool_fashion_mini-1.0.0rc2.dist-info/entry_points.txt"].decode()
    assert entry_points.split() == ["[drs.experts]", "fashion-mini", "=", "drs_pool_fashion_mini"]
    readme = (publisher.source / "README.md").read_text()
    assert publisher.key in readme and DESCRIPTION in readme and "{{" not in readme.replace(DESCRIPTION, "")
    assert "--pool fashion-mini@=1.0.0-rc.2 " in readme
    assert "allow_native" not in readme and "allow_unsigned" not in readme


def test_a_pool_goes_from_its_publisher_to_a_user(publisher, site, tmp_path):
    bring(site, publisher.wheel)
    # Looking runs nothing of the publisher's.
    (site / "drs_pool_fashion_mini/__init__.py").write_text("raise SystemExit('imported')")
    (found,) = [found for found in packages.found() if found.name == "fashion-mini"]
    assert (found.version, found.distribution) == ("1.0.0rc2", "drs-pool-fashion-mini")
    assert found.path.read_bytes() == publisher.package.read_bytes()
    assert packages.installed() == []
    with pytest.raises(ValueError, match="not installed"):
        drs.Pool.named("fashion-mini@=1.0.0-rc.2")

    with pytest.raises(packages.PackageError) as refused:
        packages.install("fashion-mini")
    for words in ["drs-pool-fashion-mini 1.0.0rc2", f"--trust {publisher.key}", 'trust="KEY"']:
        assert words in str(refused.value)
    with pytest.raises(packages.PackageError, match="trust: "):
        packages.install("fashion-mini", trust="RWQ")
    other = Path(tmp_path, "other")
    other.mkdir()
    done("expert", "keygen", "--no-password", "--out", "p.key", cwd=other)
    with pytest.raises(packages.PackageError, match="created with a different key"):
        packages.install("fashion-mini", trust=(other / "p.pub").read_text().split()[-1])
    assert packages.installed() == []

    installed = packages.install("fashion-mini", trust=publisher.key)
    assert packages.installed() == [installed]
    assert (installed.name, installed.version, installed.kind) == ("fashion-mini", "1.0.0-rc.2", "pool")
    assert installed.key == publisher.key and (installed.folder / "experts.toml").is_file()
    with drs.Pool.named("fashion-mini@=1.0.0-rc.2") as pool:
        (answer,) = pool.route(IMAGE, n=500, seed=3)
    with drs.Pool.from_toml(EXAMPLE / "experts.toml") as pool:
        (expected,) = pool.route(IMAGE, n=500, seed=3)
    assert (answer.label, answer.radius, answer.class_name) == (expected.label, expected.radius, "Ankle boot")
    with pytest.raises(ValueError, match="fashion-mini@.*not installed"):
        drs.Pool.named("fashion-mini@2")


def test_the_command_takes_what_pip_brought(publisher, site, tmp_path):
    bring(site, publisher.wheel)
    refused = drs_command("expert", "install", "pypi:fashion-mini", cwd=tmp_path)
    assert refused.returncode == 1 and f"--trust {publisher.key}" in refused.stderr, refused.stderr
    refused = drs_command("expert", "install", "pypi:fashion-mine", cwd=tmp_path)
    assert refused.returncode == 1 and refused.stderr.startswith("error: 'fashion-mine'"), refused.stderr
    assert "found: fashion-mini" in refused.stderr and "Traceback" not in refused.stderr
    done("expert", "install", "pypi:fashion-mini", "--trust", publisher.key, cwd=tmp_path)
    told = done("route", "--pool", "fashion-mini@=1.0.0-rc.2", "--n", 500, "--json", IMAGE, cwd=tmp_path)
    assert json.loads(told)["class"] == "Ankle boot"
    # A drs that does not know pip says so.
    refused = drs_command("--memory", "1GiB", "expert", "install", "pypi:fashion-mini", cwd=tmp_path)
    assert refused.returncode == 2 and "python -m drs_smoothing" in refused.stderr, refused.stderr


def test_two_distributions_of_one_name(publisher, site, tmp_path):
    bring(site, publisher.wheel)
    other = lambda folder: replaced(folder / "pyproject.toml", 'name = "drs-pool-fashion-mini"', 'name = "squatter"')
    bring(site, publisher.changed(tmp_path, other))
    for look in (packages.found, lambda: packages.install("fashion-mini", trust=publisher.key)):
        with pytest.raises(packages.PackageError, match="drs-pool-fashion-mini 1.0.0rc2 and squatter 1.0.0rc2"):
            look()
    assert packages.installed() == []


def test_one_distribution_in_two_folders_is_one(publisher, site, tmp_path, monkeypatch):
    bring(site, publisher.wheel)
    shutil.copytree(site, tmp_path / "second")
    monkeypatch.syspath_prepend(str(tmp_path / "second"))
    (found,) = packages.found()
    assert found.path.is_relative_to(tmp_path / "second")


def test_a_distribution_without_a_package(publisher, site, tmp_path):
    def empty(folder):
        next(folder.glob("src/*/*.drsx")).unlink()

    bring(site, publisher.changed(tmp_path, empty))
    for look in (packages.found, lambda: packages.install("fashion-mini")):
        with pytest.raises(packages.PackageError) as refused:
            look()
        for words in ["drs-pool-fashion-mini 1.0.0rc2", "'fashion-mini'", "drs_pool_fashion_mini/", "none found", "expected one"]:
            assert words in str(refused.value)
    # A broken one is not in the way of others.
    with pytest.raises(packages.PackageError, match="no distribution .* found: fashion-mini"):
        packages.install("another")


def test_files_that_are_gone_or_elsewhere(publisher, site):
    bring(site, publisher.wheel)
    (found,) = packages.found()
    moved = found.path.rename(site / "moved.drsx")
    with pytest.raises(packages.PackageError, match="no such file.*--force-reinstall drs-pool-fashion-mini"):
        packages.found()
    record = site / "drs_pool_fashion_mini-1.0.0rc2.dist-info/RECORD"
    inside = f"drs_pool_fashion_mini/{found.path.name}"
    replaced(record, inside, "drs_pool_fashion_mini/../moved.drsx")
    with pytest.raises(packages.PackageError, match="none found"):
        packages.found()
    record.unlink()
    with pytest.raises(packages.PackageError, match="expected RECORD"):
        packages.found()
    assert moved.is_file()


def test_a_package_that_calls_itself_otherwise(publisher, site, tmp_path):
    other = lambda folder: replaced(folder / "pyproject.toml", '"fashion-mini" = "drs', '"cifar10" = "drs')
    bring(site, publisher.changed(tmp_path, other))
    with pytest.raises(packages.PackageError, match="is the package 'fashion-mini', expected 'cifar10'"):
        packages.install("cifar10", trust=publisher.key)
    refused = drs_command("expert", "install", "pypi:cifar10", "--trust", publisher.key, cwd=tmp_path)
    assert refused.returncode == 1 and "expected 'cifar10'" in refused.stderr
    assert packages.installed() == []


def spoilt(path, file):
    """Changes the last byte of a file in a package, as somebody would who knows zip files: its checksum is right."""
    with zipfile.ZipFile(path) as package:
        files = {name: package.read(name) for name in package.namelist()}
    files[file] = files[file][:-1] + bytes([files[file][-1] ^ 1])
    with zipfile.ZipFile(path, "w") as package:
        for name, data in files.items():
            package.writestr(name, data)


@pytest.mark.parametrize("file", ["s025.onnx", "drs.toml"])
def test_a_package_that_somebody_changed(publisher, site, file):
    bring(site, publisher.wheel)
    (found,) = packages.found()
    spoilt(found.path, file)
    with pytest.raises(packages.PackageError) as refused:
        packages.install("fashion-mini", trust=publisher.key)
    assert str(found.path) in str(refused.value) and file in str(refused.value)
    assert packages.installed() == []
    with pytest.raises(ValueError, match="not installed"):
        drs.Pool.named("fashion-mini@=1.0.0-rc.2")


def test_wheels_of_packages_that_are_not_right(publisher, tmp_path):
    refused = drs_command("expert", "wheel", publisher.package, "--out", publisher.source, cwd=tmp_path)
    assert refused.returncode == 1 and "is there already; --out" in refused.stderr
    bad = tmp_path / "bad.drsx"
    shutil.copy(publisher.package, bad)
    spoilt(bad, "s100.onnx")
    refused = drs_command("expert", "wheel", "bad.drsx", "--out", "w", cwd=tmp_path)
    assert refused.returncode == 1 and "bad.drsx: s100.onnx: its sha256" in refused.stderr, refused.stderr
    bad.write_bytes(publisher.package.read_bytes()[:-500])
    refused = drs_command("expert", "wheel", "bad.drsx", "--out", "w", cwd=tmp_path)
    assert refused.returncode == 1 and "bad.drsx" in refused.stderr and not (tmp_path / "w").exists()
    naming = ("--name", "odd", "--version", "1.0.0-dev.1", "--license", "MIT")
    done("expert", "pack", EXAMPLE, *naming, "--no-check", "--out", "odd.drsx", cwd=tmp_path)
    refused = drs_command("expert", "wheel", "odd.drsx", cwd=tmp_path)
    assert refused.returncode == 1 and "odd.drsx: version: 1.0.0-dev.1 found" in refused.stderr, refused.stderr


def test_a_package_that_nobody_signed(publisher, site, tmp_path):
    told = drs_command("expert", "wheel", publisher.unsigned, "--out", "w", cwd=tmp_path)
    assert told.returncode == 0 and "nobody has signed" in told.stderr, told.stderr
    assert 'install("fashion-mini", allow_unsigned=True)' in (tmp_path / "w/README.md").read_text()
    bring(site, built(tmp_path / "w", tmp_path / "dist"))
    with pytest.raises(packages.PackageError, match="allow_unsigned=True"):
        packages.install("fashion-mini")
    assert packages.install("fashion-mini", allow_unsigned=True).key is None


@pytest.mark.skipif(os.name != "posix", reason="libraries are called otherwise")
def test_a_plugin_needs_consent(site, tmp_path):
    # The plugin onnx under another name stands for anybody's.
    ours = Path(drs.__file__).parent / "plugins/libdrs_expert_onnx.so"
    shutil.copy(ours, tmp_path / "libdrs_expert_mine.so")
    naming = ("--name", "mine", "--version", "0.1.0", "--license", "MIT")
    done("expert", "pack", "libdrs_expert_mine.so", *naming, cwd=tmp_path)
    done("expert", "wheel", "mine-0.1.0.drsx", cwd=tmp_path)
    readme = (tmp_path / "drs-expert-mine/README.md").read_text()
    assert "py3-none-any" in readme and "allow_native=True" in readme and "plugin `mine`" in readme
    bring(site, built(tmp_path / "drs-expert-mine", tmp_path / "dist"))
    with pytest.raises(packages.PackageError, match="allow_native=True"):
        packages.install("mine", allow_unsigned=True)
    installed = packages.install("mine", allow_unsigned=True, allow_native=True)
    assert installed.kind == "plugin"
    with pytest.raises(ValueError, match="mine.* is a plugin, expected a pool"):
        drs.Pool.named("mine")
