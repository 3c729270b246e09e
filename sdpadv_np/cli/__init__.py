"""The ``sdpadv`` command.

Exit status: 0 done, 1 failed (one clear line), 2 wrong usage, 130 interrupted, 141 the output is no longer read.
"""
from __future__ import annotations

import argparse
import errno
import os
import sys
import traceback

from .. import checks
from ..errors import Error
from ..kernels.runtime.dispatch import ARRAYS_OF
from . import streams


class _Parser(argparse.ArgumentParser):
    """Raises an error if help or version cannot be printed; argparse itself does not."""

    def _print_message(self, message, file=None):
        if message and file is sys.stdout:
            file.write(message)
        else:
            super()._print_message(message, file)


def parser(kind=_Parser) -> argparse.ArgumentParser:
    from ..version import __version__

    # here, so that an interruption meanwhile is one line as well
    from . import attack, bench, data, evaluate, reproduce, train, warm_up

    top = kind(
        prog="sdpadv",
        description="Adversarial examples by spatial distortion and perturbation, on NumPy arrays alone.",
    )
    top.add_argument("--version", action="version", version=f"sdpadv-np {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in (train, attack, evaluate, reproduce, data, bench, warm_up):
        command = module.add_parser(commands)
        command.add_argument("--debug", action="store_true", help="show the whole traceback of an error")
        command.set_defaults(run=module.run)
    return top


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    debug = "--debug" in (sys.argv[1:] if argv is None else argv)
    with streams.usable() as output:
        try:
            try:
                _run(argv)
            finally:
                output.flush()
        except KeyboardInterrupt as interruption:
            return _failed(f"\nsdpadv: interrupted{''.join(f'; {a}' for a in interruption.args)}", debug, 130)
        except BrokenPipeError:
            output.give_up()
            return 141
        except (Error, MemoryError) as error:
            return _failed(f"sdpadv: {' '.join(str(error).split()) or type(error).__name__}", debug)
        except Exception as error:
            return _failed(f"sdpadv: {_explained(error)}", debug)
    return 0


def _run(argv) -> None:
    arguments = parser().parse_args(argv)
    if kernel := os.environ.get("SDPADV_KERNEL"):
        checks.choice("SDPADV_KERNEL", kernel, ARRAYS_OF)
    from ..training.progress import compiling_shown

    with compiling_shown():
        arguments.run(arguments)


def _failed(line: str, debug: bool, status: int = 1) -> int:
    if debug:
        traceback.print_exc()
    streams.say(line)
    return status


def _explained(error: Exception) -> str:
    """One line on an unexpected error."""
    words = " ".join(str(error).split())
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as reason:
        if reason.errno in (errno.EMFILE, errno.ENFILE):  # modules are then said to be missing, among other things
            return "too many files are open; allow more (ulimit -n), or close some"
    if isinstance(error, OSError):
        return f"{error.filename or ''}{': ' if error.filename else ''}{error.strerror or words}"
    if isinstance(error, ModuleNotFoundError):
        return f"the package {error.name} is not installed, which sdpadv-np needs: pip install sdpadv-np"
    return f"{type(error).__name__}: {words}; this should not happen: --debug shows where it did"
