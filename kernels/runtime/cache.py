"""Where compiled kernels are kept for later processes: one file for each, that says itself what it is.

Numba's own cache is an index beside numbered files. Two processes that start cold write one index, and the
number in it may come to stand for the other's types; a file cut short, a disk that is full or a folder that
cannot be written to end the program. Here a file is known by what was compiled for what, comes into its
place whole, and begins with a checksum over itself and its sources; what does not agree is compiled again.

NUMBA_CACHE_DIR names the folder. Where it is not set, kernels are looked for beside their sources, then in the
user's cache folder, and kept in the first of the two that can be written to.
"""
from __future__ import annotations

import functools
import hashlib
import os
import stat
import sys
import tempfile
import warnings
from pathlib import Path

import numba
from numba.core import caching, config, serialize

_KERNELS = Path(__file__).resolve().parent.parent
_SHARED = "runtime", "simd", "gemm", "sampling"  # rooms whose code any kernel may be built of
_LENGTH = hashlib.sha256().digest_size
_warned: list[str] = []


class KernelCache(caching.NullCache):
    """Numba's protocol of a cache, for one function."""

    def __init__(self, function):
        source = Path(function.__code__.co_filename)
        self.folders, self.stamp = folders(source.parent), _stamp(source.parent)
        cells = tuple(cell.cell_contents for cell in function.__closure__ or ())
        self.code = hashlib.sha256(function.__code__.co_code + (serialize.dumps(cells) if cells else b"")).hexdigest()
        self.stem = f"{source.stem}.{function.__name__}-{function.__code__.co_firstlineno}"

    @property
    def cache_path(self):
        return str(self.folders[0]) if self.folders else None

    def load_overload(self, sig, target_context):
        target_context.refresh()
        name = self._name(sig, target_context.codegen())
        for folder in self.folders:
            try:
                data = _read(folder / name)
                if data[:_LENGTH] == self._checksum(name, data[_LENGTH:]):
                    return numba.core.compiler.CompileResult._rebuild(target_context, *serialize.loads(data[_LENGTH:]))
            except Exception:  # not there, not readable, or of another make in spite of all: then it is compiled
                continue
        return None

    def save_overload(self, sig, data):
        if data.library.has_dynamic_globals or any(not lifted.can_cache for lifted in data.lifted):
            return
        name, payload = self._name(sig, data.codegen), serialize.dumps(data._reduce())
        reasons = []
        for folder in self.folders:
            if not (reason := _write(folder / name, self._checksum(name, payload) + payload)):
                return
            reasons.append(reason)
        if not _warned:
            _warned.append("")
            warnings.warn(
                f"compiled kernels cannot be kept ({'; '.join(reasons) or 'no home folder'}), so every process compiles them anew, for up to a minute; "
                "set NUMBA_CACHE_DIR to a folder that can be written to", RuntimeWarning, stacklevel=2,
            )

    def _name(self, sig, codegen) -> str:
        """What was compiled, of which types, for which processor, by what and how."""
        key = sig, codegen.magic_tuple(), self.code, numba.__version__, sys.implementation.cache_tag, str(config.OPT), config.BOUNDSCHECK
        return f"{self.stem}.{hashlib.sha256(repr(key).encode()).hexdigest()[:32]}.kept"

    def _checksum(self, name: str, payload: bytes) -> bytes:
        """Of its name too, which says what it is: a file may have been copied to another's."""
        return hashlib.sha256(self.stamp + hashlib.sha256(name.encode()).digest() + payload).digest()


def _read(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))  # a pipe that nobody writes to must not hold us up
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path} is no file")
    with open(descriptor, "rb") as file:
        return file.read()


def _write(path: Path, data: bytes) -> str:
    """"" if ``data`` has come to lie at ``path``, whole, otherwise why not."""
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem[:60]}.")
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except OSError as error:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)
        return f"{path.parent}: {error.strerror or error}"
    return ""


def folders(sources: Path) -> list[Path]:
    """Where kernels whose source lies in ``sources`` may be kept, best place first; none, some or all of them can be written to."""
    own = f"{sources.name}_{hashlib.sha256(str(sources.resolve()).encode()).hexdigest()[:16]}"
    if config.CACHE_DIR:
        return [Path(os.path.abspath(os.path.expanduser(config.CACHE_DIR)), own)]
    users = caching.AppDirs(appname="numba", appauthor=False).user_cache_dir
    return [sources / "__pycache__", *([Path(users, own)] if os.path.isabs(users) else [])]  # it is not where nobody's home is known


@functools.lru_cache(maxsize=None)
def _stamp(sources: Path) -> bytes:
    """A digest of all sources that kernels in the folder ``sources`` are built of; Numba sees those of the function alone."""
    digest = hashlib.sha256()
    if not sources.is_dir():  # an archive, or a program with everything in it
        origin = next((path for path in sources.parents if path.is_file()), Path(sys.executable))
        digest.update(repr((origin.stat().st_size, origin.stat().st_mtime_ns)).encode())
    sources = sources.resolve()
    for path in sorted({*sources.glob("*.py"), *(p for room in _SHARED for p in (_KERNELS / room).glob("*.py"))}):
        digest.update(path.read_bytes())
    return digest.digest()
