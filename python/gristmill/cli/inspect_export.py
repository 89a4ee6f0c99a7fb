"""Lines of `gristmill inspect` about exports and about folders in the formats of other training programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from gristmill.cli.text import counted


def describe_export(found: Mapping[str, object]) -> Iterator[str]:
    """Yield what `look_at_export` found, in lines for a reader."""
    match found["kind"]:
        case "export":
            yield from _export(found)
        case "megatron":
            for name, index in cast(Mapping[str, Mapping[str, object]], found["indexes"]).items():
                tokens = (
                    "no .bin beside it"
                    if index["tokens"] is None
                    else counted(cast(int, index["tokens"]), "token")
                )
                yield (
                    f"  {name}: {counted(cast(int, index['sequences']), 'sequence')}, "
                    f"{counted(cast(int, index['documents']), 'document')}, "
                    f"{tokens}, {index['type']}"
                )
        case _:
            yield (
                f"{counted(cast(int, found['samples']), 'sample')} in {counted(cast(int, found['shards']), 'shard')}, "
                f"{counted(cast(int, found['bytes']), 'byte')}, compression {found['compression'] or 'none'}"
            )
            for name, encoding in cast(Mapping[str, str], found["columns"]).items():
                yield f"  {name}  {encoding}"


def _export(found: Mapping[str, object]) -> Iterator[str]:
    run, tokenizer = (cast(Mapping[str, object], found[name]) for name in ("run", "tokenizer"))
    yield f"format     {found['format']}"
    yield f"lineage    {run['lineage']}"
    yield f"manifest   {run['manifest']}"
    yield f"tokenizer  {tokenizer['digest']}, mode {tokenizer['mode']}, {tokenizer['vocabulary_size']:,} ids"
    for name, numbers in cast(Mapping[str, Mapping[str, int]], found["splits"]).items():
        yield (
            f"{name}: {counted(numbers['documents'], 'document')}, {counted(numbers['tokens'], 'token')}, "
            f"{counted(numbers['masked_rows'], 'row')} with a mask"
        )
    for file in cast(Sequence[Mapping[str, object]], found["files"]):
        rows = f", {counted(cast(int, file['rows']), 'row')}" if "rows" in file else ""
        yield f"  {file['path']}: {counted(cast(int, file['bytes']), 'byte')}{rows}"
