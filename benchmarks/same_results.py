"""Do fast kernels change what is learned? Trainings as they are run, compared with the same ones by the composed rules.

    python benchmarks/same_results.py [--data-dir DIR]      # MNIST; about 15 minutes on one core

As they are run: recorded steps (autodiff/plan.py), fused rules, Winograd where it applies. Composed: every step in
Python, each derivative by its one-line rule, direct convolutions. Three seeds of Model A, eight of Model B and of
SdpAdv. The roundings differ, so the weights diverge after some steps; the accuracies must not differ by more than those
of other seeds do. Writes benchmarks/results/same_results/README.md and results.json.
"""
import contextlib
import time
from unittest.mock import patch

import numpy as np
from common import RESULTS, document, machine, parser

import sdpadv_np as sd
from sdpadv_np import evaluation
from sdpadv_np.autodiff import plan
from sdpadv_np.autodiff.registry import OPS
from sdpadv_np.bench import steps
from sdpadv_np.evaluation import tables
from sdpadv_np.storage import files
from sdpadv_np.storage.provenance import provenance
from sdpadv_np.training.threads import threads

SEEDS = {"A": 3, "B": 8}
COLUMNS = ("training", "as run, seeds 0, 1, ...", "composed rules, seeds 0, 1, ...", "difference of the means",
           "largest spread of seeds")
EPOCHS = {"A": 2, "B": 5, "SdpAdv": 5}


@contextlib.contextmanager
def composed():
    """Within this block no rule is fused and no step is recorded."""
    before = [(op, name, getattr(op, name)) for op in OPS.values() for name in ("fused", "saving")]
    try:
        for op, name, _ in before:
            object.__setattr__(op, name, None)
        with patch.object(sd.Plan, "__call__", _executed):
            yield
    finally:
        for op, name, value in before:
            object.__setattr__(op, name, value)


def _executed(self, *inputs):
    """The function of a plan, executed in Python."""
    return plan._each(plan._copied, self.function(*map(np.asarray, inputs)))


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
    p = parser(__doc__, data_dir={}, output=RESULTS / "same_results").parse_args()
    data, found = sd.data.load("mnist", p.data_dir, print), []
    with threads(1):
        for seed in range(max(SEEDS.values())):
            for plain in (False, True):
                started = time.perf_counter()
                with composed() if plain else contextlib.nullcontext():
                    for name, figures in trainings(data, seed, plain):
                        seconds, started = time.perf_counter() - started, time.perf_counter()
                        found.append({"training": name, "seed": seed, "composed": plain, **figures, "seconds": seconds})
                        print(found[-1], flush=True)
    made, table = provenance(), (rows_of(found), COLUMNS)
    text = document(
        __doc__.splitlines()[0], f"Made by `python benchmarks/same_results.py` on MNIST, test images; {machine(made)}.",
        "\n".join(f"- {name}: {count} epochs" for name, count in EPOCHS.items()), tables.markdown(*table))
    files.write_text(p.output / "README.md", text)
    files.write_json(p.output / "results.json", {"made": made, "epochs": EPOCHS, "results": found})
    print(tables.text(*table))


def rows_of(found: list[dict]) -> list[tuple[str, ...]]:
    """A row for each training and figure."""
    rows = []
    for name, key in dict.fromkeys((f["training"], key) for f in found for key in ("accuracy", "L2sq") if key in f):
        values = [[f[key] for f in found if (f["training"], f["composed"]) == (name, composed)]
                  for composed in (False, True)]
        digits = 4 if key == "accuracy" else 1
        texts = ["  ".join(f"{v:.{digits}f}" for v in run) for run in values]
        difference, spread = np.mean(values[0]) - np.mean(values[1]), max(map(np.ptp, values))
        rows.append((f"{name}, {key}", *texts, f"{difference:+.{digits}f}", f"{spread:.{digits}f}"))
    return rows


if __name__ == "__main__":
    main()
