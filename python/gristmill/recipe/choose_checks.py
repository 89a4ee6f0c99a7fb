"""What must hold between choosing steps and the rest of a recipe: their order, sources, columns, tokenizer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from gristmill.recipe.builtin import BuiltinStep
from gristmill.recipe.choose import IMPORTANCE, SOURCE, ChoiceStep, Mix, Sample, Select
from gristmill.recipe.problems import Problem, nearest
from gristmill.recipe.step_base import PluginStep

if TYPE_CHECKING:
    from gristmill.recipe.model import Recipe

UnknownColumn = Callable[..., "Problem | None"]
"""Says what is wrong with a column that a step reads (`checks`)."""


def check_choices(recipe: Recipe, unknown_column: UnknownColumn) -> Iterator[Problem]:
    """Yield every problem of the choosing steps."""
    yield from _order(recipe)
    for position, step in enumerate(recipe.steps):
        place = f"[[step]] number {position + 1}"
        if isinstance(step, PluginStep) and step.by is not None:
            problem = unknown_column(recipe, step.by, before=len(recipe.steps), user=f"`{step.name}`")
            yield from () if problem is None else (replace(problem, place=place),)
        if isinstance(step, ChoiceStep):
            found = [*_sources(recipe, step), *_columns(recipe, step, unknown_column), *_tokens(recipe, step)]
            yield from (replace(problem, place=place) for problem in found)
    if recipe.choices and recipe.dedup.index is not None:
        yield Problem(
            code="GM-INDEX-005",
            message=f"`index` cannot be used with `{recipe.choices[0].name}`: a document that is not chosen now would "
            "count as kept in later runs",
            place="[dedup]",
            hint="choose in a second recipe over `documents/` of this one, or remove `index`",
        )


def _order(recipe: Recipe) -> Iterator[Problem]:
    """Choosing comes last: what drops or cuts behind it would spoil what was chosen."""
    chosen: ChoiceStep | PluginStep | None = None
    mixed: Mix | None = None
    for position, step in enumerate(recipe.steps):
        place = f"[[step]] number {position + 1}"
        if not (isinstance(step, (ChoiceStep, PluginStep)) and step.is_choice):
            if chosen is not None:
                is_dedup = isinstance(step, BuiltinStep) and step.is_dedup
                yield Problem(
                    code="GM-CHOOSE-002",
                    message=f"`{step.name}` comes after `{chosen.name}`, which chooses among what all other steps keep",
                    place=place,
                    hint=f"put `{chosen.name}` behind it"
                    + (
                        ""
                        if is_dedup
                        else ", or judge the chosen documents in a second recipe over `documents/` of this one"
                    ),
                )
            continue
        if mixed is not None and (
            isinstance(step, (Select, Mix, PluginStep)) or (isinstance(step, Sample) and step.per is not None)
        ):
            yield Problem(
                code="GM-CHOOSE-002",
                message=f"`{step.name}` comes after `{mixed.name}` and would undo its shares",
                place=place,
                hint=f"put `{mixed.name}` last; behind it only a `sample` without `per` leaves shares as they are",
            )
        chosen = step
        mixed = step if isinstance(step, Mix) else mixed


def _sources(recipe: Recipe, step: ChoiceStep) -> Iterator[Problem]:
    """Shares by source name sources of the recipe; a mixture names all of them."""
    if step.strata() != SOURCE:
        return
    given = step.weights if isinstance(step, Mix) else step.per if isinstance(step, Sample) else None
    if given is None:
        return
    names = [source.name for source in recipe.sources]
    key = "weights" if isinstance(step, Mix) else "per"
    for name in given:
        if name not in names:
            close = nearest(name, names)
            yield Problem(
                code="GM-CHOOSE-001",
                message=f"`{key}` of `{step.name}` names the source `{name}`, which the recipe does not have"
                + (f"; did you mean `{close}`?" if close else ""),
                details=(f"sources: {', '.join(f'`{known}`' for known in names)}",),
            )
    missing = [name for name in names if name not in given] if isinstance(step, Mix) else []
    if missing:
        yield Problem(
            code="GM-CHOOSE-001",
            message=f"`weights` of `{step.name}` does not name the source `{missing[0]}`",
            hint=f"give it a weight; `{missing[0]} = 0` leaves all of it out",
        )


def _columns(recipe: Recipe, step: ChoiceStep, unknown_column: UnknownColumn) -> Iterator[Problem]:
    strata = step.strata()
    column = step.by if isinstance(step, Select) and step.by != IMPORTANCE else strata
    if column is None or column == SOURCE:
        return
    problem = unknown_column(recipe, column, before=len(recipe.steps), user=f"`{step.name}`")
    if problem is not None:
        yield problem
    elif isinstance(step, Select) and recipe.extracted_columns().get(column) == "utf8":
        yield Problem(
            code="GM-PLAN-006",
            message=f"column `{column}` is utf8, and `{step.name}` orders documents by numbers",
            hint="declare the column as `float64`, or name another",
        )


def _tokens(recipe: Recipe, step: ChoiceStep) -> Iterator[Problem]:
    if step.unit() == "tokens" and recipe.tokens is None:
        yield Problem(
            code="GM-CHOOSE-007",
            message=f"`{step.name}` counts tokens, and the recipe has no `[tokens]`",
            hint='add `[tokens]` with `tokenizer = "tokenizer.json"`, or count `words` or `bytes`',
        )
