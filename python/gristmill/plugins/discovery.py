"""Where plugins are: installed distributions and single files. Finds them without importing any.

Also hashes the sources of a plugin under development. Not here: importing and registering (`manager`).
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import re
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from gristmill.errors import GristmillError

GROUP = "gristmill"
"""The entry point group; the entry point's name is the plugin's namespace."""
NAMESPACE_PATTERN = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A plugin that could be loaded.

    Parameters
    ----------
    namespace
        What stands before the dot in a recipe's `use`.
    distribution, version
        Of the installed package; None and None for a single file.
    entry_point
        Of an installed package, else None.
    file
        The single file, else None.
    """

    namespace: str
    distribution: str | None = None
    version: str | None = None
    entry_point: importlib.metadata.EntryPoint | None = None
    file: Path | None = None


def discover(plugins_dir: Path | None = None) -> dict[str, list[Found]]:
    """Return everything that claims each namespace, sorted by name. Imports no plugin.

    More than one claim to a namespace is an error for whoever loads it, not here: unused ones must not
    disturb.

    Raises
    ------
    GristmillError
        GM-PLUGIN-001 if `plugins_dir` is not a folder.

    Examples
    --------
    >>> isinstance(discover(), dict)
    True
    """
    claims: dict[str, dict[str, Found]] = {}
    for entry_point in importlib.metadata.entry_points(group=GROUP):
        distribution = entry_point.dist
        name = distribution.name if distribution else None
        version = distribution.version if distribution else None
        found = Found(namespace=entry_point.name, distribution=name, version=version, entry_point=entry_point)
        # One distribution may be seen twice when two folders of sys.path hold it: the first one is imported.
        claims.setdefault(entry_point.name, {}).setdefault(f"distribution {name}", found)
    for file in _single_files(plugins_dir):
        claims.setdefault(file.stem, {})[f"file {file}"] = Found(namespace=file.stem, file=file)
    return {name: [found for _, found in sorted(claims[name].items())] for name in sorted(claims)}


def _single_files(plugins_dir: Path | None) -> list[Path]:
    if plugins_dir is None:
        return []
    if not plugins_dir.is_dir():
        raise GristmillError("GM-PLUGIN-001", f"the plugins folder `{plugins_dir}` does not exist")
    return sorted(file for file in plugins_dir.glob("*.py") if NAMESPACE_PATTERN.fullmatch(file.stem))


def source_digest(found: Found, module: ModuleType) -> str | None:
    """Return a hash of the plugin's files if they can change under one version, else None.

    That is so for single files, for editable installs, and for modules that are not among their
    distribution's files. Names relative to the package and contents count; paths and times do not.
    """
    if module.__file__ is None:
        return None
    file = Path(module.__file__).resolve()
    if found.file is None and _is_installed_copy(found, file):
        return None
    is_package = file.name == "__init__.py"
    root = file.parent
    files = sorted(path for path in root.rglob("*") if path.is_file()) if is_package else [file]
    hasher = hashlib.blake2b(digest_size=16)
    for path in files:
        name = path.relative_to(root)
        if "__pycache__" in name.parts or path.suffix == ".pyc":
            continue
        content = path.read_bytes()
        for part in (name.as_posix().encode(), content):
            hasher.update(len(part).to_bytes(8, "little") + part)
    return hasher.hexdigest()


def _is_installed_copy(found: Found, file: Path) -> bool:
    distribution = found.entry_point.dist if found.entry_point else None
    if distribution is None:
        return False
    direct_url = distribution.read_text("direct_url.json")
    if direct_url and json.loads(direct_url).get("dir_info", {}).get("editable", False):
        return False
    # `locate_file` is typed as an abstract path; for installed files it is a path of the file system.
    return any(
        Path(str(distribution.locate_file(entry))).resolve() == file for entry in distribution.files or ()
    )
