"""Weights in the order in which the kernels read them, kept until they change."""
from __future__ import annotations

import functools

import numpy as np

from .._lanes.matrix import grid, packed, scatter, whole

_KEPT = 32  # packed weights; a classifier has a few layers, two packings each
_SAMPLED = 64
_kept: dict = {}


def _fingerprint(w):
    flat = w.reshape(-1)
    return flat[:: max(flat.size // _SAMPLED, 1)].tobytes()


def kept(pack):
    """Let ``pack(w, *settings)``, of a contiguous w, answer from memory while w holds the same numbers.

    A sample of the numbers finds the earlier answer, comparing all of them confirms it: some 0.1 ms
    for a million, so that also weights changed in place are noticed. Weights in training miss by
    the sample already.
    """

    @functools.wraps(pack)
    def answer(w, *settings):
        key = pack, w.shape, settings, _fingerprint(w)
        earlier = _kept.get(key)
        if earlier is not None and np.array_equal(earlier[0], w):
            return earlier[1]
        result = pack(w, *settings)
        while len(_kept) >= _KEPT:  # the oldest goes; another thread may have been faster
            _kept.pop(next(iter(_kept), None), None)
        _kept[key] = w.copy(), result
        return result

    return answer


def _places(shape):
    """Of w (O,C,kh,kw): where each tap (a, b, c) lies, and each output."""
    o, c, kh, kw = shape
    return grid(kh, kw, kw, 1, c, kh * kw), grid(1, 0, 1, 0, o, c * kh * kw)


@kept
def for_outputs(w):
    """w[K, O], packed."""
    taps, outputs = _places(w.shape)
    return packed(w.reshape(-1), taps, outputs)


@kept
def for_inputs(w):
    """The transpose of w[K, O], packed."""
    taps, outputs = _places(w.shape)
    return packed(w.reshape(-1), outputs, taps)


def filled(bias, columns):
    """``bias`` and zeros, as many as the panels for these columns have; empty without a bias."""
    result = np.zeros(0 if bias is None else whole(columns), np.float32)
    if bias is not None:
        result[:columns] = bias.reshape(-1)
    return result


def unpacked(gradient, shape):
    """w's gradient (O,C,kh,kw) from that of w[K, O]."""
    taps, outputs = _places(shape)
    result = np.empty(shape, np.float32)
    scatter(gradient, taps, outputs, result.reshape(-1))
    return result
