"""`gristmill plan`: what a recipe will do, before it does it; with `--diff`, what a change re-runs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gristmill.cli.options import add_recipe, add_verb, printer_of
from gristmill.errors import ExitCode, GristmillError

if TYPE_CHECKING:
    from gristmill.cli.options import Subparsers

Json = Mapping[str, object]

NOT_SHOWN = ("fingerprint", "schema_version", "ranges")
"""Parts of a plan that follow from others."""


def add_parser(subparsers: Subparsers) -> None:
    """Declare the verb."""
    parser = add_verb(
        subparsers,
        "plan",
        run,
        description="Show steps, stages, tasks, and bounds of memory and disk. Looks at names and sizes of inputs.",
    )
    add_recipe(parser)
    parser.add_argument(
        "--diff", metavar="OLD", type=Path, help="a `plan.json`, or a run folder: show what differs from it"
    )


def run(options: argparse.Namespace) -> int:
    """Show a plan."""
    from gristmill.recipe import load_recipe

    printer = printer_of(options)
    recipe = load_recipe(options.recipe)
    # Imported after the recipe is known to be sound: it loads the native module.
    from gristmill.curate.plan import make_plan

    plan = make_plan(recipe)
    document = plan.to_json_dict()
    if options.diff is None:
        printer.lines(plan.describe())
        printer.result({"plan": document, "description": plan.describe()})
        return ExitCode.DONE
    # Through JSON, so that tuples and lists do not differ.
    changes = list(differences(read_plan(options.diff), json.loads(json.dumps(document))))
    printer.lines(changes or ["no difference: everything that was committed is used again"])
    printer.result({"differences": changes})
    return ExitCode.DONE


def read_plan(path: Path) -> Json:
    """Return the plan in a file, or that of a run folder."""
    file = path / "plan.json" if path.is_dir() else path
    try:
        found: Json = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise GristmillError("GM-CLI-008", f"no plan in `{file}`: {error}") from error
    return found


def differences(old: object, new: object, where: str = "") -> Iterator[str]:
    """Yield what differs between two JSON values, one line a value.

    Entries of lists are matched by name where they have one, so that an inserted step does not differ from all that
    follow it.

    Examples
    --------
    >>> list(differences({"seed": 1, "steps": [{"name": "a"}]}, {"seed": 2, "steps": []}))
    ['seed: 1 -> 2', 'steps[a]: {"name": "a"} -> nothing']
    """
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys([*old, *new]):
            if where or key not in NOT_SHOWN:
                yield from differences(old.get(key), new.get(key), f"{where}.{key}" if where else str(key))
    elif isinstance(old, list) and isinstance(new, list):
        entries, others = _labelled(old), _labelled(new)
        if old and new and (entries.keys() == others.keys()) and list(entries) != list(others):
            yield f"{where}: in another order"
        for label in dict.fromkeys([*entries, *others]):
            yield from differences(entries.get(label), others.get(label), f"{where}[{label}]")
    elif old != new:
        yield f"{where}: {_shown(old)} -> {_shown(new)}"


def _labelled(entries: Sequence[object]) -> dict[str, object]:
    """Return the entries of a list by name, or by position where names are missing or not unique."""
    labels = [_label(entry) for entry in entries]
    if None in labels or len(set(labels)) < len(labels):
        return {str(position): entry for position, entry in enumerate(entries)}
    return dict(zip(map(str, labels), entries, strict=True))


def _label(entry: object) -> str | None:
    if not isinstance(entry, Mapping):
        return None
    if "step" in entry and "rule" in entry:
        return f"{entry['step']}.{entry['rule']}"
    if "source" in entry and "relative_path" in entry:
        return f"{entry['source']}/{entry['relative_path']}"
    return str(entry["name"]) if "name" in entry else None


def _shown(value: object) -> str:
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False)
