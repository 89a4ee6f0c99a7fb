"""Byte sizes and TOML values go out as they came in."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from gristmill.recipe.effective import toml_value
from gristmill.recipe.values import format_bytes, parse_bytes


@given(st.integers(min_value=1, max_value=1 << 60))
def test_byte_sizes_come_back(num_bytes: int) -> None:
    assert parse_bytes(format_bytes(num_bytes)) == num_bytes


@pytest.mark.parametrize("value", ["", "8", "MiB", "8 mib", "-1MiB", "1e3MiB", 1.5, None, True, "8MiB "])
def test_what_is_no_byte_size_is_refused(value: object) -> None:
    with pytest.raises(PydanticCustomError):
        parse_bytes(value)


JSON = st.recursive(
    st.booleans()
    | st.integers(min_value=-(1 << 63), max_value=(1 << 63) - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=8,
)


@given(JSON)
def test_any_value_survives_toml(value: object) -> None:
    assert tomllib.loads(f"key = {toml_value(value)}") == {"key": value}
