"""Checkpoints in TensorFlow's old format (V1), read without TensorFlow.

Google's `vggish_model.ckpt` is one. The file is a sorted table as LevelDB writes them: blocks of
records, an index of the blocks, a footer. The first record is a table of contents, every other one
holds a slice of a tensor; both are protocol buffers.

Source: LevelDB's doc/table_format.md for the table; TensorFlow's core/util/saved_tensor_slice.proto
and core/framework/tensor.proto for the records. Deviation: the blocks' CRC32C sums are not checked,
which would take minutes in Python; compare the file's SHA-256 where it is known.
"""

import math
import mmap
import struct
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from aed_plugins.core import InputError, first_few

# A V1 checkpoint starts with the record whose key is empty: nothing shared, nothing new.
FIRST_BYTES = b"\x00\x00"
FOOTER_BYTES = 48
TABLE_MARK = 0xDB4775248B80FB57
# TensorFlow's number of a type: what NumPy calls it, the field of a TensorProto with its values.
TYPES = {1: ("<f4", 5), 2: ("<f8", 6), 3: ("<i4", 7), 9: ("<i8", 10)}


class _DamagedError(ValueError):
    """The bytes are not what the format says."""


class _Entry(NamedTuple):
    """What the table of contents says about a tensor."""

    shape: tuple[int, ...]
    type_number: int


def _varint(content: memoryview, at: int) -> tuple[int, int]:
    """Read an integer of 7 bits per byte; give it and the place behind it."""
    value = shift = 0
    while at < len(content) and shift < 64:
        byte = content[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise _DamagedError("a number does not end")


def _part(content: memoryview, at: int, size: int) -> memoryview:
    if at + size > len(content):
        raise _DamagedError(f"{size} bytes are announced where {max(0, len(content) - at)} are")
    return content[at : at + size]


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Give the number and the value of each field of a protocol buffer."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == 0:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire_type == 2:
            size, at = _varint(message, at)
        elif wire_type in {1, 5}:
            size = 8 if wire_type == 1 else 4
        else:
            raise _DamagedError(f"a field of unknown wire type {wire_type}")
        yield number, _part(message, at, size)
        at += size


def _messages(message: memoryview, number: int) -> list[memoryview]:
    """Give the values of one field that are messages, texts or packed numbers themselves."""
    found = [value for field, value in _fields(message) if field == number]
    if any(isinstance(value, int) for value in found):
        raise _DamagedError(f"a bare number where field {number} should be a message")
    return [value for value in found if isinstance(value, memoryview)]


def _integer(message: memoryview, number: int, default: int) -> int:
    for field, value in _fields(message):
        if field == number and isinstance(value, int):
            return value
    return default


def _name(message: memoryview) -> str:
    return b"".join(_messages(message, 1)).decode("utf-8")


def _block(content: memoryview, handle: memoryview) -> memoryview:
    """Give the block that a handle (its place and size) points to."""
    offset, at = _varint(handle, 0)
    size, _ = _varint(handle, at)
    block = _part(content, offset, size + 1)  # the byte behind a block says how it is compressed
    if block[size]:
        raise _DamagedError(f"a block is compressed (kind {block[size]}); V1 checkpoints never are")
    return block[:size]


def _values(block: memoryview) -> Iterator[memoryview]:
    """Give the values of a block's records; their keys say nothing that the values do not."""
    if len(block) < 4:
        raise _DamagedError("a block has no end")
    (restarts,) = struct.unpack("<I", block[-4:])
    end, at = len(block) - 4 - 4 * restarts, 0
    while at < end:
        _, at = _varint(block, at)  # bytes of the key that it shares with the one before
        key_size, at = _varint(block, at)
        value_size, at = _varint(block, at)
        yield _part(block[:end], at + key_size, value_size)
        at += key_size + value_size


def _records(content: memoryview) -> Iterator[memoryview]:
    """Give the values of a whole table."""
    footer = content[-FOOTER_BYTES:]
    if len(footer) < FOOTER_BYTES or struct.unpack("<Q", footer[-8:])[0] != TABLE_MARK:
        raise _DamagedError("its end mark is missing")
    at = _varint(footer, _varint(footer, 0)[1])[1]  # past the handle of a block we do not need
    for handle in _values(_block(content, footer[at:])):
        yield from _values(_block(content, handle))


def _table_of_contents(record: memoryview) -> dict[str, _Entry]:
    """Read the first record: SavedTensorSlices.meta."""
    first = next(_fields(record), (0, 0))
    if first[0] == 1 and isinstance(first[1], int):
        raise _DamagedError("this is the index of a checkpoint in the new format (V2)")
    entries = {}
    for meta in _messages(record, 1):
        for tensor in _messages(meta, 1):
            dimensions = [d for shape in _messages(tensor, 2) for d in _messages(shape, 2)]
            shape = tuple(_integer(dimension, 1, 0) for dimension in dimensions)
            entries[_name(tensor)] = _Entry(shape, _integer(tensor, 3, 0))
    if not entries:
        raise _DamagedError("it has no table of contents")
    return entries


def _numbers(tensor: memoryview, type_number: int) -> np.ndarray:
    """Read the packed numbers of a TensorProto."""
    dtype, field = TYPES[type_number]
    packed = _messages(tensor, field)
    if dtype[1] == "f":
        return np.frombuffer(b"".join(packed) if len(packed) != 1 else packed[0], dtype)
    numbers = []
    for part in packed:
        at = 0
        while at < len(part):
            value, at = _varint(part, at)
            numbers.append(value - 2**64 if value >= 2**63 else value)
    return np.array(numbers, dtype)


def _fill(tensor: np.ndarray, record: memoryview, type_number: int) -> int:
    """Put the slice of a record into its tensor; tell how many numbers it had."""
    place = []
    for extents in _messages(record, 2):
        for size, extent in zip(tensor.shape, _messages(extents, 1), strict=True):
            start = _integer(extent, 1, 0)
            place.append(slice(start, start + _integer(extent, 2, size - start)))
    target = tensor[tuple(place)]
    numbers = [_numbers(data, type_number) for data in _messages(record, 3)]
    if len(numbers) != 1 or numbers[0].size != target.size:
        raise _DamagedError(f"{sum(n.size for n in numbers)} numbers for {target.size} places")
    tensor[tuple(place)] = numbers[0].reshape(target.shape)
    return target.size


def _empty_tensors(
    entries: dict[str, _Entry], names: Collection[str], file_bytes: int
) -> dict[str, np.ndarray]:
    """Make room for the tensors of these names."""
    missing = [name for name in names if name not in entries]
    if missing:
        raise _DamagedError(f"it lacks {first_few(missing)}; it holds {first_few(list(entries))}")
    tensors = {}
    for name in names:
        shape, number = entries[name]
        if number not in TYPES:
            raise _DamagedError(f"{name} is of TensorFlow's type {number}, not of {list(TYPES)}")
        if max(math.prod(shape), *shape, 0) > file_bytes:
            raise _DamagedError(f"{name} would be larger than the file: {shape}")
        tensors[name] = np.empty(shape, TYPES[number][0])
    return tensors


def _read(content: memoryview, names: Collection[str] | None) -> dict[str, np.ndarray]:
    records = _records(content)
    entries = _table_of_contents(next(records))
    if names is None:
        names = [name for name, entry in entries.items() if entry.type_number in TYPES]
    tensors = _empty_tensors(entries, names, len(content))
    found = dict.fromkeys(names, 0)
    for data in (message for record in records for message in _messages(record, 2)):
        name = _name(data)
        if name in tensors:
            found[name] += _fill(tensors[name], data, entries[name].type_number)
    partial = [name for name in names if found[name] != tensors[name].size]
    if partial:
        raise _DamagedError(f"not every slice is there of {first_few(partial)}")
    return tensors


def read_tensorflow_checkpoint(
    path: str | Path, names: Collection[str] | None = None
) -> dict[str, np.ndarray]:
    """Read the tensors of a V1 checkpoint.

    Parameters
    ----------
    path : str or Path
        The file, one whole checkpoint.
    names : collection of str, optional
        Which tensors; by default all that are 32 or 64 bit floats or integers.

    Returns
    -------
    dict of str to numpy.ndarray
        In TensorFlow's order of axes: a convolution's kernel is `(height, width, in, out)`, a
        matrix `(in, out)`.

    Raises
    ------
    InputError
        If there is no such file, it is truncated or of another format, or it lacks a name.

    Examples
    --------
    >>> read_tensorflow_checkpoint("vggish_model.ckpt")["vggish/fc2/biases"].shape
    ... # doctest: +SKIP
    (128,)
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such checkpoint")
    if not path.stat().st_size:
        raise InputError(f"{path}: expected a TensorFlow checkpoint (V1), got an empty file")
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    try:
        return _read(memoryview(mapped), names)
    except (ValueError, OverflowError, StopIteration) as error:  # a _DamagedError among them
        raise InputError(
            f"{path}: expected a whole TensorFlow checkpoint of the old format (V1), but"
            f" {error}: download it again"
        ) from error
