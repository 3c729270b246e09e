"""The common part of the programs that measure other libraries (peers/) beside ours, through ``sdpadv_np.bench``.

Each writes benchmarks/results/NAME/: for each device, number of threads and clock one record (JSON: every figure,
parameter, version), its tables and verdicts (Markdown) and its plot. ``--quick --output DIR`` shows in a minute or two
that it works.
"""
import common
import peers

from sdpadv_np.bench import BENCHMARKS, report


def main(name: str, description: str, known: tuple, goals=(), results: str = "", arguments=None) -> None:
    """Run the benchmark ``name`` with all its curves and the peers ``known``, or as ``arguments`` say.

    goals : of one thread on the CPU
    results : the folder within benchmarks/results, if it is not called ``name``
    """
    benchmark = BENCHMARKS[name]
    devices, cases = tuple(benchmark.default_cases), None if benchmark.other_case else tuple(benchmark.cases)
    parser = common.parser(
        description, peers={"nargs": "*", "choices": known, "default": list(known), "metavar": "NAME",
                            "help": ", ".join(known)}, threads=1,
        clock={"choices": benchmark.clocks, "default": benchmark.clocks[0]},
        device={"choices": devices, "default": "cpu"}, cases={"nargs": "+", "choices": cases, "metavar": "NAME"},
        rounds={"type": int, "metavar": "N"}, quick=False, output=common.RESULTS / (results or name))
    p = parser.parse_args(arguments)
    contenders, missing = peers.find(p.peers, known, p.threads)
    settings = benchmark.resolve(p.quick, bool(benchmark.scans) and not p.quick, p.device, cases=p.cases, clock=p.clock,
                                 rounds=p.rounds, threads=p.threads, contenders=contenders)
    judged = goals if (p.device, p.threads, p.quick) == ("cpu", 1, False) else ()
    record = benchmark.run(settings, lambda line: print(line, flush=True), judged, missing)
    stem = p.device + f"-{p.threads}-threads" * (p.threads > 1) + "-processor-time" * (p.clock == "cpu")
    print(f"\n{report.text(record)}\n")
    title = f"{benchmark.title} against other libraries: {p.device}, {p.threads} thread{'s' * (p.threads > 1)}"
    print("written: " + ", ".join(map(str, report.write(p.output, stem, record, title))))
