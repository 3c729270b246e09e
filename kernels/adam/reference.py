"""The definition, in plain NumPy."""
import numpy as np


def step(p, g, m, v, lr, beta1, beta2, eps, t):
    m *= beta1
    m += (1 - beta1) * g
    m[np.abs(m) < 1e-30] = 0
    v *= beta2
    v += (1 - beta2) * g * g
    p -= (lr / (1 - beta1**t)) * m / (np.sqrt(v / (1 - beta2**t)) + eps)
