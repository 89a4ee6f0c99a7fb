"""What is wrong with a recipe, as data: code, message, place, hint; and how many problems become one error."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gristmill.errors import GristmillError
from gristmill.recipe.effective import toml_value

MAX_SHOWN = 20
"""Problems shown at once; a file of another kind would give hundreds."""

NOT_BUILT_KEYS = {
    "signals": "signals of survivors only",
    "on_damage": "quarantine of whole files",
}
"""Keys of the design that this version does not have; naming them is better than calling them unknown."""

NOT_BUILT_VALUES = {
    ("format", "warc"): "reading web archives",
}
"""Values of the design that this version does not have, with their keys."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One mistake.

    Parameters
    ----------
    code
        Error code.
    message
        What is wrong, values in backticks.
    place
        For example ``[[step]] number 7``; empty for the whole file.
    hint
        The next step, if there is one.
    details
        Further lines.
    """

    code: str
    message: str
    place: str = ""
    hint: str | None = None
    details: tuple[str, ...] = ()


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like `name`, or None if none is like it.

    Examples
    --------
    >>> nearest("min_word", ["max_words", "min_words"])
    'min_words'
    >>> nearest("zebra", ["min_words"]) is None
    True
    """
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def unknown_key(key: str, known: Sequence[str], place: str) -> Problem:
    """Return the problem of a key that a table does not have, with the nearest one that it has."""
    if key in NOT_BUILT_KEYS:
        return Problem(
            code="GM-RECIPE-006",
            message=f"`{key}` ({NOT_BUILT_KEYS[key]}) is not built in this version",
            place=place,
            hint="remove the key",
        )
    owners = _sections_with(key)
    close = nearest(key, known)
    message = f"unknown key `{key}`"
    if owners:
        message += f"; it belongs into {' or '.join(f'`{owner}`' for owner in owners)}"
    elif close:
        message += f"; did you mean `{close}`?"
    listing = ", ".join(f"`{name}`" for name in known)
    return Problem(code="GM-RECIPE-003", message=message, place=place, details=(f"known keys: {listing}",))


def _sections_with(key: str) -> list[str]:
    """Return the sections that have a key of this name, as a recipe writes them."""
    # Imported late: only a recipe with a mistake needs it, and `steps` is loaded by then.
    from gristmill.recipe.plugin_use import Report
    from gristmill.recipe.sections import Run, Source, Tokens
    from gristmill.recipe.split import Split, SplitTime
    from gristmill.recipe.step_base import Step
    from gristmill.recipe.training import Lora, Mixing, Train

    sections: dict[str, type[BaseModel]] = {
        "[run]": Run,
        "[[source]]": Source,
        "[[step]]": Step,
        "[split]": Split,
        "[split.time]": SplitTime,
        "[tokens]": Tokens,
        "[train]": Train,
        "[train.lora]": Lora,
        "[train.mixing]": Mixing,
        "[report]": Report,
    }
    return [section for section, model in sections.items() if key in model.model_fields]


def problems_of(
    error: ValidationError, model: type[BaseModel], place: str, *, subtables: str = ""
) -> list[Problem]:
    """Return a validation error as problems, one for each key.

    Parameters
    ----------
    error
        What pydantic found.
    model
        The model that refused.
    place
        Where the table is.
    subtables
        The table's dotted name, for places of tables inside it.
    """
    problems: dict[tuple[str, str], Problem] = {}
    for details in error.errors(include_url=False):
        problem = _problem(details, model, place, subtables)
        # A union reports once for each of its members; one message a key is enough.
        problems.setdefault((problem.place, str(details["loc"][:1])), problem)
    # A misspelt key is often the missing one: it is said first, because it says both.
    return sorted(problems.values(), key=lambda problem: problem.code != "GM-RECIPE-003")


def _problem(details: ErrorDetails, model: type[BaseModel], place: str, subtables: str) -> Problem:
    location = [str(part) for part in details["loc"]]
    kind = details["type"]
    owner, table_place = _owner(location, model, place, subtables)
    key = location[-1] if location else ""
    if kind == "extra_forbidden":
        return unknown_key(key, list(owner.model_fields), table_place)
    if kind == "missing":
        field = owner.model_fields.get(key)
        hint = field.description if field and field.description else None
        return Problem(
            code="GM-RECIPE-005", message=f"the key `{key}` is missing", place=table_place, hint=hint
        )
    written = [part for part in location if part in owner.model_fields]
    name = written[0] if written else (location[0] if location else "")
    message = _wording(details)
    if not location:
        return Problem(code="GM-RECIPE-004", message=message, place=table_place)
    given = details["input"]
    purpose = NOT_BUILT_VALUES.get((name, given)) if isinstance(given, str) else None
    value = _shown(given)
    if purpose is not None:
        return Problem(
            code="GM-RECIPE-006",
            message=f"`{name} = {value}` ({purpose}) is not built in this version",
            place=table_place,
            hint=f"{message}, or leave `{name}` out",
        )
    return Problem(code="GM-RECIPE-004", message=f"`{name} = {value}`: {message}", place=table_place)


def _owner(
    location: Sequence[str], model: type[BaseModel], place: str, subtables: str
) -> tuple[type[BaseModel], str]:
    """Return the model that holds the last key of a location, and the place of its table."""
    owner = model
    path = [subtables] if subtables else []
    for part in location[:-1]:
        field = owner.model_fields.get(part)
        inner = field.annotation if field else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            break
        owner = inner
        path.append(part)
    return owner, place if owner is model else f"[{'.'.join(path)}]"


_WORDINGS = {
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "string_type": "must be a string",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "finite_number": "must be a finite number",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "string_too_long": "is too long",
    "string_pattern_mismatch": "must be letters, digits, `_`, `-` and `.`, a letter or digit first",
}


def _wording(details: ErrorDetails) -> str:
    context = details.get("ctx", {})
    match details["type"]:
        case "greater_than_equal":
            return f"must be at least {context['ge']}"
        case "greater_than":
            return f"must be above {context['gt']}"
        case "less_than_equal":
            return f"must be at most {context['le']}"
        case "less_than":
            return f"must be below {context['lt']}"
        case "literal_error":
            return f"must be {str(context['expected']).replace(chr(39), chr(34))}"
        case kind:
            return _WORDINGS.get(kind, details["msg"][:1].lower() + details["msg"][1:])


def _shown(value: object) -> str:
    text = toml_value(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def refuse(problems: Sequence[Problem], file: str) -> GristmillError:
    """Return one error for all problems of a recipe: the first as its message, the others below it.

    Examples
    --------
    >>> first = Problem(code="GM-RECIPE-003", message="unknown key `a`", place="[run]")
    >>> error = refuse([first, Problem(code="GM-RECIPE-004", message="`b = 1`: must be a string")], "r.toml")
    >>> error.message, error.context
    ('unknown key `a`', ('in r.toml, [run]', 'also: `b = 1`: must be a string (in r.toml)'))
    """
    first, *others = problems
    context = [_located(file, first.place), *first.details]
    context += [
        f"also: {problem.message} ({_located(file, problem.place)})" for problem in others[:MAX_SHOWN]
    ]
    if len(others) > MAX_SHOWN:
        context.append(f"and {len(others) - MAX_SHOWN} more")
    return GristmillError(first.code, first.message, hint=first.hint, context=tuple(context))


def _located(file: str, place: str) -> str:
    return f"in {file}, {place}" if place else f"in {file}"
