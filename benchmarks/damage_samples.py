"""What benchmarks/damage.py damages of our own files, and how it is read."""
import functools
import hashlib
import io
import json
from pathlib import Path

import damage_mutations as mutations
import h5py
import numpy as np

import sdpadv_np as sd
from sdpadv_np.storage import container, files, old_files

_X = np.random.default_rng(0).random((8, 1, 2, 2)).astype(np.float32)
_Y = np.arange(8)
_W = np.random.default_rng(1).standard_normal((4, 10)).astype(np.float32)


def _atn(**how):
    external = sd.models.ExternalClassifier(
        lambda x: x.reshape(len(x), -1) @ _W, lambda x, g: (g @ _W.T).reshape(x.shape), image_shape=(1, 2, 2))
    return sd.attacks.ATN(external, hidden=(2,)).fit(_X, _Y, _X, _Y, epochs=2, batch_size=4, progress=False, **how)


class Sample:
    """``read(path)`` of a file gives something to compare; its bytes are damaged by ``damaged``."""

    checksum = False  # whether the file has one over its content
    share = 10  # of the mutations
    inside = ""  # the path of the file, if ``path`` is a folder

    def __init__(self, folder: Path):
        self.path = folder / type(self).__name__
        self.file = self.path / self.inside
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.whole = self.make()
        self.write(self.whole)
        self.right = self.read(self.path)

    def write(self, data: bytes) -> None:
        self.file.write_bytes(data)

    def damaged(self, rng, checked: bool) -> bytes:
        """The bytes, damaged; ``checked``: with every checksum made right again."""
        return self.damaged_and_sealed(rng) if checked else mutations.anyhow(self.whole, rng)

    def damaged_and_sealed(self, rng) -> bytes:
        return mutations.anyhow(self.whole, rng)


def digest(arrays, attributes) -> str:
    digest = hashlib.sha256(json.dumps(attributes, sort_keys=True, default=str).encode())
    for name in sorted(arrays):
        digest.update(f"{name}{arrays[name].dtype}{arrays[name].shape}".encode())
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()


def _timeless(kind, arrays, attributes):
    """Without what differs from run to run, so that a seed stands for the same damage."""
    for row in attributes["history"]:
        row["seconds"] = 0.5
    return kind, arrays, {**attributes, **({"made": {"sdpadv_np": sd.__version__}} if "made" in attributes else {})}


class Ours(Sample):
    """A file of ours, of today's format."""

    checksum = True

    def damaged_and_sealed(self, rng):
        kind, arrays, text = container.unpack(self.whole, "")
        how = rng.integers(5)
        if how == 0:
            return mutations.resealed(mutations.anyhow(self.whole, rng))
        if how == 1:
            return mutations.resealed(mutations.odd_index(self.whole, rng))
        if how == 2:
            return container.pack(kind, mutations.odd_arrays(arrays, rng), text)
        return container.pack(kind, arrays, mutations.text(mutations.odd_json(json.loads(text), rng)))


class Generator(Ours):
    share = 20
    trained = functools.partial(sd.models.Generator, localisation=(2,), perturbation=(2,), image_shape=(1, 2, 2))

    def make(self):
        files.write(self.path, *_timeless(*self.trained().to_file()))
        return self.path.read_bytes()

    def read(self, path):
        kind, arrays, attributes = sd.load(path).to_file()
        return digest(arrays, [kind, attributes])


class AtnGenerator(Generator):
    share = 10
    trained = staticmethod(_atn)


class AdvGanGenerator(Generator):
    share = 3
    trained = functools.partial(sd.models.AdvGANGenerator, image_shape=(1, 16, 16))


class Classifier(Generator):
    share = 5
    trained = sd.models.ModelB


class Checkpoint(Ours):
    """Read as a training reads it that goes on from it (and has no epoch left)."""

    share = 20

    def make(self):
        _atn(checkpoint=self.path)
        files.write(self.path, *_timeless(*files.read(self.path)))
        return self.path.read_bytes()

    def read(self, path):
        generator = _atn(checkpoint=path).generator
        return digest(generator.store.arrays(), generator.history)


class OldGenerator(Generator):
    """Of format version 1: read in a child process."""

    share = 1

    def make(self):
        return self._old(*_timeless(*self.trained().to_file()))

    def _old(self, kind, arrays, attributes):
        memory, text = io.BytesIO(), mutations.text(attributes)
        with h5py.File(memory, "w") as file:
            file.attrs.update({"format": "sdpadv-np", "format_version": 1, "kind": kind,
                               "sha256": old_files._digest(arrays, text)})
            file["attributes"] = text
            for name, array in arrays.items():
                file[f"arrays/{name}"] = array
        return memory.getvalue()

    def damaged_and_sealed(self, rng):
        kind, arrays, attributes = self.trained().to_file()
        if rng.integers(2):
            return self._old(kind, mutations.odd_arrays(arrays, rng), attributes)
        return self._old(kind, arrays, mutations.odd_json(attributes, rng))


SAMPLES = (Generator, AtnGenerator, AdvGanGenerator, Classifier, Checkpoint, OldGenerator)
