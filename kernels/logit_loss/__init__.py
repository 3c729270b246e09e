"""Classification losses, one per row of logits z (N, K), with their gradients, in one pass.

    cross_entropy   log sum_k exp(z_k) - z_y        gradient softmax(z) - onehot(y)
    margin          z_y - max over k != y of z_k    gradient onehot(y) - onehot(the first k that attains the maximum)

The label's derivative, softmax(z)_y - 1, is computed as minus the sum of the other probabilities: if a
classifier is confident, the difference is only a rounding error, of either sign.

labels y (N,): integers in 0..K-1. (Goodfellow et al. 2016, section 6.2.2.3; Carlini & Wagner 2017, f_6.)
"""
from __future__ import annotations

from ..runtime.dispatch import Implementations
from ..runtime.tracing import traceable

_choose = Implementations(__name__, numpy="reference", numba="numba_cpu")
implementations = _choose.available


def _checked(z, labels, out):
    if out is not None and [a.shape for a in out] != [z.shape[:1], z.shape]:
        raise ValueError(
            f"out has shapes {[list(a.shape) for a in out]}; "
            f"for logits {list(z.shape)} they must be {[len(z)]} and {list(z.shape)}"
        )
    if z.ndim != 2 or labels.shape != z.shape[:1] or labels.dtype.kind not in "iu":
        raise ValueError(
            f"logits are {z.dtype}{list(z.shape)}, labels {labels.dtype}{list(labels.shape)}; "
            "they must be (N, K), and integers (N,)"
        )


@traceable
def cross_entropy(z, labels, implementation=None, out=None):
    """(losses (N,), gradients (N, K)).

    >>> import numpy as np
    >>> from sdpadv_np.kernels import logit_loss
    >>> losses, gradients = logit_loss.cross_entropy(np.zeros((1, 4), np.float32), np.array([1]))
    >>> round(float(losses[0]), 4), gradients.tolist()
    (1.3863, [[0.25, -0.75, 0.25, 0.25]])
    """
    _checked(z, labels, out)
    return _choose(z, implementation).cross_entropy(z, labels, out)


@traceable
def margin(z, labels, implementation=None, out=None):
    """(margins (N,), gradients (N, K)); a margin is negative if another class has a larger logit than the label.

    >>> import numpy as np
    >>> from sdpadv_np.kernels import logit_loss
    >>> margins, gradients = logit_loss.margin(np.array([[1, 5, 3]], np.float32), np.array([2]))
    >>> margins.tolist(), gradients.tolist()
    ([-2.0], [[0.0, -1.0, 1.0]])
    """
    _checked(z, labels, out)
    return _choose(z, implementation).margin(z, labels, out)
