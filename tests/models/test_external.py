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
    foreign = sd.models.ExternalClassifier(*two_functions(classifier), image_shape=(1, 28, 28))
    x, y = glyphs.x_test[:50], glyphs.y_test[:50]
    for attack in (sd.attacks.FGSM, sd.attacks.PGD, sd.attacks.MIM):
        np.testing.assert_array_equal(attack(foreign)(x), attack(classifier)(x))
    trained = [
        sd.attacks.SdpAdv(f).fit(glyphs.x_train[:512], glyphs.y_train[:512], x, y, epochs=1, progress=False)
        for f in (foreign, classifier)
    ]
    np.testing.assert_array_equal(trained[0](x), trained[1](x))
    assert sd.evaluate(foreign, None, x, y).accuracy == classifier.accuracy(x, y)


def test_mistakes_of_the_two_functions_are_named(rng):
    x = rng.random((3, 1, 28, 28), np.float32)
    W = rng.standard_normal((784, 10)).astype(np.float32)

    def logits(x):
        return x.reshape(len(x), -1) @ W

    with pytest.raises(
        ArgumentError, match=r"logits function returned shape \(3, 784\) for 3 images; expected \(3, 10\)"
    ):
        sd.attacks.FGSM(sd.models.ExternalClassifier(lambda x: x.reshape(3, -1)))(x)
    with pytest.raises(OperationError, match="given without a vjp"):
        sd.attacks.FGSM(sd.models.ExternalClassifier(logits))(x)
    with pytest.raises(OperationError, match=r"vjp function returned shape \(3, 784\); expected \(3, 1, 28, 28\)"):
        sd.attacks.FGSM(sd.models.ExternalClassifier(logits, lambda x, g: g @ W.T))(x)
    with pytest.raises(OperationError, match="first derivatives only"):
        t = Tensor(x, requires_grad=True)
        sd.grad(
            ops.sum(sd.models.ExternalClassifier(logits, lambda x, g: (g @ W.T).reshape(x.shape)).logits(t)),
            [t],
            create_graph=True,
        )


def test_answers_of_other_libraries_are_read_where_they_lie(rng):
    class Lent:
        """An array of another library, that lends its memory."""

        def __init__(self, array):
            self.array = array

        def __dlpack__(self, **options):
            return self.array.__dlpack__(**options)

        def __dlpack_device__(self):
            return self.array.__dlpack_device__()

    class Converted:
        def __init__(self, array):
            self.array = array

        def __array__(self, dtype=None, copy=None):
            return self.array

    class Attached:
        def __array__(self, dtype=None, copy=None):
            raise RuntimeError("use detach() first")

    W, x = rng.standard_normal((784, 10)).astype(np.float32), rng.random((3, 1, 28, 28), np.float32)

    def foreign(kind):
        return sd.models.ExternalClassifier(
            lambda x: kind(x.reshape(len(x), -1) @ W), lambda x, g: kind((g @ W.T).reshape(x.shape))
        )

    plain = sd.attacks.FGSM(foreign(lambda array: array))(x)
    for kind in (Lent, Converted):
        np.testing.assert_array_equal(sd.attacks.FGSM(foreign(kind))(x), plain)
    with pytest.raises(
        ArgumentError,
        match=r"your logits function returned a Attached that cannot be read as an array \(use detach\(\) first\)",
    ):
        foreign(lambda array: Attached()).logits(x)


def test_more_classes_than_were_said_are_told(rng):
    with pytest.raises(ArgumentError, match=r"say ExternalClassifier\(\.\.\., classes=100\)"):
        sd.models.ExternalClassifier(lambda x: np.zeros((len(x), 100), np.float32)).logits(
            rng.random((3, 1, 8, 8), np.float32)
        )
    with pytest.raises(ArgumentError, match="vjp is a int; give a function"):
        sd.models.ExternalClassifier(len, 3)


def test_the_two_functions_may_differentiate_whoever_asks(rng):
    """Also where only logits are wanted, a function that takes a gradient on its way (a defence, say) can do so."""
    W = rng.standard_normal((784, 10)).astype(np.float32)

    def purified(x):
        t = Tensor(x.reshape(len(x), -1), requires_grad=True)
        return x.reshape(len(x), -1) - 0.1 * sd.grad(ops.sum(t * t), [t])[0].data

    def vjp(x, g):
        t = Tensor(x, requires_grad=True)
        return sd.grad(t.reshape(len(x), -1) * 0.8 @ W, [t], g)[0].data

    foreign, x = (
        sd.models.ExternalClassifier(lambda x: purified(x) @ W, vjp, (1, 28, 28)),
        rng.random((3, 1, 28, 28), np.float32),
    )
    want = sd.attacks.PGD(foreign, steps=2)(x)
    with sd.no_grad():
        np.testing.assert_array_equal(sd.attacks.PGD(foreign, steps=2)(x), want)
        assert not (Tensor(x, requires_grad=True) * 2).requires_grad
