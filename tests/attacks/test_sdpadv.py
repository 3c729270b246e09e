"""SdpAdv: the loss it minimises, the schedule, the training, its special cases."""
from types import SimpleNamespace

import numpy as np
import pytest
from tiny import tiny

import sdpadv_np as sd
from sdpadv_np import Tensor
from sdpadv_np.attacks import AdvGAN, SdAdv, SdpAdv, SdpAdvPlus
from sdpadv_np.attacks.amortised import AmortisedAttack
from sdpadv_np.attacks.sdpadv_training import SdpAdvTraining
from sdpadv_np.errors import ArgumentError, FileError


def fit(attack, d, epochs=3, **options):
    return attack.fit(d.x_train, d.y_train, d.x_val, d.y_val, epochs=epochs, progress=False, **options)


def training(attack, d, **options):
    return SdpAdvTraining(attack, d.x_train, d.y_train, d.x_val, d.y_val, options.get("epochs", 2), 64)


@pytest.mark.parametrize(
    "parameters", ({}, {"gan_loss": "minimax"}, {"projection": "l2"}, {"convention": "tf_reference"})
)
def test_learns_and_generalises(classifier, glyphs, parameters):
    attack = fit(SdpAdv(classifier, **parameters), glyphs)
    result = sd.evaluate(classifier, attack, glyphs.x_test, glyphs.y_test)
    assert result.accuracy < 0.5 < result.clean_accuracy, result
    assert min(row["validation accuracy"] for row in attack.generator.history) == pytest.approx(
        classifier.accuracy(attack(glyphs.x_val), glyphs.y_val), abs=2e-3
    )


def test_cross_entropy_learns_where_the_classifier_is_not_too_sure(glyphs):
    d = glyphs
    unsure = sd.models.ModelB().fit(d.x_train[:1280], d.y_train[:1280], d.x_val, d.y_val, epochs=3, progress=False)
    result = sd.evaluate(unsure, fit(SdpAdv(unsure, objective="cross_entropy"), d), d.x_test, d.y_test)
    assert result.accuracy < result.clean_accuracy - 0.3


def test_cross_entropy_rests_on_a_plateau_where_the_classifier_is_sure_and_the_margin_does_not(classifier, glyphs):
    surer = SimpleNamespace(
        logits=lambda x: 100.0 * classifier.logits(x),
        predict=classifier.predict,
        classes=10,
        image_shape=classifier.image_shape,
    )
    x, y = glyphs.x_train, classifier.predict(glyphs.x_train)
    pull = {}
    for objective in ("cross_entropy", "margin"):
        task = training(SdpAdv(surer, objective=objective), glyphs)
        task.generator.store.differentiate(task.terms(task.generator.distort(Tensor(x[:64])), y[:64])["L_adv"])
        pull[objective] = np.abs(task.generator.store.gradient).max()
    assert pull["cross_entropy"] < 1e-3 * pull["margin"], pull


def test_sdadv_and_advgan_are_its_special_cases(classifier, glyphs):
    spatial, noise = fit(SdAdv(classifier), glyphs), fit(AdvGAN(classifier, eps=0.3), glyphs)
    assert spatial.eps == 0 and not noise.spatial
    assert sd.evaluate(classifier, spatial, glyphs.x_test, glyphs.y_test).accuracy < 0.5
    result = sd.evaluate(classifier, noise, glyphs.x_test, glyphs.y_test)
    assert result.linf <= 0.3 + 1e-6 and result.accuracy < 0.9
    assert set(spatial.generator.history[0]) >= {"L_adv", "L_theta"} and "L_eta" not in spatial.generator.history[0]
    assert "L_theta" not in noise.generator.history[0]


def test_the_loss_is_equation_9_of_raw_theta_and_eta(classifier, glyphs, rng):
    attack = SdpAdv(classifier, eps=0.2, beta=3.0, lam=0.5, gan_loss="minimax", kappa=1.0)
    attack.generator.store.data += 0.2 * rng.standard_normal(attack.generator.store.data.size).astype(np.float32)
    task = training(attack, glyphs)
    x, y = glyphs.x_train[:32], glyphs.y_train[:32]
    out = attack.generator.distort(Tensor(x))
    assert (
        np.abs(out.theta_raw.data - out.theta.data).max() > 0 and np.abs(out.eta_raw.data - out.eta.data).max() > 0
    )  # the projections do something
    got = task.total(task.terms(out, y), alpha=2.0).item()
    z = classifier.logits(out.x_a.data)
    real, fake = (task.discriminator(t.data) for t in (out.x_t, out.x_a))
    log = sd.ops.log_softmax
    deviation = out.theta_raw.data - np.array([1, 0, 0, 0, 1, 0])
    eta = np.linalg.norm(out.eta_raw.data.reshape(32, -1), axis=1)
    expected = (
        np.maximum(sd.ops.margin(z, labels=y), -1.0).mean()
        + 2.0 * np.linalg.norm(deviation, axis=1).mean()
        + 3.0 * np.maximum(eta - 0.2, 0).mean()
        + 0.5 * (log(real)[:, 1].mean() + log(fake)[:, 0].mean())
    )
    np.testing.assert_allclose(got, expected, rtol=1e-5)
    assert abs(log(real)[:, 1].mean() - log(fake)[:, 1].mean()) > 1e-3  # D tells them apart
    np.testing.assert_allclose(
        task.step(np.arange(32), 0)["L_D"], -(log(real)[:, 1].mean() + log(fake)[:, 0].mean()), rtol=1e-5
    )


def test_where_the_images_tell_their_shape_a_further_fit_goes_on():
    t = tiny()
    attack = SdpAdv(
        sd.models.ExternalClassifier(t.classifier._logits, t.classifier._vjp), perturbation=(8,), localisation=(8,)
    )
    generators = [attack.fit(t.x, t.y, t.x_val, t.y_val, epochs=1, progress=False).generator for _ in range(2)]
    assert generators[0].image_shape == (1, 8, 8) and generators[0] is generators[1]


def test_the_discriminator_step_leaves_the_generator_alone_and_the_classifier_is_never_changed(classifier, glyphs):
    attack = SdpAdv(classifier)
    task = training(attack, glyphs)
    weights, d_before = classifier.store.data.copy(), task.d_store.data.copy()
    task.step(np.arange(64), 0)
    assert not np.array_equal(task.d_store.data, d_before) and task.optimiser.t == task.d_optimiser.t == 1
    np.testing.assert_array_equal(classifier.store.data, weights)


def test_alpha_schedule_is_the_papers():
    attack = SdpAdv(None)
    schedule = [attack.alpha_at(epoch, 100) for epoch in range(100)]
    expected = [5, 4, 3.2, 2.56, 2.048, 1.6384, 1.31072, 1.048576, 0.8388608, 0.8]
    np.testing.assert_allclose(schedule, np.repeat(expected, 10))
    np.testing.assert_allclose([attack.alpha_at(epoch, 20) for epoch in range(20)], np.repeat(expected, 2))


def test_same_seed_same_bits(classifier, glyphs):
    def weights(seed):
        return fit(SdpAdv(classifier, seed=seed), glyphs, epochs=1).generator.store.data.tobytes()

    assert weights(0) == weights(0) != weights(1)


def test_the_whole_step_is_float32(classifier, glyphs):
    task = training(SdpAdv(classifier), glyphs)
    seen = set()

    class Listener:
        def forward(self, tensor):
            seen.add(tensor.dtype)

        def backward(self, tensor, index, contribution):
            seen.add(contribution.dtype)

    with sd.hooks(Listener()):
        task.step(np.arange(64), 0)
    assert seen == {np.dtype(np.float32)}


def test_needs_no_labels_and_no_classifier_afterwards(classifier, glyphs, tmp_path):
    attack = fit(SdpAdv(classifier), glyphs, epochs=1)
    sd.save(attack, tmp_path / "g.h5")
    np.testing.assert_array_equal(
        sd.load(tmp_path / "g.h5")(glyphs.x_test[:9]), attack(glyphs.x_test[:9], glyphs.y_test[:9])
    )


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"eps": -1}, "eps is -1.0"),
        ({"gamma": "wide"}, "gamma is 'wide'"),
        ({"gamma": float("nan")}, "gamma is nan"),
        ({"objective": "ce"}, "choose one of margin"),
        ({"kappa": -1}, "kappa"),
        ({"alpha": float("inf") * 0}, "alpha is nan"),
        ({"alpha_decay": 0}, "alpha_decay"),
        ({"lr": 0}, "lr is 0.0; it must be above 0"),
        ({"gan_loss": "w"}, "gan_loss"),
        ({"eps": 0, "spatial": False}, "nothing would be changed"),
        ({"beta": None}, "beta is None"),
        ({"target": 10}, "target is 10; the classifier's classes are 0 to 9"),
        ({"localisation": 20}, "give a tuple of sizes"),
        ({"perturbation": (0,)}, "perturbation is 0"),
    ],
)
def test_bad_parameters(classifier, parameters, message):
    with pytest.raises(ArgumentError, match=message):
        SdpAdv(classifier, **parameters)


def test_bad_data_leaves_the_generator_as_it_was(classifier, glyphs):
    attack, d = SdpAdv(classifier), glyphs
    before = attack.generator.store.data.copy()
    with pytest.raises(ArgumentError, match="labels from"):
        attack.fit(d.x_train, d.y_train + 1, d.x_val, d.y_val, progress=False)
    with pytest.raises(ArgumentError, match="must lie in"):
        attack.fit(d.x_train - 1, d.y_train, d.x_val, d.y_val, progress=False)
    np.testing.assert_array_equal(attack.generator.store.data, before)


@pytest.mark.parametrize("objective", ("margin", "cross_entropy"))
def test_targeted_moves_images_into_its_class(classifier, glyphs, objective, tmp_path):
    attack, others = (
        fit(SdpAdv(classifier, target=3, objective=objective, alpha_floor=0.1), glyphs, epochs=4),
        glyphs.y_test != 3,
    )
    reached = (classifier.predict(attack(glyphs.x_test)) == 3)[others].mean()
    assert reached > 0.4 > 10 * (classifier.predict(glyphs.x_test) == 3)[others].mean()
    history = attack.generator.history
    assert history[history[-1]["best_epoch"] - 1]["target reached"] == max(row["target reached"] for row in history)
    sd.save(attack, tmp_path / "g.h5")
    assert sd.load(tmp_path / "g.h5").settings["target"] == 3
    np.testing.assert_array_equal(attack(glyphs.x_test[:4], targets=np.full(4, 3)), attack(glyphs.x_test[:4]))
    with pytest.raises(ArgumentError, match="target=3; make and fit one for each class"):
        attack(glyphs.x_test[:4], targets=np.full(4, 2))


def test_other_sizes_of_the_networks_are_kept_and_resumed(classifier, glyphs, tmp_path):
    def made():
        return SdpAdv(classifier, localisation=(30, 10), perturbation=(40,))

    attack = fit(made(), glyphs, epochs=1, checkpoint=tmp_path / "c.h5")
    assert attack.generator.store.tensors["h_sd/2/W"].shape == (30, 10) and attack.generator.store.tensors[
        "h_p/2/W"
    ].shape == (40, 784)
    sd.save(attack, tmp_path / "g.h5")
    loaded = sd.load(tmp_path / "g.h5")
    assert (
        loaded.localisation == (30, 10) and loaded(glyphs.x_test[:9]).tobytes() == attack(glyphs.x_test[:9]).tobytes()
    )
    again = fit(made(), glyphs, epochs=1, checkpoint=tmp_path / "c.h5")  # the file gives the sizes back as lists
    assert again.generator.store.data.tobytes() == attack.generator.store.data.tobytes()
    with pytest.raises(FileError, match=r"localisation = \[30, 10\]"):
        fit(SdpAdv(classifier, perturbation=(40,)), glyphs, epochs=1, checkpoint=tmp_path / "c.h5")


def test_what_all_trained_attacks_share_is_no_attack_itself(classifier):
    with pytest.raises(TypeError, match="use one of sd.attacks"):
        AmortisedAttack(classifier)


def test_the_stronger_preset_is_sdpadv_with_wider_networks(classifier, glyphs):
    plus = SdpAdvPlus(classifier, eps=0.2)
    assert plus == SdpAdv(classifier, eps=0.2, perturbation=(512, 512)) and plus.generator.store.tensors[
        "h_p/2/W"
    ].shape == (512, 512)
    assert SdpAdvPlus(classifier, perturbation=(9,)).perturbation == (9,)
