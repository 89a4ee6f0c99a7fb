"""A result as a picture: bars as SVG, drawn without a library; alone or in a page of HTML that needs no network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import cast

from gristmill.bench.result import OUR_NAME

WIDTH = 860
LEFT, RIGHT = 250, 150
ROW, BAR, GAP = 22, 14, 30
LIMIT, LIMITS = "limit", "limits of the hardware"
COLOURS = {"gristmill": "#b5651d", "limit": "#8a8f98", "rival": "#4f7cac"}
SHARE_COLOURS = (
    "#b5651d",
    "#4f7cac",
    "#6a994e",
    "#a26769",
    "#d4a373",
    "#386641",
    "#7b2d26",
    "#8a8f98",
    "#457b9d",
    "#bc6c25",
    "#606c38",
    "#283618",
)
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#222}.head{font-weight:600}.small{font-size:11px;fill:#666}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.small{fill:#aaa}.back{fill:#161616}}"
)


def svg(result: Mapping[str, object]) -> str:
    """Return the picture of a result in its JSON form: speeds by stage, and the shares of a whole curation.

    Bars of a stage share a scale, the thin line on a bar goes from the slowest round to the fastest.

    Examples
    --------
    >>> one = {"stage": "read", "name": "gristmill", "mb_per_s": 9.0, "low": 8.0, "high": 9.5, "error": None}
    >>> picture = svg({"measured": [one], "pipelines": [], "machine": {}, "versions": {}, "sample": {}})
    >>> picture.startswith("<svg "), picture.count('class="bar"')
    (True, 1)
    """
    parts: list[str] = []
    y = 28
    parts.append(_text(16, y, "gristmill bench: MB/s of text, one core", css="head"))
    y += 18
    parts.append(_text(16, y, _caption(result), css="small"))
    y += GAP
    for stage, rows in _by_stage(result).items():
        parts.append(_text(16, y, stage, css="head"))
        y += 8
        largest = max((cast(float, row["high"]) for row in rows), default=0.0)
        for row in rows:
            parts.extend(_bar(y, row, largest))
            y += ROW
        y += GAP - 8
    for pipeline in cast(Sequence[Mapping[str, object]], result["pipelines"]):
        if pipeline["error"] is None:
            parts.extend(_shares(y, pipeline))
            y += 84
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}" '
        f'role="img" aria-label="Throughput of every stage">'
    )
    back = f'<rect class="back" width="{WIDTH}" height="{y}" fill="#fff"/>'
    return "".join([head, f"<style>{STYLE}</style>", back, *parts, "</svg>\n"])


def page(result: Mapping[str, object]) -> str:
    """Return the picture in a page of HTML."""
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        "<title>gristmill bench</title></head>"
        f'<body style="margin:0">{svg(result)}</body></html>\n'
    )


def _by_stage(result: Mapping[str, object]) -> dict[str, list[Mapping[str, object]]]:
    found: dict[str, list[Mapping[str, object]]] = {}
    for row in cast(Sequence[Mapping[str, object]], result["measured"]):
        if row["error"] is None:
            is_limit = row["name"] == LIMIT
            shown = {**row, "shown": row["stage"] if is_limit else row["name"]}
            found.setdefault(LIMITS if is_limit else str(row["stage"]), []).append(shown)
    return found


def _caption(result: Mapping[str, object]) -> str:
    machine, sample, versions = (
        cast(Mapping[str, object], result[key]) for key in ("machine", "sample", "versions")
    )
    words = [
        str(machine.get("processor") or machine.get("architecture") or ""),
        f"{machine['cores']} cores" if "cores" in machine else "",
        f"{cast(int, sample['bytes']) / 1e6:.1f} MB of text, {sample['from']}" if "bytes" in sample else "",
        f"gristmill {versions['gristmill']}" if "gristmill" in versions else "",
        f"load {machine['load']}" if "load" in machine else "",
    ]
    return " · ".join(word for word in words if word)


def _text(x: float, y: float, text: str, *, css: str = "", anchor: str = "start") -> str:
    css_part = f' class="{css}"' if css else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{css_part}>{escape(text)}</text>'


def _bar(y: float, row: Mapping[str, object], largest: float) -> Iterator[str]:
    room = WIDTH - LEFT - RIGHT
    name = str(row["name"])
    value, low, high = (cast(float, row[key]) for key in ("mb_per_s", "low", "high"))
    scale = room / largest if largest else 0.0
    colour = COLOURS.get(name, COLOURS["rival"])
    middle = y + ROW / 2
    version = row.get("version")
    shown = str(row["shown"])
    yield _text(LEFT - 10, middle + 4, f"{shown} {version}" if version else shown, anchor="end")
    yield (
        f'<rect class="bar" x="{LEFT}" y="{middle - BAR / 2:.1f}" width="{max(1.0, value * scale):.1f}" '
        f'height="{BAR}" rx="2" fill="{colour}"/>'
    )
    if high > low:
        yield (
            f'<line x1="{LEFT + low * scale:.1f}" x2="{LEFT + high * scale:.1f}" y1="{middle:.1f}" '
            f'y2="{middle:.1f}" stroke="#000" stroke-opacity="0.55" stroke-width="2"/>'
        )
    yield _text(
        LEFT + max(value, high) * scale + 8,
        middle + 4,
        f"{value:,.1f} MB/s",
        css="head" if name == OUR_NAME else "",
    )


def _shares(y: float, pipeline: Mapping[str, object]) -> Iterator[str]:
    workers = cast(int, pipeline["workers"])
    clock = "processor time" if workers == 1 else "time on the clock"
    yield _text(
        16,
        y,
        f"jsonl.zst to shards, {workers} worker{'s' if workers > 1 else ''}: "
        f"{cast(float, pipeline['mb_per_s']):,.1f} MB/s, shares of the {clock}",
        css="head",
    )
    x = 16.0
    room = WIDTH - 32
    stages = cast(Mapping[str, Mapping[str, float]], pipeline["stages"])
    for number, (name, numbers) in enumerate(stages.items()):
        width = room * numbers["share"]
        colour = SHARE_COLOURS[number % len(SHARE_COLOURS)]
        yield (
            f'<rect class="share" x="{x:.1f}" y="{y + 10:.1f}" width="{max(0.0, width - 1):.1f}" height="20" '
            f'fill="{colour}"><title>{escape(name)} {numbers["share"]:.1%}</title></rect>'
        )
        x += width
    shown = sorted(enumerate(stages.items()), key=lambda item: -item[1][1]["share"])
    x = 16.0
    for number, (name, numbers) in shown:
        label = f"{name} {numbers['share']:.0%}"
        width = 26 + 7 * len(label)
        if x + width > WIDTH - 16:
            break
        colour = SHARE_COLOURS[number % len(SHARE_COLOURS)]
        yield f'<rect x="{x:.1f}" y="{y + 40:.1f}" width="9" height="9" fill="{colour}"/>'
        yield _text(x + 13, y + 49, label, css="small")
        x += width
