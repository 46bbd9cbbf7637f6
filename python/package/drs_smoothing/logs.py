"""What result files say: ours, and those that other programs publish."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterable, Iterator, Optional, Sequence, Union

from . import _drs

PathLike = Union[str, "os.PathLike[str]"]


class Log:
    """One run of certification: a row for each input, by rising index.

    Iterating gives the rows, dictionaries with `idx`, `label`, `predict` (None abstains), `radius`, `correct`, `time` (seconds),
    `draws`, `expert` and `route_radius`; what a log does not have is None.

    Attributes:
        name: the file's name without its endings.
        notes: what the reader should know, such as lines that were left out.
    """

    def __init__(self, path: PathLike, name: Optional[str] = None):
        self._log = _drs.NativeLog.read(os.fspath(path))
        self.name: str = self._log.name if name is None else name
        self.notes: list[str] = self._log.notes

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._log.rows())

    def __len__(self) -> int:
        return len(self._log.rows())

    def __repr__(self) -> str:
        return f"Log({self.name!r}, {len(self)} inputs)"

    def certified_accuracy(self, radius: float) -> float:
        """The share of inputs that are right with a radius of at least `radius`, 0 to 1.

        Where a run stopped before this radius was decided, it is a lower bound: see `most`.

        Raises:
            ValueError: if an input has no label.
        """
        self._check_labelled()
        return float(self._log.accuracy(float(radius)))

    def most(self, radius: float) -> float:
        """The share that there may be at `radius` with all draws: more than is certified, where a run stopped early."""
        self._check_labelled()
        return float(self._log.most(float(radius)))

    def average_certified_radius(self) -> float:
        """The mean radius over all inputs; wrong answers and abstentions count as 0. A poor summary: easy inputs dominate it."""
        self._check_labelled()
        return float(self._log.average_radius())

    @property
    def decided(self) -> Optional[list[float]]:
        """The radii at which the curve is exact; None if it is everywhere."""
        return None if self._log.is_decided() else list(self._log.decided())

    def steps(self) -> list[tuple[float, float]]:
        """The curve: pairs (radius, accuracy); the accuracy holds up to the radius, from the one before on."""
        self._check_labelled()
        return list(self._log.steps())

    def to_pandas(self) -> Any:
        """A frame with a row for each input."""
        import pandas

        return pandas.DataFrame(self._log.rows())

    def _check_labelled(self) -> None:
        if not self._log.is_labelled:
            raise ValueError(f"{self.name} has inputs without a label: there is no accuracy without labels")


def read_log(path: PathLike) -> Log:
    """Reads a log: `.jsonl` or `.tsv` of `drs certify`, or a table as Cohen et al.'s code writes it; also gzipped.

    Raises:
        ValueError: if it is none; the message names the file and the line.
    """
    return Log(path)


Logs = Union[Log, PathLike, Iterable[Union[Log, PathLike]], "dict[str, Union[Log, PathLike]]"]


def curves(logs: Logs, radii: Sequence[float] = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25)) -> dict[str, list[float]]:
    """Certified accuracy of each log at some radii: lists by the logs' names."""
    return {log.name: [log.certified_accuracy(radius) for radius in radii] for log in _read(logs)}


def plot(logs: Logs, ax: Any = None, *, to: Optional[float] = None) -> Any:
    """Draws certified accuracy against radius with matplotlib, and gives the axes.

    Where a run stopped early, the line is a lower bound: it is thin there, with dots at the radii that were decided.

    Args:
        logs: logs or paths, one or several; a dictionary gives them names.
        ax: axes to draw on; new ones by default.
        to: the largest radius shown; by default as far as a curve reaches.
    """
    import matplotlib.pyplot as plt

    read = _read(logs)
    if ax is None:
        ax = plt.subplots()[1]
    end = to if to is not None else max((step[0] for log in read for step in log.steps()), default=1.0)
    for log in read:
        steps = log.steps()
        xs = [0.0, *(radius for radius, _ in steps), *([steps[-1][0], end] if steps else [end])]
        ys = [*(accuracy for _, accuracy in steps[:1]), *(accuracy for _, accuracy in steps), *([0.0, 0.0] if steps else [0.0, 0.0])]
        exact = log.decided
        (line,) = ax.step(xs[: len(ys)], ys[: len(xs)], where="pre", label=log.name, linewidth=1.6 if exact is None else 0.8)
        if exact is not None:
            shown = [radius for radius in exact if radius <= end]
            ax.plot(shown, [log.certified_accuracy(radius) for radius in shown], ".", color=line.get_color())
    ax.set(xlabel="L2 radius", ylabel="certified accuracy", xlim=(0, end), ylim=(0, 1))
    ax.legend()
    return ax


def verify(
    records: PathLike, *, data: Optional[PathLike] = None, experts: Optional[PathLike] = None, replay: bool = False
) -> str:
    """Recomputes every certificate of a file from its votes, as `drs verify` does; what it says.

    Args:
        records: a `.jsonl`.
        data: the data set, whose inputs are then compared too.
        experts: the experts.toml that was certified with.
        replay: also draws all votes again; needs `data` and `experts`.

    Raises:
        ValueError: if a certificate does not follow from its votes, or something cannot be read.
    """
    command = [sys.executable, "-m", "drs_smoothing", "verify", os.fspath(records)]
    command += ["--data", os.fspath(data)] if data is not None else []
    command += ["--experts", os.fspath(experts)] if experts is not None else []
    command += ["--replay"] if replay else []
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise ValueError((done.stdout + done.stderr).strip())
    return done.stdout.strip()


def _read(logs: Logs) -> list[Log]:
    if isinstance(logs, dict):
        return [log if isinstance(log, Log) else Log(log, name) for name, log in logs.items()]
    if isinstance(logs, (Log, str, Path)) or isinstance(logs, os.PathLike):
        logs = [logs]
    return [log if isinstance(log, Log) else Log(log) for log in logs]
