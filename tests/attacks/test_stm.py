"""STM: the candidates, the choice among them, and the resampling, against SciPy's where it is installed."""
import math

import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np.attacks import STM
from sdpadv_np.errors import ArgumentError

STILL = {"dx": (0.0, 0.0, 1), "dy": (0.0, 0.0, 1), "angle": (0.0, 0.0, 1)}
both = pytest.mark.parametrize("shift_twice", (False, True))


def ours(classifier, **parameters):
    return STM(classifier, **{**STILL, **parameters})


def brightness(x):
    """CleverHans' toy classifier: is there any bright pixel?"""
    bright = 20.0 * (x.max(axis=(1, 2, 3)) - 0.5)
    return np.stack([-bright, bright], axis=1)


def test_the_24_candidates_of_cleverhans(classifier):
    candidates = STM(classifier).candidates()
    assert candidates.shape == (24, 3)
    np.testing.assert_allclose(
        candidates[:7], [[-0.1, -0.1, a] for a in (-30, -18, -6, 6, 18, 30)] + [[-0.1, 0.1, -30]]
    )
    assert not (candidates == 0).all(axis=1).any()


@both
def test_promises(classifier, glyphs, shift_twice):
    x, y = glyphs.x_test[:200], glyphs.y_test[:200]
    before = x.copy()
    attack = STM(classifier, shift_twice=shift_twice, batch_size=70)
    x_adv = attack(x)
    assert x_adv.shape == x.shape and x_adv.dtype == np.float32 and x_adv.min() >= 0 and x_adv.max() <= 1 + 1e-6
    assert classifier.accuracy(x_adv, y) < classifier.accuracy(x, y) - 0.4
    np.testing.assert_array_equal(x, before)
    assert attack(x).tobytes() == x_adv.tobytes()


def test_the_choice_is_the_largest_cross_entropy_and_with_targets_the_smallest(classifier, glyphs):
    x = glyphs.x_test[:30]
    attack, labels = STM(classifier), classifier.predict(x)
    moved = [attack.transform(x, candidate) for candidate in attack.candidates()]
    for targets, sign in ((None, 1), ((labels + 1) % 10, -1)):
        losses = np.stack(
            [
                sign * sd.ops.cross_entropy(classifier.logits(m), labels=labels if targets is None else targets)
                for m in moved
            ]
        )
        best = losses.argmax(axis=0)
        np.testing.assert_array_equal(attack.transformation(x, targets=targets), attack.candidates()[best])
        np.testing.assert_array_equal(attack(x, targets=targets), [moved[k][n] for n, k in enumerate(best)])


def test_the_first_of_equals():
    f = sd.models.ExternalClassifier(lambda x: np.tile(np.array([[1.0, -1.0]], np.float32), (len(x), 1)), classes=2)
    np.testing.assert_array_equal(
        STM(f).transformation(np.zeros((3, 1, 8, 8), np.float32)), np.tile([-0.1, -0.1, -30.0], (3, 1))
    )


@both
def test_the_bright_pixel_is_pushed_off_or_kept(shift_twice):
    f = sd.models.ExternalClassifier(brightness, classes=2)
    x = np.zeros((2, 1, 10, 10), np.float32)
    x[0, 0, 4, 4] = 1  # in the middle
    x[1, 0, 0, 0] = 1  # at the corner
    assert f.predict(x).tolist() == [1, 1]
    far = ours(f, dx=(-0.6, 0.6, 3), dy=(-0.6, 0.6, 3), shift_twice=shift_twice)
    assert f.predict(far(x)).tolist() == [0, 0]
    kept = far(x, targets=np.array([1, 1]))
    assert f.predict(kept).tolist() == [1, 1]


@both
def test_nothing_to_move_gives_back_the_image(classifier, glyphs, shift_twice):
    x = glyphs.x_test[:4]
    np.testing.assert_allclose(ours(classifier, shift_twice=shift_twice)(x), x, atol=1e-6)


def test_whole_pixels_and_right_angles_move_as_documented(rng):
    x = rng.random((2, 1, 10, 10))
    np.testing.assert_allclose(ours(None).transform(x, (0.2, 0.0, 0.0))[:, :, :, :8], x[:, :, :, 2:])  # to the left
    np.testing.assert_allclose(ours(None).transform(x, (0.0, -0.3, 0.0))[:, :, 3:], x[:, :, :7])  # down
    np.testing.assert_allclose(
        ours(None, shift_twice=True).transform(x, (0.2, 0.0, 0.0))[:, :, :, :6], x[:, :, :, 4:], atol=1e-12
    )  # twice
    np.testing.assert_allclose(
        ours(None).transform(x, (0.0, 0.0, 90.0)), np.rot90(x, axes=(2, 3)), atol=1e-12
    )  # counter-clockwise
    tall = rng.random((1, 1, 6, 10))
    np.testing.assert_allclose(
        ours(None).transform(tall, (0.2, 0.5, 0.0))[:, :, :3, :8], tall[:, :, 3:, 2:]
    )  # fractions of width and height


@pytest.mark.parametrize("size", ((28, 28), (9, 14)))
def test_scipy_resamples_alike(rng, size):
    ndimage = pytest.importorskip("scipy.ndimage")

    def read(image, matrix, offset):
        """image at matrix (i, j) + offset about the centre, zero beyond."""
        centre = (np.array(image.shape) - 1) / 2
        return ndimage.affine_transform(image, matrix, centre - matrix @ centre + offset, order=1, mode="grid-constant")

    x = rng.random((1, 1, *size))
    for dx, dy, degrees in ((0.1, -0.1, 18.0), (-0.07, 0.03, -30.0), (0.0, 0.1, 6.0)):
        a = math.radians(degrees)
        turn, shift = (
            np.array([[math.cos(a), math.sin(a)], [-math.sin(a), math.cos(a)]]),
            np.array([dy * size[0], dx * size[1]]),
        )
        np.testing.assert_allclose(
            ours(None).transform(x, (dx, dy, degrees))[0, 0], read(x[0, 0], turn, turn @ shift), atol=1e-10
        )
        margin = math.ceil(max(size) / math.sqrt(2) - min(size) / 2)
        steps = np.pad(x[0, 0], margin)
        for matrix, offset in ((turn, 0), (np.eye(2), shift), (np.eye(2), shift)):
            steps = read(steps, matrix, offset)
        cut = steps[margin:-margin, margin:-margin]
        np.testing.assert_allclose(ours(None, shift_twice=True).transform(x, (dx, dy, degrees))[0, 0], cut, atol=1e-10)


def test_random_search_draws_from_the_grid_the_same_for_all_batches(classifier, glyphs):
    attack = STM(classifier, dx=(-0.1, 0.1, 5), angle=(-30.0, 30.0, 31), n_samples=7)
    drawn = attack.candidates()
    assert drawn.shape == (7, 3) and set(drawn[:, 0].round(6)) <= {-0.1, -0.05, 0.0, 0.05, 0.1}
    np.testing.assert_array_equal(drawn, attack.candidates())
    assert not np.array_equal(
        drawn, STM(classifier, dx=(-0.1, 0.1, 5), angle=(-30.0, 30.0, 31), n_samples=7, seed=1).candidates()
    )
    x = glyphs.x_test[:9]
    np.testing.assert_allclose(
        STM(classifier, n_samples=7, batch_size=2)(x), STM(classifier, n_samples=7)(x), atol=1e-6
    )


@pytest.mark.parametrize(
    ("parameters", "message"),
    (
        ({"dx": 0.1}, r"dx is 0.1; give \(lowest, highest, how many\)"),
        ({"dy": (0.2, 0.1, 2)}, "dy's highest is 0.1; it must be at least 0.2"),
        ({"dx": (-2, 2, 3)}, "dx's lowest is -2.0; it must be at least -1"),
        ({"angle": (-30, 30, 0)}, "angle's how many is 0"),
        ({"n_samples": 0}, "n_samples is 0"),
        ({"angle": (0, float("nan"), 2)}, "angle's highest is nan"),
    ),
)
def test_bad_parameters(classifier, parameters, message):
    with pytest.raises(ArgumentError, match=message):
        STM(classifier, **parameters)
