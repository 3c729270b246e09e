"""The standard streams as a command may find them: missing, closed, full, without UTF-8; and what may be written to a terminal."""
from __future__ import annotations

import contextlib
import os
import re
import sys
import warnings
from collections.abc import Iterator

from ..errors import FileError

# what a terminal obeys, or shows in another order, and bytes of file names that are no text
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def plain(text: str) -> str:
    r"""``text`` (a file may be called anything) with what a terminal would obey written as an escape.

    >>> plain("\x1b[2Jeight\n")
    '\\x1b[2Jeight\n'
    """
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape", "backslashreplace").decode(), text)


class Output:
    """Standard output, where only plain text is written; FileError if it cannot be, BrokenPipeError if nobody reads it any more."""

    def __init__(self, stream):
        self.stream = stream

    def __getattr__(self, name):
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        self._do(self.stream.write, plain(text))
        return len(text)

    def flush(self) -> None:
        self._do(self.stream.flush)

    def _do(self, function, *arguments) -> None:
        try:
            function(*arguments)
        except BrokenPipeError:
            raise
        except OSError as error:
            self.give_up()
            raise FileError(f"standard output: cannot be written: {error.strerror or error}") from error

    def give_up(self) -> None:
        """Nothing more is written: what waits to be would fail once more at the very end."""
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stream.fileno())
            os.close(nowhere)


@contextlib.contextmanager
def usable() -> Iterator[Output]:
    """Within this context both streams are there, take every character, and warnings are one line each."""
    with contextlib.ExitStack() as stack:
        if None in (sys.stdin, sys.stdout, sys.stderr):  # closed: the next files to be opened would take their numbers, and what C writes to them
            with contextlib.suppress(OSError):
                while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
                    pass
                os.close(number)
        for name, redirect in (("stdout", contextlib.redirect_stdout), ("stderr", contextlib.redirect_stderr)):
            stream = getattr(sys, name)
            if stream is None:
                stack.enter_context(redirect(stack.enter_context(open(os.devnull, "w"))))
            elif hasattr(stream, "reconfigure"):
                stack.callback(_reconfigure, stream, stream.errors)
                _reconfigure(stream, "backslashreplace")
        output = Output(sys.stdout)
        stack.enter_context(contextlib.redirect_stdout(output))
        stack.callback(setattr, warnings, "formatwarning", warnings.formatwarning)
        warnings.formatwarning = lambda message, *_, **__: f"sdpadv: {plain(' '.join(str(message).split()))}\n"
        yield output


def _reconfigure(stream, errors: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # it flushes first
        stream.reconfigure(errors=errors)


def say(text: str) -> None:
    """A line on standard error, if that can be."""
    with contextlib.suppress(OSError, ValueError):
        print(plain(text), file=sys.stderr, flush=True)
