"""Modules that are trained in full beside adapters (`lora.also_train`): embeddings, head, norms."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from gristmill.errors import GristmillError


def find_modules(network: nn.Module, names: Sequence[str]) -> list[str]:
    """Return the full names of the modules whose names end in one of `names`, part by part.

    ``norm`` is the last norm of the network and no other one that ends in these letters. Where input and output
    embeddings are one matrix, either name means the embeddings, and both stay one matrix.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-020`` for a name that fits nothing, or something with parts of its own.

    Examples
    --------
    >>> network = nn.Sequential()
    >>> network.add_module("norm", nn.LayerNorm(2))
    >>> network.add_module("input_norm", nn.LayerNorm(2))
    >>> find_modules(network, ["norm"])
    ['norm']
    """
    found: list[str] = []
    modules = dict(network.named_modules())
    for wanted in names:
        fitting = [name for name in modules if f".{name}".endswith(f".{wanted}")]
        if not fitting:
            raise GristmillError(
                "GM-TRAIN-020",
                f"`lora.also_train` names `{wanted}`, which fits no part of `{type(network).__name__}`",
                hint='write names such as `"embed_tokens"`, `"lm_head"` or `"norm"`',
            )
        for name in fitting:
            parameters = list(modules[name].parameters(recurse=False))
            if next(modules[name].children(), None) is not None or not parameters:
                raise GristmillError(
                    "GM-TRAIN-020",
                    f"`lora.also_train` names `{wanted}`, and `{name}` is no single layer with weights",
                    hint="name the layers inside it that are to be trained in full",
                )
        found += fitting
    return sorted({_embeddings_name(network, modules, name) for name in found})


def is_tied(network: nn.Module, names: Sequence[str]) -> bool:
    """Return whether one of these modules is an embedding that the head shares."""
    modules = dict(network.named_modules())
    shared = _shared_embedding(network)
    return shared is not None and any(modules[name] is shared for name in names)


def _embeddings_name(network: nn.Module, modules: dict[str, nn.Module], name: str) -> str:
    shared = _shared_embedding(network)
    if shared is None or getattr(modules[name], "weight", None) is not shared.weight:
        return name
    return next(key for key, module in modules.items() if module is shared)


def _shared_embedding(network: nn.Module) -> nn.Module | None:
    """Return the input embeddings when the head's matrix is theirs."""
    embeddings = getattr(network, "get_input_embeddings", lambda: None)()
    head = getattr(network, "get_output_embeddings", lambda: None)()
    if isinstance(embeddings, nn.Module) and isinstance(head, nn.Module) and head.weight is embeddings.weight:
        return embeddings
    return None
