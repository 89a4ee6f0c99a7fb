"""TOML to a checked `Recipe`. All mistakes of a file are gathered before the first is reported."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar, cast

from pydantic import ValidationError

from gristmill.errors import GristmillError
from gristmill.recipe.checks import check_recipe
from gristmill.recipe.model import SECTIONS, AnyStep, Recipe
from gristmill.recipe.plugin_use import Report
from gristmill.recipe.problems import Problem, nearest, problems_of, refuse, unknown_key
from gristmill.recipe.sections import Dedup, Run, Source, Tokens
from gristmill.recipe.split import Split
from gristmill.recipe.step_base import PLUGIN_USE, RESERVED_KEYS, PluginStep
from gristmill.recipe.steps import BUILTIN_STEPS
from gristmill.recipe.training import Train
from gristmill.recipe.values import Section

NOT_BUILT_SECTIONS = {"evaluate": "scoring models on held-out tasks"}
NOT_BUILT_STEPS = {
    "language": "language identification",
    "language_id": "language identification",
    "mask_pii": "masking personal data",
    "pii": "masking personal data",
    "decontaminate": "removing benchmark text",
    "decontamination": "removing benchmark text",
}
"""Names of the design that this version does not have."""

AnySection = TypeVar("AnySection", bound=Section)
Table = Mapping[str, object]


def load_recipe(path: str | Path) -> Recipe:
    """Return the recipe in a file.

    Raises
    ------
    GristmillError
        ``GM-RECIPE-001`` when it cannot be read, else as `parse_recipe`.

    Examples
    --------
    >>> load_recipe("no-such-recipe.toml")
    Traceback (most recent call last):
        ...
    gristmill.errors.GristmillError: the recipe `no-such-recipe.toml` cannot be read: No such file or directory
    """
    path = Path(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        hint = "name the recipe file, for example `recipe.toml` in it" if path.is_dir() else None
        if isinstance(error, FileNotFoundError):
            hint = "`gristmill init` writes a first recipe"
        raise GristmillError(
            "GM-RECIPE-001", f"the recipe `{path}` cannot be read: {error.strerror}", hint=hint
        ) from error
    except UnicodeDecodeError as error:
        raise GristmillError(
            "GM-RECIPE-002",
            f"the recipe `{path}` is not UTF-8: byte {error.start} is `{error.object[error.start]:#04x}`",
        ) from error
    return parse_recipe(text, base=path.parent, path=path)


def parse_recipe(text: str, *, base: str | Path, path: Path | None = None) -> Recipe:
    r"""Return the recipe that a TOML text holds.

    Parameters
    ----------
    text
        TOML.
    base
        The folder that relative paths start from.
    path
        The file that the text is from, for messages.

    Raises
    ------
    GristmillError
        ``GM-RECIPE-002`` when it is no TOML; else the code of the first mistake, with all others as context.

    Examples
    --------
    >>> parse_recipe('[run]\\nsed = 1\\n[[source]]\\nname = "a"\\npaths = ["a.jsonl"]', base=".")
    Traceback (most recent call last):
        ...
    gristmill.errors.GristmillError: unknown key `sed`; did you mean `seed`?
    """
    file = path.name if path is not None else "the recipe"
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise GristmillError(
            "GM-RECIPE-002", f"not TOML: {str(error)[:1].lower()}{str(error)[1:]}", context=(f"in {file}",)
        ) from error
    problems: list[Problem] = []
    recipe = _Parser(tables, problems).recipe(Path(base).absolute(), path)
    if recipe is not None:
        problems += check_recipe(recipe)
    if recipe is None or problems:
        raise refuse(problems, file)
    return recipe


class _Parser:
    """Turns tables into sections; what is wrong goes to `problems` and the section is left out."""

    def __init__(self, tables: Table, problems: list[Problem]) -> None:
        self._tables = tables
        self._problems = problems

    def recipe(self, base: Path, path: Path | None) -> Recipe | None:
        """Return the recipe, or None when a part of it is wrong."""
        for name in self._tables:
            if name not in SECTIONS:
                self._problems.append(_unknown_section(name))
        run = self._section("run", Run)
        sources = [self._validate(Source, table, place) for table, place in self._tables_of("source")]
        if not self._problems and not sources:
            self._problems.append(
                Problem(
                    code="GM-RECIPE-005",
                    message="the recipe has no `[[source]]`",
                    hint='add `[[source]]` with `name = "web"` and `paths = ["corpus/*.jsonl"]`',
                )
            )
        steps = [self._step(dict(table), place) for table, place in self._tables_of("step")]
        dedup = self._section("dedup", Dedup)
        split = self._section("split", Split)
        tokens = self._section("tokens", Tokens) if "tokens" in self._tables else None
        train = self._section("train", Train) if "train" in self._tables else None
        report = self._section("report", Report)
        if self._problems:
            return None
        return Recipe(
            run=cast(Run, run),
            sources=tuple(cast(Sequence[Source], sources)),
            steps=tuple(cast(Sequence[AnyStep], steps)),
            dedup=cast(Dedup, dedup),
            split=cast(Split, split),
            tokens=tokens,
            train=train,
            report=cast(Report, report),
            base=base,
            path=path,
        )

    def _section(self, name: str, model: type[AnySection]) -> AnySection | None:
        return self._validate(model, self._tables.get(name, {}), f"[{name}]", subtables=name)

    def _tables_of(self, name: str) -> list[tuple[Table, str]]:
        """Return the tables of an array, each with its place."""
        value = self._tables.get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self._problems.append(
                Problem(
                    code="GM-RECIPE-004",
                    message=f"`{name}` must be a list of tables",
                    place=f"[{name}]",
                    hint=f"write `[[{name}]]` with two brackets",
                )
            )
            return []
        return [(table, f"[[{name}]] number {position + 1}") for position, table in enumerate(value)]

    def _validate(
        self, model: type[AnySection], table: object, place: str, *, subtables: str = ""
    ) -> AnySection | None:
        try:
            return model.model_validate(table)
        except ValidationError as error:
            self._problems.extend(problems_of(error, model, place, subtables=subtables))
            return None

    def _step(self, table: dict[str, object], place: str) -> AnyStep | None:
        use = table.get("use")
        if not isinstance(use, str):
            problem = "the key `use` is missing" if use is None else f"`use = {use}`: must be a string"
            code = "GM-RECIPE-005" if use is None else "GM-RECIPE-004"
            self._problems.append(
                Problem(code=code, message=problem, place=place, hint='for example `use = "clean"`')
            )
            return None
        table.setdefault("name", use)
        if use in BUILTIN_STEPS:
            return self._builtin_step(use, table, place)
        if PLUGIN_USE.fullmatch(use):
            if table.get("semantics", "gristmill") != "gristmill":
                self._problems.append(
                    Problem(
                        code="GM-RECIPE-011",
                        message=f"`{use}` has no semantics `{table['semantics']}`",
                        place=place,
                        hint="leave `semantics` out: an operator of a plugin has one definition",
                    )
                )
                return None
            keys = {key: table.pop(key) for key in list(table) if key not in RESERVED_KEYS}
            return self._validate(PluginStep, {**table, "keys": keys}, place)
        self._problems.append(_unknown_step(use, place))
        return None

    def _builtin_step(self, use: str, table: dict[str, object], place: str) -> AnyStep | None:
        if "on_error" in table:
            self._problems.append(
                Problem(
                    code="GM-RECIPE-003",
                    message=f"`on_error` is a key of plugin steps; `{use}` cannot fail on a document",
                    place=place,
                    hint="remove the key",
                )
            )
            return None
        model = BUILTIN_STEPS[use]
        semantics = table.get("semantics", model.semantics_known[0])
        if semantics not in model.semantics_known:
            self._problems.append(
                Problem(
                    code="GM-RECIPE-011",
                    message=f"`{use}` has no semantics `{semantics}`",
                    place=place,
                    details=(f"there are: {', '.join(f'`{name}`' for name in model.semantics_known)}",),
                    hint="leave `semantics` out for gristmill's own definition",
                )
            )
            return None
        return self._validate(model, table, place)


def _unknown_section(name: str) -> Problem:
    if name in NOT_BUILT_SECTIONS:
        return Problem(
            code="GM-RECIPE-006",
            message=f"`[{name}]` ({NOT_BUILT_SECTIONS[name]}) is not built in this version",
            hint="remove the section",
        )
    problem = unknown_key(name, SECTIONS, "")
    return Problem(
        code=problem.code,
        message=problem.message.replace("key", "section", 1),
        details=(f"known sections: {', '.join(f'`{known}`' for known in SECTIONS)}",),
    )


def _unknown_step(use: str, place: str) -> Problem:
    if use in NOT_BUILT_STEPS:
        return Problem(
            code="GM-RECIPE-006",
            message=f"the step `{use}` ({NOT_BUILT_STEPS[use]}) is not built in this version",
            place=place,
            hint="remove the step",
        )
    close = nearest(use, BUILTIN_STEPS)
    return Problem(
        code="GM-RECIPE-007",
        message=f"unknown step `{use}`" + (f"; did you mean `{close}`?" if close else ""),
        place=place,
        details=(f"built-in steps: {', '.join(f'`{name}`' for name in BUILTIN_STEPS)}",),
        hint="steps of plugins are named `<plugin>.<operator>`; see `gristmill plugin list`",
    )
