"""Affine bilinear sampling: y[n,c,i,j] is x[n,c] at the position to which theta[n] maps (i,j).

theta is a 2x3 matrix [[a, b, e], [c, d, f]] (the paper's Eq. 2) that maps *output* positions to
*input* positions, both in coordinates where the image spans [-1, 1]:

    u' = a u + b v + e          v' = c u + d v + f          (u to the right, v down)

Between pixels the image is interpolated bilinearly, outside it is 0. The convention maps pixels to
[-1, 1]:

    half_pixel      pixel j of W is centred at u = (2j + 1) / W - 1   (PyTorch's align_corners=False)
    align_corners   pixel j of W is at u = 2j / (W - 1) - 1           (align_corners=True)
    tf_reference    output pixels as in align_corners, but read at (u' + 1) W / 2; positions outside
                    [0, W - 1) give 0. TensorFlow's transformer of 2016. Its identity is not the
                    identity: the image is stretched by W / (W - 1), and the last row and column are
                    lost.

With p the position in pixels, every implementation computes
p = p_identity + scale * ((theta - identity) (u, v, 1)), so that the identity returns the image exactly.

At the edges, for values and gradients: the two pixels around p on an axis are floor(p) and
floor(p) + 1, and each counts if it lies in the image. A position that is not finite, or more than a
million pixels away, is outside. At whole p the derivative jumps; it is taken towards floor(p) + 1.
References: Jaderberg et al. 2015, Eq. 5-7. Derivation and measurements: README.md.
"""
from __future__ import annotations

from ..runtime.dispatch import Implementations
from ..runtime.tracing import traceable
from ..sampling import check_derivatives

CONVENTIONS = ("half_pixel", "align_corners", "tf_reference")

_choose = Implementations(__name__, numpy="reference", numba="numba_cpu", cuda="cuda", numba_cuda="numba_cuda")
implementations, why_not = _choose.available, _choose.why_not


@traceable
def forward(x, theta, convention="half_pixel", size=None, implementation=None, derivatives=False, out=None):
    """Sample images along affine grids.

    x : (N, C, H, W) float32 or float64, NumPy or CuPy
    theta : (N, 2, 3) or (N, 6), same dtype
    size : (H, W) of the output; that of x if None
    derivatives : also return the derivatives of y by the position in pixels (N, 2, C, *size), along x,
        then along y; with them, :func:`backward` need not read the images again
    out : arrays for the results
    returns y (N, C, *size), or (y, derivatives)

    >>> import numpy as np
    >>> from sdpadv_np.kernels import affine_sample
    >>> x = np.arange(4, dtype=np.float32).reshape(1, 1, 2, 2)
    >>> identity = np.array([[1, 0, 0, 0, 1, 0]], np.float32)
    >>> affine_sample.forward(x, identity)[0, 0].tolist()
    [[0.0, 1.0], [2.0, 3.0]]
    """
    theta, size = _checked(x, theta, convention, size)
    return _choose(x, implementation).forward(x, theta, convention, size, derivatives, out)


@traceable
def backward(
    grad_y, x, theta, convention="half_pixel", implementation=None, needs=(True, True), derivatives=None, out=None,
):
    """The gradients (grad_x, grad_theta) of :func:`forward`; None for one that ``needs`` leaves out.

    grad_y : (N, C, H', W'), the gradient of y, of x's dtype; H' and W' are the size of y
    derivatives : those returned by ``forward(..., derivatives=True)``, or None
    grad_x has x's shape, grad_theta theta's.
    """
    flat, size = _checked(x, theta, convention, grad_y.shape[2:])
    if grad_y.shape != (*x.shape[:2], *size) or grad_y.dtype != x.dtype:
        raise ValueError(
            f"grad_y is {grad_y.dtype}{list(grad_y.shape)}, x {x.dtype}{list(x.shape)}; dtype, N and C must agree"
        )
    check_derivatives(derivatives, (len(x), 2, *grad_y.shape[1:]), x.dtype)
    out = (None, None) if out is None else (out[0], None if out[1] is None else out[1].reshape(flat.shape))
    run = _choose(x, implementation).backward
    grad_x, grad_theta = run(grad_y, x, flat, convention, tuple(needs), derivatives, out)
    return grad_x, None if grad_theta is None else grad_theta.reshape(theta.shape)


def _checked(x, theta, convention, size):
    if convention not in CONVENTIONS:
        raise ValueError(f"convention is {convention!r}; choose one of {', '.join(CONVENTIONS)}")
    if x.ndim != 4:
        raise ValueError(f"x has shape {list(x.shape)}; it must be (N, C, H, W)")
    if theta.shape not in ((len(x), 2, 3), (len(x), 6)):
        raise ValueError(
            f"theta has shape {list(theta.shape)}; for {len(x)} images it must be ({len(x)}, 2, 3) or ({len(x)}, 6)"
        )
    if x.dtype != theta.dtype or x.dtype.kind != "f" or x.dtype.itemsize < 4:
        raise ValueError(f"x is {x.dtype}, theta {theta.dtype}; both must be float32, or both float64")
    size = tuple(x.shape[2:] if size is None else size)
    if min(x.shape[1:]) < 1 or len(size) != 2 or min(size) < 1:
        raise ValueError(
            f"x has shape {list(x.shape)}, output size is {size}; images need at least one pixel and channel"
        )
    return theta.reshape(-1, 2, 3), size
