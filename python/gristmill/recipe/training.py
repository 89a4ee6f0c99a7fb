"""The section `[train]` with its tables `lora` and `mixing`. A field's description is its help text."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from gristmill.recipe.plugin_use import TRACKERS, CallbackUses, use_table
from gristmill.recipe.values import (
    Fraction,
    NotNegative,
    OpenFraction,
    Positive,
    Section,
    Text,
    as_tuple,
    told,
)

Temperature = Annotated[Positive, Field(ge=1)]
"""How even a mixture is: from 1 upwards."""

LENGTH_KEYS = ("epochs", "steps", "tokens")
"""Exactly one of these says how long training lasts."""


class FromScratch(Section):
    """`model = { config = { ... } }`: a model that starts from random weights."""

    config: dict[str, JsonValue] = Field(
        min_length=1, description="Configuration as in a Hugging Face `config.json`, `model_type` included."
    )


class Lora(Section):
    """`[train.lora]`: low-rank adapters, in the format of the `peft` library."""

    rank: int = Field(16, ge=1, le=4096, description="Rank of every adapter.")
    alpha: Positive = Field(32.0, description="Scale: an adapter is multiplied by alpha / rank.")
    dropout: OpenFraction = Field(0.0, description="Dropout before an adapter.")
    targets: Annotated[
        Literal["all-linear"] | tuple[Text, ...],
        BeforeValidator(as_tuple),
        told('must be "all-linear" or a list of names'),
    ] = Field(
        "all-linear",
        description='Layers that get an adapter: `"all-linear"` (all but the head), or names such as '
        '`["q_proj", "v_proj"]`.',
    )
    rslora: bool = Field(False, description="Scale by alpha / sqrt(rank) instead.")
    dora: bool = Field(
        False,
        description="Train the size of each output apart from its direction: closer to training all weights.",
    )
    also_train: Annotated[tuple[Text, ...], BeforeValidator(as_tuple), told("must be a list of names")] = (
        Field(
            (),
            description="Modules trained in full beside the adapters, by the last parts of their names: "
            '`["embed_tokens", "lm_head", "norm"]`.',
        )
    )


class MixingPhase(Section):
    """An entry of `schedule` in `mixing`: shares from a point of the training on."""

    at: OpenFraction = Field(gt=0, description="Where it begins, as a fraction of the training's tokens.")
    shares: dict[Text, NotNegative] | None = Field(
        None,
        description="Share of each source in the tokens; they need not add up, and a source not named has none.",
    )
    temperature: Temperature = Field(
        1.0, description="As `temperature` of the mixture, where no shares are given."
    )


class Mixing(Section):
    """`mixing = { ... }` in `[train]`: in which shares sources stand, by tokens."""

    shares: dict[Text, NotNegative] | None = Field(
        None,
        description="Share of each source in the tokens; they need not add up, and a source not named has none. "
        "By default the temperature decides.",
    )
    temperature: Temperature = Field(
        1.0,
        description="Shares follow (tokens of the source) ** (1 / temperature), times its `weight`: 1 is as it comes, "
        "larger is more even.",
    )
    max_epochs: (
        Annotated[Positive | dict[Text, Positive], told("must be a number or a table of numbers")] | None
    ) = Field(
        None,
        description="How often a source is read at most, for all or by name; then the others take its share.",
    )
    schedule: Annotated[tuple[MixingPhase, ...], BeforeValidator(as_tuple)] = Field(
        (), description="Later shares: `[{ at = 0.8, shares = { books = 0.7, web = 0.3 } }]`."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        starts = [phase.at for phase in self.schedule]
        if starts != sorted(set(starts)):
            raise PydanticCustomError("schedule", "`at` of the phases in `schedule` must rise")
        parts = [(self.shares, self.temperature)]
        parts += [(phase.shares, phase.temperature) for phase in self.schedule]
        for shares, temperature in parts:
            if shares is not None and not any(shares.values()):
                raise PydanticCustomError("shares", "`shares` must hold one above 0")
            if shares is not None and temperature != 1.0:
                raise PydanticCustomError("shares", "`temperature` has no effect beside `shares`")
        return self

    def named(self) -> set[str]:
        """Return the names of sources that stand in it."""
        tables = [self.shares, *(phase.shares for phase in self.schedule)]
        if isinstance(self.max_epochs, dict):
            tables.append(self.max_epochs)
        return {name for table in tables for name in table or {}}


class Train(Section):
    """`[train]`: a model trained on the shards."""

    model: Annotated[Text | FromScratch, told("must be a folder or { config = { ... } }")] = Field(
        description="A local Hugging Face folder, a `.gguf` file, the folder of an adapter to train on, or "
        "`{ config = { ... } }` for a model from scratch."
    )
    method: Literal["full", "lora", "qlora"] = Field(
        "lora",
        description="Train all weights, low-rank adapters on a frozen model, or such adapters on a model kept in four "
        "bits (NF4).",
    )
    task: Literal["causal", "instruct", "classify"] = Field(
        "causal",
        description='What is learnt: the next token of every document (`"causal"`), or of the answers in conversations '
        '(`"instruct"`, which refuses shards without masks), or the class of every document (`"classify"`).',
    )
    sequence_length: int = Field(2048, ge=2, description="Tokens in a packed sequence.")
    batch_tokens: int = Field(
        65_536, ge=2, description="Tokens in an optimiser step, all micro-batches together."
    )
    micro_batch_tokens: int | None = Field(
        None,
        ge=2,
        description="Tokens in a forward pass; by default what fits the memory. Changes no result but rounding.",
    )
    epochs: Positive | None = Field(None, description="Length in passes over the training split.")
    steps: int | None = Field(None, ge=1, description="Length in optimiser steps.")
    tokens: int | None = Field(None, ge=1, description="Length in tokens.")
    learning_rate: Positive = Field(2e-4, description="Peak learning rate.")
    warmup_fraction: Fraction = Field(
        0.03, description="Share of the steps over which the rate rises from 0."
    )
    schedule: Literal["cosine", "linear", "wsd", "constant"] = Field(
        "cosine",
        description="How the rate falls after the warm-up; `wsd` holds it and falls over the last fifth of the steps.",
    )
    min_learning_rate_fraction: Fraction = Field(
        0.1, description="Share of the peak that the schedule ends at; without effect on `constant`."
    )
    optimiser: Literal["adamw", "adamw_8bit", "muon"] = Field(
        "adamw",
        description="`adamw_8bit` keeps its states in 2 bytes a parameter instead of 8; `muon` makes the updates of "
        "the body's matrices orthogonal and leaves the rest to AdamW.",
    )
    weight_decay: NotNegative = Field(
        0.01, description="Decoupled decay of matrices; vectors are not decayed."
    )
    betas: Annotated[
        tuple[OpenFraction, OpenFraction],
        BeforeValidator(as_tuple),
        told("must be two numbers from 0 to below 1"),
    ] = Field((0.9, 0.95), description="AdamW's averaging of gradients and of their squares.")
    clip_norm: Positive = Field(1.0, description="Gradients are scaled down to this norm.")
    precision: Literal["auto", "bf16", "fp16", "fp32"] = Field(
        "auto",
        description="Arithmetic; `auto` is bf16 on a GPU that has it, fp16 on another, and fp32 on a CPU.",
    )
    seed: int = Field(0, ge=0, lt=1 << 63, description="Decides order, dropout and new weights.")
    seeds: int = Field(
        1,
        ge=1,
        description="Train so many times, with `seed` and the numbers after it, report the spread, and export the best "
        "by validation loss.",
    )
    eval_every_steps: int | None = Field(
        None, ge=1, description="Steps between validation losses; by default before and after training only."
    )
    patience: int | None = Field(
        None,
        ge=1,
        description="Stop after so many validation losses in a row without a new lowest, and export the weights of the "
        "lowest; by default training goes to the end.",
    )
    samples: Annotated[tuple[Text, ...], BeforeValidator(as_tuple), told("must be a list of prompts")] = (
        Field(
            (),
            description="Prompts that the model answers at each evaluation, greedily, into `samples.jsonl`.",
        )
    )
    checkpoint_every_steps: int | None = Field(
        None, ge=1, description="Steps between checkpoints; by default ten in a run."
    )
    keep_checkpoints: int = Field(2, ge=1, description="How many of the latest checkpoints stay.")
    average: int | None = Field(
        None,
        ge=2,
        description="Export the mean of the weights of so many last checkpoints; by default the last weights.",
    )
    threads: int | None = Field(None, ge=1, description="CPU threads; by default one a core.")
    allow_unproven_split: bool = Field(
        False,
        description="Train although the run holds documents out and has no proof that none of them is trained on.",
    )
    sharding: Literal["auto", "ddp", "fsdp"] = Field(
        "auto",
        description="On several GPUs: `ddp` puts a copy of the model on each, `fsdp` cuts it in parts; `auto` is "
        "copies where they fit. Changes no result but rounding.",
    )
    activation_checkpointing: Annotated[Literal["auto"] | bool, told('must be "auto", true or false')] = (
        Field(
            "auto",
            description="Keep one tensor a layer for the backward pass and compute the rest again: less memory, a "
            "third more time, the same numbers. `auto`: only where a step would not fit without.",
        )
    )
    callbacks: CallbackUses = Field(
        (),
        description='`"tensorboard"`, `"wandb"`, `"trackio"`, or callbacks of plugins such as `"support.log"`: told of '
        "steps, evaluations and checkpoints, unable to change them.",
    )
    mixing: Mixing | None = Field(
        None,
        description="Shares of the sources in the tokens; by default every document as often as its source's `weight` "
        "says.",
    )
    lora: Lora = Field(default_factory=Lora, description='Adapters, for `method = "lora"` and `"qlora"`.')

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        given = [key for key in LENGTH_KEYS if getattr(self, key) is not None]
        if len(given) != 1:
            problem = f"got {' and '.join(f'`{key}`' for key in given)}" if given else "got none"
            raise PydanticCustomError(
                "length",
                "needs exactly one of `epochs`, `steps` and `tokens`; {problem}",
                {"problem": problem},
            )
        if self.batch_tokens < self.sequence_length:
            raise PydanticCustomError("batch", "`batch_tokens` is smaller than `sequence_length`")
        if self.micro_batch_tokens is not None and self.micro_batch_tokens < self.sequence_length:
            raise PydanticCustomError("batch", "`micro_batch_tokens` is smaller than `sequence_length`")
        if self.patience is not None and self.eval_every_steps is None:
            raise PydanticCustomError("patience", "`patience` needs `eval_every_steps`")
        if self.patience is not None and self.average is not None:
            raise PydanticCustomError(
                "patience", "`patience` exports the best weights, `average` a mean: use one"
            )
        if self.method == "full" and "lora" in self.model_fields_set:
            raise PydanticCustomError("lora", '`[train.lora]` has no effect with `method = "full"`')
        if self.method != "full" and isinstance(self.model, FromScratch):
            raise PydanticCustomError("lora", 'a model from scratch is trained whole: use `method = "full"`')
        return self

    @property
    def plugin_callbacks(self) -> tuple[str | dict[str, JsonValue], ...]:
        """The callbacks that plugins bring, without gristmill's own trackers."""
        return tuple(written for written in self.callbacks if use_table(written).get("use") not in TRACKERS)
