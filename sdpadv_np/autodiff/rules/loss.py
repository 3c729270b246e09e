"""Derivatives of the classification losses; logits are (N, K), labels (N,) integers in 0..K-1."""
from __future__ import annotations

import numpy as np

from ...kernels import logit_loss as kernel
from ...xp import array_module
from ..registry import define
from ..tensor import raw
from ._samples import apart, normal
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


def _margin_slope(z, labels):
    """onehot(label) - onehot(the best of the others), the first of several; a constant."""
    true = one_hot(labels, z)
    return true - one_hot(np.where(true > 0, -np.inf, raw(z)).argmax(axis=1), z)


def _fused(g, y, z, needs, saved, out, labels):
    return (g[:, None] * saved,)


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
    "cross_entropy", lambda z, labels: kernel.cross_entropy(z, labels)[0],
    lambda g, y, z, labels: reshape(g, shape=(-1, 1)) * (softmax(z) - one_hot(labels, z)),
    formula="z̄ = ȳ (softmax(z) − onehot(label))", reads=(0,), samples=normal((3, 4), labels=_LABELS),
    saving=lambda z, needs, labels: kernel.cross_entropy(z, labels), fused=_fused,
    doc="−log softmax(z)[label], one number per row; labels is an integer array (N,).",
    hint="logits must be (N, K), labels (N,) with values 0..K-1",
)
margin = define(
    "margin", lambda z, labels: kernel.margin(z, labels)[0],
    lambda g, y, z, labels: reshape(g, shape=(-1, 1)) * _margin_slope(z, labels),
    formula="z̄ = ȳ (onehot(label) − onehot(argmax of the others))", reads=(0,), samples=apart((3, 4), labels=_LABELS),
    saving=lambda z, needs, labels: kernel.margin(z, labels), fused=_fused,
    kinks="of several largest others the first is taken",
    doc="z[label] − max of the others, one number per row, below 0 exactly where the prediction is wrong; labels is an integer array (N,).",
    hint="logits must be (N, K), labels (N,) with values 0..K-1",
)
