"""Packages of experts: those that pip has brought, and those that are installed for drs.

    $ pip install drs-pool-cifar10

    from drs_smoothing import Pool, packages

    packages.found()                                     # what pip has brought
    packages.install("cifar10", trust="RWQ…")            # checked and installed, as by `drs expert install`
    pool = Pool.named("cifar10@1.0")

A distribution carries a package as a file `.drsx` in its module, and names the module by an entry point of the group
`drs.experts`. Only what pip has noted of the distribution is read: the module is never imported.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from . import _carried, _drs
from ._carried import Found
from ._errors import PackageError

__all__ = ["Found", "Installed", "PackageError", "find", "found", "install", "installed"]


@dataclass(frozen=True)
class Installed:
    """A package that is installed for drs.

    Attributes:
        name, version: of the package. `Pool.named` takes them.
        kind: `"pool"` or `"plugin"`.
        key: who signed it; None if nobody did.
        folder: where its files are.
    """

    name: str
    version: str
    kind: str
    key: Optional[str]
    folder: Path


def found() -> list[Found]:
    """Packages that installed distributions carry, by name; for drs they are not installed yet.

    Raises:
        PackageError: if a distribution names a package that it does not have, or two have one name.
    """
    return [_carried.only(name, claims) for name, claims in sorted(_carried.claims().items())]


def find(name: str) -> Found:
    """The package of this name that an installed distribution carries. Others are not looked at.

    Raises:
        PackageError: if none has it, two have it, or the package calls itself otherwise.
    """
    claims = _carried.claims()
    if name not in claims:
        there = ", ".join(sorted(claims)) or "none"
        raise PackageError(
            f"{name!r}: no distribution that pip has installed carries such a package, found: {there}; "
            "expected one with an entry point of this name in the group drs.experts: pip install the publisher's"
        )
    carried = _carried.only(name, claims[name])
    told = _told(carried, _drs.package, carried.path)
    if told["name"] != name:
        raise PackageError(
            f"{carried.distribution} {carried.version}: {carried.path} is the package {told['name']!r}, "
            f"expected {name!r}, as its entry point is called: tell its publisher; `drs expert wheel` makes a folder that is right"
        )
    return carried


def install(
    name: str,
    *,
    trust: Optional[str] = None,
    allow_native: bool = False,
    allow_unsigned: bool = False,
    allow_downgrade: bool = False,
) -> Installed:
    """Installs the package of this name that an installed distribution carries, as `drs expert install` does: signature and
    every byte are checked, and it is then there as a whole or not at all.

    Args:
        name: as in `found()`.
        trust: the public key of its publisher, to be believed if none is believed for this name yet.
        allow_native: install code, which can do whatever you can.
        allow_unsigned: install it although nobody has signed it.
        allow_downgrade: install it although a newer version is installed.

    Raises:
        PackageError: if there is none, it is not what it should be, or it needs more consent.
    """
    carried = find(name)
    consent = (trust, allow_native, allow_unsigned, allow_downgrade)
    return _installed(_told(carried, _drs.install_package, carried.path, *consent))


def installed() -> list[Installed]:
    """Packages that are installed for drs, however they came here. No code of theirs is run.

    Raises:
        PackageError: if they cannot be read.
    """
    try:
        told = json.loads(_drs.installed_packages())
    except ValueError as problem:
        raise PackageError(str(problem)) from None
    return [_installed(one) for one in told]


def _installed(told: dict[str, Any]) -> Installed:
    return Installed(told["name"], told["version"], told["kind"], told["key"], Path(told["folder"]))


# What the command calls them.
_OPTIONS = {
    "--trust": 'trust="KEY"',
    "--allow-native": "allow_native=True",
    "--allow-unsigned": "allow_unsigned=True",
    "--allow-downgrade": "allow_downgrade=True",
}


def _told(carried: Found, asked: Any, *arguments: Any) -> dict[str, Any]:
    """What the native half tells; its refusals name the distribution too."""
    try:
        told: dict[str, Any] = json.loads(asked(*arguments))
    except (ValueError, OSError) as problem:
        words = str(problem)
        here = [f"{option} is {argument}" for option, argument in _OPTIONS.items() if option in words]
        here = [f"In Python {', '.join(here)}."] if here else []
        raise PackageError("\n".join([f"{carried.distribution} {carried.version}: {words}", *here])) from None
    return told
