"""Writes a new plugin package that installs and passes its first test: `gristmill plugin new`.

The files are templates in `templates/`: those of `common` for every kind, and one folder a kind.
"""

from __future__ import annotations

import importlib.resources
import string
from collections.abc import Iterator
from importlib.resources.abc import Traversable
from pathlib import Path

from gristmill.errors import GristmillError
from gristmill.plugins.config import nearest
from gristmill.plugins.discovery import NAMESPACE_PATTERN

KINDS = (
    "signal",
    "filter",
    "decider",
    "transform",
    "reader",
    "extractor",
    "report_section",
    "trainer_callback",
    "command",
)

RESERVED_NAME = "gristmill"
"""The built-in rules are listed under it."""


def new_plugin(name: str, kind: str, directory: Path) -> list[Path]:
    """Write the package ``gristmill-<name>`` into a folder and return the files written, sorted.

    Parameters
    ----------
    name
        The namespace in recipes: lower-case letters, digits and ``_``, a letter first.
    kind
        One of `KINDS`.
    directory
        Where the folder ``gristmill-<name>`` is made.

    Raises
    ------
    GristmillError
        GM-PLUGIN-016 for a name or kind that cannot be, or a folder that exists.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = new_plugin("finance", "signal", Path(folder))
    >>> files[-1].name
    'test_golden.py'
    """
    if not NAMESPACE_PATTERN.fullmatch(name):
        raise GristmillError(
            "GM-PLUGIN-016",
            f"`{name}` cannot be a plugin's name",
            hint="use lower-case letters, digits and `_`, a letter first",
        )
    if name == RESERVED_NAME:
        raise GristmillError(
            "GM-PLUGIN-016", f"`{name}` is the name of gristmill's own rules", hint="choose another name"
        )
    if kind not in KINDS:
        close = nearest(kind, KINDS)
        hint = f"did you mean `{close}`?" if close else f"use one of {', '.join(KINDS)}"
        raise GristmillError("GM-PLUGIN-016", f"`{kind}` is no kind of plugin", hint=hint)
    distribution = f"gristmill-{name.replace('_', '-')}"
    folder = directory / distribution
    if folder.exists():
        raise GristmillError(
            "GM-PLUGIN-016", f"`{folder}` exists already", hint="choose another name or folder"
        )
    words = {
        "name": name,
        "kind": kind.replace("_", " "),
        "package": f"gristmill_{name}",
        "distribution": distribution,
    }
    templates = importlib.resources.files(__name__) / "templates"
    written = []
    for source in ("common", kind):
        for template, parts in _walk(templates / source, ()):
            path = folder.joinpath(*(string.Template(part).substitute(words) for part in parts))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(
                string.Template(template.read_text(encoding="utf-8")).substitute(words), encoding="utf-8"
            )
            written.append(path)
    return sorted(written)


def _walk(folder: Traversable, parts: tuple[str, ...]) -> Iterator[tuple[Traversable, tuple[str, ...]]]:
    """Yield every template below a folder with the path it is written to; ``dot-x`` stands for ``.x``."""
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        name = entry.name.replace("dot-", ".", 1) if entry.name.startswith("dot-") else entry.name
        if entry.is_dir():
            yield from _walk(entry, (*parts, name))
        elif name.endswith(".tmpl"):
            yield entry, (*parts, name.removesuffix(".tmpl"))
