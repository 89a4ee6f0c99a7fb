"""The pages of `docs/reference/rules/` in Markdown: one a step, and a table of all. Every example is run.

Not here: writing and comparing files (`docs/generate_reference.py`), collecting facts (`rule_page`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from gristmill.cli.rule_page import (
    Facts,
    cost_words,
    example_text,
    measured_words,
    removed_words,
    step_facts,
)
from gristmill.cli.story_lines import number
from gristmill.recipe import BUILTIN_STEPS
from gristmill.report.visible import visible


def rule_pages() -> dict[str, str]:
    """Return every page by file name, `README.md` first."""
    facts = {use: step_facts(use) for use in BUILTIN_STEPS}
    return {
        "README.md": overview(facts),
        **{f"{use}.md": "\n".join(step_page(step)).rstrip() + "\n" for use, step in facts.items()},
    }


def overview(facts: Mapping[str, Facts]) -> str:
    """Return the table of all steps."""
    lines = [
        "# Rules\n",
        "Built-in steps: what each measures, cleans or compares. `gristmill explain rule NAME` prints the same page;",
        "keys with types are in [recipe.md](../recipe.md). Cost is what a step adds to one segmentation of the text.\n",
        "| step | what | source | columns | cost, ns/byte | semantics |",
        "|---|---|---|---|---|---|",
    ]
    for use, step in facts.items():
        columns = cast(Sequence[Facts], step["columns"])
        cost = cast("float | None", step["cost_ns_per_byte"])
        cells = [
            f"[`{use}`]({use}.md)",
            str(step["summary"]),
            str(step["source"]),
            str(len(columns)) if columns else "",
            "" if cost is None else f"{cost:.2g}",
            ", ".join(cast(Sequence[str], step["semantics"]))
            if not step["is_dedup"] and use != "clean"
            else "",
        ]
        lines.append(f"| {' | '.join(cell(text) for text in cells)} |")
    return "\n".join(lines) + "\n"


def step_page(facts: Facts) -> Iterator[str]:
    """Yield the lines of a step's page."""
    yield f"# {facts['step']}\n"
    yield f"{facts['summary']}\n"
    yield f"*Source:* {facts['source']}\n"
    semantics = cast(Sequence[str], facts["semantics"])
    if len(semantics) > 1:
        names = ", ".join(f'`"{name}"`' for name in semantics)
        yield f"*Semantics:* {names}; the first is the default.\n"
    if facts["edits_text"]:
        yield "*Edits the text;* its columns are about what is left.\n"
    cost = cost_words(facts)
    if cost:
        yield f"*Cost:* {cost}.\n"
    if facts["definition"]:
        yield f"## Definition\n\n{facts['definition']}\n"
    yield from _columns(facts)
    yield from _rules(facts)
    yield from _keys(facts)
    differences = cast(Mapping[str, str], facts["differences"])
    if differences:
        yield "## How other tools differ\n"
        yield from (f"- **{tool}**: {'  '.join(text.splitlines())}" for tool, text in differences.items())
        yield ""
    yield from _examples(facts)


def _columns(facts: Facts) -> Iterator[str]:
    columns = cast(Sequence[Facts], facts["columns"])
    if not columns:
        return
    yield "## Columns\n"
    yield f"In `signals/` their names begin with the step's, `{facts['step']}.` unless it has another `name`.\n"
    yield "| column | type | what |"
    yield "|---|---|---|"
    for column in columns:
        parts = [str(column[part]) for part in ("description", "formula") if column[part]]
        yield f"| `{column['name']}` | {column['kind']} | {cell(' '.join(parts))} |"
    yield ""


def _rules(facts: Facts) -> Iterator[str]:
    rules = cast(Sequence[Facts], facts["rules"])
    if not rules:
        return
    yield "## Rules\n"
    yield "A document stays if the column compares so with the key's value, or is null. `false` switches a rule off.\n"
    yield "| rule | key | default | stays if | what |"
    yield "|---|---|---|---|---|"
    for rule in rules:
        column = str(rule["column"]).removeprefix(f"{facts['step']}.")
        is_switch = isinstance(rule["default"], bool)
        default = _default(rule["default"])
        condition = f"`{column}` is false" if is_switch else f"`{column} {rule['keep']} {rule['key']}`"
        names = f"`{rule['rule']}` | `{rule['key']}`"
        yield f"| {names} | {default} | {cell(condition)} | {cell(str(rule['description']))} |"
    yield ""


def _default(value: object) -> str:
    if value is None:
        return "off"
    return ("on" if value else "off") if isinstance(value, bool) else f"`{value}`"


def _keys(facts: Facts) -> Iterator[str]:
    keys = cast(Sequence[Facts], facts["keys"])
    if not keys:
        return
    yield "## Keys\n" if facts["is_dedup"] else "## Keys that decide what is computed\n"
    yield "| key | default | what |"
    yield "|---|---|---|"
    for key in keys:
        default = "" if key["default"] is None else f"`{key['default']}`"
        default = "required" if key["is_required"] else default
        yield f"| `{key['key']}` | {cell(default)} | {cell(str(key['description']))} |"
    yield ""


def _examples(facts: Facts) -> Iterator[str]:
    examples = cast(Facts, facts["examples"])
    passes = cast("Facts | None", examples["passes"])
    shows = cast("Facts | None", examples["shows"])
    if passes is None and shows is None:
        return
    yield "## Examples\n"
    rules = {str(rule["key"]): rule for rule in cast(Sequence[Facts], facts["rules"])}
    if passes is not None:
        yield "This passes all rules of the step:\n"
        yield from _text(passes)
        asked = dict.fromkeys(str(rule["column"]).rpartition(".")[2] for rule in rules.values())
        values = cast(Mapping[str, object], passes["values"])
        yield f"{', '.join(f'`{name}` {number(values.get(name))}' for name in asked)}.\n"
    for key, example in cast(Mapping[str, Facts], examples["drops"]).items():
        yield f"Dropped by `{rules[key]['rule']}`: {measured_words(rules[key], example)}.\n"
        yield from _text(example)
    if shows is not None:
        yield from _shown(shows)


def _text(example: Facts) -> Iterator[str]:
    text, notes = example_text(example)
    fence = "```"
    while fence in text:
        fence += "`"
    yield f"{fence}text\n{visible(text)}\n{fence}"
    if notes:
        yield f"({notes})"
    yield ""


def _shown(shows: Facts) -> Iterator[str]:
    texts = cast(Sequence[str], shows["texts"])
    cleaned = cast(Sequence[str], shows.get("cleaned", ()))
    for text, after in zip(texts, cleaned, strict=False):
        what = "stays as it is." if text == after else f"becomes `{_line(after)}`."
        yield f"- `{_line(text)}` {what}"
    if not cleaned:
        yield from (f"{position}. {text}" for position, text in enumerate(texts, start=1))
        yield ""
        yield from (f"{sentence}.  " for sentence in removed_words(shows))
    yield ""


def _line(text: str) -> str:
    return visible(text).replace("\n", "\\n")


def cell(text: str) -> str:
    """Return text that may stand in a cell of a table."""
    return text.replace("|", "\\|").replace("\n", " ")
