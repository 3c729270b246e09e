"""How kernels are compiled: Numba's njit, once per type of the arguments, and with a message.

For a function called by another one, Numba compiles each number that stands in the call separately, as in
``grid(1, 0, n)``, and the initial 0 of a loop's variable too, though that result is never used. That was nearly half
of all compiling. Here a number in a call has its type, like any other; only intrinsics that ask for it
(``prefer_literal``) see the number.

Compiling is reported to the logger ``sdpadv_np.kernels``, at level INFO: a kernel's name when its first function is
compiled. Functions found in the cache are not reported.
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
INLINE = OPTIONS | {"inline": "always"}  # vectors passed to a function that is not inlined go through memory

log = logging.getLogger("sdpadv_np.kernels")
compile_seconds: dict[str, float] = {}  # {kernel: seconds that this process has compiled for it}


def njit(**options):
    """numba.njit with these options, cached for later processes (cache.py)."""

    def decorate(function):
        dispatcher = numba.njit(no_cfunc_wrapper=True, **options)(function)
        dispatcher._cache = KernelCache(function)
        template_of = dispatcher.get_call_template

        def without_literals(arguments, keywords):
            keywords = {name: types.unliteral(a) for name, a in keywords.items()}
            return template_of([types.unliteral(a) for a in arguments], keywords)

        dispatcher.get_call_template = without_literals
        return dispatcher

    return decorate


class _CompileLogger(event.Listener):
    """Numba holds its lock meanwhile, so one function is compiled at a time, with those that it calls."""

    def __init__(self):
        self.started = []

    def on_start(self, event):
        kernel = _kernel_of(event)
        if kernel and not self.started and kernel not in compile_seconds:
            hint = "" if compile_seconds else (
                ' for this processor, once, some seconds for each kernel '
                '("sdpadv warm-up" or sd.warm_up() does all ahead)')
            log.info("compiling %s%s", kernel, hint)
        self.started.append(time.perf_counter())

    def on_end(self, event):
        began, kernel = self.started.pop(), _kernel_of(event)
        if kernel and not self.started:
            compile_seconds[kernel] = compile_seconds.get(kernel, 0.0) + time.perf_counter() - began


def _kernel_of(event):
    """The folder of kernels/ whose function is compiled; None for functions of others, and other parts of Numba."""
    function = getattr((event.data or {}).get("dispatcher"), "py_func", None)
    package, _, rest = (getattr(function, "__module__", None) or "").partition(".kernels.")
    return rest.partition(".")[0] if package == "sdpadv_np" else None


event.register("numba:compile", _CompileLogger())
