"""Derivatives of the classification losses; logits are (N, K), labels (N,) integers in 0..K-1."""
from __future__ import annotations

import numpy as np

from ...xp import array_module
from ..registry import define
from ..tensor import raw
from ._samples import normal
from .elementwise import exp
from .reduction import sum
from .shape import reshape


def one_hot(labels, like):
    """(N, K) array with 1 at the labels, of the dtype and kind of ``like`` (N, K); a constant."""
    like = raw(like)
    return (labels[:, None] == array_module(like).arange(like.shape[1])).astype(like.dtype)


def _log_softmax(z):
    z = z - z.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def _softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def _cross_entropy(z, labels):
    return -_log_softmax(z)[array_module(z).arange(len(z)), labels]


_LABELS = np.array([0, 3, 1])

softmax = define(
    "softmax", _softmax,
    lambda g, y, z: y * (g - sum(g * y, axis=-1, keepdims=True)),
    formula="z̄ = y (ȳ − Σₖ ȳₖ yₖ)", reads=("y",), samples=normal((3, 4)), doc="Softmax over the last axis.",
)
log_softmax = define(
    "log_softmax", _log_softmax,
    lambda g, y, z: g - exp(y) * sum(g, axis=-1, keepdims=True),
    formula="z̄ = ȳ − eʸ Σₖ ȳₖ", reads=("y",), samples=normal((3, 4)), doc="Logarithm of the softmax over the last axis.",
)
cross_entropy = define(
    "cross_entropy", _cross_entropy,
    lambda g, y, z, labels: reshape(g, shape=(-1, 1)) * (softmax(z) - one_hot(labels, z)),
    formula="z̄ = ȳ (softmax(z) − onehot(label))", reads=(0,), samples=normal((3, 4), labels=_LABELS),
    doc="−log softmax(z)[label], one number per row; labels is an integer array (N,).",
    hint="logits must be (N, K), labels (N,) with values 0..K-1",
)
