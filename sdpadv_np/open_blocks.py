"""Blocks (``with`` statements) that are open now in any thread, each of which holds a lock or a setting.

An interruption may come between any two instructions, also at the end of a block. So blocks are not removed from a
list: a block counts while its ``open`` is true and while it exists.
"""
from __future__ import annotations

import threading
import weakref


class Block:
    """One block, of the current thread."""

    def __init__(self):
        self.open, self.thread = True, threading.get_ident()


class OpenBlocks:
    """The open blocks of one kind; callers that look and then add must hold a lock."""

    def __init__(self):
        self._known: list[weakref.ref] = []

    def add(self, block: Block) -> None:
        self._known = [weakref.ref(b) for b in (*self.now(), block)]

    def now(self) -> list[Block]:
        return [block for block in (known() for known in self._known) if block is not None and block.open]
