"""A search over a recipe's hyperparameters: `recipes/search.py` is its command line.

In the order of the work: `space` (what may be chosen), `runs` (a recipe in a process of its own),
`study` (what is known, shared by several workers), `leaderboard` (what is told), `worker` (runs the
trials), `plan` (from a command line).
"""
