"""Every attack against classifiers of every kind: small, foreign, randomised, careless, wrong."""
import json

import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np.attacks import registry
from sdpadv_np.attacks.queries import checked_logits
from sdpadv_np.errors import ArgumentError, AttackError, Error

QUICK = {
    "carliniwagner": {"steps": 10, "search_steps": 2},
    "deepfool": {"steps": 3, "candidates": 3},
    "spsa": {"steps": 2, "samples": 8},
    "stadv": {"evaluations": 3, "tau_steps": 1},
    "pgd": {"steps": 3},
    "bim": {"steps": 3},
    "mim": {"steps": 3},
    "atn": {"hidden": (8,)},
    "sdpadv": {"perturbation": (8,)},
    "sdpadvplus": {"perturbation": (8,)},
    "advgan": {"perturbation": (8,)},
}
NAMES = [
    name for name in registry.names() if name != "blackboxsdpadv"
]  # which is given a function, and images of 28 x 28
TRAINED = {name for name in NAMES if registry.find(name).trained}
GRADIENT = [name for name in NAMES if name not in {"spsa", "stm"}]
SHAPE, CLASSES = (1, 24, 24), 10

every_attack = pytest.mark.parametrize("name", NAMES)
every_gradient_attack = pytest.mark.parametrize("name", GRADIENT)


class Linear:
    """A linear classifier as two functions."""

    def __init__(self, shape=SHAPE, classes=CLASSES, seed=0):
        self.W = np.random.default_rng(seed).standard_normal((int(np.prod(shape)), classes)).astype(np.float32)

    def logits(self, x):
        return x.reshape(len(x), -1) @ self.W

    def vjp(self, x, g):
        return (g @ self.W.T).reshape(x.shape)

    def foreign(self, logits=None, vjp=None, **options):
        return sd.models.ExternalClassifier(
            logits or self.logits, vjp or self.vjp, **{"classes": self.W.shape[1], **options}
        )


def images(count=4, shape=SHAPE, seed=1):
    return np.random.default_rng(seed).random((count, *shape), np.float32)


def run(name, classifier, x, targets=None, **parameters):
    """The attack called ``name`` on x, fitted to it for an epoch if need be."""
    attack = registry.find(name).make(classifier, **{**QUICK.get(name, {}), **parameters})
    if name in TRAINED:
        y = np.arange(len(x)) % 2
        attack.fit(x, y, x, y, epochs=1, batch_size=2, progress=False)
        return attack(x)
    return attack(x, progress=False)


def promised(x_adv, x):
    assert x_adv.shape == x.shape and x_adv.dtype == np.float32 and not np.shares_memory(x_adv, x)
    assert np.isfinite(x_adv).all() and x_adv.min() >= 0 and x_adv.max() <= 1


@every_attack
def test_a_foreign_classifier_of_many_classes_and_channels(name):
    x = images(shape=(3, 24, 24))
    promised(run(name, Linear((3, 24, 24), 100).foreign(), x), x)  # no image_shape: the images tell


@every_attack
@pytest.mark.parametrize(
    "change",
    (
        lambda x: x.astype(np.float64),
        lambda x: x.astype(">f4"),
        lambda x: np.asfortranarray(x),
        lambda x: x[::-1, :, ::-1],
        lambda x: x[:1],
        lambda x: np.repeat(x, 2, axis=3)[..., ::2],
    ),
    ids=("float64", "big-endian", "Fortran", "reversed", "one", "strided"),
)
def test_images_of_any_kind(name, change):
    x = change(images())
    x.flags.writeable = False
    before = x.tobytes()
    x_adv = run(name, Linear().foreign(), x)
    assert x.tobytes() == before
    promised(x_adv, x.astype(np.float32))
    np.testing.assert_array_equal(x_adv, run(name, Linear().foreign(), np.ascontiguousarray(x, np.float32)))


@every_attack
def test_a_classifier_that_is_not_repeatable_to_the_bit(name):
    f, rng = Linear(), np.random.default_rng(0)

    def noisy(array):
        return array + rng.standard_normal(array.shape).astype(np.float32) * np.float32(1e-7)

    x = images(8)
    promised(run(name, f.foreign(lambda x: noisy(f.logits(x)), lambda x, g: noisy(f.vjp(x, g))), x), x)


@every_attack
def test_a_classifier_that_uses_its_memory_again(name):
    f, x = Linear(), images(4)
    logits, gradient = np.empty((2000, CLASSES), np.float32), np.empty((2000, *SHAPE), np.float32)

    def into(buffer, result):
        buffer[len(result) :] = np.nan
        buffer[: len(result)] = result
        return buffer[: len(result)]

    reused = f.foreign(lambda x: into(logits, f.logits(x)), lambda x, g: into(gradient, f.vjp(x, g)))
    np.testing.assert_array_equal(run(name, reused, x), run(name, f.foreign(), x))


@every_attack
@pytest.mark.parametrize("which", ("logits", "vjp"))
def test_a_classifier_that_writes_into_its_argument_is_told(name, which):
    if which == "vjp" and name in ("spsa", "stm"):
        return
    f, x = Linear(), images()
    before = x.copy()

    def careless(function):
        def call(x, *g):
            x -= 0.5
            return function(x, *g)

        return call

    with pytest.raises(AttackError, match=f"your {which} function writes into its argument.*x.copy()"):
        run(name, f.foreign(**{which: careless(getattr(f, which))}), x)
    np.testing.assert_array_equal(x, before)


@every_attack
@pytest.mark.parametrize("answer", (np.float16, np.float64, ">f4", list, memoryview), ids=str)
def test_answers_of_any_kind(name, answer):
    f, x = Linear(), images(2)

    def other(array):
        return array.tolist() if answer is list else memoryview(array) if answer is memoryview else array.astype(answer)

    promised(run(name, f.foreign(lambda x: other(f.logits(x)), lambda x, g: other(f.vjp(x, g))), x), x)


@pytest.mark.parametrize("which", ("logits", "vjp"))
@pytest.mark.parametrize(
    "answer, message",
    (
        (lambda a: a.astype(complex), "dtype complex128"),
        (lambda a: a > 0, "dtype bool"),
        (lambda a: a.astype(str), "dtype <U"),
        (lambda a: None, "dtype object"),
    ),
)
def test_answers_that_are_no_numbers(which, answer, message):
    f = Linear()
    with pytest.raises(Error, match=f"your {which} function returned {message}"):
        run("fgsm", f.foreign(**{which: lambda *args: answer(getattr(f, which)(*args))}), images())


def in_batches(name):
    """So that an image's number in the call is another than in its batch."""
    return {} if name in TRAINED else {"batch_size": 2}


@every_gradient_attack
@pytest.mark.parametrize("bad", (np.nan, np.inf))
def test_a_gradient_that_is_not_finite(name, bad):
    f, x = Linear(), images(5)
    x /= 2
    x[3] = 1

    def vjp(x, g):
        gradient = f.vjp(x, g)
        gradient[x.mean(axis=(1, 2, 3)) > 0.7, :, :, 3] = bad
        return gradient

    with pytest.raises(AttackError, match=r"the result of your vjp function is (NaN|infinite) at image 3; look for"):
        run(name, f.foreign(vjp=vjp), x, **in_batches(name))


@every_attack
def test_logits_that_are_not_finite(name):
    f, x = Linear(), images(5)
    x /= 2
    x[3] = 1

    def logits(x):
        z = f.logits(x)
        z[x.mean(axis=(1, 2, 3)) > 0.7] = np.nan
        return z

    with pytest.raises(ArgumentError, match="image 3 are not finite"):
        run(name, f.foreign(logits), x, **in_batches(name))


@every_attack
def test_numpy_s_scalars_are_kept_as_python_s(name):
    kind = registry.find(name)
    given = {**kind.defaults, **QUICK.get(name, {})}
    plain = kind.make(Linear().foreign(), **given)
    for wrap in (np.float64, np.float32, np.array):
        def scalar(value):
            if isinstance(value, bool):
                return np.bool_(value)
            if isinstance(value, float):
                return wrap(np.float32(value)) if wrap is np.float32 else wrap(value)
            return (
                np.int64(value)
                if isinstance(value, int)
                else np.str_(value)
                if isinstance(value, str)
                else [scalar(v) for v in value]
                if isinstance(value, tuple)
                else value
            )

        attack = kind.make(Linear().foreign(), **{key: scalar(value) for key, value in given.items()})
        found = attack.parameters()
        assert json.loads(json.dumps(found)) == found
        assert {key: type(value) for key, value in found.items()} == {
            key: type(value) for key, value in plain.parameters().items()
        }
        if wrap is not np.float32:
            assert found == plain.parameters() and hash(plain.seed) == hash(attack.seed)
    x = images(2)
    promised(
        run(
            name,
            Linear().foreign(),
            x,
            **{key: np.float64(value) for key, value in given.items() if isinstance(value, float)},
        ),
        x,
    )


@every_attack
def test_what_is_no_number_is_refused_by_name(name):
    kind = registry.find(name)
    for key, value in kind.defaults.items():
        wrong = {
            bool: ("yes", 2, None),
            float: ("0.1", True, np.nan, np.inf, 1j, None, [1.0, 2.0]),
            int: ("1", 1.5, True, None),
            str: ("?", 3, None),
            tuple: ("ab", 3, (0.5,), None),
        }
        for bad in wrong.get(type(value), ()):
            with pytest.raises(ArgumentError, match=f"^{key}"):
                kind.make(Linear().foreign(), **{key: bad})


@pytest.mark.parametrize("name", [name for name in NAMES if name not in TRAINED])
def test_labels_as_wide_as_the_logits(name):
    class Wide:  # says nothing of its classes
        logits, f = lambda self, x: self.f.logits(x), Linear(classes=100).foreign()

    attack = registry.find(name).make(Wide(), labels="true", **QUICK.get(name, {}))
    x = images(2)
    promised(attack(x, np.array([99, 42])), x)
    with pytest.raises(
        ArgumentError, match="y has labels up to 100; the classifier's logits are 100 wide, expected 0 to 99"
    ):
        attack(x, np.array([100, 42]))


@pytest.mark.parametrize("name", sorted(TRAINED))
def test_an_attack_that_is_not_fitted_is_refused(name):
    with pytest.raises(ArgumentError, match=r"not fitted yet; call attack.fit\(x, y, x_val, y_val\) first"):
        registry.find(name).make(sd.models.ModelB())(images(2, (1, 28, 28)))


def test_spsa_asks_for_a_batch_at_a_time():
    f, asked = Linear(), []

    def logits(x):
        asked.append(len(x))
        return f.logits(x)

    run("spsa", f.foreign(logits), images(12), batch_size=5, samples=128)
    assert max(asked) == 5


@pytest.mark.parametrize("dtype", (np.int64, np.float16, bool))
def test_logits_of_another_dtype_are_refused(dtype):
    with pytest.raises(ArgumentError, match=f"have dtype {np.dtype(dtype)}"):
        checked_logits(np.ones((2, 3), dtype), 2)
