"""Adapters merged into the weights they belong to, and what of the update would be lost in 16 bits.

A weight of 0.02 has steps of 0.00012 in bf16, and an update of an adapter is often smaller: rounding then gives the old
weight back. Nobody sees that in a loss, so it is measured for every merged matrix.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True, slots=True)
class Rounding:
    """What happens to an update when the weights before and after it are rounded to bf16.

    Parameters
    ----------
    num_weights
        Weights that the update changes in float32.
    num_unchanged
        Those among them that are the same before and after it in bf16.
    update_norm
        Frobenius norm of the update.
    error_norm
        Frobenius norm of the difference between the update and what is left of it in bf16.
    """

    num_weights: int
    num_unchanged: int
    update_norm: float
    error_norm: float

    @property
    def unchanged_share(self) -> float:
        """Share of the changed weights that bf16 would give back as they were, in [0, 1].

        Examples
        --------
        >>> Rounding(num_weights=4, num_unchanged=3, update_norm=1.0, error_norm=0.5).unchanged_share
        0.75
        """
        return self.num_unchanged / self.num_weights if self.num_weights else 0.0

    @property
    def relative_error(self) -> float:
        """error_norm / update_norm: 0 when bf16 keeps the whole update, about 1 when it loses it.

        Examples
        --------
        >>> Rounding(num_weights=4, num_unchanged=3, update_norm=1.0, error_norm=0.5).relative_error
        0.5
        """
        return self.error_norm / self.update_norm if self.update_norm else 0.0


def rounding_of(before: Tensor, after: Tensor) -> Rounding:
    """Compare the float32 weights before and after an update with their bf16 roundings.

    Examples
    --------
    >>> before = torch.full((10,), 0.02, dtype=torch.bfloat16).float()
    >>> rounding_of(before, before + 1e-5).unchanged_share, rounding_of(before, before * 2).relative_error
    (1.0, 0.0)
    """
    before, after = before.detach().float(), after.detach().float()
    rounded_before, rounded_after = before.bfloat16().float(), after.bfloat16().float()
    update = after - before
    is_changed = update != 0
    return Rounding(
        num_weights=int(is_changed.sum()),
        num_unchanged=int((is_changed & (rounded_before == rounded_after)).sum()),
        update_norm=float(torch.linalg.vector_norm(update, dtype=torch.float64)),
        error_norm=float(
            torch.linalg.vector_norm(rounded_after - rounded_before - update, dtype=torch.float64)
        ),
    )


def merge_adapters(network: nn.Module) -> tuple[nn.Module, dict[str, Rounding]]:
    """Merge the adapters of a network into it; return the plain network, and the rounding of every changed tensor.

    The network is changed. Memory: one matrix more than it has.
    """
    found = dict(_merged_layers(network))
    with warnings.catch_warnings():
        # Every layer is merged by now, one by one, and `peft` says so of each.
        warnings.filterwarnings("ignore", message="All adapters are already merged")
        plain = cast(nn.Module, cast(Any, network).merge_and_unload(progressbar=False))
    return plain, found


def _merged_layers(network: nn.Module) -> Iterator[tuple[str, Rounding]]:
    from peft.tuners.lora import LoraLayer
    from peft.utils import ModulesToSaveWrapper

    base = cast(Any, network).get_base_model()
    for name, module in base.named_modules():
        if isinstance(module, LoraLayer):
            weight = cast(Any, module).get_base_layer().weight
            before = weight.detach().clone()
            cast(Any, module).merge()
            yield f"{name}.weight", rounding_of(before, weight)
        elif isinstance(module, ModulesToSaveWrapper):
            trained = dict(next(iter(module.modules_to_save.values())).named_parameters())
            for part, value in module.original_module.named_parameters():
                yield f"{name}.{part}", rounding_of(value, trained[part])


def summary(found: dict[str, Rounding]) -> dict[str, object]:
    """Return what `merge.json` holds: the figures of all tensors together, and of each.

    Examples
    --------
    >>> parts = {"a": Rounding(num_weights=4, num_unchanged=1, update_norm=3.0, error_norm=4.0)}
    >>> summary(parts)["unchanged_share"], summary(parts)["update_norm"]
    (0.25, 3.0)
    """
    total = Rounding(
        num_weights=sum(part.num_weights for part in found.values()),
        num_unchanged=sum(part.num_unchanged for part in found.values()),
        update_norm=sum(part.update_norm**2 for part in found.values()) ** 0.5,
        error_norm=sum(part.error_norm**2 for part in found.values()) ** 0.5,
    )
    return {
        "dtype": "bfloat16",
        **_figures(total),
        "tensors": {name: _figures(part) for name, part in sorted(found.items())},
    }


def _figures(part: Rounding) -> dict[str, object]:
    return {
        **asdict(part),
        "unchanged_share": part.unchanged_share,
        "relative_error": part.relative_error,
    }
