"""The provenance of a result: versions, commit, machine."""
from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import os
import platform
import subprocess
from datetime import datetime, timezone
from pathlib import Path

import numpy as np


@functools.lru_cache(maxsize=1)
def commit() -> str:
    """The commit of the source tree this package runs from ("+" if changed since), or "unknown"."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return "unknown"
    try:
        run = functools.partial(subprocess.run, cwd=root, capture_output=True, text=True, timeout=5, check=True)
        changed = run(["git", "status", "--porcelain", "--untracked-files=no"]).stdout.strip()
        return run(["git", "rev-parse", "HEAD"]).stdout.strip() + "+" * bool(changed)
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def provenance() -> dict[str, str | int | None]:
    """Versions, commit and machine, as stored with every result."""
    from ..kernels import dense
    from ..version import __version__

    here = dense.implementations()
    return {
        "sdpadv_np": __version__,
        "commit": commit(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": _version("numba"),
        "h5py": _version("h5py"),
        "system": platform.system(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        # of the matrix products, which round differently
        "kernels": os.environ.get("SDPADV_KERNEL") or next(name for name in reversed(here) if here[name]),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }
