"""The trained model as folders that plain `transformers` and `peft` load.

`model/` holds the whole network in float32 safetensors, adapters merged in: rounding an update of this size to bf16
would lose most of it, and `merge.json` says how much. `adapter/` holds the adapters alone, in `peft`'s format. Each has
a model card and `lineage.json`. Both folders appear at once or not at all.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from torch import nn

from gristmill.errors import GristmillError
from gristmill.train.adapter_folder import ADAPTER, load_adapter
from gristmill.train.files import sync, write_json
from gristmill.train.merging import merge_adapters, summary
from gristmill.train.model_card import render_card

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
)


def export_model(
    network: nn.Module,
    folder: Path,
    *,
    tokenizer: Path | None,
    plain_base: Callable[[], nn.Module] | None = None,
    base_name: str | None = None,
    lineage: Mapping[str, object] | None = None,
) -> list[Path]:
    """Write `model/` and, for a model with adapters, `adapter/`; return the folders written.

    The adapters of `network` are merged into it and gone afterwards, unless `plain_base` is given.

    Parameters
    ----------
    tokenizer
        A `tokenizer.json`, a folder with tokenizer files or a GGUF file, to put beside the weights; None for none.
    plain_base
        For a model with adapters: makes its base anew from the original weights in float32, when `network` holds
        rounded or quantised ones. The exported model is then those plus the adapters. None: merge into `network`.
    base_name
        What the adapter says its base is; None: what `peft` says.
    lineage
        What `lineage.json` and the card say, see `model_card`; None for neither.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-003`` when the tokenizer is not there.
    """
    written = []
    lineage = None if lineage is None else dict(lineage)
    merge: dict[str, object] | None = None
    if hasattr(network, "merge_and_unload"):

        def save_adapter(path: Path) -> None:
            _save_adapter(network, path, base_name)
            _save_lineage(path, lineage, library="peft")

        written.append(_write(folder / "adapter", save_adapter))
        if plain_base is not None:
            network = load_adapter(plain_base(), folder / "adapter", is_trainable=False)
        network, rounding = merge_adapters(network)
        merge = summary(rounding)
        if lineage is not None:
            lineage["merge"] = {name: value for name, value in merge.items() if name != "tensors"}

    def save(path: Path) -> None:
        network.save_pretrained(path)  # type: ignore[operator]
        if tokenizer is not None:
            copy_tokenizer(tokenizer, path)
        if merge is not None:
            write_json(path / "merge.json", merge)
        _save_lineage(path, lineage, library="transformers")

    written.append(_write(folder / "model", save))
    return written


def _save_adapter(network: nn.Module, path: Path, base_name: str | None) -> None:
    if base_name is not None:
        cast(Any, network).peft_config[ADAPTER].base_model_name_or_path = base_name
    # Without the flag, peft would look at the base model's origin to decide, and that may mean the network.
    network.save_pretrained(path, save_embedding_layers=False)  # type: ignore[operator]
    (path / "README.md").unlink(missing_ok=True)


def _save_lineage(path: Path, lineage: Mapping[str, object] | None, *, library: str) -> None:
    if lineage is not None:
        write_json(path / "lineage.json", lineage)
        (path / "README.md").write_text(render_card(lineage, library=library), encoding="utf-8")


def copy_tokenizer(tokenizer: Path, target: Path) -> None:
    """Copy a tokenizer's files into a model folder; those of a GGUF file are made from what it says."""
    if tokenizer.suffix == ".gguf":
        from transformers import AutoTokenizer

        made = AutoTokenizer.from_pretrained(
            str(tokenizer.parent), gguf_file=tokenizer.name, local_files_only=True
        )
        made.save_pretrained(target)
        return
    folder = tokenizer if tokenizer.is_dir() else tokenizer.parent
    wanted = TOKENIZER_FILES if tokenizer.is_dir() else TOKENIZER_FILES[1:]
    found = [folder / name for name in wanted if (folder / name).is_file()]
    if not tokenizer.exists() or (tokenizer.is_dir() and not found):
        raise GristmillError("GM-TRAIN-003", f"`{tokenizer}` holds no tokenizer")
    if tokenizer.is_file():
        shutil.copyfile(tokenizer, target / "tokenizer.json")
    for file in found:
        shutil.copyfile(file, target / file.name)


def _write(final: Path, save: Callable[[Path], None]) -> Path:
    unfinished = final.with_name(f".{final.name}.tmp")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    save(unfinished)
    for file in unfinished.iterdir():
        sync(file)
    shutil.rmtree(final, ignore_errors=True)
    unfinished.replace(final)
    sync(final.parent)
    return final
