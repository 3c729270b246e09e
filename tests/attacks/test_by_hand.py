"""Attacks followed step by step: the search over c, and iterations written out for one image at a time."""
import numpy as np
import pytest
from tiny import tiny

import sdpadv_np as sd
from sdpadv_np.attacks import BIM, MIM, PGD, SPSA, CarliniWagner, DeepFool, StAdv, spsa
from sdpadv_np.attacks.base import Nearest
from sdpadv_np.attacks.carlini_wagner import _Run
from sdpadv_np.attacks.queries import Goal


@pytest.mark.parametrize("rounds", (9, 10))
def test_carlini_wagner_s_search_over_c(monkeypatch, rounds):
    """c falls after a success and grows after a failure; of ten rounds, the last repeats the largest."""
    won = np.array([[True] * 10, [False] * 10, [False, False, True, False, True, False, False, False, False, False]]).T
    tried = []

    def descend(self, x, goal, c, best):
        tried.append(np.array(c))
        return won[len(tried) - 1]

    monkeypatch.setattr(CarliniWagner, "_descend", descend)
    t = tiny()
    CarliniWagner(t.classifier, initial_c=0.01, search_steps=rounds)(t.x[:3])
    halves, tens = [0.01 / 2**k for k in range(9)], [0.01 * 10**k for k in range(9)]
    between = [0.01, 0.1, 1, 0.55, 0.775, 0.6625, 0.71875, 0.746875, 0.7609375]
    last = [halves[8], 1e10, 0.775]
    expected = np.array([[*column, end] for column, end in zip((halves, tens, between), last)]).T
    np.testing.assert_allclose(tried, expected[:rounds], rtol=1e-6)


def test_carlini_wagner_s_loss_reaches_kappa_beyond_the_boundary(rng):
    """The hinge is c max(margin + kappa, 0): it slopes down to a margin of -kappa, and a success lies below that."""
    t = tiny()
    x, goal, c = t.x[:6], Goal(t.y[:6]), np.linspace(1, 2, 6)
    margin = goal.margin(t.classifier.logits(x))
    assert (margin > 0).all() and (margin < 50).all()
    run = _Run(x, goal, c)
    run.w += 0.1 * rng.standard_normal(x.shape).astype(np.float32)
    x_adv, _, margin = run.evaluate(t.classifier, 50.0)
    z = t.classifier.logits(x_adv)
    one, rows = np.zeros_like(z), np.arange(6)
    one[rows, t.y[:6]] = np.inf
    second = (z - one).argmax(axis=1)
    one[:] = 0
    one[rows, t.y[:6]], one[rows, second] = c, -c
    tanh = 2 * x_adv - 1
    np.testing.assert_allclose(
        run.gradient, (t.classifier._vjp(x_adv, one) + 2 * (x_adv - x)) * (1 - tanh * tanh) / 2, rtol=1e-3, atol=1e-5
    )
    best = Nearest(x.copy())
    assert (
        not CarliniWagner(t.classifier, kappa=50.0, steps=1)._descend(x, goal, c, best).any()
        and not np.isfinite(best.distortion).any()
    )


def test_of_two_successes_equally_near_the_first_stays():
    best, images = Nearest(np.zeros((1, 1, 2, 2), np.float32)), np.array([0])
    for value, l2sq, kept in ((1, 3, 1), (2, 3, 1), (3, 2, 3)):
        best.offer(images, np.full((1, 1, 2, 2), value, np.float32), np.array([l2sq], np.float32))
        assert (best.results == kept).all()


def test_deepfool_goes_as_far_beyond_a_boundary_as_cleverhans():
    """(|f| + 1e-5) / ||w||, where that counts: |f| is 1e-5."""
    f = sd.models.ExternalClassifier(
        lambda x: np.stack([x[:, 0, 0, 0] - x[:, 0, 0, 1] + np.float32(1e-5), 0 * x[:, 0, 0, 0]], axis=1),
        lambda x, g: g[:, :1, None, None] * np.array([1, -1], np.float32),
        classes=2,
    )
    x = np.full((1, 1, 1, 2), 0.5, np.float32)
    np.testing.assert_allclose(DeepFool(f)._step(x, f.logits(x), None)[0, 0, 0], [-1e-5, 1e-5], rtol=1e-4)


def test_spsa_s_estimate_is_the_same_one_direction_at_a_time(monkeypatch, rng):
    """As where one pair of points is more than is asked about at once."""
    t = tiny()
    attack, x, goal = SPSA(t.classifier, samples=8), t.x[:3], Goal(t.y[:3], False, np.arange(3))
    want = attack._estimate(x, goal, np.random.default_rng(0))
    monkeypatch.setattr(spsa, "_NUMBERS", 1)
    np.testing.assert_allclose(attack._estimate(x, goal, np.random.default_rng(0)), want, rtol=1e-4, atol=1e-6)


def test_stadv_is_done_with_an_image_once_a_round_finds_nothing_nearer(monkeypatch):
    rounds = []

    def minimise(self, start, x, goal, tau, active, found):
        rounds.append(active.tolist())
        found.offer(active, start, np.where(active == 0, 9.0 - len(rounds), 1.0).astype(x.dtype))

    monkeypatch.setattr(StAdv, "_minimise", minimise)
    t = tiny()
    StAdv(t.classifier, tau_steps=4).flow(t.x[:3])
    assert rounds == [[0, 1, 2], [0, 1, 2], [0], [0]]


def gradient(t, x, label):
    """d CE / dx of one image, by the vector-Jacobian product and the softmax."""
    z = t.classifier.logits(x[None])[0].astype(np.float64)
    p = np.exp(z - z.max())
    p /= p.sum()
    p[label] -= 1
    return t.classifier._vjp(x[None], p[None].astype(np.float32))[0].astype(np.float64)


def followed(t, x, label, eps, step, steps, decay=None):
    """BIM, or MIM if there is a decay, as they are printed, for one image."""
    x_adv, momentum = x.astype(np.float64), np.zeros(x.shape)
    for _ in range(steps):
        g = gradient(t, x_adv.astype(np.float32), label)
        if decay is not None:
            momentum = decay * momentum + g / np.abs(g).mean()
            g = momentum
        x_adv = np.clip(np.clip(x_adv + step * np.sign(g), x - eps, x + eps), 0, 1)
    return x_adv


@pytest.mark.parametrize(
    "attack, options",
    [(BIM, {}), (PGD, {"random_start": False}), (MIM, {}), (MIM, {"decay": 0.5}), (MIM, {"decay": 2.0})],
)
@pytest.mark.parametrize("eps, step, steps", [(0.3, 0.05, 10), (0.1, 0.06, 3), (0.2, 0.03, 1)])
def test_iterations_one_image_at_a_time(attack, options, eps, step, steps):
    t = tiny()
    decay = options.get("decay", 1.0) if attack is MIM else None
    x_adv = attack(t.classifier, eps=eps, step=step, steps=steps, **options)(t.x[:8])
    for got, x, label in zip(x_adv, t.x, t.y):
        np.testing.assert_allclose(got, followed(t, x, label, eps, step, steps, decay), atol=1e-5)


@pytest.mark.parametrize("attack, step, steps", [(PGD, 0.05, 10), (BIM, 0.05, 10), (MIM, 0.06, 10)])
def test_the_defaults_are_cleverhans(attack, step, steps):
    made = attack(tiny().classifier)
    assert (made.eps, made.step, made.steps) == (0.3, step, steps)


def test_the_defaults_of_the_others():
    f = tiny().classifier
    cw = sd.attacks.CarliniWagner(f)
    assert (cw.kappa, cw.lr, cw.initial_c, cw.search_steps, cw.steps, cw.abort_early, cw.batch_size) == (
        0,
        5e-3,
        1e-2,
        5,
        1000,
        True,
        100,
    )
    deepfool = sd.attacks.DeepFool(f)
    assert (deepfool.candidates, deepfool.overshoot, deepfool.steps) == (10, 0.02, 50)
    spsa = sd.attacks.SPSA(f)
    assert (spsa.eps, spsa.samples, spsa.delta, spsa.lr, spsa.steps) == (0.3, 128, 0.01, 0.01, 100)
