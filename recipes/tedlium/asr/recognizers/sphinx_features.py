"""Compute features of utterances with pocketsphinx.

Debian's sphinxtrain has no program for them. The wheel's decoder can write those that it computes,
so that the same code makes features when a model is trained and when it is used.
"""

import concurrent.futures
import multiprocessing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from aed_plugins.audio import read_waveform, to_int16
from aed_plugins.core import InputError
from asr.execution.stages import fingerprint_inputs, run_stage
from asr.execution.unchanged import write_if_changed
from asr.formats.stm import StmSegment
from asr.recognizers.pocketsphinx_wheel import find_english_model, import_pocketsphinx

SAMPLE_RATE = 16000

_TOLERANCE = 0.01  # seconds, as segments are rounded


def find_front_end() -> Path:
    """Find the wheel's own English acoustic model, whose features are used."""
    return find_english_model() / "en-us"


class _Talk(NamedTuple):
    name: str
    recording: Path
    spans: tuple[tuple[float, float], ...]
    folder: Path


def write_features(
    recordings: Mapping[str, Path],
    by_talk: Mapping[str, Sequence[StmSegment]],
    folder: Path,
    jobs: int,
) -> None:
    """Write the features of utterances, a folder per talk, unless they are there.

    Parameters
    ----------
    recordings : mapping of str to Path
        Talks and their audio files.
    by_talk : mapping of str to sequence of StmSegment
        The utterances of each talk; its files are numbered in their order.
    folder : Path
        Where the talks' folders are.
    jobs : int
        How many processes work.

    Raises
    ------
    InputError
        If a recording is missing, or an utterance ends after it.
    """
    talks = []
    for name, own in by_talk.items():
        if name not in recordings or not recordings[name].is_file():
            raise InputError(
                f"{recordings.get(name, name)}: expected the recording of talk {name}, "
                "but there is none; correct the path or leave the talk out"
            )
        spans = tuple((utterance.onset, utterance.offset) for utterance in own)
        talks.append(_Talk(name, recordings[name], spans, folder / name))
    if min(jobs, len(talks)) <= 1:
        for talk in talks:
            _write_talk_features(talk)
        return
    # Spawned: a process that has threads, as torch's, must not be forked.
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(min(jobs, len(talks)), context) as pool:
        list(pool.map(_write_talk_features, talks))


def _write_talk_features(talk: _Talk) -> None:
    outputs = [talk.folder / f"{number:09d}.mfc" for number in range(len(talk.spans))]
    depends_on = fingerprint_inputs(talk.recording, talk.spans)
    run_stage("features", talk.folder, depends_on, outputs, lambda: _compute_features(talk))


def _compute_features(talk: _Talk) -> None:
    """Have pocketsphinx write the features of each utterance, named by its number."""
    samples = to_int16(read_waveform(talk.recording, SAMPLE_RATE))
    seconds = len(samples) / SAMPLE_RATE
    # Nothing is searched for, yet the decoder needs a word that it could search for.
    dictionary = talk.folder / "nothing.dic"
    write_if_changed(dictionary, ["a AH\n"])
    decoder = import_pocketsphinx().Decoder(
        hmm=str(find_front_end()),
        dict=str(dictionary),
        keyphrase="a",
        mfclogdir=str(talk.folder),
        samprate=SAMPLE_RATE,
        loglevel="FATAL",
    )
    for onset, offset in talk.spans:
        if offset > seconds + _TOLERANCE:
            raise InputError(
                f"{talk.recording}: expected {offset:.2f} s of audio, as an utterance of "
                f"{talk.name} ends there, got {seconds:.2f} s; correct the transcript or copy the "
                "recording again"
            )
        decoder.reinit_feat()  # so that no utterance depends on those before it
        decoder.start_utt()
        clip = samples[round(onset * SAMPLE_RATE) : round(offset * SAMPLE_RATE)]
        decoder.process_raw(clip.tobytes(), no_search=True, full_utt=True)
        decoder.end_utt()
