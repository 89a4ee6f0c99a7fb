"""Checks of every row of a split by numbers alone: no text is decoded. Time: one pass over the mapped shards."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gristmill.shards import Shards
from gristmill.train.proof.problems import Findings

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class RowRules:
    """What rows are checked against.

    Parameters
    ----------
    vocabulary_size
        One more than the largest id.
    end_of_text
        Ids behind each text; empty for none.
    has_conversations
        Whether rows may be conversations: those end as their template says, not with `end_of_text`.
    stops
        Ids that may end an answer; empty where they are not known.
    controls
        Ids of all control tokens; empty where they are not known.
    max_tokens
        Longest row: one that is full may have lost its end. None for no limit.
    """

    vocabulary_size: int
    end_of_text: tuple[int, ...]
    has_conversations: bool
    stops: frozenset[int] = frozenset()
    controls: frozenset[int] = frozenset()
    max_tokens: int | None = None


@dataclass(kw_only=True, slots=True)
class RowCounts:
    """Sums over all rows.

    Parameters
    ----------
    rows, masked_rows
        Rows, and rows with a mask.
    tokens, trained
        Tokens of all rows, and of masked ones those that the mask trains.
    answers, cut_answers
        Trained runs, and those that end with a full row, without their stop token.
    trained_ids
        Ids that are trained somewhere, of those that were asked for.
    """

    rows: int = 0
    masked_rows: int = 0
    tokens: int = 0
    trained: int = 0
    answers: int = 0
    cut_answers: int = 0
    trained_ids: set[int] = field(default_factory=set)


def check_rows(shards: Shards, rules: RowRules, found: Findings, *, asked_ids: frozenset[int]) -> RowCounts:
    """Check every row, add what is wrong to `found`, and return the sums.

    Memory: a few numbers for each token of a record batch.
    """
    counts = RowCounts()
    names = ["doc", "tokens", "mask"]
    batches = list(shards.record_batches(names))
    for number, batch in enumerate(batches):
        behind = next((after for after in batches[number + 1 :] if after.num_rows), None)
        next_doc = None if behind is None else behind.column("doc")[0].as_py()
        _check_batch(batch, next_doc, rules, found, counts, asked_ids)
    return counts


def _check_batch(
    batch: pa.RecordBatch,
    next_doc: int | None,
    rules: RowRules,
    found: Findings,
    counts: RowCounts,
    asked_ids: frozenset[int],
) -> None:
    if not batch.num_rows:
        return
    docs = batch.column("doc").to_numpy()
    starts, ids = _lists(batch.column("tokens"))
    lengths = np.diff(starts)
    counts.rows += len(docs)
    counts.tokens += int(lengths.sum())
    large = _rows_with(ids >= rules.vocabulary_size, starts)
    found.add("id_out_of_range", docs[large].tolist(), "an id is beyond the vocabulary")
    _check_begin(docs, starts, ids, rules, found)

    is_masked = batch.column("mask").is_valid().to_numpy(zero_copy_only=False)
    mask_starts, runs = _lists(batch.column("mask"))
    sums = np.concatenate([[0], np.cumsum(runs)])
    covered = sums[mask_starts[1:]] - sums[mask_starts[:-1]]
    is_wrong = is_masked & (covered != lengths)
    found.add("mask_length", docs[is_wrong].tolist(), "the runs of the mask do not add up to the tokens")
    counts.masked_rows += int(is_masked.sum())

    row_of_run = np.repeat(np.arange(len(docs)), np.diff(mask_starts))
    place = np.arange(len(runs)) - mask_starts[:-1][row_of_run]
    is_answer = (place % 2 == 1) & (runs > 0) & (is_masked & ~is_wrong)[row_of_run]
    rows, run_lengths = row_of_run[is_answer], runs[is_answer]
    ends = starts[rows] + (sums[1:][is_answer] - sums[mask_starts[rows]])
    begins = ends - run_lengths
    trained = np.bincount(rows, weights=run_lengths, minlength=len(docs)).astype(np.int64)
    # The first token of a row is never predicted.
    labels = trained - np.bincount(rows[begins == starts[rows]], minlength=len(docs))
    empty = is_masked & ~is_wrong & (labels <= 0)
    found.add("no_labels", docs[empty].tolist(), "a conversation has no trained token")
    counts.trained += int(trained.sum())
    counts.answers += len(rows)
    _check_stops(docs, starts, ids, (rows, begins, ends), rules, found, counts)
    _check_ends(docs, next_doc, starts, ids, is_masked, rules, found)
    if asked_ids:
        counts.trained_ids |= _trained_ids(ids, begins, ends, starts, is_masked, asked_ids)


def _check_begin(docs: Numbers, starts: Numbers, ids: Numbers, rules: RowRules, found: Findings) -> None:
    if not rules.controls:
        return
    long = np.flatnonzero(np.diff(starts) >= 2)
    first, second = ids[starts[long]], ids[starts[long] + 1]
    doubled = (first == second) & np.isin(first, list(rules.controls))
    found.add("doubled_begin", docs[long[doubled]].tolist(), "a row begins with the same control token twice")


def _check_stops(
    docs: Numbers,
    starts: Numbers,
    ids: Numbers,
    answers: tuple[Numbers, Numbers, Numbers],
    rules: RowRules,
    found: Findings,
    counts: RowCounts,
) -> None:
    if not rules.stops or not len(answers[0]):
        return
    rows, begins, ends = answers
    last = ids[ends - 1]
    is_stopped = np.isin(last, list(rules.stops))
    is_full = np.zeros(len(rows), np.bool_)
    if rules.max_tokens is not None:
        is_full = (ends == starts[rows + 1]) & (np.diff(starts)[rows] >= rules.max_tokens)
    counts.cut_answers += int((is_full & ~is_stopped).sum())
    wrong = ~is_stopped & ~is_full
    found.add(
        "stop_untrained",
        docs[rows[wrong]].tolist(),
        "a turn of the assistant ends without a trained stop token",
    )
    long = ends - begins >= 2
    doubled = np.zeros(len(rows), np.bool_)
    doubled[long] = is_stopped[long] & (ids[ends[long] - 2] == last[long])
    found.add("doubled_end", docs[rows[doubled]].tolist(), "a turn ends with two equal stop tokens")


def _check_ends(
    docs: Numbers,
    next_doc: int | None,
    starts: Numbers,
    ids: Numbers,
    is_masked: npt.NDArray[np.bool_],
    rules: RowRules,
    found: Findings,
) -> None:
    """Whole texts end with the end-of-text id; conversations do not, and neither do parts but the last."""
    if not rules.end_of_text or rules.has_conversations:
        return
    following = np.concatenate([docs[1:], [docs[-1] if next_doc is None else next_doc]])
    is_last = following != docs
    is_last[-1] |= next_doc is None
    lengths = np.diff(starts)
    checked = is_last & ~is_masked & (lengths > 0)
    if rules.max_tokens is not None:
        checked &= lengths < rules.max_tokens
    rows = np.flatnonzero(checked)
    missing = ids[starts[rows + 1] - 1] != rules.end_of_text[-1]
    found.add(
        "end_of_text_missing", docs[rows[missing]].tolist(), "a text does not end with the end-of-text id"
    )


def _trained_ids(
    ids: Numbers,
    begins: Numbers,
    ends: Numbers,
    starts: Numbers,
    is_masked: npt.NDArray[np.bool_],
    asked: frozenset[int],
) -> set[int]:
    """Return which of the asked ids are trained: in answers, and anywhere but first in rows without a mask."""
    steps = np.zeros(len(ids) + 1, np.int64)
    np.add.at(steps, begins, 1)
    np.add.at(steps, ends, -1)
    plain = np.flatnonzero(~is_masked & (np.diff(starts) > 0))
    np.add.at(steps, starts[plain] + 1, 1)
    np.add.at(steps, starts[plain + 1], -1)
    trained = ids[np.cumsum(steps[:-1]) > 0]
    return {int(one) for one in asked if bool(np.any(trained == one))}


def _rows_with(where: npt.NDArray[np.bool_], starts: Numbers) -> Numbers:
    places = np.flatnonzero(where)
    found: Numbers = np.unique(np.searchsorted(starts, places, side="right") - 1)
    return found


def _lists(column: pa.Array) -> tuple[Numbers, Numbers]:
    """Return where each list starts, and the end, in the values from the first list on; and the values."""
    offsets = column.offsets.to_numpy().astype(np.int64)
    values = column.values.to_numpy()[offsets[0] : offsets[-1]].astype(np.int64)
    return offsets - offsets[0], values
