"""stAdv: its losses by hand, what it promises, its search, and flows that can be asked for."""
import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np.attacks import StAdv
from sdpadv_np.attacks.base import Nearest
from sdpadv_np.attacks.queries import Goal
from sdpadv_np.errors import ArgumentError
from sdpadv_np.kernels import flow_sample, flow_smoothness


def margins(classifier, x, labels):
    return sd.ops.margin(classifier.logits(x), labels=labels)


def l2sq(x_adv, x):
    return np.square(x_adv - x).sum(axis=(1, 2, 3))


def test_promises(classifier, glyphs):
    x, y = glyphs.x_test[:60], glyphs.y_test[:60]
    before, weights = x.copy(), classifier.store.data.copy()
    x_adv = StAdv(classifier)(x)
    assert x_adv.shape == x.shape and x_adv.dtype == np.float32 and x_adv.min() >= 0 and x_adv.max() <= 1
    assert classifier.accuracy(x, y) > 0.9 and classifier.accuracy(x_adv, y) < 0.1
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(classifier.store.data, weights)


def test_the_images_are_what_the_flows_give_and_the_same_bits_twice(classifier, glyphs):
    x = glyphs.x_test[:12]
    attack = StAdv(classifier, batch_size=5)
    flow = attack.flow(x)
    assert flow.shape == (12, 2, 28, 28) and flow.dtype == np.float32
    assert attack(x).tobytes() == flow_sample.forward(x, flow).tobytes() == attack(x).tobytes()
    assert attack.flow(x).tobytes() != StAdv(classifier, batch_size=5, seed=1).flow(x).tobytes()  # its start is drawn


def test_kappa_is_the_margin_that_is_reached(classifier, glyphs):
    x = glyphs.x_test[:40]
    labels = classifier.predict(x)
    last = 0.0
    for kappa in (0.0, 1.0, 4.0):
        x_adv = StAdv(classifier, kappa=kappa)(x)
        moved = classifier.predict(x_adv) != labels
        assert moved.mean() > 0.9
        assert margins(classifier, x_adv, labels)[moved].max() <= -kappa + 1e-4
        np.testing.assert_array_equal(x_adv[~moved], x[~moved])  # what was not reached stays as it is
        assert l2sq(x_adv, x).mean() > last
        last = l2sq(x_adv, x).mean()


def test_targets_are_reached(classifier, glyphs):
    x = glyphs.x_test[:40]
    targets = (classifier.predict(x) + 3) % 10
    x_adv = StAdv(classifier, evaluations=40)(x, targets=targets)
    hit = classifier.predict(x_adv) == targets
    assert hit.mean() > 0.8
    assert margins(classifier, x_adv, targets)[hit].min() >= 0.05 - 1e-4


def test_what_is_misclassified_already_is_left_alone(classifier, glyphs):
    x = glyphs.x_test[:6]
    wrong = (classifier.predict(x) + 1) % 10
    attack = StAdv(classifier, labels="true")
    np.testing.assert_array_equal(attack(x, wrong), x)
    assert not attack.flow(x, wrong).any()


def test_the_search_over_tau_rescues_and_improves(classifier, glyphs):
    x = glyphs.x_test[:40]
    labels = classifier.predict(x)
    once, often = (StAdv(classifier, tau=0.3, tau_steps=k)(x) for k in (1, 6))  # too large at first: lowered
    moved = [(classifier.predict(x_adv) != labels).mean() for x_adv in (once, often)]
    assert moved[0] < 0.5 and moved[1] > 0.95, moved
    once, often = (
        StAdv(classifier, tau=1e-4, tau_steps=k, evaluations=15)(x) for k in (1, 6)
    )  # too small at first: raised
    assert l2sq(often, x).mean() < 0.8 * l2sq(once, x).mean()
    assert (l2sq(often, x) <= l2sq(once, x) + 1e-5).all()  # an image never gets worse


def test_evaluations_are_bounded_and_spent_on_active_images_only(classifier, glyphs):
    asked = []

    class Counted:
        classes, image_shape, dtype = 10, classifier.image_shape, classifier.dtype

        def logits(self, x):
            if isinstance(x, sd.Tensor):
                asked.append(len(x.data))
            return classifier.logits(x)

    StAdv(Counted(), tau_steps=2, evaluations=7)(glyphs.x_test[:10])
    assert len(asked) <= 14 and asked[0] == 10
    asked.clear()
    labels = classifier.predict(glyphs.x_test[:10])
    labels[:4] = (labels[:4] + 1) % 10  # done from the beginning
    StAdv(Counted(), labels="true")(glyphs.x_test[:10], labels)
    assert max(asked) == 6


@pytest.mark.parametrize("padding", flow_smoothness.PADDINGS)
@pytest.mark.parametrize("targeted", (False, True))
def test_the_loss_and_its_gradient(classifier, glyphs, rng, padding, targeted):
    f = sd.models.ModelB(dtype=np.float64)
    f.store.data[:] = classifier.store.data
    x, labels = glyphs.x_test[:4].astype(np.float64), np.array([3, 1, 4, 1])
    attack, goal = StAdv(f, kappa=100.0, padding=padding), Goal(labels, targeted)
    flow, tau = rng.uniform(-0.9, 0.9, (4, 2, 28, 28)), np.array([0.01, 0.1, 0.0, 1.0])

    def loss(flow):
        return attack._loss(flow, x, goal, tau, np.arange(4), Nearest(np.zeros_like(flow)))

    value, gradient = loss(flow)
    margin = margins(f, flow_sample.forward(x, flow), labels)
    np.testing.assert_allclose(
        value,
        np.maximum(-margin if targeted else margin, -100) + tau * flow_smoothness.value_and_gradient(flow, padding)[0],
    )
    direction = rng.standard_normal(flow.shape)
    slope = (loss(flow + 1e-7 * direction)[0] - loss(flow - 1e-7 * direction)[0]) / 2e-7
    np.testing.assert_allclose((gradient * direction).sum(axis=(1, 2, 3)), slope, rtol=1e-4, atol=1e-5)


def test_the_published_programs_examples_of_the_adversarial_loss():
    z = np.array([[-20.3, 4.7, 5.8, 7.2], [77.5, -0.2, 9.2, -12.0]])
    f = sd.models.ExternalClassifier(lambda x: z[: len(x)], lambda x, g: np.zeros_like(x), classes=4)
    x, nothing = np.zeros((2, 1, 3, 3)), np.zeros((2, 2, 3, 3))
    for kappa, expected in ((0.0, [1.4, 0.0]), (10.0, [1.4, -10.0])):
        value, _ = StAdv(f, kappa=kappa)._loss(
            nothing, x, Goal(np.array([2, 0]), True), np.zeros(2), np.arange(2), Nearest(np.zeros_like(nothing))
        )
        np.testing.assert_allclose(value, expected)


def test_a_flow_moves_as_it_says(rng):
    x = rng.random((1, 1, 9, 9))
    shifted = np.zeros((1, 2, 9, 9))
    np.testing.assert_allclose(flow_sample.forward(x, shifted), x, rtol=1e-15)
    shifted[:, 0], shifted[:, 1] = 2, -1
    np.testing.assert_allclose(
        flow_sample.forward(x, shifted)[:, :, :-2, 1:], np.roll(x, (-2, 1), axis=(2, 3))[:, :, :-2, 1:]
    )
    places = (
        np.indices((9, 9)) + np.array([20.0, -20.0])[:, None, None]
    )  # far outside: the corner, as the published program clips
    assert (flow_sample.forward(x, (places - np.indices((9, 9)))[None]) == x[0, 0, 8, 0]).all()


def test_exactly_at_zero_flow_a_search_can_be_caught_and_beside_it_it_is_not():
    x = np.array([1.0, 0.1, 0.4, 0.9, 0.9, 0.7, 0.5, 0.3, 0.1, 0.1], np.float32).reshape(1, 1, 1, 10)
    W = np.zeros((10, 2), np.float32)
    W[[1, 4], 0] = 1, 2  # pixel 1 lies in a valley, its left side the steeper; pixel 4 falls to the right, more slowly

    def logits(x):
        return x.reshape(-1, 10) @ W + np.array([0, 1.4], np.float32)

    f = sd.models.ExternalClassifier(logits, lambda x, g: (g @ W.T).reshape(x.shape), classes=2)
    assert f.predict(x)[0] == 0
    seeds = range(10)
    assert [f.predict(StAdv(f, tau=1e-4, start=0.0, seed=k)(x))[0] for k in seeds] == [0] * 10
    assert sum(f.predict(StAdv(f, tau=1e-4, seed=k)(x))[0] for k in seeds) >= 8


def test_it_works_on_colour_and_on_foreign_classifiers(rng):
    W = rng.standard_normal((3 * 8 * 10, 4)).astype(np.float32)
    f = sd.models.ExternalClassifier(
        lambda x: x.reshape(len(x), -1) @ W, lambda x, g: (g @ W.T).reshape(x.shape), classes=4
    )
    x = rng.random((5, 3, 8, 10), np.float32)
    x_adv = StAdv(f)(x)
    assert x_adv.shape == x.shape and (f.predict(x_adv) != f.predict(x)).all()


@pytest.mark.parametrize("parameters", (
    {"kappa": -1}, {"tau": float("nan")}, {"tau_steps": 0}, {"evaluations": 1}, {"padding": "reflect"}, {"start": -0.1},
))
def test_bad_parameters(classifier, parameters):
    with pytest.raises(ArgumentError, match=next(iter(parameters))):
        StAdv(classifier, **parameters)


def test_a_classifier_without_a_gradient_is_said(glyphs):
    f = sd.models.ExternalClassifier(lambda x: x.reshape(len(x), -1)[:, :10] - 0.5)
    with pytest.raises(sd.Error, match="without a vjp"):
        StAdv(f)(glyphs.x_test[:2])
