"""What every attack of ``sd.attacks`` promises, asked of each in turn: a new one is found here by its name alone."""
import json

import numpy as np
import pytest
from tiny import CLASSES, tiny

import sdpadv_np as sd
from sdpadv_np.attacks import registry
from sdpadv_np.errors import ArgumentError, Error

SHAPES = {
    "blackboxsdpadv": (1, 28, 28),
    "convadvgan": (1, 24, 24),
}  # what substitutes are made for; the least that the discriminator takes
QUICK = {  # parameters with which some are quicker than with their defaults
    "carliniwagner": {"steps": 100, "lr": 0.05, "initial_c": 1.0, "search_steps": 3},
    "spsa": {"steps": 60},
    "blackboxsdpadv": {"substitute_epochs": 60, "rounds": 3, "eps": 0.3},
}
DRAWS = {"pgd", "rfgsm", "spsa", "stadv"}  # whose result depends on the seed, beside all that are trained
BOUNDED = {  # no pixel changes by more than eps
    "fgsm", "rfgsm", "pgd", "bim", "mim", "spsa", "advgan", "convadvgan",
}
UNTARGETED = {"deepfool"}
NAMES = registry.names()
TRAINED = [name for name in NAMES if registry.find(name).trained]
ITERATED = [name for name in NAMES if name not in TRAINED]
every_attack = pytest.mark.parametrize("name", NAMES)


def data(name):
    return tiny(SHAPES.get(name, (1, 8, 8)))


def made(name, classifier=None, fit=True, epochs=8, **parameters):
    """The attack with quick parameters, fitted if it is to be."""
    kind, t = registry.find(name), data(name)
    if kind.trained and "lr" in kind.defaults:
        parameters = {"lr": 5e-3, **parameters}
    attack = kind.make(classifier or t.classifier, **{**QUICK.get(name, {}), **parameters})
    return fitted(attack, t, epochs) if kind.trained and fit else attack


def fitted(attack, t, epochs=8, **options):
    return attack.fit(t.x, t.y, t.x_val, t.y_val, epochs=epochs, batch_size=16, progress=False, **options)


class _Once(dict):
    def __missing__(self, name):
        self[name] = made(name)
        return self[name]


@pytest.fixture(scope="module")
def attacks():
    """Each attack, made and fitted when it is first asked for."""
    return _Once()


def test_the_lists_above_name_attacks_that_exist():
    assert {*SHAPES, *QUICK, *DRAWS, *BOUNDED, *UNTARGETED} <= set(NAMES)
    assert {name for name in NAMES if "eps" in registry.find(name).defaults and name not in BOUNDED} == {
        "sdpadv",
        "sdpadvplus",
        "blackboxsdpadv",
    }, "those that move pixels too"


@every_attack
def test_images_come_back_as_they_were_given_and_fool(name, attacks):
    """Shape, dtype, range, eps; the caller's images, read-only here, are unchanged; nine of ten labels change.

    Of trained attacks fewer do, after so short a training.
    """
    t, attack = data(name), attacks[name]
    before, state = t.x_val.copy(), attack.parameters()
    x_adv = attack(t.x_val)
    assert type(x_adv) is np.ndarray and x_adv.shape == t.x_val.shape and x_adv.dtype == np.float32
    assert np.isfinite(x_adv).all() and x_adv.min() >= 0 and x_adv.max() <= 1
    assert x_adv.flags.writeable and not np.shares_memory(x_adv, t.x_val)
    assert t.x_val.tobytes() == before.tobytes() and attack.parameters() == state
    if (
        name != "blackboxsdpadv"
    ):  # on noise its substitute depends on the last bits; its success is tested in test_black_box.py
        assert (t.classifier.predict(x_adv) == t.y_val).mean() < (
            0.1 if name not in TRAINED else 0.8 if name == "atn" else 0.5
        )
    if name in BOUNDED:
        size = np.abs(x_adv - t.x_val).max()
        assert size <= attack.eps + 1e-6, "eps is kept"
        assert size > 0.9 * attack.eps, "and used"


@pytest.mark.parametrize("name", sorted(BOUNDED))
@pytest.mark.parametrize("eps", (0.02, 1.0))
def test_another_eps_is_kept_too(name, eps):
    t = data(name)
    x_adv = made(name, eps=eps, epochs=1, **({"start": eps / 4} if name == "rfgsm" else {}))(t.x_val)
    size = np.abs(x_adv - t.x_val).max()
    assert 0 < size <= eps + 1e-6 and x_adv.min() >= 0 and x_adv.max() <= 1


@every_attack
def test_layout_and_wider_numbers_change_nothing(name, attacks):
    """Any strides; float64 images for a float32 classifier come back float32, labels may be any integers."""
    t, attack = data(name), attacks[name]
    x = t.x_val[:7]
    expected = attack(x)
    wide = np.zeros((*x.shape, 2), np.float32)
    wide[..., 0] = x
    for given in (wide[..., 0], np.asfortranarray(x), x.astype(np.float64), x[::-1].copy()[::-1]):
        result = attack(given, t.y_val[:7].astype(np.uint8))
        assert result.dtype == np.float32
        np.testing.assert_allclose(result, expected, atol=1e-4)


@every_attack
def test_one_seed_gives_the_same_bits(name, attacks):
    """By the attack itself once more, and by one that is made from its parameters as a file would give them back."""
    t, attack = data(name), attacks[name]
    x_adv = attack(t.x_val)
    assert attack(t.x_val).tobytes() == x_adv.tobytes()
    parameters = json.loads(json.dumps(attack.parameters(), allow_nan=False))
    kind = registry.find(name)
    again = kind.make(t.classifier, **{k: v for k, v in parameters.items() if k in kind.defaults})
    assert again.parameters() == attack.parameters() or json.loads(json.dumps(again.parameters())) == parameters
    again = fitted(again, t) if kind.trained else again
    assert again(t.x_val).tobytes() == x_adv.tobytes()


@every_attack
def test_another_seed_gives_others_where_anything_is_drawn(name, attacks):
    t = data(name)
    same = np.array_equal(made(name, seed=1)(t.x_val), attacks[name](t.x_val))
    assert same == (name not in DRAWS and name not in TRAINED)


@every_attack
def test_an_image_s_result_is_its_own(name, attacks):
    """One at a time, in another order, and beside others: but for what is drawn, and rounding."""
    t, attack = data(name), attacks[name]
    x = t.x_val[:9]
    whole = attack(x)
    order = np.random.default_rng(1).permutation(len(x))
    if name not in DRAWS:
        np.testing.assert_allclose(np.concatenate([attack(x[i : i + 1]) for i in range(len(x))]), whole, atol=1e-4)
        np.testing.assert_allclose(attack(x[order]), whole[order], atol=1e-4)
    if name not in TRAINED:
        one = made(name, batch_size=1)
        if name not in DRAWS:
            np.testing.assert_allclose(one(x), whole, atol=1e-4)
        assert (t.classifier.predict(one(x)) != t.y_val[:9]).all()


@pytest.mark.parametrize("name", ITERATED)
def test_targets_are_reached_more_often_or_refused(name, attacks):
    t, attack = data(name), attacks[name]
    targets = (t.y_val + 1 + np.arange(len(t.y_val)) % (CLASSES - 1)) % CLASSES
    assert (targets != t.y_val).all()
    if name in UNTARGETED:
        with pytest.raises(ArgumentError, match="no targeted form"):
            attack(t.x_val, targets=targets)
        return
    reached = (t.classifier.predict(attack(t.x_val, targets=targets)) == targets).mean()
    by_chance = (t.classifier.predict(attack(t.x_val)) == targets).mean()
    assert reached > by_chance + 0.2, (reached, by_chance)


@pytest.mark.parametrize("name", TRAINED)
def test_a_trained_target_is_reached_more_often_and_others_are_refused(name, attacks):
    t = data(name)
    attack = made(name, target=3)
    others = t.y_val != 3
    reached, by_chance = ((t.classifier.predict(a(t.x_val)) == 3)[others].mean() for a in (attack, attacks[name]))
    assert reached > by_chance + 0.05, (reached, by_chance)  # SdAdv alone can hardly turn one pattern into another
    np.testing.assert_array_equal(attack(t.x_val, targets=np.full(len(t.x_val), 3)), attack(t.x_val))
    for given in (attack, attacks[name]):
        with pytest.raises(ArgumentError, match="is made for target="):
            given(t.x_val, targets=np.full(len(t.x_val), 4))


@pytest.mark.parametrize("name", ITERATED)
def test_true_labels_are_aimed_away_from(name, attacks):
    """Where the prediction is wrong they tell an attack something else than the prediction does."""
    t, attack = data(name), made(name, labels="true")
    np.testing.assert_allclose(attack(t.x_val, t.y_val), attacks[name](t.x_val), atol=1e-6)
    wrong = (t.y_val + 1) % CLASSES
    assert not np.allclose(attack(t.x_val, wrong), attacks[name](t.x_val), atol=1e-3)
    with pytest.raises(ArgumentError, match="needs the labels"):
        attack(t.x_val)
    with pytest.raises(ArgumentError, match="give one of them"):
        attack(t.x_val, t.y_val, targets=wrong)
    if name not in UNTARGETED:
        np.testing.assert_array_equal(
            attack(t.x_val[:5], targets=wrong[:5]), attacks[name](t.x_val[:5], targets=wrong[:5])
        )


BAD_IMAGES = {  # what is wrong: (images, from good ones)
    "NaN": lambda x: np.where(np.arange(x.shape[-1]) == 3, np.nan, x).astype(np.float32),
    "infinite": lambda x: np.where(np.arange(x.shape[-1]) == 3, np.inf, x).astype(np.float32),
    "above 1": lambda x: x + 1,
    "below 0": lambda x: x - 1,
    "whole numbers": lambda x: (255 * x).astype(np.uint8),
    "no batch": lambda x: x[0],
    "no images": lambda x: x[:0],
    "another shape": lambda x: x[:, :, 1:],
}


@every_attack
@pytest.mark.parametrize("bad", BAD_IMAGES)
def test_images_that_are_none_are_refused(name, bad, attacks):
    with pytest.raises(ArgumentError):
        attacks[name](BAD_IMAGES[bad](data(name).x_val))


class Bad:
    """The tiny classifier's two functions, spoilt in one of the ways below."""

    def __init__(self, good, spoil_logits=lambda z: z, spoil_slope=lambda g: g):
        self.good, self.spoil_logits, self.spoil_slope = good, spoil_logits, spoil_slope

    def classifier(self):
        return sd.models.ExternalClassifier(
            lambda x: self.spoil_logits(self.good._logits(x)),
            lambda x, g: self.spoil_slope(self.good._vjp(x, g)),
            self.good.image_shape,
            CLASSES,
        )


def with_one(value, at):
    def spoil(a):
        a = np.array(a, np.float32)
        a[at(a)] = value
        return a

    return spoil


BAD_LOGITS = {
    "one NaN": with_one(np.nan, lambda z: (len(z) - 1, 2)),
    "one infinite": with_one(np.inf, lambda z: (0, 2)),
    "all minus infinite": lambda z: np.full_like(z, -np.inf),
    "a class too many": lambda z: np.concatenate([z, z[:, :1]], axis=1),
    "labels": lambda z: z.argmax(axis=1),
    "transposed": lambda z: z.T,
    "an image too few": lambda z: z[1:],
}


@every_attack
@pytest.mark.parametrize("bad", BAD_LOGITS)
def test_logits_that_are_none_end_in_our_error(name, bad):
    if name == "blackboxsdpadv":
        pytest.skip("it is given probabilities: see test_black_box.py")
    t = data(name)
    with pytest.raises(Error):
        made(name, Bad(t.classifier, BAD_LOGITS[bad]).classifier(), epochs=2)(t.x_val)


BAD_SLOPES = {
    "one NaN": with_one(np.nan, lambda g: (len(g) - 1, 0, 3, 3)),
    "one infinite": with_one(-np.inf, lambda g: (0, 0, 0, 0)),
    "flat": lambda g: g.reshape(len(g), -1),
    "an image too few": lambda g: g[1:],
}


@every_attack
@pytest.mark.parametrize("bad", BAD_SLOPES)
def test_slopes_that_are_none_end_in_our_error(name, bad):
    """Where they are asked for at all."""
    if name == "blackboxsdpadv":
        pytest.skip("it is given probabilities: see test_black_box.py")
    t = data(name)
    classifier = Bad(t.classifier, spoil_slope=BAD_SLOPES[bad]).classifier()
    if name in ("spsa", "stm"):
        assert np.isfinite(made(name, classifier)(t.x_val)).all()
        return
    with pytest.raises(Error):
        made(name, classifier, epochs=2)(t.x_val)


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda x: x + 1, r"left \[0, 1\]"),
        (lambda x: x - 1, r"left \[0, 1\]"),
        (lambda x: np.where(x > 0.5, np.nan, x), r"NaN or left \[0, 1\]"),
        (lambda x: x[:, :, 1:], "keeps shape"),
        (lambda x: np.clip(x + 0.1001, 0, 1), "more than eps = 0.1"),
        (lambda x: np.clip(x - 0.1001, 0, 1), "more than eps = 0.1"),
    ],
)
def test_a_method_s_result_is_looked_at(spoil, message, monkeypatch):
    """Beyond 1, below 0, NaN, of another shape, further up or down than eps."""
    monkeypatch.setattr(sd.attacks.FGSM, "_attack", lambda self, x, goal, rng: spoil(x).astype(x.dtype))
    t = tiny()
    with pytest.raises(Error, match=message):
        sd.attacks.FGSM(t.classifier, eps=0.1)(t.x_val)


@every_attack
def test_our_own_classifier_in_float64(name, rng):
    """Results have the classifier's dtype, those of generators trained against it too; black-box ones are float32."""
    f = sd.models.ModelB(dtype=np.float64)
    f.store.data[:] *= 3
    x, y = rng.random((24, 1, 28, 28)), rng.integers(0, 10, 24)
    kind = registry.find(name)
    attack = kind.make(f, **{**QUICK.get(name, {}), **({"substitute_epochs": 1} if name == "blackboxsdpadv" else {})})
    if kind.trained:
        attack.fit(x, y, x, y, epochs=1, batch_size=8, progress=False)
    weights = f.store.data.copy()
    x_adv = attack(x)
    assert x_adv.shape == x.shape and x_adv.dtype == (np.float32 if name == "blackboxsdpadv" else np.float64)
    assert x_adv.min() >= 0 and x_adv.max() <= 1 and f.store.data.tobytes() == weights.tobytes()


@every_attack
def test_images_of_several_channels_that_are_not_square(name):
    if name in SHAPES:
        pytest.skip("made for certain sizes")
    t = tiny((3, 8, 12))
    kind = registry.find(name)
    attack = kind.make(t.classifier, **QUICK.get(name, {}))
    attack = fitted(attack, t, epochs=1) if kind.trained else attack
    x_adv = attack(t.x_val[:4])
    assert x_adv.shape == (4, 3, 8, 12) and not np.array_equal(x_adv, t.x_val[:4])


def test_conv_advgan_says_what_it_needs_before_it_is_trained():
    with pytest.raises(ArgumentError, match="images are 16x16; ConvAdvGAN's discriminator needs 22 or more"):
        sd.attacks.ConvAdvGAN(tiny((1, 16, 16)).classifier)


@every_attack
def test_whether_the_caller_records_makes_no_difference(name, attacks):
    """What an attack differentiates, in its training and where it is called, is its own affair."""
    t, brief = data(name), {"substitute_epochs": 2, "rounds": 1} if name == "blackboxsdpadv" else {}

    def result():
        attack = made(name, epochs=1, **brief) if name in TRAINED else attacks[name]
        return attack(t.x_val[:3])

    want = result()
    with sd.no_grad():
        np.testing.assert_array_equal(result(), want)
        assert not (sd.Tensor(t.x, requires_grad=True) * 2).requires_grad


@pytest.mark.parametrize("name", ITERATED)
def test_without_a_classifier_it_says_so(name):
    with pytest.raises(ArgumentError, match="was made without a classifier"):
        registry.find(name).make(None)(data(name).x_val)
