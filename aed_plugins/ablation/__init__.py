"""An ablation, variants of a model against it on the same runs: see `recipes/ablate.py`.

In the order of the work: `variants` (what is compared), `row` and `rows` (the finished runs and
their file), `worker` (runs what is missing), `comparison` (the statistics), `summary` (of each
variant), `report` and `plot` (what is told).
"""
