"""A classifier that is "anything with logits(x)": what it does with its argument, and what it calls its own things."""
import json
from dataclasses import dataclass

import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np.attacks import registry
from sdpadv_np.attacks.base import Attack
from sdpadv_np.errors import ArgumentError, AttackError
from sdpadv_np.evaluation import figures

SHAPE = (1, 24, 24)
W = np.random.default_rng(0).standard_normal((576, 4)).astype(np.float32)
QUICK = {
    "carliniwagner": {"steps": 3, "search_steps": 1}, "deepfool": {"steps": 2, "candidates": 3},
    "spsa": {"steps": 2, "samples": 4}, "stadv": {"evaluations": 3, "tau_steps": 1},
    "stm": {"n_samples": 2}, "pgd": {"steps": 2}, "bim": {"steps": 2}, "mim": {"steps": 2}, "atn": {"hidden": (8,)},
    "sdpadv": {"perturbation": (8,)}, "advgan": {"perturbation": (8,)},
}
NAMES = [name for name in registry.names() if name not in ("blackboxsdpadv", "sdpadvplus")]
every_attack = pytest.mark.parametrize("name", NAMES)


class Duck:
    """A linear classifier that works on arrays and Tensors alike."""

    def __init__(self, **attributes):
        self.__dict__.update(attributes)

    def logits(self, x):
        return sd.ops.reshape(x, shape=(len(x), -1)) @ W.astype(x.dtype)


class InPlace(Duck):
    """Which centres its images first: of an array, where they lie."""

    def logits(self, x):
        if isinstance(x, sd.Tensor):
            return super().logits(x - np.float32(0.5))
        x -= 0.5
        return super().logits(x)


class Centred(Duck):
    def logits(self, x):
        return super().logits(x - np.float32(0.5))


class Spoiling(Duck):
    """Which writes over the Tensor's numbers, that are part of the graph."""

    def logits(self, x):
        z = super().logits(x)
        if isinstance(x, sd.Tensor):
            x.data *= 0
        return z


def images(count=4):
    return np.random.default_rng(1).random((count, *SHAPE), np.float32)


def run(name, classifier, x):
    attack = registry.find(name).make(classifier, **QUICK.get(name, {}))
    if hasattr(attack, "fit"):
        y = np.arange(len(x)) % 2
        return attack.fit(x, y, x, y, epochs=1, batch_size=2, progress=False)(x)
    return attack(x, progress=False)


@every_attack
def test_a_classifier_that_writes_into_its_argument_changes_nobody_s_images(name):
    x = images()
    before = x.copy()
    x_adv = run(name, InPlace(), x)
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(x_adv, run(name, Centred(), x))


@every_attack
def test_one_that_writes_into_the_graph_is_told(name):
    if name in ("spsa", "stm"):  # which make none
        return
    with pytest.raises(AttackError, match=r"writes into the numbers of the Tensor x .*read-only.*y = x \* 2"):
        run(name, Spoiling(), images())


def test_nor_does_an_evaluation_change_them(tmp_path):
    x, y = images(), np.arange(4)
    before = x.copy()

    def careless(x, y):
        x *= 0
        y *= 0
        return x

    found = sd.evaluate(InPlace(), careless, x, y)
    assert found.clean_accuracy == sd.evaluate(Centred(), None, x, y).clean_accuracy and found.linf == before.max()
    figures.examples(InPlace(), x, y), figures.confidence(InPlace(), x)
    np.testing.assert_array_equal(x, before)
    assert y.tolist() == [0, 1, 2, 3]


class Purifying(Duck):
    """Which takes a step of its own, by our derivatives, before it answers."""

    def logits(self, x):
        t = sd.Tensor(x, requires_grad=True)
        return Duck().logits(x - np.float32(0.01) * sd.grad(sd.ops.sum(t * t), [t])[0].data)


@pytest.mark.parametrize("name", ("spsa", "stm"))
def test_a_classifier_may_differentiate_by_itself(name):
    x = images()
    assert run(name, Purifying(), x).shape == x.shape


class TorchDtype:
    """As torch.float32: NumPy does not know it."""


@pytest.mark.parametrize("dtype", (TorchDtype(), "float16", np.float16, np.int64, None, "no such", object))
def test_a_dtype_that_is_not_ours_is_none(dtype):
    classifier = Duck(dtype=dtype)
    for name in ("fgsm", "sdpadv"):
        x_adv = run(name, classifier, images())
        assert x_adv.dtype == np.float32
        np.testing.assert_array_equal(x_adv, run(name, Duck(), images()))
    assert run("fgsm", Duck(dtype="float64"), images()).dtype == np.float64


def test_names_of_classes_are_no_number_of_them():
    classifier, x = Duck(classes=["cat", "dog", "eel", "fox"]), images()
    assert sd.attacks.FGSM(classifier)(x, targets=np.arange(4)).shape == x.shape
    with pytest.raises(ArgumentError, match="targets has labels up to 4; the classifier's logits are 4 wide"):
        sd.attacks.FGSM(classifier)(x, targets=np.arange(4) + 1)
    assert sd.evaluate(classifier, sd.attacks.FGSM(classifier, labels="true"), x, np.arange(4)).count == 4
    with pytest.raises(ArgumentError, match="target is 4; the classifier's classes are 0 to 3"):
        sd.attacks.ATN(classifier, target=4).fit(x, np.arange(4), x, np.arange(4), epochs=1, progress=False)
    with pytest.raises(ArgumentError, match="expected 0 to 3"):
        sd.attacks.FGSM(Duck(classes=np.int64(4)))(x, targets=np.arange(4) + 1)


@pytest.mark.parametrize("shape", ("24x24", 24, (None, 24, 24), (24, 24)))
def test_an_image_shape_that_is_not_three_numbers_is_none(shape):
    classifier = Duck(image_shape=shape)
    assert run("fgsm", classifier, images()).shape == run("sdpadv", classifier, images()).shape == (4, *SHAPE)


@pytest.mark.parametrize("name", ("fgsm", "pgd", "mim", "deepfool", "stadv", "spsa", "stm"))
@pytest.mark.parametrize("scale", (1e36, 1e38))
def test_logits_and_gradients_that_are_almost_too_large(name, scale):
    """Warnings are errors here; and the step is that of the gradient's direction."""
    V = (W * np.float32(scale / 200)).astype(np.float32)

    class Steep(Duck):
        def logits(self, x):
            return sd.ops.reshape(x, shape=(len(x), -1)) @ V

    x = images()
    if name == "deepfool":
        np.testing.assert_allclose(run(name, Steep(), x), run(name, Duck(), x), atol=1e-4)
    else:
        assert np.isfinite(run(name, Steep(), x)).all()


def test_mim_s_mean_where_the_sum_is_no_number():
    from sdpadv_np.attacks.mim import _mean_size

    g = np.random.default_rng(0).standard_normal((3, *SHAPE)).astype(np.float32)
    ordinary = _mean_size(g)
    assert ordinary.tobytes() == np.abs(g).mean(axis=(1, 2, 3), keepdims=True).tobytes()
    g[1] *= np.float32(2.0**120)
    np.testing.assert_allclose(_mean_size(g)[1], ordinary[1].astype(np.float64) * 2.0**120, rtol=1e-5)
    assert _mean_size(g)[0] == ordinary[0]


@dataclass(frozen=True)
class Mine(Attack):
    strength: float = 0.5  # declared without parameter(...)
    several: tuple = ()

    def _attack(self, x, goal, rng):
        return x


def test_a_parameter_declared_plainly_can_be_stored_too():
    attack = Mine(None, strength=np.float32(0.25), several=(np.int64(1), (np.array(2.5),)))
    assert attack.parameters() == json.loads(
        json.dumps(attack.parameters())
    ) and attack.parameters()["strength"] == 0.25
    assert type(attack.strength) is float and attack.several == (1, (2.5,))
    assert Mine(None, several=np.arange(3)).parameters()["several"] == [0, 1, 2]
