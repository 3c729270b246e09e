"""Who uses parameters now: any number of threads may read them, or one may train them."""
from __future__ import annotations

import contextlib
import threading
from collections import Counter

from ..errors import BusyError


class Use:
    """Refuses, at once and by name, what would give a result of half-trained weights; nobody waits here.

    A thread may read what it trains itself: a training validates, or attacks its own model.
    Reading without asking (``predict``) stays possible; it sees the weights as they are at that moment.
    """

    def __init__(self, name: str):
        self.name, self._lock = name, threading.Lock()
        self._trainer: int | None = None
        self._readers: Counter[int] = Counter()

    @contextlib.contextmanager
    def training(self):
        """Within this block the parameters change."""
        me = threading.get_ident()
        with self._lock:
            if self._trainer is not None:
                raise self._busy("is being trained already")
            if any(reader != me for reader in self._readers):
                raise self._busy("is in use by another thread (an attack, a training against it, a copy)")
            self._trainer = me
        try:
            yield
        finally:
            self._trainer = None

    @contextlib.contextmanager
    def reading(self):
        """Within this block the parameters must not change."""
        me = threading.get_ident()
        with self._lock:
            if self._trainer not in (None, me):
                raise self._busy("is being trained by another thread")
            self._readers[me] += 1
        try:
            yield
        finally:
            with self._lock:
                self._readers[me] -= 1
                if not self._readers[me]:
                    del self._readers[me]

    def _busy(self, why: str) -> BusyError:
        return BusyError(f"{self.name} {why}; wait until that has ended, or give each its own: copy.deepcopy(model)")
