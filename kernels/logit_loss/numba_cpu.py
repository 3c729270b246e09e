"""One row after the other, so that a row is read from the first-level cache."""
import numpy as np

from ..runtime.jit import njit
from ..runtime.tracing import execute, flattened
from . import reference

_OPTIONS = {"nogil": True, "error_model": "numpy"}


@njit(**_OPTIONS)
def _cross_entropy(z, labels, losses, gradients):
    """Fill losses and gradients; returns the first row whose label is no class, or -1."""
    for n in range(z.shape[0]):
        row, gradient, label = z[n], gradients[n], labels[n]
        if label < 0 or label >= row.size:
            return n
        first = 0
        for k in range(1, row.size):
            if row[k] > row[first]:
                first = k
        largest, total, others = row[first], 0.0, 0.0
        rest = total + (largest - largest)  # 0, or NaN
        for k in range(row.size):
            gradient[k] = np.exp(row[k] - largest)
            total += gradient[k]
            if k != first:  # its exponential is 1: added to it, small ones would be lost
                rest += gradient[k]
        for k in range(row.size):
            gradient[k] /= total
            if k != label:
                others += gradient[k]
        gradient[label] = -others
        losses[n] = np.log1p(rest) - (row[label] - largest)
    return -1


@njit(**_OPTIONS)
def _margin(z, labels, margins, gradients):
    for n in range(z.shape[0]):
        row, gradient, label = z[n], gradients[n], labels[n]
        if label < 0 or label >= row.size:
            return n
        ahead = 1 if label == 0 else 0
        for k in range(ahead + 1, row.size):
            if k != label and (row[k] > row[ahead] or np.isnan(row[k])):
                ahead = k
        gradient[:] = 0
        gradient[ahead] -= 1
        gradient[label] += 1
        margins[n] = row[label] - row[ahead]
    return -1


def _run_checked(loop, z, labels, values, gradients):
    bad = loop(z, labels, values, gradients)
    if bad >= 0:
        raise IndexError(reference.no_class(z, labels, bad))


def _run(loop, z, labels, out):
    values, gradients = out or (np.empty(len(z), z.dtype), np.empty(z.shape, z.dtype))
    execute((_run_checked, (loop, flattened(z).reshape(z.shape), flattened(labels, np.int64), values, gradients)))
    return values, gradients


def cross_entropy(z, labels, out=None):
    return reference.cross_entropy(z, labels, out) if not z.size else _run(_cross_entropy, z, labels, out)


def margin(z, labels, out=None):
    return reference.margin(z, labels, out) if z.shape[1] < 2 or not z.size else _run(_margin, z, labels, out)
