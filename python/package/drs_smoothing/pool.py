"""Pools: several experts, a router that chooses among them, and certificates of their answers."""

from __future__ import annotations

import atexit
import json
import operator
import os
import tempfile
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable, Iterator, Optional, Sequence, Union

import numpy as np

from . import _drs, _install
from ._experts import Kept
from ._items import Items, images
from ._kinds import interpreter, stamp
from .expert import Expert
from .results import Answer, Results, Told

PathLike = Union[str, "os.PathLike[str]"]

# Before the interpreter ends: the engines' threads need it.
atexit.register(_drs.close_all)


class Pool:
    """Experts that answer with a class, and a router that answers with an expert.

    Args:
        experts: at least one; all have the same classes.
        router: the variance estimator, an `Expert` whose classes are the experts in their order; without one only methods
            for single experts and `multiscale` work.
        shape: channels, height and width of the inputs; by default that of the first input that comes.
        quantum: the step of the lattice that noisy inputs lie on, as a text. "1/255" is that of images.
        threads: of the engine, which draw noise and run experts; by default as many as there are cores.
        batch: inputs per call of every expert, over what experts say.
        alpha: how experts.toml would share alpha among the stages: `{"route": 0.5, …}`.
        blend: the terms of the method `blend`, as in experts.toml.

    The engine is opened when it is first needed, and closed with the pool: by `close`, at the end of a `with` block, or when
    nobody refers to it.
    """

    def __init__(
        self,
        experts: Sequence[Expert],
        router: Optional[Expert] = None,
        *,
        shape: Optional[Sequence[int]] = None,
        quantum: str = "1/255",
        threads: Optional[int] = None,
        batch: Optional[int] = None,
        alpha: Optional[dict[str, float]] = None,
        blend: Optional[Sequence[dict[str, Any]]] = None,
    ):
        experts = list(experts)
        for expert in [*experts, *([router] if router is not None else [])]:
            if not isinstance(expert, Expert):
                raise TypeError(f"{type(expert).__name__} found, expected an Expert: Expert(base_classifier, sigma=…)")
        if not experts:
            raise ValueError("no experts found, expected at least one")
        self._experts, self._router = experts, router
        self._extra = {"alpha": alpha, "blend": list(blend) if blend else None}
        self._quantum, self._shape = quantum, None if shape is None else [int(size) for size in shape]
        self._options = (threads, batch)
        self._opened: Optional[Any] = None
        self._kept: Optional[Kept] = None
        self._stamps: list[Any] = []
        self._making = threading.RLock()

    @classmethod
    def from_toml(
        cls, path: PathLike, *, threads: Optional[int] = None, batch: Optional[int] = None, isolate: bool = False
    ) -> Pool:
        """The pool of an experts.toml. `isolate` gives every plugin a process of its own."""
        _install.find_onnx_runtime()
        return cls._of(_drs.NativePool.from_toml(os.fspath(path), threads, batch, isolate))

    @classmethod
    def named(
        cls, name: str, *, threads: Optional[int] = None, batch: Optional[int] = None, isolate: bool = False
    ) -> Pool:
        """The pool of a package that is installed (`packages.install`, `drs expert install`).

        Args:
            name: `"cifar10"`, or with a version: `"cifar10@1.2"` is 1.2 or a later version that is compatible, `"cifar10@=1.2.0"`
                exactly this one.
            threads, batch, isolate: as for `from_toml`.

        Raises:
            ValueError: if it is not installed, or is a plugin.
        """
        _install.find_onnx_runtime()
        return cls._of(_drs.NativePool.named(name, threads, batch, isolate))

    @classmethod
    def _of(cls, native: Any) -> Pool:
        pool = cls.__new__(cls)
        pool._experts, pool._router, pool._shape, pool._kept, pool._stamps = [], None, None, None, []
        pool._making = threading.RLock()
        pool._opened = native
        return pool

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        """Stops the engine. A later question opens another."""
        # Another thread may open it meanwhile: that is not let go.
        before = [] if self._kept is None else self._kept.opened
        if self._opened is not None:
            self._opened.close()
        before.clear()

    def _native(self, item: Any = None) -> Any:
        """The native pool; `item` tells the shape if nothing did before."""
        with self._making:
            return self._made(item)

    def _made(self, item: Any) -> Any:
        _drs.runs_on(interpreter())
        models = [*self._experts, *([self._router] if self._router is not None else [])]
        stamps = [stamp(model.base_classifier) for model in models]
        if self._opened is not None and self._stamps == stamps:
            return self._opened
        # A model that changed is another: it is opened anew, and its digest taken.
        self.close()
        self._opened = None
        shape = self._shape
        if shape is None:
            shape = getattr(item, "shape", None)
            if shape is None or len(shape) != 3:
                raise ValueError("the shape of the inputs is not known: give the pool shape=(channels, height, width)")
        self._shape = [int(size) for size in shape]
        callables: list[Any] = []

        def model(expert: Expert, classes: Optional[list[str]] = None) -> dict[str, Any]:
            config = expert._config(len(callables))
            if classes is not None:
                config.setdefault("classes", classes)
            callables.append(expert.base_classifier)
            return {"plugin": "python", "config": config}

        names = [expert.name for expert in self._experts]
        description: dict[str, Any] = {"input": {"shape": self._shape, "quantum": self._quantum}}
        if self._router is not None:
            description["router"] = model(self._router, names)
        description["expert"] = [{"name": expert.name, **model(expert)} for expert in self._experts]
        description |= {key: value for key, value in self._extra.items() if value is not None}
        self._kept = Kept(callables)
        self._opened = _drs.NativePool.of(json.dumps(description), self._kept, *self._options)
        # Last: an interrupt on the way must not let old digests pass for new ones.
        self._stamps = stamps
        return self._opened

    def _changed(self) -> bool:
        """Whether a model is not what it was when it was opened."""
        models = [*self._experts, *([self._router] if self._router is not None else [])]
        return [stamp(model.base_classifier) for model in models] != self._stamps

    @property
    def classes(self) -> list[str]:
        """Names of the classes."""
        return list(self._native().classes())

    @property
    def experts(self) -> list[tuple[str, float]]:
        """Name and sigma of each expert."""
        return list(self._native().experts())

    @property
    def models(self) -> list[dict[str, Any]]:
        """The models' identities as certificates have them, the router first: files, plugins and digests."""
        return list(json.loads(self._native().models()))

    @property
    def warnings(self) -> list[str]:
        """What to know before trusting the choice of models."""
        return list(self._native().open())

    def route(self, inputs: Any, **question: Any) -> Iterator[Answer]:
        """Certifies inputs one by one, and gives each answer when it and those before it are there.

        Args:
            inputs: an array or tensor [n, channels, height, width] or [channels, height, width], or an iterable of arrays,
                images of Pillow, or paths of images; uint8, or floats in [0, 1].
            method: `"maxmin"` (the default where there is a router), `"set"`, `"dual"`, `"blend"`, `"multiscale"` or
                `"one:NAME"`.
            n0: draws that select. n: draws that estimate, at the most. alpha: how likely an answer may be wrong.
            radii: stop when it is decided at which of these radii the input is certified.
            tol: stop when more draws could raise the radius by this share of it at the most; 0.05 by default.
            sampling: `"sequential"` (the default), or `"fixed"` for all n draws.
            two_sided: bound the runner-up too.
            seed: a number; the same gives the same draws. By default fresh entropy, kept in the record.

        Raises:
            RuntimeError: in the place of an input that has no answer. The iterator may be asked for the next one.
        """
        return Answers(self, inputs, predict=False, question=question)

    def predict(self, inputs: Any, **question: Any) -> Iterator[Answer]:
        """As `route`, but only the class of the smoothed classifier, without a radius: `PREDICT` of Cohen et al."""
        return Answers(self, inputs, predict=True, question=question)

    def certify(
        self,
        data: Any,
        out: Optional[PathLike] = None,
        *,
        labels: Optional[Sequence[int]] = None,
        split: str = "test",
        start: int = 0,
        skip: int = 1,
        max: Optional[int] = None,
        shard: Optional[str] = None,
        overwrite: bool = False,
        classes: Optional[str] = None,
        progress: bool = True,
        on_record: Optional[Callable[[dict[str, Any]], None]] = None,
        **question: Any,
    ) -> Results:
        """Certifies a data set, into the files that `drs certify` writes: the table OUT.tsv and certificates OUT.jsonl.

        A run that was stopped, by Ctrl-C too, goes on where it was when it is called again. `drs certify` and this may take
        turns on one run; `drs verify`, `analyze`, `report` and `merge` take its files.

        Args:
            data: a path, as `drs certify` takes it; a pair of arrays (images, labels); a data set of PyTorch or torchvision,
                or of Hugging Face; anything with a length whose items are images or pairs of image and label.
            out: the table's path, which ends in .tsv; by default in a temporary folder, for as long as the results live.
            labels: a class for each input, over what the data set says.
            split: of a path: `test`, `train`, …
            start, skip, max: which inputs: from `start` on, every `skip`-th, at most `max`.
            shard: a share of them, such as "2/8".
            overwrite: begin anew where other results are.
            classes: how classes are matched with the experts': by their names, `"by-place"`, or names with commas between.
            progress: a bar of tqdm where it is installed, else a line now and then; on standard error.
            on_record: is called with each record when it is written.
            question: as for `route`; the default question is the radii 0, 0.25, …, 2.5.

        Raises:
            KeyboardInterrupt: after what is done was written.
        """
        items: Any = os.fspath(data) if isinstance(data, (str, os.PathLike)) else Items(data)
        folder = None
        if out is None:
            folder = tempfile.TemporaryDirectory(prefix="drs-")
            out = Path(folder.name, "results.tsv")
        table = Path(os.fspath(out))
        native = self._native(None if isinstance(items, str) or self._shape is not None or not len(items) else items[0])
        given = None if labels is None else [int(label) for label in labels]
        told = Told(progress, on_record)
        try:
            ending = native.certify(
                _asked(question),
                SimpleNamespace(
                    out=table,
                    data=items,
                    labels=given if given is not None else getattr(items, "labels", None),
                    names=getattr(items, "names", None),
                    name=getattr(items, "name", ""),
                    split=split,
                    start=start,
                    skip=skip,
                    max=max,
                    shard=shard,
                    overwrite=overwrite,
                    classes=classes,
                    tell=told,
                ),
            )
        finally:
            told.close()
        return Results(table, json.loads(ending), self.classes, [name for name, _ in self.experts], folder)


class Answers(Iterator[Answer]):
    """Answers in the order of the inputs."""

    def __init__(
        self, pool: Pool, inputs: Any, *, predict: bool, question: dict[str, Any], is_all: bool = True
    ):
        self._pool = pool
        items = images(inputs)
        asked = _asked(question)
        first = next(items, None)
        self._answers: Iterator[tuple[Optional[str], Optional[str]]] = iter(())
        if first is None:
            return
        native = pool._native(first)
        self._answers = native.ask(_chain(first, items), asked, predict, is_all)
        self._classes, self._experts = native.classes(), [name for name, _ in native.experts()]

    def __iter__(self) -> Answers:
        return self

    def __next__(self) -> Answer:
        told, problem = next(self._answers)
        if told is None:
            raise RuntimeError(problem)
        if self._pool._changed():
            raise RuntimeError("the model changed while it was asked: no certificate holds that was under way")
        return Answer(json.loads(told), self._classes, self._experts)


def _chain(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def _asked(question: dict[str, Any]) -> str:
    """Keyword arguments as the native half takes them."""
    known = {
        "method": None, "n0": 100, "n": 10_000, "alpha": 0.001, "two_sided": False, "sampling": "sequential", "radii": None,
        "tol": None, "seed": None,
    }
    for key in question:
        if key not in known:
            raise TypeError(f"{key!r} is not an argument, expected one of {', '.join(known)}")
    asked = known | question
    # NumPy's numbers are numbers too.
    asked["n0"], asked["n"] = operator.index(asked["n0"]), operator.index(asked["n"])
    asked["alpha"], asked["two_sided"] = float(asked["alpha"]), bool(asked["two_sided"])
    if asked["tol"] is not None:
        asked["tol"] = float(asked["tol"])
    if asked["seed"] is not None:
        asked["seed"] = str(asked["seed"])
    if asked["radii"] is not None:
        radii = asked["radii"]
        asked["radii"] = [float(radii)] if np.ndim(radii) == 0 else [float(radius) for radius in radii]
    return json.dumps(asked)
