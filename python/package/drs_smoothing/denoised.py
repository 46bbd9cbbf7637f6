"""Denoised smoothing: a denoiser and a classifier of clean images, together one base classifier for noisy images.

Sources:
* Salman, Sun, Yang, Kapoor, Kolter: Denoised Smoothing (NeurIPS 2020). A denoiser in front of any classifier.
* Carlini, Tramèr, Dvijotham, Rice, Sun, Kolter: (Certified!!) Adversarial Robustness for Free! (ICLR 2023), Section 3.
  The denoiser is a diffusion model, called once.

A diffusion model is trained on x_t = √ᾱ_t·x₀ + √(1-ᾱ_t)·ε: images x₀ in [-1, 1], noise ε ~ N(0, I), steps t = 0, 1, …
(Ho, Jain, Abbeel: DDPM, NeurIPS 2020, Equation 4). The numbers ᾱ_t fall with t; they are the schedule.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any, Callable, Optional, Sequence, Union

import numpy as np

from ._kinds import first_parameter

if TYPE_CHECKING:
    import torch

# What a denoiser predicts. The second name is that of diffusers.
PREDICTIONS = {"epsilon": "epsilon", "x0": "x0", "sample": "x0", "v": "v", "v_prediction": "v"}
RESIZES = ("bicubic", "bilinear")


def denoised(
    denoiser: Callable[..., Any],
    classifier: Callable[..., Any],
    sigma: float,
    *,
    schedule: Union[str, Sequence[float], None] = "linear",
    steps: int = 1000,
    step_scale: float = 1.0,
    prediction: str = "epsilon",
    clip: bool = True,
    size: Union[int, tuple[int, int], None] = None,
    resize: str = "bicubic",
    mean: Union[float, Sequence[float]] = 0.0,
    std: Union[float, Sequence[float]] = 1.0,
) -> torch.nn.Module:
    """One base classifier that removes Gaussian noise from an image and then classifies it.

    It takes images [n, C, height, width] with pixels in [0, 1] plus noise N(0, sigma²·I). It gives logits
    [n, classes]. It is a torch module in eval mode, for `Expert` and `Smooth`. Any base classifier is valid for a
    certificate. So the arguments here decide how accurate it is, and not whether a radius holds.

    The step t is the one whose noise √((1-ᾱ_t)/ᾱ_t) is nearest to 2·sigma by ratio, but images are scaled with the ᾱ of
    sigma itself, 1/(1 + 4·sigma²), so that only what the denoiser is told is rounded.

    Args:
        denoiser: a torch module, or a callable of tensors. With a schedule it is called as `denoiser(x_t, t)`: x_t is
            [n, C, height, width], and t is [n], int64. Without one it is called as `denoiser(x)` on pixels in [0, 1]
            plus noise, and gives pixels. The output is a tensor, a tuple that begins with one, or an object with
            `.sample`. It has C channels, or 2·C: some models predict a variance in the second half, which is ignored.
        classifier: a torch module, or a callable of tensors, from clean images to logits [n, classes]: a tensor, or an
            object with `.logits`. This module and the denoiser are put into eval mode.
        sigma: the noise level, in units of the pixels in [0, 1].
        schedule: `"linear"` (DDPM, Section 4), `"cosine"` (Nichol, Dhariwal: Improved DDPM, ICML 2021, Equation 17), or
            all ᾱ_t in order, such as `scheduler.alphas_cumprod` of diffusers. None: the denoiser is no diffusion model.
        steps: how many steps a named schedule has.
        step_scale: the denoiser is told step_scale·t, as float32 unless the scale is 1. Models of OpenAI with
            `rescale_timesteps` need 1000/steps.
        prediction: `"epsilon"`, `"x0"` (`"sample"`), or `"v"` (`"v_prediction"`): what the denoiser's output means.
        clip: cuts the denoised image off to [0, 1].
        size: height and width that the classifier wants, or one number for both. By default those of the input.
        resize: `"bicubic"` or `"bilinear"`, both antialiased.
        mean, std: the classifier gets (pixel - mean)/std; a number, or one for each of the C channels.

    Returns:
        The module. Its attribute `t` is the step taken and `t_sigma` the noise level of exactly this step, in units of
        pixels in [0, 1]; both are None without a schedule. Its `sigma` is the argument.

    Raises:
        ValueError: where an argument is out of range, or sigma is outside of what the schedule has.
        TypeError: where denoiser or classifier cannot be called.
    """
    for name, part in (("denoiser", denoiser), ("classifier", classifier)):
        if not callable(part):
            raise TypeError(f"{name}: {type(part).__name__} found, expected a torch module or a callable of tensors")
    if not 0 < sigma < math.inf:
        raise ValueError(f"sigma: {sigma!r} found, expected a number above 0")
    if prediction not in PREDICTIONS:
        raise ValueError(f"prediction: {prediction!r} found, expected one of {', '.join(PREDICTIONS)}")
    if resize not in RESIZES:
        raise ValueError(f"resize: {resize!r} found, expected one of {', '.join(RESIZES)}")
    if not 0 < step_scale < math.inf:
        raise ValueError(f"step_scale: {step_scale!r} found, expected a number above 0")
    sizes = None if size is None else tuple(int(each) for each in ((size, size) if isinstance(size, int) else size))
    if sizes is not None and (len(sizes) != 2 or min(sizes) < 1):
        raise ValueError(f"size: {size!r} found, expected a number of pixels, or a height and a width")
    t, t_sigma = (None, None) if schedule is None else _step(_alphas_cumprod(schedule, steps), float(sigma))
    return _kind()(
        denoiser, classifier, sigma=float(sigma), t=t, t_sigma=t_sigma, step_scale=float(step_scale),
        prediction=PREDICTIONS[prediction], clip=bool(clip), size=sizes, resize=resize, mean=mean, std=std,
    )  # fmt: skip


def _alphas_cumprod(schedule: Union[str, Sequence[float]], steps: int) -> np.ndarray:
    """ᾱ_t for t = 0, 1, …, as float64. ValueError unless they fall within [0, 1]."""
    if isinstance(schedule, str):
        if schedule not in ("linear", "cosine"):
            raise ValueError(f"schedule: {schedule!r} found, expected linear, cosine, a sequence of ᾱ, or None")
        if steps < 2:
            raise ValueError(f"steps: {steps!r} found, expected at least 2")
        if schedule == "linear":
            # Published for 1000 steps. For other numbers β is scaled, so that the last noise is about the same.
            betas = np.linspace(0.0001, 0.02, steps) * (1000 / steps)
        else:
            share = np.cos((np.arange(steps + 1) / steps + 0.008) / 1.008 * np.pi / 2) ** 2
            betas = 1 - share[1:] / share[:-1]
        # β below 1, as Improved DDPM cuts it off.
        return np.cumprod(1 - np.minimum(betas, 0.999))
    if hasattr(schedule, "detach"):
        schedule = schedule.detach().cpu()
    found = np.asarray(schedule, dtype=np.float64)
    if found.ndim != 1 or len(found) < 2:
        raise ValueError(f"schedule: an array of shape {list(found.shape)} found, expected ᾱ of at least 2 steps")
    if not (found.min() >= 0 and found.max() <= 1 and (np.diff(found) < 0).all()):
        raise ValueError(
            f"schedule: {found[0]:g}, {found[1]:g}, …, {found[-1]:g} found, expected ᾱ (alphas_cumprod): numbers in"
            " [0, 1], each below the one before"
        )
    return found


def _step(alphas_cumprod: np.ndarray, sigma: float) -> tuple[int, float]:
    """The step whose noise is nearest to 2·sigma by ratio, and the sigma of exactly this step.

    ValueError where sigma is outside of the schedule. Steps of no noise, or of noise alone, are left out.
    """
    with np.errstate(divide="ignore"):
        sigmas = np.sqrt((1 - alphas_cumprod) / alphas_cumprod) / 2
    (inner,) = np.nonzero((sigmas > 0) & np.isfinite(sigmas))
    least, most = sigmas[inner].min(), sigmas[inner].max()
    # A sigma that was computed from the first or the last step is within the schedule, whatever its rounding.
    if not least * (1 - 1e-6) <= sigma <= most * (1 + 1e-6):
        raise ValueError(
            f"sigma: {sigma:g} found, but the {len(alphas_cumprod)} steps of this schedule have noise levels from"
            f" {least:.4g} to {most:.4g}, in units of pixels in [0, 1]"
        )
    t = int(inner[np.argmin(np.abs(np.log(sigmas[inner] / sigma)))])
    return t, float(sigmas[t])


@functools.cache
def _kind() -> Any:
    """The class `Denoised`. It is made when it is first needed, since this package works without PyTorch."""
    import torch

    class Denoised(torch.nn.Module):
        """See `denoised`."""

        __qualname__ = "Denoised"

        def __init__(
            self,
            denoiser: Any,
            classifier: Any,
            *,
            sigma: float,
            t: Optional[int],
            t_sigma: Optional[float],
            step_scale: float,
            prediction: str,
            clip: bool,
            size: Optional[tuple[int, int]],
            resize: str,
            mean: Any,
            std: Any,
        ):
            super().__init__()
            # Modules become submodules, other callables plain attributes.
            self.denoiser, self.classifier = denoiser, classifier
            self.sigma, self.t, self.t_sigma, self.step_scale = sigma, t, t_sigma, step_scale
            self.prediction, self.clip, self.size, self.resize = prediction, clip, size, resize
            known = [each for each in map(first_parameter, (denoiser, classifier)) if each is not None]
            devices = {str(each.device) for each in known}
            if len(devices) > 1:
                found = " and ".join(sorted(devices))
                raise ValueError(f"devices {found} found, expected the denoiser and the classifier on one")
            for name, values in (("mean", mean), ("std", std)):
                values = torch.as_tensor(values, dtype=torch.float32).reshape(-1, 1, 1)
                if not torch.isfinite(values).all() or (name == "std" and not (values > 0).all()):
                    raise ValueError(f"{name}: {values.flatten().tolist()} found, expected finite numbers, std above 0")
                self.register_buffer(name, values.to(known[0].device) if known else values)
            self.eval()

        def forward(self, x: Any) -> Any:
            """Logits [n, classes] of noisy images [n, C, height, width]."""
            channels = x.shape[1]
            for name, values in (("mean", self.mean), ("std", self.std)):
                if len(values) not in (1, channels):
                    raise ValueError(f"{name}: {len(values)} channels found, but images of {channels} channels came")
            # Half precision is for the networks alone.
            image = self.denoise(x.to(torch.promote_types(x.dtype, torch.float32)))
            if self.size is not None and tuple(image.shape[2:]) != self.size:
                image = torch.nn.functional.interpolate(image, self.size, mode=self.resize, antialias=True)
            image = (image - self.mean) / self.std
            return _tensor(self.classifier(_cast(image, self.classifier)), "classifier", "logits")

        def denoise(self, x: Any) -> Any:
            """The denoised images, of the shape of x and with pixels in [0, 1], of noisy images x."""
            if self.t is None:
                image = self._called(x)
            else:
                # Pixels in [-1, 1] have twice the noise. 1/ᾱ = 1 + noise².
                noisy, noise = 2 * x - 1, 2 * self.sigma
                root = 1 / math.sqrt(1 + noise**2)
                told = self.t if self.step_scale == 1 else self.t * self.step_scale
                number = torch.int64 if self.step_scale == 1 else torch.float32
                predicted = self._called(root * noisy, torch.full((len(x),), told, dtype=number, device=x.device))
                if self.prediction == "epsilon":
                    # DDPM, Equation 15, with x_t/√ᾱ = noisy and √((1-ᾱ)/ᾱ) = noise.
                    predicted = noisy - noise * predicted
                elif self.prediction == "v":
                    # Salimans, Ho: Progressive Distillation (ICLR 2022), Section 4: x₀ = √ᾱ·x_t - √(1-ᾱ)·v.
                    predicted = root**2 * noisy - noise * root * predicted
                image = (predicted + 1) / 2
            return image.clamp(0, 1) if self.clip else image

        def _called(self, x: Any, *step: Any) -> Any:
            """The denoiser's output: the first C channels, in the number format of x."""
            output = _tensor(self.denoiser(_cast(x, self.denoiser), *step), "denoiser", "sample")
            rows, channels, height, width = x.shape
            if output.shape not in ((rows, channels, height, width), (rows, 2 * channels, height, width)):
                found = list(output.shape)
                expected = f"{list(x.shape)}, or twice the channels"
                raise ValueError(f"the denoiser's output: shape {found} found, expected {expected}")
            return output[:, :channels].to(x.dtype)

        def get_extra_state(self) -> str:
            """The settings, as a text. They are part of `state_dict`, and so of the digest in certificates."""
            parts = [f"{part.__module__}:{part.__qualname__}" for part in map(_named, (self.denoiser, self.classifier))]
            return f"denoiser={parts[0]}, classifier={parts[1]}, {self.extra_repr()}"

        def set_extra_state(self, state: str) -> None:
            if state != self.get_extra_state():
                raise ValueError(f"the state of other settings found: {state}; expected {self.get_extra_state()}")

        def extra_repr(self) -> str:
            names = ("sigma", "t", "step_scale", "prediction", "clip", "size", "resize")
            return ", ".join(f"{name}={getattr(self, name)!r}" for name in names)

    return Denoised


def __getattr__(name: str) -> Any:
    # `pickle`, and so `torch.save`, looks the class up by its name.
    if name == "Denoised":
        return _kind()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _named(part: Any) -> Any:
    """What has the name of a callable: a function itself, else its class."""
    return part if hasattr(part, "__qualname__") else type(part)


def _cast(x: Any, part: Any) -> Any:
    """x in the number format of the part's parameters, where it has some."""
    parameter = first_parameter(part)
    return x.to(parameter.dtype) if parameter is not None and parameter.is_floating_point() else x


def _tensor(output: Any, name: str, attribute: str) -> Any:
    """The tensor in an output: itself, its attribute, or the first of a tuple."""
    import torch

    first = output[0] if isinstance(output, tuple) and output else None
    for found in (output, getattr(output, attribute, None), first):
        if isinstance(found, torch.Tensor):
            return found
    kind = type(output).__name__
    raise TypeError(f"the {name}'s output: type {kind} found, expected a tensor or an object with .{attribute}")
