"""Columns of a shard as plain bytes, without a step per document: what all formats are put together from.

Everything here is little-endian, as Arrow's own buffers are on every machine that gristmill runs on.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from gristmill.errors import GristmillError


def raw_bytes(values: pa.Array) -> pa.Buffer:
    r"""Return the bytes of the values of a primitive column without nulls; no copy.

    Examples
    --------
    >>> raw_bytes(pa.array([1, 258], pa.uint16())[1:]).to_pybytes()
    b'\x02\x01'
    """
    width = values.type.bit_width // 8
    return values.buffers()[1].slice(values.offset * width, len(values) * width)


def lengths_of(lists: pa.Array) -> pa.Array:
    """Return the length of each list: int32."""
    return pc.list_value_length(lists)


def value_bytes(values: pa.Array) -> pa.Array:
    r"""Return each number of a column as bytes: large_binary.

    Examples
    --------
    >>> value_bytes(pa.array([1, 300], pa.uint16())).to_pylist()
    [b'\x01\x00', b',\x01']
    """
    width = values.type.bit_width // 8
    return values.view(pa.binary(width)).cast(pa.large_binary())


def list_bytes(lists: pa.Array) -> pa.Array:
    r"""Return the values of each list of numbers as bytes: large_binary. No null is expected; values are shared.

    Examples
    --------
    >>> list_bytes(pa.array([[1, 2], [], [3]], pa.list_(pa.uint16()))).to_pylist()
    [b'\x01\x00\x02\x00', b'', b'\x03\x00']
    """
    width = lists.type.value_type.bit_width // 8
    offsets = pc.multiply(lists.offsets.cast(pa.int64()), pa.scalar(width, pa.int64()))
    values = lists.values
    data = values.buffers()[1] if len(values) else pa.py_buffer(b"")
    if values.offset:
        data = data.slice(values.offset * width)
    return pa.Array.from_buffers(pa.large_binary(), len(lists), [None, offsets.buffers()[1], data])


def joined(parts: Sequence[pa.Array]) -> pa.Array:
    """Return row by row the bytes of all columns, one behind the other: large_binary."""
    return pc.binary_join_element_wise(*parts, pa.scalar(b"", pa.large_binary()))


def text_bytes(texts: pa.Array) -> pa.Array:
    """Return texts as their UTF-8 bytes, null as no bytes: large_binary."""
    if pa.types.is_dictionary(texts.type):
        texts = texts.dictionary_decode()
    return pc.fill_null(texts, "").cast(pa.large_string()).cast(pa.large_binary())


def counting(start: int, count: int) -> pa.Array:
    """Return `count` numbers from `start` on: int64.

    Examples
    --------
    >>> counting(5, 3).to_pylist()
    [5, 6, 7]
    """
    return pc.cumulative_sum(pa.repeat(pa.scalar(1, pa.int64()), count), start=start - 1)


def explicit_masks(masks: pa.Array, lengths: pa.Array) -> pa.Array:
    """Return masks with a null, which stands for all trained, written out as `[0, length]`.

    Examples
    --------
    >>> masks = pa.array([[1, 2], None], pa.list_(pa.uint32()))
    >>> explicit_masks(masks, pa.array([3, 4], pa.int32())).to_pylist()
    [[1, 2], [0, 4]]
    """
    if not masks.null_count:
        return masks
    zeros = pa.repeat(pa.scalar(0, pa.uint32()), len(masks))
    runs = pa.FixedSizeListArray.from_arrays(_interleaved(zeros, lengths.cast(pa.uint32())), 2)
    return pc.coalesce(masks, runs.cast(masks.type))


def _interleaved(first: pa.Array, second: pa.Array) -> pa.Array:
    # As bytes two columns are joined row by row; the result is one column of twice the rows.
    pairs = joined([value_bytes(first), value_bytes(second)])
    return pa.Array.from_buffers(first.type, 2 * len(first), [None, pairs.buffers()[2]])


def trained_tokens(masks: pa.Array, lengths: pa.Array) -> pa.Array:
    """Return for each token of a batch whether it is trained: uint8, 0 or 1.

    Parameters
    ----------
    masks
        Run lengths, untrained first; null: all are trained.
    lengths
        Tokens of each document.

    Raises
    ------
    GristmillError
        ``GM-SHARDS-006`` when a mask does not cover its document.

    Examples
    --------
    >>> masks = pa.array([[1, 2], None, [0, 1, 1]], pa.list_(pa.uint32()))
    >>> trained_tokens(masks, pa.array([3, 2, 2], pa.int32())).to_pylist()
    [0, 1, 1, 1, 1, 1, 0]
    """
    masks = explicit_masks(masks, lengths)
    runs = masks.flatten()
    offsets = pc.subtract(masks.offsets.cast(pa.int64()), masks.offsets[0].as_py())
    ends = pc.cumulative_sum(runs.cast(pa.int64()))
    _check_masks(offsets, ends, lengths)
    first = pc.take(offsets, pc.list_parent_indices(masks))
    is_trained = pc.bit_wise_and(pc.subtract(counting(0, len(runs)), first), 1).cast(pa.uint8())
    # Runs of no tokens go: ends of encoded runs have to rise.
    is_run = pc.greater(runs, 0)
    ends, is_trained = pc.filter(ends, is_run), pc.filter(is_trained, is_run)
    if not len(ends):
        return pa.array([], pa.uint8())
    return pc.run_end_decode(pa.RunEndEncodedArray.from_arrays(ends, is_trained))


def _check_masks(offsets: pa.Array, ends: pa.Array, lengths: pa.Array) -> None:
    """Refuse masks that cover more or fewer tokens than their documents have."""
    before = pa.concat_arrays([pa.array([0], pa.int64()), ends])
    covered = pc.take(before, offsets.slice(1))
    if not pc.all(pc.equal(covered, pc.cumulative_sum(lengths.cast(pa.int64())))).as_py():
        raise GristmillError("GM-SHARDS-006", "a document's mask covers more or fewer tokens than it has")
