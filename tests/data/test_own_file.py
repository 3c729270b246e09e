"""Users' own data sets: what is accepted, what comes out, and what is refused with a remedy."""
import io
import zipfile

import h5py
import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np.errors import ArgumentError, DataError, FileError

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (30, 3, 6, 5)).astype(np.uint8)
FLOATS = BYTES.astype(np.float32) / np.float32(255)
LABELS = np.arange(30) % 4


def npz(path, **arrays):
    np.savez(path, **arrays)
    return path


def hdf5(path, **arrays):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = [str(text) for text in array] if np.asarray(array).dtype.kind == "U" else array
    return path


def six(x=BYTES, y=LABELS):
    return {
        "x_train": x[:16], "y_train": y[:16], "x_val": x[16:23], "y_val": y[16:23], "x_test": x[23:], "y_test": y[23:]
    }


@pytest.mark.parametrize("write", (npz, hdf5))
def test_six_arrays_are_the_three_parts(tmp_path, write):
    lines = []
    own = sd.data.from_file(
        write(tmp_path / "own.npz", **six(), class_names=np.array(["a", "b", "ü", "d"])), report=lines.append
    )
    assert type(own) is type(sd.data.load("glyphs")) and own.name == "own" and lines == []
    assert own.class_names == ("a", "b", "ü", "d") and own.classes == 4 and own.image_shape == (3, 6, 5)
    for part, where in (("train", slice(0, 16)), ("val", slice(16, 23)), ("test", slice(23, 30))):
        x, y = getattr(own, f"x_{part}"), getattr(own, f"y_{part}")
        assert x.dtype == np.float32 and x.flags.c_contiguous and y.dtype == np.int64
        np.testing.assert_array_equal(x, FLOATS[where])
        np.testing.assert_array_equal(y, LABELS[where])


@pytest.mark.parametrize("x, expected", (
    (BYTES[:, 0], FLOATS[:, :1]), (BYTES, FLOATS), (FLOATS, FLOATS), (FLOATS.astype(np.float64), FLOATS),
    (FLOATS.astype(">f4"), FLOATS),
    (BYTES.transpose(0, 2, 3, 1), FLOATS), (BYTES[:, :1].transpose(0, 2, 3, 1), FLOATS[:, :1]),
    (BYTES[:, :2], FLOATS[:, :2]),
), ids=("NHW", "NCHW", "float32", "float64", "big-endian", "NHWC", "NHW1", "two channels"))
def test_layouts_and_dtypes(tmp_path, x, expected):
    own = sd.data.from_file(npz(tmp_path / "own.npz", **six(x)))
    np.testing.assert_array_equal(np.concatenate([own.x_train, own.x_val, own.x_test]), expected)


def test_channels_that_lie_last_are_reported_and_what_is_open_is_asked(tmp_path):
    lines, x = [], BYTES[:, :, :3, :3]
    sd.data.from_file(npz(tmp_path / "a.npz", **six(BYTES.transpose(0, 2, 3, 1))), report=lines.append)
    assert lines[0] == "a: x_train of shape (16, 6, 5, 3) is taken as (N, H, W, C)"
    path = npz(tmp_path / "b.npz", **six(x))
    with pytest.raises(
        DataError, match=r'x_train has shape \(16, 3, 3, 3\), whose channels may be .*layout="NCHW" or layout="NHWC"'
    ):
        sd.data.from_file(path)
    np.testing.assert_array_equal(
        sd.data.from_file(path, layout="NHWC").x_train, FLOATS[:16, :, :3, :3].transpose(0, 3, 1, 2)
    )
    np.testing.assert_array_equal(sd.data.from_file(path, layout="NCHW").x_train, FLOATS[:16, :, :3, :3])


@pytest.mark.parametrize("missing", (("val", "test"), ("val",), ("test",)))
def test_parts_that_are_missing_are_drawn_from_the_training_images(tmp_path, missing):
    arrays = {name: array for name, array in six().items() if name[2:] not in missing}
    lines, path = [], npz(tmp_path / "own.npz", **arrays)
    own = sd.data.from_file(path, seed=3, report=lines.append)
    assert [len(own.x_val), len(own.x_test)] == [2 if "val" in missing else 7, 2 if "test" in missing else 7]
    words = {"val": "validation", "test": "test"}
    assert lines == [
        f"own: no {words[part]} images in the file; 2 of its 16 images are drawn (seed 3)" for part in missing
    ]
    drawn = [getattr(own, f"x_{part}") for part in ("train", *missing)]
    assert sorted(
        image.tobytes() for part in drawn for image in part
    ) == sorted(image.tobytes() for image in FLOATS[:16]), "each once"
    for part in ("train", *missing):  # labels follow their images
        where = [next(i for i in range(16) if np.array_equal(FLOATS[i], image)) for image in getattr(own, f"x_{part}")]
        np.testing.assert_array_equal(getattr(own, f"y_{part}"), LABELS[where])
    again, other = sd.data.from_file(path, seed=3), sd.data.from_file(path, seed=4)
    assert again.x_train.tobytes() == own.x_train.tobytes() != other.x_train.tobytes()


@pytest.mark.parametrize("names", (("x", "y"), ("images", "labels"), ("x_train", "labels")))
def test_other_names_and_names_of_classes(tmp_path, names):
    path = npz(tmp_path / "own.npz", **dict(zip(names, (BYTES, LABELS))), unrelated=np.zeros(3))
    assert sd.data.from_file(path).class_names == ("0", "1", "2", "3")
    own = sd.data.from_file(path, class_names=["a", "b", "c", "d", "never seen"])
    assert own.classes == 5 and len(own.x_train) == 22


def test_a_classifier_learns_from_it(tmp_path, glyphs):
    own = sd.data.from_file(
        npz(tmp_path / "own.npz", x=(glyphs.x_train[:600, 0] * 255).round().astype(np.uint8), y=glyphs.y_train[:600])
    )
    f = sd.models.ModelB().fit(own.x_train, own.y_train, own.x_val, own.y_val, epochs=3, progress=False)
    assert f.accuracy(own.x_test, own.y_test) > 0.5


def changed(**arrays):
    return {name: array for name, array in {**six(), **arrays}.items() if array is not None}


@pytest.mark.parametrize("arrays, message", (
    (
        {"images": BYTES},
        r"has no array of images and labels \(named y_train, y, labels\); in it: images \(30, 3, 6, 5\) uint8"
    ),
    ({"y": LABELS}, r"\(named x_train, x, images\); in it: y"),
    (changed(y_val=None), "has x_val, but lacks y_val; add it, or leave out both"),
    (changed(x_test=None), "has y_test, but lacks x_test"),
    (changed(x_train=BYTES[:16].astype(np.int64)), "x_train has dtype int64; expected uint8"),
    (changed(x_train=BYTES[:16].astype(float)), r"divide by 255\?"),
    (changed(x_val=np.full((7, 3, 6, 5), np.nan)), r"x_val\[0\] holds NaN"),
    (changed(x_train=BYTES[:16] > 9), "x_train has dtype bool"),
    (changed(x_train=(BYTES[:16] > 99).astype(np.uint8)), "no value above 1, which divided by 255 is black"),
    (changed(x_train=BYTES[:16, 0, 0]), r"x_train has shape \(16, 5\); expected \(N, H, W\)"),
    (changed(x_test=BYTES[23:, :, :5]), r"x_test has images of shape \(3, 5, 5\), x_train of \(3, 6, 5\)"),
    (changed(x_val=BYTES[:0]), "there is no image in it"),
    (changed(y_train=LABELS[:9]), r"y_train has shape \(9,\); expected \(16,\)"),
    (changed(y_train=np.eye(4)[LABELS[:16]]), "of one-hot rows take"),
    (changed(y_train=LABELS[:16] * 1.0), r"use y_train.astype\(np.int64\)"),
    (changed(y_test=LABELS[23:] - 1), "y_test has labels from -1"),
    ({"x": BYTES, "y": LABELS + 1}, "labels go up to 4, but none is 0; expected every class from 0 on"),
    ({"x": BYTES, "y": 0 * LABELS}, "labels are all 0; expected images of two classes or more"),
    (changed(y_test=LABELS[23:] + 2**40), "but none is 4;"),
    (changed(class_names=np.array(["a", "b"])), r"labels go up to 3, but class_names has 2 names \(a, b\)"),
    (changed(class_names=np.array(["a", "a", "b", "c"])), "at least two different texts"),
    (changed(class_names=np.arange(4)), "class_names is an array of shape .* expected texts|expected texts"),
    ({"x": BYTES[:2], "y": LABELS[:2]}, "has 2 images, too few to draw validation and test images from"),
))
@pytest.mark.parametrize("write", (npz, hdf5))
def test_what_is_refused(tmp_path, write, arrays, message):
    path = write(tmp_path / "own.npz", **arrays)
    with pytest.raises(DataError, match=message) as error:
        sd.data.from_file(path)
    assert str(error.value).startswith(f"{path}: ") and "\n" not in str(error.value) and len(str(error.value)) < 600


def test_files_that_are_hostile_or_none(tmp_path):
    pickled = npz(tmp_path / "pickled.npz", x=np.array([{}, 1], object), y=LABELS)
    with pytest.raises(DataError, match="pickled.npz: .*dtype object; expected numbers"):  # it would run code
        sd.data.from_file(pickled)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (10**6, 3, 1000, 1000)}
    )
    with zipfile.ZipFile(tmp_path / "huge.npz", "w") as file:
        file.writestr("x.npy", header.getvalue())
        file.writestr("y.npy", header.getvalue())
    with pytest.raises(DataError, match="huge.npz: .*more than the .* bytes that are read here"):
        sd.data.from_file(tmp_path / "huge.npz")
    whole = npz(tmp_path / "whole.npz", **six()).read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    np.save(tmp_path / "x.npy", BYTES)
    for name, message in (
        ("cut.npz", "is not a whole npz"), ("x.npy", "is neither a npz nor an HDF5 file; write one with np.savez")
    ):
        with pytest.raises(DataError, match=f"{name}: {message}"):
            sd.data.from_file(tmp_path / name)
    with pytest.raises(FileError, match="nowhere.npz: cannot be read"):
        sd.data.from_file(tmp_path / "nowhere.npz")
    with pytest.raises(ArgumentError, match="layout is 'CHW'; choose one of NHW, NCHW, NHWC"):
        sd.data.from_file(tmp_path / "whole.npz", layout="CHW")
    with pytest.raises(DataError, match="layout NHW has 3 axes"):
        sd.data.from_file(tmp_path / "whole.npz", layout="NHW")
