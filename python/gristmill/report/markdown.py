"""The report as Markdown: the same tables and figures, one example a rule. Data never becomes markup."""

from __future__ import annotations

import re
from collections.abc import Iterable

from gristmill.report.blocks import JsonValue
from gristmill.report.visible import shorten

EXAMPLES_SHOWN = 1
EXCERPT_CHARACTERS = 240
ROWS_SHOWN = 40

_MARKUP = re.compile(r"([\\`*_\[\]<>|~&#])")

Record = dict[str, JsonValue]


def markdown(report: Record) -> str:
    """Return the report as GitHub-flavoured Markdown.

    Examples
    --------
    >>> print(markdown({"origin": "plan ab", "sections": []}))
    # gristmill report
    <BLANKLINE>
    plan ab
    <BLANKLINE>
    """
    lines = ["# gristmill report", "", escaped(str(report["origin"])), ""]
    for section in _records(report["sections"]):
        lines += [f"## {escaped(str(section['title']))}", ""]
        for block in _records(section["blocks"]):
            lines += [*_block(block), ""]
    return "\n".join(lines)


def escaped(text: str) -> str:
    r"""Return `text` on one line with every character that Markdown or HTML could read as markup escaped.

    Examples
    --------
    >>> escaped("<b>*x*\ny")
    '\\<b\\>\\*x\\* y'
    """
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


def _block(block: Record) -> list[str]:
    kind = block["block"]
    if kind == "note":
        return [escaped(str(block["text"]))]
    if kind == "facts":
        return [_fact(item) for item in _records(block["items"])]
    if kind == "table":
        columns = _records(block["columns"])
        rows = [
            [_written(value, str(column["kind"])) for value, column in zip(row, columns, strict=True)]
            for row in _rows(block["rows"])
        ]
        return _table(
            str(block["caption"]), [str(column["label"]) for column in columns], rows, str(block["note"])
        )
    if kind == "funnel":
        return _funnel(block)
    if kind in ("bars", "histogram"):
        series = [str(name) for name in _list(block["series"])]
        rows = [
            [escaped(str(label)), *(_written(value, "count") for value in _list(values))]
            for label, values in zip(_list(block["labels"]), _list(block["values"]), strict=True)
        ]
        return _table(
            str(block["caption"]), [str(block["axis"]).partition(";")[0], *series], rows, str(block["note"])
        )
    if kind == "matrix":
        return _matrix(block)
    if kind == "lines":
        return _lines(block)
    if kind == "excerpts":
        return _excerpts(block)
    if kind == "code":
        return [f"**{escaped(str(block['caption']))}**", "", *_fenced(str(block["text"]), "toml")]
    return [f"- {escaped(str(block['caption']))}"]


def _fact(item: Record) -> str:
    detail = f" ({escaped(str(item['detail']))})" if item["detail"] else ""
    return f"- {escaped(str(item['label']))}: {_written(item['value'], str(item['kind']))}{detail}"


def _funnel(block: Record) -> list[str]:
    rows = []
    for stage in _records(block["stages"]):
        losses = _records(stage["losses"])
        reasons = ", ".join(
            f"{escaped(str(item['reason']))} {_written(item['documents'], 'count')}" for item in losses
        )
        rows.append([escaped(str(stage["label"])), _written(stage["documents"], "count"), reasons])
    return [
        *_table(str(block["caption"]), ["stage", "documents", "lost to"], rows, ""),
        "",
        escaped(str(block["result"])),
    ]


def _matrix(block: Record) -> list[str]:
    labels = [str(label) for label in _list(block["labels"])]
    rows = [
        [f"{number} {escaped(label)}", *(_written(value, "count") for value in values)]
        for number, (label, values) in enumerate(zip(labels, _rows(block["values"]), strict=True), start=1)
    ]
    heads = ["", *(str(number) for number in range(1, len(labels) + 1))]
    return _table(str(block["caption"]), heads, rows, str(block["note"]))


def _lines(block: Record) -> list[str]:
    rows = []
    for series in _records(block["series"]):
        points = _rows(series["points"])
        stride = -(-len(points) // ROWS_SHOWN) or 1
        for point in [*points[:-1:stride], *points[-1:]]:
            rows.append([escaped(str(series["name"])), *(_written(value, "number") for value in point)])
    return _table(str(block["caption"]), ["series", str(block["x_axis"]), str(block["y_axis"])], rows, "")


def _excerpts(block: Record) -> list[str]:
    lines = [f"**{escaped(str(block['caption']))}**", ""]
    for item in _records(block["items"])[:EXAMPLES_SHOWN]:
        facts = ", ".join(
            f"{escaped(str(fact['label']))} {_written(fact['value'], str(fact['kind']))}"
            for fact in _records(item["facts"])
        )
        lines += [
            f"{escaped(str(item['title']))}: {facts}",
            "",
            *_fenced(shorten(str(item["text"]), EXCERPT_CHARACTERS), ""),
        ]
    return lines


def _table(caption: str, heads: Iterable[str], rows: list[list[str]], note: str) -> list[str]:
    heads = [escaped(head) or " " for head in heads]
    lines = [f"**{escaped(caption)}**", "", f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    lines += [f"| {' | '.join(row)} |" for row in rows[:ROWS_SHOWN]]
    left_out = (
        f"{len(rows) - ROWS_SHOWN:,} more rows are in the HTML report." if len(rows) > ROWS_SHOWN else ""
    )
    remarks = [escaped(remark) for remark in (note, left_out) if remark]
    return [*lines, "", *remarks] if remarks else lines


def _fenced(text: str, language: str) -> list[str]:
    """Return a code block whose fence is longer than any run of backticks inside."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language}", text, fence]


def _written(value: JsonValue, kind: str) -> str:
    if value is None:
        return "\u2013"
    if isinstance(value, int | float) and not isinstance(value, bool):
        if kind == "count":
            return f"{value:,}"
        if kind == "share":
            return f"{100 * value:.1f} %"
        return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
    return escaped(str(value))


def _list(value: JsonValue) -> list[JsonValue]:
    assert isinstance(value, list)
    return value


def _records(value: JsonValue) -> list[Record]:
    return [item for item in _list(value) if isinstance(item, dict)]


def _rows(value: JsonValue) -> list[list[JsonValue]]:
    return [_list(row) for row in _list(value)]
