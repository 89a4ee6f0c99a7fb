"""The proof, before training starts, that a network keeps packed documents apart.

Three short documents are run packed, and one by one through the network's own head and its own eager attention; their
losses have to agree. Then the outer two are replaced, which must not change the one between. The first catches logits
treated in a way we do not know; the second finds leaks far below the rounding between two ways of computing. Sliding
windows and chunks are made shorter than the documents meanwhile, or a layer that ignores them would not be noticed.
What fails is refused rather than trained wrongly.

Shapes: T tokens, V vocabulary.
"""

# ruff: noqa: N806 - the suffixes of tensors are their shapes

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from gristmill.errors import GristmillError
from gristmill.loader import Piece
from gristmill.train.batches import MicroBatch

if TYPE_CHECKING:
    from transformers import PretrainedConfig

    from gristmill.train.models import CausalModel

PROBE_LENGTHS = (7, 12, 5)
PROBE_WINDOW = 4
"""Sliding windows and chunks while probing: shorter than two of the documents."""
PROBE_TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 5e-2, torch.float16: 1e-2}
"""Largest relative difference of losses: rounding of the order of summation, far below the 0.4 of mixed documents."""
LEAK_TOLERANCE = {torch.float32: 1e-6, torch.bfloat16: 1e-3, torch.float16: 1e-3}
"""The same sums in the same order: 0 but for experts, whose products change shape with the tokens that choose them."""

KNOWN_LAYERS = {"full_attention", "sliding_attention"}
"""What `layer_types` of a configuration may hold: everything else carries state or cuts documents at fixed places."""


def probe_batch(num_ids: int, device: torch.device) -> MicroBatch:
    """Return three short documents of fixed made-up ids, packed.

    Examples
    --------
    >>> probe_batch(64, torch.device("cpu")).bounds.tolist()
    [0, 7, 19, 24]
    """
    lengths = torch.tensor(PROBE_LENGTHS)
    places = torch.arange(int(lengths.sum()))
    tokens_T = (places * 7919 + 13) % num_ids
    bounds = torch.cat([torch.zeros(1, dtype=torch.int64), lengths.cumsum(0)])
    positions_T = torch.cat([torch.arange(int(length)) for length in lengths])
    targets_T = torch.cat([tokens_T[1:], tokens_T[:1]])
    targets_T[bounds[1:] - 1] = -100
    return MicroBatch(
        tokens_T=tokens_T.to(device),
        positions_T=positions_T.to(device),
        targets_T=targets_T.to(device),
        bounds=bounds.to(device, torch.int32),
        max_length=int(lengths.max()),
        pieces=tuple(Piece(number, 0, int(length)) for number, length in enumerate(lengths)),
    )


def prove(causal: CausalModel, device: torch.device) -> float:
    """Return the largest relative difference between packed losses and the plain model's on separate documents.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-011`` when it is above `PROBE_TOLERANCE`, or the model cannot be run in this way.
    """
    refuse_layers(causal.backbone)
    batch = probe_batch(int(causal.head.weight.shape[0]), device)
    network = causal.model
    was_training = network.training
    network.eval()
    try:
        with torch.no_grad(), short_windows(causal.backbone):
            _, packed_T = causal.losses(batch)
            plain_T = torch.cat(_plain_losses(causal, batch))
            _, beside_T = causal.losses(with_other_neighbours(batch))
    except (TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise GristmillError(
            "GM-TRAIN-011", f"`{type(network).__name__}` cannot be run on packed documents: {error}"
        ) from error
    finally:
        network.train(was_training)
    difference = float((packed_T - plain_T).abs().max() / plain_T.abs().max())
    tolerance = PROBE_TOLERANCE[causal.compute_dtype]
    if not difference <= tolerance:
        raise GristmillError(
            "GM-TRAIN-011",
            f"`{type(network).__name__}` gives other losses for packed documents than for separate ones: "
            f"relative difference {difference:.2g}, allowed {tolerance:.0e}",
        )
    middle = slice(*batch.bounds[1:3].tolist())
    leak = float((packed_T[middle] - beside_T[middle]).abs().max() / packed_T[middle].abs().max())
    tolerance = LEAK_TOLERANCE[causal.compute_dtype]
    if not leak <= tolerance:
        raise GristmillError(
            "GM-TRAIN-011",
            f"`{type(network).__name__}` gives a document another loss when its neighbours change: "
            f"relative difference {leak:.2g}, allowed {tolerance:.0e}",
        )
    return difference


def with_other_neighbours(batch: MicroBatch) -> MicroBatch:
    """Return the batch with the tokens outside its second document moved round by one place.

    Examples
    --------
    >>> before = probe_batch(64, torch.device("cpu"))
    >>> (with_other_neighbours(before).tokens_T == before.tokens_T)[[0, 6, 7, 18, 19]].tolist()
    [False, False, True, True, False]
    """
    start, stop = batch.bounds[1:3].tolist()
    tokens_T = batch.tokens_T.roll(1)
    tokens_T[start:stop] = batch.tokens_T[start:stop]
    return replace(batch, tokens_T=tokens_T)


def refuse_layers(backbone: nn.Module) -> None:
    """Refuse layers known to look beyond a document; fresh ones do it so faintly that in bf16 no loss would show it."""
    kinds = getattr(backbone.config, "layer_types", None)
    others = sorted(set(map(str, kinds)) - KNOWN_LAYERS) if isinstance(kinds, list) else []
    others += [
        name
        for name, module in backbone.named_modules()
        if isinstance(module, nn.Conv1d) and module.kernel_size[0] > 1
    ]
    if others:
        raise GristmillError(
            "GM-TRAIN-011",
            f"`{type(backbone).__name__}` has layers that are not kept within documents: `{others[0]}`",
        )


@contextmanager
def plain_attention(backbone: nn.Module) -> Iterator[None]:
    """Give a network its own eager attention inside the block: for single documents, padding, caches, generation."""
    # Layers read this attribute at each call, which makes it the one switch that leaves the model as it is.
    config = cast("PretrainedConfig", backbone.config)
    before = config._attn_implementation  # noqa: SLF001
    config._attn_implementation = "eager"  # noqa: SLF001
    try:
        yield
    finally:
        config._attn_implementation = before  # noqa: SLF001


@contextmanager
def short_windows(backbone: nn.Module) -> Iterator[None]:
    """Shorten every sliding window and chunk of attention to `PROBE_WINDOW` inside the block."""
    with ExitStack() as stack:
        for owner in (backbone.config, *backbone.modules()):
            for name in ("sliding_window", "attention_chunk_size"):
                value = getattr(owner, name, None)
                if isinstance(value, int) and value > PROBE_WINDOW:
                    setattr(owner, name, PROBE_WINDOW)
                    stack.callback(setattr, owner, name, value)
        yield


def _plain_losses(causal: CausalModel, batch: MicroBatch) -> list[Tensor]:
    """Return the losses of each document by itself, through the model's own head and its own eager attention."""
    losses = []
    with plain_attention(causal.backbone), causal.arithmetic(batch.tokens_T.device):
        for piece, start in zip(batch.pieces, batch.bounds.tolist(), strict=False):
            ids = batch.tokens_T[start : start + piece.length]
            logits_TV = causal.model(input_ids=ids[None], use_cache=False).logits[0].float()
            loss = functional.cross_entropy(logits_TV[:-1], ids[1:], reduction="none")
            losses.append(torch.cat([loss, loss.new_zeros(1)]))
    return losses
