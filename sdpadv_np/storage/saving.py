"""``save`` and ``load``: objects as HDF5 files. Each kind of object registers its reader here."""
from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ..errors import ArgumentError
from . import files


class _Kind(NamedTuple):
    reader: Callable[..., Any]  # (path, arrays, attributes, device) -> object
    types: Iterable[type]  # of the objects that it returns


_KINDS: dict[str, _Kind] = {}  # by the kind that the file names


def register(kind: str, reader: Callable[..., Any], types: Iterable[type]) -> None:
    """Let :func:`load` read files of ``kind`` by ``reader(path, arrays, attributes, device)``.

    types : the classes of the objects that it returns. :func:`save` writes them alone, as ``to_file()`` describes
        them: (kind, {name: array}, JSON-able attributes)
    """
    _KINDS[kind] = _Kind(reader, types)


def save(obj: Any, path: files.PathLike) -> None:
    """Write a classifier, a generator, or a fitted attack (its generator) to ``path``.

    The file holds the weights, every parameter, the training history, versions and commit. It is
    HDF5, which any HDF5 tool opens, with a checksum before it (container.py); ``~`` in the path is the
    home folder. Raises FileError if it cannot be written, and leaves the previous file as it was;
    ArgumentError for an object of a subclass, which no file could give back; BusyError while another
    thread trains the object.
    """
    if not hasattr(obj, "to_file"):
        raise ArgumentError(
            f"save: cannot save a {type(obj).__name__}; give a classifier (ModelA, ModelB, ...), a generator, "
            "or an attack that is trained (SdpAdv, ATN, ...)"
        )
    model = getattr(obj, "generator", obj)
    contents = model.to_file()  # first, for its BusyError
    types = [known for kind in _KINDS.values() for known in kind.types]
    base = next((known for known in types if isinstance(model, known)), None)
    if base is not None and type(model) not in types:
        raise ArgumentError(
            f"save: {type(model).__name__} is a subclass of {base.__name__}, and its file would be loaded as a "
            f"{base.__name__}, without what the subclass adds: save a {base.__name__} with its weights "
            "(of the same parameters; plain.store.data[:] = yours.store.data), or pickle it"
        )
    files.write(path, *(contents if model is obj else obj.to_file()))


def load(path: files.PathLike, device: str = "cpu") -> Any:
    """The classifier or generator in ``path``, on ``device`` ("cpu" or "cuda"); it is used without any training code.

    Nothing in the file is run, and its checksum is compared before anything else. A file of format
    version 1 has no such checksum; it is read in a process of its own, which takes half a second more.

    Raises FileError if the file is missing, damaged, not ours, or holds values that are not finite.
    """
    kind, arrays, attributes = files.read(path, list(_KINDS))
    return _KINDS[kind].reader(path, arrays, attributes, device)
