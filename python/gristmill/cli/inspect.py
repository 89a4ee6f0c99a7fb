"""`gristmill inspect`: what is in a shard, a table, a manifest, a run folder, an export, an index or a checkpoint."""

from __future__ import annotations

import argparse
import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from gristmill.cli.curate import funnel
from gristmill.cli.inspect_export import describe_export
from gristmill.cli.options import add_verb, printer_of
from gristmill.cli.split_lines import split_lines
from gristmill.cli.tables import batches, manifest_of, read_json
from gristmill.cli.text import counted, one_line, value_words
from gristmill.cli.token_rows import SHORT, class_names, decoder_for, rows_named, words_of
from gristmill.cli.unfinished import unfinished_run
from gristmill.errors import ExitCode, GristmillError
from gristmill.export.look import look_at_export

if TYPE_CHECKING:
    import pyarrow as pa

    from gristmill.cli.options import Subparsers

MAX_HEADER_BYTES = 64 << 20
"""A safetensors header beyond this is no header of ours."""


def add_parser(subparsers: Subparsers) -> None:
    """Declare the verb."""
    parser = add_verb(
        subparsers,
        "inspect",
        run,
        description="Show schema, counts, lineage and sample rows of a file or folder that a run made. Rows of a token "
        "shard are shown as text, too, with what is trained of it.",
    )
    parser.add_argument("path", metavar="PATH", type=Path, help="a file or folder of a run")
    parser.add_argument("--rows", metavar="N", type=int, default=3, help="sample rows to show; by default 3")
    parser.add_argument(
        "--doc", metavar="NAME", help="show this document of a shard or table: its number, key or id"
    )
    parser.add_argument(
        "--tokenizer",
        metavar="PATH",
        type=Path,
        help="the shard's tokenizer; by default the one that the run's recipe names",
    )


def run(options: argparse.Namespace) -> int:
    """Show what is in a file or folder."""
    printer = printer_of(options)
    with unfinished_run(options.path):
        found = look(
            options.path, num_rows=max(0, options.rows), doc=options.doc, tokenizer=options.tokenizer
        )
    printer.lines(describe(found))
    printer.result(found)
    return ExitCode.DONE


def look(
    path: Path, *, num_rows: int, doc: str | None = None, tokenizer: Path | None = None
) -> dict[str, object]:
    """Return what is in a file or folder as JSON values; `kind` says what it is.

    Parameters
    ----------
    path
        The file or folder.
    num_rows
        Rows to show of a shard or table.
    doc
        Show the rows of this document instead.
    tokenizer
        The tokenizer of a shard, where the run around it does not lead to it.

    Raises
    ------
    GristmillError
        ``GM-CLI-008`` when there is nothing, or nothing of ours.
    """
    if doc is not None and path.suffix not in (".parquet", ".arrow"):
        raise GristmillError(
            "GM-CLI-001",
            f"`--doc` looks into a shard or table, and `{path}` is neither",
            hint=f"`gristmill explain doc {doc} --run RUN` finds it in a run",
        )
    if path.is_dir():
        return _folder(path, num_rows)
    if not path.is_file():
        raise GristmillError("GM-CLI-008", f"`{path}` does not exist")
    if path.suffix in (".parquet", ".arrow"):
        return _table(path, num_rows, doc, tokenizer)
    if path.suffix == ".idx":
        return look_at_export(path) or {}
    if path.suffix == ".safetensors":
        return {"kind": "tensors", "path": str(path), **_tensors(path)}
    if path.suffix == ".json":
        return {"kind": "document", "path": str(path), "content": read_json(path)}
    raise GristmillError(
        "GM-CLI-008",
        f"`{path}` is of no kind that can be shown",
        hint="give a run folder, an export, an index, a checkpoint, or a .arrow, .parquet, .safetensors, .idx or .json "
        "file",
    )


def _folder(path: Path, num_rows: int) -> dict[str, object]:
    if (path / "manifest.json").is_file():
        manifest = manifest_of(path)
        return {"kind": "run", "path": str(path), **manifest}
    if (path / "segment-000001").is_dir():
        return _index(path)
    export = look_at_export(path)
    if export is not None:
        return export
    tensors = sorted(path.glob("*.safetensors"))
    if tensors:
        documents = {
            file.name: read_json(file)
            for file in sorted(path.glob("*.json"))
            if file.name != "tokenizer.json"
        }
        return {
            "kind": "checkpoint",
            "path": str(path),
            "tensors": {file.name: _tensors(file) for file in tensors},
            "documents": documents,
        }
    files = sorted(file for file in path.iterdir() if file.suffix in (".parquet", ".arrow"))
    if files:
        return _tables(path, files, num_rows)
    if (path / "work").is_dir():
        raise GristmillError(
            "GM-RUN-002",
            f"no finished run in `{path}`",
            hint="run `gristmill curate RECIPE`; it continues where it stopped",
        )
    raise GristmillError("GM-CLI-008", f"`{path}` is neither a run folder nor an export, index or checkpoint")


def _index(path: Path) -> dict[str, object]:
    from gristmill.curate.dedup_index import read_segments

    segments = read_segments(path)
    return {
        "kind": "index",
        "path": str(path),
        "configuration": segments[0].content["configuration"] if segments else None,
        "documents": sum(segment.num_documents for segment in segments),
        "bytes": sum(segment.num_bytes for segment in segments),
        "segments": [
            {
                "number": segment.number,
                "documents": segment.num_documents,
                "bytes": segment.num_bytes,
                "key_bytes": segment.num_key_bytes,
                "sources": segment.content["sources"],
                "inputs": len(cast(Sequence[object], segment.content["inputs"])),
                "min_similarity": segment.content["min_similarity"],
                "lineage": segment.content["lineage"],
                "digest": segment.digest,
            }
            for segment in segments
        ],
    }


def _tables(path: Path, files: Sequence[Path], num_rows: int) -> dict[str, object]:
    """Return what is in the files of a folder such as `RUN/rejects`, as one table; rows are numbered through all."""
    whole: dict[str, object] = {}
    for file in files:
        samples = cast("list[object]", whole.get("sample", []))
        found = _table(file, num_rows - len(samples), None, None)
        if not whole:
            whole = {**found, "path": str(path), "kind": "table", "files": len(files)}
            continue
        numbers = cast("list[int]", whole["sample_rows"])
        before = cast(int, whole["rows"])
        whole["sample"] = [*samples, *cast("list[object]", found["sample"])]
        whole["sample_rows"] = [
            *numbers,
            *(before + number for number in cast("list[int]", found["sample_rows"])),
        ]
        whole["rows"] = before + cast(int, found["rows"])
        whole["bytes"] = cast(int, whole["bytes"]) + cast(int, found["bytes"])
    return whole


def _table(path: Path, num_rows: int, doc: str | None, tokenizer: Path | None) -> dict[str, object]:
    schema: pa.Schema | None = None
    total = 0
    samples: list[dict[str, object]] = []
    for batch in batches(path):
        schema = schema or batch.schema
        missing = num_rows - len(samples)
        if missing > 0 and doc is None:
            samples += batch.slice(0, missing).to_pylist()
        total += batch.num_rows
    if schema is None:
        schema = _schema_of(path)
    numbers: Sequence[int] = range(len(samples))
    if doc is not None:
        found = list(rows_named(path, doc))
        numbers, samples = [number for number, _ in found], [row for _, row in found]
    digest = (schema.metadata or {}).get(b"gristmill.tokenizer_digest", b"").decode()
    decoder, no_text = None, ""
    if samples and digest and "tokens" in schema.names:
        decoder, no_text = decoder_for(path, digest, tokenizer)
    limit = None if doc is not None else SHORT
    metadata = {
        key.decode(): one_line(value.decode(errors="replace"), 200)
        for key, value in (schema.metadata or {}).items()
    }
    classes = class_names(path) if samples and "label" in samples[0] else None
    return {
        "kind": "shard" if path.suffix == ".arrow" else "table",
        "path": str(path),
        "bytes": path.stat().st_size,
        "rows": total,
        "columns": {field.name: str(field.type) for field in schema},
        "metadata": {key: value for key, value in metadata.items() if key != "ARROW:schema"},
        "sample": [
            {key: value_words(value) for key, value in row.items()}
            | ({} if classes is None else {"class": one_line(classes[cast(int, row["label"])], 200)})
            | ({} if decoder is None else words_of(row, decoder, limit=limit))
            for row in samples
        ],
        "sample_rows": list(numbers),
        "no_text": no_text or None,
    }


def _schema_of(path: Path) -> pa.Schema:
    import pyarrow as pa
    import pyarrow.ipc
    import pyarrow.parquet

    if path.suffix == ".parquet":
        return pa.parquet.read_schema(path)
    with pa.memory_map(str(path)) as mapped, pa.ipc.open_file(mapped) as reader:
        return reader.schema


def _tensors(path: Path) -> dict[str, object]:
    """Return what the header of a safetensors file says; the tensors themselves are not read."""
    with path.open("rb") as file:
        start = file.read(8)
        num_bytes = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 2 <= num_bytes <= MAX_HEADER_BYTES:
            raise GristmillError("GM-CLI-008", f"`{path}` is no safetensors file")
        try:
            header = json.loads(file.read(num_bytes))
        except ValueError as error:
            raise GristmillError("GM-CLI-008", f"`{path}` is no safetensors file: {error}") from error
    header.pop("__metadata__", None)
    shapes = {name: f"{entry['dtype']} {entry['shape']}" for name, entry in header.items()}
    num_values = sum(_product(entry["shape"]) for entry in header.values())
    return {"num_tensors": len(shapes), "num_values": num_values, "tensors": shapes}


def _product(shape: Sequence[int]) -> int:
    result = 1
    for size in shape:
        result *= size
    return result


def describe(found: Mapping[str, object]) -> Iterator[str]:
    """Yield what `look` found, in lines for a reader."""
    yield f"{found['kind']} {found['path']}"
    match found["kind"]:
        case "run":
            yield from _describe_run(found)
        case "index":
            yield from _describe_index(found)
        case "export" | "megatron" | "mds":
            yield from describe_export(found)
        case "table" | "shard":
            yield from _describe_table(found)
        case "tensors":
            yield from _describe_tensors(found)
        case "checkpoint":
            for name, tensors in cast(Mapping[str, Mapping[str, object]], found["tensors"]).items():
                yield f"{name}: {_sizes(tensors)}"
            for name, document in cast(Mapping[str, object], found["documents"]).items():
                yield f"{name}: {one_line(json.dumps(document, ensure_ascii=False), 300)}"
        case _:
            yield from _describe_document(cast(Mapping[str, object], found["content"]))


def _describe_run(manifest: Mapping[str, object]) -> Iterator[str]:
    yield f"plan     {manifest['plan']}"
    yield f"lineage  {cast(Mapping[str, object], manifest['lineage']).get('fingerprint', '')}"
    yield ""
    yield from funnel(cast(Mapping[str, object], manifest["counts"]))
    yield from split_lines(manifest)
    yield ""
    folders: dict[str, list[int]] = {}
    for file in cast(Sequence[Mapping[str, object]], manifest["files"]):
        numbers = folders.setdefault(str(file["path"]).rpartition("/")[0], [0, 0, 0])
        for position, value in enumerate((1, file["rows"], file["bytes"])):
            numbers[position] += cast(int, value)
    for name, (num_files, num_rows, num_bytes) in folders.items():
        yield f"{name}/: {counted(num_files, 'file')}, {counted(num_rows, 'row')}, {counted(num_bytes, 'byte')}"


def _describe_table(found: Mapping[str, object]) -> Iterator[str]:
    files = f" in {counted(cast(int, found['files']), 'file')}" if "files" in found else ""
    yield f"{counted(cast(int, found['rows']), 'row')}, {counted(cast(int, found['bytes']), 'byte')}{files}"
    columns = cast(Mapping[str, str], found["columns"])
    width = max((len(name) for name in columns), default=0)
    yield ""
    for name, kind in columns.items():
        yield f"  {name.ljust(width)}  {kind}"
    metadata = cast(Mapping[str, str], found["metadata"])
    if metadata:
        yield ""
        for name, value in metadata.items():
            yield f"  {name} = {value}"
    samples = cast(Sequence[Mapping[str, str]], found["sample"])
    for number, row in zip(cast(Sequence[int], found["sample_rows"]), samples, strict=True):
        width = max(map(len, row))
        yield ""
        yield f"row {number}"
        for name, value in row.items():
            yield f"  {name.ljust(width)}  {value}"
    if found["no_text"]:
        yield ""
        yield f"no text: {found['no_text']}"


def _sizes(tensors: Mapping[str, object]) -> str:
    num_tensors, num_values = cast(int, tensors["num_tensors"]), cast(int, tensors["num_values"])
    return f"{counted(num_tensors, 'tensor')}, {counted(num_values, 'value')}"


def _describe_index(found: Mapping[str, object]) -> Iterator[str]:
    segments = cast(Sequence[Mapping[str, object]], found["segments"])
    yield (
        f"{counted(len(segments), 'segment')}, {counted(cast(int, found['documents']), 'document')}, "
        f"{counted(cast(int, found['bytes']), 'byte')}"
    )
    for name, value in cast(Mapping[str, object], found["configuration"] or {}).items():
        yield f"  {name}: {json.dumps(value)}"
    for segment in segments:
        yield (
            f"segment {segment['number']}: {counted(cast(int, segment['documents']), 'document')} of "
            f"{', '.join(cast(Sequence[str], segment['sources']))} ({counted(cast(int, segment['inputs']), 'file')}), "
            f"{counted(cast(int, segment['bytes']), 'byte')}, of which {cast(int, segment['key_bytes']):,} are keys"
        )


def _describe_tensors(found: Mapping[str, object]) -> Iterator[str]:
    yield _sizes(found)
    for name, shape in cast(Mapping[str, str], found["tensors"]).items():
        yield f"  {name}  {shape}"


def _describe_document(document: Mapping[str, object]) -> Iterator[str]:
    for key, value in document.items():
        if isinstance(value, (list, dict)) and len(value) > 12:
            yield f"  {key}: {counted(len(value), 'entry', 'entries')}"
        else:
            yield f"  {key}: {one_line(json.dumps(value, ensure_ascii=False), 300)}"
