"""DeepFool, Carlini-Wagner, SPSA: what they promise, and what they become where the answer is known."""
import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np.attacks import SPSA, CarliniWagner, DeepFool, carlini_wagner, spsa
from sdpadv_np.attacks.queries import Goal, logits_and_gradient
from sdpadv_np.errors import ArgumentError, AttackError

QUICK = {
    DeepFool: {},
    CarliniWagner: {"steps": 60, "lr": 0.05, "initial_c": 1.0, "search_steps": 3},
    SPSA: {"steps": 30},
}
every_attack = pytest.mark.parametrize("attack", QUICK)


def norms(x_adv, x):
    return np.linalg.norm((x_adv - x).reshape(len(x), -1).astype(np.float64), axis=1)


def linear(rng, classes=2, dtype=np.float32):
    W = rng.standard_normal((784, classes)).astype(dtype)
    return W, sd.models.ExternalClassifier(
        lambda x: x.reshape(len(x), -1) @ W, lambda x, g: (g @ W.T).reshape(x.shape), classes=classes
    )


class Counting:
    """A classifier that counts the images it was asked about, and the most at a time."""

    def __init__(self, classifier):
        self.classifier, self.images, self.largest, self.classes = classifier, 0, 0, classifier.classes

    def logits(self, x):
        self.images += len(x)
        self.largest = max(self.largest, len(x))
        return self.classifier.logits(x)


@every_attack
@pytest.mark.parametrize("dtype", (np.float32, np.float64))
def test_promises(attack, dtype, classifier, glyphs):
    if dtype == np.float64:
        f = sd.models.ModelB(dtype=dtype)
        f.store.data[:] = classifier.store.data
    else:
        f = classifier
    x, y = glyphs.x_test[:60], glyphs.y_test[:60]
    before, weights = x.copy(), f.store.data.copy()
    x_adv = attack(f, **QUICK[attack])(x)
    assert x_adv.shape == x.shape and x_adv.dtype == dtype and x_adv.min() >= 0 and x_adv.max() <= 1
    assert f.accuracy(x, y) > 0.9 and f.accuracy(x_adv, y) < 0.1
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(f.store.data, weights)


@every_attack
def test_the_same_bits_twice_and_much_the_same_in_any_batch_size(attack, classifier, glyphs):
    x = glyphs.x_test[:30]
    first = attack(classifier, **QUICK[attack])(x)
    assert first.tobytes() == attack(classifier, **QUICK[attack])(x).tobytes()
    if attack is not SPSA:  # whose directions are drawn batch by batch
        np.testing.assert_allclose(attack(classifier, **QUICK[attack], batch_size=7)(x), first, atol=1e-3)


@every_attack
def test_true_labels_leave_alone_what_is_already_wrong(attack, classifier, glyphs):
    x = glyphs.x_test[:8]
    wrong = (classifier.predict(x) + 1) % 10
    np.testing.assert_allclose(attack(classifier, labels="true", **QUICK[attack])(x, wrong), x, atol=1e-6)
    assert norms(attack(classifier, labels="true", **QUICK[attack])(x, classifier.predict(x)), x).min() > 0.1


@every_attack
def test_a_flat_classifier_is_no_trap(attack, glyphs):
    f = sd.models.ExternalClassifier(
        lambda x: np.tile(np.arange(10.0, dtype=np.float32), (len(x), 1)), lambda x, g: np.zeros_like(x)
    )
    x_adv = attack(f, **QUICK[attack])(glyphs.x_test[:4])
    assert np.isfinite(x_adv).all()
    if attack is not SPSA:  # which wanders at random
        np.testing.assert_array_equal(x_adv, glyphs.x_test[:4])


@every_attack
def test_parameters_are_printed_and_checked(attack, classifier):
    assert set(QUICK[attack]) | {"labels", "seed", "batch_size", "steps"} <= set(attack(classifier).parameters())
    bad = {
        DeepFool: ({"candidates": 1}, {"overshoot": -0.1}, {"steps": 0}),
        CarliniWagner: ({"kappa": -1.0}, {"lr": 0.0}, {"initial_c": 0.0}, {"search_steps": 0}, {"steps": 1.5}),
        SPSA: ({"eps": 1.5}, {"samples": 7}, {"samples": 0}, {"delta": 0.0}, {"lr": -1.0}, {"steps": 0}),
    }
    for parameters in bad[attack]:
        with pytest.raises(ArgumentError, match=next(iter(parameters))):
            attack(classifier, **parameters)


@pytest.mark.parametrize("attack", (CarliniWagner, SPSA))
def test_targets_are_reached(attack, classifier, glyphs):
    x = glyphs.x_test[:40]
    targets = (classifier.predict(x) + 1) % 10
    x_adv = attack(classifier, **{**QUICK[attack], "search_steps": 5} if attack is CarliniWagner else {"steps": 150})(
        x, targets=targets
    )
    assert (classifier.predict(x_adv) == targets).mean() > 0.95
    already = attack(classifier, **QUICK[attack])(x, targets=classifier.predict(x))
    np.testing.assert_allclose(already, x, atol=1e-6)


@pytest.mark.parametrize("attack", (sd.attacks.FGSM, sd.attacks.BIM, sd.attacks.MIM, CarliniWagner))
def test_targets_and_labels_stay_with_their_images(attack, classifier, glyphs):
    x, before = glyphs.x_test[:15], glyphs.x_test[:15].copy()
    targets = np.arange(15) % 10
    parameters = QUICK.get(attack, {})
    whole, parts = (attack(classifier, batch_size=n, **parameters)(x, targets=targets) for n in (15, 4))
    np.testing.assert_allclose(parts, whole, atol=1e-3)
    np.testing.assert_array_equal(x, before)
    whole, parts = (
        attack(classifier, labels="true", batch_size=n, **parameters)(x, glyphs.y_test[:15]) for n in (15, 4)
    )
    np.testing.assert_allclose(parts, whole, atol=1e-3)
    np.testing.assert_array_equal(
        attack(classifier, labels="true", **parameters)(x, targets=targets),
        attack(classifier, **parameters)(x, targets=targets),
    )


def test_deepfool_has_no_targets(classifier, glyphs):
    with pytest.raises(ArgumentError, match="DeepFool has no targeted form"):
        DeepFool(classifier)(glyphs.x_test[:2], targets=np.array([1, 2]))


def test_deepfool_steps_once_onto_the_nearest_boundary_of_a_linear_classifier(rng):
    W, f = linear(rng, classes=5)
    x = (0.5 + 0.05 * rng.standard_normal((6, 1, 28, 28))).astype(np.float32)
    x_adv = DeepFool(f)(x)
    for n in range(6):
        z = (x[n].ravel() @ W).astype(np.float64)
        k = z.argmax()
        steps = [
            (abs(z[j] - z[k]) + 1e-5) / np.linalg.norm(W[:, j] - W[:, k]) ** 2 * (W[:, j] - W[:, k])
            for j in range(5)
            if j != k
        ]
        nearest = min(steps, key=np.linalg.norm)
        np.testing.assert_allclose((x_adv[n] - x[n]).ravel(), 1.02 * nearest, atol=1e-6)
    only_the_second = DeepFool(f, candidates=2)(x)
    assert (norms(only_the_second, x) >= norms(x_adv, x) - 1e-6).all()


def test_deepfool_flips_everything_with_less_than_fgsm_and_stops_where_told(classifier, glyphs):
    x = glyphs.x_test[:100]
    x_adv = DeepFool(classifier)(x)
    assert (classifier.predict(x_adv) != classifier.predict(x)).all()
    fgsm = sd.attacks.FGSM(classifier, eps=0.3)(x)
    assert np.median(norms(x_adv, x)) < 0.5 * np.median(norms(fgsm, x))
    one = DeepFool(classifier, steps=1)(x)
    assert (classifier.predict(one) != classifier.predict(x)).mean() < 1 and norms(one, x).min() > 0


def test_deepfool_does_not_go_on_with_images_that_have_flipped(classifier, glyphs):
    f = Counting(classifier)
    DeepFool(f)(glyphs.x_test[:50])
    everything = Counting(classifier)
    longest = max(_forward_passes(everything, DeepFool(everything), glyphs.x_test[n : n + 1]) for n in range(50))
    assert f.images < 0.8 * 50 * longest


def _forward_passes(f, attack, x):
    before = f.images
    attack(x)
    return f.images - before


def test_carlini_wagner_comes_near_the_distance_of_a_linear_boundary_and_never_below(rng):
    W, f = linear(rng)
    x = (0.5 + 0.05 * rng.standard_normal((8, 1, 28, 28))).astype(np.float32)
    z = x.reshape(8, -1) @ W
    distance = np.abs(z[:, 0] - z[:, 1]) / np.linalg.norm(W[:, 0] - W[:, 1])
    found = norms(CarliniWagner(f, lr=0.01, steps=300, search_steps=9)(x), x)
    assert (found >= distance - 1e-5).all() and (found <= 1.05 * distance + 0.01).all(), found / distance


def test_carlini_wagner_goes_less_far_than_deepfool_given_time(classifier, glyphs):
    x = glyphs.x_test[:30]
    x_adv = CarliniWagner(classifier, search_steps=9, steps=200, lr=0.02)(x)
    assert (classifier.predict(x_adv) != classifier.predict(x)).all()
    assert np.median(norms(x_adv, x)) < np.median(norms(DeepFool(classifier)(x), x))


def test_kappa_is_the_margin_of_every_success(classifier, glyphs):
    x = glyphs.x_test[:20]
    goal = Goal(classifier.predict(x))
    near, sure = (CarliniWagner(classifier, kappa=kappa, **QUICK[CarliniWagner])(x) for kappa in (0.0, 2.0))
    assert goal.margin(classifier.logits(sure)).max() < -1.999
    assert np.median(norms(sure, x)) > np.median(norms(near, x))


def test_a_failure_gives_back_the_clean_image(classifier, glyphs):
    x = glyphs.x_test[:10]
    np.testing.assert_array_equal(CarliniWagner(classifier, initial_c=1e-6, search_steps=1, steps=20)(x), x)
    assert norms(CarliniWagner(classifier, initial_c=1e-6, search_steps=9, steps=60, lr=0.05)(x), x).min() > 0


def test_every_image_has_its_own_c(monkeypatch, classifier, glyphs):
    won = np.array([[0, 1, 0], [0, 1, 1], [0, 1, 0], [0, 0, 1]], bool)  # rounds x images
    seen = []

    def descend(self, x, goal, c, best):
        seen.append(c.copy())
        return won[(len(seen) - 1) % 4]

    monkeypatch.setattr(carlini_wagner.CarliniWagner, "_descend", descend)
    CarliniWagner(classifier, search_steps=5)(glyphs.x_test[:3])
    np.testing.assert_allclose(np.array(seen).T, [
        [0.01, 0.1, 1, 10, 100],
        [0.01, 0.005, 0.0025, 0.00125, 0.001875],
        [0.01, 0.1, 0.055, 0.0775, 0.06625],
    ])
    seen.clear()
    CarliniWagner(classifier, search_steps=10)(glyphs.x_test[:3])
    np.testing.assert_allclose(
        seen[-1],
        [
            carlini_wagner._UNBOUNDED,
            np.min(np.array(seen)[:-1, 1][np.resize(won[:, 1], 9)]),
            np.min(np.array(seen)[:-1, 2][np.resize(won[:, 2], 9)]),
        ],
    )


def test_early_abort_saves_time_and_costs_little(classifier, glyphs):
    x, figures = glyphs.x_test[:20], {}
    for abort in (False, True):
        f = Counting(classifier)
        x_adv = CarliniWagner(f, lr=0.05, steps=200, abort_early=abort)(x)
        assert (classifier.predict(x_adv) != classifier.predict(x)).all()
        figures[abort] = f.images, np.median(norms(x_adv, x))
    assert figures[True][0] < 0.9 * figures[False][0] and figures[True][1] < 1.05 * figures[False][1], figures


def test_what_becomes_of_an_image_does_not_depend_on_its_batch(classifier, glyphs):
    x, attack = glyphs.x_test[:12], CarliniWagner(classifier, **QUICK[CarliniWagner])
    together = attack(x)
    for n in (0, 5, 11):
        np.testing.assert_allclose(attack(x[n : n + 1])[0], together[n], atol=1e-3)


@pytest.mark.parametrize("eps", (0.05, 0.3))
def test_spsa_keeps_its_budget_and_needs_predictions_only(eps, classifier, glyphs):
    x = glyphs.x_test[:40]
    blackbox = sd.models.ExternalClassifier(classifier.logits)
    for stop in (True, False):
        x_adv = SPSA(blackbox, eps=eps, steps=20, stop_on_success=stop)(x)
        assert np.abs(x_adv - x).max() <= eps + 1e-6 and x_adv.min() >= 0 and x_adv.max() <= 1
    np.testing.assert_array_equal(SPSA(blackbox, eps=0.0, steps=2)(x), x)


def test_the_estimate_points_along_the_gradient(classifier, glyphs, rng):
    x = np.clip(glyphs.x_test[:3], 0.1, 0.9)
    goal = Goal(classifier.predict(x))
    gradient = logits_and_gradient(classifier, x, goal, Goal.margin)[1]
    got = SPSA(classifier, samples=20000, delta=0.001)._estimate(x, goal, rng) / 0.001
    for n in range(3):
        assert np.corrcoef(got[n].ravel(), gradient[n].ravel())[0, 1] > 0.9
        np.testing.assert_allclose((got[n] * gradient[n]).sum(), np.square(gradient[n]).sum(), rtol=0.1)


def test_spsa_asks_in_bounded_portions_and_for_valid_images_only(monkeypatch, classifier, glyphs):
    monkeypatch.setattr(spsa, "_NUMBERS", 2 * 3 * 5 * 784)
    f = Counting(classifier)  # whose classifier refuses images out of [0, 1]
    x = glyphs.x_test[:5]
    x_adv = SPSA(f, steps=20)(x)
    assert f.largest == 2 * 3 * 5 and (classifier.predict(x_adv) != classifier.predict(x)).sum() >= 3


def test_spsa_leaves_alone_what_has_succeeded(classifier, glyphs):
    x, asked = glyphs.x_test[:20], {}
    for stop in (True, False):
        f = Counting(classifier)
        x_adv = SPSA(f, steps=30, stop_on_success=stop)(x)
        asked[stop] = f.images
        assert (classifier.predict(x_adv) != classifier.predict(x)).mean() > 0.8
    assert asked[True] < 0.7 * asked[False] and asked[False] == 20 * (1 + 30 * 128)


def test_spsa_without_a_random_start_starts_at_the_image(classifier, glyphs):
    x = glyphs.x_test[:10]
    assert np.abs(SPSA(classifier, steps=1, random_start=False, stop_on_success=False)(x) - x).max() <= 0.01 + 1e-6
    assert np.abs(SPSA(classifier, steps=1, stop_on_success=False)(x) - x).max() > 0.1


def test_the_directions_are_fair_signs(rng):
    signs = spsa._signs(rng, (3, 1, 1, 7, 5), np.float32)
    assert signs.shape == (3, 1, 1, 7, 5) and signs.dtype == np.float32 and set(np.unique(signs)) == {-1, 1}
    assert abs(spsa._signs(rng, (100, 100, 1, 2, 2), np.float64).mean()) < 0.02


@every_attack
def test_a_classifier_that_fails_is_named_with_its_images(attack, classifier, glyphs):
    class Fails:
        calls = 0

        def logits(self, x):
            self.calls += 1
            if self.calls > 3:
                raise RuntimeError("out of memory")
            return classifier.logits(x)

    with pytest.raises(AttackError, match=rf"{attack.__name__}: images 0 to 6 of 7: RuntimeError: out of memory"):
        attack(Fails(), **QUICK[attack])(glyphs.x_test[:7])
