"""``sdpadv train``: the main job, from the data to the table and the picture. One experiment of sdpadv_np/experiments."""
from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .. import data, experiments
from ..attacks import registry
from ..attacks.base import LABELS
from ..errors import ArgumentError, FileError
from ..evaluation import figures
from ..experiments.experiment import CLASSIFIER_EPOCHS, EPOCHS, OWN
from ..experiments.run_folder import PARAMETERS, RunFolder, stored_parameters
from ..extras import needed
from ..kernels.affine_sample import CONVENTIONS
from ..losses import GAN_LOSSES, OBJECTIVES
from ..models import ARCHITECTURES
from ..models.generator import PROJECTIONS
from ..storage import files
from ..training.threads import threads
from .common import (
    Formatter,
    add_data_options,
    add_device,
    add_threads,
    announce,
    epochs_text,
    is_model_file,
    path,
    visible,
)

METHODS = ("sdpadv", "sdadv", "advgan")
SHARED = ("gamma", "objective", "kappa", "projection", "convention", "gan_loss", "labels", "seed")  # with every attack that has them


def add_parser(commands):
    command = commands.add_parser(
        "train", help="train SdpAdv and compare it", formatter_class=Formatter,
        description="Get the data, train the classifier (or reuse it), train SdpAdv against it,\n"
        "evaluate it beside other attacks on the test images, and write table, pictures and weights to a run folder.",
        epilog="examples:\n  sdpadv train\n  sdpadv train --dataset fashion-mnist --eps 0.3\n"
        "  sdpadv train --data own.npz --classifier own.h5\n  sdpadv train --resume runs/mnist-B-sdpadv-20260101-120000",
    )
    add = command.add_argument
    add("--dataset", choices=data.DATASETS, help="glyphs is drawn by this program: small, for tries; mnist if not given")
    add_data_options(command)
    add("--data", type=path, metavar="FILE", help="your own images in place of a data set: npz or HDF5 with x_train, y_train, x_val, "
        "y_val, x_test, y_test, or with x and y alone, which are then split")
    add("--classifier", type=_classifier, default="B", metavar="NAME", help="A is the convolutional one, B the fully connected one, for "
        "images of 28x28; or the file of a network of your own, made by sd.save(sd.models.Classifier(...), FILE): trained first if it was not yet")
    add("--classifier-epochs", type=int, metavar="N", help=f"{epochs_text(CLASSIFIER_EPOCHS)}, your own: {CLASSIFIER_EPOCHS[OWN]}, if not given; 0 uses your own network as it is")
    add("--retrain", action="store_true", help="do not reuse a classifier from the cache")
    add("--method", choices=METHODS, default="sdpadv", help="sdadv: no perturbation (eps 0); advgan: no distortion")
    add("--eps", type=float, default=0.1, help="largest change of a pixel, in [0, 1]; 0 is sdadv")
    add("--gamma", type=float, default=0.3, help="radius of theta around the identity")
    add("--objective", choices=OBJECTIVES, default="margin", help="cross_entropy is the paper's")
    add("--kappa", type=float, default=registry.find("sdpadv").defaults["kappa"], help="margin that the objective margin asks for")
    add("--projection", choices=PROJECTIONS, default="box", help="how theta is kept near the identity")
    add("--convention", choices=CONVENTIONS, default="half_pixel", help="how pixels lie in [-1, 1]")
    add("--gan-loss", choices=GAN_LOSSES, default="nonsaturating", help="minimax is Eq. 8 as printed")
    add("--epochs", type=int, metavar="N", help=f"of the attack; against {epochs_text(EPOCHS)}, your own: {EPOCHS[OWN]}, if not given")
    add("--batch-size", type=int, default=128, metavar="N")
    add("--seed", type=int, default=0, help="same seed, same bits")
    add_device(command)
    add_threads(command)
    add("--labels", choices=LABELS, default="predicted", help="which labels FGSM, PGD, MIM and the like attack")
    add("--compare", nargs="*", choices=registry.names(), metavar="ATTACK",
        help=f"attacks to compare with, any of {', '.join(registry.names())}; fgsm pgd mim, against B sdadv too, if not given")
    add("--output", type=path, metavar="DIR", help="the run folder, a new or an empty one; runs/DATASET-CLASSIFIER-METHOD-TIME if not given")
    add("--resume", type=path, metavar="RUN", help="go on with this run folder, with its own parameters; no other option goes with it, "
        "and no other command may be working in it")
    return command


def _classifier(text: str) -> str:
    if text not in ARCHITECTURES and not is_model_file(text):
        raise argparse.ArgumentTypeError(f"invalid choice: {text!r} (choose from {', '.join(ARCHITECTURES)}, or give a file that ends in .h5)")
    return text


def run(arguments) -> None:
    needed("h5py", "weights and checkpoints")  # that it or matplotlib is missing shows now and not after the training
    figures.canvas(1, 1)
    if arguments.resume is not None:
        _nothing_else(arguments)
        folder = files.expanded(arguments.resume)
        p = stored(folder)
        opened = RunFolder.resume(folder, p)
    else:
        p = resolved(arguments)
        name = "-".join(Path(p[part]).stem for part in ("data" if p["data"] else "dataset", "classifier", "method"))
        opened = RunFolder.create(arguments.output, name, p, command=["sdpadv", *sys.argv[1:]])
    with opened as folder:
        try:
            with threads(p["threads"]):
                _run(folder, p)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"finished epochs are kept; go on with: sdpadv train --resume {folder.path}") from None


def _run(folder: RunFolder, p: dict) -> None:
    print(f"run folder: {folder.path}")
    announce(p)
    experiment = experiment_of(p)
    results = experiments.compute(experiment, experiments.Runner(experiment.settings, folder, print), folder)
    written = sorted(name for name in visible(folder.path) if (folder.path / name).is_file())
    print(f"\n{results}\n\nwritten to {folder.path}: {', '.join(written)}")


def _nothing_else(arguments) -> None:
    """--resume takes every parameter from the run."""
    from . import parser

    unset = vars(parser().parse_args(["train", "--resume", arguments.resume]))
    given = [f"--{k.replace('_', '-')}" for k, v in vars(arguments).items() if k not in ("debug", "run") and v != unset[k]]
    if given:
        raise ArgumentError(f"--resume takes every parameter from the run; leave out {', '.join(given)}, or start a new run")


def resolved(arguments) -> dict:
    """Every parameter, checked, with defaults filled in."""
    p = {k: v for k, v in vars(arguments).items() if k not in ("command", "run", "debug", "output", "resume")}
    if p["data"] is None:
        p["dataset"] = p["dataset"] or "mnist"
    elif beside := [f"--{name.replace('_', '-')}" for name in ("dataset", "data_dir") if p[name] is not None]:
        raise ArgumentError(f"--data takes the place of a data set; leave out {' and '.join(beside)}, or --data")
    else:
        p["data"] = str(files.expanded(p["data"]).absolute())  # a run is resumed from any folder
    if p["classifier"] not in ARCHITECTURES:
        p["classifier"] = str(files.expanded(p["classifier"]).absolute())
    if p["method"] == "sdadv" or (p["method"] == "sdpadv" and p["eps"] == 0):
        p |= {"method": "sdadv", "eps": 0.0}
    if p["compare"] is None:
        p["compare"] = ["fgsm", "pgd", "mim", *["sdadv"] * (p["classifier"] == "B")]
    p["compare"] = [name for name in p["compare"] if name != p["method"]]
    settings = experiment_of(p).settings
    return p | {"classifier_epochs": settings.epochs_of(p["classifier"]), "epochs": settings.epochs_against(p["classifier"])}


def experiment_of(p: dict) -> experiments.Experiment:
    """What the parameters describe: the attacks that are trained after the others, the method last."""
    names = [*sorted(p["compare"], key=lambda name: registry.find(name).trained), p["method"]]
    offered = {"eps": p["eps"] or 0.3, **{name: p[name] for name in SHARED}}  # 0 is of SdAdv, which takes none
    planned = [(name, {k: v for k, v in offered.items() if k in registry.find(name).defaults}) for name in names]
    settings = experiments.Settings(
        **{name: p[name] for name in ("epochs", "classifier_epochs", "batch_size", "seed", "device", "threads", "retrain", "data_dir")}
    )
    return experiments.Experiment(p["data"] or p["dataset"], p["classifier"], tuple(planned), settings)


def stored(folder: Path) -> dict:
    """The parameters of the run in ``folder``, checked as typed ones are; FileError if it is no run, or has others.

    What an older version did not store yet is the default: an option is only ever added with a default that leaves everything as it was.
    """
    source, given = folder / PARAMETERS, stored_parameters(folder)
    if unknown := [name for name in given if name not in resolved(parsed({}))]:
        raise FileError(
            f"{source}: has {', '.join(unknown)}, which this version does not know; take the version that made the run, or start a new run"
        )
    try:
        found = resolved(parsed(given))
    except ArgumentError as error:
        raise FileError(f"{source}: {error}; restore the file, or start a new run") from error
    for name, value in given.items():
        if (type(value), value) != (type(found[name]), found[name]):
            raise FileError(f"{source}: {name} is {value!r}; expected {found[name]!r}, or the like; restore the file, or start a new run")
    return found


class _Strict(argparse.ArgumentParser):
    """Reads what a file holds: it has no usage to show."""

    def error(self, message):
        raise ArgumentError(message)


def parsed(parameters: dict) -> argparse.Namespace:
    """``parameters``, as if they had been typed."""
    from . import parser

    words = ["train"]
    for name, value in parameters.items():
        option = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(option)
        elif isinstance(value, list):
            if options := [text for text in map(str, value) if text.startswith("-")]:
                raise ArgumentError(f"argument {option}: invalid choice: {options[0]!r}")  # it would be read as an option of its own
            words += [option, *map(str, value)]
        elif value is not None and value is not False:
            words.append(f"{option}={value}")
    return parser(_Strict).parse_args(words)
