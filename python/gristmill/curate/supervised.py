"""Turns, labels and the longest document in a plan: what tasks are told, and what their counts come to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from gristmill.curate.chat import ChatTemplates, resolve_templates
from gristmill.curate.stages import Json, counts
from gristmill.errors import GristmillError

if TYPE_CHECKING:
    from gristmill.curate.tokens import ResolvedTokenizer
    from gristmill.recipe import Recipe
    from gristmill.recipe.sections import Source

CHARACTERS_A_BYTE = 4
"""A rendering may have so many characters for each byte of the longest document: templates repeat little."""
MAX_LABELS = 65_536
TOKEN_RULES = ("tokens.too_long", "tokens.nothing_trained")
"""What the tokenise stage drops, as the counts call it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SupervisedPlan:
    """What documents are to teach.

    Parameters
    ----------
    chat
        How turns are rendered; None without any.
    label_field
        Field of the class; None without one.
    label_order
        Every class in order; None for whatever there is.
    max_tokens
        Longest document; None for no limit.
    too_long, chat_too_long
        What becomes of longer ones.
    max_characters
        Longest rendering.
    """

    chat: ChatTemplates | None
    label_field: str | None
    label_order: tuple[str, ...] | None
    max_tokens: int | None
    too_long: str
    chat_too_long: str
    max_characters: int

    def identity(self) -> dict[str, object]:
        """Return everything that the result depends on."""
        return {**self.tokenise_spec(), **self._labels(), **self.chat_task()}

    def _labels(self) -> dict[str, object]:
        if self.label_field is None:
            return {}
        order = None if self.label_order is None else list(self.label_order)
        return {"label": {"field": self.label_field, "order": order}}

    def map_spec(self, source: Mapping[str, object]) -> dict[str, object]:
        """Return what the map task of a source is told."""
        chat = {"chat": True} if self.chat is not None and "turns" in source else {}
        return {**self._labels(), **chat}

    def chat_task(self) -> dict[str, object]:
        """Return what the worker of a map task renders with."""
        return {} if self.chat is None else {"chat": self.chat.describe(max_characters=self.max_characters)}

    def tokenise_spec(self) -> dict[str, object]:
        """Return what tokenise tasks are told."""
        spec: dict[str, object] = {"has_labels": self.label_field is not None}
        if self.chat is not None:
            spec["train_on"] = self.chat.train_on
        if self.max_tokens is not None:
            spec["limit"] = {"max_tokens": self.max_tokens, "too_long": self.too_long}
            spec["chat_limit"] = {"max_tokens": self.max_tokens, "too_long": self.chat_too_long}
        return spec

    def label_names(self, tokenise: Sequence[Json]) -> tuple[str, ...] | None:
        """Return every class in the order of their numbers: as the recipe has it, else those of kept documents, sorted.

        Names that are all whole numbers are sorted as numbers, others by code points.

        Raises
        ------
        GristmillError
            ``GM-LABEL-001``.
        """
        if self.label_field is None or self.label_order is not None:
            return self.label_order
        names = {name for done in tokenise for name in cast(Sequence[str], counts(done)["labels"])}
        if len(names) > MAX_LABELS:
            raise GristmillError(
                "GM-LABEL-001",
                f"`{self.label_field}` has {len(names)} different values",
                hint="name the field that holds a class, not one of free text",
            )
        try:
            return tuple(sorted(names, key=lambda name: (int(name), name)))
        except ValueError:
            return tuple(sorted(names))

    def run_labels(self, done: Json, names: tuple[str, ...] | None) -> dict[str, object]:
        """Return what a shard task is told of the labels of one partition."""
        if names is None:
            return {}
        numbers = {name: number for number, name in enumerate(names)}
        return {"labels": [numbers[name] for name in cast(Sequence[str], counts(done)["labels"])]}

    def describe(self) -> Iterator[str]:
        """Yield lines for a reader."""
        if self.chat is not None:
            found = "as the template marks them" if self.chat.marks_itself else "found by rendering"
            trained = {
                "assistant": f"trained are all turns of the assistant, {found}",
                "last": f"trained is the last turn of the assistant, {found}",
                "all": "everything is trained",
            }[self.chat.train_on]
            yield "disk of the renderings in work/: compressed, about as much as compressed input"
            yield f"chat: template {self.chat.name} ({self.chat.digest[:16]}); {trained}"
        if self.label_field is not None:
            classes = "those of kept documents, sorted"
            if self.label_order is not None:
                classes = f"{len(self.label_order)} classes in the recipe's order"
            yield f"labels: field `{self.label_field}`, {classes}"
        if self.max_tokens is not None:
            conversations = "" if self.chat is None else f", conversations {self.chat_too_long}"
            yield f"longer than {self.max_tokens:,} tokens: {self.too_long}{conversations}"

    def manifest(self, tokenise: Sequence[Json], splits: Sequence[str]) -> dict[str, object]:
        """Return what the run's manifest says: classes, and counts by split."""
        names = self.label_names(tokenise)
        found: dict[str, object] = {}
        if names is not None:
            found["label"] = {"field": self.label_field, "names": list(names)}
        if self.chat is not None:
            found["chat"] = {
                "template": self.chat.name,
                "digest": self.chat.digest,
                "train_on": self.chat.train_on,
                "marks_itself": self.chat.marks_itself,
                # What training proves masks against.
                "turns": None if self.chat.turns is None else self.chat.turns.manifest(),
            }
        if self.max_tokens is not None:
            found["max_tokens"] = self.max_tokens
        found["splits"] = {split: _split_counts(tokenise, split, names) for split in splits}
        return found


def _split_counts(tokenise: Sequence[Json], split: str, names: tuple[str, ...] | None) -> dict[str, object]:
    numbers: Counter[str] = Counter()
    labels: Counter[str] = Counter()
    for done in tokenise:
        tokens = cast(Mapping[str, Mapping[str, object]], counts(done)["tokens"])
        found = cast("Mapping[str, object] | None", tokens[split].get("supervised"))
        for name, value in (found or {}).items():
            if name == "labels":
                labels.update(cast(Mapping[str, int], value))
            else:
                numbers[name] += cast(int, value)
    keys = ("conversations", "trained_tokens", "split", "truncated", "lost_tokens", "spelled")
    result: dict[str, object] = {key: numbers[key] for key in keys}
    if names is not None:
        result["labels"] = {name: labels[name] for name in names}
    return result


def turns_spec(source: Source) -> dict[str, object]:
    """Return where a source's turns are, as the engine takes it; nothing for one with texts."""
    if not source.turn_fields:
        return {}
    if source.messages is not None:
        return {"turns": {"messages": {"field": source.messages, "tools": source.tools or "tools"}}}
    return {
        "turns": {
            "instruction": {
                "prompt": source.prompt,
                "input": source.input,
                "response": source.response,
                "system": source.system,
            }
        }
    }


def plan_supervised(recipe: Recipe, tokenizer: ResolvedTokenizer | None) -> SupervisedPlan | None:
    """Return what a recipe's documents are to teach, or None where it says nothing of that.

    Raises
    ------
    GristmillError
        ``GM-CHAT-003`` to ``-006``.
    """
    tokens = recipe.tokens
    if tokens is None or tokenizer is None:
        return None
    if tokens.chat is None and tokens.label is None and tokens.max_tokens is None:
        return None
    chat_too_long = tokens.too_long
    templates = None
    if tokens.chat is not None:
        if tokenizer.kind != "tokenizer.json":
            raise GristmillError(
                "GM-CHAT-007",
                f"`chat` needs a `tokenizer.json`, and `{tokenizer.path.name}` is a file of the kind {tokenizer.kind}",
                hint="name the model folder in Hugging Face's layout, or convert the tokenizer",
            )
        chat_too_long = tokens.chat.too_long or tokens.too_long
        templates = resolve_templates(
            tokens.chat.template,
            base=recipe.base,
            tokenizer=tokenizer.path,
            special=tokenizer.special,
            variables=tokens.chat.variables,
            train_on=tokens.chat.train_on,
            divides=tokens.max_tokens is not None and chat_too_long == "split",
        )
    return SupervisedPlan(
        chat=templates,
        label_field=None if tokens.label is None else tokens.label.field,
        label_order=None if tokens.label is None else tokens.label.order,
        max_tokens=tokens.max_tokens,
        too_long=tokens.too_long,
        chat_too_long=chat_too_long,
        max_characters=CHARACTERS_A_BYTE * recipe.run.max_document_bytes,
    )
