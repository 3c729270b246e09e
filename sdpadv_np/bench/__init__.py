"""Benchmarks, one module per question (``affine``, ``train``, ...): who is faster at the same job, and by how much.

``runner`` makes, checks and times contenders, ``timing`` takes them in turns, ``torches`` and
``peers`` adapt other libraries, ``goals`` judges, ``report`` and the layouts make tables, pictures
and files. Each question's ``run(settings, say)`` returns a plain record.
"""
from . import conv, memory, ops, startup, train

QUESTIONS = {module.QUESTION.name: module.QUESTION for module in (train, conv, ops, memory, startup)}
