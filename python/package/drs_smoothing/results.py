"""Answers, and what a run wrote."""

from __future__ import annotations

import json
import math
import sys
import warnings
from pathlib import Path
from typing import Any, Callable, Iterator, Optional, Sequence

from .logs import Log


def down(value: float, digits: int = 3) -> str:
    """A radius as text, cut off and not rounded: none larger than the real one is shown."""
    scale = 10**digits
    cut = math.floor(value * scale)
    # A product is rounded, up too.
    while cut > 0 and cut / scale > value:
        cut -= 1
    return f"{cut / scale:.{digits}f}"


class Answer:
    """The answer for one input.

    Attributes:
        label: the class by index, or None where the classifier abstains.
        class_name: its name, or None.
        radius: no perturbation of a smaller L2 norm changes the class; 0 where it abstains, None of a prediction.
        expert: the name of the expert that the input was routed to, or None.
        draws: noisy copies that were classified.
        seconds: its share of the machine.
        record: the whole certificate (or prediction) as a dictionary, which `drs verify` accepts as JSON.
    """

    __slots__ = ("label", "class_name", "radius", "expert", "draws", "seconds", "record")

    def __init__(self, told: dict[str, Any], classes: Sequence[str], experts: Sequence[str]):
        record = told.get("certificate") or told["prediction"]
        verdict = record.get("verdict", record)
        self.label: Optional[int] = verdict["class"]
        self.radius: Optional[float] = verdict.get("radius")
        # Floats close to the lattice are taken for its points. The record is about that point, this answer about the input.
        distance = told.get("distance", 0.0)
        if self.radius is not None and distance > 0:
            self.radius = max(0.0, math.nextafter(self.radius - distance, 0.0))
            self.label = self.label if self.radius > 0 else None
        self.class_name: Optional[str] = None if self.label is None else classes[self.label]
        expert = verdict.get("expert")
        self.expert: Optional[str] = None if expert is None else experts[expert]
        self.draws: int = sum(sum(stage["looks"][-1]) for stage in record["stages"] if stage["looks"])
        self.seconds: float = told.get("seconds", told.get("time", 0.0))
        self.record: dict[str, Any] = record

    @property
    def abstained(self) -> bool:
        return self.label is None

    @property
    def votes(self) -> list[int]:
        """The votes of the last stage: how many of its noisy copies got each class."""
        return list(self.record["stages"][-1]["looks"][-1])

    def __repr__(self) -> str:
        if self.label is None:
            return f"Answer(abstained, draws={self.draws})"
        radius = "" if self.radius is None else f", radius={down(self.radius)}"
        expert = "" if self.expert is None else f", expert={self.expert!r}"
        return f"Answer(label={self.label}, class_name={self.class_name!r}{radius}{expert}, draws={self.draws})"


class Told:
    """Passes on what a run tells: to a bar, and to whoever wants the records."""

    def __init__(self, progress: bool, on_record: Optional[Callable[[dict[str, Any]], None]]):
        self._progress, self._on_record, self._bar = progress, on_record, None

    def __call__(self, kind: str, text: str) -> None:
        if kind == "done":
            if self._bar is not None:
                self._bar.update(1)
            if self._on_record is not None:
                self._on_record(json.loads(text))
        elif kind == "begun" and self._progress:
            self._bar = bar(**json.loads(text))
        elif kind == "note":
            warnings.warn(text, stacklevel=4)
        elif kind == "say" and self._progress:
            print(text, file=sys.stderr)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def bar(inputs: int, done: int) -> Any:
    """A bar of tqdm, if it is there."""
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return None
    return tqdm(total=inputs, initial=done, unit="input")


class Results:
    """What a run wrote.

    Iterating gives the records, dictionaries as they stand in the .jsonl file, read line by line.

    Attributes:
        path: the table, .tsv.
        ending: `whole`, or `incomplete` where some inputs failed; then `summary` says what became of them.
    """

    def __init__(
        self, path: Path, ending: dict[str, Any], classes: list[str], experts: list[str], folder: Optional[Any] = None
    ):
        self.path, self.ending, self.summary = path, ending["ending"], ending.get("summary")
        self._classes, self._experts, self._folder = classes, experts, folder

    @property
    def jsonl(self) -> Path:
        """The certificates."""
        return self.path.with_suffix(".jsonl")

    def __iter__(self) -> Iterator[dict[str, Any]]:
        with open(self.jsonl, encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def answers(self) -> Iterator[Answer]:
        """The records as answers."""
        for record in self:
            yield Answer(record, self._classes, self._experts)

    def log(self) -> Log:
        """The run as a log: its curve, and how far it was decided."""
        return Log(self.jsonl)

    def certified_accuracy(self, radius: float) -> float:
        """The share of inputs with a label that are certified in the right class at a distance: with a radius of at least
        `radius`, at 0 with any above it. A lower bound where draws stopped before this radius was decided: `log` tells."""
        rows = [record for record in self if record["label"] is not None]
        if not rows:
            raise ValueError("no input has a label")
        found = [
            record["correct"] and (verdict := record["certificate"]["verdict"])["radius"] > 0 and verdict["radius"] >= radius
            for record in rows
        ]
        return float(sum(found) / len(rows))

    def to_pandas(self) -> Any:
        """A frame with a row for each input: idx, label, predict (-1 abstains), radius, correct, expert, draws, time."""
        import pandas

        rows = []
        for record in self:
            answer = Answer(record, self._classes, self._experts)
            rows.append(
                {
                    "idx": record["idx"],
                    "label": record["label"],
                    "predict": -1 if answer.label is None else answer.label,
                    "radius": answer.radius,
                    "correct": record["correct"],
                    "expert": answer.expert,
                    "draws": answer.draws,
                    "time": answer.seconds,
                }
            )
        return pandas.DataFrame(rows)

    def __repr__(self) -> str:
        return f"Results({str(self.path)!r}, {self.ending})"
