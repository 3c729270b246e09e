"""How kernels are compiled: Numba's njit, once for each type of the arguments, and not in silence.

Numba compiles a function that another one calls anew for every number which stands in the call, as in
``grid(1, 0, n)``, and for the 0 that a loop's variable begins with, though that result is never used.
That was nearly half of all compiling. Here a number in a call is of its type, like any other; only
intrinsics that ask for it (``prefer_literal``) see the number.

What is compiled is told to the logger ``sdpadv_np.kernels``, in level INFO: a kernel's name when its first
function is compiled. Nothing is told, and next to no time passes, where it was kept.
"""
from __future__ import annotations

import logging
import time

try:
    import numba
except ValueError as error:  # such as NUMBA_NUM_THREADS=0
    raise ImportError(f"Numba refuses its settings in the environment, NUMBA_...: {error}") from error
from numba.core import config, event, types

from .cache import KernelCache

if config.DISABLE_JIT:
    raise ImportError("NUMBA_DISABLE_JIT switches Numba off")

OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
INLINE = OPTIONS | {"inline": "always"}  # vectors handed to a function that stays one go through memory

log = logging.getLogger("sdpadv_np.kernels")
compile_seconds: dict[str, float] = {}  # how long this process has compiled for each kernel


def njit(**options):
    """numba.njit with these options, kept for later processes (cache.py)."""

    def decorate(function):
        dispatcher = numba.njit(no_cfunc_wrapper=True, **options)(function)
        dispatcher._cache = KernelCache(function)
        of_types = dispatcher.get_call_template

        def of_plain_types(arguments, keywords):
            return of_types([types.unliteral(a) for a in arguments], {name: types.unliteral(a) for name, a in keywords.items()})

        dispatcher.get_call_template = of_plain_types
        return dispatcher

    return decorate


class _CompileLogger(event.Listener):
    """Numba holds its lock meanwhile, so there is one compilation at a time, with what it compiles on the way."""

    def __init__(self):
        self.started = []

    def on_start(self, event):
        kernel = _kernel_of(event)
        if kernel and not self.started and kernel not in compile_seconds:
            rest = "" if compile_seconds else ' for this processor, once, some seconds for each kernel ("sdpadv warm-up" or sd.warm_up() does all ahead)'
            log.info("compiling %s%s", kernel, rest)
        self.started.append(time.perf_counter())

    def on_end(self, event):
        began, kernel = self.started.pop(), _kernel_of(event)
        if kernel and not self.started:
            compile_seconds[kernel] = compile_seconds.get(kernel, 0.0) + time.perf_counter() - began


def _kernel_of(event):
    """The folder of kernels/ whose function is compiled, or None for somebody else's."""
    function = getattr((event.data or {}).get("dispatcher"), "py_func", None)  # other parts of Numba, and users, may compile other things
    package, _, rest = (getattr(function, "__module__", None) or "").partition(".kernels.")
    return rest.partition(".")[0] if package == "sdpadv_np" else None


event.register("numba:compile", _CompileLogger())
