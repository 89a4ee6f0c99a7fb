"""The network as the loop uses it: cut into backbone and head, guarded, and proven on a probe before training starts.

Shapes: T tokens, H hidden size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from gristmill.errors import GristmillError
from gristmill.train.adapter_folder import load_adapter
from gristmill.train.also_train import find_modules
from gristmill.train.batches import MicroBatch
from gristmill.train.kernels import token_cross_entropy
from gristmill.train.loading import load_network
from gristmill.train.merging import merge_adapters
from gristmill.train.model_source import ModelSource, find_source
from gristmill.train.nf4 import quantise_layers
from gristmill.train.packed_attention import guard
from gristmill.train.probe import prove


@dataclass(frozen=True, kw_only=True, slots=True)
class CausalModel:
    """A causal language model whose head is applied by our own loss.

    Parameters
    ----------
    model
        The `transformers` model, or `peft`'s wrapper around it.
    backbone
        Its part below the head.
    head
        The output projection.
    scale, softcap
        What the family does to its logits.
    compute_dtype
        dtype of matrix products.
    """

    model: nn.Module
    backbone: nn.Module
    head: nn.Linear
    scale: float
    softcap: float | None
    compute_dtype: torch.dtype

    def losses(self, batch: MicroBatch) -> tuple[Tensor, Tensor]:
        """Return the summed loss of a micro-batch, with gradient, and the loss of each place, [T], without."""
        with self.arithmetic(batch.tokens_T.device):
            return token_cross_entropy(
                self.hidden(batch),
                self.head.weight,
                batch.targets_T,
                bias_V=self.head.bias,
                scale=self.scale,
                softcap=self.softcap,
            )

    def hidden(self, batch: MicroBatch) -> Tensor:
        """Return what the backbone makes of each place, [T, H], in `compute_dtype`."""
        with self.arithmetic(batch.tokens_T.device):
            output = self.backbone(
                input_ids=batch.tokens_T[None],
                position_ids=batch.positions_T[None],
                attention_mask=None,
                use_cache=False,
                cu_seq_lens_q=batch.bounds,
                cu_seq_lens_k=batch.bounds,
                max_length_q=batch.max_length,
                max_length_k=batch.max_length,
            )
            return cast(Tensor, output.last_hidden_state)[0].to(self.compute_dtype)

    def arithmetic(self, device: torch.device) -> torch.autocast:
        """Return the context in which matrix products are computed in `compute_dtype`."""
        return autocast(device.type, self.compute_dtype)

    def trainable(self) -> dict[str, nn.Parameter]:
        """Return the parameters that are trained, by name, in the model's order."""
        return {name: value for name, value in self.model.named_parameters() if value.requires_grad}


def autocast(device_type: str, compute_dtype: torch.dtype) -> torch.autocast:
    """Return the context in which matrix products are of this dtype; float32 and float64 need none.

    Examples
    --------
    >>> with autocast("cpu", torch.bfloat16):
    ...     (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
    torch.bfloat16
    """
    is_half = compute_dtype in (torch.bfloat16, torch.float16)
    return torch.autocast(device_type, compute_dtype if is_half else torch.bfloat16, enabled=is_half)


def resolve_precision(precision: str, device: torch.device) -> torch.dtype:
    """Return the dtype of matrix products.

    ``auto`` is bf16 on a GPU that computes in it, fp16 on one that does not, and float32 on a CPU.

    Examples
    --------
    >>> resolve_precision("auto", torch.device("cpu")), resolve_precision("bf16", torch.device("cpu"))
    (torch.float32, torch.bfloat16)
    """
    if precision == "auto":
        if device.type != "cuda":
            return torch.float32
        has_bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if has_bf16 else torch.float16
    return {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}[precision]


def load_model(
    model: str | Path | ModelSource | Mapping[str, object],
    *,
    device: torch.device,
    compute_dtype: torch.dtype,
    is_frozen: bool,
    seed: int,
    is_quantised: bool = False,
    keep: Sequence[str] = (),
) -> CausalModel:
    """Return a model ready to train, after its probe.

    An adapter that `model` names is merged in when the weights are to be trained, and left out when they are frozen.

    Parameters
    ----------
    model
        A folder or file as in `find_source`, or a configuration for random weights (which `seed` decides).
    is_frozen
        Whether its own weights stay as they are; then they are stored in `compute_dtype`, else in float32.
    is_quantised
        Whether its linear layers are kept in four bits, but for the head and `keep`, which `also_train` names.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-003`` for a folder that cannot be used, ``GM-TRAIN-022`` for such a GGUF file, ``GM-TRAIN-004`` for
        a configuration that cannot, ``GM-TRAIN-011`` for an architecture whose probe fails.
    """
    dtype = compute_dtype if is_frozen else torch.float32
    torch.manual_seed(seed)
    source = find_source(model) if isinstance(model, (str, Path)) else model
    network = load_network(source, dtype=dtype)
    if not is_frozen and isinstance(source, ModelSource) and source.adapter is not None:
        network, _ = merge_adapters(load_adapter(network, source.adapter, is_trainable=False))
        network.requires_grad_(True)  # the one fact that the method takes
    if is_quantised:
        kept = [network.get_submodule(name) for name in find_modules(network, keep)]
        quantise_layers(network, dtype=dtype, device=device, keep=kept)
    causal = split_head(network.to(device), compute_dtype)
    prove(causal, device)
    return causal


def split_head(network: nn.Module, compute_dtype: torch.dtype) -> CausalModel:
    """Return the model with its backbone and head found.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-011`` when there is no plain linear head.
    """
    base = cast(nn.Module, network.get_base_model()) if hasattr(network, "get_base_model") else network  # type: ignore[operator]
    head = trained_copy(base.get_output_embeddings())  # type: ignore[operator]
    backbone = getattr(base, str(getattr(base, "base_model_prefix", "")), getattr(base, "model", None))
    if type(head) is not nn.Linear or not isinstance(backbone, nn.Module):
        raise GristmillError(
            "GM-TRAIN-011",
            f"`{type(base).__name__}` has no plain linear head on a backbone",
            hint="leave the output layer out of `lora.targets`, or use another architecture",
        )
    guard(backbone)
    config = base.config
    return CausalModel(
        model=network,
        backbone=backbone,
        head=head,
        scale=float(getattr(config, "logit_scale", None) or 1.0)
        / float(getattr(config, "logits_scaling", None) or 1.0),
        softcap=getattr(config, "final_logit_softcapping", None),
        compute_dtype=compute_dtype,
    )


def trained_copy(head: nn.Module | None) -> nn.Module | None:
    """Return the copy of a head that is trained beside adapters, where `peft` keeps one; else the head."""
    copies = getattr(head, "modules_to_save", None)
    return next(iter(copies.values()), head) if isinstance(copies, nn.ModuleDict) else head


def vocabulary_size(causal: CausalModel) -> int:
    """Return how many ids the model knows."""
    embeddings = cast(Any, causal.backbone).get_input_embeddings()
    return int(embeddings.weight.shape[0])


def max_positions(causal: CausalModel) -> int | None:
    """Return the longest sequence the model was made for, where its configuration says so."""
    found = getattr(causal.backbone.config, "max_position_embeddings", None)
    return found if isinstance(found, int) else None


def shared_position_limit(causal: CausalModel) -> int | None:
    """Return how long a document may be before it changes the positions of those beside it; None for any length.

    "LongRoPE" (Ding et al. 2024) chooses its frequencies by the longest document of a forward pass, so a long one
    would change the losses of short ones in the same row.
    """
    found = getattr(causal.backbone.config, "rope_parameters", None)
    tables = [found, *found.values()] if isinstance(found, dict) else []
    limits = [
        table.get("original_max_position_embeddings")
        for table in tables
        if isinstance(table, dict) and table.get("rope_type") == "longrope"
    ]
    return min((limit for limit in limits if isinstance(limit, int)), default=None)
