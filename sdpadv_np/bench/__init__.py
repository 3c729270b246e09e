"""Benchmarks, one module per question (``affine``): who is faster at the same job, and by how much.

``timing`` measures contenders in turns, ``peers`` adapts other libraries, ``report`` makes the
tables, the picture and the files. Each question's ``run(settings, say)`` returns a plain record.
"""
