"""The losses against values computed by hand, and their derivatives."""
import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np import Tensor, losses
from sdpadv_np.errors import ArgumentError

Z = np.array([[2.0, 0.0, -1.0], [0.0, 3.0, 1.0]])
Y = np.array([0, 2])


def test_margin_by_hand():
    np.testing.assert_allclose(sd.ops.margin(Z, labels=Y), [2.0, -2.0])
    np.testing.assert_allclose(losses.adversarial(Z, Y, "margin", kappa=0.5), (2.0 - 0.5) / 2)


def test_the_default_is_the_untargeted_margin_with_kappa_0():
    np.testing.assert_allclose(losses.adversarial(Z, Y), (2.0 + 0.0) / 2)


def test_cross_entropy_is_negated():
    expected = -np.mean([np.log(np.exp(2) + 1 + np.exp(-1)) - 2, np.log(1 + np.exp(3) + np.exp(1)) - 1])
    np.testing.assert_allclose(losses.adversarial(Z, Y, "cross_entropy"), expected)


def test_penalties_by_hand():
    theta = np.array([[1, 0, 0, 0, 1, 0], [1.3, 0, 0, 0.4, 1, 0]])
    np.testing.assert_allclose(losses.theta_penalty(theta), 0.25, atol=1e-6)
    eta = np.array([[0.3, 0.4], [0.0, 0.05]]).reshape(2, 1, 1, 2)
    np.testing.assert_allclose(losses.eta_penalty(eta, 0.1), 0.2)


def test_gan_terms_by_hand():
    real, fake = np.log([[0.25, 0.75]]), np.log([[0.6, 0.4]])  # logits of these probabilities
    np.testing.assert_allclose(losses.discriminator(real, fake), -(np.log(0.75) + np.log(0.6)))
    np.testing.assert_allclose(losses.generator_gan(real, fake, "minimax"), np.log(0.75) + np.log(0.6))
    np.testing.assert_allclose(losses.generator_gan(None, fake, "nonsaturating"), -np.log(0.4))


@pytest.mark.parametrize(
    "loss",
    [
        lambda z: losses.adversarial(z, Y, "margin", kappa=0.5),
        lambda z: losses.adversarial(z, Y, "cross_entropy"),
        lambda z: losses.theta_penalty(z.reshape(1, 6)),
        lambda z: losses.eta_penalty(z, 0.1),
        lambda z: losses.discriminator(z[:, :2], z[:, 1:]),
        lambda z: losses.generator_gan(z[:, :2], z[:, 1:], "minimax"),
        lambda z: losses.generator_gan(None, z[:, 1:]),
    ],
)
def test_derivatives(loss):
    sd.gradcheck(loss, Z + 0.1, order=2)


def test_no_nan_at_the_identity_where_the_norm_has_no_derivative():
    theta = Tensor(np.array([[1.0, 0, 0, 0, 1, 0]]), requires_grad=True)
    (g,) = sd.grad(losses.theta_penalty(theta), [theta])
    np.testing.assert_array_equal(g.data, np.zeros((1, 6)))


def test_unknown_names_are_refused():
    with pytest.raises(ArgumentError, match="objective is 'hinge'; choose one of margin, cross_entropy"):
        losses.adversarial(Z, Y, "hinge")
    with pytest.raises(ArgumentError, match="gan_loss is 'wgan'; choose one of nonsaturating, minimax"):
        losses.generator_gan(Z, Z, "wgan")


@pytest.mark.parametrize("objective", losses.OBJECTIVES)
def test_targeted_is_the_mirror_image(objective, rng):
    z, t = 3 * rng.standard_normal((6, 5)), rng.integers(0, 5, 6)
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    scores = p if objective == "probability_margin" else z
    others = np.where(np.arange(5) == t[:, None], -np.inf, scores).max(axis=1)
    expected = -np.log(p[range(6), t])
    if objective != "cross_entropy":
        expected = np.maximum(others - scores[range(6), t], -0.5)
    np.testing.assert_allclose(losses.adversarial(z, t, objective, 0.5, targeted=True), expected.mean())
    sd.gradcheck(lambda z: losses.adversarial(z, t, objective, 0.5, targeted=True), z)


def test_least_squares_of_the_sigmoid_by_hand():
    assert losses.least_squares(np.zeros(4), 1) == 0.25
    np.testing.assert_allclose(losses.least_squares(np.array([np.log(3)]), 1), 1 / 16)
