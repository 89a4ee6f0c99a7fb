"""The slow, obvious loader: the same rows in plain Python, with lists of the whole corpus. Only for comparison."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gristmill.loader import Piece

WINDOW_PIECES = 1000
GROUP_DOCUMENTS = 65_536
GROUP_BLOCKS = 64
BITS = 2**64
GOLDEN = 0x9E3779B97F4A7C15


def mix(word: int) -> int:
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 % BITS
    word = (word ^ (word >> 27)) * 0x94D049BB133111EB % BITS
    return word ^ (word >> 31)


def derive_key(*parts: int) -> int:
    state = 0
    for part in parts:
        state = mix((state + GOLDEN + part) % BITS)
    return state


def shuffled(items: Sequence, key: int) -> list:
    found, state = list(items), key
    for last in range(len(found) - 1, 0, -1):
        state = (state + GOLDEN) % BITS
        other = mix(state) * (last + 1) >> 64
        found[last], found[other] = found[other], found[last]
    return found


@dataclass(kw_only=True)
class Settings:
    """`blocks` holds (tokens, source) of each document."""

    blocks: Sequence[Sequence[tuple[int, int]]]
    sequence_length: int
    seed: int
    num_epochs: int | None = 1
    weights: Sequence[float] = ()
    is_shuffled: bool = True
    mixing: Mapping | None = None
    documents: list[tuple[int, int]] = field(init=False)
    starts: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.documents = [document for block in self.blocks for document in block]
        self.starts = [
            sum(len(block) for block in self.blocks[:number]) for number in range(len(self.blocks))
        ]


def epoch_order(settings: Settings, members: list[list[int]], key: int, epoch: int) -> list[int]:
    """Return the documents of an epoch, given those of each block, in the order in which they are read."""
    order = [number for number, block in enumerate(settings.blocks) if block and members[number] is not None]
    if settings.is_shuffled:
        order = shuffled(order, derive_key(key, epoch, 0))
    found, place = [], 0
    while place < len(order):
        group, first = [], place
        while place < len(order) and place - first < GROUP_BLOCKS and len(group) < GROUP_DOCUMENTS:
            group += members[order[place]]
            place += 1
        found += shuffled(group, derive_key(key, epoch, 2, first)) if settings.is_shuffled else group
    return found


def natural_epoch(settings: Settings, epoch: int) -> list[int]:
    seen = [0] * len(settings.weights)
    members = []
    for start, block in zip(settings.starts, settings.blocks, strict=True):
        entries = []
        for row, (_, source) in enumerate(block):
            weight = settings.weights[source]
            share = round_half_up((weight - math.floor(weight)) * 2**32)
            offset = derive_key(settings.seed, source, 1) >> 32
            number = seen[source] + epoch
            seen[source] += 1
            extra = ((number + 1) * share + offset >> 32) - (number * share + offset >> 32)
            entries += [start + row] * (math.floor(weight) + extra)
        members.append(entries)
    return epoch_order(settings, members, derive_key(settings.seed, 0), epoch)


def round_half_up(value: float) -> int:
    return math.floor(value + 0.5)


def mixed_documents(settings: Settings) -> Iterator[int]:
    mixing = settings.mixing
    num_sources = len(settings.weights)
    own, members = [], []
    for source in range(num_sources):
        blocks = [
            [start + row for row, (_, of) in enumerate(block) if of == source]
            for start, block in zip(settings.starts, settings.blocks, strict=True)
        ]
        members.append([block or None for block in blocks])
        own.append([document for block in blocks for document in block])
    has_tokens = [any(settings.documents[d][0] for d in documents) for documents in own]
    queues: list[list[int]] = [[] for _ in range(num_sources)]
    epochs, given, left = [0] * num_sources, [0] * num_sources, [False] * num_sources
    phase, account, read = 0, [0] * num_sources, 0

    def shares() -> list[int]:
        found = mixing["phases"][phase]["shares"]
        return [share if has_tokens[source] and not left[source] else 0 for source, share in enumerate(found)]

    while True:
        while phase + 1 < len(mixing["phases"]) and (
            read >= mixing["phases"][phase + 1]["start_tokens"] or not any(shares())
        ):
            phase, account = phase + 1, [0] * num_sources
        now = shares()
        if not any(now):
            return
        total = sum(account) + 1
        behind = [share * total - tokens * sum(now) for share, tokens in zip(now, account, strict=True)]
        source = max((s for s in range(num_sources) if now[s]), key=lambda s: (behind[s], -s))
        if not queues[source]:
            key = derive_key(settings.seed, 1, source)
            order = [number if block else None for number, block in enumerate(members[source])]
            present = [number for number in order if number is not None]
            small = Settings(
                blocks=[settings.blocks[number] for number in present],
                sequence_length=settings.sequence_length,
                seed=settings.seed,
                is_shuffled=settings.is_shuffled,
            )
            queues[source] = epoch_order(
                small, [members[source][number] for number in present], key, epochs[source]
            )
            epochs[source] += 1
        document = queues[source].pop(0)
        tokens = settings.documents[document][0]
        account[source] += tokens
        read += tokens
        given[source] += 1
        cap = mixing["max_documents"][source]
        if cap is not None and given[source] >= cap:
            left[source], account = True, [0] * num_sources
        yield document


def cut(document: int, num_tokens: int, sequence_length: int) -> list[Piece]:
    pieces = [Piece(document, 0, min(num_tokens, sequence_length))] if num_tokens else []
    while pieces and pieces[-1].stop < num_tokens:
        start = pieces[-1].stop - 1
        pieces.append(Piece(document, start, min(num_tokens, start + sequence_length)))
    return pieces


def pack(settings: Settings, documents: Iterator[int]) -> Iterator[tuple[Piece, ...]]:
    """Yield rows until documents and window are empty."""
    pieces = (
        piece
        for document in documents
        for piece in cut(document, settings.documents[document][0], settings.sequence_length)
    )
    window: list[Piece] = []
    while True:
        while len(window) < WINDOW_PIECES and (piece := next(pieces, None)) is not None:
            window.append(piece)
        if not window:
            return
        row = [window.pop(0)]
        room = settings.sequence_length - row[0].length
        while fitting := [piece for piece in window if piece.length <= room]:
            longest = max(fitting, key=lambda piece: piece.length)  # the oldest of equal ones
            window.remove(longest)
            row.append(longest)
            room -= longest.length
        yield tuple(row)


def rows_of(settings: Settings) -> Iterator[tuple[Piece, ...]]:
    if settings.mixing is not None:
        yield from pack(settings, mixed_documents(settings))
        return
    epoch = 0
    while settings.num_epochs is None or epoch < settings.num_epochs:
        yield from pack(settings, iter(natural_epoch(settings, epoch)))
        epoch += 1
