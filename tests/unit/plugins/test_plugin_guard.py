"""Calls in the run's own process: deadlines, several threads at once, and a second look at some documents."""

from __future__ import annotations

import logging
import random
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest

from gristmill.errors import GristmillError
from gristmill.plugins.active import ActiveOperator, activate
from gristmill.plugins.api import Signal, per_document
from gristmill.plugins.containment import Containment
from gristmill.plugins.contract import registered_for
from gristmill.plugins.host import PluginHost
from gristmill.plugins.operators import Operator


def batch_of(texts: list[str]) -> pa.RecordBatch:
    return pa.record_batch({"text": pa.array(texts, pa.large_utf8())})


def active(operator: type[Operator], **step: object) -> ActiveOperator:
    return activate(registered_for(operator, "demo"), step)


class Hangs(Signal):
    """Hangs on documents that say so, deaf to every exception."""

    name, version, outputs = "hangs", 1, {"num": "uint32"}
    is_patient = False

    @per_document
    def score(self, text: str) -> int:
        until = time.monotonic() + 60
        while text == "hang" and time.monotonic() < until:
            try:
                time.sleep(1)
            except BaseException:
                if not self.is_patient:
                    raise
                until = 0
        return len(text)


@pytest.mark.parametrize("is_patient", [False, True])
def test_python_code_that_hangs_is_found_by_the_deadline(is_patient: bool) -> None:
    operator = active(type("Hanging", (Hangs,), {"is_patient": is_patient}), deadline="200ms")
    before = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)[0] > 0
    with PluginHost([operator]) as host:
        result = host.run(operator, batch_of(["a", "hang", "ccc"]))
    [failure] = result.quarantined
    assert (failure.row, failure.error_type, failure.detail) == (
        1,
        "DeadlineExceeded",
        "DeadlineExceeded: 0.2 s",
    )
    assert result.columns["num"].to_pylist() == [1, None, 3]
    after = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)[0] > 0
    assert after == before


def test_slow_documents_get_the_whole_deadline_alone() -> None:
    class Slow(Signal):
        name, version, outputs = "slow", 1, {"num": "uint32"}

        @per_document
        def score(self, text: str) -> int:
            time.sleep(0.4)
            return len(text)

    operator = active(Slow, deadline="1s")
    with PluginHost([operator], audits=False) as host:
        result = host.run(operator, batch_of(["a"] * 4))
    assert result.quarantined == []
    assert result.columns["num"].to_pylist() == [1] * 4
    assert result.stats.num_calls > 1


class Talks(Signal):
    """Prints the document, and counts how many calls it is in at once."""

    name, version, outputs = "talks", 1, {"num": "uint32"}

    def __init__(self, config: object | None = None) -> None:
        super().__init__(config)
        self.num_inside = self.most_inside = 0
        self.counting = threading.Lock()

    @per_document
    def score(self, text: str) -> int:
        with self.counting:
            self.num_inside += 1
            self.most_inside = max(self.most_inside, self.num_inside)
        sys.stdout.write(text)
        time.sleep(0.001)
        with self.counting:
            self.num_inside -= 1
        if text.startswith("bad"):
            raise ValueError(text)
        return len(text)


@pytest.mark.parametrize("thread_safe", [False, True])
def test_threads_that_share_a_host(
    thread_safe: bool,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = active(type("Talking", (Talks,), {"thread_safe": thread_safe}), name="first")
    second = active(type("Talking", (Talks,), {"thread_safe": thread_safe}), name="second")
    num_batches = 60

    def work(number: int) -> bool:
        operator = (first, second)[number % 2]
        texts = [f"text-{number}-{row};" for row in range(5)] + [f"bad-{number}"]
        sys.stdout.write(f"<{number}>")
        result = host.run(operator, batch_of(texts))
        lengths = [len(text) for text in texts[:-1]]
        details = [failure.detail.splitlines()[0] for failure in result.quarantined]
        return result.columns["num"].to_pylist() == [*lengths, None] and details == [
            f"ValueError: bad-{number}"
        ]

    with (
        caplog.at_level(logging.WARNING),
        PluginHost([first, second], max_failures=1000, audits=False) as host,
        ThreadPoolExecutor(8) as pool,
    ):
        assert all(pool.map(work, range(num_batches)))
        stats = host.stats
    for operator in (first, second):
        counted = stats[operator.step]
        assert (counted.num_documents, counted.num_failed) == (num_batches // 2 * 6, num_batches // 2)
        most = operator.instance.most_inside  # type: ignore[attr-defined]
        assert (most > 1) == thread_safe
    # What the threads print outside calls is theirs; inside, it is in the log, each call's apart.
    out = capsys.readouterr().out
    assert sorted(out.strip("<>").split("><")) == sorted(map(str, range(num_batches)))
    for record in caplog.records:
        numbers = {
            part.split("-")[1] for part in record.getMessage().removeprefix("stdout: ").split(";") if part
        }
        assert len(numbers) == 1


def run_batch(operator: type[Signal], texts: list[str], num_batches: int = 1) -> None:
    prepared = active(operator)
    with PluginHost([prepared]) as host:
        for _ in range(num_batches):
            host.run(prepared, batch_of(texts))


class Batchwise(Signal):
    name, version, outputs = "batchwise", 1, {"num": "float64"}

    def compute(self, batch: pa.RecordBatch) -> dict[str, pa.Array]:
        return {"num": pa.array(self.values([len(text) for text in batch.column("text").to_pylist()]))}

    def values(self, lengths: list[int]) -> list[float]:
        raise NotImplementedError


class OnChance(Batchwise):
    def values(self, lengths: list[int]) -> list[float]:
        return [length + random.random() for length in lengths]


class Reversed(Batchwise):
    def values(self, lengths: list[int]) -> list[float]:
        return [float(length) for length in reversed(lengths)]


class AgainstTheMean(Batchwise):
    def values(self, lengths: list[int]) -> list[float]:
        return [length - sum(lengths) / len(lengths) for length in lengths]


class Rounds(Batchwise):
    """Differs by what adding up in another order may do."""

    def values(self, lengths: list[int]) -> list[float]:
        return [length * (1 + 1e-13 * len(lengths)) for length in lengths]


@pytest.mark.parametrize("operator", [OnChance, Reversed, AgainstTheMean])
def test_results_that_depend_on_neighbours_or_chance_are_found(operator: type[Signal]) -> None:
    with pytest.raises(GristmillError) as caught:
        run_batch(operator, ["a", "bb", "ccc", "dddd"])
    assert caught.value.code == "GM-PLUGIN-019"


def test_what_is_declared_or_rounding_passes() -> None:
    texts = ["a", "bb", "ccc", "dddd"]
    run_batch(Rounds, texts)
    run_batch(type("Declared", (OnChance,), {"deterministic": False}), texts)
    run_batch(type("Declared", (AgainstTheMean,), {"scope": "batch"}), texts)


def test_the_second_look_is_rare_and_counted_apart() -> None:
    operator = active(Rounds)
    with PluginHost([operator]) as host:
        for _ in range(65):
            host.run(operator, batch_of(["a", "bb", "ccc", "dddd"]))
        stats = host.stats[operator.step]
    assert (stats.num_calls, stats.num_documents, stats.num_audited) == (65, 260, 6)
    assert stats.audit_s > 0


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ({}, Containment()),
        ({"deadline": "1.5min"}, Containment(deadline_s=90.0)),
        ({"deadline": 5}, Containment(deadline_s=5.0)),
        (
            {"isolation": "process", "max_memory": "1GiB"},
            Containment(isolation="process", max_memory_bytes=1 << 30),
        ),
    ],
)
def test_keys_of_a_step_say_how_it_is_contained(step: dict[str, object], expected: Containment) -> None:
    operator = active(Rounds, **step)
    assert operator.containment == expected
    assert operator.fingerprint == active(Rounds).fingerprint


@pytest.mark.parametrize(
    "step",
    [
        {"isolation": "thread"},
        {"deadline": "soon"},
        {"deadline": 0},
        {"max_memory": "1GiB"},
        {"isolation": "process", "max_memory": "1MiB"},
        {"isolation": "process", "max_memory": "much"},
    ],
)
def test_values_that_do_not_fit_are_refused(step: dict[str, object]) -> None:
    with pytest.raises(GristmillError) as caught:
        active(Rounds, **step)
    assert caught.value.code == "GM-PLUGIN-009"


def test_an_author_may_ask_for_a_process_and_the_recipe_may_say_no() -> None:
    wary = type("Wary", (Rounds,), {"isolation": "process", "max_memory": "1GiB", "deadline": "9s"})
    assert active(wary).containment == Containment(
        isolation="process", max_memory_bytes=1 << 30, deadline_s=9.0
    )
    assert active(wary, isolation="none").containment == Containment(deadline_s=9.0)
