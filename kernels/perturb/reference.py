"""The definition, in plain NumPy."""
import numpy as np

from .._entrance import put


def forward(x, eta, eps, out=None):
    return put(out, np.clip(x + np.clip(eta, -eps, eps), 0, 1))


def backward(g, x, eta, eps, needs, out=(None, None)):
    sum_ = x + np.clip(eta, -eps, eps)
    h = g * ((sum_ >= 0) & (sum_ <= 1))
    return put(out, (h if needs[0] else None, h * ((eta >= -eps) & (eta <= eps)) if needs[1] else None))
