"""Compiled kernels that are kept: found again, never believed when they are not what was asked for, never a reason to fail."""
import errno
import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("numba")

from sdpadv_np.kernels.runtime import cache  # noqa: E402
from sdpadv_np.kernels.runtime.jit import njit  # noqa: E402


def plus(a, b):
    return a + b


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder that is set in NUMBA_CACHE_DIR."""
    monkeypatch.setattr(cache.config, "CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_warned", [])
    return tmp_path / "cache"


def compiled(*arguments):
    """(result, found where it was kept?) of a new dispatcher, as in a new process."""
    dispatcher = njit()(plus)
    return dispatcher(*arguments), bool(dispatcher.stats.cache_hits)


def test_it_is_found_again_for_each_type(here):
    assert compiled(1, 2) == (3, False) and compiled(1.5, 2.0) == (3.5, False)
    assert compiled(1, 2) == (3, True) and compiled(1.5, 2.0) == (3.5, True)
    assert len(list(here.glob("*/*"))) == 2


def test_two_cold_starts_at_once_do_not_take_each_others_types(here):
    """Each compiled for its own types before either had kept anything: Numba's index would name one file for both."""
    first, second = njit()(plus), njit()(plus)
    keep = [d._cache.save_overload for d in (first, second)]
    waiting = []
    for dispatcher in (first, second):
        dispatcher._cache.save_overload = lambda *arguments: waiting.append(arguments)
    assert first(1, 2) == 3 and second(1.5, 2.0) == 3.5
    for save, arguments in zip(keep, waiting):
        save(*arguments)
    assert compiled(1, 2) == (3, True) and compiled(1.5, 2.0) == (3.5, True)


@pytest.mark.parametrize("change", (lambda data: b"", lambda data: data[:20], lambda data: data[: len(data) // 2], lambda data: data[:50] + b"\xff" + data[51:], lambda data: bytes(len(data))))
def test_a_damaged_file_is_compiled_again(here, change):
    compiled(1, 2)
    (path,) = here.glob("*/*")
    whole = path.read_bytes()
    path.write_bytes(change(whole))
    assert compiled(1, 2) == (3, False)
    assert compiled(1, 2) == (3, True)


def test_a_file_under_anothers_name_is_not_believed(here):
    compiled(1, 2)
    (whole,) = here.glob("*/*")
    compiled(1.5, 2.0)
    (other,) = set(here.glob("*/*")) - {whole}
    other.write_bytes(whole.read_bytes())
    assert compiled(1.5, 2.0) == (3.5, False)


@pytest.mark.parametrize("make", (os.mkfifo, lambda path: path.symlink_to("/dev/zero")))
def test_what_is_no_file_is_not_waited_for(here, make):
    compiled(1, 2)
    (path,) = here.glob("*/*")
    path.unlink()
    make(path)
    assert compiled(1, 2) == (3, False) and compiled(1, 2) == (3, True)


def test_a_changed_source_is_compiled_again(here, monkeypatch):
    compiled(1, 2)
    monkeypatch.setattr(cache, "_stamp", lambda sources: b"another")
    assert compiled(1, 2) == (3, False) and compiled(1, 2) == (3, True)
    assert len(list(here.glob("*/*"))) == 1


def test_the_sources_are_those_a_kernel_is_built_of(tmp_path):
    (tmp_path / "a.py").write_text("1")
    before = cache._stamp(tmp_path)
    (tmp_path / "a.py").write_text("2")
    cache._stamp.cache_clear()
    assert cache._stamp(tmp_path) != before
    (tmp_path / "archive.zip").write_text("1")
    inside = tmp_path / "archive.zip" / "sdpadv_np" / "kernels"
    before = cache._stamp(inside)
    (tmp_path / "archive.zip").write_text("12")
    cache._stamp.cache_clear()
    assert cache._stamp(inside) != before


def test_what_cannot_be_kept_is_said_once_and_works(here):
    here.write_text("a file, where the folder should be")
    with pytest.warns(RuntimeWarning, match="compiled kernels cannot be kept .*set NUMBA_CACHE_DIR to a folder that can be written to") as said:
        assert compiled(1, 2) == (3, False) and compiled(1.5, 2.0) == (3.5, False)
    assert len(said) == 1


def test_a_full_disk_leaves_nothing_half(here, monkeypatch):
    monkeypatch.setattr(cache.os, "replace", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left on device")))
    with pytest.warns(RuntimeWarning, match="No space left on device"):
        assert compiled(1, 2) == (3, False)
    assert not list(here.glob("*/*")) and not list(here.glob("*/.*"))


def test_it_is_looked_for_in_every_folder_and_kept_in_the_first_that_can_be_written_to(tmp_path, monkeypatch):
    """As in a container: compiled ahead by one user, in folders that others may only read."""
    first, second = tmp_path / "first", tmp_path / "second"
    monkeypatch.setattr(cache, "folders", lambda sources: [first, second])
    compiled(1, 2)
    assert list(first.iterdir()) and not second.exists()
    (first / "blocked").write_text("")
    monkeypatch.setattr(cache, "folders", lambda sources: [first / "blocked", second, first])
    assert compiled(1, 2) == (3, True) and compiled(1.5, 2.0) == (3.5, False)
    assert len(list(second.iterdir())) == 1


def test_where(monkeypatch, tmp_path):
    monkeypatch.setattr(cache.config, "CACHE_DIR", "~/numba")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert [p.parent for p in cache.folders(tmp_path)] == [tmp_path / "numba"]
    monkeypatch.setattr(cache.config, "CACHE_DIR", "")
    beside, users = cache.folders(tmp_path)
    assert beside == tmp_path / "__pycache__" and users.is_absolute()
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # nobody's home is known
    assert "~" not in str(cache.folders(tmp_path))


def test_processes_that_start_cold_at_once_all_get_it_right(tmp_path):
    program = """
import sys
import numpy as np
from sdpadv_np.kernels import clip
sys.stdin.readline()
x = np.linspace(-1, 2, 7, dtype=sys.argv[1])
print(clip.backward(np.ones_like(x), x, 0.0, 1.0).tolist())
"""
    env = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "SDPADV_KERNEL": ""}
    started = [subprocess.Popen([sys.executable, "-W", "error", "-c", program, dtype], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) for dtype in ("float32", "float64")]
    answers = [process.communicate("go\n")[0] for process in started]
    x = np.linspace(-1, 2, 7)
    assert answers == [f"{((x >= 0) & (x <= 1)).astype(float).tolist()}\n"] * 2
    assert not list(tmp_path.glob("*/.*"))


def test_numba_switched_off_leaves_the_definitions():
    program = """
import warnings
import numpy as np
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    import sdpadv_np as sd
    x = np.full((2, 1, 28, 28), 0.5, np.float32)
    sd.attacks.SdpAdv(sd.models.ModelB()).fit(x, np.array([0, 1]), x, np.array([0, 1]), epochs=1, progress=False)(x)
assert [str(w.message) for w in said] == ["numba kernels cannot run here (NUMBA_DISABLE_JIT switches Numba off); slower ones are used"], [str(w.message) for w in said]
assert sd.warm_up() == {}
"""
    env = os.environ | {"NUMBA_DISABLE_JIT": "1", "SDPADV_KERNEL": ""}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
