"""``sdpadv attack IMAGES``: adversarial images made from the user's own."""
from __future__ import annotations

import sys

import numpy as np

from ..data import images as user_images
from ..errors import ArgumentError
from ..evaluation import distortion, figures
from ..evaluation.metrics import measure, timed
from ..experiments.reuse import load_classifier
from ..storage import files
from ..storage.provenance import provenance
from . import inputs, selection
from .common import DEVICE, THREADS, add_command, announce, option, path, written_at_once

RECORD = "record.json"


def add_parser(commands):
    return add_command(
        commands, "attack", "attack your own images",
        "Make adversarial images from your own: a npy, npz, HDF5 or idx(.gz) file, or a folder of PNG and\n"
        "JPEG files; uint8, or float in [0, 1], of shape (N, H, W), (N, C, H, W) or (N, H, W, C), as the network\n"
        f"takes them. In npz and HDF5 files the images are called {', '.join(user_images.IMAGES)};\n"
        f"their labels {', '.join(user_images.LABELS)}. A picture's label is the number that\n"
        "its folder is named after. The results are written in the same form (pictures as PNG), with a record and a\n"
        "picture of the first ten.",
        option("images", type=path, metavar="IMAGES", help="file, or folder of PNG and JPEG files"),
        option("--attack", type=path, required=True, metavar="ATTACK",
            help="name of an attack, or the generator.h5 of a run, which needs no classifier"),
        option("--classifier", type=path, metavar="FILE",
            help="the classifier that is attacked: the classifier.h5 of a run, or one saved by sd.save"),
        option("--true-labels", type=path, metavar="FILE",
            help="labels of the images, where they do not lie beside them"),
        option("--target", type=int, metavar="CLASS",
            help="move every image into this class, instead of away from its own"),
        *selection.OPTIONS,
        DEVICE,
        THREADS,
        option("--output", type=path, metavar="DIR",
            help="folder of the results, new or empty; runs/attack-TIME if not given"),
        epilog="examples:\n"
        "  sdpadv attack images.npz --classifier classifier.h5 --attack pgd --eps 0.1 --set steps=40\n"
        "  sdpadv attack folder/ --attack generator.h5",
    )


def run(a) -> None:
    with written_at_once(a, "attack", RECORD, "no images were written") as (folder, draft):
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
        moved = distortion.mean_distortion(attack.attack, given.x, given.y)
        record = {
            "parameters": parameters, "command": ["sdpadv", *sys.argv[1:]], "made": provenance(),
            "figures": reached, "distortion": moved,
        }
        for name, value in reached.items():
            print(f"{name}: {value:.4f}" if isinstance(value, float) else f"{name}: {value}")
        if moved:
            print(f"distortion: {distortion.text(moved)}")
        given.write(x_adv, draft / "adversarial")
        title = f"{figures.with_eps(attack.name, attack.eps)}: the first {len(x_adv[:10])} of {len(x_adv)} images"
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
    x_adv, seconds = timed(attack, given.x, given.y, **further)
    return np.asarray(x_adv, np.float32), seconds


def _figures(classifier, given, x_adv, seconds, target) -> dict:
    """The figures of the record, measured on the images as they are written."""
    change = x_adv.astype(np.float64) - given.x
    if classifier is None:
        return {
            "l2sq": float(np.square(change).sum(axis=(1, 2, 3)).mean()), "linf": float(np.abs(change).max()),
            "seconds": 100 * seconds / len(x_adv), "count": len(x_adv),
        }
    y = classifier.predict(given.x) if given.y is None else given.y
    result = {
        "measured against": "predicted labels" if given.y is None else "true labels",
        **measure(classifier, given.x, y, x_adv, seconds).as_dict(),
    }
    if target is not None:
        result["in target"] = float((classifier.predict(x_adv) == target).mean())
    return result
