"""`Pool`: several experts, streams of answers, result files."""

import json
import os
import signal
import threading
import time

import numpy as np
import pytest
from analytic import SHAPE, Halfspace, at_distance

import drs_smoothing as drs


def chooses(expert):
    """A router that is sure."""

    def route(batch):
        logits = np.zeros((len(batch), 2), dtype=np.float32)
        logits[:, expert] = 1
        return logits

    return route


def pool(**options):
    experts = [drs.Expert(Halfspace(), sigma=0.25), drs.Expert(Halfspace(), sigma=0.5)]
    return drs.Pool(experts, router=drs.Expert(chooses(1), sigma=0.5), **options)


def test_answers_come_in_order_and_have_what_they_should():
    distances = [0.3, -0.3, 0.0, 0.6]
    images = np.stack([at_distance(distance) for distance in distances])
    answers = list(pool().route(images, n=2000, seed=1))
    assert [answer.label for answer in answers] == [1, 0, None, 1]
    for answer, distance in zip(answers, distances):
        assert answer.abstained == (answer.label is None)
        assert 0 <= answer.radius <= abs(distance) + 1e-12
    assert answers[0].expert == "s05" and answers[0].class_name == "1"
    assert "radius=0." in repr(answers[0])
    assert answers[0].record["method"] == "maxmin"


def test_printed_radii_are_never_larger():
    from drs_smoothing.results import down

    assert down(0.2999999999999999) == "0.299"
    assert down(0.3) == "0.300"
    assert down(1.0005) == "1.000"
    assert down(0.29) == "0.290"


def test_streams_are_lazy_and_may_be_given_up():
    taken = []

    def images():
        for index in range(10_000):
            taken.append(index)
            yield at_distance(0.3)

    with pool() as opened:
        stream = opened.route(images(), n=500)
        assert next(stream).label == 1
        del stream
        time.sleep(0.2)
        seen = len(taken)
        assert seen < 5000
        time.sleep(0.3)
        assert len(taken) == seen, "nobody listens, so nothing more is taken"
        # The pool goes on.
        assert next(opened.route(at_distance(0.3), n=500)).label == 1


def test_one_bad_input_does_not_cost_the_others_their_answer():
    stream = pool().route([at_distance(0.3), np.full(SHAPE, 7.0), at_distance(-0.3)], n=500)
    assert next(stream).label == 1
    with pytest.raises(RuntimeError, match="outside"):
        next(stream)
    assert next(stream).label == 0
    assert next(stream, None) is None


def test_predictions_have_no_radius():
    (answer,) = pool().predict(at_distance(0.3), n=500)
    assert (answer.label, answer.radius) == (1, None)


def test_what_is_asked_wrongly_is_refused():
    opened = pool()
    x = at_distance(0.3)
    for question, error, words in [
        ({"nn": 5}, TypeError, "'nn' is not an argument, expected one of method, n0"),
        ({"method": "best"}, ValueError, "method = \"best\" found, expected dual"),
        ({"method": "one:x"}, ValueError, "expected one of s025, s05"),
        ({"radii": [], "seed": 1}, ValueError, "at least one radius"),
        ({"radii": [1], "tol": 0.1}, ValueError, "expected one"),
        ({"tol": 0.1, "sampling": "fixed"}, ValueError, "sequential"),
        ({"sampling": "some"}, ValueError, "fixed"),
        ({"seed": "xyz"}, ValueError, "xyz"),
    ]:
        with pytest.raises(error, match=words):
            next(opened.route(x, **question))


def test_experts_that_do_not_fit_are_refused():
    with pytest.raises(TypeError, match="expected an Expert"):
        drs.Pool([Halfspace()])
    with pytest.raises(ValueError, match="no experts"):
        drs.Pool([])
    with pytest.raises(ValueError, match="shape"):
        drs.Pool([drs.Expert(Halfspace(), sigma=0.5)]).classes
    same = [drs.Expert(Halfspace(), sigma=0.5), drs.Expert(Halfspace(), sigma=0.5)]
    with pytest.raises(ValueError, match="names an earlier expert too"):
        drs.Pool(same, shape=SHAPE).classes
    other = [drs.Expert(Halfspace(), sigma=0.5), drs.Expert(Halfspace(3), sigma=1)]
    with pytest.raises(RuntimeError, match="its classes are"):
        drs.Pool(other, shape=SHAPE).classes


def test_a_data_set_is_certified_into_files_and_goes_on(tmp_path):
    images = np.stack([at_distance(distance) for distance in np.linspace(-0.8, 0.8, 12)])
    labels = [0] * 6 + [1] * 6
    out, told = tmp_path / "out.tsv", []
    opened = pool()
    first = opened.certify((images, labels), out, n=1000, seed=3, max=5, progress=False)
    assert (first.ending, len(first)) == ("whole", 5)
    whole = opened.certify((images, labels), out, n=1000, seed=3, progress=False, on_record=told.append)
    assert [record["idx"] for record in whole] == list(range(12))
    assert sorted(record["idx"] for record in told) == list(range(5, 12)), "five were there"
    assert whole.certified_accuracy(0) >= 0.8
    frame = pytest.importorskip("pandas") and whole.to_pandas()
    assert list(frame["idx"]) == list(range(12)) and set(frame["expert"]) <= {"s025", "s05"}
    anew = opened.certify((images, labels), tmp_path / "anew.tsv", n=1000, seed=3, progress=False)
    votes = lambda results: [record["certificate"] for record in results]
    assert votes(anew) == votes(whole)
    assert "follow" in drs.verify(whole.jsonl) or drs.verify(whole.jsonl)
    log = drs.read_log(out)
    assert len(log) == 12 and log.certified_accuracy(0) == whole.certified_accuracy(0)
    other = pool()
    with pytest.raises((ValueError, RuntimeError), match="seed"):
        other.certify((images, labels), out, n=1000, seed=4, progress=False)


def test_labels_and_images_must_fit(tmp_path):
    images = np.stack([at_distance(0.3)] * 3)
    with pytest.raises(ValueError, match="2 labels found, expected 3"):
        pool().certify((images, [0, 1]), tmp_path / "out.tsv", progress=False)
    with pytest.raises(ValueError, match="5"):
        pool().certify((images, [0, 1, 5]), tmp_path / "out.tsv", progress=False)


class Slow(Halfspace):
    def __call__(self, batch):
        time.sleep(0.01)
        return super().__call__(batch)


def test_ctrl_c_keeps_what_is_done_and_the_same_call_goes_on(tmp_path):
    images, out = np.stack([at_distance(0.2 + 0.01 * index) for index in range(30)]), tmp_path / "out.tsv"
    slow = drs.Pool([drs.Expert(Slow(), sigma=0.5, batch=32)])
    done = threading.Event()

    def interrupt(record):
        if not done.is_set():
            done.set()
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        slow.certify((images, [1] * 30), out, n=600, seed=1, progress=False, on_record=interrupt)
    kept = len(out.with_suffix(".jsonl").read_text().splitlines())
    assert 1 <= kept < 30
    results = slow.certify((images, [1] * 30), out, n=600, seed=1, progress=False)
    assert len(results) == 30
    straight = slow.certify((images, [1] * 30), tmp_path / "straight.tsv", n=600, seed=1, progress=False)
    assert [record["certificate"] for record in straight] == [record["certificate"] for record in results]


def test_a_pool_that_is_closed_under_a_run_says_so_and_keeps_what_is_done(tmp_path):
    images, out = np.stack([at_distance(0.2 + 0.01 * index) for index in range(30)]), tmp_path / "out.tsv"
    slow = drs.Pool([drs.Expert(Slow(), sigma=0.5, batch=32)])
    closing = threading.Timer(0.5, slow.close)
    closing.start()
    with pytest.raises(RuntimeError, match="stopped from elsewhere"):
        slow.certify((images, [1] * 30), out, n=2000, seed=1, progress=False)
    assert len(slow.certify((images, [1] * 30), out, n=2000, seed=1, progress=False)) == 30


def test_an_iterator_of_a_closed_pool_does_not_end_as_if_all_were_answered():
    with pool() as opened:
        answers = opened.route([at_distance(0.3)] * 50, n=500)
        next(answers)
    with pytest.raises(RuntimeError, match="closed before all inputs were answered|stopped"):
        list(answers)


def test_ctrl_c_is_heard_where_an_iterator_of_the_user_waits():
    never = threading.Event()

    def images():
        yield at_distance(0.3)
        never.wait(60)

    answers = pool().route(images(), n=500)
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        list(answers)
    assert time.monotonic() - began < 30
    never.set()


def test_a_pool_may_go_with_its_last_input():
    def images(held):
        yield at_distance(0.3)
        time.sleep(0.3)

    opened = pool()
    answers = opened.route(images(opened), n=500)
    assert next(answers).label == 1
    del answers, opened
    time.sleep(1)
    assert next(pool().route(at_distance(0.3), n=500)).label == 1


def test_floats_near_the_lattice_have_a_radius_about_themselves():
    on = np.full(SHAPE, 150 / 255)
    near = on + 0.0009 / 255
    radii = [next(pool().route(x, n=2000, seed=5)) for x in (on, near)]
    assert radii[0].record["verdict"] == radii[1].record["verdict"]
    distance = 0.0009 / 255 * 4
    assert radii[1].radius == pytest.approx(radii[0].radius - distance, rel=1e-6)
    assert radii[1].radius <= radii[0].radius - distance


def test_results_without_a_name_live_as_long_as_they_are_held():
    results = pool().certify((np.stack([at_distance(0.3)] * 2), [1, 1]), n=500, progress=False)
    path = results.path
    assert len(list(results.answers())) == 2 and path.exists()
    del results
    assert not path.exists()


def test_records_name_what_has_a_say_in_votes():
    (model,) = drs.Pool([drs.Expert(Halfspace(), sigma=0.5, identity="v1")], shape=SHAPE).models
    assert model["plugin"].startswith("python ") and "numpy" in model["plugin"]
    assert [file["name"] for file in model["files"]] == ["analytic.py"]
    (other,) = drs.Pool([drs.Expert(Halfspace(), sigma=0.5, identity="v2")], shape=SHAPE).models
    assert other["config_sha256"] != model["config_sha256"]
