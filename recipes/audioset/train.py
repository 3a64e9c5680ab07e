"""Train and evaluate a model on AudioSet, several labels per clip.

    python recipes/audioset/train.py hparams/mobilenet_transfer.yaml [--option=value ...]

README.md in this folder lists the options, the files that a run leaves and our scores.
"""

from functools import partial

from aed_plugins.data import AudioSet
from aed_plugins.experiments import run_program, run_recipe

if __name__ == "__main__":
    run_program(partial(run_recipe, AudioSet))
