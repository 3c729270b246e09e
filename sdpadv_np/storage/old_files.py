"""Files of format version 1: HDF5 alone. Their checksum lies inside, so libhdf5 has to read the file first.

Runs in a child process (child_process.py) only.
"""
from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np

from ..errors import FileError
from ..extras import needed
from . import container

FORMAT, VERSION = "sdpadv-np", 1


def converted(path: str) -> bytes:
    """The file at ``path`` as :func:`container.pack` writes it."""
    h5py = needed("h5py", "files of format version 1")
    data = Path(path).read_bytes()
    with h5py.File(io.BytesIO(data), "r") as file:
        header = dict(file.attrs)
        if header.get("format") != FORMAT:
            raise FileError("is HDF5, but was not written by sdpadv-np")
        if header["format_version"] != VERSION:
            raise FileError(
                f"has format version {header['format_version']} and lacks the checksum before the HDF5; "
                "take another copy"
            )
        datasets = {"": file["attributes"]}
        file["arrays"].visititems(
            lambda name, item: datasets.update({name: item}) if isinstance(item, h5py.Dataset) else None
        )
        for name, dataset in datasets.items():
            if dataset.is_virtual or dataset.external or dataset.size * dataset.dtype.itemsize > len(data):
                raise FileError(f"{name or 'attributes'} does not lie in this file")
        text = datasets.pop("")[()].decode()
        arrays = {name: dataset[()] for name, dataset in datasets.items()}
    if _digest(arrays, text) != header.get("sha256"):
        raise FileError("is damaged: its content does not match its checksum; take another copy")
    return container.pack(str(header["kind"]), arrays, text)


def _digest(arrays: dict[str, np.ndarray], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
