"""2-D convolution (cross-correlation, as networks use it) and its two gradients.

    y[n,o,i,j] = sum over c,a,b of x[n, c, i*stride + a - top, j*stride + b - left] * w[o,c,a,b]

x (N,C,H,W), w (O,C,kh,kw), zero padding ((top, bottom), (left, right)). The three functions are
the three faces of one trilinear form, which is why each one's derivatives are the other two.
"""
from .reference import forward, input_gradient, weight_gradient

__all__ = ["forward", "input_gradient", "resolve_padding", "weight_gradient"]


def resolve_padding(padding, size, kernel, stride):
    """``padding`` as ((top, bottom), (left, right)).

    Takes "valid", "same" (output = ceil(size / stride), the odd pixel below and to the right, as
    TensorFlow does), one number for all sides, or the pairs themselves.
    """
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding == "same":
        totals = [max((-(-n // stride) - 1) * stride + k - n, 0) for n, k in zip(size, kernel)]
        return tuple((t // 2, t - t // 2) for t in totals)
    if isinstance(padding, int):
        return ((padding, padding),) * 2
    try:
        (top, bottom), (left, right) = padding
    except (TypeError, ValueError):
        raise ValueError(f'padding is {padding!r}; use "same", "valid", a number, or ((top, bottom), (left, right))') from None
    return (top, bottom), (left, right)
