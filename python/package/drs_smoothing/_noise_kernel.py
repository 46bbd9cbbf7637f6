"""The project's noise, drawn on a GPU: the very integers that the host draws.

A kernel in Triton. It follows "drs noise v1", which plugins-api/src/draws.rs describes:

* Draw i under a key reads two ChaCha12 key streams, those of the nonces 2i and 2i + 1.
* Each value takes 16 bits of the first stream. They pick a cell of a table, which holds the noise.
* An open cell holds none. Its value takes the next 64 bits of the second stream: the first open value of a draw
  takes the first 64 bits, and so on. The noise then follows from a comparison with thresholds.

Everything is integers: no device rounds anything, so a certificate can be replayed on any.

This is for inputs on the lattice only. Inputs between lattice points take 32 bits a value, and are the host's.

One program of the kernel draws one row, tile after tile, so it can count the open values as it goes. Rows are drawn
at the same time. Needs a Triton with `tl.gather` (3.2 or later).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import triton
import triton.language as tl

CELLS = 1 << 16
OPEN = tl.constexpr(-(1 << 15))  # as in draws.rs
VALUES_PER_BLOCK = tl.constexpr(32)
OPEN_PER_BLOCK = tl.constexpr(8)
ROUNDS = tl.constexpr(12)
# One block for each thread of four warps.
MOST_BLOCKS = 128


@dataclass(frozen=True)
class Table:
    """The distribution of the noise, on one device.

    Args:
        cells: int16 [65536], the noise for each 16 bits, or -32768 where 64 more bits decide.
        first: int32 [65537], for each 16 bits b the number of thresholds below b·2⁶⁴.
        thresholds: int64 [thresholds], the low 64 bits of each threshold, as the bits of a uint64.
        lowest: the noise below the first threshold, from -32767 to 0.
    """

    cells: torch.Tensor
    first: torch.Tensor
    thresholds: torch.Tensor
    lowest: int

    @classmethod
    def of(cls, cells: np.ndarray, high: np.ndarray, low: np.ndarray, lowest: int, device: torch.device | str) -> Table:
        """The table that the host gives.

        Args:
            cells: int16 [65536].
            high, low: uint32 and uint64 [thresholds]. Together the thresholds, rising: high·2⁶⁴ + low, at most 2⁸⁰.
            lowest: the noise below the first threshold.
            device: where the noise will be drawn.
        """
        if cells.shape != (CELLS,) or high.ndim != 1 or high.shape != low.shape:
            found = f"cells {list(cells.shape)}, thresholds {list(high.shape)} and {list(low.shape)}"
            raise ValueError(f"{found} found, expected [{CELLS}] and two of one length")
        if high.size == 0:
            raise ValueError("no thresholds found, expected one at least")
        first = np.searchsorted(high, np.arange(CELLS + 1, dtype=np.uint32), side="left").astype(np.int32)
        low = np.ascontiguousarray(low, dtype=np.uint64).view(np.int64)

        def placed(array: np.ndarray) -> torch.Tensor:
            return torch.tensor(array, device=device)

        return cls(placed(cells.astype(np.int16)), placed(first), placed(low), int(lowest))


def noisy_inputs(
    table: Table,
    inputs: torch.Tensor,
    segment_of_row: torch.Tensor,
    keys: torch.Tensor,
    draws: torch.Tensor,
    out: torch.Tensor,
) -> None:
    """Writes one noisy input for each row. All tensors are contiguous and on the table's device.

    Args:
        table: the distribution of the noise.
        inputs: int16 [segments, values], the clean inputs, in steps of the lattice.
        segment_of_row: int32 [rows], from 0 to segments - 1. Not checked: that would wait for the GPU.
        keys: int32 [rows, 8], the ChaCha key of each row. The words are little-endian, as the bits of a uint32.
        draws: int64 [rows], the index of the draw, as the bits of a uint64.
        out: int16 [rows or more, values]. Rows after the last one stay as they are: they are padding.
    """
    rows, values = segment_of_row.numel(), inputs.shape[-1]
    check(segment_of_row, torch.int32, (rows,), "segment_of_row", table)
    check(inputs, torch.int16, (inputs.shape[0], values), "inputs", table)
    check(keys, torch.int32, (rows, 8), "keys", table)
    check(draws, torch.int64, (rows,), "draws", table)
    check(out, torch.int16, (out.shape[0], values), "out", table)
    if out.shape[0] < rows:
        raise ValueError(f"out: {out.shape[0]} rows found, expected {rows} or more")
    # Positions are 32-bit, and the last tile reaches beyond the last value.
    if values > 1 << 30:
        raise ValueError(f"inputs: {values} values found, expected 2³⁰ at most")
    if rows == 0 or values == 0:
        return
    blocks = min(MOST_BLOCKS, triton.next_power_of_2(triton.cdiv(values, 32)))
    # Triton launches on the current device.
    with torch.cuda.device_of(out):
        parts = (table.cells, table.first, table.thresholds, table.lowest)
        # One warp alone runs out of registers.
        warps = max(2, blocks // 32)
        noisy_row[(rows,)](inputs, segment_of_row, keys, draws, *parts, out, values, BLOCKS=blocks, num_warps=warps)


def check(tensor: torch.Tensor, dtype: torch.dtype, shape: tuple[int, ...], name: str, table: Table) -> None:
    if tensor.dtype != dtype or tensor.shape != shape or not tensor.is_contiguous():
        expected = f"contiguous {dtype} {list(shape)}"
        raise ValueError(f"{name}: {tensor.dtype} {list(tensor.shape)} found, expected {expected}")
    if tensor.device != table.cells.device:
        raise ValueError(f"{name}: on {tensor.device}, expected {table.cells.device}, where the table is")


@triton.jit
def noisy_row(
    inputs, segment_of_row, keys, draws, cells, first, thresholds, lowest, out, values, BLOCKS: tl.constexpr
):
    """One row of the noisy inputs. Arguments are those of `noisy_inputs` and the parts of its table.

    BLOCKS: the ChaCha blocks of one tile, a power of two. A tile has 32 values for each.
    """
    TILE: tl.constexpr = BLOCKS * VALUES_PER_BLOCK
    # 64 bits: a batch may have more than 2³¹ values.
    row = tl.program_id(0).to(tl.int64)
    key = keys + 8 * row
    # Wraps above 2⁶³, as on the host.
    nonce = tl.load(draws + row).to(tl.uint64, bitcast=True) << 1
    clean = inputs + tl.load(segment_of_row + row).to(tl.int64) * values
    noisy = out + row * values
    # Open values of the row so far.
    before = 0
    start = 0
    # Not a `for`: Triton's interpreter cannot take a bound from an argument with NumPy 2.4.
    while start < values:
        words = key_stream(key, nonce, start // VALUES_PER_BLOCK, BLOCKS)
        # A block's bytes are little-endian: the low half of a word comes first.
        bits = tl.reshape(tl.join(words & 0xFFFF, words >> 16), [TILE]).to(tl.int32)
        place = start + tl.arange(0, TILE)
        within = place < values
        noise = tl.load(cells + bits)
        # Places after the last value would only cost time.
        is_open = (within & (noise == OPEN)).to(tl.int32)
        count = tl.sum(is_open)
        if count > 0:
            number = before + tl.cumsum(is_open, 0) - 1
            rest = further_bits(key, nonce + 1, number, before, before + count, BLOCKS)
            below = thresholds_up_to(first, thresholds, bits, rest, is_open != 0)
            noise = tl.where(is_open != 0, (lowest + below).to(tl.int16), noise)
            before += count
        value = tl.load(clean + place, mask=within, other=0)
        tl.store(noisy + place, value + noise, mask=within)
        start += TILE


@triton.jit
def further_bits(key, nonce, number, begin, end, BLOCKS: tl.constexpr):
    """The 64 bits of a second stream for each number from `begin` to `end`, without it. 0 for other numbers."""
    HELD: tl.constexpr = BLOCKS * OPEN_PER_BLOCK
    rest = tl.zeros(number.shape, tl.uint64)
    block = begin // OPEN_PER_BLOCK
    # Once, unless a quarter of the tile is open.
    while block * OPEN_PER_BLOCK < end:
        words = key_stream(key, nonce, block, BLOCKS)
        low, high = tl.split(tl.reshape(words, [HELD, 2]))
        held = (high.to(tl.uint64) << 32) | low.to(tl.uint64)
        place = number - block * OPEN_PER_BLOCK
        here = (place >= 0) & (place < HELD)
        rest = tl.where(here, tl.gather(held, tl.where(here, place, 0), 0), rest)
        block += BLOCKS
    return rest


@triton.jit
def thresholds_up_to(first, thresholds, bits, rest, wanted):
    """How many thresholds are at most bits·2⁶⁴ + rest, where that is wanted. By halving.

    Thresholds with other high bits than `bits` are counted in `first`. Only the low bits of the others are compared.
    """
    left = tl.load(first + bits, mask=wanted, other=0)
    right = tl.load(first + bits + 1, mask=wanted, other=0)
    # Few steps: most open cells hold one threshold.
    while tl.max(right - left) > 0:
        searching = left < right
        middle = (left + right) >> 1
        threshold = tl.load(thresholds + middle, mask=searching, other=0).to(tl.uint64, bitcast=True)
        up_to = searching & (threshold <= rest)
        left = tl.where(up_to, middle + 1, left)
        # Where the search is over, the middle is where both are.
        right = tl.where(up_to, right, middle)
    return left


@triton.jit
def key_stream(key, nonce, block, BLOCKS: tl.constexpr):
    """Consecutive blocks of a ChaCha12 key stream (Bernstein 2008), as words: uint32 [16 · BLOCKS].

    key: a pointer to 8 words. nonce: uint64. block: the number of the first block. Its 64-bit counter stays below 2³²
    here, so the high word is 0.
    """
    none = tl.zeros([BLOCKS], tl.uint32)
    k0 = none + tl.load(key).to(tl.uint32, bitcast=True)
    k1 = none + tl.load(key + 1).to(tl.uint32, bitcast=True)
    k2 = none + tl.load(key + 2).to(tl.uint32, bitcast=True)
    k3 = none + tl.load(key + 3).to(tl.uint32, bitcast=True)
    k4 = none + tl.load(key + 4).to(tl.uint32, bitcast=True)
    k5 = none + tl.load(key + 5).to(tl.uint32, bitcast=True)
    k6 = none + tl.load(key + 6).to(tl.uint32, bitcast=True)
    k7 = none + tl.load(key + 7).to(tl.uint32, bitcast=True)
    counter = (block + tl.arange(0, BLOCKS)).to(tl.uint32)
    nonce_low = none + (nonce & 0xFFFFFFFF).to(tl.uint32)
    nonce_high = none + (nonce >> 32).to(tl.uint32)
    # "expand 32-byte k"
    x0, x1, x2, x3 = none + 0x61707865, none + 0x3320646E, none + 0x79622D32, none + 0x6B206574
    x4, x5, x6, x7 = k0, k1, k2, k3
    x8, x9, x10, x11 = k4, k5, k6, k7
    x12, x13, x14, x15 = counter, none, nonce_low, nonce_high
    for _ in tl.static_range(ROUNDS // 2):
        x0, x4, x8, x12 = quarter_round(x0, x4, x8, x12)
        x1, x5, x9, x13 = quarter_round(x1, x5, x9, x13)
        x2, x6, x10, x14 = quarter_round(x2, x6, x10, x14)
        x3, x7, x11, x15 = quarter_round(x3, x7, x11, x15)
        x0, x5, x10, x15 = quarter_round(x0, x5, x10, x15)
        x1, x6, x11, x12 = quarter_round(x1, x6, x11, x12)
        x2, x7, x8, x13 = quarter_round(x2, x7, x8, x13)
        x3, x4, x9, x14 = quarter_round(x3, x4, x9, x14)
    x0, x1, x2, x3 = x0 + 0x61707865, x1 + 0x3320646E, x2 + 0x79622D32, x3 + 0x6B206574
    x4, x5, x6, x7 = x4 + k0, x5 + k1, x6 + k2, x7 + k3
    x8, x9, x10, x11 = x8 + k4, x9 + k5, x10 + k6, x11 + k7
    x12, x14, x15 = x12 + counter, x14 + nonce_low, x15 + nonce_high
    # Each join adds a last axis. The first one is of words 8 apart, the last one of neighbours.
    even = tl.join(quartet(x0, x4, x8, x12), quartet(x2, x6, x10, x14))
    odd = tl.join(quartet(x1, x5, x9, x13), quartet(x3, x7, x11, x15))
    return tl.reshape(tl.join(even, odd), [16 * BLOCKS])


@triton.jit
def quartet(a, b, c, d):
    """Four words in order: [BLOCKS, 2, 2]."""
    return tl.join(tl.join(a, c), tl.join(b, d))


@triton.jit
def quarter_round(a, b, c, d):
    a += b
    d = rotated(d ^ a, 16)
    c += d
    b = rotated(b ^ c, 12)
    a += b
    d = rotated(d ^ a, 8)
    c += d
    b = rotated(b ^ c, 7)
    return a, b, c, d


@triton.jit
def rotated(word, BITS: tl.constexpr):
    """A uint32, its bits moved up and around."""
    return (word << BITS) | (word >> (32 - BITS))
