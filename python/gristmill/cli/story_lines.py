"""Tells the story of one document, as `story` collected it, in lines for a reader."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from gristmill.cli.judged import BOUND_WORDS
from gristmill.cli.printer import align
from gristmill.cli.text import counted, one_line, value_words, visible

Row = Mapping[str, object]
MAX_EDITS = 12
MAX_DETAIL_LINES = 30
_OUTCOMES = {"passed": "passes", "failed": "fails", "null": "null"}


def story_lines(story: Row) -> Iterator[str]:
    """Yield the story: fate, why, what would have kept it, where it went, what was changed, all that was measured."""
    yield f"document {story['doc']}  key {story['key']}  id {value_words(story['id'])}"
    yield f"  from source `{story['source']}`: {story['file']}, row {story['row']}"
    if story["fate"] == "quarantined" and story.get("path"):
        yield f"  in {story['path']}; rows count from 0, blank lines are none"
    yield f"  {fate(story)}"
    yield from _reason(story)
    yield from _survivor(story)
    yield from _where_it_went(story)
    yield from _to_keep(story)
    yield from _thresholds(story)
    if story.get("excerpt"):
        yield ""
        yield f"  text: {one_line(str(story['excerpt']), 400)}"
    yield from _edits(story)
    yield from _signals(story)


def fate(story: Row) -> str:
    """Return in one line what became of a document."""
    if story["fate"] == "kept":
        cluster = f", in the cluster of {story['cluster']}" if "cluster" in story else ""
        num_tokens = cast("int | None", story["num_tokens"])
        tokens = "" if num_tokens is None else f", {counted(num_tokens, 'token')}"
        return f"kept: split {value_words(story['split'])}{tokens}{cluster}"
    text = f"{story['fate']} by {story['step']}: {story['rule']}"
    # For a near duplicate the value compared is the similarity.
    name = "similarity" if "similarity" in story else "value"
    facts = [f"{name} {value_words(story[name])}"] if name in story else []
    if "threshold" in story:
        facts.append(f"threshold {value_words(story['threshold'])}")
    if "shared_bands" in story:
        facts.append(counted(cast(int, story["shared_bands"]), "shared band"))
    if facts:
        text += f" ({', '.join(facts)})"
    return text


def evidence(row: Row) -> str:
    """Return what shows that a document duplicates another.

    Examples
    --------
    >>> evidence({"similarity": 0.875, "shared_bands": 9}), evidence({"similarity": 1.0, "shared_bands": None})
    ('similarity 0.875, 9 shared bands', 'similarity 1')
    """
    similarity, bands = row["similarity"], cast("int | None", row["shared_bands"])
    parts = ["similarity not computed" if similarity is None else f"similarity {number(similarity)}"]
    if bands is not None:
        parts.append(counted(bands, "shared band"))
    return ", ".join(parts)


def measured(judged: Row) -> str:
    """Return a value with its limit in words.

    Examples
    --------
    >>> measured({"column": "q.num_words", "step": "q", "value": 43, "keep": ">=", "threshold": 50.0})
    '43 of at least 50 words'
    >>> measured({"column": "q.hash_ratio", "step": "q", "value": 0.31, "keep": "<=", "threshold": 0.1})
    'hash_ratio is 0.31, wanted at most 0.1'
    """
    column = str(judged["column"]).removeprefix(f"{judged['step']}.")
    if column.startswith("num_") and judged["keep"] in BOUND_WORDS:
        unit = column.removeprefix("num_").replace("_", " ")
        return f"{number(judged['value'])} of {wanted(judged)} {unit}"
    return f"{column} is {number(judged['value'])}, wanted {wanted(judged)}"


def wanted(judged: Row) -> str:
    """Return the limit of a threshold in words."""
    if judged["keep"] == "==":
        value = cast(float, judged["threshold"])
        return f"only {'false' if value == 0 else 'true' if value == 1 else number(value)}"
    return f"{BOUND_WORDS[str(judged['keep'])]} {number(judged['threshold'])}"


def number(value: object) -> str:
    """Return a number for a reader: thousands separated, six significant digits.

    Examples
    --------
    >>> number(100000.0), number(0.123456789), number(True), number(None)
    ('100,000', '0.123457', 'true', 'null')
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)) and float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:.6g}" if isinstance(value, float) else value_words(value)


def _distance(judged: Row) -> str:
    """Return how far a value is from its limit."""
    if judged["value"] is None or judged["keep"] == "==" or judged["outcome"] in ("null", "outside"):
        return ""
    exact = abs(cast(float, judged["value"]) - cast(float, judged["threshold"]))
    gap = number(exact if exact.is_integer() else float(f"{exact:.2g}"))
    if judged["outcome"] == "passed":
        return "" if gap == "0" else f"{gap} to spare"
    return f"{gap} {'short' if judged['keep'] in ('>=', '>') else 'over'}"


def _judgements(story: Row, *outcomes: str) -> list[Row]:
    return [
        one for one in cast(Sequence[Row], story["judgements"]) if not outcomes or one["outcome"] in outcomes
    ]


def _reason(story: Row) -> Iterator[str]:
    by_thresholds = story["fate"] == "dropped" and "duplicate_of" not in story
    if by_thresholds:
        for judged in _judgements(story, "failed"):
            lead = "because" if judged["is_reason"] else f"{judged['step']} would have dropped it too:"
            yield f"  {lead} {measured(judged)}"
        left_out = cast("Mapping[str, Sequence[str]]", story.get("left_out", {}))
        yield from (f"  because {words}" for words in left_out.get("because", ()))
        yield from (f"  what would have kept it: {words}" for words in left_out.get("to_keep", ()))
    if (story["fate"] == "quarantined" or story.get("step") == "split") and "detail" in story:
        details = visible(str(story["detail"])).splitlines()
        yield from (f"  {one_line(line, 400)}" for line in details[:MAX_DETAIL_LINES])
        if len(details) > MAX_DETAIL_LINES:
            yield f"  and {counted(len(details) - MAX_DETAIL_LINES, 'more line')}"
    if story.get("explained_by"):
        yield f"  see `gristmill explain rule {story['explained_by']}`"


def _survivor(story: Row) -> Iterator[str]:
    if "duplicate_of" not in story:
        return
    other = cast(Row, story["duplicate_of"])
    if "detail" in story:
        # It is not among this run's documents.
        yield f"  the one that stayed: key {other['key']}"
        yield f"    {one_line(visible(str(story['detail'])), 400)}"
        return
    name = f"document {other.get('doc', '?')}, key {other['key']}, id {value_words(other.get('id'))}"
    yield f"  the one that stayed: {name}"
    if "left_out_by" in other:
        yield f"    a choosing step left it out later: `{other['left_out_by']}`"
    if "source" in other:
        cluster = "" if other["cluster"] is None else f", in the cluster of {other['cluster']}"
        yield f"    from source `{other['source']}`, split {value_words(other['split'])}{cluster}"
    yield f"    {one_line(str(other.get('excerpt', '')), 200)}"
    difference = cast("Row | None", other.get("first_difference"))
    if difference is not None:
        yield f"  the texts part at character {difference['character']:,}:"
        yield f"    this one   {one_line(str(difference['this']), 80)}"
        yield f"    the other  {one_line(str(difference['other']), 80)}"
    elif "first_difference" in other:
        yield f"  the first {counted(len(str(story.get('excerpt', ''))), 'character')} of both are the same"


def _where_it_went(story: Row) -> Iterator[str]:
    for shard in cast(Sequence[Row], story.get("shards", [])):
        yield f"  in {shard['file']}, row {shard['row']}"
    num_others = cast(int, story.get("num_duplicates_removed", 0))
    if num_others:
        yield f"  {counted(num_others, 'duplicate')} of it removed:"
        others = cast(Sequence[Row], story["duplicates_removed"])
        for other in others:
            yield (
                f"    document {other['doc']}, key {other['key']}, id {value_words(other['id'])}, "
                f"{evidence(other)}"
            )
        if num_others > len(others):
            yield f"    and {num_others - len(others):,} more"


def _to_keep(story: Row) -> Iterator[str]:
    if "to_keep" not in story:
        return
    change = cast(Row, story["to_keep"])
    lines = cast(Mapping[str, Sequence[str]], change["recipe_lines"])
    fixed = cast(Sequence[str], change["cannot_change"])
    if not lines and not fixed:
        return
    is_duplicate = "duplicate_of" in story
    yield ""
    if lines:
        num_lines = sum(len(written) for written in lines.values())
        yield (
            "  what would have kept it:"
            if num_lines == 1
            else "  what would have kept it, all of these together:"
        )
        were = cast(Mapping[str, Mapping[str, object]], change["were"])
        for step, written in lines.items():
            yield f"    in the step `{step}`"
            for line in written:
                key = line.partition(" = ")[0]
                yield f"      {line}    # was {_toml(were[step][key])}"
        yield f"    {change['what_if']}"
        if is_duplicate:
            yield (
                "    while no other document that is then kept is as similar to it; another `survivor` would keep this "
                "one in place of the other"
            )
        else:
            yield "    another threshold measures nothing again; `false` in place of a number switches it off"
    yield from _beyond_thresholds(story, change, fixed, is_duplicate=is_duplicate)


def _beyond_thresholds(story: Row, change: Row, fixed: Sequence[str], *, is_duplicate: bool) -> Iterator[str]:
    """Yield what no value of a threshold decides."""
    if is_duplicate and "similarity" not in story:
        yield "  what would have kept it: nobody compared the texts; with `verify = true` only what is similar goes"
        return
    if is_duplicate and fixed:
        if story["rule"] == "semantic_duplicate":
            words = "the embeddings point the same way"
        elif story["rule"] != "exact_duplicate":
            words = "the texts have the same word n-grams"
        elif cast(Row, story["duplicate_of"]).get("first_difference") is not None:
            words = "it equals another removed document, which is a near duplicate of the one that stayed"
        else:
            words = "the texts are equal"
        yield f"  what would have kept it: {words}, so no `min_similarity` does;"
        otherwise = (
            "or without `index`: what an earlier run kept stays"
            if "detail" in story
            else "or another `survivor`, which keeps it and not the other"
        )
        yield f"    only a recipe without `{story['step']}`, {otherwise}"
        return
    for name in fixed:
        yield f"    `{name}` is decided by the operator's own code, by no threshold of the recipe"
    edited = cast(Sequence[str], change.get("measured_after_edits_of", []))
    for step in edited:
        signals = cast(Row, story["signals"])
        removed = signals.get(f"{step}.num_lines_removed")
        after = "" if removed is None else f", here {counted(cast(int, removed), 'line')}"
        yield f"    `{step}` measures what is left after its own edits{after}: keys that decide what it removes"
        yield "    matter, too, and changing them reads the documents again"
    waiting = cast(Sequence[str], change.get("not_compared_by", []))
    if waiting:
        names = " and ".join(f"`{name}`" for name in waiting)
        yield f"    {names} compared it with nothing, since it was dropped before: it may still be a duplicate"


def _toml(value: object) -> str:
    from gristmill.recipe import toml_value

    return toml_value(value)


def _thresholds(story: Row) -> Iterator[str]:
    judgements = _judgements(story)
    if not judgements:
        return
    asked = _judgements(story, "passed", "failed", "null")
    failed = _judgements(story, "failed")
    yield ""
    yield f"  {counted(len(asked), 'threshold')} asked, in this order; {len(failed)} failed"
    rows = []
    for judged in asked:
        outcome = "DROPPED" if judged["is_reason"] else _OUTCOMES[str(judged["outcome"])]
        value = number(judged["value"])
        rows.append([outcome, str(judged["column"]), value, wanted(judged), _distance(judged)])
    if rows:
        yield from (f"    {line}" for line in align(["", "column", "value", "wanted", ""], rows))
    for because in dict.fromkeys(one["outside_because"] for one in _judgements(story, "outside")):
        steps = dict.fromkeys(
            str(one["step"]) for one in _judgements(story, "outside") if one["outside_because"] == because
        )
        yield f"    not asked by {', '.join(f'`{step}`' for step in steps)}: {because}"


def _edits(story: Row) -> Iterator[str]:
    edits = cast(Sequence[Row], story["edits"])
    if edits:
        yield ""
        counts = Counter(_editor(edit) for edit in edits)
        yield f"  {counted(len(edits), 'edit')}: {', '.join(f'{name} {count:,}' for name, count in counts.items())}"
    for edit in edits[:MAX_EDITS]:
        yield f"  edited by {_editor(edit)} at {edit['start']}-{edit['end']}: {_in_context(edit)}"
    if len(edits) > MAX_EDITS:
        yield f"  and {counted(len(edits) - MAX_EDITS, 'more edit')}, all with `--json`"
    signals = cast(Row, story["signals"])
    changes = cast("int | None", signals.get("clean.num_changes"))
    if story["fate"] == "dropped" and changes:
        yield f"  `clean` made {counted(changes, 'change')}; edits are stored for kept documents only"


def _editor(edit: Row) -> str:
    return f"{edit['step']} ({edit['part']})" if edit["part"] else str(edit["step"])


def _in_context(edit: Row) -> str:
    r"""Return an edit as ``left[-before-]{+after+}right``, as word diffs are written.

    Examples
    --------
    >>> _in_context({"left": "a ", "before": "b", "after": "", "right": "\n"})
    '`a [-b-]\\n`'
    """
    before, after = (one_line(str(edit[side]), 60) for side in ("before", "after"))
    left, right = (one_line(str(edit[side] or ""), 60) for side in ("left", "right"))
    changed = (f"[-{before}-]" if before else "") + (f"{{+{after}+}}" if after else "")
    return f"`{left}{changed}{right}`"


def _signals(story: Row) -> Iterator[str]:
    """Yield what was measured and no threshold was asked about."""
    told = {judged["column"] for judged in _judgements(story)}
    rest = {name: value for name, value in cast(Row, story["signals"]).items() if name not in told}
    if rest:
        yield ""
        yield "  other columns:" if told else "  columns:"
    for name, value in rest.items():
        yield f"    {name} = {value_words(value)}"
