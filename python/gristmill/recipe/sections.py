"""The sections `[run]`, `[[source]]`, `[dedup]` and `[tokens]`. A field's description is its help text."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from gristmill.recipe.plugin_use import PluginUse
from gristmill.recipe.supervised import TURN_KEYS, Chat, Label, TooLong
from gristmill.recipe.values import (
    ByteSize,
    Fraction,
    Name,
    NotNegative,
    Section,
    Text,
    TextTuple,
    as_tuple,
    told,
)

ColumnType = Literal["utf8", "float64", "int64", "bool"]
"""What an extracted field is read as."""

RESERVED_COLUMNS = frozenset(
    {
        "doc",
        "key",
        "id",
        "source",
        "split",
        "text",
        "metadata",
        "cluster",
        "num_tokens",
        "raw_bytes",
        "text_bytes",
    }
)
"""Columns that gristmill makes itself; no extracted field may have such a name."""


class Run(Section):
    """`[run]`: where the result goes, and limits of the whole run."""

    output: Text = Field("runs/default", description="Run folder; everything that a run makes is in it.")
    seed: int = Field(0, ge=0, lt=1 << 63, description="Decides every random choice: split, shuffle.")
    max_quarantine_fraction: Fraction = Field(
        0.001,
        description="Share of documents that may be unreadable or fail; above the larger of it and 100 documents the "
        "run stops.",
    )
    max_document_bytes: ByteSize = Field(
        8 << 20, description="Longer documents are quarantined; part of the memory bound of every worker."
    )
    scratch_memory: ByteSize = Field(
        2 << 30, description="Memory that dedup and shuffles may use, all workers together."
    )
    partition_bytes: ByteSize = Field(
        16 << 20, description="Size on disk up to which input files share a task. A file is never cut."
    )
    rejects_excerpt_characters: int = Field(
        600, ge=0, le=100_000, description="How much of a dropped document's text `rejects/` shows."
    )
    plugins_dir: Text | None = Field(
        None,
        description="Folder of single-file plugins; installed plugins need no key, only a step that names them.",
    )


class Source(Section):
    """`[[source]]`: input files that belong together, and how documents are read from them."""

    name: Name = Field(description="Unique name; stands in every row that comes from this source.")
    paths: TextTuple = Field(
        description="Paths or globs (`*`, `?`, `[...]`, `**`), relative to the recipe's folder."
    )
    format: Text | None = Field(
        None,
        description='`"jsonl"`, `"parquet"`, or a plugin\'s reader such as `"mail.mbox"`; by default the suffix '
        "decides.",
    )
    text: Text = Field("text", description="Field that holds the document's text.")
    extract: PluginUse | None = Field(
        None,
        description='A plugin\'s extractor that makes the text out of that field, such as `"web.main_text"`, or a '
        "table of it under `use` and its keys.",
    )
    messages: Text | None = Field(
        None,
        description="Field that holds turns, in place of `text`: a list of `{role, content, ...}`, or of `{from, "
        "value}` as ShareGPT has it.",
    )
    tools: Text | None = Field(
        None,
        description='Field that describes tools, beside `messages`; by default `"tools"` where it is there.',
    )
    prompt: Text | None = Field(
        None, description="Field of an instruction, in place of `text`; needs `response`."
    )
    input: Text | None = Field(None, description="Field of what belongs to the instruction; may be empty.")
    response: Text | None = Field(None, description="Field of the answer to the instruction.")
    system: Text | None = Field(
        None, description="Field of what the system says before an instruction; may be empty."
    )
    id: Text | None = Field(
        None, description="Field that holds your own identifier; carried along, never trusted."
    )
    columns: dict[Text, ColumnType] = Field(
        default_factory=dict,
        description="Further fields to keep as typed columns; those that `where` or `survivor` name are added "
        "by themselves.",
    )
    weight: NotNegative = Field(
        1.0,
        description="Mixing weight in training: how often its documents are seen in an epoch; 0 for never.",
    )
    removal_budget: Fraction = Field(
        1.0,
        description="Largest share of the source's documents that dedup may remove; above it the run stops.",
    )

    @field_validator("format")
    @classmethod
    def _known_format(cls, value: str | None) -> str | None:
        if value is not None and value not in ("jsonl", "parquet") and "." not in value:
            raise PydanticCustomError(
                "format", 'must be "jsonl", "parquet" or a plugin\'s reader such as "mail.mbox"'
            )
        return value

    @field_validator("columns")
    @classmethod
    def _free_column_names(cls, value: dict[str, ColumnType]) -> dict[str, ColumnType]:
        for name in value:
            if name in RESERVED_COLUMNS:
                raise PydanticCustomError(
                    "column_name", "`{name}` is a column that gristmill makes itself", {"name": name}
                )
        return value

    @model_validator(mode="after")
    def _one_kind_of_text(self) -> Self:
        given = [key for key in TURN_KEYS if getattr(self, key) is not None]
        if not given:
            return self
        if self.extract is not None:
            raise PydanticCustomError(
                "turns", "`extract` makes a text, and `{key}` gives turns", {"key": given[0]}
            )
        is_messages = self.messages is not None
        wrong = [key for key in given if (key in ("messages", "tools")) != is_messages]
        if wrong and is_messages:
            raise PydanticCustomError(
                "turns", "`messages` and `{key}` are two places for one text", {"key": wrong[0]}
            )
        if not is_messages and (self.prompt is None or self.response is None or self.tools is not None):
            raise PydanticCustomError(
                "turns", "an instruction needs `prompt` and `response`; `tools` needs `messages`"
            )
        if self.text != "text":
            raise PydanticCustomError(
                "turns", "`text` and `{key}` are two places for one text", {"key": given[0]}
            )
        fields = self.turn_fields
        if len(set(fields)) < len(fields) or self.id in fields:
            raise PydanticCustomError("turns", "one field cannot be two things")
        return self

    @property
    def turn_fields(self) -> tuple[str, ...]:
        """Fields that turns are read from; none where a field holds the text."""
        if self.messages is not None:
            return (self.messages, self.tools or "tools")
        fields = (self.prompt, self.input, self.response, self.system)
        return tuple(field for field in fields if field is not None)


class Dedup(Section):
    """`[dedup]`: what the dedup steps share."""

    index: Text | None = Field(
        None,
        description="Folder of an index of what earlier runs kept, relative to the recipe's folder. Documents are "
        "checked against it as they are against each other, and what is kept is added to it. The first run that names "
        "it makes it.",
    )


class Tokens(Section):
    """`[tokens]`: how kept documents become Arrow shards of token ids."""

    tokenizer: Text = Field(
        description="A Hugging Face `tokenizer.json`, a file of tiktoken's ranks, a Tekken file, a SentencePiece "
        "model, or a folder that holds one."
    )
    special: Annotated[
        Literal["plain", "hf"] | tuple[Text, ...],
        BeforeValidator(as_tuple),
        told('must be "plain", "hf" or a list of tokens'),
    ] = Field(
        "plain",
        description='`"plain"`: text never becomes a control token; `"hf"`: as the tokenizer does it; or a list of '
        "control tokens that text may spell.",
    )
    end_of_text: Annotated[bool | Text, told("must be true, false or a token")] = Field(
        True, description="End-of-text id after each document: the tokenizer's own, a named token, or none."
    )
    shuffle: bool = Field(
        True, description="Shuffle documents over all shards of a split, by the run's seed."
    )
    shard_bytes: ByteSize = Field(256 << 20, description="Size at which a shard is full.")
    max_tokens: int | None = Field(
        None, ge=2, description="Longest document in tokens; by default there is no limit."
    )
    too_long: TooLong = Field(
        "split",
        description='What becomes of a longer one: `"split"` into several rows (conversations before turns of the '
        'user), `"truncate"` to its beginning, or `"drop"` into `rejects/`.',
    )
    chat: Chat | None = Field(None, description="How turns become text, and which of them are trained.")
    label: Label | None = Field(None, description="The class of each document, for classification.")

    @model_validator(mode="after")
    def _limit_is_given(self) -> Self:
        names = self.too_long != "split" or (self.chat is not None and self.chat.too_long is not None)
        if names and self.max_tokens is None:
            raise PydanticCustomError("too_long", "`too_long` has no effect without `max_tokens`")
        return self
