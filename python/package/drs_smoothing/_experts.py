"""How callables become experts: the interpreter's half of the plugin `python`.

The other half, in Rust, calls `files` and `open_expert`, and of what that gives `take` and `give_back`, with which it
borrows a slot. A slot is one call's place: a buffer of lattice values (int16, in steps of 1/levels) that Rust fills, and
`votes`, which runs the callable on it and gives a class index (int64) for each input.
"""

from __future__ import annotations

import math
import os
import threading
from dataclasses import dataclass, field
from typing import Any, Callable, Optional, Sequence

import numpy as np

from ._errors import ExpertError, NonFiniteError
from ._kinds import first_parameter, is_session, is_torch_module, plain
from ._sources import built, checked, files

__all__ = ["Kept", "files", "open_expert"]

BATCH, BATCH_ON_GPU = 64, 1024
CALLS_PER_GPU = 2
# CUDA's libraries choose how to sum, and so how to round, by the size of a batch.
CUDA_TOLERANCE = 0.01


def open_expert(config_json: str, base: str, *, shape: Sequence[int], levels: int, kept: Optional[Kept]) -> Opened:
    """The expert that a `config` table describes; `kept` is of the pool, where it has live callables."""
    config = checked(config_json)
    called = built(config, base) if "live" not in config else live(config["live"], kept)
    sigma = config.get("sigma", getattr(called, "sigma", None))
    if not isinstance(sigma, (int, float)) or not 0 < sigma < math.inf:
        raise ExpertError(f"sigma: {sigma!r} found, expected a number above 0", "give the noise level that the model was trained for")
    shape = tuple(shape)
    runner = runner_of(called, config, shape, levels)
    classes = config.get("classes", getattr(called, "classes", None))
    if isinstance(classes, str):
        raise ExpertError(f'classes: "{classes}" found, expected a list of names, or how many there are')
    if classes is None:
        classes = runner.count_classes()
    names = [str(index) for index in range(classes)] if isinstance(classes, int) else [str(name) for name in classes]
    runner.classes = len(names)
    opened = Opened(runner, float(sigma), names, tolerance=float(config.get("tolerance", runner.tolerance)))
    if kept is not None:
        kept.opened.append(opened)
    return opened


class Kept:
    """What a pool keeps for its engine, which holds it weakly: the callables, and what was opened of them.

    So a callable may refer to its pool. If the engine held it, nobody would find the circle.
    """

    def __init__(self, callables: Sequence[Any]):
        self.callables = list(callables)
        self.opened: list[Opened] = []

    def begin(self) -> None:
        """Before it is opened anew: what an engine before this one opened is its own affair."""
        self.opened = []


def live(place: Any, kept: Optional[Kept]) -> Any:
    if kept is None or not isinstance(place, int) or not 0 <= place < len(kept.callables):
        raise ExpertError("live: no such callable, expected none in experts.toml")
    return kept.callables[place]


def runner_of(called: Any, config: dict[str, Any], shape: tuple[int, ...], levels: int) -> Runner:
    takes = config.get("takes", "torch" if is_torch_module(called) else "numpy")
    if is_session(called):
        return NumpyRunner(plain(called), config, shape, levels)
    if not callable(called):
        raise ExpertError(f"{type(called).__name__} is not callable", "an expert is a callable from a batch to logits or votes")
    if takes == "torch":
        return TorchRunner(called, config, shape, levels)
    if takes == "numpy":
        return NumpyRunner(called, config, shape, levels)
    raise ExpertError(f'takes = "{takes}" found, expected "numpy" or "torch"')


class Runner:
    """Runs a callable on a batch."""

    batch = BATCH
    calls = 1
    tolerance = 0.0
    # How many there are, once that is known.
    classes: Optional[int] = None

    def slot(self, rows: int) -> Slot:
        raise NotImplementedError

    def count_classes(self) -> int:
        """The number of classes, by trying; of a callable that votes it cannot be known."""
        output = self.slot(2).output()
        if output.ndim != 2:
            raise ExpertError("classes: missing", "the callable votes, so it does not tell how many there are: give classes=")
        return int(output.shape[1])


class Slot:
    """One call's place."""

    rows: int
    lattice: np.ndarray

    def output(self) -> Any:
        raise NotImplementedError

    def votes(self, rows: int) -> np.ndarray:
        raise NotImplementedError


@dataclass
class Opened:
    """An expert, as Rust asks for it."""

    runner: Runner
    sigma: float
    classes: list[str]
    tolerance: float
    # As many as there were calls at once.
    free: list[Slot] = field(default_factory=list)

    @property
    def batch(self) -> int:
        return self.runner.batch

    @property
    def calls(self) -> int:
        return self.runner.calls

    @property
    def files(self) -> list[str]:
        # All are declared before it is opened.
        return []

    def take(self, rows: int) -> Slot:
        """A slot of so many rows."""
        try:
            slot = self.free.pop()
        except IndexError:
            return self.runner.slot(rows)
        return slot if slot.rows == rows else self.runner.slot(rows)

    def give_back(self, slot: Slot) -> None:
        self.free.append(slot)


class NumpyRunner(Runner):
    """Of callables that take NumPy's arrays: NumPy, ONNX Runtime, JAX."""

    def __init__(self, called: Callable[[np.ndarray], Any], config: dict[str, Any], shape: tuple[int, ...], levels: int):
        self.called, self.shape, self.levels = called, shape, np.float32(levels)
        self.batch = int(config.get("batch", BATCH))
        self.calls = int(config.get("calls", 1))

    def slot(self, rows: int) -> Slot:
        return NumpySlot(self, rows)


class NumpySlot(Slot):
    def __init__(self, runner: NumpyRunner, rows: int):
        self.runner, self.rows = runner, rows
        self.lattice = np.zeros(rows * math.prod(runner.shape), dtype=np.int16)
        self.shape = (rows, *runner.shape)

    def output(self) -> np.ndarray:
        # Divided as float32: each value depends on its lattice value alone. New each time: some callables write to it.
        inputs = self.lattice.astype(np.float32).reshape(self.shape)
        inputs /= self.runner.levels
        return np.asarray(self.runner.called(inputs))

    def votes(self, rows: int) -> np.ndarray:
        output = self.output()
        check_output(output.shape, self.shape[0], self.runner.classes)
        output = output[:rows]
        if output.ndim == 1:
            if not np.issubdtype(output.dtype, np.integer):
                raise ExpertError(f"votes of {output.dtype} found, expected integers", "or logits [batch, classes]")
            return np.ascontiguousarray(output, dtype=np.int64)
        bad = ~np.isfinite(output)
        if bad.any():
            row, index = (int(place) for place in np.argwhere(bad)[0])
            raise not_finite(row, index, output[row, index])
        # NumPy takes the first of several as large.
        return np.ascontiguousarray(output.argmax(axis=1), dtype=np.int64)


class TorchRunner(Runner):
    """Of callables that take PyTorch's tensors."""

    def __init__(self, called: Any, config: dict[str, Any], shape: tuple[int, ...], levels: int):
        import torch

        self.torch, self.shape, self.levels = torch, shape, levels
        if is_torch_module(called) and any(module.training for module in called.modules()):
            raise ExpertError(
                f"{type(called).__name__} is in train mode, where votes depend on chance or on other inputs", "call .eval() on it first"
            )
        parameter = first_parameter(called)
        self.dtype = getattr(torch, config["dtype"]) if "dtype" in config else torch.float32
        if "dtype" not in config and parameter is not None and parameter.is_floating_point():
            self.dtype = parameter.dtype
        own = parameter.device if parameter is not None else torch.device("cpu")
        devices = [torch.device(name) for name in config.get("devices", [config.get("device", own)])]
        self.copies = [(device, placed(called, device, own)) for device in devices]
        on_gpu = devices[0].type != "cpu"
        self.batch = int(config.get("batch", BATCH_ON_GPU if on_gpu else BATCH))
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        # What torch.compile makes for a GPU may hold CUDA graphs, which are one call's.
        per_gpu = 1 if hasattr(called, "_orig_mod") else CALLS_PER_GPU
        at_once = per_gpu * len(devices) if on_gpu else cores
        self.calls = int(config.get("calls", at_once if may_run_at_once(called) else 1))
        self.threads = 1 if on_gpu else max(1, cores // max(1, self.calls))
        self.tolerance = CUDA_TOLERANCE if on_gpu else 0.0
        self.next, self.lock = 0, threading.Lock()
        self.format = torch.contiguous_format
        if not on_gpu and len(shape) == 3 and is_torch_module(called) and not hasattr(called, "_orig_mod"):
            self.format = self.faster_format(called)

    def faster_format(self, called: Any) -> Any:
        """Channels last, in which convolutions on a CPU are a fifth faster, if the module computes the same in it."""
        torch = self.torch
        sample = torch.linspace(-0.5, 1.5, 2 * math.prod(self.shape)).reshape(2, *self.shape).to(self.dtype)
        try:
            with torch.no_grad():
                expected, found = called(sample), called(sample.contiguous(memory_format=torch.channels_last))
                scale = expected.abs().max().clamp(min=1)
                same = ((expected - found).abs() <= 1e-3 * scale).all() if self.dtype == torch.float32 else False
        except Exception:
            # Some reshape in ways that need the ordinary order; what else is wrong shows when it votes.
            return torch.contiguous_format
        return torch.channels_last if same else torch.contiguous_format

    def slot(self, rows: int) -> Slot:
        with self.lock:
            device, called = self.copies[self.next % len(self.copies)]
            self.next += 1
        return TorchSlot(self, called, device, rows)


class TorchSlot(Slot):
    def __init__(self, runner: TorchRunner, called: Any, device: Any, rows: int):
        torch = runner.torch
        self.runner, self.called, self.device, self.rows = runner, called, device, rows
        # The GPU reads pinned memory without the processor, while it computes the batch before.
        self.host = torch.zeros((rows, *runner.shape), dtype=torch.int16, pin_memory=device.type == "cuda")
        self.lattice = self.host.numpy().reshape(-1)
        self.stream = torch.cuda.Stream(device) if device.type == "cuda" else None

    def output(self) -> Any:
        torch = self.runner.torch
        with torch.no_grad():
            inputs = self.host.to(self.device, non_blocking=True)
            inputs = inputs.to(torch.float32, memory_format=self.runner.format).div_(self.runner.levels)
            return self.called(inputs.to(self.runner.dtype))

    def votes(self, rows: int) -> np.ndarray:
        compute_on(self.runner.threads, self.runner.torch)
        if self.stream is None:
            return self.counted(rows)
        with self.runner.torch.cuda.stream(self.stream):
            return self.counted(rows)

    def counted(self, rows: int) -> np.ndarray:
        torch = self.runner.torch
        output = self.output()
        if not isinstance(output, torch.Tensor):
            raise ExpertError(f"an output of type {type(output).__name__} found, expected a tensor")
        check_output(tuple(output.shape), self.rows, self.runner.classes)
        with torch.no_grad():
            output = output[:rows].detach()
            if output.ndim == 1:
                if output.is_floating_point() or output.is_complex() or output.dtype == torch.bool:
                    raise ExpertError(f"votes of {output.dtype} found, expected integers", "or logits [batch, classes]")
                voted: np.ndarray = output.to("cpu", torch.int64).contiguous().numpy()
                return voted
            # The lowest of several as large, whatever a device's argmax takes; no class where one is not finite.
            classes = output.shape[1]
            index = torch.arange(classes, device=output.device)
            largest = output == output.amax(1, keepdim=True)
            lowest = torch.where(largest, index, classes).amin(1)
            best: np.ndarray = torch.where(torch.isfinite(output).all(1), lowest, -1).cpu().numpy()
        if (best < 0).any():
            row = int(np.argmax(best < 0))
            values = output[row].float().cpu().numpy()
            index = int(np.argmax(~np.isfinite(values)))
            raise not_finite(row, index, values[index])
        return best


def may_run_at_once(called: Any) -> bool:
    """Whether several threads may call it, as far as can be seen. Functions may keep things between their lines, and hooks
    of modules often do."""
    if not is_torch_module(called):
        return False
    return not any(module._forward_hooks or module._forward_pre_hooks for module in called.modules())


def placed(called: Any, device: Any, own: Any) -> Any:
    """The module on a device: itself, or a copy of it where it is on another."""
    if device == own or not is_torch_module(called):
        return called
    import copy

    return copy.deepcopy(called).to(device)


OF_THREAD = threading.local()


def compute_on(threads: int, torch: Any) -> None:
    """Lets this thread of the engine compute on so many cores: others have calls of their own."""
    if getattr(OF_THREAD, "threads", None) == threads:
        return
    torch.set_num_threads(threads)
    OF_THREAD.threads = threads


def check_output(shape: tuple[int, ...], rows: int, classes: Optional[int]) -> None:
    if len(shape) not in (1, 2) or shape[0] != rows or (len(shape) == 2 and shape[1] < 2):
        raise ExpertError(f"an output of shape {list(shape)} found, expected logits [{rows}, classes] or votes [{rows}]")
    if len(shape) == 2 and shape[1] != classes:
        raise ExpertError(f"{shape[1]} logits found, expected {classes}, one for each class")


def not_finite(row: int, index: int, value: Any) -> ExpertError:
    return NonFiniteError(
        f"the model's output for class {index} is {value}, expected a finite number (input {row} of the batch)",
        "check the model's weights and normalisation",
    )
