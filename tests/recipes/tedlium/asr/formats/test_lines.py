import pytest

from aed_plugins.core import InputError
from asr.formats.lines import (
    format_number,
    join_fields,
    read_fields,
    read_lines,
)


def test_a_byte_that_is_not_utf_8_is_named_with_its_line(tmp_path):
    path = tmp_path / "talk.stm"
    path.write_bytes("é\r\n".encode() + b"a\nb \xe9t\xe9\n")
    with pytest.raises(
        InputError, match=r"talk\.stm line 3: expected text in UTF-8, .* 0xe9; save"
    ):
        read_lines(path)


def test_a_missing_file_and_a_folder_are_told_in_one_line(tmp_path):
    with pytest.raises(InputError, match=r"none\.stm: expected a text file, got: No such file"):
        read_lines(tmp_path / "none.stm")
    with pytest.raises(InputError, match="expected a text file, got: Is a directory"):
        read_lines(tmp_path)


def test_line_ends_of_other_systems_a_byte_order_mark_and_an_open_end_are_read(tmp_path):
    path = tmp_path / "talk.stm"
    for content in (b"a b\nc\n", b"\xef\xbb\xbfa b\r\nc\r\n", b"a b\rc"):
        path.write_bytes(content)
        assert read_lines(path) == ["a b", "c"]
    path.write_bytes(b"")
    assert read_lines(path) == []


def test_comments_and_blank_lines_are_passed_over_and_counted(tmp_path):
    path = tmp_path / "talk.stm"
    path.write_text(";; a comment\n\n a\tb\n")
    assert list(read_fields(path)) == [(f"{path} line 3", ["a", "b"])]


def test_a_sample_at_16_khz_is_written_exactly():
    assert float(format_number(1056001 / 16000)) == 1056001 / 16000


@pytest.mark.parametrize(
    "parts", [["a b", "c"], ["", "c"], ["a", "b\u2028c"], [";;a", "b"], ["a\n"]]
)
def test_what_would_not_be_read_back_is_not_written(parts):
    with pytest.raises(InputError, match="expected names and words without white space"):
        join_fields(parts)
