"""Options that mean the same in every command."""
from __future__ import annotations

import argparse
import contextlib
from datetime import datetime
from pathlib import Path

from .. import checks, data, xp
from ..errors import ArgumentError
from ..storage import folders
from ..training.threads import threads


class Formatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows defaults where there are any, and leaves the example as it is written."""

    def _get_help_string(self, action):
        return action.help if action.default in (None, []) else super()._get_help_string(action)


def path(text: str) -> str:
    """A path as an option's value. The empty text, an unset variable of a shell, would be the current folder."""
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty; give a name, or leave the option out")
    return text


def option(name: str) -> str:
    """
    >>> option("batch_size")
    '--batch-size'
    """
    return f"--{name.replace('_', '-')}"


def is_model_file(text: str) -> bool:
    """Whether ``text`` names the file of a network and not an attack or an architecture."""
    return Path(text).suffix.lower() in (".h5", ".hdf5")


def epochs_text(of: dict[str, int]) -> str:
    """Epochs by model, for a help text."""
    return ", ".join(f"{model}: {count}" for model, count in of.items())


def add_data_options(command) -> None:
    command.add_argument("--data-dir", type=path, metavar="DIR",
                         help="folder with the four idx files; otherwise they are searched for and fetched")


def add_dataset(command, default: str | None = data.DEFAULT) -> None:
    if_not_given = "" if default else f"; {data.DEFAULT} if not given"
    command.add_argument("--dataset", choices=data.DATASETS, default=default,
                         help=f"glyphs is drawn by this program: small, for tries{if_not_given}")


def add_threads(command) -> None:
    command.add_argument("--threads", type=int, default=1, metavar="N",
                         help="threads of the kernels; no result depends on it")


def add_device(command) -> None:
    command.add_argument("--device", choices=xp.DEVICES, default="cpu",
                         help="where to compute; cuda is a GPU, by CuPy: pip install 'sdpadv-np[cuda13]'")


def results(given: str | None, name: str, marker: str):
    """The locked folder of a command's results; runs/NAME-TIME if none was given. Refuses one that holds results."""

    def refuse(folder: Path) -> None:
        if (folder / marker).exists():
            raise ArgumentError(f"{folder}: holds results already ({marker}); choose another --output")

    return folders.create(given, f"runs/{name}{datetime.now():-%Y%m%d-%H%M%S}", refuse)


@contextlib.contextmanager
def written_at_once(arguments, name: str, record: str, lost: str):
    """(folder of the results, draft): files of the draft are moved to the folder at the end; after a failure none is.

    record : name of the file that is written last
    lost : said when the user interrupts
    """
    checks.threads(arguments.threads)
    try:
        with results(arguments.output, name, record) as folder, threads(arguments.threads):
            with folders.all_or_nothing(folder, record) as draft:
                yield folder, draft
            print(f"written to {folder}: {', '.join(visible(folder))}")
    except KeyboardInterrupt:
        raise KeyboardInterrupt(lost) from None


def visible(folder: Path) -> list[str]:
    """The names in a folder of results, without hidden ones, in order."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def announce(parameters: dict) -> None:
    """Print every resolved parameter, one per line."""
    for name, value in parameters.items():
        if isinstance(value, dict):
            value = [f"{k} {v}" for k, v in value.items()]
        print(f"  {name} = {', '.join(map(str, value)) if isinstance(value, (list, tuple)) else value}")
