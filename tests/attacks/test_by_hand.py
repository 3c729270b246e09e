"""Attacks followed step by step: the search over c, and iterations written out for one image at a time."""
import numpy as np
import pytest
from tiny import tiny

import sdpadv_np as sd
from sdpadv_np.attacks import BIM, MIM, PGD, CarliniWagner


@pytest.mark.parametrize("rounds", (9, 10))
def test_carlini_wagner_s_search_over_c(monkeypatch, rounds):
    """Down after a success, up after a failure, each image by itself; from ten rounds on, the last repeats the largest c that is needed."""
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


@pytest.mark.parametrize("attack, options", [(BIM, {}), (PGD, {"random_start": False}), (MIM, {}), (MIM, {"decay": 0.5}), (MIM, {"decay": 2.0})])
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
    assert (cw.kappa, cw.lr, cw.initial_c, cw.search_steps, cw.steps, cw.abort_early, cw.batch_size) == (0, 5e-3, 1e-2, 5, 1000, True, 100)
    deepfool = sd.attacks.DeepFool(f)
    assert (deepfool.candidates, deepfool.overshoot, deepfool.steps) == (10, 0.02, 50)
    spsa = sd.attacks.SPSA(f)
    assert (spsa.eps, spsa.samples, spsa.delta, spsa.lr, spsa.steps) == (0.3, 128, 0.01, 0.01, 100)
