"""Options that mean the same in every command."""
from __future__ import annotations

import argparse
import contextlib
import sys

from .. import data


class Formatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows defaults, and leaves the example as it is written."""


def add_data_options(command) -> None:
    command.add_argument("--data-dir", metavar="DIR", help="folder with the four idx files; otherwise they are looked for and fetched")


def add_dataset(command) -> None:
    command.add_argument("--dataset", choices=data.DATASETS, default="mnist", help="glyphs is drawn by this program: small, for tries")


def add_threads(command) -> None:
    command.add_argument("--threads", type=int, default=1, metavar="N", help="threads of the matrix products; at these sizes more seldom help")


def blas_threads(count: int):
    """Within this context NumPy's BLAS uses ``count`` threads.

    The number is fixed because it decides the last bits of a result, and because two spinning
    threads on a busy machine slow products of these sizes down tenfold.
    """
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        print("sdpadv: threadpoolctl is not installed, BLAS decides on its threads; pip install 'sdpadv-np[cli]'", file=sys.stderr)
        return contextlib.nullcontext()
    return threadpool_limits(count, user_api="blas")
