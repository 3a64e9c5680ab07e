"""Train or fine-tune a model on clips of one's own, and evaluate it.

    python recipes/custom/train.py hparams/mobilenet_transfer.yaml --clips=clips.csv
    python recipes/custom/train.py hparams/mobilenet_transfer.yaml --clips=FOLDER

README.md in this folder says what the CSV or the folder holds, and lists the options.
"""

from functools import partial

from aed_plugins.data import CustomDataset
from aed_plugins.experiments import run_program, run_recipe

if __name__ == "__main__":
    run_program(partial(run_recipe, CustomDataset))
