"""One loop, vectorised by LLVM.

``error_model="numpy"`` matters: Python's would test every division for zero, and that branch prevents
vectorisation (three times slower). The flags do not include nnan and ninf, so that a NaN gradient gives
NaN weights and is noticed.
"""
import numpy as np

from ..runtime.jit import njit
from ..runtime.tracing import execute

_FLAGS = {"contract", "reassoc", "arcp", "afn", "nsz"}


@njit(error_model="numpy", fastmath=_FLAGS)
def _step(p, g, m, v, rate, beta1, beta2, rest1, rest2, correction, eps, tiny):
    for i in range(p.size):
        mi = beta1 * m[i] + rest1 * g[i]
        if -tiny < mi < tiny:
            mi = mi * 0
        vi = beta2 * v[i] + rest2 * g[i] * g[i]
        m[i] = mi
        v[i] = vi
        p[i] -= rate * mi / (np.sqrt(vi) * correction + eps)


def step(*arguments):
    execute((_advance, arguments))


def _advance(p, g, m, v, t, lr, beta1, beta2, eps):
    t += 1
    lr, count = float(lr), int(t)
    real = p.dtype.type  # every constant in the buffers' dtype: one float64 would make the loop float64
    rate, correction = lr / (1 - beta1**count), (1 - beta2**count) ** -0.5
    constants = rate, beta1, beta2, 1 - beta1, 1 - beta2, correction, eps, 1e-30
    _step(p, g, m, v, *map(real, constants))
