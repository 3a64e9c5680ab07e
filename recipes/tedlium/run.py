"""Measure the effect of non-speech tags and of segmentation on word error rates of TED-LIUM.

    python recipes/tedlium/run.py hparams/tedlium.yaml [--option=value ...]

README.md in this folder lists the options, the files that a run writes and our results.
"""

if __name__ == "__main__":  # the processes that decode import this file
    from tedlium_recipe import main

    from aed_plugins.experiments import run_program

    run_program(main)
