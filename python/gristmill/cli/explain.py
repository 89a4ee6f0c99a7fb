"""`gristmill explain`: a page for a rule, an error code or a recipe key; or the story of one document."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from gristmill.cli.options import add_verb, printer_of
from gristmill.cli.unfinished import unfinished_run
from gristmill.errors import ExitCode, GristmillError, catalogue

if TYPE_CHECKING:
    from gristmill.cli.options import Subparsers
    from gristmill.recipe import BuiltinStep

Page = tuple[list[str], dict[str, object]]
"""Lines for a reader, and the same as JSON values."""


_DEDUP_RULES = {
    "exact_duplicate": "exact_dedup",
    "near_duplicate": "minhash_dedup",
    "semantic_duplicate": "semantic_dedup",
    "not_sampled": "sample",
    "over_share": "mix",
    "not_selected": "select",
    "nothing_new": "select",
}
"""Dedup and choosing steps by the name under which `rejects/` has what they removed."""
_LEFT_OVER = {
    "nothing_left": "a step that cuts parts out of texts left none of the document",
    "too_little_left": "a step that cuts parts out of texts left fewer words than its `min_words_left`",
}
"""Rules that several steps have: what a cut makes of a document."""
_TOKEN_RULES = {
    "too_long": 'the document has more ids than `max_tokens`, and `too_long` is `"drop"`',
    "nothing_trained": "no id of the conversation is trained: no turn of the assistant is left in it",
}
"""Rules of `[tokens]`."""
_WORDS = {"rule": "rule", "error": "error code", "key": "recipe key"}


def add_parser(subparsers: Subparsers) -> None:
    """Declare the verb."""
    parser = add_verb(
        subparsers,
        "explain",
        run,
        description="Explain a rule, an error code or a recipe key (without NAME: list all), or tell everything that "
        "happened to one document of a run.",
    )
    parser.add_argument(
        "kind", metavar="rule|error|key|doc", choices=("rule", "error", "key", "doc"), help="what to explain"
    )
    parser.add_argument(
        "name",
        metavar="NAME",
        nargs="?",
        help="`gopher_quality.min_words`, `GM-READ-003`, `run.seed`; for a document its number, its key or the "
        "beginning of it, or its id",
    )
    parser.add_argument(
        "--run", metavar="DIR", dest="run_folder", type=Path, help="the run folder, for `doc`"
    )
    parser.add_argument(
        "--plugins-dir", metavar="DIR", type=Path, help="folder of single-file plugins, for `rule`"
    )


def run(options: argparse.Namespace) -> int:
    """Explain."""
    printer = printer_of(options)
    if options.kind == "doc":
        lines, values = _document(options.name, options.run_folder)
    elif options.kind == "rule":
        lines, values = _rule(options.name, options.plugins_dir)
    else:
        lines, values = {"error": _error, "key": _key}[options.kind](options.name)
    printer.lines(lines)
    printer.result(values)
    return ExitCode.DONE


def _document(name: str | None, run_folder: Path | None) -> Page:
    if name is None or run_folder is None:
        raise GristmillError(
            "GM-CLI-001",
            "a document is looked for by its number, its key or its id, in a run",
            hint="for example `gristmill explain doc 42 --run runs/demo`",
        )
    from gristmill.cli.story import tell

    with unfinished_run(run_folder):
        return tell(run_folder, name)


def _error(code: str | None) -> Page:
    pages = catalogue()
    if code is None:
        return (
            [f"{known}  {page.title}" for known, page in pages.items()],
            {"errors": {known: page.title for known, page in pages.items()}},
        )
    page = pages.get(code.upper())
    if page is None:
        raise _unknown("error", code, pages)
    lines = [
        f"{code.upper()}: {page.title}",
        "",
        page.explanation,
        "",
        f"remedy: {page.remedy}",
        f"exit code: {int(page.exit_code)}",
    ]
    return lines, {"code": code.upper(), **asdict(page)}


def _key(name: str | None) -> Page:
    from gristmill.recipe import key_pages

    pages = key_pages()
    if name is None:
        return (
            [f"{page.name}{'' if page.default is None else f' = {page.default}'}" for page in pages.values()],
            {"keys": list(pages)},
        )
    matches = [page for known, page in pages.items() if known == name or known.rpartition(".")[2] == name]
    if not matches:
        raise _unknown("key", name, pages)
    lines: list[str] = []
    for page in matches:
        default = (
            "required" if page.is_required else f"default {page.default}" if page.default else "optional"
        )
        lines += [*([""] if lines else []), page.name, f"  {page.description}", f"  {page.type}; {default}"]
        if page.effect:
            lines.append(f"  {page.effect}")
    return lines, {"keys": [asdict(page) for page in matches]}


def _rule(name: str | None, plugins_dir: Path | None) -> Page:
    from gristmill.recipe import BUILTIN_STEPS

    every = [f"{step}.{rule}" for step, model in BUILTIN_STEPS.items() for rule in _names(model)]
    if name is None:
        return [*BUILTIN_STEPS, *every], {"steps": list(BUILTIN_STEPS), "rules": every}
    step, _, wanted = name.partition(".")
    reason = _reason(step, wanted)
    if reason is not None:
        return reason
    dedup = _DEDUP_RULES.get(wanted or step)
    if dedup is not None and name in (wanted or step, f"{dedup}.{wanted}"):
        step, wanted = dedup, ""
    if step not in BUILTIN_STEPS and not wanted:
        # A bare name, as it stands in a report or a recipe.
        step, wanted = (
            next((known for known, model in BUILTIN_STEPS.items() if _matches(model, name)), step),
            name,
        )
    if step not in BUILTIN_STEPS:
        page = _plugin_rule(name, plugins_dir)
        if page is None:
            further = "operators of a single-file plugin need `--plugins-dir DIR`" if wanted else None
            keys = [f"{known}.{key}" for known, model in BUILTIN_STEPS.items() for key in model.rules]
            names = [*BUILTIN_STEPS, *every, *keys, *_LEFT_OVER, *_DEDUP_RULES, *_TOKEN_RULES]
            raise _unknown("rule", name, names, further=further)
        return page
    return _rule_page(step, BUILTIN_STEPS[step], wanted)


def _reason(step: str, rule: str) -> Page | None:
    """Return the page of a name in `rejects/` that is no threshold of a step, or None."""
    from gristmill.recipe import BUILTIN_STEPS

    name = rule or step
    if name in _TOKEN_RULES and step in (name, "tokens"):
        lines = [f"tokens.{name}: {_TOKEN_RULES[name]}", "`gristmill explain key too_long` has the key"]
        return lines, {"rule": f"tokens.{name}", "description": _TOKEN_RULES[name]}
    cutting = [use for use, model in BUILTIN_STEPS.items() if "min_words_left" in model.model_fields]
    if name not in _LEFT_OVER or step not in (name, *cutting):
        return None
    lines = [
        f"{name}: {_LEFT_OVER[name]}",
        f'  steps: {", ".join(cutting)} (`exact_dedup` with `unit = "paragraph"` or `"line"`)',
        *(
            f"`gristmill explain rule {use}` has the page of the step"
            for use in cutting
            if step in (use, name)
        ),
    ]
    return lines, {"rule": name, "description": _LEFT_OVER[name], "steps": cutting}


def _plugin_rule(name: str, plugins_dir: Path | None) -> Page | None:
    """Return the page of a plugin's operator, or None if no plugin has that namespace."""
    from gristmill.cli.plugin import describe_operator, operator_page
    from gristmill.plugins.discovery import discover
    from gristmill.plugins.manager import PluginManager

    if name.partition(".")[0] not in discover(plugins_dir):
        return None
    page = operator_page(name, PluginManager.load([name], plugins_dir=plugins_dir).find(name))
    return describe_operator(page), asdict(page)


def _matches(model: type[BuiltinStep], name: str) -> bool:
    return any(name in (key, rule.rule, rule.column) for key, rule in model.rules.items())


def _names(model: type[BuiltinStep]) -> list[str]:
    return [rule.rule for rule in model.rules.values()]


def _rule_page(step: str, model: type[BuiltinStep], wanted: str) -> Page:
    from gristmill.cli.rule_page import rule_lines, step_facts

    keys = [key for key, rule in model.rules.items() if wanted in (key, rule.rule, rule.column)]
    if wanted and not keys:
        raise _unknown(
            "rule", f"{step}.{wanted}", [f"{step}.{name}" for name in (*_names(model), *model.rules)]
        )
    facts = step_facts(step, keys=keys if wanted else None)
    return list(rule_lines(facts, is_one_rule=bool(wanted))), facts


def _unknown(kind: str, name: str, known: Iterable[str], *, further: str | None = None) -> GristmillError:
    from gristmill.recipe.problems import nearest

    names: Sequence[str] = list(known)
    # A bare name, as in a report or a recipe, is as good as one with its step or section.
    bare = [] if "." in name else list(dict.fromkeys(known.rpartition(".")[2] for known in names))
    close = nearest(name, bare) or nearest(name, names)
    return GristmillError(
        "GM-CLI-009",
        f"there is no {_WORDS[kind]} `{name}`" + (f"; did you mean `{close}`?" if close else ""),
        hint=f"`gristmill explain {kind}` lists all of them" + (f"; {further}" if further else ""),
    )
