"""Recipe keys become a frozen configuration, or an error with a code and the nearest key."""

from __future__ import annotations

import dataclasses
from typing import Literal

import pytest

from gristmill.errors import GristmillError
from gristmill.plugins.api import Field, frozen_config
from gristmill.plugins.config import canonical_config, parse_config


@frozen_config
class Config:
    words: tuple[str, ...] = ("a",)
    share: float = Field(default=0.5, doc="a share", minimum=0, maximum=1)
    mode: Literal["fast", "exact"] = "fast"
    limit: int | None = None
    table: dict[str, int] = dataclasses.field(default_factory=dict)


def test_defaults_and_conversions() -> None:
    config = parse_config(
        Config, {"words": ["x", "y"], "share": 1, "limit": 3, "table": {"b": 2}}, operator="demo.x"
    )
    assert config == Config(words=("x", "y"), share=1.0, limit=3, table={"b": 2})
    assert canonical_config(config) == {
        "words": ["x", "y"],
        "share": 1.0,
        "mode": "fast",
        "limit": 3,
        "table": {"b": 2},
    }


def test_config_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().share = 0.1  # type: ignore[misc]


def test_unknown_key_names_the_nearest() -> None:
    with pytest.raises(GristmillError) as caught:
        parse_config(Config, {"word": ["x"]}, operator="demo.x")
    assert caught.value.code == "GM-PLUGIN-008"
    assert caught.value.hint == "did you mean `words`?"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("words", "x"),
        ("words", [1]),
        ("share", True),
        ("share", "0.5"),
        ("share", 1.5),
        ("share", -0.1),
        ("share", float("nan")),
        ("mode", "slow"),
        ("limit", 1.0),
        ("limit", True),
        ("table", ["x"]),
        ("table", {"x": "y"}),
    ],
)
def test_wrong_values(key: str, value: object) -> None:
    with pytest.raises(GristmillError) as caught:
        parse_config(Config, {key: value}, operator="demo.x")
    assert caught.value.code == "GM-PLUGIN-009"
    assert f"`{key}`" in caught.value.message


def test_required_field() -> None:
    @frozen_config
    class Required:
        path: str

    with pytest.raises(GristmillError) as caught:
        parse_config(Required, {}, operator="demo.x")
    assert caught.value.code == "GM-PLUGIN-009"


@pytest.mark.parametrize(("value", "shown"), [("2", '`"2"`'), (True, "`true`"), ([1], "`[1]`")])
def test_a_wrong_value_is_shown_as_the_recipe_has_it(value: object, shown: str) -> None:
    with pytest.raises(GristmillError) as caught:
        parse_config(Config, {"limit": value}, operator="demo.x")
    assert caught.value.message == f"`demo.x`: key `limit` must be a whole number, not {shown}"
