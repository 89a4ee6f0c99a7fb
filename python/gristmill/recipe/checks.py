"""What must hold between parts of a recipe: names, order of steps, columns. Looks at no file and no plugin."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from gristmill.recipe.builtin import BuiltinStep
from gristmill.recipe.choose_checks import check_choices
from gristmill.recipe.dedup import ExactDedup, HighestColumn, LowestColumn, PreferredSources
from gristmill.recipe.problems import Problem, nearest
from gristmill.recipe.rules.tokens import TokenStatistics
from gristmill.recipe.sections import RESERVED_COLUMNS
from gristmill.recipe.split import KNOWN_COLUMNS
from gristmill.recipe.step_base import PluginStep, scalar_type
from gristmill.recipe.supervised_checks import check_supervised

if TYPE_CHECKING:
    from gristmill.recipe.model import AnyStep, Recipe


_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
"""How an address begins that is no local path, as in `s3://bucket/name`."""

_DEDUP_ORDER = ("exact_dedup", "minhash_dedup", "semantic_dedup")
"""Dedup steps in the order in which a recipe has them."""


def check_recipe(recipe: Recipe) -> list[Problem]:
    """Return every problem between the parts of a recipe, in the order a reader meets them."""
    return [
        *_source_names(recipe),
        *_remote_paths(recipe),
        *_step_names(recipe.steps),
        *_step_order(recipe.steps),
        *_where_columns(recipe),
        *_index(recipe),
        *_survivor(recipe),
        *_token_shingles(recipe),
        *_counted_tokens(recipe),
        *_embedding(recipe),
        *check_supervised(recipe),
        *_column_types(recipe),
        *_split(recipe),
        *check_choices(recipe, _unknown_column),
        *_mixing(recipe),
    ]


def step_place(position: int) -> str:
    """Return the place of a step, counted as a reader counts."""
    return f"[[step]] number {position + 1}"


def _source_names(recipe: Recipe) -> Iterator[Problem]:
    names = [source.name for source in recipe.sources]
    for name, count in Counter(names).items():
        if count > 1:
            yield Problem(
                code="GM-RECIPE-008",
                message=f"{count} sources are called `{name}`",
                place=f"[[source]] number {len(names) - names[::-1].index(name)}",
                hint="give each source its own `name`",
            )


def _remote_paths(recipe: Recipe) -> Iterator[Problem]:
    """A scheme would silently become a local folder of that name."""
    places: list[tuple[str, Sequence[object]]] = [
        ("[run]", (recipe.run.output, recipe.run.plugins_dir)),
        ("[dedup]", (recipe.dedup.index,)),
        ("[split]", (recipe.split.previous,)),
    ]
    if recipe.tokens is not None and recipe.tokens.chat is not None:
        places.append(("[tokens]", (recipe.tokens.chat.template,)))
    places += [
        (f"[[source]] number {position + 1}", source.paths) for position, source in enumerate(recipe.sources)
    ]
    if recipe.tokens is not None:
        places.append(("[tokens]", (recipe.tokens.tokenizer,)))
    places += [
        (step_place(position), (step.tokenizer,))
        for position, step in enumerate(recipe.steps)
        if isinstance(step, TokenStatistics)
    ]
    if recipe.train is not None:
        places.append(("[train]", (recipe.train.model,)))
    for place, paths in places:
        for path in paths:
            if isinstance(path, str) and _SCHEME.match(path):
                yield Problem(
                    code="GM-RECIPE-012",
                    message=f"`{path}` is no local path: object stores are not built in this version",
                    place=place,
                    hint="copy the files to this machine and give their path",
                )


def _step_names(steps: Sequence[AnyStep]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for position, step in enumerate(steps):
        earlier = first.setdefault(step.name, position)
        if earlier != position:
            yield Problem(
                code="GM-RECIPE-008",
                message=f"two steps are called `{step.name}`",
                place=step_place(position),
                hint=f'give one of them a name: `name = "{step.name.rpartition(".")[2]}_2"`',
                details=(f"the other is {step_place(earlier)}",),
            )


def _step_order(steps: Sequence[AnyStep]) -> Iterator[Problem]:
    """Dedup compares what all other steps leave, so it comes last: what cuts, then exact, then what is costly."""
    seen: list[str] = []
    cuts: list[str] = []
    for position, step in enumerate(steps):
        if step.is_choice:
            continue
        if isinstance(step, BuiltinStep) and step.cut() is not None:
            if seen:
                yield Problem(
                    code="GM-RECIPE-009",
                    message=f"`{step.name}` comes after `{seen[-1]}`",
                    place=step_place(position),
                    hint="put steps that cut out parts of texts before those that remove whole documents: these "
                    "compare what is left",
                )
            cuts.append(step.name)
        elif isinstance(step, BuiltinStep) and step.is_dedup:
            if step.use in seen:
                yield Problem(
                    code="GM-RECIPE-009",
                    message=f"`{step.use}` is there twice",
                    place=step_place(position),
                    hint="remove one of them; another `name` does not help, for one pass decides for all documents",
                )
            elif seen and _DEDUP_ORDER.index(step.use) < max(map(_DEDUP_ORDER.index, seen)):
                yield Problem(
                    code="GM-RECIPE-009",
                    message=f"`{step.use}` comes after `{seen[-1]}`",
                    place=step_place(position),
                    hint=f"put `{step.use}` before `{seen[-1]}`",
                )
            seen.append(step.use)
        elif seen:
            yield Problem(
                code="GM-RECIPE-009",
                message=f"`{step.name}` comes after `{seen[-1]}`",
                place=step_place(position),
                hint="move the dedup steps to the end: they compare what all other steps leave"
                + (
                    "; a decider of a plugin stands behind them and has the key `by`"
                    if isinstance(step, PluginStep)
                    else ""
                ),
            )
        elif cuts:
            yield Problem(
                code="GM-RECIPE-009",
                message=f"`{step.name}` comes after `{cuts[-1]}`, and would read texts as they are before the cut",
                place=step_place(position),
                hint=f"move `{step.name}` before it, or run it in a second recipe over `documents/` of this one",
            )


def _where_columns(recipe: Recipe) -> Iterator[Problem]:
    """A condition can use what is known before its step: fields of the input, and columns of earlier steps."""
    for position, step in enumerate(recipe.steps):
        for column in step.where:
            problem = _unknown_column(recipe, column, before=position, user=f"`{step.name}`")
            if problem is not None:
                yield replace(problem, place=step_place(position))


def _unknown_column(recipe: Recipe, column: str, *, before: int, user: str) -> Problem | None:
    """Return what is wrong with a column that a step or the survivor policy reads, or None.

    A name without a known step before its dot is a field of the input, which only the data can refute.
    """
    if column in RESERVED_COLUMNS and column not in ("raw_bytes", "text_bytes"):
        return Problem(
            code="GM-PLAN-005",
            message=f"`{column}` cannot be used in a condition",
            hint="use a field of the input or a column of a step",
        )
    owner = _owner(recipe.steps, column)
    if owner is None:
        return None
    step = recipe.steps[owner]
    if owner >= before:
        return Problem(
            code="GM-PLAN-004",
            message=f"column `{column}` is not produced by any step before {user}",
            hint=f"move `{step.name}` before it",
        )
    if isinstance(step, PluginStep):
        return None
    output = column.removeprefix(f"{step.name}.")
    if output in step.made_columns():
        return None
    known = [f"{step.name}.{name}" for name in step.made_columns()]
    close = nearest(column, known)
    return Problem(
        code="GM-PLAN-004",
        message=f"step `{step.name}` makes no column `{output}`"
        + (f"; did you mean `{close}`?" if close else ""),
        details=(f"known columns: {', '.join(f'`{name}`' for name in known) or 'none'}",),
    )


def _owner(steps: Sequence[AnyStep], column: str) -> int | None:
    """Return the position of the step that a column belongs to; the longest name wins, since names may have dots."""
    owners = [
        (len(step.name), position)
        for position, step in enumerate(steps)
        if column.startswith(f"{step.name}.")
    ]
    return max(owners)[1] if owners else None


def _survivor(recipe: Recipe) -> Iterator[Problem]:
    near = recipe.minhash_dedup or recipe.semantic_dedup
    place = f"[[step]] {near.use if near else 'exact_dedup'}"
    named = {step.name: step.survivor for step in recipe.steps if isinstance(step, ExactDedup)}
    named = {name: survivor for name, survivor in named.items() if survivor is not None}
    semantic = recipe.semantic_dedup
    if semantic is not None and semantic is not near and "survivor" in semantic.model_fields_set:
        named[semantic.name] = semantic.survivor
    if near is not None and named:
        named[near.name] = near.survivor
    differing = [name for name, survivor in named.items() if survivor != recipe.survivor]
    if differing:
        others = [name for name in named if name not in differing]
        yield Problem(
            code="GM-RECIPE-010",
            message=f"`{differing[0]}` and `{others[0]}` name different survivors",
            place=place,
            hint=f"give `survivor` in `{others[0]}` only; it holds for all dedup steps",
        )
    survivor = recipe.survivor
    if isinstance(survivor, PreferredSources):
        names = [source.name for source in recipe.sources]
        for preferred in survivor.sources:
            if preferred not in names:
                close = nearest(preferred, names)
                yield Problem(
                    code="GM-PLAN-104",
                    message=f"`survivor` prefers the source `{preferred}`, which the recipe does not have"
                    + (f"; did you mean `{close}`?" if close else ""),
                    place=place,
                    details=(f"sources: {', '.join(f'`{name}`' for name in names)}",),
                )
    if isinstance(survivor, (HighestColumn, LowestColumn)):
        column = survivor.highest if isinstance(survivor, HighestColumn) else survivor.lowest
        problem = _unknown_column(recipe, column, before=len(recipe.steps), user="`survivor`")
        if problem is not None:
            yield replace(problem, place=place)


def _index(recipe: Recipe) -> Iterator[Problem]:
    if recipe.dedup.index is not None and recipe.exact_dedup is None and recipe.minhash_dedup is None:
        yield Problem(
            code="GM-INDEX-005",
            message="`index` needs a dedup step: nothing would be compared with it",
            place="[dedup]",
            hint='add `[[step]]` with `use = "exact_dedup"` or `use = "minhash_dedup"`, or remove `index`',
        )
    near = recipe.minhash_dedup
    if (
        recipe.dedup.index is not None
        and near is not None
        and near.semantics == "datatrove"
        and not near.verify
    ):
        yield Problem(
            code="GM-INDEX-005",
            message="`index` cannot be used with clusters as datatrove makes them: old documents may not go",
            place="[dedup]",
            hint="set `verify = true` in `minhash_dedup`, or remove `index`",
        )
    if recipe.dedup.index is not None and recipe.semantic_dedup is not None:
        yield Problem(
            code="GM-INDEX-005",
            message="`index` cannot be used with `semantic_dedup`: an index holds no embeddings",
            place="[dedup]",
            hint="remove the step or `index`; near duplicates by their words can be checked against an index",
        )


def _token_shingles(recipe: Recipe) -> Iterator[Problem]:
    """Token ids come from the recipe's tokenizer."""
    near = recipe.minhash_dedup
    if near is not None and near.shingles.unit == "token" and recipe.tokens is None:
        yield Problem(
            code="GM-RECIPE-014",
            message="shingles of the unit `token` need a tokenizer, and the recipe has no `[tokens]`",
            place="[[step]] minhash_dedup",
            hint='add `[tokens]` with `tokenizer = "tokenizer.json"`, or use the unit `word` or `character`',
        )


def _counted_tokens(recipe: Recipe) -> Iterator[Problem]:
    """Who counts token ids needs a tokenizer, its own or the recipe's."""
    for position, step in enumerate(recipe.steps):
        if isinstance(step, TokenStatistics) and step.tokenizer is None and recipe.tokens is None:
            yield Problem(
                code="GM-RECIPE-015",
                message=f"`{step.name}` needs a tokenizer, and the recipe has no `[tokens]`",
                place=step_place(position),
                hint='add `tokenizer = "tokenizer.json"` to the step, or `[tokens]` with that key',
            )


def _embedding(recipe: Recipe) -> Iterator[Problem]:
    """The field of the embedding is read as lists of numbers, and as nothing else."""
    step = recipe.semantic_dedup
    if step is None:
        return
    used = dict.fromkeys(RESERVED_COLUMNS, "a column that gristmill makes itself")
    used |= dict.fromkeys(recipe.extracted_columns(), "a column of single values")
    for source in recipe.sources:
        used |= {source.text: f"the text of source `{source.name}`"}
        used |= {source.id: f"the id of source `{source.name}`"} if source.id else {}
    if step.embedding in used:
        yield Problem(
            code="GM-PLAN-006",
            message=f"column `{step.embedding}` cannot be the embedding: it is {used[step.embedding]}",
            place=step_place(recipe.steps.index(step)),
            hint="name the field that holds a list of numbers",
        )


def _column_types(recipe: Recipe) -> Iterator[Problem]:
    """A field has one type: that of the values it is compared with, and that which a source declares."""
    numeric = {"int64", "float64"}
    known: dict[str, tuple[str, str]] = {}
    for position, source in enumerate(recipe.sources):
        for column, kind in source.columns.items():
            place = f"[[source]] number {position + 1}"
            if known.setdefault(column, (kind, place))[0] != kind:
                yield _conflict(column, kind, place, *known[column])
    for position, step in enumerate(recipe.steps):
        for column, values in step.where.items():
            if recipe.is_signal_column(column):
                continue
            kind, place = scalar_type(values[0]), step_place(position)
            other = known.setdefault(column, (kind, place))[0]
            if other != kind and not {other, kind} <= numeric:
                yield _conflict(column, kind, place, *known[column])


def _split(recipe: Recipe) -> Iterator[Problem]:
    """A split looks at fields of the input, which are read as they are, and at what every document has."""
    split = recipe.split
    for column in split.columns():
        if column in KNOWN_COLUMNS:
            continue
        if column in RESERVED_COLUMNS or recipe.is_signal_column(column):
            yield Problem(
                code="GM-PLAN-005",
                message=f"`{column}` cannot be used in `[split]`",
                place="[split]",
                hint="use a field of the input, `source` or `id`",
            )
    if split.parent is not None and split.holds_out and all(source.id is None for source in recipe.sources):
        yield Problem(
            code="GM-SPLIT-001",
            message="`parent` names documents by their `id`, and no source has one",
            place="[split]",
            hint='name the field in the source: `id = "..."`',
        )


def _conflict(column: str, kind: str, place: str, other: str, other_place: str) -> Problem:
    return Problem(
        code="GM-PLAN-006",
        message=f"column `{column}` is both {other} and {kind}",
        place=place,
        details=(f"{other} in {other_place}",),
        hint="compare a column with values of one type",
    )


def _mixing(recipe: Recipe) -> Iterator[Problem]:
    mixing = None if recipe.train is None else recipe.train.mixing
    names = [source.name for source in recipe.sources]
    for name in [] if mixing is None else sorted(mixing.named()):
        if name not in names:
            close = nearest(name, names)
            yield Problem(
                code="GM-LOADER-007",
                message=f"`mixing` names the source `{name}`, which the recipe does not have"
                + (f"; did you mean `{close}`?" if close else ""),
                place="[train]",
                details=(f"sources: {', '.join(f'`{name}`' for name in names)}",),
            )
