"""Defences: the loss by hand, the same bits after a resumption, and classifiers that withstand more than plain ones."""
from dataclasses import dataclass

import numpy as np
import pytest
from scripted_task import Stopped

import sdpadv_np as sd
from sdpadv_np import training
from sdpadv_np.autodiff import Tensor
from sdpadv_np.defences import AdvTrain, AffineAugmentation, Defence, registry
from sdpadv_np.errors import ArgumentError, FileError

DEFENCES = {"predicted": AdvTrain(eps=0.1), "true": AdvTrain(labels="true"), "affine": AffineAugmentation()}


def parts(glyphs, count=400):
    return glyphs.x_train[:count], glyphs.y_train[:count], glyphs.x_val[:200], glyphs.y_val[:200]


def cross_entropy(logits, y):
    """The mean, in float64."""
    z = logits.astype(np.float64)
    z -= z.max(axis=1, keepdims=True)
    return float(np.mean(np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(y)), y]))


@pytest.mark.parametrize("labels", ("predicted", "true"))
def test_the_disturbed_images_of_adv_train_are_those_of_fgsm(classifier, glyphs, labels):
    x, y = glyphs.x_test[:50], glyphs.y_test[:50]
    by_attack = sd.attacks.FGSM(classifier, eps=0.2, labels=labels)(x, y)
    np.testing.assert_array_equal(AdvTrain(eps=0.2, labels=labels).disturb(classifier, x, y), by_attack)


@pytest.mark.parametrize("weight", (0.5, 0.3, 1.0))
def test_loss_and_gradient_of_a_step_by_hand(glyphs, weight):
    f = sd.models.ModelB()
    task = AdvTrain(eps=0.2, weight=weight)._training(f, *parts(glyphs), 1, 40, 1e-3, 0)
    x, y = glyphs.x_train[:40], glyphs.y_train[:40]
    x_adv = sd.attacks.FGSM(f, eps=0.2)(x)
    clean, robust = cross_entropy(f.logits(x), y), cross_entropy(f.logits(x_adv), y)
    gradients = []
    for images in (x, x_adv):  # x_adv is constant: no gradient flows through the attack
        f.store.differentiate(task.loss(f.logits(Tensor(images)), y))
        gradients.append(f.store.gradient.copy())
    task.optimiser.step = lambda: None
    losses = task.learn(x, y)
    assert float(losses["loss clean"].data) == pytest.approx(clean, rel=1e-5)
    assert float(losses["loss disturbed"].data) == pytest.approx(robust, rel=1e-5)
    assert float(losses["loss"].data) == pytest.approx((1 - weight) * clean + weight * robust, rel=1e-5)
    expected = (1 - weight) * gradients[0] + weight * gradients[1]
    np.testing.assert_allclose(f.store.gradient, expected, rtol=1e-3, atol=1e-7)


def test_affine_augmentation_draws_anew_within_gamma(glyphs):
    defence, x, rng = AffineAugmentation(gamma=0.2), glyphs.x_test[:9], np.random.default_rng(0)
    (theta,), (again,) = defence.draw(rng, x), defence.draw(rng, x)
    deviation = theta - [1, 0, 0, 0, 1, 0]
    assert theta.shape == (9, 6) and np.abs(deviation).max() <= 0.2
    assert len(np.unique(deviation)) == 54 and not np.isin(theta, again).any()
    identity = np.tile(np.float32([1, 0, 0, 0, 1, 0]), (9, 1))
    np.testing.assert_allclose(defence.disturb(None, x, None, identity), x, atol=1e-6)


@pytest.mark.parametrize("name", DEFENCES)
def test_resumed_it_ends_with_the_same_bits(glyphs, tmp_path, name):
    def task():
        return DEFENCES[name]._training(sd.models.ModelB(), *parts(glyphs), 3, 64, 1e-3, 0)

    whole, broken, resumed = task(), task(), task()
    training.train(whole, progress=False)
    step = broken.step

    def stops(chosen, epoch):
        if epoch == 2:
            raise Stopped
        return step(chosen, epoch)

    broken.step = stops
    with pytest.raises(Stopped):
        training.train(broken, tmp_path / "checkpoint", progress=False)
    history = training.train(resumed, tmp_path / "checkpoint", progress=False)
    assert len(history) == 3
    for state, other in zip(whole.state().values(), resumed.state().values(), strict=True):
        assert state.tobytes() == other.tobytes()


@pytest.fixture(scope="module")
def defended(glyphs):
    """Model B trained with each defence, and plainly."""
    d = glyphs
    data = d.x_train, d.y_train, d.x_val, d.y_val
    options = {"epochs": 8, "progress": False}
    trained = {d.title: d.fit(sd.models.ModelB(), *data, **options) for d in (AdvTrain(eps=0.2), AffineAugmentation())}
    return trained | {"plain": sd.models.ModelB().fit(*data, **options)}


def test_adv_train_withstands_fgsm_better_than_a_plain_classifier(defended, glyphs):
    x, y = glyphs.x_test[:500], glyphs.y_test[:500]
    left = {name: sd.evaluate(f, sd.attacks.FGSM(f, eps=0.2), x, y) for name, f in defended.items()}
    assert left["AdvTrain"].accuracy > left["plain"].accuracy + 0.2 and left["AdvTrain"].clean_accuracy > 0.9


def test_affine_augmentation_withstands_distortions_better_than_a_plain_classifier(defended, glyphs):
    x, y = glyphs.x_test[:500], glyphs.y_test[:500]
    deviation = np.random.default_rng(5).uniform(-0.3, 0.3, (500, 6)).astype(np.float32)
    moved = sd.ops.affine_sample(x, np.float32([1, 0, 0, 0, 1, 0]) + deviation)
    assert defended["AffineAugmentation"].accuracy(moved, y) > defended["plain"].accuracy(moved, y) + 0.1


def test_the_result_is_a_classifier_like_any_other(defended, glyphs, tmp_path):
    f = defended["AdvTrain"]
    sd.save(f, tmp_path / "f.h5")
    loaded = sd.load(tmp_path / "f.h5")
    assert type(loaded) is sd.models.ModelB and loaded.settings == f.settings and loaded.history == f.history
    assert loaded.settings["defence"] == {"name": "AdvTrain", "weight": 0.5, "eps": 0.2, "labels": "predicted"}
    assert set(f.history[0]) >= {"loss", "loss clean", "loss disturbed", "validation accuracy"}
    np.testing.assert_array_equal(loaded.predict(glyphs.x_test[:20]), f.predict(glyphs.x_test[:20]))


def test_settings_are_known_beforehand_and_a_checkpoint_of_another_defence_is_refused(glyphs, tmp_path):
    f, data, checkpoint = sd.models.ModelB(), parts(glyphs, 64), tmp_path / "c"
    AdvTrain(eps=0.1).fit(f, *data, epochs=1, checkpoint=checkpoint, progress=False)
    assert f.settings == AdvTrain(eps=0.1).trained_by(f, *data, epochs=1)
    for other in (AdvTrain(eps=0.2), AffineAugmentation()):
        with pytest.raises(FileError, match="was made with defence = "):
            other.fit(sd.models.ModelB(), *data, epochs=1, checkpoint=checkpoint, progress=False)


def test_a_defence_of_ones_own_takes_one_method(glyphs):
    @dataclass(frozen=True)
    class Darker(Defence):
        def disturb(self, classifier, x, y):
            return x * 0.5

    f = Darker(weight=0.25).fit(sd.models.ModelB(), *parts(glyphs, 128), epochs=1, progress=False)
    assert f.settings["defence"] == {"name": "Darker", "weight": 0.25}


@pytest.mark.parametrize("make, message", (
    (lambda: AdvTrain(eps=1.5), "eps is 1.5; it must be at least 0 and at most 1"),
    (lambda: AdvTrain(weight=0), "weight is 0.0; it must be above 0"),
    (lambda: AdvTrain(labels="mine"), "choose one of predicted, true"),
    (lambda: AffineAugmentation(gamma=-1), "gamma is -1"),
    (
        lambda: AdvTrain().fit(sd.models.ExternalClassifier(lambda x: x), 0, 0, 0, 0),
        "a defence trains a classifier of this package"
    ),
))
def test_bad_arguments(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


def test_a_bare_defence_says_what_to_use(glyphs):
    with pytest.raises(TypeError, match="Defence is no defence; use one of sd.defences"):
        Defence().fit(sd.models.ModelB(), *parts(glyphs, 128), epochs=1, progress=False)


@pytest.mark.parametrize("defence", (AdvTrain(eps=0.1), AffineAugmentation()), ids=lambda d: d.title)
def test_a_defended_classifier_is_trained_on_a_gpu(gpu, glyphs, defence):
    data = parts(glyphs, 64)
    here, there = (
        defence.fit(sd.models.ModelB(device=d), *data, epochs=1, batch_size=32, progress=False) for d in ("cpu", "cuda")
    )
    assert isinstance(there.store.data, gpu.cupy.ndarray)
    np.testing.assert_allclose(there.store.data.get(), here.store.data, rtol=gpu.rtol, atol=gpu.atol)


def test_defences_are_found_by_name():
    assert set(registry.names()) >= {"advtrain", "affineaugmentation"}
    assert registry.find("Adv-Train") is registry.find("advtrain") is AdvTrain
    with pytest.raises(ArgumentError, match="there is no defence 'prayer'; choose one of .*advtrain"):
        registry.find("prayer")


def test_a_network_of_ones_own_is_defended_too(rng):
    x, y = rng.random((64, 3, 8, 8), np.float32), np.arange(64) % 3
    layers = [sd.nn.Conv2d(3, 4, (3, 3), activation="relu"), sd.nn.Flatten(), sd.nn.Dropout(0.2), sd.nn.Dense(144, 3)]
    f = sd.models.Classifier(layers, image_shape=(3, 8, 8), classes=3, name="mine")
    AdvTrain(eps=0.05).fit(f, x, y, x[:20], y[:20], epochs=2, batch_size=16, progress=False)
    assert f.settings["defence"]["eps"] == 0.05 and len(f.history) == 2


def test_a_defended_classifier_is_not_reused_for_a_plain_one_or_for_another_defence(glyphs, tmp_path):
    from sdpadv_np.experiments import reuse

    f, data, defence = sd.models.ModelB(), parts(glyphs, 64), AdvTrain(eps=0.1)
    sd.save(defence.fit(f, *data, epochs=1, progress=False), tmp_path / "f.h5")
    assert reuse.verified(tmp_path / "f.h5", f, defence.trained_by(f, *data, epochs=1)).settings == f.settings
    for other in (f, AdvTrain(eps=0.2)):
        training = f.trained_by(*data, epochs=1) if other is f else other.trained_by(f, *data, epochs=1)
        with pytest.raises(FileError, match="was trained with defence = .*'eps': 0.1"):
            reuse.verified(tmp_path / "f.h5", f, training)


@pytest.mark.parametrize("name", registry.names())
def test_the_contract_of_every_defence(name, glyphs):
    """Defaults work; disturbed images are images, drawn alike from the same seed; a recorded step trains on them."""
    defence, f, (x, y, *_) = registry.find(name)(), sd.models.ModelB(), parts(glyphs, 64)

    def disturbed(seed):
        drawn = (array.astype(np.float32) for array in defence.draw(np.random.default_rng(seed), x))
        return defence.disturb(f, x, y, *drawn)

    made = disturbed(0)
    assert made.shape == x.shape and made.dtype == x.dtype and made.min() >= 0 and made.max() <= 1
    assert made.tobytes() == disturbed(0).tobytes() and not np.array_equal(made, x)
    one, other = (defence.fit(sd.models.ModelB(), *parts(glyphs, 128), epochs=2, progress=False) for _ in range(2))
    assert one.store.data.tobytes() == other.store.data.tobytes() and len(one.history) == 2
    assert one.settings["defence"] == {"name": defence.title, **defence.parameters()}
