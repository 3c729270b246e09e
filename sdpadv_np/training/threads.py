"""The number of threads of BLAS and of the kernels.

The matrix products of these networks are small. Two threads of BLAS gain 8 % on an idle machine; where another process
or the kernels use one of its cores, they wait for each other in a loop, and a step takes up to ten times as long
(benchmarks/LOG.md). Their number also decides the last bits of a result, as that of the kernels does not. So BLAS has
one thread while this package computes.

BLAS has one number of threads for the whole process. It is set when the first block that asks for it begins, and reset
when the last one ends, in whatever order the threads of a program come and go.
"""
from __future__ import annotations

import contextlib
import functools
import sys
import threading

from ..kernels.runtime.threads import get_threads, set_threads
from ..open_blocks import Block, OpenBlocks


class _Blas:
    """The blocks that are open, and the numbers of threads to restore after the last one; None if none is open."""

    def __init__(self):
        self.lock, self.open, self.previous = threading.Lock(), OpenBlocks(), None

    @contextlib.contextmanager
    def block(self):
        """Within this block BLAS has one thread; the value is False if that cannot be set."""
        block = Block()
        try:
            with self.lock:
                if self.previous is None:
                    with contextlib.suppress(ImportError):
                        self.previous = [library.get_num_threads() for library in _libraries()]
                if self.previous is not None and not self.open.now():
                    _set([1] * len(self.previous))
                self.open.add(block)
            yield self.previous is not None
        finally:
            with self.lock:
                block.open = False
                if not self.open.now() and self.previous is not None:
                    _set(self.previous)
                    self.previous = None


@functools.lru_cache(maxsize=1)
def _libraries() -> list:
    """The BLAS libraries that are loaded, NumPy's among them; cached, because the search takes a millisecond."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas").lib_controllers


def _set(numbers) -> None:
    """Set the number of threads of each library.

    From threadpoolctl 3.7 on, the thread that first sets a number owns it and other threads are ignored silently; so
    the owner is cleared before and after.
    """
    for library, number in zip(_libraries(), numbers):
        if library.get_num_threads() == number:
            continue
        disown = getattr(library, "clear_controlling_thread", lambda force: None)
        disown(force=True)
        library.set_num_threads(number)
        disown(force=True)


_blas = _Blas()


def one_blas_thread():
    """Within this block NumPy's BLAS has one thread; without threadpoolctl nothing changes."""
    return _blas.block()


@contextlib.contextmanager
def threads(count: int):
    """Within this context NumPy's BLAS has one thread, and the kernels called from this thread use ``count``."""
    with _blas.block() as is_set:
        if not is_set:
            print(
                "sdpadv: threadpoolctl is not installed, BLAS decides on its threads; pip install 'sdpadv-np[cli]'",
                file=sys.stderr,
            )
        previous = get_threads()
        set_threads(count)
        try:
            yield
        finally:
            set_threads(previous)
