"""The contract of every implementation of every kernel: signature, dtype, layout, unchanged inputs, ``out``."""

import importlib
import inspect
import pkgutil

import numpy as np
import pytest

from sdpadv_np import kernels
from sdpadv_np.kernels import (
    activation,
    adam,
    affine_sample,
    clip,
    conv2d,
    dense,
    flow_sample,
    flow_smoothness,
    logit_loss,
    perturb,
)
from sdpadv_np.kernels.runtime.dispatch import ARRAYS_OF

SAME = ((1, 1), (1, 1))



class Call:
    """A kernel's function, its float64 arrays for a batch of n, other arguments; ``result``: what it writes to."""

    def __init__(self, function, arrays, out=True, **settings):
        self.function, self.arrays, self.out, self.settings = function, arrays, out, settings


def normal(*shapes):
    return lambda rng, n: [rng.standard_normal([n if k == "n" else k for k in shape]) for shape in shapes]


def images_and(move):
    return lambda rng, n: [rng.standard_normal((n, 2, 7, 6)), move(rng, n)]


def with_gradient(make):
    return lambda rng, n: [rng.standard_normal((n, 2, 7, 6)), *make(rng, n)]


def theta(rng, n):
    return np.eye(2, 3).reshape(1, 6) + rng.uniform(-0.3, 0.3, (n, 6))


def flow(rng, n):
    return rng.integers(-2, 3, (n, 2, 7, 6)) + rng.uniform(0.1, 0.9, (n, 2, 7, 6))


def rows(rng, n):
    return [rng.standard_normal((n, 5)), rng.integers(0, 5, n)]


CALLS = {
    **{
        f"dense forward {a}": Call(dense.forward, normal(("n", 40), (40, 24), (24,)), activation=a)
        for a in activation.ACTIVATIONS
    },
    "dense input gradient": Call(dense.input_gradient, normal(("n", 24), (40, 24))),
    "dense weight gradient": Call(dense.weight_gradient, normal(("n", 24), ("n", 40))),
    "conv2d forward": Call(conv2d.forward, normal(("n", 16, 7, 6), (32, 16, 3, 3)), stride=1, padding=SAME),
    "conv2d input gradient": Call(
        conv2d.input_gradient, normal(("n", 32, 7, 6), (32, 16, 3, 3)), size=(7, 6), stride=1, padding=SAME
    ),
    "conv2d weight gradient": Call(
        conv2d.weight_gradient, normal(("n", 32, 7, 6), ("n", 16, 7, 6)), kernel=(3, 3), stride=1, padding=SAME
    ),
    **{
        f"activation backward {a}": Call(activation.backward, normal(("n", 24), ("n", 24)), activation=a)
        for a in activation.ACTIVATIONS
    },
    "cross entropy": Call(logit_loss.cross_entropy, rows),
    "margin": Call(logit_loss.margin, rows),
    "clip backward": Call(clip.backward, normal(("n", 24), ("n", 24)), low=-0.4, high=0.5),
    "perturb forward": Call(perturb.forward, normal(("n", 24), ("n", 24)), eps=0.3),
    "perturb backward": Call(perturb.backward, normal(("n", 24), ("n", 24), ("n", 24)), eps=0.3),
    "affine forward": Call(affine_sample.forward, images_and(theta)),
    "affine forward with derivatives": Call(affine_sample.forward, images_and(theta), derivatives=True),
    "affine backward": Call(affine_sample.backward, with_gradient(images_and(theta))),
    "flow forward": Call(flow_sample.forward, images_and(flow)),
    "flow forward with derivatives": Call(flow_sample.forward, images_and(flow), derivatives=True),
    "flow backward": Call(flow_sample.backward, with_gradient(images_and(flow))),
    "flow smoothness": Call(flow_smoothness.value_and_gradient, lambda rng, n: [flow(rng, n)], out=False),
}
MODULES = (activation, adam, affine_sample, clip, conv2d, dense, flow_sample, flow_smoothness, logit_loss, perturb)


def here(module):
    """The implementations that take NumPy arrays and can run."""
    return [name for name, can in module.implementations().items() if can and "numpy" in ARRAYS_OF[name]]


def kernel_of(call):
    return inspect.getmodule(inspect.unwrap(call.function))


CASES = [
    pytest.param(name, implementation, id=f"{name}-{implementation}")
    for name, call in CALLS.items()
    for implementation in here(kernel_of(call))
    if implementation != "numpy"
]
each_case = pytest.mark.parametrize("name, implementation", CASES)
dtypes = pytest.mark.parametrize("dtype", (np.float32, np.float64))


def arrays_of(name, dtype, n=5):
    arrays = CALLS[name].arrays(np.random.default_rng(0), n)
    return [a.astype(dtype) if a.dtype.kind == "f" else a for a in arrays]


def run(name, implementation, arrays, **more):
    """The results as a tuple."""
    result = CALLS[name].function(*arrays, implementation=implementation, **CALLS[name].settings, **more)
    return result if isinstance(result, tuple) else (result,)


def near(got, want):
    assert got.shape == want.shape
    tolerance = 1e-3 if got.dtype == np.float32 else 1e-11  # winograd's rounding; each kernel's own test is stricter
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * max(1, np.abs(want).max(initial=0)))


def strided(a):
    wide = np.full((*a.shape, 2), 77, a.dtype)
    wide[..., 0] = a
    return wide[..., 0]


def reversed_memory(a):
    return a[::-1].copy()[::-1]


def test_every_kernel_and_every_function_of_it_is_asked():
    rooms = {"runtime", "simd", "gemm", "sampling"}  # what kernels are built of
    packages = {name for _, name, is_package in pkgutil.iter_modules(kernels.__path__) if is_package} - rooms
    assert packages == {m.__name__.rpartition(".")[2] for m in MODULES}
    asked = {call.function for call in CALLS.values()} | {activation.forward, adam.step}  # these two below
    for module in MODULES:
        own = {
            f
            for name, f in vars(module).items()
            if inspect.isfunction(f) and not name.startswith("_") and inspect.unwrap(f).__module__ == module.__name__
        }
        computing = {f for f in own if "implementation" in inspect.signature(f).parameters}
        assert computing <= asked, module.__name__


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.__name__.rpartition(".")[2])
def test_signatures_are_those_of_the_definition(module):
    """Parameters by name, order and default; one of a module's own may follow (an engine that another hands in)."""
    functions = [
        name
        for name, f in vars(module).items()
        if inspect.isfunction(f) and "implementation" in inspect.signature(f).parameters
    ]
    reference = importlib.import_module(f"{module.__name__}.reference")
    for implementation in here(module):
        other = module._choose.loaded[implementation]
        for name in functions:
            theirs, ours = (inspect.signature(getattr(m, name)) for m in (reference, other))
            if any(p.kind is p.VAR_POSITIONAL for p in ours.parameters.values()):
                continue  # handed on as they come
            for one, two in zip(theirs.parameters.values(), ours.parameters.values()):
                assert (one.name, one.kind) == (two.name, two.kind), (implementation, name)
            extra = list(ours.parameters.values())[len(theirs.parameters) :]
            assert len(ours.parameters) >= len(theirs.parameters) and all(p.default is not p.empty for p in extra), (
                implementation,
                name,
            )


@each_case
@dtypes
def test_agrees_with_the_definition_in_float64_and_keeps_the_dtype(name, implementation, dtype):
    arrays = arrays_of(name, dtype)
    exact = run(name, "numpy", [a.astype(np.float64) if a.dtype.kind == "f" else a for a in arrays])
    for got, want in zip(run(name, implementation, arrays), exact, strict=True):
        assert got.dtype == dtype
        near(got, want)


@each_case
@dtypes
@pytest.mark.parametrize("arrange", (strided, np.asfortranarray, reversed_memory))
def test_any_layout_of_inputs(name, implementation, dtype, arrange):
    """One array at a time, then all, in another layout; none is changed, and the gaps between elements are not read."""
    arrays = arrays_of(name, dtype)
    expected = run(name, implementation, arrays)
    for which in (*range(len(arrays)), None):
        given = [arrange(a) if which in (k, None) else a.copy() for k, a in enumerate(arrays)]
        for got, want in zip(run(name, implementation, given), expected, strict=True):
            near(got, want)
        for a, b in zip(given, arrays):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "name, implementation", [case for case in CASES if not case.values[0].startswith(("affine", "flow"))]
)  # their own tests do
def test_inputs_that_may_not_be_written(name, implementation):
    arrays = arrays_of(name, np.float32)
    expected = run(name, implementation, arrays)
    for a in arrays:
        a.flags.writeable = False
    for got, want in zip(run(name, implementation, arrays), expected, strict=True):
        np.testing.assert_array_equal(got, want)


@each_case
@dtypes
@pytest.mark.parametrize("n", (0, 1, 2))
def test_no_image_one_and_two(name, implementation, dtype, n):
    arrays = arrays_of(name, dtype, n)
    for got, want in zip(run(name, implementation, arrays), run(name, "numpy", arrays), strict=True):
        assert got.dtype == want.dtype == dtype
        near(got, want)


@pytest.mark.parametrize(
    "name, implementation",
    [
        pytest.param(name, i, id=f"{name}-{i}")
        for name, call in CALLS.items()
        if call.out
        for i in here(kernel_of(call))
    ],
)
@dtypes
@pytest.mark.parametrize("arrange", (np.ascontiguousarray, strided, np.asfortranarray))
def test_out_is_filled_whatever_was_in_it_and_returned(name, implementation, dtype, arrange):
    arrays = arrays_of(name, dtype)
    expected = run(name, implementation, arrays)
    out = tuple(arrange(np.full(e.shape, np.nan, e.dtype)) for e in expected)
    got = run(name, implementation, arrays, out=out if len(out) > 1 else out[0])
    for a, o, want in zip(got, out, expected, strict=True):
        assert a is o or np.shares_memory(a, o)
        near(o, want)


@each_case
def test_the_same_bits_again(name, implementation):
    arrays = arrays_of(name, np.float32, 9)
    first = run(name, implementation, arrays)
    for _ in range(3):
        assert [a.tobytes() for a in run(name, implementation, arrays)] == [a.tobytes() for a in first]


@pytest.mark.parametrize("implementation", here(activation))
@pytest.mark.parametrize("name", activation.ACTIVATIONS)
@pytest.mark.parametrize("bias", (True, False))
@dtypes
@pytest.mark.parametrize("arrange", (np.array, strided, np.asfortranarray))
@pytest.mark.parametrize("shape", ((5, 24), (0, 24), (2, 24, 3, 2)))
def test_activations_in_place(rng, implementation, name, bias, dtype, arrange, shape):
    start, b = rng.standard_normal(shape).astype(dtype), rng.standard_normal(24).astype(dtype) if bias else None
    y = arrange(start)
    assert activation.forward(y, b, name, implementation) is None
    x = start + (0 if b is None else b.reshape(24, *[1] * (len(shape) - 2)))
    want = {"linear": x, "relu": np.maximum(x, 0), "leaky_relu": np.where(x > 0, x, 0.2 * x), "tanh": np.tanh(x)}[name]
    np.testing.assert_allclose(
        y, want, rtol=1e-5 if dtype == np.float32 else 1e-12, atol=1e-6 if dtype == np.float32 else 1e-14
    )


@pytest.mark.parametrize("implementation", here(adam))
@dtypes
@pytest.mark.parametrize("count", (0, 1, 7, 100))
def test_adam_changes_what_it_says_and_not_the_gradient(rng, implementation, dtype, count):
    p, g, m, v = (rng.standard_normal(count).astype(dtype) for _ in range(4))
    v **= 2
    g.flags.writeable = False
    t, lr, expected = np.array(3, np.int64), np.array(0.05), [a.astype(np.float64) for a in (p, m, v)]
    adam.step(p, g, m, v, t, lr, 0.9, 0.999, 1e-8, implementation=implementation)
    q, first, second = expected
    first, second = 0.9 * first + 0.1 * g, 0.999 * second + 0.001 * np.square(g.astype(np.float64))
    q -= 0.05 * (first / (1 - 0.9**4)) / (np.sqrt(second / (1 - 0.999**4)) + 1e-8)
    assert t == 4 and lr == 0.05
    for got, want in zip((p, m, v), (q, first, second)):
        assert got.dtype == dtype
        np.testing.assert_allclose(
            got, want, rtol=1e-4 if dtype == np.float32 else 1e-12, atol=1e-6 if dtype == np.float32 else 0
        )
