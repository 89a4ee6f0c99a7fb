"""Corpus text never becomes markup, whatever it holds, and hidden characters are written out."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fake_run import HOSTILE, HOSTILE_NAME

from gristmill.report.build import write_report
from gristmill.report.page import embedded_json, html
from gristmill.report.visible import visible

TEMPLATE_ELEMENTS = [
    *(
        "html",
        "head",
        "meta",
        "meta",
        "meta",
        "meta",
        "title",
        "style",
        "body",
        "header",
        "h1",
        "p",
        "nav",
        "ul",
    ),
    *("main", "noscript", "p", "code", "footer", "script", "script"),
]


class _Elements(HTMLParser):
    """Collects start tags, comments and the content of script elements."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.comments: list[str] = []
        self.scripts: list[str] = []
        self.style = ""
        self.inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.inside = tag
        self.attributes += attrs
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        del tag
        self.inside = ""

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    def handle_data(self, data: str) -> None:
        if self.inside == "script":
            self.scripts[-1] += data
        elif self.inside == "style":
            self.style += data


def parsed(page: str) -> _Elements:
    parser = _Elements()
    parser.feed(page)
    parser.close()
    return parser


def test_hostile_run_adds_no_element(hostile_run: Path, tmp_path: Path) -> None:
    page = write_report(hostile_run, output=tmp_path / "report.html").read_text(encoding="utf-8")
    found = parsed(page)
    assert found.tags == TEMPLATE_ELEMENTS
    assert found.comments == []
    names = {name for name, _ in found.attributes}
    assert names <= {"lang", "charset", "http-equiv", "content", "name", "class", "aria-label", "type", "id"}
    # The test means something only if the payloads are there.
    data = json.loads(found.scripts[0])
    written = json.dumps(data, ensure_ascii=False)
    assert "window.owned" in written
    assert json.dumps(HOSTILE_NAME)[1:-1] in written


@pytest.mark.parametrize("payload", [*HOSTILE, "<!--<script>", "\u2028</ScRiPt >", "]]></svg>"])
def test_payload_survives_as_data_alone(payload: str) -> None:
    page = html({"origin": payload, "sections": []})
    found = parsed(page)
    assert found.tags == TEMPLATE_ELEMENTS
    assert json.loads(found.scripts[0])["origin"] == payload


def test_embedded_json_holds_no_character_that_matters_to_a_parser() -> None:
    assert not set("<>&\u2028\u2029") & set(embedded_json([*HOSTILE, HOSTILE_NAME]))


def test_policy_allows_the_inline_script_and_style_and_nothing_else(
    hostile_run: Path, tmp_path: Path
) -> None:
    found = parsed(write_report(hostile_run, output=tmp_path / "report.html").read_text(encoding="utf-8"))
    policy = next(
        value for name, value in found.attributes if name == "content" and value and "default-src" in value
    )

    def allowed(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    assert policy.split("; ") == [
        "default-src 'none'",
        f"style-src {allowed(found.style)}",
        f"script-src {allowed(found.scripts[1])}",
        "base-uri 'none'",
        "form-action 'none'",
    ]


def test_script_places_data_as_text_alone() -> None:
    script = (Path(__file__).parents[3] / "python/gristmill/report/assets/page.js").read_text(
        encoding="utf-8"
    )
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
        "fetch(",
        "import(",
    ):
        assert word not in script
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", script)


@pytest.mark.parametrize(
    "character",
    ["\x00", "\x1b", "\x7f", "\x85", "\u200b", "\u202e", "\u2066", "\u2028", "\ufeff", "\U000e0041"],
)
def test_hidden_characters_are_written_out(character: str) -> None:
    assert visible(f"a{character}b") == f"a\\u{{{ord(character):X}}}b"


def test_joiners_that_scripts_need_stay() -> None:
    persian, emoji = "\u0645\u06cc\u200c\u062e\u0648", "\U0001f469\u200d\U0001f527"
    assert visible(persian + emoji) == persian + emoji


@pytest.mark.parametrize("format", ["html", "md", "json"])
def test_no_hidden_character_reaches_any_format(hostile_run: Path, tmp_path: Path, format: str) -> None:  # noqa: A002
    text = write_report(hostile_run, format=format, output=tmp_path / "report").read_text(encoding="utf-8")  # type: ignore[arg-type]
    assert "u{202E}" in text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]", text)


def test_markdown_escapes_markup_outside_code_blocks(hostile_run: Path, tmp_path: Path) -> None:
    text = write_report(hostile_run, format="md", output=tmp_path / "report.md").read_text(encoding="utf-8")
    outside, fence = [], ""
    for line in text.splitlines():
        marker = re.match(r"`{3,}", line)
        if not fence and marker:
            fence = marker[0]
        elif fence and line.strip() == fence:
            fence = ""
        elif not fence:
            outside.append(line)
    assert fence == ""
    assert any("\\<img src=x" in line for line in outside)
    assert not [line for line in outside if re.search(r"(?<!\\)<", line)]
