"""The trained model as folders that plain `transformers` and `peft` load.

`model/` holds the whole network in float32 safetensors, adapters merged in: rounding an update of this size to bf16
would lose most of it. `adapter/` holds the adapters alone, in `peft`'s format. Both appear at once or not at all.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import cast

import torch
from torch import nn

from gristmill.errors import GristmillError
from gristmill.train.files import sync
from gristmill.train.quiet import without_old_names

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
    network: nn.Module, folder: Path, *, tokenizer: Path | None, merge_onto: Path | None = None
) -> list[Path]:
    """Write `model/` and, for a model with adapters, `adapter/`; return the folders written.

    The adapters of `network` are merged into it and gone afterwards.

    Parameters
    ----------
    merge_onto
        For a model with adapters: the folder it was loaded from, when `network` holds a rounded copy of those weights.
        The exported model is then the folder's own weights plus the adapters. None: merge into `network`.
    tokenizer
        A `tokenizer.json`, or a folder with tokenizer files, to put beside the weights; None for none.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-003`` when the tokenizer is not there.
    """
    written = []
    if hasattr(network, "merge_and_unload"):
        written.append(_write(folder / "adapter", lambda path: _save_adapter(network, path)))
        if merge_onto is not None:
            network = _load_adapted(merge_onto, folder / "adapter")
        network = cast(nn.Module, network.merge_and_unload(progressbar=False))  # type: ignore[operator]

    def save(path: Path) -> None:
        network.save_pretrained(path)  # type: ignore[operator]
        if tokenizer is not None:
            copy_tokenizer(tokenizer, path)

    written.append(_write(folder / "model", save))
    return written


def _load_adapted(base: Path, adapter: Path) -> nn.Module:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    plain = AutoModelForCausalLM.from_pretrained(
        str(base), dtype=torch.float32, local_files_only=True, trust_remote_code=False, use_safetensors=True
    )
    with without_old_names():
        return cast(nn.Module, PeftModel.from_pretrained(plain, str(adapter)))


def _save_adapter(network: nn.Module, path: Path) -> None:
    # Without the flag, peft would look at the base model's origin to decide, and that may mean the network.
    network.save_pretrained(path, save_embedding_layers=False)  # type: ignore[operator]
    (path / "README.md").unlink(missing_ok=True)


def copy_tokenizer(tokenizer: Path, target: Path) -> None:
    """Copy a tokenizer's files into a model folder."""
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
