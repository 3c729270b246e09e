"""Layers and the flat store."""
import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np import Tensor
from sdpadv_np.errors import FileError
from sdpadv_np.nn import Conv2d, Dense, Flatten, Network, ParameterStore


def small(dtype=np.float64, seed=0):
    network = Network(
        "net",
        [
            Conv2d(1, 2, (3, 3), activation="tanh"), Flatten(), Dense(8, 3, "tanh"),
            Dense(3, 2, init="zero", bias=(1.0, -1.0)),
        ],
    )
    return network, ParameterStore([network], seed, dtype)


def test_tensors_are_views_of_one_buffer():
    network, store = small()
    assert store.data.size == sum(t.size for t in store.tensors.values()) == 2 * 9 + 2 + 8 * 3 + 3 + 3 * 2 + 2
    store.data += 1
    assert all(np.shares_memory(t.data, store.data) for t in store.tensors.values())
    assert network.tensors[3]["b"].data.tolist() == [2.0, 0.0]


def test_an_initial_bias_is_the_output_at_the_start(rng):
    network, _ = small()
    np.testing.assert_array_equal(network(rng.standard_normal((5, 1, 4, 4))), [[1.0, -1.0]] * 5)


def test_array_in_array_out(rng):
    network, store = small()
    store.data[...] = rng.standard_normal(store.data.size)
    x = rng.standard_normal((5, 1, 4, 4))
    plain, recorded = network(x), network(Tensor(x))
    assert isinstance(plain, np.ndarray) and recorded.requires_grad
    np.testing.assert_array_equal(plain, recorded.data)


def test_differentiate_fills_the_flat_gradient(rng):
    network, store = small()
    store.data[...] = rng.standard_normal(store.data.size)
    x = Tensor(rng.standard_normal((5, 1, 4, 4)))
    store.gradient[...] = np.nan  # what was there before does not matter
    store.differentiate((network(x) ** 2).sum())
    numeric = np.empty_like(store.data)
    for i in range(store.data.size):
        value = []
        for step in (1e-6, -1e-6):
            store.data[i] += step
            value.append((network(x.data) ** 2).sum())
            store.data[i] -= step
        numeric[i] = (value[0] - value[1]) / 2e-6
    np.testing.assert_allclose(store.gradient, numeric, rtol=1e-5, atol=1e-7)


def test_parameters_without_a_path_get_zero():
    network, store = small()
    store.gradient[...] = 7
    store.differentiate((network.tensors[3]["b"] * 2).sum())
    assert store.gradient[:-2].any() == False and store.gradient[-2:].tolist() == [2, 2]  # noqa: E712


def test_the_same_seed_gives_the_same_weights_and_another_others():
    assert small()[1].data.tobytes() == small()[1].data.tobytes() != small(seed=1)[1].data.tobytes()


def test_load_refuses_what_does_not_fit():
    _, store = small()
    arrays = {name: a.copy() for name, a in store.arrays().items()}
    before = store.data.copy()
    for change, message in (
        ({"net/3/b": None}, "lacks net/3/b"),
        ({"net/9/b": np.zeros(2)}, "unknown net/9/b"),
        ({"net/3/b": np.zeros(5)}, r"net/3/b is float64\[5\], expected float64\[2\]"),
        ({"net/3/b": np.zeros(2, np.float32)}, "float32"),
    ):
        wrong = {k: v for k, v in {**arrays, **change}.items() if v is not None}
        with pytest.raises(FileError, match=message):
            store.load({k: v + 1 for k, v in wrong.items()}, "a file")
    assert store.data.tobytes() == before.tobytes()


def test_gradients_flow_through_a_network_twice(rng):
    network, store = small()
    store.data[...] = rng.standard_normal(store.data.size)
    sd.gradcheck(lambda x: network(x), rng.standard_normal((2, 1, 4, 4)), order=2)


def test_a_convolution_computes_with_the_algorithm_it_names(rng):
    # four tiles of 5 x 5: winograd saves most, whatever does the products
    x = rng.standard_normal((4, 32, 10, 10)).astype(np.float32)
    results = []
    for algorithm in ("auto", "direct", "winograd"):
        network = Network("net", [Conv2d(32, 32, (3, 3), padding="same", activation="relu", algorithm=algorithm)])
        ParameterStore([network], 0, np.float32)
        results.append(network(x))
    np.testing.assert_array_equal(results[0], results[2])
    assert not np.array_equal(results[0], results[1])
    np.testing.assert_allclose(results[1], results[2], atol=1e-4)
    network.layers[0] = Conv2d(32, 32, (3, 3), stride=2, algorithm="winograd")
    with pytest.raises(ValueError, match="winograd is for kernels of three taps per stride"):
        network(x)
