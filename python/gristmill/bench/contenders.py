"""What is measured, by stage: gristmill's own functions, rivals that are installed, and what the hardware allows.

A contender is a function that takes a `Setting`, does all that comes before the clock (imports, loading, one warm-up),
and returns a function that works through one chunk of texts and returns a `Work`. It runs in a process of its own.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pyarrow as pa

RULES = ("gopher_repetition", "gopher_quality", "c4_quality", "fineweb_quality")
"""The published rule sets that rivals have, too."""
BANDS, ROWS, SHINGLE_WORDS = 14, 8, 5
MIN_SIMILARITY = 0.8
DISK_BYTES = 32 << 20
COPY_BYTES = 64 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """What a contender is given.

    Parameters
    ----------
    files
        The sample as `.jsonl.zst`.
    tokenizer
        A `tokenizer.json`.
    folder
        For files that a contender writes.
    """

    files: Sequence[str]
    tokenizer: str
    folder: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """What was done with a chunk.

    Parameters
    ----------
    num_bytes, num_documents, num_tokens
        Bytes of text, documents and token ids; 0 where that is no question.
    """

    num_bytes: int
    num_documents: int = 0
    num_tokens: int = 0


Chunk = Callable[[Sequence[str]], Work]
Make = Callable[[Setting], Chunk]


@dataclass(frozen=True, kw_only=True, slots=True)
class Contender:
    """One way of doing a stage.

    Parameters
    ----------
    stage
        What is done.
    name
        Who does it: ``gristmill``, a package, or a limit of the hardware.
    package
        Distribution that has to be installed; None for ourselves and for limits.
    make
        The function.
    does_whole
        Whether a chunk is the whole sample, whatever texts are given: reading, and the limits.
    is_wall
        Whether wall time is what counts: of disks.
    note
        What the reader has to know.
    """

    stage: str
    name: str
    package: str | None
    make: Make
    does_whole: bool = False
    is_wall: bool = False
    note: str = ""

    @property
    def version(self) -> str | None:
        """Of the package, None where it is not installed or none is needed."""
        if self.package is None:
            return None
        try:
            return version(self.package)
        except PackageNotFoundError:
            return None

    @property
    def is_installed(self) -> bool:
        """Whether it can be measured here."""
        return self.package is None or self.version is not None


def size_of(texts: Sequence[str]) -> int:
    """Return the bytes of texts in UTF-8."""
    return sum(len(text.encode()) for text in texts)


def _read_ours(setting: Setting) -> Chunk:
    from gristmill.curate.tables import read

    def work(_: Sequence[str]) -> Work:
        num_bytes = num_documents = 0
        for batch in read(list(setting.files)):
            column = batch.column("text")
            num_documents += batch.num_rows
            num_bytes += sum(buffer.size for buffer in column.buffers()[2:])
        return Work(num_bytes=num_bytes, num_documents=num_documents)

    return work


def _read_json(setting: Setting) -> Chunk:
    def work(_: Sequence[str]) -> Work:
        num_bytes = num_documents = 0
        for file in setting.files:
            with pa.CompressedInputStream(pa.OSFile(file), "zstd") as stream:
                for line in stream.read().splitlines():
                    num_bytes += len(json.loads(line)["text"].encode())
                    num_documents += 1
        return Work(num_bytes=num_bytes, num_documents=num_documents)

    return work


def _read_polars(setting: Setting) -> Chunk:
    import polars as pl

    def work(_: Sequence[str]) -> Work:
        num_bytes = num_documents = 0
        for file in setting.files:
            frame = pl.read_ndjson(file, schema={"text": pl.String}, ignore_errors=False)
            num_bytes += int(frame["text"].str.len_bytes().sum())
            num_documents += len(frame)
        return Work(num_bytes=num_bytes, num_documents=num_documents)

    return work


def _clean_ours(setting: Setting) -> Chunk:
    del setting
    from gristmill.curate.tables import clean

    def work(texts: Sequence[str]) -> Work:
        clean(pa.table({"text": pa.array(texts, pa.large_utf8())}))
        return Work(num_bytes=size_of(texts), num_documents=len(texts))

    return work


def _clean_ftfy(setting: Setting) -> Chunk:
    del setting
    from ftfy import fix_text  # type: ignore[import-not-found,unused-ignore]

    def work(texts: Sequence[str]) -> Work:
        for text in texts:
            fix_text(text)
        return Work(num_bytes=size_of(texts), num_documents=len(texts))

    return work


def _rules_ours(setting: Setting) -> Chunk:
    del setting
    from gristmill.curate.tables import signals

    def work(texts: Sequence[str]) -> Work:
        signals(pa.table({"text": pa.array(texts, pa.large_utf8())}), RULES)
        return Work(num_bytes=size_of(texts), num_documents=len(texts))

    return work


def _rules_datatrove(setting: Setting) -> Chunk:
    del setting
    from datatrove.data import Document  # type: ignore[import-not-found,unused-ignore]
    from datatrove.pipeline.filters import (  # type: ignore[import-not-found,unused-ignore]
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
    )

    filters = [
        GopherRepetitionFilter(),
        GopherQualityFilter(),
        C4QualityFilter(filter_no_terminal_punct=False),
        FineWebQualityFilter(),
    ]

    def work(texts: Sequence[str]) -> Work:
        for text in texts:
            for step in filters:
                step.filter(Document(text=text, id=""))
        return Work(num_bytes=size_of(texts), num_documents=len(texts))

    return work


def _minhash_ours(setting: Setting) -> Chunk:
    del setting
    from gristmill.curate.tables import near_duplicates

    def work(texts: Sequence[str]) -> Work:
        near_duplicates(
            pa.table({"text": pa.array(texts, pa.large_utf8())}),
            bands=BANDS,
            rows=ROWS,
            shingle_words=SHINGLE_WORDS,
            min_similarity=MIN_SIMILARITY,
        )
        return Work(num_bytes=size_of(texts), num_documents=len(texts))

    return work


def _shingles(text: str) -> list[bytes]:
    words = text.lower().split()
    last = max(1, len(words) - SHINGLE_WORDS + 1)
    return [" ".join(words[start : start + SHINGLE_WORDS]).encode() for start in range(last)]


def _minhash_datasketch(setting: Setting) -> Chunk:
    del setting
    from datasketch import MinHash, MinHashLSH  # type: ignore[import-not-found,unused-ignore]

    def work(texts: Sequence[str]) -> Work:
        index = MinHashLSH(num_perm=BANDS * ROWS, params=(BANDS, ROWS))
        sets = [_shingles(text) for text in texts]
        for number, sketch in enumerate(MinHash.generator(sets, num_perm=BANDS * ROWS, seed=1)):
            if not index.query(sketch):
                index.insert(number, sketch, check_duplication=False)
        return Work(num_bytes=size_of(texts), num_documents=len(texts))

    return work


def _minhash_rensa(setting: Setting) -> Chunk:
    del setting
    from rensa import RMinHash, RMinHashLSH  # type: ignore[import-not-found,unused-ignore]

    def work(texts: Sequence[str]) -> Work:
        index = RMinHashLSH(threshold=MIN_SIMILARITY, num_perm=BANDS * ROWS, num_bands=BANDS)
        for number, text in enumerate(texts):
            sketch = RMinHash(num_perm=BANDS * ROWS, seed=1)
            sketch.update([shingle.decode() for shingle in _shingles(text)])
            if not index.query(sketch):
                index.insert(number, sketch)
        return Work(num_bytes=size_of(texts), num_documents=len(texts))

    return work


def _tokenise_ours(setting: Setting) -> Chunk:
    from gristmill.curate.tables import Tokenizer

    tokenizer = Tokenizer(setting.tokenizer, "hf")

    def work(texts: Sequence[str]) -> Work:
        ids = tokenizer.encode_batch(pa.array(texts, pa.large_utf8()))
        return Work(num_bytes=size_of(texts), num_documents=len(texts), num_tokens=len(ids.values))

    return work


def _tokenise_library(setting: Setting) -> Chunk:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(setting.tokenizer)
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def work(texts: Sequence[str]) -> Work:
        found = tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return Work(
            num_bytes=size_of(texts), num_documents=len(texts), num_tokens=sum(len(one.ids) for one in found)
        )

    return work


def _tokenise_tiktoken(setting: Setting) -> Chunk:
    from gristmill.bench.tiktoken_ranks import load_encoding

    encoding = load_encoding(Path(setting.tokenizer))

    def work(texts: Sequence[str]) -> Work:
        found = encoding.encode_ordinary_batch(list(texts), num_threads=1)
        return Work(num_bytes=size_of(texts), num_documents=len(texts), num_tokens=sum(map(len, found)))

    return work


def _copy(setting: Setting) -> Chunk:
    del setting
    source, target = bytearray(COPY_BYTES), bytearray(COPY_BYTES)
    target[:] = source

    def work(_: Sequence[str]) -> Work:
        target[:] = source
        return Work(num_bytes=COPY_BYTES)

    return work


def _zstd(setting: Setting) -> Chunk:
    packed = [Path(file).read_bytes() for file in setting.files]

    def work(_: Sequence[str]) -> Work:
        num_bytes = 0
        for content in packed:
            with pa.CompressedInputStream(pa.BufferReader(content), "zstd") as stream:
                while piece := stream.read(1 << 20):
                    num_bytes += len(piece)
        return Work(num_bytes=num_bytes)

    return work


def _disk_write(setting: Setting) -> Chunk:
    content = os.urandom(1 << 20)

    def work(_: Sequence[str]) -> Work:
        with tempfile.NamedTemporaryFile(dir=setting.folder) as file:
            for _number in range(DISK_BYTES >> 20):
                file.write(content)
            file.flush()
            os.fsync(file.fileno())
        return Work(num_bytes=DISK_BYTES)

    return work


def _disk_read(setting: Setting) -> Chunk:
    path = Path(setting.folder) / f"read-{os.getpid()}"
    with path.open("wb") as file:
        content = os.urandom(1 << 20)
        for _number in range(DISK_BYTES >> 20):
            file.write(content)
        file.flush()
        os.fsync(file.fileno())

    def work(_: Sequence[str]) -> Work:
        with path.open("rb", buffering=0) as file:
            # Asks the system to forget what it has of the file in memory; it need not.
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            num_bytes = 0
            while piece := file.read(1 << 20):
                num_bytes += len(piece)
        return Work(num_bytes=num_bytes)

    return work


_NEAR = "proposes and confirms by the texts"
_ASKS = "asks an index and takes its word"

CONTENDERS = (
    Contender(stage="memory copy", name="limit", package=None, make=_copy, does_whole=True),
    Contender(stage="zstd decompression", name="limit", package=None, make=_zstd, does_whole=True),
    Contender(
        stage="disk write", name="limit", package=None, make=_disk_write, does_whole=True, is_wall=True
    ),
    Contender(stage="disk read", name="limit", package=None, make=_disk_read, does_whole=True, is_wall=True),
    Contender(stage="read", name="gristmill", package=None, make=_read_ours, does_whole=True),
    Contender(stage="read", name="polars", package="polars", make=_read_polars, does_whole=True),
    Contender(stage="read", name="json", package=None, make=_read_json, does_whole=True, note="of Python"),
    Contender(stage="clean", name="gristmill", package=None, make=_clean_ours),
    Contender(stage="clean", name="ftfy", package="ftfy", make=_clean_ftfy),
    Contender(stage="rules", name="gristmill", package=None, make=_rules_ours, note=", ".join(RULES)),
    Contender(
        stage="rules", name="datatrove", package="datatrove", make=_rules_datatrove, note="the same four"
    ),
    Contender(stage="minhash", name="gristmill", package=None, make=_minhash_ours, note=_NEAR),
    Contender(stage="minhash", name="datasketch", package="datasketch", make=_minhash_datasketch, note=_ASKS),
    Contender(stage="minhash", name="rensa", package="rensa", make=_minhash_rensa, note=_ASKS),
    Contender(stage="tokenise", name="gristmill", package=None, make=_tokenise_ours),
    Contender(stage="tokenise", name="tokenizers", package="tokenizers", make=_tokenise_library),
    Contender(stage="tokenise", name="tiktoken", package="tiktoken", make=_tokenise_tiktoken),
)
STAGES = tuple(dict.fromkeys(contender.stage for contender in CONTENDERS))


def find(stage: str, name: str) -> Contender:
    """Return a contender.

    Examples
    --------
    >>> find("tokenise", "gristmill").is_installed
    True
    """
    return next(one for one in CONTENDERS if (one.stage, one.name) == (stage, name))
