"""`code.licence_header` and `code.strip_licence_header`: the licence notice in the first comments of a file.

The comments before the first line of code are read paragraph by paragraph; those with words of `licence_phrases` are
the header, and single lines with a copyright or an SPDX identifier. Not here: whole licence texts
(`legal.licence_boilerplate` of gristmill-legal).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from gristmill.plugins.api import Field, Signal, Transform, frozen_config
from gristmill_code.licence_phrases import (
    FURTHER_PHRASES,
    GNU_IDENTIFIERS,
    GNU_NAME,
    LICENCE_PHRASES,
    LINE_PHRASES,
)

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

MAX_CHARACTERS = 20_000
"""Comments are read so far: the longest usual notice, of several licences, has some 10,000."""

LIKELY = r"(?i)licen[cs]e|copyright|public domain|\(c\) *[0-9]|©|rights +reserved|spdx-"
"""Text without this has no header; found in native code, so that Python sees only the others."""

_BLOCKS = (("/*", "*/"), ("<!--", "-->"), ('"""', '"""'), ("'''", "'''"), ("{-", "-}"), ("(*", "*)"))
_LINE_MARK = re.compile(
    r"//+!?|;+|--+|%+|#+(?![!\[]|\s*(?:include|define|if|ifdef|ifndef|pragma|undef|import)\b)|dnl\b|REM\b"
)
_SKIPPED = re.compile(r"#!|<\?(?:php|xml)\b|#.*\bcoding[:=]|<!DOCTYPE\b|['\"]use strict['\"]", re.IGNORECASE)
"""Lines that may stand before a header and stay."""
_MARKS = re.compile(r"^[\s*#/;%!<{(\"'|-]+|[\s*#/%>})\"'|-]+$")
_HAS_CONTENT = re.compile(r"[^\W_]")
_PHRASE = re.compile(
    "|".join(
        f"(?:{pattern})"
        for pattern in (
            *FURTHER_PHRASES,
            GNU_NAME.replace("?P<kind>", "?:"),
            *(row.pattern for row in LICENCE_PHRASES),
        )
    )
)
_LINE_PHRASE = re.compile("|".join(f"(?:{pattern})" for pattern in LINE_PHRASES))
_GNU = re.compile(GNU_NAME)
_SPDX = re.compile(
    r"(?i)spdx-license-identifier:[ \t]*(\(?[a-z0-9.+-]+(?:[ \t]+(?:or|and|with)[ \t]+\(?[a-z0-9.+-]+\)?)*\)?)"
)


@dataclass(slots=True)
class _Line:
    """A line of the leading comments: text with its end, block number, and what is left without comment marks."""

    text: str
    block: int
    content: str
    is_header: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """A licence notice and the text around it.

    `notice` is the words alone, comment marks taken off, a line each; `style` the mark of the first comment, such
    as ``//`` or ``/*``; `rest` the text without the notice.
    """

    notice: tuple[str, ...]
    style: str
    num_characters: int
    rest: str


def find_header(text: str) -> Header | None:
    r"""Return the licence notice in the comments before the first line of code; none if there is none.

    Time is linear in what is read: the first 20,000 characters.

    Examples
    --------
    >>> found = find_header("// Copyright 2020 A. Author\n// Licensed under the MIT license.\n\nint x;\n")
    >>> found.notice, found.rest
    (('Copyright 2020 A. Author', 'Licensed under the MIT license.'), 'int x;\n')
    """
    lines = _leading_comments(text)
    paragraph: list[_Line] = []
    for line in [*lines, _Line("", -2, "")]:
        same = paragraph and line.block == paragraph[-1].block
        if paragraph and not (same and line.content):
            words = _even(" ".join(item.content for item in paragraph))
            is_notice = _PHRASE.search(words) is not None
            for item in paragraph if paragraph[0].block >= 0 else []:
                item.is_header = is_notice or _LINE_PHRASE.search(item.content.lower()) is not None
            paragraph = []
        if line.content:
            paragraph.append(line)
    header = [line for line in lines if line.is_header]
    if not header:
        return None
    style = next(
        (mark for mark in ("/*", "<!--", '"""', "'''", "{-", "(*") if _opens_with(header, lines, mark)), ""
    )
    return Header(
        notice=tuple(line.content for line in header),
        style=style or _mark_of(header[0].text),
        num_characters=sum(len(line.text) for line in header),
        rest=_without_header(lines) + text[sum(len(line.text) for line in lines) :],
    )


def identify(notice: str) -> tuple[str | None, str]:
    """Return SPDX identifier (or none) and family of a notice's words.

    Examples
    --------
    >>> identify("under the GNU General Public License, version 2 or (at your option) any later version")
    ('GPL-2.0-or-later', 'GPL')
    >>> identify("Copyright 2020 A. Author")
    (None, 'unknown')
    """
    stated = _SPDX.search(notice)
    words = _even(notice)
    spdx, family = _by_words(words)
    if stated:
        identifier = stated[1].strip("()") if stated[1].count("(") != stated[1].count(")") else stated[1]
        return identifier, family if family != "unknown" else _family_of(identifier)
    return spdx, family


def _by_words(words: str) -> tuple[str | None, str]:
    gnu = _GNU.search(words)
    if gnu:
        family = GNU_IDENTIFIERS[gnu["kind"]]
        version = re.search(r"\b(?:version|v)\.? ?([123])(?:\.(\d))?", words[max(0, gnu.start() - 120) :])
        if not version:
            return None, family
        later = "or-later" if re.search(r"any later version|or later|\(at your option\)", words) else "only"
        return f"{family}-{version[1]}.{version[2] or '0'}-{later}", family
    for row in LICENCE_PHRASES:
        if re.search(row.pattern, words):
            return row.spdx, row.family
    return None, "unknown"


def _family_of(identifier: str) -> str:
    known = {row.spdx.lower(): row.family for row in LICENCE_PHRASES if row.spdx}
    first = identifier.strip("(").split()[0].lower()
    gnu = next((name for name in ("AGPL", "LGPL", "GPL") if first.startswith(name.lower())), None)
    return known.get(first) or gnu or "unknown"


def _leading_comments(text: str) -> list[_Line]:
    """Return the lines before the first line of code; a block's number is -1 for lines that stay."""
    lines: list[_Line] = []
    closer, block, last_mark = "", 0, ""
    for raw in text[:MAX_CHARACTERS].splitlines(keepends=True):
        stripped = raw.strip()
        if closer:
            before, found, after = stripped.partition(closer)
            if found and after.strip():
                return _drop_block(lines, block)
            lines.append(_Line(raw, block, _content(before)))
            closer = "" if found else closer
            continue
        opened = next(((opener, close) for opener, close in _BLOCKS if stripped.startswith(opener)), None)
        if not stripped or _SKIPPED.match(stripped):
            last_mark = ""
            lines.append(_Line(raw, -1, "" if not stripped else "-"))
        elif opened:
            block, last_mark = block + 1, ""
            before, found, after = stripped[len(opened[0]) :].partition(opened[1])
            if found and after.strip():
                return lines
            closer = "" if found else opened[1]
            lines.append(_Line(raw, block, _content(before)))
        elif (mark := _LINE_MARK.match(stripped)) is not None:
            block += mark[0][0] != last_mark
            last_mark = mark[0][0]
            lines.append(_Line(raw, block, _content(stripped[mark.end() :])))
        else:
            return lines
    # A comment that does not end within what was read is left alone.
    return _drop_block(lines, block) if closer else lines


def _drop_block(lines: list[_Line], block: int) -> list[_Line]:
    while lines and lines[-1].block == block:
        lines.pop()
    return lines


def _content(line: str) -> str:
    return _MARKS.sub("", line) if _HAS_CONTENT.search(line) else ""


def _even(words: str) -> str:
    return " ".join(words.lower().replace("``", '"').replace("''", '"').split())


def _opens_with(header: list[_Line], lines: list[_Line], mark: str) -> bool:
    first = next(line for line in lines if line.block == header[0].block)
    return first.text.strip().startswith(mark)


def _mark_of(line: str) -> str:
    mark = _LINE_MARK.match(line.strip())
    return mark[0] if mark else "#"


def _without_header(lines: list[_Line]) -> str:
    kept: list[str] = []
    blocks = {line.block for line in lines if line.is_header}
    emptied = {
        block
        for block in blocks
        if not any(line.block == block and line.content and not line.is_header for line in lines)
    }
    for line in lines:
        if line.block in emptied:
            continue
        if not line.is_header:
            is_blank = not line.content and not (_opener(line.text) or _closer(line.text))
            if is_blank and line.block in blocks and kept and not _HAS_CONTENT.search(kept[-1]):
                continue  # the blank comment line behind a paragraph that went
            kept.append(line.text)
        elif edges := _opener(line.text) + _closer(line.text):
            indent = line.text[: len(line.text) - len(line.text.lstrip())]
            kept.append(indent + edges + "\n")
    while kept and lines and not kept[0].strip() and lines[0].block in emptied:
        kept.pop(0)
    return "".join(kept)


def _opener(line: str) -> str:
    return next(
        (
            mark
            for mark in ("/**", "/*!", "/*", "<!--", '"""', "'''", "{-", "(*")
            if line.lstrip().startswith(mark)
        ),
        "",
    )


def _closer(line: str) -> str:
    stripped = line.strip()
    for opener, closer in _BLOCKS:
        if stripped.endswith(closer) and not (opener == closer and stripped == opener):
            return " " + closer
    return ""


def _rows(batch: pa.RecordBatch) -> tuple[pl.Series, list[int]]:
    import polars as pl

    texts = pl.Series("text", pl.from_arrow(batch.column("text")))
    return texts, texts.str.head(MAX_CHARACTERS).str.contains(LIKELY).arg_true().to_list()


class LicenceHeader(Signal):
    """The licence notice at the top of a source file.

    ``spdx``: the identifier that is stated (``SPDX-License-Identifier``) or that the notice's words name; null if
    neither does. ``family``: MIT, BSD, GPL, LGPL, AGPL, Apache, MPL, EPL, ISC, zlib, Boost, public domain, or
    ``unknown`` for a notice that names none, such as a line of copyright; null without a notice.
    ``header_fraction``: characters of its lines over all characters, float32 in [0, 1]; null for empty text.
    """

    name, version = "licence_header", 1
    inputs = ("text",)
    outputs: ClassVar = {"spdx": "utf8?", "family": "utf8?", "header_fraction": "float32?"}

    def compute(self, batch: pa.RecordBatch) -> Mapping[str, pl.Series]:
        """Return the columns; Python looks only at documents whose head may hold a notice, and at the head."""
        import polars as pl

        texts, rows = _rows(batch)
        size = len(texts)
        spdx: list[str | None] = [None] * size
        family: list[str | None] = [None] * size
        header: list[int] = [0] * size
        for row in rows:
            found = find_header(texts[row])
            if found is not None:
                spdx[row], family[row] = identify(" ".join(found.notice))
                header[row] = found.num_characters
        lengths = texts.str.len_chars().cast(pl.Float64)
        share = pl.DataFrame({"header": header, "all": lengths}).select(
            pl.when(pl.col("all") > 0).then(pl.col("header") / pl.col("all")).cast(pl.Float32)
        )
        return {
            "spdx": pl.Series(spdx, dtype=pl.String),
            "family": pl.Series(family, dtype=pl.String),
            "header_fraction": share.to_series(),
        }


@frozen_config
class StripLicenceHeaderConfig:
    """Recipe keys of `code.strip_licence_header`."""

    put: Literal["nowhere", "spdx", "end"] = Field(
        default="nowhere",
        doc="where the notice goes: `nowhere`, one SPDX line in its place where the licence is known (`spdx`), "
        "or the document's end (`end`), as a comment",
    )


class StripLicenceHeader(Transform):
    """Takes licence notices out of the comments at the top of a file; other paragraphs of those comments stay.

    A comment that held nothing else goes with its marks. Under ``put = "spdx"`` a notice whose licence has no
    known identifier goes without a trace.
    """

    name, version = "strip_licence_header", 1
    inputs = ("text",)
    Config = StripLicenceHeaderConfig
    config: StripLicenceHeaderConfig

    def apply(self, batch: pa.RecordBatch) -> pl.Series:
        """Return the texts; Python looks only at documents whose head may hold a notice."""
        import polars as pl

        texts, rows = _rows(batch)
        if not rows:
            return texts
        edited = [self._strip(text) for text in texts.gather(rows)]
        return texts.scatter(rows, pl.Series(edited, dtype=pl.String))

    def _strip(self, text: str) -> str:
        found = find_header(text)
        if found is None:
            return text
        if self.config.put == "end":
            gap = "" if found.rest.endswith("\n") or not found.rest else "\n"
            return found.rest + gap + as_comment(found.notice, found.style)
        spdx = identify(" ".join(found.notice))[0] if self.config.put == "spdx" else None
        if spdx is None:
            return found.rest
        line = as_comment((f"SPDX-License-Identifier: {spdx}",), found.style)
        lines = found.rest.splitlines(keepends=True)
        start = next((at for at, kept in enumerate(lines) if not _SKIPPED.match(kept.strip())), len(lines))
        before = "".join(lines[:start])
        gap = "" if before.endswith("\n") or not before else "\n"
        return before + gap + line + "".join(lines[start:])


def as_comment(words: tuple[str, ...], style: str) -> str:
    r"""Return lines of words as a comment that opens with a mark, with a line's end behind it.

    Examples
    --------
    >>> as_comment(("a", "b"), "/*"), as_comment(("a",), "#")
    ('/* a\n * b */\n', '# a\n')
    """
    closer = dict(_BLOCKS).get(style)
    if closer is None:
        return "".join(f"{style} {line}\n" for line in words)
    joint = "\n * " if style == "/*" else "\n"
    # Words that would end the comment cannot stand in it.
    return f"{style} {joint.join(words).replace(closer, '')} {closer}\n"
