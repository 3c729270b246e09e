"""FGSM, R+FGSM, PGD, BIM, MIM: what they promise, and what they become in special cases."""
import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np.attacks import BIM, FGSM, MIM, PGD, RFGSM
from sdpadv_np.attacks.fgsm import steepest
from sdpadv_np.attacks.queries import Goal, jacobian, logits_and_gradient
from sdpadv_np.errors import ArgumentError, AttackError

ATTACKS = (FGSM, RFGSM, PGD, BIM, MIM)


def small_start(attack, eps):
    """R+FGSM's default random step would leave nothing of a small eps for the gradient's."""
    return {"start": eps / 20} if attack is RFGSM else {}


every_attack = pytest.mark.parametrize("attack", ATTACKS)


@every_attack
@pytest.mark.parametrize("eps", (0.05, 0.3))
def test_promises(attack, eps, classifier, glyphs):
    x, y = glyphs.x_test[:300], glyphs.y_test[:300]
    before, weights = x.copy(), classifier.store.data.copy()
    x_adv = attack(classifier, eps=eps, **small_start(attack, eps))(x)
    assert x_adv.shape == x.shape and x_adv.dtype == np.float32 and x_adv is not x
    assert np.abs(x_adv - x).max() <= eps + 1e-6 and x_adv.min() >= 0 and x_adv.max() <= 1
    assert classifier.accuracy(x_adv, y) < classifier.accuracy(x, y) - (0.5 if eps == 0.3 else 0.02)
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(classifier.store.data, weights)


@every_attack
def test_eps_zero_gives_back_the_image(attack, classifier, glyphs):
    np.testing.assert_array_equal(
        attack(classifier, eps=0.0, **small_start(attack, 0.0))(glyphs.x_test[:5]), glyphs.x_test[:5]
    )


@every_attack
def test_the_same_bits_twice_and_in_any_batch_size(attack, classifier, glyphs):
    x = glyphs.x_test[:30]
    first = attack(classifier)(x)
    assert first.tobytes() == attack(classifier)(x).tobytes()
    if attack not in (PGD, RFGSM):  # whose random start is drawn batch by batch
        np.testing.assert_allclose(attack(classifier, batch_size=7)(x), first, atol=1e-6)


def test_pgd_of_one_full_step_is_fgsm(classifier, glyphs):
    x = glyphs.x_test[:40]
    np.testing.assert_allclose(
        PGD(classifier, eps=0.2, step=0.2, steps=1, random_start=False)(x), FGSM(classifier, eps=0.2)(x), atol=1e-7
    )


def test_bim_is_pgd_from_x_and_mim_without_memory_is_bim(classifier, glyphs):
    x = glyphs.x_test[:40]
    np.testing.assert_array_equal(BIM(classifier)(x), PGD(classifier, random_start=False)(x))
    np.testing.assert_allclose(MIM(classifier, decay=0.0, step=0.05)(x), BIM(classifier)(x), atol=1e-6)


def test_fgsm_on_a_linear_classifier_steps_along_the_signs_of_its_weights(rng):
    W = rng.standard_normal((784, 2)).astype(np.float32)
    f = sd.models.ExternalClassifier(
        lambda x: x.reshape(len(x), -1) @ W, lambda x, g: (g @ W.T).reshape(x.shape), classes=2
    )
    x = np.full((1, 1, 28, 28), 0.5, np.float32)
    k = int(f.predict(x)[0])
    np.testing.assert_allclose((FGSM(f, eps=0.1)(x) - x).ravel(), 0.1 * np.sign(W[:, 1 - k] - W[:, k]), atol=1e-6)


def test_the_random_start_depends_on_the_seed(classifier, glyphs):
    x = glyphs.x_test[:5]
    assert not np.array_equal(PGD(classifier, seed=0)(x), PGD(classifier, seed=1)(x))


def test_predicted_and_true_labels_differ_where_the_prediction_is_wrong(classifier, glyphs):
    x = glyphs.x_test[:10]
    wrong = (classifier.predict(x) + 1) % 10
    predicted, true = FGSM(classifier)(x, wrong), FGSM(classifier, labels="true")(x, wrong)
    np.testing.assert_array_equal(predicted, FGSM(classifier)(x))
    assert not np.array_equal(predicted, true)


def test_the_gradient_is_that_of_the_cross_entropy(classifier, glyphs, rng):
    x, y = glyphs.x_test[:3].astype(np.float64), glyphs.y_test[:3]
    f = sd.models.ModelB(dtype=np.float64)
    got = logits_and_gradient(f, x, Goal(y), Goal.loss)[1]
    direction = rng.standard_normal(x.shape)

    def loss(t):
        return sd.ops.cross_entropy(f.network(x + t * direction), labels=y).sum()

    np.testing.assert_allclose((got * direction).sum(), (loss(1e-6) - loss(-1e-6)) / 2e-6, rtol=1e-6)


def test_parameters_are_frozen_and_printable(classifier):
    attack = PGD(classifier, eps=0.1)
    assert attack.parameters() == {
        "eps": 0.1,
        "labels": "predicted",
        "seed": 0,
        "batch_size": 500,
        "step": 0.05,
        "steps": 10,
        "random_start": True,
    }
    with pytest.raises(AttributeError):
        attack.eps = 0.2


@every_attack
def test_bad_parameters_and_images(attack, classifier, glyphs):
    for parameters, message in (
        ({"eps": -0.1}, "eps is -0.1"),
        ({"eps": float("nan")}, "eps is nan"),
        ({"eps": "big"}, "eps is 'big'"),
        ({"labels": "any"}, "choose one of predicted, true"),
    ):
        with pytest.raises(ArgumentError, match=message):
            attack(classifier, **parameters)
    x, y = glyphs.x_test[:3], glyphs.y_test[:3]
    for call, message in (
        (lambda: attack(classifier)(x * 2), "must lie in"),
        (lambda: attack(classifier)(x[:, :, :20]), "expected"),
        (lambda: attack(classifier)((x * 255).astype(np.uint8)), "dtype uint8"),
        (lambda: attack(classifier)(x[:0]), "no image"),
        (lambda: attack(classifier, labels="true")(x), "needs the labels"),
        (lambda: attack(classifier, labels="true")(x, y[:2]), "one label per image"),
        (lambda: attack(classifier, labels="true")(x, y + 10), "expected 0 to 9"),
    ):
        with pytest.raises(ArgumentError, match=message):
            call()


def test_the_steepest_step_has_length_1_and_climbs_most(classifier, glyphs):
    x, y = glyphs.x_test[:8], glyphs.y_test[:8]
    gradient = logits_and_gradient(classifier, x, Goal(y), Goal.loss)[1].astype(np.float64)
    dual = {
        "linf": np.abs(gradient).sum(axis=(1, 2, 3)),
        "l2": np.sqrt(np.square(gradient).sum(axis=(1, 2, 3))),
        "l1": np.abs(gradient).max(axis=(1, 2, 3)),
    }
    for norm, most in dual.items():
        np.testing.assert_allclose((steepest(gradient, norm) * gradient).sum(axis=(1, 2, 3)), most, rtol=1e-12)


def test_the_l1_step_is_shared_between_ties_and_0_without_a_slope():
    gradient = np.zeros((2, 1, 2, 2), np.float32)
    gradient[0, 0] = [[3, -3], [1, 0]]
    np.testing.assert_array_equal(steepest(gradient, "l1")[0, 0], [[0.5, -0.5], [0, 0]])
    for norm in ("linf", "l2", "l1"):
        step = steepest(gradient, norm)
        assert step.dtype == np.float32 and not step[1].any()


@pytest.mark.parametrize(("norm", "order"), (("l2", 2), ("l1", 1)))
def test_fgsm_in_other_norms_keeps_its_budget(norm, order, classifier, glyphs):
    x = glyphs.x_test[:50]
    x_adv = FGSM(classifier, eps=2.0, norm=norm)(x)
    assert x_adv.dtype == np.float32 and x_adv.min() >= 0 and x_adv.max() <= 1
    assert np.linalg.norm((x_adv - x).reshape(50, -1), order, axis=1).max() <= 2 + 1e-4


def test_r_fgsm_without_its_start_is_fgsm(classifier, glyphs):
    x = glyphs.x_test[:20]
    np.testing.assert_array_equal(RFGSM(classifier, start=0.0)(x), FGSM(classifier)(x))


@pytest.mark.parametrize(("make", "wrong"), (
    (lambda c: FGSM(c, norm="l3"), "norm"),
    (lambda c: FGSM(c, eps=2.0), "eps"),
    (lambda c: FGSM(c, eps=-1.0, norm="l2"), "eps"),
    (lambda c: FGSM(c, eps=np.inf, norm="l2"), "eps"),
    (lambda c: RFGSM(c, eps=0.1, start=0.2), "start"),
))
def test_norms_and_starts_refuse_what_makes_no_sense(make, wrong, classifier):
    with pytest.raises(ArgumentError, match=wrong):
        make(classifier)


@every_attack
def test_targets_are_reached(attack, classifier, glyphs):
    x = glyphs.x_test[:60]
    targets = (classifier.predict(x) + 1) % 10
    x_adv = attack(classifier)(x, targets=targets)
    assert np.abs(x_adv - x).max() <= 0.3 + 1e-6
    hit, before = (classifier.predict(x_adv) == targets).mean(), 0
    assert hit > before + (0.3 if attack in (PGD, BIM, MIM) else 0.05)
    with pytest.raises(ArgumentError, match="targets has labels"):
        attack(classifier)(x, targets=targets + 10)


def test_a_goal_is_reached_exactly_below_0(rng):
    z, labels = rng.standard_normal((50, 10)), rng.integers(0, 10, 50)
    for targeted in (False, True):
        goal = Goal(labels, targeted)
        np.testing.assert_array_equal(goal.margin(z) < 0, goal.reached(z))
    some = rng.random(50) > 0.5
    np.testing.assert_array_equal(goal.of(some).labels, labels[some])


def test_the_jacobian_is_each_class_s_gradient(classifier, glyphs):
    x = glyphs.x_test[:4]
    classes = np.array([[0, 3], [1, 2], [9, 9], [5, 0]])
    _, rows = jacobian(classifier, x, classes)
    assert rows.shape == (4, 2, 1, 28, 28)
    for n in range(4):
        for k in range(2):
            one, goal = int(classes[n, k]), Goal(classes[n, :1])
            _, expected = logits_and_gradient(classifier, x[n : n + 1], goal, lambda goal, logits: logits[:, one])
            np.testing.assert_allclose(rows[n, k], expected[0], atol=1e-6)


@pytest.mark.parametrize(
    ("answer", "message"),
    (
        (lambda z: np.full_like(z, np.nan), "not finite"),
        (lambda z: z[:, :, None], "shape"),
        (
            lambda z: np.exp(z - z.max(1, keepdims=True)) / np.exp(z - z.max(1, keepdims=True)).sum(1, keepdims=True),
            "probabilities",
        ),
    ),
)
def test_a_classifier_s_answers_are_looked_at(answer, message, classifier, glyphs):
    class Wrong:
        def logits(self, x):
            return answer(classifier.logits(x))

    with pytest.raises(ArgumentError, match=message):
        FGSM(Wrong())(glyphs.x_test[:3])


def test_a_classifier_that_fails_is_named_with_its_images(classifier, glyphs):
    class Fails:
        def logits(self, x):
            if not isinstance(x, np.ndarray) or len(x) < 4:
                raise RuntimeError("out of memory")
            return classifier.logits(x)

    with pytest.raises(AttackError, match="FGSM: images 0 to 3 of 7: RuntimeError: out of memory"):
        FGSM(Fails(), batch_size=4)(glyphs.x_test[:7])


def few_steps(classifier, **parameters):
    return sd.attacks.CarliniWagner(classifier, steps=30, search_steps=2, lr=0.05, **parameters)


@pytest.mark.parametrize("attack", (PGD, BIM, MIM, few_steps))
def test_recorded_gradients_change_no_bit(attack, classifier, glyphs, monkeypatch):
    x = glyphs.x_test[:70]
    for of in (
        classifier,
        sd.models.ExternalClassifier(
            classifier.logits,
            lambda x, g: sd.grad(classifier.logits(t := sd.Tensor(x, requires_grad=True)), [t], g)[0].data,
        ),
    ):
        recorded = attack(of, batch_size=30)(x), attack(of, batch_size=30)(x, targets=np.zeros(70, int))
        monkeypatch.setattr(type(attack(of)), "iterative", False)
        for got, targets in zip(recorded, (None, np.zeros(70, int))):
            np.testing.assert_array_equal(got, attack(of, batch_size=30)(x, targets=targets))
        monkeypatch.undo()


def test_a_sure_classifier_s_fgsm_is_that_of_float64(classifier, glyphs):
    """Where p_y is 1 but for rounding, p_y - 1 would leave the signs to chance."""
    narrow, wide = sd.models.ModelB(), sd.models.ModelB(dtype=np.float64)
    narrow.store.data[:] = classifier.store.data
    for name, array in narrow.store.arrays().items():
        if name.startswith("model_b/3/"):  # the logits: three times as large
            array *= 3
    wide.store.data[:] = narrow.store.data
    x = glyphs.x_test[:200]
    equal = np.abs(FGSM(narrow, eps=0.1)(x) - FGSM(wide, eps=0.1)(x.astype(np.float64))) < 1e-5
    assert equal.mean() > 0.999
