"""Pooling against PyTorch: values, gradients and gradients of gradients, ties and NaN included."""
import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np import Tensor, ops

torch = pytest.importorskip("torch")
F = torch.nn.functional

WINDOWS = ((2, None, 0), (3, 2, 1), ((2, 3), 1, 1), ((3, 2), (2, 1), (1, 0)), (1, 2, 0), (3, 3, 0))
POOLS = {"max": (ops.max_pool2d, F.max_pool2d), "avg": (ops.avg_pool2d, F.avg_pool2d)}


@pytest.mark.parametrize("kernel, stride, padding", WINDOWS)
@pytest.mark.parametrize("name", POOLS)
def test_two_orders(rng, name, kernel, stride, padding):
    x = rng.standard_normal((2, 3, 8, 7))
    ours, theirs = POOLS[name]
    sides = padding if isinstance(padding, int) else tuple((p, p) for p in padding)
    a, b = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, z = ours(a, kernel_size=kernel, stride=stride, padding=sides), theirs(b, kernel, stride, padding)
    np.testing.assert_allclose(y.data, z.detach().numpy(), rtol=1e-12, atol=1e-12)
    (first,) = sd.grad(ops.sum(y**3), [a], create_graph=True)
    (want,) = torch.autograd.grad((z**3).sum(), [b], create_graph=True)
    np.testing.assert_allclose(first.data, want.detach().numpy(), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(sd.grad(ops.sum(y**3), [a])[0].data, want.detach().numpy(), rtol=1e-10, atol=1e-12)
    (second,), (want,) = sd.grad(ops.sum(first**2), [a]), torch.autograd.grad((want**2).sum(), [b])
    np.testing.assert_allclose(second.data, want.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("stride", (1, 2))
def test_ties_and_nan_go_where_pytorch_sends_them(rng, stride):
    x = rng.integers(0, 3, (4, 2, 9, 9)).astype(np.float32)
    x[rng.random(x.shape) < 0.1] = np.nan
    x[rng.random(x.shape) < 0.1] = -np.inf
    a, b = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, z = ops.max_pool2d(a, 3, stride, 1), F.max_pool2d(b, 3, stride, 1)
    np.testing.assert_array_equal(y.data, z.detach().numpy())
    g = rng.standard_normal(y.shape).astype(np.float32)
    (want,) = torch.autograd.grad(z, [b], torch.tensor(g))
    for composed in (False, True):
        (got,) = sd.grad(y, [a], g, create_graph=composed)
        np.testing.assert_allclose(got.data, want.numpy(), rtol=1e-5, atol=1e-5)
