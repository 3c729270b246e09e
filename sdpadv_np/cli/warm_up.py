"""``sdpadv warm-up``: compile everything ahead."""
from __future__ import annotations

import time

from ..errors import MissingError
from ..evaluation import tables
from ..warming import warm_up, why_not_compiled
from .common import add_command


def add_parser(commands):
    return add_command(
        commands, "warm-up", "compile everything ahead",
        "Compile every kernel for this processor, once: no later command then waits for the compiler.\n"
        "The compiled code is kept in the folder that NUMBA_CACHE_DIR names; otherwise beside the kernels' sources,\n"
        "or in your cache folder.",
        epilog="example:\n  sdpadv warm-up",
    )


def run(arguments) -> None:
    if reason := why_not_compiled():
        raise MissingError(f"nothing was compiled, and slower kernels are used: {reason}")
    start = time.perf_counter()
    compiled = warm_up()
    took = time.perf_counter() - start
    if compiled:
        rows = [(kernel, f"{seconds:.1f}") for kernel, seconds in compiled.items()]
        print(tables.text(rows, ("kernel", "compiled, s")))
    print(f"everything is compiled ({took:.1f} s)" if compiled else f"everything was compiled already ({took:.1f} s)")
