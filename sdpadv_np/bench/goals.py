"""What was promised, against what came."""
from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Goal:
    """One promise: ``goal`` is what is wanted, below ``floor`` something is wrong.

    ours : the contender that is judged
    against : the peer that it must be so many times as fast as; None: goal and floor are seconds, the fewer the better
    """

    case: str
    task: str
    ours: str
    against: str | None
    goal: float
    floor: float


def judge(goal: Goal, result: dict) -> dict:
    """The goal with what was measured: "reached", "floor reached, goal missed", "missed", or why there is no verdict.

    >>> fast = {"seconds": {"median": 2.0}, "times_as_fast_as": {"torch": {"median": 1.4}}}
    >>> judge(Goal("B", "step", "ours", "torch", 1.5, 1.0), {"contenders": {"ours": fast}})["verdict"]
    'floor reached, goal missed'
    """
    judged = asdict(goal)
    if goal.ours not in result["contenders"]:
        return judged | {"verdict": f"not measured: {goal.ours} is missing"}
    ratios = result["contenders"][goal.ours].get("times_as_fast_as", {})
    if goal.against not in (None, *ratios):
        return judged | {"verdict": f"not measured: {goal.against} is missing"}
    judged["measured"] = result["contenders"][goal.ours]["seconds"] if goal.against is None else ratios[goal.against]
    sign = -1 if goal.against is None else 1  # of seconds the fewer, of ratios the more
    goal_reached, floor_reached = (sign * judged["measured"]["median"] >= sign * bound for bound in (goal.goal, goal.floor))
    return judged | {"verdict": "reached" if goal_reached else "floor reached, goal missed" if floor_reached else "missed"}
