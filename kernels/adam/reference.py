"""The definition, in plain NumPy."""
import numpy as np


def step(p, g, m, v, t, lr, beta1, beta2, eps):
    t += 1
    m *= beta1
    m += (1 - beta1) * g
    np.copyto(m, 0, where=np.abs(m) < 1e-30)  # a mask as an index would stop a GPU
    v *= beta2
    v += (1 - beta2) * g * g
    rate, correction = (lr / (1 - beta1**t)).astype(p.dtype), (1 / (1 - beta2**t)).astype(p.dtype)  # 0-d arrays: t may lie on a GPU
    p -= rate * m / (np.sqrt(v * correction) + eps)
