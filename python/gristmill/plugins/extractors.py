"""Extractors: markup or bytes in, the document's text out, before anything else. Running them is `extraction`'s."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from gristmill.plugins.operators import Operator, Output


class Extractor(Operator):
    """Makes the text of a document from what its record holds. Define ``extract(batch)`` or ``extract_one(raw)``.

    A source names it: ``extract = "web.main_text"``, or ``{ use = "web.main_text", <its keys> }``. The column ``raw``
    holds the source's field `text`: a string, or bytes where a Parquet column is binary. A null result says that the
    record has no text; it is quarantined as ``no_text``. A record on which the extractor raises is quarantined with the
    exception's type. The raw field goes no further, unless `columns` of the source names it.

    Examples
    --------
    >>> import pyarrow as pa
    >>> import pyarrow.compute as pc
    >>> from gristmill.plugins.api import Extractor
    >>> class Untag(Extractor):
    ...     name, version = "untag", 1
    ...     def extract(self, batch):
    ...         return pc.replace_substring_regex(batch.column("raw"), "<[^>]*>", "")
    >>> Untag().extract(pa.record_batch({"raw": ["<b>one</b> two"]})).to_pylist()
    ['one two']
    """

    kind = "extractor"
    work = ("extract", "extract_one")
    inputs: ClassVar[tuple[str, ...]] = ("raw",)
    outputs: ClassVar[Mapping[str, str | Output]] = {"text": Output(type="utf8", nullable=True)}
