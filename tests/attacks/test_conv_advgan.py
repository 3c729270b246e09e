"""The convolutional AdvGAN: its networks, its loss, its training."""
import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np import losses, ops
from sdpadv_np.attacks.conv_advgan import ConvAdvGAN, ConvAdvGANTraining
from sdpadv_np.autodiff import Plan
from sdpadv_np.errors import ArgumentError
from sdpadv_np.models import AdvGANGenerator, conv_discriminator


def fit(attack, d, count=640, epochs=2, **options):
    return attack.fit(
        d.x_train[:count],
        d.y_train[:count],
        d.x_val[:200],
        d.y_val[:200],
        epochs=epochs,
        batch_size=64,
        progress=False,
        **options,
    )


def shapes(network, x):
    for layer, tensors in zip(network.layers, network.tensors):
        x = layer(x, **{k: t.data for k, t in tensors.items()})
        if type(layer).__name__.startswith("Conv"):
            yield x.shape[1:]


def test_sizes_are_those_of_the_public_implementation(rng):
    x = rng.random((2, 1, 28, 28), np.float32)
    assert list(shapes(AdvGANGenerator().network, x)) == [
        (8, 26, 26),
        (16, 12, 12),
        (32, 5, 5),
        (16, 11, 11),
        (8, 23, 23),
        (1, 28, 28),
    ]
    network, _ = conv_discriminator((1, 28, 28), 0)
    assert list(shapes(network, x)) == [(8, 13, 13), (16, 5, 5), (32, 1, 1), (1, 1, 1)]


@pytest.mark.parametrize("shape", ((1, 28, 28), (3, 32, 32), (2, 16, 20)))
def test_keeps_the_shape_and_its_limits(rng, shape):
    x = rng.random((3, *shape), np.float32)
    g = AdvGANGenerator(eps=0.2, image_shape=shape)
    g.store.data += 0.1 * rng.random(g.store.data.size, np.float32)
    y = g(x)
    assert y.shape == x.shape and y.dtype == np.float32 and y.min() >= 0 and y.max() <= 1
    assert 0.1 < np.abs(y - x).max() <= 0.2 + 1e-6


def test_one_image_gives_the_same_alone(rng):
    g = AdvGANGenerator()
    g.store.data += 0.1 * rng.random(g.store.data.size, np.float32)
    x = rng.random((6, 1, 28, 28), np.float32)
    np.testing.assert_allclose(np.concatenate([g(x[i : i + 1]) for i in range(6)]), g(x), atol=1e-6)


@pytest.mark.parametrize("target", (None, 3))
def test_learns(classifier, glyphs, target):
    attack, d = fit(ConvAdvGAN(classifier, eps=0.3 if target is None else 0.5, target=target), glyphs), glyphs
    x_adv = attack(d.x_test)
    predicted = classifier.predict(x_adv)
    assert np.abs(x_adv - d.x_test).max() <= attack.eps + 1e-6
    if target is None:
        assert (predicted == d.y_test).mean() < 0.5
    else:
        assert (predicted == target)[d.y_test != target].mean() > 0.2  # 20 steps; 0.02 before them


def test_the_loss_is_that_of_the_public_implementation(classifier, glyphs):
    attack = ConvAdvGAN(classifier, bound=0.5)
    x, y = glyphs.x_train[:32], glyphs.y_train[:32]
    task = ConvAdvGANTraining(attack, x, y, x, y, 1, 32)
    eta, x_a = attack.generator.perturb(x, training=True)
    real, fake = (ops.sigmoid(task.discriminator(images, training=True)) for images in (x, x_a))
    p = classifier.probabilities(x_a)
    others = np.where(np.arange(10) == y[:, None], -1, p).max(axis=1)
    got = task.step(np.arange(32), 0)
    np.testing.assert_allclose(got["L_D"], np.square(real - 1).mean() + np.square(fake).mean(), rtol=1e-5)
    np.testing.assert_allclose(got["L_adv"], np.maximum(p[range(32), y] - others, 0).mean(), rtol=1e-4)
    after = ops.sigmoid(task.discriminator(x_a, training=True))  # by D's step, which comes first
    np.testing.assert_allclose(got["L_GAN"], np.square(after - 1).mean(), rtol=1e-4)
    np.testing.assert_allclose(
        got["L_eta"], np.maximum(np.linalg.norm(eta.reshape(32, -1), axis=1) - 0.5, 0).mean(), rtol=1e-5
    )


def test_probability_margin_is_the_margin_of_the_softmax(rng):
    z, y = rng.standard_normal((20, 10)), rng.integers(0, 10, 20)
    got = losses.adversarial(z, y, "probability_margin")
    np.testing.assert_allclose(got, np.maximum(ops.margin(ops.softmax(z), labels=y), 0).mean())


def test_saved_and_loaded_with_its_running_statistics(classifier, glyphs, tmp_path):
    attack = fit(ConvAdvGAN(classifier), glyphs, count=128, epochs=1)
    sd.save(attack, tmp_path / "g.h5")
    again = sd.load(tmp_path / "g.h5")
    assert again(glyphs.x_test[:50]).tobytes() == attack(glyphs.x_test[:50]).tobytes()
    assert again.store.tensors["g/6/2/mean"].data.any() and again.settings["method"] == "ConvAdvGAN"


def test_a_resumed_training_ends_with_the_same_bits(classifier, glyphs, tmp_path, monkeypatch):
    whole = fit(ConvAdvGAN(classifier), glyphs, count=128)
    step = ConvAdvGANTraining.step

    def stop(self, chosen, epoch):
        if epoch:
            raise KeyboardInterrupt
        return step(self, chosen, epoch)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(ConvAdvGANTraining, "step", stop)
        fit(ConvAdvGAN(classifier), glyphs, count=128, checkpoint=tmp_path / "c.h5")
    resumed = fit(ConvAdvGAN(classifier), glyphs, count=128, checkpoint=tmp_path / "c.h5")
    assert resumed.generator.store.data.tobytes() == whole.generator.store.data.tobytes()


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"eps": 0}, "eps is 0.0; it must be above 0"),
        ({"weight": -1}, "weight"),
        ({"objective": "x"}, "objective"),
        ({"lr": 0}, "lr"),
        ({"target": 12}, "target"),
    ],
)
def test_bad_parameters(classifier, parameters, message):
    with pytest.raises(ArgumentError, match=message):
        ConvAdvGAN(classifier, **parameters)


def test_images_whose_size_does_not_come_back():
    with pytest.raises(ArgumentError, match="30x28; this generator needs multiples of 4"):
        AdvGANGenerator(image_shape=(1, 30, 28))


def test_three_channels_train_in_large_batches(rng):
    """NumPy decides the memory layout of a large product that it computes in place, and thereby the order of sums."""
    W = rng.standard_normal((3 * 32 * 32, 10)).astype(np.float32)
    f = sd.models.ExternalClassifier(
        lambda x: x.reshape(len(x), -1) @ W, lambda x, g: (g @ W.T).reshape(x.shape), image_shape=(3, 32, 32)
    )
    x, y = rng.random((64, 3, 32, 32), np.float32), rng.integers(0, 10, 64)
    attack = ConvAdvGAN(f)
    task = ConvAdvGANTraining(attack, x, y, x[:4], y[:4], 1, 32)
    task.plan = Plan(task.learn, [attack.generator.store, task.d_store])
    for chosen in (np.arange(32), np.arange(32, 64)):  # the second call compares what is replayed, bit by bit
        assert np.isfinite(task.step(chosen, 0)["L_adv"])
