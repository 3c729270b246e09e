"""Files: whole or not at all, and never believed unchecked."""
import os
import resource
import signal
import subprocess
import sys

import h5py
import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np import files
from sdpadv_np.errors import ArgumentError, FileError

ARRAYS = {"a/W": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.zeros((), np.int64)}


@pytest.fixture
def path(tmp_path):
    files.write(tmp_path / "f.h5", "thing", ARRAYS, {"seed": 1})
    return tmp_path / "f.h5"


def test_round_trip(path):
    kind, arrays, attributes = files.read(path)
    assert (kind, attributes) == ("thing", {"seed": 1})
    assert {k: (v.dtype, v.shape) for k, v in arrays.items()} == {k: (v.dtype, v.shape) for k, v in ARRAYS.items()}
    np.testing.assert_array_equal(arrays["a/W"], ARRAYS["a/W"])


def test_the_same_content_gives_the_same_bytes(path, tmp_path):
    files.write(tmp_path / "g.h5", "thing", ARRAYS, {"seed": 1})
    assert path.read_bytes() == (tmp_path / "g.h5").read_bytes()


def _edit(path, change):
    with h5py.File(path, "r+") as file:
        change(file)


def test_what_is_refused(path):
    whole = path.read_bytes()

    def refused(message, kinds=None):
        with pytest.raises(FileError, match=message) as error:
            files.read(path, kinds)
        assert str(path) in str(error.value) and "\n" not in str(error.value)
        path.write_bytes(whole)

    refused("holds a thing; expected a classifier", ["classifier"])
    path.write_bytes(whole[: len(whole) // 2])
    refused("not a whole HDF5 file")
    path.write_bytes(b"")
    refused("not a whole HDF5 file")
    path.write_bytes(b"PK" + whole[2:])
    refused("not a whole HDF5 file")
    _edit(path, lambda f: f.attrs.__delitem__("format"))
    refused("was not written by sdpadv-np")
    _edit(path, lambda f: f.attrs.__setitem__("format_version", 99))
    refused("format version 99.*install a newer")
    _edit(path, lambda f: f["arrays/a/W"].__setitem__((0, 0), 5.0))
    refused("does not match its checksum")
    path.unlink()
    with pytest.raises(FileError, match="No such file"):
        files.read(path)


def test_weights_that_are_not_finite_are_refused(tmp_path):
    for value in (np.nan, np.inf):
        files.write(tmp_path / "n.h5", "thing", {"W": np.array([1, value])}, {})
        with pytest.raises(FileError, match="W holds NaN or infinite"):
            files.read(tmp_path / "n.h5")


def test_no_byte_can_be_changed_unnoticed(path):
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for position in rng.integers(0, len(whole), 60):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x55]) + whole[position + 1 :])
        try:
            _, arrays, attributes = files.read(path)
        except FileError:
            continue
        assert attributes == {"seed": 1} and all(np.array_equal(arrays[k], v) for k, v in ARRAYS.items())  # an unused byte


def test_a_folder_that_cannot_be_written(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(FileError, match="cannot be written.*choose another folder"):
        files.write_text(blocked / "below", "x")
    assert blocked.read_text() == ""


def test_a_full_disk_leaves_the_old_file(tmp_path):
    """The process may write no more than 4 kB to a file, as if the disk were full."""
    target = tmp_path / "f.h5"
    target.write_text("old")
    program = f"""
import numpy as np
from sdpadv_np import files
from sdpadv_np.errors import FileError
try:
    files.write({str(target)!r}, "thing", {{"W": np.zeros(100000)}}, {{}})
except FileError as error:
    print(error)
"""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    done = subprocess.run([sys.executable, "-c", program], preexec_fn=limit, capture_output=True, text=True)
    assert "cannot be written: File too large; make room" in done.stdout, done.stderr
    assert target.read_text() == "old" and os.listdir(tmp_path) == ["f.h5"]


def test_an_interrupted_write_leaves_the_old_file(path, monkeypatch):
    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        files.write(path, "thing", ARRAYS, {"seed": 2})
    assert path.read_bytes() == before and os.listdir(path.parent) == [path.name]


def test_save_and_load_classifier_and_generator(tmp_path, classifier, glyphs):
    x = glyphs.x_test[:20]
    sd.save(classifier, tmp_path / "c.h5")
    again = sd.load(tmp_path / "c.h5")
    assert type(again) is sd.models.ModelB and again.settings == classifier.settings and again.history == classifier.history
    assert again.logits(x).tobytes() == classifier.logits(x).tobytes()
    attack = sd.attacks.SdpAdv(classifier, eps=0.2, gamma=0.4, projection="l2", convention="align_corners", seed=3)
    sd.save(attack, tmp_path / "g.h5")
    generator = sd.load(tmp_path / "g.h5")
    assert generator.parameters() == attack.generator.parameters() and generator(x).tobytes() == attack.generator(x).tobytes()
    with pytest.raises(ArgumentError, match="cannot save a dict"):
        sd.save({}, tmp_path / "d.h5")
    kind, arrays, attributes = files.read(tmp_path / "c.h5")
    files.write(tmp_path / "z.h5", kind, arrays, {**attributes, "architecture": "Z"})
    with pytest.raises(FileError, match="architecture is 'Z'; known are A, B"):
        sd.load(tmp_path / "z.h5")
    files.write(tmp_path / "y.h5", kind, arrays, {**attributes, "architecture": "A"})
    with pytest.raises(FileError, match="lacks model_a"):
        sd.load(tmp_path / "y.h5")
