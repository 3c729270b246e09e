"""The standard streams, which may be missing, closed, full or without UTF-8; and text that is safe for a terminal."""
from __future__ import annotations

import contextlib
import os
import re
import sys
import warnings
from collections.abc import Iterator

from ..errors import FileError

# control characters of terminals, characters that change the order, and bytes of file names that are no text
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def plain(text: str) -> str:
    r"""``text``, which may hold any file name, with control characters written as escapes.

    >>> plain("\x1b[2Jeight\n")
    '\\x1b[2Jeight\n'
    """
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape", "backslashreplace").decode(), text)


class Output:
    """Standard output, for plain text; FileError if it cannot be written, BrokenPipeError if nobody reads it."""

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
        """Discard what is still buffered, which would fail once more at the end of the process."""
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stream.fileno())
            os.close(nowhere)


@contextlib.contextmanager
def usable() -> Iterator[Output]:
    """Within this context both streams exist and take every character, and a warning is one line."""
    with contextlib.ExitStack() as stack:
        if None in (sys.stdin, sys.stdout, sys.stderr):  # closed: files opened next would take their numbers
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
    """A line on standard error, if it can be written."""
    with contextlib.suppress(OSError, ValueError):
        print(plain(text), file=sys.stderr, flush=True)
