"""Plugins that do everything they should not: each costs what the documentation says, and nothing else."""

from __future__ import annotations

import builtins
import json
import logging
import os
import threading
from pathlib import Path

import pytest

from gristmill.curate.run import CuratedRun, curate
from gristmill.curate.verify import verify_run
from gristmill.errors import GristmillError

PLUGIN = '''
import builtins, ctypes, os, random, shutil, sys, threading, time
from typing import Literal

import pyarrow as pa

from gristmill.plugins.api import Field, Signal, frozen_config, hookimpl, per_document

gristmill_api = 1


@frozen_config
class Mode:
    mode: str = Field(default="benign", doc="what it does")


class Document(Signal):
    """Does what its step says, to the documents that ask for it."""

    name, version, outputs = "document", 1, {"num": "float64"}
    Config = Mode

    def open(self, context):
        self.context = context

    def close(self):
        if self.config.mode == "close":
            raise RuntimeError("cannot close")

    @per_document
    def score(self, text):
        if f"BAD {self.config.mode}." in text:
            value = getattr(self, "do_" + self.config.mode)()
            if value is not None:
                return value
        return float(len(text))

    def do_close(self):
        return None

    def do_raise(self):
        raise ValueError("asked to")

    def do_nan(self):
        return float("nan")

    def do_interrupt(self):
        raise KeyboardInterrupt

    def do_exit(self):
        sys.exit(0)

    def do_base(self):
        raise BaseException("panic")

    def do_hang(self):
        while True:
            try:
                time.sleep(60)
            except Exception:
                pass

    def do_native_hang(self):
        ctypes.PyDLL(None).pause()

    def do_segfault(self):
        ctypes.string_at(0)

    def do_os_exit(self):
        os._exit(3)

    def do_memory(self):
        hoard = []
        while True:
            hoard.append(b"x" * (16 << 20))

    def do_print(self):
        print("printed")
        sys.stdout.buffer.write(b"printed as bytes\\n")
        sys.stdout = None

    def do_native_print(self):
        os.write(1, b"printed natively\\n")
        ctypes.CDLL(None).puts(b"printed by the C library")

    def do_folder(self):
        os.chdir("/")

    def do_environment(self):
        os.environ["HOSTILE"] = "yes"
        os.environ.pop("PATH")

    def do_thread(self):
        threading.Thread(target=lambda: [print("behind") or time.sleep(0.01) for _ in range(20)], name="behind").start()

    def do_scratch(self):
        shutil.rmtree(self.context.scratch)

    def do_builtin(self):
        builtins.sorted = None
        builtins.hostile = True


class Batch(Signal):
    """Gives back what no operator may."""

    name, version, outputs = "batch", 1, {"num": "float64"}
    Config = Mode

    def compute(self, batch):
        values = [float(len(text)) for text in batch.column("text").to_pylist()]
        mode = self.config.mode
        if mode == "length":
            values = values[:-1]
        if mode == "dtype":
            values = [str(value) for value in values]
        if mode == "input":
            ctypes.memset(batch.column("text").buffers()[2].address, ord("x"), 1)
        if mode == "random":
            values = [value + random.random() for value in values]
        if mode == "order":
            values.sort()
        return {"num": pa.array(values)}


@hookimpl
def register_signals(register):
    register(Document)
    register(Batch)
'''

FAILING = {
    "raise": "ValueError: asked to",
    "nan": "output `num` is `nan`, which is not finite",
    "interrupt": "KeyboardInterrupt",
    "exit": "SystemExit: 0",
    "base": "BaseException: panic",
    "hang": "DeadlineExceeded: 3 s",
}
"""Contained in the run's own process: one document is quarantined, with this detail."""

DYING = {
    "segfault": "ProcessDied: signal SIGSEGV",
    "os_exit": "ProcessDied: exit status 3",
    "native_hang": "DeadlineExceeded: 10 s",
    "memory": "MemoryLimit: more than 256 MiB",
}
"""Contained in a process of the operator's own."""

HARMLESS = ("print", "folder", "environment", "thread", "scratch", "builtin", "close")
"""No document fails."""

STOPPING = {
    "length": "GM-PLUGIN-012",
    "dtype": "GM-PLUGIN-012",
    "input": "GM-PLUGIN-012",
    "random": "GM-PLUGIN-019",
    "order": "GM-PLUGIN-019",
}
"""Not one document's doing: the run stops."""

GOOD = [f"document {'x' * (37 * number % 101)} {number}" for number in range(24)]


def prepare(folder: Path, bad: list[str], steps: str, num_good: int = len(GOOD)) -> Path:
    """Write a corpus of two files, the plugin and a recipe; return the recipe."""
    (folder / "plugins").mkdir(parents=True)
    (folder / "plugins" / "hostile.py").write_text(PLUGIN, encoding="utf-8")
    documents = [{"id": f"good-{number}", "text": text} for number, text in enumerate(GOOD[:num_good])]
    for position, mode in enumerate(bad):
        documents.insert(3 * position + 1, {"id": f"bad-{mode}", "text": f"document BAD {mode}."})
    for number in range(2):
        lines = [json.dumps(document) for document in documents[number::2]]
        (folder / f"in-{number}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    recipe = folder / "recipe.toml"
    recipe.write_text(
        '[run]\noutput = "run"\nplugins_dir = "plugins"\npartition_bytes = "1KiB"\n'
        '[[source]]\nname = "in"\npaths = ["in-*.jsonl"]\nid = "id"\n' + steps,
        encoding="utf-8",
    )
    return recipe


def step(mode: str, keys: str = "", operator: str = "document", name: str | None = None) -> str:
    return f'[[step]]\nuse = "hostile.{operator}"\nname = "{name or mode}"\nmode = "{mode}"\n{keys}\n'


def values(run: CuratedRun) -> dict[str, dict[str, object]]:
    """Return text and signals of the kept documents by id."""
    documents = run.documents().select("id", "doc", "text").collect()
    rows = documents.join(run.signals().collect(), on="doc").drop("doc")
    wanted = [name for name in rows.columns if name in ("id", "text") or name.endswith(".num")]
    return {str(row["id"]): row for row in rows.select(wanted).iter_rows(named=True)}


def details(run: CuratedRun) -> dict[str, tuple[str, str, str]]:
    """Return step, kind and the first line of what is known of the documents that left, by id."""
    return {
        str(row["id"]): (row["step"], row["kind"], row["detail"].splitlines()[0])
        for row in run.rejects().collect().iter_rows(named=True)
    }


@pytest.fixture(scope="module")
def without_bad(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    """What the documents give that ask for nothing, in a run without the others."""
    folder = tmp_path_factory.mktemp("good")
    run = curate(prepare(folder, [], step("benign")), workers=1)
    return values(run)


def assert_others_are_as_without(run: CuratedRun, expected: dict[str, dict[str, object]]) -> None:
    assert verify_run(run.path).ok
    found = values(run)
    assert {name for name in found if name.startswith("good")} == set(expected)
    for name, row in expected.items():
        assert found[name]["text"] == row["text"]
        numbers = {value for column, value in found[name].items() if column.endswith(".num")}
        assert numbers == {row["benign.num"]}


@pytest.mark.parametrize("workers", [1, 2])
def test_failing_documents_are_quarantined_with_what_happened(
    tmp_path: Path, workers: int, without_bad: dict[str, dict[str, object]]
) -> None:
    steps = "".join(step(mode, 'deadline = "3s"') for mode in FAILING)
    run = curate(prepare(tmp_path, list(FAILING), steps), workers=workers)
    assert_others_are_as_without(run, without_bad)
    assert details(run) == {f"bad-{mode}": (mode, "quarantined", line) for mode, line in FAILING.items()}
    assert run.counts["quarantined"] == len(FAILING)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_process_of_its_own_dies_for_one_document(
    tmp_path: Path, workers: int, without_bad: dict[str, dict[str, object]]
) -> None:
    steps = "".join(
        step(mode, 'isolation = "process"\nmax_memory = "256MiB"\ndeadline = ' + deadline)
        for mode in DYING
        for deadline in ['"10s"' if mode == "native_hang" else '"60s"']
    )
    # Few documents: each costs starts of processes while the batch is halved.
    run = curate(prepare(tmp_path, list(DYING), steps, num_good=8), workers=workers)
    assert_others_are_as_without(
        run, {f"good-{number}": without_bad[f"good-{number}"] for number in range(8)}
    )
    assert details(run) == {f"bad-{mode}": (mode, "quarantined", line) for mode, line in DYING.items()}


@pytest.mark.parametrize("workers", [1, 2])
def test_what_an_operator_does_to_the_process_is_undone(
    tmp_path: Path,
    workers: int,
    without_bad: dict[str, dict[str, object]],
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder, environment, names = Path.cwd(), dict(os.environ), dict(vars(builtins))
    steps = "".join(map(step, HARMLESS)) + step("native_print", 'isolation = "process"')
    modes = [*HARMLESS, "native_print"]
    with caplog.at_level(logging.WARNING):
        run = curate(prepare(tmp_path, modes, steps), workers=workers)
    assert_others_are_as_without(run, without_bad)
    assert details(run) == {}
    assert (Path.cwd(), dict(os.environ), dict(vars(builtins))) == (folder, environment, names)
    for thread in threading.enumerate():
        if thread.name == "behind":
            thread.join()
    assert capfd.readouterr().out == ""
    if workers == 1:  # the log of a worker goes to its standard error
        messages = {record.name.removeprefix("gristmill.plugin."): [] for record in caplog.records}
        for record in caplog.records:
            messages[record.name.removeprefix("gristmill.plugin.")].append(record.getMessage())
        said = messages["hostile.document"]
        assert "changes the working folder; it was put back" in said
        assert "changes the environment; it was put back" in said
        assert "changes the builtin `hostile`; it was put back" in said
        assert "leaves 1 threads running behind a call" in said
        assert any("printed as bytes" in line for line in said)
        assert any("printed natively\nprinted by the C library" in line for line in said)
        assert any("cannot close" in line for line in said)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("mode", STOPPING)
def test_a_broken_contract_stops_the_run(tmp_path: Path, mode: str, workers: int) -> None:
    recipe = prepare(tmp_path, [], step(mode, operator="batch"))
    with pytest.raises(GristmillError) as caught:
        curate(recipe, workers=workers)
    assert caught.value.code == STOPPING[mode]
    assert "hostile.batch" in caught.value.message
    assert not (tmp_path / "run" / "manifest.json").exists()


def test_a_crash_without_isolation_ends_the_run_and_isolation_continues_it(
    tmp_path: Path, without_bad: dict[str, dict[str, object]]
) -> None:
    recipe = prepare(tmp_path, ["segfault"], step("segfault"))
    with pytest.raises(GristmillError) as caught:
        curate(recipe, workers=2)
    assert caught.value.code == "GM-RUN-003"
    assert caught.value.hint is not None
    assert 'isolation = "process"' in caught.value.hint
    text = recipe.read_text(encoding="utf-8")
    recipe.write_text(text + 'isolation = "process"\n', encoding="utf-8")
    run = curate(recipe, workers=2)
    assert_others_are_as_without(run, without_bad)
    assert details(run) == {"bad-segfault": ("segfault", "quarantined", DYING["segfault"])}
