"""How many threads compute.

The products of these networks are small. Two threads of BLAS gain 8 % on a quiet machine; beside
the kernels' own, or on a busy one, each waits for the other's in a loop, and a step takes two to ten
times as long (benchmarks/LOG.md). They also decide the last bits of a result, as the kernels' do not.
So while we compute BLAS has one, whatever it has otherwise.

BLAS has one number of threads for the whole process. It is set when the first block that wants it
begins, and set back when the last one ends, in whatever order the threads of a program come and go.
"""
from __future__ import annotations

import contextlib
import functools
import sys
import threading

from ..kernels.runtime.threads import get_threads, set_threads
from ..open_blocks import Block, OpenBlocks


class _Blas:
    """The blocks that are open now, and what to set back when the last one ends: None if that is done."""

    def __init__(self):
        self.lock, self.open, self.before = threading.Lock(), OpenBlocks(), None

    @contextlib.contextmanager
    def block(self):
        """Within this block BLAS has one thread; gives False if that cannot be set."""
        mine = Block()
        try:
            with self.lock:
                if self.before is None:
                    self.before = _numbers()
                if self.before is not None and not self.open.now():
                    _set([1] * len(self.before))
                self.open.add(mine)
            yield self.before is not None
        finally:
            with self.lock:
                mine.open = False
                if not self.open.now() and self.before is not None:
                    _set(self.before)
                    self.before = None


@functools.lru_cache(maxsize=1)
def _libraries() -> list:
    """The BLAS libraries loaded so far, NumPy's among them; looking for them takes a millisecond, setting them some microseconds."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas").lib_controllers


def _numbers() -> list[int] | None:
    try:
        return [library.get_num_threads() for library in _libraries()]
    except ImportError:
        return None


def _set(numbers) -> None:
    """From threadpoolctl 3.7 on the thread that first sets a number owns it, and others are ignored without a word: no thread shall own ours."""
    for library, number in zip(_libraries(), numbers):
        if library.get_num_threads() == number:
            continue
        disown = getattr(library, "clear_controlling_thread", lambda force: None)
        disown(force=True)
        library.set_num_threads(number)
        disown(force=True)


_blas = _Blas()


@contextlib.contextmanager
def one_blas_thread():
    """Within this block NumPy's BLAS has one thread, if threadpoolctl is installed; otherwise it has what it has."""
    with _blas.block():
        yield


@contextlib.contextmanager
def threads(count: int):
    """Within this context NumPy's BLAS has one thread, and the kernels called from this thread use ``count``."""
    with _blas.block() as able:
        if not able:
            print("sdpadv: threadpoolctl is not installed, BLAS decides on its threads; pip install 'sdpadv-np[cli]'", file=sys.stderr)
        before = get_threads()
        set_threads(count)
        try:
            yield
        finally:
            set_threads(before)
