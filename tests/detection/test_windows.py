"""Windows and frames, against a plain reference that has the whole recording at hand."""

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from aed_plugins.core import InputError, Steps
from aed_plugins.detection import FrameStream, plan_windows

STEPS = Steps(sample_rate=100, length=10, first_center=0)


def clip_model(batch):
    """Two values per window that tell which samples it has, whatever its batch."""
    return np.stack([batch.mean(axis=1), batch[:, 0]], axis=1).astype(np.float64)


def step_model(batch):
    """A step for every 10 samples begun, and one more: what centered frames give."""
    count = batch.shape[1] // 10 + 1
    padded = np.pad(batch, ((0, 0), (0, 10 * count - batch.shape[1])))
    return padded.reshape(len(batch), count, 10).sum(axis=2, keepdims=True).astype(np.float64)


def frames_of(model, windows, samples, cuts, size):
    stream = FrameStream(model, windows, size)
    parts = [stream.push(part) for part in np.split(samples, cuts)]
    return np.concatenate([*parts, stream.finish()])


def clip_reference(samples, window, hop):
    """Frame by frame: the mean over the whole windows that cover it, else the window at the end."""
    starts = range(0, max(0, len(samples) - window) + 1, hop)
    starts = [start for start in starts if start + window <= len(samples)]
    frames = []
    for frame in range(math.ceil(len(samples) / hop)):
        over = [s for s in starts if s <= frame * hop < s + window]
        over = over or [max(0, len(samples) - window)]
        covering = np.stack([samples[s : s + window] for s in over])
        frames.append(clip_model(covering).mean(axis=0))
    return np.array(frames)


sizes = st.integers(1, 200)
cuts = st.lists(st.integers(0, 200), max_size=8).map(sorted)


@given(sizes, cuts, st.sampled_from([(0.2, 0.2), (0.2, 0.1), (0.3, 0.1)]), st.integers(1, 5))
def test_frames_of_windows_are_those_of_a_plain_reference(size, cuts, lengths, batch_size):
    samples = np.random.default_rng(size).random(size).astype(np.float32)
    windows = plan_windows(STEPS, *lengths, "window", batch_size)
    found = frames_of(clip_model, windows, samples, [min(cut, size) for cut in cuts], 2)
    np.testing.assert_allclose(found, clip_reference(samples, windows.samples, windows.hop))


@given(sizes, cuts, st.sampled_from([(0.5, 0.5), (0.5, 0.2), (0.2, 0.1)]), st.integers(1, 5))
def test_frames_of_steps_are_those_of_the_whole_where_a_step_depends_on_its_own_samples(
    size, cuts, lengths, batch_size
):
    samples = np.random.default_rng(size).integers(0, 9, size).astype(np.float32)
    windows = plan_windows(STEPS, *lengths, "step", batch_size)
    stepped = frames_of(step_model, windows, samples, [min(cut, size) for cut in cuts], 1)
    whole = step_model(samples[None])[0]
    assert stepped.shape == whole.shape
    # The last step of a window has no sample of its own, that of the recording what is left.
    starts = np.arange(0, size, windows.hop)
    ends = (starts + windows.samples)[starts + windows.samples <= size] // 10
    inner = np.setdiff1d(np.arange(len(whole)), ends)
    np.testing.assert_allclose(stepped[inner], whole[inner])


def test_the_frames_are_the_same_to_the_last_bit_however_the_samples_are_cut():
    samples = np.random.default_rng(0).standard_normal(997).astype(np.float32)
    windows = plan_windows(STEPS, 0.3, 0.1, batch_size=4)
    whole = frames_of(clip_model, windows, samples, [], 2)
    assert len(whole) == 100
    for cuts in ([1, 2, 3], list(range(997)), [500, 500, 996]):
        assert np.array_equal(frames_of(clip_model, windows, samples, cuts, 2), whole)


def test_memory_does_not_grow_with_the_recording():
    windows = plan_windows(STEPS, 0.5, 0.1, batch_size=2)
    stream = FrameStream(clip_model, windows, 2)
    for _ in range(100):
        stream.push(np.zeros(100, np.float32))
    assert len(stream._buffer) <= 2 * windows.samples
    assert len(stream._mean._sums) <= windows.frames_per_window


def test_nothing_is_computed_twice_where_windows_lie_side_by_side():
    lengths = []

    def model(batch):
        lengths.extend(len(window) for window in batch)
        return clip_model(batch)

    frames_of(model, plan_windows(STEPS, 0.2), np.zeros(60, np.float32), [], 2)
    assert lengths == [20, 20, 20]
    lengths.clear()
    frames_of(model, plan_windows(STEPS, 0.2), np.zeros(61, np.float32), [], 2)
    assert lengths == [20, 20, 20, 20]  # the last one ends with the recording


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.0,), "got 0.0 s and 0.0 s"),
        ((1.0, 2.0), "got 1.0 s and 2.0 s"),
        ((1.0, 0.3), "a whole number of hops, got 1.0 s and 0.3 s"),
        ((1.0, 1e-9), "a whole number of hops"),
        ((1.0, 1.0, "frame"), "expected a resolution of window or step, got 'frame'"),
        ((1.0, 1.0, "window", 0), "expected a batch size of 1 or more, got 0"),
        ((float("nan"),), "got nan s"),
    ],
)
def test_impossible_windows_are_refused(arguments, message):
    with pytest.raises(InputError) as refused:
        plan_windows(STEPS, *arguments)
    assert message in str(refused.value)
