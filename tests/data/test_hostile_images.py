"""Files of images that were made to do harm, or are no files: one clear line, soon."""
import fcntl
import gzip
import io
import os
import struct
import zipfile
import zlib

import h5py
import numpy as np
import pytest
from PIL import Image

from sdpadv_np.data import arrays, images, pictures
from sdpadv_np.errors import DataError, Error, FileError
from sdpadv_np.storage import child_process

X = np.random.default_rng(0).integers(0, 256, (3, 5, 4)).astype(np.uint8)


def refused(path, message, *labels):
    with pytest.raises(Error, match=message) as error:
        images.load(path, *labels)
    assert "\n" not in str(error.value) and len(str(error.value)) < 500
    return str(error.value)


def test_hdf5_that_leads_into_other_files(tmp_path):
    (tmp_path / "secret").write_bytes(bytes(range(60)))
    with h5py.File(tmp_path / "source.h5", "w") as file:
        file["x"] = X
    with h5py.File(tmp_path / "external.h5", "w") as file:
        file.create_dataset("x", (3, 5, 4), np.uint8, external=[(str(tmp_path / "secret"), 0, 60)])
    with h5py.File(tmp_path / "virtual.h5", "w") as file:
        layout = h5py.VirtualLayout((3, 5, 4), np.uint8)
        layout[...] = h5py.VirtualSource(str(tmp_path / "source.h5"), "x", (3, 5, 4))
        file.create_virtual_dataset("x", layout)
    with h5py.File(tmp_path / "link.h5", "w") as file:
        file["x"] = h5py.ExternalLink(str(tmp_path / "source.h5"), "x")
    for name in ("external", "virtual"):
        refused(tmp_path / f"{name}.h5", "x does not lie in this file but in others .*copy it into one file")
    refused(tmp_path / "link.h5", "has no array of images .*; in it: nothing")


def test_hdf5_that_is_damaged_so_that_its_library_crashes_or_does_not_end(tmp_path, monkeypatch):
    for program, message in (
        ("import os; os.abort()", "the HDF5 library crashed on it .SIGABRT"),
        ("while True: pass", "did not come to an end in 0.5 s"),
    ):
        monkeypatch.setattr(child_process, "SECONDS", 0.5)
        monkeypatch.setattr(child_process, "_PROGRAM", program + " #{}")
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file["x"] = X
        refused(tmp_path / "a.h5", message)


def test_without_h5py_no_good_file_is_blamed(tmp_path, monkeypatch):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = X
    program = "import sys; sys.modules['h5py'] = None; sys.path[:] = {}; "
    program += "from sdpadv_np.storage import child_process; child_process.main()"
    monkeypatch.setattr(child_process, "_PROGRAM", program)
    refused(tmp_path / "a.h5", "a.h5: HDF5 files need h5py, which cannot be imported; install it with")


def test_hdf5_that_declares_more_than_there_is(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", (10**6, 28, 280), np.float64, chunks=(1, 28, 28))
    refused(tmp_path / "a.h5", r"x has shape \(1000000, 28, 280\), more than the .* bytes that are read here")


def test_hdf5_that_is_locked_says_so(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = X
    with open(tmp_path / "a.h5", "rb+") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        refused(
            tmp_path / "a.h5", "a.h5: is locked: another program has it open for writing.*HDF5_USE_FILE_LOCKING=FALSE"
        )
    assert images.load(tmp_path / "a.h5").x.shape == (3, 1, 5, 4)


def test_npz_members_that_are_not_asked_for_are_not_read(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as file:
        for name, array in (("x.npy", X), ("other.npy", np.zeros(10**6))):
            memory = io.BytesIO()
            np.save(memory, array)
            file.writestr(name, memory.getvalue())
        file.writestr("notes.txt", "no array")
    opened, original = [], arrays._member
    monkeypatch.setattr(
        arrays,
        "_member",
        lambda archive, member, largest: opened.append(member.filename) or original(archive, member, largest),
    )
    assert images.load(tmp_path / "a.npz").x.shape == (3, 1, 5, 4) and opened == ["x.npy"]
    refused(
        tmp_path / "a.npz",
        r"no array of labels .*in it: x \(3, 5, 4\) uint8, other \(1000000,\) float64, notes.txt",
        tmp_path / "a.npz",
    )


def npy(shape, descr="|u1", data=b""):
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


@pytest.mark.parametrize(
    "data, message",
    [
        (npy((10**6, 10**6)), "more than the .* bytes that are read here"),
        (npy((10**30, 10**30)), "more than the"),
        (npy((-1, 5)), "expected numbers"),
        (npy((3, 5, 4), data=bytes(59)), "cut off after 59 of 60 bytes"),
        (npy((0, 10**18)), "is not a whole npy|is an array|x has shape"),
        (npy((3,), "|O"), "dtype object; expected numbers"),
        (npy((3,), "<U9"), "expected numbers"),
        (npy("(" * 50), "is not a whole npy"),
    ],
)
def test_npy_headers(tmp_path, data, message):
    (tmp_path / "a.npy").write_bytes(data)
    refused(tmp_path / "a.npy", message)


def test_gz_that_unpacks_without_end(tmp_path, monkeypatch):
    start = b"\0\0\x08\x03" + struct.pack(">3I", 3, 5, 4)
    (tmp_path / "a.gz").write_bytes(gzip.compress(start + bytes(10**7)))
    refused(tmp_path / "a.gz", "holds more than 60 bytes, its header says 3x5x4 = 60")
    monkeypatch.setattr(arrays, "LARGEST", 1000)
    (tmp_path / "b.gz").write_bytes(gzip.compress(b"\0\0\x08\x03" + struct.pack(">3I", 3, 50, 40) + bytes(6000)))
    refused(tmp_path / "b.gz", "3x50x40 = 6000; at most 1,000 are read here")


@pytest.mark.parametrize("axes", (0, 9, 255))
def test_idx_with_odd_numbers_of_axes(tmp_path, axes):
    (tmp_path / "a").write_bytes(b"\0\0\x08" + bytes([axes]) + struct.pack(">I", 1) * axes + b"\1")
    refused(tmp_path / "a", "is not an idx file")


def png(width, height):
    """A grey PNG of that size, as its header says; all pixels 0."""
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\0" * min(10**6, (width + 1) * height))),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


@pytest.mark.parametrize(
    "size, message",
    [
        ((50_000, 50_000), "is not a whole PNG file: .*bomb|at most"),
        ((5_000, 5_000), "is 5000x5000; expected pictures of at most"),
    ],
)
def test_png_bombs(tmp_path, size, message):
    (tmp_path / "a.png").write_bytes(png(*size))
    refused(tmp_path, message)


def test_png_folders_that_are_too_large_or_named_after_no_label(tmp_path, monkeypatch):
    for name in ("a", "b"):
        (tmp_path / "many").mkdir(exist_ok=True)
        Image.fromarray(X[0]).save(tmp_path / "many" / f"{name}.png")
    monkeypatch.setattr(pictures, "ALL", 30)
    refused(tmp_path / "many", "is 5x4; expected pictures of at most .*, and 30 in all 2")
    folder = tmp_path / "labelled" / ("9" * 23)
    folder.mkdir(parents=True)
    Image.fromarray(X[0]).save(folder / "a.png")
    refused(tmp_path / "labelled", "9{23}: is named after no label")


def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    os.mkdir(tmp_path / "pictures")
    os.mkfifo(tmp_path / "pictures" / "a.png")
    np.save(tmp_path / "x.npy", X)
    refused(tmp_path / "pipe", "pipe: is a folder, a pipe or a device")
    refused("/dev/zero", "/dev/zero: is a folder, a pipe or a device")
    refused(tmp_path / "pictures", "a.png: is a folder, a pipe or a device")
    refused(tmp_path / "x.npy", "/dev/zero: is a folder", "/dev/zero")


def test_names_reach_the_terminal_as_escapes(tmp_path):
    (tmp_path / "\x1b[2J.npy").write_bytes(b"no array")
    assert r"\x1b[2J.npy: is neither" in refused(tmp_path / "\x1b[2J.npy", "is neither")
    np.savez(tmp_path / "a.npz", **{"\x1b[2J\n": X})
    refused(tmp_path / "a.npz", r"in it: \\x1b\[2J\\n")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["\x1b[2J"] = X
    refused(tmp_path / "a.h5", r"in it: \\x1b\[2J \(3, 5, 4\)")


def test_home_folders_and_kinds_of_error(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    np.save(tmp_path / "x.npy", X)
    assert images.load("~/x.npy").source == tmp_path / "x.npy"
    with pytest.raises(FileError, match="cannot be read: No such file"):
        images.load("~/y.npy")
    (tmp_path / "h.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(50))
    with pytest.raises(DataError, match="is not a whole HDF5 file"):
        images.load("~/h.h5")


def of_chunks(*chunks):
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in (*chunks, (b"IEND", b""))
    )


def header(bits=8, colour=0, interlaced=0, width=28, height=28):
    return b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced)


ROWS = b"".join(b"\0" + bytes([1 + row] * 28) for row in range(28))
SQUEEZED = zlib.compress(ROWS)


@pytest.mark.parametrize(
    "chunks, message",
    [
        ((header(), (b"IDAT", zlib.compress(ROWS[: 14 * 29]))), "its pixels are 406 bytes; by its header they are 812"),
        (
            (header(), (b"IDAT", zlib.compress(ROWS + ROWS[:29]))),
            "its pixels are 813 bytes or more; by its header they are 812",
        ),
        ((header(), (b"IDAT", SQUEEZED[:-4])), "its pixels are 812 bytes, with no end"),
        ((header(), (b"IDAT", SQUEEZED + b"more")), "its pixels are"),
        ((header(), (b"IDAT", SQUEEZED[:-4] + b"good")), "incorrect data check"),
        ((header(), (b"IDAT", SQUEEZED[:9]), (b"tEXt", b"a\0b"), (b"IDAT", SQUEEZED[9:])), "it has a second IDAT"),
        ((header(), header(), (b"IDAT", SQUEEZED)), "it has a second IHDR"),
        ((header(colour=3), (b"PLTE", bytes(range(9))), (b"IDAT", SQUEEZED)), "pixels of a colour beyond its palette"),
        ((header(colour=3), (b"IDAT", SQUEEZED)), "it lacks its palette"),
        ((header(interlaced=1), (b"IDAT", SQUEEZED)), "its pixels are 812 bytes; by its header they are 837"),
    ],
)
def test_png_with_other_pixels_than_its_header_says(tmp_path, chunks, message):
    (tmp_path / "a.png").write_bytes(of_chunks(*chunks))
    refused(tmp_path, f"a.png: is not a whole PNG file: .*{message}")


@pytest.mark.parametrize(
    "bits, colour", ((1, 0), (2, 0), (4, 0), (8, 0), (1, 3), (2, 3), (4, 3), (8, 3), (8, 2), (8, 6), (8, 4))
)
@pytest.mark.parametrize("size", ((1, 1), (3, 2), (9, 13), (16, 5)))
@pytest.mark.parametrize("interlaced", (False, True))
def test_png_of_every_kind_is_read(tmp_path, bits, colour, size, interlaced):
    width, height = size
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    passes = (
        ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
        if interlaced
        else ((0, 0, 1, 1),)
    )
    sizes = [(len(range(r, height, dr)), len(range(c, width, dc))) for r, c, dr, dc in passes]
    rows = b"".join(b"\0" + b"\xff" * ((w * bits * channels + 7) // 8) for h, w in sizes if w for _ in range(h))
    palette = ((b"PLTE", b"\xff" * 3 * 2**bits),) if colour == 3 else ()
    (tmp_path / "a.png").write_bytes(
        of_chunks(header(bits, colour, interlaced, width, height), *palette, (b"IDAT", zlib.compress(rows)))
    )
    x = images.load(tmp_path).x
    assert x.shape == (1, 1, height, width) and (x == 1).all()


def test_png_folders_that_may_not_be_looked_into(tmp_path, monkeypatch):
    for place in ("sub", ".hidden/inner"):
        (tmp_path / place).mkdir(parents=True)
        Image.fromarray(X[0]).save(tmp_path / place / "a.png")
    assert images.load(tmp_path).names == ("sub/a.png",)
    original = os.scandir
    monkeypatch.setattr(
        os,
        "scandir",
        lambda path: (
            original(path)
            if not str(path).endswith("sub")
            else (_ for _ in ()).throw(PermissionError(13, "Permission denied", str(path)))
        ),
    )
    refused(tmp_path, "sub: cannot be read: Permission denied")


@pytest.mark.parametrize("share", (0.02, 0.5, 0.9))
def test_hdf5_that_is_cut_off_is_not_said_to_be_locked(tmp_path, share):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = X
    data = (tmp_path / "a.h5").read_bytes()
    (tmp_path / "a.h5").write_bytes(data[: int(len(data) * share)])
    assert "is locked" not in refused(tmp_path / "a.h5", "a.h5: ")
