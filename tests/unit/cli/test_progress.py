"""Progress: a bar on a terminal, lines elsewhere, silence on request."""

from __future__ import annotations

import io

import pytest

from gristmill.cli import progress as progress_module
from gristmill.cli.printer import Printer
from gristmill.cli.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def event(stage: str, done: int, total: int = 4, message: str = "") -> dict[str, object]:
    return {"stage": stage, "done": done, "total": total, "message": message}


def test_a_terminal_gets_a_bar_that_is_drawn_over() -> None:
    stream = Terminal()
    with Progress(stream, is_terminal=True, clock=lambda: 0.0) as progress:
        progress(event("map", 2))
        progress(event("map", 4))
        progress(event("decide", 1))
    text = stream.getvalue()
    assert "map        [############------------] 2/4" in text
    assert text.count("\n") == 2
    assert text.endswith("\n")


def test_a_bar_is_not_drawn_too_often() -> None:
    stream = Terminal()
    with Progress(stream, is_terminal=True, clock=lambda: 0.0) as progress:
        for done in range(1000):
            progress(event("map", done, 1000))
    assert stream.getvalue().count("\r") == 1


def test_elsewhere_a_line_tells_the_latest_state(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    with Progress(stream, is_terminal=False) as progress:
        progress.say_line()
        progress(event("map", 1))
        progress(event("map", 3, message="2 of 4 already committed"))
        progress.say_line()
    assert stream.getvalue() == "map: 3 of 4, 2 of 4 already committed\n"


def test_lines_come_by_themselves_while_a_task_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_module, "LINE_INTERVAL_S", 0.001)
    stream = io.StringIO()
    with Progress(stream, is_terminal=False) as progress:
        progress(event("map", 1))
        assert progress._thread is not None
        for _ in range(10_000):
            if stream.getvalue():
                break
            progress._thread.join(0.001)
    assert stream.getvalue().startswith("map: 1 of 4\n")


@pytest.mark.parametrize("options", [{"is_quiet": True}, {"as_json": True}])
def test_silence(options: dict[str, bool]) -> None:
    stream = Terminal()
    printer = Printer(stdout=io.StringIO(), stderr=stream, **options)
    with Progress.for_printer(printer) as progress:
        progress(event("map", 4))
        progress.say_line()
    assert stream.getvalue() == ""


def test_silence_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRISTMILL_NO_PROGRESS", "1")
    stream = Terminal()
    with Progress.for_printer(Printer(stdout=io.StringIO(), stderr=stream)) as progress:
        progress(event("map", 4))
    assert stream.getvalue() == ""


def test_colour_only_on_a_terminal_that_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    printer = Printer(stdout=io.StringIO(), stderr=Terminal())
    assert printer.paint("error:", "red") == "\x1b[31merror:\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert printer.paint("error:", "red") == "error:"
