"""Every fused rule against the composed one, whichever of its inputs are wanted, in both precisions, into memory that
is given, and at the kinks.
"""
import itertools

import numpy as np
import pytest
from every_operation import CASES

import sdpadv_np as sd
from sdpadv_np import Tensor, ops
from sdpadv_np.autodiff.engine import gradients_into
from sdpadv_np.autodiff.registry import NO_GRADIENT, OPS

FUSED = [case for case in CASES if OPS[case.values[0]].fused is not None]
DTYPES = (np.float32, np.float64)


def subsets(op):
    """Every way of wanting one or more of the inputs."""
    differentiable = [i for i, rule in enumerate(op.vjps) if rule is not NO_GRADIENT]
    for count in range(1, len(differentiable) + 1):
        yield from itertools.combinations(differentiable, count)


def problem(name, number, dtype):
    """(arrays, parameters, the gradient of the result) at one of an operation's samples."""
    arrays, params = OPS[name].samples(np.random.default_rng(0))[number]
    arrays = [a.astype(dtype) if a.dtype.kind == "f" else a for a in arrays]
    y = getattr(ops, name)(*arrays, **params)
    return arrays, params, np.random.default_rng(1).standard_normal(y.shape).astype(dtype)


def recorded(name, arrays, params, wanted):
    """(y, the wanted inputs as Tensors); the other inputs are arrays."""
    inputs = [Tensor(a, requires_grad=True) if i in wanted else a for i, a in enumerate(arrays)]
    return getattr(ops, name)(*inputs, **params), [inputs[i] for i in wanted]


def near(got, want, dtype):
    assert got.dtype == want.dtype == dtype and got.shape == want.shape
    tolerance = 1e-5 if dtype == np.float32 else 1e-10
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * max(1, np.abs(want).max(initial=0)))


def test_there_are_such_rules():
    assert {case.values[0] for case in FUSED} >= {
        "dense", "conv2d_layer", "affine_sample", "flow_sample", "clip", "perturb", "cross_entropy", "margin",
    }


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name, number", FUSED)
def test_whichever_inputs_are_wanted(name, number, dtype):
    arrays, params, g = problem(name, number, dtype)
    for wanted in subsets(OPS[name]):
        y, tensors = recorded(name, arrays, params, wanted)
        fused = sd.grad(y, tensors, g)
        composed = sd.grad(y, tensors, g, create_graph=True)  # a graph is only recorded by the composed rule
        for a, b in zip(fused, composed, strict=True):
            near(a.data, b.data, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name, number", FUSED)
def test_into_memory_that_is_given(name, number, dtype):
    """As a training asks: each gradient is left in its buffer, whether or not the rule can write there."""
    arrays, params, g = problem(name, number, dtype)
    for wanted in subsets(OPS[name]):
        y, tensors = recorded(name, arrays, params, wanted)
        buffers = [np.full_like(t.data, np.nan) for t in tensors]
        gradients_into(ops.sum(y * g), tensors, buffers)
        for buffer, want in zip(buffers, sd.grad(y, tensors, g, create_graph=True), strict=True):
            near(buffer, want.data, dtype)


@pytest.mark.parametrize("name, number", FUSED)
def test_an_input_that_is_used_again_gets_both_contributions(name, number):
    """Also where its buffer is given: what the rule wrote there is added to, not written over."""
    arrays, params, g = problem(name, number, np.float64)
    for wanted in subsets(OPS[name]):
        y, tensors = recorded(name, arrays, params, wanted)
        buffers = [np.full_like(t.data, np.nan) for t in tensors]
        gradients_into(ops.sum(y * g) + sum(ops.sum(t * 3.0) for t in tensors), tensors, buffers)
        for buffer, want in zip(buffers, sd.grad(y, tensors, g, create_graph=True), strict=True):
            near(buffer, want.data + 3, np.float64)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ("linear", "relu", "leaky_relu", "tanh"))
@pytest.mark.parametrize("shape, weights", [((3, 1, 9, 8), (16, 1, 4, 4)), ((2, 16, 6, 6), (32, 16, 3, 3))])
def test_convolutions_as_networks_have_them(rng, shape, weights, activation, dtype):
    """Channels enough for the tiles of the compiled kernels, whichever of x, w and b are wanted."""
    arrays = [rng.standard_normal(s).astype(dtype) for s in (shape, weights, weights[:1])]
    exact = [a.astype(np.float64) for a in arrays]
    for wanted in subsets(OPS["conv2d_layer"]):
        y, tensors = recorded("conv2d_layer", arrays, {"activation": activation, "padding": "same"}, wanted)
        g = rng.standard_normal(y.shape)
        want_y, want_tensors = recorded("conv2d_layer", exact, {"activation": activation, "padding": "same"}, wanted)
        for a, b in zip(
            sd.grad(y, tensors, g.astype(dtype)), sd.grad(want_y, want_tensors, g, create_graph=True), strict=True,
        ):
            error = np.abs(a.data - b.data).max() / np.sqrt(np.mean(b.data**2))
            assert a.dtype == dtype and error < (1e-3 if dtype == np.float32 else 1e-11), (wanted, error)


@pytest.mark.parametrize("dtype", DTYPES)
def test_clip_at_its_limits_has_the_slope_1_composed_and_fused(dtype):
    x = Tensor(np.array([-1, -1.0001, 1, 1.0001, 0], dtype), requires_grad=True)
    for create_graph in (False, True):
        (g,) = sd.grad(ops.clip(x, low=-1, high=1), [x], np.ones(5, dtype), create_graph=create_graph)
        np.testing.assert_array_equal(g.data, [1, 0, 1, 0, 1])


@pytest.mark.parametrize("dtype", DTYPES)
def test_perturb_at_its_limits_has_the_slope_1_composed_and_fused(dtype):
    x, eta = (
        Tensor(np.array(values, dtype), requires_grad=True)
        for values in ([0.75, 0.25, 0.5, 0.75, 0.25, 0.5], [0.25, -0.25, 0.5, 0.2501, -0.2501, -0.25])
    )
    for create_graph in (False, True):
        of_x, of_eta = sd.grad(ops.perturb(x, eta, eps=0.25), [x, eta], np.ones(6, dtype), create_graph=create_graph)
        np.testing.assert_array_equal(of_x.data, [1, 1, 1, 1, 1, 1])
        np.testing.assert_array_equal(of_eta.data, [1, 1, 0, 0, 0, 1])
    (of_x,) = sd.grad(ops.perturb(x, np.full(6, 0.26, dtype), eps=0.26), [x], np.ones(6, dtype))
    np.testing.assert_array_equal(of_x.data, [0, 1, 1, 0, 1, 1])
