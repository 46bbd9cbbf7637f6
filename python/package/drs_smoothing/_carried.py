"""Packages that installed distributions carry, from what pip has noted. Nothing of a distribution is imported."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path, PurePosixPath

from ._errors import PackageError

GROUP = "drs.experts"


@dataclass(frozen=True)
class Found:
    """A package that an installed distribution carries.

    Attributes:
        name: of the package.
        version: of the distribution, as Python writes it: 1.0.0rc1 for 1.0.0-rc.1.
        path: of the package's file.
        distribution: what pip calls it.
    """

    name: str
    version: str
    path: Path
    distribution: str


Claim = tuple[Distribution, EntryPoint]


def claims() -> dict[str, list[Claim]]:
    """Who says to have which package."""
    by_name: dict[str, list[Claim]] = {}
    seen = set()
    for distribution in distributions():
        plain = re.sub(r"[-_.]+", "-", _name(distribution)).lower()
        # Of one name, the first is the one that is imported. Remains of an uninstalled one have no name.
        if not plain or plain in seen:
            continue
        seen.add(plain)
        for point in distribution.entry_points.select(group=GROUP):
            by_name.setdefault(point.name, []).append((distribution, point))
    return by_name


def only(name: str, claimed: list[Claim]) -> Found:
    """The package of a name that one alone may have."""
    if len(claimed) > 1:
        those = " and ".join(sorted(_called(distribution) for distribution, _ in claimed))
        raise PackageError(
            f"{name!r}: entry points of this name in the group {GROUP} found in {those}, expected one alone: "
            "pip uninstall the distribution that you do not mean"
        )
    ((distribution, point),) = claimed
    return _found(distribution, point)


def _found(distribution: Distribution, point: EntryPoint) -> Found:
    field = f"{_called(distribution)}: entry point {point.name!r} of the group {GROUP}"
    module = PurePosixPath(*point.value.partition(":")[0].strip().split("."))
    files = distribution.files
    if files is None:
        raise PackageError(f"{field}: pip has no list of the distribution's files, expected RECORD: {_again(distribution)}")
    inside = [file for file in files if module in file.parents and ".." not in file.parts]
    carried = [file for file in inside if file.suffix == ".drsx"]
    if len(carried) != 1:
        names = ", ".join(str(file) for file in carried) or "none"
        raise PackageError(
            f"{field}: files .drsx in {module}/: {names} found, expected one. An editable install has none: {_again(distribution)}. "
            "If that does not help, tell its publisher; `drs expert wheel` makes a folder that is right"
        )
    path = Path(str(distribution.locate_file(carried[0])))
    if not path.is_file():
        raise PackageError(f"{field}: {path}: no such file, expected the package, as pip has noted: {_again(distribution)}")
    return Found(point.name, distribution.version, path, _name(distribution))


def _name(distribution: Distribution) -> str:
    metadata = distribution.metadata
    return metadata["Name"] if metadata is not None and "Name" in metadata else ""


def _called(distribution: Distribution) -> str:
    return f"{_name(distribution)} {distribution.version}"


def _again(distribution: Distribution) -> str:
    return f"pip install --force-reinstall {_name(distribution)}"
