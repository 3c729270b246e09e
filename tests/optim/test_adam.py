"""Adam on a parameter store: ten steps of Algorithm 1 by hand, in float64, with a rate that changes; what a checkpoint
holds.
"""
import math

import numpy as np
import pytest

from sdpadv_np.errors import ArgumentError
from sdpadv_np.nn import Dense, Network, ParameterStore
from sdpadv_np.optim import Adam


def store(dtype=np.float64, seed=0):
    return ParameterStore([Network("n", [Dense(5, 4), Dense(4, 3)])], seed, dtype)


def by_hand(p, gradients, rates, beta1=0.9, beta2=0.999, eps=1e-8):
    """The printed algorithm, number by number."""
    results = []
    for start, column in zip(p, np.transpose(gradients)):
        value, m, v = float(start), 0.0, 0.0
        for t, (g, lr) in enumerate(zip(map(float, column), rates, strict=True), 1):
            m = beta1 * m + (1 - beta1) * g
            v = beta2 * v + (1 - beta2) * g * g
            value -= lr * (m / (1 - beta1**t)) / (math.sqrt(v / (1 - beta2**t)) + eps)
        results.append(value)
    return np.array(results)


@pytest.mark.parametrize("options", ({}, {"beta1": 0.5}, {"beta2": 0.9}, {"eps": 0.1}))
@pytest.mark.parametrize("dtype", (np.float32, np.float64))
def test_ten_steps_with_a_falling_rate(rng, dtype, options):
    s = store(dtype)
    start, gradients, rates = s.data.copy(), rng.standard_normal((10, s.data.size)).astype(dtype), [
        1e-2 * (1 - k / 10) for k in range(10)
    ]
    adam = Adam(s, lr=1e-2, **options)
    for k, (g, rate) in enumerate(zip(gradients, rates)):
        adam.lr[...] = rate
        s.gradient[...] = g
        adam.step()
        assert adam.t == k + 1 and s.gradient.tobytes() == g.tobytes()
    tolerance = 1e-6 if dtype == np.float32 else 1e-13
    np.testing.assert_allclose(s.data, by_hand(start, gradients, rates, **options), rtol=10 * tolerance, atol=tolerance)


def test_the_first_step_has_the_length_of_the_rate(rng):
    """Bias correction makes m / sqrt(v) the gradient's sign."""
    s = store()
    before = s.data.copy()
    s.gradient[...] = rng.standard_normal(s.data.size) * 10.0 ** rng.integers(-3, 3, s.data.size)
    Adam(s, lr=0.25).step()
    np.testing.assert_allclose(s.data - before, -0.25 * np.sign(s.gradient), rtol=1e-4)


def test_the_defaults_are_the_paper_s():
    adam = Adam(store())
    assert (float(adam.lr), adam.beta1, adam.beta2, adam.eps) == (1e-3, 0.9, 0.999, 1e-8)
    assert not adam.m.any() and not adam.v.any() and adam.t == 0


@pytest.mark.parametrize(
    "name, taken, refused",
    [
        ("lr", (0.0, 2.0), (-1e-9,)), ("beta1", (0.0, 1.0), (-1e-9, 1.0001)), ("beta2", (0.0, 1.0), (-1e-9, 1.0001)),
        ("eps", (0.0,), (-1e-9,)),
    ],
)
def test_what_is_taken_and_what_is_refused(name, taken, refused):
    for value in taken:
        assert float(getattr(Adam(store(), **{name: value}), name)) == value
    for value in refused:
        with pytest.raises(ArgumentError, match=name):
            Adam(store(), **{name: value})


def test_what_a_checkpoint_holds_is_enough_to_go_on(rng):
    gradients = rng.standard_normal((6, store().data.size))

    def go(adam, some):
        for g in some:
            adam.store.gradient[...] = g
            adam.step()

    whole, first, second = Adam(store()), Adam(store()), Adam(store(seed=1))
    go(whole, gradients)
    go(first, gradients[:3])
    kept = {name: array.copy() for name, array in first.state("g").items()}
    assert kept.keys() == {"g/parameters", "g/m", "g/v", "g/t"}
    for name, array in second.state("g").items():
        array[...] = kept[name]
    go(second, gradients[3:])
    assert second.store.data.tobytes() == whole.store.data.tobytes()


def test_the_parameters_are_where_the_networks_read_them(rng):
    s = store()
    s.gradient[...] = 1.0
    Adam(s, lr=0.5).step()
    assert all(np.shares_memory(t.data, s.data) for t in s.tensors.values())
