"""Numerical kernels: plain arrays in, plain arrays out, no autodiff.

One folder per kernel: its contract (``__init__``), the NumPy reference that defines it, and faster
implementations with the same signature. Installed as ``sdpadv_np.kernels``.
"""
