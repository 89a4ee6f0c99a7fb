"""Attention within documents only, for several documents in one sequence, as one `transformers` attention function.

Registered under a name that `transformers` has no mask for, so models pass no mask and hand us the document bounds
(`cu_seq_lens_q`). A batch has one sequence; rows are laid end to end. What would let documents see each other (a mask,
a batch of several rows, missing bounds) raises instead. On a GPU with bf16, torch's own variable-length kernel does
the work; elsewhere each document gets its own exact attention call.

Shapes: [1, A, T, D]: A heads, T tokens, D head size; K key heads.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from gristmill.errors import GristmillError

NAME = "gristmill_packed"
NOT_COMPUTED = ("s_aux", "position_bias", "attention_bias", "head_mask", "block_mask")
"""What some models pass to their attention function and this one does not compute."""


def register() -> str:
    """Make the function known to `transformers` and return the name it is known by. A second call changes nothing.

    Examples
    --------
    >>> register()
    'gristmill_packed'
    """
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, packed_attention)
    return NAME


def guard(backbone: nn.Module) -> None:
    """Refuse, at every later call of a backbone with this attention, what would let documents see each other.

    `transformers` makes masks, caches and positions above the attention function, which therefore cannot see that it
    was given none, or the wrong ones. A second call changes nothing.

    Examples
    --------
    >>> backbone = nn.Module()
    >>> guard(backbone)
    >>> len(backbone._forward_pre_hooks)
    1
    """
    if _refuse_traps not in backbone._forward_pre_hooks.values():  # noqa: SLF001
        backbone.register_forward_pre_hook(_refuse_traps, with_kwargs=True)


def _refuse_traps(backbone: nn.Module, positional: tuple[object, ...], given: Mapping[str, object]) -> None:
    if getattr(backbone.config, "_attn_implementation", None) != NAME:
        return
    inputs = given.get("input_ids") if given.get("input_ids") is not None else given.get("inputs_embeds")
    problem = None
    if positional:
        problem = "inputs are passed by position"
    elif given.get("attention_mask") is not None:
        # Even one of all ones: with other attention functions it turns packing off, silently.
        problem = "an attention mask is passed"
    elif given.get("use_cache") is not False or given.get("past_key_values") is not None:
        problem = "a cache is asked for"
    elif given.get("cu_seq_lens_q") is None:
        problem = "no document bounds are passed"
    elif given.get("position_ids") is None:
        problem = "no positions are passed, so they would not start anew at each document"
    elif not isinstance(inputs, Tensor) or inputs.shape[0] != 1:
        problem = "not exactly one sequence is passed"
    if problem:
        raise GristmillError("GM-TRAIN-010", f"`{type(backbone).__name__}`: {problem}")


def packed_attention(  # noqa: PLR0913 - the signature is that of `transformers`
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    softcap: float | None = None,
    cu_seq_lens_q: Tensor | None = None,
    max_length_q: int | None = None,
    is_causal: bool | None = None,
    **others: object,
) -> tuple[Tensor, None]:
    """Return causal attention within each document, [1, T, A, D], and None for the weights.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-010`` when documents could see each other, or the model wants what this function does not compute.

    Examples
    --------
    >>> states = torch.randn(1, 2, 5, 4)
    >>> bounds = torch.tensor([0, 2, 5], dtype=torch.int32)
    >>> output, _ = packed_attention(nn.Module(), states, states, states, None, cu_seq_lens_q=bounds)
    >>> torch.equal(output[0, 2], states[0, :, 2])  # the first token of a document sees only itself
    True
    """
    wanted = [name for name in NOT_COMPUTED if others.get(name) is not None]
    if wanted or is_causal is False:
        problem = f"it passes {', '.join(f'`{name}`' for name in wanted)}" if wanted else "it is not causal"
        raise GristmillError("GM-TRAIN-010", f"`{type(module).__name__}`: {problem}")
    _check(module, query, key, attention_mask, cu_seq_lens_q)
    assert cu_seq_lens_q is not None
    if query.is_cuda and softcap is None and dropout == 0.0:
        found = _varlen(query, key, value, cu_seq_lens_q, max_length_q, scaling, sliding_window)
        if found is not None:
            return found, None
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    bounds = cu_seq_lens_q.tolist()
    if bounds != sorted(set(bounds)) or bounds[0] != 0 or bounds[-1] != query.shape[2]:
        raise GristmillError(
            "GM-TRAIN-010",
            f"`{type(module).__name__}`: the bounds {bounds} do not cut {query.shape[2]} tokens into documents",
        )
    parts = [
        _attend(
            query[:, :, start:stop],
            key[:, :, start:stop],
            value[:, :, start:stop],
            scaling=scaling,
            dropout=dropout,
            sliding_window=sliding_window,
            softcap=softcap,
        )
        for start, stop in pairwise(bounds)
    ]
    return torch.cat(parts, dim=2).transpose(1, 2), None


def _check(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    attention_mask: Tensor | None,
    cu_seq_lens_q: Tensor | None,
) -> None:
    problem = None
    if attention_mask is not None:
        problem = "an attention mask is passed"
    elif cu_seq_lens_q is None:
        problem = "no document bounds are passed"
    elif query.shape[0] != 1:
        problem = f"a batch of {query.shape[0]} sequences is passed"
    elif key.shape[2] != query.shape[2]:
        problem = "keys from a cache are passed"
    elif not getattr(module, "is_causal", True):
        problem = "the layer is not causal"
    if problem:
        raise GristmillError("GM-TRAIN-010", f"`{type(module).__name__}`: {problem}")


def _attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    scaling: float | None,
    dropout: float,
    sliding_window: int | None,
    softcap: float | None,
) -> Tensor:
    """Return the attention of one document, [1, A, T, D]."""
    length = query.shape[2]
    is_cut = sliding_window is not None and sliding_window < length
    if not is_cut and softcap is None:
        return functional.scaled_dot_product_attention(
            query, key, value, is_causal=True, scale=scaling, dropout_p=dropout
        )
    places = torch.arange(length, device=query.device)
    distance = places[:, None] - places[None, :]
    visible = distance >= 0
    if sliding_window is not None:
        visible = visible & (distance < sliding_window)
    if softcap is None:
        return functional.scaled_dot_product_attention(
            query, key, value, attn_mask=visible, scale=scaling, dropout_p=dropout
        )
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    scores = softcap * torch.tanh(query @ key.transpose(2, 3) * scale / softcap)
    scores = scores.masked_fill(~visible, float("-inf"))
    weights = torch.softmax(scores, dim=-1, dtype=torch.float32).to(query.dtype)
    return functional.dropout(weights, p=dropout, training=dropout > 0) @ value


def _varlen(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bounds: Tensor,
    max_length: int | None,
    scaling: float | None,
    sliding_window: int | None,
) -> Tensor | None:
    """Return the same from torch's variable-length kernel; None where it does not apply (dtype, older torch)."""
    dtype = torch.get_autocast_dtype("cuda") if torch.is_autocast_enabled("cuda") else query.dtype
    if dtype not in (torch.bfloat16, torch.float16) or max_length is None:
        return None
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:
        return None
    found = varlen_attn(
        query[0].transpose(0, 1).to(dtype).contiguous(),
        key[0].transpose(0, 1).to(dtype).contiguous(),
        value[0].transpose(0, 1).to(dtype).contiguous(),
        bounds,
        bounds,
        max_length,
        max_length,
        scale=scaling,
        window_size=(-1 if sliding_window is None else sliding_window - 1, 0),
        enable_gqa=True,
    )
    assert isinstance(found, Tensor), "no auxiliary output was asked for"
    return found[None].to(query.dtype)
