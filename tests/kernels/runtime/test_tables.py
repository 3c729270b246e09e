"""Cached tables: computed once, and bounded in bytes."""
import threading

import numpy as np
import pytest

from sdpadv_np.kernels import affine_sample, flow_sample
from sdpadv_np.kernels.runtime import tables
from sdpadv_np.kernels.runtime.tables import cached_table


@pytest.fixture(autouse=True)
def no_tables(monkeypatch):
    monkeypatch.setattr(tables, "_tables", {})


def cached_bytes() -> int:
    arrays = (array for result, _ in tables._tables.values() for array in result)
    return sum(array.nbytes for array in arrays if isinstance(array, np.ndarray))


def counted():
    made = []

    @cached_table
    def table(size):
        made.append(size)
        return np.zeros(size, np.uint8), np.zeros(0)

    return table, made


def test_the_oldest_tables_are_dropped_first():
    table, made = counted()
    size = tables.LIMIT // 4
    for k in (0, 0, 1, 2, 3, 3):
        assert table(size - k)[0].nbytes == size - k
    assert made == [size, size - 1, size - 2, size - 3]
    table(size - 4)  # a fifth: the first is dropped
    table(size - 1)
    assert made[4:] == [size - 4] and cached_bytes() <= tables.LIMIT
    table(size)
    assert made[5:] == [size]


def test_a_table_beyond_the_limit_is_not_cached_and_replaces_none():
    table, made = counted()
    table(10), table(tables.LIMIT + 1), table(tables.LIMIT + 1), table(10)
    assert made == [10, tables.LIMIT + 1, tables.LIMIT + 1]


def test_small_tables_are_bounded_in_number():
    table, made = counted()
    for size in range(2 * tables.MAX_TABLES):
        table(size)
    assert len(tables._tables) == tables.MAX_TABLES
    table(2 * tables.MAX_TABLES - 1)
    assert len(made) == 2 * tables.MAX_TABLES


def test_two_functions_with_equal_arguments():
    (one, made), (other, others) = counted(), counted()
    one(3), other(3), one(3), other(3)
    assert made == others == [3]


def test_several_threads():
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
    assert not wrong and len(tables._tables) <= tables.MAX_TABLES


@pytest.mark.parametrize("implementation", ("numpy", "numba"))
def test_the_samplers_respect_the_limit(monkeypatch, implementation):
    monkeypatch.setattr(tables, "LIMIT", 1 << 20)
    for side in range(40, 140, 5):
        x = np.full((1, 1, side, side), 0.5, np.float32)
        affine_sample.forward(x, np.eye(2, 3, dtype=np.float32)[None], implementation=implementation)
        flow_sample.forward(x, np.zeros((1, 2, side, side), np.float32), implementation=implementation)
    assert tables._tables and cached_bytes() <= 1 << 20
