"""What a training learns from, in a few bytes, so that a checkpoint of another training is not gone on with."""
from __future__ import annotations

import hashlib

import numpy as np

from .. import xp
from ..nn import store_of

_ASKED = 16  # images that a classifier without weights is asked about
_TOLERANCE = 1e-3  # by which its answers may differ: the last bits are another processor's or GPU's, not another classifier's
RANDOMISED = "not compared: its answers differ from call to call"


def fingerprint(*arrays) -> str:
    """A digest of the arrays' dtypes, shapes and bytes, the same wherever they lie."""
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        array = np.ascontiguousarray(xp.to_numpy(array))
        digest.update(f"{array.dtype.str} {array.shape} ".encode())
        digest.update(array)
    return digest.hexdigest()


def of_data(x, y, x_val, y_val) -> dict[str, str]:
    """The fingerprints of training and validation data, by the names that checkpoints and their messages use."""
    data = {"training images": x, "training labels": y, "validation images": x_val, "validation labels": y_val}
    return {f"set of {name}": fingerprint(array) for name, array in data.items()}


def of_classifier(classifier, images) -> str | list:
    """The fingerprint of its weights if it is one of ours; otherwise its logits at some of ``images`` (N, C, H, W), or RANDOMISED."""
    if store_of(classifier) is not None:
        return fingerprint(classifier.store.data)
    once, again = (np.asarray(xp.to_numpy(classifier.logits(images[:_ASKED].copy())), np.float64).tolist() for _ in range(2))
    return once if same(once, again) else RANDOMISED


def same(one, other) -> bool:
    """Whether two values of an origin speak of the same thing."""
    if RANDOMISED in (one, other):
        return True
    if not isinstance(one, list) or not isinstance(other, list):
        return one == other
    try:
        one, other = np.array(one, np.float64), np.array(other, np.float64)
    except (TypeError, ValueError):  # a file may hold any lists
        return False
    return one.shape == other.shape and bool(np.isfinite(one).all()) and np.allclose(one, other, _TOLERANCE, _TOLERANCE)
