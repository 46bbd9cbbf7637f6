"""Nothing hangs, crashes or leaks: interrupts, exceptions, threads, forks, garbage."""

import gc
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
import weakref

import numpy as np
import pytest
from analytic import SHAPE, Halfspace, at_distance

import drs_smoothing as drs

X = at_distance(0.3)


def test_a_thousand_interrupts():
    smooth, random_ = drs.Smooth(Halfspace(), 2, 0.5), random.Random(1)
    stopped = 0
    for _ in range(1000):
        timer = threading.Timer(random_.uniform(0, 0.01), os.kill, (os.getpid(), signal.SIGINT))
        try:
            timer.start()
            smooth.certify(X, 50, random_.choice([100, 20_000]), 0.01, 64)
            timer.join()
            # The signal is on its way to this thread.
            time.sleep(1)
        except KeyboardInterrupt:
            stopped += 1
    assert stopped == 1000
    assert smooth.certify(X, 50, 500, 0.01, 64)[0] == 1


def test_a_callable_that_fails_now_and_then():
    calls = random.Random(2)

    def flaky(batch):
        if calls.random() < 0.05:
            raise ValueError("now and then")
        return Halfspace()(batch)

    good = bad = 0
    for _ in range(200):
        try:
            (answer,) = drs.Pool([drs.Expert(flaky, sigma=0.5, classes=2)]).route(X, n=300)
            good += answer.label == 1
        except RuntimeError as error:
            assert "now and then" in str(error)
            bad += 1
    assert good > 0 and bad > 0


def test_pools_in_threads_and_two_at_once():
    answers = []

    def work(sigma):
        pool = drs.Pool([drs.Expert(Halfspace(), sigma=sigma)])
        # Of sigma 1 the class gets 0.618 of the votes: 2000 of them decide it.
        answers.extend(answer.label for answer in pool.route([X] * 20, n=2000))

    threads = [threading.Thread(target=work, args=(sigma,)) for sigma in (0.25, 0.5, 0.5, 1.0)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert answers == [1] * 80


def test_one_pool_for_several_threads():
    pool, answers = drs.Pool([drs.Expert(Halfspace(), sigma=0.5)], shape=SHAPE), []

    def work():
        answers.extend(answer.label for answer in pool.route([X] * 10, n=400))

    threads = [threading.Thread(target=work) for _ in range(6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert answers == [1] * 60


def test_garbage_under_way():
    for _ in range(50):
        pool = drs.Pool([drs.Expert(Halfspace(), sigma=0.5)])
        stream = pool.route((X for _ in range(10_000)), n=2000)
        next(stream)
        del pool
        next(stream)
        del stream
        gc.collect()


@pytest.mark.parametrize("ends", ["never opened", "answered", "under way", "closed"])
def test_a_callable_may_refer_to_its_pool(ends):
    class Certifier:
        def __init__(self):
            self.pool, self.model = drs.Pool([drs.Expert(self.logits, sigma=0.5)]), Halfspace()

        def logits(self, batch):
            return self.model(batch)

    certifier = Certifier()
    if ends != "never opened":
        stream = certifier.pool.route([X] * 50, n=400)
        assert next(stream).label == 1
        if ends != "under way":
            assert len(list(stream)) == 49
        del stream
    if ends == "closed":
        certifier.pool.close()
    gone = weakref.ref(certifier)
    del certifier
    # A batch that runs has it until it is done.
    until = time.monotonic() + 10
    while gone() is not None and time.monotonic() < until:
        gc.collect()
        time.sleep(0.01)
    assert gone() is None


def test_references_and_memory_stay():
    called = Halfspace()
    before = sys.getrefcount(called)
    for _ in range(20):
        pool = drs.Pool([drs.Expert(called, sigma=0.5)])
        list(pool.route([X] * 3, n=200))
        pool.close()
        del pool
    gc.collect()
    assert sys.getrefcount(called) <= before + 1
    smooth = drs.Smooth(called, 2, 0.5)
    run = lambda times: [smooth.certify(X, 10, 20, 0.1, 10) for _ in range(times)]
    run(1000)
    settled = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    run(9000)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - settled
    assert grown < 20_000, f"{grown} KiB more after 9,000 calls"


def run(code):
    """A program of its own, and how it ended."""
    here = os.path.dirname(__file__)
    path = os.pathsep.join([here, *filter(None, sys.path)])
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=os.environ | {"PYTHONPATH": path})


BEGIN = """
import os, sys
import drs_smoothing as drs
from analytic import Halfspace, at_distance
x = at_distance(0.3)
pool = drs.Pool([drs.Expert(Halfspace(), sigma=0.5)])
stream = pool.route((x for _ in range(100_000)), n=5000)
next(stream)
"""


def test_a_callable_that_is_slow_when_the_program_ends():
    slow = """
import time
class Slow(Halfspace):
    def __call__(self, batch):
        time.sleep(0.2)
        return super().__call__(batch)
smooth = drs.Smooth(Slow(), 2, 0.5)
print(smooth.certify(x, 50, 200, 0.01, 256, seed=1)[0])
"""
    for ending in ["", "next(drs.Pool([drs.Expert(Slow(), sigma=0.5)]).route([x] * 9, n=50))"]:
        done = run(BEGIN + slow + ending)
        assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", ""), ending


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_pool_does_not_survive_a_fork_and_says_so():
    done = run(
        BEGIN
        + """
if os.fork() == 0:
    try:
        next(drs.Pool([drs.Expert(Halfspace(), sigma=0.5)]).route(x, n=200))
        next(pool.route(x))
    except RuntimeError as error:
        ok = "forked" in str(error)
        os._exit(0 if ok else 1)
    os._exit(2)
_, status = os.wait()
print("child", os.waitstatus_to_exitcode(status))
print(next(stream).label)
"""
    )
    assert (done.returncode, done.stdout.split()) == (0, ["child", "0", "1"]), done.stderr


def test_a_program_may_end_in_the_middle():
    for ending in ["", "sys.exit(0)", "del pool", "pool.close()"]:
        done = run(BEGIN + ending)
        assert (done.returncode, done.stderr) == (0, ""), ending
    assert run(BEGIN + "raise SystemExit(7)").returncode == 7


def test_sub_interpreters_are_refused():
    done = run(
        """
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
import drs_smoothing
inner = interpreters.create()
try:
    print(interpreters.run_string(inner, "import drs_smoothing"))
except Exception as error:
    print(error)
"""
    )
    assert done.returncode == 0 and "ImportError" in done.stdout, (done.stdout, done.stderr)
