"""The definition in NumPy."""
import numpy as np


def step(p, g, m, v, t, lr, beta1, beta2, eps):
    t += 1
    m *= beta1
    m += (1 - beta1) * g
    np.copyto(m, 0, where=np.abs(m) < 1e-30)  # a mask as an index would make a GPU wait
    v *= beta2
    v += (1 - beta2) * g * g
    rate = (lr / (1 - beta1**t)).astype(p.dtype)  # a 0-d array: t may be on a GPU
    correction = (1 / (1 - beta2**t)).astype(p.dtype)
    p -= rate * m / (np.sqrt(v * correction) + eps)
