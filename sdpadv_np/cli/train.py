"""``sdpadv train``: the main job, from the data to the table and the picture."""
from __future__ import annotations

import argparse

from .. import attacks, checks, data, evaluation, xp
from ..attacks import registry
from ..attacks.base import LABELS
from ..errors import ArgumentError
from ..evaluation import figures, paper, tables
from ..extras import needed
from ..kernels.affine_sample import CONVENTIONS
from ..losses import GAN_LOSSES, OBJECTIVES
from ..models.generator import PROJECTIONS
from ..experiments import CLASSIFIER_EPOCHS, EPOCHS
from ..training.threads import threads
from .common import Formatter, add_data_options, add_dataset, add_device, add_threads, path, visible
from ..experiments.run_folder import RunFolder

METHODS = ("sdpadv", "sdadv", "advgan")


def add_parser(commands):
    command = commands.add_parser(
        "train", help="train SdpAdv and compare it", formatter_class=Formatter,
        description="Get the data, train the classifier (or reuse it), train SdpAdv against it,\n"
        "evaluate it beside other attacks on the test images, and write table, pictures and weights to a run folder.",
        epilog="examples:\n  sdpadv train\n  sdpadv train --dataset fashion-mnist --eps 0.3\n  sdpadv train --resume runs/mnist-B-sdpadv-20260101-120000",
    )
    add_dataset(command)
    add_data_options(command)
    command.add_argument("--classifier", choices=("A", "B"), default="B", help="A is the convolutional one, B the fully connected one")
    command.add_argument("--classifier-epochs", type=int, metavar="N", help="10 for A, 15 for B if not given")
    command.add_argument("--retrain", action="store_true", help="do not reuse a classifier from the cache")
    command.add_argument("--method", choices=METHODS, default="sdpadv", help="sdadv: no perturbation (eps 0); advgan: no distortion")
    command.add_argument("--eps", type=float, default=0.1, help="largest change of a pixel, in [0, 1]; 0 is sdadv")
    command.add_argument("--gamma", type=float, default=0.3, help="radius of theta around the identity")
    command.add_argument("--objective", choices=OBJECTIVES, default="margin", help="cross_entropy is the paper's")
    command.add_argument("--kappa", type=float, default=_default("kappa"), help="margin that the objective margin asks for")
    command.add_argument("--projection", choices=PROJECTIONS, default="box", help="how theta is kept near the identity")
    command.add_argument("--convention", choices=CONVENTIONS, default="half_pixel", help="how pixels lie in [-1, 1]")
    command.add_argument("--gan-loss", choices=GAN_LOSSES, default="nonsaturating", help="minimax is Eq. 8 as printed")
    command.add_argument("--epochs", type=int, metavar="N", help="of the attack; 16 against A, 20 against B if not given")
    command.add_argument("--batch-size", type=int, default=128, metavar="N")
    command.add_argument("--seed", type=int, default=0, help="same seed, same bits")
    add_device(command)
    add_threads(command)
    command.add_argument("--labels", choices=LABELS, default="predicted", help="which labels FGSM, PGD, MIM and the like attack")
    command.add_argument("--compare", nargs="*", choices=registry.names(), metavar="ATTACK",
                         help=f"attacks to compare with, any of {', '.join(registry.names())}; fgsm pgd mim sdadv if not given (fgsm pgd mim against A)")
    command.add_argument("--output", type=path, metavar="DIR", help="the run folder, a new or an empty one; runs/DATASET-CLASSIFIER-METHOD-TIME if not given")
    command.add_argument("--resume", type=path, metavar="RUN", help="go on with this run folder, with its own parameters; no other option goes with it, and no other command may be working in it")
    return command


def _default(name):
    return attacks.SdpAdv.__dataclass_fields__[name].default


def run(arguments) -> None:
    needed("h5py", "weights and checkpoints")  # that it or matplotlib is missing shows now and not after the training
    figures.canvas(1, 1)
    if arguments.resume is not None:
        _nothing_else(arguments)
        opened = RunFolder.resume(arguments.resume, _resolved)
    else:
        opened = RunFolder.create(_resolved(arguments), arguments.output)
    with opened as folder:
        p = argparse.Namespace(**folder.parameters)
        try:
            with threads(p.threads):
                _run(folder, p)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"finished epochs are kept; go on with: sdpadv train --resume {folder.path}") from None


def _nothing_else(arguments) -> None:
    """--resume takes every parameter from the run."""
    from . import parser

    unset = vars(parser().parse_args(["train", "--resume", arguments.resume]))
    given = [f"--{k.replace('_', '-')}" for k, v in vars(arguments).items() if k not in ("debug", "run") and v != unset[k]]
    if given:
        raise ArgumentError(f"--resume takes every parameter from the run; leave out {', '.join(given)}, or start a new run")


def _resolved(arguments) -> dict:
    """Every parameter, with what the user left open filled in."""
    p = {k: v for k, v in vars(arguments).items() if k not in ("command", "run", "debug", "output", "resume")}
    if p["method"] == "sdadv" or (p["method"] == "sdpadv" and p["eps"] == 0):
        p |= {"method": "sdadv", "eps": 0.0}
    for name, default in (("classifier_epochs", CLASSIFIER_EPOCHS[p["classifier"]]), ("epochs", EPOCHS[p["classifier"]])):
        p[name] = default if p[name] is None else p[name]
    if p["compare"] is None:
        p["compare"] = ["fgsm", "pgd", "mim"] + (["sdadv"] if p["classifier"] == "B" else [])
    p["compare"] = [name for name in p["compare"] if name != p["method"]]
    xp.on(p["device"])
    _attack(argparse.Namespace(**p), p["method"], None)  # a wrong value shows now, not after the classifier's training
    for name in ("epochs", "classifier_epochs", "batch_size"):
        checks.whole(name, p[name])
    checks.threads(p["threads"])
    return p


def _attack(p, method: str, classifier):
    """The attack called ``method``, with those of the run's parameters that it has."""
    kind = registry.find(method)
    names = ("gamma", "objective", "kappa", "projection", "convention", "gan_loss", "labels", "seed")
    offered = {"eps": p.eps or 0.3, **{name: getattr(p, name) for name in names}}  # 0 is of SdAdv, which takes none
    return kind.make(classifier, **{name: value for name, value in offered.items() if name in kind.defaults})


def _title(method: str) -> str:
    return paper.spelled(registry.find(method).name)


def _run(folder: RunFolder, p) -> None:
    folder.announce()
    loaded = data.load(p.dataset, p.data_dir, print)
    classifier = folder.classifier(loaded, p)
    histories = {f"Model {p.classifier}": classifier.history}
    trained = {}
    for method in [p.method, *(m for m in p.compare if registry.find(m).trained)]:
        attack = _attack(p, method, classifier)
        trained[method] = folder.fitted(attack, "generator" if method == p.method else method, loaded, p)
        histories[_title(method)] = attack.generator.history
        folder.write_history(histories)

    results = []
    for method in [None, *(m for m in p.compare if m not in trained), *(m for m in trained if m != p.method), p.method]:
        attack = None if method is None else trained.get(method) or _attack(p, method, classifier)
        name = paper.CLEAN if method is None else _title(method)
        eps = attack.eps if method and "eps" in registry.find(method).defaults else None
        results.append((name, eps, evaluation.evaluate(classifier, attack, loaded.x_test, loaded.y_test)))
        print(f"evaluated: {name}, accuracy {results[-1][2].accuracy:.4f}")
    table = tables.rows(results, p.dataset, p.classifier)
    folder.write_results(results, {name: a.parameters() for name, a in trained.items()}, table)

    main = trained[p.method].generator
    chosen = figures.examples(classifier, loaded.x_test, loaded.y_test)
    title = f"{_title(p.method)} against Model {p.classifier} on {p.dataset}, eps {p.eps:g}: accuracy {results[-1][2].accuracy:.4f}"
    figures.grid(folder.path / "pictures.png", figures.steps(main, loaded.x_test[chosen]), title, classifier, loaded.class_names)
    figures.curves(folder.path / "curves.png", histories)
    print(f"\n{tables.text(table)}\n\nwritten to {folder.path}: " + ", ".join(sorted(name for name in visible(folder.path) if (folder.path / name).is_file())))
