"""Other programs, and readers that are not trusted, in processes of their own.

libhdf5 runs for ever on some damaged files and crashes on others, and neither can be caught in the
same process. So files that only libhdf5 can read (users' HDF5 files, and ours of format version 1)
are read in a child process: limited in time and memory, its answer checked like any file.
"""
from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import Error, FileError

SECONDS = 60
MEMORY = 8 << 30  # bytes of address space
_SLOWEST = 10_000_000  # bytes per second of the slowest disk
_GOOD, _BAD = b"+", b"-"
_PROGRAM = "import sys; sys.path[:] = {}; from sdpadv_np.storage import child_process; child_process.main()"
_FEW_THREADS = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}  # each reserves memory
_HARMFUL = "is damaged, or made to do harm: the HDF5 library"


def run(
    command: list[str], seconds: float, data: bytes = b"", cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> tuple[int, bytes, bytes]:
    """(exit status, standard output, standard error) of a command with ``data`` as its input and without a terminal.

    It is killed with every process it started when the time is over (TimeoutExpired) and when we are interrupted.
    """
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd, env=env,
        start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate(data, seconds)
        except BaseException:
            if hasattr(os, "killpg"):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)  # it leads its group, since it leads a session
            process.kill()
            raise
    return process.returncode, out, err


def call(function: str, path: Path, **arguments: Any) -> bytes:
    """The result of ``function(path, **arguments)`` in a process of its own.

    function : "module:name" of this package; it returns bytes
    arguments : JSON-able

    Raises FileError, which names the file, if it fails, crashes, or takes more than MEMORY, or than SECONDS beyond the
    time of reading.
    """
    source = str(path)
    if not sys.executable or getattr(sys, "frozen", False):
        raise FileError(
            f"{source}: has to be read by a Python of its own, and this program has none (sys.executable is "
            f"{sys.executable!r}); convert the file with an ordinary Python"
        )
    seconds = SECONDS + path.stat().st_size // _SLOWEST
    job = json.dumps({
        "function": function, "arguments": {"path": str(path.absolute()), **arguments}, "memory": MEMORY,
        "seconds": seconds,
    })
    command = [sys.executable, "-c", _PROGRAM.format([str(p) for p in sys.path])]
    try:
        status, out, err = run(command, seconds, job.encode(), env={**os.environ, **_FEW_THREADS})
    except subprocess.TimeoutExpired as error:
        raise FileError(f"{source}: {_HARMFUL} did not come to an end in {seconds} s; take another copy") from error
    except OSError as error:
        raise FileError(f"{source}: cannot be read: no process could be started for it ({error})") from error
    if out[:1] == _GOOD and status == 0:
        return out[1:]
    if out[:1] == _BAD and status == 0:
        raise FileError(f"{source}: {out[1:].decode(errors='replace')}")
    if status < 0:
        raise FileError(f"{source}: {_HARMFUL} crashed on it ({signal.Signals(-status).name}); take another copy")
    last = " ".join(err.decode(errors="replace").strip().splitlines()[-1:])
    raise FileError(f"{source}: cannot be read: the process started for it ended with status {status}: {last}")


def main() -> None:
    """The child: one job from standard input, one answer to standard output."""
    job = json.loads(sys.stdin.buffer.read())
    _limit(job["memory"], job["seconds"])
    module, name = job["function"].split(":")
    try:
        result = _GOOD + getattr(importlib.import_module(module), name)(**job["arguments"])
    except Error as error:
        result = _BAD + str(error).encode()
    except MemoryError:
        result = _BAD + f"takes more than {job['memory'] >> 30} GiB of memory to read".encode()
    except Exception as error:  # h5py raises a great many kinds for a damaged file
        text = f"is not a whole HDF5 file (truncated, damaged, or something else): {' '.join(str(error).split())}"
        result = _BAD + text.encode(errors="replace")
    sys.stdout.buffer.write(result)
    sys.stdout.buffer.flush()
    os._exit(0)  # without libhdf5's clean-up, which a damaged file may have spoilt


def _limit(memory: int, seconds: float) -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limits; the parent's clock remains
        return
    for what, limit in (
        (resource.RLIMIT_AS, memory), (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, int(seconds) + 5),  # for a child whose parent is gone
    ):
        hard = resource.getrlimit(what)[1]
        resource.setrlimit(what, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
