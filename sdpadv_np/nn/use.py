"""The lock of parameters: any number of threads may read them, or one may train them."""
from __future__ import annotations

import contextlib
import threading

from ..errors import BusyError
from ..open_blocks import Block, OpenBlocks


class Use:
    """A readers-writer lock that raises BusyError instead of waiting, before a result of half-trained weights.

    A thread may read what it trains itself: a training validates, or attacks its own model. ``predict`` takes no
    lock; it sees the weights of the moment.
    """

    def __init__(self, name: str):
        self.name, self._lock = name, threading.Lock()
        self._trainers, self._readers = OpenBlocks(), OpenBlocks()

    def __reduce__(self):
        return type(self), (self.name,)  # a copy is not in use

    @contextlib.contextmanager
    def training(self):
        """Within this block the parameters change."""
        me = Block()
        with self._lock:
            if self._trainers.now():
                raise self._busy("is being trained already")
            if any(reader.thread != me.thread for reader in self._readers.now()):
                raise self._busy("is in use by another thread (an attack, a training against it, a copy)")
            self._trainers.add(me)
        try:
            yield
        finally:
            me.open = False

    @contextlib.contextmanager
    def reading(self):
        """Within this block the parameters must not change."""
        me = Block()
        with self._lock:
            if any(trainer.thread != me.thread for trainer in self._trainers.now()):
                raise self._busy("is being trained by another thread")
            self._readers.add(me)
        try:
            yield
        finally:
            me.open = False

    def _busy(self, why: str) -> BusyError:
        return BusyError(f"{self.name} {why}; wait until that has ended, or give each a copy of its own "
                         "(copy.deepcopy), made before")
