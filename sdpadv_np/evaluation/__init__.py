"""Metrics, tables with the paper's figures beside ours, and pictures."""
from .metrics import Evaluation, evaluate

__all__ = ["Evaluation", "evaluate"]
