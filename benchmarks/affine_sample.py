"""Are the samplers as fast as they should be? ``sdpadv bench affine`` with every peer, judged against goals.

    python benchmarks/affine_sample.py                  # one thread
    python benchmarks/affine_sample.py --threads 2
    python benchmarks/affine_sample.py --device cuda    # needs CuPy and a GPU

Writes benchmarks/results/affine_sample/: for each device and number of threads one record (JSON:
every figure, parameter, version), its tables and verdicts (Markdown) and the plot of time against
the number of images. ``--quick --output DIR`` shows in a minute that it works.
"""
import argparse
from pathlib import Path

from sdpadv_np.bench import affine, report
from sdpadv_np.bench.peers import PEERS
from sdpadv_np.evaluation import tables

RESULTS = Path(__file__).parent / "results" / "affine_sample"
GOALS = (  # case, task, how many times as fast as eager PyTorch: the goal, and the floor below which something is wrong
    ("28x28x1 N 128", "forward", 6.0, 4.5),
    ("28x28x1 N 1024", "forward", 6.0, 4.5),
    ("28x28x1 N 128", "forward+backward", 5.5, 4.0),
    ("28x28x1 N 1024", "forward+backward", 5.5, 4.0),
    ("28x28x1 N 128", "theta only", 9.0, 7.0),
    ("28x28x1 N 1024", "theta only", 9.0, 7.0),
    ("32x32x3 N 128", "forward", 3.5, 2.5),
    ("224x224x3 N 16", "forward", 3.5, 2.5),
    ("32x32x3 N 128", "forward+backward", 3.0, 2.3),
    ("224x224x3 N 16", "forward+backward", 3.0, 2.3),
    ("28x28x1 N 128 flow_sample", "forward+backward", 4.0, 2.5),
)
_COLUMNS = ("case and task", "ours", "x torch", "quartiles", "goal", "floor", "verdict")


def verdicts(record) -> list[dict]:
    """Each goal against our fastest implementation, for every convention that PyTorch has; judged on the median ratio."""
    verdicts = []
    for case, task, goal, floor in GOALS:
        for result in record["results"]:
            if result["title"] not in (case, f"{case} half_pixel", f"{case} align_corners") or result["task"] != task:
                continue
            verdict = {"case": result["title"], "task": task, "goal": goal, "floor": floor}
            ours = {name: c for name, c in result["contenders"].items() if name not in PEERS}
            fastest = min(ours, key=lambda name: ours[name]["seconds"]["median"])
            ratio = ours[fastest]["times_as_fast_as"].get("torch")
            if ratio is None:
                verdicts.append(verdict | {"verdict": "not measured: PyTorch is missing"})
            else:
                words = "pass" if ratio["median"] >= goal else "floor passed, goal failed" if ratio["median"] >= floor else "fail"
                verdicts.append(verdict | {"ours": fastest, "ratio": ratio, "verdict": words})
    return verdicts


def table(verdicts) -> str:
    rows = []
    for v in verdicts:
        figures = (v["ours"], f"{v['ratio']['median']:.2f}", f"{v['ratio']['low']:.2f}-{v['ratio']['high']:.2f}") if "ratio" in v else ("", "", "")
        rows.append((f"{v['case']}, {v['task']}", *figures, f"{v['goal']:g}", f"{v['floor']:g}", v["verdict"]))
    return tables.markdown(rows, _COLUMNS)


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--threads", type=int, default=1, metavar="N")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--output", type=Path, default=RESULTS, metavar="DIR")
    p = parser.parse_args(arguments)
    settings = affine.Settings.resolve(p.device, p.quick, threads=p.threads)
    record = affine.run(settings, lambda line: print(line, flush=True))
    stem = p.device + (f"-{p.threads}-threads" if p.threads > 1 else "")
    document = report.markdown(record, f"The samplers against their peers: {p.device}, {p.threads} thread{'s' * (p.threads > 1)}", f"{stem}.png")
    if (p.device, p.threads, p.quick) == ("cpu", 1, False):  # the goals are set for this
        record["verdicts"] = verdicts(record)
        judged = f"## Goals\n\nTimes as fast as eager PyTorch, one thread.\n\n{table(record['verdicts'])}\n"
        print(f"\n{judged}")
        document += f"\n{judged}"
    print(f"\n{report.text(record)}\n")
    print("written: " + ", ".join(map(str, report.write(p.output, stem, record, document, report.picture(record)))))


if __name__ == "__main__":
    main()
