"""The promises every operator makes: types, nulls, purity, independence of batches, determinism."""

import pytest

from gristmill.plugins.operators import Operator
from gristmill.plugins.testing import assert_contract
from gristmill_medical import (
    ClinicalNote,
    ClinicalSections,
    Codes,
    Deidentify,
    Dosages,
    Identifiers,
    NoIdentifiers,
)

OPERATORS = (ClinicalNote, ClinicalSections, Codes, Deidentify, Dosages, Identifiers, NoIdentifiers)


@pytest.mark.parametrize("operator", OPERATORS)
def test_operator_keeps_the_contract(operator: type[Operator], example: dict[str, str]) -> None:
    assert_contract(operator, texts=[*example.values(), "\ufdd0Mr. Smith\ufdd1 \ufdd2", "[NAME] [DATE 2019]"])
