"""The ``sdpadv`` command. Exit status: 0 done, 1 failed (one clear line), 2 wrong usage, 130 interrupted."""
from __future__ import annotations

import argparse
import sys
import traceback

from ..errors import Error
from ..training.compiling import told
from . import attack, bench, data, evaluate, reproduce, train, warm_up


def parser(kind=argparse.ArgumentParser) -> argparse.ArgumentParser:
    from .. import __version__

    top = kind(prog="sdpadv", description="Adversarial examples by spatial distortion and perturbation, on NumPy arrays alone.")
    top.add_argument("--version", action="version", version=f"sdpadv-np {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in (train, attack, evaluate, reproduce, data, bench, warm_up):
        command = module.add_parser(commands)
        command.add_argument("--debug", action="store_true", help="show the whole traceback of an error")
        command.set_defaults(run=module.run)
    return top


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    arguments = parser().parse_args(argv)
    try:
        with told():
            arguments.run(arguments)
    except KeyboardInterrupt as interruption:
        if arguments.debug:
            traceback.print_exc()
        print(f"\nsdpadv: interrupted{''.join(f'; {a}' for a in interruption.args)}", file=sys.stderr)
        return 130
    except (Error, MemoryError) as error:
        if arguments.debug:
            traceback.print_exc()
        print(f"sdpadv: {' '.join(str(error).split()) or type(error).__name__}", file=sys.stderr)
        return 1
    return 0
