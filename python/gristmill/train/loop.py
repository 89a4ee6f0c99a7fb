"""One optimiser step: rows in, updated weights and the loss of every document piece out.

The gradient is that of (sum of the losses of all trained tokens of the step) / (their number), however the rows are
cut into micro-batches and shared among ranks: the number is known before the first backward pass. A step whose loss or
gradient is not finite changes nothing, on any rank; with float16, one whose gradient alone overflowed is tried with a
smaller scale from the next step on, and counted apart.

Shapes: T places of a micro-batch.
"""

# ruff: noqa: N803, N806 - the suffixes of tensors are their shapes

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from gristmill.errors import GristmillError
from gristmill.loader import IGNORED, Row
from gristmill.shards import Shards
from gristmill.train.batches import collate
from gristmill.train.digests import row_digest
from gristmill.train.distributed.parallel import Parallel, as_parallel, clip_gradients
from gristmill.train.distributed.share import Share
from gristmill.train.loss_scale import LossScale
from gristmill.train.models import CausalModel
from gristmill.train.records import PieceRecord


@dataclass(frozen=True, kw_only=True, slots=True)
class StepSetup:
    """What stays the same from step to step.

    Parameters
    ----------
    causal
        The model, by itself or as several ranks train it.
    parameters
        Its trained parameters by name.
    optimiser
        Over these parameters; its learning rate is set by the caller.
    shards
        Where rows come from, to name their documents.
    rows_each
        Rows of a micro-batch.
    clip_norm
        Largest norm of the gradient; None: not clipped.
    device
        Where the model is.
    loss_scale
        With float16; changed by each step.
    """

    causal: CausalModel | Parallel
    parameters: Mapping[str, nn.Parameter]
    optimiser: torch.optim.Optimizer
    shards: Shards
    rows_each: int
    clip_norm: float | None
    device: torch.device
    loss_scale: LossScale | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class StepResult:
    """What a step did.

    Parameters
    ----------
    loss
        Mean over its trained tokens, in nats, before the update; None when it was not finite.
    gradient_norm
        Before clipping; None when it was not finite.
    num_tokens
        Tokens in its rows.
    num_trained
        Tokens the loss is the mean of.
    pieces
        What it saw, on all ranks; rank 0 alone knows.
    is_overflow
        Whether the scaled gradient overflowed float16 while the loss was finite: the scale was too large.
    """

    loss: float | None
    gradient_norm: float | None
    num_tokens: int
    num_trained: int
    pieces: tuple[PieceRecord, ...]
    is_overflow: bool = False

    @property
    def is_skipped(self) -> bool:
        """Whether weights and optimiser stayed as they were for what the documents or the model gave."""
        return (self.loss is None or self.gradient_norm is None) and not self.is_overflow


def train_step(setup: StepSetup, rows: Sequence[Row], *, step: int) -> StepResult:
    """Do one step on these rows; `step` is its number, from 1, for the records.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-007`` when no token of the rows is trained.
    """
    num_trained = sum(row.num_trained for row in rows)
    if num_trained == 0:
        documents = sorted({setup.shards.doc(piece.document).doc for row in rows for piece in row.pieces})
        raise GristmillError(
            "GM-TRAIN-007",
            f"step {step} has no trained token",
            context=(f"documents: {', '.join(str(doc) for doc in documents[:20])}",),
        )
    scale = 1.0 if setup.loss_scale is None else setup.loss_scale.factor
    parallel = as_parallel(setup.causal)
    share = Share(rows=rows, rows_each=setup.rows_each, world=parallel.world)
    losses = []
    for part in share.parts():
        with parallel.accumulating(is_last=part.is_last):
            total, losses_T = parallel.losses(collate(part.rows, setup.device))
            (total * part.weight / (num_trained / scale)).backward()  # type: ignore[no-untyped-call]
        losses.append(losses_T)
    limit = math.inf if setup.clip_norm is None else setup.clip_norm
    step_losses_T = share.assemble(losses)
    if setup.loss_scale is not None:
        for value in setup.parameters.values():
            if value.grad is not None:
                value.grad /= scale
    norm = clip_gradients(setup.parameters.values(), limit)
    loss = float(step_losses_T.sum()) / num_trained
    is_overflow = False
    if setup.loss_scale is not None and math.isfinite(loss):
        is_overflow = setup.loss_scale.can_fall() and not math.isfinite(norm)
        setup.loss_scale.update(is_overflow=is_overflow)
    is_finite = math.isfinite(loss) and math.isfinite(norm)
    if not parallel.world.any(not is_finite):
        setup.optimiser.step()
    setup.optimiser.zero_grad(set_to_none=True)
    return StepResult(
        loss=loss if math.isfinite(loss) else None,
        gradient_norm=norm if math.isfinite(norm) else None,
        num_tokens=sum(len(row.tokens) for row in rows),
        num_trained=num_trained,
        pieces=tuple(_piece_records(rows, step_losses_T, step=step, shards=setup.shards))
        if parallel.world.is_main
        else (),
        is_overflow=is_overflow,
    )


def _piece_records(
    rows: Sequence[Row], losses_T: np.ndarray[tuple[int], np.dtype[np.float64]], *, step: int, shards: Shards
) -> list[PieceRecord]:
    records = []
    place = 0
    for number, row in enumerate(rows):
        start, digest = 0, row_digest(row)
        for piece in row.pieces:
            stop = start + piece.length
            loss = float(losses_T[place + start : place + stop].sum())
            document = shards.doc(piece.document)
            records.append(
                PieceRecord(
                    step=step,
                    row=number,
                    index=piece.document,
                    doc=document.doc,
                    key=document.key,
                    start=piece.start,
                    stop=piece.stop,
                    trained=int(np.count_nonzero(row.targets[start:stop] != IGNORED)),
                    loss=loss if math.isfinite(loss) else None,
                    source=document.source,
                    row_digest=digest,
                )
            )
            start = stop
        place += start
    return records
