"""Dense layers: each implementation against the formula in float64."""
from __future__ import annotations

import numpy as np
import pytest
from everywhere import everywhere

from sdpadv_np.kernels import activation as activations
from sdpadv_np.kernels import dense

SHAPES = {  # (N, K, O)
    "Model B 1": (128, 784, 200), "Model B 2": (128, 200, 200), "h_p 1": (128, 784, 128), "h_p 3": (128, 128, 784),
    "critic": (128, 784, 64), "odd": (37, 301, 99), "one panel of five": (100, 130, 80), "rows of 5": (256, 61, 133),
    "deep": (50, 1000, 49), "one image": (1, 2000, 600), "small": (3, 4, 2), "nothing": (0, 4, 2),
    "many images": (300, 100, 100), "two outputs": (128, 784, 2), "for two threads": (256, 1200, 400),
}
CASES = everywhere(dense, [(name,) for name in SHAPES], but=("numpy",))
fast = pytest.mark.parametrize("implementation", everywhere(dense, but=("numpy",)))
ERROR = 2e-6  # of the largest number


class Layer:
    """Arrays for the three faces, float32, and what each gives by definition."""

    def __init__(self, rng, name):
        n, k, o = SHAPES[name]
        shapes = (n, k), (k, o), o, (n, o)
        self.x, self.W, self.b, self.g = (rng.standard_normal(shape).astype(np.float32) for shape in shapes)
        x, W, g = (a.astype(np.float64) for a in (self.x, self.W, self.g))
        self.expected = x @ W + self.b, g @ W.T, x.T @ g

    def faces(self, implementation, arrange=lambda a: a, out=(None, None, None)):
        x, W, g = map(arrange, (self.x, self.W, self.g))
        return (
            dense.forward(x, W, self.b, implementation=implementation, out=out[0]),
            dense.input_gradient(g, W, implementation=implementation, out=out[1]),
            dense.weight_gradient(g, x, implementation=implementation, out=out[2]),
        )


def error(got, expected):
    return np.abs(got - expected).max(initial=0) / np.abs(expected).max(initial=1)


@pytest.mark.parametrize("implementation, name", CASES)
def test_is_the_definition(rng, implementation, name):
    layer = Layer(rng, name)
    for arrange in (lambda a: a, np.asfortranarray, lambda a: np.repeat(a, 2, axis=1)[:, ::2]):
        for got, expected in zip(layer.faces(implementation, arrange), layer.expected):
            assert got.dtype == np.float32 and got.shape == expected.shape
            assert error(got, expected) < ERROR


@pytest.mark.parametrize("implementation, name", CASES)
def test_writes_into_out(rng, implementation, name):
    layer = Layer(rng, name)
    for make in (np.full, lambda shape, *a: np.full((shape[0], 2 * shape[1]), *a)[:, ::2]):
        outs = [make(e.shape, np.nan, np.float32) for e in layer.expected]
        for got, out, alone in zip(layer.faces(implementation, out=outs), outs, layer.faces(implementation)):
            assert got is out
            np.testing.assert_array_equal(out, alone)


@pytest.mark.parametrize(
    "implementation, name", everywhere(dense, [("Model B 1",), ("odd",), ("deep",), ("small",)], but=("numpy",)))
@pytest.mark.parametrize("activation", activations.ACTIVATIONS)
def test_bias_and_activation(rng, implementation, name, activation):
    layer = Layer(rng, name)
    expected = layer.expected[0].copy()
    activations.forward(expected, None, activation)
    difference = np.abs(dense.forward(layer.x, layer.W, layer.b, activation, implementation) - expected).max()
    assert difference < ERROR * np.abs(layer.expected[0]).max()  # of the activation's input


@fast
def test_arguments_are_not_changed_and_may_be_read_only(rng, implementation):
    layer = Layer(rng, "Model B 1")
    before = [a.copy() for a in (layer.x, layer.W, layer.b, layer.g)]
    expected = layer.faces(implementation)
    for a, b in zip((layer.x, layer.W, layer.b, layer.g), before):
        np.testing.assert_array_equal(a, b)
        a.flags.writeable = False
    for got, other in zip(layer.faces(implementation), expected):
        assert error(got, other) < ERROR


@fast
def test_nan_and_infinity_are_not_hidden(implementation):
    x, W = np.ones((64, 256), np.float32), np.ones((256, 64), np.float32)
    x[5, 7], x[6, 7] = np.nan, np.inf
    infinite = np.isnan if implementation == "amx" else np.isposinf  # split into three terms, infinity becomes NaN
    for name in ("relu", "leaky_relu", "linear"):
        y = dense.forward(x, W, np.zeros(64, np.float32), name, implementation)
        assert np.isnan(y[5]).all() and infinite(y[6]).all()
        assert np.isfinite(np.delete(y, (5, 6), axis=0)).all()


@fast
def test_same_bits_for_any_number_of_threads(rng, implementation, monkeypatch):
    from sdpadv_np.kernels.runtime import threads

    layer = Layer(rng, "for two threads")
    expected = [a.tobytes() for a in layer.faces(implementation)]

    def one_after_the_other(part, parts, *arguments):
        for i in range(parts):
            part(i, parts, *arguments)

    monkeypatch.setattr(threads, "run_parts", one_after_the_other)
    for parts in (1, 2, 3):
        monkeypatch.setattr(threads, "part_count", lambda count, work: parts)
        assert [a.tobytes() for a in layer.faces(implementation)] == expected


@pytest.mark.parametrize("dtype", (np.float64, np.float32))
@pytest.mark.parametrize("implementation", everywhere(dense))
def test_dtype_stays(rng, implementation, dtype):
    x, W, b = (rng.standard_normal(shape).astype(dtype) for shape in ((9, 8), (8, 7), 7))
    assert dense.forward(x, W, b, "relu", implementation).dtype == dtype


@pytest.mark.parametrize("call, message", [
    (lambda a: dense.forward(a, a[:3], a[0]), r"x \[4, 4\] must be \(N, K\) and W \[3, 4\]"),
    (lambda a: dense.forward(a, a, a), r"b has the shape \[4, 4\]; W makes 4 outputs, so b must have 4 elements"),
    (lambda a: dense.forward(a, a, a[0], "sigmoid"), "activation is 'sigmoid'"),
    (lambda a: dense.forward(a, a, a[0], out=a[:2]), r"out has the shape \[2, 4\], the result \[4, 4\]"),
    (lambda a: dense.input_gradient(a, a[:, :3]), "with the same O"),
    (lambda a: dense.weight_gradient(a, a[:3]), "with the same N"),
])
def test_wrong_shapes_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.ones((4, 4), np.float32))
