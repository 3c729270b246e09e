"""Files: whole or not at all, and never believed unchecked."""
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np.errors import ArgumentError, DataError, FileError, MissingError
from sdpadv_np.storage import child_process, container, files

ARRAYS = {"a/W": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.zeros((), np.int64), "none": np.zeros((0, 3))}
OLD = Path(__file__).parent / "old_files"  # written by the version before the checksum stood outside the HDF5


@pytest.fixture
def path(tmp_path):
    files.write(tmp_path / "f.h5", "thing", ARRAYS, {"seed": 1})
    return tmp_path / "f.h5"


def resealed(data):
    """With the checksum made right."""
    return data[:16] + container._checksum(data[:16], data[container.HEAD_SIZE :]) + data[container.HEAD_SIZE :]


def test_round_trip(path):
    kind, arrays, attributes = files.read(path)
    assert (kind, attributes) == ("thing", {"seed": 1})
    assert {k: (v.dtype, v.shape) for k, v in arrays.items()} == {k: (v.dtype, v.shape) for k, v in ARRAYS.items()}
    np.testing.assert_array_equal(arrays["a/W"], ARRAYS["a/W"])


def test_the_same_content_gives_the_same_bytes(path, tmp_path):
    files.write(tmp_path / "g.h5", "thing", ARRAYS, {"seed": 1})
    assert path.read_bytes() == (tmp_path / "g.h5").read_bytes()


def test_any_hdf5_tool_opens_it(path):
    with h5py.File(path) as file:
        assert json.loads(file["attributes"][()]) == {"seed": 1} and file.attrs["kind"] == "thing"
        np.testing.assert_array_equal(file["arrays/a/W"][()], ARRAYS["a/W"])


def test_reading_needs_no_hdf5(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    assert files.read(path)[0] == "thing"
    with pytest.raises(MissingError, match="need h5py"):
        files.write(path, "thing", ARRAYS, {})


def test_arrays_of_the_other_byte_order_come_back_in_ours(tmp_path):
    files.write(tmp_path / "f.h5", "thing", {"W": np.arange(3, dtype=">f8")}, {})
    (array,) = files.read(tmp_path / "f.h5")[1].values()
    assert array.dtype == np.float64 and array.dtype.isnative and array.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "array", (np.array(["a"]), np.array([None]), np.zeros(2, np.longdouble), np.zeros(2, complex)), ids=str
)
def test_arrays_that_a_file_cannot_hold_are_refused_before_it_is_touched(path, array):
    before = path.read_bytes()
    with pytest.raises(ArgumentError, match="W has dtype .*, which a file cannot hold"):
        files.write(path, "thing", {"W": array}, {})
    assert path.read_bytes() == before


def test_what_is_refused(path):
    whole = path.read_bytes()

    def refused(data, message, kinds=None):
        path.write_bytes(data)
        with pytest.raises(FileError, match=message) as error:
            files.read(path, kinds)
        assert str(path) in str(error.value) and "\n" not in str(error.value)

    refused(whole, "holds a thing; expected a classifier", ["classifier"])
    refused(whole[: len(whole) // 2], "is damaged or cut off")
    refused(whole[:20], "is cut off after 20 bytes")
    refused(b"", "was not written by sdpadv-np")
    refused(b"PK" + whole[2:], "was not written by sdpadv-np, or its first bytes are damaged")
    refused(resealed(whole[:8] + b"\x63" + whole[9:]), "format version 99.*install a newer")
    refused(whole[:8] + b"\x63" + whole[9:], "is damaged")  # one wrong byte is no newer version
    # HDF5 alone again, as an old file; but it says what it is
    refused(whole[512:], "lacks the checksum before the HDF5")
    path.unlink()
    with pytest.raises(FileError, match="No such file"):
        files.read(path)


def test_weights_that_are_not_finite_are_refused(tmp_path):
    for value in (np.nan, np.inf):
        files.write(tmp_path / "n.h5", "thing", {"W": np.array([1, value])}, {})
        with pytest.raises(FileError, match="W holds NaN or infinite"):
            files.read(tmp_path / "n.h5")


def test_no_byte_can_be_changed_unnoticed_and_no_parser_sees_it(path, monkeypatch):
    whole = path.read_bytes()
    monkeypatch.setattr(container.schema, "parse_json", lambda *_: pytest.fail("parsed before the checksum was right"))
    monkeypatch.setattr(child_process, "call", lambda *_, **__: pytest.fail("taken for an old file"))
    for position in range(len(whole)):
        for value in {0, 255, whole[position] ^ 1 << position % 8} - {whole[position]}:
            damaged = whole[:position] + bytes([value]) + whole[position + 1 :]
            monkeypatch.setattr(files, "read_bytes", lambda path, damaged=damaged: damaged)
            with pytest.raises(FileError, match="is damaged|first bytes are damaged"):
                files.read(path)


INDICES = {
    "a shape beyond all memory": (
        lambda i, size: i["arrays"]["a/W"].__setitem__(1, [10**6, 10**6]),
        "expected .dtype, shape, offset. of numbers within this file",
    ),
    "a shape beyond the file": (
        lambda i, size: i["arrays"]["a/W"].__setitem__(1, [90, 90]), "more than the .* bytes of this file"
    ),
    "an offset beyond the file": (
        lambda i, size: i["arrays"]["a/W"].__setitem__(2, 10**12), "numbers within this file"
    ),
    "an offset at its end": (lambda i, size: i["arrays"]["a/W"].__setitem__(2, size - 8), "a/W reaches to byte"),
    "a negative size": (lambda i, size: i["arrays"]["a/W"].__setitem__(1, [-1, 3]), "numbers within this file"),
    "one file as ten thousand arrays": (
        lambda i, size: i["arrays"].update({str(n): ["<f8", [900], 512] for n in range(30)}),
        "more than the .* bytes of this file"
    ),
    "objects": (lambda i, size: i["arrays"]["a/W"].__setitem__(0, "|O"), "expected .dtype, shape, offset."),
    "no attributes": (lambda i, size: i.pop("attributes"), "lacks attributes; expected a list of 2"),
    "attributes beyond the file": (lambda i, size: i.update(attributes=[0, 10**9]), "attributes reaches to byte"),
    "attributes that are no text": (lambda i, size: i.update(attributes=[0, 4]), "attributes is no text"),
    "a list": (lambda i, size: i.update(arrays=[]), "arrays is ..; expected an object"),
}


@pytest.mark.parametrize("name", INDICES)
def test_an_odd_index_with_the_right_checksum(path, name):
    change, message = INDICES[name]
    whole = path.read_bytes()
    length = int.from_bytes(whole[12:16], "little")
    index = json.loads(whole[container.HEAD_SIZE : container.HEAD_SIZE + length])
    change(index, len(whole))
    path.write_bytes(container.assemble(json.dumps(index).encode(), whole[512:]))
    with pytest.raises(FileError, match=message) as error:
        files.read(path)
    assert str(path) in str(error.value) and len(str(error.value)) < 400


@pytest.mark.parametrize(
    "text",
    (
        "", "[1]", "{", '{"a": NaN}', '{"a": 1e400}', "[" * 100_000, '{"a": ' + "[" * 50 + "]" * 50 + "}",
        '{"a": ' + "9" * 10_000 + "}",
    ),
    ids=lambda t: t[:9],
)
def test_odd_attributes_with_the_right_checksum(path, text):
    path.write_bytes(container.pack("thing", ARRAYS, text))
    try:
        assert files.read(path)[2] == {"a": float("inf")}  # the schema refuses it where a number is meant
    except FileError as error:
        assert str(path) in str(error) and len(str(error)) < 400


def test_old_files_still_load(monkeypatch):
    generator, x = sd.load(OLD / "atn_generator.h5"), np.random.default_rng(1).random((3, 1, 2, 2)).astype(np.float32)
    assert generator.parameters() == {"form": "p-atn", "hidden": [2], "seed": 0, "image_shape": [1, 2, 2]}
    assert generator.settings["target"] == 1
    assert generator.history[0]["epoch"] == 1 and generator.made["commit"] == "a880ff5" and (generator(x) != x).any()
    assert sd.load(OLD / "generator.h5").parameters()["localisation"] == [2]


@pytest.mark.parametrize(
    "position, value, message",
    [
        (1064, 255, "did not come to an end in 2 s"), (849, 255, "crashed on it .SIG"),
        (0, 0, "was not written by sdpadv-np"), (1500, 1, "checksum|whole HDF5"),
    ],
)
def test_a_damaged_old_file_ends_in_a_clear_error(tmp_path, monkeypatch, position, value, message):
    """These two bytes made libhdf5 run for ever, and crash; another version may notice them, which is as good."""
    monkeypatch.setattr(child_process, "SECONDS", 2)
    data = (OLD / "checkpoint.h5").read_bytes()
    (tmp_path / "f.h5").write_bytes(data[:position] + bytes([value]) + data[position + 1 :])
    try:
        assert files.read(tmp_path / "f.h5")[0] == "checkpoint" and position  # its own checksum was right
    except FileError as error:
        assert re.search(f"{message}|is not a whole HDF5 file", str(error))
        assert str(tmp_path / "f.h5") in str(error) and "\n" not in str(error)


def test_an_old_file_is_read_in_a_program_without_a_main_guard_and_from_another_folder(tmp_path):
    (tmp_path / "program.py").write_text(
        f"import sdpadv_np as sd\nprint(type(sd.load({str(OLD / 'generator.h5')!r})).__name__)\n"
    )
    done = subprocess.run([sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "Generator\n", done.stderr


def test_where_no_python_can_be_started_an_old_file_is_refused(monkeypatch):
    for name, value, message in (
        ("executable", "", "needs|has to be read by a Python"),
        ("executable", "/nowhere/python", "no process could be started"),
        ("executable", shutil.which("false"), "status 1"),
    ):
        monkeypatch.setattr(sys, name, value)
        with pytest.raises(FileError, match=message):
            sd.load(OLD / "generator.h5")


def test_a_child_takes_no_more_memory_than_it_may(monkeypatch):
    monkeypatch.setattr(child_process, "MEMORY", 1 << 30)
    monkeypatch.setattr(
        child_process, "_PROGRAM",
        "import sys; sys.path[:] = {}; from sdpadv_np.storage import child_process, old_files; "
        "old_files.converted = lambda path: bytes(1 << 31); child_process.main()",
    )
    with pytest.raises(FileError, match="generator.h5: takes more than 1 GiB of memory to read"):
        sd.load(OLD / "generator.h5")


def test_a_command_is_killed_with_all_it_started_and_has_no_terminal(tmp_path):
    started, alive = tmp_path / "started", tmp_path / "alive"
    (tmp_path / "below.py").write_text(
        f"import time\nopen({str(started)!r}, 'w')\ntime.sleep(1)\nopen({str(alive)!r}, 'w')\n"
    )
    below = f"subprocess.run([sys.executable, {str(tmp_path / 'below.py')!r}])"
    program = f"import subprocess, sys; assert sys.stdin.read() == ''; {below}"
    with pytest.raises(subprocess.TimeoutExpired):
        child_process.run([sys.executable, "-c", program], 0.8)
    assert started.exists()
    time.sleep(1)
    assert not alive.exists()


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    sd.save(sd.models.Generator(localisation=(2,), perturbation=(2,), image_shape=(1, 2, 2)), "~/below/g.h5")
    assert (tmp_path / "below/g.h5").exists() and sd.load("~/below/g.h5").parameters()["eps"] == 0.1
    monkeypatch.setenv("SDPADV_CACHE", "~/cache")
    assert sd.data.sources.cache_folder() == tmp_path / "cache"
    with pytest.raises(FileError, match="no such home folder; give the whole path"):
        sd.load("~nobody-of-this-name/g.h5")


@pytest.mark.parametrize(
    "make, message",
    [
        (os.mkfifo, "is a folder, a pipe or a device"), (os.mkdir, "is a folder, a pipe or a device"),
        (lambda p: os.symlink("/dev/zero", p), "is a folder, a pipe or a device"),
        (lambda p: p.write_bytes(bytes(1001)), "is larger than 1,000 bytes"),
    ],
    ids=("pipe", "folder", "device", "huge"),
)
def test_what_is_no_file_is_refused_at_once(tmp_path, make, message, monkeypatch):
    monkeypatch.setattr(files.read_bytes, "__defaults__", (1000,))
    make(tmp_path / "f")
    with pytest.raises(FileError, match=message):
        sd.load(tmp_path / "f")


def test_names_reach_the_terminal_as_escapes(tmp_path):
    for kind in (FileError, DataError, ArgumentError):
        assert str(kind("\x1b[2J\udc80\u202e ä")) == r"\x1b[2J\udc80\u202e ä"
    with pytest.raises(FileError, match=r"\\x1b\[31m\.h5: cannot be read"):
        sd.load(tmp_path / "\x1b[31m.h5")


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
from sdpadv_np.storage import files
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
