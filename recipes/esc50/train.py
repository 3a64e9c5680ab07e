"""Train and evaluate a model on ESC-50 or ESC-10, on their official folds.

    python recipes/esc50/train.py hparams/mobilenet_transfer.yaml [--option=value ...]

README.md in this folder lists the options and our scores.
"""

from functools import partial

from aed_plugins.data import ESC50
from aed_plugins.experiments import run_program, run_recipe

if __name__ == "__main__":
    run_program(partial(run_recipe, ESC50))
