"""Kills, full disks and simultaneous starts at random times: does every run end with the bits of an undisturbed one?

    python benchmarks/kills.py [--kills 100] [--disks 100] [--starts 100] [--seed 0]      # 13 minutes on one core

Each case is a small ``sdpadv train --dataset glyphs`` (or attack), forked from this process, which has loaded and
compiled everything; it has few images and stand-ins for pictures, so that it takes half a second of one core:

kills : SIGKILL at a random time of the run, then the same again or --resume, up to four times; then it runs to its end.
disks : from a random time on no file can grow beyond a random size (RLIMIT_FSIZE: write(2) fails in the middle of a
        file, without privileges); the run must end with one line and status 1, or be complete; then it is resumed.
starts : two to four commands at the same moment, into one folder, or into folders that they name themselves.

Foreign files, some with names much like those of our temporary ones, lie in the folders and must be there in the end.
Writes benchmarks/results/kills/README.md and results.json; the exit status is 1 if a run was not as it should be.
"""
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
from common import RESULTS, document, parser
from kills_runs import TRAIN, Disturbed, Process, bits, faults_of, make_small

import sdpadv_np as sd
from sdpadv_np.evaluation import figures, tables
from sdpadv_np.storage import files
from sdpadv_np.storage.provenance import provenance


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
        tally["disturbed" if status else "done before"] += 1
        if not status:
            break
    return run.finish(expected[0])


def disks(rng, place: Path, expected: dict, usual: float, tally: Counter) -> list[str]:
    """A disk that is full from a random moment on, but for some bytes."""
    run, after = Disturbed(place), rng.uniform(0.001, usual)
    size = rng.choice((0, rng.randrange(4096), rng.randrange(1_000_000)))

    def prepare():
        limits = resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY)
        signal.signal(signal.SIGALRM, lambda *_: resource.setrlimit(*limits))
        signal.setitimer(signal.ITIMER_REAL, after)

    status, said = run.process(prepare).end()
    tally["disturbed" if status else "done before"] += 1
    last = said.strip().splitlines()[-1:] or [""]
    if status not in (0, 1) or "Traceback" in said or (status == 1 and not last[0].startswith("sdpadv: ")):
        return [f"status {status}: {said[-300:]}"]
    return run.finish(expected[0])


def together(commands, place: Path) -> list[tuple[int, str]]:
    """Commands that begin at the same moment."""
    gate, opener = os.pipe()
    started = [Process(command, place, gate=(gate, opener)) for command in commands]
    os.close(opener), os.close(gate)  # now
    return [process.end() for process in started]


def failed(answers) -> list[str]:
    return [said[-300:] for status, said in answers if status]


def refused(answers) -> list[str]:
    """Of several commands into one folder one succeeds; the others must say why they do not."""
    statuses = [status for status, _ in answers]
    words = ("another sdpadv command is working in this folder", "holds a run already", "holds results already")
    unclear = [(status, said) for status, said in answers
               if status != 1 or said.count("\n") != 1 or not any(w in said for w in words)]
    return failed(unclear) + [f"statuses {statuses}: {answers}"] * (statuses.count(0) != 1)


def seed_of(run: Path) -> int:
    return json.loads((run / "parameters.json").read_text())["parameters"]["seed"]


def starts(rng, place: Path, expected: dict, usual: float, tally: Counter) -> list[str]:
    """Several commands at the same moment."""
    kind = rng.choice(("one folder", "one folder", "own folders", "attacks", "attacks", "resumed"))
    tally[kind] += 1
    if kind == "own folders":
        faults = failed(together([[*TRAIN, "--seed", seed] for seed in (0, 1)], place))
        seeds = {run: seed_of(run) for run in sorted((place / "runs").iterdir())}
        faults += [] if sorted(seeds.values()) == [0, 1] else [f"folders of the seeds {list(seeds.values())}"]
        return faults + [fault for run, seed in seeds.items() for fault in faults_of(run, expected[seed])]
    if kind == "attacks":
        return attacks(rng, place, expected["classifier"])
    run = place / "run"
    if kind == "resumed":
        process = Process([*TRAIN, "--output", run], place)
        while not (run / "parameters.json").exists():
            time.sleep(0.001)
        os.kill(process.number, signal.SIGKILL), process.end()
        faults = refused(together([["train", "--resume", run]] * 3, place))
    else:
        faults = refused(together([[*TRAIN, "--seed", seed, "--output", run] for seed in (0, 1, 0)], place))
    return faults or faults_of(run, expected[seed_of(run)])


def attacks(rng, place: Path, classifier: Path) -> list[str]:
    """Four attacks on the same images with unequal eps: four folders, each with the images of its record."""
    np.save(place / "mine.npy", sd.data.load("glyphs").x_test[:20])
    changes = rng.sample((0.05, 0.1, 0.2, 0.3), 4)
    command = ["attack", "mine.npy", "--classifier", classifier, "--attack", "fgsm", "--eps"]
    faults, found = failed(together([[*command, eps] for eps in changes], place)), []
    for run in (place / "runs").iterdir():
        images = np.load(run / "adversarial.npy")
        found.append(json.loads((run / "record.json").read_text())["parameters"]["eps"])
        if abs(np.abs(images - np.load(place / "mine.npy")).max() - found[-1]) > 1e-6:
            faults.append(f"the record says {found[-1]}, the images do not")
    return faults + ([] if sorted(found) == sorted(changes) else [f"folders of {found}"])


def undisturbed(folder: Path) -> tuple[dict, float]:
    """({seed: what its run ends with, "classifier": a trained one}, seconds of the fastest run)."""
    expected, took = {"classifier": folder / "expected-0/run/classifier.h5"}, []
    for seed in (0, 1, 0):
        place = folder / f"expected-{len(took)}"
        place.mkdir()
        began = time.monotonic()
        status, said = Process([*TRAIN, "--seed", seed, "--output", place / "run"], place).end()
        took.append(time.monotonic() - began)
        assert status == 0, said
        found = bits(place / "run")
        assert expected.setdefault(seed, found) == found, "an undisturbed run is not repeatable"
    return expected, min(took)


def main() -> None:
    p = parser(__doc__, kills=100, disks=100, starts=100, seed=0, output=RESULTS / "kills").parse_args()
    warnings.simplefilter("error")
    sd.warm_up(), figures.canvas(1, 1), provenance(), make_small()
    rng, record, rows = random.Random(p.seed), {}, []
    with tempfile.TemporaryDirectory() as folder:
        expected, usual = undisturbed(Path(folder))
        for case in (kills, disks, starts):
            name, tally, faults, began, cases = case.__name__, Counter(), [], time.monotonic(), 0
            while (tally.total() if case is starts else tally["disturbed"]) < getattr(p, name):
                cases += 1
                with tempfile.TemporaryDirectory(dir=folder) as place:
                    faults += [f"case {cases}: {fault}" for fault in case(rng, Path(place), expected, usual, tally)]
            record[name] = {"cases": cases, **tally, "seconds": round(time.monotonic() - began, 1), "faults": faults}
            rows.append((name, str(cases), ", ".join(f"{k} {v}" for k, v in tally.items()), str(len(faults))))
            print(f"{name}: {record[name]}", flush=True)
    made = (f"Made by `python benchmarks/kills.py --seed {p.seed}`, which explains each; an undisturbed run takes "
            f"{usual:.1f} s.")
    table = tables.markdown(rows, ("", "runs", "disturbed, or of each kind", "faults"))
    files.write_text(p.output / "README.md", document("Kills, full disks, simultaneous starts", made, table))
    files.write_json(p.output / "results.json",
                     {"seed": p.seed, "undisturbed seconds": usual, **record, "made": provenance()})
    sys.exit(any(r["faults"] for r in record.values()))


if __name__ == "__main__":
    main()
