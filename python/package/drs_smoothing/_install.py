"""Tells the native half where this package is."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

from . import _drs

# What names the library of ONNX Runtime.
VARIABLE = "ORT_DYLIB_PATH"


def once() -> None:
    """To be called before anything else of the native half."""
    folder = Path(__file__).resolve().parent / "plugins"
    # Not `-m`: that would look for modules in the working folder first.
    start = "import sys; from drs_smoothing.__main__ import main; sys.exit(main())"
    start = f"import sys; sys.path[:] = {[path for path in sys.path if path]!r}; {start}"
    _drs.install(_drs.__file__, folder, sys.executable or "python3", ["-c", start])


def find_onnx_runtime() -> None:
    """Lets the plugin `ort` use the ONNX Runtime of this interpreter, unless another is named."""
    if os.environ.get(VARIABLE):
        return
    spec = importlib.util.find_spec("onnxruntime")
    if spec is None or spec.origin is None:
        return
    for library in sorted(Path(spec.origin).parent.glob("capi/libonnxruntime.so*")):
        os.environ[VARIABLE] = str(library.resolve())
        return
