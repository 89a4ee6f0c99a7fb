"""The sections of a report, in order: each is a name, a title and a function from a run folder to blocks.

A section that has nothing to say about a run returns no blocks and is left out. `collect` takes any such
list, so further sections (a plugin's, for example) join by being appended; nothing else knows them.

Examples
--------
>>> [section.name for section in STANDARD][:2]
['summary', 'funnel']
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from gristmill.report.blocks import Block, SectionContent
from gristmill.report.folder import RunFolder
from gristmill.report.sections import (
    choices,
    distributions,
    duplicates,
    edits,
    examples,
    funnel,
    plugins,
    provenance,
    quarantine,
    rule_value,
    rules,
    split,
    summary,
    supervised,
    training,
    training_documents,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A part of the report; `build` reads the run and returns blocks, none when it has nothing to say."""

    name: str
    title: str
    build: Callable[[RunFolder], Sequence[Block]]


STANDARD: tuple[Section, ...] = (
    Section(name="summary", title="At a glance", build=summary.build),
    Section(name="funnel", title="From documents to tokens", build=funnel.build),
    Section(name="rules", title="Rules", build=rules.build),
    Section(name="rule-value", title="What each rule is worth", build=rule_value.build),
    Section(name="examples", title="What each rule dropped", build=examples.build),
    Section(name="edits", title="What edits cut", build=edits.build),
    Section(name="quarantine", title="Quarantine", build=quarantine.build),
    Section(name="plugins", title="Plugins", build=plugins.build),
    Section(name="distributions", title="Lengths, languages, sources", build=distributions.build),
    Section(name="duplicates", title="Duplicates", build=duplicates.build),
    Section(name="choices", title="What was chosen", build=choices.build),
    Section(name="split", title="Held out", build=split.build),
    Section(name="supervised", title="What documents teach", build=supervised.build),
    Section(name="training", title="Training", build=training.build),
    Section(
        name="training-documents", title="What training says of the documents", build=training_documents.build
    ),
    Section(name="provenance", title="Recipe, versions, digests", build=provenance.build),
)


def collect(run: RunFolder, sections: Iterable[Section] = STANDARD) -> list[SectionContent]:
    """Return the content of every section that has something to say about `run`, in order."""
    built = ((section, section.build(run)) for section in sections)
    return [
        SectionContent(name=section.name, title=section.title, blocks=blocks)
        for section, blocks in built
        if blocks
    ]
