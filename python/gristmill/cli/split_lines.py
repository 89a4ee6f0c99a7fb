"""What a run's manifest says of its split, in lines for a reader."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from gristmill.cli.text import counted


def split_lines(manifest: Mapping[str, object]) -> Iterator[str]:
    """Yield how many documents are held out and what is proven of them; nothing where none are.

    Examples
    --------
    >>> list(split_lines({"split": None}))
    []
    """
    split = cast("Mapping[str, object] | None", manifest.get("split"))
    if split is None:
        return
    documents = cast(Mapping[str, int], split["documents"])
    sides = (f"{name} {documents[name]:,}" for name in cast(Sequence[str], split["names"]))
    yield f"split: {', '.join(sides)}"
    left = cast(Mapping[str, int], split["left_out"])
    if left:
        yield "split: left out " + ", ".join(f"{rule} {number:,}" for rule, number in left.items())
    yield f"split: {proof_words(cast(Mapping[str, object], split['proof']))}"
    previous = cast("Mapping[str, int] | None", split.get("previous"))
    if previous is not None:
        yield (
            f"split: {counted(previous['known'], 'document')} of the earlier run, {previous['moved']:,} moved, "
            f"{previous['held']:,} stay where the rule alone would not put them"
        )


def proof_words(proof: Mapping[str, object]) -> str:
    """Return what a proof says in a sentence."""
    pairs, indexed, held_out = (cast(int, proof[key]) for key in ("pairs", "indexed", "held_out"))
    least = proof["min_similarity"]
    if pairs:
        return (
            f"NOT proven: {counted(pairs, 'pair')} of similarity {least} or more on two sides; training refuses such "
            "shards"
        )
    compared = f"{counted(indexed, 'held-out document')} compared with all others"
    if indexed < held_out:
        share = cast(float, proof["share_at_most"])
        return (
            f"no pair of similarity {least} or more for {compared}, drawn from {held_out:,}: with 95 % confidence at "
            f"most {100 * share:.3f} % of them have one"
        )
    return f"proven: no pair of similarity {least} or more, {compared}"
