"""The interface of the Adversarial Robustness Toolbox."""

from __future__ import annotations

import inspect
import math
import subprocess
import sys
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from drs_smoothing import Pool  # noqa: E402
from drs_smoothing._drs import clopper_pearson_lower  # noqa: E402
from drs_smoothing.art import RandomizedSmoothing  # noqa: E402

NORMAL = NormalDist()
PIXEL = 1 / 255


class Above(torch.nn.Module):
    """Class 1 where the first value of an input is above a threshold, else 0."""

    def __init__(self, threshold: float):
        super().__init__()
        self.threshold = torch.nn.Parameter(torch.tensor(threshold))

    def forward(self, batch: Any) -> Any:
        first = batch.reshape(len(batch), -1)[:, 0]
        return torch.stack([self.threshold - first, first - self.threshold], dim=1)


class Largest(torch.nn.Module):
    """The place of the largest value of an input."""

    def forward(self, batch: Any) -> Any:
        return batch.reshape(len(batch), -1)


def certifier(model: Any, **arguments: Any) -> RandomizedSmoothing:
    usual = {"loss": None, "input_shape": (1, 2, 2), "nb_classes": 2, "device_type": "cpu"}
    return RandomizedSmoothing(model, **(usual | {"sample_size": 50, "scale": 0.25} | arguments))


def sampling_error(p: float, n: int) -> float:
    """Standard deviation of Φ⁻¹ of a share of n votes whose expectation is p."""
    return math.sqrt(p * (1 - p) / n) / NORMAL.pdf(NORMAL.inv_cdf(p))


def test_constructor_takes_arts_arguments_in_arts_order() -> None:
    found = [
        (name, parameter.default)
        for name, parameter in inspect.signature(RandomizedSmoothing).parameters.items()
        if parameter.kind is not parameter.KEYWORD_ONLY
    ]
    none = inspect.Parameter.empty
    assert found == [
        ("model", none), ("loss", none), ("input_shape", none), ("nb_classes", none), ("optimizer", None),
        ("channels_first", True), ("clip_values", None), ("preprocessing_defences", None),
        ("postprocessing_defences", None), ("preprocessing", (0.0, 1.0)), ("device_type", "gpu"), ("sample_size", 32),
        ("scale", 0.1), ("alpha", 0.001),
    ]


def test_art_need_not_be_installed() -> None:
    code = "import sys; sys.modules['art'] = None; import drs_smoothing.art"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.0, 255.0), (-1.0, 1.0), (-0.5, 2.75)])
def test_radius_is_the_exact_one_but_for_sampling(low: float, high: float) -> None:
    # Halfway between two levels. So rounding decides nothing, and the exact radius is the distance to the threshold.
    n, scale, threshold = 2000, 0.25, 90.5 * PIXEL
    distances = np.array([20, 60, 100]) * PIXEL
    x = np.full((3, 1, 2, 2), 0.5)
    x[:, 0, 0, 0] = threshold + distances
    size = high - low
    classes, radii = certifier(
        Above(low + threshold * size), scale=scale * size, clip_values=None if (low, high) == (0, 1) else (low, high)
    ).certify(low + x * size, n, batch_size=256, seed=11)
    assert classes.tolist() == [1, 1, 1]
    for radius, distance in zip(radii / size, distances):
        p = NORMAL.cdf(distance / scale)
        fewest = math.floor(n * p - 4 * math.sqrt(n * p * (1 - p)))
        assert scale * NORMAL.inv_cdf(clopper_pearson_lower(fewest, n, 0.001)) <= radius <= distance


def test_unanimous_votes_give_the_largest_radius_that_n_and_alpha_allow() -> None:
    x = np.full((1, 1, 2, 2), 0.5)
    for n, alpha in [(200, 0.001), (1000, 0.05)]:
        _, radii = certifier(Above(-9.0), alpha=alpha).certify(x, n)
        most = 0.25 * NORMAL.inv_cdf(alpha ** (1 / n))
        assert most * (1 - 1e-6) < radii[0] <= most * (1 + 1e-12)


def test_sample_size_and_alpha_decide_when_predict_abstains() -> None:
    x = np.full((1, 1, 2, 2), 0.5)
    # The p-value of k votes of k is 2^(1 - k).
    for sample_size, alpha, row in [(10, 0.001, [0, 0]), (11, 0.001, [0, 1]), (10, 0.002, [0, 1])]:
        assert certifier(Above(-9.0), sample_size=sample_size, alpha=alpha).predict(x).tolist() == [row]


def test_certify_selects_with_sample_size_and_estimates_with_n(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    route = Pool.route

    def spy(pool: Pool, inputs: Any, **question: Any) -> Any:
        asked.append(question)
        return route(pool, inputs, **question)

    monkeypatch.setattr(Pool, "route", spy)
    certifier(Above(0.0), sample_size=7, alpha=0.01).certify(np.ones((2, 1, 2, 2)), np.int64(60))
    assert asked == [{"n0": 7, "n": 60, "alpha": 0.01, "sampling": "fixed", "seed": None}]


def test_abstains_as_art_does() -> None:
    # The first input is on the threshold: both classes are as likely.
    x = np.stack([np.full((1, 2, 2), 100.5 * PIXEL), np.ones((1, 2, 2))])
    smoothed = certifier(Above(100.5 * PIXEL))
    classes, radii = smoothed.certify(x, 300, seed=2)
    assert classes.tolist() == [-1, 1] and radii[0] == 0 < radii[1]
    assert smoothed.predict(x, seed=2).tolist() == [[0, 0], [0, 1]]
    assert smoothed.predict(x, is_abstain=False, seed=2).sum(axis=1).tolist() == [1, 1]


def test_shapes_and_types() -> None:
    smoothed = certifier(Above(0.2))
    for count in (0, 1, 5):
        x = np.full((count, 1, 2, 2), 0.9, dtype=np.float32)
        classes, radii = smoothed.certify(x, 100)
        assert classes.shape == radii.shape == (count,)
        assert classes.dtype == np.int64 and radii.dtype == np.float64
        chosen = smoothed.predict(x, 64, True)
        assert chosen.shape == (count, 2) and chosen.dtype == np.float64 and chosen[:, 1].sum() == count


@pytest.mark.parametrize("shape", [(6,), (2, 3), (2, 3, 1), (1, 2, 3, 1)])
def test_inputs_may_have_any_shape(shape: tuple[int, ...]) -> None:
    seen = set()

    class Seeing(Largest):
        def forward(self, batch: Any) -> Any:
            seen.add(tuple(batch.shape[1:]))
            return super().forward(batch)

    x = np.eye(6).reshape(6, *shape)
    smoothed = certifier(Seeing(), input_shape=shape, nb_classes=6, channels_first=False, scale=0.05)
    assert smoothed.certify(x, 100)[0].tolist() == [0, 1, 2, 3, 4, 5]
    assert seen == {shape}


def test_the_unit_of_the_inputs_is_the_unit_of_scale_and_radii() -> None:
    bytes_ = np.random.default_rng(5).integers(0, 256, size=(6, 1, 2, 2), dtype=np.uint8)
    bytes_[:, 0, 0, 0] = [0, 50, 90, 110, 150, 250]
    near = certifier(Above(0.4)).certify(bytes_ / 255, 500, seed=4)
    far = certifier(Above(0.4 * 255), clip_values=(0, 255), scale=0.25 * 255).certify(bytes_, 500, seed=4)
    assert near[0].tolist() == far[0].tolist() and {0, 1} <= set(near[0].tolist())
    assert far[1] == pytest.approx(near[1] * 255, rel=1e-12)


def test_a_radius_is_about_the_input_itself() -> None:
    # Inputs so near the lattice are taken for the point on it. So the radius must be smaller by the distance.
    pixels = np.full((1, 1, 2, 2), 200 * PIXEL)
    smoothed = certifier(Above(0.4), clip_values=(0.0, 1.0))
    on, off = (smoothed.certify(x, 300, seed=1)[1][0] for x in (pixels, pixels + 9e-4 * PIXEL))
    assert on - off == pytest.approx(2 * 9e-4 * PIXEL, rel=1e-6)


def test_certifies_nothing_where_the_input_is_farther_from_the_lattice_than_the_radius() -> None:
    pixels = np.full((1, 1, 2, 2), 200 * PIXEL)
    smoothed = certifier(Above(0.4), scale=1e-6)
    assert smoothed.certify(pixels, 300)[0].tolist() == [1]
    classes, radii = smoothed.certify(pixels + 9e-4 * PIXEL, 300)
    assert classes.tolist() == [-1] and radii.tolist() == [0.0]


@pytest.mark.parametrize(
    ("preprocessing", "expected"),
    [
        (None, 3),
        ((0.0, -1.0), 0),
        # For each channel: of the first, −0.1/1 and 0.1/1; of the second, −0.4/2 and −0.2/2.
        ((np.array([0.2, 1.0]), np.array([1.0, 2.0])), 1),
        # One array for all values, which makes the third the largest.
        ((np.array([[[1.0, 1.0]], [[0.0, 1.0]]]), 1.0), 2),
    ],
)
def test_the_model_sees_standardised_inputs(preprocessing: Any, expected: int) -> None:
    x = np.array([0.1, 0.3, 0.6, 0.8]).reshape(1, 2, 1, 2)
    arguments = {"input_shape": (2, 1, 2), "nb_classes": 4, "scale": 0.001, "quantum": "1/4095"}
    if isinstance(preprocessing, tuple) and np.ndim(preprocessing[0]) == 1:
        # A width that is not the number of channels: else a vector belongs to the columns, as in ART.
        x, arguments["input_shape"] = x.reshape(1, 2, 2, 1), (2, 2, 1)
    smoothed = certifier(Largest(), preprocessing=preprocessing, **arguments)
    assert smoothed.predict(x).argmax(axis=1).tolist() == [expected]


def test_a_vector_as_long_as_the_last_dimension_belongs_to_it() -> None:
    x = np.array([0.1, 0.3, 0.6, 0.8]).reshape(1, 2, 1, 2)
    smoothed = certifier(
        Largest(), input_shape=(2, 1, 2), nb_classes=4, scale=0.001, preprocessing=(np.array([0.0, 1.0]), np.ones(2))
    )
    assert smoothed.predict(x).argmax(axis=1).tolist() == [2]


def test_the_model_is_in_eval_mode_and_new_weights_count() -> None:
    # In train mode all values are dropped, and the answer is 0.
    model = torch.nn.Sequential(torch.nn.Dropout(1.0), Above(0.4))
    model.train()
    smoothed = certifier(model)
    x = np.ones((1, 1, 2, 2))
    assert smoothed.certify(x, 100)[0].tolist() == [1]
    assert not model.training and smoothed.model is model
    with torch.no_grad():
        model[1].threshold.fill_(3.0)
    assert smoothed.certify(x, 100)[0].tolist() == [0]


def test_settings_may_be_changed() -> None:
    smoothed = certifier(Above(-9.0))
    x = np.ones((1, 1, 2, 2))
    before = smoothed.certify(x, 100)[1][0]
    smoothed.scale = 0.5
    assert smoothed.certify(x, 100)[1][0] == pytest.approx(2 * before, rel=1e-9)
    smoothed.scale = -1.0
    with pytest.raises(ValueError, match="scale: -1.0 found"):
        smoothed.certify(x, 100)


class Defence:
    """As ART's defences look from outside."""

    def __init__(self, apply_predict: bool):
        self.apply_predict = apply_predict


def test_defences_that_do_nothing_in_predictions_are_accepted() -> None:
    smoothed = certifier(
        Above(0.4), loss=torch.nn.CrossEntropyLoss(), optimizer=object(), preprocessing_defences=[Defence(False)],
        postprocessing_defences=[],
    )
    assert smoothed.certify(np.ones((1, 1, 2, 2)), 100)[0].tolist() == [1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"preprocessing_defences": Defence(True)}, "preprocessing_defences: Defence found"),
        ({"preprocessing_defences": [Defence(False), Defence(True)]}, "preprocessing_defences: Defence found"),
        ({"postprocessing_defences": [object()]}, "postprocessing_defences: object found"),
        ({"preprocessing": Defence(True)}, "preprocessing: Defence found, expected a pair"),
        ({"preprocessing": (0.0, 0.0)}, "preprocessing: .* a std that is not 0"),
        ({"preprocessing": (np.zeros(3), np.ones(3))}, r"preprocessing: an array of shape \[3\] found"),
        ({"clip_values": (1, 0)}, r"clip_values: \(1, 0\) found"),
        ({"clip_values": (0, math.nan)}, "clip_values: .* expected finite numbers"),
        ({"clip_values": (0, 1, 2)}, "clip_values: 3 values found"),
        ({"clip_values": (np.zeros(4), np.array([1, 1, 1, 2]))}, "clip_values: arrays of different values found"),
        ({"nb_classes": 1}, "nb_classes: 1 found, expected at least 2"),
        ({"sample_size": 0}, "sample_size: 0 found, expected at least 1"),
        ({"scale": 0.0}, "scale: 0.0 found, expected a number above 0"),
        ({"alpha": 1.0}, "alpha: 1.0 found, expected a number between 0 and 1"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        certifier(Above(0.4), **arguments)


def test_a_model_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="model: function found, expected a torch.nn.Module"):
        certifier(lambda batch: batch)
    with pytest.raises(ValueError, match="nb_classes: 3 found, .* the model's number of classes"):
        certifier(Above(0.4), nb_classes=3).certify(np.ones((1, 1, 2, 2)), 100)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.ones((1, 2, 2)), r"x: shape \[1, 2, 2\] found, expected \[inputs, 1, 2, 2\]"),
        (np.full((2, 1, 2, 2), 200.0), r"x: values from 200.0 to 200.0 found, expected 0 to 1: .* clip_values"),
        (np.full((2, 1, 2, 2), -0.1), "x: values from -0.1"),
        (np.full((2, 1, 2, 2), math.nan), "x: values from nan"),
        (np.full((2, 1, 2, 2), "1"), "x: an array of <U1 found, expected numbers"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(x: Any, message: str) -> None:
    smoothed = certifier(Above(0.4))
    for ask in (lambda: smoothed.certify(x, 100), lambda: smoothed.predict(x)):
        with pytest.raises(ValueError, match=message):
            ask()


def test_is_abstain_must_be_a_truth_value() -> None:
    with pytest.raises(ValueError, match="is_abstain: 'no' found"):
        certifier(Above(0.4)).predict(np.ones((1, 1, 2, 2)), is_abstain="no")  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore")
def test_agrees_with_art() -> None:
    theirs = pytest.importorskip("art.estimators.certification.randomized_smoothing").PyTorchRandomizedSmoothing
    # ART needs it to certify and does not install it.
    pytest.importorskip("statsmodels")
    n, scale = 1000, 0.25 * 255
    torch.manual_seed(1)
    # Three classes: the sums of three channels, with standardised inputs from 0 to 255.
    model = torch.nn.Sequential(torch.nn.AvgPool2d(4), torch.nn.Flatten())
    x = np.random.default_rng(7).integers(100, 130, size=(8, 3, 4, 4)).astype(np.float32)
    x[np.arange(6), np.arange(6) % 3] += [[[8.0]], [[16.0]], [[24.0]], [[32.0]], [[48.0]], [[64.0]]]
    common = {
        "loss": torch.nn.CrossEntropyLoss(), "input_shape": (3, 4, 4), "nb_classes": 3, "clip_values": (0.0, 255.0),
        "preprocessing": (np.array([120.0, 121.0, 119.0]), np.array([60.0, 61.0, 62.0])), "device_type": "cpu",
        "sample_size": 200, "scale": scale, "alpha": 0.001,
    }
    signatures = [
        [(p.name, p.default) for p in inspect.signature(kind).parameters.values() if p.kind is not p.KEYWORD_ONLY]
        for kind in (theirs, RandomizedSmoothing)
    ]
    assert signatures[0] == signatures[1]
    art, ours = theirs(model, **common), RandomizedSmoothing(model, **common)
    np.random.seed(3)
    art_classes, art_radii = art.certify(x, n=n, batch_size=256)
    classes, radii = ours.certify(x, n=n, batch_size=256, seed=3)
    assert (classes.shape, radii.shape) == (art_classes.shape, art_radii.shape)
    clear = np.minimum(radii, art_radii) > 0.2 * scale
    assert clear.sum() >= 4 and {0, 1, 2} == set(art_classes[clear].tolist())
    assert classes[clear].tolist() == art_classes[clear].tolist()
    for ours_here, art_here in zip(radii[clear], art_radii[clear]):
        error = sampling_error(NORMAL.cdf(art_here / scale), n)
        assert abs(ours_here - art_here) < 5 * math.sqrt(2) * error * scale
    art_rows, rows = art.predict(x, batch_size=256), ours.predict(x, batch_size=256, seed=3)
    assert rows.shape == art_rows.shape and rows.dtype == art_rows.dtype
    assert rows[clear].tolist() == art_rows[clear].tolist()
