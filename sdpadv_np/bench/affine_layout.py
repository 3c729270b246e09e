"""The record of a sampler benchmark: its tables and its picture, for report.py."""
from __future__ import annotations

from ..evaluation import figures
from .affine import RATIOS
from .peers import PEERS

_COLOURS = {"numpy": "tab:gray", "numba": "tab:blue", "cuda": "tab:green", "numba-cuda": "tab:olive", "torch": "tab:red",
            "torch.compile": "tab:pink", "scipy": "tab:brown", "opencv": "tab:purple"}
_OURS = ("case and task", "by", "us", "quartiles", "ns/pixel", "MB moved", "of copy speed", *(f"x {name}" for name in RATIOS))
_PEERS = ("case and task", *(f"{name}, us" for name in PEERS), "torch.compile's first call, s")


def _absent(result, name) -> str:
    return "none" if name in result["inapplicable"] else "missing"


def _times(spread, digits=4) -> str:
    return f"{spread['median']:.{digits}g} ({spread['low']:.{digits}g}-{spread['high']:.{digits}g})"


def _ratio(spread) -> str:
    return f"{spread['median']:.2f} ({spread['low']:.2f}-{spread['high']:.2f})"


def _micro(spread) -> dict:
    return {k: spread[k] * 1e6 for k in ("median", "low", "high")}


def ours(record) -> list[tuple[str, ...]]:
    """One row per case, task and implementation of ours."""

    def ratio(result, name, peer):
        ratios = result["contenders"][name]["times_as_fast_as"]
        return "1" if peer == name else _ratio(ratios[peer]) if peer in ratios else _absent(result, peer)

    rows = []
    for result in (r for r in record["results"] if not r["plot_only"]):
        for name, c in result["contenders"].items():
            if name not in PEERS:
                us = _micro(c["seconds"])
                rows.append((
                    f"{result['title']}, {result['task']}", name, f"{us['median']:.4g}", f"{us['low']:.4g}-{us['high']:.4g}", f"{c['ns_per_pixel']:.3g}",
                    f"{result['bytes'] / 1e6:.3g}", f"{c['share_of_copy']['median']:.1%}",
                    *(ratio(result, name, peer) for peer in RATIOS),
                ))
    return rows


def peers(record) -> list[tuple[str, ...]]:
    """One row per case and task: the peers' times."""
    rows = []
    for result in (r for r in record["results"] if not r["plot_only"]):
        contenders = result["contenders"]
        compiled = contenders.get("torch.compile")
        rows.append((
            f"{result['title']}, {result['task']}",
            *(_times(_micro(contenders[p]["seconds"])) if p in contenders else _absent(result, p) for p in PEERS),
            f"{compiled['first_call_seconds']:.1f}" if compiled else _absent(result, "torch.compile"),
        ))
    return rows


def notes(record) -> list[str]:
    """What is missing, why, and from which tasks if not from all."""
    everywhere, where = {}, {}
    for result in (r for r in record["results"] if not r["plot_only"]):
        kernel = f"{result['case']['kernel']}_sample"
        everywhere.setdefault(kernel, set()).add(result["task"])
        for name, reason in result["missing"].items():
            where.setdefault((name, reason), {}).setdefault(kernel, set()).add(result["task"])
    lines = []
    for (name, reason), at in where.items():
        parts = [kernel + ("" if tasks == everywhere[kernel] else f" {' and '.join(sorted(tasks))}") for kernel, tasks in at.items()]
        lines.append(f"missing: {name}: {reason}" + ("" if at == everywhere else f" ({', '.join(parts)})"))
    return lines


LEGEND = (
    "Medians with quartiles. x: how many times as fast as that contender, the median of the ratios within each round. of copy speed: the time of a "
    "plain copy that moves as many bytes, over this time. none: it has no such function; missing: see below the tables."
)


def tables(record) -> list[tuple]:
    """(heading, columns, rows) of each table."""
    return [("", _OURS, ours(record)), ("", _PEERS, peers(record))]


CAPTION = "Time against the number of images"


def picture(record) -> bytes:
    """Time against N at 28x28x1, one panel for forward and one for forward+backward; the copy of as many bytes is the floor."""
    first = record["settings"]["conventions"][0]
    shape = {"height": 28, "width": 28, "channels": 1, "convention": first, "kernel": "affine"}
    figure = figures.canvas(11, 5)
    panels = figure.subplots(1, 2, sharey=True)
    for panel, task in zip(panels, ("forward", "forward+backward")):
        chosen = [r for r in record["results"] if r["task"] == task and shape.items() <= r["case"].items()]
        chosen.sort(key=lambda r: r["case"]["count"])
        for name, colour in _COLOURS.items():
            points = [(r["case"]["count"], r["contenders"][name]["seconds"]) for r in chosen if name in r["contenders"]]
            if points:
                n, spreads = zip(*points)
                middle = [s["median"] for s in spreads]
                bars = [[m - s["low"] for m, s in zip(middle, spreads)], [s["high"] - m for m, s in zip(middle, spreads)]]
                panel.errorbar(n, middle, bars, color=colour, marker="o", markersize=3, linewidth=1.3, capsize=2, label=name)
        panel.plot([r["case"]["count"] for r in chosen], [r["copy_seconds"]["median"] for r in chosen], "k--", linewidth=1, label="copy of the bytes moved")
        panel.set(xscale="log", yscale="log", title=f"{task}, 28x28x1 {first}", xlabel="images N")
        panel.grid(True, which="major", alpha=0.3)
    panels[0].set_ylabel("seconds")
    handles = {label: handle for panel in panels for handle, label in zip(*panel.get_legend_handles_labels())}
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=len(handles), fontsize=9, frameon=False)
    threads = record["settings"]["threads"]
    figure.suptitle(f"{record['made']['processor'] if record['device'] == 'CPU' else record['device']}, {threads} thread{'s' * (threads > 1)}", fontsize=10)
    return figures.png(figure)
