"""Tables and picture of a question whose record runner.py made: contenders, goals, curves.

Every result is {"case", "task", "title", "scan", "contenders", "missing", "inapplicable", "goals"};
a contender has the spread of what was measured ("seconds", or the record's other "measure") and the
spreads of its ratios to the contenders that the record's "against" names.
"""
from __future__ import annotations

from ..evaluation import figures
from . import timing
from .runner import RATIOS

CAPTION = "Each contender beside the first peer, and how times grow"
LEGEND = (
    "Medians with quartiles. x: how many times as fast (of memory: as small) as that contender, the median of the ratios within each round; above 1 it is ahead of that peer. "
    "Wrong results are refused before anything is timed. none: it has no such function; missing: see below the tables."
)
_OURS, _PEERS = ("tab:cyan", "tab:green", "tab:olive", "tab:gray"), ("tab:red", "tab:orange", "tab:pink", "tab:purple", "tab:brown")


def _quartiles(spread, measure) -> str:
    return f"{timing.text(spread['low'], measure)} - {timing.text(spread['high'], measure)}"


def _ratio(spread) -> str:
    return f"{spread['median']:.2f} ({spread['low']:.2f}-{spread['high']:.2f})"


def tables(record) -> list[tuple]:
    """(heading, columns, rows) of each table: all contenders, then the goals."""
    measure, results = record["measure"], [r for r in record["results"] if not r["scan"]]
    against = [name for name in record["against"] if any(name in r["contenders"] for r in results)]
    columns = ("case and task", "by", "time" if measure == "seconds" else "memory", "quartiles", *(f"x {name}" for name in against), "first call")
    rows = []
    for result in results:
        for name, c in result["contenders"].items():
            known = c[RATIOS[measure]]
            ratios = ["1" if peer == name else _ratio(known[peer]) if peer in known else _absent(result, peer) for peer in against]
            rows.append((result["title"], name, timing.text(c[measure]["median"], measure), _quartiles(c[measure], measure), *ratios, timing.text(c["first_call_seconds"])))
    goals = [(result["title"], goal) for result in results for goal in result["goals"]]
    found = [("", columns, rows)] if rows else []
    found += [(heading, columns, [tuple(row) for row in more]) for heading, columns, more in record.get("tables", [])]
    return found + ([("Goals", _GOALS, [_goal(title, goal, measure) for title, goal in goals])] if goals else [])


_GOALS = ("case and task", "by", "against", "measured", "quartiles", "goal", "floor", "verdict")


def _goal(title, goal, measure) -> tuple[str, ...]:
    def figure(value):
        return timing.text(value, measure) if goal["against"] is None else f"{value:.3g}x"

    spread = goal.get("measured")
    measured = (figure(spread["median"]), f"{figure(spread['low'])} - {figure(spread['high'])}") if spread else ("", "")
    return (title, goal["ours"], goal["against"] or "the clock", *measured, figure(goal["goal"]), figure(goal["floor"]), goal["verdict"])


def _absent(result, name) -> str:
    return "none" if name in result["inapplicable"] else "missing" if name in result["missing"] else ""


def notes(record) -> list[str]:
    """Who is missing, why, and from which jobs if not from all."""
    results, lines = record["results"], []
    for word, key in (("missing", "missing"), ("none", "inapplicable")):
        where: dict = {}
        for result in results:
            for name, reason in result[key].items():
                where.setdefault((name, reason), []).append(result["title"])
        lines += [f"{word}: {name}: {reason}" + ("" if len(at) == len(results) else f" ({'; '.join(dict.fromkeys(at))})") for (name, reason), at in where.items()]
    return lines


def colours(record) -> dict:
    """{contender: colour}: ours in blues and greens, peers in reds."""
    names = list(dict.fromkeys(name for result in record["results"] for name in result["contenders"]))
    found = {}
    for chosen, palette in (([n for n in names if n.startswith("ours")], _OURS), ([n for n in names if not n.startswith("ours")], _PEERS)):
        found |= {name: palette[i % len(palette)] for i, name in enumerate(chosen)}
    return found | {"ours": "tab:blue"}


def picture(record) -> bytes:
    """A dot per contender and job, relative to the first peer where there is one; beside it the curves."""
    results, curves = [r for r in record["results"] if not r["scan"]], _curves(record)
    rows = max(len(results), 3 * len(curves), 4)
    figure = figures.canvas(8 * bool(results) + 6 * bool(curves), 1.4 + 0.42 * rows)
    columns = figure.subfigures(1, bool(results) + bool(curves), squeeze=False)[0]
    palette = colours(record)
    if results:
        _dots(columns[0].subplots(), record, results, palette)
    if curves:
        for panel, (title, (what, lines)) in zip(columns[-1].subplots(len(curves), 1, squeeze=False)[:, 0], curves.items()):
            _lines(panel, title, what, lines, palette, record["measure"])
    threads = record["settings"]["threads"]
    clock = ", processor time" * (record["settings"]["clock"] == "cpu")
    figure.suptitle(f"{record['title']}: {record['made']['processor']}, {threads} thread{'s' * (threads > 1)}{clock}", fontsize=10)
    return figures.png(figure)


def _dots(panel, record, results, palette) -> None:
    measure = record["measure"]
    base = next((name for name in record["against"] if any(name in r["contenders"] for r in results)), None)
    for y, result in enumerate(results):
        for name, c in result["contenders"].items():
            spread = c[measure] if base is None else c[RATIOS[measure]].get(base)
            if spread:
                bars = [[spread["median"] - spread["low"]], [spread["high"] - spread["median"]]]
                panel.errorbar([spread["median"]], [y], xerr=bars, color=palette[name], marker="o", markersize=5, capsize=2, linestyle="none", label=name)
        for goal in result["goals"]:
            if goal["against"] == base:
                panel.plot([goal["goal"]], [y], marker="|", markersize=16, color="black", linestyle="none", label="goal")
                panel.plot([goal["floor"]], [y], marker="|", markersize=10, color="gray", linestyle="none", label="floor")
    if base is not None:
        panel.axvline(1, color="gray", linewidth=0.8, linestyle="--")
    panel.set_yticks(range(len(results)), [r["title"] for r in results], fontsize=8)
    panel.set(xscale="log", xlabel=RATIOS[measure].replace("_", " ") + f" {base}" if base else measure)
    _plain(panel.xaxis)
    panel.invert_yaxis()
    panel.grid(True, axis="x", which="both", alpha=0.3)
    _legend(panel)


def _curves(record) -> dict:
    """{title: (what grows, {contender: [(value, spread)]})} of the results that are points of a curve, and of the curves that the record has ready."""
    found: dict = {}
    for result in (r for r in record["results"] if r["scan"]):
        what, value = result["scan"]
        _, lines = found.setdefault(f"{result['case']}, {result['task']}", (what, {}))
        for name, c in result["contenders"].items():
            lines.setdefault(name, []).append((value, c[record["measure"]]))
    return found


def _lines(panel, title, what, lines, palette, measure) -> None:
    for name, points in lines.items():
        points.sort(key=lambda point: point[0])
        x, spreads = zip(*points)
        middle = [s["median"] for s in spreads]
        bars = [[m - s["low"] for m, s in zip(middle, spreads)], [s["high"] - m for m, s in zip(middle, spreads)]]
        panel.errorbar(x, middle, bars, color=palette[name], marker="o", markersize=3, linewidth=1.3, capsize=2, label=name)
    panel.set(xscale="log" if x[0] else "linear", yscale="log", xlabel=what, ylabel=measure)  # a curve that begins at 0 runs along a line
    panel.set_xticks(x, [f"{value:g}" for value in x], fontsize=8)
    panel.minorticks_off()
    _plain(panel.yaxis, measure)
    panel.set_title(title, fontsize=9)
    panel.grid(True, which="major", alpha=0.3)
    _legend(panel)


def _plain(axis, measure: str | None = None) -> None:
    """Marks at 1, 2 and 5 of each power of ten, written as numbers: ratios, or times and bytes with their units."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter((lambda value, position: timing.text(value, measure)) if measure else "{x:g}")
    axis.set_minor_formatter(NullFormatter())


def _legend(panel) -> None:
    handles = {label: handle for handle, label in zip(*panel.get_legend_handles_labels())}
    panel.legend(handles.values(), handles, fontsize=7, loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
