"""The files of AudioSet's segments, whatever downloader named them."""

import string

import pytest
from hypothesis import given, strategies as st

from aed_plugins.data.datasets.audioset.clips import NameMatch, find_clips, match_name
from aed_plugins.data.datasets.audioset.lists import AudioSetSegment

IDS = st.text(string.ascii_letters + string.digits + "-_", min_size=11, max_size=11)
STARTS = st.one_of(st.integers(0, 20000), st.integers(0, 200000).map(lambda tenths: tenths / 10))
WRITERS = {
    "Y{id}": NameMatch.VIDEO,
    "{id}": NameMatch.VIDEO,
    "{id}_{start:.3f}": NameMatch.START,
    "Y{id}_{start:g}": NameMatch.START,
    "{id}_{start_ms}": NameMatch.START,
    "{id}_{start_ms:09d}": NameMatch.START,
    "Y{id}_{start:.3f}_{end:.3f}": NameMatch.START_AND_END,
    "{id}_{start:.1f}-{end:.1f}": NameMatch.START_AND_END,
    "{id}_{start_ms}_{end_ms}": NameMatch.START_AND_END,
    "{id}_{start:010.3f}_{end:010.3f}": NameMatch.START_AND_END,
    "{id}_{start_ms:07d}_{end_ms:07d}": NameMatch.START_AND_END,
    "{id}_{start:.3f}_{late:.3f}": NameMatch.START_AND_ANOTHER_END,
}


def segment_of(video, start, length=10):
    return AudioSetSegment(video, float(start), float(start + length), (), "list", "train")


def named(writer, segment):
    return writer.format(
        id=segment.video,
        start=segment.start,
        end=segment.end,
        late=segment.end + 3,
        start_ms=round(segment.start * 1000),
        end_ms=round(segment.end * 1000),
    )


@pytest.mark.parametrize("writer", WRITERS)
@given(ids=st.sets(IDS, min_size=1, max_size=4), start=STARTS, length=st.integers(1, 30))
def test_a_segment_is_found_by_the_name_that_each_downloader_gives_it(writer, ids, start, length):
    wanted = {video: [segment_of(video, start, length)] for video in ids}
    for (segment,) in wanted.values():
        assert match_name(named(writer, segment), wanted) == (segment, WRITERS[writer])


@pytest.mark.parametrize("writer", [writer for writer in WRITERS if "start" in writer])
@given(video=IDS, start=st.integers(0, 20000), gap=st.integers(1, 20000))
def test_another_moment_of_the_video_is_not_taken_for_the_segment(writer, video, start, gap):
    other = segment_of(video, start + gap)
    if other.start in {start * 1000, start / 1000}:
        return  # seconds of the one are milliseconds of the other
    stem = named(writer, other)
    assert match_name(stem, {video: [segment_of(video, start)]}) is None
    both = {video: [segment_of(video, start), other]}
    assert match_name(stem, both) == (other, WRITERS[writer])


@pytest.mark.parametrize(
    "video",
    ["abcdefgh_30", "abcd_30_40x", "_30_40_3040", "-----------", "Yabcdefghij", "_Y_12_34_5"],
)
def test_ids_that_look_like_times_or_prefixes_are_read_right(video):
    segment = segment_of(video, 30)
    for writer, fit in WRITERS.items():
        assert match_name(named(writer, segment), {video: [segment]}) == (segment, fit)


def test_a_start_without_its_fraction_is_found_when_no_other_segment_fits_better():
    fraction, whole = segment_of("abcdefghijk", 30.8), segment_of("abcdefghijk", 30)
    wanted = {"abcdefghijk": [fraction]}
    assert match_name("abcdefghijk_30", wanted) == (fraction, NameMatch.WHOLE_SECONDS)
    assert match_name("abcdefghijk_31", wanted) == (fraction, NameMatch.WHOLE_SECONDS)
    assert match_name("abcdefghijk_32", wanted) is None
    both = {"abcdefghijk": [fraction, whole]}
    assert match_name("abcdefghijk_30", both) == (whole, NameMatch.START)


def find(folder, *segments):
    return find_clips(folder, {segment.clip: segment for segment in segments})


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_the_most_telling_name_wins_then_the_format_then_the_path(tmp_path):
    names = [
        "a/Yabcdefghijk_30.000_40.000.wav",
        "b/Yabcdefghijk_30.000_40.000.wav",
        "a/abcdefghijk_30_40.FLAC",
        "abcdefghijk_30.wav",
        "abcdefghijk_30_44.wav",
        "Yabcdefghijk.wav",
    ]
    touch(tmp_path, *names)
    segment = segment_of("abcdefghijk", 30)
    left = set(names)
    for expected in names:
        assert find(tmp_path, segment).files[segment.clip].path == str(tmp_path / expected)
        (tmp_path / expected).unlink()
        left.remove(expected)
    assert not find(tmp_path, segment).files


def test_subfolders_and_links_are_searched_and_hidden_files_are_not(tmp_path):
    touch(tmp_path, "real/eval/Speech/abcdefghijk.flac", "audio/._Ylmnopqrstuv.wav")
    touch(tmp_path, "audio/.hidden/lmnopqrstuv.wav", "audio/lmnopqrstuv.txt", "audio/unknown.wav")
    (tmp_path / "audio/link").symlink_to(tmp_path / "real")
    (tmp_path / "real/circle").symlink_to(tmp_path / "audio")
    found = find(tmp_path / "audio", segment_of("abcdefghijk", 0), segment_of("lmnopqrstuv", 0))
    assert list(found.files) == ["abcdefghijk_0"]
    assert found.seen == 2


def test_a_name_without_a_start_is_left_alone_where_a_video_has_several_segments(tmp_path):
    touch(tmp_path, "abcdefghijk.wav", "abcdefghijk_30.wav")
    found = find(tmp_path, segment_of("abcdefghijk", 0), segment_of("abcdefghijk", 30))
    assert list(found.files) == ["abcdefghijk_30000"]
    assert found.ambiguous == [str(tmp_path / "abcdefghijk.wav")]


def test_a_format_that_libsndfile_reads_is_preferred_to_a_more_telling_name(tmp_path):
    touch(tmp_path, "abcdefghijk_30_40.m4a", "abcdefghijk.mp3", "lmnopqrstuv_0.webm")
    found = find(tmp_path, segment_of("abcdefghijk", 30), segment_of("lmnopqrstuv", 0))
    assert found.files["abcdefghijk_30000"].path.endswith("abcdefghijk.mp3")
    assert found.unreadable == {"lmnopqrstuv_0": str(tmp_path / "lmnopqrstuv_0.webm")}
