"""Users' HDF5 files, read in a child process (child_process.py): nobody knows who wrote them, and libhdf5 cannot be trusted with that."""
from __future__ import annotations

import math

from ..storage import child_process, container
from ..errors import DataError, FileError
from ..extras import needed
from .wanted import Wanted


def read(path, wanted: Wanted, largest: int) -> dict:
    """{name: array} of what is wanted from the file at ``path``; DataError if it lacks it, or is damaged."""
    try:
        data = child_process.call("sdpadv_np.data.hdf5:packed", path, wanted=wanted, largest=largest)
    except FileError as error:
        raise DataError(str(error)) from error
    return container.unpack(data, str(path))[1]


def packed(path: str, wanted, largest: int) -> bytes:
    """What the child does."""
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
    datasets = {}
    with file:  # hard links alone are visited: soft and external ones may lead anywhere
        file.visititems(lambda name, item: datasets.update({name: item}) if isinstance(item, h5py.Dataset) else None)
        names = Wanted(*wanted).among(datasets, lambda name: f"{name} {datasets[name].shape} {datasets[name].dtype}")
        arrays = {name: _array(name, datasets[name], largest) for name in names}
        return container.pack("arrays", arrays, "{}")


def _array(name, dataset, largest: int):
    if dataset.is_virtual or dataset.external:
        raise DataError(f"{name} does not lie in this file but in others (external storage or a virtual dataset), which are not opened; copy it into one file")
    if dataset.dtype.kind not in "fiub" or dataset.shape is None:
        raise DataError(f"{name} has dtype {dataset.dtype}; expected numbers")
    if math.prod(dataset.shape) * dataset.dtype.itemsize > largest:
        raise DataError(f"{name} has shape {dataset.shape}, more than the {largest:,} bytes that are read here; split it")
    return dataset[()]
