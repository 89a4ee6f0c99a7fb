"""The loss on the validation split: a mean over tokens, not over rows or batches."""

# ruff: noqa: N806 - the suffixes of tensors are their shapes

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from gristmill.loader import Loader
from gristmill.shards import Shards
from gristmill.train.batches import collate
from gristmill.train.distributed.parallel import Parallel, as_parallel
from gristmill.train.distributed.share import Share
from gristmill.train.models import CausalModel


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """What a pass over the validation split found.

    Parameters
    ----------
    loss
        Mean negative log-likelihood, in nats a trained token; None when it is not finite.
    num_tokens
        Tokens it is the mean of.
    """

    loss: float | None
    num_tokens: int

    @property
    def perplexity(self) -> float | None:
        """exp(loss); None where there is no finite one.

        Examples
        --------
        >>> Evaluation(loss=0.0, num_tokens=3).perplexity, Evaluation(loss=1e9, num_tokens=3).perplexity
        (1.0, None)
        """
        try:
            return None if self.loss is None else math.exp(self.loss)
        except OverflowError:
            return None


def evaluate_loss(
    causal: CausalModel | Parallel,
    shards: Shards,
    *,
    sequence_length: int,
    rows_each: int,
    device: torch.device,
) -> Evaluation | None:
    """Return the mean loss over every trained token of a split; None when it has none.

    Documents come in shard order and are packed as in training, so each is seen once, without dropout. The sum is
    float64. Ranks share the rows, and all get the sum. Time: one forward pass over the split.
    """
    if shards.num_tokens == 0:
        return None
    loader = Loader(shards, sequence_length=sequence_length, seed=0, is_shuffled=False)
    parallel = as_parallel(causal)
    was_training = parallel.model.training
    parallel.model.eval()
    total, num_tokens = 0.0, 0
    with torch.no_grad():
        while rows := loader.take(rows_each * parallel.world.size):
            share = Share(rows=rows, rows_each=rows_each, world=parallel.world)
            losses = [parallel.losses(collate(part.rows, device))[1] for part in share.parts()]
            total += float(share.assemble(losses).sum())
            num_tokens += sum(row.num_trained for row in rows)
    parallel.model.train(was_training)
    if num_tokens == 0:
        return None
    return Evaluation(loss=total / num_tokens if math.isfinite(total) else None, num_tokens=num_tokens)
