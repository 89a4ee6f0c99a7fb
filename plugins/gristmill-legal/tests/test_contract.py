"""The promises every operator makes: types, nulls, purity, independence of batches, determinism."""

import pytest

from gristmill.plugins.operators import Operator
from gristmill.plugins.testing import assert_contract
from gristmill_legal import (
    CitationDensity,
    ClauseStructure,
    DefinedTerms,
    Jurisdiction,
    LicenceBoilerplate,
    Redact,
)


@pytest.mark.parametrize(
    "operator", [CitationDensity, ClauseStructure, DefinedTerms, Jurisdiction, LicenceBoilerplate, Redact]
)
def test_operator_keeps_the_contract(operator: type[Operator], example: dict[str, str]) -> None:
    assert_contract(operator, texts=list(example.values()))
