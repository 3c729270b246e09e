"""One pass over memory instead of three, and instead of two in the backward pass; vectorised by LLVM."""
from ..runtime.jit import njit
from ..runtime.tracing import copy_to, execute, flattened, output_buffer

_OPTIONS = {"nogil": True, "error_model": "numpy"}


@njit(inline="always", **_OPTIONS)
def _clipped(value, low, high):
    """``value`` limited to [low, high]; NaN stays NaN."""
    value = low if value < low else value
    return high if value > high else value


@njit(**_OPTIONS)
def _forward(x, eta, eps, y):
    zero, one = x.dtype.type(0), x.dtype.type(1)
    for i in range(x.size):
        y[i] = _clipped(x[i] + _clipped(eta[i], -eps, eps), zero, one)


@njit(**_OPTIONS)
def _backward(g, x, eta, eps, gradient_x, gradient_eta):
    zero = x.dtype.type(0)
    for i in range(x.size):
        moved = x[i] + _clipped(eta[i], -eps, eps)
        h = g[i] if 0 <= moved <= 1 else zero
        gradient_x[i] = h
        gradient_eta[i] = h if -eps <= eta[i] <= eps else zero


def forward(x, eta, eps, out=None):
    y = output_buffer(out, x.shape, x.dtype)
    execute((_forward, (flattened(x), flattened(eta), x.dtype.type(eps), y.reshape(-1))))
    return copy_to(out, y)


def backward(g, x, eta, eps, needs, out=(None, None)):
    h, k = (output_buffer(o, x.shape, x.dtype) for o in out)  # both are computed: one alone is rarely needed
    execute((_backward, (flattened(g), flattened(x), flattened(eta), x.dtype.type(eps), h.reshape(-1), k.reshape(-1))))
    return copy_to(out, (h if needs[0] else None, k if needs[1] else None))
