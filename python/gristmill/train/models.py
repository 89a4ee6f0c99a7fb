"""The network: loaded from a folder or made from a configuration, cut into backbone and head, and proven on a probe.

Only safetensors and built-in architectures are loaded; code in a model folder is never run. Before training starts,
a probe compares packed losses with those of the plain model on separate documents, so an architecture that mixes
packed documents, or treats its logits in a way we do not know, is refused rather than trained wrongly.

Shapes: T tokens, H hidden size, V vocabulary.
"""

# ruff: noqa: N806 - the suffixes of tensors are their shapes

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from gristmill.errors import GristmillError
from gristmill.loader import Piece
from gristmill.train import packed_attention
from gristmill.train.batches import MicroBatch
from gristmill.train.kernels import token_cross_entropy

if TYPE_CHECKING:
    from transformers import PretrainedConfig

PROBE_LENGTHS = (7, 12, 5)
PROBE_TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 5e-2}
"""Largest relative difference of losses: rounding of the order of summation, far below the 0.4 of mixed documents."""


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
        device_type = batch.tokens_T.device.type
        with torch.autocast(device_type, torch.bfloat16, enabled=self.compute_dtype == torch.bfloat16):
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
            hidden_TH = cast(Tensor, output.last_hidden_state)[0].to(self.compute_dtype)
            return token_cross_entropy(
                hidden_TH,
                self.head.weight,
                batch.targets_T,
                bias_V=self.head.bias,
                scale=self.scale,
                softcap=self.softcap,
            )

    def trainable(self) -> dict[str, nn.Parameter]:
        """Return the parameters that are trained, by name, in the model's order."""
        return {name: value for name, value in self.model.named_parameters() if value.requires_grad}


def resolve_precision(precision: str, device: torch.device) -> torch.dtype:
    """Return the dtype of matrix products: ``auto`` is bf16 on a GPU that computes in it, else float32.

    Examples
    --------
    >>> resolve_precision("auto", torch.device("cpu")), resolve_precision("bf16", torch.device("cpu"))
    (torch.float32, torch.bfloat16)
    """
    if precision == "auto":
        has_bf16 = device.type == "cuda" and torch.cuda.is_bf16_supported()
        return torch.bfloat16 if has_bf16 else torch.float32
    return torch.bfloat16 if precision == "bf16" else torch.float32


def load_model(
    model: str | Path | Mapping[str, object],
    *,
    device: torch.device,
    compute_dtype: torch.dtype,
    is_frozen: bool,
    seed: int,
) -> CausalModel:
    """Return a model ready to train, after its probe.

    Parameters
    ----------
    model
        A folder, or a configuration for random weights (which `seed` decides).
    is_frozen
        Whether its own weights stay as they are; then they are stored in `compute_dtype`, else in float32.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-003`` for a folder that cannot be used, ``GM-TRAIN-004`` for a configuration that cannot,
        ``GM-TRAIN-011`` for an architecture whose probe fails.
    """
    packed_attention.register()
    dtype = compute_dtype if is_frozen else torch.float32
    torch.manual_seed(seed)
    network = network_from_config(model) if isinstance(model, Mapping) else _from_folder(Path(model), dtype)
    network = network.to(device=device, dtype=dtype)
    causal = split_head(network, compute_dtype)
    prove(causal, device)
    return causal


def _from_folder(folder: Path, dtype: torch.dtype) -> nn.Module:
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    check_folder(folder)
    try:
        loaded: object = AutoModelForCausalLM.from_pretrained(
            str(folder),
            dtype=dtype,
            attn_implementation=packed_attention.NAME,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise GristmillError("GM-TRAIN-003", f"the model in `{folder}` cannot be loaded: {error}") from error
    network, found = cast("tuple[nn.Module, Mapping[str, Iterable[object]]]", loaded)
    absent = sorted(str(name) for kind in ("missing_keys", "mismatched_keys") for name in found[kind])
    if absent:
        # The library would fill them with random numbers and go on.
        raise GristmillError(
            "GM-TRAIN-003",
            f"the weights in `{folder}` do not fit its configuration",
            context=(f"missing or of another shape: {', '.join(absent[:10])}",),
        )
    return network


def check_folder(folder: Path) -> Mapping[str, object]:
    """Return the configuration of a model folder; raise ``GM-TRAIN-003`` unless it is a plain safetensors model.

    Examples
    --------
    >>> check_folder(Path("no/such/model"))
    Traceback (most recent call last):
    gristmill.errors.GristmillError: `no/such/model` is no model folder: it holds no `config.json`
    """
    try:
        config: object = json.loads((folder / "config.json").read_bytes())
    except FileNotFoundError as error:
        raise GristmillError(
            "GM-TRAIN-003",
            f"`{folder}` is no model folder: it holds no `config.json`",
            hint="set `model` in `[train]` to a folder that `save_pretrained` wrote",
        ) from error
    except ValueError as error:
        raise GristmillError("GM-TRAIN-003", f"`{folder}/config.json` is not JSON: {error}") from error
    if not isinstance(config, Mapping):
        raise GristmillError("GM-TRAIN-003", f"`{folder}/config.json` holds no object")
    if "auto_map" in config:
        raise GristmillError(
            "GM-TRAIN-003",
            f"the model in `{folder}` brings its own code, which is never run",
            hint="use an architecture that `transformers` has built in",
        )
    if not any(folder.glob("*.safetensors")):
        raise GristmillError("GM-TRAIN-003", f"`{folder}` holds no `*.safetensors` weights")
    return config


def network_from_config(config: Mapping[str, object] | PretrainedConfig) -> nn.Module:
    """Return a network with random weights, on the default device, from plain values or a read configuration.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-004`` when the library refuses the configuration.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        if isinstance(config, Mapping):
            values = dict(config)
            config = AutoConfig.for_model(str(values.pop("model_type")), **values)
        return cast(
            nn.Module,
            AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
                config, attn_implementation=packed_attention.NAME
            ),
        )
    except (KeyError, ValueError, TypeError, ArithmeticError, RuntimeError) as error:
        values = dict(config) if isinstance(config, Mapping) else config.to_dict()
        raise GristmillError("GM-TRAIN-004", f"no model can be made of `{values}`: {error}") from error


def split_head(network: nn.Module, compute_dtype: torch.dtype) -> CausalModel:
    """Return the model with its backbone and head found.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-011`` when there is no plain linear head.
    """
    base = cast(nn.Module, network.get_base_model()) if hasattr(network, "get_base_model") else network  # type: ignore[operator]
    head = base.get_output_embeddings()  # type: ignore[operator]
    backbone = getattr(base, str(getattr(base, "base_model_prefix", "")), None)
    if type(head) is not nn.Linear or not isinstance(backbone, nn.Module):
        raise GristmillError(
            "GM-TRAIN-011",
            f"`{type(base).__name__}` has no plain linear head on a backbone",
            hint="leave the output layer out of `lora.targets`, or use another architecture",
        )
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


def vocabulary_size(causal: CausalModel) -> int:
    """Return how many ids the model knows."""
    return int(causal.head.weight.shape[0])


def max_positions(causal: CausalModel) -> int | None:
    """Return the longest sequence the model was made for, where its configuration says so."""
    found = getattr(causal.backbone.config, "max_position_embeddings", None)
    return found if isinstance(found, int) else None


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
    batch = probe_batch(vocabulary_size(causal), device)
    network = causal.model
    was_training = network.training
    network.eval()
    try:
        with torch.no_grad():
            _, packed_T = causal.losses(batch)
            plain_T = torch.cat(_plain_losses(causal, batch))
    except (TypeError, ValueError, RuntimeError) as error:
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
    return difference


def _plain_losses(causal: CausalModel, batch: MicroBatch) -> list[Tensor]:
    """Return the losses of each document by itself, through the model's own head and its own eager attention."""
    # Layers read this attribute at each call, which makes it the one switch that leaves the model as it is.
    config = cast("PretrainedConfig", causal.backbone.config)
    config._attn_implementation = "eager"  # noqa: SLF001
    try:
        losses = []
        for piece, start in zip(batch.pieces, batch.bounds.tolist(), strict=False):
            ids = batch.tokens_T[start : start + piece.length]
            device_type = ids.device.type
            with torch.autocast(device_type, torch.bfloat16, enabled=causal.compute_dtype == torch.bfloat16):
                logits_TV = causal.model(input_ids=ids[None], use_cache=False).logits[0].float()
            loss = functional.cross_entropy(logits_TV[:-1], ids[1:], reduction="none")
            losses.append(torch.cat([loss, loss.new_zeros(1)]))
        return losses
    finally:
        config._attn_implementation = packed_attention.NAME  # noqa: SLF001
