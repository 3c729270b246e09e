"""Convolution: the definition against loops, every implementation and algorithm against the definition."""
import numpy as np
import pytest
from everywhere import everywhere
from layers import CASES, LAYERS, TOLERANCE, Layer, by_hand, channels_last, error, fast, read_only, strided

from sdpadv_np.kernels import conv2d


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


@pytest.mark.parametrize("implementation, algorithm, name", CASES)
def test_is_the_definition_in_every_layout(rng, implementation, algorithm, name):
    layer = Layer(rng, name)
    plain = layer.faces(algorithm, implementation)
    for got, expected in zip(plain, layer.expected):
        assert got.dtype == np.float32 and got.shape == expected.shape
        assert error(got, expected) <= TOLERANCE[algorithm]
    assert all(a.transpose(0, 2, 3, 1).flags.c_contiguous for a in plain[:2])
    for arrange in (channels_last, strided, read_only, np.asfortranarray):
        for a, b in zip(layer.faces(algorithm, implementation, arrange), plain):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("implementation, algorithm, name", CASES)
def test_writes_into_what_it_is_given(rng, implementation, algorithm, name):
    layer = Layer(rng, name)
    expected = layer.faces(algorithm, implementation)
    for prepare in (np.array, np.asfortranarray):
        out = [np.full_like(prepare(a), np.nan) for a in expected]
        for got, given, wanted in zip(layer.faces(algorithm, implementation, out=out), out, expected):
            assert got is given
            np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize(
    "shape, outputs, kernel, stride",
    (((32, 64, 14, 14), 128, (6, 6), 2), ((32, 128, 7, 7), 256, (5, 5), 2), ((8, 256, 20, 20), 64, (3, 3), 1)),
)
@pytest.mark.parametrize("algorithm", ("direct", "winograd"))
@fast
def test_errors_are_as_large_as_documented(rng, monkeypatch, implementation, algorithm, shape, outputs, kernel, stride):
    """In layers of full size: the largest, and a twentieth of that in the root mean square."""
    monkeypatch.setitem(LAYERS, "large", (shape, outputs, kernel, stride, "same"))
    layer = Layer(rng, "large")
    for got, expected in zip(layer.faces(algorithm, implementation), layer.expected):
        scale = np.sqrt(np.mean(expected**2))
        assert np.abs(got - expected).max() <= TOLERANCE[algorithm] * scale
        assert np.sqrt(np.mean((got - expected) ** 2)) <= TOLERANCE[algorithm] / 20 * scale


@fast
def test_auto_is_winograd_where_that_saves_enough(rng, implementation):
    """Half of the multiplications, or seven of nine where tiles do them."""

    def chosen(name):
        layer = Layer(rng, name)
        results = [
            conv2d.forward(layer.x, layer.w, *layer.how, algorithm=a, implementation=implementation).tobytes()
            for a in ("auto", "direct", "winograd")
        ]
        return results[0] == results[2] != results[1]

    expected = {"numba": [True, True, True, False], "amx": [True, False, False, False]}[implementation]
    assert [chosen(name) for name in ("model A 2", "generator", "3 x 3", "3 x 3 valid")] == expected


@pytest.mark.parametrize(
    "algorithm, name", (("direct", "model A 1"), ("direct", "odd"), ("winograd", "model A 2"), ("winograd", "3 x 3"))
)
@pytest.mark.parametrize("activation", conv2d.ACTIVATIONS)
@fast
def test_bias_and_activation(rng, implementation, activation, algorithm, name):
    layer = Layer(rng, name)
    scale = layer.expected[0].std()
    expected = conv2d.forward(
        layer.x.astype(np.float64),
        layer.w.astype(np.float64) / scale,
        *layer.how,
        layer.bias.astype(np.float64),
        activation,
    )
    for bias in (layer.bias, layer.bias[:, None, None]):
        got = conv2d.forward(
            layer.x, layer.w / np.float32(scale), *layer.how, bias, activation, algorithm, implementation
        )
        assert error(got, expected) <= 2 * TOLERANCE[algorithm]


@pytest.mark.parametrize(
    "algorithm, name", (("direct", "model A 1"), ("direct", "odd"), ("direct", "model A 3"), ("winograd", "model A 2"))
)
@pytest.mark.parametrize("activation", conv2d.ACTIVATIONS)
@fast
def test_input_gradient_with_the_activations_derivative(rng, implementation, activation, algorithm, name):
    layer = Layer(rng, name)
    y = conv2d.forward(layer.x, layer.w * np.float32(0.02), *layer.how, activation=activation)
    derivative = {"linear": np.ones_like(y), "relu": y > 0, "leaky_relu": np.where(y > 0, 1, 0.2), "tanh": 1.0 - y * y}
    g = (layer.g * derivative[activation]).astype(np.float64)
    expected = conv2d.input_gradient(g, layer.w.astype(np.float64), layer.size, *layer.how)
    got = conv2d.input_gradient(
        layer.g, layer.w, layer.size, *layer.how, algorithm, implementation, y=y, activation=activation
    )
    assert error(got, expected) <= TOLERANCE[algorithm]


@pytest.mark.parametrize("implementation", everywhere(conv2d))
def test_what_is_not_a_number_is_not_hidden(implementation):
    x = np.array([np.nan, np.inf, -np.inf, -2, 3], np.float32).reshape(1, 1, 1, 5)
    w = np.array([1], np.float32).reshape(1, 1, 1, 1)
    got = [
        conv2d.forward(x, w, 1, ((0, 0), (0, 0)), None, name, implementation=implementation).ravel()
        for name in ("relu", "leaky_relu")
    ]
    np.testing.assert_array_equal(
        got, np.array([[np.nan, np.inf, 0, 0, 3], [np.nan, np.inf, -np.inf, np.float32(-0.4), 3]], np.float32)
    )


@fast
def test_weights_changed_in_place_are_noticed(rng, implementation):
    """Packed weights are kept; no number of them may change unnoticed."""
    for name, algorithm in (("model A 2", "direct"), ("model A 2", "winograd")):
        layer = Layer(rng, name)
        for at in (None, 0, 4321, -1):
            if at is not None:
                layer.w.reshape(-1)[at] += 1000
            for got, fresh in zip(
                layer.faces(algorithm, implementation), layer.faces(algorithm, implementation, np.array)
            ):
                np.testing.assert_array_equal(got, fresh)
            expected = conv2d.forward(layer.x.astype(np.float64), layer.w.astype(np.float64), *layer.how)
            assert (
                error(
                    conv2d.forward(layer.x, layer.w, *layer.how, algorithm=algorithm, implementation=implementation),
                    expected,
                )
                < 1e-3
            )


@pytest.mark.parametrize("implementation, algorithm, name", CASES)
def test_same_bits_twice(rng, implementation, algorithm, name):
    layer = Layer(rng, name)
    first, second = (layer.faces(algorithm, implementation) for _ in range(2))
    assert [a.tobytes() for a in first] == [a.tobytes() for a in second]


def test_same_padding_is_tensorflows():
    """Output ceil(n / stride); an odd pixel of padding goes below and to the right."""
    assert conv2d.resolve_padding("same", (28, 28), (8, 8), 2) == ((3, 3), (3, 3))
    assert conv2d.resolve_padding("same", (28, 14), (5, 5), 2) == ((1, 2), (1, 2))
    assert conv2d.resolve_padding("same", (7, 7), (5, 5), 2) == ((2, 2), (2, 2))
    with pytest.raises(ValueError, match='use "same", "valid"'):
        conv2d.resolve_padding("full", (3, 3), (1, 1), 1)


@pytest.mark.parametrize(
    "change, message",
    (
        ({"algorithm": "fft"}, "choose one of auto, direct, winograd"),
        ({"activation": "swish"}, "choose one of linear, relu"),
        ({"bias": np.zeros(3, np.float32)}, "bias has 3 numbers and w makes 4 channels"),
        ({"out": np.zeros((2, 4, 6, 5), np.float32)}, r"out has the shape \[2, 4, 6, 5\], the result \[2, 4, 6, 6\]"),
        ({"x": np.zeros((2, 2, 8, 8), np.float32)}, "with the same C"),
        ({"x": np.zeros((2, 3, 2, 8), np.float32)}, "does not fit"),
        ({"algorithm": "winograd", "implementation": "numba"}, "algorithm winograd is for kernels of three taps"),
        ({"algorithm": "winograd", "implementation": "numpy"}, 'use "direct" or "auto"'),
    ),
)
def test_what_cannot_be_is_refused(change, message):
    call = {
        "x": np.zeros((2, 3, 8, 8), np.float32),
        "w": np.zeros((4, 3, 3, 3), np.float32),
        "stride": 1,
        "padding": ((0, 0), (0, 0)),
    } | change
    with pytest.raises(ValueError, match=message):
        conv2d.forward(**call)
    with pytest.raises(ValueError, match="with this kernel, stride and padding the output is"):
        conv2d.input_gradient(
            np.zeros((2, 4, 5, 6), np.float32), np.zeros((4, 3, 3, 3), np.float32), (8, 8), 1, ((0, 0), (0, 0))
        )
    with pytest.raises(ValueError, match="the derivative of relu needs y"):
        conv2d.input_gradient(
            np.zeros((2, 4, 6, 6), np.float32),
            np.zeros((4, 3, 3, 3), np.float32),
            (8, 8),
            1,
            ((0, 0), (0, 0)),
            activation="relu",
        )
