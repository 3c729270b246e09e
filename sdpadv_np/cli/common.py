"""Options that mean the same in every command."""
from __future__ import annotations

import argparse

from .. import data


class Formatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows defaults, and leaves the example as it is written."""


def add_data_options(command) -> None:
    command.add_argument("--data-dir", metavar="DIR", help="folder with the four idx files; otherwise they are looked for and fetched")


def add_dataset(command) -> None:
    command.add_argument("--dataset", choices=data.DATASETS, default="mnist", help="glyphs is drawn by this program: small, for tries")
