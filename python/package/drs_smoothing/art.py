"""The certifier of the Adversarial Robustness Toolbox (ART), with this package's certificates.

    from drs_smoothing.art import RandomizedSmoothing                # in place of ART's PyTorchRandomizedSmoothing

    certifier = RandomizedSmoothing(model, loss, input_shape=(3, 32, 32), nb_classes=10, clip_values=(0, 255),
                                    sample_size=100, scale=63.75, alpha=0.001)
    classes, radii = certifier.certify(x, n=10_000, batch_size=256)  # -1 abstains

It needs PyTorch. It does not need ART.
"""

from __future__ import annotations

import math
import operator
from typing import Any, Iterator, Optional, Sequence

import numpy as np
import torch

from ._items import array
from .expert import Expert
from .pool import Pool
from .results import Answer, bar


class RandomizedSmoothing:
    """A smoothed classifier with the interface of `PyTorchRandomizedSmoothing` in ART 1.20.

    The constructor has the same arguments, in the same order and with the same defaults. `certify` and `predict` take
    the same arguments too, and give arrays of the same shapes. There is no training and there are no gradients: train
    the model with ART or on your own.

    Inputs, `scale` and radii are all in the units of the inputs. `clip_values` tells their range. It matters more
    than in ART: images from 0 to 255 need `clip_values=(0, 255)`. Inputs outside the range are refused.

    What is certified differs from ART in one point. Noisy inputs are rounded to a lattice before the model sees them.
    Its step is 1/255 of the range, which is one level of an 8-bit image. The rounding comes after the noise, so it is
    a part of the classifier. The radii hold for this classifier at any real input. As in ART, noisy inputs are not
    clipped.

    Args:
        model: a torch module, from a batch [n, *input_shape] of float32 to logits or probabilities [n, nb_classes].
            It is moved to the device. `certify` and `predict` put it into eval mode.
        loss: accepted and kept, without effect on answers.
        input_shape: the shape of one input, of any number of dimensions.
        nb_classes: how many classes there are, at least 2.
        optimizer, channels_first: accepted and kept, without effect on answers.
        clip_values: (low, high), the range of the inputs; (0, 1) by default. Two numbers. Arrays are accepted if all
            their values are equal. As in ART, they are rounded to float32.
        preprocessing_defences, postprocessing_defences: only those that do nothing in predictions, with
            `apply_predict` false. Others are refused, since they would change the classifier.
        preprocessing: (mean, std), numbers or arrays. The model sees (input − mean) / std, after the noise. An array
            with one value for each channel is accepted, or any that can be broadcast to an input. None does nothing.
        device_type: "cpu" for the CPU. Anything else means the current GPU if there is one, else the CPU.
        sample_size: draws that select the class in `certify`, and all draws in `predict`. At least 1.
        scale: the standard deviation of the noise, in the units of the inputs. Above 0.
        alpha: the probability with which an answer may be wrong, between 0 and 1.
        quantum: the step of the lattice, as a share of the range and as a text: "1/255". Not in ART.

    Attributes `sample_size`, `scale` and `alpha` may be changed at any time.

    Raises:
        ValueError: for an argument that is not supported.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        loss: Any,
        input_shape: tuple[int, ...],
        nb_classes: int,
        optimizer: Optional[Any] = None,
        channels_first: bool = True,
        clip_values: Optional[Sequence[Any]] = None,
        preprocessing_defences: Optional[Any] = None,
        postprocessing_defences: Optional[Any] = None,
        preprocessing: Optional[tuple[Any, Any]] = (0.0, 1.0),
        device_type: str = "gpu",
        sample_size: int = 32,
        scale: float = 0.1,
        alpha: float = 0.001,
        *,
        quantum: str = "1/255",
    ):
        if not isinstance(model, torch.nn.Module):
            raise ValueError(f"model: {type(model).__name__} found, expected a torch.nn.Module")
        _check_idle("preprocessing_defences", preprocessing_defences)
        _check_idle("postprocessing_defences", postprocessing_defences)
        self.loss, self.optimizer = loss, optimizer
        self.input_shape = tuple(operator.index(size) for size in input_shape)
        self.nb_classes = operator.index(nb_classes)
        self.channels_first, self.preprocessing = channels_first, preprocessing
        self.preprocessing_defences, self.postprocessing_defences = preprocessing_defences, postprocessing_defences
        self.sample_size, self.scale, self.alpha = sample_size, scale, alpha
        self._low, self._high = _range(clip_values)
        self.clip_values = None if clip_values is None else np.array([self._low, self._high], dtype=np.float32)
        self.device_type, self._quantum = device_type, quantum
        on_gpu = device_type != "cpu" and torch.cuda.is_available()
        self.device = torch.device(f"cuda:{torch.cuda.current_device()}" if on_gpu else "cpu")
        self._base = _Base(model, self.input_shape, self._low, self._high, *_standard(preprocessing, self.input_shape))
        self._base.to(self.device)
        self._check()

    @property
    def model(self) -> torch.nn.Module:
        """The torch module."""
        return self._base.model

    def certify(
        self, x: Any, n: int, batch_size: int = 32, *, seed: Optional[int] = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The class of each input, and the radius within which it holds.

        Each answer is wrong with probability at most `alpha`. A radius is rounded down. It holds around x as given: an
        input within a thousandth of a step of a lattice point is taken for that point, and its distance from it is
        deducted.

        Args:
            x: inputs [inputs, *input_shape], with values within `clip_values`.
            n: draws that estimate the probability of the class, for each input. `sample_size` more select it.
            batch_size: noisy inputs per call of the model.
            seed: the same gives the same draws; fresh entropy by default. Not in ART.

        Returns:
            Classes [inputs], integers, -1 where the classifier abstains. Radii [inputs], float64: L2 distances in the
            units of the inputs, 0 where it abstains.
        """
        inputs = self._inputs(x)
        classes, radii = np.full(len(inputs), -1), np.zeros(len(inputs))
        with self._pool(batch_size) as pool:
            answers = pool.route(
                self._units(inputs),
                n0=self.sample_size,
                n=operator.index(n),
                alpha=float(self.alpha),
                sampling="fixed",
                seed=seed,
            )
            for index, answer in enumerate(answers):
                radius = self._radius(answer, inputs[index])
                if radius > 0:
                    classes[index], radii[index] = answer.label, radius
        return classes, radii

    def predict(
        self,
        x: Any,
        batch_size: int = 128,
        verbose: bool = False,
        *,
        is_abstain: Optional[bool] = True,
        seed: Optional[int] = None,
    ) -> np.ndarray:
        """The class of each input, without a radius.

        `sample_size` draws decide. A two-sided binomial test compares the two most frequent classes. The classifier
        abstains where its p-value is above `alpha`. A class is wrong with probability at most `alpha`.

        Args:
            x: inputs [inputs, *input_shape], with values within `clip_values`.
            batch_size: noisy inputs per call of the model.
            verbose: show a progress bar, if tqdm is installed.
            is_abstain: False gives the most frequent class and never abstains. Then no probability is promised.
            seed: the same gives the same draws; fresh entropy by default. Not in ART.

        Returns:
            Array [inputs, nb_classes] of float64: 1 at the class, else 0. A row of zeros abstains.
        """
        if is_abstain is not None and not isinstance(is_abstain, bool):
            raise ValueError(f"is_abstain: {is_abstain!r} found, expected True or False")
        inputs = self._inputs(x)
        chosen = np.zeros((len(inputs), self.nb_classes))
        progress = bar(len(inputs), 0) if verbose else None
        with self._pool(batch_size) as pool:
            answers = pool.predict(
                self._units(inputs), n=self.sample_size, alpha=float(self.alpha), sampling="fixed", seed=seed
            )
            for index, answer in enumerate(answers):
                label = _most_frequent(answer) if is_abstain is False else answer.label
                if label is not None:
                    chosen[index, label] = 1
                if progress is not None:
                    progress.update(1)
        if progress is not None:
            progress.close()
        return chosen

    def _check(self) -> None:
        """Checks what may be changed later, too."""
        if self.nb_classes < 2:
            raise ValueError(f"nb_classes: {self.nb_classes} found, expected at least 2")
        self.sample_size = operator.index(self.sample_size)
        if self.sample_size < 1:
            raise ValueError(f"sample_size: {self.sample_size} found, expected at least 1")
        if not 0 < self.scale < math.inf:
            raise ValueError(f"scale: {self.scale} found, expected a number above 0, in the units of the inputs")
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha: {self.alpha} found, expected a number between 0 and 1")

    def _inputs(self, x: Any) -> np.ndarray:
        """The inputs as an array of numbers in the range."""
        inputs = np.asarray(array(x))
        if inputs.dtype.kind not in "buif":
            raise ValueError(f"x: an array of {inputs.dtype} found, expected numbers")
        if inputs.shape[1:] != self.input_shape or inputs.ndim == 0:
            expected = ", ".join(["inputs", *map(str, self.input_shape)])
            raise ValueError(f"x: shape {list(inputs.shape)} found, expected [{expected}]: pass one input as x[None]")
        # Written so that NaN is refused.
        if inputs.size and not (inputs.min() >= self._low and inputs.max() <= self._high):
            raise ValueError(
                f"x: values from {inputs.min()} to {inputs.max()} found, expected {self._low:g} to {self._high:g}: "
                "give the certifier the range of the inputs, clip_values=(low, high)"
            )
        return inputs

    def _unit(self, x: np.ndarray) -> np.ndarray:
        """An input in units of the range: from 0 to 1, double precision."""
        return (x.astype(np.float64) - self._low) / (self._high - self._low)

    def _units(self, inputs: np.ndarray) -> Iterator[np.ndarray]:
        for x in inputs:
            yield self._unit(x).reshape(self._shape())

    def _shape(self) -> tuple[int, ...]:
        """Of an input, as the engine takes it."""
        return self.input_shape if len(self.input_shape) == 3 else (1, 1, math.prod(self.input_shape))

    def _pool(self, batch_size: int) -> Pool:
        """A pool of its own for each call: weights and settings may have changed since the last."""
        self._check()
        # The model as well, which is a part of this.
        self._base.to(self.device).eval()
        self._probe()
        expert = Expert(
            self._base,
            sigma=float(self.scale) / (self._high - self._low),
            classes=self.nb_classes,
            name="base",
            batch=operator.index(batch_size),
            device=self.device,
            dtype="float32",
        )
        return Pool([expert], shape=self._shape(), quantum=self._quantum)

    def _probe(self) -> None:
        """Sees whether the model gives what `nb_classes` says."""
        with torch.no_grad():
            output = self._base(torch.zeros(1, *self.input_shape, device=self.device))
        if not isinstance(output, torch.Tensor):
            raise ValueError(f"model: an output of type {type(output).__name__} found, expected a tensor")
        if tuple(output.shape) != (1, self.nb_classes):
            raise ValueError(
                f"nb_classes: {self.nb_classes} found, expected the model's number of classes: "
                f"its output for one input has the shape {list(output.shape)}"
            )

    def _radius(self, answer: Answer, x: np.ndarray) -> float:
        """The radius about x in its own units, rounded down; 0 where there is none."""
        if answer.label is None or answer.radius is None:
            return 0.0
        point = self._unit(x)
        # How far x may lie from what the answer is about. Scaling rounded each value, by 2^-52 at most.
        gap = math.sqrt(point.size) * 2.0**-50
        # Towards zero after each operation, since each may have rounded up.
        return max(0.0, math.nextafter(math.nextafter(answer.radius - gap, 0.0) * (self._high - self._low), 0.0))


class _Base(torch.nn.Module):
    """The model as a classifier of inputs from 0 to 1: brings them to the caller's units, then standardises them."""

    low: torch.Tensor
    range: torch.Tensor
    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self,
        model: torch.nn.Module,
        input_shape: tuple[int, ...],
        low: float,
        high: float,
        mean: np.ndarray,
        std: np.ndarray,
    ):
        super().__init__()
        self.model, self.input_shape = model, input_shape
        # Buffers, so that certificates have the digest of their values.
        for name, value in [("low", low), ("range", high - low), ("mean", mean), ("std", std)]:
            self.register_buffer(name, torch.as_tensor(value, dtype=torch.float32))

    def forward(self, batch: torch.Tensor) -> Any:
        inputs = batch.reshape(-1, *self.input_shape) * self.range + self.low
        return self.model((inputs - self.mean) / self.std)


def _check_idle(name: str, defences: Optional[Any]) -> None:
    """Refuses a defence that would change predictions."""
    if defences is None:
        return
    for defence in defences if isinstance(defences, (list, tuple)) else [defences]:
        if getattr(defence, "apply_predict", True):
            raise ValueError(
                f"{name}: {type(defence).__name__} found, which changes predictions, expected None: "
                "make it a part of the model, or set its apply_predict to False"
            )


def _range(clip_values: Optional[Sequence[Any]]) -> tuple[float, float]:
    """The range that clip_values give."""
    if clip_values is None:
        return 0.0, 1.0
    if len(clip_values) != 2:
        raise ValueError(f"clip_values: {len(clip_values)} values found, expected two numbers (low, high)")
    # Of arrays, as in ART.
    ends = [np.unique(np.asarray(end, dtype=np.float32)) for end in clip_values]
    if any(len(end) != 1 for end in ends):
        raise ValueError(
            "clip_values: arrays of different values found, expected two numbers (low, high): "
            "bring all features to one range, since the noise has one scale"
        )
    low, high = (float(end[0]) for end in ends)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"clip_values: ({low:g}, {high:g}) found, expected finite numbers (low, high) with low < high")
    return low, high


def _standard(preprocessing: Any, input_shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation, in shapes that can be broadcast to a batch."""
    if preprocessing is None:
        preprocessing = (0.0, 1.0)
    if not isinstance(preprocessing, (list, tuple)) or len(preprocessing) != 2:
        raise ValueError(
            f"preprocessing: {type(preprocessing).__name__} found, expected a pair (mean, std) or None: "
            "make other preprocessing a part of the model"
        )
    mean, std = (_to_batch(np.asarray(each, dtype=np.float32), input_shape) for each in preprocessing)
    if not (np.isfinite(mean).all() and np.isfinite(std).all() and (std != 0).all()):
        raise ValueError(f"preprocessing: {preprocessing} found, expected finite numbers and a std that is not 0")
    return mean, std


def _to_batch(value: np.ndarray, input_shape: tuple[int, ...]) -> np.ndarray:
    """As in ART, a vector belongs to the last dimension if it has its length, else to the first, the channels."""
    batch = (1, *input_shape)
    if value.ndim == 1 and value.size > 1 and value.size != batch[-1] and batch[1:2] == (value.size,):
        value = value.reshape(-1, *[1] * (len(input_shape) - 1))
    try:
        fits = np.broadcast_shapes(value.shape, batch) == batch
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"preprocessing: an array of shape {list(value.shape)} found, expected numbers, or one value for each "
            f"channel or each value of an input of shape {list(input_shape)}"
        )
    return value


def _most_frequent(answer: Answer) -> int:
    """The class with the most votes; of several, the first."""
    return int(np.argmax(answer.record["stages"][-1]["looks"][-1]))
