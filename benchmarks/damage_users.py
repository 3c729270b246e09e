"""What benchmarks/damage.py damages of users' files and data sets, and how it is read."""
import gzip
import hashlib
import io
import json
import struct
import zipfile
from dataclasses import replace

import damage_mutations as mutations
import h5py
import numpy as np
from damage_samples import Sample, digest
from PIL import Image

import sdpadv_np as sd
from sdpadv_np.cli import train
from sdpadv_np.data import images, sources
from sdpadv_np.data.datasets import File
from sdpadv_np.experiments.reproduction.cells import Cell
from sdpadv_np.experiments.reproduction.store import Store
from sdpadv_np.storage import files, schema

_BYTES = np.random.default_rng(2).integers(0, 256, (6, 5, 4)).astype(np.uint8)
_LABELS = np.arange(6)
_MNIST = sd.data.DATASETS["mnist"]


class _Images(Sample):
    def read(self, path):
        given = images.load(path)
        return digest({"x": given.x, **({} if given.y is None else {"y": given.y})}, [given.kind, given.layout])


def _npy(array):
    memory = io.BytesIO()
    np.save(memory, array)
    return memory.getvalue()


class Npy(_Images):
    def make(self):
        return _npy(_BYTES)


class Npz(_Images):
    checksum = True

    def make(self, change=lambda data: data):
        memory = io.BytesIO()
        with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("x.npy", change(_npy(_BYTES)))
            file.writestr("y.npy", change(_npy(_LABELS)))
        return memory.getvalue()

    def damaged_and_sealed(self, rng):
        return self.make(lambda data: mutations.anyhow(data, rng))


class OwnDataSet(Npz):
    """A user's own data set, split on the way."""

    def read(self, path):
        own = sd.data.from_file(path)
        parts = ("x_train", "y_train", "x_val", "y_val", "x_test", "y_test")
        return digest({part: getattr(own, part) for part in parts}, list(own.class_names))


class Hdf5(_Images):
    share = 1

    def make(self):
        memory = io.BytesIO()
        with h5py.File(memory, "w") as file:
            file.create_dataset("x", data=_BYTES, chunks=(2, 5, 4), compression="gzip")
            file["y"] = _LABELS
        return memory.getvalue()


def _idx(array):
    return (b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
            + array.astype(np.uint8).tobytes())


class Idx(_Images):
    def make(self):
        return _idx(_BYTES)


class IdxGz(_Images):
    checksum = True

    def make(self):
        return gzip.compress(_idx(_BYTES), mtime=0)

    def damaged_and_sealed(self, rng):
        return gzip.compress(mutations.anyhow(_idx(_BYTES), rng))


class PngFolder(_Images):
    checksum = True
    inside = "3/b.png"

    def make(self):
        Image.fromarray(_BYTES[0]).save(self.file.with_name("a.png"))
        return self.file.with_name("a.png").read_bytes()

    def damaged_and_sealed(self, rng):
        return mutations.png_resealed(super().damaged_and_sealed(rng))


class DataSet(Sample):
    """One of the four files of a data set in a folder that the user names; its checksum is the one that is expected."""

    checksum = True
    inside = f"{_MNIST.files['x_test'].name}.gz"
    raw = {key: _idx(_BYTES if key[0] == "x" else _LABELS) for key in _MNIST.files}

    def make(self):
        for key, file in _MNIST.files.items():
            (self.path / f"{file.name}.gz").write_bytes(gzip.compress(self.raw[key], mtime=0))
        return self._expected(self.raw["x_test"], mtime=0)

    def _expected(self, raw, **how):
        """Expect this file of test images."""
        sums = {key: hashlib.sha256(data).hexdigest() for key, data in (self.raw | {"x_test": raw}).items()}
        described = {key: File(file.name, sums[key]) for key, file in _MNIST.files.items()}
        self.entry = replace(_MNIST, name="glyphs", files=described)
        return gzip.compress(raw, **how)

    def read(self, path):
        raw = sources.fetch(self.entry, path)
        return digest({key: sd.data.idx.parse(data, key) for key, data in raw.items()}, [])

    def damaged(self, rng, checked):
        self._expected(self.raw["x_test"])
        return super().damaged(rng, checked)

    def damaged_and_sealed(self, rng):
        return self._expected(mutations.anyhow(self.raw["x_test"], rng))


class Description(Sample):
    """JSON that is read through a schema."""

    fields = {"eps": schema.number(0, 1), "sizes": schema.sequence(schema.integer(1)), "name": schema.text(),
              "kappa": schema.number().added(2, 0.5), "rest": schema.mapping()}
    value = {"eps": 0.1, "sizes": [1, 2], "name": "a", "kappa": 1.0, "rest": {"a": [1, {"b": None}]}}

    def make(self):
        return json.dumps(self.value).encode()

    def read(self, path):
        found = schema.parse_json(files.read_bytes(path), str(path))
        return digest({}, schema.validated(found, self.fields, str(path), version=1))

    def damaged_and_sealed(self, rng):
        return mutations.text(mutations.odd_json(self.value, rng)).encode()


class Parameters(Description):
    """parameters.json of a run folder, as ``sdpadv train --resume`` reads it."""

    share = 1
    inside = "parameters.json"

    def make(self):
        resolved = train.resolved(train.parsed({}))
        type(self).value = {"parameters": resolved, "command": ["sdpadv", "train"], "made": {"commit": "unknown"}}
        return super().make()

    def read(self, path):
        return digest({}, train.stored(path))


class CellRecord(Description):
    """The record of a cell of ``sdpadv reproduce``."""

    cell = Cell("glyphs", "B", "PGD", (("eps", 0.1),))
    settings = {"seed": 0, "parameters": {"eps": 0.1}}
    _measured = {"accuracy": 0.5, "clean_accuracy": 1.0, "success_rate": 0.5, "l2sq": 2.0, "linf": 0.1,
                 "seconds_per_100": 0.3, "count": 100}
    value = {
        "settings": settings, "made": {"commit": "unknown"}, "result": _measured | {"count": 1000},
        "hundred": _measured, "seconds": {"training": 0.0, "attack": 1.0, "cell": 1.5}, "distortion": None,
        "threads": 1,
    }
    inside = f"cells/{cell.name}.json"

    def read(self, path):
        return digest({}, Store(path).read(self.cell, self.settings))


SAMPLES = (Npy, Npz, OwnDataSet, Hdf5, Idx, IdxGz, PngFolder, DataSet, Description, Parameters, CellRecord)
