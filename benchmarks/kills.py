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
import argparse
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
from kills_runs import TRAIN, Disturbed, Process, bits, faults_of, make_small

import sdpadv_np as sd
from sdpadv_np.evaluation import figures
from sdpadv_np.storage import files
from sdpadv_np.storage.provenance import provenance

RESULTS = Path(__file__).parent / "results" / "kills"


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
    return run.finish(expected)


def together(commands, place: Path) -> list[tuple[int, str]]:
    """Commands that begin at the same moment."""
    gate, opener = os.pipe()
    started = [Process(command, place, gate=(gate, opener)) for command in commands]
    os.close(opener), os.close(gate)  # now
    return [process.end() for process in started]


def refused(answers) -> list[str]:
    """Of several commands into one folder one succeeds; the others must say why they do not."""
    statuses = [status for status, _ in answers]
    faults = [] if statuses.count(0) == 1 else [f"statuses {statuses}: {answers}"]
    words = ("another sdpadv command is working in this folder", "holds a run already", "holds results already")
    for status, said in answers:
        if status and (status != 1 or said.count("\n") != 1 or not any(w in said for w in words)):
            faults.append(said[-300:])
    return faults


def starts(rng, place: Path, expected: dict, tally: Counter) -> list[str]:
    """Several commands at the same moment; ``expected`` by seed."""
    kind = rng.choice(("one folder", "one folder", "own folders", "attacks", "attacks", "resumed"))
    tally[kind] += 1
    if kind == "own folders":
        answers = together([[*TRAIN, "--seed", seed] for seed in (0, 1)], place)
        runs = sorted((place / "runs").iterdir())
        faults = [said[-300:] for status, said in answers if status]
        faults += [] if len(runs) == 2 else [f"{len(runs)} folders"]
        seeds = [json.loads((run / "parameters.json").read_text())["parameters"]["seed"] for run in runs]
        faults += [] if sorted(seeds) == [0, 1] else [f"seeds {seeds}"]
        return faults + [fault for run, seed in zip(runs, seeds) for fault in faults_of(run, expected[seed])]
    if kind == "attacks":
        np.save(place / "mine.npy", sd.data.load("glyphs").x_test[:20])
        changes = rng.sample((0.05, 0.1, 0.2, 0.3), 4)
        command = ["attack", "mine.npy", "--classifier", expected["classifier"], "--attack", "fgsm", "--eps"]
        answers = together([[*command, eps] for eps in changes], place)
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
            found = bits(place / "run")
            assert expected.setdefault(seed, found) == found, "an undisturbed run is not repeatable"
        usual, classifier = min(took), {"classifier": Path(folder, "expected-0/run/classifier.h5")}
        for name, count, case in (
            ("kills", p.kills, lambda rng, place, tally: kills(rng, place, expected[0], usual, tally)),
            ("disks", p.disks, lambda rng, place, tally: disks(rng, place, expected[0], usual, tally)),
            ("starts", p.starts, lambda rng, place, tally: starts(rng, place, expected | classifier, tally)),
        ):
            tally, faults, began, cases = Counter(), [], time.monotonic(), 0
            while (sum(tally.values()) if name == "starts" else tally["disturbed"]) < count:
                cases += 1
                with tempfile.TemporaryDirectory(dir=folder) as place:
                    faults += [f"case {cases}: {fault}" for fault in case(rng, Path(place), tally)]
            wrong += len(faults)
            record[name] = {"cases": cases, **tally, "seconds": round(time.monotonic() - began, 1), "faults": faults}
            print(f"{name}: {record[name]}", flush=True)
    command = f"python benchmarks/kills.py --seed {p.seed}"
    document = "# Kills, full disks, simultaneous starts\n\n"
    document += f"Made by `{command}`, which explains each; an undisturbed run takes {usual:.1f} s.\n\n"
    document += "| | runs | disturbed, or of each kind | faults |\n| --- | ---: | --- | ---: |\n"
    for name, r in record.items():
        kinds = ", ".join(f"{k} {v}" for k, v in r.items() if k not in ("cases", "seconds", "faults"))
        document += f"| {name} | {r['cases']} | {kinds} | {len(r['faults'])} |\n"
    files.write_text(p.output / "README.md", document)
    files.write_json(p.output / "results.json",
                     {"seed": p.seed, "undisturbed seconds": usual, **record, "made": provenance()})
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
