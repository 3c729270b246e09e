"""Compiling: once per type, for literal numbers and read-only arrays too."""
import os
import subprocess
import sys

import numpy as np
import pytest

from sdpadv_np.kernels.runtime.tracing import contiguous

pytest.importorskip("numba")


def test_literal_numbers_have_their_type():
    from sdpadv_np.kernels.runtime.jit import njit

    @njit()
    def add(a, b):
        return a + b

    @njit()
    def sums(n):
        total = 0
        for _ in range(n):
            total = add(total, 1)
        return add(total, 2) + add(3, total)

    assert sums(4) == 13
    assert [str(signature) for signature in add.overloads] == ["(int64, int64)"]


def test_functions_of_others_are_not_counted():
    import numba
    from numba.core import event

    from sdpadv_np.kernels.runtime import jit

    before = dict(jit.compile_seconds)
    assert numba.njit(lambda a: a + 1)(1) == 2
    assert numba.vectorize(lambda a: a + 1)(1) == 2
    with event.trigger_event("numba:compile"):
        pass
    assert jit.compile_seconds == before


def test_contiguous_gives_read_only_arrays_one_type_without_a_copy():
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert contiguous(array) is array
    array.flags.writeable = False
    same = contiguous(array)
    assert np.shares_memory(same, array) and same.flags.carray and same.dtype == array.dtype and same.shape == (2, 3)
    assert not array.flags.writeable
    del array
    np.testing.assert_array_equal(same, [[0, 1, 2], [3, 4, 5]])  # the memory stays alive
    assert contiguous(np.zeros((0, 3), np.float32)).shape == (0, 3)


def test_contiguous_copies_other_layouts():
    unaligned = np.frombuffer(bytearray(13), np.uint8)[1:].view(np.float32)
    for array in (unaligned, np.zeros((3, 4), np.float32).T, np.zeros(8, np.float32)[::2]):
        copy = contiguous(array)
        assert copy.flags.carray and not np.shares_memory(copy, array)
        np.testing.assert_array_equal(copy, array)


def test_compiling_is_reported_once_and_only_within_the_context(tmp_path):
    program = """
import logging, sys
import numpy as np
from sdpadv_np.kernels import clip, perturb, activation
from sdpadv_np.kernels.runtime import jit
from sdpadv_np.training.progress import compiling_shown
x = np.zeros(3, np.float32)
clip.backward(x, x, 0., 1.)
with compiling_shown(), compiling_shown():
    clip.backward(x, x, 0., 1.), perturb.forward(x, x, .1), perturb.backward(x, x, x, .1)
activation.forward(x[None], x, "relu")
print(*jit.compile_seconds, all(seconds > 0 for seconds in jit.compile_seconds.values()))
"""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "SDPADV_KERNEL": ""}
    done, again = (
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
        for _ in range(2))
    assert done.stdout == "clip perturb activation True\n", done.stderr
    assert done.stderr == "sdpadv: compiling perturb\n"
    assert (again.stdout, again.stderr) == ("True\n", "")
