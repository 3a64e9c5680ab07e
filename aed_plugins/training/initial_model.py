"""The trained model that a training starts from."""

import logging
from collections.abc import Sequence
from pathlib import Path

from aed_plugins.core import InputError
from aed_plugins.data import FoldSplit
from aed_plugins.models import AudioTagger, load_weights, read_state_dict
from aed_plugins.pretrained import TrainedRun, find_run

logger = logging.getLogger(__name__)


INITIAL_MODEL_OPTION = "--initial_model: "


class InitialModel:
    """The model that a training starts from.

    Parameters
    ----------
    source : str
        An output folder of a recipe (of several folds, the one of the same name is taken), or one
        fold's folder in it.
    """

    def __init__(self, source: str) -> None:
        self.source = Path(str(source))

    def _find_run(self, split: FoldSplit) -> TrainedRun:
        return find_run(self.source, split.name, INITIAL_MODEL_OPTION)

    def folder_for(self, split: FoldSplit) -> str:
        """Return the folder of the run that a fold starts from.

        Raises
        ------
        InputError
            If there is none.
        """
        return str(self._find_run(split).folder)

    def load(
        self, tagger: AudioTagger, split: FoldSplit, dataset: str, labels: Sequence[str]
    ) -> None:
        """Load the weights into a tagger: the head's too, if it has the same labels.

        Parameters
        ----------
        tagger : AudioTagger
            Of the same architecture before the head.
        split : FoldSplit
            The fold to be trained and tested.
        dataset : str
            Its dataset.
        labels : sequence of str
            Its labels.

        Raises
        ------
        InputError
            If the weights do not fit, or were trained on the clips that are to be tested.
        """
        run = self._find_run(split)
        for unknown in run.check_unseen(dataset, [split.test]):
            logger.warning(unknown)
        if run.sample_rate != tagger.features.sample_rate:
            raise InputError(
                f"{run.folder} takes {run.sample_rate} Hz, this model {tagger.features.sample_rate}"
            )
        state, own = dict(read_state_dict(run.weights)), tagger.state_dict()
        shapes = [{n: t.shape for n, t in s.items() if n.startswith("head.")} for s in (state, own)]
        same_head = list(labels) == run.labels and shapes[0] == shapes[1]
        if not same_head:
            state = {name: tensor for name, tensor in state.items() if name not in shapes[0]}
            state |= {name: own[name] for name in shapes[1]}
        load_weights(
            tagger, state, str(run.weights), "the components of this model before its head"
        )
        head = "with its head" if same_head else "with a new head"
        logger.info("starting from %s, epoch %d, %s", run.folder, run.result["tested_epoch"], head)
