"""One row of an ablation, for the tests of its statistics and of its file."""

import numpy as np

from aed_plugins.experiments.ablation.run import AblationRun, to_hex


def row(fold=1, seed=1, right=(1, 1, 0, 0), variant="v", configuration="0" * 12, **others):
    """A row whose clips are right as said."""
    values = {
        "data": "complete",
        "train_folds": tuple(n for n in range(1, 11) if n != fold),
        "seconds": 10.0,
        "threads": 1,
        "device": "cpu",
        "clips_digest": f"{fold:012}",
    } | others
    accuracy = float(np.mean(right))
    return AblationRun(
        variant, configuration, fold, seed, clips=len(right), accuracy=accuracy,
        right=to_hex(right), **values,
    )  # fmt: skip
