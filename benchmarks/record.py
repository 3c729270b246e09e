"""What the programs beside this one share: a question of ``sdpadv bench`` with everything it has, recorded in benchmarks/results/QUESTION/.

One record (JSON: every figure, parameter, version), its tables and verdicts (Markdown) and its plot
for each number of threads. ``--quick --output DIR`` shows in a minute or two that it works.
"""
import argparse
from pathlib import Path

from sdpadv_np.bench import QUESTIONS, report

RESULTS = Path(__file__).parent / "results"


def main(name: str, description: str, arguments=None) -> None:
    """Run the question ``name`` with all its peers and curves, or with what ``arguments`` say."""
    question = QUESTIONS[name]
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1, metavar="N")
    parser.add_argument("--clock", choices=question.clocks, default=question.clocks[0])
    parser.add_argument("--cases", nargs="+", choices=question.cases, metavar="NAME")
    parser.add_argument("--peers", nargs="*", choices=question.peers, default=list(question.peers), metavar="NAME")
    parser.add_argument("--rounds", type=int, metavar="N")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--output", type=Path, default=RESULTS / name, metavar="DIR")
    p = parser.parse_args(arguments)
    settings = question.resolve(p.quick, bool(question.scans) and not p.quick, cases=p.cases, peers=p.peers, rounds=p.rounds, threads=p.threads, clock=p.clock)
    record = question.run(settings, lambda line: print(line, flush=True))
    stem = "cpu" + f"-{p.threads}-threads" * (p.threads > 1) + "-processor-time" * (p.clock == "cpu")
    document = report.markdown(record, f"{question.title}: {p.threads} thread{'s' * (p.threads > 1)}", f"{stem}.png")
    print(f"\n{report.text(record)}\n")
    print("written: " + ", ".join(map(str, report.write(p.output, stem, record, document, report.picture(record)))))
