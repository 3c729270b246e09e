"""Derivatives of the classification losses; logits are (N, K), labels (N,) integers in 0..K-1."""
# ruff: noqa: E501  (a table: one line per derivative)
from __future__ import annotations

import numpy as np

from ...kernels import logit_loss as kernel
from ...xp import array_module
from ..registry import define
from ..tensor import raw
from ._samples import apart, normal
from .elementwise import exp, where
from .reduction import sum
from .shape import reshape


def _is_label(labels, like):
    """(N, K) mask of the labels, of the kind of ``like`` (N, K)."""
    return labels[:, None] == array_module(raw(like)).arange(like.shape[1])


def _shifted(z):
    """z minus the largest of each row; an empty z stays empty."""
    return z - z.max(axis=-1, keepdims=True) if z.size else z


def _log_softmax(z):
    z = _shifted(z)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def _softmax(z):
    e = np.exp(_shifted(z))
    return e / e.sum(axis=-1, keepdims=True)


def _cross_entropy_derivative(z, labels):
    """softmax(z) − onehot(labels), at the label as minus the sum of the others: see kernels/logit_loss."""
    true = _is_label(labels, z)
    others = where(true, 0, softmax(z))
    return where(true, -sum(others, axis=-1, keepdims=True), others)


def _margin_gradient(g, z, labels):
    """g at the label, −g at the largest other, the first of several; masks select, see elementwise.py."""
    true = _is_label(labels, z)
    other = _is_label(np.where(true, -np.inf, raw(z)).argmax(axis=1), z)
    return where(true, g, 0) - where(other, g, 0)


def _margin_fused(g, y, z, needs, saved, out, labels):
    g = g[:, None]
    return (np.where(saved > 0, g, np.where(saved < 0, -g, 0)),)


_LABELS = np.array([0, 3, 1])
_LABELS_INSTEAD = {"labels": "pass labels.data"}

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
    lambda g, y, z, labels: reshape(g, shape=(-1, 1)) * _cross_entropy_derivative(z, labels),
    formula="z̄ = ȳ (softmax(z) − onehot(labels))", reads=(0,), samples=normal((3, 4), labels=_LABELS),
    saving=lambda z, needs, labels: kernel.cross_entropy(z, labels),
    fused=lambda g, y, z, needs, saved, out, labels: (g[:, None] * saved,), instead=_LABELS_INSTEAD,
    doc="−log softmax(z)[label], one number per row; labels is an integer array (N,).",
    hint="logits must be (N, K), labels (N,) with values 0..K-1",
)
margin = define(
    "margin", lambda z, labels: kernel.margin(z, labels)[0],
    lambda g, y, z, labels: _margin_gradient(reshape(g, shape=(-1, 1)), z, labels),
    formula="z̄ = ȳ (onehot(labels) − onehot(other))  with other = argmax(−∞ if onehot(labels) else z)", reads=(0,), samples=apart((3, 4), labels=_LABELS),
    saving=lambda z, needs, labels: kernel.margin(z, labels), fused=_margin_fused, instead=_LABELS_INSTEAD,
    kinks="of several largest others the first is taken",
    doc="z[label] − max of the others, one number per row, below 0 exactly where the prediction is wrong; labels is an integer array (N,).",
    hint="logits must be (N, K), labels (N,) with values 0..K-1",
)
