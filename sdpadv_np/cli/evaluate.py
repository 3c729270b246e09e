"""``sdpadv evaluate``: attacks side by side, on a data set or on the user's labelled images."""
from __future__ import annotations

import sys

from .. import checks, data, evaluation
from ..errors import ArgumentError
from ..evaluation import distortion, figures, paper, tables
from ..experiments.reuse import load_classifier
from ..storage import files
from ..storage.provenance import provenance
from . import common, inputs, selection
from .common import option, path

RECORD = "evaluation.json"


def add_parser(commands):
    return common.add_command(
        commands, "evaluate", "measure attacks on a classifier",
        "Attack a classifier on the test images of a data set, or on your own labelled images, and print\n"
        "its remaining accuracy, the success rate, the squared L2 and the L-infinity distance, seconds per 100\n"
        "images, and the distortion of spatial attacks.",
        option("--classifier", type=path, required=True, metavar="FILE",
            help="the classifier.h5 of a run, or one saved by sd.save"),
        option("--attacks", type=path, nargs="+", required=True, metavar="ATTACK",
            help="names of attacks, or files of trained generators"),
        common.DATASET,
        common.DATA_DIR,
        option("--images", type=path, metavar="FILE",
            help="your own images in place of a data set, a file or a folder; see sdpadv attack --help"),
        option("--true-labels", type=path, metavar="FILE", help="their labels, where they do not lie beside them"),
        option("--limit", type=int, metavar="N", help="only the first N images; all if not given"),
        *selection.OPTIONS,
        common.DEVICE,
        common.THREADS,
        option("--picture", action="store_true", help="also a picture of ten images for each attack"),
        option("--output", type=path, metavar="DIR",
            help="folder of the results, new or empty; runs/evaluate-TIME if not given"),
        epilog="examples:\n  sdpadv evaluate --classifier classifier.h5 --attacks fgsm pgd generator.h5 --eps 0.1\n"
        "  sdpadv evaluate --classifier classifier.h5 --attacks mim --images mine.npz --labels true",
    )


def run(a) -> None:
    with common.written_at_once(a, "evaluate", RECORD, "no results were written") as (folder, draft):
        _fill_in_the_source(a)
        classifier = load_classifier(a.classifier, a.device)
        attacks = selection.select(a.attacks, classifier, a)
        if a.limit is not None:
            checks.whole("limit", a.limit)
        if a.picture:
            figures.canvas(1, 1)  # a missing matplotlib shows now and not after the work
        x, y, class_names = _images(a, classifier, attacks)
        x, y = x[: a.limit], y[: a.limit]
        parameters = {
            "classifier": a.classifier, "images": a.images or f"{a.dataset}, test images", "count": len(x),
            "device": a.device, "threads": a.threads, "output": str(folder),
        }
        common.announce(parameters)
        common.announce({s.name: [f"{k}={v}" for k, v in s.parameters.items()] for s in attacks})
        measured: list[tuple] = [(paper.CLEAN, None, evaluation.evaluate(classifier, None, x, y))]
        records, spatial = [], [""]
        for name, eps, attack, settings in attacks:
            result, moved = evaluation.evaluate(classifier, attack, x, y), distortion.mean_distortion(attack, x, y)
            print(f"evaluated: {name}, accuracy {result.accuracy:.4f}", flush=True)
            measured.append((name, eps, result))
            spatial.append(distortion.text(moved))
            records.append({"attack": name, "parameters": settings, **result.as_dict(), "distortion": moved})
        table = tables.rows(measured, "" if a.images else a.dataset, classifier.architecture)
        columns: tuple[str, ...] = tables.COLUMNS
        if any(spatial):
            table, columns = [(*row, cell) for row, cell in zip(table, spatial)], (*columns, "distortion")
        tables.write(draft, table, columns)
        if a.picture:
            _pictures(draft, classifier, attacks, x, y, class_names)
        files.write_json(draft / RECORD, {
            "parameters": parameters, "results": [{"attack": paper.CLEAN, **measured[0][2].as_dict()}, *records],
            "command": ["sdpadv", *sys.argv[1:]], "made": provenance(),
        })
        print(f"\n{tables.text(table, columns)}\n")


def _fill_in_the_source(a) -> None:
    """The default data set if no images are given; refuse options of the one beside the other."""
    if a.images is not None:
        common.one_source("--images", vars(a))
    elif a.true_labels is not None:
        raise ArgumentError(
            "--true-labels: a data set has its own; leave it out, "
            "or give the images that they belong to by --images FILE"
        )
    else:
        a.dataset = a.dataset or data.DEFAULT


def _images(a, classifier, attacks):
    """(x, y, names of the classes)."""
    if not a.images:
        inputs.image_shape(classifier, attacks)
        loaded = data.load(a.dataset, a.data_dir, print)
        inputs.check_dataset(loaded, classifier, a.classifier)
        return loaded.x_test, loaded.y_test, loaded.class_names
    given = inputs.images(a.images, a.true_labels, classifier, attacks)
    if given.y is None:
        raise ArgumentError(
            f"{a.images}: has no labels, which accuracy is measured against; give them by --true-labels FILE"
        )
    return given.x, given.y, None


def _pictures(draft, classifier, attacks, x, y, class_names) -> None:
    shown = figures.examples(classifier, x, y)
    for number, (name, eps, attack, _) in enumerate(attacks, 1):
        rows = figures.steps(attack, x[shown], y=y[shown])
        file = draft / f"pictures-{number}-{name.partition(' ')[0].lower()}.png"
        figures.grid(file, rows, figures.with_eps(name, eps), classifier, class_names)
