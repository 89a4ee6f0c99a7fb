"""Right files parse, broken ones do not; without the extra the operator says what is missing."""

import builtins
import importlib.util

import pytest

from gristmill.errors import GristmillError
from gristmill.plugins.testing import assert_contract, run
from gristmill_code.marks import LANGUAGES
from gristmill_code.parses import GRAMMARS, Parses, load_parsers

IS_INSTALLED = all(
    importlib.util.find_spec(name) for name in ("tree_sitter", *(row[0] for row in GRAMMARS.values()))
)
needs_grammars = pytest.mark.skipif(not IS_INSTALLED, reason="needs gristmill-code[parse]")

RIGHT = {
    "c": "int main(void) { return 0; }\n",
    "cpp": "template <typename T> T f(T x) { return x; }\n",
    "go": "package main\n\nfunc main() { x := 1; _ = x }\n",
    "java": "class A { int f() { return 1; } }\n",
    "javascript": "const f = (a) => a + 1;\n",
    "php": "<?php\nfunction f($a) { return $a; }\n",
    "python": "def f(x):\n    return x\n",
    "ruby": "def f(x)\n  x\nend\n",
    "rust": "fn f(x: u8) -> u8 { x }\n",
    "shell": 'if [ -f x ]; then echo "$x"; fi\n',
    "typescript": "const f = (a: number): number => a;\n",
}


def test_every_grammar_has_an_example() -> None:
    assert set(RIGHT) == set(GRAMMARS)
    assert set(GRAMMARS) <= set(LANGUAGES)


@needs_grammars
@pytest.mark.parametrize("language", RIGHT)
def test_right_code_parses_and_broken_code_does_not(language: str) -> None:
    broken = RIGHT[language] + ")) }] @@ (\n"
    values = run(Parses, [RIGHT[language], broken, ""], {"language": language})
    assert values["parses"] == [1, 0, 1]
    assert values["num_errors"][0] == 0
    share = values["error_fraction"][1]
    assert isinstance(share, float)
    assert 0 < share <= 1


@needs_grammars
def test_the_language_is_found_and_long_documents_are_left_out() -> None:
    text = "from os import path\n\n\ndef f(x):\n    return x\n"
    assert run(Parses, [text, "Only prose."])["parses"] == [1, None]
    assert run(Parses, [text], {"max_bytes": 10})["parses"] == [None]


@needs_grammars
def test_contract() -> None:
    assert_contract(Parses, texts=list(RIGHT.values()))


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib

    real = importlib.import_module

    def absent(name: str) -> object:
        if name in ("tree_sitter", "tree_sitter_go"):
            raise ModuleNotFoundError(name)
        return builtins.__import__("types") if name.startswith("tree_sitter") else real(name)

    monkeypatch.setattr("gristmill_code.parses.importlib.import_module", absent)
    with pytest.raises(
        ModuleNotFoundError, match=r"tree-sitter, tree-sitter-go: install .*gristmill-code\[parse\]"
    ):
        load_parsers()


def test_languages_without_a_grammar_are_refused() -> None:
    with pytest.raises(GristmillError) as caught:
        run(Parses, ["x"], {"language": "cobol"})
    assert caught.value.code == "GM-PLUGIN-009"
