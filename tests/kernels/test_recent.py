"""Tables that depend on sizes: made once, and bounded by the bytes that they take together."""
import threading

import numpy as np
import pytest

from sdpadv_np.kernels.runtime import tables as _recent
from sdpadv_np.kernels import affine_sample, flow_sample
from sdpadv_np.kernels.runtime.tables import recent


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    monkeypatch.setattr(_recent, "_recent", {})


def kept() -> int:
    return sum(array.nbytes for result, _ in _recent._recent.values() for array in result if isinstance(array, np.ndarray))


def counted():
    made = []

    @recent
    def table(size):
        made.append(size)
        return np.zeros(size, np.uint8), np.zeros(0)

    return table, made


def test_a_table_is_made_once_and_the_oldest_go_first():
    table, made = counted()
    size = _recent.LIMIT // 4
    for k in (0, 0, 1, 2, 3, 3):
        assert table(size - k)[0].nbytes == size - k
    assert made == [size, size - 1, size - 2, size - 3]
    table(size - 4)  # a fifth: the first has to go
    table(size - 1)
    assert made[4:] == [size - 4] and kept() <= _recent.LIMIT
    table(size)
    assert made[5:] == [size]


def test_one_beyond_the_limit_is_not_kept_and_drives_nobody_out():
    table, made = counted()
    table(10), table(_recent.LIMIT + 1), table(_recent.LIMIT + 1), table(10)
    assert made == [10, _recent.LIMIT + 1, _recent.LIMIT + 1]


def test_small_ones_are_bounded_in_number():
    table, made = counted()
    for size in range(2 * _recent.MOST):
        table(size)
    assert len(_recent._recent) == _recent.MOST
    table(2 * _recent.MOST - 1)
    assert len(made) == 2 * _recent.MOST


def test_two_functions_of_the_same_arguments_are_two():
    (one, made), (other, others) = counted(), counted()
    one(3), other(3), one(3), other(3)
    assert made == others == [3]


def test_threads_at_once_find_what_they_asked_for():
    table, _ = counted()
    wrong = []

    def ask(seed):
        for size in np.random.default_rng(seed).integers(0, 600, 500).tolist():
            if table(size)[0].nbytes != size:
                wrong.append(size)

    threads = [threading.Thread(target=ask, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and len(_recent._recent) <= _recent.MOST


@pytest.mark.parametrize("implementation", ("numpy", "numba"))
def test_the_samplers_keep_no_more_than_that(monkeypatch, implementation):
    monkeypatch.setattr(_recent, "LIMIT", 1 << 20)
    for side in range(40, 140, 5):
        x = np.full((1, 1, side, side), 0.5, np.float32)
        affine_sample.forward(x, np.eye(2, 3, dtype=np.float32)[None], implementation=implementation)
        flow_sample.forward(x, np.zeros((1, 2, side, side), np.float32), implementation=implementation)
    assert _recent._recent and kept() <= 1 << 20
