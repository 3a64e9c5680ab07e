"""Decoding with the wheel `pocketsphinx`, whoever made the acoustic model."""

import concurrent.futures
import json
import multiprocessing
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from aed_plugins.audio import read_waveform, to_int16
from aed_plugins.core import InputError, write_json
from asr.execution.stages import fingerprint
from asr.formats.ctm import CtmWord
from asr.formats.segments import SpeechSegment
from asr.recognizers.interface import DecodingWeights
from asr.recognizers.pocketsphinx_wheel import pocketsphinx_module

FRAMES_PER_SECOND = 100
CHANNEL = "A"

# Samples are rounded when a recording is cut into segments.
_TOLERANCE = 0.01
# Frames. In fewer there is no word, and the decoder complains.
_SHORTEST = 9
_VARIANT = re.compile(r"\([0-9]+\)$")


@dataclass(frozen=True)
class SphinxModel:
    """All that pocketsphinx decodes with, besides weights.

    Attributes
    ----------
    acoustic : Path
        A folder with `mdef`, `means`, `feat.params` and so on.
    dictionary : Path
        Words and phones in Sphinx's form; annotations are among them.
    language_model : Path
        ARPA as plain text, or pocketsphinx's own binary form. Words that it does not know are never
        recognised.
    fillers : Path, optional
        The filler dictionary, with `<s>`, `</s>` and `<sil>`; `acoustic/noisedict` when not given.
        What is in it is never among the words that are given back.
    options : mapping of str to value
        Further options of `pocketsphinx.Config`, such as `{"beam": 1e-60}`.
    sample_rate : int
        Hertz of the audio that the acoustic model was trained with.
    """

    acoustic: Path
    dictionary: Path
    language_model: Path
    fillers: Path | None = None
    options: Mapping[str, bool | int | float | str] = field(default_factory=dict)
    sample_rate: int = 16000


def decode_talks(
    model: SphinxModel,
    recordings: Mapping[str, Path],
    segments: Sequence[SpeechSegment],
    weights: Sequence[DecodingWeights],
    folder: Path,
    jobs: int,
) -> dict[DecodingWeights, list[CtmWord]]:
    """Recognise segments; go on where an earlier call was interrupted.

    Every segment is heard by itself, with the mean of its own features taken off, so that neither
    their order nor `jobs` changes what is recognised.

    Parameters
    ----------
    model : SphinxModel
        What to decode with.
    recordings : mapping of str to Path
        Talks and their audio files, in any format and rate that `audio.read_waveform` takes.
    segments : sequence of SpeechSegment
        What to hear, in any order.
    weights : sequence of DecodingWeights
        `language_weight` is pocketsphinx's `lw` (6.5 is its default); `insertion_penalty` its
        `wip`, a factor in (0, 1] that each word's probability is multiplied by (0.65 is its
        default), so that a smaller one makes fewer words.
    folder : Path
        What each talk gave is kept here, in a file per weights and talk that is used again while
        model, recording and segments are the same.
    jobs : int
        How many processes decode; each holds the language model. With more than one, a script that
        calls this needs its `if __name__ == "__main__":`.

    Returns
    -------
    dict of DecodingWeights to list of CtmWord
        For each of `weights`: words with times from the talk's start in steps of 10 ms, by talk and
        onset, channel `A`, with the posterior probability as confidence. Marks of pronunciation
        variants, `(2)`, are taken off. Annotations such as `[NOISE]` are words when they are in the
        dictionary; silence, the sentences' ends and other fillers are left out.

    Raises
    ------
    InputError
        If a model file cannot be used, a talk has no recording, or a segment ends after its
        recording does; talks done before are kept.
    """
    done: dict[_Task, list[CtmWord]] = {}
    waiting = []
    for task in _tasks(model, recordings, segments, weights, folder):
        kept = _kept(task)
        if kept is None:
            waiting.append(task)
        else:
            done[task] = kept
    with tqdm(
        total=len(done) + len(waiting), initial=len(done), desc="talks", disable=not waiting
    ) as bar:
        for task, words in _decoded(model, waiting, min(jobs, len(waiting))):
            done[task] = words
            bar.update()
    found: dict[DecodingWeights, list[CtmWord]] = {each: [] for each in weights}
    for task in sorted(done):
        found[task.weights].extend(done[task])
    return found


class _Task(NamedTuple):
    """A talk to decode with certain weights; sorted by these, as they take a decoder each."""

    weights: DecodingWeights
    talk: str
    recording: Path
    segments: tuple[SpeechSegment, ...]
    kept: Path
    depends_on: str


def _tasks(
    model: SphinxModel,
    recordings: Mapping[str, Path],
    segments: Sequence[SpeechSegment],
    weights: Sequence[DecodingWeights],
    folder: Path,
) -> list[_Task]:
    by_talk: dict[str, list[SpeechSegment]] = {}
    for segment in sorted(segments):
        by_talk.setdefault(segment.talk, []).append(segment)
    said = _described(model)
    tasks = []
    for talk, own in by_talk.items():
        if talk not in recordings or not recordings[talk].is_file():
            raise InputError(
                f"{recordings.get(talk, talk)}: expected the recording of talk {talk}, "
                "but there is none; correct the path or leave the talk's segments out"
            )
        for each in weights:
            place = folder / f"lw{each.language_weight:g}_wip{each.insertion_penalty:g}"
            depends_on = fingerprint(said, recordings[talk], own, each)
            kept = place / f"{talk}.json"
            tasks.append(_Task(each, talk, recordings[talk], tuple(own), kept, depends_on))
    return sorted(tasks)


def _described(model: SphinxModel) -> str:
    """Give a fingerprint of all files and options of a model."""
    files = {model.dictionary, model.language_model, _fillers(model)}
    for path in sorted(files):
        if not path.is_file():
            raise InputError(f"{path}: expected a file of the model, but there is none")
    files.update(path for path in model.acoustic.iterdir() if path.is_file())
    return fingerprint(sorted(files), dict(model.options), model.sample_rate)


def _kept(task: _Task) -> list[CtmWord] | None:
    """Give what an earlier call found, if it was for the same."""
    if not task.kept.is_file():
        return None
    content = json.loads(task.kept.read_text(encoding="utf-8"))
    if content["depends_on"] != task.depends_on:
        return None
    return [CtmWord(task.talk, CHANNEL, *word) for word in content["words"]]


def _decoded(
    model: SphinxModel, tasks: Sequence[_Task], jobs: int
) -> Iterable[tuple[_Task, list[CtmWord]]]:
    """Decode, in this process or in several, and keep what each task gives."""
    if jobs <= 1:
        worker = _Worker(model)
        yield from ((task, worker.decode(task)) for task in tasks)
        return
    # Spawned: a process that has threads, as torch's, must not be forked.
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(jobs, context, _start_worker, (model,)) as pool:
        futures = {pool.submit(_work, task): task for task in tasks}
        try:
            for future in concurrent.futures.as_completed(futures):
                yield futures[future], future.result()
        except concurrent.futures.process.BrokenProcessPool as error:
            raise InputError(
                f"{model.acoustic}: expected processes that decode, but one ended; what is done is "
                "kept: try again with fewer jobs if memory is short, or with another model"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


class _Worker:
    """Decodes talks one after the other, and loads a model only when the weights change."""

    def __init__(self, model: SphinxModel) -> None:
        self.model = model
        self.weights: DecodingWeights | None = None
        self.decoder: Any = None
        lines = _fillers(model).read_text(encoding="utf-8").split("\n")
        self.fillers = frozenset(line.split()[0] for line in lines if line.strip())

    def decode(self, task: _Task) -> list[CtmWord]:
        if self.decoder is None or task.weights != self.weights:
            self.decoder, self.weights = _make_decoder(self.model, task.weights), task.weights
        rate = self.model.sample_rate
        samples = to_int16(read_waveform(task.recording, rate))
        words: list[CtmWord] = []
        for segment in task.segments:
            if segment.offset > len(samples) / rate + _TOLERANCE:
                raise InputError(
                    f"{task.recording}: expected {segment.offset:.2f} s of audio, as a segment of "
                    f"{task.talk} ends there, got {len(samples) / rate:.2f} s; correct the segment "
                    "or copy the recording again"
                )
            piece = samples[round(segment.onset * rate) : round(segment.offset * rate)]
            words.extend(self._hear(piece, segment))
        words.sort(key=lambda word: word.onset)
        kept = [word[2:] for word in words]
        write_json(task.kept, {"depends_on": task.depends_on, "words": kept})
        return words

    def _hear(self, samples: np.ndarray, segment: SpeechSegment) -> Iterable[CtmWord]:
        decoder = self.decoder
        assert decoder is not None
        if len(samples) * FRAMES_PER_SECOND < _SHORTEST * self.model.sample_rate:
            return
        # Without this, what was heard before goes into the estimate of the noise.
        decoder.reinit_feat()
        decoder.start_utt()
        decoder.process_raw(samples.tobytes(), full_utt=True)
        decoder.end_utt()
        for part in decoder.seg() or ():
            if part.word in self.fillers:
                continue
            yield CtmWord(
                segment.talk,
                CHANNEL,
                round(segment.onset + part.start_frame / FRAMES_PER_SECOND, 3),
                (part.end_frame + 1 - part.start_frame) / FRAMES_PER_SECOND,
                _VARIANT.sub("", part.word),
                round(min(part.prob, 1.0), 4),
            )


_worker: _Worker | None = None


def _start_worker(model: SphinxModel) -> None:
    global _worker  # noqa: PLW0603 - a process of a pool has no other place for it
    _worker = _Worker(model)


def _work(task: _Task) -> list[CtmWord]:
    assert _worker is not None
    return _worker.decode(task)


def _make_decoder(model: SphinxModel, weights: DecodingWeights) -> Any:
    options = {
        "samprate": model.sample_rate,
        "cmn": "batch",
        "loglevel": "FATAL",
        **model.options,
        "hmm": str(model.acoustic),
        "dict": str(model.dictionary),
        "lm": str(model.language_model),
        "fdict": str(_fillers(model)),
        "lw": weights.language_weight,
        "wip": weights.insertion_penalty,
    }
    try:
        return pocketsphinx_module().Decoder(**options)
    except RuntimeError as error:
        raise InputError(
            f"{model.acoustic}: expected an acoustic model that pocketsphinx can load with "
            f"{model.dictionary} and {model.language_model}, but: {error}; "
            "loglevel: ERROR among the options shows why"
        ) from error


def _fillers(model: SphinxModel) -> Path:
    return model.acoustic / "noisedict" if model.fillers is None else model.fillers
