"""The command `drs`: `python -m drs_smoothing route --experts experts.toml image.png`."""

from __future__ import annotations

import signal
import sys


def main() -> int:
    # Ctrl-C is the command's own: it stops a run so that it can go on. Set before Python would raise KeyboardInterrupt.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from . import _drs, _install
    from ._errors import PackageError
    from ._kinds import interpreter

    arguments = sys.argv[1:]
    if arguments[:2] == ["expert", "install"]:
        try:
            arguments = [_package(argument) for argument in arguments]
        except PackageError as problem:
            print(f"error: {problem}", file=sys.stderr)
            return 1
    _install.find_onnx_runtime()
    _drs.runs_on(interpreter())
    return _drs.main(["drs", *arguments])


def _package(argument: str) -> str:
    """`pypi:NAME` as the path of the package of this name that pip has brought."""
    from . import packages

    prefix, colon, name = argument.partition(":")
    return str(packages.find(name).path) if (prefix, colon) == ("pypi", ":") else argument


if __name__ == "__main__":
    sys.exit(main())
