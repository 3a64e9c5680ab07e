"""AudioSet: segments of videos, several labels per clip out of 527.

Source: Gemmeke et al., "Audio Set: An ontology and human-labeled dataset for audio events", ICASSP
2017; https://research.google.com/audioset; lists CC BY 4.0, ontology CC BY-SA 4.0. The folder holds
`class_labels_indices.csv`, `ontology.json`, segment lists such as `balanced_train_segments.csv` and
`eval_segments.csv`, and in `audio` the clips, named as any of the common downloaders names them
(clips.py). The lists name segments of YouTube videos, of which many are gone, so missing
clips are counted and never stop a run.

Clips are the segments. A clip more than half a second shorter than its segment is used and listed
in the report; so is one more than a second longer, of which the segment's length is used from its
start. Only a file that is named by the id alone and reaches the segment's end is taken for the
whole video, and the segment is cut out of it.

What the layout costs at two million clips of 10 s at 16 kHz, from measurements with 50,000 and
100,000: 640 GB in 2400 shards, as many indexes of 0.5 GB together, and a manifest of 0.4 GB. A
preparation holds 1.8 kB a clip, 3.6 GB, and one shard of 270 MB; where it finds nothing new it
takes 0.1 ms a clip, 4 minutes. To read the manifest takes 14 s and 0.94 GB in each process.

In the prepared folder each selection has a manifest and a report of what is lacking of its own,
`<sample rate>/manifest-<tag>.json` and `missing-<tag>.json`; runs of all of them share the shards.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from aed_plugins.core import InputError, first_few, option
from aed_plugins.data.dataset import LabelType
from aed_plugins.data.datasets.audioset.clips import find_clips
from aed_plugins.data.datasets.audioset.lists import FOLDS
from aed_plugins.data.datasets.audioset.prepared import (
    PreparedAudioSet,
    count_streamed_clips,
    cut_to_segments,
    write_segments,
)
from aed_plugins.data.datasets.audioset.report import AvailabilityReport
from aed_plugins.data.datasets.audioset.selection import (
    LABELS,
    AudioSetSelection,
    check_selection,
    compute_tag,
    list_counted_labels,
    read_selected_ontology,
    resolve_name,
    select_segments,
)
from aed_plugins.data.datasets.folder import FolderDataset
from aed_plugins.data.folds import Fold, FoldSplit
from aed_plugins.data.packing import ClipSource, pack_clips
from aed_plugins.data.preparation import PreparedData, default_prepared_folder
from aed_plugins.data.shard_index import ShardIndex, read_shard_index
from aed_plugins.data.synthetic.audioset import build_audioset_demonstration
from aed_plugins.labels import Ontology, audioset_labels, read_ontology


@dataclass(frozen=True)
class AudioSet(AudioSetSelection, FolderDataset):
    """AudioSet in its official layout: several labels per clip; the evaluation list is tested.

    Examples
    --------
    >>> dataset = AudioSet(classes=["Speech", "Music"], valid_fraction=0)
    >>> dataset.label_type, dataset.title
    ('multi', 'AudioSet')
    """

    title = "AudioSet"
    license = "annotations CC BY 4.0; the recordings belong to those who put them on YouTube"
    link = "https://research.google.com/audioset/"
    keys = ("audioset",)
    default_folder = Path("data/AudioSet")
    demonstration_folder = Path("data/AudioSet_demonstration")
    table = LABELS
    training_options: ClassVar[frozenset[str]] = frozenset(
        {"classes", "valid_segments", "valid_fraction", "webdataset"}
    )

    data_folder: str | None = option(
        None, "data/AudioSet, or a demonstration corpus if there is none"
    )
    webdataset: str | None = option(
        None, "folder or URL of shards from write_shards.py, to train on their clips"
    )

    def build_demonstration(self, folder: Path) -> Path:
        """Build the demonstration corpus."""
        return build_audioset_demonstration(folder)

    @property
    def audio(self) -> Path:
        """The folder of the clips.

        Raises
        ------
        InputError
            If it is missing.
        """
        audio = resolve_name(self.folder, self.audio_folder or "audio")
        if not audio.is_dir():
            raise InputError(f"{audio}: no such folder; --audio_folder names the one of the clips")
        return audio

    @cached_property
    def _ontology(self) -> tuple[Ontology, list[str]]:
        check_selection(self)
        return read_selected_ontology(self.folder, self)

    @property
    def _chosen(self) -> dict[str, str]:
        """The names of the chosen classes, by MID."""
        ontology, _ = self._ontology
        return {mid: ontology.names[mid] for mid in ontology.choose(self.classes)}

    @property
    def labels(self) -> list[str]:
        """The chosen classes, in the order of choice."""
        return list(self._chosen.values())

    @property
    def label_type(self) -> LabelType:
        """Several labels per clip."""
        return "multi"

    @cached_property
    def known_labels(self) -> list[str]:
        """The classes that the folder's list has."""
        return list(read_ontology(self.folder / LABELS, None).names.values())

    @property
    def audioset_mapping(self) -> dict[str, str]:
        """Each of the 527 classes is its own."""
        return {label: label for label in audioset_labels()}

    @cached_property
    def shards(self) -> ShardIndex | None:  # type: ignore[override]
        """The training clips in shards, if they are streamed."""
        return None if self.webdataset is None else read_shard_index(self.webdataset)

    def prepared_at(self) -> Path:
        """Return the folder where decoded audio is kept."""
        if self.prepared_folder:
            return Path(str(self.prepared_folder))
        return default_prepared_folder(self.folder, self.audio)

    def prepare(self, sample_rate: int, needed: Collection[str] | None = None) -> PreparedAudioSet:
        """Find the clips that the lists name, decode what is new, write manifest and report.

        Parameters
        ----------
        sample_rate : int
            The rate to decode to, in hertz.
        needed : collection of str, optional
            The folds that must be there; `valid` only if the options ask for it, by
            `valid_segments` or a `valid_fraction`. By default all, but for one that is streamed.

        Raises
        ------
        InputError
            If a list is malformed, a class unknown, a clip unreadable, or if a fold that is needed
            has no clip at all, or, but for `valid`, none of a class.
        """
        shards = self.shards
        if needed is None:
            needed = [fold for fold in FOLDS if shards is None or fold != "train"]
        if not (self.valid_segments or self.valid_fraction):
            needed = [fold for fold in needed if fold != "valid"]
        data = self._prepare(sample_rate, needed)
        return data if shards is None else count_streamed_clips(data, shards)

    def _prepare(self, sample_rate: int, needed: Collection[str]) -> PreparedAudioSet:
        audio, prepared = self.audio, self.prepared_at()
        ontology, warnings = self._ontology
        chosen, labels = self._chosen, self.labels
        listed, shards = select_segments(self.folder, self, ontology, list(chosen))
        found = find_clips(audio, listed)
        sources = {
            c: ClipSource(found.files[c].path, shards[c]) for c in listed if c in found.files
        }
        packed = pack_clips(sources, prepared, sample_rate)
        clips, odd = cut_to_segments(listed, found.files, packed.clips, sample_rate)
        availability = AvailabilityReport(listed, found, packed, odd, labels)
        tag = compute_tag(self)
        report = prepared / f"missing-{tag}.json"
        counted = {name: list_counted_labels(ontology, mid) for mid, name in chosen.items()}
        availability.write(report, counted)
        if packed.bad and not self.skip_bad_clips:
            raise InputError(
                f"{len(packed.bad)} of {len(sources)} clips cannot be used:"
                f" {first_few(list(packed.bad.values()), shown=1)}; all of them: {report};"
                " fix or delete them, or give --skip_bad_clips=True to leave them out"
            )
        warnings = [*warnings, *availability.check(audio, needed)]
        for warning in warnings:
            print(f"warning: {warning}")
        manifest = prepared / str(sample_rate) / f"manifest-{tag}.json"
        write_segments(manifest, clips, listed, labels)
        return PreparedAudioSet(
            manifest=manifest,
            folds=list(availability.used),
            state=self.state(complete=len(clips) == len(listed)),
            clips=len(clips),
            expected_clips=len(listed),
            clips_by_fold=availability.used,
            positives=availability.positives,
            problems=availability.problems,
            report=str(report),
            warnings=warnings,
        )

    def splits(self, prepared: PreparedData) -> list[FoldSplit]:
        """Return the one run: the thresholds are tuned on `valid`, if there are such clips."""
        return [FoldSplit("eval", [fold for fold in prepared.folds if fold == "valid"], ["train"])]

    def prepare_evaluation(self, sample_rate: int, labels: Sequence[str]) -> PreparedAudioSet:
        """Prepare the evaluation list for some of the labels; no training clip is needed."""
        chosen = replace(self, data_folder=str(self.folder), classes=list(labels), webdataset=None)
        return chosen.prepare(sample_rate, needed=["eval"])

    def evaluation_folds(self, prepared: PreparedData) -> list[Fold]:
        """Return the fold of the evaluation list."""
        del prepared
        return ["eval"]
