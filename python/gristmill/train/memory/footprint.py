"""One step of a training on tensors without data: what it allocates, and what it computes.

The network is built from its configuration; no weights are read. Everything else is the code that will really run:
adapters, packed attention, the loss in chunks, the optimiser. Rows hold one document each and every token is trained,
which is the most that a step can need.

Time: some 0.1 s and 1 ms a layer and micro-batch, whatever the size of the model.
"""

# ruff: noqa: N806 - the suffixes of tensors are their shapes

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from gristmill.errors import GristmillError
from gristmill.loader import IGNORED, Piece
from gristmill.train import packed_attention
from gristmill.train.activations import checkpoint_activations, keep_activations
from gristmill.train.also_train import find_modules
from gristmill.train.batches import MicroBatch
from gristmill.train.classify import AUTO_CLASS as CLASSIFIER_CLASS
from gristmill.train.classify import split_classifier
from gristmill.train.config import TrainConfig
from gristmill.train.loading import AUTO_CLASS as CAUSAL_CLASS
from gristmill.train.loading import network_from_config
from gristmill.train.lora import wrap
from gristmill.train.memory.arithmetic import moved_bytes, num_flops
from gristmill.train.memory.ledger import Kind, Ledger
from gristmill.train.model_source import find_source
from gristmill.train.models import CausalModel, split_head
from gristmill.train.muon import body_matrices
from gristmill.train.nf4 import quantise_layers
from gristmill.train.optimiser import make_optimiser

if TYPE_CHECKING:
    from transformers import PretrainedConfig

Work = Mapping[tuple[int, int], int]
"""Operations by what they cost, (floating-point operations, bytes moved), and how often each occurs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Footprint:
    """What a step needs.

    Parameters
    ----------
    peak_bytes
        Most bytes alive at once in a step, from the second on, when the optimiser's states exist.
    peak
        What they are for, by kind.
    moment
        When that is: in the `forward` pass (with its loss), the `backward` pass or the `update`.
    kept_bytes
        What the backward pass of a micro-batch finds kept: its activations.
    num_parameters, num_trained
        Of the network with its adapters, and how many of them are trained.
    micro_batch_tokens
        Tokens of a forward pass.
    is_checkpointed
        Whether layers keep their input only.
    flops
        Floating-point operations of matrix products for a micro-batch, forward and backward.
    micro_batch_work, update_work
        All operations of a micro-batch, and of the update.
    """

    peak_bytes: int
    peak: Mapping[Kind, int]
    moment: str
    kept_bytes: int
    num_parameters: int
    num_trained: int
    micro_batch_tokens: int
    is_checkpointed: bool
    flops: int
    micro_batch_work: Work
    update_work: Work

    @property
    def flops_per_token(self) -> float:
        """Floating-point operations a token, as done: with checkpointing, the second forward pass included."""
        return self.flops / self.micro_batch_tokens


class BlankModel:
    """A network without data, ready for steps that compute nothing.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-061`` when the architecture cannot be run without data, ``GM-TRAIN-003``, ``-004`` and ``-005`` as
        in training.
    """

    def __init__(self, config: TrainConfig, *, device: torch.device, compute_dtype: torch.dtype) -> None:
        self._config = config
        self._device = device
        self._mode = FakeTensorMode(allow_non_fake_inputs=True)
        is_frozen = config.has_adapters
        packed_attention.register()
        # Random numbers are drawn for weights that do not exist; the caller's generators stay as they are.
        with torch.random.fork_rng(devices=[]), _without_data(config):
            with torch.device("meta"):
                is_classifier = config.task == "classify"
                found = model_config(config.model)
                split = split_classifier if is_classifier else split_head
                network = network_from_config(found, CLASSIFIER_CLASS if is_classifier else CAUSAL_CLASS)
                dtype = compute_dtype if is_frozen else torch.float32
                network = network.to(dtype=dtype)
                if config.method == "qlora":
                    kept = [
                        network.get_submodule(name) for name in find_modules(network, config.lora.also_train)
                    ]
                    quantise_layers(network, dtype=dtype, device=torch.device("meta"), keep=kept)
                causal = split(network, compute_dtype)
                if config.has_adapters:
                    kind = "SEQ_CLS" if is_classifier else "CAUSAL_LM"
                    causal = split(
                        wrap(network, config.lora, seed=config.seed, task_type=kind), compute_dtype
                    )
            with self._mode:
                whole = causal.model.to_empty(device=device)
                network.tie_weights()  # type: ignore[operator]
            self.causal: CausalModel = split(whole, compute_dtype)
            self.causal.model.train()

    def step(self, *, rows_each: int, is_checkpointed: bool) -> Footprint:
        """Return what a step needs with this many rows in a micro-batch."""
        config, causal = self._config, self.causal
        (checkpoint_activations if is_checkpointed else keep_activations)(causal)
        batch = full_batch(rows_each, config.sequence_length, is_labelled=config.task == "classify")
        num_micro_batches = min(2, -(-config.rows_per_step // rows_each))
        work: Counter[tuple[int, int]] = Counter()
        ledger = Ledger(lambda func, args, output: _count(work, func, args, output))
        with _without_data(config), self._mode, _kinds(ledger, causal):
            parameters = causal.trainable()
            with ledger:
                _mark_network(ledger, causal, has_adapters=config.has_adapters)
                ledger.mark((batch.tokens_T, batch.positions_T, batch.targets_T, batch.bounds), "batch")
                optimiser = make_optimiser(
                    parameters,
                    betas=config.betas,
                    weight_decay=config.weight_decay,
                    name=config.optimiser,
                    body=body_matrices(causal.model, causal.head),
                )
                with ledger.of_kind("gradients"):
                    for value in parameters.values():
                        value.grad = torch.empty_like(value)
                _update(ledger, optimiser, parameters)
                ledger.restart()
                moments, kept_bytes, micro_batch_work, flops = {}, 0, Counter[tuple[int, int]](), 0
                for _ in range(num_micro_batches):
                    work.clear()
                    ledger.kind = "activations"
                    total, losses_T = causal.losses(batch)
                    moments["forward"] = ledger.peak_bytes
                    kept_bytes = ledger.live["activations"]
                    ledger.kind = "backward"
                    (total / config.batch_tokens).backward()  # type: ignore[no-untyped-call]
                    moments["backward"] = max(ledger.peak_bytes, moments.get("backward", 0))
                    micro_batch_work = Counter(work)
                    del total
                flops = sum(cost[0] * times for cost, times in micro_batch_work.items())
                work.clear()
                _update(ledger, optimiser, parameters, clips=config.clip_norm is not None)
                moments["update"] = ledger.peak_bytes
                del losses_T
        return Footprint(
            peak_bytes=ledger.peak_bytes,
            peak={kind: size for kind, size in ledger.peak.items() if size},
            moment=next(name for name, peak in moments.items() if peak == ledger.peak_bytes),
            kept_bytes=kept_bytes,
            num_parameters=sum(value.numel() for value in causal.model.parameters()),
            num_trained=sum(value.numel() for value in parameters.values()),
            micro_batch_tokens=rows_each * config.sequence_length,
            is_checkpointed=is_checkpointed,
            flops=flops,
            micro_batch_work=micro_batch_work,
            update_work=Counter(work),
        )


def model_config(model: str | Path | Mapping[str, object]) -> PretrainedConfig:
    """Return the configuration of a model: plain values, `config.json` of its folder, or the head of its GGUF file.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-003`` when there is none that can be read, ``GM-TRAIN-004`` for values that make no configuration,
        and what `find_source` raises.
    """
    from transformers import AutoConfig

    if isinstance(model, Mapping):
        values = dict(model)
        try:
            return AutoConfig.for_model(str(values.pop("model_type")), **values)
        except (KeyError, ValueError, TypeError) as error:
            raise GristmillError(
                "GM-TRAIN-004", f"no model can be made of `{dict(model)}`: {error}"
            ) from error
    source = find_source(model)
    options = {"gguf_file": source.weights.name} if source.is_gguf else {}
    try:
        return cast(
            "PretrainedConfig",
            AutoConfig.from_pretrained(
                str(source.folder), local_files_only=True, trust_remote_code=False, **options
            ),
        )
    except (OSError, ValueError, KeyError) as error:
        raise GristmillError(
            "GM-TRAIN-003", f"the configuration in `{model}` cannot be read: {error}"
        ) from error


def full_batch(rows_each: int, sequence_length: int, *, is_labelled: bool = False) -> MicroBatch:
    """Return a micro-batch of rows with one document each, in which every token is trained, or each last one.

    Examples
    --------
    >>> full_batch(2, 3).bounds.tolist()
    [0, 3, 6]
    """
    num_tokens = rows_each * sequence_length
    targets_T = torch.zeros(num_tokens, dtype=torch.int64)
    if is_labelled:
        targets_T = torch.full((num_tokens,), IGNORED, dtype=torch.int64)
        targets_T[sequence_length - 1 :: sequence_length] = 0
    return MicroBatch(
        tokens_T=torch.zeros(num_tokens, dtype=torch.int64),
        positions_T=torch.arange(sequence_length).repeat(rows_each),
        targets_T=targets_T,
        bounds=torch.arange(rows_each + 1, dtype=torch.int32) * sequence_length,
        max_length=sequence_length,
        pieces=tuple(Piece(row, 0, sequence_length) for row in range(rows_each)),
    )


def _update(
    ledger: Ledger,
    optimiser: torch.optim.Optimizer,
    parameters: Mapping[str, nn.Parameter],
    *,
    clips: bool = False,
) -> None:
    ledger.kind = "optimiser"
    if clips:
        torch.nn.utils.clip_grad_norm_(parameters.values(), 1.0)
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)


def _mark_network(ledger: Ledger, causal: CausalModel, *, has_adapters: bool) -> None:
    for value in causal.model.parameters():
        ledger.mark([value], "adapters" if has_adapters and value.requires_grad else "weights")
    ledger.mark(causal.model.buffers(), "weights")


@contextmanager
def _kinds(ledger: Ledger, causal: CausalModel) -> Iterator[None]:
    """Tell the ledger what new tensors are for: after the backbone the loss, and gradients once they are whole."""

    def enter_loss(*_: object) -> None:
        ledger.kind = "loss"

    def is_gradient(parameter: Tensor) -> None:
        if parameter.grad is not None:
            ledger.mark([parameter.grad], "gradients")

    handles = [causal.backbone.register_forward_hook(enter_loss)]
    handles += [
        value.register_post_accumulate_grad_hook(is_gradient)  # type: ignore[no-untyped-call]
        for value in causal.trainable().values()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _count(
    work: Counter[tuple[int, int]], func: torch._ops.OpOverload, args: Sequence[object], output: object
) -> None:
    if not str(func).startswith("prim."):
        work[num_flops(func, args), moved_bytes(args, output)] += 1


@contextmanager
def _without_data(config: TrainConfig) -> Iterator[None]:
    try:
        yield
    except GristmillError:
        raise
    except (RuntimeError, TypeError, ValueError, NotImplementedError, AttributeError, KeyError) as error:
        name = config.model.get("model_type") if isinstance(config.model, Mapping) else config.model
        raise GristmillError(
            "GM-TRAIN-061",
            f"what `{name}` needs cannot be foreseen: {type(error).__name__}: {error}",
            hint="training can still be tried: `gristmill train RECIPE`",
        ) from error
