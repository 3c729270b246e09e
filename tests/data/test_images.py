"""The user's own images: every form, read and written again; every way to be wrong, in one line."""
import gzip
import struct

import h5py
import numpy as np
import pytest
from PIL import Image

from sdpadv_np.data import images
from sdpadv_np.data import pictures as grey
from sdpadv_np.errors import ArgumentError, DataError, FileError, MissingError
from sdpadv_np.storage import files


@pytest.fixture
def bytes_(rng):
    return rng.integers(0, 256, (12, 9, 7)).astype(np.uint8)


@pytest.fixture
def y(rng):
    return rng.integers(0, 10, 12)


def idx(array):
    return b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def png_folder(folder, pictures, y=None):
    for i, picture in enumerate(pictures):
        place = folder if y is None else folder / str(y[i])
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(place / f"{i:03}.png")
    return folder


def write_h5(path, **arrays):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return path


LAYOUTS = {"NHW": lambda x: x, "NCHW": lambda x: x[:, None], "NHWC": lambda x: x[..., None]}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", ("npy", "npz", "h5"))
def test_arrays_come_back_as_they_lay(tmp_path, bytes_, y, layout, kind):
    x = LAYOUTS[layout](bytes_)
    path = tmp_path / f"a.{kind}"
    if kind == "npy":
        np.save(path, x)
    elif kind == "npz":
        np.savez(path, images=x, labels=y, other=np.zeros(3))
    else:
        write_h5(path, **{"x_test": x, "y_test": y, "group/other": np.zeros(3)})
    given = images.load(path)
    np.testing.assert_array_equal(given.x[:, 0], bytes_.astype(np.float32) / 255)
    assert (given.kind, given.layout, given.x.dtype) == (kind, layout, np.float32)
    assert (given.y is None) == (kind == "npy")
    written = given.write(1 - given.x, tmp_path / "out")
    again = images.load(written)
    np.testing.assert_array_equal(again.x, 1 - given.x)
    assert written.suffix == f".{kind}" and again.layout == layout and again.names == given.names
    if kind != "npy":
        np.testing.assert_array_equal(again.y, y)


@pytest.mark.parametrize("pack", (lambda data: data, gzip.compress))
def test_idx(tmp_path, bytes_, y, pack):
    (tmp_path / "images").write_bytes(pack(idx(bytes_)))
    (tmp_path / "labels").write_bytes(pack(idx(y.astype(np.uint8))))
    given = images.load(tmp_path / "images", tmp_path / "labels")
    np.testing.assert_array_equal(given.y, y)
    half = given.x / 2  # not whole bytes: idx cannot hold them
    written = given.write(half, tmp_path / "out")
    assert written.suffix == ".npy"
    np.testing.assert_array_equal(images.load(written).x, half)


def test_png_folders_with_and_without_labels(tmp_path, bytes_, y):
    plain = images.load(png_folder(tmp_path / "plain", bytes_))
    np.testing.assert_array_equal(plain.x[:, 0], bytes_.astype(np.float32) / 255)
    assert plain.y is None and plain.names[:2] == ("000.png", "001.png")
    labelled = images.load(png_folder(tmp_path / "labelled", bytes_, y))
    np.testing.assert_array_equal(labelled.y, np.sort(y))
    moved = np.clip(labelled.x + 0.1, 0, 1)
    x = labelled.writable(moved)
    written = labelled.write(x, tmp_path / "out")
    again = images.load(written)
    assert again.names == labelled.names and np.abs(again.x - moved).max() < 1 / 255
    np.testing.assert_array_equal(again.x, x)
    with pytest.raises(FileError, match="is there already"):
        labelled.write(x, tmp_path / "out")


def test_grey_in_other_modes(tmp_path, bytes_):
    for name, mode in (("a", "RGB"), ("b", "RGBA"), ("c", "LA"), ("d", "P")):
        Image.fromarray(bytes_[0]).convert(mode).save(tmp_path / f"{name}.png")
    np.testing.assert_array_equal(images.load(tmp_path).x[:, 0], np.stack([bytes_[0]] * 4).astype(np.float32) / 255)


def test_float64_becomes_float32_and_the_file_is_not_changed(tmp_path, bytes_):
    np.save(tmp_path / "a.npy", bytes_ / 255.0)
    before = (tmp_path / "a.npy").read_bytes()
    assert images.load(tmp_path / "a.npy").x.dtype == np.float32 and (tmp_path / "a.npy").read_bytes() == before


BAD = {
    "dtype int64": (lambda x: x.astype(np.int64), "dtype int64; expected uint8 from 0 to 255, or float"),
    "dtype bool": (lambda x: x > 9, "dtype bool"),
    "dtype complex": (lambda x: x + 0j, "dtype complex128"),
    "flat": (lambda x: x.reshape(12, -1), r"shape \(12, 63\); expected \(N, H, W\)"),
    "one image": (lambda x: x[0], r"shape \(9, 7\)"),
    "two channels": (
        lambda x: np.stack([x] * 2, axis=3),
        r"shape \(12, 9, 7, 2\), whose channels may be the second axis or the last",
    ),
    "none": (lambda x: x[:0], "no image in it"),
    "0 to 255 as floats": (lambda x: x.astype(np.float32), r"values from 0 to 255 .*images must lie in \[0, 1\]"),
    "negative": (lambda x: x / 255 - 0.5, "values from -0.5"),
    "NaN": (lambda x: x / np.where(x == x[0, 0, 0], np.nan, 255.0), "holds NaN; images must lie in"),
    "0 and 1 as bytes": (lambda x: (x > 9).astype(np.uint8), "no value above 1"),
}


@pytest.mark.parametrize("name", BAD)
def test_arrays_that_are_no_images(tmp_path, bytes_, name):
    spoil, message = BAD[name]
    np.save(tmp_path / "a.npy", spoil(bytes_))
    with pytest.raises(DataError, match=message) as error:
        images.load(tmp_path / "a.npy")
    assert str(tmp_path / "a.npy") in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ("npy", "npz", "h5", "idx.gz", "png"))
@pytest.mark.parametrize("keep", (0, 9, 0.5))
def test_truncated_files(tmp_path, bytes_, kind, keep):
    path = tmp_path / "x" / f"a.{kind}"
    path.parent.mkdir()
    if kind == "npy":
        np.save(path, bytes_)
    elif kind == "npz":
        np.savez_compressed(path, x=bytes_)
    elif kind == "h5":
        write_h5(path, x=bytes_)
    elif kind == "idx.gz":
        path.write_bytes(gzip.compress(idx(bytes_)))
    else:
        Image.fromarray(bytes_[0]).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep) if isinstance(keep, float) else keep])
    with pytest.raises(DataError, match="is not a whole|is empty|truncated|holds .* bytes") as error:
        images.load(path.parent if kind == "png" else path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_files_that_are_not_there_or_something_else(tmp_path, bytes_):
    for content, message in (
        (b"hello", "is neither a npy"),
        (b"\x89PNG\r\n", "single picture; give the folder"),
        (b"\xff\xd8\xff\xe0", "single picture"),
    ):
        (tmp_path / "a").write_bytes(content)
        with pytest.raises(DataError, match=message):
            images.load(tmp_path / "a")
    with pytest.raises(FileError, match="nothing.npy: cannot be read: No such file"):
        images.load(tmp_path / "nothing.npy")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no PNG or JPEG file in this folder"):
        images.load(tmp_path / "empty")
    np.save(tmp_path / "o.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="dtype object; expected numbers"):  # it would run code
        images.load(tmp_path / "o.npy")


def test_what_is_inside_is_listed(tmp_path, bytes_):
    np.savez(tmp_path / "a.npz", pictures=bytes_, truth=np.arange(12))
    with pytest.raises(
        DataError,
        match=r"no array of images \(named x, X, images.*\); in it: pictures \(12, 9, 7\) uint8, truth \(12,\) int64",
    ):
        images.load(tmp_path / "a.npz")
    write_h5(tmp_path / "a.h5", **{"group/x": bytes_})
    with pytest.raises(DataError, match=r"in it: group/x \(12, 9, 7\) uint8"):
        images.load(tmp_path / "a.h5")
    files.write(tmp_path / "ours.h5", "classifier", {"w": np.zeros(2)}, {})
    with pytest.raises(DataError, match="holds a trained network or a checkpoint, no images"):
        images.load(tmp_path / "ours.h5")


LABELS = {
    "count": (np.arange(5), r"shape \(5,\); expected \(12,\)"),
    "one-hot": (np.eye(10)[np.zeros(12, int)].astype(int), r"shape \(12, 10\)"),
    "floats": (np.zeros(12), "dtype float64; labels are whole numbers"),
    "negative": (np.full(12, -1), "labels from -1"),
}


@pytest.mark.parametrize("name", LABELS)
def test_bad_labels(tmp_path, bytes_, name):
    y, message = LABELS[name]
    np.savez(tmp_path / "a.npz", x=bytes_, y=y)
    with pytest.raises(DataError, match=message):
        images.load(tmp_path / "a.npz")
    np.save(tmp_path / "x.npy", bytes_)
    np.save(tmp_path / "y.npy", y)
    with pytest.raises(DataError, match="y.npy.*" + message):
        images.load(tmp_path / "x.npy", tmp_path / "y.npy")


def test_labels_twice(tmp_path, bytes_, y):
    np.savez(tmp_path / "a.npz", x=bytes_, y=y)
    np.save(tmp_path / "y.npy", y)
    with pytest.raises(ArgumentError, match="has labels of its own; leave out"):
        images.load(tmp_path / "a.npz", tmp_path / "y.npy")


def test_bad_png_folders(tmp_path, bytes_, rng):
    mixed = png_folder(tmp_path / "mixed", bytes_[:2])
    Image.fromarray(bytes_[0, :5]).save(mixed / "9.png")
    with pytest.raises(DataError, match=r"9.png: is 5x7, but 000.png is 9x7"):
        images.load(mixed)
    half = png_folder(tmp_path / "half", bytes_[:2], [3, 4])
    Image.fromarray(bytes_[0]).save(half / "loose.png")
    with pytest.raises(DataError, match="loose.png: lies in no folder named after a label"):
        images.load(half)
    for name, picture, message in (
        ("colour", Image.fromarray(rng.integers(0, 256, (9, 7, 3)).astype(np.uint8)), "is coloured"),
        ("clear", Image.fromarray(np.dstack([bytes_[0], bytes_[0] // 2])), "transparent"),
        ("deep", Image.fromarray(bytes_[0].astype(np.uint16) * 256), "more than 8 bits"),
    ):
        (tmp_path / name).mkdir()
        picture.save(tmp_path / name / "a.png")
        with pytest.raises(DataError, match=message):
            images.load(tmp_path / name, image_shape=(1, 9, 7))


def test_without_pillow_it_says_what_to_install(tmp_path, bytes_, monkeypatch):
    png_folder(tmp_path, bytes_[:1])
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(MissingError, match=r"PNG and JPEG files need PIL, .*pip install 'sdpadv-np\[images\]'"):
        images.load(tmp_path)


def test_pixels_of_a_png_are_rounded_towards_what_they_were(tmp_path, rng):
    """Rounded to the nearest grey, a change of .1 became .102."""
    for name in "ab":
        (tmp_path / f"{name}.png").write_bytes(grey.png(rng.integers(0, 256, (8, 8), np.uint8)))
    given = images.load(tmp_path)
    for eps in (0.1, 26 / 255):
        moved = np.clip(given.x + np.float32(eps) * rng.choice(np.float32([-1, 1]), given.x.shape), 0, 1)
        written = given.writable(moved)
        assert np.abs(written - given.x).max() <= eps + 1e-6 and np.abs(written - moved).max() < 1 / 255
        np.testing.assert_allclose(written * 255, np.round(written * 255), atol=1e-4)
    np.testing.assert_array_equal(given.writable(given.x), given.x)
    np.testing.assert_allclose(written, np.clip(moved, 0, 1), atol=1e-6)  # 26 steps are 26 steps


@pytest.fixture
def colour(rng):
    return rng.integers(0, 256, (12, 9, 7, 3)).astype(np.uint8)


@pytest.mark.parametrize("layout", ("NCHW", "NHWC"))
@pytest.mark.parametrize("kind", ("npy", "npz", "h5"))
def test_colour_comes_back_as_it_lay(tmp_path, colour, y, layout, kind):
    x, path = colour if layout == "NHWC" else colour.transpose(0, 3, 1, 2), tmp_path / f"a.{kind}"
    if kind == "npy":
        np.save(path, x)
    elif kind == "npz":
        np.savez(path, images=x, labels=y)
    else:
        write_h5(path, x_test=x, y_test=y)
    for image_shape in (None, (3, 9, 7)):
        given = images.load(path, image_shape=image_shape)
        assert given.layout == layout and given.x.shape == (12, 3, 9, 7)
        np.testing.assert_array_equal(given.x, colour.transpose(0, 3, 1, 2).astype(np.float32) / 255)
    written = given.write(1 - given.x, tmp_path / "out")
    assert images.load(written).layout == layout
    np.testing.assert_array_equal(images.load(written).x, 1 - given.x)


def test_colour_pictures_are_written_as_png(tmp_path, colour, y):
    given = images.load(png_folder(tmp_path / "in", colour, y), image_shape=(3, 9, 7))
    assert given.kind == "pictures" and given.x.shape == (12, 3, 9, 7)
    np.testing.assert_array_equal(given.y, np.sort(y))
    order = np.argsort([f"{label}/{i:03}" for i, label in enumerate(y)])
    np.testing.assert_array_equal(given.x, colour[order].transpose(0, 3, 1, 2).astype(np.float32) / 255)
    x = given.writable(np.clip(given.x + 0.1, 0, 1))
    again = images.load(given.write(x, tmp_path / "out"))
    assert again.names == given.names and again.y.tolist() == given.y.tolist()
    np.testing.assert_array_equal(again.x, x)


def test_jpeg_folders(tmp_path, colour, bytes_):
    for i in range(3):
        Image.fromarray(colour[i]).save(tmp_path / f"{i}.jpg")
    Image.fromarray(bytes_[0]).save(tmp_path / "3.JPEG", format="JPEG")
    Image.fromarray(colour[3]).save(tmp_path / "4.png")
    given = images.load(tmp_path)
    assert given.names == ("0.jpg", "1.jpg", "2.jpg", "3.JPEG", "4.png") and given.x.shape == (5, 3, 9, 7)
    with Image.open(tmp_path / "0.jpg") as file:
        np.testing.assert_array_equal(given.x[0], np.asarray(file).transpose(2, 0, 1).astype(np.float32) / 255)
    again = images.load(given.write(given.x, tmp_path / "out"))
    assert again.names == ("0.jpg.png", "1.jpg.png", "2.jpg.png", "3.JPEG.png", "4.png")
    np.testing.assert_array_equal(again.x, given.x)


def test_grey_pictures_in_a_colour_folder_and_for_a_colour_network(tmp_path, colour, bytes_):
    png_folder(tmp_path, bytes_[:2])
    assert images.load(tmp_path).x.shape == (2, 1, 9, 7) and images.load(tmp_path, image_shape=(3, 9, 7)).x.shape == (
        2,
        3,
        9,
        7,
    )
    Image.fromarray(colour[0]).save(tmp_path / "z.png")
    assert images.load(tmp_path).x.shape == (3, 3, 9, 7)


WRONG = {  # what a network of one shape is told about images of another
    "size": (
        (12, 3, 8, 7),
        (3, 9, 7),
        r"shape \(12, 3, 8, 7\); expected \(N, 3, 9, 7\) or \(N, 9, 7, 3\): bring them to 9x7 pixels and 3 channels",
    ),
    "grey for colour": ((12, 9, 7), (3, 9, 7), "the network takes images in colour; repeat the grey channel"),
    "colour for grey": (
        (12, 9, 7, 3),
        (1, 9, 7),
        r"expected \(N, 1, 9, 7\) or \(N, 9, 7, 1\) or \(N, 9, 7\): the network takes grey images",
    ),
    "flat": ((12, 63), (1, 9, 7), "give one image per row"),
}


@pytest.mark.parametrize("name", WRONG)
def test_images_that_do_not_fit_a_network(tmp_path, rng, name):
    shape, image_shape, message = WRONG[name]
    np.save(tmp_path / "a.npy", rng.random(shape, np.float32))
    with pytest.raises(DataError, match=f"a.npy: x has .*{message}"):
        images.load(tmp_path / "a.npy", image_shape=image_shape)


def test_pictures_that_do_not_fit_a_network(tmp_path, colour):
    png_folder(tmp_path, colour[:2])
    for image_shape, message in (
        ((3, 8, 7), "000.png: is 9x7, but the network takes 8x7"),
        ((1, 9, 7), "is coloured, but the network takes 1 channel"),
        ((4, 9, 7), "pictures have 1 channel .grey. or 3 .colour., the network takes 4"),
    ):
        with pytest.raises(DataError, match=message):
            images.load(tmp_path, image_shape=image_shape)


@pytest.mark.parametrize(
    "spoil, message",
    (
        (lambda data: data[: len(data) // 2], "is not a whole JPEG file"),
        (lambda data: b"\xff\xd8\xff", "is not a whole JPEG file"),
        (lambda data: b"GIF89a" + data, "is not a whole JPEG file"),
        (lambda data: b"", "is not a whole JPEG file"),
    ),
)
def test_damaged_jpeg_files(tmp_path, colour, spoil, message):
    Image.fromarray(colour[0]).save(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").write_bytes(spoil((tmp_path / "a.jpg").read_bytes()))
    with pytest.raises(DataError, match=message) as error:
        images.load(tmp_path)
    assert "\n" not in str(error.value)


def test_jpeg_for_printing_and_deep_colour(tmp_path, colour):
    Image.fromarray(colour[0]).convert("CMYK").save(tmp_path / "a.jpg")
    with pytest.raises(DataError, match="a.jpg: is CMYK, for printing; save it in RGB or grey"):
        images.load(tmp_path)
