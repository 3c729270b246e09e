"""Pooling in networks; dropout: its masks, their statistics, the same bits after resuming and in recorded steps."""
import contextlib
import copy

import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np import Plan, Tensor, ops, xp
from sdpadv_np.errors import ArgumentError, OperationError, PlanError
from sdpadv_np.nn import AvgPool2d, Conv2d, Dense, Dropout, Flatten, MaxPool2d, Network, ParameterStore, Residual
from sdpadv_np.nn.dropout import random_mask
from sdpadv_np.optim import Adam


def made(*layers, dtype=np.float32, seed=0):
    network = Network("net", layers)
    return network, ParameterStore([network], seed, dtype)


def small(seed=0):
    return made(
        Conv2d(1, 4, (3, 3), activation="relu"), MaxPool2d(2), Dropout(0.25), AvgPool2d(2, 1, "same"), Flatten(),
        Dropout(), Dense(36, 3), seed=seed)


class Training:
    """Steps of Adam on fixed data, recorded or not."""

    def __init__(self, planned=True):
        self.network, self.store = small()
        self.optimiser = Adam(self.store, lr=0.01)
        self.plan = Plan(self.learn, [self.store]) if planned else lambda x, y: self.learn(x, y).data
        self.rng = np.random.default_rng(0)

    def learn(self, x, y):
        loss = ops.mean(ops.cross_entropy(self.network(Tensor(x), training=True), labels=y))
        self.store.differentiate(loss)
        self.optimiser.step()
        return loss

    def run(self, steps):
        batches = ((self.rng.random((8, 1, 8, 8), np.float32), self.rng.integers(0, 3, 8)) for _ in range(steps))
        return [float(self.plan(*batch)) for batch in batches]


def test_a_recorded_training_with_dropout_is_the_same_to_the_bit():
    planned, plain = Training(), Training(planned=False)
    assert planned.run(8) == plain.run(8)
    assert planned.store.data.tobytes() == plain.store.data.tobytes()
    assert planned.store.tensors["net/2/state"].data[1] == planned.store.tensors["net/5/state"].data[1] == 8


def test_a_resumed_training_draws_the_same_masks():
    whole, first = Training(), Training()
    expected = whole.run(8)
    begun = first.run(4)
    second = Training()
    for name, array in first.optimiser.state("adam").items():
        second.optimiser.state("adam")[name][...] = array
    second.rng = first.rng
    assert begun + second.run(4) == expected
    assert second.store.data.tobytes() == whole.store.data.tobytes()


def test_a_step_that_does_not_name_its_store_is_found_out():
    network, _ = made(Dropout())
    plan = Plan(lambda x: network(x, training=True))
    plan(np.ones((4, 50), np.float32))
    with pytest.raises(PlanError, match="was frozen"):
        plan(np.ones((4, 50), np.float32))


@pytest.mark.parametrize("rate", (0.0, 0.1, 0.5, 0.9))
def test_masks_have_their_rate_and_keep_the_mean(rate):
    network, store = made(Dropout(rate))
    x = np.ones((100, 1000), np.float32)
    seen = []
    for _ in range(5):
        y = network(x, training=True)
        assert y.dtype == np.float32 and abs((y == 0).mean() - rate) < 5 * np.sqrt(rate * (1 - rate) / x.size) + 1e-9
        np.testing.assert_allclose(y[y != 0], 1 / (1 - rate), rtol=1e-3)
        seen.append(y == 0)
    np.testing.assert_array_equal(network(x), x)  # evaluation: nothing is dropped, and nothing drawn
    assert store.tensors["net/0/state"].data[1] == 5
    if rate:
        for a, b in ((seen[0], seen[1]), (seen[0][:, 1:], seen[0][:, :-1]), (seen[0][1:], seen[0][:-1])):
            agreement, expected = (a == b).mean(), rate**2 + (1 - rate) ** 2
            assert abs(agreement - expected) < 0.01, "draws, neighbours and rows are independent"


def test_layers_and_networks_draw_differently_and_the_same_seed_draws_the_same():
    x = np.ones((4, 100), np.float32)
    one, other, again = (made(Dropout(), seed=seed)[0](x, training=True) for seed in (0, 1, 0))
    assert not np.array_equal(one, other)
    np.testing.assert_array_equal(one, again)
    network, _ = made(Dropout(), Residual((Dropout(),)))
    first = network.layers[0].training(x, **network.tensors[0])
    second = network.layers[1].training(x, **network.tensors[1]) - x
    assert not np.array_equal(first, second)


def test_the_draws_begin_anew_where_float32_cannot_count_on():
    network, store = made(Dropout())
    state = store.tensors["net/0/state"].data
    state[1] = 2**24 - 1
    network(np.ones(3, np.float32), training=True)
    assert state[1] == 0


def test_a_copy_and_a_mask_of_any_shape():
    network, _ = made(Dropout())
    twin = copy.deepcopy(network)
    x = np.ones((3, 5), np.float32)
    np.testing.assert_array_equal(network(x, training=True), twin(x, training=True))
    for shape in ((), (1,), (3, 0), (2, 3, 5)):
        mask = random_mask(np.array([1.0, 2.0]), shape, 0)
        assert mask.all() and mask.shape == shape


def test_what_is_dropped_selects_and_is_differentiable(rng):
    network, store = made(Dropout(), dtype=np.float64)
    x = rng.standard_normal((3, 4))

    def fixed(t):
        store.tensors["net/0/state"].data[1] = 7
        return network(t, training=True) ** 3

    sd.gradcheck(fixed, x, order=2)
    y = network(np.full((1, 100), np.inf), training=True)
    assert set(np.unique(y).tolist()) == {0.0, np.inf}


@pytest.mark.parametrize("rate", (-0.1, 1.0, np.nan, "half"))
def test_rates_that_are_none(rate):
    with pytest.raises(ArgumentError, match="rate"):
        Dropout(rate)


def test_windows_that_are_none_say_so(rng):
    x = Tensor(rng.standard_normal((1, 1, 4, 4)))
    for how, message in (
        ({"kernel_size": 5}, "larger than the padded image"),
        ({"kernel_size": 2, "padding": 2}, "must be below the kernel_size"),
        ({"kernel_size": 0}, "must be positive"), ({"kernel_size": 2, "stride": 0}, "must be positive"),
    ):
        for op in (ops.max_pool2d, ops.avg_pool2d):
            with pytest.raises(OperationError, match=message):
                op(x, **how)
    with pytest.raises(OperationError, match="have 2x2 windows, g has 4x4 pixels"):
        ops.avg_pool_transpose2d(x, size=(4, 4), kernel_size=2)


def test_on_a_gpu_the_masks_are_the_same_and_nothing_is_copied(gpu):
    here, there = Training(), Training()
    there.store.to("cuda")
    there.optimiser = Adam(there.store, lr=0.01)
    for k in range(5):
        x, y = here.rng.random((8, 1, 8, 8), np.float32), here.rng.integers(0, 3, 8)
        want, arrays = here.plan(x, y), (gpu.cupy.asarray(x), gpu.cupy.asarray(y))
        with gpu.without_transfers() if k >= 2 else contextlib.nullcontext():
            got = there.plan(*arrays)
        np.testing.assert_allclose(float(got), float(want), rtol=gpu.rtol)
    states = [xp.to_numpy(training.store.tensors["net/5/state"].data) for training in (here, there)]
    np.testing.assert_array_equal(*states)
