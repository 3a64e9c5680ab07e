import contextlib
import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from golden.make_tensorflow_checkpoint import shapes, value_at

from aed_plugins.core import InputError
from aed_plugins.models.tensorflow_checkpoint import TABLE_MARK, read_tensorflow_checkpoint

GOLDEN = Path(__file__).parents[1] / "golden" / "vggish_narrow.ckpt.gz"
CONTENT = gzip.decompress(GOLDEN.read_bytes())  # written by TensorFlow 2.21


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "model.ckpt"
    path.write_bytes(CONTENT)
    return path


def test_every_tensor_is_what_tensorflow_saved(path):
    tensors = read_tensorflow_checkpoint(path)
    expected = shapes(1 / 16)
    assert set(tensors) == {*expected, "head/sliced", "head/scale", "global_step"}
    for name, shape in expected.items():
        assert tensors[name].dtype == np.float32
        np.testing.assert_array_equal(tensors[name], value_at(name, shape))


def test_the_file_has_several_blocks():
    assert len(CONTENT) > 4 * 262144  # TensorFlow begins a new one after 256 kB


def test_slices_are_put_together(path):
    tensors = read_tensorflow_checkpoint(path)
    np.testing.assert_array_equal(tensors["head/sliced"], value_at("head/sliced", (10, 3)))


def test_integers_and_wide_floats_are_read(path):
    tensors = read_tensorflow_checkpoint(path)
    assert tensors["global_step"].dtype == np.int64
    assert tensors["global_step"] == 123456789012
    assert tensors["head/scale"].dtype == np.float64
    assert tensors["head/scale"] == 0.1


def test_only_the_names_asked_for_are_read(path):
    assert set(read_tensorflow_checkpoint(path, ["global_step"])) == {"global_step"}


def test_a_missing_name_is_told_with_what_there_is(path):
    with pytest.raises(InputError, match=r"model\.ckpt: .* it lacks vgg/fc9; it holds global_step"):
        read_tensorflow_checkpoint(path, ["vgg/fc9"])


@pytest.mark.parametrize("size", [1, 47, 1000, 600_000, len(CONTENT) - 1])
def test_a_truncated_file_is_named(path, size):
    path.write_bytes(CONTENT[:size])
    with pytest.raises(InputError, match=r"model\.ckpt: expected a whole .* end mark is missing"):
        read_tensorflow_checkpoint(path)


def test_missing_and_empty_files_are_named(path):
    with pytest.raises(InputError, match=r"none\.ckpt: no such checkpoint"):
        read_tensorflow_checkpoint(path.with_name("none.ckpt"))
    path.write_bytes(b"")
    with pytest.raises(InputError, match=r"model\.ckpt: .* empty file"):
        read_tensorflow_checkpoint(path)


def test_a_file_with_its_middle_gone_is_named(path):
    path.write_bytes(CONTENT[:300_000] + CONTENT[500_000:])
    with pytest.raises(InputError, match=r"model\.ckpt: expected a whole TensorFlow checkpoint"):
        read_tensorflow_checkpoint(path)


@pytest.mark.parametrize("seed", range(40))
def test_damaged_bytes_raise_no_other_error(path, seed):
    random = np.random.default_rng(seed)
    damaged = np.frombuffer(CONTENT, np.uint8).copy()
    # The table of contents stands at the start, the index and the footer at the end.
    places = np.concatenate(
        [random.integers(0, 1300, 4), len(damaged) - random.integers(9, 300, 4)]
    )
    damaged[places] = random.integers(0, 256, len(places))
    path.write_bytes(damaged.tobytes())
    with contextlib.suppress(InputError):
        read_tensorflow_checkpoint(path)


def table(value, kind=0):
    """A table with one block with one record, by hand."""
    entry = bytes([0, 0, len(value)]) + value + struct.pack("<II", 0, 1)
    handle = bytes([0, len(entry)])
    index = bytes([0, 0, len(handle)]) + handle + struct.pack("<II", 0, 1)
    body = entry + bytes([kind]) + bytes(4)
    footer = bytes([0, 0]) + bytes([len(body), len(index)])
    return body + index + bytes(5) + footer.ljust(40, b"\0") + struct.pack("<Q", TABLE_MARK)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (table(b"\x08\x01"), "index of a checkpoint in the new format"),
        (table(b"", kind=1), r"a block is compressed \(kind 1\)"),
        (table(b""), "no table of contents"),
        (table(b"\x0f"), "unknown wire type 7"),
        (table(b"\x0a\x7f"), "127 bytes are announced where 0 are"),
    ],
)
def test_other_tables_are_told_apart(path, content, message):
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_tensorflow_checkpoint(path)
