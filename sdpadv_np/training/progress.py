"""Progress of long work: a bar on a terminal, plain lines elsewhere; and messages about compilation.

The kernels send these to the logger ``sdpadv_np.kernels``. In a program of your own,
``logging.basicConfig(level="INFO")`` shows them as well.
"""
from __future__ import annotations

import contextlib
import logging
import os
import sys
import time

_log = logging.getLogger("sdpadv_np.kernels")
_REFRESH = 20  # steps between two updates of the figures beside the bar


def figures_text(figures: dict) -> str:
    return "  ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in figures.items()
    )


def _is_terminal() -> bool:
    """Whether standard error is a terminal on which a line can be overwritten."""
    with contextlib.suppress(ValueError):  # closed
        return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    return False


class _StandardError(logging.Handler):
    """Prints a line for each message, above the progress bar if there is one."""

    def emit(self, record):
        text = f"sdpadv: {record.getMessage()}"
        with contextlib.suppress(OSError, ValueError):  # a message that cannot be printed must not end the work
            if tqdm := sys.modules.get("tqdm"):  # imported by whoever shows a bar
                tqdm.tqdm.write(text, file=sys.stderr)
            elif sys.stderr is not None:
                print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def compiling_shown():
    """Within this context compilation is shown on standard error; nested contexts show it once."""
    if any(isinstance(handler, _StandardError) for handler in _log.handlers):
        yield
        return
    handler, level = _StandardError(), _log.level
    _log.addHandler(handler)
    _log.setLevel(logging.INFO)
    try:
        yield
    finally:
        _log.removeHandler(handler)
        _log.setLevel(level)


class Progress:
    """A bar over ``total`` steps, with the time left and current figures; used as a context manager.

    On a terminal with tqdm installed it is a bar. Otherwise only the texts given to :meth:`line` are printed, each with
    the time left. Compilation is shown too. ``shown=False`` prints nothing. Errors of standard error are ignored.
    """

    def __init__(self, title: str, total: int, shown: bool = True, done: int = 0, unit: str = "step"):
        self.title, self.total, self.done, self.shown = title, total, done, shown
        self.first, self.started, self.bar = done, time.monotonic(), None
        if shown and _is_terminal():
            with contextlib.suppress(ImportError):
                from tqdm import tqdm

                self.bar = tqdm(total=total, initial=done, desc=title, unit=unit, dynamic_ncols=True, leave=False)

    def update(self, figures: dict | None = None, steps: int = 1) -> None:
        """Count ``steps`` more as done; show ``figures`` now and then."""
        self.done += steps
        if self.bar is not None:
            with contextlib.suppress(OSError, ValueError):
                if figures and self.done % _REFRESH == 0:
                    self.bar.set_postfix_str(figures_text(figures), refresh=False)
                self.bar.update(steps)

    def line(self, text: str) -> None:
        """Print a line that stays, above the bar."""
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
                stack.enter_context(compiling_shown())
            self._contexts = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._contexts.close()
