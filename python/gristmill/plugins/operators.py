"""The kinds of operator an author writes: signal, transform, filter, reader. Authors import them from `api`.

Each is a class with identity in class attributes and one method for the work. The name of that method chooses
the tier: a polars expression, an Arrow batch, or a Python function for each document. Not here: checks of
what an operator returns (`host`).
"""

from __future__ import annotations

import hashlib
import logging
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, TypeVar

from gristmill import _native
from gristmill.plugins.config import NoConfig

if TYPE_CHECKING:
    import pyarrow as pa

TYPES = ("bool", "int32", "int64", "uint32", "uint64", "float32", "float64", "utf8")
"""The types an output may declare."""
ENGINE_COLUMNS = ("text", "key", "doc", "id", "source")
"""Columns the engine can always give, whatever the recipe extracts."""
SEGMENT_COLUMNS = _native.SEGMENT_COLUMNS
"""Columns of the one segmentation: lists of byte positions, kinds and hashes; see `gristmill.segments`."""

Function = TypeVar("Function", bound=Callable[..., object])


@dataclass(frozen=True, kw_only=True, slots=True)
class Output:
    """One column that a signal promises.

    Parameters
    ----------
    type
        One of `TYPES`.
    nullable
        Whether a null is a legal value ("not applicable"); otherwise a null is a failure of that document.
    non_finite
        What happens to NaN and infinities of a float column: ``"refuse"`` (the document fails),
        ``"null"`` or ``"keep"``.

    Examples
    --------
    >>> Output.parse("float32?")
    Output(type='float32', nullable=True, non_finite='refuse')
    """

    type: str
    nullable: bool = False
    non_finite: Literal["refuse", "null", "keep"] = "refuse"

    def __post_init__(self) -> None:
        if self.type not in TYPES:
            raise ValueError(f"the output type `{self.type}` is none of {', '.join(TYPES)}")
        if self.non_finite not in ("refuse", "null", "keep"):
            raise ValueError(f"`non_finite` is `{self.non_finite}`, which is none of refuse, null, keep")

    @classmethod
    def parse(cls, declared: str | Output) -> Output:
        """Return the output that a short form declares: a type, with ``?`` behind it if nulls are legal."""
        if isinstance(declared, Output):
            return declared
        return cls(type=declared.removesuffix("?"), nullable=declared.endswith("?"))

    def describe(self) -> dict[str, object]:
        """Return the declaration as plain JSON values."""
        return {"type": self.type, "nullable": self.nullable, "non_finite": self.non_finite}


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """What an operator is given when it is opened.

    Parameters
    ----------
    operator
        The full name, for example ``legal.citation_density``.
    seed
        The run's seed.
    scratch
        A folder of the operator's own, empty at first, gone after the run.
    threads
        How many threads the operator may use.
    logger
        Logs under the operator's name.

    Examples
    --------
    >>> import logging, pathlib
    >>> context = Context(operator="demo.x", seed=7, scratch=pathlib.Path("."), threads=1,
    ...                   logger=logging.getLogger("demo"))
    >>> context.rng(b"key").random() == context.rng(b"key").random()
    True
    """

    operator: str
    seed: int
    scratch: Path
    threads: int
    logger: logging.Logger

    def rng(self, document: int | bytes | str) -> random.Random:
        """Return a random generator that depends on the run's seed, the operator and the document only.

        Ask for the column ``key`` in `inputs` and pass its values: batch boundaries then cannot matter.
        """
        hasher = hashlib.blake2b(digest_size=16)
        kind = type(document).__name__.encode()
        raw = document if isinstance(document, bytes) else str(document).encode()
        for part in (str(self.seed).encode(), self.operator.encode(), kind, raw):
            hasher.update(len(part).to_bytes(8, "little") + part)
        return random.Random(int.from_bytes(hasher.digest(), "little"))


class Operator:
    """What all kinds have in common. Derive from `Signal`, `Transform`, `Filter` or `Reader` instead.

    Attributes
    ----------
    name
        Lower case, unique in the plugin; the recipe says ``<namespace>.<name>``.
    version
        A whole number; raise it whenever the results change, so that stored results are not used again.
    Config
        A class made by `frozen_config`; its fields are the recipe keys of the operator (not of a reader).
    deterministic
        False must be declared by an operator whose results differ from call to call.
    thread_safe
        True allows calls from several threads at once; otherwise the host makes one call at a time.
    isolation, deadline, max_memory
        What a recipe step that does not say otherwise gets: ``"process"`` for code that may crash or hang,
        ``"60s"``, ``"2GiB"``. They change no result.
    """

    kind: ClassVar[str] = ""
    work: ClassVar[tuple[str, ...]] = ()
    """Methods of which an operator of this kind defines exactly one; their order is the tier."""

    name: ClassVar[str]
    version: ClassVar[int]
    inputs: ClassVar[tuple[str, ...]] = ("text",)
    Config: ClassVar[type] = NoConfig
    deterministic: ClassVar[bool] = True
    thread_safe: ClassVar[bool] = False
    isolation: ClassVar[Literal["none", "process"]] = "none"
    deadline: ClassVar[str | float | None] = None
    max_memory: ClassVar[str | int | None] = None
    scope: ClassVar[Literal["row", "batch", "group"]] = "row"
    defines_several: ClassVar[bool] = False
    """Whether an operator of this kind may define several of `work`, as callbacks do."""

    def __init__(self, config: object | None = None) -> None:
        self.config = self.Config() if config is None else config

    def open(self, context: Context) -> None:
        """Load models and caches; called before the first batch (or file), in the process that runs it."""

    def close(self) -> None:
        """Release what `open` took; called once after the last batch (or file)."""


class Signal(Operator):
    """Columns computed from a document. Define exactly one of the methods named in the example.

    ``expr(self) -> Expr`` (or a sequence of them, one an output), ``compute(self, batch) -> Mapping[str,
    Array]``, or ``score(self, text)`` under `per_document`. The last returns one value, or a mapping for
    several outputs.

    Attributes
    ----------
    inputs
        Columns the work reads. Only these are in the batch. ``text`` is never null. ``token_starts``,
        ``line_ends`` and the other `SEGMENT_COLUMNS` are lists of positions in the text, as bytes, from the one
        segmentation that all rules read.
    outputs
        Name to type; ``"float32?"`` allows nulls, `Output` says more.
    scope
        ``"batch"`` for work that cannot be split into rows: a failure then takes the whole batch.

    Examples
    --------
    >>> from gristmill.plugins.api import Signal, per_document
    >>> class Shouting(Signal):
    ...     name, version = "shouting", 1
    ...     outputs = {"upper_fraction": "float32"}
    ...     @per_document
    ...     def score(self, text: str) -> float:
    ...         return sum(map(str.isupper, text)) / max(1, len(text))
    >>> Shouting().score("Ab")
    0.5
    """

    kind = "signal"
    work = ("expr", "compute", "score")
    outputs: ClassVar[Mapping[str, str | Output]]


class Transform(Operator):
    r"""Edits text. Define exactly one of ``expr()``, ``apply(batch)`` and ``edit(text)``.

    The result has one text for each row, never null; the engine records what changed.

    Examples
    --------
    >>> from gristmill.plugins.api import Transform, col
    >>> class Squeeze(Transform):
    ...     name, version = "squeeze", 1
    ...     def expr(self):
    ...         return col("text").str.replace_all(r"[ \t]+", " ")
    """

    kind = "transform"
    work = ("expr", "apply", "edit")


class Filter(Operator):
    """Drops documents for which ``predicate() -> Expr`` is false; null keeps the document.

    Attributes
    ----------
    reason
        One sentence for reports: why a document is dropped.

    Examples
    --------
    >>> from gristmill.plugins.api import Filter, col
    >>> class NotEmpty(Filter):
    ...     name, version = "not_empty", 1
    ...     reason = "the document is empty"
    ...     def predicate(self):
    ...         return col("text").str.len_bytes() > 0
    """

    kind = "filter"
    work = ("predicate",)
    reason: ClassVar[str]
    outputs: ClassVar[Mapping[str, str | Output]] = {"keep": Output(type="bool", nullable=True)}


class Reader(Operator):
    """Turns a file into Arrow batches with a ``text`` column; ``id`` and any other columns travel along.

    Attributes
    ----------
    suffixes
        The file name endings it is meant for, with the dot, for example ``(".eml",)``. Optional and for
        information only: a source names its reader by `format`, whatever its files are called.

    Notes
    -----
    A reader has no recipe keys in this version: a source cannot set them, so a `Config` keeps its defaults.
    Yield a null ``text`` for a document that cannot be read: it is quarantined, and the run goes on. Batches
    may be of one row; the host puts them together.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from gristmill.plugins.api import Reader
    >>> class Lines(Reader):
    ...     name, version = "lines", 1
    ...     def read(self, path):
    ...         with path.open(encoding="utf-8") as lines:
    ...             for line in lines:
    ...                 yield pa.record_batch({"text": [line]})
    """

    kind = "reader"
    work = ("read",)
    suffixes: ClassVar[tuple[str, ...]] = ()

    def read(self, path: Path) -> Iterator[pa.RecordBatch]:
        """Yield the file's documents in order, in batches of any size."""
        raise NotImplementedError


def per_document(function: Function) -> Function:
    """Mark a method as tier 3: called with one document's inputs at a time, under the interpreter lock.

    Good for prototypes; the host logs its speed. The method stays callable as it is written.

    Examples
    --------
    >>> @per_document
    ... def score(self, text: str) -> int:
    ...     return len(text)
    >>> score(None, "abc")
    3
    """
    function.is_per_document = True  # type: ignore[attr-defined]  # a mark that the manager looks for
    return function


def work_method(operator: type[Operator]) -> tuple[str, int]:
    """Return the name of the one work method an operator defines, and its tier (1, 2 or 3).

    Raises
    ------
    ValueError
        If it defines none or several, or a tier 3 method without its mark.

    Examples
    --------
    >>> class One(Signal):
    ...     name, version, outputs = "one", 1, {"one": "int32"}
    ...     def compute(self, batch): ...
    >>> work_method(One)
    ('compute', 2)
    """
    base = next((ancestor for ancestor in operator.__mro__ if "work" in vars(ancestor)), Operator)
    found = [name for name in operator.work if getattr(operator, name, None) is not getattr(base, name, None)]
    choice = " or ".join(f"`{name}`" for name in operator.work)
    if operator.defines_several and found:
        return found[0], 2
    if len(found) != 1:
        number = "at least" if operator.defines_several else "exactly"
        raise ValueError(f"must define {number} one of {choice}; it defines {len(found)}")
    name = found[0]
    by_name = {"expr": 1, "predicate": 1, "score": 3, "edit": 3, "extract_one": 3, "decide_group": 3}
    tier = by_name.get(name, 2)
    mark = "group" if name == "decide_group" else "document"
    if tier == 3 and not getattr(getattr(operator, name), f"is_per_{mark}", False):
        raise ValueError(f"must mark `{name}` with `@per_{mark}`")
    return name, tier
