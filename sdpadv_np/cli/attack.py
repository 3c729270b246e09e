"""``sdpadv attack IMAGES``: the user's own images, attacked."""
from __future__ import annotations

import sys
import time

import numpy as np

from .. import checks
from ..storage import files, folders
from ..data import images as user_images
from ..errors import ArgumentError
from ..evaluation import figures, distortion_text
from ..evaluation.metrics import measure
from ..storage.provenance import provenance
from . import chosen
from ..training.threads import threads
from .common import Formatter, add_device, add_threads, announce, path, results, visible

RECORD = "record.json"


def add_parser(commands):
    command = commands.add_parser(
        "attack", help="attack your own images", formatter_class=Formatter,
        description="Make adversarial images from your own: a npy, npz, HDF5 or idx(.gz) file, or a folder of grey PNG files;\n"
        "uint8, or float in [0, 1], of shape (N, H, W), (N, 1, H, W) or (N, H, W, 1). In npz and HDF5 files the images are\n"
        f"called {', '.join(user_images.IMAGES)}; their labels {', '.join(user_images.LABELS)}. A PNG's label is the number that\n"
        "its folder is named after. They are written in the same form, with a record of everything and a picture of the first ten.",
        epilog="examples:\n  sdpadv attack images.npz --classifier classifier.h5 --attack pgd --eps 0.1 --set steps=40\n"
        "  sdpadv attack folder/ --attack generator.h5",
    )
    command.add_argument("images", type=path, metavar="IMAGES", help="file, or folder of PNG files")
    command.add_argument("--attack", type=path, required=True, metavar="ATTACK", help="name of an attack, or the generator.h5 of a run, which needs no classifier")
    command.add_argument("--classifier", type=path, metavar="FILE", help="the classifier that is attacked: the classifier.h5 of a run")
    command.add_argument("--true-labels", type=path, metavar="FILE", help="labels of the images, where they do not lie beside them")
    command.add_argument("--target", type=int, metavar="CLASS", help="move every image into this class, instead of away from its own")
    chosen.add_options(command)
    add_device(command)
    add_threads(command)
    command.add_argument("--output", type=path, metavar="DIR", help="folder of the results, a new or an empty one; runs/attack-TIME if not given")
    return command


def run(arguments) -> None:
    checks.threads(arguments.threads)
    try:
        with results(arguments.output, "attack", RECORD) as folder, threads(arguments.threads):
            with folders.all_or_nothing(folder, RECORD) as draft:
                _run(arguments, folder, draft)
            print("written: " + ", ".join(str(folder / name) for name in visible(folder)))
    except KeyboardInterrupt:
        raise KeyboardInterrupt("no images were written") from None


def _run(a, folder, draft) -> None:
    classifier = chosen.classifier(a.classifier, a.device) if a.classifier else None
    (attack,) = chosen.choose([a.attack], classifier, a)
    given = user_images.load(a.images, a.true_labels)
    if classifier is not None and given.y is not None:
        checks.labels(given.y, len(given.x), classifier.classes, f"{a.true_labels or a.images}: y")
    figures.canvas(1, 1)  # that matplotlib is missing shows now and not after the work
    parameters = {
        "images": f"{a.images} ({given.kind}, {given.layout}, {len(given.x)} images of {given.x.shape[2]}x{given.x.shape[3]})",
        "labels given": "no" if given.y is None else a.true_labels or "with the images",
        "classifier": a.classifier, "attack": attack.name, **attack.parameters, "target": a.target, "device": a.device, "threads": a.threads, "output": str(folder),
    }
    announce(parameters)
    x_adv, seconds = _attacked(attack.attack, given, a.target)
    x_adv = given.writable(x_adv)
    record = {
        "parameters": parameters, "command": ["sdpadv", *sys.argv[1:]], "made": provenance(),
        "figures": _figures(classifier, given, x_adv, seconds, a.target), "distortion": distortion_text.mean_distortion(attack.attack, given.x, given.y),
    }
    for name, value in {**record["figures"], **(record["distortion"] or {})}.items():
        print(f"{name}: {value:.4f}" if isinstance(value, float) else f"{name}: {value}")
    given.write(x_adv, draft / "adversarial")
    title = f"{attack.name}{'' if attack.eps is None else f', eps {attack.eps:g}'}: the first {len(x_adv[:10])} of {len(x_adv)} images"
    figures.grid(draft / "pictures.png", figures.steps(attack.attack, given.x[:10], x_adv[:10]), title, classifier)
    files.write_json(draft / RECORD, record)


def _attacked(attack, given, target) -> tuple[np.ndarray, float]:
    """(x_A, seconds)."""
    further = {}
    if target is not None:
        if not hasattr(attack, "classifier"):
            raise ArgumentError("--target: a trained generator has no targets; choose an attack by name")
        if not 0 <= target < attack.classifier.classes:
            raise ArgumentError(f"--target is {target}; the classifier has the classes 0 to {attack.classifier.classes - 1}")
        further["targets"] = np.full(len(given.x), target, np.int64)
    few = slice(2)
    attack(given.x[few], None if given.y is None else given.y[few], **{k: v[few] for k, v in further.items()})  # compile what is compiled on first use
    started = time.perf_counter()
    x_adv = attack(given.x, given.y, **further)
    return np.asarray(x_adv, np.float32), time.perf_counter() - started


def _figures(classifier, given, x_adv, seconds, target) -> dict:
    """What was reached; measured on the images as they are written."""
    change = x_adv.astype(np.float64) - given.x
    if classifier is None:
        return {
            "l2sq": float(np.square(change).sum(axis=(1, 2, 3)).mean()), "linf": float(np.abs(change).max()),
            "seconds": 100 * seconds / len(x_adv), "count": len(x_adv),
        }
    y = classifier.predict(given.x) if given.y is None else given.y
    result = {"measured against": "predicted labels" if given.y is None else "true labels", **measure(classifier, given.x, y, x_adv, seconds).as_dict()}
    if target is not None:
        result["in target"] = float((classifier.predict(x_adv) == target).mean())
    return result
