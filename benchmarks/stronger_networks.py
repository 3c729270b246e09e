"""SdpAdv with larger networks than the paper's: accuracy and L2sq of the validation images.

    python benchmarks/stronger_networks.py                         # every setting, MNIST: 10 minutes on 2 cores
    python benchmarks/stronger_networks.py --dataset fashion-mnist --settings "paper;both"

Trains Model B, then SdpAdv with each setting against it, and writes
benchmarks/results/stronger_networks/DATASET.json after each one, and README.md, the table of all.
"""
import json
import time
from pathlib import Path

import common

from sdpadv_np import attacks, data, evaluate, models
from sdpadv_np.evaluation import tables
from sdpadv_np.storage import files
from sdpadv_np.storage.provenance import provenance
from sdpadv_np.training.threads import threads

WIDE = {"localisation": (128,), "perturbation": (512, 512)}
SETTINGS = {
    "paper": {},
    "paper, alpha >= 2.4": {"alpha_floor": 2.4},
    "paper, alpha 5": {"alpha_floor": 5.0},
    "h_sd 128": {"localisation": (128,)},
    "h_sd 256-128": {"localisation": (256, 128)},
    "h_p 512-512": {"perturbation": (512, 512)},
    "h_p 512-512, alpha >= 1.6": {"perturbation": (512, 512), "alpha_floor": 1.6},
    "both": WIDE,
    "both, alpha >= 2.4": WIDE | {"alpha_floor": 2.4},
    "both, alpha 5": WIDE | {"alpha_floor": 5.0},
    "h_p 512-512, alpha 5": {"perturbation": (512, 512), "alpha_floor": 5.0},
}


def main() -> None:
    p = common.parser(
        __doc__, dataset={"choices": data.DATASETS, "default": "mnist"}, data_dir={},
        settings={"help": "names, separated by semicolons; other results in the record stay"}, epochs=10,
        seed={"type": int, "default": 0, "help": "of SdpAdv; the classifier stays the same"},
        output=common.RESULTS / "stronger_networks").parse_args()
    d = data.load(p.dataset, p.data_dir, print)
    classifier = models.ModelB().fit(d.x_train, d.y_train, d.x_val, d.y_val)
    record = {"dataset": p.dataset, "epochs": p.epochs, "validation accuracy": classifier.accuracy(d.x_val, d.y_val),
              "results": {}, "provenance": provenance()}
    path = p.output / f"{p.dataset}.json"
    if path.exists() and (before := json.loads(path.read_text()))["epochs"] == p.epochs:
        record["results"] = before["results"]
    for name in p.settings.split(";") if p.settings else SETTINGS:
        attack, started = attacks.SdpAdv(classifier, **SETTINGS[name], seed=p.seed), time.perf_counter()
        attack.fit(d.x_train, d.y_train, d.x_val, d.y_val, epochs=p.epochs)
        seconds, result = time.perf_counter() - started, evaluate(classifier, attack, d.x_val, d.y_val)
        record["results"][name + (f", seed {p.seed}" if p.seed else "")] = {
            **SETTINGS[name], "parameters": attack.generator.store.data.size, "accuracy": result.accuracy,
            "l2sq": result.l2sq, "seconds": round(seconds, 1), "commit": record["provenance"]["commit"],
        }
        print(f"{p.dataset}, {name}: accuracy {result.accuracy:.4f}, L2sq {result.l2sq:.1f}, {seconds:.0f} s",
              flush=True)
        files.write_json(path, record)
        files.write_text(p.output / "README.md", report(p.output))


def report(folder: Path) -> str:
    """One row for each setting, the paper's first."""
    records = {path.stem: json.loads(path.read_text())["results"] for path in sorted(folder.glob("*.json"))}
    names = sorted({name for results in records.values() for name in results},
                   key=lambda name: ("seed" in name, *(setting == name for setting in reversed(SETTINGS))))
    rows = []
    for name in names:
        cells = [f"{r[name]['accuracy']:.4f} / {r[name]['l2sq']:.1f}" if name in r else "" for r in records.values()]
        rows.append((name, f"{next(r[name]['parameters'] for r in records.values() if name in r):,}", *cells))
    return common.document(
        "SdpAdv with larger networks than the paper's",
        "Accuracy / L2sq on the validation images of Model B, eps 0.1. "
        "Made by `python benchmarks/stronger_networks.py`.",
        tables.markdown(rows, ("networks, weight of L_theta", "parameters", *records)))


if __name__ == "__main__":
    with threads(1):
        main()
