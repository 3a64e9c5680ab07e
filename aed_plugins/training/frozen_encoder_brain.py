"""Training of a head on the cached embeddings of a frozen encoder."""

from speechbrain import Stage
from speechbrain.dataio.batch import PaddedBatch

from aed_plugins.models import TaggerOutput
from aed_plugins.training.brain import TaggingBrain


class FrozenEncoderBrain(TaggingBrain):
    """Train a head on cached embeddings: `modules` is `{"head": tagger.head}`.

    A batch has `embeddings` (padded) instead of `waveform`. Of an `Augmentation` only the label
    smoothing is applied: the embeddings are those of the clips as they are.
    """

    takes_embeddings = True

    def compute_forward(self, batch: PaddedBatch, stage: Stage) -> TaggerOutput:
        """Run the head alone."""
        embeddings, lengths = (tensor.to(self.device) for tensor in batch.embeddings)
        augmentation = self.settings.augmentation
        smoothing = 0.0 if augmentation is None else augmentation.label_smoothing
        if stage == Stage.TRAIN and smoothing > 0:
            batch.target = self.task.soft_targets(batch.target, smoothing)
        # In evaluation processes have different numbers of batches; the wrapper would wait for all.
        head = self.modules["head"] if stage == Stage.TRAIN else self.tagger.head
        return TaggerOutput(embeddings, *head(embeddings, lengths))
