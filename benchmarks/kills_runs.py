"""Forked commands of benchmarks/kills.py, and the comparison of a run with an undisturbed one."""
from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import sdpadv_np as sd
from sdpadv_np import cli
from sdpadv_np.evaluation import figures
from sdpadv_np.storage import files

TRAIN = ["train", "--dataset", "glyphs", "--epochs", "1", "--classifier-epochs", "1", "--compare", "fgsm"]
HIDDEN = (".notes.unfinished", ".sdpadv-notes.unfinished", ".my.document.unfinished")
FOREIGN = (*HIDDEN, "notes.unfinished", "notes.txt", "below/.sdpadv-ab12cd_x.unfinished",
           "checkpoints/.notes.unfinished")


class Process:
    """A forked command; ``prepare`` is called in it first. Standard error comes back through a pipe."""

    def __init__(self, command, place: Path, prepare=lambda: None, gate=None):
        self.reading, writing = os.pipe()
        self.number = os.fork()
        if self.number == 0:
            os.dup2(writing, 2)
            os.dup2(os.open(os.devnull, os.O_RDWR), 1)
            os.environ["SDPADV_CACHE"] = str(place / "cache")
            os.chdir(place)
            if gate:
                os.close(gate[1]), os.read(gate[0], 1)  # until the other end is closed in every process
            prepare()
            status = 99
            try:
                status = cli.main(list(map(str, command)))
            finally:
                os._exit(status)
        os.close(writing)

    def end(self) -> tuple[int, str]:
        """(exit status, negative if by a signal; standard error)"""
        with os.fdopen(self.reading) as stream:
            said = stream.read()
        return os.waitstatus_to_exitcode(os.waitpid(self.number, 0)[1]), said


def bits(run: Path) -> dict:
    """The whole outcome of a run, except times and dates."""
    timeless = ("seconds", "seconds_per_100", "made", "date", "command", "output")

    def without(value):
        if isinstance(value, dict):
            return {k: without(v) for k, v in value.items() if k not in timeless}
        return [without(v) for v in value] if isinstance(value, list) else value

    found = {name: (run / name).read_bytes() for name in ("pictures.png", "curves.png")}
    for name in ("classifier.h5", "generator.h5"):
        loaded = sd.load(run / name)
        found[name] = loaded.store.data.tobytes(), without(loaded.settings), without(loaded.history)
    for name in ("metrics.json", "parameters.json"):
        found[name] = without(json.loads((run / name).read_text()))
    rows = [line.split(",") for line in (run / "history.csv").read_text().splitlines()]
    return found | {"history.csv": [[cell for cell, name in zip(row, rows[0]) if name != "seconds"] for row in rows]}


def faults_of(run: Path, expected: dict, foreign=()) -> list[str]:
    found = bits(run)
    faults = [f"{name} is another" for name in expected if found[name] != expected[name]]
    faults += [f"{name} is gone" for name in foreign
               if not (run / name).exists() or (run / name).read_text() != f"mine: {name}"]
    known = {*expected, *foreign, "table.txt", "table.md", "checkpoints/classifier.h5", "checkpoints/generator.h5"}
    left = [p for p in run.rglob("*") if p.is_file() and str(p.relative_to(run)) not in known]
    return faults + [f"{path.name} was left" for path in left]


class Disturbed:
    """A run of ``train`` that is disturbed, and is resumed until it is complete."""

    def __init__(self, place: Path):
        self.place, self.run = place, place / "run"
        self._put(HIDDEN)

    def _put(self, foreign) -> None:
        self.foreign = foreign
        for name in foreign:
            files.write_text(self.run / name, f"mine: {name}")

    def process(self, prepare=lambda: None) -> Process:
        if (self.run / "parameters.json").exists():
            if self.foreign is not FOREIGN:
                self._put(FOREIGN)
            return Process(["train", "--resume", self.run], self.place, prepare)
        return Process([*TRAIN, "--output", self.run], self.place, prepare)

    def finish(self, expected: dict) -> list[str]:
        status, said = self.process().end()
        return [f"status {status}: {said[-300:]}"] if status else faults_of(self.run, expected, self.foreign)


def make_small() -> None:
    """Few images, drawn once; stand-ins for the pictures."""
    drawn = sd.data.load("glyphs")
    few = {f"{name}_{part}": getattr(drawn, f"{name}_{part}")[:count]
           for part, count in (("train", 640), ("val", 100), ("test", 100)) for name in "xy"}
    small = dataclasses.replace(drawn, **few)
    sd.data.load = lambda *_: small
    figures.grid = lambda path, *_: files.write_bytes(path, bytes(50_000))
    figures.curves = figures.grid
