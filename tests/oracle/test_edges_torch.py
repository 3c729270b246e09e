"""Edges against PyTorch, to the third order: wherever it has a number, ours is the same.

Not compared: ties of maximum and minimum, where it gives each a half; what is not a number, for
which its masks differ from one to the next.
"""
import numpy as np
import pytest
from edges import CASES, CURVES, array
from edges_moving import MOVING

import sdpadv_np as sd
from sdpadv_np import Tensor, ops

torch = pytest.importorskip("torch", reason="oracle: PyTorch is not installed")
F = torch.nn.functional
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of NumPy's, that a number is infinite

ACTIVATIONS = {
    "linear": lambda x: x, "relu": torch.relu, "leaky_relu": lambda x: F.leaky_relu(x, 0.2), "tanh": torch.tanh,
}


def axes(axis):
    return tuple(map(int, axis)) if isinstance(axis, (list, tuple)) else None if axis is None else int(axis)


def margin(z, y):
    true = F.one_hot(y, z.shape[1]).bool()
    return z[true] - z.masked_fill(true, -np.inf).max(1).values


THEIRS = {
    "neg": torch.neg, "exp": torch.exp, "log": torch.log, "sqrt": torch.sqrt, "square": torch.square,
    "tanh": torch.tanh, "sigmoid": torch.sigmoid, "relu": torch.relu, "abs": torch.abs,
    "softplus": lambda x: torch.logaddexp(x, torch.zeros_like(x)),
    "leaky_relu": lambda x, slope=0.2: F.leaky_relu(x, slope), "clip": lambda x, low, high: torch.clamp(x, low, high),
    "power": lambda x, exponent: torch.pow(x, float(exponent)), "add": torch.add, "sub": torch.sub, "mul": torch.mul,
    "div": torch.div,
    "sum": lambda x, axis, keepdims=False: x.sum(axes(axis), keepdim=keepdims),
    "mean": lambda x, axis: x.mean(axes(axis)), "max": lambda x, axis: x.amax(() if axis is None else axes(axis)),
    "softmax": lambda z: z.softmax(-1), "log_softmax": lambda z: z.log_softmax(-1),
    "cross_entropy": lambda z, labels: F.cross_entropy(z, torch.from_numpy(labels), reduction="none"),
    "margin": lambda z, labels: margin(z, torch.from_numpy(labels)), "matmul": torch.matmul,
    "dense": lambda x, W, b, activation: ACTIVATIONS[activation](x @ W + b),
    "conv2d": lambda x, w, stride=1: F.conv2d(x, w, stride=stride),
    "conv2d_layer": lambda x, w, b, activation, stride=1: ACTIVATIONS[activation](F.conv2d(x, w, b, int(stride))),
    "getitem": lambda x, index: x[torch.from_numpy(index) if isinstance(index, np.ndarray) else index],
    "norm": lambda x: (x.square().sum(tuple(range(1, x.ndim))) + 1e-12).sqrt(),
}
_UNLIKE = {("sum", 3), ("mean", 3), ("max", 3)}  # an empty tuple of axes means all of them there
_POINTWISE = [
    (name, [array(points, np.float64)], params) for name, cases in CURVES.items()
    for params, points, *_ in cases if not (name == "power" and params["exponent"] == 0)
]
_OTHERS = [
    (name, [array(given, np.float64) for given in inputs], params)
    for name, cases in {**CASES, **MOVING}.items() if name in THEIRS
    for number, (inputs, params, *_) in enumerate(cases)
    if (name, number) not in _UNLIKE and not (name == "getitem" and isinstance(params["index"], slice))
]


@pytest.mark.parametrize("name, inputs, params", _POINTWISE + _OTHERS)
def test_wherever_pytorch_has_a_number_ours_is_the_same(name, inputs, params):
    inputs = [np.where(np.isnan(a), 1.0, a) for a in inputs]
    ours, theirs = [Tensor(a, requires_grad=True) for a in inputs], [
        torch.from_numpy(a.copy()).requires_grad_() for a in inputs
    ]
    y, z = getattr(ops, name)(*ours, **params), THEIRS[name](*theirs, **params)
    np.testing.assert_allclose(y.data, z.numpy(force=True), rtol=1e-12, atol=1e-15)
    ones = np.ones(y.shape)
    for order in (1, 2, 3):
        a = sd.grad(y, ours, ones, create_graph=True) if y.requires_grad else [Tensor(np.zeros(t.shape)) for t in ours]
        b = torch.autograd.grad(
            z, theirs, torch.from_numpy(ones), create_graph=True, allow_unused=True,
        ) if z.requires_grad else [None] * len(theirs)
        b = [torch.zeros_like(t) if g is None else g for g, t in zip(b, theirs)]
        for i, (got, want) in enumerate(zip(a, b)):
            want = want.detach().numpy(force=True)
            known = np.isfinite(want)
            np.testing.assert_allclose(
                got.data[known], want[known], rtol=1e-9, atol=1e-12, err_msg=f"order {order}, input {i}",
            )
        weights = [np.random.default_rng(order).uniform(0.5, 1.5, t.shape) for t in ours]
        y, z = a[0] * weights[0], b[0] * torch.from_numpy(weights[0])
        if len(a) > 1:
            y, z = y.sum() + (a[1] * weights[1]).sum(), z.sum() + (b[1] * torch.from_numpy(weights[1])).sum()
        ones = np.ones(y.shape)
