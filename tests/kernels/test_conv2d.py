"""Convolution against loops; its gradients are covered by the operation sweep."""
import numpy as np
import pytest

from sdpadv_np.kernels import conv2d


def by_hand(x, w, stride, padding):
    (top, bottom), (left, right) = padding
    x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    n, _, h, width = x.shape
    o, _, kh, kw = w.shape
    y = np.zeros((n, o, (h - kh) // stride + 1, (width - kw) // stride + 1))
    for i in range(y.shape[2]):
        for j in range(y.shape[3]):
            y[:, :, i, j] = np.einsum("ncab,ocab->no", x[:, :, i * stride : i * stride + kh, j * stride : j * stride + kw], w)
    return y


@pytest.mark.parametrize("padding", ("valid", "same", 2, ((1, 0), (0, 3))))
@pytest.mark.parametrize("stride", (1, 2, 3))
@pytest.mark.parametrize("kernel", ((1, 1), (3, 3), (4, 2)))
def test_is_the_formula(rng, padding, stride, kernel):
    x, w = rng.standard_normal((2, 3, 8, 7)), rng.standard_normal((4, 3, *kernel))
    resolved = conv2d.resolve_padding(padding, x.shape[2:], kernel, stride)
    np.testing.assert_allclose(conv2d.forward(x, w, stride, resolved), by_hand(x, w, stride, resolved), atol=1e-12)


def test_the_three_faces_agree(rng):
    """<conv(x, w), g> = <x, input_gradient(g, w)> = <w, weight_gradient(g, x)>."""
    x, w = rng.standard_normal((2, 3, 9, 8)), rng.standard_normal((4, 3, 4, 3))
    padding = conv2d.resolve_padding("same", (9, 8), (4, 3), 2)
    y = conv2d.forward(x, w, 2, padding)
    g = rng.standard_normal(y.shape)
    inner = (y * g).sum()
    np.testing.assert_allclose((x * conv2d.input_gradient(g, w, (9, 8), 2, padding)).sum(), inner)
    np.testing.assert_allclose((w * conv2d.weight_gradient(g, x, (4, 3), 2, padding)).sum(), inner)


def test_same_padding_is_tensorflows():
    """Output ceil(n / stride); an odd pixel of padding goes below and to the right."""
    assert conv2d.resolve_padding("same", (28, 28), (8, 8), 2) == ((3, 3), (3, 3))
    assert conv2d.resolve_padding("same", (28, 14), (5, 5), 2) == ((1, 2), (1, 2))
    assert conv2d.resolve_padding("same", (7, 7), (5, 5), 2) == ((2, 2), (2, 2))
    with pytest.raises(ValueError, match='use "same", "valid"'):
        conv2d.resolve_padding("full", (3, 3), (1, 1), 1)
