"""Users' own data sets: labelled images in a npz or HDF5 file, read into the :class:`Dataset` of ``sd.data.load``."""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from .. import checks
from ..errors import DataError
from ..storage import files
from .layout import LAYOUTS, checked_pixels, layout_of, to_nchw
from .loading import Dataset
from .requested import Requested, kind_of, naming

NAMES = {  # of the arrays; several where users differ
    "x_train": ("x_train", "x", "images"), "y_train": ("y_train", "y", "labels"),
    "x_val": ("x_val",), "y_val": ("y_val",), "x_test": ("x_test",), "y_test": ("y_test",),
}
_PART = {name: part for part, names in NAMES.items() for name in names}
CLASS_NAMES = "class_names"
SHARE = 0.15  # of the images, for a validation or test part that the file lacks
_WORDS = {"val": "validation", "test": "test"}


def from_file(
    path, class_names: Sequence[str] | None = None, layout: str | None = None, seed: int = 0,
    report: Callable[[str], None] = lambda line: None,
) -> Dataset:
    """A data set of your own from a npz or HDF5 file.

    The file holds the arrays x_train, y_train, x_val, y_val, x_test and y_test, and optionally class_names (texts).
    If validation or test images are missing, a share of 15 % of the training images is drawn for each (the file may
    hold x and y alone), which ``report`` is told.

    Images are uint8 (0 to 255, divided by 255 here) or floats in [0, 1], of shape (N, H, W), (N, C, H, W) or, where the
    last axis alone can be the channels, (N, H, W, C). Labels (N,) are whole numbers 0..K-1.

    class_names : K names; otherwise those in the file, otherwise the numbers
    layout : "NHW", "NCHW" or "NHWC", where the shape leaves it open
    seed : of the split, where one is made
    report : called with one line per decision, e.g. ``print``

    Raises FileError if the file cannot be read, DataError if it does not hold what it should.

    >>> import os, tempfile, numpy as np, sdpadv_np as sd
    >>> path = os.path.join(tempfile.mkdtemp(), "own.npz")
    >>> np.savez(path, x=np.random.default_rng(0).random((40, 3, 8, 8), np.float32), y=np.arange(40) % 4)
    >>> own = sd.data.from_file(path, report=print)
    own: no validation images in the file; 6 of its 40 images are drawn (seed 0)
    own: no test images in the file; 6 of its 40 images are drawn (seed 0)
    >>> own.x_train.shape, own.classes
    ((28, 3, 8, 8), 4)
    """
    _check_options(layout, seed)
    path = files.expanded(path)
    found = _read(path)
    with naming(path):
        return from_arrays(found, path.stem, class_names, layout, seed, report)


def from_arrays(
    arrays: Mapping, name: str = "own", class_names: Sequence[str] | None = None, layout: str | None = None,
    seed: int = 0, report: Callable[[str], None] = lambda line: None,
) -> Dataset:
    """A data set of your own from arrays in memory, {"x": images, "y": labels} or more; see :func:`from_file`.

    >>> import numpy as np, sdpadv_np as sd
    >>> x, y = np.random.default_rng(0).random((40, 8, 8), np.float32), np.arange(40) % 4
    >>> sd.data.from_arrays({"x": x, "y": y}).x_test.shape
    (6, 1, 8, 8)
    """
    _check_options(layout, seed)
    found = {_PART.get(key, key): np.asarray(array) for key, array in arrays.items()}
    if "x_train" not in found:
        raise DataError(
            f"has no training images (named {', '.join(NAMES['x_train'])}); in it: {', '.join(map(str, arrays))}"
        )
    x, y = _parts(found, layout, lambda line: report(f"{name}: {line}"))
    given = found.get(CLASS_NAMES) if class_names is None else class_names
    texts = _class_names(given, np.concatenate([*y.values()]))
    _split(x, y, seed, lambda line: report(f"{name}: {line}"))
    return Dataset(name, x["train"], y["train"], x["val"], y["val"], x["test"], y["test"], texts)


def _check_options(layout: str | None, seed: int) -> None:
    checks.whole("seed", seed, 0)
    if layout is not None:
        checks.choice("layout", layout, LAYOUTS)


def _read(path: Path) -> dict[str, np.ndarray]:
    """{name: array} of the arrays in the file that are known."""
    from . import arrays  # readers that ``import sdpadv_np`` does without

    kind = kind_of(files.read_start(path, 8))
    if kind not in ("npz", "h5"):
        raise DataError(f"{path}: is neither a npz nor an HDF5 file; write one with np.savez(path, x=images, y=labels)")
    x, y, *optional = NAMES.values()
    texts = (CLASS_NAMES,)
    return arrays.read(path, kind, Requested("images and labels", (x, y), (*optional, texts), texts))


def _parts(found: dict, layout: str | None, report) -> tuple[dict, dict]:
    """({part: images (N, C, H, W) float32 in [0, 1]}, {part: labels (N,)}) of the parts that the file has."""
    x, y = {}, {}
    for part in ("train", "val", "test"):
        pair = [name for name in (f"x_{part}", f"y_{part}") if name in found]
        if len(pair) == 1:
            (missing,) = {f"x_{part}", f"y_{part}"}.difference(pair)
            raise DataError(f"has {pair[0]}, but lacks {missing}; add it, or leave out both")
        if pair:
            x[part] = _images(found[pair[0]], pair[0], layout, report)
            y[part] = checks.labels(found[pair[1]], len(x[part]), name=pair[1])
            if x[part].shape[1:] != x["train"].shape[1:]:
                raise DataError(
                    f"x_{part} has images of shape {x[part].shape[1:]}, x_train of {x['train'].shape[1:]}; "
                    "bring all to one shape"
                )
    return x, y


def _images(x: np.ndarray, name: str, layout: str | None, report) -> np.ndarray:
    if layout is None:
        layout = layout_of(x, name)
        if layout == "NHWC":
            report(f"{name} of shape {x.shape} is taken as (N, H, W, C)")
    if x.ndim != len(layout):
        raise DataError(f"{name} has shape {x.shape}; layout {layout} has {len(layout)} axes")
    return checked_pixels(to_nchw(x, layout), name)


def _class_names(names, y: np.ndarray) -> tuple[str, ...]:
    """The K names; the labels as texts if ``names`` is None. DataError if they and the labels y do not fit."""
    there = np.unique(y)
    if len(there) < 2:
        raise DataError(f"labels are all {there[0]}; expected images of two classes or more")
    if names is None:
        absent = np.flatnonzero(there != np.arange(len(there)))
        if len(absent):
            raise DataError(
                f"labels go up to {there[-1]}, but none is {absent[0]}; expected every class from 0 on: "
                "number them by np.unique(y, return_inverse=True)[1], or give class_names"
            )
        return tuple(map(str, there.tolist()))
    given = names.ravel().tolist() if isinstance(names, np.ndarray) else [names] if isinstance(names, str) else names
    names = tuple(name.decode(errors="replace") if isinstance(name, bytes) else name for name in given)
    are_texts = all(isinstance(name, str) and name.strip() for name in names)
    if not are_texts or not 2 <= len(names) == len(set(names)):
        raise DataError(f"class_names are {_shown(names)}; expected at least two different texts, one for each class")
    if there[-1] >= len(names):
        raise DataError(
            f"labels go up to {there[-1]}, but class_names has {len(names)} names ({_shown(names)}); "
            "expected one for each class from 0 on"
        )
    return names


def _shown(names: tuple) -> str:
    return ", ".join(str(name)[:20] for name in names[:10]) + ", ..." * (len(names) > 10)


def _split(x: dict, y: dict, seed: int, report) -> None:
    """Move images of the training part to the parts that are missing."""
    missing, count = [part for part in ("val", "test") if part not in x], len(x["train"])
    if not missing:
        return
    size = max(1, round(SHARE * count))
    if count <= size * len(missing):
        raise DataError(
            f"x_train has {count} images, too few to draw {' and '.join(_WORDS[part] for part in missing)} images "
            "from; add x_val, y_val, x_test and y_test"
        )
    order = np.random.default_rng(seed).permutation(count)
    for number, part in enumerate(missing):
        chosen = np.sort(order[number * size : (number + 1) * size])
        x[part], y[part] = x["train"][chosen], y["train"][chosen]
        report(f"no {_WORDS[part]} images in the file; {size} of its {count} images are drawn (seed {seed})")
    left = np.sort(order[len(missing) * size :])
    x["train"], y["train"] = x["train"][left], y["train"][left]
