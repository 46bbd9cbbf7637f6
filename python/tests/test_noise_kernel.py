"""The kernel that draws noise on a GPU, against a plain implementation and against the host.

It runs in Triton's interpreter, on the CPU. `DRS_TEST_DEVICE=cuda` runs the compiled kernel instead.
"""

from __future__ import annotations

import bisect
import hashlib
import math
import os
import struct
import subprocess
import sys
from decimal import Decimal, localcontext

import numpy as np
import pytest

DEVICE = os.environ.get("DRS_TEST_DEVICE", "cpu")
if DEVICE == "cpu":
    # Triton reads this when it is imported.
    os.environ["TRITON_INTERPRET"] = "1"
torch = pytest.importorskip("torch", reason="needs PyTorch")
pytest.importorskip("triton", reason="needs Triton")

import drs_smoothing as drs
from drs_smoothing import _noise_kernel as kernel

OPEN = -(1 << 15)
RATIO = 63.75  # sigma 0.25 in steps of 1/255


class Noise:
    """A table as the host has it.

    cells: int16 [65536]. thresholds: rising integers, at most 2⁸⁰. lowest: the noise below the first of them.
    """

    def __init__(self, cells, thresholds, lowest):
        self.cells, self.thresholds, self.lowest = cells, thresholds, lowest

    def table(self):
        high = np.array([threshold >> 64 for threshold in self.thresholds], dtype=np.uint32)
        low = np.array([threshold % 2**64 for threshold in self.thresholds], dtype=np.uint64)
        return kernel.Table.of(self.cells, high, low, self.lowest, DEVICE)


def key_stream(key, nonce, size, rounds=12):
    """The first bytes of a ChaCha key stream: uint8 [size]. `key`: 32 bytes. `nonce`: up to 2⁶⁴ - 1."""
    blocks = math.ceil(size / 64)
    counters = np.arange(blocks, dtype=np.uint64)
    fixed = struct.unpack("<12I", b"expand 32-byte k" + key)
    start = np.empty((16, blocks), dtype=np.uint32)
    start[:12] = np.array(fixed, dtype=np.uint32)[:, None]
    start[12], start[13] = counters % 2**32, counters // 2**32
    start[14], start[15] = nonce % 2**32, nonce // 2**32
    state = start.copy()

    def step(sum_, addend, mixed, bits):
        state[sum_] += state[addend]
        word = state[mixed] ^ state[sum_]
        state[mixed] = (word << np.uint32(bits)) | (word >> np.uint32(32 - bits))

    columns = [(i, 4 + i, 8 + i, 12 + i) for i in range(4)]
    diagonals = [(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4) for i in range(4)]
    for _ in range(rounds // 2):
        for a, b, c, d in columns + diagonals:
            step(a, b, d, 16)
            step(c, d, b, 12)
            step(a, b, d, 8)
            step(c, d, b, 7)
    return (state + start).T.astype("<u4").copy().view(np.uint8).reshape(-1)[:size]


def uniform(noise, key, draw, values):
    """What each value is drawn from: a list of its 16 bits and, if its cell is open, its 64 bits, else None."""
    bits = key_stream(key, 2 * draw % 2**64, 2 * values).view("<u2")
    rest = iter(key_stream(key, (2 * draw + 1) % 2**64, 8 * values).view("<u8"))
    return [(int(cell), int(next(rest)) if noise.cells[cell] == OPEN else None) for cell in bits]


def expected(noise, key, draw, clean):
    """One noisy input, value by value: int16 [values]."""

    def drawn(cell, rest):
        if rest is None:
            return int(noise.cells[cell])
        return noise.lowest + bisect.bisect_right(noise.thresholds, cell * 2**64 + rest)

    added = [drawn(*pair) for pair in uniform(noise, key, draw, len(clean))]
    return (np.asarray(clean) + np.array(added)).astype(np.int16)


def found(noise, inputs, rows):
    """The kernel's noisy inputs: int16 [rows, values]. `rows`: a segment, a key and a draw for each."""
    segments, keys, draws = zip(*rows)
    words = np.frombuffer(b"".join(keys), dtype="<i4").reshape(-1, 8)
    out = torch.full((len(rows), inputs.shape[1]), -12345, dtype=torch.int16, device=DEVICE)
    kernel.noisy_inputs(
        noise.table(),
        torch.tensor(inputs, device=DEVICE),
        torch.tensor(segments, dtype=torch.int32, device=DEVICE),
        torch.tensor(words, device=DEVICE),
        torch.tensor(np.array(draws, dtype=np.uint64).view(np.int64), device=DEVICE),
        out,
    )
    return out.cpu().numpy()


def of_chance(share, seed=0, thresholds=3000):
    """A table of any numbers, of which this share of cells is open."""
    chance = np.random.default_rng(seed)
    cells = chance.integers(-3000, 3000, 1 << 16).astype(np.int16)
    cells[chance.random(1 << 16) < share] = OPEN
    numbers = [int.from_bytes(chance.bytes(10), "little") for _ in range(thresholds - 1)]
    return Noise(cells, sorted(numbers) + [2**80], -1500)


def gaussian(ratio):
    """The host's table for a sigma of `ratio` steps; each threshold is exact but for rounding."""
    highest = math.ceil(ratio * 10.6)
    with localcontext() as context:
        context.prec = 60
        tau = Decimal("6.28318530717958647692528676655900576839433879875021164194988918")

        def above_zero(k):
            # The density times the sum of x^(2n+1) / (1·3·…·(2n+1)); all terms are positive.
            x = (Decimal(k) + Decimal("0.5")) / Decimal(ratio)
            if x > Decimal("10.6"):
                return 2**79
            term = total = x
            n = 1
            while term > Decimal("1e-40"):
                term *= x * x / (2 * n + 1)
                total += term
                n += 1
            return min(2**79, round(total * (-x * x / 2).exp() / tau.sqrt() * 2**80))

        masses = [above_zero(k) for k in range(highest)]
    thresholds = [2**79 - mass for mass in reversed(masses)] + [2**79 + mass for mass in masses] + [2**80]
    cells = np.full(1 << 16, OPEN, dtype=np.int16)
    for cell in range(1 << 16):
        first = bisect.bisect_right(thresholds, cell << 64)
        if thresholds[first] >= (cell + 1) << 64:
            cells[cell] = first - highest
    return Noise(cells, thresholds, -highest)


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def stage_key(seed, digest, stage):
    """The key of a stage: that of `NoiseStream`."""
    return sha256(b"drs noise v1", sha256(f"drs seed {seed}".encode()), digest, stage.encode())


# draft-strombergson-chacha-test-vectors-01, TC1 and TC8 for 12 rounds and 256 bits: key, nonce, first bytes.
PUBLISHED = [
    (
        "00" * 32,
        "00" * 8,
        "9bf49a6a0755f953811fce125f2683d50429c3bb49e074147e0089a52eae155f"
        "0564f879d27ae3c02ce82834acfa8c793a629f2ca0de6919610be82f411326be",
    ),
    (
        "c46ec1b18ce8a878725a37e780dfb7351f68ed2e194c79fbc6aebee1a667975d",
        "1ada31d5cf688221",
        "1482072784bc6d06b4e73bdc118bc0103c7976786ca918e06986aa251f7e9cc1"
        "b2749a0a16ee83b4242d2e99b08d7c20092b80bc466c87283b61b1b39d0ffbab"
        "d94b116bc1ebdb329b9e4f620db695544a8e3d9b68473d0c975a46ad966ed631"
        "e42aff530ad5eac7d8047adfa1e5113c91f3e3b883f1d189ac1c8fe07ba5a42b",
    ),
]


@pytest.mark.parametrize("key, nonce, stream", PUBLISHED)
def test_the_key_stream_is_the_published_one(key, nonce, stream):
    key, nonce, stream = bytes.fromhex(key), int.from_bytes(bytes.fromhex(nonce), "little"), bytes.fromhex(stream)
    assert key_stream(key, nonce, len(stream)).tobytes() == stream, "the plain implementation"
    # Each cell holds its own bits, so the noise is the key stream. That of 0x8000 is open: no threshold is below it.
    noise = Noise(np.arange(1 << 16).astype(np.uint16).view(np.int16), [2**80], OPEN)
    assert nonce % 2 == 0
    clean = np.zeros((1, len(stream) // 2), dtype=np.int16)
    assert found(noise, clean, [(0, key, nonce // 2)])[0].tobytes() == stream


# Part of a block, whole blocks, several tiles; none open, some, all.
@pytest.mark.parametrize(
    "values, share", [(1, 1.0), (37, 0.0), (37, 0.5), (37, 1.0), (64, 0.5), (4133, 0.0), (4133, 0.03), (4133, 1.0)]
)
def test_the_kernel_draws_what_the_plain_implementation_draws(values, share):
    noise = of_chance(share)
    chance = np.random.default_rng(values)
    inputs = chance.integers(0, 256, (2, values)).astype(np.int16)
    keys = [chance.bytes(32) for _ in range(2)]
    # From 2³¹ on the nonce has a second word, from 2⁶³ on it wraps.
    rows = [(0, keys[0], 2**31 - 1), (1, keys[1], 2**31), (0, keys[1], 2**40 + 3), (1, keys[0], 2**64 - 2)]
    rows = rows[:2] if values > 64 else [(1, keys[1], 0), *rows]
    noisy = found(noise, inputs, rows)
    for row, (segment, key, draw) in zip(noisy, rows):
        assert (row == expected(noise, key, draw, inputs[segment])).all(), (segment, draw)
        opened = sum(rest is not None for _, rest in uniform(noise, key, draw, values))
        assert (opened > 0) == (share > 0), "the table is as open as meant"


def test_a_threshold_counts_from_its_own_number_on():
    key, values = bytes(range(32)), 50
    noise = Noise(np.full(1 << 16, OPEN, dtype=np.int16), [2**80], -100)
    drawn = [cell * 2**64 + rest for cell, rest in uniform(noise, key, 5, values)]
    # The number that is drawn, its neighbours, and the ends of its cell.
    near = {number + step for number in drawn for step in (-1, 0, 1)}
    ends = {(number >> 64 << 64) + end for number in drawn for end in (0, 2**64 - 1, 2**64)}
    noise.thresholds = sorted(near | ends | {2**80})
    clean = np.zeros((1, values), dtype=np.int16)
    assert (found(noise, clean, [(0, key, 5)])[0] == expected(noise, key, 5, clean[0])).all()


def test_seeded_draws_are_those_that_the_host_pins():
    # drs-core/tests/noise.rs, `seeded_draws_never_change`.
    pinned = {
        0: [39, -91, 9, -4, 41, -9, 29, 2, 17, 19, 30, 98],
        9_999: [148, -9, -96, -2, 36, -107, 42, -42, 12, -12, -45, 51],
    }
    key = stage_key(7, sha256(b"an input"), "s025/estimation")
    noisy = found(gaussian(RATIO), np.zeros((1, 12), dtype=np.int16), [(0, key, draw) for draw in pinned])
    assert noisy.tolist() == list(pinned.values())


def test_a_live_model_is_sent_the_kernel_s_rows():
    shape, draws, seed = (1, 20, 30), 6, 11
    batches = []

    def model(batch):
        batches.append(np.rint(batch * 255).astype(np.int16))
        return np.tile(np.float32([1, 0]), (len(batch), 1))

    pixels = (np.arange(math.prod(shape)) % 256).astype(np.int16)
    smooth = drs.Smooth(model, 2, 0.25, calls=1)
    smooth.certify((pixels / 255).reshape(shape), draws, draws, 0.05, draws, seed=seed)
    smooth.close()
    sent = {row.tobytes() for batch in batches for row in batch}
    digest = sha256(b"drs input v1", struct.pack("<3QH", *shape, 255), pixels.astype("<i2").tobytes())
    noise, key = gaussian(RATIO), stage_key(seed, digest, "expert/base/estimation")
    opened = [rest for draw in range(draws) for _, rest in uniform(noise, key, draw, pixels.size) if rest is not None]
    assert len(opened) > 5, "the second stream is used"
    for row in found(noise, pixels[None], [(0, key, draw) for draw in range(draws)]):
        assert row.tobytes() in sent


def test_padding_stays_as_it_is():
    noise, key = of_chance(0.1), bytes(32)
    inputs = torch.zeros((1, 40), dtype=torch.int16, device=DEVICE)
    out = torch.full((3, 40), 7, dtype=torch.int16, device=DEVICE)
    words = torch.zeros((1, 8), dtype=torch.int32, device=DEVICE)
    kernel.noisy_inputs(noise.table(), inputs, words[:, 0].contiguous(), words, words[:, 0].long(), out)
    assert (out[0].cpu().numpy() == expected(noise, key, 0, np.zeros(40))).all()
    assert (out[1:] == 7).all()


def wrong(**changed):
    """The arguments of `noisy_inputs` for two rows of three values, some of them changed."""
    arguments = {
        "inputs": torch.zeros((1, 3), dtype=torch.int16),
        "segment_of_row": torch.zeros(2, dtype=torch.int32),
        "keys": torch.zeros((2, 8), dtype=torch.int32),
        "draws": torch.zeros(2, dtype=torch.int64),
        "out": torch.zeros((2, 3), dtype=torch.int16),
    }
    return {name: tensor.to(DEVICE) for name, tensor in arguments.items()} | changed


@pytest.mark.parametrize(
    "name, tensor",
    [
        ("inputs", torch.zeros((1, 3))),
        ("segment_of_row", torch.zeros(2, dtype=torch.int64)),
        ("keys", torch.zeros((2, 4), dtype=torch.int32)),
        ("keys", torch.zeros((8, 2), dtype=torch.int32).T),
        ("draws", torch.zeros(3, dtype=torch.int64)),
        ("out", torch.zeros((1, 3), dtype=torch.int16)),
        ("out", torch.zeros((2, 4), dtype=torch.int16)),
        ("out", torch.zeros((2, 3), dtype=torch.int16, device="meta")),
    ],
)
def test_tensors_of_another_kind_are_refused(name, tensor):
    table = of_chance(0.1).table()
    kernel.noisy_inputs(table, **wrong())
    placed = tensor if tensor.is_meta else tensor.to(DEVICE)
    with pytest.raises(ValueError, match=name):
        kernel.noisy_inputs(table, **wrong(**{name: placed}))


def test_a_table_of_another_size_is_refused():
    cells, high, low = np.zeros(1 << 16, np.int16), np.array([1 << 16], np.uint32), np.array([0], np.uint64)
    kernel.Table.of(cells, high, low, 0, DEVICE)
    for parts in [(cells[1:], high, low), (cells, high, low[:0]), (cells, high[:0], low[:0])]:
        with pytest.raises(ValueError, match="found, expected"):
            kernel.Table.of(*parts, 0, DEVICE)


COMPILE = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from drs_smoothing import _noise_kernel as kernel

types = {
    "inputs": "*i16", "segment_of_row": "*i32", "keys": "*i32", "draws": "*i64", "cells": "*i16", "first": "*i32",
    "thresholds": "*i64", "lowest": "i32", "out": "*i16", "values": "i32", "BLOCKS": "constexpr",
}
source = ASTSource(fn=kernel.noisy_row, signature=types, constexprs={"BLOCKS": kernel.MOST_BLOCKS})
compiled = triton.compile(source, target=GPUTarget("cuda", 90, 32), options={"num_warps": 4})
assert len(compiled.asm["cubin"]) > 1000
print(compiled.asm["ptx"])
"""


def test_it_compiles_for_a_gpu_without_floating_point(tmp_path):
    """For an H100, without one. Its own interpreter: here Triton was imported to interpret."""
    package = os.path.dirname(os.path.dirname(drs.__file__))
    environment = {name: text for name, text in os.environ.items() if name != "TRITON_INTERPRET"}
    environment |= {"TRITON_CACHE_DIR": os.fspath(tmp_path), "PYTHONPATH": package}
    run = subprocess.run([sys.executable, "-c", COMPILE], env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    code = [line.split("//")[0] for line in run.stdout.splitlines()]
    assert any("shf.l" in line for line in code), "the code of the rotations"
    assert not any(kind in line for line in code for kind in (".f16", ".bf16", ".f32", ".f64")), "floating point"
