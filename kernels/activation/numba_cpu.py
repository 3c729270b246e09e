"""One pass over memory, vectorised by LLVM; tanh is NumPy's, which is vectorised already."""
import numpy as np

from ..runtime.jit import njit
from ..runtime.tracing import execute, flattened
from . import reference

_OPTIONS = {"nogil": True, "error_model": "numpy"}


@njit(**_OPTIONS)
def _forward(y, bias, leak, leaky):
    for n in range(y.shape[0]):
        row = y[n]
        for k in range(row.size):
            value = row[k] + bias[k]
            row[k] = value if not value <= 0 else leak * value if leaky else leak  # NaN stays NaN, -inf becomes 0


@njit(**_OPTIONS)
def _backward(g, y, leak, leaky, h):
    for i in range(y.size):
        h[i] = g[i] if y[i] > 0 else leak * g[i] if leaky else leak  # dead units give 0 for an infinite g too


@njit(**_OPTIONS)
def _backward_tanh(g, y, h):
    for i in range(y.size):
        h[i] = g[i] * (1 - y[i] * y[i])


def _leak(activation, y):
    return y.dtype.type(0.2 if activation == "leaky_relu" else 0)


def channels_last(y):
    """y (N, K) or (N, C, H, W) as a contiguous view with the channels last; None if there is none."""
    view = y if y.ndim == 2 else y.transpose(0, 2, 3, 1) if y.ndim == 4 else None
    return view if view is not None and view.flags.c_contiguous else None


def calls(rows, bias, activation):
    """The calls that replace rows (N, K) by activation(rows + bias); of one dtype, contiguous."""
    if activation in ("relu", "leaky_relu"):
        return ((_forward, (rows, bias, _leak(activation, rows), activation == "leaky_relu")),)
    plus = np.add, (rows, bias, rows)
    return (plus, (np.tanh, (rows, rows))) if activation == "tanh" else (plus,)


def forward(y, bias, activation):
    rows = channels_last(y)
    if bias is None or rows is None or bias.dtype != y.dtype:
        return reference.forward(y, bias, activation)
    execute(*calls(rows.reshape(-1, rows.shape[-1]), flattened(bias), activation))


def backward(g, y, activation, out=None):
    rows = channels_last(y)
    if activation == "linear" or rows is None or g.dtype != y.dtype or not y.size:
        return reference.backward(g, y, activation, out)
    h = np.empty_like(y) if out is None else out
    target = channels_last(h)
    if target is None:
        return reference.backward(g, y, activation, out)
    g, rows, target = flattened(g if g.ndim == 2 else g.transpose(0, 2, 3, 1)), flattened(rows), target.reshape(-1)
    if activation == "tanh":
        execute((_backward_tanh, (g, rows, target)))
    else:
        execute((_backward, (g, rows, _leak(activation, y), activation == "leaky_relu", target)))
    return h
