"""What a callable is, without importing what it is not made of."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import inspect
import os
import sys
import zlib
from typing import Any, Callable, Optional

import numpy as np


def torch_if_loaded() -> Any:
    """PyTorch, if something has imported it: nothing can be a tensor otherwise."""
    return sys.modules.get("torch")


def is_torch_module(called: Any) -> bool:
    torch = torch_if_loaded()
    return torch is not None and hasattr(torch, "nn") and isinstance(called, torch.nn.Module)


def is_tensor(value: Any) -> bool:
    torch = torch_if_loaded()
    return torch is not None and hasattr(torch, "Tensor") and isinstance(value, torch.Tensor)


def first_parameter(called: Any) -> Optional[Any]:
    parameters = getattr(called, "parameters", None)
    try:
        return next(iter(parameters()), None) if callable(parameters) else None
    except TypeError:
        return None


def is_session(called: Any) -> bool:
    """Whether it is an InferenceSession of ONNX Runtime, or behaves like one."""
    return callable(getattr(called, "run", None)) and callable(getattr(called, "get_inputs", None))


def plain(session: Any) -> Callable[[np.ndarray], Any]:
    """A session as a callable."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1:
        raise ValueError(f"a session with {len(inputs)} inputs found, expected one")
    name, output = inputs[0].name, outputs[0].name
    return lambda batch: session.run([output], {name: batch})[0]


def identity(called: Any) -> dict[str, Any]:
    """What can be known of a callable: its name, the files of its source, a digest of its weights."""
    if is_session(called):
        return session_identity(called)
    # What torch.compile, decorators such as jax.jit, and functools.partial are made of.
    inner = inspect.unwrap(getattr(called, "_orig_mod", called))
    while isinstance(inner, functools.partial):
        inner = inspect.unwrap(inner.func)
    kind = inner if inspect.isroutine(inner) or inspect.isclass(inner) else type(inner)
    known: dict[str, Any] = {"callable": f"{kind.__module__}:{kind.__qualname__}"}
    kinds = {type(module) for module in inner.modules()} if is_torch_module(inner) else {kind}
    source = sorted({path for path in map(source_file, kinds) if path is not None})
    if source:
        known["source"] = source
    if is_torch_module(inner):
        known["state_sha256"] = state_digest(inner)
    return known


def session_identity(session: Any) -> dict[str, Any]:
    """A session's model: its file, or a digest of the bytes that it was made of."""
    known: dict[str, Any] = {"callable": f"{type(session).__module__}:{type(session).__qualname__}"}
    path, data = getattr(session, "_model_path", None), getattr(session, "_model_bytes", None)
    if path and os.path.isfile(path):
        known["source"] = [os.path.realpath(path)]
    elif isinstance(data, bytes):
        known["state_sha256"] = hashlib.sha256(data).hexdigest()
    return known


def stamp(called: Any) -> Any:
    """Something that changes when a torch module does: its weights, where they are, or its mode."""
    inner = getattr(called, "_orig_mod", called)
    if not is_torch_module(inner):
        return id(called)
    torch = torch_if_loaded()

    def of(value: Any) -> Any:
        # By what it holds: writing through `.data` or another view counts no change.
        value = value.detach()
        value = (value.int_repr() if value.is_quantized else value).contiguous()
        if value.device.type == "cpu":
            return value.data_ptr(), zlib.crc32(raw(value).numpy())
        # Where it is, each byte weighed by its place: 64 bits that wrap around.
        place = torch.arange(1, value.numel() * value.element_size() + 1, device=value.device)
        return value.data_ptr(), (place * raw(value)).sum().item() if value.numel() else 0

    with torch.no_grad():
        weights = tuple(of(value) for values in (inner.parameters(), inner.buffers()) for value in values)
    return id(called), weights, tuple(module.training for module in inner.modules())


def source_file(kind: Any) -> str | None:
    """The file that defines it, if it is one of the user's: those of PyTorch itself are known by its version."""
    if kind.__module__.partition(".")[0] in ("torch", "builtins", "numpy", "onnxruntime"):
        return None
    try:
        path = inspect.getsourcefile(kind)
    except (TypeError, OSError):
        return None
    return os.path.realpath(path) if path is not None and os.path.isfile(path) else None


def state_digest(module: Any) -> str:
    """SHA-256 over what a module is made of: its layers as they show themselves, and all parameters and buffers by name."""
    digest = hashlib.sha256()

    def add(name: str, value: Any) -> None:
        if is_tensor(value):
            value = value.detach()
            value = (value.int_repr() if value.is_quantized else value).cpu().contiguous()
            digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
            digest.update(memoryview(raw(value).numpy()))
        elif isinstance(value, dict):
            for key in sorted(value, key=str):
                add(f"{name}.{key}", value[key])
        elif isinstance(value, (tuple, list)):
            for place, item in enumerate(value):
                add(f"{name}[{place}]", item)
        else:
            digest.update(f"{name}={value!r}\n".encode())

    digest.update(repr(module).encode())
    # Some buffers are not part of the state.
    for name, value in sorted({**dict(module.named_buffers()), **module.state_dict()}.items()):
        add(name, value)
    return digest.hexdigest()


def raw(tensor: Any) -> Any:
    """A contiguous tensor as bytes."""
    torch = torch_if_loaded()
    return tensor.reshape(-1).view(torch.uint8) if tensor.numel() else torch.empty(0, dtype=torch.uint8)


@functools.cache
def interpreter() -> str:
    """Python and what computes, for certificates: what is installed, be it loaded by now or not."""
    parts = [f"Python {sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"]
    for name in ("numpy", "torch", "onnxruntime", "jax"):
        try:
            parts.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            pass
    return ", ".join(parts)
