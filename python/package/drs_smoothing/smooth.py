"""One smoothed classifier, with the interface of locuslab/smoothing (Cohen et al. 2019)."""

from __future__ import annotations

from typing import Any, Optional, Union

import numpy as np

from . import _drs
from ._items import array
from ._kinds import first_parameter, is_session, is_tensor, is_torch_module
from .expert import Expert
from .pool import Answers, Pool
from .results import Answer


class Smooth:
    """A smoothed classifier g: the class that a base classifier answers most often under Gaussian noise.

    Takes the place of `Smooth` in `core.py` of locuslab/smoothing: the same arguments in the same order, the same meaning.
    Bounds are computed exactly and rounded down, noise is drawn on the lattice of 8-bit images, so a radius holds for
    what a computer does (Cohen et al. 2019, Algorithm 1 and Theorem 1).

    Args:
        base_classifier: a torch module, or any callable that `Expert` takes.
        num_classes: how many classes it has.
        sigma: the noise level, in units of the pixels in [0, 1].
        quantum: the step of the lattice, as a text.
        expert: further arguments of `Expert`: `device`, `calls`, `dtype`, …
    """

    # To abstain, Smooth returns this class.
    ABSTAIN = -1

    def __init__(self, base_classifier: Any, num_classes: int, sigma: float, *, quantum: str = "1/255", **expert: Any):
        self.base_classifier = base_classifier
        self.num_classes = num_classes
        self.sigma = sigma
        self._quantum, self._expert = quantum, expert
        self._pool: Optional[Pool] = None
        self._key: Optional[tuple[Any, ...]] = None

    def certify(
        self,
        x: Any,
        n0: int,
        n: int,
        alpha: float,
        batch_size: int,
        *,
        sampling: str = "fixed",
        radii: Optional[Any] = None,
        tol: Optional[float] = None,
        seed: Optional[int] = None,
        certificate: bool = False,
    ) -> Union[tuple[int, float], Answer]:
        """The class at x and the radius within which it holds, with probability at least 1 - alpha; (-1, 0.0) abstains.

        Args:
            x: [channels, height, width] in [0, 1], a tensor or an array.
            n0: draws that select the class. n: draws that estimate its probability.
            alpha: the probability with which an answer may be wrong.
            batch_size: inputs per call of the base classifier.
            sampling: `"fixed"` draws all n, as published. `"sequential"` draws as many as the question needs.
            radii, tol: when sequential sampling stops; see `Pool.route`.
            seed: the same gives the same draws; fresh entropy by default.
            certificate: gives an `Answer` with the whole record instead of the pair.
        """
        if radii is not None or tol is not None:
            sampling = "sequential"
        question = {"n0": n0, "n": n, "alpha": alpha, "sampling": sampling, "radii": radii, "tol": tol, "seed": seed}
        answer = self._answer(x, batch_size, predict=False, **question)
        if certificate:
            return answer
        return (self.ABSTAIN, 0.0) if answer.label is None else (answer.label, float(answer.radius or 0.0))

    def predict(self, x: Any, n: int, alpha: float, batch_size: int, *, seed: Optional[int] = None) -> int:
        """The class of the smoothed classifier at x, or -1: PREDICT, a two-sided binomial test of the two most frequent
        classes. Wrong with probability at most alpha."""
        answer = self._answer(x, batch_size, predict=True, n=n, alpha=alpha, sampling="fixed", seed=seed)
        return self.ABSTAIN if answer.label is None else answer.label

    def _answer(self, x: Any, batch_size: int, *, predict: bool, **question: Any) -> Answer:
        # One of many calls: whether votes depend on their own input alone is tried now and then, not at the end of each.
        answers = Answers(self._opened(x, batch_size), array(x), predict=predict, question=question, is_all=False)
        (answer,) = answers
        return answer

    def _sample_noise(self, x: Any, num: int, batch_size: int, *, seed: Optional[int] = None) -> np.ndarray:
        """The base classifier's votes on `num` noisy copies of x: an array of counts, one for each class.

        Two calls with one seed have the same noisy copies. So the votes that choose a class and those that estimate its
        probability need two seeds, or none.
        """
        item = array(x)
        counts = self._opened(x, batch_size)._native(item).count(item, num, None if seed is None else str(seed))
        return np.asarray(counts, dtype=int)

    def _count_arr(self, arr: np.ndarray, length: int) -> np.ndarray:
        """How often each class is in an array of predictions."""
        return np.bincount(np.asarray(arr), minlength=length).astype(int)

    def _lower_confidence_bound(self, NA: int, N: int, alpha: float) -> float:
        """One-sided Clopper-Pearson lower bound on a probability, of NA successes in N trials; rounded down."""
        return float(_drs.clopper_pearson_lower(int(NA), int(N), float(alpha)))

    def _opened(self, x: Any, batch_size: int) -> Pool:
        if is_torch_module(self.base_classifier):
            # As published.
            self.base_classifier.eval()
        where = str(x.device) if is_tensor(x) else "numpy"
        key = (tuple(x.shape), where, int(batch_size), self.num_classes, float(self.sigma), id(self.base_classifier))
        if self._pool is None or self._key != key:
            options = dict(self._expert)
            if is_tensor(x) and not is_session(self.base_classifier):
                options.setdefault("takes", "torch")
                if "devices" not in options and first_parameter(self.base_classifier) is None:
                    options.setdefault("device", str(x.device))
            expert = Expert(
                self.base_classifier, sigma=self.sigma, classes=self.num_classes, name="base", batch=int(batch_size), **options
            )
            if self._pool is not None:
                self._pool.close()
            self._pool, self._key = Pool([expert], shape=tuple(x.shape), quantum=self._quantum), key
        return self._pool

    def close(self) -> None:
        """Stops the engine; the next call opens another."""
        if self._pool is not None:
            self._pool.close()
