"""What benchmarks/damage.py damages: a sample of everything that is read, and how it is read."""
import gzip
import hashlib
import io
import json
import struct
import zipfile
from pathlib import Path

import damage_mutations as mutations
import h5py
import numpy as np
from PIL import Image

import sdpadv_np as sd
from sdpadv_np import container, files, old_files, schema
from sdpadv_np.data import images, sources

_X = np.random.default_rng(0).random((8, 1, 2, 2)).astype(np.float32)
_Y = np.arange(8)
_W = np.random.default_rng(1).standard_normal((4, 10)).astype(np.float32)
_BYTES = np.random.default_rng(2).integers(0, 256, (6, 5, 4)).astype(np.uint8)


def _foreign():
    return sd.models.Foreign(lambda x: x.reshape(len(x), -1) @ _W, lambda x, g: (g @ _W.T).reshape(x.shape), image_shape=(1, 2, 2))


class Sample:
    """``read(path)`` of a file gives something to compare; its bytes are damaged by ``damaged``."""

    checksum = False  # whether the file has one over its content
    share = 10  # of the mutations

    def __init__(self, folder: Path):
        self.path = folder / type(self).__name__
        self.whole = self.make()
        self.write(self.whole)
        self.right = self.read(self.path)

    def write(self, data: bytes) -> None:
        self.path.write_bytes(data)

    def damaged(self, rng, checked: bool) -> bytes:
        """The bytes, damaged; ``checked``: with every checksum made right again."""
        return mutations.anyhow(self.whole, rng)


def _digest(arrays, attributes) -> str:
    digest = hashlib.sha256(json.dumps(attributes, sort_keys=True, default=str).encode())
    for name in sorted(arrays):
        digest.update(f"{name}{arrays[name].dtype}{arrays[name].shape}".encode() + np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()


class Ours(Sample):
    """A file of ours, of today's format."""

    checksum = True

    def damaged(self, rng, checked):
        if not checked:
            return mutations.anyhow(self.whole, rng)
        kind, arrays, text = container.unpacked(self.whole, "")
        how = rng.integers(5)
        if how == 0:
            return mutations.resealed(mutations.anyhow(self.whole, rng))
        if how == 1:
            return mutations.resealed(mutations.odd_index(self.whole, rng))
        if how == 2:
            return container.packed(kind, mutations.odd_arrays(arrays, rng), text)
        return container.packed(kind, arrays, mutations.text(mutations.odd_json(json.loads(text), rng)))


class generator(Ours):
    share = 20

    def trained(self):
        return sd.models.Generator(localisation=(2,), perturbation=(2,), image_shape=(1, 2, 2))

    def make(self):
        files.write(self.path, *self.trained().to_file())
        return self.path.read_bytes()

    def read(self, path):
        loaded = sd.load(path)
        kind, arrays, attributes = loaded.to_file()
        return _digest(arrays, [kind, attributes])


class atn_generator(generator):
    share = 10

    def trained(self):
        return sd.attacks.ATN(_foreign(), hidden=(2,)).fit(_X, _Y, _X, _Y, epochs=2, batch_size=4, progress=False)


class advgan_generator(generator):
    share = 3

    def trained(self):
        return sd.models.AdvGANGenerator(image_shape=(1, 16, 16))


class classifier(generator):
    share = 5

    def trained(self):
        return sd.models.ModelB()


class checkpoint(Ours):
    """Read as a training reads it that goes on from it (and has no epoch left)."""

    share = 20

    def make(self):
        self._fit(self.path)
        return self.path.read_bytes()

    def _fit(self, path):
        return sd.attacks.ATN(_foreign(), hidden=(2,)).fit(_X, _Y, _X, _Y, epochs=2, batch_size=4, checkpoint=path, progress=False)

    def read(self, path):
        generator = self._fit(path).generator
        return _digest(generator.store.arrays(), generator.history)


class old_generator(generator):
    """Of format version 1: read in a child process."""

    share = 1

    def make(self):
        return self._old(*self.trained().to_file())

    def _old(self, kind, arrays, attributes):
        memory, text = io.BytesIO(), mutations.text(attributes)
        with h5py.File(memory, "w") as file:
            file.attrs.update({"format": "sdpadv-np", "format_version": 1, "kind": kind, "sha256": old_files._digest(arrays, text)})
            file["attributes"] = text
            group = file.create_group("arrays")
            for name, array in arrays.items():
                group[name] = array
        return memory.getvalue()

    def damaged(self, rng, checked):
        if not checked:
            return mutations.anyhow(self.whole, rng)
        kind, arrays, attributes = self.trained().to_file()
        if rng.integers(2):
            return self._old(kind, mutations.odd_arrays(arrays, rng), attributes)
        return self._old(kind, arrays, mutations.odd_json(attributes, rng))


class _Images(Sample):
    def read(self, path):
        given = images.load(path)
        return _digest({"x": given.x, **({} if given.y is None else {"y": given.y})}, [given.kind, given.layout])


def _npy(array):
    memory = io.BytesIO()
    np.save(memory, array)
    return memory.getvalue()


class npy(_Images):
    def make(self):
        return _npy(_BYTES)


class npz(_Images):
    def make(self, change=lambda data: data):
        memory = io.BytesIO()
        with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("x.npy", change(_npy(_BYTES)))
            file.writestr("y.npy", change(_npy(_Y[:6])))
        return memory.getvalue()

    def damaged(self, rng, checked):
        return self.make(lambda data: mutations.anyhow(data, rng)) if checked else super().damaged(rng, checked)


class h5(_Images):
    share = 1

    def make(self):
        memory = io.BytesIO()
        with h5py.File(memory, "w") as file:
            file.create_dataset("x", data=_BYTES, chunks=(2, 5, 4), compression="gzip")
            file["y"] = _Y[:6]
        return memory.getvalue()


def _idx(array):
    return b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(np.uint8).tobytes()


class idx(_Images):
    def make(self):
        return _idx(_BYTES)


class idx_gz(_Images):
    def make(self):
        return gzip.compress(_idx(_BYTES), mtime=0)

    def damaged(self, rng, checked):
        return gzip.compress(mutations.anyhow(_idx(_BYTES), rng)) if checked else super().damaged(rng, checked)


class png_folder(_Images):
    def make(self):
        (self.path / "3").mkdir(parents=True, exist_ok=True)
        for name in ("a", "b"):
            Image.fromarray(_BYTES[0]).save(self.path / "3" / f"{name}.png")
        return (self.path / "3/b.png").read_bytes()

    def write(self, data):
        (self.path / "3/b.png").write_bytes(data)

    def damaged(self, rng, checked):
        data = super().damaged(rng, checked)
        return mutations.png_resealed(data) if checked else data


class data_set(Sample):
    """One of the four files of a data set in a folder that the user names; its checksum is the one that is expected."""

    checksum = True

    def make(self):
        self.path.mkdir()
        for key, name in sources.NAMES.items():
            (self.path / f"{name}.gz").write_bytes(gzip.compress(self._raw(key), mtime=0))
        self._expect(self._raw("x_test"))
        return (self.path / f"{sources.NAMES['x_test']}.gz").read_bytes()

    def _raw(self, key):
        return _idx(_BYTES if key[0] == "x" else _Y[:6])

    def _expect(self, raw):
        sources.SHA256["glyphs"] = {key: hashlib.sha256(raw if key == "x_test" else self._raw(key)).hexdigest() for key in sources.NAMES}

    def write(self, data):
        (self.path / f"{sources.NAMES['x_test']}.gz").write_bytes(data)

    def read(self, path):
        raw = sources.fetch("glyphs", path)
        return _digest({key: sd.data.idx.parse(data, key) for key, data in raw.items()}, [])

    def damaged(self, rng, checked):
        raw = mutations.anyhow(self._raw("x_test"), rng) if checked else self._raw("x_test")
        self._expect(raw)
        return gzip.compress(raw) if checked else super().damaged(rng, checked)


class description(Sample):
    """JSON that is read through a schema, as the command line's records are."""

    fields = {"eps": schema.number(0, 1), "sizes": schema.sequence(schema.whole(1)), "name": schema.text(), "kappa": schema.number().added(2, 0.5), "rest": schema.mapping()}
    value = {"eps": 0.1, "sizes": [1, 2], "name": "a", "kappa": 1.0, "rest": {"a": [1, {"b": None}]}}

    def make(self):
        return json.dumps(self.value).encode()

    def read(self, path):
        return _digest({}, schema.described(schema.parsed(files.contents(path), str(path)), self.fields, str(path), version=1))

    def damaged(self, rng, checked):
        return mutations.text(mutations.odd_json(self.value, rng)).encode() if checked else super().damaged(rng, checked)


SAMPLES = (generator, atn_generator, advgan_generator, classifier, checkpoint, old_generator, npy, npz, h5, idx, idx_gz, png_folder, data_set, description)
