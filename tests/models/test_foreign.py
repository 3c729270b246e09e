"""Somebody else's classifier, through two functions."""
import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np import Tensor, ops
from sdpadv_np.errors import ArgumentError, OperationError


def two_functions(model):
    """Our own classifier seen from outside, as arrays."""

    def vjp(x, g):
        t = Tensor(x, requires_grad=True)
        return sd.grad(model.logits(t), [t], g)[0].data

    return model.logits, vjp


def test_every_attack_works_as_on_the_original(classifier, glyphs):
    foreign = sd.models.Foreign(*two_functions(classifier), image_shape=(1, 28, 28))
    x, y = glyphs.x_test[:50], glyphs.y_test[:50]
    for attack in (sd.attacks.FGSM, sd.attacks.PGD, sd.attacks.MIM):
        np.testing.assert_array_equal(attack(foreign)(x), attack(classifier)(x))
    trained = [sd.attacks.SdpAdv(f).fit(glyphs.x_train[:512], glyphs.y_train[:512], x, y, epochs=1, progress=False) for f in (foreign, classifier)]
    np.testing.assert_array_equal(trained[0](x), trained[1](x))
    assert sd.evaluate(foreign, None, x, y).accuracy == classifier.accuracy(x, y)


def test_mistakes_of_the_two_functions_are_named(rng):
    x = rng.random((3, 1, 28, 28), np.float32)
    W = rng.standard_normal((784, 10)).astype(np.float32)

    def logits(x):
        return x.reshape(len(x), -1) @ W

    with pytest.raises(ArgumentError, match=r"logits function returned shape \(3, 784\) for 3 images; expected \(3, 10\)"):
        sd.attacks.FGSM(sd.models.Foreign(lambda x: x.reshape(3, -1)))(x)
    with pytest.raises(OperationError, match="given without a vjp"):
        sd.attacks.FGSM(sd.models.Foreign(logits))(x)
    with pytest.raises(OperationError, match=r"vjp function returned shape \(3, 784\); expected \(3, 1, 28, 28\)"):
        sd.attacks.FGSM(sd.models.Foreign(logits, lambda x, g: g @ W.T))(x)
    with pytest.raises(OperationError, match="first derivatives only"):
        t = Tensor(x, requires_grad=True)
        sd.grad(ops.sum(sd.models.Foreign(logits, lambda x, g: (g @ W.T).reshape(x.shape)).logits(t)), [t], create_graph=True)
