"""`Smooth`: the published procedure, on classifiers whose answer is known."""

import math

import numpy as np
import pytest
from analytic import SHAPE, Halfspace, at_distance

import drs_smoothing as drs

SCIPY = pytest.importorskip("scipy.stats")


def published(selection, estimation, sigma, alpha):
    """CERTIFY of Cohen et al. 2019 on votes that are there: a plain implementation."""
    top = int(np.argmax(selection))
    successes, trials = int(estimation[top]), int(np.sum(estimation))
    bound = SCIPY.beta.ppf(alpha, successes, trials - successes + 1) if successes else 0.0
    return (-1, 0.0) if bound < 0.5 else (top, sigma * SCIPY.norm.ppf(bound))


@pytest.mark.parametrize("distance", [-0.02, 0.0, 0.02, 0.1, 0.3, 0.7])
@pytest.mark.parametrize("sigma", [0.25, 1.0])
def test_the_answer_is_the_published_one_on_the_same_votes(distance, sigma):
    smooth = drs.Smooth(Halfspace(classes=3), 3, sigma)
    x = at_distance(distance)
    for seed in range(5):
        answer = smooth.certify(x, 50, 400, 0.01, 64, seed=seed, certificate=True)
        votes = [stage["looks"][-1] for stage in answer.record["stages"]]
        label, radius = published(*votes, sigma, 0.01)
        found = smooth.certify(x, 50, 400, 0.01, 64, seed=seed)
        assert found == ((-1, 0.0) if answer.abstained else (answer.label, answer.radius))
        if label == -1:
            # An answer of radius 0 is none here.
            assert found == (-1, 0.0)
        else:
            assert found[0] == label
            # Rounded down, and charged for the noise's distance from an exact Gaussian: never more.
            assert radius - 1e-6 <= found[1] <= radius


def test_radii_hold_and_are_near_the_exact_ones():
    distance, sigma = 0.4, 0.5
    smooth = drs.Smooth(Halfspace(), 2, sigma)
    radii = [smooth.certify(at_distance(distance), 100, 20_000, 0.001, 512, seed=seed)[1] for seed in range(5)]
    assert all(0.9 * distance < radius <= distance for radius in radii), radii


def test_an_input_at_the_boundary_is_abstained_from():
    smooth = drs.Smooth(Halfspace(), 2, 0.5)
    assert smooth.certify(at_distance(0), 100, 1000, 0.001, 100, seed=1) == (drs.Smooth.ABSTAIN, 0.0)
    assert smooth.predict(at_distance(0), 1000, 0.001, 100, seed=1) == -1


def test_predict_answers_with_the_class():
    smooth = drs.Smooth(Halfspace(), 2, 0.5)
    assert smooth.predict(at_distance(0.3), 1000, 0.001, 100) == 1
    assert smooth.predict(at_distance(-0.3), 1000, 0.001, 100) == 0


def test_the_same_seed_gives_the_same_votes_whatever_the_batch():
    smooth = drs.Smooth(Halfspace(), 2, 0.5)
    x = at_distance(0.1)
    counts = [smooth._sample_noise(x, 1000, batch, seed=7) for batch in (1, 64, 1000)]
    assert all((count == counts[0]).all() for count in counts)
    assert counts[0].sum() == 1000 and counts[0].dtype == int
    assert (smooth._sample_noise(x, 1000, 64, seed=8) != counts[0]).any()
    fresh = {tuple(smooth._sample_noise(x, 1000, 64)) for _ in range(20)}
    assert len(fresh) > 1


def test_votes_are_as_likely_as_they_should_be():
    distance, sigma, draws = 0.25, 0.5, 40_000
    counts = drs.Smooth(Halfspace(), 2, sigma)._sample_noise(at_distance(distance), draws, 1000, seed=3)
    expected = SCIPY.norm.cdf(distance / sigma)
    assert abs(counts[1] / draws - expected) < 5 * math.sqrt(expected * (1 - expected) / draws)


def test_the_helpers_that_forks_call():
    smooth = drs.Smooth(Halfspace(), 2, 0.5)
    assert (smooth._count_arr(np.array([0, 2, 2]), 4) == [1, 0, 2, 0]).all()
    exact = SCIPY.beta.ppf(0.001, 990, 11)
    assert exact - 2e-9 < smooth._lower_confidence_bound(990, 1000, 0.001) <= exact
    assert smooth._lower_confidence_bound(0, 1000, 0.001) == 0.0
    with pytest.raises(RuntimeError, match="11 successes in 10 trials"):
        smooth._lower_confidence_bound(11, 10, 0.001)


def test_sequential_sampling_draws_less_and_says_the_same():
    smooth = drs.Smooth(Halfspace(), 2, 0.5)
    x = at_distance(0.9)
    fixed = smooth.certify(x, 100, 10_000, 0.001, 256, seed=1, certificate=True)
    short = smooth.certify(x, 100, 10_000, 0.001, 256, seed=1, radii=0.5, certificate=True)
    assert short.label == fixed.label == 1
    assert short.draws < 300 < fixed.draws == 10_100
    assert short.radius >= 0.5


@pytest.mark.parametrize(
    "arguments, words",
    [
        ((0, 100, 0.001, 10), "n0 = 0 found, expected 1 to"),
        ((100, 0, 0.001, 10), "n = 0 found"),
        ((100, 100, 0.0, 10), "alpha"),
        ((100, 100, 1.5, 10), "alpha"),
        ((100, 100, 0.001, 0), "batch"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(arguments, words):
    with pytest.raises((ValueError, RuntimeError), match=words):
        drs.Smooth(Halfspace(), 2, 0.5).certify(at_distance(0.3), *arguments)


def test_inputs_that_are_none_are_refused():
    smooth = drs.Smooth(Halfspace(), 2, 0.5)
    for x, words in [
        (np.full(SHAPE, 1.5), r"outside \[0, 1\]"),
        (np.full(SHAPE, np.nan), "NaN"),
        (np.zeros(SHAPE, dtype=np.int64), "an array of int64 found, expected uint8, float32 or float64"),
    ]:
        with pytest.raises(RuntimeError, match=words):
            smooth.certify(x, 10, 10, 0.01, 10)
    with pytest.raises((ValueError, RuntimeError)):
        smooth.certify(np.zeros((4, 4)), 10, 10, 0.01, 10)


def test_bytes_are_pixels():
    smooth = drs.Smooth(Halfspace(), 2, 0.5)
    white = smooth.certify(np.full(SHAPE, 255, dtype=np.uint8), 100, 1000, 0.001, 100, seed=5)
    assert white == smooth.certify(np.ones(SHAPE), 100, 1000, 0.001, 100, seed=5)
