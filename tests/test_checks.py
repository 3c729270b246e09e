"""Which values the checks accept, what they convert them to, and that each message names the right remedy."""
import sys
from fractions import Fraction

import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np import checks
from sdpadv_np.attacks import BIM, FGSM, RFGSM, STM, SdpAdv
from sdpadv_np.errors import ArgumentError

QUARTERS = (0.25, np.float64(0.25), np.float32(0.25), np.float16(0.25), np.array(0.25), Fraction(1, 4))


@pytest.mark.parametrize("value", QUARTERS)
def test_a_number_is_a_float(value):
    assert type(checks.number("eps", value)) is float and checks.number("eps", value) == 0.25


@pytest.mark.parametrize("value", (3, np.int64(3), np.uint8(3), np.array(3)))
def test_a_whole_number_is_an_int_and_a_number_too(value):
    assert type(checks.whole("n", value)) is int and checks.whole("n", value) == 3
    assert type(checks.number("n", value)) is float


@pytest.mark.parametrize("value", ((4, 5), [4, 5], np.array([4, 5]), (np.int64(4), np.uint8(5))))
def test_sizes_are_a_tuple_of_ints(value):
    assert checks.sizes("hidden", value) == (4, 5) and {type(n) for n in checks.sizes("hidden", value)} == {int}


def test_flags_and_choices_are_python_objects():
    assert checks.flag("start", np.True_) is True and checks.flag("start", np.array(False)) is False
    assert type(checks.choice("norm", np.str_("l2"), ("l1", "l2"))) is str


@pytest.mark.parametrize("check, value", [
    *((checks.number, value) for value in (True, np.True_, "1", None, 1j, [1], np.array([1.0]), np.datetime64("2020"))),
    *((checks.number, value) for value in (np.nan, np.inf, -np.inf, np.array(np.nan))),
    *((checks.number, value) for value in (10**400, -(10**400), Fraction(10**400))),
    *((checks.whole, value) for value in (True, np.False_, 1.0, np.float32(1), "1", None, np.array([1, 2]))),
    *((checks.sizes, value) for value in (3, "ab", (1.5,), (0,), np.ones((2, 2), int), np.array([1.0]), {4})),
    *((checks.flag, value) for value in (0, 1, "yes", None, np.array([True]))),
])
def test_other_values_are_refused(check, value):
    with pytest.raises(ArgumentError, match="^name"):
        check("name", value)


def test_eps_in_units_of_255():
    remedy = "for pixels of 0 to 255 divide by 255: eps=8/255"
    with pytest.raises(ArgumentError, match=f"eps is 8.0; it must be at least 0 and at most 1; {remedy}"):
        FGSM(None, eps=8)


GREY = np.full((2, 3, 8, 6), 0.5, np.float32)


def spoilt(value, image=1):
    x = GREY.copy()
    x[image, 0, 0, 0] = value
    return x


@pytest.mark.parametrize("x, shape, message", (
    (spoilt(1.0000001), None, r"to 1.00000012 \(the first image is x\[1\]\).*that is rounding, use x.clip\(0, 1\)"),
    (spoilt(-1e-7), None, "that is rounding"),
    (spoilt(np.nan), None, r"x\[1\] holds NaN"),
    (spoilt(np.inf, 0), None, r"x\[0\] holds an infinite value"),
    (GREY * 255, None, r"divide by 255\? x / 255"),
    (GREY - 1, None, "if -1 is black"),
    (GREY * 3, None, "normalised"),
    (GREY * 8 - 7, None, "normalised"),
    (GREY * 1e6, None, "normalised"),
    ((GREY * 255).astype(np.uint8), None, r"x.astype\(np.float32\) / 255"),
    ((GREY * 255).astype(np.uint16), None, r"x.astype\(np.float32\) / 65535"),
    (GREY.astype(np.float16), None, r"use x.astype\(np.float32\)$"),
    (GREY.astype(complex), None, "x.real"),
    (GREY.transpose(0, 2, 3, 1), None, None),
    (
        GREY.transpose(0, 2, 3, 1), (3, 8, 6),
        r"expected \(N, 3, 8, 6\): the channels come second: use x.transpose\(0, 3, 1, 2\)",
    ),
    (GREY[0], None, r"expected \(N, C, H, W\): for a single image use x\[None\]"),
    (GREY[0], (3, 8, 6), r"for a single image use x\[None\]"),
    (GREY[0, 0], (1, 8, 6), r"for a single image use x\[None, None\]"),
    (GREY[:, 0], (1, 8, 6), r"use x\[:, None\]"),
    (GREY.reshape(2, -1), (3, 8, 6), r"use x.reshape\(-1, 3, 8, 6\)"),
    (GREY[:, :, :5], (3, 8, 6), r"has shape \(2, 3, 5, 6\); expected \(N, 3, 8, 6\)$"),
    ([["a"]], None, "dtype"),
))
def test_images(x, shape, message):
    if message is None:
        checks.images(x, shape=shape)  # channels of 8 may be meant
        return
    with pytest.raises(ArgumentError, match=message):
        checks.images(x, shape=shape)


@pytest.mark.parametrize("y, message", (
    (np.eye(3)[:2], r"of one-hot rows take y.argmax\(axis=1\)"),
    (np.array([0.0, 1.0]), r"use y.astype\(np.int64\)"),
    (np.array([True, False]), r"use y.astype\(np.int64\)"),
    (["cat", "dog"], "give each class a number"),
    (np.array([[0], [1]]), r"expected \(2,\), one label per image: use y.ravel\(\)"),
    ([0, 1, 2], "one label per image$"),
    ([[0], [1, 2]], "one per image"),
    ([0, -1], "labels from -1 to 0; expected 0 to 2"),
    ([0, 3], "labels from 0 to 3; expected 0 to 2"),
    (3, "one label per image"),
))
def test_labels(y, message):
    with pytest.raises(ArgumentError, match=message):
        checks.labels(y, 2, 3)


def test_labels_as_a_list():
    assert checks.labels([0, 2], 2, 3).dtype == np.int64


def test_the_start_of_r_fgsm_never_exceeds_eps():
    x, f = np.full((1, 1, 28, 28), 0.5, np.float32), sd.models.ModelB()
    for eps in (0.3, 0.05, 0.01, 0.0):
        attack = RFGSM(f, eps=eps)
        assert np.abs(attack(x) - x).max() <= eps + 1e-6
        np.testing.assert_array_equal(attack(x), RFGSM(f, eps=eps, start=min(0.05, eps / 2))(x))
    with pytest.raises(ArgumentError, match="start is 0.2, more than eps = 0.1"):
        RFGSM(f, eps=0.1, start=0.2)


class Estimator:
    """Like one of scikit-learn's."""

    def predict_proba(self, x):
        """Not called."""

    predict = predict_proba


class Machine(Estimator):
    coef_ = np.zeros((10, 784))

    def decision_function(self, x):
        """Not called."""


class Module:
    """Like one of PyTorch's."""

    def state_dict(self):
        """Not called."""

    zero_grad = __call__ = state_dict


@pytest.mark.parametrize("given, message", (
    (Estimator(), r"ExternalClassifier\(lambda x: np.log\(model.predict_proba"),
    (Machine(), r"decision_function.*g @ model.coef_"),
    (Module(), r"torch.autograd.grad"),
    (lambda x: x, r"ExternalClassifier\(f, vjp\)"),
    (sd.models.ModelB, r"the class ModelB; .* ModelB\(\)"),
    (3, "is a int, which has no logits"),
    ("ModelB", "is a str"),
))
@pytest.mark.parametrize("kind", (BIM, STM, SdpAdv))
def test_other_objects_are_no_classifiers(kind, given, message):
    with pytest.raises(ArgumentError, match=f"^classifier.*{message}"):
        kind(given)


def test_without_a_classifier():
    x, y = np.full((1, 1, 28, 28), 0.5, np.float32), np.zeros(1, int)
    with pytest.raises(ArgumentError, match="FGSM was made without a classifier"):
        FGSM(None)(x)
    with pytest.raises(ArgumentError, match="SdpAdv was made without a classifier"):
        SdpAdv(None).fit(x, y, x, y)


def test_y_and_targets_exclude_each_other():
    x, y = np.full((1, 1, 28, 28), 0.5, np.float32), np.zeros(1, int)
    with pytest.raises(ArgumentError, match="give one of them"):
        FGSM(sd.models.ModelB(), labels="true")(x, y, targets=y)


def test_an_array_on_a_gpu_without_cupy(monkeypatch):
    class OnGPU:
        __cuda_array_interface__ = {}

    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(ArgumentError, match=r"a OnGPU lies on a GPU, .* needs CuPy.*\.cpu\(\)"):
        checks.images(OnGPU())


def test_finite():
    assert checks.finite(np.full((3, 4), 1e30, np.float32)) and checks.finite(np.zeros((0, 2)))
    for bad in (np.nan, np.inf, -np.inf):
        assert not checks.finite(np.array([0.0, bad])) and not checks.finite(np.array([[1e30, bad]], np.float32).T)


def test_a_number_beyond_the_range_of_floats_is_named():
    with pytest.raises(ArgumentError, match="^eps is inf; it must be at least 0 and at most 1$"):
        BIM(None, eps=10**400)


@pytest.mark.parametrize("classes", (None, 10))
def test_labels_beyond_int64(classes):
    with pytest.raises(ArgumentError, match=f"y has labels from 0 to {2**63 + 5}; expected 0"):
        checks.labels(np.array([0, 2**63 + 5], np.uint64), 2, classes)
    assert checks.labels(np.array([0, 2**63 - 1], np.uint64), 2).tolist() == [0, 2**63 - 1]


def test_masked_arrays():
    x, y = np.ma.array(np.full((2, 1, 3, 3), 0.5, np.float32)), np.ma.array([1, 2])
    assert type(checks.images(x)) is np.ndarray and type(checks.labels(y, 2)) is np.ndarray
    assert type(checks.images(np.ma.masked_array(x, np.zeros(x.shape, bool)))) is np.ndarray
    x[0, 0, 0, 0], y[1] = np.nan, -5
    x[0, 0, 0, 0] = y[1] = np.ma.masked
    with pytest.raises(ArgumentError, match=r"x is a masked array with 1 elements masked.*x.filled\(0\)"):
        checks.images(x)
    with pytest.raises(ArgumentError, match=r"y is a masked array with 1 elements masked"):
        checks.labels(y, 2)
