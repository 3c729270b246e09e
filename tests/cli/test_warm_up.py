"""``sdpadv warm-up``."""
import os
import subprocess
import sys

import pytest

import sdpadv_np as sd
from sdpadv_np import kernels
from sdpadv_np.cli import main
from sdpadv_np.cli import warm_up as command


def test_it_shows_what_was_compiled_and_how_long_that_took(monkeypatch, capsys):
    monkeypatch.setattr(command, "warm_up", lambda: {"dense": 3.21, "conv2d": 9.0})
    assert main(["warm-up"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[2:4]] == [["dense", "3.2"], ["conv2d", "9.0"]]
    assert lines[-1].startswith("everything is compiled (")


def test_it_says_that_nothing_was_left_to_do(monkeypatch, capsys):
    monkeypatch.setattr(command, "warm_up", dict)
    assert main(["warm-up"]) == 0
    assert capsys.readouterr().out.startswith("everything was compiled already (")


def test_without_numba_nothing_was_compiled(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "sdpadv_np.kernels.runtime.jit", None)
    monkeypatch.delattr(kernels.runtime, "jit", raising=False)
    assert main(["warm-up"]) == 1
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.startswith("sdpadv: nothing was compiled, and slower kernels are used: ")
    with pytest.warns(RuntimeWarning, match="nothing was compiled, and slower kernels are used"):
        assert sd.warm_up() == {}


def test_settings_that_numba_refuses_are_said_to_be_so():
    pytest.importorskip("numba")
    program = "from sdpadv_np.warming import why_not_compiled; print(why_not_compiled())"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=os.environ | {"NUMBA_NUM_THREADS": "0"}
    )
    assert done.stdout.startswith("Numba refuses its settings in the environment"), done.stderr
