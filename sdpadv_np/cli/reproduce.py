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
from .common import DATA_DIR, DEVICE, SEED, THREADS, add_command, announce, epochs_text, option, path

SETTINGS = ("epochs", "classifier_epochs", "limit", "seed", "device", "threads", "data_dir")
_QUICK = {"epochs": 2, "classifier_epochs": 2, "limit": 500, "models": ("B",), "output": "runs/reproduce-quick"}
_FULL = {"epochs": None, "classifier_epochs": None, "limit": None, "models": None, "output": "runs/reproduce"}


def add_parser(commands):
    targets = "\n".join(f"  {name:9} {target.description}" for name, target in TARGETS.items())
    return add_command(
        commands, "reproduce", "the paper's tables and figures",
        "Train and compute what is missing, and write a table or figure of the paper with its numbers\n"
        "beside ours, as text, Markdown, JSON and PNG. Each cell is kept at once: stopped or killed, the same command\n"
        "continues.\n"
        f"\n{targets}\n\nTables share their cells and trained networks when they share --output and --work.",
        option("target", choices=TARGETS, metavar="TARGET", help=f"any of {', '.join(TARGETS)}"),
        option("--quick", action="store_true",
            help="to see that it works: 2 epochs of everything, 500 images, Model B, in "
            "runs/reproduce-quick; other options override these"),
        option("--models", nargs="+", choices=ARCHITECTURES,
            help="the paper's if not given: A and B for tables 1 and 2, A for the others; B for tradeoff"),
        option("--dataset", choices=data.DATASETS, help="in place of the target's own"),
        DATA_DIR,
        option("--cells", nargs="+", metavar="TEXT", help="compute only cells with one of these texts in their name, "
            "e.g. SdpAdv-eps0.1; cells that are there already are shown with them"),
        option("--epochs", type=int, metavar="N",
            help=f"of the trained attacks; against {epochs_text(EPOCHS)}, if not given"),
        option("--classifier-epochs", type=int, metavar="N", help=f"{epochs_text(CLASSIFIER_EPOCHS)}, if not given"),
        option("--limit", type=int, metavar="N", help="only the first N test images; all if not given"),
        SEED,
        DEVICE,
        THREADS,
        option("--output", type=path, metavar="DIR",
            help="folder of cells, tables and pictures, all small, where one command "
            f"works at a time; {_FULL['output']} if not given"),
        option("--work", type=path, metavar="DIR", help="folder of weights and checkpoints; the cache if not given"),
        epilog="examples:\n  sdpadv reproduce table1 --quick\n"
        "  sdpadv reproduce table3 --models B --limit 1000 --cells PGD SdpAdv",
    )


def run(a) -> None:
    p, settings = _resolved(a)
    store = reproduction.Store(p["output"])
    try:
        with threads(settings.threads):
            announce({"target": a.target, **p, "limit": p["limit"] or "all"})
            if TARGETS[a.target].picture:
                figures.canvas(1, 1)  # a missing matplotlib shows now and not after hours
            with store.locked():
                _compute(a.target, p, a.cells or [], store, Runner(settings, WorkFolder(p["work"]), _say))
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"finished cells and epochs are kept in {p['output']} and {p['work']}; the same command goes on"
        ) from None


def _resolved(a) -> tuple[dict, Settings]:
    """Every parameter, checked, with defaults filled in and epochs by model; and the settings of trainings."""
    target, usual = TARGETS[a.target], _QUICK if a.quick else _FULL
    p: dict = {name: usual[name] if getattr(a, name) is None else getattr(a, name) for name in usual}
    if a.quick and a.models is None and a.target == "transfer":
        p["models"] = target.models
    p["models"] = tuple(dict.fromkeys(p["models"] or target.models))
    p["datasets"] = (a.dataset,) if a.dataset else target.datasets
    p |= {name: getattr(a, name) for name in ("seed", "device", "threads", "data_dir")}
    p["work"] = a.work or str(cache_folder())
    settings = Settings(**{name: p[name] for name in SETTINGS})
    reproduction.check(a.target, p["datasets"], p["models"])
    epochs = {model: settings.epochs_against(model) for model in p["models"]}
    return p | {"epochs": epochs, "classifier_epochs": {m: settings.epochs_of(m) for m in p["models"]}}, settings


def _compute(target: str, p: dict, only: list[str], store, runner) -> None:
    datasets, models = p["datasets"], p["models"]
    cells = TARGETS[target].cells(datasets, models)
    wanted = [text.lower() for text in only] or [""]
    selected = [c for c in cells if any(text in c.name.lower() for text in wanted) or store.path(c).exists()]
    if not selected:
        raise ArgumentError(
            f"--cells {' '.join(only)}: no cell is called so; there are {', '.join(c.name for c in cells)}"
        )
    shown = {name: value for name, value in p.items() if name not in ("output", "work", "data_dir")}

    def write(records):
        return reproduction.write_tables(target, datasets, models, records, store, shown)

    records = reproduction.compute(selected, store, runner, _say, write)
    written = [*write(records), *reproduction.draw_picture(target, datasets, models, records, store, runner)]
    print(f"\n{(store.folder / f'{target}.txt').read_text('utf-8')}\nwritten: {', '.join(map(str, written))}")


def _say(line: str) -> None:
    print(line, flush=True)
