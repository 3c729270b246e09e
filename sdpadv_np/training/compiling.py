"""Messages about compilation on standard error; the kernels send them to the logger ``sdpadv_np.kernels``.

In a program of your own, ``logging.basicConfig(level="INFO")`` shows them as well.
"""
from __future__ import annotations

import contextlib
import logging
import sys

_log = logging.getLogger("sdpadv_np.kernels")


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
