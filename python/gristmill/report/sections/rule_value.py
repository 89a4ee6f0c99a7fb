"""What each rule is worth: what it drops that no other does, what it shares, where, and who is next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gristmill.report.blocks import Bars, Block, Cell, Column, Excerpt, Excerpts, Fact, Matrix, Note, Table
from gristmill.report.folder import RunFolder
from gristmill.report.overlap import NearDocument, Overlap, find_overlap
from gristmill.report.streams import ROWS_OF_NUMBERS, batches, texts_of
from gristmill.report.thresholds import Threshold, columns_read
from gristmill.report.visible import shorten

RULES_SHOWN = 30
"""Rules in the square; those that most documents fail."""
EXAMPLE_RULES = 20
"""Rules with examples, which keeps the page below a few megabytes."""
EXCERPT_CHARACTERS = 400

Texts = Mapping[int, str]


def build(run: RunFolder) -> Sequence[Block]:
    """Return the value of every rule. Cost: one pass over the threshold columns, and a few texts."""
    known = [item for item in run.thresholds if item.column in run.signal_columns]
    columns = ["doc", "id", "source", *columns_read(known)]
    if not known or not set(columns) <= set(run.signal_columns):
        return []
    overlap = find_overlap(batches(run.files("signals"), columns, rows=ROWS_OF_NUMBERS), known)
    failing = [row[place] for place, row in enumerate(overlap.both)]
    order = [place for place in range(len(known)) if failing[place]]
    if not order:
        return [Note(text="No document fails any threshold.")]
    order.sort(key=lambda place: (-failing[place], place))
    shown = sorted(order[:RULES_SHOWN])
    left_out = (
        f"{len(order) - len(shown)} rules that fewer documents fail are left out."
        if len(order) > len(shown)
        else ""
    )
    return [
        Note(
            text="A rule is worth what only it finds. Documents that fail several rules would be dropped without "
            "any one of them; those that fail a single rule are its own."
        ),
        Bars(
            caption="Documents that fail each rule",
            axis="rule",
            series=["only this rule", "others as well"],
            labels=[_name(known[place]) for place in shown],
            values=[[overlap.alone[place], failing[place] - overlap.alone[place]] for place in shown],
            note=left_out,
        ),
        Matrix(
            caption="Which rules find the same documents",
            labels=[_name(known[place]) for place in shown],
            values=[[overlap.both[row][column] for column in shown] for row in shown],
            note="Shade: of the documents that fail the rule of the row, the share that also fails that of the column. "
            + left_out,
        ),
        _sources(known, overlap, shown),
        *_examples(run, known, overlap, order[:EXAMPLE_RULES]),
    ]


def _name(threshold: Threshold) -> str:
    return f"{threshold.step} · {threshold.rule}"


def _sources(known: Sequence[Threshold], overlap: Overlap, shown: Sequence[int]) -> Table:
    """Return how much of each source fails each rule."""
    sources = sorted(overlap.documents_by_source, key=lambda name: -overlap.documents_by_source[name])[:8]
    rows: list[list[Cell]] = []
    for place in shown:
        shares: list[Cell] = [
            overlap.by_source[source][place] / overlap.documents_by_source[source] for source in sources
        ]
        rows.append([_name(known[place]), overlap.first[place], overlap.alone[place], *shares])
    num_left_out = len(overlap.documents_by_source) - len(sources)
    return Table(
        caption="Share of each source that fails the rule",
        columns=[
            Column(label="rule", kind="code"),
            Column(label="drops first", kind="count"),
            Column(label="fail only it", kind="count"),
            *(Column(label=source, kind="share") for source in sources),
        ],
        rows=rows,
        note=f"{num_left_out} smaller sources are left out." if num_left_out else "",
    )


def _examples(
    run: RunFolder, known: Sequence[Threshold], overlap: Overlap, order: Sequence[int]
) -> Iterator[Block]:
    wanted = {
        document.doc
        for place in order
        for document in (*overlap.would_return[place], *overlap.would_leave[place])
    }
    texts: dict[int, str] = {}
    for table, column in (("rejects", "excerpt"), ("documents", "text")):
        texts |= texts_of(run.files(table), wanted - set(texts), column, EXCERPT_CHARACTERS)
    yield Note(
        text="Below, for each rule, the documents nearest to its threshold: those that fail only this rule come back "
        "first when it is loosened, and those that pass all rules leave first when it is tightened."
    )
    for place in sorted(order):
        threshold = known[place]
        items = [
            *(_excerpt(document, texts, "fails only this rule") for document in overlap.would_return[place]),
            *(_excerpt(document, texts, "passes all rules") for document in overlap.would_leave[place]),
        ]
        if items:
            limit = f"{threshold.column} {threshold.keep} {threshold.threshold:g}"
            yield Excerpts(caption=f"{_name(threshold)} — nearest to {limit}", items=items)


def _excerpt(document: NearDocument, texts: Texts, side: str) -> Excerpt:
    facts = [
        Fact(label="value", value=document.value, kind="number"),
        Fact(label="source", value=document.source),
        Fact(label="it", value=side),
    ]
    title = document.id or f"document {document.doc}"
    return Excerpt(title=title, facts=facts, text=shorten(texts.get(document.doc, ""), EXCERPT_CHARACTERS))
