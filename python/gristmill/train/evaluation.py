"""The loss on the validation split, whole and by source: a mean over tokens, not over rows or batches.

Bits per byte is the loss without the tokenizer in it: the nats of all predicted tokens that stand for text, divided by
ln 2 and by the bytes of that text. Special tokens (end of text, chat marks) count in neither, nor does the first token
of a document, which nothing predicts.

Shapes: T places of a micro-batch, S sources.
"""

# ruff: noqa: N803, N806 - the suffixes of tensors are their shapes

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch

from gristmill.loader import IGNORED, Loader
from gristmill.shards import Shards
from gristmill.train.batches import collate
from gristmill.train.distributed.parallel import Parallel, as_parallel
from gristmill.train.distributed.share import Share
from gristmill.train.models import CausalModel


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """What a pass over the validation split, or over one source's part of it, found.

    Parameters
    ----------
    loss
        Mean negative log-likelihood, in nats a trained token; None when it is not finite.
    num_tokens
        Tokens it is the mean of.
    bits_per_byte
        None where the bytes of tokens are not known, or the loss is not finite.
    sources
        The same by source, for those with a trained token.
    """

    loss: float | None
    num_tokens: int
    bits_per_byte: float | None = None
    sources: Mapping[str, Evaluation] = field(default_factory=dict)

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

    def to_json(self) -> dict[str, object]:
        """Return the values of a line in `metrics.jsonl`.

        Examples
        --------
        >>> Evaluation(loss=0.0, num_tokens=3).to_json()
        {'validation_loss': 0.0, 'perplexity': 1.0, 'validation_tokens': 3}
        """
        found: dict[str, object] = {
            "validation_loss": self.loss,
            "perplexity": self.perplexity,
            "validation_tokens": self.num_tokens,
        }
        if self.bits_per_byte is not None:
            found["bits_per_byte"] = self.bits_per_byte
        if self.sources:
            found["sources"] = {name: part.to_json() for name, part in self.sources.items()}
        return found


def evaluate_loss(
    causal: CausalModel | Parallel,
    shards: Shards,
    *,
    sequence_length: int,
    rows_each: int,
    device: torch.device,
    token_bytes: npt.NDArray[np.int64] | None = None,
) -> Evaluation | None:
    """Return the mean loss over every trained token of a split; None when it has none.

    Documents come in shard order and are packed as in training, so each is seen once, without dropout. Sums are
    float64. Ranks share the rows, and all get the sums. Time: one forward pass over the split.

    Parameters
    ----------
    token_bytes
        Bytes of each id, see `bytes_of_tokens`; None: bits per byte are not known.
    """
    if shards.num_tokens == 0:
        return None
    parallel = as_parallel(causal)
    batch_rows = rows_each * parallel.world.size
    loader = Loader(shards, sequence_length=sequence_length, batch_rows=batch_rows, seed=0, is_shuffled=False)
    sums = _Sums(len(shards.sources), token_bytes)
    was_training = parallel.model.training
    parallel.model.eval()
    with torch.no_grad():
        while (batch := loader.next_batch()) is not None:
            assert batch.targets is not None, "the loader makes them unless told otherwise"
            share = Share(rows=batch.rows(), rows_each=rows_each, world=parallel.world)
            losses = [parallel.losses(collate(part.rows, device))[1] for part in share.parts()]
            losses_T = share.assemble(losses)
            sources_T = np.repeat(batch.sources, np.diff(batch.bounds))
            sums.add(losses_T, batch.targets.astype(np.int64, copy=False), sources_T)
    parallel.model.train(was_training)
    if not sums.tokens_S.sum():
        return None
    parts = {
        name: sums.evaluation(slice(number, number + 1))
        for number, name in enumerate(shards.sources)
        if sums.tokens_S[number]
    }
    return sums.evaluation(slice(None), sources=parts)


class _Sums:
    """Nats, tokens, and nats and bytes of tokens that stand for text, by source: float64 [S]."""

    def __init__(self, num_sources: int, token_bytes: npt.NDArray[np.int64] | None) -> None:
        self._token_bytes = token_bytes
        self.nats_S, self.tokens_S, self.text_nats_S, self.text_bytes_S = (
            np.zeros(num_sources) for _ in range(4)
        )

    def add(
        self,
        losses_T: npt.NDArray[np.float64],
        targets_T: npt.NDArray[np.int64],
        sources_T: npt.NDArray[np.int64],
    ) -> None:
        """Add the places of a batch."""
        num_sources = len(self.nats_S)
        is_trained = targets_T != IGNORED
        losses, targets, sources = losses_T[is_trained], targets_T[is_trained], sources_T[is_trained]
        self.nats_S += np.bincount(sources, losses, num_sources)
        self.tokens_S += np.bincount(sources, minlength=num_sources)
        if self._token_bytes is None:
            return
        table = self._token_bytes
        sizes = np.where(targets < len(table), table[np.minimum(targets, len(table) - 1)], 0)
        self.text_nats_S += np.bincount(sources, losses * (sizes > 0), num_sources)
        self.text_bytes_S += np.bincount(sources, sizes.astype(np.float64), num_sources)

    def evaluation(self, part: slice, sources: Mapping[str, Evaluation] | None = None) -> Evaluation:
        """Return the means over some of the sources."""
        nats, tokens = float(self.nats_S[part].sum()), int(self.tokens_S[part].sum())
        text_nats, text_bytes = float(self.text_nats_S[part].sum()), float(self.text_bytes_S[part].sum())
        is_known = text_bytes > 0 and math.isfinite(text_nats)
        return Evaluation(
            loss=nats / tokens if math.isfinite(nats) else None,
            num_tokens=tokens,
            bits_per_byte=text_nats / (math.log(2) * text_bytes) if is_known else None,
            sources=sources or {},
        )
