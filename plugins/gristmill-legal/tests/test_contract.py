"""The promises every operator makes: types, nulls, purity, independence of batches, determinism."""

import pytest

from gristmill.plugins.operators import Signal
from gristmill.plugins.testing import assert_contract
from gristmill_legal import CitationDensity, ClauseStructure, LicenceBoilerplate


@pytest.mark.parametrize("operator", [CitationDensity, ClauseStructure, LicenceBoilerplate])
def test_operator_keeps_the_contract(operator: type[Signal], example: dict[str, str]) -> None:
    assert_contract(operator, texts=list(example.values()))
