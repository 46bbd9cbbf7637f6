"""Certified predictions from a fleet of experts, by randomized smoothing.

A prediction comes with a radius: no perturbation of a smaller L2 norm changes the answer of the smoothed classifier,
except with probability `alpha`. Inputs are arrays [channels, height, width] with values in [0, 1], or uint8.

    import drs_smoothing as drs

    smooth = drs.Smooth(model, num_classes=10, sigma=0.25)          # as in Cohen et al.'s code
    label, radius = smooth.certify(x, n0=100, n=10_000, alpha=0.001, batch_size=256)

    pool = drs.Pool([drs.Expert(near, sigma=0.25), drs.Expert(far, sigma=1.0)], router=drs.Expert(router, sigma=0.5))
    for answer in pool.route(images):
        print(answer)                                                # class, radius, expert

* `Smooth`: one base classifier, with the interface of locuslab/smoothing.
* `Expert`, `Pool`: several, and a router that chooses among them; `Pool.certify` writes the files of `drs certify`.
* `denoised`: a denoiser and a classifier as one base classifier.
* `read_log`, `curves`, `plot`, `verify`: what result files say.
* `packages`: pools and plugins that pip has brought, installed for drs; `Pool.named` opens one.
* `art`: the interface of the Adversarial Robustness Toolbox.
"""

from __future__ import annotations

from . import _install, packages
from ._drs import __version__
from .denoised import denoised
from .expert import Expert
from .logs import Log, curves, plot, read_log, verify
from .pool import Pool
from .results import Answer, Results
from .smooth import Smooth

_install.once()

__all__ = ["Answer", "Expert", "Log", "Pool", "Results", "Smooth", "__version__", "curves", "denoised", "packages", "plot", "read_log", "verify"]
