"""The author's kit finds each broken promise, and passes operators that keep them."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings

from gristmill.plugins import testing
from gristmill.plugins.api import Expr, Signal, Transform, col, per_document
from gristmill.plugins.contract import check_operator
from gristmill.plugins.testing import assert_contract, nasty_documents

Install = Callable[..., Path]


COUNTER = itertools.count()


class Good(Signal):
    name, version, outputs = "good", 1, {"num": "uint32"}

    def expr(self) -> Expr:
        return col("text").str.len_bytes()


class Stateful(Signal):
    """Gives another value at each call."""

    name, version, outputs = "stateful", 1, {"value": "float32"}

    @per_document
    def score(self, _text: str) -> float:
        return float(next(COUNTER))


class LooksAtNeighbours(Signal):
    name, version, outputs = "neighbours", 1, {"value": "uint32"}

    def expr(self) -> Expr:
        return col("text").str.len_bytes().sum().cast(int) + 0 * col("text").str.len_bytes()


class HashesStrings(Signal):
    """Depends on the interpreter's hash seed."""

    name, version, outputs = "hashes", 1, {"value": "int64"}

    @per_document
    def score(self, text: str) -> int:
        return hash(text)


class Talks(Signal):
    name, version, outputs = "talks", 1, {"value": "uint32"}

    @per_document
    def score(self, text: str) -> int:
        print(len(text))  # noqa: T201
        return len(text)


class FailsOnEmpty(Signal):
    name, version, outputs = "empty", 1, {"value": "float32"}

    @per_document
    def score(self, text: str) -> float:
        return 1 / len(text)


class WrongType(Signal):
    name, version, outputs = "wrong", 1, {"value": "float32"}

    def compute(self, batch: pa.RecordBatch) -> dict[str, pa.Array]:
        return {"value": batch.column("text")}


class Random(Signal):
    name, version, outputs, deterministic = "random", 1, {"value": "float64"}, False

    @per_document
    def score(self, _text: str) -> float:
        return random.random()


class LineEnds(Transform):
    name, version = "line_ends", 1

    def expr(self) -> Expr:
        return col("text").str.replace_all("\r\n", "\n", literal=True)


class ReadsOthers(Signal):
    name, version, outputs = "others", 1, {"value": "float64?"}
    inputs = ("text", "lang", "other.score", "key", "doc")

    def expr(self) -> Expr:
        return col("other.score")


@pytest.mark.parametrize("operator", [Good, LineEnds, ReadsOthers, Random])
def test_good_operators_pass(operator: type[Signal]) -> None:
    assert_contract(operator)


@pytest.mark.parametrize(
    ("operator", "broken"),
    [
        (Stateful, "same again"),
        (LooksAtNeighbours, "split and merge"),
        (HashesStrings, "another process"),
        (Talks, "silent"),
        (FailsOnEmpty, "nasty documents"),
        (WrongType, "types and lengths"),
    ],
)
def test_each_broken_promise_is_found(operator: type[Signal], broken: str) -> None:
    texts = nasty_documents()[:12]
    failed = [check.name for check in check_operator(operator, texts) if not check.passed]
    assert broken in failed
    if operator is not Stateful:
        assert failed == [broken] or operator is LooksAtNeighbours
    with pytest.raises(AssertionError, match=broken):
        assert_contract(operator, texts=texts)


@settings(max_examples=25, deadline=None)
@given(testing.documents())
def test_good_operator_on_any_documents(texts: list[str]) -> None:
    assert all(check.passed for check in check_operator(Good, texts, other_process=False))


def test_nasty_documents_can_be_stored() -> None:
    for text in nasty_documents():
        text.encode("utf-8")


def test_bench_measures() -> None:
    assert testing.bench(Good, min_elapsed_s=0.05) > 1000


def test_a_plugin_is_tested_by_name(install: Install) -> None:
    install("alpha")
    (report,) = testing.test_plugin("alpha")
    assert report.passed, report.checks
    assert report.operator == "alpha.num_bytes"
    assert (report.documents_per_s or 0) > 0


def test_a_single_file_plugin_is_tested_by_name(tmp_path: Path, signal_plugin: str) -> None:
    (tmp_path / "beta.py").write_text(signal_plugin.replace(".str.len_bytes()", ".str.len_bytes() * 0.1"))
    (report,) = testing.test_plugin("beta", plugins_dir=tmp_path)
    assert not report.passed
    assert report.documents_per_s is None
    assert report.checks[-1].detail == (
        "`beta.num_bytes` broke the contract: output `num_bytes` is declared uint32 and is float64; "
        "cast it with `.cast(UInt32)`"
    )


def test_the_other_process_has_another_hash_seed() -> None:
    assert os.environ.get("PYTHONHASHSEED") != "4242"
