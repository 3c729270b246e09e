"""Kills, full disks and simultaneous starts at random times: does every run end with the bits of an undisturbed one?

    python benchmarks/kills.py [--kills 100] [--disks 100] [--starts 100] [--seed 0]      # some thirteen minutes on one core

Each case is a small ``sdpadv train --dataset glyphs`` (or attack), forked from this process, which has loaded and compiled
everything; its images are few, and its pictures are stand-ins, so that a case takes half a second of one core:

kills : SIGKILL at a random time of the run, then the same again or --resume, up to four times; then it is let end.
disks : from a random time on no file can grow beyond a random size (RLIMIT_FSIZE: write(2) itself fails, in the middle of
        a file, for a process without privileges too); the run must end with one line and status 1, or be done; then it goes on.
starts : two to four commands at the same moment, into one folder, or into folders that they name themselves.

Foreign files, some with names much like those of our temporary ones, lie in the folders and must lie there in the end.
Writes benchmarks/results/kills/README.md and results.json; ends with status 1 if anything was not as it should be.
"""
import argparse
import dataclasses
import json
import os
import random
import resource
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

import sdpadv_np as sd
from sdpadv_np import cli
from sdpadv_np.storage import files
from sdpadv_np.evaluation import figures
from sdpadv_np.storage.provenance import provenance

RESULTS = Path(__file__).parent / "results" / "kills"
TRAIN = ["train", "--dataset", "glyphs", "--epochs", "1", "--classifier-epochs", "1", "--compare", "fgsm"]
HIDDEN = (".notes.unfinished", ".sdpadv-notes.unfinished", ".my.document.unfinished")
FOREIGN = (*HIDDEN, "notes.unfinished", "notes.txt", "below/.sdpadv-ab12cd_x.unfinished", "checkpoints/.notes.unfinished")


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
    """All that a run came to, but for times and dates."""
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


def place_foreign(run: Path, names) -> None:
    for name in names:
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text(f"mine: {name}")


def faults_of(run: Path, expected: dict, foreign=()) -> list[str]:
    found = bits(run)
    faults = [f"{name} is another" for name in expected if found[name] != expected[name]]
    faults += [f"{name} is gone" for name in foreign if not (run / name).exists() or (run / name).read_text() != f"mine: {name}"]
    known = {*expected, *foreign, "table.txt", "table.md", "checkpoints/classifier.h5", "checkpoints/generator.h5"}
    return faults + [f"{path.name} was left" for path in run.rglob("*") if path.is_file() and str(path.relative_to(run)) not in known]


class Disturbed:
    """A run of ``train`` that is disturbed, and goes on until it is done."""

    def __init__(self, place: Path):
        self.place, self.run, self.foreign = place, place / "run", ()
        place_foreign(self.run, HIDDEN)

    def process(self, prepare=lambda: None) -> Process:
        if (self.run / "parameters.json").exists():
            if not self.foreign:
                self.foreign = FOREIGN
                place_foreign(self.run, FOREIGN)
            return Process(["train", "--resume", self.run], self.place, prepare)
        return Process([*TRAIN, "--output", self.run], self.place, prepare)

    def finish(self, expected: dict) -> list[str]:
        status, said = self.process().end()
        return [f"status {status}: {said[-300:]}"] if status else faults_of(self.run, expected, self.foreign or HIDDEN)


def kills(rng, place: Path, expected: dict, usual: float, tally: Counter) -> list[str]:
    """Up to four kills of one run."""
    run = Disturbed(place)
    for _ in range(rng.randint(1, 4)):
        process = run.process()
        time.sleep(rng.uniform(0, usual))
        os.kill(process.number, signal.SIGKILL)
        status, said = process.end()
        if status not in (0, -signal.SIGKILL):
            return [f"status {status}: {said[-300:]}"]
        tally["done before" if status == 0 else "disturbed"] += 1
        if status == 0:
            break
    return run.finish(expected)


def disks(rng, place: Path, expected: dict, usual: float, tally: Counter) -> list[str]:
    """A disk that is full from some moment on, with room for some bytes more."""
    run, after, room = Disturbed(place), rng.uniform(0.001, usual), rng.choice((0, rng.randrange(4096), rng.randrange(1_000_000)))

    def prepare():
        signal.signal(signal.SIGALRM, lambda *_: resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY)))
        signal.setitimer(signal.ITIMER_REAL, after)

    status, said = run.process(prepare).end()
    tally["disturbed" if status else "done before"] += 1
    last = said.strip().splitlines()[-1:] or [""]
    if status not in (0, 1) or "Traceback" in said or (status == 1 and not last[0].startswith("sdpadv: ")):
        return [f"status {status}: {said[-300:]}"]
    return run.finish(expected)


def together(commands, place: Path) -> list[tuple[int, str]]:
    """Commands that begin at the same moment."""
    gate, opener = os.pipe()
    started = [Process(command, place, gate=(gate, opener)) for command in commands]
    os.close(opener), os.close(gate)  # now
    return [process.end() for process in started]


def refused(answers) -> list[str]:
    """Of commands into one folder one works; the others are told why they do not."""
    faults = [] if [status for status, _ in answers].count(0) == 1 else [f"statuses {[status for status, _ in answers]}: {answers}"]
    words = ("another sdpadv command is working in this folder", "holds a run already", "holds results already")
    return faults + [said[-300:] for status, said in answers if status and (status != 1 or said.count("\n") != 1 or not any(w in said for w in words))]


def starts(rng, place: Path, expected: dict, tally: Counter) -> list[str]:
    """Several commands at the same moment; ``expected`` by seed."""
    kind = rng.choice(("one folder", "one folder", "own folders", "attacks", "attacks", "resumed"))
    tally[kind] += 1
    if kind == "own folders":
        answers = together([[*TRAIN, "--seed", seed] for seed in (0, 1)], place)
        runs = sorted((place / "runs").iterdir())
        faults = [said[-300:] for status, said in answers if status] + ([] if len(runs) == 2 else [f"{len(runs)} folders"])
        seeds = [json.loads((run / "parameters.json").read_text())["parameters"]["seed"] for run in runs]
        return faults + [fault for run, seed in zip(runs, seeds) for fault in faults_of(run, expected[seed])] + ([] if sorted(seeds) == [0, 1] else [f"seeds {seeds}"])
    if kind == "attacks":
        np.save(place / "mine.npy", sd.data.load("glyphs").x_test[:20])
        changes = rng.sample((0.05, 0.1, 0.2, 0.3), 4)
        answers = together([["attack", "mine.npy", "--classifier", expected["classifier"], "--attack", "fgsm", "--eps", eps] for eps in changes], place)
        faults, found = [said[-300:] for status, said in answers if status], []
        for run in (place / "runs").iterdir():
            record, images = json.loads((run / "record.json").read_text()), np.load(run / "adversarial.npy")
            found.append(record["parameters"]["eps"])
            if abs(np.abs(images - np.load(place / "mine.npy")).max() - found[-1]) > 1e-6:
                faults.append(f"the record says {found[-1]}, the images do not")
        return faults + ([] if sorted(found) == sorted(changes) else [f"folders of {found}"])
    run = place / "run"
    if kind == "resumed":
        process = Process([*TRAIN, "--output", run], place)
        while not (run / "parameters.json").exists():
            time.sleep(0.001)
        os.kill(process.number, signal.SIGKILL), process.end()
        faults = refused(together([["train", "--resume", run]] * 3, place))
        return faults or faults_of(run, expected[0])
    faults = refused(together([[*TRAIN, "--seed", seed, "--output", run] for seed in (0, 1, 0)], place))
    return faults or faults_of(run, expected[json.loads((run / "parameters.json").read_text())["parameters"]["seed"]])


def make_small() -> None:
    """Few images, drawn once; pictures that take no time."""
    drawn = sd.data.load("glyphs")
    few = {name: getattr(drawn, name)[:count] for part, count in (("train", 640), ("val", 100), ("test", 100)) for name in (f"x_{part}", f"y_{part}")}
    small = dataclasses.replace(drawn, **few)
    sd.data.load = lambda *_: small
    figures.grid = lambda path, *_: files.write_bytes(path, bytes(50_000))
    figures.curves = figures.grid


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name in ("kills", "disks", "starts"):
        parser.add_argument(f"--{name}", type=int, default=100, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=RESULTS, metavar="DIR")
    p = parser.parse_args()
    warnings.simplefilter("error")
    sd.warm_up(), figures.canvas(1, 1), provenance(), make_small()
    rng, record, wrong = random.Random(p.seed), {}, 0
    with tempfile.TemporaryDirectory() as folder:
        expected, took = {}, []
        for seed in (0, 1, 0):
            place = Path(folder, f"expected-{len(took)}")
            place.mkdir()
            began = time.monotonic()
            status, said = Process([*TRAIN, "--seed", seed, "--output", place / "run"], place).end()
            took.append(time.monotonic() - began)
            assert status == 0, said
            assert expected.setdefault(seed, bits(place / "run")) == bits(place / "run"), "an undisturbed run is not repeatable"
        usual = min(took)
        for name, wanted, case in (
            ("kills", p.kills, lambda *a: kills(*a[:2], expected[0], usual, a[2])), ("disks", p.disks, lambda *a: disks(*a[:2], expected[0], usual, a[2])),
            ("starts", p.starts, lambda *a: starts(*a[:2], expected | {"classifier": Path(folder, "expected-0/run/classifier.h5")}, a[2])),
        ):
            tally, faults, began, cases = Counter(), [], time.monotonic(), 0
            while (sum(tally.values()) if name == "starts" else tally["disturbed"]) < wanted:
                cases += 1
                with tempfile.TemporaryDirectory(dir=folder) as place:
                    faults += [f"case {cases}: {fault}" for fault in case(rng, Path(place), tally)]
            wrong += len(faults)
            record[name] = {"cases": cases, **tally, "seconds": round(time.monotonic() - began, 1), "faults": faults}
            print(f"{name}: {record[name]}", flush=True)
    document = f"# Kills, full disks, simultaneous starts\n\nMade by `python benchmarks/kills.py --seed {p.seed}`; an undisturbed run takes {usual:.1f} s. What each is: see the program.\n\n"
    document += "| | runs | disturbed, or of each kind | faults |\n| --- | ---: | --- | ---: |\n"
    for name, r in record.items():
        kinds = ", ".join(f"{k} {v}" for k, v in r.items() if k not in ("cases", "seconds", "faults"))
        document += f"| {name} | {r['cases']} | {kinds} | {len(r['faults'])} |\n"
    files.write_text(p.output / "README.md", document)
    files.write_json(p.output / "results.json", {"seed": p.seed, "undisturbed seconds": usual, **record, "made": provenance()})
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
