"""The network of a model, as `transformers` builds it: from a folder, a GGUF file, or a configuration.

Code in a model folder is never run, pickled weights are never opened, nothing is downloaded. Not here: heads, probes
and adapters.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from safetensors import SafetensorError
from torch import nn

from gristmill.errors import GristmillError
from gristmill.train import packed_attention
from gristmill.train.model_source import ModelSource

if TYPE_CHECKING:
    from transformers import PretrainedConfig

AUTO_CLASS = "AutoModelForCausalLM"
_UNUSABLE = (OSError, ValueError, KeyError, RuntimeError, NotImplementedError, struct.error, SafetensorError)
"""What the readers of model files raise; `struct.error` comes from a GGUF file that is cut short."""


def load_network(
    source: ModelSource | Mapping[str, object],
    *,
    dtype: torch.dtype,
    auto_class: str = AUTO_CLASS,
    attention: str = packed_attention.NAME,
    changes: Mapping[str, object] | None = None,
    may_be_new: Sequence[str] = (),
) -> nn.Module:
    """Return a network on the CPU, without the adapter that `source` may name.

    Time: one pass over the weights. Memory: the weights in `dtype`; of a GGUF file once more in float32 meanwhile.

    Parameters
    ----------
    source
        Files, or a configuration for random weights out of torch's generator.
    dtype
        Of its weights.
    auto_class
        The class of `transformers` that decides the head, such as ``AutoModelForSequenceClassification``.
    attention
        Name of the attention function; ``eager`` for the plain one.
    changes
        Values set in the configuration first, such as the number of labels.
    may_be_new
        Beginnings of parameter names that need not be in the files, such as a new head's.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-003`` for a folder whose weights are not whole, ``GM-TRAIN-022`` for such a GGUF file,
        ``GM-TRAIN-004`` for a configuration that nothing can be made of.

    Examples
    --------
    >>> sizes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    >>> network = load_network({"model_type": "llama", "vocab_size": 16} | sizes, dtype=torch.float32)
    >>> type(network).__name__
    'LlamaForCausalLM'
    """
    packed_attention.register()
    if isinstance(source, Mapping):
        return _from_config({**source, **(changes or {})}, auto_class, attention).to(dtype)
    network = _from_files(source, dtype, auto_class, attention, dict(changes or {}), tuple(may_be_new))
    return network.to(dtype)


def _auto(name: str) -> Any:
    import transformers

    return getattr(transformers, name)


def _from_files(
    source: ModelSource,
    dtype: torch.dtype,
    auto_class: str,
    attention: str,
    changes: dict[str, object],
    may_be_new: tuple[str, ...],
) -> nn.Module:
    code = "GM-TRAIN-022" if source.is_gguf else "GM-TRAIN-003"
    try:
        loaded: object = _auto(auto_class).from_pretrained(
            str(source.folder),
            dtype=dtype,
            attn_implementation=attention,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
            **(_gguf_options(source.weights) if source.is_gguf else {}),
            **changes,
        )
    except _UNUSABLE as error:
        raise GristmillError(code, f"the model in `{source.weights}` cannot be loaded: {error}") from error
    network, found = cast("tuple[nn.Module, Mapping[str, Iterable[object]]]", loaded)
    if source.is_gguf:
        _remove_marks(network)
    absent = sorted(
        name
        for kind in ("missing_keys", "mismatched_keys")
        for name in map(str, found[kind])
        if not (may_be_new and name.startswith(may_be_new))
    )
    if absent:
        # The library would fill them with random numbers and go on.
        raise GristmillError(
            code,
            f"the weights in `{source.weights}` do not fit its configuration",
            context=(f"missing or of another shape: {', '.join(absent[:10])}",),
        )
    return network


def _gguf_options(file: Path) -> dict[str, object]:
    from transformers import GgufConfig

    # Plain matrices, even where a package is installed whose kernels would compute on the file's blocks.
    return {"gguf_file": file.name, "quantization_config": GgufConfig(dequantize=True)}


def _remove_marks(network: nn.Module) -> None:
    """Make a dequantised network an ordinary one, which can be trained and saved."""
    config = cast(Any, network).config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    config._is_quantized = False  # noqa: SLF001
    for name, plain in (("hf_quantizer", None), ("is_quantized", False), ("quantization_method", None)):
        if hasattr(network, name):
            setattr(network, name, plain)


def network_from_config(config: PretrainedConfig, auto_class: str = AUTO_CLASS) -> nn.Module:
    """Return a network with random weights, on the default device and in the default dtype.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-004`` when the library refuses the configuration.
    """
    try:
        return cast(
            nn.Module, _auto(auto_class).from_config(config, attn_implementation=packed_attention.NAME)
        )
    except (KeyError, ValueError, TypeError, ArithmeticError, RuntimeError) as error:
        raise GristmillError("GM-TRAIN-004", f"no model can be made of it: {error}") from error


def _from_config(config: dict[str, object], auto_class: str, attention: str) -> nn.Module:
    from transformers import AutoConfig

    values = dict(config)
    try:
        kind = str(values.pop("model_type"))
        made = AutoConfig.for_model(kind, **values)
        return cast(nn.Module, _auto(auto_class).from_config(made, attn_implementation=attention))
    except (KeyError, ValueError, TypeError, ArithmeticError, RuntimeError) as error:
        raise GristmillError("GM-TRAIN-004", f"no model can be made of `{config}`: {error}") from error
