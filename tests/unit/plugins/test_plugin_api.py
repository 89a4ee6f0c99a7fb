"""What authors rely on: names, light imports, every hook and every code documented."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from gristmill.errors.plugin import CODES
from gristmill.plugins import api, hookspecs, testing
from gristmill.plugins.kinds import ALL

PLUGINS = Path(hookspecs.__file__).parent
GUIDE = PLUGINS.parents[2] / "docs" / "guides" / "write-a-plugin.md"


def test_every_name_is_there() -> None:
    assert sorted(api.__all__) == list(api.__all__)
    for name in api.__all__:
        assert getattr(api, name) is not None


def test_importing_the_interface_loads_nothing_heavy() -> None:
    code = "import sys, gristmill.plugins.api, gristmill.plugins.manager; print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for name in ("polars", "pyarrow", "numpy", "torch"):
        assert f"'{name}'" not in loaded, name


def test_every_code_raised_has_a_page_and_every_page_is_raised() -> None:
    raised = set()
    for file in PLUGINS.rglob("*.py"):
        raised |= set(re.findall(r'"(GM-PLUGIN-\d+)"', file.read_text(encoding="utf-8")))
    assert raised == set(CODES)


def test_every_hook_and_kind_is_in_the_guide() -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    for hook in (*hookspecs.HOOKS, *hookspecs.OBSERVERS):
        assert hook in guide, hook
    for name in (
        "Signal",
        "Transform",
        "Filter",
        "Reader",
        "per_document",
        "frozen_config",
        "Context",
        "Output",
    ):
        assert name in guide, name


def guide_files() -> dict[str, str]:
    blocks = re.findall(
        r"```python\n# file: (\w+)\.py\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL
    )
    return dict(blocks)


@pytest.mark.parametrize("name", guide_files())
def test_plugins_of_the_guide_keep_the_contract(name: str, tmp_path: Path) -> None:
    (tmp_path / f"{name}.py").write_text(guide_files()[name], encoding="utf-8")
    for report in testing.test_plugin(name, plugins_dir=tmp_path):
        assert report.passed, report


def test_the_guide_has_a_plugin_of_every_kind() -> None:
    source = "".join(guide_files().values())
    for hook in hookspecs.HOOKS:
        assert f"def {hook}(register)" in source


def test_hooks_are_exactly_the_specifications() -> None:
    specified = [name for name, value in vars(hookspecs).items() if hasattr(value, "gristmill_spec")]
    assert specified == [*hookspecs.HOOKS, *hookspecs.OBSERVERS, *hookspecs.OWN_HOOKS]
    assert [kind.hook for kind in ALL] == list(hookspecs.HOOKS)
    for name in specified:
        assert ".. versionadded::" in getattr(hookspecs, name).__doc__, name


def test_every_hook_kind_and_value_has_its_place_in_the_reference() -> None:
    page = (GUIDE.parents[1] / "reference" / "plugins.md").read_text(encoding="utf-8")
    for name in (*hookspecs.HOOKS, *hookspecs.OBSERVERS):
        assert f"### `{name}(" in page, name
    documented = {kind.base.__name__ for kind in ALL}
    for kind in ALL:
        assert f"\n## {kind.base.__name__}\n" in page, kind.name
        for method in kind.base.work:
            if hasattr(kind.base, method):
                assert f"| `{method}(" in page, method
    # What is imported from polars, and what only annotates, stands elsewhere.
    others = {"API_MAJOR", "NoConfig", "Operator", "Register", "hookimpl"}
    own = {name for name in api.__all__ if name in vars(api)}
    for name in own - documented - others:
        assert f"### `{name}`" in page, name
