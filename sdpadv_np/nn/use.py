"""Who uses parameters now: any number of threads may read them, or one may train them."""
from __future__ import annotations

import contextlib
import threading

from ..errors import BusyError
from ..open_blocks import Block, OpenBlocks


class Use:
    """Refuses, at once and by name, what would give a result of half-trained weights; nobody waits here.

    A thread may read what it trains itself: a training validates, or attacks its own model.
    Reading without asking (``predict``) stays possible; it sees the weights as they are at that moment.
    """

    def __init__(self, name: str):
        self.name, self._lock = name, threading.Lock()
        self._trainers, self._readers = OpenBlocks(), OpenBlocks()

    def __reduce__(self):
        return type(self), (self.name,)  # nobody uses a copy yet

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
        return BusyError(f"{self.name} {why}; wait until that has ended, or give each a copy of its own (copy.deepcopy), made before")
