r"""Evaluate a trained model on another dataset, by the labels that both have.

    python recipes/evaluate.py RUN --on=urbansound|esc50|audioset|custom [--option=value ...]

For example

    python recipes/evaluate.py results/audioset/resnet_dilated/1986 --on=urbansound --folds=[10]
    python recipes/evaluate.py results/urbansound/resnet_dilated/1986/fold10 --on=audioset \
        --classes='["Children playing", "Siren"]'
    python recipes/evaluate.py results/esc50/resnet_dilated/1986/fold5 --on=custom --clips=FOLDER

RUN is the folder of a finished run, or of one of its folds. In it, evaluated_on_<dataset>/ gets
report.md, report.json, predictions.csv and per_class.png. On AudioSet the evaluation list is used,
of one's own clips with a column split the test clips, else all folds or those that are chosen.
Labels are the same that have the same name in AudioSet, or, where these names are not known, that
are spelled the same; --mapping maps them otherwise. The options of a dataset are those of its
recipe: --on=DATASET --help lists them.
"""

from functools import partial

from aed_plugins.experiments import run_evaluation, run_program

if __name__ == "__main__":
    run_program(partial(run_evaluation, description=__doc__))
