"""``sdpadv attack IMAGES``: adversarial images made from the user's own."""
from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np

from ..data import images as user_images
from ..errors import ArgumentError
from ..evaluation import distortion_text, figures
from ..evaluation.metrics import measure
from ..experiments.reuse import load_classifier
from ..storage import files
from ..storage.provenance import provenance
from . import inputs, selection
from .common import Formatter, add_device, add_threads, announce, path, written_at_once

RECORD = "record.json"


def add_parser(commands):
    command = commands.add_parser(
        "attack", help="attack your own images", formatter_class=Formatter,
        description="Make adversarial images from your own: a npy, npz, HDF5 or idx(.gz) file, or a folder of PNG and\n"
        "JPEG files; uint8, or float in [0, 1], of shape (N, H, W), (N, C, H, W) or (N, H, W, C), as the network\n"
        f"takes them. In npz and HDF5 files the images are called {', '.join(user_images.IMAGES)};\n"
        f"their labels {', '.join(user_images.LABELS)}. A picture's label is the number that\n"
        "its folder is named after. The results are written in the same form (pictures as PNG), with a record and a\n"
        "picture of the first ten.",
        epilog="examples:\n"
        "  sdpadv attack images.npz --classifier classifier.h5 --attack pgd --eps 0.1 --set steps=40\n"
        "  sdpadv attack folder/ --attack generator.h5",
    )
    command.add_argument("images", type=path, metavar="IMAGES", help="file, or folder of PNG and JPEG files")
    add = command.add_argument
    add("--attack", type=path, required=True, metavar="ATTACK",
        help="name of an attack, or the generator.h5 of a run, which needs no classifier")
    add("--classifier", type=path, metavar="FILE",
        help="the classifier that is attacked: the classifier.h5 of a run, or one saved by sd.save")
    add("--true-labels", type=path, metavar="FILE", help="labels of the images, where they do not lie beside them")
    add("--target", type=int, metavar="CLASS", help="move every image into this class, instead of away from its own")
    selection.add_options(command)
    add_device(command)
    add_threads(command)
    add("--output", type=path, metavar="DIR", help="folder of the results, new or empty; runs/attack-TIME if not given")
    return command


def run(arguments) -> None:
    with written_at_once(arguments, "attack", RECORD, "no images were written") as (folder, draft):
        _run(arguments, folder, draft)


def _run(a, folder, draft) -> None:
    classifier = load_classifier(a.classifier, a.device) if a.classifier else None
    (attack,) = selection.select([a.attack], classifier, a)
    given = inputs.images(a.images, a.true_labels, classifier, [attack])
    figures.canvas(1, 1)  # a missing matplotlib shows now and not after the work
    count, channels, height, width = given.x.shape
    shape = f"{height}x{width}{f', {channels} channels' * (channels > 1)}"
    parameters = {
        "images": f"{a.images} ({given.kind}, {given.layout}, {count} images of {shape})",
        "labels given": "no" if given.y is None else a.true_labels or "with the images",
        "classifier": a.classifier, "attack": attack.name, **attack.parameters, "target": a.target,
        "device": a.device, "threads": a.threads, "output": str(folder),
    }
    announce(parameters)
    x_adv, seconds = _attacked(attack.attack, given, a.target)
    x_adv = given.writable(x_adv)
    reached = _figures(classifier, given, x_adv, seconds, a.target)
    distortion = distortion_text.mean_distortion(attack.attack, given.x, given.y)
    record = {
        "parameters": parameters, "command": ["sdpadv", *sys.argv[1:]], "made": provenance(),
        "figures": reached, "distortion": distortion,
    }
    for name, value in {**reached, **(distortion or {})}.items():
        print(f"{name}: {value:.4f}" if isinstance(value, float) else f"{name}: {value}")
    given.write(x_adv, draft / "adversarial")
    eps = "" if attack.eps is None else f", eps {attack.eps:g}"
    title = f"{attack.name}{eps}: the first {len(x_adv[:10])} of {len(x_adv)} images"
    figures.grid(draft / "pictures.png", figures.steps(attack.attack, given.x[:10], x_adv[:10]), title, classifier)
    files.write_json(draft / RECORD, record)


def _attacked(attack, given, target) -> tuple[np.ndarray, float]:
    """(x_A, seconds)."""
    further = {}
    if target is not None:
        if not hasattr(attack, "classifier"):
            raise ArgumentError("--target: a trained generator has no targets; choose an attack by name")
        classes = attack.classifier.classes
        if not 0 <= target < classes:
            raise ArgumentError(f"--target is {target}; the classifier has the classes 0 to {classes - 1}")
        further["targets"] = np.full(len(given.x), target, np.int64)
    few = slice(2)  # for kernels that are compiled on their first use
    attack(given.x[few], None if given.y is None else given.y[few], **{k: v[few] for k, v in further.items()})
    started = time.perf_counter()
    x_adv = attack(given.x, given.y, **further)
    return np.asarray(x_adv, np.float32), time.perf_counter() - started


def _figures(classifier, given, x_adv, seconds, target) -> dict:
    """The figures of the record, measured on the images as they are written."""
    change = x_adv.astype(np.float64) - given.x
    if classifier is None:
        return {
            "l2sq": float(np.square(change).sum(axis=(1, 2, 3)).mean()), "linf": float(np.abs(change).max()),
            "seconds": 100 * seconds / len(x_adv), "count": len(x_adv),
        }
    y = classifier.predict(given.x) if given.y is None else given.y
    against = "predicted labels" if given.y is None else "true labels"
    result = {"measured against": against, **measure(classifier, given.x, y, x_adv, seconds).as_dict()}
    if target is not None:
        result["in target"] = float((classifier.predict(x_adv) == target).mean())
    return result
