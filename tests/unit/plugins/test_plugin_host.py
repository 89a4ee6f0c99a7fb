"""The host trusts nothing: every way an operator can misbehave is contained as documented."""

from __future__ import annotations

import logging
import signal
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from gristmill.errors import ExitCode, GristmillError
from gristmill.plugins.active import ActiveOperator, activate
from gristmill.plugins.api import Context, Expr, Filter, Output, Signal, Transform, col, per_document
from gristmill.plugins.contract import registered_for
from gristmill.plugins.host import HostResult, PluginHost
from gristmill.plugins.operators import Operator

TEXTS = ["one", "two words", "bad", "four", "", "bad again", "seven"]


def batch_of(texts: list[str], **columns: pa.Array) -> pa.RecordBatch:
    return pa.record_batch({"text": pa.array(texts, pa.large_utf8()), **columns})


def active(operator: type[Operator], **step: object) -> ActiveOperator:
    return activate(registered_for(operator, "demo"), step)


def run(operator: type[Operator], texts: list[str] | None = None, **step: object) -> HostResult:
    prepared = active(operator, **step)
    with PluginHost([prepared]) as host:
        return host.run(prepared, batch_of(TEXTS if texts is None else texts))


def refused(operator: type[Operator], texts: list[str] | None = None, **step: object) -> GristmillError:
    with pytest.raises(GristmillError) as caught:
        run(operator, texts, **step)
    return caught.value


class Returns(Signal):
    """A signal whose result a test sets."""

    name, version, outputs = "returns", 1, {"value": "float32"}
    result: object = None

    def compute(self, batch: pa.RecordBatch) -> object:
        return self.result(batch) if callable(self.result) else self.result


def returning(result: object, declared: str | Output = "float32") -> type[Signal]:
    wrapped = staticmethod(result) if callable(result) else result
    return type("Returning", (Returns,), {"result": wrapped, "outputs": {"value": declared}})


class RaisesOnBad(Signal):
    name, version, outputs = "raises", 1, {"num": "uint32"}
    error: BaseException = ValueError("no good")

    def compute(self, batch: pa.RecordBatch) -> dict[str, pa.Array]:
        texts = batch.column("text").to_pylist()
        if any("bad" in text for text in texts):
            raise self.error
        return {"num": pa.array([len(text) for text in texts], pa.uint32())}


# What operators may return


@pytest.mark.parametrize(
    ("value", "declared", "casts"),
    [
        (lambda batch: pa.array([1.5] * batch.num_rows, pa.float32()), "float32", 0),
        (lambda batch: pa.chunked_array([[1.5] * batch.num_rows], pa.float32()), "float32", 0),
        (lambda batch: np.full(batch.num_rows, 1.5, np.float32), "float32", 0),
        (lambda batch: pl.Series([1.5] * batch.num_rows, dtype=pl.Float32), "float32", 0),
        (lambda batch: pa.array([1.5] * batch.num_rows, pa.float32()), "float64", 1),
        (lambda batch: pa.array([3] * batch.num_rows), "uint32", 1),
        (lambda batch: pa.array([3] * batch.num_rows, pa.int16()), "float32", 1),
        (lambda batch: pl.Series(["x"] * batch.num_rows), "utf8", 1),
        (lambda batch: pa.array(["x"] * batch.num_rows).dictionary_encode(), "utf8", 1),
        (lambda batch: pa.nulls(batch.num_rows), "utf8?", 1),
    ],
)
def test_any_arrow_producer_is_taken(value: object, declared: str, casts: int) -> None:
    result = run(returning(lambda batch: {"value": value(batch)}, declared))  # type: ignore[operator]
    assert len(result.columns["value"]) == len(TEXTS)
    assert result.stats.num_casts == casts
    assert not result.quarantined
    expected = {"float32": pa.float32(), "float64": pa.float64(), "uint32": pa.uint32()}
    assert result.columns["value"].type == expected.get(declared, pa.large_utf8())


@pytest.mark.parametrize(
    ("value", "declared"),
    [
        (None, "float32"),
        ([1.0], "float32"),
        ({}, "float32"),
        (lambda batch: {"other": pa.nulls(batch.num_rows, pa.float32())}, "float32"),
        (lambda batch: {"value": pa.nulls(batch.num_rows), "more": pa.nulls(batch.num_rows)}, "float32?"),
        (lambda batch: {"value": pa.array([0.1] * batch.num_rows)}, "float32"),
        (lambda batch: {"value": pa.array(["x"] * batch.num_rows)}, "float32"),
        (lambda batch: {"value": pa.array([True] * batch.num_rows)}, "uint32"),
        (lambda batch: {"value": pa.array([1] * batch.num_rows)}, "float32"),
        (lambda _: {"value": "text"}, "utf8"),
    ],
)
def test_wrong_columns_and_types_stop_the_run(value: object, declared: str) -> None:
    error = refused(returning(value, declared))
    assert error.code == "GM-PLUGIN-012"
    assert error.exit_code == ExitCode.PARTIAL
    # Of no package, so that it is a single file.
    assert error.hint is not None
    assert error.hint.endswith("--plugins-dir DIR`")


def test_a_wrong_length_for_one_document_is_its_failure_to_explain() -> None:
    def lengths(batch: pa.RecordBatch) -> dict[str, pa.Array]:
        return {"value": pa.array([1.0] * (batch.num_rows + 1), pa.float32())}

    assert refused(returning(lengths)).code == "GM-PLUGIN-012"


def test_an_aggregate_is_not_row_wise() -> None:
    class Total(Signal):
        name, version, outputs = "total", 1, {"total": "uint32"}

        def expr(self) -> Expr:
            return col("text").str.len_bytes().sum().cast(pl.UInt32)

    error = refused(Total)
    assert error.code == "GM-PLUGIN-012"
    assert "not row-wise" in error.message


def test_undeclared_nulls_fail_their_rows_only() -> None:
    def value(batch: pa.RecordBatch) -> dict[str, pa.Array]:
        texts = batch.column("text").to_pylist()
        return {"value": pa.array([None if text == "" else 1.0 for text in texts], pa.float32())}

    result = run(returning(value))
    assert [item.row for item in result.quarantined] == [4]
    assert result.quarantined[0].error_type == "ContractViolation"
    assert run(returning(value, "float32?")).quarantined == []


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_policies_for_numbers_that_are_not_finite(number: float) -> None:
    def value(batch: pa.RecordBatch) -> dict[str, pa.Array]:
        texts = batch.column("text").to_pylist()
        return {"value": pa.array([number if text == "" else 1.0 for text in texts], pa.float32())}

    refuse = run(returning(value))
    assert [item.row for item in refuse.quarantined] == [4]
    assert refuse.columns["value"].to_pylist()[4] is None
    null = run(returning(value, Output(type="float32", non_finite="null")))
    assert null.quarantined == []
    assert null.columns["value"].to_pylist() == [1.0] * 4 + [None] + [1.0] * 2
    keep = run(returning(value, Output(type="float32", non_finite="keep")))
    assert keep.quarantined == []
    assert keep.columns["value"].null_count == 0


def test_a_number_too_large_for_its_type_fails_its_row() -> None:
    def value(batch: pa.RecordBatch) -> dict[str, pa.Array]:
        return {"value": pa.array([-1 if text == "four" else 1 for text in batch.column("text").to_pylist()])}

    result = run(returning(value, "uint32"))
    assert [item.row for item in result.quarantined] == [3]
    assert result.columns["value"].to_pylist() == [1, 1, 1, None, 1, 1, 1]


def test_text_that_is_not_utf8_fails_its_row() -> None:
    def value(batch: pa.RecordBatch) -> dict[str, pa.Array]:
        raw = [b"\xff" if text == "four" else b"ok" for text in batch.column("text").to_pylist()]
        binary = pa.array(raw, pa.large_binary())
        return {"value": pa.Array.from_buffers(pa.large_utf8(), len(binary), binary.buffers())}

    assert [item.row for item in run(returning(value, "utf8")).quarantined] == [3]


# What operators may not do


@pytest.mark.parametrize(
    "error", [ValueError("x"), SystemExit(0), pa.ArrowInvalid("x"), BaseException("panic")]
)
def test_an_exception_is_bisected_to_its_documents(error: BaseException) -> None:
    operator = type("Raising", (RaisesOnBad,), {"error": error})
    result = run(operator)
    assert [(item.row, item.error_type) for item in result.quarantined] == [
        (2, type(error).__name__),
        (5, type(error).__name__),
    ]
    assert result.columns["num"].to_pylist() == [3, 9, None, 4, 0, None, 5]
    assert result.stats.num_failed == 2


def test_lack_of_memory_passes_through() -> None:
    with pytest.raises(MemoryError):
        run(type("Raising", (RaisesOnBad,), {"error": MemoryError()}))


def test_an_interrupt_that_no_user_sent_is_a_failure_of_its_document() -> None:
    result = run(type("Raising", (RaisesOnBad,), {"error": KeyboardInterrupt()}))
    assert [(item.row, item.error_type) for item in result.quarantined] == [
        (2, "KeyboardInterrupt"),
        (5, "KeyboardInterrupt"),
    ]


@pytest.mark.parametrize("swallows", [False, True])
def test_the_user_s_interrupt_passes_through(swallows: bool) -> None:
    class Interrupted(Signal):
        name, version, outputs = "interrupted", 1, {"value": "float32"}

        @per_document
        def score(self, _text: str) -> float:
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:
                if not swallows:
                    raise
            return 1.0

    with pytest.raises(KeyboardInterrupt):
        run(Interrupted)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_on_error_null_keeps_the_documents() -> None:
    result = run(RaisesOnBad, on_error="null")
    assert result.quarantined == []
    assert result.columns["num"].null_count == 2
    assert result.stats.num_failed == 2


def test_on_error_fail_stops_the_run() -> None:
    error = refused(RaisesOnBad, on_error="fail")
    assert error.code == "GM-PLUGIN-013"
    assert any("no good" in line for line in error.context)


def test_the_traceback_has_no_paths_and_no_addresses() -> None:
    class Address(Signal):
        name, version, outputs = "address", 1, {"value": "float32"}

        @per_document
        def score(self, _text: str) -> float:
            raise ValueError(f"broken {object()!r}")

    detail = run(Address, ["x"]).quarantined[0].detail
    assert detail.startswith("ValueError: broken <object object at 0x...>")
    assert f"at {__name__}.score, line " in detail
    assert str(Path(__file__).parent) not in detail


def test_the_budget_stops_the_run_early() -> None:
    calls = []

    class AlwaysFails(Signal):
        name, version, outputs = "fails", 1, {"value": "float32"}

        def compute(self, batch: pa.RecordBatch) -> dict[str, pa.Array]:
            calls.append(batch.num_rows)
            raise ValueError("always")

    operator = active(AlwaysFails)
    with PluginHost([operator]) as host, pytest.raises(GristmillError) as caught:
        host.run(operator, batch_of(["x"] * 4096))
    assert caught.value.code == "GM-PLUGIN-014"
    assert caught.value.exit_code == ExitCode.GATE
    assert "101 of 4096" in caught.value.message
    assert len(calls) < 250, "bisecting must end with the budget, not with the batch"


def test_the_budget_counts_over_batches_and_grows_with_the_corpus() -> None:
    operator = active(RaisesOnBad)
    with PluginHost([operator], max_failures=3, max_failure_fraction=0.0) as host:
        host.run(operator, batch_of(TEXTS))
        with pytest.raises(GristmillError):
            host.run(operator, batch_of(TEXTS))
    with PluginHost([operator], max_failures=0, max_failure_fraction=0.3) as host:
        for _ in range(20):
            host.run(operator, batch_of(TEXTS))
        assert host.stats["demo.raises"].num_failed == 40
        assert host.stats["demo.raises"].num_documents == 140


def test_batch_scope_fails_as_a_batch() -> None:
    operator = type("Whole", (RaisesOnBad,), {"scope": "batch"})
    result = run(operator)
    assert [item.row for item in result.quarantined] == list(range(len(TEXTS)))
    assert result.stats.num_calls == 1


def test_changing_the_input_is_noticed() -> None:
    class Writes(Signal):
        name, version, outputs = "writes", 1, {"value": "float32"}

        def compute(self, batch: pa.RecordBatch) -> dict[str, pa.Array]:
            import ctypes

            buffer = batch.column("text").buffers()[2]
            ctypes.memset(buffer.address, ord("x"), 1)
            return {"value": pa.array([1.0] * batch.num_rows, pa.float32())}

    error = refused(Writes)
    assert error.code == "GM-PLUGIN-012"
    assert "changed its input" in error.message


def test_prints_are_logged_and_do_not_reach_stdout(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    class Talks(Signal):
        name, version, outputs = "talks", 1, {"value": "float32"}

        @per_document
        def score(self, _text: str) -> float:
            print("hello")  # noqa: T201
            print("oh no", file=sys.stderr)  # noqa: T201
            return 1.0

    with caplog.at_level(logging.WARNING):
        result = run(Talks, ["x"])
    assert capsys.readouterr() == ("", "")
    assert {record.name for record in caplog.records} == {"gristmill.plugin.demo.talks"}
    assert [record.getMessage() for record in caplog.records] == ["stdout: hello", "stderr: oh no"]
    assert result.stats.num_captured_characters == 12


def test_only_declared_inputs_are_shown() -> None:
    class Looks(Signal):
        name, version, outputs = "looks", 1, {"names": "utf8"}
        inputs = ("lang", "text")

        def compute(self, batch: pa.RecordBatch) -> dict[str, pa.Array]:
            return {"names": pa.array([",".join(batch.schema.names)] * batch.num_rows)}

    operator = active(Looks)
    batch = batch_of(["x"], secret=pa.array([1]), lang=pa.array(["en"]))
    with PluginHost([operator]) as host:
        assert host.run(operator, batch).columns["names"].to_pylist() == ["lang,text"]
        with pytest.raises(GristmillError) as caught:
            host.run(operator, batch_of(["x"]))
    assert caught.value.code == "GM-PLUGIN-017"


# Tiers and kinds


def test_the_three_tiers_agree() -> None:
    class Expression(Signal):
        name, version, outputs = "length", 1, {"num": "uint32"}

        def expr(self) -> Expr:
            return col("text").str.len_chars()

    class Batch(Signal):
        name, version, outputs = "length", 1, {"num": "uint32"}

        def compute(self, batch: pa.RecordBatch) -> dict[str, pa.Array]:
            import pyarrow.compute as pc

            return {"num": pc.utf8_length(batch.column("text"))}

    class Document(Signal):
        name, version, outputs = "length", 1, {"num": "uint32"}

        @per_document
        def score(self, text: str) -> int:
            return len(text)

    texts = ["", "a", "äöü", "日本語"]
    for operator, tier in ((Expression, 1), (Batch, 2), (Document, 3)):
        assert active(operator).tier == tier
        assert run(operator, texts).columns["num"].to_pylist() == [0, 1, 3, 3]


def test_several_outputs_of_a_document_function() -> None:
    class Several(Signal):
        name, version, outputs = "several", 1, {"num": "uint32", "first": "utf8?"}

        @per_document
        def score(self, text: str) -> dict[str, object]:
            return {"num": len(text), "first": text[:1] or None}

    columns = run(Several, ["ab", ""]).columns
    assert columns["num"].to_pylist() == [2, 0]
    assert columns["first"].to_pylist() == ["a", None]


@pytest.mark.parametrize("tier", [1, 2, 3])
def test_transforms_give_new_text(tier: int) -> None:
    class Expression(Transform):
        name, version = "upper", 1

        def expr(self) -> Expr:
            return col("text").str.to_uppercase()

    class Batch(Transform):
        name, version = "upper", 1

        def apply(self, batch: pa.RecordBatch) -> pa.Array:
            import pyarrow.compute as pc

            return pc.utf8_upper(batch.column("text"))

    class Document(Transform):
        name, version = "upper", 1

        @per_document
        def edit(self, text: str) -> str:
            return text.upper()

    result = run((Expression, Batch, Document)[tier - 1], ["a", "", "ä"])
    assert result.columns == {}
    assert result.new_text is not None
    assert result.new_text.to_pylist() == ["A", "", "Ä"]
    assert result.new_text.type == pa.large_utf8()


def test_a_failed_transform_keeps_the_old_text() -> None:
    class Fails(Transform):
        name, version = "fails", 1

        @per_document
        def edit(self, text: str) -> str:
            if "bad" in text:
                raise ValueError
            return text + "!"

    result = run(Fails)
    assert result.new_text is not None
    assert result.new_text.to_pylist() == ["one!", "two words!", "bad", "four!", "!", "bad again", "seven!"]
    assert [item.row for item in result.quarantined] == [2, 5]


def test_a_filter_gives_a_column_to_threshold() -> None:
    class Long(Filter):
        name, version, reason = "long", 1, "too short"

        def predicate(self) -> Expr:
            return col("text").str.len_bytes() > 3

    assert run(Long).columns["keep"].to_pylist() == [False, True, False, True, False, True, True]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_results_do_not_depend_on_batches(size: int) -> None:
    operator = active(RaisesOnBad)
    values: list[object] = []
    failed = []
    with PluginHost([operator]) as host:
        for start in range(0, len(TEXTS), size):
            result = host.run(operator, batch_of(TEXTS).slice(start, size))
            values += result.columns["num"].to_pylist()
            failed += [(start + item.row, item.error_type, item.detail) for item in result.quarantined]
    assert values == [3, 9, None, 4, 0, None, 5]
    assert failed == [(item.row, item.error_type, item.detail) for item in run(RaisesOnBad).quarantined]


def test_an_exception_that_is_raised_again_does_not_gather_frames() -> None:
    details = {item.detail for item in run(RaisesOnBad).quarantined}
    assert len(details) == 1
    assert details.pop().count("\n") == 1


def test_an_empty_batch() -> None:
    assert len(run(RaisesOnBad, []).columns["num"]) == 0


# Life cycle


def test_open_gives_a_context_and_close_ends_it() -> None:
    seen: list[object] = []

    class Opens(Signal):
        name, version, outputs = "opens", 1, {"value": "float64"}
        inputs = ("text", "key")

        def open(self, context: Context) -> None:
            self.context = context
            (context.scratch / "file").write_text("x")
            seen.append(context)

        @per_document
        def score(self, _text: str, key: bytes) -> float:
            return self.context.rng(key).random()

        def close(self) -> None:
            seen.append("closed")

    operator = active(Opens)
    batch = batch_of(["a", "b", "a"], key=pa.array([b"1" * 16, b"2" * 16, b"1" * 16], pa.binary(16)))
    with PluginHost([operator], seed=7, threads=2) as host:
        first = host.run(operator, batch).columns["value"].to_pylist()
        context = seen[0]
        assert isinstance(context, Context)
        assert (context.operator, context.threads) == ("demo.opens", 2)
        assert context.scratch.exists()
    assert seen[1] == "closed"
    assert not context.scratch.exists()
    assert first[0] == first[2] != first[1]
    with PluginHost([operator], seed=8) as host:
        assert host.run(operator, batch).columns["value"].to_pylist() != first


@pytest.mark.parametrize("error", [ValueError("no model"), SystemExit(3)])
def test_an_operator_that_cannot_be_opened(error: BaseException) -> None:
    class Fails(Returns):
        def open(self, _context: Context) -> None:
            raise error

    raised = refused(Fails)
    assert raised.code == "GM-PLUGIN-018"
    assert any(type(error).__name__ in line for line in raised.context)


def test_an_operator_that_cannot_be_closed_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Fails(RaisesOnBad):
        def close(self) -> None:
            raise ValueError("stuck")

    with caplog.at_level(logging.WARNING):
        assert run(Fails, ["x"]).columns["num"].to_pylist() == [1]
    assert "stuck" in caplog.text
