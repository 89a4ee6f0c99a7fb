"""An operator in a process of its own: the same results, and nothing it does reaches the run."""

from __future__ import annotations

import ctypes
import logging
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pyarrow as pa
import pytest

import gristmill.plugins.host as host_module
from gristmill.errors import GristmillError
from gristmill.plugins.active import ActiveOperator, activate
from gristmill.plugins.api import Context, Expr, Signal, Transform, col, per_document
from gristmill.plugins.contract import registered_for, result_digest
from gristmill.plugins.host import HostResult, PluginHost
from gristmill.plugins.operators import Operator

TEXTS = [f"document {number}" for number in range(23)]


def batch_of(texts: list[str]) -> pa.RecordBatch:
    return pa.record_batch({"text": pa.array(texts, pa.large_utf8())})


def isolated(operator: type[Operator], **step: object) -> ActiveOperator:
    return activate(registered_for(operator, "demo"), {"isolation": "process", **step})


def run(operator: type[Operator], texts: list[str] = TEXTS, **step: object) -> HostResult:
    prepared = isolated(operator, **step)
    with PluginHost([prepared]) as host:
        return host.run(prepared, batch_of(texts))


class Lengths(Signal):
    """Fails on documents that say so, and is right otherwise."""

    name, version, outputs = "lengths", 1, {"num": "uint32", "first": "utf8?"}

    @per_document
    def score(self, text: str) -> dict[str, object]:
        if text == "raise":
            raise ValueError("asked to")
        return {"num": len(text), "first": text[:1] or None}


class Upper(Transform):
    """A tier 1 transform."""

    name, version = "upper", 1

    def expr(self) -> Expr:
        return col("text").str.to_uppercase()


class Misbehaves(Signal):
    """Does what its document says."""

    name, version, outputs = "misbehaves", 1, {"num": "uint32"}

    @per_document
    def score(self, text: str) -> int:
        match text:
            case "segfault":
                ctypes.string_at(0)
            case "exit":
                os._exit(3)
            case "hang":
                ctypes.CDLL(None).pause()
            case "memory":
                hoard = []
                while True:
                    hoard.append(b"x" * (16 << 20))
            case "interrupt":
                raise KeyboardInterrupt
            case "close":
                os.closerange(3, 256)
            case "kill":
                os.kill(os.getpid(), 9)
        return len(text)


class Prints(Signal):
    """Prints in every way there is."""

    name, version, outputs = "prints", 1, {"num": "uint32"}

    def open(self, context: Context) -> None:
        self.logger = context.logger

    @per_document
    def score(self, text: str) -> int:
        sys.stdout.write("from Python\n")
        ctypes.CDLL(None).printf(b"from C\n")
        os.write(2, b"from the kernel\n")
        self.logger.warning("from the logger")
        return len(text)


class Floods(Signal):
    """Prints more than any pipe holds."""

    name, version, outputs = "floods", 1, {"num": "uint32"}

    @per_document
    def score(self, text: str) -> int:
        os.write(1, b"x" * 10_000_000)
        return len(text)


class Grows(Signal):
    """Never gives memory back."""

    name, version, outputs = "grows", 1, {"num": "uint32"}

    def open(self, _context: Context) -> None:
        self.hoard: list[bytes] = []

    @per_document
    def score(self, text: str) -> int:
        self.hoard.append(b"x" * (32 << 20))
        return len(text)


class DiesAtOpen(Lengths):
    """Its process ends before it serves."""

    name = "dies_at_open"

    def open(self, _context: Context) -> None:
        os._exit(7)


class DiesOnBatches(Lengths):
    """Dies on every batch of more than one document."""

    name = "dies_on_batches"

    @per_document
    def score(self, text: str) -> dict[str, object]:
        self.seen = getattr(self, "seen", 0) + 1
        if self.seen > 1:
            os._exit(1)
        return {"num": len(text), "first": None}


@pytest.mark.parametrize("operator", [Lengths, Upper])
def test_the_results_are_those_of_the_run_s_own_process(operator: type[Operator]) -> None:
    texts = [*TEXTS, "raise", "", "ünï\x00cödé", "raise"]
    here = activate(registered_for(operator, "demo"), {})
    with PluginHost([here]) as host:
        expected = host.run(here, batch_of(texts))
    found = run(operator, texts)
    assert result_digest(found) == result_digest(expected)
    assert found.quarantined == expected.quarantined
    assert found.stats.num_restarts == 0


@pytest.mark.parametrize(
    ("text", "error_type", "detail"),
    [
        ("segfault", "ProcessDied", "ProcessDied: signal SIGSEGV"),
        ("exit", "ProcessDied", "ProcessDied: exit status 3"),
        ("kill", "ProcessDied", "ProcessDied: signal SIGKILL"),
        ("hang", "DeadlineExceeded", "DeadlineExceeded: 3 s"),
        ("memory", "MemoryLimit", "MemoryLimit: more than 400 MiB"),
        ("interrupt", "KeyboardInterrupt", "KeyboardInterrupt"),
    ],
)
def test_one_document_is_blamed_and_no_other_is_lost(text: str, error_type: str, detail: str) -> None:
    texts = [*TEXTS[:3], text, *TEXTS[3:5]]
    result = run(Misbehaves, texts, deadline="3s" if text == "hang" else "30s", max_memory="400MiB")
    [failure] = result.quarantined
    assert (failure.row, failure.error_type) == (3, error_type)
    assert failure.detail.splitlines()[0] == detail
    lengths = [len(one) for one in texts]
    assert result.columns["num"].to_pylist() == [*lengths[:3], None, *lengths[4:]]
    if text == "interrupt":
        assert result.stats.num_restarts == 0
    elif text != "hang":  # on a busy machine others may need a second try
        assert result.stats.num_restarts == 3


def test_a_process_that_closes_its_pipes_is_ended() -> None:
    result = run(Misbehaves, ["fine", "close"], deadline="20s")
    assert [(failure.row, failure.error_type) for failure in result.quarantined] == [(1, "ProcessDied")]


def test_prints_are_logged_whoever_prints(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.WARNING):
        result = run(Prints, ["x"])
    messages = [record.getMessage() for record in caplog.records]
    assert messages == ["from the logger", "stdout: from Python\nfrom C", "stderr: from the kernel"]
    assert {record.name for record in caplog.records} == {"gristmill.plugin.demo.prints"}
    assert capfd.readouterr() == ("", "")
    assert result.stats.num_captured_characters == len("from Python\nfrom C\nfrom the kernel\n")


def test_a_flood_of_prints_is_counted_and_cut(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        result = run(Floods, ["x"])
    assert result.stats.num_captured_characters == 10_000_000
    assert [len(record.getMessage()) for record in caplog.records] == [2000 + len("stdout: ")]


def test_a_process_that_has_grown_is_replaced_between_calls() -> None:
    operator = isolated(Grows, max_memory="250MiB")
    with PluginHost([operator], audits=False) as host:
        for _ in range(12):
            result = host.run(operator, batch_of(["a"]))
            assert result.quarantined == []
        assert host.stats[operator.step].num_restarts >= 1
        assert host.stats[operator.step].num_failed == 0


def test_an_operator_whose_process_dies_while_it_opens() -> None:
    with pytest.raises(GristmillError) as caught:
        run(DiesAtOpen)
    assert caught.value.code == "GM-PLUGIN-018"
    assert caught.value.context == ("ProcessDied: exit status 7",)


def test_a_class_that_another_process_cannot_import_is_refused() -> None:
    class Local(Lengths):
        name = "local"

    with pytest.raises(GristmillError) as caught:
        run(Local)
    assert caught.value.code == "GM-PLUGIN-018"
    assert "not at the top of a module" in caught.value.context[0]


def test_restarts_without_a_culprit_end_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_module, "RESTARTS_PER_FAILURE", 3)
    operator = isolated(DiesOnBatches)
    with PluginHost([operator], audits=False) as host, pytest.raises(GristmillError) as caught:
        host.run(operator, batch_of(TEXTS))
    assert caught.value.code == "GM-PLUGIN-020"


def test_a_process_does_not_outlive_a_run_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "killed.py"
    script.write_text(
        textwrap.dedent(
            """
            import ctypes, os, sys, threading
            import pyarrow as pa
            from gristmill.plugins.active import activate
            from gristmill.plugins.api import Signal, per_document
            from gristmill.plugins.contract import registered_for
            from gristmill.plugins.host import PluginHost

            class Hangs(Signal):
                name, version, outputs = "hangs", 1, {"num": "uint32"}

                @per_document
                def score(self, text):
                    os.write(2, b"x")
                    with open(text, "w") as file:
                        file.write(str(os.getpid()))
                    ctypes.PyDLL(None).pause()  # holds the interpreter lock

            if __name__ == "__main__":
                sys.modules["killed"] = sys.modules["__main__"]
                Hangs.__module__ = "killed"
                operator = activate(registered_for(Hangs), {"isolation": "process"})
                with PluginHost([operator]) as host:
                    host.run(operator, pa.record_batch({"text": pa.array([sys.argv[1]], pa.large_utf8())}))
            """
        ),
        encoding="utf-8",
    )
    note = tmp_path / "pid"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, str(script), str(note)], env=environment)
    try:
        assert _becomes_true(lambda: note.exists() and bool(note.read_text()))
        child = int(note.read_text())
        assert _is_alive(child)
    finally:
        process.kill()
        process.wait()
    assert _becomes_true(lambda: not _is_alive(child))


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def _becomes_true(condition: object, timeout_s: float = 30.0) -> bool:
    assert callable(condition)
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.02)
    return False
