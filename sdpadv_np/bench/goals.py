"""Goals of a benchmark, and whether a measurement reaches them."""
from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Goal:
    """A value to be reached in one job: ``goal`` is the aim; a measurement below ``floor`` is a failure.

    ours : the candidate that is judged; None: the fastest of ours
    against : the contender that it must be so many times as fast as; None: goal and floor are seconds, the fewer the
        better
    """

    case: str
    task: str
    ours: str | None
    against: str | None
    goal: float
    floor: float


def judge(goal: Goal, result: dict) -> dict:
    """The goal with the measurement and a verdict: "reached", "floor reached, goal missed", "missed" or "not measured".

    >>> fast = {"seconds": {"median": 2.0}, "times_as_fast_as": {"numpy": {"median": 1.4}}}
    >>> judge(Goal("B", "step", "ours", "numpy", 1.5, 1.0), {"contenders": {"ours": fast}})["verdict"]
    'floor reached, goal missed'
    """
    judged, contenders = asdict(goal), result["contenders"]
    if goal.ours is None:
        ours = [name for name in result["ours"] if name in contenders]
        judged["ours"] = min(ours, key=lambda name: contenders[name]["seconds"]["median"])
    if judged["ours"] not in contenders:
        return judged | {"verdict": f"not measured: {goal.ours} is missing"}
    own = contenders[judged["ours"]]
    ratios = own.get("times_as_fast_as", {})
    if goal.against not in (None, *ratios):
        return judged | {"verdict": f"not measured: {goal.against} is missing"}
    judged["measured"] = own["seconds"] if goal.against is None else ratios[goal.against]
    sign = -1 if goal.against is None else 1  # seconds: the fewer the better; ratios: the more
    reached, floor = (sign * judged["measured"]["median"] >= sign * bound for bound in (goal.goal, goal.floor))
    return judged | {"verdict": "reached" if reached else "floor reached, goal missed" if floor else "missed"}
