"""The cache of compiled kernels: hits, damaged and foreign files, unwritable folders."""
import errno
import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("numba")

from sdpadv_np.kernels.runtime import cache
from sdpadv_np.kernels.runtime.jit import njit


def plus(a, b):
    return a + b


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The folder set in NUMBA_CACHE_DIR."""
    monkeypatch.setattr(cache.config, "CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_warned", [])
    return tmp_path / "cache"


def compiled(*arguments):
    """(result, was it in the cache?) of a new dispatcher, as in a new process."""
    dispatcher = njit()(plus)
    return dispatcher(*arguments), bool(dispatcher.stats.cache_hits)


def test_each_type_is_a_hit(here):
    assert compiled(1, 2) == (3, False) and compiled(1.5, 2.0) == (3.5, False)
    assert compiled(1, 2) == (3, True) and compiled(1.5, 2.0) == (3.5, True)
    assert len(list(here.glob("*/*"))) == 2


def test_two_cold_starts_do_not_mix_their_types(here):
    """Each is compiled for its own types before either is saved: Numba's index would name one file for both."""
    first, second = njit()(plus), njit()(plus)
    keep = [d._cache.save_overload for d in (first, second)]
    waiting = []
    for dispatcher in (first, second):
        dispatcher._cache.save_overload = lambda *arguments: waiting.append(arguments)
    assert first(1, 2) == 3 and second(1.5, 2.0) == 3.5
    for save, arguments in zip(keep, waiting):
        save(*arguments)
    assert compiled(1, 2) == (3, True) and compiled(1.5, 2.0) == (3.5, True)


@pytest.mark.parametrize("change", (
    lambda data: b"", lambda data: data[:20], lambda data: data[: len(data) // 2],
    lambda data: data[:50] + b"\xff" + data[51:], lambda data: bytes(len(data)),
))
def test_a_damaged_file_is_compiled_again(here, change):
    compiled(1, 2)
    (path,) = here.glob("*/*")
    whole = path.read_bytes()
    path.write_bytes(change(whole))
    assert compiled(1, 2) == (3, False)
    assert compiled(1, 2) == (3, True)


def test_a_file_under_the_name_of_another_is_a_miss(here):
    compiled(1, 2)
    (whole,) = here.glob("*/*")
    compiled(1.5, 2.0)
    (other,) = set(here.glob("*/*")) - {whole}
    other.write_bytes(whole.read_bytes())
    assert compiled(1.5, 2.0) == (3.5, False)


@pytest.mark.parametrize("make", (os.mkfifo, lambda path: path.symlink_to("/dev/zero")))
def test_a_pipe_or_device_does_not_block(here, make):
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


def test_the_stamp_follows_the_sources(tmp_path):
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


def test_an_unwritable_folder_warns_once(here):
    here.write_text("a file, where the folder should be")
    message = "compiled kernels cannot be cached .*set NUMBA_CACHE_DIR to a writable folder"
    with pytest.warns(RuntimeWarning, match=message) as warned:
        assert compiled(1, 2) == (3, False) and compiled(1.5, 2.0) == (3.5, False)
    assert len(warned) == 1


def test_a_full_disk_leaves_no_partial_file(here, monkeypatch):
    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cache.os, "replace", fail)
    with pytest.warns(RuntimeWarning, match="No space left on device"):
        assert compiled(1, 2) == (3, False)
    assert not list(here.glob("*/*")) and not list(here.glob("*/.*"))


def test_all_folders_are_read_and_the_first_writable_one_is_written(tmp_path, monkeypatch):
    """As in a container: compiled ahead by one user, in folders that are read-only for others."""
    first, second = tmp_path / "first", tmp_path / "second"
    monkeypatch.setattr(cache, "folders", lambda sources: [first, second])
    compiled(1, 2)
    assert list(first.iterdir()) and not second.exists()
    (first / "blocked").write_text("")
    monkeypatch.setattr(cache, "folders", lambda sources: [first / "blocked", second, first])
    assert compiled(1, 2) == (3, True) and compiled(1.5, 2.0) == (3.5, False)
    assert len(list(second.iterdir())) == 1


def test_the_folders(monkeypatch, tmp_path):
    monkeypatch.setattr(cache.config, "CACHE_DIR", "~/numba")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert [p.parent for p in cache.folders(tmp_path)] == [tmp_path / "numba"]
    monkeypatch.setattr(cache.config, "CACHE_DIR", "")
    beside, users = cache.folders(tmp_path)
    assert beside == tmp_path / "__pycache__" and users.is_absolute()
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # no home is known
    assert "~" not in str(cache.folders(tmp_path))


def test_processes_that_start_cold_at_once(tmp_path):
    program = """
import sys
import numpy as np
from sdpadv_np.kernels import clip
sys.stdin.readline()
x = np.linspace(-1, 2, 7, dtype=sys.argv[1])
print(clip.backward(np.ones_like(x), x, 0.0, 1.0).tolist())
"""
    env = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "SDPADV_KERNEL": ""}
    started = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", program, dtype], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, text=True, env=env)
        for dtype in ("float32", "float64")]
    answers = [process.communicate("go\n")[0] for process in started]
    x = np.linspace(-1, 2, 7)
    assert answers == [f"{((x >= 0) & (x <= 1)).astype(float).tolist()}\n"] * 2
    assert not list(tmp_path.glob("*/.*"))


def test_without_jit_the_definitions_run():
    program = """
import warnings
import numpy as np
with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    import sdpadv_np as sd
    x, y = np.full((2, 1, 28, 28), 0.5, np.float32), np.array([0, 1])
    sd.attacks.SdpAdv(sd.models.ModelB()).fit(x, y, x, y, epochs=1, progress=False)(x)
messages = [str(w.message) for w in warned]
reason = "NUMBA_DISABLE_JIT switches Numba off"
assert messages == [f"numba kernels cannot run here ({reason}); slower ones are used"], messages
assert sd.warm_up() == {}
"""
    env = os.environ | {"NUMBA_DISABLE_JIT": "1", "SDPADV_KERNEL": ""}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
