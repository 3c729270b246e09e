"""Other programs, and readers that are not trusted, in processes of their own.

libhdf5 runs for ever on some damaged files and crashes on others, and neither can be caught in the
process that it happens in. So what only libhdf5 can read (users' HDF5 files, and ours of before
format version 2) is read in a child: limited in time and memory, its answer checked like any file.
"""
from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from ..errors import Error, FileError

SECONDS = 60
MEMORY = 8 << 30  # bytes of address space
_SLOWEST = 10_000_000  # bytes a second that any disk gives
_GOOD, _BAD = b"+", b"-"
_PROGRAM = "import sys; sys.path[:] = {}; from sdpadv_np.storage import child_process; child_process.main()"


def run(command: list[str], seconds: float, data: bytes = b"", cwd=None, env=None) -> tuple[int, bytes, bytes]:
    """(exit status, standard output, standard error) of a command that is given ``data`` and no terminal.

    It is killed with every process it started, when the time is over (TimeoutExpired) and when we are interrupted.
    """
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd, env=env, start_new_session=True) as process:
        try:
            out, err = process.communicate(data, seconds)
        except BaseException:
            _kill(process)
            raise
    return process.returncode, out, err


def _kill(process) -> None:
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)  # it leads its group, since it leads a session
    process.kill()


def call(function: str, path: Path, **arguments) -> bytes:
    """What ``function`` ("module:name" of this package; it returns bytes) gives for the file at ``path`` and ``arguments`` (JSON) in a process of its own.

    FileError, which names the file, if it fails, crashes, or takes more than MEMORY, or than SECONDS beyond the time of reading.
    """
    source = str(path)
    if not sys.executable or getattr(sys, "frozen", False):
        raise FileError(f"{source}: has to be read by a Python of its own, and this program has none (sys.executable is {sys.executable!r}); convert the file with an ordinary Python")
    seconds = SECONDS + path.stat().st_size // _SLOWEST
    job = json.dumps({"function": function, "arguments": {"path": str(path.absolute()), **arguments}, "memory": MEMORY, "seconds": seconds})
    few_threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}  # each would reserve memory
    try:
        status, out, err = run([sys.executable, "-c", _PROGRAM.format([str(p) for p in sys.path])], seconds, job.encode(), env={**os.environ, **few_threads})
    except subprocess.TimeoutExpired as error:
        raise FileError(f"{source}: is damaged, or made to do harm: the HDF5 library did not come to an end in {seconds} s; take another copy") from error
    except OSError as error:
        raise FileError(f"{source}: cannot be read: no process could be started for it ({error})") from error
    if out[:1] == _GOOD and status == 0:
        return out[1:]
    if out[:1] == _BAD and status == 0:
        raise FileError(f"{source}: {out[1:].decode(errors='replace')}")
    if status < 0:
        raise FileError(f"{source}: is damaged, or made to do harm: the HDF5 library crashed on it ({signal.Signals(-status).name}); take another copy")
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
        result = _BAD + f"is not a whole HDF5 file (truncated, damaged, or something else): {' '.join(str(error).split())}".encode(errors="replace")
    sys.stdout.buffer.write(result)
    sys.stdout.buffer.flush()
    os._exit(0)  # what a damaged file did to libhdf5 must not meet its tidying up


def _limit(memory: int, seconds: float) -> None:
    try:
        import resource
    except ImportError:  # Windows has no limits of this kind; the parent's clock remains
        return
    for what, limit in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, int(seconds) + 5), (resource.RLIMIT_CORE, 0)):  # CPU: for when the parent is no more
        hard = resource.getrlimit(what)[1]
        resource.setrlimit(what, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
