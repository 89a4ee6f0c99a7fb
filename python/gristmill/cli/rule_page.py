"""The page of a built-in step, or of one of its rules: facts from the models, the engine, `pages/` and live examples.

`step_facts` collects them as JSON values; `rule_lines` tells them on a terminal, `docs/generate_reference.py` in
Markdown. Not here: finding which step a name means (`explain`), the format of pages (`recipe.rules.pages`).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import cast

from pydantic.fields import FieldInfo

from gristmill import _native
from gristmill.cli.story_lines import number
from gristmill.cli.text import one_line, shorten, visible
from gristmill.curate.rule_examples import run_cleaning, run_dedup, run_example
from gristmill.recipe import BUILTIN_STEPS, BuiltinStep, RuleStep, Step, toml_value
from gristmill.recipe.rules.pages import Example, load_costs, load_page, pages

Facts = dict[str, object]
MAX_EXAMPLE_CHARACTERS = 600
MAX_EXAMPLE_LINES = 12
BOUND_WORDS = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}


def step_facts(use: str, *, keys: Sequence[str] | None = None) -> Facts:
    """Return all that is known about a built-in step; its examples are run now.

    Parameters
    ----------
    use
        The step.
    keys
        Threshold keys whose rules are meant; all by default.
    """
    model = BUILTIN_STEPS[use]
    chosen = [key for key in model.rules if keys is None or key in keys]
    facts: Facts = {
        "step": use,
        "summary": (model.__doc__ or "").strip().splitlines()[0],
        "source": model.source_note,
        "semantics": list(model.semantics_known),
        "edits_text": model.edits_text,
        "is_dedup": model.is_dedup or model.is_choice,
        "definition": None,
        "cost": None,
        "cost_ns_per_byte": load_costs().get(use),
        "columns": _columns(
            use, model, None if keys is None else {model.rules[key].column for key in chosen}
        ),
        "rules": [_rule(use, model, key) for key in chosen],
        "keys": _keys(model),
        "differences": {},
        "examples": {"passes": None, "drops": {}, "shows": None},
    }
    if use in pages():
        page = load_page(use)
        facts |= {"definition": page.definition, "cost": page.cost, "differences": dict(page.differences)}
        for column in cast(list[dict[str, object]], facts["columns"]):
            column["formula"] = page.columns.get(str(column["name"]))
        facts["examples"] = {
            "passes": None if page.passes is None else _example(use, page.passes),
            "drops": {key: _example(use, page.drops[key]) for key in chosen},
            "shows": _shown(use, page.shows) if page.shows else None,
        }
    return facts


def _columns(use: str, model: type[BuiltinStep], only: Collection[str] | None) -> list[dict[str, object]]:
    described = {
        column["name"]: column["description"] for column in json.loads(_native.rule_columns()).get(use, [])
    }
    return [
        {"name": name, "kind": kind, "description": described.get(name), "formula": None}
        for name, kind in model.columns.items()
        if only is None or name in only
    ]


def _rule(use: str, model: type[BuiltinStep], key: str) -> Facts:
    rule, field = model.rules[key], model.model_fields[key]
    default = key if field.default is None else toml_value(field.default)
    limit = "false" if isinstance(field.default, bool) else default
    return {
        "step": use,
        "rule": rule.rule,
        "column": f"{use}.{rule.column}",
        "keep": rule.keep,
        "key": key,
        "default": field.default,
        "is_on": field.default is not None and field.default is not False,
        "description": field.description,
        "condition": f"`{use}.{rule.column}` {rule.keep} {limit}",
    }


def _keys(model: type[BuiltinStep]) -> list[Facts]:
    """Return the keys that decide what is computed, not those of every step."""
    shared = {*Step.model_fields, *RuleStep.model_fields}
    return [
        {
            "key": key,
            "default": _default(field),
            "is_required": field.is_required(),
            "description": field.description,
        }
        for key, field in model.model_fields.items()
        if key not in model.rules and key not in shared
    ]


def _default(field: FieldInfo) -> str | None:
    """Return a key's default as TOML; None for a required or optional key without one."""
    value = None if field.is_required() else field.get_default(call_default_factory=True)
    return None if value is None else toml_value(list(value) if isinstance(value, tuple) else value)


def _example(use: str, example: Example) -> Facts:
    outcome = run_example(use, example)
    return {
        "text": example.text,
        "repeat": example.repeat,
        "config": dict(example.config),
        "columns": dict(example.columns),
        "files": dict(example.files),
        "values": dict(outcome.values),
        "limits": dict(outcome.limits),
        "failed": list(outcome.failed),
    }


def _shown(use: str, texts: Sequence[str]) -> Facts:
    if use == "clean":
        return {"texts": list(texts), "cleaned": run_cleaning(texts)}
    removed = run_dedup(use, texts)
    return {
        "texts": list(texts),
        "removed": [
            {"text": one.text, "duplicate_of": one.duplicate_of, "similarity": one.similarity}
            for one in removed
        ],
    }


def rule_lines(facts: Facts, *, is_one_rule: bool) -> Iterator[str]:
    """Yield the page of a step, or of one rule of it, for a terminal."""
    yield f"{facts['step']}: {facts['summary']}"
    yield f"  source: {facts['source']}"
    semantics = cast(Sequence[str], facts["semantics"])
    if len(semantics) > 1:
        yield f"  semantics: {', '.join(semantics)} (the first is the default)"
    if facts["edits_text"]:
        yield "  edits the text; its columns are about what is left"
    yield from _cost_lines(facts)
    if facts["definition"] and not is_one_rule:
        yield ""
        yield from visible(str(facts["definition"])).splitlines()
    yield from _column_lines(facts)
    yield from _rules_lines(facts)
    if not is_one_rule:
        yield from _key_lines(facts)
    yield from _difference_lines(facts)
    yield from _example_lines(facts)
    if is_one_rule:
        yield ""
        yield f"`gristmill explain rule {facts['step']}` has the definition, all rules and all keys of the step"


def cost_words(facts: Facts) -> str | None:
    """Return what a step costs, in one sentence; None where nobody measured or said it.

    Examples
    --------
    >>> cost_words({"cost": "one pass over the words", "cost_ns_per_byte": 0.5})
    '0.5 ns a byte of text beyond segmentation: one pass over the words'
    """
    measured = cast("float | None", facts["cost_ns_per_byte"])
    parts = [] if measured is None else [f"{measured:.2g} ns a byte of text beyond segmentation"]
    return ": ".join([*parts, *([str(facts["cost"])] if facts["cost"] else [])]) or None


def _cost_lines(facts: Facts) -> Iterator[str]:
    words = cost_words(facts)
    if words:
        yield f"  cost: {words}"


def _column_lines(facts: Facts) -> Iterator[str]:
    columns = cast(Sequence[Facts], facts["columns"])
    if columns:
        yield ""
        yield "columns"
    for column in columns:
        yield f"  {facts['step']}.{column['name']}  {column['kind']}"
        if column["description"]:
            yield f"    {column['description']}"
        if column["formula"]:
            yield from (f"    {line}" for line in str(column["formula"]).splitlines())


def _rules_lines(facts: Facts) -> Iterator[str]:
    rules = cast(Sequence[Facts], facts["rules"])
    if rules:
        yield ""
        yield "rules"
    for rule in rules:
        yield f"  {rule['step']}.{rule['rule']}"
        yield f"    {rule['description']}"
        off = "" if rule["is_on"] else "; off unless the key is set"
        yield f"    a document stays if {rule['condition']}, or null; set by the key `{rule['key']}`{off}"


def _key_lines(facts: Facts) -> Iterator[str]:
    keys = cast(Sequence[Facts], facts["keys"])
    if keys:
        yield ""
        yield "keys" if facts["is_dedup"] else "keys that decide what is computed"
    for key in keys:
        default = f" = {key['default']}" if key["default"] is not None else ""
        required = " (required)" if key["is_required"] else ""
        yield f"  {facts['step']}.{key['key']}{default}{required}: {key['description']}"


def _difference_lines(facts: Facts) -> Iterator[str]:
    differences = cast(Mapping[str, str], facts["differences"])
    if differences:
        yield ""
        yield "how other tools differ"
    for tool, text in differences.items():
        first, *rest = text.splitlines()
        yield f"  {tool}: {first}"
        yield from (f"    {line}" for line in rest)


def _example_lines(facts: Facts) -> Iterator[str]:
    examples = cast(Facts, facts["examples"])
    passes = cast("Facts | None", examples["passes"])
    rules = {str(rule["key"]): rule for rule in cast(Sequence[Facts], facts["rules"])}
    if passes is not None:
        yield ""
        yield "a text that passes"
        yield from _text_lines(passes)
        asked = {str(rule["column"]).rpartition(".")[2] for rule in rules.values()}
        values = cast(Mapping[str, object], passes["values"])
        yield f"    {', '.join(f'{name} {number(values.get(name))}' for name in values if name in asked)}"
    for key, example in cast(Mapping[str, Facts], examples["drops"]).items():
        yield ""
        yield f"a text that {facts['step']}.{rules[key]['rule']} drops"
        yield from _text_lines(example)
        yield f"    {measured_words(rules[key], example)}"
    shows = cast("Facts | None", examples["shows"])
    if shows is not None:
        yield ""
        yield "example"
        yield from _shown_lines(shows)


def measured_words(rule: Facts, example: Facts) -> str:
    """Return what a rule measured on an example and what it wants.

    Examples
    --------
    >>> rule = {"column": "q.num_words", "key": "min_words", "keep": ">="}
    >>> measured_words(rule, {"values": {"num_words": 2}, "limits": {"min_words": 50.0}})
    'num_words is 2, at least 50 wanted'
    """
    column = str(rule["column"]).rpartition(".")[2]
    value = cast(Mapping[str, object], example["values"]).get(column)
    limit = cast(Mapping[str, float], example["limits"])[str(rule["key"])]
    if rule["keep"] == "==":
        return f"{column} is {number(value)}, has to be {'true' if limit else 'false'}"
    return f"{column} is {number(value)}, {BOUND_WORDS[str(rule['keep'])]} {number(limit)} wanted"


def example_text(example: Facts) -> tuple[str, str]:
    """Return an example's text, cut where it is long, and in words how it is read.

    Examples
    --------
    >>> example_text({"text": "la ", "repeat": 40, "config": {"min_words": 3}, "columns": {}, "files": {}})
    ('la ', '40 times, with `min_words = 3`')
    """
    text = str(example["text"])
    lines = text.split("\n")
    shown = text if len(lines) <= MAX_EXAMPLE_LINES else "\n".join([*lines[:MAX_EXAMPLE_LINES], "…"])
    notes = []
    if example["repeat"] != 1:
        notes.append(f"{cast(int, example['repeat']):,} times")
    settings = [f"`{key} = {toml_value(value)}`" for key, value in cast(Facts, example["config"]).items()]
    settings += [
        f"`{name}` being `{one_line(value, 80)}`"
        for name, value in cast(Mapping[str, str], example["columns"]).items()
    ]
    settings += [
        f"`{name}` holding `{one_line(content, 80)}`"
        for name, content in cast(Mapping[str, str], example["files"]).items()
    ]
    if settings:
        notes.append("with " + ", ".join(settings))
    return shorten(shown, MAX_EXAMPLE_CHARACTERS), ", ".join(notes)


def _text_lines(example: Facts) -> Iterator[str]:
    text, notes = example_text(example)
    yield from (f"    | {line}" for line in visible(text).split("\n"))
    if notes:
        yield f"    {notes}"


def _shown_lines(shows: Facts) -> Iterator[str]:
    texts = cast(Sequence[str], shows["texts"])
    if "cleaned" in shows:
        for text, cleaned in zip(texts, cast(Sequence[str], shows["cleaned"]), strict=True):
            yield f"    `{one_line(text, 200)}`"
            yield f"    becomes `{one_line(cleaned, 200)}`" if cleaned != text else "    stays as it is"
        return
    for position, text in enumerate(texts, start=1):
        yield f"    {position}. {one_line(text, 200)}"
    yield from (f"    {sentence}" for sentence in removed_words(shows))


def removed_words(shows: Facts) -> list[str]:
    """Return what a dedup step did to the texts of its example, in sentences; texts count from 1.

    Examples
    --------
    >>> removed_words({"removed": [{"text": 2, "duplicate_of": 0, "similarity": 1.0}]})
    ['3 is removed for 1: similarity 1']
    """
    return [
        f"{cast(int, one['text']) + 1} is removed for {cast(int, one['duplicate_of']) + 1}: "
        f"similarity {number(round(cast(float, one['similarity']), 4))}"
        for one in cast(Sequence[Facts], shows["removed"])
    ]
