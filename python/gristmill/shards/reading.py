"""Token shards as one indexed list of documents, mapped into memory.

Memory: the shards are mapped, not loaded; beside that one Arrow batch header for about 4,096 documents. Not here:
what the tokens are used for (`gristmill.loader`).
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from gristmill.errors import GristmillError
from gristmill.shards.manifest import SplitManifest, read_split

FORMAT_VERSION = "1"
_PREFIX = "gristmill."
_COLUMNS = ("doc", "key", "id", "source", "tokens", "mask")


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """One document of a shard.

    Parameters
    ----------
    index
        Position in the split, from 0.
    doc
        (file ordinal in the plan, row) as one number: names the document within its run.
    key
        16 bytes that name the document across runs.
    id
        The user's id, where there was one; not trusted to be unique.
    source
        Name of its source.
    tokens
        uint16 or uint32 array without nulls.
    mask
        uint32 array of alternating lengths of untrained and trained runs, untrained first; None: all are trained.
    label
        Number of its class; None in shards without labels.

    Examples
    --------
    >>> document = Document(
    ...     index=0, doc=7, key=bytes(16), id=None, source="web", tokens=pa.array([5, 6], pa.uint16()), mask=None
    ... )
    >>> document.tokens.to_pylist()
    [5, 6]
    """

    index: int
    doc: int
    key: bytes
    id: str | None
    source: str
    tokens: pa.Array
    mask: pa.Array | None
    label: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardMetadata:
    """What the schema of every shard of a split says.

    Parameters
    ----------
    format_version
        Version of the layout.
    tokenizer_digest
        Digest of the tokenizer file.
    tokenizer_mode
        How text that looks like a control token was treated: ``plain``, ``hf`` or a list.
    end_of_text
        Ids appended to each document.
    vocabulary_size
        One more than the largest id.
    split
        ``train`` or ``validation``.
    lineage
        Fingerprint of everything that decided the content, hex.

    Examples
    --------
    >>> metadata = ShardMetadata(
    ...     format_version="1",
    ...     tokenizer_digest="blake3:00",
    ...     tokenizer_mode="plain",
    ...     end_of_text=(0,),
    ...     vocabulary_size=49152,
    ...     split="train",
    ...     lineage="00",
    ... )
    >>> metadata.end_of_text
    (0,)
    """

    format_version: str
    tokenizer_digest: str
    tokenizer_mode: str
    end_of_text: tuple[int, ...]
    vocabulary_size: int
    split: str
    lineage: str


class Shards:
    """The documents of one split, in shard order, by index.

    Made by `open_shards`. Indexing is cheap (one bisection, no copy), so a loader may jump as it likes.

    Examples
    --------
    >>> from gristmill.shards import SplitManifest
    >>> len(Shards(SplitManifest(run_dir=Path("run"), split="train", files=(), plan="00", sources=())))
    0
    """

    def __init__(self, manifest: SplitManifest) -> None:
        self._manifest = manifest
        self._batches: list[pa.RecordBatch] = []
        self._starts: list[int] = []
        self._sources: tuple[str, ...] = ()
        self._metadata: ShardMetadata | None = None
        self._num_documents = 0
        self._num_tokens = 0
        for file in manifest.files:
            path = manifest.run_dir / file.path
            before = self._num_documents
            try:
                self._add(path)
            except (pa.ArrowInvalid, OSError) as error:
                raise GristmillError("GM-SHARDS-004", f"`{path}` cannot be read: {error}") from error
            if self._num_documents - before != file.num_documents:
                raise GristmillError(
                    "GM-SHARDS-004",
                    f"`{path}` holds {self._num_documents - before} documents, "
                    f"the manifest says {file.num_documents}",
                )

    def _add(self, path: Path) -> None:
        reader = pa.ipc.open_file(pa.memory_map(str(path)))
        _check_schema(path, reader.schema)
        metadata = _parse_metadata(path, reader.schema.metadata)
        if self._metadata not in (None, metadata):
            raise GristmillError(
                "GM-SHARDS-005", f"`{path}` and the shards before it disagree about their metadata"
            )
        self._metadata = metadata
        for number in range(reader.num_record_batches):
            batch = reader.get_batch(number)
            sources = tuple(batch.column("source").dictionary.to_pylist())
            if self._sources not in ((), sources):
                raise GristmillError("GM-SHARDS-005", f"`{path}` lists other sources than what is before it")
            self._sources = sources
            self._starts.append(self._num_documents)
            self._batches.append(batch)
            self._num_documents += batch.num_rows
            self._num_tokens += len(batch.column("tokens").flatten())

    def __len__(self) -> int:
        return self._num_documents

    def __iter__(self) -> Iterator[Document]:
        return (self.doc(index) for index in range(len(self)))

    def doc(self, index: int) -> Document:
        """Return the document at a position of the split.

        Raises
        ------
        IndexError
            When there is no such position.
        """
        if not 0 <= index < self._num_documents:
            raise IndexError(f"document {index} of {self._num_documents}")
        number = bisect_right(self._starts, index) - 1
        batch, row = self._batches[number], index - self._starts[number]
        mask = batch.column("mask")[row]
        return Document(
            index=index,
            doc=batch.column("doc")[row].as_py(),
            key=batch.column("key")[row].as_py(),
            id=batch.column("id")[row].as_py(),
            source=batch.column("source")[row].as_py(),
            tokens=batch.column("tokens")[row].values,
            mask=mask.values if mask.is_valid else None,
            label=batch.column("label")[row].as_py() if "label" in batch.schema.names else None,
        )

    def find(self, column: str, matches: Callable[[pa.Array], pa.Array]) -> Iterator[int]:
        """Yield the positions of documents whose value in a column matches. Time: one pass over the column.

        Parameters
        ----------
        column
            ``doc``, ``key`` or ``id``.
        matches
            Gives a boolean for each value of an array.
        """
        for start, batch in zip(self._starts, self._batches, strict=True):
            found = pc.indices_nonzero(matches(batch.column(column)))
            yield from (start + row for row in found.to_pylist())

    def find_doc(self, doc: int) -> list[int]:
        """Return the positions of a document by its number: several where it was divided, none where it is not here."""
        return list(self.find("doc", lambda values: pc.equal(values, pa.scalar(doc, values.type))))

    def place(self, index: int) -> tuple[str, int]:
        """Return the file of a document, as the manifest names it, and its row in that file."""
        first = 0
        for file in self._manifest.files:
            if first <= index < first + file.num_documents:
                return file.path, index - first
            first += file.num_documents
        raise IndexError(f"document {index} of {self._num_documents}")

    @property
    def split(self) -> str:
        """The split these documents belong to."""
        return self._manifest.split

    @property
    def manifest(self) -> SplitManifest:
        """Files and digests as the run's manifest lists them."""
        return self._manifest

    @property
    def metadata(self) -> ShardMetadata:
        """Tokenizer, end-of-text policy and lineage, the same in every shard of the split."""
        assert self._metadata is not None, "open_shards refuses a split without files"
        return self._metadata

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the sources in plan order; empty when the split holds no document."""
        return self._sources

    @property
    def num_tokens(self) -> int:
        """Tokens of all documents."""
        return self._num_tokens

    def files(self) -> list[pa.Array]:
        """Return the bytes of each file, in order, as one uint8 array; mapped, not read."""
        paths = (self._manifest.run_dir / file.path for file in self._manifest.files)
        buffers = (pa.memory_map(str(path)).read_buffer() for path in paths)
        return [pa.Array.from_buffers(pa.uint8(), buffer.size, [None, buffer]) for buffer in buffers]

    def columns(self, names: Sequence[str]) -> pa.Table:
        """Return some columns of all documents, in order; mapped, not read."""
        batches = list(self.record_batches(names))
        return pa.Table.from_batches(batches) if batches else pa.table({name: [] for name in names})

    def record_batches(self, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield some columns, a record batch (up to a million tokens) after the other; mapped, not read."""
        return (batch.select(list(names)) for batch in self._batches)

    def lengths(self) -> pa.Array:
        """Return the number of tokens of every document: int32, in order. Memory: 4 bytes a document."""
        lengths = (pc.list_value_length(batch.column("tokens")) for batch in self._batches)
        return _concatenate(lengths, pa.int32())

    def masks(self) -> Iterator[pa.Array]:
        """Yield the masks of each record batch as a list array; null for documents that are trained whole."""
        return (batch.column("mask") for batch in self._batches)

    def num_divided(self) -> int:
        """Return how many rows are further parts of a document that was too long. Memory: 8 bytes a document."""
        docs = _concatenate((batch.column("doc") for batch in self._batches), pa.uint64())
        return len(docs) - int(pc.count_distinct(docs).as_py())

    def labels(self) -> pa.Array | None:
        """Return the number of each document's class: int32, in order, null where it has none; None without labels."""
        if not all("label" in batch.schema.names for batch in self._batches):
            return None
        return _concatenate((batch.column("label") for batch in self._batches), pa.int32())

    def source_indices(self) -> pa.Array:
        """Return each document's position in `sources`: int16, in order. Memory: 2 bytes a document."""
        return _concatenate((batch.column("source").indices for batch in self._batches), pa.int16())


def open_shards(run_dir: Path | str, split: str = "train", *, verify: bool = True) -> Shards:
    """Return the shards of one split of a finished run, checked against its manifest.

    Parameters
    ----------
    run_dir
        The run folder, with `manifest.json` in it.
    split
        ``train`` or ``validation``.
    verify
        Whether lengths and digests are compared first: one pass over the files. Leave it on unless this process has
        just done so.

    Raises
    ------
    GristmillError
        ``GM-SHARDS-001`` to ``-005``: no run, no such split, damaged or foreign files.

    Examples
    --------
    >>> open_shards("no/such/run")
    Traceback (most recent call last):
    gristmill.errors.GristmillError: `no/such/run` holds no finished run
    """
    manifest = read_split(Path(run_dir), split)
    if not manifest.files:
        raise GristmillError(
            "GM-SHARDS-003",
            f"`{run_dir}` has no shards of the split `{split}`",
            hint="add `[tokens]` to the recipe and run `gristmill curate RECIPE`",
        )
    if verify:
        manifest.verify()
    return Shards(manifest)


def _concatenate(chunks: Iterator[pa.Array], dtype: pa.DataType) -> pa.Array:
    found = list(chunks)
    return pa.concat_arrays(found) if found else pa.array([], dtype)


def _check_schema(path: Path, schema: pa.Schema) -> None:
    missing = [name for name in _COLUMNS if name not in schema.names]
    if missing:
        raise GristmillError("GM-SHARDS-005", f"`{path}` has no column `{missing[0]}`")
    tokens, mask = schema.field("tokens").type, schema.field("mask").type
    is_right = {
        "doc": schema.field("doc").type == pa.uint64(),
        "key": schema.field("key").type == pa.binary(16),
        "id": schema.field("id").type == pa.string(),
        "source": schema.field("source").type == pa.dictionary(pa.int16(), pa.string()),
        "tokens": pa.types.is_list(tokens) and tokens.value_type in (pa.uint16(), pa.uint32()),
        "mask": pa.types.is_list(mask) and mask.value_type == pa.uint32(),
    }
    if "label" in schema.names:
        is_right["label"] = schema.field("label").type == pa.int32()
    for name, fits in is_right.items():
        if not fits:
            raise GristmillError(
                "GM-SHARDS-005", f"column `{name}` of `{path}` has type `{schema.field(name).type}`"
            )


def _parse_metadata(path: Path, raw: Mapping[bytes, bytes] | None) -> ShardMetadata:
    found = {key.decode(): value.decode() for key, value in (raw or {}).items()}
    try:
        version = found[f"{_PREFIX}format_version"]
        if version != FORMAT_VERSION:
            raise GristmillError("GM-SHARDS-005", f"`{path}` has format version `{version}`, not `1`")
        return ShardMetadata(
            format_version=version,
            tokenizer_digest=found[f"{_PREFIX}tokenizer_digest"],
            tokenizer_mode=found[f"{_PREFIX}tokenizer_mode"],
            end_of_text=tuple(int(id_) for id_ in json.loads(found[f"{_PREFIX}end_of_text"])),
            vocabulary_size=int(found[f"{_PREFIX}vocabulary_size"]),
            split=found[f"{_PREFIX}split"],
            lineage=found[f"{_PREFIX}lineage"],
        )
    except (KeyError, ValueError, TypeError) as error:
        raise GristmillError("GM-SHARDS-005", f"the metadata of `{path}` lacks or spoils {error}") from error
