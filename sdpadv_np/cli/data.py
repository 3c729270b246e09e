"""``sdpadv data``: get and check the data sets."""
from __future__ import annotations

from .. import data
from ..evaluation import tables
from .common import DATA_DIR, add_command, option


def add_parser(commands):
    fetched = [name for name, entry in data.DATASETS.items() if entry.files]
    return add_command(
        commands, "data", "get and check the data sets",
        "Get data sets (into the cache), check every byte, and show what is in them.",
        option("names", nargs="*", metavar="NAME", default=fetched, help=f"any of {', '.join(data.DATASETS)}"),
        DATA_DIR,
        epilog="example:\n  sdpadv data mnist fashion-mnist",
    )


def run(arguments) -> None:
    rows = []
    for name in arguments.names:
        loaded = data.load(name, arguments.data_dir, print)
        for part in ("train", "val", "test"):
            x, y = getattr(loaded, f"x_{part}"), getattr(loaded, f"y_{part}")
            rows.append((
                name, part, *map(str, x.shape),
                f"{x.mean():.4f}", f"{x.std():.4f}", f"{(x == 0).mean():.1%}", str(len(set(y.tolist()))),
            ))
    print(tables.text(rows, ("data set", "part", "images", "C", "H", "W", "mean", "std", "zeros", "classes")))
