"""A real browser opens the report of a hostile run: it draws every section, asks and complains of nothing.

Skipped, visibly, where no Chromium is installed.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from gristmill.report.build import write_report
from gristmill.report.sections import STANDARD

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CHROMIUM = next((path for path in map(shutil.which, NAMES) if path), None)

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on this machine: install it to run this test"
)

FORBIDDEN = {
    "img",
    "iframe",
    "object",
    "embed",
    "base",
    "form",
    "input",
    "textarea",
    "link",
    "audio",
    "video",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Visit:
    """What the browser made of a page."""

    elements: list[str]
    dom: str
    console: list[str]
    requests: list[str]


class _Names(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self.found.append(tag)


def visit(page: Path, folder: Path) -> Visit:
    """Open `page` headless, every host unknown; return its document, console lines and requests."""
    log = folder / "net.json"
    command = [
        str(CHROMIUM),
        *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
        *(
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-extensions",
        ),
        *(
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--enable-logging=stderr",
            "--v=0",
            "--virtual-time-budget=4000",
        ),
        *(
            f"--user-data-dir={folder / 'profile'}",
            f"--log-net-log={log}",
            "--net-log-capture-mode=Everything",
        ),
        *("--window-size=1280,1000", "--dump-dom", page.as_uri()),
    ]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    names = _Names()
    names.feed(result.stdout)
    return Visit(
        elements=names.found,
        dom=result.stdout,
        console=[line for line in result.stderr.splitlines() if "CONSOLE" in line],
        requests=requested(json.loads(log.read_text(encoding="utf-8"))),
    )


def requested(log: Any) -> list[str]:
    """Return the addresses that the page asked for over any network, from a net log.

    The browser's own traffic (clock, updates, dictionaries) has no page as its initiator and is not counted.
    """
    starts = (event.get("params", {}) for event in log["events"])
    own = ("not an origin", None)
    addresses = {entry["url"] for entry in starts if "url" in entry and entry.get("initiator") not in own}
    return sorted(url for url in addresses if url.split(":")[0] in ("http", "https", "ws", "wss", "ftp"))


def _write_hostile_run(folder: Path) -> Path:
    path = Path(__file__).parents[1] / "unit" / "report" / "fake_run.py"
    spec = importlib.util.spec_from_file_location("fake_run_for_browser", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    write: Callable[[Path], Path] = module.write_fake_run
    return write(folder)


@pytest.fixture(scope="module")
def report_visit(tmp_path_factory: pytest.TempPathFactory) -> Visit:
    folder = tmp_path_factory.mktemp("report")
    return visit(write_report(_write_hostile_run(folder / "run")), folder)


def test_the_page_draws_every_section_and_chart(report_visit: Visit) -> None:
    # Nothing is taught in a run of plain texts, no step is a plugin's, and its training has no records of documents.
    absent = ("supervised", "plugins", "training-documents")
    for section in STANDARD:
        assert (f'id="section-{section.name}"' in report_visit.dom) == (section.name not in absent)
    assert report_visit.elements.count("polyline") == 3
    assert report_visit.elements.count("polygon") == 6
    assert report_visit.elements.count("table") >= 10


def test_the_page_asks_for_nothing_and_complains_of_nothing(report_visit: Visit) -> None:
    assert report_visit.console == []
    assert report_visit.requests == []


def test_no_payload_became_an_element_or_ran(report_visit: Visit) -> None:
    assert not FORBIDDEN & set(report_visit.elements)
    assert report_visit.elements.count("script") == 2
    assert report_visit.elements.count("style") == 1
    # As text the payloads are there: a browser writes them out escaped.
    assert "&lt;img src=x onerror=" in report_visit.dom
    assert "&lt;/script&gt;&lt;script&gt;window.owned" in report_visit.dom


def test_a_page_that_does_ask_and_complain_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "control.html"
    page.write_text(
        '<!doctype html><img src="http://probe.example/x.png"><script>console.error("seen")</script>',
        encoding="utf-8",
    )
    found = visit(page, tmp_path)
    assert "http://probe.example/x.png" in found.requests
    assert any("seen" in line for line in found.console)


def test_the_policy_stops_what_a_hole_would_let_through(tmp_path: Path) -> None:
    page = write_report(_write_hostile_run(tmp_path / "run"), output=tmp_path / "report.html")
    hole = '<img src="http://probe.example/x.png"><script>document.body.id = "owned"</script></main>'
    page.write_text(page.read_text(encoding="utf-8").replace("</main>", hole, 1), encoding="utf-8")
    found = visit(page, tmp_path)
    assert found.requests == []
    assert 'id="owned"' not in found.dom
    assert any("Content Security Policy" in line for line in found.console)
