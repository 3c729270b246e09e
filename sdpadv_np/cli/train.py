"""``sdpadv train``: the main job, from the data to the table and the picture, as one experiment."""
from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .. import data, experiments
from ..attacks import registry
from ..attacks.base import LABELS
from ..errors import ArgumentError, FileError
from ..evaluation import figures
from ..experiments.experiment import CLASSIFIER_EPOCHS, EPOCHS, OWN, is_architecture
from ..experiments.run_folder import PARAMETERS, RunFolder, stored_parameters
from ..extras import needed
from ..kernels.affine_sample import CONVENTIONS
from ..losses import GAN_LOSSES, OBJECTIVES
from ..models import ARCHITECTURES
from ..models.generator import PROJECTIONS
from ..storage import files
from ..training.threads import threads
from . import common
from .common import option, path

METHODS = ("sdpadv", "sdadv", "advgan")
SETTINGS = ("epochs", "classifier_epochs", "batch_size", "seed", "device", "threads", "retrain", "data_dir")
# parameters of every attack that has them
SHARED = ("gamma", "objective", "kappa", "projection", "convention", "gan_loss", "labels", "seed")


def add_parser(commands):
    return common.add_command(
        commands, "train", "train SdpAdv and compare it",
        "Get the data, train the classifier (or reuse it), train SdpAdv against it,\n"
        "evaluate it beside other attacks on the test images, and write table, pictures and weights to a run folder.",
        common.DATASET,
        common.DATA_DIR,
        option("--data", type=path, metavar="FILE",
            help="your own images in place of a data set: npz or HDF5 with x_train, "
            "y_train, x_val, y_val, x_test, y_test, or with x and y alone, which are then split"),
        option("--classifier", type=_classifier, default="B", metavar="NAME",
            help="A is the convolutional one, B the fully "
            "connected one, for grey images of 28x28; or the file of a network of your own, made by "
            "sd.save(sd.models.Classifier(...), FILE), which is trained first if it was not yet"),
        option("--classifier-epochs", type=int, metavar="N", help=f"{common.epochs_text(CLASSIFIER_EPOCHS)}, your own: "
            f"{CLASSIFIER_EPOCHS[OWN]}, if not given; 0 uses your own network as it is"),
        option("--retrain", action="store_true", help="do not reuse a classifier from the cache"),
        option("--method", choices=METHODS, default="sdpadv",
            help="sdadv: no perturbation (eps 0); advgan: no distortion"),
        option("--eps", type=float, default=0.1, help="largest change of a pixel, in [0, 1]; 0 is sdadv"),
        option("--gamma", type=float, default=0.3, help="radius of theta around the identity"),
        option("--objective", choices=OBJECTIVES, default="margin", help="cross_entropy is the paper's"),
        option("--kappa", type=float, default=registry.find("sdpadv").defaults["kappa"],
            help="margin of misclassification that the objective margin asks for"),
        option("--projection", choices=PROJECTIONS, default="box", help="how theta is kept near the identity"),
        option("--convention", choices=CONVENTIONS, default="half_pixel", help="how pixels lie in [-1, 1]"),
        option("--gan-loss", choices=GAN_LOSSES, default="nonsaturating", help="minimax is Eq. 8 as printed"),
        option("--epochs", type=int, metavar="N",
            help=f"of the attack; against {common.epochs_text(EPOCHS)}, your own: {EPOCHS[OWN]}, if not given"),
        option("--batch-size", type=int, default=128, metavar="N"),
        common.SEED,
        common.DEVICE,
        common.THREADS,
        option("--labels", choices=LABELS, default="predicted", help="which labels FGSM, PGD, MIM and the like attack"),
        option("--compare", nargs="*", choices=registry.names(), metavar="ATTACK",
            help="attacks to compare with, any of "
            f"{', '.join(registry.names())}; fgsm pgd mim, against B sdadv too, if not given"),
        option("--output", type=path, metavar="DIR",
            help="the run folder, a new or an empty one; runs/DATASET-CLASSIFIER-METHOD-TIME if not given"),
        option("--resume", type=path, metavar="RUN",
            help="continue this run folder, with its own parameters; no other option "
            "goes with it, and no other command may be working in it"),
        epilog="examples:\n  sdpadv train\n  sdpadv train --dataset fashion-mnist --eps 0.3\n"
        "  sdpadv train --data own.npz --classifier own.h5\n"
        "  sdpadv train --resume runs/mnist-B-sdpadv-20260101-120000",
    )


def _classifier(text: str) -> str:
    if text not in ARCHITECTURES and not common.is_model_file(text):
        raise argparse.ArgumentTypeError(
            f"invalid choice: {text!r} (choose from {', '.join(ARCHITECTURES)}, or a file that ends in .h5)"
        )
    return text


def run(arguments) -> None:
    needed("h5py", "weights and checkpoints")  # a missing package shows now and not after the training
    figures.canvas(1, 1)
    with _opened(arguments) as folder:
        try:
            with threads(folder.parameters["threads"]):
                print(f"run folder: {folder.path}")
                common.announce(folder.parameters)
                results = experiments.compute(experiment_of(folder.parameters), folder)
                written = [name for name in common.visible(folder.path) if (folder.path / name).is_file()]
                print(f"\n{results}\n\nwritten to {folder.path}: {', '.join(written)}")
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"finished epochs are kept; go on with: sdpadv train --resume {folder.path}"
            ) from None


def _opened(arguments):
    """The run folder, a new one or the one to resume, which gives every parameter."""
    if arguments.resume is None:
        p = resolved(arguments)
        name = "-".join(Path(p[part]).stem for part in ("data" if p["data"] else "dataset", "classifier", "method"))
        return RunFolder.create(arguments.output, name, p, command=["sdpadv", *sys.argv[1:]])
    unset = vars(parsed({"resume": arguments.resume}))
    if other := [common.spelled(name) for name, value in unset.items() if getattr(arguments, name) != value]:
        raise ArgumentError(
            f"--resume takes every parameter from the run; leave out {', '.join(other)}, or start a new run"
        )
    path = files.expanded(arguments.resume)
    return RunFolder.resume(path, stored(path))


def resolved(arguments) -> dict:
    """Every parameter, checked, with defaults filled in."""
    p = {k: v for k, v in vars(arguments).items() if k not in ("command", "run", "debug", "output", "resume")}
    if p["data"] is None:
        p["dataset"] = p["dataset"] or data.DEFAULT
    else:
        common.one_source("--data", p)
        p["data"] = str(files.expanded(p["data"]).absolute())  # a run can be resumed from any folder
    if not is_architecture(p["classifier"]):
        p["classifier"] = str(files.expanded(p["classifier"]).absolute())
    if p["method"] == "sdadv" or (p["method"] == "sdpadv" and p["eps"] == 0):
        p |= {"method": "sdadv", "eps": 0.0}
    if p["compare"] is None:
        p["compare"] = ["fgsm", "pgd", "mim", *["sdadv"] * (p["classifier"] == "B")]
    p["compare"] = [name for name in p["compare"] if name != p["method"]]
    settings, model = experiment_of(p).settings, p["classifier"]
    return p | {"classifier_epochs": settings.epochs_of(model), "epochs": settings.epochs_against(model)}


def experiment_of(p: dict) -> experiments.Experiment:
    """The experiment with these parameters: first the attacks that need no training, the method last."""
    names = [*sorted(p["compare"], key=lambda name: registry.find(name).trained), p["method"]]
    shared = {"eps": p["eps"] or 0.3, **{name: p[name] for name in SHARED}}  # eps 0 is SdAdv's, which takes none
    attacks = [(name, {k: v for k, v in shared.items() if k in registry.find(name).defaults}) for name in names]
    settings = experiments.Settings(**{name: p[name] for name in SETTINGS})
    return experiments.Experiment(p["data"] or p["dataset"], p["classifier"], tuple(attacks), settings)


def stored(folder: Path) -> dict:
    """The parameters of the run in ``folder``, checked as typed ones are; FileError if it is no run, or has others.

    A parameter that an older version did not store has its default: the default of a new option leaves everything as
    it was before.
    """
    source, given = folder / PARAMETERS, stored_parameters(folder)
    if unknown := [name for name in given if name not in resolved(parsed({}))]:
        raise FileError(
            f"{source}: has {', '.join(unknown)}, which this version does not know; take the version that made the "
            "run, or start a new run"
        )
    try:
        found = resolved(parsed(given))
    except ArgumentError as error:
        raise FileError(f"{source}: {error}; restore the file, or start a new run") from error
    for name, value in given.items():
        if (type(value), value) != (type(found[name]), found[name]):
            raise FileError(
                f"{source}: {name} is {value!r}; expected {found[name]!r}, or the like; restore the file, "
                "or start a new run"
            )
    return found


class _Strict(argparse.ArgumentParser):
    """Raises an error in place of showing the usage: it reads files."""

    def error(self, message):
        raise ArgumentError(message)


def parsed(parameters: dict) -> argparse.Namespace:
    """``parameters``, as if they had been typed."""
    words = []
    for name, value in parameters.items():
        option = common.spelled(name)
        if value is True:
            words.append(option)
        elif isinstance(value, list):
            if options := [text for text in map(str, value) if text.startswith("-")]:  # would be taken for options
                raise ArgumentError(f"argument {option}: invalid choice: {options[0]!r}")
            words += [option, *map(str, value)]
        elif value is not None and value is not False:
            words.append(f"{option}={value}")
    return add_parser(_Strict(prog="sdpadv").add_subparsers()).parse_args(words)
