"""Normalisation, residual blocks, transposed convolution, reflected borders: against PyTorch, and by their derivatives.
"""
import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np import Tensor, ops
from sdpadv_np.errors import OperationError
from sdpadv_np.nn import BatchNorm, Conv2d, ConvTranspose2d, InstanceNorm, Network, ParameterStore, ReflectPad, Residual
from sdpadv_np.optim import Adam

torch = pytest.importorskip("torch")


def made(*layers, dtype=np.float64):
    network = Network("net", layers)
    return network, ParameterStore([network], 0, dtype)


def residual():
    return Residual(
        (
            ReflectPad(1), Conv2d(3, 3, (3, 3)), BatchNorm(3, "tanh", spread=0.2), ReflectPad(1), Conv2d(3, 3, (3, 3)),
            BatchNorm(3),
        )
    )


LAYERS = {
    "instance": (InstanceNorm("tanh"), (2, 3, 4, 5)),
    "batch": (BatchNorm(3, "leaky_relu", spread=0.5), (4, 3, 2, 3)),
    "transposed": (ConvTranspose2d(3, 2, (3, 2), (8, 7), stride=2, activation="tanh"), (2, 3, 3, 3)),
    "residual": (residual(), (2, 3, 3, 4)),
}


@pytest.mark.parametrize("training", (False, True))
@pytest.mark.parametrize("name", LAYERS)
def test_derivatives(name, training, rng):
    layer, shape = LAYERS[name]
    network, store = made(layer)
    for t in store.tensors.values():  # running statistics that differ from where they begin
        t.data[...] += 0.3 * rng.random(t.shape)
    x = rng.standard_normal(shape)
    sd.gradcheck(lambda x: network(x, training), x, order=2)
    if store.tensors:
        store.differentiate((network(Tensor(x), training) ** 2).sum())
    for key, t in store.tensors.items():
        constant = key.endswith(("mean", "var"))
        part = store.gradient[_where(store, t)]
        if constant:
            assert not part.any(), key
            continue
        for i in range(0, t.size, max(t.size // 5, 1)):
            flat, values = t.data.reshape(-1), []
            for step in (1e-6, -1e-6):
                flat[i] += step
                values.append((network(x, training) ** 2).sum())
                flat[i] -= step
            np.testing.assert_allclose(part[i], (values[0] - values[1]) / 2e-6, rtol=1e-4, atol=1e-6, err_msg=key)


def _where(store, tensor):
    start = (
        tensor.data.__array_interface__["data"][0] - store.data.__array_interface__["data"][0]
    ) // store.data.itemsize
    return slice(start, start + tensor.size)


def test_batch_norm_is_pytorchs_in_training_and_after(rng):
    network, store = made(BatchNorm(3, spread=0.5))
    theirs = torch.nn.BatchNorm2d(3, dtype=torch.float64)
    with torch.no_grad():
        theirs.weight[:] = torch.from_numpy(store.tensors["net/0/gamma"].data.ravel())
    for _ in range(5):
        x = 2 + 3 * rng.standard_normal((4, 3, 5, 6))
        np.testing.assert_allclose(network(x, training=True), theirs(torch.from_numpy(x)).detach().numpy(), rtol=1e-9)
    np.testing.assert_allclose(store.tensors["net/0/mean"].data.ravel(), theirs.running_mean.numpy())
    np.testing.assert_allclose(store.tensors["net/0/var"].data.ravel(), theirs.running_var.numpy())
    theirs.eval()
    before = store.data.copy()
    np.testing.assert_allclose(network(x), theirs(torch.from_numpy(x)).detach().numpy(), rtol=1e-9)
    np.testing.assert_array_equal(store.data, before)  # using it changes nothing


def test_an_optimiser_leaves_the_running_statistics_alone(rng):
    network, store = made(BatchNorm(3, spread=0.5))
    optimiser = Adam(store, lr=0.1)
    loss = (network(Tensor(2 + rng.standard_normal((4, 3, 5, 6))), training=True) ** 3).sum()
    followed = store.tensors["net/0/mean"].data.copy()
    store.differentiate(loss)
    optimiser.step()
    np.testing.assert_array_equal(store.tensors["net/0/mean"].data, followed)
    assert not np.allclose(store.tensors["net/0/beta"].data, 0)


def test_instance_norm_is_pytorchs(rng):
    x = 2 + 3 * rng.standard_normal((4, 3, 5, 6))
    np.testing.assert_allclose(
        made(InstanceNorm())[0](x), torch.nn.functional.instance_norm(torch.from_numpy(x)).numpy(), rtol=1e-9,
    )


def test_transposed_convolution_is_pytorchs(rng):
    network, store = made(ConvTranspose2d(3, 2, (3, 3), (9, 10), stride=2))
    store.data[...] = rng.standard_normal(store.data.size)
    W, b = (torch.from_numpy(store.tensors[f"net/0/{key}"].data) for key in "Wb")
    x = rng.standard_normal((2, 3, 4, 4))
    expected = torch.nn.functional.conv_transpose2d(torch.from_numpy(x), W, b.ravel(), stride=2, output_padding=(0, 1))
    np.testing.assert_allclose(network(x), expected.numpy(), rtol=1e-9)


def test_reflected_borders_are_numpys(rng):
    x = rng.standard_normal((2, 3, 4, 5))
    np.testing.assert_array_equal(
        ops.reflect_pad(x, width=3), np.pad(x, ((0, 0), (0, 0), (3, 3), (3, 3)), mode="reflect"),
    )
    with pytest.raises(OperationError, match="cannot mirror 4 of 4"):
        ops.reflect_pad(Tensor(x), width=4)


def test_residual_adds_and_names_what_lies_within(rng):
    network, store = made(residual())
    assert set(store.tensors) >= {"net/0/1/W", "net/0/2/gamma", "net/0/5/var"}
    for key, t in store.tensors.items():
        if key.endswith(("gamma", "beta")):
            t.data[...] = 0
    x = rng.standard_normal((2, 3, 4, 5))
    running = store.tensors["net/0/2/mean"].data.copy()
    np.testing.assert_allclose(network(x), x)
    np.testing.assert_array_equal(store.tensors["net/0/2/mean"].data, running)
    np.testing.assert_allclose(network(x, training=True), x)
    assert not np.array_equal(store.tensors["net/0/2/mean"].data, running)  # what lies within is told of the training
