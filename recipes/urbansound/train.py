"""Train and evaluate a model on UrbanSound8K, on its official folds.

    python recipes/urbansound/train.py hparams/resnet_dilated.yaml [--option=value ...]

README.md in this folder lists the options, the files that a run leaves and our scores.
"""

from functools import partial

from aed_plugins.data import UrbanSound8K
from aed_plugins.experiments import run_program, run_recipe

if __name__ == "__main__":
    run_program(partial(run_recipe, UrbanSound8K))
