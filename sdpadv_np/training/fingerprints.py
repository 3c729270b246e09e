"""Fingerprints of the data and the classifier that a training learns from; a checkpoint with other ones is refused."""
from __future__ import annotations

import hashlib

import numpy as np

from .. import xp
from ..nn import store_of

_PROBES = 16  # images whose logits are the fingerprint of a classifier without weights of ours
_TOLERANCE = 1e-3  # of these logits; the last bits depend on the processor or GPU
RANDOMISED = "not compared: its answers differ from call to call"


def fingerprint(*arrays) -> str:
    """A digest of the arrays' dtypes, shapes and bytes; the same in main memory and on a GPU."""
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        array = np.ascontiguousarray(xp.to_numpy(array))
        digest.update(f"{array.dtype.str} {array.shape} ".encode())
        digest.update(array.data)
    return digest.hexdigest()


def set_fingerprints(x, y, x_val, y_val) -> dict[str, str]:
    """The fingerprints of both sets, for the settings of what was trained; the validation set chose the epoch."""
    return {"training set": fingerprint(x, y), "validation set": fingerprint(x_val, y_val)}


def data_fingerprints(x, y, x_val, y_val) -> dict[str, str]:
    """The fingerprints of training and validation data, by the names that checkpoints and their messages use."""
    data = {"training images": x, "training labels": y, "validation images": x_val, "validation labels": y_val}
    return {f"set of {name}": fingerprint(array) for name, array in data.items()}


def classifier_fingerprint(classifier, images) -> str | list:
    """The fingerprint of a classifier's weights; of an external one its logits at some of ``images`` (N, C, H, W).

    RANDOMISED if two calls give different logits.
    """
    if store_of(classifier) is not None:
        return fingerprint(classifier.store.data)
    once, again = (_logits(classifier, images[:_PROBES].copy()) for _ in range(2))
    return once if same(once, again) else RANDOMISED


def _logits(classifier, images) -> list:
    return np.asarray(xp.to_numpy(classifier.logits(images)), np.float64).tolist()


def same(one, other) -> bool:
    """Whether two fingerprints agree: equal digests, or logits equal within _TOLERANCE."""
    if RANDOMISED in (one, other):
        return True
    if not isinstance(one, list) or not isinstance(other, list):
        return one == other
    try:
        one, other = np.array(one, np.float64), np.array(other, np.float64)
    except (TypeError, ValueError):  # from a file, which may hold any lists
        return False
    return one.shape == other.shape and bool(np.isfinite(one).all()) and np.allclose(one, other, _TOLERANCE, _TOLERANCE)
