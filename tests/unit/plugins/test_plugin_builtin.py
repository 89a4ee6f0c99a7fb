"""gristmill's own rules as a plugin: one list with all others, one marker, one name that is taken."""

from __future__ import annotations

import json

import pytest

from gristmill.cli.main import main
from gristmill.errors import GristmillError
from gristmill.plugins.builtin import builtin_rules
from gristmill.plugins.manager import PluginManager, list_plugins
from gristmill.recipe import BUILTIN_STEPS


def test_every_built_in_step_is_a_rule() -> None:
    rules = {rule.name: rule for rule in builtin_rules()}
    assert sorted(rules) == sorted(BUILTIN_STEPS) == list(rules)
    for name, model in BUILTIN_STEPS.items():
        rule = rules[name]
        assert (rule.version, rule.semantics) == (model.version, model.semantics_known)
        assert dict(rule.outputs) == dict(model.columns)
        assert set(model.rules) <= set(rule.keys)
        assert rule.summary
    assert rules["sample"].kind == "choice"
    assert rules["minhash_dedup"].kind == "dedup"


def test_they_stand_in_the_list_and_have_a_page(install, capsys: pytest.CaptureFixture[str]) -> None:
    install("toy")
    infos = {info.name: info for info in list_plugins()}
    assert infos["gristmill"].active
    assert "gopher_quality" in infos["gristmill"].operators
    assert not infos["toy"].active
    assert main(["plugin", "show", "gristmill"]) == 0
    shown = capsys.readouterr().out
    assert "gopher_quality (rule, version" in shown
    assert "clean (rule that edits, version" in shown
    assert main(["plugin", "show", "gristmill", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["operators"]) == len(BUILTIN_STEPS)


def test_the_name_is_taken(install) -> None:
    install("gristmill", distribution="gristmill-other")
    with pytest.raises(GristmillError) as caught:
        PluginManager.load(["gristmill.clean"])
    assert caught.value.code == "GM-PLUGIN-005"


def test_no_other_plugin_registers_rules(install) -> None:
    install(
        "toy",
        "from gristmill.plugins.api import hookimpl\ngristmill_api = 1\n"
        "@hookimpl\ndef register_rules(register):\n    pass\n",
    )
    with pytest.raises(GristmillError) as caught:
        PluginManager.load(["toy"])
    assert caught.value.code == "GM-PLUGIN-007"
