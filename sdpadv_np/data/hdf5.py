"""Users' HDF5 files, read in a child process, because libhdf5 is not safe on untrusted files."""
from __future__ import annotations

import json
import math

import numpy as np

from ..errors import DataError, FileError
from ..extras import needed
from ..storage import child_process, container
from .requested import Requested


def read(path, requested: Requested, largest: int) -> dict:
    """{name: array} of the requested arrays in the file at ``path``, texts as NumPy's str.

    Raises DataError if a required array is missing, the file is damaged, or an array has more than ``largest`` bytes.
    """
    try:
        data = child_process.call("sdpadv_np.data.hdf5:packed", path, requested=requested, largest=largest)
    except FileError as error:
        raise DataError(str(error)) from error
    _, arrays, texts = container.unpack(data, str(path))
    return arrays | {name: np.array(text, str) for name, text in json.loads(texts).items()}


def packed(path: str, requested, largest: int) -> bytes:
    """The requested arrays as bytes; runs in the child process."""
    h5py = needed("h5py", "HDF5 files")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        if "unable to lock file" not in str(error):
            raise
        raise DataError(
            "is locked: another program has it open for writing, or this file system has no locks; "
            "close it there, or set HDF5_USE_FILE_LOCKING=FALSE if nobody writes to it"
        ) from error
    found = {}
    with file:  # visititems follows hard links alone: soft and external ones may lead into other files
        file.visititems(lambda name, item: found.update({name: item}) if isinstance(item, h5py.Dataset) else None)
        requested = Requested(*requested)
        arrays = {
            name: _array(name, found[name], largest, name in requested.texts)
            for name in requested.among(found, lambda name: f"{name} {found[name].shape} {found[name].dtype}")
        }
    texts = {name: array for name, array in arrays.items() if isinstance(array, list)}
    return container.pack("arrays", {k: v for k, v in arrays.items() if k not in texts}, json.dumps(texts))


def _array(name, dataset, largest: int, text: bool):
    """The numbers of a dataset as an array, or its texts as a list."""
    if dataset.is_virtual or dataset.external:
        raise DataError(
            f"{name} does not lie in this file but in others (external storage or a virtual dataset), "
            "which are not opened; copy it into one file"
        )
    if dataset.dtype.kind not in ("OS" if text else "fiub") or dataset.shape is None:
        raise DataError(f"{name} has dtype {dataset.dtype}; expected {'texts' if text else 'numbers'}")
    if math.prod(dataset.shape) * dataset.dtype.itemsize > largest:
        raise DataError(
            f"{name} has shape {dataset.shape}, more than the {largest:,} bytes that are read here; split it"
        )
    return dataset.asstr()[()].tolist() if text else dataset[()]  # asstr: TypeError for objects other than texts
