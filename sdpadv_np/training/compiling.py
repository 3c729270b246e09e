"""Compiling is told where somebody watches: the kernels tell the logger ``sdpadv_np.kernels``, this prints it.

In a program of one's own without a bar, ``logging.basicConfig(level="INFO")`` shows it as well.
"""
from __future__ import annotations

import contextlib
import logging
import sys

_log = logging.getLogger("sdpadv_np.kernels")


class _Teller(logging.Handler):
    """Standard error, a line each, above the bar if there is one."""

    def emit(self, record):
        text = f"sdpadv: {record.getMessage()}"
        with contextlib.suppress(OSError, ValueError):  # what cannot be told must not end the work
            if tqdm := sys.modules.get("tqdm"):  # whoever has a bar has imported it
                tqdm.tqdm.write(text, file=sys.stderr)
            elif sys.stderr is not None:
                print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def told():
    """Within this context what is compiled is told on standard error; within another such context only once."""
    if any(isinstance(handler, _Teller) for handler in _log.handlers):
        yield
        return
    teller, level = _Teller(), _log.level
    _log.addHandler(teller)
    _log.setLevel(logging.INFO)
    try:
        yield
    finally:
        _log.removeHandler(teller)
        _log.setLevel(level)
