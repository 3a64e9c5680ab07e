"""Decode with the wheel `pocketsphinx`, with any Sphinx acoustic model."""

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
from asr.execution.stages import fingerprint_inputs
from asr.formats.ctm import CtmWord
from asr.formats.segments import SpeechSegment
from asr.recognizers.interface import DecodingWeights
from asr.recognizers.pocketsphinx_wheel import import_pocketsphinx

FRAMES_PER_SECOND = 100
CHANNEL = "A"

# Samples are rounded when a recording is cut into segments.
_TOLERANCE = 0.01
# Frames. In fewer there is no word, and the decoder complains.
_SHORTEST = 9
_VARIANT = re.compile(r"\([0-9]+\)$")


@dataclass(frozen=True)
class SphinxModel:
    """All that pocketsphinx decodes with, except weights.

    Attributes
    ----------
    acoustic : Path
        A folder with `mdef`, `means`, `feat.params` and so on.
    dictionary : Path
        Words and phones in Sphinx's form; non-speech tags are among them.
    language_model : Path
        ARPA as plain text, or pocketsphinx's own binary form. Words that it does not contain are
        never recognized.
    fillers : Path, optional
        The filler dictionary, with `<s>`, `</s>` and `<sil>`; `acoustic/noisedict` when not given.
        Its entries are never among the returned words.
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
    """Recognize segments; go on where an earlier call was interrupted.

    Every segment is decoded by itself, with the mean of its own features subtracted, so that
    neither the order of the segments nor `jobs` changes what is recognized.

    Parameters
    ----------
    model : SphinxModel
        What to decode with.
    recordings : mapping of str to Path
        Talks and their audio files, in any format and rate that `audio.read_waveform` takes.
    segments : sequence of SpeechSegment
        What to recognize, in any order.
    weights : sequence of DecodingWeights
        `language_weight` is pocketsphinx's `lw` (6.5 is its default); `insertion_penalty` its
        `wip`, a factor in (0, 1] that each word's probability is multiplied by (0.65 is its
        default), so that a smaller one makes fewer words.
    folder : Path
        The cache of recognized words: a file per weights and talk, used again while model,
        recording and segments are the same.
    jobs : int
        How many processes decode; each holds the language model. With more than one, a script that
        calls this needs its `if __name__ == "__main__":`.

    Returns
    -------
    dict of DecodingWeights to list of CtmWord
        For each of `weights`: words with times from the talk's start in steps of 10 ms, by talk and
        onset, channel `A`, with the posterior probability as confidence. Marks of pronunciation
        variants, `(2)`, are removed. Non-speech tags such as `[NOISE]` are words when they are in
        the dictionary; silence, the sentences' ends and other fillers are left out.

    Raises
    ------
    InputError
        If a model file cannot be used, a talk has no recording, or a segment ends after its
        recording does; finished talks stay cached.
    """
    done: dict[_Task, list[CtmWord]] = {}
    waiting = []
    for task in _make_tasks(model, recordings, segments, weights, folder):
        cached = _read_cached(task)
        if cached is None:
            waiting.append(task)
        else:
            done[task] = cached
    with tqdm(
        total=len(done) + len(waiting), initial=len(done), desc="talks", disable=not waiting
    ) as bar:
        for task, words in _decode_tasks(model, waiting, min(jobs, len(waiting))):
            done[task] = words
            bar.update()
    found: dict[DecodingWeights, list[CtmWord]] = {each: [] for each in weights}
    for task in sorted(done):
        found[task.weights].extend(done[task])
    return found


class _Task(NamedTuple):
    """A talk to decode with certain weights; sorted by these, as each needs its own decoder."""

    weights: DecodingWeights
    talk: str
    recording: Path
    segments: tuple[SpeechSegment, ...]
    cache: Path
    depends_on: str


def _make_tasks(
    model: SphinxModel,
    recordings: Mapping[str, Path],
    segments: Sequence[SpeechSegment],
    weights: Sequence[DecodingWeights],
    folder: Path,
) -> list[_Task]:
    by_talk: dict[str, list[SpeechSegment]] = {}
    for segment in sorted(segments):
        by_talk.setdefault(segment.talk, []).append(segment)
    model_hash = _fingerprint_model(model)
    tasks = []
    for talk, own in by_talk.items():
        if talk not in recordings or not recordings[talk].is_file():
            raise InputError(
                f"{recordings.get(talk, talk)}: expected the recording of talk {talk}, "
                "but there is none; correct the path or remove the talk's segments"
            )
        for each in weights:
            place = folder / f"lw{each.language_weight:g}_wip{each.insertion_penalty:g}"
            depends_on = fingerprint_inputs(model_hash, recordings[talk], own, each)
            cache = place / f"{talk}.json"
            tasks.append(_Task(each, talk, recordings[talk], tuple(own), cache, depends_on))
    return sorted(tasks)


def _fingerprint_model(model: SphinxModel) -> str:
    """Compute a hash of all files and options of a model."""
    files = {model.dictionary, model.language_model, _find_fillers(model)}
    for path in sorted(files):
        if not path.is_file():
            raise InputError(f"{path}: expected a file of the model, but there is none")
    files.update(path for path in model.acoustic.iterdir() if path.is_file())
    return fingerprint_inputs(sorted(files), dict(model.options), model.sample_rate)


def _read_cached(task: _Task) -> list[CtmWord] | None:
    """Read what an earlier call with the same inputs recognized."""
    if not task.cache.is_file():
        return None
    content = json.loads(task.cache.read_text(encoding="utf-8"))
    if content["depends_on"] != task.depends_on:
        return None
    return [CtmWord(task.talk, CHANNEL, *word) for word in content["words"]]


def _decode_tasks(
    model: SphinxModel, tasks: Sequence[_Task], jobs: int
) -> Iterable[tuple[_Task, list[CtmWord]]]:
    """Decode, in this process or in several; each task's words are cached."""
    if jobs <= 1:
        worker = _Worker(model)
        yield from ((task, worker.decode(task)) for task in tasks)
        return
    # Spawned: a process that has threads, as torch's, must not be forked.
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(jobs, context, _start_worker, (model,)) as pool:
        futures = {pool.submit(_decode_in_worker, task): task for task in tasks}
        try:
            for future in concurrent.futures.as_completed(futures):
                yield futures[future], future.result()
        except concurrent.futures.process.BrokenProcessPool as error:
            raise InputError(
                f"{model.acoustic}: expected processes that decode, but one ended; finished talks "
                "are cached: try again with fewer jobs if memory is short, or with another model"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


class _Worker:
    """Decodes talks one after the other, and loads a model only when the weights change."""

    def __init__(self, model: SphinxModel) -> None:
        self.model = model
        self.weights: DecodingWeights | None = None
        self.decoder: Any = None
        lines = _find_fillers(model).read_text(encoding="utf-8").split("\n")
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
            clip = samples[round(segment.onset * rate) : round(segment.offset * rate)]
            words.extend(self._recognize(clip, segment))
        words.sort(key=lambda word: word.onset)
        rows = [word[2:] for word in words]
        write_json(task.cache, {"depends_on": task.depends_on, "words": rows})
        return words

    def _recognize(self, samples: np.ndarray, segment: SpeechSegment) -> Iterable[CtmWord]:
        decoder = self.decoder
        assert decoder is not None
        if len(samples) * FRAMES_PER_SECOND < _SHORTEST * self.model.sample_rate:
            return
        # Without this, earlier audio goes into the estimate of the noise.
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


def _decode_in_worker(task: _Task) -> list[CtmWord]:
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
        "fdict": str(_find_fillers(model)),
        "lw": weights.language_weight,
        "wip": weights.insertion_penalty,
    }
    try:
        return import_pocketsphinx().Decoder(**options)
    except RuntimeError as error:
        raise InputError(
            f"{model.acoustic}: expected an acoustic model that pocketsphinx can load with "
            f"{model.dictionary} and {model.language_model}, but: {error}; "
            "loglevel: ERROR among the options shows why"
        ) from error


def _find_fillers(model: SphinxModel) -> Path:
    return model.acoustic / "noisedict" if model.fillers is None else model.fillers
