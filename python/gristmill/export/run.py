"""`export`: one or more splits of a finished run, in the format of another training program."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from gristmill.errors import GristmillError, from_os_error
from gristmill.export.target import MANIFEST_NAME, new_target

if TYPE_CHECKING:
    from gristmill.export.source import SplitSource

SCHEMA_VERSION = 1
FORMATS = ("megatron", "mds", "parquet")
Format = Literal["megatron", "mds", "parquet"]
EventSink = Callable[[Mapping[str, object]], None]
Write = Callable[..., None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Exported:
    """A finished export.

    Parameters
    ----------
    path
        The folder.
    manifest
        The content of its `export.json`.
    digest
        SHA-256 of that file: equal for equal results.

    Examples
    --------
    >>> splits = {"train": {"documents": 3, "tokens": 9}}
    >>> done = Exported(path=Path("out"), manifest={"splits": splits}, digest="sha256:00")
    >>> done.num_documents
    3
    """

    path: Path
    manifest: Mapping[str, object]
    digest: str

    @property
    def num_documents(self) -> int:
        """Documents of all splits."""
        return self._sum("documents")

    @property
    def num_tokens(self) -> int:
        """Tokens of all splits."""
        return self._sum("tokens")

    def _sum(self, name: str) -> int:
        splits = cast(Mapping[str, Mapping[str, int]], self.manifest["splits"])
        return sum(numbers[name] for numbers in splits.values())


def export(
    run_folder: str | Path,
    *,
    format: Format,  # noqa: A002  # what users call it
    output: str | Path,
    splits: Sequence[str] = ("train",),
    overwrite: bool = False,
    compression: Literal["zstd"] | None = None,
    shard_bytes: int | None = None,
    on_event: EventSink | None = None,
) -> Exported:
    """Write splits of a finished run as `megatron`, `mds` or `parquet` and return what was made.

    Digests of the run's shards are compared before anything is written, and documents and tokens counted.
    The folder appears whole, with `export.json` in it, or not at all. The bytes depend on the run and on the options;
    those of Parquet and zstd also on the version of pyarrow. Memory: see the module of each format; some 100 MiB.

    Parameters
    ----------
    run_folder
        The run, with its `manifest.json`.
    format
        ``"megatron"``: `SPLIT.bin` and `SPLIT.idx`; ``"mds"``: a folder a split; ``"parquet"``: a file a shard.
    output
        The folder to make. It must not exist, or be empty.
    splits
        Which splits.
    overwrite
        Replace an export that lies there. Other folders are never replaced.
    compression
        ``"zstd"`` compresses the shards of ``"mds"``. Parquet is always compressed, Megatron never.
    shard_bytes
        Size of an MDS shard; by default 64 MiB.
    on_event
        Called with ``{"stage", "done", "total", "message"}``.

    Raises
    ------
    GristmillError
        ``GM-EXPORT-001`` to ``-007``, and ``GM-SHARDS-...`` for what is wrong with the run.

    Examples
    --------
    >>> import gristmill
    >>> gristmill.export("no/such/run", format="mds", output="out")
    Traceback (most recent call last):
    gristmill.errors.GristmillError: `no/such/run` holds no finished run
    """
    options: dict[str, object] = {}
    if compression is not None:
        options["is_compressed"] = True
    if shard_bytes is not None:
        options["shard_bytes"] = shard_bytes
    _check(format, splits, compression, shard_bytes)
    from gristmill.export.source import open_split

    run = Path(run_folder)
    sources = [open_split(run, split) for split in splits]
    write = partial(_writer(format), **options)
    try:
        with new_target(Path(output), overwrite=overwrite) as target:
            for source in sources:
                write(source, target, _progress(source, on_event))
            manifest = target.commit(_manifest(run, format, sources, compression, shard_bytes))
    except OSError as error:
        raise from_os_error(error) from error
    path = Path(output)
    digest = hashlib.sha256((path / MANIFEST_NAME).read_bytes()).hexdigest()
    return Exported(path=path, manifest=manifest, digest=f"sha256:{digest}")


def _check(format_: str, splits: Sequence[str], compression: str | None, shard_bytes: int | None) -> None:
    if format_ not in FORMATS:
        raise GristmillError(
            "GM-EXPORT-005",
            f"there is no format `{format_}`",
            hint=f"use one of: {', '.join(f'`{name}`' for name in FORMATS)}",
        )
    if isinstance(splits, str) or not splits or len(set(splits)) != len(splits):
        raise GristmillError("GM-EXPORT-005", f"splits are a list of different names, not `{splits}`")
    if compression not in (None, "zstd"):
        raise GristmillError("GM-EXPORT-005", f"there is no compression `{compression}`", hint="use `zstd`")
    if format_ != "mds" and (compression is not None or shard_bytes is not None):
        raise GristmillError(
            "GM-EXPORT-005",
            f"compression and shard size are options of `mds`, not of `{format_}`",
            hint="leave them out: Parquet is always compressed, Megatron never",
        )
    if shard_bytes is not None and not 0 < shard_bytes < 1 << 32:
        raise GristmillError("GM-EXPORT-005", f"`{shard_bytes}` is no size of a shard below 4 GiB")


def _writer(format_: Format) -> Write:
    from gristmill.export import mds, megatron, tables

    return {"megatron": megatron.write, "mds": mds.write, "parquet": tables.write}[format_]


def _progress(source: SplitSource, on_event: EventSink | None) -> Callable[[int], None]:
    def on_rows(done: int) -> None:
        if on_event is not None:
            on_event({"stage": source.name, "done": done, "total": source.num_rows, "message": "rows"})

    return on_rows


def _manifest(
    run: Path,
    format_: Format,
    sources: Sequence[SplitSource],
    compression: str | None,
    shard_bytes: int | None,
) -> dict[str, object]:
    metadata = sources[0].shards.metadata
    digest = hashlib.sha256((run / "manifest.json").read_bytes()).hexdigest()
    return {
        "schema_version": SCHEMA_VERSION,
        "format": format_,
        "options": {"compression": compression, "shard_bytes": shard_bytes},
        "run": {
            "manifest": f"sha256:{digest}",
            "plan": sources[0].shards.manifest.plan,
            "lineage": metadata.lineage,
        },
        "tokenizer": {
            "digest": metadata.tokenizer_digest,
            "mode": metadata.tokenizer_mode,
            "end_of_text": list(metadata.end_of_text),
            "vocabulary_size": metadata.vocabulary_size,
        },
        "splits": {
            source.name: {
                "documents": source.num_documents,
                "rows": source.num_rows,
                "tokens": source.shards.num_tokens,
                "masked_rows": source.num_masked,
            }
            for source in sources
        },
    }
