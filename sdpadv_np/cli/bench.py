"""``sdpadv bench BENCHMARK``: measure speed and memory."""
from __future__ import annotations

import argparse

from ..bench import BENCHMARKS, report
from ..errors import ArgumentError
from ..evaluation import figures
from ..storage import files, folders
from .common import add_command, announce, option, path

_CONTENDER = """
a contender of your own, in my_module.py in the current folder:

  def my_function(job):
      if job.operation != ... or job.task != ...:
          raise NotImplementedError("it does this and that only")
      ...                                  # prepare; this is not timed
      return lambda: my_kernel(...)        # this is timed

  sdpadv bench {name} --contender my_module:my_function

The results are an array, a tuple of arrays in the order below, or a dict by name; they are compared with the
reference's. Inputs are NumPy arrays (CuPy's on a GPU) and must not be changed. More: python -m pydoc sdpadv_np.bench

"""


def add_parser(commands):
    command = add_command(
        commands, "bench", "measure speed and memory",
        "Measure this package: its implementations against each other, and against contenders of your own.",
        epilog="example:\n  sdpadv bench affine --quick",
    )
    benchmarks = command.add_subparsers(dest="benchmark", required=True, metavar="BENCHMARK")
    for benchmark in BENCHMARKS.values():
        settings = _settings(benchmark)
        defaults = [f"{device}, if not given: cases {' '.join(cases)}; {benchmark.rounds} rounds"
                    for device, (cases, _) in benchmark.default_cases.items()]
        add_command(
            benchmarks, benchmark.name, benchmark.description,
            f"Measure {benchmark.description}.\nResults are compared before anything is timed; wrong ones are "
            "refused. Writes tables, a plot, and every figure as JSON.",
            *settings.values(),
            option("--output", type=path, metavar="DIR",
                   help="folder of the files; runs/bench-BENCHMARK-TIME if not given"),
            # a default here would override the --debug of `sdpadv bench --debug affine`
            option("--debug", action="store_true", default=argparse.SUPPRESS, help="show an error's traceback"),
            epilog="\n".join([f"example:\n  sdpadv bench {benchmark.name} --quick\n", *defaults, ""])
            + _CONTENDER.format(name=benchmark.name) + benchmark.contract,
        ).set_defaults(settings=list(settings))
    return command


def _settings(benchmark) -> dict[str, tuple]:
    """{setting: its option} of what the benchmark lets the user choose."""
    names = f"any of {', '.join(benchmark.cases)}" + f", or {benchmark.other_form}" * bool(benchmark.other_form)
    found = {
        "cases": option("--cases", nargs="+", choices=None if benchmark.other_case else tuple(benchmark.cases),
                        metavar="CASE", help=f"{names}; see below if not given"),
        "contenders": option("--contender", dest="contenders", nargs="+", default=[],
                             metavar="[NAME=]MODULE:FUNCTION",
                             help="functions of your own that take part, see below; modules of this folder are found"),
        "threads": option("--threads", type=int, default=1, metavar="N", help="of every candidate"),
        "seed": option("--seed", type=int, default=0, help="draws the inputs and the order of each round"),
        "rounds": option("--rounds", type=int, metavar="N", help="samples of each candidate; see below if not given"),
        "quick": option("--quick", action="store_true", help="small cases and few rounds: to see that it works"),
    }
    if len(benchmark.default_cases) > 1:
        found["device"] = option("--device", choices=tuple(benchmark.default_cases), default="cpu",
                                 help="cuda needs CuPy")
    if len(benchmark.clocks) > 1:
        found["clock"] = option("--clock", choices=benchmark.clocks, default=benchmark.clocks[0],
                                help="cpu: processor time of all threads; steadier on a busy machine")
    if benchmark.scans:
        found["scan"] = option("--scan", action="store_true",
                               help="the curves as well: how time grows with the size")
    for name, chosen in benchmark.options.items():
        default = list(chosen.default) if isinstance(chosen.default, tuple) else chosen.default
        found[name] = option(f"--{name}", default=default, help=chosen.help, **chosen.arguments)
    return found


def run(arguments) -> None:
    benchmark = BENCHMARKS[arguments.benchmark]
    if arguments.output is None:
        opened = folders.create(None, folders.dated(f"bench-{benchmark.name}"))
    else:
        opened = folders.locked(files.expanded(arguments.output), make=True)
    try:
        with opened as output:
            settings = benchmark.resolve(**{name: getattr(arguments, name) for name in arguments.settings})
            if (output / f"{benchmark.name}.json").exists():
                raise ArgumentError(f"{output}: holds a benchmark already; choose another --output")
            figures.canvas(1, 1)  # a missing matplotlib is reported now and not after ten minutes
            announce({name: value for name, value in vars(settings).items() if name != "options"} | settings.options)
            record = benchmark.run(settings, lambda line: print(line, flush=True))
            print(f"\n{report.text(record)}\n")
            print("written: " + ", ".join(map(str, report.write(output, benchmark.name, record, benchmark.title))))
    except KeyboardInterrupt:
        raise KeyboardInterrupt("no results were written") from None
