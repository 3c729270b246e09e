"""Options that mean the same in every command."""
from __future__ import annotations

import argparse
import contextlib
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


def spelled(name: str) -> str:
    """The option that sets a parameter.

    >>> spelled("batch_size")
    '--batch-size'
    """
    return f"--{name.replace('_', '-')}"


def option(*names: str, **how) -> tuple[tuple[str, ...], dict]:
    """An option or argument of a command, described as for argparse's add_argument."""
    return names, how


def add_command(commands, name: str, short: str, description: str, *options: tuple, epilog: str):
    """The parser of a command; ``short`` describes it in the list of all commands."""
    command = commands.add_parser(
        name, help=short, description=description, epilog=epilog, formatter_class=Formatter
    )
    for names, how in options:
        command.add_argument(*names, **how)
    return command


def is_model_file(text: str) -> bool:
    """Whether ``text`` names the file of a network and not an attack or an architecture."""
    return Path(text).suffix.lower() in (".h5", ".hdf5")


def one_source(instead: str, parameters: dict) -> None:
    """ArgumentError if options of a data set stand beside the option ``instead``, which takes its place."""
    if beside := [spelled(name) for name in ("dataset", "data_dir") if parameters[name] is not None]:
        raise ArgumentError(
            f"{instead} takes the place of a data set; leave out {' and '.join(beside)}, or {instead}"
        )


def epochs_text(of: dict[str, int]) -> str:
    """Epochs by model, for a help text."""
    return ", ".join(f"{model}: {count}" for model, count in of.items())


DATASET = option(
    "--dataset", choices=data.DATASETS,
    help=f"glyphs is drawn by this program: small, for tries; {data.DEFAULT} if not given",
)
DATA_DIR = option(
    "--data-dir", type=path, metavar="DIR",
    help="folder with the four idx files; otherwise they are searched for and fetched",
)
THREADS = option(
    "--threads", type=int, default=1, metavar="N", help="threads of the kernels; no result depends on it"
)
SEED = option("--seed", type=int, default=0, help="same seed, same bits")
DEVICE = option(
    "--device", choices=xp.DEVICES, default="cpu",
    help="where to compute; cuda is a GPU, by CuPy: pip install 'sdpadv-np[cuda13]'",
)


@contextlib.contextmanager
def written_at_once(arguments, name: str, record: str, lost: str):
    """(folder of the results, draft): files of the draft are moved to the folder at the end; after a failure none is.

    record : name of the file that is written last; a folder that holds one already is refused
    lost : said when the user interrupts
    """
    checks.threads(arguments.threads)
    try:
        refusal = f"holds results already ({record}); choose another --output"
        opened = folders.create(arguments.output, folders.dated(name), record, refusal)
        with opened as folder, threads(arguments.threads):
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
