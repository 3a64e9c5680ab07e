"""Make Kaldi data folders with features, and split work on them into jobs."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from aed_plugins.core import InputError
from asr.execution.stages import fingerprint_inputs, run_stage
from asr.formats.kaldi_data import write_data_folder
from asr.formats.stm import StmSegment
from asr.recognizers.kaldi_work import KaldiWorkFolder


class KaldiData(NamedTuple):
    """A data folder with features.

    Attributes
    ----------
    folder : Path
        Where it is.
    depends_on : str
        A hash of all that is in it.
    """

    folder: Path
    depends_on: str


@dataclass(frozen=True)
class KaldiJobs:
    """How Kaldi's scripts start their parts.

    Attributes
    ----------
    command : str
        Such as `run.pl` or `queue.pl --mem 4G`; passed through as it stands.
    count : int
        How many parts to split the work into at most.
    """

    command: str
    count: int

    def options(self, data: Path) -> tuple[str, ...]:
        """Return the options for a script that splits a data folder: a part has whole speakers.

        Parameters
        ----------
        data : Path
            The data folder.
        """
        speakers = len((data / "spk2utt").read_text(encoding="utf-8").splitlines())
        return (*self.cmd, "--nj", str(min(self.count, speakers)))

    @property
    def cmd(self) -> tuple[str, ...]:
        """The options for a script that takes the number of parts from elsewhere."""
        return ("--cmd", self.command)


def make_data(
    work: KaldiWorkFolder,
    name: str,
    recordings: Mapping[str, Path],
    utterances: Sequence[StmSegment],
    jobs: KaldiJobs,
) -> KaldiData:
    """Make a data folder with features, unless it was made before.

    Utterances that are too short for features are left out.

    Parameters
    ----------
    work : KaldiWorkFolder
        Where; prepared.
    name : str
        The folder's name in `data`.
    recordings : mapping of str to Path
        Talks and their audio files; those without an utterance are ignored.
    utterances : sequence of StmSegment
        At least one. Where none has words, the folder has no `text`.
    jobs : KaldiJobs
        How parts are started.

    Returns
    -------
    KaldiData
        The folder.

    Raises
    ------
    InputError
        If Kaldi refuses the folder, or cannot read the audio.
    """
    folder = work.folder / "data" / name
    has_text = any(utterance.words for utterance in utterances)
    talks = sorted({utterance.talk for utterance in utterances})
    used = {talk: _find_recording(recordings, talk) for talk in talks}
    depends_on = fingerprint_inputs(used, utterances)

    def make() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        write_data_folder(folder, used, utterances)
        if not has_text:
            (folder / "text").unlink()
        text = () if has_text else ("--no-text",)
        work.run(f"{name}-data", "utils/validate_data_dir.sh", "--no-feats", *text, folder)
        work.run(f"{name}-features", "steps/make_mfcc.sh", *jobs.options(folder), folder)
        work.run(f"{name}-features", "steps/compute_cmvn_stats.sh", folder)
        work.run(f"{name}-features", "utils/fix_data_dir.sh", folder)

    outputs = [folder / "feats.scp", folder / "cmvn.scp"]
    # Kaldi stores absolute paths of features, so a folder at another place has none.
    here = fingerprint_inputs(depends_on, str(folder))
    run_stage(f"{name}-features", work.folder, here, outputs, make)
    return KaldiData(folder, depends_on)


def _find_recording(recordings: Mapping[str, Path], talk: str) -> Path:
    path = recordings.get(talk)
    if path is None or not path.is_file():
        raise InputError(f"{path or 'recordings'}: expected the audio of talk {talk}; add it")
    return path
