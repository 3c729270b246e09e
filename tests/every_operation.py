"""Every registered operation with each of its sample inputs, and a step that differentiates it twice."""
import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np import Tensor, ops
from sdpadv_np.autodiff.registry import NO_GRADIENT, OPS

CASES = [
    pytest.param(name, number, id=f"{name}-{number}")
    for name, op in sorted(OPS.items())
    for number in range(len(op.samples(np.random.default_rng(0))))
]


def two_orders(name, params):
    """A step: the operation, its gradients by the ordinary backward pass, and second derivatives."""
    op, call = OPS[name], getattr(ops, name)
    rules = [None] * 9 if op.variadic else op.vjps

    def step(*inputs):
        tensors = [Tensor(a, requires_grad=True) if rule is not NO_GRADIENT else a for a, rule in zip(inputs, rules)]
        wanted = [t for t in tensors if isinstance(t, Tensor)]
        y = call(*tensors, **params)
        first = sd.grad(ops.sum(y * y), wanted)
        recorded = sd.grad(ops.sum(y * y), wanted, create_graph=True)
        second = sd.grad(sum((ops.sum(g * g) for g in recorded), 0.0 * ops.sum(y)), wanted)
        return y, *first, *recorded, *second

    return step
