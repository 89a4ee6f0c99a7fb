"""Types of the compiled module. Everything here releases the interpreter while it works and notices Ctrl-C."""

from collections.abc import Sequence
from os import PathLike
from typing import Literal, final

import pyarrow as pa

__all__ = [
    "BUILD_PROFILE",
    "SEGMENT_COLUMNS",
    "TOKENIZER_LIBRARY",
    "Decoder",
    "FileTable",
    "MapTask",
    "RowReader",
    "Session",
    "TokenColumns",
    "Tokenizer",
    "__version__",
    "bloom_filter_bytes",
    "dedup_again",
    "digest_file",
    "near_duplicates",
    "near_vectors",
    "plan_shards",
    "put_if_absent",
    "rule_columns",
    "run_steps",
    "run_task",
    "segment_texts",
    "tokenizer_facts",
    "verify_identity",
    "verify_split",
    "what_if",
]

__version__: str
BUILD_PROFILE: str
SEGMENT_COLUMNS: tuple[str, ...]
TOKENIZER_LIBRARY: str

@final
class Session:
    """What the tasks of one process share: the request to stop, and the files verified so far."""

    def __new__(cls) -> Session: ...
    def cancel(self) -> None:
        """Ask running tasks to stop."""

@final
class TokenColumns:
    """The mapped columns of a split's shards; see `gristmill.loader`."""

    def __new__(cls, files: Sequence[pa.Array], num_sources: int, session: Session) -> TokenColumns: ...
    def count_sources(self, session: Session) -> tuple[list[int], list[int]]:
        """Documents and tokens of each source. Time: one pass over sources and lengths."""

    @property
    def num_blocks(self) -> int:
        """Number of record batches."""

@final
class RowReader:
    """Packed rows, planned and then filled; see `gristmill.loader`."""

    def __new__(
        cls, columns: TokenColumns, settings: str, state: str | None, session: Session
    ) -> RowReader: ...
    def state(self) -> str:
        """Where it stands, as JSON."""

    def ledger(self) -> str:
        """The token ledger, as JSON."""

    @property
    def epoch(self) -> int:
        """Epoch of the next row."""

    @property
    def placed_by_source(self) -> list[int]:
        """Tokens in rows so far, by source."""

    def skip(self, rows: int, session: Session, tokens: int = ...) -> int:
        """Leave out global rows until `rows` were left out or `tokens` placed since the beginning."""

    def plan(self, rows: int, rank: int, num_ranks: int, session: Session) -> tuple[int, int, int, int, int]:
        """Plan a batch: rows, global rows, tokens, pieces, rows that are not full."""

    def fill(
        self,
        padding: int | None,
        kind: str,
        tokens: object,
        positions: object,
        targets: object | None,
        bounds: object,
        pieces: object,
        row_bounds: object,
    ) -> tuple[int, int]:
        """Fill the planned batch into writable arrays: trained places, tokens of the longest piece."""

@final
class MapTask:
    """A map task under way; see `gristmill.curate.task`."""

    def __new__(cls, spec: str, session: Session) -> MapTask: ...
    def advance(
        self, session: Session
    ) -> tuple[Literal["plugin", "turns", "input"], int, pa.RecordBatch | None] | None:
        """Work until a plugin or a reader is needed; None when everything is read."""

    def feed(self, batch: pa.RecordBatch | None) -> None:
        """Take a batch that a reader plugin read, or None at the end of its file."""

    def supply(
        self,
        columns: Sequence[pa.Array],
        text: pa.Array | None,
        failures: Sequence[tuple[int, str, str]],
    ) -> None:
        """Take a plugin step's columns, new texts and failed rows."""

    def supply_chat(self, rendered: pa.Array, failures: Sequence[tuple[int, str, str]]) -> None:
        """Take what a chat template made of turns: large_string, null where it failed; and the rows where it failed."""

    def commit(self, session: Session) -> str:
        """Commit, and return the task manifest as JSON."""

@final
class Tokenizer:
    """A loaded `tokenizer.json`."""

    def __new__(
        cls, path: str | PathLike[str], special: str, session: Session, only_library: bool = False
    ) -> Tokenizer: ...
    @property
    def library_reason(self) -> str | None:
        """Why texts go through the `tokenizers` library; None on gristmill's own path."""

    @property
    def vocabulary_size(self) -> int:
        """One more than the largest id."""

    def encode_batch(self, texts: pa.Array, session: Session) -> pa.Array:
        """Return the token ids of each large_string text; null for a null text."""

@final
class Decoder:
    """A loaded `tokenizer.json` that turns ids back into text."""

    def __new__(cls, path: str | PathLike[str], session: Session) -> Decoder: ...
    def decode(self, ids: Sequence[int], session: Session) -> str:
        """Return the text of some ids, control tokens written out."""

@final
class FileTable:
    """Reads one file as record batches: `row`, `id`, `text`, `metadata`, `unreadable`."""

    def __new__(
        cls, path: str | PathLike[str], text_field: str, id_field: str | None, session: Session
    ) -> FileTable: ...
    def next_batch(self, session: Session) -> pa.RecordBatch | None:
        """Return the next rows, or None at the end."""

def near_duplicates(
    texts: pa.Array, spec: str, folder: str | PathLike[str], session: Session
) -> pa.RecordBatch:
    """Return `cluster`, `duplicate_of` and `similarity` of each large_string text, as row numbers."""

def near_vectors(
    vectors: pa.Array, ranks: pa.Array, spec: str, folder: str | PathLike[str], session: Session
) -> pa.RecordBatch:
    """Return `cluster`, `duplicate_of` and `similarity` of each list of floats, as row numbers; large ranks survive."""

def run_steps(
    texts: pa.Array, steps: str, edits: bool, columns: pa.RecordBatch | None, session: Session
) -> tuple[pa.Array, pa.RecordBatch]:
    """Run native steps over large_string texts; return the texts they leave and the columns they make.

    With `edits` each step reads what the one before it left; without, all read the texts as they are. `columns` are
    string columns that steps read beside the text.
    """

def segment_texts(texts: pa.Array, columns: Sequence[str], session: Session) -> pa.RecordBatch:
    """Columns of the segmentations of texts, a list a row; see `gristmill.segments`."""

def rule_columns() -> str:
    """Return the columns of every step that measures, as JSON: name, kind and description by step."""

def run_task(spec: str, session: Session) -> str:
    """Run a native task described in JSON; return its manifest as JSON."""

def digest_file(path: str | PathLike[str], session: Session) -> tuple[int, str]:
    """Return length and ``blake3:`` digest of a file."""

def put_if_absent(path: str | PathLike[str], content: bytes, attempt: str, session: Session) -> bool:
    """Write a file durably and atomically unless it exists; return whether this call wrote it."""

def plan_shards(
    data: str | PathLike[str],
    orders: str,
    num_tokens: int,
    vocabulary_size: int,
    shard_bytes: int,
    is_shuffled: bool,
    session: Session,
) -> list[tuple[int, int]]:
    """Return where each shard of a split starts, as (position, docref) pairs."""

def bloom_filter_bytes(expected: int, false_positive_rate: float) -> int | None:
    """Return the bytes of a Bloom filter for so many elements and that rate of mistakes; None if there is none."""

def tokenizer_facts(path: str | PathLike[str], special: str, names: Sequence[str], session: Session) -> str:
    """Load a tokenizer, compare both ways to encode, and return what a plan says of it as JSON."""

def verify_identity(spec: str, session: Session) -> str:
    """Prove that every document is in exactly one place; return the findings as JSON."""

def verify_split(spec: str, session: Session) -> str:
    """Look at the split of a finished run again, from its files alone; return the findings as JSON."""

def what_if(spec: str, session: Session) -> str:
    """Return which documents other thresholds would keep, as JSON; see `gristmill.curate.what_if`."""

def dedup_again(spec: str, session: Session) -> str:
    """Return which duplicates would go among those documents, as JSON."""
