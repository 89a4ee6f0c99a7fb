"""Terms that are defined, defined twice, never used, and used without a definition."""

from gristmill.plugins.testing import run
from gristmill_legal.definitions import DefinedTerms

TEXT = (
    '"Net Sales" means money. "Products" means things (the "Goods"). "Product" shall mean things again. '
    "All of the Net Sales of the Products go to the owner. He pays for the Licensed Territory, in the Licensed Territory and "
    "near the Licensed Territory, in the State of Ohio, in the State of Utah and in the State of Iowa."
)


def test_golden_counts() -> None:
    # By hand: Net Sales, Product(s), Goods; Product twice; Goods stands nowhere else.
    assert {name: values[0] for name, values in run(DefinedTerms, [TEXT]).items()} == {
        "num_defined_terms": 3,
        "num_repeated_definitions": 1,
        "num_unused_terms": 1,
        "num_undefined_terms": 1,
        "undefined_terms": "Licensed Territory",
    }


def test_fewer_uses_are_no_term() -> None:
    assert run(DefinedTerms, [TEXT], {"min_uses": 4})["num_undefined_terms"] == [0]
    assert run(DefinedTerms, [""])["undefined_terms"] == [None]


def test_a_definition_taken_away_is_noticed() -> None:
    text = 'The "Product Line" means things. ' + "He sells any Product Line here. " * 3
    assert run(DefinedTerms, [text])["num_undefined_terms"] == [0]
    found = run(DefinedTerms, [text.replace('The "Product Line" means', "There are")])
    assert (found["num_undefined_terms"], found["undefined_terms"]) == ([1], ["Product Line"])


def test_documents_do_not_define_for_each_other() -> None:
    use = "He sells any Widget Kit here. " * 3
    found = run(DefinedTerms, ['The "Widget Kit" means it. ' + use, use])
    assert found["num_undefined_terms"] == [0, 1]
