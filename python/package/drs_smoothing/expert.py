"""Experts: base classifiers with the noise level that they were trained for."""

from __future__ import annotations

import warnings
from typing import Any, Optional, Sequence, Union

from ._kinds import identity, is_session


class Expert:
    """A base classifier and its noise level.

    `base_classifier` is any callable from a batch [n, channels, height, width] of floats in [0, 1] (and beyond: the inputs
    are noisy) to logits or probabilities [n, classes], or to votes, integers [n]: a torch module, which must be in `eval`
    mode; a session of ONNX Runtime; a function of NumPy arrays, or of tensors with `takes="torch"`. Each answer must
    depend on its own input alone.

    Args:
        base_classifier: the callable.
        sigma: its noise level, in units of the pixels in [0, 1].
        classes: their names in order, or how many there are; by default as many as there are logits. A router's are the
            names of the experts.
        name: letters, digits, `_`, `-` and `.`; by default from sigma: `s025`.
        takes: `"numpy"` or `"torch"`; by default torch for modules, else NumPy.
        batch: inputs per call; 64 by default, 1024 on a GPU.
        calls: calls at once, from threads; by default as many as there are cores for torch modules, two for each GPU, else 1.
        device: where a torch module runs; by default where it is.
        devices: several, each with a copy of the module.
        dtype: of the inputs, a name such as `"bfloat16"`; by default that of the module's parameters.
        tolerance: the share of votes, up to 0.05, that may change with an input's place in the batch, by rounding.
        identity: a text that stands for the callable in certificates, beside what is known of it: a version, or where its
            weights came from. The source files and the weights of torch modules are known by their digests.
    """

    def __init__(
        self,
        base_classifier: Any,
        *,
        sigma: float,
        classes: Optional[Union[int, Sequence[str]]] = None,
        name: Optional[str] = None,
        takes: Optional[str] = None,
        batch: Optional[int] = None,
        calls: Optional[int] = None,
        device: Optional[Any] = None,
        devices: Optional[Sequence[Any]] = None,
        dtype: Optional[str] = None,
        tolerance: Optional[float] = None,
        identity: Optional[str] = None,
    ):
        if not callable(base_classifier) and not is_session(base_classifier):
            raise TypeError(f"{type(base_classifier).__name__} is not callable: an expert is a callable from a batch to logits or votes")
        if device is not None and devices is not None:
            raise ValueError("device and devices: both found, expected one of them")
        own = getattr(base_classifier, "sigma", None)
        if isinstance(own, float) and own != sigma:
            warnings.warn(f"sigma={sigma:g}, but the base classifier is made for {own:g}", stacklevel=2)
        self.base_classifier = base_classifier
        self.sigma = float(sigma)
        self.name = name if name is not None else "s" + f"{self.sigma:g}".replace(".", "")
        options = {
            "classes": list(classes) if isinstance(classes, (list, tuple)) else classes,
            "takes": takes,
            "batch": batch,
            "calls": calls,
            "device": None if device is None else str(device),
            "devices": None if devices is None else [str(each) for each in devices],
            "dtype": dtype,
            "tolerance": tolerance,
            "identity": identity,
        }
        self._options = {key: value for key, value in options.items() if value is not None}

    def __repr__(self) -> str:
        return f"Expert({type(self.base_classifier).__name__}, sigma={self.sigma:g}, name={self.name!r})"

    def _config(self, place: int) -> dict[str, Any]:
        """The `config` table of the plugin `python`; `place` is the callable's among those of the pool."""
        return {"sigma": self.sigma, "live": place, **self._options, **identity(self.base_classifier)}
