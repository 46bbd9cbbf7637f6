"""The command `drs`: `python -m drs_smoothing route --experts experts.toml image.png`."""

from __future__ import annotations

import signal
import sys


def main() -> int:
    # Ctrl-C is the command's own: it stops a run so that it can go on. Set before Python would raise KeyboardInterrupt.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from . import _drs, _install
    from ._kinds import interpreter

    _install.find_onnx_runtime()
    _drs.runs_on(interpreter())
    return _drs.main(["drs", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
