"""The interface of a dataset: what a recipe asks of the clips that it trains and tests on."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from aed_plugins.data.folds import Fold, FoldSplit
from aed_plugins.data.preparation import PreparedData
from aed_plugins.data.shard_index import ShardIndex

LabelType = Literal["single", "multi"]
DEMONSTRATION = "_demonstration"  # ends the name of a corpus of synthesized sounds


class Dataset(ABC):
    """A dataset for training and evaluation.

    A subclass is a frozen dataclass whose fields are the options that a user can choose, each made
    with `core.option`. To construct one reads nothing; what needs the disk is read when it is asked
    for. The README of `recipes/custom` has an example with its recipe.

    Attributes
    ----------
    keys : tuple of str
        Every `name` that it can have, without the ending of a demonstration.
    training_options : frozenset of str
        Options without a meaning when a model of another dataset is evaluated on this one.
    hparams : mapping
        Values that suit this dataset, for those keys that a hyperparameter file has, unless the
        user gives others.
    shards : ShardIndex or None
        WebDataset shards that the training clips are streamed from.
    """

    keys: ClassVar[tuple[str, ...]] = ()
    training_options: ClassVar[frozenset[str]] = frozenset()
    hparams: ClassVar[Mapping[str, Any]] = {}
    shards: ShardIndex | None = None

    @property
    @abstractmethod
    def name(self) -> str:
        """What results call it."""

    @property
    @abstractmethod
    def title(self) -> str:
        """The dataset as its makers name it."""

    @property
    @abstractmethod
    def license(self) -> str:
        """On what terms its makers give it away."""

    @property
    @abstractmethod
    def link(self) -> str:
        """Where its makers describe it."""

    @property
    @abstractmethod
    def place(self) -> str:
        """The folder or file where it is."""

    @property
    @abstractmethod
    def labels(self) -> list[str]:
        """The labels that a model learns, in the order of their indices."""

    @property
    @abstractmethod
    def label_type(self) -> LabelType:
        """Whether a clip has exactly one label (`single`) or any number (`multi`)."""

    @classmethod
    def with_key(cls, key: str) -> "Dataset":
        """Return the dataset that has one of the `keys`, otherwise as by default."""
        del key
        return cls()

    @property
    def known_labels(self) -> list[str]:
        """All labels that its clips can have; more than `labels` where these are chosen."""
        return self.labels

    @property
    def audioset_mapping(self) -> dict[str, str] | None:
        """Which label is which of AudioSet's; a label without one is left out; None if unknown."""
        return None

    @property
    def same_clips(self) -> Mapping[str, bool]:
        """Names of other datasets with the same clips, and whether their folds are the same."""
        return {}

    @abstractmethod
    def prepare(self, sample_rate: int) -> PreparedData:
        """Check the dataset, decode what is new, write the manifest.

        Parameters
        ----------
        sample_rate : int
            The rate to decode to, in hertz.

        Raises
        ------
        InputError
            If the dataset is malformed, or clips are missing or cannot be read.
        """

    @abstractmethod
    def splits(self, prepared: PreparedData) -> list[FoldSplit]:
        """Return the runs: which folds are trained, validated and tested on.

        Parameters
        ----------
        prepared : PreparedData
            What `prepare` returned.

        Raises
        ------
        InputError
            If the folds cannot be as the options say.
        """

    def prepare_evaluation(self, sample_rate: int, labels: Sequence[str]) -> PreparedData:
        """Prepare the clips that a model of another dataset is evaluated on.

        Parameters
        ----------
        sample_rate : int
            The rate to decode to, in hertz.
        labels : sequence of str
            Of `known_labels`, those that are evaluated; a clip of another label is a negative.

        Raises
        ------
        InputError
            As for `prepare`.
        """
        del labels
        return self.prepare(sample_rate)

    def evaluation_folds(self, prepared: PreparedData) -> list[Fold]:
        """Return the folds that a model of another dataset is evaluated on unless told otherwise.

        Parameters
        ----------
        prepared : PreparedData
            What `prepare_evaluation` returned.
        """
        return list(prepared.folds)
