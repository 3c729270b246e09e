"""Where attacks begin, seen with a classifier that is flat: no slope moves them on."""
import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np.attacks import PGD, RFGSM, SPSA, BlackBoxSdpAdv, StAdv
from sdpadv_np.attacks import stadv as stadv_module

SHAPE = (40, 1, 8, 8)


def flat():
    return sd.models.ExternalClassifier(
        lambda x: np.tile(np.arange(10, 0, -1, dtype=np.float32), (len(x), 1)), lambda x, g: np.zeros_like(x), SHAPE[1:]
    )


def uniform_within(moved, eps):
    """Starts are uniform on [-eps, eps]: limits, means of size and square, no side preferred, no two alike."""
    assert np.abs(moved).max() <= eps * (1 + 1e-5)
    assert moved.max() > 0.99 * eps and moved.min() < -0.99 * eps
    assert np.abs(moved).mean() == pytest.approx(eps / 2, rel=0.05) and np.square(moved).mean() == pytest.approx(
        eps**2 / 3, rel=0.05
    )
    assert abs(moved.mean()) < 0.05 * eps
    assert len(np.unique(moved)) > 0.95 * moved.size, "every pixel of every image is drawn by itself"


@pytest.mark.parametrize("eps", (0.1, 0.3))
@pytest.mark.parametrize("attack", (PGD, SPSA))
def test_pgd_and_spsa_start_anywhere_within_eps(attack, eps):
    x = np.full(SHAPE, 0.5, np.float32)
    steps = {"samples": 2, "stop_on_success": False} if attack is SPSA else {}
    uniform_within(attack(flat(), eps=eps, steps=2, **steps)(x) - x, eps)


def test_the_start_is_clipped_to_images():
    x = np.zeros(SHAPE, np.float32)
    moved = PGD(flat(), eps=0.3)(x)
    assert moved.min() == 0 and moved.max() > 0.29 and (moved == 0).mean() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("attack", (PGD, SPSA))
def test_without_a_random_start_they_start_at_the_image(attack):
    x = np.full(SHAPE, 0.5, np.float32)
    np.testing.assert_array_equal(attack(flat(), random_start=False, steps=1)(x), x)


@pytest.mark.parametrize("start", (0.05, 0.2))
def test_rfgsm_starts_at_a_corner(start):
    x = np.full(SHAPE, 0.5, np.float32)
    moved = RFGSM(flat(), eps=0.3, start=start)(x) - x
    np.testing.assert_allclose(np.abs(moved), start, rtol=1e-5)
    assert (moved > 0).mean() == pytest.approx(0.5, abs=0.05)


def test_batches_go_on_drawing_where_the_last_one_stopped():
    x = np.full(SHAPE, 0.5, np.float32)
    whole, parts = PGD(flat())(x), PGD(flat(), batch_size=15)(x)
    np.testing.assert_array_equal(whole, parts)
    assert not np.array_equal(parts[:15], parts[15:30])


def test_stadv_starts_anywhere_within_its_start(monkeypatch):
    started = []

    def minimise(function, x0, **options):
        started.append(x0.copy())

    monkeypatch.setattr(stadv_module, "minimise", minimise)
    StAdv(flat(), start=0.25, tau_steps=2)(np.full(SHAPE, 0.5, np.float32))
    assert len(started) == 2 and not np.array_equal(*started), "a search that begins anew begins elsewhere"
    for x0 in started:
        uniform_within(x0, 0.25)


def test_the_black_box_explores_all_that_the_attack_may_do():
    x = np.full((60, 1, 28, 28), 0.5, np.float32)
    explored = BlackBoxSdpAdv(flat().probabilities, eps=0.2, spatial=False)._explored(x)
    uniform_within(explored - x, 0.2)
