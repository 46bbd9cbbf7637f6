"""`denoised`: against computations that are written out here, and against a denoiser that is optimal by theory."""

from __future__ import annotations

import copy
import math
import pickle
import subprocess
import sys
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")

from drs_smoothing import Expert, Pool, Smooth  # noqa: E402
from drs_smoothing._kinds import identity  # noqa: E402
from drs_smoothing.denoised import denoised  # noqa: E402

SHAPE = (3, 4, 4)


def linear_schedule(steps=1000):
    """ᾱ of DDPM: β from 0.0001 to 0.02."""
    product, abars = 1.0, []
    for t in range(steps):
        product *= 1 - (0.0001 + (0.02 - 0.0001) * t / (steps - 1)) * 1000 / steps
        abars.append(product)
    return abars


def cosine_schedule(steps=1000):
    """ᾱ of Improved DDPM, up to the last step, whose β is cut off."""

    def f(t):
        return math.cos((t / steps + 0.008) / 1.008 * math.pi / 2) ** 2

    return [f(t + 1) / f(0) for t in range(steps - 1)]


def noise(abar):
    return math.sqrt((1 - abar) / abar)


def nearest(abars, sigma):
    return min(range(len(abars)), key=lambda t: abs(math.log(noise(abars[t])) - math.log(2 * sigma)))


class Optimal(torch.nn.Module):
    """The best denoiser of data whose pixels in [-1, 1] are N(centre, spread²): its x0 is E[x0 | x_t]."""

    def __init__(self, abars, prediction="x0", centre=0.0, spread=0.4):
        super().__init__()
        self.prediction, self.centre, self.spread = prediction, centre, spread
        self.register_buffer("abars", torch.as_tensor(abars, dtype=torch.float64))

    def forward(self, x_t, t):
        abar = self.abars[t].reshape(-1, 1, 1, 1).to(x_t.dtype)
        a, b = abar.sqrt(), (1 - abar).sqrt()
        x0 = (self.centre * b**2 + self.spread**2 * a * x_t) / (self.spread**2 * a**2 + b**2)
        epsilon = (x_t - a * x0) / b
        return {"x0": x0, "epsilon": epsilon, "v": a * epsilon - b * x0}[self.prediction]


class Spy(torch.nn.Module):
    """Keeps what it was called with, and gives what it was told to."""

    def __init__(self, gives=lambda x: x):
        super().__init__()
        self.gives, self.calls = gives, []

    def forward(self, *inputs):
        self.calls.append(inputs)
        return self.gives(inputs[0])


class Above(torch.nn.Module):
    """Class 1 where the mean of the pixels is above a half, else class 0."""

    def forward(self, x):
        score = x.mean((1, 2, 3)) - 0.5
        return torch.stack([-score, score], 1)


def networks():
    torch.manual_seed(3)
    return torch.nn.Conv2d(3, 3, 3, padding=1), torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(48, 5))


def images(n=2, dtype=torch.float32, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, *SHAPE, generator=generator, dtype=dtype)


@pytest.mark.parametrize("prediction", ["epsilon", "x0", "v"])
@pytest.mark.parametrize("t", [40, 144, 396, 700])
def test_one_shot_is_the_posterior_mean(prediction, t):
    abars = linear_schedule()
    sigma = noise(abars[t]) / 2
    module = denoised(Optimal(abars, prediction, centre=0.2), Above(), sigma, prediction=prediction, clip=False)
    assert module.t == t
    noisy = images(dtype=torch.float64)
    noisy = noisy + sigma * torch.randn(noisy.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    # The same in units of the pixels in [0, 1]: data N(0.6, 0.2²), noise N(0, sigma²).
    expected = (0.6 * sigma**2 + 0.2**2 * noisy) / (0.2**2 + sigma**2)
    torch.testing.assert_close(module.denoise(noisy), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("sigma", [0.25, 0.5, 1.0])
def test_between_steps_predictions_agree_and_the_error_is_the_least_possible(sigma):
    abars = linear_schedule()
    generator = torch.Generator().manual_seed(4)
    clean = 0.5 + 0.2 * torch.randn(400, *SHAPE, generator=generator, dtype=torch.float64)
    noisy = clean + sigma * torch.randn(clean.shape, generator=generator, dtype=torch.float64)
    optimum = (0.5 * sigma**2 + 0.2**2 * noisy) / (0.2**2 + sigma**2)
    for prediction in ("epsilon", "x0", "v"):
        module = denoised(Optimal(abars, prediction), Above(), sigma, prediction=prediction, clip=False)
        image = module.denoise(noisy)
        # The step is off by at most half a step.
        assert (image - optimum).abs().max() < 0.01
        variance = 0.2**2 * sigma**2 / (0.2**2 + sigma**2)
        assert ((image - clean) ** 2).mean().item() == pytest.approx(variance, rel=0.03)


def test_the_names_of_diffusers():
    noisy = images()
    for name, theirs in (("x0", "sample"), ("v", "v_prediction")):
        ours, same = (denoised(Spy(lambda x: x / 3), Above(), 0.5, prediction=each) for each in (name, theirs))
        assert torch.equal(ours.denoise(noisy), same.denoise(noisy))


@pytest.mark.parametrize("sigma,linear,cosine", [(0.25, 144, 289), (0.5, 258, 495), (1.0, 396, 701)])
def test_steps_of_known_schedules(sigma, linear, cosine):
    assert nearest(linear_schedule(), sigma) == linear
    assert nearest(cosine_schedule(), sigma) == cosine
    for schedule, t, abars in (("linear", linear, linear_schedule()), ("cosine", cosine, cosine_schedule())):
        module = denoised(Spy(), Above(), sigma, schedule=schedule)
        assert module.t == t
        assert module.t_sigma == pytest.approx(noise(abars[t]) / 2, rel=1e-9)
        # As diffusers has it.
        assert denoised(Spy(), Above(), sigma, schedule=torch.tensor(abars, dtype=torch.float32)).t == t


@pytest.mark.parametrize("schedule,abars", [("linear", linear_schedule(250)), ("cosine", cosine_schedule(4000))])
def test_other_numbers_of_steps(schedule, abars):
    steps = 250 if schedule == "linear" else 4000
    module = denoised(Spy(), Above(), 0.5, schedule=schedule, steps=steps)
    assert module.t == nearest(abars, 0.5)
    assert module.t_sigma == pytest.approx(noise(abars[module.t]) / 2, rel=1e-9)


def test_what_the_denoiser_is_called_with():
    noisy, spy = images(), Spy()
    denoised(spy, Above(), 0.3)(noisy)
    ((x_t, t),) = spy.calls
    # The noise of 2·0.3 on [-1, 1] becomes √(1-ᾱ), whatever the step's own ᾱ.
    torch.testing.assert_close(x_t, (2 * noisy - 1) / math.sqrt(1 + 0.6**2))
    assert t.dtype == torch.int64 and t.tolist() == [nearest(linear_schedule(), 0.3)] * 2
    spy.calls.clear()
    denoised(spy, Above(), 0.5, schedule="cosine", steps=4000, step_scale=0.25)(noisy)
    ((_, t),) = spy.calls
    assert t.dtype == torch.float32 and t.tolist() == [nearest(cosine_schedule(4000), 0.5) / 4] * 2


def test_endpoints_of_a_schedule():
    abars = linear_schedule()
    for t in (0, 999):
        assert denoised(Spy(), Above(), noise(abars[t]) / 2).t == t
    # β of the last step of the cosine is cut off at 0.999.
    assert denoised(Spy(), Above(), noise(cosine_schedule()[-1] * 0.001) / 2, schedule="cosine").t == 999
    # Steps of no noise, or of noise alone, are never taken.
    ends = [1.0, 0.9, 0.5, 0.0]
    assert [denoised(Spy(), Above(), sigma, schedule=ends).t for sigma in (noise(0.9) / 2, 0.5)] == [1, 2]
    with pytest.raises(ValueError, match=r"from 0\.1667 to 0\.5,"):
        denoised(Spy(), Above(), 0.6, schedule=ends)


@pytest.mark.parametrize("resize", ["bicubic", "bilinear"])
def test_a_plain_denoiser_against_plain_pytorch(resize):
    denoiser, _ = networks()
    classifier = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 2 * 3, 5))
    mean, std = [0.1, 0.2, 0.3], [0.5, 0.6, 0.7]
    module = denoised(denoiser, classifier, 0.25, schedule=None, size=(2, 3), resize=resize, mean=mean, std=std)
    assert module.t is None and module.t_sigma is None
    noisy = images()
    clean = denoiser(noisy).clamp(0, 1)
    small = torch.nn.functional.interpolate(clean, (2, 3), mode=resize, antialias=True)
    small = (small - torch.tensor(mean).view(1, 3, 1, 1)) / torch.tensor(std).view(1, 3, 1, 1)
    torch.testing.assert_close(module(noisy), classifier(small))


def test_one_number_of_size_mean_and_std():
    spy = Spy(lambda x: x.flatten(1))
    denoised(Spy(), spy, 0.25, schedule=None, size=8, mean=0.5, std=0.25)(torch.full((1, *SHAPE), 0.75))
    ((image,),) = spy.calls
    torch.testing.assert_close(image, torch.ones(1, 3, 8, 8))


def test_clip():
    noisy = torch.tensor([-0.5, 0.25, 1.5]).reshape(1, 3, 1, 1)
    for schedule in (None, "linear"):
        # An x0 of 2·noisy - 1 is noisy again.
        cut, whole = (
            denoised(
                lambda x, *_: x if schedule is None else x * math.sqrt(1 + 0.5**2),
                Above(), 0.25, schedule=schedule, prediction="x0", clip=clip,
            )  # fmt: skip
            for clip in (True, False)
        )
        torch.testing.assert_close(cut.denoise(noisy).flatten(), torch.tensor([0, 0.25, 1]))
        torch.testing.assert_close(whole.denoise(noisy).flatten(), torch.tensor([-0.5, 0.25, 1.5]))


def test_outputs_of_other_libraries():
    noisy = images()
    expected = denoised(Spy(lambda x: x / 3), Above(), 0.5)
    for gives in (
        lambda x: SimpleNamespace(sample=x / 3),
        lambda x: (x / 3,),
        # A learned variance.
        lambda x: torch.cat([x / 3, torch.full_like(x, 9)], 1),
    ):
        assert torch.equal(denoised(Spy(gives), Above(), 0.5).denoise(noisy), expected.denoise(noisy))
    module = denoised(Spy(lambda x: x / 3), lambda x: SimpleNamespace(logits=Above()(x)), 0.5)
    assert torch.equal(module(noisy), expected(noisy))


def test_number_formats():
    denoiser, classifier = networks()
    exact = denoised(denoiser, classifier, 0.25, schedule=None)(images())
    spy = Spy(classifier)
    module = denoised(copy.deepcopy(denoiser).bfloat16(), spy, 0.25, schedule=None)
    logits = module(images())
    # The classifier is float32, and so is what it gets.
    assert spy.calls[0][0].dtype == torch.float32
    torch.testing.assert_close(logits, exact, rtol=0.02, atol=0.02)
    double = denoised(denoiser, classifier, 0.25, schedule=None).double()
    noisy = images(dtype=torch.float64)
    torch.testing.assert_close(double(noisy), classifier(denoiser(noisy).clamp(0, 1)), rtol=0, atol=1e-12)


def test_gradients_pass():
    noisy = images().requires_grad_()
    denoised(*networks(), 0.25, schedule=None)(noisy)[:, 0].sum().backward()
    assert noisy.grad.abs().max() > 0


def test_eval_mode():
    parts = torch.nn.Dropout(), torch.nn.Sequential(torch.nn.Dropout(), Above())
    module = denoised(*parts, 0.25, schedule=None)
    assert not any(each.training for each in module.modules()) and not parts[1][0].training


def test_digests_cover_weights_and_settings():
    denoiser, classifier = networks()

    def digest(*, sigma=0.25, classifier=classifier, **settings):
        return identity(denoised(denoiser, classifier, sigma, **settings))["state_sha256"]

    other = copy.deepcopy(classifier)
    with torch.no_grad():
        other[1].bias[0] += 1
    digests = [
        digest(), digest(sigma=0.3), digest(classifier=other), digest(schedule="cosine"), digest(prediction="v"),
        digest(clip=False), digest(size=8), digest(size=8, resize="bilinear"), digest(mean=0.1), digest(std=0.9),
        digest(step_scale=0.25), digest(classifier=torch.sum), digest(classifier=torch.mean),
    ]  # fmt: skip
    assert len(set(digests)) == len(digests)
    assert digest() == digests[0]
    known = identity(denoised(denoiser, classifier, 0.25))
    assert known["callable"] == "drs_smoothing.denoised:Denoised"
    assert known["source"][0].endswith("denoised.py")


def test_copies_and_states():
    module = denoised(*networks(), 0.25, schedule=None)
    for same in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert torch.equal(same(images()), module(images()))
    module.load_state_dict(module.state_dict())
    with pytest.raises(Exception, match="other settings"):
        denoised(*networks(), 0.5, schedule=None).load_state_dict(module.state_dict())


@pytest.mark.parametrize("as_module", [True, False])
def test_certify(as_module):
    # The optimal denoiser leaves a mean of a half where it is. So the smoothed classifier is a half space.
    optimal, above = Optimal(linear_schedule(), "epsilon"), Above()
    parts = (optimal, above) if as_module else (lambda x, t: optimal(x, t), lambda x: above(x))
    smooth = Smooth(denoised(*parts, 0.25, clip=False), 2, 0.25)
    for sign in (-1, 1):
        x = torch.full(SHAPE, 127.5 / 255 + sign * 12.5 / 255)
        label, radius = smooth.certify(x, n0=50, n=2000, alpha=0.001, batch_size=200, seed=7)
        distance = 12.5 / 255 * math.sqrt(48)
        assert label == (sign > 0)
        assert 0.8 * distance < radius < distance
    smooth.close()


def test_denoising_helps_a_classifier_of_clean_images():
    # Every pixel is 0.3 or 0.7 by the class. The classifier says which the image is close to, and 2 where it is close
    # to none.
    def classifier(x):
        far = torch.stack([((x - centre) ** 2).mean((1, 2, 3)) for centre in (0.3, 0.7)], 1)
        return torch.cat([-far, torch.full((len(x), 1), -0.02)], 1)

    def denoiser(x_t, t):
        abar = torch.tensor(linear_schedule())[t].reshape(-1, 1, 1, 1).to(x_t.dtype)
        # The posterior of the two images, -0.4 and 0.4 on [-1, 1].
        return 0.4 * torch.tanh((0.4 * abar.sqrt() * x_t / (1 - abar)).sum((1, 2, 3), keepdim=True)).expand_as(x_t)

    with_denoiser = denoised(denoiser, classifier, 0.5, prediction="x0")
    without = denoised(lambda x: x, classifier, 0.5, schedule=None)
    experts = [Expert(each, sigma=0.5, name=name) for each, name in ((with_denoiser, "with"), (without, "without"))]
    with Pool(experts, batch=100) as pool:
        question = {"n0": 50, "n": 1000, "sampling": "fixed", "seed": 1}
        (answer,) = pool.route(torch.full(SHAPE, 0.7), method="one:with", **question)
        assert answer.label == 1 and answer.radius > 0.5
        (answer,) = pool.route(torch.full(SHAPE, 0.7), method="one:without", **question)
        assert answer.label == 2


@pytest.mark.parametrize(
    "settings,error,message",
    [
        ({"sigma": 80.0}, ValueError, r"sigma: 80 found, but the 1000 steps .* from 0\.005\d* to 78\.\d*,"),
        ({"sigma": 0.004}, ValueError, r"sigma: 0\.004 found, but the 1000 steps .* from 0\.005"),
        ({"sigma": 0.0}, ValueError, "sigma: 0.0 found"),
        ({"sigma": math.nan, "schedule": None}, ValueError, "sigma: nan found"),
        ({"sigma": math.inf, "schedule": None}, ValueError, "sigma: inf found"),
        ({"schedule": "sigmoid"}, ValueError, "schedule: 'sigmoid' found"),
        ({"schedule": [0.1, 0.5, 0.9]}, ValueError, "schedule: 0.1, 0.5, …, 0.9 found"),
        ({"schedule": [1.2, 0.5, 0.1]}, ValueError, r"numbers in \[0, 1\]"),
        ({"schedule": [0.9, math.nan, 0.1]}, ValueError, "0.9, nan, …, 0.1"),
        ({"schedule": [[0.9, 0.5]]}, ValueError, r"shape \[1, 2\] found"),
        ({"steps": 1}, ValueError, "steps: 1 found"),
        ({"step_scale": 0.0}, ValueError, "step_scale: 0.0 found"),
        ({"prediction": "noise"}, ValueError, "prediction: 'noise' found, expected one of epsilon"),
        ({"resize": "nearest"}, ValueError, "resize: 'nearest' found"),
        ({"size": (0, 4)}, ValueError, "size"),
        ({"size": (4, 4, 4)}, ValueError, "size"),
        ({"std": [0.5, 0.0, 0.5]}, ValueError, "std: .* found"),
        ({"mean": math.inf}, ValueError, "mean: .* found"),
        ({"denoiser": None}, TypeError, "denoiser: NoneType found"),
        ({"classifier": "vit"}, TypeError, "classifier: str found"),
    ],
)
def test_wrong_arguments(settings, error, message):
    arguments = {"denoiser": Spy(), "classifier": Above(), "sigma": 0.25} | settings
    with pytest.raises(error, match=message):
        denoised(**arguments)


@pytest.mark.parametrize(
    "denoiser,classifier,settings,error,message",
    [
        (Spy(lambda x: x[:, :2]), Above(), {}, ValueError, r"\[2, 2, 4, 4\] found, expected \[2, 3, 4, 4\], or twice"),
        (Spy(lambda x: x[:, :, :2]), Above(), {}, ValueError, r"denoiser's output: shape \[2, 3, 2, 4\] found"),
        (Spy(lambda x: "image"), Above(), {}, TypeError, "denoiser's output: type str found"),
        (Spy(), Spy(lambda x: None), {}, TypeError, "classifier's output: type NoneType found"),
        (Spy(), Above(), {"mean": [0.5, 0.5]}, ValueError, "mean: 2 channels found, but images of 3 channels came"),
    ],
)
def test_wrong_parts(denoiser, classifier, settings, error, message):
    with pytest.raises(error, match=message):
        denoised(denoiser, classifier, 0.25, **settings)(images())


def test_parts_on_two_devices():
    denoiser, classifier = networks()
    with pytest.raises(ValueError, match="devices cpu and meta found"):
        denoised(denoiser, classifier.to("meta"), 0.25)


def test_the_package_does_not_import_torch():
    code = "import sys, drs_smoothing.denoised; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
