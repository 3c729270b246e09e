"""The table of data sets: every entry is consistent, and an entry is all that a new data set needs."""
import hashlib
import struct

import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np.data import sources
from sdpadv_np.data.datasets import File
from sdpadv_np.errors import DataError


@pytest.mark.parametrize("entry", sd.data.DATASETS.values(), ids=lambda entry: entry.name)
def test_entries_are_consistent(entry):
    assert len(set(entry.class_names)) == len(entry.class_names) >= 2
    assert min(entry.train, entry.validation, entry.test, *entry.image_shape) > 0
    assert bool(entry.files) != bool(entry.draw)
    if entry.files:
        assert list(entry.files) == ["x_train", "y_train", "x_test", "y_test"]
        assert all(len(bytes.fromhex(file.sha256)) == 32 for file in entry.files.values())
        assert all(url.startswith("https://") and url.endswith("/") for url in entry.mirrors)
        assert entry.package is None or entry.package.manager in sources._MANAGERS


@pytest.mark.parametrize("name", [entry.name for entry in sd.data.DATASETS.values() if entry.draw])
def test_a_drawn_data_set_is_what_its_entry_says(name):
    loaded, again, entry = sd.data.load(name), sd.data.load(name), sd.data.DATASETS[name]
    for part, count in {"train": entry.train, "val": entry.validation, "test": entry.test}.items():
        x, y = getattr(loaded, f"x_{part}"), getattr(loaded, f"y_{part}")
        assert x.shape == (count, *entry.image_shape) and y.shape == (count,)
        assert set(y.tolist()) == set(range(len(entry.class_names))), f"{part}: some class has no image"
        assert x.tobytes() == getattr(again, f"x_{part}").tobytes(), f"{part}: drawn otherwise the second time"
        assert y.tobytes() == getattr(again, f"y_{part}").tobytes(), f"{part}: labelled otherwise the second time"


def test_a_drawing_gives_bytes_and_labels_from_0(monkeypatch):
    def entry(x, y):
        parts = {f"{array}_{part}": value for part in ("train", "test") for array, value in (("x", x), ("y", y))}
        return sd.data.DatasetEntry("drawn", ("a", "b"), 2, 2, 4, image_shape=(1, 2, 2), draw=lambda: parts)

    for x, y, message in (
        (np.ones((4, 2, 2)), np.arange(4) % 2, "x_train is float64; .*expected uint8"),
        (np.ones((4, 2, 2), np.uint8), np.arange(4) % 2 - 1, "labels from -1 to 0; .* 0 to 1"),
        (np.ones((4, 2, 2), np.uint8), np.arange(4) / 4, "y_train is float64; .*expected integers"),
    ):
        monkeypatch.setitem(sd.data.DATASETS, "drawn", entry(x, y))
        with pytest.raises(DataError, match=message):
            sd.data.load("drawn")


def idx_bytes(array):
    return b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.fixture
def colours(monkeypatch, tmp_path):
    """A data set of three classes of colour images, added by one entry; its files lie in tmp_path."""
    rng = np.random.default_rng(0)
    arrays = {
        "x_train": rng.integers(0, 256, (12, 3, 4, 5)), "y_train": rng.integers(0, 3, 12),
        "x_test": rng.integers(0, 256, (6, 3, 4, 5)), "y_test": rng.integers(0, 3, 6),
    }
    raw = {part: idx_bytes(array.astype(np.uint8)) for part, array in arrays.items()}
    described = {part: File(f"{part}-idx", hashlib.sha256(data).hexdigest()) for part, data in raw.items()}
    for part, data in raw.items():
        (tmp_path / f"{part}-idx").write_bytes(data)
    names = ("red", "green", "blue")
    entry = sd.data.DatasetEntry("colours", names, 8, 4, 6, image_shape=(3, 4, 5), files=described)
    monkeypatch.setitem(sd.data.DATASETS, "colours", entry)
    return arrays, tmp_path, monkeypatch


def test_a_new_data_set_needs_one_entry(colours, capsys):
    from sdpadv_np.cli import main

    arrays, folder, _ = colours
    loaded = sd.data.load("colours", folder)
    assert (loaded.image_shape, loaded.classes, loaded.name) == ((3, 4, 5), 3, "colours")
    np.testing.assert_array_equal(
        np.concatenate([loaded.x_train, loaded.x_val]), arrays["x_train"].astype(np.float32) / np.float32(255)
    )
    np.testing.assert_array_equal(loaded.y_val, arrays["y_train"][8:])
    assert main(["data", "colours", "--data-dir", str(folder)]) == 0
    assert "colours" in capsys.readouterr().out


@pytest.mark.parametrize("change, message", (
    ({"image_shape": (3, 5, 4)}, r"colours: x_train has shape \(12, 3, 4, 5\); its entry .* says \(12, 3, 5, 4\)"),
    ({"test": 7}, r"x_test has shape \(6, 3, 4, 5\)"),
    ({"class_names": ("a", "b")}, "y_train has .*labels from 0 to 2; .*0 to 1"),
))
def test_an_entry_that_does_not_describe_its_files(colours, change, message):
    from dataclasses import replace

    _, folder, monkeypatch = colours
    monkeypatch.setitem(sd.data.DATASETS, "colours", replace(sd.data.DATASETS["colours"], **change))
    with pytest.raises(DataError, match=message):
        sd.data.load("colours", folder)
