"""``save`` and ``load``: trained classifiers and generators as HDF5 files."""
from __future__ import annotations

from . import files
from ..errors import ArgumentError
from ..nn import reading
from ..models import AdvGANGenerator, ATNGenerator, Generator, classifier

_GENERATORS = Generator, AdvGANGenerator, ATNGenerator
_READERS = {"classifier": classifier.from_file, **{g.kind: g.from_file for g in _GENERATORS}}


def save(obj, path) -> None:
    """Write a classifier (ModelA, ModelB), a generator, or a fitted attack (its generator) to ``path``.

    The file holds the weights, every parameter, the training history, versions and commit. It is
    HDF5, which any HDF5 tool opens, with a checksum before it (container.py); ``~`` in the path is the
    home folder. Raises FileError if it cannot be written, and leaves what was there as it was; ArgumentError
    for an object of a subclass of these, which no file could give back.
    """
    if not hasattr(obj, "to_file"):
        raise ArgumentError(f"save: cannot save a {type(obj).__name__}; give a ModelA, ModelB, a generator, or an attack that is trained (SdpAdv, ATN, ...)")
    model = getattr(obj, "generator", obj)
    kinds = *classifier.ARCHITECTURES.values(), *_GENERATORS  # what a file can be loaded as
    base = next((kind for kind in kinds if isinstance(model, kind)), None)
    with reading(model):
        if base is not None and type(model) not in kinds:
            raise ArgumentError(
                f"save: {type(model).__name__} is a subclass of {base.__name__}, and its file would be loaded as a {base.__name__}, without what the subclass adds: "
                f"save a {base.__name__} with its weights (of the same parameters; plain.store.data[:] = yours.store.data), or pickle it"
            )
        files.write(path, *obj.to_file())


def load(path, device: str = "cpu"):
    """The classifier or generator in ``path``, on ``device`` ("cpu" or "cuda"); it is used without any training code.

    Nothing in the file is run, and its checksum is compared before anything else. A file of an
    older version has none that could be; it is read in a process of its own, which takes half a second more.

    Raises FileError if the file is missing, damaged, not ours, or holds values that are not finite.
    """
    kind, arrays, attributes = files.read(path, list(_READERS))
    return _READERS[kind](path, arrays, attributes, device)
