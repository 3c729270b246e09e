"""Blocks of a program that are open now, in any thread: what holds a lock or a setting as long as it lasts.

An interruption may come between any two instructions, also on the way out of a block. So nobody has to
take a block off a list: it counts as long as it says that it is open, and as long as it lives at all.
"""
from __future__ import annotations

import threading
import weakref


class Block:
    """One of them."""

    def __init__(self):
        self.open, self.thread = True, threading.get_ident()


class OpenBlocks:
    """Those of one kind; whoever looks and then adds holds a lock meanwhile."""

    def __init__(self):
        self._known: list[weakref.ref] = []

    def add(self, block: Block) -> None:
        self._known = [weakref.ref(b) for b in (*self.now(), block)]

    def now(self) -> list[Block]:
        return [block for block in (known() for known in self._known) if block is not None and block.open]
