"""Row by row, each row read from the first-level cache."""
import numpy as np

from ..runtime.jit import njit
from ..runtime.tracing import execute, flattened
from . import reference

_OPTIONS = {"nogil": True, "error_model": "numpy"}


@njit(**_OPTIONS)
def _cross_entropy(z, labels, losses, slopes):
    """The number of the first row whose label is no class, or -1."""
    for n in range(z.shape[0]):
        row, slope, label = z[n], slopes[n], labels[n]
        if label < 0 or label >= row.size:
            return n
        first = 0
        for k in range(1, row.size):
            if row[k] > row[first]:
                first = k
        largest, total, others = row[first], 0.0, 0.0
        rest = total + (largest - largest)  # 0, or no number
        for k in range(row.size):
            slope[k] = np.exp(row[k] - largest)
            total += slope[k]
            if k != first:  # whose number is 1: beside it, a small rest would be rounding and nothing else
                rest += slope[k]
        for k in range(row.size):
            slope[k] /= total
            if k != label:
                others += slope[k]
        slope[label] = -others
        losses[n] = np.log1p(rest) - (row[label] - largest)
    return -1


@njit(**_OPTIONS)
def _margin(z, labels, margins, slopes):
    for n in range(z.shape[0]):
        row, slope, label = z[n], slopes[n], labels[n]
        if label < 0 or label >= row.size:
            return n
        ahead = 1 if label == 0 else 0
        for k in range(ahead + 1, row.size):
            if k != label and (row[k] > row[ahead] or np.isnan(row[k])):
                ahead = k
        slope[:] = 0
        slope[ahead] -= 1
        slope[label] += 1
        margins[n] = row[label] - row[ahead]
    return -1


def _checked(loop, z, labels, values, slopes):
    bad = loop(z, labels, values, slopes)
    if bad >= 0:
        raise IndexError(reference.no_class(z, labels, bad))


def _run(loop, z, labels, out):
    values, slopes = out or (np.empty(len(z), z.dtype), np.empty(z.shape, z.dtype))
    execute((_checked, (loop, flattened(z).reshape(z.shape), flattened(labels, np.int64), values, slopes)))
    return values, slopes


def cross_entropy(z, labels, out=None):
    return reference.cross_entropy(z, labels, out) if not z.size else _run(_cross_entropy, z, labels, out)


def margin(z, labels, out=None):
    return reference.margin(z, labels, out) if z.shape[1] < 2 or not z.size else _run(_margin, z, labels, out)
