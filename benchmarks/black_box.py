"""SdpAdv with queries alone compared with SdpAdv with the gradient: accuracy, distance, number of queries.

    python benchmarks/black_box.py

Against Model B on MNIST, test images, 10 epochs of SdpAdv in each round. The substitute is another
Model B (another seed, other weights). Writes benchmarks/results/black_box.json, and black_box.md, its table.
"""
import time

from common import RESULTS, document, parser

from sdpadv_np import attacks, data, evaluate, models
from sdpadv_np.evaluation import tables
from sdpadv_np.storage import files
from sdpadv_np.storage.provenance import provenance
from sdpadv_np.training.threads import threads

CASES = (  # answers, training images, rounds
    ("gradient", 20_000, 0),
    ("probabilities", 2_000, 1), ("probabilities", 2_000, 2),
    ("probabilities", 20_000, 1), ("probabilities", 20_000, 2),
    ("labels", 20_000, 1), ("labels", 20_000, 2),
)
_COLUMNS = ("what the classifier gives", "training images", "rounds", "images asked", "accuracy", "substitute's",
            "L2sq", "s")


def main() -> None:
    p = parser(__doc__, dataset={"choices": data.DATASETS, "default": "mnist"}, data_dir={}, epochs=10,
               output=RESULTS).parse_args()
    d = data.load(p.dataset, p.data_dir, print)
    classifier = models.ModelB().fit(d.x_train, d.y_train, d.x_val, d.y_val)
    record = {"dataset": p.dataset, "epochs": p.epochs, "accuracy": classifier.accuracy(d.x_test, d.y_test),
              "results": [], "provenance": provenance()}
    for answers, count, rounds in CASES:
        if rounds:
            ask = classifier.probabilities if answers == "probabilities" else classifier.predict
            attack = attacks.BlackBoxSdpAdv(ask, rounds=rounds, seed=1)
        else:
            attack = attacks.SdpAdv(classifier, seed=1)
        started = time.perf_counter()
        attack.fit(d.x_train[:count], d.y_train[:count], d.x_val[:2000], d.y_val[:2000], epochs=p.epochs,
                   progress=False)
        result = evaluate(classifier, attack, d.x_test, d.y_test)
        substitute = evaluate(attack.substitute, attack, d.x_test, d.y_test).accuracy if rounds else None
        record["results"].append({
            "answers": answers, "images": count, "rounds": rounds,
            "queries": attack.generator.settings.get("queries"), "accuracy": result.accuracy, "l2sq": result.l2sq,
            "substitute_accuracy": substitute, "seconds": round(time.perf_counter() - started, 1),
        })
        print(record["results"][-1], flush=True)
        files.write_json(p.output / "black_box.json", record)
        files.write_text(p.output / "black_box.md", report(record))


def report(record: dict) -> str:
    rows = []
    for r in record["results"]:
        asked, theirs = ("", "") if not r["rounds"] else (f"{r['queries']:,}", f"{r['substitute_accuracy']:.4f}")
        rows.append((r["answers"], f"{r['images']:,}", f"{r['rounds'] or ''}", asked, f"{r['accuracy']:.4f}", theirs,
                     f"{r['l2sq']:.1f}", f"{r['seconds']:.0f}"))
    return document(
        "SdpAdv with queries alone",
        f"Model B on {record['dataset']}, accuracy {record['accuracy']:.4f} without attack. "
        "Made by `python benchmarks/black_box.py`.", tables.markdown(rows, _COLUMNS))


if __name__ == "__main__":
    with threads(1):
        main()
