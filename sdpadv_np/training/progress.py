"""Progress of long work: a bar where somebody watches a terminal, plain lines where nobody does."""
from __future__ import annotations

import contextlib
import os
import sys
import time

from .compiling import told


def figures_text(figures: dict) -> str:
    return "  ".join(f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in figures.items())


def _can_move() -> bool:
    """Whether somebody watches a terminal on which a line can be written over."""
    with contextlib.suppress(ValueError):  # closed
        return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    return False


class Progress:
    """A bar over ``total`` steps, with ETA and current figures.

    On a terminal with tqdm installed it is a bar; otherwise only the lines given to ``line`` are
    printed, each with the time left; and what is compiled meanwhile. ``shown=False`` prints nothing,
    and what standard error does not take is not worth the work that goes on.
    """

    def __init__(self, title: str, total: int, shown: bool = True, done: int = 0, unit: str = "step"):
        self.title, self.total, self.done, self.shown = title, total, done, shown
        self.first, self.started, self.bar = done, time.monotonic(), None
        if shown and _can_move():
            with contextlib.suppress(ImportError):
                from tqdm import tqdm

                self.bar = tqdm(total=total, initial=done, desc=title, unit=unit, dynamic_ncols=True, leave=False)

    def update(self, figures: dict | None = None, steps: int = 1) -> None:
        """``steps`` more are done; show ``figures`` now and then."""
        self.done += steps
        if self.bar is not None:
            with contextlib.suppress(OSError, ValueError):
                if figures and self.done % 20 == 0:
                    self.bar.set_postfix_str(figures_text(figures), refresh=False)
                self.bar.update(steps)

    def line(self, text: str) -> None:
        """A line that stays, above the bar."""
        if not self.shown or sys.stderr is None:
            return
        done, elapsed = self.done - self.first, time.monotonic() - self.started
        left = f"  [{elapsed:.0f} s, {elapsed / done * (self.total - self.done):.0f} s left]" if done else ""
        with contextlib.suppress(OSError, ValueError):
            if self.bar is not None:
                self.bar.write(f"{self.title}: {text}", file=sys.stderr)
            else:
                print(f"{self.title}: {text}{left}", file=sys.stderr, flush=True)

    def close(self) -> None:
        if self.bar is not None:
            with contextlib.suppress(OSError, ValueError):
                self.bar.close()

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            stack.callback(self.close)
            if self.shown:
                stack.enter_context(told())
            self.around = stack.pop_all()
        return self

    def __exit__(self, *_):
        self.around.close()
