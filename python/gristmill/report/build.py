"""Writes the report of a run as HTML, Markdown or JSON. Same run, same bytes: no clock, host or path.

What plugins took is of the run's own events: another run with the same digest has other times there.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Literal

from gristmill.errors import GristmillError
from gristmill.report.blocks import JsonValue, to_json
from gristmill.report.folder import RunFolder
from gristmill.report.markdown import markdown
from gristmill.report.page import html
from gristmill.report.plugin_sections import plugin_sections
from gristmill.report.sections import collect

Format = Literal["html", "md", "json"]
SCHEMA_VERSION = 1


def write_report(
    run: Path,
    *,
    format: Format = "html",  # noqa: A002
    output: Path | None = None,
    plugins_dir: Path | None = None,
) -> Path:
    """Write the report of the finished run in `run` and return its path.

    Parameters
    ----------
    run
        Run folder with a `manifest.json`.
    format
        `"html"`: one page that needs nothing else; `"md"` and `"json"`: the same facts, fewer examples in
        Markdown.
    output
        File to write; `report.<format>` in the run folder unless given. An existing file is replaced at once.
    plugins_dir
        Folder of single-file plugins, for their sections; by default the one that the run was planned with.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    GristmillError
        GM-REPORT-001 no finished run; 002 a file missing or unreadable; 003 counts disagree; 004 cannot
        write.

    Notes ----- Cost: some passes over `rejects/`, one over `signals/`, `edits/` and the texts of
    `documents/`. Memory is a few batches and does not grow with the number of documents; the page stays at a
    few megabytes.

    Examples
    --------
    >>> write_report(Path("no-such-run"))
    Traceback (most recent call last):
        ...
    gristmill.errors.GristmillError: `no-such-run` is not a finished run folder: ...
    """
    report = collect_report(run, plugins_dir=plugins_dir)
    if format == "html":
        text = html(report)
    elif format == "md":
        text = markdown(report)
    else:
        text = json.dumps(report, ensure_ascii=False, allow_nan=False, indent=1) + "\n"
    target = output if output is not None else run / f"report.{format}"
    _replace(target, text)
    return target


def collect_report(run: Path, *, plugins_dir: Path | None = None) -> dict[str, JsonValue]:
    """Return all that a report says about `run` as JSON: `schema_version`, `origin` and `sections`."""
    folder = RunFolder(run)
    plan = str(folder.manifest.get("plan", ""))
    return {
        "schema_version": SCHEMA_VERSION,
        "origin": to_json(f"plan {plan[:16]} · manifest {folder.manifest_digest}"),
        "sections": [
            to_json(section)
            for section in (*collect(folder), *plugin_sections(folder, plugins_dir=plugins_dir))
        ],
    }


def _replace(target: Path, text: str) -> None:
    """Write beside the target and rename, so that no reader ever sees half a page."""
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        beside.write_bytes(text.encode("utf-8", errors="backslashreplace"))
        beside.replace(target)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise GristmillError(
            "GM-REPORT-004",
            f"`{target}` cannot be written: {error.strerror}",
            hint="choose another path with `--output`",
        ) from error
