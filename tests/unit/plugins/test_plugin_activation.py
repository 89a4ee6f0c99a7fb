"""A recipe step becomes configuration, thresholds and a fingerprint."""

from __future__ import annotations

import dataclasses
import json
from typing import ClassVar

import pytest

from gristmill.errors import GristmillError
from gristmill.plugins.active import ActiveOperator, activate
from gristmill.plugins.api import Expr, Field, Filter, Output, Signal, Transform, col, frozen_config
from gristmill.plugins.contract import registered_for
from gristmill.plugins.operators import Operator


@frozen_config
class Config:
    minimum_length: int = Field(default=3, doc="letters")


class Two(Signal):
    name, version = "two", 1
    inputs: ClassVar[tuple[str, ...]] = ("text", "lang", "gopher_quality.num_words")
    outputs: ClassVar = {"share": Output(type="float32", nullable=True), "label": "utf8?", "num": "uint32"}
    Config = Config

    def expr(self) -> list[Expr]:
        return []


class One(Signal):
    name, version, outputs = "one", 1, {"one": "float64"}

    def expr(self) -> Expr:
        return col("text").str.len_bytes().cast(float)


class Keep(Filter):
    name, version, reason = "keep_long", 1, "too short"

    def predicate(self) -> Expr:
        return col("text").str.len_bytes() > 3


class Shout(Transform):
    name, version = "shout", 1

    def expr(self) -> Expr:
        return col("text").str.to_uppercase()


def active(operator: type[Operator] = Two, /, **step: object) -> ActiveOperator:
    return activate(registered_for(operator, "demo"), {"use": f"demo.{operator.name}", **step})


def test_defaults() -> None:
    operator = active()
    assert (operator.use, operator.step, operator.on_error) == ("demo.two", "demo.two", "quarantine")
    assert operator.config == {"minimum_length": 3}
    assert operator.required_columns == ("lang", "gopher_quality.num_words")
    assert operator.thresholds == ()
    assert operator.tier == 1


def test_thresholds_are_split_off_in_order_of_the_outputs() -> None:
    operator = active(max_num=9, min_share=0.25, minimum_length=4, name="x", where={"lang": "en"})
    assert operator.step == "x"
    assert operator.config == {"minimum_length": 4}
    assert operator.thresholds == (
        {"rule": "share", "column": "share", "keep": ">=", "threshold": 0.25},
        {"rule": "num", "column": "num", "keep": "<=", "threshold": 9.0},
    )


def test_short_threshold_keys_for_one_output() -> None:
    assert [item["keep"] for item in active(One, min=1, max=2).thresholds] == [">=", "<="]


@pytest.mark.parametrize("step", [{"min": 1}, {"min_label": 1}, {"max_num": True}, {"max_num": "9"}])
def test_thresholds_that_do_not_fit(step: dict[str, object]) -> None:
    with pytest.raises(GristmillError) as caught:
        active(**step)
    assert caught.value.code == "GM-PLUGIN-010"


def test_unknown_keys_name_the_nearest_threshold() -> None:
    with pytest.raises(GristmillError) as caught:
        active(min_shares=1)
    assert caught.value.code == "GM-PLUGIN-008"
    assert caught.value.hint == "did you mean `min_share`?"


@pytest.mark.parametrize("step", [{"on_error": "ignore"}, {"name": 3}])
def test_reserved_keys_are_checked(step: dict[str, object]) -> None:
    with pytest.raises(GristmillError) as caught:
        active(**step)
    assert caught.value.code == "GM-PLUGIN-009"


def test_a_filter_is_a_threshold_over_its_column() -> None:
    operator = active(Keep)
    assert operator.thresholds == ({"rule": "keep_long", "column": "keep", "keep": "==", "threshold": 1.0},)
    assert operator.reason == "too short"
    with pytest.raises(GristmillError):
        active(Keep, min=1)


def test_a_transform_has_no_columns() -> None:
    assert active(Shout).outputs == {}
    with pytest.raises(GristmillError):
        active(Shout, min=1)


def test_the_description_is_plain_json() -> None:
    description = active(min_share=0.5).describe()
    assert json.loads(json.dumps(description)) == description


def test_fingerprint_follows_what_decides_results() -> None:
    base = active().fingerprint
    assert len(base) == 64
    assert active(max_num=3, on_error="fail", name="other").fingerprint == base, (
        "thresholds recompute nothing"
    )
    assert active(minimum_length=4).fingerprint != base
    registered = registered_for(Two, "demo")
    for change in (
        {"namespace": "other"},
        {"distribution": "gristmill-demo"},
        {"distribution_version": "2"},
        {"source": "00"},
    ):
        changed = dataclasses.replace(registered, **change)  # type: ignore[arg-type]  # all are strings
        assert activate(changed, {}).fingerprint != base

    class Newer(Two):
        version = 2

    class OtherType(Two):
        outputs: ClassVar = {**Two.outputs, "num": "uint64"}

    class OtherInputs(Two):
        inputs: ClassVar[tuple[str, ...]] = ("text",)

    for operator in (Newer, OtherType, OtherInputs):
        assert active(operator).fingerprint != base
