"""Measure what annotations and automatic segmentation do to word error rates on TED-LIUM.

    python recipes/tedlium/run.py hparams/tedlium.yaml [--option=value ...]

README.md beside this file lists the options, the files that a run leaves and our figures.
"""

if __name__ == "__main__":  # the processes that decode import this file, and nothing of it
    from tedlium_run import main

    from aed_plugins.experiments import run_program

    run_program(main)
