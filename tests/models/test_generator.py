"""The generator: its two steps, their limits, and their special cases."""
import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np import Tensor
from sdpadv_np.errors import ArgumentError
from sdpadv_np.models import Generator, discriminator


def wild(rng, scale=0.3, **parameters):
    """A generator whose weights are far from where they begin."""
    g = Generator(**parameters)
    g.store.data += scale * rng.standard_normal(g.store.data.size).astype(np.float32)
    return g


def test_sizes_are_the_papers():
    assert Generator(eps=0.0).store.data.size == 15_826
    assert Generator(spatial=False).store.data.size == 218_128
    assert Generator().store.data.size == 15_826 + 218_128
    assert discriminator((1, 28, 28), 0)[1].data.size == 52_386


def test_begins_by_changing_nothing(rng):
    x = rng.random((3, 1, 28, 28), np.float32)
    np.testing.assert_array_equal(Generator()(x), x)


@pytest.mark.parametrize("projection", ("box", "l2"))
@pytest.mark.parametrize("scale", (0.0, 0.03, 1.0))
def test_stays_within_its_limits(rng, projection, scale):
    x = rng.random((20, 1, 28, 28), np.float32)
    g = wild(rng, scale, eps=0.1, gamma=0.3, projection=projection)
    out = g.distort(x)
    deviation = out.theta - np.array([1, 0, 0, 0, 1, 0], np.float32)
    size = np.abs(deviation).max(axis=1) if projection == "box" else np.linalg.norm(deviation, axis=1)
    assert size.max() <= 0.3 * (1 + 1e-6)
    assert np.abs(out.eta).max() <= np.float32(0.1)
    assert out.x_a.min() >= 0 and out.x_a.max() <= 1 and out.x_a.dtype == np.float32
    assert np.abs(out.x_a - out.x_t).max() <= 0.1 + 1e-6
    np.testing.assert_array_equal(g.theta(x), out.theta)


def test_projection_leaves_alone_what_is_near(rng):
    for projection in ("box", "l2"):
        g = Generator(eps=0.0, projection=projection)
        near = (np.array([1, 0, 0, 0, 1, 0]) + rng.uniform(-0.1, 0.1, (4, 6))).astype(np.float32)
        np.testing.assert_allclose(g._project(near), near, atol=1e-7)


def test_l2_projection_keeps_the_direction():
    theta = np.array([[1.6, 0, 0.8, 0, 1, 0]], np.float32)
    np.testing.assert_allclose(
        Generator(eps=0.0, projection="l2")._project(theta), [[1.18, 0, 0.24, 0, 1, 0]], rtol=1e-5,
    )
    np.testing.assert_allclose(Generator(eps=0.0)._project(theta), [[1.3, 0, 0.3, 0, 1, 0]], rtol=1e-6)


def test_without_perturbation_x_a_is_x_t(rng):
    out = wild(rng, eps=0.0).distort(rng.random((3, 1, 28, 28), np.float32))
    assert out.x_a is out.x_t and out.eta is None and out.theta is not None


def test_without_radius_it_is_advgan(rng):
    x = rng.random((3, 1, 28, 28), np.float32)
    still, advgan = wild(rng, gamma=0.0), Generator(spatial=False)
    for name, t in advgan.store.tensors.items():
        t.data[...] = still.store.tensors[name].data
    np.testing.assert_array_equal(still(x), advgan(x))
    assert advgan.distort(x).theta is None and advgan.theta(x)[0].tolist() == [1, 0, 0, 0, 1, 0]


def test_the_seed_of_one_network_does_not_depend_on_the_other():
    both, alone = Generator(seed=5), Generator(seed=5, spatial=False)
    np.testing.assert_array_equal(both.store.tensors["h_p/1/W"].data, alone.store.tensors["h_p/1/W"].data)


def test_arrays_and_tensors_give_the_same(rng):
    x = rng.random((3, 1, 28, 28), np.float32)
    g = wild(rng)
    np.testing.assert_array_equal(g.distort(x).x_a, g.distort(Tensor(x)).x_a.data)


def test_theta_is_differentiated_through_both_steps(rng):
    """x_T enters h_p, so theta's gradient has a part that goes through the perturbation network."""
    g = Generator(eps=0.5, image_shape=(1, 5, 5), dtype=np.float64)
    g.store.data += 0.05 * rng.standard_normal(g.store.data.size)
    x = rng.uniform(0.2, 0.4, (2, 1, 5, 5))
    names = ("h_sd/2/b", "h_p/1/W")
    t = [g.store.tensors[n] for n in names]
    analytic = sd.grad((g.distort(Tensor(x)).x_a ** 2).sum(), t)
    for tensor, got in zip(t, analytic):
        for index in list(np.ndindex(tensor.shape))[:6]:
            value = []
            for step in (1e-6, -1e-6):
                tensor.data[index] += step
                value.append((g.distort(x).x_a ** 2).sum())
                tensor.data[index] -= step
            np.testing.assert_allclose(got.data[index], (value[0] - value[1]) / 2e-6, rtol=1e-5, atol=1e-7)


def test_other_image_sizes(rng):
    g = wild(rng, image_shape=(3, 8, 6))
    assert g(rng.random((2, 3, 8, 6), np.float32)).shape == (2, 3, 8, 6)


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"eps": -0.1}, "eps is -0.1; it must be at least 0 and at most 1"), ({"eps": 1.5}, "at most 1"),
        ({"eps": float("nan")}, "eps is nan"),
        ({"eps": "0.1"}, r"eps is '0.1' \(str\); give a number"), ({"gamma": -1}, "gamma is -1.0"),
        ({"gamma": float("nan")}, "gamma is nan"),
        ({"gamma": None}, "gamma is None"), ({"projection": "l1"}, "projection is 'l1'; choose one of box, l2"),
        ({"convention": "x"}, "choose one of half_pixel"), ({"seed": -1}, "seed is -1"), ({"eps": True}, "eps is True"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ArgumentError, match=message):
        Generator(**parameters)


def test_bad_images(rng):
    g = Generator()
    for x, message in (
        (np.zeros((2, 1, 27, 28), np.float32), r"expected \(N, 1, 28, 28\)"),
        (np.full((2, 1, 28, 28), 1.1, np.float32), r"must lie in \[0, 1\]"),
        (np.zeros((0, 1, 28, 28), np.float32), "no image"),
        (np.zeros((2, 1, 28, 28), int), "dtype int64"),
    ):
        with pytest.raises(ArgumentError, match=message):
            g(x)
