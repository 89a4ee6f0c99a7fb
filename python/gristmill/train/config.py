"""What a training run is told: one frozen dataclass, checked where it enters.

Not here: how it is read from a recipe.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from gristmill.errors import GristmillError

Optimiser = Literal["adamw", "adamw_8bit", "muon"]
Schedule = Literal["cosine", "linear", "wsd", "constant"]
Sharding = Literal["auto", "ddp", "fsdp"]
Precision = Literal["auto", "bf16", "fp16", "fp32"]
Method = Literal["full", "lora", "qlora"]
Task = Literal["causal", "instruct", "classify"]

MICRO_BATCH_TOKENS_CUDA = 8192
"""Tokens of a forward pass on a GPU where the recipe says nothing: enough to fill one, small enough for most."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoraConfig:
    """Low-rank adapters, as `[train.lora]` describes them.

    Parameters
    ----------
    rank
        Rank of each adapter.
    alpha
        The update is scaled by alpha / rank, or by alpha / sqrt(rank) with `rslora`.
    dropout
        Share of an adapter's inputs that are zeroed while training, in [0, 1).
    targets
        ``all-linear``, or the last parts of the names of the layers that get an adapter.
    rslora
        Whether the scale keeps its size as the rank grows (Kalajdzievski 2023).
    dora
        Whether the size of each output is trained apart from its direction (Liu et al. 2024).
    also_train
        Names of modules that are trained in full beside the adapters, such as ``embed_tokens``, ``lm_head`` or
        ``norm``.

    Examples
    --------
    >>> LoraConfig(rank=8, targets=("q_proj", "v_proj")).alpha
    32.0
    """

    rank: int = 16
    alpha: float = 32.0
    dropout: float = 0.0
    targets: str | tuple[str, ...] = "all-linear"
    rslora: bool = False
    dora: bool = False
    also_train: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _require(self.rank >= 1, "lora.rank", self.rank, "at least 1")
        _require(self.alpha > 0, "lora.alpha", self.alpha, "above 0")
        _require(0 <= self.dropout < 1, "lora.dropout", self.dropout, "in [0, 1)")
        is_list = not isinstance(self.targets, str)
        _require(
            bool(self.targets) and (is_list or self.targets == "all-linear"),
            "lora.targets",
            self.targets,
            "`all-linear` or a list of layer names",
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig:
    """One training run.

    Exactly one of `epochs`, `steps` and `tokens` says how long it lasts.

    Parameters
    ----------
    model
        A local Hugging Face folder with safetensors weights, or a configuration to start from random weights.
    method
        ``full`` trains every weight, ``lora`` low-rank adapters on a frozen model, ``qlora`` the same on a model whose
        linear layers are kept in four bits.
    task
        ``causal``: predict the next token; ``instruct``: the same on the answers of conversations, refusing shards
        without masks; ``classify``: the class of every document.
    sequence_length
        Tokens of a packed row.
    batch_tokens
        Room of an optimiser step, in tokens: batch_tokens // sequence_length rows.
    micro_batch_tokens
        Room of one forward pass. None: one row on a CPU, up to 8,192 tokens on a GPU, as they fit. Changes nothing but
        rounding.
    epochs
        Passes over the weighted documents; a fraction ends inside a pass.
    steps
        Optimiser steps.
    tokens
        Tokens placed in rows.
    learning_rate
        The highest one, reached after the warm-up.
    warmup_fraction
        Share of the steps in which it rises, in [0, 1].
    schedule
        How it falls after that: ``cosine``, ``linear``, ``wsd`` (only in the last fifth) or ``constant``.
    min_learning_rate_fraction
        Share of it that the schedule ends at, in [0, 1].
    optimiser
        ``adamw``, ``adamw_8bit`` (states in 8 bits) or ``muon`` (matrices of the body made orthogonal).
    weight_decay
        Decoupled decay of matrices; vectors (norms, biases) are not decayed.
    betas
        AdamW's two averages.
    clip_norm
        Largest norm of a step's gradient; None: not clipped.
    precision
        ``auto``: bf16 on a GPU that has it, fp16 on another, fp32 on a CPU. With bf16 and fp16, matrix products run in
        it while trained weights, optimiser states, softmax and loss stay fp32, and a frozen model is stored in it.
    seed
        Decides order, initial weights and dropout.
    seeds
        How many trainings, with `seed` and the numbers after it; the best by validation loss is the outcome.
    eval_every_steps
        Steps between validation losses; None: only before the first and after the last step.
    patience
        Training stops after this many validation losses in a row without a new lowest, and exports the weights of the
        lowest; None: it goes to the end.
    samples
        Prompts that are answered at each evaluation, into `samples.jsonl`.
    checkpoint_every_steps
        Steps between checkpoints; None: ten in a run.
    keep_checkpoints
        How many of the latest stay.
    average
        The mean of the weights of this many last checkpoints is exported; None: the last ones are.
    threads
        CPU threads; None: torch's own choice. Losses are the same to the last bit for the same number.
    max_skipped_steps
        Training stops after this many non-finite steps in a row.
    weights
        How often a source's documents are seen in an epoch, by name; 1.0 where none is given.
    mixing
        A mixture of the sources as plain values, see `gristmill.loader.Mixing`; None: every document as often as its
        source's weight says.
    tokenizer
        A `tokenizer.json` or a folder to copy into the exported model; None: from the model's folder.
    allow_unproven_split
        Train although documents are held out and no proof says that they resemble no trained ones.
    activation_checkpointing
        Whether decoder layers keep their input only and are computed again for the backward pass: less memory, a third
        more time, the same numbers. ``auto``: where the step would not fit without.
    chosen
        Settings that were chosen because the recipe left them open and the split is small, with the reason.
    lora
        Adapters, when `method` is ``lora`` or ``qlora``.
    sharding
        With several processes: ``ddp``, a copy of the model on each; ``fsdp``, the model cut in parts; ``auto``: copies
        where they fit. Changes nothing but rounding.

    Examples
    --------
    >>> TrainConfig(model="models/tiny", method="full", epochs=1).rows_per_step
    32
    """

    model: str | Path | Mapping[str, object]
    method: Method = "lora"
    task: Task = "causal"
    sequence_length: int = 2048
    batch_tokens: int = 65_536
    micro_batch_tokens: int | None = None
    epochs: float | None = None
    steps: int | None = None
    tokens: int | None = None
    learning_rate: float = 2e-4
    warmup_fraction: float = 0.03
    schedule: Schedule = "cosine"
    min_learning_rate_fraction: float = 0.1
    optimiser: Optimiser = "adamw"
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.95)
    clip_norm: float | None = 1.0
    precision: Precision = "auto"
    seed: int = 0
    seeds: int = 1
    eval_every_steps: int | None = None
    patience: int | None = None
    samples: tuple[str, ...] = ()
    checkpoint_every_steps: int | None = None
    keep_checkpoints: int = 2
    average: int | None = None
    threads: int | None = None
    max_skipped_steps: int = 5
    weights: Mapping[str, float] = field(default_factory=dict)
    mixing: Mapping[str, object] | None = None
    tokenizer: Path | None = None
    allow_unproven_split: bool = False
    activation_checkpointing: Literal["auto"] | bool = "auto"
    chosen: Mapping[str, str] = field(default_factory=dict)
    lora: LoraConfig = field(default_factory=LoraConfig)
    sharding: Sharding = "auto"

    def __post_init__(self) -> None:
        lengths = [value for value in (self.epochs, self.steps, self.tokens) if value is not None]
        if len(lengths) != 1:
            raise GristmillError(
                "GM-TRAIN-001",
                f"{len(lengths)} of `epochs`, `steps` and `tokens` are given",
                hint="write one of them in `[train]`, for example `epochs = 1`",
            )
        _require(
            lengths[0] > 0 and math.isfinite(lengths[0]), "epochs, steps or tokens", lengths[0], "above 0"
        )
        _require(self.method in get_args(Method), "method", self.method, "`full`, `lora` or `qlora`")
        # DoRA's dropout needs a second product with the whole matrix, which then would be kept for the backward pass.
        _require(
            self.method != "qlora" or not self.lora.dora or self.lora.dropout == 0,
            "lora.dropout",
            self.lora.dropout,
            "0 with `qlora` and `dora` together",
        )
        tasks = ("causal", "instruct", "classify")
        _require(self.task in tasks, "task", self.task, "`causal`, `instruct` or `classify`")
        if self.task == "classify":
            _require(self.method != "qlora", "method", self.method, "`full` or `lora` to classify")
            _require(not self.samples, "samples", self.samples, "left out: a classifier answers no prompts")
        _require(
            self.precision in ("auto", "bf16", "fp16", "fp32"),
            "precision",
            self.precision,
            "`auto`, `bf16`, `fp16` or `fp32`",
        )
        _require(
            self.optimiser in ("adamw", "adamw_8bit", "muon"),
            "optimiser",
            self.optimiser,
            "`adamw`, `adamw_8bit` or `muon`",
        )
        _require(
            self.schedule in ("cosine", "linear", "wsd", "constant"),
            "schedule",
            self.schedule,
            "`cosine`, `linear`, `wsd` or `constant`",
        )
        _require(
            self.activation_checkpointing in ("auto", True, False),
            "activation_checkpointing",
            self.activation_checkpointing,
            "`auto`, true or false",
        )
        _require(
            self.sharding in ("auto", "ddp", "fsdp"), "sharding", self.sharding, "`auto`, `ddp` or `fsdp`"
        )
        _require(self.sequence_length >= 2, "sequence_length", self.sequence_length, "at least 2")
        for name in ("batch_tokens", "micro_batch_tokens"):
            value = getattr(self, name)
            _require(
                value is None or value >= self.sequence_length,
                name,
                value,
                f"at least `sequence_length`, {self.sequence_length}",
            )
        _require(
            self.learning_rate > 0 and math.isfinite(self.learning_rate),
            "learning_rate",
            self.learning_rate,
            "above 0",
        )
        for name in ("warmup_fraction", "min_learning_rate_fraction"):
            _require(0 <= getattr(self, name) <= 1, name, getattr(self, name), "in [0, 1]")
        _require(self.weight_decay >= 0, "weight_decay", self.weight_decay, "at least 0")
        _require(all(0 <= beta < 1 for beta in self.betas), "betas", self.betas, "in [0, 1)")
        _require(self.clip_norm is None or self.clip_norm > 0, "clip_norm", self.clip_norm, "above 0")
        counts = (
            "eval_every_steps",
            "checkpoint_every_steps",
            "keep_checkpoints",
            "threads",
            "max_skipped_steps",
            "seeds",
            "patience",
            "average",
        )
        for name in counts:
            value = getattr(self, name)
            _require(value is None or value >= 1, name, value, "at least 1")
        _require(
            self.patience is None or (self.eval_every_steps is not None and self.average is None),
            "patience",
            self.patience,
            "beside `eval_every_steps` and without `average`",
        )

    @property
    def has_adapters(self) -> bool:
        """Whether adapters are trained on a frozen model.

        Examples
        --------
        >>> TrainConfig(model="m", epochs=1).has_adapters, TrainConfig(model="m", epochs=1, method="full").has_adapters
        (True, False)
        """
        return self.method != "full"

    @property
    def rows_per_step(self) -> int:
        """Rows of one optimiser step."""
        return self.batch_tokens // self.sequence_length

    def rows_per_micro_batch(self, device: str) -> int:
        """Return the rows of one forward pass on a device of this type.

        Examples
        --------
        >>> TrainConfig(model="m", epochs=1, sequence_length=1024).rows_per_micro_batch("cuda")
        8
        """
        if self.micro_batch_tokens is not None:
            return self.micro_batch_tokens // self.sequence_length
        return max(1, MICRO_BATCH_TOKENS_CUDA // self.sequence_length) if device == "cuda" else 1


def _require(is_right: bool, name: str, value: object, expected: str) -> None:
    if not is_right:
        raise GristmillError("GM-TRAIN-002", f"`{name}` is `{value}`; it has to be {expected}")
