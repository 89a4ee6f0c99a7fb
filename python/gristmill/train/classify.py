"""`task = "classify"`: the class of a document from the hidden state of its last token.

A class is a target: the last token of every document has the document's class as its target, all other places have
none, and the head is the `score` layer of `transformers`' sequence-classification models. So the loss of a step, its
records, its checkpoints and its export are those of any other training, and "trained tokens" are labelled documents:
the gradient is that of (sum of their cross-entropies) / (their number), over all micro-batches of the step.

Not here: what the classes of documents are (`Shards.labels`), how well they are found (`class_evaluation`).

Shapes: T places of a micro-batch, D documents in it, C classes.
"""

# ruff: noqa: N806 - the suffixes of tensors are their shapes

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from gristmill.errors import GristmillError
from gristmill.loader import IGNORED, Row
from gristmill.shards import Shards
from gristmill.train.batches import MicroBatch
from gristmill.train.config import LoraConfig
from gristmill.train.loading import load_network
from gristmill.train.lora import wrap
from gristmill.train.model_source import ModelSource
from gristmill.train.models import CausalModel, trained_copy
from gristmill.train.packed_attention import guard
from gristmill.train.probe import PROBE_TOLERANCE, plain_attention, probe_batch, refuse_layers, short_windows

AUTO_CLASS = "AutoModelForSequenceClassification"
HEAD = "score"
Labels = npt.NDArray[np.int64]


def with_classes(rows: Sequence[Row], labels: Labels) -> list[Row]:
    """Return the rows with classes as targets: that of a document at its last token, nothing elsewhere.

    Parameters
    ----------
    labels
        Class of each document of the split, negative where it has none.

    Examples
    --------
    >>> from gristmill.loader import Piece
    >>> row = Row(
    ...     tokens=np.array([5, 6, 7]),
    ...     positions=np.array([0, 1, 0]),
    ...     targets=np.array([6, -100, -100]),
    ...     pieces=(Piece(1, 0, 2), Piece(0, 0, 1)),
    ... )
    >>> with_classes([row], np.array([3, 4]))[0].targets.tolist()
    [-100, 4, 3]
    """
    found = []
    for row in rows:
        targets = np.full(len(row.tokens), IGNORED, np.int64)
        last = np.cumsum([piece.length for piece in row.pieces]) - 1
        classes = labels[[piece.document for piece in row.pieces]]
        targets[last] = np.where(classes >= 0, classes, IGNORED)
        found.append(replace(row, targets=targets))
    return found


def class_logits(causal: CausalModel, batch: MicroBatch) -> Tensor:
    """Return the logits of each document of a micro-batch, float32 [D, C]."""
    last_D = batch.bounds[1:].long() - 1
    with causal.arithmetic(batch.tokens_T.device):
        return cast(Tensor, causal.head(causal.hidden(batch)[last_D])).float()


def network_options(class_names: Sequence[str]) -> dict[str, Any]:
    """Return how `load_network` makes a network with a head for these classes; a missing head is made anew."""
    return {
        "auto_class": AUTO_CLASS,
        "changes": {
            "num_labels": len(class_names),
            "id2label": dict(enumerate(class_names)),
            "label2id": {name: number for number, name in enumerate(class_names)},
        },
        "may_be_new": (f"{HEAD}.",),
    }


def load_classifier(
    source: ModelSource | Mapping[str, object],
    shards: Shards,
    class_names: Sequence[str],
    *,
    device: torch.device,
    compute_dtype: torch.dtype,
    lora: LoraConfig | None,
    seed: int,
) -> CausalModel:
    """Return a network with a head for the classes of the shards, ready to train, after its probe.

    Parameters
    ----------
    source
        A causal model gets a fresh head, which `seed` decides; a classifier of as many classes keeps its own.
    lora
        Adapters on the frozen network, and the head trained in full; None: everything is trained.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-011`` for an architecture without a plain head on last tokens, ``GM-TRAIN-072`` when documents end
        with the id that plain `transformers` takes for padding, and what `load_network` raises.
    """
    torch.manual_seed(seed)
    dtype = torch.float32 if lora is None else compute_dtype
    network = load_network(source, dtype=dtype, **network_options(class_names))
    _set_padding(network, shards.metadata.end_of_text)
    causal = split_classifier(network.to(device), compute_dtype)
    prove_classifier(causal, device)
    if lora is None:
        return causal
    return split_classifier(wrap(network, lora, seed=seed, task_type="SEQ_CLS"), compute_dtype)


def split_classifier(network: nn.Module, compute_dtype: torch.dtype) -> CausalModel:
    """Return the network with its backbone and its head found, as the loop takes it.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-011`` when there is no plain linear head.
    """
    base = cast(Any, network).get_base_model() if hasattr(network, "get_base_model") else network
    head = trained_copy(getattr(base, HEAD, None))
    backbone = getattr(base, str(getattr(base, "base_model_prefix", "")), None)
    if type(head) is not nn.Linear or not isinstance(backbone, nn.Module):
        raise GristmillError(
            "GM-TRAIN-011",
            f"`{type(base).__name__}` has no plain head `{HEAD}` on the last token of a document",
            hint="use an architecture that reads from left to right: Llama, Qwen, Mistral, Gemma and the like",
        )
    guard(backbone)
    return CausalModel(
        model=network, backbone=backbone, head=head, scale=1.0, softcap=None, compute_dtype=compute_dtype
    )


def prove_classifier(causal: CausalModel, device: torch.device) -> float:
    """Return the largest relative difference between packed logits and the plain model's on separate documents.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-011`` when it is above the tolerance, or the model cannot be run in this way.
    """
    refuse_layers(causal.backbone)
    network = cast(Any, causal.model)
    batch = probe_batch(int(network.get_input_embeddings().weight.shape[0]), device)
    was_training = network.training
    network.eval()
    try:
        with torch.no_grad(), short_windows(causal.backbone):
            packed_DC = class_logits(causal, batch)
            plain = []
            with plain_attention(causal.backbone), causal.arithmetic(device):
                for piece, start in zip(batch.pieces, batch.bounds.tolist(), strict=False):
                    ids = batch.tokens_T[start : start + piece.length]
                    hidden = causal.backbone(input_ids=ids[None], use_cache=False).last_hidden_state
                    plain.append(causal.head(hidden[0, -1:].to(causal.compute_dtype)).float())
            plain_DC = torch.cat(plain)
    except (TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise GristmillError(
            "GM-TRAIN-011", f"`{type(network).__name__}` cannot be run on packed documents: {error}"
        ) from error
    finally:
        network.train(was_training)
    difference = float((packed_DC - plain_DC).abs().max() / plain_DC.abs().max())
    tolerance = PROBE_TOLERANCE[causal.compute_dtype]
    if not difference <= tolerance:
        raise GristmillError(
            "GM-TRAIN-011",
            f"`{type(network).__name__}` gives other logits for packed documents than for separate ones: "
            f"relative difference {difference:.2g}, allowed {tolerance:.0e}",
        )
    return difference


def _set_padding(network: nn.Module, end_of_text: Sequence[int]) -> None:
    """Make sure that plain `transformers` finds the same last token: it looks for the last that is no padding."""
    config = cast(Any, network).config
    if config.pad_token_id is None and isinstance(config.eos_token_id, int):
        config.pad_token_id = config.eos_token_id
    if config.pad_token_id is not None and config.pad_token_id in end_of_text:
        raise GristmillError(
            "GM-TRAIN-072",
            f"documents end with the id {config.pad_token_id}, which the model takes for padding",
            hint="set `end_of_text = false` in `[tokens]` and curate again",
        )
