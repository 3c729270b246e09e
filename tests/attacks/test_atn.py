"""ATN: reranking, the loss, both forms, targeted and not."""
import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np import ops
from sdpadv_np.attacks.atn import ATN, ATNTraining, rerank
from sdpadv_np.errors import ArgumentError, FileError
from sdpadv_np.models import ATNGenerator


def fit(attack, d, epochs=3, **options):
    return attack.fit(d.x_train, d.y_train, d.x_val, d.y_val, epochs=epochs, progress=False, **options)


def test_reranking_puts_the_class_first_and_keeps_the_order_of_the_others(rng):
    p = ops.softmax(3 * rng.standard_normal((50, 10)))
    t = rng.integers(0, 10, 50)
    r = rerank(p, t, 1.5)
    assert (r.argmax(axis=1) == t).all()
    np.testing.assert_allclose(r.sum(axis=1), 1)
    others = np.arange(10)[None] != t[:, None]
    np.testing.assert_allclose(
        (r / p)[others].reshape(50, 9), 1 / (1 - p[range(50), t] + 1.5 * p.max(axis=1))[:, None] * np.ones((1, 9)),
    )
    np.testing.assert_allclose(
        r[range(50), t] / np.where(others, r, 0).max(axis=1), 1.5 * p.max(axis=1) / np.where(others, p, 0).max(axis=1),
    )


def test_p_atn_begins_by_changing_nothing_and_both_stay_within_the_box(rng):
    x = rng.random((5, 1, 28, 28), np.float32)
    np.testing.assert_array_equal(ATNGenerator()(x), x)
    for form in ("p-atn", "aae"):
        g = ATNGenerator(form, hidden=(30,))
        g.store.data += 0.3 * rng.standard_normal(g.store.data.size).astype(np.float32)
        y = g(x)
        assert y.min() >= 0 and y.max() <= 1 and y.dtype == np.float32 and np.abs(y - x).max() > 0.1


@pytest.mark.parametrize("form", ("p-atn", "aae"))
def test_targeted_reaches_its_class(classifier, glyphs, form):
    attack = fit(ATN(classifier, target=3, form=form, hidden=(128,)), glyphs, epochs=4)
    others = glyphs.y_test != 3
    reached = (classifier.predict(attack(glyphs.x_test)) == 3)[others].mean()
    assert reached > 0.7
    best = max(row["target reached"] for row in attack.generator.history)
    assert best == pytest.approx((classifier.predict(attack(glyphs.x_val)) == 3)[glyphs.y_val != 3].mean())


def test_untargeted_aims_at_the_second_most_likely_class(classifier, glyphs):
    task = ATNTraining(
        ATN(classifier, hidden=(8,)), glyphs.x_train[:64], glyphs.y_train[:64], glyphs.x_val, glyphs.y_val, 1, 32,
    )
    z = classifier.logits(glyphs.x_train[:64])
    np.testing.assert_array_equal(task.targets.argmax(axis=1), z.argsort(axis=1)[:, -2])
    np.testing.assert_array_equal(task.targets.argsort(axis=1)[:, -2], z.argmax(axis=1))
    attack = fit(ATN(classifier, hidden=(128,), alpha=5.0), glyphs, epochs=4)
    result = sd.evaluate(classifier, attack, glyphs.x_test, glyphs.y_test)
    assert result.accuracy < 0.6 < result.clean_accuracy


def test_the_loss_is_the_papers(classifier, glyphs, rng):
    attack = ATN(classifier, target=2, hidden=(8,), beta=0.1, alpha=2.0)
    attack.generator.store.data += 0.1 * rng.standard_normal(attack.generator.store.data.size).astype(np.float32)
    x, y = glyphs.x_train[:32], glyphs.y_train[:32]
    x_adv = attack.generator(x)
    p, p_adv = classifier.probabilities(x), classifier.probabilities(x_adv)
    r = p.copy()
    r[:, 2] = 2 * p.max(axis=1)
    r /= r.sum(axis=1, keepdims=True)
    task = ATNTraining(attack, x, y, x, y, 1, 32)
    got = task.step(np.arange(32), 0)
    np.testing.assert_allclose(got["L_x"], np.square(x_adv - x).sum(axis=(1, 2, 3)).mean(), rtol=1e-5)
    np.testing.assert_allclose(got["L_y"], np.square(p_adv - r).sum(axis=1).mean(), rtol=1e-4)
    assert task.generator.store.data.dtype == np.float32 and task.targets.dtype == np.float32


def test_only_the_distance_is_left_of_a_heavy_beta(classifier, glyphs):
    attack = fit(ATN(classifier, target=3, hidden=(32,), beta=100.0), glyphs, epochs=1)
    assert sd.evaluate(classifier, attack, glyphs.x_test, glyphs.y_test).l2sq < 0.1


def test_saved_loaded_and_resumed(classifier, glyphs, tmp_path):
    def made():
        return ATN(classifier, target=1, hidden=(16,))

    whole = fit(made(), glyphs, epochs=2)
    sd.save(whole, tmp_path / "g.h5")
    again = sd.load(tmp_path / "g.h5")
    assert again(glyphs.x_test).tobytes() == whole(glyphs.x_test).tobytes()
    assert again.settings[
        "target"
    ] == 1 and again.settings["method"] == "ATN" and again.parameters() == whole.generator.parameters()

    class Stop(Exception):
        pass

    def stop(self, chosen, epoch):
        if epoch == 1:
            raise Stop
        return step(self, chosen, epoch)

    step = ATNTraining.step
    ATNTraining.step = stop
    try:
        with pytest.raises(Stop):
            fit(made(), glyphs, epochs=2, checkpoint=tmp_path / "c.h5")
    finally:
        ATNTraining.step = step
    resumed = fit(made(), glyphs, epochs=2, checkpoint=tmp_path / "c.h5")
    assert resumed.generator.store.data.tobytes() == whole.generator.store.data.tobytes()
    with pytest.raises(FileError, match="target"):
        fit(ATN(classifier, target=2, hidden=(16,)), glyphs, epochs=2, checkpoint=tmp_path / "c.h5")


def test_targets_must_be_its_own(classifier, glyphs):
    attack, x = fit(ATN(classifier, target=3, hidden=(8,)), glyphs, epochs=1), glyphs.x_test[:4]
    np.testing.assert_array_equal(attack(x, targets=np.full(4, 3)), attack(x))
    for wrong in (attack, ATN(classifier, hidden=(8,))):
        with pytest.raises(ArgumentError, match="make and fit one for each class"):
            wrong(x, targets=np.array([3, 3, 4, 3]))


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"form": "b"}, "choose one of p-atn, aae"), ({"alpha": 1.0}, "alpha is 1.0; it must be above 1"),
        ({"beta": -1}, "beta"), ({"lr": 0}, "lr is 0.0"),
        ({"hidden": (0,)}, "hidden is 0"), ({"target": 10}, "target is 10; the classifier's classes are 0 to 9"),
        ({"target": -1}, "target is -1"), ({"seed": -1}, "seed"),
    ],
)
def test_bad_parameters(classifier, parameters, message):
    with pytest.raises(ArgumentError, match=message):
        ATN(classifier, **parameters)
