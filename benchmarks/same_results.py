"""Do fast kernels change what is learned? Trainings as they are run, compared with the same ones by the composed rules.

    python benchmarks/same_results.py [--data-dir DIR]      # MNIST; about 15 minutes on one core

As they are run: recorded steps (autodiff/plan.py), fused rules, Winograd where it applies. Composed: every step in
Python, each derivative by its one-line rule, direct convolutions. Three seeds of Model A, eight of Model B and of
SdpAdv. The roundings differ, so the weights diverge after some steps; the accuracies must not differ by more than those
of other seeds do. Writes benchmarks/results/same_results/README.md and results.json.
"""
import argparse
import contextlib
import json
import time
from pathlib import Path

import numpy as np

import sdpadv_np as sd
from sdpadv_np import evaluation
from sdpadv_np.autodiff import plan
from sdpadv_np.autodiff.registry import OPS
from sdpadv_np.bench import steps
from sdpadv_np.evaluation import tables
from sdpadv_np.storage import files
from sdpadv_np.storage.provenance import provenance
from sdpadv_np.training.threads import threads

RESULTS = Path(__file__).parent / "results" / "same_results"
SEEDS = {"A": 3, "B": 8}
EPOCHS = {"A": 2, "B": 5, "SdpAdv": 5}


@contextlib.contextmanager
def composed():
    """Within this block no rule is fused and no step is recorded."""
    fused = {name: (op.fused, op.saving) for name, op in OPS.items()}
    call, each, copied = sd.Plan.__call__, plan._each, plan._copied
    try:
        for op in OPS.values():
            object.__setattr__(op, "fused", None)
            object.__setattr__(op, "saving", None)
        sd.Plan.__call__ = lambda self, *inputs: each(copied, self.function(*map(np.asarray, inputs)))
        yield
    finally:
        for name, op in OPS.items():
            object.__setattr__(op, "fused", fused[name][0])
            object.__setattr__(op, "saving", fused[name][1])
        sd.Plan.__call__ = call


def trainings(data, seed: int, plain: bool):
    """(name, figures) of each training."""
    train, test = (data.x_train, data.y_train, data.x_val, data.y_val), (data.x_test, data.y_test)
    models = {}
    for name in (name for name, count in SEEDS.items() if seed < count):
        models[name] = sd.models.ARCHITECTURES[name](seed=seed)
        if plain:
            steps.with_algorithm(models[name].network, "direct")
        models[name].fit(*train, epochs=EPOCHS[name], seed=seed, progress=False)
        yield f"Model {name}", {"accuracy": models[name].accuracy(*test)}
    attack = sd.attacks.SdpAdv(models["B"], seed=seed).fit(*train, epochs=EPOCHS["SdpAdv"], progress=False)
    result = evaluation.evaluate(models["B"], attack, *test)
    yield "SdpAdv on Model B", {"accuracy": result.accuracy, "L2sq": result.l2sq}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir")
    options = parser.parse_args()
    data, found = sd.data.load("mnist", options.data_dir, print), []
    with threads(1):
        for seed in range(max(SEEDS.values())):
            for plain in (False, True):
                started = time.perf_counter()
                with composed() if plain else contextlib.nullcontext():
                    for name, figures in trainings(data, seed, plain):
                        seconds, started = time.perf_counter() - started, time.perf_counter()
                        found.append({"training": name, "seed": seed, "composed": plain, **figures, "seconds": seconds})
                        print(found[-1], flush=True)
    rows = []
    for name in dict.fromkeys(f["training"] for f in found):
        for key in ("accuracy", "L2sq"):
            own = [f for f in found if f["training"] == name and key in f]
            values = {plain: [f[key] for f in own if f["composed"] == plain] for plain in (False, True)}
            if values[False]:
                digits = 4 if key == "accuracy" else 1
                means = [np.mean(values[plain]) for plain in (False, True)]
                texts = ["  ".join(f"{v:.{digits}f}" for v in values[plain]) for plain in (False, True)]
                spread = max(np.ptp(v) for v in values.values())
                rows.append((f"{name}, {key}", *texts, f"{means[0] - means[1]:+.{digits}f}", f"{spread:.{digits}f}"))
    columns = ("training", "as run, seeds 0, 1, ...", "composed rules, seeds 0, 1, ...", "difference of the means",
               "largest spread of seeds")
    made, lines = provenance(), [f"- {name}: {count} epochs" for name, count in EPOCHS.items()]
    machine = ", ".join(f"{k} {v}" for k, v in made.items())
    text = [f"# {__doc__.splitlines()[0]}", "",
            f"Made by `python benchmarks/same_results.py` on MNIST, test images; {machine}.", "",
            *lines, "", tables.markdown(rows, columns), ""]
    files.write_text(RESULTS / "README.md", "\n".join(text))
    files.write_text(RESULTS / "results.json",
                     json.dumps({"made": made, "epochs": EPOCHS, "results": found}, indent=1) + "\n")
    print(tables.text(rows, columns))


if __name__ == "__main__":
    main()
