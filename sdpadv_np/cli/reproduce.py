"""``sdpadv reproduce TARGET``: the paper's tables and figures, the paper's numbers beside ours."""
from __future__ import annotations

from .. import data
from ..data.sources import cache_folder
from ..errors import ArgumentError
from ..evaluation import figures
from ..experiments import Runner, Settings, WorkFolder, reproduction
from ..experiments.experiment import CLASSIFIER_EPOCHS, EPOCHS
from ..experiments.reproduction import TARGETS
from ..models import ARCHITECTURES
from ..training.threads import threads
from .common import Formatter, add_data_options, add_device, add_threads, announce, epochs_text, path

_QUICK = {"epochs": 2, "classifier_epochs": 2, "limit": 500, "models": ("B",), "output": "runs/reproduce-quick"}
_FULL = {"epochs": None, "classifier_epochs": None, "limit": None, "models": None, "output": "runs/reproduce"}


def add_parser(commands):
    targets = "\n".join(f"  {name:9} {target.description}" for name, target in TARGETS.items())
    command = commands.add_parser(
        "reproduce", help="the paper's tables and figures", formatter_class=Formatter,
        description="Train and compute what is missing, and write a table or figure of the paper with its numbers\n"
        "beside ours, as text, Markdown, JSON and PNG. Each cell is kept at once: stopped or killed, the same command\n"
        "continues.\n"
        f"\n{targets}\n\nTables share their cells and trained networks when they share --output and --work.",
        epilog="examples:\n  sdpadv reproduce table1 --quick\n"
        "  sdpadv reproduce table3 --models B --limit 1000 --cells PGD SdpAdv",
    )
    add = command.add_argument
    add("target", choices=TARGETS, metavar="TARGET", help=f"any of {', '.join(TARGETS)}")
    add("--quick", action="store_true", help="to see that it works: 2 epochs of everything, 500 images, Model B, in "
        "runs/reproduce-quick; other options override these")
    add("--models", nargs="+", choices=ARCHITECTURES,
        help="the paper's if not given: A and B for tables 1 and 2, A for the others; B for tradeoff")
    add("--dataset", choices=data.DATASETS, help="in place of the target's own")
    add_data_options(command)
    add("--cells", nargs="+", metavar="TEXT", help="compute only cells with one of these texts in their name, "
        "e.g. SdpAdv-eps0.1; cells that are there already are shown with them")
    add("--epochs", type=int, metavar="N", help=f"of the trained attacks; against {epochs_text(EPOCHS)}, if not given")
    add("--classifier-epochs", type=int, metavar="N", help=f"{epochs_text(CLASSIFIER_EPOCHS)}, if not given")
    add("--limit", type=int, metavar="N", help="only the first N test images; all if not given")
    add("--seed", type=int, default=0, help="same seed, same bits")
    add_device(command)
    add_threads(command)
    add("--output", type=path, metavar="DIR", help="folder of cells, tables and pictures, all small, where one command "
        f"works at a time; {_FULL['output']} if not given")
    add("--work", type=path, metavar="DIR", help="folder of weights and checkpoints; the cache if not given")
    return command


def run(a) -> None:
    p = _resolved(a)
    try:
        with threads(p["threads"]):
            _run(a.target, p, a.cells or [])
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"finished cells and epochs are kept in {p['output']} and {p['work']}; the same command goes on"
        ) from None


def _resolved(a) -> dict:
    """Every parameter, checked, with defaults filled in; epochs by model."""
    target, usual = TARGETS[a.target], _QUICK if a.quick else _FULL
    p: dict = {name: usual[name] if getattr(a, name) is None else getattr(a, name) for name in usual}
    if a.quick and a.models is None and a.target == "transfer":
        p["models"] = target.models
    p["models"] = tuple(dict.fromkeys(p["models"] or target.models))
    p["datasets"] = (a.dataset,) if a.dataset else target.datasets
    p |= {name: getattr(a, name) for name in ("seed", "device", "threads", "data_dir")}
    p["work"] = a.work or str(cache_folder())
    names = ("epochs", "classifier_epochs", "limit", "seed", "threads", "device", "data_dir")
    settings = Settings(**{name: p[name] for name in names})
    reproduction.check(a.target, p["datasets"], p["models"])
    return p | {
        "epochs": {model: settings.epochs_against(model) for model in p["models"]},
        "classifier_epochs": {model: settings.epochs_of(model) for model in p["models"]},
        "settings": settings,
    }


def _run(target: str, p: dict, only: list[str]) -> None:
    settings = p.pop("settings")
    announce({"target": target, **{k: "all" if k == "limit" and v is None else v for k, v in p.items()}})
    if TARGETS[target].picture:
        figures.canvas(1, 1)  # a missing matplotlib shows now and not after hours
    store = reproduction.Store(p["output"])
    with store.locked():
        _compute(target, p, only, store, Runner(settings, WorkFolder(p["work"]), _say))


def _compute(target: str, p: dict, only: list[str], store, runner) -> None:
    datasets, models = p["datasets"], p["models"]
    cells = TARGETS[target].cells(datasets, models)
    wanted = [text.lower() for text in only] or [""]
    selected = [c for c in cells if any(text in c.name.lower() for text in wanted) or store.path(c).exists()]
    if not selected:
        there = ", ".join(c.name for c in cells)
        raise ArgumentError(f"--cells {' '.join(only)}: no cell is called so; there are {there}")
    shown = {name: value for name, value in p.items() if name not in ("output", "work", "data_dir")}

    def write(records):
        return reproduction.write_tables(target, datasets, models, records, store, shown)

    records = reproduction.compute(selected, store, runner, _say, write)
    written = [*write(records), *reproduction.draw_picture(target, datasets, models, records, store, runner)]
    print(f"\n{(store.folder / f'{target}.txt').read_text('utf-8')}\nwritten: {', '.join(map(str, written))}")


def _say(line: str) -> None:
    print(line, flush=True)
